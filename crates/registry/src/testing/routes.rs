//! The endpoints.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::wire::{Method, Reply, Request, Response};
use super::{Recorded, Shared, fault, lock, push};

const API_VERSION: (&str, &str) = ("Docker-Distribution-Api-Version", "registry/2.0");
const JSON: &str = "application/json";

/// What Docker Hub says when a rate limit is used up.
pub(super) const TOO_MANY_REQUESTS: &[u8] = br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"}]}"#;

/// What a manifest of each type is called when `Accept` does not name the type.
const ACCEPTED: [(&str, &str); 4] = [
    (
        "application/vnd.oci.image.index.v1+json",
        "OCI index found, but accept header does not support OCI indexes",
    ),
    (
        "application/vnd.oci.image.manifest.v1+json",
        "OCI manifest found, but accept header does not support OCI manifests",
    ),
    (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifest list found, but accept header does not support manifest lists",
    ),
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "schema 2 manifest found, but accept header does not support schema 2 manifests",
    ),
];

/// Where a path under `/v2/` leads.
enum Route<'a> {
    Base,
    Manifest { name: &'a str, reference: &'a str },
    Blob { name: &'a str, digest: &'a str },
    Upload { name: &'a str, id: &'a str },
    Tags { name: &'a str },
    Referrers { name: &'a str, digest: &'a str },
    Token,
    Unknown,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Route<'a> {
        if path == "/token" {
            return Route::Token;
        }
        let Some(rest) =
            path.strip_prefix("/v2").and_then(|p| if p.is_empty() { Some(p) } else { p.strip_prefix('/') })
        else {
            return Route::Unknown;
        };
        let Some((rest, last)) = rest.rsplit_once('/') else {
            return if rest.is_empty() { Route::Base } else { Route::Unknown };
        };
        if let Some(name) = rest.strip_suffix("/manifests") {
            Route::Manifest { name, reference: last }
        } else if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            Route::Upload { name, id: last }
        } else if let Some(name) = rest.strip_suffix("/blobs") {
            if last == "uploads" {
                Route::Upload { name, id: "" }
            } else {
                Route::Blob { name, digest: last }
            }
        } else if let Some(name) = rest.strip_suffix("/tags").filter(|_| last == "list") {
            Route::Tags { name }
        } else if let Some(name) = rest.strip_suffix("/referrers") {
            Route::Referrers { name, digest: last }
        } else {
            Route::Unknown
        }
    }

    fn repository(&self) -> Option<&'a str> {
        match self {
            Route::Base | Route::Token | Route::Unknown => None,
            Route::Manifest { name, .. }
            | Route::Blob { name, .. }
            | Route::Upload { name, .. }
            | Route::Tags { name }
            | Route::Referrers { name, .. } => Some(name),
        }
    }
}

/// Answers a request.
pub(super) fn respond(shared: &Shared, request: &Request<'_>) -> Reply {
    let route = Route::of(request.path());
    count(shared, request, &route);
    let page = page(shared, request);
    let denied = if page.is_none() && !matches!(route, Route::Token) && shared.auth_on.load(Ordering::Acquire)
    {
        lock(&shared.gate).check(request, route.repository()).err()
    } else {
        None
    };
    let suffered = if shared.faults_on.load(Ordering::Acquire) {
        fault::take(shared, request, denied.is_some())
    } else {
        None
    };
    let answer = || page.or(denied).unwrap_or_else(|| answer(shared, request, route));
    match suffered {
        None => Reply { response: answer(), delivery: None },
        Some(fault) => fault::apply(shared, request, &fault, answer),
    }
}

/// Counts and records a request that gets no further.
pub(super) fn note(shared: &Shared, request: &Request<'_>) {
    count(shared, request, &Route::of(request.path()));
}

fn count(shared: &Shared, request: &Request<'_>, route: &Route<'_>) {
    let counter = match (route, request.method) {
        (Route::Manifest { .. }, Method::Get) => Some(&shared.gets),
        (Route::Manifest { .. }, Method::Head) => Some(&shared.heads),
        (Route::Token, _) => Some(&shared.token_requests),
        _ => None,
    };
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    if shared.recording.load(Ordering::Acquire) {
        let header = |header: &httparse::Header<'_>| {
            (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
        };
        lock(&shared.recorded).push(Recorded {
            method: request.method,
            path: request.target.to_owned(),
            headers: request.headers.iter().map(header).collect(),
            connection: request.connection,
        });
    }
}

fn page(shared: &Shared, request: &Request<'_>) -> Option<Response> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return None;
    }
    let store = shared.store();
    if store.pages.is_empty() {
        return None;
    }
    let (content_type, bytes) =
        store.pages.get(request.target).or_else(|| store.pages.get(request.path()))?;
    Some(Response::new(200).body(content_type, bytes.clone()))
}

fn answer(shared: &Shared, request: &Request<'_>, route: Route<'_>) -> Response {
    use Method::{Delete, Get, Head, Put};
    match (route, request.method) {
        (Route::Token, _) => lock(&shared.gate).token(request),
        (Route::Base, Get | Head) => v2(200).body(JSON, "{}"),
        (Route::Manifest { name, reference }, Get | Head) => manifest(shared, request, name, reference),
        (Route::Manifest { name, reference }, Put) => push::put_manifest(shared, request, name, reference),
        (Route::Manifest { name, reference }, Delete) => {
            let mut store = shared.store_mut();
            let deleted = if reference.contains(':') {
                store.delete_manifest(name, reference)
            } else {
                store.delete_tag(name, reference)
            };
            if deleted { v2(202) } else { error(404, "MANIFEST_UNKNOWN", "manifest unknown") }
        }
        (Route::Blob { name, digest }, Get | Head) => blob(shared, request, name, digest),
        (Route::Blob { name, digest }, Delete) => {
            let deleted = shared.store_mut().delete_blob(name, digest);
            if deleted { v2(202) } else { error(404, "BLOB_UNKNOWN", "blob unknown to registry") }
        }
        (Route::Upload { name, id }, _) => push::upload(shared, request, name, id),
        (Route::Tags { name }, Get | Head) => {
            let n = match request.query("n").next().map(|n| n.parse::<usize>()) {
                None => None,
                Some(Ok(n)) => Some(n),
                Some(Err(_)) => {
                    return error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested");
                }
            };
            tags(shared, name, n, request.query("last").next().as_deref())
        }
        (Route::Referrers { name, digest }, Get | Head) => referrers(shared, request, name, digest),
        (Route::Unknown, _) => Response::new(404).body("text/plain; charset=utf-8", "404 page not found\n"),
        _ => error(405, "UNSUPPORTED", "the operation is unsupported"),
    }
}

pub(super) fn v2(status: u16) -> Response {
    Response::new(status).with(API_VERSION.0, API_VERSION.1)
}

/// An error in the specification's JSON form.
pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
    v2(status).body(JSON, body.to_string())
}

fn manifest(shared: &Shared, request: &Request<'_>, name: &str, reference: &str) -> Response {
    let mut limits = Vec::new();
    if shared.rate_on.load(Ordering::Acquire)
        && let Some(rate) = lock(&shared.rate).as_mut()
    {
        let granted = rate.take(request.method == Method::Get);
        limits.extend(rate.headers().map(|(name, value)| (name.to_owned(), value)));
        if !granted {
            let mut response = Response::new(429).body(JSON, TOO_MANY_REQUESTS);
            response.headers.extend(limits);
            return response;
        }
    }
    let Some(manifest) = shared.store().manifest(name, reference) else {
        return error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    };
    if shared.strict_accept.load(Ordering::Relaxed)
        && let Some((_, message)) = ACCEPTED.iter().find(|(kind, _)| manifest.media_type == *kind)
        && !accepts(request, &manifest.media_type)
    {
        return error(404, "MANIFEST_UNKNOWN", message);
    }
    let known = request.header("if-none-match").is_some_and(|tags| tags.contains(&manifest.digest));
    Response {
        status: if known { 304 } else { 200 },
        cached: manifest.lines.clone(),
        headers: limits,
        body: manifest.bytes.clone(),
    }
}

fn accepts(request: &Request<'_>, media_type: &str) -> bool {
    let essence = |item: &str| item.split_once(';').map_or(item, |(essence, _)| essence).trim() == media_type;
    request.headers("accept").any(|value| value.split(',').any(essence))
}

fn blob(shared: &Shared, request: &Request<'_>, name: &str, digest: &str) -> Response {
    let Some(bytes) = shared.store().blob(name, digest) else {
        return error(404, "BLOB_UNKNOWN", "blob unknown to registry");
    };
    let response = v2(200)
        .with("Docker-Content-Digest", digest)
        .with("ETag", format!("\"{digest}\""))
        .with("Accept-Ranges", "bytes");
    let Some((start, end)) = request.header("range").and_then(|range| byte_range(range, bytes.len())) else {
        return response.body("application/octet-stream", bytes);
    };
    if start >= end {
        return error(416, "RANGE_INVALID", "invalid content range")
            .with("Content-Range", format!("bytes */{}", bytes.len()));
    }
    let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
    let mut response = response.with("Content-Range", range);
    response.status = 206;
    response.body("application/octet-stream", bytes.slice(start..end))
}

/// Start and end of the one range in a `Range` header; the start is not before the end if nothing of it is
/// there. `None` for what has to be ignored (RFC 9110, section 14.2).
fn byte_range(range: &str, length: usize) -> Option<(usize, usize)> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    match (start.trim(), end.trim()) {
        ("", suffix) => Some((length.saturating_sub(suffix.parse().ok()?), length)),
        (start, "") => Some((start.parse().ok()?, length)),
        (start, end) => {
            let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
            (start <= end).then(|| (start, end.saturating_add(1).min(length)))
        }
    }
}

/// The page of tags behind `last`.
pub(super) fn tags(shared: &Shared, name: &str, n: Option<usize>, last: Option<&str>) -> Response {
    let store = shared.store();
    let Some(repository) = store.repository(name) else {
        return error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let limit = match shared.tag_page.load(Ordering::Relaxed) {
        0 => n,
        page => Some(n.map_or(page, |n| n.min(page))),
    };
    let mut behind = repository.tags.keys().filter(|tag| last.is_none_or(|last| tag.as_str() > last));
    let page: Vec<&String> = behind.by_ref().take(limit.unwrap_or(usize::MAX)).collect();
    let mut response = v2(200);
    if let (Some(limit), Some(end), Some(_)) = (limit, page.last(), behind.next()) {
        response =
            response.with("Link", format!("</v2/{name}/tags/list?last={end}&n={limit}>; rel=\"next\""));
    }
    response.body(JSON, json!({ "name": name, "tags": page }).to_string())
}

fn referrers(shared: &Shared, request: &Request<'_>, name: &str, digest: &str) -> Response {
    let found = shared.store().repository(name).map(|r| r.referrers(digest)).unwrap_or_default();
    let wanted = request.query("artifactType").next();
    let listed: Vec<Value> = found
        .iter()
        .map(|manifest| manifest.referrer())
        .filter(|(_, kind)| wanted.as_ref().is_none_or(|wanted| wanted == kind))
        .map(|(descriptor, _)| descriptor)
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": ACCEPTED[0].0, "manifests": listed });
    let response =
        if wanted.is_some() { v2(200).with("OCI-Filters-Applied", "artifactType") } else { v2(200) };
    response.body(ACCEPTED[0].0, index.to_string())
}
