//! What `workson verify` found is kept, and what becomes of it: `check`, `report`, `inventory --verify`, SARIF, archives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use cli_support::Home;
use serde_json::{Value, json};
use verify::image::{Files, Image, Layer, elf};
use workson_registry::testing::MemoryRegistry;

fn image(platform: &str, machine: u16) -> Image {
    Image::new(platform, &["/app"]).with(Layer::gzip(Files::new().program("app", &elf(machine))))
}

/// Puts an index of one image under a tag.
fn put(registry: &MemoryRegistry, repository: &str, tag: &str, images: &[&Image]) {
    let mut entries = Vec::new();
    for image in images {
        for (_, bytes) in image.blobs() {
            registry.put_blob(repository, bytes);
        }
        registry.put_manifest(repository, None, parts::image::OCI_MANIFEST, image.manifest_bytes());
        entries.push(image.entry());
    }
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
    registry.put_manifest(repository, Some(tag), media_type, index.to_string());
}

fn layers_fetched(registry: &MemoryRegistry, image: &Image) -> usize {
    let digest = &image.layers[0].digest;
    registry.requests().iter().filter(|request| request.path.contains(digest.as_str())).count()
}

fn answer(of: &Value) -> (&Value, &Value) {
    (&of[0]["platforms"][0]["verdict"], &of[0]["platforms"][0]["rung"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_not_fetched_again_and_raises_the_answer_until_the_tag_moves() {
    let registry = MemoryRegistry::start().await.unwrap();
    let (right, wrong) = (image("linux/arm64", 183), image("linux/arm64", 62));
    put(&registry, "library/nginx", "latest", &[&right]);
    let home = Home::new();
    let mirror = format!("docker.io={}", registry.host());
    let run = |arguments: &[&str]| home.run(&[arguments, &["--mirror", &mirror, "--store", "s.db"]].concat());
    run(&["verify", "nginx"]).exits(0);
    run(&["verify", "nginx"]).exits(0);
    assert_eq!(layers_fetched(&registry, &right), 1);
    run(&["verify", "nginx", "--again"]).exits(0);
    assert_eq!(layers_fetched(&registry, &right), 2);

    let check = run(&["check", "nginx", "-p", "arm64v8", "--json"]).exits(0).json();
    assert_eq!(answer(&check), (&json!("yes"), &json!("verified")));
    let report = run(&["report", "--rung", "verified", "--json"]).exits(0).json();
    assert_eq!(
        (&report["rung"], &report["supported"], &report["images"]),
        (&json!("verified"), &json!(1), &json!(["nginx"]))
    );
    assert_eq!(report["lacking"], json!([]), "what was not verified is no no");

    // The label stays, the bytes are others: nobody has read them yet.
    put(&registry, "library/nginx", "latest", &[&wrong]);
    let list = home.write("list.txt", "nginx\n");
    run(&["inventory", &list]).exits(0);
    let check = run(&["check", "nginx", "-p", "arm64v8", "--json"]).exits(0).json();
    assert_eq!(answer(&check), (&json!("yes"), &json!("published")));
    assert!(check[0]["platforms"][0]["note"].as_str().unwrap().contains("has moved since"), "{check:#}");

    // The same list, with a reading of what is new.
    let ran = run(&["inventory", &list, "--verify"]).exits(1);
    let told = "nginx:latest on linux/arm64: no: /app: it is for amd64, not for arm64\n\
                0 of 1 image holds what the label linux/arm64 claims\n";
    assert!(ran.text().contains(told), "{}", ran.text());
    let check = run(&["check", "nginx", "-p", "arm64v8", "--json"]).exits(1).json();
    assert_eq!(answer(&check), (&json!("no"), &json!("verified")));
    let report = run(&["report", "--rung", "verified", "--json"]).exits(0).json();
    assert_eq!((&report["supported"], &report["lacking"]), (&json!(0), &json!(["nginx"])));
    let fetched = layers_fetched(&registry, &wrong);
    let told = run(&["inventory", &list, "--verify", "--json"]).exits(1).json();
    let reason = json!([{ "reference": "docker.io/library/nginx:latest", "reason": "/app: it is for amd64, not for arm64" }]);
    let verified = json!([{ "platform": "linux/arm64", "verified": 0, "no": reason, "unknown": [] }]);
    assert_eq!(told["verified"], verified);
    assert_eq!(layers_fetched(&registry, &wrong), fetched, "a digest that was read is not read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_is_not_kept() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/arm64", 183);
    put(&registry, "it", "1", &[&image]);
    let home = Home::new();
    let reference = format!("{}/it:1", registry.host());
    home.run(&["verify", &reference, "--store", "s.db", "--max-layer-bytes", "100"]).exits(2);
    home.run(&["verify", &reference, "--store", "s.db"]).exits(0);
}

#[test]
fn findings_are_written_for_code_scanning() {
    let home = Home::new();
    let wrong = image("linux/arm64", 62);
    let layout = verify::image::layout_of(&[&wrong]);
    let place = format!("oci:{}:it", layout.path().display());
    home.run(&["verify", &place, "--sarif", "found.sarif"]).exits(1);
    let sarif: Value = serde_json::from_slice(&std::fs::read(home.path("found.sarif")).unwrap()).unwrap();
    assert_eq!(
        (&sarif["version"], &sarif["runs"][0]["tool"]["driver"]["name"]),
        (&json!("2.1.0"), &json!("workson"))
    );
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&json!("wrong-machine"), &json!("error")));
    let location = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(location, &json!("app"));
    assert_eq!(result["properties"]["layer"], json!(0));
    assert!(result["message"]["text"].as_str().unwrap().ends_with("(layer 1)"), "{result:#}");
}

#[test]
fn platforms_that_differ_are_told() {
    let amd64 = image("linux/amd64", 62).set("User", json!("1000"));
    let arm64 = image("linux/arm64", 183);
    let layout = verify::image::layout_of(&[&amd64, &arm64]);
    let place = format!("oci:{}:it", layout.path().display());
    let told = Home::new().run(&["verify", &place, "--all-platforms", "--json"]).exits(0).json();
    let parity = told[0]["parity"].as_array().unwrap();
    assert_eq!(parity.len(), 1, "{told:#}");
    let reason = parity[0]["reason"].as_str().unwrap();
    assert!(reason.contains("user") && reason.contains("linux/arm64") && reason.contains("1000"), "{reason}");
}

/// What `docker save` writes: a tar file with `manifest.json`, the config and the layers.
fn archive(image: &Image, tag: &str) -> Vec<u8> {
    let config = image.config_bytes();
    let layer = image.layers[0].bytes.clone().unwrap();
    let list =
        json!([{ "Config": "config.json", "RepoTags": [tag], "Layers": ["one/layer.tar"] }]).to_string();
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in
        [("one/layer.tar", layer.as_slice()), ("config.json", &config), ("manifest.json", list.as_bytes())]
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn an_archive_of_docker_save_is_read() {
    let home = Home::new();
    let plain = |machine| {
        Image::new("linux/arm64", &["/app"]).with(Layer::plain(Files::new().program("app", &elf(machine))))
    };
    home.write("right.tar", archive(&plain(183), "docker.io/library/it:1"));
    home.write("wrong.tar", archive(&plain(62), "docker.io/library/it:1"));
    home.run(&["verify", "docker-archive:right.tar"]).exits(0);
    home.run(&["verify", "docker-archive:right.tar:it:1"]).exits(0);
    home.run(&["verify", "docker-archive:wrong.tar"]).exits(1);
    let ran = home.run(&["verify", "docker-archive:right.tar:other"]).exits(2);
    assert!(ran.text().contains("no image other"), "{}", ran.text());
    let whole = std::fs::read(home.path("right.tar")).unwrap();
    home.write("cut.tar", &whole[..whole.len() / 2]);
    home.write("none.tar", b"no tar");
    home.write("packed.tar", verify::image::gzip(&whole));
    home.write("empty.tar", [Files::new().file("manifest.json", "[]").tar(), vec![0; 1024]].concat());
    home.write("other.tar", [Files::new().file("file", "text").tar(), vec![0; 1024]].concat());
    home.shell("mkfifo pipe");
    for (bad, says) in [
        ("docker-archive:cut.tar", "cut off"),
        ("docker-archive:none.tar", "reading the archive none.tar"),
        ("docker-archive:absent.tar", "No such file"),
        ("docker-archive:packed.tar", "it is packed with gzip: unpack it first (gunzip FILE)"),
        ("docker-archive:empty.tar", "it has no image"),
        ("docker-archive:other.tar", "it has no manifest.json"),
        ("docker-archive:pipe", "it is no file"),
        ("oci:absent", "it has no file oci-layout"),
    ] {
        let ran = home.run(&["verify", bad]).exits(2);
        assert!(ran.text().contains("unknown") && ran.text().contains(says), "{bad}: {}", ran.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_is_known_costs_one_request_and_no_pull() {
    let registry = MemoryRegistry::start().await.unwrap();
    let image = image("linux/arm64", 183);
    put(&registry, "it", "1", &[&image]);
    let home = Home::new();
    let reference = format!("{}/it:1", registry.host());
    let run = || {
        let before = registry.requests().len();
        home.run(&["verify", &reference, "--store", "s.db"]).exits(0);
        let requests = registry.requests().split_off(before).into_iter();
        requests.map(|request| format!("{} {}", request.method, request.path)).collect::<Vec<_>>()
    };
    let first = run();
    let mut once = first.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), first.len(), "nothing is fetched twice: {first:#?}");
    assert_eq!(run(), ["HEAD /v2/it/manifests/1"]);
}

#[test]
fn each_of_two_images_for_one_platform_is_read() {
    let (right, wrong) = (image("linux/arm64", 183), image("linux/arm64", 62));
    for (first, second) in [(&right, &wrong), (&wrong, &right)] {
        let layout = verify::image::layout_of(&[first, second]);
        let place = format!("oci:{}", layout.path().display());
        let told = Home::new().run(&["verify", &place, "--all-platforms", "--json"]).exits(1).json();
        let verdicts: Vec<_> =
            told[0]["platforms"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
        let expected = if std::ptr::eq(first, &raw const right) { ["yes", "no"] } else { ["no", "yes"] };
        assert_eq!(verdicts, expected.map(Value::from).each_ref());
    }
}

#[test]
fn several_images_of_a_layout_are_not_taken_for_one() {
    let mut layout = parts::image::Layout::new();
    for (name, machine) in [("good", 183), ("bad", 62)] {
        let entry = image("linux/arm64", machine).put(&layout);
        layout.tag(name, &entry);
    }
    let place = format!("oci:{}", layout.path().display());
    let ran = Home::new().run(&["verify", &place]).exits(2);
    assert!(
        ran.text().contains(
            "it has several images; name one, as oci:DIR:NAME or oci:DIR@DIGEST: good (linux/arm64), bad"
        ),
        "{}",
        ran.text()
    );
    Home::new().run(&["verify", &format!("{place}:good")]).exits(0);
    Home::new().run(&["verify", &format!("{place}:bad")]).exits(1);
}

#[test]
fn what_an_index_says_does_not_steer_the_terminal() {
    let image = Image::new("li\u{1b}]0;x\u{1b}[31mnux\n/arm64", &["/app"])
        .with(Layer::gzip(Files::new().program("app", &elf(183))));
    let layout = verify::image::layout_of(&[&image]);
    let place = format!("oci:{}", layout.path().display());
    let ran = Home::new().run(&["verify", &place, "--all-platforms"]);
    let text = ran.text();
    assert!(!text.contains('\u{1b}') && text.lines().next().unwrap().contains("arm64: "), "{text:?}");
}

#[test]
fn a_store_that_can_not_be_written_keeps_no_verdict_back() {
    let home = Home::new();
    let layout = verify::image::layout_of(&[&image("linux/arm64", 183)]);
    let place = format!("oci:{}", layout.path().display());
    home.write("no-folder", b"a file");
    let ran = home.run(&["verify", &place, "--store", "no-folder/s.db"]).exits(0);
    assert!(ran.text().contains("yes, verified"), "{}", ran.text());
    assert!(ran.stderr.contains("what is found is not kept"), "{}", ran.stderr);
}
