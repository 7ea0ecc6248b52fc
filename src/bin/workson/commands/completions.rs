//! `workson completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};

/// Print completions for a shell
///
/// For bash: workson completions bash > ~/.local/share/bash-completion/completions/workson
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "workson", &mut text);
    crate::output::print(&text)?;
    Ok(Exit::Yes)
}
