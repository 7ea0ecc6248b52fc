//! Manifests: `GET` and `HEAD /v2/<name>/manifests/<reference>` (distribution-spec, "Pulling manifests").

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use workson_oci::{Content, Digest, MediaType, Reference, media_type};

use crate::client::Client;
use crate::error::{Error, Kind, printable};
use crate::rate_limit::RateLimit;
use crate::transport::{Access, Payload, Request, Response, Target, said};
use crate::uploads;

/// The largest manifest that is read, in bytes: twice the 4 MiB that the distribution specification asks
/// registries to take at least, and what containerd reads.
pub(crate) const MAX_MANIFEST: usize = 8 << 20;

const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");

/// What a `HEAD` says about a manifest. Nothing in it was checked: there were no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The digest, where the registry announces one that can be checked; the one that was asked for, if any.
    pub digest: Option<Digest>,
    /// The media type.
    pub media_type: MediaType,
    /// The size in bytes.
    pub size: Option<u64>,
    /// What is left of the quota of pulls.
    pub rate_limit: Option<RateLimit>,
}

impl Client {
    /// Fetches the manifest or index that `reference` names: by its digest if it has one, else by its tag. The
    /// bytes have the digest that was asked for, and the one that the registry announced.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where there is none, [`Kind::DigestMismatch`], [`Kind::TooLarge`], and all that a
    /// request can end with.
    pub async fn manifest(&self, reference: &Reference) -> Result<Content, Error> {
        let response = self.manifest_request(Method::GET, reference).await?;
        let mismatch = |what: String| mismatch(&tried(Method::GET, reference, &response), &what);
        let asked = reference.digest();
        let announced = digest_header(&response);
        let algorithm = asked.or(announced.as_ref()).map(Digest::algorithm);
        let digest = algorithm.unwrap_or(workson_oci::digest::Algorithm::Sha256).digest(&response.body);
        if let Some(asked) = asked.filter(|asked| **asked != digest) {
            return Err(mismatch(format!("the bytes that came have the digest {digest}, not {asked}")));
        }
        if let Some(announced) = announced.filter(|announced| asked.is_none() && *announced != digest) {
            let text = format!("the registry announces {announced}, but its bytes have the digest {digest}");
            return Err(mismatch(text));
        }
        Ok(Content { digest, media_type: content_type(&response), bytes: response.body })
    }

    /// Asks what `reference` points at, without fetching it. Registries do not count this as a pull.
    ///
    /// # Errors
    /// As [`Client::manifest`]; [`Kind::BadResponse`] where the registry does not know `HEAD`, and
    /// [`Kind::DigestMismatch`] where it announces another digest than was asked for.
    pub async fn manifest_head(&self, reference: &Reference) -> Result<Head, Error> {
        let response = self.manifest_request(Method::HEAD, reference).await?;
        let size = response.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut digest = digest_header(&response);
        if let (Some(asked), Some(announced)) = (reference.digest(), &digest)
            && asked != announced
        {
            if asked.algorithm() == announced.algorithm() {
                let text = format!("the registry announces {announced}, not {asked}");
                return Err(mismatch(&tried(Method::HEAD, reference, &response), &text));
            }
            // Of another algorithm it says nothing about what was asked for.
            digest = None;
        }
        Ok(Head {
            digest,
            media_type: content_type(&response),
            size,
            rate_limit: RateLimit::from_headers(&response.headers),
        })
    }

    /// Puts a manifest or index into a repository, byte for byte: under the digest of `reference` if it has one, else
    /// under its tag. The blobs and manifests that it names have to be there. The registry itself is asked, not a
    /// mirror (distribution-spec, "Pushing manifests").
    ///
    /// # Errors
    /// [`Kind::DigestMismatch`] where the bytes do not have the digest of `content` or of `reference` (then nothing
    /// is sent), or where the registry announces another one; [`Kind::Unauthorized`], [`Kind::Denied`],
    /// [`Kind::NoSpace`]; [`Kind::BadResponse`] where the registry does not take it, and says why; and all that a
    /// request can end with.
    pub async fn push_manifest(&self, reference: &Reference, content: &Content) -> Result<(), Error> {
        let asked = [Some(&content.digest), reference.digest()];
        if let Some(digest) = asked.into_iter().flatten().find(|digest| !digest.matches(&content.bytes)) {
            let text = format!("the manifest's bytes do not have the digest {digest}; nothing was sent");
            let error = Error::new(Kind::DigestMismatch, format!("push of {}", reference.familiar()), text);
            return Err(error.with_hint("it was changed on its way; read it anew"));
        }
        let media_type = HeaderValue::from_str(content.media_type.as_str()).map_err(|_| {
            let text = format!("its media type is {:?}", printable(content.media_type.as_str()));
            Error::new(Kind::InvalidImage, format!("push of {}", reference.familiar()), text)
        })?;
        let target = Target::Of(format!("manifests/{}", reference.target()));
        // Whoever gives up on a tag does not know what it points at.
        let patience = reference.digest().is_none().then_some(self.shared.options.deadline);
        let request = Request {
            headers: &[(CONTENT_TYPE, media_type)],
            access: Access::Push,
            payload: Payload::Bytes(content.bytes.clone()),
            patience,
            ..Request::new(Method::PUT, reference.repository(), target)
        };
        let response = self.shared.send(&request).await.map_err(uploads::failed)?;
        if !response.status.is_success() {
            return Err(uploads::refused(&Method::PUT, reference.repository(), &response));
        }
        let tried = tried(Method::PUT, reference, &response);
        check_announced(&response, |announced| announced.matches(&content.bytes), &content.digest, &tried)
    }

    /// Deletes what `reference` names: a manifest by its digest, or a tag alone, which not every registry does
    /// (distribution-spec, "Deleting manifests", "Deleting tags").
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Denied`], [`Kind::Unauthorized`]; [`Kind::BadResponse`] where the registry does not
    /// delete; and all that a request can end with.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<(), Error> {
        let target = Target::Of(format!("manifests/{}", reference.target()));
        let request =
            Request { access: Access::Push, ..Request::new(Method::DELETE, reference.repository(), target) };
        let response = self.shared.send(&request).await?;
        match response.status.is_success() {
            true => Ok(()),
            false => Err(refused(Method::DELETE, reference, &response)),
        }
    }

    async fn manifest_request(&self, method: Method, reference: &Reference) -> Result<Response, Error> {
        let accept = (ACCEPT, HeaderValue::from_static(media_type::ACCEPT));
        let is_pull = method == Method::GET;
        let target = Target::Of(format!("manifests/{}", reference.target()));
        let request = Request {
            headers: &[accept],
            limit: Some(MAX_MANIFEST),
            is_pull,
            access: if self.writes { Access::Push } else { Access::Pull },
            ..Request::new(method.clone(), reference.repository(), target)
        };
        let response = self.shared.send(&request).await?;
        match response.status {
            StatusCode::OK => Ok(response),
            _ => Err(refused(method, reference, &response)),
        }
    }
}

fn tried(method: Method, reference: &Reference, response: &Response) -> String {
    format!("{method} {} ({})", crate::transport::shown(&response.url), reference.familiar())
}

fn mismatch(tried: &str, what: &str) -> Error {
    Error::new(Kind::DigestMismatch, tried, what)
        .with_hint("the content was changed on its way, or the registry or a proxy is broken; it is not used")
}

fn digest_header(response: &Response) -> Option<Digest> {
    response.headers.get(DIGEST_HEADER)?.to_str().ok()?.trim().parse().ok()
}

/// Checks the digest under which a registry says that it keeps what was sent, where it says so.
pub(crate) fn check_announced(
    response: &Response,
    is_right: impl Fn(&Digest) -> bool,
    wanted: &Digest,
    tried: &str,
) -> Result<(), Error> {
    match digest_header(response) {
        Some(announced) if !is_right(&announced) => {
            let text = format!("the registry says that it keeps {announced}, but was sent {wanted}");
            let error = Error::new(Kind::DigestMismatch, tried, text);
            Err(error
                .with_hint("the registry or a proxy before it is broken; what it keeps is not what was sent"))
        }
        _ => Ok(()),
    }
}

fn content_type(response: &Response) -> MediaType {
    let text = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    MediaType::new(&printable(text))
}

fn refused(method: Method, reference: &Reference, response: &Response) -> Error {
    let tried = tried(method, reference, response);
    let said = said(response);
    let repository = reference.repository().familiar();
    match response.status {
        StatusCode::NOT_FOUND if said.contains("Accept header") || said.contains("accept header") => {
            Error::new(Kind::BadResponse, tried, said)
        }
        StatusCode::NOT_FOUND => {
            let what = if reference.digest().is_some() { "digest" } else { "tag" };
            Error::new(Kind::NotFound, tried, said).with_hint(format!(
                "no such {what}, or no such repository; `workson query {repository} --tags` lists what there is"
            ))
        }
        StatusCode::FORBIDDEN => Error::new(Kind::Denied, tried, said).with_hint(
            "the registry refuses this repository to whoever asks; are the credentials the right ones?",
        ),
        _ => Error::new(Kind::BadResponse, tried, said),
    }
}
