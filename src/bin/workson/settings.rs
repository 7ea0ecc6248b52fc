//! What the flags, the environment and the configuration file mean together. Flags come before the
//! environment, the environment before the file, the file before the defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use workson_registry::options::{Observer, Proxies};
use workson_registry::rate_limit::PullBudget;
use workson_registry::retry::RetryPolicy;
use workson_registry::{Client, Exchange, Keychain, Options, Reach};

use crate::cli::Global;
use crate::commands::serve::ServeTable;
use crate::exit::Failure;

/// What a request may be given, in seconds.
pub(crate) const TIMEOUTS: RangeInclusive<u64> = 1..=3600;
/// How long what a stranger asks waits for a connection, and for a registry that wants to be asked later.
const STRANGERS_WAIT: Duration = Duration::from_secs(5);
/// How many of their requests may be under way at one host.
const STRANGERS_AT_ONCE: usize = 8;
/// How many requests may be under way at one host.
pub(crate) const JOBS: RangeInclusive<u16> = 1..=1000;

/// The configuration file, `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    store: Option<PathBuf>,
    mirrors: BTreeMap<String, String>,
    plain_http: Vec<String>,
    ca_certificates: Vec<PathBuf>,
    credential_files: Option<Vec<PathBuf>>,
    timeout: Option<u64>,
    jobs: Option<u16>,
    docker_hub_api: Option<String>,
    serve: ServeTable,
    proxy: ProxyTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ProxyTable {
    http: Option<String>,
    https: Option<String>,
    no_proxy: Option<String>,
}

/// How registries are asked, as the configuration file says it. Proxies are left out: their addresses may hold passwords.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asking {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<u16>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    plain_http: BTreeSet<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ca_certificates: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_files: Option<Vec<PathBuf>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker_hub_api: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    mirrors: BTreeMap<String, String>,
}

/// Everything a command goes by.
pub(crate) struct Settings {
    file: ConfigFile,
    folders: Folders,
}

struct Folders {
    config: PathBuf,
    data: PathBuf,
    cache: PathBuf,
    home: PathBuf,
}

impl Settings {
    pub(crate) fn read(global: &Global) -> Result<Settings, Failure> {
        if global.no_color {
            anstream::ColorChoice::Never.write_global();
        }
        let folders = folders()?;
        let (path, named) = match &global.config {
            Some(path) => (path.clone(), true),
            None => (folders.config.join("config.toml"), false),
        };
        Ok(Settings { file: read_config(&path, named)?, folders })
    }

    /// Where the store is.
    pub(crate) fn store(&self, global: &Global) -> PathBuf {
        let named = global.store.clone().or_else(|| self.file.store.clone());
        named.unwrap_or_else(|| self.folders.data.join("store.db"))
    }

    /// Where is kept what people sent in: beside the store, `store.submissions.db` beside `store.db`.
    pub(crate) fn submissions(&self, global: &Global) -> PathBuf {
        self.store(global).with_extension("submissions.db")
    }

    /// Where copies are kept that can be had again.
    pub(crate) fn cache(&self) -> &Path {
        &self.folders.cache
    }

    /// How many references are looked at at once.
    pub(crate) fn jobs(&self, global: &Global) -> usize {
        usize::from(global.jobs.or(self.file.jobs).unwrap_or(32).max(1))
    }

    /// A client as the user wants it, with `budget` pulls to spend.
    pub(crate) fn client(&self, global: &Global, budget: Option<u64>) -> Result<Client, Failure> {
        let defaults = Options::default();
        let timeout =
            global.timeout.or(self.file.timeout).map_or(defaults.request_timeout, Duration::from_secs);
        let options = Options {
            mirrors: self.mirrors(global)?,
            plain_http: self.plain_http(global),
            ca_certificates: self.ca_certificates(global)?,
            proxies: self.proxies(),
            keychain: Keychain::new(self.credential_files()),
            concurrency: self.jobs(global),
            connect_timeout: defaults.connect_timeout.min(timeout),
            request_timeout: timeout,
            deadline: defaults.deadline.max(timeout * 4),
            budget: Arc::new(PullBudget::new(budget)),
            observer: global.verbose.then(trace),
            docker_hub_api: self.file.docker_hub_api.clone().unwrap_or(defaults.docker_hub_api.clone()),
            ..defaults
        };
        Ok(Client::new(options)?)
    }

    /// A client for what strangers ask: without credentials, soon at its end, and kept to public addresses but for
    /// `internal` hosts.
    pub(crate) fn strangers_client(
        &self,
        global: &Global,
        internal: &BTreeSet<String>,
        budget: Arc<PullBudget>,
    ) -> Result<Client, Failure> {
        let defaults = Options::default();
        Ok(Client::new(Options {
            mirrors: self.mirrors(global)?,
            plain_http: self.plain_http(global),
            ca_certificates: self.ca_certificates(global)?,
            reach: Reach::Public { except: internal.clone() },
            retry: RetryPolicy { retries: 1, longest_wait: STRANGERS_WAIT, ..RetryPolicy::default() },
            concurrency: STRANGERS_AT_ONCE,
            connect_timeout: STRANGERS_WAIT,
            request_timeout: 2 * STRANGERS_WAIT,
            deadline: 3 * STRANGERS_WAIT,
            budget,
            tell: workson::serve::tell_in_public,
            ..defaults
        })?)
    }

    /// Whether requests would go by a proxy.
    pub(crate) fn has_proxies(&self) -> bool {
        let Proxies { http, https, .. } = self.proxies();
        http.is_some() || https.is_some()
    }

    /// How registries are asked, with what was typed.
    pub(crate) fn asking(&self, global: &Global) -> Result<Asking, Failure> {
        Ok(Asking {
            timeout: global.timeout.or(self.file.timeout),
            jobs: global.jobs.or(self.file.jobs),
            plain_http: self.plain_http(global),
            ca_certificates: self
                .file
                .ca_certificates
                .iter()
                .chain(&global.ca_certificate)
                .cloned()
                .collect(),
            credential_files: self.file.credential_files.clone(),
            docker_hub_api: self.file.docker_hub_api.clone(),
            mirrors: self.mirrors(global)?,
        })
    }

    /// The table of the service.
    pub(crate) fn serve(&self) -> &ServeTable {
        &self.file.serve
    }

    /// Which host is asked in the place of a registry.
    pub(crate) fn mirrors(&self, global: &Global) -> Result<BTreeMap<String, String>, Failure> {
        let mut mirrors = self.file.mirrors.clone();
        for text in &global.mirror {
            let pair =
                text.split_once('=').filter(|(registry, host)| !registry.is_empty() && !host.is_empty());
            let (registry, host) = pair.ok_or_else(|| {
                Failure::new(format!("--mirror {text}: it is written REGISTRY=HOST"))
                    .with_hint("for example --mirror docker.io=cache.example:5000")
            })?;
            mirrors.insert(registry.to_owned(), host.to_owned());
        }
        for host in mirrors.values_mut() {
            // A scheme is a habit from docker's own `registry-mirrors`; the client refuses what else is wrong.
            if let Some(bare) = host.strip_prefix("https://") {
                *host = bare.to_owned();
            }
        }
        Ok(mirrors)
    }

    fn plain_http(&self, global: &Global) -> BTreeSet<String> {
        self.file.plain_http.iter().chain(&global.plain_http).cloned().collect()
    }

    fn ca_certificates(&self, global: &Global) -> Result<Vec<Vec<u8>>, Failure> {
        let paths = self.file.ca_certificates.iter().chain(&global.ca_certificate);
        paths
            .map(|path| {
                std::fs::read(path).map_err(|error| {
                    Failure::io(&format!("reading the CA certificate {}", path.display()), &error)
                })
            })
            .collect()
    }

    /// The proxies of the file, or else of the environment. `HTTP_PROXY` in capitals is left aside where this
    /// could be a CGI program (`REQUEST_METHOD`), as everywhere since CVE-2016-5385.
    fn proxies(&self) -> Proxies {
        let all = first_variable(&["ALL_PROXY", "all_proxy"]);
        let http = if variable("REQUEST_METHOD").is_some() {
            variable("http_proxy")
        } else {
            first_variable(&["http_proxy", "HTTP_PROXY"])
        };
        let table = &self.file.proxy;
        Proxies {
            http: table.http.clone().or(http).or_else(|| all.clone()),
            https: table.https.clone().or_else(|| first_variable(&["https_proxy", "HTTPS_PROXY"])).or(all),
            no_proxy: table.no_proxy.clone().or_else(|| first_variable(&["no_proxy", "NO_PROXY"])),
        }
    }

    /// Where docker and podman keep credentials, in the order in which they are asked.
    fn credential_files(&self) -> Vec<PathBuf> {
        if let Some(files) = &self.file.credential_files {
            return files.clone();
        }
        let home = &self.folders.home;
        let docker = variable("DOCKER_CONFIG").map_or_else(|| home.join(".docker"), PathBuf::from);
        let config = variable("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
        let mut files = vec![docker.join("config.json")];
        files.extend(variable("REGISTRY_AUTH_FILE").map(PathBuf::from));
        files.extend(
            variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("containers/auth.json")),
        );
        files.push(config.join("containers/auth.json"));
        files
    }
}

/// What time it is.
#[allow(clippy::disallowed_methods, reason = "the one place where the clock is read")]
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A variable of the environment that is set to something.
#[allow(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn first_variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| variable(name))
}

fn folders() -> Result<Folders, Failure> {
    let arguments = AppStrategyArgs { app_name: "workson".into(), ..AppStrategyArgs::default() };
    let strategy = choose_app_strategy(arguments).map_err(|error| {
        Failure::new(format!("finding the user's folders: {error}"))
            .with_hint("set HOME, or name --store and --config")
    })?;
    Ok(Folders {
        config: strategy.config_dir(),
        data: strategy.data_dir(),
        cache: strategy.cache_dir(),
        home: strategy.home_dir().to_owned(),
    })
}

fn read_config(path: &Path, named: bool) -> Result<ConfigFile, Failure> {
    let tried = format!("reading the configuration {}", path.display());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // Where nobody named a file, there need not be one, nor a folder that could hold it.
        Err(error) if !named && is_absent(&error) => return Ok(ConfigFile::default()),
        Err(error) => return Err(Failure::io(&tried, &error)),
    };
    let file: ConfigFile = toml::from_str(&text).map_err(|error| {
        // Not the line itself, as the parser would show it: it may hold a proxy's password.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let source = text.lines().nth(line - 1).unwrap_or_default();
        let key = source.split_once('=').map(|(key, _)| format!("{}: ", key.trim())).unwrap_or_default();
        Failure::new(format!("{tried}: line {line}: {key}{}", error.message()))
            .with_hint("docs/configuration.md says what it may hold")
    })?;
    file.check().map_err(|what| Failure::new(format!("{tried}: {what}")))?;
    Ok(file)
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
}

impl ConfigFile {
    /// The same bounds as the flags have.
    fn check(&self) -> Result<(), String> {
        if self.timeout.is_some_and(|timeout| !TIMEOUTS.contains(&timeout)) {
            return Err(format!("timeout has to be from {} to {} seconds", TIMEOUTS.start(), TIMEOUTS.end()));
        }
        if self.jobs.is_some_and(|jobs| !JOBS.contains(&jobs)) {
            return Err(format!("jobs has to be from {} to {}", JOBS.start(), JOBS.end()));
        }
        Ok(())
    }
}

/// Writes each request to standard error as it ends.
fn trace() -> Observer {
    Arc::new(|exchange: &Exchange| {
        let outcome = match &exchange.outcome {
            Ok(status) => status.to_string(),
            Err(kind) => kind.clone(),
        };
        let authorized = if exchange.authorized { ", authorized" } else { "" };
        let remaining = match exchange.pulls_remaining {
            Some(remaining) => format!(", {remaining} pulls left"),
            None => String::new(),
        };
        let took = exchange.took.as_secs_f64() * 1e3;
        let line =
            format!("{} {} → {outcome} ({took:.1} ms{authorized}{remaining})", exchange.method, exchange.url);
        crate::exit::tell(&line, None);
    })
}
