//! A reader whose bytes another thread hashes while this one goes on.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use workson_oci::Digest;
use workson_oci::digest::{Algorithm, Hasher};

/// How long a piece is, and how many there are. They go round: filled and read here, hashed there, filled again.
const PIECE: usize = 64 << 10;
const PIECES: usize = 4;

/// Why nothing more comes.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// The bytes can't be had: what the reader said.
    Source(String),
    /// It is longer than is read.
    TooLong,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Source(error) => f.write_str(error),
            Failed::TooLong => f.write_str("longer than is read"),
        }
    }
}

/// Bytes that were read, and how many they are.
struct Piece {
    bytes: Box<[u8]>,
    length: usize,
}

/// Counts and hashes what is read through it.
pub(super) struct Tee<'scope, R> {
    inner: R,
    limit: u64,
    length: u64,
    failed: Option<Failed>,
    /// What is being read, and how far it has been.
    piece: Option<Arc<Piece>>,
    at: usize,
    /// How many pieces were made.
    made: usize,
    filled: SyncSender<Arc<Piece>>,
    hashed: Receiver<Arc<Piece>>,
    hasher: ScopedJoinHandle<'scope, Digest>,
}

impl<'scope, R: Read> Tee<'scope, R> {
    /// Reads `inner`, up to `limit` bytes of it.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub(super) fn new(
        scope: &'scope Scope<'scope, '_>,
        inner: R,
        algorithm: Algorithm,
        limit: u64,
    ) -> io::Result<Tee<'scope, R>> {
        let (filled, to_hash) = mpsc::sync_channel::<Arc<Piece>>(PIECES);
        let (free, hashed) = mpsc::sync_channel(PIECES);
        let hasher = Builder::new().name("digest".into()).spawn_scoped(scope, move || {
            let mut hasher = Hasher::new(algorithm);
            for piece in to_hash {
                hasher.update(&piece.bytes[..piece.length]);
                // At the end nobody takes it back.
                let _ = free.send(piece);
            }
            hasher.finish()
        })?;
        Ok(Tee { inner, limit, length: 0, failed: None, piece: None, at: 0, made: 0, filled, hashed, hasher })
    }

    /// Why nothing more came, where that is so.
    pub(super) fn failed(&self) -> Option<&Failed> {
        self.failed.as_ref()
    }

    /// Reads to the end: the digest and the length of all there was.
    ///
    /// # Errors
    /// Why the end can't be reached.
    pub(super) fn finish(mut self) -> Result<(Digest, u64), Failed> {
        while self.failed.is_none() && self.fill().is_some_and(|piece| piece.length > 0) {}
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        drop(self.filled);
        match self.hasher.join() {
            Ok(digest) => Ok((digest, self.length)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// The next piece, which is empty at the end; none where there is none to be had.
    fn fill(&mut self) -> Option<&Piece> {
        if self.failed.is_some() {
            return None;
        }
        // Whoever gets a piece back must be the only one who has it.
        self.piece = None;
        self.at = 0;
        let mut piece = if self.made < PIECES {
            self.made += 1;
            Arc::new(Piece { bytes: vec![0; PIECE].into(), length: 0 })
        } else {
            self.hashed.recv().ok()?
        };
        let Piece { bytes, length } = Arc::get_mut(&mut piece)?;
        *length = 0;
        while *length < bytes.len() {
            match self.inner.read(&mut bytes[*length..]) {
                Ok(0) => break,
                Ok(read) => *length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(Failed::Source(error.to_string()));
                    return None;
                }
            }
        }
        self.length += *length as u64;
        if self.length > self.limit {
            self.failed = Some(Failed::TooLong);
            return None;
        }
        // The thread ends with this end of the channel, not before.
        let _ = self.filled.send(Arc::clone(&piece));
        Some(self.piece.insert(piece))
    }
}

impl<R: Read> BufRead for Tee<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.as_ref().is_none_or(|piece| self.at == piece.length && self.at > 0) {
            self.fill();
        }
        if let Some(failed) = &self.failed {
            return Err(io::Error::other(failed.to_string()));
        }
        Ok(self.piece.as_ref().map_or(&[], |piece| &piece.bytes[self.at..piece.length]))
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
