//! The suite over real data, which is not in the repository: `WORKSON_DATA` names a folder with
//! `image-indexes-2024-05-14.json` (the indexes of Docker's official images on that day), `alpine-3.20.3/`
//! (Alpine's root file systems) and `official-images-library-full.bundle` (the history of the official images'
//! library files). `.ci/run` runs it; it is a suite of its own (`test = false` in Cargo.toml), because a fresh clone has no such data.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;

#[path = "data_suite/assemble.rs"]
mod assemble;
#[path = "data_suite/engines.rs"]
mod engines;
#[path = "data_suite/history.rs"]
mod history;
#[path = "verify/mod.rs"]
mod images;
#[path = "data_suite/library_files.rs"]
mod library_files;
#[path = "data_suite/verify.rs"]
mod verify;

use std::path::PathBuf;
use std::process::Command;

use parts::docker_registry::DockerRegistry;
use parts::image::Layout;
use parts::run;
use parts::skopeo::{Entry, Skopeo, told_entries};
use parts::user::User;
use serde_json::{Map, Value, json};
use workson_registry::testing::MemoryRegistry;

/// A file or folder of the data.
#[allow(clippy::disallowed_methods, reason = "the one setting of this suite")]
fn data(name: &str) -> PathBuf {
    let Some(folder) = std::env::var_os("WORKSON_DATA") else {
        panic!("this suite reads real data: set WORKSON_DATA to the folder that holds {name}")
    };
    let path = PathBuf::from(folder).join(name);
    assert!(path.exists(), "this suite reads real data: there is no {} (WORKSON_DATA)", path.display());
    path
}

/// The official images' indexes of 2024-05-14, by reference.
fn indexes() -> Map<String, Value> {
    let bytes = std::fs::read(data("image-indexes-2024-05-14.json")).unwrap();
    let Value::Object(mut file) = serde_json::from_slice(&bytes).unwrap() else {
        panic!("not a JSON object")
    };
    let Value::Object(indexes) = file["indexes"].take() else { panic!("it has no `indexes`") };
    assert_eq!(indexes.len(), 1813, "the file is the one that this suite is about");
    indexes
}

/// A registry in memory with all indexes, and their references in it. 1,807 are named by a tag; the six that
/// are named by a digest get a tag that says so, because their bytes were written anew.
async fn serve(indexes: &Map<String, Value>) -> (MemoryRegistry, Vec<String>) {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.record(false);
    let put = |(name, index): (&String, &Value)| {
        let name = name.replace("@sha256:", ":sha256-");
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let media_type = index["mediaType"].as_str().unwrap();
        registry.put_manifest(repository, Some(tag), media_type, index.to_string());
        format!("{}/{name}", registry.host())
    };
    let references = indexes.iter().map(put).collect();
    (registry, references)
}

/// The entries of an index that are images, read without `workson`'s own types.
fn images(index: &Value) -> Vec<&Value> {
    let is_attestation = |entry: &&Value| {
        let annotated = entry["annotations"].get("vnd.docker.reference.type").is_some();
        let unknown = entry["platform"]["os"] == "unknown";
        assert_eq!(annotated, unknown, "in this data, the two marks of an attestation go together: {entry}");
        annotated
    };
    index["manifests"].as_array().unwrap().iter().filter(|entry| !is_attestation(entry)).collect()
}

/// Every platform of the data, and how it is normalised: written down by hand, from containerd's rules.
fn normalised(platform: &Value) -> &'static str {
    let field = |name: &str| platform[name].as_str().unwrap_or_default();
    match (field("os"), field("architecture"), field("variant")) {
        ("linux", "386", "") => "linux/386",
        ("linux", "amd64", "") => "linux/amd64",
        ("linux", "arm", "v5") => "linux/arm/v5",
        ("linux", "arm", "v6") => "linux/arm/v6",
        ("linux", "arm", "v7") => "linux/arm/v7",
        ("linux", "arm64", "v8") => "linux/arm64",
        ("linux", "mips64le", "") => "linux/mips64le",
        ("linux", "ppc64le", "") => "linux/ppc64le",
        ("linux", "riscv64", "") => "linux/riscv64",
        ("linux", "s390x", "") => "linux/s390x",
        ("windows", "amd64", "") => "windows/amd64",
        _ => panic!("a platform that the data had not: {platform}"),
    }
}

fn strings<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<&'a str> {
    values.into_iter().map(|value| value.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_1813_official_indexes_is_told_as_its_json_reads() {
    let indexes = indexes();
    let (registry, references) = serve(&indexes).await;
    let mut arguments = vec!["query", "--jsonl", "-p", "linux/arm64", "-p", "linux/arm/v7"];
    arguments.extend(references.iter().map(String::as_str));
    let answer = tokio::task::block_in_place(|| User::new().workson(&arguments)).exits(1);

    let answers: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 1813);
    let (mut arm64, mut armv7) = (0, 0);
    for ((index, reference), answer) in indexes.values().zip(&references).zip(&answers) {
        assert_eq!(answer["reference"], json!(reference), "in the order asked");
        assert_eq!(answer["error"], Value::Null, "{reference}");
        let images = images(index);
        assert!(!images.is_empty(), "no index of the data is without an image: {reference}");
        let published: Vec<Entry> = images.iter().map(|entry| Entry::of(&entry["platform"], entry)).collect();
        assert_eq!(told_entries(answer), published, "{reference}");
        let told =
            strings(answer["platforms"].as_array().unwrap().iter().map(|platform| &platform["platform"]));
        let expected: Vec<&str> = images.iter().map(|entry| normalised(&entry["platform"])).collect();
        assert_eq!(told, expected, "{reference}");
        let attestations = index["manifests"].as_array().unwrap().len() - images.len();
        assert_eq!(answer["attestations"], json!(attestations), "{reference}");
        assert_eq!(answer["mediaType"], index["mediaType"], "{reference}");

        let verdict = |platform: &str| if expected.contains(&platform) { "yes" } else { "no" };
        assert_eq!(answer["supports"][0]["verdict"], verdict("linux/arm64"), "{reference}");
        assert_eq!(answer["supports"][1]["verdict"], verdict("linux/arm/v7"), "{reference}");
        arm64 += usize::from(verdict("linux/arm64") == "yes");
        armv7 += usize::from(verdict("linux/arm/v7") == "yes");
    }
    // Counted in the file with python's json: entries of architecture arm64, and of arm with variant v7.
    assert_eq!((arm64, armv7), (250, 199));
    assert_eq!(registry.count_manifest_gets(), 1813, "an index costs one request");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_of_1813_official_indexes_counts_right_and_is_free_the_second_time() {
    let indexes = indexes();
    let (registry, references) = serve(&indexes).await;
    let user = User::new();
    let list = user.file("list", &references.join("\n"));
    let arguments =
        ["inventory", list.to_str().unwrap(), "--json", "-p", "linux/arm64", "-p", "windows/amd64"];
    let inventory = || tokio::task::block_in_place(|| user.workson(&arguments)).exits(0).json();

    let having = |platform: &str| -> Vec<&str> {
        let has =
            |index: &Value| images(index).iter().any(|entry| normalised(&entry["platform"]) == platform);
        let pairs = indexes.values().zip(&references);
        pairs.filter(|(index, _)| has(index)).map(|(_, reference)| reference.as_str()).collect()
    };
    let first = inventory();
    assert_eq!(first["total"], json!(1813));
    for (platform, coverage) in
        ["linux/arm64", "windows/amd64"].iter().zip(first["platforms"].as_array().unwrap())
    {
        let told = strings(coverage["images"].as_array().unwrap().iter().map(|image| &image["reference"]));
        assert_eq!(told, having(platform), "{platform}");
        assert_eq!(coverage["lacking"].as_array().unwrap().len(), 1813 - told.len(), "{platform}");
    }

    registry.clear_requests();
    let second = inventory();
    assert_eq!((registry.count_manifest_gets(), registry.count_manifest_heads()), (0, 1813));
    assert_eq!(second["platforms"][0]["supported"], first["platforms"][0]["supported"]);
}

/// Alpine's names, and what they are elsewhere. Its `armhf` is arm/v6, whatever others mean by the word.
const ALPINE: [(&str, &str); 8] = [
    ("x86_64", "linux/amd64"),
    ("armhf", "linux/arm/v6"),
    ("armv7", "linux/arm/v7"),
    ("aarch64", "linux/arm64/v8"),
    ("x86", "linux/386"),
    ("ppc64le", "linux/ppc64le"),
    ("riscv64", "linux/riscv64"),
    ("s390x", "linux/s390x"),
];

/// The images of Alpine's eight root file systems, as one index.
fn alpine() -> Layout {
    let folder = data("alpine-3.20.3");
    let mut check = Command::new("sha512sum");
    check.args(["--check", "--strict", "--quiet", "checksums.sha512"]).current_dir(&folder);
    run("sha512sum", &mut check, b"");
    let mut layout = Layout::new();
    let image = |(name, platform): (&str, &str)| {
        let file = folder.join(name).join(format!("alpine-minirootfs-3.20.3-{name}.tar.gz"));
        let packed = std::fs::read(file).unwrap();
        let layer = run("gzip", Command::new("gzip").args(["-d", "-c"]), &packed);
        layout.image_of(platform, "alpine 3.20.3", &packed, &layer)
    };
    let entries: Vec<Value> = ALPINE.into_iter().map(image).collect();
    layout.tag_index("3.20.3", &entries);
    layout
}

#[test]
fn alpine_for_eight_platforms_is_told_resolved_and_inventoried_as_skopeo_sees_it() {
    let storage = tempfile::tempdir().unwrap();
    let (registry, skopeo, user) = (DockerRegistry::open(storage.path()), Skopeo::new(), User::new());
    let reference = registry.reference("library/alpine:3.20.3");
    skopeo.push(&alpine(), "3.20.3", &reference);

    let raw = user.workson(&["query", "--raw", &reference]).exits(0).stdout;
    assert_eq!(raw, skopeo.raw(&reference));
    let mut query = vec!["query", "--json", "--configs", &reference];
    query.extend(ALPINE.iter().flat_map(|(_, platform)| ["-p", platform]));
    let answer = user.workson(&query).exits(0).image();
    assert_eq!(answer["digest"], json!(skopeo.digest(&reference)));
    assert_eq!(told_entries(&answer), skopeo.entries(&reference));
    assert_eq!(answer["notes"], json!([]), "configs and index agree");
    let without = user.workson(&["query", "--json", "-p", "linux/mips64le", &reference]).exits(1).image();
    assert_eq!(without["supports"][0]["verdict"], json!("no"));

    for (name, platform) in ALPINE {
        let resolved = user.workson(&["resolve", "--json", "-p", platform, &reference]).exits(0).json();
        let pulled = skopeo.pulled(&reference, platform).unwrap();
        assert_eq!(resolved["digest"], json!(pulled), "Alpine's {name}, {platform}");
    }
    user.workson(&["resolve", "-p", "linux/mips64le", &reference]).exits(1);
    assert_eq!(skopeo.pulled(&reference, "linux/mips64le"), None);

    let list = user.file("list", &reference);
    let mut inventory = vec!["inventory", "--json", list.to_str().unwrap(), "-p", "linux/mips64le"];
    inventory.extend(ALPINE.iter().flat_map(|(_, platform)| ["-p", platform]));
    let run = user.workson(&inventory).exits(0).json();
    let supported: Vec<u64> = run["platforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|coverage| coverage["supported"].as_u64().unwrap())
        .collect();
    assert_eq!(supported, [0, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(run["platforms"][1]["images"][0]["digest"], json!(skopeo.digest(&reference)));
}
