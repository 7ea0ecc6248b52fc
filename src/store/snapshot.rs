//! What a run saw, as a value to ask questions of.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use workson_oci::Platform;

use super::runs::timestamp;
use super::{RunSummary, Store, StoreError};

/// Everything that one run saw.
#[derive(Debug)]
pub struct Snapshot {
    /// The run.
    pub run: RunSummary,
    /// Its references, in the order of the list.
    pub members: Vec<MemberState>,
    /// The sets of platforms that images offer, normalised.
    pub platform_sets: HashMap<i64, Vec<Platform>>,
}

/// One reference in a run.
#[derive(Debug, Clone)]
pub struct MemberState {
    /// The canonical reference.
    pub reference: String,
    /// What the run saw.
    pub outcome: Outcome,
    /// The last image that was seen before, where this run saw none.
    pub last_good: Option<LastGood>,
}

/// An image that was seen earlier.
#[derive(Debug, Clone)]
pub struct LastGood {
    /// The key in [`Snapshot::platform_sets`].
    pub platform_set: i64,
    /// Its digest.
    pub digest: String,
    /// Whether its set of platforms is whole.
    pub is_certain: bool,
    /// When it was last seen.
    pub seen: Timestamp,
}

/// What a run saw of a reference.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// An image.
    Image {
        /// The key in [`Snapshot::platform_sets`].
        platform_set: i64,
        /// Its digest.
        digest: String,
        /// `index`, `image` or `artifact`.
        kind: String,
        /// Why its list of platforms may lack one.
        undetermined: Option<String>,
        /// When it was last seen.
        seen: Timestamp,
    },
    /// A failure.
    Failed {
        /// The stable name of its kind.
        kind: String,
        /// The sentence for people.
        reason: String,
        /// When.
        seen: Timestamp,
    },
    /// The run did not come to it.
    Unasked,
}

impl Store {
    /// What the run with number `id` saw.
    ///
    /// # Errors
    /// Where there is no such run, or the store can't be read.
    pub fn snapshot(&self, id: i64) -> Result<Snapshot, StoreError> {
        let run = self.run(id)?;
        let read = || -> rusqlite::Result<Snapshot> {
            let members = self
                .connection
                .prepare_cached(MEMBERS)?
                .query_map([id], member)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let run = run.clone();
            Ok(Snapshot { run, members, platform_sets: self.platform_sets()? })
        };
        read().map_err(self.error("reading a run"))
    }

    fn platform_sets(&self) -> rusqlite::Result<HashMap<i64, Vec<Platform>>> {
        let mut sets: HashMap<i64, Vec<Platform>> = self
            .connection
            .prepare_cached("SELECT id FROM platform_sets")?
            .query_map([], |row| Ok((row.get(0)?, Vec::new())))?
            .collect::<rusqlite::Result<_>>()?;
        let mut members = self.connection.prepare_cached(
            "SELECT m.platform_set, p.platform FROM platform_set_members m JOIN platforms p ON p.id = m.platform",
        )?;
        for member in members.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
            let (set, text): (i64, String) = member?;
            sets.entry(set).or_default().push(platform(&text)?);
        }
        Ok(sets)
    }
}

/// The platforms of one set, sorted.
pub(super) fn platforms_of(connection: &Connection, set: i64) -> rusqlite::Result<Vec<Platform>> {
    let mut statement = connection.prepare_cached(
        "SELECT p.platform FROM platform_set_members m JOIN platforms p ON p.id = m.platform WHERE m.platform_set = ?1",
    )?;
    let texts = statement.query_map([set], |row| row.get::<_, String>(0))?;
    let mut platforms = texts.map(|text| platform(&text?)).collect::<rusqlite::Result<Vec<_>>>()?;
    platforms.sort();
    Ok(platforms)
}

/// A platform, read as it is stored.
fn platform(text: &str) -> rusqlite::Result<Platform> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
    })
}

/// The sighting of each member that covers the run, and the last image before it.
const MEMBERS: &str = "
    SELECT r.reference, i.platform_set, c.digest, i.kind, i.undetermined, s.failure, s.reason, s.last_seen,
           u.reference IS NOT NULL, gi.platform_set, gc.digest, g.last_seen,
           gi.undetermined IS NULL AND gi.kind <> 'artifact'
    FROM runs
    JOIN list_members m ON m.list = runs.list
    JOIN image_references r ON r.id = m.reference
    LEFT JOIN unasked u ON u.run = runs.id AND u.reference = m.reference
    LEFT JOIN sightings s ON s.reference = m.reference AND s.first_run <= runs.id AND s.last_run >= runs.id
    LEFT JOIN images i ON i.content = s.image
    LEFT JOIN contents c ON c.id = s.image
    LEFT JOIN sightings g ON g.id = CASE WHEN s.image IS NULL OR u.reference IS NOT NULL THEN (
        SELECT id FROM sightings WHERE reference = m.reference AND image IS NOT NULL AND first_run <= runs.id
        ORDER BY last_run DESC, id DESC LIMIT 1) END
    LEFT JOIN images gi ON gi.content = g.image
    LEFT JOIN contents gc ON gc.id = g.image
    WHERE runs.id = ?1
    ORDER BY m.position";

fn member(row: &Row<'_>) -> rusqlite::Result<MemberState> {
    let outcome = if row.get(8)? {
        Outcome::Unasked
    } else if let Some(platform_set) = row.get(1)? {
        Outcome::Image {
            platform_set,
            digest: row.get(2)?,
            kind: row.get(3)?,
            undetermined: row.get(4)?,
            seen: timestamp(row.get(7)?),
        }
    } else if let Some(kind) = row.get(5)? {
        let reason: Option<String> = row.get(6)?;
        Outcome::Failed { kind, reason: reason.unwrap_or_default(), seen: timestamp(row.get(7)?) }
    } else {
        Outcome::Unasked
    };
    let last_good = match row.get(9)? {
        Some(platform_set) => Some(LastGood {
            platform_set,
            digest: row.get(10)?,
            seen: timestamp(row.get(11)?),
            is_certain: row.get(12)?,
        }),
        None => None,
    };
    Ok(MemberState { reference: row.get(0)?, outcome, last_good })
}
