//! The JSON of answers, as `docs/json.md` describes it. Fields are added, never changed or taken away.

use serde::Serialize;
use workson::catalog::timelines::Keeping;
pub(crate) use workson::query::{ErrorAnswer, ImageAnswer, SupportAnswer, shown};
use workson::timeline::Timeline;

use crate::exit::Failure;

impl From<ErrorAnswer> for Failure {
    fn from(error: ErrorAnswer) -> Failure {
        let failure = Failure::new(error.message);
        match error.hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// Where the facts of a timeline come from, and how far it reaches.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceAnswer {
    /// The address of a repository, or the name of a list.
    pub(crate) name: String,
    /// The newest commit, or run.
    pub(crate) head: String,
    /// When that was. What happened later is not known.
    pub(crate) head_at: String,
    /// `bundled` or `store`.
    pub(crate) kept: &'static str,
}

impl SourceAnswer {
    pub(crate) fn of(timeline: &Timeline, kept: Keeping) -> SourceAnswer {
        let source = &timeline.source;
        SourceAnswer {
            name: source.name.clone(),
            head: source.head.clone(),
            head_at: source.head_at.to_string(),
            kept: kept.name(),
        }
    }
}

/// One JSON document, indented, with a newline behind it.
pub(crate) fn document(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// One element of a JSON array, indented.
pub(crate) fn element(value: &impl Serialize) -> std::io::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
}

/// One line of JSON.
pub(crate) fn line(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
