//! `workson verify`: do the bytes hold what the label claims?

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use workson::archive::Archive;
use workson::evidence::{Rung, Verdict};
use workson::layout::Layout;
use workson::store::{Store, Verification};
use workson::verify::parity::{Profile, compare};
use workson::verify::{Finding, Limits, RegistrySource, Settings as Going, Source, Verified, Weight, verify};
use workson_oci::document::Document;
use workson_oci::image::{Found, Reading};
use workson_oci::platform::Matcher;
use workson_oci::text::printable;
use workson_oci::{Content, Digest, Image, MediaType, Platform, Reference};
use workson_registry::Client;

use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::output::{count, json, print, sarif};

use super::export::write;
use crate::progress::ByteBar;
use crate::settings::{Settings, now};

/// How many layers are read at once.
const JOBS: usize = 3;
/// How many findings of one kind are printed before it says how many more there are.
const SHOWN: usize = 10;

/// Do the bytes hold what the label claims? Reads an image's layers, and says whether what it would run can start
///
/// Nothing is unpacked to disk. IMAGE is a reference at a registry, `oci:DIR` for an OCI image layout, or
/// `docker-archive:FILE` for what `docker save` writes.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 yes for every image and platform; 1 a no; 2 it could not be told.")]
pub(crate) struct Arguments {
    /// A reference, oci:DIR or docker-archive:FILE; oci:DIR:NAME and docker-archive:FILE:TAG for one of several
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,

    /// For this platform [default: linux/arm64]
    #[arg(long, short, value_name = "P", conflicts_with = "all_platforms")]
    platform: Vec<String>,

    /// For every platform that the image has
    #[arg(long)]
    all_platforms: bool,

    /// Read it even where this version has read the same digest before
    #[arg(long)]
    again: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Write the findings to FILE as SARIF, for code scanning
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,

    /// Read at most N bytes of a layer, unpacked
    #[arg(long, value_name = "N")]
    max_layer_bytes: Option<u64>,

    /// Read at most N entries of a layer
    #[arg(long, value_name = "N")]
    max_layer_entries: Option<u64>,

    /// Keep at most N entries of all layers of an image
    #[arg(long, value_name = "N")]
    max_image_entries: Option<u64>,

    /// Give zstd at most N bytes of memory to unpack a layer
    #[arg(long, value_name = "N")]
    max_layer_window: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageAnswer {
    /// As it was asked for.
    image: String,
    /// The digest of what it names.
    digest: Option<String>,
    /// `yes` where every platform is, `no` where one is not, else `unknown`.
    verdict: &'static str,
    platforms: Vec<PlatformAnswer>,
    /// What differs between the platforms.
    parity: Vec<FindingAnswer>,
    /// Why nothing could be told at all.
    error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlatformAnswer {
    platform: String,
    /// Of the platform's manifest; none where the image has none for it.
    digest: Option<String>,
    verdict: String,
    /// `verified`; none where not all was read, or could not be told.
    rung: Option<String>,
    /// When it was read; none where nothing was.
    verified_at: Option<String>,
    findings: Vec<FindingAnswer>,
    /// How many binaries there are for each machine.
    machines: std::collections::BTreeMap<String, u64>,
    /// The files that would run, libraries included.
    runs: Vec<String>,
    glibc_needed: Option<String>,
    glibc_given: Option<String>,
    x86_level: Option<u8>,
    alignment: Option<u64>,
    layers: Vec<LayerAnswer>,
    /// What is compared between platforms; none where nothing was read.
    profile: Option<Profile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FindingAnswer {
    weight: String,
    rule: String,
    file: Option<String>,
    layer: Option<usize>,
    reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct LayerAnswer {
    digest: String,
    size: u64,
    unpacked: u64,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let asked = super::platforms(&arguments.platform)?;
    let mut limits = Limits::default();
    limits.bytes = arguments.max_layer_bytes.unwrap_or(limits.bytes);
    limits.entries = arguments.max_layer_entries.unwrap_or(limits.entries);
    limits.image_entries = arguments.max_image_entries.unwrap_or(limits.image_entries);
    limits.window = arguments.max_layer_window.unwrap_or(limits.window);
    let going = Going { limits, jobs: JOBS };
    let runtime = runtime()?;
    let client = settings.client(global, None)?;
    let (again, all_platforms) = (arguments.again, arguments.all_platforms);
    let mut verifying = Verifying {
        store: Store::open(&settings.store(global))?,
        again,
        all_platforms,
        going,
        bar: ByteBar::new(global),
    };
    let mut answers = Vec::new();
    for image in &arguments.images {
        let answer = match subject(image, &client, runtime.handle()) {
            Ok(subject) => verifying.one(image, &subject, &asked)?,
            Err(error) => failed(image, error),
        };
        if !arguments.json {
            print(shown(&answer, global.quiet).as_bytes())?;
        }
        answers.push(answer);
    }
    if arguments.json {
        print(&json::document(&answers)?)?;
    }
    if let Some(path) = &arguments.sarif {
        write(path, &json::document(&sarif::document(&results(&answers)))?)?;
    }
    Ok(match &answers {
        answers if answers.iter().any(|answer| answer.verdict == "no") => Exit::No,
        answers if answers.iter().any(|answer| answer.verdict == "unknown") => Exit::Unknown,
        _ => Exit::Yes,
    })
}

/// Layers come over the network while other threads read them.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::io("starting to wait for requests", &error))
}

fn registry(client: &Client, reference: &Reference, runtime: &tokio::runtime::Handle) -> RegistrySource {
    RegistrySource { client: client.clone(), reference: reference.clone(), runtime: runtime.clone() }
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

/// A source whose layers are shown as they come.
struct Watched<'a> {
    source: &'a dyn Source,
    bar: &'a ByteBar,
}

impl Source for Watched<'_> {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        self.source.document(digest, media_type, is_blob)
    }

    fn layer(&self, digest: &Digest) -> Result<Box<dyn std::io::Read + Send>, String> {
        self.source.layer(digest).map(|reader| self.bar.watch(reader))
    }
}

/// Documents that an inventory kept, and the registry for all else.
struct Stored {
    store: Mutex<Store>,
    registry: RegistrySource,
}

impl Source for Stored {
    fn document(&self, digest: &Digest, media_type: &MediaType, is_blob: bool) -> Result<Content, String> {
        let kept = self.store.lock().ok().and_then(|store| store.content(digest).ok().flatten());
        kept.map_or_else(|| self.registry.document(digest, media_type, is_blob), Ok)
    }

    fn layer(&self, digest: &Digest) -> Result<Box<dyn std::io::Read + Send>, String> {
        self.registry.layer(digest)
    }
}

/// All findings, for code scanning. What could not be told is one as well.
fn results(answers: &[ImageAnswer]) -> Vec<sarif::Result<'_>> {
    let mut results = Vec::new();
    for answer in answers {
        let image = answer.image.as_str();
        if let Some(error) = &answer.error {
            results.push(sarif::Result {
                level: "warning",
                rule: "unread",
                message: error.clone(),
                image,
                file: None,
            });
        }
        for platform in &answer.platforms {
            for finding in &platform.findings {
                results.push(finding.sarif(image, Some(&platform.platform)));
            }
        }
        results.extend(answer.parity.iter().map(|finding| finding.sarif(image, None)));
    }
    results
}

/// What is to be read, and where from.
struct Subject {
    source: Box<dyn Source>,
    root: Content,
    /// Under which name anyone finds it; none for what is on disk.
    reference: Option<Reference>,
}

fn subject(image: &str, client: &Client, runtime: &tokio::runtime::Handle) -> Result<Subject, String> {
    if let Some(place) = image.strip_prefix("oci:") {
        let (folder, name) = match place.rsplit_once(':') {
            Some((folder, name)) if !Path::new(place).is_dir() => (folder, Some(name)),
            _ => (place, None),
        };
        let layout = Layout::open(Path::new(folder)).map_err(|error| error.to_string())?;
        let root = layout.root(name).map_err(|error| error.to_string())?;
        return Ok(Subject { source: Box::new(layout), root, reference: None });
    }
    if let Some(place) = image.strip_prefix("docker-archive:") {
        let (file, name) = match place.split_once(':') {
            Some((file, name)) if !Path::new(place).is_file() => (file, Some(name)),
            _ => (place, None),
        };
        let archive = Archive::open(Path::new(file)).map_err(|error| error.to_string())?;
        let root = archive.root(name).map_err(|error| error.to_string())?;
        return Ok(Subject { source: Box::new(archive), root, reference: None });
    }
    let reference: Reference = image.parse().map_err(|error| format!("{image}: {error}"))?;
    let root = runtime.block_on(client.manifest(&reference)).map_err(|error| error.to_string())?;
    let source = registry(client, &reference, runtime);
    Ok(Subject { source: Box::new(source), root, reference: Some(reference) })
}

fn failed(image: &str, error: String) -> ImageAnswer {
    let image = image.to_owned();
    let (platforms, parity) = (Vec::new(), Vec::new());
    ImageAnswer { image, digest: None, verdict: "unknown", platforms, parity, error: Some(error) }
}

/// A verification of several images.
pub(super) struct Verifying {
    store: Store,
    /// Whether what was read before is read again.
    again: bool,
    all_platforms: bool,
    going: Going,
    bar: ByteBar,
}

impl Verifying {
    /// Verifies what an inventory saw, from what the store has of it and otherwise from the registry: for each
    /// reference with the digest that it was seen to point at, the verdict on each platform.
    pub(super) fn seen(
        path: &Path,
        global: &Global,
        client: &Client,
        seen: &[(Reference, Digest)],
        platforms: &[Platform],
        mut told: impl FnMut(&Reference, &str, &str),
    ) -> Result<(), Failure> {
        let runtime = runtime()?;
        let going = Going { limits: Limits::default(), jobs: JOBS };
        let mut verifying = Verifying {
            store: Store::open(path)?,
            again: false,
            all_platforms: false,
            going,
            bar: ByteBar::new(global),
        };
        for (reference, digest) in seen {
            let Some(root) = verifying.store.content(digest)? else { continue };
            let registry = registry(client, reference, runtime.handle());
            let source = Stored { store: Mutex::new(verifying.store.reader()?), registry };
            let subject = Subject { source: Box::new(source), root, reference: Some(reference.clone()) };
            let answer = verifying.one(&reference.to_string(), &subject, platforms)?;
            for platform in &answer.platforms {
                told(reference, &platform.platform, &platform.verdict);
            }
        }
        Ok(())
    }

    fn one(&mut self, image: &str, subject: &Subject, asked: &[Platform]) -> Result<ImageAnswer, Failure> {
        let root = &subject.root;
        let offered = match offered(subject.source.as_ref(), root) {
            Ok(offered) => offered,
            Err(error) => return Ok(failed(image, error)),
        };
        let wanted: Vec<Platform> = match (self.all_platforms, asked) {
            (true, _) => offered.platforms.iter().map(|offered| offered.platform.clone()).collect(),
            (false, []) => vec![super::arm64()],
            (false, asked) => asked.to_vec(),
        };
        let mut platforms = Vec::new();
        for platform in &wanted {
            platforms.push(self.for_platform(subject, &offered, platform)?);
        }
        let has = |verdict: &str| platforms.iter().any(|answer: &PlatformAnswer| answer.verdict == verdict);
        let verdict = match () {
            () if has("no") => "no",
            () if platforms.is_empty() || has("unknown") => "unknown",
            () => "yes",
        };
        Ok(ImageAnswer {
            image: image.to_owned(),
            digest: Some(root.digest.to_string()),
            verdict,
            parity: parity(&platforms),
            platforms,
            error: None,
        })
    }

    fn for_platform(
        &mut self,
        subject: &Subject,
        image: &Image,
        platform: &Platform,
    ) -> Result<PlatformAnswer, Failure> {
        let matcher = Matcher::only_strict(platform);
        let Some(offered) = image.platforms.iter().find(|offered| matcher.matches(&offered.platform)) else {
            let weight = if image.is_certain() { Weight::No } else { Weight::Unknown };
            let has: Vec<String> =
                image.platforms.iter().map(|offered| json::shown(&offered.platform)).collect();
            let reason = format!("the image does not offer it; it has {}", has.join(" "));
            return Ok(without(platform, weight, "not-offered", reason));
        };
        let digest = match offered.digest.parse::<Digest>() {
            Ok(digest) => digest,
            Err(error) => return Ok(without(platform, Weight::Unknown, "unread", error.to_string())),
        };
        let reference = subject.reference.as_ref().map(|reference| (reference, &subject.root.digest));
        if let Some((found, answer)) = self.known(&digest, &offered.platform)? {
            self.store.put_verification(reference, &found)?;
            return Ok(answer);
        }
        let watched = Watched { source: subject.source.as_ref(), bar: &self.bar };
        let source: &dyn Source = &watched;
        let manifest = match digest == subject.root.digest {
            true => Ok(subject.root.clone()),
            false => source.document(&digest, &offered.media_type, false),
        };
        if let Ok(manifest) = &manifest {
            self.bar.expect(length(manifest));
        }
        let verified =
            manifest.and_then(|manifest| verify(source, &manifest, &offered.platform, &self.going));
        self.bar.clear();
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => return Ok(without(platform, Weight::Unknown, "unread", error)),
        };
        let at = now();
        let answer = PlatformAnswer::of(&verified, at);
        let found = Verification {
            digest,
            platform: offered.platform.clone(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            at,
            verdict: verified.judgement.verdict(),
            answer: serde_json::to_string(&answer).map_err(|error| Failure::new(error.to_string()))?,
        };
        // What was not read says nothing about the digest.
        if verified.is_read {
            self.store.put_verification(reference, &found)?;
        }
        Ok(answer)
    }

    /// What this version found of the same digest earlier.
    fn known(
        &self,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Option<(Verification, PlatformAnswer)>, Failure> {
        if self.again {
            return Ok(None);
        }
        let known = self.store.verification(digest, platform, env!("CARGO_PKG_VERSION"))?;
        // What can't be read is read anew from the image.
        Ok(known.and_then(|known| {
            let answer = serde_json::from_str(&known.answer).ok()?;
            Some((known, answer))
        }))
    }
}

/// What an image offers, with the configs that it takes to tell.
fn offered(source: &dyn Source, root: &Content) -> Result<Image, String> {
    let mut found: HashMap<Digest, Found> = HashMap::new();
    loop {
        match Image::read(root, &found, false).map_err(|error| error.to_string())? {
            Reading::Complete(image) => return Ok(image),
            Reading::Needs(needs) => {
                for need in needs {
                    let document = source.document(&need.digest, &need.media_type, need.blob);
                    found.insert(need.digest, document);
                }
            }
        }
    }
}

/// What differs between the platforms, linux/amd64 being what the others are compared with.
fn parity(platforms: &[PlatformAnswer]) -> Vec<FindingAnswer> {
    let profile = |answer: &PlatformAnswer| Some((answer.platform.clone(), answer.profile.clone()?));
    let mut profiles: Vec<(String, Profile)> = platforms.iter().filter_map(profile).collect();
    profiles.sort_by_key(|(name, _)| name != "linux/amd64");
    compare(&profiles).iter().map(FindingAnswer::of).collect()
}

/// An answer about what was not read.
fn without(platform: &Platform, weight: Weight, rule: &'static str, reason: String) -> PlatformAnswer {
    let verdict = if weight == Weight::No { "no" } else { "unknown" };
    let (weight, rule) = (weight.name().to_owned(), rule.to_owned());
    let finding = FindingAnswer { weight, rule, file: None, layer: None, reason };
    PlatformAnswer {
        platform: json::shown(platform),
        digest: None,
        verdict: verdict.to_owned(),
        rung: None,
        verified_at: None,
        findings: vec![finding],
        machines: Default::default(),
        runs: Vec::new(),
        glibc_needed: None,
        glibc_given: None,
        x86_level: None,
        alignment: None,
        profile: None,
        layers: Vec::new(),
    }
}

impl PlatformAnswer {
    fn of(verified: &Verified, at: Timestamp) -> PlatformAnswer {
        let judgement = &verified.judgement;
        let verdict = judgement.verdict();
        let (needed, given) = judgement.glibc.clone().unzip();
        PlatformAnswer {
            platform: json::shown(&verified.platform),
            digest: Some(verified.digest.to_string()),
            verdict: verdict.name().to_owned(),
            rung: (verified.is_read && !matches!(verdict, Verdict::Unknown(_)))
                .then(|| Rung::Verified.name().to_owned()),
            verified_at: Some(at.to_string()),
            findings: judgement.findings().iter().map(FindingAnswer::of).collect(),
            machines: judgement.machines.clone(),
            runs: judgement.runs.clone(),
            glibc_needed: needed,
            glibc_given: given.flatten(),
            x86_level: judgement.x86_level,
            alignment: judgement.alignment,
            profile: Some(Profile::new(
                &verified.details,
                verified.layers.iter().map(|layer| layer.size).sum(),
            )),
            layers: verified
                .layers
                .iter()
                .map(|layer| LayerAnswer {
                    digest: layer.digest.clone(),
                    size: layer.size,
                    unpacked: layer.unpacked,
                })
                .collect(),
        }
    }
}

impl FindingAnswer {
    fn sarif<'a>(&'a self, image: &'a str, platform: Option<&str>) -> sarif::Result<'a> {
        let level = match self.weight.as_str() {
            "no" => "error",
            "note" => "note",
            _ => "warning",
        };
        let platform = platform.map(|platform| format!("{platform}: ")).unwrap_or_default();
        let message = format!("{platform}{}", self.reason);
        sarif::Result { level, rule: &self.rule, message, image, file: self.file.as_deref() }
    }

    fn of(finding: &Finding) -> FindingAnswer {
        FindingAnswer {
            weight: finding.weight.name().to_owned(),
            rule: finding.rule.to_owned(),
            file: finding.file.clone(),
            layer: finding.layer,
            reason: finding.reason.clone(),
        }
    }
}

fn shown(answer: &ImageAnswer, quiet: bool) -> String {
    let name = printable(&answer.image);
    if let Some(error) = &answer.error {
        return format!("{name}: unknown: {}\n", printable(error));
    }
    let mut text = String::new();
    for platform in &answer.platforms {
        text += &format!("{name} on {}: {}", platform.platform, platform.verdict);
        if platform.rung.is_some() {
            text += ", verified";
        }
        text.push('\n');
        if quiet {
            continue;
        }
        for rule in rules(&platform.findings) {
            let of_rule: Vec<&FindingAnswer> =
                platform.findings.iter().filter(|finding| finding.rule == rule).collect();
            for finding in of_rule.iter().take(SHOWN) {
                let at = finding.layer.map(|layer| format!(" (layer {})", layer + 1)).unwrap_or_default();
                let file =
                    finding.file.as_ref().map(|file| format!("{}: ", printable(file))).unwrap_or_default();
                text += &format!("  {:<8}{file}{}{at}\n", finding.weight, printable(&finding.reason));
            }
            if of_rule.len() > SHOWN {
                text += &format!("          and {} more of these\n", of_rule.len() - SHOWN);
            }
        }
        if !platform.layers.is_empty() {
            let machines: Vec<String> =
                platform.machines.iter().map(|(machine, count)| format!("{count} for {machine}")).collect();
            let runs = count(platform.runs.len(), "file");
            text += &format!("  what would run: {runs}; binaries: {}\n", machines.join(", "));
        }
    }
    if !quiet && !answer.parity.is_empty() {
        text += "between the platforms:\n";
        for finding in &answer.parity {
            text += &format!("  {:<8}{}\n", finding.weight, printable(&finding.reason));
        }
    }
    text
}

/// The rules that have findings, in the order of their first.
fn rules(findings: &[FindingAnswer]) -> Vec<&str> {
    let mut rules = Vec::new();
    for finding in findings {
        if !rules.contains(&finding.rule.as_str()) {
            rules.push(&finding.rule);
        }
    }
    rules
}
