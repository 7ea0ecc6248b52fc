//! skopeo: what puts images into registries here, and the other opinion on everything that `workson` says.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::image::Layout;
use super::{output, run};

/// skopeo with a home of its own.
pub(crate) struct Skopeo {
    home: TempDir,
}

impl Skopeo {
    pub(crate) fn new() -> Skopeo {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        Skopeo { home }
    }

    /// `skopeo`, as somebody who runs on `platform`.
    fn command(&self, platform: Option<&str>) -> Command {
        let mut command = Command::new("skopeo");
        super::user::at_home(&mut command, self.home.path());
        // Root's cache of blobs would be shared by all tests; that of any other user is in the home.
        command.env("_CONTAINERS_ROOTLESS_UID", "1000");
        command.arg("--insecure-policy").arg("--tmpdir").arg(self.home.path().join("tmp"));
        if let Some(platform) = platform {
            let parts: Vec<&str> = platform.split('/').collect();
            command.args(["--override-os", parts[0], "--override-arch", parts[1]]);
            command.args(["--override-variant", parts.get(2).unwrap_or(&"")]);
        }
        command
    }

    /// Pushes what is tagged `name` in a layout, byte for byte.
    pub(crate) fn push(&self, layout: &Layout, name: &str, to: &str) {
        self.copy(layout, name, to, &["--preserve-digests"]);
    }

    /// Pushes what is tagged `name` in a layout as Docker's own media types.
    pub(crate) fn push_as_docker(&self, layout: &Layout, name: &str, to: &str) {
        self.copy(layout, name, to, &["--format", "v2s2"]);
    }

    fn copy(&self, layout: &Layout, name: &str, to: &str, how: &[&str]) {
        let mut command = self.command(None);
        command.args(["copy", "--quiet", "--all", "--dest-tls-verify=false"]).args(how);
        command.arg(format!("oci:{}:{name}", layout.path().display())).arg(format!("docker://{to}"));
        run("skopeo", &mut command, b"");
    }

    /// Copies the image for a platform from one place on disk to another, in whatever form that has.
    pub(crate) fn convert(&self, platform: &str, from: &str, to: &str) {
        let mut command = self.command(Some(platform));
        run("skopeo", command.args(["copy", "--quiet", from, to]), b"");
    }

    /// Deletes what a tag points at.
    pub(crate) fn delete(&self, reference: &str) {
        let mut command = self.command(None);
        command.args(["delete", "--tls-verify=false"]).arg(format!("docker://{reference}"));
        run("skopeo", &mut command, b"");
    }

    /// The bytes of the manifest or index, as the registry has them.
    pub(crate) fn raw(&self, reference: &str) -> Vec<u8> {
        let mut command = self.command(None);
        command.args(["inspect", "--raw", "--tls-verify=false"]).arg(format!("docker://{reference}"));
        run("skopeo", &mut command, b"")
    }

    /// [`Skopeo::raw`] of a registry in TLS, as a user of it; what skopeo says where that fails.
    pub(crate) fn raw_as(&self, reference: &str, authority: &Path, user: &str) -> Result<Vec<u8>, String> {
        let trusted = self.home.path().join("trusted");
        std::fs::create_dir_all(&trusted).unwrap();
        std::fs::copy(authority, trusted.join("ca.crt")).unwrap();
        let mut command = self.command(None);
        command.args(["inspect", "--raw", "--creds", user, "--cert-dir"]).arg(trusted);
        let output = output("skopeo", command.arg(format!("docker://{reference}")), b"");
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }

    /// The manifest or index, read.
    pub(crate) fn manifest(&self, reference: &str) -> Value {
        serde_json::from_slice(&self.raw(reference)).unwrap()
    }

    /// The digest of the manifest or index.
    pub(crate) fn digest(&self, reference: &str) -> String {
        self.digest_of(&self.raw(reference))
    }

    fn digest_of(&self, bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new_in(self.home.path()).unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let digest = run("skopeo", self.command(None).arg("manifest-digest").arg(file.path()), b"");
        String::from_utf8(digest).unwrap().trim().to_owned()
    }

    /// The digest of the image that skopeo pulls on `platform`; none where it finds nothing for it.
    pub(crate) fn pulled(&self, reference: &str, platform: &str) -> Option<String> {
        let pulled = tempfile::tempdir_in(self.home.path()).unwrap();
        let mut command = self.command(Some(platform));
        command.args(["copy", "--quiet", "--src-tls-verify=false"]);
        command.arg(format!("docker://{reference}")).arg(format!("dir:{}", pulled.path().display()));
        let output = output("skopeo", &mut command, b"");
        if output.status.success() {
            return Some(self.digest_of(&std::fs::read(pulled.path().join("manifest.json")).unwrap()));
        }
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("no image found in"), "skopeo failed: {said}");
        None
    }

    /// The platforms of an index, entry by entry: operating system, architecture, variant, digest, size.
    pub(crate) fn entries(&self, reference: &str) -> Vec<Entry> {
        let index = self.manifest(reference);
        let entries = index["manifests"].as_array().unwrap();
        entries.iter().map(|entry| Entry::of(&entry["platform"], entry)).collect()
    }
}

/// A platform as an index publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) os: Option<String>,
    pub(crate) architecture: Option<String>,
    pub(crate) variant: Option<String>,
    pub(crate) os_version: Option<String>,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

impl Entry {
    /// What an index's entry says.
    pub(crate) fn of(platform: &Value, descriptor: &Value) -> Entry {
        Entry::read(platform, "os.version", descriptor)
    }

    /// What `workson` says.
    pub(crate) fn told(answer: &Value) -> Entry {
        Entry::read(answer, "osVersion", answer)
    }

    fn read(platform: &Value, os_version: &str, descriptor: &Value) -> Entry {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Entry {
            os: text(&platform["os"]),
            architecture: text(&platform["architecture"]),
            variant: text(&platform["variant"]),
            os_version: text(&platform[os_version]),
            digest: text(&descriptor["digest"]).unwrap(),
            size: descriptor["size"].as_u64().unwrap(),
        }
    }
}

/// The platforms in `workson`'s answer for one image.
pub(crate) fn told_entries(answer: &Value) -> Vec<Entry> {
    answer["platforms"].as_array().unwrap().iter().map(Entry::told).collect()
}
