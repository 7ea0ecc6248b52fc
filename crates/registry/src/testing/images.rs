//! Content for tests: indexes, and images whose every part is there. The same call gives the same bytes.

use serde_json::{Value, json};
use workson_oci::Digest;

use super::MemoryRegistry;

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const CREATED: &str = "2024-05-01T12:00:00Z";

/// The platforms that an official image mostly has, with which benchmark images are built.
pub const OFFICIAL: [&str; 8] = [
    "linux/amd64",
    "linux/arm/v5",
    "linux/arm/v7",
    "linux/arm64/v8",
    "linux/386",
    "linux/mips64le",
    "linux/ppc64le",
    "linux/s390x",
];

/// A gzipped tar archive with nothing in it, as Docker writes it for an empty layer.
const EMPTY_LAYER: [u8; 32] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x09, 0x6e, 0x88, 0x00, 0xff, 0x62, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x8c,
    0x58, 0x00, 0x08, 0x00, 0x00, 0xff, 0xff, 0x2e, 0xaf, 0xb5, 0xef, 0x00, 0x04, 0x00, 0x00,
];

/// The `platform` object for a text like `linux/arm64`, `linux/arm/v7` or `windows(10.0.17763.1)/amd64`.
pub fn platform(text: &str) -> Value {
    let mut parts = text.splitn(3, '/');
    let os = parts.next().unwrap_or_default();
    let architecture = parts.next().unwrap_or_default();
    let (os, version) = match os.split_once('(') {
        Some((os, version)) => (os, Some(version.trim_end_matches(')'))),
        None => (os, None),
    };
    let mut platform = json!({ "architecture": architecture, "os": os });
    if let Some(version) = version {
        platform["os.version"] = Value::from(version);
    }
    if let Some(variant) = parts.next() {
        platform["variant"] = Value::from(variant);
    }
    platform
}

/// The entry of an index for the image `digest`; an empty `platform_text` leaves the platform out.
pub fn image_entry(media_type: &str, digest: &Digest, size: usize, platform_text: &str) -> Value {
    let mut entry = json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size });
    if !platform_text.is_empty() {
        entry["platform"] = platform(platform_text);
    }
    entry
}

/// The entry with which BuildKit adds an attestation, itself `digest`, about the image `about` to an index.
pub fn attestation_entry(digest: &Digest, size: usize, about: &Digest) -> Value {
    json!({
        "mediaType": OCI_MANIFEST,
        "digest": digest.as_str(),
        "size": size,
        "annotations": {
            "vnd.docker.reference.digest": about.as_str(),
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": { "architecture": "unknown", "os": "unknown" },
    })
}

/// An index of `media_type` with these entries.
pub fn index_of(media_type: &str, entries: &[Value]) -> Vec<u8> {
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries }).to_string().into_bytes()
}

/// An OCI index with an entry for each platform and, on request, an attestation to each. What the entries
/// name exists nowhere; `seed` makes digests differ from index to index.
pub fn index(seed: &str, platforms: &[&str], attestations: bool) -> Vec<u8> {
    let made_up = |what: &str| Digest::sha256(format!("{seed} {what}").as_bytes());
    let mut entries = Vec::new();
    for (number, text) in platforms.iter().enumerate() {
        let digest = made_up(&format!("image {number} {text}"));
        let mut entry = image_entry(OCI_MANIFEST, &digest, 1000 + number, text);
        let arch: String = text.split('/').skip(1).collect();
        entry["annotations"] = json!({ "com.docker.official-images.bashbrew.arch": arch });
        entries.push(entry);
        if attestations {
            let attestation = made_up(&format!("attestation {number} {text}"));
            entries.push(attestation_entry(&attestation, 840 + number, &digest));
        }
    }
    index_of(OCI_INDEX, &entries)
}

/// The media types of an image's parts.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Oci,
    Docker,
}

impl MemoryRegistry {
    /// Stores an OCI image for one platform: manifest, configuration and a layer.
    pub fn put_image(&self, repository: &str, tag: Option<&str>, platform: &str) -> Digest {
        self.put_image_as(Format::Oci, repository, tag, platform).0
    }

    /// Stores a Docker image (schema 2) for one platform: manifest, configuration and a layer.
    pub fn put_docker_image(&self, repository: &str, tag: Option<&str>, platform: &str) -> Digest {
        self.put_image_as(Format::Docker, repository, tag, platform).0
    }

    /// Stores an OCI index and, for each platform, the image that it names.
    pub fn put_image_index(&self, repository: &str, tag: &str, platforms: &[&str]) -> Digest {
        let entries = self.put_children(Format::Oci, repository, tag, platforms, false);
        self.put_manifest(repository, Some(tag), OCI_INDEX, index_of(OCI_INDEX, &entries))
    }

    /// [`MemoryRegistry::put_image_index`] with an attestation to each image, which is there too.
    pub fn put_attested_image_index(&self, repository: &str, tag: &str, platforms: &[&str]) -> Digest {
        let entries = self.put_children(Format::Oci, repository, tag, platforms, true);
        self.put_manifest(repository, Some(tag), OCI_INDEX, index_of(OCI_INDEX, &entries))
    }

    /// Stores a Docker manifest list and, for each platform, the image that it names.
    pub fn put_docker_list(&self, repository: &str, tag: &str, platforms: &[&str]) -> Digest {
        let entries = self.put_children(Format::Docker, repository, tag, platforms, false);
        self.put_manifest(repository, Some(tag), DOCKER_LIST, index_of(DOCKER_LIST, &entries))
    }

    /// Stores `count` indexes `bench/image-00000:latest` and so on, each as big as that of an official image,
    /// and returns their references, without host and tag. What the indexes name is not there.
    pub fn put_bench_images(&self, count: usize) -> Vec<String> {
        let one = |number| {
            let name = format!("bench/image-{number:05}");
            self.put_manifest(&name, Some("latest"), OCI_INDEX, index(&name, &OFFICIAL, true));
            name
        };
        (0..count).map(one).collect()
    }

    /// Stores the images of an index, and returns its entries.
    pub(super) fn put_children(
        &self,
        format: Format,
        repository: &str,
        seed: &str,
        platforms: &[&str],
        attestations: bool,
    ) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut attested = Vec::new();
        for text in platforms {
            let media_type = match format {
                Format::Oci => OCI_MANIFEST,
                Format::Docker => DOCKER_MANIFEST,
            };
            let (digest, size) = self.put_seeded(format, repository, None, text, seed);
            entries.push(image_entry(media_type, &digest, size, text));
            if attestations {
                let (attestation, size) = self.put_attestation(repository, &digest);
                attested.push(attestation_entry(&attestation, size, &digest));
            }
        }
        entries.append(&mut attested);
        entries
    }

    /// Stores an image, and returns digest and size of its manifest.
    pub(super) fn put_image_as(
        &self,
        format: Format,
        repository: &str,
        tag: Option<&str>,
        platform_text: &str,
    ) -> (Digest, usize) {
        self.put_seeded(format, repository, tag, platform_text, tag.unwrap_or_default())
    }

    fn put_seeded(
        &self,
        format: Format,
        repository: &str,
        tag: Option<&str>,
        platform_text: &str,
        seed: &str,
    ) -> (Digest, usize) {
        let (manifest_type, config_type, layer_type) = match format {
            Format::Oci => (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER),
            Format::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER),
        };
        let mut config = platform(platform_text);
        config["created"] = Value::from(CREATED);
        config["config"] =
            json!({ "Cmd": ["/bin/true"], "Labels": { "test": format!("{repository}:{seed}") } });
        config["rootfs"] = json!({
            "type": "layers",
            // Of 1024 zeros, which the layer unpacks to.
            "diff_ids": ["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"],
        });
        config["history"] = json!([{ "created": CREATED, "created_by": "workson test image" }]);
        let (config, config_size) = self.put_json(repository, &config);
        let layer = self.put_blob(repository, EMPTY_LAYER.as_slice());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": { "mediaType": config_type, "digest": config.as_str(), "size": config_size },
            "layers": [{ "mediaType": layer_type, "digest": layer.as_str(), "size": EMPTY_LAYER.len() }],
        });
        let manifest = manifest.to_string();
        let size = manifest.len();
        (self.put_manifest(repository, tag, manifest_type, manifest), size)
    }

    /// Stores an attestation manifest as BuildKit writes it, and returns its digest and size.
    pub(super) fn put_attestation(&self, repository: &str, about: &Digest) -> (Digest, usize) {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{ "name": repository, "digest": { "sha256": about.hex() } }],
            "predicate": {},
        });
        let (statement, statement_size) = self.put_json(repository, &statement);
        let config = json!({
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [statement.as_str()] },
        });
        let (config, config_size) = self.put_json(repository, &config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": { "mediaType": OCI_CONFIG, "digest": config.as_str(), "size": config_size },
            "layers": [{
                "mediaType": "application/vnd.in-toto+json",
                "digest": statement.as_str(),
                "size": statement_size,
                "annotations": { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" },
            }],
        });
        let manifest = manifest.to_string();
        let size = manifest.len();
        (self.put_manifest(repository, None, OCI_MANIFEST, manifest), size)
    }

    pub(super) fn put_json(&self, repository: &str, value: &Value) -> (Digest, usize) {
        let text = value.to_string();
        let size = text.len();
        (self.put_blob(repository, text), size)
    }
}
