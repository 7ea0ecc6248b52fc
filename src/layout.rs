//! Images on disk: the OCI image layout ([image-layout.md]).
//!
//! [image-layout.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md

mod write;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use workson_oci::document::Document;
use workson_oci::text::printable;
use workson_oci::{Content, Descriptor, Digest, MediaType, Platform};

/// How long a document may be, in bytes: as much as of a registry.
const MAX_DOCUMENT: u64 = 8 << 20;

/// The annotation that names an image of a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A folder with `oci-layout`, `index.json` and `blobs/`.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
}

/// Which image of a layout is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The only one.
    Only,
    /// The one that has this name, by `org.opencontainers.image.ref.name`.
    Name(String),
    /// The one that has this digest.
    Digest(Digest),
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

    /// What is meant of `index.json`: an entry of it, or all of it where it lists the platforms of one image.
    ///
    /// # Errors
    /// Where it can't be read, no entry is meant, or it has several images and it is not said which.
    pub fn root(&self, wanted: &Selector) -> Result<Content, LayoutError> {
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
        let entries = &index.manifests;
        let absent = |wanted: &str| LayoutError::new(&tried, format!("it has no image called {wanted}"));
        let entry = match (wanted, entries.as_slice()) {
            (Selector::Name(wanted), _) => {
                let named = entries.iter().find(|entry| entry.annotations().get(REF_NAME) == Some(wanted));
                named.ok_or_else(|| absent(wanted))?
            }
            (Selector::Digest(wanted), _) => {
                let same = entries.iter().find(|entry| entry.digest == wanted.as_str());
                same.ok_or_else(|| absent(wanted.as_str()))?
            }
            // One image, by however many names. Where its platform stands here alone, what it is labelled as is to be
            // seen.
            (Selector::Only, [first, others @ ..])
                if others.iter().all(|other| other.digest == first.digest)
                    && (first.platform.is_none() || first.media_type.is_index()) =>
            {
                first
            }
            // The platforms of one image, as it stands. Several images are not one.
            (Selector::Only, _) if are_of_one_image(entries) => return Ok(content),
            (Selector::Only, _) => {
                let has: Vec<String> = entries.iter().map(called).collect();
                let text = format!(
                    "it has several images; name one, as oci:DIR:NAME or oci:DIR@DIGEST: {}",
                    has.join(", ")
                );
                return Err(LayoutError::new(&tried, text));
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

/// Whether these are the platforms of one image: whoever lists them says which they are.
fn are_of_one_image(entries: &[Descriptor]) -> bool {
    let mut names: Vec<String> =
        entries.iter().filter_map(|entry| entry.annotations().get(REF_NAME).cloned()).collect();
    names.sort();
    names.dedup();
    let first = entries.first().map(|entry| &entry.digest);
    let is_one = entries.iter().all(|entry| Some(&entry.digest) == first);
    is_one || (names.len() < 2 && entries.iter().all(|entry| entry.platform.is_some()))
}

/// How an entry is told from others: by its name, or by its digest, and its platform where it says that.
fn called(entry: &Descriptor) -> String {
    let annotations = entry.annotations();
    let called = annotations.get(REF_NAME).unwrap_or(&entry.digest);
    let platform = entry.platform.as_ref().map(Platform::format_all);
    let platform = platform.map(|platform| format!(" ({platform})")).unwrap_or_default();
    printable(&format!("{called}{platform}")).into_owned()
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
