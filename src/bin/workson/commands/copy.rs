//! `workson copy` and `workson push`: an image under further names, once it is there and right.

use clap::Args;
use serde::Serialize;
use workson::publish::{
    self, AllowedDrop, Publication as Publishing, PublishError, Published, offered_platforms,
};
use workson::source::{Opened, Place, Source, offered};
use workson::transfer::{Graph, MountFrom};
use workson_oci::platform::Matcher;
use workson_oci::text::printable;
use workson_oci::{Digest, Kind, Platform, Reference, Repository};

use super::verify::{ImageAnswer, LayerLimits, Verifying, shown};
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::interrupt::hold;
use crate::output::{count, json, print};
use crate::progress::ByteBar;
use crate::settings::Settings;

/// How many blobs are under way at once.
pub(super) const JOBS: usize = 6;

/// Copy an image to further names, with all its platforms: only what is not there is sent, and tags move last
///
/// What it holds is verified before. A tag that has a platform today is not replaced by an image that lacks it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it is there; 1 it was refused, and nothing has changed; 2 it could not be done."
)]
pub(crate) struct Arguments {
    /// A reference, oci:DIR[:NAME] or docker-archive:FILE[:TAG]
    #[arg(value_name = "IMAGE")]
    image: String,

    #[command(flatten)]
    pub(crate) to: Publication,
}

/// Push an image from an OCI layout to registries: only what is not there is sent, and tags move last
///
/// What it holds is verified before. A tag that has a platform today is not replaced by an image that lacks it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it is there; 1 it was refused, and nothing has changed; 2 it could not be done."
)]
pub(crate) struct PushArguments {
    /// oci:DIR[:NAME] or docker-archive:FILE[:TAG]
    #[arg(value_name = "oci:DIR")]
    image: String,

    #[command(flatten)]
    pub(crate) to: Publication,
}

/// Which platforms an image has to have before it is published.
#[derive(Debug, Args)]
pub(super) struct Keeping {
    /// Refuse it unless it has these platforms, and no others
    #[arg(long, value_name = "P", value_delimiter = ',')]
    pub(super) expect: Vec<String>,

    /// Replace a tag that has this platform, though the image lacks it; `any`: whatever the tag has
    #[arg(long, value_name = "P", value_delimiter = ',')]
    pub(super) allow_drop: Vec<String>,
}

impl Keeping {
    /// The platforms that are expected; empty where it is not said.
    pub(super) fn expected(&self) -> Result<Vec<Platform>, Failure> {
        super::platforms("--expect", &self.expect)
    }

    /// The platforms that a tag may lose.
    pub(super) fn allowed(&self) -> Result<AllowedDrop, Failure> {
        match self.allow_drop.iter().any(|typed| typed == "any") {
            true => Ok(AllowedDrop::Any),
            false => super::platforms("--allow-drop", &self.allow_drop).map(AllowedDrop::Of),
        }
    }
}

/// Where an image is published, and how.
#[derive(Debug, Args)]
pub(crate) struct Publication {
    /// The references that it is to have: NAME:TAG, latest where there is no tag
    #[arg(required = true, value_name = "REF")]
    references: Vec<String>,

    /// Just the image for this platform
    #[arg(long, short, value_name = "P", conflicts_with = "all_platforms")]
    platform: Option<String>,

    /// All that the name stands for, byte for byte [the default]
    #[arg(long)]
    all_platforms: bool,

    #[command(flatten)]
    keeping: Keeping,

    /// Do not read what it holds before (see `workson verify`)
    #[arg(long)]
    no_verify: bool,

    #[command(flatten)]
    limits: LayerLimits,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    copy(&arguments.image, &arguments.to, global)
}

pub(crate) fn push(arguments: &PushArguments, global: &Global) -> Result<Exit, Failure> {
    if matches!(Place::read(&arguments.image), Ok(Place::Registry(_))) {
        return Err(Failure::new(format!("{} is at a registry, not on disk", arguments.image))
            .with_hint("`workson copy` copies from one name to another; `oci:DIR` is a layout on disk"));
    }
    copy(&arguments.image, &arguments.to, global)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CopyAnswer {
    image: String,
    digest: String,
    platforms: Vec<String>,
    /// What was verified before; none with `--no-verify`.
    verified: Option<ImageAnswer>,
    published: Vec<PublishedAnswer>,
    /// Why nothing was sent; none where it was.
    refused: Option<String>,
    /// Sentences for people.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishedAnswer {
    reference: String,
    /// What it pointed at before.
    before: Option<String>,
    sent: usize,
    mounted: usize,
    existed: usize,
    /// The bytes that were sent.
    bytes: u64,
}

fn copy(image: &str, to: &Publication, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let targets = references(&to.references)?;
    let (expected, allowed) = (to.keeping.expected()?, to.keeping.allowed()?);
    let client = settings.client(global, None)?;
    let mut verifying = Verifying::new(&settings.store(global), global, &client, to.limits.limits())?;
    let place = Place::read(image).map_err(Failure::new)?;
    let mut opened = verifying.open(&place).map_err(Failure::new)?;
    let refusal = match &to.platform {
        Some(platform) => {
            let platform = super::platforms("--platform", std::slice::from_ref(platform))?.remove(0);
            choose(image, &mut opened, &platform)?.err()
        }
        None => None,
    };
    let platforms = offered_platforms(opened.source.as_ref(), &opened.root).map_err(Failure::new)?;
    let mut answer = CopyAnswer {
        image: image.to_owned(),
        digest: opened.root.digest.to_string(),
        platforms: platforms.iter().map(json::shown).collect(),
        verified: None,
        published: Vec::new(),
        refused: None,
        notes: Vec::new(),
    };
    if let Some(refusal) = refusal {
        return answer.refused(refusal, to.json);
    }
    if !expected.is_empty()
        && let Some(refusal) = unexpected(&platforms, &expected)
    {
        return answer.refused(Refusal { message: format!("{image} {refusal}"), hint: None }, to.json);
    }
    if !to.no_verify && !platforms.is_empty() {
        let verified = verifying.opened(image, &opened)?;
        if !to.json && verified.verdict != "yes" {
            print(shown(&verified, global.quiet).as_bytes())?;
        }
        if let Some(reason) = verified.unread() {
            return Err(Failure::new(format!("{image} could not be verified: {reason}; nothing was sent"))
                .with_hint("try again; --no-verify sends it all the same"));
        }
        let wrong = verified.wrong_without_command();
        let is_wrong = verified.verdict == "no" || wrong.is_some();
        answer.verified = Some(verified);
        if is_wrong {
            let more = wrong.map(|wrong| format!(" ({wrong})")).unwrap_or_default();
            let message = format!("{image} does not hold what its labels claim{more}");
            let hint = Some("--no-verify sends it all the same".to_owned());
            return answer.refused(Refusal { message, hint }, to.json);
        }
    }
    let graph = Graph::read(opened.source.as_ref(), &opened.root)
        .map_err(|error| Failure::new(format!("{image}: {error}")))?;
    let sending = Sending {
        graph: &graph,
        source: opened.source.as_ref(),
        platforms: &platforms,
        allow_drop: allowed,
        mount_from: opened.reference.iter().map(|reference| reference.repository().clone()).collect(),
    };
    let mut publication = match sending.check(&targets, &verifying)? {
        Ok(publication) => publication,
        Err(refusal) => return answer.refused(refusal, to.json),
    };
    send(&mut publication, &graph, global)?;
    let published = move_tags(publication, &graph, &mut verifying)?;
    answer.notes.extend(graph.left_elsewhere("sent"));
    if to.json {
        answer.published = published.iter().map(PublishedAnswer::of).collect();
        print(&json::document(&answer)?)?;
    } else {
        print(told(&published, &graph.root.digest, &platforms, global.quiet).as_bytes())?;
    }
    if !global.quiet {
        answer.notes.iter().for_each(|note| tell(&format!("note: {note}"), None));
    }
    Ok(Exit::Yes)
}

/// Why nothing is published: not because something failed.
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl CopyAnswer {
    /// Tells that nothing was sent, and why.
    fn refused(mut self, refusal: Refusal, as_json: bool) -> Result<Exit, Failure> {
        if as_json {
            self.refused = Some(refusal.message.clone());
            print(&json::document(&self)?)?;
        }
        tell(&format!("{}; nothing was sent", refusal.message), refusal.hint.as_deref());
        Ok(Exit::No)
    }
}

/// What is published.
pub(super) struct Sending<'a> {
    pub(super) graph: &'a Graph,
    pub(super) source: &'a dyn Source,
    pub(super) platforms: &'a [Platform],
    /// Platforms that a tag may lose.
    pub(super) allow_drop: AllowedDrop,
    /// Repositories that have the blobs as well.
    pub(super) mount_from: Vec<Repository>,
}

impl<'a> Sending<'a> {
    /// Asks what the targets point at today, and whether they may be moved.
    pub(super) fn check(
        self,
        targets: &[Reference],
        verifying: &Verifying<'_>,
    ) -> Result<Result<Publishing<'a>, Refusal>, Failure> {
        let settings = publish::Settings {
            client: verifying.client().clone(),
            runtime: verifying.runtime().clone(),
            allow_drop: self.allow_drop,
            mount_from: MountFrom { all: self.mount_from, of: verifying.published_at(self.graph, targets) },
            jobs: JOBS,
        };
        match Publishing::check(self.graph, self.source, self.platforms, targets, settings) {
            Ok(publication) => Ok(Ok(publication)),
            Err(error @ PublishError::WouldDrop { .. }) => {
                let hint = Some("--allow-drop P takes a platform away on purpose".to_owned());
                Ok(Err(Refusal { message: error.to_string(), hint }))
            }
            Err(error @ PublishError::Untold { .. }) => Err(Failure::new(error.to_string())
                .with_hint("try again; --allow-drop any replaces it, whatever it has")),
            Err(error) => Err(Failure::new(error.to_string())),
        }
    }
}

/// Sends everything but the tags, with a bar.
pub(super) fn send(publication: &mut Publishing<'_>, graph: &Graph, global: &Global) -> Result<(), Failure> {
    let bar = ByteBar::new(global);
    bar.expect(graph.size());
    let sent = publication.send(&|bytes| bar.add(bytes));
    bar.clear();
    sent.map_err(|error| Failure::new(error.to_string()))
}

/// Moves the tags. It is the last thing that a command does: from here on it is not interrupted.
pub(super) fn move_tags(
    publication: Publishing<'_>,
    graph: &Graph,
    verifying: &mut Verifying<'_>,
) -> Result<Vec<Published>, Failure> {
    hold(verifying.runtime(), "the tags are being moved; this ends once all of them are");
    let published = publication.move_tags().map_err(|error| Failure::new(error.to_string()))?;
    verifying.remember(graph, &published);
    Ok(published)
}

/// What stands before names of places that are no registry's, here and in skopeo and podman. `docker://` does not say
/// more than the reference behind it.
const NO_REFERENCES: [&str; 8] = [
    "oci:",
    "oci-archive:",
    "docker-archive:",
    "docker-daemon:",
    "rootfs:",
    "dir:",
    "containers-storage:",
    "docker:",
];

/// The references that were typed; each has a tag, `latest` where none was typed.
pub(super) fn references(texts: &[String]) -> Result<Vec<Reference>, Failure> {
    let mut references: Vec<Reference> = Vec::new();
    for text in texts {
        if let Some(place) = NO_REFERENCES.iter().find(|place| text.starts_with(**place)) {
            let failure = Failure::new(format!("{text}: {place} names no place at a registry"));
            return Err(match *place {
                "docker:" => failure.with_hint("leave it out: a reference is NAME:TAG"),
                _ => failure.with_hint("a reference is NAME:TAG; `workson pull --to` writes to disk"),
            });
        }
        let reference: Reference = text.parse().map_err(|error| Failure::new(format!("{text}: {error}")))?;
        if reference.digest().is_some() {
            return Err(Failure::new(format!(
                "{text}: it is to be published under a tag, not under a digest"
            ))
            .with_hint("NAME:TAG; its digest is that of its bytes"));
        }
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    Ok(references)
}

/// Takes the image for one platform in the place of the whole, where there is one.
fn choose(image: &str, opened: &mut Opened, platform: &Platform) -> Result<Result<(), Refusal>, Failure> {
    let offered = offered(opened.source.as_ref(), &opened.root).map_err(Failure::new)?;
    let matcher = Matcher::only_strict(platform);
    let has: Vec<String> = offered.platforms.iter().map(|entry| json::shown(&entry.platform)).collect();
    let Some(entry) = offered.platforms.iter().find(|entry| matcher.matches(&entry.platform)) else {
        if !offered.is_complete() {
            let notes: Vec<String> = offered.notes.iter().map(ToString::to_string).collect();
            return Err(Failure::new(format!("{image} could not be told whole: {}", notes.join("; "))));
        }
        let message = format!("{image} has nothing for {}", json::shown(platform));
        let has = if has.is_empty() { "no platform".to_owned() } else { has.join(" ") };
        return Ok(Err(Refusal { message, hint: Some(format!("it has {has}")) }));
    };
    if offered.kind == Kind::Index {
        let digest: Digest =
            entry.digest.parse().map_err(|error| Failure::new(format!("{}: {error}", entry.digest)))?;
        opened.root = opened.source.document(&digest, &entry.media_type, false).map_err(Failure::new)?;
    }
    Ok(Ok(()))
}

/// How the platforms differ from those that are expected, in words.
fn unexpected(platforms: &[Platform], expected: &[Platform]) -> Option<String> {
    let not_in = |some: &[Platform], others: &[Platform]| -> Vec<String> {
        let is_in = |one: &Platform| {
            let matcher = Matcher::only_strict(one);
            others.iter().any(|other| matcher.matches(other))
        };
        some.iter().filter(|one| !is_in(one)).map(json::shown).collect()
    };
    let (lacks, more) = (not_in(expected, platforms), not_in(platforms, expected));
    let parts: Vec<String> = [("lacks", lacks), ("has", more)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| format!("{verb} {}", names.join(" ")))
        .collect();
    match (parts.is_empty(), parts.join(", and ")) {
        (true, _) => None,
        (false, text) if text.contains("has ") => Some(format!("{text}, which is not expected")),
        (false, text) => Some(format!("{text}, which is expected")),
    }
}

fn told(published: &[Published], digest: &Digest, platforms: &[Platform], quiet: bool) -> String {
    let mut text = String::new();
    for one in published {
        text += &PublishedAnswer::of(one).line(digest.as_str(), quiet);
        text.push('\n');
    }
    if !quiet && !platforms.is_empty() {
        let names: Vec<String> = platforms.iter().map(json::shown).collect();
        text += &format!("{}: {}\n", count(names.len(), "platform"), printable(&names.join(" ")));
    }
    text
}

impl PublishedAnswer {
    pub(super) fn of(published: &Published) -> PublishedAnswer {
        PublishedAnswer {
            reference: published.reference.to_string(),
            before: published.before.as_ref().map(Digest::to_string),
            sent: published.carried.sent,
            mounted: published.carried.mounted,
            existed: published.carried.existed,
            bytes: published.carried.bytes,
        }
    }
    /// What became of it, in one line.
    pub(super) fn line(&self, digest: &str, quiet: bool) -> String {
        let name = format!("{}@{digest}", printable(&self.reference));
        match (quiet, &self.before) {
            (true, _) => name,
            (false, Some(before)) if before == digest && self.sent + self.mounted == 0 => {
                format!("{name} was there already")
            }
            (false, _) => {
                let sent = count(self.sent, "blob");
                format!("{name}: {sent} sent, {} taken over, {} there already", self.mounted, self.existed)
            }
        }
    }
}
