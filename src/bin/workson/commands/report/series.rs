//! The count over time.

use jiff::Timestamp;
use serde::Serialize;
use workson::catalog::series::{Every, Point, at, instants, steps};
use workson::catalog::timelines::Keeping;
use workson::timeline::{By, Timeline};
use workson_oci::Platform;

use super::{Asked, Form, official_name};
use crate::exit::Failure;
use crate::output::json::SourceAnswer;
use crate::output::{csv, json, markdown, table};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SeriesAnswer {
    platform: String,
    /// What the official images call it.
    official_name: Option<&'static str>,
    rung: &'static str,
    since: String,
    until: String,
    every: &'static str,
    series: Vec<PointAnswer>,
    source: SourceAnswer,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PointAnswer {
    at: String,
    supported: u64,
    supported_latest: u64,
    unknown: u64,
    total: u64,
}

/// One platform, by one timeline.
struct Series<'a> {
    platform: &'a Platform,
    timeline: &'a Timeline,
    keeping: Keeping,
    since: Timestamp,
    until: Timestamp,
    every: Every,
    points: Vec<Point>,
}

impl<'a> Series<'a> {
    fn of(
        asked: &Asked<'a>,
        platform: &'a Platform,
        timeline: &'a Timeline,
        keeping: Keeping,
        every: Option<Every>,
    ) -> Series<'a> {
        // Beyond what is known there is nothing to count.
        let until = asked.at(timeline).min(timeline.source.head_at);
        let since = asked.since.or_else(|| timeline.begins()).unwrap_or(until);
        let every = every.unwrap_or_else(|| Every::fitting(since, until));
        let points = at(&steps(timeline, platform), &instants(since, until, every));
        Series { platform, timeline, keeping, since, until, every, points }
    }

    fn json(&self) -> SeriesAnswer {
        let points = self.points.iter().map(|point| PointAnswer {
            at: point.at.to_string(),
            supported: point.supported,
            supported_latest: point.supported_latest,
            unknown: point.unknown,
            total: point.total,
        });
        SeriesAnswer {
            platform: json::shown(self.platform),
            official_name: official_name(self.platform),
            rung: self.timeline.rung.name(),
            since: self.since.to_string(),
            until: self.until.to_string(),
            every: self.every.name(),
            series: points.collect(),
            source: SourceAnswer::of(self.timeline, self.keeping),
        }
    }
}

pub(super) fn print(
    asked: &Asked<'_>,
    every: Option<Every>,
    form: &Form,
    chart: String,
    quiet: bool,
) -> Result<Vec<u8>, Failure> {
    let all: Vec<Series<'_>> = asked
        .platforms
        .iter()
        .flat_map(|platform| {
            let timelines = asked.timelines.iter();
            timelines.map(move |(timeline, keeping)| Series::of(asked, platform, timeline, *keeping, every))
        })
        .collect();
    if form.json {
        let answers: Vec<SeriesAnswer> = all.iter().map(Series::json).collect();
        // One series is one answer, several are a list of them.
        return Ok(match answers.as_slice() {
            [answer] => json::document(answer)?,
            answers => json::document(&answers)?,
        });
    }
    if form.csv {
        return rows(&all);
    }
    let text: Vec<String> = all
        .iter()
        .map(|series| if form.markdown { marked_down(series, asked) } else { shown(series, asked, quiet) })
        .collect();
    let chart = if chart.is_empty() { chart } else { format!("{chart}\n") };
    Ok((chart + &text.join("\n")).into_bytes())
}

fn rows(all: &[Series<'_>]) -> Result<Vec<u8>, Failure> {
    let mut table =
        csv::Table::new(&["at", "platform", "rung", "supported", "supportedLatest", "unknown", "total"])?;
    for series in all {
        for point in &series.points {
            table.row(&[
                &point.at.to_string(),
                &json::shown(series.platform),
                series.timeline.rung.name(),
                &point.supported.to_string(),
                &point.supported_latest.to_string(),
                &point.unknown.to_string(),
                &point.total.to_string(),
            ])?;
        }
    }
    Ok(table.finish()?)
}

/// `+3`, `-1`, or nothing.
fn change(now: u64, before: Option<u64>) -> String {
    match before {
        Some(before) if now > before => format!("+{}", now - before),
        Some(before) if now < before => format!("-{}", before - now),
        _ => String::new(),
    }
}

/// Where a series comes from, and what of the time that was asked about is not known.
fn source(series: &Series<'_>, asked: &Asked<'_>) -> String {
    let at = asked.at.unwrap_or(series.until);
    let bounds = asked.bounds(series.timeline, asked.since.unwrap_or(series.since), at);
    let line = super::super::source_line(series.timeline, series.keeping, asked.now);
    format!("{}{bounds}\n", line.trim_end())
}

fn shown(series: &Series<'_>, asked: &Asked<'_>, quiet: bool) -> String {
    let by = asked.by;
    let platform = json::shown(series.platform);
    let mut table = table::new(&[
        "at",
        "any tag",
        "latest",
        "not told",
        "images",
        if by == By::Latest { "change of latest" } else { "change" },
    ]);
    let mut before = None;
    for point in &series.points {
        table.add_row([
            when(point.at, series),
            point.supported.to_string(),
            point.supported_latest.to_string(),
            point.unknown.to_string(),
            point.total.to_string(),
            change(point.count(by), before),
        ]);
        before = Some(point.count(by));
    }
    let source = if quiet { String::new() } else { format!("\n{}", source(series, asked)) };
    format!("{platform}, {}\n{}{source}", series.timeline.rung.name(), table::text(&mut table))
}

fn marked_down(series: &Series<'_>, asked: &Asked<'_>) -> String {
    let platform = json::shown(series.platform);
    let mut table = markdown::Table::new(&["At", &platform, "by `latest`", "Not told", "Images"]);
    for point in &series.points {
        table.row(&[
            &when(point.at, series),
            &point.supported.to_string(),
            &point.supported_latest.to_string(),
            &point.unknown.to_string(),
            &point.total.to_string(),
        ]);
    }
    format!("{}\n{}", table.finish(), markdown::escaped_line(&source(series, asked)))
}

/// The day, for the last second of a day; the last point may be at any other instant.
fn when(at: Timestamp, series: &Series<'_>) -> String {
    let is_end_of_day = at.as_second().rem_euclid(86_400) == 86_399;
    let is_last = at == series.until && !is_end_of_day;
    at.strftime(if is_last { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d" }).to_string()
}
