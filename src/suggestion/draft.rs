//! Drafts of the content's files (docs/content.md), of what a suggestion says: a file for a new entry, or changes to the lines
//! of one that is there. Whatever a stranger wrote stays a value or a comment of YAML.

use std::fmt::Write as _;

use workson_oci::text::printable;

use super::{Suggestion, Wish};
use crate::content::ENTRY_FIELDS;
use crate::form::is_slug;

/// Why no draft can be made of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Its fields are not written line by line.
    #[error("its fields do not begin their lines, so that one of them can't be changed alone")]
    NotInLines,
}

/// The name in addresses that fits a name; none where it has no letter of ASCII's and no digit.
pub fn slug(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let mut slug = parts.collect::<Vec<_>>().join("-");
    slug.truncate(64);
    let slug = slug.trim_end_matches('-');
    is_slug(slug).then(|| slug.to_owned())
}

/// The file of a new entry: the fields that are given, below what was said and what is still to be filled in.
pub fn new_entry(suggestion: &Suggestion, name: &str) -> String {
    let wish = &suggestion.wish;
    let mut text = comments(suggestion);
    text += "# To be filled in: `kind`, `categories`";
    for (field, value) in [("description", &wish.description), ("home", &wish.home)] {
        if value.is_empty() {
            let _ = write!(text, ", `{field}`");
        }
    }
    if wish.image.is_empty() {
        text += ", `images` or `packages`";
    }
    text += ". `workson content check` tells what is missing.\n# Take these lines away when it is done.\n";
    let _ = writeln!(text, "name: {}", scalar(name));
    for (field, value) in replaced(wish) {
        let _ = writeln!(text, "{field}: {}", scalar(value));
    }
    if !wish.image.is_empty() {
        let _ = writeln!(text, "images: [{}]", item(&wish.image));
    }
    text
}

/// The file of an entry, `before` being what it is: the fields that are given take the place of those that are there, or
/// come where they stand in other files; what was said comes on top, once. All other lines stay byte for byte.
///
/// # Errors
/// Where the file is not written so that its lines tell its fields.
pub fn changed_entry(before: &str, suggestion: &Suggestion) -> Result<String, DraftError> {
    let mut lines: Vec<&str> = before.split_inclusive('\n').collect();
    let end = if lines.first().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
    if !lines.iter().any(|line| ENTRY_FIELDS.iter().any(|field| is_field(line, field))) {
        return Err(DraftError::NotInLines);
    }
    let written: Vec<(&str, String)> = replaced(&suggestion.wish)
        .map(|(field, value)| (field, format!("{field}: {}{end}", scalar(value))))
        .collect();
    for (field, line) in &written {
        match block(&lines, field) {
            Some((from, until)) => drop(lines.splice(from..until, [line.as_str()])),
            None => {
                let at = ENTRY_FIELDS.iter().take_while(|other| *other != field);
                let at = at.filter_map(|other| block(&lines, other)).map(|(_, until)| until).max();
                let first =
                    || lines.iter().position(|line| ENTRY_FIELDS.iter().any(|field| is_field(line, field)));
                lines.insert(at.or_else(first).unwrap_or(lines.len()), line);
            }
        }
    }
    let (mark, lines) = match lines.split_first() {
        Some((first, rest)) if first.starts_with('\u{feff}') => {
            ("\u{feff}", [&[&first['\u{feff}'.len_utf8()..]], rest].concat())
        }
        _ => ("", lines),
    };
    let mut body = String::new();
    for line in lines {
        // A last line may have had no end, and is not the last one any more.
        if !body.is_empty() && !body.ends_with('\n') {
            body += end;
        }
        body += line;
    }
    let top = comments(suggestion).replace('\n', end);
    // Whoever accepts it again, because the decision could not be kept, has the lines there already.
    let top = if body.starts_with(&top) { "" } else { &top };
    Ok(format!("{mark}{top}{body}"))
}

/// The fields that a suggestion gives, which an entry has as one value each.
fn replaced(wish: &Wish) -> impl Iterator<Item = (&'static str, &str)> {
    [
        ("description", wish.description.as_str()),
        ("home", &wish.home),
        ("source", &wish.source),
        ("license", &wish.license),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
}

/// What was said, as comments. Of a change, name and image as well: they are looked at by hand.
fn comments(suggestion: &Suggestion) -> String {
    let wish = &suggestion.wish;
    let day = suggestion.at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut text = String::new();
    let mut say = |said: &str| {
        let _ = writeln!(text, "# Suggested {day}: {}", printable(said).trim_end());
    };
    if wish.entry.is_some() {
        for (field, value) in [("name", &wish.name), ("image", &wish.image)] {
            if !value.is_empty() {
                say(&format!("{field}: {value}"));
            }
        }
    }
    wish.comment.lines().filter(|line| !line.trim().is_empty()).for_each(say);
    text
}

/// Whether a line begins a field of this name, on the highest level.
fn is_field(line: &str, field: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}');
    let quoted = |quote: char| line.strip_prefix(quote)?.strip_prefix(field)?.strip_prefix(quote);
    let rest = line.strip_prefix(field).or_else(|| quoted('"')).or_else(|| quoted('\''));
    let rest = rest.and_then(|rest| rest.trim_start_matches([' ', '\t']).strip_prefix(':'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// The lines of a field, from its own up to the one behind its last.
fn block(lines: &[&str], field: &str) -> Option<(usize, usize)> {
    let from = lines.iter().position(|line| is_field(line, field))?;
    let mut until = from + 1;
    for (at, line) in lines.iter().enumerate().skip(from + 1) {
        let is_item = line.starts_with("- ") || line.trim_end() == "-" || line.starts_with([']', '}']);
        match line.starts_with([' ', '\t']) || is_item {
            // Empty lines belong to a text that goes on behind them, and to nothing where it does not.
            _ if line.trim().is_empty() => {}
            true => until = at + 1,
            false => break,
        }
    }
    Some((from, until))
}

/// Words that YAML, of any version, takes for something else than text.
const WORDS: [&str; 13] =
    ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "infinity", "none"];

/// A text as the value of a field: as it is where nobody could take it for something else, else in quotes.
fn scalar(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || " ._/+-,()'".contains(c);
    let mut rest = text.chars().peekable();
    let mut is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.ends_with(' ');
    while let Some(c) = rest.next() {
        // A colon within an address ends no name of a field.
        let is_inner = c == ':' && rest.peek().is_some_and(|next| is_safe(*next) && *next != ' ');
        is_plain &= is_safe(c) || is_inner;
    }
    is_plain &= !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// The same within a list in brackets.
fn item(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes. What can't be seen is written by its number, so that whoever looks at the draft sees it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if printable(c.encode_utf8(&mut [0; 4])) != c.to_string() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::State;
    use super::*;

    fn suggestion(wish: Wish) -> Suggestion {
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        Suggestion { id: 7, at, wish, state: State::Waiting, decision: None }
    }

    fn read(text: &str) -> serde_json::Value {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn a_name_in_addresses_is_made_of_a_name() {
        for (name, expected) in [
            ("NGINX", Some("nginx")),
            (" Eclipse  Temurin\u{ae} (JDK) ", Some("eclipse-temurin-jdk")),
            ("../../etc/passwd", Some("etc-passwd")),
            ("C++", Some("c")),
            ("\u{8001}\u{864e}", None),
            ("", None),
        ] {
            assert_eq!(slug(name).as_deref(), expected, "{name}");
        }
        assert_eq!(slug(&"a-".repeat(60)).unwrap(), "a-".repeat(32).trim_end_matches('-'));
    }

    #[test]
    fn a_new_entry_has_what_was_given_and_says_what_is_missing() {
        let wish = Wish {
            name: "Foo: the bar".into(),
            image: "ghcr.io/foo/bar".into(),
            home: "https://foo.example/".into(),
            license: "MIT OR Apache-2.0".into(),
            comment: "It runs.\n\nname: \u{1b}evil".into(),
            ..Wish::default()
        };
        let expected = "\
# Suggested 2026-11-23: It runs.
# Suggested 2026-11-23: name: \u{fffd}evil
# To be filled in: `kind`, `categories`, `description`. `workson content check` tells what is missing.
# Take these lines away when it is done.
name: \"Foo: the bar\"
home: https://foo.example/
license: MIT OR Apache-2.0
images: [ghcr.io/foo/bar]
";
        assert_eq!(new_entry(&suggestion(wish.clone()), &wish.name), expected);
    }

    #[test]
    fn a_change_leaves_all_other_lines_as_they_are() {
        let before = "\
# Kept.
name:   NGINX   # as they write it
kind: software
categories:
- web-server
description: >-
  A web server that
  also works as proxy.

home: https://old.example/
images: [nginx]   
";
        let wish = Wish {
            entry: Some("nginx".into()),
            name: "nginx".into(),
            description: "A server: for the web.".into(),
            home: "https://nginx.org/".into(),
            license: "BSD-2-Clause".into(),
            comment: "It has moved.".into(),
            ..Wish::default()
        };
        let expected = "\
# Suggested 2026-11-23: name: nginx
# Suggested 2026-11-23: It has moved.
# Kept.
name:   NGINX   # as they write it
kind: software
categories:
- web-server
description: \"A server: for the web.\"

home: https://nginx.org/
license: BSD-2-Clause
images: [nginx]   
";
        let suggestion = suggestion(wish);
        let after = changed_entry(before, &suggestion).unwrap();
        assert_eq!(after, expected);
        assert_eq!(changed_entry(&after, &suggestion).unwrap(), after, "once more changes nothing");
    }

    #[test]
    fn files_of_other_systems_keep_their_ends() {
        let wish = Wish {
            entry: Some("a".into()),
            source: "https://a.example/".into(),
            comment: "x".into(),
            ..Wish::default()
        };
        let after = changed_entry("\u{feff}name: A\r\nkind: software", &suggestion(wish.clone())).unwrap();
        let expected = "\u{feff}# Suggested 2026-11-23: x\r\nname: A\r\nkind: software\r\nsource: https://a.example/\r\n";
        assert_eq!(after, expected);
        let after = changed_entry("images: [a]\n", &suggestion(wish)).unwrap();
        assert_eq!(after, "# Suggested 2026-11-23: x\nsource: https://a.example/\nimages: [a]\n");
    }

    #[test]
    fn a_file_without_lines_of_fields_is_refused() {
        for before in ["", "{name: A, home: https://a.example/}\n", "- name: A\n"] {
            let refused = changed_entry(before, &suggestion(Wish::default()));
            assert_eq!(refused, Err(DraftError::NotInLines), "{before}");
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        for (text, written) in [
            ("NGINX", "NGINX"),
            ("A web server, of course (fast).", "A web server, of course (fast)."),
            ("https://a.example/x", "https://a.example/x"),
            ("yes", "\"yes\""),
            ("7zip", "\"7zip\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("end:", "\"end:\""),
            ("\\\"", "\"\\\\\\\"\""),
            ("a\u{202e}b", "\"a\\U0000202Eb\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_as_it_was(
            name in "(?s).{1,30}|[a-zA-Z:#\\[\\]{},&*!|>'\"%@`\\-? \n\u{85}\u{2028}]{1,30}",
            comment in "(?s).{0,60}|[\r\n\u{85}\u{2028}name: x]{0,30}",
            image in "[a-z:,\\]#\" ]{1,20}",
        ) {
            let wish = Wish { name: name.clone(), image: image.clone(), comment, ..Wish::default() };
            let text = new_entry(&suggestion(wish), &name);
            let expected = serde_json::json!({ "name": name, "images": [image] });
            prop_assert_eq!(read(&text), expected);
        }

        #[test]
        fn a_change_is_read_as_it_was_meant(description in "(?s).{1,30}", comment in "(?s).{0,60}", at in 0..3usize) {
            let before = [
                "name: A\ndescription: |\n  x\n\n  y\nhome: h\n",
                "name: A\nhome: h\n",
                "home: h\nname: A\n\"description\" : x\n",
            ][at];
            let entry = Some("a".to_owned());
            let wish = Wish { entry, description: description.clone(), comment, ..Wish::default() };
            let after = changed_entry(before, &suggestion(wish)).unwrap();
            prop_assert_eq!(
                read(&after),
                serde_json::json!({ "name": "A", "description": description, "home": "h" })
            );
        }
    }
}
