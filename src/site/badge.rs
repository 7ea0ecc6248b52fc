//! Badges: a verdict or a count in one line, for other people's pages.

use super::{BadgeFormat, BadgeOf, Rendered, Site};

pub(super) fn render(_site: &Site, _of: &BadgeOf, _format: BadgeFormat) -> Option<Rendered> {
    None
}
