//! Proposals to a call, for access to machines: what is asked for, and every step that was taken since, with who, when
//! and why. Steps are only ever added.

pub mod form;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

/// Who takes a step that a proposer takes.
pub const PROPOSER: &str = "proposer";

/// Who takes a step because a date was reached.
pub const PROGRAM: &str = "workson";

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

impl Step {
    /// All of them, in the order of a proposal's life.
    pub const ALL: [Step; 10] = [
        Step::Submit,
        Step::Review,
        Step::Approve,
        Step::Decline,
        Step::Provision,
        Step::Activate,
        Step::Complete,
        Step::Withdraw,
        Step::Expire,
        Step::Erase,
    ];

    /// The name in output, store and commands: `approve`.
    pub fn name(self) -> &'static str {
        match self {
            Step::Submit => "submit",
            Step::Review => "review",
            Step::Approve => "approve",
            Step::Decline => "decline",
            Step::Provision => "provision",
            Step::Activate => "activate",
            Step::Complete => "complete",
            Step::Withdraw => "withdraw",
            Step::Expire => "expire",
            Step::Erase => "erase",
        }
    }

    /// The step of a name.
    pub fn from_name(name: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Whether a reviewer has to say why. A proposer need not, and a date says it itself ([`Step::needs_reason_of`]).
    pub fn needs_reason(self) -> bool {
        matches!(self, Step::Decline | Step::Complete | Step::Withdraw | Step::Expire)
    }

    /// The same, by who takes it.
    pub fn needs_reason_of(self, by: &str) -> bool {
        self.needs_reason() && by != PROPOSER && by != PROGRAM
    }

    /// The state that the step leads to from another one, or from none; none where it is not possible there. This is the one
    /// table of how proposals go.
    pub fn leads(self, from: Option<State>) -> Option<State> {
        let Some(from) = from else { return (self == Step::Submit).then_some(State::Submitted) };
        match (self, from) {
            (Step::Review, State::Submitted) => Some(State::InReview),
            (Step::Review, State::Active) => Some(State::ReviewDue),
            (Step::Approve, State::InReview) => Some(State::Approved),
            (Step::Decline, State::InReview) => Some(State::Declined),
            (Step::Provision, State::Approved) => Some(State::Provisioned),
            (Step::Activate, State::Provisioned | State::ReviewDue) => Some(State::Active),
            (Step::Complete, State::Provisioned | State::Active | State::ReviewDue) => Some(State::Completed),
            (Step::Withdraw, from) if !from.is_final() => Some(State::Withdrawn),
            (Step::Expire, from) if !from.is_final() => Some(State::Expired),
            (Step::Erase, from) => Some(from),
            _ => None,
        }
    }

    /// The steps that are possible from a state.
    pub fn possible(from: State) -> Vec<Step> {
        Step::ALL.into_iter().filter(|step| step.leads(Some(from)).is_some()).collect()
    }

    /// Whether its reason is: what was said before a proposal was approved, and by its proposer, is for those who read it.
    fn is_reason_public(self, by: &str) -> bool {
        !matches!(self, Step::Submit | Step::Review | Step::Erase) && by != PROPOSER
    }
}

/// Why a step was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepRefused {
    /// There is no such proposal.
    NotThere,
    /// It is not possible from where the proposal stands.
    NotPossible {
        /// Where it stands.
        state: State,
        /// What is possible from there.
        possible: Vec<Step>,
    },
    /// It needs a reason.
    NoReason,
}

impl fmt::Display for StepRefused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepRefused::NotThere => write!(out, "there is no such proposal"),
            StepRefused::NotPossible { state, possible } => {
                let possible: Vec<&str> = possible.iter().map(|step| step.name()).collect();
                write!(out, "it is {}; from there it goes on by {}", state.label(), possible.join(", "))
            }
            StepRefused::NoReason => write!(out, "it needs a reason"),
        }
    }
}

impl std::error::Error for StepRefused {}

/// How long machines are wanted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Usage {
    /// For one piece of work.
    #[default]
    OneOff,
    /// For good, as in continuous integration.
    Continuous,
}

impl Usage {
    /// `one-off` or `continuous`.
    pub fn name(self) -> &'static str {
        match self {
            Usage::OneOff => "one-off",
            Usage::Continuous => "continuous",
        }
    }

    /// The usage of a name.
    pub fn from_name(name: &str) -> Option<Usage> {
        [Usage::OneOff, Usage::Continuous].into_iter().find(|usage| usage.name() == name)
    }
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

impl Event {
    /// What everybody may know of it: not who took it.
    fn for_everybody(&self) -> Event {
        let reason = if self.step.is_reason_public(&self.by) { self.reason.clone() } else { String::new() };
        Event { at: self.at, by: String::new(), step: self.step, to: self.to, reason }
    }
}

impl Proposal {
    /// Whether it was approved, whatever came since.
    pub fn was_approved(&self) -> bool {
        self.events.iter().any(|event| event.step == Step::Approve)
    }

    /// What everybody may know of it; nothing of one that was never approved.
    pub fn project(&self) -> Option<Project> {
        let events = self.events.iter().filter(|event| event.step != Step::Erase).map(Event::for_everybody);
        self.was_approved().then(|| Project {
            id: self.id,
            call: self.call.clone(),
            request: self.request.clone(),
            state: self.state,
            entries: self.entries.clone(),
            events: events.collect(),
        })
    }
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

impl Notice {
    /// The notice of an event, the event's number being `id`; none where it is not told to everybody. Steps that only prepare
    /// a decision are none.
    pub fn of(id: i64, call: &str, project: &str, event: &Event, was_approved: bool) -> Option<Notice> {
        let is_told = match event.step {
            Step::Approve | Step::Decline | Step::Provision | Step::Activate => true,
            Step::Complete | Step::Withdraw | Step::Expire => was_approved,
            Step::Submit | Step::Review | Step::Erase => false,
        };
        let project = was_approved.then(|| (project.to_owned(), event.for_everybody().reason));
        is_told.then(|| Notice { id, at: event.at, call: call.to_owned(), to: event.to, project })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The table, written out: from where, by which step, to where. What is not here is not possible.
    const TABLE: [(State, Step, State); 32] = [
        (State::Submitted, Step::Review, State::InReview),
        (State::Submitted, Step::Withdraw, State::Withdrawn),
        (State::Submitted, Step::Expire, State::Expired),
        (State::InReview, Step::Approve, State::Approved),
        (State::InReview, Step::Decline, State::Declined),
        (State::InReview, Step::Withdraw, State::Withdrawn),
        (State::InReview, Step::Expire, State::Expired),
        (State::Approved, Step::Provision, State::Provisioned),
        (State::Approved, Step::Withdraw, State::Withdrawn),
        (State::Approved, Step::Expire, State::Expired),
        (State::Provisioned, Step::Activate, State::Active),
        (State::Provisioned, Step::Complete, State::Completed),
        (State::Provisioned, Step::Withdraw, State::Withdrawn),
        (State::Provisioned, Step::Expire, State::Expired),
        (State::Active, Step::Review, State::ReviewDue),
        (State::Active, Step::Complete, State::Completed),
        (State::Active, Step::Withdraw, State::Withdrawn),
        (State::Active, Step::Expire, State::Expired),
        (State::ReviewDue, Step::Activate, State::Active),
        (State::ReviewDue, Step::Complete, State::Completed),
        (State::ReviewDue, Step::Withdraw, State::Withdrawn),
        (State::ReviewDue, Step::Expire, State::Expired),
        (State::Submitted, Step::Erase, State::Submitted),
        (State::InReview, Step::Erase, State::InReview),
        (State::Approved, Step::Erase, State::Approved),
        (State::Declined, Step::Erase, State::Declined),
        (State::Provisioned, Step::Erase, State::Provisioned),
        (State::Active, Step::Erase, State::Active),
        (State::ReviewDue, Step::Erase, State::ReviewDue),
        (State::Completed, Step::Erase, State::Completed),
        (State::Withdrawn, Step::Erase, State::Withdrawn),
        (State::Expired, Step::Erase, State::Expired),
    ];

    #[test]
    fn steps_lead_where_the_table_says_and_nowhere_else() {
        for from in State::ALL {
            for step in Step::ALL {
                let row = TABLE.iter().find(|(at, by, _)| (*at, *by) == (from, step));
                assert_eq!(step.leads(Some(from)), row.map(|(_, _, to)| *to), "{from:?} {step:?}");
            }
        }
        for step in Step::ALL {
            assert_eq!(step.leads(None), (step == Step::Submit).then_some(State::Submitted));
        }
    }

    #[test]
    fn names_lead_back() {
        for step in Step::ALL {
            assert_eq!(Step::from_name(step.name()), Some(step));
        }
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            assert_eq!(State::from_name(&state.label()).is_none(), state.name().contains('-'));
        }
        assert_eq!((Step::from_name(""), State::from_name("in review")), (None, None));
        assert_eq!(Usage::from_name("one-off"), Some(Usage::OneOff));
    }

    #[test]
    fn ends_need_a_reason_of_a_reviewer() {
        let needing: Vec<Step> = Step::ALL.into_iter().filter(|step| step.needs_reason()).collect();
        assert_eq!(needing, [Step::Decline, Step::Complete, Step::Withdraw, Step::Expire]);
        assert!(Step::Withdraw.needs_reason_of("ann") && !Step::Withdraw.needs_reason_of(PROPOSER));
        assert!(Step::Expire.needs_reason_of("ann") && !Step::Expire.needs_reason_of(PROGRAM));
    }

    #[test]
    fn a_refusal_says_what_is_possible() {
        let refused =
            StepRefused::NotPossible { state: State::InReview, possible: Step::possible(State::InReview) };
        let expected = "it is in review; from there it goes on by approve, decline, withdraw, expire, erase";
        assert_eq!(refused.to_string(), expected);
        assert_eq!(Step::possible(State::Declined), [Step::Erase]);
    }

    /// A proposal that took those of the steps that were possible.
    fn taken(steps: &[Step], by: &str) -> Proposal {
        let mut proposal = Proposal {
            id: 1,
            call: "arm".into(),
            request: Request::default(),
            contact: None,
            state: State::Submitted,
            entries: vec![],
            review_on: None,
            events: vec![],
        };
        let mut state = None;
        for step in [Step::Submit].iter().chain(steps) {
            let Some(to) = step.leads(state) else { continue };
            state = Some(to);
            proposal.state = to;
            let (at, by, reason) = (Timestamp::UNIX_EPOCH, by.to_owned(), format!("why {}", step.name()));
            proposal.events.push(Event { at, by, step: *step, to, reason });
        }
        proposal
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        proptest::collection::vec(proptest::sample::select(&Step::ALL[..]), 0..24)
    }

    proptest! {
        #[test]
        fn there_is_no_way_out_of_an_end(steps in steps()) {
            let proposal = taken(&steps, "ann");
            let mut ended = None;
            for event in &proposal.events {
                prop_assert!(ended.is_none_or(|end| event.to == end && event.step == Step::Erase));
                if event.to.is_final() {
                    ended = Some(event.to);
                }
            }
        }

        #[test]
        fn whatever_is_public_was_approved(steps in steps()) {
            let proposal = taken(&steps, "ann");
            let passed = proposal.events.iter().any(|event| event.to == State::Approved);
            prop_assert_eq!(proposal.project().is_some(), passed);
            // These are reached through an approval alone.
            let later = [State::Approved, State::Provisioned, State::Active, State::ReviewDue, State::Completed];
            if later.contains(&proposal.state) {
                prop_assert!(passed);
            }
            if [State::Submitted, State::InReview, State::Declined].contains(&proposal.state) {
                prop_assert!(!passed);
            }
        }

        #[test]
        fn nobody_is_named_in_public(steps in steps()) {
            let Some(project) = taken(&steps, "ann").project() else { return Ok(()) };
            prop_assert!(project.events.iter().all(|event| event.by.is_empty() && event.step != Step::Erase));
            let is_quiet = |event: &Event| event.reason.is_empty();
            for event in &project.events {
                prop_assert_eq!(is_quiet(event), matches!(event.step, Step::Submit | Step::Review));
            }
            let Some(own) = taken(&steps, PROPOSER).project() else { return Ok(()) };
            prop_assert!(own.events.iter().all(is_quiet));
        }

        #[test]
        fn of_what_was_declined_nothing_is_told_but_that_it_was(steps in steps()) {
            let proposal = taken(&steps, "ann");
            let mut was_approved = false;
            for (id, event) in (1..).zip(&proposal.events) {
                was_approved |= event.step == Step::Approve;
                let Some(notice) = Notice::of(id, "arm", "project", event, was_approved) else { continue };
                prop_assert_eq!((notice.id, notice.to, notice.project.is_some()), (id, event.to, was_approved));
                prop_assert!(was_approved || event.step == Step::Decline);
            }
        }
    }
}
