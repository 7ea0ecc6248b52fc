//! Declared evidence: timelines of what was read out of a repository's history.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::contents::put_platforms;
use super::runs::timestamp;
use super::{Store, StoreError};
use crate::evidence::Rung;
use crate::timeline::{ImageTimeline, Moment, MomentId, Offer, Problem, SetId, Source, Span, Timeline};

/// How far a history was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Where the facts come from, and the newest commit as the source names it.
    pub source: Source,
    /// The newest commit as the copy that was read names it: a copy may be a rewritten one.
    pub tip: String,
}

/// Which tags of the images are read out of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagSpans<'a> {
    /// None: any tag and `latest` are enough.
    None,
    /// Those that stand.
    Standing,
    /// Those of these images, all that there ever were.
    Of(&'a [String]),
    /// All that there ever were.
    All,
}

impl Store {
    /// How far the history `name` was read; none where it never was.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn reach(&self, name: &str) -> Result<Option<Reach>, StoreError> {
        let read = || find(&self.connection, name);
        Ok(read().map_err(self.error("reading how far a history was read"))?.map(|(_, reach)| reach))
    }

    /// The timeline of the history `name`; none where it was never read.
    ///
    /// # Errors
    /// Where the store can't be read, or holds what this program never writes.
    pub fn timeline(&self, name: &str, tags: TagSpans<'_>) -> Result<Option<Timeline>, StoreError> {
        let read = || -> rusqlite::Result<Option<Timeline>> {
            // One view of the store, whatever is written meanwhile.
            let transaction = self.connection.unchecked_transaction()?;
            let Some((history, reach)) = find(&transaction, name)? else { return Ok(None) };
            let mut reader = Reader::new(&transaction, history, reach.source)?;
            reader.spans()?;
            reader.tags(tags)?;
            Ok(Some(reader.timeline))
        };
        let timeline = read().map_err(self.error("reading a history"))?;
        if let Some(timeline) = &timeline
            && !timeline.is_sound()
        {
            let what = "a history in it names moments that are not there".to_owned();
            return Err(StoreError::other(&self.path, "reading a history", what));
        }
        Ok(timeline)
    }

    /// Keeps what was read of the history `name`: all of it or, on an error, nothing.
    ///
    /// `before` is how far the store had read it when `timeline` was begun, and `timeline` goes on from there: it
    /// has all moments, and at least the spans that stood then. Without it, whatever was there is replaced.
    ///
    /// # Errors
    /// Where the store can't be written, or another program has carried the history on meanwhile.
    pub fn put_timeline(
        &mut self,
        name: &str,
        timeline: &Timeline,
        tip: &str,
        before: Option<(&Reach, usize)>,
    ) -> Result<(), StoreError> {
        let error = self.error("keeping a history");
        let path = self.path.clone();
        let put = |connection: &mut Connection| -> rusqlite::Result<bool> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let found = find(&transaction, name)?;
            let known_moments = match (before, found) {
                (Some((before, moments)), Some((_, reach))) if *before == reach => moments,
                (Some(_), _) => return Ok(false),
                (None, Some((history, _))) => {
                    forget(&transaction, history)?;
                    0
                }
                (None, None) => 0,
            };
            let history = put_history(&transaction, name, &timeline.source, tip)?;
            Writer::new(&transaction, timeline, history, known_moments)?.write()?;
            transaction.commit()?;
            Ok(true)
        };
        if put(&mut self.connection).map_err(error)? {
            return Ok(());
        }
        let what = "another import has carried this history on meanwhile: run this one again".to_owned();
        Err(StoreError::other(&path, "keeping a history", what))
    }
}

fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<(i64, Reach)>> {
    let sql = "SELECT id, source, head, tip, head_at, commits, changes, tool FROM histories WHERE name = ?1";
    let reach = |row: &Row<'_>| {
        let number = |at: usize| row.get::<_, i64>(at).map(|n| u64::try_from(n).unwrap_or(0));
        let source = Source {
            name: row.get(1)?,
            head: row.get(2)?,
            head_at: timestamp(row.get(4)?),
            read: number(5)?,
            changes: number(6)?,
            tool: row.get(7)?,
        };
        Ok((row.get(0)?, Reach { source, tip: row.get(3)? }))
    };
    connection.prepare_cached(sql)?.query_row([name], reach).optional()
}

fn put_history(
    transaction: &Transaction<'_>,
    name: &str,
    source: &Source,
    tip: &str,
) -> rusqlite::Result<i64> {
    transaction.query_row(
        "INSERT INTO histories (name, source, head, tip, head_at, commits, changes, tool)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (name) DO UPDATE SET source = excluded.source, head = excluded.head, tip = excluded.tip,
             head_at = excluded.head_at, commits = excluded.commits, changes = excluded.changes,
             tool = excluded.tool
         RETURNING id",
        params![
            name,
            source.name,
            source.head,
            tip,
            source.head_at.as_millisecond(),
            source.read as i64,
            source.changes as i64,
            source.tool
        ],
        |row| row.get(0),
    )
}

fn forget(transaction: &Transaction<'_>, history: i64) -> rusqlite::Result<()> {
    let of_images = "image IN (SELECT id FROM declared_images WHERE history = ?1)";
    for sql in [
        format!("DELETE FROM declared_spans WHERE {of_images}"),
        format!("DELETE FROM declared_tags WHERE {of_images}"),
        "DELETE FROM declared_images WHERE history = ?1".to_owned(),
        "DELETE FROM declared_problems WHERE history = ?1".to_owned(),
        "DELETE FROM moments WHERE history = ?1".to_owned(),
    ] {
        transaction.execute(&sql, [history])?;
    }
    Ok(())
}

/// Writes what of a timeline the store does not have.
struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    timeline: &'a Timeline,
    history: i64,
    /// Moments before this place are in the store, and so are the spans that began there.
    known: usize,
    sets: Vec<i64>,
}

impl<'a> Writer<'a> {
    fn new(
        transaction: &'a Transaction<'a>,
        timeline: &'a Timeline,
        history: i64,
        known: usize,
    ) -> rusqlite::Result<Writer<'a>> {
        let sets = timeline.sets.iter().map(|set| put_platforms(transaction, set));
        let sets = sets.collect::<rusqlite::Result<_>>()?;
        Ok(Writer { transaction, timeline, history, known, sets })
    }

    fn write(&self) -> rusqlite::Result<()> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO moments (history, position, at, commit_id) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (position, moment) in self.timeline.moments.iter().enumerate().skip(self.known) {
            insert.execute(params![
                self.history,
                position as i64,
                moment.at.as_millisecond(),
                moment.origin
            ])?;
        }
        for (name, image) in &self.timeline.images {
            self.write_image(name, image)?;
        }
        let mut insert = self.transaction.prepare_cached(
            "INSERT OR IGNORE INTO declared_problems (history, moment, until, image, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut end = self.transaction.prepare_cached(
            "UPDATE declared_problems SET until = ?3
             WHERE history = ?1 AND moment = ?2 AND image = ?4 AND reason = ?5",
        )?;
        for problem in &self.timeline.problems {
            let until = problem.until.map(|until| until.0);
            let row = params![self.history, problem.moment.0, until, problem.image, problem.reason];
            if self.is_new(problem.moment) {
                insert.execute(row)?;
            } else if problem.until.is_some_and(|until| self.is_new(until)) {
                end.execute(row)?;
            }
        }
        Ok(())
    }

    fn is_new(&self, moment: MomentId) -> bool {
        moment.0 as usize >= self.known
    }

    fn write_image(&self, name: &str, image: &ImageTimeline) -> rusqlite::Result<()> {
        let row: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO declared_images (history, name) VALUES (?1, ?2)
                 ON CONFLICT (history, name) DO UPDATE SET name = name RETURNING id",
            )?
            .query_row(params![self.history, name], |row| row.get(0))?;
        for (by, spans) in [("any", &image.any), ("latest", &image.latest)] {
            for span in spans {
                self.write_span(
                    "INSERT INTO declared_spans (image, by, since, until, platform_set, is_whole) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    "UPDATE declared_spans SET until = ?4 WHERE image = ?1 AND by = ?2 AND since = ?3",
                    row,
                    by,
                    span,
                )?;
            }
        }
        for (tag, span) in &image.tags {
            self.write_span(
                "INSERT INTO declared_tags (image, tag, since, until, platform_set, is_whole) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                "UPDATE declared_tags SET until = ?4 WHERE image = ?1 AND tag = ?2 AND since = ?3",
                row,
                tag,
                span,
            )?;
        }
        Ok(())
    }

    /// A span that began at a new moment is new; one that ended at a new moment has to be ended; the store has
    /// the others as they are.
    fn write_span(
        &self,
        insert: &str,
        end: &str,
        image: i64,
        key: &str,
        span: &Span,
    ) -> rusqlite::Result<()> {
        let until = span.until.map(|until| until.0);
        if self.is_new(span.from) {
            let set = self.sets[span.offer.set.0 as usize];
            self.transaction.prepare_cached(insert)?.execute(params![
                image,
                key,
                span.from.0,
                until,
                set,
                span.offer.is_whole
            ])?;
        } else if span.until.is_some_and(|until| self.is_new(until)) {
            self.transaction.prepare_cached(end)?.execute(params![image, key, span.from.0, until])?;
        }
        Ok(())
    }
}

/// Reads a timeline.
struct Reader<'a> {
    connection: &'a Connection,
    history: i64,
    timeline: Timeline,
    sets: HashMap<i64, SetId>,
}

impl<'a> Reader<'a> {
    fn new(connection: &'a Connection, history: i64, source: Source) -> rusqlite::Result<Reader<'a>> {
        let moments = connection
            .prepare_cached(
                "SELECT position, at, commit_id FROM moments WHERE history = ?1 ORDER BY position",
            )?
            .query_map([history], |row| {
                Ok((row.get(0)?, Moment { at: timestamp(row.get(1)?), origin: row.get(2)? }))
            })?
            .enumerate()
            .map(|(place, found)| match found? {
                (position, moment) if position == place as i64 => Ok(moment),
                // Without it, the ones after it would be taken for others.
                (position, _) => Err(rusqlite::Error::IntegralValueOutOfRange(0, position)),
            })
            .collect::<rusqlite::Result<_>>()?;
        let images = connection
            .prepare_cached("SELECT name FROM declared_images WHERE history = ?1")?
            .query_map([history], |row| Ok((row.get(0)?, ImageTimeline::default())))?
            .collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
        let problems = connection
            .prepare_cached(
                "SELECT moment, image, reason, until FROM declared_problems WHERE history = ?1 ORDER BY moment, image",
            )?
            .query_map([history], |row| {
                let until = row.get::<_, Option<u32>>(3)?.map(MomentId);
                let moment = MomentId(row.get(0)?);
                Ok(Problem { moment, until, image: row.get(1)?, reason: row.get(2)? })
            })?
            .collect::<rusqlite::Result<_>>()?;
        let timeline = Timeline {
            rung: Rung::Declared,
            source,
            sets: Vec::new(),
            moments,
            images,
            has_past_tags: false,
            problems,
        };
        Ok(Reader { connection, history, timeline, sets: HashMap::new() })
    }

    fn spans(&mut self) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT i.name, s.by, s.since, s.until, s.platform_set, s.is_whole
             FROM declared_spans s JOIN declared_images i ON i.id = s.image
             WHERE i.history = ?1 ORDER BY s.image, s.by, s.since",
        )?;
        let mut rows = statement.query([self.history])?;
        while let Some(row) = rows.next()? {
            let span = self.span(row, 2)?;
            let by: String = row.get(1)?;
            let image = self.timeline.images.entry(row.get(0)?).or_default();
            if by == "any" { image.any.push(span) } else { image.latest.push(span) }
        }
        Ok(())
    }

    fn tags(&mut self, tags: TagSpans<'_>) -> rusqlite::Result<()> {
        let (condition, names) = match tags {
            TagSpans::None => return Ok(()),
            TagSpans::Standing => ("t.until IS NULL", &[] as &[String]),
            TagSpans::Of(names) => ("i.name IN (SELECT value FROM json_each(?2))", names),
            TagSpans::All => ("true", &[] as &[String]),
        };
        self.timeline.has_past_tags = tags != TagSpans::Standing;
        let names = serde_json::to_string(names)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let sql = format!(
            "SELECT i.name, t.tag, t.since, t.until, t.platform_set, t.is_whole
             FROM declared_images i JOIN declared_tags t ON t.image = i.id
             WHERE i.history = ?1 AND {condition} AND ?2 = ?2 ORDER BY t.image, t.tag, t.since"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.history, names])?;
        while let Some(row) = rows.next()? {
            let span = self.span(row, 2)?;
            let tag = row.get(1)?;
            self.timeline.images.entry(row.get(0)?).or_default().tags.push((tag, span));
        }
        Ok(())
    }

    fn span(&mut self, row: &Row<'_>, at: usize) -> rusqlite::Result<Span> {
        let set_row: i64 = row.get(at + 2)?;
        let set = match self.sets.get(&set_row) {
            Some(set) => *set,
            None => {
                let set = SetId(self.timeline.sets.len() as u32);
                self.timeline.sets.push(super::snapshot::platforms_of(self.connection, set_row)?);
                self.sets.insert(set_row, set);
                set
            }
        };
        Ok(Span {
            offer: Offer { set, is_whole: row.get(at + 3)? },
            from: MomentId(row.get(at)?),
            until: row.get::<_, Option<u32>>(at + 1)?.map(MomentId),
        })
    }
}
