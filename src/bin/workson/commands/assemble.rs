//! `workson assemble`: root file systems and images become one image of several platforms.

mod alpine;
mod answer;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use workson::assemble::recipe::{MAX_RECIPE, Part, What};
use workson::assemble::{self, AssembleError, Assembled, Kind, Recipe, RecipeError, assemble};
use workson::layout::Layout;
use workson::publish::AllowedDrop;
use workson::source::Place;
use workson::staging::Scratch;
use workson::transfer::{Graph, carry};
use workson_oci::{Platform, Reference, Repository};
use workson_registry::Client;

use self::answer::{AssembledAnswer, DryRun, More, told};
use super::copy::{JOBS, Keeping, PublishedAnswer, Refusal, Sending, move_tags, references, send};
use super::verify::{ImageAnswer, LayerLimits, Verifying, shown};
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::output::{json, print};
use crate::progress::ByteBar;
use crate::settings::{Settings, variable};

/// Assemble root file systems and existing images into one image of several platforms
///
/// Everything is checked before anything is written or pushed: every root and image is verified for its platform, and
/// the platforms are those that are expected. The same inputs give the same digests, on any machine.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    // `--push` takes any number of references, and would take the recipe as well, if that came behind it.
    override_usage = "workson assemble <RECIPE> [--to <oci:DIR[:NAME]>] [--push [<REF>...]] [OPTIONS]\n       \
                      workson assemble alpine --release <DIR|URL> [OPTIONS]",
    after_help = "Exit codes: 0 done; 1 it was refused, and nothing is written or pushed; 2 it could not be done.\n\
                  SOURCE_DATE_EPOCH says when the image was made; without it, the image does not say."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    of: Option<Of>,

    /// The recipe, a YAML file (docs/recipe.md), or a file of manifest-tool's
    #[arg(required = true, value_name = "RECIPE")]
    recipe: Option<PathBuf>,

    /// Push it under these references; without one, under those of the recipe
    #[arg(long, value_name = "REF", num_args = 0..)]
    push: Option<Vec<String>>,

    #[command(flatten)]
    going: Going,
}

#[derive(Debug, Subcommand)]
enum Of {
    Alpine(alpine::Arguments),
}

/// How it goes about it.
#[derive(Debug, Args)]
struct Going {
    /// Write it to an OCI image layout
    #[arg(long, value_name = "oci:DIR[:NAME]")]
    to: Option<String>,

    /// Print the index and what would be pushed, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Whose media types it has [default: Docker's where every source has them, else OCI's]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<AskedKind>,

    #[command(flatten)]
    keeping: Keeping,

    /// Do not read whether roots and images are for their platforms (see `workson verify`)
    #[arg(long)]
    no_verify: bool,

    #[command(flatten)]
    limits: LayerLimits,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AskedKind {
    /// A Docker manifest list
    Docker,
    /// An OCI index
    Oci,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    match (&arguments.of, &arguments.recipe) {
        (Some(Of::Alpine(arguments)), _) => alpine::run(arguments, global),
        (None, Some(recipe)) => of_recipe(recipe, arguments, global),
        (None, None) => Err(Failure::new("no recipe is named")),
    }
}

fn of_recipe(path: &Path, arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let tried = format!("reading the recipe {}", path.display());
    let mut text = String::new();
    // One byte more than it may have tells that it is too long.
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_RECIPE as u64 + 1).read_to_string(&mut text))
        .map_err(|error| Failure::io(&tried, &error))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let recipe = Recipe::read(&text, &path.display().to_string(), folder)?;
    let targets = match &arguments.push {
        None => Vec::new(),
        Some(typed) if !typed.is_empty() => references(typed)?,
        Some(_) if recipe.references.is_empty() => {
            return Err(Failure::new(format!("{}: it names nothing to push to", recipe.name))
                .with_hint("name references behind --push, or `image` and `tags` in the recipe"));
        }
        Some(_) => recipe.references.clone(),
    };
    let work = Work::new(&arguments.going, global)?;
    // A dry run shows what a push would do.
    let shown = if targets.is_empty() { recipe.references.clone() } else { targets.clone() };
    work.of(&recipe, &mut work.verifying()?, (&targets, &shown), More::default())
}

/// What it takes to assemble something and to bring it where it is to be.
struct Work<'a> {
    going: &'a Going,
    global: &'a Global,
    settings: Settings,
    client: Client,
    to: Option<(PathBuf, Option<String>)>,
    expected: Vec<Platform>,
    allowed: AllowedDrop,
    created: Option<Timestamp>,
    scratch: Scratch,
}

impl<'a> Work<'a> {
    fn new(going: &'a Going, global: &'a Global) -> Result<Work<'a>, Failure> {
        let settings = Settings::read(global)?;
        let scratch = Scratch::new(&std::env::temp_dir(), "workson-assemble")
            .map_err(|error| Failure::io("making a temporary folder", &error))?;
        Ok(Work {
            client: settings.client(global, None)?,
            to: going.to.as_deref().map(layout).transpose()?,
            expected: going.keeping.expected()?,
            allowed: going.keeping.allowed()?,
            created: source_date_epoch()?,
            going,
            global,
            settings,
            scratch,
        })
    }

    fn settings<'b>(&'b self, runtime: &'b tokio::runtime::Handle) -> assemble::Settings<'b> {
        assemble::Settings {
            created: self.created,
            kind: self.going.kind.map(|kind| match kind {
                AskedKind::Docker => Kind::Docker,
                AskedKind::Oci => Kind::Oci,
            }),
            limits: self.going.limits.limits(),
            scratch: self.scratch.path(),
            client: &self.client,
            runtime,
        }
    }

    fn verifying(&self) -> Result<Verifying<'_>, Failure> {
        let limits = self.going.limits.limits();
        Verifying::new(&self.settings.store(self.global), self.global, &self.client, limits)
    }

    /// Assembles, checks, and only then writes and pushes: to `targets`; a dry run shows the others.
    fn of(
        &self,
        recipe: &Recipe,
        verifying: &mut Verifying<'_>,
        (targets, shown_targets): (&[Reference], &[Reference]),
        more: More,
    ) -> Result<Exit, Failure> {
        if self.to.is_none() && targets.is_empty() && !self.going.dry_run {
            return Err(Failure::new("nothing is asked to be done with the image")
                .with_hint("--to oci:DIR writes it, --push pushes it, --dry-run shows what would be"));
        }
        let mut recipe = recipe.clone();
        if !self.expected.is_empty() {
            recipe.expect = Some(self.expected.clone());
        }
        let Some((assembled, verified)) = self.checked(&recipe, verifying)? else { return Ok(Exit::No) };
        let mut answer = AssembledAnswer::of(&recipe, &assembled, verified, more)?;
        let graph = Graph::read(assembled.opened.source.as_ref(), &assembled.opened.root)
            .map_err(|error| Failure::new(format!("{}: {error}", recipe.name)))?;
        answer.parts(&graph);
        let platforms: Vec<Platform> =
            assembled.platforms.iter().map(|entry| entry.platform.clone()).collect();
        let sending = Sending {
            graph: &graph,
            source: assembled.opened.source.as_ref(),
            platforms: &platforms,
            allow_drop: self.allowed.clone(),
            mount_from: repositories(&recipe),
        };
        // What may be refused comes first.
        let mut publication = match sending.check(targets, verifying)? {
            Ok(publication) => publication,
            Err(Refusal { message, hint }) => {
                tell(&format!("{message}; nothing is written or pushed"), hint.as_deref());
                return Ok(Exit::No);
            }
        };
        if self.going.dry_run {
            answer.dry_run = Some(DryRun::of(shown_targets, publication.targets(), self.going.to.as_deref()));
            return self.answered(&answer);
        }
        send(&mut publication, &graph, self.global)?;
        if let Some((folder, name)) = &self.to {
            self.write(&assembled, &graph, folder, name.as_deref())?;
            answer.written.clone_from(&self.going.to);
        }
        let published = move_tags(publication, &graph, verifying)?;
        answer.published = published.iter().map(PublishedAnswer::of).collect();
        self.answered(&answer)
    }

    /// Assembles and checks. Nothing where it was refused, which is told.
    fn checked(
        &self,
        recipe: &Recipe,
        verifying: &mut Verifying<'_>,
    ) -> Result<Option<(Assembled, Option<ImageAnswer>)>, Failure> {
        let assembled = match assemble(recipe, &self.settings(verifying.runtime())) {
            Ok(assembled) => assembled,
            Err(error) => return refused(error).map(|_| None),
        };
        if self.going.no_verify {
            return Ok(Some((assembled, None)));
        }
        let answer = verifying.opened(&recipe.name, &assembled.opened)?;
        if let Some(reason) = answer.unread() {
            let text =
                format!("{} could not be verified: {reason}; nothing is written or pushed", recipe.name);
            return Err(Failure::new(text).with_hint("try again; --no-verify goes on all the same"));
        }
        Ok(match self.refuses(&answer)? {
            true => None,
            false => Some((assembled, Some(answer))),
        })
    }

    /// Whether what was found forbids to go on, which is told. Where it can't be told, that is shown.
    fn refuses(&self, answer: &ImageAnswer) -> Result<bool, Failure> {
        let wrong = answer.wrong_without_command();
        let is_refused = answer.verdict == "no" || wrong.is_some();
        if answer.verdict != "yes" && (is_refused || !self.going.json) {
            let text = shown(answer, self.global.quiet);
            match self.going.json {
                true => tell(text.trim_end(), None),
                false => print(text.as_bytes())?,
            }
        }
        if is_refused {
            let more = wrong.map(|wrong| format!(" ({wrong})")).unwrap_or_default();
            let image = &answer.image;
            tell(
                &format!(
                    "{image}: what it holds is not for its platform{more}; nothing is written or pushed"
                ),
                Some("--no-verify goes on all the same"),
            );
        }
        Ok(is_refused)
    }

    fn write(
        &self,
        assembled: &Assembled,
        graph: &Graph,
        folder: &Path,
        name: Option<&str>,
    ) -> Result<(), Failure> {
        let failed = |error: String| Failure::new(error);
        let layout = Layout::create(folder).map_err(|error| failed(error.to_string()))?;
        let bar = ByteBar::new(self.global);
        bar.expect(graph.size());
        let carried = carry(graph, assembled.opened.source.as_ref(), &layout, JOBS, &|bytes| bar.add(bytes));
        bar.clear();
        carried.map_err(|error| failed(error.to_string()))?;
        layout.put_document(&graph.root).map_err(failed_to_write)?;
        layout.put_name(&graph.root, name).map_err(failed_to_write)
    }

    fn answered(&self, answer: &AssembledAnswer) -> Result<Exit, Failure> {
        match self.going.json {
            true => print(&json::document(answer)?)?,
            false => print(told(answer, self.global.quiet).as_bytes())?,
        }
        Ok(Exit::Yes)
    }
}

/// Tells that the platforms are not those that are expected; anything else is a failure.
fn refused(error: AssembleError) -> Result<Exit, Failure> {
    if !error.is_unexpected() {
        return Err(error.into());
    }
    tell(&format!("{error}; nothing is written or pushed"), error.hint());
    Ok(Exit::No)
}

/// The repositories that have parts of the image already.
fn repositories(recipe: &Recipe) -> Vec<Repository> {
    let of = |part: &Part| match &part.what {
        What::Image(Place::Registry(reference)) => Some(reference.repository().clone()),
        _ => None,
    };
    let mut found: Vec<Repository> = Vec::new();
    for repository in recipe.parts.iter().filter_map(of) {
        if !found.contains(&repository) {
            found.push(repository);
        }
    }
    found
}

fn failed_to_write(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

/// Where it is to be written.
fn layout(text: &str) -> Result<(PathBuf, Option<String>), Failure> {
    match Place::read(text) {
        Ok(Place::Layout { folder, image }) if !folder.as_os_str().is_empty() => {
            Ok((folder, super::name_to_write(text, image)?))
        }
        _ => Err(Failure::new(format!(
            "--to {text}: it is written to an image layout, oci:DIR or oci:DIR:NAME"
        ))
        .with_hint("--push pushes it to a registry")),
    }
}

/// `SOURCE_DATE_EPOCH`, in seconds, as reproducible-builds.org specifies it.
fn source_date_epoch() -> Result<Option<Timestamp>, Failure> {
    let Some(text) = variable("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
    match seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(timestamp) => Ok(Some(timestamp)),
        None => Err(Failure::new(format!(
            "SOURCE_DATE_EPOCH is {text:?}, which is no whole number of seconds since 1970, up to {} (the year 9999)",
            Timestamp::MAX.as_second()
        ))
        .with_hint("for example SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)")),
    }
}

impl From<AssembleError> for Failure {
    fn from(error: AssembleError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
