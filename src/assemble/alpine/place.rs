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
/// How long nothing may come of a root.
const SILENCE: Duration = Duration::from_secs(60);

/// A release's folder or address.
pub(super) struct Place<'a> {
    /// What it is called in messages and answers: an address without user and password.
    shown: String,
    whereabouts: Whereabouts,
    scratch: &'a Path,
}

enum Whereabouts {
    Folder(PathBuf),
    Address { base: Url, client: Client, runtime: Handle, document_timeout: Duration },
}

impl<'a> Place<'a> {
    pub(super) fn new(location: &str, settings: &Settings<'a>) -> Result<Place<'a>, AssembleError> {
        let location = location.trim_end_matches('/');
        let shown = without_secrets(location);
        let whereabouts = match location.contains("://") {
            true => address(location, &shown, settings.client.options(), settings.runtime)?,
            false if Path::new(location).is_dir() => Whereabouts::Folder(PathBuf::from(location)),
            false => {
                return Err(AssembleError::new(format!("--release {shown}: there is no such folder"))
                    .with_hint("a release's folder, or its address, beginning with https://"));
            }
        };
        Ok(Place { shown, whereabouts, scratch: settings.scratch })
    }

    /// A folder for what is needed meanwhile.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch
    }

    /// What it is called in messages and answers.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// What a file of it is called there.
    pub(super) fn shown_file(&self, name: &str) -> String {
        match &self.whereabouts {
            Whereabouts::Folder(folder) => folder.join(name).display().to_string(),
            Whereabouts::Address { .. } => format!("{}/{name}", self.shown),
        }
    }

    /// A short file of it; none where it is not there.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, AssembleError> {
        let mut bytes = Vec::new();
        match self.read(name, Extent::Document, &mut bytes)? {
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
        let is_there = self.read(name, Extent::Root, &mut file)?;
        Ok(is_there.then_some(path))
    }

    fn read(&self, name: &str, extent: Extent, to: &mut impl io::Write) -> Result<bool, AssembleError> {
        let failed = |error: String| AssembleError::new(format!("reading {}/{name}: {error}", self.shown));
        let limit = extent.bytes();
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
            Whereabouts::Address { base, client, runtime, document_timeout } => {
                let address = format!("{}/{name}", base.as_str().trim_end_matches('/'));
                let fetched = async {
                    let fetching = fetch(client, &address, limit, to);
                    match extent {
                        Extent::Root => fetching.await,
                        Extent::Document => {
                            let whole = tokio::time::timeout(*document_timeout, fetching).await;
                            let seconds = document_timeout.as_secs();
                            whole.unwrap_or_else(|_| Err(format!("it did not come within {seconds} s")))
                        }
                    }
                };
                runtime.block_on(fetched).map_err(|error| {
                    let hint = match &error {
                        error if error.contains("peer certificate") => {
                            "for a private authority, name its certificate with --ca-certificate FILE"
                        }
                        error if error.contains("it did not come within") => {
                            "try again; --timeout gives it more seconds"
                        }
                        _ => return failed(error),
                    };
                    failed(error).with_hint(hint)
                })
            }
        }
    }
}

/// What is read.
#[derive(Debug, Clone, Copy)]
enum Extent {
    /// An index or a file of checksums, all of which comes in the time of one request.
    Document,
    /// A root, which may take as long as something comes.
    Root,
}

impl Extent {
    fn bytes(self) -> u64 {
        match self {
            Extent::Document => MAX_TEXT,
            Extent::Root => MAX_ROOT,
        }
    }
}

/// A location without user and password.
fn without_secrets(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else { return location.to_owned() };
    // Where they end is clear only in what is an address; in what is none, all that may be of them is left out.
    let authority = match Url::parse(location) {
        Ok(_) => rest.split(['/', '?', '#', '\\']).next().unwrap_or_default(),
        Err(_) => rest,
    };
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => location.to_owned(),
    }
}

fn too_long(limit: u64) -> String {
    format!("it is longer than {limit} bytes, which is as much as is read")
}

/// An address that is asked as a registry is: by the same proxies, and with the same certificates.
fn address(
    location: &str,
    shown: &str,
    options: &Options,
    runtime: &Handle,
) -> Result<Whereabouts, AssembleError> {
    let failed = |error: String| AssembleError::new(format!("--release {shown}: {error}"));
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
    let client = build().map_err(|error: reqwest::Error| failed(told(error)))?;
    let document_timeout = options.request_timeout;
    Ok(Whereabouts::Address { base, client, runtime: runtime.clone(), document_timeout })
}

/// Fetches into `to`; whether it is there.
async fn fetch(client: &Client, address: &str, limit: u64, to: &mut impl io::Write) -> Result<bool, String> {
    let mut response: Response = client.get(address).send().await.map_err(told)?;
    match response.status() {
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(false),
        status if !status.is_success() => return Err(format!("the server answered {status}")),
        _ => {}
    }
    let mut length = 0;
    while let Some(piece) = response.chunk().await.map_err(told)? {
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
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_user_and_password_is_shown() {
        for (location, shown) in [
            ("folder/@3.20", "folder/@3.20"),
            ("https://dl-cdn.example/a@b/v3.20", "https://dl-cdn.example/a@b/v3.20"),
            ("https://user:secret@host/v3.20", "https://host/v3.20"),
            ("https://secret@host", "https://host"),
            ("https://user:se@cret@host:1/x@y", "https://host:1/x@y"),
            ("https://user:se%40cret@[::1]:1/x", "https://[::1]:1/x"),
            // What is no address.
            ("https://user:se/cret@host/v3.20", "https://host/v3.20"),
            ("https://user:secret@ho st/v3.20", "https://ho st/v3.20"),
        ] {
            assert_eq!(without_secrets(location), shown, "{location}");
        }
    }
}
