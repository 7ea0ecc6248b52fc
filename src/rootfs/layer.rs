//! One layer is put on top of what is there.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::CString;
use std::fs::File;
use std::hash::BuildHasher as _;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::rc::Rc;

use rustix::fs::{FileType, Timespec};
use rustix::io::Errno;
use tar::EntryType;
use workson_oci::path::clean;

use super::attributes::{Attributes, times};
use super::folder::{Folder, Name, NoWay, Root};
use super::{Settings, Tamed, Taming};
use crate::packed::{self, Damage, Failure, LayerError, Limits, each_entry, sparse};

/// What is read and written at once of a file.
const CHUNK: usize = 64 << 10;

/// Why a layer can't be put.
#[derive(Debug)]
pub(super) enum Stop {
    /// It can't be read.
    Layer(LayerError),
    /// An entry is refused, and why.
    Refused(Vec<u8>, &'static str),
    /// Something can't be written: where, and what the system says.
    Write(Vec<u8>, io::Error),
}

impl From<LayerError> for Stop {
    fn from(error: LayerError) -> Stop {
        Stop::Layer(error)
    }
}

impl Failure for Stop {
    fn damage(&mut self) -> Option<&mut Damage> {
        match self {
            Stop::Layer(error) => error.damage(),
            _ => None,
        }
    }
}

fn damaged(error: io::Error) -> Stop {
    Stop::Layer(packed::damaged(error))
}

fn at(path: &[u8]) -> impl Fn(Errno) -> Stop {
    |error| Stop::Write(path.to_vec(), error.into())
}

fn no_way(path: &[u8]) -> impl Fn(NoWay) -> Stop {
    |error| match error {
        NoWay::Refused(reason) => Stop::Refused(path.to_vec(), reason),
        NoWay::System(error) => Stop::Write(path.to_vec(), error.into()),
    }
}

/// What grows while layers are put on each other.
pub(super) struct Growing<'a> {
    root: Root,
    settings: &'a Settings,
    pub(super) taming: Taming,
    pub(super) entries: u64,
    /// Bits and time of each folder: they are set when nothing more comes into it.
    folders: BTreeMap<Vec<u8>, (rustix::fs::Mode, Timespec)>,
    /// Where a device was not made.
    unmade: BTreeSet<Vec<u8>>,
    /// What this layer has put, and the folders on the way to it, so that its whiteouts take away only what lower layers
    /// have. Paths would take much memory; of two that have one hash, one might stay that should go.
    placed: HashSet<u64>,
    hashing: RandomState,
    is_first: bool,
    /// The folder that was found last, by the path that led to it.
    last: Option<(Vec<u8>, Rc<Folder>)>,
    buffer: Vec<u8>,
    /// How many bytes of files may still be written of this layer: those of a sparse file are more than it holds.
    room: u64,
}

impl<'a> Growing<'a> {
    pub(super) fn new(root: Root, settings: &'a Settings) -> Growing<'a> {
        Growing {
            root,
            settings,
            taming: Taming::default(),
            entries: 0,
            folders: BTreeMap::new(),
            unmade: BTreeSet::new(),
            placed: HashSet::new(),
            hashing: RandomState::new(),
            is_first: true,
            last: None,
            buffer: vec![0; CHUNK],
            room: 0,
        }
    }

    /// How far layers are read.
    pub(super) fn limits(&self) -> Limits {
        self.settings.limits
    }

    /// Puts a layer's tar file on top.
    pub(super) fn add(&mut self, tar: &mut dyn Read) -> Result<(), Stop> {
        self.room = self.settings.limits.bytes;
        let limits = self.settings.limits;
        each_entry(tar, &limits, |entry| self.entry(entry))?;
        self.is_first = false;
        self.placed.clear();
        Ok(())
    }

    /// Sets what folders say of themselves: the innermost first, so that none is closed before what is in it.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        self.last = None;
        let mut folders = std::mem::take(&mut self.folders);
        folders.entry(Vec::new()).or_insert((rustix::fs::Mode::from_raw_mode(0o755), Timespec::default()));
        for (path, (mode, changed)) in folders.iter().rev() {
            let set = || -> Result<(), Errno> {
                let folder = self.root.open(path)?;
                rustix::fs::fchmod(folder.handle(), *mode)?;
                rustix::fs::futimens(folder.handle(), &times(*changed))
            };
            set().map_err(at(path))?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Stop> {
        if entry.header().entry_type() == EntryType::XGlobalHeader {
            return Ok(());
        }
        let raw = entry.path_bytes().into_owned();
        if sparse(entry).map_err(damaged)?.is_some() {
            return Err(Stop::Refused(raw, "it is a sparse file in a form that is not unpacked here"));
        }
        if raw.split(|byte| *byte == b'/').any(|part| part == b"..") {
            self.taming.add(Tamed::Name, &raw);
        }
        self.entries += 1;
        let path = clean(&raw);
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], &path[..]),
        };
        match name.strip_prefix(b".wh.") {
            None => self.put(entry, &raw, folder, name),
            Some(b".wh..opq") => self.opaque(folder),
            // Marks of storage drivers stand for nothing.
            Some(mark) if mark.starts_with(b".wh.") || mark.is_empty() => Ok(()),
            Some(gone) => self.whiteout(folder, gone, &raw),
        }
    }

    /// Puts what is no whiteout.
    fn put(
        &mut self,
        entry: &mut tar::Entry<'_, impl Read>,
        raw: &[u8],
        folder: &[u8],
        name: &[u8],
    ) -> Result<(), Stop> {
        let refused = |why| Stop::Refused(raw.to_vec(), why);
        let kind = entry.header().entry_type();
        let attributes = Attributes::of(entry).map_err(damaged)?;
        let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse);
        // A folder of the oldest tar files is a file whose name ends in a slash.
        let is_folder = kind == EntryType::Directory || (is_file && raw.ends_with(b"/"));
        if name.is_empty() {
            if !is_folder {
                return Err(refused("it would take the place of the folder itself"));
            }
            let root = self.root.open(b"").map_err(at(b""))?;
            return self.describe(&root, &attributes);
        }
        let name = Name::new(name).ok_or_else(|| refused("its name has a byte that no name may have"))?;
        let parent = self.parent(folder, raw)?;
        let real = parent.path_of(&name);
        self.mark(&real);
        let link = |entry: &tar::Entry<'_, _>| entry.link_name_bytes().unwrap_or_default().into_owned();
        match kind {
            _ if is_folder => self.folder(&parent, &name, &attributes),
            _ if is_file => self.file(&parent, &name, entry, &attributes),
            EntryType::Symlink => self.symlink(&parent, &name, link(entry), &attributes),
            EntryType::Link => self.hardlink(&parent, &name, &clean(&link(entry))),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.remove(&parent, &name)?;
                self.taming.add(Tamed::Device, &real);
                self.unmade.insert(real);
                Ok(())
            }
            _ => Err(refused("it is of a kind that is not known")),
        }
    }

    /// The folder that an entry is in, which is made where it is not there.
    fn parent(&mut self, folder: &[u8], of: &[u8]) -> Result<Rc<Folder>, Stop> {
        if let Some((path, found)) = &self.last
            && path == folder
        {
            return Ok(Rc::clone(found));
        }
        let found = self.root.walk(folder, true).map_err(no_way(of))?;
        let found = Rc::new(found.ok_or_else(|| Stop::Refused(of.to_vec(), "there is no way to it"))?);
        self.last = Some((folder.to_vec(), Rc::clone(&found)));
        Ok(found)
    }

    fn folder(&mut self, parent: &Folder, name: &Name, attributes: &Attributes) -> Result<(), Stop> {
        let path = parent.path_of(name);
        if parent.kind(name).map_err(at(&path))? != Some(FileType::Directory) {
            self.remove(parent, name)?;
            parent.make_folder(name).map_err(at(&path))?;
        }
        let folder = self.root.open(&path).map_err(at(&path))?;
        self.describe(&folder, attributes)
    }

    /// Sets what is set of a folder at once, and keeps the rest for later.
    fn describe(&mut self, folder: &Folder, attributes: &Attributes) -> Result<(), Stop> {
        let path = &folder.path;
        let owner = attributes.owner(self.settings).map_err(|why| Stop::Refused(path.clone(), why))?;
        if let Some((user, group)) = owner {
            rustix::fs::fchown(folder.handle(), Some(user), Some(group)).map_err(at(path))?;
        }
        let taming = &mut self.taming;
        attributes.extend(folder.handle(), self.settings, |what| taming.add(what, path)).map_err(at(path))?;
        let mode = attributes.mode(self.settings, |what| taming.add(what, path));
        self.folders.insert(path.clone(), (mode, attributes.changed));
        Ok(())
    }

    fn file(
        &mut self,
        parent: &Folder,
        name: &Name,
        entry: &mut tar::Entry<'_, impl Read>,
        attributes: &Attributes,
    ) -> Result<(), Stop> {
        let path = parent.path_of(name);
        self.remove(parent, name)?;
        let mut file = parent.make_file(name).map_err(at(&path))?;
        self.fill(&mut file, entry, &path)?;
        let owner = attributes.owner(self.settings).map_err(|why| Stop::Refused(path.clone(), why))?;
        // A change of the owner takes away bits and rights: they come after it.
        if let Some((user, group)) = owner {
            rustix::fs::fchown(&file, Some(user), Some(group)).map_err(at(&path))?;
        }
        let taming = &mut self.taming;
        let mode = attributes.mode(self.settings, |what| taming.add(what, &path));
        rustix::fs::fchmod(&file, mode).map_err(at(&path))?;
        attributes.extend(&file, self.settings, |what| taming.add(what, &path)).map_err(at(&path))?;
        rustix::fs::futimens(&file, &times(attributes.changed)).map_err(at(&path))
    }

    /// Writes what an entry holds.
    fn fill(
        &mut self,
        file: &mut File,
        entry: &mut tar::Entry<'_, impl Read>,
        path: &[u8],
    ) -> Result<(), Stop> {
        let failed = |error: io::Error| Stop::Write(path.to_vec(), error);
        let (is_sparse, size) = (entry.header().entry_type() == EntryType::GNUSparse, entry.size());
        let mut length = 0;
        loop {
            let read = match entry.read(&mut self.buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(damaged(error)),
            };
            if read == 0 {
                break;
            }
            length += read as u64;
            self.room = self.room.saturating_sub(read as u64);
            if self.room == 0 {
                return Err(LayerError::TooLong(self.settings.limits.bytes).into());
            }
            let piece = &self.buffer[..read];
            if is_sparse && piece.iter().all(|byte| *byte == 0) {
                file.seek(SeekFrom::Current(read as i64)).map_err(failed)?;
            } else {
                file.write_all(piece).map_err(failed)?;
            }
        }
        if length != size {
            return Err(damaged(io::Error::other(format!("a file has {length} bytes of {size}"))));
        }
        if is_sparse { file.set_len(length).map_err(failed) } else { Ok(()) }
    }

    fn symlink(
        &mut self,
        parent: &Folder,
        name: &Name,
        target: Vec<u8>,
        attributes: &Attributes,
    ) -> Result<(), Stop> {
        let path = parent.path_of(name);
        let refused = |why| Stop::Refused(path.clone(), why);
        if target.is_empty() {
            return Err(refused("it is a link to nothing"));
        }
        let target = CString::new(target).map_err(|_| refused("it is a link to what has no name"))?;
        let owner = attributes.owner(self.settings).map_err(refused)?;
        self.remove(parent, name)?;
        parent.make_symlink(name, &target).map_err(at(&path))?;
        parent.set_of_link(name, owner, &times(attributes.changed)).map_err(at(&path))?;
        if attributes.has_extended() {
            self.taming.add(Tamed::Attribute, &path);
        }
        Ok(())
    }

    fn hardlink(&mut self, parent: &Folder, name: &Name, target: &[u8]) -> Result<(), Stop> {
        let path = parent.path_of(name);
        let absent = || Stop::Refused(path.clone(), "it is a hard link to what is not there");
        let (folder, last) = match target.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&target[..slash], &target[slash + 1..]),
            None => (&target[..0], target),
        };
        let last = Name::new(last).ok_or_else(absent)?;
        let other = self.root.walk(folder, false).map_err(no_way(&path))?.ok_or_else(absent)?;
        let real = other.path_of(&last);
        match other.kind(&last).map_err(at(&path))? {
            // It is its own other name.
            Some(kind) if real == path && kind != FileType::Directory => Ok(()),
            Some(FileType::Directory) => Err(Stop::Refused(path, "it is a hard link to a folder")),
            Some(_) => {
                self.remove(parent, name)?;
                match parent.make_hardlink(name, &other, &last) {
                    // What it leads to was in a folder of this very name, which just went.
                    Err(Errno::NOENT) => Err(absent()),
                    made => made.map_err(at(&path)),
                }
            }
            None if self.unmade.contains(&real) => {
                self.remove(parent, name)?;
                self.taming.add(Tamed::Device, &path);
                self.unmade.insert(path);
                Ok(())
            }
            None => Err(absent()),
        }
    }

    /// Removes what has this name, whichever layer it is of.
    fn remove(&mut self, parent: &Folder, name: &Name) -> Result<(), Stop> {
        let path = parent.path_of(name);
        let Some(kind) = parent.kind(name).map_err(at(&path))? else {
            self.unmade.remove(&path);
            return Ok(());
        };
        if kind != FileType::RegularFile {
            self.last = None;
        }
        if kind == FileType::Directory {
            self.forget(&path);
        }
        parent.remove(name).map_err(at(&path))
    }

    /// Forgets what was kept of a folder and of what is below it.
    fn forget(&mut self, path: &[u8]) {
        let below = [path, b"/"].concat();
        let of_it = |key: &[u8]| key == path || key.starts_with(&below);
        let gone = |keys: &mut dyn Iterator<Item = &Vec<u8>>| -> Vec<Vec<u8>> {
            keys.take_while(|key| key.starts_with(path)).filter(|key| of_it(key)).cloned().collect()
        };
        for key in gone(&mut self.folders.range(path.to_vec()..).map(|(key, _)| key)) {
            self.folders.remove(&key);
        }
        for key in gone(&mut self.unmade.range(path.to_vec()..)) {
            self.unmade.remove(&key);
        }
    }

    fn hash(&self, path: &[u8]) -> u64 {
        self.hashing.hash_one(path)
    }

    /// Remembers that this layer has put something there.
    fn mark(&mut self, path: &[u8]) {
        // Nothing lies below the first layer that could be taken away.
        if self.is_first {
            return;
        }
        let mut path = path;
        while self.placed.insert(self.hash(path)) {
            match path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => path = &path[..slash],
                None => return,
            }
        }
    }

    fn is_put(&self, path: &[u8]) -> bool {
        self.placed.contains(&self.hash(path))
    }

    /// What lower layers have at a path is gone.
    fn whiteout(&mut self, folder: &[u8], gone: &[u8], raw: &[u8]) -> Result<(), Stop> {
        let refused = || Stop::Refused(raw.to_vec(), "it would take away what is no entry of its folder");
        let gone = Name::new(gone).ok_or_else(refused)?;
        // The folder is made, as engines do, though nothing may be left in it.
        let parent = self.parent(folder, raw)?;
        self.mark(&parent.path);
        if self.is_first { Ok(()) } else { self.remove_lower(&parent, &gone) }
    }

    /// What lower layers have in a folder is gone.
    fn opaque(&mut self, folder: &[u8]) -> Result<(), Stop> {
        let found = self.parent(folder, folder)?;
        self.mark(&found.path);
        if self.is_first {
            return Ok(());
        }
        for name in found.names().map_err(at(folder))? {
            self.remove_lower(&found, &name)?;
        }
        Ok(())
    }

    /// Removes what this layer has not put itself. One folder is open at a time, however deep it goes.
    fn remove_lower(&mut self, parent: &Folder, name: &Name) -> Result<(), Stop> {
        let path = parent.path_of(name);
        if !self.is_put(&path) {
            return self.remove(parent, name);
        }
        let mut left = vec![path];
        while let Some(path) = left.pop() {
            let folder = match self.root.open(&path) {
                Ok(folder) => folder,
                Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => continue,
                Err(error) => return Err(at(&path)(error)),
            };
            for name in folder.names().map_err(at(&path))? {
                let below = folder.path_of(&name);
                if self.is_put(&below) {
                    left.push(below);
                } else {
                    self.remove(&folder, &name)?;
                }
            }
        }
        Ok(())
    }
}
