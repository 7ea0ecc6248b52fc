//! What is not done, and what to do next.

use askama::Template;

use super::super::Frame;
use crate::site::outside::plain;
use crate::site::{Route, Site};

#[derive(Template)]
#[template(path = "service/refusal.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    text: String,
}

pub(super) fn page<'a>(site: &'a Site, title: &str, text: &str) -> Page<'a> {
    let (title, text) = (plain(title), plain(text).into_owned());
    // It stands at whatever address was asked for, and has none of its own.
    Page { frame: Frame::new(site, Route::NotFound, &title, &text), text }
}
