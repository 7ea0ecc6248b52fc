//! What happened in an issue's period.

use jiff::Timestamp;
use jiff::civil::Date;

use super::day;
use super::platform::Standings;
use crate::catalog::log::{Event, Filter, Happening, events};
use crate::timeline::{By, Timeline};

/// What happened, in order of time, each with its day.
pub(super) struct Happenings(Vec<(Event, Date)>);

impl Happenings {
    /// What happened later than `since`, as far as it is asked for.
    pub(super) fn new(timeline: &Timeline, since: Timestamp, filter: &Filter) -> Happenings {
        let found = events(timeline, By::Any, filter).into_iter();
        let dated = found.filter_map(|event| {
            let at = timeline.moment(event.moment).at;
            (at > since).then(|| (event, day(at)))
        });
        Happenings(dated.collect())
    }

    /// Those of images themselves: that they came, or went.
    pub(super) fn of_images(mut self) -> Happenings {
        self.0.retain(|(event, _)| event.platform.is_none());
        self
    }

    /// Images with the day on which something happened to each last.
    pub(super) fn dated(&self, images: Vec<String>) -> Vec<(String, Option<Date>)> {
        let last = |image: &String| {
            self.0.iter().rev().find(|(event, _)| event.image == *image).map(|(_, date)| *date)
        };
        images.into_iter().map(|image| (image.clone(), last(&image))).collect()
    }

    /// The images to which one of these happened, and not because they came or went.
    pub(super) fn of(&self, happenings: &[Happening]) -> Vec<String> {
        let is_such = |event: &Event| happenings.contains(&event.happening) && !event.with_image;
        let mut images: Vec<String> =
            self.0.iter().filter(|(event, _)| is_such(event)).map(|(event, _)| event.image.clone()).collect();
        images.sort();
        images.dedup();
        images
    }

    /// The images that stand as they did, to which something happened all the same: those that have the platform, or
    /// those that have it not.
    pub(super) fn in_between(&self, standings: &Standings, has_it: bool) -> Vec<String> {
        let mut images: Vec<String> = self.0.iter().map(|(event, _)| event.image.clone()).collect();
        images.sort();
        images.dedup();
        images.retain(|image| standings.unchanged(image) == Some(has_it));
        images
    }
}
