//! The service in a real browser: `tests/browser/service.test.mjs` is its visitors, proposers, moderators and reviewers;
//! this starts the service, and a registry that it asks.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod site_support;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use cli_support::{Home, PATIENCE, start};
use site_support::HOSTILE;
use workson_registry::testing::MemoryRegistry;

/// Ends what it holds, however the test ends.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A call for proposals that takes them on these days.
fn call(home: &Home, slug: &str, title: &str, days: &str) {
    let text = format!(
        "---\ntitle: {title}\nsummary: Build and test hosts for free software that wants to support arm64.\n{days}\noffers:\n  - Virtual \
         machines with 16 cores and 64 GB for up to a year\n  - Runners for continuous integration\nplatforms: [linux/arm64, \
         linux/riscv64]\nterms:\n  - The source is under a licence that the OSI approves.\n  - The project says what became of it \
         when the time is over.\n---\n\nWho may propose: every project whose source is free.\n"
    );
    home.write(&format!("content/calls/{slug}.md"), text);
}

#[tokio::test]
async fn a_browser_submits_reviews_and_follows_a_proposal_to_its_end() {
    let registry = MemoryRegistry::start().await.unwrap();
    let tour = registry.put_tour();
    for (name, platforms) in [
        ("nginx", &["linux/amd64", "linux/arm64", "linux/riscv64"][..]),
        ("postgres", &["linux/amd64", "linux/arm64"]),
        ("memcached", &["linux/amd64"]),
    ] {
        registry.put_image_index(&format!("library/{name}"), "latest", platforms);
    }
    let home = Home::new();
    home.shell(&format!("cp -R '{}' content", concat!(env!("CARGO_MANIFEST_DIR"), "/content"))).exits(0);
    call(&home, "arm-builds", "Machines for arm64 builds", "opens: \"2020-01-01\"");
    call(
        &home,
        "past-builds",
        "Machines of a year that is over",
        "opens: \"2020-01-01\"\ncloses: \"2020-12-31\"",
    );
    call(&home, "coming-builds", "Machines of a year to come", "opens: \"2099-01-01\"");
    let watched = ["nginx", "postgres", "memcached"].map(|name| format!("docker.io/library/{name}\n"));
    home.write("watched.txt", watched.concat() + &format!("docker.io/{}\n", tour[0]));

    let mirror = format!("docker.io={}", registry.host());
    let logged = home.path("log.jsonl");
    let mut service = home.workson(&["--store", "s.db", "--mirror", &mirror, "serve", "--no-open"]);
    service
        .args(["--listen", "127.0.0.1:0", "--log", "json", "--content", "content"])
        .args(["--internal", &registry.host(), "--questions-per-minute", "0", "--forms-per-hour", "0"])
        .args(["--inventory", "watched.txt", "--every", "1h"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&logged).unwrap());
    let mut service = Ends(service.spawn().unwrap());
    let lines = BufReader::new(service.0.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let site = lines.filter_map(|line| Some(line.strip_prefix("the site is at ")?.to_owned())).next();

    let told = || std::fs::read_to_string(&logged).unwrap();
    let site = site.unwrap_or_else(|| panic!("the service did not begin: {}", told()));

    let mut visitors = Command::new("node");
    visitors
        .args(["--test", "--test-timeout=170000", "service.test.mjs"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser"))
        .env("SITE", site.trim_end_matches('/'))
        .env("WORKSON", env!("CARGO_BIN_EXE_workson"))
        .env("AT_HOME", home.path(""))
        .env("HOSTILE", serde_json::to_string(&HOSTILE).unwrap());
    let ran = tokio::task::spawn_blocking(move || start(&mut visitors).ends_within(6 * PATIENCE)).await;
    let ran = ran.unwrap();
    let log = told();
    let ran = if ran.code == Some(0) { ran } else { panic!("{}\n{}\n{log}", ran.text(), ran.stderr) };
    assert!(ran.text().contains("# pass 14\n"), "{}", ran.text());

    // What an operator reads tells neither who proposed nor where their pages are.
    for secret in ["grace@mail.example", "Grace Hopper", "/proposal/"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(log.contains("\"the site was made anew\""), "{log}");
}
