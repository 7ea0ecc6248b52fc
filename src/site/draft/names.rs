//! Names as an issue's text has them: links that mean nothing but themselves.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::site::{Catalogue, Entry, Route};

/// Up to how many names each stands with the day on which it happened.
const DATED: usize = 15;

/// What images are called, and where their pages are.
pub(super) struct Names<'a>(HashMap<&'a str, (&'a str, &'a str)>);

impl<'a> Names<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Names<'a> {
        let of = |entry: &'a Entry| (entry.image.as_str(), (entry.name.as_str(), entry.slug.as_str()));
        Names(catalogue.entries.iter().rev().map(of).collect())
    }

    /// A link to an image's page.
    fn link(&self, image: &str) -> String {
        match self.0.get(image) {
            Some((name, slug)) => entry_link(name, slug),
            None => plain(image),
        }
    }

    /// Links to at most `most` images, by name, each with its day where it has one and they are few.
    pub(super) fn sentence(&self, images: &[(String, Option<Date>)], most: usize) -> String {
        let shown = |image: &str| self.0.get(image).map_or(image, |(name, _)| name).to_lowercase();
        let mut images: Vec<_> = images.iter().collect();
        images.sort_by_cached_key(|(image, _)| shown(image));
        let is_dated = images.len() <= DATED;
        let link = |(image, date): &&(String, Option<Date>)| match date.filter(|_| is_dated) {
            Some(date) => format!("{} ({date})", self.link(image)),
            None => self.link(image),
        };
        let mut links: Vec<String> = images.iter().take(most).map(link).collect();
        if images.len() > most {
            links.push(format!("and {} more", images.len() - most));
        }
        links.join(", ")
    }
}

fn entry_link(name: &str, slug: &str) -> String {
    format!("[{}]({})", plain(name), Route::Entry(slug.to_owned()).path())
}

/// Text as Markdown that means nothing but itself.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|~&".contains(c) {
            plain.push('\\');
        }
        plain.push(if c.is_control() { ' ' } else { c });
    }
    plain
}

/// Text as YAML that means nothing but itself: its quoted texts hold all that JSON's do.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
