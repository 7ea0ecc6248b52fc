//! The site over HTTP.
//!
//! The pages are those of a build, made when they are first asked for. Settings, clock and the wish to end are handed in;
//! nothing is printed here: what an operator has to know goes to [`tracing`].

mod answers;
mod connections;
mod database;
mod encoding;
mod pages;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use self::answers::Answers;
use crate::site::Site;
use crate::timeline::Timeline;

/// What is served.
#[derive(Debug)]
pub struct Served {
    /// The site.
    pub site: Site,
    /// The declared history, to take away.
    pub declared: Timeline,
}

/// Answers what comes to `listener` (which does not block) until `end` is there.
///
/// # Errors
/// Where no thread can wait for connections.
pub fn run(listener: &TcpListener, served: Served, end: impl Future<Output = ()>) -> io::Result<()> {
    connections::serve(listener, &Arc::new(Answers::new(served)), end)
}
