//! `workson man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::Cli;
use crate::exit::{Exit, Failure};

/// Write the manual pages, one a command
///
/// Without FOLDER the page of workson itself is printed: workson man | man -l -
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to write them, for example /usr/local/share/man/man1
    folder: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.folder {
        Some(folder) => {
            let failed =
                |error| Failure::io(&format!("writing manual pages to {}", folder.display()), &error);
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            crate::output::print(&page)?;
        }
    }
    Ok(Exit::Yes)
}
