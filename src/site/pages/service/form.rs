//! Fields of forms: what was typed is there again, and what is wrong stands beside it.

use super::super::text;
use crate::site::Typed;
use crate::site::outside::plain;

/// How many characters of what was typed are shown again in a line and in several lines. What is longer was refused.
const LINE: usize = 2_000;
const AREA: usize = 70_000;

/// How many problems are listed above a form.
const PROBLEMS: usize = 40;

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// One line, with the `type` that tells keyboards what to offer.
    Line(&'static str),
    /// So many lines.
    Area(u8),
}

/// One field of a form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: String,
    pub(super) takes: Takes,
    /// What browsers may fill in (HTML, "autofill").
    pub(super) autocomplete: &'static str,
    pub(super) is_needed: bool,
    /// Whether it is said that it may be empty: not where all fields of a form may.
    pub(super) says_optional: bool,
    pub(super) value: String,
    pub(super) problem: Option<String>,
}

impl Field {
    /// A field that may be empty.
    pub(super) fn new(
        typed: &Typed,
        name: &'static str,
        label: &'static str,
        hint: &str,
        takes: Takes,
    ) -> Field {
        let value = typed.value(name);
        let value = match takes {
            Takes::Line(_) => text::line(value, LINE),
            Takes::Area(_) => text::typed(&text::cut(value, AREA)),
        };
        let (hint, problem) = (hint.to_owned(), problem(typed, name));
        Field {
            name,
            label,
            hint,
            takes,
            autocomplete: "off",
            is_needed: false,
            says_optional: true,
            value,
            problem,
        }
    }

    /// One that has to be filled in.
    pub(super) fn needed(mut self) -> Field {
        self.is_needed = true;
        self.says_optional = false;
        self
    }

    /// One of a form of which all fields may be empty.
    pub(super) fn unmarked(mut self) -> Field {
        self.says_optional = false;
        self
    }

    /// One that browsers may fill in.
    pub(super) fn filled_by(mut self, autocomplete: &'static str) -> Field {
        self.autocomplete = autocomplete;
        self
    }

    /// The type of a line's input; empty of several lines.
    pub(super) fn input(&self) -> &'static str {
        match self.takes {
            Takes::Line(kind) => kind,
            Takes::Area(_) => "",
        }
    }

    /// How many lines are shown.
    pub(super) fn rows(&self) -> u8 {
        match self.takes {
            Takes::Line(_) => 1,
            Takes::Area(rows) => rows,
        }
    }

    /// The names of what describes it.
    pub(super) fn described_by(&self) -> String {
        described_by(self.name, !self.hint.is_empty(), self.problem.is_some())
    }
}

/// The `aria-describedby` of a field; empty where nothing describes it.
pub(super) fn described_by(name: &str, has_hint: bool, has_problem: bool) -> String {
    let hint = has_hint.then(|| format!("{name}_hint"));
    let problem = has_problem.then(|| format!("{name}_problem"));
    hint.into_iter().chain(problem).collect::<Vec<_>>().join(" ")
}

/// What is wrong with a field.
pub(super) fn problem(typed: &Typed, name: &str) -> Option<String> {
    typed.problem(name).map(|problem| plain(problem).into_owned())
}

/// Everything that is wrong, in the order of the fields: the field's name where the form has it, and what.
pub(super) fn problems(typed: &Typed, fields: &[&str]) -> Vec<(Option<String>, String)> {
    let place = |name: &str| fields.iter().position(|field| *field == name);
    let mut told: Vec<&(String, String)> = typed.problems.iter().take(PROBLEMS).collect();
    told.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    let told =
        told.into_iter().map(|(name, what)| (place(name).map(|_| name.clone()), plain(what).into_owned()));
    told.collect()
}
