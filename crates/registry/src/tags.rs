//! Tags: `GET /v2/<name>/tags/list`, page by page (distribution-spec, "Listing tags").

use std::collections::BTreeSet;

use http::header::LINK;
use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;
use workson_oci::Repository;

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::transport::{Request, Response, Target, origin, said, shown};

/// How large one page may be, in bytes.
const MAX_PAGE: usize = 8 << 20;
/// How many pages are read of one repository.
const MAX_PAGES: usize = 5_000;
/// How many tags are read of one repository.
const MAX_TAGS: usize = 500_000;
/// How many tags a page is asked to have; registries give less where they like.
const PAGE_SIZE: usize = 1_000;

impl Client {
    /// All tags of a repository, sorted by their bytes. Listing is no counted pull.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where there is no such repository; [`Kind::BadResponse`] for paging that does not
    /// end; [`Kind::Redirect`] for a next page at another host; and all that a request can end with.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, Error> {
        let mut tags = BTreeSet::new();
        let mut target = Target::Of(format!("tags/list?n={PAGE_SIZE}"));
        for _ in 0..MAX_PAGES {
            let limit = Some(MAX_PAGE);
            let request = Request { limit, ..Request::new(Method::GET, repository, target) };
            let response = self.shared.send(&request).await?;
            let tried = format!("GET {} (tags of {})", shown(&response.url), repository.familiar());
            let before = tags.len();
            tags.extend(page(&response, &tried)?);
            let Some(next) = next_page(&response, &tried)? else { return Ok(tags.into_iter().collect()) };
            if tags.len() == before {
                return Err(endless(&tried, "a page brought no new tag, and yet names a next one"));
            }
            if tags.len() > MAX_TAGS {
                return Err(endless(&tried, &format!("more than {MAX_TAGS} tags")));
            }
            target = Target::At(next);
        }
        Err(endless(
            &format!("GET tags of {}", repository.familiar()),
            &format!("more than {MAX_PAGES} pages"),
        ))
    }
}

fn endless(tried: &str, what: &str) -> Error {
    Error::new(Kind::BadResponse, tried, what)
        .with_hint("the registry's list of tags does not end; tell its operator")
}

fn page(response: &Response, tried: &str) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(default)]
        tags: Option<Vec<String>>,
    }
    match response.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let error = Error::new(Kind::NotFound, tried, said(response));
            return Err(error.with_hint("no such repository, or one without a tag"));
        }
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
            let error = Error::new(Kind::Denied, tried, said(response));
            return Err(error.with_hint("this registry does not let you list tags; name the tags you mean"));
        }
        _ => return Err(Error::new(Kind::BadResponse, tried, said(response))),
    }
    let page: Page = serde_json::from_slice(&response.body).map_err(|error| {
        Error::new(Kind::BadResponse, tried, format!("not the JSON of a list of tags: {error}"))
    })?;
    Ok(page.tags.unwrap_or_default())
}

/// Path and query of the next page, taken as they stand, from a `Link` with `rel="next"` (RFC 8288).
fn next_page(response: &Response, tried: &str) -> Result<Option<String>, Error> {
    let links = response.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let Some(target) = links.flat_map(|link| link.split(',')).find_map(next_link) else { return Ok(None) };
    let bad =
        |what: String| Error::new(Kind::Redirect, tried, what).with_hint("tell the registry's operator");
    let next: Url = response.url.join(target).map_err(|_| bad(format!("the next page is at {target:?}")))?;
    if origin(&next) != origin(&response.url) {
        return Err(bad(format!("the next page is said to be at another host, {}; not asked", shown(&next))));
    }
    let query = next.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Some(format!("{}{query}", next.path())))
}

fn next_link(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| {
        let parameter = parameter.trim().to_ascii_lowercase();
        matches!(parameter.as_str(), "rel=next" | "rel=\"next\"")
    };
    parameters.split(';').any(is_next).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::next_link;

    #[test]
    fn only_a_next_link_is_followed() {
        assert_eq!(
            next_link(r#"</v2/a/tags/list?last=x&n=1>; rel="next""#),
            Some("/v2/a/tags/list?last=x&n=1")
        );
        assert_eq!(next_link(r#" <u>; title=x; REL=next"#), Some("u"));
        assert_eq!(next_link(r#"<u>; rel="prev""#), None);
        assert_eq!(next_link("u; rel=next"), None);
    }
}
