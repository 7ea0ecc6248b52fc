//! `workson serve`: the site over HTTP, for whoever sits at this machine, or for everybody.

mod configuration;
mod logging;

use std::io::{IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use clap::builder::FalseyValueParser;
use serde::Serialize;
use workson::serve::settings::{FormSettings, LiveSettings, Scheduled};
use workson::serve::{self, Makers, Served};

pub(crate) use self::configuration::ServeTable;
use self::configuration::{Configuration, Log};
use super::inventory;
use super::site::sources::{Sources, Wanted};
use crate::cli::Global;
use crate::exit::{Exit, Failure, tell};
use crate::interrupt::{interrupted, on_hangup};
use crate::output::print;
use crate::settings::{Asking, Settings, now, variable};

/// Show the web site: on this machine, in your browser, or to everybody
///
/// The pages are those that `workson site build` writes. They are made when they are asked for, and anew when what they show
/// has changed. Beside them, registries are asked about any image, and suggestions and proposals are taken.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it was ended by Ctrl-C or SIGTERM, or the configuration is right; 2 it could not be served.\n\
                  docs/operating.md leads from nothing to a public service."
)]
pub(crate) struct Arguments {
    /// Listen on ADDR:PORT; port 0 takes any that is free [default: 127.0.0.1:8017]
    #[arg(long, value_name = "ADDR:PORT", env = "WORKSON_LISTEN", hide_env_values = true)]
    listen: Option<String>,

    #[command(flatten)]
    wanted: Wanted,

    /// Open no browser
    #[arg(long)]
    no_open: bool,

    /// Print how it would be served, as a configuration file, and end; proxies are left out, they may hold passwords
    #[arg(long)]
    check_config: bool,

    /// Make an inventory of LIST (a file, or `official`) again and again; may be given several times
    #[arg(
        long,
        value_name = "LIST",
        env = "WORKSON_INVENTORY",
        hide_env_values = true,
        value_delimiter = ','
    )]
    inventory: Vec<String>,

    /// How often inventories are made [default: 6h]
    #[arg(long, value_name = "TIME", env = "WORKSON_EVERY", hide_env_values = true)]
    every: Option<String>,

    /// Answer live queries about images of REGISTRY, instead of those of the well-known public ones
    #[arg(
        long,
        value_name = "REGISTRY",
        env = "WORKSON_REGISTRIES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    registry: Vec<String>,

    /// Answer them about HOST as well, and reach it wherever it is: a registry of one's own, its token service. A mirror
    /// is reached and not named
    #[arg(
        long,
        value_name = "HOST",
        env = "WORKSON_INTERNAL",
        hide_env_values = true,
        value_delimiter = ','
    )]
    internal: Vec<String>,

    /// Answer no live queries
    #[arg(long, env = "WORKSON_NO_LIVE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    no_live: bool,

    /// Take no suggestions and no proposals
    #[arg(long, env = "WORKSON_NO_FORMS", hide_env_values = true, value_parser = FalseyValueParser::new())]
    no_forms: bool,

    /// How many live queries a minute one client may ask; 0: as many as it likes [default: 60]
    #[arg(long, value_name = "N", env = "WORKSON_QUESTIONS_PER_MINUTE", hide_env_values = true)]
    questions_per_minute: Option<u32>,

    /// How many forms an hour one client may send; 0: as many as it likes [default: 10]
    #[arg(long, value_name = "N", env = "WORKSON_FORMS_PER_HOUR", hide_env_values = true)]
    forms_per_hour: Option<u32>,

    /// Have at most N connections at once [default: 4096]
    #[arg(long, value_name = "N", env = "WORKSON_MAX_CONNECTIONS", hide_env_values = true)]
    max_connections: Option<usize>,

    /// Believe the X-Forwarded-For of a proxy at NET, an address or a network
    #[arg(
        long,
        value_name = "NET",
        env = "WORKSON_TRUSTED_PROXIES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    trusted_proxy: Vec<String>,

    /// Who may read /metrics: off, loopback (from this machine, not through a proxy) or all [default: loopback]
    #[arg(long, value_name = "WHO", env = "WORKSON_METRICS", hide_env_values = true)]
    metrics: Option<String>,

    /// What is logged on standard error [default: json; warnings on a terminal]
    #[arg(long, value_name = "FORM", env = "WORKSON_LOG", hide_env_values = true)]
    log: Option<Log>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let is_terminal = std::io::stderr().is_terminal();
    let host = |mirror: String| mirror.split('/').next().unwrap_or_default().to_owned();
    let mirrors = settings.mirrors(global)?.into_values().map(host).collect();
    let (configuration, mut wrong) =
        Configuration::read(arguments, settings.serve(), settings.store(global), &mirrors, is_terminal);
    let serve = &configuration.serve;
    let wanted = Wanted { content: serve.content.clone(), base_url: serve.base_url.clone() };
    let service = service(&configuration, &settings, global).map_err(|failure| wrong.push(failure));
    let listener = match arguments.check_config || !wrong.is_empty() {
        true => None,
        false => listen(&serve.listen).map_err(|failure| wrong.push(failure)).ok(),
    };
    if arguments.check_config {
        wrong.extend(missing_lists(serve));
    }
    // All that is wrong is told at once, with what is wrong with the content.
    let sources = Sources::read(&wanted, global, wrong)?;
    if arguments.check_config {
        return show(&configuration, settings.asking(global)?);
    }
    let (Ok(service), Some(listener)) = (service, listener) else { return Ok(Exit::Unknown) };
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
    let _logging = logging::begin(serve.log);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "the service begins");
    let again = Arc::new(AtomicBool::new(false));
    let makers = makers(&configuration, wanted, global, &again);
    let end = async {
        // On a terminal it tells that the terminal is closed.
        if !is_terminal {
            on_hangup(&again);
        }
        interrupted().await;
        tracing::info!("the service ends");
    };
    serve::run(listener, served(sources), service, makers, end)
        .map_err(|error| Failure::io("serving", &error))?;
    Ok(Exit::Yes)
}

fn served(sources: Sources) -> Served {
    Served { site: sources.site, declared: sources.declared }
}

/// What the library goes by.
fn service(
    configuration: &Configuration,
    settings: &Settings,
    global: &Global,
) -> Result<serve::settings::Settings, Failure> {
    let serve = &configuration.serve;
    let is_proxied = serve.live.enabled && settings.has_proxies();
    if is_proxied {
        tell(
            "no live queries are answered: requests would go by a proxy, and nobody could see to it that they reach public \
             addresses alone",
            Some("unset the proxy for the service (HTTPS_PROXY, `[proxy]`), or give --no-live"),
        );
    }
    let live = (serve.live.enabled && !is_proxied).then(|| LiveSettings {
        registries: serve.live.registries.clone(),
        fresh: serve.live.fresh,
        pulls_per_hour: serve.live.pulls_per_hour,
        pulls_of: serve.live.pulls.clone(),
        per_minute: serve.live.questions_per_minute,
    });
    let forms = serve
        .forms
        .enabled
        .then(|| FormSettings { submissions: settings.submissions(global), per_hour: serve.forms.per_hour });
    let plan = |inventory: &configuration::Inventory| Scheduled {
        list: inventory.list.clone(),
        every: inventory.every,
    };
    if live.is_some() {
        // What can't be done is said now, and not to the first visitor.
        let budget = Arc::new(workson_registry::rate_limit::PullBudget::new(Some(0)));
        settings.strangers_client(global, &serve.live.internal, budget)?;
    }
    Ok(serve::settings::Settings {
        clock: Arc::new(now),
        max_connections: serve.max_connections,
        trusted_proxies: serve.trusted_proxies.clone(),
        metrics: serve.metrics,
        store: configuration.store.clone(),
        live,
        forms,
        inventories: serve.inventory.iter().map(plan).collect(),
    })
}

/// What a site, clients and inventories are made by, while the service is under way.
fn makers(configuration: &Configuration, wanted: Wanted, global: &Global, again: &Arc<AtomicBool>) -> Makers {
    let internal = configuration.serve.live.internal.clone();
    let [for_site, for_client, for_inventory, for_last] = [(); 4].map(|()| global.clone());
    Makers {
        site: Box::new(move || {
            Sources::read(&wanted, &for_site, Vec::new()).map(served).map_err(|failure| failure.to_string())
        }),
        client: Box::new(move |budget| {
            let client = Settings::read(&for_client)
                .and_then(|settings| settings.strangers_client(&for_client, &internal, budget));
            client.map_err(|failure| failure.to_string())
        }),
        inventory: Box::new(move |scheduled, stop| {
            inventory::unattended(&scheduled.list, &for_inventory, stop)
                .map_err(|failure| failure.to_string())
        }),
        last_run: Box::new(move |scheduled| inventory::last_run(&scheduled.list, &for_last)),
        again: Arc::clone(again),
    }
}

/// The lists of inventories that can't be read.
fn missing_lists(serve: &configuration::Serve) -> Vec<Failure> {
    let files = serve.inventory.iter().filter(|inventory| inventory.list != "official");
    let opened = files.map(|inventory| (&inventory.list, std::fs::File::open(&inventory.list)));
    opened
        .filter_map(|(list, opened)| {
            let failure = Failure::io(&format!("--inventory {list}"), &opened.err()?);
            Some(failure.with_hint("name a file with one reference a line, or `official`"))
        })
        .collect()
}

/// A configuration file that says all that was said.
#[derive(Serialize)]
struct Shown<'a> {
    store: &'a Path,
    #[serde(flatten)]
    asking: Asking,
    serve: &'a configuration::Serve,
}

/// Tells how it would be served, once it is seen that it could be.
fn show(configuration: &Configuration, asking: Asking) -> Result<Exit, Failure> {
    let Configuration { store, serve } = configuration;
    let text = toml::to_string(&Shown { store, asking, serve })
        .map_err(|error| Failure::new(format!("printing the configuration: {error}")))?;
    print(text.as_bytes())?;
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
