//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    assemble, check, completions, content, copy, export, import, inventory, log, man, news, proposals, pull,
    query, report, resolve, serve, site, store, suggestions, verify,
};
use crate::settings::{JOBS, TIMEOUTS};

/// Does this software work on Arm? Answers with evidence, for Arm and every other platform.
#[derive(Debug, Parser)]
#[command(
    name = "workson",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 yes; 1 no, something asked about is not supported; 2 it could not be told or done."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::Arguments),
    Report(report::Arguments),
    Log(log::Arguments),
    Query(query::Arguments),
    Resolve(resolve::Arguments),
    Verify(verify::Arguments),
    Serve(serve::Arguments),
    Site(site::Arguments),
    Content(content::Arguments),
    News(news::Arguments),
    Suggestions(suggestions::Arguments),
    Proposals(proposals::Arguments),
    Pull(pull::Arguments),
    Assemble(Box<assemble::Arguments>),
    Copy(copy::Arguments),
    Push(copy::PushArguments),
    Inventory(inventory::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Store(store::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Keep what is seen in FILE [default: workson/store.db in the user's data directory]
    #[arg(long, global = true, value_name = "FILE", env = "WORKSON_STORE", hide_env_values = true)]
    pub(crate) store: Option<PathBuf>,

    /// Read the configuration from FILE [default: workson/config.toml in the user's configuration directory]
    #[arg(long, global = true, value_name = "FILE", env = "WORKSON_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,

    /// Ask HOST instead of REGISTRY: a pull-through cache, as in docker.io=cache.example:5000
    #[arg(long, global = true, value_name = "REGISTRY=HOST")]
    pub(crate) mirror: Vec<String>,

    /// Speak plain HTTP to HOST (loopback addresses are spoken to so anyway)
    #[arg(long, global = true, value_name = "HOST")]
    pub(crate) plain_http: Vec<String>,

    /// Trust the certificate authorities in FILE (PEM) as well
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_certificate: Vec<PathBuf>,

    /// Give one request SECONDS to finish [default: 30]; blobs and tags that are sent have longer (docs/configuration.md)
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(TIMEOUTS))]
    pub(crate) timeout: Option<u64>,

    /// Have up to N requests to one registry under way at once [default: 32]
    #[arg(long, short = 'j', global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(i64::from(*JOBS.start())..=i64::from(*JOBS.end())))]
    pub(crate) jobs: Option<u16>,

    /// Trace requests on standard error; credentials are never shown
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    /// Print results and errors only: no progress, no notes
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// No colours (NO_COLOR does the same)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}
