//! One upload, from its beginning to the registry's word that it has the blob.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use url::Url;
use workson_oci::{Digest, Repository};

use super::{BlobOrigin, failed, location, refused};
use crate::client::Client;
use crate::error::{Error, Kind};
use crate::manifests::check_announced;
use crate::transport::{Access, Flow, Once, Payload, Request, Response, Target, origin, said, shown};

/// Up to how many bytes a blob is sent with the request that closes its upload: one request less.
const SMALL: u64 = 1 << 20;
/// How many requests with bytes one upload may take, however much each of them brings.
const MAX_SENT: u32 = 64;
/// How often it is told how far an upload is.
const TELL: Duration = Duration::from_millis(100);

/// An upload that a registry has begun.
pub(super) struct Session {
    /// Where the next request goes.
    location: Url,
    /// Whether that is at the host that the repository is at.
    at_home: bool,
}

impl Session {
    /// The upload of `repository` that `response` tells of; none where it does not say where that is.
    pub(super) fn begun(
        client: &Client,
        repository: &Repository,
        response: &Response,
        tried: &str,
    ) -> Result<Option<Session>, Error> {
        let at_home = |url: &Url| client.shared.takes(repository, url);
        Ok(location(response, tried)?.map(|location| Session { at_home: at_home(&location), location }))
    }

    /// The session after `response`, which may have moved it.
    fn next(&mut self, response: &Response, tried: &str) -> Result<(), Error> {
        if let Some(location) = location(response, tried)? {
            // Who is elsewhere speaks for elsewhere, and does not lead home again.
            self.at_home &= origin(&location) == origin(&self.location);
            self.location = location;
        }
        Ok(())
    }

    /// What a request to it asks for: its address as it is, with a digest in order to close it.
    pub(super) fn target(&self, closing: Option<&Digest>) -> Target {
        let mut url = self.location.clone();
        if let Some(digest) = closing {
            url.query_pairs_mut().append_pair("digest", digest.as_str());
        }
        match self.at_home {
            true => {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                Target::At(format!("{}{query}", url.path()))
            }
            false => Target::Away(url),
        }
    }
}

/// How a blob is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `POST`, then `PUT` with all bytes.
    Whole,
    /// `POST`, `PATCH` with the bytes, then `PUT`. It can go on where it broke off.
    Chunk,
}

/// What to do next.
enum Step {
    Begin,
    Send { offset: u64 },
    Close,
    Done,
}

/// A blob that is being uploaded.
pub(super) struct Upload<'a> {
    client: &'a Client,
    repository: &'a Repository,
    digest: &'a Digest,
    size: u64,
    origin: &'a dyn BlobOrigin,
    flow: Arc<Flow>,
    session: Option<Session>,
    way: Way,
    /// Whether the other way was refused.
    switched: bool,
    /// What the registry said it has, at most.
    confirmed: u64,
    /// How many attempts in a row brought nothing.
    vain: u32,
    sent: u32,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        client: &'a Client,
        repository: &'a Repository,
        digest: &'a Digest,
        size: u64,
        origin: &'a dyn BlobOrigin,
    ) -> Upload<'a> {
        Upload {
            client,
            repository,
            digest,
            size,
            origin,
            flow: Arc::new(Flow::new(digest, size)),
            session: None,
            way: if size <= SMALL { Way::Whole } else { Way::Chunk },
            switched: false,
            confirmed: 0,
            vain: 0,
            sent: 0,
        }
    }

    /// Uploads, with the session that was `begun` for it, if any. What ends in an error is cancelled.
    pub(super) async fn run(mut self, begun: Option<Session>) -> Result<(), Error> {
        if self.size == 0 && !self.digest.matches(b"") {
            let tried = format!("reading blob {} to upload it", self.digest);
            let text = "it is said to have 0 bytes, and no bytes have another digest";
            return Err(Error::new(Kind::Source, tried, text).with_hint("what names the blob is wrong"));
        }
        let mut next = if begun.is_some() { Step::Send { offset: 0 } } else { Step::Begin };
        self.session = begun;
        loop {
            let done = match next {
                Step::Begin => self.begin().await,
                Step::Send { offset } => self.send(offset).await,
                Step::Close => self.close().await,
                Step::Done => return Ok(()),
            };
            next = match done {
                Ok(step) => step,
                Err(error) => {
                    self.abandon().await;
                    return Err(failed(error));
                }
            };
        }
    }

    async fn abandon(&mut self) {
        if let Some(session) = self.session.take() {
            self.client.cancel(self.repository, &session).await;
        }
    }

    fn request<'r>(&'r self, method: Method, target: Target, headers: &'r [Header]) -> Request<'r> {
        Request { access: Access::Push, headers, ..Request::new(method, self.repository, target) }
    }

    /// Begins an upload, in the place of one that came to nothing.
    async fn begin(&mut self) -> Result<Step, Error> {
        self.abandon().await;
        self.confirmed = 0;
        let target = Target::Of("blobs/uploads/".to_owned());
        let response = self.client.shared.send(&self.request(Method::POST, target, &[])).await?;
        if response.status != StatusCode::ACCEPTED {
            return Err(refused(&Method::POST, self.repository, &response));
        }
        let tried = format!("POST {}", shown(&response.url));
        self.session = Session::begun(self.client, self.repository, &response, &tried)?;
        if self.session.is_none() {
            let text = format!("{} without a Location to send the blob to", response.status);
            let error = Error::new(Kind::BadResponse, tried, text);
            return Err(error.with_hint("the registry, or a proxy before it, is broken; tell its operator"));
        }
        Ok(Step::Send { offset: 0 })
    }

    /// Sends the blob from `offset` on.
    async fn send(&mut self, offset: u64) -> Result<Step, Error> {
        let Some(session) = &self.session else { return Ok(Step::Begin) };
        if offset == self.size {
            return Ok(Step::Close);
        }
        let (method, closing) = match self.way {
            Way::Whole => (Method::PUT, Some(self.digest)),
            Way::Chunk => (Method::PATCH, None),
        };
        let target = session.target(closing);
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
        if offset > 0 {
            // Only where it is needed: some registries refuse it elsewhere.
            let range = HeaderValue::try_from(format!("{offset}-{}", self.size - 1));
            headers.extend(range.map(|range| (CONTENT_RANGE, range)));
        }
        self.sent += 1;
        self.flow.aim(self.origin.open(offset), offset);
        let payload = Payload::Flow(self.flow.clone());
        let request = Request { payload, ..self.request(method.clone(), target, &headers) };
        let sending = self.client.shared.send_once(&request, self.vain);
        match self.watched(sending).await? {
            Once::Again(error) => self.recover(error).await,
            // Nothing was looked at.
            Once::Expired(error) => self.vainly(error).map(|()| Step::Send { offset }),
            Once::Answered(response) if response.status.is_success() => self.took(&method, &response),
            Once::Answered(response) => self.not_taken(&method, offset, &response),
        }
    }

    /// Waits for a request that carries bytes, and tells meanwhile how far it is.
    async fn watched<T>(&self, sending: impl Future<Output = T>) -> T {
        let mut sending = pin!(sending);
        loop {
            match tokio::time::timeout(TELL, &mut sending).await {
                Ok(done) => return done,
                Err(_) => self.origin.reached(self.flow.reached()),
            }
        }
    }

    /// The registry took the bytes.
    fn took(&mut self, method: &Method, response: &Response) -> Result<Step, Error> {
        let tried = format!("{method} {}", shown(&response.url));
        if self.way == Way::Whole {
            check_announced(response, |announced| announced == self.digest, self.digest, &tried)?;
            return Ok(Step::Done);
        }
        if let Some(session) = &mut self.session {
            session.next(response, &tried)?;
        }
        match received(response) {
            // It took a part, and says so.
            Some(end) if end < self.size && end > 1 => {
                let error =
                    Error::new(Kind::BadResponse, tried, format!("it took {end} of {} bytes", self.size));
                self.go_on(end, error)
            }
            _ => Ok(Step::Close),
        }
    }

    /// The registry did not take the bytes, in words that stay.
    fn not_taken(&mut self, method: &Method, offset: u64, response: &Response) -> Result<Step, Error> {
        let error = refused(method, self.repository, response);
        let said = said(response);
        let damaged = said.contains("DIGEST_INVALID") || said.contains("SIZE_INVALID");
        match response.status.as_u16() {
            404 | 410 => self.anew(error),
            _ if is_of_form(response.status) && (offset > 0 || damaged) => self.anew(error),
            _ if is_of_form(response.status) && !self.switched => {
                self.switched = true;
                self.way = if self.way == Way::Whole { Way::Chunk } else { Way::Whole };
                Ok(Step::Begin)
            }
            _ => Err(error),
        }
    }

    /// Counts an attempt that brought nothing.
    fn vainly(&mut self, error: Error) -> Result<(), Error> {
        self.vain += 1;
        let enough = self.vain > self.client.shared.options.retry.retries || self.sent >= MAX_SENT;
        if enough { Err(error) } else { Ok(()) }
    }

    fn anew(&mut self, error: Error) -> Result<Step, Error> {
        self.vainly(error)?;
        Ok(Step::Begin)
    }

    /// Goes on from byte `end`, up to which the registry has the blob; `error` is why it has no more.
    fn go_on(&mut self, end: u64, error: Error) -> Result<Step, Error> {
        if end > self.confirmed && self.sent < MAX_SENT {
            (self.confirmed, self.vain) = (end, 0);
        } else {
            self.vainly(error)?;
        }
        Ok(Step::Send { offset: end })
    }

    /// After a request that broke: how far did it come?
    async fn recover(&mut self, error: Error) -> Result<Step, Error> {
        // What closed the upload may have come through.
        if self.way == Way::Whole {
            return match self.has().await {
                true => Ok(Step::Done),
                false => self.anew(error),
            };
        }
        let Some(session) = &self.session else { return self.anew(error) };
        let request = self.request(Method::GET, session.target(None), &[]);
        let Ok(response) = self.client.shared.send(&request).await else { return self.anew(error) };
        let end = received(&response).filter(|_| response.status.is_success());
        match end {
            // "0-0" is what registries say both of one byte and of none.
            Some(end) if end > 1 && end <= self.size => {
                if let Some(session) = &mut self.session {
                    session.next(&response, &format!("GET {}", shown(&response.url)))?;
                }
                self.go_on(end, error)
            }
            _ => self.anew(error),
        }
    }

    async fn has(&self) -> bool {
        self.client.has_blob(self.repository, self.digest).await.unwrap_or(false)
    }

    /// Closes the upload, all of which was sent.
    async fn close(&mut self) -> Result<Step, Error> {
        let Some(session) = &self.session else { return Ok(Step::Begin) };
        // A registry may read all of it again before it answers.
        let patience = Some(self.client.shared.options.deadline);
        let target = session.target(Some(self.digest));
        let request = Request { patience, ..self.request(Method::PUT, target, &[]) };
        let error = match self.client.shared.send(&request).await {
            Ok(response) if response.status.is_success() => {
                let tried = format!("PUT {}", shown(&response.url));
                check_announced(&response, |announced| announced == self.digest, self.digest, &tried)?;
                return Ok(Step::Done);
            }
            Ok(response) => {
                let error = refused(&Method::PUT, self.repository, &response);
                let lost = matches!(response.status.as_u16(), 404 | 410) || is_of_form(response.status);
                if !lost {
                    return Err(error);
                }
                error
            }
            Err(error) if matches!(error.kind(), Kind::Network | Kind::Timeout | Kind::Server) => error,
            Err(error) => return Err(error),
        };
        // It may have come through when the answer did not.
        if self.has().await { Ok(Step::Done) } else { self.anew(error) }
    }
}

type Header = (HeaderName, HeaderValue);

/// Whether a refusal is about how something was sent, not about what or by whom.
fn is_of_form(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 405 | 411 | 415 | 416 | 501)
}

/// How many bytes the registry has: `Range: 0-N` says N + 1.
fn received(response: &Response) -> Option<u64> {
    let range = response.headers.get(RANGE)?.to_str().ok()?;
    let end = range.trim_start_matches("bytes=").trim().strip_prefix("0-")?;
    end.parse::<u64>().ok()?.checked_add(1)
}
