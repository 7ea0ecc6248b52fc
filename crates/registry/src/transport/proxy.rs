//! Proxies: HTTP proxies (`CONNECT` for TLS, the absolute form for requests in the clear) and SOCKS 5.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use super::connections::Tcp;
use crate::error::{Error, Kind};
use crate::options::Proxies;

/// What is always reached without a proxy.
const LOOPBACK: &str = "localhost,.localhost,127.0.0.0/8,::1";

/// Stands in for a proxy that can't be used, so that it is known which requests would go by it.
const UNUSABLE: &str = "http://proxy.invalid";

/// Which proxy is for which address.
#[derive(Clone)]
pub(super) struct ProxyRules(Arc<Rules>);

struct Rules {
    matcher: Matcher,
    /// Why the proxy for `http` addresses, or that for `https` addresses, can't be used.
    unusable: [(&'static str, Option<Error>); 2],
}

impl ProxyRules {
    pub(super) fn new(proxies: &Proxies) -> ProxyRules {
        let read = |name, address: &Option<String>| {
            let Some(address) = address.as_deref().filter(|address| !address.is_empty()) else {
                return (String::new(), (name, None));
            };
            match check(name, address) {
                Ok(()) => (address.to_owned(), (name, None)),
                Err(error) => (UNUSABLE.to_owned(), (name, Some(error))),
            }
        };
        let (http, no_http) = read("http", &proxies.http);
        let (https, no_https) = read("https", &proxies.https);
        let exceptions = match &proxies.no_proxy {
            Some(more) => format!("{LOOPBACK},{more}"),
            None => LOOPBACK.to_owned(),
        };
        let matcher = Matcher::builder().http(http).https(https).no(exceptions).build();
        ProxyRules(Arc::new(Rules { matcher, unusable: [no_http, no_https] }))
    }

    /// An error where a request would go by a proxy that can't be used.
    pub(super) fn check(&self, url: &Url) -> Result<(), Error> {
        let unusable = self.0.unusable.iter().find(|(scheme, _)| *scheme == url.scheme());
        let Some((_, Some(error))) = unusable else { return Ok(()) };
        match url.as_str().parse() {
            Ok(uri) if self.0.matcher.intercept(&uri).is_none() => Ok(()),
            _ => Err(error.clone()),
        }
    }

    /// The user of an HTTP proxy goes with each request in the clear; in front of TLS the tunnel tells it.
    pub(super) fn authorization_in_the_clear(&self, url: &Url) -> Option<HeaderValue> {
        if url.scheme() != "http" {
            return None;
        }
        self.0.matcher.intercept(&url.as_str().parse().ok()?)?.basic_auth().cloned()
    }
}

/// Refuses what could only fail later, or be passed over in silence.
fn check(name: &str, address: &str) -> Result<(), Error> {
    // The address may hold a password, so it is not repeated.
    let failed = |what: &str| {
        Error::new(Kind::Network, format!("proxy for {name}"), what)
            .with_hint("a proxy is written http://host:port or socks5://host:port")
    };
    let with_scheme = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&with_scheme).map_err(|_| failed("its address can't be read"))?;
    match url.scheme() {
        "http" | "socks5" | "socks5h" if url.has_host() => Ok(()),
        "http" | "socks5" | "socks5h" => Err(failed("its address names no host")),
        other => Err(failed(&format!("proxies are spoken to by http or socks5, not {other:?}"))),
    }
}

/// Connects to where a request goes, or to the proxy in front of it.
#[derive(Clone)]
pub(super) struct ProxyConnector {
    tcp: Tcp,
    rules: ProxyRules,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl ProxyConnector {
    pub(super) fn new(tcp: Tcp, rules: ProxyRules) -> ProxyConnector {
        ProxyConnector { tcp, rules }
    }

    async fn connect(mut self, uri: Uri) -> Result<Stream, Failure> {
        let Some(intercept) = self.rules.0.matcher.intercept(&uri) else {
            return Ok(Stream { io: self.tcp.call(uri).await?, absolute_form: false });
        };
        let is_tls = uri.scheme_str() == Some("https");
        match intercept.uri().scheme_str() {
            Some("socks5" | "socks5h") => self.by_socks(uri, &intercept).await,
            _ if is_tls => self.by_tunnel(uri, &intercept).await,
            _ => Ok(Stream { io: self.tcp.call(intercept.uri().clone()).await?, absolute_form: true }),
        }
    }

    async fn by_tunnel(self, uri: Uri, intercept: &Intercept) -> Result<Stream, Failure> {
        let mut tunnel = Tunnel::new(intercept.uri().clone(), self.tcp);
        if let Some(authorization) = intercept.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        Ok(Stream { io: tunnel.call(uri).await?, absolute_form: false })
    }

    async fn by_socks(self, uri: Uri, intercept: &Intercept) -> Result<Stream, Failure> {
        let here = intercept.uri().scheme_str() == Some("socks5");
        let mut socks = SocksV5::new(intercept.uri().clone(), self.tcp).local_dns(here);
        if let Some((user, password)) = intercept.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        Ok(Stream { io: socks.call(uri).await?, absolute_form: false })
    }
}

impl Service<Uri> for ProxyConnector {
    type Response = Stream;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection, and whether requests over it have to name the whole address.
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    absolute_form: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.absolute_form)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(http: &str, https: &str, no_proxy: Option<&str>) -> Proxies {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Proxies { http: some(http), https: some(https), no_proxy: no_proxy.map(str::to_owned) }
    }

    fn by(rules: &ProxyRules, url: &str) -> Option<String> {
        rules.0.matcher.intercept(&url.parse().unwrap()).map(|intercept| intercept.uri().to_string())
    }

    #[test]
    fn loopback_and_exceptions_go_without_a_proxy() {
        let settings = proxies("http://p.example:3128", "p.example:3129", Some("lan.example,10.0.0.0/8"));
        let rules = ProxyRules::new(&settings);
        assert_eq!(by(&rules, "http://r.example/v2/").as_deref(), Some("http://p.example:3128/"));
        assert_eq!(by(&rules, "https://r.example/v2/").as_deref(), Some("http://p.example:3129/"));
        for near in [
            "https://localhost/",
            "https://127.0.0.9:5000/",
            "https://[::1]:1/",
            "https://a.lan.example/",
            "https://10.2.3.4/",
        ] {
            assert_eq!(by(&rules, near), None, "{near}");
        }
    }

    #[test]
    fn a_bad_proxy_is_refused_and_its_password_not_repeated() {
        for bad in [
            "https://u:s3cret@p.example",
            "socks4://u:s3cret@p.example",
            "ftp://u:s3cret@p.example",
            "http://u:s3cret@:x",
            "http://",
        ] {
            let rules = ProxyRules::new(&proxies("", bad, Some("lan.example")));
            let error = rules.check(&"https://r.example/v2/".parse().unwrap()).unwrap_err();
            for without in ["http://r.example/", "https://a.lan.example/", "https://localhost:5000/"] {
                assert!(rules.check(&without.parse().unwrap()).is_ok(), "{bad} for {without}");
            }
            assert!(!error.to_string().contains("s3cret"), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("socks5")));
        }
    }
}
