//! The count at one instant.

use serde::Serialize;
use workson::catalog::Standing;
use workson::catalog::log::{Event, Filter, Happening, events};
use workson::catalog::timelines::Keeping;
use workson::evidence::{Rung, Verdict};
use workson::timeline::{By, Problem, Timeline};
use workson_oci::text::printable;

use super::{Asked, Form, official_name};
use crate::exit::Failure;
use crate::instant::day;
use crate::output::json::SourceAnswer;
use crate::output::{count, csv, json, markdown, short, table, width, wrapped};

/// How many gains and losses are told.
const NEWEST: usize = 5;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StandingAnswer {
    at: String,
    platform: String,
    /// What the official images call it.
    official_name: Option<&'static str>,
    rung: &'static str,
    /// By which tags `images`, `lacking` and `unknown` are told: `any` or `latest`.
    by: &'static str,
    supported: usize,
    supported_latest: usize,
    total: usize,
    images: Vec<String>,
    lacking: Vec<String>,
    unknown: Vec<UnknownAnswer>,
    /// Images whose file can't be read, so that their last good answer stands.
    stale: Vec<UnknownAnswer>,
    /// The newest first.
    gained: Vec<EventAnswer>,
    lost: Vec<EventAnswer>,
    source: SourceAnswer,
    /// The counts of all rungs that there is evidence for.
    rungs: Vec<RungAnswer>,
}

#[derive(Debug, Serialize)]
struct UnknownAnswer {
    image: String,
    reason: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventAnswer {
    at: String,
    image: String,
    event: &'static str,
    with_image: bool,
    origin: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RungAnswer {
    rung: &'static str,
    at: String,
    supported: usize,
    supported_latest: usize,
    unknown: usize,
    total: usize,
}

/// One platform, by one timeline.
struct Told<'a> {
    timeline: &'a Timeline,
    keeping: Keeping,
    standing: Standing,
    gained: Vec<Event>,
    lost: Vec<Event>,
}

impl<'a> Told<'a> {
    fn of(asked: &Asked<'a>, timeline: &'a Timeline, keeping: Keeping, place: usize) -> Told<'a> {
        let platform = &asked.platforms[place];
        let at = asked.at(timeline);
        let filter = Filter { platforms: vec![platform.clone()], until: Some(at), ..Filter::default() };
        let events = events(timeline, asked.by, &filter);
        let newest = |wanted: &[Happening]| -> Vec<Event> {
            events
                .iter()
                .rev()
                .filter(|event| wanted.contains(&event.happening))
                .take(NEWEST)
                .cloned()
                .collect()
        };
        Told {
            timeline,
            keeping,
            standing: Standing::of(timeline, platform, at),
            gained: newest(&[Happening::Gained, Happening::Regained]),
            lost: newest(&[Happening::Lost]),
        }
    }

    /// What was verified of the images that are declared.
    fn verified(asked: &Asked<'a>, place: usize) -> Told<'a> {
        let (timeline, keeping) = asked.main();
        let at = asked.at.unwrap_or(asked.now);
        let standing = asked.verified.standing(timeline, &asked.platforms[place], at);
        Told { timeline, keeping, standing, gained: Vec::new(), lost: Vec::new() }
    }

    fn rung(&self, by: By) -> RungAnswer {
        RungAnswer {
            rung: self.standing.rung.name(),
            at: self.standing.at.to_string(),
            supported: self.standing.supported(By::Any).count(),
            supported_latest: self.standing.supported(By::Latest).count(),
            unknown: self.standing.unknown(by).count(),
            total: self.standing.images.len(),
        }
    }

    /// `44 of 129 images support linux/arm64`
    fn headline(&self, by: By) -> String {
        let total = self.standing.images.len();
        let supported = self.standing.supported(by).count();
        let verb = if total == 1 { "supports" } else { "support" };
        let by_latest = if by == By::Latest { " by the tag latest" } else { "" };
        let unknown = match self.standing.unknown(by).count() {
            0 => String::new(),
            unknown => format!("; {unknown} could not be told"),
        };
        let platform = json::shown(&self.standing.platform);
        format!("{supported} of {} {verb} {platform}{by_latest}{unknown}", count(total, "image"))
    }

    fn json(&self, by: By, rungs: Vec<RungAnswer>) -> StandingAnswer {
        let names = |images: Vec<&str>| images.into_iter().map(str::to_owned).collect();
        let unknown = self
            .standing
            .unknown(by)
            .map(|(image, reason)| UnknownAnswer { image: image.name.clone(), reason: reason.to_owned() });
        let events = |events: &[Event]| events.iter().map(|event| self.event(event)).collect();
        StandingAnswer {
            at: self.standing.at.to_string(),
            platform: json::shown(&self.standing.platform),
            official_name: official_name(&self.standing.platform),
            rung: self.standing.rung.name(),
            by: by.name(),
            supported: self.standing.supported(By::Any).count(),
            supported_latest: self.standing.supported(By::Latest).count(),
            total: self.standing.images.len(),
            images: names(self.standing.supported(by).map(|image| image.name.as_str()).collect()),
            lacking: names(self.standing.lacking(by).map(|image| image.name.as_str()).collect()),
            unknown: unknown.collect(),
            stale: self
                .stale()
                .map(|(image, reason)| UnknownAnswer { image: image.to_owned(), reason: reason.to_owned() })
                .collect(),
            gained: events(&self.gained),
            lost: events(&self.lost),
            source: SourceAnswer::of(self.timeline, self.keeping),
            rungs,
        }
    }

    /// The images whose file could not be read at that instant, and why. (One that never could is unknown.)
    fn stale(&self) -> impl Iterator<Item = (&str, &str)> {
        let at = self.standing.at;
        let stood = move |problem: &&Problem| {
            let until = problem.until.map(|until| self.timeline.moment(until).at);
            self.timeline.moment(problem.moment).at <= at && until.is_none_or(|until| until > at)
        };
        let is_told = |problem: &&Problem| {
            let images = &self.standing.images;
            let found = images.binary_search_by(|image| image.name.as_str().cmp(&problem.image));
            found.is_ok_and(|place| !matches!(images[place].any, Verdict::Unknown(_)))
        };
        let problems = self.timeline.problems.iter().filter(|_| self.timeline.rung == Rung::Declared);
        problems
            .filter(stood)
            .filter(is_told)
            .map(|problem| (problem.image.as_str(), problem.reason.as_str()))
    }

    fn event(&self, event: &Event) -> EventAnswer {
        let moment = self.timeline.moment(event.moment);
        EventAnswer {
            at: moment.at.to_string(),
            image: event.image.clone(),
            event: event.happening.name(),
            with_image: event.with_image,
            origin: moment.origin.clone(),
        }
    }
}

pub(super) fn print(asked: &Asked<'_>, form: &Form, chart: String, quiet: bool) -> Result<Vec<u8>, Failure> {
    let of = |place: usize| -> Vec<Told<'_>> {
        let timelines = asked.timelines.iter();
        let mut told: Vec<Told<'_>> =
            timelines.map(|(timeline, keeping)| Told::of(asked, timeline, *keeping, place)).collect();
        if asked.verified.newest().is_some() {
            let verified = Told::verified(asked, place);
            // What is told in full comes first.
            let at = if asked.only_verified { 0 } else { told.len() };
            told.insert(at, verified);
        }
        told
    };
    let told: Vec<Vec<Told<'_>>> = (0..asked.platforms.len()).map(of).collect();
    if form.json {
        let answers: Vec<StandingAnswer> = told
            .iter()
            .map(|rungs| rungs[0].json(asked.by, rungs.iter().map(|told| told.rung(asked.by)).collect()))
            .collect();
        // One platform is one answer, several are a list of them.
        return Ok(match answers.as_slice() {
            [answer] => json::document(answer)?,
            answers => json::document(&answers)?,
        });
    }
    if form.csv {
        return rows(&told);
    }
    let text = if form.markdown { marked_down(asked, &told) } else { shown(asked, &told, &chart, quiet) };
    Ok(text.into_bytes())
}

fn rows(told: &[Vec<Told<'_>>]) -> Result<Vec<u8>, Failure> {
    let mut table = csv::Table::new(&["at", "platform", "rung", "image", "any", "latest"])?;
    for told in told.iter().flatten() {
        let platform = json::shown(&told.standing.platform);
        let at = told.standing.at.to_string();
        for image in &told.standing.images {
            let (any, latest) = (image.any.name(), image.latest.name());
            table.row(&[&at, &platform, told.standing.rung.name(), &image.name, any, latest])?;
        }
    }
    Ok(table.finish()?)
}

fn shown(asked: &Asked<'_>, told: &[Vec<Told<'_>>], chart: &str, quiet: bool) -> String {
    let mut text = String::new();
    for rungs in told {
        text += &format!("{}\n", rungs[0].headline(asked.by));
    }
    if quiet {
        return text + chart;
    }
    text += &source(asked);
    if !chart.is_empty() {
        text += &format!("\n{chart}");
    }
    text += "\n";
    text += &counts(asked, told);
    for rungs in told {
        text += &names(asked, &rungs[0]);
        if !asked.only_verified {
            text += &newest(&rungs[0], &rungs[0].gained, "gained last");
            text += &newest(&rungs[0], &rungs[0].lost, "lost last");
        }
    }
    text
}

/// What the numbers stand on, and how old that is.
fn source(asked: &Asked<'_>) -> String {
    let (timeline, keeping) = asked.main();
    let mut text = super::super::source_line(timeline, keeping, asked.now);
    if let Some(at) = asked.at {
        text += &format!("as of {at}{}\n", asked.bounds(timeline, at, at));
    }
    text
}

/// The rungs that have anything to tell of that instant; the first one of each platform in any case.
fn told_rungs<'t, 'a>(told: &'t [Vec<Told<'a>>]) -> impl Iterator<Item = &'t Told<'a>> {
    told.iter().flat_map(|rungs| {
        rungs
            .iter()
            .enumerate()
            .filter(|(at, told)| *at == 0 || !told.standing.images.is_empty())
            .map(|(_, told)| told)
    })
}

fn counts(asked: &Asked<'_>, told: &[Vec<Told<'_>>]) -> String {
    let mut table = table::new(&["platform", "rung", "any tag", "latest", "not told", "images", "as of"]);
    for told in told_rungs(told) {
        let rung = told.rung(asked.by);
        table.add_row([
            json::shown(&told.standing.platform),
            rung.rung.to_owned(),
            rung.supported.to_string(),
            rung.supported_latest.to_string(),
            rung.unknown.to_string(),
            rung.total.to_string(),
            day(told.standing.at),
        ]);
    }
    table::text(&mut table)
}

/// Which lack it, and of which it could not be told.
fn names(asked: &Asked<'_>, told: &Told<'_>) -> String {
    let platform = json::shown(&told.standing.platform);
    let mut text = String::new();
    let lacking: Vec<&str> = told.standing.lacking(asked.by).map(|image| image.name.as_str()).collect();
    if !lacking.is_empty() {
        text += &format!("\nwithout {platform} ({}):\n", lacking.len());
        text += &wrapped(lacking, width().into());
    }
    let unknown: Vec<_> = told.standing.unknown(asked.by).collect();
    if told.standing.rung == Rung::Verified {
        text += &format!("\nnot verified, or not as they are now ({})\n", unknown.len());
    } else if !unknown.is_empty() {
        text += &format!("\ncould not be told ({}):\n", unknown.len());
        for (image, reason) in unknown {
            text += &format!("  {}: {}\n", image.name, printable(reason));
        }
    }
    let stale: Vec<_> = told.stale().collect();
    if !stale.is_empty() {
        text +=
            &format!("\non their last good answer, because their file can't be read ({}):\n", stale.len());
        for (image, reason) in stale {
            text += &format!("  {image}: {}\n", printable(reason));
        }
    }
    text
}

/// How it came to an event, where that says more than the event.
fn how(event: &Event) -> &'static str {
    match (event.happening, event.with_image) {
        (Happening::Lost, true) => ", the image was removed",
        (Happening::Regained, true) => ", the image came back",
        (Happening::Gained, true) => ", a new image",
        (Happening::Regained, false) => ", again",
        _ => "",
    }
}

fn newest(told: &Told<'_>, events: &[Event], title: &str) -> String {
    let platform = json::shown(&told.standing.platform);
    if events.is_empty() {
        return format!("\n{platform} {title}: none\n");
    }
    let mut text = format!("\n{platform} {title}:\n");
    let widest = events.iter().map(|event| event.image.len()).max().unwrap_or(0);
    for event in events {
        let moment = told.timeline.moment(event.moment);
        let how = how(event);
        let line = format!("  {}  {:widest$}  {}{how}", day(moment.at), event.image, short(&moment.origin));
        text += &format!("{}\n", line.trim_end());
    }
    text
}

fn marked_down(asked: &Asked<'_>, told: &[Vec<Told<'_>>]) -> String {
    let mut text = String::new();
    for rungs in told {
        text += &format!("**{}**\n\n", markdown::escaped(&rungs[0].headline(asked.by)));
    }
    let mut table =
        markdown::Table::new(&["Platform", "Rung", "Any tag", "`latest`", "Not told", "Images", "As of"]);
    for told in told_rungs(told) {
        let rung = told.rung(asked.by);
        table.row(&[
            &json::shown(&told.standing.platform),
            rung.rung,
            &rung.supported.to_string(),
            &rung.supported_latest.to_string(),
            &rung.unknown.to_string(),
            &rung.total.to_string(),
            &day(told.standing.at),
        ]);
    }
    text += &table.finish();
    for rungs in told {
        let told = &rungs[0];
        let platform = json::shown(&told.standing.platform);
        let lacking: Vec<String> =
            told.standing.lacking(asked.by).map(|image| markdown::escaped(&image.name)).collect();
        text += &format!("\nWithout {platform} ({}): {}\n", lacking.len(), lacking.join(", "));
        let unknown: Vec<String> =
            told.standing.unknown(asked.by).map(|(image, _)| markdown::escaped(&image.name)).collect();
        if !unknown.is_empty() {
            text += &format!("\nCould not be told ({}): {}\n", unknown.len(), unknown.join(", "));
        }
        for (title, events) in [("Gained last", &told.gained), ("Lost last", &told.lost)] {
            if events.is_empty() {
                continue;
            }
            text += &format!("\n{title}, {platform}:\n\n");
            for event in events {
                let moment = told.timeline.moment(event.moment);
                let image = markdown::escaped(&event.image);
                let how = how(event);
                text += &format!("- {} {image}{how} ({})\n", day(moment.at), short(&moment.origin));
            }
        }
    }
    let (timeline, keeping) = asked.main();
    text + &format!("\n{}", markdown::escaped_line(&super::super::source_line(timeline, keeping, asked.now)))
}
