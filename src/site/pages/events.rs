//! What takes place.

use askama::Template;

use super::Frame;
use crate::content::Event;
use crate::site::{Route, Site};

#[derive(Template)]
#[template(path = "events.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    coming: Vec<&'a Event>,
    past: Vec<&'a Event>,
    calendar: String,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description = "Conferences where people meet whose software works on Arm and other platforms.";
    let frame = Frame::new(site, Route::Events, "Events", description);
    let today = site.day();
    let is_past = |event: &&Event| today.is_some_and(|today| event.ends < today);
    let (mut past, coming): (Vec<_>, Vec<_>) = site.content.events.iter().partition(is_past);
    past.reverse();
    Page { coming, past, calendar: frame.link(&Route::Calendar), frame }
}

/// The days of an event, in few words.
fn days(event: &Event) -> String {
    if event.starts == event.ends {
        return event.starts.to_string();
    }
    format!("{} to {}", event.starts, event.ends)
}
