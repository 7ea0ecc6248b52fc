//! The walk over an index: which entries are platforms, and which further documents it takes to tell.

use std::collections::{HashMap, HashSet};

use super::{Found, Image, Kind, MAX_DEPTH, MAX_LOOKED_INTO, Need, Note, PlatformImage, Reading};
use super::{complete, contradicts, need};
use crate::config::Config;
use crate::{Content, Descriptor, Digest, Document, Index, Platform};

/// A walk over an index and the indexes within.
pub(super) struct Walk<'a> {
    found: &'a HashMap<Digest, Found>,
    check_configs: bool,
    platforms: Vec<PlatformImage>,
    attestations: usize,
    notes: Vec<Note>,
    needs: Vec<Need>,
    needed: HashSet<Digest>,
    looked_into: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(found: &'a HashMap<Digest, Found>, check_configs: bool) -> Walk<'a> {
        Walk {
            found,
            check_configs,
            platforms: Vec::new(),
            attestations: 0,
            notes: Vec::new(),
            needs: Vec::new(),
            needed: HashSet::new(),
            looked_into: 0,
        }
    }

    pub(super) fn index(&mut self, index: &Index, depth: usize) {
        for (at, entry) in index.manifests.iter().enumerate() {
            let media_type = &entry.media_type;
            if entry.is_attestation() {
                self.attestations += 1;
            } else if !media_type.is_index() && !media_type.is_manifest() {
                self.no_image(entry, media_type.as_str());
            } else if let Some(fault) = entry.fault() {
                let which = if depth == 1 { "the index" } else { "an index within the index" };
                self.undetermined(entry, format!("{fault} (it is entry {} of {which})", at + 1));
            } else if media_type.is_index() {
                self.nested(entry, depth);
            } else {
                self.entry(entry);
            }
        }
    }

    fn entry(&mut self, entry: &Descriptor) {
        let published = entry.platform.as_ref().filter(|platform| complete(platform).is_ok());
        if let Err(error) = entry.checked_digest() {
            return self.undetermined(entry, error.to_string());
        }
        match published {
            Some(platform) if !self.check_configs => self.offer(entry, platform.clone(), false),
            _ => match self.platform_in_config(entry) {
                Inner::Waiting => {}
                Inner::Artifact(kind) => self.no_image(entry, &kind),
                Inner::Platform(config) => self.compared(entry, published, config),
                Inner::Unknown(reason) => {
                    // What the index claims still stands, where it claims something.
                    match published {
                        Some(platform) => self.offer(entry, platform.clone(), false),
                        None => self.undetermined(entry, reason),
                    }
                }
            },
        }
    }

    fn compared(&mut self, entry: &Descriptor, published: Option<&Platform>, config: Platform) {
        let Some(published) = published else {
            self.notes.push(Note::PlatformFromConfig { digest: entry.digest.clone() });
            return self.offer(entry, config, true);
        };
        if contradicts(published, &config) {
            self.notes.push(Note::ConfigContradicts {
                digest: entry.digest.clone(),
                index: published.normalized().to_string(),
                config: config.normalized().to_string(),
            });
        }
        self.offer(entry, published.clone(), false);
    }

    fn nested(&mut self, entry: &Descriptor, depth: usize) {
        if depth == MAX_DEPTH {
            return self
                .undetermined(entry, format!("indexes lie within indexes more than {MAX_DEPTH} deep"));
        }
        match self.look(entry, false) {
            Look::Waiting => {}
            Look::Failed(reason) => self.undetermined(entry, reason),
            Look::Found(content) => match Document::read(content) {
                Ok(Document::Index(index)) => self.index(&index, depth + 1),
                Ok(Document::Manifest(_)) => {
                    self.undetermined(entry, "it is no index, as it was said to be".into())
                }
                Err(error) => self.undetermined(entry, error.to_string()),
            },
        }
    }

    /// The platform in the config of an entry, by way of its manifest.
    fn platform_in_config(&mut self, entry: &Descriptor) -> Inner {
        let manifest = match self.look(entry, false) {
            Look::Waiting => return Inner::Waiting,
            Look::Failed(reason) => return Inner::Unknown(reason),
            Look::Found(content) => match Document::read(content) {
                Ok(Document::Manifest(manifest)) => manifest,
                Ok(Document::Index(_)) => return Inner::Unknown("it is an index, not an image".into()),
                Err(error) => return Inner::Unknown(error.to_string()),
            },
        };
        if !manifest.is_image() {
            return Inner::Artifact(manifest.artifact_kind().to_owned());
        }
        match self.look(&manifest.config, true) {
            Look::Waiting => Inner::Waiting,
            Look::Failed(reason) => Inner::Unknown(reason),
            Look::Found(content) => match Config::from_bytes(&content.bytes) {
                Err(error) => Inner::Unknown(error.to_string()),
                Ok(Config { platform }) => match complete(&platform) {
                    Ok(()) => Inner::Platform(platform),
                    Err(error) => Inner::Unknown(error.to_string()),
                },
            },
        }
    }

    fn look(&mut self, descriptor: &Descriptor, blob: bool) -> Look<'a> {
        let digest = match descriptor.checked_digest() {
            Ok(digest) => digest,
            Err(error) => return Look::Failed(error.to_string()),
        };
        match self.found.get(&digest) {
            Some(Ok(content)) => {
                self.looked_into += 1;
                Look::Found(content)
            }
            Some(Err(reason)) => Look::Failed(reason.clone()),
            None if self.looked_into + self.needed.len() >= MAX_LOOKED_INTO => {
                Look::Failed(format!("more than {MAX_LOOKED_INTO} documents would have to be read"))
            }
            None => {
                if self.needed.insert(digest.clone()) {
                    self.needs.push(need(descriptor, digest, blob));
                }
                Look::Waiting
            }
        }
    }

    fn offer(&mut self, entry: &Descriptor, platform: Platform, from_config: bool) {
        self.platforms.push(PlatformImage {
            platform,
            digest: entry.digest.clone(),
            size: entry.size,
            media_type: entry.media_type.clone(),
            from_config,
        });
    }

    fn no_image(&mut self, entry: &Descriptor, kind: &str) {
        let kind = if kind.is_empty() { "no media type" } else { kind };
        let claims = entry.platform.as_ref().map(|platform| platform.normalized().to_string());
        self.notes.push(Note::EntryIsNoImage { digest: entry.digest.clone(), kind: kind.to_owned(), claims });
    }

    fn undetermined(&mut self, entry: &Descriptor, reason: String) {
        self.notes.push(Note::Undetermined { digest: entry.digest.clone(), reason });
    }

    pub(super) fn finish(mut self, root: &Content, empty: bool) -> Reading {
        if !self.needs.is_empty() {
            return Reading::Needs(self.needs);
        }
        if empty {
            self.notes.push(Note::EmptyIndex);
        }
        self.note_same_platforms();
        Reading::Complete(Image {
            digest: root.digest.clone(),
            media_type: root.media_type.clone(),
            kind: Kind::Index,
            platforms: self.platforms,
            attestations: self.attestations,
            notes: self.notes,
        })
    }

    /// Platforms that differ in nothing an engine could choose by.
    fn note_same_platforms(&mut self) {
        let mut seen: HashSet<Platform> = HashSet::with_capacity(self.platforms.len());
        for offered in &self.platforms {
            let normalized = offered.platform.normalized();
            if seen.contains(&normalized) {
                let (platform, digest) = (normalized.format_all(), offered.digest.clone());
                self.notes.push(Note::SamePlatformTwice { platform, digest });
            } else {
                seen.insert(normalized);
            }
        }
    }
}

enum Look<'a> {
    Waiting,
    Found(&'a Content),
    Failed(String),
}

enum Inner {
    Waiting,
    Platform(Platform),
    Artifact(String),
    Unknown(String),
}
