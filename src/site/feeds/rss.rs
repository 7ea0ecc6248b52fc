//! RSS 2.0, with `content:encoded` for the whole text and `atom:link` for its own address.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rss::extension::{Extension, ExtensionMap};
use rss::{Category, Channel, Guid};

use super::{Feed, Item};
use crate::site::FeedFormat;

/// A description is HTML to readers, whatever it was to its writer.
fn as_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn date(at: Timestamp) -> Option<String> {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

pub(super) fn write(feed: Feed) -> Option<Vec<u8>> {
    let mut links = vec![link("self", feed.own, FeedFormat::Rss)];
    for (format, address) in feed.others {
        links.push(link("alternate", address, format));
    }
    let mut atom = BTreeMap::new();
    atom.insert("link".to_owned(), links);
    let channel = Channel {
        title: feed.title,
        link: feed.page,
        description: as_html(&feed.description),
        language: Some("en".to_owned()),
        last_build_date: Some(date(feed.updated)?),
        docs: Some("https://www.rssboard.org/rss-specification".to_owned()),
        items: feed.items.into_iter().map(item).collect::<Option<_>>()?,
        extensions: ExtensionMap::from([("atom".to_owned(), atom)]),
        namespaces: BTreeMap::from([
            ("atom".to_owned(), "http://www.w3.org/2005/Atom".to_owned()),
            ("content".to_owned(), "http://purl.org/rss/1.0/modules/content/".to_owned()),
        ]),
        ..Channel::default()
    };
    channel.write_to(Vec::new()).ok()
}

fn link(rel: &str, href: String, format: FeedFormat) -> Extension {
    let attrs = [("rel", rel), ("href", &href), ("type", format.media_type())];
    Extension {
        name: "atom:link".to_owned(),
        attrs: attrs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Extension::default()
    }
}

fn item(item: Item) -> Option<rss::Item> {
    let category = |label| Category { name: label, domain: None };
    Some(rss::Item {
        title: Some(item.title),
        link: Some(item.page),
        description: Some(as_html(&item.summary)),
        guid: Some(Guid { value: item.id, permalink: false }),
        pub_date: Some(date(item.at)?),
        categories: item.labels.into_iter().map(category).collect(),
        content: Some(item.html),
        ..rss::Item::default()
    })
}
