//! What a site is made of: evidence, content, and the address that it will be at.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use workson::catalog::check::Evidence;
use workson::catalog::timelines;
use workson::catalog::verified::Verified;
use workson::content::{Content, Problem};
use workson::proposal::{Notice, Project};
use workson::site::{Base, Site};
use workson::store::{Lists, Reasons, Submissions, TagSpans};
use workson::timeline::Timeline;

use crate::cli::Global;
use crate::content_files::{Place, load};
use crate::exit::{Failure, tell};
use crate::output::count;
use crate::settings::Settings;

/// How many decisions are told of, the newest ones.
const NOTICES: usize = 100;

/// What is told of a site before it is built or served.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Wanted {
    /// Read entries, news and events from DIR [default: ./content where it is there, else what comes with workson]
    #[arg(long, value_name = "DIR", env = "WORKSON_CONTENT", hide_env_values = true)]
    pub(crate) content: Option<PathBuf>,

    /// Where the site will be, like https://example.org/workson: for feeds, site map and cards
    #[arg(long, value_name = "URL", env = "WORKSON_BASE_URL", hide_env_values = true)]
    pub(crate) base_url: Option<String>,
}

/// What is known of images, as everybody may read it: for the site, and for questions about its content.
pub(crate) struct Known {
    pub(crate) declared: Timeline,
    pub(crate) published: Option<Timeline>,
    verified: Verified,
    /// What was approved of what people proposed, and what was decided.
    public: (Vec<Project>, Vec<Notice>),
}

impl Known {
    /// Reads the store, with as much of the tags as is asked for.
    pub(crate) fn read(global: &Global, tags: TagSpans) -> Result<Known, Failure> {
        let settings = Settings::read(global)?;
        let store = super::super::existing_store(&settings.store(global))?;
        let declared = timelines::declared(store.as_ref(), tags)?.timeline;
        let published =
            store.as_ref().map(|store| store.published(Lists::All, Reasons::Public)).transpose()?.flatten();
        let verified = Verified::read_with_digests(store.as_ref())?;
        Ok(Known { declared, published, verified, public: public(&settings.submissions(global))? })
    }

    pub(crate) fn evidence(&self) -> Evidence<'_> {
        Evidence { declared: Some(&self.declared), published: self.published.as_ref() }
    }

    pub(crate) fn site(&self, base: Base, content: Content) -> Site {
        let site = Site::new(base, content, &self.evidence(), &self.verified);
        let (projects, notices) = self.public.clone();
        Site { projects, notices, ..site }
    }
}

/// What everybody may know of what people proposed; nothing where nobody has.
fn public(submissions: &Path) -> Result<(Vec<Project>, Vec<Notice>), Failure> {
    if !submissions.exists() {
        return Ok(Default::default());
    }
    let submissions = Submissions::open_existing(submissions)?;
    Ok((submissions.projects()?, submissions.notices(NOTICES)?))
}

/// A site, and the timeline that can be taken away from it.
pub(crate) struct Sources {
    pub(crate) site: Site,
    pub(crate) declared: Timeline,
}

/// How many official images support linux/arm64: the number that everything began with, as the first page has it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Count {
    platform: &'static str,
    supported: u64,
    images: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {} official images support {}", self.supported, self.images, self.platform)
    }
}

impl Sources {
    /// Reads everything. All that is wrong is told, with what was found to be wrong before.
    pub(crate) fn read(
        wanted: &Wanted,
        global: &Global,
        mut wrong: Vec<Failure>,
    ) -> Result<Sources, Failure> {
        let base = wanted.base_url.as_deref().map_or_else(|| Ok(Base::default()), Base::read);
        let base = base.unwrap_or_else(|error| {
            let failure = Failure::new(error.to_string());
            wrong.push(failure.with_hint("for example --base-url https://example.org/workson"));
            Base::default()
        });
        let place = Place::of(wanted.content.as_deref());
        let (content, mut problems) = load(&place).unwrap_or_else(|failure| {
            wrong.push(failure);
            Default::default()
        });
        let made = Known::read(global, TagSpans::Standing).map(|known| {
            let site = known.site(base, content);
            // What comes with the program may have been overtaken by what the store knows: its user can't help that.
            if let Place::Folder(_) = &place {
                problems.extend(site.content_problems(&known.evidence()));
                problems.sort();
            }
            Sources { site, declared: known.declared }
        });
        wrong.extend(told(&place, &problems));
        let made = made.map_err(|failure| wrong.push(failure));
        match (made, wrong.pop()) {
            (Ok(sources), None) => Ok(sources),
            (_, last) => {
                wrong.iter().for_each(Failure::tell);
                Err(last.unwrap_or_else(|| Failure::new("the site could not be made")))
            }
        }
    }

    pub(crate) fn count(&self) -> Count {
        let catalogue = &self.site.catalogue;
        let arm64 = catalogue.column("linux-arm64").map(|at| &catalogue.columns[at]);
        let (supported, images) = arm64.map(|column| self.site.official(column)).unwrap_or_default();
        Count { platform: "linux/arm64", supported, images }
    }
}

/// Tells what is wrong with the content, and that it is, where anything is.
fn told(place: &Place, problems: &[Problem]) -> Option<Failure> {
    for problem in problems {
        tell(&format!("{}: {}", place.at(&problem.at), problem.what), problem.hint.as_deref());
    }
    let number = count(problems.len(), "mistake");
    (!problems.is_empty()).then(|| Failure::new(format!("{place}: {number}; nothing was built")))
}
