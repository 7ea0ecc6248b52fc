//! HTTP clients: one for this machine, made at once, and one for the world, made when it is first needed,
//! because it reads the certificate stores.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;
use workson_oci::reference::is_loopback;

use crate::client::{Options, Proxies};
use crate::error::{Error, Kind};

/// What is always reached without a proxy.
const LOOPBACK: &str = "localhost,.localhost,127.0.0.0/8,::1";

pub(super) struct Connections {
    settings: Settings,
    plain_loopback: reqwest::Client,
    world: OnceLock<Result<reqwest::Client, Error>>,
}

#[derive(Clone)]
struct Settings {
    user_agent: String,
    proxies: Vec<reqwest::Proxy>,
    ca_certificates: Vec<CertificateDer<'static>>,
    connect_timeout: std::time::Duration,
    request_timeout: std::time::Duration,
    concurrency: usize,
}

impl Connections {
    pub(super) fn new(options: &Options) -> Result<Connections, Error> {
        let settings = Settings {
            user_agent: options.user_agent.clone(),
            proxies: proxies(&options.proxies)?,
            ca_certificates: certificates(&options.ca_certificates)?,
            connect_timeout: options.connect_timeout,
            request_timeout: options.request_timeout,
            concurrency: options.concurrency,
        };
        let plain_loopback = settings.client(RootCertStore::empty(), false)?;
        Ok(Connections { settings, plain_loopback, world: OnceLock::new() })
    }

    pub(super) fn for_url(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        if url.scheme() == "http" && url.host_str().is_some_and(is_loopback) {
            return Ok(&self.plain_loopback);
        }
        self.world
            .get_or_init(|| self.settings.client(self.settings.roots(), true))
            .as_ref()
            .map_err(Error::clone)
    }
}

impl Settings {
    fn client(&self, roots: RootCertStore, proxied: bool) -> Result<reqwest::Client, Error> {
        let failed = |what: String| Error::new(Kind::Tls, "setting up connections", what);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(&self.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout)
            .pool_max_idle_per_host(self.concurrency);
        if proxied {
            for proxy in &self.proxies {
                builder = builder.proxy(proxy.clone());
            }
        }
        builder.build().map_err(|error| failed(error.to_string()))
    }

    /// The platform's authorities (Mozilla's where the platform has none), and the user's own.
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots.add_parsable_certificates(self.ca_certificates.iter().cloned());
        roots
    }
}

fn proxies(proxies: &Proxies) -> Result<Vec<reqwest::Proxy>, Error> {
    let exceptions = match &proxies.no_proxy {
        Some(more) => format!("{LOOPBACK},{more}"),
        None => LOOPBACK.to_owned(),
    };
    let exceptions = reqwest::NoProxy::from_string(&exceptions);
    let failed = |name: &str| {
        // The address may hold a password.
        Error::new(Kind::Network, format!("proxy for {name}"), "its address can't be read")
            .with_hint("a proxy is written http://host:port or socks5://host:port")
    };
    let mut made = Vec::new();
    if let Some(address) = &proxies.http {
        made.push(reqwest::Proxy::http(address).map_err(|_| failed("http"))?.no_proxy(exceptions.clone()));
    }
    if let Some(address) = &proxies.https {
        made.push(reqwest::Proxy::https(address).map_err(|_| failed("https"))?.no_proxy(exceptions));
    }
    Ok(made)
}

fn certificates(files: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |what: String| {
        Error::new(Kind::Tls, "reading a CA certificate", what).with_hint("--ca-certificate takes a PEM file")
    };
    let mut all = Vec::new();
    for file in files {
        let before = all.len();
        for certificate in CertificateDer::pem_slice_iter(file) {
            all.push(certificate.map_err(|error| failed(error.to_string()))?);
        }
        if all.len() == before {
            return Err(failed("there is no certificate in it".into()));
        }
    }
    Ok(all)
}
