//! `workson inventory` when things go wrong: nothing that was seen is lost, nothing is asked twice, no lack of
//! an answer is told as a no.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::time::Duration;

use cli_support::{Home, rows, start, until, with_images, with_input};
use serde_json::Value;
use workson_oci::Digest;
use workson_registry::testing::{EndlessTags, Fault, MemoryRegistry, On};

const TWO: [&str; 2] = ["linux/amd64", "linux/arm64"];

fn unknown(report: &Value) -> usize {
    report["platforms"][0]["unknown"].as_array().unwrap().len()
}

fn supported(report: &Value) -> u64 {
    report["platforms"][0]["supported"].as_u64().unwrap()
}

// Politeness ----------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_inventory_costs_no_pull() {
    let (registry, home, list) = with_images(60).await;
    let first = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((supported(&first), first["run"]["pulls"].as_u64()), (60, Some(60)));
    assert_eq!(registry.count_manifest_gets(), 60);
    registry.clear_requests();
    let second = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((registry.count_manifest_gets(), registry.count_manifest_heads()), (0, 60));
    assert_eq!((supported(&second), second["run"]["pulls"].as_u64()), (60, Some(0)));
    assert_eq!(second["changes"]["moved"], serde_json::json!([]));
    assert_eq!(second["platforms"][0]["images"].as_array().unwrap().len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tags_of_one_digest_cost_one_pull_and_are_all_told() {
    let registry = MemoryRegistry::start().await.unwrap();
    let mut names = Vec::new();
    for repository in 0..10 {
        let name = format!("library/many{repository}");
        let digest = registry.put_image_index(&name, "t0", &TWO);
        for tag in 0..40 {
            registry.put_tag(&name, &format!("t{tag}"), &digest);
            names.push(format!("{name}:t{tag}"));
        }
    }
    let home = Home::new();
    let list = home.list("list.txt", &registry, &names);
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((supported(&report), report["run"]["state"].as_str()), (400, Some("complete")));
    assert_eq!(registry.count_manifest_gets(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_stops_the_run_and_the_next_one_asks_for_the_rest() {
    let (registry, home, list) = with_images(50).await;
    let ran = home.run(&["inventory", &list, "--json", "--budget", "10"]).exits(2);
    let report = ran.json();
    assert!(registry.count_manifest_gets() <= 10, "{} pulls", registry.count_manifest_gets());
    assert_eq!(
        (report["run"]["state"].as_str(), supported(&report), unknown(&report)),
        (Some("stopped"), 10, 40)
    );
    assert_eq!(report["heldBack"].as_array().unwrap().len(), 40);
    assert_eq!(report["platforms"][0]["lacking"], serde_json::json!([]));

    registry.clear_requests();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!(
        (report["resumed"].as_bool(), report["run"]["state"].as_str()),
        (Some(true), Some("complete"))
    );
    assert_eq!((registry.count_manifest_gets(), supported(&report)), (40, 50));
    let runs = home.run(&["inventory", "runs", "--json"]).exits(0).json();
    let runs: Vec<_> =
        runs.as_array().unwrap().iter().map(|run| (run["state"].clone(), run["pulls"].clone())).collect();
    assert_eq!(runs, [("complete".into(), 40.into()), ("stopped".into(), 10.into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_begins_anew_and_gives_up_what_was_stopped() {
    let (_registry, home, list) = with_images(6).await;
    home.run(&["inventory", &list, "--budget", "2"]).exits(2);
    let report = home.run(&["inventory", &list, "--json", "--fresh"]).exits(0).json();
    assert_eq!((report["run"]["id"].as_i64(), report["resumed"].as_bool()), (Some(2), Some(false)));
    let runs = home.run(&["inventory", "runs", "--json"]).exits(0).json();
    assert_eq!((runs[0]["state"].as_str(), runs[1]["state"].as_str()), (Some("complete"), Some("abandoned")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_says_not_now_is_asked_again_by_the_next_run() {
    let (registry, home, list) = with_images(40).await;
    registry.rate_limit(15, 21_600);
    let ran = home.run(&["inventory", &list]).exits(2);
    let text = ran.text();
    for said in
        ["15 of 40 images support linux/arm64; 25 could not be told", "stopped", "0 of 15 pulls", "→ "]
    {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
    assert!(!text.contains("without linux/arm64"), "{text}");
    registry.no_rate_limit();
    registry.clear_requests();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((supported(&report), registry.count_manifest_gets()), (40, 25));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_retry_after_stops_the_run_at_once_and_says_how_long() {
    let (registry, home, list) = with_images(40).await;
    registry.fault(Fault::too_many_requests(Some("7200")), On::get("/manifests/"), None);
    let ran = home.run(&["inventory", &list]).exits(2);
    assert!(ran.text().contains("2 h 0 min") || ran.text().contains("1 h 59 min"), "{}", ran.text());
    assert!(ran.text().contains("stopped"), "{}", ran.text());
    // A few may have been under way when the first was told; the others are not sent.
    assert!(registry.count_manifest_gets() <= 33, "{} were sent", registry.count_manifest_gets());
    registry.clear_faults();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((report["resumed"].as_bool(), supported(&report)), (Some(true), 40));
}

// Faults --------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_unknown_with_its_reason_and_the_rest_is_told() {
    let (registry, home, list) = with_images(12).await;
    for (name, fault) in [
        ("image-00001", Fault::status(500)),
        ("image-00002", Fault::WrongBytes),
        ("image-00003", Fault::EndlessBody),
        ("image-00004", Fault::Redirect { to: String::new(), code: 307 }),
        ("image-00005", Fault::ContentType("text/html".into())),
        ("image-00006", Fault::status(404)),
        ("image-00007", Fault::CutBody { after: 100 }),
        ("image-00008", Fault::Hang),
    ] {
        registry.fault(fault, On::path(name), None);
    }
    let report = home.run(&["inventory", &list, "--json", "--timeout", "1"]).exits(2).json();
    assert_eq!((supported(&report), unknown(&report)), (4, 8));
    assert_eq!(report["platforms"][0]["lacking"], serde_json::json!([]));
    assert_eq!(
        (report["run"]["state"].as_str(), report["run"]["failed"].as_u64()),
        (Some("complete"), Some(8))
    );
    let reasons: Vec<&str> = report["platforms"][0]["unknown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unknown| unknown["reason"].as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "server",
            "digest-mismatch",
            "too-large",
            "redirect",
            "invalid-image",
            "not-found",
            "network",
            "timeout"
        ]
    );
    let store = home.path(".local/share/workson/store.db");
    assert_eq!(rows(&store, "SELECT count(*) FROM images"), 4, "something that failed was kept");

    // All is well again: what was unknown is mended, and nothing was ever lost.
    registry.clear_faults();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!(supported(&report), 12);
    assert_eq!(report["changes"]["mended"].as_array().unwrap().len(), 8);
    assert_eq!(
        (&report["changes"]["lost"], &report["changes"]["gained"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_label_is_forgotten_when_the_registry_has_mended_it() {
    let (registry, home, list) = with_images(2).await;
    registry.fault(Fault::ContentType("text/html".into()), On::path("image-00001"), None);
    let report = home.run(&["inventory", &list, "--json"]).exits(2).json();
    assert_eq!((supported(&report), unknown(&report)), (1, 1));
    registry.clear_faults();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!(supported(&report), 2, "{}", report["platforms"][0]["unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_mislabels_an_image_does_not_spoil_it_for_another_registry() {
    let (bad, good) = (MemoryRegistry::start().await.unwrap(), MemoryRegistry::start().await.unwrap());
    for registry in [&bad, &good] {
        registry.put_image_index("library/thing", "latest", &TWO);
    }
    bad.fault(Fault::ContentType("text/html".into()), On::any(), None);
    let home = Home::new();
    let list = home.write("list.txt", format!("{}/library/thing\n", bad.host()));
    home.run(&["inventory", &list]).exits(2);
    let list = home.write("other.txt", format!("{}/library/thing\n", good.host()));
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!(supported(&report), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_was_broken_for_a_moment_is_asked_for_again() {
    for fault in [Fault::status(404), Fault::WrongBytes, Fault::EndlessBody] {
        let registry = MemoryRegistry::start().await.unwrap();
        registry.put_image("library/one", Some("latest"), "linux/arm64");
        registry.fault(fault.clone(), On::get("/blobs/"), None);
        let home = Home::new();
        let list = home.list("list.txt", &registry, &["library/one".to_owned()]);
        let report = home.run(&["inventory", &list, "--json"]).exits(2).json();
        assert_eq!((supported(&report), unknown(&report)), (0, 1), "{fault:?}");
        registry.clear_faults();
        let ran = home.run(&["inventory", &list, "--json"]);
        assert_eq!(ran.code, Some(0), "{fault:?}: {}", ran.json()["platforms"][0]["unknown"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_engine_would_pull_is_not_fetched_again() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    let home = Home::new();
    let list = home.list("list.txt", &registry, &["library/schema1".to_owned()]);
    for _ in 0..3 {
        let report = home.run(&["inventory", &list, "--json"]).exits(2).json();
        assert!(report["platforms"][0]["unknown"][0]["reason"].as_str().unwrap().contains("schema 1"));
    }
    assert_eq!(registry.count_manifest_gets(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_a_good_run_keeps_what_was_known() {
    let (registry, home, list) = with_images(5).await;
    home.run(&["inventory", &list]).exits(0);
    registry.fault(Fault::status(403), On::path("image-00002"), None);
    let ran = home.run(&["inventory", &list]).exits(2);
    assert!(ran.text().contains("last known: yes"), "{}", ran.text());
    assert!(ran.text().contains("broke"), "{}", ran.text());
    assert!(!ran.text().contains("lost"), "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_gone_is_soon_left_alone() {
    let (registry, home, list) = with_images(200).await;
    registry.stop().await;
    let started = std::time::Instant::now();
    let report = home.run(&["inventory", &list, "--json"]).exits(2).json();
    assert_eq!(unknown(&report), 200);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_an_end_take_bounded_memory() {
    let (registry, home, list) = with_images(40).await;
    registry.fault(Fault::EndlessBody, On::any(), None);
    let ran = home.run(&["inventory", &list, "--json"]).exits(2);
    assert_eq!(unknown(&ran.json()), 40);
    // 32 at once, of at most 8 MiB each, while they grow.
    assert!(ran.peak_kib < 640 << 10, "{} KiB", ran.peak_kib);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_tag_a_lost_platform_and_a_gained_one_are_told() {
    let registry = MemoryRegistry::start().await.unwrap();
    let names = ["a", "b", "c"].map(|name| format!("library/{name}"));
    registry.put_image_index("library/a", "latest", &TWO);
    registry.put_image_index("library/b", "latest", &["linux/amd64"]);
    registry.put_image_index("library/c", "latest", &TWO);
    let home = Home::new();
    let list = home.list("list.txt", &registry, &names);
    home.run(&["inventory", &list]).exits(0);
    registry.put_image_index("library/a", "latest", &["linux/amd64"]);
    registry.put_image_index("library/b", "latest", &TWO);
    let ran = home.run(&["inventory", &list, "--json"]).exits(0);
    let changes = &ran.json()["changes"];
    assert_eq!(changes["lost"][0]["platform"], "linux/arm64");
    assert!(changes["lost"][0]["reference"].as_str().unwrap().ends_with("/a:latest"), "{changes}");
    assert!(changes["gained"][0]["reference"].as_str().unwrap().ends_with("/b:latest"), "{changes}");
    assert_eq!(changes["moved"].as_array().unwrap().len(), 2);
    let diff = home.run(&["inventory", "diff", "1", "2", "--json"]).exits(0).json();
    assert_eq!(&diff, changes);
}

// Interrupted ---------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_resumed_without_asking_again_for_what_it_knew() {
    let (registry, home, list) = with_images(120).await;
    registry.fault(Fault::SlowHeaders(Duration::from_millis(80)), On::any(), None);
    let running = start(&mut home.workson(&["inventory", &list, "--jobs", "4"]));
    until("some images", || registry.count_manifest_gets() >= 40);
    running.signal("KILL");
    assert_eq!(running.ends().code, None);
    let before = registry.count_manifest_gets();
    registry.clear_faults();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((report["resumed"].as_bool(), supported(&report)), (Some(true), 120));
    let total = registry.count_manifest_gets();
    assert!(before < 120, "it was not killed in the middle");
    // Those under way, and those that came and were not yet written.
    assert!(total <= 120 + 2 * 4, "{total} pulls for 120 images ({before} before the kill)");
    let store = home.path(".local/share/workson/store.db");
    assert_eq!(rows(&store, "SELECT count(*) FROM sightings"), 120);
    // The killed run counts what it had cost, as far as it was kept; the next one what it had to ask.
    let spent = rows(&store, "SELECT sum(pulls) FROM runs");
    assert!((120 - 8..=120 + 8).contains(&spent), "{spent} pulls are told of {total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_never_damage_the_store() {
    let (registry, home, list) = with_images(60).await;
    registry.fault(Fault::SlowHeaders(Duration::from_millis(3)), On::any(), None);
    for wait in [0, 5, 10, 15, 20, 30, 40, 60] {
        let running = start(&mut home.workson(&["inventory", &list, "--jobs", "2"]));
        std::thread::sleep(Duration::from_millis(wait));
        running.signal("KILL");
        running.ends();
    }
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!(supported(&report), 60);
    let store = rusqlite::Connection::open(home.path(".local/share/workson/store.db")).unwrap();
    let check: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_stops_the_run_cleanly() {
    let (registry, home, list) = with_images(120).await;
    registry.fault(Fault::SlowHeaders(Duration::from_millis(80)), On::any(), None);
    let running = start(&mut home.workson(&["inventory", &list, "--json", "--jobs", "4"]));
    until("some images", || registry.count_manifest_gets() >= 20);
    running.signal("INT");
    let ran = running.ends().exits(2).says("stopping");
    let report = ran.json();
    assert_eq!(report["run"]["state"], "stopped");
    assert!(supported(&report) >= 16 && unknown(&report) > 0, "{}", supported(&report));
    assert!(!report["run"]["ended"].is_null());
    registry.clear_faults();
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!((report["resumed"].as_bool(), supported(&report)), (Some(true), 120));
    assert_eq!(registry.count_manifest_gets(), 120, "an interrupt loses nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_interrupt_ends_it_at_once() {
    let (registry, home, list) = with_images(4).await;
    registry.fault(Fault::Hang, On::any(), None);
    let running = start(&mut home.workson(&["inventory", &list]));
    until("a request", || !registry.requests().is_empty());
    std::thread::sleep(Duration::from_millis(200));
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(500));
    running.signal("INT");
    let started = std::time::Instant::now();
    running.ends().exits(2);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_inventory_on_the_same_store_is_refused() {
    let (registry, home, list) = with_images(4).await;
    registry.fault(Fault::Hang, On::any(), None);
    let running = start(&mut home.workson(&["inventory", &list]));
    until("a request", || !registry.requests().is_empty());
    let ran = home
        .run(&["inventory", &list])
        .exits(2)
        .says("another inventory or import is under way")
        .says("--store");
    assert_eq!(ran.text(), "");
    // Reading is no trouble, nor is another store.
    let runs = home.run(&["inventory", "runs", "--json"]).exits(0).json();
    assert_eq!(runs[0]["state"], "running");
    running.signal("KILL");
    running.ends();
    registry.clear_faults();
    home.run(&["inventory", &list]).exits(0);
}

// Lists ---------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_named_with_their_numbers_and_the_rest_is_run() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image_index("library/a", "latest", &TWO);
    let host = registry.host();
    let home = Home::new();
    let mut text =
        format!("# mine\n{host}/library/a  # good\n\nUPPER/Case\n{host}/library/a:b:c\r\n").into_bytes();
    text.extend_from_slice(b"\xff\xfe\xfd\nhttps://example.org/x\n\x1b[31mred\n");
    let list = home.write("list.txt", text);
    let ran = home.run(&["inventory", &list, "--json"]).exits(2);
    let report = ran.json();
    assert_eq!((supported(&report), report["total"].as_u64()), (1, Some(1)));
    for line in [4, 5, 6, 7, 8] {
        assert!(ran.stderr.contains(&format!("list.txt:{line}:")), "line {line} is not in {}", ran.stderr);
    }
    for line in [1, 2, 3] {
        assert!(!ran.stderr.contains(&format!("list.txt:{line}:")), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
    let lines: Vec<u64> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [4, 5, 6, 7, 8]);
}

#[test]
fn a_list_without_a_reference_is_an_error() {
    let home = Home::new();
    for (text, lines) in [(&b""[..], 0), (b"\n\n# nothing\n", 0), (b"\xff\xfe\x00\x00", 1), (b"A B\n", 1)] {
        let list = home.write("list.txt", text);
        let ran = home.run(&["inventory", &list]).exits(2).says("there is no reference in it");
        assert_eq!(ran.stderr.matches("list.txt:1").count(), lines, "{}", ran.stderr);
        assert!(!home.path(".local/share/workson/store.db").exists(), "a store was made for nothing");
    }
}

#[test]
fn a_list_that_can_not_be_read_is_named() {
    let home = Home::new();
    std::fs::create_dir(home.path("folder")).unwrap();
    home.run(&["inventory", "folder"]).exits(2).says("folder");
    home.run(&["inventory", "absent.txt"]).exits(2).says("absent.txt").says("`official`");
    home.run(&["inventory", "/proc/self/mem"]).exits(2).says("/proc/self/mem");
}

#[test]
fn a_list_without_an_end_is_an_error() {
    let home = Home::new();
    let ran = home.run(&["inventory", "/dev/zero"]).exits(2).says("/dev/zero").says("larger");
    assert!(ran.peak_kib < 400 << 10, "{} KiB", ran.peak_kib);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_from_standard_input_as_well() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image_index("library/a", "latest", &TWO);
    let home = Home::new();
    let input = format!("{}/library/a\nnot good\n", registry.host());
    let ran = with_input(&mut home.workson(&["inventory", "-", "--json"]), input.as_bytes()).exits(2);
    assert_eq!(supported(&ran.json()), 1);
    assert!(ran.stderr.contains("standard input (") && ran.stderr.contains("):2:"), "{}", ran.stderr);
}

// Docker Hub's list ---------------------------------------------------------------------------------------------

fn hub_entry(name: &str, pulls: u64) -> String {
    format!(
        r#"{{"user":"library","name":"{name}","namespace":"library","repository_type":"image","status":1,"is_private":false,"star_count":1,"pull_count":{pulls},"last_updated":"2024-05-01T00:00:00Z"}}"#
    )
}

fn hub_page(next: Option<&str>, entries: &[String]) -> String {
    let next = next.map_or("null".to_owned(), |next| format!("{next:?}"));
    format!(r#"{{"count":4,"next":{next},"previous":null,"results":[{}]}}"#, entries.join(","))
}

/// A registry that is Docker Hub and its web API, and a configuration that says so.
async fn docker_hub(pages: impl Fn(&str) -> Vec<(String, String)>) -> (MemoryRegistry, Home, String) {
    let registry = MemoryRegistry::start().await.unwrap();
    let host = registry.host();
    for name in ["nginx", "redis", "alpine", "rare"] {
        let platforms: &[&str] = if name == "alpine" { &["linux/amd64"] } else { &TWO };
        registry.put_image_index(&format!("library/{name}"), "latest", platforms);
    }
    for (path, page) in pages(&host) {
        registry.put_page(&path, "application/json", page);
    }
    let home = Home::new();
    let config = home.write(
        "config.toml",
        format!("docker_hub_api = \"http://{host}\"\n[mirrors]\n\"docker.io\" = \"{host}\"\n"),
    );
    (registry, home, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_list_has_the_most_pulled_images_first() {
    let (registry, home, config) = docker_hub(|host| {
        let second = "/v2/repositories/library/?ordering=pull_count&page=2&page_size=100";
        let next = format!("http://{host}{second}");
        vec![
            (
                "/v2/repositories/library/".into(),
                hub_page(Some(&next), &[hub_entry("nginx", 9), hub_entry("redis", 7)]),
            ),
            (second.into(), hub_page(None, &[hub_entry("alpine", 8), hub_entry("rare", 1)])),
        ]
    })
    .await;
    let arguments = ["inventory", "official", "--live", "--top", "3", "--json", "--config", &config];
    let report = home.run(&arguments).exits(0).json();
    assert_eq!((report["total"].as_u64(), supported(&report)), (Some(3), 2));
    let platform = &report["platforms"][0];
    assert_eq!(platform["images"][0]["reference"], "docker.io/library/nginx:latest");
    assert_eq!(platform["lacking"][0]["reference"], "docker.io/library/alpine:latest");
    assert_eq!(registry.count_manifest_gets(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_list_that_can_not_be_had_is_an_error_with_a_way_out() {
    let (registry, home, config) =
        docker_hub(|_| vec![("/v2/repositories/library/".into(), hub_page(None, &[hub_entry("nginx", 9)]))])
            .await;
    let arguments = ["inventory", "official", "--live", "--top", "3", "--config", &config];
    for fault in [
        Fault::status(404),
        Fault::status(500),
        Fault::too_many_requests(Some("3600")),
        Fault::Status { code: 200, headers: Vec::new(), body: "<html>".into() },
    ] {
        registry.clear_faults();
        registry.fault(fault.clone(), On::any(), None);
        let ran = home.run(&arguments).exits(2).says("/v2/repositories/library/");
        assert!(ran.text().is_empty(), "{fault:?}");
    }
    registry.clear_faults();
    registry.fault(Fault::too_many_requests(Some("3600")), On::any(), None);
    home.run(&arguments).exits(2).says("60 min");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_pages_in_a_circle_end() {
    let (registry, home, config) = docker_hub(|host| {
        let next = format!("http://{host}/v2/repositories/library/?page=2");
        vec![(
            "/v2/repositories/library/".into(),
            hub_page(Some(&next), &[hub_entry("nginx", 9), hub_entry("redis", 7)]),
        )]
    })
    .await;
    let ran = home.run(&["inventory", "official", "--live", "--json", "--config", &config]);
    match ran.code {
        Some(0) => assert_eq!(ran.json()["total"], 2),
        _ => assert!(ran.code == Some(2) && !ran.stderr.is_empty(), "{ran:?}"),
    }
    assert!(registry.requests().len() < 60, "{}", registry.requests().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_without_an_end_are_an_error() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image_index("library/a", "latest", &TWO);
    for tags in [EndlessTags::New, EndlessTags::Same] {
        registry.clear_faults();
        registry.fault(Fault::EndlessLink(tags), On::get("/tags/list"), None);
        let name = format!("{}/library/a", registry.host());
        Home::new().run(&["query", "--tags", "*", &name]).exits(2).says("does not end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_lies_is_found_out_when_it_names_something_new() {
    let (registry, home, list) = with_images(3).await;
    home.run(&["inventory", &list]).exits(0);
    let lie = Digest::sha256(b"nothing like that").to_string();
    registry.fault(Fault::WrongDigestHeader(lie), On::path("image-00001"), None);
    let ran = home.run(&["inventory", &list, "--json"]).exits(2);
    assert!(
        ran.json()["platforms"][0]["unknown"][0]["reason"].as_str().unwrap().starts_with("digest-mismatch")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_knows_no_head_is_asked_by_get() {
    let (registry, home, list) = with_images(3).await;
    home.run(&["inventory", &list]).exits(0);
    registry.fault(Fault::status(405), On::head("/manifests/"), None);
    let report = home.run(&["inventory", &list, "--json"]).exits(0).json();
    assert_eq!(supported(&report), 3);
}

// Lists that share references -----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_stopped_goes_on_after_another_list_has_seen_the_same_image() {
    let registry = MemoryRegistry::start().await.unwrap();
    for name in ["library/aa", "library/good"] {
        registry.put_image_index(name, "latest", &["linux/amd64", "linux/arm64"]);
    }
    let home = Home::new();
    let a = home.list("a.txt", &registry, &["library/aa".into(), "library/good".into()]);
    let b = home.list("b.txt", &registry, &["library/good".into()]);
    home.run(&["inventory", &a, "--budget", "1", "-j1"]).exits(2);
    home.run(&["inventory", &b]).exits(0);
    registry.clear_requests();
    let report = home.run(&["inventory", &a, "--json"]).exits(0).json();
    assert_eq!((report["resumed"].as_bool(), supported(&report)), (Some(true), 2));
    assert_eq!(registry.requests().len(), 0, "what the other list saw is known");
    // The other list's run still knows what it saw, so what breaks afterwards is seen to break.
    registry.delete_tag("library/good", "latest");
    let report = home.run(&["inventory", &b, "--json"]).exits(2).json();
    assert_eq!(report["changes"]["broke"][0]["kind"], "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_what_query_says_however_oddly_it_is_written() {
    let registry = MemoryRegistry::start().await.unwrap();
    let odd = [
        ("honest", r#"{"os":"linux","architecture":"amd64"}"#),
        ("two-in-one", r#"{"os":"linux","architecture":"amd64\nlinux/arm64"}"#),
        ("slashed", r#"{"os":"linux","architecture":"arm64/v8"}"#),
        ("versioned", r#"{"os":"linux","architecture":"arm64","os.version":"5.15 generic"}"#),
        ("featured", r#"{"os":"linux","architecture":"arm64","os.features":["b","a"]}"#),
        ("spelt-otherwise", r#"{"os":"Linux","architecture":"AARCH64"}"#),
    ];
    for (name, platform) in odd {
        let digest = format!("sha256:{:064}", 7);
        let media_type = "application/vnd.oci.image.index.v1+json";
        let child = "application/vnd.oci.image.manifest.v1+json";
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{child}","digest":"{digest}","size":1,"platform":{platform}}}]}}"#
        );
        registry.put_manifest(&format!("library/{name}"), Some("latest"), media_type, index);
    }
    let home = Home::new();
    let names: Vec<String> = odd.iter().map(|(name, _)| format!("library/{name}")).collect();
    let list = home.list("list.txt", &registry, &names);
    let report = home.run(&["inventory", &list, "--json"]).json();
    let counted: Vec<&str> = report["platforms"][0]["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["reference"].as_str().unwrap())
        .collect();
    for name in &names {
        let reference = format!("{}/{name}", registry.host());
        let told = home.run(&["query", &reference, "--platform", "linux/arm64"]).code == Some(0);
        let kept = counted.contains(&format!("{reference}:latest").as_str());
        assert_eq!(kept, told, "{name}: inventory and query differ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_told_was_not_lost() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image_index("library/a", "latest", &["linux/amd64", "linux/arm64"]);
    let home = Home::new();
    let list = home.list("list.txt", &registry, &["library/a".into()]);
    home.run(&["inventory", &list]).exits(0);
    // An entry without a platform, whose manifest is gone.
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{:064}","size":1}}]}}"#,
        5
    );
    registry.put_manifest("library/a", Some("latest"), "application/vnd.oci.image.index.v1+json", index);
    let report = home.run(&["inventory", &list, "--json"]).exits(2).json();
    assert_eq!(report["changes"]["lost"], serde_json::json!([]));
    assert_eq!(report["changes"]["moved"].as_array().unwrap().len(), 1);
    assert_eq!(unknown(&report), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_after_a_run_that_held_it_back_is_seen_to_break() {
    let (registry, home, list) = with_images(1).await;
    home.run(&["inventory", &list]).exits(0);
    registry.put_image_index("bench/image-00000", "latest", &["linux/riscv64"]);
    home.run(&["inventory", &list, "--budget", "0"]).exits(2);
    registry.fault(Fault::status(403), On::any(), None);
    let report = home.run(&["inventory", &list, "--fresh", "--json"]).exits(2).json();
    assert_eq!(report["changes"]["broke"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_image_that_was_asked_for() {
    let registry = MemoryRegistry::start().await.unwrap();
    let schema1 = r#"{"schemaVersion":1,"fsLayers":[],"architecture":"amd64"}"#;
    for name in ["library/bad1", "library/bad2"] {
        registry.put_manifest(
            name,
            Some("latest"),
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            schema1,
        );
    }
    let home = Home::new();
    let list = home.list("list.txt", &registry, &["library/bad1".into(), "library/bad2".into()]);
    home.run(&["inventory", &list]).exits(2);
    let report = home.run(&["inventory", &list, "--json"]).exits(2).json();
    for untold in report["platforms"][0]["unknown"].as_array().unwrap() {
        let reason = untold["reason"].as_str().unwrap();
        assert!(reason.contains("schema 1") && !reason.contains("/bad"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_image_is_never_told_by_another_digest() {
    let registry = MemoryRegistry::start().await.unwrap();
    let good = registry.put_image_index("library/good", "latest", &["linux/amd64", "linux/arm64"]);
    let pinned = registry.put_image_index("library/pinned", "latest", &["linux/amd64"]);
    let home = Home::new();
    let list = home.list("list.txt", &registry, &["library/good".into(), format!("library/pinned@{pinned}")]);
    registry.fault(Fault::WrongDigestHeader(good.to_string()), On::head("library/pinned"), None);
    let report = home.run(&["inventory", &list, "--json"]).json();
    assert_eq!(
        (supported(&report), unknown(&report)),
        (1, 0),
        "only the first has it, and the bytes tell of both"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_may_come_through_a_pipe() {
    let (_registry, home, list) = with_images(2).await;
    let ran = home.shell(&format!("cat '{list}' | $W inventory /dev/fd/0 --json"));
    assert_eq!(supported(&ran.exits(0).json()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_program_is_left_alone() {
    let (_registry, home, list) = with_images(1).await;
    let foreign = home.path("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(&foreign).unwrap();
    for arguments in [&["inventory", &list][..], &["inventory", "runs"]] {
        home.run(&[arguments, &["--store", "foreign.db"]].concat()).exits(2).says("another program");
    }
    assert_eq!(std::fs::read(&foreign).unwrap(), before);
    home.run(&["inventory", &list, "--store", ":memory:"]).exits(2).says("a store is a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tags_of_a_refused_image_cost_one_pull() {
    let registry = MemoryRegistry::start().await.unwrap();
    let schema1 = r#"{"schemaVersion":1,"fsLayers":[],"architecture":"amd64"}"#;
    let label = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let names: Vec<String> = (0..40).map(|n| format!("library/bad:{n}")).collect();
    for name in &names {
        registry.put_manifest("library/bad", name.rsplit(':').next(), label, schema1);
    }
    let home = Home::new();
    let list = home.list("list.txt", &registry, &names);
    registry.fault(Fault::SlowHeaders(Duration::from_millis(30)), On::any(), None);
    let running = start(&mut home.workson(&["inventory", &list, "--json", "-j1", "--store", "s.db"]));
    // Nothing can be written for a while, so the run has to know by itself what it has just seen.
    until("a first question", || registry.count_manifest_heads() > 0);
    let writer = rusqlite::Connection::open(home.path("s.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    until("some more", || registry.count_manifest_heads() > 5);
    writer.execute_batch("COMMIT").unwrap();
    let report = running.ends().exits(2).json();
    assert_eq!((unknown(&report), registry.count_manifest_gets()), (40, 1));
}
