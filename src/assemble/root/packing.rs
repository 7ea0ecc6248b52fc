//! How a tar file is packed: gzip without a name, a time or an operating system in its header, at one level, fed in
//! pieces of one length. zlib-rs computes the same on every machine: what it has for one processor or another compares
//! and copies faster, and decides nothing. Another version of it may pack otherwise; `Cargo.lock` names the version, and
//! a test the digest.

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use workson_oci::digest::{Algorithm, Hasher};

use super::Written;

/// As `gzip` has it.
const LEVEL: u32 = 6;
/// What stands for an operating system that is not told (RFC 1952).
const UNKNOWN_SYSTEM: u8 = 255;
/// How much is packed at once.
const PIECE: usize = 64 << 10;

/// Packs into a file.
pub(super) struct Packer {
    encoder: GzEncoder<Hashing>,
    piece: Vec<u8>,
    failed: Option<io::Error>,
}

impl Packer {
    pub(super) fn new(file: File) -> Packer {
        let hashing =
            Hashing { file: io::BufWriter::new(file), hasher: Hasher::new(Algorithm::Sha256), length: 0 };
        let builder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
        let encoder = builder.write(hashing, Compression::new(LEVEL));
        Packer { encoder, piece: Vec::with_capacity(PIECE), failed: None }
    }

    /// Why what was read could not be packed, where it is that.
    pub(super) fn failed(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// A reader of `inner`, whose bytes are packed as they are read.
    pub(super) fn reading<R: Read>(&mut self, inner: R) -> Reading<'_, R> {
        Reading { inner, packer: self }
    }

    /// Takes bytes in pieces of any length, and gives them on in pieces of one.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() == PIECE {
                self.encoder.write_all(&self.piece)?;
                self.piece.clear();
            }
        }
        Ok(())
    }

    /// The file, the digest of what it holds, and its length.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.encoder.write_all(&self.piece)?;
        let Hashing { file, hasher, length } = self.encoder.finish()?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, hasher.finish(), length))
    }
}

/// Packs what is read through it.
pub(super) struct Reading<'a, R> {
    inner: R,
    packer: &'a mut Packer,
}

impl<R: Read> Read for Reading<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.packer.take(&buffer[..read]) {
            Ok(()) => Ok(read),
            Err(error) => {
                let told = io::Error::new(error.kind(), error.to_string());
                self.packer.failed = Some(error);
                Err(told)
            }
        }
    }
}

/// Counts and hashes what is written.
struct Hashing {
    file: io::BufWriter<File>,
    hasher: Hasher,
    length: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
