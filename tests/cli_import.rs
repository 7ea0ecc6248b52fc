//! `workson import official-images`: real repositories, made by the real git, and what the store then says.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;
mod parts;

#[path = "cli_import/addresses.rs"]
mod addresses;
#[path = "cli_import/damage.rs"]
mod damage;
#[path = "cli_import/interruptions.rs"]
mod interruptions;
#[path = "cli_import/repositories.rs"]
mod repositories;

use cli_support::{Home, Ran, dump, rows};
use parts::git::{FIRST, GitRepository, library};
use serde_json::{Value, json};
use workson::store::{Store, TagSpans};
use workson::timeline::{Span, Timeline};
use workson_oci::Platform;

/// Runs the import into the store `s.db`.
fn import(home: &Home, repository: &str, more: &[&str]) -> Ran {
    let arguments = ["import", "official-images", "--store", "s.db"];
    home.run(&[&arguments[..], more, &["--", repository]].concat())
}

/// The same, and its JSON.
#[track_caller]
fn imported(home: &Home, repository: &str) -> Value {
    import(home, repository, &["--json"]).exits(0).json()
}

/// Everything that the store of `home` knows of the history.
fn stored(home: &Home) -> Timeline {
    let store = Store::open_existing(&home.path("s.db")).unwrap();
    store.timeline("official-images", TagSpans::All).unwrap().unwrap()
}

/// All that was stored, as text that can be compared: where it is from is left out.
fn facts(home: &Home) -> String {
    let text = stored(home).to_text();
    text.split_once('\n').unwrap().1.to_owned()
}

/// Each span as `from-until platforms`, the commits by their place among `commits`.
fn told<'s>(
    timeline: &Timeline,
    commits: &[String],
    spans: impl IntoIterator<Item = &'s Span>,
) -> Vec<String> {
    let place = |moment| {
        let origin = &timeline.moment(moment).origin;
        commits.iter().position(|commit| commit == origin).unwrap()
    };
    let one = |span: &Span| {
        let set: Vec<String> = timeline.set(span.offer.set).iter().map(Platform::format).collect();
        let until = span.until.map(|until| place(until).to_string()).unwrap_or_default();
        let whole = if span.offer.is_whole { "" } else { " ?" };
        format!("{}-{until} {}{whole}", place(span.from), set.join(" "))
    };
    spans.into_iter().map(one).collect()
}

fn any(timeline: &Timeline, commits: &[String], image: &str) -> Vec<String> {
    told(timeline, commits, &timeline.images[image].any)
}

fn latest(timeline: &Timeline, commits: &[String], image: &str) -> Vec<String> {
    told(timeline, commits, &timeline.images[image].latest)
}

fn tag(timeline: &Timeline, commits: &[String], image: &str, tag: &str) -> Vec<String> {
    told(timeline, commits, timeline.images[image].tag(tag).iter().map(|(_, span)| span))
}

/// A repository with `count` commits, each of which gives alpine a further tag.
fn with_commits(home: &Home, name: &str, count: usize) -> (GitRepository, Vec<String>) {
    let repository = GitRepository::new(home.path(name));
    let commits = (0..count).map(|_| add_commit(&repository)).collect();
    (repository, commits)
}

fn add_commit(repository: &GitRepository) -> String {
    let path = repository.folder().join("library/alpine");
    let before = std::fs::read_to_string(&path).unwrap_or_else(|_| library(&[("latest", "amd64")]));
    let number = before.matches("Tags:").count();
    let architectures = if number.is_multiple_of(2) { "amd64, arm64v8" } else { "amd64" };
    let entry = format!("\nTags: 3.{number}\nArchitectures: {architectures}\n");
    repository.write("library/alpine", before + &entry);
    repository.commit("a further tag")
}

/// What no import may do that comes to nothing: it says why on standard error, and changes no row.
#[track_caller]
fn comes_to_nothing(home: &Home, repository: &str, more: &[&str], says: &[&str]) {
    let store = home.path("s.db");
    let before = store.exists().then(|| dump(&store));
    let ran = import(home, repository, more).exits(2);
    assert_eq!(ran.text(), "", "{repository} prints");
    assert!(ran.stderr.starts_with("workson: ") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    for words in says {
        assert!(ran.stderr.contains(words), "{repository}: {words:?} is not in: {}", ran.stderr);
    }
    match before {
        Some(before) => assert_eq!(dump(&store), before, "{repository} changed the store"),
        None if store.exists() => {
            assert_eq!(rows(&store, "SELECT count(*) FROM histories"), 0, "{repository} left a history");
            assert_eq!(rows(&store, "SELECT count(*) FROM moments"), 0, "{repository} left moments");
        }
        None => {}
    }
}

// What a history says -------------------------------------------------------------------------------------------

/// Eight commits in which all happens that happens to images.
fn story(repository: &GitRepository) -> Vec<String> {
    let one = |architectures| library(&[("1, latest", architectures)]);
    let mut commits = Vec::new();
    repository.write("library/nats", one("amd64")).write("library/alpine", "latest: nonsense\n");
    repository.write("library/MAINTAINERS", "A Maintainer\n").write("README.md", "images\n");
    commits.push(repository.commit("0: nats comes, alpine can't be read"));
    let three = library(&[("1, latest", "amd64, arm64v8"), ("edge", "amd64, arm64v8, i386")]);
    repository.write("library/nats", three);
    commits.push(repository.commit("1: nats gains arm64, and a tag"));
    repository.write("README.md", "more\n").write("test/library/nats", "no library file");
    commits.push(repository.commit("2: nothing below library/"));
    repository.write("library/nats", one("amd64")).write("library/MAINTAINERS", "B\n");
    commits.push(repository.commit("3: nats loses arm64, and the tag"));
    repository.write("library/nats", "Maintainers: nobody\n");
    commits.push(repository.commit("4: nats can't be read"));
    repository.remove("library/nats");
    repository.write("library/alpine", library(&[("3.20", "arm64v8, arm32v6"), ("3.19", "amd64")]));
    commits.push(repository.commit("5: nats goes, alpine reads and has no latest"));
    repository.write("library/nats", one("amd64"));
    commits.push(repository.commit("6: nats comes back"));
    repository.write("library/sub/file", one("s390x")).write("library/Upper", one("s390x"));
    std::os::unix::fs::symlink("nats", repository.folder().join("library/link")).unwrap();
    repository.git(&["update-index", "--chmod=+x", "library/nats"]);
    let file = repository.folder().join("library/nats");
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    commits.push(repository.commit("7: what is no image"));
    commits
}

#[test]
fn a_history_is_told_from_which_commit_to_which() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let commits = story(&repository);
    let answer = imported(&home, repository.name());
    // A file's mode is no change of what it says; MAINTAINERS and folders are no images.
    assert_eq!((answer["commits"].as_u64(), answer["changes"].as_u64()), (Some(8), Some(10)));
    let timeline = stored(&home);
    assert!(timeline.is_sound());
    let any = |image| any(&timeline, &commits, image);
    let latest = |image| latest(&timeline, &commits, image);
    let tag = |image, name| tag(&timeline, &commits, image, name);
    let names: Vec<&str> = timeline.images.keys().map(String::as_str).collect();
    assert_eq!(names, ["alpine", "link", "nats"]);

    let with_386 = "1-3 linux/386 linux/amd64 linux/arm64";
    assert_eq!(any("nats"), ["0-1 linux/amd64", with_386, "3-5 linux/amd64", "6- linux/amd64"]);
    let with_arm64 = "1-3 linux/amd64 linux/arm64";
    assert_eq!(latest("nats"), ["0-1 linux/amd64", with_arm64, "3-5 linux/amd64", "6- linux/amd64"]);
    assert_eq!(tag("nats", "1"), latest("nats"));
    assert_eq!(tag("nats", "latest"), latest("nats"));
    assert_eq!(tag("nats", "edge"), [with_386]);
    // Before it could be read, nothing was known. Then there is no `latest`, and the first entry stands for it.
    assert_eq!(any("alpine"), ["0-5  ?", "5- linux/amd64 linux/arm/v6 linux/arm64"]);
    assert_eq!(latest("alpine"), ["0-5  ?", "5- linux/arm/v6 linux/arm64"]);
    assert_eq!(tag("alpine", "3.19"), ["5- linux/amd64"]);
    assert_eq!(tag("alpine", "latest"), [""; 0]);
    assert_eq!(any("link"), ["7-  ?"]);

    let times: Vec<i64> = timeline.moments.iter().map(|moment| moment.at.as_second()).collect();
    // The third commit changes nothing below library/.
    assert_eq!(times, [0, 1, 3, 4, 5, 6, 7].map(|minute| FIRST + 60 * minute));
    assert_eq!(timeline.source.head, commits[7]);
    assert_eq!(timeline.source.head_at.as_second(), FIRST + 60 * 7);
    assert_eq!((timeline.source.read, timeline.source.changes), (8, 10));
    assert_eq!(timeline.source.name, "a local repository");
}

#[test]
fn what_could_not_be_read_is_told_with_its_file_its_commit_and_the_reason() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let commits = story(&repository);
    let ran = import(&home, repository.name(), &["--json"]).exits(0);
    // It is older than what comes with the program, and nothing else is to be said.
    assert!(ran.stderr.starts_with("workson: the history that comes with workson reaches further, to 20"));
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    let answer = ran.json();
    let problems: Vec<(&str, usize, &str)> = answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            let commit = commits.iter().position(|commit| problem["commit"] == json!(commit)).unwrap();
            (problem["file"].as_str().unwrap(), commit, problem["reason"].as_str().unwrap())
        })
        .collect();
    let files: Vec<(&str, usize)> = problems.iter().map(|(file, commit, _)| (*file, *commit)).collect();
    assert_eq!(
        files,
        [("library/alpine", 0), ("library/nats", 4), ("library/Upper", 7), ("library/link", 7)]
    );
    for ((_, _, reason), word) in problems.iter().zip(["Maintainers", "nobody", "name", "symbolic link"]) {
        assert!(reason.contains(word), "{reason}");
    }
    assert_eq!(answer["problems"][1]["at"], json!("2016-07-01T00:04:00Z"));
    let kept = stored(&home).problems;
    assert_eq!(kept.iter().map(|problem| problem.reason.as_str()).collect::<Vec<_>>(), {
        problems.iter().map(|(_, _, reason)| *reason).collect::<Vec<_>>()
    });

    let home = Home::new();
    let ran = import(&home, repository.name(), &[]).exits(0);
    let text = ran.text();
    assert!(text.starts_with("could not be read, so what was known before stands (4):\n"), "{text}");
    let line = format!("  2016-07-01 {} library/nats: line 1: ", &commits[4][..12]);
    assert!(text.contains(&line), "{line} is not in {text}");
    let last = format!("8 commits with 10 changes; 3 images at 2016-07-01, {}\n", &commits[7][..12]);
    assert!(text.ends_with(&last), "{last} is not in {text}");
}

#[test]
fn quiet_prints_the_result_alone_and_json_has_every_field() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let commits = story(&repository);
    let ran = import(&home, repository.name(), &["-q"]).exits(0);
    assert_eq!((ran.text().lines().count(), ran.stderr.as_str()), (1, ""), "{}", ran.text());
    let ran = import(&home, repository.name(), &["--again", "--json", "-q"]).exits(0);
    let mut answer = ran.json();
    assert_eq!(answer["problems"].as_array_mut().map(std::mem::take).unwrap().len(), 4);
    let expected = json!({
        "source": "a local repository",
        "head": commits[7], "headAt": "2016-07-01T00:07:00Z",
        "commits": 8, "changes": 10, "allCommits": 8, "allChanges": 10, "images": 3, "problems": [],
    });
    assert_eq!(answer, expected);
}

#[test]
fn of_a_merge_only_what_its_first_parent_lacks_counts() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let mut commits = Vec::new();
    repository.write("library/nats", library(&[("latest", "amd64")]));
    commits.push(repository.commit("0"));
    repository.git(&["checkout", "--quiet", "-b", "side"]);
    repository.write("library/nats", library(&[("latest", "s390x")]));
    repository.write("library/nonsense", "nonsense");
    repository.commit("a state that master never was in");
    repository.remove("library/nonsense").write("library/nats", library(&[("latest", "amd64, arm64v8")]));
    repository.commit("the last of the side");
    repository.git(&["checkout", "--quiet", "master"]);
    repository.write("library/alpine", library(&[("latest", "amd64")]));
    commits.push(repository.commit("1"));
    commits.push(repository.merge("side"));

    let answer = imported(&home, repository.name());
    assert_eq!((answer["commits"].as_u64(), answer["changes"].as_u64()), (Some(3), Some(3)));
    assert_eq!(answer["problems"], json!([]));
    let timeline = stored(&home);
    assert_eq!(timeline.images.len(), 2);
    assert_eq!(any(&timeline, &commits, "nats"), ["0-2 linux/amd64", "2- linux/amd64 linux/arm64"]);
}

#[test]
fn names_that_no_image_can_have_are_named_and_harm_nothing() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let file = |architectures| library(&[("latest", architectures)]);
    let long = "a".repeat(150);
    repository.write("library/nats", file("amd64"));
    for name in ["-dash", "with space", "UPPER", "a..b", "ünicode", "new\nline", "tab\there", "esc\u{1b}[31m"]
    {
        repository.write(&format!("library/{name}"), file("amd64"));
    }
    // Both begin with the same hundreds of characters, and say different things.
    repository.write(&format!("library/{long}x"), file("amd64"));
    repository.write(&format!("library/{long}y"), file("s390x"));
    let commit = repository.commit("names");
    repository.remove(&format!("library/{long}x"));
    repository.write(&format!("library/{long}y"), file("amd64"));
    repository.commit("names again");

    let ran = import(&home, repository.name(), &[]).exits(0);
    assert!(!ran.text().contains('\u{1b}'), "{:?}", ran.text());
    let timeline = stored(&home);
    let images: Vec<&str> = timeline.images.keys().map(String::as_str).collect();
    assert_eq!(images, ["nats"], "no other name is an image's");
    let here = timeline.problems.iter().filter(|problem| timeline.moment(problem.moment).origin == commit);
    let long =
        timeline.problems.iter().filter(|problem| problem.image.starts_with("aaa")).collect::<Vec<_>>();
    let stands: Vec<bool> = long.iter().map(|problem| problem.until.is_none()).collect();
    assert_eq!(stands.len(), 3, "two, and one of them again: {long:?}");
    assert_eq!(
        stands.iter().filter(|stands| **stands).count(),
        2,
        "the one that went does not stand: {long:?}"
    );
    assert_eq!(here.count(), 10, "each is named");
}

#[test]
fn a_file_name_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    repository.write("library/nats", library(&[("latest", "amd64")]));
    for name in [&b"\xff"[..], b"\xfe"] {
        let path = repository.folder().join("library").join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, "x").unwrap();
    }
    repository.commit("names");
    let answer = imported(&home, repository.name());
    assert_eq!(answer["images"], json!(1));
    let files: Vec<&str> =
        answer["problems"].as_array().unwrap().iter().map(|found| found["file"].as_str().unwrap()).collect();
    assert_eq!(files.len(), 2);
    assert_ne!(files[0], files[1]);
}

// Dates ---------------------------------------------------------------------------------------------------------

#[test]
fn dates_that_can_not_be_are_named_and_the_order_stays() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let file = |architectures| library(&[("latest", architectures)]);
    let mut commits = Vec::new();
    for (date, architectures) in [
        ("2020-01-01T00:00:00Z", "amd64"),
        ("2099-01-01T00:00:00Z", "arm64v8"),
        ("2020-01-03T00:00:00Z", "i386"),
        ("2020-01-02T00:00:00Z", "s390x"),
        ("2020-01-04T01:00:00+02:00", "ppc64le"),
    ] {
        repository.write("library/nats", file(architectures));
        commits.push(repository.commit_at(date, "dated"));
    }
    let answer = imported(&home, repository.name());
    let problems = answer["problems"].as_array().unwrap();
    let named: Vec<(&Value, &Value)> =
        problems.iter().map(|found| (&found["commit"], &found["file"])).collect();
    assert_eq!(named, [(&json!(commits[1]), &Value::Null), (&json!(commits[3]), &Value::Null)]);
    assert!(problems[0]["reason"].as_str().unwrap().contains("2099-01-01"), "{problems:?}");
    assert!(problems[1]["reason"].as_str().unwrap().contains("2020-01-02"), "{problems:?}");
    let timeline = stored(&home);
    let spans =
        ["0-1 linux/amd64", "1-2 linux/arm64", "2-3 linux/386", "3-4 linux/s390x", "4- linux/ppc64le"];
    assert_eq!(any(&timeline, &commits, "nats"), spans);
    let days: Vec<String> = timeline.moments.iter().map(|moment| moment.at.to_string()).collect();
    let expected = [
        "2020-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z",
        "2020-01-03T00:00:00Z",
        "2020-01-03T00:00:00Z",
        "2020-01-03T23:00:00Z",
    ];
    assert_eq!(days, expected, "UTC, and never backwards");
    let shown = import(&home, repository.name(), &["--again"]).exits(0);
    assert!(shown.text().contains(&format!("{} the commit itself: ", &commits[1][..12])), "{}", shown.text());
}

#[test]
fn dates_that_are_none_are_named_and_the_import_goes_on() {
    for date in
        ["99999999999999", "9223372036854775807", "99999999999999999999999", "-86400", "-9223372036854775808"]
    {
        let home = Home::new();
        let (repository, mut commits) = with_commits(&home, "images", 2);
        repository.write("library/nats", library(&[("latest", "amd64")]));
        commits.push(repository.commit_text(date));
        commits.push(add_commit(&repository));
        let answer = imported(&home, repository.name());
        assert_eq!((answer["commits"].as_u64(), answer["changes"].as_u64()), (Some(4), Some(4)), "{date}");
        let problems = answer["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{date}: {problems:?}");
        assert_eq!(
            (&problems[0]["commit"], &problems[0]["file"]),
            (&json!(commits[2]), &Value::Null),
            "{date}"
        );
        let timeline = stored(&home);
        assert_eq!(any(&timeline, &commits, "nats"), ["2- linux/amd64"], "{date}");
        let nats = timeline.images["nats"].any[0];
        assert_eq!(timeline.moment(nats.from).at.as_second(), FIRST + 60, "{date}: as its parent");
        assert_eq!(timeline.source.head_at.as_second(), FIRST + 120, "{date}");
    }
}

#[test]
fn a_commit_that_has_no_date_at_all_is_told() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    repository.write("library/nats", library(&[("latest", "amd64")]));
    let commit = repository.commit_text("tomorrow");
    comes_to_nothing(&home, repository.name(), &[], &[&commit, "git fsck"]);
}

#[test]
fn a_first_commit_with_a_date_that_can_not_be_spoils_no_other() {
    for date in ["4070908800", "253402300799", "99999999999999", "99999999999999999999999"] {
        let home = Home::new();
        let repository = GitRepository::new(home.path("images"));
        repository.write("library/nats", library(&[("latest", "amd64")]));
        repository.first_commit_text(date);
        let commits = [add_commit(&repository), add_commit(&repository)];
        let answer = imported(&home, repository.name());
        assert_eq!(answer["problems"].as_array().unwrap().len(), 1, "{answer}");
        let timeline = stored(&home);
        let moment =
            |commit: &String| timeline.moments.iter().find(|moment| moment.origin == *commit).unwrap();
        assert_eq!(moment(&commits[0]).at.as_second(), FIRST);
        assert_eq!(moment(&commits[1]).at.as_second(), FIRST + 60);
        assert!(timeline.moments[0].at.as_second() <= FIRST);
    }
}
