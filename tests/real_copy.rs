//! `workson copy` between Debian's `docker-registry`s, with skopeo to push and to read back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

use parts::certificates::{Authority, htpasswd};
use parts::docker_registry::DockerRegistry;
use parts::image::{Layout, SIX};
use parts::skopeo::Skopeo;
use parts::tap::Tap;
use parts::token_server::{Asked, Grant, TokenServer};
use parts::user::{Answer, User};
use serde_json::json;

const PASSWORD: &str = "correct-horse-7431";
/// `alice:correct-horse-7431` and `bob:battery-staple-55` in base64.
const ALICE: &str = "YWxpY2U6Y29ycmVjdC1ob3JzZS03NDMx";
const BOB: &str = "Ym9iOmJhdHRlcnktc3RhcGxlLTU1";

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
        // It is asked whether each of six manifests and their blobs is there, and only the tag's document is read.
        assert_eq!(methods.iter().filter(|method| *method == "GET").count(), 1, "{methods:?}");
        assert!(methods.len() <= 1 + 1 + 6 + 2 * 6, "{methods:?}");
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
    let users = htpasswd(folder.path(), "alice", PASSWORD);
    let registry = DockerRegistry::with_htpasswd(storage.path(), &users, &certificate, &key);
    let mut layout = Layout::new();
    layout.tag_small_index("it", &SIX);
    let place = format!("oci:{}:it", layout.path().display());
    let target = registry.reference("team/app:1");
    let user = User::new().with_secret(PASSWORD).with_secret(ALICE);
    let ca = authority.certificate();
    let push = |user: &User| {
        let arguments = ["push", &place, &target, UNREAD, "--ca-certificate", ca.to_str().unwrap()];
        user.workson(&arguments)
    };
    let refused = push(&user).exits(2);
    assert!(refused.stderr.contains("docker login"), "{}", refused.stderr);
    let auths = json!({ "auths": { registry.host(): { "auth": ALICE } } });
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

/// Alice may do what she asks for, and bob may pull; others may do nothing.
fn as_they_may(asked: &Asked) -> Grant {
    match asked.authorization.as_deref().and_then(|sent| sent.strip_prefix("Basic ")) {
        Some(ALICE) => Grant::pull(),
        Some(BOB) => Grant::PullAlone,
        Some(_) => Grant::Refused,
        None => Grant::nothing(),
    }
}

#[test]
fn a_registry_with_tokens_takes_images_from_who_may_push_and_sees_no_password() {
    let (storage, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let tokens = TokenServer::start(&authority, as_they_may);
    let registry = DockerRegistry::with_tokens(storage.path(), &tokens.realm(), tokens.certificate());
    let tap = Tap::before(registry.host());
    let mut layout = Layout::new();
    layout.tag_small_index("1", &SIX);
    layout.tag_small_index("2", &SIX);
    let place = |name: &str| format!("oci:{}:{name}", layout.path().display());
    let reference = |name: &str| format!("{}/{name}", tap.host());
    let user = |login: Option<&str>| {
        let user = User::new()
            .with_secret(PASSWORD)
            .with_secret(ALICE)
            .with_secret("battery-staple")
            .with_secret(BOB);
        if let Some(login) = login {
            user.file(
                ".docker/config.json",
                &json!({ "auths": { tap.host(): { "auth": login } } }).to_string(),
            );
        }
        user
    };
    let run = |user: &User, arguments: &[&str]| -> Answer {
        let answer = user.workson(&[arguments, &[UNREAD, "--verbose"]].concat());
        tokens.issued().iter().for_each(|token| answer.hides(token));
        answer
    };
    let (alice, bob, nobody) = (user(Some(ALICE)), user(Some(BOB)), user(None));
    let scopes = || -> Vec<String> { tokens.asked().into_iter().flat_map(|asked| asked.scopes).collect() };
    let digest = |reference: &str| -> Option<String> {
        let answer = alice.workson(&["query", reference, "--json"]);
        answer.image()["digest"].as_str().map(str::to_owned)
    };

    let (target, other) = (reference("team/app:1"), reference("team/other:1"));
    let told = run(&alice, &["push", &place("1"), &target, "--json"]).exits(0).json();
    let pushed = told["digest"].as_str().unwrap();
    assert_eq!(digest(&target).as_deref(), Some(pushed));
    assert!(scopes().contains(&"repository:team/app:pull,push".to_owned()), "{:?}", scopes());

    // Within the registry blobs are taken over, by a token that lets her read the one and write the other.
    let told = run(&alice, &["copy", &target, &other, "--json"]).exits(0).json();
    assert_eq!((&told["published"][0]["sent"], &told["digest"]), (&json!(0), &json!(pushed)));
    assert_eq!(digest(&other).as_deref(), Some(pushed));
    let of_both = tokens.asked().into_iter().any(|asked| {
        let has = |scope: &str| asked.scopes.iter().any(|one| one == scope);
        has("repository:team/other:pull,push") && has("repository:team/app:pull")
    });
    assert!(of_both, "{:?}", scopes());

    // Who may not push changes nothing, and is told what to do.
    for (user, tried) in [(&bob, "/blobs/uploads/: 401"), (&nobody, "/manifests/1: 401")] {
        for arguments in [["push", &place("2"), &target], ["copy", &place("2"), &other]] {
            let answer = run(user, &arguments).exits(2);
            let told = answer.stderr.lines().last().unwrap();
            let hint = format!("`docker login {}`", tap.host());
            assert!(told.contains(tried) && told.contains(&hint) && answer.stdout.is_empty(), "{told}");
        }
        assert_eq!(digest(&target).as_deref(), Some(pushed));
        assert_eq!(digest(&other).as_deref(), Some(pushed));
    }
    assert!(tap.authorizations().iter().all(|sent| sent.starts_with("Bearer ")), "the password stays away");
    // She may still, and the tag moves.
    run(&alice, &["push", &place("2"), &target]).exits(0);
    assert_ne!(digest(&target).as_deref(), Some(pushed));
}
