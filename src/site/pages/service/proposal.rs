//! A proposer's own page.

use askama::Template;

use super::super::Frame;
use super::super::frame::day;
use super::super::text::{cut, line, lines, web_address};
use crate::proposal::{Contact, Event, Proposal, Step, Usage};
use crate::site::{Route, ServiceRoute, Site};

/// How many steps are shown, the newest ones.
const STEPS: usize = 60;
/// How many further pages are shown.
const LINKS: usize = 30;
/// How many characters of a name are shown, and of a text.
const NAME: usize = 300;
const WORDS: usize = 5_000;

/// One step that was taken.
pub(super) struct Done {
    day: String,
    what: &'static str,
    by: &'static str,
    reason: String,
}

/// A page that is linked to, where it can be; else its text alone.
pub(super) struct Link {
    address: Option<String>,
    shown: String,
}

#[derive(Template)]
#[template(path = "service/proposal.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    address: String,
    own: String,
    done: Option<String>,
    project: String,
    /// The call: its address where there is still one, its name.
    call: (Option<String>, String),
    state: String,
    sentence: &'static str,
    is_final: bool,
    review_on: Option<String>,
    steps: Vec<Done>,
    earlier: usize,
    benefits: Vec<String>,
    source: Link,
    license: String,
    links: Vec<Link>,
    platforms: String,
    machines: Vec<String>,
    usage: &'static str,
    ci: String,
    contact: Option<(String, String)>,
}

pub(super) fn page<'a>(site: &'a Site, secret: &str, proposal: &Proposal, done: Option<&str>) -> Page<'a> {
    let request = &proposal.request;
    let route = Route::Service(ServiceRoute::Proposal(secret.to_owned()));
    let (own, address) = (site.base.link(&route), site.base.absolute(&route));
    let project = line(&request.project, NAME);
    let call = site.content.calls.iter().find(|call| call.slug == proposal.call);
    let frame = Frame::new(site, route, &project, "Your proposal, and every step that was taken.").private();
    let step = |event: &Event| Done {
        day: day(event.at),
        what: what(event.step),
        by: by(&event.by),
        reason: line(&event.reason, WORDS),
    };
    let earlier = proposal.events.len().saturating_sub(STEPS);
    Page {
        frame,
        address,
        own,
        done: done.map(|done| line(done, NAME)),
        project,
        call: match call {
            Some(call) => (Some(site.base.link(&Route::Call(call.slug.clone()))), call.title.clone()),
            None => (None, line(&proposal.call, NAME)),
        },
        state: proposal.state.label(),
        sentence: sentence(proposal),
        is_final: proposal.state.is_final(),
        review_on: proposal.review_on.map(|day| day.to_string()),
        steps: proposal.events.iter().skip(earlier).map(step).collect(),
        earlier,
        benefits: lines(&cut(&request.benefits, WORDS)),
        source: link(&request.source),
        license: line(&request.license, NAME),
        links: request.links.iter().take(LINKS).map(|address| link(address)).collect(),
        platforms: line(&request.platforms.join(", "), WORDS),
        machines: lines(&cut(&request.machines, WORDS)),
        usage: match request.usage {
            Usage::OneOff => "For one piece of work",
            Usage::Continuous => "For good, as in continuous integration",
        },
        ci: line(&request.ci, WORDS),
        contact: proposal
            .contact
            .as_ref()
            .map(|Contact { name, email }| (line(name, NAME), line(email, NAME))),
    }
}

fn link(address: &str) -> Link {
    Link { address: web_address(address), shown: line(address, NAME) }
}

/// What a state means for the proposer.
fn sentence(proposal: &Proposal) -> &'static str {
    use crate::proposal::State;
    match proposal.state {
        State::Submitted => "It was received, and waits for somebody to look at it.",
        State::InReview => "Somebody looks at it.",
        State::Approved => "It was granted. Next, the machines are made ready.",
        State::Declined => "It was not granted. The reason is below.",
        State::Provisioned => "The machines are there.",
        State::Active => "The machines are in use.",
        State::ReviewDue => "It is time to look at what became of it.",
        State::Completed => "It came to its end.",
        State::Withdrawn => "You took it back.",
        State::Expired => "It was not gone on with in time.",
    }
}

/// A step in words.
fn what(step: Step) -> &'static str {
    match step {
        Step::Submit => "sent in",
        Step::Review => "taken into review",
        Step::Approve => "approved",
        Step::Decline => "declined",
        Step::Provision => "machines handed over",
        Step::Activate => "taken into use",
        Step::Complete => "completed",
        Step::Withdraw => "withdrawn",
        Step::Expire => "time is over",
        Step::Erase => "contact erased",
    }
}

/// Who took a step. The names of reviewers are not told.
fn by(name: &str) -> &'static str {
    match name {
        "proposer" => "you",
        "workson" => "workson",
        _ => "the reviewers",
    }
}
