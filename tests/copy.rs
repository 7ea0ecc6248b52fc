//! `workson copy` and `workson push`: what is sent, what is refused, and that tags move last or not at all. Faults come
//! from the in-memory registry; the real one is in `real_copy.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use std::time::Duration;

use cli_support::{Home, start, until};
use parts::image::Layout;
use serde_json::{Value, json};
use verify::compile::{AMD64, ARM64};
use verify::image::{Files, Image, Layer, layout_of, platform_json};
use workson_oci::Digest;
use workson_registry::testing::{Fault, MemoryRegistry, Method, On};

/// An image whose program is for the machine that its label says, `seed` making it another one.
fn image(platform: &str, seed: &str) -> Image {
    let program = if platform == "linux/amd64" { AMD64.fixed() } else { ARM64.fixed() };
    Image::new(platform, &["/app"])
        .with(Layer::gzip(Files::new().program("app", &program).file("seed", seed)))
}

/// Both platforms, in a layout, under the name `it`.
fn both(seed: &str) -> Layout {
    layout_of(&[&image("linux/amd64", seed), &image("linux/arm64", seed)])
}

fn place(layout: &Layout) -> String {
    format!("oci:{}:it", layout.path().display())
}

/// The digest of what a layout's name `it` stands for.
fn digest(layout: &Layout) -> String {
    let index = std::fs::read(layout.path().join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// What a tag of the registry points at.
fn points_at(registry: &MemoryRegistry, repository: &str, tag: &str) -> Option<String> {
    registry.manifest(repository, tag).map(|bytes| Digest::sha256(&bytes).to_string())
}

/// The requests that write something, in order.
fn writes(registry: &MemoryRegistry) -> Vec<String> {
    let requests = registry.requests().into_iter();
    let writing = requests.filter(|request| !matches!(request.method, Method::Get | Method::Head));
    writing.map(|request| format!("{:?} {}", request.method, request.path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_before_a_tag_moves_and_nothing_is_sent_twice() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, layout) = (Home::new(), both("1"));
    let [first, second] = ["1.0", "latest"].map(|tag| format!("{}/team/app:{tag}", registry.host()));
    let ran = home.run(&["push", &place(&layout), &first, &second]).exits(0);
    assert!(
        ran.text().contains("4 blobs sent") && ran.text().contains("linux/amd64 linux/arm64"),
        "{}",
        ran.text()
    );
    for tag in ["1.0", "latest"] {
        assert_eq!(points_at(&registry, "team/app", tag).unwrap(), digest(&layout));
    }
    // Blobs, then manifests by digest, then the index by digest, then the tags.
    let manifests: Vec<String> =
        writes(&registry).into_iter().filter(|request| request.contains("/manifests/")).collect();
    let by_digest = |request: &String| request.contains("/manifests/sha256:");
    assert_eq!(
        manifests.iter().map(by_digest).collect::<Vec<_>>(),
        [true, true, true, false, false],
        "{manifests:#?}"
    );
    assert!(manifests[2].ends_with(&digest(&layout)));
    let last_blob = writes(&registry).iter().rposition(|request| request.contains("/blobs/")).unwrap();
    assert!(last_blob < writes(&registry).len() - 5);

    registry.clear_requests();
    let ran = home.run(&["push", &place(&layout), &first, &second]).exits(0);
    assert!(ran.text().contains("was there already"), "{}", ran.text());
    assert_eq!(writes(&registry), [""; 0]);

    // Within one registry nothing is sent, only taken over.
    let other = format!("{}/other/name:x", registry.host());
    let told = home.run(&["copy", &first, &other, "--json"]).exits(0).json();
    assert_eq!(told["published"][0]["mounted"], json!(4), "{told:#}");
    assert_eq!(told["published"][0]["sent"], json!(0));
    assert_eq!(told["digest"], json!(digest(&layout)));
    assert_eq!(told["platforms"], json!(["linux/amd64", "linux/arm64"]));
    assert_eq!(points_at(&registry, "other/name", "x").unwrap(), digest(&layout));

    // From one registry to another, and one platform alone.
    let elsewhere = MemoryRegistry::start().await.unwrap();
    home.run(&["copy", &first, &format!("{}/app:1", elsewhere.host())]).exits(0);
    assert_eq!(points_at(&elsewhere, "app", "1").unwrap(), digest(&layout));
    let arm = format!("{}/app:arm", elsewhere.host());
    let told = home.run(&["copy", &first, &arm, "--platform", "linux/arm64", "--json"]).exits(0).json();
    assert_eq!(told["platforms"], json!(["linux/arm64"]));
    let none = home.run(&["copy", &first, &arm, "--platform", "linux/s390x", "--json"]).exits(1);
    assert!(
        none.json()["refused"].as_str().unwrap().ends_with("has nothing for linux/s390x"),
        "{}",
        none.text()
    );
    none.says("it has linux/amd64 linux/arm64");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_has_from_an_earlier_copy_is_taken_over_and_is_sent_where_it_is_gone() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, layout) = (Home::new(), both("1"));
    let push = |home: &Home, name: &str| {
        let told = home.run(&["push", &place(&layout), &format!("{}/{name}:1", registry.host()), "--json"]);
        let told = told.exits(0).json();
        assert_eq!(points_at(&registry, name, "1").unwrap(), digest(&layout));
        (told["published"][0]["sent"].clone(), told["published"][0]["mounted"].clone())
    };
    assert_eq!(push(&home, "team/one"), (json!(4), json!(0)));
    assert_eq!(push(&home, "team/two"), (json!(0), json!(4)), "a layout on disk names no repository");
    // Who has another store knows of nothing.
    assert_eq!(push(&Home::new(), "team/three"), (json!(4), json!(0)));

    // The place that is remembered has lost one.
    let lost = home.run(&["push", &place(&layout), &format!("{}/team/two:2", registry.host()), "--json"]);
    assert_eq!(lost.exits(0).json()["published"][0]["existed"], json!(4));
    let layer = writes(&registry).iter().find_map(|request| Some(request.split_once("mount=")?.1.to_owned()));
    let layer = layer.unwrap().split('&').next().unwrap().replace("%3A", ":");
    assert!(registry.delete_blob("team/two", &layer));
    assert_eq!(push(&home, "team/four"), (json!(1), json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_what_it_says_is_not_sent() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let lie =
        Image::new("linux/arm64", &["/app"]).with(Layer::gzip(Files::new().program("app", &AMD64.fixed())));
    let layout = layout_of(&[&image("linux/amd64", "1"), &lie]);
    let target = format!("{}/app:1", registry.host());
    let ran = home.run(&["push", &place(&layout), &target]).exits(1);
    assert!(ran.text().contains("it is for amd64, not for arm64"), "{}", ran.text());
    assert!(ran.stderr.contains("nothing was sent"), "{}", ran.stderr);
    assert_eq!(writes(&registry), [""; 0]);
    home.run(&["push", &place(&layout), &target, "--no-verify"]).exits(0);
    assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&layout));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_to_be_verified_is_not_sent() {
    let (registry, home, layout) = (MemoryRegistry::start().await.unwrap(), Home::new(), both("1"));
    let [from, to] = ["from/app:1", "to/app:1"].map(|name| format!("{}/{name}", registry.host()));
    home.run(&["push", &place(&layout), &from]).exits(0);
    let layer = image("linux/arm64", "1").layers[0].digest.clone();
    let on = On { path: format!("/from/app/blobs/{layer}"), method: Some(Method::Get), ..On::default() };
    registry.fault(Fault::status(500), on, None);
    let home = Home::new();
    let ran = home.run(&["copy", &from, &to, "--timeout", "2"]).exits(2);
    assert!(ran.stderr.contains("could not be verified"), "{}", ran.stderr);
    assert_eq!(points_at(&registry, "to/app", "1"), None);
    registry.clear_faults();
    home.run(&["copy", &from, &to]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_not_lost_unless_that_is_asked_for() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let (old, new) = (both("old"), layout_of(&[&image("linux/amd64", "new")]));
    let target = format!("{}/app:1", registry.host());
    home.run(&["push", &place(&old), &target]).exits(0);
    registry.clear_requests();
    let ran = home.run(&["push", &place(&new), &target]).exits(1);
    assert!(
        ran.stderr.contains("app:1 has linux/arm64, which the image lacks; nothing was sent"),
        "{}",
        ran.stderr
    );
    let refused = home.run(&["push", &place(&new), &target, "--json"]).exits(1).json();
    assert_eq!(refused["published"], json!([]), "{refused:#}");
    assert!(refused["refused"].as_str().unwrap().contains("has linux/arm64"), "{refused:#}");
    home.run(&["push", &place(&new), &target, "--allow-drop", "linux/s390x"]).exits(1);
    home.run(&["push", &place(&new), &target, "--allow-drop", "linux/arm46"])
        .exits(2)
        .says("--allow-drop linux/arm46");
    assert_eq!(writes(&registry), [""; 0]);
    // A second target that would lose one keeps the first as it is.
    home.run(&["push", &place(&new), &format!("{}/app:new", registry.host()), &target]).exits(1);
    assert_eq!(points_at(&registry, "app", "new"), None);
    home.run(&["push", &place(&new), &target, "--allow-drop", "arm64v8"]).exits(0);
    assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&new));

    let expect = |platforms: &str| home.run(&["push", &place(&old), &target, "--expect", platforms]);
    expect("linux/amd64,linux/arm64").exits(0);
    for (platforms, says) in [
        ("linux/amd64", "has linux/arm64, which is not expected"),
        ("linux/amd64,linux/arm64,linux/s390x", "lacks linux/s390x, which is expected"),
    ] {
        let ran = expect(platforms).exits(1);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_of_another_build_is_told_from_the_one_that_is_lost() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let of = |build: &str| {
        let config = json!({ "os": "windows", "architecture": "amd64", "os.version": build }).to_string();
        let digest = registry.put_blob("app", config.clone());
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest.to_string(), "size": config.len(),
            },
            "layers": [],
        })
        .to_string()
    };
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.put_manifest("app", Some("old"), media_type, of("10.0.20348.1"));
    registry.put_manifest("app", Some("new"), media_type, of("10.0.26100.1"));
    let [old, new] = ["old", "new"].map(|tag| format!("{}/app:{tag}", registry.host()));
    home.run(&["copy", &new, &old, "--no-verify"])
        .exits(1)
        .says("app:old has windows(10.0.20348.1)/amd64, which");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_does_not_come_between_two_tags() {
    let (home, old, new) = (Home::new(), both("old"), both("new"));
    let slow = Fault::SlowHeaders(Duration::from_millis(700));
    for (signal, tag) in [("INT", "first"), ("TERM", "first"), ("HUP", "second")] {
        let registry = MemoryRegistry::start().await.unwrap();
        let targets = ["first", "second"].map(|tag| format!("{}/app:{tag}", registry.host()));
        home.run(&["push", &place(&old), &targets[0], &targets[1]]).exits(0);
        let path = format!("/manifests/{tag}");
        registry.fault(
            slow.clone(),
            On { method: Some(Method::Put), path: path.clone(), ..On::default() },
            None,
        );
        registry.clear_requests();
        let running = start(&mut home.workson(&["push", &place(&new), &targets[0], &targets[1]]));
        until("a tag to be put", || writes(&registry).iter().any(|request| request.ends_with(&path)));
        running.signal(signal);
        running.ends().exits(0);
        for tag in ["first", "second"] {
            assert_eq!(points_at(&registry, "app", tag).unwrap(), digest(&new), "{signal}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_a_registry_took_and_lost_moves_no_tag() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, layout) = (Home::new(), both("1"));
    let layer = image("linux/arm64", "1").layers[0].digest.clone();
    let on = On { method: Some(Method::Head), path: format!("/blobs/{layer}"), ..On::default() };
    registry.fault(Fault::status(404), on, None);
    let ran = home.run(&["push", &place(&layout), &format!("{}/app:1", registry.host())]).exits(2);
    assert!(
        ran.stderr.contains(&format!("blob {layer}")) && ran.stderr.contains("not there when"),
        "{}",
        ran.stderr
    );
    assert_eq!(points_at(&registry, "app", "1"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_before_the_tags_move_ends_it_at_once() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, layout) = (Home::new(), both("1"));
    let target = format!("{}/app:1", registry.host());
    registry.fault(Fault::Hang, On { method: Some(Method::Put), ..On::default() }, None);
    let running = start(&mut home.workson(&["push", &place(&layout), &target]));
    until("a blob to be put", || writes(&registry).iter().any(|request| request.starts_with("Put")));
    running.signal("INT");
    assert_eq!(running.ends_within(Duration::from_secs(10)).code, None, "the signal ends it");
    registry.clear_faults();
    home.run(&["push", &place(&layout), &target]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_could_not_be_deleted_again_is_put_last() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, old, new) = (Home::new(), both("old"), both("new"));
    let targets = ["fresh", "last"].map(|tag| format!("{}/app:{tag}", registry.host()));
    home.run(&["push", &place(&old), &targets[1]]).exits(0);
    // The repository has the image under another name, so its digest can't be deleted, and tags can't be either.
    home.run(&["push", &place(&new), &format!("{}/app:kept", registry.host())]).exits(0);
    registry.fault(Fault::status(405), On { method: Some(Method::Delete), ..On::default() }, None);
    let on = On { method: Some(Method::Put), path: "/manifests/last".into(), ..On::default() };
    registry.fault(Fault::status(403), on, Some(1));
    let ran = home.run(&["push", &place(&new), &targets[0], &targets[1]]).exits(2);
    assert!(ran.stderr.contains("every tag is as it was"), "{}", ran.stderr);
    assert_eq!(points_at(&registry, "app", "fresh"), None);
    assert_eq!(points_at(&registry, "app", "last").unwrap(), digest(&old));
    assert_eq!(points_at(&registry, "app", "kept").unwrap(), digest(&new));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_layers_that_say_where_they_are_kept_are_left_there() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    for (kind, urls, is_sent) in [
        (foreign, json!(["https://elsewhere.example/layer"]), false),
        (foreign, json!([]), true),
        ("application/vnd.acme.foreignexchange.v1+json", json!(["https://elsewhere.example/x"]), true),
    ] {
        let layout = Layout::new();
        let blob = |bytes: &[u8]| {
            let digest = Digest::sha256(bytes);
            std::fs::write(layout.path().join("blobs/sha256").join(digest.hex()), bytes).unwrap();
            (digest.to_string(), bytes.len())
        };
        let (config, config_size) = blob(b"{\"os\":\"linux\",\"architecture\":\"amd64\"}");
        let (layer, layer_size) = blob(b"a layer");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
            "layers": [{ "mediaType": kind, "digest": layer, "size": layer_size, "urls": urls }],
        });
        let (manifest, size) = blob(manifest.to_string().as_bytes());
        let mut layout = layout;
        layout.tag(
            "it",
            &json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": size,
            }),
        );
        let target = format!("{}/app:1", registry.host());
        registry.clear_requests();
        home.run(&["push", &place(&layout), &target, "--no-verify", "--allow-drop", "linux/amd64"]);
        assert_eq!(registry.blob("app", &layer).is_some(), is_sent, "{kind} {urls}");
        registry.delete_blob("app", &layer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_container_image_is_copied_as_well() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let config = registry.put_blob("chart", &b"{}"[..]);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": config.to_string(), "size": 2 },
        "layers": [],
    });
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.put_manifest("chart", Some("1"), media_type, manifest.to_string());
    let [from, to] = ["chart:1", "mirror/chart:1"].map(|name| format!("{}/{name}", registry.host()));
    home.run(&["copy", &from, &to]).exits(0);
    assert_eq!(points_at(&registry, "mirror/chart", "1"), points_at(&registry, "chart", "1"));
    // An image has platforms to lose to it.
    let image = format!("{}/app:1", registry.host());
    home.run(&["push", &place(&both("1")), &image]).exits(0);
    home.run(&["copy", &from, &image]).exits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_which_it_can_not_be_told_what_it_has_is_not_replaced() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let target = format!("{}/app:1", registry.host());
    let single = image("linux/amd64", "old");
    let mut old = Layout::new();
    let entry = single.put(&old);
    old.tag("it", &entry);
    home.run(&["push", &place(&old), &target]).exits(0);
    // Its platform stands in its config alone.
    let config = Digest::sha256(&single.config_bytes()).to_string();
    registry.fault(Fault::status(500), On { path: config, method: Some(Method::Get), ..On::default() }, None);
    let new = layout_of(&[&image("linux/arm64", "new")]);
    let ran = home.run(&["push", &place(&new), &target, "--timeout", "2"]).exits(2);
    assert!(ran.stderr.contains("what") && ran.stderr.contains("could not be told"), "{}", ran.stderr);
    assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&old));
    registry.clear_faults();
    home.run(&["push", &place(&new), &target]).exits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_any_point_leaves_every_tag_as_it_was() {
    let home = Home::new();
    let (old, new) = (both("old"), both("new"));
    let index = digest(&new);
    for (path, method) in [
        ("/blobs/uploads", Method::Post),
        ("/blobs/uploads", Method::Put),
        ("*/manifests/sha256:*", Method::Put),
        (&*format!("/manifests/{index}"), Method::Put),
        ("/manifests/first", Method::Put),
        ("/manifests/second", Method::Put),
        ("/manifests/fresh", Method::Put),
        (&*format!("/manifests/{index}"), Method::Get),
    ] {
        for fault in [Fault::status(500), Fault::status(403), Fault::ResetAfter] {
            let registry = MemoryRegistry::start().await.unwrap();
            let targets = ["first", "fresh", "second"].map(|tag| format!("{}/app:{tag}", registry.host()));
            home.run(&["push", &place(&old), &targets[0], &targets[2]]).exits(0);
            let before = digest(&old);
            registry.fault(
                fault.clone(),
                On { method: Some(method), path: path.into(), ..On::default() },
                None,
            );
            let ran =
                home.run(&["push", &place(&new), &targets[0], &targets[1], &targets[2], "--timeout", "2"]);
            let said = format!("{method:?} {path} {fault:?}: {}", ran.stderr);
            let of = |tag: &str| points_at(&registry, "app", tag);
            if ran.code == Some(0) {
                // What a registry did before the connection broke is found to be done.
                assert!(matches!(fault, Fault::ResetAfter), "{said}");
                assert!(
                    ["first", "fresh", "second"].iter().all(|tag| of(tag).as_ref() == Some(&index)),
                    "{said}"
                );
                continue;
            }
            assert_eq!(ran.code, Some(2), "{said}");
            let unharmed = of("first").as_deref() == Some(&*before)
                && of("second").as_deref() == Some(&*before)
                && of("fresh").is_none();
            // Where the very tag can't be written any more, it can't be put back either, and that is told.
            let told = ["first", "second", "fresh"]
                .iter()
                .any(|tag| path.ends_with(tag) && ran.stderr.contains(&format!("app:{tag}")));
            assert!(unharmed || told, "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_published_is_said_before_anything_is_sent() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let layout = both("1");
    let target = format!("{}/app:1", registry.host());
    for (image, reference, says) in [
        ("oci:absent", &*target, "it has no file oci-layout"),
        (&*place(&layout), "UPPER/case", "UPPER/case"),
        (&*place(&layout), &*format!("{target}@{}", digest(&layout)), "not under a digest"),
        ("nginx", &*target, "at a registry, not on disk"),
        (&*place(&layout), "oci:elsewhere", "`workson pull --to` writes to disk"),
        (&*place(&layout), "dir:/elsewhere", "`workson pull --to` writes to disk"),
        (&*place(&layout), &*format!("docker://{target}"), "leave it out"),
    ] {
        let ran = home.run(&["push", image, reference]).exits(2);
        assert!(ran.stderr.contains(says), "{image} {reference}: {}", ran.stderr);
    }
    let layer = image("linux/amd64", "1").layers[0].digest.clone();
    std::fs::remove_file(layout.path().join("blobs").join(layer.replace(':', "/"))).unwrap();
    home.run(&["push", &place(&layout), &target, "--no-verify"]).exits(2);
    assert_eq!(points_at(&registry, "app", "1"), None);
}

/// An image of one layer, which it says is kept elsewhere, or not; the layer itself is put where it is not.
fn with_layer(layout: &Layout, platform: &str, is_elsewhere: bool) -> Value {
    let blob = |bytes: &[u8], media_type: &str| {
        let digest = Digest::sha256(bytes);
        std::fs::write(layout.path().join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
    };
    let (bytes, platform) = (b"a layer", platform_json(platform));
    let layer = match is_elsewhere {
        true => json!({
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": Digest::sha256(bytes).to_string(), "size": bytes.len(),
            "urls": ["https://elsewhere.example/layer"],
        }),
        false => blob(bytes, "application/vnd.oci.image.layer.v1.tar+gzip"),
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(platform.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json"),
        "layers": [layer],
    });
    let mut entry = blob(manifest.to_string().as_bytes(), "application/vnd.oci.image.manifest.v1+json");
    entry["platform"] = platform;
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_only_one_platform_keeps_elsewhere_is_sent() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let layer = Digest::sha256(b"a layer");
    for order in [[true, false], [false, true]] {
        let mut layout = Layout::new();
        let [first, second] = ["windows/amd64", "linux/amd64"];
        let entries = [with_layer(&layout, first, order[0]), with_layer(&layout, second, order[1])];
        layout.tag_index("it", &entries);
        let target = format!("{}/app:1", registry.host());
        home.run(&["push", &place(&layout), &target, "--no-verify"]).exits(0);
        assert!(registry.blob("app", layer.as_str()).is_some(), "{order:?}");
        registry.delete_tag("app", "1");
        registry.delete_blob("app", layer.as_str());
    }

    // Of two images that are assembled, the one that has it gives it.
    let [mut without, mut with] = [Layout::new(), Layout::new()];
    let (one, other) = (with_layer(&without, "windows/amd64", true), with_layer(&with, "linux/amd64", false));
    without.tag_index("it", &[one]);
    with.tag_index("it", &[other]);
    let recipe =
        format!("image: a/b\nmanifests:\n  - image: {}\n  - image: {}\n", place(&without), place(&with));
    home.write("recipe.yaml", recipe);
    home.run(&["assemble", "recipe.yaml", "--to", "oci:out", "--no-verify"]).exits(0);
    assert!(home.path("out").join("blobs/sha256").join(layer.hex()).is_file());

    // What stays elsewhere is said.
    let note = "1 layer of it is kept elsewhere, and was not sent";
    let target = format!("{}/elsewhere:1", registry.host());
    home.run(&["push", &place(&without), &target, "--no-verify"]).exits(0).says(note);
    let told = home.run(&["push", &place(&without), &target, "--no-verify", "--json"]).exits(0).json();
    assert_eq!(told["notes"], json!([note]));
    home.write("recipe.yaml", format!("image: a/b\nmanifests:\n  - image: {}\n", place(&without)));
    let assembled =
        home.run(&["assemble", "recipe.yaml", "--to", "oci:less", "--no-verify", "--json"]).exits(0);
    assert_eq!(assembled.json()["notes"], json!([note]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_binaries_of_another_machine_alone_is_not_sent_though_it_names_no_command() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let target = format!("{}/app:1", registry.host());
    let holding = |platform: &str, command: &[&str]| {
        let files = Files::new().program("app", &AMD64.fixed());
        layout_of(&[&Image::new(platform, command).with(Layer::gzip(files))])
    };
    let other = holding("linux/arm64", &[]);
    home.run(&["push", &place(&other), &target]).exits(1).says("its binaries are for amd64");
    let windows = holding("windows/amd64", &["/app"]);
    let ran = home.run(&["push", &place(&windows), &target]).exits(1);
    assert!(ran.text().contains("it is an ELF program"), "{}", ran.text());
    assert_eq!(writes(&registry), [""; 0]);
    home.run(&["push", &place(&holding("linux/amd64", &[])), &target]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_says_another_size_than_the_image_has_is_not_sent() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let mut layout = Layout::new();
    let mut entry = image("linux/amd64", "1").put(&layout);
    layout.tag_index("right", &[entry.clone()]);
    let length = entry["size"].as_u64().unwrap();
    entry["size"] = json!(length + 1);
    layout.tag_index("it", &[entry]);
    let says = format!("has {} bytes, and it has {length}: engines refuse it", length + 1);
    let [right, wrong] = ["right", "it"].map(|name| format!("oci:{}:{name}", layout.path().display()));
    // What was found of the same manifest by another index does not hide it.
    home.run(&["verify", &right, "-p", "linux/amd64"]).exits(0);
    for _ in 0..2 {
        let told = home.run(&["verify", &wrong, "-p", "linux/amd64", "--json"]).exits(1).json();
        let finding = &told[0]["platforms"][0]["findings"][0];
        assert_eq!(finding["rule"], json!("size"), "{told:#}");
        assert!(finding["reason"].as_str().unwrap().ends_with(&says), "{told:#}");
    }
    home.run(&["verify", &right, "-p", "linux/amd64"]).exits(0);
    let target = format!("{}/app:1", registry.host());
    home.run(&["push", &wrong, &target]).exits(1);
    home.run(&["push", &wrong, &target, "--no-verify"]).exits(2).says(&says);
    home.run(&["pull", &wrong, "--all-platforms", "--to", "oci:out"]).exits(2).says(&says);
    assert_eq!(writes(&registry), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_lost_of_an_image_is_sent_again_though_the_tag_is_there() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, layout) = (Home::new(), both("1"));
    let target = format!("{}/app:1", registry.host());
    home.run(&["push", &place(&layout), &target]).exits(0);
    let arm = image("linux/arm64", "1");
    let layer = arm.layers[0].digest.clone();
    assert!(registry.delete_blob("app", &layer));
    let ran = home.run(&["push", &place(&layout), &target]).exits(0);
    assert!(ran.text().contains("1 blob sent"), "{}", ran.text());
    assert!(registry.blob("app", &layer).is_some());

    let manifest = Digest::sha256(&arm.manifest_bytes()).to_string();
    assert!(registry.delete_manifest("app", &manifest));
    home.run(&["push", &place(&layout), &target]).exits(0);
    assert!(registry.manifest("app", &manifest).is_some());

    registry.clear_requests();
    let ran = home.run(&["push", &place(&layout), &target]).exits(0);
    assert!(ran.text().contains("was there already"), "{}", ran.text());
    assert_eq!(writes(&registry), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_somebody_else_has_moved_is_not_put_back() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, old, new, theirs) = (Home::new(), both("old"), both("new"), both("theirs"));
    let targets = ["first", "second", "theirs"].map(|tag| format!("{}/app:{tag}", registry.host()));
    home.run(&["push", &place(&old), &targets[0], &targets[1]]).exits(0);
    home.run(&["push", &place(&theirs), &targets[2]]).exits(0);
    // The last look at the second tag takes a while, and then it is not taken.
    let on = |method| On { method: Some(method), path: "/manifests/second".into(), ..On::default() };
    registry.fault(Fault::SlowHeaders(Duration::from_secs(2)), on(Method::Head), None);
    registry.fault(Fault::status(403), on(Method::Put), None);
    registry.clear_requests();
    let running = start(&mut home.workson(&["push", &place(&new), &targets[0], &targets[1]]));
    let is_read_back = || {
        let mut requests = registry.requests().into_iter();
        requests.any(|request| request.method == Method::Put && request.path.ends_with("/manifests/first"))
            && requests.any(|request| request.method == Method::Get && request.path.ends_with("/first"))
    };
    until("the first tag to be read back", is_read_back);
    std::thread::sleep(Duration::from_millis(200));
    assert!(registry.put_tag("app", "first", &digest(&theirs).parse().unwrap()));
    let ran = running.ends().exits(2);
    assert!(ran.stderr.contains("app:first (moved by somebody else meanwhile"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("every tag is as it was"), "{}", ran.stderr);
    assert_eq!(points_at(&registry, "app", "first").unwrap(), digest(&theirs));
    assert_eq!(points_at(&registry, "app", "second").unwrap(), digest(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_was_sent_and_not_answered_may_still_be_taken_and_that_is_said() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, old, new) = (Home::new(), both("old"), both("new"));
    let target = format!("{}/app:1", registry.host());
    home.run(&["push", &place(&old), &target]).exits(0);
    let on = On { method: Some(Method::Put), path: "/manifests/1".into(), ..On::default() };
    registry.fault(Fault::Reset, on.clone(), None);
    let ran = home.run(&["push", &place(&new), &target]).exits(2);
    assert!(ran.stderr.contains("the registry may still take what was sent"), "{}", ran.stderr);
    assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&old));
    registry.clear_faults();
    registry.fault(Fault::status(403), on.clone(), None);
    let ran = home.run(&["push", &place(&new), &target]).exits(2);
    assert!(
        ran.stderr.contains("every tag is as it was") && !ran.stderr.contains("may still"),
        "{}",
        ran.stderr
    );
    // It may take longer than other requests.
    registry.clear_faults();
    registry.fault(Fault::SlowHeaders(Duration::from_secs(3)), on, None);
    home.run(&["push", &place(&new), &target, "--timeout", "1"]).exits(0);
    assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&new));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_can_not_be_read_is_replaced_only_where_that_is_asked_for() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (home, new) = (Home::new(), layout_of(&[&image("linux/arm64", "new")]));
    let entry = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": Digest::sha256(b"x").to_string(), "size": 1,
        "platform": { "os": "linux", "architecture": "s390x" },
    });
    let index = |more: Value| {
        let mut index = json!({ "schemaVersion": 2, "manifests": [entry.clone()] });
        index.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        index.to_string()
    };
    let oci = "application/vnd.oci.image.index.v1+json";
    for (media_type, document) in [
        ("text/plain", index(json!({}))),
        ("application/octet-stream", index(json!({}))),
        (oci, index(json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json" }))),
        (oci, index(json!({ "layers": [] }))),
        (oci, "{\"manifests\": 1}".to_owned()),
    ] {
        registry.put_manifest("app", Some("1"), media_type, document.clone());
        let target = format!("{}/app:1", registry.host());
        let ran = home.run(&["push", &place(&new), &target]).exits(2);
        assert!(
            ran.stderr.contains("could not be told") && ran.stderr.contains("--allow-drop any"),
            "{}",
            ran.stderr
        );
        home.run(&["push", &place(&new), &target, "--allow-drop", "linux/s390x"]).exits(2);
        assert_eq!(
            points_at(&registry, "app", "1").unwrap(),
            Digest::sha256(document.as_bytes()).to_string()
        );
        home.run(&["push", &place(&new), &target, "--allow-drop", "any"]).exits(0);
        assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&new));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_uses_more_features_of_a_system_is_not_lost_unsaid() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let target = format!("{}/app:1", registry.host());
    let mut old = Layout::new();
    let plain = image("linux/amd64", "plain").put(&old);
    let mut special = image("linux/amd64", "special").put(&old);
    special["platform"]["os.features"] = json!(["x"]);
    old.tag_index("it", &[special, plain]);
    home.run(&["push", &place(&old), &target]).exits(0);
    let new = layout_of(&[&image("linux/amd64", "new")]);
    home.run(&["push", &place(&new), &target]).exits(1).says("which the image lacks");
    assert_eq!(points_at(&registry, "app", "1").unwrap(), digest(&old));
    home.run(&["push", &place(&new), &target, "--allow-drop", "linux/amd64"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_no_document_is_said_to_be_the_layouts() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let mut layout = Layout::new();
    let mut other = image("linux/arm64", "1").put(&layout);
    other["mediaType"] = json!("text/plain");
    layout.tag_index("it", &[image("linux/amd64", "1").put(&layout), other]);
    let target = format!("{}/app:1", registry.host());
    for command in [
        vec!["push", "IMAGE", &target, "--no-verify"],
        vec!["pull", "IMAGE", "--all-platforms", "--to", "oci:out"],
    ] {
        let place = place(&layout);
        let words: Vec<&str> =
            command.iter().map(|word| if *word == "IMAGE" { &*place } else { *word }).collect();
        let ran = home
            .run(&words)
            .exits(2)
            .says("is labelled \"text/plain\", which is neither an index nor an image manifest");
        assert!(!ran.stderr.contains("registry"), "{}", ran.stderr);
    }
}
