//! `workson assemble`: what comes out follows from what goes in, and what is wrong is refused before anything is written
//! or pushed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "assemble/alpine.rs"]
mod alpine;
mod cli_support;
mod parts;
mod verify;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use cli_support::{Home, Ran, start};
use parts::certificates::Authority;
use parts::https_files::HttpsFiles;
use parts::image::Layout;
use serde_json::{Value, json};
use verify::image::{Files, Image, Layer, elf, gzip, layout_of, noise};
use workson_oci::Digest;
use workson_oci::digest::Algorithm;
use workson_registry::testing::{Fault, MemoryRegistry, Method, On};

/// The machines of ELF files.
const AMD64: u16 = 62;
const ARM64: u16 = 183;

fn tar(machine: u16) -> Vec<u8> {
    Files::new().program("app", &elf(machine)).file("etc/hello", "hello\n").tar()
}

/// A home with the roots `amd64.tar.gz` and `arm64.tar.gz`, and the recipe `recipe.yaml` of both.
fn home() -> Home {
    let home = Home::new();
    home.write("amd64.tar.gz", gzip(&tar(AMD64)));
    home.write("arm64.tar.gz", gzip(&tar(ARM64)));
    home.write("recipe.yaml", RECIPE);
    home
}

const RECIPE: &str = "\
config:
  entrypoint: [/app]
platforms:
  - platform: linux/amd64
    root: amd64.tar.gz
  - platform: linux/arm64
    root: arm64.tar.gz
";

/// Assembles into the layout `out`, and tells as JSON.
fn assembled(home: &Home, recipe: &str) -> Value {
    home.write("recipe.yaml", recipe);
    home.run(&["assemble", "recipe.yaml", "--to", "oci:out:it", "--json"]).exits(0).json()
}

/// A document or blob of a layout.
fn blob(home: &Home, layout: &str, digest: &Value) -> Vec<u8> {
    let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
    std::fs::read(home.path(layout).join("blobs/sha256").join(hex)).unwrap()
}

fn document(home: &Home, layout: &str, digest: &Value) -> Value {
    serde_json::from_slice(&blob(home, layout, digest)).unwrap()
}

/// The manifest and the config of one of the platforms that were assembled into `out`.
fn image(home: &Home, told: &Value, at: usize) -> (Value, Value) {
    let manifest = document(home, "out", &told["platforms"][at]["digest"]);
    let config = document(home, "out", &manifest["config"]["digest"]);
    (manifest, config)
}

fn points_at(registry: &MemoryRegistry, repository: &str, tag: &str) -> Option<String> {
    registry.manifest(repository, tag).map(|bytes| Digest::sha256(&bytes).to_string())
}

#[test]
fn a_compressed_root_is_the_layer_as_it_is_and_the_result_is_verified() {
    let home = home();
    let told = assembled(&home, RECIPE);
    let (manifest, config) = image(&home, &told, 1);
    let root = std::fs::read(home.path("arm64.tar.gz")).unwrap();
    assert_eq!(manifest["layers"][0]["digest"], json!(Digest::sha256(&root).as_str()));
    assert_eq!(blob(&home, "out", &manifest["layers"][0]["digest"]), root);
    assert_eq!(config["rootfs"]["diff_ids"], json!([Digest::sha256(&tar(ARM64)).as_str()]));
    assert_eq!(config["architecture"], json!("arm64"));
    assert_eq!(config["config"], json!({ "Entrypoint": ["/app"] }));
    assert_eq!(config.get("created"), None, "no clock is read");
    assert_eq!(told["verified"]["verdict"], json!("yes"));
    assert_eq!(told["index"]["manifests"][1]["platform"], json!({ "os": "linux", "architecture": "arm64" }));
    home.run(&["verify", "--all-platforms", "oci:out:it"]).exits(0);
}

#[test]
fn the_digests_are_the_same_on_every_machine() {
    // What these bytes are digested to is part of what workson promises: a change of it is a change for everyone.
    let home = home();
    let told = assembled(&home, RECIPE);
    assert_eq!(
        told["digest"],
        json!("sha256:4feade1c5402a33636ea0fc1cac7736397f0539ef3ebf545f9b5897e8a56f028")
    );
    home.write("amd64.tar", tar(AMD64));
    let packed = RECIPE.replace("amd64.tar.gz", "amd64.tar");
    assert_eq!(
        assembled(&home, &packed)["digest"],
        json!("sha256:550804babc2eb3a5c80c0651dbcbf9098eb32748b096b5d3bf039e0b3da70fd1")
    );
}

#[test]
fn a_root_in_zstd_is_the_layer_as_it_is_too_but_not_in_dockers_media_types() {
    let home = home();
    let root = zstd::encode_all(&tar(ARM64)[..], 3).unwrap();
    home.write("arm64.tar.zst", &root);
    let told = assembled(&home, &RECIPE.replace("arm64.tar.gz", "arm64.tar.zst"));
    let (manifest, config) = image(&home, &told, 1);
    assert_eq!(manifest["layers"][0]["digest"], json!(Digest::sha256(&root).as_str()));
    assert_eq!(manifest["layers"][0]["mediaType"], json!("application/vnd.oci.image.layer.v1.tar+zstd"));
    assert_eq!(config["rootfs"]["diff_ids"], json!([Digest::sha256(&tar(ARM64)).as_str()]));
    let ran = home.run(&["assemble", "recipe.yaml", "--dry-run", "--type", "docker"]).exits(2);
    ran.says("arm64.tar.zst: it is packed with zstd").says("--type oci");
}

/// A folder with what a folder may have, made in the order of `names`.
fn folder(root: &Path, names: &[&str]) {
    for name in names {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, elf(AMD64)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    symlink("app", root.join("link")).unwrap();
    std::fs::hard_link(root.join("app"), root.join("bin/again")).unwrap();
    std::fs::create_dir(root.join("empty")).unwrap();
    for folder in ["", "bin", "bin.d", "empty"] {
        std::fs::set_permissions(root.join(folder), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

const OF_FOLDER: &str = "{config: {command: [/app]}, platforms: [{platform: linux/amd64, root: root}]}";

#[test]
fn copies_of_a_folder_give_the_same_digest_whenever_and_however_they_were_made() {
    let (one, other) = (Home::new(), Home::new());
    let long = format!("bin/{}", "long".repeat(40));
    folder(&one.path("root"), &["app", "bin/b", "bin/a", "bin.d/c", &long]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    folder(&other.path("root"), &[&long, "bin.d/c", "bin/a", "app", "bin/b"]);
    let told = assembled(&one, OF_FOLDER);
    assert_eq!(told["digest"], assembled(&other, OF_FOLDER)["digest"]);
    assert_eq!(
        told["digest"],
        json!("sha256:91450387da74f65d93e2182bfa87f44226ad667a4c06555d5c6fa436106a29fa")
    );

    let (manifest, _) = image(&one, &told, 0);
    let layer = blob(&one, "out", &manifest["layers"][0]["digest"]);
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]));
    let mut entries = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        let link = entry.link_name().unwrap().map(|link| link.display().to_string());
        entries.push((entry.path().unwrap().display().to_string(), link));
    }
    let named = |path: &str| (path.to_owned(), None);
    let linked = |path: &str, to: &str| (path.to_owned(), Some(to.to_owned()));
    let expected = [
        named("app"),
        named("bin/"),
        named("bin/a"),
        linked("bin/again", "app"),
        named("bin/b"),
        named(&long),
        named("bin.d/"),
        named("bin.d/c"),
        named("empty/"),
        linked("link", "app"),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn source_date_epoch_says_when_the_image_was_made() {
    let home = Home::new();
    folder(&home.path("root"), &["app", "bin/b", "bin.d/c"]);
    home.write("recipe.yaml", OF_FOLDER);
    let run = |epoch: &str| -> Ran {
        let mut command = home.workson(&["assemble", "recipe.yaml", "--to", "oci:out", "--json"]);
        start(command.env("SOURCE_DATE_EPOCH", epoch)).ends()
    };
    let told = run("1700000000").exits(0).json();
    let (manifest, config) = image(&home, &told, 0);
    assert_eq!(config["created"], json!("2023-11-14T22:13:20Z"));
    let layer = blob(&home, "out", &manifest["layers"][0]["digest"]);
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]));
    assert!(
        archive.entries().unwrap().all(|entry| entry.unwrap().header().mtime().unwrap() == 1_700_000_000)
    );
    let told = run("5000000000").exits(0).json();
    assert_eq!(image(&home, &told, 0).1["created"], json!("2128-06-11T08:53:20Z"));
    for wrong in ["yesterday", "-1", "1.5", "253402300800"] {
        run(wrong).exits(2).says("SOURCE_DATE_EPOCH").says("number of seconds").says("the year 9999");
    }
}

#[test]
fn what_is_wrong_with_a_recipe_is_told_by_line_and_column_with_what_may_have_been_meant() {
    let home = home();
    let entry = "platforms:\n  - platform: linux/amd64\n    root: amd64.tar.gz\n";
    let two = |first: &str, second: &str| {
        format!(
            "platforms:\n  - platform: {first}\n    root: amd64.tar.gz\n  - platform: {second}\n    root: amd64.tar.gz\n"
        )
    };
    let arm_v8 = two("linux/arm64", "linux/arm64/v8");
    for (recipe, says, hint) in [
        (
            "platfroms: []\n",
            "recipe.yaml:1:1: there is no field `platfroms` here",
            "did you mean `platforms`?",
        ),
        (
            &format!("{entry}    comand: [a]\n"),
            "recipe.yaml:4:5: there is no field `comand` here",
            "there are: ",
        ),
        (
            &format!("{entry}    config:\n      comand: [a]\n"),
            "recipe.yaml:5:7: there is no field `comand` here",
            "did you mean `command`?",
        ),
        (
            &format!("{entry}    config:\n      command: /bin/sh\n"),
            "recipe.yaml:5:16: a list is expected here",
            "docs/recipe.md",
        ),
        (
            "platforms:\n  - platform: linux/amr64\n    root: amd64.tar.gz\n",
            "recipe.yaml:2:15: the platform \"linux/amr64\": there is no architecture \"amr64\"",
            "did you mean linux/amd64 or linux/arm64?",
        ),
        (
            "platforms:\n  - platform: linux/amd64\n    root: nowhere.tar\n",
            "recipe.yaml:3:11: reading the root nowhere.tar: No such file",
            "",
        ),
        (
            "platforms:\n  - platform: linux/amd64\n    root: ''\n",
            "recipe.yaml:3:11: `root` is empty",
            "name a tar file or a folder",
        ),
        (
            "platforms:\n  - platform: linux/amd64\n",
            "recipe.yaml:2:5: a platform needs a `root` or an `image`",
            "say",
        ),
        ("platforms:\n  - root: amd64.tar.gz\n", "recipe.yaml:2:5: a root needs a `platform`", "say which"),
        (
            &format!("{entry}    image: a\n"),
            "recipe.yaml:4:12: a platform has a `root` or an `image`, not both",
            "take",
        ),
        (
            &two("linux/amd64", "linux/x86_64"),
            "two entries are for linux/amd64: recipe.yaml:2:5 (amd64.tar.gz) and recipe.yaml:4:5",
            "take one",
        ),
        (&arm_v8, "recipe.yaml:2:5 (amd64.tar.gz) and recipe.yaml:4:5", ""),
        (&format!("{entry}    sha256: abc\n"), "recipe.yaml:4:13: the sha256 \"abc\" is none", "sha256sum"),
        (
            &format!("{entry}    sha512: {}\n", "0".repeat(128)),
            "recipe.yaml:3:11: the root amd64.tar.gz has the sha512 ",
            "",
        ),
        (
            &format!("tags: [latest]\n{entry}"),
            "recipe.yaml:1:8: the tag latest is of no image",
            "say which by `image`",
        ),
        (
            &format!("expect: [linux/amd65]\n{entry}"),
            "recipe.yaml:1:10: the platform \"linux/amd65\"",
            "linux/amd64?",
        ),
        ("platforms: [\n", "recipe.yaml:", ""),
        ("platforms: []\n", "recipe.yaml:1:12: `platforms` has none", ""),
        ("", "recipe.yaml", ""),
    ] {
        home.write("recipe.yaml", recipe);
        let ran = home.run(&["assemble", "recipe.yaml", "--to", "oci:out"]).exits(2);
        assert!(
            ran.stderr.contains(says) && ran.stderr.contains(hint),
            "{recipe}{says:?} {hint:?}: {}",
            ran.stderr
        );
        assert!(!home.path("out").exists(), "{recipe}: nothing is written");
    }
}

#[test]
fn roots_that_are_none_are_refused_by_name() {
    let home = home();
    let half = gzip(&tar(AMD64));
    home.write("half.tar.gz", &half[..half.len() / 2]);
    home.write("text.tar", "no tar file, but long enough to be looked at as one".repeat(20));
    home.write("root.tar.xz", b"\xfd7zXZ\0\0\0");
    home.write("empty.tar", Files::new().tar());
    std::fs::create_dir(home.path("devices")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.path("devices/pipe")).status().unwrap();
    assert!(made.success());
    for (root, says) in [
        ("half.tar.gz", "can't be unpacked"),
        ("text.tar", "can't be unpacked"),
        ("root.tar.xz", "is packed with xz, which engines do not unpack"),
        ("empty.tar", "has nothing in it"),
        ("devices", "pipe: it is a device, a pipe or a socket"),
        ("devices/pipe", "it is no file"),
    ] {
        home.write("recipe.yaml", format!("platforms: [{{platform: linux/amd64, root: {root}}}]"));
        home.run(&["assemble", "recipe.yaml", "--to", "oci:out"]).exits(2).says(says);
        assert!(!home.path("out").exists(), "{root}: nothing is written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_of_another_architecture_is_refused_before_anything_is_written_or_pushed() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    let target = format!("{}/team/app:1", registry.host());
    for (recipe, finding) in [
        (RECIPE.replace("arm64.tar.gz", "amd64.tar.gz"), "/app: it is for amd64, not for arm64"),
        // Where nothing is started, all that is there tells.
        (
            "platforms: [{platform: linux/arm64, root: amd64.tar.gz}]".to_owned(),
            "linux/arm64: its binaries are for amd64",
        ),
    ] {
        home.write("recipe.yaml", &recipe);
        let ran = home.run(&["assemble", "recipe.yaml", "--to", "oci:out", "--push", &target]).exits(1);
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert!(said.contains(finding) && said.contains("nothing is written or pushed"), "{said}");
        assert!(!home.path("out").exists());
        assert_eq!(registry.requests().len(), 0);
    }
    home.run(&["assemble", "recipe.yaml", "--to", "oci:out", "--no-verify"]).exits(0);
}

#[test]
fn the_platforms_are_those_that_are_expected() {
    let home = home();
    home.write("recipe.yaml", format!("expect: [linux/amd64, linux/arm64, linux/s390x]\n{RECIPE}"));
    home.run(&["assemble", "recipe.yaml", "--to", "oci:out"]).exits(1).says("it lacks linux/s390x");
    home.write("recipe.yaml", format!("expect: [linux/arm64]\n{RECIPE}"));
    let ran = home.run(&["assemble", "recipe.yaml", "--to", "oci:out"]).exits(1);
    ran.says("it has besides linux/amd64 (recipe.yaml:5:5)");
    assert!(!home.path("out").exists());
    home.run(&["assemble", "recipe.yaml", "--to", "oci:out", "--expect", "linux/arm64,linux/amd64"]).exits(0);
}

/// Whether nothing was asked of a registry but what is there.
fn is_unwritten(registry: &MemoryRegistry) -> bool {
    registry.requests().iter().all(|request| matches!(request.method, Method::Get | Method::Head))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_is_pushed_to_what_it_names_and_a_dry_run_shows_it() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    let names = format!("image: {0}/team/app\ntags: [1.0, latest, '{0}/mirror/app:x']\n", registry.host());
    home.write("recipe.yaml", format!("{names}{RECIPE}"));
    let dry = home.run(&["assemble", "recipe.yaml", "--dry-run"]).exits(0);
    let told = home.run(&["assemble", "recipe.yaml", "--dry-run", "--json"]).exits(0).json();
    let digest = told["digest"].as_str().unwrap();
    let targets = ["team/app:1.0", "team/app:latest", "mirror/app:x"];
    for target in targets {
        let line =
            format!("would be pushed to {}/{target}@{digest}, which was not looked at", registry.host());
        assert!(dry.text().contains(&line), "{line} is not in {}", dry.text());
    }
    assert_eq!(told["dryRun"]["push"].as_array().unwrap().len(), 3);
    assert_eq!(told["dryRun"]["targets"], json!([]));
    assert_eq!(registry.requests().len(), 0, "nothing is asked or sent");
    let dry = home.run(&["assemble", "recipe.yaml", "--dry-run", "--push"]).exits(0);
    assert!(
        dry.text().contains(&format!("mirror/app:x@{digest}, which is not there today\n")),
        "{}",
        dry.text()
    );

    home.run(&["assemble", "recipe.yaml", "--push"]).exits(0);
    let dry = home.run(&["assemble", "recipe.yaml", "--dry-run", "--push"]).exits(0);
    assert!(dry.text().contains("which is there already"), "{}", dry.text());
    for (repository, tag) in [("team/app", "1.0"), ("team/app", "latest"), ("mirror/app", "x")] {
        assert_eq!(points_at(&registry, repository, tag).as_deref(), Some(digest), "{repository}:{tag}");
    }
    // A tag does not lose a platform.
    home.write(
        "less.yaml",
        "{config: {command: [/app]}, platforms: [{platform: linux/arm64, root: arm64.tar.gz}]}",
    );
    let target = format!("{}/team/app:1.0", registry.host());
    let push = ["assemble", "less.yaml", "--push", &target];
    registry.clear_requests();
    home.run(&[&push[..], &["--dry-run"]].concat()).exits(1).says("linux/amd64, which the image lacks");
    let drop = ["--dry-run", "--json", "--allow-drop", "linux/amd64"];
    let told = home.run(&[&push[..], &drop].concat()).exits(0).json();
    assert_eq!(told["dryRun"]["targets"], json!([{ "reference": target, "before": digest }]));
    assert!(is_unwritten(&registry));
    home.run(&push).exits(1).says("linux/amd64");
    assert_eq!(points_at(&registry, "team/app", "1.0").as_deref(), Some(digest));
    home.run(&[&push[..], &["--allow-drop", "linux/amd64"]].concat()).exits(0);
    assert_ne!(points_at(&registry, "team/app", "1.0").as_deref(), Some(digest));
    home.run(&["assemble", "less.yaml"]).exits(2).says("nothing is asked to be done");
}

/// An image whose program is for the machine that its label says.
fn existing(platform: &str) -> Image {
    let machine = if platform == "linux/amd64" { AMD64 } else { ARM64 };
    Image::new(platform, &["/app"]).with(Layer::gzip(Files::new().program("app", &elf(machine))))
}

/// Puts an image into a registry; its manifest's digest.
fn put(registry: &MemoryRegistry, repository: &str, tag: &str, image: &Image) -> Digest {
    for (_, bytes) in image.blobs() {
        registry.put_blob(repository, bytes);
    }
    registry.put_manifest(
        repository,
        Some(tag),
        "application/vnd.oci.image.manifest.v1+json",
        image.manifest_bytes(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_several_registries_and_layouts_go_into_one_index_as_they_are() {
    let (one, other) = (MemoryRegistry::start().await.unwrap(), MemoryRegistry::start().await.unwrap());
    let home = home();
    let amd64 = put(&one, "team/app", "amd64", &existing("linux/amd64"));
    let layout = layout_of(&[&existing("linux/arm64"), &existing("linux/amd64")]);
    let recipe = format!(
        "platforms:\n  - image: {}/team/app:amd64\n  - image: oci:{}:it\n    platform: linux/arm64\n    annotations: {{a: b}}\n",
        one.host(),
        layout.path().display()
    );
    home.write("recipe.yaml", recipe);
    let target = format!("{}/all/app:1", other.host());
    let told = home.run(&["assemble", "recipe.yaml", "--push", &target, "--json"]).exits(0).json();
    assert_eq!(told["platforms"][0]["digest"], json!(amd64.as_str()));
    assert_eq!(told["platforms"][1]["platform"], json!("linux/arm64"));
    assert_eq!(told["index"]["manifests"][1]["annotations"], json!({ "a": "b" }));
    assert_eq!(points_at(&other, "all/app", "1").as_deref(), told["digest"].as_str());
    home.run(&["verify", "--all-platforms", &target]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifest_tools_own_files_are_read_as_they_stand() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    let host = registry.host();
    put(&registry, "team/app", "amd64", &existing("linux/amd64"));
    put(&registry, "team/app", "arm64", &existing("linux/arm64"));
    let file = format!(
        "image: {host}/team/app:1.0\ntags: ['1', latest]\nannotations:\n  org.opencontainers.image.title: app\nmanifests:\n  -\n    image: {host}/team/app:amd64\n    platform:\n      architecture: amd64\n      os: linux\n  -\n    image: {host}/team/app:arm64\n    platform:\n      architecture: arm64\n      variant: v8\n      os: linux\n"
    );
    home.write("app.yaml", &file);
    let told = home.run(&["assemble", "app.yaml", "--push", "--json"]).exits(0).json();
    assert_eq!(told["index"]["annotations"], json!({ "org.opencontainers.image.title": "app" }));
    assert_eq!(told["index"]["manifests"][1]["platform"]["variant"], json!("v8"));
    for tag in ["1.0", "1", "latest"] {
        assert_eq!(points_at(&registry, "team/app", tag).as_deref(), told["digest"].as_str(), "{tag}");
    }
    // An index is taken apart, and what is there twice is refused.
    home.write(
        "again.yaml",
        format!("image: {host}/team/other:1\nmanifests:\n  - image: {host}/team/app:1.0\n"),
    );
    let again = home.run(&["assemble", "again.yaml", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(again["platforms"].as_array().unwrap().len(), 2);
    home.write("twice.yaml", format!("image: {host}/team/other:1\nmanifests:\n  - image: {host}/team/app:1.0\n  - image: {host}/team/app:amd64\n"));
    home.run(&["assemble", "twice.yaml", "--dry-run"])
        .exits(2)
        .says("two entries are for linux/amd64: twice.yaml:3:5");
    home.write("wrong.yaml", file.replace("architecture: amd64", "architecture: amd46"));
    home.run(&["assemble", "wrong.yaml", "--dry-run"])
        .exits(2)
        .says("wrong.yaml:9:7")
        .says("did you mean linux/amd64?");
}

#[test]
fn versions_and_features_of_an_operating_system_tell_platforms_apart_and_are_kept() {
    let home = home();
    let mut layout = Layout::new();
    let entry = |version: &str, features: &[&str]| {
        let mut entry = existing("windows/amd64").set("Labels", json!({ "version": version })).put(&layout);
        entry["platform"]["os.version"] = json!(version);
        if !features.is_empty() {
            entry["platform"]["os.features"] = json!(features);
        }
        entry
    };
    let entries = [entry("10.0.17763.1", &["win32k"]), entry("10.0.20348.1", &[])];
    layout.tag_index("it", &entries);
    let place = format!("oci:{}:it", layout.path().display());
    let run = |platform: &str| {
        home.write("recipe.yaml", format!("image: a/b\nmanifests:\n  - image: {place}\n{platform}"));
        let ran =
            home.run(&["assemble", "recipe.yaml", "--dry-run", "--json", "--no-verify"]).exits(0).json();
        ran["index"]["manifests"].as_array().unwrap().clone()
    };
    assert_eq!(run(""), entries);
    let of = "    platform:\n      os: windows\n      architecture: amd64\n";
    assert_eq!(run(of), entries);
    assert_eq!(run(&format!("{of}      os.version: 10.0.20348.1\n")), entries[1..]);
    let features = run(&format!("{of}      os.version: 10.0.20348.1\n      os.features: [x]\n"));
    assert_eq!(features[0]["platform"]["os.features"], json!(["x"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_types_follow_the_sources_and_attestations_the_images_that_are_kept() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    let host = registry.host();
    registry.put_docker_list("team/docker", "1", &["linux/amd64", "windows/amd64"]);
    registry.put_attested_image_index("team/oci", "1", &["linux/arm64", "linux/amd64"]);
    let run = |recipe: &str, more: &[&str]| {
        home.write("recipe.yaml", recipe);
        let base = ["assemble", "recipe.yaml", "--dry-run", "--json", "--no-verify"];
        home.run(&[&base[..], more].concat()).exits(0).json()
    };
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    let docker = format!("  - {{image: '{host}/team/docker:1', platform: linux/amd64}}\n");
    let oci = format!("  - {{image: '{host}/team/oci:1', platform: linux/arm64}}\n");
    assert_eq!(run(&format!("platforms:\n{docker}"), &[])["mediaType"], json!(list));
    let mixed = run(&format!("platforms:\n{docker}{oci}"), &[]);
    assert_eq!(mixed["mediaType"], json!("application/vnd.oci.image.index.v1+json"));
    assert_eq!(run(&format!("platforms:\n{docker}{oci}"), &["--type", "docker"])["mediaType"], json!(list));
    // One attestation of two: that of linux/arm64.
    let entries = mixed["index"]["manifests"].as_array().unwrap();
    assert_eq!((entries.len(), &mixed["platforms"][1]["attestations"]), (3, &json!(1)));
    let annotations = &entries[2]["annotations"];
    assert_eq!(annotations["vnd.docker.reference.digest"], mixed["platforms"][1]["digest"]);

    // Docker's documents have no place for annotations.
    let annotated = docker.replace("linux/amd64}", "linux/amd64, annotations: {a: b}}");
    home.write("recipe.yaml", format!("platforms:\n{annotated}"));
    home.run(&["assemble", "recipe.yaml", "--dry-run", "--no-verify"])
        .exits(2)
        .says("recipe.yaml:2:5: `annotations` are given, and an entry of a Docker manifest list has none")
        .says("--type oci");

    let docker = run(RECIPE, &["--type", "docker"]);
    assert_eq!(docker["mediaType"], json!(list));
    let blobs: Vec<&Value> =
        docker["blobs"].as_array().unwrap().iter().map(|blob| &blob["mediaType"]).collect();
    assert_eq!(blobs[0], &json!("application/vnd.docker.container.image.v1+json"));
    assert_eq!(blobs[1], &json!("application/vnd.docker.image.rootfs.diff.tar.gzip"));
}

/// The entry of what speaks of an image: with these annotations, and with this `subject` in its manifest.
fn statement(layout: &Layout, text: &str, annotations: &Value, subject: Option<&Value>) -> Value {
    let layer = Layer::raw("application/vnd.in-toto+json", text.as_bytes().to_vec());
    let image = Image::new("unknown/unknown", &[]).with(layer);
    let mut entry = image.put(layout);
    let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    if let Some(subject) = subject {
        manifest["subject"] = subject.clone();
        let bytes = manifest.to_string();
        let digest = Digest::sha256(bytes.as_bytes());
        std::fs::write(layout.path().join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
        (entry["digest"], entry["size"]) = (json!(digest.as_str()), json!(bytes.len()));
    }
    entry["annotations"] = annotations.clone();
    entry
}

#[test]
fn what_is_for_no_platform_goes_with_the_image_that_it_speaks_of_or_is_told() {
    let home = home();
    let mut layout = Layout::new();
    let (arm64, amd64) = (existing("linux/arm64").put(&layout), existing("linux/amd64").put(&layout));
    let of = |digest: &str| json!({ "vnd.docker.reference.digest": digest, "vnd.docker.reference.type": "attestation-manifest" });
    let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
    let absent = Digest::sha256(b"nowhere").to_string();
    let about = |entry: &Value| json!({ "mediaType": entry["mediaType"], "digest": entry["digest"], "size": entry["size"] });
    let no_annotations = json!({ "note": "not of whom" });
    let kept = [
        statement(&layout, "annotated", &of(&digest(&arm64)), None),
        statement(&layout, "subject", &no_annotations, Some(&about(&arm64))),
    ];
    let of_another = [
        statement(&layout, "other", &of(&digest(&amd64)), None),
        statement(&layout, "other's subject", &no_annotations, Some(&about(&amd64))),
    ];
    let untold = [
        statement(&layout, "of nothing", &no_annotations, None),
        statement(&layout, "of what is not there", &of(&absent), None),
    ];
    let entries = [&[arm64.clone(), amd64][..], &kept, &of_another, &untold].concat();
    layout.tag_index("it", &entries);
    let recipe =
        format!("platforms: [{{image: 'oci:{}:it', platform: linux/arm64}}]", layout.path().display());
    let told = assembled(&home, &recipe);
    assert_eq!(told["index"]["manifests"], json!([&[arm64][..], &kept].concat()));
    assert_eq!(told["platforms"][0]["attestations"], json!(2));
    let place = format!("oci:{}:it", layout.path().display());
    let notes = [
        format!(
            "{place}: {} is for no platform and does not say which image it speaks of; it is left out",
            digest(&untold[0])
        ),
        format!("{place}: {} speaks of {absent}, which is not there; it is left out", digest(&untold[1])),
    ];
    assert_eq!(told["notes"], json!(notes));
    let ran = home.run(&["assemble", "recipe.yaml", "--to", "oci:again"]).exits(0);
    assert!(notes.iter().all(|note| ran.text().contains(&format!("note: {note}\n"))), "{}", ran.text());
    home.run(&["verify", "--all-platforms", "oci:out:it"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_packed_goes_with_the_next() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    put(&registry, "team/app", "arm64", &existing("linux/arm64"));
    home.write("amd64.tar", tar(AMD64));
    let recipe = format!(
        "{{config: {{command: [/app]}}, platforms: [{{platform: linux/amd64, root: amd64.tar}}, {{image: '{}/team/app:arm64'}}]}}",
        registry.host()
    );
    home.write("recipe.yaml", recipe);
    let mine = home.write("tmp/workson-assemble-old/layer", "");
    let left = || std::fs::read_dir(home.path("tmp")).unwrap().count() - 1;
    let workson = || {
        let mut workson = home.workson(&["assemble", "recipe.yaml", "--to", "oci:out"]);
        start(workson.env("TMPDIR", home.path("tmp")))
    };
    for signal in ["TERM", "KILL"] {
        registry.fault(Fault::Hang, On::get("/manifests/arm64"), Some(1));
        registry.clear_requests();
        let running = workson();
        cli_support::until("the image's request", || !registry.requests().is_empty());
        running.signal(signal);
        running.ends();
        assert_eq!(left(), 1, "that of the run before is gone");
    }
    // What is under way stays.
    registry.fault(Fault::Hang, On::get("/manifests/arm64"), Some(1));
    registry.clear_requests();
    let running = workson();
    cli_support::until("the image's request", || !registry.requests().is_empty());
    workson().ends().exits(0);
    assert_eq!(left(), 1);
    running.signal("KILL");
    running.ends();
    workson().ends().exits(0);
    assert_eq!(left(), 0);
    assert!(Path::new(&mine).exists());
}

#[test]
fn the_usage_names_the_recipe_where_push_does_not_take_it() {
    let home = home();
    let ran = home.run(&["assemble", "--push", "localhost:1/a:1", "recipe.yaml"]).exits(2);
    let usage = ran.stderr.split_once("Usage: ").unwrap().1;
    assert!(usage.find("<RECIPE>").unwrap() < usage.find("--push").unwrap(), "{usage}");
    let ran = home.run(&["assemble", "recipe.yaml", "--push", "UPPER"]).exits(2);
    ran.says("UPPER");
}

#[test]
fn an_image_that_is_assembled_again_is_found_under_the_same_place() {
    let home = home();
    for recipe in [RECIPE.to_owned(), format!("annotations: {{a: b}}\n{RECIPE}")] {
        home.write("recipe.yaml", recipe);
        let told = home.run(&["assemble", "recipe.yaml", "--to", "oci:out", "--json"]).exits(0).json();
        let found = home.run(&["verify", "oci:out", "--all-platforms", "--json"]).exits(0);
        assert!(found.text().contains(told["digest"].as_str().unwrap()), "{}", found.text());
    }
    // Where the recipe lies in a folder whose name has a colon.
    home.write("a:b/next.yaml", "platforms: [{image: 'oci:../out'}]");
    home.run(&["assemble", "a:b/next.yaml", "--to", "oci:next:localhost/n:1"]).exits(0);
    home.run(&["verify", "oci:next:localhost/n:1", "--all-platforms"]).exits(0);
}

#[test]
fn a_full_disk_leaves_no_half_image_that_looks_whole() {
    let home = home();
    let of = |bytes: usize| Files::new().program("app", &elf(AMD64)).file("noise", noise(bytes)).tar();
    let recipe = |root: &str| {
        format!("{{config: {{command: [/app]}}, platforms: [{{platform: linux/amd64, root: {root}}}]}}")
    };
    home.write("small.tar.gz", gzip(&of(1000)));
    home.write("large.tar.gz", gzip(&of(3_000_000)));
    home.write("plain.tar", of(3_000_000));
    home.write("folder/noise", noise(3_000_000));
    for root in ["small.tar.gz", "large.tar.gz", "plain.tar", "folder"] {
        home.write(&format!("{}.yaml", root.split('.').next().unwrap()), recipe(root));
    }
    let ran = home
        .with_disk(
            "mount -t tmpfs -o size=1m tmpfs disk
             fails() { \"$@\" && exit 9 || test $? = 2; }
             # A layout that is made for it.
             fails $W assemble large.yaml --to oci:disk/new
             test ! -e disk/new/oci-layout && test ! -e disk/new/index.json
             fails $W verify oci:disk/new -p linux/amd64 >&2
             rm -r disk/new
             # One that has an image already keeps that one, and no other.
             $W assemble small.yaml --to oci:disk/old:small >&2
             cp disk/old/index.json before
             fails $W assemble large.yaml --to oci:disk/old:large
             cmp disk/old/index.json before
             $W verify oci:disk/old:small -p linux/amd64 >&2
             fails $W verify oci:disk/old:large -p linux/amd64 >&2
             rm -r disk/old
             # Where there is no room to pack a root, nothing is left of it.
             fails env TMPDIR=disk $W assemble plain.yaml --to oci:none
             fails env TMPDIR=disk $W assemble folder.yaml --to oci:none
             test ! -e none
             find disk -mindepth 1
             # With more room the same commands do it.
             mount -o remount,size=64m disk
             $W assemble large.yaml --to oci:disk/old:large >&2
             TMPDIR=disk $W assemble plain.yaml --to oci:disk/old:plain >&2
             cp -r disk/old out",
        )
        .exits(0);
    assert_eq!(ran.text(), "", "something was left");
    assert_eq!(ran.stderr.matches("No space left on device").count(), 4, "{}", ran.stderr);
    for root in ["plain.tar", "folder"] {
        let says = format!("packing the root {root} in {}/", home.path("disk").display());
        assert!(ran.stderr.contains(&says), "{says} is not in {}", ran.stderr);
    }
    for name in ["large", "plain"] {
        home.run(&["verify", &format!("oci:out:{name}"), "-p", "linux/amd64", "--again"]).exits(0);
    }
}

/// What zstd packs with `--long=LOG`, of something that does not need it.
fn zstd_long(bytes: &[u8], log: u8) -> Vec<u8> {
    let mut packed = zstd::encode_all(bytes, 3).unwrap();
    // RFC 8878, 3.1.1.1: a frame without the flag of a single segment says behind its descriptor how large its window is.
    assert_eq!(packed[4] & 0x20, 0);
    packed[5] = (log - 10) << 3;
    packed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_or_layer_that_zstd_packed_with_a_large_window_is_taken_with_the_option_that_is_named() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = home();
    home.write("recipe.yaml", RECIPE.replace("arm64.tar.gz", "arm64.tar.zst"));
    let assemble = ["assemble", "recipe.yaml", "--to", "oci:out:it"];
    for log in [27, 31] {
        home.write("arm64.tar.zst", zstd_long(&tar(ARM64), log));
        let ran = home.run(&assemble).exits(2);
        let says = "as much as zstd is given (raise it with --max-layer-window)\n";
        assert!(ran.stderr.contains(says), "nothing else is said of it: {}", ran.stderr);
        assert!(!home.path("out").exists());
        let raise = ["--max-layer-window", &(1_u64 << log).to_string()];
        home.run(&[&assemble[..], &raise].concat()).exits(0);

        // So it is wherever it is verified. What could not be read is not kept as an answer.
        let target = format!("{}/team/app:{log}", registry.host());
        std::fs::remove_dir_all(home.path(".local")).unwrap();
        for command in ["copy", "push"] {
            let copy = [command, "oci:out:it", &target];
            home.run(&copy).exits(2).says("--max-layer-window");
            assert_eq!(points_at(&registry, "team/app", &log.to_string()), None);
        }
        home.run(&[&["copy", "oci:out:it", &target], &raise[..]].concat()).exits(0);
        std::fs::remove_dir_all(home.path(".local")).unwrap();
        home.write("list.txt", format!("{target}\n"));
        let inventory = ["inventory", "list.txt", "--verify", "--json"];
        let told = home.run(&inventory).exits(2).json();
        let reason = told["verified"][0]["unknown"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("--max-layer-window"), "{reason}");
        home.run(&[&inventory[..], &raise].concat()).exits(0);
        std::fs::remove_dir_all(home.path("out")).unwrap();
    }
}
