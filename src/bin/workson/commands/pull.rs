//! `workson pull`: the right image for a platform, or all of them, to disk.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use workson::archive::{Archive, ArchiveWriter};
use workson::layout::Layout;
use workson::source::{Opened, Place, offered};
use workson::transfer::{Carried, Graph, carry};
use workson_oci::document::Document;
use workson_oci::image::contradicts;
use workson_oci::resolution::Resolution;
use workson_oci::text::printable;
use workson_oci::{Content, Image, Kind, Reference};
use workson_registry::Client;

use super::copy::JOBS;
use super::verify::LayerLimits;
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::{count, json, print};
use crate::progress::ByteBar;
use crate::settings::Settings;

/// Pull an image to disk: into an OCI layout, an archive for `docker load`, or unpacked as a root file system
///
/// Without --platform it is what a container engine would pull here (see `workson resolve`).
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it is there; 1 the image has nothing for the platform; 2 it could not be done."
)]
pub(crate) struct Arguments {
    /// A reference, oci:DIR[:NAME], oci:DIR@DIGEST or docker-archive:FILE[:TAG]
    #[arg(value_name = "IMAGE")]
    image: String,

    /// The image for this platform [default: this host, with the variant of its processor]
    #[arg(long, short, value_name = "P", conflicts_with = "all_platforms")]
    platform: Option<String>,

    /// All that the name stands for, byte for byte, with its attestations; to oci:DIR
    #[arg(long)]
    all_platforms: bool,

    /// Where to: oci:DIR[:NAME], docker-archive:FILE[:TAG] or rootfs:DIR
    #[arg(long, value_name = "WHERE")]
    to: String,

    #[command(flatten)]
    unpacking: Unpacking,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How a root file system is made.
#[derive(Debug, Args)]
struct Unpacking {
    /// rootfs: keep the setuid and setgid bits of programs and, as root, their capabilities
    #[arg(long, conflicts_with = "no_same_owner")]
    keep_setuid: bool,

    /// rootfs: leave all files to whoever runs this, also as root
    #[arg(long)]
    no_same_owner: bool,

    #[command(flatten)]
    limits: LayerLimits,
}

/// Where an image is pulled to.
enum Destination {
    Layout { folder: PathBuf, name: Option<String> },
    Archive { file: PathBuf, name: Option<Reference> },
    Rootfs(PathBuf),
}

impl Destination {
    fn read(text: &str) -> Result<Destination, Failure> {
        let hint = "oci:DIR, docker-archive:FILE or rootfs:DIR";
        let nowhere = || Failure::new(format!("--to {text}: it names no place on disk")).with_hint(hint);
        let destination = match text.strip_prefix("rootfs:") {
            Some(folder) => Destination::Rootfs(folder.into()),
            None => match Place::read(text) {
                Ok(Place::Layout { folder, image }) => {
                    Destination::Layout { folder, name: super::name_to_write(text, image)? }
                }
                Ok(Place::Archive { file, name }) => {
                    let read = |name: String| {
                        name.parse().map_err(|error| Failure::new(format!("--to {text}: {name}: {error}")))
                    };
                    Destination::Archive { file, name: name.map(read).transpose()? }
                }
                _ => return Err(nowhere()),
            },
        };
        match destination.path().as_os_str().is_empty() {
            true => Err(nowhere()),
            false => Ok(destination),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Destination::Layout { folder: path, .. }
            | Destination::Archive { file: path, .. }
            | Destination::Rootfs(path) => path,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().display();
        match self {
            Destination::Layout { name: Some(name), .. } => write!(f, "oci:{path}:{name}"),
            Destination::Layout { name: None, .. } => write!(f, "oci:{path}"),
            Destination::Archive { .. } => write!(f, "docker-archive:{path}"),
            Destination::Rootfs(_) => write!(f, "rootfs:{path}"),
        }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PullAnswer {
    /// As it was asked for.
    image: String,
    to: String,
    /// What was pulled; none where nothing fits.
    digest: Option<String>,
    media_type: Option<String>,
    /// Of what was pulled; none with `--all-platforms`.
    platform: Option<String>,
    /// What the image has.
    available: Vec<String>,
    /// Blobs that came, their bytes, and those that were there.
    blobs: usize,
    bytes: u64,
    existed: usize,
    /// Of a root file system.
    rootfs: Option<RootfsAnswer>,
    /// Sentences for people.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RootfsAnswer {
    layers: usize,
    entries: u64,
    /// Of the layers, unpacked.
    bytes: u64,
    /// What was made harmless.
    harmless: Vec<HarmlessAnswer>,
}

#[derive(Debug, Serialize)]
struct HarmlessAnswer {
    /// `device`, `setuid`, `capability`, `attribute` or `name`.
    what: &'static str,
    count: u64,
    /// The first ones.
    first: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let destination = Destination::read(&arguments.to)?;
    if arguments.all_platforms && !matches!(destination, Destination::Layout { .. }) {
        return Err(Failure::new(format!("--all-platforms: {destination} has place for one platform"))
            .with_hint("--to oci:DIR takes them all"));
    }
    let settings = Settings::read(global)?;
    let client = settings.client(global, None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::io("starting to wait for requests", &error))?;
    let mut opened = open(&arguments.image, &client, runtime.handle())?;
    let (image, to) = (arguments.image.clone(), destination.to_string());
    let mut answer = PullAnswer { image, to, ..PullAnswer::default() };
    if !arguments.all_platforms && !choose(&mut opened, arguments, &mut answer)? {
        if arguments.json {
            print(&json::document(&answer)?)?;
        }
        return Ok(Exit::No);
    }
    answer.digest = Some(opened.root.digest.to_string());
    answer.media_type = Some(opened.root.media_type.to_string());
    let bar = ByteBar::new(global);
    let pulled = match &destination {
        Destination::Layout { folder, name } => {
            to_layout(&opened, folder, name.as_deref(), &bar, &mut answer)
        }
        Destination::Archive { file, name } => to_archive(&opened, file, name.as_ref(), &bar, &mut answer),
        Destination::Rootfs(folder) => to_rootfs(&opened, folder, &arguments.unpacking, &bar, &mut answer),
    };
    bar.clear();
    pulled?;
    match arguments.json {
        true => print(&json::document(&answer)?)?,
        false => print(answer.line().as_bytes())?,
    }
    if !global.quiet {
        answer.notes.iter().for_each(|note| tell(&format!("note: {note}"), None));
    }
    Ok(Exit::Yes)
}

fn open(image: &str, client: &Client, runtime: &tokio::runtime::Handle) -> Result<Opened, Failure> {
    let place = Place::read(image).map_err(Failure::new)?;
    place.open(client, runtime).map_err(Failure::new)
}

/// Takes the image for the platform in the place of what its name stands for; whether there is one.
fn choose(opened: &mut Opened, arguments: &Arguments, answer: &mut PullAnswer) -> Result<bool, Failure> {
    let (wanted, matcher) = super::wanted(arguments.platform.as_ref())?;
    let name = &arguments.image;
    let image = offered(opened.source.as_ref(), &opened.root)
        .map_err(|error| Failure::new(format!("{name}: {error}")))?;
    if image.kind == Kind::Artifact {
        let notes: Vec<String> = image.notes.iter().map(ToString::to_string).collect();
        return Err(Failure::new(format!("{name}: {}", notes.join("; ")))
            .with_hint("--all-platforms --to oci:DIR takes it as it is"));
    }
    answer.available = available(&image);
    let Some(chosen) = Resolution::of(&image, &matcher).chosen else {
        if !image.is_certain() {
            let notes: Vec<String> = image.notes.iter().map(ToString::to_string).collect();
            return Err(Failure::new(format!("{name} could not be told whole: {}", notes.join("; "))));
        }
        let has = match answer.available.is_empty() {
            true => "it has no platform".to_owned(),
            false => format!("it has {}", answer.available.join(" ")),
        };
        tell(&format!("{name} has nothing for {}", json::shown(&wanted)), Some(&has));
        return Ok(false);
    };
    let chosen = &image.platforms[chosen];
    answer.platform = Some(json::shown(&chosen.platform));
    if image.kind == Kind::Index {
        let digest = chosen.digest.parse();
        let digest = digest.map_err(|error| Failure::new(format!("{}: {error}", chosen.digest)))?;
        opened.root = opened.source.document(&digest, &chosen.media_type, false).map_err(Failure::new)?;
        let own = offered(opened.source.as_ref(), &opened.root).map_err(Failure::new)?;
        if let Some(own) = own.platforms.first()
            && contradicts(&chosen.platform, &own.platform)
        {
            let (index, config) = (json::shown(&chosen.platform), json::shown(&own.platform));
            answer.notes.push(format!("the index says {index}, but the image's own config says {config}"));
        }
    }
    Ok(true)
}

/// The platforms that an image has, each once.
fn available(image: &Image) -> Vec<String> {
    let mut available: Vec<String> = Vec::new();
    for entry in &image.platforms {
        let platform = json::shown(&entry.platform);
        if !available.contains(&platform) {
            available.push(platform);
        }
    }
    available
}

fn to_layout(
    opened: &Opened,
    folder: &Path,
    name: Option<&str>,
    bar: &ByteBar,
    answer: &mut PullAnswer,
) -> Result<(), Failure> {
    let failed = |error: String| Failure::new(error).with_hint("the same command goes on from there");
    let graph = Graph::read(opened.source.as_ref(), &opened.root)
        .map_err(|error| Failure::new(format!("{}: {error}", answer.image)))?;
    answer.notes.extend(graph.left_elsewhere("pulled"));
    let layout = Layout::create(folder).map_err(|error| Failure::new(error.to_string()))?;
    bar.expect(graph.size());
    let carried = carry(&graph, opened.source.as_ref(), &layout, JOBS, &|bytes| bar.add(bytes))
        .map_err(|error| failed(error.to_string()))?;
    layout
        .put_document(&graph.root)
        .and_then(|()| layout.put_name(&graph.root, name))
        .map_err(|error| failed(error.to_string()))?;
    answer.carried(carried);
    Ok(())
}

fn to_archive(
    opened: &Opened,
    file: &Path,
    name: Option<&Reference>,
    bar: &ByteBar,
    answer: &mut PullAnswer,
) -> Result<(), Failure> {
    let graph = Graph::read(opened.source.as_ref(), &opened.root)
        .map_err(|error| Failure::new(format!("{}: {error}", answer.image)))?;
    if let Some(layer) = graph.foreign.first() {
        return Err(Failure::new(format!("{}: the layer {layer} is kept elsewhere", answer.image))
            .with_hint("--to oci:DIR takes the others"));
    }
    // An archive gives way to another one, and nothing else does.
    if file.is_file() && Archive::open(file).is_err() {
        return Err(Failure::new(format!("{} is there already, and is no archive", file.display()))
            .with_hint("remove it, or name another file"));
    }
    // As `docker save` has it: what was pulled by its name keeps it.
    let own = opened.reference.as_ref().filter(|reference| reference.tag().is_some());
    let own = own.and_then(|reference| reference.repository().with_tag(reference.tag()?).ok());
    let name = name.or(own.as_ref());
    let config = config(opened).map_err(|error| Failure::new(format!("{}: {error}", answer.image)))?;
    let writer = ArchiveWriter::begin(file, &graph.root, &config, name)
        .map_err(|error| Failure::new(error.to_string()))?;
    bar.expect(graph.size());
    let carried = carry(&graph, opened.source.as_ref(), &writer, JOBS, &|bytes| bar.add(bytes))
        .map_err(|error| Failure::new(error.to_string()))?;
    writer.finish().map_err(|error| Failure::new(error.to_string()))?;
    answer.carried(carried);
    Ok(())
}

/// The config of a single image.
fn config(opened: &Opened) -> Result<Content, String> {
    let Document::Manifest(manifest) = Document::read(&opened.root).map_err(|error| error.to_string())?
    else {
        return Err("it is an index, and an archive has one image".into());
    };
    let digest = manifest.config.checked_digest().map_err(|error| error.to_string())?;
    opened.source.document(&digest, &manifest.config.media_type, true)
}

#[cfg(unix)]
fn to_rootfs(
    opened: &Opened,
    folder: &Path,
    how: &Unpacking,
    bar: &ByteBar,
    answer: &mut PullAnswer,
) -> Result<(), Failure> {
    use super::verify::Watched;
    use workson::rootfs::{self, make};
    let is_root = rustix::process::geteuid().is_root();
    let settings = rootfs::Settings {
        limits: how.limits.limits(),
        owners: is_root && !how.no_same_owner,
        keep_setuid: how.keep_setuid,
        capabilities: is_root && how.keep_setuid,
    };
    if let Ok(Document::Manifest(manifest)) = Document::read(&opened.root) {
        answer.blobs = manifest.layers.len();
        answer.bytes = manifest.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add);
    }
    bar.expect(answer.bytes);
    let source = Watched { source: opened.source.as_ref(), bar };
    let made = make(&source, &opened.root, folder, &settings).map_err(|error| {
        let failure = Failure::new(format!("{}: {error}", answer.image));
        match settings.owners && error.is_about_owners() {
            true => failure.with_hint("--no-same-owner leaves all files to whoever runs this"),
            false => failure,
        }
    })?;
    answer.notes.extend(made.tamed.iter().map(ToString::to_string));
    let harmless = made.tamed.into_iter().map(|tamed| {
        let (what, count, first) = (tamed.what.name(), tamed.count, tamed.first);
        HarmlessAnswer { what, count, first }
    });
    let (layers, entries, bytes) = (made.layers, made.entries, made.bytes);
    answer.rootfs = Some(RootfsAnswer { layers, entries, bytes, harmless: harmless.collect() });
    Ok(())
}

#[cfg(not(unix))]
fn to_rootfs(_: &Opened, _: &Path, _: &Unpacking, _: &ByteBar, _: &mut PullAnswer) -> Result<(), Failure> {
    Err(Failure::new("a root file system can't be made on this system").with_hint("--to oci:DIR works"))
}

impl PullAnswer {
    fn carried(&mut self, carried: Carried) {
        (self.blobs, self.bytes, self.existed) = (carried.sent, carried.bytes, carried.existed);
    }

    /// What was pulled, in one line.
    fn line(&self) -> String {
        let (digest, image) = (self.digest.as_deref().unwrap_or_default(), printable(&self.image));
        let platform = match &self.platform {
            Some(platform) => format!("for {platform}"),
            None => "with all its platforms".to_owned(),
        };
        let came = match &self.rootfs {
            Some(rootfs) => {
                let entries = usize::try_from(rootfs.entries).unwrap_or(usize::MAX);
                let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
                format!("{}, {entries}", count(rootfs.layers, "layer"))
            }
            None => format!("{} pulled, {} there already", count(self.blobs, "blob"), self.existed),
        };
        format!("{image} {}: {digest} is in {}: {came}\n", printable(&platform), printable(&self.to))
    }
}
