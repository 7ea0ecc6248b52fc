//! How the site knows what it says.

use askama::Template;

use super::Frame;
use super::frame::day;
use crate::site::{Route, Site};
use crate::timeline::Source;

/// How many problems are listed.
const PROBLEMS: usize = 60;

/// Something that could not be read.
pub(super) struct Unread<'a> {
    link: String,
    name: &'a str,
    since: String,
    why: &'a str,
}

#[derive(Template)]
#[template(path = "method.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    declared: Option<&'a Source>,
    published: Option<&'a Source>,
    verified: Option<String>,
    problems: Vec<Unread<'a>>,
    more_problems: usize,
    without_evidence: usize,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description = "Where the data comes from, how old it is, and what each rung of the ladder of evidence proves and does not prove.";
    let frame = Frame::new(site, Route::Method, "Method", description);
    let catalogue = &site.catalogue;
    let unread = catalogue.entries.iter().filter_map(|entry| {
        let (since, why) = entry.problem.as_ref()?;
        let link = site.base.link(&Route::Entry(entry.slug.clone()));
        Some(Unread { link, name: &entry.name, since: day(since.at), why })
    });
    let mut problems: Vec<Unread<'_>> = unread.collect();
    let more_problems = problems.len().saturating_sub(PROBLEMS);
    problems.truncate(PROBLEMS);
    let is_silent = |entry: &&crate::site::Entry| {
        entry.is_there() && entry.marks.iter().all(|mark| mark.standing == crate::site::Standing::Unknown)
            || entry.presence == crate::catalog::check::Presence::Unknown
    };
    Page {
        declared: catalogue.declared.as_ref(),
        published: catalogue.published.as_ref(),
        verified: catalogue.verified_at.map(day),
        problems,
        more_problems,
        without_evidence: catalogue.entries.iter().filter(is_silent).count(),
        frame,
    }
}
