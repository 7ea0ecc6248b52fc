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
    let meant: Vec<String> =
        nearest(field, known.iter().copied()).iter().map(|name| format!("`{name}`")).collect();
    match (meant.is_empty(), known.is_empty()) {
        (false, _) => complaint.with_hint(did_you_mean(&meant)),
        (true, false) => complaint.with_hint(format!("there are: {}", known.join(", "))),
        (true, true) => complaint,
    }
}

fn did_you_mean(names: &[String]) -> String {
    format!("did you mean {}?", names.join(" or "))
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
        let is_os = KNOWN_OS.contains(&text);
        let meant: Vec<String> = nearest(&architecture, KNOWN_ARCH.into_iter())
            .into_iter()
            .filter(|_| !is_os)
            .map(|near| shown("linux", near, if near == architecture { &variant } else { "" }))
            .collect();
        return Err(match meant.is_empty() {
            true => complaint.with_hint(hint),
            false => complaint.with_hint(did_you_mean(&meant)),
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
    let mut meant = Vec::new();
    for os in nearest(&os, KNOWN_OS.into_iter().chain(MORE_OS)) {
        for architecture in nearest(&architecture, KNOWN_ARCH.into_iter().chain(MORE_ARCH)) {
            let variants = VARIANTS.iter().find(|(name, _)| *name == architecture);
            let near = variants.map(|(_, variants)| nearest(&variant, variants.iter().copied()));
            match near.filter(|near| !near.is_empty()) {
                Some(variants) => {
                    meant.extend(variants.iter().map(|variant| shown(os, architecture, variant)));
                }
                None => meant.push(shown(os, architecture, "")),
            }
        }
    }
    Err(match meant.is_empty() {
        true => complaint.with_hint("a platform is written like linux/arm64 or linux/arm/v7"),
        false => complaint.with_hint(did_you_mean(&meant)),
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

/// The names that are most like `name`, where any is like it.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let measured = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
    let near: Vec<(usize, &str)> = measured
        .filter(|(distance, known)| *distance <= NEAR && *distance < known.chars().count().max(2))
        .collect();
    let least = near.iter().map(|(distance, _)| *distance).min();
    near.into_iter().filter(|(distance, _)| Some(*distance) == least).map(|(_, known)| known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_that_is_misspelt_is_refused_with_what_may_have_been_meant() {
        for (text, hint) in [
            ("linux/amr64", "did you mean linux/amd64 or linux/arm64?"),
            ("linux/arm65", "did you mean linux/arm64?"),
            ("linx/arm64", "did you mean linux/arm64?"),
            ("linux/risv64", "did you mean linux/riscv64?"),
            ("linux/arm/v9", "did you mean linux/arm/v5 or linux/arm/v6 or linux/arm/v7 or linux/arm/v8?"),
            ("linux/arm/7v", "did you mean linux/arm/v7?"),
            ("arm64", "did you mean linux/arm64?"),
            ("aarch64", "did you mean linux/arm64?"),
            ("arm32v6", "did you mean linux/arm/v6?"),
            ("armhf", "did you mean linux/arm/v7?"),
            ("linux", "a platform is written like"),
            ("linux/", "a platform is written like"),
            ("linux/*", "a platform is written like"),
            ("linux/quantum", "a platform is written like"),
        ] {
            let complaint = platform(text).unwrap_err();
            let told = complaint.hint.unwrap_or_default();
            assert!(told.starts_with(hint), "{text}: {} {told}", complaint.what);
        }
    }

    #[test]
    fn a_platform_may_be_spelt_in_any_known_way() {
        for (text, read) in [
            ("linux/arm64", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64/v8"),
            ("linux/arm64/v9.2", "linux/arm64/v9.2"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64", "linux/amd64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/loong64", "linux/loong64"),
            ("wasip1/wasm", "wasip1/wasm"),
            ("windows(10.0.20348.2700+win32k)/amd64", "windows(10.0.20348.2700+win32k)/amd64"),
        ] {
            assert_eq!(platform(text).map(|platform| platform.format_all()), Ok(read.to_owned()), "{text}");
        }
    }
}
