//! Inventories that are made by themselves, one at a time, and the site that is made anew when anything it shows has
//! changed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Makers;
use super::answers::Answers;
use super::settings::{Scheduled, Settings};
use crate::site::Inventory;
use crate::store::{RunState, RunSummary, Store, StoreError, Submissions};

/// How often it is looked whether anything has changed.
const LOOK: Duration = Duration::from_secs(1);
/// How long the store has to be left alone before a site is made of what it says now.
const SETTLED: Duration = Duration::from_secs(5);
/// When a site is made of it all the same: somebody may write again and again.
const LONGEST: Duration = Duration::from_secs(60);
/// When an inventory is gone on with that came to no end: a registry wanted a rest, or could not be reached.
const AGAIN: Duration = Duration::from_secs(1800);
/// By which part of its time an inventory may be late, so that not everybody asks on the hour.
const JITTER: u32 = 10;
/// When a site is made again that could not be made.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// How often proposals are looked at whose day has come.
const ADVANCE: Duration = Duration::from_secs(600);

/// When each inventory is due, and how it went.
pub(super) struct Schedule(Mutex<Vec<Planned>>);

struct Planned {
    scheduled: Scheduled,
    last: Option<RunSummary>,
    failed: Option<&'static str>,
    due: Timestamp,
    is_under_way: bool,
}

/// A wish to end that a thread can wait for.
#[derive(Default)]
pub(super) struct End {
    pub(super) stop: Arc<AtomicBool>,
    told: (Mutex<bool>, Condvar),
}

impl End {
    pub(super) fn tell(&self) {
        self.stop.store(true, Ordering::Relaxed);
        *held(&self.told.0) = true;
        self.told.1.notify_all();
    }

    /// Waits; whether the end has come.
    fn wait(&self, time: Duration) -> bool {
        let ended = held(&self.told.0);
        let outcome = self.told.1.wait_timeout_while(ended, time, |ended| !*ended);
        outcome.is_ok_and(|(ended, _)| *ended)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// Up to a part of a time, by chance.
fn jitter(every: Duration) -> Duration {
    let mut chance = [0; 4];
    // Without chance it is on time.
    let _ = getrandom::fill(&mut chance);
    let part = f64::from(u32::from_le_bytes(chance)) / f64::from(u32::MAX);
    (every / JITTER).mul_f64(part)
}

/// When a list is due, from the start of one to the start of the next: at once where it was never made or came to no end, else when its time is over.
fn due(scheduled: &Scheduled, last: Option<&RunSummary>, now: Timestamp) -> Timestamp {
    match last {
        // What a clock that was wrong says of days to come is passed over.
        Some(last) if last.state == RunState::Complete && last.started <= now => {
            later(last.started, scheduled.every + jitter(scheduled.every)).max(now)
        }
        _ => now,
    }
}

impl Schedule {
    pub(super) fn new(settings: &Settings, makers: &Makers) -> Schedule {
        let now = (settings.clock)();
        let plan = |scheduled: &Scheduled| {
            let last = (makers.last_run)(scheduled);
            let due = due(scheduled, last.as_ref(), now);
            Planned { scheduled: scheduled.clone(), last, failed: None, due, is_under_way: false }
        };
        Schedule(Mutex::new(settings.inventories.iter().map(plan).collect()))
    }

    /// As visitors are told of it: of a list in a file its name alone, because where it is concerns nobody.
    pub(super) fn told(&self) -> Vec<Inventory> {
        let told = |planned: &Planned| Inventory {
            list: name(&planned.scheduled),
            last: match (&planned.last, planned.failed) {
                (_, Some(failed)) => failed.to_owned(),
                (Some(last), None) => ended(last),
                (None, None) => String::new(),
            },
            next: match planned.is_under_way {
                true => "under way".to_owned(),
                false => planned.due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
        };
        held(&self.0).iter().map(told).collect()
    }

    fn is_under_way(&self) -> bool {
        held(&self.0).iter().any(|planned| planned.is_under_way)
    }

    /// The next one, and how long it is until then.
    fn next(&self, now: Timestamp) -> Option<(usize, Duration)> {
        let mut planned = held(&self.0);
        for planned in planned.iter_mut() {
            // A clock that was put back does not put them off.
            let every = planned.scheduled.every;
            planned.due = planned.due.min(later(now, every + every / JITTER));
        }
        let (at, next) = planned.iter().enumerate().min_by_key(|(_, planned)| planned.due)?;
        Some((at, Duration::try_from(next.due.duration_since(now)).unwrap_or_default()))
    }
}

/// What a list is called for everybody.
fn name(scheduled: &Scheduled) -> String {
    let file = Path::new(&scheduled.list).file_name();
    file.map_or_else(|| scheduled.list.clone(), |name| name.to_string_lossy().into_owned())
}

fn ended(run: &RunSummary) -> String {
    let at = run.ended.unwrap_or(run.started).strftime("%Y-%m-%d %H:%M UTC");
    let references = run.references;
    match run.state {
        RunState::Complete if run.failed == 0 => {
            format!("All {references} images were asked about until {at}.")
        }
        RunState::Complete => {
            format!("All {references} images were asked about until {at}; {} could not be told.", run.failed)
        }
        RunState::Running => format!("It began at {at}, and was interrupted; it will be gone on with."),
        RunState::Stopped | RunState::Abandoned => {
            format!("It stopped at {at} before its end; it will be gone on with.")
        }
    }
}

/// Makes the inventories that are due until the end.
pub(super) fn inventories(answers: &Arc<Answers>, makers: &Arc<Makers>, end: &Arc<End>) -> JoinHandle<()> {
    let (answers, makers, end) = (Arc::clone(answers), Arc::clone(makers), Arc::clone(end));
    std::thread::spawn(move || {
        // Whoever reads pages comes first. Where that can't be had, they have their turns all the same.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, 10);
        let clock = Arc::clone(&answers.settings.clock);
        while let Some((at, wait)) = answers.schedule.next(clock()) {
            if end.wait(wait.min(Duration::from_secs(60))) {
                return;
            }
            if wait <= Duration::from_secs(60) {
                make(&answers, &makers, &end, at);
            }
        }
    })
}

fn make(answers: &Answers, makers: &Makers, end: &End, at: usize) {
    let schedule = &answers.schedule;
    let scheduled = {
        let mut planned = held(&schedule.0);
        planned[at].is_under_way = true;
        planned[at].scheduled.clone()
    };
    let name = name(&scheduled);
    tracing::info!(list = name, "an inventory begins");
    // Whatever happens to one, there is a next one.
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (makers.inventory)(&scheduled, &end.stop)));
    let outcome =
        outcome.unwrap_or_else(|_| Err("it ended by a panic, which is a mistake of workson".to_owned()));
    let now = (answers.settings.clock)();
    let mut planned = held(&schedule.0);
    let planned = &mut planned[at];
    planned.is_under_way = false;
    planned.failed = None;
    match outcome {
        Ok(run) => {
            tracing::info!(
                list = name,
                state = run.state.name(),
                references = run.references,
                failed = run.failed,
                requests = run.requests,
                pulls = run.pulls,
                "an inventory ended"
            );
            let is_complete = run.state == RunState::Complete;
            planned.due = match is_complete {
                true => due(&planned.scheduled, Some(&run), now),
                false => later(now, AGAIN.min(planned.scheduled.every)),
            };
            if is_complete {
                answers.metrics().inventory_ended(&name, now);
            }
            answers.metrics().inventory_unknown(&name, run.failed);
            // All of it is there.
            makers.again.store(true, Ordering::Relaxed);
            planned.last = Some(run);
        }
        Err(error) => {
            tracing::error!(list = name, error, "an inventory could not be made");
            answers.metrics().inventory_failed(&name);
            planned.failed = Some("It could not be made; it will be tried again.");
            planned.due = later(now, AGAIN.min(planned.scheduled.every));
        }
    }
}

/// What a site is made of that others may change meanwhile.
struct Watched {
    store: Option<Store>,
    submissions: Option<Submissions>,
}

impl Watched {
    fn new() -> Watched {
        Watched { store: None, submissions: None }
    }

    /// A number for what each file says now; none of one that is not there, or can't be read.
    fn look(&mut self, settings: &Settings) -> (Option<i64>, Option<i64>) {
        fn version<T>(
            open: &mut Option<T>,
            path: &Path,
            make: impl Fn(&Path) -> Result<T, StoreError>,
            look: impl Fn(&T) -> Result<i64, StoreError>,
        ) -> Option<i64> {
            if !path.exists() {
                *open = None;
                return None;
            }
            if open.is_none() {
                *open = make(path).ok();
            }
            let version = open.as_ref().and_then(|file| look(file).ok());
            if version.is_none() {
                *open = None;
            }
            version
        }
        let store = version(&mut self.store, &settings.store, Store::open_existing, Store::data_version);
        let submissions = settings.forms.as_ref().and_then(|forms| {
            version(
                &mut self.submissions,
                &forms.submissions,
                Submissions::open_existing,
                // What only comes in changes nothing that is shown.
                Submissions::public_version,
            )
        });
        (store, submissions)
    }
}

/// What a site shows: the versions of its files, and the day.
type Shown = ((Option<i64>, Option<i64>), Date);

/// Makes the site anew, until the end, when the store, what people sent in, or the day is another one, or when it is
/// wished for.
pub(super) fn watch(answers: &Arc<Answers>, makers: &Arc<Makers>, end: &Arc<End>) -> JoinHandle<()> {
    let (answers, makers, end) = (Arc::clone(answers), Arc::clone(makers), Arc::clone(end));
    std::thread::spawn(move || {
        let settings = &answers.settings;
        let today = || (settings.clock)().to_zoned(TimeZone::UTC).date();
        let mut watched = Watched::new();
        // What the first site shows was read before it is looked for, so it is made once more.
        let mut shown = None;
        let mut seen = watched.look(settings);
        let mut failed_at: Option<Instant> = None;
        // When the store began to change that the site does not show, and when it changed last.
        let mut changing: Option<(Instant, Instant)> = None;
        let mut advanced_at: Option<Instant> = None;
        while !end.wait(LOOK) {
            if advanced_at.is_none_or(|at| at.elapsed() > ADVANCE) {
                advanced_at = Some(Instant::now());
                if let Some(desk) = &answers.desk {
                    desk.advance(today());
                }
            }
            let now = (watched.look(settings), today());
            if now.0.0 != seen.0 {
                let last = Instant::now();
                changing = Some((changing.map_or(last, |(first, _)| first), last));
            }
            seen = now.0;
            let is_wished = makers.again.swap(false, Ordering::Relaxed);
            // What people are to see of a decision they see at once; what inventories write, when it is all there.
            let is_settled = !answers.schedule.is_under_way()
                && changing.is_none_or(|(first, last)| last.elapsed() > SETTLED || first.elapsed() > LONGEST);
            let is_due = shown.is_none_or(|shown: Shown| {
                now.0.1 != shown.0.1 || now.1 != shown.1 || (now.0.0 != shown.0.0 && is_settled)
            });
            // What failed is tried again, in a while.
            let is_held_back = failed_at.is_some_and(|at| at.elapsed() < TRY_AGAIN);
            if !is_wished && (!is_due || is_held_back) {
                continue;
            }
            failed_at = Some(Instant::now());
            match (makers.site)() {
                Ok(served) => {
                    (shown, changing, failed_at) = (Some(now), None, None);
                    answers.show(served);
                    tracing::info!("the site was made anew");
                }
                Err(error) => tracing::error!(error, "the site could not be made anew; the old one is shown"),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(state: RunState, started: &str) -> RunSummary {
        RunSummary {
            id: 1,
            list: "official".into(),
            references: 1,
            state,
            started: started.parse().unwrap(),
            ended: None,
            requests: 0,
            pulls: 0,
            failed: 0,
            tool: "0".into(),
        }
    }

    #[test]
    fn an_inventory_is_due_some_time_after_the_last_one_began() {
        let every = Duration::from_secs(6 * 3600);
        let scheduled = Scheduled { list: "official".into(), every };
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let due = |last: Option<&RunSummary>| due(&scheduled, last, now);
        assert_eq!(due(None), now, "it was never made");
        for state in [RunState::Running, RunState::Stopped] {
            assert_eq!(due(Some(&run(state, "2026-11-23T11:00:00Z"))), now, "it is gone on with");
        }
        let last = run(RunState::Complete, "2026-11-23T10:00:00Z");
        let at = due(Some(&last));
        assert!(
            later(last.started, every) <= at && at <= later(last.started, every + every / JITTER),
            "{at}"
        );
        assert_eq!(due(Some(&run(RunState::Complete, "2026-11-20T00:00:00Z"))), now, "it was long ago");
        assert_eq!(due(Some(&run(RunState::Complete, "2027-11-23T00:00:00Z"))), now, "a clock was wrong");
    }

    #[test]
    fn a_clock_that_is_put_back_puts_nothing_off() {
        let every = Duration::from_secs(3600);
        let scheduled = Scheduled { list: "official".into(), every };
        let due = "2030-01-01T00:00:00Z".parse().unwrap();
        let planned = Planned { scheduled, last: None, failed: None, due, is_under_way: false };
        let schedule = Schedule(Mutex::new(vec![planned]));
        let (at, wait) = schedule.next("2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!((at, wait), (0, every + every / JITTER));
    }
}
