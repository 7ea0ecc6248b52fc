//! What is sent with a request: read within bounds of size and time, and only where it came from a page of this site.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, ORIGIN, REFERER};
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use url::{Url, form_urlencoded};

use super::refusal::Refused;
use crate::query::ErrorAnswer;
use crate::site::Base;

/// How long what is sent may take to come.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many fields a form may have.
const MAX_FIELDS: usize = 200;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORM: &str = "application/x-www-form-urlencoded";

/// All that was sent, at most `limit` bytes of it.
pub(super) async fn bytes(parts: &Parts, body: Body, limit: usize) -> Result<Vec<u8>, Refused> {
    let announced =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Refused::TooLarge);
    }
    let whole = Limited::new(body, limit).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Err(_) => Err(Refused::TooSlow),
        Ok(Ok(whole)) => Ok(whole.to_bytes().into()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Refused::TooLarge),
        Ok(Err(_)) => Err(broken("the request broke off")),
    }
}

fn broken(message: &str) -> Refused {
    Refused::Invalid(ErrorAnswer { kind: "bad-request", message: message.to_owned(), hint: None })
}

/// The media type of what was sent, without its parameters.
pub(super) fn media_type(parts: &Parts) -> String {
    let text = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The fields of a form that was sent from a page of this site.
pub(super) async fn form(
    parts: &Parts,
    body: Body,
    base: &Base,
    limit: usize,
) -> Result<Vec<(String, String)>, Refused> {
    if !is_from_here(parts, base) {
        return Err(Refused::OtherSite);
    }
    if media_type(parts) != FORM {
        return Err(Refused::WrongType(FORM));
    }
    let bytes = bytes(parts, body, limit).await?;
    let fields: Vec<(String, String)> = form_urlencoded::parse(&bytes)
        .take(MAX_FIELDS + 1)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if fields.len() > MAX_FIELDS {
        return Err(Refused::TooLarge);
    }
    Ok(fields)
}

/// Whether a browser says that a page of this site sent it: by `Sec-Fetch-Site`, else by `Origin`, else by `Referer`. What
/// says nothing of the kind did not come from a page. Nobody is logged in here, so a foreign page could win nothing by
/// sending a form for its visitor but noise; that is what is kept out.
fn is_from_here(parts: &Parts, base: &Base) -> bool {
    let text = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(&FETCH_SITE) {
        return site == "same-origin";
    }
    let host = text(&HOST).or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let from = text(&ORIGIN).or_else(|| text(&REFERER));
    let Some(from) = from.and_then(|from| Url::parse(from).ok()) else { return false };
    if let Some(origin) = &base.origin
        && from.origin().ascii_serialization() == *origin
    {
        return true;
    }
    // A proxy that ends TLS asks in the clear, so the scheme is not compared.
    let Some(host) = host else { return false };
    let here = Url::parse(&format!("{}://{host}/", from.scheme()));
    matches!(from.scheme(), "http" | "https") && here.is_ok_and(|here| here.origin() == from.origin())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_taken(fields: &[(&str, &str)], base: &Base) -> bool {
        let mut request = Request::post("/suggest/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        is_from_here(&request.body(()).unwrap().into_parts().0, base)
    }

    #[test]
    fn a_form_comes_from_a_page_of_this_site() {
        let nowhere = Base::default();
        let host = ("host", "site.example:8017");
        for taken in [
            &[host, ("sec-fetch-site", "same-origin")][..],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[host, ("origin", "http://site.example:8017")],
            &[host, ("origin", "https://SITE.example:8017")],
            &[host, ("referer", "http://site.example:8017/suggest/?entry=nginx")],
        ] {
            assert!(is_taken(taken, &nowhere), "{taken:?}");
        }
        for refused in [
            &[host][..],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "http://site.example:8017")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "http://site.example")],
            &[host, ("origin", "http://site.example.evil.example:8017")],
            &[host, ("origin", "http://evil.example"), ("referer", "http://site.example:8017/")],
            &[("origin", "http://site.example:8017")],
            &[host, ("referer", "http://evil.example/http://site.example:8017")],
        ] {
            assert!(!is_taken(refused, &nowhere), "{refused:?}");
        }
        let public = Base::read("https://workson.example/on").unwrap();
        assert!(is_taken(&[("host", "10.0.0.7:8017"), ("origin", "https://workson.example")], &public));
        assert!(!is_taken(&[("host", "10.0.0.7:8017"), ("origin", "https://workson.example:444")], &public));
    }
}
