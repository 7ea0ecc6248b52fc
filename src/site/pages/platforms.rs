//! All platforms with their counts.

use askama::Template;

use super::Frame;
use super::home::{Count, counts};
use super::shelf::standing_name;
use crate::site::{Column, FeedOf, Route, Site, Standing};

#[derive(Template)]
#[template(path = "platforms.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    counts: Vec<Count<'a>>,
    names: Vec<&'static str>,
    /// Name and address of each platform, a list for each standing, and how many entries there are.
    rows: Vec<(String, &'a str, Vec<(String, usize)>, usize)>,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description =
        "Every platform that anything in the catalogue has: who works there, who does not, who lost it.";
    let frame = Frame::new(site, Route::Platforms, "Platforms", description).with(vec![FeedOf::Changes]);
    let list = |column: &Column, standing: Standing| {
        let route = Route::PlatformList(column.slug.clone(), standing, 1);
        (frame.link(&route), column.count(standing))
    };
    let row = |column: &'_ Column| {
        let lists = Standing::ALL.into_iter().map(|standing| list(column, standing)).collect();
        (frame.link(&Route::Platform(column.slug.clone())), lists, column.total())
    };
    let rows = site.catalogue.columns.iter().map(|column| {
        let (link, lists, total) = row(column);
        (link, column.name.as_str(), lists, total)
    });
    Page {
        counts: counts(&frame),
        names: Standing::ALL.into_iter().map(standing_name).collect(),
        rows: rows.collect(),
        frame,
    }
}
