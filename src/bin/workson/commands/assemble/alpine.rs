//! `workson assemble alpine`: a release of Alpine for every architecture that it has.

use std::path::PathBuf;

use clap::Args;
use workson::assemble::alpine::{Header, Wanted, release, stanza};

use super::answer::More;
use super::{Going, Work, refused};
use crate::cli::Global;
use crate::commands::copy::references;
use crate::exit::{Exit, Failure};

/// Make the image of an Alpine release, of every architecture that it has a minimal root for
///
/// The roots are found by the release's own index or checksums, and their SHA-512 is checked. A release that lacks an
/// architecture which Alpine has had by its version is refused, unless --expect says which it is to have. It also prints
/// what the official images' library file would say of it.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Exit codes: 0 done; 1 it was refused, and nothing is written or pushed; 2 it could not be done."
)]
pub(super) struct Arguments {
    /// The release: a folder or an https address, with one folder for each architecture
    #[arg(long, value_name = "DIR|URL")]
    release: String,

    /// Which version, like 3.20.3 [default: the newest that is there]
    #[arg(long, value_name = "V")]
    version: Option<String>,

    /// Check each root's OpenPGP signature by the public keys in FILE, as `gpg --export KEY` writes them (takes gpgv)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Push it under these references
    #[arg(long, value_name = "REF", num_args = 1..)]
    push: Vec<String>,

    #[command(flatten)]
    going: Going,

    /// `Maintainers` of the library file [default: Alpine's own]
    #[arg(long, value_name = "TEXT", help_heading = "The official images' library file")]
    maintainers: Option<String>,

    /// `GitRepo` of the library file [default: Alpine's own]
    #[arg(long, value_name = "URL", help_heading = "The official images' library file")]
    git_repo: Option<String>,

    /// `GitCommit` of the library file: the commit that has the roots
    #[arg(long, value_name = "COMMIT", help_heading = "The official images' library file")]
    git_commit: Option<String>,

    /// It is the newest release: its tags are also the major version and latest
    #[arg(long, help_heading = "The official images' library file")]
    latest: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let targets = references(&arguments.push)?;
    let work = Work::new(&arguments.going, global)?;
    let mut verifying = work.verifying()?;
    let settings = work.settings(verifying.runtime());
    let wanted = Wanted {
        location: &arguments.release,
        version: arguments.version.as_deref(),
        keyring: arguments.key.as_deref(),
        may_lack: !work.expected.is_empty(),
    };
    let found = match release(&wanted, &settings) {
        Ok(found) => found,
        Err(error) => return refused(error),
    };
    let header = Header {
        maintainers: arguments.maintainers.clone(),
        git_repo: arguments.git_repo.clone(),
        git_commit: arguments.git_commit.clone(),
        is_latest: arguments.latest,
    };
    let more = More { stanza: Some(stanza(&found, &header)), notes: found.notes };
    work.of(&found.recipe, &mut verifying, (&targets, &targets), more)
}
