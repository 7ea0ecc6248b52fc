//! One call for proposals, and the projects that were approved.

use askama::Template;

use super::Frame;
use super::calls::{days, feeds};
use super::frame::day;
use super::text::{cut, lines, web_address};
use crate::content::Call;
use crate::proposal::{Project, Step};
use crate::site::outside::plain;
use crate::site::{FeedOf, Route, ServiceRoute, Site};

/// How many projects are told with all that is known of them, the newest ones.
const WHOLE: usize = 20;
/// How many more are named.
const NAMED: usize = 200;
/// How many characters of what a project is for, and of its outcome, are shown.
const WORDS: usize = 600;

/// A project that was approved.
pub(super) struct Approved {
    id: String,
    name: String,
    source: Option<String>,
    shown_source: String,
    license: String,
    platforms: String,
    benefits: Vec<String>,
    state: String,
    since: String,
    outcome: Option<String>,
    /// The entries of the catalogue that it is about: address, name.
    entries: Vec<(String, String)>,
}

/// What can be done here today.
pub(super) enum Door {
    /// Proposals are taken, by the form at this address.
    Open(String),
    /// They would be, on other days.
    Shut,
    /// They are not: there is nobody who could.
    None,
}

#[derive(Template)]
#[template(path = "call.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    call: &'a Call,
    state: &'static str,
    door: Door,
    approved: Vec<Approved>,
    /// Those that there is less room for: the project's name, how it stands.
    named: Vec<(String, String)>,
    more: usize,
    feeds: Vec<(String, &'static str)>,
}

pub(super) fn page<'a>(site: &'a Site, slug: &str) -> Option<Page<'a>> {
    let call = site.content.calls.iter().find(|call| call.slug == slug)?;
    let frame = Frame::new(site, Route::Call(slug.to_owned()), &call.title, &call.summary)
        .with(vec![FeedOf::Decisions]);
    let is_open = site.day().is_some_and(|day| call.is_open(day));
    let door = match site.services.forms {
        true if is_open => Door::Open(frame.link(&Route::Service(ServiceRoute::Propose(call.slug.clone())))),
        true => Door::Shut,
        false => Door::None,
    };
    let of_call = || site.projects.iter().filter(|project| project.call == call.slug);
    let named = of_call().skip(WHOLE).take(NAMED);
    Some(Page {
        state: match site.day() {
            Some(_) if is_open => "open",
            Some(day) if call.opens <= day => "closed",
            _ => "not open yet",
        },
        door,
        approved: of_call().take(WHOLE).map(|project| approved(site, project)).collect(),
        named: named.map(|project| (plain(&project.request.project).into_owned(), state(project))).collect(),
        more: of_call().count().saturating_sub(WHOLE + NAMED),
        feeds: feeds(&frame),
        call,
        frame,
    })
}

fn approved(site: &Site, project: &Project) -> Approved {
    let request = &project.request;
    let entry = |slug: &String| {
        let entry = site.catalogue.entry(slug)?;
        Some((site.base.link(&Route::Entry(slug.clone())), plain(&entry.name).into_owned()))
    };
    let reached = project.events.iter().rev().find(|event| event.to == project.state);
    let completed = project.events.iter().rev().find(|event| event.step == Step::Complete);
    Approved {
        id: format!("project_{}", project.id),
        name: plain(&request.project).into_owned(),
        source: web_address(&request.source),
        shown_source: plain(&request.source).into_owned(),
        license: plain(&request.license).into_owned(),
        platforms: plain(&request.platforms.join(", ")).into_owned(),
        benefits: lines(&cut(&request.benefits, WORDS)),
        state: state(project),
        since: reached.map(|event| day(event.at)).unwrap_or_default(),
        outcome: completed.map(|event| plain(&cut(&event.reason, WORDS)).into_owned()),
        entries: project.entries.iter().filter_map(entry).collect(),
    }
}

fn state(project: &Project) -> String {
    project.state.label()
}
