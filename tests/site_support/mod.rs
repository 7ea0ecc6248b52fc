//! Sites to render: the bundled one, and one of names that nobody means well with.

#![allow(dead_code, reason = "not every test needs all of it")]

use workson::catalog::check::Evidence;
use workson::catalog::verified::Verified;
use workson::content::{Content, Heading, Issue};
use workson::site::{Base, Site};
use workson::timeline::Timeline;

/// The site of the bundled history and content at an address; an empty one is not known.
pub fn site(at: &str) -> Site {
    let timeline = Timeline::bundled().unwrap();
    let (mut content, _) = Content::read(&Content::bundled());
    if content.news.is_empty() {
        content.news.push(issue());
    }
    of(at, content, &timeline)
}

/// The site of a history and content.
pub fn of(at: &str, content: Content, timeline: &Timeline) -> Site {
    let base = if at.is_empty() { Base::default() } else { Base::read(at).unwrap() };
    let evidence = Evidence { declared: Some(timeline), published: None };
    Site::new(base, content, &evidence, &Verified::default())
}

/// An issue of the newsletter.
pub fn issue() -> Issue {
    Issue {
        slug: "2026-08".into(),
        title: "129 of 144 & counting".into(),
        date: "2026-08-31".parse().unwrap(),
        summary: "Who gained, who lost.".into(),
        headings: vec![Heading { id: "gained".into(), text: "Gained".into() }],
        html: "<h2 id=\"gained\">Gained</h2>\n<p><a href=\"/entry/nginx/\">nginx</a>, <a href=\"#gained\">here</a>, \
            <a href=\"https://nginx.org/\">there</a>: write href=\"/x\" ]]&gt;</p>\n"
            .into(),
    }
}
