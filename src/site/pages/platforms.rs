//! All platforms with their counts.

use askama::Template;

use super::Frame;
use super::home::{Count, counts};
use super::shelf::standing_name;
use crate::site::{Column, FeedOf, Route, Site, Standing};

/// How the entries stand on a platform.
pub(super) struct Row<'a> {
    link: String,
    column: &'a Column,
    /// For each standing: the list's address, and how many are in it.
    lists: Vec<(String, usize)>,
}

#[derive(Template)]
#[template(path = "platforms.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    counts: Vec<Count<'a>>,
    names: Vec<&'static str>,
    rows: Vec<Row<'a>>,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description = "Every platform that anything in the catalogue has: what works there, what does not, and what lost it.";
    let frame = Frame::new(site, Route::Platforms, "Platforms", description).with(vec![FeedOf::Changes]);
    let list = |column: &Column, standing: Standing| {
        let route = Route::PlatformList(column.slug.clone(), standing, 1);
        (frame.link(&route), column.count(standing))
    };
    let rows = site.catalogue.columns.iter().map(|column| Row {
        link: frame.link(&Route::Platform(column.slug.clone())),
        column,
        lists: Standing::ALL.into_iter().map(|standing| list(column, standing)).collect(),
    });
    Page {
        counts: counts(&frame),
        names: Standing::ALL.into_iter().map(standing_name).collect(),
        rows: rows.collect(),
        frame,
    }
}
