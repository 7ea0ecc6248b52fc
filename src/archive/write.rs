//! Writing an archive that `docker load` and `podman load` take, as newer engines save it: an image layout in a tar file,
//! with `manifest.json` beside `index.json` for whoever reads that alone.
//!
//! Every length is known before, so where each blob stands is known as well: several are written at once. The file
//! has its name once it is whole.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use workson_oci::config::Details;
use workson_oci::digest::{Algorithm, Hasher};
use workson_oci::document::Document;
use workson_oci::{Content, Descriptor, Digest, Reference};

use super::{ArchiveError, Place};
use crate::staging::{held, prefix, split, sweep};

/// How much is read and written at once.
const PIECE: usize = 256 << 10;
/// A tar file consists of blocks of so many bytes.
const BLOCK: u64 = 512;

/// An archive of one image that is being written.
#[derive(Debug)]
pub struct ArchiveWriter {
    path: PathBuf,
    file: NamedTempFile,
    blobs: HashMap<Digest, Place>,
}

impl ArchiveWriter {
    /// Begins an archive of the image that `manifest` is, with its `config`, under a name where it is to have one:
    /// everything is in it but the blobs, and no file of this path yet.
    ///
    /// # Errors
    /// Where it can't be written, or there is something else of this path, or the manifest is of no image, the config has
    /// another number of layers, or a part of the image is named by another digest than SHA-256.
    pub fn begin(
        path: &Path,
        manifest: &Content,
        config: &Content,
        name: Option<&Reference>,
    ) -> Result<ArchiveWriter, ArchiveError> {
        let failed = |came_back: String| ArchiveError::writing(path, came_back);
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(failed("it is there, and no file".into()));
        }
        let Document::Manifest(image) =
            Document::read(manifest).map_err(|error| failed(error.to_string()))?
        else {
            return Err(failed("an archive has one image, and this is an index".into()));
        };
        let (layers, diff_ids) = (image.layers.len(), diff_ids(config).map_err(&failed)?);
        if layers != diff_ids {
            let text = format!(
                "the image has {layers} layers, and its config has diffIDs for {diff_ids}: no engine would load it"
            );
            return Err(failed(text));
        }
        // `docker load` and `podman load` find what is in it under `blobs/sha256/`.
        let by_sha256 = |what: &str, digest: &Digest| match digest.algorithm() {
            Algorithm::Sha256 => Ok(()),
            other => Err(failed(format!(
                "{what} is named by {}, and an archive names what is in it by sha256; --to oci:DIR keeps it as it is",
                other.name()
            ))),
        };
        by_sha256("the image", &manifest.digest)?;
        let named = |descriptor: &Descriptor| -> Result<(Digest, u64), ArchiveError> {
            let digest = descriptor.checked_digest().map_err(|error| failed(error.to_string()))?;
            by_sha256("a part of the image", &digest)?;
            Ok((digest, descriptor.size))
        };
        let config = named(&image.config)?;
        let layers = image.layers.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        let files = [
            ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })),
            ("index.json", index(manifest, name)),
            ("manifest.json", saved(&config.0, &layers, name)),
        ];
        let own = (manifest.digest.clone(), manifest.bytes.len() as u64);
        let blobs: Vec<(Digest, u64)> = [own, config].into_iter().chain(layers).collect();
        let written = temporary(path).and_then(|mut file| {
            let blobs = outline(file.as_file_mut(), &files, blobs)?;
            Ok(ArchiveWriter { path: path.to_owned(), file, blobs })
        });
        let writer = written.map_err(|error| failed(error.to_string()))?;
        writer.put(&manifest.digest, &manifest.bytes[..], &|_| {})?;
        Ok(writer)
    }

    /// Writes a blob in its place. `watch` is told how many bytes have come.
    ///
    /// # Errors
    /// Where it is none of the image's, can't be had or written, is longer or shorter than the manifest says, or has
    /// another digest.
    pub fn put(&self, digest: &Digest, source: impl Read, watch: &dyn Fn(u64)) -> Result<(), ArchiveError> {
        let failed = |came_back: String| ArchiveError::writing(&self.path, format!("{digest}: {came_back}"));
        let place = self.blobs.get(digest).ok_or_else(|| failed("it is no part of the image".into()))?;
        let io = |error: std::io::Error| failed(error.to_string());
        let mut file = self.file.reopen().map_err(io)?;
        file.seek(SeekFrom::Start(place.offset)).map_err(io)?;
        let (mut hasher, mut length) = (Hasher::new(digest.algorithm()), 0);
        // One byte more than it may have tells that it is too long.
        let mut source = source.take(place.length + 1);
        let mut buffer = vec![0; PIECE];
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io(error)),
            };
            length += read as u64;
            if length > place.length {
                return Err(failed(format!("more than {} bytes came", place.length)));
            }
            hasher.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(io)?;
            watch(read as u64);
        }
        if length < place.length {
            return Err(failed(format!("{length} bytes came of {}", place.length)));
        }
        match hasher.finish() {
            found if found == *digest => Ok(()),
            found => Err(failed(format!("the bytes that came have the digest {found}"))),
        }
    }

    /// All blobs are there: the file gets its name, and takes the place of one that has it.
    ///
    /// # Errors
    /// Where that can't be.
    pub fn finish(self) -> Result<(), ArchiveError> {
        let path = self.path;
        self.file.persist(&path).map(drop).map_err(|error| ArchiveError::writing(&path, error.error))
    }
}

/// How many layers a config says that the image has.
fn diff_ids(config: &Content) -> Result<usize, String> {
    if !config.digest.matches(&config.bytes) {
        return Err(format!("the config's bytes do not have the digest {}", config.digest));
    }
    let details = Details::from_bytes(&config.bytes).map_err(|error| error.to_string())?;
    Ok(details.rootfs.diff_ids.len())
}

/// A file beside the one that it is to be. What a killed run left there goes.
fn temporary(path: &Path) -> std::io::Result<NamedTempFile> {
    let (parent, name) = split(path)?;
    let prefix = prefix(name);
    let is_such = |found: &OsStr| found.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
    sweep(&parent, is_such, |path| fs::remove_file(path));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        // Who may read it is for the user's own mask to say, as of any other file.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let (file, _) = held(|| {
        let file = builder.tempfile_in(&parent)?;
        // Of the same open file: it stays held as long as either is open.
        let (handle, path) = (file.as_file().try_clone()?, file.path().to_owned());
        Ok((file, handle, path))
    })?;
    Ok(file)
}

/// Writes all that is no blob: the small files, and the headers of all. Where each blob is to stand.
fn outline(
    file: &mut fs::File,
    files: &[(&str, Value)],
    blobs: Vec<(Digest, u64)>,
) -> std::io::Result<HashMap<Digest, Place>> {
    let mut at = 0;
    for (name, content) in files {
        let bytes = content.to_string().into_bytes();
        at = header(file, at, name, tar::EntryType::Regular, bytes.len() as u64)?;
        file.write_all(&bytes)?;
        at = padded(at + bytes.len() as u64);
    }
    at = header(file, at, "blobs/", tar::EntryType::Directory, 0)?;
    let mut folders = Vec::new();
    let mut places = HashMap::new();
    for (digest, length) in blobs {
        // A layer may be there twice.
        if places.contains_key(&digest) {
            continue;
        }
        let folder = format!("blobs/{}/", digest.algorithm().name());
        if !folders.contains(&folder) {
            at = header(file, at, &folder, tar::EntryType::Directory, 0)?;
            folders.push(folder);
        }
        at = header(file, at, &blob_path(&digest), tar::EntryType::Regular, length)?;
        places.insert(digest, Place { offset: at, length });
        at = padded(at.saturating_add(length));
    }
    // Two empty blocks stand at the end.
    file.set_len(at.saturating_add(2 * BLOCK))?;
    Ok(places)
}

/// Writes a header at `at`; where what it is of begins.
fn header(
    file: &mut fs::File,
    at: u64,
    name: &str,
    kind: tar::EntryType,
    length: u64,
) -> std::io::Result<u64> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(if kind == tar::EntryType::Directory { 0o755 } else { 0o644 });
    header.set_size(length);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    file.seek(SeekFrom::Start(at))?;
    file.write_all(header.as_bytes())?;
    Ok(at + BLOCK)
}

fn padded(length: u64) -> u64 {
    length.div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// `index.json`, with the names that containerd and podman look for.
fn index(manifest: &Content, name: Option<&Reference>) -> Value {
    let mut entry = json!({
        "mediaType": manifest.media_type.as_str(),
        "digest": manifest.digest.as_str(),
        "size": manifest.bytes.len(),
    });
    if let Some(name) = name {
        entry["annotations"] = json!({
            "io.containerd.image.name": name.to_string(),
            "org.opencontainers.image.ref.name": name.tag().unwrap_or_default(),
        });
    }
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    })
}

/// `manifest.json`.
fn saved(config: &Digest, layers: &[(Digest, u64)], name: Option<&Reference>) -> Value {
    let layers: Vec<String> = layers.iter().map(|(digest, _)| blob_path(digest)).collect();
    let tags = name.map(|name| vec![name.familiar()]);
    json!([{ "Config": blob_path(config), "RepoTags": tags, "Layers": layers }])
}
