//! Where a claim comes from, in words and as an address.

use std::borrow::Cow;

use jiff::Timestamp;

use super::catalogue::registry;
use super::{Catalogue, Change, Entry};
use crate::evidence::Rung;
use crate::timeline::OFFICIAL_IMAGES_SOURCE;

/// How many digits of a commit are shown to people.
const SHORT: usize = 12;

/// Who says what was verified.
pub(super) const VERIFIED: &str = "workson verify";

/// Where anyone can look up what says so; none of what only the own store has.
pub(super) fn link_of(origin: &str) -> Option<String> {
    let is_commit = origin.len() == 40 && origin.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| format!("{OFFICIAL_IMAGES_SOURCE}/commit/{origin}"))
}

/// The registry that was asked, about what and when: `docker.io, nginx:latest, asked 2026-11-23`.
pub(super) fn asked(image: &str, tag: Option<&str>, at: Timestamp) -> String {
    let tag = tag.map_or_else(String::new, |tag| format!(":{tag}"));
    format!("{}, {image}{tag}, asked {}", registry(image), at.strftime("%Y-%m-%d"))
}

/// Who says what is declared.
pub(super) fn declared(catalogue: &Catalogue) -> Option<&str> {
    catalogue.declared.as_ref().map(|source| source.name.as_str())
}

/// Who says how an entry stands on the platform of a column.
pub(super) fn of_answer<'a>(
    catalogue: &'a Catalogue,
    entry: &'a Entry,
    column: usize,
) -> Option<Cow<'a, str>> {
    let answer = &entry.answers[column];
    match answer.rung? {
        Rung::Declared => declared(catalogue).map(Cow::from),
        Rung::Published => {
            let tag = answer.tags.first().or(entry.asked_tag.as_ref());
            Some(asked(&entry.image, tag.map(String::as_str), answer.observed_at?).into())
        }
        Rung::Verified => Some(VERIFIED.into()),
        Rung::Ran => None,
    }
}

/// Who says that something changed.
pub(super) fn of_change<'a>(catalogue: &'a Catalogue, change: &Change) -> Option<Cow<'a, str>> {
    match change.rung {
        Rung::Declared => declared(catalogue).map(Cow::from),
        Rung::Published => Some(asked(&catalogue.entries[change.entry].image, None, change.at).into()),
        Rung::Verified => Some(VERIFIED.into()),
        Rung::Ran => None,
    }
}

/// The same with the commit, for people.
pub(super) fn source_of(catalogue: &Catalogue, change: &Change) -> String {
    let name = of_change(catalogue, change).unwrap_or("an unknown source".into());
    let name = super::outside::plain(&name);
    let name = name.strip_prefix("https://").unwrap_or(&name);
    match change.rung {
        Rung::Declared => {
            let short: String = super::outside::plain(&change.origin).chars().take(SHORT).collect();
            format!("commit {short} of {name}")
        }
        Rung::Published | Rung::Verified | Rung::Ran => name.to_owned(),
    }
}
