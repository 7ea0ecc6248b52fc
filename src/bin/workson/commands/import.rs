//! `workson import`: a history of declarations into the store.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use workson::history::{ImportError, Imported, Location, Repository, Settings as Going, import};
use workson::store::{Store, TagSpans};
use workson::timeline::{OFFICIAL_IMAGES, Timeline};
use workson_oci::Digest;
use workson_oci::text::printable;

use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::{count, json, print, short};
use crate::progress::{CommitBar, FetchBar};
use crate::settings::{Settings, now};

/// How many problems are printed before it says how many more there are.
const SHOWN: usize = 20;

/// A fetch from which nothing comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Read a history of what maintainers declared, and keep it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: ImportCommand,
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Read the history of docker-library/official-images: which image declared which platform, since when
    ///
    /// A second import reads what is new alone. What bashbrew refuses is kept as a problem, and the image's last
    /// good answer stands.
    #[command(after_help = "Exit codes: 0 done; 2 it could not be done, and what was stored stays.")]
    OfficialImages(Official),
}

#[derive(Debug, Args)]
struct Official {
    /// A repository's folder, a file made by `git bundle create`, or an address, which is fetched
    #[arg(value_name = "REPO")]
    repository: String,

    /// Read all of it, and put it in the place of what is stored
    #[arg(long)]
    again: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let ImportCommand::OfficialImages(official) = &arguments.command;
    let settings = Settings::read(global)?;
    let path = settings.store(global);
    let location = Location::of(&official.repository)?;
    let mut store = Store::open(&path)?;
    let _lock = super::lock(&path)?;
    let imported = match repository(&location, &settings, global, &store, official.again)? {
        None => None,
        Some(repository) => {
            let going = Going {
                now: now(),
                tool: env!("CARGO_PKG_VERSION").to_owned(),
                source: source(&location, &repository),
                again: official.again,
                threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            };
            let bar = CommitBar::new(global);
            let imported = import(&mut store, &repository, &going, |progress| bar.show(progress));
            bar.clear();
            Some(imported?)
        }
    };
    let imported = match imported {
        Some(imported) => imported,
        None => nothing_new(&store)?,
    };
    let images = store.timeline(OFFICIAL_IMAGES, TagSpans::None)?;
    let images = images.map_or(0, |timeline| {
        timeline
            .images
            .values()
            .filter(|image| image.any.last().is_some_and(|span| span.until.is_none()))
            .count()
    });
    if let Ok(bundled) = Timeline::bundled_source()
        && bundled.head_at > imported.source.head_at
        && !global.quiet
    {
        let what = format!("the history that comes with workson reaches further, to {}", bundled.head_at);
        tell(&what, Some("report, log and check answer from that; export writes what was imported"));
    }
    let answer = ImportAnswer::of(&imported, images);
    print(&if official.json { json::document(&answer)? } else { answer.text(global.quiet).into_bytes() })?;
    Ok(Exit::Yes)
}

/// The repository at `location`; none where its newest commit is the one that was read last.
fn repository(
    location: &Location,
    settings: &Settings,
    global: &Global,
    store: &Store,
    again: bool,
) -> Result<Option<Repository>, Failure> {
    Ok(match location {
        Location::Folder(path) => Some(Repository::open(path)?),
        Location::Bundle(path) => {
            let tip = Repository::tip_of_bundle(path)?;
            let reach = store.reach(OFFICIAL_IMAGES)?;
            // Unpacking takes longer than all the rest.
            if !again && reach.is_some_and(|reach| reach.tip == tip) {
                return Ok(None);
            }
            Some(Repository::unpack(path)?)
        }
        Location::Address(address) => {
            let bar = FetchBar::new(global);
            let folder = clone_folder(settings, address);
            let fetched = Repository::fetch(address, &folder, PATIENCE, |line| bar.show(line));
            bar.clear();
            Some(fetched?)
        }
    })
}

/// Where the copy of a repository elsewhere is kept, so that the next time what is new is fetched alone.
fn clone_folder(settings: &Settings, address: &str) -> PathBuf {
    let name = Digest::sha256(address.as_bytes());
    settings.cache().join("git").join(&name.hex()[..16])
}

/// What is read, as far as others can look it up: no path of this machine is kept.
fn source(location: &Location, repository: &Repository) -> String {
    match location {
        Location::Folder(_) => repository.cloned_from().unwrap_or_else(|| "a local repository".into()),
        Location::Bundle(_) => "a bundle".into(),
        Location::Address(address) if address.starts_with("file:") => "a local repository".into(),
        Location::Address(_) => location.shown(),
    }
}

fn nothing_new(store: &Store) -> Result<Imported, Failure> {
    let reach = store.reach(OFFICIAL_IMAGES)?;
    let reach = reach.ok_or_else(|| Failure::new("the history that was there is gone: run this again"))?;
    Ok(Imported { source: reach.source, commits: 0, changes: 0, problems: Vec::new() })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImportAnswer {
    source: String,
    head: String,
    head_at: String,
    /// How many commits and changes were new.
    commits: u64,
    changes: u64,
    /// How many have been read in all.
    all_commits: u64,
    all_changes: u64,
    /// How many images there are now.
    images: usize,
    /// What could not be read of what was new.
    problems: Vec<ProblemAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemAnswer {
    at: String,
    commit: String,
    /// None where it is the commit itself.
    file: Option<String>,
    reason: String,
}

impl ImportAnswer {
    fn of(imported: &Imported, images: usize) -> ImportAnswer {
        let problems = imported.problems.iter().map(|(at, commit, problem)| ProblemAnswer {
            at: at.to_string(),
            commit: commit.clone(),
            file: (!problem.image.is_empty()).then(|| format!("library/{}", problem.image)),
            reason: problem.reason.clone(),
        });
        ImportAnswer {
            source: imported.source.name.clone(),
            head: imported.source.head.clone(),
            head_at: imported.source.head_at.to_string(),
            commits: imported.commits,
            changes: imported.changes,
            all_commits: imported.source.read,
            all_changes: imported.source.changes,
            images,
            problems: problems.collect(),
        }
    }

    fn text(&self, quiet: bool) -> String {
        let mut text = String::new();
        if !self.problems.is_empty() && !quiet {
            text +=
                &format!("could not be read, so what was known before stands ({}):\n", self.problems.len());
            for problem in self.problems.iter().take(SHOWN) {
                let file = problem.file.as_deref().unwrap_or("the commit itself");
                text += &format!(
                    "  {} {} {}: {}\n",
                    &problem.at[..10.min(problem.at.len())],
                    short(&problem.commit),
                    printable(file),
                    printable(&problem.reason)
                );
            }
            if self.problems.len() > SHOWN {
                text += &format!("  and {} more; --json has them all\n", self.problems.len() - SHOWN);
            }
            text.push('\n');
        }
        let number = |n: u64, noun| count(usize::try_from(n).unwrap_or(usize::MAX), noun);
        let new = match self.commits {
            0 => "nothing is new".to_owned(),
            _ => format!("{} with {}", number(self.commits, "commit"), number(self.changes, "change")),
        };
        text += &format!(
            "{new}; {} at {}, {}\n",
            count(self.images, "image"),
            &self.head_at[..10.min(self.head_at.len())],
            short(&self.head)
        );
        text
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Failure {
        match error {
            ImportError::History(error) => error.into(),
            ImportError::Store(error) => error.into(),
        }
    }
}
