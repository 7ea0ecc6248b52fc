//! Carrying an image from one place to another: all that it consists of, byte for byte, and only what is not there.
//!
//! Source: distribution-spec, *Push*: a registry takes a document once everything that it names is there, so blobs
//! come first, then manifests, then what names those. The document that a tag will name is not part of this: when
//! tags move is for `publish` to say.

mod graph;
mod target;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use workson_oci::Content;

pub(crate) use self::graph::kept_elsewhere;
pub use self::graph::{Blob, Graph, GraphError};
pub(crate) use self::target::said;
pub use self::target::{MountFrom, Put, RegistryTarget, Target};
use crate::source::Source;

/// What was carried.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Blobs that were there before.
    pub existed: usize,
    /// Blobs that the registry took over from another repository.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Where it failed: what could not be carried, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct TransferError {
    /// The blob or document.
    pub what: String,
    /// A sentence: what was tried, and what came back.
    pub reason: String,
}

/// Carries everything but the root, which is for the caller to put. `jobs` blobs are under way at once; `watch` is told
/// how many bytes of blobs are done with, whether they were sent or there already.
///
/// # Errors
/// The first failure; what is under way then is given up.
pub fn carry(
    graph: &Graph,
    source: &dyn Source,
    target: &dyn Target,
    jobs: usize,
    watch: &(dyn Fn(u64) + Sync),
) -> Result<Carried, TransferError> {
    let carried = Mutex::new(Carried::default());
    each(&graph.blobs, jobs, |blob| {
        let failed = |reason| TransferError { what: format!("blob {}", blob.digest), reason };
        let put = target.put_blob(blob, source, watch).map_err(failed)?;
        let mut carried = carried.lock().unwrap_or_else(PoisonError::into_inner);
        match put {
            Put::Existed => carried.existed += 1,
            Put::Mounted => carried.mounted += 1,
            Put::Sent => {
                carried.sent += 1;
                carried.bytes += blob.size;
            }
        }
        if put != Put::Sent {
            watch(blob.size);
        }
        Ok(())
    })?;
    // A document may name those of the level below it.
    for level in &graph.levels {
        each(level, jobs, |document: &Content| {
            let failed = |reason| TransferError { what: format!("document {}", document.digest), reason };
            target.put_document(document).map_err(failed)
        })?;
    }
    Ok(carried.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Does `work` for each of `all`, several at once, until one fails.
pub(crate) fn each<T: Sync>(
    all: &[T],
    jobs: usize,
    work: impl Fn(&T) -> Result<(), TransferError> + Sync,
) -> Result<(), TransferError> {
    let (next, has_failed, first) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(None));
    let run = || {
        while !has_failed.load(Ordering::Relaxed)
            && let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed))
        {
            if let Err(error) = work(one) {
                has_failed.store(true, Ordering::Relaxed);
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(all.len()) {
            scope.spawn(run);
        }
        run();
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
