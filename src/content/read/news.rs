//! Issues of the newsletter: YAML between two lines of `---`, then Markdown.

use jiff::Timestamp;

use super::fields::{Fields, Line, Text, day};
use super::front_matter::{Parts, parts};
use super::markdown;
use super::noting::{Noting, Spot};
use super::yaml;
use crate::content::{At, Issue};

const FIELDS: [&str; 5] = ["title", "date", "summary", "until", "seen"];

/// An issue, and what else its file has.
pub(super) struct Read {
    pub(super) issue: Issue,
    /// How far what maintainers declare was known that it tells.
    pub(super) until: Option<Timestamp>,
    /// How far what registries serve and what was verified was known that it tells.
    pub(super) seen: Option<Timestamp>,
}

/// Reads an issue; its links within the site are put to `links`. It is there where nothing was noted.
pub(super) fn issue(
    slug: &str,
    text: &str,
    noting: &mut Noting<'_>,
    links: &mut Vec<(At, String)>,
) -> Option<Read> {
    let Some(Parts { front, body, lines }) = parts(text) else {
        let what = "it does not begin with its title, date and summary";
        let hint = "write them between two lines of ---, before the text".to_owned();
        noting.note(Spot { line: 1, column: 1 }, what, hint);
        return None;
    };
    noting.behind(1);
    let front = yaml::parse(front, noting).and_then(|node| Fields::of(node, &FIELDS, noting));
    let (mut written, mut until, mut seen) = (None, None, None);
    if let Some(mut fields) = front {
        let title = fields.need_line("title", Line::of(3, 100), noting);
        let date = fields.need_day("date", noting);
        let summary = fields.need_line("summary", Line::sentence(20, 300), noting);
        let mut take = |name: &str| {
            let text = fields.take_line(name, Line::of(1, 60), noting);
            text.and_then(|text| instant(name, &text, noting))
        };
        (until, seen) = (take("until"), take("seen"));
        let named = slug.get(..10).and_then(day);
        if let (Some((date, spot)), Some(named)) = (date, named)
            && named != date
        {
            let hint = "the file's name begins with the issue's date".to_owned();
            noting.note(spot, format!("it is of {date}, and the file's name says {named}"), hint);
        }
        written = title.zip(date).zip(summary);
    }
    if slug.get(..10).and_then(day).is_none() {
        noting
            .note_file("its name does not begin with a date", "name it like 2027-01-30-what-it-is-about.md");
    }
    noting.behind(lines);
    let text = markdown::read(body, noting, links);
    let ((title, (date, _)), summary) = written?;
    let issue = Issue {
        slug: slug.to_owned(),
        title: title.text,
        date,
        summary: summary.text,
        headings: text.headings,
        html: text.html,
    };
    Some(Read { issue, until, seen })
}

/// An instant as drafts have it: `2026-08-21T20:31:00Z`.
fn instant(name: &str, text: &Text, noting: &mut Noting<'_>) -> Option<Timestamp> {
    let is_shaped = text.text.len() == 20 && text.text.starts_with("20");
    let found = text.text.parse::<Timestamp>().ok();
    let found = found.filter(|at| is_shaped && at.to_string() == text.text);
    if found.is_none() {
        let what = format!("`{name}` is {:?}, which is no instant", text.text);
        noting.note(text.spot, what, "it is written like \"2026-08-21T20:31:00Z\"".to_owned());
    }
    found
}
