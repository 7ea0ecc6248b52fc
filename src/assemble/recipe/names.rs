//! Names that are misspelt, and those that may have been meant.

use workson_oci::Platform;
use workson_oci::platform::normalize::{KNOWN_ARCH, KNOWN_OS, normalize_arch, normalize_os};
use workson_oci::platform::official_name;

use super::Complaint;

/// Names that images have and containerd does not know.
const MORE_OS: [&str; 3] = ["wasi", "wasip1", "wasip2"];
const MORE_ARCH: [&str; 1] = ["wasm32"];
/// The variants of the architectures that have such.
const VARIANTS: [(&str, &[&str]); 3] = [
    ("amd64", &["v1", "v2", "v3", "v4"]),
    ("arm", &["v5", "v6", "v7", "v8"]),
    ("arm64", &["v8", "v8.0", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9", "v9"]),
];
/// How different a name may be that is suggested.
const NEAR: usize = 3;

/// A field that is not known.
pub(super) fn unknown_field(field: &str, known: &[&'static str]) -> Complaint {
    let complaint = Complaint::new(format!("there is no field `{field}` here"));
    match nearest(field, known.iter().copied()) {
        Some(meant) => complaint.with_hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => complaint,
        None => complaint.with_hint(format!("there are: {}", known.join(", "))),
    }
}

/// A platform as a recipe writes it: `os/architecture[/variant]`. A name that is not known is refused.
pub(super) fn platform(text: &str) -> Result<Platform, Complaint> {
    let hint = "a platform is written like linux/arm64, linux/arm/v7 or windows(10.0.20348)/amd64";
    if let Some(platform) = official_name(text) {
        let complaint = Complaint::new(format!("the platform {text:?} names no operating system"));
        return Err(complaint.with_hint(format!("did you mean {platform}?")));
    }
    if !text.contains('/') {
        let complaint =
            Complaint::new(format!("the platform {text:?} lacks its operating system or architecture"));
        let (architecture, variant) = normalize_arch(text, "");
        let near = nearest(&architecture, KNOWN_ARCH.into_iter());
        return Err(match near.filter(|_| !KNOWN_OS.contains(&text)) {
            Some(near) if near == architecture => {
                complaint.with_hint(format!("did you mean {}?", shown("linux", near, &variant)))
            }
            Some(near) => complaint.with_hint(format!("did you mean linux/{near}?")),
            None => complaint.with_hint(hint),
        });
    }
    // What a platform leaves open is completed from nowhere: it has both parts.
    let platform = Platform::parse(text, &Platform::default())
        .map_err(|error| Complaint::new(error.to_string()).with_hint(hint))?;
    check(text, &platform)?;
    Ok(with_variant(platform))
}

/// Refuses a platform with a name that is not known.
pub(super) fn check(text: &str, platform: &Platform) -> Result<(), Complaint> {
    let (os, (architecture, variant)) =
        (normalize_os(&platform.os), normalize_arch(&platform.architecture, &platform.variant));
    let is_os = KNOWN_OS.contains(&os.as_str()) || MORE_OS.contains(&os.as_str());
    let is_architecture =
        KNOWN_ARCH.contains(&architecture.as_str()) || MORE_ARCH.contains(&architecture.as_str());
    let variants = VARIANTS.iter().find(|(name, _)| *name == architecture).map(|(_, variants)| *variants);
    let is_variant = variants.is_none_or(|variants| {
        variant.is_empty() || variants.contains(&variant.as_str()) || variant.starts_with("v9.")
    });
    if is_os && is_architecture && is_variant {
        return Ok(());
    }
    let unknown = match (is_os, is_architecture) {
        (false, _) => format!("operating system {os:?}"),
        (true, false) => format!("architecture {architecture:?}"),
        (true, true) => format!("variant {variant:?} of {architecture}"),
    };
    let complaint = Complaint::new(format!("the platform {text:?}: there is no {unknown}"));
    let meant_os = nearest(&os, KNOWN_OS.into_iter().chain(MORE_OS));
    let meant = nearest(&architecture, KNOWN_ARCH.into_iter().chain(MORE_ARCH));
    Err(match (meant_os, meant) {
        (Some(os), Some(architecture)) => {
            let variants = VARIANTS.iter().find(|(name, _)| *name == architecture);
            let variant = match variants {
                Some((_, variants)) => nearest(&variant, variants.iter().copied()).unwrap_or_default(),
                None => "",
            };
            complaint.with_hint(format!("did you mean {}?", shown(os, architecture, variant)))
        }
        _ => complaint.with_hint("a platform is written like linux/arm64 or linux/arm/v7"),
    })
}

/// The variant that an `arm` without one stands for is written out, so that nobody has to know.
pub(super) fn with_variant(platform: Platform) -> Platform {
    match platform.architecture == "arm" && platform.variant.is_empty() {
        true => Platform { variant: "v7".into(), ..platform },
        false => platform,
    }
}

fn shown(os: &str, architecture: &str, variant: &str) -> String {
    match variant.is_empty() {
        true => format!("{os}/{architecture}"),
        false => format!("{os}/{architecture}/{variant}"),
    }
}

/// The name that is most like `name`, where one is.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let near = known.map(|known| (distance(known), known)).min_by_key(|(distance, _)| *distance);
    let (distance, near) = near?;
    (distance <= NEAR && distance < near.chars().count().max(2)).then_some(near)
}
