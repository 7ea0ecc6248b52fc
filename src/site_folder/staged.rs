//! A whole new site, in a folder where nothing is.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::write::{Hand, every};
use super::{Build, Extra, FolderError, OWN_FOLDER, Written};

/// Writes all files of a site into `folder`, and which they are.
pub(super) fn all(folder: &Path, build: &Build<'_>) -> Result<Written, FolderError> {
    let hand = |_| Fresh { folder, written: Written::default(), paths: Vec::new() };
    let hands = every(build, folder, hand)?;
    let mut written = Written::default();
    let mut paths = Vec::new();
    for hand in hands {
        written.add(&hand.written);
        paths.extend(hand.paths);
    }
    paths.sort_unstable();
    write_list(folder, paths.iter().map(AsRef::as_ref))?;
    Ok(written)
}

/// Puts files where none are.
struct Fresh<'a> {
    folder: &'a Path,
    written: Written,
    paths: Vec<Box<str>>,
}

impl Fresh<'_> {
    fn count(&mut self, path: String, bytes: u64) {
        self.written.new += 1;
        self.written.bytes += bytes;
        self.paths.push(path.into_boxed_str());
    }
}

impl Hand for Fresh<'_> {
    fn file(&mut self, path: String, bytes: &[u8], is_page: bool) -> Result<(), FolderError> {
        put(&self.folder.join(&path), bytes)?;
        self.written.pages += usize::from(is_page);
        self.count(path, bytes.len() as u64);
        Ok(())
    }

    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), FolderError> {
        let path = self.folder.join(extra.path);
        let failed = |error: io::Error| FolderError::io(&path, &error);
        fs::create_dir_all(path.parent().unwrap_or(self.folder)).map_err(failed)?;
        (extra.make)(&path).map_err(failed)?;
        self.count(extra.path.to_owned(), fs::metadata(&path).map_err(failed)?.len());
        Ok(())
    }
}

/// Writes a file that is not there yet, and the folders that it is in.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let failed = |error: io::Error| FolderError::io(path, &error);
    let file = match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
            File::create_new(path)
        }
        file => file,
    };
    file.map_err(failed)?.write_all(bytes).map_err(failed)
}

fn list_of(folder: &Path) -> PathBuf {
    folder.join(OWN_FOLDER).join("files")
}

/// The files that earlier builds made: sorted paths, one a line.
pub(super) fn read_list(folder: &Path) -> Result<String, FolderError> {
    let path = list_of(folder);
    match fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(FolderError::io(&path, &error)),
    }
}

/// Writes the list of files, whole or not at all.
pub(super) fn write_list<'p>(folder: &Path, paths: impl Iterator<Item = &'p str>) -> Result<(), FolderError> {
    let path = list_of(folder);
    let failed = |error: io::Error| FolderError::io(&path, &error);
    let text: String = paths.flat_map(|path| [path, "\n"]).collect();
    let beside = path.with_extension("new");
    // What a kill left, or a link that leads elsewhere.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => put(&beside, text.as_bytes())?,
    }
    fs::rename(&beside, &path).map_err(failed)
}
