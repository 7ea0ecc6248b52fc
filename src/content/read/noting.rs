//! What is wrong with one file, noted while reading goes on.

use crate::content::{At, Problem};
pub(super) use crate::yaml::Spot;

/// The problems of one file.
#[derive(Debug)]
pub(super) struct Noting<'a> {
    path: &'a str,
    /// How many lines of the file are before what is read.
    lines_before: u64,
    problems: Vec<Problem>,
}

impl<'a> Noting<'a> {
    pub(super) fn new(path: &'a str) -> Noting<'a> {
        Noting { path, lines_before: 0, problems: Vec::new() }
    }

    pub(super) fn path(&self) -> &str {
        self.path
    }

    /// What is read now begins behind so many lines.
    pub(super) fn behind(&mut self, lines: u64) {
        self.lines_before = lines;
    }

    /// A place in the file.
    pub(super) fn at(&self, spot: Spot) -> At {
        let line = if spot.line == 0 { 0 } else { spot.line + self.lines_before };
        At { file: self.path.to_owned(), line, column: spot.column }
    }

    pub(super) fn note(&mut self, spot: Spot, what: impl Into<String>, hint: impl Into<Option<String>>) {
        let problem = Problem { at: self.at(spot), what: what.into(), hint: hint.into() };
        self.problems.push(problem);
    }

    /// The same, of the whole file.
    pub(super) fn note_file(&mut self, what: impl Into<String>, hint: &str) {
        let at = At { file: self.path.to_owned(), line: 0, column: 0 };
        self.problems.push(Problem { at, what: what.into(), hint: Some(hint.to_owned()) });
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// How different a name may be that is suggested.
const NEAR: usize = 3;

/// `did you mean one or other?`, where any known name is like `name`.
pub(super) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let measured = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let near: Vec<(usize, &str)> = measured
        .filter(|(distance, known)| *distance <= NEAR && *distance < known.chars().count().max(2))
        .collect();
    let least = near.iter().map(|(distance, _)| *distance).min()?;
    let names: Vec<&str> =
        near.into_iter().filter(|(distance, _)| *distance == least).map(|(_, known)| known).collect();
    Some(format!("did you mean {}?", names.join(" or ")))
}

/// The same, or what there is where nothing is like it.
pub(super) fn nearest_or_all<'k>(name: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    did_you_mean(name, known.clone())
        .unwrap_or_else(|| format!("there are: {}", known.into_iter().collect::<Vec<_>>().join(", ")))
}
