//! What is not whole yet: how its name says so, who holds it, and what becomes of what a killed run left.
//!
//! Whoever writes something holds a lock on it, which goes with the process, however that ends. So what nobody holds was
//! left, and the next run removes it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What stands between a name and some letters, in the name of what is to have it once it is whole.
const MARK: &str = ".incomplete-";
/// How many letters there are behind the name of a scratch folder: nobody calls a folder of their own so.
const LETTERS: usize = 16;
/// How often something is made anew that another run took for left.
const ATTEMPTS: usize = 10;

/// How the name begins of what is to be called `name` once it is whole, and stands beside it until then.
pub fn prefix(name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(MARK);
    prefix
}

/// Makes a folder or a file that this run writes, and holds it until the handle is closed. `make` gives what it made, a
/// handle and the path of it; it is asked again where another run's sweep was faster than the lock.
///
/// # Errors
/// Where it can't be made.
pub fn held<T>(make: impl Fn() -> io::Result<(T, File, PathBuf)>) -> io::Result<(T, File)> {
    let mut failed = io::Error::other("other runs remove what is made, again and again");
    for _ in 0..ATTEMPTS {
        let (made, handle, path) = match make() {
            Ok(made) => made,
            // It may have gone before it was opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                failed = error;
                continue;
            }
            Err(error) => return Err(error),
        };
        match handle.try_lock() {
            Ok(()) if !path.try_exists()? => {}
            Err(TryLockError::WouldBlock) => {}
            // Where a file system knows no locks, nothing is swept either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok((made, handle)),
        }
    }
    Err(failed)
}

/// Removes by `remove` what runs left in `folder` that were killed: what has such a name, is this user's, and is held by
/// nobody any more. What can't be removed is in nobody's way.
pub fn sweep(folder: &Path, is_such: impl Fn(&OsStr) -> bool, remove: impl Fn(&Path) -> io::Result<()>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_such(&entry.file_name())
            && let Ok(handle) = open(&entry.path())
            && is_own(&handle)
            && handle.try_lock().is_ok()
        {
            let _ = remove(&entry.path());
        }
    }
}

/// Opens a folder or a file, and follows no link to it.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty()).map(File::from)?)
}

#[cfg(unix)]
fn is_own(handle: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    handle.metadata().is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

/// Elsewhere a folder can't be held, so what was left stays.
#[cfg(not(unix))]
fn open(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn is_own(_: &File) -> bool {
    false
}

/// A folder for what is needed meanwhile, which goes when this does, or with the next run where this one is killed.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Closed when it goes; until then it is held.
    held: Option<File>,
}

impl Scratch {
    /// Makes one in `parent`. Its name begins with `name`, and so do the names of those that are removed first because
    /// nobody holds them.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn new(parent: &Path, name: &str) -> io::Result<Scratch> {
        let prefix = format!("{name}-");
        let is_such = |found: &OsStr| {
            let letters = found.to_str().and_then(|found| found.strip_prefix(&prefix));
            letters.is_some_and(|letters| {
                letters.len() == LETTERS && letters.chars().all(|c| c.is_ascii_alphanumeric())
            })
        };
        Scratch::swept(parent, is_such, tempfile::Builder::new().prefix(&prefix).rand_bytes(LETTERS))
    }

    /// Makes a folder that is to be called `name` in `parent` once it is whole, as any program makes its folders: with the
    /// modes that the user's mask leaves. What runs left that were killed is removed first.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn of(parent: &Path, name: &OsStr) -> io::Result<Scratch> {
        let prefix = prefix(name);
        let is_such = |found: &OsStr| found.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        Scratch::swept(parent, is_such, &builder)
    }

    fn swept(
        parent: &Path,
        is_such: impl Fn(&OsStr) -> bool,
        builder: &tempfile::Builder<'_, '_>,
    ) -> io::Result<Scratch> {
        sweep(parent, is_such, |path| fs::remove_dir_all(path));
        if cfg!(not(unix)) {
            return Ok(Scratch { folder: builder.tempdir_in(parent)?, held: None });
        }
        let (folder, handle) = held(|| {
            let folder = builder.tempdir_in(parent)?;
            let (handle, path) = (open(folder.path())?, folder.path().to_owned());
            Ok((folder, handle, path))
        })?;
        Ok(Scratch { folder, held: Some(handle) })
    }

    /// It is whole: it gets its name, and stays.
    ///
    /// # Errors
    /// Where something else has that name. It goes then.
    pub fn finish(self, place: &Path) -> io::Result<()> {
        fs::rename(self.folder.path(), place)?;
        // It has another name now: there is nothing to remove.
        let _ = self.folder.keep();
        drop(self.held);
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The folder that a path's last name stands in, and that name.
///
/// # Errors
/// Where it ends in no name.
pub fn split(path: &Path) -> io::Result<(PathBuf, &OsStr)> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it is no name of a file or folder"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")).to_owned(), name))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_nobody_holds_goes_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        let first = Scratch::new(parent.path(), "it").unwrap();
        let left = ["it-0123456789abcdef", "it-ABCDEFGHIJKLMNOP"];
        let others =
            ["it-backup", "it-0123456789abcdefg", "it-0123456789abcd.f", "other-0123456789abcdef", "it"];
        for name in left.iter().chain(&others) {
            fs::create_dir_all(path(name).join("layer")).unwrap();
        }
        symlink(path("it-backup"), path("it-linklinklinklink")).unwrap();
        let again = Scratch::new(parent.path(), "it").unwrap();
        assert!(left.iter().all(|name| !path(name).exists()));
        assert!(others.iter().all(|name| path(name).join("layer").exists()));
        assert!(path("it-linklinklinklink").exists());
        let (one, other) = (first.path().to_owned(), again.path().to_owned());
        assert!(one.exists() && other.exists());
        drop((first, again));
        assert!(!one.exists() && !other.exists());
    }
    #[test]
    fn what_another_run_removes_before_it_is_held_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let sweep_all = || sweep(parent.path(), |_| true, |path| fs::remove_file(path));
        let tries = std::cell::Cell::new(0);
        let (path, _handle) = held(|| {
            tries.set(tries.get() + 1);
            let path = parent.path().join(tries.get().to_string());
            fs::write(&path, "")?;
            if tries.get() == 1 {
                sweep_all();
            }
            let handle = open(&path)?;
            if tries.get() == 2 {
                sweep_all();
            }
            Ok((path.clone(), handle, path))
        })
        .unwrap();
        assert_eq!(path, parent.path().join("3"));
        sweep_all();
        assert!(path.exists(), "it is held");
        assert_eq!(
            held::<()>(|| Err(io::ErrorKind::NotFound.into())).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
