//! Published evidence as a timeline: what the runs of an inventory saw.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use rusqlite::Row;
use workson_oci::{Platform, Reference};

use super::runs::timestamp;
use super::snapshot::platforms_of;
use super::{Store, StoreError};
use crate::evidence::Rung;
use crate::timeline::{MomentId, Offer, Recorder, Source, Timeline};

/// Which runs a published timeline is made of.
#[derive(Debug, Clone, Copy)]
pub enum Lists<'a> {
    /// Those of the lists with this name. What is taken off the list is gone.
    Named(&'a str),
    /// All: whatever was ever looked at.
    All,
}

/// How much is told of why a registry gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasons {
    /// All of it, with the request: for whoever keeps the store.
    Whole,
    /// The registry and the kind of failure, for everybody: a request may have gone to a mirror whose address is nobody's
    /// business.
    Public,
}

/// A run, as far as a timeline needs it.
struct Run {
    id: i64,
    list: i64,
    at: Timestamp,
    tool: String,
}

/// What a reference was seen to be, from this run on.
#[derive(Debug, Clone)]
struct Sighting {
    first_run: i64,
    last_seen: Timestamp,
    seen: Result<Image, String>,
}

#[derive(Debug, Clone)]
struct Image {
    platform_set: i64,
    /// Why platforms may be missing from the set.
    undetermined: Option<String>,
}

/// A reference of a list, and all that was seen of it.
struct Watched {
    image: String,
    tag: String,
    sightings: Vec<Sighting>,
}

impl Store {
    /// The timeline of what registries served, by the ended runs of `lists`; none where there is no such run.
    ///
    /// What was not looked at in a run stays as it was. A reference that failed is unknown from then on.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn published(&self, lists: Lists<'_>, reasons: Reasons) -> Result<Option<Timeline>, StoreError> {
        let read = || -> rusqlite::Result<Option<Timeline>> {
            let transaction = self.connection.unchecked_transaction()?;
            let runs = self.ended_runs(lists)?;
            let Some(last) = runs.last() else { return Ok(None) };
            let mut members = HashMap::new();
            for run in &runs {
                if let Entry::Vacant(vacant) = members.entry(run.list) {
                    vacant.insert(self.list_members(run.list)?);
                }
            }
            let all: BTreeSet<i64> = members.values().flatten().copied().collect();
            let mut watched = BTreeMap::new();
            for reference in all {
                watched.extend(self.watched(reference, reasons)?.map(|found| (reference, found)));
            }
            let mut source = Source {
                name: match lists {
                    Lists::Named(name) => name.to_owned(),
                    Lists::All => "all inventories".to_owned(),
                },
                head: format!("run {}", last.id),
                head_at: last.at,
                read: runs.len() as u64,
                changes: watched.values().map(|watched| watched.sightings.len() as u64).sum(),
                tool: last.tool.clone(),
            };
            let mut writer =
                Writer { store: self, recorder: Recorder::new(Rung::Published), sets: HashMap::new() };
            let mut before: BTreeSet<i64> = BTreeSet::new();
            let mut previous = i64::MIN;
            for run in &runs {
                let mut now: BTreeSet<i64> = members.get(&run.list).into_iter().flatten().copied().collect();
                if matches!(lists, Lists::All) {
                    now.extend(&before);
                }
                writer.run(run, previous, &before, &now, &watched)?;
                (before, previous) = (now, run.id);
            }
            transaction.commit()?;
            for found in watched.values() {
                if let Some(at) = found.sightings.iter().map(|sighting| sighting.last_seen).max() {
                    writer.recorder.looked(&found.image, &found.tag, at);
                }
            }
            // A clock that was set back makes no run earlier than the one before it.
            source.head_at = writer.recorder.last().unwrap_or(last.at);
            Ok(Some(writer.recorder.finish(source)))
        };
        read().map_err(self.error("reading what was published"))
    }

    fn ended_runs(&self, lists: Lists<'_>) -> rusqlite::Result<Vec<Run>> {
        let (condition, name) = match lists {
            Lists::Named(name) => ("l.name = ?1", name),
            Lists::All => ("?1 = ?1", ""),
        };
        let sql = format!(
            "SELECT r.id, r.list, r.started, r.tool FROM runs r JOIN lists l ON l.id = r.list
             WHERE {condition} AND r.state <> 'running' ORDER BY r.id"
        );
        let run = |row: &Row<'_>| {
            Ok(Run { id: row.get(0)?, list: row.get(1)?, at: timestamp(row.get(2)?), tool: row.get(3)? })
        };
        self.connection.prepare_cached(&sql)?.query_map([name], run)?.collect()
    }

    fn list_members(&self, list: i64) -> rusqlite::Result<Vec<i64>> {
        self.connection
            .prepare_cached("SELECT reference FROM list_members WHERE list = ?1")?
            .query_map([list], |row| row.get(0))?
            .collect()
    }

    /// A reference with its sightings in order; none where it is named by a digest, which never changes.
    fn watched(&self, reference: i64, reasons: Reasons) -> rusqlite::Result<Option<Watched>> {
        let text: String = self
            .connection
            .prepare_cached("SELECT reference FROM image_references WHERE id = ?1")?
            .query_row([reference], |row| row.get(0))?;
        let Some((registry, image, tag)) = text.parse::<Reference>().ok().and_then(|reference| {
            let repository = reference.repository();
            Some((repository.registry().to_owned(), repository.familiar(), reference.tag()?.to_owned()))
        }) else {
            return Ok(None);
        };
        let sighting = |row: &Row<'_>| {
            let seen = match row.get::<_, Option<i64>>(1)? {
                Some(platform_set) => {
                    let is_artifact = row.get::<_, String>(2)? == "artifact";
                    let artifact = is_artifact.then(|| "it is no container image".to_owned());
                    let undetermined = row.get::<_, Option<String>>(3)?.map(|reason| match reasons {
                        Reasons::Whole => reason,
                        Reasons::Public => "not all that it has could be told".to_owned(),
                    });
                    Ok(Image { platform_set, undetermined: undetermined.or(artifact) })
                }
                None => {
                    let text = |at| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default);
                    Err(match reasons {
                        Reasons::Whole => format!("{}: {}", text(4)?, text(5)?),
                        Reasons::Public => format!("{} at {registry}", text(4)?),
                    })
                }
            };
            Ok(Sighting { first_run: row.get(0)?, last_seen: timestamp(row.get(6)?), seen })
        };
        let sightings = self
            .connection
            .prepare_cached(
                "SELECT s.first_run, i.platform_set, i.kind, i.undetermined, s.failure, s.reason, s.last_seen
                 FROM sightings s LEFT JOIN images i ON i.content = s.image
                 WHERE s.reference = ?1 ORDER BY s.first_run, s.id",
            )?
            .query_map([reference], sighting)?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Some(Watched { image, tag, sightings }))
    }
}

struct Writer<'a> {
    store: &'a Store,
    recorder: Recorder,
    sets: HashMap<i64, Vec<Platform>>,
}

impl Writer<'_> {
    /// What changed with a run: images of which a reference came, went or was first seen to be otherwise since the
    /// run before.
    fn run(
        &mut self,
        run: &Run,
        previous: i64,
        before: &BTreeSet<i64>,
        now: &BTreeSet<i64>,
        watched: &BTreeMap<i64, Watched>,
    ) -> rusqlite::Result<()> {
        let mut of_image: BTreeMap<&str, (bool, Vec<&Watched>)> = BTreeMap::new();
        for (reference, found) in watched.iter().filter(|(reference, _)| now.contains(reference)) {
            let is_new = !before.contains(reference)
                || found.sightings.iter().any(|s| s.first_run > previous && s.first_run <= run.id);
            let (changed, references) = of_image.entry(&found.image).or_default();
            *changed |= is_new;
            references.push(found);
        }
        let gone = before.difference(now).filter_map(|reference| watched.get(reference));
        let mut went: BTreeSet<&str> = BTreeSet::new();
        for found in gone {
            match of_image.get_mut(found.image.as_str()) {
                Some((changed, _)) => *changed = true,
                None => {
                    went.insert(&found.image);
                }
            }
        }
        let moment = self.recorder.moment(run.at, &format!("run {}", run.id));
        for image in went {
            if self.recorder.has(image) {
                self.recorder.removed(image, moment);
            }
        }
        for (image, (changed, references)) in of_image {
            if changed {
                self.image(image, &references, run.id, moment)?;
            }
        }
        Ok(())
    }

    fn image(
        &mut self,
        image: &str,
        references: &[&Watched],
        run: i64,
        moment: MomentId,
    ) -> rusqlite::Result<()> {
        let (mut tags, mut reasons) = (Vec::new(), Vec::new());
        let (mut all, mut all_whole) = (Vec::new(), true);
        for found in references {
            let latest = found.sightings.iter().rev().find(|sighting| sighting.first_run <= run);
            let (platforms, reason) = match latest.map(|sighting| &sighting.seen) {
                Some(Ok(seen)) => (self.platforms(seen.platform_set)?, seen.undetermined.clone()),
                Some(Err(reason)) => (Vec::new(), Some(reason.clone())),
                None => (Vec::new(), Some("not asked yet".to_owned())),
            };
            all.extend(platforms.iter().cloned());
            all_whole &= reason.is_none();
            let offer = Offer { set: self.recorder.set(platforms), is_whole: reason.is_none() };
            reasons.extend(reason);
            tags.push((found.tag.clone(), offer));
        }
        tags.sort_by(|(a, _), (b, _)| a.cmp(b));
        tags.dedup_by(|(a, _), (b, _)| a == b);
        let any = Offer { set: self.recorder.set(all), is_whole: all_whole };
        let latest = tags.iter().find(|(tag, _)| tag == "latest").map(|(_, offer)| *offer);
        let unknown = Offer { set: self.recorder.set(Vec::new()), is_whole: false };
        self.recorder.saw(image, moment, any, latest.unwrap_or(unknown), tags);
        for reason in reasons {
            self.recorder.problem(image, moment, reason);
        }
        Ok(())
    }

    fn platforms(&mut self, set: i64) -> rusqlite::Result<Vec<Platform>> {
        if let Some(platforms) = self.sets.get(&set) {
            return Ok(platforms.clone());
        }
        let platforms = platforms_of(&self.store.connection, set)?;
        self.sets.insert(set, platforms.clone());
        Ok(platforms)
    }
}
