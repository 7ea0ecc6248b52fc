//! One command a file.

pub(crate) mod completions;
pub(crate) mod inventory;
pub(crate) mod man;
pub(crate) mod query;
pub(crate) mod resolve;

use workson_oci::Platform;
use workson_oci::platform::normalize::{KNOWN_ARCH, KNOWN_OS};

use crate::exit::Failure;

/// Names that images have and containerd does not know.
const ALSO_MET: [&str; 4] = ["wasi", "wasip1", "wasip2", "wasm32"];

/// Reads the platforms that were asked about. A name that is nearly one that is known is refused: no image has
/// it, and "no" would be the answer to a question that was not meant.
fn platforms(specifiers: &[String]) -> Result<Vec<Platform>, Failure> {
    let host = crate::host::platform();
    let parse = |text: &String| {
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
