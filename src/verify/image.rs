//! One image for one platform: its documents, its layers, and the verdict.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use workson_oci::config::{Config, Details};
use workson_oci::descriptor::Descriptor;
use workson_oci::document::Document;
use workson_oci::image::contradicts;
use workson_oci::platform::official_name;
use workson_oci::{Content, Digest, Platform};

use super::judgement::{Finding, Judgement, Weight, judge};
use super::layer::{self, Compression, Layer, LayerError, Limits};
use super::startup::Command;
use super::tree::Tree;
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
    let (tree, layers) = read_layers(source, &image.layers, &details, settings, &mut findings);
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
        details,
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

/// Reads all layers, several at once, and puts them on top of each other.
fn read_layers(
    source: &dyn Source,
    layers: &[Descriptor],
    details: &Details,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> (Tree, Vec<ReadLayer>) {
    let results: Vec<Mutex<Option<Result<Layer, LayerError>>>> =
        layers.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..settings.jobs.clamp(1, layers.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(descriptor) = layers.get(at) else { return };
                    if !matches!(LayerKind::of(descriptor.media_type.as_str()), LayerKind::FileSystem) {
                        continue;
                    }
                    let result = read_layer(source, descriptor, &settings.limits);
                    if let Ok(mut slot) = results[at].lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    let mut tree = Tree::default();
    let mut read = Vec::new();
    for (at, (descriptor, result)) in layers.iter().zip(results).enumerate() {
        let mut find = |weight, rule, reason| {
            findings.push(Finding { weight, rule, file: None, layer: Some(at), reason });
        };
        let media_type = descriptor.media_type.as_str();
        match (LayerKind::of(media_type), result.into_inner().ok().flatten()) {
            (LayerKind::Foreign, _) => {
                find(
                    Weight::Unknown,
                    "foreign-layer",
                    format!("the layer is kept elsewhere ({media_type}), and was not read"),
                );
            }
            (LayerKind::Other, _) => {
                find(
                    Weight::Unknown,
                    "no-file-system",
                    format!("the layer is no file system ({media_type})"),
                );
            }
            (LayerKind::FileSystem, None) => find(Weight::Unknown, "unread", "the layer was not read".into()),
            (LayerKind::FileSystem, Some(Err(error))) => {
                let weight =
                    if matches!(error, LayerError::Damaged(_)) { Weight::No } else { Weight::Unknown };
                find(weight, "layer", error.to_string());
            }
            (LayerKind::FileSystem, Some(Ok(layer))) => {
                if layer.digest.as_str() != descriptor.digest {
                    let reason =
                        format!("its bytes have the digest {}, not {}", layer.digest, descriptor.digest);
                    find(Weight::No, "digest", reason);
                }
                match details.rootfs.diff_ids.get(at) {
                    Some(diff_id) if diff_id != layer.diff_id.as_str() => {
                        let reason = format!(
                            "unpacked it has the digest {}, and the config says {diff_id}: engines refuse it",
                            layer.diff_id
                        );
                        find(Weight::No, "diff-id", reason);
                    }
                    Some(_) => {}
                    None => find(
                        Weight::No,
                        "diff-id",
                        "the config has no diffID for it: engines refuse it".into(),
                    ),
                }
                tree.add(&layer);
                let (digest, size) = (descriptor.digest.clone(), descriptor.size);
                read.push(ReadLayer { digest, size, unpacked: layer.size });
            }
        }
    }
    (tree, read)
}

fn read_layer(source: &dyn Source, descriptor: &Descriptor, limits: &Limits) -> Result<Layer, LayerError> {
    let digest = descriptor.checked_digest().map_err(|error| LayerError::Source(error.to_string()))?;
    let reader = source.blob(&digest, 0).map_err(LayerError::Source)?;
    let (compression, reader) =
        Compression::of(reader).map_err(|error| LayerError::Source(error.to_string()))?;
    layer::read(reader, compression, digest.algorithm(), limits)
}
