//! A root file system becomes a layer: what is compressed is one as it is, what is not is packed by one rule.

mod folder;
mod packing;

use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use workson_oci::Digest;
use workson_oci::digest::{Algorithm, Hasher};

use self::packing::Packer;
use super::Kind;
use super::Settings;
use crate::layout::regular;
use crate::verify::Limits;
use crate::verify::layer::{self, Compression, LayerError};

/// A layer that a root became.
pub(super) struct Layer {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The digest, unpacked.
    pub(super) diff_id: Digest,
    pub(super) compression: Compression,
    /// The file that has its bytes.
    pub(super) path: PathBuf,
}

/// How other programs pack, which no engine unpacks: by the first bytes.
const OTHERS: [(&[u8], &str); 4] =
    [(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"PK\x03\x04", "zip"), (b"\x04\x22\x4d\x18", "lz4")];

/// The media type of a layer. Docker's media types know gzip and plain tar files alone.
pub(super) fn media_type(kind: Kind, compression: Compression) -> Result<&'static str, String> {
    Ok(match (kind, compression) {
        (Kind::Oci, Compression::None) => "application/vnd.oci.image.layer.v1.tar",
        (Kind::Oci, Compression::Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
        (Kind::Oci, Compression::Zstd) => "application/vnd.oci.image.layer.v1.tar+zstd",
        (Kind::Docker, Compression::None) => "application/vnd.docker.image.rootfs.diff.tar",
        (Kind::Docker, Compression::Gzip) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        (Kind::Docker, Compression::Zstd) => {
            return Err("it is packed with zstd, for which Docker's media types have no name".into());
        }
    })
}

/// Reads a root: a tar file, packed or not, or a folder.
/// `name` is what it is called.
pub(super) fn read(
    name: &str,
    path: &Path,
    checksums: &[Digest],
    settings: &Settings<'_>,
) -> Result<Layer, String> {
    let tried = |error: &dyn std::fmt::Display| format!("reading the root {name}: {error}");
    let metadata = fs::metadata(path).map_err(|error| tried(&error))?;
    if !metadata.is_dir() {
        return file(name, path, checksums, settings);
    }
    if let Some(checksum) = checksums.first() {
        return Err(format!("{name} is a folder, which has no checksum {checksum}"));
    }
    let seconds = settings.created.map_or(0, |created| created.as_second());
    let mtime = u64::try_from(seconds).unwrap_or(0);
    let tar = tempfile::tempfile_in(settings.scratch).map_err(|error| tried(&error))?;
    let mut writer = io::BufWriter::new(tar);
    folder::write(path, mtime, &mut writer).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => unpackable(name, settings.scratch, &error),
        _ => tried(&error),
    })?;
    let mut tar = writer.into_inner().map_err(|error| unpackable(name, settings.scratch, error.error()))?;
    tar.rewind().map_err(|error| tried(&error))?;
    packed(name, tar, &settings.limits, settings.scratch)
}

fn file(name: &str, path: &Path, checksums: &[Digest], settings: &Settings<'_>) -> Result<Layer, String> {
    let tried = |error: io::Error| format!("reading the root {name}: {error}");
    let mut file = regular(path).map_err(tried)?;
    let mut beginning = Vec::new();
    Read::by_ref(&mut file).take(8).read_to_end(&mut beginning).map_err(tried)?;
    file.rewind().map_err(tried)?;
    if let Some((_, packer)) = OTHERS.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        return Err(format!(
            "the root {name} is packed with {packer}, which engines do not unpack; pack it with gzip or zstd"
        ));
    }
    let compression = match beginning[..] {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    };
    let mut checked = Checked::new(file, checksums);
    let layer = match compression {
        Compression::None => packed(name, &mut checked, &settings.limits, settings.scratch),
        compression => as_it_is(name, path, &mut checked, compression, &settings.limits),
    };
    // Where it is another file than was meant, that says more than what is wrong with it.
    checked.finish(name)?;
    layer
}

/// A compressed tar file is the layer.
fn as_it_is<R: Read>(
    name: &str,
    path: &Path,
    checked: &mut Checked<R>,
    compression: Compression,
    limits: &Limits,
) -> Result<Layer, String> {
    let read = layer::read(&mut *checked, compression, Algorithm::Sha256, limits);
    let read = read.map_err(|error| refused(name, &error))?;
    is_filled(name, &read)?;
    let (digest, diff_id) = (read.digest, read.diff_id);
    Ok(Layer { digest, size: checked.length, diff_id, compression, path: path.to_owned() })
}

/// A tar file is packed into a file in `scratch` as it is read.
fn packed(name: &str, tar: impl Read, limits: &Limits, scratch: &Path) -> Result<Layer, String> {
    let tried = |error: io::Error| unpackable(name, scratch, &error);
    let file = tempfile::Builder::new().prefix("layer").tempfile_in(scratch).map_err(tried)?;
    let (file, packed_path) = file.keep().map_err(|error| tried(error.error))?;
    let mut packer = Packer::new(file);
    let read = layer::read(packer.reading(tar), Compression::None, Algorithm::Sha256, limits);
    if let Some(error) = packer.failed() {
        return Err(tried(error));
    }
    let read = read.map_err(|error| refused(name, &error))?;
    is_filled(name, &read)?;
    let (mut file, digest, size) = packer.finish().map_err(tried)?;
    file.flush().map_err(tried)?;
    let (diff_id, compression) = (read.diff_id, Compression::Gzip);
    Ok(Layer { digest, size, diff_id, compression, path: packed_path })
}

fn unpackable(name: &str, scratch: &Path, error: &io::Error) -> String {
    let scratch = scratch.display();
    format!("packing the root {name} in {scratch}: {error}; TMPDIR may name another place for that")
}

fn refused(name: &str, error: &LayerError) -> String {
    let what = match error {
        LayerError::Damaged(_) => "; a root is a tar, tar.gz or tar.zst file, or a folder",
        _ => "",
    };
    format!("the root {name}: {error}{what}")
}

fn is_filled(name: &str, layer: &layer::Layer) -> Result<(), String> {
    match layer.entries.is_empty() {
        true => Err(format!("the root {name} has nothing in it")),
        false => Ok(()),
    }
}

/// A reader that computes the digests that are to be compared.
struct Checked<R> {
    inner: R,
    length: u64,
    hashers: Vec<(Digest, Hasher)>,
}

impl<R: Read> Checked<R> {
    fn new(inner: R, checksums: &[Digest]) -> Checked<R> {
        let hasher = |checksum: &Digest| (checksum.clone(), Hasher::new(checksum.algorithm()));
        Checked { inner, length: 0, hashers: checksums.iter().map(hasher).collect() }
    }

    /// Reads what is left, and compares.
    fn finish(mut self, name: &str) -> Result<(), String> {
        if self.hashers.is_empty() {
            return Ok(());
        }
        io::copy(&mut self, &mut io::sink()).map_err(|error| format!("reading the root {name}: {error}"))?;
        for (wanted, hasher) in self.hashers {
            let found = hasher.finish();
            if found != wanted {
                return Err(format!(
                    "the root {name} has the {} {}, not {}: it is damaged, or another file than was meant",
                    wanted.algorithm().name(),
                    found.hex(),
                    wanted.hex()
                ));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.length += read as u64;
        for (_, hasher) in &mut self.hashers {
            hasher.update(&buffer[..read]);
        }
        Ok(read)
    }
}

/// A file that has been written, with the digest of what it holds.
type Written = (File, Digest, u64);
