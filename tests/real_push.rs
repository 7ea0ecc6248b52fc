//! What the registry client pushes, in Debian's `docker-registry`, read back by skopeo.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use bytes::Bytes;
use parts::certificates::{Authority, htpasswd};
use parts::docker_registry::DockerRegistry;
use parts::image::{Layout, OCI_INDEX, OCI_MANIFEST, SIX};
use parts::skopeo::Skopeo;
use parts::tap::Tap;
use parts::token_server::{Asked, Grant, TokenServer};
use serde_json::Value;
use workson_oci::{Content, Digest, MediaType, Reference, Repository};
use workson_registry::{BlobOrigin, Client, Keychain, Kind, Options, Pieces, Pushed};

const PASSWORD: &str = "correct-horse-7431";
/// `alice:correct-horse-7431` in base64.
const ALICE: &str = "YWxpY2U6Y29ycmVjdC1ob3JzZS03NDMx";
/// More than is sent with the request that closes an upload.
const LARGE: u64 = 3 << 20;

/// A blob whose bytes are computed as they are asked for, so that none of it is in memory.
struct Computed(u64);

impl Computed {
    const PIECE: u64 = 256 << 10;

    fn piece(&self, offset: u64) -> Bytes {
        let end = self.0.min((offset / Computed::PIECE + 1) * Computed::PIECE);
        (offset..end).map(|n| (n ^ (n >> 13) ^ self.0) as u8).collect::<Vec<u8>>().into()
    }

    fn digest(&self) -> Digest {
        let mut hasher = workson_oci::digest::Hasher::new(workson_oci::digest::Algorithm::Sha256);
        (0..self.0).step_by(Computed::PIECE as usize).for_each(|offset| hasher.update(&self.piece(offset)));
        hasher.finish()
    }
}

impl BlobOrigin for Computed {
    fn open(&self, offset: u64) -> Pieces {
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let (blob, mut offset) = (Computed(self.0), offset);
        tokio::spawn(async move {
            while offset < blob.0 {
                let piece = blob.piece(offset);
                offset += piece.len() as u64;
                if sender.send(Ok(piece)).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

/// A blob in a file.
struct File(Bytes);

impl BlobOrigin for File {
    fn open(&self, offset: u64) -> Pieces {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let rest = self.0.slice(offset as usize..);
        tokio::spawn(async move { sender.send(Ok(rest)).await });
        receiver
    }
}

fn repository(host: &str, name: &str) -> Repository {
    format!("{host}/{name}").parse::<Reference>().unwrap().repository().clone()
}

fn keychain(folder: &std::path::Path, host: &str) -> Keychain {
    let file = folder.join("config.json");
    std::fs::write(&file, format!(r#"{{"auths":{{"{host}":{{"auth":"{ALICE}"}}}}}}"#)).unwrap();
    Keychain::new(vec![file])
}

fn blob(layout: &Layout, digest: &str) -> Bytes {
    std::fs::read(layout.path().join("blobs/sha256").join(&digest["sha256:".len()..])).unwrap().into()
}

fn document(layout: &Layout, media_type: &str, digest: &str) -> (Content, Value) {
    let bytes = blob(layout, digest);
    let value = serde_json::from_slice(&bytes).unwrap();
    (Content { digest: Digest::sha256(&bytes), media_type: MediaType::new(media_type), bytes }, value)
}

/// Pushes an index of six images, children first, and returns its bytes.
async fn push_index(client: &Client, to: &Repository, tag: &str) -> Bytes {
    let mut layout = Layout::new();
    layout.tag_small_index("app", &SIX);
    let root: Value =
        serde_json::from_slice(&std::fs::read(layout.path().join("index.json")).unwrap()).unwrap();
    let (index, entries) = document(&layout, OCI_INDEX, root["manifests"][0]["digest"].as_str().unwrap());
    for entry in entries["manifests"].as_array().unwrap() {
        let (manifest, read) = document(&layout, OCI_MANIFEST, entry["digest"].as_str().unwrap());
        for part in read["layers"].as_array().unwrap().iter().chain([&read["config"]]) {
            let bytes = blob(&layout, part["digest"].as_str().unwrap());
            let (digest, size) = (Digest::sha256(&bytes), bytes.len() as u64);
            client.push_blob(to, &digest, size, &[], &File(bytes)).await.unwrap();
            assert!(client.has_blob(to, &digest).await.unwrap());
        }
        let reference = to.with_tag("x").unwrap().with_digest(manifest.digest.clone());
        client.push_manifest(&reference, &manifest).await.unwrap();
    }
    client.push_manifest(&to.with_tag(tag).unwrap(), &index).await.unwrap();
    index.bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_registry_takes_an_index_and_a_large_blob_and_mounts_it() {
    let storage = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::open(storage.path());
    let client = Client::new(Options::default()).unwrap();
    let to = repository(registry.host(), "team/app");
    let raw = push_index(&client, &to, "1").await;
    let skopeo = Skopeo::new();
    assert_eq!(skopeo.raw(&registry.reference("team/app:1")), raw);
    let copied = skopeo.pulled(&registry.reference("team/app:1"), "linux/arm64/v8");
    assert!(copied.is_some(), "skopeo finds every part of it");

    let (large, digest) = (Computed(LARGE), Computed(LARGE).digest());
    assert_eq!(client.push_blob(&to, &digest, LARGE, &[], &large).await.unwrap(), Pushed::Uploaded);
    assert_eq!(client.push_blob(&to, &digest, LARGE, &[], &large).await.unwrap(), Pushed::Existed);
    let before = registry.requests().iter().filter(|request| request.method == "PATCH").count();
    let other = repository(registry.host(), "other/app");
    assert_eq!(client.push_blob(&other, &digest, LARGE, &[to], &large).await.unwrap(), Pushed::Mounted);
    assert!(client.has_blob(&other, &digest).await.unwrap());
    let requests = registry.requests();
    assert_eq!(requests.iter().filter(|request| request.method == "PATCH").count(), before);
    let mount = requests.iter().find(|request| request.path.contains("mount=")).unwrap();
    assert_eq!(mount.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_and_nothing_is_kept() {
    let storage = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::open(storage.path());
    let client = Client::new(Options::default()).unwrap();
    let to = repository(registry.host(), "team/app");
    for size in [1000, LARGE] {
        let wrong = Digest::sha256(b"another");
        let error = client.push_blob(&to, &wrong, size, &[], &Computed(size)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Source, "{error}");
        let right = Computed(size).digest();
        let error = client.push_blob(&to, &right, size + 1, &[], &Computed(size)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Source, "{error}");
        assert!(!client.has_blob(&to, &right).await.unwrap() && !client.has_blob(&to, &wrong).await.unwrap());
    }
    let bytes = Bytes::from(format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}","size":3,"digest":"{}"}}]}}"#,
        Digest::sha256(b"nowhere")
    ));
    let index = Content { digest: Digest::sha256(&bytes), media_type: MediaType::new(OCI_INDEX), bytes };
    let error = client.push_manifest(&to.with_tag("1").unwrap(), &index).await.unwrap_err();
    assert!(error.to_string().contains("MANIFEST_BLOB_UNKNOWN"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_in_tls_with_users_takes_it_from_a_user() {
    let storage = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.server("IP:127.0.0.1");
    let users = htpasswd(storage.path(), "alice", PASSWORD);
    let registry = DockerRegistry::with_htpasswd(storage.path(), &users, &certificate, &key);
    let ca_certificates = vec![std::fs::read(authority.certificate()).unwrap()];
    let keychain = keychain(storage.path(), registry.host());
    let options = Options { ca_certificates: ca_certificates.clone(), keychain, ..Options::default() };
    let client = Client::new(options).unwrap();
    let to = repository(registry.host(), "team/app");
    let raw = push_index(&client, &to, "1").await;
    let alice = format!("alice:{PASSWORD}");
    let read = Skopeo::new().raw_as(&registry.reference("team/app:1"), &authority.certificate(), &alice);
    assert_eq!(read.unwrap(), raw);
    let digest = Computed(LARGE).digest();
    client.push_blob(&to, &digest, LARGE, &[], &Computed(LARGE)).await.unwrap();

    let nobody = Client::new(Options { ca_certificates, ..Options::default() }).unwrap();
    let error = nobody.push_blob(&to, &digest, LARGE, &[], &Computed(LARGE)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.hint().unwrap().contains("docker login"), "{error:?}");
}

/// Alice may do what she asks for; others may pull.
fn alice_pushes(asked: &Asked) -> Grant {
    let pushes = asked.scopes.iter().any(|scope| scope.contains("push"));
    match &asked.authorization {
        Some(basic) if *basic == format!("Basic {ALICE}") => Grant::pull(),
        None if !pushes => Grant::pull(),
        _ => Grant::nothing(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_tokens_takes_it_from_who_may_push() {
    let (storage, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let tokens = TokenServer::start(&authority, alice_pushes);
    let registry = DockerRegistry::with_tokens(storage.path(), &tokens.realm(), tokens.certificate());
    let tap = Tap::before(registry.host());
    let keychain = keychain(storage.path(), tap.host());
    let client = Client::new(Options { keychain, ..Options::default() }).unwrap();
    let to = repository(tap.host(), "team/app");
    let raw = push_index(&client, &to, "1").await;
    let reference = to.with_tag("1").unwrap();
    assert_eq!(client.manifest(&reference).await.unwrap().bytes, raw);
    assert_eq!(Skopeo::new().raw(&registry.reference("team/app:1")), raw);
    let asked: Vec<String> = tokens.asked().into_iter().map(|asked| asked.scope).collect();
    assert!(asked.contains(&"repository:team/app:pull,push".to_owned()), "{asked:?}");

    let digest = Computed(LARGE).digest();
    client.push_blob(&to, &digest, LARGE, &[], &Computed(LARGE)).await.unwrap();
    let other = repository(tap.host(), "other/app");
    let pushed =
        client.push_blob(&other, &digest, LARGE, std::slice::from_ref(&to), &Computed(LARGE)).await.unwrap();
    assert_eq!(pushed, Pushed::Mounted);
    assert!(!tap.authorizations().iter().any(|sent| sent.starts_with("Basic")), "the password stays away");

    let nobody = Client::new(Options::default()).unwrap();
    let error = nobody.push_blob(&other, &Digest::sha256(b"x"), 1, &[], &File("x".into())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.hint().unwrap().contains("docker login"), "{error:?}");
}

/// The most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_a_blob_is_not_that_of_the_memory_it_takes() {
    let length: u64 = 64 << 20;
    let storage = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::open(storage.path());
    let client = Client::new(Options::default()).unwrap();
    let digest = Computed(length).digest();
    let (before, started) = (peak(), std::time::Instant::now());
    let to = repository(registry.host(), "team/app");
    client.push_blob(&to, &digest, length, &[], &Computed(length)).await.unwrap();
    let grown = peak() - before;
    println!("{length} bytes in {:?}, with {grown} KiB more memory, {} in all", started.elapsed(), peak());
    // Other tests run beside it.
    assert!(grown < 32 << 10, "{grown} KiB more");
    assert!(client.has_blob(&to, &digest).await.unwrap());
}

/// Hands on to `server` what comes on a free port, whose address it returns; the first connection is broken, on both
/// sides, when so many bytes of it went to the server.
fn broken_after(server: &str, bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (host, server) = (listener.local_addr().unwrap().to_string(), server.to_owned());
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else { return };
            let left = if number == 0 { bytes } else { usize::MAX };
            let (back, answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || hand_on(&answers, &back, usize::MAX));
            std::thread::spawn(move || hand_on(&client, &server, left));
        }
    });
    host
}

/// Hands on so many bytes, and then closes both.
fn hand_on(mut from: &TcpStream, mut to: &TcpStream, mut left: usize) {
    let mut buffer = [0; 16 << 10];
    while left > 0 {
        let wanted = left.min(buffer.len());
        let Ok(length @ 1..) = from.read(&mut buffer[..wanted]) else { break };
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
        left -= length;
    }
    // Either may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_interrupted_at_any_step_is_whole_in_the_end() {
    let storage = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::open(storage.path());
    let direct = Client::new(Options::default()).unwrap();
    let whole = LARGE as usize;
    // In the requests' heads: HEAD, POST, PATCH; in the PATCH's bytes; in the PUT behind them.
    let steps =
        [0, 100, 300, 500, 700, 900, 5_000, whole / 2, whole, whole + 800, whole + 1200, whole + 1500];
    for (number, bytes) in steps.into_iter().enumerate() {
        let size = LARGE + number as u64;
        let host = broken_after(registry.host(), bytes);
        let client = Client::new(Options::default()).unwrap();
        let digest = Computed(size).digest();
        let to = repository(&host, "team/app");
        let pushed = client.push_blob(&to, &digest, size, &[], &Computed(size)).await;
        assert_eq!(pushed.unwrap(), Pushed::Uploaded, "broken after {bytes} bytes");
        let mut stream = direct.blob(&repository(registry.host(), "team/app"), &digest).await.unwrap();
        let mut hasher = workson_oci::digest::Hasher::new(digest.algorithm());
        while let Some(chunk) = stream.chunk().await.unwrap() {
            hasher.update(&chunk);
        }
        assert_eq!(hasher.finish(), digest, "broken after {bytes} bytes");
    }
}
