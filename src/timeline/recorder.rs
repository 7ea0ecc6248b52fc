//! Makes a timeline, moment after moment.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use workson_oci::Platform;

use super::{ImageTimeline, Moment, MomentId, Offer, Problem, SetId, Source, Span, Timeline};
use crate::evidence::Rung;

/// Each tag with what it offers, sorted by tag, each once.
pub type Tags = Vec<(String, Offer)>;

/// A timeline that is being written.
///
/// Moments have to come in order of time. What an image offered is compared with what it offered before: a
/// span ends, and another begins, only where that differs.
#[derive(Debug)]
pub struct Recorder {
    rung: Rung,
    sets: Vec<Vec<Platform>>,
    set_ids: HashMap<Vec<Platform>, SetId>,
    moments: Vec<Moment>,
    images: BTreeMap<String, Open>,
    problems: Vec<Problem>,
    has_past_tags: bool,
    /// How many spans of tags have ended.
    ended: usize,
    /// Where in the list the problems are that still stand, by image.
    unread: HashMap<String, Vec<usize>>,
}

/// An image, with the spans that still stand apart from those that have ended.
#[derive(Debug, Default)]
struct Open {
    ended: ImageTimeline,
    any: Option<(Offer, MomentId)>,
    latest: Option<(Offer, MomentId)>,
    /// Sorted by tag.
    tags: Vec<(String, Offer, MomentId)>,
}

impl Recorder {
    /// An empty timeline.
    pub fn new(rung: Rung) -> Recorder {
        Recorder {
            rung,
            sets: Vec::new(),
            set_ids: HashMap::new(),
            moments: Vec::new(),
            images: BTreeMap::new(),
            problems: Vec::new(),
            has_past_tags: true,
            ended: 0,
            unread: HashMap::new(),
        }
    }

    /// Goes on with a timeline, of which the spans that still stand are enough.
    pub fn resume(timeline: Timeline) -> Recorder {
        let mut recorder = Recorder::new(timeline.rung);
        recorder.has_past_tags = timeline.has_past_tags;
        recorder.set_ids =
            timeline.sets.iter().enumerate().map(|(at, set)| (set.clone(), SetId(at as u32))).collect();
        recorder.sets = timeline.sets;
        recorder.moments = timeline.moments;
        for (at, problem) in
            timeline.problems.iter().enumerate().filter(|(_, problem)| problem.until.is_none())
        {
            recorder.unread.entry(problem.image.clone()).or_default().push(at);
        }
        recorder.problems = timeline.problems;
        recorder.images = timeline.images.into_iter().map(|(name, image)| (name, Open::of(image))).collect();
        recorder
    }

    /// Whether the image is there now.
    pub fn has(&self, image: &str) -> bool {
        self.images.get(image).is_some_and(|open| open.any.is_some())
    }

    /// How many spans of tags have ended since this recorder began.
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// When the last moment was.
    pub fn last(&self) -> Option<Timestamp> {
        self.moments.last().map(|moment| moment.at)
    }

    /// That a tag was looked at, whatever was seen.
    pub fn looked(&mut self, image: &str, tag: &str, at: Timestamp) {
        self.open(image).ended.looked_at.insert(tag.to_owned(), at);
    }

    /// A further moment. One that is the last moment already keeps its place; one before the last is taken to
    /// be at the same time as that.
    pub fn moment(&mut self, at: Timestamp, origin: &str) -> MomentId {
        let last = self.moments.last();
        if last.is_none_or(|last| last.origin != origin) {
            let at = last.map_or(at, |last| last.at.max(at));
            self.moments.push(Moment { at, origin: origin.to_owned() });
        }
        MomentId((self.moments.len() - 1) as u32)
    }

    /// The place of a set of platforms.
    pub fn set(&mut self, mut platforms: Vec<Platform>) -> SetId {
        platforms.sort();
        platforms.dedup();
        if let Some(id) = self.set_ids.get(&platforms) {
            return *id;
        }
        let id = SetId(self.sets.len() as u32);
        self.sets.push(platforms.clone());
        self.set_ids.insert(platforms, id);
        id
    }

    /// The platforms of a set.
    pub fn platforms(&self, id: SetId) -> &[Platform] {
        &self.sets[id.0 as usize]
    }

    /// What an image offered at a moment.
    pub fn saw(&mut self, image: &str, moment: MomentId, any: Offer, latest: Offer, tags: Tags) {
        self.mended(image, moment);
        let open = self.open(image);
        change(&mut open.any, Some(any), moment, &mut open.ended.any);
        change(&mut open.latest, Some(latest), moment, &mut open.ended.latest);
        let ended = open.change_tags(tags, moment);
        self.ended += ended;
    }

    /// That the image was there no more, or the file that was none's.
    pub fn removed(&mut self, image: &str, moment: MomentId) {
        self.mended(image, moment);
        if !self.has(image) {
            return;
        }
        let open = self.open(image);
        change(&mut open.any, None, moment, &mut open.ended.any);
        change(&mut open.latest, None, moment, &mut open.ended.latest);
        let ended = open.change_tags(Vec::new(), moment);
        self.ended += ended;
    }

    /// That it could not be read. What it offered before stands; where nothing is known, that is unknown.
    pub fn refused(&mut self, image: &str, moment: MomentId, reason: String) {
        if !self.has(image) {
            let nothing = Offer { set: self.set(Vec::new()), is_whole: false };
            self.saw(image, moment, nothing, nothing, Vec::new());
        }
        self.problem(image, moment, reason);
    }

    /// Notes what is wrong, and changes nothing.
    pub fn problem(&mut self, image: &str, moment: MomentId, reason: String) {
        self.problems.push(Problem { moment, until: None, image: image.to_owned(), reason });
        self.unread.entry(image.to_owned()).or_default().push(self.problems.len() - 1);
    }

    /// That an image which could not be read could be, or is gone.
    fn mended(&mut self, image: &str, moment: MomentId) {
        for problem in self.unread.remove(image).into_iter().flatten() {
            self.problems[problem].until = Some(moment);
        }
    }

    fn open(&mut self, image: &str) -> &mut Open {
        if !self.images.contains_key(image) {
            self.images.insert(image.to_owned(), Open::default());
        }
        self.images.entry(image.to_owned()).or_default()
    }

    /// The timeline, as far as `source` says.
    pub fn finish(self, source: Source) -> Timeline {
        Timeline {
            rung: self.rung,
            source,
            sets: self.sets,
            moments: self.moments,
            images: self.images.into_iter().map(|(name, open)| (name, open.close())).collect(),
            has_past_tags: self.has_past_tags,
            problems: self.problems,
        }
    }
}

/// Ends the span in `open` and begins another, unless it offers the same.
fn change(
    open: &mut Option<(Offer, MomentId)>,
    offer: Option<Offer>,
    moment: MomentId,
    ended: &mut Vec<Span>,
) {
    if open.map(|(offer, _)| offer) == offer {
        return;
    }
    if let Some((offer, from)) = *open {
        ended.push(Span { offer, from, until: Some(moment) });
    }
    *open = offer.map(|offer| (offer, moment));
}

impl Open {
    fn of(mut image: ImageTimeline) -> Open {
        let take = |spans: &mut Vec<Span>| {
            let last = spans.pop_if(|span| span.until.is_none())?;
            Some((last.offer, last.from))
        };
        let (any, latest) = (take(&mut image.any), take(&mut image.latest));
        let (standing, ended): (Vec<_>, Vec<_>) =
            image.tags.into_iter().partition(|(_, span)| span.until.is_none());
        image.tags = ended;
        let tags = standing.into_iter().map(|(tag, span)| (tag, span.offer, span.from)).collect();
        Open { ended: image, any, latest, tags }
    }

    /// Both lists are sorted by tag, so that one walk along them finds what differs. How many spans have ended.
    fn change_tags(&mut self, tags: Tags, moment: MomentId) -> usize {
        let ended = self.ended.tags.len();
        let mut before = std::mem::take(&mut self.tags).into_iter().peekable();
        let mut now = Vec::with_capacity(tags.len());
        let mut end = |tag: String, offer: Offer, from: MomentId| {
            self.ended.tags.push((tag, Span { offer, from, until: Some(moment) }));
        };
        for (tag, offer) in tags {
            while let Some((gone, offer, from)) = before.next_if(|(old, _, _)| *old < tag) {
                end(gone, offer, from);
            }
            match before.next_if(|(old, _, _)| *old == tag) {
                Some((_, old, from)) if old == offer => now.push((tag, offer, from)),
                Some((old_tag, old, from)) => {
                    end(old_tag, old, from);
                    now.push((tag, offer, moment));
                }
                None => now.push((tag, offer, moment)),
            }
        }
        for (gone, offer, from) in before {
            end(gone, offer, from);
        }
        self.tags = now;
        self.ended.tags.len() - ended
    }

    fn close(self) -> ImageTimeline {
        let mut image = self.ended;
        let standing =
            |open: Option<(Offer, MomentId)>| open.map(|(offer, from)| Span { offer, from, until: None });
        image.any.extend(standing(self.any));
        image.latest.extend(standing(self.latest));
        image
            .tags
            .extend(self.tags.into_iter().map(|(tag, offer, from)| (tag, Span { offer, from, until: None })));
        image.tags.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.from.cmp(&y.from)));
        image
    }
}
