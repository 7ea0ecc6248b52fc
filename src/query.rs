//! A question about one image, answered: the JSON that `workson query` prints and the service sends.
//!
//! Fields are added, never renamed, changed or taken away (docs/json.md).

mod platform;
pub mod stack;

pub use platform::{PlatformError, platform};

use serde::Serialize;
use workson_oci::image::PlatformImage;
use workson_oci::reference::ReferenceError;
use workson_oci::{Image, Platform, Support};
use workson_registry::Error;

/// The answer for one image. The same fields are there for every kind of image and for a failure.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageAnswer {
    /// As it was asked for.
    pub reference: String,
    /// The digest of the document that the reference names; none of a failure.
    pub digest: Option<String>,
    /// The media type of that document.
    pub media_type: Option<String>,
    /// `index`, `image` or `artifact`.
    pub kind: Option<&'static str>,
    /// What it offers, in published order.
    pub platforms: Vec<PlatformAnswer>,
    /// How many entries are attestations, which are no platforms.
    pub attestations: usize,
    /// Sentences for people.
    pub notes: Vec<String>,
    /// The verdict for each platform that was asked about; left out where none was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supports: Vec<SupportAnswer>,
    /// Why there is no answer.
    pub error: Option<ErrorAnswer>,
    /// Whether the list of platforms is all there is.
    #[serde(skip)]
    pub is_certain: bool,
}

/// One platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformAnswer {
    /// Normalised, without the version of the operating system.
    pub platform: String,
    /// The operating system.
    pub os: Option<String>,
    /// The architecture.
    pub architecture: Option<String>,
    /// The architecture's variant.
    pub variant: Option<String>,
    /// The operating system's version.
    pub os_version: Option<String>,
    /// What it wants of the operating system.
    pub os_features: Vec<String>,
    /// The digest of the platform's manifest.
    pub digest: String,
    /// The size of that manifest in bytes.
    pub size: u64,
}

/// Whether an image has a platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SupportAnswer {
    /// As it was asked about, normalised.
    pub platform: String,
    /// `yes`, `no` or `unknown`.
    pub verdict: &'static str,
    /// Why it is unknown.
    pub reason: Option<String>,
}

/// A failure.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorAnswer {
    /// A stable name, like `not-found`.
    pub kind: &'static str,
    /// What was tried and what came back, a sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl ImageAnswer {
    /// The answer for an image that was read.
    pub fn of(reference: &str, image: &Image, asked: &[Platform]) -> ImageAnswer {
        ImageAnswer {
            reference: reference.to_owned(),
            digest: Some(image.digest.to_string()),
            media_type: Some(image.media_type.to_string()),
            kind: Some(image.kind.name()),
            platforms: image.platforms.iter().map(PlatformAnswer::of).collect(),
            attestations: image.attestations,
            notes: image.notes.iter().map(ToString::to_string).collect(),
            supports: asked.iter().map(|platform| SupportAnswer::of(image, platform)).collect(),
            error: None,
            is_certain: image.is_certain(),
        }
    }

    /// The answer for an image that could not be read.
    pub fn failed(reference: &str, error: ErrorAnswer, asked: &[Platform]) -> ImageAnswer {
        let unknown = |platform: &Platform| SupportAnswer {
            platform: shown(platform),
            verdict: "unknown",
            reason: Some(error.kind.to_owned()),
        };
        ImageAnswer {
            reference: reference.to_owned(),
            digest: None,
            media_type: None,
            kind: None,
            platforms: Vec::new(),
            attestations: 0,
            notes: Vec::new(),
            supports: asked.iter().map(unknown).collect(),
            error: Some(error),
            is_certain: false,
        }
    }
}

impl PlatformAnswer {
    /// A platform of an image.
    pub fn of(offered: &PlatformImage) -> PlatformAnswer {
        let published = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let platform = &offered.platform;
        PlatformAnswer {
            platform: platform.normalized().to_string(),
            os: published(&platform.os),
            architecture: published(&platform.architecture),
            variant: published(&platform.variant),
            os_version: published(&platform.os_version),
            os_features: platform.os_features.clone(),
            digest: offered.digest.clone(),
            size: offered.size,
        }
    }

    /// For people: with the version of the operating system, where there is one.
    pub fn shown(&self) -> String {
        match &self.os_version {
            Some(version) => format!("{} {version}", self.platform),
            None => self.platform.clone(),
        }
    }
}

impl SupportAnswer {
    /// Whether an image has a platform.
    pub fn of(image: &Image, platform: &Platform) -> SupportAnswer {
        let (verdict, reason) = match image.supports(platform) {
            Support::Yes(_) => ("yes", None),
            Support::No => ("no", None),
            Support::Unknown(reason) => ("unknown", Some(reason)),
        };
        SupportAnswer { platform: shown(platform), verdict, reason }
    }
}

/// A platform that was asked about, as it is shown: normalised, with a version where one was asked for.
pub fn shown(platform: &Platform) -> String {
    platform.normalized().format_all()
}

impl ErrorAnswer {
    /// For a text that is no reference.
    pub fn invalid(text: &str, error: &ReferenceError) -> ErrorAnswer {
        ErrorAnswer { kind: "invalid-reference", message: format!("{text}: {error}"), hint: None }
    }
}

impl From<&Error> for ErrorAnswer {
    fn from(error: &Error) -> ErrorAnswer {
        ErrorAnswer {
            kind: error.kind().name(),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
    }
}
