//! Suggestions, and what was decided.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use super::{MAX_WAITING, Submissions, unknown};
use crate::store::StoreError;
use crate::store::runs::timestamp;
use crate::suggestion::{Decision, State, Suggestion, Wish};

const COLUMNS: &str = "id, at, entry, name, image, home, source, license, description, comment, state, decided_at, decided_by, reason";

impl Submissions {
    /// Keeps a suggestion, and gives its number. It is on the disk when this returns.
    ///
    /// # Errors
    /// Where it can't be written; [`super::super::StoreErrorKind::Full`] where the disk is full, or [`MAX_WAITING`] wait.
    pub fn add_suggestion(&mut self, wish: &Wish, at: Timestamp) -> Result<i64, StoreError> {
        let tried = "keeping a suggestion";
        let error = self.error(tried);
        let connection = &mut self.connection;
        let mut add = || -> rusqlite::Result<Option<i64>> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let waiting = "SELECT count(*) FROM suggestions WHERE state = 'waiting'";
            let waiting: i64 = transaction.prepare_cached(waiting)?.query_row([], |row| row.get(0))?;
            if waiting >= MAX_WAITING {
                return Ok(None);
            }
            let sql = "INSERT INTO suggestions (at, entry, name, image, home, source, license, description, comment, state)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'waiting')";
            transaction.prepare_cached(sql)?.execute(params![
                at.as_millisecond(),
                wish.entry,
                wish.name,
                wish.image,
                wish.home,
                wish.source,
                wish.license,
                wish.description,
                wish.comment,
            ])?;
            let id = transaction.last_insert_rowid();
            transaction.commit()?;
            Ok(Some(id))
        };
        add().map_err(error)?.ok_or_else(|| {
            let hint = "`workson suggestions list` lists them, `accept` and `decline` decide";
            StoreError::too_many(&self.path, tried, MAX_WAITING, "suggestions that wait", hint)
        })
    }

    /// The suggestions in a state, or all of them, the first one first.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn suggestions(&self, state: Option<State>) -> Result<Vec<Suggestion>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Suggestion>> {
            let which = if state.is_some() { "state = ?1" } else { "?1 IS NULL" };
            let sql = format!("SELECT {COLUMNS} FROM suggestions WHERE {which} ORDER BY id");
            let state = state.map(State::name);
            self.connection.prepare_cached(&sql)?.query_map([state], suggestion)?.collect()
        };
        read().map_err(self.error("reading suggestions"))
    }

    /// A suggestion by its number.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn suggestion(&self, id: i64) -> Result<Option<Suggestion>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM suggestions WHERE id = ?1");
        let read = || self.connection.prepare_cached(&sql)?.query_row([id], suggestion).optional();
        read().map_err(self.error("reading a suggestion"))
    }

    /// Decides about a suggestion that waits: it is accepted or declined. `false` where it is not there, does not wait, or
    /// that is no decision; of several at once one decides.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn decide(&mut self, id: i64, state: State, decision: &Decision) -> Result<bool, StoreError> {
        if state == State::Waiting {
            return Ok(false);
        }
        let sql = "UPDATE suggestions SET state = ?2, decided_at = ?3, decided_by = ?4, reason = ?5
                   WHERE id = ?1 AND state = 'waiting'";
        let decided = self.connection.execute(
            sql,
            params![id, state.name(), decision.at.as_millisecond(), decision.by, decision.reason],
        );
        Ok(decided.map_err(self.error("deciding about a suggestion"))? == 1)
    }
}

fn suggestion(row: &Row<'_>) -> rusqlite::Result<Suggestion> {
    let state: String = row.get(10)?;
    let decided_at: Option<i64> = row.get(11)?;
    let decision = decided_at
        .map(|at| -> rusqlite::Result<Decision> {
            Ok(Decision { at: timestamp(at), by: row.get(12)?, reason: row.get(13)? })
        })
        .transpose()?;
    Ok(Suggestion {
        id: row.get(0)?,
        at: timestamp(row.get(1)?),
        wish: Wish {
            entry: row.get(2)?,
            name: row.get(3)?,
            image: row.get(4)?,
            home: row.get(5)?,
            source: row.get(6)?,
            license: row.get(7)?,
            description: row.get(8)?,
            comment: row.get(9)?,
        },
        state: State::from_name(&state).ok_or_else(|| unknown("state", &state))?,
        decision,
    })
}
