//! All calls for proposals.

use askama::Template;

use super::Frame;
use crate::content::Call;
use crate::site::{FeedFormat, FeedOf, Route, Site};

/// A call where calls are listed.
pub(super) struct Teaser<'a> {
    link: String,
    call: &'a Call,
    projects: usize,
}

#[derive(Template)]
#[template(path = "calls.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    open: Vec<Teaser<'a>>,
    coming: Vec<Teaser<'a>>,
    closed: Vec<Teaser<'a>>,
    feeds: Vec<(String, &'static str)>,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description = "Calls for proposals: machines and help for projects that want to work on a platform.";
    let frame =
        Frame::new(site, Route::Calls, "Calls for proposals", description).with(vec![FeedOf::Decisions]);
    let (mut open, mut coming, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for call in &site.content.calls {
        let list = match site.day() {
            Some(day) if call.is_open(day) => &mut open,
            Some(day) if call.opens <= day => &mut closed,
            _ => &mut coming,
        };
        list.push(Teaser {
            link: frame.link(&Route::Call(call.slug.clone())),
            call,
            projects: site.projects.iter().filter(|project| project.call == call.slug).count(),
        });
    }
    // What comes next is first.
    coming.reverse();
    Page { open, coming, closed, feeds: feeds(&frame), frame }
}

/// The feeds of decisions: address, form.
pub(super) fn feeds(frame: &Frame<'_>) -> Vec<(String, &'static str)> {
    let link = |format| frame.link(&Route::Feed { of: FeedOf::Decisions, format });
    FeedFormat::ALL.into_iter().map(|format| (link(format), format.name())).collect()
}

/// From when to when a call takes proposals, in few words.
pub(super) fn days(call: &Call) -> String {
    match call.closes {
        Some(closes) => format!("{} to {closes}", call.opens),
        None => format!("from {} on", call.opens),
    }
}
