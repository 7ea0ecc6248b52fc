//! Texts that begin with fields: YAML between two lines of `---`, then Markdown.

/// A text in its parts.
pub(super) struct Parts<'t> {
    /// What is between the two lines.
    pub(super) front: &'t str,
    /// What comes behind them.
    pub(super) body: &'t str,
    /// How many lines are before that.
    pub(super) lines: u64,
}

/// The parts of a text; none where it does not begin with fields.
pub(super) fn parts(text: &str) -> Option<Parts<'_>> {
    let rest = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n"))?;
    let (mut at, mut lines) = (0, 1);
    for line in rest.split_inclusive('\n') {
        lines += 1;
        if line.trim_end() == "---" {
            return Some(Parts { front: &rest[..at], body: &rest[at + line.len()..], lines });
        }
        at += line.len();
    }
    None
}
