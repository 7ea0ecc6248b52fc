//! Repositories elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use gix::progress::prodash::progress::{Key, Task};
use gix::progress::prodash::tree::{Item, Root};
use gix::remote::{Direction, fetch::Tags, ref_map};

use super::{HistoryError, Kind, Repository, options, told};

/// The branch that a fetch keeps what it found under.
const HEAD: &str = "refs/workson/head";
/// What is said of a repository that not everyone may read.
const NEEDS_CREDENTIALS: &str =
    "it wants to know who asks, and no credentials are sent; clone it with git, and name the clone's folder";
/// How often it is looked at how far a fetch is.
const LOOK: Duration = Duration::from_millis(200);

/// Sets the provider of TLS for fetches over https: the one that the registry client uses. Once is enough.
pub fn install_tls() {
    // A second time finds it set, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// `scheme://…`, or `user@host:path` as ssh has it.
pub(super) fn looks_like_an_address(text: &str) -> bool {
    let is_scp = |text: &str| {
        text.split_once(':')
            .is_some_and(|(host, path)| host.contains('@') && !path.is_empty() && !host.contains('/'))
    };
    text.contains("://") || is_scp(text)
}

/// An address without what it may say of who asks: all before the last `@`, and what stands behind a `?`.
pub(super) fn shown(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => return address.to_owned(),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let bare = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{bare}")
}

/// Fetches on a thread of its own: what waits for a network can't be told to stop waiting.
pub(super) fn fetch(
    address: &str,
    folder: &Path,
    patience: Duration,
    mut show: impl FnMut(&str),
) -> Result<Repository, HistoryError> {
    install_tls();
    let name = shown(address);
    let tried = format!("fetching {name}");
    let local = |error: String| {
        HistoryError::new(Kind::Other, format!("{tried} into {}", folder.display()), error)
            .with_hint("it has to be a folder that can be written; removing it makes a new one")
    };
    let repository = open(folder).map_err(local)?;
    let failed = |error: String| {
        HistoryError::new(Kind::Network, &tried, error.replace(address, &name))
            .with_hint("is the address right, and the host reachable? A clone made elsewhere does as well")
    };
    let progress = Root::new();
    let interrupt = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    let work = (repository.clone(), address.to_owned(), progress.add_child("connecting"), interrupt.clone());
    std::thread::spawn(move || {
        let (repository, address, progress, interrupt) = work;
        // Nobody takes it any more where it took too long.
        let _ = sender.send(receive(&repository.to_thread_local(), &address, progress, &interrupt));
    });
    let mut seen = (Vec::new(), Instant::now());
    let mut tasks = Vec::new();
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(result) => break result.map_err(failed)?,
            Err(RecvTimeoutError::Disconnected) => return Err(failed("it ended without an answer".into())),
            Err(RecvTimeoutError::Timeout) => {}
        }
        progress.sorted_snapshot(&mut tasks);
        show(&line(&tasks));
        let steps = steps(&tasks);
        if steps != seen.0 {
            seen = (steps, Instant::now());
        } else if seen.1.elapsed() > patience {
            interrupt.store(true, Ordering::Relaxed);
            return Err(failed(format!("nothing came for {} s", patience.as_secs())));
        }
    }
    let repository = repository.to_thread_local();
    let tip = repository
        .find_reference(HEAD)
        .map_err(told)
        .and_then(|mut found| found.peel_to_id().map(gix::Id::detach).map_err(told))
        .map_err(|error| failed(format!("it has no newest commit: {error}")))?;
    Ok(Repository { shared: repository.into_sync(), tip, name, _scratch: None })
}

/// The bare repository in `folder`, a new one where there is none.
fn open(folder: &Path) -> Result<gix::ThreadSafeRepository, String> {
    if folder.join("HEAD").exists() {
        return gix::ThreadSafeRepository::open_opts(folder, options()).map_err(told);
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let create = gix::create::Options::default();
    gix::ThreadSafeRepository::init_opts(folder, gix::create::Kind::Bare, create, options()).map_err(told)
}

fn receive(
    repository: &gix::Repository,
    address: &str,
    mut progress: Item,
    interrupt: &AtomicBool,
) -> Result<(), String> {
    repository
        .remote_at(address)
        .map_err(told)?
        .with_fetch_tags(Tags::None)
        .with_refspecs([format!("+HEAD:{HEAD}").as_str()], Direction::Fetch)
        .map_err(told)?
        .connect(Direction::Fetch)
        .map_err(told)?
        // The address says who asks, or nobody does: not at the terminal, and by no program that is run for it.
        .with_credentials(|_| Err(gix::error::message(NEEDS_CREDENTIALS).into()))
        .prepare_fetch(&mut progress, ref_map::Options::default())
        .map_err(told)?
        .receive(&mut progress, interrupt)
        .map_err(told)?;
    Ok(())
}

/// What is shown of how far a fetch is: its newest part that counts something.
fn line(tasks: &[(Key, Task)]) -> String {
    let counting = tasks.iter().rev().find_map(|(_, task)| Some((task, task.progress.as_ref()?)));
    let Some((task, progress)) = counting else { return "connecting".into() };
    let step = progress.step.load(Ordering::Relaxed);
    match progress.done_at {
        Some(end) => format!("{}: {step}/{end}", task.name),
        None => format!("{}: {step}", task.name),
    }
}

/// What moves as long as something comes.
fn steps(tasks: &[(Key, Task)]) -> Vec<(String, usize)> {
    let step =
        |task: &Task| task.progress.as_ref().map_or(0, |progress| progress.step.load(Ordering::Relaxed));
    tasks.iter().map(|(_, task)| (task.name.clone(), step(task))).collect()
}
