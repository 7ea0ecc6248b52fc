//! What is refused, and how that is said: to people as a page, to programs as JSON.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Serialize;

use super::allowance::Granted;
use super::answers::Shown;
use super::sending::{for_one, whole};
use crate::query::ErrorAnswer;
use crate::site::View;

/// Why something is not done.
#[derive(Debug, Clone)]
pub(super) enum Refused {
    /// What was asked can't be understood.
    Invalid(ErrorAnswer),
    /// The registry is none of those that are asked.
    Registry(ErrorAnswer),
    /// More was sent than is read.
    TooLarge,
    /// It took too long to come.
    TooSlow,
    /// It is not of the kind that is read.
    WrongType(&'static str),
    /// The form was sent from another site's page.
    OtherSite,
    /// It looks like a program filled it in.
    Trap,
    /// The client has asked for as much as it may.
    TooMany(Granted),
    /// What it is about is not there, or not any more.
    Gone(&'static str),
    /// It can't be done any more, or not yet.
    Over(&'static str),
    /// It can't be done now.
    NotNow(&'static str),
}

#[derive(Serialize)]
struct Document<'a> {
    error: &'a ErrorAnswer,
}

impl Refused {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Refused::Invalid(_) | Refused::Trap => StatusCode::BAD_REQUEST,
            Refused::Registry(_) | Refused::OtherSite => StatusCode::FORBIDDEN,
            Refused::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refused::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refused::WrongType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refused::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Refused::Gone(_) => StatusCode::NOT_FOUND,
            Refused::Over(_) => StatusCode::CONFLICT,
            Refused::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A word for what is counted.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Refused::Invalid(_) => "invalid",
            Refused::Registry(_) => "registry-not-allowed",
            Refused::TooLarge => "too-large",
            Refused::TooSlow => "too-slow",
            Refused::WrongType(_) => "wrong-type",
            Refused::OtherSite => "other-site",
            Refused::Trap => "trap",
            Refused::TooMany(_) => "too-many",
            Refused::Gone(_) => "gone",
            Refused::Over(_) => "over",
            Refused::NotNow(_) => "not-now",
        }
    }

    pub(super) fn told(&self) -> ErrorAnswer {
        let of = |message: &str, hint: Option<String>| ErrorAnswer {
            kind: self.word(),
            message: message.to_owned(),
            hint,
        };
        match self {
            Refused::Invalid(error) | Refused::Registry(error) => error.clone(),
            Refused::TooLarge => of("that is more than is read here", Some("send less of it".into())),
            Refused::TooSlow => of("it did not come in time", Some("send it again".into())),
            Refused::WrongType(wanted) => {
                of("it is not of the kind that is read here", Some(format!("send it as {wanted}")))
            }
            Refused::OtherSite => of(
                "the form was not sent from a page of this site",
                Some("open the form here, and send it from there".into()),
            ),
            Refused::Trap => of(
                "the field that has to stay empty was filled in",
                Some("a program may have done that; go back, empty the last field and send it again".into()),
            ),
            Refused::TooMany(granted) => of(
                "that was asked too often from where you are",
                granted.wait.map(|wait| format!("wait {wait} s and try again")),
            ),
            Refused::Gone(what) | Refused::Over(what) => of(what, None),
            Refused::NotNow(what) => of(what, Some("try again in a minute".into())),
        }
    }

    fn head(&self, response: &mut Response<Body>) {
        use axum::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
        let headers = response.headers_mut();
        match self {
            Refused::TooMany(granted) => granted.tell(headers),
            Refused::NotNow(_) => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("60"))),
            _ => {}
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }

    /// For programs.
    pub(super) fn document(&self) -> Response<Body> {
        let bytes = serde_json::to_vec(&Document { error: &self.told() }).unwrap_or_default();
        let mut response = whole(self.status(), "application/json", bytes);
        self.head(&mut response);
        response
    }

    /// For people.
    pub(super) fn page(&self, shown: &Shown) -> Response<Body> {
        let told = self.told();
        let title = match self {
            Refused::Invalid(_) => "That can’t be read",
            Refused::Registry(_) => "That registry is not asked",
            Refused::TooLarge => "Too much",
            Refused::TooSlow => "Too slow",
            Refused::WrongType(_) => "Not of that kind",
            Refused::OtherSite => "Not from this site",
            Refused::Trap => "It looks like a program sent this",
            Refused::TooMany(_) => "Too often",
            Refused::Gone(_) => "Nothing is here",
            Refused::Over(_) => "That can’t be done",
            Refused::NotNow(_) => "Not now",
        };
        let mut text = capitalised(&told.message);
        if let Some(hint) = &told.hint {
            text += &format!(" {}", capitalised(hint));
        }
        let view = View::Refusal { title, text: &text };
        let mut response = for_one(self.status(), shown.pages.site().view(&view));
        self.head(&mut response);
        response
    }
}

/// A sentence: with a capital and a full stop.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
