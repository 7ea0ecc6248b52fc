//! Where a client may connect to: anywhere, or to public addresses alone.
//!
//! A program that asks registries on behalf of strangers must not become their way into the network it stands in.
//! With [`Reach::Public`] the check is made of the very addresses that are connected to, each time: of an address in
//! a URL before anything is sent, and of a name's addresses between the look-up and the connection. So neither a
//! redirect, a token service, a link nor a DNS that changes its mind leads past it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};
use workson_oci::reference::is_loopback;

use crate::error::{Error, Kind, printable};

/// What to do next, where something is no public address.
pub(crate) const HINT: &str =
    "addresses of private networks are not asked from here; name a registry that the whole internet reaches";

/// Which addresses a client connects to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    /// Any.
    #[default]
    Anywhere,
    /// Those that [`is_public`], and no others: [`Kind::NotPublic`] where a request would go elsewhere.
    ///
    /// A network with a NAT64 prefix of its own (RFC 6052) leads from public addresses to private ones, and nobody
    /// can tell by the address: there, a firewall is needed.
    Public {
        /// Hosts that are asked wherever they are, as `host[:port]` of the address that is asked (for a mirror, that
        /// of the mirror). Without a port: the port of the scheme alone. Anybody's registry can send a client
        /// there by a redirect, so they should have nothing to hide from a `GET`.
        except: BTreeSet<String>,
    },
}

/// Whose addresses a request may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Whatever its host's are.
    Open,
    /// Public ones alone: the addresses of a name have still to be looked at.
    Public,
}

impl Reach {
    /// The way that a request to `url` takes.
    ///
    /// # Errors
    /// [`Kind::NotPublic`] where the address itself says that it is not public. `tried` is put into words only then.
    pub(crate) fn way(&self, url: &Url, tried: impl Into<String>) -> Result<Way, Error> {
        let Reach::Public { except } = self else { return Ok(Way::Open) };
        if is_excepted(except, url) {
            return Ok(Way::Open);
        }
        let may_go = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(name)) => !is_loopback(name.trim_end_matches('.')),
            None => false,
        };
        if may_go {
            return Ok(Way::Public);
        }
        let host = printable(url.host_str().unwrap_or_default());
        let text = format!("{host} is no public address; it was not asked");
        Err(Error::new(Kind::NotPublic, tried, text).with_hint(HINT))
    }
}

fn is_excepted(except: &BTreeSet<String>, url: &Url) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    (url.port().is_none() && except.contains(host)) || except.contains(&format!("{host}:{port}"))
}

/// `host[:port]` in the form in which [`Url`] writes hosts; none where it is no host.
pub(crate) fn normal(text: &str) -> Option<String> {
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    // The scheme's own port goes missing in a URL, but in an exception it is no other than written.
    let port = text.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    let port: Option<u16> = port.and_then(|port| port.parse().ok());
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}{port}", url.host_str()?))
}

/// A name that has an address which is not public. Which one it is, is the inner network's own affair.
#[derive(Debug)]
pub(crate) struct NotPublic {
    /// The name.
    pub(crate) name: String,
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads to no public address", printable(&self.name))
    }
}

impl std::error::Error for NotPublic {}

impl NotPublic {
    /// What of `error` and its causes says that a name was refused.
    pub(crate) fn of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a NotPublic> {
        let mut next = Some(error);
        while let Some(cause) = next {
            let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(refused) = inner.and_then(|inner| inner.downcast_ref::<NotPublic>()) {
                return Some(refused);
            }
            next = cause.source();
        }
        None
    }
}

/// Networks of the [IPv4 registry] that are not for everybody, with the length of their prefix. Of 192.0.0.0/24 two
/// addresses are globally reachable; they are those of the next gateway, so none is let through.
///
/// [IPv4 registry]: https://www.iana.org/assignments/iana-ipv4-special-registry/
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    // "This network" (RFC 791)
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    // Private use (RFC 1918)
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared address space of carriers (RFC 6598)
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // Loopback (RFC 1122)
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link local (RFC 3927), where clouds tell machines their secrets
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Private use
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // IETF protocol assignments (RFC 6890)
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation (RFC 5737)
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    // 6to4 relays, deprecated (RFC 7526)
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Private use
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Benchmarking (RFC 2544)
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Documentation
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast (RFC 5771)
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved (RFC 1112), and broadcast
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    (Ipv4Addr::BROADCAST, 32),
];

/// Networks within 2000::/3 of the [IPv6 registry] that are not for everybody, with the length of their prefix.
///
/// [IPv6 registry]: https://www.iana.org/assignments/iana-ipv6-special-registry/
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 3] = [
    // IETF protocol assignments (RFC 2928): Teredo with an IPv4 address in it, benchmarking, ORCHID, anycast
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation (RFC 3849, RFC 9637)
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the public internet: global unicast, by IANA's registries of special-purpose
/// addresses ([RFC 6890] and its successors).
///
/// An IPv6 address that stands for an IPv4 address (mapped, NAT64 of 64:ff9b::/96, 6to4) is as public as that. Of
/// IPv6, what is not handed out as global unicast (2000::/3) is not public, whatever it may be for one day.
///
/// [RFC 6890]: https://www.rfc-editor.org/rfc/rfc6890
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => is_public_v4(address),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !NOT_PUBLIC_V4.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let is_global_unicast = bits >> 125 == 0b001;
    let within = |(network, length): &(Ipv6Addr, u32)| (bits ^ network.to_bits()) >> (128 - length) == 0;
    is_global_unicast && !NOT_PUBLIC_V6.iter().any(within)
}

/// The IPv4 address that packets to an IPv6 address end up at. Not of the forms that are refused as a whole: the
/// "IPv4-compatible" ones (`::a.b.c.d`) and Teredo.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        // Mapped (RFC 4291)
        [0, 0, 0, 0, 0, 0xffff] => of(g, h),
        // NAT64 (RFC 6052)
        [0x64, 0xff9b, 0, 0, 0, 0] => of(g, h),
        // 6to4 (RFC 3056)
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn public_is_what_ianas_registries_do_not_set_apart() {
        for (public, addresses) in [
            (
                true,
                "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0",
            ),
            (
                true,
                "169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0",
            ),
            (true, "192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0"),
            (true, "203.0.112.255 203.0.114.0 223.255.255.255 192.88.98.255 192.88.100.0"),
            (false, "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255"),
            (false, "127.0.0.0 127.0.0.1 127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255"),
            (false, "172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.9 192.0.0.255 192.0.2.0 192.0.2.255"),
            (false, "192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.7"),
            (false, "203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254"),
            (false, "255.255.255.255"),
            (true, "2001:200:: 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1 2003:: 2001:db7:ffff::"),
            (true, "2001:db9:: 3ffe:ffff::1 3fff:1000:: 2620:4f:8000::1"),
            (false, ":: ::1 ::2 64:ff9b:1:: 64:ff9b:1:ffff::808:808 100:: 100::1 100:0:0:1::1"),
            (false, "2001:: 2001::1 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::"),
            (false, "2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff:ffff::1 4000:: 5f00:: 5f00:1::1"),
            (false, "fbff::1 fc00:: fd00::1 fdff:ffff::1 fe80:: fe80::1 febf::1 fec0::1 feff::1"),
            (false, "ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 1fff::1"),
            // IPv4 in IPv6
            (true, "::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1"),
            (false, "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0"),
            (false, "64:ff9b::127.0.0.1 64:ff9b::192.168.1.1 64:ff9b::169.254.169.254"),
            (false, "2002:7f00:1:: 2002:a00:1::1 2002:c0a8:101::5 2002:a9fe:a9fe::"),
            // Whatever address is in them: nobody routes the compatible form any more, and Teredo holds two.
            (false, "::8.8.8.8 ::127.0.0.1 ::10.0.0.1 2001:0:808:808:0:ffff:f7f7:f7f7"),
            (false, "2001:0:808:808:0:ffff:80ff:fffe 2001:0:7f00:1::"),
            // "IPv4-translated" (RFC 2765)
            (false, "::ffff:0:8.8.8.8 ::ffff:0:127.0.0.1"),
        ] {
            for text in addresses.split(' ') {
                let address: IpAddr = text.parse().unwrap();
                assert_eq!(is_public(address), public, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_within_an_ipv6_address_is_no_more_public_than_by_itself(
            bits: u32, other: u32, near in 0_usize..NOT_PUBLIC_V4.len(), rest: u64,
        ) {
            // Any address, and one of a network that is set apart, of which chance finds few.
            let (network, length) = NOT_PUBLIC_V4[near];
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            for v4 in [Ipv4Addr::from_bits(bits), Ipv4Addr::from_bits(network.to_bits() | bits & host)] {
                let [high, low] = [(v4.to_bits() >> 16) as u16, v4.to_bits() as u16];
                let [server_high, server_low] = [(other >> 16) as u16, other as u16];
                let rest = std::array::from_fn::<u16, 4, _>(|at| (rest >> (at * 16)) as u16);
                let forms = [
                    v4.to_ipv6_mapped(),
                    v4.to_ipv6_compatible(),
                    Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                    Ipv6Addr::new(0x64, 0xff9b, 1, rest[0], rest[1], rest[2], high, low),
                    Ipv6Addr::new(0x2002, high, low, rest[0], rest[1], rest[2], rest[3], 1),
                    Ipv6Addr::new(0x2001, 0, server_high, server_low, rest[0], rest[1], !high, !low),
                    Ipv6Addr::new(0x2001, 0, high, low, rest[0], rest[1], server_high, server_low),
                ];
                for form in forms {
                    let no_more = !is_public(form.into()) || is_public(v4.into());
                    prop_assert!(no_more, "{} of {}", form, v4);
                }
            }
        }

        #[test]
        fn the_networks_that_are_set_apart_are_so_with_all_their_addresses(bits: u128) {
            for (network, length) in NOT_PUBLIC_V4 {
                let host = u32::MAX.checked_shr(length).unwrap_or(0);
                let v4 = Ipv4Addr::from_bits(network.to_bits() | bits as u32 & host);
                prop_assert!(!is_public(v4.into()), "{} in {}/{}", v4, network, length);
            }
            let apart: [(Ipv6Addr, u32); 5] = [
                ("fc00::".parse().unwrap(), 7),
                ("fe80::".parse().unwrap(), 10),
                ("fec0::".parse().unwrap(), 10),
                ("ff00::".parse().unwrap(), 8),
                ("5f00::".parse().unwrap(), 16),
            ];
            for (network, length) in apart.iter().chain(&NOT_PUBLIC_V6) {
                let v6 = Ipv6Addr::from_bits(network.to_bits() | bits & (u128::MAX >> length));
                prop_assert!(!is_public(v6.into()), "{} in {}/{}", v6, network, length);
            }
        }
    }

    fn way(except: &[&str], url: &str) -> Option<Way> {
        let except = except.iter().map(|host| normal(host).unwrap()).collect();
        Reach::Public { except }.way(&url.parse().unwrap(), "GET").ok()
    }

    #[test]
    fn an_exception_is_for_one_host_and_port() {
        for (exception, url, excepted) in [
            ("10.0.0.1:5000", "https://10.0.0.1:5000/v2/", true),
            ("10.0.0.1:5000", "http://10.0.0.1:5000/v2/", true),
            ("10.0.0.1:5000", "https://10.0.0.1/v2/", false),
            ("10.0.0.1", "https://10.0.0.1/v2/", true),
            ("10.0.0.1", "https://10.0.0.1:443/v2/", true),
            ("10.0.0.1", "http://10.0.0.1/v2/", true),
            ("10.0.0.1", "https://10.0.0.1:80/v2/", false),
            ("10.0.0.1:443", "https://10.0.0.1/v2/", true),
            ("10.0.0.1:443", "http://10.0.0.1/v2/", false),
            ("10.0.0.1", "https://10.0.0.2/", false),
            ("Localhost:5000", "http://localhost:5000/", true),
            ("localhost:5000", "http://a.localhost:5000/", false),
            ("[FD00::1]:5000", "https://[fd00:0::1]:5000/", true),
            ("[fd00::1]", "https://[fd00::1]/", true),
            ("[fd00::1]", "https://[fd00::1]:5000/", false),
        ] {
            let expected = excepted.then_some(Way::Open);
            assert_eq!(way(&[exception], url), expected, "{exception} {url}");
        }
        // A name is a matter of its addresses, each time.
        assert_eq!(way(&["registry.lan:5000"], "https://registry.lan/"), Some(Way::Public));
        assert_eq!(way(&["registry.lan:5000"], "https://registry.lan:5000/"), Some(Way::Open));
        assert_eq!(Reach::Anywhere.way(&"http://10.0.0.1/".parse().unwrap(), "GET").unwrap(), Way::Open);
    }

    #[test]
    fn an_address_is_refused_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "①②⑦.0.0.1",
            "user@127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "localhost",
            "localhost.",
            "LOCALHOST",
            "a.localhost",
            "a.b.localhost.",
            "0.0.0.0",
            "0",
            "[::]",
            "169.254.169.254",
            "2852039166",
            "[fe80::1]",
            "[fd00::1]",
            "10.0.0.1",
            "[64:ff9b::a00:1]",
        ] {
            let error = Reach::Public { except: BTreeSet::new() }
                .way(&format!("https://{host}/v2/").parse().unwrap(), "GET https://x/v2/")
                .unwrap_err();
            assert_eq!(error.kind(), Kind::NotPublic, "{host}");
        }
        let private = "https://10.0.0.1/v2/".parse().unwrap();
        let error =
            Reach::Public { except: BTreeSet::new() }.way(&private, format!("GET {private}")).unwrap_err();
        let expected = "GET https://10.0.0.1/v2/: 10.0.0.1 is no public address; it was not asked";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some_and(|hint| hint.contains("internet")));
    }
}
