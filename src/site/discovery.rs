//! What leads machines here: the site map, robots.txt, OpenSearch.

use super::{Rendered, Site};

/// How many site maps there are, the index included; none where the site's host is not known.
pub(super) fn sitemaps(_site: &Site) -> usize {
    0
}

pub(super) fn sitemap(_site: &Site, _part: usize) -> Option<Rendered> {
    None
}

pub(super) fn robots(_site: &Site) -> Option<Rendered> {
    None
}

pub(super) fn open_search(_site: &Site) -> Option<Rendered> {
    None
}
