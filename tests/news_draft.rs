//! `workson news draft`: the next issue of the newsletter, from what really changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use std::collections::BTreeSet;

use cli_support::{Home, Ran};
use insta::assert_snapshot;
use serde_json::{Value, json};
use verify::image::{Files, Image, Layer, elf};
use workson::content::{Content, File};
use workson_registry::testing::MemoryRegistry;

/// Histories grow: what is told as a whole is told up to here.
const UNTIL: [&str; 2] = ["--at", "2026-08-21"];

/// A home with a small folder of content.
fn home() -> Home {
    let home = Home::new();
    home.write("content/categories.yaml", "- {slug: all, name: All of it, description: What there is.}\n");
    for (slug, name) in [("nginx", "NGINX"), ("nim", "Nim *and* [more]")] {
        let entry = format!(
            "name: \"{name}\"\nkind: software\ncategories: [all]\ndescription: What it is, in one sentence.\nhome: https://a.example/\nimages: [{slug}]\n"
        );
        home.write(&format!("content/entries/{slug}.yaml"), entry);
    }
    for (slug, day) in [("past", "2026-08-20"), ("coming", "2027-01-30")] {
        let event = format!(
            "name: It is {slug}\nstarts: \"{day}\"\nends: \"{day}\"\nplace: Brussels, Belgium\nlink: https://a.example/{slug}\ndescription: A weekend of developers.\n"
        );
        home.write(&format!("content/events/{slug}.yaml"), event);
    }
    home
}

fn draft(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["news", "draft"], arguments, &UNTIL].concat())
}

/// The newest commit, which moves with the history that comes with the program.
fn settled(text: &str) -> String {
    let (before, after) = text.split_once("up to commit `").unwrap();
    format!("{before}up to commit `COMMIT{}", &after[after.find('`').unwrap()..])
}

#[test]
fn a_draft_tells_what_really_changed() {
    let ran = draft(&home(), &["--since", "2025-09-30", "--number", "7"]).exits(0);
    assert_snapshot!(settled(ran.text()), @r###""###);
    ran.says("edit it, and keep it as content/news/2026-08-21-issue-7.md");
}

#[test]
fn the_counts_are_those_of_report_and_add_up() {
    let home = Home::new();
    let ran = draft(&home, &["--since", "2017-09-17"]).exits(0);
    assert!(
        ran.text().contains("| [linux/arm64](/platform/linux-arm64/) | 44 of 129 | 129 of 144 | +85 |"),
        "{}",
        ran.text()
    );
    let report = |platform: &str, at: &str| {
        let answer = home.run(&["report", "--platform", platform, "--at", at, "--json"]).exits(0).json();
        (answer["supported"].as_u64().unwrap(), answer["total"].as_u64().unwrap_or_default())
    };
    let rows = ran.text().lines().filter(|line| line.starts_with("| ") && line.contains(" of "));
    let mut seen = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let platform = cells[1].trim_start_matches('[').split(']').next().unwrap();
        for (cell, at) in [(cells[2], "2017-09-17"), (cells[3], "2026-08-21")] {
            let yes: u64 = cell.split(" of ").next().unwrap().parse().unwrap();
            assert_eq!(yes, report(platform, at).0, "{platform} at {at}");
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
    // What was gained, less what was lost, is the difference.
    let number = |start: &str| -> i64 {
        let line = ran.text().lines().find(|line| line.starts_with(start));
        line.map_or(0, |line| line.split('(').nth(1).unwrap().split(')').next().unwrap().parse().unwrap())
    };
    let gained = number("Images that were there before (") + number("New images that have it (");
    assert_eq!(gained - number("Images that are still there (") - number("Images that are gone (5)"), 85);
}

#[test]
fn a_draft_is_an_issue_that_the_site_takes() {
    let home = Home::new();
    home.run(&["news", "draft", "--since", "2017-09-17", "--to", "draft.md"]).exits(0).says("wrote draft.md");
    let text = std::fs::read_to_string(home.path("draft.md")).unwrap();
    let date =
        text.lines().find_map(|line| line.strip_prefix("date: ")).unwrap().trim_matches('"').to_owned();
    let mut files: Vec<File> =
        Content::bundled().into_iter().filter(|file| !file.path.starts_with("news/")).collect();
    files.push(File { path: format!("news/{date}-issue-1.md"), bytes: text.into_bytes() });
    let (content, problems) = Content::read(&files);
    assert_eq!(problems, []);
    assert_eq!(content.news.len(), 1);
    for file in files {
        home.write(&format!("content/{}", file.path), file.bytes);
    }
    home.run(&["content", "check"]).exits(0);
    // The next one goes on where it ended, where nothing came yet.
    home.run(&["news", "draft"]).exits(2).says("and nothing of what came after");
    // Names of images are in it as links to their pages, and no name stands bare.
    let links: BTreeSet<&str> = content.links.iter().map(|(_, link)| link.as_str()).collect();
    assert!(links.contains("/entry/centos/") && links.contains("/platform/linux-riscv64/"), "{links:?}");
}

#[test]
fn a_file_that_is_there_is_left_alone() {
    let home = home();
    home.write("draft.md", "edited");
    draft(&home, &["--since", "2026-01-01", "--to", "draft.md"])
        .exits(2)
        .says("name a file that is not there yet");
    assert_eq!(std::fs::read_to_string(home.path("draft.md")).unwrap(), "edited");
}

#[test]
fn the_next_draft_begins_where_the_newest_issue_ends() {
    let home = home();
    let first = draft(&home, &[]).exits(0);
    assert!(first.text().contains("This is what changed since 2026-07-22, as far"), "{}", first.text());
    let issue = "---\ntitle: An issue\ndate: \"2026-03-31\"\nsummary: What changed in these days.\nuntil: \"2026-03-17T20:59:09Z\"\n---\n";
    home.write("content/news/2026-03-31-a.md", issue);
    let second = draft(&home, &[]).exits(0);
    assert!(second.text().contains("title: \"Issue 2: 129 of 144"), "{}", second.text());
    assert!(second.text().contains("workson report --at 2026-03-17T20:59:09Z"), "{}", second.text());
    home.write("content/news/2026-03-31-a.md", issue.replace("until: \"2026-03-17T20:59:09Z\"\n", ""));
    let third = draft(&home, &[]).exits(0);
    assert!(third.text().contains("workson report --at 2026-03-31\n"), "{}", third.text());
}

#[test]
fn what_can_not_be_drafted_is_told() {
    let home = home();
    draft(&home, &["--since", "soon"]).exits(2).says("--since soon: that is no date");
    draft(&home, &["--since", "2010"]).exits(2).says("what is known begins on");
    draft(&home, &["--since", "2030"]).exits(2).says("and nothing of what came after");
    draft(&home, &["--number", "0"]).exits(2);
    home.write("content/events/bad.yaml", "a: b\n");
    draft(&home, &["--since", "2026"])
        .exits(2)
        .says("content/events/bad.yaml:1:1: ")
        .says("workson content check");
}

// What registries serve, and what was verified -----------------------------------------------------------------------

fn put(registry: &MemoryRegistry, images: &[&Image]) {
    let mut entries: Vec<Value> = Vec::new();
    for image in images {
        for (_, bytes) in image.blobs() {
            registry.put_blob("library/nginx", bytes);
        }
        registry.put_manifest("library/nginx", None, parts::image::OCI_MANIFEST, image.manifest_bytes());
        entries.push(image.entry());
    }
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
    registry.put_manifest("library/nginx", Some("latest"), media_type, index.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn higher_rungs_are_told_with_their_day() {
    let image = |platform: &str, machine: u16| {
        Image::new(platform, &["/app"]).with(Layer::gzip(Files::new().program("app", &elf(machine))))
    };
    let (amd64, arm64, wrong) =
        (image("linux/amd64", 62), image("linux/arm64", 183), image("linux/riscv64", 62));
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    let mirror = format!("docker.io={}", registry.host());
    let run = |arguments: &[&str]| home.run(&[arguments, &["--mirror", &mirror, "--store", "s.db"]].concat());
    let list = home.write("list.txt", "nginx\n");
    put(&registry, &[&amd64]);
    run(&["inventory", &list]).exits(0);
    put(&registry, &[&amd64, &arm64, &wrong]);
    run(&["inventory", &list]).exits(0);
    run(&["verify", "nginx", "-p", "linux/arm64"]).exits(0);
    run(&["verify", "nginx", "-p", "linux/riscv64"]).exits(1);
    let draft = run(&["news", "draft", "--since", "2026-08-01"]).exits(0);
    let today = |text: &str| -> String {
        let is_date = |word: &str| word.len() == 12 && word.starts_with("(20") && word.ends_with(')');
        text.split(' ')
            .map(|word| if is_date(word.trim_end_matches(['.', '\n', ','])) { "(DAY)." } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    };
    for told in [
        "Gained linux/arm64: [NGINX](/entry/nginx/) (DAY).",
        "What `latest` would run can start on linux/arm64 (1): [NGINX](/entry/nginx/) (DAY).",
        "What `latest` would run can't start on linux/riscv64 (1): [NGINX](/entry/nginx/) (DAY).",
    ] {
        let lines: Vec<String> = draft.text().lines().map(today).collect();
        assert!(lines.iter().any(|line| line == told), "{told}: {}", draft.text());
    }
}
