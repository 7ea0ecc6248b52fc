//! `workson inventory`: what many images support, kept, and what changed.

mod report;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, Subcommand};
use workson::catalog::{Changes, Coverage};
use workson::crawl;
use workson::inventory::{List, MAX_LIST};
use workson::store::{RunSummary, Snapshot, Store};
use workson::verify::Limits;
use workson_registry::Client;

use self::report::{Report, Verifications};
use super::verify::{LayerLimits, Verifying};
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::interrupt::interrupted;
use crate::output::{json, print};
use crate::progress::Bar;
use crate::settings::{Settings, now};

/// How long a run that was not finished may be resumed: a day, in milliseconds.
const RESUME_WITHIN: i64 = 24 * 3600 * 1000;

/// How soon an unattended run sees that the service is to end.
const STOP_SEEN_WITHIN: Duration = Duration::from_millis(100);

/// Among how many runs, the newest, the last one of a list is looked for.
const RUNS_LOOKED_AT: usize = 1000;

/// Look at many images, keep what is seen, and tell what changed
///
/// A tag that still points at a known digest costs no pull. A run that was interrupted is resumed by the same
/// command within a day.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 every image was told; 1 with --verify, one does not hold what it says; 2 one could not be \
                  told, or the run stopped early."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<InventoryCommand>,

    /// A file with one reference a line, `-` for standard input, or `official` for Docker's official images
    #[arg(default_value = "official")]
    list: String,

    /// Ask Docker Hub's web API for the official images, the most pulled first, instead of the bundled list
    #[arg(long)]
    live: bool,

    /// Just the first N of the list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,

    /// Which platform to count [default: linux/arm64]
    #[arg(long, short, value_name = "P")]
    platform: Vec<String>,

    /// Spend at most N counted pulls; a run that would need more stops cleanly and can be resumed
    #[arg(long, value_name = "N")]
    budget: Option<u64>,

    /// Begin a new run, even where one could be resumed
    #[arg(long)]
    fresh: bool,

    /// Then read what the images with these platforms hold, where that was not read before (see `workson verify`)
    #[arg(long)]
    verify: bool,

    #[command(flatten)]
    limits: LayerLimits,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum InventoryCommand {
    /// List the runs, the newest first
    Runs {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What changed from run A to run B
    Diff {
        /// The number of the earlier run
        a: i64,
        /// The number of the later run
        b: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let store = settings.store(global);
    match &arguments.command {
        Some(InventoryCommand::Runs { limit, json }) => {
            let runs = Store::open_existing(&store)?.runs(*limit)?;
            print(&report::runs(&runs, *json)?)?;
            Ok(Exit::Yes)
        }
        Some(InventoryCommand::Diff { a, b, json }) => {
            let store = Store::open_existing(&store)?;
            let changes = Changes::between(&store.snapshot(*a)?, &store.snapshot(*b)?);
            print(&report::changes(&changes, *json)?)?;
            Ok(Exit::Yes)
        }
        None => take(arguments, global, &settings, &store),
    }
}

fn take(arguments: &Arguments, global: &Global, settings: &Settings, path: &Path) -> Result<Exit, Failure> {
    let mut platforms = super::platforms("--platform", &arguments.platform)?;
    if platforms.is_empty() {
        platforms.push(super::arm64());
    }
    let client = settings.client(global, arguments.budget)?;
    let list = crate::block_on(list(&arguments.list, arguments.live, arguments.top, &client))?;
    for problem in &list.problems {
        tell(&format!("{}:{}: {:?}: {}", list.name, problem.line, problem.text, problem.reason), None);
    }
    if list.references.is_empty() {
        return Err(Failure::new(format!("{}: there is no reference in it", list.name))
            .with_hint("a list has one reference a line; what follows a # is passed over"));
    }
    let store = Store::open(path)?;
    let _lock = super::lock(path)?;
    let stop = Arc::new(AtomicBool::new(false));
    let resume_within = (!arguments.fresh).then_some(RESUME_WITHIN);
    let run_settings = run_settings(settings, global, resume_within, &stop);
    let bar = Arc::new(Bar::new(global));
    let shown = bar.clone();
    let finished = crate::block_on(async {
        tokio::spawn(stop_on_interrupt(stop));
        Ok(crawl::run(&client, store, &list, &run_settings, move |progress| shown.show(progress)).await?)
    });
    bar.clear();
    let finished = finished?;

    let store = Store::open_existing(path)?;
    let snapshot = store.snapshot(finished.run)?;
    let coverage: Vec<Coverage> =
        platforms.iter().map(|platform| Coverage::of(&snapshot, platform)).collect();
    let verified = match arguments.verify {
        true => verify(path, global, &client, &coverage, arguments.limits.limits())?,
        false => Vec::new(),
    };
    let previous: Option<Snapshot> = finished.previous.map(|id| store.snapshot(id)).transpose()?;
    let report = Report {
        list: &list,
        finished: &finished,
        snapshot: &snapshot,
        coverage,
        verified,
        changes: previous.as_ref().map(|previous| Changes::between(previous, &snapshot)),
    };
    print(&if arguments.json {
        json::document(&report.json())?
    } else {
        report.text(global.quiet).into_bytes()
    })?;
    Ok(match report.is_whole() {
        _ if report.has_false() => Exit::No,
        true => Exit::Yes,
        false => Exit::Unknown,
    })
}

fn run_settings(
    settings: &Settings,
    global: &Global,
    resume_within: Option<i64>,
    stop: &Arc<AtomicBool>,
) -> crawl::Settings {
    crawl::Settings {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        concurrency: settings.jobs(global),
        resume_within,
        clock: Arc::new(now),
        stop: Arc::clone(stop),
    }
}

/// Makes an inventory of a list for a service, going on with one that came to no end; `stop` ends it early.
pub(crate) fn unattended(name: &str, global: &Global, stop: &Arc<AtomicBool>) -> Result<RunSummary, Failure> {
    let settings = Settings::read(global)?;
    let path = settings.store(global);
    let client = settings.client(global, None)?;
    let list = crate::block_on(list(name, false, None, &client))?;
    let store = Store::open(&path)?;
    let _lock = super::lock(&path)?;
    // What ends one run is not what ends the service.
    let ended = Arc::new(AtomicBool::new(false));
    let run_settings = run_settings(&settings, global, Some(RESUME_WITHIN), &ended);
    let finished = crate::block_on(async {
        let (stop, ended) = (Arc::clone(stop), Arc::clone(&ended));
        let passing_on = tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(STOP_SEEN_WITHIN).await;
            }
            ended.store(true, Ordering::Relaxed);
        });
        let finished = crawl::run(&client, store, &list, &run_settings, |_| {}).await;
        passing_on.abort();
        Ok(finished?)
    })?;
    Ok(Store::open_existing(&path)?.run(finished.run)?)
}

/// How the last run of a list went.
pub(crate) fn last_run(name: &str, global: &Global) -> Option<RunSummary> {
    let settings = Settings::read(global).ok()?;
    let store = Store::open_existing(&settings.store(global)).ok()?;
    let name = list_name(name);
    store.runs(RUNS_LOOKED_AT).ok()?.into_iter().find(|run| run.list == name)
}

/// Reads what the images hold that a run saw to have a platform.
fn verify(
    path: &Path,
    global: &Global,
    client: &Client,
    coverage: &[Coverage],
    limits: Limits,
) -> Result<Vec<Verifications>, Failure> {
    let mut verifying = Verifying::new(path, global, client, limits)?;
    let mut all = Vec::new();
    for coverage in coverage {
        let mut found = Vec::new();
        for evidence in coverage.supported() {
            let Some(digest) = &evidence.digest else { continue };
            let answer = verifying.seen(&evidence.reference, digest, &coverage.platform)?;
            found.push((evidence.reference.clone(), answer));
        }
        all.push(Verifications { platform: coverage.platform.clone(), found });
    }
    Ok(all)
}

async fn list(name: &str, live: bool, top: Option<u64>, client: &Client) -> Result<List, Failure> {
    let list = match name {
        "official" if live => {
            let repositories =
                client.hub_repositories("library", top.and_then(|top| usize::try_from(top).ok())).await?;
            List::of_official_names(
                "official-live",
                repositories.into_iter().map(|repository| repository.name),
            )
        }
        _ if live => {
            return Err(Failure::new("--live is for the list `official`")
                .with_hint("workson inventory official --live"));
        }
        "official" => List::official(),
        "-" => {
            let mut list =
                List::parse("standard input", &bounded("standard input", std::io::stdin().lock())?);
            // Two lists that come this way need not have anything to do with each other.
            list.name = format!("standard input ({})", &list.fingerprint().hex()[..12]);
            list
        }
        path => {
            let tried = format!("reading the list {path}");
            let file = std::fs::File::open(path).map_err(|error| {
                Failure::io(&tried, &error)
                    .with_hint("a list is a file, `-` for standard input, or `official`")
            })?;
            List::parse(list_name(path), &bounded(path, file)?)
        }
    };
    Ok(match top {
        Some(top) => list.top(usize::try_from(top).unwrap_or(usize::MAX)),
        None => list,
    })
}

/// Runs of one list are compared, so its name has to be the same from every folder. What has no such name (a pipe) keeps
/// the one that was given.
fn list_name(path: &str) -> String {
    match path {
        "official" => List::official().name,
        path => std::fs::canonicalize(path).unwrap_or_else(|_| path.into()).display().to_string(),
    }
}

fn bounded(name: &str, input: impl std::io::Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let tried = format!("reading the list {name}");
    input.take(MAX_LIST as u64 + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(&tried, &error))?;
    if bytes.len() > MAX_LIST {
        return Err(Failure::new(format!("{tried}: it is larger than the {MAX_LIST} bytes that are read")));
    }
    Ok(bytes)
}

/// The first interrupt (or wish to end, SIGTERM) stops the run cleanly; a second one ends the program.
async fn stop_on_interrupt(stop: Arc<AtomicBool>) {
    interrupted().await;
    stop.store(true, Ordering::Relaxed);
    tell("stopping; what is known is kept, and the same command goes on from here", None);
    interrupted().await;
    #[allow(clippy::disallowed_methods, reason = "the user asked twice; the store survives a kill")]
    std::process::exit(2);
}
