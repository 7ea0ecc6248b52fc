//! The JSON of answers, as `docs/json.md` describes it. Fields are added, never changed or taken away.

use serde::Serialize;
use workson::catalog::timelines::Keeping;
use workson::timeline::Timeline;
use workson_oci::image::PlatformImage;
use workson_oci::reference::ReferenceError;
use workson_oci::{Image, Platform, Support};
use workson_registry::Error;

use crate::exit::Failure;

/// The answer for one image. The same fields are there for every kind of image and for a failure.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageAnswer {
    /// As it was asked for.
    pub(crate) reference: String,
    pub(crate) digest: Option<String>,
    pub(crate) media_type: Option<String>,
    /// `index`, `image` or `artifact`.
    pub(crate) kind: Option<&'static str>,
    pub(crate) platforms: Vec<PlatformAnswer>,
    /// How many entries are attestations, which are no platforms.
    pub(crate) attestations: usize,
    /// Sentences for people.
    pub(crate) notes: Vec<String>,
    /// The verdict for each platform that was asked about; left out where none was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) supports: Vec<SupportAnswer>,
    pub(crate) error: Option<ErrorAnswer>,
    /// Whether the list of platforms is all there is.
    #[serde(skip)]
    pub(crate) is_certain: bool,
}

/// One platform.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlatformAnswer {
    /// Normalised, without the version of the operating system.
    pub(crate) platform: String,
    // The others as published.
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    os_version: Option<String>,
    os_features: Vec<String>,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// Whether an image has a platform.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SupportAnswer {
    pub(crate) platform: String,
    /// `yes`, `no` or `unknown`.
    pub(crate) verdict: &'static str,
    pub(crate) reason: Option<String>,
}

/// A failure.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorAnswer {
    /// A stable name, like `not-found`.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl ImageAnswer {
    /// The answer for an image that was read.
    pub(crate) fn of(reference: &str, image: &Image, asked: &[Platform]) -> ImageAnswer {
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
    pub(crate) fn failed(reference: &str, error: ErrorAnswer, asked: &[Platform]) -> ImageAnswer {
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
    fn of(offered: &PlatformImage) -> PlatformAnswer {
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
    pub(crate) fn shown(&self) -> String {
        match &self.os_version {
            Some(version) => format!("{} {version}", self.platform),
            None => self.platform.clone(),
        }
    }
}

impl SupportAnswer {
    fn of(image: &Image, platform: &Platform) -> SupportAnswer {
        let (verdict, reason) = match image.supports(platform) {
            Support::Yes(_) => ("yes", None),
            Support::No => ("no", None),
            Support::Unknown(reason) => ("unknown", Some(reason)),
        };
        SupportAnswer { platform: shown(platform), verdict, reason }
    }
}

/// A platform that was asked about, as it is shown: normalised, with a version where one was asked for.
pub(crate) fn shown(platform: &Platform) -> String {
    platform.normalized().format_all()
}

impl ErrorAnswer {
    /// For a text that is no reference.
    pub(crate) fn invalid(text: &str, error: &ReferenceError) -> ErrorAnswer {
        ErrorAnswer { kind: "invalid-reference", message: format!("{text}: {error}"), hint: None }
    }
}

impl From<ErrorAnswer> for Failure {
    fn from(error: ErrorAnswer) -> Failure {
        let failure = Failure::new(error.message);
        match error.hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
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
