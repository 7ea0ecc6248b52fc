//! Inventories that are made by themselves: the site shows what registries serve, whatever becomes of a run.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use cli_support::{Home, until};
use jiff::Timestamp;
use serde_json::Value;
use serve_support::Server;
use workson_registry::testing::{Fault, MemoryRegistry, On, Recorded};

const TWO: [&str; 2] = ["linux/amd64", "linux/arm64"];
const NEW: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/loong64"];

/// A registry in the place of Docker Hub, with some official images.
async fn hub() -> MemoryRegistry {
    let registry = MemoryRegistry::start().await.unwrap();
    for name in ["nginx", "redis", "postgres"] {
        registry.put_image_index(&format!("library/{name}"), "latest", &TWO);
    }
    registry
}

fn serve(home: &Home, registry: &MemoryRegistry, arguments: &[&str]) -> Server {
    let mirror = format!("docker.io={}", registry.host());
    Server::start(home, &[&["--mirror", &mirror, "--no-live"], arguments].concat())
}

/// What the site says of an image on a platform, and how it knows.
fn standing(server: &Server, image: &str, platform: &str) -> (String, String) {
    let answer = server.get(&format!("/api/v1/entries/{image}.json")).is(200).json();
    let of = |answer: &Value, field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    let platforms = answer["platforms"].as_array().unwrap();
    let found = platforms.iter().find(|one| one["platform"] == platform);
    found.map(|one| (of(one, "standing"), of(one, "rung"))).unwrap_or_default()
}

/// Which images were asked about since the requests were forgotten.
fn asked(registry: &MemoryRegistry) -> BTreeSet<String> {
    let requests = registry.requests();
    let name =
        |request: &Recorded| Some(request.path.strip_prefix("/v2/library/")?.split('/').next()?.to_owned());
    requests.iter().filter_map(name).collect()
}

fn store(home: &Home) -> PathBuf {
    home.path(".local/share/workson/store.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_shows_what_registries_serve_and_when_that_changes() {
    let registry = hub().await;
    let home = Home::new();
    let list = home.write("lists/mine.txt", "nginx\nredis\npostgres\n");
    let server = serve(&home, &registry, &["--inventory", &list, "--every", "2s"]);
    let has = |rung: &str| ("has".to_owned(), rung.to_owned());
    until("the first inventory", || standing(&server, "nginx", "linux/arm64") == has("published"));
    let page = server.text("/entry/nginx/");
    assert!(page.contains("nginx:latest") && page.contains("published"), "{page}");
    let status = server.text("/status/");
    assert!(status.contains("All 3 images were asked about until"), "{status}");
    assert!(
        status.contains("mine.txt") && !status.contains("lists/"),
        "where it is concerns nobody: {status}"
    );
    assert_ne!(standing(&server, "redis", "linux/loong64"), has("published"));
    // A platform is gained, and seen by the next one.
    registry.put_image_index("library/redis", "latest", &NEW);
    until("the change", || standing(&server, "redis", "linux/loong64") == has("published"));
    until("the change", || server.text("/feeds/changes.json").contains("linux/loong64"));
    // Nobody pulls again what is there already.
    registry.clear_requests();
    until("another one", || registry.count_manifest_heads() >= 6);
    assert_eq!(registry.count_manifest_gets(), 0);
    assert_eq!(server.metric("workson_inventory_unknown_images{list=\"mine.txt\"}"), Some(0.0));

    // A registry that fails changes nothing of what is known, and that is told.
    registry.fault(Fault::status(500), On::any(), None);
    until("the failure", || server.text("/status/").contains("3 could not be told"));
    assert_eq!(server.metric("workson_inventory_unknown_images{list=\"mine.txt\"}"), Some(3.0));
    assert_eq!(standing(&server, "redis", "linux/loong64"), has("published"));
    registry.clear_faults();
    until("the next one", || !server.text("/status/").contains("could not be told"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_can_not_be_read_is_told_and_tried_again() {
    let registry = hub().await;
    let home = Home::new();
    let list = home.path("mine.txt").display().to_string();
    let server = serve(&home, &registry, &["--inventory", &list, "--every", "1s"]);
    let failures = || server.metric("workson_inventory_failures_total{list=\"mine.txt\"}").unwrap_or(0.0);
    until("failures", || failures() >= 2.0);
    let status = server.text("/status/");
    assert!(status.contains("It could not be made; it will be tried again."), "{status}");
    assert!(
        !status.contains(&list) && server.logged().contains(&list),
        "the operator is told where it should be"
    );
    home.write("mine.txt", "nginx\n");
    until("an inventory", || server.text("/status/").contains("All 1 images were asked about"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_a_kill_is_not_asked_again() {
    for signal in ["KILL", "TERM"] {
        let registry = hub().await;
        let home = Home::new();
        let list = home.write("mine.txt", "nginx\nredis\npostgres\n");
        registry.fault(Fault::Hang, On::path("/library/postgres/"), None);
        let schedule = ["--inventory", list.as_str(), "--every", "1h"];
        let mut server = serve(&home, &registry, &schedule);
        // There may be no store yet, or none that is whole.
        let seen = || {
            let read = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
            let store = rusqlite::Connection::open_with_flags(store(&home), read).ok()?;
            store.query_row("SELECT count(*) FROM sightings", [], |row| row.get::<_, i64>(0)).ok()
        };
        until("two of three", || seen() == Some(2) && asked(&registry).len() == 3);
        assert!(server.text("/status/").contains("under way"));
        server.signal(signal);
        // A request that hangs holds nobody up.
        assert_eq!(server.ends(), if signal == "TERM" { Some(0) } else { None }, "{signal}");
        drop(server);

        registry.clear_faults();
        registry.clear_requests();
        let server = serve(&home, &registry, &schedule);
        until("the rest", || server.text("/status/").contains("All 3 images were asked about"));
        assert_eq!(asked(&registry), ["postgres".to_owned()].into(), "{signal}");
        // It is whole, and the next one is an hour away.
        let runs = home.run(&["inventory", "runs", "--json"]).exits(0).json();
        assert_eq!(runs[0]["state"], "complete", "{runs}");
        drop(server);
        registry.clear_requests();
        let server = serve(&home, &registry, &schedule);
        until("the site", || server.text("/status/").contains("All 3 images were asked about"));
        std::thread::sleep(Duration::from_secs(2));
        assert!(registry.requests().is_empty(), "{:?}", registry.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_inventories_are_made_at_once() {
    let registry = hub().await;
    let home = Home::new();
    registry.fault(Fault::SlowHeaders(Duration::from_millis(200)), On::any(), None);
    let lists = [home.write("one.txt", "nginx\nredis\n"), home.write("two.txt", "postgres\nredis\n")];
    let server = serve(&home, &registry, &["--inventory", &lists.join(","), "--every", "1s"]);
    let ended = || {
        let runs = home.run(&["inventory", "runs", "--json"]);
        let runs = if runs.code == Some(0) { runs.json() } else { Value::Array(vec![]) };
        let runs = runs.as_array().unwrap().clone();
        runs.into_iter().filter(|run| run["state"] == "complete").collect::<Vec<Value>>()
    };
    until("some of both", || {
        let count =
            |list: &str| ended().iter().filter(|run| run["list"].as_str().unwrap().ends_with(list)).count();
        count("one.txt") >= 3 && count("two.txt") >= 3
    });
    let mut times: Vec<(Timestamp, Timestamp)> = ended()
        .iter()
        .map(|run| ["started", "ended"].map(|field| run[field].as_str().unwrap().parse().unwrap()).into())
        .collect();
    times.sort();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
    let status = server.text("/status/");
    assert!(status.matches("under way").count() <= 1, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_beside_it_is_shown_as_well() {
    let registry = hub().await;
    let home = Home::new();
    let server = serve(&home, &registry, &[]);
    assert_eq!(standing(&server, "nginx", "linux/arm64").1, "declared");
    let list = home.write("mine.txt", "nginx\n");
    home.run(&["--mirror", &format!("docker.io={}", registry.host()), "inventory", &list]).exits(0);
    until("the inventory", || standing(&server, "nginx", "linux/arm64").1 == "published");
}

#[test]
fn content_is_read_anew_when_that_is_wished_and_only_where_it_is_right() {
    let home = serve_support::forms::home();
    let server = serve_support::forms::serve(&home, &[]);
    assert!(server.text("/calls/").contains("Machines for arm64"));
    let path = home.path("content/calls/machines.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let titled = |title: &str| {
        std::fs::write(&path, text.replace("Machines for arm64", title)).unwrap();
        server.signal("HUP");
    };
    titled("Machines for everybody");
    until("the new title", || server.text("/calls/machines/").contains("Machines for everybody"));
    titled("x");
    until("a word on it", || server.logged().contains("the site could not be made anew"));
    assert!(server.text("/calls/machines/").contains("Machines for everybody"));
    titled("Machines for nobody");
    until("the next title", || server.text("/calls/machines/").contains("Machines for nobody"));
}
