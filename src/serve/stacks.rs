//! Whole stacks: a text that names images, asked about and judged.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use futures_util::stream::{self, StreamExt as _};
use workson_oci::Platform;

use super::allowance::Granted;
use super::answers::{Answers, Asked, Shown};
use super::live::NotAsked;
use super::posted;
use super::questions::{
    BUSY, JSON, answer, invalid, not_allowed_registry, on_page, parameters, platforms, quoted, reads, values,
};
use super::refusal::Refused;
use super::sending::{for_one, not_allowed, whole};
use crate::query::stack::{StackAnswer, StackImage, StackProblem};
use crate::query::{ErrorAnswer, ImageAnswer, shown};
use crate::scan::{self, Form};
use crate::site::{Typed, View};

/// How many bytes a text may have that comes as a form: each of its own may be three there.
const MAX_STACK_FORM: usize = 3 * scan::MAX_TEXT + 4096;
/// How many images of one stack are asked about at once.
const AT_ONCE: usize = 8;
/// The platforms that a stack is judged by where none is named.
const USUAL: &str = "linux/amd64, linux/arm64";

/// A stack that was sent.
struct Stack {
    text: String,
    form: Option<Form>,
    platforms: Vec<Platform>,
}

impl Stack {
    fn read(text: &[u8], form: &[&str], asked: Vec<Platform>) -> Result<Stack, Refused> {
        if text.len() > scan::MAX_TEXT {
            return Err(Refused::TooLarge);
        }
        let text =
            std::str::from_utf8(text).map_err(|_| invalid("invalid-text", "the text is no UTF-8", None))?;
        let form = match form {
            [] => None,
            [name] => Some(Form::from_name(name).ok_or_else(|| {
                let names = Form::ALL.map(Form::name).join(", ");
                invalid(
                    "invalid-form",
                    format!("there is no form {}", quoted(name)),
                    Some(format!("there are {names}")),
                )
            })?),
            _ => return Err(invalid("invalid-form", "more than one form is named", None)),
        };
        let platforms = match asked.is_empty() {
            true => platforms(split(USUAL))?,
            false => asked,
        };
        Ok(Stack { text: text.to_owned(), form, platforms })
    }
}

/// Platforms that are written beside each other.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n', '\r', '\t']).filter(|part| !part.is_empty())
}

/// Judges a stack, for which one question was taken.
async fn judge(
    answers: &Answers,
    asked: &Asked,
    stack: Stack,
) -> Result<(StackAnswer, Option<Granted>), Refused> {
    let live = answers.live()?;
    let scan = scan::scan(&stack.text, stack.form);
    let granted = answers.grant_more(asked, 1, scan.images.len())?;
    let ask = |found: scan::Found| {
        let (live, platforms) = (Arc::clone(live), &stack.platforms);
        async move {
            let failed = |error: ErrorAnswer| ImageAnswer::failed(&found.text, error, platforms);
            let answer = match live.ask(&found.reference).await {
                Ok(told) => answer(&found.text, &told, platforms),
                Err(NotAsked::Registry) => failed(not_allowed_registry(&live, &found.reference)),
                Err(NotAsked::Busy) => failed(ErrorAnswer { kind: "busy", message: BUSY.into(), hint: None }),
            };
            StackImage { line: found.line, answer }
        }
    };
    let images: Vec<StackImage> = stream::iter(scan.images).map(ask).buffered(AT_ONCE).collect().await;
    let problem = |problem: scan::Problem| StackProblem { line: problem.line, what: problem.what };
    let problems = scan.problems.into_iter().map(problem).collect();
    let names: Vec<String> = stack.platforms.iter().map(shown).collect();
    answers.metrics().question("stack");
    Ok((StackAnswer::judge(scan.form.name(), images, &names, problems), granted))
}

pub(super) async fn document(answers: &Answers, asked: &Asked, body: Body) -> Response<Body> {
    if asked.parts.method != Method::POST {
        return not_allowed("POST");
    }
    let outcome = async {
        if posted::media_type(&asked.parts) != "text/plain" {
            return Err(Refused::WrongType("text/plain"));
        }
        answers.grant(asked)?;
        let fields = parameters(asked);
        let platforms = platforms(values(&fields, "platform"))?;
        let text = posted::bytes(&asked.parts, body, scan::MAX_TEXT).await?;
        let stack = Stack::read(&text, &values(&fields, "form"), platforms)?;
        judge(answers, asked, stack).await
    };
    match outcome.await {
        Ok((answer, granted)) => {
            let mut response = whole(StatusCode::OK, JSON, serde_json::to_vec(&answer).unwrap_or_default());
            let headers = response.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            if let Some(granted) = granted {
                granted.tell(headers);
            }
            response
        }
        Err(refused) => {
            answers.metrics().question(refused.word());
            refused.document()
        }
    }
}

pub(super) async fn page(answers: &Answers, shown: &Shown, asked: &Asked, body: Body) -> Response<Body> {
    let site = shown.pages.site();
    if reads(asked) {
        let fields = vec![("platform".to_owned(), USUAL.to_owned())];
        let typed = Typed { fields, problems: Vec::new() };
        return for_one(StatusCode::OK, site.view(&View::Stack { typed: &typed, answer: None }));
    }
    if asked.parts.method != Method::POST {
        return not_allowed("GET, HEAD, POST");
    }
    let fields = match posted::form(&asked.parts, body, &site.base, MAX_STACK_FORM).await {
        Ok(fields) => fields,
        Err(refused) => return refused.page(shown),
    };
    let mut typed = Typed { fields, problems: Vec::new() };
    let outcome = async {
        answers.grant(asked)?;
        let asked_for: BTreeSet<&str> =
            values(&typed.fields, "platform").into_iter().flat_map(split).collect();
        let platforms = platforms(asked_for)?;
        let stack = Stack::read(typed.value("text").as_bytes(), &values(&typed.fields, "form"), platforms)?;
        judge(answers, asked, stack).await
    };
    match outcome.await {
        Ok((answer, _)) => {
            for_one(StatusCode::OK, site.view(&View::Stack { typed: &typed, answer: Some(&answer) }))
        }
        Err(refused @ Refused::Invalid(_)) => {
            let error = refused.told();
            let field = if error.kind.contains("platform") { "platform" } else { "text" };
            typed.problems.push((field.to_owned(), on_page(&refused, error)));
            for_one(refused.status(), site.view(&View::Stack { typed: &typed, answer: None }))
        }
        Err(refused) => refused.page(shown),
    }
}
