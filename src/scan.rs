//! Texts that name images: lists, Dockerfiles, compose files. What is found has its line; nothing is asked of anyone.
//!
//! A text is read without its surroundings: no other file, no build argument and no environment. So a variable is
//! what the text says it is without being told otherwise, and an image that can't be told so is a [`Problem`].
//! Nothing that names an image is passed over in silence but what [`Form`] says.

mod compose;
mod dockerfile;
mod list;
mod variables;

use std::collections::HashSet;

use workson_oci::Reference;

/// How many bytes of text are read.
pub const MAX_TEXT: usize = 64 << 10;

/// How many images a text may name.
pub const MAX_IMAGES: usize = 100;

/// How many problems of a text are told.
pub const MAX_PROBLEMS: usize = 100;

/// How long what is told of a problem may be, in characters.
const MAX_PROBLEM: usize = 400;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One reference a line; what follows a `#` is passed over.
    List,
    /// A Dockerfile (Containerfile), by the [Dockerfile reference]: the images that its stages begin with, and those
    /// that are copied and mounted from. All stages count, also those that the last one does not need.
    ///
    /// Passed over is what does not have to be there for the platform that is built for: the frontend of a `syntax`
    /// line and stages of `--platform=$BUILDPLATFORM` run on the machine that builds, and `ONBUILD` is for others'
    /// builds. A name that `docker build --build-context` gives to something else can't be told from an image's.
    ///
    /// [Dockerfile reference]: https://docs.docker.com/reference/dockerfile/
    Dockerfile,
    /// A compose file, by the [compose specification]: the images of its services, of all profiles.
    ///
    /// [compose specification]: https://github.com/compose-spec/compose-spec/blob/main/spec.md
    Compose,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 3] = [Form::List, Form::Dockerfile, Form::Compose];

    /// `list`, `dockerfile` or `compose`.
    pub fn name(self) -> &'static str {
        match self {
            Form::List => "list",
            Form::Dockerfile => "dockerfile",
            Form::Compose => "compose",
        }
    }

    /// The form of a name.
    pub fn from_name(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// An image that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The line, from 1 on.
    pub line: usize,
    /// As it is written, variables put in.
    pub text: String,
    /// What it names.
    pub reference: Reference,
}

/// Something that can't be read, or names an image that can't be told from the text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1 on.
    pub line: usize,
    /// What, a sentence without its end.
    pub what: String,
}

/// What was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What it was read as.
    pub form: Form,
    /// Its images, in order, each once: at its first line.
    pub images: Vec<Found>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Reads `text` as `form`, or as what it looks like: a Dockerfile where its first instruction is `FROM`, maybe after
/// some `ARG`; a compose file where a line begins with `services:`; else a list.
///
/// Of a text above [`MAX_TEXT`] nothing is read, and of one with more than [`MAX_IMAGES`] what follows them is not:
/// one [`Problem`] says so.
pub fn scan(text: &str, form: Option<Form>) -> Scan {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let form = form.unwrap_or_else(|| looks_like(&text[..text.floor_char_boundary(MAX_TEXT)]));
    let mut findings = Findings::default();
    if text.len() > MAX_TEXT {
        findings.problem(1, format!("it is longer than {MAX_TEXT} bytes, which is as much as is read"));
    } else if let Some(line) = text.lines().position(|line| line.contains('\0')) {
        findings.problem(line + 1, "there is a NUL character, so it is no text");
    } else {
        match form {
            Form::List => list::read(text, &mut findings),
            Form::Dockerfile => dockerfile::read(text, &mut findings),
            Form::Compose => compose::read(text, &mut findings),
        }
    }
    findings.into_scan(form)
}

fn looks_like(text: &str) -> Form {
    if dockerfile::begins(text) {
        Form::Dockerfile
    } else if text.lines().any(|line| line.starts_with("services:")) {
        Form::Compose
    } else {
        Form::List
    }
}

/// What was found so far, in any order.
#[derive(Debug, Default)]
struct Findings {
    images: Vec<Found>,
    problems: Vec<Problem>,
}

impl Findings {
    /// An image by its name, which may be none.
    fn image(&mut self, line: usize, text: &str) {
        match text.parse() {
            Ok(reference) => self.images.push(Found { line, text: text.to_owned(), reference }),
            Err(error) => self.problem(line, error.to_string()),
        }
    }

    fn problem(&mut self, line: usize, what: impl AsRef<str>) {
        let what = what.as_ref();
        let mut clean: String =
            what.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_PROBLEM).collect();
        if clean.len() < what.len() {
            clean.push('…');
        }
        self.problems.push(Problem { line, what: clean });
    }

    fn into_scan(mut self, form: Form) -> Scan {
        self.images.sort_by_key(|image| image.line);
        let mut seen = HashSet::new();
        self.images.retain(|image| seen.insert(image.reference.clone()));
        let beyond = self.images.get(MAX_IMAGES).map(|image| image.line);
        self.images.truncate(MAX_IMAGES);
        self.problems.sort_by_key(|problem| problem.line);
        if self.problems.len() > MAX_PROBLEMS {
            self.problems.truncate(MAX_PROBLEMS);
            let line = self.problems.last().map_or(1, |problem| problem.line);
            self.problem(
                line,
                format!("there are more than {MAX_PROBLEMS} problems; the others are not told"),
            );
        }
        if let Some(line) = beyond {
            let what =
                format!("there are more than {MAX_IMAGES} images; from here on they are not looked at");
            self.problem(line, what);
        }
        Scan { form, images: self.images, problems: self.problems }
    }
}
