//! What is told of what was assembled.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use workson::assemble::{Assembled, Recipe};
use workson::publish;
use workson::transfer::Graph;
use workson_oci::Reference;
use workson_oci::text::printable;

use crate::commands::copy::PublishedAnswer;
use crate::commands::verify::ImageAnswer;
use crate::exit::Failure;
use crate::output::{count, table};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssembledAnswer {
    /// What was assembled: the recipe's file, or the release.
    recipe: String,
    /// Of the index.
    digest: String,
    media_type: String,
    platforms: Vec<Platform>,
    /// The blobs that the image consists of.
    blobs: Vec<Blob>,
    notes: Vec<String>,
    /// What was verified before; none with `--no-verify`.
    verified: Option<ImageAnswer>,
    /// The index itself, byte for byte.
    index: Box<RawValue>,
    /// What would be done; none where it was done.
    pub(super) dry_run: Option<DryRun>,
    /// The layout that it was written to.
    pub(super) written: Option<String>,
    pub(super) published: Vec<PublishedAnswer>,
    /// What the official images' library file says of an Alpine release.
    stanza: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Platform {
    platform: String,
    digest: String,
    size: u64,
    /// A root's path, or an image's name.
    from: String,
    /// Where the recipe says so: file, line and column.
    at: String,
    attestations: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    digest: String,
    size: u64,
    media_type: String,
}

/// What is told of a release besides.
#[derive(Debug, Default)]
pub(super) struct More {
    pub(super) stanza: Option<String>,
    pub(super) notes: Vec<String>,
}

/// What would be done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DryRun {
    push: Vec<String>,
    write: Option<String>,
    /// Those that were looked at: without `--push`, none is.
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    reference: String,
    /// What it points at today.
    before: Option<String>,
}

impl DryRun {
    pub(super) fn of(push: &[Reference], targets: &[publish::Target], to: Option<&str>) -> DryRun {
        let target = |target: &publish::Target| Target {
            reference: target.reference.to_string(),
            before: target.before.as_ref().map(|there| there.digest.to_string()),
        };
        DryRun {
            push: push.iter().map(Reference::to_string).collect(),
            write: to.map(str::to_owned),
            targets: targets.iter().map(target).collect(),
        }
    }

    /// What a reference points at today, for people.
    fn today(&self, reference: &str, digest: &str) -> String {
        match self.targets.iter().find(|target| target.reference == reference).map(|target| &target.before) {
            Some(Some(before)) if before == digest => "which is there already".to_owned(),
            Some(Some(before)) => format!("in the place of {before}"),
            Some(None) => "which is not there today".to_owned(),
            None => "which was not looked at: --push looks".to_owned(),
        }
    }
}

impl AssembledAnswer {
    pub(super) fn of(
        recipe: &Recipe,
        assembled: &Assembled,
        verified: Option<ImageAnswer>,
        more: More,
    ) -> Result<AssembledAnswer, Failure> {
        let root = &assembled.opened.root;
        let index = serde_json::from_slice(&root.bytes).map_err(|error| Failure::new(error.to_string()))?;
        let platform = |entry: &workson::assemble::AssembledPlatform| Platform {
            platform: entry.platform.format_all(),
            digest: entry.digest.to_string(),
            size: entry.size,
            from: entry.from.clone(),
            at: entry.at.clone(),
            attestations: entry.attestations,
        };
        Ok(AssembledAnswer {
            recipe: recipe.name.clone(),
            digest: root.digest.to_string(),
            media_type: root.media_type.to_string(),
            platforms: assembled.platforms.iter().map(platform).collect(),
            blobs: Vec::new(),
            notes: more.notes.into_iter().chain(assembled.notes.clone()).collect(),
            verified,
            index,
            dry_run: None,
            written: None,
            published: Vec::new(),
            stanza: more.stanza,
        })
    }

    /// Notes the blobs that it consists of, and that others are kept elsewhere.
    pub(super) fn parts(&mut self, graph: &Graph) {
        let blob = |blob: &workson::transfer::Blob| Blob {
            digest: blob.digest.to_string(),
            size: blob.size,
            media_type: blob.media_type.to_string(),
        };
        self.blobs = graph.blobs.iter().map(blob).collect();
        self.notes.extend(graph.left_elsewhere("sent"));
    }
}

/// For people.
pub(super) fn told(answer: &AssembledAnswer, quiet: bool) -> String {
    let mut text = String::new();
    if !quiet {
        text += &format!(
            "{}\n{}, {}\n\n",
            answer.digest,
            count(answer.platforms.len(), "platform"),
            answer.media_type
        );
        let mut rows = table::new(&["platform", "digest", "from"]);
        for platform in &answer.platforms {
            rows.add_row(
                [&platform.platform, &platform.digest, &platform.from].map(|text| table::cell(text)),
            );
        }
        text += &table::text(&mut rows);
        let attestations: usize = answer.platforms.iter().map(|platform| platform.attestations).sum();
        if attestations > 0 {
            text += &format!("and {}\n", count(attestations, "attestation"));
        }
        for note in &answer.notes {
            text += &format!("note: {}\n", printable(note));
        }
        text.push('\n');
    }
    if let Some(dry_run) = &answer.dry_run {
        text += &would(answer, dry_run);
    }
    if let Some(written) = &answer.written {
        text += &format!("written to {}\n", printable(written));
    }
    for published in &answer.published {
        text += &format!("{}\n", published.line(&answer.digest, quiet));
    }
    if let Some(stanza) = &answer.stanza {
        text += &format!("\nThe official images' library file would say of it:\n\n{stanza}");
    }
    text
}

/// What would be done.
fn would(answer: &AssembledAnswer, dry_run: &DryRun) -> String {
    // For people: what is digested is the index without line ends.
    let index: Value = serde_json::from_str(answer.index.get()).unwrap_or_default();
    let mut text = format!("{index:#}\n\n");
    let bytes: u64 = answer.blobs.iter().map(|blob| blob.size).sum();
    text += &format!("{} of {bytes} bytes together:\n", count(answer.blobs.len(), "blob"));
    for blob in &answer.blobs {
        text += &format!("  {}  {}\n", blob.digest, blob.size);
    }
    if let Some(write) = &dry_run.write {
        text += &format!("would be written to {}\n", printable(write));
    }
    for reference in &dry_run.push {
        let today = dry_run.today(reference, &answer.digest);
        text += &format!("would be pushed to {}@{}, {today}\n", printable(reference), answer.digest);
    }
    text += "nothing is written or pushed\n";
    text
}
