//! The thread that writes what was seen: as many looks in one transaction as have come meanwhile.

use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::store::{Cost, Look, Run, RunState, Seen, Store, StoreError};

/// How many looks are written in one transaction at most.
const BATCH: usize = 2_048;
/// How many bytes of documents may wait to be written.
const WAITING_BYTES: u32 = 16 << 20;
/// What a look counts for beside its documents.
const LOOK_BYTES: usize = 1 << 10;

enum Message {
    Keep(Box<Look>, OwnedSemaphorePermit),
    Finish(Timestamp),
}

/// The writing end of a run.
pub(super) struct Keeper {
    sender: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
    thread: JoinHandle<Result<Option<RunState>, StoreError>>,
}

/// Where looks are handed in.
pub(super) struct Sender {
    sender: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
}

impl Sender {
    /// Hands a look in, when there is room for its bytes; false where nothing is written any more.
    pub(super) async fn keep(&self, look: Look) -> bool {
        let bytes = u32::try_from(weight(&look)).unwrap_or(WAITING_BYTES).min(WAITING_BYTES);
        match self.room.clone().acquire_many_owned(bytes).await {
            Ok(room) => self.sender.send(Message::Keep(Box::new(look), room)).is_ok(),
            Err(_) => false,
        }
    }
}

fn weight(look: &Look) -> usize {
    let documents = match &look.seen {
        Seen::Fetched { root, others, .. } => {
            root.bytes.len() + others.iter().map(|other| other.bytes.len()).sum::<usize>()
        }
        Seen::Failed { refused: Some(document), .. } => document.bytes.len(),
        _ => 0,
    };
    documents + LOOK_BYTES
}

impl Keeper {
    /// Starts to write what `run` sees; `cost` tells what it has cost until now.
    pub(super) fn start(store: Store, run: Run, cost: impl Fn() -> Cost + Send + 'static) -> Keeper {
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(WAITING_BYTES as usize));
        let closing = room.clone();
        let thread = std::thread::spawn(move || {
            let outcome = write(store, run, receiver, cost);
            // Whoever waits for room waits in vain.
            closing.close();
            outcome
        });
        Keeper { sender, room, thread }
    }

    pub(super) fn sender(&self) -> Sender {
        Sender { sender: self.sender.clone(), room: self.room.clone() }
    }

    /// Writes what is waiting and ends the run.
    pub(super) async fn finish(self, now: Timestamp) -> Result<RunState, StoreError> {
        // Where the thread has ended with an error, there is nobody to send to, and joining tells the error.
        let _ = self.sender.send(Message::Finish(now));
        drop(self.sender);
        let thread = self.thread;
        match tokio::task::spawn_blocking(move || thread.join()).await {
            Ok(Ok(outcome)) => Ok(outcome?.unwrap_or(RunState::Stopped)),
            // A panic of the thread is one of this program.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Ok(RunState::Stopped),
        }
    }
}

/// Keeps a batch; what came too early stays in it.
fn keep(
    store: &mut Store,
    run: &mut Run,
    batch: &mut Vec<Look>,
    rooms: &mut Vec<OwnedSemaphorePermit>,
    cost: Cost,
) -> Result<(), StoreError> {
    let mut early = store.record(run, batch, cost)?.into_iter().peekable();
    let mut place = 0;
    batch.retain(|_| {
        place += 1;
        early.next_if_eq(&(place - 1)).is_some()
    });
    // What stays is a digest and a number: it takes no room from documents.
    rooms.clear();
    Ok(())
}

fn write(
    mut store: Store,
    mut run: Run,
    mut receiver: mpsc::UnboundedReceiver<Message>,
    cost: impl Fn() -> Cost,
) -> Result<Option<RunState>, StoreError> {
    let (mut batch, mut rooms) = (Vec::new(), Vec::new());
    while let Some(message) = receiver.blocking_recv() {
        let mut next = Some(message);
        let mut finish = None;
        while let Some(message) = next {
            match message {
                Message::Keep(look, room) => {
                    batch.push(*look);
                    rooms.push(room);
                }
                Message::Finish(now) => finish = Some(now),
            }
            next = if batch.len() < BATCH { receiver.try_recv().ok() } else { None };
        }
        if !batch.is_empty() {
            keep(&mut store, &mut run, &mut batch, &mut rooms, cost())?;
        }
        if let Some(now) = finish {
            // All that was seen has come: what is left is brought by no one.
            if !batch.is_empty() {
                keep(&mut store, &mut run, &mut batch, &mut rooms, cost())?;
            }
            return store.end_run(&run, now, cost()).map(Some);
        }
    }
    Ok(None)
}
