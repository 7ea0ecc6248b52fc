//! What people wrote: the newsletter's issues and the events.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::Feeds;
use crate::content;
use crate::site::{FeedOf, Route, Site};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct News<'a> {
    as_of: Option<Timestamp>,
    issues: Vec<Issue<'a>>,
    feeds: Feeds,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issue<'a> {
    slug: &'a str,
    title: &'a str,
    date: Date,
    summary: &'a str,
    in_this_issue: Vec<&'a str>,
    page: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Events<'a> {
    as_of: Option<Timestamp>,
    events: Vec<Event<'a>>,
    calendar: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    slug: &'a str,
    name: &'a str,
    starts: Date,
    ends: Date,
    place: &'a str,
    link: &'a str,
    description: Option<&'a str>,
}

pub(super) fn news(site: &Site) -> News<'_> {
    let issues = site.content.news.iter().map(|issue| Issue {
        slug: &issue.slug,
        title: &issue.title,
        date: issue.date,
        summary: &issue.summary,
        in_this_issue: issue.headings.iter().map(|heading| heading.text.as_str()).collect(),
        page: site.base.absolute(&Route::Issue(issue.slug.clone())),
    });
    let feeds = Feeds::new(site, &FeedOf::News);
    News { as_of: site.catalogue.as_of(), issues: issues.collect(), feeds }
}

pub(super) fn events(site: &Site) -> Events<'_> {
    fn event(event: &content::Event) -> Event<'_> {
        Event {
            slug: &event.slug,
            name: &event.name,
            starts: event.starts,
            ends: event.ends,
            place: &event.place,
            link: &event.link,
            description: event.description.as_deref(),
        }
    }
    let events = site.content.events.iter().map(event).collect();
    Events { as_of: site.catalogue.as_of(), events, calendar: site.base.absolute(&Route::Calendar) }
}
