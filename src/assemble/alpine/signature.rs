//! The detached OpenPGP signature of a root, checked by `gpgv` (GnuPG), which knows nothing but checking.
//!
//! Only signatures by the keys of the given keyring count; which those are is for whoever gives it to know.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use workson_oci::text::printable;

use super::super::AssembleError;

/// What `gpgv` says on its status lines where a signature is good and by a key of the keyring.
const VALID: &str = "[GNUPG:] VALIDSIG ";

/// Checks that `signature` (the text of an `.asc` file) is one of `file` by a key of `keyring`; the fingerprint of the
/// key. `name` is what the file is called.
///
/// # Errors
/// Where it is not, or there is no `gpgv`.
pub(super) fn check(
    name: &str,
    signature: &str,
    file: &Path,
    keyring: &Path,
    scratch: &Path,
) -> Result<String, AssembleError> {
    let failed =
        |what: String| AssembleError::new(format!("checking {name}.asc, the signature of {name}: {what}"));
    let mut asc = tempfile::NamedTempFile::new_in(scratch).map_err(|error| failed(error.to_string()))?;
    asc.write_all(signature.as_bytes()).map_err(|error| failed(error.to_string()))?;
    // A name without a slash would be looked for in GnuPG's own folder.
    let keyring = keyring.canonicalize().map_err(|error| {
        failed(format!("{}: {error}", keyring.display())).with_hint("--key names a file with the public keys")
    })?;
    let output = Command::new("gpgv")
        .args(["--status-fd", "1", "--homedir"])
        .arg(scratch)
        .arg("--keyring")
        .arg(&keyring)
        .arg(asc.path())
        .arg(file)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            failed(format!("gpgv could not be started: {error}"))
                .with_hint("install gpgv (GnuPG), or leave --key out: the SHA-512 is checked all the same")
        })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let valid = said.lines().find_map(|line| line.strip_prefix(VALID)?.split(' ').next());
    match valid.filter(|_| output.status.success()) {
        Some(fingerprint) => Ok(fingerprint.to_owned()),
        None => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or("gpgv said nothing").trim_start_matches("gpgv: ");
            Err(failed(printable(said).into_owned()).with_hint(
                "is the keyring that of whoever made the release, and as `gpg --export` writes it?",
            ))
        }
    }
}
