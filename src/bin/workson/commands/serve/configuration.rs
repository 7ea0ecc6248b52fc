//! How a service is to be: what was typed, the environment and the configuration file, taken together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use ipnet::IpNet;
use jiff::{Span, SpanRelativeTo, Unit};
use serde::{Deserialize, Serialize};
use workson::serve::settings::{
    FORMS_PER_HOUR, FRESH, MAX_CONNECTIONS, Metrics, PUBLIC_REGISTRIES, PULLS_PER_HOUR, QUESTIONS_PER_MINUTE,
};

use super::Arguments;
use crate::exit::Failure;

/// Where the site is listened for.
const LISTEN: &str = "127.0.0.1:8017";
/// How often inventories are made.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// The shortest and the longest time that can be waited for.
const TIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(366 * 86400);

/// The table `[serve]` of the configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServeTable {
    listen: Option<String>,
    base_url: Option<String>,
    content: Option<PathBuf>,
    max_connections: Option<usize>,
    trusted_proxies: Option<Vec<String>>,
    metrics: Option<String>,
    log: Option<String>,
    live: LiveTable,
    forms: FormsTable,
    inventory: Vec<InventoryTable>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LiveTable {
    enabled: Option<bool>,
    registries: Option<Vec<String>>,
    internal: Vec<String>,
    fresh: Option<String>,
    questions_per_minute: Option<u32>,
    pulls_per_hour: Option<u64>,
    pulls: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FormsTable {
    enabled: Option<bool>,
    per_hour: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct InventoryTable {
    list: String,
    every: Option<String>,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// A line of JSON for each request, and for what else happens
    Json,
    /// The same as text
    Text,
    /// Text, of what has gone wrong alone
    Warnings,
    /// Nothing
    Off,
}

impl Log {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// How a service is to be.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    pub(super) store: PathBuf,
    pub(super) serve: Serve,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Serve {
    pub(super) listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<PathBuf>,
    pub(super) max_connections: usize,
    pub(super) trusted_proxies: Vec<IpNet>,
    #[serde(serialize_with = "metrics_name")]
    pub(super) metrics: Metrics,
    #[serde(serialize_with = "log_name")]
    pub(super) log: Log,
    pub(super) live: Live,
    pub(super) forms: Forms,
    pub(super) inventory: Vec<Inventory>,
}

/// Live queries.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Live {
    pub(super) enabled: bool,
    pub(super) registries: Vec<String>,
    /// Those of them, and of where they lead, that are reached wherever they are.
    pub(super) internal: BTreeSet<String>,
    #[serde(serialize_with = "time_text")]
    pub(super) fresh: Duration,
    pub(super) questions_per_minute: u32,
    pub(super) pulls_per_hour: u64,
    pub(super) pulls: BTreeMap<String, u64>,
}

/// Suggestions and proposals.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Forms {
    pub(super) enabled: bool,
    pub(super) per_hour: u32,
}

/// An inventory that is made by itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Inventory {
    pub(super) list: String,
    #[serde(serialize_with = "time_text")]
    pub(super) every: Duration,
}

fn metrics_name<S: serde::Serializer>(metrics: &Metrics, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(metrics.name())
}

fn log_name<S: serde::Serializer>(log: &Log, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&log.name())
}

fn time_text<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format!("{}s", time.as_secs()))
}

/// A time as people write it: `6h`, `90 minutes`, `1d 12h`.
fn time(option: &str, text: &str) -> Result<Duration, Failure> {
    let failed =
        |what: &str| Failure::new(format!("{option} {text}: {what}")).with_hint("for example 6h, 90m or 1d");
    let span: Span = text.parse().map_err(|_| failed("that is no time"))?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours()));
    let seconds = seconds.map_err(|_| failed("that is no time of days, hours, minutes or seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| TIMES.contains(time))
        .ok_or_else(|| failed("it has to be from one second to a year"))
}

/// Registries are named as references name them.
fn registry(option: &str, text: &str) -> Result<String, Failure> {
    let reference = workson_oci::Reference::from_str(&format!("{text}/a/b"));
    let reads = reference.ok().map(|reference| reference.repository().registry().to_owned());
    match reads {
        Some(registry) if registry == text => Ok(registry),
        Some(registry) if registry == "docker.io" && text.ends_with("docker.io") => Ok(registry),
        _ => Err(Failure::new(format!("{option} {text}: that is the name of no registry"))
            .with_hint("name it as images do, like docker.io or registry.example:5000")),
    }
}

fn network(option: &str, text: &str) -> Result<IpNet, Failure> {
    let whole = || text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().ok().or_else(whole).ok_or_else(|| {
        Failure::new(format!("{option} {text}: that is no address and no network"))
            .with_hint("for example 127.0.0.1 or 10.0.0.0/8")
    })
}

fn named<T>(option: &str, text: &str, found: Option<T>, names: &[String]) -> Result<T, Failure> {
    found.ok_or_else(|| {
        Failure::new(format!("{option} {text}: there is no such choice")).with_hint(names.join(", "))
    })
}

/// An address that can be listened at: a name or an address, and a port. Whether it is one of this machine is not asked.
fn listen(text: String, keep: &mut impl FnMut(Failure)) -> String {
    let is_read =
        text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_read {
        let failure = Failure::new(format!("--listen {text}: that is no address and port"));
        keep(failure.with_hint("for example --listen 127.0.0.1:8017"));
    }
    text
}

impl Configuration {
    /// Takes all of it together, and what is wrong with it, each thing on its own. In the place of what is wrong stands
    /// what is usual. Of `mirrors`, visitors learn nothing.
    pub(super) fn read(
        arguments: &Arguments,
        table: &ServeTable,
        store: PathBuf,
        mirrors: &BTreeSet<String>,
        is_terminal: bool,
    ) -> (Configuration, Vec<Failure>) {
        let mut wrong = Vec::new();
        let mut keep = |failure| wrong.push(failure);
        let trusted = given(&arguments.trusted_proxy, table.trusted_proxies.as_ref());
        let trusted_proxies = all(trusted, |text| network("--trusted-proxy", text), &mut keep);
        let usual: Vec<String> = PUBLIC_REGISTRIES.map(str::to_owned).into();
        let registries = match &arguments.registry[..] {
            [] => table.live.registries.as_ref().unwrap_or(&usual),
            typed => typed,
        };
        let mut registries = all(registries, |text| registry("--registry", text), &mut keep);
        let internal = given(&arguments.internal, Some(&table.live.internal));
        let internal = all(internal, |text| registry("--internal", text), &mut keep);
        // A mirror stands in for a registry, and is none that anybody asks about.
        registries.extend(internal.iter().filter(|host| !mirrors.contains(*host)).cloned());
        let mut seen = BTreeSet::new();
        registries.retain(|registry| seen.insert(registry.clone()));
        let fresh = match &table.live.fresh {
            Some(text) => time("fresh", text).unwrap_or_else(|failure| {
                keep(failure);
                FRESH
            }),
            None => FRESH,
        };
        let metrics = match arguments.metrics.as_ref().or(table.metrics.as_ref()) {
            Some(text) => {
                let found = Metrics::ALL.into_iter().find(|metrics| metrics.name() == text);
                let names = Metrics::ALL.map(|metrics| metrics.name().to_owned());
                named("--metrics", text, found, &names).unwrap_or_else(|failure| {
                    keep(failure);
                    Metrics::Loopback
                })
            }
            None => Metrics::Loopback,
        };
        let usual_log = if is_terminal { Log::Warnings } else { Log::Json };
        let log = match (arguments.log, &table.log) {
            (Some(log), _) => log,
            (None, Some(text)) => {
                let names: Vec<String> = Log::value_variants().iter().map(|log| log.name()).collect();
                named("log", text, Log::from_str(text, false).ok(), &names).unwrap_or_else(|failure| {
                    keep(failure);
                    usual_log
                })
            }
            (None, None) => usual_log,
        };
        let inventory = inventories(arguments, table, &mut keep);
        let address = arguments.listen.clone().or(table.listen.clone());
        let listen = listen(address.unwrap_or_else(|| LISTEN.to_owned()), &mut keep);
        let names: Vec<String> = table.live.pulls.keys().cloned().collect();
        let names = all(&names, |text| registry("serve.live.pulls", text), &mut keep);
        let pulls = names.into_iter().zip(table.live.pulls.values().copied()).collect();
        let max_connections =
            arguments.max_connections.or(table.max_connections).unwrap_or(MAX_CONNECTIONS).max(1);
        let per_minute = arguments.questions_per_minute.or(table.live.questions_per_minute);
        let serve = Serve {
            listen,
            base_url: arguments.wanted.base_url.clone().or(table.base_url.clone()),
            content: arguments.wanted.content.clone().or(table.content.clone()),
            max_connections,
            trusted_proxies,
            metrics,
            log,
            live: Live {
                enabled: !arguments.no_live && table.live.enabled.unwrap_or(true),
                registries,
                internal: internal.into_iter().collect(),
                fresh,
                questions_per_minute: per_minute.unwrap_or(QUESTIONS_PER_MINUTE),
                pulls_per_hour: table.live.pulls_per_hour.unwrap_or(PULLS_PER_HOUR),
                pulls,
            },
            forms: Forms {
                enabled: !arguments.no_forms && table.forms.enabled.unwrap_or(true),
                per_hour: arguments.forms_per_hour.or(table.forms.per_hour).unwrap_or(FORMS_PER_HOUR),
            },
            inventory,
        };
        (Configuration { store, serve }, wrong)
    }
}

/// What was typed, else what the file says.
fn given<'a>(typed: &'a [String], file: Option<&'a Vec<String>>) -> &'a [String] {
    if typed.is_empty() { file.map_or(&[], Vec::as_slice) } else { typed }
}

/// All that can be read; the rest is told.
fn all<T>(
    texts: &[String],
    read: impl Fn(&str) -> Result<T, Failure>,
    keep: &mut impl FnMut(Failure),
) -> Vec<T> {
    let mut found = Vec::new();
    for text in texts {
        match read(text) {
            Ok(value) => found.push(value),
            Err(failure) => keep(failure),
        }
    }
    found
}

fn inventories(arguments: &Arguments, table: &ServeTable, keep: &mut impl FnMut(Failure)) -> Vec<Inventory> {
    let mut every = |text: Option<&String>| match text.map(|text| time("--every", text)) {
        Some(Ok(every)) => every,
        Some(Err(failure)) => {
            keep(failure);
            EVERY
        }
        None => EVERY,
    };
    if arguments.inventory.is_empty() {
        let planned = |inventory: &InventoryTable| Inventory {
            list: inventory.list.clone(),
            every: every(arguments.every.as_ref().or(inventory.every.as_ref())),
        };
        return table.inventory.iter().map(planned).collect();
    }
    let every = every(arguments.every.as_ref());
    arguments.inventory.iter().map(|list| Inventory { list: list.clone(), every }).collect()
}
