//! What can go wrong with the store.

use std::fmt;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::timeline::TextError;

/// What kind of failure a [`StoreError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no such file.
    Absent,
    /// Another program is writing.
    Locked,
    /// The disk is full, or as much waits as may wait.
    Full,
    /// The file is damaged, or no store at all.
    Corrupt,
    /// A later version of workson wrote it.
    Newer,
    /// What was asked for is not in it.
    NotThere,
    /// Anything else.
    Other,
}

/// A failure of the store: what was tried, what came back, what to do next.
#[derive(Debug, Clone)]
pub struct StoreError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: StoreErrorKind,
    tried: String,
    came_back: String,
    hint: Option<&'static str>,
}

impl StoreError {
    pub(super) fn new(path: &Path, tried: &str, source: rusqlite::Error) -> StoreError {
        let (kind, hint) = match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
                StoreErrorKind::Locked,
                "another program is writing to it; wait for that, or name another --store",
            ),
            Some(ErrorCode::DiskFull) => {
                (StoreErrorKind::Full, "make room on the disk and run again; what was kept so far is there")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
                StoreErrorKind::Corrupt,
                "the file is damaged or no store; put it aside, or name another --store",
            ),
            Some(ErrorCode::SystemIoFailure) => (
                StoreErrorKind::Full,
                "is the disk full, or broken? make room on it, or name another --store",
            ),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                (StoreErrorKind::Other, "it has to be a file that can be written; name another with --store")
            }
            _ => return StoreError::other(path, tried, source.to_string()),
        };
        StoreError::made(kind, path, tried, source.to_string(), Some(hint))
    }

    pub(super) fn io(path: &Path, tried: &str, source: &std::io::Error) -> StoreError {
        let hint = "it has to be a file that can be written; name another with --store";
        StoreError::made(StoreErrorKind::Other, path, tried, source.to_string(), Some(hint))
    }

    pub(super) fn migration(path: &Path, source: &refinery::Error) -> StoreError {
        let text = source.to_string();
        let tried = "bringing the store to this version's form";
        if text.contains("missing from the filesystem") || text.contains("is missing") {
            return StoreError::newer(path);
        }
        let cause =
            std::error::Error::source(source).and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
        let code = cause.and_then(rusqlite::Error::sqlite_error_code);
        match code {
            Some(code) => {
                let failure = rusqlite::ffi::Error { code, extended_code: 0 };
                let message = cause.map(ToString::to_string);
                StoreError::new(path, tried, rusqlite::Error::SqliteFailure(failure, message))
            }
            None => StoreError::other(path, tried, text),
        }
    }

    pub(super) fn newer(path: &Path) -> StoreError {
        let hint = "a later workson wrote it: use that one, or name another --store";
        let what = "its form is one that this version does not know";
        StoreError::made(StoreErrorKind::Newer, path, "opening the store", what.into(), Some(hint))
    }

    pub(super) fn absent(path: &Path) -> StoreError {
        let hint = "`workson inventory` makes one; or name another with --store";
        StoreError::made(
            StoreErrorKind::Absent,
            path,
            "opening the store",
            "there is no such file".into(),
            Some(hint),
        )
    }

    /// Nobody has sent anything in.
    pub(super) fn nothing_sent(path: &Path) -> StoreError {
        let hint = "the first form that is sent in makes it, beside the store; or name another with --store";
        let (tried, what) = ("opening what people sent in", "there is no such file");
        StoreError::made(StoreErrorKind::Absent, path, tried, what.into(), Some(hint))
    }

    /// As many are there as may be.
    pub(super) fn too_many(
        path: &Path,
        tried: &str,
        most: i64,
        what: &str,
        hint: &'static str,
    ) -> StoreError {
        let what = format!("there are {most} {what}, and that is the most");
        StoreError::made(StoreErrorKind::Full, path, tried, what, Some(hint))
    }

    /// What was erased still stands in the log, because others read.
    pub(super) fn kept_in_log(path: &Path) -> StoreError {
        let what = "it is erased, but its bytes stay in the log while another program reads";
        let hint = "end what reads it, and erase it once more";
        StoreError::made(StoreErrorKind::Locked, path, "erasing a contact", what.into(), Some(hint))
    }

    /// There is something where a copy would be put.
    pub(super) fn in_the_way(path: &Path) -> StoreError {
        let hint = "name a place that has none, or take that one away";
        let (tried, what) = ("writing a copy", "there is a file already");
        StoreError::made(StoreErrorKind::Other, path, tried, what.into(), Some(hint))
    }

    pub(super) fn foreign(path: &Path, what: &str) -> StoreError {
        let hint = "it was left as it is; name another file with --store";
        StoreError::made(StoreErrorKind::Corrupt, path, "opening the store", what.into(), Some(hint))
    }

    /// A database for others can't be written.
    pub(super) fn export(source: &rusqlite::Error) -> StoreError {
        let kind = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => StoreErrorKind::Full,
            _ => StoreErrorKind::Other,
        };
        let (tried, came_back) = ("writing the database".to_owned(), source.to_string());
        StoreError(Box::new(Inner { kind, tried, came_back, hint: None }))
    }

    /// The history that comes with the program can't be read.
    pub(crate) fn bundled(source: &TextError) -> StoreError {
        let hint =
            Some("`workson import official-images` brings one; a workson that passed its tests has one");
        let tried = "reading the history that comes with workson".to_owned();
        let came_back = source.to_string();
        StoreError(Box::new(Inner { kind: StoreErrorKind::Corrupt, tried, came_back, hint }))
    }

    pub(super) fn not_there(path: &Path, what: String) -> StoreError {
        let hint = "`workson inventory runs` lists what there is";
        StoreError::made(StoreErrorKind::NotThere, path, "looking into the store", what, Some(hint))
    }

    pub(super) fn other(path: &Path, tried: &str, text: String) -> StoreError {
        StoreError::made(StoreErrorKind::Other, path, tried, text, None)
    }

    fn made(
        kind: StoreErrorKind,
        path: &Path,
        tried: &str,
        came_back: String,
        hint: Option<&'static str>,
    ) -> StoreError {
        let tried = format!("{tried} ({})", path.display());
        StoreError(Box::new(Inner { kind, tried, came_back, hint }))
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        self.0.hint
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.tried, self.0.came_back)
    }
}

impl std::error::Error for StoreError {}
