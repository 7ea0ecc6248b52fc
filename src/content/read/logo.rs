//! Logos: plain drawings, which can't do anything.

use roxmltree::{Document, Node};

use super::noting::{Noting, Spot};

/// How many bytes a logo may have.
const MAX_LOGO: usize = 64 << 10;
const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// What a drawing is made of.
const ELEMENTS: [&str; 20] = [
    "svg",
    "g",
    "title",
    "desc",
    "defs",
    "symbol",
    "use",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
];

/// Notes what keeps a text from being a plain drawing.
pub(super) fn check(text: &str, noting: &mut Noting<'_>) {
    if text.len() > MAX_LOGO {
        let what = format!("it has {} bytes, and {MAX_LOGO} is the most that a logo has", text.len());
        noting.note_file(what, "a page shows many logos at once: take a simpler drawing");
        return;
    }
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.pos();
            let spot = Spot { line: at.row.into(), column: at.col.into() };
            noting.note(spot, format!("this is no XML: {error}"), None);
            return;
        }
    };
    let spot = |at: usize| {
        let at = document.text_pos_at(at);
        Spot { line: at.row.into(), column: at.col.into() }
    };
    if !document.root_element().has_tag_name((SVG, "svg")) {
        let what = format!("its outermost element is no `svg` of {SVG}");
        noting.note(spot(document.root_element().range().start), what, None);
        return;
    }
    for node in document.descendants() {
        let at = node.range().start;
        if node.is_pi() {
            let hint = "take it away: a logo is a plain drawing".to_owned();
            noting.note(spot(at), "it has an instruction for programs", hint);
        }
        if !node.is_element() {
            continue;
        }
        let name = node.tag_name();
        if name.namespace() != Some(SVG) || !ELEMENTS.contains(&name.name()) {
            let hint = "a logo is a plain drawing: paths, shapes and gradients".to_owned();
            noting.note(spot(at), format!("the element `{}` has no place in a logo", name.name()), hint);
        }
        attributes(&node, |at, what| {
            let hint = "a logo is a plain drawing that leads nowhere and does nothing".to_owned();
            noting.note(spot(at), what, hint);
        });
    }
}

fn attributes(node: &Node<'_, '_>, mut note: impl FnMut(usize, String)) {
    for attribute in node.attributes() {
        let (name, at) = (attribute.name(), attribute.range().start);
        let value = attribute.value().trim();
        // Attributes are read as CSS reads values: capitals don't matter, and a backslash may stand for any letter.
        let small = value.to_ascii_lowercase();
        let leads_out = small.contains('\\')
            || small.match_indices("url(").any(|(at, _)| {
                let target = small[at + 4..].trim_start_matches(['"', '\'', ' ']);
                !target.starts_with('#')
            });
        match attribute.namespace() {
            None if name.starts_with("on") => note(at, format!("the attribute `{name}` runs a script")),
            None if name == "style" => note(at, "the attribute `style` is not taken".to_owned()),
            None | Some(XLINK) if name == "href" && !value.starts_with('#') => {
                note(at, format!("`href` leads out of the drawing, to {value:?}"));
            }
            None if leads_out => note(at, format!("`{name}` leads out of the drawing, by {value:?}")),
            None | Some(XML) => {}
            Some(XLINK) if name == "href" => {}
            Some(namespace) => note(at, format!("the attribute `{name}` of {namespace} is not taken")),
        }
    }
}
