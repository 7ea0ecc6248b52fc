//! Every case of the tables in the tests of containerd's `platforms` package; `vectors/platforms.json` says of
//! which commit.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use workson_oci::Platform;
use workson_oci::platform::{Matcher, cpu_variant};

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("vectors/platforms.json")).expect("the vectors are JSON")
});

/// The cases of one table, which has exactly that many.
fn table(name: &str, count: usize) -> Vec<&'static Map<String, Value>> {
    let cases = VECTORS[name].as_array().unwrap_or_else(|| panic!("there is no table {name}"));
    assert_eq!(cases.len(), count, "{name}");
    cases.iter().map(|case| case.as_object().expect("a case is an object")).collect()
}

fn host() -> Platform {
    Platform { os: "linux".into(), architecture: "amd64".into(), ..Platform::default() }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn parse(value: &Value) -> Platform {
    let specifier = text(value);
    Platform::parse(specifier, &host()).unwrap_or_else(|error| panic!("{specifier}: {error}"))
}

fn parse_all(value: &Value) -> Vec<Platform> {
    value.as_array().expect("a list of specifiers").iter().map(parse).collect()
}

fn platform(value: &Value) -> Platform {
    serde_json::from_value(value.clone()).expect("a platform")
}

fn platforms(value: &Value) -> Vec<Platform> {
    value.as_array().expect("a list of platforms").iter().map(platform).collect()
}

fn sorted(matcher: &Matcher, mut platforms: Vec<Platform>) -> Vec<Platform> {
    platforms.sort_by(|a, b| matcher.compare(a, b));
    platforms
}

/// Checks a table of what a matcher takes and what not; returns how many pairs it has.
fn check_matches(name: &str, count: usize, matcher: fn(&Platform) -> Matcher) -> usize {
    let mut pairs = 0;
    for case in table(name, count) {
        let matcher = matcher(&parse(&case["platform"]));
        for (expected, list) in case["matches"].as_object().expect("lists by answer") {
            for specifier in list.as_array().expect("a list") {
                let found = parse(specifier);
                let takes = expected == "true";
                assert_eq!(matcher.matches(&found), takes, "{name}: {} takes {specifier}", case["platform"]);
                assert_eq!(
                    matcher.why_not(&found).is_none(),
                    takes,
                    "{name}: {} {specifier}",
                    case["platform"]
                );
                pairs += 1;
            }
        }
    }
    pairs
}

#[test]
fn the_file_is_whole_and_names_its_source() {
    assert_eq!(VECTORS.as_object().expect("an object").len(), 15, "fourteen tables and the source");
    assert_eq!(VECTORS["source"]["licence"], json!("Apache-2.0"));
    assert_eq!(text(&VECTORS["source"]["commit"]).len(), 40);
}

#[test]
fn only_takes_what_the_host_runs() {
    assert_eq!(check_matches("TestOnly", 13, Matcher::only), 154);
}

#[test]
fn only_strict_takes_the_platform_itself() {
    assert_eq!(check_matches("TestOnlyStrict", 13, Matcher::only_strict), 129);
}

#[test]
fn only_os_takes_every_architecture() {
    assert_eq!(check_matches("TestOnlyOS", 3, Matcher::only_os), 15);
}

#[test]
fn only_os_puts_the_own_architecture_first() {
    for case in table("TestOnlyOSLess", 3) {
        let matcher = Matcher::only_os(&parse(&case["platform"]));
        assert_eq!(sorted(&matcher, parse_all(&case["platforms"])), parse_all(&case["expected"]));
    }
}

#[test]
fn more_features_come_first() {
    for case in table("TestCompareOSFeatures", 6) {
        let asked = parse(&case["platform"]);
        for matcher in [
            Matcher::only(&asked),
            Matcher::only_strict(&asked),
            Matcher::ordered(std::slice::from_ref(&asked)),
            Matcher::any(std::slice::from_ref(&asked)),
        ] {
            let found = sorted(&matcher, parse_all(&case["platforms"]));
            assert_eq!(found, parse_all(&case["expected"]), "{matcher:?}");
        }
    }
}

#[test]
fn specifiers_are_read_matched_and_written() {
    for case in table("TestParseSelector", 29) {
        let input = text(&case["input"]);
        if case.contains_key("refused") {
            let error = Platform::parse(input, &host()).expect_err(input).to_string();
            assert!(error.contains("wildcards"), "{error}");
            continue;
        }
        let found = parse(&case["input"]);
        assert_eq!(found, platform(&case["expected"]), "{input}");
        let matcher = Matcher::any(std::slice::from_ref(&found));
        assert!(matcher.matches(&found), "{input}");
        for other in case.get("matches").map(platforms).unwrap_or_default() {
            assert!(matcher.matches(&other), "{input} takes {other:?}");
        }
        let write =
            |p: &Platform| if case["format_all"] == json!(true) { p.format_all() } else { p.format() };
        assert_eq!(write(&found), text(&case["formatted"]), "{input}");
        assert_eq!(write(&parse(&case["formatted"])), text(&case["formatted"]), "{input} and back");
    }
}

#[test]
fn invalid_specifiers_are_refused_with_an_example() {
    for case in table("TestParseSelectorInvalid", 6) {
        let input = text(&case["input"]);
        let error = Platform::parse(input, &host()).expect_err(input).to_string();
        assert!(error.contains("linux"), "{input:?}: {error}");
    }
}

#[test]
fn version_and_features_are_encoded() {
    for case in table("TestFormatAllEncoding", 9) {
        let given = platform(&case["platform"]);
        assert_eq!(given.format_all(), text(&case["expected"]));
        let read = parse(&case["expected"]);
        assert_eq!((read.os_version, read.os_features), (given.os_version, given.os_features));
    }
    for case in table("TestFormatAllSkipsEmptyOSFeatures", 1) {
        assert_eq!(platform(&case["p"]).format_all(), text(&case["expected"]));
    }
}

fn windows(build: &Value) -> Platform {
    Platform {
        os: "windows".into(),
        architecture: "amd64".into(),
        os_version: format!("10.0.{build}"),
        ..Platform::default()
    }
}

#[test]
fn windows_runs_images_since_the_release_before() {
    for case in table("Test_PlatformCompat", 12) {
        let (host, image) = (windows(&case["hostOS"]), windows(&case["ctrOS"]));
        assert_eq!(Value::from(Matcher::only_strict(&host).matches(&image)), case["shouldRun"], "{case:?}");
    }
    for case in table("TestMatchComparerMatch_ABICheckWCOW", 9) {
        let host = Matcher::host(&platform(&case["hostPlatform"]));
        assert_eq!(Value::from(host.matches(&platform(&case["testPlatform"]))), case["match"], "{case:?}");
    }
}

#[test]
fn windows_takes_the_newest_image_first() {
    for case in table("Test_PlatformOrder", 3) {
        let host = Matcher::host(&platform(&case["hostPlatform"]));
        assert_eq!(sorted(&host, platforms(&case["platforms"]))[0], platform(&case["wantPlatform"]));
    }
    for case in table("TestWindowsMatchComparerLess", 1) {
        let host = Matcher::host(&platform(&case["host"]));
        assert_eq!(sorted(&host, platforms(&case["platforms"])), platforms(&case["expected"]));
    }
}

#[test]
fn the_variant_of_a_machine_name() {
    for case in table("TestGetCPUVariantFromArch", 10) {
        let found = cpu_variant("linux", "arm", Some("no such field"), text(&case["input"]));
        if case["error"] == json!(true) {
            assert!(found.is_err(), "{case:?}");
        } else {
            let digit = text(&case["output"]);
            let expected = if digit == "unknown" { digit.to_owned() } else { format!("v{digit}") };
            assert_eq!(found, Ok(expected), "{case:?}");
        }
    }
}
