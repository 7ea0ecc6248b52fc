//! The walls of the house: who may use whom. `src/lib.rs` and `docs/architecture.md` say why.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Module, and what it may use of this workspace.
const RULES: &[(&str, &[&str])] = &[
    ("evidence", &["oci"]),
    ("inventory", &["oci"]),
    ("timeline", &["oci", "evidence"]),
    ("query", &["oci", "registry"]),
    ("scan", &["oci", "yaml"]),
    ("form", &[]),
    ("yaml", &[]),
    ("suggestion", &["oci", "form", "content"]),
    ("proposal", &["form"]),
    ("store", &["oci", "evidence", "inventory", "timeline", "suggestion", "proposal"]),
    ("history", &["oci", "evidence", "timeline", "store"]),
    ("crawl", &["oci", "registry", "evidence", "inventory", "store"]),
    ("catalog", &["oci", "evidence", "timeline", "store"]),
    ("chart", &[]),
    ("staging", &[]),
    ("content", &["oci", "form", "yaml"]),
    (
        "site",
        &["oci", "evidence", "timeline", "catalog", "chart", "content", "query", "suggestion", "proposal"],
    ),
    ("site_folder", &["site", "staging"]),
    (
        "serve",
        &[
            "oci",
            "registry",
            "inventory",
            "timeline",
            "store",
            "content",
            "crawl",
            "query",
            "scan",
            "suggestion",
            "proposal",
            "site",
        ],
    ),
    ("layout", &["oci"]),
    ("archive", &["oci", "layout", "staging"]),
    ("source", &["oci", "registry", "layout", "archive"]),
    ("transfer", &["oci", "registry", "layout", "archive", "source"]),
    ("publish", &["oci", "registry", "source", "transfer"]),
    ("packed", &["oci"]),
    ("verify", &["oci", "evidence", "source", "packed"]),
    ("rootfs", &["oci", "source", "packed", "staging"]),
    ("assemble", &["oci", "registry", "layout", "source", "transfer", "verify"]),
];

/// What the pure package must not know of.
const NOT_IN_OCI: &[&str] = &[
    "tokio",
    "hyper",
    "http::",
    "std::fs",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "std::env",
    "std::process",
    "std::io",
    "std::time",
    "async fn",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file: without lines of comment, and without the module of tests at its end.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The files of a module of the root package.
fn module(name: &str) -> Vec<PathBuf> {
    let mut files = vec![root().join(format!("src/{name}.rs"))];
    let folder = root().join(format!("src/{name}"));
    if folder.is_dir() {
        files.extend(sources(&folder));
    }
    files
}

/// What of this workspace a text uses.
fn uses(text: &str) -> BTreeSet<&'static str> {
    let mut used = BTreeSet::new();
    for (name, _) in RULES {
        let grouped = ["use crate::{", "use workson::{"].iter().any(|start| {
            let groups = text.match_indices(start).map(|(at, _)| text[at..].split(';').next().unwrap());
            groups
                .flat_map(|group| group.split(|c: char| !c.is_alphanumeric() && c != '_'))
                .any(|word| word == *name)
        });
        if grouped || text.contains(&format!("crate::{name}")) || text.contains(&format!("workson::{name}")) {
            used.insert(*name);
        }
    }
    for (package, name) in [("workson_oci", "oci"), ("workson_registry", "registry")] {
        if text.contains(package) {
            used.insert(name);
        }
    }
    used
}

#[test]
fn every_module_uses_only_what_it_may() {
    for (name, allowed) in RULES {
        for file in module(name) {
            for used in uses(&code(&file)) {
                assert!(used == *name || allowed.contains(&used), "{} must not use {used}", file.display());
            }
        }
    }
}

#[test]
fn every_module_of_the_root_package_has_a_rule() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let ruled: BTreeSet<&str> = RULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(declared, ruled, "src/lib.rs and the rules in this test name the same modules");
}

#[test]
fn the_packages_depend_in_one_direction() {
    let manifest = |package: &str| std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let oci = manifest("crates/oci");
    assert!(!oci.contains("workson-registry") && !oci.contains("tokio") && !oci.contains("reqwest"));
    let registry = manifest("crates/registry");
    assert!(registry.contains("workson-oci") && !registry.contains("workson ="));
    for file in sources(&root().join("crates")) {
        assert!(!code(&file).contains("workson::"), "{} uses the root package", file.display());
    }
}

#[test]
fn the_values_do_no_io_and_know_no_clock() {
    for file in sources(&root().join("crates/oci/src")) {
        for word in NOT_IN_OCI {
            assert!(!code(&file).contains(word), "{} has {word}", file.display());
        }
    }
}

#[test]
fn sql_is_in_the_store_alone() {
    for file in sources(&root().join("src")) {
        let path = file.strip_prefix(root().join("src")).unwrap();
        if path.starts_with("store") || path == Path::new("store.rs") {
            continue;
        }
        let text = code(&file);
        for word in ["rusqlite", "refinery", "SELECT ", "INSERT ", "UPDATE "] {
            assert!(!text.contains(word), "{} has {word}", file.display());
        }
    }
}

#[test]
fn gitoxide_is_behind_one_module() {
    for file in sources(&root().join("src")) {
        let path = file.strip_prefix(root().join("src")).unwrap();
        let may = path.starts_with("history/repository") || path == Path::new("history/repository.rs");
        // The names of objects travel further than the code that reads them.
        let text = code(&file).replace("use gix::ObjectId;", "");
        assert!(may || !text.contains("gix::"), "{} uses gitoxide", file.display());
    }
}

#[test]
fn only_the_binary_prints_exits_or_reads_clock_and_environment() {
    let library =
        sources(&root().join("src")).into_iter().filter(|file| !file.starts_with(root().join("src/bin")));
    let packages = ["crates/oci/src", "crates/registry/src"]
        .into_iter()
        .flat_map(|folder| sources(&root().join(folder)));
    for file in library.chain(packages) {
        let text = code(&file);
        for word in [
            "println!",
            "eprintln!",
            "print!(",
            "process::exit",
            "env::var",
            "SystemTime::now",
            "Timestamp::now",
        ] {
            assert!(!text.contains(word), "{} has {word}", file.display());
        }
    }
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let folders = ["src", "crates", "tests"].map(|folder| root().join(folder));
    for file in folders.iter().flat_map(|folder| sources(folder)) {
        for part in file.strip_prefix(root()).unwrap().iter().map(|part| part.to_string_lossy()) {
            let stem = part.trim_end_matches(".rs");
            assert!(
                !["util", "utils", "common", "helper", "helpers", "manager", "misc"].contains(&stem),
                "{}",
                file.display()
            );
        }
    }
}
