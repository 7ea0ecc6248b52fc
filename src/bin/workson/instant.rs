//! Instants as people write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::exit::Failure;

/// Where in a day, month or year that is given alone an instant lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// At its first second.
    Begin,
    /// At its last second.
    End,
}

/// Reads `2017-09-17`, `2017-09`, `2017`, a date with a time (UTC unless it says otherwise), or `now`.
pub(crate) fn parse(flag: &str, text: &str, edge: Edge, now: Timestamp) -> Result<Timestamp, Failure> {
    let found = match text {
        "now" => Some(now),
        _ => exact(text).or_else(|| period(text, edge)),
    };
    found.ok_or_else(|| {
        Failure::new(format!("{flag} {text}: that is no date"))
            .with_hint("for example 2017-09-17, 2017-09, 2017-09-17T12:00 or 2017-09-17T12:00:00+02:00; UTC where it does not say")
    })
}

fn exact(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    // Without a time it is a whole day.
    let has_time = text.contains(['T', 't', ' ']);
    let civil = has_time.then(|| text.parse::<DateTime>().ok()).flatten()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

fn period(text: &str, edge: Edge) -> Option<Timestamp> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &&str, digits| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
    let number = |at: usize| parts.get(at).map_or(Some(1), |part| part.parse::<i8>().ok());
    if !parts.first().is_some_and(|year| is_number(year, 4))
        || !parts[1..].iter().all(|part| is_number(part, 2))
    {
        return None;
    }
    let first = Date::new(parts[0].parse().ok()?, number(1)?, number(2)?).ok()?;
    let after = match parts.len() {
        1 => first.checked_add(1.year()),
        2 => first.checked_add(1.month()),
        3 => first.checked_add(1.day()),
        _ => return None,
    };
    let midnight = |date: Date| TimeZone::UTC.to_timestamp(DateTime::from(date)).ok();
    let found = match edge {
        Edge::Begin => midnight(first),
        Edge::End => after.ok().and_then(midnight).map(|after| after - SignedDuration::from_secs(1)),
    };
    // The last day that there is begins and ends where time does, and so do its month and its year end.
    found.or_else(|| Timestamp::from_second(Timestamp::MAX.as_second()).ok())
}

/// How long ago something was, in words.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(at).as_hours();
    match hours {
        ..0 => "in the future".into(),
        0 => "less than an hour ago".into(),
        1..48 => format!("{} ago", crate::output::count(hours.unsigned_abs() as usize, "hour")),
        _ => format!("{} days ago", hours / 24),
    }
}

/// The day of an instant, UTC.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_month_or_year_alone_is_its_first_or_last_second() {
        for (text, begin, end) in [
            ("2017-09-17", "2017-09-17T00:00:00Z", "2017-09-17T23:59:59Z"),
            ("2020-02", "2020-02-01T00:00:00Z", "2020-02-29T23:59:59Z"),
            ("2013", "2013-01-01T00:00:00Z", "2013-12-31T23:59:59Z"),
            ("2017-12-31", "2017-12-31T00:00:00Z", "2017-12-31T23:59:59Z"),
            // The end of time lies in the far west.
            ("9999", "9999-01-01T00:00:00Z", "9999-12-30T22:00:00Z"),
            ("9999-12-30", "9999-12-30T00:00:00Z", "9999-12-30T22:00:00Z"),
            ("9999-12-31", "9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z"),
        ] {
            let read = |edge| parse("--at", text, edge, Timestamp::UNIX_EPOCH).unwrap().to_string();
            assert_eq!((read(Edge::Begin).as_str(), read(Edge::End).as_str()), (begin, end), "{text}");
        }
    }

    #[test]
    fn an_instant_is_what_it_says() {
        for (text, at) in [
            ("2017-09-15T19:53:11Z", "2017-09-15T19:53:11Z"),
            ("2017-09-15T21:53:11+02:00", "2017-09-15T19:53:11Z"),
            ("2017-09-15T19:53", "2017-09-15T19:53:00Z"),
            ("2017-09-15 19:53:11", "2017-09-15T19:53:11Z"),
            ("now", "1970-01-01T00:00:00Z"),
        ] {
            for edge in [Edge::Begin, Edge::End] {
                assert_eq!(
                    parse("--at", text, edge, Timestamp::UNIX_EPOCH).unwrap().to_string(),
                    at,
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "yesterday",
            "2017-13",
            "2017-02-30",
            "17-09-2017",
            "2017-9-1",
            "2017-09-17-01",
            "99999",
            "2017-09-17T25:00",
        ] {
            assert!(parse("--at", text, Edge::End, Timestamp::UNIX_EPOCH).is_err(), "{text}");
        }
    }
}
