//! All that an image consists of.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use workson_oci::document::{Document, DocumentError};
use workson_oci::{Content, Descriptor, Digest, MediaType};

use crate::source::Source;

/// How deep indexes may lie within one another.
const MAX_DEPTH: usize = 4;
/// How many documents one image may have, and how long they may be together, in bytes: they are kept until they are put.
const MAX_DOCUMENTS: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;
/// How many of them are read at once.
const AT_ONCE: usize = 6;
/// How many blobs it may have.
const MAX_BLOBS: usize = 200_000;

/// A blob: a config or a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What the manifest says it is.
    pub media_type: MediaType,
}

/// The documents and blobs of an image.
#[derive(Debug)]
pub struct Graph {
    /// What the image's name stands for.
    pub root: Content,
    /// The documents below it: each level names only what is in those before it.
    pub levels: Vec<Vec<Content>>,
    /// The blobs, each once.
    pub blobs: Vec<Blob>,
    /// Layers that are kept elsewhere, by their descriptors' own word: nobody carries them.
    pub foreign: Vec<Digest>,
}

/// Why an image can't be carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A document was refused.
    #[error("{digest}: {error}")]
    Document {
        /// Its digest.
        digest: Digest,
        /// Why.
        error: DocumentError,
    },
    /// A document could not be had: what was tried, and what came back.
    #[error("{0}")]
    Unread(String),
    /// A descriptor points at nothing that could be had.
    #[error("an entry of {digest} can't be fetched: {reason}")]
    Descriptor {
        /// The document that has it.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// An index says another length of a document than it has.
    #[error("the index says that {digest} has {told} bytes, and it has {length}: engines refuse it")]
    Size {
        /// The document's digest.
        digest: Digest,
        /// What the index says.
        told: u64,
        /// What it has.
        length: u64,
    },
    /// It is larger than is carried.
    #[error("the image has {0}: that is more than is carried")]
    TooLarge(String),
}

impl Graph {
    /// Reads all documents of an image. Whatever they say of platforms, they all belong to it.
    ///
    /// # Errors
    /// Where one of them can't be had or read.
    pub fn read(source: &dyn Source, root: &Content) -> Result<Graph, GraphError> {
        let (seen, blobs, foreign) = (HashMap::new(), HashSet::new(), HashSet::new());
        let mut reading = Reading { source, seen, blobs, foreign, bytes: 0, graph: Graph::of(root) };
        reading.document(root, 0)?;
        let Reading { mut graph, blobs, .. } = reading;
        // What is kept elsewhere for one platform and is an ordinary layer of another is carried for that one.
        graph.foreign.retain(|digest| !blobs.contains(digest));
        // The root stands alone on the highest level, and is not carried with the others.
        graph.levels.pop();
        graph.levels.retain(|level| !level.is_empty());
        Ok(graph)
    }

    fn of(root: &Content) -> Graph {
        Graph { root: root.clone(), levels: Vec::new(), blobs: Vec::new(), foreign: Vec::new() }
    }

    /// How many bytes its blobs have, by what the manifests say.
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).fold(0, u64::saturating_add)
    }

    /// Says how many of its layers are kept elsewhere, and were not `done`, say `sent`; none where all were.
    pub fn left_elsewhere(&self, done: &str) -> Option<String> {
        match self.foreign.len() {
            0 => None,
            1 => Some(format!("1 layer of it is kept elsewhere, and was not {done}")),
            layers => Some(format!("{layers} layers of it are kept elsewhere, and were not {done}")),
        }
    }

    /// All documents, the root the last.
    pub fn documents(&self) -> impl Iterator<Item = &Content> {
        self.levels.iter().flatten().chain([&self.root])
    }
}

struct Reading<'a> {
    source: &'a dyn Source,
    /// The level of each document, and its length.
    seen: HashMap<Digest, (usize, u64)>,
    /// Those that are carried.
    blobs: HashSet<Digest>,
    /// Those that some manifest says are kept elsewhere.
    foreign: HashSet<Digest>,
    bytes: usize,
    graph: Graph,
}

impl Reading<'_> {
    /// Takes a document with all below it; the level that it is on, counted from the lowest.
    fn document(&mut self, content: &Content, depth: usize) -> Result<usize, GraphError> {
        if let Some((level, _)) = self.seen.get(&content.digest) {
            return Ok(*level);
        }
        if depth > MAX_DEPTH {
            return Err(GraphError::TooLarge(format!("indexes more than {MAX_DEPTH} deep")));
        }
        self.bytes += content.bytes.len();
        if self.seen.len() >= MAX_DOCUMENTS || self.bytes > MAX_BYTES {
            let text = format!("more than {MAX_DOCUMENTS} documents or {MAX_BYTES} bytes of them");
            return Err(GraphError::TooLarge(text));
        }
        let failed = |error| GraphError::Document { digest: content.digest.clone(), error };
        let level = match Document::read(content).map_err(failed)? {
            Document::Index(index) => {
                let mut level = 0;
                for entries in index.manifests.chunks(AT_ONCE) {
                    let mut fetched = self.fetch(content, entries)?;
                    for entry in entries {
                        let digest = checked(content, entry)?;
                        let (below, length) = match (self.seen.get(&digest), fetched.remove(&digest)) {
                            (None, Some(document)) => {
                                let document = document.map_err(GraphError::Unread)?;
                                (self.document(&document, depth + 1)?, document.bytes.len() as u64)
                            }
                            (Some(below), _) => *below,
                            // What is not seen was fetched.
                            (None, None) => continue,
                        };
                        if length != entry.size {
                            return Err(GraphError::Size { digest, told: entry.size, length });
                        }
                        level = level.max(below + 1);
                    }
                }
                level
            }
            Document::Manifest(manifest) => {
                self.blob(content, &manifest.config, false)?;
                let elsewhere = kept_elsewhere(content);
                for (at, layer) in manifest.layers.iter().enumerate() {
                    let is_elsewhere = elsewhere.get(at).copied().unwrap_or(false);
                    self.blob(content, layer, is_elsewhere)?;
                }
                0
            }
        };
        self.seen.insert(content.digest.clone(), (level, content.bytes.len() as u64));
        while self.graph.levels.len() <= level {
            self.graph.levels.push(Vec::new());
        }
        self.graph.levels[level].push(content.clone());
        Ok(level)
    }

    /// Fetches the documents of entries, at once, but for those that are known.
    fn fetch(
        &self,
        of: &Content,
        entries: &[Descriptor],
    ) -> Result<HashMap<Digest, Result<Content, String>>, GraphError> {
        let mut wanted: HashMap<Digest, &Descriptor> = HashMap::new();
        for entry in entries {
            let digest = checked(of, entry)?;
            if !self.seen.contains_key(&digest) {
                wanted.insert(digest, entry);
            }
        }
        Ok(std::thread::scope(|scope| {
            let started = wanted.into_iter().map(|(digest, entry)| {
                let source = self.source;
                let name = digest.clone();
                (digest, scope.spawn(move || source.document(&name, &entry.media_type, false)))
            });
            let started: Vec<_> = started.collect();
            let ended = started.into_iter().map(|(digest, fetching)| {
                let broken = |_| Err(format!("reading the document {digest} came to no end"));
                let document = fetching.join().unwrap_or_else(broken);
                (digest, document)
            });
            ended.collect()
        }))
    }

    fn blob(&mut self, of: &Content, descriptor: &Descriptor, is_elsewhere: bool) -> Result<(), GraphError> {
        let digest = checked(of, descriptor)?;
        let is_new = match is_elsewhere {
            true => self.foreign.insert(digest.clone()),
            false => self.blobs.insert(digest.clone()),
        };
        if !is_new {
            return Ok(());
        }
        if self.blobs.len() + self.foreign.len() > MAX_BLOBS {
            return Err(GraphError::TooLarge(format!("more than {MAX_BLOBS} blobs")));
        }
        let media_type = descriptor.media_type.clone();
        match is_elsewhere {
            true => self.graph.foreign.push(digest),
            false => self.graph.blobs.push(Blob { digest, size: descriptor.size, media_type }),
        }
        Ok(())
    }
}

/// Which layers of a manifest are kept elsewhere: those of a type for that, with addresses where they are.
pub(crate) fn kept_elsewhere(manifest: &Content) -> Vec<bool> {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Layer {
        media_type: Option<String>,
        urls: Option<Vec<String>>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Layers {
        layers: Option<Vec<Layer>>,
    }
    let types =
        ["application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nondistributable."];
    let is_elsewhere = |layer: Layer| {
        let media_type = layer.media_type.unwrap_or_default();
        types.iter().any(|kind| media_type.starts_with(kind))
            && layer.urls.is_some_and(|urls| !urls.is_empty())
    };
    let read: Layers = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    read.layers.unwrap_or_default().into_iter().map(is_elsewhere).collect()
}

fn checked(of: &Content, descriptor: &Descriptor) -> Result<Digest, GraphError> {
    let failed = |reason| GraphError::Descriptor { digest: of.digest.clone(), reason };
    if let Some(fault) = descriptor.fault() {
        return Err(failed(fault));
    }
    descriptor.checked_digest().map_err(|error| failed(error.to_string()))
}
