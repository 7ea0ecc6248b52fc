//! manifest-tool's own files ([types.go]): `image`, `tags`, `annotations`, `manifests` of images with their platforms.
//!
//! [types.go]: https://github.com/estesp/manifest-tool/blob/main/v2/pkg/types/types.go

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;
use workson_oci::Platform;

use super::{Complaint, File, Part, Recipe, RecipeError, What, names};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    image: Spanned<String>,
    #[serde(default)]
    tags: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    manifests: Spanned<Vec<Spanned<Entry>>>,
}

/// One image of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    image: Spanned<String>,
    #[serde(default)]
    platform: Option<Spanned<Fields>>,
}

/// A platform, part by part.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    architecture: Option<String>,
    os: Option<String>,
    variant: Option<String>,
    #[serde(rename = "os.version", alias = "osversion")]
    os_version: Option<String>,
    #[serde(rename = "os.features", alias = "osfeatures")]
    os_features: Option<Vec<String>>,
    /// Of the processor: kept in no index any more.
    features: Option<Vec<String>>,
}

/// What such a file means.
pub(super) fn recipe(written: Written, file: &File<'_>) -> Result<Recipe, RecipeError> {
    let manifests = &written.manifests;
    if manifests.value.is_empty() {
        return Err(file.error(manifests.referenced, Complaint::new("`manifests` has none")));
    }
    let tags = written.tags.unwrap_or_default();
    // There, `image` is always a target of its own: without a tag it is `latest`.
    let mut references = file.references(Some(&written.image), &[])?;
    for reference in file.references(Some(&written.image), &tags)? {
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    Ok(Recipe {
        name: file.name.to_owned(),
        references,
        annotations: written.annotations.unwrap_or_default(),
        parts: manifests.value.iter().map(|entry| part(entry, file)).collect::<Result<_, _>>()?,
        expect: None,
    })
}

fn part(entry: &Spanned<Entry>, file: &File<'_>) -> Result<Part, RecipeError> {
    let Entry { image, platform } = &entry.value;
    let place = file.place(&image.value).map_err(|complaint| file.error(image.referenced, complaint))?;
    let platform = match platform {
        None => None,
        Some(fields) => told(&fields.value).map_err(|complaint| file.error(fields.referenced, complaint))?,
    };
    let (at, source_at) = (file.at(entry.referenced), file.at(image.referenced));
    Ok(Part { at, source_at, platform, what: What::Image(place), annotations: BTreeMap::new() })
}

/// The platform of the fields; none where they say nothing.
fn told(fields: &Fields) -> Result<Option<Platform>, Complaint> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let platform = Platform {
        os: text(&fields.os),
        architecture: text(&fields.architecture),
        variant: text(&fields.variant),
        os_version: text(&fields.os_version),
        os_features: fields.os_features.clone().unwrap_or_default(),
    };
    if platform == Platform::default() {
        return Ok(None);
    }
    if platform.os.is_empty() || platform.architecture.is_empty() {
        let complaint = Complaint::new("a platform needs `os` and `architecture`");
        return Err(complaint.with_hint("or leave `platform` away: the image's own config tells it"));
    }
    names::check(&platform.format(), &platform)?;
    Ok(Some(platform))
}
