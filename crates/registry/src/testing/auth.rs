//! Who may ask: HTTP Basic, or the token handshake of the distribution specification.
//!
//! The handshake is described at <https://distribution.github.io/distribution/spec/auth/token/> (`GET`) and
//! <https://distribution.github.io/distribution/spec/auth/oauth/> (`POST`).

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::routes;
use super::wire::{Method, Request, Response, form_values};

/// What a registry wants before it answers under `/v2/`.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// HTTP Basic authentication.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: String,
    },
    /// A bearer token from a token endpoint.
    Token(TokenAuth),
}

/// The token handshake. [`Default`] is a registry that gives every anonymous caller a token for pulling.
#[derive(Debug, Clone, Default)]
pub struct TokenAuth {
    /// The URL of the token endpoint in the challenge; `None` for this registry's own, `http://…/token`.
    pub realm: Option<String>,
    /// The service in the challenge; left out if empty.
    pub service: String,
    /// User and password that the endpoint wants; with `None` it issues tokens to everybody.
    pub credentials: Option<(String, String)>,
    /// An identity token that the endpoint takes instead of user and password, and hands out to those who
    /// ask for one.
    pub refresh_token: Option<String>,
    /// How many seconds a token is valid, and what `expires_in` says; `None`: no end, and nothing said.
    pub expires_in: Option<u64>,
    /// After so many requests a token is no longer valid, whatever `expires_in` said.
    pub valid_uses: Option<u32>,
    /// The field of the answer that holds the token.
    pub field: TokenField,
    /// Whether the endpoint reads the first of several scopes alone, as some do.
    pub first_scope_only: bool,
    /// Whether its tokens allow nothing but to pull, whatever is asked for, as for those who may not push.
    pub pull_only: bool,
}

/// Which field of the endpoint's answer holds the token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenField {
    /// `token`, Docker's own.
    #[default]
    Token,
    /// `access_token`, OAuth 2's.
    AccessToken,
    /// Both, as Docker Hub does it.
    Both,
}

/// What is asked for, and the tokens that are out.
#[derive(Debug)]
pub(super) struct Gate {
    auth: Auth,
    realm: String,
    tokens: HashMap<String, Issued>,
    last: u64,
}

#[derive(Debug)]
struct Issued {
    /// `repository:library/thing:pull,push`
    scopes: Vec<String>,
    expires: Option<Instant>,
    uses_left: Option<u32>,
}

impl Issued {
    fn is_alive(&self) -> bool {
        self.uses_left != Some(0) && self.expires.is_none_or(|end| Instant::now() < end)
    }

    fn allows(&self, repository: &str, action: &str) -> bool {
        self.scopes.iter().any(|scope| {
            let mut parts = scope.splitn(3, ':');
            parts.next() == Some("repository")
                && parts.next() == Some(repository)
                && parts.next().is_some_and(|actions| actions.split(',').any(|a| a == action || a == "*"))
        })
    }
}

impl Gate {
    pub(super) fn new(auth: Auth, host: &str) -> Gate {
        let realm = match &auth {
            Auth::Token(TokenAuth { realm: Some(realm), .. }) => realm.clone(),
            _ => format!("http://{host}/token"),
        };
        Gate { auth, realm, tokens: HashMap::new(), last: 0 }
    }

    pub(super) fn is_closed(&self) -> bool {
        !matches!(self.auth, Auth::None)
    }

    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// Lets a request to `repository` (none: to `/v2/`) pass, or says what it is answered.
    pub(super) fn check(&mut self, request: &Request<'_>, repository: Option<&str>) -> Result<(), Response> {
        let given = request.header("authorization").and_then(|value| value.split_once(' '));
        match &self.auth {
            Auth::None => Ok(()),
            Auth::Basic { user, password } => match given {
                Some((scheme, given)) if is_basic(scheme, given, user, password) => Ok(()),
                _ => Err(challenge("Basic realm=\"memory registry\"".to_owned())),
            },
            Auth::Token(auth) => {
                let action = match request.method {
                    Method::Get | Method::Head => "pull",
                    Method::Delete => "delete",
                    _ => "push",
                };
                let error = match given {
                    Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                        match self.tokens.get_mut(token.trim()).filter(|issued| issued.is_alive()) {
                            Some(issued)
                                if repository.is_none_or(|name| issued.allows(name, action))
                                    && source(request).is_none_or(|name| issued.allows(&name, "pull")) =>
                            {
                                issued.uses_left = issued.uses_left.map(|left| left - 1);
                                return Ok(());
                            }
                            Some(_) => ",error=\"insufficient_scope\"",
                            None => ",error=\"invalid_token\"",
                        }
                    }
                    _ => "",
                };
                let mut text = format!("Bearer realm=\"{}\"", self.realm);
                if !auth.service.is_empty() {
                    text.push_str(&format!(",service=\"{}\"", auth.service));
                }
                if let Some(name) = repository {
                    let actions = if action == "push" { "pull,push" } else { action };
                    text.push_str(&format!(",scope=\"repository:{name}:{actions}\""));
                }
                Err(challenge(text + error))
            }
        }
    }

    /// Answers a request to the token endpoint.
    pub(super) fn token(&mut self, request: &Request<'_>) -> Response {
        let Auth::Token(auth) = &self.auth else {
            return routes::error(404, "UNSUPPORTED", "no tokens here");
        };
        let body = String::from_utf8_lossy(&request.body);
        let field = |key: &str| form_values(&body, key).next().unwrap_or_default();
        let known = |user: &str, password: &str| {
            auth.credentials.as_ref().is_none_or(|(u, p)| u == user && p == password)
        };
        let (granted, scopes, wants_refresh): (bool, Vec<String>, bool) = match request.method {
            Method::Get => {
                let basic = request.header("authorization").and_then(|value| value.split_once(' '));
                let granted = auth.credentials.as_ref().is_none_or(|(user, password)| {
                    basic.is_some_and(|(scheme, given)| is_basic(scheme, given, user, password))
                });
                let offline = request.query("offline_token").any(|value| value == "true");
                (granted, request.query("scope").collect(), offline)
            }
            Method::Post => {
                let (granted, wants_refresh) = match field("grant_type").as_str() {
                    "refresh_token" => (auth.refresh_token == Some(field("refresh_token")), true),
                    "password" => {
                        (known(&field("username"), &field("password")), field("access_type") == "offline")
                    }
                    _ => return routes::error(400, "UNSUPPORTED", "unsupported grant_type"),
                };
                (granted, form_values(&body, "scope").collect(), wants_refresh)
            }
            _ => return routes::error(405, "UNSUPPORTED", "the operation is unsupported"),
        };
        if !granted {
            let details = json!({ "details": "incorrect username or password" }).to_string();
            return Response::new(401).body("application/json", details);
        }
        self.last += 1;
        let token = format!("memory-registry-token-{:08}", self.last);
        let mut answer = json!({});
        if auth.field != TokenField::AccessToken {
            answer["token"] = Value::from(token.as_str());
        }
        if auth.field != TokenField::Token {
            answer["access_token"] = Value::from(token.as_str());
        }
        if let Some(seconds) = auth.expires_in {
            answer["expires_in"] = Value::from(seconds);
        }
        if let Some(refresh) = auth.refresh_token.as_deref().filter(|_| wants_refresh) {
            answer["refresh_token"] = Value::from(refresh);
        }
        let scopes = scopes.iter().flat_map(|scopes| scopes.split(' '));
        let granted = |scope: &str| match auth.pull_only {
            true => scope.replace("pull,push", "pull"),
            false => scope.to_owned(),
        };
        let issued = Issued {
            scopes: scopes.take(if auth.first_scope_only { 1 } else { usize::MAX }).map(granted).collect(),
            expires: auth.expires_in.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            uses_left: auth.valid_uses,
        };
        self.tokens.insert(token, issued);
        Response::new(200).body("application/json", answer.to_string())
    }
}

/// The repository that a request wants a blob to be mounted from.
fn source(request: &Request<'_>) -> Option<String> {
    request.query("mount").next().and(request.query("from").next())
}

fn challenge(text: String) -> Response {
    routes::error(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", text)
}

fn is_basic(scheme: &str, given: &str, user: &str, password: &str) -> bool {
    scheme.eq_ignore_ascii_case("basic") && given.trim() == base64(format!("{user}:{password}").as_bytes())
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit > group.len() {
                text.push('=');
            } else {
                text.push(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize] as char);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_as_in_the_standard() {
        // RFC 4648, section 10.
        let all =
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| super::base64(text.as_bytes()));
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
