//! Check a whole stack.

use askama::Template;

use super::super::Frame;
use super::super::text::{line, sentence};
use super::form::{self, Field, Takes};
use super::verdict;
use crate::query::stack::{StackAnswer, StackVerdict};
use crate::site::{Mark, Route, ServiceRoute, Site, Typed};

/// How many cells the table of images may have.
const CELLS: usize = 600;
/// How many images a verdict names.
const NAMED: usize = 20;
/// How many problems are told.
const PROBLEMS: usize = 50;
/// How many characters of a name are shown, and of a sentence.
const NAME: usize = 300;
const WORDS: usize = 500;
/// How many platforms are judged: more have no room.
const PLATFORMS: usize = 20;

/// What is asked about where nothing else was typed.
const USUAL: &str = "linux/amd64, linux/arm64";

/// What a text may be: the value, and what it is called.
const FORMS: [(&str, &str); 4] = [
    ("", "what it looks like"),
    ("list", "a list of images"),
    ("dockerfile", "a Dockerfile"),
    ("compose", "a compose file"),
];

/// The verdict on a platform for the whole.
pub(super) struct Whole {
    platform: String,
    mark: Mark,
    sentence: String,
    lacking: Vec<String>,
    more_lacking: usize,
    unknown: Vec<String>,
    more_unknown: usize,
}

/// One image.
pub(super) struct Row {
    line: usize,
    reference: String,
    marks: Vec<Mark>,
    /// Why it could not be read.
    error: Option<String>,
}

/// What was found out.
pub(super) struct Answer {
    form: &'static str,
    images: usize,
    whole: Vec<Whole>,
    rows: Vec<Row>,
    more_rows: usize,
    problems: Vec<(usize, String)>,
    more_problems: usize,
}

#[derive(Template)]
#[template(path = "service/stack.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    problems: Vec<(Option<String>, String)>,
    text: Field,
    platform: Field,
    /// Value, name, whether it is chosen.
    forms: Vec<(&'static str, &'static str, bool)>,
    form_problem: Option<String>,
    registries: &'a [String],
    api: String,
    answer: Option<Answer>,
}

pub(super) fn page<'a>(site: &'a Site, typed: &Typed, answer: Option<&StackAnswer>) -> Page<'a> {
    let description =
        "Does a whole stack work on Arm? Check all images of a list, a Dockerfile or a compose file.";
    let title = if typed.problems.is_empty() { "Check a stack" } else { "Not checked yet: check a stack" };
    let frame = Frame::new(site, Route::Service(ServiceRoute::Stack), title, description);
    let text =
        "Images, one a line; or a Dockerfile; or a compose file. It is read, asked about and not kept.";
    let platform = "One or more, with commas between them.";
    let mut platform = Field::new(typed, "platform", "Platforms", platform, Takes::Line("text")).needed();
    if !typed.fields.iter().any(|(name, _)| name == "platform") {
        USUAL.clone_into(&mut platform.value);
    }
    let chosen = typed.value("form");
    let is_known = FORMS.iter().any(|(value, _)| *value == chosen);
    let form = |(value, name): (&'static str, &'static str)| {
        (value, name, if is_known { value == chosen } else { value.is_empty() })
    };
    Page {
        problems: form::problems(typed, &["text", "platform", "form"]),
        text: Field::new(typed, "text", "Your stack", text, Takes::Area(14)).needed(),
        platform,
        forms: FORMS.into_iter().map(form).collect(),
        form_problem: form::problem(typed, "form"),
        registries: site.services.registries.as_deref().unwrap_or_default(),
        api: site.base.absolute(&Route::Service(ServiceRoute::ApiStack)),
        answer: answer.map(self::answer),
        frame,
    }
}

fn answer(found: &StackAnswer) -> Answer {
    let platforms = found.platforms.len().min(PLATFORMS);
    let room = CELLS / (platforms + 1);
    let row = |image: &crate::query::stack::StackImage| Row {
        line: image.line,
        reference: line(&image.answer.reference, NAME),
        marks: (0..platforms).map(|at| verdict::of(image.answer.supports.get(at))).collect(),
        error: image.answer.error.as_ref().map(|error| sentence(&error.message, WORDS)),
    };
    let problems = found.problems.iter().take(PROBLEMS);
    Answer {
        form: FORMS.iter().find(|(value, _)| *value == found.form).map_or(found.form, |(_, name)| name),
        images: found.images.len(),
        whole: found.platforms.iter().take(platforms).map(|platform| whole(found, platform)).collect(),
        rows: found.images.iter().take(room).map(row).collect(),
        more_rows: found.images.len().saturating_sub(room),
        problems: problems.map(|problem| (problem.line, line(&problem.what, WORDS))).collect(),
        more_problems: found.problems.len().saturating_sub(PROBLEMS),
    }
}

fn whole(found: &StackAnswer, verdict: &StackVerdict) -> Whole {
    let names = |references: &[String]| -> Vec<String> {
        references.iter().take(NAMED).map(|reference| line(reference, NAME)).collect()
    };
    let sentence = match verdict.verdict {
        "yes" => "Each image has it.",
        "no" => "Not all of it works there.",
        _ if found.images.is_empty() => "It can’t be told: no image is named in the text.",
        _ if verdict.unknown.is_empty() => {
            "It can’t be told: not all of the text could be read, see the problems."
        }
        _ => "It can’t be told.",
    };
    Whole {
        platform: line(&verdict.platform, NAME),
        mark: verdict::mark(verdict.verdict),
        sentence: sentence.to_owned(),
        lacking: names(&verdict.lacking),
        more_lacking: verdict.lacking.len().saturating_sub(NAMED),
        unknown: names(&verdict.unknown),
        more_unknown: verdict.unknown.len().saturating_sub(NAMED),
    }
}
