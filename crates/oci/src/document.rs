//! What a registry answers to a request for a manifest: an index or a manifest.
//!
//! The kind is told by the media type *and* by the shape, and both have to agree: a document that could be
//! read as an index by one program and as a manifest by another is refused (CVE-2021-41190).

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::json::{self, Object};
use crate::text::printable;
use crate::{Descriptor, Digest, MediaType};

/// How many entries of an index, or layers of a manifest, are read. Real indexes have under a hundred.
pub const MAX_ENTRIES: usize = 20_000;

/// Bytes that were received, with their digest and what they were said to be. The bytes are the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The digest, computed over `bytes`.
    pub digest: Digest,
    /// What the sender, or the descriptor that led here, says it is.
    pub media_type: MediaType,
    /// The document, exactly as received.
    pub bytes: Bytes,
}

/// An OCI index or a Docker manifest list.
#[derive(Debug, Clone)]
pub struct Index {
    /// The entries in published order.
    pub manifests: Vec<Descriptor>,
}

/// An OCI image manifest or a Docker one of schema 2.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The configuration; its media type tells an image from an artifact.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The kind of artifact, where the manifest says that it is one.
    pub artifact_type: Option<MediaType>,
}

impl Manifest {
    /// Whether this is a container image: its config is an image's, and its layers, where it has some, hold
    /// at least one file system. (Signatures and attestations carry image configs, too.)
    pub fn is_image(&self) -> bool {
        self.config.media_type.is_image_config()
            && (self.layers.is_empty() || self.layers.iter().any(|layer| is_file_system(&layer.media_type)))
    }

    /// What kind of artifact this is, for a person: the artifact type, or else the config's media type.
    pub fn artifact_kind(&self) -> &str {
        match &self.artifact_type {
            Some(kind) if !kind.is_empty() => kind.as_str(),
            _ => self.config.media_type.as_str(),
        }
    }
}

fn is_file_system(media_type: &MediaType) -> bool {
    let text = media_type.as_str();
    text.starts_with("application/vnd.oci.image.layer.")
        || text.starts_with("application/vnd.docker.image.rootfs.")
        || text.starts_with("application/vnd.docker.container.image.rootfs.")
        || text.starts_with("application/vnd.erofs.")
}

/// A document that was read.
#[derive(Debug, Clone)]
pub enum Document {
    /// Leads to other documents, one a platform.
    Index(Index),
    /// One image, or an artifact.
    Manifest(Box<Manifest>),
}

/// Why a document was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Docker's first format, which current engines do not pull.
    #[error(
        "the image is in Docker's manifest schema 1, which names no platform and which current engines refuse to pull; \
         it has to be pushed again by a current tool"
    )]
    Schema1,
    /// The media type is none of the four that engines take.
    #[error("it is labelled {0:?}, which is neither an index nor an image manifest")]
    MediaType(String),
    /// Sender and document disagree about what it is.
    #[error(
        "it is labelled {}, but the document is {}; engines refuse such an image",
        printable(label),
        printable(document)
    )]
    Disagree {
        /// What the sender says.
        label: String,
        /// What the document itself says, or has the shape of.
        document: String,
    },
    /// The document has the parts of an index and those of a manifest.
    #[error(
        "the document has both an index's `manifests` and a manifest's `config` or `layers`; engines refuse it"
    )]
    Ambiguous,
    /// Not JSON, nested too deep, or a part is missing or of a wrong type.
    #[error("the document is not valid JSON of an image manifest or index: {}", printable(_0))]
    Json(String),
    /// More than [`MAX_ENTRIES`].
    #[error("the document has {found} entries; workson reads at most {MAX_ENTRIES}")]
    TooManyEntries {
        /// How many there are.
        found: usize,
    },
}

impl DocumentError {
    /// Whether the bytes alone are to blame, so that they will be refused wherever they come from. A label is
    /// the sender's, and may be another one tomorrow.
    pub fn follows_from_bytes(&self) -> bool {
        match self {
            DocumentError::Schema1
            | DocumentError::Ambiguous
            | DocumentError::Json(_)
            | DocumentError::TooManyEntries { .. } => true,
            DocumentError::MediaType(_) | DocumentError::Disagree { .. } => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: Option<i64>,
    media_type: Option<MediaType>,
    artifact_type: Option<MediaType>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    fs_layers: Option<IgnoredAny>,
}

impl Document {
    /// Reads `content`, whose media type is what the sender says it is.
    pub fn read(content: &Content) -> Result<Document, DocumentError> {
        let label = &content.media_type;
        if !label.is_index() && !label.is_manifest() && !label.is_schema1() {
            return Err(DocumentError::MediaType(label.as_str().chars().take(120).collect()));
        }
        let Object(shape): Object<Shape> = serde_json::from_slice(&content.bytes)
            .map_err(|error| DocumentError::Json(json::complaint(&error)))?;
        shape.into_document(label)
    }
}

impl Shape {
    fn into_document(self, label: &MediaType) -> Result<Document, DocumentError> {
        if self.schema_version == Some(1) || self.fs_layers.is_some() {
            return Err(DocumentError::Schema1);
        }
        if self.manifests.is_some() && (self.config.is_some() || self.layers.is_some()) {
            return Err(DocumentError::Ambiguous);
        }
        if label.is_schema1() {
            return Err(DocumentError::MediaType(label.to_string()));
        }
        if let Some(own) = self.media_type.as_ref().filter(|own| !own.is_empty() && *own != label) {
            return Err(DocumentError::Disagree { label: label.to_string(), document: own.to_string() });
        }
        let disagree =
            |shape: &str| DocumentError::Disagree { label: label.to_string(), document: shape.into() };
        match (label.is_index(), self.manifests, self.config) {
            (true, Some(manifests), _) => {
                bounded(&manifests)?;
                Ok(Document::Index(Index { manifests }))
            }
            (false, None, Some(config)) => {
                if let Some(fault) = config.fault() {
                    return Err(DocumentError::Json(format!("what it says of its `config`: {fault}")));
                }
                let layers = self.layers.unwrap_or_default();
                bounded(&layers)?;
                let artifact_type = self.artifact_type;
                Ok(Document::Manifest(Box::new(Manifest { config, layers, artifact_type })))
            }
            (true, None, Some(_)) => Err(disagree("an image manifest")),
            (false, Some(_), _) => Err(disagree("an index")),
            (true, None, None) => {
                Err(DocumentError::Json("an index has a list `manifests`; there is none".into()))
            }
            (false, None, None) => {
                Err(DocumentError::Json("a manifest has a `config`; there is none".into()))
            }
        }
    }
}

fn bounded(entries: &[Descriptor]) -> Result<(), DocumentError> {
    if entries.len() > MAX_ENTRIES {
        return Err(DocumentError::TooManyEntries { found: entries.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_type::{DOCKER_LIST, DOCKER_SCHEMA1_SIGNED, OCI_INDEX, OCI_MANIFEST};

    fn read(label: &str, json: impl Into<Bytes>) -> Result<Document, DocumentError> {
        let bytes = json.into();
        Document::read(&Content { digest: Digest::sha256(&bytes), media_type: label.into(), bytes })
    }

    fn complaint(label: &str, json: impl Into<Bytes>) -> String {
        read(label, json).unwrap_err().to_string()
    }

    #[test]
    fn label_and_shape_have_to_agree() {
        assert!(matches!(read(OCI_INDEX, r#"{"schemaVersion":2,"manifests":[]}"#), Ok(Document::Index(_))));
        let manifest = r#"{"schemaVersion":2,"config":{"digest":"d","size":1},"layers":[]}"#;
        assert!(matches!(read(OCI_MANIFEST, manifest), Ok(Document::Manifest(_))));

        assert!(complaint(OCI_INDEX, manifest).contains("but the document is an image manifest"));
        assert!(complaint(OCI_MANIFEST, r#"{"manifests":[]}"#).contains("but the document is an index"));
        let list = format!(r#"{{"mediaType":"{DOCKER_LIST}","manifests":[]}}"#);
        assert!(complaint(OCI_INDEX, list).contains(DOCKER_LIST));
        assert!(complaint("text/html", "<html>").contains("text/html"));
        assert!(complaint(OCI_INDEX, r#"{"manifests":[],"layers":[]}"#).contains("both"));
    }

    #[test]
    fn schema_1_is_refused_by_name_however_it_is_labelled() {
        for label in [DOCKER_SCHEMA1_SIGNED, OCI_MANIFEST] {
            let error =
                read(label, r#"{"schemaVersion":1,"fsLayers":[],"architecture":"amd64"}"#).unwrap_err();
            assert!(error.to_string().contains("schema 1") && error.follows_from_bytes(), "{error}");
        }
        // A label alone makes no schema 1 of a manifest that is none.
        let error =
            read(DOCKER_SCHEMA1_SIGNED, r#"{"schemaVersion":2,"config":{"digest":"d"}}"#).unwrap_err();
        assert!(!error.follows_from_bytes(), "{error}");
    }

    #[test]
    fn broken_documents_are_named_and_do_no_harm() {
        assert!(complaint(OCI_INDEX, "{").contains("not valid JSON"));
        assert!(complaint(OCI_INDEX, "{}").contains("`manifests`"));
        assert!(complaint(OCI_MANIFEST, "{}").contains("`config`"));
        let deep = format!(r#"{{"manifests":[],"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        // Skipping unknown fields needs no stack, so depth alone is no reason to refuse…
        assert!(read(OCI_INDEX, deep).is_ok());
        // …where the depth is in a part that is read, it is.
        let deep = format!(r#"{{"manifests":[{{"digest":{}1{}}}]}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert!(complaint(OCI_INDEX, deep).contains("not valid JSON"));
        let entries = vec![r#"{"digest":"d"}"#; MAX_ENTRIES + 1].join(",");
        assert!(complaint(OCI_INDEX, format!(r#"{{"manifests":[{entries}]}}"#)).contains("20001"));
    }

    #[test]
    fn an_array_is_no_document_and_no_part_of_one() {
        for json in [
            r#"[2,null,null,[],null,null,null]"#,
            r#"{"manifests":[["","d",1,null,null,null]]}"#,
            r#"{"manifests":[{"digest":"d","platform":["linux","arm64","","",[]]}]}"#,
            r#"{"manifests":{}}"#,
        ] {
            assert!(complaint(OCI_INDEX, json).contains("invalid type"), "{json}");
        }
        assert!(complaint(OCI_MANIFEST, r#"{"config":["","d",1]}"#).contains("expected a JSON object"));
    }

    #[test]
    fn nulls_are_read_as_absent_and_what_is_there_twice_is_refused() {
        let nulls = r#"{"schemaVersion":null,"mediaType":null,"artifactType":null,"config":null,"layers":null,
            "fsLayers":null,"manifests":[{"digest":null,"platform":null}]}"#;
        let Ok(Document::Index(index)) = read(OCI_INDEX, nulls) else { panic!("no index") };
        assert!(index.manifests[0].platform.is_none());

        let text = complaint(OCI_INDEX, r#"{"manifests":[{"digest":"a","digest":"b"}]}"#);
        assert!(
            text.contains("there twice, and programs differ in which one they take: `digest` at line 1"),
            "{text}"
        );
        let text = complaint(OCI_INDEX, r#"{"manifests":[{"digest":5}]}"#);
        assert!(text.contains("invalid type: integer `5`, expected a string"), "{text}");
    }

    #[test]
    fn a_manifest_needs_a_config_that_can_be_asked_for() {
        assert!(complaint(OCI_MANIFEST, r#"{"config":{}}"#).contains("`config`: it has no digest"));
        assert!(complaint(OCI_MANIFEST, r#"{"config":{"digest":"d","size":-1}}"#).contains("size is -1"));
        // Nothing hangs on the layers.
        assert!(read(OCI_MANIFEST, r#"{"config":{"digest":"d"},"layers":[{"size":-1}]}"#).is_ok());
    }

    #[test]
    fn a_complaint_does_not_steer_the_terminal() {
        let text = complaint(OCI_INDEX, r#"{"mediaType":"a\u001b[2J\u202eb","manifests":[]}"#);
        assert!(text.contains("a\u{fffd}[2j\u{fffd}b"), "{text:?}");
    }

    #[test]
    fn signatures_with_an_image_config_are_no_images() {
        let signature = format!(
            r#"{{"config":{{"mediaType":"{}","digest":"d"}},
                "layers":[{{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"d"}}]}}"#,
            crate::media_type::OCI_CONFIG
        );
        let Ok(Document::Manifest(manifest)) = read(OCI_MANIFEST, signature) else { panic!("no manifest") };
        assert!(!manifest.is_image());
    }
}
