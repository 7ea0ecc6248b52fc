//! Proposals to a call, for access to machines: what is asked for, and every step that was taken since, with who, when
//! and why. Steps are only ever added.

use jiff::Timestamp;
use jiff::civil::Date;

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It came in.
    Submitted,
    /// Somebody looks at it.
    InReview,
    /// It was granted.
    Approved,
    /// It was not, and why.
    Declined,
    /// The machines are there.
    Provisioned,
    /// They are used.
    Active,
    /// It is time to look at what became of it.
    ReviewDue,
    /// It came to its end.
    Completed,
    /// Its proposer took it back.
    Withdrawn,
    /// It was not gone on with in time.
    Expired,
}

impl State {
    /// All of them, in the order of a proposal's life.
    pub const ALL: [State; 10] = [
        State::Submitted,
        State::InReview,
        State::Approved,
        State::Declined,
        State::Provisioned,
        State::Active,
        State::ReviewDue,
        State::Completed,
        State::Withdrawn,
        State::Expired,
    ];

    /// The name in output, store and addresses: `in-review`.
    pub fn name(self) -> &'static str {
        match self {
            State::Submitted => "submitted",
            State::InReview => "in-review",
            State::Approved => "approved",
            State::Declined => "declined",
            State::Provisioned => "provisioned",
            State::Active => "active",
            State::ReviewDue => "review-due",
            State::Completed => "completed",
            State::Withdrawn => "withdrawn",
            State::Expired => "expired",
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    /// For people: `in review`.
    pub fn label(self) -> String {
        self.name().replace('-', " ")
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, State::Declined | State::Completed | State::Withdrawn | State::Expired)
    }
}

/// What is done with a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// It is sent in.
    Submit,
    /// It is taken into review; of an active one, its review is due.
    Review,
    /// It is granted.
    Approve,
    /// It is refused, with a reason.
    Decline,
    /// The machines are handed over.
    Provision,
    /// They are taken into use, or used on after a review.
    Activate,
    /// It has come to its end, with an outcome.
    Complete,
    /// It is taken back.
    Withdraw,
    /// Its time is over.
    Expire,
    /// The contact is erased. It changes no state.
    Erase,
}

/// How long machines are wanted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Usage {
    /// For one piece of work.
    #[default]
    OneOff,
    /// For good, as in continuous integration.
    Continuous,
}

/// What a proposer asks for. Texts are plain, without controls but line ends, and bounded (`form`). All of it becomes
/// public once it is approved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The project's name.
    pub project: String,
    /// Who benefits, and how.
    pub benefits: String,
    /// Where its source is, http or https.
    pub source: String,
    /// An SPDX licence expression, or the licence's name.
    pub license: String,
    /// Further pages, http or https.
    pub links: Vec<String>,
    /// The platforms that machines are wanted of: `linux/arm64`.
    pub platforms: Vec<String>,
    /// What machines: how many, how large.
    pub machines: String,
    /// For how long.
    pub usage: Usage,
    /// What continuous integration it uses today; may be empty.
    pub ci: String,
}

/// How a proposer is reached. Never public; kept apart, so that it can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// A name; may be empty.
    pub name: String,
    /// An address for mail.
    pub email: String,
}

/// One step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who: `proposer`, `workson` where a date was reached, or a reviewer's name.
    pub by: String,
    /// What.
    pub step: Step,
    /// Where it stood then.
    pub to: State,
    /// Why; of an end, the outcome.
    pub reason: String,
}

/// A proposal as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: i64,
    /// The call that it answers, by its slug.
    pub call: String,
    /// What it asks for.
    pub request: Request,
    /// How its proposer is reached; none where it was erased.
    pub contact: Option<Contact>,
    /// Where it stands.
    pub state: State,
    /// The entries of the catalogue that it is about, by their slugs.
    pub entries: Vec<String>,
    /// The day on which what became of it is looked at.
    pub review_on: Option<Date>,
    /// All steps, the first one first.
    pub events: Vec<Event>,
}

/// What everybody may know of a proposal that was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number.
    pub id: i64,
    /// The call that it answers, by its slug.
    pub call: String,
    /// What it asks for.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// The entries of the catalogue that it is about, by their slugs.
    pub entries: Vec<String>,
    /// The steps since it came, the first one first; who took them is left out.
    pub events: Vec<Event>,
}

/// A decision that is told to everybody: of what was approved and later, with the project; of what was declined, that it
/// was and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The number of the proposal's event, which never changes.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The call, by its slug.
    pub call: String,
    /// Where the proposal stood then.
    pub to: State,
    /// The project's name, and why or with what outcome; none of what was declined.
    pub project: Option<(String, String)>,
}
