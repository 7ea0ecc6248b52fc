//! The store: all SQL of workson, on SQLite.
//!
//! It grows with change, not with looking: contents are kept by digest, once; a sighting says from which run to
//! which a reference pointed at a content. `migrations/` says what each table holds.

mod blobs;
mod contents;
mod error;
mod export;
mod histories;
mod published;
mod runs;
mod snapshot;
mod verifications;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

pub use contents::Known;
pub use error::{StoreError, StoreErrorKind};
pub use export::export;
pub use histories::{Reach, TagSpans};
pub use published::{Lists, Reasons};
pub use runs::{Cost, Look, Member, Run, RunState, RunSummary, Seen, StartedRun};
pub use snapshot::{LastGood, MemberState, Outcome, Snapshot};
pub use verifications::{Verification, VerifiedReference};

/// The mark in the head of the file that tells a store from any other SQLite database: `wrks`.
const APPLICATION_ID: i64 = 0x7772_6b73;

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
        if path == Path::new(":memory:") {
            return Err(StoreError::foreign(path, "a store is a file, so that it can be read again"));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| StoreError::io(path, "making its folder", &source))?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let _alone = alone(path);
        let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(BUSY).map_err(error)?;
        check_owner(&connection, path)?;
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
            ))
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
        let store = Store::read_only(path)?;
        match check_owner(&store.connection, path) {
            Ok(()) => {}
            // A write that was interrupted may have to be taken back first, which takes writing.
            Err(error) if error.kind() == StoreErrorKind::Other => return Store::open(path),
            Err(error) => return Err(error),
        }
        match store.version().map_err(store.error("opening the store"))?.cmp(&newest_version()) {
            Ordering::Equal => Ok(store),
            // To be brought to this version's form, which takes writing.
            Ordering::Less => Store::open(path),
            Ordering::Greater => Err(StoreError::newer(path)),
        }
    }

    fn version(&self) -> rusqlite::Result<i64> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'refinery_schema_history'";
        if self.connection.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(0);
        }
        self.connection.query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        )
    }

    fn read_only(path: &Path) -> Result<Store, StoreError> {
        let error = |source| StoreError::new(path, "opening the store", source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(BUSY).map_err(error)?;
        tune(&connection).map_err(error)?;
        Ok(Store { connection, path: path.to_owned() })
    }

    /// A further connection to the same file, that only reads.
    ///
    /// # Errors
    /// Where the file can't be opened.
    pub fn reader(&self) -> Result<Store, StoreError> {
        Store::read_only(&self.path)
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

/// How long is waited before a folder's lock is tried again.
const STEP: std::time::Duration = std::time::Duration::from_millis(5);

/// Lets one program at a time begin a store, or bring it to this version's form: the folder that it is in is locked as
/// long as the answer is held. Where folders can't be locked, or one is for too long, SQLite's own locks have to do.
fn alone(path: &Path) -> Option<std::fs::File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::fs::File::open(folder).ok()?;
    for _ in 0..BUSY.as_millis() / STEP.as_millis() {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(STEP),
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// The version of the form that this program writes.
fn newest_version() -> i64 {
    let runner = migrations::migrations::runner();
    runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Refuses a database that another program made: nothing is written to it.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let error = |source| StoreError::new(path, "opening the store", source);
    // In one statement: another program of this kind may be making its tables at this moment.
    let sql = "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id";
    let both = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (owner, tables) = connection.query_row(sql, [], both).map_err(error)?;
    if owner == APPLICATION_ID || (owner == 0 && tables == 0) {
        return Ok(());
    }
    Err(StoreError::foreign(path, "it is the database of another program"))
}

/// Keeps prepared statements prepared: without the planner's stability guarantee, SQLite (built with STAT4)
/// plans a statement anew whenever other values are bound to it.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
