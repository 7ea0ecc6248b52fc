//! Images as `docker save` writes them: a tar file with `manifest.json`, a config and the layers.
//!
//! The form is that of Docker's image specification v1.2 (moby, `image/spec/v1.2.md`); newer engines write the blobs
//! under `blobs/sha256/`, and links in the place of layers that are there already.

mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use workson_oci::digest::{Algorithm, Hasher};
use workson_oci::path::clean;
use workson_oci::text::printable;
use workson_oci::{Content, Digest, MediaType, Reference};

pub use self::write::ArchiveWriter;
use crate::layout::regular;

/// How long a document may be, in bytes.
const MAX_DOCUMENT: u64 = 8 << 20;
/// How many entries an archive may have.
const MAX_ENTRIES: usize = 100_000;

/// A file of an archive: where it begins, and how long it is.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: u64,
}

/// An archive. It is read through once when it is opened, to find what is where and the digest of each layer.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    images: Vec<SavedImage>,
    blobs: HashMap<Digest, Place>,
}

/// One image of an archive.
#[derive(Debug)]
struct SavedImage {
    tags: Vec<String>,
    manifest: Content,
}

/// Why an archive can't be read or written: what was tried, and what came back.
#[derive(Debug, thiserror::Error)]
#[error("{tried} the archive {path}: {}", printable(came_back))]
pub struct ArchiveError {
    tried: &'static str,
    path: String,
    came_back: String,
}

impl ArchiveError {
    fn reading(path: &Path, came_back: impl ToString) -> ArchiveError {
        let (path, came_back) = (path.display().to_string(), came_back.to_string());
        ArchiveError { tried: "reading", path, came_back }
    }

    fn writing(path: &Path, came_back: impl ToString) -> ArchiveError {
        ArchiveError { tried: "writing", ..ArchiveError::reading(path, came_back) }
    }
}

/// An entry of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Archive {
    /// Opens an archive.
    ///
    /// # Errors
    /// Where it is none, or is damaged.
    pub fn open(path: &Path) -> Result<Archive, ArchiveError> {
        let failed = |came_back: String| ArchiveError::reading(path, came_back);
        let mut files: HashMap<Vec<u8>, (Place, Digest)> = HashMap::new();
        let mut links: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut file = regular(path).map_err(|error| failed(error.to_string()))?;
        let length = file.metadata().map_err(|error| failed(error.to_string()))?.len();
        if let Some((packed, unpack)) = packed(&mut file).map_err(|error| failed(error.to_string()))? {
            return Err(failed(format!("it is packed with {packed}: unpack it first ({unpack} FILE)")));
        }
        let mut end = 0;
        let mut archive = tar::Archive::new(file);
        let entries = archive.entries_with_seek().map_err(|error| failed(error.to_string()))?;
        for entry in entries.take(MAX_ENTRIES) {
            let mut entry = entry
                .map_err(|error| failed(format!("{error}: it is cut off, or no archive of `docker save`")))?;
            end = entry.raw_file_position().saturating_add(entry.size());
            if end > length {
                return Err(failed(format!("it is cut off: it has {length} bytes of at least {end}")));
            }
            let name = clean(&entry.path_bytes());
            if entry.header().entry_type().is_file() {
                let place = Place { offset: entry.raw_file_position(), length: entry.size() };
                let digest = hashed(&mut entry).map_err(|error| failed(error.to_string()))?;
                files.insert(name, (place, digest));
            } else if let Some(target) = entry.link_name_bytes() {
                let folder = name.rsplitn(2, |byte| *byte == b'/').nth(1).unwrap_or_default().to_vec();
                let target = if entry.header().entry_type().is_symlink() {
                    [&folder[..], b"/", &target].concat()
                } else {
                    target.into_owned()
                };
                links.push((name, clean(&target)));
            }
        }
        for (name, target) in links {
            if let Some(found) = files.get(&target).cloned() {
                files.insert(name, found);
            }
        }
        let list = files.get(b"manifest.json".as_slice()).map(|(place, _)| *place);
        let without = match end {
            // Two empty blocks stand at the end of a tar file.
            _ if end.saturating_add(1024) > length => "it is cut off, or no archive of `docker save`",
            _ => "it has no manifest.json: it is none of `docker save`",
        };
        let list = list.ok_or_else(|| failed(without.into()))?;
        let list = document(path, list).map_err(|error| failed(error.to_string()))?;
        let saved: Vec<Saved> =
            serde_json::from_slice(&list).map_err(|error| failed(format!("manifest.json: {error}")))?;
        let mut images = Vec::new();
        for saved in saved {
            let find = |name: &str| {
                files.get(&clean(name.as_bytes())).ok_or_else(|| failed(format!("it lacks {name}")))
            };
            let (config, digest) = find(&saved.config)?;
            let layers: Vec<_> =
                saved.layers.iter().flatten().map(|name| find(name)).collect::<Result<_, _>>()?;
            let layers: Vec<_> = layers
                .into_iter()
                .map(|(place, digest)| {
                    json!({
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                        "digest": digest.as_str(),
                        "size": place.length,
                    })
                })
                .collect();
            let media_type = "application/vnd.docker.distribution.manifest.v2+json";
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": media_type,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "digest": digest.as_str(),
                    "size": config.length,
                },
                "layers": layers,
            });
            let bytes = manifest.to_string().into_bytes();
            let digest = Digest::sha256(&bytes);
            let manifest = Content { digest, media_type: MediaType::new(media_type), bytes: bytes.into() };
            images.push(SavedImage { tags: saved.repo_tags.unwrap_or_default(), manifest });
        }
        let blobs = files.into_values().map(|(place, digest)| (digest, place)).collect();
        Ok(Archive { path: path.to_owned(), images, blobs })
    }

    /// The manifest of its only image, or of the one that has the tag `name`. An archive has none: it is made of
    /// what `manifest.json` says, and its digest is no registry's.
    ///
    /// # Errors
    /// Where there is no such image, or it can't be told which one is meant.
    pub fn root(&self, name: Option<&str>) -> Result<Content, ArchiveError> {
        let failed = |came_back: String| ArchiveError::reading(&self.path, came_back);
        match (name, self.images.as_slice()) {
            (None, [only]) => Ok(only.manifest.clone()),
            (Some(name), images) => {
                // `alpine:3` and `docker.io/library/alpine:3` are one name.
                let reference = |text: &str| text.parse::<Reference>().ok();
                let is_meant = |tag: &String| {
                    tag == name || (reference(tag).is_some() && reference(tag) == reference(name))
                };
                let found = images.iter().find(|image| image.tags.iter().any(is_meant));
                found
                    .map(|image| image.manifest.clone())
                    .ok_or_else(|| failed(format!("it has no image {name}")))
            }
            (None, []) => Err(failed("it has no image".into())),
            (None, images) => {
                let tags: Vec<&str> =
                    images.iter().flat_map(|image| &image.tags).map(String::as_str).collect();
                Err(failed(format!("it has {} images; name one: {}", images.len(), tags.join(" "))))
            }
        }
    }

    /// A document by its digest.
    ///
    /// # Errors
    /// Where it is not there, or too long.
    pub fn document(&self, digest: &Digest, media_type: MediaType) -> Result<Content, ArchiveError> {
        let failed = |came_back: String| ArchiveError::reading(&self.path, came_back);
        let place = self.blobs.get(digest).ok_or_else(|| failed(format!("it lacks {digest}")))?;
        let bytes = document(&self.path, *place).map_err(|error| failed(error.to_string()))?;
        Ok(Content { digest: digest.clone(), media_type, bytes: bytes.into() })
    }

    /// A blob, to be read from the byte `offset` on.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn blob(&self, digest: &Digest, offset: u64) -> Result<io::Take<File>, ArchiveError> {
        let failed = |came_back: String| ArchiveError::reading(&self.path, came_back);
        let place = self.blobs.get(digest).ok_or_else(|| failed(format!("it lacks {digest}")))?;
        let left = Place {
            offset: place.offset.saturating_add(offset),
            length: place.length.saturating_sub(offset),
        };
        part(&self.path, left).map_err(|error| failed(error.to_string()))
    }
}

/// What a file is packed with, and what unpacks it; none where it is not packed.
fn packed(file: &mut File) -> io::Result<Option<(&'static str, &'static str)>> {
    let mut beginning = Vec::new();
    file.take(6).read_to_end(&mut beginning)?;
    file.rewind()?;
    Ok(match &beginning[..] {
        [0x1f, 0x8b, ..] => Some(("gzip", "gunzip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(("zstd", "unzstd")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(("xz", "unxz")),
        [b'B', b'Z', b'h', ..] => Some(("bzip2", "bunzip2")),
        _ => None,
    })
}

fn part(path: &Path, place: Place) -> io::Result<io::Take<File>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(place.offset))?;
    Ok(file.take(place.length))
}

fn document(path: &Path, place: Place) -> io::Result<Vec<u8>> {
    if place.length > MAX_DOCUMENT {
        return Err(io::Error::other(format!("a document in it is longer than {MAX_DOCUMENT} bytes")));
    }
    let mut bytes = Vec::new();
    part(path, place)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hashed(reader: &mut impl Read) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}
