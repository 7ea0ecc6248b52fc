//! `workson verify` on a real root file system: Debian for arm64 as debootstrap makes it, true and lying.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use cli_support::Home;
use parts::run;
use parts::skopeo::Skopeo;
use serde_json::{Value, json};
use verify::compile::ARMHF;
use verify::image::{Files, Image, Layer, TAR_GZIP, layout_of};
use verify::start::{finding, start};

const LIBRARIES: &str = "usr/lib/aarch64-linux-gnu";

/// Debian's root file system, and what it starts.
fn debian(command: &[&str]) -> Image {
    static ROOT: OnceLock<Layer> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        let said = run("debian-root.sh", Command::new("sh").arg("tests/debian-root.sh"), b"");
        let file = PathBuf::from(String::from_utf8(said).unwrap().trim_end());
        let packed = std::fs::read(file).unwrap();
        let tar = run("gzip", Command::new("gzip").args(["-d", "-c"]), &packed);
        Layer::of(TAR_GZIP, packed, tar)
    });
    Image::new("linux/arm64", command).with(root.clone())
}

/// Perl, which wants a device; engines bring their own.
fn perl() -> Image {
    debian(&["perl", "-e", "print qq(started\\n)"]).layer(Files::new().file("dev/null", b""))
}

fn bash() -> Image {
    debian(&["bash", "-c", "echo started"])
}

/// What `workson verify` tells of an image for the platform of its label.
#[track_caller]
fn told(image: &Image, code: i32) -> Value {
    let layout = layout_of(&[image]);
    let place = format!("oci:{}:it", layout.path().display());
    told_at(&place, &image.label, code)
}

#[track_caller]
fn told_at(place: &str, platform: &str, code: i32) -> Value {
    let answer = Home::new().run(&["verify", place, "--platform", platform, "--json"]).exits(code).json();
    answer[0]["platforms"][0].clone()
}

/// It does not work because of this file, which lies in the root file system, and does not start.
#[track_caller]
fn fails(image: &Image, rule: &str, file: &str, says: &str) {
    let answer = told(image, 1);
    let first = &answer["findings"][0];
    assert_eq!(finding(first), ("no", rule, Some(file), Some(0)), "{answer:#}");
    let reason = first["reason"].as_str().unwrap();
    assert!(reason.contains(says), "{says:?} is not in {reason:?}");
    let outcome = start(image);
    assert!(!outcome.started(), "it is told not to work, and starts: {outcome:?}");
}

#[test]
fn debian_works_and_starts_on_arm64_and_holds_no_file_of_another_machine() {
    let answer = told(&bash(), 0);
    assert_eq!((&answer["verdict"], &answer["rung"]), (&json!("yes"), &json!("verified")), "{answer:#}");
    let library = |name: &str| format!("/{LIBRARIES}/{name}");
    let runs: Vec<&str> =
        answer["runs"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    for file in ["/usr/bin/bash".to_owned(), library("ld-linux-aarch64.so.1"), library("libc.so.6")] {
        assert!(runs.contains(&file.as_str()), "{file} is not in {runs:?}");
    }
    assert!(runs.iter().any(|file| file.starts_with(&library("libtinfo.so."))), "{runs:?}");
    let machines = answer["machines"].as_object().unwrap();
    assert_eq!(machines.keys().collect::<Vec<_>>(), ["arm64"]);
    assert!(machines["arm64"].as_u64().unwrap() > 500, "{machines:?}");
    let foreign = |found: &&Value| finding(found).1 == "foreign-binary";
    assert_eq!(answer["findings"].as_array().unwrap().iter().find(foreign), None);
    let outcome = start(&bash());
    assert!(outcome.started(), "{outcome:?}");
}

#[test]
fn programs_of_debian_work_and_start_with_all_their_libraries() {
    for (image, program, library) in [
        (debian(&["/bin/sh", "-c", "echo started"]), "/usr/bin/dash", "libc.so.6"),
        (perl(), "/usr/bin/perl", "libcrypt.so.1.1.0"),
        (debian(&["mawk", "BEGIN { print \"started\" }"]), "/usr/bin/mawk", "libm.so.6"),
    ] {
        let answer = told(&image, 0);
        let runs = answer["runs"].as_array().unwrap();
        for file in [program, &format!("/{LIBRARIES}/{library}")] {
            assert!(runs.contains(&json!(file)), "{file} is not in {runs:?}");
        }
        let outcome = start(&image);
        assert!(outcome.started(), "{program}: {outcome:?}");
    }
}

#[test]
fn debian_for_arm64_works_under_no_other_label() {
    for label in ["linux/amd64", "linux/arm/v7", "linux/s390x"] {
        fails(&bash().labelled(label), "wrong-machine", "/usr/bin/bash", "it is for arm64");
    }
}

#[test]
fn a_library_of_debian_that_an_upper_layer_deletes_is_named_and_bash_does_not_start() {
    let name = format!("{LIBRARIES}/libtinfo.so.6");
    for gone in [&name, &format!("{name}.4")] {
        let image = bash().layer(Files::new().whiteout(gone));
        fails(&image, "no-library", "/usr/bin/bash", "libtinfo.so.6");
        // Perl needs it not, and starts.
        let perl = perl().layer(Files::new().whiteout(gone));
        assert_eq!(told(&perl, 0)["verdict"], json!("yes"));
        assert!(start(&perl).started());
    }
}

#[test]
fn a_c_library_of_another_machine_in_the_place_of_debians_is_named_and_bash_does_not_start() {
    let other = Files::new().program(format!("{LIBRARIES}/libc.so.6"), &ARMHF.library("libc.so.6"));
    let image = bash().layer(other);
    fails(&image, "wrong-library", "/usr/bin/bash", "libc.so.6");
    assert_eq!(told(&image, 1)["machines"]["arm"], json!(1));
}

#[test]
fn debian_without_its_loader_does_not_start() {
    let image = bash().layer(Files::new().whiteout(&format!("{LIBRARIES}/ld-linux-aarch64.so.1")));
    fails(&image, "no-loader", "/usr/bin/bash", "ld-linux-aarch64.so.1");
}

#[test]
fn what_skopeo_writes_to_disk_is_told_the_same() {
    for (image, code) in
        [(bash(), 0), (bash().layer(Files::new().whiteout(&format!("{LIBRARIES}/libtinfo.so.6"))), 1)]
    {
        let layout = layout_of(&[&image]);
        let from = format!("oci:{}:it", layout.path().display());
        let (expected, home) = (told_at(&from, &image.label, code), Home::new());
        let places = [
            format!("oci:{}:it", home.path("layout").display()),
            format!("docker-archive:{}:it:1", home.path("image.tar").display()),
        ];
        for place in places {
            Skopeo::new().convert(&image.label, &from, &place);
            let place = place.strip_suffix(":it:1").unwrap_or(&place);
            let answer = told_at(place, &image.label, code);
            for name in ["verdict", "runs", "machines", "findings", "glibcGiven", "glibcNeeded"] {
                assert_eq!(answer[name], expected[name], "{name} in {place}");
            }
        }
    }
}
