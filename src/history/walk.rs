//! What changed below `library/`, commit after commit, read by several threads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use gix::ObjectId;
use workson_oci::Reference;

use super::HistoryError;
use super::library_file::{Architectures, LibraryFile};
use super::repository::{Blob, Commit, File, Reader, Repository};

/// How long a file may be that is read, in bytes. The longest of the first thirteen years has 37,359.
pub const MAX_FILE: u64 = 1 << 20;
/// How many commits a thread takes at once: neighbours share most of their trees, and files differ little.
const PART: usize = 1_024;
/// How many parts may wait to be taken up.
const WAITING: usize = 2;
/// More threads than this gain nothing.
const MAX_THREADS: usize = 8;
/// A file below `library/` that is no image.
const NO_IMAGE: &str = "MAINTAINERS";

/// What a commit did to one file below `library/`.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) image: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// It was written, and reads so.
    Read(Reading),
    /// It was written, and can't be read.
    Refused(String),
    /// It was taken away.
    Removed,
    /// It is no image at all.
    NoImage(String),
}

/// What a library file declares.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) any: Architectures,
    pub(super) latest: Architectures,
    /// Sorted by tag.
    pub(super) tags: Vec<(String, Architectures)>,
}

/// The changes of some neighbouring commits, in their order.
type Part = Vec<Vec<Change>>;

/// Gives the changes of each commit to `take`, in the order of the commits. `before` is the commit before the
/// first one, where there is one.
pub(super) fn walk(
    repository: &Repository,
    before: Option<&Commit>,
    commits: &[Commit],
    threads: usize,
    mut take: impl FnMut(&Commit, Vec<Change>),
) -> Result<(), HistoryError> {
    let parts = commits.len().div_ceil(PART);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = sync_channel::<(usize, Result<Part, HistoryError>)>(WAITING);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, MAX_THREADS).min(parts) {
            let work = Work { before, commits, next: &next, stop: &stop, sender: sender.clone() };
            scope.spawn(move || work.run(repository.reader()));
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (at, part) in receiver {
            match part {
                Ok(part) => early.insert(at, part),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            };
            while let Some(part) = early.remove(&due) {
                let from = due * PART;
                for (commit, changes) in commits[from..].iter().zip(part) {
                    take(commit, changes);
                }
                due += 1;
            }
        }
        Ok(())
    })
}

/// What one thread does.
struct Work<'a> {
    before: Option<&'a Commit>,
    commits: &'a [Commit],
    next: &'a AtomicUsize,
    stop: &'a AtomicBool,
    sender: SyncSender<(usize, Result<Part, HistoryError>)>,
}

impl Work<'_> {
    fn run(self, mut reader: Reader) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let from = at * PART;
            if from >= self.commits.len() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            let part = self.part(&mut reader, from..self.commits.len().min(from + PART));
            // Where nobody takes it any more, another thread has failed.
            if self.sender.send((at, part)).is_err() {
                return;
            }
        }
    }

    /// Git keeps the newest version of a file whole and the older ones as differences, so the newest commit is read
    /// first: then what an object differs from has just been read.
    fn part(&self, reader: &mut Reader, range: Range<usize>) -> Result<Part, HistoryError> {
        let mut part = Vec::with_capacity(range.len());
        let Some(newest) = self.commits[range.clone()].last() else { return Ok(part) };
        let mut tree = reader.library(newest)?;
        let mut files = files(reader, tree)?;
        for at in range.rev() {
            let before = if at == 0 { self.before } else { Some(&self.commits[at - 1]) };
            let old_tree = before.map(|commit| reader.library(commit)).transpose()?.flatten();
            if old_tree == tree {
                part.push(Vec::new());
                continue;
            }
            let old_files = self::files(reader, old_tree)?;
            part.push(compare(reader, &old_files, &files)?);
            (tree, files) = (old_tree, old_files);
        }
        part.reverse();
        Ok(part)
    }
}

/// The files of a folder, sorted by name.
fn files(reader: &mut Reader, tree: Option<ObjectId>) -> Result<Vec<File>, HistoryError> {
    let Some(tree) = tree else { return Ok(Vec::new()) };
    let mut files = reader.files(tree)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// What differs between two lists, both sorted by name.
fn compare(reader: &mut Reader, before: &[File], now: &[File]) -> Result<Vec<Change>, HistoryError> {
    let mut before = before.iter().peekable();
    let mut changes = Vec::new();
    let removed = |file: &File| Change { image: file.name.clone(), what: What::Removed };
    for file in now {
        while let Some(gone) = before.next_if(|old| old.name < file.name) {
            changes.push(removed(gone));
        }
        if before.next_if(|old| old.name == file.name).is_none_or(|old| old != file) {
            changes.push(Change { image: file.name.clone(), what: read(reader, file)? });
        }
    }
    changes.extend(before.map(removed));
    changes.retain(|change| change.image != NO_IMAGE);
    Ok(changes)
}

fn read(reader: &mut Reader, file: &File) -> Result<What, HistoryError> {
    if !is_image_name(&file.name) {
        return Ok(What::NoImage("no image can have this name".into()));
    }
    if file.is_link {
        return Ok(What::Refused("it is a symbolic link, which is not followed".into()));
    }
    let bytes = match reader.blob(file.id, MAX_FILE)? {
        Blob::Bytes(bytes) => bytes,
        Blob::TooLong(length) => {
            let reason = format!("it is {length} bytes long; at most {MAX_FILE} are read");
            return Ok(What::Refused(reason));
        }
    };
    Ok(match LibraryFile::parse(bytes) {
        Err(refusal) => What::Refused(refusal.to_string()),
        Ok(file) => {
            let tags = file.tags().into_iter().map(|(tag, found)| (tag.to_owned(), found)).collect();
            What::Read(Reading { any: file.any(), latest: file.latest(), tags })
        }
    })
}

/// Whether docker.io/library can have an image of this name.
fn is_image_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    name.bytes().all(is_allowed) && format!("docker.io/library/{name}").parse::<Reference>().is_ok()
}
