//! Addresses of host names: this machine's own are not asked of the DNS, and others may have to be public.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;
use workson_oci::reference::is_loopback;

use crate::options::Resolver;
use crate::reach::{NotPublic, Way, is_public};

/// The system's resolver, or another one, but for `localhost` and the names below it. These are spoken to in plain
/// HTTP because they are this machine, so nobody else may say where they are ([RFC 6761, section 6.3]).
///
/// What comes out is what is connected to. So where only public addresses may be, it is looked at here, and an
/// answer with any other is refused as a whole.
///
/// [RFC 6761, section 6.3]: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
#[derive(Clone)]
pub(super) struct Names {
    system: GaiResolver,
    instead: Option<Resolver>,
    way: Way,
}

impl Names {
    pub(super) fn new(instead: Option<Resolver>, way: Way) -> Names {
        Names { system: GaiResolver::new(), instead, way }
    }

    async fn look_up(mut self, name: Name) -> io::Result<Vec<SocketAddr>> {
        if is_loopback(name.as_str()) {
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(both.map(|address| SocketAddr::new(address, 0)).to_vec());
        }
        let Some(resolver) = self.instead else { return Ok(self.system.call(name).await?.collect()) };
        let asked = tokio::task::spawn_blocking(move || resolver(name.as_str()));
        let found = asked.await.map_err(io::Error::other)??;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
    }

    /// The addresses that may be connected to.
    async fn found(self, name: Name) -> io::Result<std::vec::IntoIter<SocketAddr>> {
        let way = self.way;
        let found = self.look_up(name.clone()).await?;
        if way == Way::Public && !found.iter().all(|address| is_public(address.ip())) {
            let refused = NotPublic { name: name.as_str().to_owned() };
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, refused));
        }
        Ok(found.into_iter())
    }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().found(name))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    async fn found(names: &mut Names, name: &str) -> Result<String, String> {
        let found = names.call(name.parse().unwrap()).await.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" "))
    }

    #[tokio::test]
    async fn this_machine_is_found_without_the_dns() {
        for name in ["localhost", "registry.localhost", "A.B.LOCALHOST"] {
            let mut names = Names::new(None, Way::Open);
            assert_eq!(found(&mut names, name).await.unwrap(), "127.0.0.1 ::1", "{name}");
            let mut names = Names::new(None, Way::Public);
            let refused = found(&mut names, name).await.unwrap_err();
            assert_eq!(refused, format!("{name} leads to no public address"));
        }
    }

    /// A resolver that gives one answer after another.
    fn answers(all: &[&str]) -> Resolver {
        let all: Vec<Vec<IpAddr>> = all
            .iter()
            .map(|one| one.split_whitespace().map(|address| address.parse().unwrap()).collect())
            .collect();
        let all = Mutex::new(all.into_iter());
        Arc::new(move |_| Ok(all.lock().unwrap().next().unwrap()))
    }

    #[tokio::test]
    async fn what_is_looked_at_is_what_is_connected_to_each_time() {
        let answers =
            ["8.8.8.8", "10.0.0.1", "8.8.8.8 2001:4860:4860::8888", "8.8.8.8 ::1", "::ffff:10.0.0.1 1.1.1.1"];
        let mut names = Names::new(Some(self::answers(&answers)), Way::Public);
        let mut seen = Vec::new();
        for _ in answers {
            seen.push(found(&mut names, "registry.example").await);
        }
        let refused = || Err("registry.example leads to no public address".to_owned());
        let one = |text: &str| Ok(text.to_owned());
        let expected = [one("8.8.8.8"), refused(), one("8.8.8.8 2001:4860:4860::8888"), refused(), refused()];
        assert_eq!(seen, expected);
        let mut names = Names::new(Some(self::answers(&answers)), Way::Open);
        for answer in answers {
            assert_eq!(found(&mut names, "registry.example").await, one(answer));
        }
    }
}
