//! What is known of a host, and how many requests it gets at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{Failed, Response, spoken};
use crate::auth::challenge::Challenge;
use crate::error::{Error, Kind};
use crate::rate_limit::RateLimit;

/// After how many vain requests in a row, with no answer ever before, a host is given up.
const GIVE_UP_AFTER: u32 = 8;
/// How long "no pulls left" is believed before it is asked again.
const PULLS_BELIEVED: Duration = Duration::from_secs(60);

/// All hosts that were met.
pub(super) struct Hosts {
    concurrency: usize,
    known: Mutex<HashMap<String, Arc<Host>>>,
}

impl Hosts {
    pub(super) fn new(concurrency: usize) -> Hosts {
        Hosts { concurrency: concurrency.max(1), known: Mutex::default() }
    }

    pub(super) fn get(&self, name: &str) -> Arc<Host> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = known.get(name) {
            return host.clone();
        }
        let host = Arc::new(Host::new(self.concurrency));
        known.insert(name.to_owned(), host.clone());
        host
    }
}

/// One host.
pub(crate) struct Host {
    slots: Semaphore,
    /// Held by the first request, so that one HTTP/2 connection serves all, and one challenge is learnt.
    first: tokio::sync::Mutex<()>,
    answered: AtomicBool,
    reached: AtomicBool,
    tls: AtomicBool,
    unreachable: AtomicU32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    rest_until: Option<Instant>,
    no_pulls: Option<(Instant, RateLimit)>,
    /// The last failure, while there was no answer.
    failure: Option<Error>,
}

/// The right to send one request.
pub(super) struct Turn<'a> {
    _slot: Option<SemaphorePermit<'a>>,
    _first: Option<tokio::sync::MutexGuard<'a, ()>>,
}

impl Host {
    fn new(concurrency: usize) -> Host {
        Host {
            slots: Semaphore::new(concurrency),
            first: tokio::sync::Mutex::new(()),
            answered: AtomicBool::new(false),
            reached: AtomicBool::new(false),
            tls: AtomicBool::new(false),
            unreachable: AtomicU32::new(0),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn turn(&self) -> Turn<'_> {
        let mut first = None;
        if !self.answered.load(Ordering::Acquire) {
            let guard = self.first.lock().await;
            if !self.answered.load(Ordering::Acquire) {
                first = Some(guard);
            }
        }
        // The semaphore is never closed, so this never is `None`; without a permit it would merely not be bound.
        Turn { _slot: self.slots.acquire().await.ok(), _first: first }
    }

    /// Whether the host turned out to want TLS where plain HTTP was tried.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.load(Ordering::Acquire)
    }

    pub(super) fn speaks_tls(&self) {
        self.tls.store(true, Ordering::Release);
    }

    /// Whether plain HTTP has not been seen to work yet.
    pub(super) fn may_want_tls(&self) -> bool {
        !self.is_tls() && !self.answered.load(Ordering::Acquire)
    }

    pub(crate) fn challenge(&self) -> Option<Challenge> {
        self.state().challenge.clone()
    }

    pub(super) fn set_challenge(&self, challenge: Challenge) {
        self.state().challenge = Some(challenge);
    }

    /// Nobody asks this host before `wait` is over.
    pub(super) fn rest(&self, wait: Duration) {
        let until = Instant::now() + wait.min(Duration::from_secs(7 * 86_400));
        let mut state = self.state();
        state.rest_until = Some(state.rest_until.map_or(until, |before| before.max(until)));
    }

    /// Waits until the host may be asked again; an error where that takes longer than `longest`.
    pub(super) async fn wait(&self, tried: impl Fn() -> String, longest: Duration) -> Result<(), Error> {
        loop {
            let until = self.state().rest_until;
            let Some(wait) = until.and_then(|until| until.checked_duration_since(Instant::now())) else {
                return Ok(());
            };
            if wait.is_zero() {
                return Ok(());
            }
            if wait > longest {
                let text = format!("not sent: the registry asked for a rest of another {}", spoken(wait));
                let error = Error::new(Kind::RateLimited, tried(), text).with_retry_after(wait);
                return Err(error.with_hint(format!(
                    "log in for a larger quota, use --mirror, or run again in {}",
                    spoken(wait)
                )));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether the host asked for a rest that is not over.
    pub(super) fn is_resting(&self) -> bool {
        self.state().rest_until.is_some_and(|until| Instant::now() < until)
    }

    /// An error where the host said a moment ago that no pull is left.
    pub(super) fn check_pulls(&self, tried: impl Fn() -> String) -> Result<(), Error> {
        let no_pulls = self.state().no_pulls;
        let Some((seen, limit)) = no_pulls.filter(|(seen, _)| seen.elapsed() < PULLS_BELIEVED) else {
            return Ok(());
        };
        let granted = limit.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        let window = limit.window.map(|window| format!(" in {}", spoken(window))).unwrap_or_default();
        let text = format!("not sent: the registry says that 0{granted} pulls{window} are left");
        let error = Error::new(Kind::RateLimited, tried(), text)
            .with_retry_after(PULLS_BELIEVED - seen.elapsed().min(PULLS_BELIEVED));
        Err(error.with_hint("log in for a larger quota, use --mirror, or run again later"))
    }

    /// An error where many requests in a row got no answer, and none ever did.
    pub(super) fn check_reachable(&self, tried: impl Fn() -> String) -> Result<(), Error> {
        if self.reached.load(Ordering::Relaxed) || self.unreachable.load(Ordering::Relaxed) < GIVE_UP_AFTER {
            return Ok(());
        }
        let last = self.state().failure.clone();
        let last =
            last.as_ref().map(|error| format!("; the last time: {}", error.came_back())).unwrap_or_default();
        let text = format!("not sent: the host gave no answer to {GIVE_UP_AFTER} requests in a row{last}");
        let error = Error::new(Kind::Network, tried(), text);
        Err(error.with_hint("is the registry's name right, and is it reachable from here? A proxy may be needed (HTTPS_PROXY)"))
    }

    /// Learns from what came of a request.
    pub(super) fn note(&self, outcome: &Result<Response, Failed>) {
        match outcome {
            Ok(response) => {
                self.reached.store(true, Ordering::Relaxed);
                if let Some(limit) = RateLimit::from_headers(&response.headers) {
                    self.state().no_pulls = (limit.remaining == 0).then(|| (Instant::now(), limit));
                }
            }
            Err(failed) if matches!(failed.error.kind(), Kind::Network | Kind::Timeout) => {
                self.unreachable.fetch_add(1, Ordering::Relaxed);
                self.state().failure = Some(failed.error.clone());
            }
            Err(_) => {}
        }
        self.answered.store(true, Ordering::Release);
    }
}
