//! Tables for spreadsheets: CSV as RFC 4180 has it, with `\n` at the end of a line.

use std::io;

/// A table that is being written.
pub(crate) struct Table(csv::Writer<Vec<u8>>);

impl Table {
    pub(crate) fn new(headings: &[&str]) -> io::Result<Table> {
        let mut table = Table(csv::Writer::from_writer(Vec::new()));
        table.row(headings)?;
        Ok(table)
    }

    pub(crate) fn row(&mut self, cells: &[&str]) -> io::Result<()> {
        Ok(self.0.write_record(cells)?)
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.0.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A cell with a text from outside: one line, and never a formula.
pub(crate) fn cell(text: &str) -> String {
    workson::site::cell(text).into_owned()
}
