//! `/etc/ld.so.conf`: the folders that `ldconfig` makes its cache of.

use super::super::layer::Content;
use super::super::tree::Tree;

/// How many files `ld.so.conf` may include, and how deep.
const MAX_INCLUDES: usize = 256;
const MAX_INCLUDE_DEPTH: usize = 8;

/// The folders that `ld.so.conf` names, with what it includes.
pub(super) fn folders(tree: &Tree) -> Vec<Vec<u8>> {
    let (mut left, mut folders) = (MAX_INCLUDES, Vec::new());
    configured(tree, b"etc/ld.so.conf", 0, &mut left, &mut folders);
    folders
}

/// The folders that a file of it names, with what that includes.
fn configured(tree: &Tree, file: &[u8], depth: usize, left: &mut usize, folders: &mut Vec<Vec<u8>>) {
    if depth > MAX_INCLUDE_DEPTH || *left == 0 {
        return;
    }
    *left -= 1;
    let Ok((_, found, _)) = tree.file(file) else { return };
    let Content::Setting(text) = &found.content else { return };
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        if let Some(pattern) =
            line.strip_prefix(b"include").filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
        {
            for name in included(tree, pattern.trim_ascii()) {
                configured(tree, &name, depth + 1, left, folders);
            }
        } else if line.starts_with(b"/") {
            folders.push(line.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec());
        }
    }
}

/// The files that a pattern like `/etc/ld.so.conf.d/*.conf` names, sorted.
fn included(tree: &Tree, pattern: &[u8]) -> Vec<Vec<u8>> {
    let pattern = match pattern.starts_with(b"/") {
        true => pattern.to_vec(),
        false => [b"/etc/", pattern].concat(),
    };
    let slash = pattern.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (folder, name) = (&pattern[..slash], &pattern[slash + 1..]);
    let Some(star) = name.iter().position(|byte| *byte == b'*') else { return vec![pattern] };
    let (begin, end) = (&name[..star], &name[star + 1..]);
    let fits = |file: &Vec<u8>| {
        file.starts_with(begin) && file.ends_with(end) && file.len() >= begin.len() + end.len()
    };
    let files = tree.folder(folder).into_iter().filter(fits);
    files.map(|file| [folder, b"/", &file[..]].concat()).collect()
}
