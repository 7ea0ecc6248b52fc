//! Texts of strangers, as pages can hold them: bounded, and without what would move or hide the words beside them.

use std::borrow::Cow;

use url::Url;

use crate::site::outside::{for_xml, plain};

/// At most so many characters of a text; that there are more is seen.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// One line of at most so many characters.
pub(super) fn line(text: &str, most: usize) -> String {
    plain(&cut(text, most)).into_owned()
}

/// The same as a sentence: it ends in a full stop, where it has no end of its own.
pub(super) fn sentence(text: &str, most: usize) -> String {
    let text = line(text, most);
    let has_end = text.is_empty() || text.ends_with(['.', '?', '!', '…']);
    if has_end { text } else { text + "." }
}

/// The same with a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The paragraphs of a text.
pub(super) fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| plain(line).trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// A text as a field for several lines shows it again. A line ends in one character.
pub(super) fn typed(text: &str) -> String {
    for_xml(&text.replace("\r\n", "\n").replace('\r', "\n")).into_owned()
}

/// An address that a link may lead to; none of what is none, or is not http or https.
pub(super) fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}
