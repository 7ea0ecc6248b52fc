//! The web site: catalogue and content become pages, feeds, charts, badges and a static API.
//!
//! Everything here is pure: a [`Site`] is made once of what is known, lists its [`Route`]s and renders each of them to
//! bytes. Who writes them to disk or sends them is not known here.

mod api;
mod assets;
mod badge;
mod calendar;
mod catalogue;
mod content_check;
mod discovery;
mod draft;
mod feeds;
mod outside;
mod pages;
mod provenance;
mod route;
mod routes;
mod search;
mod service;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::Url;

use crate::catalog::check::Evidence;
use crate::catalog::verified::Verified;
use crate::content::{Content, Kind};
use crate::proposal::{Notice, Project};

pub use catalogue::{Catalogue, Change, Column, Entry, Mark, Month};
pub use draft::{Draft, Period};
pub use outside::cell;
pub use route::{ApiRoute, BadgeFormat, BadgeOf, FeedFormat, FeedOf, Route, Standing};
pub use service::{Answered, Inventory, Origin, ServiceRoute, Services, Typed, View};

/// How many entries one page lists. With a mark for each platform that keeps a page below 1,400 elements.
pub const PAGE: usize = 50;

/// How many changes one page of a month lists.
pub const MONTH_PAGE: usize = 150;

/// What pages may load, for the header of the same name: each page says it as well (`templates/base.html`).
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'";

/// Where the site is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Base {
    /// Scheme and host, without a slash at the end: `https://workson.example`. None where that is not known: then there
    /// are no canonical addresses, no site map and no addresses in cards.
    pub origin: Option<String>,
    /// The path that all routes are below, without a slash at the end; mostly empty.
    pub path: String,
}

/// Why an address can't be that of a site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--base-url {text}: {reason}")]
pub struct BaseError {
    text: String,
    reason: String,
}

impl Base {
    /// Reads the address that a site is at.
    ///
    /// # Errors
    /// Where it is no address, is not http or https, or has a user, a query or a fragment.
    pub fn read(text: &str) -> Result<Base, BaseError> {
        let failed = |reason: String| BaseError { text: text.to_owned(), reason };
        let url = Url::parse(text).map_err(|error| failed(format!("it is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(failed("a site is at http:// or https:// and a host".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // It may be a secret.
            let text = format!("{}://…@{}", url.scheme(), url.host_str().unwrap_or_default());
            return Err(BaseError { text, reason: "a name and a password have no place in it".to_owned() });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(failed("pages can't be below a query or a fragment".to_owned()));
        }
        Ok(Base {
            origin: Some(url.origin().ascii_serialization()),
            path: url.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The address of a route within the site's host, for links: `/entry/nginx/`.
    pub fn link(&self, route: &Route) -> String {
        format!("{}{}", self.path, route.path())
    }

    /// The whole address of a route; that within its host where the host is not known.
    pub fn absolute(&self, route: &Route) -> String {
        format!("{}{}", self.origin.as_deref().unwrap_or_default(), self.link(route))
    }
}

/// Everything that the site shows.
#[derive(Debug)]
pub struct Site {
    /// Where it is.
    pub base: Base,
    /// What people wrote.
    pub content: Content,
    /// What is known, as the pages show it.
    pub catalogue: Catalogue,
    /// What was approved in calls for proposals, the newest first.
    pub projects: Vec<Project>,
    /// What was decided about proposals, the newest first.
    pub notices: Vec<Notice>,
    /// What else there is where it is served.
    pub services: Services,
    /// The day that it is, UTC, where that is known: a service knows it, a build does not.
    pub today: Option<Date>,
}

/// A rendered route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its media type, with the encoding of its text.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Site {
    /// The site of what is known and what people wrote.
    pub fn new(base: Base, content: Content, evidence: &Evidence<'_>, verified: &Verified) -> Site {
        let catalogue = Catalogue::new(&content, evidence, verified);
        Site {
            base,
            content,
            catalogue,
            projects: Vec::new(),
            notices: Vec::new(),
            services: Services::default(),
            today: None,
        }
    }

    /// How many official images have a column's platform, as declared, and of how many; of all entries where no history
    /// is known.
    pub fn official(&self, column: &Column) -> (u64, u64) {
        match column.series.last() {
            Some(point) => (point.supported, point.total),
            None => (column.count(Standing::Has) as u64, column.total() as u64),
        }
    }

    /// The newest day that the site tells of: that of its newest fact or of its newest issue, whichever is later. It
    /// stands for today, because a site has no clock: the same data and content make the same pages on any day.
    pub fn newest_day(&self) -> Option<Date> {
        let known = self.catalogue.as_of().map(|at| at.to_zoned(TimeZone::UTC).date());
        known.max(self.content.news.iter().map(|issue| issue.date).max())
    }

    /// The day by which what is coming is told from what is past: today, or the newest day that the site tells of.
    pub fn day(&self) -> Option<Date> {
        self.today.or_else(|| self.newest_day())
    }

    /// The entries of a kind that are there, by name. What nobody wrote about yet is of no kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        let is_of = move |entry: &&Entry| entry.about.as_ref().is_some_and(|about| about.kind == kind);
        self.catalogue.standing().filter(is_of)
    }

    /// The entries of a category that are there, by name.
    pub(crate) fn of_category<'a>(&'a self, slug: &'a str) -> impl Iterator<Item = &'a Entry> {
        let is_in = move |entry: &&Entry| {
            entry.about.iter().flat_map(|about| &about.categories).any(|category| category == slug)
        };
        self.catalogue.standing().filter(is_in)
    }

    /// The entries that work on one column's platform, and not on the other's.
    pub(crate) fn only(&self, one: usize, other: usize) -> impl Iterator<Item = &Entry> {
        self.catalogue.standing().filter(move |entry| {
            entry.marks[one].standing == Standing::Has && entry.marks[other].standing != Standing::Has
        })
    }

    /// Renders a route; none where the site has no such thing.
    pub fn render(&self, route: &Route) -> Option<Rendered> {
        match route {
            Route::Feed { of, format } => feeds::render(self, of, *format),
            Route::Badge { of, format } => badge::render(self, of, *format),
            Route::Api(route) => api::render(self, route),
            Route::Calendar => calendar::render(self),
            Route::SearchIndex => search::index(self),
            Route::Csv => api::csv(self),
            Route::Sitemap(part) => discovery::sitemap(self, *part),
            Route::Robots => discovery::robots(self),
            Route::OpenSearch => discovery::open_search(self),
            Route::Asset(name) => assets::render(name),
            Route::Logo(name) => assets::logo(self, name),
            Route::Sqlite | Route::Service(_) => None,
            _ => pages::render(self, route),
        }
    }

    /// Renders a page of the service; none where a value of it can't be written, which none of ours is.
    pub fn view(&self, view: &View<'_>) -> Option<Rendered> {
        pages::view(self, view)
    }
}
