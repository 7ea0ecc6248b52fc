//! Real parts for tests: Debian's registry, skopeo, openssl, git. A part is started for one test, on a free loopback
//! port and with folders of its own, and ends with its handle. A part that is not installed fails the test.

#![allow(dead_code, reason = "each test file uses its own share of the parts")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

pub(crate) mod certificates;
pub(crate) mod docker_registry;
pub(crate) mod git;
pub(crate) mod git_http;
pub(crate) mod http;
pub(crate) mod https_files;
pub(crate) mod image;
pub(crate) mod skopeo;
pub(crate) mod tap;
pub(crate) mod token_server;
pub(crate) mod user;

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The name that stands before a repository, tells a part's user from the program's, and the Debian package.
const PACKAGES: [(&str, &str); 9] = [
    ("docker-registry", "docker-registry"),
    ("skopeo", "skopeo"),
    ("htpasswd", "apache2-utils"),
    ("openssl", "openssl"),
    ("git", "git"),
    ("sha512sum", "coreutils"),
    ("curl", "curl"),
    ("nginx", "nginx"),
    ("systemd-analyze", "systemd"),
];

/// Unwraps what came of starting `program`; where it is not installed, says what to install.
pub(crate) fn started<T>(program: &str, outcome: io::Result<T>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let package = PACKAGES.iter().find(|(name, _)| *name == program).map_or(program, |(_, p)| p);
            panic!(
                "this test runs the real `{program}`, and it is not installed: it is in Debian's package \
                 {package}, and `sh tests/install.sh` installs all that the tests need"
            );
        }
        Err(error) => panic!("starting {program}: {error}"),
    }
}

/// Runs a program to its end with `input` to read; panics with what it said if it fails.
pub(crate) fn run(program: &str, command: &mut Command, input: &[u8]) -> Vec<u8> {
    let output = output(program, command, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed ({}): {said}\n{command:?}", output.status);
    output.stdout
}

/// Runs a program to its end with `input` to read.
pub(crate) fn output(program: &str, command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = started(program, command.spawn());
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // In a thread of its own: a program may write before it has read everything.
        scope.spawn(move || match stdin.write_all(input) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("writing to {program}: {error}"),
            _ => {}
        });
        child.wait_with_output().unwrap()
    })
}

/// Writes an executable script. A shell writes it: had this process the file open for writing while another
/// thread starts a program, that program would hold it open too, and running the script would fail (ETXTBSY).
pub(crate) fn write_script(path: &Path, text: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat > "$1" && chmod 700 "$1""#, "sh"]).arg(path);
    run("sh", &mut shell, text.as_bytes());
}

/// Base64 (RFC 4648, section 4) with padding, or its URL form (section 5) without.
pub(crate) fn base64(bytes: &[u8], for_url: bool) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = |sextet: u8| match (sextet, for_url) {
        (62, false) => '+',
        (63, false) => '/',
        (62, true) => '-',
        (63, true) => '_',
        _ => char::from(LETTERS[usize::from(sextet)]),
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let sextets = [
            three[0] >> 2,
            three[0] << 4 & 63 | three[1] >> 4,
            three[1] << 2 & 63 | three[2] >> 6,
            three[2] & 63,
        ];
        text.extend(sextets.iter().take(chunk.len() + 1).map(|sextet| letter(*sextet)));
        if !for_url {
            text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
        }
    }
    text
}
