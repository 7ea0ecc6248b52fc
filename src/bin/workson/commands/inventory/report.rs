//! What an inventory ends with: the count, what changed, and what could not be told.

use serde::Serialize;
use workson::catalog::{Change, Changes, Coverage};
use workson::crawl::Finished;
use workson::evidence::Evidence;
use workson::inventory::List;
use workson::store::{RunState, RunSummary, Snapshot};

use workson_oci::text::printable;
use workson_oci::{Platform, Reference};

use crate::commands::verify::ImageAnswer;
use crate::output::{count, json, table};

/// How many names of one kind are printed before it says how many more there are.
const SHOWN: usize = 40;

/// Everything that is told at the end.
pub(super) struct Report<'a> {
    pub(super) list: &'a List,
    pub(super) finished: &'a Finished,
    pub(super) snapshot: &'a Snapshot,
    pub(super) coverage: Vec<Coverage>,
    /// What was read of the images, where that was asked for.
    pub(super) verified: Vec<Verifications>,
    pub(super) changes: Option<Changes>,
}

/// What was read of the images that have a platform.
pub(super) struct Verifications {
    pub(super) platform: Platform,
    pub(super) found: Vec<(Reference, ImageAnswer)>,
}

impl Verifications {
    /// Those with a verdict: the reference, and the weightiest reason.
    fn with(&self, verdict: &str) -> Vec<(&Reference, String)> {
        let found = self.found.iter().filter(|(_, answer)| answer.verdict == verdict);
        found.map(|(reference, answer)| (reference, answer.reason())).collect()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReportAnswer {
    run: RunAnswer,
    /// Whether it went on with a run that was not finished.
    resumed: bool,
    total: usize,
    platforms: Vec<CoverageAnswer>,
    /// What was read of the images; empty without `--verify`.
    verified: Vec<VerifiedAnswer>,
    /// None where there is no run before it.
    changes: Option<ChangesAnswer>,
    /// References that were left for later: no pull was granted for them.
    held_back: Vec<UnknownAnswer>,
    /// Lines of the list that are no references.
    problems: Vec<ProblemAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunAnswer {
    id: i64,
    list: String,
    state: &'static str,
    references: u64,
    started: String,
    ended: Option<String>,
    requests: u64,
    pulls: u64,
    failed: u64,
    tool: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CoverageAnswer {
    platform: String,
    rung: &'static str,
    supported: usize,
    total: usize,
    images: Vec<EvidenceAnswer>,
    lacking: Vec<EvidenceAnswer>,
    unknown: Vec<UnknownAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedAnswer {
    platform: String,
    verified: usize,
    no: Vec<UnknownAnswer>,
    unknown: Vec<UnknownAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EvidenceAnswer {
    reference: String,
    digest: Option<String>,
    source: String,
    observed_at: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnknownAnswer {
    reference: String,
    reason: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemAnswer {
    line: usize,
    text: String,
    reason: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangesAnswer {
    from: i64,
    to: i64,
    gained: Vec<ChangeAnswer>,
    lost: Vec<ChangeAnswer>,
    moved: Vec<ChangeAnswer>,
    broke: Vec<ChangeAnswer>,
    mended: Vec<ChangeAnswer>,
    added: Vec<ChangeAnswer>,
    removed: Vec<ChangeAnswer>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeAnswer {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl VerifiedAnswer {
    fn of(verified: &Verifications) -> VerifiedAnswer {
        let with = |verdict| {
            let found = verified.with(verdict).into_iter();
            found
                .map(|(reference, reason)| UnknownAnswer { reference: reference.to_string(), reason })
                .collect()
        };
        VerifiedAnswer {
            platform: json::shown(&verified.platform),
            verified: verified.with("yes").len(),
            no: with("no"),
            unknown: with("unknown"),
        }
    }
}

impl Verifications {
    /// `3 of 4 images hold what the label linux/arm64 claims`, with the others before it.
    fn text(&self) -> String {
        let platform = json::shown(&self.platform);
        let mut text = String::new();
        for verdict in ["no", "unknown"] {
            for (reference, reason) in self.with(verdict) {
                let name = printable(&reference.familiar().to_string()).into_owned();
                text += &format!("{name} on {platform}: {verdict}: {}\n", printable(&reason));
            }
        }
        let (yes, all) = (self.with("yes").len(), self.found.len());
        let verb = if all == 1 { "holds" } else { "hold" };
        text + &format!("{yes} of {} {verb} what the label {platform} claims\n", count(all, "image"))
    }
}

impl Report<'_> {
    /// Whether everything on the list could be told.
    pub(super) fn is_whole(&self) -> bool {
        self.finished.state == RunState::Complete
            && self.list.problems.is_empty()
            && self.coverage.iter().all(|coverage| coverage.unknown().next().is_none())
            && self.verified.iter().all(|verified| verified.with("unknown").is_empty())
    }

    /// Whether an image does not hold what it says.
    pub(super) fn has_false(&self) -> bool {
        self.verified.iter().any(|verified| !verified.with("no").is_empty())
    }

    pub(super) fn json(&self) -> ReportAnswer {
        let held_back = self
            .finished
            .held_back
            .iter()
            .map(|held| UnknownAnswer { reference: held.reference.to_string(), reason: held.reason.clone() });
        let problems = self.list.problems.iter().map(|problem| ProblemAnswer {
            line: problem.line,
            text: problem.text.clone(),
            reason: problem.reason.clone(),
        });
        ReportAnswer {
            run: RunAnswer::of(&self.snapshot.run),
            resumed: self.finished.resumed,
            total: self.snapshot.members.len(),
            platforms: self.coverage.iter().map(CoverageAnswer::of).collect(),
            verified: self.verified.iter().map(VerifiedAnswer::of).collect(),
            changes: self.changes.as_ref().map(ChangesAnswer::of),
            held_back: held_back.collect(),
            problems: problems.collect(),
        }
    }

    pub(super) fn text(&self, quiet: bool) -> String {
        let mut text = String::new();
        for coverage in &self.coverage {
            if !quiet {
                text += &names(
                    "without",
                    &coverage.platform.to_string(),
                    coverage.lacking().map(familiar).collect(),
                );
            }
        }
        text += &self.untold();
        if !quiet && let Some(changes) = &self.changes {
            text += &changes_text(changes);
        }
        if !quiet {
            text += &self.cost();
        }
        for coverage in &self.coverage {
            text += &self.counted(coverage);
        }
        for verified in &self.verified {
            text += &verified.text();
        }
        text
    }

    /// `44 of 140 images support linux/arm64`
    fn counted(&self, coverage: &Coverage) -> String {
        let (supported, total) = (coverage.supported().count(), coverage.evidence.len());
        let unknown = coverage.unknown().count();
        let untold = if unknown > 0 { format!("; {unknown} could not be told") } else { String::new() };
        let verb = if total == 1 { "supports" } else { "support" };
        format!(
            "{supported} of {} {verb} {}{untold}\n",
            count(total, "image"),
            json::shown(&coverage.platform)
        )
    }

    /// What could not be told, and why, each reference once.
    fn untold(&self) -> String {
        let Some(coverage) = self.coverage.first() else { return String::new() };
        let mut text = String::new();
        let held: std::collections::HashMap<String, &str> = self
            .finished
            .held_back
            .iter()
            .map(|held| (held.reference.to_string(), held.reason.as_str()))
            .collect();
        let unknown: Vec<_> = coverage.unknown().collect();
        if unknown.is_empty() {
            return text;
        }
        text += &format!("could not be told ({}):\n", unknown.len());
        for (evidence, reason) in unknown.iter().take(SHOWN) {
            let reason = held.get(&evidence.reference.to_string()).unwrap_or(reason);
            text += &format!("  {}: {}\n", evidence.reference.familiar(), printable(reason));
        }
        text += &more(unknown.len());
        let mut hints: Vec<&str> =
            self.finished.held_back.iter().filter_map(|held| held.hint.as_deref()).collect();
        hints.sort_unstable();
        hints.dedup();
        for hint in hints {
            text += &format!("  → {hint}\n");
        }
        text + "\n"
    }

    fn cost(&self) -> String {
        let Finished { run, cost, resumed, known_before, state, .. } = self.finished;
        let resumed = if *resumed { format!(", resumed ({known_before} were known)") } else { String::new() };
        let state = if *state == RunState::Complete { String::new() } else { format!(", {}", state.name()) };
        let pulls = count(usize::try_from(cost.pulls).unwrap_or(usize::MAX), "counted pull");
        format!(
            "run {run}{resumed}{state}: {}, {pulls}\n",
            count(usize::try_from(cost.requests).unwrap_or(usize::MAX), "request")
        )
    }
}

fn familiar(evidence: &Evidence) -> String {
    evidence.reference.familiar()
}

fn more(total: usize) -> String {
    if total > SHOWN { format!("  and {} more; --json has them all\n", total - SHOWN) } else { String::new() }
}

fn names(word: &str, what: &str, names: Vec<String>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    format!("{word} {what} ({}):\n  {}\n{}\n", names.len(), shown.join(" "), more(names.len()))
}

/// What changed, a line each, the most telling first.
fn changes_text(changes: &Changes) -> String {
    let total = changes.changes.len();
    if total == 0 {
        return format!("nothing changed since run {}\n\n", changes.from);
    }
    let mut text = format!("since run {}:\n", changes.from);
    for name in ["lost", "gained", "broke", "mended", "moved", "added", "removed"] {
        let of_name: Vec<_> = changes.named(name).collect();
        for (reference, change) in of_name.iter().take(SHOWN) {
            text += &format!("  {name:<7} {}{}\n", short(reference), printable(&detail(change)));
        }
        text += &more(of_name.len());
    }
    text + "\n"
}

fn short(reference: &str) -> String {
    reference
        .parse::<workson_oci::Reference>()
        .map_or_else(|_| reference.to_owned(), |parsed| parsed.familiar())
}

fn detail(change: &Change) -> String {
    match change {
        Change::Gained(platform) | Change::Lost(platform) => format!(" {platform}"),
        Change::Moved { from, to } => format!(" {} → {}", abridged(from), abridged(to)),
        Change::Broke { kind, reason } => format!(" {kind}: {reason}"),
        Change::Mended | Change::Added | Change::Removed => String::new(),
    }
}

/// `sha256:` and the first twelve digits.
fn abridged(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

pub(super) fn runs(runs: &[RunSummary], as_json: bool) -> std::io::Result<Vec<u8>> {
    if as_json {
        return json::document(&runs.iter().map(RunAnswer::of).collect::<Vec<_>>());
    }
    let mut table = table::new(&["run", "list", "images", "state", "started", "requests", "pulls", "failed"]);
    for run in runs {
        table.add_row([
            run.id.to_string(),
            run.list.clone(),
            run.references.to_string(),
            run.state.name().to_owned(),
            run.started.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            run.requests.to_string(),
            run.pulls.to_string(),
            run.failed.to_string(),
        ]);
    }
    Ok(table::text(&mut table).into_bytes())
}

pub(super) fn changes(changes: &Changes, as_json: bool) -> std::io::Result<Vec<u8>> {
    if as_json {
        return json::document(&ChangesAnswer::of(changes));
    }
    Ok(changes_text(changes).trim_end().bytes().chain(*b"\n").collect())
}

impl RunAnswer {
    fn of(run: &RunSummary) -> RunAnswer {
        RunAnswer {
            id: run.id,
            list: run.list.clone(),
            state: run.state.name(),
            references: run.references,
            started: run.started.to_string(),
            ended: run.ended.map(|ended| ended.to_string()),
            requests: run.requests,
            pulls: run.pulls,
            failed: run.failed,
            tool: run.tool.clone(),
        }
    }
}

impl CoverageAnswer {
    fn of(coverage: &Coverage) -> CoverageAnswer {
        let unknown = coverage.unknown().map(|(evidence, reason)| UnknownAnswer {
            reference: evidence.reference.to_string(),
            reason: reason.to_owned(),
        });
        CoverageAnswer {
            platform: json::shown(&coverage.platform),
            rung: workson::evidence::Rung::Published.name(),
            supported: coverage.supported().count(),
            total: coverage.evidence.len(),
            images: coverage.supported().map(EvidenceAnswer::of).collect(),
            lacking: coverage.lacking().map(EvidenceAnswer::of).collect(),
            unknown: unknown.collect(),
        }
    }
}

impl EvidenceAnswer {
    fn of(evidence: &Evidence) -> EvidenceAnswer {
        EvidenceAnswer {
            reference: evidence.reference.to_string(),
            digest: evidence.digest.as_ref().map(ToString::to_string),
            source: evidence.source.clone(),
            observed_at: evidence.observed_at.to_string(),
        }
    }
}

impl ChangesAnswer {
    fn of(changes: &Changes) -> ChangesAnswer {
        let of_name = |name: &str| {
            changes.named(name).map(|(reference, change)| ChangeAnswer::of(reference, change)).collect()
        };
        ChangesAnswer {
            from: changes.from,
            to: changes.to,
            gained: of_name("gained"),
            lost: of_name("lost"),
            moved: of_name("moved"),
            broke: of_name("broke"),
            mended: of_name("mended"),
            added: of_name("added"),
            removed: of_name("removed"),
        }
    }
}

impl ChangeAnswer {
    fn of(reference: &str, change: &Change) -> ChangeAnswer {
        let answer = ChangeAnswer { reference: reference.to_owned(), ..ChangeAnswer::default() };
        match change {
            Change::Gained(platform) | Change::Lost(platform) => {
                ChangeAnswer { platform: Some(platform.clone()), ..answer }
            }
            Change::Moved { from, to } => {
                ChangeAnswer { from: Some(from.clone()), to: Some(to.clone()), ..answer }
            }
            Change::Broke { kind, reason } => {
                ChangeAnswer { kind: Some(kind.clone()), reason: Some(reason.clone()), ..answer }
            }
            Change::Mended | Change::Added | Change::Removed => answer,
        }
    }
}
