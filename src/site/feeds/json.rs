//! JSON Feed 1.1.

use jiff::Timestamp;
use serde::Serialize;

use super::Feed;

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: &'a str,
    feed_url: &'a str,
    description: &'a str,
    language: &'static str,
    authors: [Author; 1],
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Author {
    name: &'static str,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_url: Option<&'a str>,
    title: &'a str,
    content_html: &'a str,
    summary: &'a str,
    date_published: Timestamp,
    date_modified: Timestamp,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
}

fn item(item: &super::Item) -> Item<'_> {
    Item {
        id: &item.id,
        url: &item.page,
        external_url: item.source.as_deref(),
        title: &item.title,
        content_html: &item.html,
        summary: &item.summary,
        date_published: item.at,
        date_modified: item.at,
        tags: &item.labels,
    }
}

pub(super) fn write(feed: &Feed) -> Option<Vec<u8>> {
    let document = Document {
        version: "https://jsonfeed.org/version/1.1",
        title: &feed.title,
        home_page_url: &feed.page,
        feed_url: &feed.own,
        description: &feed.description,
        language: "en",
        authors: [Author { name: "workson" }],
        items: feed.items.iter().map(item).collect(),
    };
    serde_json::to_vec(&document).ok()
}
