//! Platforms beside each other.

use askama::Template;

use super::Frame;
use super::graph::{self, Graph};
use super::home::{Count, counts};
use super::table::Table;
use crate::site::{Column, Entry, FeedOf, Route, Site};

/// How many platforms the table of pairs has: it grows with their square.
const PAIRS: usize = 16;

/// Address and count of a pair; none of a platform with itself.
type Cell = Option<(String, usize)>;

#[derive(Template)]
#[template(path = "compare.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    counts: Vec<Count<'a>>,
    graph: Option<Graph>,
    columns: Vec<&'a Column>,
    /// For each platform of the table: its pairs.
    pairs: Vec<(&'a Column, Vec<Cell>)>,
}

pub(super) fn all(site: &Site) -> Page<'_> {
    let description = "All platforms beside each other: how many work on one, and not on the other.";
    let frame =
        Frame::new(site, Route::Compare, "Compare platforms", description).with(vec![FeedOf::Changes]);
    let shown: Vec<&Column> = site.catalogue.columns.iter().take(PAIRS).collect();
    let mut only = vec![vec![0; shown.len()]; shown.len()];
    for entry in site.catalogue.standing() {
        let has = |at: usize| entry.marks[at].standing == crate::site::Standing::Has;
        for one in (0..shown.len()).filter(|one| has(*one)) {
            (0..shown.len()).filter(|other| !has(*other)).for_each(|other| only[one][other] += 1);
        }
    }
    let pair = |one: usize, other: usize| {
        let route = Route::ComparePair(shown[one].slug.clone(), shown[other].slug.clone(), 1);
        (one != other).then(|| (frame.link(&route), only[one][other]))
    };
    let pairs = (0..shown.len())
        .map(|one| (shown[one], (0..shown.len()).map(|other| pair(one, other)).collect()))
        .collect();
    let every: Vec<&Column> = site.catalogue.columns.iter().collect();
    Page {
        counts: counts(&frame),
        graph: graph::graph(site, &every, "Official images that declare a platform", "compare"),
        pairs,
        columns: shown,
        frame,
    }
}

#[derive(Template)]
#[template(path = "compare_pair.html")]
pub(super) struct Pair<'a> {
    frame: Frame<'a>,
    one: &'a Column,
    other: &'a Column,
    table: Table<'a>,
    caption: String,
    reverse: (String, usize),
    up: String,
}

pub(super) fn pair<'a>(site: &'a Site, one: &str, other: &str, number: usize) -> Option<Pair<'a>> {
    let (first, second) = (site.catalogue.column(one)?, site.catalogue.column(other)?);
    if first == second {
        return None;
    }
    let route = |number| Route::ComparePair(one.to_owned(), other.to_owned(), number);
    let entries: Vec<&'a Entry> = site.only(first, second).collect();
    let total = entries.len();
    let table = Table::with_columns(site, entries.into_iter(), total, number, &route, &[first, second])?;
    let (first_column, second_column) = (&site.catalogue.columns[first], &site.catalogue.columns[second]);
    let title = format!("{}, not {}", first_column.name, second_column.name);
    let title = if number == 1 { title } else { format!("{title}, page {number}") };
    let description = format!(
        "What works on {}, and not on {} or not as far as is known.",
        first_column.name, second_column.name
    );
    let frame = Frame::new(site, route(number), &title, &description);
    let back = Route::ComparePair(other.to_owned(), one.to_owned(), 1);
    Some(Pair {
        one: first_column,
        other: second_column,
        caption: format!("Works on {}, not on {}", first_column.name, second_column.name),
        table,
        reverse: (frame.link(&back), site.only(second, first).count()),
        up: frame.link(&Route::Compare),
        frame,
    })
}
