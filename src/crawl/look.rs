//! One look at one reference, with as few pulls as can be.
//!
//! A `GET` of a manifest is a counted pull, a `HEAD` is not. So `HEAD` comes first, always, and what its digest
//! names is fetched only where it is not known: not by an earlier run, not by this one, under no other name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workson_oci::{Digest, Reference};
use workson_registry::{Client, Error, Kind};

use crate::store::{Known, Seen, Store, StoreError};

/// What came of a look.
pub(super) enum Outcome {
    /// Something to keep.
    Seen(Seen),
    /// Nothing yet: a pull was needed, and none is granted now.
    HeldBack { reason: String, hint: Option<String> },
}

/// Looks at references, and knows what need not be fetched.
pub(super) struct Looker {
    client: Client,
    tool: String,
    store: Mutex<Store>,
    /// What was fetched by this run, and may not be written yet.
    fetched: Mutex<HashMap<Digest, Known>>,
    /// Digests that are being fetched, so that two tags of one image cost one pull.
    fetching: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Looker {
    pub(super) fn new(client: Client, store: Store, tool: String) -> Looker {
        Looker {
            client,
            tool,
            store: Mutex::new(store),
            fetched: Mutex::default(),
            fetching: Mutex::default(),
        }
    }

    /// Looks at `reference`, which pointed at `last` when it was last seen.
    pub(super) async fn look(
        &self,
        reference: &Reference,
        last: Option<&Digest>,
    ) -> Result<Outcome, StoreError> {
        let head = match self.client.manifest_head(reference).await {
            Ok(head) => head,
            Err(error) if error.kind().may_be_about_head() => return Ok(self.fetch(reference).await),
            Err(error) => return Ok(failed(&error)),
        };
        let Some(digest) = head.digest else { return Ok(self.fetch(reference).await) };
        // With another label than an image's, the same bytes are no image: an engine goes by the label.
        let is_image = head.media_type.is_index() || head.media_type.is_manifest();
        if is_image && last == Some(&digest) {
            return Ok(Outcome::Seen(Seen::Known(digest)));
        }
        let turn = lock(&self.fetching).entry(digest.clone()).or_default().clone();
        let fetching = turn.lock().await;
        let outcome = match self.known(&digest)? {
            Some(Seen::Known(_)) if !is_image => self.fetch(reference).await,
            Some(seen) => Outcome::Seen(seen),
            None => self.fetch(reference).await,
        };
        drop(fetching);
        lock(&self.fetching).remove(&digest);
        Ok(outcome)
    }

    fn known(&self, digest: &Digest) -> Result<Option<Seen>, StoreError> {
        let fetched = lock(&self.fetched).get(digest).cloned();
        let known = match fetched {
            Some(known) => Some(known),
            None => lock(&self.store).knows(digest, &self.tool)?,
        };
        Ok(known.map(|known| match known {
            Known::Image => Seen::Known(digest.clone()),
            Known::Refused(kind, reason) => Seen::Failed { kind, reason, refused: None },
        }))
    }

    async fn fetch(&self, reference: &Reference) -> Outcome {
        let root = match self.client.manifest(reference).await {
            Ok(root) => root,
            Err(error) => return failed(&error),
        };
        match self.client.image_of(reference, root.clone(), false).await {
            Ok(answer) => {
                if answer.image.is_complete() {
                    lock(&self.fetched).insert(answer.root.digest.clone(), Known::Image);
                }
                let (image, root, others) = (answer.image, answer.root, answer.others);
                Outcome::Seen(Seen::Fetched { image, root, others })
            }
            Err(error) if error.follows_from_bytes() => {
                let kind = error.kind().name().to_owned();
                // Without the name of this image: the same bytes may be found under another one.
                let reason = error.came_back().to_owned();
                let refusal = Known::Refused(kind.clone(), reason.clone());
                lock(&self.fetched).insert(root.digest.clone(), refusal);
                Outcome::Seen(Seen::Failed { kind, reason, refused: Some(root) })
            }
            Err(error) => failed(&error),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A failure is something that was seen, unless it is just "not now": that says nothing about the image.
fn failed(error: &Error) -> Outcome {
    match error.kind() {
        Kind::RateLimited | Kind::BudgetSpent => {
            Outcome::HeldBack { reason: error.to_string(), hint: error.hint().map(str::to_owned) }
        }
        kind => Outcome::Seen(Seen::Failed {
            kind: kind.name().to_owned(),
            reason: error.to_string(),
            refused: None,
        }),
    }
}
