//! Blobs on their way to a registry (distribution-spec, ["Pushing blobs"] and "Mounting a blob from another
//! repository").
//!
//! ["Pushing blobs"]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs

mod session;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use url::Url;
use workson_oci::{Digest, Repository};

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::transport::{Access, Request, Response, Target, said, shown};

use session::{Session, Upload};

/// Bytes of a blob as they come, in order; an error ends them.
///
/// What waits in the channel is in memory, so pieces should have at most 256 KiB, and the channel a few places.
pub type Pieces = tokio::sync::mpsc::Receiver<Result<Bytes, String>>;

/// A blob that can be read from any byte on, as often as an upload has to begin anew.
pub trait BlobOrigin: Send + Sync {
    /// The blob from the byte number `offset` to its end. Whoever sends into the channel ends where nobody receives
    /// any more.
    fn open(&self, offset: u64) -> Pieces;

    /// Is told, now and then while the blob is sent, how many bytes of it have been sent at least once.
    fn reached(&self, _bytes: u64) {}
}

/// How a repository came to have a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It had it before.
    Existed,
    /// The registry took it over from another of its repositories; no byte was sent.
    Mounted,
    /// It was sent.
    Uploaded,
}

/// How many repositories are tried to mount a blob from.
const MAX_MOUNTS: usize = 3;
/// How long the registry may take to hear that an upload is given up.
const CANCEL: Duration = Duration::from_secs(5);

impl Client {
    /// Whether a repository has a blob: `HEAD …/blobs/<digest>`. The registry itself is asked, not a mirror, by
    /// somebody who wants to write to it: where only reading is allowed, so is a registry's refusal.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`], [`Kind::Denied`], and all that a request can end with.
    pub async fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, Error> {
        let target = Target::Of(format!("blobs/{digest}"));
        let request = Request { access: Access::Push, ..Request::new(Method::HEAD, repository, target) };
        let response = self.shared.send(&request).await?;
        match response.status {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(refused(&Method::HEAD, repository, &response)),
        }
    }

    /// Puts a blob of `size` bytes into a repository, unless it is there. `from` are repositories of the same
    /// registry that have it: the first few are tried in order, for the registry to take it over; else it is
    /// uploaded, in one request or two.
    ///
    /// What breaks off goes on from where the registry says that it is, or begins anew, as long as that leads
    /// anywhere. The bytes are hashed as they are sent, and the last of them is let go only if all are right: so a
    /// registry has the blob whole, or not at all.
    ///
    /// # Errors
    /// [`Kind::Source`] where the bytes that come are not the blob; [`Kind::Unauthorized`] and [`Kind::Denied`];
    /// [`Kind::NoSpace`]; [`Kind::Redirect`] for a place to send to that must not be used; [`Kind::BadResponse`] for
    /// a registry that takes no upload; and all that a request can end with. An upload that was begun is cancelled.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        from: &[Repository],
        origin: &dyn BlobOrigin,
    ) -> Result<Pushed, Error> {
        match self.has_blob(repository, digest).await {
            Ok(true) => return Ok(Pushed::Existed),
            Ok(false) => {}
            // What else the registry has to say, it says to the upload.
            Err(error) if error.kind().may_be_about_head() => {}
            Err(error) => return Err(error),
        }
        let begun = match self.mount(repository, digest, from).await {
            Mount::Done => return Ok(Pushed::Mounted),
            Mount::Begun(session) => Some(session),
            Mount::Refused => None,
        };
        Upload::new(self, repository, digest, size, origin).run(begun).await?;
        Ok(Pushed::Uploaded)
    }

    /// Asks the registry to take the blob over from one of `from`.
    async fn mount(&self, repository: &Repository, digest: &Digest, from: &[Repository]) -> Mount {
        let here = |other: &&Repository| {
            other.registry() == repository.registry() && other.path() != repository.path()
        };
        let mut begun = Mount::Refused;
        for other in from.iter().filter(here).take(MAX_MOUNTS) {
            // Only one upload is needed.
            if let Mount::Begun(session) = std::mem::replace(&mut begun, Mount::Refused) {
                self.cancel(repository, &session).await;
            }
            let target = Target::Of(format!("blobs/uploads/?mount={digest}&from={}", other.path()));
            let access = Access::Mount { from: other.path().to_owned() };
            let request = Request { access, ..Request::new(Method::POST, repository, target) };
            begun = match self.shared.send(&request).await {
                Ok(response) if response.status == StatusCode::CREATED => return Mount::Done,
                Ok(response) if response.status == StatusCode::ACCEPTED => {
                    let session = Session::begun(self, repository, &response, "POST").ok().flatten();
                    session.map_or(Mount::Refused, Mount::Begun)
                }
                // Whether it is the mount that is refused, or all pushing, the upload tells.
                _ => return Mount::Refused,
            };
        }
        begun
    }

    /// Tells the registry that an upload will not go on. If that fails, the registry finds out by itself.
    async fn cancel(&self, repository: &Repository, session: &Session) {
        let target = session.target(None);
        let request = Request { access: Access::Push, ..Request::new(Method::DELETE, repository, target) };
        let _ = tokio::time::timeout(CANCEL, self.shared.send(&request)).await;
    }
}

/// What came of asking for a mount.
enum Mount {
    /// The repository has the blob.
    Done,
    /// The registry began an upload instead.
    Begun(Session),
    /// The registry does not do it.
    Refused,
}

/// The error for an answer to a push that stays.
pub(crate) fn refused(method: &Method, repository: &Repository, response: &Response) -> Error {
    let (tried, said) = (format!("{method} {}", shown(&response.url)), said(response));
    let registry = repository.registry();
    match response.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let kind = match response.status {
                StatusCode::FORBIDDEN => Kind::Denied,
                _ => Kind::Unauthorized,
            };
            Error::new(kind, tried, said).with_hint(format!(
                "may you push to {}? Log in as somebody who may: `docker login {registry}`; a quota that is used up \
                 is answered so, too",
                repository.familiar()
            ))
        }
        StatusCode::INSUFFICIENT_STORAGE => Error::new(Kind::NoSpace, tried, said)
            .with_hint("the registry has no space left; delete what is not needed there, or ask its operator"),
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::NoSpace, tried, said).with_hint(
            "the registry, or a proxy before it, takes nothing so large; ask its operator to raise that bound",
        ),
        StatusCode::NOT_FOUND => Error::new(Kind::NotFound, tried, said).with_hint(format!(
            "is {} a registry that can be pushed to, and does it want repositories to be made first?",
            registry
        )),
        _ => Error::new(Kind::BadResponse, tried, said)
            .with_hint("the registry does not take it; what it says may tell why"),
    }
}

/// An error of a push, with the hint that goes with a registry that fails again and again.
pub(crate) fn failed(error: Error) -> Error {
    match error.kind() {
        Kind::Server if error.retry_after().is_none() => error.with_hint(
            "the registry goes on failing: it may have no space left, which its operator can tell; run again later",
        ),
        _ => error.or_hint("try again later"),
    }
}

/// The address in `location`, read against the address that answered with it.
///
/// Where it is at that host, but in plain http, the host does not know that TLS is spoken before it, and https is
/// meant.
pub(crate) fn location(response: &Response, tried: &str) -> Result<Option<Url>, Error> {
    let Some(value) = response.headers.get(http::header::LOCATION) else { return Ok(None) };
    let bad = |what: String| {
        Error::new(Kind::Redirect, tried, what)
            .with_hint("nothing is sent there; tell the registry's operator")
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let named = || crate::error::printable(text.split('?').next().unwrap_or_default());
    let mut url =
        response.url.join(&text).map_err(|_| bad(format!("the upload is said to be at {:?}", named())))?;
    if response.url.scheme() == "https" && url.scheme() == "http" {
        let here = (response.url.host_str(), response.url.port());
        if (url.host_str(), url.port()) != here || url.set_scheme("https").is_err() {
            return Err(bad(format!("the upload is said to be at plain http, {}", shown(&url))));
        }
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad(format!("the upload is said to be at {:?}", named())));
    }
    url.set_fragment(None);
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str, location: &str) -> Result<String, Error> {
        let mut response = Response {
            status: StatusCode::ACCEPTED,
            headers: Default::default(),
            body: Bytes::new(),
            stream: None,
            url: url.parse().unwrap(),
        };
        response.headers.insert(http::header::LOCATION, location.parse().unwrap());
        super::location(&response, "POST").map(|url| url.unwrap().to_string())
    }

    #[test]
    fn an_upload_is_at_a_path_or_an_address() {
        let here = "https://r.example/v2/a/blobs/uploads/";
        for (location, expected) in [
            ("/v2/a/blobs/uploads/1", "https://r.example/v2/a/blobs/uploads/1"),
            ("1?_state=a%2Fb==", "https://r.example/v2/a/blobs/uploads/1?_state=a%2Fb=="),
            ("//s.example/1#x", "https://s.example/1"),
            ("https://s.example/1", "https://s.example/1"),
            // The registry does not know that TLS is spoken before it.
            ("http://r.example/1", "https://r.example/1"),
        ] {
            assert_eq!(at(here, location).unwrap(), expected);
        }
        assert_eq!(at("http://r.example:5000/", "https://s.example/1").unwrap(), "https://s.example/1");
    }

    #[test]
    fn an_upload_does_not_go_from_tls_into_the_clear() {
        for (here, location) in [
            ("https://r.example/", "http://s.example/?secret"),
            ("https://r.example/", "http://127.0.0.1/?secret"),
            ("https://r.example/", "http://r.example:8080/?secret"),
            ("https://r.example/", "file:///etc/?secret"),
        ] {
            let error = at(here, location).unwrap_err();
            assert_eq!(error.kind(), Kind::Redirect);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
