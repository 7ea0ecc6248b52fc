//! How the service does.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::Frame;
use super::super::frame::day;
use super::super::text::line;
use crate::site::{Inventory, Route, ServiceRoute, Site};

/// How many inventories are shown.
const INVENTORIES: usize = 100;
/// How many characters of a name or a sentence are shown.
const WORDS: usize = 300;

/// One inventory.
pub(super) struct Made {
    list: String,
    last: String,
    next: String,
    /// The same where it is an instant, as people read it.
    shown_next: Option<String>,
}

/// How old facts of a kind are.
pub(super) struct Age {
    what: &'static str,
    /// The day; none where there is no such fact.
    day: Option<String>,
    /// How long that is ago, where today is known.
    ago: String,
}

#[derive(Template)]
#[template(path = "service/status.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    registries: Option<&'a [String]>,
    inventories: Vec<Made>,
    ages: Vec<Age>,
}

pub(super) fn page<'a>(site: &'a Site, inventories: &[Inventory]) -> Page<'a> {
    let description =
        "How this service does: what may be asked, when registries are asked, how old the facts are.";
    let catalogue = &site.catalogue;
    let made = |inventory: &Inventory| Made {
        list: line(&inventory.list, WORDS),
        last: line(&inventory.last, WORDS),
        shown_next: inventory.next.parse::<Timestamp>().ok().map(minute),
        next: line(&inventory.next, WORDS),
    };
    let age = |what, at: Option<Timestamp>| Age {
        what,
        day: at.map(day),
        ago: at.and_then(|at| ago(site, at)).unwrap_or_default(),
    };
    Page {
        frame: Frame::new(site, Route::Service(ServiceRoute::Status), "Status", description),
        registries: site.services.registries.as_deref(),
        inventories: inventories.iter().take(INVENTORIES).map(made).collect(),
        ages: vec![
            age("Declared by maintainers", catalogue.declared.as_ref().map(|source| source.head_at)),
            age("Published by registries", catalogue.published.as_ref().map(|source| source.head_at)),
            age("Verified in the bytes", catalogue.verified_at),
        ],
    }
}

/// `2026-11-23 20:05 UTC`.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 days ago`; none where today is not known.
fn ago(site: &Site, at: Timestamp) -> Option<String> {
    let from = at.to_zoned(TimeZone::UTC).date();
    Some(match from.until(site.today?).ok()?.get_days() {
        ..0 => "in days to come, so a clock was wrong".to_owned(),
        0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    })
}
