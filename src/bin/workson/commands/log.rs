//! `workson log`: what happened to images and their platforms.

use clap::Args;
use serde::Serialize;
use workson::catalog::check::Evidence;
use workson::catalog::log::{Event, Filter, Happening, events};
use workson::catalog::timelines::Keeping;
use workson::evidence::Rung;
use workson::timeline::{By, Moment, Timeline};
use workson_oci::{Platform, Reference};

use super::AskedRung;
use super::report::Form;
use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::instant::{self, Edge};
use crate::output::{count, csv, json, markdown, print, print_raw, short, table};
use crate::settings::{Settings, now};

/// How many lines are printed where nothing was asked for that limits them.
const NEWEST: usize = 50;

/// What happened, the newest first: images that came and went, platforms gained, regained and lost
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
pub(crate) struct Arguments {
    /// Of these images alone
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,

    /// Of this platform alone, like linux/riscv64 or arm64v8
    #[arg(long, short, value_name = "P")]
    platform: Vec<String>,

    /// By what is declared or by what registries serve [default: both, where there is both]
    #[arg(long, value_name = "RUNG")]
    rung: Option<AskedRung>,

    /// Not before: a date is the beginning of that day, UTC
    #[arg(long, value_name = "DATE")]
    since: Option<String>,

    /// Not after: a date is the end of that day, UTC
    #[arg(long, value_name = "DATE")]
    at: Option<String>,

    /// By the tag latest instead of any tag
    #[arg(long)]
    latest: bool,

    /// The newest N alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventAnswer {
    at: String,
    image: String,
    /// `added`, `gained`, `regained`, `lost` or `removed`.
    event: &'static str,
    /// None where the image itself came or went.
    platform: Option<String>,
    /// Whether the platform came or went with the image.
    with_image: bool,
    rung: &'static str,
    /// The commit, of what was declared.
    commit: Option<String>,
    /// The number of the inventory's run, of what was published.
    run: Option<i64>,
}

/// What happened to one image at one moment in one way.
struct Row {
    moment: Moment,
    image: String,
    what: &'static str,
    platforms: Vec<String>,
    rung: Rung,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let store = super::existing_store(&settings.store(global))?;
    let now = now();
    let date = |flag, text: &Option<String>, edge| {
        text.as_ref().map(|text| instant::parse(flag, text, edge, now)).transpose()
    };
    if arguments.rung == Some(AskedRung::Verified) {
        return Err(Failure::new("what happened is told of what is declared and published")
            .with_hint("`workson report --rung verified` counts what was verified"));
    }
    let (declared, published) = super::timelines(store.as_ref(), arguments.rung)?;
    let keeping = declared.as_ref().map(|kept| kept.keeping);
    let declared = declared.map(|kept| kept.timeline);
    let filter = Filter {
        images: images(&arguments.images, declared.as_ref(), published.as_ref())?,
        platforms: super::platforms("--platform", &arguments.platform)?,
        since: date("--since", &arguments.since, Edge::Begin)?,
        until: date("--at", &arguments.at, Edge::End)?,
    };
    let known: Vec<&Timeline> = [&declared, &published].into_iter().flatten().collect();
    let Some(newest) = known.iter().map(|timeline| timeline.source.head_at).max() else {
        return Err(super::never_asked());
    };
    if let Some(since) = filter.since.filter(|since| *since > newest) {
        return Err(super::not_known(since, newest));
    }
    super::check_order(filter.since, filter.until)?;
    let begins = known.iter().filter_map(|timeline| timeline.begins()).min();
    if let (Some(until), Some(begins)) = (filter.until, begins)
        && until < begins
    {
        return Err(Failure::new(format!("--at {until} is before {begins}, when what is known begins")));
    }
    let limit = arguments.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let by = if arguments.latest { By::Latest } else { By::Any };
    let mut found: Vec<(&Timeline, Event)> = Vec::new();
    for timeline in known.iter().copied() {
        found.extend(events(timeline, by, &filter).into_iter().map(|event| (timeline, event)));
    }
    found.sort_by_key(|(timeline, event)| std::cmp::Reverse(timeline.moment(event.moment).at));
    let form = &arguments.form;
    if form.json || form.csv {
        found.truncate(limit.unwrap_or(usize::MAX));
        let answers: Vec<EventAnswer> =
            found.iter().map(|(timeline, event)| EventAnswer::of(timeline, event)).collect();
        print_raw(&if form.json { json::document(&answers)? } else { comma_separated(&answers)? })?;
        return Ok(Exit::Yes);
    }
    let mut rows = rows(&found);
    let all = rows.len();
    let is_bounded = !filter.images.is_empty() || filter.since.is_some() || form.markdown;
    let limit = limit.unwrap_or(if is_bounded { usize::MAX } else { NEWEST });
    rows.truncate(limit);
    if form.markdown {
        print_raw(marked_down(&rows).as_bytes())?;
        return Ok(Exit::Yes);
    }
    let mut text = shown(&rows, declared.is_some() && published.is_some());
    if all > limit && !global.quiet {
        text += &format!("\nand {} before; --limit {all} prints them all\n", count(all - limit, "line"));
    }
    if !global.quiet {
        text.push('\n');
        for timeline in &known {
            let keeping = keeping.filter(|_| timeline.rung == Rung::Declared).unwrap_or(Keeping::Store);
            text += &super::source_line(timeline, keeping, now);
        }
    }
    print(text.as_bytes())?;
    Ok(Exit::Yes)
}

/// The names of the images that were asked for, as the timelines have them.
fn images(
    asked: &[String],
    declared: Option<&Timeline>,
    published: Option<&Timeline>,
) -> Result<Vec<String>, Failure> {
    let name = |text: &String| -> Result<String, Failure> {
        let reference: Reference = text.parse().map_err(|error| Failure::new(format!("{text}: {error}")))?;
        if reference.digest().is_some() || super::is_tag_named(text) {
            return Err(Failure::new(format!("{text}: what happened is told of images, not of their tags"))
                .with_hint(format!("workson log {}", reference.repository().familiar())));
        }
        let name = reference.repository().familiar();
        let is_known = |timeline: Option<&Timeline>| timeline.is_some_and(|t| t.images.contains_key(&name));
        if is_known(declared) || is_known(published) {
            return Ok(name);
        }
        let failure = Failure::new(format!("nothing is known of an image called {name}"));
        let suggestions = Evidence { declared, published }.suggestions(&name);
        Err(match suggestions.as_slice() {
            [] => failure,
            names => failure.with_hint(format!("did you mean {}?", names.join(" or "))),
        })
    };
    asked.iter().map(name).collect()
}

impl EventAnswer {
    fn of(timeline: &Timeline, event: &Event) -> EventAnswer {
        let moment = timeline.moment(event.moment);
        let run = moment.origin.strip_prefix("run ").and_then(|number| number.parse().ok());
        EventAnswer {
            at: moment.at.to_string(),
            image: event.image.clone(),
            event: event.happening.name(),
            platform: event.platform.as_ref().map(Platform::to_string),
            with_image: event.with_image,
            rung: timeline.rung.name(),
            commit: run.is_none().then(|| moment.origin.clone()),
            run,
        }
    }
}

/// The events of one image at one moment in one way are one row. What came or went with the image is told with it.
fn rows(found: &[(&Timeline, Event)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let key = |(timeline, event): &(&Timeline, Event)| (timeline.rung, event.moment, event.image.clone());
    let mut sorted: Vec<&(&Timeline, Event)> = found.iter().collect();
    // Stable: moments stay in their order, images come together within one.
    sorted.sort_by(|a, b| {
        let at = |(timeline, event): &(&Timeline, Event)| timeline.moment(event.moment).at;
        at(b).cmp(&at(a)).then_with(|| key(b).1.cmp(&key(a).1)).then_with(|| key(a).cmp(&key(b)))
    });
    for (timeline, event) in sorted {
        let what = match (event.happening, event.with_image) {
            (Happening::Gained | Happening::Regained, true) => Happening::Added.name(),
            (Happening::Lost, true) => Happening::Removed.name(),
            (happening, _) => happening.name(),
        };
        let moment = timeline.moment(event.moment);
        let platform = event.platform.as_ref().map(Platform::to_string);
        let same = rows.iter_mut().rev().take(5).find(|row| {
            row.moment == *moment && row.image == event.image && row.what == what && row.rung == timeline.rung
        });
        match same {
            Some(row) => row.platforms.extend(platform),
            None => rows.push(Row {
                moment: moment.clone(),
                image: event.image.clone(),
                what,
                platforms: platform.into_iter().collect(),
                rung: timeline.rung,
            }),
        }
    }
    rows
}

fn comma_separated(answers: &[EventAnswer]) -> Result<Vec<u8>, Failure> {
    let mut table =
        csv::Table::new(&["at", "image", "event", "platform", "withImage", "rung", "commit", "run"])?;
    for answer in answers {
        table.row(&[
            &answer.at,
            &answer.image,
            answer.event,
            answer.platform.as_deref().unwrap_or_default(),
            if answer.with_image { "true" } else { "false" },
            answer.rung,
            answer.commit.as_deref().unwrap_or_default(),
            &answer.run.map(|run| run.to_string()).unwrap_or_default(),
        ])?;
    }
    Ok(table.finish()?)
}

fn shown(rows: &[Row], with_rung: bool) -> String {
    if rows.is_empty() {
        return "nothing happened\n".into();
    }
    let mut headings = vec!["at", "image", "event", "platforms", "by"];
    if with_rung {
        headings.push("rung");
    }
    let mut table = table::new(&headings);
    for row in rows {
        let mut cells = vec![
            table::cell(&row.moment.at.strftime("%Y-%m-%d %H:%M").to_string()),
            table::cell(&row.image),
            table::cell(row.what),
            table::cell(&row.platforms.join(" ")),
            table::cell(short(&row.moment.origin)),
        ];
        if with_rung {
            cells.push(table::cell(row.rung.name()));
        }
        table.add_row(cells);
    }
    table::text(&mut table)
}

fn marked_down(rows: &[Row]) -> String {
    let mut table = markdown::Table::new(&["At", "Image", "Event", "Platforms", "By"]);
    for row in rows {
        table.row(&[
            &instant::day(row.moment.at),
            &row.image,
            row.what,
            &row.platforms.join(" "),
            short(&row.moment.origin),
        ]);
    }
    table.finish()
}
