//! Which image of an index an engine takes, and why not another.
//!
//! After containerd (`core/images/image.go`, `Manifest`): entries that match are sorted by the matcher, stably,
//! and the first one is taken. An entry whose platform stands in its config alone comes after all that say it
//! openly, and just the first such entry is ever looked at.

use std::fmt;

use crate::platform::{Matcher, Mismatch};
use crate::{Image, Kind, Platform};

/// What came of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An engine takes it.
    Chosen,
    /// It would do, but another is better: the position of that one.
    Outranked(usize),
    /// It does not fit.
    Mismatch(Mismatch),
    /// It would fit, but its platform stands in its config, and an engine looks into one such entry only.
    NotLookedAt,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Chosen => write!(f, "chosen"),
            Outcome::Outranked(_) => write!(f, "would do, but a better one is there"),
            Outcome::Mismatch(mismatch) => mismatch.fmt(f),
            Outcome::NotLookedAt => {
                write!(f, "its entry names no platform, and engines look into the first such entry only")
            }
        }
    }
}

/// The outcome for a whole image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The position in [`Image::platforms`] of what an engine takes.
    pub chosen: Option<usize>,
    /// For each of [`Image::platforms`], what came of it.
    pub outcomes: Vec<Outcome>,
    /// The platforms that an engine looks for, the best first, each with the entries that are just that.
    pub ladder: Vec<(Platform, Vec<usize>)>,
}

impl Resolution {
    /// Resolves `image` for the platform that `matcher` stands for.
    pub fn of(image: &Image, matcher: &Matcher) -> Resolution {
        let hidden = |at: &usize| image.kind == Kind::Index && image.platforms[*at].from_config;
        let first_hidden = (0..image.platforms.len()).find(hidden);
        let platform = |at: usize| &image.platforms[at].platform;
        let mut fitting: Vec<usize> = (0..image.platforms.len())
            .filter(|at| matcher.matches(platform(*at)) && (!hidden(at) || Some(*at) == first_hidden))
            .collect();
        fitting.sort_by(|a, b| {
            hidden(a).cmp(&hidden(b)).then_with(|| matcher.compare(platform(*a), platform(*b)))
        });
        let chosen = fitting.first().copied();
        let outcomes = (0..image.platforms.len()).map(|at| match (matcher.why_not(platform(at)), chosen) {
            (Some(mismatch), _) => Outcome::Mismatch(mismatch),
            (None, Some(chosen)) if chosen == at => Outcome::Chosen,
            (None, Some(chosen)) if fitting.contains(&at) => Outcome::Outranked(chosen),
            (None, _) => Outcome::NotLookedAt,
        });
        let ladder = matcher.ladder().iter().enumerate().map(|(rung, candidate)| {
            let there = (0..image.platforms.len()).filter(|at| matcher.rank(platform(*at)) == Some(rung));
            (candidate.clone(), there.collect())
        });
        Resolution { chosen, outcomes: outcomes.collect(), ladder: ladder.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::PlatformImage;
    use crate::{Digest, MediaType};

    fn image(platforms: &[(&str, bool)]) -> Image {
        let host = Platform::from_rust_target("linux", "x86_64", true);
        let entry = |(at, (text, from_config)): (usize, &(&str, bool))| PlatformImage {
            platform: Platform::parse(text, &host).unwrap(),
            digest: format!("sha256:{at}"),
            size: 1,
            media_type: MediaType::default(),
            from_config: *from_config,
        };
        Image {
            digest: Digest::sha256(b""),
            media_type: MediaType::default(),
            kind: Kind::Index,
            platforms: platforms.iter().enumerate().map(entry).collect(),
            attestations: 0,
            notes: Vec::new(),
        }
    }

    fn resolve(platforms: &[(&str, bool)], wanted: &str) -> Resolution {
        let host = Platform::from_rust_target("linux", "x86_64", true);
        Resolution::of(&image(platforms), &Matcher::only(&Platform::parse(wanted, &host).unwrap()))
    }

    #[test]
    fn the_highest_rung_of_the_ladder_wins_and_the_first_of_equals() {
        let offered =
            [("linux/arm/v6", false), ("linux/arm/v7", false), ("linux/arm", false), ("linux/amd64", false)];
        let resolution = resolve(&offered, "linux/arm/v7");
        assert_eq!(resolution.chosen, Some(1));
        assert_eq!(resolution.outcomes[0], Outcome::Outranked(1));
        assert_eq!(resolution.outcomes[2], Outcome::Outranked(1));
        assert!(matches!(resolution.outcomes[3], Outcome::Mismatch(_)));
        let rungs: Vec<String> = resolution.ladder.iter().map(|(p, at)| format!("{p} {at:?}")).collect();
        assert_eq!(rungs, ["linux/arm/v7 [1, 2]", "linux/arm/v6 [0]", "linux/arm/v5 []"]);
    }

    #[test]
    fn an_entry_that_names_no_platform_is_the_last_resort_and_only_the_first_of_them() {
        let offered = [("linux/arm64", true), ("linux/arm64", false)];
        assert_eq!(resolve(&offered, "linux/arm64").chosen, Some(1));
        let offered = [("linux/amd64", true), ("linux/arm64", true)];
        let resolution = resolve(&offered, "linux/arm64");
        assert_eq!(resolution.chosen, None);
        assert_eq!(resolution.outcomes[1], Outcome::NotLookedAt);
    }
}
