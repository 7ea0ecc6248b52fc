//! One image of each shape that a registry may hold.

use serde_json::json;
use workson_oci::Digest;

use super::MemoryRegistry;
use super::images::{Format, OCI_INDEX, OCI_MANIFEST, OFFICIAL, attestation_entry, image_entry, index_of};

const SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const TWO: [&str; 2] = ["linux/amd64", "linux/arm64"];

impl MemoryRegistry {
    /// Stores differently shaped images as `library/NAME:latest`, NAME telling the shape, and returns their
    /// references, without the host. `library/many-tags` has several tags.
    pub fn put_tour(&self) -> Vec<String> {
        let latest = "latest";
        self.put_attested_image_index("library/many-platforms", latest, &OFFICIAL);
        self.put_image_index("library/amd64-and-arm64", latest, &TWO);
        self.put_image_index("library/no-arm64", latest, &["linux/amd64", "linux/386", "linux/s390x"]);
        self.put_image_index("library/arm-v7-only", latest, &["linux/amd64", "linux/arm/v7"]);
        self.put_image("library/amd64-only", Some(latest), "linux/amd64");
        self.put_image("library/arm64-only", Some(latest), "linux/arm64/v8");
        self.put_docker_list("library/docker-list", latest, &TWO);
        self.put_docker_image("library/docker-amd64-only", Some(latest), "linux/amd64");
        self.put_image_index(
            "library/windows",
            latest,
            &["windows(10.0.17763.5820)/amd64", "windows(10.0.20348.2461)/amd64"],
        );
        self.put_image_index(
            "library/windows-and-linux",
            latest,
            &["linux/amd64", "linux/arm64/v8", "windows(10.0.17763.5820)/amd64"],
        );
        self.put_nested("library/nested-index");
        self.put_artifact("library/artifact");
        self.put_schema1("library/schema1");
        self.put_manifest("library/empty-index", Some(latest), OCI_INDEX, index_of(OCI_INDEX, &[]));
        self.put_without_platforms("library/no-platform");
        self.put_attestation_only("library/attestation-only");
        self.put_missing_child("library/missing-child");
        self.put_lying_index("library/lying-index");

        let tags = "library/many-tags";
        for (tag, platforms) in [("1.0.0", &TWO[..1]), ("1.1.0", &TWO[..1]), ("2.0.0", &TWO), ("2.1.0", &TWO)]
        {
            self.put_image_index(tags, tag, platforms);
        }
        self.put_image(tags, Some("2.1.0-amd64"), "linux/amd64");
        for (tag, old) in [("2.1", "2.1.0"), ("2", "2.1.0"), ("latest", "2.1.0"), ("1", "1.1.0")] {
            if let Some(manifest) = self.manifest(tags, old) {
                self.put_tag(tags, tag, &Digest::sha256(&manifest));
            }
        }
        [
            "amd64-and-arm64:latest",
            "amd64-only:latest",
            "arm-v7-only:latest",
            "arm64-only:latest",
            "artifact:latest",
            "attestation-only:latest",
            "docker-amd64-only:latest",
            "docker-list:latest",
            "empty-index:latest",
            "lying-index:latest",
            "many-platforms:latest",
            "many-tags:1.0.0",
            "many-tags:2.1.0",
            "missing-child:latest",
            "nested-index:latest",
            "no-arm64:latest",
            "no-platform:latest",
            "schema1:latest",
            "windows-and-linux:latest",
            "windows:latest",
        ]
        .map(|name| format!("library/{name}"))
        .into()
    }

    /// An index with an image and an index in which the arm64 image is.
    fn put_nested(&self, repository: &str) {
        let inner = self.put_children(Format::Oci, repository, "inner", &["linux/arm64"], false);
        let inner = index_of(OCI_INDEX, &inner);
        let size = inner.len();
        let inner = self.put_manifest(repository, None, OCI_INDEX, inner);
        let mut entries = self.put_children(Format::Oci, repository, "outer", &["linux/amd64"], false);
        entries.push(image_entry(OCI_INDEX, &inner, size, ""));
        self.put_manifest(repository, Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    }

    /// An OCI manifest that is no image.
    fn put_artifact(&self, repository: &str) {
        const EMPTY: &str = "application/vnd.oci.empty.v1+json";
        let config = self.put_blob(repository, "{}");
        let text = "apiVersion: v2\nname: thing\n";
        let content = self.put_blob(repository, text);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example.thing",
            "config": { "mediaType": EMPTY, "digest": config.as_str(), "size": 2 },
            "layers": [{
                "mediaType": "application/yaml", "digest": content.as_str(), "size": text.len(),
            }],
        });
        self.put_manifest(repository, Some("latest"), OCI_MANIFEST, manifest.to_string());
    }

    /// A Docker manifest of schema 1 (the signature is none).
    fn put_schema1(&self, repository: &str) {
        let layer = self.put_blob(repository, "a layer");
        let history = json!({ "id": "0", "architecture": "amd64", "os": "linux", "config": {} }).to_string();
        let manifest = json!({
            "schemaVersion": 1,
            "name": repository,
            "tag": "latest",
            "architecture": "amd64",
            "fsLayers": [{ "blobSum": layer.as_str() }],
            "history": [{ "v1Compatibility": history }],
            "signatures": [{ "header": { "alg": "ES256" }, "signature": "bm9uZQ", "protected": "e30" }],
        });
        self.put_manifest(repository, Some("latest"), SCHEMA1_SIGNED, manifest.to_string());
    }

    /// An index whose entries name no platform: the configurations tell.
    fn put_without_platforms(&self, repository: &str) {
        let mut entries = self.put_children(Format::Oci, repository, "latest", &TWO, false);
        for entry in &mut entries {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("platform");
            }
        }
        self.put_manifest(repository, Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    }

    /// An index with nothing but an attestation, about an image that is not in it.
    fn put_attestation_only(&self, repository: &str) {
        let about = Digest::sha256(b"an image that is elsewhere");
        let (digest, size) = self.put_attestation(repository, &about);
        let entries = [attestation_entry(&digest, size, &about)];
        self.put_manifest(repository, Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    }

    /// An index whose arm64 image the registry does not have.
    fn put_missing_child(&self, repository: &str) {
        let mut entries = self.put_children(Format::Oci, repository, "latest", &["linux/amd64"], false);
        let missing = Digest::sha256(b"never stored");
        entries.push(image_entry(OCI_MANIFEST, &missing, 500, "linux/arm64"));
        self.put_manifest(repository, Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    }

    /// An index that calls an image arm64 whose configuration says amd64.
    fn put_lying_index(&self, repository: &str) {
        let (digest, size) = self.put_image_as(Format::Oci, repository, None, "linux/amd64");
        let entries = [
            image_entry(OCI_MANIFEST, &digest, size, "linux/amd64"),
            image_entry(OCI_MANIFEST, &digest, size, "linux/arm64"),
        ];
        self.put_manifest(repository, Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    }
}
