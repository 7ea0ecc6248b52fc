//! What the site is.

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
