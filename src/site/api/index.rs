//! What there is, how far the data reaches, and where it comes from.

use jiff::Timestamp;
use serde::Serialize;

use super::Feeds;
use crate::evidence::Rung;
use crate::site::{ApiRoute, FeedOf, Route, Site, provenance};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index<'a> {
    as_of: Option<Timestamp>,
    version: u8,
    counts: Counts,
    sources: Vec<Origin<'a>>,
    links: Links,
    feeds: AllFeeds,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    entries: usize,
    gone: usize,
    platforms: usize,
    changes: usize,
    issues: usize,
    events: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    rung: &'static str,
    source: &'a str,
    head: Option<&'a str>,
    head_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Links {
    platforms: String,
    entries: String,
    changes: String,
    news: String,
    events: String,
    open_api: String,
    csv: String,
    calendar: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AllFeeds {
    news: Feeds,
    changes: Feeds,
    decisions: Feeds,
}

pub(super) fn document(site: &Site) -> Index<'_> {
    let catalogue = &site.catalogue;
    let there = catalogue.standing().count();
    let mut sources = Vec::new();
    for (rung, source) in [(Rung::Declared, &catalogue.declared), (Rung::Published, &catalogue.published)] {
        sources.extend(source.as_ref().map(|source| Origin {
            rung: rung.name(),
            source: &source.name,
            head: Some(&source.head),
            head_at: source.head_at,
        }));
    }
    sources.extend(catalogue.verified_at.map(|at| Origin {
        rung: Rung::Verified.name(),
        source: provenance::VERIFIED,
        head: None,
        head_at: at,
    }));
    let api = |route| site.base.absolute(&Route::Api(route));
    Index {
        as_of: catalogue.as_of(),
        version: 1,
        counts: Counts {
            entries: there,
            gone: catalogue.entries.len() - there,
            platforms: catalogue.columns.len(),
            changes: catalogue.changes.len(),
            issues: site.content.news.len(),
            events: site.content.events.len(),
        },
        sources,
        links: Links {
            platforms: api(ApiRoute::Platforms),
            entries: api(ApiRoute::Entries),
            changes: api(ApiRoute::Changes),
            news: api(ApiRoute::News),
            events: api(ApiRoute::Events),
            open_api: api(ApiRoute::OpenApi),
            csv: site.base.absolute(&Route::Csv),
            calendar: site.base.absolute(&Route::Calendar),
        },
        feeds: AllFeeds {
            news: Feeds::new(site, &FeedOf::News),
            changes: Feeds::new(site, &FeedOf::Changes),
            decisions: Feeds::new(site, &FeedOf::Decisions),
        },
    }
}
