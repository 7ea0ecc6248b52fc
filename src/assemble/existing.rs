//! Existing images, which are taken over as they are: indexes are taken apart, and what speaks of an image that is kept
//! (its attestations) is kept with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use workson_oci::config::Config;
use workson_oci::descriptor::REFERENCE_DIGEST;
use workson_oci::document::Document;
use workson_oci::platform::Matcher;
use workson_oci::text::printable;
use workson_oci::{Content, Descriptor, Digest, Index, Manifest, MediaType, Platform};

use super::documents::Entry;
use crate::source::{Opened, Source};
use crate::transfer::kept_elsewhere;

/// How deep indexes may lie within one another, and how many entries they may have together.
const MAX_DEPTH: usize = 4;
const MAX_IMAGES: usize = 1000;

/// Annotations that say what an image is called where it was: they mean nothing elsewhere.
const NAMES: [&str; 2] = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];

/// What is taken of an existing image.
pub(super) struct Existing {
    /// How it was named.
    pub(super) name: String,
    /// The media type of what the name stands for.
    pub(super) media_type: MediaType,
    pub(super) source: Box<dyn Source>,
    /// Its platforms.
    pub(super) images: Vec<Kept>,
    /// Manifests, each with the blobs that it names, but for those that are kept elsewhere.
    pub(super) documents: Vec<(Content, Vec<Digest>)>,
    pub(super) notes: Vec<String>,
}

/// One platform of it.
pub(super) struct Kept {
    pub(super) platform: Platform,
    pub(super) manifest: Content,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) attestations: Vec<Entry>,
}

/// Reads an image. With `wanted`, an index gives that platform alone, and a single image is for it.
pub(super) fn read(name: String, opened: Opened, wanted: Option<&Platform>) -> Result<Existing, String> {
    let Opened { source, root, .. } = opened;
    let mut reading = Reading {
        source: source.as_ref(),
        wanted,
        images: Vec::new(),
        attestations: Vec::new(),
        met: BTreeSet::new(),
        documents: Vec::new(),
        has: Vec::new(),
        notes: Vec::new(),
    };
    reading.root(&name, &root)?;
    reading.attest(&name)?;
    let Reading { images, documents, notes, .. } = reading;
    Ok(Existing { media_type: root.media_type, name, source, images, documents, notes })
}

struct Reading<'a> {
    source: &'a dyn Source,
    wanted: Option<&'a Platform>,
    images: Vec<Kept>,
    /// Attestations of any platform, as the indexes name them.
    attestations: Vec<Descriptor>,
    /// The digests of all other entries, whether they are kept or not.
    met: BTreeSet<String>,
    documents: Vec<(Content, Vec<Digest>)>,
    /// The platforms that were met.
    has: Vec<String>,
    notes: Vec<String>,
}

impl Reading<'_> {
    fn root(&mut self, name: &str, root: &Content) -> Result<(), String> {
        match Document::read(root).map_err(|error| format!("{name}: {error}"))? {
            Document::Index(index) => self.index(name, &index, 0)?,
            Document::Manifest(manifest) => {
                if !manifest.is_image() {
                    return Err(format!("{name} is no container image: {}", manifest.artifact_kind()));
                }
                let told = self.platform(&manifest)?;
                let platform = self.wanted.map_or(told.clone(), |wanted| completed(wanted, &told));
                if platform.os.is_empty() || platform.architecture.is_empty() {
                    return Err(format!("{name}: its config names no platform; give it a `platform`"));
                }
                self.keep(root.clone(), &manifest, platform, BTreeMap::new())?;
            }
        }
        match (self.images.is_empty(), self.wanted) {
            (false, _) => Ok(()),
            (true, None) => Err(format!("{name} has no image for any platform")),
            (true, Some(wanted)) => {
                let has = match self.has.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has {}", self.has.join(" ")),
                };
                Err(format!("{name} has no image for {}: {has}", wanted.format_all()))
            }
        }
    }

    fn index(&mut self, name: &str, index: &Index, depth: usize) -> Result<(), String> {
        for entry in &index.manifests {
            if entry.is_attestation() {
                self.attestations.push(entry.clone());
                continue;
            }
            self.met.insert(entry.digest.clone());
            if self.wanted.is_some_and(|wanted| is_other(wanted, entry)) {
                self.has.extend(entry.platform.as_ref().map(Platform::format_all));
                continue;
            }
            let digest = entry.checked_digest().map_err(|error| format!("{name}: {error}"))?;
            if !entry.media_type.is_index() && !entry.media_type.is_manifest() {
                self.notes
                    .push(format!("{name}: {digest} is no image ({}), and is left out", entry.media_type));
                continue;
            }
            let content = self.source.document(&digest, &entry.media_type, false)?;
            match Document::read(&content).map_err(|error| format!("{name}: {digest}: {error}"))? {
                Document::Index(_) if depth >= MAX_DEPTH => {
                    return Err(format!("{name}: its indexes lie more than {MAX_DEPTH} deep"));
                }
                Document::Index(inner) => self.index(name, &inner, depth + 1)?,
                Document::Manifest(manifest) => self.entry(name, entry, content, &manifest)?,
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        name: &str,
        entry: &Descriptor,
        content: Content,
        manifest: &Manifest,
    ) -> Result<(), String> {
        if !manifest.is_image() {
            let (digest, kind) = (&content.digest, manifest.artifact_kind());
            self.notes.push(format!("{name}: {digest} is no image ({kind}), and is left out"));
            return Ok(());
        }
        let platform = match &entry.platform {
            Some(platform) => platform.clone(),
            None => self.platform(manifest)?,
        };
        if self.wanted.is_some_and(|wanted| !is_wanted(wanted, &platform)) {
            self.has.push(platform.format_all());
            return Ok(());
        }
        let platform = self.wanted.map_or(platform.clone(), |wanted| completed(wanted, &platform));
        let mut annotations = entry.annotations();
        annotations.retain(|name, _| !NAMES.contains(&name.as_str()));
        self.keep(content, manifest, platform, annotations)
    }

    fn keep(
        &mut self,
        content: Content,
        manifest: &Manifest,
        platform: Platform,
        annotations: BTreeMap<String, String>,
    ) -> Result<(), String> {
        if self.images.len() >= MAX_IMAGES {
            return Err(format!("it has more than {MAX_IMAGES} images"));
        }
        self.documents.push((content.clone(), blobs(&content, manifest)?));
        self.images.push(Kept { platform, manifest: content, annotations, attestations: Vec::new() });
        Ok(())
    }

    /// What a manifest's config says that it is for.
    fn platform(&self, manifest: &Manifest) -> Result<Platform, String> {
        let digest = manifest.config.checked_digest().map_err(|error| error.to_string())?;
        let config = self.source.document(&digest, &manifest.config.media_type, true)?;
        Ok(Config::from_bytes(&config.bytes).map_err(|error| error.to_string())?.platform)
    }

    /// Gives each image the attestations that speak of it. Those of images that are left out go with these; where it
    /// can't be told of what one speaks, that is noted.
    fn attest(&mut self, name: &str) -> Result<(), String> {
        for entry in std::mem::take(&mut self.attestations) {
            let annotations = entry.annotations();
            let of = match annotations.get(REFERENCE_DIGEST) {
                Some(of) => Some(of.clone()),
                None => self.subject(name, &entry)?,
            };
            let shown = printable(&entry.digest);
            let Some(of) = of else {
                self.notes.push(format!(
                    "{name}: {shown} is for no platform and does not say which image it speaks of; it is left out"
                ));
                continue;
            };
            let Some(kept) = self.images.iter_mut().find(|kept| kept.manifest.digest.as_str() == of) else {
                if !self.met.contains(&of) {
                    let of = printable(&of);
                    self.notes
                        .push(format!("{name}: {shown} speaks of {of}, which is not there; it is left out"));
                }
                continue;
            };
            let digest = entry.checked_digest().map_err(|error| format!("{name}: {error}"))?;
            let content = self.source.document(&digest, &entry.media_type, false)?;
            let Document::Manifest(manifest) =
                Document::read(&content).map_err(|error| format!("{name}: {digest}: {error}"))?
            else {
                return Err(format!("{name}: the attestation {digest} is an index"));
            };
            let platform = entry.platform.clone().unwrap_or_else(unknown);
            kept.attestations.push(Entry::of(&content, platform, annotations));
            let blobs = blobs(&content, &manifest)?;
            self.documents.push((content, blobs));
        }
        Ok(())
    }

    /// Which manifest that of an entry says it is about (image-spec 1.1, *manifest.md*, `subject`).
    fn subject(&self, name: &str, entry: &Descriptor) -> Result<Option<String>, String> {
        #[derive(Deserialize)]
        struct About {
            subject: Option<Subject>,
        }
        #[derive(Deserialize)]
        struct Subject {
            digest: Option<String>,
        }
        if !entry.media_type.is_manifest() || entry.fault().is_some() {
            return Ok(None);
        }
        let digest = entry.checked_digest().map_err(|error| format!("{name}: {error}"))?;
        let content = self.source.document(&digest, &entry.media_type, false)?;
        let about = serde_json::from_slice::<About>(&content.bytes).ok();
        Ok(about.and_then(|about| about.subject?.digest))
    }
}

/// The platform of attestations, which is none.
fn unknown() -> Platform {
    Platform { os: "unknown".into(), architecture: "unknown".into(), ..Platform::default() }
}

/// Whether an entry says that it is for another platform.
fn is_other(wanted: &Platform, entry: &Descriptor) -> bool {
    !entry.media_type.is_index()
        && entry.platform.as_ref().is_some_and(|platform| !is_wanted(wanted, platform))
}

fn is_wanted(wanted: &Platform, platform: &Platform) -> bool {
    let same_version = wanted.os_version.is_empty() || wanted.os_version == platform.os_version;
    // Features and versions of what the index has do not make it another platform.
    let bare = |platform: &Platform| Platform {
        os_version: String::new(),
        os_features: Vec::new(),
        ..platform.normalized()
    };
    same_version && Matcher::only_strict(&bare(wanted)).matches(&bare(platform))
}

/// What the recipe says, with what it leaves open taken from the image.
fn completed(wanted: &Platform, told: &Platform) -> Platform {
    let text = |wanted: &String, told: &String| match wanted.is_empty() {
        true => told.clone(),
        false => wanted.clone(),
    };
    let is_same = wanted.normalized().architecture == told.normalized().architecture;
    Platform {
        os: wanted.os.clone(),
        architecture: wanted.architecture.clone(),
        variant: if is_same { text(&wanted.variant, &told.variant) } else { wanted.variant.clone() },
        os_version: text(&wanted.os_version, &told.os_version),
        os_features: match wanted.os_features.is_empty() {
            true => told.os_features.clone(),
            false => wanted.os_features.clone(),
        },
    }
}

/// The blobs that a manifest names, but for those that are kept elsewhere: whoever has the manifest need not have them.
fn blobs(content: &Content, manifest: &Manifest) -> Result<Vec<Digest>, String> {
    let elsewhere = kept_elsewhere(content);
    let is_here = |at: usize| !elsewhere.get(at).copied().unwrap_or(false);
    let layers = manifest.layers.iter().enumerate().filter(|(at, _)| is_here(*at));
    let all = [&manifest.config].into_iter().chain(layers.map(|(_, layer)| layer));
    all.map(|blob| blob.checked_digest().map_err(|error| error.to_string())).collect()
}
