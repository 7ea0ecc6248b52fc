//! The files of the site's content: from a folder, or those that come with the program.

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use workson::content::{At, Content, File, MAX_FILE, Problem};

use crate::exit::Failure;

/// How many files a folder of content may have.
const MAX_FILES: usize = 20_000;

/// Where content is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder on disk.
    Folder(PathBuf),
    /// What comes with the program.
    Bundled,
}

impl Place {
    /// The folder that was named; else `content` where it begins here, else what comes with the program.
    pub(crate) fn of(folder: Option<&Path>) -> Place {
        let here = || Path::new("content").join("categories.yaml").is_file().then(|| Path::new("content"));
        folder.or_else(here).map_or(Place::Bundled, |folder| Place::Folder(folder.to_owned()))
    }

    /// A file of it, as people find it.
    pub(crate) fn file(&self, path: &str) -> String {
        match self {
            Place::Folder(folder) => folder.join(path).display().to_string(),
            Place::Bundled => format!("content/{path}"),
        }
    }

    /// A place in it: `content/entries/nginx.yaml:3:7`.
    pub(crate) fn at(&self, at: &At) -> String {
        let file = self.file(&at.file);
        match (at.line, at.column) {
            (0, _) => file,
            (line, 0) => format!("{file}:{line}"),
            (line, column) => format!("{file}:{line}:{column}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => write!(out, "{}", folder.display()),
            Place::Bundled => write!(out, "the content that comes with workson"),
        }
    }
}

/// Reads the content of a place.
pub(crate) fn load(place: &Place) -> Result<(Content, Vec<Problem>), Failure> {
    let (files, mut problems) = match place {
        Place::Folder(folder) => files(folder)?,
        Place::Bundled => (Content::bundled(), Vec::new()),
    };
    let (content, more) = Content::read(&files);
    problems.extend(more);
    problems.sort();
    Ok((content, problems))
}

/// The files below a folder, in the order of their paths. Hidden ones are passed over; what is no plain file or folder
/// is told and not read.
fn files(folder: &Path) -> Result<(Vec<File>, Vec<Problem>), Failure> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((path, below)) = folders.pop() {
        let failed = |error: std::io::Error| Failure::io(&format!("reading {}", path.display()), &error);
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let below = format!("{below}{name}");
            let kind = entry.file_type().map_err(failed)?;
            let odd = |what: &str, hint: &str| Problem {
                at: At { file: below.clone(), line: 0, column: 0 },
                what: what.to_owned(),
                hint: Some(hint.to_owned()),
            };
            match () {
                () if kind.is_symlink() => {
                    problems.push(odd(
                        "it is a symbolic link, which is not followed",
                        "put the file itself here",
                    ));
                }
                () if kind.is_dir() => folders.push((entry.path(), format!("{below}/"))),
                () if kind.is_file() => files.push(File { bytes: read(&entry.path())?, path: below }),
                () => problems.push(odd("it is no file", "content is made of plain files")),
            }
            if files.len() > MAX_FILES || folders.len() > MAX_FILES {
                return Err(Failure::new(format!(
                    "{}: it has more than {MAX_FILES} files, which is more than a site's content has",
                    folder.display()
                ))
                .with_hint("name the folder that has `entries`, `news` and `events` by --content"));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, problems))
}

/// The bytes of a file; of one that is too large one byte more than it may have, so that this is told.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::io(&format!("reading {}", path.display()), &error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The text of a file that may be there. A link is not followed.
pub(crate) fn existing(path: &Path) -> Result<Option<String>, Failure> {
    let shown = path.display();
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io(&format!("reading {shown}"), &error)),
        Ok(kind) if !kind.is_file() => {
            return Err(Failure::new(format!("{shown}: it is no plain file"))
                .with_hint("content is made of plain files"));
        }
        Ok(_) => {}
    }
    let bytes = read(path)?;
    if bytes.len() > MAX_FILE {
        return Err(Failure::new(format!("{shown}: it has more than {MAX_FILE} bytes")));
    }
    let text = String::from_utf8(bytes);
    Ok(Some(text.map_err(|_| Failure::new(format!("{shown}: it is no UTF-8")))?))
}

/// Puts a file in its place once it is whole and on the disk: a new one, or one that takes the place of `before`.
pub(crate) fn put(path: &Path, text: &str, before: Option<&str>) -> Result<(), Failure> {
    let tried = format!("writing {}", path.display());
    let failed = |error: &std::io::Error| Failure::io(&tried, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Hidden files are no content.
    builder.prefix(".workson-");
    #[cfg(unix)]
    builder.permissions(crate::commands::export::mode());
    let mut file = builder.tempfile_in(folder).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    if before.is_none() {
        let placed = file.persist_noclobber(path);
        return placed.map(drop).map_err(|error| failed(&error.error));
    }
    let rights = std::fs::metadata(path).map_err(|error| failed(&error))?.permissions();
    file.as_file().set_permissions(rights).map_err(|error| failed(&error))?;
    // Whoever has edited it meanwhile keeps what they wrote.
    if existing(path)?.as_deref() != before {
        return Err(Failure::new(format!("{}: it was changed meanwhile", path.display()))
            .with_hint("run the command again"));
    }
    file.persist(path).map(drop).map_err(|error| failed(&error.error))
}
