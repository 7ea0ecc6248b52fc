//! What the registry holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

/// Repositories, uploads under way, and extra pages.
#[derive(Debug, Default)]
pub(super) struct Store {
    repositories: HashMap<String, Repository>,
    /// Content type and bytes by path, with or without a query.
    pub(super) pages: HashMap<String, (String, Bytes)>,
    /// Bytes received so far, by the upload's number.
    pub(super) uploads: HashMap<u64, Vec<u8>>,
    pub(super) last_upload: u64,
}

#[derive(Debug, Default)]
pub(super) struct Repository {
    manifests: HashMap<String, Arc<Manifest>>,
    pub(super) tags: BTreeMap<String, Arc<Manifest>>,
    blobs: HashMap<String, Bytes>,
}

/// A manifest with what its answers need.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) digest: String,
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
    /// The header lines of an answer with this manifest.
    pub(super) lines: Bytes,
    /// The digest that its `subject` names.
    pub(super) subject: Option<String>,
}

impl Manifest {
    pub(super) fn new(digest: &str, media_type: &str, bytes: Bytes) -> Manifest {
        let mut lines = String::from("Docker-Distribution-Api-Version: registry/2.0\r\n");
        if !media_type.is_empty() {
            lines.push_str(&format!("Content-Type: {media_type}\r\n"));
        }
        lines.push_str(&format!("Docker-Content-Digest: {digest}\r\nETag: \"{digest}\"\r\n"));
        let subject = serde_json::from_slice::<Value>(&bytes)
            .ok()
            .and_then(|manifest| Some(manifest["subject"]["digest"].as_str()?.to_owned()));
        Manifest {
            digest: digest.to_owned(),
            media_type: media_type.to_owned(),
            bytes,
            lines: lines.into(),
            subject,
        }
    }

    /// The descriptor that the referrers API lists, and the artifact type in it.
    pub(super) fn referrer(&self) -> (Value, String) {
        let manifest = serde_json::from_slice::<Value>(&self.bytes).unwrap_or_default();
        let of = |value: &Value| value.as_str().map(str::to_owned);
        let artifact_type = of(&manifest["artifactType"])
            .or_else(|| of(&manifest["config"]["mediaType"]))
            .unwrap_or_default();
        let mut descriptor = json!({
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.bytes.len(),
            "artifactType": artifact_type,
        });
        if manifest["annotations"].is_object() {
            descriptor["annotations"] = manifest["annotations"].clone();
        }
        (descriptor, artifact_type)
    }
}

impl Store {
    pub(super) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    fn repository_mut(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(super) fn put_manifest(&mut self, repository: &str, tag: Option<&str>, manifest: Manifest) {
        let manifest = Arc::new(manifest);
        let repository = self.repository_mut(repository);
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), Arc::clone(&manifest));
        }
        repository.manifests.insert(manifest.digest.clone(), manifest);
    }

    pub(super) fn put_tag(&mut self, repository: &str, tag: &str, digest: &str) -> bool {
        let Some(repository) = self.repositories.get_mut(repository) else {
            return false;
        };
        let Some(manifest) = repository.manifests.get(digest).cloned() else {
            return false;
        };
        repository.tags.insert(tag.to_owned(), manifest);
        true
    }

    pub(super) fn put_blob(&mut self, repository: &str, digest: &str, bytes: Bytes) {
        self.repository_mut(repository).blobs.insert(digest.to_owned(), bytes);
    }

    /// By tag or by digest.
    pub(super) fn manifest(&self, repository: &str, reference: &str) -> Option<Arc<Manifest>> {
        let repository = self.repositories.get(repository)?;
        if reference.contains(':') {
            repository.manifests.get(reference).cloned()
        } else {
            repository.tags.get(reference).cloned()
        }
    }

    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.repositories.get(repository)?.blobs.get(digest).cloned()
    }

    pub(super) fn delete_tag(&mut self, repository: &str, tag: &str) -> bool {
        self.repositories.get_mut(repository).is_some_and(|r| r.tags.remove(tag).is_some())
    }

    pub(super) fn delete_manifest(&mut self, repository: &str, digest: &str) -> bool {
        let Some(repository) = self.repositories.get_mut(repository) else {
            return false;
        };
        repository.tags.retain(|_, manifest| manifest.digest != digest);
        repository.manifests.remove(digest).is_some()
    }

    pub(super) fn delete_blob(&mut self, repository: &str, digest: &str) -> bool {
        self.repositories.get_mut(repository).is_some_and(|r| r.blobs.remove(digest).is_some())
    }

    /// The digest of something that `manifest` names and the repository does not have.
    pub(super) fn missing_part(&self, repository: &str, manifest: &Value) -> Option<String> {
        let repository = self.repositories.get(repository);
        let has_blob = |digest: &str| repository.is_some_and(|r| r.blobs.contains_key(digest));
        let has_manifest = |digest: &str| repository.is_some_and(|r| r.manifests.contains_key(digest));
        let list = |key: &str| manifest[key].as_array().into_iter().flatten();
        let blobs = list("layers").filter(|layer| layer["urls"].is_null()).chain([&manifest["config"]]);
        let digest = |descriptor: &Value| descriptor["digest"].as_str().map(str::to_owned);
        let missing_blob = blobs.filter_map(digest).find(|digest| !has_blob(digest));
        missing_blob.or_else(|| list("manifests").filter_map(digest).find(|digest| !has_manifest(digest)))
    }
}

impl Repository {
    /// The manifests whose subject is `digest`, in order of their digests.
    pub(super) fn referrers(&self, digest: &str) -> Vec<Arc<Manifest>> {
        let about = |manifest: &&Arc<Manifest>| manifest.subject.as_deref() == Some(digest);
        let mut found: Vec<_> = self.manifests.values().filter(about).cloned().collect();
        found.sort_by(|a, b| a.digest.cmp(&b.digest));
        found
    }
}
