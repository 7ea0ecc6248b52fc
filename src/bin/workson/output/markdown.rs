//! Tables for issues and newsletters: Markdown as GitHub reads it.

use workson_oci::text::printable;

/// A table that is being written.
pub(crate) struct Table(String);

impl Table {
    /// An empty table. The headings are our own, and may be Markdown.
    pub(crate) fn new(headings: &[&str]) -> Table {
        let rule = vec!["---"; headings.len()];
        Table(format!("| {} |\n| {} |\n", headings.join(" | "), rule.join(" | ")))
    }

    pub(crate) fn row(&mut self, cells: &[&str]) {
        for cell in cells {
            self.0 += "| ";
            self.0 += &escaped(cell);
            self.0.push(' ');
        }
        self.0 += "|\n";
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// A line that is a line of text in Markdown, too.
pub(crate) fn escaped_line(line: &str) -> String {
    format!("{}\n", escaped(line.trim_end()))
}

/// A text that is a text in Markdown, too.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '<' | '>' | '[' | ']' | '_' | '&') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
