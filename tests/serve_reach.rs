//! What strangers can't make the service do: reach what is not public, tell what is behind it, or take a text for markup.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod serve_support;
mod site_support;

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use cli_support::Home;
use serve_support::{Answer, Server, encoded};
use site_support::{HOSTILE, html};
use workson_oci::Digest;
use workson_registry::testing::{Auth, Fault, MemoryRegistry, On, TokenAuth};

async fn registry() -> MemoryRegistry {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    registry
}

/// A server that asks the registry at `host`, wherever it is, and no other.
fn serve(home: &Home, host: &str) -> Server {
    Server::start(home, &["--registry", host, "--internal", host, "--questions-per-minute", "0"])
}

fn query(image: &str) -> String {
    format!("/api/v1/query?image={}&platform=linux/arm64", encoded(image))
}

/// Where a request would have arrived.
struct Witness(TcpListener);

impl Witness {
    fn new() -> Witness {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Witness(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// The system has a connection ready before whoever connects hears that it came about, so none is still to come.
    #[track_caller]
    fn saw_nothing(&self, what: &str) {
        assert!(self.0.accept().is_err(), "{what}");
    }
}

/// Hosts that are this machine or a network of its operator, in all the ways of writing them.
const HOSTS: [&str; 16] = [
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "a.localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "169.254.169.254",
    "10.0.0.1",
    "[fd00::1]",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_an_image_leads_to_a_private_host() {
    let registry = registry().await;
    let (home, witness) = (Home::new(), Witness::new());
    let server = serve(&home, &registry.host());
    for host in HOSTS {
        let images = [
            format!("{host}:{}/library/thing", witness.port()),
            format!("{host}:{}/library/thing:latest", witness.port()),
            format!("http://{host}:{}/library/thing", witness.port()),
            format!("{}@{host}:{}/thing", registry.host(), witness.port()),
            format!("{}/../{host}:{}/thing", registry.host(), witness.port()),
        ];
        for image in images {
            for target in [query(&image), query(&image).replace("/api/v1/query", "/query/")] {
                let answer = server.get(&target);
                // What no reference can be is told as such.
                assert!(matches!(answer.status, 400 | 403), "{image}: {answer:?}");
            }
            witness.saw_nothing(&image);
        }
    }
    let refused = server.get(&query(&format!("127.0.0.1:{}/thing", witness.port()))).is(403).json();
    assert_eq!(refused["error"]["kind"], "registry-not-allowed");
    assert!(refused["error"]["hint"].as_str().unwrap().contains(&registry.host()));
    for other in ["ghcr.io/a/b", "nginx", "registry.example/a"] {
        assert_eq!(server.get(&query(other)).is(403).json()["error"]["kind"], "registry-not-allowed");
    }
    assert!(registry.requests().is_empty(), "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_allowed_is_not_asked_where_it_is_not_public() {
    let (home, witness) = (Home::new(), Witness::new());
    for host in ["localhost", "127.0.0.1", "a.localhost"] {
        let host = format!("{host}:{}", witness.port());
        let server = Server::start(&home, &["--registry", &host]);
        let answer = server.get(&query(&format!("{host}/library/thing"))).is(200).json();
        assert_eq!(
            (&answer["error"]["kind"], &answer["supports"][0]["verdict"]),
            (&"not-public".into(), &"unknown".into())
        );
        witness.saw_nothing(&host);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_asked_leads_to_no_private_host() {
    let (home, witness) = (Home::new(), Witness::new());
    let registry = registry().await;
    // Where tokens are given out is learned once: each place needs a registry of its own.
    let mut guarded = Vec::new();
    for _ in 0..2 * HOSTS.len() {
        guarded.push(MemoryRegistry::start().await.unwrap());
    }
    let hosts: Vec<String> = guarded.iter().chain([&registry]).map(MemoryRegistry::host).collect();
    let server = serve(&home, &hosts.join(","));
    let ask = |registry: &MemoryRegistry, name: &str, what: &str| -> Answer {
        registry.put_image(&format!("library/{name}"), Some("latest"), "linux/arm64");
        let before = registry.requests().len();
        let answer = server.get(&query(&format!("{}/library/{name}", registry.host()))).is(200);
        let told = answer.json();
        assert_eq!(told["supports"][0]["verdict"], "unknown", "{what}: {told}");
        assert!(!told.to_string().contains("secret"), "{told}");
        assert!(registry.requests().len() > before, "the registry itself was asked");
        witness.saw_nothing(what);
        answer
    };
    let schemes = HOSTS.iter().flat_map(|host| ["http", "https"].map(|scheme| (scheme, host)));
    for (at, ((scheme, host), guarded)) in schemes.zip(&guarded).enumerate() {
        let to = format!("{scheme}://{host}:{}/v2/secret", witness.port());
        // Once by a redirect of the manifest, once of the config, once by the place where tokens are given out.
        let redirect = |code| Fault::Redirect { to: to.clone(), code };
        registry.fault(redirect(307), On::path(&format!("/moved-{at}/manifests/")), None);
        assert_eq!(ask(&registry, &format!("moved-{at}"), &to).json()["error"]["kind"], "not-public", "{to}");
        registry.fault(redirect(302), On::path(&format!("/blob-{at}/blobs/")), None);
        ask(&registry, &format!("blob-{at}"), &to);
        guarded.require(Auth::Token(TokenAuth { realm: Some(to.clone()), ..TokenAuth::default() }));
        assert_eq!(ask(guarded, "token", &to).json()["error"]["kind"], "not-public", "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_told_names_what_is_behind_the_service() {
    let registry = registry().await;
    let home = Home::new();
    let host = registry.host();
    let mirror = format!("docker.io={host}");
    let server = Server::start(
        &home,
        &["--mirror", &mirror, "--registry", "docker.io", "--internal", &host, "--questions-per-minute", "0"],
    );
    let faults = [
        ("status-500", "server", Fault::status(500)),
        ("status-404", "not-found", Fault::status(404)),
        ("status-418", "bad-response", Fault::status(418)),
        ("denied", "denied", Fault::status(403)),
        ("limited", "rate-limited", Fault::too_many_requests(Some("0"))),
        ("reset", "network", Fault::Reset),
        ("wrong", "digest-mismatch", Fault::WrongBytes),
        ("digest", "digest-mismatch", Fault::WrongDigestHeader(Digest::sha256(b"other").to_string())),
        ("endless", "too-large", Fault::EndlessBody),
        ("elsewhere", "not-found", Fault::Redirect { to: format!("http://{host}/v2/x"), code: 301 }),
        ("around", "redirect", Fault::Redirect { to: String::new(), code: 307 }),
        ("nowhere", "not-public", Fault::Redirect { to: "http://10.0.0.1/".into(), code: 307 }),
        ("page", "invalid-image", Fault::ContentType("text/html".into())),
        ("raw", "network", Fault::RawResponse(Bytes::from_static(b"SSH-2.0-inner\r\n"))),
    ];
    let told_of = |name: &str| {
        let page = server.get(&query(name).replace("/api/v1/query", "/query/"));
        let document = server.get(&query(name));
        for text in [page.text(), document.text()] {
            for inner in ["127.0.0.1", host.as_str(), "10.0.0.1", "SSH-2.0", "localhost"] {
                assert!(!text.contains(inner), "{name}: {inner}: {text}");
            }
        }
        document.is(200).json()
    };
    for (name, kind, fault) in faults {
        // Once the manifest, once what it needs beside it: of an image alone, and of an index that names no platforms.
        for (what, path) in [("manifest", "manifests"), ("config", "blobs")] {
            // A blob is what its digest says, whatever stands beside it.
            if what == "config" && matches!(name, "digest" | "page") {
                continue;
            }
            let name = format!("{name}-{what}");
            registry.put_image(&format!("library/{name}"), Some("latest"), "linux/arm64");
            registry.fault(fault.clone(), On::path(&format!("/{name}/{path}/")), None);
            let told = told_of(&name);
            let verdict = &told["supports"][0]["verdict"];
            assert_eq!(verdict, "unknown", "{name}: {told}");
            assert!(what == "config" || told["error"]["kind"] == kind, "{name}: {told}");
        }
    }
    registry.fault(Fault::status(404), On::path("/no-platform/blobs/"), None);
    registry.fault(Fault::status(404), On::path("/nested-index/manifests/sha256"), None);
    for name in ["no-platform", "nested-index", "schema1", "artifact", "missing-child", "nothing"] {
        told_of(name);
    }
    registry.stop().await;
    assert_eq!(told_of("gone")["error"]["kind"], "network");
    // The operator is told more, but never who asked about what.
    let logged = server.logged();
    assert!(logged.contains("\"route\":\"query\"") && !logged.contains("no-platform"), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_meant_is_refused_with_a_reason() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry.host());
    let thing = encoded(&format!("{}/library/amd64-and-arm64", registry.host()));
    let long = "a".repeat(10_000);
    let many: String = (0..11).map(|at| format!("&platform=linux/new{at}")).collect();
    let same = "&platform=linux/arm64".repeat(50);
    for (asked, status, kind) in [
        (String::new(), 400, "invalid-reference"),
        ("image=".into(), 400, "invalid-reference"),
        ("image=%20%09".into(), 400, "invalid-reference"),
        (format!("image={thing}&image={thing}"), 400, "invalid-reference"),
        (format!("image={long}"), 414, ""),
        (format!("image={}", &long[..301]), 400, "invalid-reference"),
        (format!("image={thing}%00"), 400, "invalid-reference"),
        ("image=%ff%fe".into(), 400, "invalid-reference"),
        ("image=%e2%80%aenginx".into(), 400, "invalid-reference"),
        (format!("image={thing}%0d%0aset-cookie:%20a=b"), 400, "invalid-reference"),
        ("image=NGINX".into(), 400, "invalid-reference"),
        (format!("image={thing}&platform=linux/arm65"), 400, "invalid-platform"),
        (format!("image={thing}&platform=linus/arm64"), 400, "invalid-platform"),
        (format!("image={thing}&platform=%00"), 400, "invalid-platform"),
        (format!("image={thing}&platform=a/b/c/d/e"), 400, "invalid-platform"),
        (format!("image={thing}&platform={}", &long[..101]), 400, "invalid-platform"),
        (format!("image={thing}{many}"), 400, "too-many-platforms"),
        (format!("image={thing}{same}"), 200, ""),
        (format!("image={thing}&platform="), 200, ""),
        (format!("image={thing}&other=%00&x"), 200, ""),
        (format!("image=%20{thing}%20"), 200, ""),
    ] {
        let answer = server.get(&format!("/api/v1/query?{asked}"));
        let head = server.connect().ask("HEAD", &format!("/api/v1/query?{asked}"), &[]);
        let short: String = asked.chars().take(100).collect();
        assert_eq!((answer.status, head.status), (status, status), "{short}: {answer:?}");
        assert!(answer.body.len() < 8192, "{short}");
        assert!(answer.headers.iter().all(|(name, _)| name != "set-cookie"));
        if !kind.is_empty() {
            assert_eq!(answer.json()["error"]["kind"], kind, "{short}");
        }
        // The page says the same.
        let page = server.get(&format!("/query/?{asked}"));
        let has_no_image = matches!(asked.as_str(), "" | "image=" | "image=%20%09");
        assert_eq!(page.status, if has_no_image { 200 } else { status }, "{short}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        for target in ["/api/v1/query?image=a", "/query/?image=a"] {
            let refused = server.connect().ask(method, target, &[("content-length", "0")]).is(405);
            assert_eq!(refused.header("allow"), Some("GET, HEAD"));
        }
    }
    // An address of a document is spelled right, or it is not there.
    server.get("/api/v1/query/?image=a").is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_a_strangers_is_more_than_text() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry.host());
    let thing = encoded(&format!("{}/library/amd64-and-arm64", registry.host()));
    for text in HOSTILE {
        let text = encoded(text);
        for target in [
            format!("/query/?image={text}&platform={text}"),
            format!("/query/?image={thing}&platform={text}"),
            format!("/query/?image={thing}&platform=linux/arm64&{text}={text}"),
        ] {
            let page = server.get(&target);
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!(page.header("cache-control"), Some("no-store"));
            assert_eq!(html::faults(&page.text()), [""; 0], "{target}");
            assert!(!html::tags(&page.text()).any(|tag| tag.starts_with("img")), "{target}");
        }
    }
    // What a registry sends is no better.
    let evil = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": HOSTILE.map(|text| serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7,
            "digest": Digest::sha256(text.as_bytes()).to_string(),
            "platform": { "os": text, "architecture": text, "variant": text, "os.version": text, "os.features": [text] },
        })),
    });
    registry.put_manifest(
        "library/evil",
        Some("latest"),
        "application/vnd.oci.image.index.v1+json",
        evil.to_string(),
    );
    let page = server.text(&format!(
        "/query/?image={}&platform=linux/arm64",
        encoded(&format!("{}/library/evil", registry.host()))
    ));
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"), "{page}");
    assert_eq!(html::faults(&page), [""; 0]);
    assert!(!page.contains(['\u{202e}', '\u{2066}', '\u{1b}']), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_sends_for_ever_is_left_in_time() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry.host());
    let slow = Fault::Trickle { bytes_per: 1, every: Duration::from_millis(200) };
    registry.fault(slow, On::get("/many-platforms/"), None);
    registry.fault(Fault::EndlessBody, On::get("/no-arm64/"), None);
    for (name, kind) in [("no-arm64", "too-large"), ("many-platforms", "timeout")] {
        let answer = server.get(&query(&format!("{}/library/{name}", registry.host()))).is(200).json();
        assert_eq!(answer["error"]["kind"], kind, "{name}");
    }
}
