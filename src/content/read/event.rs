//! Events.

use super::fields::{Fields, Line};
use super::noting::Noting;
use super::yaml::Node;
use crate::content::Event;

const FIELDS: [&str; 6] = ["name", "starts", "ends", "place", "link", "description"];

/// Reads an event. It is there where nothing was noted.
pub(super) fn event(slug: &str, node: Node, noting: &mut Noting<'_>) -> Option<Event> {
    let mut fields = Fields::of(node, &FIELDS, noting)?;
    let name = fields.need_line("name", Line::of(2, 100), noting);
    let starts = fields.need_day("starts", noting);
    let ends = fields.need_day("ends", noting);
    let place = fields.need_line("place", Line::of(2, 100), noting);
    let link = fields.need_url("link", noting);
    let description = fields.need_line("description", Line::sentence(20, 200), noting);
    if let (Some((starts, _)), Some((ends, spot))) = (starts, ends)
        && ends < starts
    {
        let hint = "`ends` is its last day, the same as `starts` where it takes one".to_owned();
        noting.note(spot, format!("it ends on {ends}, before it starts on {starts}"), hint);
    }
    Some(Event {
        slug: slug.to_owned(),
        name: name?.text,
        starts: starts?.0,
        ends: ends?.0,
        place: place?.text,
        link: link?.text,
        description: Some(description?.text),
    })
}
