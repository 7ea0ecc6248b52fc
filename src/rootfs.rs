//! An image's layers, put on each other in a folder: its root file system.
//!
//! Whatever the layers hold, nothing outside of the folder is read, made, changed or removed: `rootfs/folder` goes every
//! way by open folders and names, and follows links itself. The folder has its name once it is whole.
//!
//! Sources: the image specification, *layer.md* (whiteouts, opaque folders, hard links, extended attributes).

mod attributes;
mod folder;
mod layer;
mod staging;

use std::fmt;
use std::path::Path;

use workson_oci::config::Details;
use workson_oci::descriptor::Descriptor;
use workson_oci::document::Document;
use workson_oci::text::printable;
use workson_oci::{Content, Digest};

use self::folder::Root;
use self::layer::{Growing, Stop};
use self::staging::Staging;
use crate::packed::{Compression, LayerError, LayerKind, Limits, pass};
use crate::source::Source;

/// How many names are kept of what was made harmless.
const NAMED: usize = 5;

/// How it is gone about.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How far each layer is read.
    pub limits: Limits,
    /// Whether entries get the owners that the layers say. That takes root's rights.
    pub owners: bool,
    /// Whether programs stay such as run as their owner or group.
    pub keep_setuid: bool,
    /// Whether programs keep the rights that `security.capability` gives them. That takes root's rights.
    pub capabilities: bool,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// How many layers were put on each other.
    pub layers: usize,
    /// How many entries they have.
    pub entries: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// What was made harmless.
    pub tamed: Vec<TamedEntries>,
}

/// What was made harmless, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tamed {
    /// A device or a pipe, which was not made.
    Device,
    /// The bits that let a program run as its owner or group, which were dropped.
    SetId,
    /// The attribute that gives a program further rights, which was dropped.
    Capability,
    /// An extended attribute that is the system's own or could not be kept.
    Attribute,
    /// A name with `..`, which was taken to stay within the folder.
    Name,
}

impl Tamed {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Tamed::Device => "device",
            Tamed::SetId => "setuid",
            Tamed::Capability => "capability",
            Tamed::Attribute => "attribute",
            Tamed::Name => "name",
        }
    }
}

/// All that was made harmless in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TamedEntries {
    /// The way.
    pub what: Tamed,
    /// How many.
    pub count: u64,
    /// The first ones' paths.
    pub first: Vec<String>,
}

impl fmt::Display for TamedEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Tamed::Device => "devices and pipes were not made",
            Tamed::SetId => "files lost their setuid or setgid bit (--keep-setuid keeps it)",
            Tamed::Capability => "files lost their capabilities (--keep-setuid keeps them for root)",
            Tamed::Attribute => "extended attributes were not kept",
            Tamed::Name => "names with .. were taken to stay in the folder",
        };
        let more = if self.count > self.first.len() as u64 { " …" } else { "" };
        write!(f, "{what}: {} ({}{more})", self.count, self.first.join(" "))
    }
}

/// What is counted of it.
#[derive(Debug, Default)]
struct Taming(Vec<TamedEntries>);

impl Taming {
    fn add(&mut self, what: Tamed, path: &[u8]) {
        let Taming(all) = self;
        let place = match all.iter().position(|entries| entries.what == what) {
            Some(place) => place,
            None => {
                all.push(TamedEntries { what, count: 0, first: Vec::new() });
                all.len() - 1
            }
        };
        let entries = &mut all[place];
        entries.count += 1;
        if entries.first.len() < NAMED {
            entries.first.push(shown(path));
        }
    }
}

/// A path, for a person: bytes that are no text are told apart.
fn shown(path: &[u8]) -> String {
    printable(&String::from_utf8_lossy(path)).into_owned()
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub enum RootfsError {
    /// The image can't be unpacked: a sentence that says why.
    #[error("{0}")]
    Image(String),
    /// A layer can't be read.
    #[error("layer {number} ({digest}): {error}")]
    Layer {
        /// Which one, counted from 1.
        number: usize,
        /// Its digest.
        digest: Digest,
        /// Why.
        error: LayerError,
    },
    /// A layer's bytes are not what the manifest or the config says.
    #[error("layer {number}: {reason}")]
    Mismatch {
        /// Which one, counted from 1.
        number: usize,
        /// What is not the same.
        reason: String,
    },
    /// An entry of a layer is refused.
    #[error("layer {number}: {path} is refused: {reason}")]
    Refused {
        /// Which one, counted from 1.
        number: usize,
        /// The entry.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// Something could not be written.
    #[error("writing {path}: {error}")]
    Write {
        /// What.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
}

impl RootfsError {
    /// Whether it may be that files can't be given to their owners here.
    pub fn is_about_owners(&self) -> bool {
        use std::io::ErrorKind;
        matches!(self, RootfsError::Write { error, .. }
            if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::PermissionDenied))
    }
}

/// Puts the layers of the image that `manifest` is on each other, in a folder that is not there yet or empty.
///
/// # Errors
/// Where the image is damaged or can't be read, an entry is refused, or something can't be written. What was made is
/// removed then.
pub fn make(
    source: &dyn Source,
    manifest: &Content,
    folder: &Path,
    settings: &Settings,
) -> Result<Made, RootfsError> {
    let layers = plan(source, manifest)?;
    let staging = Staging::begin(folder)?;
    let mut growing = Growing::new(Root::new(staging.open()?), settings);
    let mut bytes = 0;
    for layer in &layers {
        bytes += put(source, &mut growing, layer, folder)?;
    }
    growing.finish().map_err(|stop| failure(stop, layers.len(), None, folder))?;
    let (mut tamed, entries) = (std::mem::take(&mut growing.taming.0), growing.entries);
    drop(growing);
    tamed.sort_by_key(|entries| entries.what);
    staging.finish()?;
    Ok(Made { layers: layers.len(), entries, bytes, tamed })
}

/// A layer that is to be put.
struct Planned {
    /// Which one, counted from 1.
    number: usize,
    digest: Digest,
    /// The digest that it has when it is unpacked, as the config says.
    diff_id: String,
}

/// The layers, by the documents, before anything is made.
fn plan(source: &dyn Source, manifest: &Content) -> Result<Vec<Planned>, RootfsError> {
    let image = |text: String| RootfsError::Image(text);
    let document = Document::read(manifest).map_err(|error| image(error.to_string()))?;
    let Document::Manifest(manifest) = document else {
        return Err(image("it is an index, not an image".into()));
    };
    if !manifest.is_image() {
        return Err(image(format!("it is no container image ({})", manifest.artifact_kind())));
    }
    let digest = manifest.config.checked_digest().map_err(|error| image(error.to_string()))?;
    let config = source.document(&digest, &manifest.config.media_type, true).map_err(image)?;
    if !digest.matches(&config.bytes) {
        return Err(image(format!("the config's bytes do not have the digest {digest}")));
    }
    let details = Details::from_bytes(&config.bytes).map_err(|error| image(error.to_string()))?;
    let (layers, diff_ids) = (manifest.layers, details.rootfs.diff_ids);
    if layers.len() != diff_ids.len() {
        let text =
            format!("it has {} layers, and its config has diffIDs for {}", layers.len(), diff_ids.len());
        return Err(image(text));
    }
    let layers = (1..).zip(layers).zip(diff_ids);
    layers.map(|((number, layer), diff_id)| planned(number, &layer, diff_id)).collect()
}

fn planned(number: usize, layer: &Descriptor, diff_id: String) -> Result<Planned, RootfsError> {
    let mismatch = |reason: String| RootfsError::Mismatch { number, reason };
    let media_type = layer.media_type.as_str();
    match LayerKind::of(media_type) {
        LayerKind::FileSystem => {}
        LayerKind::Foreign => {
            return Err(mismatch(format!("it is kept elsewhere ({media_type}), and can't be unpacked")));
        }
        LayerKind::Other => return Err(mismatch(format!("it is no file system ({media_type})"))),
    }
    let digest = layer.checked_digest().map_err(|error| mismatch(error.to_string()))?;
    Ok(Planned { number, digest, diff_id })
}

/// Puts one layer on top; how many bytes it has, unpacked.
fn put(
    source: &dyn Source,
    growing: &mut Growing<'_>,
    layer: &Planned,
    folder: &Path,
) -> Result<u64, RootfsError> {
    let Planned { number, digest, diff_id } = layer;
    let failed = |stop| failure(stop, *number, Some(digest), folder);
    let unread = |error| failed(Stop::Layer(error));
    let reader = source.blob(digest, 0).map_err(|error| unread(LayerError::Source(error)))?;
    let (compression, reader) = Compression::of(reader).map_err(unread)?;
    let limits = growing.limits();
    let passed =
        pass(reader, compression, digest.algorithm(), &limits, |tar| growing.add(tar)).map_err(failed)?;
    let mismatch = |reason| RootfsError::Mismatch { number: *number, reason };
    if passed.digest != *digest {
        return Err(mismatch(format!("its bytes have the digest {}, not {digest}", passed.digest)));
    }
    if passed.diff_id.as_str() != diff_id {
        let reason = format!("unpacked it has the digest {}, and the config says {diff_id}", passed.diff_id);
        return Err(mismatch(reason));
    }
    Ok(passed.size)
}

fn failure(stop: Stop, number: usize, digest: Option<&Digest>, folder: &Path) -> RootfsError {
    match (stop, digest) {
        (Stop::Layer(error), Some(digest)) => RootfsError::Layer { number, digest: digest.clone(), error },
        (Stop::Layer(error), None) => RootfsError::Mismatch { number, reason: error.to_string() },
        (Stop::Refused(path, reason), _) => RootfsError::Refused { number, path: shown(&path), reason },
        (Stop::Write(path, error), _) => {
            let path = format!("{}/{}", folder.display(), shown(&path));
            RootfsError::Write { path, error }
        }
    }
}
