//! Requests and answers, and the ways in which an answer may get onto the wire.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// Any other, which the registry answers with 405.
    Other,
}

impl Method {
    pub(super) fn parse(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            _ => Method::Other,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Other => "other",
        })
    }
}

/// A request, borrowed from the connection's buffer.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) headers: &'a [httparse::Header<'a>],
    pub(super) body: Bytes,
    pub(super) connection: u64,
}

impl<'a> Request<'a> {
    /// The values of the header `name` that are text.
    pub(super) fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        values(self.headers, name)
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers(name).next()
    }

    pub(super) fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// The values of `key` in the query, decoded.
    pub(super) fn query(&self, key: &str) -> impl Iterator<Item = String> {
        form_values(self.target.split_once('?').map_or("", |(_, query)| query), key)
    }
}

/// The values of the header `name` that are text.
pub(super) fn values<'a>(headers: &'a [httparse::Header<'a>], name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .filter_map(|header| std::str::from_utf8(header.value).ok())
}

/// The values of `key` in `a=1&b=2`, percent-decoded.
pub(super) fn form_values(form: &str, key: &str) -> impl Iterator<Item = String> {
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(move |(k, _)| *k == key)
        .map(|(_, value)| percent_decode(value))
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                // Two hex digits are less than 256.
                decoded.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// An answer, before it is known how it will be delivered.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Header lines computed when the content was stored, each with its CR LF.
    pub(super) cached: Bytes,
    /// Further headers. `Content-Length` and `Connection` are the writer's.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Response {
    pub(super) fn new(status: u16) -> Response {
        Response { status, ..Response::default() }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Response {
        self.body = body.into();
        self.with("Content-Type", content_type)
    }

    /// Puts `value` in the place of every header `name`; `None` only takes them away.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        let cached = std::mem::take(&mut self.cached);
        let lines = String::from_utf8_lossy(&cached);
        let thawed = lines.split("\r\n").filter_map(|line| line.split_once(": "));
        let thawed = thawed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.headers.splice(0..0, thawed);
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
}

/// How an answer gets onto the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Delivery {
    pub(super) delay: Duration,
    pub(super) framing: Framing,
    pub(super) pace: Option<(usize, Duration)>,
    pub(super) cut: Option<usize>,
    pub(super) instead: Option<Instead>,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Framing {
    #[default]
    Length,
    Chunked,
    UntilClose,
    /// Chunked, and the last chunk never comes.
    Endless,
}

/// What is done instead of answering.
#[derive(Debug, Clone)]
pub(super) enum Instead {
    Reset,
    Hang,
    Raw(Bytes),
}

/// An answer and how to deliver it; `None` is the ordinary way.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) delivery: Option<Box<Delivery>>,
}
