//! `workson news`: the newsletter.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use workson::site::{Base, Draft, Period};
use workson::store::TagSpans;
use workson_oci::text::printable;

use super::site::sources::Known;
use crate::cli::Global;
use crate::content_files::{Place, load};
use crate::exit::{Exit, Failure, tell};
use crate::instant::{self, Edge, day};
use crate::output::print_raw;
use crate::settings::now;

/// How far back a first issue looks.
const DAYS: i64 = 30;

/// Write the newsletter
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Draft(DraftArguments),
}

/// Print the draft of the next issue, made from what changed: edit it and put it into content/news
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
struct DraftArguments {
    /// What changed after this day, UTC [default: what the newest issue did not tell, else 30 days before the data ends]
    #[arg(long, value_name = "DATE")]
    since: Option<String>,

    /// What maintainers declared up to then: a date is the end of that day, UTC [default: all that is known]
    #[arg(long, value_name = "DATE")]
    at: Option<String>,

    /// The number [default: one more than there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    number: Option<u64>,

    /// Write it to FILE, which is not there yet, instead of printing it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// The folder of the content [default: ./content where there is one, else what comes with workson]
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let What::Draft(asked) = &arguments.what;
    let place = Place::of(asked.content.as_deref());
    let (content, problems) = load(&place)?;
    if let Some(problem) = problems.first() {
        let more = problems.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
        return Err(Failure::new(format!("{}: {}{more}", place.at(&problem.at), problem.what))
            .with_hint("`workson content check` tells all that is wrong with the content"));
    }
    let known = Known::read(global, TagSpans::None)?;
    let site = known.site(Base::default(), content);
    let content = &site.content;
    let head = known.declared.source.head_at;
    let newest_fact = site.catalogue.as_of().unwrap_or(head);
    let at = asked.at.as_ref().map(|text| instant::parse("--at", text, Edge::End, now())).transpose()?;
    let until = at.map_or(newest_fact, |at| at.min(newest_fact));
    let (since, seen_since) = match (&asked.since, content.news.first()) {
        (Some(text), _) => {
            let since = instant::parse("--since", text, Edge::End, now())?;
            (since, since)
        }
        (None, Some(newest)) => {
            let since = match content.reached.get(&newest.slug) {
                Some(reached) => *reached,
                None => end_of(newest.date)?,
            };
            (since, content.seen.get(&newest.slug).copied().unwrap_or(since))
        }
        (None, None) => {
            let first = until.min(head).to_zoned(TimeZone::UTC).date().saturating_sub(DAYS.days());
            let since = end_of(first)?;
            (since, since)
        }
    };
    let is_declared_told = since >= until.min(head);
    if is_declared_told && (until <= head || until <= seen_since) {
        let hint = match until < newest_fact {
            true => "--at has to be later than --since, or than the newest issue reaches",
            false => "`workson import official-images` brings what is new, and --since tells of more",
        };
        let declared = until.min(head);
        let seen =
            if until > head { format!(", what registries serve up to {until}") } else { String::new() };
        let what = format!(
            "what maintainers declare is told up to {declared}{seen}, and nothing of what came after {}",
            since.max(if until > head { seen_since } else { since })
        );
        return Err(Failure::new(what).with_hint(hint));
    }
    if let Some(begins) = known.declared.begins().filter(|begins| since < *begins) {
        return Err(Failure::new(format!("--since {}: what is known begins on {}", day(since), day(begins))));
    }
    let number =
        asked.number.map_or(content.news.len() + 1, |number| usize::try_from(number).unwrap_or(usize::MAX));
    let draft = site.draft(&known.evidence(), Period { since, seen_since, until }, number);
    let draft = draft.ok_or_else(|| Failure::new("nothing is known of what maintainers declare"))?;
    match &asked.to {
        None => print_raw(draft.text.as_bytes())?,
        Some(path) => write(path, &draft)?,
    }
    if !global.quiet {
        if until > head {
            let what = format!(
                "what maintainers declare is known up to {}, the rest up to {}",
                day(head),
                day(until)
            );
            tell(&what, Some("`workson import official-images` brings what is new"));
        }
        let hint = format!("edit it, and keep it as content/news/{}.md", draft.slug);
        match &asked.to {
            Some(path) => tell(&format!("wrote {}", printable(&path.display().to_string())), Some(&hint)),
            None => tell(&hint, None),
        }
    }
    Ok(Exit::Yes)
}

/// Writes a draft to a file that is not there yet: one that is there may have been edited.
fn write(path: &Path, draft: &Draft) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let failure = Failure::io(&format!("writing {}", path.display()), &error);
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.with_hint("name a file that is not there yet"),
            _ => failure,
        }
    };
    let mut file = std::fs::File::options().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(draft.text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// The last second of a day, UTC.
fn end_of(date: jiff::civil::Date) -> Result<Timestamp, Failure> {
    instant::parse("--since", &date.to_string(), Edge::End, Timestamp::UNIX_EPOCH)
}
