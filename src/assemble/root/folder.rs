//! A folder becomes a tar file by one rule, so that copies of a folder give the same one: names in the order of their
//! bytes, owner and group 0, one time for all, no extended attributes. Permissions, links and further names stay.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// Writes what is in `folder` as a tar file. Links are not followed.
pub(super) fn write(folder: &Path, mtime: u64, to: &mut impl Write) -> io::Result<()> {
    let mut writing = Writing { folder, mtime, tar: Builder::new(to), names: HashMap::new() };
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let is_folder =
            path.as_os_str().is_empty() || writing.entry(&path).map_err(|error| at(&path, &error))?;
        if is_folder {
            let below = names(folder, &path).map_err(|error| at(&path, &error))?;
            // The last one in is the first one out.
            waiting.extend(below.into_iter().rev());
        }
    }
    writing.tar.finish()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// What is in a folder, in the order of the names' bytes.
fn names(folder: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = fs::read_dir(folder.join(path))?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names.into_iter().map(|name| path.join(name)).collect())
}

struct Writing<'a, W: Write> {
    folder: &'a Path,
    mtime: u64,
    tar: Builder<W>,
    /// The first name of each file that has several.
    names: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Writing<'_, W> {
    /// Writes one entry; whether it is a folder.
    fn entry(&mut self, path: &Path) -> io::Result<bool> {
        let there = self.folder.join(path);
        let metadata = fs::symlink_metadata(&there)?;
        let mut header = Header::new_gnu();
        header.set_mode(mode(&metadata));
        header.set_mtime(self.mtime);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        let kind = metadata.file_type();
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            // A folder's name ends in a slash.
            self.tar.append_data(&mut header, path.join(""), io::empty())?;
        } else if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            self.tar.append_link(&mut header, path, fs::read_link(&there)?)?;
        } else if !kind.is_file() {
            return Err(io::Error::other(
                "it is a device, a pipe or a socket, which a folder that is assembled may not have; \
                 remove it, or give the root as a tar file",
            ));
        } else if let Some(first) = self.first_name(path, &metadata) {
            header.set_entry_type(EntryType::Link);
            self.tar.append_link(&mut header, path, first)?;
        } else {
            header.set_entry_type(EntryType::Regular);
            header.set_size(metadata.len());
            let whole = Whole { inner: File::open(&there)?, left: metadata.len() };
            self.tar.append_data(&mut header, path, whole)?;
        }
        Ok(kind.is_dir())
    }

    /// The name under which a file was written already.
    fn first_name(&mut self, path: &Path, metadata: &Metadata) -> Option<PathBuf> {
        let file = identity(metadata)?;
        let first = self.names.get(&file).cloned();
        if first.is_none() {
            self.names.insert(file, path.to_owned());
        }
        first
    }
}

/// A file that is as long as it was when it was looked at, or an error.
struct Whole {
    inner: File,
    left: u64,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..room])?;
        self.left -= read as u64;
        match read == 0 && self.left > 0 && room > 0 {
            true => Err(io::Error::other("it became shorter while it was read")),
            false => Ok(read),
        }
    }
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o7777
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0o755
}

/// Which file it is, where it has several names.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}
