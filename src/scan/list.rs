//! Lists: one reference a line.

use super::Findings;

/// Reads a list. What follows a `#`, which is in no reference, is passed over, and so are blank lines.
pub(super) fn read(text: &str, findings: &mut Findings) {
    for (at, line) in text.lines().enumerate() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if !name.is_empty() {
            findings.image(at + 1, name);
        }
    }
}
