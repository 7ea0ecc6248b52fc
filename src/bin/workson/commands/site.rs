//! `workson site build`: the whole site as files for any web host.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use workson::catalog::check::Evidence;
use workson::catalog::timelines;
use workson::catalog::verified::Verified;
use workson::site::{Base, Site};
use workson::store::{Lists, Store, TagSpans};

use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// Build the web site: pages, feeds, badges and a static API, as files
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Build(Build),
}

/// Write the whole site as files for any web host
#[derive(Debug, Args)]
struct Build {
    /// Where to
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Where the site will be, like https://example.org/workson
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let What::Build(build) = &arguments.what;
    let settings = Settings::read(global)?;
    let store = super::existing_store(&settings.store(global))?;
    let base = match &build.base_url {
        Some(text) => Base::read(text).map_err(|error| Failure::new(error.to_string()))?,
        None => Base::default(),
    };
    let site = site(store.as_ref(), base)?;
    for route in site.routes() {
        let Some(rendered) = site.render(&route) else { continue };
        let mut path = build.folder.join(route.path().trim_start_matches('/'));
        if route.path().ends_with('/') {
            path.push("index.html");
        }
        let parent = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(parent).map_err(|error| Failure::io("making a folder", &error))?;
        std::fs::write(&path, &rendered.bytes).map_err(|error| Failure::io("writing", &error))?;
    }
    Ok(Exit::Yes)
}

fn site(store: Option<&Store>, base: Base) -> Result<Site, Failure> {
    let declared = timelines::declared(store, TagSpans::Standing)?;
    let published = store.map(|store| store.published(Lists::All)).transpose()?.flatten();
    let verified = Verified::read(store)?;
    let (content, problems) = crate::content_files::load(None)?;
    if let Some(problem) = problems.first() {
        return Err(Failure::new(format!("{}: {}", problem.at.file, problem.what)));
    }
    let evidence = Evidence { declared: Some(&declared.timeline), published: published.as_ref() };
    Ok(Site::new(base, content, &evidence, &verified))
}
