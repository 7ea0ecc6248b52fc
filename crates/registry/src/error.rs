//! What can go wrong between a reference and an answer.
//!
//! One opaque type with a [`Kind`], because what callers decide by is the kind (retry, count as "could not be
//! told", log in), while what people need is a sentence: what was tried, what came back, what to do next.

use std::fmt;
use std::time::Duration;

/// What kind of failure an [`Error`] is. The names are stable: they appear in JSON and in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The registry says that there is no such tag, digest or repository.
    NotFound,
    /// The registry wants credentials, or other ones.
    Unauthorized,
    /// The registry knows who asks, and refuses.
    Denied,
    /// The registry, or the budget of pulls that it grants, says "not now".
    RateLimited,
    /// The caller's own budget of pulls is spent.
    BudgetSpent,
    /// No connection, or one that broke.
    Network,
    /// No answer in time.
    Timeout,
    /// No trustworthy TLS connection.
    Tls,
    /// The registry failed (5xx), repeatedly.
    Server,
    /// The answer is larger than workson reads.
    TooLarge,
    /// The bytes do not have the digest that was asked for or announced.
    DigestMismatch,
    /// The answer is not what the distribution specification says.
    BadResponse,
    /// The document is no image that an engine would pull.
    InvalidImage,
    /// A redirect, realm or link that must not be followed.
    Redirect,
    /// A credential store that could not be read, or a helper that failed.
    Credentials,
    /// What was to be sent could not be read, or is not what it was said to be.
    Source,
    /// The registry has no room for what was sent, or takes nothing so large.
    NoSpace,
    /// An address of no public network, where only public ones are asked ([`Reach::Public`](crate::Reach)).
    NotPublic,
}

impl Kind {
    /// The stable name, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not-found",
            Kind::Unauthorized => "unauthorized",
            Kind::Denied => "denied",
            Kind::RateLimited => "rate-limited",
            Kind::BudgetSpent => "budget-spent",
            Kind::Network => "network",
            Kind::Timeout => "timeout",
            Kind::Tls => "tls",
            Kind::Server => "server",
            Kind::TooLarge => "too-large",
            Kind::DigestMismatch => "digest-mismatch",
            Kind::BadResponse => "bad-response",
            Kind::InvalidImage => "invalid-image",
            Kind::Redirect => "redirect",
            Kind::Credentials => "credentials",
            Kind::Source => "source",
            Kind::NoSpace => "no-space",
            Kind::NotPublic => "not-public",
        }
    }

    /// Whether a failed `HEAD` may be about `HEAD` alone, so that a `GET` is worth a try: some registries, and
    /// firewalls before them, do not let it through, and some announce digests that are wrong.
    pub fn may_be_about_head(self) -> bool {
        matches!(self, Kind::BadResponse | Kind::Denied | Kind::Server | Kind::DigestMismatch)
    }

    /// Whether the same question may have an answer a little later, with nothing changed on this side.
    pub fn is_transient(self) -> bool {
        matches!(self, Kind::RateLimited | Kind::BudgetSpent | Kind::Network | Kind::Timeout | Kind::Server)
    }
}

/// A failure: what was tried, what came back, what to do next.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    tried: String,
    came_back: String,
    hint: Option<String>,
    retry_after: Option<Duration>,
    follows_from_bytes: bool,
}

impl Error {
    /// An error about `tried` (a request, a file), to which `came_back` was the answer.
    pub fn new(kind: Kind, tried: impl Into<String>, came_back: impl Into<String>) -> Error {
        let (tried, came_back) = (tried.into(), came_back.into());
        Error(Box::new(Inner {
            kind,
            tried,
            came_back,
            hint: None,
            retry_after: None,
            follows_from_bytes: false,
        }))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds what to do next, where there is no better hint yet.
    #[must_use]
    pub(crate) fn or_hint(self, hint: &str) -> Error {
        if self.0.hint.is_some() { self } else { self.with_hint(hint) }
    }

    /// Adds how long the registry asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Error {
        self.0.retry_after = Some(wait);
        self
    }

    /// The same failure, told as one of `tried`.
    #[must_use]
    pub(crate) fn about(mut self, tried: &str) -> Error {
        self.0.tried = tried.to_owned();
        self
    }

    /// What came back, without what was tried.
    pub fn came_back(&self) -> &str {
        &self.0.came_back
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Says that the bytes of a document alone are to blame.
    #[must_use]
    pub(crate) fn blaming_bytes(mut self) -> Error {
        self.0.follows_from_bytes = true;
        self
    }

    /// Whether the bytes of a document alone are to blame, so that they will be refused wherever they come from.
    pub fn follows_from_bytes(&self) -> bool {
        self.0.follows_from_bytes
    }

    /// How long the registry asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.tried, self.0.came_back)
    }
}

impl std::error::Error for Error {}

/// A text from outside, fit for a terminal: control characters become spaces, and it ends after 300 characters.
pub(crate) fn printable(text: &str) -> String {
    const SHOWN: usize = 300;
    let clean = |c: char| if c.is_control() || is_bidi(c) { ' ' } else { c };
    let mut shown: String = text.chars().take(SHOWN).map(clean).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that change the direction of what stands around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_cannot_move_the_cursor() {
        assert_eq!(printable("a\x1b[2Jb\r\n\u{202e}c"), "a [2Jb c");
        assert_eq!(printable(&"x".repeat(400)).chars().count(), 301);
    }
}
