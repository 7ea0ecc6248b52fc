//! `workson`: does this software work on Arm? The command line.
//!
//! The file tree is the command tree: one command a file below `commands`. What was typed is read in `cli`,
//! what it means together with the environment and the configuration file is worked out in `settings`.

mod cli;
mod commands;
mod content_files;
mod exit;
mod host;
mod instant;
mod interrupt;
mod output;
mod progress;
mod reviewer;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Command::Check(arguments) => commands::check::run(arguments, &cli.global),
        Command::Report(arguments) => commands::report::run(arguments, &cli.global),
        Command::Log(arguments) => commands::log::run(arguments, &cli.global),
        Command::Query(arguments) => commands::query::run(arguments, &cli.global),
        Command::Resolve(arguments) => commands::resolve::run(arguments, &cli.global),
        Command::Verify(arguments) => commands::verify::run(arguments, &cli.global),
        Command::Serve(arguments) => commands::serve::run(arguments, &cli.global),
        Command::Site(arguments) => commands::site::run(arguments, &cli.global),
        Command::Content(arguments) => commands::content::run(arguments, &cli.global),
        Command::News(arguments) => commands::news::run(arguments, &cli.global),
        Command::Suggestions(arguments) => commands::suggestions::run(arguments, &cli.global),
        Command::Proposals(arguments) => commands::proposals::run(arguments, &cli.global),
        Command::Assemble(arguments) => commands::assemble::run(arguments, &cli.global),
        Command::Copy(arguments) => commands::copy::run(arguments, &cli.global),
        Command::Push(arguments) => commands::copy::push(arguments, &cli.global),
        Command::Pull(arguments) => commands::pull::run(arguments, &cli.global),
        Command::Inventory(arguments) => commands::inventory::run(arguments, &cli.global),
        Command::Import(arguments) => commands::import::run(arguments, &cli.global),
        Command::Export(arguments) => commands::export::run(arguments, &cli.global),
        Command::Store(arguments) => commands::store::run(arguments, &cli.global),
        Command::Completions(arguments) => commands::completions::run(arguments),
        Command::Man(arguments) => commands::man::run(arguments),
    };
    match outcome {
        Ok(exit) => exit.into(),
        // Whoever reads has enough, as in `workson … | head`: nothing to complain of, and no "yes" either.
        Err(failure) if failure.is_closed_pipe() => Exit::Unknown.into(),
        Err(failure) => {
            failure.tell();
            Exit::Unknown.into()
        }
    }
}

/// Runs `future` on this thread: requests are waited for, not computed.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::io("starting to wait for requests", &error))?.block_on(future)
}
