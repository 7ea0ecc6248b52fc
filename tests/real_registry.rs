//! `workson` against Debian's `docker-registry`, with skopeo to push and as the other opinion.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

use parts::docker_registry::{DockerRegistry, manifests};
use parts::http;
use parts::image::{Layout, OCI_INDEX, OCI_MANIFEST, SIX};
use parts::skopeo::{Skopeo, told_entries};
use parts::user::User;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An open registry, and who talks to it.
struct Scene {
    registry: DockerRegistry,
    skopeo: Skopeo,
    user: User,
    layout: Layout,
    _storage: TempDir,
}

impl Scene {
    fn new() -> Scene {
        let storage = tempfile::tempdir().unwrap();
        Scene {
            registry: DockerRegistry::open(storage.path()),
            skopeo: Skopeo::new(),
            user: User::new(),
            layout: Layout::new(),
            _storage: storage,
        }
    }

    /// Pushes an index of small images for `platforms`, made anew, and returns its reference.
    fn push_index(&mut self, name: &str, platforms: &[&str]) -> String {
        let tag = format!("{}-{}", name.replace(['/', ':'], "-"), platforms.len());
        self.layout.tag_small_index(&tag, platforms);
        let reference = self.registry.reference(name);
        self.skopeo.push(&self.layout, &tag, &reference);
        reference
    }

    /// Pushes a single small image.
    fn push_image(&mut self, name: &str, platform: &str) -> String {
        let image = self.layout.small_image(platform, name);
        let tag = name.replace(['/', ':'], "-");
        self.layout.tag(&tag, &image);
        let reference = self.registry.reference(name);
        self.skopeo.push(&self.layout, &tag, &reference);
        reference
    }

    /// Runs an inventory of `references`, and returns its exit code and JSON.
    fn inventory(&self, references: &[&str], arguments: &[&str]) -> (i32, Value) {
        let list = self.user.file("list", &references.join("\n"));
        let arguments = [&["inventory", list.to_str().unwrap(), "--json"], arguments].concat();
        let answer = self.user.workson(&arguments);
        (answer.code.unwrap(), answer.json())
    }
}

fn platforms(answer: &Value) -> Vec<&str> {
    let platforms = answer["platforms"].as_array().unwrap();
    platforms.iter().map(|platform| platform["platform"].as_str().unwrap()).collect()
}

fn references(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["reference"].as_str().unwrap()).collect()
}

#[test]
fn an_index_is_told_as_skopeo_sees_it_for_one_request() {
    let mut scene = Scene::new();
    let reference = scene.push_index("team/app:1", &SIX);
    let answer = scene.user.workson(&["query", "--json", &reference]).exits(0).image();

    assert_eq!(answer["reference"], json!(reference));
    assert_eq!(answer["digest"], json!(scene.skopeo.digest(&reference)));
    assert_eq!(answer["mediaType"], json!(OCI_INDEX));
    assert_eq!(answer["kind"], json!("index"));
    assert_eq!(told_entries(&answer), scene.skopeo.entries(&reference));
    // Normalised as containerd does it: arm64's v8 goes without saying, arm's variants do not.
    let normalised =
        ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/riscv64", "linux/s390x"];
    assert_eq!(platforms(&answer), normalised);
    assert_eq!(
        (&answer["attestations"], &answer["notes"], &answer["error"]),
        (&json!(0), &json!([]), &json!(null))
    );

    let requests = scene.registry.requests();
    assert_eq!(requests.len(), 1, "listing the platforms of an index costs one request: {requests:?}");
    assert_eq!(manifests(&requests, "GET", 200), 1);
}

#[test]
fn raw_is_byte_for_byte_what_skopeo_gets() {
    let mut scene = Scene::new();
    let index = scene.push_index("team/app:1", &SIX);
    let image = scene.push_image("team/single:1", "linux/arm64/v8");
    for reference in [index, image] {
        let raw = scene.user.workson(&["query", "--raw", &reference]).exits(0).stdout;
        assert_eq!(raw, scene.skopeo.raw(&reference), "{reference}");
        let digest = scene.skopeo.digest(&reference);
        let pinned = format!("{}@{digest}", reference.rsplit_once(':').unwrap().0);
        assert_eq!(scene.user.workson(&["query", "--raw", &pinned]).exits(0).stdout, raw, "{pinned}");
    }
}

#[test]
fn a_single_image_is_told_by_its_config() {
    let mut scene = Scene::new();
    let reference = scene.push_image("single:1", "linux/arm/v6");
    let answer = scene.user.workson(&["query", "--json", &reference]).exits(0).image();
    assert_eq!((&answer["kind"], &answer["mediaType"]), (&json!("image"), &json!(OCI_MANIFEST)));
    assert_eq!(answer["digest"], json!(scene.skopeo.digest(&reference)));
    assert_eq!(platforms(&answer), ["linux/arm/v6"]);
    assert_eq!(answer["platforms"][0]["variant"], json!("v6"));

    scene.user.workson(&["query", "-p", "linux/arm/v6", &reference]).exits(0);
    scene.user.workson(&["query", "-p", "linux/arm/v7", &reference]).exits(1);
}

#[test]
fn a_docker_manifest_list_is_told_as_skopeo_sees_it() {
    let mut scene = Scene::new();
    scene.layout.tag_small_index("list", &SIX);
    let reference = scene.registry.reference("team/list:1");
    scene.skopeo.push_as_docker(&scene.layout, "list", &reference);

    let answer = scene.user.workson(&["query", "--json", &reference]).exits(0).image();
    let manifest_list = "application/vnd.docker.distribution.manifest.list.v2+json";
    assert_eq!(scene.skopeo.manifest(&reference)["mediaType"], json!(manifest_list), "what was pushed");
    assert_eq!((&answer["kind"], &answer["mediaType"]), (&json!("index"), &json!(manifest_list)));
    assert_eq!(answer["digest"], json!(scene.skopeo.digest(&reference)));
    assert_eq!(told_entries(&answer), scene.skopeo.entries(&reference));
    let raw = scene.user.workson(&["query", "--raw", &reference]).exits(0).stdout;
    assert_eq!(raw, scene.skopeo.raw(&reference));

    // An image of the list, by itself: a Docker manifest.
    let (child, digest) =
        (&answer["platforms"][3], scene.skopeo.pulled(&reference, "linux/arm64/v8").unwrap());
    assert_eq!(child["digest"], json!(digest));
    let child = scene.registry.reference(&format!("team/list@{digest}"));
    let answer = scene.user.workson(&["query", "--json", &child]).exits(0).image();
    assert_eq!(answer["mediaType"], json!("application/vnd.docker.distribution.manifest.v2+json"));
    assert_eq!(platforms(&answer), ["linux/arm64"]);
}

#[test]
fn a_chart_is_no_image_and_could_not_be_told_to_support_anything() {
    let scene = Scene::new();
    let host = scene.registry.host();
    let kind = "application/vnd.cncf.helm.config.v1+json";
    let config = br#"{"name":"chart","version":"1.0.0","apiVersion":"v2"}"#;
    let content = b"not really a chart";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": kind,
            "digest": http::put_blob(host, "charts/chart", config).as_str(),
            "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "digest": http::put_blob(host, "charts/chart", content).as_str(),
            "size": content.len(),
        }],
    });
    http::put_manifest(host, "charts/chart", "1", OCI_MANIFEST, manifest.to_string().as_bytes());
    let reference = scene.registry.reference("charts/chart:1");

    let answer = scene.user.workson(&["query", "--json", "-p", "linux/arm64", &reference]).exits(2).image();
    assert_eq!(answer["kind"], json!("artifact"));
    assert_eq!(answer["digest"], json!(scene.skopeo.digest(&reference)));
    assert_eq!((&answer["platforms"], &answer["error"]), (&json!([]), &json!(null)));
    assert_eq!(answer["supports"][0]["verdict"], json!("unknown"));
    assert!(answer["notes"][0].as_str().unwrap().contains(kind), "{}", answer["notes"]);
    let resolved = scene.user.workson(&["resolve", "-p", "linux/arm64", &reference]).exits(2);
    assert!(resolved.stderr.contains(kind), "{}", resolved.stderr);
}

#[test]
fn what_the_registry_does_not_have_is_not_found_and_exit_2() {
    let mut scene = Scene::new();
    let reference = scene.push_image("there:1", "linux/amd64");
    for missing in ["there:2", "not-there:1"] {
        let missing = scene.registry.reference(missing);
        let answer = scene.user.workson(&["query", "--json", &missing, &reference]).exits(2).json();
        assert_eq!(answer[0]["error"]["kind"], json!("not-found"), "{missing}");
        assert_eq!(answer[1]["error"], json!(null), "the others are told all the same");
        let said = scene.user.workson(&["query", &missing]).exits(2).stderr;
        assert!(said.contains(&missing) && said.contains("404"), "{said}");
    }
}

#[test]
fn all_of_250_tags_are_told_newest_first_and_each_digest_is_pulled_once() {
    let mut scene = Scene::new();
    let with_arm = scene.push_index("many:source-1", &["linux/amd64", "linux/arm64/v8"]);
    let without = scene.push_image("many:source-2", "linux/amd64");
    let (index, image) = (scene.skopeo.raw(&with_arm), scene.skopeo.raw(&without));
    // 1.0 to 1.124 with arm64, 2.0 to 2.124 without.
    for minor in 0..125 {
        http::put_manifest(scene.registry.host(), "many", &format!("1.{minor}"), OCI_INDEX, &index);
        http::put_manifest(scene.registry.host(), "many", &format!("2.{minor}"), OCI_MANIFEST, &image);
    }
    let repository = scene.registry.reference("many");
    let arguments = ["query", "--tags", "[12].*", "--json", "-p", "linux/arm64", &repository];
    let answers = scene.user.workson(&arguments).exits(1).json();

    let newest_first: Vec<String> = [2, 1]
        .iter()
        .flat_map(|major| {
            (0..125).rev().map(|minor| format!("{repository}:{major}.{minor}")).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(references(&answers), newest_first);
    for answer in answers.as_array().unwrap() {
        let has = answer["reference"].as_str().unwrap().starts_with(&format!("{repository}:1."));
        let verdict = if has { "yes" } else { "no" };
        assert_eq!(answer["supports"][0]["verdict"], json!(verdict), "{}", answer["reference"]);
    }
    let requests = scene.registry.requests();
    assert_eq!(manifests(&requests, "HEAD", 200), 250);
    assert_eq!(manifests(&requests, "GET", 200), 2, "250 tags point at two digests");
}

#[test]
fn resolve_pulls_what_skopeo_pulls_on_each_platform() {
    let mut scene = Scene::new();
    let reference = scene.push_index("team/app:1", &SIX);
    for platform in SIX.iter().chain(&["linux/arm64", "linux/arm"]) {
        let answer = scene.user.workson(&["resolve", "--json", "-p", platform, &reference]).exits(0).json();
        let pulled = scene.skopeo.pulled(&reference, platform).unwrap();
        assert_eq!(answer["digest"], json!(pulled), "on {platform}");
        let repository = scene.registry.reference("team/app");
        assert_eq!(answer["pinned"], json!(format!("{repository}@{pulled}")));
    }
    for platform in ["linux/ppc64le", "windows/amd64"] {
        assert_eq!(scene.skopeo.pulled(&reference, platform), None, "on {platform}");
        let answer = scene.user.workson(&["resolve", "--json", "-p", platform, &reference]).exits(1).json();
        assert_eq!(answer["digest"], json!(null), "on {platform}");
    }
}

#[test]
fn resolve_says_when_the_index_promises_another_platform_than_the_config() {
    let mut scene = Scene::new();
    let honest = scene.layout.small_image("linux/amd64", "honest");
    let mut mislabelled = scene.layout.small_image("linux/amd64", "mislabelled");
    mislabelled["platform"] = json!({ "os": "linux", "architecture": "arm64" });
    scene.layout.tag_index("liar", &[honest, mislabelled.clone()]);
    let reference = scene.registry.reference("liar:1");
    scene.skopeo.push(&scene.layout, "liar", &reference);

    let answer = scene.user.workson(&["resolve", "--json", "-p", "linux/arm64", &reference]).exits(1).json();
    assert_eq!(answer["digest"], mislabelled["digest"], "an engine pulls it all the same");
    assert_eq!(answer["contradiction"], json!("linux/amd64"));
    let arguments = ["query", "--configs", "--json", "-p", "linux/arm64", "-p", "linux/amd64", &reference];
    let answer = scene.user.workson(&arguments).exits(2).image();
    assert_eq!(answer["supports"][0]["verdict"], json!("unknown"));
    assert_eq!(answer["supports"][1]["verdict"], json!("yes"));
}

#[test]
fn an_inventory_of_what_did_not_change_costs_no_pull() {
    let mut scene = Scene::new();
    let index = scene.push_index("team/app:1", &SIX);
    let other = scene.push_index("team/app:2", &["linux/amd64", "linux/s390x"]);
    let image = scene.push_image("team/single:1", "linux/arm64/v8");
    scene.layout.tag_small_index("list", &["linux/amd64", "linux/arm/v7"]);
    let list = scene.registry.reference("team/list:1");
    scene.skopeo.push_as_docker(&scene.layout, "list", &list);
    let all = [index.as_str(), &other, &image, &list];

    let (code, first) = scene.inventory(&all, &["-p", "linux/arm64", "-p", "linux/arm/v7"]);
    assert_eq!((code, &first["total"], &first["changes"]), (0, &json!(4), &json!(null)));
    assert_eq!(references(&first["platforms"][0]["images"]), [&index, &image]);
    assert_eq!(references(&first["platforms"][0]["lacking"]), [&other, &list]);
    assert_eq!(references(&first["platforms"][1]["images"]), [&index, &list]);
    for evidence in first["platforms"][0]["images"].as_array().unwrap() {
        let reference = evidence["reference"].as_str().unwrap();
        assert_eq!(evidence["digest"], json!(scene.skopeo.digest(reference)), "{reference}");
    }
    let requests = scene.registry.requests();
    let pulls = manifests(&requests, "GET", 200);
    assert_eq!((pulls, &first["run"]["pulls"]), (4, &json!(4)), "one pull for each digest: {requests:?}");
    assert_eq!(first["run"]["requests"], json!(requests.len()));

    let before = requests.len();
    let (code, second) = scene.inventory(&all, &["-p", "linux/arm64", "-p", "linux/arm/v7"]);
    let requests = scene.registry.requests().split_off(before);
    assert_eq!(manifests(&requests, "HEAD", 200), 4);
    assert_eq!(requests.len(), 4, "only HEADs, which registries do not count: {requests:?}");
    assert_eq!((code, &second["run"]["pulls"], &second["run"]["requests"]), (0, &json!(0), &json!(4)));
    for platform in 0..2 {
        for kind in ["images", "lacking"] {
            let of = |run: &Value| references(&run["platforms"][platform][kind]).join(" ");
            assert_eq!(of(&first), of(&second));
        }
    }
    let changes = second["changes"].as_object().unwrap();
    assert!(changes.values().all(|list| list.as_array().is_none_or(Vec::is_empty)), "{changes:?}");
}

#[test]
fn an_inventory_tells_what_moved_gained_lost_broke_and_mended() {
    let mut scene = Scene::new();
    let moving = scene.push_index("moving:1", &["linux/amd64", "linux/arm64/v8"]);
    let breaking = scene.push_index("breaking:1", &["linux/arm64/v8"]);
    let staying = scene.push_index("staying:1", &["linux/amd64", "linux/arm64/v8", "linux/riscv64"]);
    let all = [moving.as_str(), &breaking, &staying];
    assert_eq!(scene.inventory(&all, &[]).0, 0);

    let before = scene.skopeo.digest(&moving);
    scene.push_index("moving:1", &["linux/amd64", "linux/riscv64", "linux/s390x"]);
    let after = scene.skopeo.digest(&moving);
    assert_ne!(before, after, "what was pushed");
    scene.skopeo.delete(&breaking);
    let (code, run) = scene.inventory(&all, &[]);

    assert_eq!(code, 2, "one could not be told");
    let change = |name: &str| run["changes"][name].as_array().unwrap().clone();
    assert_eq!(change("moved"), [json!({ "reference": moving, "from": before, "to": after })]);
    let gained = |platform: &str| json!({ "reference": moving, "platform": platform });
    assert_eq!(change("gained"), [gained("linux/riscv64"), gained("linux/s390x")]);
    assert_eq!(change("lost"), [json!({ "reference": moving, "platform": "linux/arm64" })]);
    let broke = change("broke");
    assert_eq!(broke.len(), 1, "{broke:?}");
    assert_eq!((&broke[0]["reference"], &broke[0]["kind"]), (&json!(breaking), &json!("not-found")));
    assert_eq!((change("mended"), change("added"), change("removed")), (vec![], vec![], vec![]));
    let arm64 = &run["platforms"][0];
    assert_eq!(references(&arm64["images"]), [&staying]);
    assert_eq!(references(&arm64["lacking"]), [&moving]);
    assert_eq!(references(&arm64["unknown"]), [&breaking], "what is gone is unknown, not a no");

    scene.push_index("breaking:1", &["linux/arm64/v8"]);
    let (code, run) = scene.inventory(&all, &[]);
    assert_eq!(code, 0);
    assert_eq!(references(&run["changes"]["mended"]), [&breaking]);
    assert_eq!((&run["changes"]["lost"], &run["changes"]["moved"]), (&json!([]), &json!([])));
}

#[test]
fn a_mirror_is_asked_for_docker_hubs_official_images() {
    let mut scene = Scene::new();
    let pushed = scene.push_index("library/nginx:latest", &SIX);
    let mirror = format!("docker.io={}", scene.registry.host());
    let user = &scene.user;

    let answer = user.workson(&["--mirror", &mirror, "query", "--json", "nginx"]).exits(0).image();
    assert_eq!(answer["reference"], json!("nginx"));
    assert_eq!(answer["digest"], json!(scene.skopeo.digest(&pushed)));
    assert_eq!(told_entries(&answer), scene.skopeo.entries(&pushed));

    let resolved = user.workson(&["--mirror", &mirror, "resolve", "--json", "-p", "linux/arm64", "nginx"]);
    let pulled = scene.skopeo.pulled(&pushed, "linux/arm64/v8").unwrap();
    let pinned = format!("docker.io/library/nginx@{pulled}");
    assert_eq!(resolved.exits(0).json()["pinned"], json!(pinned), "pinned by its own name, not the mirror's");

    let (code, run) = scene.inventory(&["nginx"], &["--mirror", &mirror]);
    assert_eq!((code, &run["platforms"][0]["supported"]), (0, &json!(1)));
    let requests = scene.registry.requests();
    assert!(requests.iter().all(|request| request.path.starts_with("/v2/library/nginx/")), "{requests:?}");
}
