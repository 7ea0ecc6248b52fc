//! Live queries: the same answers as `workson query`, asked as seldom as can be, and told with their age.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::net::Shutdown;
use std::sync::mpsc;
use std::time::Duration;

use cli_support::{Home, until};
use jiff::Timestamp;
use serde_json::Value;
use serve_support::{Answer, Server, encoded};
use workson_registry::testing::{Auth, Fault, MemoryRegistry, Method, On};

/// Enough for all that a test asks.
const UNBOUNDED: &[&str] = &["--questions-per-minute", "0"];

async fn registry() -> MemoryRegistry {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    registry
}

/// A server that asks this registry and no other.
fn serve(home: &Home, registry: &MemoryRegistry, arguments: &[&str]) -> Server {
    let host = registry.host();
    Server::start(home, &[&["--registry", &host, "--internal", &host], arguments].concat())
}

fn query(image: &str, platforms: &[&str]) -> String {
    let platforms: String =
        platforms.iter().map(|platform| format!("&platform={}", encoded(platform))).collect();
    format!("/api/v1/query?image={}{platforms}", encoded(image))
}

fn image(registry: &MemoryRegistry, name: &str) -> String {
    format!("{}/library/{name}", registry.host())
}

/// What is only there where an answer may be an old one, and what is left.
fn parted(mut answer: Value) -> (Value, String, String) {
    let fields = answer.as_object_mut().unwrap();
    let mut take = |name: &str| fields.remove(name).unwrap().as_str().unwrap().to_owned();
    let (at, source) = (take("observedAt"), take("source"));
    (answer, at, source)
}

/// How long an answer is good for in all, by its headers.
fn lifetime(answer: &Answer) -> u64 {
    let control = answer.header("cache-control").unwrap();
    control.strip_prefix("public, max-age=").unwrap().parse().unwrap()
}

// The answer ----------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn it_is_that_of_workson_query_for_every_kind_of_image() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, UNBOUNDED);
    let platforms = ["linux/arm64", "linux/arm/v7", "windows/amd64"];
    let mut references = registry.put_tour();
    references.push("library/nothing:latest".to_owned());
    let images: Vec<String> = references.iter().map(|name| format!("{}/{name}", registry.host())).collect();
    let mut asked = vec!["query", "--jsonl"];
    asked.extend(platforms.iter().flat_map(|platform| ["--platform", platform]));
    asked.extend(images.iter().map(String::as_str));
    let ran = home.run(&asked);
    let printed: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(printed.len(), images.len());
    for (image, mut printed) in images.iter().zip(printed) {
        let answer = server.get(&query(image, &platforms)).is(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let (mut told, at, source) = parted(answer.json());
        assert_eq!(source, "registry", "{image}");
        let observed: Timestamp = at.parse().unwrap();
        assert!(Timestamp::now().duration_since(observed).as_secs().abs() < 60, "{at}");
        if printed["error"]["kind"] == "not-found" {
            // Strangers are told the same in other words: the registry's own may name what is between.
            for error in [&mut printed["error"], &mut told["error"]] {
                let error = error.as_object_mut().unwrap();
                assert!(error.remove("message").unwrap().as_str().unwrap().contains("library/nothing"));
                error.remove("hint").unwrap();
            }
        }
        assert_eq!(told, printed, "{image}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_yes_no_or_unknown_and_a_failure_is_never_a_no() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, UNBOUNDED);
    registry.fault(Fault::status(500), On::path("/arm64-only/"), None);
    for (name, platform, expected) in [
        ("amd64-and-arm64", "linux/arm64", "yes"),
        ("amd64-and-arm64", "arm64", "yes"),
        ("no-arm64", "linux/arm64", "no"),
        ("arm-v7-only", "linux/arm64", "no"),
        ("arm64-only", "linux/arm64", "unknown"),
        ("artifact", "linux/arm64", "unknown"),
        ("schema1", "linux/amd64", "unknown"),
        ("nothing", "linux/amd64", "unknown"),
    ] {
        let answer = server.get(&query(&image(&registry, name), &[platform])).is(200).json();
        assert_eq!(answer["supports"][0]["verdict"], expected, "{name}: {answer}");
        let page =
            server.text(&query(&image(&registry, name), &[platform]).replace("/api/v1/query", "/query/"));
        let shown = page.split("<div class=\"verdict ").nth(1).unwrap().split("</div>").next().unwrap();
        let says = match expected {
            "yes" => "yes",
            "no" => "no",
            _ => "unknown",
        };
        assert!(shown.contains(&format!("\">{says}")), "{name}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_stands_in_for_the_registry_that_is_named() {
    let registry = registry().await;
    let home = Home::new();
    let host = registry.host();
    let mirror = format!("docker.io={host}");
    let server = Server::start(&home, &["--mirror", &mirror, "--registry", "docker.io", "--internal", &host]);
    let answer = server.get(&query("amd64-and-arm64", &["linux/arm64"])).is(200).json();
    assert_eq!(
        (&answer["reference"], &answer["supports"][0]["verdict"]),
        (&"amd64-and-arm64".into(), &"yes".into())
    );
    assert_eq!(registry.count_manifest_gets(), 1);
    // However it is written, it is the same image, which was asked about.
    for same in ["docker.io/library/amd64-and-arm64:latest", "index.docker.io/library/amd64-and-arm64"] {
        assert_eq!(server.get(&query(same, &[])).is(200).json()["digest"], answer["digest"]);
    }
    assert_eq!(registry.requests().len(), 2, "a HEAD and a GET");
    let page = server.text("/query/?image=amd64-and-arm64&platform=linux/arm64");
    assert!(page.contains("<code>amd64-and-arm64</code>") && !page.contains(&host), "{page}");
}

// Asked as seldom as can be -------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn what_an_inventory_saw_is_told_from_the_store_while_it_is_fresh() {
    let registry = registry().await;
    let home = Home::new();
    let names = ["library/amd64-and-arm64", "library/amd64-only", "library/nested-index"].map(str::to_owned);
    let list = home.list("list.txt", &registry, &names);
    home.run(&["inventory", &list]).exits(0);
    registry.clear_requests();
    let server = serve(&home, &registry, UNBOUNDED);
    let platform = ["linux/arm64"];
    for (name, verdict) in names.iter().zip(["yes", "no", "yes"]) {
        let asked = format!("{}/{name}", registry.host());
        let answer = server.get(&query(&asked, &platform)).is(200);
        assert_eq!(
            lifetime(&answer).clamp(3590, 3600),
            lifetime(&answer),
            "it is good from when it was seen on"
        );
        let (told, _, source) = parted(answer.json());
        assert_eq!((source.as_str(), &told["supports"][0]["verdict"]), ("store", &verdict.into()), "{name}");
        let printed = home.run(&["query", "--json", "--platform", "linux/arm64", &asked]).json();
        assert_eq!(told, printed[0], "{name}");
        registry.clear_requests();
        server.get(&query(&asked, &platform)).is(200);
        assert!(registry.requests().is_empty(), "{name}: no registry is asked");
    }
    drop(server);

    // What is older than it may be is asked again, and costs no pull where it is what it was.
    home.write("short.toml", "[serve.live]\nfresh = \"1s\"\n");
    let config = home.path("short.toml").display().to_string();
    let server = serve(&home, &registry, &[UNBOUNDED, &["--config", &config]].concat());
    registry.clear_requests();
    for name in &names {
        let asked = query(&format!("{}/{name}", registry.host()), &platform);
        until("an answer of the registry", || server.get(&asked).is(200).json()["source"] == "registry");
    }
    assert!(registry.count_manifest_heads() >= 3, "each was looked at");
    let gets = registry.requests().iter().filter(|request| request.method == Method::Get).count();
    assert_eq!(gets, 0, "all of it is in the store");
    // What has changed there is seen.
    registry.put_image_index("library/amd64-and-arm64", "latest", &["linux/amd64", "linux/riscv64"]);
    let asked = query(&format!("{}/library/amd64-and-arm64", registry.host()), &["linux/riscv64"]);
    until("the change", || server.get(&asked).is(200).json()["supports"][0]["verdict"] == "yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_askers_of_one_image_are_one_question() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, UNBOUNDED);
    registry.fault(Fault::SlowHeaders(Duration::from_millis(300)), On::any(), None);
    let asked = query(&image(&registry, "amd64-and-arm64"), &["linux/arm64"]);
    // Who goes away leaves the answer to the others.
    let mut gone = server.connect();
    gone.send(format!("GET {asked} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    until("the question", || registry.count_manifest_heads() == 1);
    gone.0.get_mut().shutdown(Shutdown::Both).unwrap();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..50).map(|_| scope.spawn(|| server.get(&asked))).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
    assert_eq!((registry.count_manifest_heads(), registry.count_manifest_gets()), (1, 1));
    // Where all have gone, it is known all the same.
    let alone = query(&image(&registry, "no-arm64"), &["linux/arm64"]);
    let mut gone = server.connect();
    gone.send(format!("GET {alone} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
    until("the question", || registry.count_manifest_heads() == 2);
    drop(gone);
    until("the answer", || registry.count_manifest_gets() == 2);
    assert_eq!(server.get(&alone).is(200).json()["supports"][0]["verdict"], "no");
    assert_eq!((registry.count_manifest_heads(), registry.count_manifest_gets()), (2, 2));
    let other = server.get(&query(&image(&registry, "no-arm64"), &["linux/s390x"])).is(200).json();
    assert_eq!(other["supports"][0]["verdict"], "yes", "another platform is no other question");
    assert_eq!(registry.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_hangs_holds_up_nobody_who_asks_another() {
    let (slow, quick) = (registry().await, registry().await);
    let home = Home::new();
    let (first, second) = (slow.host(), quick.host());
    let hosts = format!("{first},{second}");
    let server = Server::start(&home, &["--registry", &hosts, "--internal", &hosts]);
    slow.fault(Fault::Hang, On::any(), None);
    let (sender, late) = mpsc::channel();
    let address = server.address.clone();
    let asked = query(&image(&slow, "amd64-and-arm64"), &["linux/arm64"]);
    let asking = std::thread::spawn(move || {
        let answer = serve_support::Connection::to(&address).ask("GET", &asked, &[]);
        sender.send(answer).unwrap();
    });
    until("the question", || slow.count_manifest_heads() > 0);
    for name in ["amd64-and-arm64", "no-arm64", "amd64-only"] {
        let answer = server.get(&query(&image(&quick, name), &["linux/amd64"])).is(200).json();
        assert_eq!(answer["supports"][0]["verdict"], "yes");
    }
    server.text("/about/");
    assert!(late.try_recv().is_err(), "the slow one is still waited for");
    asking.join().unwrap();
    let answer = late.recv().unwrap().is(200).json();
    assert_eq!(
        (&answer["error"]["kind"], &answer["supports"][0]["verdict"]),
        (&"timeout".into(), &"unknown".into())
    );
}

// What is spent -------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn each_registry_has_its_budget() {
    let (poor, rich) = (registry().await, registry().await);
    let home = Home::new();
    let (first, second) = (poor.host(), rich.host());
    home.write(
        "budget.toml",
        format!("[serve.live]\npulls_per_hour = 100\n\n[serve.live.pulls]\n\"{first}\" = 1\n"),
    );
    let config = home.path("budget.toml").display().to_string();
    let hosts = format!("{first},{second}");
    let server = Server::start(&home, &["--registry", &hosts, "--internal", &hosts, "--config", &config]);
    let of = |registry: &MemoryRegistry, name: &str| query(&image(registry, name), &["linux/arm64"]);
    server.get(&of(&poor, "amd64-and-arm64")).is(200);
    let refused = server.get(&of(&poor, "no-arm64")).is(503);
    assert!(refused.number("retry-after") > 0);
    assert_eq!(refused.json()["error"]["kind"], "not-now");
    server.get(&of(&poor, "no-arm64").replace("/api/v1/query", "/query/")).is(503);
    assert_eq!(poor.count_manifest_gets(), 1, "no more than it is granted");
    server.get(&of(&poor, "amd64-and-arm64")).is(200);
    for name in ["no-arm64", "many-platforms", "docker-list"] {
        server.get(&of(&rich, name)).is(200);
    }
    let pulls = |host: &str| server.metric(&format!("workson_registry_pulls{{registry=\"{host}\"}}"));
    assert_eq!((pulls(&first), pulls(&second)), (Some(1.0), Some(3.0)));
    // One question of a stack that can't be asked now is no answer of "no".
    let text = format!("{}\n{}\n", image(&poor, "no-arm64"), image(&rich, "amd64-and-arm64"));
    let stack = server.connect().send_with(
        "POST",
        "/api/v1/stack?platform=linux/arm64",
        &[("content-type", "text/plain")],
        text.as_bytes(),
    );
    assert_eq!(stack.is(200).json()["platforms"][0]["verdict"], "unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_is_told_how_much_it_may_ask_and_stopped_there() {
    let registry = registry().await;
    let home = Home::new();
    let proxy = ["--questions-per-minute", "4", "--trusted-proxy", "127.0.0.1"];
    let server = serve(&home, &registry, &proxy);
    let asked = query(&image(&registry, "amd64-and-arm64"), &[]);
    for left in [3, 2, 1, 0] {
        let answer = server.get(&asked).is(200);
        assert_eq!((answer.number("ratelimit-limit"), answer.number("ratelimit-remaining")), (4, left));
        assert!((1..=60).contains(&answer.number("ratelimit-reset")));
    }
    for target in [asked.as_str(), "/api/v1/query?image=%00", &asked.replace("/api/v1/query", "/query/")] {
        let refused = server.get(target).is(429);
        assert_eq!((refused.number("ratelimit-limit"), refused.number("ratelimit-remaining")), (4, 0));
        // One question comes back each quarter of a minute.
        assert!((1..=15).contains(&refused.number("retry-after")), "{refused:?}");
        assert!(refused.header("cache-control").unwrap().contains("no-store"));
    }
    assert_eq!(server.get(&asked).json()["error"]["kind"], "too-many");
    server.text("/query/");
    server.text("/about/");
    // Somebody else has all of theirs; who asks by a network of IPv6 addresses is one.
    let of = |forwarded: &str| server.connect().ask("GET", &asked, &[("x-forwarded-for", forwarded)]);
    assert_eq!(of("198.51.100.7").is(200).number("ratelimit-remaining"), 3);
    assert_eq!(of("2001:db8::1").is(200).number("ratelimit-remaining"), 3);
    assert_eq!(of("2001:db8::2:3").is(200).number("ratelimit-remaining"), 2);
    drop(server);

    // Nobody makes a new client of themselves where no proxy is trusted.
    let server = serve(&home, &registry, &["--questions-per-minute", "1"]);
    let of = |forwarded: &str| server.connect().ask("GET", &asked, &[("x-forwarded-for", forwarded)]);
    of("198.51.100.7").is(200);
    of("198.51.100.8").is(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credentials_of_the_operators_go_along() {
    let registry = registry().await;
    let home = Home::new();
    let password = Auth::Basic { user: "operator".into(), password: "secret".into() };
    registry.require(password);
    // `operator:secret` in base64.
    home.write(
        ".docker/config.json",
        format!("{{\"auths\":{{\"{}\":{{\"auth\":\"b3BlcmF0b3I6c2VjcmV0\"}}}}}}", registry.host()),
    );
    let asked = image(&registry, "amd64-and-arm64");
    home.run(&["query", &asked]).exits(0);
    assert!(registry.requests().iter().any(|request| request.header("authorization").is_some()));
    registry.clear_requests();
    let server = serve(&home, &registry, &[]);
    let answer = server.get(&query(&asked, &["linux/arm64"])).is(200).json();
    assert_eq!(
        (&answer["error"]["kind"], &answer["supports"][0]["verdict"]),
        (&"unauthorized".into(), &"unknown".into())
    );
    assert!(!registry.requests().is_empty());
    assert!(registry.requests().iter().all(|request| request.header("authorization").is_none()));
}
