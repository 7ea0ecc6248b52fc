//! From a repository into the store.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::library_file::Architectures;
use super::repository::{Commit, End, Repository};
use super::walk::{Change, Reading, What, walk};
use super::{HistoryError, HistoryErrorKind as Kind};
use crate::evidence::Rung;
use crate::store::{Reach, Store, StoreError, TagSpans};
use crate::timeline::{
    MomentId, OFFICIAL_IMAGES, OFFICIAL_IMAGES_SOURCE, Offer, Problem, Recorder, Source, Timeline,
};

/// The first commit of the official images' folder `library/`, by which a copy of their history is known.
const FIRST_COMMIT: &[u8] = b"b79dd11851ada54b932224284eccb5374a27504d";
/// How many spans of tags may end in one import; in the first thirteen years some 200,000 did.
const MAX_ENDED: usize = 5_000_000;
/// How far ahead of this machine's clock a commit may be dated.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);

/// How an import goes about it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What time it is.
    pub now: Timestamp,
    /// The version of workson.
    pub tool: String,
    /// What is read, where it is no copy of the official images' own history.
    pub source: String,
    /// Whether all of the history is read anew, and takes the place of what is stored.
    pub again: bool,
    /// How many threads read.
    pub threads: usize,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many commits have been read.
    pub done: usize,
    /// How many there are to read.
    pub total: usize,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// How far the history is read now.
    pub source: Source,
    /// How many commits were new.
    pub commits: u64,
    /// How many changes of one file they made.
    pub changes: u64,
    /// What could not be read of them, each with its commit and when that was.
    pub problems: Vec<(Timestamp, String, Problem)>,
}

/// Why an import came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The repository.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads what is new in `repository` since the last import, and keeps it: all of it or, on an error, nothing.
///
/// # Errors
/// Where the repository can't be read, does not go on from what was read last, or the store can't be written.
pub fn import(
    store: &mut Store,
    repository: &Repository,
    settings: &Settings,
    progress: impl FnMut(Progress),
) -> Result<Imported, ImportError> {
    let reach = store.reach(OFFICIAL_IMAGES)?.filter(|_| !settings.again);
    if let Some(reach) = &reach
        && reach.tip == repository.tip()
    {
        return Ok(Imported { source: reach.source.clone(), commits: 0, changes: 0, problems: Vec::new() });
    }
    let (mut commits, end) = since(repository, reach.as_ref())?;
    let before = match (end, &reach) {
        (End::Known(commit), _) => Some(commit),
        (End::Root, None) => None,
        (End::Root, Some(reach)) => {
            return Err(elsewhere(store, repository, reach, commits.last())?.into());
        }
    };
    let newest = commits.last().or(before.as_ref());
    if let Some(newest) = newest
        && repository.reader().library(newest)?.is_none()
    {
        let tried = format!("reading {}", repository.name());
        let what = format!("its newest commit, {}, has no folder library/", newest.id);
        let hint = "it has to be docker-library/official-images, or a copy of it";
        return Err(HistoryError::new(Kind::NotThere, tried, what).with_hint(hint).into());
    }
    let known = match &reach {
        Some(_) => store.timeline(OFFICIAL_IMAGES, TagSpans::Standing)?,
        None => None,
    };
    call_once(&mut commits, known.as_ref(), reach.as_ref());
    let known_moments = known.as_ref().map_or(0, |timeline| timeline.moments.len());
    let mut reading = Importing::new(known, settings.now, &commits, progress);
    walk(repository, before.as_ref(), &commits, settings.threads, |commit, changes| {
        reading.take(commit, changes)
    })?;
    let newest = commits.last().or(before.as_ref());
    let name = match &reach {
        Some(reach) => reach.source.name.clone(),
        None if commits.iter().any(|commit| commit.is_called(FIRST_COMMIT)) => {
            OFFICIAL_IMAGES_SOURCE.to_owned()
        }
        None => settings.source.clone(),
    };
    let source = Source {
        name,
        head: newest.map(Commit::origin).unwrap_or_default(),
        head_at: reading.last,
        read: reach.as_ref().map_or(0, |reach| reach.source.read) + commits.len() as u64,
        changes: reach.as_ref().map_or(0, |reach| reach.source.changes) + reading.changes,
        tool: settings.tool.clone(),
    };
    let changes = reading.changes;
    let timeline = reading.recorder.finish(source);
    let before = reach.as_ref().map(|reach| (reach, known_moments));
    store.put_timeline(OFFICIAL_IMAGES, &timeline, &repository.tip(), before)?;
    let problems = new_problems(&timeline, known_moments);
    Ok(Imported { source: timeline.source, commits: commits.len() as u64, changes, problems })
}

/// The commits since the last import, and where they begin. A copy whose commits have other names is found by what
/// its commits say that they are copies of.
fn since(repository: &Repository, reach: Option<&Reach>) -> Result<(Vec<Commit>, End), HistoryError> {
    let Some(reach) = reach else { return repository.first_parents(|_| false) };
    let names = [reach.tip.as_bytes(), reach.source.head.as_bytes()];
    let by_name = repository.first_parents(|commit| names.iter().any(|name| commit.is_named(name)));
    if let Ok((_, End::Known(_))) = &by_name {
        return by_name;
    }
    let by_original = repository.first_parents(|commit| commit.is_called(reach.source.head.as_bytes()));
    if let Ok((_, End::Known(_))) = &by_original { by_original } else { by_name }
}

/// A commit may say that it is a copy of one that another says as well, by mistake: then its own name is taken.
fn call_once(commits: &mut [Commit], known: Option<&Timeline>, reach: Option<&Reach>) {
    let known = known.iter().flat_map(|timeline| &timeline.moments);
    let mut met: HashSet<String> = known.map(|moment| moment.origin.clone()).collect();
    // The last one need not have changed anything.
    met.extend(reach.map(|reach| reach.source.head.clone()));
    for commit in commits {
        if !met.insert(commit.origin()) {
            commit.original = None;
            met.insert(commit.origin());
        }
    }
}

fn new_problems(timeline: &Timeline, known_moments: usize) -> Vec<(Timestamp, String, Problem)> {
    let is_new = |problem: &&Problem| problem.moment.0 as usize >= known_moments;
    let found = timeline.problems.iter().filter(is_new).map(|problem| {
        let moment = timeline.moment(problem.moment);
        (moment.at, moment.origin.clone(), problem.clone())
    });
    found.collect()
}

/// Why a repository does not lead to the commit that was read last.
fn elsewhere(
    store: &Store,
    repository: &Repository,
    reach: &Reach,
    newest: Option<&Commit>,
) -> Result<HistoryError, StoreError> {
    let tried = format!("going on from commit {} with {}", reach.source.head, repository.name());
    let known = store.timeline(OFFICIAL_IMAGES, TagSpans::None)?;
    let tip = newest.map_or_else(|| repository.tip(), Commit::origin);
    if known.is_some_and(|timeline| timeline.moments.iter().any(|moment| moment.origin == tip)) {
        let what = format!("this copy is an older one: it ends at {tip}, which is known");
        return Ok(
            HistoryError::new(Kind::Older, tried, what).with_hint("`git pull` there brings what is new")
        );
    }
    let what = "that commit is not among its first parents: its branch was rewritten since the last import, or it is another repository";
    Ok(HistoryError::new(Kind::Rewritten, tried, what)
        .with_hint("what was stored stays; --again reads all of this one and puts it in its place"))
}

/// An import that is under way.
struct Importing<P> {
    recorder: Recorder,
    sets: HashMap<Architectures, Offer>,
    now: Timestamp,
    /// When the last commit was.
    last: Timestamp,
    changes: u64,
    progress: P,
    done: Progress,
}

impl<P: FnMut(Progress)> Importing<P> {
    fn new(known: Option<Timeline>, now: Timestamp, commits: &[Commit], progress: P) -> Importing<P> {
        let last = known.as_ref().map(|timeline| timeline.source.head_at);
        let recorder = match known {
            Some(timeline) => Recorder::resume(timeline),
            None => Recorder::new(Rung::Declared),
        };
        Importing {
            recorder,
            sets: HashMap::new(),
            now,
            // Where even the first date can't be, the next one that can is when it begins at the latest.
            last: last
                .or_else(|| commits.iter().find_map(|commit| possible(commit.seconds?, now)))
                .unwrap_or(now),
            changes: 0,
            progress,
            done: Progress { done: 0, total: commits.len() },
        }
    }

    fn take(&mut self, commit: &Commit, changes: Vec<Change>) -> Result<(), HistoryError> {
        let (at, wrong) = self.date(commit.seconds);
        self.last = at;
        if !changes.is_empty() || wrong.is_some() {
            let moment = self.recorder.moment(at, &commit.origin());
            if let Some(reason) = wrong {
                self.recorder.problem("", moment, reason);
            }
            for change in changes {
                self.apply(moment, change);
            }
        }
        self.done.done += 1;
        (self.progress)(self.done);
        if self.recorder.ended() > MAX_ENDED {
            let tried = format!("reading the history up to commit {}", commit.id);
            let what = format!(
                "its tags have come and gone more than {MAX_ENDED} times, which is as much as is kept"
            );
            return Err(HistoryError::new(Kind::Other, tried, what));
        }
        Ok(())
    }

    /// When a commit counts as made: at its committer's date, unless that can't be.
    fn date(&self, seconds: Option<i64>) -> (Timestamp, Option<String>) {
        let last = self.last;
        let wrong =
            match seconds.map(|seconds| (possible(seconds, self.now), Timestamp::from_second(seconds))) {
                Some((Some(at), _)) if at >= last => return (at, None),
                Some((Some(at), _)) => format!("it is dated {at}, before its parent"),
                Some((None, Ok(at))) => format!("it is dated in the future, {at}"),
                Some((None, Err(_))) | None => "its date is none".to_owned(),
            };
        (last, Some(format!("{wrong}; taken to be of {last}")))
    }

    fn apply(&mut self, moment: MomentId, Change { image, what }: Change) {
        self.changes += 1;
        match what {
            What::Removed => self.recorder.removed(&image, moment),
            What::Refused(reason) => self.recorder.refused(&image, moment, reason),
            What::NoImage(reason) => self.recorder.problem(&image, moment, reason),
            What::Read(Reading { any, latest, tags }) => {
                let (any, latest) = (self.offer(any), self.offer(latest));
                let tags = tags.into_iter().map(|(tag, found)| (tag, self.offer(found))).collect();
                self.recorder.saw(&image, moment, any, latest, tags);
            }
        }
    }

    fn offer(&mut self, architectures: Architectures) -> Offer {
        let Importing { sets, recorder, .. } = self;
        *sets
            .entry(architectures)
            .or_insert_with(|| Offer { set: recorder.set(architectures.platforms()), is_whole: true })
    }
}

/// A date that a commit can have: not in the future, as far as clocks agree.
fn possible(seconds: i64, now: Timestamp) -> Option<Timestamp> {
    let latest = now.saturating_add(CLOCKS_DIFFER).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(seconds).ok().filter(|at| *at <= latest)
}
