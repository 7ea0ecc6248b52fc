//! A site as files in a folder, for any web host.
//!
//! A folder that is not there yet is made beside its place and gets its name once it is whole. One that is there is
//! brought up to date: what differs is staged first, and then takes the place of what was there, file by file. So a build
//! that fails leaves the last good site, and the next one mends what a kill left half done.

mod place;
mod staged;
mod update;
mod write;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::site::Site;

pub use place::Target;

/// What a build keeps its own things in, within the site's folder. It tells that the folder is a site's.
pub const OWN_FOLDER: &str = ".workson-site";

/// Why a site can't be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct FolderError {
    /// Which file or folder.
    pub path: PathBuf,
    /// Why, a sentence without its end.
    pub reason: String,
    /// What to do next.
    pub hint: Option<&'static str>,
}

impl FolderError {
    fn new(path: &Path, reason: impl Into<String>) -> FolderError {
        FolderError { path: path.to_owned(), reason: reason.into(), hint: None }
    }

    fn with_hint(mut self, hint: &'static str) -> FolderError {
        self.hint = Some(hint);
        self
    }

    fn io(path: &Path, error: &io::Error) -> FolderError {
        // A file beside the one that is meant is gone by now: its name helps nobody.
        let reason = error.to_string();
        let reason = reason.split(" at path ").next().unwrap_or_default().to_owned();
        FolderError { path: path.to_owned(), reason, hint: None }
    }
}

/// A file that is no route of the site: what makes it writes to the path that it is given.
pub struct Extra<'a> {
    /// Where it is, below the folder: `download/official-images.sqlite`.
    pub path: &'a str,
    /// Makes it.
    pub make: &'a (dyn Fn(&Path) -> io::Result<()> + Sync),
}

/// What is to be written.
pub struct Build<'a> {
    /// The site, all of whose routes become files.
    pub site: &'a Site,
    /// What is there beside them.
    pub extras: &'a [Extra<'a>],
    /// How many threads render and write.
    pub threads: NonZeroUsize,
}

/// What a build did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// How many of the files are pages for people.
    pub pages: usize,
    /// How many bytes all files have.
    pub bytes: u64,
    /// Files that were not there.
    pub new: usize,
    /// Files that were otherwise.
    pub changed: usize,
    /// Files that were there already, and were not touched.
    pub unchanged: usize,
    /// Files of an earlier build that are no longer part of the site.
    pub removed: usize,
}

impl Written {
    /// How many files the site has.
    pub fn files(&self) -> usize {
        self.new + self.changed + self.unchanged
    }

    fn add(&mut self, other: &Written) {
        self.pages += other.pages;
        self.bytes += other.bytes;
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.removed += other.removed;
    }
}

/// Whether a path names a file below the folder and nothing else: no empty names, no dots alone, no control characters.
fn is_plain(path: &str) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\\', ':']);
    path.split('/').all(is_name) && !path.contains(char::is_control) && !path.starts_with(OWN_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn paths_stay_below_their_folder() {
        for path in ["index.html", "entry/nginx/index.html", "404.html", "a..b/c"] {
            assert!(is_plain(path), "{path}");
        }
        for path in
            ["", "/etc/passwd", "a//b", "../x", "a/../b", "./a", "a\nb", "c:\\x", ".workson-site/lock"]
        {
            assert!(!is_plain(path), "{path:?}");
        }
    }
}
