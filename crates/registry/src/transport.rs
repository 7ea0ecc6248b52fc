//! One request: to which address, by which connection, how often, and what is believed of the answer.

mod address;
mod connections;
mod host;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::Instant;
use url::Url;
use workson_oci::Repository;

pub(crate) use address::{Address, origin, same_site};

pub(crate) use self::host::Host;

use self::connections::Connections;
use self::host::Hosts;
use crate::auth::challenge::Challenge;
use crate::auth::token::Token;
use crate::client::{Exchange, Options, Shared};
use crate::error::{Error, Kind, printable};
use crate::rate_limit::RateLimit;
use crate::retry::{is_passing, retry_after};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How often one question may be sent again with a new token.
const MAX_AUTHORIZATIONS: u32 = 2;
/// How much of an error's body is read, in bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// What is shared by all requests of a client.
pub(crate) struct Transport {
    connections: Connections,
    hosts: Hosts,
    sent: AtomicU64,
}

/// A request to a registry.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Whose credentials are used, and whose host is asked.
    pub(crate) repository: &'a Repository,
    pub(crate) target: Target,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    /// The largest body that is read, in bytes.
    pub(crate) limit: usize,
    /// Whether registries count it as a pull.
    pub(crate) is_pull: bool,
}

/// What is asked for.
pub(crate) enum Target {
    /// Something of the repository: `manifests/latest`.
    Of(String),
    /// A path and query at the repository's host, which the host gave itself.
    At(String),
}

/// An answer with its whole body.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The address that answered, after redirects.
    pub(crate) url: Url,
}

/// A failure of one attempt, and whether another may help.
pub(crate) struct Failed {
    pub(crate) error: Error,
    passing: bool,
    /// No connection came about at all.
    unreachable: bool,
}

impl Failed {
    fn for_good(error: Error) -> Failed {
        Failed { error, passing: false, unreachable: false }
    }
}

impl Transport {
    pub(crate) fn new(options: &Options) -> Result<Transport, Error> {
        Ok(Transport {
            connections: Connections::new(options)?,
            hosts: Hosts::new(options.concurrency),
            sent: AtomicU64::new(0),
        })
    }
}

impl Shared {
    /// Sends `request` until there is an answer that stays: anything but 401, 429 and 5xx.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let address = Address::of(request.repository, &self.options);
        let host = self.transport.hosts.get(&address.host);
        let path = match &request.target {
            Target::Of(what) => format!("/v2/{}/{what}", address.name),
            Target::At(path) => path.clone(),
        };
        let shown_path = path.split('?').next().unwrap_or_default();
        let tried = format!("{} {}{shown_path}", request.method, address.base(host.is_tls()));
        let question =
            Question { shared: self, request, address: &address, path: &path, host: &host, tried: &tried };
        match tokio::time::timeout(self.options.deadline, question.ask()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let after =
                    format!("no answer in {} s, repetitions included", self.options.deadline.as_secs_f32());
                Err(Error::new(Kind::Timeout, tried, after).with_hint("try again later, or raise --timeout"))
            }
        }
    }

    /// Sends once, follows redirects, reads the body. `authorization` goes to the first address's origin alone.
    pub(crate) async fn attempt(
        &self,
        method: &Method,
        url: Url,
        headers: &[(HeaderName, HeaderValue)],
        authorization: Option<&HeaderValue>,
        form: Option<&str>,
        limit: usize,
    ) -> Result<Response, Failed> {
        let tried = format!("{method} {}", shown(&url));
        let first = url.clone();
        let mut url = url;
        for _ in 0..=MAX_REDIRECTS {
            let authorization = authorization.filter(|_| origin(&url) == origin(&first));
            let hop = Hop { method, url: &url, headers, authorization, form, limit };
            let response = self.hop(&hop, &tried).await?;
            match redirect(&response, &tried).map_err(Failed::for_good)? {
                None => return Ok(response),
                Some(next) => url = next,
            }
        }
        let error = Error::new(
            Kind::Redirect,
            tried,
            format!("more than {MAX_REDIRECTS} redirects, last to {}", shown(&url)),
        );
        Err(Failed::for_good(
            error.with_hint("the registry sends its clients in a circle; tell its operator"),
        ))
    }

    /// A request to something else than a registry (a token service, a web API), repeated where the failure may
    /// pass. The last answer is given back, whatever its status.
    pub(crate) async fn insist(
        &self,
        method: &Method,
        url: Url,
        authorization: Option<&HeaderValue>,
        form: Option<&str>,
        limit: usize,
        tried: &str,
    ) -> Result<Response, Error> {
        let policy = &self.options.retry;
        let mut attempt = 0;
        loop {
            let outcome = self.attempt(method, url.clone(), &[], authorization, form, limit).await;
            let again = attempt < policy.retries;
            let wait = match outcome {
                Ok(response) if again && is_passing(response.status) => {
                    match retry_after(&response.headers) {
                        Some(wait) if wait > policy.longest_wait => return Ok(response),
                        Some(wait) => wait,
                        None => policy.backoff(attempt, self.sent()),
                    }
                }
                Ok(response) => return Ok(response),
                Err(failed) if again && failed.passing => policy.backoff(attempt, self.sent()),
                Err(failed) => return Err(failed.error.about(tried)),
            };
            attempt += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// One request and one answer, reported to the observer.
    async fn hop(&self, hop: &Hop<'_>, tried: &str) -> Result<Response, Failed> {
        let started = Instant::now();
        self.transport.sent.fetch_add(1, Ordering::Relaxed);
        let outcome = self.exchange(hop, tried).await;
        if let Some(observer) = &self.options.observer {
            let (outcome, remaining) = match &outcome {
                Ok(response) => {
                    let limit = RateLimit::from_headers(&response.headers);
                    (Ok(response.status.as_u16()), limit.map(|limit| limit.remaining))
                }
                Err(failed) => (Err(failed.error.kind().name().to_owned()), None),
            };
            observer(&Exchange {
                method: hop.method.clone(),
                url: shown(hop.url),
                outcome,
                took: started.elapsed(),
                authorized: hop.authorization.is_some(),
                pulls_remaining: remaining,
            });
        }
        outcome
    }

    async fn exchange(&self, hop: &Hop<'_>, tried: &str) -> Result<Response, Failed> {
        let client = self.transport.connections.for_url(hop.url).map_err(Failed::for_good)?;
        let mut request = client.request(hop.method.clone(), hop.url.clone());
        for (name, value) in hop.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = hop.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(form) = hop.form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        }
        let response = request.send().await.map_err(|error| failed(tried, &error))?;
        read(response, hop, tried).await
    }

    /// How many requests were sent so far, redirects and token requests included.
    pub(crate) fn sent(&self) -> u64 {
        self.transport.sent.load(Ordering::Relaxed)
    }
}

struct Hop<'a> {
    method: &'a Method,
    url: &'a Url,
    headers: &'a [(HeaderName, HeaderValue)],
    authorization: Option<&'a HeaderValue>,
    form: Option<&'a str>,
    limit: usize,
}

/// Reads the body, at most `limit` bytes of it (of an error's less).
async fn read(mut response: reqwest::Response, hop: &Hop<'_>, tried: &str) -> Result<Response, Failed> {
    let status = response.status();
    let good = status.is_success();
    let limit = if good { hop.limit } else { MAX_ERROR_BODY };
    let too_large = |length: String| {
        let error = Error::new(
            Kind::TooLarge,
            tried,
            format!("{length} are more than the {limit} that workson reads"),
        );
        Failed::for_good(
            error.with_hint("no engine would take such a document; tell the registry's operator"),
        )
    };
    let mut body = BytesMut::new();
    if *hop.method != Method::HEAD {
        let announced = response.content_length().unwrap_or(0);
        if good && announced > limit as u64 {
            return Err(too_large(format!("{announced} bytes")));
        }
        body.reserve(announced.min(limit as u64) as usize);
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(tried, &error))? {
            if body.len() + chunk.len() > limit {
                if good {
                    return Err(too_large(format!("{} bytes and more", body.len() + chunk.len())));
                }
                break;
            }
            body.extend_from_slice(&chunk);
        }
    }
    let url = response.url().clone();
    Ok(Response { status, headers: std::mem::take(response.headers_mut()), body: body.freeze(), url })
}

/// The next address, where the answer is a redirect.
fn redirect(response: &Response, tried: &str) -> Result<Option<Url>, Error> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refused = |what: String| {
        Error::new(Kind::Redirect, tried, what)
            .with_hint("the registry's redirect is not followed; tell its operator")
    };
    let location = response.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| refused(format!("{} without a Location", response.status)))?;
    let next =
        response.url.join(location).map_err(|_| refused(format!("redirect to {:?}", printable(location))))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(refused(format!("redirect to the scheme {:?}", next.scheme())));
    }
    if response.url.scheme() == "https" && next.scheme() == "http" {
        return Err(refused(format!("redirect from https to plain http, {}", shown(&next))));
    }
    Ok(Some(next))
}

/// An address as it is shown: without user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn failed(tried: &str, error: &reqwest::Error) -> Failed {
    let causes = causes(error);
    let text = printable(&causes.join(": "));
    let is_tls = causes.iter().any(|cause| cause.contains("certificate") || cause.contains("TLS"));
    let (kind, hint) = if error.is_timeout() {
        (Kind::Timeout, "the registry answers too slowly; try again later, or raise --timeout")
    } else if is_tls {
        (Kind::Tls, "for a private authority, name its certificate with --ca-certificate FILE")
    } else if error.is_connect() {
        (
            Kind::Network,
            "is the registry's name right, and is it reachable from here? A proxy may be needed (HTTPS_PROXY)",
        )
    } else {
        (Kind::Network, "the connection broke; try again")
    };
    let passing = matches!(kind, Kind::Network | Kind::Timeout);
    Failed { error: Error::new(kind, tried, text).with_hint(hint), passing, unreachable: error.is_connect() }
}

/// The messages of an error and of its causes, without repetition and without addresses.
fn causes(error: &reqwest::Error) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|seen| seen.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    if texts.is_empty() {
        texts.push(if error.is_timeout() { "no answer in time".into() } else { "the request failed".into() });
    }
    texts
}

/// A request on its way to an answer that stays.
struct Question<'a> {
    shared: &'a Shared,
    request: &'a Request<'a>,
    address: &'a Address,
    path: &'a str,
    host: &'a Arc<Host>,
    tried: &'a str,
}

impl Question<'_> {
    async fn ask(&self) -> Result<Response, Error> {
        let policy = &self.shared.options.retry;
        let mut authorizations = 0;
        let mut attempt = 0;
        loop {
            self.host.wait(self.tried, policy.longest_wait).await?;
            let token = self.shared.authorization(self.address, self.host).await?;
            let outcome = self.once(token.as_ref().map(|token| &token.header)).await;
            let wait = match outcome {
                Ok(response) if response.status == StatusCode::UNAUTHORIZED => {
                    authorizations += 1;
                    if authorizations > MAX_AUTHORIZATIONS {
                        return Err(self.unauthorized(&response, token.is_some()));
                    }
                    self.challenged(&response, token).await?;
                    continue;
                }
                Ok(response) if is_passing(response.status) => {
                    self.wait_for(&response, attempt).map_err(|error| *error)?
                }
                Ok(response) => return Ok(response),
                Err(failed) if failed.passing && attempt < policy.retries => {
                    policy.backoff(attempt, self.shared.sent())
                }
                Err(failed) => return Err(failed.error),
            };
            attempt += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// One attempt, counted, within the host's bound of concurrency, and alone if it is the first.
    async fn once(&self, authorization: Option<&HeaderValue>) -> Result<Response, Failed> {
        let _turn = self.host.turn().await;
        self.host.check_reachable(self.tried).map_err(Failed::for_good)?;
        if self.request.is_pull {
            self.host.check_pulls(self.tried).map_err(Failed::for_good)?;
            if !self.shared.options.budget.take() {
                let error = Error::new(
                    Kind::BudgetSpent,
                    self.tried,
                    "the budget of pulls is spent, so it was not sent",
                );
                return Err(Failed::for_good(
                    error.with_hint("run again with a larger --budget; what is known is kept"),
                ));
            }
        }
        let mut outcome = self.at(self.host.is_tls(), authorization).await;
        if self.address.is_loopback && self.host.may_want_tls() && wants_tls(&outcome) {
            let by_tls = self.at(true, authorization).await;
            // An untrusted certificate is proof of TLS as well, and what the user has to hear of.
            if by_tls.as_ref().map_or_else(|failed| failed.error.kind() == Kind::Tls, |_| true) {
                self.host.speaks_tls();
                outcome = by_tls;
            }
        }
        self.host.note(&outcome);
        if self.request.is_pull && is_uncounted(&outcome) {
            self.shared.options.budget.give_back();
        }
        outcome
    }

    async fn at(&self, tls: bool, authorization: Option<&HeaderValue>) -> Result<Response, Failed> {
        let text = format!("{}{}", self.address.base(tls), self.path);
        let url = Url::parse(&text).map_err(|error| {
            Failed::for_good(Error::new(Kind::BadResponse, self.tried, format!("no address: {error}")))
        })?;
        let Request { method, headers, limit, .. } = self.request;
        self.shared.attempt(method, url, headers, authorization, None, *limit).await
    }

    /// How long to wait after 429 or 5xx before the next attempt; an error where waiting is no use.
    fn wait_for(&self, response: &Response, attempt: u32) -> Result<Duration, Box<Error>> {
        let policy = &self.shared.options.retry;
        let asked = retry_after(&response.headers);
        let limited = response.status == StatusCode::TOO_MANY_REQUESTS;
        if attempt < policy.retries && asked.is_none_or(|wait| wait <= policy.longest_wait) {
            let wait = asked.unwrap_or_else(|| policy.backoff(attempt, self.shared.sent()));
            if limited {
                self.host.rest(wait);
            }
            return Ok(wait);
        }
        let kind = if limited { Kind::RateLimited } else { Kind::Server };
        let mut error = Error::new(kind, self.tried, said(response));
        if limited {
            error = error.with_hint("log in for a larger quota, use --mirror, or run again later");
        }
        if let Some(wait) = asked {
            self.host.rest(wait);
            error = error
                .with_retry_after(wait)
                .with_hint(format!("the registry asks to come back in {}", spoken(wait)));
        }
        Err(Box::new(error))
    }

    /// Learns how the registry wants to be asked, or that the token is no longer good.
    async fn challenged(&self, response: &Response, used: Option<Token>) -> Result<(), Error> {
        let headers = response.headers.get_all(WWW_AUTHENTICATE);
        let challenge = Challenge::choose(headers.iter().filter_map(|value| value.to_str().ok()));
        let Some(challenge) = challenge else { return Err(self.unauthorized(response, used.is_some())) };
        let not_enough =
            matches!(&challenge, Challenge::Bearer { error: Some(why), .. } if why == "insufficient_scope");
        match &used {
            // A token that was good once may have expired; any other credentials were simply refused.
            Some(token) if !token.may_expire || not_enough => return Err(self.unauthorized(response, true)),
            None if challenge == Challenge::Basic && self.host.challenge() == Some(Challenge::Basic) => {
                return Err(self.unauthorized(response, false));
            }
            _ => {}
        }
        if let Some(token) = used {
            self.shared.tokens.forget(self.address, &token).await;
        }
        self.host.set_challenge(challenge);
        Ok(())
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
        Error::new(Kind::Unauthorized, self.tried, said(response)).with_hint(hint)
    }
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

/// Status and, where the body is the specification's JSON, the registry's own code and message.
pub(crate) fn said(response: &Response) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        errors: Vec<Entry>,
        #[serde(default)]
        details: String,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let status = response.status.to_string();
    match serde_json::from_slice::<Body>(&response.body) {
        Ok(Body { errors, .. }) if !errors.is_empty() => {
            let Entry { code, message } = &errors[0];
            format!("{status} ({})", printable(&format!("{code}: {message}")))
        }
        Ok(Body { details, .. }) if !details.is_empty() => format!("{status} ({})", printable(&details)),
        _ => status,
    }
}

/// A wait in words: `45 s`, `12 min`, `5 h 58 min`.
pub(crate) fn spoken(wait: Duration) -> String {
    match wait.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
