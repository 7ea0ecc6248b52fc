//! Platforms that people type.

use workson_oci::Platform;
use workson_oci::platform::normalize::{KNOWN_ARCH, KNOWN_OS};
use workson_oci::platform::official_name;

/// Names that images have and containerd does not know.
const ALSO_MET: [&str; 4] = ["wasi", "wasip1", "wasip2", "wasm32"];

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformError {
    /// What is wrong.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Reads a platform that was typed; what it leaves out is that of `host`. A name that is nearly one that is known is
/// refused: no image has it, and "no" would be the answer to a question that was not meant.
///
/// # Errors
/// Where the text is no platform as containerd reads them, or has such a name.
pub fn platform(text: &str, host: &Platform) -> Result<Platform, PlatformError> {
    // The official images' names are a list of their own: `arm64v8` is no name of containerd's.
    if let Some(platform) = official_name(text) {
        return Ok(platform.normalized());
    }
    let platform = Platform::parse(text, host).map_err(|error| PlatformError {
        what: error.to_string(),
        hint: Some("for example linux/arm64 or linux/arm/v7".to_owned()),
    })?;
    if !KNOWN_OS.contains(&platform.os.as_str()) && KNOWN_ARCH.contains(&platform.os.as_str()) {
        return Err(PlatformError {
            what: format!("there is no operating system {:?}, but an architecture", platform.os),
            hint: Some(format!("did you mean linux/{}?", text.trim())),
        });
    }
    known("operating system", &platform.os, &KNOWN_OS)?;
    known("architecture", &platform.architecture, &KNOWN_ARCH)?;
    Ok(platform)
}

fn known(what: &str, name: &str, names: &[&str]) -> Result<(), PlatformError> {
    if names.contains(&name) || ALSO_MET.contains(&name) {
        return Ok(());
    }
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    match names.iter().map(|known| distance(known)).min() {
        Some(least @ ..=2) => {
            let nearest: Vec<&str> = names.iter().copied().filter(|known| distance(known) == least).collect();
            Err(PlatformError {
                what: format!("there is no {what} {name:?}"),
                hint: Some(format!("did you mean {}?", nearest.join(" or "))),
            })
        }
        // Like nothing that is known: it may be new, and an image may have it.
        _ => Ok(()),
    }
}
