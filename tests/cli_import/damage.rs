//! Repositories with something wrong in them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::cli_support::{Home, Ran};
use super::parts::git::{FIRST, GitRepository, git_with_input, library};
use super::{add_commit, any, comes_to_nothing, facts, import, imported, stored, with_commits};

/// The most memory that an import may take, whatever it meets.
const MEMORY_KIB: u64 = 400 * 1024;

/// Changes bytes of a file that git made read-only.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn loose(repository: &GitRepository, object: &str) -> PathBuf {
    let id = repository.git(&["rev-parse", object]);
    repository.folder().join(".git/objects").join(&id[..2]).join(&id[2..])
}

/// Objects on which an import depends: a commit, its tree, the folder, a file; the newest and older ones.
const NEEDED: [&str; 8] = [
    "HEAD",
    "HEAD^{tree}",
    "HEAD:library",
    "HEAD:library/alpine",
    "HEAD~2",
    "HEAD~2^{tree}",
    "HEAD~3:library",
    "HEAD~3:library/alpine",
];

#[test]
fn a_damaged_or_missing_object_is_told_and_changes_nothing() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    for _ in 0..4 {
        add_commit(&repository);
    }
    for object in NEEDED {
        let path = loose(&repository, object);
        let whole = std::fs::read(&path).unwrap();
        change(&path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..].iter_mut().take(8).for_each(|byte| *byte ^= 0xff);
        });
        comes_to_nothing(&home, repository.name(), &[], &[repository.name(), "git fsck"]);
        change(&path, |bytes| bytes.clear());
        comes_to_nothing(&home, repository.name(), &[], &[repository.name()]);
        change(&path, |bytes| *bytes = whole[..whole.len() / 2].to_vec());
        comes_to_nothing(&home, repository.name(), &[], &[repository.name()]);
        std::fs::remove_file(&path).unwrap();
        let id = repository.git(&["rev-parse", "HEAD"]);
        let says = if object == "HEAD" { id } else { path.file_name().unwrap().to_str().unwrap().to_owned() };
        comes_to_nothing(&home, repository.name(), &[], &[repository.name(), &says]);
        std::fs::write(&path, &whole).unwrap();
    }
    // Mended, it goes on as if nothing had been.
    assert_eq!(imported(&home, repository.name())["commits"], json!(4));
}

#[test]
fn a_damaged_pack_is_told_or_its_damage_does_not_matter() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 12);
    repository.git(&["repack", "-a", "-d", "--quiet", "--window=20", "--depth=20"]);
    let expected = Home::new();
    imported(&expected, repository.name());
    let expected = facts(&expected);
    let folder = repository.folder().join(".git/objects/pack");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let named =
        |ending: &str| files.iter().find(|file| file.extension().is_some_and(|e| e == ending)).unwrap();
    let index = named("idx").to_str().unwrap().to_owned();
    // Each object: its id, its type, its length, its length in the pack, where it begins.
    let listing = repository.git(&["verify-pack", "-v", &index]);
    let mut told = 0;
    let mut kinds = std::collections::BTreeSet::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(kind @ (&"commit" | &"tree" | &"blob")), Some(length), Some(at)) =
            (words.get(1), words.get(3), words.get(4))
        else {
            continue;
        };
        let (length, at): (usize, usize) = (length.parse().unwrap(), at.parse().unwrap());
        let whole = std::fs::read(named("pack")).unwrap();
        change(named("pack"), |bytes| bytes[at + length / 2] ^= 0x10);
        let _ = std::fs::remove_file(home.path("s.db"));
        let ran = import(&home, repository.name(), &["--json"]);
        assert!(!ran.stderr.contains("panicked"), "{line}: {}", ran.stderr);
        match ran.code {
            Some(0) => assert_eq!(facts(&home), expected, "{line}: damage was read as if it were whole"),
            Some(2) => {
                assert!(ran.stderr.contains(repository.name()), "{line}: {}", ran.stderr);
                told += 1;
                kinds.insert(*kind);
            }
            _ => panic!("{line}: {ran:?}"),
        }
        change(named("pack"), |bytes| *bytes = whole);
    }
    assert_eq!(kinds.len(), 3, "damage of {kinds:?} alone was seen, {told} times");
}

#[test]
fn a_pack_or_index_that_is_cut_off_is_told() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 5);
    repository.git(&["repack", "-a", "-d", "--quiet"]);
    let folder = repository.folder().join(".git/objects/pack");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for ending in ["idx", "pack"] {
        let file = files.iter().find(|file| file.extension().is_some_and(|e| e == ending)).unwrap();
        let whole = std::fs::read(file).unwrap();
        for length in [0, 4, 20, whole.len() / 2] {
            change(file, |bytes| bytes.truncate(length));
            comes_to_nothing(&home, repository.name(), &[], &[repository.name()]);
            change(file, |bytes| *bytes = whole.clone());
        }
    }
    assert_eq!(imported(&home, repository.name())["commits"], json!(5));
}

#[test]
fn a_head_or_a_branch_that_is_damaged_is_told() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    add_commit(&repository);
    let git = repository.folder().join(".git");
    for (file, text) in [
        ("HEAD", "nonsense\n"),
        ("HEAD", ""),
        ("HEAD", "ref: refs/heads/nowhere\n"),
        ("HEAD", "ref: ../../../../etc/passwd\n"),
        ("HEAD", "1234567890123456789012345678901234567890\n"),
        ("refs/heads/master", "12345\n"),
        ("refs/heads/master", "1234567890123456789012345678901234567890\n"),
        ("refs/heads/master", "ref: refs/heads/master\n"),
        ("config", "[core\n"),
        ("config", "[core]\n\trepositoryformatversion = 99\n"),
        ("shallow", "nonsense\n"),
    ] {
        let whole = std::fs::read(git.join(file)).ok();
        std::fs::write(git.join(file), text).unwrap();
        comes_to_nothing(&home, repository.name(), &[], &[repository.name()]);
        match whole {
            Some(whole) => std::fs::write(git.join(file), whole).unwrap(),
            None => std::fs::remove_file(git.join(file)).unwrap(),
        }
    }
    assert_eq!(imported(&home, repository.name())["commits"], json!(1));
}

#[test]
fn nothing_that_a_repository_configures_is_run_or_followed() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    let ran = home.path("ran");
    let script = format!("touch {}; cat", ran.display());
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "filter.x.smudge",
        "core.gitProxy",
        "uploadpack.packObjectsHook",
    ] {
        repository.git(&["config", key, &script]);
    }
    for hook in ["post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"] {
        super::parts::write_script(
            &repository.folder().join(".git/hooks").join(hook),
            &format!("#!/bin/sh\n{script}\n"),
        );
    }
    repository.git(&["config", "core.repositoryFormatVersion", "0"]);
    let _ = std::fs::remove_file(&ran);
    assert_eq!(imported(&home, repository.name())["commits"], json!(2));
    assert!(!ran.exists(), "an import ran something of the repository's");
}

/// Two versions of a file of `length` bytes in the place of an image's, between such as are as ever.
fn with_a_long_file(home: &Home, length: usize) -> (GitRepository, Vec<String>) {
    let (repository, mut commits) = with_commits(home, "images", 1);
    repository.write("library/nats", library(&[("latest", "amd64, arm64v8")]));
    commits.push(repository.commit("nats"));
    let mut bytes = b"Maintainers: A <a@example.org> (@a)\n".to_vec();
    bytes.resize(length, b'#');
    repository.write("library/nats", &bytes);
    commits.push(repository.commit("very long"));
    bytes.truncate(length - 1);
    repository.write("library/nats", &bytes);
    commits.push(repository.commit("nearly as long"));
    commits.push(add_commit(&repository));
    (repository, commits)
}

#[track_caller]
fn long_file_is_named(home: &Home, commits: &[String], length: usize, ran: Ran) {
    let ran = ran.exits(0);
    let problems = ran.json()["problems"].take();
    assert_eq!(problems.as_array().unwrap().len(), 2, "{problems}");
    assert_eq!(problems[0]["commit"], json!(commits[2]));
    assert_eq!(problems[0]["file"], json!("library/nats"));
    assert!(problems[0]["reason"].as_str().unwrap().contains(&format!("{length} bytes")), "{problems}");
    assert!(ran.peak_kib < MEMORY_KIB, "it took {} KiB", ran.peak_kib);
    let timeline = stored(home);
    assert_eq!(
        any(&timeline, commits, "nats"),
        ["1- linux/amd64 linux/arm64"],
        "the last good answer stands"
    );
}

#[test]
fn a_file_of_100_mb_is_named_and_costs_no_memory() {
    let home = Home::new();
    let length = 100 << 20;
    let (repository, commits) = with_a_long_file(&home, length);
    long_file_is_named(&home, &commits, length, import(&home, repository.name(), &["--json"]));
    // The second version is kept as a difference from the first.
    repository.git(&["repack", "-a", "-d", "--quiet"]);
    long_file_is_named(&home, &commits, length, import(&home, repository.name(), &["--json", "--again"]));
}

#[test]
fn a_long_file_in_a_bundle_is_named() {
    let home = Home::new();
    // Not 100 MB: without optimization, to take the digests of that takes too long.
    let length = 10 << 20;
    let (repository, commits) = with_a_long_file(&home, length);
    let bundle = repository.bundle("long.bundle", &["HEAD"]);
    long_file_is_named(&home, &commits, length, import(&home, &bundle, &["--json"]));
}

/// Each version has the same tags, so that little of it is new. All of them at once would take more than 160 MiB.
#[test]
fn a_history_of_many_versions_with_many_tags_is_not_held_all_at_once() {
    const TAGS: usize = 5_000;
    const VERSIONS: usize = 150;
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let tags: Vec<String> = (0..TAGS).map(|tag| format!("{tag:0120}")).collect();
    let text = library(&[(&tags.join(", "), "amd64, arm64v8")]);
    let mut stream = String::new();
    for number in 0..VERSIONS {
        let text = format!("{text}# {number}\n");
        stream += &format!(
            "commit refs/heads/master\ncommitter A <a@example.org> {} +0000\ndata 1\nx\n\
             M 644 inline library/nats\ndata {}\n{text}\n",
            FIRST + 60 * number as i64,
            text.len(),
        );
    }
    git_with_input(repository.folder(), &["fast-import", "--quiet"], stream.as_bytes());
    let ran = import(&home, repository.name(), &["--json"]).exits(0);
    assert_eq!(ran.json()["changes"], json!(VERSIONS));
    assert!(ran.peak_kib < 120 * 1024, "it took {} KiB", ran.peak_kib);
    let timeline = stored(&home);
    assert_eq!((timeline.moments.len(), timeline.images["nats"].tags.len()), (VERSIONS, TAGS));
}

#[test]
fn a_file_just_too_long_is_refused_and_one_just_short_enough_is_read() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    for (name, length) in [("nats", 1 << 20), ("alpine", (1 << 20) + 1)] {
        let mut text = library(&[("latest", "amd64")]);
        text.push('#');
        text += &"x".repeat(length - text.len());
        repository.write(&format!("library/{name}"), text);
    }
    let commits = [repository.commit("long")];
    imported(&home, repository.name());
    let timeline = stored(&home);
    assert_eq!(any(&timeline, &commits, "nats"), ["0- linux/amd64"]);
    assert_eq!(any(&timeline, &commits, "alpine"), ["0-  ?"]);
}
