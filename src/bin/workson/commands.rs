//! One command a file.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inventory;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod resolve;

use std::path::Path;

use workson::catalog::timelines::{self, Kept};
use workson::store::{Store, StoreErrorKind, TagSpans};
use workson::timeline::Timeline;
use workson_oci::Platform;
use workson_oci::platform::normalize::{KNOWN_ARCH, KNOWN_OS};
use workson_oci::platform::official_name;

use crate::exit::Failure;

/// Which rung of the ladder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AskedRung {
    /// What maintainers declare
    Declared,
    /// What registries serve, by the inventories in the store
    Published,
}

/// The timelines of the official images on the rung that was asked for, or on both.
fn timelines(
    store: Option<&Store>,
    rung: Option<AskedRung>,
) -> Result<(Option<Kept>, Option<Timeline>), Failure> {
    let declared = match rung {
        Some(AskedRung::Published) => None,
        _ => Some(timelines::declared(store, TagSpans::None)?),
    };
    let published = match rung {
        Some(AskedRung::Declared) => None,
        _ => timelines::published(store)?,
    };
    Ok((declared, published))
}

/// linux/arm64, which is asked about where nothing else is.
pub(crate) fn arm64() -> Platform {
    Platform { os: "linux".into(), architecture: "arm64".into(), ..Platform::default() }
}

/// linux/amd64, which everything is compared with.
fn amd64() -> Platform {
    Platform { os: "linux".into(), architecture: "amd64".into(), ..Platform::default() }
}

/// The store at `path`, where there is one: questions about what comes with the program need none.
fn existing_store(path: &Path) -> Result<Option<Store>, Failure> {
    match Store::open_existing(path) {
        Ok(store) => Ok(Some(store)),
        Err(error) if error.kind() == StoreErrorKind::Absent => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Names that images have and containerd does not know.
const ALSO_MET: [&str; 4] = ["wasi", "wasip1", "wasip2", "wasm32"];

/// Reads the platforms that were asked about. A name that is nearly one that is known is refused: no image has
/// it, and "no" would be the answer to a question that was not meant.
fn platforms(specifiers: &[String]) -> Result<Vec<Platform>, Failure> {
    let host = crate::host::platform();
    let parse = |text: &String| {
        // The official images' names are a list of their own: `arm64v8` is no name of containerd's.
        if let Some(platform) = official_name(text) {
            return Ok(platform.normalized());
        }
        let platform = Platform::parse(text, &host).map_err(|error| {
            Failure::new(format!("--platform {text}: {error}"))
                .with_hint("for example linux/arm64 or linux/arm/v7")
        })?;
        known(text, "operating system", &platform.os, &KNOWN_OS)?;
        known(text, "architecture", &platform.architecture, &KNOWN_ARCH)?;
        Ok(platform)
    };
    specifiers.iter().map(parse).collect()
}

fn known(text: &str, what: &str, name: &str, names: &[&str]) -> Result<(), Failure> {
    if names.contains(&name) {
        return Ok(());
    }
    if ALSO_MET.contains(&name) {
        return Ok(());
    }
    let failure = Failure::new(format!("--platform {text}: there is no {what} {name:?}"));
    let similar = |known: &&&str| strsim::damerau_levenshtein(name, known);
    match names.iter().min_by_key(similar) {
        Some(nearest) if similar(&nearest) <= 2 => Err(failure.with_hint(format!("did you mean {nearest}?"))),
        // Like nothing that is known: it may be new, and an image may have it.
        _ => Ok(()),
    }
}

/// One program writes to a store at a time, for as long as it takes; the lock goes with the process, however that ends.
fn lock(store: &Path) -> Result<std::fs::File, Failure> {
    let path = store.with_added_extension("lock");
    let tried = format!("locking {}", path.display());
    let file = std::fs::File::create(&path).map_err(|error| Failure::io(&tried, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::new(format!(
            "{}: another inventory or import is under way on this store",
            store.display()
        ))
        .with_hint("wait for it, or name another --store")),
        Err(std::fs::TryLockError::Error(error)) => Err(Failure::io(&tried, &error)),
    }
}
