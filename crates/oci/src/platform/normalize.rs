//! The many spellings of a platform, brought to one: containerd's normalisation.

use super::Platform;

/// The operating systems that containerd knows, in normalised spelling.
pub const KNOWN_OS: [&str; 17] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];

/// The architectures that containerd knows, in normalised spelling.
pub const KNOWN_ARCH: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// Whether containerd knows this operating system; the name has to be normalised.
pub fn is_known_os(os: &str) -> bool {
    KNOWN_OS.contains(&os)
}

/// Whether containerd knows this architecture; the name has to be normalised.
pub fn is_known_arch(architecture: &str) -> bool {
    KNOWN_ARCH.contains(&architecture)
}

/// The operating system in lower case, `macos` as `darwin`. An empty name stays empty.
pub fn normalize_os(os: &str) -> String {
    match to_lower(os) {
        os if os == "macos" => "darwin".to_owned(),
        os => os,
    }
}

/// Architecture and variant as containerd writes them: `x86_64` is `amd64`, `aarch64/v8` is `arm64`,
/// `armhf` is `arm/v7`, `arm` is `arm/v7`.
///
/// Alpine names a different thing `armhf`, namely arm/v6, and Debian's `armel` is the official images'
/// arm/v5, while containerd reads it as arm/v6. Here containerd's reading counts; see
/// [`official_name`](super::official_name) for the names of the official images.
pub fn normalize_arch(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (to_lower(architecture), to_lower(variant));
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", other) => ("amd64", other),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", other) => ("arm64", other),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        (architecture, variant) => (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

/// The platform in containerd's spelling, its OS features sorted and without repetitions.
pub(super) fn normalize(platform: &Platform, empty_os: &str) -> Platform {
    let os = if platform.os.is_empty() { empty_os.to_owned() } else { normalize_os(&platform.os) };
    let (architecture, variant) = normalize_arch(&platform.architecture, &platform.variant);
    let mut os_features = platform.os_features.clone();
    os_features.sort();
    os_features.dedup();
    Platform { os, architecture, variant, os_version: platform.os_version.clone(), os_features }
}

/// Lower case as Go's `strings.ToLower` makes it: one character for one character.
///
/// Rust's own differs in two places: it makes two characters of `İ`, and a `Σ` at the end of a word is
/// another letter than one inside.
pub(crate) fn to_lower(text: &str) -> String {
    let lower = |c: char| {
        if c == 'İ' { 'i' } else { c.to_lowercase().next().unwrap_or(c) }
    };
    text.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_hold_each_name_once_and_in_order() {
        assert!(KNOWN_OS.is_sorted() && KNOWN_ARCH.is_sorted());
        assert!(is_known_os("linux") && !is_known_os("Linux") && !is_known_os("macos"));
        assert!(is_known_arch("arm64") && !is_known_arch("aarch64") && !is_known_arch(""));
    }

    #[test]
    fn a_variant_has_one_spelling() {
        for (architecture, variant, expected) in [
            ("I386", "x", "386/"),
            ("x86-64", "V1", "amd64/"),
            ("x86_64", "v2", "amd64/v2"),
            ("aarch64", "8", "arm64/"),
            ("arm64", "9.0", "arm64/v9"),
            ("arm64", "8.0", "arm64/8.0"),
            ("arm", "", "arm/v7"),
            ("arm", "5", "arm/v5"),
            ("arm", "6", "arm/v6"),
            ("arm", "7", "arm/v7"),
            ("arm", "8", "arm/v8"),
            ("armhf", "v6", "arm/v7"),
            ("armel", "v5", "arm/v6"),
            ("RISCV64", "RVA23", "riscv64/rva23"),
        ] {
            let (architecture, variant) = normalize_arch(architecture, variant);
            assert_eq!(format!("{architecture}/{variant}"), expected);
        }
        assert_eq!((normalize_os("macOS").as_str(), normalize_os("").as_str()), ("darwin", ""));
    }

    #[test]
    fn lower_case_is_gos() {
        assert_eq!(to_lower("LİNUX ΑΣ É"), "linux ας é".replace('ς', "σ"));
    }
}
