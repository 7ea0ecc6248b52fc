//! Contents and what they offer: written once for a digest.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, params};
use workson_oci::image::Note;
use workson_oci::{Content, Digest, Image, Platform};

use super::{Store, StoreError};

/// What the store knows of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Everything about the image: it need not be fetched again.
    Image,
    /// That no engine would pull it; the stable name of the kind of failure, and the sentence.
    Refused(String, String),
}

impl Store {
    /// What is known of the document with this digest, read by this version of the tool.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn knows(&self, digest: &Digest, tool: &str) -> Result<Option<Known>, StoreError> {
        let known = || {
            self.connection
                .prepare_cached(
                    "SELECT i.content IS NOT NULL, r.kind, r.reason FROM contents c
                     LEFT JOIN images i ON i.content = c.id AND i.undetermined IS NULL
                     LEFT JOIN refusals r ON r.content = c.id AND r.tool = ?2
                     WHERE c.digest = ?1",
                )?
                .query_row([digest.as_str(), tool], |row| {
                    let refused = row.get::<_, Option<String>>(1)?.zip(row.get::<_, Option<String>>(2)?);
                    Ok(match (row.get(0)?, refused) {
                        (true, _) => Some(Known::Image),
                        (false, refused) => refused.map(|(kind, reason)| Known::Refused(kind, reason)),
                    })
                })
                .optional()
        };
        known().map(Option::flatten).map_err(self.error("looking a digest up"))
    }

    /// The document with this digest, exactly as it was received.
    ///
    /// # Errors
    /// Where the store can't be read, or what it holds does not have the digest any more.
    pub fn content(&self, digest: &Digest) -> Result<Option<Content>, StoreError> {
        let error = self.error("reading a document");
        let row: Option<(String, Vec<u8>)> = self
            .connection
            .query_row("SELECT media_type, bytes FROM contents WHERE digest = ?1", [digest.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(error)?;
        let Some((media_type, bytes)) = row else { return Ok(None) };
        if !digest.matches(&bytes) {
            let what = format!("the stored bytes of {digest} do not have this digest");
            return Err(StoreError::other(&self.path, "reading a document", what));
        }
        Ok(Some(Content {
            digest: digest.clone(),
            media_type: media_type.as_str().into(),
            bytes: bytes.into(),
        }))
    }
}

impl Store {
    /// Keeps documents as they were received, so that they need not be fetched again.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn put_documents(&mut self, documents: &[Content]) -> Result<(), StoreError> {
        let put = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for document in documents {
                put_content(&transaction, document)?;
            }
            transaction.commit()
        };
        let result = put(&mut self.connection);
        result.map_err(self.error("keeping documents"))
    }
}

/// Writes contents, and remembers the few sets of platforms that most of them share.
#[derive(Debug, Default)]
pub(super) struct ContentWriter {
    sets: HashMap<String, i64>,
}

/// How many sets are remembered.
const MAX_SETS: usize = 4_096;

impl ContentWriter {
    /// The row of the image with `digest`, where it is there.
    pub(super) fn image_row(
        &self,
        connection: &Connection,
        digest: &Digest,
    ) -> rusqlite::Result<Option<i64>> {
        connection
            .prepare_cached(
                "SELECT i.content FROM contents c JOIN images i ON i.content = c.id WHERE c.digest = ?1",
            )?
            .query_row([digest.as_str()], |row| row.get(0))
            .optional()
    }

    /// Stores an image and the documents it was read from; gives its row.
    pub(super) fn put_image(
        &mut self,
        connection: &Connection,
        image: &Image,
        root: &Content,
        others: &[Content],
    ) -> rusqlite::Result<i64> {
        for other in others {
            put_content(connection, other)?;
        }
        let row = put_content(connection, root)?;
        let set = self.platform_set(connection, image)?;
        let undetermined = image.notes.iter().find(|note| matches!(note, Note::Undetermined { .. }));
        connection
            .prepare_cached(
                "INSERT INTO images (content, kind, platform_set, attestations, undetermined)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (content) DO UPDATE
                 SET platform_set = excluded.platform_set, undetermined = excluded.undetermined",
            )?
            .execute(params![
                row,
                image.kind.name(),
                set,
                image.attestations as i64,
                undetermined.map(Note::to_string)
            ])?;
        Ok(row)
    }

    /// Stores a document that no engine would pull, and why.
    pub(super) fn put_refusal(
        &mut self,
        connection: &Connection,
        content: &Content,
        tool: &str,
        kind: &str,
        reason: &str,
    ) -> rusqlite::Result<()> {
        let row = put_content(connection, content)?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO refusals (content, tool, kind, reason) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![row, tool, kind, reason])?;
        Ok(())
    }

    /// The row of the set of platforms that an image offers.
    fn platform_set(&mut self, connection: &Connection, image: &Image) -> rusqlite::Result<i64> {
        let texts = platform_texts(image.platforms.iter().map(|offered| &offered.platform))?;
        let key = set_key(&texts);
        if let Some(set) = self.sets.get(&key) {
            return Ok(*set);
        }
        let set = put_platform_set(connection, &texts, &key)?;
        if self.sets.len() == MAX_SETS {
            self.sets.clear();
        }
        self.sets.insert(key, set);
        Ok(set)
    }

    /// Forgets what was remembered: a transaction that is rolled back takes its rows with it.
    pub(super) fn forget(&mut self) {
        self.sets.clear();
    }
}

/// The row of a set of platforms.
pub(super) fn put_platforms(connection: &Connection, platforms: &[Platform]) -> rusqlite::Result<i64> {
    let texts = platform_texts(platforms)?;
    put_platform_set(connection, &texts, &set_key(&texts))
}

/// Platforms as they are stored: normalised, sorted, each once.
fn platform_texts<'a>(platforms: impl IntoIterator<Item = &'a Platform>) -> rusqlite::Result<Vec<String>> {
    let sorted: BTreeSet<Platform> =
        platforms.into_iter().map(|platform| sorted_features(platform.normalized())).collect();
    sorted.iter().map(platform_text).collect()
}

/// What tells two sets apart. Each text is an object of JSON, so no platform can pass for two.
fn set_key(texts: &[String]) -> String {
    format!("[{}]", texts.join(","))
}

fn put_platform_set(connection: &Connection, platforms: &[String], key: &str) -> rusqlite::Result<i64> {
    let fingerprint = Digest::sha256(key.as_bytes());
    let fingerprint = fingerprint.as_str();
    let found = "SELECT id FROM platform_sets WHERE fingerprint = ?1";
    if let Some(set) = connection.query_row(found, [fingerprint], |row| row.get(0)).optional()? {
        return Ok(set);
    }
    connection.execute("INSERT INTO platform_sets (fingerprint) VALUES (?1)", [fingerprint])?;
    let set = connection.last_insert_rowid();
    for platform in platforms {
        connection.execute("INSERT OR IGNORE INTO platforms (platform) VALUES (?1)", [platform])?;
        connection.execute(
            "INSERT INTO platform_set_members (platform_set, platform) SELECT ?1, id FROM platforms WHERE platform = ?2",
            params![set, platform],
        )?;
    }
    Ok(set)
}

/// A platform as it is stored.
pub(super) fn platform_text(platform: &Platform) -> rusqlite::Result<String> {
    serde_json::to_string(platform).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The order of features says nothing.
fn sorted_features(mut platform: Platform) -> Platform {
    platform.os_features.sort();
    platform
}

fn put_content(connection: &Connection, content: &Content) -> rusqlite::Result<i64> {
    let inserted = connection
        .prepare_cached("INSERT OR IGNORE INTO contents (digest, media_type, bytes) VALUES (?1, ?2, ?3)")?
        .execute(params![content.digest.as_str(), content.media_type.as_str(), &content.bytes[..]])?;
    if inserted == 1 {
        return Ok(connection.last_insert_rowid());
    }
    connection
        .prepare_cached("SELECT id FROM contents WHERE digest = ?1")?
        .query_row([content.digest.as_str()], |row| row.get(0))
}
