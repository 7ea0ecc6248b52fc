//! The static API: JSON documents below `/api/v1/`, and the table of all verdicts.

use super::{ApiRoute, Rendered, Site};

pub(super) fn render(_site: &Site, _route: &ApiRoute) -> Option<Rendered> {
    None
}

pub(super) fn csv(_site: &Site) -> Option<Rendered> {
    None
}
