//! What a registry still grants, and what the caller still grants.
//!
//! Docker Hub counts a `GET` of a manifest as a pull and says with every answer how many are left
//! (`ratelimit-remaining: 76;w=21600`); a `HEAD` is free and carries the same headers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;

/// The number of pulls that a caller is ready to spend.
#[derive(Debug)]
pub struct PullBudget {
    /// `u64::MAX` stands for "as many as it takes".
    left: AtomicU64,
    spent: AtomicU64,
}

impl PullBudget {
    /// A budget of `pulls`, or of as many as it takes.
    pub fn new(pulls: Option<u64>) -> PullBudget {
        PullBudget { left: AtomicU64::new(pulls.unwrap_or(u64::MAX)), spent: AtomicU64::new(0) }
    }

    /// Takes one pull; false where none is left.
    pub(crate) fn take(&self) -> bool {
        let less = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(1) };
        let took = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if took {
            self.spent.fetch_add(1, Ordering::Relaxed);
        }
        took
    }

    /// Gives back a pull that the registry surely did not count.
    pub(crate) fn give_back(&self) {
        if self.left.load(Ordering::Relaxed) != u64::MAX {
            self.left.fetch_add(1, Ordering::Relaxed);
        }
        self.spent.fetch_sub(1, Ordering::Relaxed);
    }

    /// Adds pulls, up to `at_most` in all; a budget of as many as it takes stays one.
    pub fn grant(&self, pulls: u64, at_most: u64) {
        let more = |left: u64| (left != u64::MAX).then(|| left.saturating_add(pulls).min(at_most.max(left)));
        // It is not changed where it has no bound.
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// How many pulls were spent so far: manifest `GET`s that were sent, repetitions included, without those
    /// that the registry refused to look at (401, 429).
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

/// What `RateLimit` headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many counted requests are granted in a window.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: u64,
    /// The length of the window, where it is given.
    pub window: Option<Duration>,
}

impl RateLimit {
    /// Reads `ratelimit-limit` and `ratelimit-remaining`; none where the registry sets no limit.
    pub fn from_headers(headers: &HeaderMap) -> Option<RateLimit> {
        let (remaining, window) = quota(headers, "ratelimit-remaining")?;
        let limit = quota(headers, "ratelimit-limit").map(|(limit, _)| limit);
        Some(RateLimit { limit, remaining, window })
    }
}

/// `76;w=21600` → 76 and six hours.
fn quota(headers: &HeaderMap, name: &str) -> Option<(u64, Option<Duration>)> {
    let text = headers.get(name)?.to_str().ok()?;
    let mut parts = text.split(';').map(str::trim);
    let number = parts.next()?.parse().ok()?;
    let window = parts.find_map(|part| part.strip_prefix("w=")).and_then(|w| w.parse().ok());
    Some((number, window.map(Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_docker_hubs_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(RateLimit::from_headers(&headers), None);
        headers.insert("ratelimit-limit", "100;w=21600".parse().unwrap());
        headers.insert("ratelimit-remaining", "76;w=21600".parse().unwrap());
        let six_hours = Some(Duration::from_secs(6 * 3600));
        let expected = RateLimit { limit: Some(100), remaining: 76, window: six_hours };
        assert_eq!(RateLimit::from_headers(&headers), Some(expected));
        headers.insert("ratelimit-remaining", "lots".parse().unwrap());
        assert_eq!(RateLimit::from_headers(&headers), None);
    }

    #[test]
    fn a_budget_is_never_overspent() {
        let budget = PullBudget::new(Some(2));
        assert_eq!([budget.take(), budget.take(), budget.take()], [true, true, false]);
        assert_eq!((budget.spent(), budget.is_spent()), (2, true));
        budget.grant(5, 3);
        assert_eq!([budget.take(), budget.take(), budget.take(), budget.take()], [true, true, true, false]);
        let unbounded = PullBudget::new(None);
        unbounded.grant(1, 1);
        assert!(unbounded.take() && !unbounded.is_spent());
    }
}
