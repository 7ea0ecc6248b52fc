//! What each client may ask for: so much in a time, by the generic cell rate algorithm (ITU-T I.371, annex A), which keeps
//! one number a client.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use quick_cache::sync::Cache;

/// How many clients are remembered; beyond that, those who asked least go first, and begin anew.
const MAX_CLIENTS: usize = 100_000;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Who is counted as one client: an IPv4 address, or the half of an IPv6 address that names a network, because who has
/// one address of it has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Client(u128);

impl Client {
    pub(super) fn of(address: IpAddr) -> Client {
        match address.to_canonical() {
            IpAddr::V4(address) => Client(u128::from(address.to_bits())),
            IpAddr::V6(address) => Client(address.to_bits() >> 64 << 64),
        }
    }
}

/// So much in a time for each client.
pub(super) struct Allowance {
    /// How much at once, and within `period`.
    limit: u32,
    period: Duration,
    start: Instant,
    /// When each client's allowance is whole again, in nanoseconds since the start.
    whole_at: Cache<Client, Arc<AtomicU64>>,
}

/// What a client was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granted {
    limit: u32,
    remaining: u32,
    /// When all is granted again, in seconds.
    reset: u64,
    /// How long to wait, in seconds; none where it was granted.
    pub(super) wait: Option<u64>,
}

impl Allowance {
    /// `limit` in each `period`; none where `limit` is 0: then everybody may ask for as much as they like.
    pub(super) fn new(limit: u32, period: Duration) -> Option<Allowance> {
        let whole_at = Cache::new(MAX_CLIENTS);
        (limit > 0).then(|| Allowance { limit, period, start: Instant::now(), whole_at })
    }

    /// How much a client may have at once.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes `cost` of what a client has. What is more than the whole allowance costs the whole.
    pub(super) fn take(&self, client: Client, cost: u32) -> Granted {
        self.take_at(client, cost, nanoseconds(self.start.elapsed()))
    }

    fn take_at(&self, client: Client, cost: u32, now: u64) -> Granted {
        let whole = nanoseconds(self.period);
        let one = (whole / u64::from(self.limit)).max(1);
        let cost = u64::from(cost.min(self.limit)) * one;
        let kept =
            self.whole_at.get_or_insert_with(&client, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(kept) = kept;
        let mut before = kept.load(Ordering::Relaxed);
        loop {
            let after = before.max(now) + cost;
            let owed = after - now;
            if owed > whole {
                let reset = before.saturating_sub(now);
                return self.granted(reset, Some(owed - whole), one);
            }
            match kept.compare_exchange_weak(before, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.granted(owed, None, one),
                Err(other) => before = other,
            }
        }
    }

    fn granted(&self, owed: u64, wait: Option<u64>, one: u64) -> Granted {
        let seconds = |nanoseconds: u64| nanoseconds.div_ceil(1_000_000_000);
        let used = u32::try_from(owed.div_ceil(one)).unwrap_or(self.limit);
        Granted {
            limit: self.limit,
            remaining: self.limit.saturating_sub(used),
            reset: seconds(owed),
            wait: wait.map(seconds),
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}

impl Granted {
    /// Tells it in the header fields that clients know (draft-ietf-httpapi-ratelimit-headers-07).
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset));
        if let Some(wait) = self.wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    #[test]
    fn an_allowance_is_spent_and_comes_back() {
        let allowance = Allowance::new(6, Duration::from_secs(60)).unwrap();
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        for left in (0..6).rev() {
            let granted = allowance.take_at(one, 1, SECOND);
            assert_eq!((granted.remaining, granted.wait), (left, None));
        }
        let refused = allowance.take_at(one, 1, SECOND);
        assert_eq!((refused.remaining, refused.wait, refused.reset), (0, Some(10), 60));
        assert_eq!(allowance.take_at(other, 1, SECOND).wait, None, "somebody else has all of theirs");
        assert_eq!(allowance.take_at(one, 1, 10 * SECOND).wait, Some(1));
        assert_eq!(allowance.take_at(one, 1, 11 * SECOND).wait, None);
        assert_eq!(allowance.take_at(one, 1, 11 * SECOND).wait, Some(10));
        let later = allowance.take_at(one, 4, 3600 * SECOND);
        assert_eq!((later.remaining, later.wait), (2, None), "it never grows beyond its limit");
    }

    #[test]
    fn what_costs_more_than_all_is_granted_to_who_has_all() {
        let allowance = Allowance::new(10, Duration::from_secs(10)).unwrap();
        assert_eq!(allowance.take_at(client("192.0.2.1"), 1000, 0).wait, None);
        assert_eq!(allowance.take_at(client("192.0.2.1"), 1, 0).wait, Some(1));
        assert!(Allowance::new(0, Duration::from_secs(1)).is_none());
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_them() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
