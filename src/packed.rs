//! A layer's bytes as they pass by: digested, unpacked, digested again (the diffID), and read as a tar file. What reads
//! them may keep nothing of it, or write it down.
//!
//! Sources: the image specification (*layer.md*, *descriptor.md*), POSIX.1-2001's pax format as the crate `tar`
//! reads it, RFC 1952 (gzip, which may have several members) and RFC 8878 (zstd).

mod contexts;
mod tar_file;
mod tee;

use std::fmt;
use std::io::{self, BufRead as _, Read};
use std::thread;

use workson_oci::Digest;
use workson_oci::digest::Algorithm;

pub use self::tar_file::{Permissions, Sparse, each_entry, permissions, sparse};
use self::tee::{Failed, Tee};

/// What zstd may be limited to (its `ZSTD_WINDOWLOG_MAX`; `zstd --long=31` packs with as much).
const MIN_WINDOW: u64 = 1 << 10;
const MAX_WINDOW: u64 = if cfg!(target_pointer_width = "64") { 1 << 31 } else { 1 << 30 };
/// What zstd says where it is to be given a larger window (its `ZSTD_error_frameParameter_windowTooLarge`).
const TOO_WIDE: &str = "requires too much memory";

/// How far a layer is read. What lies beyond is an error that names the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one layer, unpacked.
    pub bytes: u64,
    /// Entries of one layer, with the folders that they lie in.
    pub entries: u64,
    /// Entries of all layers of an image.
    pub image_entries: u64,
    /// Bytes of what zstd keeps of one layer to unpack what follows. What counts is the power of two below it.
    pub window: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 64 << 30, entries: 1_000_000, image_entries: 1_000_000, window: 16 << 20 }
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
    /// Where the bytes can't be had, or it is packed in a way that not all engines know.
    pub fn of<R: Read>(mut reader: R) -> Result<(Compression, impl Read + use<R>), LayerError> {
        let mut beginning = Vec::new();
        let read = reader.by_ref().take(8).read_to_end(&mut beginning);
        read.map_err(|error| LayerError::Source(error.to_string()))?;
        let compression = match &beginning[..] {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // What zstd packs may begin with a frame that is to be skipped (RFC 8878, 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, _, _, _, _, ..] => {
                Compression::Zstd
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return Err(LayerError::Packed("xz")),
            [b'B', b'Z', b'h', ..] => return Err(LayerError::Packed("bzip2")),
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
    Damaged(Damage),
    /// It is packed in a way that not all engines know.
    #[error("the layer is packed with {0}, which containerd does not unpack, and which is not read")]
    Packed(&'static str),
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
    /// The image has more entries than are kept.
    #[error(
        "the image's layers have more than {0} entries together, which is as many as are kept (raise it with \
         --max-image-entries)"
    )]
    TooManyInAll(u64),
    /// The image's names are longer than is kept, or there are too many programs.
    #[error(
        "the names in the image's layers, and what is known of its programs, are longer than {0} bytes together, which \
         is as much as is kept (raise it with --max-image-entries)"
    )]
    TooWordy(u64),
    /// Links lead further than is followed.
    #[error(
        "links in the layer lead over more than {0} folders, which is as far as they are followed (raise it with \
         --max-layer-entries)"
    )]
    TooWinding(u64),
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

/// What is wrong with a layer's bytes.
#[derive(Debug)]
pub struct Damage {
    /// A sentence.
    pub what: String,
    /// The digest of all bytes as they came, and how many they were.
    pub bytes: Option<(Digest, u64)>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What ends the reading of a layer: that it can't be read, or something else that its taker says.
pub trait Failure: From<LayerError> {
    /// What is wrong with the layer's bytes, where it is that.
    fn damage(&mut self) -> Option<&mut Damage>;
}

impl Failure for LayerError {
    fn damage(&mut self) -> Option<&mut Damage> {
        match self {
            LayerError::Damaged(damage) => Some(damage),
            _ => None,
        }
    }
}

/// The bytes are damaged: how.
pub fn damaged(what: impl fmt::Display) -> LayerError {
    LayerError::Damaged(Damage { what: what.to_string(), bytes: None })
}

/// A layer that has passed by.
#[derive(Debug)]
pub struct Passed<T> {
    /// The digest of its bytes as they came.
    pub digest: Digest,
    /// Its length as it came.
    pub length: u64,
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
pub fn pass<T, E: Failure>(
    source: impl Read,
    compression: Compression,
    algorithm: Algorithm,
    limits: &Limits,
    take: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<Passed<T>, E> {
    thread::scope(|scope| {
        let (sha256, unhashed) =
            (Algorithm::Sha256, |error: io::Error| LayerError::Source(error.to_string()));
        let mut packed = Tee::new(scope, source, algorithm, limits.bytes).map_err(unhashed)?;
        if compression == Compression::None && algorithm == sha256 {
            // One digest is both.
            let taken = take(&mut packed);
            let (made, digest, length) = all(taken, packed, limits)?;
            return Ok(Passed { diff_id: digest.clone(), digest, length, size: length, made });
        }
        let unhashed = |error: io::Error| E::from(unhashed(error));
        // What can't be had of it is found out as it is read.
        let beginning = match compression {
            Compression::Zstd => packed.fill_buf().unwrap_or_default().to_vec(),
            _ => Vec::new(),
        };
        let unpacked = match compression {
            Compression::None => Tee::new(scope, &mut packed, sha256, limits.bytes)
                .map_err(unhashed)
                .and_then(|tar| unpacked(tar, limits, take)),
            Compression::Gzip => {
                let decoder = flate2::bufread::MultiGzDecoder::new(&mut packed);
                Tee::new(scope, decoder, sha256, limits.bytes)
                    .map_err(unhashed)
                    .and_then(|tar| unpacked(tar, limits, take))
            }
            Compression::Zstd => contexts::with(&beginning, |context| {
                let mut decoder = zstd::stream::read::Decoder::with_context(&mut packed, context);
                decoder
                    .window_log_max(limits.window.clamp(MIN_WINDOW, MAX_WINDOW).ilog2())
                    .and_then(|()| Tee::new(scope, decoder, sha256, limits.bytes))
                    .map_err(unhashed)
                    .and_then(|tar| unpacked(tar, limits, take))
            })
            .map_err(unhashed)
            .flatten(),
        };
        let ((made, diff_id, size), digest, length) = all(unpacked, packed, limits)?;
        Ok(Passed { digest, length, diff_id, size, made })
    })
}

/// What was made of bytes, with their digest and length: what stands behind the end belongs to the digest all the
/// same, and so does what stands behind damage.
fn all<T, E: Failure, R: Read>(
    result: Result<T, E>,
    bytes: Tee<'_, R>,
    limits: &Limits,
) -> Result<(T, Digest, u64), E> {
    let failed = |failed| match failed {
        Failed::TooLong => E::from(LayerError::TooLong(limits.bytes)),
        Failed::Source(error) => E::from(LayerError::Source(error)),
    };
    let mut error = match result {
        Ok(result) => return bytes.finish().map_err(failed).map(|(digest, length)| (result, digest, length)),
        Err(error) => error,
    };
    // Bytes that did not come are not damaged bytes.
    if let Some(why) = bytes.failed().cloned() {
        return Err(failed(why));
    }
    if let Some(damage) = error.damage() {
        damage.bytes = Some(bytes.finish().map_err(failed)?);
    }
    Err(error)
}

/// Reads a tar file to its end, as it comes out of a decoder: with its digest and length.
fn unpacked<R: Read, T, E: Failure>(
    mut tar: Tee<'_, R>,
    limits: &Limits,
    take: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<(T, Digest, u64), E> {
    let failed = |failed| {
        E::from(match failed {
            Failed::TooLong => LayerError::TooLong(limits.bytes),
            Failed::Source(error) if error.contains(TOO_WIDE) => LayerError::TooWide(limits.window),
            Failed::Source(error) => damaged(error),
        })
    };
    let made = take(&mut tar).map_err(|error| tar.failed().cloned().map_or(error, failed))?;
    // The diffID is over the whole tar file, with what stands behind its last entry.
    let (diff_id, size) = tar.finish().map_err(failed)?;
    Ok((made, diff_id, size))
}
