//! A registry that lives in memory, for tests and benchmarks: [`MemoryRegistry`].
//!
//! It speaks HTTP/1.1 on a loopback port and answers as the OCI distribution specification v1.1 says. Of
//! Docker's registry it copies what clients trip over: the token handshake, `Accept` deciding whether a
//! manifest is found, paged tags, the rate limit. [`Fault`] makes it misbehave in ways that a wire allows
//! and a well-written server never shows.
//!
//! The server is written by hand upon a [`TcpStream`](tokio::net::TcpStream), because half of the faults are
//! answers that no HTTP library would send.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use workson_registry::testing::{Fault, MemoryRegistry, On};
//!
//! let registry = MemoryRegistry::start().await?;
//! registry.put_image_index("library/thing", "latest", &["linux/amd64", "linux/arm64"]);
//! registry.fault(Fault::status(503), On::get("/manifests/"), Some(1));
//! let reference = format!("{}/library/thing:latest", registry.host());
//! # Ok(()) }
//! ```

mod auth;
mod connection;
mod fault;
mod images;
mod push;
mod routes;
mod store;
#[cfg(test)]
mod tests;
mod tour;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, Instant};
use workson_oci::Digest;

pub use auth::{Auth, TokenAuth, TokenField};
pub use fault::{EndlessTags, Fault, On};
pub use images::{OFFICIAL, attestation_entry, image_entry, index, index_of, platform};
pub use wire::Method;

use auth::Gate;
use fault::Rule;
use store::{Manifest, Store};

/// A request as the registry received it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// Path and query, as sent.
    pub path: String,
    /// The headers in the order in which they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The number of the connection that brought it, from 1 in order of arrival: equal numbers mean reuse.
    pub connection: u64,
}

impl Recorded {
    /// The first value of the header `name`, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// An OCI registry in memory, on a loopback port. Dropping it closes the port and every connection.
///
/// All methods take `&self` and act at once on the requests that follow.
#[derive(Debug)]
pub struct MemoryRegistry {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl MemoryRegistry {
    /// Starts an empty registry on a free port of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<MemoryRegistry> {
        MemoryRegistry::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts an empty registry on `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start_on(addr: SocketAddr) -> io::Result<MemoryRegistry> {
        let listener = TcpListener::bind(addr).await?;
        let shared = Arc::new(Shared::new(listener.local_addr()?));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(MemoryRegistry { shared, accepting })
    }

    /// Stops the registry, and returns when the port is closed, so that a client is refused from then on.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The task was aborted; that it says so is no news.
        let _ = (&mut self.accepting).await;
    }

    /// Host and port, `127.0.0.1:41234`: what stands in front of a repository in a reference.
    pub fn host(&self) -> String {
        self.shared.host.clone()
    }

    /// The address that the registry listens on.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// Stores a manifest, reachable by its digest (SHA-256) and, if given, by a tag. An empty `media_type`
    /// makes the registry answer without `Content-Type`.
    pub fn put_manifest(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        self.put_manifest_at(repository, tag, digest.as_str(), media_type, bytes);
        digest
    }

    /// Stores a manifest under `digest`, which is not checked: a SHA-512 one, or one that does not fit.
    pub fn put_manifest_at(
        &self,
        repository: &str,
        tag: Option<&str>,
        digest: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) {
        let manifest = Manifest::new(digest, media_type, bytes.into());
        self.shared.store_mut().put_manifest(repository, tag, manifest);
    }

    /// Points a further tag at a stored manifest; false if the repository has none of that digest.
    pub fn put_tag(&self, repository: &str, tag: &str, digest: &Digest) -> bool {
        self.shared.store_mut().put_tag(repository, tag, digest.as_str())
    }

    /// Stores a blob, reachable by its digest (SHA-256).
    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        self.shared.store_mut().put_blob(repository, digest.as_str(), bytes);
        digest
    }

    /// The bytes of a stored manifest, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Bytes> {
        self.shared.store().manifest(repository, reference).map(|manifest| manifest.bytes.clone())
    }

    /// How many uploads were begun and neither closed nor cancelled.
    pub fn open_uploads(&self) -> usize {
        self.shared.store().uploads.len()
    }

    /// The bytes of a stored blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.shared.store().blob(repository, digest)
    }

    /// Takes a tag away; its manifest stays. False if there was none.
    pub fn delete_tag(&self, repository: &str, tag: &str) -> bool {
        self.shared.store_mut().delete_tag(repository, tag)
    }

    /// Takes a manifest and every tag on it away. False if there was none.
    pub fn delete_manifest(&self, repository: &str, digest: &str) -> bool {
        self.shared.store_mut().delete_manifest(repository, digest)
    }

    /// Takes a blob away. False if there was none.
    pub fn delete_blob(&self, repository: &str, digest: &str) -> bool {
        self.shared.store_mut().delete_blob(repository, digest)
    }

    /// Serves `bytes` at a path of the caller's choice, without authentication and before every other route.
    ///
    /// A request is answered by the page with exactly its path and query, or else by the one with its path
    /// and no query.
    pub fn put_page(&self, path_and_query: &str, content_type: &str, bytes: impl Into<Bytes>) {
        let page = (content_type.to_owned(), bytes.into());
        self.shared.store_mut().pages.insert(path_and_query.to_owned(), page);
    }

    /// What every request under `/v2/` has to prove from now on. Tokens issued before are forgotten.
    pub fn require(&self, auth: Auth) {
        let gate = Gate::new(auth, &self.shared.host);
        self.shared.auth_on.store(gate.is_closed(), Ordering::Release);
        *lock(&self.shared.gate) = gate;
    }

    /// Makes every token issued so far invalid.
    pub fn revoke_tokens(&self) {
        lock(&self.shared.gate).revoke();
    }

    /// Misbehaves on requests that `on` matches, at most `times` often (`None`: always).
    ///
    /// One request suffers one fault: the first in order of injection that matches and is not used up. So a
    /// 429 twice and then a 503 once are two calls; several faults on one answer are a [`Fault::All`].
    pub fn fault(&self, fault: Fault, on: On, times: Option<u32>) {
        lock(&self.shared.rules).push(Rule { fault, on, left: times });
        self.shared.faults_on.store(true, Ordering::Release);
    }

    /// Behaves again.
    pub fn clear_faults(&self) {
        lock(&self.shared.rules).clear();
        self.shared.faults_on.store(false, Ordering::Release);
    }

    /// Whether requests are recorded (they are from the start). Counters count in either case.
    pub fn record(&self, on: bool) {
        self.shared.recording.store(on, Ordering::Release);
    }

    /// Every request recorded so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.recorded).clone()
    }

    /// Forgets the recorded requests, and sets the counters to 0.
    pub fn clear_requests(&self) {
        lock(&self.shared.recorded).clear();
        for counter in [&self.shared.gets, &self.shared.heads, &self.shared.token_requests] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// How many `GET …/manifests/…` came in, however they were answered.
    pub fn count_manifest_gets(&self) -> u64 {
        self.shared.gets.load(Ordering::Relaxed)
    }

    /// How many `HEAD …/manifests/…` came in, however they were answered.
    pub fn count_manifest_heads(&self) -> u64 {
        self.shared.heads.load(Ordering::Relaxed)
    }

    /// How many requests the token endpoint got, however they were answered.
    pub fn count_token_requests(&self) -> u64 {
        self.shared.token_requests.load(Ordering::Relaxed)
    }

    /// How many tags one answer of `tags/list` has at most; 0 (as at the start): all of them.
    pub fn set_tag_page(&self, tags: usize) {
        self.shared.tag_page.store(tags, Ordering::Relaxed);
    }

    /// Whether a manifest is only found if `Accept` names its media type (so from the start): as
    /// distribution and GHCR do it, neither `*/*` nor a missing header is enough then.
    pub fn strict_accept(&self, on: bool) {
        self.shared.strict_accept.store(on, Ordering::Relaxed);
    }

    /// Limits `GET`s of manifests as Docker Hub does: `limit` in a window of so many seconds, which starts
    /// with the first; 429 when they are used up. `HEAD` tells the state and costs nothing.
    pub fn rate_limit(&self, limit: u32, window_secs: u64) {
        *lock(&self.shared.rate) =
            Some(Rate { limit, window: Duration::from_secs(window_secs), used: 0, started: None });
        self.shared.rate_on.store(true, Ordering::Release);
    }

    /// Lifts the limit of [`MemoryRegistry::rate_limit`].
    pub fn no_rate_limit(&self) {
        self.shared.rate_on.store(false, Ordering::Release);
    }
}

impl Drop for MemoryRegistry {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What the handle and all connections share.
#[derive(Debug)]
struct Shared {
    addr: SocketAddr,
    host: String,
    store: RwLock<Store>,
    auth_on: AtomicBool,
    gate: Mutex<Gate>,
    faults_on: AtomicBool,
    rules: Mutex<Vec<Rule>>,
    recording: AtomicBool,
    recorded: Mutex<Vec<Recorded>>,
    gets: AtomicU64,
    heads: AtomicU64,
    token_requests: AtomicU64,
    tag_page: AtomicUsize,
    strict_accept: AtomicBool,
    rate_on: AtomicBool,
    rate: Mutex<Option<Rate>>,
}

impl Shared {
    fn new(addr: SocketAddr) -> Shared {
        let host = addr.to_string();
        Shared {
            store: RwLock::default(),
            auth_on: AtomicBool::new(false),
            gate: Mutex::new(Gate::new(Auth::None, &host)),
            faults_on: AtomicBool::new(false),
            rules: Mutex::default(),
            recording: AtomicBool::new(true),
            recorded: Mutex::default(),
            gets: AtomicU64::new(0),
            heads: AtomicU64::new(0),
            token_requests: AtomicU64::new(0),
            tag_page: AtomicUsize::new(0),
            strict_accept: AtomicBool::new(true),
            rate_on: AtomicBool::new(false),
            rate: Mutex::new(None),
            addr,
            host,
        }
    }

    fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn store_mut(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks; a test that panicked with the lock held does not make the others fail.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much of a rate limit is used.
#[derive(Debug)]
struct Rate {
    limit: u32,
    window: Duration,
    used: u32,
    started: Option<Instant>,
}

impl Rate {
    /// Counts a request that `costs` something; false if nothing is left for it.
    fn take(&mut self, costs: bool) -> bool {
        if self.started.is_some_and(|started| started.elapsed() >= self.window) {
            (self.started, self.used) = (None, 0);
        }
        if !costs {
            return true;
        }
        if self.used >= self.limit {
            return false;
        }
        self.started.get_or_insert_with(Instant::now);
        self.used += 1;
        true
    }

    fn headers(&self) -> [(&'static str, String); 2] {
        let seconds = self.window.as_secs();
        [
            ("ratelimit-limit", format!("{};w={seconds}", self.limit)),
            ("ratelimit-remaining", format!("{};w={seconds}", self.limit.saturating_sub(self.used))),
        ]
    }
}

/// Takes connections until it is aborted, which drops the connections too.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    number += 1;
                    // Without it the answer is only slower.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection::connection(Arc::clone(&shared), stream, number));
                }
                // Out of file descriptors, as a rule: wait until connections have ended.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
