//! What is in a page, and what must not be.

use std::collections::HashSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How many bytes a page may have, compressed.
const BUDGET: usize = 30 * 1024;
/// How many elements.
const ELEMENTS: usize = 1_400;

/// The values of an attribute.
pub(crate) fn values<'h>(html: &'h str, attribute: &str) -> Vec<&'h str> {
    let begin = format!(" {attribute}=\"");
    html.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Every tag with its attributes.
pub(crate) fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<')
        .skip(1)
        .filter(|tag| tag.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|tag| tag.split('>').next().unwrap())
}

/// What is wrong with a page, whatever it says: its size, what the policy forbids, names that stand twice.
pub(crate) fn faults(html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut packed = GzEncoder::new(Vec::new(), Compression::new(6));
    packed.write_all(html.as_bytes()).unwrap();
    let (size, elements) = (packed.finish().unwrap().len(), tags(html).count());
    if size > BUDGET {
        faults.push(format!("{size} bytes"));
    }
    if elements > ELEMENTS {
        faults.push(format!("{elements} elements"));
    }
    for tag in tags(html) {
        let name = tag.split_whitespace().next().unwrap();
        let has = |attribute: &str| tag.contains(&format!(" {attribute}"));
        if name == "style" || has("style=") || (name == "script" && !has("src=")) {
            faults.push(format!("forbidden by the policy: {tag}"));
        }
        let is_handler = |word: &str| word.starts_with("on") && word.contains('=');
        // What is in quotes is no attribute.
        let bare: String = tag.split('"').step_by(2).collect();
        if bare.split_whitespace().skip(1).any(is_handler) {
            faults.push(format!("a handler: {tag}"));
        }
        let asks = matches!(name, "script" | "img" | "link") && !tag.contains("rel=\"canonical\"");
        if asks && (has("href=\"http") || has("src=\"http")) {
            faults.push(format!("another host: {tag}"));
        }
    }
    let ids = values(html, "id");
    if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
        faults.push(format!("an id twice: {ids:?}"));
    }
    faults
}
