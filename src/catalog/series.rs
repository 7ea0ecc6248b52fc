//! How a count came about: one number after another.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span as Period, Timestamp, ToSpan as _};
use workson_oci::Platform;

use super::standing::Fits;
use crate::timeline::{By, Span, Timeline};

/// The most points that a series has.
pub const MAX_POINTS: usize = 100_000;

/// How often a series has a point: at the end of each day, week (Sunday), month or year, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Each day.
    Day,
    /// Each week, which begins on Monday as ISO 8601 has it.
    Week,
    /// Each month.
    Month,
    /// Each year.
    Year,
}

impl Every {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            Every::Day => "day",
            Every::Week => "week",
            Every::Month => "month",
            Every::Year => "year",
        }
    }

    /// What suits the time between two instants: some dozens of points.
    pub fn fitting(since: Timestamp, until: Timestamp) -> Every {
        match until.duration_since(since).as_hours() / 24 {
            ..=62 => Every::Day,
            63..=366 => Every::Week,
            367..=1_900 => Every::Month,
            _ => Every::Year,
        }
    }

    /// The first day of the period of `date`.
    fn begin(self, date: Date) -> Date {
        match self {
            Every::Day => date,
            Every::Week => {
                let days = date.weekday().since(Weekday::Monday);
                date.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN)
            }
            Every::Month => date.first_of_month(),
            Every::Year => date.first_of_year(),
        }
    }

    fn length(self) -> Period {
        match self {
            Every::Day => 1.day(),
            Every::Week => 1.week(),
            Every::Month => 1.month(),
            Every::Year => 1.year(),
        }
    }
}

/// The counts at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The instant.
    pub at: Timestamp,
    /// How many images support the platform by any tag.
    pub supported: u64,
    /// How many support it by the tag `latest`.
    pub supported_latest: u64,
    /// Of how many images it could not be told, by any tag.
    pub unknown: u64,
    /// How many images there were.
    pub total: u64,
}

impl Point {
    /// The count by which images are judged.
    pub fn count(&self, by: By) -> u64 {
        match by {
            By::Any => self.supported,
            By::Latest => self.supported_latest,
        }
    }
}

/// The last second of the period that holds `at`, of the next one, and so on up to `until`, which is the last.
/// At most [`MAX_POINTS`], the latest ones.
pub fn instants(since: Timestamp, until: Timestamp, every: Every) -> Vec<Timestamp> {
    if until < since {
        return Vec::new();
    }
    let mut instants = vec![until];
    // From the end: the last point is exact, however odd its instant.
    let mut begin = every.begin(TimeZone::UTC.to_datetime(until).date());
    while instants.len() < MAX_POINTS {
        let Some(end) = last_second_before(begin).filter(|end| *end >= since) else { break };
        if Some(&end) != instants.last() {
            instants.push(end);
        }
        match begin.checked_sub(every.length()) {
            Ok(earlier) => begin = earlier,
            Err(_) => break,
        }
    }
    instants.reverse();
    instants
}

fn last_second_before(date: Date) -> Option<Timestamp> {
    let midnight = TimeZone::UTC.to_timestamp(DateTime::from(date)).ok()?;
    midnight.checked_sub(SignedDuration::from_secs(1)).ok()
}

/// Every change of the counts for `platform`, in order of time: each point holds until the next.
pub fn steps(timeline: &Timeline, platform: &Platform) -> Vec<Point> {
    let fits = Fits::new(timeline, platform);
    let mut deltas: BTreeMap<Timestamp, [i64; 4]> = BTreeMap::new();
    let mut add = |timeline: &Timeline, span: &Span, place: usize| {
        deltas.entry(timeline.moment(span.from).at).or_default()[place] += 1;
        if let Some(until) = span.until {
            deltas.entry(timeline.moment(until).at).or_default()[place] -= 1;
        }
    };
    for image in timeline.images.values() {
        for span in &image.any {
            add(timeline, span, 2);
            match fits.offered(span.offer) {
                Some(true) => add(timeline, span, 0),
                Some(false) => {}
                None => add(timeline, span, 3),
            }
        }
        for span in image.latest.iter().filter(|span| fits.offered(span.offer) == Some(true)) {
            add(timeline, span, 1);
        }
    }
    let mut counts = [0_i64; 4];
    let mut steps = Vec::with_capacity(deltas.len());
    for (at, delta) in deltas {
        for (count, change) in counts.iter_mut().zip(delta) {
            *count += change;
        }
        let [supported, supported_latest, total, unknown] =
            counts.map(|count| u64::try_from(count).unwrap_or(0));
        steps.push(Point { at, supported, supported_latest, unknown, total });
    }
    steps
}

/// The counts at each of `instants`, which are in order.
pub fn at(steps: &[Point], instants: &[Timestamp]) -> Vec<Point> {
    let value = |at: &Timestamp| {
        let after = steps.partition_point(|step| step.at <= *at);
        let before = steps[..after].last();
        let none = Point { at: *at, supported: 0, supported_latest: 0, unknown: 0, total: 0 };
        before.map_or(none, |step| Point { at: *at, ..*step })
    };
    instants.iter().map(value).collect()
}
