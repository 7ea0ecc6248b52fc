//! HTTP clients: one for this machine, made at once, and one for the world, made when it is first needed,
//! because it reads the certificate stores.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;
use workson_oci::reference::is_loopback;

use super::Tried;
use super::body::Body;
use super::names::Names;
use super::proxy::{ProxyConnector, ProxyRules};
use crate::error::{Error, Kind};
use crate::options::{Options, Resolver};
use crate::reach::{Reach, Way};

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(90);

/// How much a connection reads ahead of whoever takes it, and how much it lets wait to be written, in bytes. The head of
/// an answer has place in it too.
const BUFFER: usize = 64 << 10;

/// The error of a request on its way.
pub(super) type SendError = hyper_util::client::legacy::Error;

/// How a TCP connection is made.
pub(super) type Tcp = HttpConnector<Names>;

type Loopback = Client<Tcp, Body>;
type World = Client<HttpsConnector<ProxyConnector>, Body>;

pub(super) struct Connections {
    settings: Settings,
    loopback: Loopback,
    world: OnceLock<Result<World, Error>>,
    /// For what may go to public addresses alone. It shares no connection with the others, which may be to any.
    public: OnceLock<Result<World, Error>>,
}

struct Settings {
    reach: Reach,
    resolver: Option<Resolver>,
    proxies: ProxyRules,
    ca_certificates: Vec<CertificateDer<'static>>,
    connect_timeout: Duration,
    concurrency: usize,
}

impl Connections {
    pub(super) fn new(options: &Options) -> Result<Connections, Error> {
        let settings = Settings {
            reach: options.reach.clone(),
            resolver: options.resolver.clone(),
            proxies: ProxyRules::new(&options.proxies),
            ca_certificates: certificates(&options.ca_certificates)?,
            connect_timeout: options.connect_timeout,
            concurrency: options.concurrency,
        };
        let loopback = settings.client(settings.tcp(Way::Open));
        Ok(Connections { settings, loopback, world: OnceLock::new(), public: OnceLock::new() })
    }

    /// What a proxy on the way wants to know of a request in the clear.
    pub(super) fn proxy_authorization(&self, url: &Url) -> Option<HeaderValue> {
        self.settings.proxies.authorization_in_the_clear(url)
    }

    /// Sends a request and waits for the head of its answer. All requests pass here, so here is looked at where they
    /// go. The outer error is of those that were not sent.
    pub(super) async fn send(
        &self,
        url: &Url,
        request: Request<Body>,
        tried: Tried<'_>,
    ) -> Result<Result<Response<Incoming>, SendError>, Error> {
        if self.settings.reach.way(url, tried)? == Way::Public {
            let public = self.public.get_or_init(|| self.settings.world(Way::Public));
            return Ok(public.as_ref().map_err(Error::clone)?.request(request).await);
        }
        if url.scheme() == "http" && url.host_str().is_some_and(is_loopback) {
            return Ok(self.loopback.request(request).await);
        }
        self.settings.proxies.check(url)?;
        let world =
            self.world.get_or_init(|| self.settings.world(Way::Open)).as_ref().map_err(Error::clone)?;
        Ok(world.request(request).await)
    }
}

impl Settings {
    fn tcp(&self, way: Way) -> Tcp {
        let mut tcp = HttpConnector::new_with_resolver(Names::new(self.resolver.clone(), way));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.connect_timeout));
        tcp
    }

    fn client<C>(&self, connector: C) -> Client<C, Body>
    where
        C: hyper_util::client::legacy::connect::Connect + Clone,
    {
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(self.concurrency)
            .http1_max_buf_size(BUFFER)
            .build(connector)
    }

    fn world(&self, way: Way) -> Result<World, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(Kind::Tls, "setting up TLS", error.to_string()))?
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(ProxyConnector::new(self.tcp(way), self.proxies.clone()));
        Ok(self.client(connector))
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
