//! `workson serve`: the site over HTTP, for whoever sits at this machine.

use std::io::{IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use clap::Args;
use workson::serve;

use super::site::sources::{Sources, Wanted};
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::interrupt::interrupted;
use crate::output::print;
use crate::settings::variable;

/// Show the web site: on this machine, in your browser
///
/// The pages are those that `workson site build` writes. They are made when they are asked for.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 it was ended by Ctrl-C or SIGTERM; 2 it could not be served.")]
pub(crate) struct Arguments {
    /// Listen on ADDR:PORT; port 0 takes any that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8017")]
    listen: String,

    #[command(flatten)]
    wanted: Wanted,

    /// Open no browser
    #[arg(long)]
    no_open: bool,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let (listener, wrong) = match listen(&arguments.listen) {
        Ok(listener) => (Some(listener), Vec::new()),
        Err(failure) => (None, vec![failure]),
    };
    let sources = Sources::read(&arguments.wanted, global, wrong)?;
    let Some(listener) = listener else { return Ok(Exit::Unknown) };
    let address = listener.local_addr().map_err(|error| Failure::io("listening", &error))?;
    let shown = format!("http://{address}{}/", sources.site.base.path);
    let count = sources.count();
    let mut text = Vec::new();
    writeln!(text, "{count}")?;
    writeln!(text, "the site is at {shown}")?;
    print(&text)?;
    if !global.quiet {
        say_more(address);
    }
    if !arguments.no_open && has_browser() {
        // Whoever has none sees the address.
        let _ = open::that_detached(&shown);
    }
    let served = serve::Served { site: sources.site, declared: sources.declared };
    serve::run(&listener, served, interrupted()).map_err(|error| Failure::io("serving", &error))?;
    Ok(Exit::Yes)
}

fn listen(text: &str) -> Result<TcpListener, Failure> {
    let failed = |error: std::io::Error| {
        let failure = Failure::io(&format!("--listen {text}"), &error);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                failure.with_hint("something listens there already; 127.0.0.1:0 takes any port that is free")
            }
            _ => failure.with_hint("for example --listen 127.0.0.1:8017"),
        }
    };
    let listener = TcpListener::bind(text).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

fn say_more(address: SocketAddr) {
    if !address.ip().is_loopback() {
        tell("whoever reaches this address can read what your store knows about images", None);
    }
    if std::io::stderr().is_terminal() {
        tell("Ctrl-C ends it", None);
    }
}

/// Whether somebody looks at a screen here. Without one, what opens addresses may take over the terminal.
fn has_browser() -> bool {
    let has_screen = !cfg!(all(unix, not(target_os = "macos")))
        || variable("DISPLAY").or_else(|| variable("WAYLAND_DISPLAY")).is_some();
    std::io::stdout().is_terminal() && has_screen
}
