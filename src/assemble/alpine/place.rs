//! Where a release is: a folder, or an address that is asked over HTTP.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, NoProxy, Proxy, Response, StatusCode, Url, redirect};
use tokio::runtime::Handle;
use workson_oci::reference::is_loopback;
use workson_registry::Options;

use super::super::{AssembleError, Settings};
use crate::layout::regular;

/// How long an index or a file of checksums may be, and a root, in bytes.
const MAX_TEXT: u64 = 1 << 20;
const MAX_ROOT: u64 = 512 << 20;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(60);

/// A release's folder or address.
pub(super) struct Place<'a> {
    location: String,
    whereabouts: Whereabouts,
    scratch: &'a Path,
}

enum Whereabouts {
    Folder(PathBuf),
    Address { base: Url, client: Client, runtime: Handle },
}

impl<'a> Place<'a> {
    pub(super) fn new(location: &str, settings: &Settings<'a>) -> Result<Place<'a>, AssembleError> {
        let location = location.trim_end_matches('/').to_owned();
        let whereabouts = match location.contains("://") {
            true => address(&location, settings.client.options(), settings.runtime)?,
            false if Path::new(&location).is_dir() => Whereabouts::Folder(PathBuf::from(&location)),
            false => {
                return Err(AssembleError::new(format!("--release {location}: there is no such folder"))
                    .with_hint("a release's folder, or its address, beginning with https://"));
            }
        };
        Ok(Place { location, whereabouts, scratch: settings.scratch })
    }

    /// A folder for what is needed meanwhile.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch
    }

    /// What it is called in messages.
    pub(super) fn shown(&self) -> &str {
        &self.location
    }

    /// A short file of it; none where it is not there.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, AssembleError> {
        let mut bytes = Vec::new();
        match self.read(name, MAX_TEXT, &mut bytes)? {
            true => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            false => Ok(None),
        }
    }

    /// A root, as a file on disk; none where it is not there.
    pub(super) fn file(&self, name: &str) -> Result<Option<PathBuf>, AssembleError> {
        if let Whereabouts::Folder(folder) = &self.whereabouts {
            let path = folder.join(name);
            return Ok(path.exists().then_some(path));
        }
        let path = self.scratch.join(name.replace('/', "-"));
        let failed = |error: io::Error| AssembleError::new(format!("writing {}: {error}", path.display()));
        let mut file = fs::File::create(&path).map_err(failed)?;
        let is_there = self.read(name, MAX_ROOT, &mut file)?;
        Ok(is_there.then_some(path))
    }

    fn read(&self, name: &str, limit: u64, to: &mut impl io::Write) -> Result<bool, AssembleError> {
        let failed = |error: String| AssembleError::new(format!("reading {}/{name}: {error}", self.location));
        match &self.whereabouts {
            Whereabouts::Folder(folder) => {
                let file = match regular(&folder.join(name)) {
                    Ok(file) => file,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                    Err(error) => return Err(failed(error.to_string())),
                };
                let copied =
                    io::copy(&mut file.take(limit + 1), to).map_err(|error| failed(error.to_string()))?;
                match copied > limit {
                    true => Err(failed(too_long(limit))),
                    false => Ok(true),
                }
            }
            Whereabouts::Address { base, client, runtime } => {
                let address = format!("{}/{name}", base.as_str().trim_end_matches('/'));
                runtime.block_on(fetch(client, &address, limit, to)).map_err(|error| {
                    let is_untrusted = error.contains("peer certificate");
                    let hint = "for a private authority, name its certificate with --ca-certificate FILE";
                    let error = failed(error);
                    if is_untrusted { error.with_hint(hint) } else { error }
                })
            }
        }
    }
}

fn too_long(limit: u64) -> String {
    format!("it is longer than {limit} bytes, which is as much as is read")
}

/// An address that is asked as a registry is: by the same proxies, and with the same certificates.
fn address(location: &str, options: &Options, runtime: &Handle) -> Result<Whereabouts, AssembleError> {
    let failed = |error: String| AssembleError::new(format!("--release {location}: {error}"));
    let base = Url::parse(location).map_err(|error| failed(error.to_string()))?;
    let host = base.host_str().unwrap_or_default();
    let is_plain = options.plain_http.contains(host) || is_loopback(host);
    if base.scheme() != "https" && !(base.scheme() == "http" && is_plain) {
        return Err(failed(format!("it is asked over https, not {}", base.scheme()))
            .with_hint("--plain-http HOST speaks plain HTTP to a host"));
    }
    // A second time finds it set, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let build = || {
        let mut client = Client::builder()
            .no_proxy()
            .user_agent(&options.user_agent)
            .redirect(redirect::Policy::limited(MAX_REDIRECTS))
            .https_only(base.scheme() == "https")
            .connect_timeout(options.connect_timeout)
            .read_timeout(SILENCE);
        let no_proxy = || NoProxy::from_string(options.proxies.no_proxy.as_deref().unwrap_or_default());
        // Loopback never needs one.
        if let Some(proxy) = options.proxies.https.as_ref().filter(|_| !is_plain) {
            client = client.proxy(Proxy::https(proxy)?.no_proxy(no_proxy()));
        }
        if let Some(proxy) = options.proxies.http.as_ref().filter(|_| !is_loopback(host)) {
            client = client.proxy(Proxy::http(proxy)?.no_proxy(no_proxy()));
        }
        let mut certificates = Vec::new();
        for pem in &options.ca_certificates {
            certificates.extend(Certificate::from_pem_bundle(pem)?);
        }
        client.tls_certs_merge(certificates).build()
    };
    let client = build().map_err(|error: reqwest::Error| failed(told(&error)))?;
    Ok(Whereabouts::Address { base, client, runtime: runtime.clone() })
}

/// Fetches into `to`; whether it is there.
async fn fetch(client: &Client, address: &str, limit: u64, to: &mut impl io::Write) -> Result<bool, String> {
    let mut response: Response = client.get(address).send().await.map_err(|error| told(&error))?;
    match response.status() {
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(false),
        status if !status.is_success() => return Err(format!("the server answered {status}")),
        _ => {}
    }
    let mut length = 0;
    while let Some(piece) = response.chunk().await.map_err(|error| told(&error))? {
        length += piece.len() as u64;
        if length > limit {
            return Err(too_long(limit));
        }
        to.write_all(&piece)
            .map_err(|error| format!("writing it down: {error}; TMPDIR may name another place for that"))?;
    }
    Ok(true)
}

/// An error with what it comes from, but without the address, which stands before it.
fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
