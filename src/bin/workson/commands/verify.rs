//! `workson verify`: do the bytes hold what the label claims?

mod answer;
mod verifying;

use std::path::PathBuf;

use clap::Args;
use workson::verify::Limits;
use workson_oci::text::printable;

pub(crate) use self::answer::ImageAnswer;
use self::answer::{FindingAnswer, results};
pub(crate) use self::verifying::{Verifying, Watched};
use super::export::write;
use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::output::{count, json, print, sarif};
use crate::settings::Settings;

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

    #[command(flatten)]
    limits: LayerLimits,
}

/// How far layers are read.
#[derive(Debug, Args)]
pub(crate) struct LayerLimits {
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

impl LayerLimits {
    pub(crate) fn limits(&self) -> Limits {
        let limits = Limits::default();
        Limits {
            bytes: self.max_layer_bytes.unwrap_or(limits.bytes),
            entries: self.max_layer_entries.unwrap_or(limits.entries),
            image_entries: self.max_image_entries.unwrap_or(limits.image_entries),
            window: self.max_layer_window.unwrap_or(limits.window),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let asked = super::platforms("--platform", &arguments.platform)?;
    let client = settings.client(global, None)?;
    let mut verifying = Verifying::new(&settings.store(global), global, &client, arguments.limits.limits())?;
    verifying.again = arguments.again;
    verifying.all_platforms = arguments.all_platforms;
    let mut answers = Vec::new();
    for image in &arguments.images {
        let answer = verifying.named(image, &asked)?;
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

pub(crate) fn shown(answer: &ImageAnswer, quiet: bool) -> String {
    let name = printable(&answer.image);
    if let Some(error) = &answer.error {
        return format!("{name}: unknown: {}\n", printable(error));
    }
    let mut text = String::new();
    for platform in &answer.platforms {
        text += &format!("{name} on {}: {}", printable(&platform.platform), platform.verdict);
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
