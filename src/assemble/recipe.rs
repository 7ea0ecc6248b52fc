//! Recipes: which platforms an image has, and what each is made of. `docs/recipe.md` describes them, and
//! `docs/recipe.schema.json` to programs. manifest-tool's own files are read as well.

mod manifest_tool;
mod names;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::{Location, MessageFormatter as _, UserMessageFormatter};
use workson_oci::{Digest, Platform, Reference};

use crate::source::Place;

pub use self::written::Config;

/// How long a recipe may be, in bytes.
pub const MAX_RECIPE: usize = 1 << 20;

/// What is to be assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// What it is called in messages: its file.
    pub name: String,
    /// Where it is to be pushed.
    pub references: Vec<Reference>,
    /// The annotations of the index.
    pub annotations: BTreeMap<String, String>,
    /// What the platforms are made of.
    pub parts: Vec<Part>,
    /// The platforms that have to come out.
    pub expect: Option<Vec<Platform>>,
}

/// What one platform, or several of an index, are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where the recipe says so, for people: `recipe.yaml:7:5`.
    pub at: String,
    /// Where it says what of.
    pub source_at: String,
    /// Which platform; none where the image tells.
    pub platform: Option<Platform>,
    /// What of.
    pub what: What,
    /// The annotations of its entry in the index, and of its manifest where that is made here.
    pub annotations: BTreeMap<String, String>,
}

/// What a platform is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A root file system: a tar file, packed or not, or a folder.
    Root {
        /// What it is called: its path, or where it was fetched from.
        name: String,
        /// Where it is.
        path: PathBuf,
        /// What its bytes have to have.
        checksums: Vec<Digest>,
        /// How a container of it is started.
        config: Box<Config>,
    },
    /// An existing image.
    Image(Place),
}

/// Why a text is no recipe: where, what, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}")]
pub struct RecipeError {
    at: String,
    what: String,
    hint: Option<String>,
}

impl RecipeError {
    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// A complaint without its place, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    what: String,
    hint: Option<String>,
}

impl Complaint {
    fn new(what: impl Into<String>) -> Complaint {
        Complaint { what: what.into(), hint: None }
    }

    fn with_hint(self, hint: impl Into<String>) -> Complaint {
        Complaint { hint: Some(hint.into()), ..self }
    }
}

/// What tells the two kinds of files apart.
#[derive(Deserialize)]
struct Shape {
    manifests: Option<IgnoredAny>,
    platforms: Option<IgnoredAny>,
}

impl Recipe {
    /// Reads a recipe, or a file of manifest-tool. `name` is what it is called in messages; what it names by a
    /// relative path lies in `folder`.
    ///
    /// # Errors
    /// Where it is no YAML, has a field that is not known or lacks one, or a value that can't be meant: with line and
    /// column.
    pub fn read(text: &str, name: &str, folder: &Path) -> Result<Recipe, RecipeError> {
        let file = File { name, folder };
        if text.len() > MAX_RECIPE {
            let what = format!("it is longer than {MAX_RECIPE} bytes, which is as much as is read");
            return Err(RecipeError { at: name.to_owned(), what, hint: None });
        }
        let shape: Shape = file.parse(text)?;
        match shape.manifests.is_some() && shape.platforms.is_none() {
            true => manifest_tool::recipe(file.parse(text)?, &file),
            false => written::recipe(file.parse(text)?, &file),
        }
    }
}

/// The file that is read.
struct File<'a> {
    name: &'a str,
    folder: &'a Path,
}

impl File<'_> {
    fn parse<'de, T: Deserialize<'de>>(&self, text: &'de str) -> Result<T, RecipeError> {
        let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| self.refused(&error))
    }

    fn at(&self, location: Location) -> String {
        match location.line() {
            0 => self.name.to_owned(),
            line => format!("{}:{line}:{}", self.name, location.column()),
        }
    }

    fn error(&self, location: Location, complaint: Complaint) -> RecipeError {
        RecipeError { at: self.at(location), what: complaint.what, hint: complaint.hint }
    }

    /// What the reader of YAML says.
    fn refused(&self, error: &serde_saphyr::Error) -> RecipeError {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let complaint = match error {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
                names::unknown_field(field, expected)
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                Complaint::new(format!("the field `{field}` is missing"))
            }
            serde_saphyr::Error::Unexpected { expected, .. } if expected.starts_with("sequence") => {
                Complaint::new("a list is expected here, like [one, two]")
            }
            serde_saphyr::Error::Unexpected { expected, .. } if expected.starts_with("mapping") => {
                Complaint::new("fields are expected here, like `name: value`")
            }
            error => Complaint::new(UserMessageFormatter.format_message(error).into_owned()),
        };
        let hint = complaint.hint.or_else(|| Some("docs/recipe.md says what a recipe may hold".to_owned()));
        self.error(location, Complaint { hint, ..complaint })
    }

    /// A path as the file means it.
    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// An image as the file means it.
    fn place(&self, text: &str) -> Result<Place, Complaint> {
        Place::read_in(self.folder, text).map_err(Complaint::new)
    }

    /// The references that an image's name and its further tags stand for.
    fn references(
        &self,
        image: Option<&serde_saphyr::Spanned<String>>,
        tags: &[serde_saphyr::Spanned<String>],
    ) -> Result<Vec<Reference>, RecipeError> {
        let read = |at: Location, text: &str| {
            let complain = |error| self.error(at, Complaint::new(format!("{text}: {error}")));
            text.parse::<Reference>().map_err(complain)
        };
        let name = image.map(|image| read(image.referenced, &image.value)).transpose()?;
        let mut references = Vec::new();
        if let (Some(name), Some(image)) = (&name, image) {
            if name.digest().is_some() {
                let what = format!("{} names a digest, which follows from what is assembled", image.value);
                return Err(
                    self.error(image.referenced, Complaint::new(what).with_hint("name a tag, or none"))
                );
            }
            // Without a tag it stands for the tags that are listed, where some are.
            let last = image.value.rsplit('/').next().unwrap_or_default();
            if last.contains(':') || tags.is_empty() {
                references.push(name.clone());
            }
        }
        for tag in tags {
            let at = tag.referenced;
            let reference = match (tag.value.contains(['/', ':']), &name) {
                (true, _) => read(at, &tag.value)?,
                (false, Some(name)) => name
                    .repository()
                    .with_tag(&tag.value)
                    .map_err(|error| self.error(at, Complaint::new(format!("{}: {error}", tag.value))))?,
                (false, None) => {
                    let what = format!("the tag {} is of no image", tag.value);
                    let hint = "say which by `image`, or write the whole reference";
                    return Err(self.error(at, Complaint::new(what).with_hint(hint)));
                }
            };
            if !references.contains(&reference) {
                references.push(reference);
            }
        }
        Ok(references)
    }
}
