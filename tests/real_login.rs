//! `workson` against Debian's `docker-registry` that speaks TLS and wants a user and a password (htpasswd).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

use parts::certificates::{Authority, htpasswd};
use parts::docker_registry::DockerRegistry;
use parts::image::{Layout, SIX};
use parts::skopeo::{Skopeo, told_entries};
use parts::user::{Answer, User};
use serde_json::json;
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse-7431";
/// `alice:correct-horse-7431` in base64.
const ALICE: &str = "YWxpY2U6Y29ycmVjdC1ob3JzZS03NDMx";
/// `alice:wrong-horse-9182` in base64.
const WRONG: &str = "YWxpY2U6d3JvbmctaG9yc2UtOTE4Mg==";

/// A registry with the index `private/app:1`, that alice may read.
struct Scene {
    registry: DockerRegistry,
    reference: String,
    authority: Authority,
    /// What an open registry on the same storage served.
    raw: Vec<u8>,
    _storage: TempDir,
}

impl Scene {
    /// The registry's certificate is for `subject`.
    fn new(subject: &str) -> Scene {
        let storage = tempfile::tempdir().unwrap();
        let raw = {
            let open = DockerRegistry::open(storage.path());
            let (skopeo, mut layout) = (Skopeo::new(), Layout::new());
            layout.tag_small_index("app", &SIX);
            skopeo.push(&layout, "app", &open.reference("private/app:1"));
            skopeo.raw(&open.reference("private/app:1"))
        };
        let authority = Authority::new();
        let (certificate, key) = authority.server(subject);
        let users = htpasswd(storage.path(), "alice", PASSWORD);
        let registry = DockerRegistry::with_htpasswd(storage.path(), &users, &certificate, &key);
        let reference = registry.reference("private/app:1");
        Scene { registry, reference, authority, raw, _storage: storage }
    }

    /// A user whose secrets no output may show.
    fn user(&self) -> User {
        let encoded = ALICE.trim_end_matches('=');
        User::new()
            .with_secret(PASSWORD)
            .with_secret(encoded)
            .with_secret("wrong-horse")
            .with_secret(&WRONG[..24])
    }

    /// A query, traced, by somebody who trusts the authority.
    fn query(&self, user: &User) -> Answer {
        let authority = self.authority.certificate();
        let arguments = ["query", "--json", "-v", "--ca-certificate", authority.to_str().unwrap()];
        user.workson(&[&arguments[..], &[&self.reference]].concat())
    }

    /// Checks that alice is told what skopeo is told, and that her password went through TLS alone.
    #[track_caller]
    fn is_told(&self, user: &User) {
        let answer = self.query(user).exits(0);
        for request in answer.trace() {
            assert!(
                !request.contains("http://") || !request.contains("authorized"),
                "in the clear: {request}"
            );
        }
        let image = answer.image();
        let (skopeo, credentials) = (Skopeo::new(), format!("alice:{PASSWORD}"));
        let raw = skopeo.raw_as(&self.reference, &self.authority.certificate(), &credentials).unwrap();
        assert_eq!(raw, self.raw);
        let index: serde_json::Value = serde_json::from_slice(&raw).unwrap();
        let digests: Vec<&str> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["digest"].as_str().unwrap())
            .collect();
        let told = told_entries(&image);
        assert_eq!(told.iter().map(|entry| entry.digest.as_str()).collect::<Vec<_>>(), digests);
    }

    /// Checks that nobody is told anything, for want of the right password.
    #[track_caller]
    fn is_refused(&self, user: &User) {
        let answer = self.query(user).exits(2);
        assert_eq!(answer.error_kind(), "unauthorized");
        let hint = answer.image()["error"]["hint"].clone();
        let login = format!("docker login {}", self.registry.host());
        assert!(hint.as_str().unwrap().contains(&login), "what to do next: {hint}");
    }
}

#[test]
fn an_authority_that_is_not_trusted_is_said_clearly() {
    let scene = Scene::new("IP:127.0.0.1");
    let answer = scene.user().workson(&["query", "--json", &scene.reference]).exits(2);
    assert_eq!(answer.error_kind(), "tls");
    let error = answer.image()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("certificate"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--ca-certificate"), "{error}");
    let said = scene.user().workson(&["query", &scene.reference]).exits(2).stderr;
    assert!(said.contains("certificate") && said.contains("--ca-certificate"), "{said}");
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    let scene = Scene::new("DNS:registry.example");
    let answer = scene.query(&scene.user()).exits(2);
    assert_eq!(answer.error_kind(), "tls");
    assert!(
        answer.image()["error"]["message"].as_str().unwrap().contains("certificate"),
        "{}",
        answer.text()
    );
    let credentials = format!("alice:{PASSWORD}");
    let said = Skopeo::new().raw_as(&scene.reference, &scene.authority.certificate(), &credentials);
    assert!(said.unwrap_err().contains("x509"), "skopeo does not trust it either");
}

#[test]
fn without_credentials_it_is_unauthorized_and_says_how_to_log_in() {
    let scene = Scene::new("IP:127.0.0.1");
    scene.is_refused(&scene.user());
}

#[test]
fn wrong_credentials_are_unauthorized_and_tried_once() {
    let scene = Scene::new("IP:127.0.0.1");
    let user = scene.user();
    user.file(
        ".docker/config.json",
        &json!({ "auths": { scene.registry.host(): { "auth": WRONG } } }).to_string(),
    );
    scene.is_refused(&user);
    let answer = scene.query(&user);
    let trace = answer.trace();
    let authorized = trace.iter().filter(|request| request.contains("authorized")).count();
    assert_eq!(authorized, 1, "a wrong password does not get better by being sent again: {trace:?}");
}

#[test]
fn credentials_for_another_registry_are_not_used() {
    let scene = Scene::new("IP:127.0.0.1");
    let user = scene.user();
    let others = json!({ "auths": { "127.0.0.1:1": { "auth": ALICE }, "https://index.docker.io/v1/": { "auth": ALICE } } });
    user.file(".docker/config.json", &others.to_string());
    scene.is_refused(&user);
    let answer = scene.query(&user);
    assert!(!answer.stderr.contains("authorized"), "nothing is sent: {}", answer.stderr);
}

#[test]
fn docker_logins_are_used() {
    let scene = Scene::new("IP:127.0.0.1");
    let login = json!({ "auths": { scene.registry.host(): { "auth": ALICE } } }).to_string();

    let at_home = scene.user();
    at_home.file(".docker/config.json", &login);
    scene.is_told(&at_home);

    let elsewhere = scene.user();
    let config = elsewhere.file("elsewhere/config.json", &login);
    let elsewhere = elsewhere.with("DOCKER_CONFIG", config.parent().unwrap());
    scene.is_told(&elsewhere);
}

#[test]
fn podman_logins_are_used() {
    let scene = Scene::new("IP:127.0.0.1");
    let login = json!({ "auths": { scene.registry.host(): { "auth": ALICE } } }).to_string();

    let named = scene.user();
    let file = named.file("somewhere/auth.json", &login);
    let named = named.with("REGISTRY_AUTH_FILE", file);
    scene.is_told(&named);

    for place in ["run/containers/auth.json", ".config/containers/auth.json"] {
        let user = scene.user();
        user.file(place, &login);
        scene.is_told(&user);
    }

    // podman keeps logins for a repository, too; they come before that of the registry.
    let user = scene.user();
    let repository = format!("{}/private/app", scene.registry.host());
    let login =
        json!({ "auths": { scene.registry.host(): { "auth": WRONG }, repository: { "auth": ALICE } } });
    user.file(".config/containers/auth.json", &login.to_string());
    scene.is_told(&user);
}

#[test]
fn credential_helpers_are_asked() {
    let scene = Scene::new("IP:127.0.0.1");
    let host = scene.registry.host();
    for config in [json!({ "credHelpers": { host: "test" } }), json!({ "credsStore": "test" })] {
        let user = scene.user();
        user.file(".docker/config.json", &config.to_string());
        let calls = user.file("calls", "");
        let script = format!(
            "#!/bin/sh\nserver=$(cat)\necho \"$* $server\" >> '{}'\n\
             [ \"$*\" = get ] && [ \"$server\" = '{host}' ] || {{\n\
               echo 'credentials not found in native keychain'; exit 1\n}}\n\
             echo '{{\"ServerURL\":\"{host}\",\"Username\":\"alice\",\"Secret\":\"{PASSWORD}\"}}'\n",
            calls.display()
        );
        let user = user.with_program("docker-credential-test", &script);
        scene.is_told(&user);
        let calls = std::fs::read_to_string(calls).unwrap();
        assert!(calls.lines().any(|call| call == format!("get {host}")), "the helper was asked: {calls}");
    }
}

#[test]
fn a_helper_that_fails_is_named() {
    let scene = Scene::new("IP:127.0.0.1");
    let user = scene.user();
    user.file(".docker/config.json", r#"{ "credsStore": "test" }"#);
    let script = format!("#!/bin/sh\necho 'the keychain is locked'\necho '{PASSWORD}' >&2\nexit 1\n");
    let user = user.with_program("docker-credential-test", &script);
    let answer = scene.query(&user).exits(2);
    assert_eq!(answer.error_kind(), "credentials");
    let message = answer.image()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("docker-credential-test"), "{message}");
}
