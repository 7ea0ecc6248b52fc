//! What people type into forms: fields by name, in the order sent. What comes out is plain text that is bounded; what
//! is wrong is told field by field, in sentences for whoever typed it.

use url::Url;

/// The most characters of an address, before and after it is written as RFC 3986 has it.
pub const MAX_ADDRESS: usize = 300;

/// What is wrong: the name of the field, and a sentence for people.
pub type Problem = (String, String);

/// The fields of one form, while they are taken. Fields that nobody takes are passed over.
#[derive(Debug)]
pub(crate) struct Form<'a> {
    fields: &'a [(String, String)],
    problems: Vec<Problem>,
}

impl<'a> Form<'a> {
    pub(crate) fn of(fields: &'a [(String, String)]) -> Form<'a> {
        Form { fields, problems: Vec::new() }
    }

    /// What was made of the form, or all that is wrong with it.
    pub(crate) fn finish<T>(self, made: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() { Ok(made) } else { Err(self.problems) }
    }

    /// Notes what is wrong with a field. One problem of each field is told.
    pub(crate) fn note(&mut self, name: &str, what: impl Into<String>) {
        if !self.problems.iter().any(|(noted, _)| noted == name) {
            self.problems.push((name.to_owned(), what.into()));
        }
    }

    /// What was typed into all fields of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.fields.iter().filter(move |(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    /// What was typed into the one field of a name; nothing where it is not there.
    fn one(&mut self, name: &str) -> &'a str {
        let mut values = self.all(name);
        let value = values.next().unwrap_or_default();
        if values.next().is_some() {
            self.note(name, "This came twice: send the form once more, with one value here.");
        }
        value
    }

    /// A line of at most so many characters; empty where nothing was typed.
    pub(crate) fn line(&mut self, name: &str, most: usize) -> String {
        let typed = self.one(name);
        self.checked(name, line(typed, most))
    }

    /// A text of several lines; empty where nothing was typed.
    pub(crate) fn lines(&mut self, name: &str, most: usize) -> String {
        let typed = self.one(name);
        self.checked(name, lines(typed, most))
    }

    /// An address, http or https; empty where nothing was typed.
    pub(crate) fn address(&mut self, name: &str) -> String {
        let typed = self.line(name, MAX_ADDRESS);
        if typed.is_empty() {
            return typed;
        }
        self.checked(name, address(&typed))
    }

    /// The text, where it is one; else what is wrong is noted.
    pub(crate) fn checked(&mut self, name: &str, read: Result<String, String>) -> String {
        read.unwrap_or_else(|what| {
            self.note(name, what);
            String::new()
        })
    }

    /// Notes that a field is empty that must not be.
    pub(crate) fn need(&mut self, name: &str, value: &str, what: &str) {
        if value.is_empty() {
            self.note(name, what);
        }
    }
}

/// Whether a character has a place in what people send: no control, none that turns the direction of what stands behind
/// it or ends a line unseen, and no mark of byte order.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// One line of plain text, trimmed.
///
/// # Errors
/// A sentence, where it has lines, has a character that has no place in it, or is longer than `most` characters.
pub fn line(typed: &str, most: usize) -> Result<String, String> {
    let text = typed.trim();
    if text.contains(['\n', '\r']) {
        return Err("This has to be one line.".into());
    }
    plain(text.replace('\t', " "), most)
}

/// Plain text of several lines, trimmed, with LF at the end of a line.
///
/// # Errors
/// A sentence, where it has a character that has no place in it, or is longer than `most` characters.
pub fn lines(typed: &str, most: usize) -> Result<String, String> {
    plain(typed.replace("\r\n", "\n").replace('\r', "\n").trim().replace('\t', " "), most)
}

fn plain(text: String, most: usize) -> Result<String, String> {
    if let Some(c) = text.chars().find(|c| *c != '\n' && !is_plain(*c)) {
        let code = u32::from(c);
        return Err(format!("This has the character U+{code:04X}, which can't be shown: type plain text."));
    }
    match text.chars().count() {
        length if length > most => Err(format!("This has {length} characters, and {most} are the most.")),
        _ => Ok(text),
    }
}

/// An address, http or https, as RFC 3986 writes it: the host in small letters and without other alphabets, other characters in
/// percents.
///
/// # Errors
/// A sentence, where it has another scheme, no host, a user, or is too long.
pub fn address(typed: &str) -> Result<String, String> {
    let wrong = || "This has to be an address like https://example.org/project.".to_owned();
    let typed = line(typed, MAX_ADDRESS)?;
    // The reader of addresses takes less for one, as browsers do: `https:\\example.org`, `http:example.org`.
    let lower = typed.get(..8).unwrap_or(&typed).to_ascii_lowercase();
    if !(lower.starts_with("https://") || lower.starts_with("http://")) || typed.contains(char::is_whitespace)
    {
        return Err(wrong());
    }
    let url = Url::parse(&typed).map_err(|_| wrong())?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("This address has a user in it: leave that away.".into());
    }
    let text = String::from(url);
    if text.len() > MAX_ADDRESS {
        return Err(format!("This address is too long: {MAX_ADDRESS} characters are the most."));
    }
    Ok(text)
}

/// Whether a name can stand in an address: small letters, digits and single hyphens, at most 64 (docs/content.md).
pub fn is_slug(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= 64 && name.split('-').all(is_part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_trimmed_and_has_no_other_lines() {
        assert_eq!(line("  a\tb  ", 3), Ok("a b".into()));
        assert_eq!(line(" x\r\n", 1), Ok("x".into()));
        assert_eq!(line("\u{8001}\u{864e}", 2), Ok("\u{8001}\u{864e}".into()));
        for wrong in
            ["a\nb", "a\rb", "a\0b", "a\u{1b}[31m", "\u{202e}gpj.exe", "a\u{85}b", "a\u{2028}b", "abcd"]
        {
            assert!(line(wrong, 3).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn lines_end_alike() {
        assert_eq!(lines("\r\n a\r\nb\rc\n\n", 9), Ok("a\nb\nc".into()));
        assert!(lines("a\u{b}b", 9).is_err());
        assert!(lines("a\u{2066}b", 9).is_err());
    }

    #[test]
    fn an_address_is_of_the_web_and_names_no_user() {
        for (typed, is) in [
            ("https://nginx.org/en/", "https://nginx.org/en/"),
            (" HTTPS://Nginx.org ", "https://nginx.org/"),
            ("http://b\u{fc}cher.example/\u{e4}", "http://xn--bcher-kva.example/%C3%A4"),
            ("http://[::1]:8080/a?b#c", "http://[::1]:8080/a?b#c"),
            ("https://a.example/\"><script>", "https://a.example/%22%3E%3Cscript%3E"),
        ] {
            assert_eq!(address(typed).as_deref(), Ok(is), "{typed}");
        }
        for wrong in [
            "",
            "nginx.org",
            "javascript:alert(1)",
            "ftp://a.example/",
            "https:\\\\a.example",
            "http:a.example",
            "https://",
            "https://user@a.example/",
            "https://:secret@a.example/",
            "https://a.example/a b",
            "https://a.example/\u{202e}",
            "https://a b.example/",
            "\u{e4}https://a.example",
        ] {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
        assert!(address(&format!("https://a.example/{}", "\u{e4}".repeat(60))).is_err(), "360 in percents");
    }

    #[test]
    fn a_slug_is_no_path() {
        assert!(is_slug("eclipse-temurin") && is_slug("7zip"));
        for wrong in ["", "..", "a/b", "a--b", "-a", "A", "a.b", "a\n", &"a".repeat(65)] {
            assert!(!is_slug(wrong), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_plain_and_is_taken_again_as_it_is(typed in ".{0,40}|(?s).{0,40}") {
            if let Ok(text) = lines(&typed, 30) {
                prop_assert!(text.chars().all(|c| c == '\n' || is_plain(c)));
                prop_assert!(text.chars().count() <= 30);
                prop_assert_eq!(lines(&text, 30), Ok(text));
            }
            if let Ok(text) = line(&typed, 30) {
                prop_assert!(text.chars().all(is_plain));
                prop_assert_eq!(line(&text, 30), Ok(text));
            }
        }

        #[test]
        fn an_address_that_is_taken_is_taken_again_as_it_is(
            typed in "https?://[a-zA-Z\u{e4}0-9@:./?#%<> -]{0,30}"
        ) {
            if let Ok(text) = address(&typed) {
                prop_assert_eq!(address(&text), Ok(text));
            }
        }
    }
}
