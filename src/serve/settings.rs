//! How a service behaves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::crawl::Clock;

/// The registries that anybody may ask about, unless an operator says otherwise: the well-known public ones.
pub const PUBLIC_REGISTRIES: [&str; 14] = [
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "registry.gitlab.com",
    "docker.elastic.co",
    "registry.access.redhat.com",
    "registry.fedoraproject.org",
    "registry.opensuse.org",
    "cgr.dev",
    "lscr.io",
];

/// How many connections there may be at once, unless an operator says otherwise.
pub const MAX_CONNECTIONS: usize = 4096;

/// How long an answer of a registry is good for, unless an operator says otherwise.
pub const FRESH: Duration = Duration::from_secs(3600);

/// How many counted pulls an hour a registry is asked for, unless an operator says otherwise. Docker Hub grants far fewer
/// to who has no account; what is asked again is told by a `HEAD`, which is no pull.
pub const PULLS_PER_HOUR: u64 = 200;

/// How many questions a minute a client may ask, unless an operator says otherwise.
pub const QUESTIONS_PER_MINUTE: u32 = 60;

/// How many forms an hour a client may send, unless an operator says otherwise.
pub const FORMS_PER_HOUR: u32 = 10;

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// Nobody.
    Off,
    /// Who asks from this machine, and not through a proxy.
    Loopback,
    /// Everybody.
    All,
}

impl Metrics {
    /// All of them.
    pub const ALL: [Metrics; 3] = [Metrics::Off, Metrics::Loopback, Metrics::All];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Metrics::Off => "off",
            Metrics::Loopback => "loopback",
            Metrics::All => "all",
        }
    }
}

/// Live queries.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// The registries that may be asked, as references name them.
    pub registries: Vec<String>,
    /// How long an answer is good for.
    pub fresh: Duration,
    /// How many counted pulls an hour each registry is asked for.
    pub pulls_per_hour: u64,
    /// The same of some registries alone.
    pub pulls_of: BTreeMap<String, u64>,
    /// How many questions a minute a client may ask; 0 for as many as it likes.
    pub per_minute: u32,
}

/// Suggestions and proposals.
#[derive(Debug, Clone)]
pub struct FormSettings {
    /// The file of what people send in. It is made when the first form comes.
    pub submissions: PathBuf,
    /// How many forms an hour a client may send; 0 for as many as it likes.
    pub per_hour: u32,
}

/// An inventory that is made by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// The list: a file, or `official`.
    pub list: String,
    /// How often.
    pub every: Duration,
}

/// How a service behaves.
#[derive(Clone)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// How many connections there may be at once; who comes then is told to come later.
    pub max_connections: usize,
    /// Those whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
    /// The store that is looked into; there need not be one yet.
    pub store: PathBuf,
    /// Live queries; none where they are off.
    pub live: Option<LiveSettings>,
    /// Forms; none where they are off.
    pub forms: Option<FormSettings>,
    /// The inventories that are made by themselves.
    pub inventories: Vec<Scheduled>,
}

impl Settings {
    /// What the site tells its visitors of it.
    pub fn services(&self) -> crate::site::Services {
        crate::site::Services {
            registries: self.live.as_ref().map(|live| live.registries.clone()),
            forms: self.forms.is_some(),
            status: self.live.is_some() || !self.inventories.is_empty(),
        }
    }
}

/// A shared wish to end.
pub type Stop = Arc<std::sync::atomic::AtomicBool>;
