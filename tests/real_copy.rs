//! `workson copy` between Debian's `docker-registry`s, with skopeo to push and to read back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

use parts::certificates::{Authority, htpasswd};
use parts::docker_registry::DockerRegistry;
use parts::image::{Layout, SIX};
use parts::skopeo::Skopeo;
use parts::user::User;
use serde_json::json;

/// The small images hold no program: what they say is not what these tests are about.
const UNREAD: &str = "--no-verify";

#[test]
fn what_skopeo_pushes_is_copied_bit_for_bit_and_once() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (DockerRegistry::open(one.path()), DockerRegistry::open(two.path()));
    let (skopeo, user, mut layout) = (Skopeo::new(), User::new(), Layout::new());
    layout.tag_small_index("oci", &SIX);
    let source = from.reference("team/app:oci");
    skopeo.push(&layout, "oci", &source);
    let docker = from.reference("team/app:docker");
    skopeo.push_as_docker(&layout, "oci", &docker);
    for (source, name) in [(source, "copy/app:oci"), (docker, "copy/app:docker")] {
        let target = to.reference(name);
        let told = user.workson(&["copy", &source, &target, UNREAD, "--json"]).exits(0).json();
        assert_eq!(skopeo.raw(&target), skopeo.raw(&source));
        assert_eq!(told["digest"], json!(skopeo.digest(&source)));
        for platform in ["linux/arm64", "linux/s390x"] {
            // It fetches the layers too, and checks them.
            assert_eq!(skopeo.pulled(&target, platform), skopeo.pulled(&source, platform), "{platform}");
        }
        let before = to.requests().len();
        user.workson(&["copy", &source, &target, UNREAD]).exits(0);
        let methods: Vec<String> = to.requests()[before..].iter().map(|one| one.method.clone()).collect();
        assert!(methods.iter().all(|method| method == "GET" || method == "HEAD"), "{methods:?}");
        assert!(methods.len() <= 3, "{methods:?}");
    }
    // Within a registry blobs are taken over, and none is sent.
    let before = to.requests().len();
    user.workson(&["copy", &to.reference("copy/app:oci"), &to.reference("other/app:1"), UNREAD]).exits(0);
    let requests = to.requests().split_off(before);
    assert!(requests.iter().any(|one| one.path.contains("mount=") && one.status == 201), "{requests:?}");
    assert!(requests.iter().all(|one| one.method != "PATCH"), "{requests:?}");
}

#[test]
fn a_registry_that_wants_a_password_gets_it_and_nobody_else() {
    let (storage, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new();
    let (certificate, key) = authority.server("IP:127.0.0.1");
    let users = htpasswd(folder.path(), "alice", "correct-horse-7431");
    let registry = DockerRegistry::with_htpasswd(storage.path(), &users, &certificate, &key);
    let mut layout = Layout::new();
    layout.tag_small_index("it", &SIX);
    let place = format!("oci:{}:it", layout.path().display());
    let target = registry.reference("team/app:1");
    let user = User::new().with_secret("correct-horse-7431").with_secret("YWxpY2U6Y29ycmVjdC1ob3JzZS03NDMx");
    let ca = authority.certificate();
    let push = |user: &User| {
        let arguments = ["push", &place, &target, UNREAD, "--ca-certificate", ca.to_str().unwrap()];
        user.workson(&arguments)
    };
    let refused = push(&user).exits(2);
    assert!(refused.stderr.contains("docker login"), "{}", refused.stderr);
    let auths = json!({ "auths": { registry.host(): { "auth": "YWxpY2U6Y29ycmVjdC1ob3JzZS03NDMx" } } });
    let file = user.file(".docker/config.json", &auths.to_string());
    assert!(file.exists());
    push(&user).exits(0);
    let read = Skopeo::new().raw_as(&target, &authority.certificate(), "alice:correct-horse-7431").unwrap();
    assert_eq!(workson_oci::Digest::sha256(&read).to_string(), {
        let index: serde_json::Value =
            serde_json::from_slice(&std::fs::read(layout.path().join("index.json")).unwrap()).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    });
}
