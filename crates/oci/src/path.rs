//! Paths in layers and archives, which are bytes and no text.

/// A path as root has it, in one way: without slashes at its ends, empty parts and `.`; `..` never leads out of the
/// root.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_path_has_one_spelling_and_stays_in_the_root() {
        for (path, cleaned) in [
            ("", ""),
            ("/", ""),
            ("./etc//passwd/", "etc/passwd"),
            ("/usr/./lib/../bin/env", "usr/bin/env"),
            ("../../etc/shadow", "etc/shadow"),
            ("a/..", ""),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(clean(path.as_bytes()), cleaned.as_bytes(), "{path}");
        }
        assert_eq!(clean(b"\xff/../\xfe"), b"\xfe");
    }
}
