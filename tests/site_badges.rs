//! Badges, as images and for shields.io.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;
mod site_support;

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};
use site_support::{HOSTILE, get, json as document, paths, read, text};

const GREY: &str = "57606a";

/// The elements of an SVG document: name, text, attributes.
fn elements(read: &Value) -> Vec<(&str, &str, &Value)> {
    let all = read.as_array().unwrap().iter();
    all.map(|one| (one[0].as_str().unwrap(), one[1].as_str().unwrap(), &one[2])).collect()
}

#[test]
fn every_badge_is_well_formed_and_says_the_same_in_both_forms() {
    for site in [site_support::site("https://workson.example"), site_support::hostile("")] {
        let badges = paths(&site, |path| path.starts_with("/badge/") && path.ends_with(".svg"));
        let texts: BTreeMap<String, String> =
            badges.into_iter().map(|path| (path.clone(), text(&site, &path))).collect();
        assert!(texts.len() > 20);
        for (path, badge) in read("xml", &texts) {
            let elements = elements(&badge);
            let of = |name: &str| -> Vec<&str> {
                elements.iter().filter(|(is, ..)| *is == name).map(|(_, text, _)| *text).collect()
            };
            let names: HashSet<&str> = elements.iter().map(|(name, ..)| *name).collect();
            assert!(
                names.is_subset(&HashSet::from(["svg", "title", "path", "g", "text"])),
                "{path}: {names:?}"
            );
            let shields = document(&site, &path.replace(".svg", ".json"));
            let [label, message] = of("text")[..] else { panic!("{path}: two texts") };
            assert_eq!((&shields["label"], &shields["message"]), (&json!(label), &json!(message)), "{path}");
            assert_eq!(elements[0].2["aria-label"].as_str(), Some(of("title")[0]), "{path}");
            assert!(of("title")[0].contains(label), "{path}");
            assert_eq!(elements[0].2["role"], "img", "{path}");
            for attributes in elements.iter().map(|(.., attributes)| attributes.as_object().unwrap()) {
                assert!(attributes.keys().all(|name| name != "style" && !name.starts_with("on")), "{path}");
            }
            let width: f64 = elements[0].2["width"].as_str().unwrap().parse().unwrap();
            for (.., place) in elements.iter().filter(|(name, ..)| *name == "text") {
                let number = |name: &str| place[name].as_str().unwrap().parse::<f64>().unwrap();
                assert!(number("x") + number("textLength") < width, "{path}: a text is cut off");
            }
        }
    }
}

#[test]
fn a_badge_tells_verdict_and_rung_and_unknown_is_grey_and_never_a_no() {
    let site = site_support::site("");
    let badge = |path: &str| document(&site, path);
    let yes = badge("/badge/entry/nginx/linux-arm64.json");
    assert_eq!(
        yes,
        json!({"schemaVersion": 1, "label": "linux/arm64", "message": "yes, declared", "color": "1a7f37"})
    );
    let no = badge("/badge/entry/aerospike/linux-s390x.json");
    assert_eq!((&no["message"], &no["color"]), (&json!("no, declared"), &json!("b42318")));
    assert_eq!(badge("/badge/coverage/linux-arm64.json")["message"], "129 of 144");
    let (mut unknown, mut known) = (0, 0);
    for path in paths(&site, |path| path.starts_with("/badge/entry/") && path.ends_with(".json")) {
        let (of, end) = path["/badge/entry/".len()..].split_once('/').unwrap();
        let entry = site.catalogue.entry(of).unwrap();
        let column = site.catalogue.column(end.trim_end_matches(".json")).unwrap();
        let badge = badge(&path);
        match entry.marks[column].word() {
            "unknown" => {
                assert_eq!((&badge["message"], &badge["color"]), (&json!("unknown"), &json!(GREY)), "{path}");
                unknown += 1;
            }
            word => {
                assert!(badge["message"].as_str().unwrap().starts_with(&format!("{word}, ")), "{path}");
                assert_ne!(badge["color"], GREY, "{path}");
                known += 1;
            }
        }
    }
    assert!(unknown > 0 && known > 0, "the history has both");
    let svg = get(&site, "/badge/entry/nginx/linux-arm64.svg");
    assert_eq!(svg.media_type, "image/svg+xml");
}

#[test]
fn counts_say_how_many_are_unknown() {
    let site = site_support::hostile("");
    let badge = document(&site, "/badge/coverage/linux-arm64.json");
    let total = site.catalogue.columns[0].total();
    assert_eq!(
        badge["message"],
        format!("0 of {total}, {} unknown", HOSTILE.len()),
        "as many as are not whole"
    );
}

#[test]
fn there_is_no_badge_of_what_is_not_there() {
    let site = site_support::empty();
    for path in ["/badge/entry/nginx/linux-arm64.svg", "/badge/coverage/plan9-mips.json"] {
        let route = workson::site::Route::parse(path).unwrap();
        assert!(site.render(&route).is_none(), "{path}");
    }
    assert_eq!(document(&site, "/badge/coverage/linux-arm64.json")["message"], "0 of 0");
}
