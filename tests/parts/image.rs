//! Images made for tests: an OCI image layout (image-spec, image-layout.md) in a folder, for skopeo to push.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use workson_oci::Digest;

use super::run;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The platforms of the index that most tests use.
pub(crate) const SIX: [&str; 6] =
    ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "linux/riscv64", "linux/s390x"];

/// An OCI image layout that grows.
pub(crate) struct Layout {
    folder: TempDir,
    /// The descriptors of `index.json`.
    tagged: Vec<Value>,
}

impl Layout {
    pub(crate) fn new() -> Layout {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout { folder, tagged: Vec::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::sha256(bytes);
        std::fs::write(self.path().join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest.as_str(), "size": bytes.len() })
    }

    /// An image whose one layer holds one small file; `seed` makes it another image.
    pub(crate) fn small_image(&self, platform: &str, seed: &str) -> Value {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("hello"), format!("{seed} for {platform}\n")).unwrap();
        let mut tar = Command::new("tar");
        tar.args([
            "--create",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=@0",
            "--file=-",
            "hello",
        ]);
        let layer = run("tar", tar.current_dir(root.path()), b"");
        let packed = run("gzip", Command::new("gzip").args(["-n", "-c"]), &layer);
        self.image_of(platform, seed, &packed, &layer)
    }

    /// An image of this layer, packed and unpacked, and its descriptor with the platform.
    pub(crate) fn image_of(&self, platform: &str, seed: &str, packed: &[u8], layer: &[u8]) -> Value {
        let platform = platform_json(platform);
        let mut config = platform.clone();
        config["created"] = "2024-05-01T12:00:00Z".into();
        config["config"] = json!({ "Cmd": ["/bin/true"], "Labels": { "seed": seed } });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [Digest::sha256(layer).as_str()] });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.blob(OCI_CONFIG, config.to_string().as_bytes()),
            "layers": [self.blob(OCI_LAYER, packed)],
        });
        let mut entry = self.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
        entry["platform"] = platform;
        entry
    }

    /// Tags an image of this layout.
    pub(crate) fn tag(&mut self, name: &str, descriptor: &Value) {
        let mut descriptor = descriptor.clone();
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        self.tagged.push(descriptor);
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.tagged });
        std::fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    /// Tags an index of these entries. It is written with indentation, as people's own tools do, so that
    /// whoever serialises it again is found out.
    pub(crate) fn tag_index(&mut self, name: &str, entries: &[Value]) {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "annotations": { "org.opencontainers.image.version": name },
            "manifests": entries,
        });
        let descriptor = self.blob(OCI_INDEX, &serde_json::to_vec_pretty(&index).unwrap());
        self.tag(name, &descriptor);
    }

    /// Tags an index of small images for these platforms.
    pub(crate) fn tag_small_index(&mut self, name: &str, platforms: &[&str]) {
        let entries: Vec<Value> = platforms.iter().map(|text| self.small_image(text, name)).collect();
        self.tag_index(name, &entries);
    }
}

/// The `platform` of an index entry for `os/architecture[/variant]`.
fn platform_json(text: &str) -> Value {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [os, architecture] => json!({ "architecture": architecture, "os": os }),
        [os, architecture, variant] => {
            json!({ "architecture": architecture, "os": os, "variant": variant })
        }
        _ => panic!("{text} is not os/architecture[/variant]"),
    }
}
