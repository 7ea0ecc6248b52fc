//! In which respect a platform is not the one wanted.

use std::borrow::Cow;
use std::fmt;

use crate::text::printable;

/// The first respect in which a platform differs from everything that would be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Nothing at all is taken: an arm64 of unknown variant was asked for, or no platform.
    Nothing {
        /// What was asked for.
        asked: Vec<String>,
    },
    /// Another operating system.
    Os {
        /// The operating systems that would be taken.
        wanted: Vec<String>,
        /// The one published.
        found: String,
    },
    /// Another architecture.
    Architecture {
        /// The architectures that would be taken of that operating system.
        wanted: Vec<String>,
        /// The one published.
        found: String,
    },
    /// Another variant.
    Variant {
        /// The architecture, which is right.
        architecture: String,
        /// The variants that would be taken of it; empty stands for the plain architecture.
        wanted: Vec<String>,
        /// The one published.
        found: String,
    },
    /// A version of Windows that the host does not run.
    OsVersion {
        /// The versions of the hosts asked for.
        wanted: Vec<String>,
        /// The one published.
        found: String,
    },
    /// Features that the operating system does not have.
    OsFeatures {
        /// The features that are missing.
        missing: Vec<String>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Nothing { asked } if asked.is_empty() => write!(f, "no platform is asked for"),
            Mismatch::Nothing { asked } => {
                write!(
                    f,
                    "no platform runs on {}, a variant that is not known",
                    printable(&asked.join(" or "))
                )
            }
            Mismatch::Os { wanted, found } => {
                write!(f, "the operating system is {}, wanted is {}", name(found), names(wanted))
            }
            Mismatch::Architecture { wanted, found } => {
                write!(f, "the architecture is {}, wanted is {}", name(found), names(wanted))
            }
            Mismatch::Variant { architecture, wanted, found } => {
                let wanted: Vec<Cow<'_, str>> =
                    wanted.iter().map(|wanted| variant(architecture, wanted)).collect();
                let (wanted, found) = (wanted.join(" or "), variant(architecture, found));
                write!(f, "the variant of {} is {found}, wanted is {wanted}", printable(architecture))
            }
            Mismatch::OsVersion { wanted, found } => {
                let found = printable(found);
                write!(f, "the image is for version {found}, which a host of {} does not run", names(wanted))
            }
            Mismatch::OsFeatures { missing } => {
                write!(f, "the image needs of the operating system: {}", printable(&missing.join(", ")))
            }
        }
    }
}

fn name(text: &str) -> Cow<'_, str> {
    if text.is_empty() { "not named".into() } else { printable(text) }
}

fn names(texts: &[String]) -> String {
    let names: Vec<Cow<'_, str>> = texts.iter().map(|text| name(text)).collect();
    names.join(" or ")
}

/// The variant that an empty one means.
fn variant<'a>(architecture: &str, variant: &'a str) -> Cow<'a, str> {
    match (architecture, variant) {
        ("arm64", "") => "v8".into(),
        ("amd64", "") => "v1".into(),
        (_, "") => "none".into(),
        (_, variant) => printable(variant),
    }
}
