//! The pages that only a service has: one file each, and one template each below `templates/service/`. What a visitor
//! typed and what came from elsewhere is bounded where it is shown (`text`), and is never markup.

mod form;
mod proposal;
mod propose;
mod query;
mod refusal;
mod stack;
mod status;
mod suggest;
mod verdict;

use super::html;
use crate::site::{Rendered, Site, View};

/// Renders a page for one visitor.
pub(in crate::site) fn view(site: &Site, view: &View<'_>) -> Option<Rendered> {
    match *view {
        View::Query { typed, answered } => html(&query::page(site, typed, answered)),
        View::Stack { typed, answer } => html(&stack::page(site, typed, answer)),
        View::Suggest { typed, received } => html(&suggest::page(site, typed, received)),
        View::Propose { call, is_open, typed } => html(&propose::page(site, call, is_open, typed)),
        View::Proposal { secret, proposal, done } => html(&proposal::page(site, secret, proposal, done)),
        View::Status { inventories } => html(&status::page(site, inventories)),
        View::Refusal { title, text } => html(&refusal::page(site, title, text)),
    }
}
