//! A folder that has its name once it is whole. Until then it stands beside it, under a name that says what it is.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::RootfsError;
use super::folder::{Name, Root, open_anywhere};
use crate::staging::{held, prefix, split, sweep};

/// A folder that is not whole yet; it is removed where it is not finished.
pub(super) struct Staging {
    /// Where it is to be.
    folder: PathBuf,
    /// Where it is.
    beside: PathBuf,
    /// Held as long as it is written, so that no other run takes it for one that was left.
    _held: File,
    is_done: bool,
}

impl Staging {
    /// Begins a folder that is to be at `folder`, where nothing is or an empty folder.
    pub(super) fn begin(folder: &Path) -> Result<Staging, RootfsError> {
        let failed = |error: io::Error| RootfsError::Write { path: folder.display().to_string(), error };
        let folder = target(folder).map_err(failed)?;
        let (parent, name) = split(&folder).map_err(failed)?;
        let prefix = prefix(name);
        let is_such = |found: &std::ffi::OsStr| found.as_bytes().starts_with(prefix.as_bytes());
        sweep(&parent, is_such, remove);
        let (beside, handle) = held(|| {
            let beside = tempfile::Builder::new().prefix(&prefix).tempdir_in(&parent)?.keep();
            Ok((beside.clone(), open_anywhere(&beside)?, beside))
        })
        .map_err(failed)?;
        Ok(Staging { folder: folder.clone(), beside, _held: handle, is_done: false })
    }

    /// A handle of it.
    pub(super) fn open(&self) -> Result<File, RootfsError> {
        open_anywhere(&self.beside).map_err(|error| self.failed(error))
    }

    /// It is whole: it gets its name. What has been put there meanwhile stays, and then this fails.
    pub(super) fn finish(mut self) -> Result<(), RootfsError> {
        fs::rename(&self.beside, &self.folder).map_err(|error| self.failed(error))?;
        self.is_done = true;
        Ok(())
    }

    fn failed(&self, error: io::Error) -> RootfsError {
        RootfsError::Write { path: self.folder.display().to_string(), error }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_done {
            // Where that fails, its name says that it is not whole.
            let _ = remove(&self.beside);
        }
    }
}

/// Where the folder is to be, without links in the way to it.
fn target(folder: &Path) -> io::Result<PathBuf> {
    match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(io::Error::other("the folder is not empty: name one that is not there yet"));
            }
            let folder = fs::canonicalize(folder)?;
            let above = folder.parent().map(fs::metadata).transpose()?;
            // What is mounted there has to stay in its place.
            if above.is_none_or(|above| fs::metadata(&folder).is_ok_and(|own| own.dev() != above.dev())) {
                return Err(io::Error::other("a file system is mounted there: name a folder in it"));
            }
            Ok(folder)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(folder).is_err() => {
            let (parent, name) = split(folder)?;
            Ok(fs::canonicalize(&parent)?.join(name))
        }
        Err(error) => Err(error),
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    let (parent, name) = split(folder)?;
    let name = Name::new(name.as_bytes()).ok_or(io::ErrorKind::InvalidInput)?;
    Root::new(open_anywhere(&fs::canonicalize(&parent)?)?).open(b"")?.remove(&name)?;
    Ok(())
}
