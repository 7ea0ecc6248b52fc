//! Blobs: `GET /v2/<name>/blobs/<digest>` (distribution-spec, "Pulling blobs").

use bytes::Bytes;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use workson_oci::image::Need;
use workson_oci::{Content, Digest, Repository};

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::manifests::MAX_MANIFEST;
use crate::transport::{Request, Response, Target, said, shown};

impl Client {
    /// Fetches a small blob, such as an image's config, and checks its digest. Blobs are no counted pulls.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::DigestMismatch`], [`Kind::TooLarge`] above the bound for manifests, and all
    /// that a request can end with.
    pub async fn small_blob(&self, repository: &Repository, need: &Need) -> Result<Content, Error> {
        let target = Target::Of(format!("blobs/{}", need.digest));
        let limit = Some(MAX_MANIFEST);
        let request = Request { limit, ..Request::new(Method::GET, repository, target) };
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

/// How often a blob that breaks off is asked for again from where it broke.
const RESUMES: u32 = 4;

impl Client {
    /// A blob of any length, as it comes. Its digest is for whoever reads it to check. One that breaks off is asked
    /// for again from where it broke; where a registry does not know parts, what came already is passed over.
    ///
    /// # Errors
    /// [`Kind::NotFound`], [`Kind::Denied`], and all that a request can end with.
    pub async fn blob(&self, repository: &Repository, digest: &Digest) -> Result<BlobStream, Error> {
        self.blob_from(repository, digest, 0).await
    }

    /// As [`Client::blob`], from the byte number `offset` on; nothing where that is the blob's end.
    ///
    /// # Errors
    /// As [`Client::blob`].
    pub async fn blob_from(
        &self,
        repository: &Repository,
        digest: &Digest,
        offset: u64,
    ) -> Result<BlobStream, Error> {
        let (repository, digest) = (repository.clone(), digest.clone());
        let mut stream = BlobStream {
            client: self.clone(),
            repository,
            digest,
            offset,
            skip: 0,
            resumes: 0,
            incoming: None,
        };
        stream.open().await?;
        Ok(stream)
    }
}

/// A blob on its way.
pub struct BlobStream {
    client: Client,
    repository: Repository,
    digest: Digest,
    /// Where in the blob the next byte is that is handed on.
    offset: u64,
    /// How many bytes have come before, and are passed over.
    skip: u64,
    resumes: u32,
    incoming: Option<Incoming>,
}

impl BlobStream {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// [`Kind::Network`] or [`Kind::Timeout`] where it breaks off, and going on from there fails as well.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(incoming) = &mut self.incoming else { return Ok(None) };
            let timeout = self.client.shared.options.request_timeout;
            let broken = match tokio::time::timeout(timeout, incoming.frame()).await {
                Ok(None) => {
                    self.incoming = None;
                    return Ok(None);
                }
                Ok(Some(Ok(frame))) => {
                    let Ok(mut bytes) = frame.into_data() else { continue };
                    let passed = self.skip.min(bytes.len() as u64);
                    self.skip -= passed;
                    let bytes = bytes.split_off(passed as usize);
                    if bytes.is_empty() {
                        continue;
                    }
                    self.offset += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(Some(Err(error))) => {
                    (Kind::Network, format!("it broke off at byte {}: {error}", self.offset))
                }
                Err(_) => (Kind::Timeout, format!("nothing came for {} s", timeout.as_secs_f32())),
            };
            self.resumes += 1;
            if self.resumes > RESUMES {
                let tried = format!("GET blob {} of {}", self.digest, self.repository);
                return Err(Error::new(broken.0, tried, broken.1));
            }
            self.open().await?;
        }
    }

    /// Asks for it, from where it is.
    async fn open(&mut self) -> Result<(), Error> {
        let range = format!("bytes={}-", self.offset);
        let range = HeaderValue::from_str(&range).map(|value| (RANGE, value));
        let headers: Vec<_> = range.into_iter().filter(|_| self.offset > 0).collect();
        let target = Target::Of(format!("blobs/{}", self.digest));
        let request =
            Request { headers: &headers, limit: None, ..Request::new(Method::GET, &self.repository, target) };
        let response = self.client.shared.send(&request).await?;
        let tried = format!("GET {}", shown(&response.url));
        self.skip = match response.status {
            StatusCode::OK => self.offset,
            StatusCode::PARTIAL_CONTENT => 0,
            // There is nothing behind the end.
            StatusCode::RANGE_NOT_SATISFIABLE if length(&response) == Some(self.offset) => 0,
            StatusCode::NOT_FOUND => {
                return Err(Error::new(Kind::NotFound, tried, said(&response)).with_hint(
                    "the manifest is there, this layer is not: the image was pushed or cleaned up in part",
                ));
            }
            StatusCode::FORBIDDEN => return Err(Error::new(Kind::Denied, tried, said(&response))),
            _ => return Err(Error::new(Kind::BadResponse, tried, said(&response))),
        };
        self.incoming = response.stream;
        Ok(())
    }
}

/// The whole length that a refused range names: `bytes */47022` (RFC 9110, section 14.4).
fn length(response: &Response) -> Option<u64> {
    response.headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.trim().parse().ok()
}
