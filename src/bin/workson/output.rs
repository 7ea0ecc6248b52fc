//! How answers are written: for people, for programs, and as mquery wrote them.

pub(crate) mod json;
pub(crate) mod mquery;
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
