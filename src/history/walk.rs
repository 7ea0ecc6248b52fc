//! What changed below `library/`, commit after commit, read by several threads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};

use gix::ObjectId;
use workson_oci::Reference;

use super::library_file::{Architectures, LibraryFile};
use super::repository::{Blob, Commit, File, Reader, Repository};
use super::{HistoryError, HistoryErrorKind};

/// How long a file may be that is read, in bytes. The longest of the first thirteen years has 37,359.
pub const MAX_FILE: u64 = 1 << 20;
/// How many commits a thread takes at once: neighbours share most of their trees, and files differ little.
const PART: usize = 1_024;
/// How many parts may wait to be taken up.
const WAITING: usize = 2;
/// Roughly how many bytes the changes of a part, and those of one commit, may take.
const HEAVIEST_PART: usize = 24 << 20;
const HEAVIEST_COMMIT: usize = 96 << 20;
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

impl What {
    /// Roughly how many bytes it takes.
    fn weight(&self) -> usize {
        match self {
            What::Read(reading) => reading.tags.iter().map(|(tag, _)| tag.len() + 48).sum(),
            _ => 256,
        }
    }
}

/// What a library file declares.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) any: Architectures,
    pub(super) latest: Architectures,
    /// Sorted by tag.
    pub(super) tags: Vec<(String, Architectures)>,
}

/// The changes of some neighbouring commits.
struct Part {
    /// The number of the part that was handed out.
    at: usize,
    /// The place of the first of these commits. A heavy part comes in several pieces, one after the other.
    from: usize,
    /// The changes of each commit, in their order.
    changes: Vec<Vec<Change>>,
    /// Whether this is the last piece of the part.
    ends: bool,
}

/// Gives the changes of each commit to `take`, in the order of the commits. `before` is the commit before the
/// first one, where there is one.
pub(super) fn walk(
    repository: &Repository,
    before: Option<&Commit>,
    commits: &[Commit],
    threads: usize,
    mut take: impl FnMut(&Commit, Vec<Change>) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let parts = commits.len().div_ceil(PART);
    let threads = threads.clamp(1, MAX_THREADS).min(parts);
    let turn = Turn::default();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = sync_channel::<Result<Part, HistoryError>>(WAITING);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = Work {
                before,
                commits,
                next: &next,
                turn: &turn,
                ahead: threads + WAITING,
                sender: sender.clone(),
            };
            scope.spawn(move || work.run(repository.reader()));
        }
        drop(sender);
        let result = taken(receiver, commits, &turn, &mut take);
        turn.stop();
        result
    })
}

fn taken(
    receiver: Receiver<Result<Part, HistoryError>>,
    commits: &[Commit],
    turn: &Turn,
    take: &mut impl FnMut(&Commit, Vec<Change>) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let mut early: BTreeMap<usize, Part> = BTreeMap::new();
    let mut due = 0;
    for part in receiver {
        let part = part?;
        if part.at != due {
            early.insert(part.at, part);
            continue;
        }
        let mut part = Some(part);
        while let Some(Part { from, changes, ends, .. }) = part.take() {
            for (commit, changes) in commits[from..].iter().zip(changes) {
                take(commit, changes)?;
            }
            if ends {
                due += 1;
                turn.is(due);
                part = early.remove(&due);
            }
        }
    }
    Ok(())
}

/// Whose turn it is: which part is taken up next.
#[derive(Default)]
struct Turn {
    due: Mutex<usize>,
    changed: Condvar,
    stopped: AtomicBool,
}

impl Turn {
    fn is(&self, due: usize) {
        // A thread that panicked has left a number, which is as good as any.
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.notify_all();
    }

    /// Waits until part `at` is at most `ahead` parts early; whether the walk still goes on.
    fn wait(&self, at: usize, ahead: usize) -> bool {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = |due: &mut usize| at > *due + ahead && !self.stopped.load(Ordering::Relaxed);
        let _due = self.changed.wait_while(due, is_early);
        !self.stopped.load(Ordering::Relaxed)
    }
}

/// What one thread does.
struct Work<'a> {
    before: Option<&'a Commit>,
    commits: &'a [Commit],
    next: &'a AtomicUsize,
    turn: &'a Turn,
    /// How many parts may be read before their turn.
    ahead: usize,
    sender: SyncSender<Result<Part, HistoryError>>,
}

impl Work<'_> {
    fn run(self, mut reader: Reader) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let from = at * PART;
            if from >= self.commits.len() || !self.turn.wait(at, self.ahead) {
                return;
            }
            let range = from..self.commits.len().min(from + PART);
            if let Err(error) = self.range(&mut reader, at, range, true) {
                // Where nobody takes it any more, another thread has failed.
                let _ = self.sender.send(Err(error));
                return;
            }
        }
    }

    /// Reads a range and hands it on; what is too heavy at once, in halves when its turn has come.
    fn range(
        &self,
        reader: &mut Reader,
        at: usize,
        range: Range<usize>,
        ends: bool,
    ) -> Result<(), HistoryError> {
        let (from, len) = (range.start, range.len());
        if let Some(changes) = self.changes(reader, range.clone())? {
            let _ = self.sender.send(Ok(Part { at, from, changes, ends }));
            return Ok(());
        }
        if !self.turn.wait(at, 0) {
            return Ok(());
        }
        let middle = from + len / 2;
        self.range(reader, at, from..middle, false)?;
        self.range(reader, at, middle..range.end, ends)
    }

    /// The changes of each commit of a range; nothing where they are too heavy to be held at once.
    ///
    /// Git keeps the newest version of a file whole and the older ones as differences, so the newest commit is read
    /// first: then what an object differs from has just been read.
    fn changes(
        &self,
        reader: &mut Reader,
        range: Range<usize>,
    ) -> Result<Option<Vec<Vec<Change>>>, HistoryError> {
        let mut part = Vec::with_capacity(range.len());
        let Some(newest) = self.commits[range.clone()].last() else { return Ok(Some(part)) };
        let heaviest = if range.len() == 1 { HEAVIEST_COMMIT } else { HEAVIEST_PART };
        let mut weight = 0;
        let mut tree = reader.library(newest)?;
        let mut files = files(reader, tree)?;
        for at in range.clone().rev() {
            let before = if at == 0 { self.before } else { Some(&self.commits[at - 1]) };
            let old_tree = before.map(|commit| reader.library(commit)).transpose()?.flatten();
            if old_tree == tree {
                part.push(Vec::new());
                continue;
            }
            let old_files = self::files(reader, old_tree)?;
            let Some(changes) = compare(reader, &old_files, &files, &mut weight, heaviest)? else {
                if range.len() > 1 {
                    return Ok(None);
                }
                let tried = format!("reading commit {}", self.commits[at].id);
                return Err(HistoryError::new(
                    HistoryErrorKind::Other,
                    tried,
                    "it changes more than can be held at once",
                ));
            };
            part.push(changes);
            (tree, files) = (old_tree, old_files);
        }
        part.reverse();
        Ok(Some(part))
    }
}

/// The files of a folder, sorted by name.
fn files(reader: &mut Reader, tree: Option<ObjectId>) -> Result<Vec<File>, HistoryError> {
    let Some(tree) = tree else { return Ok(Vec::new()) };
    let mut files = reader.files(tree)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// What differs between two lists, both sorted by name; nothing where that makes `weight` more than `heaviest`.
fn compare(
    reader: &mut Reader,
    before: &[File],
    now: &[File],
    weight: &mut usize,
    heaviest: usize,
) -> Result<Option<Vec<Change>>, HistoryError> {
    let mut before = before.iter().peekable();
    let mut changes = Vec::new();
    let removed = |file: &File| Change { image: file.name.clone(), what: What::Removed };
    for file in now {
        while let Some(gone) = before.next_if(|old| old.name < file.name) {
            changes.push(removed(gone));
        }
        if before.next_if(|old| old.name == file.name).is_none_or(|old| old != file) {
            let what = read(reader, file)?;
            *weight += what.weight();
            if *weight > heaviest {
                return Ok(None);
            }
            changes.push(Change { image: file.name.clone(), what });
        }
    }
    changes.extend(before.map(removed));
    changes.retain(|change| change.image != NO_IMAGE);
    Ok(Some(changes))
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
