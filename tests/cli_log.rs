//! `workson log` on the history that comes with the program: what really happened, by which commit, in every form.
//! Dates and commits are those of `git log --first-parent` in docker-library/official-images, UTC committer dates.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::collections::BTreeSet;

use cli_support::{Home, Ran, settled};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// Histories grow: what is told as a whole is told up to here.
const UNTIL: [&str; 2] = ["--at", "2026-08-21"];

fn log(arguments: &[&str]) -> Ran {
    Home::new().run(&[&["log"], arguments].concat())
}

fn told(arguments: &[&str]) -> Vec<Value> {
    let answer = log(&[arguments, &UNTIL, &["--json"]].concat()).exits(0).json();
    answer.as_array().unwrap().clone()
}

fn text<'e>(event: &'e Value, field: &str) -> &'e str {
    event[field].as_str().unwrap_or_else(|| panic!("no {field}: {event}"))
}

/// When, what and of which platform (none: of the image itself).
fn short(events: &[Value]) -> Vec<(&str, &str, Option<&str>)> {
    events.iter().map(|event| (text(event, "at"), text(event, "event"), event["platform"].as_str())).collect()
}

// What really happened --------------------------------------------------------------------------------------------

#[test]
fn the_log_of_one_image() {
    assert_snapshot!(settled(log(&["nginx", "--at", "2026-08-21"]).exits(0).text()), @r"
    AT                IMAGE  EVENT   PLATFORMS                                                     BY
    2025-12-24 05:09  nginx  lost    linux/mips64le                                                12b58fdbf368
    2024-12-03 00:30  nginx  gained  linux/riscv64                                                 4f99520b8135
    2020-06-01 23:47  nginx  gained  linux/arm/v5 linux/mips64le                                   a1e0eac9e071
    2018-02-20 21:53  nginx  gained  linux/arm/v6                                                  a55e73661c29
    2017-09-06 17:25  nginx  gained  linux/386 linux/arm/v7 linux/arm64 linux/ppc64le linux/s390x  3c2f13cbb962
    2014-06-05 17:34  nginx  added   linux/amd64                                                   4e4c79ef6d79

    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
}

#[test]
fn an_image_gains_and_loses_platforms() {
    let events = told(&["nginx"]);
    // `git log -S riscv64 -- library/nginx` and so on.
    let expected = json!([
        { "at": "2025-12-24T05:09:44Z", "image": "nginx", "event": "lost", "platform": "linux/mips64le", "withImage": false,
          "rung": "declared", "commit": "12b58fdbf368770c38e387347c461953b21b7b57", "run": null },
        { "at": "2024-12-03T00:30:34Z", "image": "nginx", "event": "gained", "platform": "linux/riscv64", "withImage": false,
          "rung": "declared", "commit": "4f99520b8135bd0a83aa3f57ac4bc5ba87772777", "run": null },
    ]);
    assert_eq!(json!(&events[..2]), expected);
    // It came with linux/amd64, which nobody had to write then.
    let came: Vec<_> = events.iter().filter(|event| text(event, "at") == "2014-06-05T17:34:12Z").collect();
    assert_eq!(came.len(), 2);
    assert!(came.iter().any(|event| event["event"] == "added"
        && event["platform"].is_null()
        && event["withImage"] == false));
    assert!(came.iter().any(|event| event["event"] == "gained"
        && event["platform"] == "linux/amd64"
        && event["withImage"] == true));
    assert!(events.iter().all(|event| event["commit"].as_str().unwrap().len() == 40));
    let platforms: BTreeSet<&str> = events.iter().filter_map(|event| event["platform"].as_str()).collect();
    assert_eq!(platforms.len(), 10);
}

#[test]
fn a_platform_that_comes_back_is_regained() {
    // From 2024-10-30 on every entry of library/percona was commented out, until 2024-12-20.
    let events = told(&["percona", "-p", "linux/amd64"]);
    assert_eq!(
        short(&events),
        [
            ("2024-12-20T20:28:23Z", "regained", Some("linux/amd64")),
            ("2024-10-30T17:49:37Z", "lost", Some("linux/amd64")),
            ("2015-02-23T22:53:11Z", "gained", Some("linux/amd64")),
        ]
    );
    assert_eq!(
        events.iter().map(|event| text(event, "commit")).collect::<Vec<_>>(),
        [
            "497a01d89a64024d25351d5a0293a0fac2a88092",
            "8cb0ae30fd98203eddbbb7dbaa98328cce355088",
            "c4fd7e28fc23877484246ba14ad4cc035319fbfb"
        ]
    );
}

#[test]
fn an_image_that_goes_loses_its_platforms_and_one_that_comes_back_regains_them() {
    // `git log --diff-filter=AD -- library/java library/kibana`.
    let events = told(&["java"]);
    assert_eq!(
        short(&events).into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([
            ("2017-06-08T19:31:20Z", "removed", None),
            ("2017-06-08T19:31:20Z", "lost", Some("linux/amd64")),
            ("2014-06-06T17:38:44Z", "added", None),
            ("2014-06-06T17:38:44Z", "gained", Some("linux/amd64")),
        ])
    );
    let kibana = told(&["kibana", "-p", "amd64"]);
    assert_eq!(
        short(&kibana),
        [
            ("2017-10-24T16:27:06Z", "regained", Some("linux/amd64")),
            ("2017-09-12T17:44:54Z", "lost", Some("linux/amd64")),
            ("2015-06-09T20:25:49Z", "gained", Some("linux/amd64")),
        ]
    );
    assert!(kibana.iter().all(|event| event["withImage"] == true), "{kibana:?}");
    // For a person the coming and going of an image is one line.
    assert_snapshot!(log(&["kibana", "java", "--at", "2026-08-21", "-q"]).exits(0).text(), @r"
    AT                IMAGE   EVENT    PLATFORMS    BY
    2021-06-05 00:14  kibana  gained   linux/arm64  e856d96125be
    2017-10-24 16:27  kibana  added    linux/amd64  970256c694b0
    2017-09-12 17:44  kibana  removed  linux/amd64  87380d105486
    2017-06-08 19:31  java    removed  linux/amd64  7c35f1dfe1a4
    2015-06-09 20:25  kibana  added    linux/amd64  ba372c903fa2
    2014-06-06 17:38  java    added    linux/amd64  c960c7412b64
    ");
}

#[test]
fn what_could_not_be_read_was_neither_gained_nor_lost_and_is_told_later() {
    // The very first files could not be read by what bashbrew is now; those of 2013-12-30 can.
    let events = told(&["busybox"]);
    let first: Vec<_> = short(&events).into_iter().filter(|(at, _, _)| *at < "2014").collect();
    assert_eq!(
        first,
        [("2013-12-30T14:05:30Z", "told", Some("linux/amd64")), ("2013-09-17T17:48:10Z", "added", None)]
    );
    assert_eq!(events.iter().find(|event| event["event"] == "told").unwrap()["withImage"], false);
    // What it got once it could be read, it gained.
    assert_eq!(
        short(&told(&["busybox", "-p", "linux/arm64"])).last().map(|(_, event, _)| *event),
        Some("gained")
    );
    let text = log(&["busybox", "--at", "2013", "-q"]).exits(0);
    assert_snapshot!(text.text(), @r"
    AT                IMAGE    EVENT  PLATFORMS    BY
    2013-12-30 14:05  busybox  told   linux/amd64  bb653fbd8b91
    2013-09-17 17:48  busybox  added               b79dd11851ad
    ");
}

// Filters and limits ------------------------------------------------------------------------------------------------

#[test]
fn the_newest_come_first_and_filters_take_away_alone() {
    let all = told(&[]);
    let times: Vec<&str> = all.iter().map(|event| text(event, "at")).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    assert!(all.len() > 1500, "{}", all.len());

    let arm64: Vec<&Value> = all.iter().filter(|event| event["platform"] == "linux/arm64").collect();
    assert_eq!(Vec::from_iter(&told(&["-p", "linux/arm64"])), arm64);
    assert_eq!(told(&["-p", "arm64v8"]), told(&["-p", "linux/arm64"]));
    let two = |event: &&Value| event["platform"] == "linux/arm64" || event["platform"] == "linux/riscv64";
    assert_eq!(
        told(&["-p", "linux/arm64", "-p", "riscv64"]),
        all.iter().filter(two).cloned().collect::<Vec<_>>()
    );

    let images = |event: &&Value| event["image"] == "nginx" || event["image"] == "java";
    let expected: Vec<Value> = all.iter().filter(images).cloned().collect();
    assert_eq!(told(&["nginx", "java"]), expected);
    assert_eq!(
        told(&["java", "docker.io/library/nginx", "library/nginx", "nginx"]),
        expected,
        "each in any spelling, once"
    );

    let within: Vec<Value> = all
        .iter()
        .filter(|event| ("2017-09-06T17:25:54Z".."2017-10-01T00:00:00Z").contains(&text(event, "at")))
        .cloned()
        .collect();
    assert!(within.len() > 20 && text(within.last().unwrap(), "at") == "2017-09-06T17:25:54Z");
    let told = log(&["--since", "2017-09-06T17:25:54Z", "--at", "2017-09", "--json"]).exits(0).json();
    assert_eq!(told, json!(within), "both ends belong to it");
}

#[test]
fn by_latest_it_is_what_latest_gained_and_lost() {
    // By git: latest of library/nginx never had arm32v6, which is alpine's.
    assert_eq!(told(&["nginx", "-p", "linux/arm/v6"]).len(), 1);
    assert_eq!(told(&["nginx", "-p", "linux/arm/v6", "--latest"]), Vec::<Value>::new());
    assert_eq!(
        short(&told(&["nginx", "-p", "linux/arm64", "--latest"])),
        [("2017-09-06T17:25:54Z", "gained", Some("linux/arm64"))]
    );
}

#[test]
fn a_limit_keeps_the_newest() {
    let all = told(&["percona"]);
    assert_eq!(told(&["percona", "--limit", "2"]), all[..2]);
    assert_eq!(told(&["percona", "--limit", "100000"]), all);
}

#[test]
fn without_a_bound_fifty_lines_are_printed_and_it_says_how_many_there_are() {
    let ran = log(&UNTIL).exits(0);
    let lines: Vec<&str> = ran.text().lines().collect();
    // Below the table: how many there are, and where they are from.
    assert_eq!(lines.len(), 1 + 50 + 2 + 2);
    assert!(lines[52].starts_with("and ") && lines[52].ends_with(" prints them all"), "{}", lines[52]);
    // What it says is to be typed prints as many as it says.
    let limit = lines[52].split("--limit ").nth(1).unwrap().split(' ').next().unwrap();
    let all = log(&[&UNTIL[..], &["--limit", limit]].concat()).exits(0);
    assert_eq!(all.text().lines().count() - 1 - 2, limit.parse::<usize>().unwrap());
    // More rows make wider columns.
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let newest: Vec<_> = all.text().lines().take(51).map(words).collect();
    assert_eq!(newest, lines[..51].iter().map(|line| words(line)).collect::<Vec<_>>());
    let quiet = log(&[&UNTIL[..], &["-q"]].concat()).exits(0);
    assert_eq!(quiet.text(), lines[..51].join("\n") + "\n");
    // One image or a begin is a bound.
    assert!(!log(&["nginx"]).exits(0).text().contains("prints them all"));
    let since = log(&["--since", "2014", "--at", "2015"]).exits(0);
    assert!(since.text().lines().count() > 60 && !since.text().contains("prints them all"));
}

#[test]
fn a_time_in_which_nothing_happened() {
    let arguments = ["nginx", "--since", "2018-03", "--at", "2020-05"];
    assert_snapshot!(settled(log(&arguments).exits(0).text()), @r"
    nothing happened

    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
    assert_eq!(log(&[&arguments[..], &["-q"]].concat()).exits(0).text(), "nothing happened\n");
    assert_eq!(log(&["nginx", "--since", "2018-03", "--at", "2020-05", "--json"]).exits(0).json(), json!([]));
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let ran = log(&["nginx", "--limit", "0"]).exits(2).says("invalid value '0' for '--limit <N>'");
    assert!(ran.stdout.is_empty());
}

// Forms -------------------------------------------------------------------------------------------------------------

#[test]
fn as_csv_it_has_what_json_has() {
    let ran = log(&["percona", "--at", "2026-08-21", "--csv"]).exits(0);
    let mut lines = ran.text().lines();
    assert_eq!(lines.next(), Some("at,image,event,platform,withImage,rung,commit,run"));
    let events = told(&["percona"]);
    let expected: Vec<String> = events
        .iter()
        .map(|event| {
            let platform = event["platform"].as_str().unwrap_or_default();
            let [at, image, what, rung, commit] =
                ["at", "image", "event", "rung", "commit"].map(|field| text(event, field));
            format!("{at},{image},{what},{platform},{},{rung},{commit},", event["withImage"])
        })
        .collect();
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    assert_snapshot!(log(&["percona", "--at", "2026-08-21", "--csv", "--limit", "2"]).exits(0).text(), @r"
    at,image,event,platform,withImage,rung,commit,run
    2024-12-20T20:28:23Z,percona,regained,linux/amd64,false,declared,497a01d89a64024d25351d5a0293a0fac2a88092,
    2024-10-30T17:49:37Z,percona,lost,linux/amd64,false,declared,8cb0ae30fd98203eddbbb7dbaa98328cce355088,
    ");
}

#[test]
fn as_markdown() {
    assert_snapshot!(log(&["-p", "arm64v8", "--since", "2017-06-19", "--at", "2017-07-05", "--markdown"]).exits(0).text(), @r"
    | At | Image | Event | Platforms | By |
    | --- | --- | --- | --- | --- |
    | 2017-06-20 | rabbitmq | lost | linux/arm64 | 79ec98744148 |
    | 2017-06-19 | irssi | gained | linux/arm64 | 93cdf88f38fd |
    | 2017-06-19 | rabbitmq | gained | linux/arm64 | 93cdf88f38fd |
    ");
}

#[test]
fn two_forms_at_once_are_refused() {
    for forms in [["--json", "--csv"], ["--csv", "--markdown"], ["--markdown", "--json"]] {
        let ran = log(&forms).exits(2).says("cannot be used with");
        assert!(ran.stdout.is_empty());
    }
}

// What can't be told --------------------------------------------------------------------------------------------------

#[test]
fn an_image_that_is_none_is_refused_with_the_one_that_was_meant() {
    for (name, said) in [
        ("ngnix", "nothing is known of an image called ngnix"),
        ("ngnix", "did you mean nginx?"),
        ("libary/nginx", "nothing is known of an image called libary/nginx"),
        ("NGINX", "write \"nginx\""),
        ("", "the name of the image is empty"),
    ] {
        let ran = log(&[name]).exits(2).says(said);
        assert!(ran.stdout.is_empty());
    }
    // One that is known beside it does not hide it.
    log(&["nginx", "ngnix"]).exits(2).says("an image called ngnix");
    // A name like none has no suggestion.
    assert!(!log(&["qqqqqqqq"]).exits(2).stderr.contains("did you mean"));
}

#[test]
fn a_tag_or_a_digest_is_refused_with_its_image() {
    let digest = format!("nginx@sha256:{}", "01".repeat(32));
    for name in ["nginx:1.27", "nginx:latest", "docker.io/library/nginx:1", digest.as_str()] {
        let ran = log(&[name]).exits(2).says("what happened is told of images, not of their tags");
        assert!(ran.stdout.is_empty() && ran.stderr.ends_with(" workson log nginx\n"), "{}", ran.stderr);
    }
}

#[test]
fn what_is_asked_wrongly_is_refused_with_a_sentence() {
    for (arguments, said) in [
        (&["--at", "tomorrow"][..], "--at tomorrow: that is no date"),
        (&["--since", "2017-02-30"], "--since 2017-02-30: that is no date"),
        (&["-p", "linux/arm46"], "did you mean arm64?"),
        (&["--limit", "many"], "invalid value"),
        (&["--rung", "ran"], "[possible values: declared, published, verified]"),
        (&["--rung", "verified"], "`workson report --rung verified` counts what was verified"),
    ] {
        log(arguments).exits(2).says(said);
    }
    log(&["--limit=-1"]).exits(2).says("invalid value '-1' for '--limit <N>'");
}

#[test]
fn without_an_inventory_nothing_is_known_to_be_published() {
    log(&["nginx", "--rung", "published"]).exits(2).says("nothing is known of an image called nginx");
}

#[test]
fn that_nothing_is_known_is_not_told_as_that_nothing_happened() {
    // As `report` has it.
    log(&["--rung", "published"]).exits(2).says("no registry was asked");
    for form in [&[][..], &["--json"], &["nginx", "--csv"]] {
        let ran = log(&[&["--since", "2099-01-01"], form].concat()).exits(2);
        let said = "--since 2099-01-01T00:00:00Z is after 20";
        assert!(ran.stderr.contains(said) && ran.stderr.contains("what came later is not known"), "{ran:?}");
        assert!(ran.stdout.is_empty());
    }
    let head = Home::new().run(&["report", "--json"]).exits(0).json()["source"]["headAt"].clone();
    log(&["--since", head.as_str().unwrap(), "-q"]).exits(0);
    // The first commit to the folder was on 2013-09-17 (git).
    log(&["--at", "2012-12-31"]).exits(2).says("before 2013-09-17").says("when what is known begins");
    log(&["--since", "2019", "--at", "2018"]).exits(2).says("is after --at");
}
