//! Misbehaviour on request.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::json;

use super::wire::{Delivery, Framing, Instead, Method, Reply, Request, Response};
use super::{Shared, lock, routes};

/// One way to misbehave. Unless it says otherwise, the answer is what it would be without the fault, but for
/// the one difference named.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This answer instead, with nothing done. `Content-Length` comes from `body`.
    Status {
        /// The status code.
        code: u16,
        /// All headers but `Content-Length`.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// The connection is reset (TCP RST) before any byte of an answer.
    Reset,
    /// The request is carried out, and the connection reset before any byte of an answer.
    ResetAfter,
    /// The connection is reset when so many bytes of the request's body have come (of chunks, their frames
    /// included), or at its end. For requests with a body, whoever sends them.
    BreakBody {
        /// After how many bytes.
        after: usize,
        /// Whether an upload keeps these bytes, as its status then tells.
        keep: bool,
    },
    /// This status, without a body, before the request's body is read; then the connection is closed. For requests
    /// with a body, whoever sends them.
    Early(u16),
    /// `Content-Length` tells the whole body, but the connection is closed behind `after` bytes of it.
    CutBody {
        /// How many bytes of the body are sent.
        after: usize,
    },
    /// The body comes in small pieces.
    Trickle {
        /// How many bytes a piece has.
        bytes_per: usize,
        /// How long is waited between two pieces.
        every: Duration,
    },
    /// Nothing is sent for so long, then all.
    SlowHeaders(Duration),
    /// Behind the true body (chunked) come blanks without an end.
    EndlessBody,
    /// The request is read and never answered. The connection stays open.
    Hang,
    /// One byte of the body differs, and the length does not; JSON mostly stays JSON. The headers are the
    /// true ones.
    WrongBytes,
    /// `Docker-Content-Digest` has this value.
    WrongDigestHeader(String),
    /// There is no `Docker-Content-Digest`.
    NoDigestHeader,
    /// `Content-Type` has this value; empty: there is none.
    ContentType(String),
    /// These headers take the place of those with the same names, or come on top.
    Headers(Vec<(String, String)>),
    /// There is no header of this name.
    NoHeader(String),
    /// A redirect instead, with nothing done.
    Redirect {
        /// The `Location`: absolute or relative; empty for the request's own path and query, so that it goes
        /// on for ever.
        to: String,
        /// The status code.
        code: u16,
    },
    /// `tags/list` has always a next page.
    EndlessLink(EndlessTags),
    /// These bytes instead of an HTTP answer; then the connection is closed.
    RawResponse(Bytes),
    /// The body comes in chunks, without `Content-Length`.
    Chunked,
    /// The body ends with the connection, without `Content-Length`.
    NoContentLength,
    /// Several at once.
    All(Vec<Fault>),
}

/// What the pages of [`Fault::EndlessLink`] hold. Every page has an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndlessTags {
    /// Tags that no page before had.
    New,
    /// The repository's first page again and again.
    Same,
}

impl Fault {
    /// [`Fault::Status`] without headers and body.
    pub fn status(code: u16) -> Fault {
        Fault::Status { code, headers: Vec::new(), body: Bytes::new() }
    }

    /// A 429 with the body that Docker Hub sends and, if given, `Retry-After`.
    pub fn too_many_requests(retry_after: Option<&str>) -> Fault {
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        headers.extend(retry_after.map(|value| ("Retry-After".to_owned(), value.to_owned())));
        Fault::Status { code: 429, headers, body: Bytes::from_static(routes::TOO_MANY_REQUESTS) }
    }

    /// Whether it is suffered before the request's body is read.
    fn is_early(&self) -> bool {
        matches!(self, Fault::BreakBody { .. } | Fault::Early(_))
    }

    /// Whether the request is not carried out.
    fn replaces(&self) -> bool {
        match self {
            Fault::Status { .. }
            | Fault::Reset
            | Fault::Hang
            | Fault::Redirect { .. }
            | Fault::RawResponse(_) => true,
            Fault::All(faults) => faults.iter().any(Fault::replaces),
            _ => false,
        }
    }
}

/// Which requests suffer a fault.
#[derive(Debug, Clone, Default)]
pub struct On {
    /// Only this method.
    pub method: Option<Method>,
    /// Only if path and query contain this text or, if there is a `*` in it (any text), are like it.
    pub path: String,
    /// Whether requests count too that lack the proof of [`require`](super::MemoryRegistry::require) and
    /// would be answered with a challenge.
    pub before_auth: bool,
}

impl On {
    /// Every request that gets past authentication.
    pub fn any() -> On {
        On::default()
    }

    /// `GET`s of a path as [`On::path`] describes it.
    pub fn get(path: &str) -> On {
        On { method: Some(Method::Get), ..On::path(path) }
    }

    /// Requests with this method on a path as [`On::path`] describes it.
    pub fn method(method: Method, path: &str) -> On {
        On { method: Some(method), ..On::path(path) }
    }

    /// `HEAD`s of a path as [`On::path`] describes it.
    pub fn head(path: &str) -> On {
        On { method: Some(Method::Head), ..On::path(path) }
    }

    /// Every method on a path that contains `path` or, if there is a `*` in it (any text), is like it.
    pub fn path(path: &str) -> On {
        On { path: path.to_owned(), ..On::default() }
    }

    /// The same, for requests without authentication as well.
    pub fn before_auth(self) -> On {
        On { before_auth: true, ..self }
    }

    fn matches(&self, request: &Request<'_>) -> bool {
        self.method.is_none_or(|method| method == request.method)
            && if self.path.contains('*') {
                glob(&self.path, request.target)
            } else {
                request.target.contains(&self.path)
            }
    }
}

/// Whether `text` is like `pattern`, in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut tails = text.char_indices().map(|(at, _)| &text[at..]).chain([""]);
            tails.any(|tail| glob(rest, tail))
        }),
    }
}

/// An injected fault.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) fault: Fault,
    pub(super) on: On,
    pub(super) left: Option<u32>,
}

/// Takes the fault that this request is to suffer before its body is read.
pub(super) fn take_early(shared: &Shared, request: &Request<'_>) -> Option<Fault> {
    let mut rules = lock(&shared.rules);
    let is_meant =
        |rule: &&mut Rule| rule.left != Some(0) && rule.fault.is_early() && rule.on.matches(request);
    let rule = rules.iter_mut().find(is_meant)?;
    rule.left = rule.left.map(|left| left - 1);
    Some(rule.fault.clone())
}

/// Takes the fault that this request is to suffer; `denied` if authentication failed.
pub(super) fn take(shared: &Shared, request: &Request<'_>, denied: bool) -> Option<Fault> {
    let mut rules = lock(&shared.rules);
    let rule = rules.iter_mut().find(|rule| {
        rule.left != Some(0)
            && !rule.fault.is_early()
            && (rule.on.before_auth || !denied)
            && rule.on.matches(request)
    })?;
    if let Some(left) = &mut rule.left {
        *left -= 1;
    }
    Some(rule.fault.clone())
}

/// The answer to `request` with `fault`; `answer` is the one without.
pub(super) fn apply(
    shared: &Shared,
    request: &Request<'_>,
    fault: &Fault,
    answer: impl FnOnce() -> Response,
) -> Reply {
    let response = if fault.replaces() { Response::new(200) } else { answer() };
    let mut reply = Reply { response, delivery: None };
    change(shared, request, fault, &mut reply);
    reply
}

fn change(shared: &Shared, request: &Request<'_>, fault: &Fault, reply: &mut Reply) {
    let response = &mut reply.response;
    let mut delivery = |change: &dyn Fn(&mut Delivery)| change(reply.delivery.get_or_insert_default());
    match fault {
        Fault::Status { code, headers, body } => {
            *response = Response::new(*code);
            response.headers.clone_from(headers);
            response.body = body.clone();
        }
        Fault::Redirect { to, code } => {
            let to = if to.is_empty() { request.target } else { to };
            *response = Response::new(*code).with("Location", to);
        }
        Fault::WrongBytes => response.body = one_byte_off(&response.body),
        Fault::WrongDigestHeader(digest) => response.set("Docker-Content-Digest", Some(digest)),
        Fault::NoDigestHeader => response.set("Docker-Content-Digest", None),
        Fault::ContentType(value) => {
            response.set("Content-Type", (!value.is_empty()).then_some(value.as_str()));
        }
        Fault::Headers(headers) => {
            for (name, _) in headers {
                response.set(name, None);
            }
            response.headers.extend_from_slice(headers);
        }
        Fault::EndlessLink(tags) => endless_page(shared, request, *tags, response),
        Fault::NoHeader(name) => response.set(name, None),
        // These were suffered before there was an answer.
        Fault::BreakBody { .. } | Fault::Early(_) => {}
        Fault::Reset | Fault::ResetAfter => delivery(&|d| d.instead = Some(Instead::Reset)),
        Fault::Hang => delivery(&|d| d.instead = Some(Instead::Hang)),
        Fault::RawResponse(bytes) => delivery(&|d| d.instead = Some(Instead::Raw(bytes.clone()))),
        Fault::CutBody { after } => delivery(&|d| d.cut = Some(*after)),
        Fault::Trickle { bytes_per, every } => delivery(&|d| d.pace = Some((*bytes_per, *every))),
        Fault::SlowHeaders(delay) => delivery(&|d| d.delay = *delay),
        Fault::EndlessBody => delivery(&|d| d.framing = Framing::Endless),
        Fault::Chunked => delivery(&|d| d.framing = Framing::Chunked),
        Fault::NoContentLength => delivery(&|d| d.framing = Framing::UntilClose),
        Fault::All(faults) => faults.iter().for_each(|fault| change(shared, request, fault, reply)),
    }
}

/// The bytes with another letter or digit in the place of the last one.
fn one_byte_off(bytes: &Bytes) -> Bytes {
    let mut changed = BytesMut::from(&bytes[..]);
    match changed.iter_mut().rev().find(|byte| byte.is_ascii_alphanumeric()) {
        Some(byte) if byte.is_ascii_digit() => *byte = if *byte == b'1' { b'2' } else { b'1' },
        Some(byte) => *byte = if *byte == b'a' { b'b' } else { b'a' },
        None => changed.iter_mut().take(1).for_each(|byte| *byte ^= 1),
    }
    changed.freeze()
}

fn endless_page(shared: &Shared, request: &Request<'_>, tags: EndlessTags, response: &mut Response) {
    const PAGE: u64 = 10;
    let Some(name) = request.path().strip_prefix("/v2/").and_then(|p| p.strip_suffix("/tags/list")) else {
        return;
    };
    let last = request.query("last").next();
    let from = last.and_then(|last| last.strip_prefix("endless-")?.parse::<u64>().ok()).unwrap_or(0);
    match tags {
        EndlessTags::New => {
            let tags: Vec<_> = (from + 1..=from + PAGE).map(|n| format!("endless-{n:09}")).collect();
            response.body = json!({ "name": name, "tags": tags }).to_string().into();
        }
        EndlessTags::Same => *response = routes::tags(shared, name, None, None),
    }
    let next = format!("</v2/{name}/tags/list?last=endless-{:09}&n={PAGE}>; rel=\"next\"", from + PAGE);
    response.set("Link", Some(&next));
}
