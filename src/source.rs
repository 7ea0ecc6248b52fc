//! Where the documents and blobs of an image come from: a registry, a layout on disk, or an archive of `docker save`.

mod place;

use std::collections::HashMap;
use std::io::{self, Read, Seek as _, SeekFrom};

use bytes::{Buf as _, Bytes};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use workson_oci::image::{Found, Need, Reading};
use workson_oci::{Content, Digest, Image, MediaType, Reference};
use workson_registry::{Client, Pieces};

pub use self::place::{Opened, Place};
use crate::archive::Archive;
use crate::layout::Layout;

/// How many pieces of a blob wait to be read, and how long those of a file are. Several blobs are under way at once.
const WAITING: usize = 4;
const PIECE: usize = 64 << 10;

/// Where documents and blobs come from.
pub trait Source: Send + Sync {
    /// A document of bounded length, with its digest checked.
    ///
    /// # Errors
    /// A sentence: what was tried, and what came back.
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String>;

    /// A blob, from the byte `offset` on. Its digest is for the reader to check.
    ///
    /// # Errors
    /// A sentence: what was tried, and what came back.
    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn Read + Send>, String>;

    /// The same in pieces, for whoever waits for them without a thread.
    fn pieces(&self, digest: &Digest, offset: u64) -> Pieces {
        let (sender, receiver) = mpsc::channel(WAITING);
        match self.blob(digest, offset) {
            Ok(reader) => {
                std::thread::spawn(move || send(reader, &sender));
            }
            Err(error) => {
                // The channel is new, and has room.
                let _ = sender.try_send(Err(error));
            }
        }
        receiver
    }

    /// The documents that were fetched from afar so far, for whoever keeps them.
    fn fetched(&self) -> Vec<Content> {
        Vec::new()
    }
}

impl Source for Layout {
    fn document(&self, digest: &Digest, media_type: &MediaType, _: bool) -> Result<Content, String> {
        Layout::document(self, digest, media_type.clone()).map_err(|error| error.to_string())
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn Read + Send>, String> {
        let mut file = Layout::blob(self, digest).map_err(|error| error.to_string())?;
        file.seek(SeekFrom::Start(offset)).map_err(|error| format!("reading {digest}: {error}"))?;
        Ok(Box::new(file))
    }
}

impl Source for Archive {
    fn document(&self, digest: &Digest, media_type: &MediaType, _: bool) -> Result<Content, String> {
        Archive::document(self, digest, media_type.clone()).map_err(|error| error.to_string())
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn Read + Send>, String> {
        let part = Archive::blob(self, digest, offset).map_err(|error| error.to_string())?;
        Ok(Box::new(part))
    }
}

/// A repository of a registry. Its methods wait, and are for threads that are no part of a runtime.
pub struct RegistrySource {
    /// Who asks.
    pub client: Client,
    /// What is asked.
    pub reference: Reference,
    /// Where requests are worked on: a runtime of several threads.
    pub runtime: Handle,
}

impl Source for RegistrySource {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        let asked = async {
            if is_blob {
                let need =
                    Need { digest: digest.clone(), media_type: media_type.clone(), size: 0, blob: true };
                self.client.small_blob(self.reference.repository(), &need).await
            } else {
                self.client.manifest(&self.reference.with_digest(digest.clone())).await
            }
        };
        self.runtime.block_on(asked).map_err(|error| error.to_string())
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn Read + Send>, String> {
        Ok(Box::new(PieceReader { receiver: self.pieces(digest, offset), piece: Bytes::new() }))
    }

    fn pieces(&self, digest: &Digest, offset: u64) -> Pieces {
        let (sender, receiver) = mpsc::channel(WAITING);
        let (client, repository, digest) =
            (self.client.clone(), self.reference.repository().clone(), digest.clone());
        self.runtime.spawn(async move {
            let mut stream = match client.blob_from(&repository, &digest, offset).await {
                Ok(stream) => stream,
                Err(error) => {
                    let _ = sender.send(Err(error.to_string())).await;
                    return;
                }
            };
            loop {
                let piece = match stream.chunk().await {
                    Ok(Some(bytes)) => Ok(bytes),
                    Ok(None) => return,
                    Err(error) => Err(error.to_string()),
                };
                let ends = piece.is_err();
                // Nobody reads it any more where what came was enough, or bad.
                if sender.send(piece).await.is_err() || ends {
                    return;
                }
            }
        });
        receiver
    }
}

/// Sends what a reader has, until its end or until nobody receives any more.
fn send(mut reader: Box<dyn Read + Send>, sender: &mpsc::Sender<Result<Bytes, String>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let piece = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => {
                piece.truncate(read);
                Ok(Bytes::from(piece))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error.to_string()),
        };
        let ends = piece.is_err();
        if sender.blocking_send(piece).is_err() || ends {
            return;
        }
    }
}

/// What comes of a blob, to be read as a file is.
struct PieceReader {
    receiver: Pieces,
    piece: Bytes,
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(io::Error::other(error)),
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// What an image offers, with the configs that it takes to tell.
///
/// # Errors
/// A sentence, where it can't be told at all.
pub fn offered(source: &dyn Source, root: &Content) -> Result<Image, String> {
    let mut found: HashMap<Digest, Found> = HashMap::new();
    loop {
        match Image::read(root, &found, false).map_err(|error| error.to_string())? {
            Reading::Complete(image) => return Ok(image),
            Reading::Needs(needs) => {
                for need in needs {
                    let document = source.document(&need.digest, &need.media_type, need.blob);
                    found.insert(need.digest, document);
                }
            }
        }
    }
}
