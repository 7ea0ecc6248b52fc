//! Where a site is to be: what may be written to, and who may write.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{Build, FolderError, OWN_FOLDER, Written, staged, update};
use crate::staging::Scratch;

/// A folder that a site may be written to. Nothing has been written yet.
#[derive(Debug)]
pub struct Target {
    /// As it was named.
    named: PathBuf,
    folder: PathBuf,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is there.
    Absent,
    /// A folder with nothing in it.
    Empty,
    /// A site that was built before.
    Site,
}

impl Target {
    /// Looks at `folder`, and writes nothing.
    ///
    /// # Errors
    /// Where it is no folder, is one with something else in it, or can't be written to.
    pub fn check(folder: &Path) -> Result<Target, FolderError> {
        let named = folder.to_owned();
        let failed = |error: io::Error| FolderError::io(folder, &error);
        match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if folder.file_name().is_none() {
                    return Err(FolderError::new(folder, "it is no name of a folder"));
                }
                let there = folder.ancestors().skip(1).map(or_here).find(|above| above.exists());
                let above = there.unwrap_or(Path::new("."));
                if !above.is_dir() {
                    return Err(FolderError::new(above, "it is no folder"));
                }
                may_write(above).map_err(|error| FolderError::io(above, &error))?;
                Ok(Target { named, folder: folder.to_owned(), state: State::Absent })
            }
            Err(error) => Err(failed(error)),
            Ok(_) => {
                // A link stays a link.
                let real = fs::canonicalize(folder).map_err(failed)?;
                if !real.is_dir() {
                    return Err(FolderError::new(folder, "it is no folder").with_hint(
                        "name a folder that is not there yet, one that is empty, or one with a site",
                    ));
                }
                refuse_link(&real.join(OWN_FOLDER))?;
                let state = match () {
                    () if real.join(OWN_FOLDER).is_dir() => State::Site,
                    () if fs::read_dir(&real).map_err(failed)?.next().is_none() => State::Empty,
                    () => {
                        return Err(FolderError::new(
                            folder,
                            "it is not empty, and no site was built there before: nothing in it was touched",
                        )
                        .with_hint("name a folder that is not there yet, or one that is empty"));
                    }
                };
                may_write(&real).map_err(failed)?;
                Ok(Target { named, folder: real, state })
            }
        }
    }

    /// Writes the site.
    ///
    /// # Errors
    /// Where something can't be written, or another build into this folder is under way. What was there before is then
    /// there as it was.
    pub fn write(&self, build: &Build<'_>) -> Result<Written, FolderError> {
        if self.state == State::Site {
            return update::update(&self.folder, build);
        }
        match self.beside() {
            Ok(beside) => self.whole(beside, build),
            Err(error) if self.state == State::Absent => Err(FolderError::io(&self.named, &error)),
            // A folder that was mounted there, or one above which nothing may be written.
            Err(_) => {
                let written = update::update(&self.folder, build);
                if written.is_err() {
                    // As it was found.
                    let _ = fs::remove_dir_all(self.folder.join(OWN_FOLDER));
                }
                written
            }
        }
    }

    /// A folder beside the place.
    fn beside(&self) -> io::Result<Scratch> {
        let name = self.folder.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = or_here(self.folder.parent().unwrap_or(Path::new("")));
        fs::create_dir_all(parent)?;
        if self.state == State::Empty && !is_same_disk(parent, &self.folder)? {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        Scratch::of(parent, name)
    }

    /// A whole new site, which gets its name when it is done; where it fails, nothing is left.
    fn whole(&self, beside: Scratch, build: &Build<'_>) -> Result<Written, FolderError> {
        let told = |error: FolderError| FolderError {
            // The file's path as it would have been.
            path: error
                .path
                .strip_prefix(beside.path())
                .map_or_else(|_| error.path.clone(), |below| self.named.join(below)),
            ..error
        };
        let lock = lock(beside.path()).map_err(told)?;
        let written = staged::all(beside.path(), build).map_err(told)?;
        // Elsewhere, no folder can be renamed in which a file is open, or over one that is there.
        let lock = cfg!(unix).then_some(lock);
        if !cfg!(unix) && self.state == State::Empty {
            let _ = fs::remove_dir(&self.folder);
        }
        beside.finish(&self.folder).map_err(|error| {
            FolderError::new(&self.named, format!("something else was put there meanwhile: {error}"))
        })?;
        drop(lock);
        Ok(written)
    }
}

/// `path`, or the folder that one is in, where it is empty.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

#[cfg(unix)]
fn may_write(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?)
}

#[cfg(not(unix))]
fn may_write(folder: &Path) -> io::Result<()> {
    fs::metadata(folder).map(drop)
}

#[cfg(unix)]
fn is_same_disk(one: &Path, other: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata(one)?.dev() == fs::metadata(other)?.dev())
}

#[cfg(not(unix))]
fn is_same_disk(_one: &Path, _other: &Path) -> io::Result<bool> {
    Ok(true)
}

/// What is said where a link is in the way to a site's file.
pub(super) fn linked(path: &Path) -> FolderError {
    FolderError::new(path, "it is a link, and a site is not written through one: nothing was touched")
        .with_hint("remove the link: the build makes what belongs there")
}

/// Refuses a link where none may be.
fn refuse_link(path: &Path) -> Result<(), FolderError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(linked(path)),
        _ => Ok(()),
    }
}

/// One build writes into a folder at a time. The lock goes with the process, however that ends.
pub(super) fn lock(folder: &Path) -> Result<File, FolderError> {
    let own = folder.join(OWN_FOLDER);
    let failed = |error: io::Error| FolderError::io(folder, &error);
    refuse_link(&own)?;
    fs::create_dir_all(&own).map_err(failed)?;
    let path = own.join("lock");
    refuse_link(&path)?;
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(FolderError::new(folder, "another build into this folder is under way")
                .with_hint("wait for it, or name another folder"))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
