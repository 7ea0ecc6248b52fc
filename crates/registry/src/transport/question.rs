//! A question to a registry: one request, sent until there is an answer that stays.

use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use url::Url;
use workson_oci::Repository;

use super::host::Turn;
use super::{Access, Address, Failed, Host, Request, Response, Sending, Target, not_now, origin, said};
use crate::auth::challenge::Challenge;
use crate::auth::token::Token;
use crate::client::Shared;
use crate::error::{Error, Kind};
use crate::retry::{is_passing, retry_after};

/// How often one question may be sent again with a new token.
const MAX_AUTHORIZATIONS: u32 = 2;
/// How much longer than the longest wait a host is left alone that goes on having too many requests, and does
/// not say for how long: longer, so that whoever asks next is told so instead of waiting.
const REST: Duration = Duration::from_secs(60);

impl Shared {
    /// Sends `request` until there is an answer that stays: anything but 401, 429 and 5xx.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let address = Address::of(request.repository, &self.options, &request.access);
        let host = self.transport.hosts.get(&address.host);
        Question { shared: self, request, address: &address, host: &host }.ask().await
    }

    /// Whether `url` is at the host that takes what is written to a repository: there, and nowhere else, its
    /// credentials may go.
    pub(crate) fn takes(&self, repository: &Repository, url: &Url) -> bool {
        let address = Address::of(repository, &self.options, &Access::Push);
        let base = address.base(self.transport.hosts.get(&address.host).is_tls());
        Url::parse(&base).is_ok_and(|base| origin(&base) == origin(url))
    }

    /// Sends `request`, which carries what can be sent once, and says whether it has to be made anew. `vain` is how
    /// many such requests came to nothing before.
    pub(crate) async fn send_once(&self, request: &Request<'_>, vain: u32) -> Result<Once, Error> {
        let address = Address::of(request.repository, &self.options, &request.access);
        let host = self.transport.hosts.get(&address.host);
        Question { shared: self, request, address: &address, host: &host }.ask_once(vain).await
    }
}

/// What came of a request that could be sent once.
pub(crate) enum Once {
    /// An answer that stays.
    Answered(Box<Response>),
    /// A token that had expired: the same can be asked with a new one.
    Expired(Error),
    /// Nothing that stays: a broken connection, 429 or 5xx. It was waited for as long as
    /// it takes to ask again.
    Again(Error),
}

/// A request on its way to an answer that stays.
struct Question<'a> {
    shared: &'a Shared,
    request: &'a Request<'a>,
    address: &'a Address,
    host: &'a Host,
}

impl Question<'_> {
    /// What is tried, for an error.
    fn tried(&self) -> String {
        let text = self.text(self.host.is_tls());
        format!("{} {}", self.request.method, text.split('?').next().unwrap_or_default())
    }

    /// The address that is asked.
    fn text(&self, tls: bool) -> String {
        match &self.request.target {
            Target::Of(what) => format!("{}/v2/{}/{what}", self.address.base(tls), self.address.name),
            Target::At(path) => format!("{}{path}", self.address.base(tls)),
            Target::Away(url) => url.to_string(),
        }
    }

    /// Whether it is asked elsewhere than at the repository's host.
    fn is_away(&self) -> bool {
        matches!(self.request.target, Target::Away(_))
    }

    /// One attempt to send what can be sent once. It waits for its turn and hands it on at once.
    async fn ask_once(&self, vain: u32) -> Result<Once, Error> {
        let policy = &self.shared.options.retry;
        let mut left = self.shared.options.deadline;
        let _place = self.host.upload_place().await;
        drop(self.turn(&mut left).await?);
        let (token, outcome) = self.once().await;
        let (error, wait) = match outcome {
            Ok(response) if response.status == StatusCode::UNAUTHORIZED && !self.is_away() => {
                let error = self.unauthorized(&response, token.is_some());
                self.within(&mut left, self.challenged(&response, token)).await??;
                return Ok(Once::Expired(error));
            }
            Ok(response) if is_passing(response.status) => {
                (not_now(self.tried(), &response), self.wait_for(&response, vain, true)?)
            }
            Ok(response) => return Ok(Once::Answered(Box::new(response))),
            Err(failed) if failed.passing => (failed.error, policy.backoff(vain, self.shared.sent())),
            Err(failed) => return Err(failed.error),
        };
        tokio::time::sleep(wait).await;
        Ok(Once::Again(error))
    }

    /// Asks until there is an answer that stays, or the time is up. Waiting for one's turn takes none of it.
    async fn ask(&self) -> Result<Response, Error> {
        let policy = &self.shared.options.retry;
        let mut left = self.shared.options.deadline;
        let mut authorizations = 0;
        let mut attempt = 0;
        loop {
            let turn = self.turn(&mut left).await?;
            let (token, outcome) = self.within(&mut left, self.once()).await?;
            let wait = match outcome {
                Ok(response) if response.status == StatusCode::UNAUTHORIZED && !self.is_away() => {
                    drop(turn);
                    authorizations += 1;
                    if authorizations > MAX_AUTHORIZATIONS {
                        return Err(self.unauthorized(&response, token.is_some()));
                    }
                    self.within(&mut left, self.challenged(&response, token)).await??;
                    continue;
                }
                Ok(response) if is_passing(response.status) => {
                    self.wait_for(&response, attempt, turn.is_alone())?
                }
                Ok(response) => return Ok(response),
                Err(failed) if failed.passing && attempt < policy.retries => {
                    policy.backoff(attempt, self.shared.sent())
                }
                Err(failed) => return Err(failed.error),
            };
            // Only now, so that nobody asks before the host is known to rest.
            drop(turn);
            attempt += 1;
            self.within(&mut left, tokio::time::sleep(wait)).await?;
        }
    }

    /// Waits for the host to be ready to be asked, and for a free place among those who ask it.
    async fn turn(&self, left: &mut Duration) -> Result<Turn<'_>, Error> {
        loop {
            let rest = self.host.wait(|| self.tried(), self.shared.options.retry.longest_wait);
            self.within(left, rest).await??;
            let turn = self.host.turn().await;
            // Whoever had a turn meanwhile may have been told to stay away.
            if !self.host.is_resting() {
                return Ok(turn);
            }
        }
    }

    /// Does `step`, and takes the time it took off what is left.
    async fn within<T>(&self, left: &mut Duration, step: impl Future<Output = T>) -> Result<T, Error> {
        let started = Instant::now();
        let outcome = tokio::time::timeout(*left, step).await;
        *left = left.saturating_sub(started.elapsed());
        outcome.map_err(|_| {
            let seconds = self.shared.options.deadline.as_secs_f32();
            let after = format!("no answer in {seconds} s, repetitions included");
            let error = Error::new(Kind::Timeout, self.tried(), after);
            error.with_hint("try again later, or raise --timeout")
        })
    }

    /// One attempt. What it learns about the host (that it wants tokens, that it speaks TLS) the others know
    /// when their turn comes.
    async fn once(&self) -> (Option<Token>, Result<Response, Failed>) {
        if self.is_away() {
            return (None, self.counted(None).await);
        }
        let token = match self.shared.authorization(self.address, &self.request.access, self.host).await {
            Ok(token) => token,
            Err(error) => return (None, Err(Failed::for_good(error))),
        };
        let outcome = self.counted(token.as_ref().map(|token| &token.header)).await;
        (token, outcome)
    }

    /// Sends, if the host and the caller grant it, and learns from what comes of it.
    async fn counted(&self, authorization: Option<&HeaderValue>) -> Result<Response, Failed> {
        self.host.check_reachable(|| self.tried()).map_err(Failed::for_good)?;
        if self.request.is_pull {
            self.host.check_pulls(|| self.tried()).map_err(Failed::for_good)?;
            if !self.shared.options.budget.take() {
                let error = Error::new(
                    Kind::BudgetSpent,
                    self.tried(),
                    "the budget of pulls is spent, so it was not sent",
                );
                return Err(Failed::for_good(
                    error.with_hint("run again with a larger --budget; what is known is kept"),
                ));
            }
        }
        let mut outcome = self.at(self.host.is_tls(), authorization).await;
        if self.address.is_loopback && !self.is_away() && self.host.may_want_tls() && wants_tls(&outcome) {
            let by_tls = self.at(true, authorization).await;
            // An untrusted certificate is proof of TLS as well, and what the user has to hear of.
            if by_tls.as_ref().map_or_else(|failed| failed.error.kind() == Kind::Tls, |_| true) {
                self.host.speaks_tls();
                outcome = by_tls;
            }
        }
        if self.request.is_pull && is_uncounted(&outcome) {
            self.shared.options.budget.give_back();
        }
        if let Ok(response) = &outcome
            && !self.is_away()
            && let Some(challenge) = challenge(response)
        {
            self.host.set_challenge(challenge);
        }
        self.host.note(&outcome);
        outcome
    }

    async fn at(&self, tls: bool, authorization: Option<&HeaderValue>) -> Result<Response, Failed> {
        let url = Url::parse(&self.text(tls)).map_err(|error| {
            Failed::for_good(Error::new(Kind::BadResponse, self.tried(), format!("no address: {error}")))
        })?;
        let Request { method, headers, limit, payload, patience, .. } = self.request;
        let patience = patience.unwrap_or(self.shared.options.request_timeout);
        let sending = Sending { method, headers, payload, limit: *limit, patience };
        self.shared.attempt(sending, url, authorization).await
    }

    /// How long to wait after 429 or 5xx before the next attempt; an error where waiting is no use.
    fn wait_for(&self, response: &Response, attempt: u32, alone: bool) -> Result<Duration, Error> {
        let policy = &self.shared.options.retry;
        let asked = retry_after(&response.headers);
        let limited = response.status == StatusCode::TOO_MANY_REQUESTS;
        // Without a word on how long it lasts, the attempts of all questions count together.
        let vain = if limited && asked.is_none() { self.host.too_many(alone) } else { 0 };
        if attempt < policy.retries
            && vain <= policy.retries
            && asked.is_none_or(|wait| wait <= policy.longest_wait)
        {
            let before = attempt.max(vain.saturating_sub(1));
            let wait = asked.unwrap_or_else(|| policy.backoff(before, self.shared.sent()));
            if limited {
                self.host.rest(wait);
            }
            return Ok(wait);
        }
        if let Some(wait) = asked.or_else(|| limited.then(|| policy.longest_wait.saturating_add(REST))) {
            self.host.rest(wait);
        }
        Err(not_now(self.tried(), response))
    }

    /// Whether to ask again after a 401: with what the host now is known to want, or with a new token.
    async fn challenged(&self, response: &Response, used: Option<Token>) -> Result<(), Error> {
        let Some(challenge) = challenge(response) else {
            return Err(self.unauthorized(response, used.is_some()));
        };
        let not_enough =
            matches!(&challenge, Challenge::Bearer { error: Some(why), .. } if why == "insufficient_scope");
        match used {
            // A token that was good once may have expired; any other credentials were simply refused.
            Some(token) if !token.may_expire || not_enough => Err(self.unauthorized(response, true)),
            Some(token) => {
                self.shared.tokens.forget(self.address, &self.request.access, &token).await;
                Ok(())
            }
            // Now that it is known what is wanted: is there something to send?
            None => match self.shared.authorization(self.address, &self.request.access, self.host).await? {
                Some(_) => Ok(()),
                None => Err(self.unauthorized(response, false)),
            },
        }
    }

    fn unauthorized(&self, response: &Response, had_credentials: bool) -> Error {
        let registry = self.request.repository.registry();
        let login = format!("docker login {registry}");
        let hint = if had_credentials {
            format!(
                "there may be no such repository, or it is private and needs other credentials: `{login}`"
            )
        } else {
            format!("log in first: `{login}` or `podman login {registry}`")
        };
        Error::new(Kind::Unauthorized, self.tried(), said(response)).with_hint(hint)
    }
}

/// How the registry wants to be asked, where it refused for want of that.
fn challenge(response: &Response) -> Option<Challenge> {
    if response.status != StatusCode::UNAUTHORIZED {
        return None;
    }
    let headers = response.headers.get_all(WWW_AUTHENTICATE);
    Challenge::choose(headers.iter().filter_map(|value| value.to_str().ok()))
}

/// Whether a registry surely did not count the request: it refused to look at it.
fn is_uncounted(outcome: &Result<Response, Failed>) -> bool {
    match outcome {
        Ok(response) => matches!(response.status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS),
        Err(failed) => failed.unreachable,
    }
}

/// Whether a plain request met a server that speaks TLS: such a server answers 400 (Go, nginx) or closes.
fn wants_tls(outcome: &Result<Response, Failed>) -> bool {
    match outcome {
        Ok(response) => response.status == StatusCode::BAD_REQUEST,
        Err(failed) => failed.error.kind() == Kind::Network && !failed.unreachable,
    }
}
