//! Proposals, their steps, and their contacts.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use workson_oci::Digest;

use super::{MAX_PROPOSALS, Submissions, unknown};
use crate::proposal::{
    Contact, Event, Notice, PROGRAM, PROPOSER, Project, Proposal, Request, State, Step, StepRefused, Usage,
};
use crate::store::runs::timestamp;
use crate::store::{StoreError, database};

/// How many days a review may be due before its proposal expires.
pub const REVIEW_DAYS: i64 = 30;

/// How long a log waits for those who read, before it is left for later.
const A_MOMENT: Duration = Duration::from_millis(200);

const COLUMNS: &str = "p.id, p.call, p.project, p.benefits, p.source, p.license, p.links, p.platforms, p.machines, p.usage, \
                       p.ci, p.state, p.entries, p.review_on, c.name, c.email";

/// What is kept of a proposal together with a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The entries of the catalogue that it is about, by their slugs; none leaves those that are there.
    pub entries: Option<Vec<String>>,
    /// The day on which what became of it is looked at; none leaves the one that is there.
    pub review_on: Option<Date>,
}

impl Submissions {
    /// Keeps a proposal to a call, and gives its number. Of the secret in the proposer's link the SHA-256 is kept. It is on
    /// the disk when this returns.
    ///
    /// # Errors
    /// Where it can't be written; [`super::super::StoreErrorKind::Full`] where the disk is full, or [`MAX_PROPOSALS`] are there.
    pub fn add_proposal(
        &mut self,
        call: &str,
        request: &Request,
        contact: &Contact,
        secret: &str,
        at: Timestamp,
    ) -> Result<i64, StoreError> {
        let tried = "keeping a proposal";
        let error = self.error(tried);
        let connection = &mut self.connection;
        let mut add = || -> rusqlite::Result<Option<i64>> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let all = "SELECT count(*) FROM proposals";
            if transaction.query_row(all, [], |row| row.get::<_, i64>(0))? >= MAX_PROPOSALS {
                return Ok(None);
            }
            let id = put(&transaction, call, request, contact, secret)?;
            let event = Event {
                at,
                by: PROPOSER.to_owned(),
                step: Step::Submit,
                to: State::Submitted,
                reason: String::new(),
            };
            put_event(&transaction, id, &event)?;
            transaction.commit()?;
            Ok(Some(id))
        };
        add().map_err(error)?.ok_or_else(|| {
            let hint = "`workson store backup` copies them; begin another store by --store";
            StoreError::too_many(&self.path, tried, MAX_PROPOSALS, "proposals", hint)
        })
    }

    /// The proposal of the secret in its proposer's link.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn proposal_by_secret(&self, secret: &str) -> Result<Option<Proposal>, StoreError> {
        let secret = Digest::sha256(secret.as_bytes());
        let read = || read(&self.connection, "p.secret = ?1", [secret.as_str()]);
        Ok(read().map_err(self.error("reading a proposal"))?.pop())
    }

    /// All proposals, the first one first.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn proposals(&self) -> Result<Vec<Proposal>, StoreError> {
        read(&self.connection, "TRUE", []).map_err(self.error("reading proposals"))
    }

    /// A proposal by its number.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn proposal(&self, id: i64) -> Result<Option<Proposal>, StoreError> {
        by_id(&self.connection, id).map_err(self.error("reading a proposal"))
    }

    /// Takes a step, where it is possible from where the proposal stands: both are one transaction, so that of several at
    /// once one takes it. Time does not go backwards: a step is not earlier than the one before it. A day of review that
    /// has come is over once the machines are used on. To erase a contact that is erased already changes nothing.
    ///
    /// # Errors
    /// Where it can't be written. That the step was refused is no error.
    pub fn take_step(
        &mut self,
        id: i64,
        step: Step,
        by: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<Result<Proposal, StepRefused>, StoreError> {
        self.take_step_with(id, step, by, reason, at, &Details::default())
    }

    /// The same, and what is kept together with it.
    ///
    /// # Errors
    /// As [`Submissions::take_step`].
    pub fn take_step_with(
        &mut self,
        id: i64,
        step: Step,
        by: &str,
        reason: &str,
        at: Timestamp,
        details: &Details,
    ) -> Result<Result<Proposal, StepRefused>, StoreError> {
        let error = self.error("taking a step with a proposal");
        let mut take = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let taken = take(&transaction, id, &Taken { step, by, reason, at }, details)?;
            transaction.commit()?;
            Ok(taken)
        };
        let taken = take().map_err(error)?;
        if step == Step::Erase && taken.is_ok() {
            self.empty_log()?;
        }
        Ok(taken)
    }

    /// Sets the day on which what became of a proposal is looked at; `false` where it is not there.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn set_review_on(&mut self, id: i64, on: Option<Date>) -> Result<bool, StoreError> {
        let sql = "UPDATE proposals SET review_on = ?2 WHERE id = ?1";
        let on = on.map(|on| on.to_string());
        let set = self.connection.execute(sql, params![id, on]);
        Ok(set.map_err(self.error("setting the day of a review"))? == 1)
    }

    /// Sets the entries of the catalogue that a proposal is about; `false` where it is not there.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn set_entries(&mut self, id: i64, entries: &[String]) -> Result<bool, StoreError> {
        let set = set_entries(&self.connection, id, entries);
        Ok(set.map_err(self.error("setting a proposal's entries"))? == 1)
    }

    /// Takes the steps of dates that have come: of what is active the review is due, and what is due for more than
    /// [`REVIEW_DAYS`] days has expired. How many were taken.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn advance(&mut self, today: Date, at: Timestamp) -> Result<usize, StoreError> {
        let error = self.error("taking the steps of dates that have come");
        let expired = today.checked_sub(REVIEW_DAYS.days()).unwrap_or(Date::MIN);
        let mut advance = || -> rusqlite::Result<usize> {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let due = "SELECT id FROM proposals WHERE state = 'active' AND review_on <= ?1";
            let due = numbers(&transaction, due, &today.to_string())?;
            // The last review is what made it due; it was so on the day before `expired`, or earlier.
            let over = "SELECT id FROM proposals p WHERE state = 'review-due' AND
                            (SELECT date(max(at) / 1000, 'unixepoch') FROM events
                             WHERE step = 'review' AND proposal = p.id) < ?1";
            let over = numbers(&transaction, over, &expired.to_string())?;
            let steps = due.into_iter().map(|id| (id, Step::Review));
            let steps = steps.chain(over.into_iter().map(|id| (id, Step::Expire)));
            let mut count = 0;
            for (id, step) in steps {
                let reason = match step {
                    Step::Review => String::new(),
                    _ => format!("its review was due for more than {REVIEW_DAYS} days"),
                };
                let taken = Taken { step, by: PROGRAM, reason: &reason, at };
                count += usize::from(take(&transaction, id, &taken, &Details::default())?.is_ok());
            }
            transaction.commit()?;
            Ok(count)
        };
        advance().map_err(error)
    }

    /// What everybody may know of the proposals that were approved, the first one first.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let approved = "p.id IN (SELECT proposal FROM events WHERE step = 'approve')";
        let read = read(&self.connection, approved, []).map_err(self.error("reading what was approved"));
        Ok(read?.iter().filter_map(Proposal::project).collect())
    }

    /// The newest decisions that are told to everybody, the newest first.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Notice>> {
            let sql = "SELECT e.at, e.by, e.step, e.state, e.reason, e.id, p.call, p.project,
                           EXISTS (SELECT 1 FROM events a WHERE a.step = 'approve' AND a.proposal = e.proposal AND a.id <= e.id)
                       FROM events e JOIN proposals p ON p.id = e.proposal ORDER BY e.id DESC";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut notices = Vec::new();
            while let Some(row) = rows.next()?.filter(|_| notices.len() < limit) {
                let (call, project): (String, String) = (row.get(6)?, row.get(7)?);
                notices.extend(Notice::of(row.get(5)?, &call, &project, &event(row)?, row.get(8)?));
            }
            Ok(notices)
        };
        read().map_err(self.error("reading decisions"))
    }

    /// A number that another one takes the place of when anything changes that everybody may see.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn public_version(&self) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(id), 0) FROM events WHERE step NOT IN ('submit', 'erase')";
        let newest = self.connection.prepare_cached(sql);
        let newest = newest.and_then(|mut newest| newest.query_row([], |row| row.get(0)));
        newest.map_err(self.error("looking for the newest decision"))
    }

    /// Writes what is in the log to its place, and empties it: what was overwritten is in no file any more.
    ///
    /// # Errors
    /// [`super::super::StoreErrorKind::Locked`] while others read; then it can be tried again.
    pub fn empty_log(&self) -> Result<(), StoreError> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let error = self.error("erasing a contact");
        // Others read for a moment only, or for long.
        self.connection.busy_timeout(A_MOMENT).map_err(&error)?;
        let is_held = self.connection.query_row(sql, [], |row| row.get::<_, bool>(0));
        self.connection.busy_timeout(database::BUSY).map_err(&error)?;
        match is_held.map_err(self.error("erasing a contact"))? {
            false => Ok(()),
            true => Err(StoreError::kept_in_log(&self.path)),
        }
    }
}

/// A step as it is asked for.
struct Taken<'a> {
    step: Step,
    by: &'a str,
    reason: &'a str,
    at: Timestamp,
}

fn take(
    transaction: &Transaction<'_>,
    id: i64,
    taken: &Taken<'_>,
    details: &Details,
) -> rusqlite::Result<Result<Proposal, StepRefused>> {
    let Some(before) = by_id(transaction, id)? else { return Ok(Err(StepRefused::NotThere)) };
    let state = before.state;
    let Some(to) = taken.step.leads(Some(state)) else {
        return Ok(Err(StepRefused::NotPossible { state, possible: Step::possible(state) }));
    };
    if taken.step.needs_reason_of(taken.by) && taken.reason.trim().is_empty() {
        return Ok(Err(StepRefused::NoReason));
    }
    if taken.step == Step::Erase {
        if before.contact.is_none() {
            return Ok(Ok(before));
        }
        transaction.execute("DELETE FROM contacts WHERE proposal = ?1", [id])?;
    }
    let at = before.events.last().map_or(taken.at, |last| last.at.max(taken.at));
    let (by, reason) = (taken.by.to_owned(), taken.reason.to_owned());
    put_event(transaction, id, &Event { at, by, step: taken.step, to, reason })?;
    transaction.execute("UPDATE proposals SET state = ?2 WHERE id = ?1", params![id, to.name()])?;
    if taken.step == Step::Activate && state == State::ReviewDue {
        transaction.execute("UPDATE proposals SET review_on = NULL WHERE id = ?1", [id])?;
    }
    if let Some(entries) = &details.entries {
        set_entries(transaction, id, entries)?;
    }
    if let Some(on) = details.review_on {
        let sql = "UPDATE proposals SET review_on = ?2 WHERE id = ?1";
        transaction.execute(sql, params![id, on.to_string()])?;
    }
    Ok(by_id(transaction, id)?.ok_or(StepRefused::NotThere))
}

fn put(
    transaction: &Transaction<'_>,
    call: &str,
    request: &Request,
    contact: &Contact,
    secret: &str,
) -> rusqlite::Result<i64> {
    transaction.execute(
        "INSERT INTO proposals (call, secret, project, benefits, source, license, links, platforms, machines, usage, ci, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            call,
            Digest::sha256(secret.as_bytes()).as_str(),
            request.project,
            request.benefits,
            request.source,
            request.license,
            json(&request.links)?,
            json(&request.platforms)?,
            request.machines,
            request.usage.name(),
            request.ci,
            State::Submitted.name(),
        ],
    )?;
    let id = transaction.last_insert_rowid();
    let sql = "INSERT INTO contacts (proposal, name, email) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![id, contact.name, contact.email])?;
    Ok(id)
}

fn put_event(transaction: &Transaction<'_>, id: i64, event: &Event) -> rusqlite::Result<()> {
    let (step, to) = (event.step.name(), event.to.name());
    let sql = "INSERT INTO events (proposal, at, by, step, state, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    transaction.execute(sql, params![id, event.at.as_millisecond(), event.by, step, to, event.reason])?;
    Ok(())
}

fn set_entries(connection: &Connection, id: i64, entries: &[String]) -> rusqlite::Result<usize> {
    let sql = "UPDATE proposals SET entries = ?2 WHERE id = ?1";
    connection.execute(sql, params![id, json(entries)?])
}

fn numbers(connection: &Connection, sql: &str, day: &str) -> rusqlite::Result<Vec<i64>> {
    connection.prepare_cached(sql)?.query_map([day], |row| row.get(0))?.collect()
}

fn by_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<Proposal>> {
    Ok(read(connection, "p.id = ?1", [id])?.pop())
}

/// The proposals for which a condition holds, the first one first, with their steps.
fn read(
    connection: &Connection,
    which: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Proposal>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM proposals p LEFT JOIN contacts c ON c.proposal = p.id WHERE {which} ORDER BY p.id"
    );
    let mut steps = connection
        .prepare_cached("SELECT at, by, step, state, reason FROM events WHERE proposal = ?1 ORDER BY id")?;
    let mut read = |row: &Row<'_>| -> rusqlite::Result<Proposal> {
        let mut proposal = proposal(row)?;
        proposal.events = steps.query_map([proposal.id], event)?.collect::<rusqlite::Result<_>>()?;
        Ok(proposal)
    };
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(values, |row| read(row))?.collect()
}

/// A proposal without its steps.
fn proposal(row: &Row<'_>) -> rusqlite::Result<Proposal> {
    let usage: String = row.get(9)?;
    let state: String = row.get(11)?;
    let review_on: Option<String> = row.get(13)?;
    let email: Option<String> = row.get(15)?;
    let contact = email
        .map(|email| -> rusqlite::Result<Contact> { Ok(Contact { name: row.get(14)?, email }) })
        .transpose()?;
    let day = |text: String| text.parse::<Date>().map_err(|_| unknown("day", &text));
    Ok(Proposal {
        id: row.get(0)?,
        call: row.get(1)?,
        request: Request {
            project: row.get(2)?,
            benefits: row.get(3)?,
            source: row.get(4)?,
            license: row.get(5)?,
            links: list(row, 6)?,
            platforms: list(row, 7)?,
            machines: row.get(8)?,
            usage: Usage::from_name(&usage).ok_or_else(|| unknown("usage", &usage))?,
            ci: row.get(10)?,
        },
        contact,
        state: State::from_name(&state).ok_or_else(|| unknown("state", &state))?,
        entries: list(row, 12)?,
        review_on: review_on.map(day).transpose()?,
        events: Vec::new(),
    })
}

/// A step, in the first five columns.
fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let (step, state): (String, String) = (row.get(2)?, row.get(3)?);
    Ok(Event {
        at: timestamp(row.get(0)?),
        by: row.get(1)?,
        step: Step::from_name(&step).ok_or_else(|| unknown("step", &step))?,
        to: State::from_name(&state).ok_or_else(|| unknown("state", &state))?,
        reason: row.get(4)?,
    })
}

fn json(list: &[String]) -> rusqlite::Result<String> {
    serde_json::to_string(list).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn list(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text).map_err(|_| unknown("list", &text))
}
