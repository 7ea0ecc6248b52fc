//! How a client behaves: [`Options`], and what it reports ([`Exchange`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::keychain::Keychain;
use crate::rate_limit::PullBudget;
use crate::retry::RetryPolicy;

/// Where Docker Hub's own web API is.
pub const DOCKER_HUB_API: &str = "https://hub.docker.com";

/// One request and what came of it, for a trace. Headers and bodies are not in it, nor the query of an address
/// (which may hold a signature), so no secret can be.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// `GET` or `HEAD`, or `POST` to a token service.
    pub method: http::Method,
    /// The address, without its query.
    pub url: String,
    /// The status, or a word on the failure.
    pub outcome: Result<u16, String>,
    /// The time from sending to the end of the body.
    pub took: Duration,
    /// Whether credentials or a token were sent.
    pub authorized: bool,
    /// What the registry says is left of its quota of pulls.
    pub pulls_remaining: Option<u64>,
}

/// Where exchanges are reported.
pub type Observer = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// Proxies, as the environment or a file names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` addresses.
    pub http: Option<String>,
    /// For `https` addresses.
    pub https: Option<String>,
    /// Hosts, domains and networks to reach without a proxy, separated by commas. Loopback never needs one.
    pub no_proxy: Option<String>,
}

/// How a [`Client`](crate::Client) behaves. [`Default`] is right for public registries.
pub struct Options {
    /// What to call oneself.
    pub user_agent: String,
    /// For a registry, the host (and path) that is asked in its place: a pull-through cache.
    pub mirrors: BTreeMap<String, String>,
    /// Hosts that are spoken to in plain HTTP. Loopback addresses always are, unless they turn out to want TLS.
    pub plain_http: BTreeSet<String>,
    /// Further certificate authorities, as PEM.
    pub ca_certificates: Vec<Vec<u8>>,
    /// Proxies.
    pub proxies: Proxies,
    /// Credentials.
    pub keychain: Keychain,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How many requests to one host may be under way at once.
    pub concurrency: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long one request may take, with its body.
    pub request_timeout: Duration,
    /// How long a question may take with all its repetitions, tokens and waits.
    pub deadline: Duration,
    /// How many manifests may be fetched.
    pub budget: Arc<PullBudget>,
    /// Where requests are reported.
    pub observer: Option<Observer>,
    /// Docker Hub's web API.
    pub docker_hub_api: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            user_agent: concat!("workson/", env!("CARGO_PKG_VERSION")).to_owned(),
            mirrors: BTreeMap::new(),
            plain_http: BTreeSet::new(),
            ca_certificates: Vec::new(),
            proxies: Proxies::default(),
            keychain: Keychain::default(),
            retry: RetryPolicy::default(),
            concurrency: 32,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
            budget: Arc::new(PullBudget::new(None)),
            observer: None,
            docker_hub_api: DOCKER_HUB_API.to_owned(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("mirrors", &self.mirrors).finish_non_exhaustive()
    }
}
