//! The line format, in which library files were written until October 2021: `tag: repository@commit directory`,
//! for amd64 alone. The reference is bashbrew at 69f4323^ (2022), `manifest/line-based.go`.

use super::paragraphs::trim;
use super::{Architectures, Draft, LibraryFile, is_maintainer, split_at};

/// What introduces a maintainer. Any other comment says nothing.
const MAINTAINER: &[u8] = b"# maintainer: ";

/// Reads a file in the line format; nothing where it is none. Why it is none would help nobody: whoever writes
/// a file today wants to know what is wrong with its fields.
pub(super) fn read(bytes: &[u8]) -> Option<LibraryFile> {
    let mut file = Draft::default();
    let mut is_maintained = false;
    for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = trim(line);
        if let Some(maintainer) = line.strip_prefix(MAINTAINER) {
            if !is_maintainer(maintainer) {
                return None;
            }
            is_maintained = true;
        } else if !line.is_empty() && !line.starts_with(b"#") {
            let (tag, source) = split_at(line, b':')?;
            // What follows the `@` may be anything: if it is no commit, bashbrew takes it for a tag of Git.
            let (repository, _) = split_at(source, b'@')?;
            if trim(repository).is_empty() {
                return None;
            }
            file.begin(index + 1, Architectures::DEFAULT);
            file.tag(trim(tag)).ok()?;
        }
    }
    if is_maintained { file.finish().ok() } else { None }
}
