//! Descriptors: how one document points at another ([image-spec, descriptor.md]).
//!
//! [image-spec, descriptor.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::digest::DigestError;
use crate::{Digest, MediaType, Platform};

/// BuildKit's mark on an index entry that is an attestation; its value is `attestation-manifest`.
pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// BuildKit's annotation that names the digest of the manifest an attestation speaks of.
pub const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// A descriptor as published. The digest stays text: one bad digest does not spoil the other entries.
#[derive(Debug, Clone, Deserialize)]
pub struct Descriptor {
    /// What kind of document it points at; empty where nothing was published.
    #[serde(rename = "mediaType", default)]
    pub media_type: MediaType,
    /// The digest as published. [`Descriptor::checked_digest`] reads it.
    pub digest: String,
    /// The length of the document in bytes.
    #[serde(default)]
    pub size: u64,
    /// The platform that an index entry is for.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// The kind of artifact, where the document is one.
    #[serde(rename = "artifactType", default)]
    pub artifact_type: Option<MediaType>,
    #[serde(default)]
    annotations: Option<Box<RawValue>>,
}

impl Descriptor {
    /// The digest, where it is one that can be checked.
    pub fn checked_digest(&self) -> Result<Digest, DigestError> {
        self.digest.parse()
    }

    /// The annotations; empty where there are none or where they are not a map of texts.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.as_deref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Whether an index entry describes another entry (BuildKit's provenance and SBOM documents) and is no
    /// image: it carries one of BuildKit's reference annotations, or its platform is `unknown/unknown`.
    pub fn is_attestation(&self) -> bool {
        // The raw text is searched first: most entries have annotations, and few have these.
        let refers = |raw: &RawValue| raw.get().contains("vnd.docker.reference.");
        let annotated = self.annotations.as_deref().is_some_and(refers) && {
            let annotations = self.annotations();
            annotations.contains_key(REFERENCE_TYPE) || annotations.contains_key(REFERENCE_DIGEST)
        };
        annotated || self.platform.as_ref().is_some_and(Platform::is_unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Descriptor {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_attestation_is_known_by_either_annotation_or_by_its_platform() {
        for json in [
            r#"{"digest":"x","annotations":{"vnd.docker.reference.type":"attestation-manifest"}}"#,
            r#"{"digest":"x","annotations":{"vnd.docker.reference.digest":"sha256:…"}}"#,
            r#"{"digest":"x","platform":{"os":"unknown","architecture":"unknown"}}"#,
        ] {
            assert!(read(json).is_attestation(), "{json}");
        }
        for json in [
            r#"{"digest":"x"}"#,
            r#"{"digest":"x","annotations":{"note":"vnd.docker.reference.type"}}"#,
            r#"{"digest":"x","annotations":null,"platform":{"os":"linux","architecture":"arm64"}}"#,
        ] {
            assert!(!read(json).is_attestation(), "{json}");
        }
    }

    #[test]
    fn a_bad_digest_is_kept_and_named_when_read() {
        let descriptor = read(r#"{"digest":"sha256:zz","size":3,"annotations":{"n":1}}"#);
        assert!(descriptor.checked_digest().unwrap_err().to_string().contains("zz"));
        assert!(descriptor.annotations().is_empty());
    }
}
