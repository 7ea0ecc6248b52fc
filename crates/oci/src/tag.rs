//! The order of tags that people expect: newest version first.
//!
//! Tags have no standard order. This one reads numbers as numbers (`1.10` is newer than `1.9`), puts a release
//! before its candidates (`2.0` and `2.0.0` before `2.0-rc1`), `latest` before all, and tags that do not begin with a
//! version after all that do.

use std::cmp::Ordering;

/// Compares two tags; `Less` comes first.
pub fn newest_first(a: &str, b: &str) -> Ordering {
    group(a).cmp(&group(b)).then_with(|| match group(a) {
        Group::Version => versions(a, b).then_with(|| a.cmp(b)),
        _ => a.cmp(b),
    })
}

/// The part of a tag behind its version: `-alpine` of `v3.19.1-alpine`; all of a tag without a version.
pub fn flavour(tag: &str) -> &str {
    let behind_v = unprefixed(tag);
    let end = behind_v.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(behind_v.len());
    let end = behind_v[..end].trim_end_matches('.').len();
    if end == 0 { tag } else { &behind_v[end..] }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Latest,
    Version,
    Other,
}

fn group(tag: &str) -> Group {
    match tag {
        "latest" => Group::Latest,
        _ if unprefixed(tag).starts_with(|c: char| c.is_ascii_digit()) => Group::Version,
        _ => Group::Other,
    }
}

fn unprefixed(tag: &str) -> &str {
    tag.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(tag)
}

/// Newer first, by the numbers, then by what stands behind them.
fn versions(a: &str, b: &str) -> Ordering {
    let (numbers_a, numbers_b) = (numbers(a), numbers(b));
    let (a, b) = (flavour(a), flavour(b));
    let (stage_a, stage_b) = (stage(a), stage(b));
    // Where the numbers of one end, a release is the newest of its line, as `1.2` moves on with each `1.2.x`;
    // what comes before a release is older than all of the line, as `1.2-rc1` was there before `1.2.0`. So
    // each end has its place beside the numbers that could stand there instead, and the order stays total.
    let end = |is_release| if is_release { Ordering::Less } else { Ordering::Greater };
    for at in 0..numbers_a.len().max(numbers_b.len()) {
        let order = match (numbers_a.get(at), numbers_b.get(at)) {
            (Some(a), Some(b)) => number(b).cmp(&number(a)),
            (None, _) => end(stage_a.is_none()),
            (_, None) => end(stage_b.is_none()).reverse(),
        };
        if order.is_ne() {
            return order;
        }
    }
    match (stage_a, stage_b) {
        (None, None) => a.cmp(b),
        (a_stage, b_stage) => a_stage.cmp(&b_stage).then_with(|| number(count(b)).cmp(&number(count(a)))),
    }
}

fn numbers(tag: &str) -> Vec<&str> {
    let text = unprefixed(tag);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].split('.').filter(|part| !part.is_empty()).collect()
}

/// A number of any length, as something that compares as numbers do.
fn number(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

/// How far a flavour is from a release, where it is one of those words that mark what comes before one.
fn stage(flavour: &str) -> Option<u8> {
    let word = flavour.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
    match word[..end].to_ascii_lowercase().as_str() {
        "rc" => Some(0),
        "beta" | "pre" | "preview" => Some(1),
        "alpha" => Some(2),
        "dev" | "snapshot" | "nightly" => Some(3),
        _ => None,
    }
}

/// The first number in a flavour: `12` of `-rc12-alpine`.
fn count(flavour: &str) -> &str {
    let digits = flavour.trim_start_matches(|c: char| !c.is_ascii_digit());
    &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_version_comes_first() {
        let mut tags = vec![
            "1.9",
            "stable",
            "1.10",
            "latest",
            "2.0-rc1",
            "v2.0.0",
            "2.0-rc2",
            "1.10.3",
            "alpine",
            "1.10.12",
            "2.0",
            "20240101",
            "2.0-alpine",
            "2.0-beta1",
            "2.0-rc12",
        ];
        tags.sort_by(|a, b| newest_first(a, b));
        assert_eq!(
            tags,
            [
                "latest",
                "20240101",
                "2.0",
                "2.0-alpine",
                // A release of the line, though with more numbers, and only then what came before it.
                "v2.0.0",
                "2.0-rc12",
                "2.0-rc2",
                "2.0-rc1",
                "2.0-beta1",
                "1.10",
                "1.10.12",
                "1.10.3",
                "1.9",
                "alpine",
                "stable"
            ]
        );
    }

    #[test]
    fn what_comes_before_a_release_is_older_than_all_of_its_line() {
        let sorted = [
            "2",
            "2.1.0-rc1",
            "2.0",
            // A candidate of 2.0.5 is newer than 2.0.0, and a candidate of 2.0 is older than both.
            "2.0.5-rc1",
            "2.0.0",
            "v2.0.0",
            "2.0.0-rc1",
            "2.0-rc1",
            "2-rc1",
            "1.9.9",
        ];
        let mut tags = sorted;
        tags.reverse();
        tags.sort_by(|a, b| newest_first(a, b));
        assert_eq!(tags, sorted);
    }

    #[test]
    fn a_flavour_is_what_stands_behind_the_version() {
        for (tag, expected) in [
            ("3.19.1-alpine", "-alpine"),
            ("v1.2", ""),
            ("latest", "latest"),
            ("8-jdk-slim", "-jdk-slim"),
            ("1.", "."),
        ] {
            assert_eq!(flavour(tag), expected, "{tag}");
        }
    }

    #[test]
    fn numbers_of_any_length_compare() {
        let long = "9".repeat(120);
        assert_eq!(newest_first(&long, "1"), Ordering::Less);
        assert_eq!(newest_first("1.07", "1.8"), Ordering::Greater);
    }
}
