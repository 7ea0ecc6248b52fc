//! Data to take away.

use askama::Template;

use super::Frame;
use crate::site::{ApiRoute, BadgeFormat, BadgeOf, FeedFormat, FeedOf, Route, ServiceRoute, Site};

#[derive(Template)]
#[template(path = "download.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    /// Path, address, what it holds.
    documents: Vec<(String, String, &'static str)>,
    /// Name, and a link for each form.
    feeds: Vec<(&'static str, Vec<(String, &'static str)>)>,
    badges: Vec<(String, &'static str)>,
    /// Where any image may be asked about; none where that is not served.
    ask: Option<(String, String)>,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description = "The whole catalogue as JSON, CSV, feeds and badges, free to use.";
    let frame = Frame::new(site, Route::Download, "Data and API", description)
        .with(vec![FeedOf::News, FeedOf::Changes]);
    let document = |route: Route, what: &'static str| (route.path(), frame.link(&route), what);
    let api = |route: ApiRoute, what: &'static str| document(Route::Api(route), what);
    let documents = vec![
        api(ApiRoute::Index, "What there is, and how far the data reaches."),
        api(ApiRoute::Entries, "All entries, with a verdict for each platform."),
        api(ApiRoute::Platforms, "All platforms, with their counts."),
        api(ApiRoute::Changes, "The months in which something changed; each has a document of its own."),
        api(ApiRoute::News, "The newsletter's issues."),
        api(ApiRoute::Events, "The events."),
        api(ApiRoute::OpenApi, "The description of all this (OpenAPI 3.1)."),
        document(Route::Csv, "All verdicts as one table: an entry and a platform a row."),
        document(Route::Sqlite, "The whole history of the official images as an SQLite database."),
        document(Route::Calendar, "The events as a calendar (iCalendar)."),
    ];
    let feed = |name: &'static str, of: FeedOf| {
        let link = |format: FeedFormat| (frame.link(&Route::Feed { of: of.clone(), format }), format.name());
        (name, FeedFormat::ALL.into_iter().map(link).collect())
    };
    let feeds = vec![
        feed("News", FeedOf::News),
        feed("All changes", FeedOf::Changes),
        feed("Decisions about proposals", FeedOf::Decisions),
    ];
    let first = site.catalogue.columns.first().map(|column| column.slug.clone()).unwrap_or_default();
    let entry = site.catalogue.entries.first().map(|entry| entry.slug.clone()).unwrap_or_default();
    let badge = |of: BadgeOf, format| frame.link(&Route::Badge { of, format });
    let badges = vec![
        (
            badge(BadgeOf::Entry(entry.clone(), first.clone()), BadgeFormat::Svg),
            "an entry on a platform, SVG",
        ),
        (
            badge(BadgeOf::Entry(entry, first.clone()), BadgeFormat::Endpoint),
            "the same as a Shields endpoint",
        ),
        (badge(BadgeOf::Coverage(first.clone()), BadgeFormat::Svg), "a platform’s coverage, SVG"),
        (badge(BadgeOf::Coverage(first), BadgeFormat::Endpoint), "the same as a Shields endpoint"),
    ];
    let ask = frame.asks().then(|| {
        let address = |route| site.base.absolute(&Route::Service(route));
        (address(ServiceRoute::ApiQuery), address(ServiceRoute::ApiStack))
    });
    Page { frame, documents, feeds, badges, ask }
}
