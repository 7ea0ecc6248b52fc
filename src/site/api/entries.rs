//! Entries: all of them with a letter for each platform, and each with all that is known of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Feeds, changes, letters};
use crate::catalog::check::{Answer, Presence};
use crate::evidence::{Rung, Verdict};
use crate::site::{ApiRoute, BadgeFormat, BadgeOf, Column, Entry, FeedOf, Route, Site, Standing, provenance};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct All<'a> {
    as_of: Option<Timestamp>,
    /// The platforms that the letters are of, in their order.
    platforms: Vec<&'a str>,
    letters: BTreeMap<&'static str, &'static str>,
    rung_letters: BTreeMap<char, &'static str>,
    entries: Vec<Short<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Short<'a> {
    slug: &'a str,
    name: &'a str,
    kind: Option<&'static str>,
    image: &'a str,
    is_there: bool,
    verdicts: String,
    rungs: String,
    changed_at: Option<Timestamp>,
    link: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct One<'a> {
    as_of: Option<Timestamp>,
    slug: &'a str,
    name: &'a str,
    kind: Option<&'static str>,
    categories: &'a [String],
    description: Option<&'a str>,
    aliases: &'a [String],
    home: Option<&'a str>,
    repository: Option<&'a str>,
    license: Option<&'a str>,
    purls: &'a [String],
    repology: Option<&'a str>,
    image: &'a str,
    digest: Option<&'a str>,
    is_there: bool,
    gone_at: Option<Timestamp>,
    gone_origin: Option<&'a str>,
    problem: Option<Problem<'a>>,
    platforms: Vec<Platform<'a>>,
    tags: Vec<Tag<'a>>,
    changes: Vec<changes::Change<'a>>,
    page: String,
    feeds: Feeds,
}

/// Why what it declares can't be read now; its last good answer stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    at: Timestamp,
    origin: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tag<'a> {
    tag: &'a str,
    verdicts: String,
    rungs: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Platform<'a> {
    platform: &'a str,
    slug: &'a str,
    verdict: &'static str,
    standing: &'static str,
    rung: Option<&'static str>,
    reason: Option<&'a str>,
    since: Option<Timestamp>,
    since_origin: Option<&'a str>,
    or_before: Option<bool>,
    source: Option<Cow<'a, str>>,
    source_link: Option<String>,
    lost_at: Option<Timestamp>,
    lost_origin: Option<&'a str>,
    observed_at: Option<Timestamp>,
    /// The most telling tag that has it.
    tag: Option<&'a str>,
    days_behind_amd64: Option<i64>,
    note: Option<&'a str>,
    badge: String,
}

pub(super) fn all(site: &Site) -> All<'_> {
    let catalogue = &site.catalogue;
    let short = catalogue.entries.iter().map(|entry| {
        let (verdicts, rungs) = letters(&entry.marks);
        Short {
            slug: &entry.slug,
            name: &entry.name,
            kind: entry.about.as_ref().map(|about| about.kind.name()),
            image: &entry.image,
            is_there: entry.is_there(),
            verdicts,
            rungs,
            changed_at: entry.changed_at(catalogue),
            link: site.base.absolute(&Route::Api(ApiRoute::Entry(entry.slug.clone()))),
        }
    });
    All {
        as_of: catalogue.as_of(),
        platforms: catalogue.columns.iter().map(|column| column.name.as_str()).collect(),
        letters: Standing::ALL.map(|standing| (standing.letter(), standing.name())).into(),
        rung_letters: Rung::ALL.map(|rung| (super::rung_letter(Some(rung)), rung.name())).into(),
        entries: short.collect(),
    }
}

pub(super) fn one<'a>(site: &'a Site, slug: &str) -> Option<One<'a>> {
    let catalogue = &site.catalogue;
    let entry = catalogue.entry(slug)?;
    let about = entry.about.as_ref();
    let gone = match &entry.presence {
        Presence::Gone(moment) => Some(moment),
        Presence::There | Presence::NoSuchTag | Presence::Unknown => None,
    };
    let of_column = catalogue.columns.iter().enumerate();
    let tags = entry.tags.iter().map(|(tag, marks)| {
        let (verdicts, rungs) = letters(marks);
        Tag { tag, verdicts, rungs }
    });
    let problem = entry.problem.as_ref();
    Some(One {
        as_of: catalogue.as_of(),
        slug: &entry.slug,
        name: &entry.name,
        kind: about.map(|about| about.kind.name()),
        categories: about.map_or(&[], |about| &about.categories),
        description: about.map(|about| about.description.as_str()),
        aliases: about.map_or(&[], |about| &about.aliases),
        home: about.and_then(|about| about.home.as_deref()),
        repository: about.and_then(|about| about.source.as_deref()),
        license: about.and_then(|about| about.license.as_deref()),
        purls: about.map_or(&[], |about| &about.purls),
        repology: about.and_then(|about| about.repology.as_deref()),
        image: &entry.image,
        digest: entry.digest.as_deref(),
        is_there: entry.is_there(),
        gone_at: gone.map(|moment| moment.at),
        gone_origin: gone.map(|moment| moment.origin.as_str()),
        problem: problem.map(|(moment, reason)| Problem { at: moment.at, origin: &moment.origin, reason }),
        platforms: of_column.map(|(at, column)| platform(site, entry, at, column)).collect(),
        tags: tags.collect(),
        changes: entry.changes.iter().map(|at| changes::change(site, &catalogue.changes[*at])).collect(),
        page: site.base.absolute(&Route::Entry(entry.slug.clone())),
        feeds: Feeds::new(site, &FeedOf::Entry(entry.slug.clone())),
    })
}

fn platform<'a>(site: &'a Site, entry: &'a Entry, at: usize, column: &'a Column) -> Platform<'a> {
    let (answer, mark): (&Answer, _) = (&entry.answers[at], entry.marks[at]);
    let reason = match &answer.verdict {
        Verdict::Unknown(reason) => Some(reason.as_str()),
        Verdict::Yes | Verdict::No => None,
    };
    let since = entry.since(at);
    let of = BadgeOf::Entry(entry.slug.clone(), column.slug.clone());
    Platform {
        platform: &column.name,
        slug: &column.slug,
        verdict: mark.word(),
        standing: mark.standing.name(),
        rung: mark.rung.map(|rung| rung.name()),
        reason,
        since: since.map(|since| since.moment.at),
        since_origin: since.map(|since| since.moment.origin.as_str()),
        or_before: since.map(|since| since.or_before),
        source: provenance::of_answer(&site.catalogue, entry, at),
        source_link: answer.since.as_ref().and_then(|since| provenance::link_of(&since.moment.origin)),
        lost_at: answer.lost.as_ref().map(|moment| moment.at),
        lost_origin: answer.lost.as_ref().map(|moment| moment.origin.as_str()),
        observed_at: answer.observed_at,
        tag: answer.tags.first().map(String::as_str),
        days_behind_amd64: entry.behind[at],
        note: answer.note.as_deref(),
        badge: site.base.absolute(&Route::Badge { of, format: BadgeFormat::Svg }),
    }
}
