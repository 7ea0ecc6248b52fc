//! What to watch: lists of references.

use std::collections::HashMap;

use workson_oci::{Digest, Reference};

/// The names of the official images, as they were at the commit that the file names.
const OFFICIAL: &str = include_str!("../data/official-images.txt");
/// How long a list may be, in bytes.
pub const MAX_LIST: usize = 64 << 20;
/// How much of a bad line is shown.
const SHOWN: usize = 120;

/// A list of references, in the order in which they were given, each once.
#[derive(Debug, Clone)]
pub struct List {
    /// What the list is called: runs of lists with the same name are compared.
    pub name: String,
    /// The references.
    pub references: Vec<Reference>,
    /// The lines that are none.
    pub problems: Vec<Problem>,
    /// How many lines named what an earlier line had named.
    pub repeated: usize,
}

/// A line that is no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The number of the line, from 1.
    pub line: usize,
    /// What stands there, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl List {
    /// Reads a list: one reference a line; empty lines, and what follows a `#`, are passed over. A line that
    /// is no reference becomes a [`Problem`]; the others are there all the same.
    pub fn parse(name: impl Into<String>, bytes: &[u8]) -> List {
        let mut list = List { name: name.into(), references: Vec::new(), problems: Vec::new(), repeated: 0 };
        let mut seen = HashMap::new();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            list.line(at + 1, line, &mut seen);
        }
        list
    }

    fn line(&mut self, number: usize, line: &[u8], seen: &mut HashMap<Reference, usize>) {
        let Ok(line) = std::str::from_utf8(line) else {
            return self.problem(number, &String::from_utf8_lossy(line), "the line is not UTF-8".into());
        };
        // `#` cannot occur in a reference, so a comment may follow one.
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            return;
        }
        match text.parse::<Reference>() {
            Err(error) => self.problem(number, text, error.to_string()),
            Ok(reference) => {
                if seen.insert(reference.clone(), number).is_some() {
                    self.repeated += 1;
                } else {
                    self.references.push(reference);
                }
            }
        }
    }

    fn problem(&mut self, line: usize, text: &str, reason: String) {
        let text =
            text.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(SHOWN).collect();
        self.problems.push(Problem { line, text, reason });
    }

    /// The bundled list of the official images.
    pub fn official() -> List {
        List::parse("official", OFFICIAL.as_bytes())
    }

    /// A list of the images called `names` in Docker Hub's namespace `library`.
    pub fn of_official_names(name: impl Into<String>, names: impl IntoIterator<Item = String>) -> List {
        let lines: Vec<String> = names.into_iter().map(|name| format!("docker.io/library/{name}")).collect();
        List::parse(name, lines.join("\n").as_bytes())
    }

    /// The first `count` references alone, under a name of their own.
    #[must_use]
    pub fn top(mut self, count: usize) -> List {
        if count < self.references.len() {
            self.references.truncate(count);
            self.name = format!("{}, the first {count}", self.name);
        }
        self
    }

    /// What tells two lists of the same name apart: the digest of their references, in order.
    pub fn fingerprint(&self) -> Digest {
        let lines: Vec<String> = self.references.iter().map(Reference::to_string).collect();
        Digest::sha256(lines.join("\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_list_is_whole() {
        let list = List::official();
        assert_eq!((list.references.len(), list.problems.len(), list.repeated), (144, 0, 0));
        assert!(
            list.references.iter().all(|reference| reference.to_string().starts_with("docker.io/library/"))
        );
    }

    #[test]
    fn bad_lines_are_named_and_the_others_stay() {
        let text = b"\xef\xbb\xbf# my images\nnginx  # the web\r\n\nUPPER/Case\ndocker.io/library/nginx:latest\n\xff\xfe\nquay.io/a/b:1\n";
        let list = List::parse("test", text);
        let names: Vec<String> = list.references.iter().map(Reference::to_string).collect();
        assert_eq!(names, ["docker.io/library/nginx:latest", "quay.io/a/b:1"]);
        assert_eq!(list.repeated, 1);
        let lines: Vec<usize> = list.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [4, 6]);
        assert_eq!(list.problems[0].text, "UPPER/Case");
    }

    #[test]
    fn order_and_content_make_the_fingerprint() {
        let of = |text: &str| List::parse("x", text.as_bytes()).fingerprint();
        assert_eq!(of("a\nb"), of("a:latest\n# b\nb\n"));
        assert_ne!(of("a\nb"), of("b\na"));
    }
}
