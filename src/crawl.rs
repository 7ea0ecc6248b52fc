//! An inventory, run: every reference of a list is looked at, as cheaply as can be, and what is seen is kept.
//!
//! Politeness is in `look`: a `HEAD` first wherever it could spare a pull. Keeping is in `keeper`: a thread of
//! its own writes, so that no request waits for the disk, and what is written survives a kill.

mod look;

mod keeper;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use workson_oci::{Digest, Reference};
use workson_registry::Client;

use self::keeper::Keeper;
use self::look::{Looker, Outcome};
use crate::inventory::List;
use crate::store::{Cost, Look, RunState, Store, StoreError};

/// How soon a wish to stop is seen.
const STOP_SEEN_WITHIN: Duration = Duration::from_millis(100);

/// How long requests that are under way may take when the run is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// A clock: what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many references were looked at, those of a resumed run's first part included.
    pub done: usize,
    /// How many there are.
    pub total: usize,
    /// How many of them could not be told.
    pub failed: usize,
}

/// How a run is done.
#[derive(Clone)]
pub struct Settings {
    /// The version of workson, for the record.
    pub tool: String,
    /// How many references are looked at at once.
    pub concurrency: usize,
    /// How old a run that was not finished may be to be resumed, in milliseconds; none: it never is.
    pub resume_within: Option<i64>,
    /// The clock.
    pub clock: Clock,
    /// Set from outside to end the run early, cleanly.
    pub stop: Arc<AtomicBool>,
}

/// A reference that a run left for later, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The reference.
    pub reference: Reference,
    /// Why: the budget, or the registry's quota.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Finished {
    /// Its number in the store.
    pub run: i64,
    /// Whether it went on with one that was not finished.
    pub resumed: bool,
    /// How many references it did not have to ask again, because it was resumed.
    pub known_before: usize,
    /// The run before it of the same list.
    pub previous: Option<i64>,
    /// How far it came.
    pub state: RunState,
    /// What it left for later.
    pub held_back: Vec<HeldBack>,
    /// What it has cost.
    pub cost: Cost,
}

/// Runs the inventory of `list` and keeps what it sees in `store`.
///
/// # Errors
/// Where the store can't be written. What a registry does is no error here, but a sighting.
pub async fn run(
    client: &Client,
    mut store: Store,
    list: &List,
    settings: &Settings,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<Finished, StoreError> {
    let started = store.begin_run(list, &settings.tool, (settings.clock)(), settings.resume_within)?;
    let (run, reader) = (started.run, store.reader()?);
    let pending: Vec<Pending> = (0..run.members.len())
        .filter(|at| !run.members[*at].done)
        .map(|position| Pending { position, last: run.members[position].last_digest().cloned() })
        .collect();
    let known_before = run.members.len() - pending.len();
    let (run_id, total) = (run.id, run.members.len());
    let looker = Looker::new(client.clone(), reader, settings.tool.clone());
    let cost = cost_since_now(client);
    let keeper = Keeper::start(store, run, cost.clone());
    let crew = Arc::new(Crew {
        looker,
        references: list.references.clone(),
        pending,
        next: AtomicUsize::new(0),
        keeper: keeper.sender(),
        settings: settings.clone(),
        held_back: Mutex::default(),
        done: AtomicUsize::new(known_before),
        failed: AtomicUsize::new(0),
        broken: Mutex::default(),
        total,
        progress: Box::new(progress),
    });
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..settings.concurrency.clamp(1, crew.pending.len().max(1)) {
        workers.spawn(crew.clone().work());
    }
    finish_or_stop(&mut workers, &settings.stop).await;

    let held_back = std::mem::take(&mut *crew.held_back.lock().unwrap_or_else(PoisonError::into_inner));
    let broken = crew.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(crew);
    let state = keeper.finish((settings.clock)()).await?;
    if let Some(error) = broken {
        return Err(error);
    }
    Ok(Finished {
        run: run_id,
        resumed: started.resumed,
        known_before,
        previous: started.previous,
        state,
        held_back,
        cost: cost(),
    })
}

/// A reference that is to be looked at, and what it pointed at before.
struct Pending {
    position: usize,
    last: Option<Digest>,
}

/// Tells what `client` has spent since now.
fn cost_since_now(client: &Client) -> impl Fn() -> Cost + Clone + Send + use<> {
    let client = client.clone();
    let spent = move || Cost { requests: client.requests_sent(), pulls: client.options().budget.spent() };
    let before = spent();
    move || {
        let now = spent();
        Cost { requests: now.requests - before.requests, pulls: now.pulls.saturating_sub(before.pulls) }
    }
}

/// Waits for the workers; once there is a wish to stop, no longer than it takes to finish what is under way.
async fn finish_or_stop(workers: &mut tokio::task::JoinSet<()>, stop: &AtomicBool) {
    let mut look_up = tokio::time::interval(STOP_SEEN_WITHIN);
    let mut stopping: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = workers.join_next() => if ended.is_none() { return },
            _ = look_up.tick() => {
                if stop.load(Ordering::Relaxed) && stopping.get_or_insert_with(Instant::now).elapsed() > GRACE {
                    // It may be waiting for a registry that never answers.
                    workers.abort_all();
                }
            }
        }
    }
}

/// What the workers of a run share.
struct Crew {
    looker: Looker,
    references: Vec<Reference>,
    pending: Vec<Pending>,
    next: AtomicUsize,
    keeper: keeper::Sender,
    settings: Settings,
    held_back: Mutex<Vec<HeldBack>>,
    done: AtomicUsize,
    failed: AtomicUsize,
    broken: Mutex<Option<StoreError>>,
    total: usize,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
}

impl Crew {
    async fn work(self: Arc<Crew>) {
        while !self.settings.stop.load(Ordering::Relaxed) {
            let Some(pending) = self.pending.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let position = pending.position;
            let seen = match self.looker.look(&self.references[position], pending.last.as_ref()).await {
                Ok(Outcome::Seen(seen)) => seen,
                Ok(Outcome::HeldBack { reason, hint }) => {
                    let reference = self.references[position].clone();
                    let held_back = HeldBack { reference, reason, hint };
                    self.held_back.lock().unwrap_or_else(PoisonError::into_inner).push(held_back);
                    continue;
                }
                Err(error) => {
                    self.settings.stop.store(true, Ordering::Relaxed);
                    *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return;
                }
            };
            let failed = matches!(seen, crate::store::Seen::Failed { .. });
            let look = Look { position, at: (self.settings.clock)(), seen };
            if !self.keeper.keep(look).await {
                // The keeper has met an error, and says so when it is asked to finish.
                return;
            }
            let failed = self.failed.fetch_add(usize::from(failed), Ordering::Relaxed) + usize::from(failed);
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            (self.progress)(Progress { done, total: self.total, failed });
        }
    }
}
