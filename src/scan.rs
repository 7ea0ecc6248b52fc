//! Texts that name images: lists, Dockerfiles, compose files. What is found has its line; nothing is asked of anyone.

use workson_oci::Reference;

/// How many bytes of text are read.
pub const MAX_TEXT: usize = 64 << 10;

/// How many images a text may name.
pub const MAX_IMAGES: usize = 100;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One reference a line.
    List,
    /// A Dockerfile (Containerfile).
    Dockerfile,
    /// A compose file (compose-spec).
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
