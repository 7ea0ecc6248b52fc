//! What people send in: suggestions and proposals, in a database of its own beside the store. It holds personal data, so its
//! files are their owner's alone, what is removed is overwritten, and it is not handed around with the evidence.
//!
//! What was kept is kept: a form is answered once its transaction is on the disk (`synchronous = FULL`).

mod check;
mod proposals;
mod suggestions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};

use super::database::{self, Kind};
use super::{StoreError, upkeep};
use crate::proposal;

pub use proposals::{Details, REVIEW_DAYS};

/// The most suggestions that may wait for a moderator.
pub const MAX_WAITING: i64 = 100_000;

/// The most proposals.
pub const MAX_PROPOSALS: i64 = 100_000;

mod migrations {
    refinery::embed_migrations!("migrations-submissions");
}

/// Its mark is `wrkp`. Whatever SQLite would put into files aside stays in memory.
const SUBMISSIONS: Kind = Kind {
    application_id: 0x7772_6b70,
    pragmas: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
    migrations: migrations::migrations::runner,
    is_private: true,
};

/// A connection to what people sent in. Several may be open on one file; one of them writes at a time.
#[derive(Debug)]
pub struct Submissions {
    connection: Connection,
    path: PathBuf,
}

/// How much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Suggestions that wait for a moderator.
    pub waiting: u64,
    /// Proposals, by where they stand; each state is there.
    pub proposals: BTreeMap<proposal::State, u64>,
}

impl Submissions {
    /// Opens the database at `path`, and makes it (and the folder around it) where there is none.
    ///
    /// # Errors
    /// Where the file can't be made, is none of this kind, is locked, or was written by a later version.
    pub fn open(path: &Path) -> Result<Submissions, StoreError> {
        Ok(Submissions { connection: database::open(path, &SUBMISSIONS)?, path: path.to_owned() })
    }

    /// Opens a database that is there already.
    ///
    /// # Errors
    /// As [`Submissions::open`]; [`super::StoreErrorKind::Absent`] where there is no file.
    pub fn open_existing(path: &Path) -> Result<Submissions, StoreError> {
        if !path.exists() {
            return Err(StoreError::nothing_sent(path));
        }
        Submissions::open(path)
    }

    /// The file that it is in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many suggestions wait, and how many proposals stand where.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let read = || -> rusqlite::Result<Counts> {
            let number = |row: &Row<'_>| row.get::<_, i64>(0).map(i64::unsigned_abs);
            let waiting = "SELECT count(*) FROM suggestions WHERE state = 'waiting'";
            let waiting = self.connection.prepare_cached(waiting)?.query_row([], number)?;
            let mut counts = Counts { waiting, ..Counts::default() };
            let mut one =
                self.connection.prepare_cached("SELECT count(*) FROM proposals WHERE state = ?1")?;
            for state in proposal::State::ALL {
                counts.proposals.insert(state, one.query_row([state.name()], number)?);
            }
            Ok(counts)
        };
        read().map_err(self.error("counting what people sent in"))
    }

    /// Writes a copy of all that is there at this moment to `to`, which is not there yet. Others may write meanwhile. A copy is
    /// whole or not there, and readable by its owner alone.
    ///
    /// # Errors
    /// Where there is a file at `to`, or it can't be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        upkeep::backup(&self.connection, to)
    }

    fn error(&self, tried: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::new(&path, tried, source)
    }
}

/// A value of a column that is none of those that it has.
fn unknown(column: &str, value: &str) -> rusqlite::Error {
    let what = format!("there is no {column} {value:?}");
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, what.into())
}
