//! `workson` against Debian's `docker-registry` with token authentication, as Docker Hub and GHCR have it. The
//! token service is the test's own, the registry checks what it signs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

use std::time::Duration;

use parts::certificates::Authority;
use parts::docker_registry::{DockerRegistry, manifests};
use parts::image::{Layout, SIX};
use parts::skopeo::{Skopeo, told_entries};
use parts::tap::Tap;
use parts::token_server::{Asked, Grant, SERVICE, TokenServer};
use parts::user::{Answer, User};
use serde_json::json;
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse-7431";
/// `alice:correct-horse-7431` in base64.
const ALICE: &str = "YWxpY2U6Y29ycmVjdC1ob3JzZS03NDMx";
/// `alice:wrong-horse-9182` in base64.
const WRONG: &str = "YWxpY2U6d3JvbmctaG9yc2UtOTE4Mg==";

/// Repositories that hold the same index under the tags 0 to 9.
const REPOSITORIES: [&str; 4] = ["public/app", "public/slow", "private/app", "closed/app"];

/// A registry that wants tokens, its token service, and a tap before the registry.
struct Scene {
    registry: DockerRegistry,
    tap: Tap,
    tokens: TokenServer,
    /// The digests of the index's images.
    digests: Vec<String>,
    _authority: Authority,
    _storage: TempDir,
}

/// Anybody may pull `public/…`; alice may pull all. Others get a token that allows nothing (`private/…`), or
/// none at all (`closed/…`, or a wrong password).
fn as_hub_does(asked: &Asked) -> Grant {
    match &asked.authorization {
        Some(basic) if *basic == format!("Basic {ALICE}") => Grant::pull(),
        Some(_) => Grant::Refused,
        None if asked.repository().starts_with("public/") => Grant::pull(),
        None if asked.repository().starts_with("private/") => Grant::nothing(),
        None => Grant::Refused,
    }
}

impl Scene {
    fn new(decide: impl Fn(&Asked) -> Grant + Send + Sync + 'static) -> Scene {
        let storage = tempfile::tempdir().unwrap();
        let digests = {
            let open = DockerRegistry::open(storage.path());
            let (skopeo, mut layout) = (Skopeo::new(), Layout::new());
            layout.tag_small_index("app", &SIX);
            for repository in REPOSITORIES {
                let first = open.reference(&format!("{repository}:0"));
                skopeo.push(&layout, "app", &first);
                let index = skopeo.raw(&first);
                for tag in 1..10 {
                    let media_type = parts::image::OCI_INDEX;
                    parts::http::put_manifest(open.host(), repository, &tag.to_string(), media_type, &index);
                }
            }
            skopeo.entries(&open.reference("public/app:0")).into_iter().map(|entry| entry.digest).collect()
        };
        let authority = Authority::new();
        let tokens = TokenServer::start(&authority, decide);
        let registry = DockerRegistry::with_tokens(storage.path(), &tokens.realm(), tokens.certificate());
        let tap = Tap::before(registry.host());
        Scene { registry, tap, tokens, digests, _authority: authority, _storage: storage }
    }

    fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.tap.host())
    }

    /// A user whose secrets no output may show.
    fn user(&self) -> User {
        User::new()
            .with_secret(PASSWORD)
            .with_secret(ALICE)
            .with_secret("wrong-horse")
            .with_secret(&WRONG[..24])
    }

    /// A user who is logged in, in base64.
    fn logged_in(&self, login: &str) -> User {
        let user = self.user();
        let config = json!({ "auths": { self.tap.host(): { "auth": login } } });
        user.file(".docker/config.json", &config.to_string());
        user
    }

    /// Runs `workson --verbose`, and checks that it shows no token.
    fn workson(&self, user: &User, arguments: &[&str]) -> Answer {
        let answer = user.workson(&[&["--verbose"], arguments].concat());
        for token in self.tokens.issued() {
            answer.hides(&token);
            // Nor its signature, which is the secret part.
            answer.hides(token.rsplit('.').next().unwrap());
        }
        answer
    }

    /// Checks that the registry was sent tokens and nothing else.
    #[track_caller]
    fn registry_saw_tokens_alone(&self) {
        let issued = self.tokens.issued();
        for authorization in self.tap.authorizations() {
            let token = authorization.strip_prefix("Bearer ");
            let token = token.unwrap_or_else(|| panic!("the registry was sent something else than a token"));
            assert!(issued.iter().any(|known| known == token), "the registry was sent an unknown token");
        }
    }

    #[track_caller]
    fn is_told(&self, answer: &serde_json::Value) {
        assert_eq!(answer["error"], json!(null));
        let told = told_entries(answer);
        assert_eq!(told.into_iter().map(|entry| entry.digest).collect::<Vec<_>>(), self.digests);
    }
}

#[test]
fn one_token_for_each_repository_however_many_queries_wait_for_it() {
    let scene = Scene::new(as_hub_does);
    let references: Vec<String> = (0..10)
        .flat_map(|tag| ["public/app", "public/slow"].map(|name| scene.reference(&format!("{name}:{tag}"))))
        .collect();
    let mut arguments = vec!["--jobs", "32", "query", "--json"];
    arguments.extend(references.iter().map(String::as_str));
    let answers = scene.workson(&scene.user(), &arguments).exits(0).json();

    assert_eq!(answers.as_array().unwrap().len(), 20);
    for (answer, reference) in answers.as_array().unwrap().iter().zip(&references) {
        assert_eq!(answer["reference"], json!(reference));
        scene.is_told(answer);
    }
    let mut asked: Vec<String> = scene.tokens.asked().into_iter().map(|asked| asked.scope).collect();
    asked.sort();
    assert_eq!(asked, ["repository:public/app:pull", "repository:public/slow:pull"]);
    assert!(
        scene.tokens.asked().iter().all(|asked| asked.service == SERVICE && asked.authorization.is_none())
    );
    assert_eq!(manifests(&scene.registry.requests(), "GET", 200), 20);
    scene.registry_saw_tokens_alone();
}

#[test]
fn the_first_request_goes_alone_and_learns_for_all_that_tokens_are_wanted() {
    let scene = Scene::new(as_hub_does);
    let references: Vec<String> = (0..10).map(|tag| scene.reference(&format!("public/app:{tag}"))).collect();
    let mut arguments = vec!["--jobs", "32", "query", "--json"];
    arguments.extend(references.iter().map(String::as_str));
    scene.workson(&scene.user(), &arguments).exits(0);
    let requests = scene.registry.requests();
    assert_eq!(manifests(&requests, "GET", 401), 1, "requests without a token: {requests:?}");
    assert_eq!(manifests(&requests, "GET", 200), 10);
}

#[test]
fn the_password_goes_to_the_token_service_and_never_to_the_registry() {
    let scene = Scene::new(as_hub_does);
    let (private, closed) = (scene.reference("private/app:0"), scene.reference("closed/app:0"));
    let answers =
        scene.workson(&scene.logged_in(ALICE), &["query", "--json", &private, &closed]).exits(0).json();
    scene.is_told(&answers[0]);
    scene.is_told(&answers[1]);

    let asked = scene.tokens.asked();
    assert_eq!(asked.len(), 2, "one token for each repository");
    let expected = format!("Basic {ALICE}");
    assert!(asked.iter().all(|asked| asked.authorization.as_ref() == Some(&expected)));
    scene.registry_saw_tokens_alone();
    assert!(!scene.tap.authorizations().is_empty(), "the tap sees what is sent");
}

#[test]
fn a_private_repository_without_login_is_unauthorized_and_says_how_to_log_in() {
    let scene = Scene::new(as_hub_does);
    let login = format!("docker login {}", scene.tap.host());
    for name in ["private/app:0", "closed/app:0"] {
        let reference = scene.reference(name);
        let answer =
            scene.workson(&scene.user(), &["query", "--json", "-p", "linux/arm64", &reference]).exits(2);
        assert_eq!(answer.error_kind(), "unauthorized", "{name}");
        let image = answer.image();
        assert!(image["error"]["hint"].as_str().unwrap().contains(&login), "{name}: {}", image["error"]);
        assert_eq!(image["supports"][0]["verdict"], json!("unknown"), "unknown is never shown as no");
        let said = scene.workson(&scene.user(), &["query", &reference]).exits(2).stderr;
        assert!(said.contains(&login), "{name}: {said}");
    }
    // A repository that is not there cannot be told from one that is private; so it says here, too.
    let answer =
        scene.workson(&scene.user(), &["query", "--json", &scene.reference("private/none:1")]).exits(2);
    assert_eq!(answer.error_kind(), "unauthorized");
}

#[test]
fn a_wrong_password_is_unauthorized_and_asked_with_once() {
    let scene = Scene::new(as_hub_does);
    let reference = scene.reference("closed/app:0");
    let answer = scene.workson(&scene.logged_in(WRONG), &["query", "--json", &reference]).exits(2);
    assert_eq!(answer.error_kind(), "unauthorized");
    assert_eq!(scene.tokens.asked().len(), 1, "too many wrong passwords lock an account");
    assert!(scene.tap.authorizations().is_empty(), "the registry is sent nothing");
}

#[test]
fn an_inventory_spends_no_pull_on_being_asked_for_a_token() {
    let scene = Scene::new(as_hub_does);
    let user = scene.user();
    let references: Vec<String> =
        ["public/app:0", "public/slow:0", "closed/app:0"].map(|name| scene.reference(name)).to_vec();
    let list = user.file("list", &references.join("\n"));
    let answer = scene.workson(&user, &["inventory", "--json", list.to_str().unwrap()]).exits(2).json();
    assert_eq!(answer["platforms"][0]["supported"], json!(2));
    assert_eq!(answer["platforms"][0]["unknown"][0]["reference"], json!(references[2]));
    // The registry's own log is what pulls are counted by. Both repositories hold the same index, so that one
    // pull may be enough.
    let pulled = manifests(&scene.registry.requests(), "GET", 200);
    assert!((1..=2).contains(&pulled), "{pulled} pulls");
    assert_eq!(answer["run"]["pulls"], json!(pulled));
}

/// A token for `public/app` that the registry takes for two to three seconds, and one for `public/slow` that
/// takes longer to come; then everything lasts.
fn expires_while_waiting(expires_in: u64) -> impl Fn(&Asked) -> Grant {
    move |asked: &Asked| match (asked.repository(), asked.before) {
        ("public/app", 0) => Grant::Token { pull: true, good_for: 3, expires_in, after: Duration::ZERO },
        ("public/slow", 0) => {
            Grant::Token { pull: true, good_for: 3600, expires_in: 3600, after: Duration::from_millis(4500) }
        }
        _ => Grant::pull(),
    }
}

/// Looks at `public/app` before and after the slow token, one after the other.
fn inventory_during_which_a_token_expires(scene: &Scene) {
    let user = scene.user();
    let list = ["public/app:0", "public/slow:0", "public/app:1"].map(|name| scene.reference(name)).join("\n");
    let list = user.file("list", &list);
    let answer = scene.workson(&user, &["--jobs", "1", "inventory", "--json", list.to_str().unwrap()]);
    let run = answer.exits(0).json();
    assert_eq!((&run["total"], &run["platforms"][0]["supported"]), (&json!(3), &json!(3)));
    assert_eq!(scene.tokens.count("public/app"), 2, "a new token for the old one");
    assert_eq!(scene.tokens.count("public/slow"), 1);
    scene.registry_saw_tokens_alone();
}

fn refusals(scene: &Scene) -> usize {
    scene.registry.requests().iter().filter(|request| request.status == 401).count()
}

#[test]
fn a_token_that_expires_during_an_inventory_is_replaced_in_time() {
    let scene = Scene::new(expires_while_waiting(2));
    inventory_during_which_a_token_expires(&scene);
    assert_eq!(refusals(&scene), 1, "the service said how long it lasts, so it is replaced before it fails");
}

#[test]
fn a_token_that_the_registry_refuses_early_is_replaced() {
    // The service says an hour; the registry sees it differently, as when clocks differ or keys change.
    let scene = Scene::new(expires_while_waiting(3600));
    inventory_during_which_a_token_expires(&scene);
    assert_eq!(refusals(&scene), 2, "the challenge, and the token that had expired");
}

#[test]
fn a_service_whose_tokens_are_never_taken_is_not_asked_forever() {
    let stale =
        |_: &Asked| Grant::Token { pull: true, good_for: -600, expires_in: 3600, after: Duration::ZERO };
    let scene = Scene::new(stale);
    let reference = scene.reference("public/app:0");
    let answer = scene.workson(&scene.user(), &["query", "--json", &reference]).exits(2);
    assert_eq!(answer.error_kind(), "unauthorized");
    assert!(scene.tokens.asked().len() <= 3, "{} tokens", scene.tokens.asked().len());
}
