//! A site that is there, brought up to date: files whose bytes differ are replaced, and no other is touched.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::place::{linked, lock};
use super::staged::{put, read_list, write_list};
use super::write::{Hand, every};
use super::{Build, Extra, FolderError, OWN_FOLDER, Written, is_plain};

/// How much of a file is in memory while it is compared with another one.
const WINDOW: usize = 64 << 10;

/// Builds the site, compares it with what is there, and puts in place what differs.
///
/// Until all that differs is there beside its place, nothing is moved. Then what is new comes first, because whatever
/// leads to it comes later; then what is otherwise, which takes no further room on the disk; and what is no longer
/// part goes last. The list of files has, from before the first move on, old and new ones: so after a kill the next
/// build knows what it has to look at.
pub(super) fn update(folder: &Path, build: &Build<'_>) -> Result<Written, FolderError> {
    let lock = lock(folder)?;
    let staging = Staging::begin(folder)?;
    let hand = |number: usize| Compared {
        folder,
        staging: staging.0.join(number.to_string()),
        staged: Vec::new(),
        paths: Vec::new(),
        written: Written::default(),
        window: vec![0; WINDOW],
    };
    let hands = every(build, folder, hand)?;
    let mut written = Written::default();
    let (mut paths, mut staged) = (Vec::new(), Vec::new());
    for hand in hands {
        written.add(&hand.written);
        paths.extend(hand.paths);
        staged.extend(hand.staged);
    }
    paths.sort_unstable();
    let old = read_list(folder)?;
    let is_part = |path: &str| paths.binary_search_by(|part| part.as_ref().cmp(path)).is_ok();
    let gone: Vec<&str> = old.lines().filter(|path| is_plain(path) && !is_part(path)).collect();
    for path in &gone {
        through_folders(folder, path)?;
    }
    if !staged.is_empty() || !gone.is_empty() {
        let both: BTreeSet<&str> = paths.iter().map(AsRef::as_ref).chain(gone.iter().copied()).collect();
        write_list(folder, both.into_iter())?;
    }
    put_in_place(folder, staged)?;
    for path in &gone {
        written.removed += usize::from(remove(folder, path)?);
    }
    if !old.lines().eq(paths.iter().map(AsRef::as_ref)) {
        write_list(folder, paths.iter().map(AsRef::as_ref))?;
    }
    drop(staging);
    drop(lock);
    Ok(written)
}

/// The folder that holds what differs until it is put in place. It goes with this value.
struct Staging(PathBuf);

impl Staging {
    fn begin(folder: &Path) -> Result<Staging, FolderError> {
        let path = folder.join(OWN_FOLDER).join("staged");
        // What a kill left.
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FolderError::io(&path, &error)),
            _ => Ok(Staging(path)),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next build removes it, where this can't.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file that differs from what is at its place.
struct Staged {
    path: Box<str>,
    beside: PathBuf,
    is_new: bool,
}

/// What is at a place, beside what is to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    Same,
    Other,
}

/// Compares files with those that are there, and stages those that differ.
struct Compared<'a> {
    folder: &'a Path,
    staging: PathBuf,
    staged: Vec<Staged>,
    paths: Vec<Box<str>>,
    written: Written,
    window: Vec<u8>,
}

impl Compared<'_> {
    /// What is at `path`, where `length` bytes are to be that `next` gives piece by piece.
    fn there(&mut self, path: &str, length: u64, mut next: impl Read) -> Result<There, FolderError> {
        through_folders(self.folder, path)?;
        let place = self.folder.join(path);
        let failed = |error: io::Error| FolderError::io(&place, &error);
        let found = match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
            found => found.map_err(failed)?,
        };
        if found.is_dir() {
            return Err(FolderError::new(&place, "a folder is where a file of the site belongs")
                .with_hint("move it away: no build made it"));
        }
        if !found.is_file() || found.len() != length {
            return Ok(There::Other);
        }
        let mut file = File::open(&place).map_err(failed)?;
        let mut wanted = vec![0; self.window.len().min(usize::try_from(length).unwrap_or(WINDOW))];
        let mut left = length;
        while left > 0 {
            let size = wanted.len().min(usize::try_from(left).unwrap_or(WINDOW));
            next.read_exact(&mut wanted[..size]).map_err(failed)?;
            match file.read_exact(&mut self.window[..size]) {
                Ok(()) if wanted[..size] == self.window[..size] => left -= size as u64,
                Ok(()) => return Ok(There::Other),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(There::Other),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(There::Same)
    }

    /// Where the next file that differs waits.
    fn beside(&self) -> PathBuf {
        self.staging.join(self.staged.len().to_string())
    }

    fn count(&mut self, path: String, bytes: u64, there: There, beside: PathBuf) {
        let path = path.into_boxed_str();
        self.written.bytes += bytes;
        match there {
            There::Nothing => self.written.new += 1,
            There::Same => self.written.unchanged += 1,
            There::Other => self.written.changed += 1,
        }
        if there != There::Same {
            self.staged.push(Staged { path: path.clone(), beside, is_new: there == There::Nothing });
        }
        self.paths.push(path);
    }
}

impl Hand for Compared<'_> {
    fn file(&mut self, path: String, bytes: &[u8], is_page: bool) -> Result<(), FolderError> {
        let there = self.there(&path, bytes.len() as u64, bytes)?;
        let beside = self.beside();
        if there != There::Same {
            put(&beside, bytes)?;
        }
        self.written.pages += usize::from(is_page);
        self.count(path, bytes.len() as u64, there, beside);
        Ok(())
    }

    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), FolderError> {
        let beside = self.beside();
        let failed = |error: io::Error| FolderError::io(&self.folder.join(extra.path), &error);
        fs::create_dir_all(&self.staging).map_err(failed)?;
        (extra.make)(&beside).map_err(failed)?;
        let file = File::open(&beside).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let there = self.there(extra.path, length, file)?;
        if there == There::Same {
            fs::remove_file(&beside).map_err(|error| FolderError::io(&beside, &error))?;
        }
        self.count(extra.path.to_owned(), length, there, beside);
        Ok(())
    }
}

/// Refuses a path that leads through a link: what is written or removed there is somewhere else, and no site's.
fn through_folders(folder: &Path, path: &str) -> Result<(), FolderError> {
    let mut at = folder.to_owned();
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    for name in above.split('/').filter(|name| !name.is_empty()) {
        at.push(name);
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => return Err(linked(&at)),
            Ok(_) => {}
            // Nothing is below it either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(FolderError::io(&at, &error)),
        }
    }
    Ok(())
}

fn put_in_place(folder: &Path, staged: Vec<Staged>) -> Result<(), FolderError> {
    let (new, changed): (Vec<Staged>, Vec<Staged>) = staged.into_iter().partition(|staged| staged.is_new);
    for (at, staged) in new.iter().enumerate() {
        let place = folder.join(&*staged.path);
        let parent = place.parent().unwrap_or(folder);
        let moved = match fs::rename(&staged.beside, &place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(parent).and_then(|()| fs::rename(&staged.beside, &place))
            }
            moved => moved,
        };
        if let Err(error) = moved {
            // Nothing leads to what is new yet: without it, all is as it was.
            for staged in &new[..at] {
                let _ = remove(folder, &staged.path);
            }
            return Err(FolderError::io(&place, &error));
        }
    }
    for staged in changed {
        let place = folder.join(&*staged.path);
        fs::rename(&staged.beside, &place).map_err(|error| FolderError::io(&place, &error))?;
    }
    Ok(())
}

/// Removes a file, and the folders that it leaves empty; whether it was there.
fn remove(folder: &Path, path: &str) -> Result<bool, FolderError> {
    let place = folder.join(path);
    match fs::remove_file(&place) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(FolderError::io(&place, &error)),
    }
    for above in place.ancestors().skip(1).take_while(|above| *above != folder) {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(true)
}
