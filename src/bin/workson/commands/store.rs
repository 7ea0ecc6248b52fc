//! `workson store`: whether what is kept is whole, and copies of it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use workson::store::{Store, StoreError, StoreErrorKind, Submissions};
use workson_oci::text::printable;

use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::{count, json, print};
use crate::settings::Settings;

/// Check and copy what is kept: the store, and what people sent in beside it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(Check),
    Backup(Backup),
}

/// Tell what is wrong with the databases: damaged pages, rows that name others that are not there, documents whose bytes have another
/// digest, proposals that do not stand where their steps led
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing is wrong; 1 something is, or there is no database; 2 it could not be told."
)]
struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Copy the databases into a folder, while others write to them
///
/// Each copy is as its database was at one moment, and whole or not there. It holds what people sent in, with their contacts, and is readable by
/// its owner alone. Nothing is replaced. To restore: end whatever uses the store, take away the files beside it that end in -wal and -shm, and copy
/// the copies back to where the databases were.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 1 there is nothing to copy; 2 it could not be done.")]
struct Backup {
    /// Where to; it is made where it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let databases: Vec<Database> =
        [Database::Evidence(settings.store(global)), Database::Submissions(settings.submissions(global))]
            .into_iter()
            .filter(|database| database.path().exists())
            .collect();
    if databases.is_empty() {
        let what = format!("{}: there is no such file", settings.store(global).display());
        tell(&what, Some("`workson inventory` makes a store; or name another with --store"));
        return Ok(Exit::No);
    }
    match &arguments.what {
        What::Check(asked) => check(asked, &databases),
        What::Backup(asked) => backup(&asked.folder, &databases),
    }
}

/// A database that is there.
enum Database {
    Evidence(PathBuf),
    Submissions(PathBuf),
}

impl Database {
    fn path(&self) -> &Path {
        match self {
            Database::Evidence(path) | Database::Submissions(path) => path,
        }
    }

    fn check(&self) -> Result<Vec<String>, StoreError> {
        let checked = match self {
            Database::Evidence(path) => Store::open_existing(path).and_then(|store| store.check()),
            Database::Submissions(path) => Submissions::open_existing(path).and_then(|store| store.check()),
        };
        match checked {
            // What can't even be opened because it is damaged was found to be so.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Ok(vec![error.to_string()]),
            checked => checked,
        }
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        match self {
            Database::Evidence(path) => Store::open_existing(path)?.backup(to),
            Database::Submissions(path) => Submissions::open_existing(path)?.backup(to),
        }
    }
}

#[derive(Debug, Serialize)]
struct CheckAnswer {
    /// As it was named.
    file: String,
    /// Sentences; none where nothing is wrong.
    problems: Vec<String>,
}

fn check(asked: &Check, databases: &[Database]) -> Result<Exit, Failure> {
    let mut answers = Vec::new();
    for database in databases {
        let file = database.path().display().to_string();
        answers.push(CheckAnswer { file, problems: database.check()? });
    }
    let text = match asked.json {
        true => json::document(&answers)?,
        false => answers.iter().map(told).collect::<String>().into_bytes(),
    };
    print(&text)?;
    let is_well = answers.iter().all(|answer| answer.problems.is_empty());
    Ok(if is_well { Exit::Yes } else { Exit::No })
}

fn told(answer: &CheckAnswer) -> String {
    let file = printable(&answer.file);
    match answer.problems.len() {
        0 => format!("{file}: nothing is wrong\n"),
        problems => {
            let lines = answer.problems.iter().map(|problem| format!("  {}\n", printable(problem)));
            format!("{file}: {}\n{}", count(problems, "problem"), lines.collect::<String>())
        }
    }
}

fn backup(folder: &Path, databases: &[Database]) -> Result<Exit, Failure> {
    let copies: Vec<PathBuf> = databases
        .iter()
        .map(|database| folder.join(database.path().file_name().unwrap_or_default()))
        .collect();
    // All that is in the way is told before anything is written.
    for copy in &copies {
        if copy.symlink_metadata().is_ok() {
            return Err(Failure::new(format!("{}: there is a file already", copy.display()))
                .with_hint("nothing is replaced: name another folder"));
        }
    }
    make(folder).map_err(|error| Failure::io(&format!("making {}", folder.display()), &error))?;
    let mut text = String::new();
    for (at, (database, copy)) in databases.iter().zip(&copies).enumerate() {
        if let Err(error) = database.backup(copy) {
            // One without the other is no copy, and would be in the way of the next one.
            copies[..at].iter().for_each(|copy| drop(std::fs::remove_file(copy)));
            return Err(error.into());
        }
        let size = std::fs::metadata(copy).map_or(0, |file| file.len());
        let size = count(usize::try_from(size).unwrap_or(usize::MAX), "byte");
        text += &format!("wrote {}, {size}\n", printable(&copy.display().to_string()));
    }
    print(text.as_bytes())?;
    Ok(Exit::Yes)
}

/// Makes a folder for its owner alone, where it is not there.
fn make(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
