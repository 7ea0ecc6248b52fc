//! Whoever runs `workson`: a home that is empty at first, and nothing of the machine's own settings.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// What the environment of whoever runs the tests must not decide.
const FORGOTTEN: [&str; 20] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "REQUEST_METHOD",
    "DOCKER_CONFIG",
    "REGISTRY_AUTH_FILE",
    "WORKSON_STORE",
    "WORKSON_CONFIG",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CONTAINERS_REGISTRIES_CONF",
    "REGISTRY_HTTP_ADDR",
];

/// Makes `command` one of a user whose home is `home`.
pub(super) fn at_home(command: &mut Command, home: &Path) {
    for name in FORGOTTEN {
        command.env_remove(name);
    }
    command.env("HOME", home);
    for (name, folder) in [
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        command.env(name, home.join(folder));
    }
}

/// One user.
pub(crate) struct User {
    home: TempDir,
    variables: Vec<(OsString, OsString)>,
    secrets: Vec<String>,
}

impl User {
    /// A user with an empty home.
    pub(crate) fn new() -> User {
        User { home: tempfile::tempdir().unwrap(), variables: Vec::new(), secrets: Vec::new() }
    }

    /// A file in the user's home, with the folders that lead to it.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Sets a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> User {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// Puts a program (a script) where the user's programs are looked for first.
    #[allow(
        clippy::disallowed_methods,
        reason = "what is on PATH stays on it, behind the user's own programs"
    )]
    pub(crate) fn with_program(self, name: &str, script: &str) -> User {
        let folder = self.home.path().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        super::write_script(&folder.join(name), script);
        let before = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&before))).unwrap();
        self.with("PATH", path)
    }

    /// Something that no output of any run may show.
    pub(crate) fn with_secret(mut self, secret: &str) -> User {
        self.secrets.push(secret.to_owned());
        self
    }

    /// Runs `workson`.
    pub(crate) fn workson(&self, arguments: &[&str]) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workson"));
        at_home(&mut command, self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(arguments).current_dir(self.home.path());
        let output = super::output("workson", &mut command, b"");
        let answer = Answer {
            command: format!("workson {}", arguments.iter().take(12).copied().collect::<Vec<_>>().join(" ")),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for secret in &self.secrets {
            answer.hides(secret);
        }
        answer
    }
}

/// What came of a run of `workson`.
pub(crate) struct Answer {
    command: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Answer {
    /// Standard output, as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Panics unless the exit code is `code`, with all that was said.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Answer {
        let (stdout, stderr) = (String::from_utf8_lossy(&self.stdout), &self.stderr);
        assert_eq!(self.code, Some(code), "exit code of {}\n{stdout}\n{stderr}", self.command);
        self
    }

    /// Standard output, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let read = serde_json::from_slice(&self.stdout);
        read.unwrap_or_else(|error| panic!("{}: {error}\n{}\n{}", self.command, self.text(), self.stderr))
    }

    /// Standard output, as JSON: the answer for the only image that was asked for.
    #[track_caller]
    pub(crate) fn image(&self) -> Value {
        let Value::Array(mut answers) = self.json() else { panic!("{}: not a JSON array", self.command) };
        assert_eq!(answers.len(), 1, "{}: one answer for one image", self.command);
        answers.remove(0)
    }

    /// Standard output as JSON: the kind of the failure for the only image that was asked for.
    #[track_caller]
    pub(crate) fn error_kind(&self) -> String {
        let image = self.image();
        image["error"]["kind"].as_str().unwrap_or_else(|| panic!("there is no error in {image}")).to_owned()
    }

    /// Panics where standard output or error shows `secret`.
    #[track_caller]
    pub(crate) fn hides(&self, secret: &str) {
        let shown = [String::from_utf8_lossy(&self.stdout).into_owned(), self.stderr.clone()];
        // The output itself is not repeated here: it would put the secret into the log of the test.
        assert!(!shown.iter().any(|text| text.contains(secret)), "{} shows a secret", self.command);
    }

    /// The requests of the trace (`--verbose`): `GET http://…/v2/… → 200 (…)`.
    pub(crate) fn trace(&self) -> Vec<&str> {
        let lines = self.stderr.lines().filter_map(|line| line.strip_prefix("workson: "));
        lines.filter(|line| line.contains(" → ")).collect()
    }
}
