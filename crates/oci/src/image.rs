//! The one answer for every kind of image: which platforms it offers.
//!
//! [`Image::read`] is pure. Where an index does not say enough by itself (a nested index, an entry without a
//! platform, a single image, whose platform stands in its config), it answers with the documents that it
//! [needs](Reading::Needs); whoever can fetch them calls again with what came.
//!
//! What counts as a platform follows what an engine would pull (containerd, `core/images/image.go`): an entry
//! without a platform is taken by its config, an index inside an index is walked into, an entry of another
//! media type is no image, whatever platform it claims.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::config::{Config, ConfigError};
use crate::document::DocumentError;
use crate::platform::Matcher;
use crate::text::printable;
use crate::{Content, Descriptor, Digest, Document, Manifest, MediaType, Platform};

mod walk;

use walk::Walk;

/// How many further documents are looked into for one image.
pub const MAX_LOOKED_INTO: usize = 256;
/// How deep indexes may lie within indexes.
pub const MAX_DEPTH: usize = 4;

/// What an image turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An index or a manifest list.
    Index,
    /// A single image.
    Image,
    /// No container image: a chart, a signature, a module…
    Artifact,
}

impl Kind {
    /// `index`, `image` or `artifact`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Index => "index",
            Kind::Image => "image",
            Kind::Artifact => "artifact",
        }
    }
}

/// One platform that an image offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformImage {
    /// The platform as published.
    pub platform: Platform,
    /// The digest of the platform's manifest, as published.
    pub digest: String,
    /// The size of that manifest in bytes.
    pub size: u64,
    /// The media type of that manifest.
    pub media_type: MediaType,
    /// Whether the platform stands in the image's config alone. An engine prefers entries that say it openly.
    pub from_config: bool,
}

/// What an image offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The digest of the document that the reference names.
    pub digest: Digest,
    /// The media type of that document.
    pub media_type: MediaType,
    /// What it is.
    pub kind: Kind,
    /// Its platforms, in published order.
    pub platforms: Vec<PlatformImage>,
    /// How many entries are attestations, which are no platforms.
    pub attestations: usize,
    /// What a reader of the answer ought to know.
    pub notes: Vec<Note>,
}

/// Something about an image that is worth a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An index without entries.
    EmptyIndex,
    /// Two entries are for the same platform; an engine takes the first.
    SamePlatformTwice {
        /// The platform, normalised.
        platform: String,
        /// The digest of the later entry.
        digest: String,
    },
    /// An entry is of a media type that engines do not run.
    EntryIsNoImage {
        /// The digest of the entry.
        digest: String,
        /// Its media type, or its artifact type.
        kind: String,
        /// The platform that it claims, where it claims one.
        claims: Option<String>,
    },
    /// The platform of an entry stands in its config alone.
    PlatformFromConfig {
        /// The digest of the entry.
        digest: String,
    },
    /// Index and config disagree about operating system or architecture.
    ConfigContradicts {
        /// The digest of the entry.
        digest: String,
        /// What the index says.
        index: String,
        /// What the config says.
        config: String,
    },
    /// The platform of an entry could not be found out, so the list of platforms may lack it.
    Undetermined {
        /// The digest of the entry, as published; empty where it has none.
        digest: String,
        /// Why.
        reason: String,
    },
    /// The document is no container image.
    Artifact {
        /// Its artifact type or config media type.
        kind: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::EmptyIndex => write!(f, "the index is empty: no platform at all"),
            Note::SamePlatformTwice { platform, digest } => {
                let (platform, digest) = (printable(platform), printable(digest));
                write!(f, "{platform} is there twice; an engine takes the first, not {digest}")
            }
            Note::EntryIsNoImage { digest, kind, claims: None } => {
                write!(f, "{} is no image ({})", entry(digest), printable(kind))
            }
            Note::EntryIsNoImage { digest, kind, claims: Some(platform) } => {
                let (entry, claimed, kind) = (entry(digest), printable(platform), printable(kind));
                write!(f, "{entry} claims {claimed} but is no image ({kind}); not counted")
            }
            Note::PlatformFromConfig { digest } => {
                write!(f, "{} names no platform; taken from its config", entry(digest))
            }
            Note::ConfigContradicts { digest, index, config } => {
                let (entry, index, config) = (entry(digest), printable(index), printable(config));
                write!(f, "{entry} is {index} in the index, but its config says {config}")
            }
            Note::Undetermined { digest, reason } => {
                let (entry, reason) = (entry(digest), printable(reason));
                write!(f, "the platform of {entry} could not be told: {reason}")
            }
            Note::Artifact { kind } => write!(f, "no container image: {}", printable(kind)),
        }
    }
}

fn entry(digest: &str) -> Cow<'_, str> {
    if digest.is_empty() {
        "an entry without digest".into()
    } else {
        format!("entry {}", printable(digest)).into()
    }
}

/// Whether an image has a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// It has: the position in [`Image::platforms`].
    Yes(usize),
    /// It has not.
    No,
    /// It could not be told, and why.
    Unknown(String),
}

/// Why a document gives no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The document itself was refused.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The config of a single image was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The config of a single image names no platform.
    #[error("the image's config names no {missing}, so nobody can say what it runs on")]
    NoPlatform {
        /// `os`, `architecture`, or both.
        missing: &'static str,
    },
    /// The digest of the config cannot be checked.
    #[error("the manifest names a config that can't be checked: {0}")]
    ConfigDigest(#[from] crate::digest::DigestError),
}

impl ImageError {
    /// Whether the bytes alone are to blame, so that they will be refused wherever they come from.
    pub fn follows_from_bytes(&self) -> bool {
        match self {
            ImageError::Document(error) => error.follows_from_bytes(),
            ImageError::Config(error) => error.follows_from_bytes(),
            ImageError::NoPlatform { .. } | ImageError::ConfigDigest(_) => true,
        }
    }
}

/// A document that is needed for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The digest to ask for.
    pub digest: Digest,
    /// What the descriptor says that it is.
    pub media_type: MediaType,
    /// The size that the descriptor gives, in bytes.
    pub size: u64,
    /// Whether it is asked for as a blob (a config) and not as a manifest.
    pub blob: bool,
}

/// A document that was looked for: the bytes, or why they were not to be had.
pub type Found = Result<Content, String>;

/// The outcome of [`Image::read`].
#[derive(Debug)]
pub enum Reading {
    /// The answer.
    Complete(Image),
    /// These documents are needed first. Never empty.
    Needs(Vec<Need>),
}

impl Image {
    /// Reads what `root` offers. `found` holds the further documents that were fetched so far, `check_configs`
    /// asks for the config of every entry, to compare it with what the index says.
    pub fn read(
        root: &Content,
        found: &HashMap<Digest, Found>,
        check_configs: bool,
    ) -> Result<Reading, ImageError> {
        match Document::read(root)? {
            Document::Manifest(manifest) => read_single(root, &manifest, found),
            Document::Index(index) => {
                let mut walk = Walk::new(found, check_configs);
                walk.index(&index, 1);
                Ok(walk.finish(root, index.manifests.is_empty()))
            }
        }
    }

    /// Whether the image has `platform`: strictly this one, after normalising, for that is what "works on"
    /// means. What an engine would fall back to is [`Matcher::only`]'s question.
    pub fn supports(&self, platform: &Platform) -> Support {
        let matcher = Matcher::only_strict(platform);
        if let Some(at) = self.platforms.iter().position(|offered| matcher.matches(&offered.platform)) {
            let contradicted = self.notes.iter().find(|note| {
                matches!(note, Note::ConfigContradicts { digest, .. } if *digest == self.platforms[at].digest)
            });
            return match contradicted {
                Some(note) => Support::Unknown(note.to_string()),
                None => Support::Yes(at),
            };
        }
        if self.kind == Kind::Artifact {
            let reason = self.notes.iter().find(|note| matches!(note, Note::Artifact { .. }));
            return Support::Unknown(reason.map_or("no container image".into(), Note::to_string));
        }
        match self.notes.iter().find(|note| matches!(note, Note::Undetermined { .. })) {
            Some(note) => Support::Unknown(note.to_string()),
            None => Support::No,
        }
    }

    /// Whether the list of platforms is all there is: what is not in it, the image has not. (An artifact runs
    /// nowhere, and "no" would be an answer to another question.)
    pub fn is_certain(&self) -> bool {
        self.kind != Kind::Artifact && self.is_complete()
    }

    /// Whether everything that the answer rests on was seen, so that it can be kept for the digest.
    pub fn is_complete(&self) -> bool {
        !self.notes.iter().any(|note| matches!(note, Note::Undetermined { .. }))
    }
}

fn read_single(
    root: &Content,
    manifest: &Manifest,
    found: &HashMap<Digest, Found>,
) -> Result<Reading, ImageError> {
    let mut image = Image {
        digest: root.digest.clone(),
        media_type: root.media_type.clone(),
        kind: Kind::Artifact,
        platforms: Vec::new(),
        attestations: 0,
        notes: Vec::new(),
    };
    if !manifest.is_image() {
        image.notes.push(Note::Artifact { kind: manifest.artifact_kind().to_owned() });
        return Ok(Reading::Complete(image));
    }
    let digest = manifest.config.checked_digest()?;
    let platform = match found.get(&digest) {
        None => return Ok(Reading::Needs(vec![need(&manifest.config, digest, true)])),
        Some(Err(reason)) => return Err(ConfigError::missing(reason).into()),
        Some(Ok(config)) => Config::from_bytes(&config.bytes)?.platform,
    };
    if platform.is_unknown() {
        image
            .notes
            .push(Note::Artifact { kind: "its config says unknown/unknown, as attestations do".into() });
        return Ok(Reading::Complete(image));
    }
    complete(&platform)?;
    image.kind = Kind::Image;
    image.platforms.push(PlatformImage {
        platform,
        digest: root.digest.to_string(),
        size: root.bytes.len() as u64,
        media_type: root.media_type.clone(),
        from_config: true,
    });
    Ok(Reading::Complete(image))
}

/// A platform without operating system or architecture says nothing.
fn complete(platform: &Platform) -> Result<(), ImageError> {
    let missing = match (platform.os.is_empty(), platform.architecture.is_empty()) {
        (false, false) => return Ok(()),
        (true, false) => "os",
        (false, true) => "architecture",
        (true, true) => "os and no architecture",
    };
    Err(ImageError::NoPlatform { missing })
}

fn need(descriptor: &Descriptor, digest: Digest, blob: bool) -> Need {
    Need { digest, media_type: descriptor.media_type.clone(), size: descriptor.size, blob }
}

/// Whether an index entry and a config cannot both be true. Variants are left aside: builders leave them out
/// of one of the two so often that it means nothing.
pub fn contradicts(index: &Platform, config: &Platform) -> bool {
    let (index, config) = (index.normalized(), config.normalized());
    index.os != config.os || index.architecture != config.architecture
}
