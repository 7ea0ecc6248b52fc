//! How a place is named: `IMAGE`, `oci:DIR[:NAME]`, `docker-archive:FILE[:TAG]`, as skopeo and podman have it.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;
use workson_oci::{Content, Reference};
use workson_registry::Client;

use super::{RegistrySource, Source};
use crate::archive::Archive;
use crate::layout::Layout;

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a registry.
    Registry(Reference),
    /// In an OCI image layout.
    Layout {
        /// Its folder.
        folder: PathBuf,
        /// Which of its images, by `org.opencontainers.image.ref.name`.
        name: Option<String>,
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
    /// Reads a name. Behind a folder or a file, `:NAME` says which image is meant, unless what is there is called so.
    ///
    /// # Errors
    /// A sentence, where it is no reference.
    pub fn read(text: &str) -> Result<Place, String> {
        if let Some(place) = text.strip_prefix("oci:") {
            let (folder, name) = match place.rsplit_once(':') {
                Some((folder, name)) if !Path::new(place).is_dir() => (folder, Some(name.to_owned())),
                _ => (place, None),
            };
            return Ok(Place::Layout { folder: folder.into(), name });
        }
        if let Some(place) = text.strip_prefix("docker-archive:") {
            let (file, name) = match place.split_once(':') {
                Some((file, name)) if !Path::new(place).is_file() => (file, Some(name.to_owned())),
                _ => (place, None),
            };
            return Ok(Place::Archive { file: file.into(), name });
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
            Place::Layout { folder, name } => {
                let layout = Layout::open(folder).map_err(|error| error.to_string())?;
                let root = layout.root(name.as_deref()).map_err(|error| error.to_string())?;
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
        let (kind, path, name) = match self {
            Place::Registry(reference) => return write!(f, "{reference}"),
            Place::Layout { folder, name } => ("oci", folder, name),
            Place::Archive { file, name } => ("docker-archive", file, name),
        };
        write!(f, "{kind}:{}", path.display())?;
        name.as_ref().map_or(Ok(()), |name| write!(f, ":{name}"))
    }
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
