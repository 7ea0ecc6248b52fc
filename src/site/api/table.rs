//! All verdicts as a table: a line for each entry and platform.

use jiff::Timestamp;

use crate::evidence::Verdict;
use crate::site::outside::cell;
use crate::site::{Rendered, Site};

const HEAD: [&str; 11] = [
    "entry",
    "image",
    "platform",
    "verdict",
    "standing",
    "rung",
    "since",
    "sinceOrigin",
    "observedAt",
    "digest",
    "reason",
];

pub(in crate::site) fn csv(site: &Site) -> Option<Rendered> {
    let catalogue = &site.catalogue;
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEAD).ok()?;
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    let names: Vec<_> = catalogue.columns.iter().map(|column| cell(&column.name)).collect();
    for entry in &catalogue.entries {
        let (slug, image) = (cell(&entry.slug), cell(&entry.image));
        let digest = cell(entry.digest.as_deref().unwrap_or_default());
        for (at, name) in names.iter().enumerate() {
            let (answer, mark) = (&entry.answers[at], entry.marks[at]);
            let since = entry.since(at).map(|since| &since.moment);
            let reason = match &answer.verdict {
                Verdict::Unknown(reason) => reason,
                Verdict::Yes | Verdict::No => "",
            };
            table
                .write_record([
                    &*slug,
                    &*image,
                    &**name,
                    mark.word(),
                    mark.standing.name(),
                    mark.rung.map_or("", |rung| rung.name()),
                    &time(since.map(|moment| moment.at)),
                    &cell(since.map_or("", |moment| &moment.origin)),
                    &time(answer.observed_at),
                    &digest,
                    &cell(reason),
                ])
                .ok()?;
        }
    }
    Some(Rendered { media_type: "text/csv; charset=utf-8", bytes: table.into_inner().ok()? })
}
