//! The documents that are made: config, manifest, index. Their keys have one order, and nothing in them comes from the
//! machine that makes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use workson_oci::media_type::{DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST};
use workson_oci::{Content, Digest, Platform};

use super::recipe::Config;
use super::{Kind, content};

/// An entry of an index.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Entry {
    /// The entry of a manifest.
    pub(super) fn of(manifest: &Content, platform: Platform, annotations: BTreeMap<String, String>) -> Entry {
        Entry { platform: Some(platform), annotations, ..Entry::blob(manifest.media_type.as_str(), manifest) }
    }

    fn blob(media_type: &str, content: &Content) -> Entry {
        Entry {
            media_type: media_type.to_owned(),
            digest: content.digest.to_string(),
            size: content.bytes.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// An image that is made of a root.
pub(super) struct Made<'a> {
    pub(super) kind: Kind,
    pub(super) platform: &'a Platform,
    pub(super) config: &'a Config,
    pub(super) created: Option<Timestamp>,
    /// Its layer: media type, digest, length.
    pub(super) layer: (&'static str, &'a Digest, u64),
    /// The digest of the layer, unpacked.
    pub(super) diff_id: &'a Digest,
    pub(super) annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct ImageConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    #[serde(flatten)]
    platform: &'a Platform,
    config: Execution<'a>,
    rootfs: RootFs<'a>,
    history: [History<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<&'a str, Nothing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<&'a [String]>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<&'a str, Nothing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<&'a str>,
}

/// `{}`, as the specification has it behind a port or a volume.
#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct RootFs<'a> {
    r#type: &'static str,
    diff_ids: [&'a str; 1],
}

#[derive(Serialize)]
struct History<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    created_by: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: Entry,
    layers: [Entry; 1],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexDocument<'a> {
    schema_version: u8,
    media_type: String,
    manifests: &'a [Entry],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl Made<'_> {
    /// Its config and its manifest.
    pub(super) fn documents(&self) -> serde_json::Result<(Content, Content)> {
        let (of_config, of_manifest) = match self.kind {
            Kind::Oci => (OCI_CONFIG, OCI_MANIFEST),
            Kind::Docker => (DOCKER_CONFIG, DOCKER_MANIFEST),
        };
        let created = self.created.map(|created| created.to_string());
        let config = ImageConfig {
            created: created.as_deref(),
            platform: self.platform,
            config: execution(self.config),
            rootfs: RootFs { r#type: "layers", diff_ids: [self.diff_id.as_str()] },
            history: [History { created: created.as_deref(), created_by: "workson assemble" }],
        };
        let config = content(of_config, serde_json::to_vec(&config)?);
        let (media_type, digest, size) = self.layer;
        let manifest = ManifestDocument {
            schema_version: 2,
            media_type: of_manifest,
            config: Entry::blob(of_config, &config),
            layers: [Entry {
                media_type: media_type.to_owned(),
                digest: digest.to_string(),
                size,
                platform: None,
                annotations: BTreeMap::new(),
            }],
            annotations: self.annotations,
        };
        Ok((config, content(of_manifest, serde_json::to_vec(&manifest)?)))
    }
}

fn execution(config: &Config) -> Execution<'_> {
    Execution {
        user: config.user.as_deref(),
        exposed_ports: config.expose.iter().flatten().map(|port| (port.as_str(), Nothing {})).collect(),
        env: config.environment.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        entrypoint: config.entrypoint.as_deref(),
        cmd: config.command.as_deref(),
        volumes: config.volumes.iter().flatten().map(|path| (path.as_str(), Nothing {})).collect(),
        working_dir: config.working_dir.as_deref(),
        labels: &config.labels,
        stop_signal: config.stop_signal.as_deref(),
    }
}

/// The index of all.
pub(super) fn index(
    kind: Kind,
    entries: &[Entry],
    annotations: &BTreeMap<String, String>,
) -> serde_json::Result<Content> {
    let media_type = kind.index();
    let document = IndexDocument {
        schema_version: 2,
        media_type: media_type.to_string(),
        manifests: entries,
        annotations,
    };
    Ok(content(media_type.as_str(), serde_json::to_vec(&document)?))
}
