//! The declared history as a database to take away: made when it is first asked for.

use std::io::{self, Read as _};
use std::sync::Arc;

use crate::store;
use crate::timeline::Timeline;
use axum::http::HeaderValue;
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;
use workson_oci::digest::{Algorithm, Hasher};

/// The database, in a file that goes with it.
pub(super) struct Database {
    timeline: Arc<Timeline>,
    made: OnceCell<Made>,
}

/// The file.
pub(super) struct Made {
    pub(super) file: NamedTempFile,
    pub(super) length: u64,
    pub(super) etag: HeaderValue,
}

impl Database {
    pub(super) fn new(timeline: Timeline) -> Database {
        Database { timeline: Arc::new(timeline), made: OnceCell::new() }
    }

    /// The file; where it could not be made, the next request tries again.
    pub(super) async fn made(&self) -> io::Result<&Made> {
        let make = || async {
            let timeline = Arc::clone(&self.timeline);
            tokio::task::spawn_blocking(move || make(&timeline)).await.map_err(io::Error::other)?
        };
        self.made.get_or_try_init(make).await
    }
}

fn make(timeline: &Timeline) -> io::Result<Made> {
    let mut file = NamedTempFile::new()?;
    store::export(timeline, file.path()).map_err(|error| io::Error::other(error.to_string()))?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let (mut window, mut length) = (vec![0; 64 << 10], 0);
    loop {
        match file.read(&mut window)? {
            0 => break,
            read => {
                hasher.update(&window[..read]);
                length += read as u64;
            }
        }
    }
    let digest = hasher.finish();
    let etag = HeaderValue::from_str(&format!("\"{}\"", &digest.hex()[..32])).map_err(io::Error::other)?;
    Ok(Made { file, length, etag })
}
