//! A timeline as a database of SQLite, for whoever wants to ask it questions of their own.

use std::path::Path;

use rusqlite::{Connection, params};
use workson_oci::Platform;

use super::StoreError;
use crate::timeline::{By, Span, Timeline};

/// The tables; docs/json.md describes them.
const TABLES: &str = "
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    -- scope: any, latest or tag. One row for each platform; a row without one says that the image was there and
    -- had none, or that which it had is unknown.
    CREATE TABLE spans (
        image TEXT NOT NULL, scope TEXT NOT NULL, tag TEXT, platform TEXT, is_unknown INTEGER NOT NULL,
        since TEXT NOT NULL, since_commit TEXT NOT NULL, until TEXT, until_commit TEXT
    );
    CREATE TABLE problems (
        image TEXT NOT NULL, at TEXT NOT NULL, commit_id TEXT NOT NULL, until TEXT, reason TEXT NOT NULL
    );";
const INDEXES: &str = "
    CREATE INDEX spans_by_image ON spans (image, scope, tag);
    CREATE INDEX spans_by_platform ON spans (platform, scope);";

/// Writes `timeline` into the empty file at `path`. It keeps no journal: whoever asks for it keeps the file aside
/// until it is whole.
///
/// # Errors
/// Where it can't be written.
pub fn export(timeline: &Timeline, path: &Path) -> Result<(), StoreError> {
    let write = || -> rusqlite::Result<()> {
        let mut connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        let about = [
            ("source", timeline.source.name.clone()),
            ("head", timeline.source.head.clone()),
            ("head_at", timeline.source.head_at.to_string()),
            ("rung", timeline.rung.name().to_owned()),
            ("tool", format!("workson {}", timeline.source.tool)),
        ];
        for (key, value) in about {
            transaction.execute("INSERT INTO about (key, value) VALUES (?1, ?2)", params![key, value])?;
        }
        for (name, image) in &timeline.images {
            for by in [By::Any, By::Latest] {
                for span in image.spans(by) {
                    put(&transaction, timeline, name, by.name(), None, span)?;
                }
            }
            for (tag, span) in &image.tags {
                put(&transaction, timeline, name, "tag", Some(tag), span)?;
            }
        }
        for problem in &timeline.problems {
            let moment = timeline.moment(problem.moment);
            transaction
                .prepare_cached(
                    "INSERT INTO problems (image, at, commit_id, until, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    problem.image,
                    moment.at.to_string(),
                    moment.origin,
                    problem.until.map(|until| timeline.moment(until).at.to_string()),
                    problem.reason
                ])?;
        }
        transaction.execute_batch(INDEXES)?;
        transaction.commit()
    };
    write().map_err(|source| StoreError::export(&source))
}

fn put(
    connection: &Connection,
    timeline: &Timeline,
    image: &str,
    scope: &str,
    tag: Option<&str>,
    span: &Span,
) -> rusqlite::Result<()> {
    let from = timeline.moment(span.from);
    let until = span.until.map(|until| timeline.moment(until));
    let mut platforms: Vec<(Option<String>, bool)> = timeline
        .set(span.offer.set)
        .iter()
        .map(|platform| (Some(Platform::format(platform)), false))
        .collect();
    if platforms.is_empty() || !span.offer.is_whole {
        platforms.push((None, !span.offer.is_whole));
    }
    for (platform, is_unknown) in platforms {
        connection
            .prepare_cached(
                "INSERT INTO spans (image, scope, tag, platform, is_unknown, since, since_commit, until, until_commit)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                image,
                scope,
                tag,
                platform,
                is_unknown,
                from.at.to_string(),
                from.origin,
                until.map(|until| until.at.to_string()),
                until.map(|until| until.origin.as_str())
            ])?;
    }
    Ok(())
}
