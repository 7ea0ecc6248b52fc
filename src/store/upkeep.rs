//! Whether a database is whole, and copies of it while others write.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};
use workson_oci::Digest;

use super::database::{folder_of, sync_folder};
use super::{Store, StoreError};

/// How many things that are wrong are told.
pub(super) const MAX_FOUND: usize = 100;

impl Store {
    /// Tells what is wrong with the store, in sentences; none where all is well. The pages and indexes, the references from
    /// one table to another, and whether each document's bytes have its digest. It takes the memory of one document.
    ///
    /// # Errors
    /// Where it can't be read, and not because it is damaged.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        check(&self.connection, |found| {
            check_contents(&self.connection, found)?;
            check_verified(&self.connection, found)
        })
        .map_err(self.error("checking the store"))
    }

    /// Writes a copy of all that is in the store at this moment to `to`, which is not there yet. Others may write meanwhile. A
    /// copy is whole or not there, and readable by its owner alone.
    ///
    /// # Errors
    /// Where there is a file at `to`, or it can't be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        backup(&self.connection, to)
    }
}

/// What is wrong with any database, and what `more` finds. Damage that ends the reading is told as well.
pub(super) fn check(
    connection: &Connection,
    more: impl FnOnce(&mut Vec<String>) -> rusqlite::Result<()>,
) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    let looked = check_pages(connection, &mut found)
        .and_then(|()| check_references(connection, &mut found))
        .and_then(|()| more(&mut found));
    match looked {
        Err(error) if is_damage(&error) => found.push(format!("it can't be read to its end: {error}")),
        looked => looked?,
    }
    if found.len() >= MAX_FOUND {
        found.truncate(MAX_FOUND);
        found.push(format!("{MAX_FOUND} are told; there may be more"));
    }
    Ok(found)
}

/// Whether what can't be read is damaged: not by SQLite's account alone, a value that is none of its column's is as well.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        )
}

fn check_pages(connection: &Connection, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MAX_FOUND})"))?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        found.extend(Some(line?).filter(|line| line != "ok"));
    }
    Ok(())
}

fn check_references(connection: &Connection, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let row = |row: &rusqlite::Row<'_>| {
        let (table, row, to): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
        Ok(format!("{row} of {table} names a row of {to} that is not there"))
    };
    for line in statement.query_map([], row)?.take(MAX_FOUND) {
        found.push(line?);
    }
    Ok(())
}

/// Compares each document's bytes with its digest.
fn check_contents(connection: &Connection, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT digest, bytes FROM contents ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest: String = row.get(0)?;
        let bytes = row.get_ref(1)?.as_bytes()?;
        let wrong = match digest.parse::<Digest>() {
            Ok(digest) if digest.matches(bytes) => continue,
            Ok(_) => "its bytes have another digest",
            Err(_) => "that is no digest",
        };
        found.push(format!("document {digest:?}: {wrong}"));
        if found.len() >= MAX_FOUND {
            break;
        }
    }
    Ok(())
}

/// What was verified of a reference is named by a digest and a platform, which the tables do not hold themselves.
fn check_verified(connection: &Connection, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT r.reference, r.digest FROM verified_references r WHERE NOT EXISTS
             (SELECT 1 FROM verifications v WHERE v.digest = r.digest AND v.platform = r.platform)",
    )?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    for pair in statement.query_map([], row)?.take(MAX_FOUND) {
        let (reference, digest) = pair?;
        found.push(format!("{reference:?} was verified at {digest:?}, of which no verdict is there"));
    }
    Ok(())
}

/// Writes a copy into a file beside `to`, and gives it the name once it is whole and on the disk.
pub(super) fn backup(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    let io = |source: &std::io::Error| StoreError::io(to, "writing a copy", source);
    if to.symlink_metadata().is_ok() {
        return Err(StoreError::in_the_way(to));
    }
    // It is made for its owner alone, and SQLite writes into an empty file that is there.
    let file = tempfile::Builder::new()
        .prefix(".workson-backup-")
        .tempfile_in(folder_of(to))
        .map_err(|source| io(&source))?;
    let name = file.path().to_str().ok_or_else(|| {
        StoreError::other(to, "writing a copy", "its folder's name is no text that SQLite takes".into())
    })?;
    connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(|source| StoreError::new(to, "writing a copy", source))?;
    file.as_file().sync_all().map_err(|source| io(&source))?;
    file.persist_noclobber(to).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::in_the_way(to),
        _ => io(&error.error),
    })?;
    sync_folder(to).map_err(|source| io(&source))
}
