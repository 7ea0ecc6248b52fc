//! Suggestions and proposals: forms that are checked, kept, and only then said to be received.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::tz::TimeZone;
use url::form_urlencoded;
use workson_oci::Digest;

use super::allowance::Client;
use super::answers::{Answers, Asked, Shown};
use super::desk::{Desk, NotKept};
use super::posted;
use super::refusal::Refused;
use super::sending::{for_one, not_allowed, see};
use crate::content::Call;
use crate::proposal::{self, State, Step};
use crate::site::{Route, ServiceRoute, Typed, View};
use crate::suggestion;

/// How many bytes a form may have.
const MAX_FORM: usize = 64 << 10;
/// The field that people do not see, and programs fill in.
const TRAP: &str = "fax";
/// How many bytes of chance are in a secret.
const SECRET: usize = 32;
/// How long a reason to withdraw may be, in bytes.
const MAX_REASON: usize = 2000;

const NOT_KEPT: &str = "what you sent could not be kept, and is not here";

impl Answers {
    /// Counts what became of a form.
    fn count(
        &self,
        form: &'static str,
        outcome: Result<Response<Body>, Refused>,
        shown: &Shown,
    ) -> Response<Body> {
        match outcome {
            Ok(response) => {
                let is_received = response.status() == StatusCode::SEE_OTHER;
                self.metrics().form(form, if is_received { "received" } else { "unfinished" });
                response
            }
            Err(refused) => {
                self.metrics().form(form, refused.word());
                refused.page(shown)
            }
        }
    }

    /// The fields of a form that people sent from a page of this site.
    async fn fields(
        &self,
        asked: &Asked,
        body: Body,
        shown: &Shown,
    ) -> Result<Vec<(String, String)>, Refused> {
        let fields = posted::form(&asked.parts, body, &shown.pages.site().base, MAX_FORM).await?;
        if fields.iter().any(|(name, value)| name == TRAP && !value.is_empty()) {
            return Err(Refused::Trap);
        }
        Ok(fields)
    }

    /// What became of the very same form, a click before: whoever may send no more gets to see it as well.
    async fn again(&self, form: &Digest) -> Result<Option<String>, Refused> {
        match &self.desk {
            Some(desk) => Ok(desk.again(form).await?),
            None => Ok(None),
        }
    }

    /// Where a form that is right is handed in, by who may send one more. Forms that come back to be mended are not counted.
    fn desk(&self, asked: &Asked) -> Result<&Desk, Refused> {
        if let Some(letters) = &self.letters {
            let granted = letters.take(Client::of(asked.visitor.address), 1);
            if granted.wait.is_some() {
                return Err(Refused::TooMany(granted));
            }
        }
        self.desk.as_ref().ok_or(Refused::NotNow(NOT_KEPT))
    }
}

impl From<NotKept> for Refused {
    fn from(why: NotKept) -> Refused {
        match why {
            NotKept::Busy => Refused::NotNow("too much is sent at once; what you sent is not here"),
            NotKept::Store => Refused::NotNow(NOT_KEPT),
        }
    }
}

/// What stands behind a name in the query of an address; the first, where there are several.
fn parameter(asked: &Asked, name: &str) -> Option<String> {
    let query = asked.parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

pub(super) async fn suggest(answers: &Answers, shown: &Shown, asked: &Asked, body: Body) -> Response<Body> {
    let site = shown.pages.site();
    match asked.parts.method {
        Method::GET | Method::HEAD => {
            let received = parameter(asked, "received").and_then(|number| number.parse().ok());
            let entry = parameter(asked, "entry").filter(|slug| site.catalogue.entry(slug).is_some());
            let fields = entry.map(|slug| ("entry".to_owned(), slug)).into_iter().collect();
            let typed = Typed { fields, problems: Vec::new() };
            let view = View::Suggest { typed: &typed, received };
            for_one(StatusCode::OK, site.view(&view))
        }
        Method::POST => {
            let outcome = take_suggestion(answers, shown, asked, body).await;
            answers.count("suggestion", outcome, shown)
        }
        _ => not_allowed("GET, HEAD, POST"),
    }
}

async fn take_suggestion(
    answers: &Answers,
    shown: &Shown,
    asked: &Asked,
    body: Body,
) -> Result<Response<Body>, Refused> {
    let site = shown.pages.site();
    let fields = answers.fields(asked, body, shown).await?;
    let read = suggestion::form::read(&fields).and_then(|wish| match &wish.entry {
        Some(slug) if site.catalogue.entry(slug).is_none() => {
            Err(vec![("entry".to_owned(), "There is no such entry here.".to_owned())])
        }
        _ => Ok(wish),
    });
    match read {
        Ok(wish) => {
            let entry = wish.entry.as_ref().map(|slug| format!("&entry={slug}")).unwrap_or_default();
            let form = one(asked, &fields);
            let number = match answers.again(&form).await? {
                Some(number) => number,
                None => answers.desk(asked)?.suggest(wish, form).await?,
            };
            let to = site.base.link(&Route::Service(ServiceRoute::Suggest));
            Ok(see(&format!("{to}?received={number}{entry}")))
        }
        Err(problems) => {
            let typed = Typed { fields, problems };
            let view = View::Suggest { typed: &typed, received: None };
            Ok(for_one(StatusCode::UNPROCESSABLE_ENTITY, site.view(&view)))
        }
    }
}

pub(super) async fn propose(
    answers: &Answers,
    shown: &Shown,
    slug: &str,
    asked: &Asked,
    body: Body,
) -> Response<Body> {
    let site = shown.pages.site();
    let Some(call) = site.content.calls.iter().find(|call| call.slug == slug) else {
        return Refused::Gone("there is no such call").page(shown);
    };
    let is_open = call.is_open((answers.settings.clock)().to_zoned(TimeZone::UTC).date());
    match asked.parts.method {
        Method::GET | Method::HEAD => {
            let view = View::Propose { call, is_open, typed: &Typed::default() };
            for_one(StatusCode::OK, site.view(&view))
        }
        Method::POST if !is_open => {
            Refused::Over("this call takes no proposals today, and what you sent was not kept").page(shown)
        }
        Method::POST => {
            let outcome = take_proposal(answers, shown, call, asked, body).await;
            answers.count("proposal", outcome, shown)
        }
        _ => not_allowed("GET, HEAD, POST"),
    }
}

async fn take_proposal(
    answers: &Answers,
    shown: &Shown,
    call: &Call,
    asked: &Asked,
    body: Body,
) -> Result<Response<Body>, Refused> {
    let site = shown.pages.site();
    let fields = answers.fields(asked, body, shown).await?;
    let read = proposal::form::read(&fields).and_then(|(request, contact)| {
        match request.platforms.iter().find(|platform| !call.platforms.contains(platform)) {
            Some(platform) => {
                Err(vec![("platforms".to_owned(), format!("This call offers nothing for {platform}."))])
            }
            None => Ok((request, contact)),
        }
    });
    match read {
        Ok((request, contact)) => {
            let form = one(asked, &fields);
            let secret = match answers.again(&form).await? {
                Some(secret) => secret,
                None => answers.desk(asked)?.propose(&call.slug, request, contact, &secret()?, form).await?,
            };
            let to = site.base.link(&Route::Service(ServiceRoute::Proposal(secret)));
            Ok(see(&format!("{to}?received")))
        }
        Err(problems) => {
            let typed = Typed { fields, problems };
            let view = View::Propose { call, is_open: true, typed: &typed };
            Ok(for_one(StatusCode::UNPROCESSABLE_ENTITY, site.view(&view)))
        }
    }
}

/// What tells a form from all others: who sent it, where to, and every field.
fn one(asked: &Asked, fields: &[(String, String)]) -> Digest {
    let sender = Client::of(asked.visitor.address);
    Digest::sha256(format!("{sender:?} {} {fields:?}", asked.parts.uri.path()).as_bytes())
}

/// What nobody can guess: 256 bits as base64url (RFC 4648).
fn secret() -> Result<String, Refused> {
    let mut chance = [0; SECRET];
    getrandom::fill(&mut chance).map_err(|error| {
        tracing::error!(%error, "making a secret");
        Refused::NotNow(NOT_KEPT)
    })?;
    Ok(URL_SAFE_NO_PAD.encode(chance))
}

pub(super) async fn proposal(
    answers: &Answers,
    shown: &Shown,
    secret: &str,
    asked: &Asked,
    body: Body,
) -> Response<Body> {
    match asked.parts.method {
        Method::GET | Method::HEAD => {
            let done = match asked.parts.uri.query() {
                Some("received") => Some("Your proposal was received."),
                Some("erased") => Some("Your name and address are erased."),
                Some("withdrawn") => Some("Your proposal is withdrawn."),
                _ => None,
            };
            match look(answers, shown, secret, done).await {
                Ok(response) => response,
                Err(refused) => refused.page(shown),
            }
        }
        Method::POST => {
            let outcome = take_step(answers, shown, secret, asked, body).await;
            answers.count("step", outcome, shown)
        }
        _ => not_allowed("GET, HEAD, POST"),
    }
}

const NO_PROPOSAL: &str = "there is no proposal at this address";

async fn look(
    answers: &Answers,
    shown: &Shown,
    secret: &str,
    done: Option<&str>,
) -> Result<Response<Body>, Refused> {
    let desk = answers.desk.as_ref().ok_or(Refused::NotNow(NOT_KEPT))?;
    let found = desk.proposal(secret).await?;
    let proposal = found.ok_or(Refused::Gone(NO_PROPOSAL))?;
    let view = View::Proposal { secret, proposal: &proposal, done };
    Ok(for_one(StatusCode::OK, shown.pages.site().view(&view)))
}

/// What a proposer does with a proposal: withdraw it, or erase the contact.
async fn take_step(
    answers: &Answers,
    shown: &Shown,
    secret: &str,
    asked: &Asked,
    body: Body,
) -> Result<Response<Body>, Refused> {
    let fields = answers.fields(asked, body, shown).await?;
    let value =
        |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim());
    let (step, done) = match value("action") {
        "withdraw" => (Step::Withdraw, "withdrawn"),
        "erase" => (Step::Erase, "erased"),
        _ => return Err(Refused::Gone("nothing of that kind can be done with a proposal")),
    };
    let reason = value("reason");
    if reason.len() > MAX_REASON {
        return Err(Refused::TooLarge);
    }
    let desk = answers.desk(asked)?;
    desk.proposal(secret).await?.ok_or(Refused::Gone(NO_PROPOSAL))?;
    let reason: String = reason.chars().filter(|letter| !letter.is_control()).collect();
    if desk.step(secret, step, &reason).await?.is_none() {
        let found = desk.proposal(secret).await?.ok_or(Refused::Gone(NO_PROPOSAL))?;
        // Whoever withdraws twice has withdrawn.
        if found.state != State::Withdrawn {
            return Err(Refused::Over("this proposal has come to its end, and nothing was changed"));
        }
    }
    let to = shown.pages.site().base.link(&Route::Service(ServiceRoute::Proposal(secret.to_owned())));
    Ok(see(&format!("{to}?{done}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_an_address_that_nobody_guesses() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert_ne!(one, other);
        let path = format!("/proposal/{one}/");
        assert_eq!(Route::parse(&path), Some(Route::Service(ServiceRoute::Proposal(one))));
    }
}
