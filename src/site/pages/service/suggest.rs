//! Say that something is missing or wrong.

use askama::Template;

use super::super::Frame;
use super::super::text::line;
use super::form::{self, Field, Takes};
use crate::content;
use crate::site::{Route, ServiceRoute, Site, Typed};

/// How many characters of a name are shown.
const NAME: usize = 300;

/// The names of the fields.
const FIELDS: [&str; 8] = ["entry", "name", "image", "home", "source", "license", "description", "comment"];

#[derive(Template)]
#[template(path = "service/suggest.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    problems: Vec<(Option<String>, String)>,
    /// The entry that it is about: address, name.
    entry: Option<(String, String)>,
    /// Its slug, which goes along with the form.
    slug: Option<&'a str>,
    /// What most will fill in.
    first: Vec<Field>,
    /// What else can be said.
    fields: Vec<Field>,
    received: Option<i64>,
}

pub(super) fn page<'a>(site: &'a Site, typed: &Typed, received: Option<i64>) -> Page<'a> {
    let description = "Say what is missing in the catalogue, or wrong.";
    let title = match received {
        Some(_) => "Received",
        None if !typed.problems.is_empty() => "Not sent yet: missing or wrong?",
        None => "Something is missing or wrong?",
    };
    let frame = Frame::new(site, Route::Service(ServiceRoute::Suggest), title, description);
    let entry = site.catalogue.entry(typed.value("entry"));
    let about = entry.and_then(|entry| entry.about.as_ref());
    let now = |hint: &str, value: Option<&str>| match value {
        Some(value) => format!("{hint} Now: {}", line(value, NAME)),
        None => hint.to_owned(),
    };
    let of = |value: fn(&content::Entry) -> Option<&str>| about.and_then(value);
    let field = |name, label, hint: &str, kind| Field::new(typed, name, label, hint, Takes::Line(kind));
    let words = match entry {
        Some(_) => "What is missing or wrong",
        None => "What is missing, or wrong about it",
    };
    let comment = Field::new(
        typed,
        "comment",
        words,
        "For example: the licence has changed, a link leads nowhere, there is another image by now.",
        Takes::Area(6),
    );
    let name = field(
        "name",
        "Name",
        &now("As its makers write it.", entry.map(|entry| entry.name.as_str())),
        "text",
    );
    let mut fields = vec![
        field(
            "image",
            "Image",
            &now(
                "Evidence is of images: nginx, ghcr.io/owner/name.",
                entry.map(|entry| entry.image.as_str()),
            ),
            "text",
        ),
        field("home", "Home page", &now("Its makers’ page.", of(|about| about.home.as_deref())), "url"),
        field(
            "source",
            "Source",
            &now("Where its makers keep the source.", of(|about| about.source.as_deref())),
            "url",
        ),
        field(
            "license",
            "Licence",
            &now("An SPDX expression, like MIT OR Apache-2.0.", of(|about| about.license.as_deref())),
            "text",
        ),
        field(
            "description",
            "Description",
            &now("What it is, in one sentence.", of(|about| Some(&about.description))),
            "text",
        ),
    ];
    let first = match entry {
        Some(_) => {
            fields.insert(0, name);
            vec![comment]
        }
        None => {
            let entry = "Where it has a page here: the last part of that page’s address, like nginx.";
            fields.insert(0, field("entry", "Entry", entry, "text"));
            vec![name, comment]
        }
    };
    let unmarked = |fields: Vec<Field>| fields.into_iter().map(Field::unmarked).collect();
    Page {
        problems: form::problems(typed, if entry.is_some() { &FIELDS[1..] } else { &FIELDS }),
        entry: entry
            .map(|entry| (site.base.link(&Route::Entry(entry.slug.clone())), line(&entry.name, NAME))),
        slug: entry.map(|entry| entry.slug.as_str()),
        first: unmarked(first),
        fields: unmarked(fields),
        received,
        frame,
    }
}
