//! What happened: who gained a platform, who lost one, who came and who went.

use std::collections::BTreeSet;

use jiff::Timestamp;
use workson_oci::Platform;

use crate::evidence::Rung;
use crate::timeline::{By, ImageTimeline, MomentId, SetId, Span, Timeline};

/// What happened to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// It came, or came back.
    Added,
    /// It is known to have a platform, which could not be told before.
    Told,
    /// It has a platform that it never had.
    Gained,
    /// It has a platform again.
    Regained,
    /// It has a platform no more.
    Lost,
    /// It went.
    Removed,
}

impl Happening {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            Happening::Added => "added",
            Happening::Told => "told",
            Happening::Gained => "gained",
            Happening::Regained => "regained",
            Happening::Lost => "lost",
            Happening::Removed => "removed",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub moment: MomentId,
    /// To which image.
    pub image: String,
    /// What.
    pub happening: Happening,
    /// Which platform it gained, regained or lost, or was told to have; none where the image itself came or went.
    pub platform: Option<Platform>,
    /// Whether it gained the platform because the image came, or lost it because the image went.
    pub with_image: bool,
}

/// Which events are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these images; of all, where there is none.
    pub images: Vec<String>,
    /// Of these platforms, and then not of the images themselves; of all, where there is none.
    pub platforms: Vec<Platform>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
}

/// What happened in `timeline`, in order of time, judged by any tag or by `latest`.
///
/// What could not be told was neither gained nor lost: once it can be, it is [`Happening::Told`]. Where an image comes,
/// it gains all its platforms; where it goes, it loses them: so what was told and gained, less what was lost, is the
/// count. On the rung `published` the first look at an image is no event, and coming onto a list or going off it
/// is none either: that says nothing about the image.
pub fn events(timeline: &Timeline, by: By, filter: &Filter) -> Vec<Event> {
    let mut events = Vec::new();
    let matchers: Vec<_> = filter.platforms.iter().map(workson_oci::platform::Matcher::only_strict).collect();
    let is_asked = |event: &Event| {
        let at = timeline.moment(event.moment).at;
        let of_platform = match &event.platform {
            _ if matchers.is_empty() => true,
            Some(platform) => matchers.iter().any(|matcher| matcher.matches(platform)),
            None => false,
        };
        of_platform
            && filter.since.is_none_or(|since| at >= since)
            && filter.until.is_none_or(|until| at <= until)
    };
    for (name, image) in &timeline.images {
        if filter.images.is_empty() || filter.images.contains(name) {
            events.extend(of_image(timeline, name, image, by).into_iter().filter(is_asked));
        }
    }
    events.sort_by(|a, b| {
        let key = |event: &Event| (event.moment, event.happening);
        key(a).cmp(&key(b)).then_with(|| a.image.cmp(&b.image)).then_with(|| a.platform.cmp(&b.platform))
    });
    events
}

fn of_image(timeline: &Timeline, name: &str, image: &ImageTimeline, by: By) -> Vec<Event> {
    let is_declared = timeline.rung == Rung::Declared;
    let mut history = History::new(timeline, name);
    let mut before: Option<&Span> = None;
    for span in image.spans(by) {
        let follows = before.is_some_and(|before| before.until == Some(span.from));
        if is_declared && !follows {
            if let Some(until) = before.and_then(|before| before.until) {
                history.went(until);
            }
            history.note(span.from, Happening::Added, None, false);
        }
        if !is_declared && before.is_none() {
            history.begins_with(span);
        } else {
            history.offers(span, is_declared && !follows);
        }
        before = Some(span);
    }
    if let Some(until) = before.and_then(|before| before.until).filter(|_| is_declared) {
        history.went(until);
    }
    history.events
}

/// One image, followed along its spans.
struct History<'a> {
    timeline: &'a Timeline,
    name: &'a str,
    events: Vec<Event>,
    /// What it is known to have.
    has: BTreeSet<Platform>,
    /// What it ever had.
    had: BTreeSet<Platform>,
    /// Whether it was ever known what it has.
    is_known: bool,
}

impl<'a> History<'a> {
    fn new(timeline: &'a Timeline, name: &'a str) -> History<'a> {
        let (has, had) = (BTreeSet::new(), BTreeSet::new());
        History { timeline, name, events: Vec::new(), has, had, is_known: false }
    }

    fn note(&mut self, moment: MomentId, happening: Happening, platform: Option<Platform>, with_image: bool) {
        let image = self.name.to_owned();
        self.events.push(Event { moment, image, happening, platform, with_image });
    }

    /// The platforms of a set, without Windows' versions, which move with every month's update.
    fn set(&self, set: SetId) -> BTreeSet<Platform> {
        let bare = |platform: &Platform| Platform {
            os_version: String::new(),
            os_features: Vec::new(),
            ..platform.clone()
        };
        self.timeline.set(set).iter().map(bare).collect()
    }

    /// What it has when it is looked at first.
    fn begins_with(&mut self, span: &Span) {
        self.has = self.set(span.offer.set);
        self.had.clone_from(&self.has);
        self.is_known = span.offer.is_whole;
    }

    fn offers(&mut self, span: &Span, with_image: bool) {
        let now = self.set(span.offer.set);
        for platform in now.difference(&self.has).cloned().collect::<Vec<_>>() {
            let happening = match () {
                () if self.had.contains(&platform) => Happening::Regained,
                () if self.is_known || with_image => Happening::Gained,
                () => Happening::Told,
            };
            self.note(span.from, happening, Some(platform), with_image);
        }
        if span.offer.is_whole {
            for platform in self.has.difference(&now).cloned().collect::<Vec<_>>() {
                self.note(span.from, Happening::Lost, Some(platform), false);
            }
            self.has.clone_from(&now);
            self.is_known = true;
        } else {
            self.has.extend(now.iter().cloned());
        }
        self.had.extend(now);
    }

    fn went(&mut self, moment: MomentId) {
        for platform in std::mem::take(&mut self.has) {
            self.note(moment, Happening::Lost, Some(platform), true);
        }
        self.note(moment, Happening::Removed, None, false);
    }
}
