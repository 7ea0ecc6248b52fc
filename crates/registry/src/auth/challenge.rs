//! `WWW-Authenticate` ([RFC 9110, section 11.6.1]) as registries use it: `Basic`, or `Bearer` with a realm
//! ([distribution, token authentication]).
//!
//! [RFC 9110, section 11.6.1]: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
//! [distribution, token authentication]: https://distribution.github.io/distribution/spec/auth/token/

/// How a registry wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token, to be had at `realm`.
    Bearer {
        /// The address of the token service, as sent.
        realm: String,
        /// The name of the registry at the token service.
        service: Option<String>,
        /// What the token has to allow.
        scope: Option<String>,
        /// Why a token that was sent is not enough (`invalid_token`, `insufficient_scope`).
        error: Option<String>,
    },
}

impl Challenge {
    /// The best of the challenges in `headers`: `Bearer` before `Basic`; others are passed over.
    pub fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
        let all: Vec<Challenge> = headers.into_iter().flat_map(parse).collect();
        let bearer = all.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        bearer.or(all.first()).cloned()
    }
}

/// All challenges of one header that workson can answer.
fn parse(header: &str) -> Vec<Challenge> {
    let mut scanner = Scanner { rest: header };
    let mut found = Vec::new();
    let mut open: Option<(String, Vec<(String, String)>)> = None;
    while let Some(word) = scanner.token() {
        if scanner.take('=') {
            let value = scanner.value();
            if let Some((_, parameters)) = &mut open {
                parameters.push((word.to_ascii_lowercase(), value));
            }
        } else {
            found.extend(open.take().and_then(challenge));
            open = Some((word.to_ascii_lowercase(), Vec::new()));
        }
    }
    found.extend(open.and_then(challenge));
    found
}

fn challenge((scheme, parameters): (String, Vec<(String, String)>)) -> Option<Challenge> {
    let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match scheme.as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
            error: get("error"),
        }),
        _ => None,
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    /// The next token; separators before it, and characters that fit nowhere, are passed over.
    fn token(&mut self) -> Option<&'a str> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c);
        self.rest = &self.rest[self.rest.find(is_token)?..];
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(token)
    }

    fn take(&mut self, wanted: char) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A token or a quoted string.
    fn value(&mut self) -> String {
        if !self.take('"') {
            let trimmed = self.rest.trim_start();
            let end = trimmed.find([',', ' ', '\t']).unwrap_or(trimmed.len());
            self.rest = &trimmed[end..];
            return trimmed[..end].to_owned();
        }
        let mut value = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            if !escaped && c == '"' {
                self.rest = &self.rest[at + 1..];
                return value;
            }
            escaped = !escaped && c == '\\';
            if !escaped {
                value.push(c);
            }
        }
        self.rest = "";
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(header: &str) -> (String, Option<String>, Option<String>) {
        match Challenge::choose([header]) {
            Some(Challenge::Bearer { realm, service, scope, .. }) => (realm, service, scope),
            other => panic!("{header}: {other:?}"),
        }
    }

    #[test]
    fn reads_what_registries_send() {
        let (realm, service, scope) = bearer(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#,
        );
        assert_eq!(realm, "https://auth.docker.io/token");
        assert_eq!(service.as_deref(), Some("registry.docker.io"));
        assert_eq!(scope.as_deref(), Some("repository:library/nginx:pull,push"));

        let (realm, service, _) = bearer(r#"bearer  Realm = "https://e.x/a\"b" , service=plain"#);
        assert_eq!((realm.as_str(), service.as_deref()), ("https://e.x/a\"b", Some("plain")));
        assert_eq!(Challenge::choose([r#"Basic realm="Registry Realm""#]), Some(Challenge::Basic));
    }

    #[test]
    fn bearer_comes_before_basic_in_one_header_or_in_two() {
        assert_eq!(bearer(r#"Basic realm="a", Bearer realm="https://t/""#).0, "https://t/");
        let two = ["Basic realm=x", r#"Bearer realm="https://t/""#];
        assert!(matches!(Challenge::choose(two), Some(Challenge::Bearer { .. })));
        let negotiate = ["Negotiate", "Basic realm=x"];
        assert_eq!(Challenge::choose(negotiate), Some(Challenge::Basic));
    }

    #[test]
    fn a_bearer_without_realm_cannot_be_answered() {
        assert_eq!(Challenge::choose(["Bearer service=x"]), None);
        assert_eq!(Challenge::choose([""]), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in "\\PC{0,200}") {
            let _ = Challenge::choose([header.as_str()]);
        }
    }
}
