//! `workson export`: the declared history, for others and for the next release.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use workson::catalog::timelines::{self, Keeping, Kept};
use workson::store::{self, TagSpans};
use workson::timeline::{By, Timeline};
use workson_oci::Platform;

use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::{count, csv, print_raw};
use crate::settings::Settings;

/// Write the declared history to a file: for spreadsheets, for SQLite, or in workson's own compact form
///
/// All that an import kept is written; without one, the history that comes with workson.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
pub(crate) struct Arguments {
    /// Where to; `-` is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace FILE where it is there
    #[arg(long)]
    force: bool,

    /// In which form [default: by the name of FILE: .csv, .db or .sqlite, .jsonl]
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// workson's own: any tag and `latest` for all time, every tag as it is now
    Compact,
    /// A line for each image, tag and platform, from when to when
    Csv,
    /// A database of SQLite; docs/json.md has its tables
    Sqlite,
}

impl Form {
    fn of(file: &Path) -> Option<Form> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" => Some(Form::Compact),
            "csv" => Some(Form::Csv),
            "db" | "sqlite" | "sqlite3" => Some(Form::Sqlite),
            _ => None,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let form = arguments.format.or_else(|| Form::of(&arguments.file)).ok_or_else(|| {
        Failure::new(format!("{}: its name does not say in which form", arguments.file.display()))
            .with_hint("--format compact, csv or sqlite")
    })?;
    let settings = Settings::read(global)?;
    let path = settings.store(global);
    let to_stdout = arguments.file == Path::new("-");
    if !to_stdout {
        check(&arguments.file, &path, arguments.force)?;
    }
    let store = super::existing_store(&path)?;
    let Kept { timeline, keeping } = timelines::kept(store.as_ref(), TagSpans::All)?;
    let bytes = match form {
        Form::Compact => timeline.compacted().to_text().into_bytes(),
        Form::Csv => rows(&timeline)?,
        Form::Sqlite if to_stdout => {
            return Err(Failure::new("a database can't be written to standard output")
                .with_hint("name a file, or take --format csv"));
        }
        Form::Sqlite => {
            whole(&arguments.file, |file| {
                store::export(&timeline, file.path()).map_err(|error| {
                    Failure::new(format!("writing {}: {error}", arguments.file.display()))
                        .with_hint("is there room on the disk? nothing was left behind")
                })
            })?;
            return Ok(told(arguments, form, keeping, global));
        }
    };
    if to_stdout {
        print_raw(&bytes)?;
        return Ok(Exit::Yes);
    }
    write(&arguments.file, &bytes)?;
    Ok(told(arguments, form, keeping, global))
}

/// What is there is not written over, unless that is asked for; the store never.
fn check(file: &Path, store: &Path, force: bool) -> Result<(), Failure> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(file).is_some() && real(file) == real(store) {
        return Err(Failure::new(format!("{}: that is the store itself", file.display()))
            .with_hint("name another file"));
    }
    if file.is_file() && !force {
        return Err(Failure::new(format!("{}: there is a file already", file.display()))
            .with_hint("--force replaces it"));
    }
    Ok(())
}

fn told(arguments: &Arguments, form: Form, keeping: Keeping, global: &Global) -> Exit {
    if !global.quiet {
        let size = std::fs::metadata(&arguments.file).map_or(0, |file| file.len());
        let size = count(usize::try_from(size).unwrap_or(usize::MAX), "byte");
        tell(&format!("wrote {}, {size}", arguments.file.display()), None);
        if keeping == Keeping::Bundled && form != Form::Compact {
            tell(
                "of what comes with workson: each tag as it stands; an import brings all that there ever were",
                None,
            );
        }
    }
    Exit::Yes
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // What is no regular file, like a pipe or /dev/null, can't be replaced.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, bytes)
            .map_err(|error| Failure::io(&format!("writing {}", path.display()), &error));
    }
    whole(path, |file| {
        file.as_file_mut()
            .write_all(bytes)
            .map_err(|error| Failure::io(&format!("writing {}", path.display()), &error))
    })
}

/// Writes a file beside `path`, and puts it in its place once it is whole.
fn whole(
    path: &Path,
    fill: impl FnOnce(&mut tempfile::NamedTempFile) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        // Not the name of the file beside it, which is gone by now.
        let error = error.to_string();
        let error = error.split(" at path ").next().unwrap_or_default();
        Failure::new(format!("writing {}: {error}", path.display()))
    };
    // A link stays a link.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".workson-");
    #[cfg(unix)]
    builder.permissions(mode());
    let mut file = builder.tempfile_in(folder).map_err(|error| failed(&error))?;
    fill(&mut file)?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// As any program makes its files, less what the user's mask takes away.
#[cfg(unix)]
pub(crate) fn mode() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o666)
}

fn rows(timeline: &Timeline) -> Result<Vec<u8>, Failure> {
    let mut table = csv::Table::new(&[
        "image",
        "scope",
        "tag",
        "platform",
        "from",
        "fromCommit",
        "until",
        "untilCommit",
    ])?;
    let mut row = |image: &str, scope: &str, tag: &str, span: &workson::timeline::Span| {
        let from = timeline.moment(span.from);
        let until = span.until.map(|until| timeline.moment(until));
        let mut platforms: Vec<String> = timeline.set(span.offer.set).iter().map(Platform::format).collect();
        if !span.offer.is_whole {
            platforms.push("unknown".into());
        }
        // An image that declares nothing was there all the same.
        if platforms.is_empty() {
            platforms.push(String::new());
        }
        for platform in platforms {
            table.row(&[
                image,
                scope,
                tag,
                &platform,
                &from.at.to_string(),
                &from.origin,
                &until.map(|until| until.at.to_string()).unwrap_or_default(),
                until.map_or("", |until| until.origin.as_str()),
            ])?;
        }
        Ok::<_, Failure>(())
    };
    for (name, image) in &timeline.images {
        for by in [By::Any, By::Latest] {
            for span in image.spans(by) {
                row(name, by.name(), "", span)?;
            }
        }
        for (tag, span) in &image.tags {
            row(name, "tag", tag, span)?;
        }
    }
    Ok(table.finish()?)
}
