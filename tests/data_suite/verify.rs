//! `workson verify` on Alpine's root file systems: each is what it says, and nothing else.

use std::io::Read as _;
use std::process::Command;

use serde_json::{Value, json};

use super::images::image::{Files, Image, Layer, TAR_GZIP, layout_of};
use super::images::start::{finding, start};
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

/// Alpine's package manager, which needs more libraries than the shell does.
fn apk(root: &Image) -> Image {
    root.clone().set("Cmd", json!(["/sbin/apk", "--version"]))
}

/// Whether it told its version.
fn tells_its_version(image: &Image) -> bool {
    let outcome = start(image);
    outcome.said.lines().any(|line| line.starts_with("apk-tools 2.")) && outcome.code == Some(0)
}

/// It does not work because of what this file of the root needs, and does not start.
#[track_caller]
fn fails(image: &Image, rule: &str, file: &str, says: &str) {
    let answer = platforms(std::slice::from_ref(image), &["--platform", &image.label], 1).remove(0);
    let found = answer["findings"].as_array().unwrap();
    let found = found.iter().find(|found| finding(found) == ("no", rule, Some(file), Some(0)));
    let reason = found.unwrap_or_else(|| panic!("{rule} of {file} is not in {answer:#}"))["reason"].as_str();
    assert!(reason.unwrap().contains(says), "{}: {says:?} is not in {answer:#}", image.label);
    let outcome = start(image);
    let ran = outcome.code == Some(0) || outcome.started() || outcome.said.contains("apk-tools 2.");
    assert!(!ran, "{}: it is told not to work, and starts: {outcome:?}", image.label);
}

#[test]
fn alpines_package_manager_works_with_its_libraries_on_eight_platforms_and_starts_on_each() {
    let images: Vec<Image> = roots().iter().map(apk).collect();
    let answers = platforms(&images, &["--all-platforms"], 0);
    assert_eq!(answers.len(), 8);
    for (image, answer) in images.iter().zip(&answers) {
        let runs = answer["runs"].as_array().unwrap();
        for file in ["/sbin/apk", "/lib/libapk.so.2.14.0", "/lib/libcrypto.so.3", "/lib/libz.so.1.3.1"] {
            assert!(runs.contains(&json!(file)), "{}: {file} is not in {runs:?}", image.label);
        }
        assert!(tells_its_version(image), "{}: {:?}", image.label, start(image));
    }
}

#[test]
fn a_library_of_alpine_that_an_upper_layer_deletes_is_named_and_its_package_manager_does_not_start() {
    for image in roots().iter().map(apk) {
        for (gone, name, needs) in [
            ("lib/libz.so.1", "libz.so.1", "/lib/libapk.so.2.14.0"),
            ("lib/libz.so.1.3.1", "libz.so.1", "/lib/libapk.so.2.14.0"),
            ("lib/libcrypto.so.3", "libcrypto.so.3", "/sbin/apk"),
        ] {
            fails(&image.clone().layer(Files::new().whiteout(gone)), "no-library", needs, name);
        }
    }
}

#[test]
fn the_loader_of_another_platform_above_alpines_own_is_named_and_nothing_starts() {
    let roots = roots();
    for (at, root) in roots.iter().enumerate() {
        // The next one that is of another machine: what is built for armv6 starts on armv7 too.
        let machine = |image: &Image| image.label.split('/').nth(1).unwrap().to_owned();
        let mut next = roots.iter().cycle().skip(at + 1);
        let other = next.find(|other| machine(other) != machine(root)).unwrap();
        let ((path, _), (_, wrong)) = (loader(root), loader(other));
        let image = root.clone().layer(Files::new().program(&path, &wrong));
        fails(&image, "wrong-loader", "/bin/busybox", &format!("/{path}"));
        fails(&apk(&image), "wrong-loader", "/sbin/apk", &format!("/{path}"));
    }
}

/// The path and the bytes of a root's loader.
fn loader(root: &Image) -> (String, Vec<u8>) {
    let mut archive = tar::Archive::new(&root.layers[0].tar[..]);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let path = path.trim_start_matches("./");
        if path.starts_with("lib/ld-musl-") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            return (path.to_owned(), bytes);
        }
    }
    panic!("there is no loader in the root for {}", root.label)
}
