//! The events as iCalendar (RFC 5545).

use icalendar::{Calendar, Component as _, Event, EventLike as _, Property};
use jiff::Timestamp;
use jiff::civil::Date;

use super::outside::plain;
use super::{Rendered, Route, Site};
use crate::content;

pub(super) fn render(site: &Site) -> Option<Rendered> {
    // Not when this was written, which is the clock's: a calendar that did not change has the same bytes.
    let stamp = site.catalogue.as_of().unwrap_or(Timestamp::UNIX_EPOCH);
    let stamp = stamp.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut calendar = Calendar {
        properties: Property::from_array([
            ("VERSION", "2.0"),
            ("PRODID", "-//workson//Events//EN"),
            ("CALSCALE", "GREGORIAN"),
            ("METHOD", "PUBLISH"),
            ("NAME", "workson: events"),
            ("X-WR-CALNAME", "workson: events"),
        ]),
        components: Vec::new(),
    };
    if site.base.origin.is_some() {
        calendar.properties.push(Property::new("URL", site.base.absolute(&Route::Events)));
        calendar.properties.push(
            Property::new("SOURCE", site.base.absolute(&Route::Calendar))
                .add_parameter("VALUE", "URI")
                .done(),
        );
    }
    for one in &site.content.events {
        calendar.push(event(one, &stamp)?);
    }
    let text = calendar.to_string();
    Some(Rendered { media_type: "text/calendar; charset=utf-8", bytes: text.into_bytes() })
}

/// A day, as a whole one.
fn day(name: &str, date: Date) -> Property {
    Property::new(name, date.strftime("%Y%m%d").to_string()).add_parameter("VALUE", "DATE").done()
}

fn event(event: &content::Event, stamp: &str) -> Option<Event> {
    let mut written = Event::with_uid(&format!("{}@events.workson.example", event.slug));
    written
        .summary(&plain(&event.name))
        .location(&plain(&event.place))
        .add_property("DTSTAMP", stamp)
        .add_property("TRANSP", "TRANSPARENT")
        .add_property("URL", plain(&event.link))
        .append_property(day("DTSTART", event.starts))
        // The first day that it does not take.
        .append_property(day("DTEND", event.ends.tomorrow().ok()?));
    if let Some(description) = &event.description {
        written.description(&plain(description));
    }
    Some(written)
}
