//! What feeds tell: an issue of the newsletter, or what one commit or run changed for one entry.
//!
//! One commit may bring an entry eight platforms, which is one piece of news. Two commits of one day are two: so an item
//! never changes once it is told, and the feeds of an entry, of its platforms and of everything have the same item under
//! the same id. Who reads several of them gets nothing twice.

use std::collections::HashSet;
use std::fmt::Write as _;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::form_urlencoded::byte_serialize;

use super::{IDS, ITEMS};
use crate::catalog::log::Happening;
use crate::content::Issue;
use crate::evidence::Rung;
use crate::proposal::Notice;
use crate::site::outside::{for_xml, plain};
use crate::site::provenance::{link_of, source_of};
use crate::site::{Change, Entry, Route, Site};

/// How many platforms a title names.
const NAMED: usize = 16;

/// One piece of news.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) title: String,
    /// The page that it is about.
    pub(super) page: String,
    /// What says so, for anyone to look up.
    pub(super) source: Option<String>,
    pub(super) at: Timestamp,
    /// A sentence or two, not markup.
    pub(super) summary: String,
    /// All of it, as HTML.
    pub(super) html: String,
    pub(super) labels: Vec<String>,
}

pub(super) fn news(site: &Site) -> Vec<Item> {
    let item = |issue: &crate::content::Issue| {
        let page = site.base.absolute(&Route::Issue(issue.slug.clone()));
        let root = format!("{}{}", site.base.origin.as_deref().unwrap_or_default(), site.base.path);
        Some(Item {
            id: format!("{IDS}news/{}", issue.slug),
            title: plain(&issue.title).into_owned(),
            html: for_xml(with_whole_links(issue, &root, &page).trim()).into_owned(),
            page,
            source: None,
            at: issue.date.to_zoned(TimeZone::UTC).ok()?.timestamp(),
            summary: plain(&issue.summary).into_owned(),
            labels: Vec::new(),
        })
    };
    site.content.news.iter().filter_map(item).take(ITEMS).collect()
}

/// Content of an item about a decision.
#[derive(Template)]
#[template(path = "feeds/decision.html")]
struct Decision<'a> {
    title: &'a str,
    day: String,
    reason: &'a str,
    page: &'a str,
    call: &'a str,
}

pub(super) fn decisions(site: &Site) -> Vec<Item> {
    site.notices.iter().take(ITEMS).map(|notice| decision(site, notice)).collect()
}

/// What was decided: of what was approved and later with the project, of what was declined without.
fn decision(site: &Site, notice: &Notice) -> Item {
    let call = site.content.calls.iter().find(|call| call.slug == notice.call);
    let page = match call {
        Some(call) => Route::Call(call.slug.clone()),
        // A decision stands longer than the file of its call.
        None => Route::Calls,
    };
    let page = site.base.absolute(&page);
    let call = plain(call.map_or(notice.call.as_str(), |call| &call.title));
    let state = sentence_case(&notice.to.label());
    let (title, reason) = match &notice.project {
        Some((project, reason)) => (format!("{state}: {} ({call})", plain(project)), plain(reason)),
        None => (format!("{state}: a proposal to {call}"), "".into()),
    };
    let day = notice.at.strftime("%Y-%m-%d").to_string();
    let summary = match &*reason {
        "" => format!("{day}, {}", notice.to.label()),
        reason => format!("{day}, {}: {reason}", notice.to.label()),
    };
    let text = Decision { title: &title, day, reason: &reason, page: &page, call: &call };
    let html = text.render().map_or_else(|_| String::new(), |html| plain(html.trim()).into_owned());
    Item {
        id: format!("{IDS}decision/{}", notice.id),
        title,
        page,
        source: None,
        at: notice.at,
        summary,
        html,
        labels: vec![notice.to.label()],
    }
}

/// With a capital at its beginning.
fn sentence_case(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

pub(super) fn all(site: &Site) -> Vec<Item> {
    items(site, site.catalogue.changes.iter())
}

pub(super) fn of_entry(site: &Site, entry: &Entry) -> Vec<Item> {
    items(site, entry.changes.iter().map(|at| &site.catalogue.changes[*at]))
}

pub(super) fn of_column(site: &Site, column: usize) -> Vec<Item> {
    items(site, site.catalogue.changes.iter().filter(|change| change.column == Some(column)))
}

/// The newest items that `changes`, the newest first, are part of.
fn items<'a>(site: &'a Site, changes: impl Iterator<Item = &'a Change>) -> Vec<Item> {
    let mut told = HashSet::new();
    let first = changes.filter(|change| told.insert((change.entry, change.at, change.rung, &change.origin)));
    first.take(ITEMS).map(|change| item(site, change)).collect()
}

/// Content of an item about changes.
#[derive(Template)]
#[template(path = "feeds/change.html")]
struct Text<'a> {
    title: &'a str,
    page: &'a str,
    day: String,
    rung: Rung,
    platforms: Vec<(&'static str, &'a str)>,
    source: Option<&'a str>,
    said_by: String,
}

/// The item that a change is part of.
fn item(site: &Site, change: &Change) -> Item {
    let catalogue = &site.catalogue;
    let entry = &catalogue.entries[change.entry];
    let all = || entry.changes.iter().map(|at| &catalogue.changes[*at]);
    let begin = entry.changes.partition_point(|at| catalogue.changes[*at].at > change.at);
    let mut together: Vec<&Change> = all()
        .skip(begin)
        .take_while(|other| other.at == change.at)
        .filter(|other| other.origin == change.origin && other.rung == change.rung)
        .collect();
    together.sort_by_key(|change| (change.column.unwrap_or(usize::MAX), change.happening));
    let title = title(&plain(&entry.name), &together);
    let page = site.base.absolute(&Route::Entry(entry.slug.clone()));
    let source = link_of(&change.origin);
    let day = change.at.strftime("%Y-%m-%d").to_string();
    let said_by = source_of(catalogue, change);
    let platforms: Vec<(&'static str, &str)> = together
        .iter()
        .filter_map(|change| Some((change.happening.name(), change.platform.as_deref()?)))
        .collect();
    let summary = format!("{day}, {}: {said_by}", change.rung.name());
    let mut labels = vec![change.rung.name().to_owned()];
    labels.extend(platforms.iter().map(|(_, platform)| plain(platform).into_owned()));
    labels.dedup();
    let text = Text {
        title: &title,
        page: &page,
        day,
        rung: change.rung,
        platforms,
        source: source.as_deref(),
        said_by,
    };
    let html = text.render().map_or_else(|_| String::new(), |html| plain(html.trim()).into_owned());
    // By its image, which stays; an entry gets another slug when somebody writes about it.
    let image: String = byte_serialize(entry.image.as_bytes()).collect();
    let origin = crate::site::catalogue::slug_of(&change.origin);
    Item {
        id: format!("{IDS}{}/{image}/{}/{origin}", change.rung.name(), change.at),
        title,
        page,
        source,
        at: change.at,
        summary,
        html,
        labels,
    }
}

/// `nginx gained linux/riscv64 and lost linux/386`, `nginx was added, with linux/amd64`.
fn title(name: &str, together: &[&Change]) -> String {
    let comes_or_goes = |change: &&&Change| change.platform.is_none();
    let is_with = |change: &Change| change.with_entry && together.iter().any(|change| comes_or_goes(&change));
    let names = |of: &dyn Fn(&Change) -> bool| -> Vec<&str> {
        let of = together.iter().filter(|change| of(change));
        of.filter_map(|change| change.platform.as_deref()).collect()
    };
    let mut title = name.to_owned();
    let mut joint = " ";
    for change in together.iter().filter(comes_or_goes) {
        let _ = write!(title, "{joint}was {}", change.happening.name());
        joint = " and ";
    }
    let with = names(&is_with);
    if !with.is_empty() {
        title.push_str(", with ");
        list(&mut title, &with);
        joint = ", and ";
    }
    let verbs = [
        (Happening::Gained, "gained"),
        (Happening::Regained, "regained"),
        (Happening::Told, "is known to have"),
        (Happening::Lost, "lost"),
    ];
    for (happening, verb) in verbs {
        let names = names(&|change| change.happening == happening && !is_with(change));
        if !names.is_empty() {
            let _ = write!(title, "{joint}{verb} ");
            list(&mut title, &names);
            joint = " and ";
        }
    }
    title
}

/// `a`, `a and b`, `a, b and c`.
fn list(text: &mut String, names: &[&str]) {
    let named = &names[..names.len().min(NAMED)];
    for (at, name) in named.iter().enumerate() {
        let is_last = at + 1 == names.len();
        text.push_str(match at {
            0 => "",
            _ if is_last => " and ",
            _ => ", ",
        });
        text.push_str(&plain(name));
    }
    if names.len() > NAMED {
        let _ = write!(text, " and {} more", names.len() - NAMED);
    }
}

/// The HTML of an issue with whole addresses: in a reader there is no page that `/entry/nginx/` or `#news` would be
/// part of. A `<` of its writer's is escaped, so this finds links alone.
fn with_whole_links(issue: &Issue, root: &str, page: &str) -> String {
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    issue.html_below(root).replace("<a href=\"#", &format!("<a href=\"{page}#"))
}
