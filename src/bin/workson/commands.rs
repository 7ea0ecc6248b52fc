//! One command a file.

pub(crate) mod assemble;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod content;
pub(crate) mod copy;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inventory;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod news;
pub(crate) mod proposals;
pub(crate) mod pull;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod serve;
pub(crate) mod site;
pub(crate) mod store;
pub(crate) mod suggestions;
pub(crate) mod verify;

use std::path::Path;

use jiff::Timestamp;
use workson::catalog::timelines::{self, Keeping, Kept};
use workson::layout::Selector;
use workson::store::{Store, StoreErrorKind, TagSpans};
use workson::timeline::Timeline;
use workson_oci::Platform;
use workson_oci::platform::Matcher;
use workson_oci::text::printable;

use crate::exit::Failure;
use crate::instant::{age, day};
use crate::output::short;

/// Which rung of the ladder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AskedRung {
    /// What maintainers declare
    Declared,
    /// What registries serve, by the inventories in the store
    Published,
    /// What holds what its label claims, by the verifications in the store
    Verified,
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
        Some(AskedRung::Declared | AskedRung::Verified) => None,
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

/// Reads the platforms that were typed behind `option`. A name that is nearly one that is known is refused: no image has
/// it, and "no" would be the answer to a question that was not meant.
fn platforms(option: &str, specifiers: &[String]) -> Result<Vec<Platform>, Failure> {
    let host = crate::host::platform();
    let parse = |text: &String| {
        workson::query::platform(text, &host).map_err(|error| {
            let failure = Failure::new(format!("{option} {text}: {}", error.what));
            match error.hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        })
    };
    specifiers.iter().map(parse).collect()
}

/// The platform that an image is wanted for, and how an engine matches it: the one that was typed, or this host.
fn wanted(typed: Option<&String>) -> Result<(Platform, Matcher), Failure> {
    let host = crate::host::platform();
    match typed {
        Some(text) => {
            let platform = platforms("--platform", std::slice::from_ref(text))?.remove(0);
            let matcher = Matcher::only(&platform).on_host_os(&host.os);
            Ok((platform, matcher))
        }
        None => {
            let matcher = Matcher::host(&host);
            Ok((host, matcher))
        }
    }
}

/// The name under which an image is written to a layout. A digest is none: it follows from what is written.
fn name_to_write(to: &str, image: Selector) -> Result<Option<String>, Failure> {
    match image {
        Selector::Only => Ok(None),
        Selector::Name(name) => Ok(Some(name)),
        Selector::Digest(_) => {
            let text = format!(
                "--to {to}: an image is written under a name, and its digest follows from what it is"
            );
            Err(Failure::new(text).with_hint("oci:DIR or oci:DIR:NAME"))
        }
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

/// Where the facts of a timeline come from, and how old they are.
fn source(timeline: &Timeline, keeping: Keeping, now: Timestamp) -> String {
    let source = &timeline.source;
    let kept = match keeping {
        Keeping::Bundled => ", as it comes with workson",
        Keeping::Store => "",
    };
    format!(
        "{} at {} of {}, {}{kept}",
        printable(source.name.trim_start_matches("https://")),
        short(&source.head),
        day(source.head_at),
        age(source.head_at, now)
    )
}

/// The same, as a line that begins with the rung.
fn source_line(timeline: &Timeline, keeping: Keeping, now: Timestamp) -> String {
    format!("{}: {}\n", timeline.rung.name(), source(timeline, keeping, now))
}

/// Whether a tag was typed: `nginx` reads as `nginx:latest`, but does not ask about it alone.
fn is_tag_named(name: &str) -> bool {
    let last = name.trim().rsplit('/').next().unwrap_or_default();
    last.split('@').next().unwrap_or_default().contains(':')
}

/// There is nothing on the rung `published`.
fn never_asked() -> Failure {
    Failure::new("no registry was asked about the official images yet")
        .with_hint("`workson inventory official` asks Docker Hub, and keeps what it sees")
}

/// Refuses a time that ends before it begins.
fn check_order(since: Option<Timestamp>, at: Option<Timestamp>) -> Result<(), Failure> {
    match (since, at) {
        (Some(since), Some(at)) if since > at => {
            Err(Failure::new(format!("--since {since} is after --at {at}")))
        }
        _ => Ok(()),
    }
}

/// What was asked about came later than all that is known.
fn not_known(since: Timestamp, newest: Timestamp) -> Failure {
    Failure::new(format!("--since {since} is after {newest}, and what came later is not known"))
        .with_hint("`workson import official-images` and `workson inventory official` bring what is new")
}
