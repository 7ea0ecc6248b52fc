//! What every page has around its own words.

use jiff::Timestamp;

use crate::site::provenance::link_of;
use crate::site::{FeedFormat, FeedOf, Route, ServiceRoute, Site, assets};

/// Templates see it as `frame`.
pub(super) struct Frame<'a> {
    pub(super) site: &'a Site,
    pub(super) route: Route,
    /// What the page is called, without the site's name.
    pub(super) title: String,
    /// One sentence for search engines and cards.
    pub(super) description: String,
    /// The feeds that tell of what the page shows.
    pub(super) feeds: Vec<FeedOf>,
    /// Whether Explore's script is needed.
    pub(super) has_script: bool,
    /// Whether its address is a secret: search engines are kept off, and nobody is told where a visitor came from.
    pub(super) is_private: bool,
}

impl<'a> Frame<'a> {
    pub(super) fn new(site: &'a Site, route: Route, title: &str, description: &str) -> Frame<'a> {
        let (title, description) = (title.to_owned(), description.to_owned());
        Frame { site, route, title, description, feeds: Vec::new(), has_script: false, is_private: false }
    }

    /// With feeds.
    pub(super) fn with(mut self, feeds: Vec<FeedOf>) -> Frame<'a> {
        self.feeds = feeds;
        self
    }

    /// With an address that is a secret.
    pub(super) fn private(mut self) -> Frame<'a> {
        self.is_private = true;
        self
    }

    /// The address of a route, for links.
    pub(super) fn link(&self, route: &Route) -> String {
        self.site.base.link(route)
    }

    /// The address of a file of the site's design.
    pub(super) fn asset(&self, name: &str) -> String {
        self.link(&assets::route(name))
    }

    /// The whole address of this page, where the site's host is known.
    pub(super) fn canonical(&self) -> Option<String> {
        self.site.base.origin.as_ref()?;
        // What is not there has no address of its own, and a secret one is not repeated.
        (self.route != Route::NotFound && !self.is_private).then(|| self.site.base.absolute(&self.route))
    }

    /// The whole address of the picture in cards, where the site's host is known.
    pub(super) fn card(&self) -> Option<String> {
        self.site.base.origin.as_ref()?;
        Some(self.site.base.absolute(&assets::route("card.png")))
    }

    /// Whether the head has the answer box: not where the page itself has one.
    pub(super) fn has_search(&self) -> bool {
        !matches!(self.route, Route::Home | Route::Explore(_))
    }

    /// The places that the head of each page leads to: address, name, whether this page is there, whether it is it.
    pub(super) fn places(&self) -> Vec<(String, &'static str, &'static str)> {
        let ask = self.asks().then_some((Route::Service(ServiceRoute::Query), "Ask"));
        let places = [
            (Route::Explore(1), "Explore"),
            (Route::Platforms, "Platforms"),
            (Route::Compare, "Compare"),
            (Route::Changes, "Changes"),
            (Route::News, "News"),
            (Route::Events, "Events"),
            (Route::Method, "Method"),
            (Route::About, "About"),
        ];
        let current = |route: &Route| {
            let is_below = match (&self.route, route) {
                (Route::Kind(..) | Route::Category(..) | Route::Entry(_), Route::Explore(_))
                | (Route::Platform(_) | Route::PlatformList(..), Route::Platforms)
                | (Route::Service(ServiceRoute::Stack), Route::Service(ServiceRoute::Query)) => true,
                (here, route) => here.path().starts_with(&route.path()),
            };
            match (self.route == *route, is_below) {
                (true, _) => "page",
                (_, true) => "true",
                _ => "",
            }
        };
        let places = ask.into_iter().chain(places);
        places.map(|(route, name)| (self.link(&route), name, current(&route))).collect()
    }

    /// Whether registries may be asked here.
    pub(super) fn asks(&self) -> bool {
        self.site.services.registries.is_some()
    }

    /// The places that the foot of each page leads to beside those that every site has.
    pub(super) fn further_places(&self) -> Vec<(String, &'static str)> {
        let services = &self.site.services;
        let has_calls = services.forms || !self.site.content.calls.is_empty();
        let places = [
            (self.asks(), Route::Service(ServiceRoute::Stack), "Check a stack"),
            (has_calls, Route::Calls, "Calls for proposals"),
            (services.forms, Route::Service(ServiceRoute::Suggest), "Something is missing or wrong?"),
            (services.status, Route::Service(ServiceRoute::Status), "Status"),
        ];
        let there = places.into_iter().filter(|(is_there, ..)| *is_there);
        there.map(|(_, route, name)| (self.link(&route), name)).collect()
    }

    /// The addresses of the feeds: address, media type, name.
    pub(super) fn feed_links(&self) -> Vec<(String, &'static str, String)> {
        let mut links = Vec::new();
        for of in &self.feeds {
            for format in FeedFormat::ALL {
                let what = match of {
                    FeedOf::News => "News".to_owned(),
                    FeedOf::Changes => "All changes".to_owned(),
                    FeedOf::Decisions => "Decisions about proposals".to_owned(),
                    FeedOf::Entry(slug) | FeedOf::Platform(slug) => format!("Changes of {slug}"),
                };
                let link = self.link(&Route::Feed { of: of.clone(), format });
                links.push((link, format.media_type(), format!("{what} ({})", format.name())));
            }
        }
        links
    }

    /// How far the newest fact reaches, as a day.
    pub(super) fn as_of(&self) -> String {
        self.site.catalogue.as_of().map(day).unwrap_or_default()
    }

    /// The day up to which it is known what maintainers declare.
    pub(super) fn declared_as_of(&self) -> String {
        let declared = self.site.catalogue.declared.as_ref();
        declared.map_or_else(|| self.as_of(), |source| day(source.head_at))
    }
}

/// A day as ISO 8601 has it, UTC.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `September 2017`.
pub(super) fn month_name(year: i16, month: i8) -> String {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let name = usize::try_from(month - 1).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or_default();
    format!("{name} {year}")
}

/// What says so, where there is little room: the beginning of a commit's digits, or the run.
pub(super) fn origin_name(origin: &str) -> String {
    match link_of(origin) {
        Some(_) => origin[..7].to_owned(),
        None => origin.to_owned(),
    }
}
