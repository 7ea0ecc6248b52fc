//! The evidence ladder: no bare yes or no, but a dated fact that says how it was found.

use jiff::Timestamp;
use workson_oci::{Digest, Platform, Reference};

/// How well something is known. A higher rung proves more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The maintainers' own metadata names the platform.
    Declared,
    /// A registry serves an image for the platform.
    Published,
    /// The bytes are for the platform: what would be executed has the right machine, loader and libraries.
    Verified,
    /// A command of the image was executed there.
    Ran,
}

impl Rung {
    /// All rungs, the lowest first.
    pub const ALL: [Rung; 4] = [Rung::Declared, Rung::Published, Rung::Verified, Rung::Ran];

    /// The name in output and store.
    pub fn name(self) -> &'static str {
        match self {
            Rung::Declared => "declared",
            Rung::Published => "published",
            Rung::Verified => "verified",
            Rung::Ran => "ran",
        }
    }

    /// The rung of a name.
    pub fn from_name(name: &str) -> Option<Rung> {
        Rung::ALL.into_iter().find(|rung| rung.name() == name)
    }
}

/// The answer to "does this work there?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does, on the rung of the evidence.
    Yes,
    /// It does not.
    No,
    /// It could not be told, and why. Never shown as a no.
    Unknown(String),
}

impl Verdict {
    /// `yes`, `no` or `unknown`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Yes => "yes",
            Verdict::No => "no",
            Verdict::Unknown(_) => "unknown",
        }
    }
}

/// One dated fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What was looked at.
    pub reference: Reference,
    /// The platform that was asked about.
    pub platform: Platform,
    /// How it was found.
    pub rung: Rung,
    /// What was found.
    pub verdict: Verdict,
    /// Who says so: the registry that answered.
    pub source: String,
    /// The content that the verdict speaks of; none where nothing was received.
    pub digest: Option<Digest>,
    /// When it was last seen to be so.
    pub observed_at: Timestamp,
    /// The version of workson that saw it.
    pub tool: String,
}
