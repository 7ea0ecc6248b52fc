//! Where an image is carried to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use workson_oci::{Content, Digest, Repository};
use workson_registry::{BlobOrigin, Client, Error, Pieces, Pushed};

use super::graph::Blob;
use crate::archive::ArchiveWriter;
use crate::layout::Layout;
use crate::source::Source;

/// How a blob came to be at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was there.
    Existed,
    /// The registry took it over from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// Where documents and blobs are put. The methods wait, and are for threads that are no part of a runtime.
pub trait Target: Sync {
    /// Puts a blob, unless it is there. `watch` is told of bytes as they are sent.
    ///
    /// # Errors
    /// A sentence: what was tried, and what came back.
    fn put_blob(&self, blob: &Blob, source: &dyn Source, watch: &(dyn Fn(u64) + Sync))
    -> Result<Put, String>;

    /// Puts a document under its digest.
    ///
    /// # Errors
    /// A sentence: what was tried, and what came back.
    fn put_document(&self, document: &Content) -> Result<(), String>;
}

impl Target for Layout {
    fn put_blob(
        &self,
        blob: &Blob,
        source: &dyn Source,
        watch: &(dyn Fn(u64) + Sync),
    ) -> Result<Put, String> {
        if self.has(&blob.digest, blob.size) {
            return Ok(Put::Existed);
        }
        let open = |from| {
            watch(from);
            source.blob(&blob.digest, from)
        };
        Layout::put_blob(self, &blob.digest, blob.size, open, watch).map_err(|error| error.to_string())?;
        Ok(Put::Sent)
    }

    fn put_document(&self, document: &Content) -> Result<(), String> {
        Layout::put_document(self, document).map_err(|error| error.to_string())
    }
}

impl Target for ArchiveWriter {
    fn put_blob(
        &self,
        blob: &Blob,
        source: &dyn Source,
        watch: &(dyn Fn(u64) + Sync),
    ) -> Result<Put, String> {
        let reader = source.blob(&blob.digest, 0)?;
        self.put(&blob.digest, reader, watch).map_err(|error| error.to_string())?;
        Ok(Put::Sent)
    }

    fn put_document(&self, document: &Content) -> Result<(), String> {
        self.put(&document.digest, &document.bytes[..], &|_| {}).map_err(|error| error.to_string())
    }
}

/// Which repositories have an image's blobs, as far as that is known. Where they have them no more, nothing is lost: the
/// registry says so, and blobs are sent.
#[derive(Debug, Default, Clone)]
pub struct MountFrom {
    /// Those that have all of them.
    pub all: Vec<Repository>,
    /// Those that have one.
    pub of: HashMap<Digest, Vec<Repository>>,
}

impl MountFrom {
    /// Where a blob may be had from.
    fn of(&self, digest: &Digest) -> Vec<Repository> {
        self.all.iter().chain(self.of.get(digest).into_iter().flatten()).cloned().collect()
    }
}

/// A repository of a registry.
pub struct RegistryTarget {
    /// Who sends.
    pub client: Client,
    /// Where to.
    pub repository: Repository,
    /// Repositories that have the blobs as well, for the registry to take them over where they are its own.
    pub mount_from: MountFrom,
    /// Where requests are worked on: a runtime of several threads.
    pub runtime: Handle,
}

impl Target for RegistryTarget {
    fn put_blob(
        &self,
        blob: &Blob,
        source: &dyn Source,
        watch: &(dyn Fn(u64) + Sync),
    ) -> Result<Put, String> {
        let origin = Origin { source, digest: &blob.digest, watch, told: AtomicU64::new(0) };
        let mount_from = self.mount_from.of(&blob.digest);
        let push = self.client.push_blob(&self.repository, &blob.digest, blob.size, &mount_from, &origin);
        match self.runtime.block_on(push).map_err(|error| said(&error))? {
            Pushed::Existed => Ok(Put::Existed),
            Pushed::Mounted => Ok(Put::Mounted),
            Pushed::Uploaded => {
                origin.reached(blob.size);
                Ok(Put::Sent)
            }
        }
    }

    fn put_document(&self, document: &Content) -> Result<(), String> {
        let reference = self.repository.with_digest(document.digest.clone());
        let push = self.client.push_manifest(&reference, document);
        self.runtime.block_on(push).map_err(|error| said(&error))
    }
}

/// What came back, and what to do next.
pub(crate) fn said(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

/// A blob of a source, from any byte on.
struct Origin<'a> {
    source: &'a dyn Source,
    digest: &'a Digest,
    watch: &'a (dyn Fn(u64) + Sync),
    /// How many bytes `watch` was told of.
    told: AtomicU64,
}

impl BlobOrigin for Origin<'_> {
    fn open(&self, offset: u64) -> Pieces {
        self.source.pieces(self.digest, offset)
    }

    fn reached(&self, bytes: u64) {
        let told = self.told.fetch_max(bytes, Ordering::Relaxed);
        if bytes > told {
            (self.watch)(bytes - told);
        }
    }
}
