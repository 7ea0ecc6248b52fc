//! Changes as people read them: by day, and of each entry what happened together.

use std::collections::HashMap;

use crate::catalog::log::Happening;
use crate::evidence::Rung;
use crate::site::{Change, Route, Site, provenance};

use super::frame::{day, origin_name};

/// What happened to one entry on one day for one reason.
pub(super) struct Deed {
    pub(super) day: String,
    pub(super) name: String,
    pub(super) link: String,
    /// What happened: a class, and words.
    pub(super) parts: Vec<(&'static str, String)>,
    /// What says so.
    pub(super) origin: String,
    /// Where to look that up.
    pub(super) origin_link: Option<String>,
    /// The rung that it is known on.
    pub(super) rung: &'static str,
}

/// What happened on a day.
pub(super) struct Day {
    pub(super) day: String,
    pub(super) deeds: Vec<Deed>,
}

/// Changes in the given order, those that belong together in one.
pub(super) fn deeds<'a>(site: &'a Site, changes: impl Iterator<Item = &'a Change>) -> Vec<Deed> {
    let mut groups: Vec<Vec<&Change>> = Vec::new();
    let mut place: HashMap<(usize, i64, &str), usize> = HashMap::new();
    for change in changes {
        let key = (change.entry, change.at.as_second().div_euclid(86_400), change.origin.as_str());
        let at = *place.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(change);
    }
    groups.iter().filter_map(|group| deed(site, group)).collect()
}

fn deed(site: &Site, group: &[&Change]) -> Option<Deed> {
    let first = group.first()?;
    let entry = &site.catalogue.entries[first.entry];
    let platforms = |wanted: &[Happening], with_entry: bool| {
        let fits = |change: &&&Change| wanted.contains(&change.happening) && change.with_entry == with_entry;
        let mut found: Vec<(usize, &str)> = group
            .iter()
            .filter(fits)
            .filter_map(|change| Some((change.column.unwrap_or(usize::MAX), change.platform.as_deref()?)))
            .collect();
        found.sort_unstable();
        found.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    };
    let has = |wanted: Happening| group.iter().any(|change| change.happening == wanted);
    let mut parts = Vec::new();
    let mut add = |class: &'static str, words: &str, platforms: String| {
        if !platforms.is_empty() {
            parts.push((class, format!("{words} {platforms}")));
        }
    };
    let came = platforms(&[Happening::Gained, Happening::Regained, Happening::Told], true);
    let went = platforms(&[Happening::Lost], true);
    add("gained", "gained", platforms(&[Happening::Gained], false));
    add("gained", "has again", platforms(&[Happening::Regained], false));
    add("told", "is now known to have", platforms(&[Happening::Told], false));
    add("lost", "lost", platforms(&[Happening::Lost], false));
    match came.is_empty() {
        false => parts.push(("came", format!("came with {came}"))),
        true if has(Happening::Added) => parts.push(("came", "came".to_owned())),
        true => {}
    }
    match went.is_empty() {
        false => parts.push(("went", format!("went, and with it {went}"))),
        true if has(Happening::Removed) => parts.push(("went", "went".to_owned())),
        true => {}
    }
    Some(Deed {
        day: day(first.at),
        name: entry.name.clone(),
        link: site.base.link(&Route::Entry(entry.slug.clone())),
        parts,
        origin: match first.rung {
            Rung::Published => provenance::asked(&entry.image, None, first.at),
            _ => origin_name(&first.origin),
        },
        origin_link: provenance::link_of(&first.origin),
        rung: first.rung.name(),
    })
}

/// The same by day.
pub(super) fn days(deeds: Vec<Deed>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for deed in deeds {
        match days.last_mut() {
            Some(day) if day.day == deed.day => day.deeds.push(deed),
            _ => days.push(Day { day: deed.day.clone(), deeds: vec![deed] }),
        }
    }
    days
}

/// The newest of some changes: at most so many deeds.
pub(super) fn newest(site: &Site, wanted: impl Fn(&Change) -> bool, count: usize) -> Vec<Deed> {
    // A deed seldom has more than a dozen changes: all platforms of an image that comes.
    let changes = site.catalogue.changes.iter().filter(|change| wanted(change)).take(count * 16);
    let mut deeds = deeds(site, changes);
    deeds.truncate(count);
    deeds
}

/// Whether a platform was gained or had again.
pub(super) fn is_gain(change: &Change) -> bool {
    matches!(change.happening, Happening::Gained | Happening::Regained)
}

/// Whether a platform was lost.
pub(super) fn is_loss(change: &Change) -> bool {
    change.happening == Happening::Lost
}
