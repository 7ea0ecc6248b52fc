//! `workson proposals`: what is asked for in calls, step by step.

mod answer;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use workson::form::is_slug;
use workson::proposal::{Proposal, State, Step, StepRefused};
use workson::store::{Details, Submissions};

use self::answer::Answer;
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::{json, print, print_raw};
use crate::reviewer;
use crate::settings::{Settings, now};

/// Look through proposals for access to machines, and take them from step to step
///
/// submitted → in review → approved or declined → provisioned → active → review due → completed, withdrawn or expired. Each step is kept with
/// who, when and why, and none is ever changed. Reasons from the approval on, and outcomes, are public; names and contacts are not.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

const EXITS: &str = "Exit codes: 0 done; 1 it is not there, or the step is not possible from where it stands; 2 it could not be done.";

#[derive(Debug, Subcommand)]
enum What {
    List(List),
    Show(Show),
    /// Take a proposal into review; of an active one, its review is due
    #[command(after_help = EXITS)]
    Review(Plain),
    Approve(Approve),
    /// Decline a proposal that is in review; the reason stays between the two of you
    #[command(after_help = EXITS)]
    Decline(Reasoned),
    /// The machines are handed over
    #[command(after_help = EXITS)]
    Provision(Dated),
    /// The machines are taken into use, or used on after a review
    #[command(after_help = EXITS)]
    Activate(Dated),
    /// A project has come to its end; the reason is the outcome, which is public
    #[command(after_help = EXITS)]
    Complete(Reasoned),
    /// The time of a proposal is over
    #[command(after_help = EXITS)]
    Expire(Reasoned),
    /// Take a proposal back for its proposer
    #[command(after_help = EXITS)]
    Withdraw(Reasoned),
    /// Erase the contact of a proposal for good; copies that were made before have it still
    #[command(after_help = EXITS)]
    Erase(Plain),
    Export(Export),
}

/// List proposals, the first one first
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
struct List {
    /// Only those in a state, like in-review
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,

    /// Only those to a call
    #[arg(long, value_name = "SLUG")]
    call: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show all of a proposal, with its contact
#[derive(Debug, Args)]
#[command(after_help = EXITS)]
struct Show {
    /// Its number
    id: i64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A step that needs no reason.
#[derive(Debug, Args)]
struct Plain {
    /// Its number
    id: i64,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Who decides [default: the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A step that needs one.
#[derive(Debug, Args)]
struct Reasoned {
    /// Its number
    id: i64,

    /// Why, or with what outcome
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Who decides [default: the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A step that says when to look at it again.
#[derive(Debug, Args)]
struct Dated {
    #[command(flatten)]
    plain: Plain,

    /// When to look at what became of it, like 2027-01-30
    #[arg(long, value_name = "DATE")]
    review_on: Option<Date>,
}

/// Approve a proposal that is in review; it becomes public
#[derive(Debug, Args)]
#[command(after_help = EXITS)]
struct Approve {
    #[command(flatten)]
    plain: Plain,

    /// An entry of the catalogue that it is about
    #[arg(long, value_name = "SLUG", value_parser = slug)]
    entry: Vec<String>,
}

/// Print all proposals, without contacts unless they are asked for
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 2 it could not be done.")]
struct Export {
    /// As JSON, which is the default
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// As CSV, a line for each
    #[arg(long)]
    csv: bool,

    /// With names and addresses of those who asked
    #[arg(long)]
    with_contacts: bool,
}

fn state(text: &str) -> Result<State, String> {
    State::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = State::ALL.into_iter().map(State::name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

fn slug(text: &str) -> Result<String, String> {
    match is_slug(text) {
        true => Ok(text.to_owned()),
        false => Err("an entry is named by its slug: small letters, digits and single hyphens".into()),
    }
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let path = Settings::read(global)?.submissions(global);
    let submissions = Submissions::open_existing(&path)?;
    match &arguments.what {
        What::List(asked) => list(asked, &submissions),
        What::Show(asked) => show(asked, &submissions),
        What::Export(asked) => export(asked, &submissions),
        What::Review(plain) => Asked::plain(Step::Review, plain)?.take(submissions),
        What::Approve(asked) => {
            Asked::plain(Step::Approve, &asked.plain)?.about(&asked.entry).take(submissions)
        }
        What::Decline(reasoned) => Asked::reasoned(Step::Decline, reasoned)?.take(submissions),
        What::Provision(dated) => Asked::dated(Step::Provision, dated)?.take(submissions),
        What::Activate(dated) => Asked::dated(Step::Activate, dated)?.take(submissions),
        What::Complete(reasoned) => Asked::reasoned(Step::Complete, reasoned)?.take(submissions),
        What::Expire(reasoned) => Asked::reasoned(Step::Expire, reasoned)?.take(submissions),
        What::Withdraw(reasoned) => Asked::reasoned(Step::Withdraw, reasoned)?.take(submissions),
        What::Erase(plain) => {
            let exit = Asked::plain(Step::Erase, plain)?.take(submissions)?;
            if exit == Exit::Yes && !global.quiet {
                tell("copies that `workson store backup` made before have it still", None);
            }
            Ok(exit)
        }
    }
}

/// A step as it was typed.
struct Asked {
    id: i64,
    step: Step,
    by: String,
    reason: String,
    details: Details,
}

impl Asked {
    fn plain(step: Step, typed: &Plain) -> Result<Asked, Failure> {
        Ok(Asked {
            id: typed.id,
            step,
            by: reviewer::name(typed.by.as_deref())?,
            reason: reviewer::reason(typed.reason.as_deref())?,
            details: Details::default(),
        })
    }

    fn reasoned(step: Step, typed: &Reasoned) -> Result<Asked, Failure> {
        Ok(Asked {
            id: typed.id,
            step,
            by: reviewer::name(typed.by.as_deref())?,
            reason: reviewer::needed_reason(&typed.reason)?,
            details: Details::default(),
        })
    }

    fn dated(step: Step, typed: &Dated) -> Result<Asked, Failure> {
        let mut asked = Asked::plain(step, &typed.plain)?;
        let today = now().to_zoned(TimeZone::UTC).date();
        if let Some(day) = typed.review_on.filter(|day| *day <= today) {
            return Err(Failure::new(format!("--review-on {day}: that day has come already"))
                .with_hint("name a day after today, UTC"));
        }
        asked.details.review_on = typed.review_on;
        Ok(asked)
    }

    fn about(mut self, entries: &[String]) -> Asked {
        self.details.entries = (!entries.is_empty()).then(|| entries.to_vec());
        self
    }

    fn take(self, mut submissions: Submissions) -> Result<Exit, Failure> {
        let Asked { id, step, by, reason, details } = self;
        match submissions.take_step_with(id, step, &by, &reason, now(), &details)? {
            Ok(taken) => {
                let what = match step {
                    Step::Erase => "its contact is erased".to_owned(),
                    _ => taken.state.label(),
                };
                print(format!("proposal {id}: {what}\n").as_bytes())?;
                Ok(Exit::Yes)
            }
            Err(StepRefused::NotThere) => Ok(not_there(id)),
            Err(refused) => {
                tell(&format!("proposal {id}: {} is not possible: {refused}", step.name()), None);
                Ok(Exit::No)
            }
        }
    }
}

fn not_there(id: i64) -> Exit {
    tell(&format!("there is no proposal {id}"), Some("`workson proposals list` lists them"));
    Exit::No
}

fn list(asked: &List, submissions: &Submissions) -> Result<Exit, Failure> {
    let mut proposals = submissions.proposals()?;
    let is_asked = |proposal: &Proposal| {
        asked.state.is_none_or(|state| proposal.state == state)
            && asked.call.as_ref().is_none_or(|call| proposal.call == *call)
    };
    proposals.retain(is_asked);
    let text = match asked.json {
        true => json::document(&proposals.iter().map(Answer::public).collect::<Vec<_>>())?,
        false => answer::listed(&proposals).into_bytes(),
    };
    print(&text)?;
    Ok(Exit::Yes)
}

fn show(asked: &Show, submissions: &Submissions) -> Result<Exit, Failure> {
    let Some(proposal) = submissions.proposal(asked.id)? else { return Ok(not_there(asked.id)) };
    let text = match asked.json {
        true => json::document(&Answer::whole(&proposal))?,
        false => answer::told(&proposal).into_bytes(),
    };
    print(&text)?;
    Ok(Exit::Yes)
}

fn export(asked: &Export, submissions: &Submissions) -> Result<Exit, Failure> {
    let proposals = submissions.proposals()?;
    let bytes = match (asked.csv, asked.with_contacts) {
        (true, with_contacts) => answer::rows(&proposals, with_contacts)?,
        (false, true) => json::document(&proposals.iter().map(Answer::whole).collect::<Vec<_>>())?,
        (false, false) => json::document(&proposals.iter().map(Answer::public).collect::<Vec<_>>())?,
    };
    print_raw(&bytes)?;
    Ok(Exit::Yes)
}
