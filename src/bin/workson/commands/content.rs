//! `workson content`: the site's own words, checked.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use workson::content::Problem;
use workson::site::Base;
use workson::store::TagSpans;
use workson_oci::text::printable;

use super::site::sources::Known;
use crate::cli::Global;
use crate::content_files::{Place, load};
use crate::exit::{Exit, Failure};
use crate::output::{count, json, print};

/// Check the content of the web site: entries, news, events, calls
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(Check),
}

/// Tell all that is wrong with the content: file, line, what, and what to do
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing is wrong; 1 something is; 2 it could not be read.")]
struct Check {
    /// The folder of the content [default: ./content where there is one, else what comes with workson]
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,

    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckAnswer {
    /// The folder; none of what comes with workson.
    folder: Option<String>,
    entries: usize,
    categories: usize,
    news: usize,
    events: usize,
    calls: usize,
    problems: Vec<ProblemAnswer>,
}

#[derive(Debug, Serialize)]
struct ProblemAnswer {
    /// Below the folder.
    file: String,
    /// None where the whole file is meant.
    line: Option<u64>,
    column: Option<u64>,
    what: String,
    hint: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let What::Check(check) = &arguments.what;
    let place = Place::of(check.content.as_deref());
    let (content, mut problems) = load(&place)?;
    let known = Known::read(global, TagSpans::None)?;
    let site = known.site(Base::default(), content);
    problems.extend(site.content_problems(&known.evidence()));
    problems.sort();
    let exit = if problems.is_empty() { Exit::Yes } else { Exit::No };
    let content = &site.content;
    if check.json {
        let folder = match &place {
            Place::Folder(folder) => Some(folder.display().to_string()),
            Place::Bundled => None,
        };
        print(&json::document(&CheckAnswer {
            folder,
            entries: content.entries.len(),
            categories: content.categories.len(),
            news: content.news.len(),
            events: content.events.len(),
            calls: content.calls.len(),
            problems: problems.into_iter().map(ProblemAnswer::from).collect(),
        })?)?;
        return Ok(exit);
    }
    let mut text = told(&place, &problems);
    if !global.quiet {
        if !problems.is_empty() {
            text.push('\n');
        }
        let wrong = match problems.len() {
            0 => "nothing is wrong".to_owned(),
            problems => count(problems, "problem"),
        };
        text += &format!(
            "{}: {wrong}; right are {} entries, {} categories, {}, {}, {}\n",
            printable(&place.to_string()),
            content.entries.len(),
            content.categories.len(),
            count(content.news.len(), "issue"),
            count(content.events.len(), "event"),
            count(content.calls.len(), "call"),
        );
    }
    print(text.as_bytes())?;
    Ok(exit)
}

/// Problems for people: where and what, and the hint on the next line.
pub(crate) fn told(place: &Place, problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        text += &format!("{}: {}\n", printable(&place.at(&problem.at)), printable(&problem.what));
        if let Some(hint) = &problem.hint {
            text += &format!("  {}\n", printable(hint));
        }
    }
    text
}

impl From<Problem> for ProblemAnswer {
    fn from(problem: Problem) -> ProblemAnswer {
        let known = |number: u64| (number > 0).then_some(number);
        ProblemAnswer {
            file: problem.at.file,
            line: known(problem.at.line),
            column: known(problem.at.column),
            what: problem.what,
            hint: problem.hint,
        }
    }
}
