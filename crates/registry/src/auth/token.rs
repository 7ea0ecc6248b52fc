//! Tokens: fetched once for a scope however many requests wait for it, kept while they are good, and sent to
//! nobody but the registry they are for.
//!
//! Standard: [distribution, token authentication] and its [OAuth 2 variant].
//!
//! [distribution, token authentication]: https://distribution.github.io/distribution/spec/auth/token/
//! [OAuth 2 variant]: https://distribution.github.io/distribution/spec/auth/oauth/

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use workson_oci::{Reference, Repository};

use super::challenge::Challenge;
use super::keychain::Credentials;
use crate::client::Shared;
use crate::error::{Error, Kind, printable};
use crate::retry::is_passing;
use crate::transport::{Access, Address, Host, Payload, Response, not_now, said, same_site, shown};

/// How long a token lasts where its service does not say (the standard's default).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// How large a token service's answer may be, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// How many scopes are kept before idle ones are dropped.
const MAX_SLOTS: usize = 1024;

/// An `Authorization` header that is ready to be sent.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    /// False for a user and password, which do not get better by being sent again.
    pub(crate) may_expire: bool,
    until: Option<Instant>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;
/// Host, repository there, and what is wanted of it: a token to pull must not stand in the way of a push.
type Key = (String, String, Access);

/// All tokens of a client.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<Key, Slot>>,
}

impl Tokens {
    fn slot(&self, address: &Address, access: &Access) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_SLOTS {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        let key = (address.host.clone(), address.name.clone(), access.clone());
        slots.entry(key).or_default().clone()
    }

    /// Drops `token`, unless another request has replaced it meanwhile.
    pub(crate) async fn forget(&self, address: &Address, access: &Access, token: &Token) {
        let slot = self.slot(address, access);
        let mut kept = slot.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.header == token.header) {
            *kept = None;
        }
    }
}

impl Shared {
    /// What to send as `Authorization`, as far as the host has said what it wants.
    pub(crate) async fn authorization(
        &self,
        address: &Address,
        access: &Access,
        host: &Host,
    ) -> Result<Option<Token>, Error> {
        let Some(challenge) = host.challenge() else { return Ok(None) };
        let slot = self.tokens.slot(address, access);
        let mut kept = slot.lock().await;
        if let Some(token) =
            kept.as_ref().filter(|token| token.until.is_none_or(|until| Instant::now() < until))
        {
            return Ok(Some(token.clone()));
        }
        *kept = match challenge {
            Challenge::Basic => self.credentials(address).await?.as_ref().and_then(basic),
            Challenge::Bearer { realm, service, scope, .. } => {
                let plain = address.base(host.is_tls()).starts_with("http:");
                let scopes = wanted_scopes(scope, address, access);
                Some(self.fetch_token(address, &realm, service.as_deref(), &scopes, plain).await?)
            }
        };
        Ok(kept.clone())
    }

    async fn credentials(&self, address: &Address) -> Result<Option<Credentials>, Error> {
        // The account is a registry and a path, so it reads as a reference; a mirror's odd path may not.
        let repository: Option<Repository> =
            address.account.parse::<Reference>().ok().map(|reference| reference.repository().clone());
        match repository {
            Some(repository) => self.options.keychain.credentials(&repository).await,
            None => Ok(None),
        }
    }

    async fn fetch_token(
        &self,
        address: &Address,
        realm: &str,
        service: Option<&str>,
        scopes: &[String],
        plain: bool,
    ) -> Result<Token, Error> {
        let realm = guarded(realm, address, plain)?;
        let tried = format!("token for {} from {}", scopes.join(" "), shown(&realm));
        let mut credentials = self.credentials(address).await?;
        let withheld = credentials.is_some() && !same_site(&address.host, &realm);
        if withheld {
            credentials = None;
        }
        let response = match &credentials {
            Some(Credentials::IdentityToken(secret)) => {
                self.exchange_identity(&realm, service, scopes, secret, &tried).await?
            }
            _ => self.get_token(&realm, service, scopes, credentials.as_ref(), &tried).await?,
        };
        if response.status.is_success() {
            return read_token(&response, &tried);
        }
        Err(refused(&response, address, &tried, withheld, credentials.is_some()))
    }

    /// The OAuth 2 variant; services that know it not are asked the other way.
    async fn exchange_identity(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
        secret: &str,
        tried: &str,
    ) -> Result<Response, Error> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("service", service.unwrap_or_default())
            .append_pair("scope", &scopes.join(" "))
            .append_pair("client_id", "workson")
            .append_pair("refresh_token", secret)
            .finish();
        let response =
            self.insist(&Method::POST, realm.clone(), None, &Payload::Form(form), MAX_ANSWER, tried).await?;
        if matches!(response.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            let credentials = Credentials::Password { user: "<token>".into(), password: secret.to_owned() };
            return self.get_token(realm, service, scopes, Some(&credentials), tried).await;
        }
        Ok(response)
    }

    async fn get_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
        credentials: Option<&Credentials>,
        tried: &str,
    ) -> Result<Response, Error> {
        let mut url = realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes.iter().filter(|scope| !scope.is_empty()) {
                query.append_pair("scope", scope);
            }
        }
        let header = credentials.and_then(basic).map(|token| token.header);
        self.insist(&Method::GET, url, header.as_ref(), &Payload::Nothing, MAX_ANSWER, tried).await
    }
}

/// The registry's own scope where it is of another form than a repository's, else those of this repository.
fn wanted_scopes(challenged: Option<String>, address: &Address, access: &Access) -> Vec<String> {
    match challenged {
        Some(scope) if !scope.starts_with("repository:") && !scope.is_empty() => vec![scope],
        _ => address.scopes(access),
    }
}

/// The realm, where it is one that may be asked: over TLS, or in the clear for a registry that is spoken to so.
fn guarded(realm: &str, address: &Address, plain: bool) -> Result<Url, Error> {
    let refused = |what: String| {
        Error::new(Kind::Redirect, format!("token service of {}", address.host), what)
            .with_hint("credentials are not sent there; tell the registry's operator")
    };
    let url = Url::parse(realm)
        .map_err(|_| refused(format!("its address can't be read: {:?}", printable(realm))))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if plain => Ok(url),
        "http" => Err(refused(format!(
            "the registry speaks TLS, but sends its clients to plain http: {}",
            shown(&url)
        ))),
        other => Err(refused(format!("its address has the scheme {:?}", printable(other)))),
    }
}

fn basic(credentials: &Credentials) -> Option<Token> {
    let Credentials::Password { user, password } = credentials else { return None };
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    Some(Token { header: sensitive(&text)?, may_expire: false, until: None })
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn read_token(response: &Response, tried: &str) -> Result<Token, Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        token: String,
        #[serde(default)]
        access_token: String,
        #[serde(default)]
        expires_in: Option<f64>,
    }
    let bad = |what: &str| Error::new(Kind::BadResponse, tried, what);
    // The parser's message could quote the token.
    let answer: Answer = serde_json::from_slice(&response.body).map_err(|_| bad("its answer is not JSON"))?;
    let token = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if token.is_empty() {
        return Err(bad("its answer holds no token"));
    }
    let header = sensitive(&format!("Bearer {token}"))
        .ok_or_else(|| bad("its token has characters that no header can hold"))?;
    let seconds = answer.expires_in.filter(|seconds| *seconds > 0.0 && *seconds < 1e9);
    let life = seconds.map_or(DEFAULT_LIFE, Duration::from_secs_f64);
    // A tenth of its life, and at most ten seconds, are left for the way.
    let margin = (life / 10).min(Duration::from_secs(10));
    Ok(Token { header, may_expire: true, until: Some(Instant::now() + life - margin) })
}

fn refused(
    response: &Response,
    address: &Address,
    tried: &str,
    withheld: bool,
    had_credentials: bool,
) -> Error {
    if is_passing(response.status) {
        return not_now(tried, response);
    }
    let kind = match response.status {
        StatusCode::UNAUTHORIZED => Kind::Unauthorized,
        StatusCode::FORBIDDEN => Kind::Denied,
        _ => Kind::BadResponse,
    };
    let error = Error::new(kind, tried, said(response));
    let registry = address.account.split('/').next().unwrap_or_default();
    match (withheld, had_credentials) {
        (true, _) => error.with_hint(format!(
            "it is on another site than {}, so the credentials kept for the registry were not sent there",
            address.host
        )),
        (false, true) => {
            error.with_hint(format!("the credentials kept for it were refused: `docker login {registry}`"))
        }
        (false, false) => {
            error.with_hint(format!("log in first: `docker login {registry}` or `podman login {registry}`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn address(reference: &str) -> Address {
        let reference: Reference = reference.parse().unwrap();
        Address::of(reference.repository(), &Options::default(), &Access::Pull)
    }

    #[test]
    fn a_realm_in_the_clear_is_for_registries_in_the_clear() {
        let tls = address("quay.io/a/b");
        assert!(guarded("https://quay.io/token", &tls, false).is_ok());
        let error = guarded("http://quay.io/token?x=secret", &tls, false).unwrap_err();
        assert_eq!(error.kind(), Kind::Redirect);
        assert!(error.to_string().contains("plain http") && !error.to_string().contains("secret"), "{error}");
        assert!(guarded("http://127.0.0.1:1/token", &address("127.0.0.1:5000/a"), true).is_ok());
        for realm in ["file:///etc/passwd", "token", "", "ftp://quay.io/"] {
            assert!(guarded(realm, &tls, true).is_err(), "{realm}");
        }
    }

    #[test]
    fn a_scope_of_another_form_is_kept() {
        let quay = address("public.ecr.aws/a/b");
        let wanted = |challenged: Option<&str>, access| {
            wanted_scopes(challenged.map(str::to_owned), &quay, &access).join(" ")
        };
        assert_eq!(wanted(Some("aws"), Access::Push), "aws");
        assert_eq!(wanted(Some("repository:other:pull,push"), Access::Pull), "repository:a/b:pull");
        assert_eq!(wanted(None, Access::Pull), "repository:a/b:pull");
        assert_eq!(wanted(None, Access::Push), "repository:a/b:pull,push");
        let mount = Access::Mount { from: "c/d".into() };
        assert_eq!(wanted(None, mount), "repository:a/b:pull,push repository:c/d:pull");
    }
}
