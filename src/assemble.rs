//! Assembling: root file systems and existing images become one image of several platforms.
//!
//! What comes out follows from what goes in, and from nothing else: no clock, no owner, no order of a folder, no name of
//! a machine. A root that is compressed is a layer as it is; a folder or a plain tar file is packed by one rule.
//!
//! Sources: the image specification (*image-index.md*, *manifest.md*, *config.md*, *layer.md*), and the specification of
//! reproducible builds for `SOURCE_DATE_EPOCH`, which the caller passes in.

pub mod alpine;
mod documents;
mod existing;
mod parts;
pub mod recipe;
mod root;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use tokio::runtime::Handle;
use workson_oci::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX};
use workson_oci::{Content, Digest, MediaType, Platform};
use workson_registry::Client;

use self::documents::{Entry, Made};
use self::existing::Existing;
use self::parts::Parts;
use self::recipe::{Part, What};
pub use self::recipe::{Recipe, RecipeError};
use crate::source::Opened;
use crate::verify::Limits;

/// Whose media types an index has, and what is made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An OCI index.
    Oci,
    /// A Docker manifest list.
    Docker,
}

/// How something is assembled.
pub struct Settings<'a> {
    /// When what is made says that it was made: `SOURCE_DATE_EPOCH`. Without it, it does not say.
    pub created: Option<Timestamp>,
    /// Whose media types are taken; without it, Docker's where every source has them, else OCI's.
    pub kind: Option<Kind>,
    /// How far a root is read.
    pub limits: Limits,
    /// A folder for what is packed. It has to stay as long as the result.
    pub scratch: &'a Path,
    /// Who asks registries.
    pub client: &'a Client,
    /// Where requests are worked on: a runtime of several threads, of which the caller's is none.
    pub runtime: &'a Handle,
}

/// What was assembled. Nothing of it is written anywhere but in the scratch folder.
pub struct Assembled {
    /// Its documents and blobs, and its index.
    pub opened: Opened,
    /// Its platforms, in the order of the recipe.
    pub platforms: Vec<AssembledPlatform>,
    /// Whose media types it has.
    pub kind: Kind,
    /// Sentences for people.
    pub notes: Vec<String>,
}

/// One platform of what was assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledPlatform {
    /// The platform, as the index says it.
    pub platform: Platform,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The length of its manifest.
    pub size: u64,
    /// What it comes from: a root's path, or an image's name.
    pub from: String,
    /// Where the recipe says so, for people.
    pub at: String,
    /// How many attestations go with it.
    pub attestations: usize,
}

/// Why nothing was assembled: a sentence, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AssembleError {
    message: String,
    hint: Option<String>,
    unexpected: bool,
}

impl AssembleError {
    fn new(message: impl Into<String>) -> AssembleError {
        AssembleError { message: message.into(), hint: None, unexpected: false }
    }

    /// Whether all could be assembled, and the platforms are not those that are expected.
    pub fn is_unexpected(&self) -> bool {
        self.unexpected
    }

    fn with_hint(mut self, hint: impl Into<String>) -> AssembleError {
        self.hint = Some(hint.into());
        self
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<serde_json::Error> for AssembleError {
    fn from(error: serde_json::Error) -> AssembleError {
        AssembleError::new(format!("writing a document: {error}"))
    }
}

/// Assembles the image that a recipe describes.
///
/// # Errors
/// Where a root or an image can't be had or read, has another checksum, two entries are for one platform, or the
/// platforms are not those that the recipe expects.
pub fn assemble(recipe: &Recipe, settings: &Settings<'_>) -> Result<Assembled, AssembleError> {
    let found = recipe.parts.iter().map(|part| find(part, settings)).collect::<Result<Vec<_>, _>>()?;
    let kind = settings.kind.unwrap_or_else(|| kind_of(&found));
    let mut assembling = Assembling {
        parts: Parts::default(),
        entries: Vec::new(),
        platforms: Vec::new(),
        notes: Vec::new(),
        kind,
    };
    for (part, found) in recipe.parts.iter().zip(found) {
        match found {
            Found::Root(layer, name) => assembling.root(part, &layer, name, settings)?,
            Found::Image(existing) => assembling.image(part, existing)?,
        }
    }
    refuse_twice(&assembling.platforms)?;
    expected(recipe, &assembling.platforms)?;
    if kind == Kind::Docker && !recipe.annotations.is_empty() {
        return Err(AssembleError::new(format!(
            "{}: `annotations` are given, and a Docker manifest list has none",
            recipe.name
        ))
        .with_hint("take them away, or assemble with --type oci"));
    }
    let root = documents::index(kind, &assembling.entries, &recipe.annotations)?;
    let Assembling { mut parts, platforms, notes, .. } = assembling;
    parts.document(root.clone());
    let opened = Opened { source: Box::new(parts), root, reference: None };
    Ok(Assembled { opened, platforms, kind, notes })
}

/// What an entry of a recipe turned out to be.
enum Found<'a> {
    Root(root::Layer, &'a str),
    Image(Existing),
}

fn find<'a>(part: &'a Part, settings: &Settings<'_>) -> Result<Found<'a>, AssembleError> {
    let at = |error: String| AssembleError::new(format!("{}: {error}", part.source_at));
    match &part.what {
        What::Root { name, path, checksums, .. } => {
            root::read(name, path, checksums, settings).map(|layer| Found::Root(layer, name)).map_err(at)
        }
        What::Image(place) => {
            let opened = place.open(settings.client, settings.runtime).map_err(at)?;
            let name = place.to_string();
            existing::read(name, opened, part.platform.as_ref()).map(Found::Image).map_err(at)
        }
    }
}

/// Docker's where all there is comes as Docker's, else OCI's.
fn kind_of(found: &[Found<'_>]) -> Kind {
    let is_docker = |found: &Found<'_>| match found {
        Found::Root(..) => false,
        Found::Image(existing) => [DOCKER_LIST, DOCKER_MANIFEST].contains(&existing.media_type.as_str()),
    };
    match !found.is_empty() && found.iter().all(is_docker) {
        true => Kind::Docker,
        false => Kind::Oci,
    }
}

struct Assembling {
    parts: Parts,
    entries: Vec<Entry>,
    platforms: Vec<AssembledPlatform>,
    notes: Vec<String>,
    kind: Kind,
}

impl Assembling {
    /// Makes the image of a root.
    fn root(
        &mut self,
        part: &Part,
        layer: &root::Layer,
        name: &str,
        settings: &Settings<'_>,
    ) -> Result<(), AssembleError> {
        let (What::Root { config, .. }, Some(platform)) = (&part.what, &part.platform) else {
            return Err(AssembleError::new(format!("{}: a root needs a `platform`", part.at)));
        };
        let media_type = root::media_type(self.kind, layer.compression).map_err(|error| {
            AssembleError::new(format!("{}: {name}: {error}", part.at))
                .with_hint("pack it with gzip, or assemble with --type oci")
        })?;
        self.refuse_annotations(part, "a Docker manifest has none")?;
        let made = Made {
            kind: self.kind,
            platform,
            config,
            created: settings.created,
            layer: (media_type, &layer.digest, layer.size),
            diff_id: &layer.diff_id,
            annotations: &part.annotations,
        };
        let (config, manifest) = made.documents()?;
        self.parts.file(layer.digest.clone(), layer.path.clone());
        self.parts.document(config);
        self.parts.document(manifest.clone());
        self.platforms.push(AssembledPlatform {
            platform: platform.clone(),
            digest: manifest.digest.clone(),
            size: manifest.bytes.len() as u64,
            from: name.to_owned(),
            at: part.at.clone(),
            attestations: 0,
        });
        self.entries.push(Entry::of(&manifest, platform.clone(), part.annotations.clone()));
        Ok(())
    }

    /// Docker's documents have no place for annotations.
    fn refuse_annotations(&self, part: &Part, why: &str) -> Result<(), AssembleError> {
        match self.kind == Kind::Docker && !part.annotations.is_empty() {
            true => Err(AssembleError::new(format!("{}: `annotations` are given, and {why}", part.at))
                .with_hint("take them away, or assemble with --type oci")),
            false => Ok(()),
        }
    }

    /// Takes over an existing image, as it is.
    fn image(&mut self, part: &Part, existing: Existing) -> Result<(), AssembleError> {
        self.refuse_annotations(part, "an entry of a Docker manifest list has none")?;
        let source = self.parts.source(existing.source);
        for document in existing.documents {
            self.parts.from(source, document);
        }
        self.notes.extend(existing.notes);
        for image in existing.images {
            let mut annotations = image.annotations;
            annotations.extend(part.annotations.clone());
            self.platforms.push(AssembledPlatform {
                platform: image.platform.clone(),
                digest: image.manifest.digest.clone(),
                size: image.manifest.bytes.len() as u64,
                from: existing.name.clone(),
                at: part.at.clone(),
                attestations: image.attestations.len(),
            });
            self.entries.push(Entry::of(&image.manifest, image.platform, annotations));
            self.entries.extend(image.attestations);
        }
        Ok(())
    }
}

/// Refuses two entries for one platform.
fn refuse_twice(platforms: &[AssembledPlatform]) -> Result<(), AssembleError> {
    let mut seen: BTreeMap<Platform, &AssembledPlatform> = BTreeMap::new();
    for entry in platforms {
        let mut platform = entry.platform.normalized();
        platform.os_features.sort();
        if let Some(first) = seen.insert(platform, entry) {
            let shown = entry.platform.format_all();
            return Err(AssembleError::new(format!(
                "two entries are for {shown}: {} ({}) and {} ({})",
                first.at, first.from, entry.at, entry.from
            ))
            .with_hint("an engine would take the first alone; take one of them away, or name its platform"));
        }
    }
    Ok(())
}

/// Whether the platforms are those that the recipe expects, and no others.
fn expected(recipe: &Recipe, platforms: &[AssembledPlatform]) -> Result<(), AssembleError> {
    let Some(expected) = &recipe.expect else { return Ok(()) };
    let is = |platform: &Platform, expected: &Platform| {
        let (mut platform, expected) = (platform.normalized(), expected.normalized());
        if expected.os_version.is_empty() {
            platform.os_version = String::new();
        }
        if expected.os_features.is_empty() {
            platform.os_features = Vec::new();
        }
        platform == expected
    };
    let lacking: Vec<String> = expected
        .iter()
        .filter(|expected| !platforms.iter().any(|entry| is(&entry.platform, expected)))
        .map(Platform::format_all)
        .collect();
    let more: Vec<String> = platforms
        .iter()
        .filter(|entry| !expected.iter().any(|expected| is(&entry.platform, expected)))
        .map(|entry| format!("{} ({})", entry.platform.format_all(), entry.at))
        .collect();
    let told = |what: &str, names: &[String]| match names.is_empty() {
        true => String::new(),
        false => format!("; {what} {}", names.join(" ")),
    };
    match lacking.is_empty() && more.is_empty() {
        true => Ok(()),
        false => Err(AssembleError {
            unexpected: true,
            ..AssembleError::new(format!(
                "{}: the platforms are not those that it expects{}{}",
                recipe.name,
                told("it lacks", &lacking),
                told("it has besides", &more)
            ))
            .with_hint("mend what it has, or say which it is to have: `expect` in a recipe, or --expect")
        }),
    }
}

impl Kind {
    /// The media type of its index.
    pub fn index(self) -> MediaType {
        MediaType::new(match self {
            Kind::Oci => OCI_INDEX,
            Kind::Docker => DOCKER_LIST,
        })
    }
}

/// A document that was made here, with its digest.
fn content(media_type: &str, bytes: Vec<u8>) -> Content {
    Content { digest: Digest::sha256(&bytes), media_type: MediaType::new(media_type), bytes: bytes.into() }
}
