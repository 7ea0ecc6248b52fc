//! One platform: how its coverage came about, who has it, who lost it.

use askama::Template;

use super::Frame;
use super::graph::{self, Graph};
use super::home::counts;
use super::shelf::standing_name;
use super::story::{self, Deed};
use crate::site::{Column, FeedOf, Route, Site, Standing};

/// How many gains, and how many losses.
const NEWEST: usize = 12;

#[derive(Template)]
#[template(path = "platform.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    column: &'a Column,
    supported: u64,
    total: u64,
    /// Address, name, class, count.
    lists: Vec<(String, &'static str, &'static str, usize)>,
    graph: Option<Graph>,
    gains: Vec<Deed>,
    losses: Vec<Deed>,
    /// Comparisons with the others.
    pairs: Vec<(String, &'a str)>,
    badge: String,
    json: String,
}

pub(super) fn page<'a>(site: &'a Site, slug: &str) -> Option<Page<'a>> {
    let at = site.catalogue.column(slug)?;
    let column = &site.catalogue.columns[at];
    let name = &column.name;
    let description =
        format!("How many official images and other entries work on {name}, since when, and which do not.");
    let frame = Frame::new(site, Route::Platform(slug.to_owned()), name, &description)
        .with(vec![FeedOf::Platform(slug.to_owned())]);
    let list = |standing: Standing| {
        let link = frame.link(&Route::PlatformList(slug.to_owned(), standing, 1));
        let class = match standing {
            Standing::Has => "y",
            Standing::Lacks => "n",
            Standing::Lost => "l",
            Standing::Unknown => "u",
        };
        (link, standing_name(standing), class, column.count(standing))
    };
    let pair = |other: &'a Column| {
        let route = Route::ComparePair(slug.to_owned(), other.slug.clone(), 1);
        (frame.link(&route), other.name.as_str())
    };
    let others = site.catalogue.columns.iter().filter(|other| other.slug != slug);
    let (supported, total) = counts(&frame).get(at).map_or((0, 0), |count| (count.supported, count.total));
    let here = |change: &crate::site::Change| change.column == Some(at);
    Some(Page {
        column,
        supported,
        total,
        lists: Standing::ALL.into_iter().map(list).collect(),
        graph: graph::graph(site, &[column], &format!("Official images that declare {name}"), "coverage"),
        gains: story::newest(site, |change| here(change) && story::is_gain(change), NEWEST),
        losses: story::newest(site, |change| here(change) && story::is_loss(change), NEWEST),
        pairs: others.map(pair).collect(),
        badge: frame.link(&Route::Badge {
            of: crate::site::BadgeOf::Coverage(slug.to_owned()),
            format: crate::site::BadgeFormat::Svg,
        }),
        json: frame.link(&Route::Api(crate::site::ApiRoute::Platform(slug.to_owned()))),
        frame,
    })
}
