//! "Works on" is containerd's strict match, whatever was published; and one odd entry spoils no index.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use workson_oci::image::{Note, Reading};
use workson_oci::media_type::{OCI_INDEX, OCI_MANIFEST};
use workson_oci::platform::Matcher;
use workson_oci::{Content, Digest, Image, Platform, Support};

fn any_platform() -> impl Strategy<Value = Platform> {
    let os = select(vec!["linux", "Linux", "windows", "Windows", "macOS", "darwin"]);
    let architecture =
        select(vec!["amd64", "x86_64", "i386", "arm", "armhf", "armel", "arm64", "AArch64", "s390x"]);
    let variant =
        select(vec!["", "v1", "v2", "7", "v5", "v6", "v7", "8", "v8.0", "v8.1", "v9", "unheard-of"]);
    let version = select(vec!["", "10.0.17763", "10.0.20348.1", "10.0.26100", "7.1"]);
    let features = prop::collection::vec(select(vec!["win32k", "a", ""]), 0..3);
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

fn entry(at: usize, platform: &Platform) -> Value {
    let digest = Digest::sha256(&at.to_be_bytes());
    json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "platform": platform})
}

fn image(entries: &[Value]) -> Image {
    let bytes = Bytes::from(json!({"schemaVersion": 2, "manifests": entries}).to_string());
    let content = Content { digest: Digest::sha256(&bytes), media_type: OCI_INDEX.into(), bytes };
    match Image::read(&content, &HashMap::new(), false) {
        Ok(Reading::Complete(image)) => image,
        other => panic!("no answer: {other:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_supported_is_what_matches_strictly(
        published in prop::collection::vec(any_platform(), 0..5), wanted in any_platform(),
    ) {
        let entries: Vec<Value> = published.iter().enumerate().map(|(at, p)| entry(at, p)).collect();
        let matcher = Matcher::only_strict(&wanted);
        let expected = match published.iter().position(|platform| matcher.matches(platform)) {
            Some(at) => Support::Yes(at),
            None => Support::No,
        };
        prop_assert_eq!(image(&entries).supports(&wanted), expected);
    }

    #[test]
    fn a_platform_that_was_published_is_supported(platform in any_platform()) {
        prop_assert_eq!(image(&[entry(0, &platform)]).supports(&platform), Support::Yes(0));
    }
}

#[test]
fn an_odd_entry_does_not_spoil_the_index() {
    let arm: Platform = serde_json::from_value(json!({"os": "linux", "architecture": "arm64"})).unwrap();
    let amd: Platform = serde_json::from_value(json!({"os": "linux", "architecture": "amd64"})).unwrap();
    let odd = |field: &str, value: Value| {
        let mut odd = entry(1, &amd);
        odd[field] = value;
        image(&[entry(0, &arm), odd])
    };
    let mut without = entry(1, &amd);
    without.as_object_mut().unwrap().remove("digest");
    let nested = json!({"mediaType": OCI_INDEX, "digest": Digest::sha256(b"x"), "size": -1});
    for (image, reason) in [
        (odd("digest", Value::Null), "it has no digest (it is entry 2 of the index)"),
        (odd("digest", json!("")), "it has no digest (it is entry 2 of the index)"),
        (image(&[entry(0, &arm), without]), "it has no digest (it is entry 2 of the index)"),
        (odd("size", json!(-1)), "its size is -1 (it is entry 2 of the index)"),
        (image(&[entry(0, &arm), nested]), "its size is -1 (it is entry 2 of the index)"),
    ] {
        assert_eq!(image.supports(&arm), Support::Yes(0));
        assert!(
            matches!(image.supports(&amd), Support::Unknown(text) if text.ends_with(reason)),
            "{image:?}"
        );
        assert!(!image.is_complete());
    }
    for (field, value) in [("size", Value::Null), ("annotations", json!([1])), ("artifactType", Value::Null)]
    {
        assert_eq!(odd(field, value).supports(&amd), Support::Yes(1), "{field}");
    }
    let untyped = odd("mediaType", Value::Null);
    assert_eq!((untyped.supports(&arm), untyped.supports(&amd)), (Support::Yes(0), Support::No));
    let Note::EntryIsNoImage { kind, .. } = &untyped.notes[0] else { panic!("{untyped:?}") };
    assert_eq!(kind, "no media type");
}

#[test]
fn what_is_said_of_an_entry_does_not_steer_the_terminal() {
    let platform: Platform =
        serde_json::from_value(json!({"os": "li\u{1b}[2J", "architecture": "\u{202e}"})).unwrap();
    let mut odd = entry(0, &platform);
    odd["mediaType"] = json!("text/\u{9b}31m");
    odd["digest"] = json!("\n\r");
    let text = image(&[odd]).notes[0].to_string();
    assert!(text.contains("text/\u{fffd}31m") && !text.contains(is_unfit), "{text:?}");
    let why = Matcher::only_strict(&Platform::default()).why_not(&platform).unwrap().to_string();
    assert!(!why.contains(is_unfit), "{why:?}");
}

fn is_unfit(c: char) -> bool {
    c.is_control() || c == '\u{202e}'
}
