//! The platform of this machine, as containerd reads it.

use workson_oci::Platform;
use workson_oci::platform::cpu_variant;

/// This machine's operating system, architecture and, on Arm, the variant of its processor.
///
/// On Windows containerd adds the system's build number; here it stays empty, which matches every build:
/// `--platform "windows(10.0.20348)/amd64"` names one.
pub(crate) fn platform() -> Platform {
    let little_endian = cfg!(target_endian = "little");
    let mut platform =
        Platform::from_rust_target(std::env::consts::OS, std::env::consts::ARCH, little_endian);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").ok();
    // What cannot be found out stays empty, as with containerd, which logs and goes on.
    platform.variant =
        cpu_variant(&platform.os, &platform.architecture, cpuinfo.as_deref(), &machine()).unwrap_or_default();
    platform
}

#[cfg(unix)]
fn machine() -> String {
    rustix::system::uname().machine().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn machine() -> String {
    String::new()
}
