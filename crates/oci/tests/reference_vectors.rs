//! Every case of the tables in the tests of `distribution/reference` that are about names;
//! `vectors/references.json` says of which commit. Most of those tests look at the grammar alone; what docker
//! makes of the same texts by its defaults stands in the table `outcomes`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use workson_oci::Reference;
use workson_oci::reference::ReferenceError;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("vectors/references.json")).expect("the vectors are JSON")
});

/// The cases of one table, which has exactly that many.
fn table(name: &str, count: usize) -> Vec<&'static Map<String, Value>> {
    let cases = VECTORS[name].as_array().unwrap_or_else(|| panic!("there is no table {name}"));
    assert_eq!(cases.len(), count, "{name}");
    cases.iter().map(|case| case.as_object().expect("a case is an object")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn read(value: &Value) -> Reference {
    text(value).parse().unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn refusal(value: &Value) -> ReferenceError {
    text(value).parse::<Reference>().expect_err(text(value))
}

/// What docker's own tests expect to be said of a text, and what is said here.
fn is_same_refusal(docker: &str, here: &ReferenceError) -> bool {
    use ReferenceError as E;
    match docker {
        "repository name must have at least one component" => matches!(here, E::Empty),
        "repository name must be lowercase" => matches!(here, E::Uppercase { .. }),
        "repository name must not be more than 255 characters" => matches!(here, E::PathTooLong(_)),
        "invalid checksum digest length" | "unsupported digest algorithm" => matches!(here, E::Digest(_)),
        "invalid reference format" => !matches!(here, E::Uppercase { .. } | E::PathTooLong(_) | E::Digest(_)),
        _ => false,
    }
}

#[test]
fn the_file_is_whole_and_names_its_source() {
    assert_eq!(VECTORS.as_object().expect("an object").len(), 16, "fifteen tables and the source");
    assert_eq!(VECTORS["source"]["licence"], json!("Apache-2.0"));
    assert_eq!(text(&VECTORS["source"]["commit"]).len(), 40);
}

#[test]
fn every_text_of_the_tables_reads_as_docker_reads_it() {
    let mut answers = BTreeMap::new();
    for case in table("outcomes", 195) {
        let found = text(&case["input"]).parse::<Reference>();
        let accepted = !case.contains_key("error");
        *answers.entry(accepted).or_insert(0) += 1;
        let Ok(found) = found else {
            assert!(!accepted, "{} is refused: {found:?}", case["input"]);
            continue;
        };
        let digest = found.digest().map(ToString::to_string);
        assert!(accepted, "{} is taken: {found}", case["input"]);
        assert_eq!(Some(found.registry()), case["registry"].as_str());
        assert_eq!(Some(found.repository().path()), case["path"].as_str());
        assert_eq!(found.tag(), case.get("tag").map(text));
        assert_eq!(digest.as_deref(), case.get("digest").map(text));
        assert_eq!(found.to_string(), text(&case["canonical"]));
        assert_eq!(found.familiar(), text(&case["familiar"]));
        assert_eq!(found.repository().familiar(), text(&case["familiar_name"]));
    }
    assert_eq!(answers, BTreeMap::from([(true, TAKEN), (false, 195 - TAKEN)]));
}

/// How many of the texts in `outcomes` docker takes.
const TAKEN: usize = 151;

#[test]
fn lists_of_valid_and_invalid_names() {
    for (name, valid, invalid) in [("TestValidateReferenceName", 27, 14), ("TestValidateRemoteName", 8, 13)] {
        for case in table(name, 1) {
            let (good, bad) = (case["valid"].as_array().unwrap(), case["invalid"].as_array().unwrap());
            assert_eq!((good.len(), bad.len()), (valid, invalid), "{name}");
            good.iter().for_each(|name| drop(read(name)));
            bad.iter().for_each(|name| drop(refusal(name)));
        }
    }
}

#[test]
fn texts_that_docker_refuses_are_refused_for_the_same_reason() {
    let mut refused = 0;
    for case in table("TestReferenceParse", 48) {
        let Some(docker) = case["err"].as_str() else {
            // Without docker's defaults in the way, name, tag and digest are as written.
            let found = read(&case["input"]);
            let digest = found.digest().map(ToString::to_string).unwrap_or_default();
            assert!(found.to_string().contains(text(&case["repository"])), "{case:?}");
            assert_eq!(digest, text(&case["digest"]), "{case:?}");
            let tag = found.tag().filter(|tag| *tag != "latest").unwrap_or_default();
            assert_eq!(tag, text(&case["tag"]), "{case:?}");
            continue;
        };
        refused += 1;
        if text(&case["input"]).starts_with("validname@sha512:") {
            // Go refuses this only where a program has not linked sha512 in, which docker has and workson has.
            assert_eq!(read(&case["input"]).target(), &text(&case["input"])[10..]);
            continue;
        }
        let here = refusal(&case["input"]);
        assert!(is_same_refusal(docker, &here), "{}: {docker}; {here}", case["input"]);
    }
    assert_eq!(refused, 15);
}

#[test]
fn names_are_completed_and_shortened() {
    let mut spellings = 0;
    for case in table("TestParseRepositoryInfo", 20) {
        for key in ["FamiliarName", "FullName", "AmbiguousName"] {
            if case[key] == json!("") {
                continue;
            }
            let found = read(&case[key]);
            assert_eq!(found.repository().familiar(), text(&case["FamiliarName"]), "{case:?}");
            assert_eq!(found.repository().to_string(), text(&case["FullName"]), "{case:?}");
            assert_eq!(found.registry(), text(&case["Domain"]), "{case:?}");
            assert_eq!(found.repository().path(), text(&case["RemoteName"]), "{case:?}");
            spellings += 1;
        }
    }
    assert_eq!(spellings, 48);
    for case in table("TestNormalizedSplitHostname", 11) {
        let found = read(&case["input"]);
        assert_eq!(
            (found.registry(), found.repository().path()),
            (text(&case["domain"]), text(&case["path"]))
        );
    }
}

#[test]
fn a_digest_goes_before_a_tag() {
    for case in table("TestParseDockerRef", 11) {
        let found = read(&case["input"]);
        let expected = read(&case["expected"]);
        assert_eq!(found.repository(), expected.repository(), "{case:?}");
        assert_eq!(found.target(), expected.target(), "{case:?}");
    }
    for case in table("TestParseReferenceWithTagAndDigest", 1) {
        let found = read(&case["input"]);
        assert_eq!(found.to_string(), format!("docker.io/library/{}", text(&case["input"])));
        assert_eq!(found.familiar(), text(&case["input"]));
        assert!(found.tag().is_some() && found.digest().is_some());
    }
}

#[test]
fn an_identifier_and_a_bare_digest_are_no_names_of_images() {
    let mut digests = 0;
    for case in table("TestParseAnyReference", 14) {
        let (input, expected) = (text(&case["Reference"]), text(&case["Equivalent"]));
        if expected.starts_with("sha256:") {
            digests += 1;
            let is_identifier = matches!(input.parse::<Reference>(), Err(ReferenceError::Identifier(_)));
            // docker takes `sha256:…` for a digest here, but for a name with a tag where an image is named.
            assert!(is_identifier || read(&case["Reference"]).familiar() == input, "{input}");
            continue;
        }
        let found = read(&case["Reference"]);
        assert!(
            found.to_string() == expected || found.to_string() == format!("{expected}:latest"),
            "{input}"
        );
    }
    assert_eq!(digests, 2);
}

#[test]
fn only_a_canonical_name_reads_back_as_itself() {
    for case in table("TestParseNamed", 8) {
        let found = read(&case["input"]);
        let is_canonical = found.repository().to_string() == text(&case["input"]);
        assert_eq!(is_canonical, case["err"].is_null(), "{case:?}");
    }
    for case in table("TestDomainAndPath", 6) {
        let found = read(&case["input"]);
        let expected = [text(&case["domain"]), "docker.io"].into_iter().find(|domain| !domain.is_empty());
        assert_eq!(Some(found.registry()), expected, "{case:?}");
        assert_eq!(found.repository().path(), text(&case["path"]), "{case:?}");
    }
    for case in table("TestSerialization", 4) {
        if let Some(docker) = case["err"].as_str() {
            assert!(is_same_refusal(docker, &refusal(&case["input"])), "{case:?}");
            continue;
        }
        let found = read(&case["input"]);
        assert_eq!(found.repository().to_string(), text(&case["name"]), "{case:?}");
        assert_eq!(found.digest().map(ToString::to_string).unwrap_or_default(), text(&case["digest"]));
    }
}

#[test]
fn a_name_with_more_than_a_name_is_no_bare_name() {
    for case in table("TestWithNameFailure", 7) {
        match text(&case["input"]).parse::<Reference>() {
            // This one is a name with a tag; only a bare name was asked for there.
            Ok(found) => {
                assert_eq!((found.tag(), text(&case["input"])), (Some("tag"), "example.com/repo:tag"))
            }
            Err(ReferenceError::Digest(_)) => assert!(text(&case["input"]).contains("@invaliddigest")),
            Err(ReferenceError::Empty) => assert_eq!(case["input"], json!("")),
            Err(here) => assert!(is_same_refusal(text(&case["err"]), &here), "{case:?}: {here}"),
        }
    }
}

#[test]
fn tags_and_digests_are_added() {
    // The digests of these tables are 37 digits long: Go's WithDigest does not look, workson's type does.
    let mut short = 0;
    for (name, count) in [("TestWithTag", 5), ("TestWithDigest", 4)] {
        for case in table(name, count) {
            if case["digest"] != json!("") {
                assert!(matches!(refusal(&case["combined"]), ReferenceError::Digest(_)), "{case:?}");
                short += 1;
                continue;
            }
            let tagged = read(&case["name"]).with_tag(text(&case["tag"])).expect("a tag");
            assert_eq!(tagged, read(&case["combined"]), "{case:?}");
            assert_eq!(tagged.tag(), case["tag"].as_str(), "{case:?}");
        }
    }
    assert_eq!(short, 5);
}
