//! Markdown that becomes HTML which may stand in any page.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

use super::fields::is_plain;
use super::noting::{Noting, Spot};
use crate::content::{At, Heading};

/// A text.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) html: String,
    /// The headings of the second level.
    pub(super) headings: Vec<Heading>,
}

/// Reads a text. The links that stay within the site are put to `links`.
pub(super) fn read(text: &str, noting: &mut Noting<'_>, links: &mut Vec<(At, String)>) -> Text {
    let mut reading = Reading {
        text,
        lines: Lines::new(text),
        noting,
        level: 1,
        ids: HashMap::new(),
        headings: Vec::new(),
        anchors: Vec::new(),
    };
    let mut broken: Vec<(Range<usize>, String)> = Vec::new();
    let mut note_broken = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
        // `[such]` alone may be meant as it stands.
        if matches!(link.link_type, LinkType::Reference | LinkType::Collapsed) {
            broken.push((link.span, link.reference.to_string()));
        }
        None
    };
    let parser = Parser::new_with_broken_link_callback(text, Options::ENABLE_TABLES, Some(&mut note_broken));
    let found: Vec<(Event<'_>, Range<usize>)> = parser.into_offset_iter().collect();
    let headings = heading_texts(&found);
    let mut of_headings = headings.into_iter();
    let mut events = Vec::with_capacity(found.len());
    for (event, range) in found {
        let heading =
            matches!(event, Event::Start(Tag::Heading { .. })).then(|| of_headings.next()).flatten();
        reading.event(event, &range, heading, links, &mut events);
    }
    for (range, name) in broken {
        let hint = format!("write `[{name}]: https://…` on a line of its own");
        reading.note(range.start, format!("there is no link called {name:?}"), &hint);
    }
    for (anchor, at) in std::mem::take(&mut reading.anchors) {
        if !reading.ids.contains_key(&anchor) {
            let hint = "a heading's anchor is its text in small letters, with hyphens for all else";
            reading.note(at, format!("there is no heading #{anchor} here"), hint);
        }
    }
    let headings = std::mem::take(&mut reading.headings);
    let mut html = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut html, events.into_iter());
    Text { html, headings }
}

struct Reading<'t, 'n, 'p> {
    text: &'t str,
    lines: Lines<'t>,
    noting: &'n mut Noting<'p>,
    /// The level of the last heading; the title has the first.
    level: usize,
    /// The names of headings, each with how often it was asked for.
    ids: HashMap<String, usize>,
    headings: Vec<Heading>,
    /// The anchors that links lead to, and where.
    anchors: Vec<(String, usize)>,
}

impl<'t> Reading<'t, '_, '_> {
    fn note(&mut self, at: usize, what: impl Into<String>, hint: &str) {
        let spot = self.lines.spot(at);
        self.noting.note(spot, what, hint.to_owned());
    }

    fn event(
        &mut self,
        event: Event<'t>,
        range: &Range<usize>,
        heading: Option<String>,
        links: &mut Vec<(At, String)>,
        events: &mut Vec<Event<'t>>,
    ) {
        match event {
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => {
                let html = self.text.get(range.clone()).unwrap_or_default();
                let what = format!("it has HTML of its own: {}", html.lines().next().unwrap_or_default());
                self.note(range.start, what, "write Markdown; a < that is meant as such is written \\<");
            }
            Event::Html(_) | Event::End(TagEnd::HtmlBlock) => {}
            Event::Start(Tag::Image { .. }) => {
                self.note(range.start, "it has an image", "a link may lead to one");
            }
            Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Heading { level, .. }) => {
                let start = self.heading(level, range.start, heading.unwrap_or_default());
                events.push(start);
            }
            Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
                self.link(link_type, &dest_url, range.start, links);
                // Titles are shown to those alone who have a mouse.
                events.push(Event::Start(Tag::Link { link_type, dest_url, title: "".into(), id }));
            }
            // Alignment becomes a style within the page, which pages refuse.
            Event::Start(Tag::Table(columns)) => {
                let plain = columns.iter().map(|_| pulldown_cmark::Alignment::None).collect();
                events.push(Event::Start(Tag::Table(plain)));
            }
            Event::Text(ref text) | Event::Code(ref text) => {
                if let Some(c) = text.chars().find(|c| !is_plain(*c) && !matches!(c, '\n' | '\t')) {
                    let what =
                        format!("it has the character U+{:04X}, which has no place on a page", u32::from(c));
                    self.note(range.start, what, "take it away");
                }
                events.push(event);
            }
            event => events.push(event),
        }
    }

    fn heading(&mut self, level: HeadingLevel, at: usize, text: String) -> Event<'t> {
        let number = level as usize;
        if number == 1 {
            self.note(at, "a heading of the first level is the title's", "begin it with ##");
        } else if number > self.level + 1 {
            let what = format!("a heading of level {number} comes right below one of level {}", self.level);
            self.note(at, what, "leave no level out");
        }
        self.level = number;
        let id = self.id(&text);
        if number == 2 {
            self.headings.push(Heading { id: id.clone(), text });
        }
        Event::Start(Tag::Heading { level, id: Some(id.into()), classes: Vec::new(), attrs: Vec::new() })
    }

    /// A name for a heading that no other has.
    fn id(&mut self, text: &str) -> String {
        let slug = anchor(text);
        let mut number = self.ids.get(&slug).map_or(1, |number| number + 1);
        let mut id = if number == 1 { slug.clone() } else { format!("{slug}-{number}") };
        while number > 1 && self.ids.contains_key(&id) {
            number += 1;
            id = format!("{slug}-{number}");
        }
        self.ids.insert(slug, number);
        self.ids.entry(id.clone()).or_insert(1);
        id
    }

    fn link(&mut self, link_type: LinkType, target: &str, at: usize, links: &mut Vec<(At, String)>) {
        if link_type == LinkType::Email {
            return;
        }
        if let Some(anchor) = target.strip_prefix('#') {
            self.anchors.push((anchor.to_owned(), at));
            return;
        }
        if target.starts_with('/') {
            let (path, _) = target.split_once('#').unwrap_or((target, ""));
            let is_path = !path.starts_with("//")
                && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
            if is_path {
                links.push((self.noting.at(self.lines.spot(at)), path.to_owned()));
            } else {
                let hint = "a page of the site has an address like /entry/nginx/";
                self.note(at, format!("the link {target:?} leads to no page of the site"), hint);
            }
            return;
        }
        let scheme = target.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let is_good = match scheme.as_deref() {
            Some("http" | "https") => url::Url::parse(target)
                .is_ok_and(|url| url.username().is_empty() && url.password().is_none() && url.has_host()),
            Some("mailto") => url::Url::parse(target).is_ok(),
            _ => false,
        };
        if !is_good {
            let hint = "links are http, https or mailto, or of a page of the site, like /entry/nginx/";
            self.note(at, format!("the link {target:?} is none that is taken"), hint);
        }
    }
}

/// The texts of the headings, in order.
fn heading_texts(events: &[(Event<'_>, Range<usize>)]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut is_within = false;
    for (event, _) in events {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                is_within = true;
                texts.push(String::new());
            }
            Event::End(TagEnd::Heading(_)) => is_within = false,
            Event::Text(text) | Event::Code(text) if is_within => {
                texts.last_mut().into_iter().for_each(|heading| heading.push_str(text));
            }
            _ => {}
        }
    }
    texts
}

/// What a heading is called in addresses.
fn anchor(text: &str) -> String {
    let mut anchor = String::new();
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() => anchor.extend(c.to_lowercase()),
            _ if anchor.ends_with('-') || anchor.is_empty() => {}
            _ => anchor.push('-'),
        }
    }
    match anchor.trim_end_matches('-') {
        "" => "section".to_owned(),
        anchor => anchor.to_owned(),
    }
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    begins: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        let after_breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Lines { text, begins: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn spot(&self, at: usize) -> Spot {
        let line = self.begins.partition_point(|begin| *begin <= at);
        let begin = self.begins[line.saturating_sub(1)];
        let before = self.text.get(begin..at).unwrap_or_default();
        Spot { line: line as u64, column: before.chars().count() as u64 + 1 }
    }
}
