//! From a request to an answer.

use std::sync::{Arc, LazyLock};

use crate::site::{CONTENT_SECURITY_POLICY, Route};
use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio_util::io::ReaderStream;

use super::Served;
use super::database::Database;
use super::encoding::{has_already, takes_gzip};
use super::pages::{Page, Pages};

/// The longest address that may name anything.
const LONGEST: usize = 2048;

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    // A page can't forbid frames by itself.
    let policy = format!("{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

const NOT_MODIFIED: [HeaderName; 3] = [header::CACHE_CONTROL, header::ETAG, header::VARY];

/// Answers requests for one site.
pub(super) struct Answers {
    pages: Pages,
    database: Database,
}

impl Answers {
    pub(super) fn new(served: Served) -> Answers {
        Answers { pages: Pages::new(served.site), database: Database::new(served.declared) }
    }

    /// The answer to a request.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Body>) -> Response<Body> {
        // What a request has below its head is not read.
        let (request, _) = request.into_parts();
        let is_head = request.method == Method::HEAD;
        let mut response = match request.method {
            Method::GET | Method::HEAD => self.read(&request).await,
            _ => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Pages are here to be read.\n");
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }

    async fn read(&self, request: &Parts) -> Response<Body> {
        let whole = request.uri.path();
        if whole.len() > LONGEST || request.uri.query().is_some_and(|query| query.len() > 4 * LONGEST) {
            return plain(StatusCode::URI_TOO_LONG, "That address is longer than any that is here.\n");
        }
        let base = self.pages.site().base.path.as_str();
        let path = match whole.strip_prefix(base) {
            Some("") if !base.is_empty() => return moved(request, &format!("{base}/")),
            Some(path) if path.starts_with('/') => path,
            _ => return self.nothing(request).await,
        };
        if let Some(page) = self.pages.kept(path) {
            return send(&page, &request.headers);
        }
        match Route::parse(path) {
            Some(Route::Sqlite) => return self.send_database(request).await,
            Some(route) => {
                if let Some(page) = self.pages.page(route).await {
                    return send(&page, &request.headers);
                }
            }
            None => {
                if let Some(route) = spelled_otherwise(path)
                    && (route == Route::Sqlite || self.pages.page(route.clone()).await.is_some())
                {
                    return moved(request, &self.pages.site().base.link(&route));
                }
            }
        }
        self.nothing(request).await
    }

    async fn nothing(&self, request: &Parts) -> Response<Body> {
        match self.pages.page(Route::NotFound).await {
            Some(page) => {
                let mut response = with_body(&page, &request.headers);
                *response.status_mut() = StatusCode::NOT_FOUND;
                response.headers_mut().remove(header::ETAG);
                response
            }
            None => plain(StatusCode::NOT_FOUND, "Nothing is here.\n"),
        }
    }

    async fn send_database(&self, request: &Parts) -> Response<Body> {
        let failed = |error: std::io::Error| {
            tracing::error!(%error, "making the database");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "The database could not be made.\n")
        };
        let made = match self.database.made().await {
            Ok(made) => made,
            Err(error) => return failed(error),
        };
        let file = match made.file.reopen() {
            Ok(file) => tokio::fs::File::from_std(file),
            Err(error) => return failed(error),
        };
        let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(file, 64 << 10)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.sqlite3"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(made.length));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        headers.insert(header::ETAG, made.etag.clone());
        if has(&request.headers, &[made.etag.as_bytes()]) { not_modified(&response) } else { response }
    }
}

/// A page, or that the client has it.
fn send(page: &Page, headers: &HeaderMap) -> Response<Body> {
    let gzip = page.gzip.as_ref().map_or(&page.plain, |form| form);
    if has(headers, &[page.plain.etag.as_bytes(), gzip.etag.as_bytes()]) {
        return not_modified(&with_body(page, headers));
    }
    with_body(page, headers)
}

fn has(headers: &HeaderMap, etags: &[&[u8]]) -> bool {
    has_already(texts(headers, header::IF_NONE_MATCH), etags)
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

fn with_body(page: &Page, asked: &HeaderMap) -> Response<Body> {
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

fn not_modified(of: &Response<Body>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in NOT_MODIFIED {
        if let Some(value) = of.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// A few words, for what has no page.
fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

/// Leads to another address on this host, which a route or the base gave; the query goes along.
fn moved(request: &Parts, to: &str) -> Response<Body> {
    let query = request.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "It has another address.\n");
    if let Ok(location) = HeaderValue::from_str(&format!("{to}{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The route that is meant by an address that is not quite its own: without its last slash, with the name of the file
/// that a page is in, or with letters written as %41.
fn spelled_otherwise(path: &str) -> Option<Route> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let path = decoded.strip_suffix("index.html").unwrap_or(&decoded);
    Route::parse(path).or_else(|| Route::parse(&format!("{path}/")))
}
