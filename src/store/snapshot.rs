//! What a run saw, as a value to ask questions of.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::Row;

use super::runs::timestamp;
use super::{RunSummary, Store, StoreError};

/// Everything that one run saw.
#[derive(Debug)]
pub struct Snapshot {
    /// The run.
    pub run: RunSummary,
    /// Its references, in the order of the list.
    pub members: Vec<MemberState>,
    /// The platforms of the images that members point at: image → the keys in `platforms`.
    pub offers: HashMap<i64, Vec<i64>>,
    /// The platforms as text.
    pub platforms: HashMap<i64, String>,
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
    /// The key in [`Snapshot::offers`].
    pub image: i64,
    /// Its digest.
    pub digest: String,
    /// When it was last seen.
    pub seen: Timestamp,
}

/// What a run saw of a reference.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// An image.
    Image {
        /// The key in [`Snapshot::offers`].
        image: i64,
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
            let mut snapshot =
                Snapshot { run: run.clone(), members, offers: HashMap::new(), platforms: HashMap::new() };
            self.read_offers(&mut snapshot)?;
            Ok(snapshot)
        };
        read().map_err(self.error("reading a run"))
    }

    fn read_offers(&self, snapshot: &mut Snapshot) -> rusqlite::Result<()> {
        let mut offers =
            self.connection.prepare_cached("SELECT platform FROM image_platforms WHERE image = ?1")?;
        for member in &snapshot.members {
            let image = match &member.outcome {
                Outcome::Image { image, .. } => Some(*image),
                _ => member.last_good.as_ref().map(|good| good.image),
            };
            if let Some(image) = image.filter(|image| !snapshot.offers.contains_key(image)) {
                let platforms =
                    offers.query_map([image], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
                snapshot.offers.insert(image, platforms);
            }
        }
        let mut platforms = self.connection.prepare_cached("SELECT id, platform FROM platforms")?;
        snapshot.platforms = platforms
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(())
    }
}

/// The sighting of each member that covers the run, and the last image before it.
const MEMBERS: &str = "
    SELECT r.reference, s.image, c.digest, i.kind, i.undetermined, s.failure, s.reason, s.last_seen,
           u.reference IS NOT NULL, g.image, gc.digest, g.last_seen
    FROM runs
    JOIN list_members m ON m.list = runs.list
    JOIN image_references r ON r.id = m.reference
    LEFT JOIN unasked u ON u.run = runs.id AND u.reference = m.reference
    LEFT JOIN sightings s ON s.reference = m.reference AND s.first_run <= runs.id AND s.last_run >= runs.id
    LEFT JOIN images i ON i.content = s.image
    LEFT JOIN contents c ON c.id = s.image
    LEFT JOIN sightings g ON (s.image IS NULL OR u.reference IS NOT NULL) AND g.id = (
        SELECT id FROM sightings WHERE reference = m.reference AND image IS NOT NULL AND first_run <= runs.id
        ORDER BY last_run DESC, id DESC LIMIT 1)
    LEFT JOIN contents gc ON gc.id = g.image
    WHERE runs.id = ?1
    ORDER BY m.position";

fn member(row: &Row<'_>) -> rusqlite::Result<MemberState> {
    let outcome = if row.get(8)? {
        Outcome::Unasked
    } else if let Some(image) = row.get(1)? {
        Outcome::Image {
            image,
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
        Some(image) => Some(LastGood { image, digest: row.get(10)?, seen: timestamp(row.get(11)?) }),
        None => None,
    };
    Ok(MemberState { reference: row.get(0)?, outcome, last_good })
}
