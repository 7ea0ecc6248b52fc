//! Sites to render: the bundled one, one of names that nobody means well with, and an empty one.

#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod html;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use workson::catalog::check::Evidence;
use workson::catalog::verified::Verified;
use workson::content::{At, Call, Content, Entry, Event, Heading, Issue, Kind};
use workson::evidence::Rung;
use workson::proposal::{self, Notice, Project, Request, State, Step, Usage};
use workson::site::{Base, Rendered, Route, Site};
use workson::timeline::{ImageTimeline, Moment, MomentId, Offer, SetId, Source, Span, Timeline};
use workson_oci::Platform;

use crate::parts;

/// Names that nobody means well with.
pub(crate) const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "a]]><script>x</script>",
    "\"><img src=x onerror='y'>&amp;",
    "b\u{0}\u{1b}[31m\u{b}c\r\nd",
    "\u{202e}gpj.exe\u{2066}",
    "=cmd|' /C calc'!A0",
    "\u{202e}",
    "\u{8001}\u{864e}",
];

/// The site of the bundled history and content at an address; an empty one is not known.
pub(crate) fn site(at: &str) -> Site {
    let (mut content, _) = Content::read(&Content::bundled());
    if content.news.is_empty() {
        content.news.push(issue());
    }
    of(at, content, Some(&Timeline::bundled().unwrap()))
}

/// The site of a history and content.
pub(crate) fn of(at: &str, content: Content, timeline: Option<&Timeline>) -> Site {
    let base = if at.is_empty() { Base::default() } else { Base::read(at).unwrap() };
    let evidence = Evidence { declared: timeline, published: None };
    Site::new(base, content, &evidence, &Verified::default())
}

/// A site that goes by what a registry served, in runs of an inventory.
pub(crate) fn published(at: &str) -> Site {
    let mut timeline = hostile_timeline();
    timeline.rung = Rung::Published;
    timeline.source.name = "official-images".into();
    for (run, moment) in timeline.moments.iter_mut().enumerate() {
        moment.origin = format!("run {run}");
    }
    let evidence = Evidence { declared: None, published: Some(&timeline) };
    Site::new(Base::read(at).unwrap(), Content::default(), &evidence, &Verified::default())
}

/// A site of which nothing is known.
pub(crate) fn empty() -> Site {
    of("", Content::default(), None)
}

/// A site in which all that comes from outside has [`HOSTILE`] names.
pub(crate) fn hostile(at: &str) -> Site {
    let mut content = Content { news: vec![issue()], ..Content::default() };
    for (at, name) in HOSTILE.into_iter().enumerate() {
        let slug = format!("written-{at}");
        let entry = Entry {
            slug: slug.clone(),
            name: name.into(),
            kind: Kind::Software,
            categories: vec![],
            description: name.into(),
            home: None,
            source: None,
            license: Some(name.into()),
            images: vec![format!("example{at}").parse().unwrap()],
            purls: vec![name.into()],
            repology: None,
            aliases: vec![name.into()],
            logo: None,
            images_at: At::default(),
        };
        content.entries.insert(slug.clone(), entry);
        content.events.push(Event {
            slug,
            name: name.into(),
            starts: "2027-01-30".parse().unwrap(),
            ends: "2027-01-31".parse().unwrap(),
            place: name.into(),
            link: "https://example.org/a;b,c".into(),
            description: Some(name.into()),
        });
        let (title, summary) = (name.into(), name.into());
        content.news.push(Issue { slug: format!("issue-{at}"), title, summary, ..issue() });
        content.calls.push(Call {
            slug: format!("call-{at}"),
            title: name.into(),
            summary: name.into(),
            offers: vec![name.into()],
            platforms: vec![name.into()],
            terms: vec![name.into()],
            ..call()
        });
    }
    let mut site = of(at, content, Some(&hostile_timeline()));
    for (at, name) in HOSTILE.into_iter().enumerate() {
        let id = i64::try_from(at).unwrap();
        site.projects.push(project(id, &format!("call-{}", at % 2), name));
        let at = "2026-12-01T10:00:00Z".parse().unwrap();
        let notice = |id, to, project| Notice { id, at, call: "call-0".into(), to, project };
        site.notices.push(notice(id, State::Approved, Some((name.into(), name.into()))));
        site.notices.push(notice(id + 100, State::Declined, None));
    }
    site
}

/// A call for proposals that is open from the middle of November 2026 on.
pub(crate) fn call() -> Call {
    Call {
        slug: "machines".into(),
        title: "Machines for arm64".into(),
        summary: "Build and test hosts for free software.".into(),
        opens: "2026-11-15".parse().unwrap(),
        closes: Some("2027-03-31".parse().unwrap()),
        offers: vec!["Virtual machines".into()],
        platforms: vec!["linux/arm64".into(), "linux/arm/v7".into()],
        terms: vec!["The source is free.".into()],
        html: "<h2 id=\"how\">How</h2>\n<p>As <a href=\"/method/\">told</a>.</p>\n".into(),
    }
}

/// Who decided. It is nowhere to be seen.
pub(crate) const REVIEWER: &str = "reviewer-ada";

/// What a proposer asks for, in these words.
pub(crate) fn request(text: &str) -> Request {
    Request {
        project: text.into(),
        benefits: format!("{text}\n{text}"),
        source: format!("https://example.org/{text}"),
        license: text.into(),
        links: vec![format!("https://example.org/{text}"), format!("javascript:{text}"), text.into()],
        platforms: vec!["linux/arm64".into(), text.into()],
        machines: text.into(),
        usage: Usage::Continuous,
        ci: text.into(),
    }
}

/// The steps of a proposal that came to its end, with these words as reasons.
pub(crate) fn steps(text: &str) -> Vec<proposal::Event> {
    let steps = [
        ("proposer", Step::Submit, State::Submitted),
        (REVIEWER, Step::Review, State::InReview),
        (REVIEWER, Step::Approve, State::Approved),
        (REVIEWER, Step::Provision, State::Provisioned),
        ("proposer", Step::Activate, State::Active),
        ("workson", Step::Review, State::ReviewDue),
        (REVIEWER, Step::Complete, State::Completed),
    ];
    let event = |(day, (by, step, to)): (usize, (&str, Step, State))| proposal::Event {
        at: format!("2026-12-{:02}T10:00:00Z", day + 1).parse().unwrap(),
        by: by.into(),
        step,
        to,
        reason: text.into(),
    };
    steps.into_iter().enumerate().map(event).collect()
}

/// A project that was approved, in these words.
pub(crate) fn project(id: i64, call: &str, text: &str) -> Project {
    Project {
        id,
        call: call.into(),
        request: request(text),
        state: State::Completed,
        entries: vec!["written-0".into(), "nginx".into(), "none".into()],
        events: steps(text),
    }
}

fn hostile_timeline() -> Timeline {
    let platform = |architecture: &str| Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        ..Platform::default()
    };
    let moment = |at: &str, origin: &str| Moment { at: at.parse().unwrap(), origin: origin.into() };
    let span = |set: u32, is_whole: bool, from: u32, until: Option<u32>| Span {
        offer: Offer { set: SetId(set), is_whole },
        from: MomentId(from),
        until: until.map(MomentId),
    };
    let written = (0..HOSTILE.len()).map(|at| format!("example{at}"));
    let names = HOSTILE.into_iter().map(str::to_owned).chain(written);
    let image = |at: usize| {
        let any = vec![
            span(0, true, 0, Some(1)),
            span(1, true, 1, Some(2)),
            span(0, at.is_multiple_of(2), 2, None),
        ];
        let tags = vec![(HOSTILE[at % HOSTILE.len()].to_owned(), any[2])];
        ImageTimeline { latest: any.clone(), any, tags, looked_at: BTreeMap::new() }
    };
    Timeline {
        rung: Rung::Declared,
        source: Source {
            name: HOSTILE[0].into(),
            head: HOSTILE[1].into(),
            head_at: "2026-02-01T00:00:00Z".parse().unwrap(),
            read: 3,
            changes: 3,
            tool: "0".into(),
        },
        sets: vec![vec![platform("amd64")], vec![platform("amd64"), platform("arm64")]],
        moments: vec![
            moment("2020-01-01T00:00:00Z", HOSTILE[2]),
            moment("2021-01-01T00:00:00Z", HOSTILE[3]),
            moment("2026-01-01T00:00:00Z", HOSTILE[4]),
        ],
        images: names.enumerate().map(|(at, name)| (name, image(at))).collect(),
        has_past_tags: false,
        problems: vec![],
    }
}

/// An issue of the newsletter.
pub(crate) fn issue() -> Issue {
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

/// What the site has at a path.
pub(crate) fn get(site: &Site, path: &str) -> Rendered {
    let route = Route::parse(path).unwrap_or_else(|| panic!("{path} is no address"));
    site.render(&route).unwrap_or_else(|| panic!("there is nothing at {path}"))
}

/// The text that the site has at a path.
pub(crate) fn text(site: &Site, path: &str) -> String {
    String::from_utf8(get(site, path).bytes).unwrap()
}

/// The JSON document that the site has at a path.
pub(crate) fn json(site: &Site, path: &str) -> Value {
    serde_json::from_slice(&get(site, path).bytes).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What an independent reader understands of texts: one of those that Debian has for its own Python.
pub(crate) fn read(reader: &str, texts: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site_support/readers.py");
    let input = serde_json::to_vec(texts).unwrap();
    let output = parts::run("python3", Command::new("/usr/bin/python3").args(["-B", script, reader]), &input);
    serde_json::from_slice(&output).unwrap()
}

/// The paths of all routes that a site has and for which `is_asked`.
pub(crate) fn paths(site: &Site, is_asked: impl Fn(&str) -> bool) -> Vec<String> {
    let paths = site.routes().into_iter().map(|route| route.path());
    paths.filter(|path| is_asked(path)).collect()
}
