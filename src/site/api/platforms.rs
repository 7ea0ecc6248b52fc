//! Platforms: their counts, how these came about, and which entries stand how.

use jiff::Timestamp;
use serde::Serialize;

use super::Feeds;
use crate::catalog::series::Point;
use crate::evidence::Rung;
use crate::site::{ApiRoute, BadgeFormat, BadgeOf, Column, Entry, FeedOf, Route, Site, Standing, provenance};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct All<'a> {
    as_of: Option<Timestamp>,
    platforms: Vec<Platform<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Platform<'a> {
    platform: &'a str,
    slug: &'a str,
    counts: Counts,
    has_by_rung: ByRung,
    link: String,
    page: String,
    badge: String,
    feeds: Feeds,
}

/// How many entries stand so.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    has: usize,
    lacks: usize,
    lost: usize,
    unknown: usize,
    total: usize,
}

/// On which rung those stand that have the platform.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct ByRung {
    declared: usize,
    published: usize,
    verified: usize,
    ran: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct One<'a> {
    as_of: Option<Timestamp>,
    #[serde(flatten)]
    platform: Platform<'a>,
    series: Series<'a>,
    entries: Entries<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Series<'a> {
    rung: &'static str,
    source: Option<&'a str>,
    points: Vec<Step>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    at: Timestamp,
    supported: u64,
    supported_latest: u64,
    unknown: u64,
    total: u64,
}

/// The slugs of the entries that stand so.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entries<'a> {
    has: Vec<&'a str>,
    lacks: Vec<&'a str>,
    lost: Vec<&'a str>,
    unknown: Vec<&'a str>,
}

pub(super) fn all(site: &Site) -> All<'_> {
    let columns = site.catalogue.columns.iter().enumerate();
    let platforms = columns.map(|(at, column)| platform(site, at, column)).collect();
    All { as_of: site.catalogue.as_of(), platforms }
}

pub(super) fn one<'a>(site: &'a Site, slug: &str) -> Option<One<'a>> {
    let catalogue = &site.catalogue;
    let at = catalogue.column(slug)?;
    let column = &catalogue.columns[at];
    let step = |point: &Point| Step {
        at: point.at,
        supported: point.supported,
        supported_latest: point.supported_latest,
        unknown: point.unknown,
        total: point.total,
    };
    let slugs = |standing| {
        let of = catalogue.standing().filter(|entry| entry.marks[at].standing == standing);
        of.map(|entry| entry.slug.as_str()).collect()
    };
    Some(One {
        as_of: catalogue.as_of(),
        platform: platform(site, at, column),
        series: Series {
            rung: Rung::Declared.name(),
            source: provenance::declared(catalogue),
            points: column.series.iter().map(step).collect(),
        },
        entries: Entries {
            has: slugs(Standing::Has),
            lacks: slugs(Standing::Lacks),
            lost: slugs(Standing::Lost),
            unknown: slugs(Standing::Unknown),
        },
    })
}

fn platform<'a>(site: &'a Site, at: usize, column: &'a Column) -> Platform<'a> {
    let slug = || column.slug.clone();
    let mut has_by_rung = ByRung::default();
    let mark = |entry: &Entry| entry.marks[at];
    for mark in site.catalogue.standing().map(mark).filter(|mark| mark.standing == Standing::Has) {
        match mark.rung {
            Some(Rung::Declared) => has_by_rung.declared += 1,
            Some(Rung::Published) => has_by_rung.published += 1,
            Some(Rung::Verified) => has_by_rung.verified += 1,
            Some(Rung::Ran) => has_by_rung.ran += 1,
            None => {}
        }
    }
    let badge = Route::Badge { of: BadgeOf::Coverage(slug()), format: BadgeFormat::Svg };
    Platform {
        platform: &column.name,
        slug: &column.slug,
        counts: Counts {
            has: column.count(Standing::Has),
            lacks: column.count(Standing::Lacks),
            lost: column.count(Standing::Lost),
            unknown: column.count(Standing::Unknown),
            total: column.total(),
        },
        has_by_rung,
        link: site.base.absolute(&Route::Api(ApiRoute::Platform(slug()))),
        page: site.base.absolute(&Route::Platform(slug())),
        badge: site.base.absolute(&badge),
        feeds: Feeds::new(site, &FeedOf::Platform(slug())),
    }
}
