//! Blobs: `GET /v2/<name>/blobs/<digest>` (distribution-spec, "Pulling blobs").

use http::{Method, StatusCode};
use workson_oci::image::Need;
use workson_oci::{Content, Repository};

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::manifests::MAX_MANIFEST;
use crate::transport::{Request, Target, said, shown};

impl Client {
    /// Fetches a small blob, such as an image's config, and checks its digest. Blobs are no counted pulls.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::DigestMismatch`], [`Kind::TooLarge`] above the bound for manifests, and all
    /// that a request can end with.
    pub async fn small_blob(&self, repository: &Repository, need: &Need) -> Result<Content, Error> {
        let request = Request {
            method: Method::GET,
            repository,
            target: Target::Of(format!("blobs/{}", need.digest)),
            headers: &[],
            limit: MAX_MANIFEST,
            is_pull: false,
        };
        let response = self.shared.send(&request).await?;
        let tried = format!("GET {}", shown(&response.url));
        match response.status {
            StatusCode::OK if need.digest.matches(&response.body) => Ok(Content {
                digest: need.digest.clone(),
                media_type: need.media_type.clone(),
                bytes: response.body,
            }),
            StatusCode::OK => {
                let got = need.digest.algorithm().digest(&response.body);
                let text = format!("the bytes that came have the digest {got}, not {}", need.digest);
                Err(Error::new(Kind::DigestMismatch, tried, text))
            }
            StatusCode::NOT_FOUND => Err(Error::new(Kind::NotFound, tried, said(&response)).with_hint(
                "the manifest is there, its config is not: the image was pushed or cleaned up in part",
            )),
            StatusCode::FORBIDDEN => Err(Error::new(Kind::Denied, tried, said(&response))),
            _ => Err(Error::new(Kind::BadResponse, tried, said(&response))),
        }
    }
}
