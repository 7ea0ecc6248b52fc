//! One layer, read as it passes by: its digest, its diffID, and what its files are. Nothing is unpacked.

pub(super) mod entries;
mod unpacking;

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tar::EntryType;
use workson_oci::Digest;
use workson_oci::digest::Algorithm;
use workson_oci::path::clean;

pub use self::entries::Entries;
pub use self::unpacking::Doubt;
use self::unpacking::{Unfit, Unpacking};
use super::binary::elf::{self, Elf};
use super::binary::{Machine, Window, pe};
pub use crate::packed::{Compression, Damage, LayerError, Limits, Permissions};
use crate::packed::{Passed, Sparse, damaged, each_entry, pass, permissions, sparse};

/// What is read at once of a file.
const CHUNK: usize = 64 << 10;
/// Up to how many bytes a program has a window of its layer's own.
const SMALL: usize = 256 << 10;
/// The windows of all larger ones, in the whole program: so how many layers are read at once makes little difference to
/// memory. Whoever holds one waits for nothing but the layer's bytes.
static WINDOWS: [Mutex<Window>; 2] = [const { Mutex::new(Window::new()) }; 2];
/// How many bytes of names, of texts and of what is known of programs are kept for each entry that an image may have.
const TEXT_PER_ENTRY: u64 = 96;
/// What a file takes of which more than its length is kept, and a name in it, beside the text.
const FILE: usize = size_of::<File>() + 48;
const NAME: usize = size_of::<Vec<u8>>() + 16;
/// Over how many folders links may lead on the way to entries, for each entry that a layer may have.
const STEPS_PER_ENTRY: u64 = 16;
/// How long a script's first line may be: the kernel reads 256 bytes of it.
const MAX_SCRIPT_LINE: usize = 256;
/// How long a file may be that the loader reads, `ld.so.conf` and the like; the cache that is made of it; and the
/// lists of users and groups.
const MAX_SETTING: u64 = 64 << 10;
const MAX_CACHE: u64 = 4 << 20;
const MAX_USERS: u64 = 1 << 20;

/// What is left of what all layers of an image may have together.
#[derive(Debug)]
pub struct Room {
    entries: AtomicU64,
    text: AtomicU64,
}

impl Room {
    /// All that `limits` give.
    pub fn new(limits: &Limits) -> Room {
        let text = limits.image_entries.saturating_mul(TEXT_PER_ENTRY);
        Room { entries: AtomicU64::new(limits.image_entries), text: AtomicU64::new(text) }
    }

    fn take(&self, entries: u64, text: u64, limits: &Limits) -> Result<(), LayerError> {
        let take = |left: &AtomicU64, much: u64| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(much)).is_ok()
        };
        if !take(&self.entries, entries) {
            return Err(LayerError::TooManyInAll(limits.image_entries));
        }
        if !take(&self.text, text) {
            return Err(LayerError::TooWordy(limits.image_entries.saturating_mul(TEXT_PER_ENTRY)));
        }
        Ok(())
    }
}

/// What a layer holds.
#[derive(Debug)]
pub struct Layer {
    /// The digest of its bytes as they came.
    pub digest: Digest,
    /// Its length as it came.
    pub length: u64,
    /// The digest of its bytes, unpacked.
    pub diff_id: Digest,
    /// Its length, unpacked.
    pub size: u64,
    /// What it makes of an empty folder.
    pub entries: Entries,
    /// The first path that engines do not agree on, and why.
    pub doubt: Option<(Vec<u8>, Doubt)>,
    /// The first path that it has twice.
    pub twice: Option<Vec<u8>>,
}

/// One entry of a layer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path, without slashes at the ends, `.` and empty parts. A part `..` has been taken along as root has it.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file.
    File(Arc<File>),
    /// A symbolic link, to this path.
    Symlink(Vec<u8>),
    /// A further name of the file at this path.
    Hardlink(Vec<u8>),
    /// A device, a socket or a pipe.
    Special,
    /// What a lower layer has at this path is gone.
    Whiteout,
    /// What lower layers have in this folder is gone.
    Opaque,
}

/// A file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its length in bytes.
    pub size: u64,
    /// Who may do what with it.
    pub permissions: Permissions,
    /// What it holds.
    pub content: Content,
}

impl File {
    /// Whether anyone may execute it.
    pub fn is_executable(&self) -> bool {
        self.permissions.mode & 0o111 != 0
    }
}

/// What a file holds, as far as that matters to whoever starts it.
#[derive(Debug, Clone)]
pub enum Content {
    /// An ELF file.
    Elf(Box<Elf>),
    /// A PE file.
    Pe(Machine),
    /// A script: what stands behind `#!`.
    Script(Vec<u8>),
    /// What is read to start a program: `ld.so.conf` and the like, the loader's cache, the lists of users and groups.
    Setting(Vec<u8>),
    /// Something that is not read, and why.
    Unread(&'static str),
    /// Nothing of these.
    Other,
}

/// Reads a layer to its end. `algorithm` is that of the digest it was asked for by.
///
/// Two threads compute the digests while this one reads and unpacks.
///
/// # Errors
/// Where the bytes are damaged, end too early, or are more than `limits`.
pub fn read(
    source: impl Read,
    compression: Compression,
    algorithm: Algorithm,
    limits: &Limits,
) -> Result<Layer, LayerError> {
    read_one(source, compression, algorithm, limits, &Room::new(limits))
}

/// Reads one of an image's layers to its end; `room` is for all of them.
///
/// # Errors
/// Where the bytes are damaged, end too early, or are more than `limits`.
pub fn read_one(
    source: impl Read,
    compression: Compression,
    algorithm: Algorithm,
    limits: &Limits,
    room: &Room,
) -> Result<Layer, LayerError> {
    let take = |tar: &mut dyn Read| read_entries(tar, limits, room);
    let passed = pass(source, compression, algorithm, limits, take)?;
    let Passed { digest, length, diff_id, size, made } = passed;
    let Unpacking { entries, doubt, twice, .. } = made;
    Ok(Layer { digest, length, diff_id, size, entries, doubt, twice })
}

fn read_entries(tar: &mut dyn Read, limits: &Limits, room: &Room) -> Result<Unpacking, LayerError> {
    let mut reader = Reader { buffer: vec![0; CHUNK], window: Window::new(), room: limits.bytes };
    reader.window.widen(SMALL);
    let steps = limits.entries.saturating_mul(STEPS_PER_ENTRY);
    let mut unpacking = Unpacking::new(steps);
    let mut count = 0;
    each_entry(tar, limits, |entry| {
        let found = reader.entry(entry).map_err(damaged)?;
        reader.rest(entry).map_err(damaged)?;
        if reader.room == 0 {
            return Err(LayerError::TooLong(limits.bytes));
        }
        let (slots, names) = unpacking.entries.room();
        let mut text = 0;
        if let Some(found) = found {
            text = found.length() as u64;
            unpacking.put(found).map_err(|unfit| match unfit {
                Unfit::Impossible(what) => damaged(what),
                Unfit::TooFar => LayerError::TooWinding(steps),
                Unfit::Full => LayerError::TooMany(limits.entries),
            })?;
        }
        let (more_slots, more_names) = unpacking.entries.room();
        let made = (more_slots - slots).max(1);
        count += made;
        if count > limits.entries {
            return Err(LayerError::TooMany(limits.entries));
        }
        room.take(made, text + (more_names - names), limits)
    })?;
    Ok(unpacking)
}

impl Entry {
    /// How many bytes it keeps beside its names.
    fn length(&self) -> usize {
        let Node::File(file) = &self.node else { return 0 };
        match &file.content {
            Content::Elf(elf) => {
                let names = elf.needed.len() + elf.versions_given.len() + 2 * elf.versions_needed.len();
                FILE + size_of::<Elf>() + elf.text_length() + names * NAME
            }
            Content::Script(text) | Content::Setting(text) => FILE + text.len(),
            Content::Pe(_) | Content::Unread(_) => FILE,
            Content::Other => 0,
        }
    }
}

/// Reads entries, with what it needs for that kept from one to the next.
struct Reader {
    buffer: Vec<u8>,
    window: Window,
    /// How many bytes of files are still read: those of a sparse file are more than what the layer holds of it.
    room: u64,
}

impl Reader {
    fn entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Option<Entry>> {
        let sparse = sparse(entry)?;
        let path = match &sparse {
            Some(Sparse { name: Some(name), .. }) => clean(name),
            _ => clean(&entry.path_bytes()),
        };
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], &path[..]),
        };
        if name == b".wh..wh..opq" {
            return Ok(Some(Entry { path: folder.to_vec(), node: Node::Opaque }));
        }
        if let Some(gone) = name.strip_prefix(b".wh.") {
            if gone.starts_with(b".wh.") {
                // A mark of a storage driver, which stands for nothing.
                return Ok(None);
            }
            if matches!(gone, b"" | b"." | b"..") {
                return Err(io::Error::other("a whiteout of no name"));
            }
            let path = if folder.is_empty() { gone.to_vec() } else { [folder, b"/", gone].concat() };
            return Ok(Some(Entry { path, node: Node::Whiteout }));
        }
        let target = |entry: &tar::Entry<'_, _>| {
            entry.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default()
        };
        let node = match entry.header().entry_type() {
            EntryType::Directory => Node::Folder,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                // A folder of the oldest tar files is a file whose name ends in a slash.
                if entry.path_bytes().ends_with(b"/") {
                    Node::Folder
                } else {
                    self.file(entry, &path, sparse.map(|sparse| sparse.size))?
                }
            }
            EntryType::Symlink => Node::Symlink(target(entry)),
            EntryType::Link => Node::Hardlink(clean(&target(entry))),
            EntryType::Char | EntryType::Block | EntryType::Fifo => Node::Special,
            _ => return Ok(None),
        };
        Ok(Some(Entry { path, node }))
    }

    fn file(
        &mut self,
        entry: &mut tar::Entry<'_, impl Read>,
        path: &[u8],
        sparse: Option<u64>,
    ) -> io::Result<Node> {
        let permissions = permissions(entry.header())?;
        if let Some(size) = sparse {
            let content = Content::Unread("it is a sparse file of the pax format, which is not read");
            return Ok(Node::File(Arc::new(File { size, permissions, content })));
        }
        let size = entry.size();
        // A first piece as long as it can be, which tells what it is.
        let mut length = 0;
        while length < self.buffer.len() {
            match entry.read(&mut self.buffer[length..])? {
                0 => break,
                read => length += read,
            }
        }
        let beginning = &self.buffer[..length];
        let kept = Kept::of(beginning, path, size);
        let content = match kept {
            Kept::Elf | Kept::Pe => {
                let mut large;
                let window = match kept == Kept::Elf && size > SMALL as u64 {
                    true => {
                        large = large_window();
                        &mut *large
                    }
                    false => &mut self.window,
                };
                window.begin(size);
                window.feed(beginning);
                if kept == Kept::Elf {
                    elf::prepare(window)
                } else {
                    pe::prepare(window)
                }
                self.room = self.room.saturating_sub(length as u64);
                while self.room > 0 && window.wants_more() {
                    let read = entry.read(&mut self.buffer)?;
                    if read == 0 {
                        break;
                    }
                    self.room = self.room.saturating_sub(read as u64);
                    window.feed(&self.buffer[..read]);
                }
                if kept == Kept::Elf {
                    elf::read(window).map_or(Content::Other, |found| Content::Elf(Box::new(found)))
                } else {
                    pe::read(window).map_or(Content::Other, Content::Pe)
                }
            }
            Kept::Script => Content::Script(script(beginning)),
            Kept::Setting => {
                let mut bytes = beginning.to_vec();
                let left = size.saturating_sub(length as u64).min(self.room);
                entry.take(left).read_to_end(&mut bytes)?;
                Content::Setting(bytes)
            }
            Kept::TooLong => Content::Unread("it is longer than is read of such a file"),
            Kept::Nothing => Content::Other,
        };
        Ok(Node::File(Arc::new(File { size, permissions, content })))
    }

    /// Passes over what is left of an entry.
    fn rest(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<()> {
        // A sparse file is longer than what there is of it: what there is, is passed over with the next header.
        if entry.header().entry_type() == EntryType::GNUSparse {
            return Ok(());
        }
        while entry.read(&mut self.buffer)? > 0 {}
        Ok(())
    }
}

/// A window for a large program. It waits until there is one.
fn large_window() -> MutexGuard<'static, Window> {
    let free = WINDOWS.iter().find_map(|window| match window.try_lock() {
        Ok(window) => Some(window),
        Err(TryLockError::Poisoned(window)) => Some(window.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    });
    let mut window = free.unwrap_or_else(|| WINDOWS[0].lock().unwrap_or_else(PoisonError::into_inner));
    window.widen(usize::MAX);
    window
}

/// How much is read of a file that is read to start a program; none where no file of this name is.
fn setting(path: &[u8]) -> Option<u64> {
    if path == b"etc/ld.so.cache" {
        return Some(MAX_CACHE);
    }
    if path == b"etc/passwd" || path == b"etc/group" {
        return Some(MAX_USERS);
    }
    let is_setting = path == b"etc/ld.so.conf"
        || (path.starts_with(b"etc/ld.so.conf.d/") && path.ends_with(b".conf"))
        || (path.starts_with(b"etc/ld-musl-") && path.ends_with(b".path"));
    is_setting.then_some(MAX_SETTING)
}

/// Why a file's bytes are kept while it passes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Elf,
    Pe,
    Script,
    Setting,
    TooLong,
    Nothing,
}

impl Kept {
    fn of(beginning: &[u8], path: &[u8], size: u64) -> Kept {
        match (setting(path), beginning) {
            (Some(max), _) if size <= max => Kept::Setting,
            (Some(_), _) => Kept::TooLong,
            _ if elf::is_elf(beginning) => Kept::Elf,
            (None, [b'M', b'Z', ..]) => Kept::Pe,
            (None, [b'#', b'!', ..]) => Kept::Script,
            _ => Kept::Nothing,
        }
    }
}

/// What stands behind `#!`, as the kernel reads it.
fn script(beginning: &[u8]) -> Vec<u8> {
    let line = &beginning[2..beginning.len().min(MAX_SCRIPT_LINE)];
    let end = line.iter().position(|byte| matches!(byte, b'\n' | 0)).unwrap_or(line.len());
    // Blanks and tabs alone: a carriage return belongs to the name before it.
    let line = line[..end].trim_ascii_start();
    let blanks = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    line[..line.len() - blanks].to_vec()
}

#[cfg(test)]
mod tests;
