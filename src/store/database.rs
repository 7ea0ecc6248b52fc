//! Opening databases: what is the same for the evidence and for what people send in.

use std::cmp::Ordering;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// How long a writer waits for another one.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// How long is waited before a folder's lock is tried again.
const STEP: Duration = Duration::from_millis(5);

/// What a database of workson's is.
pub(super) struct Kind {
    /// The mark in the head of the file that tells it from any other SQLite database.
    pub(super) application_id: i64,
    /// What a connection that writes is set to.
    pub(super) pragmas: &'static str,
    /// What brings it to this version's form.
    pub(super) migrations: fn() -> refinery::Runner,
    /// Whether nobody but its owner may read the file.
    pub(super) is_private: bool,
}

/// Opens the database at `path`, and makes it (and the folder around it) where there is none.
pub(super) fn open(path: &Path, kind: &Kind) -> Result<Connection, StoreError> {
    let error = |source| StoreError::new(path, "opening the store", source);
    if path == Path::new(":memory:") {
        return Err(StoreError::foreign(path, "a store is a file, so that it can be read again"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|source| StoreError::io(path, "making its folder", &source))?;
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let _alone = alone(path);
    if kind.is_private {
        begin_private(path).map_err(|source| StoreError::io(path, "making it", &source))?;
    }
    let mut connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(BUSY).map_err(error)?;
    // Of one that is there already nothing is written: where the disk is full, it can still be read.
    if check_owner(&connection, path, kind)? == Owner::Nobody {
        let sql = format!("PRAGMA application_id = {}", kind.application_id);
        connection.execute_batch(&sql).map_err(error)?;
    }
    let pragmas = format!("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; {}", kind.pragmas);
    connection.execute_batch(&pragmas).map_err(error)?;
    tune(&connection).map_err(error)?;
    match version(&connection).map_err(error)?.cmp(&newest_version(kind)) {
        Ordering::Equal => Ok(connection),
        Ordering::Greater => Err(StoreError::newer(path)),
        Ordering::Less => {
            let migrated = (kind.migrations)().run(&mut connection);
            migrated.map_err(|source| StoreError::migration(path, &source))?;
            Ok(connection)
        }
    }
}

/// Opens a database to read it.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let error = |source| StoreError::new(path, "opening the store", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(BUSY).map_err(error)?;
    tune(&connection).map_err(error)?;
    Ok(connection)
}

/// Makes an empty file that nobody but its owner may read, where there is none: SQLite gives the files beside it the rights
/// that it has.
fn begin_private(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            file.sync_all()?;
            sync_folder(path)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Has the disk keep the name of a file as well.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    // Elsewhere folders can't be opened.
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Lets one program at a time begin a store, or bring it to this version's form: the folder that it is in is locked as
/// long as the answer is held. Where folders can't be locked, or one is for too long, SQLite's own locks have to do.
fn alone(path: &Path) -> Option<File> {
    let folder = File::open(folder_of(path)).ok()?;
    for _ in 0..BUSY.as_millis() / STEP.as_millis() {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => std::thread::sleep(STEP),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// The version of the form that a database has.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    connection.query_row(sql, [], |row| row.get(0))
}

/// The version of the form that this program writes.
pub(super) fn newest_version(kind: &Kind) -> i64 {
    let runner = (kind.migrations)();
    runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// Whose a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is of this kind.
    Us,
    /// There is nothing in it yet.
    Nobody,
}

/// Refuses a database that another program made: nothing is written to it.
pub(super) fn check_owner(connection: &Connection, path: &Path, kind: &Kind) -> Result<Owner, StoreError> {
    let error = |source| StoreError::new(path, "opening the store", source);
    // In one statement: another program of this kind may be making its tables at this moment.
    let sql = "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id";
    let both = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (owner, tables) = connection.query_row(sql, [], both).map_err(error)?;
    match owner {
        owner if owner == kind.application_id => Ok(Owner::Us),
        0 if tables == 0 => Ok(Owner::Nobody),
        _ => Err(StoreError::foreign(path, "it is the database of another program")),
    }
}

/// Keeps prepared statements prepared: without the planner's stability guarantee, SQLite (built with STAT4)
/// plans a statement anew whenever other values are bound to it.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// SQLite's number for what a file holds, as this connection sees it: another one after another connection has written.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT data_version FROM pragma_data_version", [], |row| row.get(0))
}
