//! That the registry answers, and that each fault does what it says, seen from a bare TCP connection.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use workson_oci::Digest;

use super::images::{OCI_INDEX, OFFICIAL};
use super::{Auth, EndlessTags, Fault, MemoryRegistry, Method, On, TokenAuth, TokenField, index};

const MANIFEST: &str = "/v2/library/thing/manifests/latest";
const ACCEPT: (&str, &str) = ("Accept", "text/plain, application/vnd.oci.image.index.v1+json;q=0.5");

/// What came over a connection until it ended, or until the body was there.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request that asks to close, and reads to the end.
async fn send(
    registry: &MemoryRegistry,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(registry.addr()).await?;
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await?;
    let end = received.windows(4).position(|w| w == b"\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head, body: received[end + 4..].to_vec() })
}

async fn get(registry: &MemoryRegistry, target: &str) -> Answer {
    send(registry, "GET", target, &[ACCEPT], b"").await.unwrap()
}

async fn head(registry: &MemoryRegistry, target: &str) -> Answer {
    send(registry, "HEAD", target, &[ACCEPT], b"").await.unwrap()
}

/// A registry with one index, and the bytes of it.
async fn with_index() -> (MemoryRegistry, Vec<u8>) {
    let registry = MemoryRegistry::start().await.unwrap();
    let bytes = index("thing", &OFFICIAL, true);
    registry.put_manifest("library/thing", Some("latest"), OCI_INDEX, bytes.clone());
    (registry, bytes)
}

/// The answer to a GET of the index under a fault.
async fn under(fault: Fault) -> (Answer, Vec<u8>) {
    let (registry, bytes) = with_index().await;
    registry.fault(fault, On::get("/manifests/"), None);
    (get(&registry, MANIFEST).await, bytes)
}

#[tokio::test]
async fn manifests_by_tag_and_digest() {
    let (registry, bytes) = with_index().await;
    assert!((4_000..6_500).contains(&bytes.len()), "{}", bytes.len());
    let digest = Digest::sha256(&bytes);
    for reference in ["latest", digest.as_str()] {
        let target = format!("/v2/library/thing/manifests/{reference}");
        let answer = get(&registry, &target).await;
        assert_eq!((answer.status, &answer.body), (200, &bytes));
        let bare = head(&registry, &target).await;
        assert_eq!((bare.status, bare.body.len(), &bare.head), (200, 0, &answer.head));
        assert_eq!(answer.header("content-type"), Some(OCI_INDEX));
        assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(answer.header("content-length"), Some(bytes.len().to_string().as_str()));
        let etag = answer.header("etag").unwrap();
        let again = send(&registry, "GET", &target, &[ACCEPT, ("If-None-Match", etag)], b"").await.unwrap();
        assert_eq!((again.status, again.body.len(), again.header("content-length")), (304, 0, None));
    }
    assert_eq!((registry.count_manifest_gets(), registry.count_manifest_heads()), (4, 2));
    assert_eq!(registry.requests()[1].method, Method::Head);
    assert_eq!(registry.requests()[0].header("accept"), Some(ACCEPT.1));
    registry.record(false);
    registry.clear_requests();

    let wildcard = send(&registry, "GET", MANIFEST, &[("Accept", "*/*")], b"").await.unwrap();
    assert_eq!((wildcard.status, wildcard.code().as_str()), (404, "MANIFEST_UNKNOWN"));
    assert!(String::from_utf8_lossy(&wildcard.body).contains("does not support OCI indexes"));
    registry.strict_accept(false);
    assert_eq!(send(&registry, "GET", MANIFEST, &[], b"").await.unwrap().status, 200);
    assert!(registry.delete_tag("library/thing", "latest"));
    assert_eq!(get(&registry, MANIFEST).await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(get(&registry, "/v2/nothing/tags/list").await.code(), "NAME_UNKNOWN");
    assert_eq!(get(&registry, "/v2/").await.body, b"{}");
    assert_eq!((registry.requests().len(), registry.count_manifest_gets()), (0, 3));
}

#[tokio::test]
async fn pipelined_requests_and_one_connection() {
    let (registry, bytes) = with_index().await;
    let mut stream = TcpStream::connect(registry.addr()).await.unwrap();
    let one = format!("GET {MANIFEST} HTTP/1.1\r\nHost: x\r\nAccept: {OCI_INDEX}\r\n\r\n");
    let last = "GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{}{last}", one.repeat(50)).as_bytes()).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.windows(bytes.len()).filter(|w| *w == bytes).count(), 50);
    assert!(received.ends_with(b"{}"));
    assert!(registry.requests().iter().all(|request| request.connection == 1));
    assert_eq!(registry.requests().len(), 51);
}

#[tokio::test]
async fn answers_instead() {
    let (registry, bytes) = with_index().await;
    registry.fault(Fault::too_many_requests(Some("7")), On::get("/v2/*/manifests/*"), Some(2));
    registry.fault(Fault::status(503), On::any(), Some(1));
    registry.fault(Fault::Redirect { to: String::new(), code: 307 }, On::path("thing"), Some(1));
    registry.fault(Fault::status(500), On::get("/v2/*/tags"), None);
    assert_eq!(head(&registry, "/v2/").await.status, 503);
    for expected in [429, 429, 307, 200] {
        let answer = get(&registry, MANIFEST).await;
        assert_eq!(answer.status, expected);
        match expected {
            429 => assert_eq!(
                (answer.header("retry-after"), answer.code().as_str()),
                (Some("7"), "TOOMANYREQUESTS")
            ),
            307 => assert_eq!(answer.header("location"), Some(MANIFEST)),
            _ => assert_eq!(answer.body, bytes),
        }
    }
    registry.fault(Fault::Reset, On::any(), Some(1));
    let reset = send(&registry, "GET", MANIFEST, &[], b"").await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    registry.fault(Fault::RawResponse(Bytes::from_static(b"HTTP/1.1 2OO\r\n\r\nx")), On::any(), Some(1));
    assert_eq!(get(&registry, MANIFEST).await.head, "HTTP/1.1 2OO");
    registry.fault(Fault::Hang, On::any(), None);
    let hung = timeout(Duration::from_millis(100), get(&registry, MANIFEST)).await;
    assert!(hung.is_err());
    registry.clear_faults();
    assert_eq!(get(&registry, MANIFEST).await.status, 200);
}

#[tokio::test]
async fn changed_headers_and_bytes() {
    let (answer, bytes) = under(Fault::WrongBytes).await;
    let different = answer.body.iter().zip(&bytes).filter(|(a, b)| a != b).count();
    assert_eq!((answer.body.len(), different), (bytes.len(), 1));
    assert!(answer.json()["manifests"].is_array());
    assert_eq!(answer.header("docker-content-digest"), Some(Digest::sha256(&bytes).as_str()));

    let (answer, _) = under(Fault::WrongDigestHeader("sha256:0".to_owned())).await;
    assert_eq!(answer.head.matches("Docker-Content-Digest: ").count(), 1);
    assert_eq!(answer.header("docker-content-digest"), Some("sha256:0"));
    assert_eq!(answer.header("content-type"), Some(OCI_INDEX));
    let both = vec![Fault::NoDigestHeader, Fault::ContentType("text/html".to_owned())];
    let (answer, bytes) = under(Fault::All(both)).await;
    assert_eq!(answer.header("docker-content-digest"), None);
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.body, bytes);
    let (answer, _) = under(Fault::ContentType(String::new())).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, None));
}

#[tokio::test]
async fn bodies_that_come_differently() {
    let (answer, bytes) = under(Fault::CutBody { after: 100 }).await;
    assert_eq!(answer.body, bytes[..100]);
    assert_eq!(answer.header("content-length"), Some(bytes.len().to_string().as_str()));

    let (answer, bytes) = under(Fault::NoContentLength).await;
    assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (None, None));
    assert_eq!(answer.body, bytes);

    let (answer, bytes) = under(Fault::Chunked).await;
    assert_eq!(
        (answer.header("content-length"), answer.header("transfer-encoding")),
        (None, Some("chunked"))
    );
    let expected = [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(answer.body, expected);

    let started = Instant::now();
    let every = Duration::from_millis(20);
    let (answer, bytes) = under(Fault::Trickle { bytes_per: 1000, every }).await;
    assert_eq!(answer.body, bytes);
    assert!(started.elapsed() >= every * (bytes.len() as u32 / 1000));

    let started = Instant::now();
    under(Fault::SlowHeaders(Duration::from_millis(60))).await;
    assert!(started.elapsed() >= Duration::from_millis(60));

    let (registry, bytes) = with_index().await;
    registry.fault(Fault::EndlessBody, On::any(), None);
    let mut stream = TcpStream::connect(registry.addr()).await.unwrap();
    let request = format!("GET {MANIFEST} HTTP/1.1\r\nAccept: {OCI_INDEX}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = vec![0; 1_000_000];
    stream.read_exact(&mut received).await.unwrap();
    assert!(received.windows(bytes.len()).any(|w| w == bytes));
}

#[tokio::test]
async fn tags_come_in_pages() {
    let (registry, bytes) = with_index().await;
    let digest = Digest::sha256(&bytes);
    for tag in ["b", "a", "d", "c"] {
        assert!(registry.put_tag("library/thing", tag, &digest));
    }
    registry.set_tag_page(2);
    let mut target = "/v2/library/thing/tags/list?n=100".to_owned();
    let mut found = Vec::new();
    loop {
        let answer = get(&registry, &target).await;
        found.push(answer.json()["tags"].to_string());
        let Some(link) = answer.header("link") else { break };
        target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    assert_eq!(found, [r#"["a","b"]"#, r#"["c","d"]"#, r#"["latest"]"#]);
    assert_eq!(get(&registry, "/v2/library/thing/tags/list?n=x").await.status, 400);

    for (kind, fresh) in [(EndlessTags::New, true), (EndlessTags::Same, false)] {
        registry.clear_faults();
        registry.fault(Fault::EndlessLink(kind), On::path("/tags/list"), None);
        let mut pages = Vec::new();
        let mut target = "/v2/library/thing/tags/list".to_owned();
        for _ in 0..3 {
            let answer = get(&registry, &target).await;
            let link = answer.header("link").unwrap().split(['<', '>']).nth(1).unwrap().to_owned();
            assert_ne!(link, target);
            target = link;
            pages.push(answer.json()["tags"].to_string());
        }
        assert_eq!((pages[0] != pages[1], pages[1] != pages[2]), (fresh, fresh));
    }
}

#[tokio::test]
async fn blobs_ranges_referrers_and_pages() {
    let registry = MemoryRegistry::start().await.unwrap();
    let digest = registry.put_blob("r", "0123456789");
    let target = format!("/v2/r/blobs/{digest}");
    for (range, status, body) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-3", 206, "789"),
        ("bytes=8-99", 206, "89"),
        ("bytes=0-1,4-5", 200, "0123456789"),
        ("lines=0-1", 200, "0123456789"),
    ] {
        let answer = send(&registry, "GET", &target, &[("Range", range)], b"").await.unwrap();
        assert_eq!(
            (answer.status, String::from_utf8_lossy(&answer.body).as_ref()),
            (status, body),
            "{range}"
        );
    }
    let answer = send(&registry, "GET", &target, &[("Range", "bytes=10-")], b"").await.unwrap();
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(head(&registry, &target).await.header("content-length"), Some("10"));
    assert_eq!(get(&registry, &format!("/v2/other/blobs/{digest}")).await.code(), "BLOB_UNKNOWN");

    let about = registry.put_image("r", Some("latest"), "linux/arm64");
    let signature = format!(r#"{{"artifactType":"a/b","subject":{{"digest":"{about}"}}}}"#);
    let signature = registry.put_manifest("r", None, "application/vnd.oci.image.manifest.v1+json", signature);
    let answer = get(&registry, &format!("/v2/r/referrers/{about}?artifactType=a%2Fb")).await;
    assert_eq!(answer.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(answer.json()["manifests"][0]["digest"], signature.as_str());
    let none = get(&registry, &format!("/v2/r/referrers/{about}?artifactType=c")).await;
    assert_eq!(none.json()["manifests"], Value::Array(Vec::new()));

    registry.put_page("/v2/repositories/library/", "application/json", "1");
    registry.put_page("/v2/repositories/library/?page=2", "application/json", "2");
    assert_eq!(get(&registry, "/v2/repositories/library/?page=2").await.body, b"2");
    assert_eq!(get(&registry, "/v2/repositories/library/?page=3").await.body, b"1");
}

#[tokio::test]
async fn rate_limit_counts_gets() {
    let (registry, _) = with_index().await;
    registry.rate_limit(2, 3600);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let told = head(&registry, MANIFEST).await;
        assert_eq!(told.header("ratelimit-limit"), Some("2;w=3600"));
        seen.push((
            told.header("ratelimit-remaining").unwrap()[..1].to_owned(),
            get(&registry, MANIFEST).await.status,
        ));
    }
    let expected = [("2", 200), ("1", 200), ("0", 429)].map(|(left, status)| (left.to_owned(), status));
    assert_eq!(seen, expected);
    assert_eq!(get(&registry, MANIFEST).await.code(), "TOOMANYREQUESTS");
    assert_eq!(head(&registry, MANIFEST).await.status, 200);
}

#[tokio::test]
async fn basic_authentication() {
    let (registry, _) = with_index().await;
    registry.require(Auth::Basic { user: "me".to_owned(), password: "secret".to_owned() });
    let answer = get(&registry, MANIFEST).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"));
    assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
    let proof = ("Authorization", "Basic bWU6c2VjcmV0");
    assert_eq!(send(&registry, "GET", MANIFEST, &[ACCEPT, proof], b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn token_handshake() {
    let (registry, _) = with_index().await;
    registry.require(Auth::Token(TokenAuth {
        service: "s".to_owned(),
        credentials: Some(("me".to_owned(), "secret".to_owned())),
        refresh_token: Some("identity".to_owned()),
        expires_in: Some(60),
        valid_uses: Some(2),
        field: TokenField::AccessToken,
        ..TokenAuth::default()
    }));
    let scope = "repository:library/thing:pull";
    registry.fault(Fault::status(500), On::get("/manifests/"), Some(1));
    let challenge = get(&registry, MANIFEST).await;
    let expected =
        format!("Bearer realm=\"http://{}/token\",service=\"s\",scope=\"{scope}\"", registry.host());
    assert_eq!((challenge.status, challenge.header("www-authenticate")), (401, Some(expected.as_str())));

    let target = format!("/token?service=s&scope={scope}&offline_token=true");
    assert_eq!(get(&registry, &target).await.status, 401);
    let proof = ("Authorization", "Basic bWU6c2VjcmV0");
    let granted = send(&registry, "GET", &target, &[proof], b"").await.unwrap().json();
    assert_eq!((&granted["refresh_token"], &granted["expires_in"]), (&"identity".into(), &60.into()));
    assert_eq!(granted["token"], Value::Null);
    let bearer = |granted: &Value| format!("Bearer {}", granted["access_token"].as_str().unwrap());
    let first = bearer(&granted);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer =
            send(&registry, "GET", MANIFEST, &[ACCEPT, ("Authorization", &first)], b"").await.unwrap();
        statuses.push((answer.status, answer.head.contains("invalid_token")));
    }
    // The fault spared the challenge, and the token was good for two.
    assert_eq!(statuses, [(500, false), (200, false), (401, true)]);

    let form = format!("grant_type=refresh_token&refresh_token=identity&service=s&scope={scope}");
    let granted = send(&registry, "POST", "/token", &[], form.as_bytes()).await.unwrap().json();
    let second = bearer(&granted);
    let other = "/v2/other/tags/list";
    let answer = send(&registry, "GET", other, &[("Authorization", &second)], b"").await.unwrap();
    assert!(answer.status == 401 && answer.head.contains("insufficient_scope"), "{}", answer.head);
    let wrong = form.replace("=identity", "=guess");
    assert_eq!(send(&registry, "POST", "/token", &[], wrong.as_bytes()).await.unwrap().status, 401);
    let form = format!("grant_type=password&username=me&password=secret&scope={scope}");
    assert_eq!(send(&registry, "POST", "/token", &[], form.as_bytes()).await.unwrap().status, 200);
    registry.revoke_tokens();
    let answer = send(&registry, "GET", MANIFEST, &[("Authorization", &second)], b"").await.unwrap();
    assert_eq!((answer.status, registry.count_token_requests()), (401, 5));
    assert_eq!(TokenField::default(), TokenField::Token);
}

#[tokio::test]
async fn uploads() {
    let registry = MemoryRegistry::start().await.unwrap();
    let digest = Digest::sha256(b"content");
    let started = send(&registry, "POST", "/v2/a/blobs/uploads/", &[], b"").await.unwrap();
    let location = started.header("location").unwrap().to_owned();
    let chunk = send(&registry, "PATCH", &location, &[("Content-Range", "0-2")], b"con").await.unwrap();
    assert_eq!((chunk.status, chunk.header("range")), (202, Some("0-2")));
    let disorder = send(&registry, "PATCH", &location, &[("Content-Range", "9-11")], b"ten").await.unwrap();
    assert_eq!(disorder.status, 416);
    let target = format!("{location}?digest={digest}");
    assert_eq!(send(&registry, "PUT", &target, &[], b"tent").await.unwrap().status, 201);
    assert_eq!(registry.blob("a", digest.as_str()).as_deref(), Some(b"content".as_slice()));
    assert_eq!(send(&registry, "PUT", &target, &[], b"tent").await.unwrap().code(), "BLOB_UPLOAD_UNKNOWN");

    let mount = format!("/v2/b/blobs/uploads/?mount={digest}&from=a");
    assert_eq!(send(&registry, "POST", &mount, &[], b"").await.unwrap().status, 201);
    let wrong = format!("/v2/b/blobs/uploads/?digest={digest}");
    assert_eq!(send(&registry, "POST", &wrong, &[], b"other").await.unwrap().code(), "DIGEST_INVALID");
    let manifest = format!(r#"{{"config":{{"digest":"{digest}"}}}}"#);
    for (repository, status) in [("b", 201), ("c", 400)] {
        let target = format!("/v2/{repository}/manifests/new");
        let headers = [("Content-Type", "x/y")];
        assert_eq!(
            send(&registry, "PUT", &target, &headers, manifest.as_bytes()).await.unwrap().status,
            status
        );
    }
    assert_eq!(get(&registry, "/v2/b/manifests/new").await.header("content-type"), Some("x/y"));
    assert_eq!(send(&registry, "DELETE", "/v2/b/manifests/new", &[], b"").await.unwrap().status, 202);
}

#[tokio::test]
async fn everything_a_tour_names_is_there_and_deterministic() {
    let (one, two) = (MemoryRegistry::start().await.unwrap(), MemoryRegistry::start().await.unwrap());
    let references = one.put_tour();
    assert_eq!(two.put_tour(), references);
    for reference in &references {
        let (repository, tag) = reference.split_once(':').unwrap();
        let bytes = one.manifest(repository, tag).unwrap();
        assert_eq!(two.manifest(repository, tag).unwrap(), bytes);
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let missing = one.shared.store().missing_part(repository, &manifest);
        assert_eq!(missing.is_some(), repository == "library/missing-child", "{reference}");
    }
    let windows = super::platform("windows(10.0.17763.1)/amd64");
    let expected =
        serde_json::json!({ "architecture": "amd64", "os": "windows", "os.version": "10.0.17763.1" });
    assert_eq!(windows, expected);
    assert_eq!(super::platform("linux/arm/v7")["variant"], "v7");
}

#[tokio::test]
async fn dropping_it_ends_its_connections() {
    let (registry, _) = with_index().await;
    let addr = registry.addr();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    idle.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").await.unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    registry.stop().await;
    let mut rest = Vec::new();
    timeout(Duration::from_secs(5), idle.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}
