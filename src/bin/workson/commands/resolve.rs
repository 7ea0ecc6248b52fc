//! `workson resolve`: what a container engine would pull.

use clap::Args;
use serde::Serialize;
use workson_oci::image::contradicts;
use workson_oci::platform::Matcher;
use workson_oci::resolution::{Outcome, Resolution};
use workson_oci::text::printable;
use workson_oci::{Image, Kind, Platform, Reference};
use workson_registry::{Client, NearestTag};

use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::json::{self, ErrorAnswer, shown};
use crate::output::print;
use crate::output::table::{self, cell};
use crate::settings::Settings;

/// Say what a container engine would pull here, or on another platform
///
/// Platforms are matched as containerd matches them.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 there is something to pull; 1 nothing fits the platform; 2 it could not be told."
)]
pub(crate) struct Arguments {
    /// What would be pulled
    #[arg(value_name = "IMAGE")]
    image: String,

    /// On which platform [default: this host, with the variant of its processor]
    #[arg(long, short, value_name = "P")]
    platform: Option<String>,

    /// Show every candidate, and why it was passed over
    #[arg(long)]
    explain: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let (wanted, matcher) = super::wanted(arguments.platform.as_ref())?;
    let settings = Settings::read(global)?;
    let client = settings.client(global, None)?;
    let outcome =
        crate::block_on(async { Ok(resolve(&client, arguments, global, &wanted, &matcher).await) })?;
    match outcome {
        Ok(exit) => Ok(exit),
        Err(Stop::Told(error)) if arguments.json => {
            let report = Report {
                reference: arguments.image.clone(),
                wanted: shown(&wanted),
                host: arguments.platform.is_none(),
                error: Some(error),
                ..Report::default()
            };
            print(&json::document(&report)?)?;
            Ok(Exit::Unknown)
        }
        Err(Stop::Told(error)) => Err(error.into()),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// Why there is no answer: something to tell of the image, or a failure of this program's own.
enum Stop {
    Told(ErrorAnswer),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<workson_registry::Error> for Stop {
    fn from(error: workson_registry::Error) -> Stop {
        Stop::Told((&error).into())
    }
}

async fn resolve(
    client: &Client,
    arguments: &Arguments,
    global: &Global,
    wanted: &Platform,
    matcher: &Matcher,
) -> Result<Exit, Stop> {
    let text = &arguments.image;
    let reference: Reference =
        text.parse().map_err(|error| Stop::Told(ErrorAnswer::invalid(text, &error)))?;
    let image = client.image(&reference, false).await?.image;
    if image.kind == Kind::Artifact {
        let notes: Vec<String> = image.notes.iter().map(ToString::to_string).collect();
        let message = format!("{text}: {}", notes.join("; "));
        return Err(Stop::Told(ErrorAnswer { kind: "invalid-image", message, hint: None }));
    }
    let resolution = Resolution::of(&image, matcher);
    let mut report = Report::new(arguments, &reference, &image, wanted, &resolution);
    match resolution.chosen {
        Some(chosen) => report.check_config(client, &reference, &image, chosen).await?,
        None => {
            report.nearest = client.nearest_tag(&reference, matcher).await.unwrap_or(None).map(Nearest::of)
        }
    }
    report.print(arguments, global, &image, &resolution)?;
    Ok(match report.digest {
        Some(_) if report.contradiction.is_none() => Exit::Yes,
        None if !image.is_certain() => Exit::Unknown,
        _ => Exit::No,
    })
}

/// The answer, for people and as JSON.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    reference: String,
    /// The platform that was asked for.
    wanted: String,
    /// Whether that is this host.
    host: bool,
    /// What would be pulled; none where nothing fits.
    platform: Option<String>,
    digest: Option<String>,
    size: Option<u64>,
    /// By digest, for a deployment that is pinned.
    pinned: Option<String>,
    /// What the config of that image says, where it says something else.
    contradiction: Option<String>,
    /// What the image has.
    available: Vec<String>,
    /// Where nothing fits: another tag that has it.
    nearest: Option<Nearest>,
    /// Every candidate, and what came of it.
    candidates: Vec<Candidate>,
    notes: Vec<String>,
    /// Why it could not be told.
    error: Option<ErrorAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Nearest {
    reference: String,
    platform: String,
    /// Whether this was read from the image, and not from Docker Hub's web API.
    from_manifest: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    platform: String,
    digest: String,
    chosen: bool,
    why: String,
}

impl Nearest {
    fn of(nearest: NearestTag) -> Nearest {
        Nearest {
            reference: nearest.reference.familiar(),
            platform: nearest.platform.to_string(),
            from_manifest: nearest.from_manifest,
        }
    }
}

impl Report {
    fn new(
        arguments: &Arguments,
        reference: &Reference,
        image: &Image,
        wanted: &Platform,
        resolution: &Resolution,
    ) -> Report {
        let chosen = resolution.chosen.map(|at| &image.platforms[at]);
        let candidates =
            image.platforms.iter().zip(&resolution.outcomes).map(|(offered, outcome)| Candidate {
                platform: shown(&offered.platform),
                digest: offered.digest.clone(),
                chosen: *outcome == Outcome::Chosen,
                why: why(outcome, image),
            });
        let mut available: Vec<String> =
            image.platforms.iter().map(|offered| offered.platform.normalized().to_string()).collect();
        let mut seen = std::collections::HashSet::new();
        available.retain(|platform| seen.insert(platform.clone()));
        Report {
            reference: arguments.image.clone(),
            wanted: shown(wanted),
            host: arguments.platform.is_none(),
            platform: chosen.map(|offered| shown(&offered.platform)),
            digest: chosen.map(|offered| offered.digest.clone()),
            size: chosen.map(|offered| offered.size),
            pinned: chosen.map(|offered| format!("{}@{}", reference.repository(), offered.digest)),
            contradiction: None,
            available,
            nearest: None,
            candidates: candidates.collect(),
            notes: image.notes.iter().map(ToString::to_string).collect(),
            error: None,
        }
    }

    /// Reads the config of what was chosen: an engine goes by the index, and starts what it gets.
    async fn check_config(
        &mut self,
        client: &Client,
        reference: &Reference,
        image: &Image,
        chosen: usize,
    ) -> Result<(), Stop> {
        let offered = &image.platforms[chosen];
        if offered.from_config {
            return Ok(());
        }
        let digest =
            offered.digest.parse().map_err(|error| Failure::new(format!("{}: {error}", offered.digest)))?;
        let child = client.image(&reference.with_digest(digest), false).await?.image;
        match child.platforms.first() {
            Some(own) if child.kind == Kind::Image => {
                if contradicts(&offered.platform, &own.platform) {
                    self.contradiction = Some(shown(&own.platform));
                }
            }
            _ => self.contradiction = Some("no image at all".to_owned()),
        }
        Ok(())
    }

    fn print(
        &self,
        arguments: &Arguments,
        global: &Global,
        image: &Image,
        resolution: &Resolution,
    ) -> Result<(), Failure> {
        if arguments.json {
            return Ok(print(&json::document(self)?)?);
        }
        let mut text = String::new();
        let here = if self.host { " (this host)" } else { "" };
        if let (Some(platform), Some(digest), Some(pinned)) = (&self.platform, &self.digest, &self.pinned) {
            text += &format!("platform  {}\ndigest    {digest}\nimage     {pinned}\n", printable(platform));
            if *platform != self.wanted {
                text += &format!("asked     {}{here}\n", self.wanted);
            }
        } else {
            let found =
                if image.is_certain() { "has nothing" } else { "could not be told whole, and shows nothing" };
            text += &format!("{} {found} for {}{here}\n", self.reference, self.wanted);
            text += &format!(
                "it has    {}\n",
                if self.available.is_empty() {
                    "no platform".into()
                } else {
                    printable(&self.available.join(" ")).into_owned()
                }
            );
            if let Some(nearest) = &self.nearest {
                let source = if nearest.from_manifest { "" } else { ", by Docker Hub's web API" };
                text += &format!("nearest   {} ({}{source})\n", nearest.reference, nearest.platform);
            }
        }
        if arguments.explain {
            text += &explanation(image, resolution);
        }
        print(text.as_bytes())?;
        let notes = if global.quiet { &[] } else { &self.notes[..] };
        for note in notes {
            tell(&format!("note: {note}"), None);
        }
        if resolution.chosen.is_none() && resolution.outcomes.contains(&Outcome::NotLookedAt) {
            tell(&format!("note: {} is there, but {}", self.wanted, Outcome::NotLookedAt), None);
        }
        if let Some(contradiction) = &self.contradiction {
            tell(
                &format!("the index says {}, but the image's own config says {contradiction}", self.wanted),
                Some(
                    "an engine pulls it all the same, and then it does not start; tell whoever publishes it",
                ),
            );
        }
        if self.digest.is_none() && image.kind == Kind::Image {
            tell(
                "note: it is a single image, which engines pull whatever its platform is",
                Some("without emulation it then fails with \"exec format error\""),
            );
        }
        Ok(())
    }
}

fn why(outcome: &Outcome, image: &Image) -> String {
    match outcome {
        Outcome::Outranked(better) => {
            format!("would do, but {} is better or comes first", shown(&image.platforms[*better].platform))
        }
        other => other.to_string(),
    }
}

/// The ladder of what is looked for, and what came of each entry.
fn explanation(image: &Image, resolution: &Resolution) -> String {
    let mut text = String::from("\nlooked for, the best first\n");
    for (platform, entries) in &resolution.ladder {
        let found = match entries.len() {
            0 => "-".to_owned(),
            found => crate::output::count(found, "candidate"),
        };
        text += &format!("  {:<16}  {found}\n", shown(platform));
    }
    let mut table = table::new(&["candidate", "digest", "outcome"]);
    for (offered, outcome) in image.platforms.iter().zip(&resolution.outcomes) {
        table.add_row([cell(&shown(&offered.platform)), cell(&offered.digest), cell(&why(outcome, image))]);
    }
    text += "\n";
    text + &table::text(&mut table)
}
