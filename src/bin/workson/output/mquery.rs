//! mquery's text, which people's scripts expect (public repository estesp/mquery, `mquery.go`).

use workson_oci::text::printable;
use workson_oci::{Image, Kind, Platform};

/// The block for one image, as `reference` was typed; an error where mquery knows no such thing.
pub(crate) fn block(reference: &str, image: &Image) -> String {
    let mut text = format!("Image: {reference} (digest: {})\n", image.digest);
    match image.kind {
        Kind::Index => {
            text += &format!(
                " * Manifest List: Yes (Image type: {})\n * Supported platforms:\n",
                image.media_type
            );
            for offered in &image.platforms {
                text += &format!("   - {}\n", printable(&platform(&offered.platform)));
            }
        }
        Kind::Image => {
            text += &format!(" * Manifest List: No (Image type: {})\n", image.media_type);
            // mquery reads operating system and architecture of a single image, and no variant.
            let Platform { os, architecture, .. } = &image.platforms[0].platform;
            text += &format!(" * Supports: {}\n", printable(&format!("{os}/{architecture}")));
        }
        Kind::Artifact => {
            return error(&image.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        }
    }
    text.push('\n');
    text
}

/// The line for a failure.
pub(crate) fn error(message: &str) -> String {
    format!("ERROR: {message}\n")
}

fn platform(platform: &Platform) -> String {
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if !platform.variant.is_empty() {
        text += &format!("/{}", platform.variant);
    }
    if platform.os == "windows" && !platform.os_version.is_empty() {
        text += &format!(":{}", platform.os_version);
    }
    text
}
