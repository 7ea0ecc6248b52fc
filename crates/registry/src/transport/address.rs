//! Where a repository is asked for: its registry, or the mirror in its place.

use std::net::Ipv4Addr;

use url::{Host as UrlHost, Url};
use workson_oci::Repository;
use workson_oci::reference::is_loopback;

use crate::options::Options;

/// The host that answers for a repository, and the repository's name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host and port, as in the `Host` header.
    pub(crate) host: String,
    /// The repository's name at that host: a mirror may keep it below a path of its own.
    pub(crate) name: String,
    /// Whose credentials are asked for: `registry/name`, where docker login was done.
    pub(crate) account: String,
    /// Whether the host is this machine.
    pub(crate) is_loopback: bool,
    /// Whether the host is spoken to in plain HTTP by the user's wish.
    plain: bool,
}

impl Address {
    /// The address of `repository`: that of its mirror, unless it is to be written to, because a mirror passes
    /// nothing on.
    pub(crate) fn of(repository: &Repository, options: &Options, access: &Access) -> Address {
        let mirror = options.mirrors.get(repository.registry()).filter(|_| *access == Access::Pull);
        let (host, name, account) = match mirror {
            None => (
                repository.api_host().to_owned(),
                repository.path().to_owned(),
                repository.registry().to_owned(),
            ),
            Some(mirror) => {
                let (host, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
                let name = [prefix.trim_matches('/'), repository.path()];
                let name = name.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
                (host.to_owned(), name, host.to_owned())
            }
        };
        let is_loopback = is_loopback(&host);
        let plain =
            is_loopback || options.plain_http.contains(&host) || options.plain_http.contains(&account);
        Address { account: format!("{account}/{name}"), host, name, is_loopback, plain }
    }

    /// Scheme, host and port.
    pub(crate) fn base(&self, tls: bool) -> String {
        let scheme = if self.plain && !tls { "http" } else { "https" };
        format!("{scheme}://{}", self.host)
    }

    /// The scopes that are needed at a token service for `access` to the repository.
    pub(crate) fn scopes(&self, access: &Access) -> Vec<String> {
        let own = |actions: &str| format!("repository:{}:{actions}", self.name);
        match access {
            Access::Pull => vec![own("pull")],
            Access::Push => vec![own("pull,push")],
            // Some registries read the first scope alone.
            Access::Mount { from } => vec![own("pull,push"), format!("repository:{from}:pull")],
        }
    }
}

/// What a request wants of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// To read it.
    Pull,
    /// To write to it.
    Push,
    /// To write to it what another repository has, named by its path at the same registry.
    Mount {
        /// The other repository.
        from: String,
    },
}

/// Scheme, host and port: what `Authorization` must not leave.
pub(crate) fn origin(url: &Url) -> (String, String, Option<u16>) {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    (url.scheme().to_owned(), host, url.port_or_known_default())
}

/// Whether credentials for a registry at `host` may go to `realm`: to the same name or address on any port, or
/// to another name below the same registrable domain (`registry-1.docker.io` and `auth.docker.io`), by the
/// public suffix list.
pub(crate) fn same_site(host: &str, realm: &Url) -> bool {
    let Ok(registry) = Url::parse(&format!("https://{host}/")) else { return false };
    match (registry.host(), realm.host()) {
        (Some(UrlHost::Domain(a)), Some(UrlHost::Domain(b))) => {
            a.eq_ignore_ascii_case(b)
                || match (psl::domain_str(a), psl::domain_str(b)) {
                    (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                    _ => false,
                }
        }
        (Some(UrlHost::Ipv4(a)), Some(UrlHost::Ipv4(b))) => a == b,
        (Some(UrlHost::Ipv6(a)), Some(UrlHost::Ipv6(b))) => a == b,
        // `localhost` is the name of these addresses.
        (Some(UrlHost::Domain("localhost")), Some(UrlHost::Ipv4(ip)))
        | (Some(UrlHost::Ipv4(ip)), Some(UrlHost::Domain("localhost"))) => ip == Ipv4Addr::LOCALHOST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(reference: &str, options: &Options) -> (String, String) {
        let reference: workson_oci::Reference = reference.parse().unwrap();
        let address = Address::of(reference.repository(), options, &Access::Pull);
        (format!("{}/v2/{}", address.base(false), address.name), address.account)
    }

    #[test]
    fn registries_are_asked_where_they_are() {
        let mut options = Options::default();
        options.plain_http.insert("registry.lan:5000".into());
        for (reference, base, account) in [
            ("nginx", "https://registry-1.docker.io/v2/library/nginx", "docker.io/library/nginx"),
            ("quay.io/a/b", "https://quay.io/v2/a/b", "quay.io/a/b"),
            ("localhost:5000/x", "http://localhost:5000/v2/x", "localhost:5000/x"),
            ("127.8.9.1:80/x", "http://127.8.9.1:80/v2/x", "127.8.9.1:80/x"),
            ("[::1]:5000/x", "http://[::1]:5000/v2/x", "[::1]:5000/x"),
            ("registry.lan:5000/x", "http://registry.lan:5000/v2/x", "registry.lan:5000/x"),
            ("registry.lan/x", "https://registry.lan/v2/x", "registry.lan/x"),
            ("127.0.0.1.example.org/x", "https://127.0.0.1.example.org/v2/x", "127.0.0.1.example.org/x"),
        ] {
            assert_eq!(address(reference, &options), (base.into(), account.into()), "{reference}");
        }
    }

    #[test]
    fn a_mirror_is_asked_in_a_registrys_place_with_its_own_credentials() {
        let mut options = Options::default();
        options.mirrors.insert("docker.io".into(), "cache.example".into());
        options.mirrors.insert("quay.io".into(), "harbor.example/quay/".into());
        let docker = ("https://cache.example/v2/library/nginx".into(), "cache.example/library/nginx".into());
        assert_eq!(address("nginx", &options), docker);
        let quay = ("https://harbor.example/v2/quay/a/b".into(), "harbor.example/quay/a/b".into());
        assert_eq!(address("quay.io/a/b", &options), quay);
    }

    #[test]
    fn credentials_stay_with_the_registrys_site() {
        for (host, realm, allowed) in [
            ("registry-1.docker.io", "https://auth.docker.io/token", true),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            ("ghcr.io", "https://ghcr.io/token", true),
            ("127.0.0.1:5000", "http://127.0.0.1:5001/token", true),
            ("localhost:5000", "http://127.0.0.1:5001/token", true),
            ("registry.example.co.uk", "https://evil.co.uk/token", false),
            ("registry.example.com", "https://example.com.evil.org/token", false),
            ("team.github.io", "https://other.github.io/token", false),
            ("127.0.0.1:5000", "http://127.0.0.2:5000/token", false),
            ("10.0.0.1", "https://10.0.0.2/", false),
            ("registry", "https://token/", false),
        ] {
            assert_eq!(same_site(host, &Url::parse(realm).unwrap()), allowed, "{host} {realm}");
        }
    }
}
