//! `workson store`: what is kept, checked and copied.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use cli_support::{Home, dump};
use insta::assert_snapshot;
use workson::store::{Store, Submissions};
use workson::suggestion::Wish;
use workson_oci::{Content, Digest};

/// A home with both databases.
fn home() -> Home {
    let home = Home::new();
    let mut store = Store::open(&home.path("s.db")).unwrap();
    let bytes = "{}".into();
    let digest = Digest::sha256(b"{}");
    store.put_documents(&[Content { digest, media_type: "application/json".into(), bytes }]).unwrap();
    let mut submissions = Submissions::open(&home.path("s.submissions.db")).unwrap();
    let wish = Wish { name: "Foo".into(), comment: "bar".into(), ..Wish::default() };
    submissions.add_suggestion(&wish, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
    home
}

#[test]
fn a_check_says_of_each_database_what_is_wrong() {
    let home = home();
    assert_snapshot!(home.run(&["store", "check", "--store", "s.db"]).exits(0).text(), @r"
    s.db: nothing is wrong
    s.submissions.db: nothing is wrong
    ");
    let other = rusqlite::Connection::open(home.path("s.db")).unwrap();
    other.execute_batch("UPDATE contents SET bytes = x'5b5d'").unwrap();
    assert_snapshot!(home.run(&["store", "check", "--store", "s.db"]).exits(1).text(), @r#"
    s.db: 1 problem
      document "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a": its bytes have another digest
    s.submissions.db: nothing is wrong
    "#);
    let answer = home.run(&["store", "check", "--store", "s.db", "--json"]).exits(1).json();
    assert_eq!(answer[0]["file"], "s.db");
    assert_eq!(answer[0]["problems"].as_array().unwrap().len(), 1);
    assert_eq!(answer[1], serde_json::json!({ "file": "s.submissions.db", "problems": [] }));
    home.write("s.submissions.db", "this is no database, and long enough to be looked at as if it were one");
    home.run(&["store", "check", "--store", "s.db"]).exits(1);
    home.run(&["store", "check", "--store", "none.db"]).exits(1).says("there is no such file");
}

#[test]
fn a_backup_is_restored_by_copying() {
    let home = home();
    let ran = home.run(&["store", "backup", "kept/today", "--store", "s.db"]).exits(0);
    let lines: Vec<&str> = ran.text().lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["wrote kept/today/s.db", "wrote kept/today/s.submissions.db"]);
    let before = [dump(&home.path("s.db")), dump(&home.path("s.submissions.db"))];
    home.shell("rm s.db* s.submissions.db*; cp kept/today/* .").exits(0);
    assert_eq!([dump(&home.path("s.db")), dump(&home.path("s.submissions.db"))], before);
    home.run(&["store", "check", "--store", "s.db"]).exits(0);
    let listed = home.run(&["suggestions", "list", "--store", "s.db", "--json"]).exits(0).json();
    assert_eq!(listed[0]["name"], "Foo");
}

#[cfg(unix)]
#[test]
fn a_backup_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = home();
    home.run(&["store", "backup", "kept", "--store", "s.db"]).exits(0);
    for (name, expected) in [("kept", 0o700), ("kept/s.db", 0o600), ("kept/s.submissions.db", 0o600)] {
        let mode = std::fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{name}");
    }
}

#[test]
fn a_backup_replaces_nothing() {
    let home = home();
    home.run(&["store", "backup", "kept", "--store", "s.db"]).exits(0);
    std::fs::remove_file(home.path("kept/s.db")).unwrap();
    home.write("kept/s.submissions.db", "mine");
    home.run(&["store", "backup", "kept", "--store", "s.db"]).exits(2).says("kept/s.submissions.db");
    assert!(!home.path("kept/s.db").exists(), "a part of a copy is none");
    assert_eq!(std::fs::read(home.path("kept/s.submissions.db")).unwrap(), b"mine");
    // Nor does it write over the databases themselves.
    home.run(&["store", "backup", ".", "--store", "s.db"]).exits(2).says("there is a file already");
    home.run(&["store", "backup", "other", "--store", "none.db"]).exits(1).says("there is no such file");
    assert!(!home.path("other").exists());
}

#[test]
fn a_backup_that_has_no_room_leaves_nothing() {
    let home = home();
    let other = rusqlite::Connection::open(home.path("s.submissions.db")).unwrap();
    other.execute_batch("UPDATE suggestions SET comment = hex(randomblob(400000))").unwrap();
    let ran = home.with_disk(
        "mount -t tmpfs -o size=300k tmpfs disk
         $W store backup disk/kept --store s.db && exit 9 || test $? = 2
         find disk/kept -type f",
    );
    let ran = ran.exits(0).says("full");
    assert_eq!(ran.text(), "", "{ran:?}");
}
