//! Verified evidence: what reading an image's layers found.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use workson_oci::{Digest, Platform, Reference};

use super::contents::platform_text;
use super::runs::timestamp;
use super::{Store, StoreError};
use crate::evidence::Verdict;

/// What was found of one digest on one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The digest of the platform's manifest.
    pub digest: Digest,
    /// The platform, normalised.
    pub platform: Platform,
    /// The version of workson that read it.
    pub tool: String,
    /// When.
    pub at: Timestamp,
    /// Yes or no: what could not be told is not kept.
    pub verdict: Verdict,
    /// The findings, as JSON.
    pub answer: String,
}

/// A verification, and what the reference pointed at when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReference {
    /// The canonical reference.
    pub reference: String,
    /// The digest that it pointed at.
    pub root: String,
    /// What was found.
    pub verification: Verification,
}

const COLUMNS: &str = "v.digest, v.platform, v.tool, v.at, v.verdict, v.answer";

impl Store {
    /// What the version `tool` found of a digest on a platform, where it has looked.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn verification(
        &self,
        digest: &Digest,
        platform: &Platform,
        tool: &str,
    ) -> Result<Option<Verification>, StoreError> {
        let read = || {
            let platform = platform_text(&platform.normalized())?;
            self.connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM verifications v WHERE digest = ?1 AND platform = ?2 AND tool = ?3"
                ))?
                .query_row(params![digest.as_str(), platform, tool], |row| verification(row, 0))
                .optional()
        };
        read().map_err(self.error("reading what was verified"))
    }

    /// Keeps what was found, and under which reference. An unknown is not kept.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn put_verification(
        &mut self,
        reference: Option<(&Reference, &Digest)>,
        found: &Verification,
    ) -> Result<(), StoreError> {
        if matches!(found.verdict, Verdict::Unknown(_)) {
            return Ok(());
        }
        let error = self.error("keeping what was verified");
        let connection = &mut self.connection;
        let mut put = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            let platform = platform_text(&found.platform.normalized())?;
            let at = found.at.as_millisecond();
            transaction.execute(
                "INSERT OR REPLACE INTO verifications (digest, platform, tool, at, verdict, answer)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![found.digest.as_str(), platform, found.tool, at, found.verdict.name(), found.answer],
            )?;
            if let Some((reference, root)) = reference {
                transaction.execute(
                    "INSERT OR REPLACE INTO verified_references (reference, platform, root, digest, at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![reference.to_string(), platform, root.as_str(), found.digest.as_str(), at],
                )?;
            }
            transaction.commit()
        };
        put().map_err(error)
    }

    /// The newest verification of every reference and platform.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn verified_references(&self) -> Result<Vec<VerifiedReference>, StoreError> {
        let read = || -> rusqlite::Result<Vec<VerifiedReference>> {
            let sql = format!(
                "SELECT {COLUMNS}, r.reference, r.root FROM verified_references r
                 JOIN verifications v ON v.digest = r.digest AND v.platform = r.platform
                 WHERE v.at = (SELECT max(at) FROM verifications n WHERE n.digest = v.digest AND n.platform = v.platform)
                 ORDER BY r.reference, r.platform"
            );
            let row = |row: &Row<'_>| {
                Ok(VerifiedReference {
                    reference: row.get(6)?,
                    root: row.get(7)?,
                    verification: verification(row, 0)?,
                })
            };
            self.connection.prepare_cached(&sql)?.query_map([], row)?.collect()
        };
        read().map_err(self.error("reading what was verified"))
    }

    /// The digest that every reference by the tag `latest` was last seen to point at, by an inventory.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn latest_digests(&self) -> Result<HashMap<String, String>, StoreError> {
        let read = || -> rusqlite::Result<HashMap<String, String>> {
            self.connection
                .prepare_cached(
                    // Of the same reference the newest one comes last, and stays.
                    "SELECT r.reference, c.digest FROM image_references r
                     JOIN sightings s ON s.reference = r.id JOIN contents c ON c.id = s.image
                     WHERE r.reference LIKE '%:latest' ORDER BY s.last_run, s.id",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        read().map_err(self.error("reading what was seen last"))
    }

    /// The digest that a reference was last seen to point at, by an inventory.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn last_digest(&self, reference: &str) -> Result<Option<String>, StoreError> {
        let read = || {
            self.connection
                .prepare_cached(
                    "SELECT c.digest FROM image_references r JOIN sightings s ON s.reference = r.id
                     JOIN contents c ON c.id = s.image WHERE r.reference = ?1
                     ORDER BY s.last_run DESC, s.id DESC LIMIT 1",
                )?
                .query_row([reference], |row| row.get(0))
                .optional()
        };
        read().map_err(self.error("reading what was seen last"))
    }
}

fn verification(row: &Row<'_>, from: usize) -> rusqlite::Result<Verification> {
    let wrong = |at: usize, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error)
    };
    let digest: String = row.get(from)?;
    let platform: String = row.get(from + 1)?;
    let verdict: String = row.get(from + 4)?;
    Ok(Verification {
        digest: digest
            .parse()
            .map_err(|error: workson_oci::digest::DigestError| wrong(from, error.into()))?,
        platform: serde_json::from_str(&platform).map_err(|error| wrong(from + 1, error.into()))?,
        tool: row.get(from + 2)?,
        at: timestamp(row.get(from + 3)?),
        verdict: if verdict == "yes" { Verdict::Yes } else { Verdict::No },
        answer: row.get(from + 5)?,
    })
}
