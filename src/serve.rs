//! The site over HTTP, live queries, forms, and inventories that are made by themselves.
//!
//! The pages are those of a build, made when they are first asked for. Settings, clock and the wish to end are handed in,
//! and so is what reads files and credentials ([`Makers`]); nothing is printed here: what an operator has to know goes to
//! [`tracing`]. What is logged and counted of a request is its kind, never its address or who sent it.

mod allowance;
mod answers;
mod connections;
mod database;
mod desk;
mod encoding;
mod forms;
mod hour;
mod live;
mod metrics;
mod operations;
mod pages;
mod posted;
mod questions;
mod refusal;
mod repeats;
mod schedule;
mod sending;
pub mod settings;
mod stacks;
mod visitor;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::tz::TimeZone;

use self::answers::Answers;
use self::live::Live;
use self::schedule::{End, Schedule};
use self::settings::{Scheduled, Settings, Stop};
use crate::site::Site;
use crate::store::RunSummary;
use crate::timeline::Timeline;

pub use live::{MakeClient, tell_in_public};

/// What is served.
#[derive(Debug)]
pub struct Served {
    /// The site.
    pub site: Site,
    /// The declared history, to take away.
    pub declared: Timeline,
}

/// Makes an inventory of a list.
pub type MakeInventory = Box<dyn Fn(&Scheduled, &Stop) -> Result<RunSummary, String> + Send + Sync>;

/// Tells how the last run of a list went.
pub type LastRun = Box<dyn Fn(&Scheduled) -> Option<RunSummary> + Send + Sync>;

/// What is done where files, credentials and the environment are known. All of it may take its time.
pub struct Makers {
    /// Makes the site of what is known now.
    pub site: Box<dyn Fn() -> Result<Served, String> + Send + Sync>,
    /// Makes a client for live queries. It has no credentials and reaches public addresses alone.
    pub client: MakeClient,
    /// Makes an inventory, and stops early where that is wished.
    pub inventory: MakeInventory,
    /// How the last run of a list went.
    pub last_run: LastRun,
    /// Set from outside to have the site made anew.
    pub again: Arc<AtomicBool>,
}

/// What is shown to visitors of a service: the site, with what else there is, on the day that it is.
fn shown(mut served: Served, settings: &Settings) -> Served {
    served.site.services = settings.services();
    served.site.today = Some((settings.clock)().to_zoned(TimeZone::UTC).date());
    served
}

/// Answers what comes to `listener` (which does not block) until `end` is there. Then requests that are under way are
/// answered, and forms that were handed in are kept; who comes then finds nobody listening.
///
/// # Errors
/// Where no thread can wait for connections.
pub fn run(
    listener: TcpListener,
    served: Served,
    settings: Settings,
    makers: Makers,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let room = connections::room_for(settings.max_connections);
    // What waits for registries, and what is to be worked out for pages: few threads, since each keeps memory of its own.
    let workers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .thread_name("workers")
        .enable_all()
        .build()?;
    let makers = Arc::new(makers);
    let live = settings.live.clone().map(|live| {
        let (clock, store) = (Arc::clone(&settings.clock), settings.store.clone());
        Arc::new(Live::new(live, clock, store, Arc::clone(&makers), workers.handle().clone()))
    });
    let schedule = Schedule::new(&settings, &makers);
    let served = shown(served, &settings);
    let answers = Arc::new(Answers::new(served, settings, live, schedule, workers.handle().clone()));
    let ending = Arc::new(End::default());
    let threads =
        [schedule::inventories(&answers, &makers, &ending), schedule::watch(&answers, &makers, &ending)];
    let outcome = connections::serve(listener, &answers, room, end);
    ending.tell();
    if let Some(desk) = &answers.desk {
        desk.close();
    }
    for thread in threads {
        let _ = thread.join();
    }
    workers.shutdown_background();
    outcome
}
