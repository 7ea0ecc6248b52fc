//! A layer's tar file, entry by entry.

use std::cell::Cell;
use std::io::{self, Read};

use tar::EntryType;

use super::{LayerError, Limits, damaged};

/// How long what stands before an entry may be: its headers, with names and attributes. Go's reader, which the
/// engines use, reads as much.
const MAX_HEADERS: u64 = 1 << 20;

/// Goes along the entries of a tar file. `take` reads of each as much as it wants.
///
/// # Errors
/// What `take` says; where the file is damaged, or has more entries than `limits` has it.
pub fn each_entry<R: Read, E: From<LayerError>>(
    tar: R,
    limits: &Limits,
    mut take: impl FnMut(&mut tar::Entry<'_, Bounded<'_, R>>) -> Result<(), E>,
) -> Result<(), E> {
    let damaged = |error: io::Error| E::from(damaged(error));
    let (read, end) = (Cell::new(0), Cell::new(MAX_HEADERS));
    let mut archive = tar::Archive::new(Bounded { inner: tar, read: &read, end: &end });
    for (number, entry) in (0_u64..).zip(archive.entries().map_err(damaged)?) {
        let mut entry = entry.map_err(damaged)?;
        if number >= limits.entries {
            return Err(LayerError::TooMany(limits.entries).into());
        }
        // A sparse file is longer than what there is of it.
        let length = match entry.header().entry_type() {
            EntryType::GNUSparse => entry.header().entry_size().map_err(damaged)?,
            _ => entry.size(),
        };
        let begins = read.get();
        end.set(u64::MAX);
        take(&mut entry)?;
        // What was not taken is passed over with the next header.
        end.set(begins.saturating_add(length).saturating_add(MAX_HEADERS));
    }
    Ok(())
}

/// What stands before an entry, bounded: the reader of tar files keeps names and attributes of any length.
pub struct Bounded<'a, R> {
    inner: R,
    /// How much was read.
    read: &'a Cell<u64>,
    /// How far may be read.
    end: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.end.get().saturating_sub(self.read.get());
        let length = buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if length == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!(
                "what stands before an entry is longer than {MAX_HEADERS} bytes"
            )));
        }
        let read = self.inner.read(&mut buffer[..length])?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Who may do what with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// The permission bits, with those of set-user-ID, set-group-ID and the sticky one.
    pub mode: u16,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Who may do what with an entry. A field that is empty is 0, as it is to engines.
///
/// # Errors
/// Where a field holds no number.
pub fn permissions(header: &tar::Header) -> io::Result<Permissions> {
    let old = header.as_old();
    let number = |field: &[u8], number: io::Result<u64>| match number {
        Err(_) if field.iter().all(|byte| matches!(byte, b' ' | 0)) => Ok(0),
        number => number,
    };
    // What is above the permissions says what kind of file it is, which the entry's own kind says as well.
    let mode = (number(&old.mode, header.mode().map(u64::from))? & 0o7777) as u16;
    // System calls take the lower half of longer numbers.
    let (uid, gid) = (number(&old.uid, header.uid())? as u32, number(&old.gid, header.gid())? as u32);
    Ok(Permissions { mode, uid, gid })
}

/// A file of which the layer has only what is not nought, with a list of where that is.
pub struct Sparse {
    /// Its name, where the entry's own stands for something else.
    pub name: Option<Vec<u8>>,
    /// Its length.
    pub size: u64,
}

/// Whether an entry is such a file, as pax headers say it (GNU tar's formats 0.0, 0.1 and 1.0; the older one is a type of
/// its own, which the crate `tar` reads).
///
/// # Errors
/// Where the headers can't be read.
pub fn sparse(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Option<Sparse>> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(None) };
    let (mut name, mut size) = (None, None);
    for extension in extensions {
        let extension = extension?;
        match extension.key_bytes() {
            b"GNU.sparse.name" => name = Some(extension.value_bytes().to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                size = extension.value().ok().and_then(|text| text.parse().ok());
            }
            _ => {}
        }
    }
    Ok(size.map(|size| Sparse { name, size }))
}
