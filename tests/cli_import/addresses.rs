//! Histories that are fetched: over git's own protocol, over HTTP, from a file; and servers that misbehave.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use workson::history::{HistoryErrorKind, Location, Repository};

use super::cli_support::{Home, dump};
use super::parts::git::{GitDaemon, GitRepository};
use super::parts::git_http::{GitHttp, Manner};
use super::{add_commit, comes_to_nothing, facts, import, imported, with_commits};

/// What would be shown of a password, and its form in a header.
const PASSWORD: &str = "correct-horse";
const WHO: &str = "user:correct-horse";

/// Fetches a history from `address`, then what is new, then nothing.
fn goes_on_from(home: &Home, repository: &GitRepository, address: &str) {
    let expected = Home::new();
    let answer = imported(home, address);
    assert_eq!(answer["commits"], imported(&expected, repository.name())["commits"], "{address}");
    // Where anyone can look a commit up: a folder of this machine is nothing to others.
    let source = if address.starts_with("file:") { "a local repository" } else { address };
    assert_eq!(answer["source"], json!(source));
    assert_eq!(facts(home), facts(&expected));
    let before = dump(&home.path("s.db"));
    let ran = import(home, address, &[]).exits(0);
    assert!(ran.text().starts_with("nothing is new"), "{}", ran.text());
    assert_eq!(dump(&home.path("s.db")), before);
    add_commit(repository);
    add_commit(repository);
    assert_eq!(imported(home, address)["commits"], json!(2));
    imported(&expected, repository.name());
    assert_eq!(facts(home), facts(&expected));
}

#[test]
fn a_history_is_fetched_over_gits_protocol() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "served/images", 3);
    let daemon = GitDaemon::serve(&home.path("served"));
    goes_on_from(&home, &repository, &daemon.address("images"));
    comes_to_nothing(&home, &daemon.address("nowhere"), &[], &["fetching git://"]);
    GitRepository::new(home.path("served/empty"));
    comes_to_nothing(&home, &daemon.address("empty"), &[], &["commit"]);
    let shallow = repository.clone_to("shallow", &["--depth=1"]);
    assert!(shallow.folder().exists());
    comes_to_nothing(&home, &daemon.address("shallow"), &["--again"], &["shallow"]);
    // The server that is there no more.
    let address = daemon.address("images");
    drop(daemon);
    comes_to_nothing(&home, &address, &[], &["fetching git://", "reachable"]);
    assert_eq!(imported(&home, repository.name())["commits"], json!(0), "another way to the same history");
}

#[test]
fn a_history_is_fetched_over_http_and_then_only_what_is_new() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "served/images", 2);
    // 200,000 bytes that do not get shorter by packing.
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    repository.write("noise", noise);
    repository.commit("much that is no library file");
    let server = GitHttp::serve(&home.path("served"));
    let address = server.address("images");
    let expected = Home::new();
    imported(&expected, repository.name());
    assert_eq!(imported(&home, &address)["commits"], json!(3));
    assert_eq!(facts(&home), facts(&expected));
    assert!(server.sent() > 200_000, "all of it came: {}", server.sent());
    add_commit(&repository);
    server.forget();
    assert_eq!(imported(&home, &address)["commits"], json!(1));
    assert!(server.sent() < 20_000, "what was there came again: {} bytes", server.sent());
    server.forget();
    goes_on_from_here(&home, &server, &address);
}

/// Nothing is new: no pack is asked for.
fn goes_on_from_here(home: &Home, server: &GitHttp, address: &str) {
    assert_eq!(imported(home, address)["commits"], json!(0));
    assert!(server.sent() < 20_000);
    assert!(!server.requests().is_empty(), "it was not asked whether anything is new");
}

#[test]
fn a_history_is_fetched_from_a_file() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 3);
    goes_on_from(&home, &repository, &format!("file://{}", repository.name()));
    comes_to_nothing(&home, "file:///nowhere/at/all", &[], &["fetching file:///nowhere"]);
}

#[test]
fn a_server_that_misbehaves_is_told_and_the_next_import_goes_on() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "served/images", 3);
    let server = GitHttp::serve(&home.path("served"));
    let address = server.address("images");
    let tried = format!("fetching {address}");
    for is_fresh in [true, false] {
        for manner in [
            Manner::Status(404),
            Manner::Status(500),
            Manner::Status(403),
            Manner::Status(200),
            Manner::Closes,
            Manner::Page,
            Manner::BreaksOff(0),
            Manner::BreaksOff(100),
            Manner::BreaksOff(400),
            Manner::SendsTo(server.address("")),
        ] {
            server.manner(manner);
            comes_to_nothing(&home, &address, &[], &[&tried]);
        }
        server.manner(Manner::Serves);
        assert_eq!(imported(&home, &address)["commits"], json!(if is_fresh { 3 } else { 1 }));
        add_commit(&repository);
    }
    comes_to_nothing(&home, &server.address("nowhere"), &[], &["fetching http://"]);
}

#[test]
fn a_branch_that_was_rewritten_elsewhere_is_told_and_again_replaces_it() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "served/images", 3);
    let server = GitHttp::serve(&home.path("served"));
    let address = server.address("images");
    imported(&home, &address);
    repository.git(&["reset", "--hard", "--quiet", "HEAD~1"]);
    comes_to_nothing(&home, &address, &[], &["older"]);
    repository.write("library/nats", super::library(&[("latest", "amd64")]));
    repository.commit("another third one");
    comes_to_nothing(&home, &address, &[], &["rewritten", "--again"]);
    let answer = import(&home, &address, &["--again", "--json"]).exits(0).json();
    assert_eq!((&answer["commits"], &answer["images"]), (&json!(3), &json!(2)));
}

/// Every file below `folder`, as one text.
fn everything(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            text += &everything(&entry);
        } else {
            text += &entry.display().to_string();
            text += &String::from_utf8_lossy(&std::fs::read(&entry).unwrap());
        }
    }
    text
}

#[test]
fn a_password_is_sent_over_no_plain_http_and_is_never_shown() {
    let home = Home::new();
    let served = Home::new();
    let (_repository, _) = with_commits(&served, "images", 3);
    let server = GitHttp::serve(&served.path(""));
    let with_password = format!("http://{WHO}@{}/images", server.host());
    for manner in [
        Manner::Asks(WHO),
        Manner::Serves,
        Manner::Status(404),
        Manner::Status(500),
        Manner::Closes,
        Manner::Asks("user:other"),
        Manner::Page,
    ] {
        server.manner(manner.clone());
        let ran = import(&home, &with_password, &["--verbose", "--json"]).exits(2);
        assert!(!ran.stderr.contains(PASSWORD), "{manner:?} shows it");
        assert!(ran.stderr.contains(&format!("fetching {}", server.address("images"))), "{}", ran.stderr);
        assert!(ran.stderr.contains("credentials in clear text"), "{}", ran.stderr);
    }
    let asked = server.requests();
    assert!(asked.iter().all(|request| !request.contains("Basic ")), "{asked:?}");
    // Nor where it is no address at all, or nobody answers.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [
        format!("http://{WHO}@{free}/images"),
        format!("http://{WHO}@127.0.0.1:notaport/images"),
        format!("http://{WHO}@[::1/images"),
        format!("foo://{WHO}@127.0.0.1/images"),
        format!("git://{WHO}@{free}/images"),
        format!("ssh://{WHO}@{free}/images"),
    ] {
        let ran = import(&home, &address, &["--verbose"]).exits(2);
        assert!(!ran.stderr.contains(PASSWORD), "{address} is shown: {}", ran.stderr);
    }
    assert!(!everything(&home.path("")).contains(PASSWORD), "it is in a file");
}

#[test]
fn whoever_is_asked_for_a_password_has_to_give_it_in_the_address() {
    let home = Home::new();
    let (_repository, _) = with_commits(&home, "served/images", 3);
    let server = GitHttp::serve(&home.path("served"));
    server.manner(Manner::Asks(WHO));
    // Nobody is asked at the terminal: an import may be run by a machine.
    comes_to_nothing(&home, &server.address("images"), &[], &["fetching http://"]);
    assert!(server.requests().iter().all(|request| !request.contains("Basic")));
    // Nor where there is one.
    let script = format!(
        "script -qec '$W import official-images {} --store s.db' /dev/null </dev/null",
        server.address("images")
    );
    let ran = home.shell(&script).exits(2);
    assert!(ran.text().contains("fetching http://") && !ran.text().contains("Username"), "{}", ran.text());
}

#[test]
fn a_password_is_not_sent_to_another_host() {
    let home = Home::new();
    let (_repository, _) = with_commits(&home, "served/images", 3);
    let (first, second) = (GitHttp::serve(&home.path("served")), GitHttp::serve(&home.path("served")));
    first.manner(Manner::SendsTo(format!("http://{}", second.host())));
    second.manner(Manner::Asks(WHO));
    let _ = import(&home, &format!("http://{WHO}@{}/images", first.host()), &[]);
    let asked = second.requests();
    assert!(asked.iter().all(|request| !request.contains("Basic")), "{asked:?}");
}

#[test]
fn what_is_no_address_to_fetch_from_runs_nothing() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    let ran = home.path("ran");
    let touch = format!("touch {}", ran.display());
    let name = repository.name();
    for address in [
        "foo://127.0.0.1/images".to_owned(),
        "://images".into(),
        "http://".into(),
        "http:///images".into(),
        "https://127.0.0.1:1/images".into(),
        format!("ext::sh -c {touch}"),
        format!("ext::sh -c '{touch}; echo ://'"),
        format!("ext::git://{name}"),
        format!("fd::17/{name}"),
        format!("file://{name};{touch}"),
        format!("file://{name}$({touch})"),
        "--upload-pack=x://y".into(),
        "-u@x:y".into(),
        "git://-x/images".into(),
        "git://127.0.0.1:1/images".into(),
        "git://[".into(),
        "http://127.0.0.1:99999/images".into(),
    ] {
        comes_to_nothing(&home, &address, &[], &[]);
        assert!(!ran.exists(), "{address} ran something");
    }
    // To these, ssh itself may have something to say.
    for address in [
        format!("ssh://-oProxyCommand={touch}/images"),
        format!("ssh://x@-oProxyCommand={touch}/images"),
        format!("-oProxyCommand={touch}@x:images"),
        format!("x@-oProxyCommand={touch}:images"),
        format!("x@127.0.0.1;{touch}:images"),
    ] {
        import(&home, &address, &[]).exits(2);
        assert!(!ran.exists(), "{address} ran something");
    }
}

#[test]
fn a_copy_that_was_left_half_made_is_no_hindrance() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "served/images", 3);
    let server = GitHttp::serve(&home.path("served"));
    let address = server.address("images");
    imported(&home, &address);
    add_commit(&repository);
    let copies = home.path(".cache/workson/git");
    let copy = std::fs::read_dir(&copies).unwrap().next().unwrap().unwrap().path();
    // What a killed import can leave: a lock, a part of a pack.
    std::fs::write(copy.join("objects/pack/tmp_pack_x"), "PACK").unwrap();
    assert_eq!(imported(&home, &address)["commits"], json!(1));
    add_commit(&repository);
    std::fs::write(copy.join("refs/workson/head.lock"), "").unwrap();
    let ran = import(&home, &address, &[]);
    if ran.code != Some(0) {
        assert!(ran.stderr.contains(copy.to_str().unwrap()), "it does not say where: {}", ran.stderr);
    }
    // A copy that is gone, or has nothing in it, is made anew.
    std::fs::remove_dir_all(&copy).unwrap();
    imported(&home, &address);
    std::fs::remove_dir_all(&copy).unwrap();
    std::fs::create_dir_all(copy.join("objects")).unwrap();
    let ran = import(&home, &address, &[]);
    if ran.code != Some(0) {
        assert!(ran.stderr.contains(copy.to_str().unwrap()), "it does not say where: {}", ran.stderr);
    }
}

#[test]
fn a_copy_that_can_not_be_kept_is_told() {
    let home = Home::new();
    let (_repository, _) = with_commits(&home, "served/images", 1);
    let server = GitHttp::serve(&home.path("served"));
    home.write(".cache/workson/git", "a file");
    comes_to_nothing(&home, &server.address("images"), &[], &[".cache/workson/git", "folder"]);
}

// Servers that say nothing ----------------------------------------------------------------------------------------

/// Gives up after a second in which nothing came.
fn is_given_up(address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let fetched = Repository::fetch(address, &folder.path().join("copy"), Duration::from_secs(1), |_| {});
    let Err(error) = fetched else { panic!("{address} was fetched") };
    assert_eq!(error.kind(), HistoryErrorKind::Network, "{error}");
    assert!(error.to_string().contains("nothing came for 1 s"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("reachable")), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let silent = std::thread::spawn(move || {
        // Takes what is said, and says nothing, until the other side goes.
        let mut streams = Vec::new();
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            streams.push(std::thread::spawn(move || stream.read_to_end(&mut Vec::new())));
        }
    });
    for scheme in ["http", "https", "git"] {
        is_given_up(&format!("{scheme}://{host}/images"));
    }
    silent.join().unwrap();
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let home = Home::new();
    let (_repository, _) = with_commits(&home, "served/images", 3);
    let server = GitHttp::serve(&home.path("served"));
    server.manner(Manner::FallsSilent);
    is_given_up(&server.address("images"));
    assert!(server.requests().iter().any(|request| request.starts_with("POST")), "it came to the pack");
}

#[test]
fn how_far_a_fetch_is_is_shown_and_a_location_is_told_by_its_look() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 3);
    let name = repository.name();
    assert_eq!(Location::of(name).unwrap(), Location::Folder(name.into()));
    let bundle = repository.bundle("a.bundle", &["HEAD"]);
    assert_eq!(Location::of(&bundle).unwrap(), Location::Bundle(bundle.clone().into()));
    for address in ["https://example.org/x", "git@example.org:x", "file:///x"] {
        assert_eq!(Location::of(address).unwrap(), Location::Address(address.into()));
    }
    for (address, shown) in [
        ("https://user:secret@example.org/x", "https://example.org/x"),
        // A password may have a slash in it: all before the last `@` may be one.
        ("https://user:secret/@example.org/x", "https://example.org/x"),
        ("https://user:secret@example.org/x@y", "https://y"),
        ("https://example.org/x?token=secret#secret", "https://example.org/x"),
        ("https://example.org/x", "https://example.org/x"),
        ("https://a@b:secret@example.org", "https://example.org"),
    ] {
        assert_eq!(Location::of(address).unwrap().shown(), shown);
    }
    for text in ["example.org:x", "x", "./x@y:z", ""] {
        assert!(Location::of(text).is_err(), "{text}");
    }
}
