//! Live queries: what was asked, read; what is told, written.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::header::{AGE, CACHE_CONTROL, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use bytes::Bytes;
use jiff::Timestamp;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Serialize;
use url::form_urlencoded;
use workson_oci::text::printable;
use workson_oci::{Platform, Reference};

use super::allowance::{Client, Granted};
use super::answers::{Answers, Asked, Shown};
use super::live::{Live, NotAsked, Told};
use super::refusal::{Refused, capitalised};
use super::sending::{for_one, not_allowed, whole};
use crate::query::{ErrorAnswer, ImageAnswer};
use crate::site::{Answered, Typed, View};

/// How many characters a reference may have.
const MAX_REFERENCE: usize = 300;
/// How many characters a platform may have.
const MAX_PLATFORM: usize = 100;
/// How many platforms may be asked about at once.
const MAX_PLATFORMS: usize = 10;
/// How many bytes of answers are kept as they are sent.
const RENDERED_BYTES: u64 = 8 << 20;
/// How many bytes a query may have for its answer to be kept.
const MAX_KEPT_QUERY: usize = 512;

pub(super) const JSON: &str = "application/json";
pub(super) const BUSY: &str = "too many ask about too many images now";
const SPENT: &str = "the registry is asked no more for now, so as not to ask too much of it";

/// Answers as they are sent, by the query of their address.
pub(super) struct Rendered(Cache<String, Arc<Kept>, Bytewise>);

struct Kept {
    bytes: Bytes,
    at: Timestamp,
    good_until: Instant,
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<String, Arc<Kept>> for Bytewise {
    fn weight(&self, query: &String, kept: &Arc<Kept>) -> u64 {
        (query.len() + kept.bytes.len()) as u64 + 256
    }
}

impl Default for Rendered {
    fn default() -> Rendered {
        Rendered(Cache::with_weighter(10_000, RENDERED_BYTES, Bytewise))
    }
}

/// An answer with its age: what `workson query` prints, when it was seen, and where it is from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(flatten)]
    answer: &'a ImageAnswer,
    observed_at: String,
    source: &'static str,
}

/// What was asked.
struct Question {
    text: String,
    reference: Reference,
    platforms: Vec<Platform>,
}

pub(super) fn parameters(asked: &Asked) -> Vec<(String, String)> {
    let query = asked.parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

pub(super) fn values<'a>(fields: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let of = fields.iter().filter(|(known, _)| known == name);
    of.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).collect()
}

pub(super) fn invalid(kind: &'static str, message: impl Into<String>, hint: Option<String>) -> Refused {
    Refused::Invalid(ErrorAnswer { kind, message: message.into(), hint })
}

/// A text of a stranger, where it is told again: what is too long to be meant is cut.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(80).collect();
    let end = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{end}", printable(&cut))
}

/// What is left out of a platform is that of the servers that people ask about most.
fn platform(text: &str) -> Result<Platform, Refused> {
    let host = Platform { os: "linux".into(), architecture: "amd64".into(), ..Platform::default() };
    if text.chars().count() > MAX_PLATFORM {
        return Err(invalid("invalid-platform", "that is too long for a platform", None));
    }
    crate::query::platform(text, &host).map_err(|error| {
        invalid("invalid-platform", format!("platform {}: {}", quoted(text), error.what), error.hint)
    })
}

pub(super) fn platforms<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Platform>, Refused> {
    let mut platforms: Vec<Platform> = Vec::new();
    for text in texts {
        let platform = platform(text)?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    match platforms.len() {
        ..=MAX_PLATFORMS => Ok(platforms),
        _ => Err(invalid(
            "too-many-platforms",
            format!("at most {MAX_PLATFORMS} platforms can be asked about at once"),
            None,
        )),
    }
}

impl Question {
    fn read(fields: &[(String, String)]) -> Result<Question, Refused> {
        let images = values(fields, "image");
        let [text] = images[..] else {
            let what = if images.is_empty() { "no image is named" } else { "more than one image is named" };
            return Err(invalid(
                "invalid-reference",
                what,
                Some("name one, like image=nginx or image=ghcr.io/owner/name:1.2".into()),
            ));
        };
        if text.chars().count() > MAX_REFERENCE {
            return Err(invalid("invalid-reference", "that is too long for the name of an image", None));
        }
        let reference = text
            .parse()
            .map_err(|error| invalid("invalid-reference", format!("{}: {error}", quoted(text)), None))?;
        let platforms = platforms(values(fields, "platform"))?;
        Ok(Question { text: text.to_owned(), reference, platforms })
    }
}

pub(super) fn not_allowed_registry(live: &Live, reference: &Reference) -> ErrorAnswer {
    let registry = reference.repository().registry();
    ErrorAnswer {
        kind: "registry-not-allowed",
        message: format!("{registry} is no registry that is asked here"),
        hint: Some(format!("those are: {}", live.registries().join(", "))),
    }
}

/// The answer to a question, with what it is asked about.
pub(super) fn answer(text: &str, told: &Told, platforms: &[Platform]) -> ImageAnswer {
    match &told.outcome {
        Ok(image) => ImageAnswer::of(text, image, platforms),
        Err(error) => ImageAnswer::failed(text, error.clone(), platforms),
    }
}

impl Answers {
    /// Takes one question of what the client may ask.
    pub(super) fn grant(&self, asked: &Asked) -> Result<Option<Granted>, Refused> {
        self.grant_more(asked, 0, 1)
    }

    /// Takes so many questions, of which some were taken before. More than all that a client may ask are as many as all.
    pub(super) fn grant_more(
        &self,
        asked: &Asked,
        taken: u32,
        questions: usize,
    ) -> Result<Option<Granted>, Refused> {
        let Some(allowance) = &self.questions else { return Ok(None) };
        let whole = u32::try_from(questions).unwrap_or(u32::MAX).min(allowance.limit());
        let cost = whole.saturating_sub(taken);
        let granted = allowance.take(Client::of(asked.visitor.address), cost);
        match granted.wait {
            Some(_) => Err(Refused::TooMany(granted)),
            None => Ok(Some(granted)),
        }
    }

    pub(super) fn live(&self) -> Result<&Arc<Live>, Refused> {
        self.live.as_ref().ok_or(Refused::Gone("no registry is asked here"))
    }

    async fn tell(&self, question: &Question) -> Result<Arc<Told>, Refused> {
        let live = self.live()?;
        match live.ask(&question.reference).await {
            Ok(told) if told.is_not_now() => {
                self.metrics().question("budget-spent");
                Err(Refused::NotNow(SPENT))
            }
            Ok(told) => {
                self.metrics().question(match &told.outcome {
                    Ok(_) => told.origin.name(),
                    Err(error) => error.kind,
                });
                Ok(told)
            }
            Err(NotAsked::Registry) => {
                Err(Refused::Registry(not_allowed_registry(live, &question.reference)))
            }
            Err(NotAsked::Busy) => Err(Refused::NotNow(BUSY)),
        }
    }
}

pub(super) fn reads(asked: &Asked) -> bool {
    matches!(asked.parts.method, Method::GET | Method::HEAD)
}

pub(super) async fn document(answers: &Answers, asked: &Asked) -> Response<Body> {
    if !reads(asked) {
        return not_allowed("GET, HEAD");
    }
    match query(answers, asked).await {
        Ok(response) => response,
        Err(refused) => {
            answers.metrics().question(refused.word());
            refused.document()
        }
    }
}

async fn query(answers: &Answers, asked: &Asked) -> Result<Response<Body>, Refused> {
    let granted = answers.grant(asked)?;
    let query = asked.parts.uri.query().unwrap_or_default();
    if let Some(kept) = answers.rendered.0.get(query).filter(|kept| Instant::now() < kept.good_until) {
        answers.metrics().question("kept");
        return Ok(sent(answers, &kept, granted));
    }
    let question = Question::read(&parameters(asked))?;
    let told = answers.tell(&question).await?;
    let document = Document {
        answer: &answer(&question.text, &told, &question.platforms),
        observed_at: second(told.at),
        source: told.origin.name(),
    };
    let bytes = serde_json::to_vec(&document).unwrap_or_default();
    let kept =
        Arc::new(Kept { bytes: bytes.into_boxed_slice().into(), at: told.at, good_until: told.good_until });
    if query.len() <= MAX_KEPT_QUERY {
        answers.rendered.0.insert(query.to_owned(), Arc::clone(&kept));
    }
    Ok(sent(answers, &kept, granted))
}

/// An answer with its age, and how long it is good for (RFC 9111).
fn sent(answers: &Answers, kept: &Kept, granted: Option<Granted>) -> Response<Body> {
    let mut response = whole(StatusCode::OK, JSON, kept.bytes.clone());
    let headers = response.headers_mut();
    headers.reserve(10);
    let age = (answers.settings.clock)().duration_since(kept.at).as_secs().max(0);
    headers.insert(AGE, HeaderValue::from(age));
    let left = kept.good_until.saturating_duration_since(Instant::now()).as_secs();
    let until = u64::try_from(age).unwrap_or(0) + left;
    if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={until}")) {
        headers.insert(CACHE_CONTROL, value);
    }
    if let Some(granted) = granted {
        granted.tell(headers);
    }
    response
}

pub(super) async fn page(answers: &Answers, shown: &Shown, asked: &Asked) -> Response<Body> {
    if !reads(asked) {
        return not_allowed("GET, HEAD");
    }
    let fields = parameters(asked);
    let mut typed = Typed { fields, problems: Vec::new() };
    let site = shown.pages.site();
    if values(&typed.fields, "image").is_empty() {
        return for_one(StatusCode::OK, site.view(&View::Query { typed: &typed, answered: None }));
    }
    match query_for_page(answers, asked, &typed.fields).await {
        Ok(answered) => {
            for_one(StatusCode::OK, site.view(&View::Query { typed: &typed, answered: Some(&answered) }))
        }
        Err(refused @ (Refused::Invalid(_) | Refused::Registry(_))) => {
            let error = refused.told();
            let field = if error.kind.ends_with("reference") || error.kind.starts_with("registry") {
                "image"
            } else {
                "platform"
            };
            typed.problems.push((field.to_owned(), on_page(&refused, error)));
            let view = View::Query { typed: &typed, answered: None };
            for_one(refused.status(), site.view(&view))
        }
        Err(refused) => refused.page(shown),
    }
}

async fn query_for_page(
    answers: &Answers,
    asked: &Asked,
    fields: &[(String, String)],
) -> Result<Answered, Refused> {
    answers.grant(asked)?;
    let question = Question::read(fields)?;
    let told = answers.tell(&question).await?;
    let seconds = (answers.settings.clock)().duration_since(told.at).as_secs();
    Ok(Answered {
        answer: answer(&question.text, &told, &question.platforms),
        observed_at: second(told.at),
        age: age(seconds),
        origin: told.origin,
    })
}

/// What is wrong, as a page says it beside the field. The registries that are asked stand on the page anyway.
pub(super) fn on_page(refused: &Refused, error: ErrorAnswer) -> String {
    let hint = match refused {
        Refused::Registry(_) => Some("Those that are stand below".to_owned()),
        _ => error.hint,
    };
    let hint = hint.map(|hint| format!(" {}", capitalised(&hint))).unwrap_or_default();
    let end = if error.message.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{}{end}{hint}", error.message)
}

/// An instant, RFC 3339, to the second.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long something is ago, in words.
fn age(seconds: i64) -> String {
    let (number, unit) = match seconds {
        ..60 => return "less than a minute".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}
