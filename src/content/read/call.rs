//! Calls for proposals: YAML between two lines of `---`, then Markdown.

use workson_oci::Platform;
use workson_oci::platform::normalize::{is_known_arch, is_known_os};
use workson_oci::platform::official_name;

use super::fields::{Fields, Line, Text};
use super::front_matter::{Parts, parts};
use super::markdown;
use super::noting::{Noting, Spot, did_you_mean};
use super::yaml;
use crate::content::{At, Call};

const FIELDS: [&str; 7] = ["title", "summary", "opens", "closes", "offers", "platforms", "terms"];

/// How many offers, platforms or terms a call has at most.
const MOST: usize = 20;

/// The platforms that machines are most often offered of, for hints.
const KNOWN: [&str; 10] = [
    "linux/arm64",
    "linux/arm/v7",
    "linux/arm/v6",
    "linux/arm/v5",
    "linux/amd64",
    "linux/riscv64",
    "linux/ppc64le",
    "linux/s390x",
    "linux/loong64",
    "linux/mips64le",
];

/// Reads a call; its links within the site are put to `links`. It is there where nothing was noted.
pub(super) fn call(
    slug: &str,
    text: &str,
    noting: &mut Noting<'_>,
    links: &mut Vec<(At, String)>,
) -> Option<Call> {
    let Some(Parts { front, body, lines }) = parts(text) else {
        let what = "it does not begin with its title, summary and all else that a call has";
        let hint = "write them between two lines of ---, before the text".to_owned();
        noting.note(Spot { line: 1, column: 1 }, what, hint);
        return None;
    };
    noting.behind(1);
    let front = yaml::parse(front, noting).and_then(|node| Fields::of(node, &FIELDS, noting));
    let written = front.and_then(|mut fields| {
        let title = fields.need_line("title", Line::of(3, 100), noting);
        let summary = fields.need_line("summary", Line::sentence(20, 300), noting);
        let opens = fields.need_day("opens", noting);
        let closes = fields.take_day("closes", noting);
        let offers = fields.need_lines("offers", MOST, Line::of(3, 200), noting);
        let platforms = fields.need_lines("platforms", MOST, Line::of(1, 60), noting);
        let terms = fields.need_lines("terms", MOST, Line::of(3, 300), noting);
        if let (Some((opens, _)), Some((closes, spot))) = (opens, closes)
            && closes < opens
        {
            let hint = "`closes` is the last day on which proposals are taken; leave it out of a call that \
                        stays open";
            let what = format!("it closes on {closes}, before it opens on {opens}");
            noting.note(spot, what, hint.to_owned());
        }
        Some(Call {
            slug: slug.to_owned(),
            platforms: self::platforms(platforms, noting),
            title: title?.text,
            summary: summary?.text,
            opens: opens?.0,
            closes: closes.map(|(day, _)| day),
            offers: offers.into_iter().map(|offer| offer.text).collect(),
            terms: terms.into_iter().map(|term| term.text).collect(),
            html: String::new(),
        })
    });
    noting.behind(lines);
    let text = markdown::read(body, noting, links);
    Some(Call { html: text.html, ..written? })
}

/// The platforms, normalised, each once.
fn platforms(named: Vec<Text>, noting: &mut Noting<'_>) -> Vec<String> {
    let mut platforms: Vec<String> = Vec::new();
    for Text { text, spot } in named {
        match platform(&text) {
            Err((what, hint)) => noting.note(spot, what, hint),
            Ok(platform) if platforms.contains(&platform) => {
                let what = format!("`platforms` has {platform} twice: {text:?} is another name of it");
                noting.note(spot, what, "leave one".to_owned());
            }
            Ok(platform) => platforms.push(platform),
        }
    }
    platforms
}

/// A platform's normalised name; what is wrong with it, and what to do, where it is none. Its operating system is
/// named, because content has no host to take it from; a version of that is not what is offered.
fn platform(text: &str) -> Result<String, (String, String)> {
    let linux = Platform { os: "linux".into(), ..Platform::default() };
    let refused = |what: String| {
        let near = || did_you_mean(text, KNOWN);
        // An architecture alone, as the official images name it or as containerd does.
        let meant = official_name(text).or_else(|| Platform::parse(text, &linux).ok()).filter(is_known);
        let meant = meant.map(|platform| format!("write {}", bare(platform)));
        let hint = meant.or_else(near).unwrap_or_else(|| "a platform is written like linux/arm64".to_owned());
        (format!("{text:?} {what}"), hint)
    };
    let parsed = Platform::parse(text, &linux).map_err(|error| refused(format!("is no platform: {error}")));
    if !text.contains('/') {
        return Err(refused("names no operating system and architecture".to_owned()));
    }
    let parsed = parsed?;
    if !is_known(&parsed) {
        return Err(refused("is no platform that is known".to_owned()));
    }
    if !parsed.os_version.is_empty() || !parsed.os_features.is_empty() {
        return Err(refused("names a version of the operating system".to_owned()));
    }
    Ok(bare(parsed))
}

fn is_known(platform: &Platform) -> bool {
    is_known_os(&platform.os) && is_known_arch(&platform.architecture)
}

/// The name without a version of the operating system.
fn bare(platform: Platform) -> String {
    Platform { os_version: String::new(), os_features: Vec::new(), ..platform }.normalized().format()
}
