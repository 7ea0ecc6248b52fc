//! `workson assemble` on Alpine's root file systems: one image of eight platforms, the same each time.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::parts::docker_registry::DockerRegistry;
use super::parts::run;
use super::parts::skopeo::Skopeo;
use super::parts::user::User;
use super::{ALPINE, data};

/// `skopeo inspect` of a layout.
fn inspect(place: &str, more: &[&str]) -> Vec<u8> {
    let mut skopeo = Command::new("skopeo");
    run("skopeo", skopeo.arg("inspect").args(more).arg(place), b"")
}

/// What the example's recipe says, of the roots in the data.
fn example(user: &User) -> String {
    let recipe = include_str!("../../examples/alpine/recipe.yaml");
    let folder = data("alpine-3.20.3");
    let recipe = recipe.replace("root: ", &format!("root: {}/", folder.display()));
    user.file("recipe.yaml", &recipe).display().to_string()
}

#[test]
fn alpines_eight_roots_become_one_image_that_is_the_same_by_recipe_and_by_release() {
    let user = User::new();
    let layouts = tempfile::tempdir().unwrap();
    let place = |name: &str| format!("oci:{}:3.20.3", layouts.path().join(name).display());
    let (recipe, release) = (example(&user), data("alpine-3.20.3").display().to_string());
    let by_recipe = ["assemble", &recipe, "--to", &place("recipe"), "--json"];
    let told = user.workson(&by_recipe).exits(0).json();
    let again = user.workson(&["assemble", &recipe, "--to", &place("again"), "--json"]).exits(0).json();
    assert_eq!(told["digest"], again["digest"]);
    let by_release = ["assemble", "alpine", "--release", &release, "--to", &place("release"), "--json"];
    let released = user.workson(&by_release).exits(0).json();
    assert_eq!(told["digest"], released["digest"]);
    // Written down, so that it is the same on the next machine.
    let digest = "sha256:263cc9c0d6474fe8a5bf86571fe1989fd25d4973916fd396619b4e15f994b7ab";
    assert_eq!(told["digest"], json!(digest));

    let platforms: Vec<&Value> =
        told["platforms"].as_array().unwrap().iter().map(|platform| &platform["platform"]).collect();
    assert_eq!(platforms, ALPINE.map(|(_, platform)| platform));
    let verified = user.workson(&["verify", "--all-platforms", "--again", "--json", &place("recipe")]);
    let verified = verified.exits(0).image();
    for platform in verified["platforms"].as_array().unwrap() {
        assert_eq!(platform["verdict"], json!("yes"), "{platform:#}");
    }
    assert_eq!(verified["platforms"].as_array().unwrap().len(), 8);

    let raw = inspect(&place("recipe"), &["--raw"]);
    assert_eq!(workson_oci::Digest::sha256(&raw).as_str(), digest);
    for (_, platform) in ALPINE {
        let parts: Vec<&str> = platform.split('/').collect();
        let variant = parts.get(2).copied().unwrap_or_default();
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["--override-os", parts[0], "--override-arch", parts[1], "--override-variant", variant]);
        skopeo.args(["inspect", "--config"]).arg(place("recipe"));
        let config: Value = serde_json::from_slice(&run("skopeo", &mut skopeo, b"")).unwrap();
        assert_eq!(config["architecture"], json!(parts[1]), "{platform}");
        assert_eq!(config["config"]["Cmd"], json!(["/bin/sh"]), "{platform}");
    }
    let stanza = released["stanza"].as_str().unwrap();
    let line = "Architectures: arm64v8, arm32v6, arm32v7, ppc64le, riscv64, s390x, i386, amd64\n";
    assert!(stanza.contains(line) && stanza.contains("Tags: 3.20.3, 3.20\n"), "{stanza}");
}

#[test]
fn alpine_is_pushed_to_a_registry_by_one_command() {
    let storage = tempfile::tempdir().unwrap();
    let (registry, skopeo, user) = (DockerRegistry::open(storage.path()), Skopeo::new(), User::new());
    let reference = registry.reference("library/alpine:3.20.3");
    let release = data("alpine-3.20.3").display().to_string();
    let push = ["assemble", "alpine", "--release", &release, "--push", &reference, "--json"];
    let told = user.workson(&push).exits(0).json();
    assert_eq!(json!(skopeo.digest(&reference)), told["digest"]);
    for (name, platform) in ALPINE {
        let pulled = skopeo.pulled(&reference, platform).unwrap();
        let entry = told["platforms"].as_array().unwrap().iter().find(|entry| entry["platform"] == platform);
        assert_eq!(json!(pulled), entry.unwrap()["digest"], "Alpine's {name}");
    }
    assert_eq!(skopeo.pulled(&reference, "linux/mips64le"), None);
}

#[test]
fn an_alpine_root_for_another_platform_is_refused() {
    let user = User::new();
    let folder = data("alpine-3.20.3");
    let root = |name: &str| folder.join(name).join(format!("alpine-minirootfs-3.20.3-{name}.tar.gz"));
    let refuse = |platform: &str, root: &Path, says: &str| {
        let text = format!(
            "{{config: {{command: [/bin/sh]}}, platforms: [{{platform: {platform}, root: {}}}]}}",
            root.display()
        );
        let recipe = user.file("wrong.yaml", &text).display().to_string();
        let answer = user.workson(&["assemble", &recipe, "--dry-run"]).exits(1);
        assert!(answer.text().contains(says), "{platform}: {}", answer.text());
    };
    refuse("linux/arm64", &root("x86_64"), "/bin/busybox: it is for amd64, not for arm64");
    refuse("linux/arm64", &root("armv7"), "/bin/busybox: it is for arm, hard float, not for arm64");
    refuse("linux/amd64", &root("x86"), "/bin/busybox: it is for 386, not for amd64");
}
