//! The static API: JSON documents below `/api/v1/`, and the table of all verdicts.
//!
//! Fields are added, never renamed, changed or taken away. `openapi.json` describes all of it, and a test holds each
//! document against it.

mod changes;
mod entries;
mod index;
mod openapi;
mod platforms;
mod table;
mod words;

use serde::Serialize;

use super::{ApiRoute, FeedFormat, FeedOf, Mark, Rendered, Route, Site};
use crate::evidence::Rung;

pub(super) use table::csv;

pub(super) fn render(site: &Site, route: &ApiRoute) -> Option<Rendered> {
    match route {
        ApiRoute::Index => json(&index::document(site)),
        ApiRoute::Platforms => json(&platforms::all(site)),
        ApiRoute::Platform(slug) => json(&platforms::one(site, slug)?),
        ApiRoute::Entries => json(&entries::all(site)),
        ApiRoute::Entry(slug) => json(&entries::one(site, slug)?),
        ApiRoute::Changes => json(&changes::months(site)),
        ApiRoute::Month(year, month) => json(&changes::month(site, *year, *month)?),
        ApiRoute::News => json(&words::news(site)),
        ApiRoute::Events => json(&words::events(site)),
        ApiRoute::OpenApi => openapi::render(site),
    }
}

fn json(document: &impl Serialize) -> Option<Rendered> {
    Some(Rendered { media_type: "application/json", bytes: serde_json::to_vec(document).ok()? })
}

/// The addresses of a feed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Feeds {
    atom: String,
    rss: String,
    json: String,
}

impl Feeds {
    fn new(site: &Site, of: &FeedOf) -> Feeds {
        let address = |format| site.base.absolute(&Route::Feed { of: of.clone(), format });
        Feeds {
            atom: address(FeedFormat::Atom),
            rss: address(FeedFormat::Rss),
            json: address(FeedFormat::Json),
        }
    }
}

/// The letter of a rung.
fn rung_letter(rung: Option<Rung>) -> char {
    match rung {
        Some(Rung::Declared) => 'd',
        Some(Rung::Published) => 'p',
        Some(Rung::Verified) => 'v',
        Some(Rung::Ran) => 'r',
        None => '-',
    }
}

/// The letters of an entry or a tag: how it stands on each platform, and on which rungs.
fn letters(marks: &[Mark]) -> (String, String) {
    (
        marks.iter().map(|mark| mark.standing.letter()).collect(),
        marks.iter().map(|mark| rung_letter(mark.rung)).collect(),
    )
}
