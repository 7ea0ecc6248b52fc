//! Tokens and credentials: fetched once, renewed when they end, and sent to nobody but whom they are for.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod faults_support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use faults_support::{TWO, client, ends, keychain, keychain_of, quick, reference, with_thing};
use workson_registry::testing::{Auth, Fault, MemoryRegistry, Method, On, Recorded, TokenAuth, TokenField};
use workson_registry::{Exchange, Kind, Options};

const USER: &str = "robot";
const PASSWORD: &str = "s3cret-password";
/// `robot:s3cret-password`
const ENCODED: &str = "cm9ib3Q6czNjcmV0LXBhc3N3b3Jk";

fn with_credentials() -> TokenAuth {
    TokenAuth { credentials: Some((USER.into(), PASSWORD.into())), ..TokenAuth::default() }
}

async fn on_another_address() -> MemoryRegistry {
    let registry = MemoryRegistry::start_on("127.0.0.2:0".parse().unwrap()).await.unwrap();
    registry.require(Auth::Token(TokenAuth::default()));
    registry
}

fn authorizations(requests: &[Recorded]) -> Vec<&str> {
    requests.iter().filter_map(|request| request.header("authorization")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_questions_at_once_about_one_repository_need_one_token() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(TokenAuth::default()));
    let client = client(quick());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, thing) = (client.clone(), thing.clone());
        asking.spawn(async move { client.image(&thing, false).await.is_ok() });
    }
    assert!(ends(asking.join_all()).await.into_iter().all(|ok| ok));
    assert_eq!(registry.count_token_requests(), 1);
    // One of them learnt what the registry wants; the others asked with the token at once.
    assert_eq!(registry.count_manifest_gets(), 51);
}

#[tokio::test]
async fn each_repository_gets_a_token_of_its_own() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.require(Auth::Token(TokenAuth { service: "memory".into(), ..TokenAuth::default() }));
    let client = client(quick());
    for name in ["library/a", "library/b"] {
        registry.put_image_index(name, "latest", &TWO);
        ends(client.image(&reference(&registry, name), false)).await.unwrap();
    }
    let tokens: Vec<String> =
        registry.requests().iter().filter(|r| r.path.starts_with("/token")).map(|r| r.path.clone()).collect();
    assert_eq!(tokens.len(), 2);
    for (path, name) in tokens.iter().zip(["library%2Fa", "library%2Fb"]) {
        assert!(path.contains("service=memory"), "{path}");
        assert!(path.contains(&format!("scope=repository%3A{name}%3Apull")), "{path}");
    }
}

#[tokio::test]
async fn a_token_that_ends_midway_is_renewed_unnoticed() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(TokenAuth { valid_uses: Some(3), ..TokenAuth::default() }));
    let client = client(quick());
    for _ in 0..10 {
        ends(client.image(&thing, false)).await.unwrap();
    }
    assert_eq!(registry.count_token_requests(), 4);
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_not_sent_any_more() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(TokenAuth { expires_in: Some(1), ..TokenAuth::default() }));
    let client = client(quick());
    ends(client.image(&thing, false)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(950)).await;
    registry.clear_requests();
    ends(client.image(&thing, false)).await.unwrap();
    assert_eq!((registry.count_token_requests(), registry.count_manifest_gets()), (1, 1));
}

#[tokio::test]
async fn revoked_tokens_are_renewed_once_for_all_who_ask() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(TokenAuth::default()));
    let client = client(quick());
    ends(client.image(&thing, false)).await.unwrap();
    registry.revoke_tokens();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, thing) = (client.clone(), thing.clone());
        asking.spawn(async move { client.image(&thing, false).await.is_ok() });
    }
    assert!(ends(asking.join_all()).await.into_iter().all(|ok| ok));
    assert_eq!(registry.count_token_requests(), 2);
}

#[tokio::test]
async fn a_registry_that_takes_no_token_at_all_is_not_asked_for_ever() {
    let (registry, thing) = with_thing().await;
    let realm = format!("Bearer realm=\"http://{}/token\"", registry.host());
    registry.require(Auth::Token(TokenAuth::default()));
    let headers = vec![("WWW-Authenticate".to_owned(), realm)];
    let fault = Fault::Status { code: 401, headers, body: Bytes::new() };
    registry.fault(fault, On::path("/v2/").before_auth(), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    assert!(error.hint().unwrap().contains("login"), "{:?}", error.hint());
    assert!(registry.requests().len() < 10, "{}", registry.requests().len());
}

#[tokio::test]
async fn both_names_of_the_token_are_understood() {
    for field in [TokenField::Token, TokenField::AccessToken, TokenField::Both] {
        let (registry, thing) = with_thing().await;
        registry.require(Auth::Token(TokenAuth { field, ..TokenAuth::default() }));
        assert!(ends(client(quick()).image(&thing, false)).await.is_ok(), "{field:?}");
    }
}

#[tokio::test]
async fn user_and_password_go_to_the_token_service_alone() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(with_credentials()));
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain(folder.path(), &registry.host(), USER, PASSWORD);
    ends(client(Options { keychain, ..quick() }).image(&thing, false)).await.unwrap();
    for request in registry.requests() {
        let basic = request.header("authorization").is_some_and(|value| value.starts_with("Basic "));
        assert_eq!(basic, request.path.starts_with("/token"), "{request:?}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_said_to_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    for auth in
        [Auth::Token(with_credentials()), Auth::Basic { user: USER.into(), password: PASSWORD.into() }]
    {
        let (registry, thing) = with_thing().await;
        registry.require(auth);
        let keychain = keychain(folder.path(), &registry.host(), USER, "0utdated");
        let error = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
        assert!(error.hint().unwrap().contains("docker login 127.0.0.1:"), "{:?}", error.hint());
        let all = format!("{error} {error:?}");
        assert!(!all.contains("0utdated") && !all.contains("Basic "), "{all}");
        assert!(registry.requests().len() <= 3, "{}", registry.requests().len());
    }
}

#[tokio::test]
async fn without_credentials_the_hint_is_to_log_in() {
    for auth in
        [Auth::Token(with_credentials()), Auth::Basic { user: USER.into(), password: PASSWORD.into() }]
    {
        let (registry, thing) = with_thing().await;
        registry.require(auth);
        let client = client(quick());
        for _ in 0..2 {
            let error = ends(client.image(&thing, false)).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
            assert!(error.hint().unwrap().contains("log in first"), "{:?}", error.hint());
        }
    }
}

#[tokio::test]
async fn basic_credentials_are_sent_when_they_are_wanted_and_not_before() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Basic { user: USER.into(), password: PASSWORD.into() });
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain(folder.path(), &registry.host(), USER, PASSWORD);
    let client = client(Options { keychain, ..quick() });
    for _ in 0..2 {
        ends(client.image(&thing, false)).await.unwrap();
    }
    let requests = registry.requests();
    let sent: Vec<_> = requests.iter().map(|request| request.header("authorization").is_some()).collect();
    assert_eq!(sent, [false, true, true]);
}

// Who must not get them -----------------------------------------------------------------------------------------

#[tokio::test]
async fn a_token_service_at_another_address_does_not_get_the_credentials() {
    let (registry, thing) = with_thing().await;
    let elsewhere = on_another_address().await;
    let realm = Some(format!("http://{}/token", elsewhere.host()));
    registry.require(Auth::Token(TokenAuth { realm, ..TokenAuth::default() }));
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain(folder.path(), &registry.host(), USER, PASSWORD);
    let error = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await.unwrap_err();
    // Its tokens are not this registry's, so there is no answer in the end.
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    assert!(elsewhere.count_token_requests() > 0);
    assert_eq!(authorizations(&elsewhere.requests()), Vec::<&str>::new());
}

#[tokio::test]
async fn it_is_said_that_credentials_were_withheld() {
    let (registry, thing) = with_thing().await;
    let elsewhere = MemoryRegistry::start_on("127.0.0.2:0".parse().unwrap()).await.unwrap();
    elsewhere.require(Auth::Token(with_credentials()));
    let realm = Some(format!("http://{}/token", elsewhere.host()));
    registry.require(Auth::Token(TokenAuth { realm, ..TokenAuth::default() }));
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain(folder.path(), &registry.host(), USER, PASSWORD);
    let error = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    assert!(error.to_string().contains("127.0.0.2"), "{error}");
    assert!(error.hint().unwrap().contains("not sent"), "{:?}", error.hint());
}

#[tokio::test]
async fn a_token_service_at_another_port_of_the_same_machine_gets_the_credentials() {
    let (registry, thing) = with_thing().await;
    let service = MemoryRegistry::start().await.unwrap();
    service.require(Auth::Token(with_credentials()));
    let realm = Some(format!("http://{}/token", service.host()));
    registry.require(Auth::Token(TokenAuth { realm, ..TokenAuth::default() }));
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain(folder.path(), &registry.host(), USER, PASSWORD);
    let _ = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await;
    assert_eq!(authorizations(&service.requests())[0], format!("Basic {ENCODED}"));
}

#[tokio::test]
async fn a_token_service_that_redirects_elsewhere_does_not_pass_the_password_on() {
    for code in [301, 302, 307, 308] {
        let (registry, thing) = with_thing().await;
        let elsewhere = on_another_address().await;
        registry.require(Auth::Token(with_credentials()));
        let to = format!("http://{}/token", elsewhere.host());
        registry.fault(Fault::Redirect { to, code }, On::path("/token").before_auth(), None);
        let folder = tempfile::tempdir().unwrap();
        let keychain = keychain(folder.path(), &registry.host(), USER, PASSWORD);
        let _ = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await;
        assert_eq!(authorizations(&elsewhere.requests()), Vec::<&str>::new(), "{code}");
    }
}

#[tokio::test]
async fn a_token_service_that_redirects_elsewhere_does_not_pass_the_identity_token_on() {
    for code in [301, 302, 303, 307, 308] {
        let (registry, thing) = with_thing().await;
        let elsewhere = on_another_address().await;
        registry.require(Auth::Token(TokenAuth::default()));
        let to = format!("http://{}/token", elsewhere.host());
        registry.fault(Fault::Redirect { to, code }, On::path("/token").before_auth(), None);
        let folder = tempfile::tempdir().unwrap();
        let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"s3cret-identity"}}}}}}"#, registry.host());
        let keychain = keychain_of(folder.path(), &text);
        let _ = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await;
        let with_body: Vec<_> = elsewhere
            .requests()
            .into_iter()
            .filter(|request| request.header("content-length").is_some_and(|length| length != "0"))
            .collect();
        assert!(with_body.is_empty(), "{code}: the form with the identity token went there: {with_body:?}");
    }
}

#[tokio::test]
async fn a_realm_that_is_no_web_address_is_not_asked() {
    for realm in ["file:///etc/passwd", "ftp://127.0.0.1/token", "token", "http://", ""] {
        let (registry, thing) = with_thing().await;
        registry.require(Auth::Token(TokenAuth { realm: Some(realm.into()), ..TokenAuth::default() }));
        let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Redirect | Kind::Unauthorized), "{realm:?}: {error}");
        assert_eq!(registry.count_token_requests(), 0, "{realm:?}");
    }
}

// Identity tokens -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_identity_token_is_traded_for_a_token() {
    let (registry, thing) = with_thing().await;
    let refresh_token = Some("s3cret-identity".to_owned());
    registry.require(Auth::Token(TokenAuth { refresh_token, ..with_credentials() }));
    let folder = tempfile::tempdir().unwrap();
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"s3cret-identity"}}}}}}"#, registry.host());
    let options = Options { keychain: keychain_of(folder.path(), &text), ..quick() };
    ends(client(options).image(&thing, false)).await.unwrap();
    let tokens: Vec<_> = registry.requests().into_iter().filter(|r| r.path.starts_with("/token")).collect();
    assert_eq!(tokens.iter().map(|r| r.method).collect::<Vec<_>>(), [Method::Post]);
    assert!(!tokens[0].path.contains("s3cret"), "a secret in an address: {}", tokens[0].path);
}

#[tokio::test]
async fn a_service_that_knows_no_identity_tokens_is_asked_the_old_way() {
    for code in [404, 405] {
        let (registry, thing) = with_thing().await;
        registry.require(Auth::Token(TokenAuth {
            credentials: Some(("<token>".into(), "s3cret-identity".into())),
            ..TokenAuth::default()
        }));
        let on = On { method: Some(Method::Post), ..On::path("/token").before_auth() };
        registry.fault(Fault::status(code), on, None);
        let folder = tempfile::tempdir().unwrap();
        let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"s3cret-identity"}}}}}}"#, registry.host());
        let options = Options { keychain: keychain_of(folder.path(), &text), ..quick() };
        assert!(ends(client(options).image(&thing, false)).await.is_ok(), "{code}");
    }
}

// A token service under faults ----------------------------------------------------------------------------------

/// The error of a question whose token service suffers `fault` always.
async fn token_fault(fault: Fault) -> workson_registry::Error {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(TokenAuth::default()));
    registry.fault(fault, On::path("/token").before_auth(), None);
    let options = Options { request_timeout: Duration::from_millis(400), ..quick() };
    let error = ends(client(options).image(&thing, false)).await.unwrap_err();
    assert!(error.to_string().contains("/token"), "which service? {error}");
    error
}

fn answer(body: &str) -> Fault {
    Fault::Status { code: 200, headers: Vec::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[tokio::test]
async fn a_token_service_that_fails_for_a_moment_is_asked_again() {
    for fault in
        [Fault::status(503), Fault::Reset, Fault::too_many_requests(None), Fault::CutBody { after: 5 }]
    {
        let (registry, thing) = with_thing().await;
        registry.require(Auth::Token(TokenAuth::default()));
        registry.fault(fault.clone(), On::path("/token").before_auth(), Some(2));
        assert!(ends(client(quick()).image(&thing, false)).await.is_ok(), "{fault:?}");
        assert_eq!(registry.count_token_requests(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn each_failure_of_a_token_service_has_its_kind() {
    for (fault, kind) in [
        (Fault::status(500), Kind::Server),
        (Fault::status(403), Kind::Denied),
        (Fault::status(401), Kind::Unauthorized),
        (Fault::status(404), Kind::BadResponse),
        (Fault::Reset, Kind::Network),
        (Fault::CutBody { after: 5 }, Kind::Network),
        (Fault::Hang, Kind::Timeout),
        (Fault::EndlessBody, Kind::TooLarge),
        (Fault::Redirect { to: String::new(), code: 307 }, Kind::Redirect),
        (answer("<html>s3cret</html>"), Kind::BadResponse),
        (answer("{}"), Kind::BadResponse),
        (answer(r#"{"token":""}"#), Kind::BadResponse),
        (answer(r#"{"token":"s3cret\nInjected: yes"}"#), Kind::BadResponse),
        (answer(r#"{"token":"s3cret", "expires_in": "soon"}"#), Kind::BadResponse),
        (answer(&"[".repeat(10_000)), Kind::BadResponse),
    ] {
        let error = token_fault(fault.clone()).await;
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_token_service_that_asks_for_a_long_wait_is_an_error_that_says_how_long() {
    let error = token_fault(Fault::too_many_requests(Some("3600"))).await;
    assert_eq!(error.kind(), Kind::RateLimited, "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{error} ({:?})", error.hint());
}

#[tokio::test]
async fn a_strange_life_of_a_token_is_no_trouble() {
    for life in ["0", "-5", "1e300", "0.5", "null"] {
        let (registry, thing) = with_thing().await;
        registry.require(Auth::Token(TokenAuth::default()));
        let client = client(quick());
        ends(client.image(&thing, false)).await.unwrap();
        let token = registry
            .requests()
            .iter()
            .find_map(|request| request.header("authorization")?.strip_prefix("Bearer ").map(str::to_owned))
            .unwrap();
        let body = format!(r#"{{"token":"{token}","expires_in":{life}}}"#);
        registry.fault(answer(&body), On::path("/token").before_auth(), None);
        let fresh = faults_support::client(quick());
        for _ in 0..2 {
            assert!(ends(fresh.image(&thing, false)).await.is_ok(), "expires_in {life}");
        }
    }
}

// Secrets -------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_trace_shows_no_secret() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(with_credentials()));
    registry.fault(Fault::status(503), On::get("/manifests/"), Some(1));
    let folder = tempfile::tempdir().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    let options = Options {
        keychain: keychain(folder.path(), &registry.host(), USER, PASSWORD),
        observer: Some(Arc::new(move |exchange: &Exchange| {
            kept.lock().unwrap().push(format!("{exchange:?}"))
        })),
        ..quick()
    };
    ends(client(options).image(&thing, false)).await.unwrap();
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), registry.requests().len());
    for line in lines.iter() {
        for secret in [PASSWORD, ENCODED, "memory-registry-token", "Basic", "Bearer"] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
    assert!(lines.iter().any(|line| line.contains("authorized: true")));
}

#[tokio::test]
async fn a_credential_file_that_can_not_be_read_is_named_and_not_quoted() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(with_credentials()));
    let folder = tempfile::tempdir().unwrap();
    for text in ["{\"auths\":{\"x\":{\"auth\":s3cret}}}", "[1]", "\u{feff}{}"] {
        let keychain = keychain_of(folder.path(), text);
        let error = ends(client(Options { keychain, ..quick() }).image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials, "{text}: {error}");
        assert!(error.to_string().contains("config.json"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error}");
    }
}

/// The helper has to be in the PATH, which no test can change for itself.
#[test]
#[cfg(unix)]
fn a_credential_helper_is_run_once_for_all_repositories() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("docker-credential-counting");
    let answer = format!(r#"{{"Username":"{USER}","Secret":"{PASSWORD}"}}"#);
    std::fs::write(&helper, format!("#!/bin/sh\ncat >/dev/null\necho run >>\"$0.runs\"\necho '{answer}'\n"))
        .unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "thirty_private_images_with_a_helper_in_the_path"])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    let runs = std::fs::read_to_string(folder.path().join("docker-credential-counting.runs")).unwrap();
    assert_eq!(runs, "run\n");
}

#[tokio::test]
#[ignore = "run by `a_credential_helper_is_run_once_for_all_repositories`"]
async fn thirty_private_images_with_a_helper_in_the_path() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(30);
    registry.require(Auth::Token(with_credentials()));
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain_of(folder.path(), r#"{"credsStore":"counting"}"#);
    let client = client(Options { keychain, ..quick() });
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..30 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(async move { client.image(&image, false).await.map(|_| ()) });
    }
    for told in ends(asking.join_all()).await {
        assert_eq!(told.map_err(|error| error.to_string()), Ok(()));
    }
}

#[tokio::test]
async fn a_broken_credential_file_does_not_matter_where_nobody_asks_for_credentials() {
    let (_registry, thing) = with_thing().await;
    let folder = tempfile::tempdir().unwrap();
    let keychain = keychain_of(folder.path(), "{");
    assert!(ends(client(Options { keychain, ..quick() }).image(&thing, false)).await.is_ok());
}
