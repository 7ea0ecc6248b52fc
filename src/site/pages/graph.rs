//! Counts over time as a chart, and the same as a table.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::catalog::series::{Every, Point, at, instants};
use crate::chart::{Chart, Line};
use crate::site::{Column, Site};

use super::frame::day;

/// A chart with its data.
pub(super) struct Graph {
    /// The chart as SVG for a page.
    pub(super) svg: String,
    /// The year in which it begins.
    pub(super) begins: i16,
    /// What its lines count.
    pub(super) names: Vec<String>,
    /// For the end of each year and for the last day: the day, the count of each line, the count of all images.
    pub(super) years: Vec<(String, Vec<u64>, u64)>,
}

/// The chart of some columns; none where no history is known. `id` is its own on the page.
pub(super) fn graph(site: &Site, columns: &[&Column], title: &str, id: &str) -> Option<Graph> {
    let until = site.catalogue.declared.as_ref()?.head_at;
    let since = columns.iter().filter_map(|column| column.series.first()).map(|point| point.at).min()?;
    // The first point of all, and then one a month: more would not be seen.
    let months: BTreeSet<_> = [since].into_iter().chain(instants(since, until, Every::Month)).collect();
    let months: Vec<_> = months.into_iter().collect();
    let monthly: Vec<Vec<Point>> = columns.iter().map(|column| at(&column.series, &months)).collect();
    let lines = columns.iter().zip(&monthly).map(|(column, points)| Line {
        label: column.name.clone(),
        points: points.iter().map(|point| (point.at, point.supported)).collect(),
    });
    let total = monthly.first().map(|points| Line {
        label: "official images".to_owned(),
        points: points.iter().map(|point| (point.at, point.total)).collect(),
    });
    let chart = Chart { title: title.to_owned(), lines: lines.collect(), total, until };
    let ends = instants(since, until, Every::Year);
    let yearly: Vec<Vec<Point>> = columns.iter().map(|column| at(&column.series, &ends)).collect();
    let mut years: Vec<(String, Vec<u64>, u64)> = Vec::new();
    for (number, end) in ends.iter().enumerate() {
        let is_last = number + 1 == ends.len();
        let name = match is_last {
            true => day(*end),
            false => end.to_zoned(TimeZone::UTC).year().to_string(),
        };
        let counts = yearly.iter().map(|points| points[number].supported).collect();
        years.push((name, counts, yearly.first().map_or(0, |points| points[number].total)));
    }
    years.reverse();
    let names = columns.iter().map(|column| column.name.clone()).collect();
    Some(Graph { svg: chart.figure(id), begins: since.to_zoned(TimeZone::UTC).year(), names, years })
}
