//! Where only public addresses may be asked, nothing else is connected to: not as a registry, not by a redirect, a
//! token service, a link or an upload's place, and not by a name, whatever the DNS says when.
//!
//! Each test has a [`Witness`] where a request would have arrived, and sees that no connection did.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod faults_support;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faults_support::{client, ends, quick, repository, with_thing};
use workson_oci::{Digest, Reference};
use workson_registry::options::Proxies;
use workson_registry::rate_limit::PullBudget;
use workson_registry::testing::{Auth, Fault, Method, On, TokenAuth};
use workson_registry::{BlobOrigin, Client, Error, Kind, Options, Pieces, Reach, Resolver};

/// A port of this machine, by both its loopback addresses, where connections wait to be counted.
struct Witness {
    port: u16,
    listeners: Vec<TcpListener>,
}

impl Witness {
    fn new() -> Witness {
        loop {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = first.local_addr().unwrap().port();
            let listeners = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
                Ok(second) => vec![first, second],
                // Somebody else has the port.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                // A machine without IPv6 is not connected to by it.
                Err(_) => vec![first],
            };
            for listener in &listeners {
                listener.set_nonblocking(true).unwrap();
            }
            return Witness { port, listeners };
        }
    }

    /// How many connections came since this was asked last. The system has a connection ready for its listener before
    /// whoever connects hears that it came about, so none is still to come after a request has ended.
    fn connections(&self) -> usize {
        self.listeners.iter().map(|listener| std::iter::from_fn(|| listener.accept().ok()).count()).sum()
    }

    #[track_caller]
    fn saw_nothing(&self, what: &str) {
        assert_eq!(self.connections(), 0, "{what}");
    }
}

fn public<S: ToString>(except: &[S]) -> Options {
    let except: BTreeSet<String> = except.iter().map(ToString::to_string).collect();
    Options { reach: Reach::Public { except }, ..quick() }
}

/// Without any exception.
fn alone() -> Options {
    public::<&str>(&[])
}

/// A resolver that gives one answer after another, and the last one for ever.
fn answers(all: &[&str]) -> Resolver {
    let all: Vec<Vec<IpAddr>> = all
        .iter()
        .map(|one| one.split_whitespace().map(|address| address.parse().unwrap()).collect())
        .collect();
    let next = Mutex::new(0);
    Arc::new(move |_| {
        let mut next = next.lock().unwrap();
        let answer = &all[(*next).min(all.len() - 1)];
        *next += 1;
        // An empty answer stands for a DNS that is out of order.
        if answer.is_empty() { Err(io::Error::other("no answer")) } else { Ok(answer.clone()) }
    })
}

async fn ask(client: &Client, reference: &Reference) -> Result<(), Error> {
    ends(client.image(reference, false)).await.map(drop)
}

fn thing_at(host: &str) -> Reference {
    format!("{host}/library/thing:latest").parse().unwrap()
}

#[track_caller]
fn refused(outcome: Result<(), Error>, what: &str) -> Error {
    let error = outcome.expect_err(what);
    assert_eq!(error.kind(), Kind::NotPublic, "{what}: {error}");
    error
}

/// Hosts that are not public by how they are written, and whether they lead to this machine.
const HOSTS: [(&str, bool); 20] = [
    ("127.0.0.1", true),
    ("127.1", true),
    ("0x7f.1", true),
    ("2130706433", true),
    ("017700000001", true),
    ("0x7f000001", true),
    ("0.0.0.0", true),
    ("localhost", true),
    ("LOCALHOST", true),
    ("a.localhost", true),
    ("[::1]", true),
    ("[::ffff:7f00:1]", true),
    ("[::ffff:127.0.0.1]", true),
    ("169.254.169.254", false),
    ("10.0.0.1", false),
    ("192.168.1.1", false),
    ("[fe80::1]", false),
    ("[fd00::1]", false),
    ("[64:ff9b::7f00:1]", false),
    ("[2002:7f00:1::1]", false),
];

#[tokio::test]
async fn no_way_of_writing_an_address_makes_it_a_registry() {
    let witness = Witness::new();
    let client = client(alone());
    let mut asked = 0;
    for (host, _) in HOSTS {
        let at = format!("{host}:{}", witness.port);
        // References know no dots within brackets.
        let Ok(thing) = format!("{at}/library/thing:latest").parse::<Reference>() else { continue };
        let error = refused(ask(&client, &thing).await, host);
        assert!(error.to_string().ends_with(" is no public address; it was not asked"), "{error}");
        assert!(error.hint().is_some());
        witness.saw_nothing(host);
        asked += 1;
    }
    assert_eq!(asked, HOSTS.len() - 1);
    let error = refused(ask(&client, &thing_at("10.0.0.1")).await, "the scheme's own port");
    let expected = "GET https://10.0.0.1/v2/library/thing/manifests/latest: 10.0.0.1 is no public address; it was not asked";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn the_same_addresses_are_asked_where_anything_may_be() {
    let witness = Witness::new();
    for (host, _) in HOSTS.iter().filter(|(_, here)| *here) {
        if host.starts_with('[') && witness.listeners.len() == 1 {
            continue;
        }
        let at = format!("{host}:{}", witness.port);
        let Ok(thing) = format!("{at}/library/thing:latest").parse::<Reference>() else { continue };
        let client = client(quick());
        // Nobody answers, so it is not waited for.
        let asking = tokio::spawn(async move { client.image(&thing, false).await.map(drop) });
        ends(async {
            while witness.connections() == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        asking.abort();
        let _ = asking.await;
        witness.connections();
    }
}

#[tokio::test]
async fn an_excepted_registry_is_asked_as_ever() {
    let (registry, thing) = with_thing().await;
    registry.require(Auth::Token(TokenAuth::default()));
    ask(&client(public(&[registry.host()])), &thing).await.unwrap();
    let error = refused(ask(&client(public(&["127.0.0.1"])), &thing).await, "another port");
    assert!(error.to_string().contains("127.0.0.1 is no public address"), "{error}");
}

#[tokio::test]
async fn no_redirect_leads_to_an_address_that_is_not_public() {
    let witness = Witness::new();
    let (registry, thing) = with_thing().await;
    let blob = Digest::sha256(b"any");
    for (host, _) in HOSTS {
        for to in ["http", "https"].map(|scheme| format!("{scheme}://{host}:{}/v2/x?secret", witness.port)) {
            registry.fault(
                Fault::Redirect { to: to.clone(), code: 307 },
                On::path("/library/thing/"),
                Some(2),
            );
            let client = client(public(&[registry.host()]));
            let error = refused(ask(&client, &thing).await, &to);
            assert!(!error.to_string().contains("secret"), "{error}");
            refused(ends(client.blob(thing.repository(), &blob)).await.map(drop), &to);
            witness.saw_nothing(&to);
        }
    }
    assert_eq!(registry.requests().len(), HOSTS.len() * 4, "the registry itself was asked");
    // To another excepted host, it is followed.
    let (other, _) = with_thing().await;
    let to = format!("http://{}/v2/library/thing/manifests/latest", other.host());
    registry.fault(Fault::Redirect { to, code: 302 }, On::get("/manifests/"), Some(1));
    ask(&client(public(&[registry.host(), other.host()])), &thing).await.unwrap();
    assert_eq!(other.requests().len(), 1);
}

#[tokio::test]
async fn no_token_service_is_at_an_address_that_is_not_public() {
    let witness = Witness::new();
    let (registry, thing) = with_thing().await;
    for (host, _) in HOSTS {
        for realm in ["http", "https"].map(|scheme| format!("{scheme}://{host}:{}/token", witness.port)) {
            registry.require(Auth::Token(TokenAuth { realm: Some(realm.clone()), ..TokenAuth::default() }));
            let error = refused(ask(&client(public(&[registry.host()])), &thing).await, &realm);
            assert!(error.to_string().starts_with("token for "), "{error}");
            witness.saw_nothing(&realm);
        }
    }
    // Neither where the token service itself sends on.
    registry.require(Auth::Token(TokenAuth::default()));
    let to = format!("http://127.0.0.1:{}/token", witness.port);
    registry.fault(Fault::Redirect { to, code: 302 }, On::get("/token").before_auth(), Some(1));
    refused(ask(&client(public(&[registry.host()])), &thing).await, "a token service's redirect");
    witness.saw_nothing("a token service's redirect");
}

#[tokio::test]
async fn no_link_and_no_upload_leads_to_an_address_that_is_not_public() {
    let witness = Witness::new();
    let (registry, thing) = with_thing().await;
    let client = client(public(&[registry.host()]));
    let away = format!("http://127.0.0.1:{}/v2/library/thing", witness.port);

    let link = vec![("Link".to_owned(), format!("<{away}/tags/list?n=1>; rel=\"next\""))];
    registry.fault(Fault::Headers(link), On::path("/tags/list"), Some(1));
    // Pages at another host were never asked for.
    let error = ends(client.tags(thing.repository())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Redirect, "{error}");
    registry.fault(
        Fault::Redirect { to: format!("{away}/tags/list"), code: 302 },
        On::path("/tags/"),
        Some(1),
    );
    refused(ends(client.tags(thing.repository())).await.map(drop), "a redirect of tags");
    witness.saw_nothing("tags");

    let location = vec![("Location".to_owned(), format!("{away}/blobs/uploads/1"))];
    registry.fault(Fault::Headers(location), On::method(Method::Post, "/blobs/uploads/"), None);
    let to = repository(&registry, "team/app");
    let pushed = ends(client.push_blob(&to, &Digest::sha256(b"blob"), 4, &[], &Blob)).await;
    refused(pushed.map(drop), "an upload");
    witness.saw_nothing("an upload");
}

/// `blob`.
struct Blob;

impl BlobOrigin for Blob {
    fn open(&self, offset: u64) -> Pieces {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let rest = bytes::Bytes::from_static(b"blob").slice(offset as usize..);
        sender.try_send(Ok(rest)).unwrap();
        receiver
    }
}

#[tokio::test]
async fn no_mirror_and_no_web_api_is_an_exception_by_itself() {
    let (mirror, _) = with_thing().await;
    let mirrors: std::collections::BTreeMap<_, _> =
        [("docker.io".to_owned(), mirror.host().to_owned())].into();
    let thing: Reference = "thing".parse().unwrap();
    let error = refused(
        ask(&client(Options { mirrors: mirrors.clone(), ..public(&["docker.io"]) }), &thing).await,
        "a mirror",
    );
    assert!(error.to_string().contains("127.0.0.1 is no public address"), "{error}");
    assert!(mirror.requests().is_empty());
    ask(&client(Options { mirrors, ..public(&[mirror.host()]) }), &thing).await.unwrap();

    let witness = Witness::new();
    let docker_hub_api = format!("http://127.0.0.1:{}", witness.port);
    let hub = client(Options { docker_hub_api, ..alone() });
    refused(ends(hub.hub_repositories("library", None)).await.map(drop), "the web API");
    witness.saw_nothing("the web API");
}

#[tokio::test]
async fn a_name_with_an_address_that_is_not_public_is_refused_whatever_else_it_has() {
    let witness = Witness::new();
    let at = format!("registry.example:{}", witness.port);
    for answer in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "fd00::1",
        "8.8.8.8 127.0.0.1",
        "127.0.0.1 8.8.8.8",
        "2001:4860:4860::8888 ::1",
    ] {
        // By TLS, and in the clear.
        for plain_http in [BTreeSet::new(), BTreeSet::from([at.clone()])] {
            let options = Options { plain_http, resolver: Some(answers(&[answer])), ..alone() };
            let error = refused(ask(&client(options), &thing_at(&at)).await, answer);
            assert_eq!(error.came_back(), "registry.example leads to no public address");
            // What the inner network looks like is nobody's business.
            let told = format!("{error} {error:?}");
            assert!(answer.split(' ').all(|address| !told.contains(address)), "{told}");
            witness.saw_nothing(answer);
        }
    }
}

#[tokio::test]
async fn a_name_is_refused_as_a_redirect_and_as_a_token_service_too() {
    let witness = Witness::new();
    let (registry, thing) = with_thing().await;
    let options = || Options { resolver: Some(answers(&["127.0.0.1"])), ..public(&[registry.host()]) };
    let to = format!("http://inner.example:{}/token", witness.port);
    registry.fault(Fault::Redirect { to: to.clone(), code: 307 }, On::get("/manifests/"), Some(1));
    let error = refused(ask(&client(options()), &thing).await, "a redirect");
    assert_eq!(error.came_back(), "inner.example leads to no public address");
    registry.require(Auth::Token(TokenAuth { realm: Some(to), ..TokenAuth::default() }));
    refused(ask(&client(options()), &thing).await, "a token service");
    witness.saw_nothing("a name");
}

#[tokio::test]
async fn a_dns_that_changes_its_mind_is_looked_at_each_time() {
    let witness = Witness::new();
    let at = format!("registry.example:{}", witness.port);
    // No answer at first, which may pass, and an inner address when it is asked again.
    let resolver = Some(answers(&["", "127.0.0.1"]));
    let client = client(Options { resolver, ..alone() });
    for _ in 0..3 {
        refused(ask(&client, &thing_at(&at)).await, "the second answer");
    }
    witness.saw_nothing("the second answer");
}

#[tokio::test]
async fn an_excepted_names_connections_are_no_way_to_its_other_ports() {
    let (registry, _) = with_thing().await;
    let host = registry.host();
    let port = host.rsplit_once(':').unwrap().1;
    let witness = Witness::new();
    let (inner, other) = (format!("inner.example:{port}"), format!("inner.example:{}", witness.port));
    let options = Options {
        resolver: Some(answers(&["127.0.0.1"])),
        plain_http: [inner.clone(), other.clone()].into(),
        ..public(&[&inner])
    };
    let client = client(options);
    ask(&client, &thing_at(&inner)).await.unwrap();
    refused(ask(&client, &thing_at(&other)).await, "another port");
    let to = format!("http://{other}/v2/");
    registry.fault(Fault::Redirect { to, code: 302 }, On::get("/manifests/"), Some(1));
    refused(ask(&client, &thing_at(&inner)).await, "a redirect to another port");
    witness.saw_nothing("another port");
}

#[tokio::test]
async fn what_was_refused_costs_no_pull_and_is_not_asked_again() {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let seen = observed.clone();
    let options = Options {
        budget: Arc::new(PullBudget::new(Some(1))),
        observer: Some(Arc::new(move |exchange| seen.lock().unwrap().push(exchange.outcome.clone()))),
        resolver: Some(answers(&["10.0.0.1"])),
        ..alone()
    };
    let client = client(options);
    refused(ask(&client, &thing_at("127.0.0.1:1")).await, "an address");
    refused(ask(&client, &thing_at("inner.example:1")).await, "a name");
    assert_eq!(client.options().budget.spent(), 0);
    let once = Err("not-public".to_owned());
    assert_eq!(*observed.lock().unwrap(), [once.clone(), once], "no repetition, and no second try by TLS");
}

#[test]
fn a_proxy_and_public_addresses_alone_do_not_go_together() {
    let proxies = Proxies { https: Some("http://proxy.example:3128".into()), ..Proxies::default() };
    let error = Client::new(Options { proxies, ..alone() }).unwrap_err();
    assert!(error.to_string().contains("proxy"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("HTTPS_PROXY")));
}

#[tokio::test]
async fn another_resolver_may_be_asked_where_anything_may_be() {
    let (registry, _) = with_thing().await;
    let host = registry.host();
    let port = host.rsplit_once(':').unwrap().1;
    let at = format!("inner.example:{port}");
    let plain_http = [at.clone()].into();
    let client = client(Options { resolver: Some(answers(&["127.0.0.1"])), plain_http, ..quick() });
    ask(&client, &thing_at(&at)).await.unwrap();
    // And is not asked what this machine's names are.
    let silent: Resolver = Arc::new(|name| panic!("asked for {name}"));
    let client = faults_support::client(Options { resolver: Some(silent), ..quick() });
    ask(&client, &thing_at(&format!("localhost:{port}"))).await.unwrap();
}
