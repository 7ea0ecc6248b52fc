//! One request: to which address, by which connection, how often, and what is believed of the answer.

mod address;
mod body;
mod connections;
mod host;
mod names;
mod proxy;
mod question;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION,
    PROXY_AUTHORIZATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use url::Url;
use workson_oci::Repository;

pub(crate) use address::{Access, Address, origin, same_site};
pub(crate) use body::Flow;

pub(crate) use self::host::Host;
pub(crate) use self::question::Once;

use self::body::Body;
use self::connections::Connections;
use self::host::Hosts;
use crate::client::Shared;
use crate::error::{Error, Kind, printable};
use crate::options::{Exchange, Options};
use crate::rate_limit::RateLimit;
use crate::reach::{self, NotPublic};
use crate::retry::{is_passing, retry_after};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
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
    /// The largest body that is read, in bytes; none: a good answer's body is handed on as it comes.
    pub(crate) limit: Option<usize>,
    /// Whether registries count it as a pull.
    pub(crate) is_pull: bool,
    /// What it wants of the repository.
    pub(crate) access: Access,
    /// What it carries.
    pub(crate) payload: Payload,
    /// How long one attempt may take, where that is not [`Options::request_timeout`].
    pub(crate) patience: Option<Duration>,
}

impl<'a> Request<'a> {
    /// A request that reads something no larger than an error, carries nothing and is no counted pull.
    pub(crate) fn new(method: Method, repository: &'a Repository, target: Target) -> Request<'a> {
        Request {
            method,
            repository,
            target,
            headers: &[],
            limit: Some(MAX_ERROR_BODY),
            is_pull: false,
            access: Access::Pull,
            payload: Payload::Nothing,
            patience: None,
        }
    }
}

/// What a request carries.
#[derive(Clone, Default)]
pub(crate) enum Payload {
    /// Nothing.
    #[default]
    Nothing,
    /// A form with a secret in it, which is not redirected.
    Form(String),
    /// Bytes.
    Bytes(Bytes),
    /// Bytes that come while they are sent, and can be sent once.
    Flow(Arc<Flow>),
}

/// What is asked for.
pub(crate) enum Target {
    /// Something of the repository: `manifests/latest`.
    Of(String),
    /// A path and query at the repository's host, which the host gave itself.
    At(String),
    /// An address elsewhere, to which the host sent its client. No credentials go there.
    Away(Url),
}

/// An answer, with its whole body or with the rest of it still to come.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What is still to come, where that was asked for.
    pub(crate) stream: Option<Incoming>,
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

    /// No connection was even tried, and none will be.
    fn unsent(error: Error) -> Failed {
        Failed { error, passing: false, unreachable: true }
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
    /// Sends once, follows redirects, reads the body. `authorization` goes to the first address's origin alone.
    pub(crate) async fn attempt(
        &self,
        sending: Sending<'_>,
        first: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Failed> {
        let tried = Tried { method: sending.method, url: &first };
        let mut next: Option<Url> = None;
        for _ in 0..=MAX_REDIRECTS {
            let url = next.as_ref().unwrap_or(&first);
            let at_home = next.as_ref().is_none_or(|url| origin(url) == origin(&first));
            let authorization = authorization.filter(|_| at_home);
            let hop = Hop { sending, url, authorization };
            let response = self.hop(&hop, tried).await?;
            match redirect(&response, tried).map_err(Failed::for_good)? {
                None => return Ok(response),
                Some(to) => {
                    if let Some(what) = stays(sending, response.status) {
                        let text = format!("{what} is redirected to {}", shown(&to));
                        let error = Error::new(Kind::Redirect, tried, text);
                        return Err(Failed::for_good(
                            error.with_hint("it was not sent there; tell the registry's operator"),
                        ));
                    }
                    next = Some(to);
                }
            }
        }
        let url = next.unwrap_or(first.clone());
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
        payload: &Payload,
        limit: usize,
        tried: &str,
    ) -> Result<Response, Error> {
        let (policy, patience) = (&self.options.retry, self.options.request_timeout);
        let sending = Sending { method, headers: &[], payload, limit: Some(limit), patience };
        let mut attempt = 0;
        loop {
            let outcome = self.attempt(sending, url.clone(), authorization).await;
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
    async fn hop(&self, hop: &Hop<'_>, tried: Tried<'_>) -> Result<Response, Failed> {
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
                method: hop.sending.method.clone(),
                url: shown(hop.url),
                outcome,
                took: started.elapsed(),
                authorized: hop.authorization.is_some(),
                pulls_remaining: remaining,
            });
        }
        outcome
    }

    async fn exchange(&self, hop: &Hop<'_>, tried: Tried<'_>) -> Result<Response, Failed> {
        let whole = async {
            let request = self.request(hop).map_err(|what| {
                Failed::for_good(Error::new(
                    Kind::BadResponse,
                    tried,
                    format!("no request can be made of it: {what}"),
                ))
            })?;
            let sent =
                self.transport.connections.send(hop.url, request, tried).await.map_err(Failed::unsent)?;
            read(sent.map_err(|error| failed(tried, &error, error.is_connect()))?, hop, tried).await
        };
        let late = match hop.sending.payload {
            Payload::Flow(flow) => {
                let outcome = tokio::select! {
                    outcome = whole => Ok(outcome),
                    late = flow.stands_still(hop.sending.patience, self.options.deadline) => Err(late),
                };
                // Whoever answers, or breaks off, before all was sent needs no more of it.
                flow.give_up();
                match (flow.fault(), outcome) {
                    (Some(fault), _) => return Err(Failed::for_good(fault)),
                    (None, Ok(outcome)) => return outcome,
                    (None, Err(late)) => late.about(&String::from(tried)),
                }
            }
            _ => match tokio::time::timeout(hop.sending.patience, whole).await {
                Ok(outcome) => return outcome,
                Err(_) => {
                    let text = format!("no answer in {} s", hop.sending.patience.as_secs_f32());
                    let error = Error::new(Kind::Timeout, tried, text);
                    error.with_hint("the registry answers too slowly; try again later, or raise --timeout")
                }
            },
        };
        Err(Failed { error: late, passing: true, unreachable: false })
    }

    fn request(&self, hop: &Hop<'_>) -> Result<http::Request<Body>, http::Error> {
        let body = match hop.sending.payload {
            Payload::Nothing => Some(Body::Whole(Full::default())),
            Payload::Form(form) => Some(Body::Whole(Full::new(form.clone().into()))),
            Payload::Bytes(bytes) => Some(Body::Whole(Full::new(bytes.clone()))),
            Payload::Flow(flow) => flow.body(),
        };
        let mut request = http::Request::new(body.unwrap_or_else(|| Body::Whole(Full::default())));
        *request.method_mut() = hop.sending.method.clone();
        *request.uri_mut() = hop.url.as_str().parse()?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_str(&self.options.user_agent)?);
        // Digests are of the bytes as they are kept.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.extend(hop.sending.headers.iter().cloned());
        if let Some(authorization) = hop.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(authorization) = self.transport.connections.proxy_authorization(hop.url) {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        let writes = matches!(*hop.sending.method, Method::POST | Method::PUT);
        if writes && matches!(hop.sending.payload, Payload::Nothing) {
            // hyper leaves it out, and some proxies want to be told.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if matches!(hop.sending.payload, Payload::Form(_)) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        Ok(request)
    }

    /// How many requests were sent so far, redirects and token requests included.
    pub(crate) fn sent(&self) -> u64 {
        self.transport.sent.load(Ordering::Relaxed)
    }
}

/// What was tried, put into words only where it fails.
#[derive(Clone, Copy)]
struct Tried<'a> {
    method: &'a Method,
    url: &'a Url,
}

impl From<Tried<'_>> for String {
    fn from(tried: Tried<'_>) -> String {
        format!("{} {}", tried.method, shown(tried.url))
    }
}

/// A request, wherever it goes.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    method: &'a Method,
    headers: &'a [(HeaderName, HeaderValue)],
    payload: &'a Payload,
    limit: Option<usize>,
    /// How long one attempt may take; with a [`Flow`], how long it may stand still.
    patience: Duration,
}

struct Hop<'a> {
    sending: Sending<'a>,
    url: &'a Url,
    authorization: Option<&'a HeaderValue>,
}

/// What of a request it is that no redirect may take elsewhere; none where it may be sent there.
fn stays(sending: Sending<'_>, status: StatusCode) -> Option<&'static str> {
    let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    match sending.payload {
        // It is for whom it was made.
        Payload::Form(_) => Some("a request that carries a secret"),
        Payload::Flow(_) => Some("a blob on its way"),
        _ if keeps_method || matches!(*sending.method, Method::GET | Method::HEAD) => None,
        _ => Some("a request that writes, in a way that makes it one that reads,"),
    }
}

/// Reads the body, at most `limit` bytes of it (of an error's less).
async fn read(
    response: http::Response<Incoming>,
    hop: &Hop<'_>,
    tried: Tried<'_>,
) -> Result<Response, Failed> {
    let (head, mut incoming) = response.into_parts();
    let good = head.status.is_success();
    let limit = if good { hop.sending.limit.unwrap_or(0) } else { MAX_ERROR_BODY };
    let too_large = |length: String| {
        let text = format!("{length} are more than the {limit} that workson reads");
        let error = Error::new(Kind::TooLarge, tried, text);
        Failed::for_good(
            error.with_hint("no engine would take such a document; tell the registry's operator"),
        )
    };
    if let Some(encoding) = compression(&head.headers).filter(|_| good) {
        let text = format!(
            "the registry, or a proxy before it, compressed the answer ({encoding}) although it was not asked to"
        );
        let error = Error::new(Kind::BadResponse, tried, text);
        return Err(Failed::for_good(
            error.with_hint("switch compression off there, or reach the registry by another way"),
        ));
    }
    if good && hop.sending.limit.is_none() {
        let (headers, url) = (head.headers, hop.url.clone());
        return Ok(Response {
            status: head.status,
            headers,
            body: Bytes::new(),
            stream: Some(incoming),
            url,
        });
    }
    let mut body = BytesMut::new();
    if *hop.sending.method != Method::HEAD {
        let announced = incoming.size_hint().lower();
        if good && announced > limit as u64 {
            return Err(too_large(format!("{announced} bytes")));
        }
        body.reserve(announced.min(limit as u64) as usize);
        while let Some(frame) = incoming.frame().await {
            let Ok(chunk) = frame.map_err(|error| failed(tried, &error, false))?.into_data() else {
                continue;
            };
            if body.len() + chunk.len() > limit {
                if good {
                    return Err(too_large(format!("{} bytes and more", body.len() + chunk.len())));
                }
                break;
            }
            body.extend_from_slice(&chunk);
        }
    }
    let (headers, body, url) = (head.headers, body.freeze(), hop.url.clone());
    Ok(Response { status: head.status, headers, body, stream: None, url })
}

/// How the body is encoded, where its bytes are not those that are kept. (`aws-chunked` is how an object came
/// into S3, and not how it leaves.)
fn compression(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let text = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ");
    let plain = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        matches!(name.as_str(), "" | "identity" | "aws-chunked")
    };
    (!text.split(',').all(plain)).then(|| printable(&text))
}

/// The next address, where the answer is a redirect.
fn redirect(response: &Response, tried: Tried<'_>) -> Result<Option<Url>, Error> {
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

/// A failure on the way; `unreachable` where no connection came about.
fn failed(tried: Tried<'_>, error: &(dyn std::error::Error + 'static), unreachable: bool) -> Failed {
    if let Some(refused) = NotPublic::of(error) {
        let error = Error::new(Kind::NotPublic, tried, refused.to_string());
        return Failed::unsent(error.with_hint(reach::HINT));
    }
    let causes = causes(error);
    let is_tls = causes.iter().any(|cause| cause.contains("certificate") || cause.contains("TLS"));
    let (kind, hint) = if is_tls {
        (Kind::Tls, "for a private authority, name its certificate with --ca-certificate FILE")
    } else if unreachable {
        (
            Kind::Network,
            "is the registry's name right, and is it reachable from here? A proxy may be needed (HTTPS_PROXY)",
        )
    } else {
        (Kind::Network, "the connection broke; try again")
    };
    let error = Error::new(kind, tried, printable(&causes.join(": "))).with_hint(hint);
    Failed { error, passing: kind == Kind::Network, unreachable }
}

/// The messages of an error and of its causes, without repetition; the outermost says least.
fn causes(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|seen| seen.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    if texts.is_empty() {
        texts.push(error.to_string());
    }
    texts
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

/// The error for an answer that says "not now", 429 or 5xx, and how long that lasts where it says so.
pub(crate) fn not_now(tried: impl Into<String>, response: &Response) -> Error {
    let limited = response.status == StatusCode::TOO_MANY_REQUESTS;
    let error = Error::new(if limited { Kind::RateLimited } else { Kind::Server }, tried, said(response));
    match retry_after(&response.headers) {
        Some(wait) => {
            let hint = format!("it asks to come back in {}", spoken(wait));
            error.with_retry_after(wait).with_hint(hint)
        }
        None if limited => error.with_hint("log in for a larger quota, use --mirror, or run again later"),
        None => error.with_hint("the registry has a fault; run again later"),
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
