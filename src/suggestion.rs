//! Suggestions: "is something missing or wrong?", of an entry or of a new one. They wait for a moderator.

pub mod draft;
pub mod form;

use jiff::Timestamp;

/// What somebody sent in. Texts are plain, without controls, and bounded (`form`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The entry that it is about, by its slug; none of a new one.
    pub entry: Option<String>,
    /// The name of what is missing, or as it should be.
    pub name: String,
    /// The image that evidence would be of: `nginx`, `ghcr.io/owner/name`.
    pub image: String,
    /// Its home page.
    pub home: String,
    /// Where its source is.
    pub source: String,
    /// An SPDX licence expression.
    pub license: String,
    /// One sentence that describes it.
    pub description: String,
    /// What is missing or wrong, in words.
    pub comment: String,
}

/// Where a suggestion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has decided yet.
    Waiting,
    /// It was taken.
    Accepted,
    /// It was not.
    Declined,
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Waiting, State::Accepted, State::Declined];

    /// `waiting`, `accepted` or `declined`.
    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Accepted => "accepted",
            State::Declined => "declined",
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a moderator decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why; may be empty where it was taken.
    pub reason: String,
}

/// A suggestion as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Its number.
    pub id: i64,
    /// When it came.
    pub at: Timestamp,
    /// What it says.
    pub wish: Wish,
    /// Where it stands.
    pub state: State,
    /// What was decided.
    pub decision: Option<Decision>,
}
