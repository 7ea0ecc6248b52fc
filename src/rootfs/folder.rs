//! Folders below one that nothing leads out of.
//!
//! Every step goes from one open folder to the next by a name that is no path, and no link is followed by the system:
//! where one stands in the way, it is read, and followed from the root on. So whatever was put there, and whatever it was
//! replaced by meanwhile, what is opened, made or removed lies below the root.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// How many symbolic links are followed on the way to one entry: as many as Linux follows.
const MAX_LINKS: usize = 40;
/// How long a path may be, all links followed, in bytes: as long as a program may name it.
const MAX_PATH: usize = 4096;

const OPEN_FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// One part of a path, which names something in a folder and nothing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(CString);

impl Name {
    /// A name; none where it would be another folder's, or can't be one.
    pub(super) fn new(part: &[u8]) -> Option<Name> {
        if matches!(part, b"" | b"." | b"..") || part.contains(&b'/') {
            return None;
        }
        CString::new(part).ok().map(Name)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.to_bytes()
    }

    fn as_c_str(&self) -> &CStr {
        &self.0
    }
}

/// Why there is no way to an entry.
#[derive(Debug)]
pub(super) enum NoWay {
    /// It is refused, and why.
    Refused(&'static str),
    /// The system says so.
    System(Errno),
}

impl From<Errno> for NoWay {
    fn from(error: Errno) -> NoWay {
        NoWay::System(error)
    }
}

/// The folder that everything is in.
#[derive(Debug)]
pub(super) struct Root {
    top: OwnedFd,
}

/// A folder below it, or itself.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    /// Where it is, with no link in the path.
    pub(super) path: Vec<u8>,
}

impl Root {
    pub(super) fn new(top: File) -> Root {
        Root { top: top.into() }
    }

    /// The folder that a path leads to, with its links followed within the root. With `make`, what is not there is
    /// made, and what is no folder gives way to one; without, there is none in such a case.
    pub(super) fn walk(&self, path: &[u8], make: bool) -> Result<Option<Folder>, NoWay> {
        let mut rest = parts(path);
        let mut at = self.open(b"")?;
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == b".." {
                let end = at.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                at = self.open(&at.path[..end])?;
                continue;
            }
            let name = Name::new(&part).ok_or(NoWay::Refused("its name has a byte that no name may have"))?;
            if at.path.len() + 1 + part.len() > MAX_PATH {
                return Err(NoWay::Refused("its path is longer than any program can name"));
            }
            match at.enter(&name) {
                Ok(folder) => at = folder,
                Err(Errno::NOENT) if make => at = at.make_folder(&name)?,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) => match at.link(&name)? {
                    Some(target) => {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(NoWay::Refused("links lead in a circle on the way to it"));
                        }
                        if target.starts_with(b"/") {
                            at = self.open(b"")?;
                        }
                        rest.extend(parts(&target));
                    }
                    None if make => {
                        at.remove(&name)?;
                        at = at.make_folder(&name)?;
                    }
                    None => return Ok(None),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(at))
    }

    /// The folder at a path in which there is no link.
    pub(super) fn open(&self, path: &[u8]) -> Result<Folder, Errno> {
        let handle = rustix::fs::openat(&self.top, c".", OPEN_FOLDER, Mode::empty())?;
        let mut at = Folder { handle, path: Vec::new() };
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            at = at.enter(&Name::new(part).ok_or(Errno::INVAL)?)?;
        }
        Ok(at)
    }
}

/// The parts of a path, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(<[u8]>::to_vec).rev().collect()
}

impl Folder {
    /// The path of what has this name here.
    pub(super) fn path_of(&self, name: &Name) -> Vec<u8> {
        match self.path.is_empty() {
            true => name.bytes().to_vec(),
            false => [&self.path, b"/".as_slice(), name.bytes()].concat(),
        }
    }

    pub(super) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    fn enter(&self, name: &Name) -> Result<Folder, Errno> {
        let handle = rustix::fs::openat(&self.handle, name.as_c_str(), OPEN_FOLDER, Mode::empty())?;
        Ok(Folder { handle, path: self.path_of(name) })
    }

    /// Makes a folder in it, which anyone may read, as engines make one that no entry speaks of.
    pub(super) fn make_folder(&self, name: &Name) -> Result<Folder, Errno> {
        rustix::fs::mkdirat(&self.handle, name.as_c_str(), Mode::RWXU)?;
        let made = self.enter(name)?;
        rustix::fs::fchmod(&made.handle, Mode::from_raw_mode(0o755))?;
        Ok(made)
    }

    /// Makes a file that is not there yet.
    pub(super) fn make_file(&self, name: &Name) -> Result<File, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::openat(&self.handle, name.as_c_str(), flags, mode).map(File::from)
    }

    pub(super) fn make_symlink(&self, name: &Name, target: &CStr) -> Result<(), Errno> {
        rustix::fs::symlinkat(target, &self.handle, name.as_c_str())
    }

    /// Makes `name` here another name of what is `target` in another folder, which may be a link itself.
    pub(super) fn make_hardlink(&self, name: &Name, other: &Folder, target: &Name) -> Result<(), Errno> {
        let (from, to) = (target.as_c_str(), name.as_c_str());
        rustix::fs::linkat(&other.handle, from, &self.handle, to, AtFlags::empty())
    }

    /// What kind of thing has this name; none where nothing has.
    pub(super) fn kind(&self, name: &Name) -> Result<Option<FileType>, Errno> {
        match rustix::fs::statat(&self.handle, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the link of this name leads; none where it is no link.
    fn link(&self, name: &Name) -> Result<Option<Vec<u8>>, Errno> {
        match rustix::fs::readlinkat(&self.handle, name.as_c_str(), Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes())),
            Err(Errno::INVAL) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets owner and time of a link itself.
    pub(super) fn set_of_link(
        &self,
        name: &Name,
        owner: Option<(rustix::fs::Uid, rustix::fs::Gid)>,
        times: &rustix::fs::Timestamps,
    ) -> Result<(), Errno> {
        let (name, flags) = (name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW);
        if let Some((user, group)) = owner {
            rustix::fs::chownat(&self.handle, name, Some(user), Some(group), flags)?;
        }
        rustix::fs::utimensat(&self.handle, name, times, flags)
    }

    /// What it holds.
    pub(super) fn names(&self) -> Result<Vec<Name>, Errno> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            names.extend(Name::new(entry?.file_name().to_bytes()));
        }
        Ok(names)
    }

    /// Removes what has this name, with all that is in it.
    ///
    /// One folder is open at a time, however deep it goes.
    pub(super) fn remove(&self, name: &Name) -> Result<(), Errno> {
        if self.remove_file(name)? {
            return Ok(());
        }
        let mut at = self.enter_to_remove(name)?;
        let mut way = vec![name.clone()];
        let mut left = vec![at.names()?];
        while let Some(names) = left.last_mut() {
            match names.pop() {
                Some(name) => {
                    if !at.remove_file(&name)? {
                        at = at.enter_to_remove(&name)?;
                        way.push(name);
                        left.push(at.names()?);
                    }
                }
                None => {
                    left.pop();
                    let Some(emptied) = way.pop() else { break };
                    // Nothing else moves folders here meanwhile.
                    let above = match way.is_empty() {
                        true => rustix::fs::openat(&self.handle, c".", OPEN_FOLDER, Mode::empty())?,
                        false => rustix::fs::openat(&at.handle, c"..", OPEN_FOLDER, Mode::empty())?,
                    };
                    at = Folder { handle: above, path: Vec::new() };
                    rustix::fs::unlinkat(&at.handle, emptied.as_c_str(), AtFlags::REMOVEDIR)?;
                }
            }
        }
        Ok(())
    }

    /// Removes what is no folder; whether it was none.
    fn remove_file(&self, name: &Name) -> Result<bool, Errno> {
        match rustix::fs::unlinkat(&self.handle, name.as_c_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            // Linux says the one of a folder, POSIX the other.
            Err(Errno::ISDIR) => Ok(false),
            Err(Errno::PERM) if self.kind(name)? == Some(FileType::Directory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Enters a folder that is to go: it may have been closed to its owner.
    fn enter_to_remove(&self, name: &Name) -> Result<Folder, Errno> {
        let folder = match self.enter(name) {
            Err(Errno::ACCESS) => {
                rustix::fs::chmodat(&self.handle, name.as_c_str(), Mode::RWXU, AtFlags::empty())?;
                self.enter(name)?
            }
            entered => entered?,
        };
        // Where that fails, so does the removal.
        let _ = rustix::fs::fchmod(&folder.handle, Mode::RWXU);
        Ok(folder)
    }
}

/// A handle of a folder anywhere, which is no link itself.
pub(super) fn open_anywhere(path: &std::path::Path) -> io::Result<File> {
    Ok(rustix::fs::open(path, OPEN_FOLDER, Mode::empty()).map(File::from)?)
}
