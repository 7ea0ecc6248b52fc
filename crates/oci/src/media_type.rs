//! The media types that name what a descriptor points at.
//!
//! Docker's are those of distribution's [manifest v2 schema 2], OCI's those of the image specification's
//! [media types].
//!
//! [manifest v2 schema 2]: https://distribution.github.io/distribution/spec/manifest-v2-2/
//! [media types]: https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker image manifest, schema 1, unsigned. Refused.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker image manifest, schema 1, signed. Refused.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// Every kind of manifest that workson reads, as an `Accept` header wants them: a registry that is not told
/// all four may answer 404, or hand out something else than the tag really is.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A media type as published, with parameters (`; charset=…`) and case put aside (RFC 9110, section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "Cow<'_, str>", into = "String")]
pub struct MediaType(Cow<'static, str>);

/// The types that nearly every document is made of; they are not copied.
const FREQUENT: [&str; 6] =
    [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, OCI_CONFIG, DOCKER_CONFIG];

impl MediaType {
    /// Reads the value of a `Content-Type` header or of a `mediaType` field.
    pub fn new(text: &str) -> MediaType {
        let essence = text.split(';').next().unwrap_or_default().trim();
        match FREQUENT.iter().find(|frequent| **frequent == essence) {
            Some(frequent) => MediaType(Cow::Borrowed(frequent)),
            None => MediaType(Cow::Owned(essence.to_ascii_lowercase())),
        }
    }

    /// The text, without parameters, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was published.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An OCI index or a Docker manifest list.
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), OCI_INDEX | DOCKER_LIST)
    }

    /// An OCI image manifest or a Docker one of schema 2.
    pub fn is_manifest(&self) -> bool {
        matches!(self.as_str(), OCI_MANIFEST | DOCKER_MANIFEST)
    }

    /// The configuration of a container image, OCI or Docker.
    pub fn is_image_config(&self) -> bool {
        matches!(self.as_str(), OCI_CONFIG | DOCKER_CONFIG)
    }

    /// A Docker manifest of schema 1, signed or not.
    pub fn is_schema1(&self) -> bool {
        matches!(self.as_str(), DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED)
    }
}

impl From<Cow<'_, str>> for MediaType {
    fn from(text: Cow<'_, str>) -> MediaType {
        MediaType::new(&text)
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> MediaType {
        MediaType::new(text)
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> String {
        media_type.0.into_owned()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_do_not_matter() {
        let published = MediaType::new("Application/VND.oci.image.index.v1+json; charset=utf-8");
        assert_eq!(published, MediaType::from(OCI_INDEX));
        assert!(published.is_index() && !published.is_manifest());
    }

    #[test]
    fn accept_names_all_four_kinds() {
        let types: Vec<MediaType> = ACCEPT.split(',').map(MediaType::new).collect();
        assert_eq!(types.iter().filter(|t| t.is_index()).count(), 2);
        assert_eq!(types.iter().filter(|t| t.is_manifest()).count(), 2);
        assert_eq!(types.len(), 4);
    }
}
