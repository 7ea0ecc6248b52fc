//! Ask a registry about an image.

use askama::Template;
use url::form_urlencoded::Serializer;
use workson_oci::Reference;

use super::super::Frame;
use super::super::text::{capital, line, sentence};
use super::form::{self, Field, Takes};
use super::verdict;
use crate::query::{ErrorAnswer, ImageAnswer, PlatformAnswer, SupportAnswer};
use crate::site::{Answered, Mark, Origin, Route, ServiceRoute, Site, Typed};

/// How many platforms of an image are listed. An index may have thousands of entries.
const PLATFORMS: usize = 100;
/// How many notes are shown.
const NOTES: usize = 20;
/// How many characters of a text of a registry's are shown.
const WORDS: usize = 500;
/// The same of a name.
const NAME: usize = 300;
/// How many platforms are named as examples.
const OFFERED: usize = 8;

/// One platform of the image.
pub(super) struct Offered {
    platform: String,
    digest: String,
    size: u64,
}

/// Whether it has a platform.
pub(super) struct Verdict {
    platform: String,
    mark: Mark,
    sentence: String,
}

/// What was found out.
pub(super) struct Answer {
    reference: String,
    verdicts: Vec<Verdict>,
    error: Option<(String, Option<String>)>,
    digest: Option<String>,
    kind: Option<&'static str>,
    media_type: Option<String>,
    platforms: Vec<Offered>,
    more_platforms: usize,
    attestations: usize,
    notes: Vec<String>,
    observed_at: String,
    /// Where from, and how long ago.
    asked: String,
    /// The address of the same as JSON; none where the question is longer than any that is answered.
    json: Option<String>,
    /// The entry of the catalogue that the image is one of: address, name.
    entry: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "service/query.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    problems: Vec<(Option<String>, String)>,
    image: Field,
    platform: Field,
    registries: &'a [String],
    answer: Option<Answer>,
}

pub(super) fn page<'a>(site: &'a Site, typed: &Typed, answered: Option<&Answered>) -> Page<'a> {
    let description = "Ask a registry which platforms an image has, now.";
    let title = match answered {
        Some(answered) => format!("Ask: {}", line(&answered.answer.reference, NAME)),
        None if !typed.problems.is_empty() => "Not asked yet: ask a registry".to_owned(),
        None => "Ask a registry".to_owned(),
    };
    let frame = Frame::new(site, Route::Service(ServiceRoute::Query), &title, description);
    let image = "As docker takes it: nginx, postgres:17, ghcr.io/owner/name, or with a digest.";
    let names: Vec<&str> =
        site.catalogue.columns.iter().take(OFFERED).map(|column| column.name.as_str()).collect();
    let platform = format!("Like {}. Without one, all platforms are listed.", names.join(", "));
    let field = |name, label, hint| Field::new(typed, name, label, hint, Takes::Line("text"));
    Page {
        problems: form::problems(typed, &["image", "platform"]),
        image: field("image", "Image", image).needed(),
        platform: field("platform", "Platform", &platform),
        registries: site.services.registries.as_deref().unwrap_or_default(),
        answer: answered.map(|answered| answer(site, typed, answered)),
        frame,
    }
}

fn answer(site: &Site, typed: &Typed, answered: &Answered) -> Answer {
    let ImageAnswer { reference, platforms, notes, supports, error, .. } = &answered.answer;
    let found = |error: &ErrorAnswer| {
        (sentence(&error.message, WORDS), error.hint.as_deref().map(|hint| sentence(&capital(hint), WORDS)))
    };
    Answer {
        reference: line(reference, NAME),
        verdicts: supports.iter().map(|support| of_platform(support, error.as_ref())).collect(),
        error: error.as_ref().map(found),
        digest: answered.answer.digest.as_deref().map(|digest| line(digest, NAME)),
        kind: answered.answer.kind,
        media_type: answered.answer.media_type.as_deref().map(|kind| line(kind, NAME)),
        platforms: platforms.iter().take(PLATFORMS).map(offered).collect(),
        more_platforms: platforms.len().saturating_sub(PLATFORMS),
        attestations: answered.answer.attestations,
        notes: notes.iter().take(NOTES).map(|note| line(note, WORDS)).collect(),
        observed_at: line(&answered.observed_at, NAME),
        asked: match answered.origin {
            Origin::Registry => format!("The registry was asked {} ago", line(&answered.age, NAME)),
            Origin::Store => {
                format!("From an inventory that asked the registry {} ago", line(&answered.age, NAME))
            }
        },
        json: json(site, reference, typed.value("platform")),
        entry: entry(site, reference),
    }
}

fn json(site: &Site, image: &str, platform: &str) -> Option<String> {
    if image.len() > NAME || platform.len() > NAME {
        return None;
    }
    let mut query = Serializer::new(String::new());
    query.append_pair("image", image);
    if !platform.is_empty() {
        query.append_pair("platform", platform);
    }
    Some(format!("{}?{}", site.base.link(&Route::Service(ServiceRoute::ApiQuery)), query.finish()))
}

fn offered(platform: &PlatformAnswer) -> Offered {
    let (shown, digest) = (line(&platform.shown(), NAME), line(&platform.digest, NAME));
    Offered { platform: shown, digest, size: platform.size }
}

fn of_platform(support: &SupportAnswer, error: Option<&ErrorAnswer>) -> Verdict {
    let mark = verdict::of(Some(support));
    let sentence = match (support.verdict, &support.reason) {
        ("yes", _) => "Its index, or the image’s own config, names an image for it.".to_owned(),
        ("no", _) => "No image that the registry serves under this name is for it.".to_owned(),
        // The failure stands below, whole.
        _ if error.is_some() => "It can’t be told: the image could not be read.".to_owned(),
        (_, Some(reason)) => format!("It can’t be told: {}.", line(reason, WORDS).trim_end_matches('.')),
        (_, None) => "It can’t be told.".to_owned(),
    };
    Verdict { platform: line(&support.platform, NAME), mark, sentence }
}

/// The entry that an image is of, whatever its tag.
fn entry(site: &Site, reference: &str) -> Option<(String, String)> {
    let image = reference.parse::<Reference>().ok()?.repository().familiar();
    let is_of = |entry: &&crate::site::Entry| {
        let others = entry.about.iter().flat_map(|about| &about.images);
        entry.image == image || others.clone().any(|other| other.repository().familiar() == image)
    };
    let entry = site.catalogue.entries.iter().find(is_of)?;
    Some((site.base.link(&Route::Entry(entry.slug.clone())), line(&entry.name, NAME)))
}
