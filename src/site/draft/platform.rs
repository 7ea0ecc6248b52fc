//! How images stood on a platform at the beginning of a period, and at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use workson_oci::Platform;

use super::Period;
use crate::catalog::standing::Standing;
use crate::evidence::Verdict;
use crate::site::Site;
use crate::timeline::{By, Timeline};

/// How an image's standing at the end differs from that at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// It was there, and has the platform now.
    Gained,
    /// It is still there, and has the platform no more.
    Lost,
    /// It came, and has the platform.
    CameWith,
    /// It had the platform, and went.
    WentWith,
    /// It has the platform, which could not be told.
    Told,
    /// It had the platform, which can't be told now.
    Untold,
}

/// How many images have a platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) yes: usize,
    pub(super) unknown: usize,
    all: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.yes, self.all)
    }
}

/// The images at both ends of a period, each with its verdict where it was there.
#[derive(Debug)]
pub(super) struct Standings(BTreeMap<String, (Option<Verdict>, Option<Verdict>)>);

impl Standings {
    pub(super) fn new(timeline: &Timeline, platform: &Platform, period: Period) -> Standings {
        let mut images: BTreeMap<String, (Option<Verdict>, Option<Verdict>)> = BTreeMap::new();
        for image in Standing::of(timeline, platform, period.since).images {
            images.entry(image.name.clone()).or_default().0 = Some(image.verdict(By::Any).clone());
        }
        for image in Standing::of(timeline, platform, period.until).images {
            images.entry(image.name.clone()).or_default().1 = Some(image.verdict(By::Any).clone());
        }
        Standings(images)
    }

    pub(super) fn then(&self) -> Count {
        count(self.0.values().filter_map(|(then, _)| then.as_ref()))
    }

    pub(super) fn now(&self) -> Count {
        count(self.0.values().filter_map(|(_, now)| now.as_ref()))
    }

    /// The images that differ so.
    pub(super) fn differing(&self, difference: Difference) -> Vec<String> {
        self.named(|then, now| differs(then, now) == Some(difference))
    }

    /// The images that are there, and were not.
    pub(super) fn came(&self) -> Vec<String> {
        self.named(|then, now| then.is_none() && now.is_some())
    }

    /// The images that were there, and are not.
    pub(super) fn went(&self) -> Vec<String> {
        self.named(|then, now| then.is_some() && now.is_none())
    }

    /// The images that have it not, and those of which it can't be told.
    pub(super) fn lacking(&self) -> (Vec<String>, Vec<String>) {
        let unknown = |now: Option<&Verdict>| matches!(now, Some(Verdict::Unknown(_)));
        (self.named(|_, now| now == Some(&Verdict::No)), self.named(|_, now| unknown(now)))
    }

    /// Whether an image has the platform now, where it stands as it did at the beginning.
    pub(super) fn unchanged(&self, image: &str) -> Option<bool> {
        let (then, now) = self.0.get(image).map_or((None, None), |(then, now)| (then.as_ref(), now.as_ref()));
        differs(then, now).is_none().then_some(now == Some(&Verdict::Yes))
    }

    fn named(&self, is_such: impl Fn(Option<&Verdict>, Option<&Verdict>) -> bool) -> Vec<String> {
        let such = self.0.iter().filter(|(_, (then, now))| is_such(then.as_ref(), now.as_ref()));
        such.map(|(name, _)| name.clone()).collect()
    }
}

fn count<'v>(verdicts: impl Iterator<Item = &'v Verdict>) -> Count {
    let mut count = Count::default();
    for verdict in verdicts {
        count.all += 1;
        count.yes += usize::from(*verdict == Verdict::Yes);
        count.unknown += usize::from(matches!(verdict, Verdict::Unknown(_)));
    }
    count
}

fn differs(then: Option<&Verdict>, now: Option<&Verdict>) -> Option<Difference> {
    use Verdict::{No, Unknown, Yes};
    match (then, now) {
        (Some(No), Some(Yes)) => Some(Difference::Gained),
        (Some(Yes), Some(No)) => Some(Difference::Lost),
        (None, Some(Yes)) => Some(Difference::CameWith),
        (Some(Yes), None) => Some(Difference::WentWith),
        (Some(Unknown(_)), Some(Yes)) => Some(Difference::Told),
        (Some(Yes), Some(Unknown(_))) => Some(Difference::Untold),
        _ => None,
    }
}

/// The platforms that the site has, and those that any image had at `since`.
pub(super) fn of(site: &Site, declared: &Timeline, since: Timestamp) -> Vec<Platform> {
    let mut platforms: Vec<Platform> =
        site.catalogue.columns.iter().map(|column| column.platform.clone()).collect();
    let known: BTreeSet<String> = platforms.iter().map(Platform::format).collect();
    let mut others: BTreeMap<String, Platform> = BTreeMap::new();
    for image in declared.images.values() {
        let Some(span) = declared.span_at(&image.any, since) else { continue };
        for platform in declared.set(span.offer.set) {
            let platform =
                Platform { os_version: String::new(), os_features: Vec::new(), ..platform.normalized() };
            if !known.contains(&platform.format()) {
                others.insert(platform.format(), platform);
            }
        }
    }
    platforms.extend(others.into_values());
    platforms
}
