//! The store: all SQL of workson, on SQLite.
//!
//! It grows with change, not with looking: contents are kept by digest, once; a sighting says from which run to
//! which a reference pointed at a content. `migrations/` says what each table holds. What people send in is a database of
//! its own ([`Submissions`]), because it holds personal data; `migrations-submissions/` says what is in it.

mod blobs;
mod contents;
mod database;
mod error;
mod export;
mod histories;
mod published;
mod runs;
mod snapshot;
mod submissions;
mod upkeep;
mod verifications;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use database::Kind;

pub use contents::Known;
pub use error::{StoreError, StoreErrorKind};
pub use export::export;
pub use histories::{Reach, TagSpans};
pub use published::{Lists, Reasons};
pub use runs::{Cost, Look, Member, Run, RunState, RunSummary, Seen, StartedRun};
pub use snapshot::{LastGood, MemberState, Outcome, Snapshot};
pub use submissions::{Counts, Details, MAX_PROPOSALS, MAX_WAITING, REVIEW_DAYS, Submissions};
pub use verifications::{Verification, VerifiedReference};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// The evidence. Its mark is `wrks`; what is lost when the power goes can be asked for again.
const EVIDENCE: Kind = Kind {
    application_id: 0x7772_6b73,
    pragmas: "PRAGMA synchronous = NORMAL;",
    migrations: migrations::migrations::runner,
    is_private: false,
};

/// A connection to the store. Several may be open on one file; one of them writes at a time.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the store at `path`, and makes it (and the folder around it) where there is none.
    ///
    /// # Errors
    /// Where the file can't be made, is no store, is locked, or was written by a later version.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Ok(Store { connection: database::open(path, &EVIDENCE)?, path: path.to_owned() })
    }

    /// Opens a store that is there already, to read it.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreErrorKind::Absent`] where there is no file.
    pub fn open_existing(path: &Path) -> Result<Store, StoreError> {
        if !path.exists() {
            return Err(StoreError::absent(path));
        }
        let store = Store::read_only(path)?;
        match database::check_owner(&store.connection, path, &EVIDENCE) {
            Ok(_) => {}
            // A write that was interrupted may have to be taken back first, which takes writing.
            Err(error) if error.kind() == StoreErrorKind::Other => return Store::open(path),
            Err(error) => return Err(error),
        }
        let version = database::version(&store.connection).map_err(store.error("opening the store"))?;
        match version.cmp(&database::newest_version(&EVIDENCE)) {
            Ordering::Equal => Ok(store),
            // To be brought to this version's form, which takes writing.
            Ordering::Less => Store::open(path),
            Ordering::Greater => Err(StoreError::newer(path)),
        }
    }

    fn read_only(path: &Path) -> Result<Store, StoreError> {
        Ok(Store { connection: database::read_only(path)?, path: path.to_owned() })
    }

    /// A further connection to the same file, that only reads.
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn reader(&self) -> Result<Store, StoreError> {
        Store::read_only(&self.path)
    }

    /// A number that another one takes the place of when another connection has written.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        database::data_version(&self.connection).map_err(self.error("looking whether the store has changed"))
    }

    /// The file that it is in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, tried: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::new(&path, tried, source)
    }
}
