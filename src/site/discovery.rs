//! What leads machines here: the site map, robots.txt, OpenSearch.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Rendered, Route, ServiceRoute, Site};

/// How many addresses a part of the site map has at most, as the protocol says.
const PART: usize = 50_000;

const XML: &str = "application/xml; charset=utf-8";

/// How many site maps there are, the index included; none where the site's host is not known: a site map has whole
/// addresses only.
pub(super) fn sitemaps(site: &Site) -> usize {
    match site.base.origin {
        Some(_) => 1 + parts(&site.page_routes()),
        None => 0,
    }
}

fn parts(pages: &[Route]) -> usize {
    pages.len().div_ceil(PART).max(1)
}

/// An address, and the day on which what is there changed last, where that is known.
struct Place {
    address: String,
    changed: Option<String>,
}

#[derive(Template)]
#[template(path = "discovery/sitemap.xml")]
struct Map {
    is_index: bool,
    places: Vec<Place>,
}

pub(super) fn sitemap(site: &Site, part: usize) -> Option<Rendered> {
    site.base.origin.as_ref()?;
    let pages = site.page_routes();
    let place = |route: &Route, changed: Option<Timestamp>| Place {
        address: site.base.absolute(route),
        changed: changed.map(|at| at.strftime("%Y-%m-%d").to_string()),
    };
    let places = match part.checked_sub(1) {
        None => (1..=parts(&pages)).map(|part| place(&Route::Sitemap(part), None)).collect(),
        Some(at) => {
            let changed = Changed::new(site);
            let pages = pages.chunks(PART).nth(at)?;
            pages.iter().map(|route| place(route, changed.at(route))).collect()
        }
    };
    let text = Map { is_index: part == 0, places }.render().ok()?;
    Some(Rendered { media_type: XML, bytes: text.into_bytes() })
}

/// When pages changed last, as far as the data tells: looks may have changed since.
struct Changed<'a> {
    site: &'a Site,
    columns: Vec<Option<Timestamp>>,
}

impl<'a> Changed<'a> {
    fn new(site: &'a Site) -> Changed<'a> {
        let catalogue = &site.catalogue;
        let mut columns = vec![None; catalogue.columns.len()];
        for change in &catalogue.changes {
            if let Some(column) = change.column {
                columns[column].get_or_insert(change.at);
            }
        }
        Changed { site, columns }
    }

    fn at(&self, route: &Route) -> Option<Timestamp> {
        let catalogue = &self.site.catalogue;
        let of_column = |slug: &str| self.columns[catalogue.column(slug)?];
        let of_issue =
            |issue: &crate::content::Issue| Some(issue.date.to_zoned(TimeZone::UTC).ok()?.timestamp());
        match route {
            Route::Entry(slug) => catalogue.entry(slug)?.changed_at(catalogue),
            Route::Platform(slug) | Route::PlatformList(slug, ..) => of_column(slug),
            Route::ComparePair(one, other, _) => of_column(one).max(of_column(other)),
            Route::ChangesMonth(year, month, _) => {
                catalogue.month(*year, *month).map(|changes| catalogue.changes[changes.start].at)
            }
            Route::Changes => catalogue.changes.first().map(|change| change.at),
            Route::News => of_issue(self.site.content.news.first()?),
            Route::Issue(slug) => of_issue(self.site.content.news.iter().find(|issue| issue.slug == *slug)?),
            _ => None,
        }
    }
}

pub(super) fn robots(site: &Site) -> Option<Rendered> {
    let mut text = "User-agent: *\nAllow: /\n".to_owned();
    if site.services.registries.is_some() {
        // Each entry leads to a question: whoever goes along all links would have the registries asked them all.
        for route in [ServiceRoute::Query, ServiceRoute::ApiQuery] {
            text.push_str(&format!("Disallow: {}?\n", site.base.link(&Route::Service(route))));
        }
    }
    if site.base.origin.is_some() {
        text.push_str(&format!("\nSitemap: {}\n", site.base.absolute(&Route::Sitemap(0))));
    }
    Some(Rendered { media_type: "text/plain; charset=utf-8", bytes: text.into_bytes() })
}

#[derive(Template)]
#[template(path = "discovery/opensearch.xml")]
struct OpenSearch {
    explore: String,
    own: String,
}

/// None where the site's host is not known: a browser keeps the description, and would not know where it came from.
pub(super) fn open_search(site: &Site) -> Option<Rendered> {
    site.base.origin.as_ref()?;
    let explore = site.base.absolute(&Route::Explore(1));
    let own = site.base.absolute(&Route::OpenSearch);
    let text = OpenSearch { explore, own }.render().ok()?;
    let media_type = "application/opensearchdescription+xml; charset=utf-8";
    Some(Rendered { media_type, bytes: text.into_bytes() })
}
