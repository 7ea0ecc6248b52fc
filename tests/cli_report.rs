//! `workson report` on a machine that has nothing but the program: the counts that the bundled history holds, at
//! every instant and in every form.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::collections::{BTreeMap, BTreeSet};

use cli_support::{Home, Ran, settled};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// The commit that the numbers below were counted at with git, and every later history has.
const KNOWN_UNTIL: &str = "2026-08-21T23:53:11Z";

fn report(arguments: &[&str]) -> Ran {
    Home::new().run(&[&["report"], arguments].concat())
}

fn told(arguments: &[&str]) -> Value {
    report(&[arguments, &["--json"]].concat()).exits(0).json()
}

/// Supported by any tag, by latest, and how many images there were.
fn counts(answer: &Value) -> (u64, u64, u64) {
    let number = |field: &str| answer[field].as_u64().unwrap_or_else(|| panic!("no {field}: {answer}"));
    (number("supported"), number("supportedLatest"), number("total"))
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

// The counts ----------------------------------------------------------------------------------------------------

#[test]
fn the_newsletters_count_of_september_2017_needs_neither_a_store_nor_a_network() {
    let home = Home::new();
    for arguments in [&["report", "--at", "2017-09-17"][..], &["report", "--at", "2017-09-17", "--latest"]] {
        // Whatever asked the network would fail here.
        let mut command = home.workson(arguments);
        command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("HTTP_PROXY", "http://127.0.0.1:1");
        let ran = cli_support::start(&mut command).ends().exits(0);
        assert!(ran.text().starts_with("44 of 129 images support linux/arm64"), "{}", ran.text());
        assert_eq!(ran.stderr, "");
    }
    let left: Vec<_> = std::fs::read_dir(home.path("")).unwrap().collect();
    assert!(left.is_empty(), "asking left something behind: {left:?}");
}

#[test]
fn the_count_stood_from_one_commit_to_another() {
    // `git log --first-parent` of docker-library/official-images: 41e3b7385561 (solr gains arm64v8) is of
    // 19:53:22 and 50e0afcbc7c1 (telegraf) of 21:52:15, UTC committer dates.
    for (at, expected) in [
        ("2017-09-15T19:53:21Z", (43, 43, 129)),
        ("2017-09-15T19:53:21.999Z", (43, 43, 129)),
        ("2017-09-15T19:53:22Z", (44, 44, 129)),
        ("2017-09-15", (44, 44, 129)),
        ("2017-09-16", (44, 44, 129)),
        ("2017-09-17", (44, 44, 129)),
        ("2017-09-18T21:52:14Z", (44, 44, 129)),
        ("2017-09-18T21:52:15Z", (45, 45, 129)),
        ("2017-09-18", (45, 45, 129)),
    ] {
        assert_eq!(counts(&told(&["--at", at])), expected, "{at}");
    }
}

#[test]
fn an_instant_is_read_as_it_is_written() {
    for (written, at) in [
        ("2017-09-17", "2017-09-17T23:59:59Z"),
        ("2017-09", "2017-09-30T23:59:59Z"),
        ("2016-02", "2016-02-29T23:59:59Z"),
        ("2017", "2017-12-31T23:59:59Z"),
        ("2017-09-15T19:53", "2017-09-15T19:53:00Z"),
        // The same second, on clocks elsewhere.
        ("2017-09-15T21:53:22+02:00", "2017-09-15T19:53:22Z"),
        ("2017-09-15T12:53:22-07:00", "2017-09-15T19:53:22Z"),
        ("2017-09-16T05:23:22+09:30", "2017-09-15T19:53:22Z"),
    ] {
        assert_eq!(told(&["--at", written])["at"], at, "{written}");
    }
    assert_eq!(counts(&told(&["--at", "2017-09-15T21:53:21+02:00"])).0, 43);
    assert_eq!(counts(&told(&["--at", "2017-09-15T21:53:22+02:00"])).0, 44);
    // By git: 57 of 134 when the year ended.
    assert_eq!(counts(&told(&["--at", "2017"])), (57, 57, 134));
    assert_eq!(told(&["--at", "2017"]), told(&["--at", "2017-12"]));
}

/// For each of five platforms: by any tag and by latest.
type Counted = [(u64, u64); 5];

/// How many files of `library/` name the platform in any entry, in the entry of `latest` (or the first, where no
/// entry is), and how many files there are: counted in the real repository with git and another program.
const BY_GIT: [(&str, Counted, u64); 12] = [
    // arm64v8, amd64, riscv64, arm32v7, windows-amd64
    ("2013-12-31", [(0, 0), (6, 6), (0, 0), (0, 0), (0, 0)], 6),
    ("2014-12-31", [(0, 0), (53, 53), (0, 0), (0, 0), (0, 0)], 53),
    ("2017-06-20", [(20, 19), (130, 130), (0, 0), (20, 20), (8, 0)], 130),
    ("2017-09-17", [(44, 44), (129, 129), (0, 0), (41, 40), (9, 3)], 129),
    ("2018-02-28", [(61, 61), (136, 136), (0, 0), (52, 52), (9, 7)], 137),
    ("2020-02-29", [(101, 92), (143, 143), (0, 0), (62, 56), (12, 11)], 145),
    ("2021-06-05", [(110, 107), (147, 147), (0, 0), (66, 60), (15, 13)], 151),
    ("2022-07-04", [(118, 116), (142, 142), (7, 4), (71, 66), (15, 12)], 143),
    ("2023-12-31", [(134, 133), (145, 145), (5, 2), (74, 66), (16, 11)], 146),
    ("2024-12-20", [(129, 127), (138, 138), (37, 12), (65, 57), (15, 11)], 141),
    ("2025-08-18", [(128, 126), (136, 136), (47, 34), (64, 57), (15, 11)], 141),
    (KNOWN_UNTIL, [(129, 128), (137, 137), (48, 44), (65, 58), (15, 10)], 144),
];
const FIVE: [&str; 5] = ["linux/arm64", "linux/amd64", "linux/riscv64", "linux/arm/v7", "windows/amd64"];

#[test]
fn the_counts_are_those_of_the_real_repository_and_of_the_bundled_file() {
    let asked: Vec<&str> = FIVE.iter().flat_map(|platform| ["-p", platform]).collect();
    let bundled = Bundled::read();
    for (at, by_git, total) in BY_GIT {
        let answers = told(&[&["--at", at], asked.as_slice()].concat());
        for (place, platform) in FIVE.iter().enumerate() {
            let answer = &answers[place];
            let (any, latest) = by_git[place];
            assert_eq!(answer["platform"], *platform);
            assert_eq!(counts(answer), (any, latest, total), "{platform} at {at}");
            let read = bundled.at(answer["at"].as_str().unwrap(), platform);
            assert_eq!(counts(answer), (read.any.len() as u64, read.latest, read.all.len() as u64), "{at}");
            assert_eq!(names(&answer["images"]), Vec::from_iter(&read.any), "{platform} at {at}");
            let rest: Vec<&String> = read.all.difference(&read.any).collect();
            assert_eq!(names(&answer["lacking"]), rest, "{platform} at {at}");
        }
    }
}

/// The bundled file, read line by line without any of the program's code.
struct Bundled {
    sets: Vec<Vec<String>>,
    moments: Vec<String>,
    images: Vec<Value>,
}

struct Read {
    any: BTreeSet<String>,
    latest: u64,
    all: BTreeSet<String>,
}

impl Bundled {
    fn read() -> Bundled {
        let mut bundled = Bundled { sets: Vec::new(), moments: Vec::new(), images: Vec::new() };
        for line in include_str!("../data/official-images-history.jsonl").lines().skip(1) {
            let mut line: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
            match line.pop_first().unwrap() {
                (kind, set) if kind == "set" => bundled.sets.push(serde_json::from_value(set).unwrap()),
                (kind, moment) if kind == "moment" => {
                    bundled.moments.push(moment[0].as_str().unwrap().to_owned());
                }
                (kind, image) if kind == "image" => bundled.images.push(image),
                (kind, _) => assert_eq!(kind, "problem"),
            }
        }
        bundled
    }

    fn moment(&self, place: &Value) -> &str {
        &self.moments[place.as_u64().unwrap() as usize]
    }

    /// What stood at an instant: all are RFC 3339 with whole seconds in UTC, whose order is that of their text.
    fn offered(&self, spans: &Value, at: &str) -> Option<&Vec<String>> {
        let stood =
            |span: &&Value| self.moment(&span[2]) <= at && (span[3].is_null() || self.moment(&span[3]) > at);
        let span = spans.as_array().unwrap().iter().find(stood)?;
        Some(&self.sets[span[0].as_u64().unwrap() as usize])
    }

    fn at(&self, at: &str, platform: &str) -> Read {
        let mut read = Read { any: BTreeSet::new(), latest: 0, all: BTreeSet::new() };
        for image in &self.images {
            let Some(any) = self.offered(&image["any"], at) else { continue };
            let name = image["name"].as_str().unwrap().to_owned();
            if any.iter().any(|offered| offered == platform) {
                read.any.insert(name.clone());
            }
            let latest = self.offered(&image["latest"], at);
            read.latest += u64::from(latest.is_some_and(|set| set.iter().any(|offered| offered == platform)));
            read.all.insert(name);
        }
        read
    }
}

#[test]
fn without_a_date_it_is_the_newest_commit_that_is_known() {
    let newest = told(&[]);
    let head = newest["source"]["headAt"].as_str().unwrap();
    assert_eq!(newest["at"], head);
    assert!(head >= KNOWN_UNTIL);
    assert_eq!(newest, told(&["--at", head]));
}

// JSON ----------------------------------------------------------------------------------------------------------

#[test]
fn the_fields_of_one_instant_agree_with_each_other() {
    for (by, arguments) in [("any", &[][..]), ("latest", &["--latest"])] {
        // In 2020 nine images had linux/arm64 by some other tag alone.
        let answer = told(&[&["--at", "2020-02-29"], arguments].concat());
        assert_eq!(counts(&answer), (101, 92, 145), "the counts don't depend on --latest");
        for field in [
            "at",
            "platform",
            "officialName",
            "rung",
            "by",
            "images",
            "lacking",
            "unknown",
            "stale",
            "gained",
        ] {
            assert!(!answer[field].is_null(), "no {field}");
        }
        assert_eq!(
            (&answer["at"], &answer["platform"], &answer["officialName"], &answer["rung"], &answer["by"]),
            (
                &json!("2020-02-29T23:59:59Z"),
                &json!("linux/arm64"),
                &json!("arm64v8"),
                &json!("declared"),
                &json!(by)
            )
        );
        let (images, lacking) = (names(&answer["images"]), names(&answer["lacking"]));
        assert_eq!(answer["unknown"], json!([]));
        assert_eq!(images.len() as u64, answer[if by == "any" { "supported" } else { "supportedLatest" }]);
        assert_eq!(images.len() + lacking.len(), 145);
        let both: BTreeSet<&str> = images.iter().chain(&lacking).copied().collect();
        assert_eq!(both.len(), 145, "an image is told twice");
        assert!(images.is_sorted() && lacking.is_sorted());
        assert_eq!(
            answer["rungs"],
            json!([{ "rung": "declared", "at": "2020-02-29T23:59:59Z", "supported": 101, "supportedLatest": 92, "unknown": 0, "total": 145 }])
        );
        assert_eq!(answer["source"]["kept"], "bundled");
        assert_eq!(answer["source"]["name"], "https://github.com/docker-library/official-images");
    }
}

#[test]
fn what_could_not_be_read_is_neither_supported_nor_lacking() {
    // By git, these five were there, in the old form and with a maintainer's line that bashbrew refuses.
    let answer = told(&["-p", "linux/amd64", "--at", "2016-06-30"]);
    let unknown: Vec<&str> = answer["unknown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unknown| {
            assert!(unknown["reason"].as_str().unwrap().contains("Maintainers"), "{unknown}");
            unknown["image"].as_str().unwrap()
        })
        .collect();
    assert_eq!(unknown, ["kaazing-gateway", "nuxeo", "piwik", "rakudo-star", "rocket.chat"]);
    assert_eq!((counts(&answer), &answer["lacking"]), ((101, 101, 106), &json!([])));
    let ran = report(&["-p", "linux/amd64", "--at", "2016-06-30"]).exits(0);
    assert!(
        ran.text().starts_with("101 of 106 images support linux/amd64; 5 could not be told\n"),
        "{}",
        ran.text()
    );
    assert!(
        ran.text().contains("could not be told (5):\n  kaazing-gateway: line 3: the first paragraph"),
        "{}",
        ran.text()
    );
    // What can't be read may name any platform.
    assert_eq!(told(&["--at", "2016-06-30"])["unknown"].as_array().unwrap().len(), 5);
}

#[test]
fn gained_and_lost_name_the_newest_five_first() {
    let answer = told(&["--at", "2026-08-21"]);
    let events = |field: &str| -> Vec<(String, String, bool)> {
        let events = answer[field].as_array().unwrap().iter();
        let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
        events
            .map(|event| (text(event, "at"), text(event, "image"), event["withImage"].as_bool().unwrap()))
            .collect()
    };
    // By `git log -S arm64v8 -- library/…` of each.
    let told = |at: &str, image: &str, with_image| (at.to_owned(), image.to_owned(), with_image);
    assert_eq!(
        events("lost"),
        [
            told("2025-10-13T22:23:18Z", "unit", false),
            told("2025-09-26T16:46:26Z", "bonita", false),
            told("2025-08-18T22:38:46Z", "mono", true),
            told("2025-06-10T17:38:47Z", "ibm-semeru-runtimes", false),
            told("2025-06-04T22:29:14Z", "mongo-express", false),
        ]
    );
    let gained = events("gained");
    assert_eq!(gained.len(), 5);
    assert_eq!(gained[0], told("2026-08-21T23:53:11Z", "espocrm", true));
    assert!(gained.is_sorted_by(|a, b| a.0 >= b.0));
    assert_eq!(answer["gained"][0]["origin"], "37079fb336f572a88700cf32e5e1f6be54a04e8f");
}

#[test]
fn the_names_of_the_official_images_are_names_of_platforms() {
    for (name, platform) in [
        ("amd64", "linux/amd64"),
        ("arm32v5", "linux/arm/v5"),
        ("arm32v6", "linux/arm/v6"),
        ("arm32v7", "linux/arm/v7"),
        ("arm64v8", "linux/arm64"),
        ("i386", "linux/386"),
        ("mips64le", "linux/mips64le"),
        ("ppc64le", "linux/ppc64le"),
        ("riscv64", "linux/riscv64"),
        ("s390x", "linux/s390x"),
        ("windows-amd64", "windows/amd64"),
    ] {
        let by_name = told(&["--at", "2025-03-01", "-p", name]);
        assert_eq!(by_name["officialName"], name);
        assert_eq!(by_name["platform"], platform);
        assert!(counts(&by_name).0 > 0, "{name}");
        assert_eq!(by_name, told(&["--at", "2025-03-01", "-p", platform]));
    }
    // What can't run there does not count: in 2017 more images had arm32v7 than arm32v5.
    assert!(
        counts(&told(&["--at", "2017-09-17", "-p", "arm32v5"])).0
            < counts(&told(&["--at", "2017-09-17", "-p", "arm32v7"])).0
    );
}

#[test]
fn several_platforms_are_told_in_the_order_asked() {
    let answers = told(&["--at", "2025-03-01", "-p", "riscv64", "-p", "linux/arm64"]);
    let platforms: Vec<&Value> =
        answers.as_array().unwrap().iter().map(|answer| &answer["platform"]).collect();
    assert_eq!(platforms, ["linux/riscv64", "linux/arm64"]);
    assert_eq!(answers[1], told(&["--at", "2025-03-01"]));
    let text = report(&["--at", "2017-09-17", "-p", "riscv64", "-p", "arm64v8", "--quiet"])
        .exits(0)
        .text()
        .to_owned();
    assert_eq!(text, "0 of 129 images support linux/riscv64\n44 of 129 images support linux/arm64\n");
}

// Series --------------------------------------------------------------------------------------------------------

fn series(arguments: &[&str]) -> (Value, Vec<String>) {
    let answer = told(arguments);
    let at =
        answer["series"].as_array().unwrap().iter().map(|point| point["at"].as_str().unwrap().to_owned());
    let at = at.collect();
    (answer, at)
}

#[test]
fn a_series_has_the_last_second_of_each_period_and_ends_where_it_was_told_to() {
    for (every, since, at, expected) in [
        // Days, over a leap day, from the middle of one to the middle of another.
        (
            "day",
            "2020-02-27T12:00",
            "2020-03-01T06:00Z",
            &["2020-02-27T23:59:59Z", "2020-02-28T23:59:59Z", "2020-02-29T23:59:59Z", "2020-03-01T06:00:00Z"]
                [..],
        ),
        // 2017-09-10 and 2017-09-17 were Sundays, with which ISO 8601's weeks end.
        ("week", "2017-09-10", "2017-09-17T12:00", &["2017-09-10T23:59:59Z", "2017-09-17T12:00:00Z"]),
        (
            "week",
            "2017-09-13",
            "2017-10-02",
            &["2017-09-17T23:59:59Z", "2017-09-24T23:59:59Z", "2017-10-01T23:59:59Z", "2017-10-02T23:59:59Z"],
        ),
        // The 53rd week of 2020 ended on 2021-01-03.
        ("week", "2020-12-28", "2021-01-10", &["2021-01-03T23:59:59Z", "2021-01-10T23:59:59Z"]),
        (
            "month",
            "2019-12-15",
            "2020-03-10",
            &["2019-12-31T23:59:59Z", "2020-01-31T23:59:59Z", "2020-02-29T23:59:59Z", "2020-03-10T23:59:59Z"],
        ),
        // A last point that is the end of a period is there once.
        ("month", "2023-01-31", "2023-02", &["2023-01-31T23:59:59Z", "2023-02-28T23:59:59Z"]),
        (
            "month",
            "2020-02-29T23:59:59Z",
            "2020-03-01T00:00:00Z",
            &["2020-02-29T23:59:59Z", "2020-03-01T00:00:00Z"],
        ),
        (
            "year",
            "2015-06",
            "2018-03-05T10:00:00+02:00",
            &["2015-12-31T23:59:59Z", "2016-12-31T23:59:59Z", "2017-12-31T23:59:59Z", "2018-03-05T08:00:00Z"],
        ),
        ("year", "2017-09-15T19:53:22Z", "2017-09-15T19:53:22Z", &["2017-09-15T19:53:22Z"]),
    ] {
        let (answer, instants) = series(&["--every", every, "--since", since, "--at", at]);
        assert_eq!(instants, expected, "every {every} since {since} at {at}");
        assert_eq!(answer["every"], every);
        assert_eq!(answer["until"], *expected.last().unwrap());
    }
}

#[test]
fn every_point_of_a_series_is_the_count_at_that_instant() {
    let (answer, instants) =
        series(&["--since", "2017-06-15", "--at", "2018-03-05T08:00Z", "--every", "month", "-p", "arm32v7"]);
    assert_eq!(
        (&answer["platform"], &answer["officialName"], &answer["rung"], &answer["since"]),
        (&json!("linux/arm/v7"), &json!("arm32v7"), &json!("declared"), &json!("2017-06-15T00:00:00Z"))
    );
    assert_eq!(instants.len(), 10);
    for (place, at) in instants.iter().enumerate() {
        let point = &answer["series"][place];
        let then = told(&["--at", at, "-p", "arm32v7"]);
        assert_eq!(counts(point), counts(&then), "{at}");
        assert_eq!(point["unknown"], then["unknown"].as_array().unwrap().len(), "{at}");
    }
}

#[test]
fn without_since_a_series_begins_with_the_first_commit_and_without_every_it_has_some_dozens_of_points() {
    let (answer, instants) = series(&["--every", "year"]);
    // `git log --reverse`: 2013-09-17T17:48:10Z.
    assert_eq!(answer["since"], "2013-09-17T17:48:10Z");
    assert_eq!(instants[0], "2013-12-31T23:59:59Z");
    assert_eq!(answer["until"], answer["source"]["headAt"]);
    assert_eq!(instants.last().unwrap(), answer["until"].as_str().unwrap());
    for (since, at, every, points) in [
        ("2017-09-01", "2017-09-17", "day", 17),
        ("2017-01", "2017-12", "week", 53),
        ("2015", "2018", "month", 48),
    ] {
        let (answer, instants) = series(&["--since", since, "--at", at]);
        assert_eq!((&answer["every"], instants.len()), (&json!(every), points), "{since} {at}");
    }
}

#[test]
fn several_platforms_give_several_series() {
    let answers =
        told(&["--since", "2017-08", "--at", "2017-09", "--every", "month", "-p", "arm64v8", "-p", "i386"]);
    let found: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["platform"].clone(), counts(&answer["series"][1])))
        .collect();
    // By git at 2017-09-30: 49 and 49, 40 and 39, of 129.
    assert_eq!(found[0], (json!("linux/arm64"), (49, 49, 129)));
    assert_eq!(found[1], (json!("linux/386"), (40, 39, 129)));
    assert_eq!(found.len(), 2);
}

// What can't be told --------------------------------------------------------------------------------------------

#[test]
fn before_the_first_commit_and_after_the_last_it_says_what_is_not_known() {
    for at in ["2012", "2013-09-17T17:48:09Z"] {
        let ran = report(&["--at", at]).exits(0);
        assert!(ran.text().starts_with("0 of 0 images support linux/arm64\n"), "{}", ran.text());
        assert!(ran.text().contains("; what is known begins at 2013-09-17T17:48:10Z\n"), "{}", ran.text());
    }
    let first = report(&["--at", "2013-09-17T17:48:10Z"]).exits(0);
    assert!(
        first.text().starts_with("0 of 3 images support linux/arm64; 3 could not be told"),
        "{}",
        first.text()
    );
    assert!(!first.text().contains("what is known begins"), "{}", first.text());

    let newest = told(&[]);
    let head = newest["source"]["headAt"].as_str().unwrap();
    let ran = report(&["--at", "2099"]).exits(0);
    assert!(ran.text().contains(&format!("what happened after {head} is not known")), "{}", ran.text());
    assert_eq!(counts(&told(&["--at", "2099"])), counts(&newest));
    let ran = report(&["--at", head]).exits(0);
    assert!(!ran.text().contains("is not known"), "{}", ran.text());
}

#[test]
fn what_is_asked_wrongly_is_refused_with_a_sentence() {
    for (arguments, said) in [
        (&["--at", "yesterday"][..], "--at yesterday: that is no date"),
        (&["--at", "2017-02-29"], "--at 2017-02-29: that is no date"),
        (&["--at", "17-09-2017"], "for example 2017-09-17"),
        (&["--since", "2017-13"], "--since 2017-13: that is no date"),
        (&["--since", "2099"], "--since 2099-01-01T00:00:00Z is after"),
        (&["-p", "linux/arm46"], "there is no architecture \"arm46\""),
        (&["-p", "linux/arm46"], "did you mean arm64?"),
        (&["-p", "linus/arm64"], "did you mean linux?"),
        (&["-p", "linux/arm/v7/x"], "a platform has at most three parts"),
        (&["-p", ""], "--platform"),
        (&["--rung", "ran"], "[possible values: declared, published, verified]"),
        (&["--rung", "verified"], "nothing was verified yet"),
        (&["--rung", "published"], "no registry was asked about the official images yet"),
        (&["--every", "hour"], "[possible values: day, week, month, year]"),
        (&["--json", "--csv"], "cannot be used with"),
        (&["--markdown", "--json"], "cannot be used with"),
        (&["--csv", "--markdown", "--every", "year"], "cannot be used with"),
    ] {
        let ran = report(arguments).exits(2).says(said);
        assert!(ran.stdout.is_empty(), "{arguments:?}: {}", ran.text());
    }
}

// Forms ---------------------------------------------------------------------------------------------------------

#[test]
fn the_report_of_one_instant() {
    assert_snapshot!(settled(report(&["--at", "2017-09-17"]).exits(0).text()), @r"
    44 of 129 images support linux/arm64
    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    as of 2017-09-17T23:59:59Z

    PLATFORM     RUNG      ANY TAG  LATEST  NOT TOLD  IMAGES  AS OF
    linux/arm64  declared  44       44      0         129     2017-09-17

    without linux/arm64 (85):
      adminer aerospike alpine amazonlinux arangodb backdrop bash bonita chronograf
      cirros clearlinux composer consul convertigo couchbase couchdb crate crux
      docker eclipse-mosquitto eggdrop elixir flink fsharp gazebo geonetwork gradle
      groovy haskell haxe ibmjava influxdb jenkins jetty joomla jruby julia
      kaazing-gateway kapacitor known kong lightstreamer mageia mariadb mediawiki
      mongo mongo-express mysql nats nats-streaming neo4j neurodebian notary nuxeo
      odoo opensuse oraclelinux orientdb percona photon php-zendserver piwik plone
      pypy r-base rakudo-star rapidoid registry rethinkdb rocket.chat sentry
      silverpeas sonarqube sourcemage storm swarm swift swipl telegraf thrift vault
      websphere-liberty xwiki znc zookeeper

    linux/arm64 gained last:
      2017-09-15  solr     41e3b7385561
      2017-09-14  centos   077906f86af9
      2017-09-13  maven    31fa3fb6aa0a
      2017-09-12  clojure  1a7aa823c43d
      2017-09-08  traefik  46236dd67abd

    linux/arm64 lost last:
      2017-06-20  rabbitmq  79ec98744148
    ");
}

#[test]
fn the_report_of_an_instant_with_losses_by_latest() {
    assert_snapshot!(settled(report(&["--at", "2025-08-20", "--latest", "-p", "riscv64"]).exits(0).text()), @r"
    37 of 141 images support linux/riscv64 by the tag latest
    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    as of 2025-08-20T23:59:59Z

    PLATFORM       RUNG      ANY TAG  LATEST  NOT TOLD  IMAGES  AS OF
    linux/riscv64  declared  47       37      0         141     2025-08-20

    without linux/riscv64 (104):
      aerospike almalinux alt amazoncorretto amazonlinux api-firewall arangodb
      archlinux backdrop bonita cassandra chronograf cirros clearlinux clefos
      clickhouse clojure convertigo couchbase couchdb crate docker eclipse-mosquitto
      eggdrop elasticsearch elixir emqx erlang fedora flink fluentd friendica gazebo
      geonetwork ghost haskell haxe hitch hylang ibm-semeru-runtimes ibmjava
      influxdb jetty jruby julia kapacitor kibana kong krakend lightstreamer
      liquibase logstash mageia mariadb matomo mediawiki mongo mongo-express mysql
      nats neo4j neurodebian nginx node notary odoo open-liberty openjdk oraclelinux
      orientdb percona photon php-zendserver phpmyadmin plone postfixadmin pypy
      r-base rakudo-star redis redmine rethinkdb rocket.chat rockylinux ros rust
      sapmachine satosa silverpeas solr sonarqube spark storm swift swipl teamspeak
      telegraf tomee unit varnish websphere-liberty xwiki znc zookeeper

    linux/riscv64 gained last:
      2025-08-19  joomla     8bcf70d25247
      2025-08-19  monica     883d76da6fde
      2025-08-19  yourls     93cf829bc304
      2025-08-18  perl       851a7bd0cfcd
      2025-08-14  nextcloud  9e225951e373

    linux/riscv64 lost last:
      2023-02-01  rabbitmq  071c9866a41b
      2023-01-31  ubuntu    846a5277d675
    ");
}

#[test]
fn a_table_by_months() {
    let arguments = ["--since", "2017-06-01", "--at", "2018-03-15T12:00", "--every", "month"];
    assert_snapshot!(settled(report(&arguments).exits(0).text()), @r"
    linux/arm64, declared
    AT                ANY TAG  LATEST  NOT TOLD  IMAGES  CHANGE
    2017-06-30        20       19      0         129
    2017-07-31        23       22      0         129     +3
    2017-08-31        35       35      0         132     +12
    2017-09-30        49       49      0         129     +14
    2017-10-31        54       54      0         132     +5
    2017-11-30        57       57      0         133     +3
    2017-12-31        57       57      0         134
    2018-01-31        60       60      0         136     +3
    2018-02-28        61       61      0         137     +1
    2018-03-15 12:00  61       61      0         137

    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
    // The change is that of the count which was asked for.
    assert_snapshot!(report(&["--since", "2020-03-17", "--at", "2020-03-20", "--latest", "-q"]).exits(0).text(), @r"
    linux/arm64, declared
    AT          ANY TAG  LATEST  NOT TOLD  IMAGES  CHANGE OF LATEST
    2020-03-17  101      92      0         145
    2020-03-18  101      92      0         145
    2020-03-19  101      91      0         145     -1
    2020-03-20  101      91      0         145
    ");
    // In 2016, files in the old form could not be read.
    assert_snapshot!(report(&["--since", "2016-06", "--at", "2016-07", "--every", "month", "-q"]).exits(0).text(), @r"
    linux/arm64, declared
    AT          ANY TAG  LATEST  NOT TOLD  IMAGES  CHANGE
    2016-06-30  0        0       5         106
    2016-07-31  0        0       4         110
    ");
}

#[test]
fn as_markdown() {
    assert_snapshot!(settled(report(&["--at", "2017-07-01", "-p", "ppc64le", "--markdown"]).exits(0).text()), @r"
    **21 of 129 images support linux/ppc64le**

    | Platform | Rung | Any tag | `latest` | Not told | Images | As of |
    | --- | --- | --- | --- | --- | --- | --- |
    | linux/ppc64le | declared | 21 | 21 | 0 | 129 | 2017-07-01 |

    Without linux/ppc64le (108): adminer, aerospike, alpine, amazonlinux, arangodb, backdrop, bash, bonita, cassandra, centos, chronograf, cirros, clearlinux, clojure, composer, consul, convertigo, couchbase, couchdb, crate, crux, docker, drupal, eclipse-mosquitto, eggdrop, elasticsearch, elixir, erlang, fedora, flink, fsharp, gazebo, geonetwork, ghost, gradle, groovy, haskell, haxe, hylang, ibmjava, influxdb, jenkins, jetty, joomla, jruby, julia, kaazing-gateway, kapacitor, kibana, known, kong, lightstreamer, logstash, mageia, mariadb, maven, mongo, mongo-express, mono, mysql, nats, nats-streaming, neo4j, neurodebian, nextcloud, nginx, node, notary, nuxeo, odoo, opensuse, oraclelinux, orientdb, owncloud, percona, perl, photon, php-zendserver, piwik, plone, pypy, r-base, rabbitmq, rakudo-star, rapidoid, redmine, registry, rethinkdb, rocket.chat, ros, sentry, silverpeas, solr, sonarqube, sourcemage, spiped, storm, swarm, swift, telegraf, thrift, tomee, traefik, vault, websphere-liberty, xwiki, znc, zookeeper

    Gained last, linux/ppc64le:

    - 2017-06-19 rabbitmq (93cdf88f38fd)
    - 2017-06-19 irssi (93cdf88f38fd)
    - 2017-06-16 wordpress (bc585c3cfe69)
    - 2017-06-16 python (bc585c3cfe69)
    - 2017-06-16 php (bc585c3cfe69)

    Lost last, linux/ppc64le:

    - 2017-06-20 rabbitmq (6e1762864026)

    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
    let arguments = ["--since", "2017-08", "--at", "2017-10", "--every", "month", "--markdown"];
    assert_snapshot!(settled(report(&arguments).exits(0).text()), @r"
    | At | linux/arm64 | by `latest` | Not told | Images |
    | --- | --- | --- | --- | --- |
    | 2017-08-31 | 35 | 35 | 0 | 132 |
    | 2017-09-30 | 49 | 49 | 0 | 129 |
    | 2017-10-31 | 54 | 54 | 0 | 132 |

    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
}

#[test]
fn markdown_headings_are_code_where_they_are_meant_to_be() {
    for arguments in [&["--at", "2017-09-17"][..], &["--every", "year"]] {
        let ran = report(&[arguments, &["--markdown"]].concat()).exits(0);
        assert!(ran.text().contains("`latest`") && !ran.text().contains("\\`"), "{}", ran.text());
    }
}

#[test]
fn as_csv() {
    let ran = report(&["--at", "2020-02-29", "--csv"]).exits(0);
    let mut lines = ran.text().lines();
    assert_eq!(lines.next(), Some("at,platform,rung,image,any,latest"));
    assert_eq!(lines.clone().count(), 145);
    let answer = told(&["--at", "2020-02-29"]);
    let by = |place: usize| -> Vec<&str> {
        let cells = lines.clone().map(|line| line.split(',').collect::<Vec<_>>());
        cells.filter(|cells| cells[place] == "yes").map(|cells| cells[3]).collect()
    };
    assert_eq!(by(4), names(&answer["images"]));
    assert_eq!(by(5).len(), 92);
    assert!(lines.all(|line| line.starts_with("2020-02-29T23:59:59Z,linux/arm64,declared,")));
    assert_snapshot!(report(&["--since", "2017-09-16", "--at", "2017-09-17T12:00", "--csv", "-p", "arm64v8", "-p", "i386"]).exits(0).text(), @r"
    at,platform,rung,supported,supportedLatest,unknown,total
    2017-09-16T23:59:59Z,linux/arm64,declared,44,44,0,129
    2017-09-17T12:00:00Z,linux/arm64,declared,44,44,0,129
    2017-09-16T23:59:59Z,linux/386,declared,40,39,0,129
    2017-09-17T12:00:00Z,linux/386,declared,40,39,0,129
    ");
}

#[test]
fn quiet_is_the_one_line_that_was_asked_for() {
    assert_eq!(
        report(&["--at", "2017-09-17", "-q"]).exits(0).text(),
        "44 of 129 images support linux/arm64\n"
    );
    assert_eq!(
        report(&["--at", "2020-02-29", "-q", "--latest"]).exits(0).text(),
        "92 of 145 images support linux/arm64 by the tag latest\n"
    );
}

#[test]
fn the_chart_where_there_is_no_terminal() {
    let ran = report(&["--since", "2014", "--at", "2019", "--every", "year", "--chart"]).exits(0);
    let lines = || ran.text().lines().filter(|line| !line.starts_with("declared: "));
    assert!(lines().all(|line| line.chars().count() <= 80), "{}", ran.text());
    assert_snapshot!(settled(ran.text()), @r"
    Docker's official images, declared
    150 ┤                                                   ⡀⡀⡀⡀⡀⡀⠄⡀⡀⡀⡀⡀⠄⠄⠄⡀⠄⠄⠄⠄⠄⠂⠂⠂
        │                                    ⡀⡀⠄⠂⠁⠁⠂⠂⠂⠂⠂⠂⠁⠁⠁
        │                             ⡀⡀⡀⠂⠂⠁⠁                         ▁▂▂▃▂▃▁
    100 ┤                      ⡀⠄⠄⠄⠄⠂⠁                            ▃▆▆▇███████▇█▇▇▇██
        │               ⡀⡀⠄⠄⠂⠁⠁                                ▁▂▆██████████████████
        │            ⡀⠄⠁                                ▂▃▃▄▅▆▇█████████████████████
     50 ┤         ⡀⠄⠂                                 ▁█████████████████████████████
        │     ⡀⠄⠂⠁                                  ▂▃██████████████████████████████
        │⠄⠄⠄⠄⠂                                     ▃████████████████████████████████
      0 └┬───────────┬───────────┬────────────┬────────────┬───────────┬────────────
         2014      2015        2016         2017         2018        2019
    █ linux/arm64 100   ⠒ all images 144

    linux/arm64, declared
    AT          ANY TAG  LATEST  NOT TOLD  IMAGES  CHANGE
    2014-12-31  0        0       0         53
    2015-12-31  0        0       4         92
    2016-12-31  0        0       4         122
    2017-12-31  57       57      0         134     +57
    2018-12-31  103      99      0         138     +46
    2019-12-31  100      90      0         144     -3

    declared: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
    // Who does not ask for it gets none in a pipe.
    let plain = report(&["--since", "2014", "--at", "2019", "--every", "year"]).exits(0);
    let table = ran.text().split_once("\n\n").unwrap().1;
    assert_eq!(plain.text(), table);
}

#[test]
fn several_platforms_are_lines_of_one_chart() {
    let ran =
        report(&["--since", "2014", "--at", "2025", "-p", "arm64v8", "-p", "riscv64", "--chart"]).exits(0);
    let legend = ran.text().lines().find(|line| line.contains("linux/riscv64 ")).unwrap();
    // The last value stands behind each name; at the end of 2025 (git): 126 and 47 of 141.
    for said in ["linux/arm64 126", "linux/riscv64 47", "all images 141"] {
        assert!(legend.contains(said), "{legend}");
    }
}

/// What a terminal of this many columns gets.
fn in_a_terminal(arguments: &str, environment: &str) -> Ran {
    let home = Home::new();
    let script =
        format!("TERM=xterm {environment} script -qec \"stty cols 100 rows 40; $W {arguments}\" /dev/null");
    home.shell(&script)
}

#[test]
fn a_terminal_gets_the_chart_and_colours_unless_they_are_not_wanted() {
    let coloured = in_a_terminal("report --at 2017-09-17", "").exits(0);
    assert!(coloured.text().contains("\u{1b}["), "{}", coloured.text());
    assert!(coloured.text().contains("Docker's official images, declared"), "{}", coloured.text());
    for (arguments, environment) in
        [("--no-color report --at 2017-09-17", ""), ("report --at 2017-09-17", "NO_COLOR=1")]
    {
        let ran = in_a_terminal(arguments, environment).exits(0);
        assert!(!ran.text().contains('\u{1b}'), "{}", ran.text());
        assert!(ran.text().contains("Docker's official images, declared"), "{}", ran.text());
    }
    let piped = Home::new().shell("TERM=xterm \"$W\" report --at 2017-09-17 --chart | cat").exits(0);
    assert!(!piped.text().contains('\u{1b}'), "{}", piped.text());
    assert!(!in_a_terminal("report -q --at 2017-09-17", "").exits(0).text().contains("official images"));
}

// SVG -----------------------------------------------------------------------------------------------------------

/// A small check that a text is XML: tags nest and end, attributes are quoted.
fn assert_well_formed(svg: &str) {
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    let mut open: Vec<&str> = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>') || open.last() == Some(&"style"), "{text}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match tag {
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            _ if tag.ends_with('/') => {}
            _ => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_chart_as_svg_replaces_the_file_whole() {
    let home = Home::new();
    let path = home.write("chart.svg", "x".repeat(1 << 20));
    let ran = home.run(&["report", "--at", "2017-09-17", "--svg", &path]).exits(0);
    assert!(ran.text().starts_with("44 of 129 images support"), "the report is printed all the same");
    let svg = std::fs::read_to_string(&path).unwrap();
    assert_well_formed(&svg);
    assert!(svg.contains("<title>Docker's official images, declared</title>"), "{svg}");
    assert!(svg.contains("<desc>Lines from 2013-09-17 to 2017-09-17. Last values: linux/arm64: 44 of 129; all images: 129.</desc>"), "{svg}");
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 1, "it left another file behind");

    let ran = home.run(&["report", "--at", "2017-09-17", "--svg", "-"]).exits(0);
    assert_eq!(ran.text(), svg);

    let ran = home
        .run(&["report", "--since", "2020", "--at", "2022", "--latest", "-p", "i386", "--svg", "-"])
        .exits(0);
    assert_well_formed(ran.text());
    let desc = ran.text().split_once("<desc>").unwrap().1.split_once("</desc>").unwrap().0;
    // By git at the end of 2022.
    assert_snapshot!(desc, @"Lines from 2020-01-01 to 2022-12-31. Last values: linux/386 by latest: 53 of 144; all images: 144.");
}

#[test]
fn a_chart_that_can_not_be_written_leaves_what_was_there() {
    let home = Home::new();
    for path in ["nowhere/chart.svg", "."] {
        let ran = home.run(&["report", "--at", "2017-09-17", "--svg", path]).exits(2);
        assert!(ran.stderr.starts_with(&format!("workson: writing {path}: ")), "{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.text());
    }
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0);
    // What is no regular file is written to.
    home.run(&["report", "--svg", "/dev/null", "-q"]).exits(0);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn two_forms_on_standard_output_are_refused() {
    for form in ["--json", "--csv", "--markdown"] {
        for more in [&[][..], &["--every", "year"]] {
            let ran =
                report(&[&["--svg", "-", form], more].concat()).exits(2).says("--svg - and another form");
            assert!(ran.stdout.is_empty());
        }
    }
}

#[test]
fn a_chart_that_is_asked_for_is_drawn_even_quietly() {
    let ran = report(&["--at", "2017-09-17", "--chart", "--quiet"]).exits(0);
    assert!(ran.text().contains("Docker's official images, declared"), "{}", ran.text());
    // One line and the chart, and no word of where they are from.
    assert!(ran.text().starts_with("44 of 129 images support linux/arm64\n"), "{}", ran.text());
    assert!(!ran.text().contains("declared: ") && !ran.text().contains("without "), "{}", ran.text());
}

#[test]
fn a_series_says_where_what_is_known_ends_and_begins() {
    let head = told(&[])["source"]["headAt"].as_str().unwrap().to_owned();
    for form in [&[][..], &["--markdown"]] {
        let ran = report(&[&["--every", "year", "--at", "2099"], form].concat()).exits(0);
        let last = ran.text().lines().last().unwrap();
        assert!(last.ends_with(&format!("; what happened after {head} is not known")), "{last}");
        let ran = report(&[&["--every", "year", "--since", "2010", "--at", "2015"], form].concat()).exits(0);
        let last = ran.text().lines().last().unwrap();
        assert!(last.ends_with("; what is known begins at 2013-09-17T17:48:10Z"), "{last}");
    }
    // No point is later than what is known.
    let (answer, instants) = series(&["--every", "year", "--at", "2099"]);
    assert_eq!((&answer["until"], instants.last()), (&json!(head), Some(&head)));
    assert_eq!(answer, series(&["--every", "year"]).0);
    let quiet = report(&["--every", "year", "--at", "2099", "-q"]).exits(0);
    assert!(!quiet.text().contains("is not known"), "{}", quiet.text());
}

#[test]
fn since_after_at_has_a_hint_that_helps() {
    let ran = report(&["--since", "2019", "--at", "2018"]).exits(2);
    assert_eq!(ran.stderr, "workson: --since 2019-01-01T00:00:00Z is after --at 2018-12-31T23:59:59Z\n");
    // What came after all that is known has one.
    report(&["--since", "2098", "--at", "2099"]).exits(2).says("what came later is not known").says("import");
}

// What happened adds up -----------------------------------------------------------------------------------------

#[test]
fn gains_less_losses_are_the_count() {
    let home = Home::new();
    for platform in FIVE {
        for by in [&[][..], &["--latest"]] {
            let log = home.run(&[&["log", "--json", "-p", platform], by].concat()).exits(0).json();
            let events = log.as_array().unwrap();
            for at in ["2014-12-31", "2016-06-30", "2017-09-17", "2020-02-29", "2022-07-04", "2024-12-20"] {
                let until = format!("{at}T23:59:59Z");
                let sum = |events: &[Value]| -> i64 {
                    let change = |event: &Value| match event["event"].as_str().unwrap() {
                        "told" | "gained" | "regained" => 1,
                        "lost" => -1,
                        other => panic!("{other} is no event of a platform"),
                    };
                    let before = |event: &&Value| event["at"].as_str().unwrap() <= until.as_str();
                    events.iter().filter(before).map(change).sum()
                };
                let report = home.run(&["report", "--json", "-p", platform, "--at", at]).exits(0).json();
                let (any, latest, _) = counts(&report);
                let expected = if by.is_empty() { any } else { latest };
                assert_eq!(sum(events), expected as i64, "{platform} at {at} {by:?}");
                if at == "2022-07-04" {
                    let arguments = [&["log", "--json", "-p", platform, "--at", at], by].concat();
                    let until_then = home.run(&arguments).exits(0).json();
                    assert_eq!(sum(until_then.as_array().unwrap()), expected as i64, "{platform} {by:?}");
                }
            }
        }
    }
}

#[test]
fn a_chart_ends_where_what_is_known_ends() {
    let home = Home::new();
    let head = home.run(&["report", "--json"]).exits(0).json()["source"]["headAt"].clone();
    let day = &head.as_str().unwrap()[..10];
    let ran = home.run(&["report", "--since", "2020", "--at", "2099", "--svg", "-"]).exits(0);
    assert!(ran.text().contains(day) && !ran.text().contains("2099"), "{}", ran.text());
}
