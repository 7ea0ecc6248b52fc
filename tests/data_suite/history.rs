//! The whole history of the official images: nothing of it is lost, and it counts as others have counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use workson::history::library_file::LibraryFile;
use workson::store::{Store, TagSpans};
use workson::timeline::{By, ImageTimeline, Span, Timeline};
use workson_oci::Platform;

use super::parts::git::{git_command, git_in, git_with_input};
use super::parts::user::User;
use super::{data, library_files, parts};

/// A bare clone of the bundle, made once for all tests.
static CLONE: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let bundle = data("official-images-library-full.bundle");
    let arguments = ["clone", "--quiet", "--bare", bundle.to_str().unwrap(), "images.git"];
    git_in(folder.path(), &arguments);
    let clone = folder.path().join("images.git");
    (folder, clone)
});

fn clone() -> &'static Path {
    &CLONE.1
}

/// A change of one file, as git tells it.
struct Change {
    /// The commit of docker-library/official-images.
    origin: String,
    image: String,
    /// None where the file is gone.
    blob: Option<String>,
}

/// All changes below `library/` along the first parents, the oldest first.
fn changes() -> Vec<Change> {
    let log = [
        "log",
        "--first-parent",
        "--reverse",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--format=commit %(trailers:key=Original-commit,valueonly)",
        "HEAD",
        "--",
        "library",
    ];
    let mut changes = Vec::new();
    let mut origin = String::new();
    for line in git_in(clone(), &log).lines() {
        if let Some(id) = line.strip_prefix("commit ") {
            origin = id.to_owned();
            continue;
        }
        let Some((change, path)) = line.split_once('\t') else { continue };
        let [_, _, _, blob, kind] = change.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        assert!(["A", "M", "D"].contains(&kind), "{line:?}");
        assert_eq!(origin.len(), 40, "the message names the commit: {line:?}");
        let image = path.strip_prefix("library/").unwrap().to_owned();
        if image != "MAINTAINERS" {
            let blob = (kind != "D").then(|| blob.to_owned());
            changes.push(Change { origin: origin.clone(), image, blob });
        }
    }
    changes
}

/// Of each of the blobs, whether it is refused.
fn refused(changes: &[Change]) -> BTreeMap<String, bool> {
    let blobs: BTreeSet<&str> = changes.iter().filter_map(|change| change.blob.as_deref()).collect();
    let asked: String = blobs.iter().map(|blob| format!("{blob}\n")).collect();
    let mut command = git_command(clone());
    let bytes = parts::run("git", command.args(["cat-file", "--batch"]), asked.as_bytes());
    let mut rest = bytes.as_slice();
    let mut read = BTreeMap::new();
    for blob in blobs {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let length: usize = head.strip_prefix(&format!("{blob} blob ")).unwrap().parse().unwrap();
        let text = &rest[end + 1..][..length];
        read.insert(blob.to_owned(), LibraryFile::parse(text).is_err());
        rest = &rest[end + 1 + length + 1..];
    }
    read
}

/// What an import of `repository` says and keeps.
fn imported(repository: &Path) -> (Value, Timeline) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store.db");
    let arguments = [
        "import",
        "official-images",
        repository.to_str().unwrap(),
        "--json",
        "--store",
        store.to_str().unwrap(),
    ];
    let user = User::new();
    let answer = user.workson(&arguments).exits(0).json();
    let again = user.workson(&arguments).exits(0).json();
    assert_eq!((&again["commits"], &again["allCommits"]), (&json!(0), &answer["commits"]));
    let timeline = Store::open(&store).unwrap().timeline("official-images", TagSpans::All).unwrap().unwrap();
    assert!(timeline.is_sound());
    (answer, timeline)
}

/// The import of the clone, made once for all tests.
static IMPORTED: LazyLock<(Value, Timeline)> = LazyLock::new(|| imported(clone()));

/// How many images there are at that time, and how many of them have linux/arm64.
fn count(timeline: &Timeline, by: By, at: Timestamp) -> (usize, usize) {
    let arm64 = Platform::parse("linux/arm64", &Platform::default()).unwrap();
    let offers = timeline.images.values().filter_map(|image| timeline.span_at(image.spans(by), at));
    let has: Vec<bool> = offers.map(|span| timeline.set(span.offer.set).contains(&arm64)).collect();
    (has.iter().filter(|has| **has).count(), has.len())
}

#[test]
fn every_version_of_every_library_file_is_read_as_bashbrew_reads_it() {
    library_files::readings_agree(clone());
}

#[test]
fn the_bundle_and_its_clone_are_the_same_history() {
    let (answer, timeline) = imported(&data("official-images-library-full.bundle"));
    assert_eq!(answer, IMPORTED.0);
    assert!(timeline.to_text() == IMPORTED.1.to_text(), "not the same timeline");
}

#[test]
fn what_comes_with_the_program_is_what_an_import_of_the_real_history_exports() {
    let user = User::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let store = at("store.db");
    user.workson(&["import", "official-images", clone().to_str().unwrap(), "--store", &store]).exits(0);
    user.workson(&["export", &at("history.jsonl"), "--store", &store]).exits(0);
    let exported = std::fs::read_to_string(at("history.jsonl")).unwrap();
    let bundled = include_str!("../../data/official-images-history.jsonl");
    let (head, rest) = bundled.split_once('\n').unwrap();
    let (exported_head, exported_rest) = exported.split_once('\n').unwrap();
    assert!(rest == exported_rest, "{} and {} bytes differ", rest.len(), exported_rest.len());
    // The version of the program that wrote it may be an older one.
    let without_tool = |head: &str| {
        let (before, tool) = head.split_once("\"tool\":\"").unwrap();
        format!("{before}\"tool\":{}", tool.split_once('"').unwrap().1)
    };
    assert_eq!(without_tool(head), without_tool(exported_head));
}

#[test]
fn every_change_of_every_file_is_accounted_for() {
    let (answer, timeline) = &*IMPORTED;
    let commits = git_in(clone(), &["rev-list", "--first-parent", "--count", "HEAD"]);
    assert_eq!(answer["commits"], json!(commits.parse::<u64>().unwrap()));
    let changes = changes();
    assert_eq!(answer["changes"], json!(changes.len()));
    assert_eq!(changes.len(), 22_884, "the history is the one that this suite is about");

    // A moment for each commit that changes something, in their order.
    let mut origins: Vec<&str> = changes.iter().map(|change| change.origin.as_str()).collect();
    origins.dedup();
    let moments: Vec<&str> = timeline.moments.iter().map(|moment| moment.origin.as_str()).collect();
    assert!(moments == origins, "{} moments for {} commits", moments.len(), origins.len());

    // What is there at the end is what git has there.
    let mut there: BTreeSet<String> = BTreeSet::new();
    for change in &changes {
        match change.blob {
            Some(_) => there.insert(change.image.clone()),
            None => there.remove(&change.image),
        };
    }
    let listed = git_in(clone(), &["ls-tree", "--name-only", "HEAD:library"]);
    assert_eq!(there, listed.lines().map(str::to_owned).filter(|name| name != "MAINTAINERS").collect());
    let stands = timeline.images.iter().filter(|(_, image)| image.any.last().unwrap().until.is_none());
    assert_eq!(there, stands.map(|(name, _)| name.clone()).collect());
    let ever: BTreeSet<&str> = changes.iter().map(|change| change.image.as_str()).collect();
    assert_eq!(ever, timeline.images.keys().map(String::as_str).collect());
}

#[test]
fn every_file_that_bashbrew_refuses_is_a_problem_with_its_commit_and_the_reason() {
    let (answer, timeline) = &*IMPORTED;
    let changes = changes();
    let refused = refused(&changes);
    let expected: Vec<(String, String)> = changes
        .iter()
        .filter(|change| change.blob.as_ref().is_some_and(|blob| refused[blob]))
        .map(|change| (change.origin.clone(), change.image.clone()))
        .collect();
    let told = timeline.problems.iter();
    let told = told.map(|problem| (timeline.moment(problem.moment).origin.clone(), problem.image.clone()));
    assert_eq!(told.collect::<BTreeSet<_>>(), expected.iter().cloned().collect::<BTreeSet<_>>());
    assert_eq!(timeline.problems.len(), expected.len());
    assert!(timeline.problems.iter().all(|problem| !problem.reason.is_empty()));
    let printed = answer["problems"].as_array().unwrap();
    let printed = printed.iter().map(|problem| {
        assert!(!problem["reason"].as_str().unwrap().is_empty());
        let file = problem["file"].as_str().unwrap().strip_prefix("library/").unwrap();
        (problem["commit"].as_str().unwrap().to_owned(), file.to_owned())
    });
    assert_eq!(printed.collect::<BTreeSet<_>>(), expected.into_iter().collect());
    // 117 blobs of `library/` are refused. Three of them are versions of MAINTAINERS: it came, was changed twice, went.
    assert_eq!(refused.values().filter(|refused| **refused).count(), 117 - 3);
}

/// All that a timeline says of images, without the places of its sets, which follow the order of writing.
fn facts(timeline: &Timeline) -> BTreeSet<String> {
    let line = |image: &str, what: &str, span: &Span| {
        let set: Vec<String> = timeline.set(span.offer.set).iter().map(Platform::format).collect();
        format!("{image} {what} {set:?} {} {:?} {:?}", span.offer.is_whole, span.from, span.until)
    };
    let of = |(name, image): (&String, &ImageTimeline)| {
        let any = image.any.iter().map(|span| line(name, "by any tag", span));
        let latest = image.latest.iter().map(|span| line(name, "by latest", span));
        let tags = image.tags.iter().map(|(tag, span)| line(name, &format!("tag {tag}"), span));
        any.chain(latest).chain(tags).collect::<Vec<_>>()
    };
    timeline.images.iter().flat_map(of).collect()
}

#[test]
fn a_history_in_parts_is_the_same_as_in_one() {
    let folder = tempfile::tempdir().unwrap();
    git_in(folder.path(), &["clone", "--quiet", "--bare", clone().to_str().unwrap(), "images.git"]);
    let half = folder.path().join("images.git");
    let newest = git_in(&half, &["rev-parse", "HEAD"]);
    let store = folder.path().join("store.db");
    let user = User::new();
    let arguments =
        ["import", "official-images", half.to_str().unwrap(), "--json", "--store", store.to_str().unwrap()];
    let mut read = 0;
    for (commit, new) in
        [(format!("{newest}~9000"), 10_610), (format!("{newest}~1"), 8_999), (newest.clone(), 1)]
    {
        git_with_input(&half, &["update-ref", "HEAD", &commit], b"");
        let answer = user.workson(&arguments).exits(0).json();
        read += new;
        assert_eq!((&answer["commits"], &answer["allCommits"]), (&json!(new), &json!(read)));
    }
    let timeline = Store::open(&store).unwrap().timeline("official-images", TagSpans::All).unwrap().unwrap();
    let whole = &IMPORTED.1;
    assert!(facts(&timeline) == facts(whole), "not the same spans");
    assert!(timeline.moments == whole.moments && timeline.problems == whole.problems);
    assert_eq!(timeline.source, whole.source);
}

#[test]
fn it_counts_44_images_with_linux_arm64_when_a_newsletter_did() {
    let timeline = &IMPORTED.1;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    // The newsletter of 2017-09-22 counted 44.
    for by in [By::Any, By::Latest] {
        assert_eq!(count(timeline, by, at("2017-09-17T23:59:59Z")), (44, 129), "{by:?}");
        // To the minute: since when, until when, and what then.
        let days = at("2017-09-01T00:00:00Z")..at("2017-09-22T00:00:00Z");
        let mut counts: Vec<(String, usize)> = Vec::new();
        for moment in timeline.moments.iter().filter(|moment| days.contains(&moment.at)) {
            let (arm64, _) = count(timeline, by, moment.at);
            if counts.last().is_none_or(|(_, last)| *last != arm64) {
                counts.push((moment.at.strftime("%Y-%m-%dT%H:%M").to_string(), arm64));
            }
        }
        let from = counts.iter().position(|(_, count)| *count == 44).unwrap();
        assert_eq!(counts[from].0, "2017-09-15T19:53", "{by:?}: {counts:?}");
        assert_eq!(counts[from + 1], ("2017-09-18T21:52".to_owned(), 45), "{by:?}: {counts:?}");
        assert_eq!(count(timeline, by, at("2017-09-19T12:00:00Z")).0, 45, "{by:?}");
        assert_eq!(count(timeline, by, at("2017-09-21T23:59:59Z")).0, 48, "{by:?}");
    }
    let newest = timeline.source.head_at;
    assert_eq!(newest, at("2026-08-21T23:53:11Z"));
    assert_eq!(count(timeline, By::Any, newest), (129, 144));
    assert_eq!(count(timeline, By::Latest, newest), (128, 144));

    // And so it is in the files of that day, looked at with nothing but git.
    let commit =
        git_in(clone(), &["rev-list", "-1", "--first-parent", "--before=2017-09-17T23:59:59Z", "HEAD"]);
    let folder = format!("{commit}:library");
    let files = git_in(clone(), &["ls-tree", "--name-only", &folder]);
    assert_eq!(files.lines().filter(|name| *name != "MAINTAINERS").count(), 129);
    let named = git_in(clone(), &["grep", "-l", "^Architectures:.*arm64v8", &folder]);
    assert_eq!(named.lines().count(), 44);
}
