//! Where the timelines come from that questions are asked of.

use crate::store::{Lists, Reasons, Store, StoreError, TagSpans};
use crate::timeline::{OFFICIAL_IMAGES, Timeline};

/// The lists whose runs are the published series of the official images.
pub const OFFICIAL_LISTS: [&str; 2] = ["official", "official-live"];

/// Where a declared timeline was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// It comes with the program.
    Bundled,
    /// An import brought it into the store.
    Store,
}

impl Keeping {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            Keeping::Bundled => "bundled",
            Keeping::Store => "store",
        }
    }
}

/// A timeline, and where it was kept.
#[derive(Debug)]
pub struct Kept {
    /// The timeline.
    pub timeline: Timeline,
    /// Where it was.
    pub keeping: Keeping,
}

/// The declared history of the official images: what an import brought, or what comes with the program where
/// that reaches further.
///
/// # Errors
/// Where the store can't be read.
pub fn declared(store: Option<&Store>, tags: TagSpans<'_>) -> Result<Kept, StoreError> {
    let reaches_further = |head_at| Timeline::bundled_source().is_ok_and(|bundled| bundled.head_at > head_at);
    if let Some(store) = store
        && let Some(reach) = store.reach(OFFICIAL_IMAGES)?
        && !reaches_further(reach.source.head_at)
        && let Some(timeline) = store.timeline(OFFICIAL_IMAGES, tags)?
    {
        return Ok(Kept { timeline, keeping: Keeping::Store });
    }
    let timeline = Timeline::bundled().map_err(|error| StoreError::bundled(&error))?;
    Ok(Kept { timeline, keeping: Keeping::Bundled })
}

/// All that was kept of the declared history: what an import brought or, where there was none, what comes with the
/// program.
///
/// # Errors
/// Where the store can't be read.
pub fn kept(store: Option<&Store>, tags: TagSpans<'_>) -> Result<Kept, StoreError> {
    let imported = store.map(|store| store.timeline(OFFICIAL_IMAGES, tags)).transpose()?.flatten();
    match imported {
        Some(timeline) => Ok(Kept { timeline, keeping: Keeping::Store }),
        None => declared(None, tags),
    }
}

/// What registries served of the official images, by the inventories of the list that was looked at last; none
/// where there is none. Two lists are never mixed: what is on one alone would seem to come and go.
///
/// # Errors
/// Where the store can't be read.
pub fn published(store: Option<&Store>) -> Result<Option<Timeline>, StoreError> {
    let Some(store) = store else { return Ok(None) };
    let mut found: Option<Timeline> = None;
    for list in OFFICIAL_LISTS {
        let timeline = store.published(Lists::Named(list), Reasons::Whole)?;
        let is_newer = |timeline: &Timeline| {
            found.as_ref().is_none_or(|found| timeline.source.head_at > found.source.head_at)
        };
        if let Some(timeline) = timeline.filter(is_newer) {
            found = Some(timeline);
        }
    }
    Ok(found)
}
