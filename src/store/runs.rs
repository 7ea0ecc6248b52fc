//! Runs of an inventory, and the sightings they make.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use workson_oci::{Content, Digest, Image, Reference};

use super::contents::ContentWriter;
use super::{Store, StoreError};
use crate::inventory::List;

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It is under way, or was killed.
    Running,
    /// It stopped early, by its budget or by its user; it can be resumed.
    Stopped,
    /// It came to every reference.
    Complete,
    /// It was not finished, and another run has begun since.
    Abandoned,
}

impl RunState {
    /// The name in output and store.
    pub fn name(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Stopped => "stopped",
            RunState::Complete => "complete",
            RunState::Abandoned => "abandoned",
        }
    }

    fn from_name(name: &str) -> RunState {
        match name {
            "running" => RunState::Running,
            "stopped" => RunState::Stopped,
            "complete" => RunState::Complete,
            _ => RunState::Abandoned,
        }
    }
}

/// A run, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its number.
    pub id: i64,
    /// The name of its list.
    pub list: String,
    /// How many references the list has.
    pub references: u64,
    /// How far it came.
    pub state: RunState,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How many requests it sent, tokens and redirects included.
    pub requests: u64,
    /// How many of them were counted pulls.
    pub pulls: u64,
    /// How many references could not be told.
    pub failed: u64,
    /// The version of workson that ran it.
    pub tool: String,
}

/// A run that is under way.
#[derive(Debug)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// The references of its list, in order.
    pub members: Vec<Member>,
    tool: String,
    contents: ContentWriter,
}

/// What is known of a reference when a run begins.
#[derive(Debug, Clone)]
pub struct Member {
    reference: i64,
    sighting: Option<LastSighting>,
    /// Whether this run has looked at it already.
    pub done: bool,
}

impl Member {
    /// The digest that the reference pointed at when it was last seen, if all of its image is known.
    pub fn last_digest(&self) -> Option<&Digest> {
        self.sighting.as_ref().and_then(|last| last.digest.as_ref())
    }
}

#[derive(Debug, Clone)]
struct LastSighting {
    id: i64,
    image: Option<i64>,
    /// The digest of an image that is known in full.
    digest: Option<Digest>,
    failure: Option<String>,
}

/// How a run began.
#[derive(Debug)]
pub struct StartedRun {
    /// The run.
    pub run: Run,
    /// Whether it goes on with one that was not finished.
    pub resumed: bool,
    /// The last run of a list of this name before it, and before the run that it goes on with. It may have been
    /// given up: what it did not come to is known to be so.
    pub previous: Option<i64>,
}

/// What a run has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Requests, tokens and redirects included.
    pub requests: u64,
    /// How many of them were counted pulls.
    pub pulls: u64,
}

/// What a look at one reference found.
#[derive(Debug)]
pub struct Look {
    /// The position of the reference in the list.
    pub position: usize,
    /// When.
    pub at: Timestamp,
    /// What.
    pub seen: Seen,
}

/// What was seen.
#[derive(Debug)]
pub enum Seen {
    /// A digest that the store knows.
    Known(Digest),
    /// Something that was fetched.
    Fetched {
        /// What it offers.
        image: Image,
        /// The document that the reference names.
        root: Content,
        /// The further documents that were read.
        others: Vec<Content>,
    },
    /// Nothing, and why.
    Failed {
        /// The stable name of the kind of failure.
        kind: String,
        /// The sentence for people.
        reason: String,
        /// The document that was refused, where there is one: it will be refused again.
        refused: Option<Content>,
    },
}

impl Store {
    /// Begins a run of `list`. It goes on with the last run of the same list if that was not finished and began
    /// less than `resume_within` milliseconds ago: what has been seen since then is not asked again. Any other
    /// unfinished run of a list of this name is given up.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn begin_run(
        &mut self,
        list: &List,
        tool: &str,
        now: Timestamp,
        resume_within: Option<i64>,
    ) -> Result<StartedRun, StoreError> {
        let error = self.error("beginning a run");
        let begin = |connection: &mut Connection| -> rusqlite::Result<StartedRun> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let row = put_list(&transaction, list)?;
            let now = now.as_millisecond();
            let resumes = match resume_within {
                Some(within) => unfinished(&transaction, row, now.saturating_sub(within))?,
                None => None,
            };
            if let Some((resumed, _)) = resumes {
                note_unasked(&transaction, resumed)?;
                transaction.execute(
                    "UPDATE runs SET state = 'stopped', ended = coalesce(ended, ?2) WHERE id = ?1",
                    [resumed, now],
                )?;
            } else {
                give_up(&transaction, &list.name, now)?;
            }
            let began = resumes.map_or(now, |(_, began)| began);
            let resumes = resumes.map(|(resumed, _)| resumed);
            transaction.execute(
                "INSERT INTO runs (list, tool, state, started, resumes, began) VALUES (?1, ?2, 'running', ?3, ?4, ?5)",
                params![row, tool, now, resumes, began],
            )?;
            let id = transaction.last_insert_rowid();
            if let Some(resumed) = resumes {
                take_over(&transaction, row, resumed, id)?;
            }
            let previous = previous(&transaction, &list.name, id)?;
            let members = members(&transaction, row, id)?;
            transaction.commit()?;
            let run = Run { id, members, tool: tool.to_owned(), contents: ContentWriter::default() };
            Ok(StartedRun { run, resumed: resumes.is_some(), previous })
        };
        begin(&mut self.connection).map_err(error)
    }

    /// Keeps what was seen, and what the run has cost until now: all of it or, on an error, nothing. Gives back the
    /// places of looks that came too early: they saw a digest that another look brings, which was not kept yet.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn record(&mut self, run: &mut Run, looks: &[Look], cost: Cost) -> Result<Vec<usize>, StoreError> {
        let error = self.error("keeping what was seen");
        let record = |connection: &mut Connection, run: &mut Run| -> rusqlite::Result<Vec<usize>> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut early = Vec::new();
            for (place, look) in looks.iter().enumerate() {
                if !record_one(&transaction, run, look)? {
                    early.push(place);
                }
            }
            put_cost(&transaction, run.id, cost)?;
            transaction.commit()?;
            Ok(early)
        };
        record(&mut self.connection, run).map_err(|source| {
            run.contents.forget();
            error(source)
        })
    }

    /// Ends a run: complete, or stopped with the references it did not come to.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn end_run(&mut self, run: &Run, now: Timestamp, cost: Cost) -> Result<RunState, StoreError> {
        let error = self.error("ending a run");
        let end = |connection: &mut Connection| -> rusqlite::Result<RunState> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let unasked = note_unasked(&transaction, run.id)?;
            let state = if unasked == 0 { RunState::Complete } else { RunState::Stopped };
            put_cost(&transaction, run.id, cost)?;
            transaction.execute(
                "UPDATE runs SET state = ?2, ended = ?3,
                     failed = (SELECT count(*) FROM sightings s JOIN list_members m ON m.reference = s.reference
                               WHERE m.list = runs.list AND s.last_run = ?1 AND s.failure IS NOT NULL)
                 WHERE id = ?1",
                params![run.id, state.name(), now.as_millisecond()],
            )?;
            transaction.commit()?;
            Ok(state)
        };
        end(&mut self.connection).map_err(error)
    }

    /// All runs, the newest first, at most `limit`.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunSummary>, StoreError> {
        let runs = || -> rusqlite::Result<Vec<RunSummary>> {
            let mut statement =
                self.connection.prepare_cached(&format!("{RUNS} ORDER BY r.id DESC LIMIT ?1"))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            statement.query_map([limit], run_summary)?.collect()
        };
        runs().map_err(self.error("listing the runs"))
    }

    /// What a reference pointed at when it was last seen, and when that was; none where nothing, or only failures, were
    /// seen last.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn last_seen(&self, reference: &Reference) -> Result<Option<(Digest, Timestamp)>, StoreError> {
        let found = || {
            self.connection
                .prepare_cached(
                    "SELECT c.digest, s.last_seen FROM image_references r
                     JOIN sightings s ON s.id = (SELECT id FROM sightings WHERE reference = r.id
                                                 ORDER BY last_run DESC, id DESC LIMIT 1)
                     JOIN contents c ON c.id = s.image
                     WHERE r.reference = ?1",
                )?
                .query_row([reference.to_string()], |row| {
                    Ok((row.get::<_, String>(0)?, timestamp(row.get(1)?)))
                })
                .optional()
        };
        let found = found().map_err(self.error("looking a reference up"))?;
        Ok(found.and_then(|(digest, at)| Some((digest.parse().ok()?, at))))
    }

    /// One run.
    ///
    /// # Errors
    /// [`super::StoreErrorKind::NotThere`] where there is none with this number.
    pub fn run(&self, id: i64) -> Result<RunSummary, StoreError> {
        let run = || {
            self.connection
                .prepare_cached(&format!("{RUNS} WHERE r.id = ?1"))?
                .query_row([id], run_summary)
                .optional()
        };
        run()
            .map_err(self.error("reading a run"))?
            .ok_or_else(|| StoreError::not_there(&self.path, format!("there is no run {id}")))
    }
}

const RUNS: &str =
    "SELECT r.id, l.name, (SELECT count(*) FROM list_members m WHERE m.list = l.id), r.state, r.started,
                           r.ended, r.requests, r.pulls, r.failed, r.tool
                    FROM runs r JOIN lists l ON l.id = r.list";

fn run_summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    let number = |at: usize| row.get::<_, i64>(at).map(|n| u64::try_from(n).unwrap_or(0));
    Ok(RunSummary {
        id: row.get(0)?,
        list: row.get(1)?,
        references: number(2)?,
        state: RunState::from_name(&row.get::<_, String>(3)?),
        started: timestamp(row.get(4)?),
        ended: row.get::<_, Option<i64>>(5)?.map(timestamp),
        requests: number(6)?,
        pulls: number(7)?,
        failed: number(8)?,
        tool: row.get(9)?,
    })
}

/// A stored time; one that no calendar holds becomes its beginning, which is seen to be wrong.
pub(super) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn put_list(transaction: &Transaction<'_>, list: &List) -> rusqlite::Result<i64> {
    let fingerprint = list.fingerprint();
    let key = params![list.name, fingerprint.as_str()];
    let found = "SELECT id FROM lists WHERE name = ?1 AND fingerprint = ?2";
    if let Some(row) = transaction.query_row(found, key, |row| row.get(0)).optional()? {
        return Ok(row);
    }
    transaction.execute("INSERT INTO lists (name, fingerprint) VALUES (?1, ?2)", key)?;
    let row = transaction.last_insert_rowid();
    let mut insert =
        transaction.prepare_cached("INSERT OR IGNORE INTO image_references (reference) VALUES (?1)")?;
    let mut find = transaction.prepare_cached("SELECT id FROM image_references WHERE reference = ?1")?;
    let mut member = transaction
        .prepare_cached("INSERT INTO list_members (list, position, reference) VALUES (?1, ?2, ?3)")?;
    for (position, reference) in list.references.iter().enumerate() {
        let text = reference.to_string();
        let id: i64 = match insert.execute([&text])? {
            1 => transaction.last_insert_rowid(),
            _ => find.query_row([&text], |row| row.get(0))?,
        };
        member.execute(params![row, position as i64, id])?;
    }
    Ok(row)
}

/// The last run of a list, if it was not finished and it, or the first that it went on with, began at `oldest`
/// or later; and when that was.
fn unfinished(transaction: &Transaction<'_>, list: i64, oldest: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    transaction
        .query_row(
            "SELECT id, began FROM runs WHERE list = ?1 AND id = (SELECT max(id) FROM runs WHERE list = ?1)
                 AND state IN ('running', 'stopped') AND began >= ?2",
            [list, oldest],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

/// What was seen of the list since the run `resumed` began, by it or by another, the run `id` has seen, too.
fn take_over(transaction: &Transaction<'_>, list: i64, resumed: i64, id: i64) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE sightings SET last_run = ?3
         WHERE last_run >= ?2
           AND reference IN (SELECT reference FROM list_members WHERE list = ?1)
           AND last_run = (SELECT max(last_run) FROM sightings o WHERE o.reference = sightings.reference)",
        [list, resumed, id],
    )?;
    Ok(())
}

fn put_cost(transaction: &Transaction<'_>, run: i64, cost: Cost) -> rusqlite::Result<()> {
    transaction.prepare_cached("UPDATE runs SET requests = ?2, pulls = ?3 WHERE id = ?1")?.execute([
        run,
        cost.requests as i64,
        cost.pulls as i64,
    ])?;
    Ok(())
}

/// Gives up the runs of this name that were never finished, and keeps what they did not come to.
fn give_up(transaction: &Transaction<'_>, name: &str, now: i64) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(
        "SELECT r.id FROM runs r JOIN lists l ON l.id = r.list
         WHERE l.name = ?1 AND r.state IN ('running', 'stopped')
           AND NOT EXISTS (SELECT 1 FROM runs n WHERE n.resumes = r.id)",
    )?;
    let ids: Vec<i64> = statement.query_map([name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in ids {
        note_unasked(transaction, id)?;
        transaction.execute(
            "UPDATE runs SET state = 'abandoned', ended = coalesce(ended, ?2) WHERE id = ?1",
            [id, now],
        )?;
    }
    Ok(())
}

/// Keeps which references of a run have no sighting by it; gives their number.
fn note_unasked(transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<usize> {
    transaction.execute("DELETE FROM unasked WHERE run = ?1", [run])?;
    transaction.execute(
        "INSERT INTO unasked (run, reference)
         SELECT DISTINCT r.id, m.reference FROM runs r JOIN list_members m ON m.list = r.list
         WHERE r.id = ?1 AND NOT EXISTS (
             SELECT 1 FROM sightings s WHERE s.reference = m.reference AND s.first_run <= r.id AND s.last_run >= r.id)",
        [run],
    )
}

fn previous(transaction: &Transaction<'_>, name: &str, run: i64) -> rusqlite::Result<Option<i64>> {
    transaction.query_row(
        "WITH RECURSIVE chain (id) AS (
             VALUES (?2) UNION SELECT r.resumes FROM runs r JOIN chain c ON r.id = c.id WHERE r.resumes IS NOT NULL)
         SELECT max(r.id) FROM runs r JOIN lists l ON l.id = r.list
         WHERE l.name = ?1 AND r.id < (SELECT min(id) FROM chain)",
        params![name, run],
        |row| row.get(0),
    )
}

fn members(transaction: &Transaction<'_>, list: i64, run: i64) -> rusqlite::Result<Vec<Member>> {
    let mut statement = transaction.prepare(
        "SELECT m.reference, s.id, s.image, s.failure, s.last_run, c.digest
         FROM list_members m
         LEFT JOIN sightings s ON s.id = (SELECT id FROM sightings WHERE reference = m.reference
                                          ORDER BY last_run DESC, id DESC LIMIT 1)
         LEFT JOIN images i ON i.content = s.image AND i.undetermined IS NULL
         LEFT JOIN contents c ON c.id = i.content
         WHERE m.list = ?1 ORDER BY m.position",
    )?;
    let member = |row: &Row<'_>| {
        let sighting = match row.get::<_, Option<i64>>(1)? {
            Some(id) => {
                let digest = row.get::<_, Option<String>>(5)?.and_then(|digest| digest.parse().ok());
                Some(LastSighting { id, image: row.get(2)?, digest, failure: row.get(3)? })
            }
            None => None,
        };
        let done = row.get::<_, Option<i64>>(4)? == Some(run);
        Ok(Member { reference: row.get(0)?, sighting, done })
    };
    statement.query_map([list], member)?.collect()
}

/// Keeps one look; false where it came too early.
fn record_one(transaction: &Transaction<'_>, run: &mut Run, look: &Look) -> rusqlite::Result<bool> {
    let Run { id, members, tool, contents } = run;
    let run = *id;
    let Some(member) = members.get_mut(look.position) else { return Ok(true) };
    let (image, failure, reason) = match &look.seen {
        Seen::Known(digest) if member.last_digest() == Some(digest) => {
            (member.sighting.as_ref().and_then(|last| last.image), None, None)
        }
        Seen::Known(digest) => match contents.image_row(transaction, digest)? {
            Some(row) => (Some(row), None, None),
            // Another look brings it, and may be kept later; a store that lost it meanwhile never gets it.
            None => return Ok(false),
        },
        Seen::Fetched { image, root, others } => {
            (Some(contents.put_image(transaction, image, root, others)?), None, None)
        }
        Seen::Failed { kind, reason, refused } => {
            if let Some(document) = refused {
                contents.put_refusal(transaction, document, tool, kind, reason)?;
            }
            (None, Some(kind.as_str()), Some(reason.as_str()))
        }
    };
    let same =
        member.sighting.as_ref().filter(|last| last.image == image && last.failure.as_deref() == failure);
    let now = look.at.as_millisecond();
    let id = match same {
        Some(last) => {
            // A clock that was set back must not end a sighting before it began.
            transaction
                .prepare_cached(
                    "UPDATE sightings SET last_run = max(last_run, ?2), last_seen = max(last_seen, ?3), reason = ?4 WHERE id = ?1",
                )?
                .execute(params![last.id, run, now, reason])?;
            last.id
        }
        None => {
            transaction
                .prepare_cached(
                    "INSERT INTO sightings
                         (reference, image, failure, reason, first_run, last_run, first_seen, last_seen)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?6)",
                )?
                .execute(params![member.reference, image, failure, reason, run, now])?;
            transaction.last_insert_rowid()
        }
    };
    // No reference is looked at twice in a run, so the digest is not needed again.
    member.sighting = Some(LastSighting { id, image, digest: None, failure: failure.map(str::to_owned) });
    member.done = true;
    Ok(true)
}
