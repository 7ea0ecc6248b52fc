//! The verification of images: what is known already is not read again, and what is found is kept.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Runtime;
use workson::publish::Published;
use workson::source::{Opened, Place, RegistrySource, Source, offered};
use workson::store::{Store, Verification};
use workson::transfer::Graph;
use workson::verify::{Limits, Settings as Going, Weight, entry_size, verify};
use workson_oci::document::Document;
use workson_oci::image::PlatformImage;
use workson_oci::platform::Matcher;
use workson_oci::{Content, Digest, Image, MediaType, Platform, Reference, Repository};
use workson_registry::Client;

use super::JOBS;
use super::answer::{ImageAnswer, PlatformAnswer, failed, parity, without};
use crate::cli::Global;
use crate::exit::{Failure, tell};
use crate::output::json;
use crate::progress::ByteBar;
use crate::settings::now;

/// A verification of several images.
pub(crate) struct Verifying<'a> {
    /// Where what is found is kept; none where there is none to be had.
    store: Option<Store>,
    client: &'a Client,
    /// Layers come over the network while other threads read them.
    runtime: Runtime,
    going: Going,
    bar: ByteBar,
    /// Whether what was read before is read again.
    pub(crate) again: bool,
    pub(crate) all_platforms: bool,
}

impl<'a> Verifying<'a> {
    /// Prepares it. Without a store nothing is kept, which is told on standard error.
    pub(crate) fn new(
        path: &Path,
        global: &Global,
        client: &'a Client,
        limits: Limits,
    ) -> Result<Verifying<'a>, Failure> {
        let store = match Store::open(path) {
            Ok(store) => Some(store),
            Err(error) => {
                tell(&format!("what is found is not kept: {error}"), error.hint());
                None
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::io("starting to wait for requests", &error))?;
        let (going, bar) = (Going { limits, jobs: JOBS }, ByteBar::new(global));
        Ok(Verifying { store, client, runtime, going, bar, again: false, all_platforms: false })
    }

    /// Verifies the image that is named so.
    pub(crate) fn named(&mut self, image: &str, asked: &[Platform]) -> Result<ImageAnswer, Failure> {
        match Place::read(image).and_then(|place| self.open(&place)) {
            Ok(opened) => self.one(image, &opened, asked),
            Err(error) => Ok(failed(image, error)),
        }
    }

    /// Verifies what an inventory saw: a reference, and the digest that it was seen to point at.
    pub(crate) fn seen(
        &mut self,
        reference: &Reference,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<ImageAnswer, Failure> {
        let kept = self.store.as_ref().map(|store| store.content(digest)).transpose()?.flatten();
        let name = reference.to_string();
        let Some(root) = kept else { return Ok(failed(&name, format!("{digest} is not in the store"))) };
        match self.in_registry(reference, root) {
            Ok(opened) => self.one(&name, &opened, std::slice::from_ref(platform)),
            Err(error) => Ok(failed(&name, error)),
        }
    }

    /// Opens an image. What a registry's tag points at is asked for by a `HEAD`, which is no pull, where the store may
    /// have it.
    pub(crate) fn open(&self, place: &Place) -> Result<Opened, String> {
        let Place::Registry(reference) = place else { return place.open(self.client, self.runtime.handle()) };
        let digest = match (reference.digest(), &self.store) {
            (_, None) => None,
            (Some(digest), _) => Some(digest.clone()),
            (None, Some(_)) => {
                let head = self.runtime.block_on(self.client.manifest_head(reference));
                head.map_err(|error| error.to_string())?.digest
            }
        };
        let kept = digest.zip(self.store.as_ref()).and_then(|(digest, store)| store.content(&digest).ok()?);
        let root = match kept {
            Some(root) => root,
            None => {
                let fetched = self.runtime.block_on(self.client.manifest(reference));
                fetched.map_err(|error| error.to_string())?
            }
        };
        self.in_registry(reference, root)
    }

    fn in_registry(&self, reference: &Reference, root: Content) -> Result<Opened, String> {
        let registry = RegistrySource {
            client: self.client.clone(),
            reference: reference.clone(),
            runtime: self.runtime.handle().clone(),
        };
        let store = self.store.as_ref().map(Store::reader).transpose().map_err(|error| error.to_string())?;
        let fetched = HashMap::from([(root.digest.clone(), root.clone())]);
        let source = Kept { store: Mutex::new(store), registry, fetched: Mutex::new(fetched) };
        Ok(Opened { source: Box::new(source), root, reference: Some(reference.clone()) })
    }

    /// Where requests are worked on.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Who asks registries.
    pub(crate) fn client(&self) -> &'a Client {
        self.client
    }

    /// Where an image's blobs were put before, at the registries of these references. What can't be told is sent.
    pub(crate) fn published_at(
        &self,
        graph: &Graph,
        targets: &[Reference],
    ) -> HashMap<Digest, Vec<Repository>> {
        let mut found: HashMap<Digest, Vec<Repository>> = HashMap::new();
        let Some(store) = &self.store else { return found };
        let registries: BTreeSet<&str> = targets.iter().map(Reference::registry).collect();
        for blob in &graph.blobs {
            let known = registries.iter().filter_map(|at| store.published_at(at, &blob.digest).ok()?);
            found.insert(blob.digest.clone(), known.collect());
        }
        found
    }

    /// Remembers where an image's blobs were put. It is published all the same where that fails.
    pub(crate) fn remember(&mut self, graph: &Graph, published: &[Published]) {
        let Some(store) = &mut self.store else { return };
        for one in published.iter().filter(|one| one.before.as_ref() != Some(&graph.root.digest)) {
            let digests = graph.blobs.iter().map(|blob| &blob.digest);
            if let Err(error) = store.put_published(one.reference.repository(), digests, now()) {
                return tell(&format!("where blobs were put is not remembered: {error}"), error.hint());
            }
        }
    }

    /// Verifies an image that is opened already, for each of its platforms.
    pub(crate) fn opened(&mut self, image: &str, opened: &Opened) -> Result<ImageAnswer, Failure> {
        self.all_platforms = true;
        self.one(image, opened, &[])
    }

    fn one(&mut self, image: &str, opened: &Opened, asked: &[Platform]) -> Result<ImageAnswer, Failure> {
        let offered = match offered(opened.source.as_ref(), &opened.root) {
            Ok(offered) => offered,
            Err(error) => return Ok(failed(image, error)),
        };
        let arm64 = [crate::commands::arm64()];
        let asked = if asked.is_empty() { &arm64[..] } else { asked };
        let mut platforms = Vec::new();
        if self.all_platforms {
            for entry in &offered.platforms {
                platforms.push(self.entry(opened, entry)?);
            }
        } else {
            for platform in asked {
                let matcher = Matcher::only_strict(platform);
                let entry = offered.platforms.iter().find(|entry| matcher.matches(&entry.platform));
                platforms.push(match entry {
                    Some(entry) => self.entry(opened, entry)?,
                    None => not_offered(&offered, platform),
                });
            }
        }
        let has = |verdict: &str| platforms.iter().any(|answer: &PlatformAnswer| answer.verdict == verdict);
        let verdict = match () {
            () if has("no") => "no",
            () if platforms.is_empty() || has("unknown") => "unknown",
            () => "yes",
        };
        Ok(ImageAnswer {
            image: image.to_owned(),
            digest: Some(opened.root.digest.to_string()),
            verdict,
            parity: parity(&platforms),
            platforms,
            error: None,
        })
    }

    /// Verifies one entry of an image.
    fn entry(&mut self, opened: &Opened, entry: &PlatformImage) -> Result<PlatformAnswer, Failure> {
        let platform = &entry.platform;
        let digest = match entry.digest.parse::<Digest>() {
            Ok(digest) => digest,
            Err(error) => return Ok(without(platform, Weight::Unknown, "unread", error.to_string())),
        };
        let watched = Watched { source: opened.source.as_ref(), bar: &self.bar };
        let (manifest, wrong_size) = match digest == opened.root.digest {
            true => (Ok(opened.root.clone()), None),
            false => {
                let manifest = watched.document(&digest, &entry.media_type, false);
                let wrong_size = manifest.as_ref().ok().and_then(|manifest| entry_size(entry.size, manifest));
                (manifest, wrong_size)
            }
        };
        // What the entry says wrong is the index's fault: it is not kept of the digest, nor is this of the reference.
        let reference = opened.reference.as_ref().map(|reference| (reference, &opened.root.digest));
        let reference = reference.filter(|_| wrong_size.is_none());
        let with_size = |answer: PlatformAnswer| match &wrong_size {
            Some(finding) => answer.refused(finding),
            None => answer,
        };
        if let Some((found, answer)) = self.known(&digest, platform)? {
            self.keep(reference, &found)?;
            return Ok(with_size(answer));
        }
        if let Ok(manifest) = &manifest {
            self.bar.expect(length(manifest));
        }
        let verified = manifest.and_then(|manifest| verify(&watched, &manifest, platform, &self.going));
        self.bar.clear();
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => return Ok(without(platform, Weight::Unknown, "unread", error)),
        };
        let at = now();
        let answer = PlatformAnswer::of(&verified, at);
        let found = Verification {
            digest,
            platform: platform.clone(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            at,
            verdict: verified.judgement.verdict(),
            answer: serde_json::to_string(&answer).map_err(|error| Failure::new(error.to_string()))?,
        };
        if let Some(store) = &mut self.store {
            store.put_documents(&opened.source.fetched())?;
        }
        // What was not read says nothing about the digest.
        if verified.is_read {
            self.keep(reference, &found)?;
        }
        Ok(with_size(answer))
    }

    fn keep(
        &mut self,
        reference: Option<(&Reference, &Digest)>,
        found: &Verification,
    ) -> Result<(), Failure> {
        match &mut self.store {
            Some(store) => Ok(store.put_verification(reference, found)?),
            None => Ok(()),
        }
    }

    /// What this version found of the same digest earlier.
    fn known(
        &self,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Option<(Verification, PlatformAnswer)>, Failure> {
        let Some(store) = self.store.as_ref().filter(|_| !self.again) else { return Ok(None) };
        let known = store.verification(digest, platform, env!("CARGO_PKG_VERSION"))?;
        // What can't be read is read anew from the image.
        Ok(known.and_then(|known| {
            let answer = serde_json::from_str(&known.answer).ok()?;
            Some((known, answer))
        }))
    }
}

/// What is told of a platform that an image does not offer.
fn not_offered(image: &Image, platform: &Platform) -> PlatformAnswer {
    let weight = if image.is_certain() { Weight::No } else { Weight::Unknown };
    let has: Vec<String> = image.platforms.iter().map(|entry| json::shown(&entry.platform)).collect();
    let has = if has.is_empty() { "it offers none".to_owned() } else { format!("it has {}", has.join(" ")) };
    let notes = image.notes.iter().map(|note| format!("; {note}")).collect::<String>();
    without(platform, weight, "not-offered", format!("the image does not offer it: {has}{notes}"))
}

/// A source whose layers are shown as they come.
pub(crate) struct Watched<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) bar: &'a ByteBar,
}

impl Source for Watched<'_> {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        self.source.document(digest, media_type, is_blob)
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn std::io::Read + Send>, String> {
        self.source.blob(digest, offset).map(|reader| self.bar.watch(reader))
    }
}

/// A registry, of whose documents some are kept in the store, and the others once they were fetched.
struct Kept {
    store: Mutex<Option<Store>>,
    registry: RegistrySource,
    fetched: Mutex<HashMap<Digest, Content>>,
}

impl Source for Kept {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = fetched.get(digest) {
            return Ok(content.clone());
        }
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = store.as_ref().and_then(|store| store.content(digest).ok().flatten());
        let content = match kept {
            Some(content) => content,
            None => self.registry.document(digest, media_type, is_blob)?,
        };
        fetched.insert(digest.clone(), content.clone());
        Ok(content)
    }

    fn blob(&self, digest: &Digest, offset: u64) -> Result<Box<dyn std::io::Read + Send>, String> {
        self.registry.blob(digest, offset)
    }

    fn fetched(&self) -> Vec<Content> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// How many bytes an image's layers have, as its manifest says.
fn length(manifest: &Content) -> u64 {
    match Document::read(manifest) {
        Ok(Document::Manifest(manifest)) => {
            manifest.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add)
        }
        _ => 0,
    }
}
