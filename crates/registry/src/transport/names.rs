//! Addresses of host names: this machine's own are not asked of the DNS.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;
use workson_oci::reference::is_loopback;

/// The system's resolver, but for `localhost` and the names below it. These are spoken to in plain HTTP because
/// they are this machine, so nobody else may say where they are ([RFC 6761, section 6.3]).
///
/// [RFC 6761, section 6.3]: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
#[derive(Clone)]
pub(super) struct Names(GaiResolver);

impl Default for Names {
    fn default() -> Names {
        Names(GaiResolver::new())
    }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if is_loopback(name.as_str()) {
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let both = both.map(|address| SocketAddr::new(address, 0)).to_vec();
            return Box::pin(std::future::ready(Ok(both.into_iter())));
        }
        let asked = self.0.call(name);
        Box::pin(async move { Ok(asked.await?.collect::<Vec<_>>().into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_is_found_without_the_dns() {
        for name in ["localhost", "registry.localhost", "A.B.LOCALHOST"] {
            let found = Names::default().call(name.parse().unwrap()).await.unwrap();
            let found: Vec<String> = found.map(|address| address.ip().to_string()).collect();
            assert_eq!(found, ["127.0.0.1", "::1"], "{name}");
        }
    }
}
