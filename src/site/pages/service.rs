//! The pages that only a service has: one file each, and one template each below `templates/service/`.

mod refusal;

use super::html;
use crate::site::{Rendered, Site, View};

/// Renders a page for one visitor.
pub(in crate::site) fn view(site: &Site, view: &View<'_>) -> Option<Rendered> {
    match *view {
        View::Refusal { title, text } => html(&refusal::page(site, title, text)),
        _ => None,
    }
}
