//! `workson site build`: the whole site as files for any web host.

pub(super) mod sources;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use workson::site::Route;
use workson::site_folder::{Build, Extra, FolderError, Target, Written};
use workson::store;

use self::sources::{Count, Sources, Wanted};
use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::output::{count, json, print};

/// Build the web site: pages, feeds, badges and a static API, as files
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Build(BuildArguments),
}

/// Write the whole site as files for any web host
///
/// A folder that is there already is brought up to date: what differs is replaced, what is no longer part is removed,
/// and nothing else is touched. A build that fails leaves the site that was there.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the site is there; 2 it could not be built, for example because of a mistake in the content."
)]
struct BuildArguments {
    /// Where to: a folder that is not there yet, an empty one, or one with a site that was built before
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    #[command(flatten)]
    wanted: Wanted,

    /// Tell as JSON what was written
    #[arg(long)]
    json: bool,
}

/// What was built, as `docs/json.md` describes it.
#[derive(Serialize)]
struct Answer<'a> {
    folder: &'a Path,
    files: usize,
    pages: usize,
    bytes: u64,
    new: usize,
    changed: usize,
    unchanged: usize,
    removed: usize,
    #[serde(flatten)]
    count: Count,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let What::Build(build) = &arguments.what;
    // What is wrong with the folder is told together with what is wrong with the content.
    let (target, wrong) = match Target::check(&build.folder) {
        Ok(target) => (Some(target), Vec::new()),
        Err(error) => (None, vec![error.into()]),
    };
    let sources = Sources::read(&build.wanted, global, wrong)?;
    let Some(target) = target else { return Ok(Exit::Unknown) };
    let database = |path: &Path| -> io::Result<()> {
        store::export(&sources.declared, path).map_err(|error| io::Error::other(error.to_string()))
    };
    let path = Route::Sqlite.path();
    let extras = [Extra { path: path.trim_start_matches('/'), make: &database }];
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let written = target.write(&Build { site: &sources.site, extras: &extras, threads })?;
    tell(build, &sources, written, global)?;
    Ok(Exit::Yes)
}

fn tell(build: &BuildArguments, sources: &Sources, written: Written, global: &Global) -> Result<(), Failure> {
    let supporting = sources.count();
    if build.json {
        let Written { pages, bytes, new, changed, unchanged, removed } = written;
        let (folder, files) = (build.folder.as_path(), written.files());
        let count = supporting;
        let answer = Answer { folder, files, pages, bytes, new, changed, unchanged, removed, count };
        return Ok(print(&json::document(&answer)?)?);
    }
    let mut text = Vec::new();
    if !global.quiet {
        writeln!(
            text,
            "{} in {}, {} of them: {} new, {} changed, {} unchanged, {} removed",
            count(written.files(), "file"),
            build.folder.display(),
            count(written.pages, "page"),
            written.new,
            written.changed,
            written.unchanged,
            written.removed
        )?;
    }
    writeln!(text, "{supporting}")?;
    print(&text)?;
    if sources.site.base.origin.is_none() && !global.quiet {
        let hint = "with --base-url https://example.org they name the whole one";
        crate::exit::tell("feeds and badges name addresses within the site alone", Some(hint));
    }
    Ok(())
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
