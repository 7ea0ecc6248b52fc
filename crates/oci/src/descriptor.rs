//! Descriptors: how one document points at another ([image-spec, descriptor.md]).
//!
//! [image-spec, descriptor.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::digest::DigestError;
use crate::json::Object;
use crate::{Digest, MediaType, Platform};

/// BuildKit's mark on an index entry that is an attestation; its value is `attestation-manifest`.
pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// BuildKit's annotation that names the digest of the manifest an attestation speaks of.
pub const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// A descriptor as published. What is missing or `null` is empty, and the digest stays text: one bad entry does
/// not spoil the others.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Object<Published>")]
pub struct Descriptor {
    /// What kind of document it points at; empty where nothing was published.
    pub media_type: MediaType,
    /// The digest as published; empty where there is none. [`Descriptor::checked_digest`] reads it.
    pub digest: String,
    /// The length of the document in bytes; 0 where nothing was published, or no length (see
    /// [`Descriptor::fault`]).
    pub size: u64,
    /// The platform that an index entry is for.
    pub platform: Option<Platform>,
    /// The kind of artifact, where the document is one.
    pub artifact_type: Option<MediaType>,
    annotations: Option<Box<RawValue>>,
    /// A size that is no length, as published.
    bad_size: Option<Number>,
}

/// The fields of a descriptor, of which every one may be absent or `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    media_type: Option<MediaType>,
    digest: Option<String>,
    size: Option<Number>,
    platform: Option<Platform>,
    artifact_type: Option<MediaType>,
    annotations: Option<Box<RawValue>>,
}

impl From<Object<Published>> for Descriptor {
    fn from(Object(published): Object<Published>) -> Descriptor {
        // Engines keep sizes in 64 bits with a sign.
        let length = |size: &Number| size.as_u64().filter(|size| i64::try_from(*size).is_ok());
        let size = published.size.as_ref().map_or(Some(0), length);
        Descriptor {
            media_type: published.media_type.unwrap_or_default(),
            digest: published.digest.unwrap_or_default(),
            size: size.unwrap_or_default(),
            platform: published.platform,
            artifact_type: published.artifact_type,
            annotations: published.annotations,
            bad_size: if size.is_none() { published.size } else { None },
        }
    }
}

impl Descriptor {
    /// The digest, where it is one that can be checked.
    pub fn checked_digest(&self) -> Result<Digest, DigestError> {
        self.digest.parse()
    }

    /// Why nothing can be fetched by this descriptor, whatever it points at: it has no digest, or its size is
    /// no length.
    pub fn fault(&self) -> Option<String> {
        if self.digest.is_empty() {
            return Some("it has no digest".to_owned());
        }
        self.bad_size.as_ref().map(|size| format!("its size is {size}"))
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

    #[test]
    fn what_is_null_is_absent() {
        let nulls = r#"{"mediaType":null,"digest":null,"size":null,"platform":null,"artifactType":null,
            "annotations":null}"#;
        for json in [nulls, "{}"] {
            let descriptor = read(json);
            assert!(descriptor.media_type.is_empty() && descriptor.digest.is_empty(), "{json}");
            assert!(descriptor.platform.is_none() && descriptor.artifact_type.is_none(), "{json}");
            assert_eq!((descriptor.size, descriptor.fault().as_deref()), (0, Some("it has no digest")));
        }
    }

    #[test]
    fn a_size_that_is_no_length_is_named() {
        let fault = |size: &str| read(&format!(r#"{{"digest":"x","size":{size}}}"#)).fault();
        for size in ["-1", "1.5", "9223372036854775808"] {
            assert_eq!(fault(size), Some(format!("its size is {size}")));
        }
        assert!(fault("1e300").is_some_and(|fault| fault.contains("300")));
        for size in ["0", "5", "null", "9223372036854775807"] {
            assert_eq!(fault(size), None, "{size}");
        }
    }

    #[test]
    fn a_field_of_another_type_is_no_descriptor_and_neither_is_an_array() {
        let platform = r#"["linux","arm64","","",[]]"#;
        for (json, what) in [
            (r#"{"digest":5}"#.to_owned(), "expected a string"),
            (r#"{"digest":"x","size":"5"}"#.to_owned(), "number"),
            (r#"{"mediaType":{}}"#.to_owned(), "expected a string"),
            (format!(r#"{{"digest":"x","platform":{platform}}}"#), "expected a JSON object"),
            (r#"["","x",1,null,null,null]"#.to_owned(), "expected a JSON object"),
            ("null".to_owned(), "expected a JSON object"),
        ] {
            let error = serde_json::from_str::<Descriptor>(&json).unwrap_err().to_string();
            assert!(error.contains(what), "{json}: {error}");
        }
        assert!(serde_json::from_str::<Platform>(platform).is_err());
    }
}
