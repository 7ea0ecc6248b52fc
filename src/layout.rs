//! Images on disk: the OCI image layout ([image-layout.md]).
//!
//! [image-layout.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md

mod write;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use workson_oci::document::Document;
use workson_oci::{Content, Descriptor, Digest, MediaType};

/// How long a document may be, in bytes: as much as of a registry.
const MAX_DOCUMENT: u64 = 8 << 20;

/// The annotation that names an image of a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A folder with `oci-layout`, `index.json` and `blobs/`.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
}

/// Why a layout can't be read: what was tried, and what came back.
#[derive(Debug, thiserror::Error)]
#[error("{tried}: {came_back}")]
pub struct LayoutError {
    tried: String,
    came_back: String,
}

impl LayoutError {
    fn new(tried: impl Into<String>, came_back: impl ToString) -> LayoutError {
        LayoutError { tried: tried.into(), came_back: came_back.to_string() }
    }
}

impl Layout {
    /// The layout in `folder`.
    ///
    /// # Errors
    /// Where it has no file `oci-layout`.
    pub fn open(folder: &Path) -> Result<Layout, LayoutError> {
        let mark = folder.join("oci-layout");
        match mark.is_file() {
            true => Ok(Layout { folder: folder.to_owned() }),
            false => Err(LayoutError::new(
                format!("opening the image layout {}", folder.display()),
                "it has no file oci-layout",
            )),
        }
    }

    /// `index.json`. Where it has just one entry, that is what it stands for; with `name`, the entry that bears the
    /// annotation `org.opencontainers.image.ref.name` with that value.
    ///
    /// # Errors
    /// Where it can't be read, or no entry has that name.
    pub fn root(&self, name: Option<&str>) -> Result<Content, LayoutError> {
        let path = self.folder.join("index.json");
        let tried = format!("reading {}", path.display());
        let bytes = bounded(&path).map_err(|error| LayoutError::new(&tried, error))?;
        let content = Content {
            digest: Digest::sha256(&bytes),
            media_type: MediaType::new("application/vnd.oci.image.index.v1+json"),
            bytes: bytes.into(),
        };
        let document = Document::read(&content).map_err(|error| LayoutError::new(&tried, error))?;
        let Document::Index(index) = document else {
            return Err(LayoutError::new(&tried, "it is no index"));
        };
        let has_name = |wanted: &str| {
            let named = index
                .manifests
                .iter()
                .find(|entry| entry.annotations().get(REF_NAME).is_some_and(|name| name == wanted));
            named.ok_or_else(|| LayoutError::new(&tried, format!("it has no image called {wanted}")))
        };
        let entry = match (name, index.manifests.as_slice()) {
            (Some(name), _) => has_name(name)?,
            // An image whose platform stands here alone: what it is labelled as is to be seen.
            (None, [only]) if only.platform.is_none() || only.media_type.is_index() => only,
            // The platforms of one image, as it stands. Several images are not one.
            (None, entries) => {
                let name = |entry: &Descriptor| entry.annotations().get(REF_NAME).cloned();
                let names: BTreeSet<String> = entries.iter().filter_map(name).collect();
                // Whoever lists the platforms of one image says which they are.
                let are_platforms = entries.iter().all(|entry| entry.platform.is_some());
                if names.len() > 1 || (entries.len() > 1 && !are_platforms) {
                    let names = names.into_iter().collect::<Vec<_>>().join(" ");
                    let text = format!("it has several images; name one, as oci:DIR:NAME: {names}");
                    return Err(LayoutError::new(&tried, text));
                }
                return Ok(content);
            }
        };
        let digest = entry.checked_digest().map_err(|error| LayoutError::new(&tried, error))?;
        self.document(&digest, entry.media_type.clone())
    }

    /// A document by its digest, which is checked.
    ///
    /// # Errors
    /// Where it is not there, too long, or not what its digest says.
    pub fn document(&self, digest: &Digest, media_type: MediaType) -> Result<Content, LayoutError> {
        let path = self.path(digest);
        let tried = format!("reading {}", path.display());
        let bytes = bounded(&path).map_err(|error| LayoutError::new(&tried, error))?;
        if !digest.matches(&bytes) {
            return Err(LayoutError::new(tried, format!("its bytes do not have the digest {digest}")));
        }
        Ok(Content { digest: digest.clone(), media_type, bytes: bytes.into() })
    }

    /// A blob, to be read; its digest is for the reader to check.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn blob(&self, digest: &Digest) -> Result<File, LayoutError> {
        let path = self.path(digest);
        regular(&path).map_err(|error| LayoutError::new(format!("reading {}", path.display()), error))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular(path)?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(io::Error::other(format!("it is longer than {MAX_DOCUMENT} bytes")));
    }
    Ok(bytes)
}

/// Opens a file, and nothing that may keep its reader waiting: a pipe, a device.
pub(crate) fn regular(path: &Path) -> io::Result<File> {
    match std::fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("it is no file")),
    }
}
