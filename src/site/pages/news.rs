//! The newsletter.

use askama::Template;

use super::Frame;
use crate::content::Issue;
use crate::site::{FeedOf, Route, Site};

#[derive(Template)]
#[template(path = "news.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    issues: Vec<(String, &'a Issue)>,
}

pub(super) fn all(site: &Site) -> Page<'_> {
    let description = "The newsletter: what came to Arm and to the other platforms, and what went.";
    let frame = Frame::new(site, Route::News, "News", description).with(vec![FeedOf::News, FeedOf::Changes]);
    let issues = site.content.news.iter();
    let issues = issues.map(|issue| (frame.link(&Route::Issue(issue.slug.clone())), issue)).collect();
    Page { frame, issues }
}

#[derive(Template)]
#[template(path = "issue.html")]
pub(super) struct IssuePage<'a> {
    frame: Frame<'a>,
    issue: &'a Issue,
    earlier: Option<(String, &'a str)>,
    later: Option<(String, &'a str)>,
}

pub(super) fn issue<'a>(site: &'a Site, slug: &str) -> Option<IssuePage<'a>> {
    let news = &site.content.news;
    let at = news.iter().position(|issue| issue.slug == slug)?;
    let issue = &news[at];
    let frame = Frame::new(site, Route::Issue(slug.to_owned()), &issue.title, &issue.summary)
        .with(vec![FeedOf::News]);
    let beside = |at: Option<usize>| {
        let issue = news.get(at?)?;
        Some((site.base.link(&Route::Issue(issue.slug.clone())), issue.title.as_str()))
    };
    Some(IssuePage { frame, issue, earlier: beside(Some(at + 1)), later: beside(at.checked_sub(1)) })
}
