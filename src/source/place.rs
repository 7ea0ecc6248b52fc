//! How a place is named: `IMAGE`, `oci:DIR[:NAME]`, `oci:DIR@DIGEST`, `docker-archive:FILE[:TAG]`. A name may have colons of
//! its own: where no folder or file tells otherwise, it begins behind the first one, as skopeo and podman have it.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use workson_oci::{Content, Digest, Reference};
use workson_registry::Client;

use super::{RegistrySource, Source};
use crate::archive::Archive;
use crate::layout::{Layout, Selector};

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a registry.
    Registry(Reference),
    /// In an OCI image layout.
    Layout {
        /// Its folder.
        folder: PathBuf,
        /// Which of its images.
        image: Selector,
    },
    /// In a file as `docker save` writes it.
    Archive {
        /// The file.
        file: PathBuf,
        /// Which of its images, by its tag.
        name: Option<String>,
    },
}

impl Place {
    /// Reads a name. Behind a folder or a file, `:NAME` says which image is meant; behind a folder also `@DIGEST`. What
    /// is there tells where the one ends and the other begins.
    ///
    /// # Errors
    /// A sentence, where it is no reference or no digest.
    pub fn read(text: &str) -> Result<Place, String> {
        Place::read_in(Path::new(""), text)
    }

    /// Reads a name whose path begins in `base`, where it is a relative one.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn read_in(base: &Path, text: &str) -> Result<Place, String> {
        if let Some(place) = text.strip_prefix("oci:") {
            let is_there = |path: &str| !path.is_empty() && base.join(path).is_dir();
            let (folder, image) = match digest_of(place, is_there) {
                Some((folder, digest)) => {
                    let digest = digest.parse::<Digest>().map_err(|error| format!("{text}: {error}"))?;
                    (folder, Selector::Digest(digest))
                }
                None => {
                    let (folder, name) = name_of(place, is_there);
                    (folder, name.map_or(Selector::Only, |name| Selector::Name(name.to_owned())))
                }
            };
            return Ok(Place::Layout { folder: base.join(folder), image });
        }
        if let Some(place) = text.strip_prefix("docker-archive:") {
            let (file, name) = name_of(place, |path| !path.is_empty() && base.join(path).is_file());
            return Ok(Place::Archive { file: base.join(file), name: name.map(str::to_owned) });
        }
        text.parse().map(Place::Registry).map_err(|error| format!("{text}: {error}"))
    }

    /// Opens it: where its documents and blobs are to be had, and what it names. It waits, and is for threads that are
    /// no part of `runtime`.
    ///
    /// # Errors
    /// A sentence: what was tried, and what came back.
    pub fn open(&self, client: &Client, runtime: &Handle) -> Result<Opened, String> {
        match self {
            Place::Layout { folder, image } => {
                let layout = Layout::open(folder).map_err(|error| error.to_string())?;
                let root = layout.root(image).map_err(|error| error.to_string())?;
                Ok(Opened { source: Box::new(layout), root, reference: None })
            }
            Place::Archive { file, name } => {
                let archive = Archive::open(file).map_err(|error| error.to_string())?;
                let root = archive.root(name.as_deref()).map_err(|error| error.to_string())?;
                Ok(Opened { source: Box::new(archive), root, reference: None })
            }
            Place::Registry(reference) => {
                let root = runtime.block_on(client.manifest(reference)).map_err(|error| error.to_string())?;
                let source = RegistrySource {
                    client: client.clone(),
                    reference: reference.clone(),
                    runtime: runtime.clone(),
                };
                Ok(Opened { source: Box::new(source), root, reference: Some(reference.clone()) })
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Registry(reference) => write!(f, "{reference}"),
            Place::Layout { folder, image } => {
                write!(f, "oci:{}", folder.display())?;
                match image {
                    Selector::Only => Ok(()),
                    Selector::Name(name) => write!(f, ":{name}"),
                    Selector::Digest(digest) => write!(f, "@{digest}"),
                }
            }
            Place::Archive { file, name } => {
                write!(f, "docker-archive:{}", file.display())?;
                name.as_ref().map_or(Ok(()), |name| write!(f, ":{name}"))
            }
        }
    }
}

/// The colons of a text that may end a path: that behind a drive of Windows does not.
fn colons(text: &str) -> impl DoubleEndedIterator<Item = usize> {
    let is_drive = |at: usize| cfg!(windows) && at == 1 && text[2..].starts_with(['/', '\\']);
    text.match_indices(':').map(|(at, _)| at).filter(move |at| !is_drive(*at))
}

/// A path and the name behind it. The longest path that is there is meant, else the one before the first colon.
fn name_of(text: &str, is_there: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    if is_there(text) {
        return (text, None);
    }
    let longest = colons(text).rev().find(|at| is_there(&text[..*at]));
    match longest.or_else(|| colons(text).next()) {
        Some(at) => (&text[..at], Some(&text[at + 1..]).filter(|name| !name.is_empty())),
        None => (text, None),
    }
}

/// A path and the digest behind it, where that is how it ends. In a name there may be such a one as well.
fn digest_of(text: &str, is_there: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let (path, digest) = text.rsplit_once('@')?;
    let is_digest = ["sha256:", "sha512:"].iter().any(|algorithm| digest.starts_with(algorithm));
    let is_path = is_there(path) || colons(path).next().is_none();
    (is_digest && is_path && !is_there(text)).then_some((path, digest))
}

/// An image that can be read.
pub struct Opened {
    /// Where its documents and blobs are.
    pub source: Box<dyn Source>,
    /// What its name stands for: an index or a manifest.
    pub root: Content,
    /// Under which name anyone finds it; none for what is on disk.
    pub reference: Option<Reference>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use super::*;

    fn layout(folder: &str, image: Selector) -> Place {
        Place::Layout { folder: folder.into(), image }
    }

    #[test]
    fn a_name_begins_behind_the_first_colon_unless_what_is_there_tells_otherwise() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name).display().to_string();
        let named = |folder: &str, name: &str| layout(&at(folder), Selector::Name(name.into()));
        let digest = Digest::sha256(b"");
        let digests = |folder: &str| layout(&at(folder), Selector::Digest(digest.clone()));
        let read = |text: &str| Place::read_in(base.path(), text).unwrap();
        let expected = [
            ("oci:s6", layout(&at("s6"), Selector::Only)),
            ("oci:s6:", layout(&at("s6"), Selector::Only)),
            ("oci:s6:localhost/b:1", named("s6", "localhost/b:1")),
            (&format!("oci:s6@{digest}"), digests("s6")),
            (&format!("oci:s6:b@{digest}"), named("s6", &format!("b@{digest}"))),
        ];
        for (text, place) in &expected {
            assert_eq!(read(text), *place, "{text}");
            std::fs::create_dir_all(base.path().join("s6")).unwrap();
            assert_eq!(read(text), *place, "{text}, where the folder is there");
        }
        assert!(Place::read_in(base.path(), "oci:s6@sha256:0").unwrap_err().contains("oci:s6@sha256:0: "));
        std::fs::create_dir_all(base.path().join("s6:a")).unwrap();
        assert_eq!(read("oci:s6:a:b:1"), named("s6:a", "b:1"));
        assert_eq!(read("oci:s6:a"), layout(&at("s6:a"), Selector::Only));
        assert_eq!(read(&format!("oci:s6:a@{digest}")), digests("s6:a"));

        let archive = |file: &str, name: Option<&str>| Place::Archive {
            file: base.path().join(file),
            name: name.map(str::to_owned),
        };
        assert_eq!(read("docker-archive:k.tar:localhost/k:1"), archive("k.tar", Some("localhost/k:1")));
        std::fs::write(base.path().join("k.tar:old"), "").unwrap();
        assert_eq!(
            read("docker-archive:k.tar:old:localhost/k:1"),
            archive("k.tar:old", Some("localhost/k:1"))
        );
        assert_eq!(read("docker-archive:k.tar:old"), archive("k.tar:old", None));
    }
}
