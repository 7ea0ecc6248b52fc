//! Exit codes, which are an API, and failures, which are told on standard error.

use std::io;
use std::process::ExitCode;

use workson::history::HistoryError;
use workson::store::StoreError;
use workson_oci::text::printable;
use workson_registry::Error;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: yes; done.
    Yes,
    /// 1: no; something that was asked about is not supported.
    No,
    /// 2: could not tell, or could not do it.
    Unknown,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Unknown => 2,
        })
    }
}

/// Why a command could not be done at all: a sentence, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    closed_pipe: bool,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hint: None, closed_pipe: false }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn io(tried: &str, error: &io::Error) -> Failure {
        let closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        Failure { message: format!("{tried}: {error}"), hint: None, closed_pipe }
    }

    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.closed_pipe
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) {
        tell(&self.message, self.hint.as_deref());
    }
}

/// One message for a person on standard error. Where even that is closed, nobody listens.
#[allow(clippy::print_stderr, reason = "this is where messages for people go")]
pub(crate) fn tell(message: &str, hint: Option<&str>) {
    use std::io::Write as _;
    let mut stderr = anstream::stderr().lock();
    // Messages hold what registries and files say, which must not steer the terminal.
    let message = message.lines().map(printable).collect::<Vec<_>>().join("\n");
    let _ = writeln!(stderr, "workson: {message}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "         {}", printable(hint));
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::io("writing the answer", &error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
