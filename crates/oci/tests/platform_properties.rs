//! What holds for every platform, and not only for those in the tables.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use workson_oci::Platform;
use workson_oci::platform::{Matcher, official_name};

fn host() -> Platform {
    Platform { os: "linux".into(), architecture: "amd64".into(), ..Platform::default() }
}

fn any_platform() -> impl Strategy<Value = Platform> {
    let os = select(vec!["", "linux", "windows", "Windows", "macOS", "darwin", "unknown"]);
    let architecture =
        select(vec!["", "amd64", "x86_64", "i386", "arm", "armhf", "armel", "arm64", "AArch64", "s390x"]);
    let variant =
        select(vec!["", "v1", "v2", "v3", "7", "v5", "v6", "v7", "8", "v8.0", "v8.1", "v9", "9.0", "v9.8"]);
    let version = select(vec!["", "10.0.17763", "10.0.20348.1", "10.0.26100", "7.1", "50%+(x/y)"]);
    let features = prop::collection::vec(select(vec!["win32k", "a", "b+c", "d%"]), 0..4);
    (os, architecture, variant, version, features).prop_map(
        |(os, architecture, variant, version, features)| Platform {
            os: os.into(),
            architecture: architecture.into(),
            variant: variant.into(),
            os_version: version.into(),
            os_features: features.into_iter().map(str::to_owned).collect(),
        },
    )
}

fn matchers(asked: &Platform, other: &Platform) -> Vec<Matcher> {
    let both = [asked.clone(), other.clone()];
    vec![
        Matcher::only(asked),
        Matcher::only_strict(asked),
        Matcher::only_os(asked),
        Matcher::host(asked),
        Matcher::any(&both),
        Matcher::ordered(&both),
    ]
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing_more(platform in any_platform()) {
        let once = platform.normalized();
        prop_assert_eq!(once.normalized(), once.clone());
        let on_host = platform.normalized_on(&host());
        prop_assert_eq!(on_host.normalized_on(&host()), on_host.clone());
        prop_assert!(!on_host.os.is_empty());
    }

    #[test]
    fn what_is_written_reads_back(platform in any_platform()) {
        let mut platform = platform.normalized_on(&host());
        if platform.architecture.is_empty() {
            platform = Platform { architecture: "s390x".into(), ..platform };
        }
        let read = Platform::parse(&platform.format_all(), &host()).unwrap();
        prop_assert_eq!(read.normalized(), platform);
        prop_assert_eq!(Platform::parse(&read.format_all(), &host()).unwrap(), read);
    }

    #[test]
    fn what_strict_takes_only_takes_too(asked in any_platform(), found in any_platform()) {
        // An arm64 of unknown variant is the exception: Only takes nothing, not even itself.
        let only = Matcher::only(&asked);
        let strict = Matcher::only_strict(&asked);
        for found in [&found, &asked] {
            prop_assert!(only.ladder().is_empty() || !strict.matches(found) || only.matches(found));
        }
    }

    #[test]
    fn strict_takes_what_it_asks_for(asked in any_platform()) {
        prop_assert!(Matcher::only_strict(&asked).matches(&asked));
    }

    #[test]
    fn there_is_a_reason_if_and_only_if_there_is_no_match(
        asked in any_platform(), other in any_platform(), found in any_platform(),
    ) {
        for matcher in matchers(&asked, &other) {
            prop_assert_eq!(matcher.why_not(&found).is_none(), matcher.matches(&found));
            prop_assert_eq!(matcher.rank(&found).is_some(), matcher.matches(&found));
        }
    }

    #[test]
    fn what_is_taken_comes_before_what_is_not(
        asked in any_platform(), other in any_platform(), a in any_platform(), b in any_platform(),
    ) {
        for matcher in matchers(&asked, &other) {
            if matcher.matches(&a) && !matcher.matches(&b) {
                prop_assert!(matcher.less(&a, &b));
            }
            prop_assert!(!(matcher.less(&a, &b) && matcher.less(&b, &a)));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", odd in "[(+)/%a-z0-9*é]{0,30}") {
        for text in [text, odd] {
            if let Ok(platform) = Platform::parse(&text, &host()) {
                let _ = (platform.format_all(), Matcher::only(&platform).matches(&platform));
            }
        }
    }
}

#[test]
fn a_platform_is_read_leniently_and_written_sparsely() {
    let published =
        json!({"architecture": "arm", "os": "linux", "variant": null, "os.features": [null], "x": 1});
    let platform: Platform = serde_json::from_value(published).unwrap();
    assert_eq!((platform.format().as_str(), platform.os_features.len()), ("linux/arm", 1));
    let bare: Platform = serde_json::from_value(json!({"os.version": null, "os.features": null})).unwrap();
    assert_eq!(bare, Platform::default());
    assert_eq!(serde_json::to_value(&bare).unwrap(), json!({}));
    let windows =
        json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.1", "os.features": ["a"]});
    let read: Platform = serde_json::from_value(windows.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), windows);
}

#[test]
fn an_attestation_is_unknown() {
    let of = |text: &str| Platform::parse(text, &host()).unwrap();
    assert!(of("unknown/unknown").is_unknown() && of("linux/unknown").is_unknown());
    assert!(!of("linux/amd64").is_unknown());
}

#[test]
fn a_word_is_completed_by_the_host() {
    let pi = Platform {
        os: "linux".into(),
        architecture: "arm".into(),
        variant: "v6".into(),
        ..Platform::default()
    };
    let mac = Platform {
        os: "darwin".into(),
        architecture: "arm64".into(),
        variant: "v8".into(),
        ..Platform::default()
    };
    let read =
        |text: &str, host: &Platform| Platform::parse(text, host).map(|platform| platform.format_all());
    assert_eq!(read("linux", &pi).unwrap(), "linux/arm/v6");
    assert_eq!(read("linux", &Platform { variant: "v7".into(), ..pi.clone() }).unwrap(), "linux/arm");
    assert_eq!(read("linux", &mac).unwrap(), "linux/arm64");
    assert_eq!(read("amd64", &mac).unwrap(), "darwin/amd64");
    assert_eq!(read("windows(10.0.1+b+a)", &mac).unwrap(), "windows(10.0.1+a+b)/arm64");
}

#[test]
fn a_refusal_says_what_was_wrong_and_what_is_right() {
    for (text, what) in [
        ("amd46", "\"amd46\" is neither an operating system nor an architecture"),
        ("amd46", "linux/arm64"),
        ("linux//arm", "is empty"),
        ("linux/arm/v7/x", "at most three parts"),
        ("linux(+)/arm", "\"linux(+)\" in the platform \"linux(+)/arm\" is no operating system"),
        ("linux(1)x/arm", "is no operating system"),
        ("linux/a b", "\"a b\" in the platform \"linux/a b\" has a character"),
        ("linux(%2)/arm", "percent-encoded"),
        ("linux(%ff)/arm", "percent-encoded"),
        ("linux/*", "no wildcards"),
    ] {
        let error = Platform::parse(text, &host()).unwrap_err().to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn the_official_images_have_names_of_their_own() {
    for (name, platform) in [
        ("amd64", "linux/amd64"),
        ("arm32v5", "linux/arm/v5"),
        ("arm32v6", "linux/arm/v6"),
        ("arm32v7", "linux/arm/v7"),
        ("arm64v8", "linux/arm64/v8"),
        ("i386", "linux/386"),
        ("mips64le", "linux/mips64le"),
        ("ppc64le", "linux/ppc64le"),
        ("riscv64", "linux/riscv64"),
        ("s390x", "linux/s390x"),
        ("windows-amd64", "windows/amd64"),
    ] {
        assert_eq!(official_name(name).map(|found| found.to_string()).as_deref(), Some(platform));
    }
    assert_eq!(official_name("armhf"), None, "Alpine's armhf is arm/v6, containerd's arm/v7");
    assert_eq!(official_name("armel"), None, "Debian's armel is arm/v5, containerd's arm/v6");
}
