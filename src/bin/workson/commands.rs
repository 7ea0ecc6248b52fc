//! One command a file.

pub(crate) mod completions;
pub(crate) mod inventory;
pub(crate) mod man;
pub(crate) mod query;
pub(crate) mod resolve;

use workson_oci::Platform;

use crate::exit::Failure;

/// Reads the platforms that were asked about.
fn platforms(specifiers: &[String]) -> Result<Vec<Platform>, Failure> {
    let host = crate::host::platform();
    let parse = |text: &String| {
        Platform::parse(text, &host).map_err(|error| Failure::new(format!("--platform {text}: {error}")))
    };
    specifiers.iter().map(parse).collect()
}
