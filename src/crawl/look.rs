//! One look at one reference, with as few pulls as can be.
//!
//! A `GET` of a manifest is a counted pull, a `HEAD` is not. So `HEAD` comes first wherever its digest could be
//! one that is known: the reference was seen before, or something else of its repository was, or will be in the
//! same run. Where neither is so, a `HEAD` could spare nothing, and the `GET` goes at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workson_oci::{Digest, Reference};
use workson_registry::{Client, Error, Kind};

use crate::store::{Member, Seen, Store, StoreError};

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
    store: Mutex<Store>,
    /// By position: whether a `HEAD` may spare a pull.
    head_first: Vec<bool>,
    /// What was fetched by this run, and may not be written yet.
    fetched: Mutex<HashSet<Digest>>,
    /// Digests that are being fetched, so that two tags of one image cost one pull.
    fetching: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Looker {
    pub(super) fn new(client: Client, store: Store, references: &[Reference], members: &[Member]) -> Looker {
        let mut times: HashMap<_, usize> = HashMap::new();
        for reference in references {
            *times.entry(reference.repository()).or_default() += 1;
        }
        let head_first = references.iter().zip(members).map(|(reference, member)| {
            member.repository_known || times.get(reference.repository()).is_some_and(|times| *times > 1)
        });
        Looker {
            head_first: head_first.collect(),
            client,
            store: Mutex::new(store),
            fetched: Mutex::default(),
            fetching: Mutex::default(),
        }
    }

    pub(super) async fn look(&self, position: usize, reference: &Reference) -> Result<Outcome, StoreError> {
        if !self.head_first.get(position).copied().unwrap_or(true) {
            return Ok(self.fetch(reference).await);
        }
        let digest = match self.client.manifest_head(reference).await {
            Ok(head) => head.digest,
            // Some registries do not know HEAD; what they say to it is no answer.
            Err(error) if error.kind() == Kind::BadResponse => None,
            Err(error) => return Ok(failed(&error)),
        };
        let Some(digest) = digest else { return Ok(self.fetch(reference).await) };
        let turn = lock(&self.fetching).entry(digest.clone()).or_default().clone();
        let fetching = turn.lock().await;
        let outcome = if self.knows(&digest)? {
            Ok(Outcome::Seen(Seen::Known(digest.clone())))
        } else {
            Ok(self.fetch(reference).await)
        };
        drop(fetching);
        lock(&self.fetching).remove(&digest);
        outcome
    }

    fn knows(&self, digest: &Digest) -> Result<bool, StoreError> {
        Ok(lock(&self.fetched).contains(digest) || lock(&self.store).knows(digest)?)
    }

    async fn fetch(&self, reference: &Reference) -> Outcome {
        match self.client.image(reference, false).await {
            Ok(answer) => {
                if answer.image.is_complete() {
                    lock(&self.fetched).insert(answer.root.digest.clone());
                }
                let (image, root, others) = (answer.image, answer.root, answer.others);
                Outcome::Seen(Seen::Fetched { image, root, others })
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
        kind => Outcome::Seen(Seen::Failed { kind: kind.name(), reason: error.to_string() }),
    }
}
