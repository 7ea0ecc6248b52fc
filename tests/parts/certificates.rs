//! Certificates and signatures, by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{base64, run};

/// An authority of the test's own, and certificates that it signed.
pub(crate) struct Authority {
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority { folder };
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        command.args([
            "-subj",
            "/CN=the tests' own authority",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ]);
        command.args(["-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]);
        command.arg("-keyout").arg(authority.path("ca.key")).arg("-out").arg(authority.certificate());
        run("openssl", &mut command, b"");
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority's certificate, PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The authority's key, PEM.
    pub(crate) fn key(&self) -> PathBuf {
        self.path("ca.key")
    }

    /// A server's certificate for this name (`IP:127.0.0.1`, `DNS:…`) and its key.
    pub(crate) fn server(&self, subject: &str) -> (PathBuf, PathBuf) {
        let name = subject.replace([':', '.'], "-");
        let file = |ending: &str| self.path(&format!("{name}.{ending}"));
        let mut command = Command::new("openssl");
        command.args(["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a registry"]);
        command.arg("-keyout").arg(file("key")).arg("-out").arg(file("csr"));
        run("openssl", &mut command, b"");
        let extensions = format!("subjectAltName={subject}\nextendedKeyUsage=serverAuth\n");
        std::fs::write(file("ext"), extensions).unwrap();
        let mut command = Command::new("openssl");
        command.args(["x509", "-req", "-days", "2", "-CAcreateserial"]);
        command.arg("-in").arg(file("csr")).arg("-extfile").arg(file("ext"));
        command.arg("-CA").arg(self.certificate()).arg("-CAkey").arg(self.key()).arg("-out").arg(file("pem"));
        run("openssl", &mut command, b"");
        (file("pem"), file("key"))
    }
}

/// A certificate file's bytes in base64, as a token's `x5c` has them (RFC 7515, section 4.1.6).
pub(super) fn x5c(certificate: &Path) -> String {
    let text = std::fs::read_to_string(certificate).unwrap();
    text.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// A signature by RSA and SHA-256 (`RS256` in RFC 7518), in base64 for URLs.
pub(super) fn rs256(key: &Path, text: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["dgst", "-sha256", "-binary", "-sign"]).arg(key);
    base64(&run("openssl", &mut command, text.as_bytes()), true)
}

/// A file of users for `docker-registry`, by htpasswd.
pub(crate) fn htpasswd(folder: &Path, user: &str, password: &str) -> PathBuf {
    let line = run("htpasswd", Command::new("htpasswd").args(["-Bbn", user, password]), b"");
    let path = folder.join("htpasswd");
    std::fs::write(&path, line).unwrap();
    path
}
