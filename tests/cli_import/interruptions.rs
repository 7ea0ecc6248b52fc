//! An import that is interrupted, or is not alone.

use std::time::Duration;

use serde_json::json;
use workson::store::{Store, StoreErrorKind, TagSpans};

use super::cli_support::{Home, dump, rows, start};
use super::parts::git::{FIRST, GitRepository, git_with_input, library};
use super::{add_commit, comes_to_nothing, facts, imported, with_commits};

/// A repository with so many commits that to read and keep them takes a while; made in one go.
fn with_many_commits(home: &Home, count: usize) -> GitRepository {
    let repository = GitRepository::new(home.path("images"));
    let mut stream = String::new();
    for number in 0..count {
        let tags: Vec<String> = (0..10).map(|tag| format!("{}.{tag}", number + tag)).collect();
        let architectures = if number % 3 == 0 { "amd64" } else { "amd64, arm64v8" };
        let text = library(&[(&tags.join(", "), architectures)]);
        let image = number % 20;
        stream += &format!(
            "commit refs/heads/master\ncommitter A <a@example.org> {} +0000\ndata 1\nx\n\
             M 644 inline library/image-{image}\ndata {}\n{text}\n",
            FIRST + 60 * number as i64,
            text.len(),
        );
    }
    git_with_input(repository.folder(), &["fast-import", "--quiet"], stream.as_bytes());
    repository
}

#[test]
fn an_import_that_is_killed_at_any_moment_leaves_all_or_nothing() {
    let home = Home::new();
    let repository = with_many_commits(&home, 700);
    let expected = Home::new();
    imported(&expected, repository.name());
    let expected = facts(&expected);
    let store = home.path("s.db");
    let mut killed = 0;
    for moment in 0..40_u64 {
        let mut running =
            start(&mut home.workson(&["import", "official-images", repository.name(), "--store", "s.db"]));
        // From the very beginning on to when it is surely over, here or on a slower machine.
        std::thread::sleep(Duration::from_millis(moment * moment));
        let ended = running.child.try_wait().unwrap().is_some();
        running.child.kill().unwrap();
        running.ends();
        if ended {
            break;
        }
        killed += 1;
        let opened = Store::open_existing(&store);
        let found = match opened {
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Absent, "killed at {moment}: {error}");
                continue;
            }
            Ok(store) => store.timeline("official-images", TagSpans::All).unwrap(),
        };
        let integrity = rusqlite::Connection::open(&store).unwrap();
        let integrity: String = integrity.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");
        match found {
            None => assert_eq!(rows(&store, "SELECT count(*) FROM declared_tags"), 0, "killed at {moment}"),
            Some(_) => {
                assert_eq!(facts(&home), expected, "killed at {moment}");
                // All is there: the next one is to begin anew.
                std::fs::remove_file(&store).unwrap();
                let _ = std::fs::remove_file(home.path("s.db-wal"));
                let _ = std::fs::remove_file(home.path("s.db-shm"));
            }
        }
    }
    assert!(killed > 2, "none was killed while it was under way");
    imported(&home, repository.name());
    assert_eq!(facts(&home), expected);
}

#[test]
fn a_store_whose_making_was_interrupted_is_no_hindrance() {
    // SQLite writes what was there aside before it changes a page; whoever comes next has to take it back.
    let home = Home::new();
    let making = rusqlite::Connection::open(home.path("making.db")).unwrap();
    let many = "PRAGMA cache_size = 1; BEGIN; CREATE TABLE a (b); INSERT INTO a VALUES (zeroblob(200000));";
    making.execute_batch(many).unwrap();
    for ending in ["", "-journal"] {
        std::fs::copy(home.path(&format!("making.db{ending}")), home.path(&format!("s.db{ending}"))).unwrap();
    }
    drop(making);
    assert!(std::fs::metadata(home.path("s.db")).unwrap().len() > 100_000);
    let ran = home.run(&["report", "-q", "--at", "2017-09-17", "--store", "s.db"]).exits(0);
    assert_eq!(ran.text(), "44 of 129 images support linux/arm64\n");
    assert!(!home.path("s.db-journal").exists());
    let (repository, _) = with_commits(&home, "images", 2);
    assert_eq!(imported(&home, repository.name())["commits"], json!(2));
}

#[test]
fn while_one_import_is_under_way_another_one_says_so() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    add_commit(&repository);
    let lock = std::fs::File::options().write(true).open(home.path("s.db.lock")).unwrap();
    lock.try_lock().unwrap();
    comes_to_nothing(&home, repository.name(), &[], &["under way", "--store"]);
    drop(lock);
    assert_eq!(imported(&home, repository.name())["commits"], json!(1));
}

#[test]
fn of_two_imports_at_the_same_time_one_reads_and_none_spoils_it() {
    let home = Home::new();
    let repository = with_many_commits(&home, 600);
    let expected = Home::new();
    imported(&expected, repository.name());
    let arguments = ["import", "official-images", repository.name(), "--store", "s.db", "--json"];
    let both = [start(&mut home.workson(&arguments)), start(&mut home.workson(&arguments))];
    let mut read = 0;
    for ran in both.map(super::cli_support::Running::ends) {
        match ran.code {
            Some(0) => read += ran.json()["commits"].as_u64().unwrap(),
            Some(2) => {
                assert!(ran.stderr.contains("under way") || ran.stderr.contains("locked"), "{}", ran.stderr)
            }
            _ => panic!("{ran:?}"),
        }
    }
    assert_eq!(read, 600, "the commits are read once");
    assert_eq!(facts(&home), facts(&expected));
}

#[test]
fn a_store_that_another_program_writes_to_stays_as_it_is() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    add_commit(&repository);
    let other = rusqlite::Connection::open(home.path("s.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let ran = super::import(&home, repository.name(), &[]).exits(2);
    assert!(ran.stderr.contains("locked") && ran.stderr.contains("s.db"), "{}", ran.stderr);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(imported(&home, repository.name())["commits"], json!(1));
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    for number in 0..400 {
        let tags: Vec<String> = (0..50).map(|tag| format!("{number}.{tag}")).collect();
        repository.write(&format!("library/image-{number}"), library(&[(&tags.join(", "), "amd64")]));
    }
    repository.commit("many tags");
    let before = dump(&home.path("s.db"));
    // 512 blocks of 512 bytes (dash) or 1024 bytes (bash).
    let script = format!(
        "trap '' XFSZ; ulimit -f 512; exec $W import official-images '{}' --store s.db",
        repository.name()
    );
    let ran = home.shell(&script).exits(2);
    assert!(ran.stderr.contains("s.db") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(dump(&home.path("s.db")), before);
    assert_eq!(imported(&home, repository.name())["images"], json!(401));
}
