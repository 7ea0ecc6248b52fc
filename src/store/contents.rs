//! Contents and what they offer: written once for a digest.

use rusqlite::{Connection, OptionalExtension, params};
use workson_oci::image::Note;
use workson_oci::{Content, Digest, Image};

use super::{Store, StoreError};

impl Store {
    /// Whether everything about the image with this digest is known, so that it need not be fetched again.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn knows(&self, digest: &Digest) -> Result<bool, StoreError> {
        let known = || {
            self.connection
                .prepare_cached(
                    "SELECT 1 FROM contents c JOIN images i ON i.content = c.id
                     WHERE c.digest = ?1 AND i.undetermined IS NULL",
                )?
                .exists([digest.as_str()])
        };
        known().map_err(self.error("looking a digest up"))
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

/// The row of the image with `digest`, where it is there.
pub(super) fn image_row(connection: &Connection, digest: &Digest) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT i.content FROM contents c JOIN images i ON i.content = c.id WHERE c.digest = ?1",
        )?
        .query_row([digest.as_str()], |row| row.get(0))
        .optional()
}

/// Stores an image and the documents it was read from; gives its row.
pub(super) fn put_image(
    connection: &Connection,
    image: &Image,
    root: &Content,
    others: &[Content],
) -> rusqlite::Result<i64> {
    for other in others {
        put_content(connection, other)?;
    }
    let row = put_content(connection, root)?;
    let undetermined = image.notes.iter().find(|note| matches!(note, Note::Undetermined { .. }));
    connection
        .prepare_cached(
            "INSERT INTO images (content, kind, attestations, undetermined) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (content) DO UPDATE SET undetermined = excluded.undetermined",
        )?
        .execute(params![
            row,
            image.kind.name(),
            image.attestations as i64,
            undetermined.map(Note::to_string)
        ])?;
    for offered in &image.platforms {
        let platform = put_platform(connection, &offered.platform.normalized().format_all())?;
        connection
            .prepare_cached("INSERT OR IGNORE INTO image_platforms (image, platform) VALUES (?1, ?2)")?
            .execute([row, platform])?;
    }
    Ok(row)
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

fn put_platform(connection: &Connection, platform: &str) -> rusqlite::Result<i64> {
    let found = connection
        .prepare_cached("SELECT id FROM platforms WHERE platform = ?1")?
        .query_row([platform], |row| row.get(0))
        .optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    connection.prepare_cached("INSERT INTO platforms (platform) VALUES (?1)")?.execute([platform])?;
    Ok(connection.last_insert_rowid())
}
