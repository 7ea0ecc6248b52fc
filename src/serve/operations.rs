//! What operators and their tools ask: is it there, is it ready, what was counted.
//!
//! These addresses are at the root of the host, wherever the site is.

use axum::http::header::{self, HeaderValue};
use axum::http::{Method, StatusCode};

use super::answers::{Answer, Answers, Asked};
use super::metrics;
use super::sending::{not_allowed, plain, whole};
use super::settings::Metrics;

/// The answer, where one of these was asked for.
pub(super) async fn answer(answers: &Answers, asked: &Asked) -> Option<Answer> {
    let path = asked.parts.uri.path();
    let kind = match path {
        "/healthz" => "healthz",
        "/readyz" => "readyz",
        "/metrics" if may_see(answers, asked) => "metrics",
        _ => return None,
    };
    if !matches!(asked.parts.method, Method::GET | Method::HEAD) {
        return Some((not_allowed("GET, HEAD"), kind));
    }
    let mut response = match kind {
        "healthz" => plain(StatusCode::OK, "ok\n"),
        "readyz" => match why_not_ready(answers).await {
            None => plain(StatusCode::OK, "ready\n"),
            Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        _ => {
            for (registry, requests, pulls) in answers.live.iter().flat_map(|live| live.costs()) {
                answers.metrics().registry_cost(registry, requests, pulls);
            }
            whole(StatusCode::OK, metrics::MEDIA_TYPE, answers.metrics().text())
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some((response, kind))
}

fn may_see(answers: &Answers, asked: &Asked) -> bool {
    match answers.settings.metrics {
        Metrics::Off => false,
        Metrics::Loopback => asked.visitor.is_local,
        Metrics::All => true,
    }
}

/// Why nobody should be sent here now.
async fn why_not_ready(answers: &Answers) -> Option<&'static str> {
    if answers.is_ending() {
        return Some("it is about to end\n");
    }
    match &answers.desk {
        Some(desk) if !desk.is_ready().await => Some("forms can't be kept\n"),
        _ => None,
    }
}
