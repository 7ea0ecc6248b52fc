//! Everything that was gained and lost.

use askama::Template;

use super::Frame;
use super::frame::month_name;
use super::story::{self, Day};
use super::table::Pager;
use crate::site::{ApiRoute, FeedOf, MONTH_PAGE, Route, Site};

/// How many of the newest changes the first page shows.
const NEWEST: usize = 60;

/// A month, where a year lists its months.
pub(super) struct Month {
    pub(super) link: String,
    pub(super) name: String,
    pub(super) count: usize,
}

#[derive(Template)]
#[template(path = "changes.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    days: Vec<Day>,
    /// The months of each year, the newest first.
    years: Vec<(i16, Vec<Month>)>,
    total: usize,
}

pub(super) fn all(site: &Site) -> Page<'_> {
    let description =
        "Which entry gained, lost or got back which platform, and when; by month since the beginning.";
    let frame = Frame::new(site, Route::Changes, "Changes", description).with(vec![FeedOf::Changes]);
    let mut years: Vec<(i16, Vec<Month>)> = Vec::new();
    for &crate::site::Month { year, month, ref changes } in site.catalogue.months() {
        let link = frame.link(&Route::ChangesMonth(year, month, 1));
        let name = month_name(year, month).chars().take(3).collect();
        let month = Month { link, name, count: changes.len() };
        match years.last_mut() {
            Some((last, months)) if *last == year => months.push(month),
            _ => years.push((year, vec![month])),
        }
    }
    let newest = site.catalogue.changes.iter().take(NEWEST);
    Page { days: story::days(story::deeds(site, newest)), years, total: site.catalogue.changes.len(), frame }
}

#[derive(Template)]
#[template(path = "changes_month.html")]
pub(super) struct MonthPage<'a> {
    frame: Frame<'a>,
    name: String,
    days: Vec<Day>,
    pager: Pager,
    earlier: Option<(String, String)>,
    later: Option<(String, String)>,
    json: String,
    up: String,
}

pub(super) fn month(site: &Site, year: i16, month: i8, number: usize) -> Option<MonthPage<'_>> {
    let months = site.catalogue.months();
    let at = months.iter().position(|found| (found.year, found.month) == (year, month))?;
    let changes = &site.catalogue.changes[months[at].changes.clone()];
    let route = |number| Route::ChangesMonth(year, month, number);
    let pager = Pager::new(site, changes.len(), MONTH_PAGE, number, &route)?;
    let shown = changes.iter().skip((number - 1) * MONTH_PAGE).take(MONTH_PAGE);
    let name = month_name(year, month);
    let title = match number {
        1 => format!("Changes of {name}"),
        number => format!("Changes of {name}, page {number}"),
    };
    let description = format!("Which entry gained or lost which platform in {name}.");
    let frame = Frame::new(site, route(number), &title, &description).with(vec![FeedOf::Changes]);
    let beside = |at: Option<usize>| {
        let found = months.get(at?)?;
        let name = month_name(found.year, found.month);
        Some((frame.link(&Route::ChangesMonth(found.year, found.month, 1)), name))
    };
    Some(MonthPage {
        days: story::days(story::deeds(site, shown)),
        pager,
        earlier: beside(Some(at + 1)),
        later: beside(at.checked_sub(1)),
        json: frame.link(&Route::Api(ApiRoute::Month(year, month))),
        up: frame.link(&Route::Changes),
        name,
        frame,
    })
}
