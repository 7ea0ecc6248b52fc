//! Everything that a site has, for a build to go along.

use super::discovery;
use super::{
    ApiRoute, BadgeFormat, BadgeOf, FeedFormat, FeedOf, MONTH_PAGE, Month, PAGE, Route, Site, Standing,
    assets,
};
use crate::content::Kind;

/// How many pages a list has, with so many on each: at least one.
pub(super) fn pages(total: usize, size: usize) -> usize {
    total.div_ceil(size).max(1)
}

impl Site {
    /// The routes of all pages, which are what search engines are told of.
    pub(super) fn page_routes(&self) -> Vec<Route> {
        let catalogue = &self.catalogue;
        let mut routes = vec![
            Route::Home,
            Route::Platforms,
            Route::Compare,
            Route::Changes,
            Route::News,
            Route::Events,
            Route::Calls,
            Route::Method,
            Route::About,
            Route::Download,
        ];
        let numbered = |entries: usize| 1..=pages(entries, PAGE);
        routes.extend(numbered(catalogue.entries.len()).map(Route::Explore));
        for kind in Kind::ALL {
            let count = self.of_kind(kind).count();
            routes.extend(numbered(count).map(|page| Route::Kind(kind, page)));
        }
        for category in &self.content.categories {
            let count = self.of_category(&category.slug).count();
            routes.extend(numbered(count).map(|page| Route::Category(category.slug.clone(), page)));
        }
        for (at, column) in catalogue.columns.iter().enumerate() {
            let slug = || column.slug.clone();
            routes.push(Route::Platform(slug()));
            for standing in Standing::ALL {
                let list = numbered(column.count(standing));
                routes.extend(list.map(|page| Route::PlatformList(slug(), standing, page)));
            }
            for (with, other) in catalogue.columns.iter().enumerate().filter(|(with, _)| *with != at) {
                let list = numbered(self.only(at, with).count());
                routes.extend(list.map(|page| Route::ComparePair(slug(), other.slug.clone(), page)));
            }
        }
        for Month { year, month, changes } in catalogue.months() {
            let list = 1..=pages(changes.len(), MONTH_PAGE);
            routes.extend(list.map(|page| Route::ChangesMonth(*year, *month, page)));
        }
        routes.extend(self.content.news.iter().map(|issue| Route::Issue(issue.slug.clone())));
        routes.extend(self.content.calls.iter().map(|call| Route::Call(call.slug.clone())));
        routes.extend(catalogue.entries.iter().map(|entry| Route::Entry(entry.slug.clone())));
        routes
    }

    /// Every route that it has something for, in no order that matters.
    pub fn routes(&self) -> Vec<Route> {
        let catalogue = &self.catalogue;
        let mut routes = self.page_routes();
        routes.extend([Route::NotFound, Route::Calendar, Route::SearchIndex, Route::Csv, Route::Robots]);
        // Its addresses have to be whole.
        routes.extend(self.base.origin.as_ref().map(|_| Route::OpenSearch));
        let api = [
            ApiRoute::Index,
            ApiRoute::Platforms,
            ApiRoute::Entries,
            ApiRoute::Changes,
            ApiRoute::News,
            ApiRoute::Events,
            ApiRoute::OpenApi,
        ];
        routes.extend(api.into_iter().map(Route::Api));
        let months = catalogue.months().iter();
        routes.extend(months.map(|found| Route::Api(ApiRoute::Month(found.year, found.month))));
        let entries = catalogue.entries.iter();
        routes.extend(entries.map(|entry| Route::Api(ApiRoute::Entry(entry.slug.clone()))));
        let platforms = || catalogue.columns.iter().map(|column| column.slug.clone());
        routes.extend(platforms().map(|slug| Route::Api(ApiRoute::Platform(slug))));
        let mut feeds = vec![FeedOf::News, FeedOf::Changes, FeedOf::Decisions];
        feeds.extend(platforms().map(FeedOf::Platform));
        feeds.extend(catalogue.entries.iter().map(|entry| FeedOf::Entry(entry.slug.clone())));
        for of in feeds {
            routes.extend(FeedFormat::ALL.into_iter().map(|format| Route::Feed { of: of.clone(), format }));
        }
        let of_entries = catalogue.entries.iter().flat_map(|entry| {
            catalogue.columns.iter().map(|column| BadgeOf::Entry(entry.slug.clone(), column.slug.clone()))
        });
        for of in of_entries.chain(platforms().map(BadgeOf::Coverage)) {
            let badge = |format| Route::Badge { of: of.clone(), format };
            routes.extend(BadgeFormat::ALL.into_iter().map(badge));
        }
        routes.extend((0..discovery::sitemaps(self)).map(Route::Sitemap));
        routes.extend(assets::routes());
        routes.extend(self.content.logos.keys().map(|name| Route::Logo(name.clone())));
        routes
    }
}
