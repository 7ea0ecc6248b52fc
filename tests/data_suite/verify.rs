//! `workson verify` on Alpine's root file systems: each is what it says, and nothing else.

use std::process::Command;

use serde_json::{Value, json};

use super::images::image::{Image, Layer, TAR_GZIP, layout_of};
use super::images::start::start;
use super::parts::run;
use super::parts::user::User;
use super::{ALPINE, data};

/// Alpine's root file systems, by their platforms; each says that it started, and where.
fn roots() -> Vec<Image> {
    let image = |(name, platform): (&str, &str)| {
        let file = data("alpine-3.20.3").join(name).join(format!("alpine-minirootfs-3.20.3-{name}.tar.gz"));
        let packed = std::fs::read(file).unwrap();
        let tar = run("gzip", Command::new("gzip").args(["-d", "-c"]), &packed);
        Image::new(platform, &["/bin/sh", "-c", "echo started"]).with(Layer::of(TAR_GZIP, packed, tar))
    };
    ALPINE.into_iter().map(image).collect()
}

fn platforms(images: &[Image], more: &[&str], code: i32) -> Vec<Value> {
    let layout = layout_of(&images.iter().collect::<Vec<_>>());
    let place = format!("oci:{}:it", layout.path().display());
    let arguments = [&["verify", "--json", &place], more].concat();
    User::new().workson(&arguments).exits(code).image()["platforms"].as_array().unwrap().clone()
}

#[test]
fn alpine_works_on_its_eight_platforms_and_starts_on_each() {
    let roots = roots();
    let answers = platforms(&roots, &["--all-platforms"], 0);
    assert_eq!(answers.len(), 8);
    for (root, answer) in roots.iter().zip(&answers) {
        assert_eq!((&answer["verdict"], &answer["rung"]), (&json!("yes"), &json!("verified")), "{answer:#}");
        assert_eq!(answer["machines"].as_object().unwrap().len(), 1, "{}: {answer:#}", root.label);
        let outcome = start(root);
        assert!(outcome.started(), "{}: {outcome:?}", root.label);
    }
}

#[test]
fn alpine_works_under_no_label_of_another_machine() {
    for root in roots() {
        for (_, label) in ALPINE {
            let is_later_arm = root.label == "linux/arm/v6" && label == "linux/arm/v7";
            if root.label == label || is_later_arm {
                continue;
            }
            let answers = platforms(&[root.labelled(label)], &["--platform", label], 1);
            let first = &answers[0]["findings"][0];
            assert_eq!(answers[0]["verdict"], json!("no"), "{} as {label}", root.label);
            assert_eq!(first["rule"], json!("wrong-machine"), "{} as {label}", root.label);
        }
    }
}
