//! What comes of a push when the registry, or the wire, misbehaves: the right blob is there, or there is none and an
//! error says why. It never hangs, and never leaves an upload open that it could have cancelled.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod faults_support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use faults_support::{OCI_INDEX, client, ends, keychain, quick, repository, with_thing};
use proptest::prelude::*;
use workson_oci::{Content, Digest, MediaType, Repository};
use workson_registry::testing::{Auth, Fault, MemoryRegistry, Method, On, TokenAuth};
use workson_registry::{BlobOrigin, Client, Error, Kind, Options, Pieces, Pushed};

const UPLOADS: &str = "/blobs/uploads/";
/// A blob that is sent with the request that closes its upload, and one that is not.
const SMALL: usize = 1000;
const LARGE: usize = 1_300_000;

// What is pushed ----------------------------------------------------------------------------------------------

/// A blob in memory, that may end otherwise than it should.
#[derive(Default)]
struct Blob {
    bytes: Bytes,
    /// What comes after the last byte.
    error: Option<&'static str>,
    /// Whether nothing more comes, and no end either, from here on.
    stands_at: Option<usize>,
    opened: Mutex<Vec<u64>>,
}

impl Blob {
    fn of(length: usize) -> Blob {
        let bytes: Vec<u8> =
            (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        Blob { bytes: bytes.into(), ..Blob::default() }
    }

    fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }

    fn opened(&self) -> Vec<u64> {
        self.opened.lock().unwrap().clone()
    }
}

impl BlobOrigin for Blob {
    fn open(&self, offset: u64) -> Pieces {
        self.opened.lock().unwrap().push(offset);
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        let end = self.stands_at.unwrap_or(self.bytes.len());
        let (bytes, error) = (self.bytes.slice(offset as usize..end), self.error);
        let stands = self.stands_at.is_some();
        tokio::spawn(async move {
            for piece in bytes.chunks(64 << 10) {
                if sender.send(Ok(bytes.slice_ref(piece))).await.is_err() {
                    return;
                }
            }
            if let Some(error) = error {
                let _ = sender.send(Err(error.to_owned())).await;
            }
            if stands {
                sender.closed().await;
            }
        });
        receiver
    }
}

async fn empty() -> (MemoryRegistry, Repository) {
    let registry = MemoryRegistry::start().await.unwrap();
    let repository = repository(&registry, "team/app");
    (registry, repository)
}

async fn push(client: &Client, repository: &Repository, blob: &Blob) -> Result<Pushed, Error> {
    let size = blob.bytes.len() as u64;
    ends(client.push_blob(repository, &blob.digest(), size, &[], blob)).await
}

/// The methods of the requests so far, in order.
fn methods(registry: &MemoryRegistry) -> Vec<Method> {
    registry.requests().iter().map(|request| request.method).collect()
}

#[track_caller]
fn is_there(registry: &MemoryRegistry, blob: &Blob) {
    assert!(
        registry.blob("team/app", blob.digest().as_str()) == Some(blob.bytes.clone()),
        "the blob is not there"
    );
    assert_eq!(registry.open_uploads(), 0, "an upload was left open");
}

#[track_caller]
fn is_absent(registry: &MemoryRegistry, blob: &Blob) {
    assert!(registry.blob("team/app", blob.digest().as_str()).is_none(), "a blob is there");
    assert_eq!(registry.open_uploads(), 0, "an upload was left open");
}

// As it should be ---------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_small_blob_takes_two_requests_and_a_large_one_is_streamed() {
    use Method::{Head, Patch, Post, Put};
    let (registry, repository) = empty().await;
    for (length, expected) in [
        (0, vec![Head, Post, Put]),
        (1, vec![Head, Post, Put]),
        (SMALL, vec![Head, Post, Put]),
        (1 << 20, vec![Head, Post, Put]),
        ((1 << 20) + 1, vec![Head, Post, Patch, Put]),
        (LARGE, vec![Head, Post, Patch, Put]),
    ] {
        let (client, blob) = (client(quick()), Blob::of(length));
        assert!(!client.has_blob(&repository, &blob.digest()).await.unwrap());
        registry.clear_requests();
        assert_eq!(push(&client, &repository, &blob).await.unwrap(), Pushed::Uploaded);
        assert_eq!(methods(&registry), expected, "{length} bytes");
        is_there(&registry, &blob);
        for request in registry.requests() {
            assert_eq!(request.header("content-range"), None, "some registries refuse it");
            assert_eq!(request.header("transfer-encoding"), None, "the length is known");
            if request.method == expected[2] {
                assert_eq!(request.header("content-length"), Some(length.to_string().as_str()));
                assert_eq!(request.header("content-type").unwrap_or(OCTETS), OCTETS);
            }
        }
        assert!(client.has_blob(&repository, &blob.digest()).await.unwrap());
        assert_eq!(push(&client, &repository, &blob).await.unwrap(), Pushed::Existed);
    }
}

const OCTETS: &str = "application/octet-stream";

#[tokio::test]
async fn blobs_can_be_read_from_any_byte_on() {
    let (registry, repository) = empty().await;
    let blob = Blob::of(SMALL);
    registry.put_blob("team/app", blob.bytes.clone());
    let client = client(quick());
    for offset in [0, 1, SMALL - 1, SMALL] {
        let mut stream = client.blob_from(&repository, &blob.digest(), offset as u64).await.unwrap();
        let mut read = Vec::new();
        while let Some(chunk) = stream.chunk().await.unwrap() {
            read.extend_from_slice(&chunk);
        }
        assert_eq!(read, blob.bytes[offset..], "from {offset}");
    }
    let error = client.blob_from(&repository, &blob.digest(), SMALL as u64 + 1).await.err().unwrap();
    assert_eq!(error.kind(), Kind::BadResponse);
}

#[tokio::test]
async fn what_is_written_goes_to_the_registry_and_not_to_its_mirror() {
    let (registry, repository) = empty().await;
    let mirror = MemoryRegistry::start().await.unwrap();
    let mirrors = [(registry.host(), mirror.host())].into();
    let blob = Blob::of(SMALL);
    push(&client(Options { mirrors, ..quick() }), &repository, &blob).await.unwrap();
    is_there(&registry, &blob);
    assert!(mirror.requests().is_empty());
}

// Mounts ------------------------------------------------------------------------------------------------------

async fn mount(client: &Client, registry: &MemoryRegistry, blob: &Blob, from: &[&str]) -> Pushed {
    let from: Vec<Repository> = from.iter().map(|name| repository(registry, name)).collect();
    let to = repository(registry, "team/app");
    let size = blob.bytes.len() as u64;
    ends(client.push_blob(&to, &blob.digest(), size, &from, blob)).await.unwrap()
}

#[tokio::test]
async fn a_blob_that_another_repository_has_is_mounted() {
    let (registry, _) = empty().await;
    let blob = Blob::of(LARGE);
    registry.put_blob("other/app", blob.bytes.clone());
    let client = client(quick());
    // The first has it not, so that an upload is begun for nothing.
    assert_eq!(mount(&client, &registry, &blob, &["none/app", "other/app"]).await, Pushed::Mounted);
    is_there(&registry, &blob);
    assert!(blob.opened().is_empty() && !methods(&registry).contains(&Method::Patch));
}

#[tokio::test]
async fn where_no_mount_comes_about_the_blob_is_sent() {
    let large = Blob::of(LARGE);
    for status in [None, Some(405), Some(400), Some(403), Some(404)] {
        let (registry, _) = empty().await;
        if let Some(status) = status {
            registry.fault(Fault::status(status), On::path("mount="), None);
        }
        let client = client(quick());
        assert_eq!(mount(&client, &registry, &large, &["none/app", "none/more"]).await, Pushed::Uploaded);
        is_there(&registry, &large);
        let posts = methods(&registry).iter().filter(|method| **method == Method::Post).count();
        assert_eq!(posts, 2, "{status:?}: the last upload that was begun is used, and a refusal is believed");
    }
}

#[tokio::test]
async fn a_repository_of_another_registry_is_no_place_to_mount_from() {
    let (registry, _) = empty().await;
    let (client, blob) = (client(quick()), Blob::of(SMALL));
    let other: Repository = "127.0.0.1:1/x".parse::<workson_oci::Reference>().unwrap().repository().clone();
    let to = repository(&registry, "team/app");
    client.push_blob(&to, &blob.digest(), SMALL as u64, &[other, to.clone()], &blob).await.unwrap();
    assert!(registry.requests().iter().all(|request| !request.path.contains("mount")));
}

// Refusals ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_registry_that_refuses_one_way_is_sent_the_blob_in_the_other() {
    for status in [400, 404, 405, 411, 415, 416, 501] {
        for (length, method) in [(LARGE, Method::Patch), (SMALL, Method::Put)] {
            let (registry, repository) = empty().await;
            let blob = Blob::of(length);
            let times = if method == Method::Put { Some(1) } else { None };
            registry.fault(Fault::status(status), On::method(method, UPLOADS), times);
            let outcome = push(&client(quick()), &repository, &blob).await;
            // What is not found is an upload that was lost, whatever it is that loses it.
            if status == 404 && method == Method::Patch {
                assert_eq!(outcome.unwrap_err().kind(), Kind::NotFound);
                is_absent(&registry, &blob);
                continue;
            }
            outcome.unwrap();
            is_there(&registry, &blob);
        }
    }
}

#[tokio::test]
async fn a_registry_that_takes_a_blob_in_no_way_is_asked_a_few_times() {
    for length in [SMALL, LARGE] {
        let (registry, repository) = empty().await;
        let blob = Blob::of(length);
        registry.fault(Fault::status(405), On::method(Method::Patch, UPLOADS), None);
        registry.fault(Fault::status(405), On::method(Method::Put, UPLOADS), None);
        let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadResponse, "{error}");
        assert!(error.to_string().contains("405") && error.hint().is_some(), "{error}");
        is_absent(&registry, &blob);
        assert!(registry.requests().len() < 12, "{:?}", methods(&registry));
    }
}

#[tokio::test]
async fn no_space_is_said() {
    for (status, kind, word) in
        [(507, Kind::NoSpace, "space"), (413, Kind::NoSpace, "large"), (503, Kind::Server, "space")]
    {
        for early in [false, true] {
            for length in [SMALL, LARGE] {
                let (registry, repository) = empty().await;
                let blob = Blob::of(length);
                let fault = if early { Fault::Early(status) } else { Fault::status(status) };
                for method in [Method::Patch, Method::Put] {
                    registry.fault(fault.clone(), On::method(method, UPLOADS), None);
                }
                let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{status} {early} {length}: {error}");
                assert!(error.to_string().contains(&status.to_string()), "{error}");
                assert!(error.hint().unwrap().contains(word), "{:?}", error.hint());
                is_absent(&registry, &blob);
            }
        }
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_waited_for() {
    for fault in
        [Fault::status(503), Fault::Early(503), Fault::too_many_requests(Some("1")), Fault::status(500)]
    {
        for (length, method) in
            [(LARGE, Method::Post), (LARGE, Method::Patch), (LARGE, Method::Put), (SMALL, Method::Put)]
        {
            let (registry, repository) = empty().await;
            let blob = Blob::of(length);
            registry.fault(fault.clone(), On::method(method, UPLOADS), Some(1));
            push(&client(quick()), &repository, &blob).await.unwrap();
            is_there(&registry, &blob);
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_an_error_that_says_how_long() {
    let (registry, repository) = empty().await;
    let blob = Blob::of(LARGE);
    registry.fault(Fault::too_many_requests(Some("3600")), On::method(Method::Patch, UPLOADS), None);
    let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (Kind::RateLimited, Some(Duration::from_secs(3600))));
}

// Breaks ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_upload_that_breaks_goes_on_from_where_the_registry_has_it() {
    let (registry, repository) = empty().await;
    let blob = Blob::of(LARGE);
    for after in [500_000, 500_001] {
        registry.fault(Fault::BreakBody { after, keep: true }, On::method(Method::Patch, UPLOADS), Some(1));
    }
    push(&client(quick()), &repository, &blob).await.unwrap();
    is_there(&registry, &blob);
    assert_eq!(blob.opened(), [0, 500_000, 1_000_001]);
    let patches = registry.requests().into_iter().filter(|request| request.method == Method::Patch);
    let ranges: Vec<Option<String>> =
        patches.map(|request| request.header("content-range").map(str::to_owned)).collect();
    let end = LARGE - 1;
    assert_eq!(ranges, [None, Some(format!("500000-{end}")), Some(format!("1000001-{end}"))]);
}

#[tokio::test]
async fn an_upload_that_the_registry_has_lost_begins_anew() {
    let (registry, repository) = empty().await;
    let blob = Blob::of(LARGE);
    registry.fault(Fault::BreakBody { after: 9, keep: true }, On::method(Method::Patch, UPLOADS), Some(1));
    registry.fault(Fault::status(404), On::get(UPLOADS), Some(1));
    push(&client(quick()), &repository, &blob).await.unwrap();
    is_there(&registry, &blob);
    assert_eq!(blob.opened(), [0, 0]);
}

#[tokio::test]
async fn an_upload_that_always_breaks_ends() {
    for keep in [false, true] {
        let (registry, repository) = empty().await;
        let blob = Blob::of(LARGE);
        let on = On::method(Method::Patch, UPLOADS);
        registry.fault(Fault::BreakBody { after: 10, keep }, on, None);
        let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network, "{error}");
        assert!(error.to_string().contains("PATCH") && error.hint().is_some(), "{error}");
        is_absent(&registry, &blob);
        let patches = methods(&registry).iter().filter(|method| **method == Method::Patch).count();
        // Ten bytes more each time are progress, but not for ever.
        assert!(if keep { patches <= 64 } else { patches <= 4 }, "{patches}");
    }
}

/// A way to break at a step of an upload.
#[derive(Debug, Clone)]
struct Break {
    method: Method,
    fault: Fault,
    times: u32,
}

fn breaks() -> impl Strategy<Value = Break> {
    let method = prop::sample::select(vec![
        Method::Head,
        Method::Post,
        Method::Patch,
        Method::Get,
        Method::Put,
        Method::Delete,
    ]);
    let fault = prop_oneof![
        Just(Fault::Reset),
        Just(Fault::ResetAfter),
        (0..LARGE + 10, any::<bool>()).prop_map(|(after, keep)| Fault::BreakBody { after, keep }),
        (0..20_usize, any::<bool>()).prop_map(|(after, keep)| Fault::BreakBody { after, keep }),
        prop::sample::select(vec![400_u16, 401, 404, 405, 416, 500, 503, 507]).prop_map(Fault::status),
        prop::sample::select(vec![404_u16, 413, 500]).prop_map(Fault::Early),
        Just(Fault::NoHeader("Location".into())),
        Just(Fault::NoHeader("Range".into())),
        (0..LARGE * 2).prop_map(|end| Fault::Headers(vec![("Range".into(), format!("0-{end}"))])),
        Just(Fault::RawResponse(Bytes::from_static(b"\x16\x03\x01 no HTTP"))),
    ];
    (method, fault, 1..6_u32).prop_map(|(method, fault, times)| Break { method, fault, times })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn wherever_it_breaks_the_blob_is_whole_or_absent(
        breaks in prop::collection::vec(breaks(), 0..4),
        large in any::<bool>(),
        mounts in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (registry, to) = empty().await;
            let blob = Blob::of(if large { LARGE } else { SMALL });
            for Break { method, fault, times } in &breaks {
                registry.fault(fault.clone(), On::method(*method, "/blobs/"), Some(*times));
            }
            let from = if mounts { vec![repository(&registry, "none/app")] } else { Vec::new() };
            let client = client(quick());
            let size = blob.bytes.len() as u64;
            let outcome = ends(client.push_blob(&to, &blob.digest(), size, &from, &blob)).await;
            let kept = registry.blob("team/app", blob.digest().as_str());
            match outcome {
                Ok(_) => assert_eq!(kept.as_ref(), Some(&blob.bytes), "it is said to be there"),
                Err(error) => {
                    assert!(kept.is_none_or(|kept| kept == blob.bytes));
                    assert!(error.to_string().contains("/blobs/") && error.hint().is_some(), "{error:?}");
                }
            }
            assert!(registry.requests().len() < 400, "{}", registry.requests().len());
        });
    }
}

// Where it goes -----------------------------------------------------------------------------------------------

/// Has the upload that is begun be said to be at `location`.
fn moved(location: &str) -> Fault {
    Fault::Headers(vec![("Location".into(), location.into())])
}

#[tokio::test]
async fn an_upload_is_where_the_registry_says_however_it_says_so() {
    for (length, place) in [(SMALL, 1), (LARGE, 1), (LARGE, 1)] {
        for prefix in ["", "http://HOST"] {
            for query in ["", "?_state=a%2Fb%3D%3D&x=y+z", "?"] {
                let (registry, repository) = empty().await;
                let blob = Blob::of(length);
                let place = format!("/v2/team/app/blobs/uploads/{place}{query}");
                let location = format!("{prefix}{place}").replace("HOST", &registry.host());
                registry.fault(moved(&location), On::method(Method::Post, UPLOADS), None);
                push(&client(quick()), &repository, &blob).await.unwrap();
                is_there(&registry, &blob);
                let put =
                    registry.requests().into_iter().find(|request| request.method == Method::Put).unwrap();
                // The state stays as it was written; a PATCH may have brought another address.
                let kept = length == LARGE || put.path.starts_with(place.trim_end_matches('?'));
                assert!(kept && put.path.contains("digest=sha256"), "{}", put.path);
            }
        }
    }
}

#[tokio::test]
async fn an_upload_elsewhere_gets_the_blob_and_no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    for length in [SMALL, LARGE] {
        let (registry, to) = empty().await;
        let (elsewhere, _) = empty().await;
        registry.require(Auth::Basic { user: "alice".into(), password: "s3cret".into() });
        let keychain = keychain(folder.path(), &registry.host(), "alice", "s3cret");
        let client = client(Options { keychain, ..quick() });
        // Number 1 there.
        let other = format!("http://{}{}", elsewhere.host(), "/v2/team/app/blobs/uploads/");
        let begun = hyper_post(&elsewhere, "/v2/team/app/blobs/uploads/").await;
        assert!(begun.contains("202"), "{begun}");
        registry.fault(moved(&format!("{other}1")), On::method(Method::Post, UPLOADS), None);
        let blob = Blob::of(length);
        push(&client, &to, &blob).await.unwrap();
        assert!(elsewhere.blob("team/app", blob.digest().as_str()) == Some(blob.bytes.clone()));
        assert!(elsewhere.requests().iter().all(|request| request.header("authorization").is_none()));

        // And one that wants some gets none, and is not believed about how to ask.
        elsewhere.require(Auth::Token(TokenAuth::default()));
        elsewhere.delete_blob("team/app", blob.digest().as_str());
        let error = push(&client, &to, &blob).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
        assert_eq!(elsewhere.count_token_requests(), 0);
    }
}

/// `POST`s nothing to a registry, and returns the head of the answer.
async fn hyper_post(registry: &MemoryRegistry, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(registry.addr()).await.unwrap();
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_place_that_is_none_is_an_error_at_once() {
    for (fault, kind) in [
        (Fault::NoHeader("Location".into()), Kind::BadResponse),
        (moved("ftp://example.org/x"), Kind::Redirect),
        (moved("http://[::1"), Kind::Redirect),
        (moved("javascript:alert(1)"), Kind::Redirect),
        (moved("http://"), Kind::Redirect),
    ] {
        let (registry, repository) = empty().await;
        registry.fault(fault.clone(), On::method(Method::Post, UPLOADS), None);
        let blob = Blob::of(SMALL);
        let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(error.hint().unwrap().contains("operator"), "{error:?}");
        assert!(registry.blob("team/app", blob.digest().as_str()).is_none() && blob.opened().is_empty());
    }
}

#[tokio::test]
async fn a_blob_on_its_way_is_not_redirected() {
    let (registry, repository) = empty().await;
    for method in [Method::Patch, Method::Put] {
        let fault = Fault::Redirect { to: "http://127.0.0.1:1/".into(), code: 307 };
        registry.fault(fault, On::method(method, UPLOADS), None);
    }
    for length in [SMALL, LARGE] {
        let blob = Blob::of(length);
        let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Redirect, "{error}");
        is_absent(&registry, &blob);
    }
}

// What is sent ------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_blob_that_is_not_what_it_is_said_to_be_never_arrives() {
    for length in [SMALL, LARGE] {
        for way in [Method::Patch, Method::Put] {
            let right = Blob::of(length);
            let (digest, size) = (right.digest(), length as u64);
            let mut damaged = right.bytes.to_vec();
            damaged[length - 1] ^= 1;
            let shorter = right.bytes.slice(..length - 1);
            let longer = Bytes::from([&right.bytes[..], b"x"].concat());
            for (bytes, error, said) in [
                (damaged.into(), None, vec!["have the digest sha256:".to_owned()]),
                (shorter.clone(), None, vec![(size - 1).to_string(), size.to_string()]),
                (longer, None, vec![(size + 1).to_string(), size.to_string()]),
                (shorter, Some("the disk broke"), vec!["the disk broke".to_owned(), size.to_string()]),
                (right.bytes.clone(), Some("the disk broke"), vec!["the disk broke".to_owned()]),
                (Bytes::new(), None, vec!["0 bytes".to_owned(), size.to_string()]),
            ] {
                let (registry, repository) = empty().await;
                // So that each size goes in either way.
                registry.fault(Fault::status(405), On::method(way, UPLOADS), Some(1));
                let blob = Blob { bytes, error, ..Blob::default() };
                let push = client(quick());
                let push = push.push_blob(&repository, &digest, size, &[], &blob);
                let error = ends(push).await.unwrap_err();
                assert_eq!(error.kind(), Kind::Source, "{error}");
                assert!(said.iter().all(|said| error.to_string().contains(said)), "{error} without {said:?}");
                assert!(error.hint().is_some());
                is_absent(&registry, &right);
                assert_eq!(registry.open_uploads(), 0);
            }
        }
    }
}

#[tokio::test]
async fn no_bytes_are_a_blob_of_their_own() {
    let (registry, repository) = empty().await;
    let (blob, wrong) = (Blob::of(0), Digest::sha256(b"x"));
    let error = client(quick()).push_blob(&repository, &wrong, 0, &[], &blob).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Source, "{error}");
    assert_eq!(registry.open_uploads(), 0);
}

#[tokio::test]
async fn what_stands_still_ends() {
    let options = || Options {
        request_timeout: Duration::from_millis(300),
        deadline: Duration::from_millis(900),
        retry: workson_registry::retry::RetryPolicy { retries: 1, ..quick().retry },
        ..quick()
    };
    for length in [SMALL, LARGE] {
        let (registry, repository) = empty().await;
        let mut blob = Blob::of(length);
        let digest = blob.digest();
        blob.stands_at = Some(length / 2);
        let push = client(options());
        let started = Instant::now();
        let error = ends(push.push_blob(&repository, &digest, length as u64, &[], &blob)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        assert!(error.to_string().contains("to be sent"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
        is_absent(&registry, &Blob::of(length));

        let (registry, repository) = empty().await;
        registry.fault(Fault::Hang, On::method(Method::Patch, UPLOADS), None);
        registry.fault(Fault::Hang, On::method(Method::Put, UPLOADS), None);
        let error = push_with(options(), &repository, &Blob::of(length)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        assert!(error.to_string().contains("all was sent"), "{error}");
    }
}

async fn push_with(options: Options, repository: &Repository, blob: &Blob) -> Result<Pushed, Error> {
    push(&client(options), repository, blob).await
}

#[tokio::test]
async fn a_slow_blob_has_all_the_time_it_needs_and_it_is_told_how_far_it_is() {
    struct Slow(Bytes, Mutex<Vec<u64>>);
    impl BlobOrigin for Slow {
        fn open(&self, offset: u64) -> Pieces {
            let (sender, receiver) = tokio::sync::mpsc::channel(1);
            let bytes = self.0.slice(offset as usize..);
            tokio::spawn(async move {
                for piece in bytes.chunks(bytes.len().div_ceil(8)) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let _ = sender.send(Ok(bytes.slice_ref(piece))).await;
                }
            });
            receiver
        }

        fn reached(&self, bytes: u64) {
            self.1.lock().unwrap().push(bytes);
        }
    }
    let (registry, repository) = empty().await;
    let blob = Blob::of(LARGE);
    let limit = Duration::from_millis(400);
    let client = client(Options { request_timeout: limit, deadline: limit, ..quick() });
    let slow = Slow(blob.bytes.clone(), Mutex::default());
    ends(client.push_blob(&repository, &blob.digest(), LARGE as u64, &[], &slow)).await.unwrap();
    is_there(&registry, &blob);
    let told = slow.1.lock().unwrap();
    assert!(told.is_sorted() && told.iter().any(|bytes| (1..LARGE as u64).contains(bytes)), "{told:?}");
}

// Who may -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_push_has_a_token_of_its_own() {
    let (registry, repository) = empty().await;
    registry.put_blob("team/app", Bytes::from_static(b"old"));
    registry.require(Auth::Token(TokenAuth::default()));
    let (client, blob) = (client(quick()), Blob::of(LARGE));
    // A token to pull is there first, and stands in nobody's way.
    client.blob(&repository, &Digest::sha256(b"old")).await.unwrap();
    push(&client, &repository, &blob).await.unwrap();
    is_there(&registry, &blob);
    assert_eq!(registry.count_token_requests(), 2);
}

#[tokio::test]
async fn a_token_that_expires_during_an_upload_is_replaced() {
    for uses in 1..6 {
        let (registry, repository) = empty().await;
        registry.require(Auth::Token(TokenAuth { valid_uses: Some(uses), ..TokenAuth::default() }));
        for length in [SMALL, LARGE] {
            let blob = Blob::of(length);
            push(&client(quick()), &repository, &blob).await.unwrap();
            is_there(&registry, &blob);
        }
    }
}

#[tokio::test]
async fn who_may_not_push_is_told_to_log_in() {
    let (registry, repository) = empty().await;
    registry.require(Auth::Token(TokenAuth { pull_only: true, ..TokenAuth::default() }));
    let blob = Blob::of(SMALL);
    let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    assert!(error.hint().unwrap().contains(&format!("docker login {}", registry.host())), "{error:?}");

    let (registry, repository) = empty().await;
    registry.fault(Fault::status(403), On::method(Method::Post, UPLOADS), None);
    let error = push(&client(quick()), &repository, &blob).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    assert!(error.hint().unwrap().contains(&format!("docker login {}", registry.host())), "{error:?}");
}

#[tokio::test]
async fn a_mount_asks_for_both_repositories() {
    for (first_scope_only, expected) in [(false, Pushed::Mounted), (true, Pushed::Uploaded)] {
        let (registry, _) = empty().await;
        let blob = Blob::of(SMALL);
        registry.put_blob("other/app", blob.bytes.clone());
        registry.require(Auth::Token(TokenAuth { first_scope_only, ..TokenAuth::default() }));
        assert_eq!(mount(&client(quick()), &registry, &blob, &["other/app"]).await, expected);
        is_there(&registry, &blob);
    }
}

// Manifests ---------------------------------------------------------------------------------------------------

fn content(bytes: &[u8]) -> Content {
    Content {
        digest: Digest::sha256(bytes),
        media_type: MediaType::new(OCI_INDEX),
        bytes: Bytes::copy_from_slice(bytes),
    }
}

const INDEX: &[u8] = b"{ \"schemaVersion\": 2,\n  \"manifests\": [] }\n";

#[tokio::test]
async fn a_manifest_is_kept_byte_for_byte_by_tag_and_by_digest() {
    let (registry, repository) = empty().await;
    let (client, index) = (client(quick()), content(INDEX));
    let tag = repository.with_tag("1").unwrap();
    client.push_manifest(&tag, &index).await.unwrap();
    assert_eq!(registry.manifest("team/app", "1").unwrap(), INDEX);
    registry.delete_manifest("team/app", index.digest.as_str());
    let pinned = repository.with_tag("2").unwrap().with_digest(index.digest.clone());
    client.push_manifest(&pinned, &index).await.unwrap();
    assert_eq!(registry.manifest("team/app", index.digest.as_str()).unwrap(), INDEX);
    assert!(registry.manifest("team/app", "2").is_none(), "a digest says where it goes");
    let again = client.manifest(&pinned).await.unwrap();
    assert_eq!((again.bytes, again.media_type), (index.bytes, index.media_type));
}

#[tokio::test]
async fn a_manifest_that_breaks_is_sent_again() {
    for fault in [
        Fault::Reset,
        Fault::ResetAfter,
        Fault::BreakBody { after: 7, keep: false },
        Fault::status(503),
        Fault::Early(500),
        Fault::too_many_requests(Some("1")),
    ] {
        let (registry, repository) = empty().await;
        registry.fault(fault, On::method(Method::Put, "/manifests/"), Some(2));
        client(quick()).push_manifest(&repository.with_tag("1").unwrap(), &content(INDEX)).await.unwrap();
        assert_eq!(registry.manifest("team/app", "1").unwrap(), INDEX);
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_taken_says_why() {
    let (registry, repository) = empty().await;
    let tag = repository.with_tag("1").unwrap();
    let missing = Digest::sha256(b"missing");
    let manifest = format!(r#"{{"schemaVersion":2,"layers":[{{"digest":"{missing}","size":7}}]}}"#);
    let push = client(quick());
    let error = push.push_manifest(&tag, &content(manifest.as_bytes())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BadResponse);
    assert!(error.to_string().contains(missing.as_str()) && error.hint().is_some(), "{error}");
    assert!(registry.manifest("team/app", "1").is_none());

    for (fault, kind) in [
        (Fault::WrongDigestHeader(missing.to_string()), Kind::DigestMismatch),
        (Fault::status(413), Kind::NoSpace),
        (Fault::status(507), Kind::NoSpace),
        (Fault::status(503), Kind::Server),
        (Fault::status(403), Kind::Denied),
        (Fault::Redirect { to: "/elsewhere".into(), code: 302 }, Kind::Redirect),
    ] {
        registry.clear_faults();
        registry.fault(fault, On::method(Method::Put, "/manifests/"), None);
        let error = push.push_manifest(&tag, &content(INDEX)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    registry.clear_faults();
    registry.fault(Fault::NoDigestHeader, On::method(Method::Put, "/manifests/"), None);
    push.push_manifest(&tag, &content(INDEX)).await.unwrap();
}

#[tokio::test]
async fn a_manifest_of_another_digest_is_not_sent() {
    let (registry, repository) = empty().await;
    let other = Digest::sha256(b"other");
    let tag = repository.with_tag("1").unwrap();
    let wrong = Content { digest: other.clone(), ..content(INDEX) };
    for (reference, content) in [(tag.with_digest(other), content(INDEX)), (tag, wrong)] {
        let error = client(quick()).push_manifest(&reference, &content).await.unwrap_err();
        assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
    }
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn a_registry_that_says_it_keeps_another_blob_is_not_believed() {
    for length in [SMALL, LARGE] {
        let (registry, repository) = empty().await;
        let lie = Fault::WrongDigestHeader(Digest::sha256(b"other").to_string());
        registry.fault(lie, On::method(Method::Put, UPLOADS), None);
        let error = push(&client(quick()), &repository, &Blob::of(length)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
    }
}

// Many at once ------------------------------------------------------------------------------------------------

/// A blob that is read from a registry while it is sent to one.
struct FromRegistry {
    client: Client,
    repository: Repository,
    digest: Digest,
    open: Arc<AtomicU32>,
}

impl BlobOrigin for FromRegistry {
    fn open(&self, offset: u64) -> Pieces {
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let (client, repository, digest) =
            (self.client.clone(), self.repository.clone(), self.digest.clone());
        self.open.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let mut stream = match client.blob_from(&repository, &digest, offset).await {
                Ok(stream) => stream,
                Err(error) => return drop(sender.send(Err(error.to_string())).await),
            };
            loop {
                let piece = match stream.chunk().await {
                    Ok(None) => return,
                    Ok(Some(piece)) => Ok(piece),
                    Err(error) => Err(error.to_string()),
                };
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_go_from_a_registry_to_itself_with_a_single_turn() {
    let (registry, to) = empty().await;
    let from = repository(&registry, "other/app");
    let client = client(Options { concurrency: 1, ..quick() });
    let open = Arc::new(AtomicU32::new(0));
    let mut pushing = tokio::task::JoinSet::new();
    for number in 0..6_usize {
        let blob = Blob::of(LARGE + number);
        let digest = registry.put_blob("other/app", blob.bytes.clone());
        let (client, to, from, open) = (client.clone(), to.clone(), from.clone(), open.clone());
        pushing.spawn(async move {
            let origin =
                FromRegistry { client: client.clone(), repository: from, digest: digest.clone(), open };
            client.push_blob(&to, &digest, (LARGE + number) as u64, &[], &origin).await.unwrap()
        });
    }
    for pushed in ends(pushing.join_all()).await {
        assert_eq!(pushed, Pushed::Uploaded);
    }
    assert_eq!(open.load(Ordering::Relaxed), 6);
    assert_eq!(registry.open_uploads(), 0);
}

#[tokio::test]
async fn an_upload_that_takes_long_keeps_nobody_waiting() {
    let (registry, thing) = with_thing().await;
    let client = client(Options { concurrency: 1, ..quick() });
    let mut blob = Blob::of(LARGE);
    let (digest, to) = (blob.digest(), repository(&registry, "team/app"));
    blob.stands_at = Some(LARGE / 2);
    let pushing = client.clone();
    let pushing =
        tokio::spawn(async move { pushing.push_blob(&to, &digest, LARGE as u64, &[], &blob).await });
    while !methods(&registry).contains(&Method::Post) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), client.manifest(&thing)).await.unwrap().is_ok());
    pushing.abort();
}
