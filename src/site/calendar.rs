//! The events as iCalendar (RFC 5545).

use super::{Rendered, Site};

pub(super) fn render(_site: &Site) -> Option<Rendered> {
    None
}
