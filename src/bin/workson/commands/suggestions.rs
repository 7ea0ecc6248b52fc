//! `workson suggestions`: what people say is missing or wrong, decided.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use workson::form::is_slug;
use workson::store::Submissions;
use workson::suggestion::{Decision, State, Suggestion, draft};
use workson_oci::text::printable;

use crate::cli::Global;
use crate::content_files;
use crate::exit::{Exit, Failure, tell};
use crate::instant::day;
use crate::output::{json, print, table};
use crate::reviewer;
use crate::settings::{Settings, now};

/// Look through what people say is missing or wrong, and decide
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(List),
    Show(Show),
    Accept(Accept),
    Decline(Decline),
}

const EXITS: &str = "Exit codes: 0 done; 1 it is not there, or was decided already; 2 it could not be done.";

/// List suggestions, the first one first
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
struct List {
    /// Only those in a state: waiting, accepted or declined
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show all that a suggestion says
#[derive(Debug, Args)]
#[command(after_help = EXITS)]
struct Show {
    /// Its number
    id: i64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Accept a suggestion, and write the draft of the content's file
///
/// Of a new entry, the file is begun with what was said; of one that is there, the fields that were given are changed and all other lines
/// stay. The words come as comments on top. Then edit it: `workson content check` tells what is missing.
#[derive(Debug, Args)]
#[command(after_help = EXITS)]
struct Accept {
    /// Its number
    id: i64,

    /// The folder of the content
    #[arg(long, alias = "to", value_name = "DIR", default_value = "content")]
    content: PathBuf,

    /// Write a new entry under this name in addresses [default: made of its name]
    #[arg(long, value_name = "SLUG")]
    slug: Option<String>,

    /// Who decides [default: the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Decline a suggestion
#[derive(Debug, Args)]
#[command(after_help = EXITS)]
struct Decline {
    /// Its number
    id: i64,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Who decides [default: the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

fn state(text: &str) -> Result<State, String> {
    State::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = State::ALL.into_iter().map(State::name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let path = Settings::read(global)?.submissions(global);
    let mut submissions = Submissions::open_existing(&path)?;
    match &arguments.what {
        What::List(asked) => list(asked, &submissions),
        What::Show(asked) => show(asked, &submissions),
        What::Accept(asked) => accept(asked, &mut submissions, global),
        What::Decline(asked) => decline(asked, &mut submissions),
    }
}

fn list(asked: &List, submissions: &Submissions) -> Result<Exit, Failure> {
    let suggestions = submissions.suggestions(asked.state)?;
    if asked.json {
        let answers: Vec<Answer> = suggestions.iter().map(Answer::of).collect();
        print(&json::document(&answers)?)?;
        return Ok(Exit::Yes);
    }
    if suggestions.is_empty() {
        print(b"no suggestions\n")?;
        return Ok(Exit::Yes);
    }
    let mut rows = table::new(&["number", "sent", "state", "about", "says"]);
    for suggestion in &suggestions {
        let wish = &suggestion.wish;
        let about = wish.entry.as_deref().unwrap_or(&wish.name);
        rows.add_row([
            table::cell(&suggestion.id.to_string()),
            table::cell(&day(suggestion.at)),
            table::cell(suggestion.state.name()),
            table::cell(about),
            table::cell(&said(suggestion)),
        ]);
    }
    print(table::text(&mut rows).as_bytes())?;
    Ok(Exit::Yes)
}

/// How many characters of a comment a list shows.
const SHOWN: usize = 60;

/// The fields that are given, and how the comment begins.
fn said(suggestion: &Suggestion) -> String {
    let wish = &suggestion.wish;
    let mut said: Vec<String> = fields(suggestion).map(|(field, _)| field.to_owned()).collect();
    if let Some(line) = wish.comment.lines().next() {
        let mut shown: String = line.chars().take(SHOWN).collect();
        if shown.len() < wish.comment.len() {
            shown.push('…');
        }
        said.push(shown);
    }
    said.join(", ")
}

/// The fields that are given, but for what it is about and the comment.
fn fields(suggestion: &Suggestion) -> impl Iterator<Item = (&'static str, &str)> {
    let wish = &suggestion.wish;
    [
        ("image", &wish.image),
        ("home", &wish.home),
        ("source", &wish.source),
        ("license", &wish.license),
        ("description", &wish.description),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(field, value)| (field, value.as_str()))
}

fn show(asked: &Show, submissions: &Submissions) -> Result<Exit, Failure> {
    let Some(suggestion) = submissions.suggestion(asked.id)? else { return Ok(not_there(asked.id)) };
    let text = match asked.json {
        true => json::document(&Answer::of(&suggestion))?,
        false => told(&suggestion).into_bytes(),
    };
    print(&text)?;
    Ok(Exit::Yes)
}

fn told(suggestion: &Suggestion) -> String {
    let Suggestion { id, at, wish, state, .. } = suggestion;
    let mut text = format!("suggestion {id}, sent {at}: {}\n", state.name());
    let about = [("entry", wish.entry.as_deref().unwrap_or_default()), ("name", &wish.name)];
    for (field, value) in about.into_iter().filter(|(_, value)| !value.is_empty()).chain(fields(suggestion)) {
        text += &format!("{field}: {}\n", printable(value));
    }
    for (at, line) in wish.comment.lines().enumerate() {
        let start = if at == 0 { "comment:\n  " } else { "  " };
        text += &format!("{start}{}\n", printable(line));
    }
    if let Some(Decision { at, by, reason }) = &suggestion.decision {
        text += &format!("{} {at} by {}", state.name(), printable(by));
        text += &reason.lines().map(|line| format!("\n  {}", printable(line))).collect::<String>();
        text.push('\n');
    }
    text
}

fn not_there(id: i64) -> Exit {
    tell(&format!("there is no suggestion {id}"), Some("`workson suggestions list` lists them"));
    Exit::No
}

/// Says by whom it was decided, where it was.
fn decided(suggestion: &Suggestion) -> Option<Exit> {
    let decision = suggestion.decision.as_ref()?;
    let what = format!(
        "suggestion {} was {} already, by {} on {}",
        suggestion.id,
        suggestion.state.name(),
        decision.by,
        day(decision.at)
    );
    tell(&what, None);
    Some(Exit::No)
}

fn accept(asked: &Accept, submissions: &mut Submissions, global: &Global) -> Result<Exit, Failure> {
    let by = reviewer::name(asked.by.as_deref())?;
    let Some(suggestion) = submissions.suggestion(asked.id)? else { return Ok(not_there(asked.id)) };
    if let Some(exit) = decided(&suggestion) {
        return Ok(exit);
    }
    let path = write_draft(asked, &suggestion)?;
    let shown = printable(&path.display().to_string()).into_owned();
    let decision = Decision { at: now(), by, reason: String::new() };
    if !submissions.decide(asked.id, State::Accepted, &decision)? {
        let other = submissions.suggestion(asked.id)?;
        tell(&format!("the draft {shown} was written, and somebody decided meanwhile"), None);
        return Ok(other.and_then(|other| decided(&other)).unwrap_or(Exit::No));
    }
    print(format!("suggestion {}: accepted, the draft is {shown}\n", asked.id).as_bytes())?;
    if !global.quiet {
        tell("edit it; `workson content check` tells what is missing", None);
    }
    Ok(Exit::Yes)
}

/// Writes the draft of a new entry, or changes the file of one that is there.
fn write_draft(asked: &Accept, suggestion: &Suggestion) -> Result<PathBuf, Failure> {
    let folder = asked.content.join("entries");
    if !folder.is_dir() {
        let what =
            format!("{}: that is no folder of content: it has no folder `entries`", asked.content.display());
        return Err(Failure::new(what).with_hint("name it by --content DIR"));
    }
    match (&suggestion.wish.entry, &asked.slug) {
        (Some(entry), None) => change(&folder, entry, suggestion),
        (entry, slug) => {
            let name = match &suggestion.wish.name {
                name if name.is_empty() => entry.as_deref().unwrap_or_default(),
                name => name,
            };
            begin(&folder, name, slug.as_deref(), suggestion)
        }
    }
}

fn change(folder: &Path, entry: &str, suggestion: &Suggestion) -> Result<PathBuf, Failure> {
    let path = file(folder, entry)?;
    let Some(before) = content_files::existing(&path)? else {
        return Err(Failure::new(format!("{}: there is no such file", path.display()))
            .with_hint("--slug writes a new entry; --to DIR names the content that has it"));
    };
    let after = draft::changed_entry(&before, suggestion).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display())).with_hint("change it by hand")
    })?;
    if after != before {
        content_files::put(&path, &after, Some(&before))?;
    }
    Ok(path)
}

fn begin(folder: &Path, name: &str, slug: Option<&str>, suggestion: &Suggestion) -> Result<PathBuf, Failure> {
    let slug = slug.map(str::to_owned).or_else(|| draft::slug(name)).ok_or_else(|| {
        Failure::new(format!("no name in addresses can be made of {name:?}"))
            .with_hint("--slug SLUG gives it one: small letters, digits and hyphens")
    })?;
    let path = file(folder, &slug)?;
    let text = draft::new_entry(suggestion, name);
    match content_files::existing(&path)? {
        None => content_files::put(&path, &text, None)?,
        // It was written before, and the decision could not be kept.
        Some(same) if same == text => {}
        Some(_) => {
            return Err(Failure::new(format!("{}: there is a file already", path.display())).with_hint(
                "--slug SLUG takes another name; decline it where that file is of the same software",
            ));
        }
    }
    Ok(path)
}

/// The file of an entry. What strangers send in never names another place.
fn file(folder: &Path, slug: &str) -> Result<PathBuf, Failure> {
    if !is_slug(slug) {
        return Err(Failure::new(format!("{slug:?} can't be the name of an entry"))
            .with_hint("small letters, digits and single hyphens, at most 64: --slug SLUG"));
    }
    Ok(folder.join(format!("{slug}.yaml")))
}

fn decline(asked: &Decline, submissions: &mut Submissions) -> Result<Exit, Failure> {
    let by = reviewer::name(asked.by.as_deref())?;
    let decision = Decision { at: now(), by, reason: reviewer::needed_reason(&asked.reason)? };
    if submissions.decide(asked.id, State::Declined, &decision)? {
        print(format!("suggestion {}: declined\n", asked.id).as_bytes())?;
        return Ok(Exit::Yes);
    }
    let Some(suggestion) = submissions.suggestion(asked.id)? else { return Ok(not_there(asked.id)) };
    Ok(decided(&suggestion).unwrap_or(Exit::No))
}

/// A suggestion as JSON; fields that were not given are empty.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    id: i64,
    at: String,
    state: &'static str,
    /// None of a new one.
    entry: Option<&'a str>,
    name: &'a str,
    image: &'a str,
    home: &'a str,
    source: &'a str,
    license: &'a str,
    description: &'a str,
    comment: &'a str,
    decision: Option<DecisionAnswer<'a>>,
}

#[derive(Debug, Serialize)]
struct DecisionAnswer<'a> {
    at: String,
    by: &'a str,
    reason: &'a str,
}

impl Answer<'_> {
    fn of(suggestion: &Suggestion) -> Answer<'_> {
        let wish = &suggestion.wish;
        let decision = suggestion.decision.as_ref().map(|decision| DecisionAnswer {
            at: decision.at.to_string(),
            by: &decision.by,
            reason: &decision.reason,
        });
        Answer {
            id: suggestion.id,
            at: suggestion.at.to_string(),
            state: suggestion.state.name(),
            entry: wish.entry.as_deref(),
            name: &wish.name,
            image: &wish.image,
            home: &wish.home,
            source: &wish.source,
            license: &wish.license,
            description: &wish.description,
            comment: &wish.comment,
            decision,
        }
    }
}
