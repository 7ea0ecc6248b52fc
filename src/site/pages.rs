//! The pages: one file each, and one template each below `templates/`.

mod about;

use askama::Template;

use super::{Base, FeedFormat, FeedOf, Rendered, Route, Site, assets};

/// What every page has around its own words. Templates see it as `frame`.
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
}

impl<'a> Frame<'a> {
    pub(super) fn new(site: &'a Site, route: Route, title: &str, description: &str) -> Frame<'a> {
        let (title, description) = (title.to_owned(), description.to_owned());
        Frame { site, route, title, description, feeds: Vec::new(), has_script: false }
    }

    pub(super) fn base(&self) -> &Base {
        &self.site.base
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
        Some(self.site.base.absolute(&self.route))
    }

    /// The places that the head of each page leads to: address, name, whether this page is there.
    pub(super) fn places(&self) -> Vec<(String, &'static str, bool)> {
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
        let here = self.route.path();
        places
            .into_iter()
            .map(|(route, name)| (self.link(&route), name, here.starts_with(&route.path())))
            .collect()
    }

    /// The addresses of the feeds: address, media type, name.
    pub(super) fn feed_links(&self) -> Vec<(String, &'static str, String)> {
        let mut links = Vec::new();
        for of in &self.feeds {
            for format in FeedFormat::ALL {
                let what = match of {
                    FeedOf::News => "News".to_owned(),
                    FeedOf::Changes => "All changes".to_owned(),
                    FeedOf::Entry(slug) | FeedOf::Platform(slug) => format!("Changes of {slug}"),
                };
                let link = self.link(&Route::Feed { of: of.clone(), format });
                links.push((link, format.media_type(), format!("{what} ({})", format.name())));
            }
        }
        links
    }
}

pub(super) fn render(site: &Site, route: &Route) -> Option<Rendered> {
    match route {
        Route::About => html(&about::page(site)),
        _ => None,
    }
}

/// A page's bytes. A template writes to memory, and fails only where a value in it does: none of ours does.
fn html(page: &impl Template) -> Option<Rendered> {
    let bytes = page.render().ok()?.into_bytes();
    Some(Rendered { media_type: "text/html; charset=utf-8", bytes })
}
