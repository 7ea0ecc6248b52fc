//! Feeds: Atom (RFC 4287), RSS 2.0 and JSON Feed 1.1 of the same items.

mod atom;
mod items;
mod json;
mod rss;

use jiff::Timestamp;

use super::{FeedFormat, FeedOf, Rendered, Route, Site};
use items::Item;

/// How many items a feed has at most, the newest ones.
const ITEMS: usize = 100;

/// What comes before all ids (RFC 4151). It hangs neither on the site's address nor on the program's version, so that
/// a site that moves, and a copy of it, tell nobody anything twice. For the same reason it must never change.
const IDS: &str = "tag:workson.example,2026:";

/// A feed, whatever its form.
struct Feed {
    id: String,
    title: String,
    description: String,
    /// The address of the page that shows the same.
    page: String,
    /// Its own address in this form.
    own: String,
    /// The form that it is in, and its addresses in the others.
    others: Vec<(FeedFormat, String)>,
    updated: Timestamp,
    items: Vec<Item>,
}

pub(super) fn render(site: &Site, of: &FeedOf, format: FeedFormat) -> Option<Rendered> {
    let feed = feed(site, of, format)?;
    let (media_type, bytes) = match format {
        FeedFormat::Atom => ("application/atom+xml; charset=utf-8", atom::write(feed)?),
        FeedFormat::Rss => ("application/rss+xml; charset=utf-8", rss::write(feed)?),
        FeedFormat::Json => ("application/feed+json", json::write(&feed)?),
    };
    Some(Rendered { media_type, bytes })
}

/// Addresses in it are whole where the site's host is known. Where it is not, they are those within the host: a reader
/// that asks for a feed knows the host, and one that goes by RFC 3986 finds the rest. RSS and JSON Feed want whole ones,
/// which nobody can give who builds a site without saying where it will be.
fn feed(site: &Site, of: &FeedOf, format: FeedFormat) -> Option<Feed> {
    let catalogue = &site.catalogue;
    let (id, title, description, page, items) = match of {
        FeedOf::News => (
            "feed/news".to_owned(),
            "workson: news".to_owned(),
            "What became of software on Arm and other platforms, an issue at a time.".to_owned(),
            Route::News,
            items::news(site),
        ),
        FeedOf::Changes => (
            "feed/changes".to_owned(),
            "workson: all changes".to_owned(),
            "What gained or lost a platform, came or went, with the source.".to_owned(),
            Route::Changes,
            items::all(site),
        ),
        FeedOf::Decisions => (
            "feed/decisions".to_owned(),
            "workson: decisions about proposals".to_owned(),
            "What was decided about proposals to the calls, with the reasons.".to_owned(),
            Route::Calls,
            items::decisions(site),
        ),
        FeedOf::Entry(slug) => {
            let entry = catalogue.entry(slug)?;
            let name = super::outside::plain(&entry.name);
            (
                format!("feed/entry/{slug}"),
                format!("workson: {name}"),
                format!("The platforms that {name} gained or lost, with the source."),
                Route::Entry(slug.clone()),
                items::of_entry(site, entry),
            )
        }
        FeedOf::Platform(slug) => {
            let column = catalogue.column(slug)?;
            let name = &catalogue.columns[column].name;
            (
                format!("feed/platform/{slug}"),
                format!("workson: {name}"),
                format!("What gained or lost {name}, with the source."),
                Route::Platform(slug.clone()),
                items::of_column(site, column),
            )
        }
    };
    let address = |format| site.base.absolute(&Route::Feed { of: of.clone(), format });
    let others = FeedFormat::ALL.into_iter().filter(|other| *other != format);
    let newest = items.iter().map(|item| item.at).max();
    Some(Feed {
        id: format!("{IDS}{id}"),
        title,
        description,
        page: site.base.absolute(&page),
        own: address(format),
        others: others.map(|other| (other, address(other))).collect(),
        // A feed without items is as old as what it is silent about.
        updated: newest.or_else(|| catalogue.as_of()).unwrap_or(Timestamp::UNIX_EPOCH),
        items,
    })
}
