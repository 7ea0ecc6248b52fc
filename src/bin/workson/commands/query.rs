//! `workson query`: the platforms of each image.

use std::collections::{BTreeSet, HashMap};

use clap::{Args, ValueEnum};
use globset::Glob;
use tokio::task::JoinSet;
use workson_oci::{Digest, Image, Platform, Reference, tag};
use workson_registry::{Client, Kind};

use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::json::{self, ErrorAnswer, ImageAnswer};
use crate::output::{mquery, print, print_raw, table};
use crate::settings::Settings;

/// List the platforms of images
///
/// Answers come in the order asked. Listing an index costs one manifest request.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every image was told and has each --platform; 1 one lacks one; 2 it could not be told."
)]
pub(crate) struct Arguments {
    /// What to look at: everything that docker takes, like nginx, quay.io/org/app:1.2 or localhost:5000/app
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,

    /// Does each image have P (like linux/arm64)? Exit 0 if so, 1 if one lacks one, 2 if it could not be told
    #[arg(long, short, value_name = "P")]
    platform: Vec<String>,

    /// Instead of one tag, look at all tags that match GLOB, newest version first
    #[arg(long, value_name = "GLOB", num_args = 0..=1, default_missing_value = "*", conflicts_with_all = ["raw", "format"])]
    tags: Option<String>,

    /// Read the config of every platform as well, and compare it with the index (costs a pull for each)
    #[arg(long)]
    configs: bool,

    /// Print a JSON array
    #[arg(long, conflicts_with_all = ["jsonl", "raw", "format"])]
    json: bool,

    /// Print one JSON object a line, as answers come, in the order asked
    #[arg(long, conflicts_with_all = ["raw", "format"])]
    jsonl: bool,

    /// Print exactly the bytes of the manifest, as received
    #[arg(long, conflicts_with = "format")]
    raw: bool,

    /// Print in the form of another tool
    #[arg(long, value_name = "TOOL")]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// mquery's text; failures on standard output, too, and exit code 1 for them
    Mquery,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let asked = super::platforms(&arguments.platform)?;
    let settings = Settings::read(global)?;
    let client = settings.client(global, None)?;
    crate::block_on(async {
        if arguments.raw {
            return raw(&client, &arguments.images).await;
        }
        let questions = match &arguments.tags {
            Some(glob) => tags(&client, &arguments.images, glob).await?,
            None => arguments.images.iter().map(|text| Question::of(text)).collect(),
        };
        let query = Query { arguments, global, asked: &asked };
        query.answer(&client, questions).await
    })
}

async fn raw(client: &Client, images: &[String]) -> Result<Exit, Failure> {
    let [image] = images else {
        return Err(Failure::new("--raw prints the bytes of one image; several would run into each other")
            .with_hint("ask for each on its own"));
    };
    let reference: Reference = image.parse().map_err(|error| Failure::new(format!("{image}: {error}")))?;
    print_raw(&client.manifest(&reference).await?.bytes)?;
    Ok(Exit::Yes)
}

/// What was typed, and what it names.
#[derive(Clone)]
struct Question {
    text: String,
    reference: Result<Reference, ErrorAnswer>,
}

impl Question {
    fn of(text: &str) -> Question {
        let reference = text.parse::<Reference>().map_err(|error| ErrorAnswer {
            kind: "invalid-reference",
            message: format!("{text}: {error}"),
            hint: None,
        });
        Question { text: text.to_owned(), reference }
    }
}

/// The tags of all repositories named, those that match, newest first.
async fn tags(client: &Client, images: &[String], glob: &str) -> Result<Vec<Question>, Failure> {
    let matcher =
        Glob::new(glob).map_err(|error| Failure::new(format!("--tags {glob}: {error}")))?.compile_matcher();
    let mut questions = Vec::new();
    for image in images {
        let reference: Reference =
            image.parse().map_err(|error| Failure::new(format!("{image}: {error}")))?;
        let repository = reference.repository();
        let mut tags: Vec<String> =
            client.tags(repository).await?.into_iter().filter(|tag| matcher.is_match(tag)).collect();
        if tags.is_empty() {
            return Err(Failure::new(format!("no tag of {} matches {glob:?}", repository.familiar())));
        }
        tags.sort_by(|a, b| tag::newest_first(a, b));
        questions.extend(tags.iter().map(|tag| Question::of(&format!("{}:{tag}", repository.familiar()))));
    }
    Ok(questions)
}

struct Query<'a> {
    arguments: &'a Arguments,
    global: &'a Global,
    asked: &'a [Platform],
}

/// What came of a question; the image is kept where mquery's text is to be made of it.
type Told = Result<Image, ErrorAnswer>;

impl Query<'_> {
    async fn answer(&self, client: &Client, questions: Vec<Question>) -> Result<Exit, Failure> {
        let mut verdict = Verdict::default();
        let mut answers = Vec::new();
        self.in_order(client, questions, |question, told| {
            let answer = match &told {
                Ok(image) => ImageAnswer::of(&question.text, image, self.asked),
                Err(error) => ImageAnswer::failed(&question.text, error.clone(), self.asked),
            };
            verdict.count(&answer);
            // mquery knows no artifacts: to it this is an error.
            verdict.unknown |= self.arguments.format.is_some() && answer.kind == Some("artifact");
            if self.arguments.jsonl {
                print(&json::line(&answer)?)
            } else if self.arguments.format == Some(Format::Mquery) {
                print(mquery_text(&question.text, &told).as_bytes())
            } else {
                answers.push(answer);
                Ok(())
            }
        })
        .await?;
        if self.arguments.json {
            print(&json::document(&answers)?)?;
        } else if !self.arguments.jsonl && self.arguments.format.is_none() {
            self.show(&answers)?;
        }
        Ok(match (self.arguments.format, verdict.exit()) {
            // mquery knows two exit codes.
            (Some(Format::Mquery), Exit::Unknown) => Exit::No,
            (_, exit) => exit,
        })
    }

    fn show(&self, answers: &[ImageAnswer]) -> Result<(), Failure> {
        let text = match answers {
            _ if self.arguments.tags.is_some() => matrix(answers),
            [answer] if answer.error.is_some() => String::new(),
            [answer] if self.asked.is_empty() => table::one(answer),
            _ => table::many(answers),
        };
        print(text.as_bytes())?;
        for answer in answers {
            if let Some(error) = &answer.error {
                let named = error.message.contains(&answer.reference);
                let message = if named {
                    error.message.clone()
                } else {
                    format!("{}: {}", answer.reference, error.message)
                };
                tell(&message, error.hint.as_deref());
            }
            let reasons = answer.supports.iter().filter_map(|support| support.reason.as_ref());
            for note in answer.notes.iter().chain(reasons.filter(|reason| !answer.notes.contains(reason))) {
                if !self.global.quiet && answer.error.is_none() {
                    tell(&format!("note: {}: {note}", answer.reference), None);
                }
            }
        }
        Ok(())
    }

    /// Asks everything at once (the client bounds what is under way) and hands on what comes in the order asked.
    async fn in_order(
        &self,
        client: &Client,
        questions: Vec<Question>,
        mut hand_on: impl FnMut(&Question, Told) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let head_first = self.arguments.tags.is_some();
        let configs = self.arguments.configs;
        let seen = Seen::default();
        let mut asking = JoinSet::new();
        for (position, question) in questions.iter().cloned().enumerate() {
            let (client, seen) = (client.clone(), seen.clone());
            asking.spawn(async move {
                let told = match &question.reference {
                    Ok(reference) if head_first => seen.ask(&client, reference, configs).await,
                    Ok(reference) => client
                        .image(reference, configs)
                        .await
                        .map(|answer| answer.image)
                        .map_err(|e| (&e).into()),
                    Err(error) => Err(error.clone()),
                };
                (position, told)
            });
        }
        let mut early: HashMap<usize, Told> = HashMap::new();
        let mut next = 0;
        while let Some(done) = asking.join_next().await {
            let (position, told) =
                done.map_err(|error| Failure::new(format!("a query was not finished: {error}")))?;
            early.insert(position, told);
            while let Some(told) = early.remove(&next) {
                hand_on(&questions[next], told)?;
                next += 1;
            }
        }
        Ok(())
    }
}

/// What many tags of one repository point at: a `HEAD` for each, a counted pull for each digest alone.
#[derive(Clone, Default)]
struct Seen(std::sync::Arc<std::sync::Mutex<HashMap<Digest, Slot>>>);

type Slot = std::sync::Arc<tokio::sync::OnceCell<Told>>;

impl Seen {
    async fn ask(&self, client: &Client, reference: &Reference, configs: bool) -> Told {
        let fetch = async || {
            client.image(reference, configs).await.map(|answer| answer.image).map_err(|e| (&e).into())
        };
        let digest = match client.manifest_head(reference).await {
            Ok(head) => head.digest,
            Err(error) if error.kind() == Kind::BadResponse => None,
            Err(error) => return Err((&error).into()),
        };
        let Some(digest) = digest else { return fetch().await };
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            slots.entry(digest).or_default().clone()
        };
        slot.get_or_init(fetch).await.clone()
    }
}

/// Tags by platform: a row a tag, a column a platform.
fn matrix(answers: &[ImageAnswer]) -> String {
    let columns: BTreeSet<&str> = answers.iter().flat_map(table::distinct_platforms).collect();
    let mut headings = vec!["tag"];
    headings.extend(&columns);
    let mut table = table::new(&headings);
    for answer in answers {
        let has = table::distinct_platforms(answer);
        let mut row = vec![comfy_table::Cell::new(&answer.reference)];
        row.extend(columns.iter().map(|column| {
            table::verdict(match answer.error {
                Some(_) => "?",
                None if has.contains(column) => "yes",
                None => "no",
            })
        }));
        table.add_row(row);
    }
    table::text(&mut table)
}

fn mquery_text(reference: &str, told: &Told) -> String {
    match told {
        Ok(image) => mquery::block(reference, image),
        Err(error) => mquery::error(&error.message),
    }
}

/// The verdict over all images.
#[derive(Default)]
struct Verdict {
    lacks: bool,
    unknown: bool,
}

impl Verdict {
    fn count(&mut self, answer: &ImageAnswer) {
        self.lacks |= answer.supports.iter().any(|support| support.verdict == "no");
        self.unknown |=
            answer.error.is_some() || answer.supports.iter().any(|support| support.verdict == "unknown");
    }

    /// That one image lacks a platform is certain, whatever the others turn out to be.
    fn exit(&self) -> Exit {
        match self {
            Verdict { lacks: true, .. } => Exit::No,
            Verdict { unknown: true, .. } => Exit::Unknown,
            _ => Exit::Yes,
        }
    }
}
