//! What a host is and what it can run: names, Arm variants, Windows builds.
//!
//! Nothing here asks the machine. The caller reads `/proc/cpuinfo` and `uname` and hands the text in.

use super::Platform;

impl Platform {
    /// The platform that a Rust target's names mean in the words of Go, which the OCI specifications use:
    /// `macos`/`aarch64` is darwin/arm64. Names that are the same in both, or unknown, are taken over.
    ///
    /// The names are those of `std::env::consts::{OS, ARCH}`, which leave the byte order open. There is no
    /// variant; [`cpu_variant`] finds it.
    pub fn from_rust_target(os: &str, arch: &str, little_endian: bool) -> Platform {
        let os = match os {
            "macos" => "darwin",
            "wasi" => "wasip1",
            other => other,
        };
        let architecture = match (arch, little_endian) {
            ("x86", _) => "386",
            ("x86_64", _) => "amd64",
            ("aarch64", true) => "arm64",
            ("aarch64", false) => "arm64be",
            ("arm", false) => "armbe",
            ("powerpc", _) => "ppc",
            ("powerpc64", true) => "ppc64le",
            ("powerpc64", false) => "ppc64",
            ("mips", true) => "mipsle",
            ("mips64", true) => "mips64le",
            ("loongarch64", _) => "loong64",
            ("riscv32", _) => "riscv",
            ("wasm32" | "wasm64", _) => "wasm",
            (other, _) => other,
        };
        Platform { os: os.to_owned(), architecture: architecture.to_owned(), ..Platform::default() }
    }
}

/// Why the variant of an Arm host could not be found. containerd then takes the empty variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpuVariantError {
    /// Linux, and the text of `/proc/cpuinfo` was not to be had.
    #[error("the Arm variant of this host is written in /proc/cpuinfo, which could not be read")]
    NoCpuInfo,
    /// Linux, without the field in `/proc/cpuinfo`, and uname's machine is no Arm name either.
    #[error(
        "/proc/cpuinfo names no CPU architecture, and uname's machine {0:?} is not an Arm name like aarch64 or armv7l"
    )]
    Machine(String),
    /// containerd finds variants on Linux, macOS, Windows and FreeBSD alone.
    #[error("the Arm variant of a host is found on linux, darwin, windows and freebsd, not on {0:?}")]
    UnsupportedOs(String),
}

/// The variant of a host, from the text of its `/proc/cpuinfo` (`None` if it could not be read) and the
/// machine name of `uname -m`. Empty for what is not Arm; `unknown` for what containerd cannot name.
///
/// `os` and `architecture` are Go's names. `cpuinfo` and `machine` count on Linux only.
pub fn cpu_variant(
    os: &str,
    architecture: &str,
    cpuinfo: Option<&str>,
    machine: &str,
) -> Result<String, CpuVariantError> {
    if !matches!(architecture, "arm" | "arm64") {
        return Ok(String::new());
    }
    let variant = match (os, architecture) {
        // Go builds the Linux files for Android, too.
        ("linux" | "android", _) => return linux_variant(architecture, cpuinfo, machine),
        ("windows" | "darwin" | "freebsd", "arm64") => "v8",
        ("windows" | "darwin", _) => "v7",
        ("freebsd", _) => "unknown",
        _ => return Err(CpuVariantError::UnsupportedOs(os.to_owned())),
    };
    Ok(variant.to_owned())
}

fn linux_variant(
    architecture: &str,
    cpuinfo: Option<&str>,
    machine: &str,
) -> Result<String, CpuVariantError> {
    let cpuinfo = cpuinfo.ok_or(CpuVariantError::NoCpuInfo)?;
    let found = match field(cpuinfo, "cpu architecture") {
        Some(value) => value,
        None => machine_variant(machine)?,
    };
    // A Raspberry Pi of the first generation says 7 by a quirk of its kernel.
    let is_armv6 = |model: &str| model.to_ascii_lowercase().starts_with("armv6-compatible");
    let found = if architecture == "arm" && found == "7" && field(cpuinfo, "model name").is_some_and(is_armv6)
    {
        "6"
    } else {
        found
    };
    let variant = match found.to_ascii_lowercase().as_str() {
        "8" | "aarch64" => "v8",
        "7" | "7m" | "?(12)" | "?(13)" | "?(14)" | "?(15)" | "?(16)" | "?(17)" => "v7",
        "6" | "6tej" => "v6",
        "5" | "5t" | "5te" | "5tej" => "v5",
        "4" | "4t" => "v4",
        "3" => "v3",
        _ => "unknown",
    };
    Ok(variant.to_owned())
}

/// The value of the first line `name: value`, up to a further colon.
fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let mut parts = line.split(':');
        let found = parts.next()?.trim().eq_ignore_ascii_case(name);
        parts.next().filter(|_| found).map(str::trim)
    })
}

/// The digit of `armv7l`; 8 for `aarch64`.
fn machine_variant(machine: &str) -> Result<&'static str, CpuVariantError> {
    let name = machine.to_ascii_lowercase();
    if name == "aarch64" {
        return Ok("8");
    }
    let version = name.strip_prefix("armv").and_then(|rest| rest.as_bytes().first());
    match version {
        None => Err(CpuVariantError::Machine(machine.to_owned())),
        Some(b'8') => Ok("8"),
        Some(b'7') => Ok("7"),
        Some(b'6') => Ok("6"),
        Some(b'5') => Ok("5"),
        Some(b'4') => Ok("4"),
        Some(b'3') => Ok("3"),
        Some(_) => Ok("unknown"),
    }
}

/// The part of a Windows version that decides what runs: `10.0.20348` of `10.0.20348.3091`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WindowsVersion {
    major: u8,
    minor: u8,
    build: u16,
}

impl WindowsVersion {
    /// Windows Server 2022, the first release that runs images older than itself.
    const LTSC_2022: u16 = 20348;
    /// Windows Server 2025.
    const LTSC_2025: u16 = 26100;

    /// The version in `text`; all zero if it is not written like `10.0.20348`.
    pub(super) fn parse(text: &str) -> WindowsVersion {
        Self::read(text).unwrap_or_default()
    }

    fn read(text: &str) -> Option<WindowsVersion> {
        let mut parts = text.split('.');
        let mut number = || parts.next().filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        Some(WindowsVersion {
            major: number()?.parse().ok()?,
            minor: number()?.parse().ok()?,
            build: number()?.parse().ok()?,
        })
    }

    /// Whether a host of this version runs an image with that `os.version`. One of them may be unknown.
    pub(super) fn runs(self, image: &str) -> bool {
        self == WindowsVersion::default()
            || image.is_empty()
            || self.runs_version(WindowsVersion::parse(image))
    }

    fn runs_version(self, image: WindowsVersion) -> bool {
        if (self.major, self.minor) != (image.major, image.minor) {
            return false;
        }
        if self.build < Self::LTSC_2022 {
            return self.build == image.build;
        }
        let oldest = if self.build > Self::LTSC_2025 { Self::LTSC_2025 } else { Self::LTSC_2022 };
        (oldest..=self.build).contains(&image.build)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_target_is_named_as_go_names_it() {
        for (os, arch, little, expected) in [
            ("linux", "x86_64", true, "linux/amd64"),
            ("macos", "aarch64", true, "darwin/arm64"),
            ("windows", "x86", true, "windows/386"),
            ("linux", "powerpc64", true, "linux/ppc64le"),
            ("linux", "powerpc64", false, "linux/ppc64"),
            ("linux", "mips64", true, "linux/mips64le"),
            ("linux", "mips", false, "linux/mips"),
            ("linux", "s390x", false, "linux/s390x"),
            ("linux", "loongarch64", true, "linux/loong64"),
            ("linux", "arm", true, "linux/arm"),
        ] {
            assert_eq!(Platform::from_rust_target(os, arch, little).format(), expected);
        }
    }

    #[test]
    fn the_variant_is_read_from_cpuinfo_first() {
        let pi1 =
            "processor\t: 0\nmodel name\t: ARMv6-compatible processor rev 7 (v6l)\nCPU architecture: 7\n";
        let of = |arch: &str, info: &str, machine: &str| cpu_variant("linux", arch, Some(info), machine);
        assert_eq!(of("arm", pi1, "armv6l"), Ok("v6".into()), "a Raspberry Pi 1 says 7 and is 6");
        assert_eq!(of("arm64", pi1, "aarch64"), Ok("v7".into()), "the quirk is one of 32-bit kernels");
        assert_eq!(of("arm64", "CPU architecture: 8\nCPU architecture: 7\n", "x"), Ok("v8".into()));
        assert_eq!(of("arm", "CPU architecture: 5TEJ\r\n", "x"), Ok("v5".into()));
        assert_eq!(of("arm", "CPU architecture: ?(17): 3\n", "x"), Ok("v7".into()));
        assert_eq!(of("arm", "CPU architecture:\n", "armv7l"), Ok("unknown".into()));
        assert_eq!(of("arm", "CPU part: 0xd08\n", "armv7l"), Ok("v7".into()), "without the field, uname");
        assert_eq!(of("amd64", pi1, "armv6l"), Ok(String::new()), "only Arm has variants to find");
    }

    #[test]
    fn what_cannot_be_found_is_an_error_that_says_so() {
        let message = |os: &str, info: Option<&str>, machine: &str| {
            cpu_variant(os, "arm", info, machine).unwrap_err().to_string()
        };
        assert!(message("linux", None, "armv7l").contains("/proc/cpuinfo, which could not be read"));
        assert!(message("linux", Some(""), "x86_64").contains("\"x86_64\" is not an Arm name"));
        assert!(message("linux", Some(""), "ar").contains("\"ar\""), "short names are no reason to panic");
        assert!(message("plan9", None, "").contains("not on \"plan9\""));
        assert_eq!(cpu_variant("freebsd", "arm", None, ""), Ok("unknown".into()));
        assert_eq!(cpu_variant("darwin", "arm64", None, ""), Ok("v8".into()));
        assert_eq!(cpu_variant("windows", "arm", None, ""), Ok("v7".into()));
    }

    #[test]
    fn a_windows_version_that_cannot_be_read_is_none() {
        let read = |major, minor, build| WindowsVersion { major, minor, build };
        assert_eq!(WindowsVersion::parse("10.0.20348.3091"), read(10, 0, 20348));
        for text in ["", "10.0", "10.0.+5", "256.0.1", "10.0.65536", "10..1", "a.b.c"] {
            assert_eq!(WindowsVersion::parse(text), read(0, 0, 0), "{text}");
        }
    }
}
