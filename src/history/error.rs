//! What can go wrong with an import.

use std::fmt;

/// What kind of failure a [`HistoryError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryErrorKind {
    /// It is no repository, no bundle, or has no folder `library/`.
    NotThere,
    /// It lacks a part of the history that is needed.
    Shallow,
    /// An object can't be read.
    Corrupt,
    /// The commit that was read last is not among its first parents.
    Rewritten,
    /// It is an older copy than the one that was read last.
    Older,
    /// It could not be fetched.
    Network,
    /// Anything else, such as a file that can't be read.
    Other,
}

/// A failure of an import: what was tried, what came back, what to do next. What was stored stays.
#[derive(Debug, Clone)]
pub struct HistoryError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: HistoryErrorKind,
    tried: String,
    came_back: String,
    hint: Option<&'static str>,
}

impl HistoryError {
    pub(super) fn new(
        kind: HistoryErrorKind,
        tried: impl Into<String>,
        came_back: impl fmt::Display,
    ) -> HistoryError {
        let came_back = came_back.to_string();
        HistoryError(Box::new(Inner { kind, tried: tried.into(), came_back, hint: None }))
    }

    pub(super) fn with_hint(mut self, hint: &'static str) -> HistoryError {
        self.0.hint = Some(hint);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> HistoryErrorKind {
        self.0.kind
    }

    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        self.0.hint
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.tried, self.0.came_back)
    }
}

impl std::error::Error for HistoryError {}
