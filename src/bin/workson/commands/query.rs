//! `workson query`: the platforms of each image.

use std::collections::HashMap;
use std::pin::pin;

use clap::{Args, ValueEnum};
use futures_util::stream::{self, StreamExt as _};
use globset::{Glob, GlobMatcher};
use workson_oci::{Digest, Image, Platform, Reference, tag};
use workson_registry::Client;

use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::json::{self, ErrorAnswer, ImageAnswer};
use crate::output::table::Row;
use crate::output::{mquery, print, print_raw, table};
use crate::settings::Settings;

/// How many times what is under way at one host may be asked ahead of the answer that is waited for.
const AHEAD: usize = 8;

/// List the platforms of images
///
/// Answers come in the order asked. Listing an index costs one manifest request.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every image was told and has each --platform; 1 one lacks one; 2 it could not be told."
)]
pub(crate) struct Arguments {
    /// What to look at: everything that docker takes, like nginx, quay.io/org/app:1.2 or localhost:5000/app
    #[arg(value_name = "IMAGE")]
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
    if arguments.images.is_empty() {
        return Err(match &arguments.tags {
            Some(glob) if glob != "*" => {
                Failure::new(format!("--tags took {glob:?} as its pattern, and no IMAGE is left"))
                    .with_hint(format!("workson query {glob} --tags"))
            }
            _ => Failure::new("no IMAGE is named").with_hint("for example workson query nginx"),
        });
    }
    let asked = super::platforms("--platform", &arguments.platform)?;
    let settings = Settings::read(global)?;
    let client = settings.client(global, None)?;
    crate::block_on(async {
        if arguments.raw {
            return raw(&client, &arguments.images).await;
        }
        let questions = match &arguments.tags {
            Some(glob) => tags(&client, &arguments.images, &pattern(glob)?).await,
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
struct Question {
    text: String,
    reference: Result<Reference, ErrorAnswer>,
}

impl Question {
    fn of(text: &str) -> Question {
        let reference = text.parse::<Reference>().map_err(|error| ErrorAnswer::invalid(text, &error));
        Question { text: text.to_owned(), reference }
    }
}

fn pattern(glob: &str) -> Result<GlobMatcher, Failure> {
    let glob = Glob::new(glob).map_err(|error| Failure::new(format!("--tags {glob}: {error}")))?;
    Ok(glob.compile_matcher())
}

/// The tags of all repositories named, those that match, newest first. A repository that cannot be listed is a
/// question with an error for an answer.
async fn tags(client: &Client, images: &[String], matcher: &GlobMatcher) -> Vec<Question> {
    let mut questions = Vec::new();
    for image in images {
        match tags_of(client, image, matcher).await {
            Ok(found) => questions.extend(found),
            Err(error) => questions.push(Question { text: image.clone(), reference: Err(error) }),
        }
    }
    questions
}

async fn tags_of(client: &Client, image: &str, matcher: &GlobMatcher) -> Result<Vec<Question>, ErrorAnswer> {
    let reference = Question::of(image).reference?;
    let repository = reference.repository();
    let all = client.tags(repository).await.map_err(|error| ErrorAnswer::from(&error))?;
    let mut tags: Vec<String> = all.into_iter().filter(|tag| matcher.is_match(tag)).collect();
    if tags.is_empty() {
        let message = format!("no tag of {} matches {:?}", repository.familiar(), matcher.glob().glob());
        return Err(ErrorAnswer { kind: "not-found", message, hint: None });
    }
    tags.sort_by(|a, b| tag::newest_first(a, b));
    let questions = tags.iter().map(|tag| Question {
        text: format!("{}:{tag}", repository.familiar()),
        reference: repository.with_tag(tag).map_err(|error| ErrorAnswer::invalid(tag, &error)),
    });
    Ok(questions.collect())
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
        let mut out = Output::new(self.arguments, questions.len(), !self.asked.is_empty());
        let asked = self.asked;
        self.in_order(client, questions, |question, told| {
            let answer = match &told {
                Ok(image) => ImageAnswer::of(&question.text, image, asked),
                Err(error) => ImageAnswer::failed(&question.text, error.clone(), asked),
            };
            verdict.count(&answer);
            // mquery knows no artifacts: to it this is an error.
            verdict.unknown |= self.arguments.format.is_some() && answer.kind == Some("artifact");
            out.take(question, &told, answer)
        })
        .await?;
        self.show(out.finish()?)?;
        Ok(match (self.arguments.format, verdict.exit()) {
            // mquery knows two exit codes.
            (Some(Format::Mquery), Exit::Unknown) => Exit::No,
            (_, exit) => exit,
        })
    }

    /// Shows what is left for the end: the tables, and what is said beside them.
    fn show(&self, rows: Vec<Row>) -> Result<(), Failure> {
        let text = match &rows[..] {
            _ if self.arguments.tags.is_some() => table::matrix(&rows),
            // The one image was shown when it came, or there is nothing to show of it.
            [row] if row.error.is_some() || self.asked.is_empty() => String::new(),
            _ => table::many(&rows),
        };
        if !rows.is_empty() {
            print(text.as_bytes())?;
        }
        for row in &rows {
            self.remark(row);
        }
        Ok(())
    }

    fn remark(&self, row: &Row) {
        if let Some(error) = &row.error {
            let named = error.message.contains(&row.reference);
            let message =
                if named { error.message.clone() } else { format!("{}: {}", row.reference, error.message) };
            tell(&message, error.hint.as_deref());
        } else if !self.global.quiet {
            for note in &row.notes {
                tell(&format!("note: {}: {note}", row.reference), None);
            }
        }
    }

    /// Asks many at once (the client bounds what is under way at a host) and hands on what comes, in the order
    /// asked.
    async fn in_order(
        &self,
        client: &Client,
        questions: Vec<Question>,
        mut hand_on: impl FnMut(&Question, Told) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let head_first = self.arguments.tags.is_some();
        let configs = self.arguments.configs;
        let seen = Seen::default();
        let ask = |question: Question| {
            let (client, seen) = (client.clone(), seen.clone());
            async move {
                let told = match &question.reference {
                    Ok(reference) if head_first => seen.ask(&client, reference, configs).await,
                    Ok(reference) => fetch(&client, reference, configs).await,
                    Err(error) => Err(error.clone()),
                };
                (question, told)
            }
        };
        let at_once = client.options().concurrency.saturating_mul(AHEAD);
        let mut answers = pin!(stream::iter(questions).map(ask).buffered(at_once));
        while let Some((question, told)) = answers.next().await {
            hand_on(&question, told)?;
        }
        Ok(())
    }
}

async fn fetch(client: &Client, reference: &Reference, configs: bool) -> Told {
    match client.image(reference, configs).await {
        Ok(answer) => Ok(answer.image),
        Err(error) => Err((&error).into()),
    }
}

/// Where answers go as they come.
struct Output {
    jsonl: bool,
    json: bool,
    mquery: bool,
    /// The one image that all is said of.
    whole: bool,
    begun: bool,
    rows: Vec<Row>,
}

impl Output {
    fn new(arguments: &Arguments, questions: usize, asked: bool) -> Output {
        Output {
            jsonl: arguments.jsonl,
            json: arguments.json,
            mquery: arguments.format == Some(Format::Mquery),
            whole: questions == 1 && !asked && arguments.tags.is_none(),
            begun: false,
            rows: Vec::new(),
        }
    }

    fn take(&mut self, question: &Question, told: &Told, answer: ImageAnswer) -> std::io::Result<()> {
        if self.jsonl {
            return print(&json::line(&answer)?);
        }
        if self.json {
            let before = if self.begun { ",\n" } else { "[\n" };
            self.begun = true;
            return print(format!("{before}{}", json::element(&answer)?).as_bytes());
        }
        if self.mquery {
            return print(mquery_text(&question.text, told).as_bytes());
        }
        if self.whole && answer.error.is_none() {
            print(table::one(&answer).as_bytes())?;
        }
        self.rows.push(Row::of(answer));
        Ok(())
    }

    /// What is left to be shown.
    fn finish(self) -> std::io::Result<Vec<Row>> {
        if self.json {
            print(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        }
        Ok(self.rows)
    }
}

/// What many tags of one repository point at: a `HEAD` for each, a counted pull for each digest alone.
#[derive(Clone, Default)]
struct Seen(std::sync::Arc<std::sync::Mutex<HashMap<Digest, Slot>>>);

type Slot = std::sync::Arc<tokio::sync::OnceCell<Told>>;

impl Seen {
    async fn ask(&self, client: &Client, reference: &Reference, configs: bool) -> Told {
        let digest = match client.manifest_head(reference).await {
            Ok(head) => head.digest,
            Err(error) if error.kind().may_be_about_head() => None,
            Err(error) => return Err((&error).into()),
        };
        let Some(digest) = digest else { return fetch(client, reference, configs).await };
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            slots.entry(digest.clone()).or_default().clone()
        };
        match slot.get_or_init(|| fetch(client, reference, configs)).await {
            Ok(image) if image.digest == digest => Ok(image.clone()),
            // The tag that was fetched for all has moved meanwhile, or failed: that says nothing of this one.
            _ => fetch(client, reference, configs).await,
        }
    }
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
