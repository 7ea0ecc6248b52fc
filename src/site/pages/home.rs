//! The first page: the question, the count, the chart, what is new.

use askama::Template;

use super::Frame;
use super::graph::{self, Graph};
use super::story::{self, Deed};
use crate::content::{Issue, Kind};
use crate::site::{Column, FeedOf, Route, ServiceRoute, Site, Standing};

/// How many gains, and how many losses.
const NEWEST: usize = 7;
/// How many lines the chart has.
const LINES: usize = 6;

/// A platform's count.
pub(super) struct Count<'a> {
    pub(super) link: String,
    pub(super) column: &'a Column,
    pub(super) supported: u64,
    pub(super) total: u64,
    /// Where the bar ends, of 100.
    pub(super) share: String,
    /// Where what can't be told ends, of 100.
    pub(super) unknown: String,
}

#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    counts: Vec<Count<'a>>,
    as_of: String,
    graph: Option<Graph>,
    gains: Vec<Deed>,
    losses: Vec<Deed>,
    news: Vec<(String, &'a Issue)>,
    kinds: Vec<(String, &'static str, usize)>,
    /// What the service does for visitors: address, name, a sentence.
    services: Vec<(String, &'static str, &'static str)>,
}

/// The count of each platform.
pub(super) fn counts<'a>(frame: &Frame<'a>) -> Vec<Count<'a>> {
    let count = |column: &'a Column| {
        let (supported, total) = frame.site.official(column);
        let unknown = match column.series.last() {
            Some(point) => point.unknown,
            None => column.count(Standing::Unknown) as u64,
        };
        let share = |part: u64| format!("{:.1}", part as f64 * 100.0 / total.max(1) as f64);
        Count {
            link: frame.link(&Route::Platform(column.slug.clone())),
            column,
            supported,
            total,
            share: share(supported),
            unknown: share(supported + unknown),
        }
    };
    frame.site.catalogue.columns.iter().map(count).collect()
}

/// What of the service a visitor can use; nothing of a site of files.
fn services(frame: &Frame<'_>) -> Vec<(String, &'static str, &'static str)> {
    let services = &frame.site.services;
    let all = [
        (
            frame.asks(),
            Route::Service(ServiceRoute::Query),
            "Ask about any image",
            "Its registry is asked now: yes, no, or why it can’t be told.",
        ),
        (
            frame.asks(),
            Route::Service(ServiceRoute::Stack),
            "Check a stack",
            "All images of a list, a Dockerfile or a compose file at once.",
        ),
        (
            services.forms,
            Route::Service(ServiceRoute::Suggest),
            "Something is missing or wrong?",
            "Tell us. No account is needed.",
        ),
        (
            services.forms,
            Route::Calls,
            "Calls for proposals",
            "Machines and help for projects that need them.",
        ),
    ];
    let there = all.into_iter().filter(|(is_there, ..)| *is_there);
    there.map(|(_, route, name, what)| (frame.link(&route), name, what)).collect()
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description = "Does this software work on Arm, riscv64, ppc64le or s390x? An answer with evidence: \
                       since when, who says so, and how sure that is.";
    let frame = Frame::new(site, Route::Home, "Does it work on Arm?", description)
        .with(vec![FeedOf::News, FeedOf::Changes]);
    let mut columns: Vec<&Column> = site.catalogue.columns.iter().collect();
    columns.sort_by_key(|column| std::cmp::Reverse(frame.site.official(column).0));
    columns.truncate(LINES);
    // In the order of all pages, so that a platform keeps its colour.
    columns.sort_by_key(|column| site.catalogue.column(&column.slug));
    let title = "Official images that declare a platform";
    let kind =
        |kind: Kind| (site.base.link(&Route::Kind(kind, 1)), kind.plural(), site.of_kind(kind).count());
    let news = site.content.news.iter().take(3);
    Page {
        counts: counts(&frame),
        as_of: frame.declared_as_of(),
        graph: graph::graph(site, &columns, title, "coverage"),
        gains: story::newest(site, story::is_gain, NEWEST),
        losses: story::newest(site, story::is_loss, NEWEST),
        news: news.map(|issue| (frame.link(&Route::Issue(issue.slug.clone())), issue)).collect(),
        kinds: Kind::ALL.into_iter().map(kind).collect(),
        services: services(&frame),
        frame,
    }
}
