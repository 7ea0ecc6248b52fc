//! Documents of YAML, of which what is wrong is noted.

use super::noting::Noting;
pub(super) use crate::yaml::{Field, Node, Value};
use crate::yaml::{Twice, parse as read};

/// Reads a document. That it is no YAML is noted.
pub(super) fn parse(text: &str, noting: &mut Noting<'_>) -> Option<Node> {
    read(text, Twice::Kept).map_err(|error| noting.note(error.spot, error.what, None)).ok()
}
