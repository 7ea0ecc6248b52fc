//! The pages: one file each, and one template each below `templates/`.

mod about;
mod call;
mod calls;
mod changes;
mod compare;
mod download;
mod entry;
mod events;
mod explore;
mod frame;
mod graph;
mod home;
mod method;
mod news;
mod platform;
mod platforms;
mod service;
mod shelf;
mod story;
mod table;
mod text;

use askama::Template;

use frame::Frame;

pub(super) use service::view;

use super::{Rendered, Route, Site};

pub(super) fn render(site: &Site, route: &Route) -> Option<Rendered> {
    match route {
        Route::Home => html(&home::page(site)),
        Route::Explore(number) => html(&explore::page(site, *number)?),
        Route::Kind(kind, number) => html(&shelf::kind(site, *kind, *number)?),
        Route::Category(slug, number) => html(&shelf::category(site, slug, *number)?),
        Route::Entry(slug) => html(&entry::page(site, slug)?),
        Route::Platforms => html(&platforms::page(site)),
        Route::Platform(slug) => html(&platform::page(site, slug)?),
        Route::PlatformList(slug, standing, number) => {
            html(&shelf::platform(site, slug, *standing, *number)?)
        }
        Route::Compare => html(&compare::all(site)),
        Route::ComparePair(one, other, number) => html(&compare::pair(site, one, other, *number)?),
        Route::Changes => html(&changes::all(site)),
        Route::ChangesMonth(year, month, number) => html(&changes::month(site, *year, *month, *number)?),
        Route::News => html(&news::all(site)),
        Route::Issue(slug) => html(&news::issue(site, slug)?),
        Route::Events => html(&events::page(site)),
        Route::Calls => html(&calls::page(site)),
        Route::Call(slug) => html(&call::page(site, slug)?),
        Route::Method => html(&method::page(site)),
        Route::About => html(&about::page(site)),
        Route::Download => html(&download::page(site)),
        Route::NotFound => html(&about::not_found(site)),
        _ => None,
    }
}

/// A page's bytes. A template writes to memory, and fails only where a value in it does: none of ours does.
fn html(page: &impl Template) -> Option<Rendered> {
    let bytes = page.render().ok()?.into_bytes();
    Some(Rendered { media_type: "text/html; charset=utf-8", bytes })
}
