//! Where the documents and blobs of what was assembled are: made here, in a file, or where they came from.

use std::collections::HashMap;
use std::io::{Cursor, Read, Seek as _, SeekFrom};
use std::path::PathBuf;

use workson_oci::{Content, Digest, MediaType};
use workson_registry::Pieces;

use crate::layout::regular;
use crate::source::Source;

/// The documents and blobs of what was assembled.
#[derive(Default)]
pub(super) struct Parts {
    documents: HashMap<Digest, Content>,
    files: HashMap<Digest, PathBuf>,
    sources: Vec<Box<dyn Source>>,
    /// Which of the sources has a blob.
    origins: HashMap<Digest, usize>,
}

impl Parts {
    /// Adds a document.
    pub(super) fn document(&mut self, content: Content) {
        self.documents.insert(content.digest.clone(), content);
    }

    /// Adds a blob that is a file.
    pub(super) fn file(&mut self, digest: Digest, path: PathBuf) {
        self.files.insert(digest, path);
    }

    /// Adds a source; its number.
    pub(super) fn source(&mut self, source: Box<dyn Source>) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// Adds a manifest of a source, with the blobs that it names. What two sources have is taken from the first.
    pub(super) fn from(&mut self, source: usize, (manifest, blobs): (Content, Vec<Digest>)) {
        for blob in blobs {
            self.origins.entry(blob).or_insert(source);
        }
        self.document(manifest);
    }

    fn origin(&self, digest: &Digest) -> Option<&dyn Source> {
        self.origins.get(digest).and_then(|at| self.sources.get(*at)).map(AsRef::as_ref)
    }
}

impl Source for Parts {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        match (self.documents.get(digest), self.origin(digest)) {
            // What it is called where it is named counts, as anywhere.
            (Some(content), _) => Ok(Content { media_type: media_type.clone(), ..content.clone() }),
            (None, Some(source)) => source.document(digest, media_type, is_blob),
            (None, None) => Err(format!("{digest} is no part of the image")),
        }
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn Read + Send>, String> {
        if let Some(path) = self.files.get(digest) {
            let open = || {
                let mut file = regular(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Ok(file)
            };
            let file =
                open().map_err(|error: std::io::Error| format!("reading {}: {error}", path.display()))?;
            return Ok(Box::new(file));
        }
        if let Some(content) = self.documents.get(digest) {
            let mut reader = Cursor::new(content.bytes.clone());
            reader.set_position(offset);
            return Ok(Box::new(reader));
        }
        match self.origin(digest) {
            Some(source) => source.blob(digest, offset),
            None => Err(format!("{digest} is no part of the image")),
        }
    }

    fn pieces(&self, digest: &Digest, offset: u64) -> Pieces {
        match self.origin(digest).filter(|_| !self.files.contains_key(digest)) {
            Some(source) => source.pieces(digest, offset),
            None => Made(self).pieces(digest, offset),
        }
    }

    fn fetched(&self) -> Vec<Content> {
        self.sources.iter().flat_map(|source| source.fetched()).collect()
    }
}

/// What is here and is read as files are.
struct Made<'a>(&'a Parts);

impl Source for Made<'_> {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        self.0.document(digest, media_type, is_blob)
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn Read + Send>, String> {
        self.0.blob(digest, offset)
    }
}
