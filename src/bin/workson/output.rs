//! How answers are written: for people, for programs, and as mquery wrote them.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod mquery;
pub(crate) mod sarif;
pub(crate) mod table;

use std::io::{self, Write as _};

/// Writes to standard output, colours taken out where they are not wanted.
pub(crate) fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes to standard output exactly these bytes.
pub(crate) fn print_raw(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// `1 image`, `2 images`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first twelve digits of a commit.
pub(crate) fn short(commit: &str) -> &str {
    match commit.get(..12) {
        Some(start) if commit.len() == 40 => start,
        _ => commit,
    }
}

/// The names, wrapped into lines of at most `width` columns that begin with two spaces.
pub(crate) fn wrapped<'a>(names: impl IntoIterator<Item = &'a str>, width: usize) -> String {
    let mut text = String::new();
    let mut line = String::from(" ");
    for name in names {
        if line.len() > 1 && line.len() + 1 + name.len() > width {
            text += &line;
            text.push('\n');
            line = String::from(" ");
        }
        line.push(' ');
        line += name;
    }
    if line.len() > 1 {
        text += &line;
        text.push('\n');
    }
    text
}

/// How wide the terminal is; 80 columns where there is none.
pub(crate) fn width() -> u16 {
    terminal_size::terminal_size().map_or(80, |(terminal_size::Width(width), _)| width.max(40))
}
