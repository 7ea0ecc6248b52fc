//! All entries, to search and filter.

use askama::Template;

use super::Frame;
use super::table::Table;
use crate::content::Kind;
use crate::site::{FeedOf, Route, Site};

#[derive(Template)]
#[template(path = "explore.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    table: Table<'a>,
    caption: String,
    /// Address, name in addresses, name, count.
    kinds: Vec<(String, &'static str, &'static str, usize)>,
    /// The same of the categories that have entries.
    categories: Vec<(String, &'a str, &'a str, usize)>,
    platforms: Vec<(String, &'a str, &'a str)>,
}

pub(super) fn page(site: &Site, number: usize) -> Option<Page<'_>> {
    let description =
        "Every entry of the catalogue with its verdict for each platform: search, filter, sort.";
    let title = match number {
        1 => "Explore".to_owned(),
        number => format!("Explore, page {number}"),
    };
    let mut frame = Frame::new(site, Route::Explore(number), &title, description).with(vec![FeedOf::Changes]);
    frame.has_script = true;
    let catalogue = &site.catalogue;
    let table = Table::new(site, catalogue.entries.iter(), catalogue.entries.len(), number, &Route::Explore)?;
    let kind = |kind: Kind| {
        (frame.link(&Route::Kind(kind, 1)), kind.name(), kind.plural(), site.of_kind(kind).count())
    };
    let kinds = Kind::ALL.into_iter().map(kind).collect();
    let platform = |column: &'_ crate::site::Column| frame.link(&Route::Platform(column.slug.clone()));
    let platforms = catalogue
        .columns
        .iter()
        .map(|column| (platform(column), column.slug.as_str(), column.name.as_str()))
        .collect();
    Some(Page { kinds, categories: categories(site), platforms, table, caption: "All entries".into(), frame })
}

/// The categories that have entries: address, slug, name, count.
pub(super) fn categories(site: &Site) -> Vec<(String, &str, &str, usize)> {
    let mut counts = std::collections::HashMap::new();
    for about in site.catalogue.standing().filter_map(|entry| entry.about.as_ref()) {
        for slug in &about.categories {
            *counts.entry(slug.as_str()).or_insert(0) += 1;
        }
    }
    let category =
        |category: &'_ crate::content::Category| site.base.link(&Route::Category(category.slug.clone(), 1));
    let count = |slug: &str| counts.get(slug).copied().unwrap_or(0);
    let categories = site.content.categories.iter().filter(|category| count(&category.slug) > 0);
    categories.map(|one| (category(one), one.slug.as_str(), one.name.as_str(), count(&one.slug))).collect()
}
