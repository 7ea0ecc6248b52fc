//! What Explore searches in: all entries, in a form that a script reads quickly.

use jiff::Timestamp;
use serde::Serialize;

use super::{Entry, Mark, Rendered, Route, Site, Standing};
use crate::content::Kind;
use crate::evidence::Rung;

/// The day from which days are counted: the history of the official images begins in 2013.
const DAY_ONE: i64 = 1_356_998_400;

/// The document. `static/explore.js` reads it; the order of what an entry has is known to both.
#[derive(Serialize)]
struct Index<'a> {
    /// The address of an entry, with `SLUG` where its name stands; the same of a logo.
    entry: String,
    logo: String,
    /// The platforms: name in addresses, short name.
    columns: Vec<(&'a str, &'a str)>,
    kinds: Vec<&'static str>,
    categories: Vec<&'a str>,
    entries: Vec<Row<'a>>,
}

/// What the script needs of an entry.
#[derive(Serialize)]
struct Row<'a>(
    /// Its name in addresses.
    &'a str,
    /// Its name; empty where it is the same.
    &'a str,
    /// Its description.
    &'a str,
    /// What else it is called, with spaces between.
    String,
    /// Its kind's place, where anybody wrote about it.
    Option<usize>,
    /// Its categories' places.
    Vec<usize>,
    /// Its logo; empty where it has none.
    &'a str,
    /// A letter for each platform; or, where there is nothing to tell by platform, why.
    String,
    /// For each platform that it has, in their order: since which day, three digits of base 36; `=` where that is the
    /// day of the one before, and nothing where all that follow have it too.
    String,
    /// The day on which anything about it changed, 0 where nothing did.
    i64,
);

pub(super) fn index(site: &Site) -> Option<Rendered> {
    let columns = site.catalogue.columns.iter().map(|column| (column.slug.as_str(), column.short.as_str()));
    let categories: Vec<&str> = site.content.categories.iter().map(|one| one.slug.as_str()).collect();
    let row = |entry| row(site, &categories, entry);
    let document = Index {
        entry: site.base.link(&Route::Entry("SLUG".into())),
        logo: site.base.link(&Route::Logo("SLUG".into())),
        columns: columns.collect(),
        kinds: Kind::ALL.into_iter().map(Kind::name).collect(),
        entries: site.catalogue.entries.iter().map(row).collect(),
        categories: categories.clone(),
    };
    let bytes = serde_json::to_vec(&document).ok()?;
    Some(Rendered { media_type: "application/json", bytes })
}

fn row<'a>(site: &'a Site, categories: &[&str], entry: &'a Entry) -> Row<'a> {
    let about = entry.about.as_ref();
    let kind = about.map(|about| about.kind);
    let place = |slug: &String| categories.iter().position(|one| one == slug);
    let logo = about.and_then(|about| about.logo.as_deref());
    let has = entry.answers.iter().zip(&entry.marks).filter(|(_, mark)| mark.standing == Standing::Has);
    let mut since = String::new();
    let mut last = None;
    for (answer, _) in has {
        let day = answer.since.as_ref().map_or(0, |since| days(since.moment.at));
        match last.replace(day) == Some(day) {
            true => since.push('='),
            false => since.extend(base36(day)),
        }
    }
    since.truncate(since.trim_end_matches('=').len());
    Row(
        &entry.slug,
        if entry.name == entry.slug { "" } else { &entry.name },
        about.map_or("", |about| &about.description),
        about.map(|about| about.aliases.join(" ")).unwrap_or_default(),
        Kind::ALL.iter().position(|one| Some(*one) == kind),
        about.iter().flat_map(|about| &about.categories).filter_map(place).collect(),
        logo.filter(|name| site.content.logos.contains_key(*name)).unwrap_or_default(),
        entry
            .unmarked()
            .map_or_else(|| entry.marks.iter().copied().map(letter).collect(), |why| format!("!{why}")),
        since,
        entry.changed_at(&site.catalogue).map_or(0, days),
    )
}

/// Standing and rung in one letter, from `a` on: five rungs (none first) of each standing.
fn letter(mark: Mark) -> char {
    let rung = match mark.rung {
        None => 0,
        Some(Rung::Declared) => 1,
        Some(Rung::Published) => 2,
        Some(Rung::Verified) => 3,
        Some(Rung::Ran) => 4,
    };
    char::from(b'a' + mark.standing as u8 * 5 + rung)
}

fn days(at: Timestamp) -> i64 {
    (at.as_second() - DAY_ONE).div_euclid(86_400).max(0)
}

/// Three digits: some 127 years.
fn base36(days: i64) -> [char; 3] {
    let digit = |value: i64| char::from_digit((value % 36) as u32, 36).unwrap_or('0');
    let days = days.min(36 * 36 * 36 - 1);
    [digit(days / 1296), digit(days / 36), digit(days)]
}
