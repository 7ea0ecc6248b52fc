//! Where forms are handed in: one thread keeps what people send, each form in a transaction of its own, and says so only
//! once it is on the disk. The very same form again, a click later, is the one that is kept already.

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Instant;

use jiff::civil::Date;
use tokio::sync::{mpsc, oneshot};
use workson_oci::Digest;

use super::repeats::Repeats;
use crate::proposal::{Contact, PROPOSER, Proposal, Request, State, Step};
use crate::store::{StoreError, StoreErrorKind, Submissions};
use crate::suggestion::{self, Wish};

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
    Again(Digest, Answer<Option<String>>),
    Suggest(Box<Wish>, Digest, Answer<String>),
    Propose(Box<(String, Request, Contact, String)>, Digest, Answer<String>),
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

    /// What became of the very same form, where it came not long ago: the number of a suggestion, the secret of a proposal.
    pub(super) async fn again(&self, form: &Digest) -> Result<Option<String>, NotKept> {
        self.hand_in(|answer| Message::Again(form.clone(), answer)).await
    }

    /// Keeps a suggestion, and gives its number. `form` tells one form from another.
    pub(super) async fn suggest(&self, wish: Wish, form: Digest) -> Result<String, NotKept> {
        self.hand_in(|answer| Message::Suggest(Box::new(wish), form, answer)).await
    }

    /// Keeps a proposal, and gives the secret that it is under: `secret`, or that of the very same form before it.
    pub(super) async fn propose(
        &self,
        call: &str,
        request: Request,
        contact: Contact,
        secret: &str,
        form: Digest,
    ) -> Result<String, NotKept> {
        let proposed = Box::new((call.to_owned(), request, contact, secret.to_owned()));
        self.hand_in(|answer| Message::Propose(proposed, form, answer)).await
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

/// What became of the forms of the last minute, and whether something was erased that still stands in the log, because others
/// read.
struct Memory {
    forms: Repeats<Kept>,
    has_erased: bool,
}

/// What became of a form.
#[derive(Clone)]
enum Kept {
    /// A suggestion, with its number.
    Suggestion(i64),
    /// A proposal, under its secret.
    Proposal(String),
}

impl Kept {
    /// What its sender is led to it by.
    fn name(self) -> String {
        match self {
            Kept::Suggestion(number) => number.to_string(),
            Kept::Proposal(secret) => secret,
        }
    }
}

impl Memory {
    /// What became of the very same form a click ago, where that still stands: the number of a suggestion that waits, or the
    /// secret of a proposal that nobody has gone on with. Else it is another wish.
    fn before(&mut self, form: &Digest, submissions: &Submissions) -> Result<Option<String>, StoreError> {
        let Some(kept) = self.forms.before(form, Instant::now()) else { return Ok(None) };
        let stands = match &kept {
            Kept::Suggestion(number) => {
                let found = submissions.suggestion(*number)?;
                found.is_some_and(|found| found.state == suggestion::State::Waiting)
            }
            Kept::Proposal(secret) => {
                let found = submissions.proposal_by_secret(secret)?;
                found.is_some_and(|found| found.state == State::Submitted && found.contact.is_some())
            }
        };
        Ok(stands.then(|| kept.name()))
    }

    /// Keeps a form, or tells what became of the very same one before.
    fn once(
        &mut self,
        form: Digest,
        submissions: &mut Submissions,
        keep: impl FnOnce(&mut Submissions) -> Result<Kept, StoreError>,
    ) -> Result<String, StoreError> {
        if let Some(before) = self.before(&form, submissions)? {
            return Ok(before);
        }
        let kept = keep(submissions)?;
        self.forms.note(form, Instant::now(), kept.clone());
        Ok(kept.name())
    }
}

/// The thread: it opens the file when it is first needed, and anew after a failure.
fn keep(file: &std::path::Path, clock: &crate::crawl::Clock, mut receiver: mpsc::Receiver<Message>) {
    let mut open: Option<Submissions> = None;
    let mut memory = Memory { forms: Repeats::new(), has_erased: false };
    while let Some(message) = receiver.blocking_recv() {
        let is_reading = matches!(
            message,
            Message::Again(..) | Message::Look(..) | Message::Advance(_) | Message::Step(..)
        );
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
        open = answer(message, submissions, &mut memory, clock());
    }
}

fn nothing(message: Message) {
    match message {
        Message::Again(_, answer) => drop(answer.send(Ok(None))),
        Message::Look(_, answer) | Message::Step(.., answer) => drop(answer.send(Ok(None))),
        _ => {}
    }
}

fn refuse(message: Message, error: StoreError) {
    match message {
        Message::Again(_, answer) => drop(answer.send(Err(error))),
        Message::Suggest(.., answer) | Message::Propose(.., answer) => drop(answer.send(Err(error))),
        Message::Look(_, answer) | Message::Step(.., answer) => drop(answer.send(Err(error))),
        Message::Advance(_) => tracing::error!(%error, "looking at proposals"),
        Message::Ready(answer) => drop(answer.send(Err(error))),
    }
}

/// Does what is asked; gives the file back where it is still good.
fn answer(
    message: Message,
    mut submissions: Submissions,
    memory: &mut Memory,
    now: jiff::Timestamp,
) -> Option<Submissions> {
    fn tell<T>(answer: Answer<T>, outcome: Result<T, StoreError>) -> bool {
        let is_good = outcome.is_ok();
        // Who asked may have gone; it is kept all the same.
        drop(answer.send(outcome));
        is_good
    }
    if memory.has_erased && submissions.empty_log().is_ok() {
        memory.has_erased = false;
    }
    let is_good = match message {
        Message::Again(form, answer) => tell(answer, memory.before(&form, &submissions)),
        Message::Suggest(wish, form, answer) => {
            let keep =
                |submissions: &mut Submissions| submissions.add_suggestion(&wish, now).map(Kept::Suggestion);
            tell(answer, memory.once(form, &mut submissions, keep))
        }
        Message::Propose(proposed, form, answer) => {
            let (call, request, contact, secret) = *proposed;
            let keep = |submissions: &mut Submissions| {
                submissions
                    .add_proposal(&call, &request, &contact, &secret, now)
                    .map(|_| Kept::Proposal(secret))
            };
            tell(answer, memory.once(form, &mut submissions, keep))
        }
        Message::Look(secret, answer) => tell(answer, submissions.proposal_by_secret(&secret)),
        Message::Step(secret, step, reason, answer) => {
            let taken = submissions.proposal_by_secret(&secret).and_then(|proposal| {
                let Some(proposal) = proposal else { return Ok(None) };
                match submissions.take_step(proposal.id, step, PROPOSER, &reason, now) {
                    // It is erased; what is left of it in the log goes as soon as nobody reads.
                    Err(error) if step == Step::Erase && error.kind() == StoreErrorKind::Locked => {
                        let found = submissions.proposal(proposal.id)?;
                        memory.has_erased = found.as_ref().is_some_and(|found| found.contact.is_none());
                        if memory.has_erased { Ok(found) } else { Err(error) }
                    }
                    taken => Ok(taken?.ok()),
                }
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
