//! What a site is made of: evidence, content, and the address that it will be at.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use workson::catalog::check::Evidence;
use workson::catalog::timelines;
use workson::catalog::verified::Verified;
use workson::content::Problem;
use workson::site::{Base, Site, Standing};
use workson::store::{Lists, TagSpans};
use workson::timeline::Timeline;

use crate::cli::Global;
use crate::content_files::{Place, load};
use crate::exit::{Failure, tell};
use crate::output::count;
use crate::settings::Settings;

/// What is told of a site before it is built or served.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Read entries, news and events from DIR [default: ./content where it is there, else what comes with workson]
    #[arg(long, value_name = "DIR")]
    content: Option<PathBuf>,

    /// Where the site will be, like https://example.org/workson: for feeds, site map and cards
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

/// A site, and the timeline that can be taken away from it.
pub(crate) struct Sources {
    pub(crate) site: Site,
    pub(crate) declared: Timeline,
}

/// How many images support linux/arm64: the number that everything began with.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Count {
    platform: &'static str,
    supported: usize,
    images: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {} images support {}", self.supported, self.images, self.platform)
    }
}

impl Sources {
    /// Reads everything. All that is wrong is told, with what was found to be wrong before.
    pub(crate) fn read(
        wanted: &Wanted,
        global: &Global,
        mut wrong: Vec<Failure>,
    ) -> Result<Sources, Failure> {
        let settings = Settings::read(global)?;
        let base = wanted.base_url.as_deref().map_or_else(|| Ok(Base::default()), Base::read);
        let base = base.unwrap_or_else(|error| {
            let failure = Failure::new(error.to_string());
            wrong.push(failure.with_hint("for example --base-url https://example.org/workson"));
            Base::default()
        });
        let place = Place::of(wanted.content.as_deref());
        let content = match load(&place) {
            Ok((content, problems)) => {
                wrong.extend(told(&place, &problems));
                content
            }
            Err(failure) => {
                wrong.push(failure);
                Default::default()
            }
        };
        if let Some(last) = wrong.pop() {
            wrong.iter().for_each(Failure::tell);
            return Err(last);
        }
        let store = super::super::existing_store(&settings.store(global))?;
        let declared = timelines::declared(store.as_ref(), TagSpans::Standing)?.timeline;
        let published = store.as_ref().map(|store| store.published(Lists::All)).transpose()?.flatten();
        let verified = Verified::read_with_digests(store.as_ref())?;
        let evidence = Evidence { declared: Some(&declared), published: published.as_ref() };
        let site = Site::new(base, content, &evidence, &verified);
        // What comes with the program may have been overtaken by what the store knows: its user can't help that.
        if let Place::Folder(_) = &place
            && let Some(failure) = told(&place, &site.content_problems(&evidence))
        {
            return Err(failure);
        }
        Ok(Sources { site, declared })
    }

    pub(crate) fn count(&self) -> Count {
        let catalogue = &self.site.catalogue;
        let arm64 = catalogue.column("linux-arm64").map(|at| &catalogue.columns[at]);
        Count {
            platform: "linux/arm64",
            supported: arm64.map_or(0, |column| column.count(Standing::Has)),
            images: arm64.map_or(0, workson::site::Column::total),
        }
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
