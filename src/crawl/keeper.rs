//! The thread that writes what was seen: as many looks in one transaction as have come meanwhile.

use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::store::{Look, Run, RunState, Store, StoreError};

/// How many looks may wait to be written. Their documents are in memory until then.
const WAITING: usize = 256;

enum Message {
    Keep(Box<Look>),
    Finish { now: Timestamp, requests: u64, pulls: u64 },
}

/// The writing end of a run.
pub(super) struct Keeper {
    sender: mpsc::Sender<Message>,
    thread: JoinHandle<Result<Option<RunState>, StoreError>>,
}

/// Where looks are handed in.
pub(super) struct Sender(mpsc::Sender<Message>);

impl Sender {
    /// Hands a look in; false where nothing is written any more.
    pub(super) async fn keep(&self, look: Look) -> bool {
        self.0.send(Message::Keep(Box::new(look))).await.is_ok()
    }
}

impl Keeper {
    pub(super) fn start(store: Store, run: Run) -> Keeper {
        let (sender, receiver) = mpsc::channel(WAITING);
        let thread = std::thread::spawn(move || write(store, run, receiver));
        Keeper { sender, thread }
    }

    pub(super) fn sender(&self) -> Sender {
        Sender(self.sender.clone())
    }

    /// Writes what is waiting and ends the run.
    pub(super) async fn finish(
        self,
        now: Timestamp,
        requests: u64,
        pulls: u64,
    ) -> Result<RunState, StoreError> {
        // Where the thread has ended with an error, there is nobody to send to, and joining tells the error.
        let _ = self.sender.send(Message::Finish { now, requests, pulls }).await;
        drop(self.sender);
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(outcome)) => Ok(outcome?.unwrap_or(RunState::Stopped)),
            // A panic of the thread is one of this program.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Ok(RunState::Stopped),
        }
    }
}

fn write(
    mut store: Store,
    mut run: Run,
    mut receiver: mpsc::Receiver<Message>,
) -> Result<Option<RunState>, StoreError> {
    let mut batch = Vec::new();
    while let Some(message) = receiver.blocking_recv() {
        let mut next = Some(message);
        let mut finish = None;
        while let Some(message) = next {
            match message {
                Message::Keep(look) => batch.push(*look),
                Message::Finish { now, requests, pulls } => finish = Some((now, requests, pulls)),
            }
            next = if batch.len() < WAITING { receiver.try_recv().ok() } else { None };
        }
        if !batch.is_empty() {
            store.record(&mut run, &batch)?;
            batch.clear();
        }
        if let Some((now, requests, pulls)) = finish {
            return store.end_run(&run, now, requests, pulls).map(Some);
        }
    }
    Ok(None)
}
