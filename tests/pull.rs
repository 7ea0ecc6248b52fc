//! `workson pull`: what comes into a layout, an archive or a folder; what is refused; and that nothing half looks whole.
//! Faults come from the in-memory registry; skopeo and podman push and read what is pulled.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use cli_support::{Home, start};
use parts::docker_registry::DockerRegistry;
use parts::image::{OCI_INDEX, OCI_MANIFEST, SIX};
use parts::skopeo::Skopeo;
use serde_json::{Value, json};
use verify::image::{Files, Image, Layer, layout_of, noise};
use workson_oci::Digest;
use workson_registry::testing::{Fault, MemoryRegistry, On};

/// An image of two layers, the upper of so many bytes that nothing packs.
fn image(platform: &str, bytes: usize) -> Image {
    Image::new(platform, &["/hello"])
        .with(Layer::gzip(Files::new().program("hello", platform.as_bytes()).file("gone", "1")))
        .with(Layer::gzip(Files::new().file(".wh.gone", "").file("noise", noise(bytes))))
}

/// Puts an index of these images and of one attestation under a tag; the bytes of the index.
fn put(registry: &MemoryRegistry, repository: &str, tag: &str, images: &[&Image]) -> Vec<u8> {
    let attested =
        Image::new("unknown/unknown", &[]).with(Layer::raw("application/vnd.in-toto+json", b"{}".to_vec()));
    let mut entries = Vec::new();
    for image in images.iter().copied().chain([&attested]) {
        for (_, bytes) in image.blobs() {
            registry.put_blob(repository, bytes);
        }
        registry.put_manifest(repository, None, OCI_MANIFEST, image.manifest_bytes());
        entries.push(image.entry());
    }
    let last = entries.last_mut().unwrap();
    last["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    // Indented, so that whoever writes it anew is found out.
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    let bytes = serde_json::to_vec_pretty(&index).unwrap();
    registry.put_manifest(repository, Some(tag), OCI_INDEX, bytes.clone());
    bytes
}

/// What skopeo reads in a place on disk.
fn raw(home: &Home, place: &str) -> Vec<u8> {
    let mut skopeo = home.command("skopeo");
    parts::run("skopeo", skopeo.args(["inspect", "--raw", place]), b"")
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    fs::read(layout.join("blobs/sha256").join(&digest["sha256:".len()..])).unwrap()
}

/// How often each blob was asked for.
fn fetched(registry: &MemoryRegistry, image: &Image) -> Vec<usize> {
    let requests = registry.requests();
    let of = |digest: &str| {
        let path = format!("/blobs/{digest}");
        requests.iter().filter(|request| request.path.ends_with(&path)).count()
    };
    image.layers.iter().map(|layer| of(&layer.digest)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_for_the_platform_comes_and_nothing_comes_twice() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (amd64, arm64) = (image("linux/amd64", 1000), image("linux/arm64", 2000));
    put(&registry, "app", "1", &[&amd64, &arm64]);
    let (home, reference) = (Home::new(), format!("{}/app:1", registry.host()));
    let pull = |arguments: &[&str]| home.run(&[&["pull", &reference], arguments].concat());

    let ran = pull(&["--to", "oci:out:one", "--platform", "linux/arm64"]).exits(0);
    let digest = Digest::sha256(&arm64.manifest_bytes());
    let line =
        format!("{reference} for linux/arm64: {digest} is in oci:out:one: 3 blobs pulled, 0 there already\n");
    assert_eq!((ran.text(), ran.stderr.as_str()), (line.as_str(), ""));
    assert_eq!(raw(&home, "oci:out:one"), arm64.manifest_bytes());
    assert_eq!((fetched(&registry, &amd64), fetched(&registry, &arm64)), (vec![0, 0], vec![1, 1]));

    // The same again, and another one beside it: what is there is not fetched.
    registry.clear_requests();
    let told = pull(&["--to", "oci:out:one", "--platform", "arm64", "--json"]).exits(0).json();
    let has = |name: &str| told[name].clone();
    assert_eq!((has("blobs"), has("existed"), has("bytes")), (json!(0), json!(3), json!(0)), "{told:#}");
    assert_eq!((has("digest"), has("platform")), (json!(digest.as_str()), json!("linux/arm64")));
    assert_eq!((has("available"), has("rootfs")), (json!(["linux/amd64", "linux/arm64"]), Value::Null));
    assert_eq!(fetched(&registry, &arm64), [0, 0]);
    pull(&["--to", "oci:out:two", "--platform", "linux/amd64", "--quiet"]).exits(0);
    assert_eq!(raw(&home, "oci:out:two"), amd64.manifest_bytes());
    assert_eq!(raw(&home, "oci:out:one"), arm64.manifest_bytes());

    // What nothing fits, and what is asked for wrongly.
    let told = pull(&["--to", "oci:none", "-p", "linux/s390x", "--json"]).exits(1);
    assert!(told.stderr.contains("it has linux/amd64 linux/arm64"), "{}", told.stderr);
    assert_eq!(told.json()["digest"], Value::Null);
    assert!(!home.path("none").exists());
    for (arguments, says) in [
        (&["--to", "nowhere"][..], "it names no place on disk"),
        (&["--to", "oci:"], "it names no place on disk"),
        (&["--to", "docker-archive:f.tar:UPPER"], "UPPER"),
        (&["--to", "docker-archive:f.tar", "--all-platforms"], "place for one platform"),
        (&["--to", "rootfs:r", "--all-platforms"], "place for one platform"),
        (&["--to", "oci:x", "--all-platforms", "-p", "arm64"], "cannot be used with"),
        (&["--to", "rootfs:r", "--keep-setuid", "--no-same-owner"], "cannot be used with"),
    ] {
        let ran = pull(arguments).exits(2).says(says);
        assert!(ran.stdout.is_empty(), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_platforms_come_byte_for_byte_with_their_attestations() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (amd64, arm64) = (image("linux/amd64", 10), image("linux/arm64", 10));
    let index = put(&registry, "app", "1", &[&amd64, &arm64]);
    let (home, reference) = (Home::new(), format!("{}/app:1", registry.host()));
    let told =
        home.run(&["pull", &reference, "--all-platforms", "--to", "oci:out", "--json"]).exits(0).json();
    assert_eq!((&told["platform"], &told["mediaType"]), (&Value::Null, &json!(OCI_INDEX)));
    assert_eq!(raw(&home, "oci:out"), index);
    let read: Value = serde_json::from_slice(&index).unwrap();
    for entry in read["manifests"].as_array().unwrap() {
        let manifest = blob(&home.path("out"), entry["digest"].as_str().unwrap());
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        for part in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
            let bytes = blob(&home.path("out"), part["digest"].as_str().unwrap());
            assert_eq!(json!(Digest::sha256(&bytes).as_str()), part["digest"]);
        }
    }
    // What is in the layout is pulled from there, and so is what is in the archive.
    home.run(&["pull", "oci:out", "-p", "linux/arm64", "--to", "docker-archive:a.tar:app:2"]).exits(0);
    home.run(&["pull", "docker-archive:a.tar", "-p", "linux/arm64", "--to", "rootfs:root"]).exits(0);
    assert_eq!(fs::read(home.path("root/hello")).unwrap(), b"linux/arm64");
    assert!(!home.path("root/gone").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_goes_on_and_what_is_damaged_never_looks_whole() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/amd64", 300_000);
    put(&registry, "app", "1", &[&image]);
    let reference = format!("{}/app:1", registry.host());
    let layer = format!("/blobs/{}", image.layers[1].digest);
    for to in ["oci:out", "docker-archive:out", "rootfs:out"] {
        // It breaks once: the rest of it is asked for.
        let home = Home::new();
        registry.fault(Fault::CutBody { after: 100_000 }, On::get(&layer), Some(1));
        registry.clear_requests();
        home.run(&["pull", &reference, "-p", "linux/amd64", "--to", to]).exits(0);
        assert_eq!(fetched(&registry, &image), [1, 2], "{to}");
        let ranged =
            registry.requests().iter().any(|request| request.header("range") == Some("bytes=100000-"));
        assert!(ranged, "{to}");

        // It is not there, is damaged, or never comes whole.
        for fault in [Fault::status(404), Fault::WrongBytes, Fault::CutBody { after: 0 }] {
            let home = Home::new();
            registry.fault(fault.clone(), On::get(&layer), None);
            let ran = home.run(&["pull", &reference, "-p", "linux/amd64", "--to", to]).exits(2);
            registry.clear_faults();
            assert!(ran.stdout.is_empty() && !ran.stderr.contains("panicked"), "{to}: {}", ran.stderr);
            let left: Vec<_> =
                fs::read_dir(home.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            if to == "oci:out" {
                assert!(!home.path("out/oci-layout").exists() && !home.path("out/index.json").exists());
                home.run(&["verify", "oci:out"]).exits(2);
            } else {
                assert!(left.is_empty(), "{to}, {fault:?}: {left:?}");
            }
            home.run(&["pull", &reference, "-p", "linux/amd64", "--to", to]).exits(0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_goes_on_with_what_a_killed_one_left() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/amd64", 300_000);
    put(&registry, "app", "1", &[&image]);
    let (home, reference) = (Home::new(), format!("{}/app:1", registry.host()));
    let layer = format!("/blobs/{}", image.layers[1].digest);
    let slow = Fault::Trickle { bytes_per: 10_000, every: std::time::Duration::from_millis(100) };
    registry.fault(slow, On::get(&layer), Some(1));
    let arguments = ["pull", &reference, "-p", "linux/amd64", "--to", "oci:out"];
    let running = start(&mut home.workson(&arguments));
    let hex = &image.layers[1].digest["sha256:".len()..];
    let part = home.path("out/blobs/sha256").join(format!(".{hex}.part"));
    cli_support::until("a part of the layer", || part.metadata().is_ok_and(|part| part.len() > 20_000));
    running.signal("KILL");
    running.ends();
    let there = part.metadata().unwrap().len();
    registry.clear_requests();
    home.run(&arguments).exits(0);
    let requests = registry.requests();
    let asked = requests.iter().find(|request| request.path.ends_with(&layer)).unwrap();
    assert_eq!(asked.header("range"), Some(format!("bytes={there}-").as_str()));
    assert_eq!(blob(&home.path("out"), &image.layers[1].digest), *image.layers[1].bytes.as_ref().unwrap());
    assert!(!part.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_nothing_that_looks_whole() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/amd64", 3_000_000);
    put(&registry, "app", "1", &[&image]);
    let reference = format!("{}/app:1", registry.host());
    for to in ["oci:disk/out", "docker-archive:disk/out", "rootfs:disk/out"] {
        let home = Home::new();
        let ran = home
            .with_disk(&format!(
                "mount -t tmpfs -o size=1m tmpfs disk
                 $W pull {reference} -p linux/amd64 --to {to} && exit 9 || test $? = 2
                 find disk -mindepth 1
                 mount -o remount,size=64m disk
                 $W pull {reference} -p linux/amd64 --to {to} --no-same-owner >&2
                 cp -r disk/out out"
            ))
            .exits(0)
            .says("No space left on device");
        match to {
            "oci:disk/out" => {
                assert!(
                    !ran.text().contains("index.json") && !ran.text().contains("oci-layout"),
                    "{}",
                    ran.text()
                );
                assert_eq!(raw(&home, "oci:out"), image.manifest_bytes());
            }
            to => assert_eq!(ran.text(), "", "{to}: something was left"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gives_rights_or_reaches_out_is_named() {
    use tar::EntryType;
    let registry = MemoryRegistry::start().await.unwrap();
    let files = Files::new()
        .entry(EntryType::Regular, "bin/su", 0o4755, b"", b"su")
        .entry(EntryType::Block, "dev/sda", 0o660, b"", b"")
        .file("../../escaped", "!")
        .symlink("out", "/etc")
        .file("out/inside", "1");
    put(&registry, "app", "1", &[&Image::new("linux/amd64", &["/a"]).layer(files)]);
    let (home, reference) = (Home::new(), format!("{}/app:1", registry.host()));
    let pull =
        |arguments: &[&str]| home.run(&[&["pull", &reference, "-p", "linux/amd64"], arguments].concat());
    let ran = pull(&["--to", "rootfs:root", "--json"])
        .exits(0)
        .says("devices and pipes were not made: 1 (dev/sda)");
    assert!(
        ran.stderr.contains("lost their setuid or setgid bit (--keep-setuid keeps it): 1 (bin/su)"),
        "{}",
        ran.stderr
    );
    let rootfs = &ran.json()["rootfs"];
    let harmless: Vec<_> = rootfs["harmless"].as_array().unwrap().iter().map(|one| &one["what"]).collect();
    assert_eq!(harmless, ["device", "setuid", "name"]);
    assert_eq!((&rootfs["layers"], &rootfs["entries"]), (&json!(1), &json!(5)));
    let mode = |path: &str| fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("root/bin/su"), mode("root/dev"), mode("root")), (0o755, 0o755, 0o755));
    assert!(home.path("root/escaped").exists() && home.path("root/etc/inside").exists());
    assert!(!home.path("escaped").exists() && !Path::new("/etc/inside").exists());
    pull(&["--to", "rootfs:su", "--keep-setuid", "--quiet"]).exits(0);
    assert_eq!(mode("su/bin/su"), 0o4755);

    // A folder that is somebody's is left alone.
    pull(&["--to", "rootfs:root"]).exits(2).says("the folder is not empty");
    let refused = Files::new().hardlink("shadow", "/etc/shadow");
    put(&registry, "app", "2", &[&Image::new("linux/amd64", &["/a"]).layer(refused)]);
    let other = format!("{}/app:2", registry.host());
    let ran = home.run(&["pull", &other, "-p", "linux/amd64", "--to", "rootfs:refused"]).exits(2);
    assert!(
        ran.stderr.contains("layer 1: shadow is refused: it is a hard link to what is not there"),
        "{}",
        ran.stderr
    );
    assert!(!home.path("refused").exists());
}

/// The layout of one image, as a place.
fn place_of(image: &Image) -> (parts::image::Layout, String) {
    let layout = layout_of(&[image]);
    let place = format!("oci:{}:it", layout.path().display());
    (layout, place)
}

fn index_of(home: &Home, layout: &str) -> Value {
    serde_json::from_slice(&fs::read(home.path(layout).join("index.json")).unwrap()).unwrap()
}

/// What is in a folder.
fn left_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Copies from one place on disk to another by skopeo.
fn skopeo_copy(home: &Home, from: &str, to: &str) {
    let mut skopeo = home.command("skopeo");
    parts::run("skopeo", skopeo.args(["--insecure-policy", "copy", "--quiet", "--all", from, to]), b"");
}

#[test]
fn names_with_colons_are_those_that_engines_write_and_read() {
    let (home, image) = (Home::new(), image("linux/amd64", 10));
    let (_layout, place) = place_of(&image);
    let pull = |from: &str, to: &str| home.run(&["pull", from, "-p", "linux/amd64", "--to", to]);
    // Into a layout that is not there yet, and into one that is.
    for name in ["localhost/c:1", "localhost/d:1"] {
        pull(&place, &format!("oci:s6:{name}")).exits(0);
        assert_eq!(raw(&home, &format!("oci:s6:{name}")), image.manifest_bytes());
    }
    skopeo_copy(&home, &place, "oci:s6:localhost/b:1");
    pull("oci:s6:localhost/b:1", "docker-archive:k.tar:localhost/k:1").exits(0);
    raw(&home, "docker-archive:k.tar:localhost/k:1");
    pull("docker-archive:k.tar:localhost/k:1", "rootfs:root").exits(0);
    let folders = left_in(&home.path("."));
    assert!(folders.iter().all(|name| !name.contains(':')), "{folders:?}");
    pull("oci:s6:localhost/x:1", "oci:never").exits(2).says("it has no image called localhost/x:1");
}

#[test]
fn an_image_without_a_name_takes_the_place_of_the_last_one_and_can_be_addressed() {
    let home = Home::new();
    let (amd64, arm64) = (image("linux/amd64", 10), image("linux/arm64", 10));
    let layout = layout_of(&[&amd64, &arm64]);
    let place = format!("oci:{}:it", layout.path().display());
    let pull = |from: &str, platform: &str, to: &str| home.run(&["pull", from, "-p", platform, "--to", to]);
    pull(&place, "linux/amd64", "oci:one:kept").exits(0);
    pull(&place, "linux/amd64", "oci:two").exits(0);
    pull(&place, "linux/arm64", "oci:two").exits(0);
    assert_eq!(raw(&home, "oci:two"), arm64.manifest_bytes());
    pull("oci:two", "linux/arm64", "rootfs:root").exits(0);
    // What has a name stays, and so does what says which platform it is.
    pull(&place, "linux/arm64", "oci:one").exits(0);
    assert_eq!(raw(&home, "oci:one:kept"), amd64.manifest_bytes());
    let mut index = index_of(&home, "two");
    index["manifests"] = json!([amd64.entry()]);
    home.write("two/index.json", index.to_string());
    pull(&place, "linux/arm64", "oci:two").exits(0);
    assert_eq!(index_of(&home, "two")["manifests"].as_array().unwrap().len(), 2);

    // Several that have no name, as skopeo leaves them.
    let digests = [&amd64, &arm64].map(|image| Digest::sha256(&image.manifest_bytes()).to_string());
    let says = format!(
        "it has several images; name one, as oci:DIR:NAME or oci:DIR@DIGEST: {} (linux/amd64), {}\n",
        digests[0], digests[1]
    );
    let ran = pull("oci:two", "linux/amd64", "oci:never").exits(2);
    assert!(ran.stderr.ends_with(&says), "{says} is not in {}", ran.stderr);
    for (digest, platform) in digests.iter().zip(["linux/amd64", "linux/arm64"]) {
        let root = format!("rootfs:root-{}", &platform[6..]);
        pull(&format!("oci:two@{digest}"), platform, &root).exits(0);
        assert_eq!(fs::read(home.path(&root[7..]).join("hello")).unwrap(), platform.as_bytes());
    }
    let absent = format!("oci:two@{}", Digest::sha256(b""));
    pull(&absent, "linux/amd64", "oci:never").exits(2).says("it has no image called sha256:e3b0");
    pull("oci:two@sha256:1", "linux/amd64", "oci:never").exits(2).says("oci:two@sha256:1: ");
    pull(&place, "linux/amd64", &absent).exits(2).says("its digest follows from what it is");

    // Two names for one image are one image.
    for name in ["a", "b"] {
        pull(&place, "linux/amd64", &format!("oci:names:{name}")).exits(0);
    }
    pull("oci:names", "linux/amd64", "rootfs:of-names").exits(0);
    pull(&place, "linux/arm64", "oci:names:c").exits(0);
    pull("oci:names", "linux/amd64", "rootfs:never").exits(2).says("oci:DIR@DIGEST: a, b, c\n");
    assert!(!home.path("never").exists());
}

#[test]
fn nothing_is_written_through_links_in_a_layout() {
    use std::os::unix::fs::symlink;
    let (home, image) = (Home::new(), image("linux/amd64", 10));
    let (_layout, place) = place_of(&image);
    let pull = |to: &str| home.run(&["pull", &place, "-p", "linux/amd64", "--to", to]);
    let hex = &image.layers[1].digest["sha256:".len()..];
    // An end of what is written, and what is written itself.
    let mine = home.write("mine", "");
    fs::create_dir_all(home.path("part/blobs/sha256")).unwrap();
    let part = home.path("part/blobs/sha256").join(format!(".{hex}.part"));
    symlink(&mine, &part).unwrap();
    pull("oci:part").exits(2).says("is a link: remove it");
    assert_eq!(fs::read(&mine).unwrap(), b"");
    fs::remove_file(&part).unwrap();
    home.write("whole", image.layers[1].bytes.as_ref().unwrap());
    let blob = home.path("part/blobs/sha256").join(hex);
    symlink(home.path("whole"), &blob).unwrap();
    pull("oci:part").exits(0);
    assert!(fs::symlink_metadata(&blob).unwrap().is_file());
    // The folders of blobs.
    fs::create_dir_all(home.path("elsewhere/sha256")).unwrap();
    fs::create_dir_all(home.path("folder/blobs")).unwrap();
    fs::create_dir(home.path("all")).unwrap();
    symlink(home.path("elsewhere"), home.path("all/blobs")).unwrap();
    symlink(home.path("elsewhere/sha256"), home.path("folder/blobs/sha256")).unwrap();
    for (layout, which) in [("all", "all/blobs"), ("folder", "folder/blobs/sha256")] {
        let says =
            format!("writing into {which}: it is a link, and what is written there would be elsewhere");
        pull(&format!("oci:{layout}")).exits(2).says(&says);
    }
    assert!(left_in(&home.path("elsewhere/sha256")).is_empty());
}

#[test]
fn a_layout_of_another_version_is_left_as_it_is() {
    let (home, image) = (Home::new(), image("linux/amd64", 10));
    let (_layout, place) = place_of(&image);
    let mark = r#"{"imageLayoutVersion":"9.0.0"}"#;
    home.write("out/oci-layout", mark);
    let ran = home.run(&["pull", &place, "-p", "linux/amd64", "--to", "oci:out"]).exits(2);
    ran.says("out/oci-layout: it says that the layout has the version 9.0.0, and 1.0.0 is written here");
    assert_eq!(left_in(&home.path("out")), ["oci-layout"]);
    assert_eq!(fs::read_to_string(home.path("out/oci-layout")).unwrap(), mark);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_into_one_layout_share_what_comes() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/amd64", 300_000);
    put(&registry, "app", "1", &[&image]);
    let (home, reference) = (Home::new(), format!("{}/app:1", registry.host()));
    let layer = format!("/blobs/{}", image.layers[1].digest);
    let slow = Fault::Trickle { bytes_per: 20_000, every: std::time::Duration::from_millis(100) };
    registry.fault(slow, On::get(&layer), Some(1));
    let to = |name: &str| format!("oci:out:{name}");
    let pull =
        |name: &str| start(&mut home.workson(&["pull", &reference, "-p", "linux/amd64", "--to", &to(name)]));
    let one = pull("one");
    let hex = &image.layers[1].digest["sha256:".len()..];
    let part = home.path("out/blobs/sha256").join(format!(".{hex}.part"));
    cli_support::until("a part of the layer", || part.metadata().is_ok_and(|part| part.len() > 0));
    let other = pull("other");
    other.ends().exits(0);
    one.ends().exits(0);
    assert_eq!(fetched(&registry, &image)[1], 1);
    for name in ["one", "other"] {
        assert_eq!(raw(&home, &to(name)), image.manifest_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_of_an_archive_goes_with_the_next() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/amd64", 300_000);
    put(&registry, "app", "1", &[&image]);
    let (home, reference) = (Home::new(), format!("{}/app:1", registry.host()));
    let layer = format!("/blobs/{}", image.layers[1].digest);
    let arguments = ["pull", &reference, "-p", "linux/amd64", "--to", "docker-archive:out/k.tar"];
    // Somebody's own, which is called much like it.
    home.write("out/.k.tar.complete", "");
    for signal in ["KILL", "TERM"] {
        registry.fault(Fault::Hang, On::get(&layer), Some(1));
        registry.clear_requests();
        let running = start(&mut home.workson(&arguments));
        cli_support::until("the layer's request", || fetched(&registry, &image)[1] > 0);
        running.signal(signal);
        running.ends();
    }
    let left = left_in(&home.path("out"));
    assert!(
        left.len() == 2 && left[1].starts_with(".k.tar.incomplete-"),
        "that of the first is gone: {left:?}"
    );
    home.run(&arguments).exits(0);
    assert_eq!(left_in(&home.path("out")), [".k.tar.complete", "k.tar"]);
}

#[test]
fn an_image_whose_config_has_other_layers_is_no_archive() {
    let home = Home::new();
    let layout = parts::image::Layout::new();
    let image = image("linux/amd64", 10);
    let mut entry = image.put(&layout);
    let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    manifest["layers"].as_array_mut().unwrap().pop();
    let bytes = manifest.to_string();
    let digest = Digest::sha256(bytes.as_bytes());
    fs::write(layout.path().join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
    (entry["digest"], entry["size"]) = (json!(digest.as_str()), json!(bytes.len()));
    let mut layout = layout;
    layout.tag("it", &entry);
    let place = format!("oci:{}:it", layout.path().display());
    for to in ["docker-archive:k.tar", "rootfs:root"] {
        let ran = home.run(&["pull", &place, "-p", "linux/amd64", "--to", to]).exits(2);
        assert!(ran.stderr.contains("1 layers, and its config has diffIDs for 2"), "{to}: {}", ran.stderr);
    }
    assert!(!home.path("k.tar").exists());
}

#[test]
fn what_skopeo_pushes_is_pulled_bit_for_bit() {
    let storage = tempfile::tempdir().unwrap();
    let registry = DockerRegistry::open(storage.path());
    let (skopeo, home) = (Skopeo::new(), Home::new());
    let mut layout = parts::image::Layout::new();
    layout.tag_small_index("app", &SIX);
    let (oci, docker) = (registry.reference("app:oci"), registry.reference("app:docker"));
    skopeo.push(&layout, "app", &oci);
    skopeo.push_as_docker(&layout, "app", &docker);
    for (reference, folder) in [(&oci, "oci"), (&docker, "docker")] {
        let to = format!("oci:{folder}");
        home.run(&["pull", reference, "--all-platforms", "--to", &to]).exits(0);
        assert_eq!(raw(&home, &to), skopeo.raw(reference));
        // Whatever skopeo finds in it has to be there: it copies all of it elsewhere, digests and all.
        let again = registry.reference(&format!("again-{folder}:1"));
        let mut copy = home.command("skopeo");
        copy.args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ]);
        parts::run("skopeo", copy.args([&to, &format!("docker://{again}")]), b"");
        assert_eq!(skopeo.digest(&again), skopeo.digest(reference));
        for platform in SIX {
            let to = format!("oci:{folder}-{}", platform.replace('/', "-"));
            let told = home.run(&["pull", reference, "-p", platform, "--to", &to, "--json"]).exits(0).json();
            assert_eq!(told["digest"].as_str().map(str::to_owned), skopeo.pulled(reference, platform));
        }
    }
}

#[test]
fn an_archive_is_what_engines_load() {
    let (home, image) = (Home::new(), image("linux/amd64", 1000));
    let layout = layout_of(&[&image]);
    let place = format!("oci:{}:it", layout.path().display());
    home.run(&["pull", &place, "-p", "linux/amd64", "--to", "docker-archive:a.tar:team/app:1"]).exits(0);
    assert_eq!(fs::metadata(home.path("a.tar")).unwrap().mode() & 0o777, 0o644 & !umask());
    // As an OCI archive it is the very image.
    assert_eq!(raw(&home, "oci-archive:a.tar"), image.manifest_bytes());
    // As one of `docker save`, its config and what its layers are unpacked are the same.
    let saved: Value = serde_json::from_slice(&raw(&home, "docker-archive:a.tar")).unwrap();
    assert_eq!(saved["config"]["digest"], json!(Digest::sha256(&image.config_bytes()).as_str()));
    let diff_ids: Vec<_> = saved["layers"].as_array().unwrap().iter().map(|layer| &layer["digest"]).collect();
    assert_eq!(diff_ids, image.layers.iter().map(|layer| layer.diff_id.as_str()).collect::<Vec<_>>());
    let mut list = String::new();
    let mut archive = tar::Archive::new(fs::File::open(home.path("a.tar")).unwrap());
    let found = archive.entries().unwrap().map(Result::unwrap);
    found
        .into_iter()
        .find(|entry| entry.path().unwrap() == Path::new("manifest.json"))
        .unwrap()
        .read_to_string(&mut list)
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap()[0]["RepoTags"], json!(["team/app:1"]));

    // It takes the place of an archive of that name, and of nothing else.
    home.run(&["pull", &place, "-p", "linux/amd64", "--to", "docker-archive:a.tar"]).exits(0);
    home.write("thesis.txt", "all of it");
    let thesis = home.run(&["pull", &place, "-p", "linux/amd64", "--to", "docker-archive:thesis.txt"]);
    thesis.exits(2).says("is there already, and is no archive");
    assert_eq!(fs::read(home.path("thesis.txt")).unwrap(), b"all of it");
    fs::create_dir(home.path("folder")).unwrap();
    for to in ["docker-archive:folder", "docker-archive:absent/a.tar", "docker-archive:/dev/null"] {
        let ran = home.run(&["pull", &place, "-p", "linux/amd64", "--to", to]).exits(2);
        assert!(ran.stderr.contains("writing the archive"), "{}", ran.stderr);
    }
    home.run(&["pull", &place, "-p", "linux/amd64", "--to", "oci:folder"]).exits(0);
    home.write("other/thesis.txt", "");
    home.run(&["pull", &place, "-p", "linux/amd64", "--to", "oci:other"]).exits(2).says("something else");
}

#[test]
fn layers_that_are_kept_elsewhere_are_counted_as_people_count() {
    let home = Home::new();
    let foreign = |text: &str| {
        let mut layer = Layer::plain(Files::new().file("elsewhere", text));
        (layer.media_type, layer.bytes) =
            ("application/vnd.oci.image.layer.nondistributable.v1.tar".to_owned(), None);
        layer
    };
    let urls = |image: &Image, layout: &parts::image::Layout| {
        let mut entry = image.put(layout);
        let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
        for layer in manifest["layers"].as_array_mut().unwrap() {
            if layer["mediaType"].as_str().unwrap().contains("nondistributable") {
                layer["urls"] = json!(["https://elsewhere.example/layer"]);
            }
        }
        let bytes = manifest.to_string();
        let digest = Digest::sha256(bytes.as_bytes());
        fs::write(layout.path().join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
        (entry["digest"], entry["size"]) = (json!(digest.as_str()), json!(bytes.len()));
        entry
    };
    let mut layout = parts::image::Layout::new();
    let one = image("linux/amd64", 10).with(foreign("1"));
    let two = one.clone().with(foreign("2"));
    layout.tag_index("one", &[urls(&one, &layout)]);
    layout.tag_index("two", &[urls(&two, &layout)]);
    for (name, note) in [
        ("one", "1 layer of it is kept elsewhere, and was not pulled"),
        ("two", "2 layers of it are kept elsewhere, and were not pulled"),
    ] {
        let (place, to) = (format!("oci:{}:{name}", layout.path().display()), format!("oci:{name}"));
        let ran = home.run(&["pull", &place, "-p", "linux/amd64", "--to", &to]).exits(0);
        assert_eq!(ran.stderr, format!("workson: note: {note}\n"));
        let told = home.run(&["pull", &place, "-p", "linux/amd64", "--to", &to, "--json"]).exits(0).json();
        assert_eq!(told["notes"], json!([note]));
    }
}

#[test]
fn an_image_of_another_digest_than_sha256_is_no_archive_and_stays_as_it_is_in_a_layout() {
    let home = Home::new();
    let mut layout = parts::image::Layout::new();
    let put = |bytes: &[u8]| {
        let digest = workson_oci::digest::Algorithm::Sha512.digest(bytes);
        let folder = layout.path().join("blobs/sha512");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(digest.hex()), bytes).unwrap();
        json!(digest.as_str())
    };
    let image = image("linux/amd64", 1000);
    let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    // A layer alone, and then everything.
    manifest["layers"][1]["digest"] = put(image.layers[1].bytes.as_ref().unwrap());
    let some = manifest.to_string();
    manifest["config"]["digest"] = put(&image.config_bytes());
    let all = manifest.to_string();
    let mut entry = image.put(&layout);
    let digest = Digest::sha256(some.as_bytes());
    fs::write(layout.path().join("blobs/sha256").join(digest.hex()), &some).unwrap();
    (entry["digest"], entry["size"]) = (json!(digest.as_str()), json!(some.len()));
    let mut whole = entry.clone();
    (whole["digest"], whole["size"]) = (put(all.as_bytes()), json!(all.len()));
    layout.tag("some", &entry);
    layout.tag("all", &whole);
    for (name, what, bytes) in [("some", "a part of the image", some), ("all", "the image", all)] {
        let place = format!("oci:{}:{name}", layout.path().display());
        let pull = |to: &str| home.run(&["pull", &place, "-p", "linux/amd64", "--to", to]);
        let says = format!(
            "workson: writing the archive a.tar: {what} is named by sha512, and an archive names what is in it by \
             sha256; --to oci:DIR keeps it as it is\n"
        );
        assert_eq!(pull("docker-archive:a.tar").exits(2).stderr, says);
        assert!(!home.path("a.tar").exists());
        pull(&format!("oci:{name}")).exits(0);
        let index: Value =
            serde_json::from_slice(&fs::read(home.path(name).join("index.json")).unwrap()).unwrap();
        let digest = index["manifests"][0]["digest"].as_str().unwrap().replace(':', "/");
        assert_eq!(fs::read_to_string(home.path(name).join("blobs").join(digest)).unwrap(), bytes);
    }
}

fn umask() -> u32 {
    let text = parts::run("sh", Command::new("sh").args(["-c", "umask"]), b"");
    u32::from_str_radix(std::str::from_utf8(&text).unwrap().trim(), 8).unwrap()
}
