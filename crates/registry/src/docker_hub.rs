//! Docker Hub's own web API ([`/v2/repositories/…`]): which images a namespace has, how often they are pulled,
//! and the platforms of many tags at once. Its calls are no pulls.
//!
//! What it says about platforms is metadata that the hub keeps beside the registry, so it is good for finding a
//! tag, and no evidence.
//!
//! [`/v2/repositories/…`]: https://docs.docker.com/reference/api/hub/latest/

use std::collections::HashSet;

use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;
use workson_oci::{Platform, Repository};

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::retry::is_passing;
use crate::transport::{Payload, not_now, origin, said, shown};

/// How large one page may be, in bytes.
const MAX_PAGE: usize = 16 << 20;
/// How many pages are read of one listing, 100 entries each.
const MAX_PAGES: usize = 50;

/// A repository of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HubRepository {
    /// The name, without its namespace.
    pub name: String,
    /// How often it was pulled, ever.
    #[serde(default)]
    pub pull_count: u64,
}

/// A tag, and the platforms that the hub shows for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubTag {
    /// The tag.
    pub name: String,
    /// Its platforms.
    pub platforms: Vec<Platform>,
}

#[derive(Deserialize)]
struct Page<T> {
    next: Option<String>,
    results: Vec<T>,
}

#[derive(Deserialize)]
struct TagEntry {
    name: String,
    #[serde(default)]
    images: Option<Vec<ImageEntry>>,
}

#[derive(Deserialize)]
struct ImageEntry {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    os_version: Option<String>,
}

impl Client {
    /// The repositories of a namespace, the most pulled first, `top` of them or all.
    ///
    /// # Errors
    /// All that a request can end with; [`Kind::BadResponse`] for an answer of another form.
    pub async fn hub_repositories(
        &self,
        namespace: &str,
        top: Option<usize>,
    ) -> Result<Vec<HubRepository>, Error> {
        let path = format!("/v2/repositories/{namespace}/?page_size=100&ordering=pull_count");
        let wanted = top.unwrap_or(usize::MAX);
        let mut all: Vec<HubRepository> = self.hub_pages(&path, wanted, MAX_PAGES).await?;
        // The API sorts across pages; sorting again (stably) keeps the promise whatever it does.
        all.sort_by_key(|repository| std::cmp::Reverse(repository.pull_count));
        all.truncate(wanted);
        Ok(all)
    }

    /// The tags of a repository on Docker Hub that were pushed last, up to 100 of them.
    ///
    /// # Errors
    /// As [`Client::hub_repositories`].
    pub async fn hub_tags(&self, repository: &Repository) -> Result<Vec<HubTag>, Error> {
        let path = format!("/v2/repositories/{}/tags?page_size=100&ordering=last_updated", repository.path());
        let entries: Vec<TagEntry> = self.hub_pages(&path, 100, 1).await?;
        Ok(entries.into_iter().map(TagEntry::into_tag).collect())
    }

    async fn hub_pages<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        wanted: usize,
        max_pages: usize,
    ) -> Result<Vec<T>, Error> {
        let text = format!("{}{path}", self.shared.options.docker_hub_api.trim_end_matches('/'));
        let no_address = |text: &str| {
            Error::new(Kind::BadResponse, "Docker Hub's web API", format!("no address: {text:?}"))
        };
        let mut url = Url::parse(&text).map_err(|_| no_address(&text))?;
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..max_pages {
            if !seen.insert(url.clone()) {
                let what = "its pages lead in a circle";
                return Err(Error::new(Kind::BadResponse, format!("GET {}", shown(&url)), what));
            }
            let (page, at) = self.hub_page::<T>(&url).await?;
            all.extend(page.results);
            let Some(next) = page.next.filter(|_| all.len() < wanted) else { break };
            let next = at.join(&next).map_err(|_| no_address(&next))?;
            if origin(&next) != origin(&url) {
                let what =
                    format!("the next page is said to be at another host, {}; not asked", shown(&next));
                return Err(Error::new(Kind::Redirect, format!("GET {}", shown(&url)), what));
            }
            url = next;
        }
        Ok(all)
    }

    async fn hub_page<T: serde::de::DeserializeOwned>(&self, url: &Url) -> Result<(Page<T>, Url), Error> {
        let tried = format!("GET {}", shown(url));
        let response =
            self.shared.insist(&Method::GET, url.clone(), None, &Payload::Nothing, MAX_PAGE, &tried).await?;
        if response.status != StatusCode::OK {
            if is_passing(response.status) {
                return Err(not_now(tried, &response));
            }
            let missing = response.status == StatusCode::NOT_FOUND;
            let kind = if missing { Kind::NotFound } else { Kind::BadResponse };
            let error = Error::new(kind, tried, said(&response));
            return Err(error.with_hint("leave --live away to use the bundled list"));
        }
        let page = serde_json::from_slice(&response.body).map_err(|error| {
            Error::new(Kind::BadResponse, tried, format!("not the JSON of Docker Hub's web API: {error}"))
        })?;
        Ok((page, response.url))
    }
}

impl TagEntry {
    fn into_tag(self) -> HubTag {
        let platforms = self.images.unwrap_or_default().into_iter().map(ImageEntry::into_platform);
        HubTag { name: self.name, platforms: platforms.filter(|platform| !platform.is_unknown()).collect() }
    }
}

impl ImageEntry {
    fn into_platform(self) -> Platform {
        Platform {
            os: self.os.unwrap_or_default(),
            architecture: self.architecture.unwrap_or_default(),
            variant: self.variant.unwrap_or_default(),
            os_version: self.os_version.unwrap_or_default(),
            os_features: Vec::new(),
        }
    }
}
