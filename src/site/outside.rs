//! Text from outside, where it stands in documents that are not ours to style: feeds, badges, calendars, tables.

use std::borrow::Cow;

/// Whether a character moves what stands beside it, or is none that a text has: controls, marks that turn the direction
/// of writing, and what XML 1.0 does not know.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The text in one line, without what would move or hide the words beside it. It is not escaped yet.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let seen = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if is_hidden(c) => None,
        c => Some(c),
    };
    Cow::Owned(text.chars().filter_map(seen).collect())
}

/// A text that may have lines, without what XML 1.0 can't hold even when it is escaped.
pub(super) fn for_xml(text: &str) -> Cow<'_, str> {
    let is_none = |c: char| match c {
        '\t' | '\n' | '\r' => false,
        c => c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'),
    };
    if !text.contains(is_none) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_none(*c)).collect())
}

/// A cell of a table that a spreadsheet takes for text, never for a formula: one that would begin a formula has an
/// apostrophe before it.
pub fn cell(text: &str) -> Cow<'_, str> {
    let text = plain(text);
    match text.trim_start().starts_with(['=', '+', '-', '@']) {
        true => Cow::Owned(format!("'{text}")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_moves_what_stands_beside_it() {
        assert_eq!(plain("nginx"), "nginx");
        assert_eq!(plain("a\u{202e}b\u{200f}c\u{1b}[31m\nd\u{feff}"), "abc[31m d");
        assert_eq!(for_xml("a\nb\u{0}c\u{ffff}\u{202e}"), "a\nbc\u{202e}");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\u{202e}=1", "\r\n@x"] {
            assert!(cell(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(cell("yes"), "yes");
    }
}
