//! What a host of one platform runs, best first: containerd's `platformVector`.

use super::Platform;

/// The highest number of a variant whose lower ones are counted down: `amd64/v64` runs `amd64/v63`, but
/// `amd64/v65` only itself and `386`. containerd has no bound here and would list them all.
pub const MAX_COUNTED_VARIANT: i64 = 64;

/// The oldest 32-bit Arm that a newer one is said to run.
const OLDEST_ARM: i64 = 5;

/// The platforms that a host of `host`, which is normalised, runs. They are not normalised themselves.
pub(super) fn ladder(host: &Platform) -> Vec<Platform> {
    match host.architecture.as_str() {
        "amd64" => {
            let mut ladder = counted_down(host, 1);
            ladder.push(with(host, "386", String::new()));
            ladder
        }
        "arm" => counted_down(host, OLDEST_ARM),
        "arm64" => arm64(host),
        _ => vec![host.clone()],
    }
}

/// The host itself, then the variants below its own, down to `last`.
fn counted_down(host: &Platform, last: i64) -> Vec<Platform> {
    let digits = host.variant.strip_prefix('v').unwrap_or(&host.variant);
    let own = digits.parse::<i64>().ok().filter(|own| *own <= MAX_COUNTED_VARIANT).unwrap_or(last);
    let below = (last..own).rev().map(|number| with(host, &host.architecture, format!("v{number}")));
    std::iter::once(host.clone()).chain(below).collect()
}

/// The variants up to the host's own; an Armv9.x is also an Armv8.(x+5). All of them run 32-bit Armv8 and
/// older. A variant that containerd does not know runs nothing.
fn arm64(host: &Platform) -> Vec<Platform> {
    const NEWEST_V8: u8 = 9;
    let name = |(major, minor): (u8, u8)| {
        if minor == 0 { format!("v{major}") } else { format!("v{major}.{minor}") }
    };
    let down = |major: u8, minor: u8| (0..=minor).rev().map(move |minor| (major, minor));
    let versions: Vec<(u8, u8)> = match known_arm64(&host.variant) {
        None => return Vec::new(),
        Some((9, minor)) => down(9, minor).chain(down(8, NEWEST_V8.min(minor + 5))).collect(),
        Some((major, minor)) => down(major, minor).collect(),
    };
    let mut ladder: Vec<Platform> =
        versions.into_iter().map(|version| with(host, "arm64", name(version))).collect();
    ladder.extend(counted_down(&with(host, "arm", "v8".to_owned()), OLDEST_ARM));
    ladder
}

/// v8 to v8.9 and v9 to v9.7, as major and minor; nothing else is known.
fn known_arm64(variant: &str) -> Option<(u8, u8)> {
    let (major, minor) = match variant {
        "" => ("v8", "0"),
        other => other.split_once('.').unwrap_or((other, "0")),
    };
    let minor = match minor.as_bytes() {
        [digit @ b'0'..=b'9'] => digit - b'0',
        _ => return None,
    };
    match (major, minor) {
        ("v8", 0..=9) => Some((8, minor)),
        ("v9", 0..=7) => Some((9, minor)),
        _ => None,
    }
}

fn with(host: &Platform, architecture: &str, variant: String) -> Platform {
    Platform { architecture: architecture.to_owned(), variant, ..host.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(architecture: &str, variant: &str) -> String {
        let host = Platform {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: variant.into(),
            ..Platform::default()
        };
        let ladder: Vec<String> = ladder(&host).iter().map(|p| p.format()[6..].to_owned()).collect();
        ladder.join(" ")
    }

    #[test]
    fn a_host_also_runs_what_is_older() {
        assert_eq!(names("amd64", "v3"), "amd64/v3 amd64/v2 amd64/v1 386");
        assert_eq!(names("arm", "v7"), "arm/v7 arm/v6 arm/v5");
        assert_eq!(names("arm", "v4"), "arm/v4");
        assert_eq!(names("arm64", "v8.2"), "arm64/v8.2 arm64/v8.1 arm64/v8 arm/v8 arm/v7 arm/v6 arm/v5");
        assert!(names("arm64", "v9.7").starts_with("arm64/v9.7 "));
        assert!(names("arm64", "v9.1").contains(" arm64/v9 arm64/v8.6 "));
        assert_eq!(names("riscv64", "rva23u64"), "riscv64/rva23u64");
    }

    #[test]
    fn an_unknown_arm64_runs_nothing() {
        for variant in ["v9.8", "v8.10", "v10", "v8.", "v8.00", "8.0", "v"] {
            assert_eq!(names("arm64", variant), "", "{variant}");
        }
    }

    #[test]
    fn a_variant_of_astronomic_number_makes_no_astronomic_list() {
        assert_eq!(names("amd64", "v65"), "amd64/v65 386");
        assert_eq!(names("amd64", "v64").split(' ').count(), 65);
        assert_eq!(names("arm", "v9223372036854775807"), "arm/v9223372036854775807");
    }
}
