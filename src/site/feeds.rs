//! Feeds: Atom (RFC 4287), RSS 2.0 and JSON Feed 1.1 of the same items.

use super::{FeedFormat, FeedOf, Rendered, Site};

pub(super) fn render(_site: &Site, _of: &FeedOf, _format: FeedFormat) -> Option<Rendered> {
    None
}
