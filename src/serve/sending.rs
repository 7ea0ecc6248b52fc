//! Answers as they are sent.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};

use super::encoding::{has_already, takes_gzip};
use super::pages::Page;
use crate::site::{CONTENT_SECURITY_POLICY, Rendered};

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    // A page can't forbid frames by itself.
    let policy = format!("{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

const NOT_MODIFIED: [HeaderName; 3] = [header::CACHE_CONTROL, header::ETAG, header::VARY];

/// What every answer says.
pub(super) fn guard(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

/// A page, or that the client has it.
pub(super) fn send(page: &Page, headers: &HeaderMap) -> Response<Body> {
    let gzip = page.gzip.as_ref().map_or(&page.plain, |form| form);
    if has(headers, &[page.plain.etag.as_bytes(), gzip.etag.as_bytes()]) {
        return not_modified(&with_body(page, headers));
    }
    with_body(page, headers)
}

pub(super) fn has(headers: &HeaderMap, etags: &[&[u8]]) -> bool {
    has_already(texts(headers, header::IF_NONE_MATCH), etags)
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

pub(super) fn with_body(page: &Page, asked: &HeaderMap) -> Response<Body> {
    let packed = page.gzip.as_ref().filter(|_| takes_gzip(texts(asked, header::ACCEPT_ENCODING)));
    let form = packed.unwrap_or(&page.plain);
    let mut response = Response::new(Body::from(form.bytes.clone()));
    let headers = response.headers_mut();
    headers.reserve(9);
    headers.insert(header::CONTENT_TYPE, page.media_type.clone());
    headers.insert(header::CONTENT_LENGTH, form.length.clone());
    headers.insert(header::CACHE_CONTROL, page.cache_control.clone());
    headers.insert(header::ETAG, form.etag.clone());
    if page.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

pub(super) fn not_modified(of: &Response<Body>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in NOT_MODIFIED {
        if let Some(value) = of.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Bytes of a media type, with a status.
pub(super) fn whole(
    status: StatusCode,
    media_type: &'static str,
    bytes: impl Into<bytes::Bytes>,
) -> Response<Body> {
    let bytes = bytes.into();
    let length = bytes.len();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// A few words, for what has no page.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    whole(status, "text/plain; charset=utf-8", text.as_bytes())
}

/// A page that was made for one visitor, and is kept by nobody.
pub(super) fn for_one(status: StatusCode, rendered: Option<Rendered>) -> Response<Body> {
    let Some(rendered) = rendered else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.\n");
    };
    let mut response = whole(status, rendered.media_type, rendered.bytes);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What can't be done with an address that is there.
pub(super) fn not_allowed(methods: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Nothing of that kind can be done here.\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

/// Leads to another address on this host, which a route or the base gave; the query goes along.
pub(super) fn moved(request: &Parts, to: &str) -> Response<Body> {
    let query = request.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "It has another address.\n");
    if let Ok(location) = HeaderValue::from_str(&format!("{to}{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Leads on to a page on this host, once a form was taken (RFC 9110, 15.4.4).
pub(super) fn see(to: &str) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER, "It was received.\n");
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
