//! Platforms, as containerd's `platforms` package reads, writes, normalises and matches them.
//!
//! containerd asks the machine it runs on wherever a name leaves something open. Here the caller passes the
//! host in, so that the answer is the same on every machine.

pub mod host;
mod ladder;
pub mod matcher;
mod mismatch;
pub mod normalize;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::Object;
pub use host::{CpuVariantError, cpu_variant};
pub use ladder::MAX_COUNTED_VARIANT;
pub use matcher::Matcher;
pub use mismatch::Mismatch;
use normalize::{is_known_arch, is_known_os, normalize_arch, normalize_os};

/// A platform as published in an index entry or a config. An empty text stands for an absent one.
///
/// Reading is lenient: what is missing or `null` is empty, and unknown fields are passed over. It has to be a
/// JSON object, though.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "Object<Published>")]
pub struct Platform {
    /// The operating system, as Go names it: `linux`, `windows`, `darwin`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub os: String,
    /// The architecture, as Go names it: `amd64`, `arm64`, `arm`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// The variant of the architecture, like `v7` of `arm`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The version of the operating system; it counts on Windows alone.
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// What the image needs of the operating system, like `win32k`.
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
}

/// The fields of a platform, of which every one may be absent or `null`.
#[derive(Deserialize)]
struct Published {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
    #[serde(rename = "os.features")]
    os_features: Option<Vec<Option<String>>>,
}

impl From<Object<Published>> for Platform {
    fn from(Object(published): Object<Published>) -> Platform {
        let features = published.os_features.unwrap_or_default();
        Platform {
            os: published.os.unwrap_or_default(),
            architecture: published.architecture.unwrap_or_default(),
            variant: published.variant.unwrap_or_default(),
            os_version: published.os_version.unwrap_or_default(),
            os_features: features.into_iter().map(Option::unwrap_or_default).collect(),
        }
    }
}

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// There is a `*` in it.
    #[error("a platform has no wildcards; name one, like linux/arm64, instead of {0:?}")]
    Wildcard(String),
    /// There is nothing, or nothing between two slashes.
    #[error("a part of the platform {0:?} is empty; a platform is written like linux/arm64 or linux/arm/v7")]
    EmptyPart(String),
    /// There are more than three parts.
    #[error("a platform has at most three parts, like linux/arm/v7; {0:?} has more")]
    TooManyParts(String),
    /// The first part is no operating system, with or without version and features.
    #[error(
        "{part:?} in the platform {specifier:?} is no operating system; it is written like linux, \
         windows(10.0.20348) or linux(+feature)"
    )]
    Os {
        /// The first part.
        part: String,
        /// The whole text.
        specifier: String,
    },
    /// The architecture or the variant has a character that none has.
    #[error(
        "{part:?} in the platform {specifier:?} has a character other than letters, digits, '_', '.' and '-'; \
         a platform is written like linux/arm64 or linux/arm/v7"
    )]
    Part {
        /// The part with that character.
        part: String,
        /// The whole text.
        specifier: String,
    },
    /// A version or feature has a `%` without two hex digits, or does not decode to UTF-8.
    #[error("{part:?} in the platform {specifier:?} is not percent-encoded; a plus sign is written %2B")]
    Encoding {
        /// The version or feature.
        part: String,
        /// The whole text.
        specifier: String,
    },
    /// A single word that names neither.
    #[error(
        "{0:?} is neither an operating system nor an architecture that is known; a platform is written like \
         linux/arm64, linux/arm/v7, or arm64 alone for that of this host's operating system"
    )]
    Unknown(String),
}

impl Platform {
    /// Reads `os[(version+feature…)]`, `arch` or `os[(…)]/arch[/variant]`, and normalises it.
    ///
    /// What the text leaves open comes from `host`: the operating system of a bare architecture; the
    /// architecture of a bare operating system, with the variant if that is an `arm` other than v7.
    /// An `arm/v7` that was not written out keeps an empty variant, which means the same.
    pub fn parse(specifier: &str, host: &Platform) -> Result<Platform, PlatformError> {
        if specifier.contains('*') {
            return Err(PlatformError::Wildcard(shorten(specifier)));
        }
        let parts: Vec<&str> = specifier.splitn(4, '/').collect();
        if parts.contains(&"") {
            return Err(PlatformError::EmptyPart(shorten(specifier)));
        }
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let platform = parse_os(parts[0], specifier)?;
        if let Some(part) = parts[1..].iter().find(|part| !part.bytes().all(is_allowed)) {
            return Err(PlatformError::Part { part: shorten(part), specifier: shorten(specifier) });
        }
        match parts[..] {
            [word] => complete(platform, word, host),
            [_, architecture] => Ok(platform.with_arch(architecture)),
            [_, architecture, variant] => {
                let (architecture, variant) = normalize_arch(architecture, variant);
                let is_v8 = architecture == "arm64" && variant.is_empty();
                let variant = if is_v8 { "v8".to_owned() } else { variant };
                Ok(Platform { architecture, variant, ..platform })
            }
            _ => Err(PlatformError::TooManyParts(shorten(specifier))),
        }
    }

    /// With the architecture of a specifier that has no variant.
    fn with_arch(self, architecture: &str) -> Platform {
        let (architecture, variant) = normalize_arch(architecture, "");
        let is_v7 = architecture == "arm" && variant == "v7";
        let variant = if is_v7 { String::new() } else { variant };
        Platform { architecture, variant, ..self }
    }

    /// The platform in containerd's spelling, an empty operating system left empty.
    pub fn normalized(&self) -> Platform {
        normalize::normalize(self, "")
    }

    /// The platform in containerd's spelling, an empty operating system read as that of `host`. containerd
    /// always does this, with the operating system that it runs on as the host.
    pub fn normalized_on(&self, host: &Platform) -> Platform {
        normalize::normalize(self, &host.os)
    }

    /// `os/architecture/variant` without the empty parts; `unknown` without an operating system.
    ///
    /// Go would also take away parts that are `.` or `..`, as of a path; here they stay.
    pub fn format(&self) -> String {
        self.format_with("")
    }

    /// As [`format`](Platform::format), with version and features of the operating system in parentheses:
    /// `windows(10.0.20348+win32k)/amd64`.
    pub fn format_all(&self) -> String {
        let mut features: Vec<&str> =
            self.os_features.iter().map(String::as_str).filter(|f| !f.is_empty()).collect();
        features.sort_unstable();
        features.dedup();
        let mut options = encode(&self.os_version);
        for feature in features {
            options.push('+');
            options.push_str(&encode(feature));
        }
        if options.is_empty() { self.format() } else { self.format_with(&format!("({options})")) }
    }

    fn format_with(&self, options: &str) -> String {
        if self.os.is_empty() {
            return "unknown".to_owned();
        }
        let mut text = format!("{}{options}", self.os);
        for part in [&self.architecture, &self.variant] {
            if !part.is_empty() {
                text.push('/');
                text.push_str(part);
            }
        }
        text
    }

    /// Whether operating system or architecture is called `unknown`, as BuildKit does for what is no image
    /// but an attestation.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.format())
    }
}

/// The platform of an architecture as the official images of Docker Hub name it: `arm32v7` is linux/arm/v7.
///
/// These names are a list of their own. Alpine's `armhf` is arm/v6 and Debian's `armel` arm/v5, while
/// containerd reads `armhf` as arm/v7 and `armel` as arm/v6; neither is a name here.
pub fn official_name(name: &str) -> Option<Platform> {
    let (os, architecture, variant) = match name {
        "arm32v5" => ("linux", "arm", "v5"),
        "arm32v6" => ("linux", "arm", "v6"),
        "arm32v7" => ("linux", "arm", "v7"),
        "arm64v8" => ("linux", "arm64", "v8"),
        "i386" => ("linux", "386", ""),
        "amd64" | "mips64le" | "ppc64le" | "riscv64" | "s390x" => ("linux", name, ""),
        "windows-amd64" => ("windows", "amd64", ""),
        _ => return None,
    };
    Some(Platform {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.to_owned(),
        ..Platform::default()
    })
}

/// Completes a specifier of one word by the host.
fn complete(platform: Platform, word: &str, host: &Platform) -> Result<Platform, PlatformError> {
    if is_known_os(&platform.os) {
        let is_other_arm = host.architecture == "arm" && host.variant != "v7";
        let variant = if is_other_arm { host.variant.clone() } else { String::new() };
        return Ok(Platform { architecture: host.architecture.clone(), variant, ..platform });
    }
    let found = Platform { os: host.os.clone(), ..Platform::default() }.with_arch(word);
    if is_known_arch(&found.architecture) { Ok(found) } else { Err(PlatformError::Unknown(shorten(word))) }
}

/// Reads `os`, `os(version)`, `os(+feature…)` or `os(version+feature…)`.
fn parse_os(part: &str, specifier: &str) -> Result<Platform, PlatformError> {
    let invalid = || PlatformError::Os { part: shorten(part), specifier: shorten(specifier) };
    let (os, options) = match part.split_once('(') {
        None => (part, ""),
        Some((os, rest)) => (os, rest.strip_suffix(')').ok_or_else(invalid)?),
    };
    if os.is_empty() || !os.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        return Err(invalid());
    }
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'%' | b'-' | b'+');
    if !options.bytes().all(is_allowed) {
        return Err(invalid());
    }
    let mut options = options.split('+');
    let version = options.next().unwrap_or_default();
    let features: Vec<&str> = options.collect();
    if features.contains(&"") {
        return Err(invalid());
    }
    let decode = |text: &&str| {
        decode(text)
            .ok_or_else(|| PlatformError::Encoding { part: shorten(text), specifier: shorten(specifier) })
    };
    Ok(Platform {
        os: normalize_os(os),
        os_version: decode(&version)?,
        os_features: features.iter().map(decode).collect::<Result<_, _>>()?,
        ..Platform::default()
    })
}

/// Encodes the characters that would end a version or feature.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => encoded.push_str("%25"),
            '+' => encoded.push_str("%2B"),
            '(' => encoded.push_str("%28"),
            ')' => encoded.push_str("%29"),
            '/' => encoded.push_str("%2F"),
            other => encoded.push(other),
        }
    }
    encoded
}

/// Decodes `%2B` and the like. Go would let other bytes than UTF-8 through here.
fn decode(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let hex = piece.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// At most 80 characters of a text from outside, so that an error stays readable.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
