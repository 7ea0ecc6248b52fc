//! Timelines: which image had which platform, by any tag, by `latest` and by each tag, from when to when.
//!
//! Two rungs have one. On `declared` the moments are commits of docker-library/official-images; on `published`
//! they are runs of an inventory. A [`Recorder`] makes a timeline from what was read, moment after moment;
//! [`text`](Timeline::to_text) is the compact form that `data/` holds.

mod recorder;
mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use workson_oci::Platform;

use crate::evidence::Rung;

pub use recorder::{Recorder, Tags};
pub use text::{TextError, VERSION};

/// The name of the official images' history in the store.
pub const OFFICIAL_IMAGES: &str = "official-images";
/// Where anyone can look a commit of that history up.
pub const OFFICIAL_IMAGES_SOURCE: &str = "https://github.com/docker-library/official-images";

/// The history of the official images that comes with the program, in the compact form.
const BUNDLED: &str = include_str!("../data/official-images-history.jsonl");

/// Where the facts of a timeline come from, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What was read: the address of a repository, or the name of an inventory's list.
    pub name: String,
    /// The newest commit that was read, or the newest run.
    pub head: String,
    /// When that was: what happened later is not known. Git's dates have whole seconds.
    pub head_at: Timestamp,
    /// How many commits or runs were read.
    pub read: u64,
    /// How many changes of one file, or sightings of one reference, were read.
    pub changes: u64,
    /// The version of workson that read it.
    pub tool: String,
}

/// A point in time at which something changed, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When, UTC. The moments of a timeline never go backwards.
    pub at: Timestamp,
    /// The commit (forty hex digits) or the run (`run 7`).
    pub origin: String,
}

/// The place of a [`Moment`] in [`Timeline::moments`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MomentId(pub u32);

/// The place of a set in [`Timeline::sets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId(pub u32);

/// What an image or a tag offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The platforms that it is known to have.
    pub set: SetId,
    /// Whether it has no others. Where not, a platform that is not in the set is unknown, never a no.
    pub is_whole: bool,
}

/// An [`Offer`], and from when to when it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What was offered.
    pub offer: Offer,
    /// Since when.
    pub from: MomentId,
    /// Until when: the first moment at which it was otherwise. None: it still stands.
    pub until: Option<MomentId>,
}

/// All that is known of one image. Spans are in order of time; between them the image was not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageTimeline {
    /// What all of its tags together offered.
    pub any: Vec<Span>,
    /// What its tag `latest` offered or, where there is none, the first entry of its file.
    pub latest: Vec<Span>,
    /// What each tag offered, sorted by tag and time.
    pub tags: Vec<(String, Span)>,
    /// When each tag was looked at last, of what was published; empty of what was declared, which is all read at once.
    pub looked_at: BTreeMap<String, Timestamp>,
}

/// Something that could not be read at a moment. What was known before stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// When.
    pub moment: MomentId,
    /// Until when: the first moment at which the image could be read again, or was gone.
    pub until: Option<MomentId>,
    /// The image, or the file where that is none's.
    pub image: String,
    /// Why, a sentence.
    pub reason: String,
}

/// Which image had which platform, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// What its facts prove.
    pub rung: Rung,
    /// Where they come from.
    pub source: Source,
    /// The sets of platforms, each sorted, without doubles.
    pub sets: Vec<Vec<Platform>>,
    /// The moments, in order of time.
    pub moments: Vec<Moment>,
    /// The images by name.
    pub images: BTreeMap<String, ImageTimeline>,
    /// Whether it has what each tag offered for all time, of the images whose tags it has at all. Otherwise it has of
    /// each tag what stands; in the compact form, of `latest` all.
    pub has_past_tags: bool,
    /// What could not be read, in order of time.
    pub problems: Vec<Problem>,
}

/// By which tags an image is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// By any of its tags.
    #[default]
    Any,
    /// By the tag `latest` alone.
    Latest,
}

impl By {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            By::Any => "any",
            By::Latest => "latest",
        }
    }
}

impl ImageTimeline {
    /// The spans by which it is judged.
    pub fn spans(&self, by: By) -> &[Span] {
        match by {
            By::Any => &self.any,
            By::Latest => &self.latest,
        }
    }

    /// The spans of one tag.
    pub fn tag(&self, tag: &str) -> &[(String, Span)] {
        let begin = self.tags.partition_point(|(name, _)| name.as_str() < tag);
        let end = self.tags.partition_point(|(name, _)| name.as_str() <= tag);
        &self.tags[begin..end]
    }
}

impl Timeline {
    /// The history of the official images that comes with the program: any tag and `latest` for all time, every
    /// tag as it was at its newest commit.
    ///
    /// # Errors
    /// Never in a program that passed its tests, which read it. One that is to write it anew may hold another
    /// version's.
    pub fn bundled() -> Result<Timeline, TextError> {
        Timeline::from_text(BUNDLED)
    }

    /// How far the history reaches that comes with the program.
    ///
    /// # Errors
    /// As [`Timeline::bundled`].
    pub fn bundled_source() -> Result<Source, TextError> {
        Timeline::source_of_text(BUNDLED)
    }

    /// A moment by its place. The places in a timeline are its own, so there is one.
    pub fn moment(&self, id: MomentId) -> &Moment {
        &self.moments[id.0 as usize]
    }

    /// The platforms of a set. The places in a timeline are its own, so there is one.
    pub fn set(&self, id: SetId) -> &[Platform] {
        &self.sets[id.0 as usize]
    }

    /// The span that stood at `at`, if the image was there.
    pub fn span_at<'s>(&self, spans: &'s [Span], at: Timestamp) -> Option<&'s Span> {
        let after = spans.partition_point(|span| self.moment(span.from).at <= at);
        spans[..after].last().filter(|span| span.until.is_none_or(|until| self.moment(until).at > at))
    }

    /// Whether every span names sets and moments that are there, and all are in order of time. One from outside
    /// may not be so.
    pub fn is_sound(&self) -> bool {
        let is_known = |moment: MomentId| (moment.0 as usize) < self.moments.len();
        let is_sound = |span: &Span| {
            (span.offer.set.0 as usize) < self.sets.len()
                && is_known(span.from)
                && span.until.is_none_or(|until| is_known(until) && until > span.from)
        };
        let are_sound = |image: &ImageTimeline| {
            let tags = image.tags.iter().map(|(_, span)| span);
            image.any.iter().chain(&image.latest).chain(tags).all(is_sound)
                && are_in_order(image.any.iter())
                && are_in_order(image.latest.iter())
                && image
                    .tags
                    .chunk_by(|(a, _), (b, _)| a == b)
                    .all(|spans| are_in_order(spans.iter().map(|(_, span)| span)))
                && image.tags.is_sorted_by(|(a, _), (b, _)| a <= b)
        };
        self.images.values().all(are_sound)
            && self
                .problems
                .iter()
                .all(|problem| is_known(problem.moment) && problem.until.is_none_or(is_known))
            && self.moments.is_sorted_by_key(|moment| moment.at)
    }

    /// When the first moment was.
    pub fn begins(&self) -> Option<Timestamp> {
        self.moments.first().map(|moment| moment.at)
    }
}

/// Whether each span ends before the next one begins.
fn are_in_order<'s>(mut spans: impl Iterator<Item = &'s Span>) -> bool {
    let Some(mut last) = spans.next() else { return true };
    spans.all(|span| {
        let is_after = last.until.is_some_and(|until| until <= span.from);
        last = span;
        is_after
    })
}
