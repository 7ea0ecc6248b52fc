//! What is known of a host, and how many requests it gets at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{Failed, Response, spoken};
use crate::auth::challenge::Challenge;
use crate::error::{Error, Kind};
use crate::rate_limit::RateLimit;

/// After how many vain requests in a row a host is given up.
const GIVE_UP_AFTER: u32 = 8;
/// How long a host is given up before one request tries it again.
const GIVEN_UP_FOR: Duration = Duration::from_secs(30);
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
    /// Places for blobs on their way to the host. They hold no slot for so long: others wait for answers, maybe
    /// those who send.
    uploads: Semaphore,
    /// Held by a request that goes alone: the first, so that one HTTP/2 connection serves all, and one challenge
    /// is learnt, and those that find out whether "too many requests" is over.
    alone: tokio::sync::Mutex<()>,
    one_at_a_time: AtomicBool,
    answered: AtomicBool,
    tls: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    rest_until: Option<Instant>,
    no_pulls: Option<(Instant, RateLimit)>,
    /// How many requests in a row got no answer.
    unanswered: u32,
    /// The last of them: when, and what came of it.
    failure: Option<(Instant, Error)>,
    /// How many requests in a row that went alone were too many.
    too_many: u32,
}

/// The right to send one request.
pub(super) struct Turn<'a> {
    _slot: Option<SemaphorePermit<'a>>,
    alone: Option<tokio::sync::MutexGuard<'a, ()>>,
}

impl Turn<'_> {
    /// Whether whoever asks later waits for what comes of this request.
    pub(super) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }
}

impl Host {
    fn new(concurrency: usize) -> Host {
        Host {
            slots: Semaphore::new(concurrency),
            uploads: Semaphore::new(concurrency),
            alone: tokio::sync::Mutex::new(()),
            one_at_a_time: AtomicBool::new(true),
            answered: AtomicBool::new(false),
            tls: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn turn(&self) -> Turn<'_> {
        let mut alone = None;
        if self.one_at_a_time.load(Ordering::Acquire) {
            let guard = self.alone.lock().await;
            if self.one_at_a_time.load(Ordering::Acquire) {
                alone = Some(guard);
            }
        }
        // The semaphore is never closed, so this never is `None`; without a permit it would merely not be bound.
        Turn { _slot: self.slots.acquire().await.ok(), alone }
    }

    /// A place among the blobs that are on their way to the host.
    pub(super) async fn upload_place(&self) -> Option<SemaphorePermit<'_>> {
        self.uploads.acquire().await.ok()
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
                let text = format!(
                    "not sent: the registry said \"not now\", and is left alone for another {}",
                    spoken(wait)
                );
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

    /// An error where many requests in a row got no answer, but for one request now and then.
    pub(super) fn check_reachable(&self, tried: impl Fn() -> String) -> Result<(), Error> {
        let mut state = self.state();
        let State { unanswered: GIVE_UP_AFTER.., failure: Some((at, last)), .. } = &mut *state else {
            return Ok(());
        };
        if at.elapsed() >= GIVEN_UP_FOR {
            // The others wait for what comes of this one.
            *at = Instant::now();
            return Ok(());
        }
        let last = last.came_back();
        let text = format!(
            "not sent: the host gave no answer to {GIVE_UP_AFTER} requests in a row; the last time: {last}"
        );
        let error = Error::new(Kind::Network, tried(), text);
        Err(error.with_hint("is the registry's name right, and is it reachable from here? A proxy may be needed (HTTPS_PROXY)"))
    }

    /// How many requests in a row the host said were too many, this one included. What many are told at once
    /// counts as little as what the first of them is told.
    pub(super) fn too_many(&self, alone: bool) -> u32 {
        let mut state = self.state();
        state.too_many += u32::from(alone);
        state.too_many
    }

    /// Learns from what came of a request that was sent.
    pub(super) fn note(&self, outcome: &Result<Response, Failed>) {
        let mut one_at_a_time = false;
        match outcome {
            Ok(response) => {
                one_at_a_time = response.status == StatusCode::TOO_MANY_REQUESTS;
                let mut state = self.state();
                state.unanswered = 0;
                if !one_at_a_time {
                    state.too_many = 0;
                }
                if let Some(limit) = RateLimit::from_headers(&response.headers) {
                    state.no_pulls = (limit.remaining == 0).then(|| (Instant::now(), limit));
                }
            }
            Err(failed) if failed.passing => {
                let mut state = self.state();
                state.unanswered = state.unanswered.saturating_add(1);
                state.failure = Some((Instant::now(), failed.error.clone()));
            }
            Err(_) => {}
        }
        self.answered.store(true, Ordering::Release);
        self.one_at_a_time.store(one_at_a_time, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Result<Response, Failed> {
        let error = Error::new(Kind::Network, "GET /", "connection refused");
        Err(Failed { error, passing: true, unreachable: true })
    }

    fn something() -> Result<Response, Failed> {
        let url = "http://localhost/v2/".parse().unwrap();
        Ok(Response {
            status: StatusCode::OK,
            headers: Default::default(),
            body: Default::default(),
            stream: None,
            url,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_dies_is_given_up_and_tried_again_by_one_request_after_a_while() {
        let host = Host::new(4);
        let check = || host.check_reachable(|| "GET /".into());
        host.note(&something());
        for _ in 1..GIVE_UP_AFTER {
            host.note(&nothing());
        }
        assert!(check().is_ok());
        host.note(&nothing());
        let error = check().unwrap_err();
        assert!(error.to_string().contains("connection refused"), "{error}");
        for _ in 0..3 {
            tokio::time::advance(GIVEN_UP_FOR).await;
            assert!(check().is_ok());
            assert!(check().is_err(), "one request at a time");
            host.note(&nothing());
            assert!(check().is_err());
        }
        tokio::time::advance(GIVEN_UP_FOR).await;
        assert!(check().is_ok());
        host.note(&something());
        assert!(check().is_ok() && check().is_ok());
    }
}
