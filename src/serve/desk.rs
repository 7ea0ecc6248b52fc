//! Where forms are handed in: one thread keeps what people send, each form in a transaction of its own, and says so only
//! once it is on the disk.

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::JoinHandle;

use jiff::civil::Date;
use tokio::sync::{mpsc, oneshot};

use crate::proposal::{Contact, PROPOSER, Proposal, Request, Step};
use crate::store::{StoreError, Submissions};
use crate::suggestion::Wish;

/// How many forms may wait to be kept.
const WAITING: usize = 256;

/// Why a form was not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// Too many wait, or the desk is closed.
    Busy,
    /// It could not be written; what an operator has to know of it was logged.
    Store,
}

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

enum Message {
    Suggest(Box<Wish>, Answer<i64>),
    Propose(Box<(String, Request, Contact, String)>, Answer<i64>),
    Look(String, Answer<Option<Proposal>>),
    Step(String, Step, String, Answer<Option<Proposal>>),
    Advance(Date),
    Ready(Answer<()>),
}

/// The desk's front.
pub(super) struct Desk {
    sender: Mutex<Option<mpsc::Sender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Desk {
    /// Opens a desk that keeps what comes in `file`.
    pub(super) fn open(file: PathBuf, clock: crate::crawl::Clock) -> Desk {
        let (sender, receiver) = mpsc::channel(WAITING);
        let thread = std::thread::spawn(move || keep(&file, &clock, receiver));
        Desk { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) }
    }

    async fn hand_in<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Result<T, NotKept> {
        let (sender, answer) = oneshot::channel();
        let desk = self.sender.lock().ok().and_then(|sender| sender.clone());
        desk.ok_or(NotKept::Busy)?.try_send(message(sender)).map_err(|_| NotKept::Busy)?;
        match answer.await {
            Ok(Ok(kept)) => Ok(kept),
            Ok(Err(error)) => {
                tracing::error!(%error, "keeping a form");
                Err(NotKept::Store)
            }
            Err(_) => Err(NotKept::Store),
        }
    }

    pub(super) async fn suggest(&self, wish: Wish) -> Result<i64, NotKept> {
        self.hand_in(|answer| Message::Suggest(Box::new(wish), answer)).await
    }

    pub(super) async fn propose(
        &self,
        call: &str,
        request: Request,
        contact: Contact,
        secret: &str,
    ) -> Result<i64, NotKept> {
        let form = Box::new((call.to_owned(), request, contact, secret.to_owned()));
        self.hand_in(|answer| Message::Propose(form, answer)).await
    }

    pub(super) async fn proposal(&self, secret: &str) -> Result<Option<Proposal>, NotKept> {
        self.hand_in(|answer| Message::Look(secret.to_owned(), answer)).await
    }

    /// Takes a step as its proposer; none where there is no such proposal, or the step is not possible.
    pub(super) async fn step(
        &self,
        secret: &str,
        step: Step,
        reason: &str,
    ) -> Result<Option<Proposal>, NotKept> {
        self.hand_in(|answer| Message::Step(secret.to_owned(), step, reason.to_owned(), answer)).await
    }

    /// Has proposals gone on with whose day has come.
    pub(super) fn advance(&self, today: Date) {
        let desk = self.sender.lock().ok().and_then(|sender| sender.clone());
        // Where the desk has much to do, there is a next time.
        drop(desk.map(|desk| desk.try_send(Message::Advance(today))));
    }

    /// Whether forms can be kept.
    pub(super) async fn is_ready(&self) -> bool {
        self.hand_in(Message::Ready).await.is_ok()
    }

    /// Keeps what was handed in, and takes nothing more.
    pub(super) fn close(&self) {
        drop(self.sender.lock().ok().and_then(|mut sender| sender.take()));
        if let Some(thread) = self.thread.lock().ok().and_then(|mut thread| thread.take()) {
            let _ = thread.join();
        }
    }
}

/// The thread: it opens the file when it is first needed, and anew after a failure.
fn keep(file: &std::path::Path, clock: &crate::crawl::Clock, mut receiver: mpsc::Receiver<Message>) {
    let mut open: Option<Submissions> = None;
    while let Some(message) = receiver.blocking_recv() {
        let is_reading = matches!(message, Message::Look(..) | Message::Advance(_) | Message::Step(..));
        // Whoever looks for something in a file that is not there finds nothing, and makes none.
        if open.is_none() && is_reading && !file.exists() {
            nothing(message);
            continue;
        }
        let submissions = match open.take().map_or_else(|| Submissions::open(file), Ok) {
            Ok(submissions) => submissions,
            Err(error) => {
                refuse(message, error);
                continue;
            }
        };
        open = answer(message, submissions, clock());
    }
}

fn nothing(message: Message) {
    match message {
        Message::Look(_, answer) | Message::Step(.., answer) => drop(answer.send(Ok(None))),
        _ => {}
    }
}

fn refuse(message: Message, error: StoreError) {
    match message {
        Message::Suggest(_, answer) | Message::Propose(_, answer) => drop(answer.send(Err(error))),
        Message::Look(_, answer) | Message::Step(.., answer) => drop(answer.send(Err(error))),
        Message::Advance(_) => tracing::error!(%error, "looking at proposals"),
        Message::Ready(answer) => drop(answer.send(Err(error))),
    }
}

/// Does what is asked; gives the file back where it is still good.
fn answer(message: Message, mut submissions: Submissions, now: jiff::Timestamp) -> Option<Submissions> {
    fn tell<T>(answer: Answer<T>, outcome: Result<T, StoreError>) -> bool {
        let is_good = outcome.is_ok();
        // Who asked may have gone; it is kept all the same.
        drop(answer.send(outcome));
        is_good
    }
    let is_good = match message {
        Message::Suggest(wish, answer) => tell(answer, submissions.add_suggestion(&wish, now)),
        Message::Propose(form, answer) => {
            let (call, request, contact, secret) = *form;
            tell(answer, submissions.add_proposal(&call, &request, &contact, &secret, now))
        }
        Message::Look(secret, answer) => tell(answer, submissions.proposal_by_secret(&secret)),
        Message::Step(secret, step, reason, answer) => {
            let taken = submissions.proposal_by_secret(&secret).and_then(|proposal| {
                let Some(proposal) = proposal else { return Ok(None) };
                Ok(submissions.take_step(proposal.id, step, PROPOSER, &reason, now)?.ok())
            });
            tell(answer, taken)
        }
        Message::Advance(today) => match submissions.advance(today, now) {
            Ok(advanced) => {
                if advanced > 0 {
                    tracing::info!(advanced, "proposals whose day has come");
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "looking at proposals");
                false
            }
        },
        Message::Ready(answer) => tell(answer, submissions.counts().map(drop)),
    };
    is_good.then_some(submissions)
}
