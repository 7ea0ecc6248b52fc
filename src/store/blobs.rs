//! Where blobs were put: whoever publishes one again at the same registry can have it taken over from there.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use workson_oci::{Digest, Reference, Repository};

use super::{Store, StoreError};

/// How many blobs are remembered. The newest stay.
const MAX_BLOBS: i64 = 100_000;

impl Store {
    /// The repository of `registry` that a blob was put into last, where that is known.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn published_at(&self, registry: &str, digest: &Digest) -> Result<Option<Repository>, StoreError> {
        let sql = "SELECT repository FROM published_blobs WHERE registry = ?1 AND digest = ?2";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([registry, digest.as_str()], |row| row.get::<_, String>(0)).optional()
        };
        let name = read().map_err(self.error("reading where a blob was put"))?;
        let repository = |name: String| Some(name.parse::<Reference>().ok()?.repository().clone());
        Ok(name.and_then(repository).filter(|repository| repository.registry() == registry))
    }

    /// Remembers that a repository has these blobs.
    ///
    /// # Errors
    /// Where the store can't be written.
    pub fn put_published<'a>(
        &mut self,
        repository: &Repository,
        blobs: impl IntoIterator<Item = &'a Digest>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let error = self.error("remembering where blobs were put");
        let connection = &mut self.connection;
        let put = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            let name = repository.to_string();
            let sql = "INSERT OR REPLACE INTO published_blobs (registry, digest, repository, at)
                       VALUES (?1, ?2, ?3, ?4)";
            for digest in blobs {
                let values = params![repository.registry(), digest.as_str(), name, at.as_millisecond()];
                transaction.prepare_cached(sql)?.execute(values)?;
            }
            transaction.execute(
                "DELETE FROM published_blobs WHERE at <=
                 (SELECT at FROM published_blobs ORDER BY at DESC LIMIT 1 OFFSET ?1)",
                [MAX_BLOBS],
            )?;
            transaction.commit()
        };
        put().map_err(error)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use super::*;

    fn repository(name: &str) -> Repository {
        name.parse::<Reference>().unwrap().repository().clone()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_last_place_of_a_blob_at_each_registry_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("store.db")).unwrap();
        let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
        let [a, b, c] = ["r.example:5000/team/a", "r.example:5000/b", "ubuntu"].map(repository);
        store.put_published(&a, [&one, &two], at(1)).unwrap();
        store.put_published(&b, [&two], at(2)).unwrap();
        store.put_published(&c, [&one], at(3)).unwrap();
        let found = |registry, digest| store.published_at(registry, digest).unwrap();
        assert_eq!(found("r.example:5000", &one), Some(a));
        assert_eq!(found("r.example:5000", &two), Some(b));
        assert_eq!(found("docker.io", &one), Some(c));
        assert_eq!(found("docker.io", &two), None);
    }

    #[test]
    fn only_the_newest_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("store.db")).unwrap();
        let digests: Vec<Digest> = (0..MAX_BLOBS).map(|n: i64| Digest::sha256(&n.to_le_bytes())).collect();
        let first = Digest::sha256(b"the first");
        store.put_published(&repository("r.example/a"), [&first], at(1)).unwrap();
        store.put_published(&repository("r.example/a"), &digests, at(2)).unwrap();
        assert_eq!(store.published_at("r.example", &first).unwrap(), None);
        assert!(digests.iter().all(|digest| store.published_at("r.example", digest).unwrap().is_some()));
    }
}
