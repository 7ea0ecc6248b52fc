//! Text from outside, made fit to be shown.

use std::borrow::Cow;

/// `text` for a person's terminal: what would steer the terminal, break the line, turn the direction of
/// reading or be invisible becomes U+FFFD. All else, and the length, stays as it is.
///
/// ```
/// use workson_oci::text::printable;
/// assert_eq!(printable("\u{1b}[31mred\u{202e}"), "\u{fffd}[31mred\u{fffd}");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_unfit, "\u{fffd}"))
}

fn is_unfit(c: char) -> bool {
    match c {
        ' '..='~' => false,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator, byte order mark.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' => true,
        // Zero-width characters and marks of direction; line and paragraph separator, embeddings and overrides.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        // Word joiner, invisible operators, isolates, and the deprecated ones behind them.
        '\u{2060}'..='\u{206f}' => true,
        // Interlinear annotations and tags.
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        // C0, DEL and C1.
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_stays() {
        for text in ["", "linux/arm64", "~ !", "größer – 名前", "a\u{fffd}b", "e\u{301}", "\u{a0}", "🦀"]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        let long = "ä".repeat(100_000);
        assert_eq!(printable(&long), long);
    }

    #[test]
    fn what_steers_or_hides_is_replaced_one_by_one() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{1f}',
            '\u{7f}',
            '\u{80}',
            '\u{9b}',
            '\u{9f}',
            '\u{ad}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(printable(&format!("a{c}{c}ß")), "a\u{fffd}\u{fffd}ß", "{c:?}");
        }
        assert_eq!(printable("\u{1b}]0;title\u{7}"), "\u{fffd}]0;title\u{fffd}");
    }

    #[test]
    fn what_is_quoted_by_debug_needs_no_more() {
        // Errors that show a text as `{:?}` rely on it.
        for c in ('\0'..=char::MAX).filter(|c| is_unfit(*c)) {
            assert!(!format!("{:?}", c.to_string()).contains(is_unfit), "{c:?}");
        }
    }
}
