//! The store: all SQL of workson, on SQLite.
//!
//! It grows with change, not with looking: contents are kept by digest, once; a sighting says from which run to
//! which a reference pointed at a content. `migrations/` says what each table holds.

mod contents;
mod error;
mod runs;
mod snapshot;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

pub use contents::Known;
pub use error::{StoreError, StoreErrorKind};
pub use runs::{Look, Member, Run, RunState, RunSummary, Seen, StartedRun};
pub use snapshot::{LastGood, MemberState, Outcome, Snapshot};

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(5);

mod migrations {
    refinery::embed_migrations!("migrations");
}

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
        let error = |source| StoreError::new(path, "opening the store", source);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| StoreError::io(path, "making its folder", &source))?;
        }
        let mut connection = Connection::open(path).map_err(error)?;
        connection.busy_timeout(BUSY).map_err(error)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
            )
            .map_err(error)?;
        tune(&connection).map_err(error)?;
        migrations::migrations::runner()
            .run(&mut connection)
            .map_err(|source| StoreError::migration(path, &source))?;
        Ok(Store { connection, path: path.to_owned() })
    }

    /// Opens a store that is there already, to read it.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreErrorKind::Absent`] where there is no file.
    pub fn open_existing(path: &Path) -> Result<Store, StoreError> {
        if !path.exists() {
            return Err(StoreError::absent(path));
        }
        Store::open(path)
    }

    /// A further connection to the same file, that only reads.
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn reader(&self) -> Result<Store, StoreError> {
        let error = |source| StoreError::new(&self.path, "opening the store", source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(error)?;
        connection.busy_timeout(BUSY).map_err(error)?;
        tune(&connection).map_err(error)?;
        Ok(Store { connection, path: self.path.clone() })
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

/// Keeps prepared statements prepared: without the planner's stability guarantee, SQLite (built with STAT4)
/// plans a statement anew whenever other values are bound to it.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
