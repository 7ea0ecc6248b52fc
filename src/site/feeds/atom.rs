//! Atom (RFC 4287).

use atom_syndication::{Category, Content, Entry, Link, Person, Text};

use super::{Feed, Item};
use crate::site::FeedFormat;

fn link(rel: &str, href: String, mime_type: Option<&str>) -> Link {
    Link { rel: rel.to_owned(), href, mime_type: mime_type.map(str::to_owned), ..Link::default() }
}

pub(super) fn write(feed: Feed) -> Option<Vec<u8>> {
    let mut links = vec![
        link("self", feed.own, Some(FeedFormat::Atom.media_type())),
        link("alternate", feed.page, Some("text/html")),
    ];
    for (format, address) in feed.others {
        links.push(link("alternate", address, Some(format.media_type())));
    }
    let feed = atom_syndication::Feed {
        title: Text::plain(feed.title),
        subtitle: Some(Text::plain(feed.description)),
        id: feed.id,
        updated: feed.updated.to_string().parse().ok()?,
        authors: vec![Person { name: "workson".to_owned(), ..Person::default() }],
        links,
        entries: feed.items.into_iter().map(entry).collect::<Option<_>>()?,
        lang: Some("en".to_owned()),
        ..atom_syndication::Feed::default()
    };
    feed.write_to(Vec::new()).ok()
}

fn entry(item: Item) -> Option<Entry> {
    let at: atom_syndication::FixedDateTime = item.at.to_string().parse().ok()?;
    let mut links = vec![link("alternate", item.page, Some("text/html"))];
    links.extend(item.source.map(|source| link("via", source, None)));
    let category = |label| Category { term: label, ..Category::default() };
    Some(Entry {
        title: Text::plain(item.title),
        id: item.id,
        updated: at,
        published: Some(at),
        links,
        categories: item.labels.into_iter().map(category).collect(),
        summary: Some(Text::plain(item.summary)),
        content: Some(Content {
            value: Some(item.html),
            content_type: Some("html".to_owned()),
            ..Content::default()
        }),
        ..Entry::default()
    })
}
