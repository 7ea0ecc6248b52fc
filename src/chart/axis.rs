//! Which numbers and which times an axis names.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::text_columns;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Steps shorter than a month, in seconds.
const SHORT_STEPS: [i64; 12] =
    [60, 5 * 60, 15 * 60, 30 * 60, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
/// Longer steps, in months.
const LONG_STEPS: [i64; 12] =
    [1, 2, 3, 6, 12, 2 * 12, 5 * 12, 10 * 12, 20 * 12, 50 * 12, 100 * 12, 1000 * 12];
/// Columns between two names of times.
const GAP: usize = 3;

/// The axis of numbers: from 0 on in `count` equal steps, each 1, 2 or 5 times a power of ten.
pub(super) struct Scale {
    step: u128,
    pub(super) count: usize,
}

impl Scale {
    /// The finest scale that reaches `most` in no more than `at_most` steps (at least one).
    pub(super) fn new(most: u64, at_most: usize) -> Scale {
        let mut power = 1;
        loop {
            for factor in [1, 2, 5] {
                let step: u128 = factor * power;
                let count = u128::from(most).div_ceil(step).max(1);
                if count <= at_most.max(1) as u128 {
                    return Scale { step, count: count as usize };
                }
            }
            power *= 10;
        }
    }

    /// How high a value is: 0 is the axis of times, 1 the upper edge.
    pub(super) fn up(&self, value: u64) -> f64 {
        value as f64 / (self.step as f64 * self.count as f64)
    }

    /// The name of the end of the step `number`, such as `50`, `2.5k` or `1M`.
    pub(super) fn name(&self, number: usize) -> String {
        let value = self.step * number as u128;
        for (unit, sign) in [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")] {
            if value >= unit {
                let (whole, tenth) = (value / unit, value % unit * 10 / unit);
                return if tenth == 0 { format!("{whole}{sign}") } else { format!("{whole}.{tenth}{sign}") };
            }
        }
        value.to_string()
    }
}

/// A number in full, its digits in groups: `1,234,567`.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The date of a time in Unix seconds, in UTC.
pub(super) fn date(time: i64) -> String {
    named(time, "%Y-%m-%d")
}

fn named(time: i64, format: &str) -> String {
    Timestamp::from_second(time).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

/// The times (Unix seconds) to name between `from` and `to`, and their names (UTC): as many as `room` columns hold,
/// at least two. They are the starts of years, months, days or hours; where too few of those fit, the two ends.
pub(super) fn times(from: i64, to: i64, room: usize) -> Vec<(i64, String)> {
    let fits = |names: &Vec<(i64, String)>| {
        names.len() >= 2
            && names.iter().map(|(_, name)| text_columns(name) + GAP).sum::<usize>() <= room + GAP
    };
    // A step that is far too short is not tried: a century has many minutes.
    let sane = |step: &i64| (to - from) / step <= room as i64;
    let short = SHORT_STEPS.into_iter().filter(sane).map(|step| by_seconds(from, to, step));
    let long =
        LONG_STEPS.into_iter().filter(|step| sane(&(step * 28 * DAY))).map(|step| by_months(from, to, step));
    let ends = || {
        let format = if to - from < 300 * DAY { "%b %-d" } else { "%Y-%m" };
        [from, to].map(|time| (time, named(time, format))).to_vec()
    };
    short.chain(long).find(fits).unwrap_or_else(ends)
}

fn by_seconds(from: i64, to: i64, step: i64) -> Vec<(i64, String)> {
    // Weeks begin on Monday, and the epoch was a Thursday.
    let shift = if step % (7 * DAY) == 0 { 4 * DAY } else { 0 };
    let first = from + (shift - from).rem_euclid(step);
    let format = |time: i64| if time.rem_euclid(DAY) == 0 { "%b %-d" } else { "%H:%MZ" };
    (first..=to).step_by(step as usize).map(|time| (time, named(time, format(time)))).collect()
}

fn by_months(from: i64, to: i64, step: i64) -> Vec<(i64, String)> {
    let month_of = |time: i64| {
        let date = Timestamp::from_second(time).ok()?.to_zoned(TimeZone::UTC).date();
        Some(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
    };
    let start_of = |month: i64| {
        let (year, month) = (i16::try_from(month.div_euclid(12)).ok()?, month.rem_euclid(12) as i8 + 1);
        let date = Date::new(year, month, 1).ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    };
    let (Some(first), Some(last)) = (month_of(from), month_of(to)) else { return Vec::new() };
    let format = if step % 12 == 0 { "%Y" } else { "%Y-%m" };
    (first..=last)
        .filter(|month| month % step == 0)
        .filter_map(start_of)
        .filter(|time| (from..=to).contains(time))
        .map(|time| (time, named(time, format)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(most: u64, at_most: usize) -> String {
        let scale = Scale::new(most, at_most);
        (0..=scale.count).map(|number| scale.name(number)).collect::<Vec<_>>().join(" ")
    }

    fn between(from: &str, to: &str, room: usize) -> String {
        let seconds = |time: &str| time.parse::<Timestamp>().unwrap().as_second();
        let names = times(seconds(from), seconds(to), room);
        names.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_go_in_steps_of_1_2_and_5() {
        insta::assert_snapshot!(scale(0, 6), @"0 1");
        insta::assert_snapshot!(scale(6, 6), @"0 1 2 3 4 5 6");
        insta::assert_snapshot!(scale(7, 6), @"0 2 4 6 8");
        insta::assert_snapshot!(scale(160, 6), @"0 50 100 150 200");
        insta::assert_snapshot!(scale(160, 1), @"0 200");
        insta::assert_snapshot!(scale(2_400, 6), @"0 500 1k 1.5k 2k 2.5k");
        insta::assert_snapshot!(scale(1_000_000_000, 6), @"0 200M 400M 600M 800M 1G");
        insta::assert_snapshot!(scale(u64::MAX, 2), @"0 10000000000G 20000000000G");
        assert_eq!(Scale::new(160, 6).up(100), 0.5);
    }

    #[test]
    fn times_are_starts_of_what_fits() {
        insta::assert_snapshot!(between("2026-08-21T10:10:00Z", "2026-08-21T11:10:00Z", 70), @"10:15Z 10:30Z 10:45Z 11:00Z");
        insta::assert_snapshot!(between("2026-08-20T10:10:00Z", "2026-08-21T11:10:00Z", 70), @"12:00Z 15:00Z 18:00Z 21:00Z Aug 21 03:00Z 06:00Z 09:00Z");
        insta::assert_snapshot!(between("2026-07-25T10:10:00Z", "2026-08-21T11:10:00Z", 70), @"Jul 27 Aug 3 Aug 10 Aug 17");
        insta::assert_snapshot!(between("2025-07-25T10:10:00Z", "2026-08-21T11:10:00Z", 70), @"2025-09 2025-11 2026-01 2026-03 2026-05 2026-07");
        insta::assert_snapshot!(between("2013-09-17T00:00:00Z", "2026-08-21T11:10:00Z", 70), @"2014 2016 2018 2020 2022 2024 2026");
        insta::assert_snapshot!(between("2013-09-17T00:00:00Z", "2026-08-21T11:10:00Z", 24), @"2015 2020 2025");
        insta::assert_snapshot!(between("1913-09-17T00:00:00Z", "2026-08-21T11:10:00Z", 70), @"1920 1940 1960 1980 2000 2020");
        // No two years begin in it, and its months do not fit.
        insta::assert_snapshot!(between("2025-07-25T10:10:00Z", "2026-08-21T11:10:00Z", 18), @"2026-01 2026-07");
    }

    #[test]
    fn weeks_begin_on_monday() {
        let seconds = |time: &str| time.parse::<Timestamp>().unwrap().as_second();
        let weeks = times(seconds("2026-07-25T10:00:00Z"), seconds("2026-08-21T00:00:00Z"), 45);
        for (time, _) in &weeks {
            let day = Timestamp::from_second(*time).unwrap().to_zoned(TimeZone::UTC).weekday();
            assert_eq!(day, jiff::civil::Weekday::Monday);
        }
        assert_eq!(weeks.len(), 4);
    }

    #[test]
    fn digits_are_in_groups() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
