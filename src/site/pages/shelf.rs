//! Plain lists of entries: of a kind, of a category, of those that stand alike on a platform.

use askama::Template;

use super::Frame;
use super::table::Table;
use crate::content::Kind;
use crate::site::{Entry, FeedOf, Route, Site, Standing};

#[derive(Template)]
#[template(path = "shelf.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    heading: String,
    words: String,
    table: Table<'a>,
    caption: String,
    /// The lists beside this one: address, name, count, whether it is this one.
    beside: Vec<(String, String, usize, bool)>,
    /// What the list belongs to.
    up: (String, String),
}

fn titled(heading: &str, number: usize) -> String {
    if number == 1 { heading.to_owned() } else { format!("{heading}, page {number}") }
}

pub(super) fn kind(site: &Site, kind: Kind, number: usize) -> Option<Page<'_>> {
    let entries: Vec<&Entry> = site.of_kind(kind).collect();
    let heading = kind.plural().to_owned();
    let words = match kind {
        Kind::Software => "Programs, services and libraries, with a verdict for each platform.",
        Kind::Distribution => "Distributions of operating systems, with a verdict for each platform.",
        Kind::Language => "Programming languages and what runs them, with a verdict for each platform.",
    };
    let beside = Kind::ALL
        .into_iter()
        .map(|one| {
            let count = site.of_kind(one).count();
            (site.base.link(&Route::Kind(one, 1)), one.plural().to_owned(), count, one == kind)
        })
        .collect();
    let route = |number| Route::Kind(kind, number);
    let table = Table::new(site, entries.iter().copied(), entries.len(), number, &route)?;
    let frame = Frame::new(site, route(number), &titled(&heading, number), words);
    let up = (site.base.link(&Route::Explore(1)), "Explore".to_owned());
    Some(Page { frame, caption: heading.clone(), heading, words: words.to_owned(), table, beside, up })
}

pub(super) fn category<'a>(site: &'a Site, slug: &'a str, number: usize) -> Option<Page<'a>> {
    let category = site.content.category(slug)?;
    let entries: Vec<&Entry> = site.of_category(slug).collect();
    let route = |number| Route::Category(slug.to_owned(), number);
    let table = Table::new(site, entries.iter().copied(), entries.len(), number, &route)?;
    let beside = super::explore::categories(site)
        .into_iter()
        .map(|(link, one, name, count)| (link, name.to_owned(), count, one == slug))
        .collect();
    let (heading, words) = (category.name.clone(), category.description.clone());
    let description = format!("{words} With a verdict for each platform.");
    let frame = Frame::new(site, route(number), &titled(&heading, number), &description);
    let up = (site.base.link(&Route::Explore(1)), "Explore".to_owned());
    Some(Page { frame, caption: heading.clone(), heading, words, table, beside, up })
}

pub(super) fn platform<'a>(
    site: &'a Site,
    slug: &'a str,
    standing: Standing,
    number: usize,
) -> Option<Page<'a>> {
    let at = site.catalogue.column(slug)?;
    let column = &site.catalogue.columns[at];
    let entries: Vec<&Entry> =
        site.catalogue.standing().filter(|entry| entry.marks[at].standing == standing).collect();
    let route = |number| Route::PlatformList(slug.to_owned(), standing, number);
    // The platform that the list is of comes first.
    let mut columns = vec![at];
    columns.extend((0..site.catalogue.columns.len()).filter(|other| *other != at));
    let table = Table::with_columns(site, entries.iter().copied(), entries.len(), number, &route, &columns)?;
    let name = &column.name;
    let (heading, words) = match standing {
        Standing::Has => {
            (format!("Works on {name}"), format!("Entries for which the answer on {name} is yes."))
        }
        Standing::Lacks => (
            format!("Lacks {name}"),
            format!("Entries for which the answer on {name} is no, and never was yes as far as is known."),
        ),
        Standing::Lost => {
            (format!("Lost {name}"), format!("Entries that had {name} once, and have it no more."))
        }
        Standing::Unknown => (
            format!("Unknown on {name}"),
            format!("Entries of which it can't be told whether they work on {name}. That is no “no”."),
        ),
    };
    let beside = Standing::ALL
        .into_iter()
        .map(|one| {
            let link = site.base.link(&Route::PlatformList(slug.to_owned(), one, 1));
            (link, standing_name(one).to_owned(), column.count(one), one == standing)
        })
        .collect();
    let frame = Frame::new(site, route(number), &titled(&heading, number), &words)
        .with(vec![FeedOf::Platform(slug.to_owned())]);
    let up = (site.base.link(&Route::Platform(slug.to_owned())), name.clone());
    Some(Page { frame, caption: heading.clone(), heading, words, table, beside, up })
}

/// What a list of a platform is called beside the others.
pub(super) fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Has => "Yes",
        Standing::Lacks => "No",
        Standing::Lost => "Lost",
        Standing::Unknown => "Unknown",
    }
}
