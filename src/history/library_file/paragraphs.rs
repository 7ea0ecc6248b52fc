//! Fields in paragraphs, as bashbrew's comment stripper and its library for Debian's control files read them.

use std::borrow::Cow;

use super::{Problem, Refusal, shown, split_at};

/// How a clear-signed message begins, of whatever kind.
const SIGNED: &[u8] = b"-----BEGIN PGP ";

/// The fields of a paragraph that say something here. Of a field given twice, the last one stays.
#[derive(Default)]
pub(super) struct Paragraph<'a> {
    /// Where the first field is.
    pub(super) line: usize,
    pub(super) maintainers: Option<Cow<'a, [u8]>>,
    pub(super) tags: Option<Cow<'a, [u8]>>,
    pub(super) shared_tags: Option<Cow<'a, [u8]>>,
    pub(super) architectures: Option<Cow<'a, [u8]>>,
    pub(super) git_repo: Option<Cow<'a, [u8]>>,
    pub(super) git_fetch: Option<Cow<'a, [u8]>>,
    pub(super) git_commit: Option<Cow<'a, [u8]>>,
}

impl<'a> Paragraph<'a> {
    /// The place of a field's value; none for a field that says nothing here.
    fn place(&mut self, name: &[u8]) -> Option<&mut Option<Cow<'a, [u8]>>> {
        Some(match name {
            b"Maintainers" => &mut self.maintainers,
            b"Tags" => &mut self.tags,
            b"SharedTags" => &mut self.shared_tags,
            b"Architectures" => &mut self.architectures,
            b"GitRepo" => &mut self.git_repo,
            b"GitFetch" => &mut self.git_fetch,
            b"GitCommit" => &mut self.git_commit,
            _ => return None,
        })
    }
}

/// The paragraphs of a file, one after the other.
pub(super) struct Reader<'a> {
    lines: Lines<'a>,
}

/// The lines that are no comments, without their end, and their numbers.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        while !self.rest.is_empty() {
            let (line, rest) = split_at(self.rest, b'\n').unwrap_or((self.rest, &[]));
            self.rest = rest;
            self.number += 1;
            if !trim_start(line).starts_with(b"#") {
                return Some((self.number, line));
            }
        }
        None
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Reader<'a>, Refusal> {
        let mut lines = Lines { rest: bytes, number: 0 };
        if let Some((number, line)) = lines.next()
            && line.starts_with(SIGNED)
        {
            return Err(Problem::ClearSigned.at(number));
        }
        Ok(Reader { lines: Lines { rest: bytes, number: 0 } })
    }

    /// The next paragraph, or nothing at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Paragraph<'a>>, Refusal> {
        let mut paragraph = Paragraph::default();
        // The field that a continuation line continues. Before the first one there is none: such a line is
        // passed over, and so would be a paragraph that had nothing else.
        let mut name: &[u8] = b"";
        for (number, line) in self.lines.by_ref() {
            if matches!(line, b"" | b"\r") {
                if paragraph.line == 0 {
                    continue;
                }
                break;
            }
            if let [b' ' | b'\t', line @ ..] = line {
                if let Some(Some(value)) = paragraph.place(name) {
                    extend(value.to_mut(), trim_end(line));
                }
                continue;
            }
            let Some((before, after)) = split_at(line, b':') else {
                return Err(Problem::NoField(shown(line)).at(number));
            };
            name = trim(before);
            if paragraph.line == 0 {
                paragraph.line = number;
            }
            match paragraph.place(name) {
                Some(value) => *value = Some(Cow::Borrowed(trim(after))),
                None => check_name(name).map_err(|problem| problem.at(number))?,
            }
        }
        Ok((paragraph.line != 0).then_some(paragraph))
    }
}

/// Adds a continuation line to a value, which ends with the end of a line from then on. A dot alone stands for
/// an empty line.
fn extend(value: &mut Vec<u8>, line: &[u8]) {
    if !value.is_empty() && !value.ends_with(b"\n") {
        value.push(b'\n');
    }
    value.extend_from_slice(if line == b"." { b"" } else { line });
    value.push(b'\n');
}

/// Refuses what bashbrew's decoder cannot put a text into. It finds the place of a field by its name, and three
/// of the places so named are no fields but its own. No library file has ever had one of them.
fn check_name(name: &[u8]) -> Result<(), Problem> {
    match ["ArchValues", "Paragraph", "Values"].into_iter().find(|own| own.as_bytes() == name) {
        Some(own) => Err(Problem::FieldName(own)),
        None => Ok(()),
    }
}

/// What is between the commas of a value. An empty value has one element, which is empty.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Fewer characters than in `trim`: the list of them is bashbrew's own.
    let is_space = |b: &u8| matches!(b, b'\n' | b'\r' | b'\t' | b' ');
    value.split(|b| *b == b',').map(move |element| {
        let start = element.iter().position(|b| !is_space(b)).unwrap_or(element.len());
        let end = element.iter().rposition(|b| !is_space(b)).map_or(start, |last| last + 1);
        &element[start..end]
    })
}

/// Without white space at both ends, as Unicode has it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    trim_start(trim_end(text))
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let Some(first) = text.first() {
        let length = match first {
            b' ' | b'\t'..=b'\r' => 1,
            0x80.. => match (2..=3).find(|length| text.get(..*length).is_some_and(is_space)) {
                Some(length) => length,
                None => break,
            },
            _ => break,
        };
        text = &text[length..];
    }
    text
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let Some(last) = text.last() {
        let end = match last {
            b' ' | b'\t'..=b'\r' => Some(text.len() - 1),
            0x80.. => (2..=3)
                .filter_map(|length| text.len().checked_sub(length))
                .find(|start| is_space(&text[*start..])),
            _ => None,
        };
        let Some(end) = end else { break };
        text = &text[..end];
    }
    text
}

/// Whether it is one character that is white space. Those beyond ASCII have two or three bytes.
fn is_space(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let mut characters = text.chars();
        characters.next().is_some_and(char::is_whitespace) && characters.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trimming_is_that_of_text_wherever_it_is_text() {
        let spaces: String =
            (0..=0x10ffff).filter_map(char::from_u32).filter(|c| c.is_whitespace()).collect();
        for text in [
            "",
            " ",
            "a",
            " \u{85}a b\u{a0}\u{3000}\u{2003}",
            "\u{200b}a\u{200b}",
            "é",
            "\u{2028}é\u{1680}",
            &spaces,
            &format!("{spaces}a{spaces}"),
        ] {
            assert_eq!(trim(text.as_bytes()), text.trim().as_bytes(), "{text:?}");
        }
        assert_eq!(trim(b" \x85\xa0 "), b"\x85\xa0", "a byte alone is no character");
        assert_eq!(trim(b"\x80\xc2\x85"), b"\x80");
        assert_eq!(trim(b"\xc2\x85\xc2"), b"\xc2");
    }
}
