//! How a client behaves: [`Options`], and what it reports ([`Exchange`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use workson_oci::Reference;

use crate::auth::keychain::Keychain;
use crate::error::{Error, Kind, printable};
use crate::rate_limit::PullBudget;
use crate::reach::{self, Reach};
use crate::retry::RetryPolicy;

/// Where Docker Hub's own web API is.
pub const DOCKER_HUB_API: &str = "https://hub.docker.com";

/// One request and what came of it, for a trace. Headers and bodies are not in it, nor the query of an address
/// (which may hold a signature), so no secret can be.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method: `GET` or `HEAD` where something is read, `POST` also to a token service.
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

/// What says which addresses a name has. It may wait: it is called on a thread for that.
pub type Resolver = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// What is said of a failure.
pub type Tell = fn(&Error) -> String;

/// Proxies, as the environment or a file names them. Its `Debug` shows no address, which may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` addresses.
    pub http: Option<String>,
    /// For `https` addresses.
    pub https: Option<String>,
    /// Hosts, domains and networks to reach without a proxy, separated by commas. Loopback never needs one.
    pub no_proxy: Option<String>,
}

impl Proxies {
    /// Whether there is any.
    fn are_set(&self) -> bool {
        [&self.http, &self.https].into_iter().flatten().any(|address| !address.is_empty())
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("http", &self.http.as_ref().map(|_| "…"))
            .field("https", &self.https.as_ref().map(|_| "…"))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

/// How a [`Client`](crate::Client) behaves. [`Default`] is right for public registries.
pub struct Options {
    /// What to call oneself.
    pub user_agent: String,
    /// For a registry, the host (and path) that is asked in its place: a pull-through cache. [`Client::new`]
    /// refuses what is none; `docker.io` may go by the names of its hosts.
    ///
    /// [`Client::new`]: crate::Client::new
    pub mirrors: BTreeMap<String, String>,
    /// Hosts that are spoken to in plain HTTP. Loopback addresses always are, unless they turn out to want TLS.
    pub plain_http: BTreeSet<String>,
    /// Further certificate authorities, as PEM.
    pub ca_certificates: Vec<Vec<u8>>,
    /// Which addresses are connected to. With [`Reach::Public`] there can be no proxy.
    pub reach: Reach,
    /// Who is asked for the addresses of names, instead of the system. `localhost` and the names below it are this
    /// machine's, and nobody is asked.
    pub resolver: Option<Resolver>,
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
    /// What is said, in notes and verdicts of an image, of a part of it that could not be had. The whole of it names what was
    /// asked, a mirror maybe, which is not for everybody.
    pub tell: Tell,
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
            reach: Reach::default(),
            resolver: None,
            proxies: Proxies::default(),
            keychain: Keychain::default(),
            retry: RetryPolicy::default(),
            concurrency: 32,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
            budget: Arc::new(PullBudget::new(None)),
            observer: None,
            tell: Error::to_string,
            docker_hub_api: DOCKER_HUB_API.to_owned(),
        }
    }
}

/// Hosts that people name where Docker Hub is meant.
const DOCKER_HUB_HOSTS: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

impl Options {
    /// The same options, with every mirror and host in the form in which it is looked up.
    pub(crate) fn checked(mut self) -> Result<Options, Error> {
        let mut mirrors = BTreeMap::new();
        for (registry, mirror) in &self.mirrors {
            let tried = format!("mirror of {}", harmless(registry));
            if !is_host(registry) {
                let error = Error::new(Kind::Network, tried, "that is the name of no registry");
                return Err(error.with_hint("name it as images do, like docker.io or registry.example:5000"));
            }
            let mirror = mirror.trim_end_matches('/');
            if !is_mirror(mirror) {
                let text = format!("{} is not written host[:port][/path]", harmless(mirror));
                let hint = match mirror.starts_with("http://") {
                    true => {
                        "name the host alone, like cache.example:5000, and add --plain-http HOST for one that does not \
 speak TLS"
                    }
                    false => {
                        "for example cache.example:5000 or harbor.example/docker-hub: without scheme, user, query \
                         and tag"
                    }
                };
                return Err(Error::new(Kind::Network, tried, text).with_hint(hint));
            }
            if !DOCKER_HUB_HOSTS.contains(&registry.as_str()) {
                mirrors.insert(registry.clone(), mirror.to_owned());
            } else if !self.mirrors.contains_key("docker.io") {
                mirrors.insert("docker.io".to_owned(), mirror.to_owned());
            }
        }
        self.mirrors = mirrors;
        if let Some(bad) = self.plain_http.iter().find(|host| !is_host(host)) {
            let error =
                Error::new(Kind::Network, format!("plain HTTP to {}", harmless(bad)), "that is no host");
            return Err(error.with_hint("write host or host:port alone, without scheme and path"));
        }
        if let Reach::Public { except } = &self.reach {
            if self.proxies.are_set() {
                let text = "a proxy is set, and nobody could check which addresses it connects to";
                let error = Error::new(Kind::Network, "asking public addresses alone", text);
                return Err(error.with_hint("take the proxy away (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)"));
            }
            self.reach = Reach::Public { except: exceptions(except)? };
        }
        Ok(self)
    }
}

/// Exceptions in the form in which they are looked up.
fn exceptions(except: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let host = |text: &String| {
        reach::normal(text).filter(|_| is_host(text)).ok_or_else(|| {
            let tried = format!("asking {} wherever it is", harmless(text));
            let error = Error::new(Kind::Network, tried, "that is no host");
            error.with_hint("write host or host:port alone, without scheme and path")
        })
    };
    except.iter().map(host).collect()
}

/// Whether `text` is `host[:port]`.
fn is_host(text: &str) -> bool {
    !text.contains('/') && is_mirror(text)
}

/// Whether `text` is `host[:port][/path]`, with a path that a repository's name can begin with.
fn is_mirror(text: &str) -> bool {
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    // A name without a dot is only a host in front of a port, or else it would be a path of Docker Hub's.
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let registry = if has_port { host.to_owned() } else { format!("{host}:443") };
    let (_, port) = registry.rsplit_once(':').unwrap_or_default();
    // With a component at the end, what looks like a tag or a digest is none.
    let path = path.map_or("x".to_owned(), |path| format!("{path}/x"));
    let reference: Result<Reference, _> = format!("{registry}/{path}").parse();
    port.parse::<u16>().is_ok() && reference.is_ok_and(|reference| reference.registry() == registry)
}

/// An address that could not be read, without what may be a secret: a user with a password, a query.
fn harmless(text: &str) -> String {
    if text.contains('@') {
        return "an address with a user".to_owned();
    }
    format!("{:?}", printable(text.split(['?', '#']).next().unwrap_or_default()))
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("mirrors", &self.mirrors).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrored(registry: &str, mirror: &str) -> Result<Options, Error> {
        let mirrors = BTreeMap::from([(registry.to_owned(), mirror.to_owned())]);
        Options { mirrors, ..Options::default() }.checked()
    }

    #[test]
    fn a_mirror_is_a_host_and_maybe_a_path() {
        for good in [
            "cache",
            "cache:5000",
            "cache.example",
            "Cache.example:5000/docker-hub",
            "cache/a/b_c/",
            "127.0.0.1:7771",
            "[::1]:5000/x",
            "[::1]",
        ] {
            let kept = mirrored("docker.io", good).unwrap().mirrors;
            assert_eq!(kept["docker.io"], good.trim_end_matches('/'));
        }
        for bad in [
            "",
            "/x",
            ":5000",
            "127.0.0.1:7771/a?b",
            "127.0.0.1:7771?s3cret",
            "u:s3cret@cache.example",
            "s3cret@cache.example/x",
            "http://cache.example",
            "https://u:s3cret@cache.example",
            "cache.example:99999",
            "cache.example:/x",
            "cache.example/a:tag",
            "cache.example/A",
            "cache.example//a",
            "cache.example/../a",
            "cache example",
            "::1",
        ] {
            let error = mirrored("docker.io", bad).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("docker.io") && !text.contains("s3cret"), "{bad}: {text}");
            assert!(error.hint().is_some_and(|hint| hint.contains("cache.example:5000")));
        }
        for bad in ["", "https://docker.io", "docker.io/library", "u:s3cret@docker.io"] {
            let error = mirrored(bad, "cache.example").unwrap_err();
            assert!(!format!("{error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn docker_hub_has_one_mirror_by_whatever_name() {
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            let kept = mirrored(name, "cache.example").unwrap().mirrors;
            assert_eq!(kept.into_iter().collect::<Vec<_>>(), [("docker.io".into(), "cache.example".into())]);
        }
        let both = [("docker.io", "a.example"), ("index.docker.io", "b.example")];
        let mirrors = both.map(|(name, mirror)| (name.to_owned(), mirror.to_owned())).into();
        let kept = Options { mirrors, ..Options::default() }.checked().unwrap().mirrors;
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [("docker.io".into(), "a.example".into())]);
    }

    #[test]
    fn plain_http_is_for_hosts() {
        let plain =
            |host: &str| Options { plain_http: [host.to_owned()].into(), ..Options::default() }.checked();
        for good in ["registry.lan", "registry:5000", "[fd00::1]:5000"] {
            assert!(plain(good).is_ok(), "{good}");
        }
        for bad in ["http://registry.lan", "registry.lan/", "registry.lan/a", "", "u:s3cret@registry.lan"] {
            let error = plain(bad).unwrap_err();
            assert!(error.hint().is_some_and(|hint| hint.contains("host:port")), "{bad}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn exceptions_are_hosts_and_no_proxy_goes_with_public_addresses_alone() {
        let public = |host: &str, proxies| {
            let reach = Reach::Public { except: [host.to_owned()].into() };
            Options { reach, proxies, ..Options::default() }.checked()
        };
        for good in ["registry.lan", "registry:5000", "[fd00::1]:5000", "10.0.0.1", "localhost:5000"] {
            assert!(public(good, Proxies::default()).is_ok(), "{good}");
        }
        for bad in ["", "http://registry.lan", "registry.lan/a", "10.0.0.0/8", "u:s3cret@registry.lan"] {
            let error = public(bad, Proxies::default()).unwrap_err();
            assert!(error.hint().is_some_and(|hint| hint.contains("host:port")), "{bad}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error}");
        }
        let address = || Some("http://u:s3cret@p.example".to_owned());
        for proxies in [
            Proxies { http: address(), ..Proxies::default() },
            Proxies { https: address(), no_proxy: Some("*".into()), ..Proxies::default() },
        ] {
            let error = public("registry.lan", proxies).unwrap_err();
            assert!(
                error.to_string().contains("proxy") && !format!("{error:?}").contains("s3cret"),
                "{error}"
            );
            assert!(error.hint().is_some_and(|hint| hint.contains("HTTPS_PROXY")));
        }
        let none = Proxies { http: Some(String::new()), https: None, no_proxy: Some("lan".into()) };
        assert!(public("registry.lan", none).is_ok());
    }

    #[test]
    fn debug_shows_no_proxys_password() {
        let address = Some("http://u:s3cret@p.example".to_owned());
        let proxies = Proxies { http: address.clone(), https: address, no_proxy: Some("lan".into()) };
        let shown = format!("{proxies:?}");
        assert!(shown.contains("lan") && !shown.contains("s3cret"), "{shown}");
    }
}
