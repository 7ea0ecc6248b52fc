//! The fields of a file, taken one after the other. What is wrong with one is noted, and the next one is taken.

use std::collections::HashSet;

use jiff::civil::Date;
use url::Url;

use super::noting::{Noting, Spot, nearest_or_all};
use super::yaml::{Field, Node, Value};

pub(super) use crate::form::is_slug;

/// What a line of text may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// The fewest characters.
    pub(super) least: usize,
    /// The most.
    pub(super) most: usize,
    /// Whether it ends in a full stop.
    pub(super) is_sentence: bool,
}

impl Line {
    pub(super) const fn of(least: usize, most: usize) -> Line {
        Line { least, most, is_sentence: false }
    }

    pub(super) const fn sentence(least: usize, most: usize) -> Line {
        Line { least, most, is_sentence: true }
    }
}

/// Text, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) spot: Spot,
}

/// Fields that were not taken yet.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Vec<Field>,
    pub(super) spot: Spot,
}

impl Fields {
    /// The fields of a node. What is not known, and what stands twice, is noted.
    pub(super) fn of(node: Node, known: &[&str], noting: &mut Noting<'_>) -> Option<Fields> {
        let Node { value: Value::Fields(fields), spot, .. } = node else {
            let what = format!("fields are expected here, and this is {}", node.value.kind());
            noting.note(node.spot, what, "fields are written like `name: value`".to_owned());
            return None;
        };
        let mut kept: Vec<Field> = Vec::new();
        for field in fields {
            let (at, name) = (field.spot, &field.name);
            if !known.contains(&name.as_str()) {
                let hint = nearest_or_all(name, known.iter().copied());
                noting.note(at, format!("there is no field `{name}` here"), hint);
            } else if kept.iter().any(|other| other.name == *name) {
                noting.note(at, format!("the field `{name}` stands here twice"), "leave one".to_owned());
            } else {
                kept.push(field);
            }
        }
        Some(Fields { fields: kept, spot })
    }

    /// A field, where it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Node> {
        let place = self.fields.iter().position(|field| field.name == name)?;
        Some(self.fields.swap_remove(place).node)
    }

    /// A field. That it is missing is noted.
    pub(super) fn need(&mut self, name: &str, noting: &mut Noting<'_>) -> Option<Node> {
        let found = self.take(name);
        if found.is_none() {
            let hint = "docs/content.md says what each field holds".to_owned();
            noting.note(self.spot, format!("the field `{name}` is missing"), hint);
        }
        found
    }

    /// A line of text that has to be there.
    pub(super) fn need_line(&mut self, name: &str, line: Line, noting: &mut Noting<'_>) -> Option<Text> {
        let node = self.need(name, noting)?;
        read_line(name, node, line, noting)
    }

    /// A line of text that may be there.
    pub(super) fn take_line(&mut self, name: &str, line: Line, noting: &mut Noting<'_>) -> Option<Text> {
        let node = self.take(name)?;
        read_line(name, node, line, noting)
    }

    /// An address, http or https.
    pub(super) fn need_url(&mut self, name: &str, noting: &mut Noting<'_>) -> Option<Text> {
        let text = self.need_line(name, Line::of(1, 300), noting)?;
        url(name, text, noting)
    }

    /// The same, where it is there.
    pub(super) fn take_url(&mut self, name: &str, noting: &mut Noting<'_>) -> Option<Text> {
        let text = self.take_line(name, Line::of(1, 300), noting)?;
        url(name, text, noting)
    }

    /// A day.
    pub(super) fn need_day(&mut self, name: &str, noting: &mut Noting<'_>) -> Option<(Date, Spot)> {
        let text = self.need_line(name, Line::of(1, 60), noting)?;
        read_day(name, &text, noting)
    }

    /// The same, where it is there.
    pub(super) fn take_day(&mut self, name: &str, noting: &mut Noting<'_>) -> Option<(Date, Spot)> {
        let text = self.take_line(name, Line::of(1, 60), noting)?;
        read_day(name, &text, noting)
    }

    /// A list of so many lines, none of them twice. That it is missing is noted.
    pub(super) fn need_lines(
        &mut self,
        name: &str,
        most: usize,
        line: Line,
        noting: &mut Noting<'_>,
    ) -> Vec<Text> {
        let Some(node) = self.need(name, noting) else { return Vec::new() };
        lines_of(name, node, most, line, noting)
    }

    /// A list of so many lines, none of them twice; empty where the field is not there.
    pub(super) fn take_lines(
        &mut self,
        name: &str,
        most: usize,
        line: Line,
        noting: &mut Noting<'_>,
    ) -> Vec<Text> {
        let Some(node) = self.take(name) else { return Vec::new() };
        lines_of(name, node, most, line, noting)
    }
}

fn read_day(name: &str, text: &Text, noting: &mut Noting<'_>) -> Option<(Date, Spot)> {
    let found = day(&text.text);
    if found.is_none() {
        let what = format!("`{name}` is {:?}, which is no date", text.text);
        noting.note(text.spot, what, "a date is written like \"2027-01-30\"".to_owned());
    }
    Some((found?, text.spot))
}

/// A day as content writes it: `2027-01-30`, of this century.
pub(super) fn day(text: &str) -> Option<Date> {
    let is_shaped = text.len() == 10 && text.starts_with("20");
    text.parse::<Date>().ok().filter(|date| is_shaped && date.to_string() == text)
}

/// Whether a character can stand on a page: what steers terminals, or turns the direction of what follows, can't.
pub(super) fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

fn read_line(name: &str, node: Node, line: Line, noting: &mut Noting<'_>) -> Option<Text> {
    let Node { value: Value::Text(text), spot, .. } = node else {
        let kind = node.value.kind();
        let hint = (kind != "a list" && kind != "fields")
            .then(|| "put it in quotes where it is meant as text".into());
        noting.note(node.spot, format!("`{name}` has to be text, and is {kind}"), hint);
        return None;
    };
    let mut note = |what: String, hint: &str| noting.note(spot, what, hint.to_owned());
    let length = text.chars().count();
    if let Some(c) = text.chars().find(|c| !is_plain(*c)) {
        let what = format!("`{name}` has the character U+{:04X}, which has no place on a page", u32::from(c));
        note(what, "write it as one line of plain text");
        return None;
    }
    if text.trim() != text {
        note(format!("`{name}` begins or ends with a space"), "take it away");
        return None;
    }
    if length < line.least {
        let what = match length {
            0 => format!("`{name}` is empty"),
            _ => format!("`{name}` is {length} long, and {} characters are the least", line.least),
        };
        note(what, "say more");
        return None;
    }
    if length > line.most {
        let what = format!("`{name}` is {length} long, and {} characters are the most", line.most);
        note(what, "say it shorter");
        return None;
    }
    if line.is_sentence && !text.ends_with('.') {
        note(format!("`{name}` has to be a sentence, and ends in no full stop"), "end it by one");
        return None;
    }
    Some(Text { text, spot })
}

fn url(name: &str, text: Text, noting: &mut Noting<'_>) -> Option<Text> {
    match refused_url(&text.text) {
        None => Some(text),
        Some(why) => {
            let hint = "an address is written like https://nginx.org/en/".to_owned();
            noting.note(text.spot, format!("`{name}` is {:?}: {why}", text.text), hint);
            None
        }
    }
}

/// Why an address is not taken; none where it is.
fn refused_url(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Some("it does not begin with http:// or https://".to_owned());
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_host = host.bytes().all(|b| is_word(&b) || b == b'.' || b == b'-')
        && host.as_bytes().first().is_some_and(is_word)
        && host.as_bytes().last().is_some_and(is_word);
    if !is_host || port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Some(
            "the host is written in small letters, and nothing but a path comes behind it".to_owned(),
        );
    }
    if let Some(c) = path.chars().find(|c| c.is_whitespace() || "<>\"'`\\".contains(*c)) {
        return Some(format!("{c:?} has to be written in percents"));
    }
    Url::parse(text).err().map(|error| error.to_string())
}

/// The lines of a list that was taken.
pub(super) fn lines_of(
    name: &str,
    node: Node,
    most: usize,
    line: Line,
    noting: &mut Noting<'_>,
) -> Vec<Text> {
    let Value::List(items) = node.value else {
        let what = format!("`{name}` has to be a list, and is {}", node.value.kind());
        noting.note(node.spot, what, "a list is written like [one, two]".to_owned());
        return Vec::new();
    };
    if items.is_empty() {
        noting.note(node.spot, format!("`{name}` has none"), "leave the field out, or name one".to_owned());
    }
    if items.len() > most {
        let what = format!("`{name}` has {}, and {most} is the most", items.len());
        noting.note(node.spot, what, "keep the most telling ones".to_owned());
    }
    let mut lines: Vec<Text> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for item in items {
        let Some(read) = read_line(name, item, line, noting) else { continue };
        if !seen.insert(read.text.clone()) {
            let what = format!("`{name}` has {:?} twice", read.text);
            noting.note(read.spot, what, "leave one".to_owned());
            continue;
        }
        lines.push(read);
    }
    lines
}
