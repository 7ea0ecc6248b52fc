//! A layer's bytes as they pass by: digested, unpacked, digested again (the diffID), and read as a tar file. What reads
//! them may keep nothing of it, or write it down.
//!
//! Sources: the image specification (*layer.md*, *descriptor.md*), POSIX.1-2001's pax format as the crate `tar`
//! reads it, RFC 1952 (gzip, which may have several members) and RFC 8878 (zstd).

mod tar_file;
mod tee;

use std::io::{self, Read};
use std::thread;

use workson_oci::Digest;
use workson_oci::digest::Algorithm;

pub use self::tar_file::{Permissions, Sparse, each_entry, permissions, sparse};
use self::tee::{Failed, Tee};

/// What zstd may be limited to.
const MIN_WINDOW: u64 = 1 << 10;
const MAX_WINDOW: u64 = 1 << 30;
/// What zstd says where it is to be given a larger window (its `ZSTD_error_frameParameter_windowTooLarge`).
const TOO_WIDE: &str = "requires too much memory";

/// How far a layer is read. What lies beyond is an error that names the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one layer, unpacked.
    pub bytes: u64,
    /// Entries of one layer.
    pub entries: u64,
    /// Bytes of what zstd keeps of one layer to unpack what follows. What counts is the power of two below it.
    pub window: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 64 << 30, entries: 2_000_000, window: 16 << 20 }
    }
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// It is a tar file as it is.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Compression {
    /// What a layer is compressed with, as its first bytes tell, and a reader that has those as well. Engines go by
    /// them too: media types are sometimes wrong.
    ///
    /// # Errors
    /// Where the bytes can't be had.
    pub fn of<R: Read>(mut reader: R) -> io::Result<(Compression, impl Read + use<R>)> {
        let mut beginning = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut beginning)?;
        let compression = match beginning[..] {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Compression::Zstd,
            _ => Compression::None,
        };
        Ok((compression, io::Cursor::new(beginning).chain(reader)))
    }
}

/// How a layer's media type says that it is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// It is a tar file, packed or not.
    FileSystem,
    /// It is kept elsewhere.
    Foreign,
    /// It is none of these.
    Other,
}

impl LayerKind {
    /// What a media type says.
    pub fn of(media_type: &str) -> LayerKind {
        match media_type {
            "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => LayerKind::FileSystem,
            "application/vnd.docker.image.rootfs.foreign.diff.tar"
            | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => LayerKind::Foreign,
            text if text.starts_with("application/vnd.oci.image.layer.nondistributable.v1.tar") => {
                LayerKind::Foreign
            }
            _ => LayerKind::Other,
        }
    }
}

/// Why a layer can't be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The bytes end too early or are damaged.
    #[error("the layer can't be unpacked: {0}")]
    Damaged(String),
    /// It is longer than is read.
    #[error(
        "the layer is longer than {0} bytes unpacked, which is as much as is read (raise it with --max-layer-bytes)"
    )]
    TooLong(u64),
    /// It has more entries than are read.
    #[error(
        "the layer has more than {0} entries, which is as many as are read (raise it with --max-layer-entries)"
    )]
    TooMany(u64),
    /// Its names are longer than is kept.
    #[error(
        "the names in the layer are longer than {0} bytes together, which is as much as is kept (raise it with \
         --max-layer-entries)"
    )]
    TooWordy(u64),
    /// It was packed so that unpacking takes more memory than is given to it.
    #[error(
        "the layer takes more memory to unpack than {0} bytes, which is as much as zstd is given (raise it with \
         --max-layer-window)"
    )]
    TooWide(u64),
    /// The bytes could not be had.
    #[error("the layer could not be read: {0}")]
    Source(String),
}

/// A layer that has passed by.
#[derive(Debug)]
pub struct Passed<T> {
    /// The digest of its bytes as they came.
    pub digest: Digest,
    /// The digest of its bytes, unpacked.
    pub diff_id: Digest,
    /// Its length, unpacked.
    pub size: u64,
    /// What was made of it.
    pub made: T,
}

/// Lets a layer pass by to its end; `take` reads what is unpacked of it, and need not read all. `algorithm` is that of
/// the digest it was asked for by.
///
/// Two threads compute the digests while this one reads and unpacks.
///
/// # Errors
/// What `take` says; where the bytes are damaged, end too early, or are more than `limits`, that comes before it.
pub fn pass<T, E: From<LayerError>>(
    source: impl Read,
    compression: Compression,
    algorithm: Algorithm,
    limits: &Limits,
    take: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<Passed<T>, E> {
    thread::scope(|scope| {
        let unhashed = |error: io::Error| E::from(LayerError::Source(error.to_string()));
        let sha256 = Algorithm::Sha256;
        if compression == Compression::None && algorithm == sha256 {
            // One digest is both.
            let tar = Tee::new(scope, source, algorithm, limits.bytes).map_err(unhashed)?;
            let (diff_id, size, made) = unpacked(tar, limits, LayerError::Source, take)?;
            return Ok(Passed { digest: diff_id.clone(), diff_id, size, made });
        }
        let mut packed = Tee::new(scope, source, algorithm, u64::MAX).map_err(unhashed)?;
        let unpacked = match compression {
            Compression::None => Tee::new(scope, &mut packed, sha256, limits.bytes)
                .map_err(unhashed)
                .and_then(|tar| unpacked(tar, limits, LayerError::Damaged, take)),
            Compression::Gzip => {
                let decoder = flate2::bufread::MultiGzDecoder::new(&mut packed);
                Tee::new(scope, decoder, sha256, limits.bytes)
                    .map_err(unhashed)
                    .and_then(|tar| unpacked(tar, limits, LayerError::Damaged, take))
            }
            Compression::Zstd => zstd::stream::read::Decoder::with_buffer(&mut packed)
                .and_then(|mut decoder| {
                    decoder.window_log_max(limits.window.clamp(MIN_WINDOW, MAX_WINDOW).ilog2())?;
                    Tee::new(scope, decoder, sha256, limits.bytes)
                })
                .map_err(unhashed)
                .and_then(|tar| {
                    let window = limits.window;
                    let unread = |text: String| match text.contains(TOO_WIDE) {
                        true => LayerError::TooWide(window),
                        false => LayerError::Damaged(text),
                    };
                    unpacked(tar, limits, unread, take)
                }),
        };
        // Bytes that did not come are not damaged bytes.
        let (diff_id, size, made) = match (unpacked, packed.failed()) {
            (Ok(unpacked), _) => unpacked,
            (Err(_), Some(Failed::Source(error))) => return Err(LayerError::Source(error.clone()).into()),
            (Err(error), _) => return Err(error),
        };
        // What stands behind the end of what was unpacked belongs to the digest all the same.
        let (digest, _) = packed.finish().map_err(|error| LayerError::Source(error.to_string()))?;
        Ok(Passed { digest, diff_id, size, made })
    })
}

/// Reads a tar file to its end. `unread` is what it means where its bytes can't be had.
fn unpacked<R: Read, T, E: From<LayerError>>(
    mut tar: Tee<'_, R>,
    limits: &Limits,
    unread: impl Fn(String) -> LayerError,
    take: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<(Digest, u64, T), E> {
    let failed = |failed| match failed {
        Failed::TooLong => E::from(LayerError::TooLong(limits.bytes)),
        Failed::Source(error) => E::from(unread(error)),
    };
    let made = take(&mut tar).map_err(|error| tar.failed().cloned().map_or(error, failed))?;
    // The diffID is over the whole tar file, with what stands behind its last entry.
    let (diff_id, size) = tar.finish().map_err(failed)?;
    Ok((diff_id, size, made))
}
