//! When to try again, and how long to wait before.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

/// How stubborn a client is.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// How often a request is repeated after a failure that may pass (429, 5xx, a broken connection).
    pub retries: u32,
    /// The wait before the first repetition; each later one doubles it, with some jitter.
    pub first_wait: Duration,
    /// The longest wait that is granted to a `Retry-After`; a registry that wants more gets an error.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            retries: 3,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// The wait before repetition number `attempt` (from 0), between half and the whole of the doubled wait,
    /// so that many waiting requests do not come back at once. `seed` tells them apart.
    pub(crate) fn backoff(&self, attempt: u32, seed: u64) -> Duration {
        let whole = self.first_wait.saturating_mul(1 << attempt.min(10)).min(self.longest_wait);
        // The golden ratio's multiples are spread evenly; randomness would serve no better.
        let share = (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1u64 << 24) as f64;
        whole.mul_f64(0.5 + share / 2.0)
    }
}

/// Whether an answer may be another one a little later.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error()
            && !matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::INSUFFICIENT_STORAGE))
}

/// How long `Retry-After` ([RFC 9110, section 10.2.3]) asks to wait: seconds, or a date, which is read against
/// the answer's own `Date`, so that this machine's clock has no say.
///
/// [RFC 9110, section 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = imf_seconds(text)?;
    let now = imf_seconds(headers.get("date")?.to_str().ok()?.trim())?;
    Some(Duration::from_secs(u64::try_from(until - now).unwrap_or(0)))
}

/// Seconds since 1970 of an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn imf_seconds(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.split([' ', ':', ',']).filter(|part| !part.is_empty()).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts[..] else { return None };
    let number = |text: &str| text.parse::<i64>().ok().filter(|n| (0..=9999).contains(n));
    let month = MONTHS.iter().position(|name| *name == month)? as i64;
    // Days since 1970-01-01 by counting years from March, so that the leap day is the last of its year.
    let year = number(year)? - i64::from(month < 2);
    let day_of_year = (153 * ((month + 10) % 12) + 2) / 5 + number(day)? - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    Some(days * 86_400 + number(hour)? * 3_600 + number(minute)? * 60 + number(second)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(retry_after(&headers(&[("retry-after", "120")])), Some(Duration::from_secs(120)));
        let dates =
            [("date", "Fri, 28 Feb 2020 23:59:30 GMT"), ("retry-after", "Sat, 29 Feb 2020 00:00:15 GMT")];
        assert_eq!(retry_after(&headers(&dates)), Some(Duration::from_secs(45)));
        let past =
            [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")];
        assert_eq!(retry_after(&headers(&past)), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_asks_for_no_particular_wait() {
        for text in ["soon", "-5", "1.5", "Sun, 99 Foo 1994 08:49:37 GMT", ""] {
            assert_eq!(retry_after(&headers(&[("retry-after", text)])), None, "{text}");
        }
        assert_eq!(retry_after(&headers(&[])), None);
    }

    #[test]
    fn seconds_of_a_date_are_those_of_the_standards_example() {
        // RFC 9110's example date is 784111777 in Unix time.
        assert_eq!(imf_seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(imf_seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn backoff_doubles_within_its_bounds() {
        let policy = RetryPolicy::default();
        for attempt in 0..40 {
            for seed in 0..50 {
                let wait = policy.backoff(attempt, seed);
                let whole =
                    Duration::from_millis(250).saturating_mul(1 << attempt.min(10)).min(policy.longest_wait);
                assert!(wait >= whole / 2 && wait <= whole, "{attempt} {seed} {wait:?}");
            }
        }
    }
}
