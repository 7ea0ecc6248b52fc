//! The files of the site's design, under names that tell their content: so they may be kept for ever.

use std::sync::LazyLock;

use workson_oci::Digest;

use super::{Rendered, Route, Site};

/// A file of the design.
struct Asset {
    /// Its name below `static/`.
    name: &'static str,
    /// The name that it has in addresses, with the beginning of its digest.
    address: String,
    media_type: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files: [(&'static str, &'static str, &'static [u8]); 4] = [
        ("site.css", "text/css; charset=utf-8", include_bytes!("../../static/site.css")),
        ("explore.js", "text/javascript; charset=utf-8", include_bytes!("../../static/explore.js")),
        ("favicon.svg", "image/svg+xml", include_bytes!("../../static/favicon.svg")),
        ("card.png", "image/png", include_bytes!("../../static/card.png")),
    ];
    let asset = |(name, media_type, bytes): (&'static str, &'static str, &'static [u8])| {
        let digest = Digest::sha256(bytes);
        let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
        Asset { name, address: format!("{stem}-{}.{end}", &digest.hex()[..10]), media_type, bytes }
    };
    files.into_iter().map(asset).collect()
});

/// The route of a file by its name below `static/`.
pub(super) fn route(name: &str) -> Route {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    Route::Asset(found.map_or_else(|| name.to_owned(), |asset| asset.address.clone()))
}

/// The routes of all files.
pub(super) fn routes() -> impl Iterator<Item = Route> {
    ASSETS.iter().map(|asset| Route::Asset(asset.address.clone()))
}

pub(super) fn render(address: &str) -> Option<Rendered> {
    let asset = ASSETS.iter().find(|asset| asset.address == address)?;
    Some(Rendered { media_type: asset.media_type, bytes: asset.bytes.to_vec() })
}

pub(super) fn logo(site: &Site, name: &str) -> Option<Rendered> {
    let bytes = site.content.logos.get(name)?.clone();
    Some(Rendered { media_type: "image/svg+xml", bytes })
}
