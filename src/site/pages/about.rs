//! What the site is, and what is shown where nothing is.

use askama::Template;

use super::Frame;
use crate::site::{Route, Site};

#[derive(Template)]
#[template(path = "about.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
}

pub(super) fn page(site: &Site) -> Page<'_> {
    let description =
        "What this site is, who makes it, and how to tell it that something is missing or wrong.";
    Page { frame: Frame::new(site, Route::About, "About", description) }
}

#[derive(Template)]
#[template(path = "not_found.html")]
pub(super) struct NotFound<'a> {
    frame: Frame<'a>,
}

pub(super) fn not_found(site: &Site) -> NotFound<'_> {
    NotFound {
        frame: Frame::new(site, Route::NotFound, "Nothing is here", "There is no page at this address."),
    }
}
