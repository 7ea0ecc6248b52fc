//! One entry: all that is known of it.

use std::borrow::Cow;

use askama::Template;
use url::form_urlencoded::Serializer;

use super::Frame;
use super::frame::{day, origin_name};
use super::story::{self, Deed};
use super::table::Picture;
use crate::content::{self, Kind};
use crate::evidence::{Rung, Verdict};
use crate::site::provenance::link_of;
use crate::site::{
    ApiRoute, BadgeFormat, BadgeOf, Column, Entry, FeedFormat, FeedOf, Mark, Route, ServiceRoute, Site,
    provenance,
};

/// How many cells the table of tags may have.
const CELLS: usize = 420;
/// How many tags a row of that table names.
const NAMED: usize = 16;
/// How many deeds the timeline shows.
const DEEDS: usize = 50;

/// What is known on one platform.
pub(super) struct Row<'a> {
    link: String,
    column: &'a Column,
    mark: Mark,
    since: String,
    origin: String,
    origin_link: Option<String>,
    /// Days after amd64.
    behind: String,
    seen: String,
    /// Why it can't be told, or what else has to be said.
    notes: Vec<String>,
}

/// Tags that stand alike on all platforms.
pub(super) struct Tags<'a> {
    names: String,
    more: usize,
    marks: &'a [Mark],
}

#[derive(Template)]
#[template(path = "entry.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    entry: &'a Entry,
    about: Option<&'a content::Entry>,
    picture: Picture,
    kind: Option<(String, &'static str)>,
    categories: Vec<(String, &'a str)>,
    instead: Option<String>,
    lead: Option<Lead<'a>>,
    rows: Vec<Row<'a>>,
    tags: Vec<Tags<'a>>,
    tag_columns: &'a [Column],
    more_tags: usize,
    no_tags: &'static str,
    deeds: Vec<Deed>,
    more_deeds: usize,
    links: Vec<(&'static str, String, String)>,
    json: String,
    feeds: Vec<(String, &'static str)>,
    badge: Option<Badge>,
    /// Where the registry is asked about it, and where something is said about it; none where that is not served.
    ask: Option<String>,
    suggest: Option<String>,
}

/// The answer for the platform that is asked for most.
pub(super) struct Lead<'a> {
    mark: Mark,
    platform: &'a str,
    sentence: String,
}

/// How to show the answer elsewhere.
pub(super) struct Badge {
    link: String,
    alt: String,
    markdown: String,
    html: String,
}

pub(super) fn page<'a>(site: &'a Site, slug: &str) -> Option<Page<'a>> {
    let entry = site.catalogue.entry(slug)?;
    let about = entry.about.as_ref();
    let description = match about {
        Some(about) => format!("Does {} work on Arm? {}", entry.name, about.description),
        None => format!("Does {} work on Arm? With evidence for each platform.", entry.name),
    };
    let frame = Frame::new(site, Route::Entry(slug.to_owned()), &entry.name, &description)
        .with(vec![FeedOf::Entry(slug.to_owned())]);
    let instead = entry.unmarked();
    let rows = rows(site, entry);
    let lead = site.catalogue.columns.first().filter(|_| instead.is_none()).map(|column| Lead {
        mark: entry.marks[0],
        platform: &column.name,
        sentence: sentence(entry, 0),
    });
    let (tags, more_tags) = tags(entry, site.catalogue.columns.len());
    let changes = entry.changes.iter().map(|at| &site.catalogue.changes[*at]);
    let mut deeds = story::deeds(site, changes);
    let more_deeds = deeds.len().saturating_sub(DEEDS);
    deeds.truncate(DEEDS);
    let feed = |format: FeedFormat| {
        let route = Route::Feed { of: FeedOf::Entry(slug.to_owned()), format };
        (frame.link(&route), format.name())
    };
    let category = |slug: &'a String| {
        let category = site.content.category(slug)?;
        Some((frame.link(&Route::Category(slug.clone(), 1)), category.name.as_str()))
    };
    Some(Page {
        picture: Picture::of(site, entry),
        kind: about.map(|about| (frame.link(&Route::Kind(about.kind, 1)), kind_name(about.kind))),
        categories: about.iter().flat_map(|about| &about.categories).filter_map(category).collect(),
        instead,
        lead,
        rows,
        tags,
        tag_columns: &site.catalogue.columns,
        more_tags,
        no_tags: no_tags(entry),
        deeds,
        more_deeds,
        links: links(entry),
        json: frame.link(&Route::Api(ApiRoute::Entry(slug.to_owned()))),
        feeds: FeedFormat::ALL.into_iter().map(feed).collect(),
        badge: badge(site, entry),
        ask: frame.asks().then(|| with(&frame, ServiceRoute::Query, "image", &entry.image)),
        suggest: site.services.forms.then(|| with(&frame, ServiceRoute::Suggest, "entry", slug)),
        about,
        entry,
        frame,
    })
}

/// The address of a page of the service, with a value for its form.
fn with(frame: &Frame<'_>, route: ServiceRoute, name: &str, value: &str) -> String {
    let query = Serializer::new(String::new()).append_pair(name, value).finish();
    format!("{}?{query}", frame.link(&Route::Service(route)))
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Software => "Software",
        Kind::Distribution => "OS distribution",
        Kind::Language => "Programming language",
    }
}

/// The answer in a sentence.
fn sentence(entry: &Entry, at: usize) -> String {
    let answer = &entry.answers[at];
    let proof = match answer.rung {
        Some(Rung::Declared) => "its maintainers declare the platform",
        Some(Rung::Published) => "a registry serves an image for it",
        Some(Rung::Verified) => "the bytes were read: what would start is made for it",
        Some(Rung::Ran) => "a command of it was run there",
        None => "nothing is known of it",
    };
    let since = answer.since.as_ref().map_or_else(String::new, |since| match since.or_before {
        true => format!(", since {} or before", day(since.moment.at)),
        false => format!(", since {}", day(since.moment.at)),
    });
    match (&answer.verdict, answer.rung) {
        (Verdict::Yes, _) => format!("Yes: {proof}{since}."),
        (Verdict::No, rung) => {
            let by = match rung {
                Some(Rung::Published) => "no image that a registry serves is for it",
                Some(Rung::Verified) => "the bytes were read, and what would start is not made for it",
                Some(Rung::Ran) => "it was run there, and failed",
                _ => "its maintainers do not declare the platform",
            };
            let had = answer.lost.as_ref();
            let had = had.map_or_else(String::new, |lost| format!(" It had it until {}.", day(lost.at)));
            format!("No: {by}.{had}")
        }
        (Verdict::Unknown(why), _) => format!("It can’t be told: {why}."),
    }
}

fn rows<'a>(site: &'a Site, entry: &'a Entry) -> Vec<Row<'a>> {
    let columns = site.catalogue.columns.iter().enumerate();
    columns
        .map(|(at, column)| {
            let answer = &entry.answers[at];
            let mark = entry.marks[at];
            // Of a loss that is told, not since when the newest set of platforms stands without it.
            let moment = match (&answer.lost, &answer.since) {
                (Some(lost), _) => Some((lost, false)),
                (None, Some(since)) => Some((&since.moment, since.or_before)),
                (None, None) => None,
            };
            let is_unknown = matches!(answer.verdict, Verdict::Unknown(_));
            let mut notes = Vec::new();
            if let Verdict::Unknown(why) = &answer.verdict {
                // That it is gone stands above; here, how it stood then.
                let is_gone = !entry.is_there();
                let then = why.split_once("; ").filter(|_| is_gone).map(|(_, then)| then.to_owned());
                notes.push(then.unwrap_or_else(|| why.clone()));
            }
            notes.extend(answer.note.clone());
            Row {
                link: site.base.link(&Route::Platform(column.slug.clone())),
                column,
                mark,
                // That it can't be told does not begin on a day.
                since: moment.filter(|_| !is_unknown).map_or_else(String::new, |(moment, or_before)| {
                    if or_before { format!("{} or before", day(moment.at)) } else { day(moment.at) }
                }),
                origin: match moment {
                    // Of a run only its own store knows; what was asked, and when, anyone can ask again.
                    Some((moment, _)) if moment.origin.starts_with("run ") => {
                        provenance::of_answer(&site.catalogue, entry, at)
                            .map(Cow::into_owned)
                            .unwrap_or_default()
                    }
                    Some((moment, _)) => origin_name(&moment.origin),
                    None => String::new(),
                },
                origin_link: moment.and_then(|(moment, _)| link_of(&moment.origin)),
                behind: match entry.behind[at].filter(|_| column.slug != "linux-amd64") {
                    Some(days @ 0..) => days.to_string(),
                    Some(days) => format!("{} before", -days),
                    None => String::new(),
                },
                seen: answer.observed_at.map(day).unwrap_or_default(),
                notes,
            }
        })
        .collect()
}

/// Tags that stand alike together, in the order of the most telling of each; and how many tags are left out.
fn tags(entry: &Entry, columns: usize) -> (Vec<Tags<'_>>, usize) {
    let mut alike: Vec<(&[Mark], Vec<&str>)> = Vec::new();
    for (tag, marks) in &entry.tags {
        match alike.iter_mut().find(|(known, _)| *known == marks.as_slice()) {
            Some((_, names)) => names.push(tag),
            None => alike.push((marks, vec![tag])),
        }
    }
    let room = CELLS / columns.max(1);
    let more = alike.iter().skip(room).map(|(_, names)| names.len()).sum();
    let rows = alike.into_iter().take(room).map(|(marks, names)| Tags {
        more: names.len().saturating_sub(NAMED),
        names: names.into_iter().take(NAMED).collect::<Vec<_>>().join(", "),
        marks,
    });
    (rows.collect(), more)
}

/// What stands in the place of tags, where there are none.
fn no_tags(entry: &Entry) -> &'static str {
    let is_declared = entry.answers.iter().any(|answer| answer.rung == Some(Rung::Declared));
    match (entry.is_there() && is_declared, entry.changes.is_empty()) {
        (true, false) => "Its file names no tag any more.",
        _ => "No tag of it is known.",
    }
}

/// Where else to read about it: what, name, address.
fn links(entry: &Entry) -> Vec<(&'static str, String, String)> {
    let bare = |address: &str| {
        address.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned()
    };
    let mut links = Vec::new();
    let about = entry.about.as_ref();
    for (what, address) in [
        ("Home page", about.and_then(|about| about.home.clone())),
        ("Source", about.and_then(|about| about.source.clone())),
        ("Registry", Some(registry(&entry.image))),
        (
            "Repology",
            about
                .and_then(|about| about.repology.as_ref())
                .map(|name| format!("https://repology.org/project/{name}/versions")),
        ),
    ] {
        if let Some(address) = address {
            links.push((what, bare(&address), address));
        }
    }
    links
}

/// Where people look at an image.
fn registry(image: &str) -> String {
    match image.split_once('/') {
        None => format!("https://hub.docker.com/_/{image}"),
        Some((host, name)) if host.contains(['.', ':']) => format!("https://{host}/{name}"),
        Some(_) => format!("https://hub.docker.com/r/{image}"),
    }
}

fn badge(site: &Site, entry: &Entry) -> Option<Badge> {
    let column = site.catalogue.columns.first()?;
    let route = Route::Badge {
        of: BadgeOf::Entry(entry.slug.clone(), column.slug.clone()),
        format: BadgeFormat::Svg,
    };
    let (image, page) = (site.base.absolute(&route), site.base.absolute(&Route::Entry(entry.slug.clone())));
    // Names come from people: what would end the text or the tag has no place in a snippet.
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '/' | '+' | '-' | '_' | '#');
    let alt = format!("{} on {}", entry.name, column.name).chars().filter(plain).collect::<String>();
    Some(Badge {
        link: site.base.link(&route),
        markdown: format!("[![{alt}]({image})]({page})"),
        html: format!("<a href=\"{page}\"><img src=\"{image}\" alt=\"{alt}\"></a>"),
        alt,
    })
}
