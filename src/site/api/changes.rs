//! What changed: the months, and each month's changes.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use crate::site::{self, ApiRoute, Route, Site, provenance};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Months {
    as_of: Option<Timestamp>,
    months: Vec<Month>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Month {
    month: String,
    changes: usize,
    link: String,
    page: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfMonth<'a> {
    as_of: Option<Timestamp>,
    month: String,
    changes: Vec<Change<'a>>,
}

/// One thing that happened to one entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change<'a> {
    at: Timestamp,
    entry: &'a str,
    event: &'static str,
    platform: Option<&'a str>,
    with_entry: bool,
    rung: &'static str,
    origin: &'a str,
    source: Option<Cow<'a, str>>,
    source_link: Option<String>,
}

fn name(year: i16, month: i8) -> String {
    format!("{year:04}-{month:02}")
}

pub(super) fn months(site: &Site) -> Months {
    let month = |found: &site::Month| Month {
        month: name(found.year, found.month),
        changes: found.changes.len(),
        link: site.base.absolute(&Route::Api(ApiRoute::Month(found.year, found.month))),
        page: site.base.absolute(&Route::ChangesMonth(found.year, found.month, 1)),
    };
    Months { as_of: site.catalogue.as_of(), months: site.catalogue.months().iter().map(month).collect() }
}

pub(super) fn month(site: &Site, year: i16, month: i8) -> Option<OfMonth<'_>> {
    let catalogue = &site.catalogue;
    let range = catalogue.month(year, month)?;
    let changes = catalogue.changes[range].iter().map(|one| change(site, one)).collect();
    Some(OfMonth { as_of: catalogue.as_of(), month: name(year, month), changes })
}

pub(super) fn change<'a>(site: &'a Site, change: &'a site::Change) -> Change<'a> {
    Change {
        at: change.at,
        entry: &site.catalogue.entries[change.entry].slug,
        event: change.happening.name(),
        platform: change.platform.as_deref(),
        with_entry: change.with_entry,
        rung: change.rung.name(),
        origin: &change.origin,
        source: provenance::of_change(&site.catalogue, change),
        source_link: provenance::link_of(&change.origin),
    }
}
