//! `workson report`: how many images support a platform, and how that came about.

mod series;
mod standing;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use workson::catalog::series::{Every, Point, steps};
use workson::catalog::timelines::Keeping;
use workson::catalog::verified::Verified;
use workson::chart::{Chart, Line};
use workson::timeline::{By, Timeline};
use workson_oci::Platform;

use super::AskedRung;
use super::export::write;
use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::instant::{self, Edge};
use crate::output::{json, print, print_raw, width};
use crate::settings::{Settings, now};

/// How many rows a chart has in a terminal.
const CHART_ROWS: u16 = 14;
/// How wide a chart is at most: more columns tell no more.
const CHART_COLUMNS: u16 = 110;

/// How many of the official images support a platform, now or at any time since 2013
///
/// What maintainers declare comes with workson and needs no network; `workson import` and `workson inventory` bring
/// what is new. Without --since and --every it is the count at one instant; with one of them, a series.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
pub(crate) struct Arguments {
    /// Which platform, like linux/riscv64, or as the official images call it, like arm64v8 [default: linux/arm64]
    #[arg(long, short, value_name = "P")]
    platform: Vec<String>,

    /// By what is declared, what registries serve, or what was verified [default: the first two, where there is both]
    #[arg(long, value_name = "RUNG")]
    rung: Option<AskedRung>,

    /// Then: a date is the end of that day, UTC
    #[arg(long, value_name = "DATE")]
    at: Option<String>,

    /// A series from then on: a date is the beginning of that day, UTC
    #[arg(long, value_name = "DATE")]
    since: Option<String>,

    /// A series with a number for the end of each day, week, month or year
    #[arg(long, value_name = "PERIOD")]
    every: Option<AskedEvery>,

    /// Count by the tag latest instead of any tag
    #[arg(long)]
    latest: bool,

    #[command(flatten)]
    form: Form,

    /// Write the chart to FILE as SVG; `-` is standard output, and nothing else is printed there
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Draw the chart even where it does not go to a terminal
    #[arg(long)]
    chart: bool,
}

/// In which form an answer is printed.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print CSV
    #[arg(long)]
    pub(crate) csv: bool,

    /// Print Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AskedEvery {
    Day,
    Week,
    Month,
    Year,
}

impl From<AskedEvery> for Every {
    fn from(every: AskedEvery) -> Every {
        match every {
            AskedEvery::Day => Every::Day,
            AskedEvery::Week => Every::Week,
            AskedEvery::Month => Every::Month,
            AskedEvery::Year => Every::Year,
        }
    }
}

/// What is asked, and the timelines it is asked of.
struct Asked<'a> {
    platforms: Vec<Platform>,
    by: By,
    at: Option<Timestamp>,
    since: Option<Timestamp>,
    now: Timestamp,
    /// At least one; the first one is the one that is told in full.
    timelines: Vec<(&'a Timeline, Keeping)>,
    verified: &'a Verified,
    /// Whether what was verified is told in full.
    only_verified: bool,
}

impl<'a> Asked<'a> {
    fn main(&self) -> (&'a Timeline, Keeping) {
        self.timelines[0]
    }

    /// What of the time from `since` to `at` is not known; nothing where all is.
    fn bounds(&self, timeline: &Timeline, since: Timestamp, at: Timestamp) -> String {
        let mut text = String::new();
        if at > timeline.source.head_at {
            text += &format!("; what happened after {} is not known", timeline.source.head_at);
        }
        match timeline.begins() {
            Some(begins) if since < begins => text += &format!("; what is known begins at {begins}"),
            _ => {}
        }
        text
    }

    /// The instant for a timeline: the one that was asked for, or how far it reaches.
    fn at(&self, timeline: &Timeline) -> Timestamp {
        self.at.unwrap_or(timeline.source.head_at)
    }
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let store = super::existing_store(&settings.store(global))?;
    let mut platforms = super::platforms("--platform", &arguments.platform)?;
    if platforms.is_empty() {
        platforms.push(super::arm64());
    }
    let now = now();
    let date = |flag, text: &Option<String>, edge| {
        text.as_ref().map(|text| instant::parse(flag, text, edge, now)).transpose()
    };
    let at = date("--at", &arguments.at, Edge::End)?;
    let since = date("--since", &arguments.since, Edge::Begin)?;
    let (declared, published) = super::timelines(store.as_ref(), arguments.rung)?;
    let declared = declared.as_ref().map(|kept| (&kept.timeline, kept.keeping));
    let timelines: Vec<_> =
        declared.into_iter().chain(published.as_ref().map(|timeline| (timeline, Keeping::Store))).collect();
    if timelines.is_empty() {
        return Err(super::never_asked());
    }
    let by = if arguments.latest { By::Latest } else { By::Any };
    let verified = Verified::read(store.as_ref())?;
    let only_verified = arguments.rung == Some(AskedRung::Verified);
    if only_verified && verified.newest().is_none() {
        return Err(Failure::new("nothing was verified yet")
            .with_hint("`workson verify IMAGE` reads what an image holds, and keeps what it finds"));
    }
    let asked = Asked { platforms, by, at, since, now, timelines, verified: &verified, only_verified };
    super::check_order(asked.since, asked.at)?;
    let newest = asked.main().0.source.head_at;
    if let Some(since) = asked.since.filter(|since| *since > newest) {
        return Err(super::not_known(since, newest));
    }
    let every = arguments.every.map(Every::from);
    let is_series = every.is_some() || since.is_some();
    if only_verified && (is_series || arguments.svg.is_some()) {
        return Err(Failure::new(
            "what was verified has no series: each image is verified when it is asked for",
        ));
    }
    let Form { json, csv, markdown } = arguments.form;
    if arguments.svg.as_deref() == Some(Path::new("-")) && (json || csv || markdown) {
        return Err(Failure::new("--svg - and another form can't both go to standard output")
            .with_hint("name a file for the chart"));
    }
    let svg = arguments.svg.as_ref().map(|path| (path, chart(&asked).svg()));
    if let Some((path, svg)) = &svg
        && *path != Path::new("-")
    {
        write(path, svg.as_bytes())?;
    } else if let Some((_, svg)) = svg {
        print_raw(svg.as_bytes())?;
        return Ok(Exit::Yes);
    }
    let chart = drawn(arguments, global, &asked);
    let bytes = if is_series {
        series::print(&asked, every, &arguments.form, chart, global.quiet)?
    } else {
        standing::print(&asked, &arguments.form, chart, global.quiet)?
    };
    if arguments.form.csv || arguments.form.markdown {
        print_raw(&bytes)?
    } else {
        print(&bytes)?
    }
    Ok(Exit::Yes)
}

/// The chart for the terminal, where there is one that shows it.
fn drawn(arguments: &Arguments, global: &Global, asked: &Asked<'_>) -> String {
    let Form { json, csv, markdown } = arguments.form;
    let is_terminal = std::io::stdout().is_terminal();
    if asked.only_verified || json || csv || markdown || !(arguments.chart || (is_terminal && !global.quiet))
    {
        return String::new();
    }
    let colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    chart(asked).terminal(width().min(CHART_COLUMNS), CHART_ROWS, colour)
}

/// The chart of what is asked, of the timeline that is told in full.
fn chart(asked: &Asked<'_>) -> Chart {
    let (timeline, _) = asked.main();
    // Beyond what is known there is nothing to draw.
    let until = asked.at(timeline).min(timeline.source.head_at);
    let since = asked.since;
    let line = |label: String, points: &[Point], value: &dyn Fn(&Point) -> u64| {
        let begins = since.map(|since| points.partition_point(|point| point.at <= since).saturating_sub(1));
        let shown = points[begins.unwrap_or(0)..].iter();
        // What stood before the left edge stands there.
        let at = |point: &Point| since.map_or(point.at, |since| point.at.max(since));
        Line { label, points: shown.map(|point| (at(point), value(point))).collect() }
    };
    let mut lines = Vec::new();
    let mut total = None;
    for platform in &asked.platforms {
        let points = steps(timeline, platform);
        let by = if asked.by == By::Latest { " by latest" } else { "" };
        let label = format!("{}{by}", json::shown(platform));
        lines.push(line(label, &points, &|point| point.count(asked.by)));
        total.get_or_insert_with(|| line("all images".into(), &points, &|point| point.total));
    }
    let title = format!("Docker's official images, {}", timeline.rung.name());
    Chart { title, lines, total, until }
}

/// The name that the official images have for a platform, where they have one.
fn official_name(platform: &Platform) -> Option<&'static str> {
    workson::history::library_file::ARCHITECTURES.into_iter().find(|name| {
        workson_oci::platform::official_name(name).is_some_and(|of| of.normalized() == platform.normalized())
    })
}
