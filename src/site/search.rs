//! What Explore searches in: all entries, in a form that a script reads quickly.

use super::{Rendered, Site};

pub(super) fn index(_site: &Site) -> Option<Rendered> {
    None
}
