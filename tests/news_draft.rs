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
    assert_snapshot!(settled(ran.text()), @r##"
    ---
    title: "Issue 7: 129 of 144 official images support linux/arm64"
    date: "2026-08-21"
    summary: "From 2025-09-30 to 2026-08-21 linux/arm64 went from 127 of 141 to 129 of 144 of Docker's official images, by what their maintainers declare."
    until: "2026-08-21T23:53:11Z"
    ---

    This is what changed since 2025-09-30, as far as it was known on 2026-08-21. Counts, gains and losses are those of what
    maintainers [declare](/method/): an image supports a platform if any of its tags has it.

    ## The count

    | Platform | 2025-09-30 | 2026-08-21 | Change |
    |---|---|---|---|
    | [linux/arm64](/platform/linux-arm64/) | 127 of 141 | 129 of 144 | +2 |
    | [linux/amd64](/platform/linux-amd64/) | 135 of 141 | 137 of 144 | +2 |
    | [linux/arm/v7](/platform/linux-arm-v7/) | 64 of 141 | 65 of 144 | +1 |
    | [linux/arm/v6](/platform/linux-arm-v6/) | 43 of 141 | 42 of 144 | -1 |
    | [linux/arm/v5](/platform/linux-arm-v5/) | 31 of 141 | 31 of 144 | +0 |
    | [linux/riscv64](/platform/linux-riscv64/) | 47 of 141 | 48 of 144 | +1 |
    | [linux/ppc64le](/platform/linux-ppc64le/) | 72 of 141 | 69 of 144 | -3 |
    | [linux/s390x](/platform/linux-s390x/) | 68 of 141 | 66 of 144 | -2 |
    | [linux/386](/platform/linux-386/) | 47 of 141 | 49 of 144 | +2 |
    | [linux/mips64le](/platform/linux-mips64le/) | 17 of 141 | 0 of 144 | -17 |
    | [windows/amd64](/platform/windows-amd64/) | 15 of 141 | 15 of 144 | +0 |

    ## Gained linux/arm64

    New images that have it (3): [azul-zulu](/entry/azul-zulu/) (2026-03-17), [espocrm](/entry/espocrm/) (2026-08-21), [Nim \*and\* \[more\]](/entry/nim/) (2026-07-17).

    ## Lost linux/arm64

    Images that are still there (1): [unit](/entry/unit/) (2025-10-13).

    ## Still without linux/arm64

    15: [archlinux](/entry/archlinux/), [bonita](/entry/bonita/), [clearlinux](/entry/clearlinux/), [clefos](/entry/clefos/), [gazebo](/entry/gazebo/), [ibmjava](/entry/ibmjava/), [mongo-express](/entry/mongo-express/), [notary](/entry/notary/), [percona](/entry/percona/), [php-zendserver](/entry/php-zendserver/), [plone](/entry/plone/), [rocket.chat](/entry/rocket-chat/), [silverpeas](/entry/silverpeas/), [teamspeak](/entry/teamspeak/), [unit](/entry/unit/).

    ## New and gone

    New images (3): [azul-zulu](/entry/azul-zulu/) (2026-03-17), [espocrm](/entry/espocrm/) (2026-08-21), [Nim \*and\* \[more\]](/entry/nim/) (2026-07-17).

    No image went.

    ## Other platforms

    Of the images that were there before and still are:

    ### linux/amd64

    Gained it (1): [teamspeak](/entry/teamspeak/) (2026-02-11).

    Lost it (2): [plone](/entry/plone/) (2025-10-09), [unit](/entry/unit/) (2025-10-13).

    ### linux/arm/v7

    Lost it (1): [varnish](/entry/varnish/) (2026-01-26).

    ### linux/arm/v6

    Lost it (2): [fluentd](/entry/fluentd/) (2025-12-04), [ghost](/entry/ghost/) (2025-11-03).

    ### linux/arm/v5

    Lost it (1): [postfixadmin](/entry/postfixadmin/) (2025-11-25).

    ### linux/riscv64

    Gained it (2): [almalinux](/entry/almalinux/) (2026-02-27), [solr](/entry/solr/) (2026-03-04).

    Lost it (1): [clojure](/entry/clojure/) (2026-05-14).

    ### linux/ppc64le

    Lost it (3): [elixir](/entry/elixir/) (2026-08-20), [ghost](/entry/ghost/) (2025-11-03), [varnish](/entry/varnish/) (2026-01-26).

    ### linux/s390x

    Gained it (1): [geonetwork](/entry/geonetwork/) (2026-05-26).

    Lost it (3): [elixir](/entry/elixir/) (2026-08-20), [ghost](/entry/ghost/) (2026-07-09), [varnish](/entry/varnish/) (2026-01-26).

    ### linux/386

    Gained it (1): [almalinux](/entry/almalinux/) (2026-04-07).

    Lost it (1): [varnish](/entry/varnish/) (2026-01-26).

    ### linux/mips64le

    Lost it (17): [buildpack-deps](/entry/buildpack-deps/), [debian](/entry/debian/), [erlang](/entry/erlang/), [friendica](/entry/friendica/), [golang](/entry/golang/), [hello-world](/entry/hello-world/), [hylang](/entry/hylang/), [joomla](/entry/joomla/), [NGINX](/entry/nginx/), [perl](/entry/perl/), [php](/entry/php/), [postfixadmin](/entry/postfixadmin/), [postgres](/entry/postgres/), [python](/entry/python/), [redis](/entry/redis/), [redmine](/entry/redmine/), [ruby](/entry/ruby/).

    ## Verified

    No image was verified since.

    ## Coming events

    - [It is coming](<https://a.example/coming>): 2027-01-30, Brussels, Belgium

    ## How to check

    The declared facts are those of https://github.com/docker-library/official-images up to commit `COMMIT`. Ask for them yourself:

    ```sh
    workson report --at 2025-09-30
    workson report --at 2026-08-21
    workson log --platform linux/arm64 --since 2025-09-30 --at 2026-08-21
    ```
    "##);
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

    // An issue that tells them is not told again, and what came since is, whether maintainers declared anything or not.
    let date = |text: &str| text.split("date: \"").nth(1).unwrap()[..10].to_owned();
    let first = date(draft.text());
    home.write(&format!("content/news/{first}-issue-1.md"), draft.text());
    home.run(&["content", "check"]).exits(0);
    run(&["news", "draft"])
        .exits(2)
        .says("what registries serve up to")
        .says("and nothing of what came after");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    put(&registry, &[&amd64, &arm64, &wrong, &image("linux/s390x", 22)]);
    run(&["inventory", &list]).exits(0);
    let next = run(&["news", "draft"]).exits(0).says("what maintainers declare is known up to");
    assert!(next.text().contains("Gained linux/s390x: [NGINX](/entry/nginx/)"), "{}", next.text());
    assert!(!next.text().contains("Gained linux/arm64: [NGINX]"), "{}", next.text());
    assert!(next.text().contains("No image was verified since."), "{}", next.text());
    // Its file comes after the newest issue's.
    let second = date(next.text());
    assert!(second > first, "{second} after {first}");
    assert!(next.stderr.contains(&format!("content/news/{second}-issue-2.md")), "{}", next.stderr);
    home.write(&format!("content/news/{second}-issue-2.md"), next.text());
    home.run(&["content", "check"]).exits(0);
}
