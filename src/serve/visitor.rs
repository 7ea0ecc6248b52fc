//! Who asks: the other end of the connection, or who a trusted proxy says it asks for.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The address that is counted.
    pub(super) address: IpAddr,
    /// Whether it came straight from this machine.
    pub(super) is_local: bool,
}

impl Visitor {
    /// `X-Forwarded-For` is read from its end: each proxy adds whom it was asked by, and the first one that is not trusted
    /// is as far as anything can be believed.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Visitor {
        let peer = peer.to_canonical();
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        let is_passed_on = headers.contains_key(&FORWARDED_FOR) || headers.contains_key(FORWARDED);
        let is_local = peer.is_loopback() && !is_passed_on;
        if !is_trusted(&peer) {
            return Visitor { address: peer, is_local };
        }
        let fields = headers.get_all(&FORWARDED_FOR).iter().rev();
        let addresses = fields.filter_map(|field| field.to_str().ok()).flat_map(|field| field.rsplit(','));
        let mut address = peer;
        for text in addresses {
            let Some(before) = read(text.trim()) else { break };
            address = before;
            if !is_trusted(&before) {
                break;
            }
        }
        Visitor { address, is_local }
    }
}

/// An address, maybe with a port.
fn read(text: &str) -> Option<IpAddr> {
    let address =
        text.parse().ok().or_else(|| text.parse().ok().map(|socket: std::net::SocketAddr| socket.ip()));
    address
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_proxys_word_is_taken_and_nobody_elses() {
        let trusted: Vec<IpNet> =
            ["127.0.0.0/8", "10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()).into();
        for (peer, forwarded, expected) in [
            ("203.0.113.7", &[][..], "203.0.113.7"),
            ("203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            ("127.0.0.1", &["198.51.100.1, nonsense"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::1", &["2001:db8::7"], "2001:db8::7"),
            ("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            let mut headers = HeaderMap::new();
            for field in forwarded {
                headers.append(FORWARDED_FOR, field.parse().unwrap());
            }
            let visitor = Visitor::of(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(visitor.address, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn who_comes_through_a_proxy_is_not_local() {
        let mut headers = HeaderMap::new();
        let here = "127.0.0.1".parse().unwrap();
        assert!(Visitor::of(here, &headers, &[]).is_local);
        assert!(!Visitor::of("192.0.2.1".parse().unwrap(), &headers, &[]).is_local);
        headers.insert(FORWARDED_FOR, "127.0.0.1".parse().unwrap());
        assert!(!Visitor::of(here, &headers, &[]).is_local);
    }
}
