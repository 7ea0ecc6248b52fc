//! One image for one platform: its documents, its layers, and the verdict.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use workson_oci::config::{Config, Details};
use workson_oci::descriptor::Descriptor;
use workson_oci::document::Document;
use workson_oci::image::contradicts;
use workson_oci::platform::official_name;
use workson_oci::{Content, Digest, Platform};

use super::judgement::{Finding, Judgement, Weight, judge, shown};
use super::layer::{self, Compression, Damage, Doubt, Layer, LayerError, Limits, Room};
use super::startup::Command;
use super::tree::{Hardlink, TooMany, Tree};
use crate::packed::LayerKind;
use crate::source::Source;

/// How a verification goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How far each layer is read.
    pub limits: Limits,
    /// How many layers are read at once.
    pub jobs: usize,
}

/// What was found of an image for one platform.
#[derive(Debug)]
pub struct Verified {
    /// The platform that was asked about.
    pub platform: Platform,
    /// The digest of the platform's manifest.
    pub digest: Digest,
    /// The verdict and its reasons.
    pub judgement: Judgement,
    /// The layers that were read, the lowest first.
    pub layers: Vec<ReadLayer>,
    /// Whether all layers were read, and their bytes are those that the digests name. If not, what was found says
    /// nothing about the manifest's digest that would hold another time.
    pub is_read: bool,
    /// What the config says, to be compared with that of other platforms.
    pub details: Details,
}

/// A layer that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLayer {
    /// Its digest, as the manifest has it.
    pub digest: String,
    /// Its length as it came, as the manifest has it.
    pub size: u64,
    /// Its length, unpacked.
    pub unpacked: u64,
}

/// Verifies the image that `manifest` is, which its index claims to be for `platform`.
///
/// # Errors
/// A sentence, where the manifest or the config can't be read: then nothing can be told at all.
pub fn verify(
    source: &dyn Source,
    manifest: &Content,
    platform: &Platform,
    settings: &Settings,
) -> Result<Verified, String> {
    let document = Document::read(manifest).map_err(|error| error.to_string())?;
    let Document::Manifest(image) = document else { return Err("it is an index, not an image".into()) };
    let digest = image.config.checked_digest().map_err(|error| error.to_string())?;
    let config = source.document(&digest, &image.config.media_type, true)?;
    let labelled = Config::from_bytes(&config.bytes).map_err(|error| error.to_string())?.platform;
    let details = Details::from_bytes(&config.bytes).map_err(|error| error.to_string())?;
    let mut findings = labels(platform, &labelled);
    findings.extend(annotated(platform, &manifest.bytes));
    let mut stack = read_layers(source, &image.layers, &details, settings);
    findings.append(&mut stack.findings);
    let Stack { tree, read: layers, is_read, .. } = stack;
    let command = Command {
        entrypoint: details.config.entrypoint.clone(),
        command: details.config.cmd.clone(),
        environment: details.config.env.clone(),
        folder: details.config.working_dir.clone(),
        user: details.config.user.clone(),
    };
    let judgement = judge(platform, &command, &tree);
    let is_whole = layers.len() == image.layers.len();
    // Why layers and labels are amiss comes before what follows from it.
    let judgement = if is_whole { judgement } else { judgement.of_a_part() }.after(findings);
    Ok(Verified {
        platform: platform.normalized(),
        digest: manifest.digest.clone(),
        judgement,
        layers,
        is_read,
        details,
    })
}

/// What is wrong with an index's entry that says `size` of the image that `manifest` is; none where that is its length.
pub fn entry_size(size: u64, manifest: &Content) -> Option<Finding> {
    let (digest, length) = (&manifest.digest, manifest.bytes.len() as u64);
    (size != length).then(|| Finding {
        weight: Weight::No,
        rule: "size",
        file: None,
        layer: None,
        reason: format!(
            "the index says that {digest} has {size} bytes, and it has {length}: engines refuse it"
        ),
    })
}

/// Whether the index and the config say the same.
fn labels(index: &Platform, config: &Platform) -> Vec<Finding> {
    let (index, config) = (index.normalized(), config.normalized());
    let finding = |weight, reason| Finding { weight, rule: "labels-differ", file: None, layer: None, reason };
    if contradicts(&index, &config) {
        let reason = format!(
            "the index says {index}, the image's own config says {config}: engines refuse one or the other"
        );
        return vec![finding(Weight::No, reason)];
    }
    if index.variant != config.variant && index.architecture == "arm" {
        let reason = format!("the index says {index}, the image's own config says {config}");
        return vec![finding(Weight::Warning, reason)];
    }
    Vec::new()
}

/// The architecture that the official images' build writes into a manifest, by its official name.
const ARCHITECTURE: &str = "com.docker.official-images.bashbrew.arch";

/// Whether the image's own annotations say the same as the index.
fn annotated(platform: &Platform, manifest: &[u8]) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Annotated {
        #[serde(default)]
        annotations: Option<BTreeMap<String, String>>,
    }
    let annotations = serde_json::from_slice::<Annotated>(manifest).ok()?.annotations?;
    let named = annotations.get(ARCHITECTURE)?;
    let told = official_name(named)?;
    let differs = told.normalized()
        != Platform { os_version: String::new(), os_features: Vec::new(), ..platform.normalized() };
    differs.then(|| Finding {
        weight: Weight::Warning,
        rule: "labels-differ",
        file: None,
        layer: None,
        reason: format!("the index says {}, an annotation of the image says {named}", platform.normalized()),
    })
}

/// Layers on top of each other, as far as they were read.
struct Stack<'a> {
    layers: &'a [Descriptor],
    diff_ids: &'a [String],
    tree: Tree,
    read: Vec<ReadLayer>,
    is_read: bool,
    findings: Vec<Finding>,
    /// What waits for lower layers, by its place: what was read of it, where it is to be read.
    waiting: BTreeMap<usize, Option<Result<Layer, LayerError>>>,
    /// The place that is next.
    next: usize,
}

/// Reads all layers, several at once, and puts them on top of each other.
fn read_layers<'a>(
    source: &dyn Source,
    layers: &'a [Descriptor],
    details: &'a Details,
    settings: &Settings,
) -> Stack<'a> {
    let stack = Mutex::new(Stack::new(layers, &details.rootfs.diff_ids));
    let room = Room::new(&settings.limits);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..settings.jobs.clamp(1, layers.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(descriptor) = layers.get(at) else { return };
                    let is_read =
                        matches!(LayerKind::of(descriptor.media_type.as_str()), LayerKind::FileSystem);
                    let result = is_read.then(|| read_layer(source, descriptor, &settings.limits, &room));
                    stack.lock().unwrap_or_else(PoisonError::into_inner).put(at, result);
                }
            });
        }
    });
    stack.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Stack<'a> {
    fn new(layers: &'a [Descriptor], diff_ids: &'a [String]) -> Stack<'a> {
        let mut findings = Vec::new();
        if diff_ids.len() > layers.len() {
            let reason = format!(
                "the config has {} diffIDs, and the manifest has {} layers: engines refuse it",
                diff_ids.len(),
                layers.len()
            );
            findings.push(Finding { weight: Weight::No, rule: "diff-id", file: None, layer: None, reason });
        }
        Stack {
            layers,
            diff_ids,
            tree: Tree::default(),
            read: Vec::new(),
            is_read: true,
            findings,
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// Takes what was read of the layer at a place, which is kept no longer than until those below it are there.
    fn put(&mut self, at: usize, result: Option<Result<Layer, LayerError>>) {
        self.waiting.insert(at, result);
        while let Some(result) = self.waiting.remove(&self.next) {
            let at = self.next;
            self.next += 1;
            match result {
                Some(Ok(layer)) => self.add(at, layer),
                Some(Err(error)) => self.fail(at, error),
                None => {
                    self.is_read = false;
                    let media_type = self.layers[at].media_type.as_str();
                    let (rule, reason) = match LayerKind::of(media_type) {
                        LayerKind::Foreign => (
                            "foreign-layer",
                            format!("the layer is kept elsewhere ({media_type}), and was not read"),
                        ),
                        _ => ("no-file-system", format!("the layer is no file system ({media_type})")),
                    };
                    self.find(at, Weight::Unknown, rule, reason);
                }
            }
        }
    }

    fn find(&mut self, at: usize, weight: Weight, rule: &'static str, reason: String) {
        self.findings.push(Finding { weight, rule, file: None, layer: Some(at), reason });
    }

    /// Whether the bytes of a layer are those that its manifest names; if not, it is said why.
    fn is_named(&mut self, at: usize, digest: &Digest, length: u64) -> bool {
        let descriptor = &self.layers[at];
        if digest.as_str() != descriptor.digest {
            // Whoever has the right bytes may find something else.
            self.is_read = false;
            let reason = format!("its bytes have the digest {digest}, not {}", descriptor.digest);
            self.find(at, Weight::No, "digest", reason);
            return false;
        }
        let told = match descriptor.fault() {
            Some(fault) => fault,
            None if descriptor.size != length => format!("its size is {}", descriptor.size),
            None => return true,
        };
        let reason = format!("the manifest says that {told}, and it has {length} bytes: engines refuse it");
        self.find(at, Weight::No, "size", reason);
        true
    }

    fn fail(&mut self, at: usize, error: LayerError) {
        match &error {
            LayerError::Damaged(Damage { bytes: Some((digest, length)), .. }) => {
                if self.is_named(at, digest, *length) {
                    self.find(at, Weight::No, "layer", error.to_string());
                }
            }
            _ => {
                self.is_read = false;
                self.find(at, Weight::Unknown, "layer", error.to_string());
            }
        }
    }

    fn add(&mut self, at: usize, layer: Layer) {
        if !self.is_named(at, &layer.digest, layer.length) {
            return;
        }
        match self.diff_ids.get(at) {
            Some(diff_id) if diff_id != layer.diff_id.as_str() => {
                let reason = format!(
                    "unpacked it has the digest {}, and the config says {diff_id}: engines refuse it",
                    layer.diff_id
                );
                self.find(at, Weight::No, "diff-id", reason);
            }
            Some(_) => {}
            None => self.find(
                at,
                Weight::No,
                "diff-id",
                "the config has no diffID for it: engines refuse it".into(),
            ),
        }
        if let Some((path, doubt)) = &layer.doubt
            && !(*doubt == Doubt::Root && self.tree.is_empty())
        {
            let path = shown(path);
            let reason = match doubt {
                Doubt::Both => {
                    format!("{path} is in the layer, and so is that it is gone: engines do not agree on that")
                }
                Doubt::Root => {
                    "all that lower layers have is to be gone: engines do not agree on that".to_owned()
                }
                Doubt::Nowhere => {
                    format!("{path} is put where a link leads to nothing: engines do not agree on that")
                }
            };
            self.find(at, Weight::Unknown, "layer", reason);
        }
        if let Some(path) = &layer.twice {
            let reason =
                format!("{} is in the layer twice: podman refuses it, and so did docker", shown(path));
            self.find(at, Weight::Warning, "layer", reason);
        }
        match self.tree.add(layer.entries, at) {
            Ok(None) => {}
            Ok(Some(Hardlink { path, target, is_lower })) => {
                let (path, target) = (shown(&path), shown(&target));
                let (weight, reason) = match is_lower {
                    false => (
                        Weight::No,
                        format!(
                            "the layer can't be unpacked: {path} is a hard link to {target}, which is not there"
                        ),
                    ),
                    true => (
                        Weight::Unknown,
                        format!(
                            "{path} is a hard link to {target} of a lower layer, which engines with overlay do not unpack"
                        ),
                    ),
                };
                self.find(at, weight, "layer", reason);
            }
            Err(TooMany) => {
                self.is_read = false;
                let reason = "it has more entries or hard links to lower layers than are followed".to_owned();
                return self.find(at, Weight::Unknown, "layer", reason);
            }
        }
        let descriptor = &self.layers[at];
        let (digest, size) = (descriptor.digest.clone(), descriptor.size);
        self.read.push(ReadLayer { digest, size, unpacked: layer.size });
    }
}

fn read_layer(
    source: &dyn Source,
    descriptor: &Descriptor,
    limits: &Limits,
    room: &Room,
) -> Result<Layer, LayerError> {
    let digest = descriptor.checked_digest().map_err(|error| LayerError::Source(error.to_string()))?;
    let reader = source.blob(&digest, 0).map_err(LayerError::Source)?;
    let (compression, reader) = Compression::of(reader)?;
    layer::read_one(reader, compression, digest.algorithm(), limits, room)
}
