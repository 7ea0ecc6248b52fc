//! What a request carries: bytes that are there, or bytes that come from elsewhere while they are sent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;
use workson_oci::Digest;
use workson_oci::digest::Hasher;

use crate::error::{Error, Kind, printable};
use crate::uploads::Pieces;

/// The body of a request on its way.
pub(crate) enum Body {
    /// All of it is there.
    Whole(Full<Bytes>),
    /// It comes piece by piece.
    Flowing(Flowing),
}

/// Why a body that comes piece by piece ended early. What happened is kept in its [`Flow`].
#[derive(Debug, thiserror::Error)]
#[error("what is sent ended early")]
pub(crate) struct Ended;

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Ended>>> {
        match self.get_mut() {
            Body::Whole(whole) => {
                Pin::new(whole).poll_frame(context).map_err(|impossible| match impossible {})
            }
            Body::Flowing(flowing) => {
                flowing.poll(context).map(|next| next.map(|next| next.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(whole) => whole.is_end_stream(),
            Body::Flowing(flowing) => flowing.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(whole) => whole.size_hint(),
            Body::Flowing(flowing) => SizeHint::with_exact(flowing.left),
        }
    }
}

/// How the sending of one blob goes: what was sent of it, its digest so far, and what went wrong on this side.
/// It outlives the requests that it takes, of which one at a time is under way.
pub(crate) struct Flow {
    size: u64,
    digest: Digest,
    state: Mutex<State>,
}

struct State {
    /// The number of the request under way; the body of an earlier one ends when it is asked for more.
    request: u64,
    /// What the next body is made of, and where in the blob it begins.
    next: Option<(Pieces, u64)>,
    /// Takes the bytes as they are sent for the first time; none once the digest was found right.
    hasher: Option<Hasher>,
    hashed: u64,
    moved: Instant,
    waits_for: Waits,
    fault: Option<Error>,
}

/// Whom a body that stands still waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The connection, to take more.
    Connection,
    /// Where the blob comes from.
    Origin,
    /// The registry, to answer: all was sent.
    Answer,
}

impl Flow {
    /// A blob of `size` bytes of which nothing was sent yet.
    pub(crate) fn new(digest: &Digest, size: u64) -> Flow {
        Flow {
            size,
            digest: digest.clone(),
            state: Mutex::new(State {
                request: 0,
                next: None,
                hasher: Some(Hasher::new(digest.algorithm())),
                hashed: 0,
                moved: Instant::now(),
                waits_for: Waits::Origin,
                fault: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of the blob were sent at least once.
    pub(crate) fn reached(&self) -> u64 {
        self.state().hashed
    }

    /// Says what the next request carries: the blob from byte `offset` on.
    pub(crate) fn aim(&self, pieces: Pieces, offset: u64) {
        let mut state = self.state();
        state.request += 1;
        state.next = Some((pieces, offset));
    }

    /// Ends the body that is under way.
    pub(crate) fn give_up(&self) {
        let mut state = self.state();
        state.request += 1;
        state.next = None;
    }

    /// The body that [`Flow::aim`] spoke of, once.
    pub(super) fn body(self: &Arc<Self>) -> Option<Body> {
        let mut state = self.state();
        let (pieces, offset) = state.next.take()?;
        (state.moved, state.waits_for) = (Instant::now(), Waits::Connection);
        let request = state.request;
        let left = self.size.saturating_sub(offset);
        Some(Body::Flowing(Flowing { flow: self.clone(), request, pieces, held: None, offset, left }))
    }

    /// What went wrong on this side: no registry is to blame.
    pub(crate) fn fault(&self) -> Option<Error> {
        self.state().fault.clone()
    }

    /// Returns once nothing moved for `patience`, or for `longest` while it waits for the blob's origin, or for the
    /// answer to all that was sent.
    pub(super) async fn stands_still(&self, patience: Duration, longest: Duration) -> Error {
        loop {
            let (moved, waits_for) = {
                let state = self.state();
                (state.moved, state.waits_for)
            };
            let patience = if waits_for == Waits::Connection { patience } else { longest.max(patience) };
            if moved.elapsed() >= patience {
                return stood_still(waits_for, patience);
            }
            // What stood and moves again may wait for somebody else, so it is looked at again soon enough.
            tokio::time::sleep_until((moved + patience).min(Instant::now() + Duration::from_secs(1))).await;
        }
    }
}

fn stood_still(waits_for: Waits, patience: Duration) -> Error {
    let seconds = patience.as_secs_f32();
    let (text, hint) = match waits_for {
        Waits::Connection => {
            (format!("the registry took nothing for {seconds} s"), "try again later, or raise --timeout")
        }
        Waits::Origin => (
            format!("nothing came to be sent for {seconds} s"),
            "where the blob is read from stands still, not the registry",
        ),
        Waits::Answer => (
            format!("all was sent, and no answer came for {seconds} s"),
            "the registry answers too slowly; try again later",
        ),
    };
    Error::new(Kind::Timeout, "upload", text).with_hint(hint)
}

/// The part of a blob that one request carries. Its last piece is let go only when all that was to come has come,
/// and has the right digest: so whatever is wrong, a registry never takes it for whole.
pub(crate) struct Flowing {
    flow: Arc<Flow>,
    request: u64,
    pieces: Pieces,
    /// A piece that may be the last.
    held: Option<Bytes>,
    /// Where the next piece begins in the blob.
    offset: u64,
    /// What was not handed on yet, in bytes.
    left: u64,
}

impl Flowing {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Ended>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        loop {
            let came = self.pieces.poll_recv(context);
            let mut state = self.flow.state();
            if state.request != self.request || state.fault.is_some() {
                return Poll::Ready(Some(Err(Ended)));
            }
            let piece = match came {
                Poll::Pending => {
                    state.waits_for = Waits::Origin;
                    return Poll::Pending;
                }
                Poll::Ready(piece) => piece,
            };
            (state.moved, state.waits_for) = (Instant::now(), Waits::Connection);
            let next = match piece {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => {
                    let end = self.offset.saturating_add(piece.len() as u64);
                    match end > self.flow.size {
                        true => Err(self.flow.lengths(&format!("at least {end}"))),
                        false => {
                            state.hash(self.offset, &piece);
                            self.offset = end;
                            if end == self.flow.size {
                                // The end of the pieces has yet to be seen.
                                self.held = Some(piece);
                                continue;
                            }
                            Ok(piece)
                        }
                    }
                }
                Some(Err(text)) => Err(self.flow.origin_failed(self.offset, &text)),
                None => match self.held.take() {
                    None => Err(self.flow.lengths(&self.offset.to_string())),
                    Some(last) => state.check(&self.flow.digest).map(|()| last),
                },
            };
            return Poll::Ready(Some(match next {
                Ok(piece) => {
                    self.left = self.left.saturating_sub(piece.len() as u64);
                    if self.left == 0 {
                        state.waits_for = Waits::Answer;
                    }
                    Ok(piece)
                }
                Err(error) => {
                    state.fault = Some(error);
                    Err(Ended)
                }
            }));
        }
    }
}

impl State {
    /// Hashes what of a piece at `offset` was not hashed before.
    fn hash(&mut self, offset: u64, piece: &[u8]) {
        let Some(hasher) = &mut self.hasher else { return };
        let known = usize::try_from(self.hashed.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(new) = piece.get(known..) {
            hasher.update(new);
            self.hashed += new.len() as u64;
        }
    }

    /// Checks the digest of all that was hashed, once.
    fn check(&mut self, wanted: &Digest) -> Result<(), Error> {
        match self.hasher.take().map(Hasher::finish) {
            Some(found) if found != *wanted => Err(Error::new(
                Kind::Source,
                format!("reading blob {wanted} to upload it"),
                format!("the bytes that came have the digest {found}"),
            )
            .with_hint("it was changed or damaged where it is read from; nothing was uploaded")),
            _ => Ok(()),
        }
    }
}

impl Flow {
    fn lengths(&self, found: &str) -> Error {
        Error::new(
            Kind::Source,
            format!("reading blob {} to upload it", self.digest),
            format!("{found} bytes came, and it is said to have {}", self.size),
        )
        .with_hint("it was changed or damaged where it is read from; nothing was uploaded")
    }

    fn origin_failed(&self, offset: u64, text: &str) -> Error {
        Error::new(
            Kind::Source,
            format!("reading blob {} to upload it", self.digest),
            format!("it ended at byte {offset} of {}: {}", self.size, printable(text)),
        )
        .with_hint("where it is read from failed, not the registry that it goes to")
    }
}
