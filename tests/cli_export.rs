//! `workson export`: the declared history for spreadsheets, for SQLite and for the next release.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::collections::BTreeSet;
use std::process::Command;

use cli_support::{Home, with_input};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

const BUNDLED: &[u8] = include_bytes!("../data/official-images-history.jsonl");
/// What came with the program when these tests were written, and every later history has.
const DATES: [&str; 5] = [
    "2014-12-31T23:59:59Z",
    "2017-09-17T23:59:59Z",
    "2020-02-29T23:59:59Z",
    "2023-12-31T23:59:59Z",
    "2026-08-21T23:53:11Z",
];
const PLATFORMS: [&str; 4] = ["linux/arm64", "linux/amd64", "linux/riscv64", "windows/amd64"];

fn head() -> Value {
    let first = BUNDLED.split(|byte| *byte == b'\n').next().unwrap();
    serde_json::from_slice(first).unwrap()
}

/// A line of the CSV.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    image: String,
    scope: String,
    tag: String,
    platform: String,
    from: String,
    from_commit: String,
    until: String,
    until_commit: String,
}

/// The CSV, read by its rules: no cell of it needs quotes, and a reader finds as many in each line.
fn csv(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("image,scope,tag,platform,from,fromCommit,until,untilCommit"));
    let row = |line: &str| {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let [image, scope, tag, platform, from, from_commit, until, until_commit] = cells.try_into().unwrap();
        Row { image, scope, tag, platform, from, from_commit, until, until_commit }
    };
    lines.map(row).collect()
}

impl Row {
    fn stood(&self, at: &str) -> bool {
        self.from.as_str() <= at && (self.until.is_empty() || self.until.as_str() > at)
    }
}

/// The database, as the lines of the CSV.
fn database(connection: &Connection) -> Vec<Row> {
    let sql = "SELECT image, scope, coalesce(tag, ''), coalesce(platform, CASE is_unknown WHEN 1 THEN 'unknown' ELSE '' END),
                      since, since_commit, coalesce(until, ''), coalesce(until_commit, '') FROM spans";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok(Row {
            image: row.get(0)?,
            scope: row.get(1)?,
            tag: row.get(2)?,
            platform: row.get(3)?,
            from: row.get(4)?,
            from_commit: row.get(5)?,
            until: row.get(6)?,
            until_commit: row.get(7)?,
        })
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

// What comes with the program --------------------------------------------------------------------------------------

#[test]
fn the_compact_form_of_what_comes_with_the_program_is_the_file_that_it_came_from() {
    let home = Home::new();
    let ran = home.run(&["export", "history.jsonl"]).exits(0);
    assert!(ran.stdout.is_empty());
    assert_eq!(ran.stderr, format!("workson: wrote history.jsonl, {} bytes\n", BUNDLED.len()));
    let written = std::fs::read(home.path("history.jsonl")).unwrap();
    assert!(written == BUNDLED, "{} bytes are not the {} of data/", written.len(), BUNDLED.len());
    let ran = home.run(&["export", "-", "--format", "compact"]).exits(0);
    assert!(ran.stdout == BUNDLED);
    assert_eq!(ran.stderr, "");
}

#[test]
fn the_bundled_file_is_small_says_where_it_is_from_and_names_no_machine() {
    assert!(BUNDLED.len() <= 1_000_000, "{} bytes", BUNDLED.len());
    let head = head();
    assert_eq!(head["source"], "https://github.com/docker-library/official-images");
    let commit = head["head"].as_str().unwrap();
    assert!(commit.len() == 40 && commit.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{commit}");
    let date = head["headAt"].as_str().unwrap();
    assert!(date >= "2026-08-21T23:53:11Z" && date.len() == 20 && date.ends_with('Z'), "{date}");
    let text = std::str::from_utf8(BUNDLED).unwrap();
    assert_eq!(text.lines().count() as u64, head["lines"].as_u64().unwrap() + 1);
    for path in ["/home/", "/work", "/tmp", "/root", "/Users/", "file:", "\\\\", "localhost"] {
        assert!(!text.contains(path), "{path}");
    }
    assert!(text.is_ascii());
}

#[test]
fn spreadsheet_database_and_report_tell_the_same() {
    let home = Home::new();
    home.run(&["export", "history.csv", "-q"]).exits(0);
    home.run(&["export", "history.db", "-q"]).exits(0);
    let mut rows = csv(&std::fs::read_to_string(home.path("history.csv")).unwrap());
    let connection = Connection::open(home.path("history.db")).unwrap();
    let mut in_database = database(&connection);
    rows.sort();
    in_database.sort();
    assert!(rows == in_database, "{} and {} rows differ", rows.len(), in_database.len());
    let once: BTreeSet<&Row> = rows.iter().collect();
    assert_eq!(once.len(), rows.len(), "a row is there twice");

    for at in DATES {
        for platform in PLATFORMS {
            let report = home.run(&["report", "--json", "--at", at, "-p", platform]).exits(0).json();
            for (scope, field) in [("any", "supported"), ("latest", "supportedLatest")] {
                let stood = |row: &&Row| row.scope == scope && row.stood(at);
                let names = |rows: &mut dyn Iterator<Item = &Row>| {
                    rows.map(|row| row.image.clone()).collect::<BTreeSet<_>>()
                };
                let supported = names(&mut rows.iter().filter(stood).filter(|row| row.platform == platform));
                assert_eq!(supported.len() as u64, report[field], "{scope} {platform} at {at}");
                let all = names(&mut rows.iter().filter(stood));
                assert_eq!(all.len() as u64, report["total"], "{scope} {platform} at {at}");
                if scope == "any" {
                    assert_eq!(json!(supported), report["images"]);
                }
                let sql = "SELECT count(DISTINCT image) FROM spans WHERE scope = ?1 AND platform = ?2
                           AND since <= ?3 AND (until IS NULL OR until > ?3)";
                let counted: i64 =
                    connection.query_row(sql, params![scope, platform, at], |row| row.get(0)).unwrap();
                assert_eq!(counted, report[field], "{scope} {platform} at {at}");
            }
        }
    }
}

#[test]
fn the_spreadsheet_says_what_stood_when_and_by_which_commit() {
    let home = Home::new();
    let rows = csv(home.run(&["export", "-", "--format", "csv"]).exits(0).text());
    let of = |image: &str, scope: &str, platform: &str| -> Vec<[String; 4]> {
        let found =
            rows.iter().filter(|row| (&*row.image, &*row.scope, &*row.platform) == (image, scope, platform));
        found
            .map(|row| [&row.from, &row.from_commit, &row.until, &row.until_commit].map(String::clone))
            .collect()
    };
    // `git log --diff-filter=AD -- library/java`.
    assert_eq!(
        of("java", "any", "linux/amd64"),
        [[
            "2014-06-06T17:38:44Z",
            "c960c7412b6466a812be2345cda421a855f5d47a",
            "2017-06-08T19:31:20Z",
            "7c35f1dfe1a425d39e78b2af80279d069853a544"
        ]]
    );
    // `git log -S Architectures -- library/percona`: no entry at all from 2024-10-30 to 2024-12-20.
    assert_eq!(
        of("percona", "any", "").last().unwrap(),
        &[
            "2024-10-30T17:49:37Z",
            "8cb0ae30fd98203eddbbb7dbaa98328cce355088",
            "2024-12-20T20:28:23Z",
            "497a01d89a64024d25351d5a0293a0fac2a88092"
        ]
    );
    // The first files could not be read.
    assert_eq!(of("busybox", "any", "unknown")[0][0], "2013-09-17T17:48:10Z");
    assert_eq!(of("busybox", "any", "unknown")[0][2], "2013-12-30T14:05:30Z");
    // Of tags, what comes with the program has those that stand, and of latest all that there was.
    let tags: Vec<&Row> = rows.iter().filter(|row| row.scope == "tag").collect();
    assert!(
        tags.iter().any(|row| row.image == "nginx" && row.tag == "latest" && row.platform == "linux/arm64")
    );
    assert!(tags.iter().all(|row| !row.tag.is_empty()));
    assert!(tags.iter().all(|row| row.until.is_empty() || row.tag == "latest"));
    assert!(tags.iter().any(|row| !row.until.is_empty() && row.image == "java"));
    assert!(rows.iter().filter(|row| row.scope != "tag").all(|row| row.tag.is_empty()));
    assert!(
        rows.iter()
            .all(|row| row.from_commit.len() == 40 && row.until.is_empty() == row.until_commit.is_empty())
    );
}

#[test]
fn the_database_says_where_it_is_from_and_what_could_not_be_read() {
    let home = Home::new();
    home.run(&["export", "history.sqlite"]).exits(0).says("wrote history.sqlite, ");
    let connection = Connection::open(home.path("history.sqlite")).unwrap();
    let about = |key: &str| -> String {
        connection.query_row("SELECT value FROM about WHERE key = ?1", [key], |row| row.get(0)).unwrap()
    };
    let head = head();
    for (key, value) in [("source", "source"), ("head", "head"), ("head_at", "headAt"), ("rung", "rung")] {
        assert_eq!(about(key), head[value].as_str().unwrap());
    }
    assert!(about("tool").starts_with("workson "));
    let problems: i64 = connection.query_row("SELECT count(*) FROM problems", [], |row| row.get(0)).unwrap();
    let lines = std::str::from_utf8(BUNDLED).unwrap().lines();
    assert_eq!(problems, lines.filter(|line| line.starts_with("{\"problem\"")).count() as i64);
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

// What an import kept -----------------------------------------------------------------------------------------------

const DAY: i64 = 86_400;

/// A home with the import of a small history, whose newest commit is of the second that is given back.
fn imported() -> (Home, i64) {
    let home = Home::new();
    let newest = jiff::Timestamp::now().as_second();
    let folder = repository(
        &home,
        &[
            (newest - 2 * DAY, "1, latest", "amd64"),
            (newest - DAY, "1, latest", "amd64, arm64v8"),
            (newest, "2, latest", "amd64, arm64v8, riscv64"),
        ],
    );
    home.run(&["import", "official-images", &folder]).exits(0);
    (home, newest)
}

/// A repository of one image: when each commit is made, and the tags and architectures that it has by that.
fn repository(home: &Home, commits: &[(i64, &str, &str)]) -> String {
    let folder = home.path("official-images.git").display().to_string();
    let git = |arguments: &[&str], input: &str| {
        let mut command = Command::new("git");
        command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        with_input(&mut command, input.as_bytes()).exits(0);
    };
    git(&["init", "--quiet", "--bare", "--initial-branch=master", &folder], "");
    let mut stream = String::new();
    let entry = |tags: &str, architectures: &str| {
        format!(
            "Maintainers: T <t@example.org> (@t)\nGitRepo: https://example.org/x.git\n\nTags: {tags}\n\
             Architectures: {architectures}\nGitCommit: 0123456789012345678901234567890123456789\n"
        )
    };
    for (seconds, tags, architectures) in commits {
        let file = entry(tags, architectures);
        stream +=
            &format!("commit refs/heads/master\ncommitter T <t@example.org> {seconds} +0000\ndata 1\nx\n");
        stream += &format!("M 100644 inline library/thing\ndata {}\n{file}\n", file.len());
    }
    git(&["--git-dir", &folder, "fast-import", "--quiet"], &stream);
    folder
}

#[test]
fn an_import_is_written_whole_with_every_tag_that_there_ever_was() {
    let (home, newest) = imported();
    let time = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap().to_string();
    let rows = csv(home.run(&["export", "-", "--format", "csv"]).exits(0).text());
    let short: Vec<(&str, &str, &str, &str, &str)> =
        rows.iter().map(|row| (&*row.scope, &*row.tag, &*row.platform, &*row.from, &*row.until)).collect();
    let [first, second, third] = [newest - 2 * DAY, newest - DAY, newest].map(time);
    let (first, second, third) = (first.as_str(), second.as_str(), third.as_str());
    let spans = |scope: &'static str, tag: &'static str, last: bool| {
        let mut spans = vec![
            (scope, tag, "linux/amd64", first, second),
            (scope, tag, "linux/amd64", second, third),
            (scope, tag, "linux/arm64", second, third),
        ];
        if last {
            let now = ["linux/amd64", "linux/arm64", "linux/riscv64"].map(|p| (scope, tag, p, third, ""));
            spans.extend(now);
        }
        spans
    };
    let mut expected = [
        spans("any", "", true),
        spans("latest", "", true),
        spans("tag", "1", false),
        spans("tag", "latest", true),
        spans("tag", "2", true).split_off(3),
    ]
    .concat();
    expected.sort_unstable();
    let mut found = short.clone();
    found.sort_unstable();
    assert_eq!(found, expected);

    home.run(&["export", "thing.db", "-q"]).exits(0);
    let mut in_database = database(&Connection::open(home.path("thing.db")).unwrap());
    let mut rows = rows;
    in_database.sort();
    rows.sort();
    assert_eq!(in_database, rows);

    // The compact form has of tags what stands, and of latest all.
    let compact = home.run(&["export", "-", "--format", "compact"]).exits(0);
    let image = compact.text().lines().find(|line| line.starts_with("{\"image\"")).unwrap();
    let image: Value = serde_json::from_str(image).unwrap();
    assert_eq!(image["image"]["any"].as_array().unwrap().len(), 3);
    let tags: Vec<&Value> = image["image"]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group[1].as_array().unwrap())
        .collect();
    assert_eq!(tags, ["2", "latest", "latest", "latest"]);
    assert!(!compact.text().contains(home.path("").to_str().unwrap()), "a path of this machine");
    let head: Value = serde_json::from_str(compact.text().lines().next().unwrap()).unwrap();
    assert_eq!((&head["headAt"], &head["read"], &head["changes"]), (&json!(third), &json!(3), &json!(3)));
}

// Where it is written to ----------------------------------------------------------------------------------------------

#[test]
fn the_name_of_the_file_says_the_form_unless_it_is_said() {
    let home = Home::new();
    let first = |name: &str| std::fs::read(home.path(name)).unwrap()[..15].to_vec();
    for (arguments, name, begins) in [
        (&["a.csv"][..], "a.csv", &b"image,scope,tag"[..]),
        (&["a.jsonl"], "a.jsonl", b"{\"worksonHistor"),
        (&["a.db"], "a.db", b"SQLite format 3"),
        (&["a.sqlite"], "a.sqlite", b"SQLite format 3"),
        (&["a.sqlite3"], "a.sqlite3", b"SQLite format 3"),
        (&["upper.CSV"], "upper.CSV", b"image,scope,tag"),
        (&["a.txt", "--format", "csv"], "a.txt", b"image,scope,tag"),
        (&["b.csv", "--format", "compact"], "b.csv", b"{\"worksonHistor"),
        (&["plain", "--format", "sqlite"], "plain", b"SQLite format 3"),
    ] {
        let ran = home.run(&[&["export", "--quiet"], arguments].concat()).exits(0);
        assert_eq!((ran.text(), ran.stderr.as_str()), ("", ""));
        assert_eq!(first(name), begins, "{arguments:?}");
    }
    for name in ["a", "a.xml", "-", "csv", ".csv"] {
        home.run(&["export", name])
            .exits(2)
            .says("its name does not say in which form")
            .says("--format compact, csv or sqlite");
    }
    home.run(&["export", "-", "--format", "sqlite"])
        .exits(2)
        .says("a database can't be written to standard output");
    home.run(&["export", "a.csv", "--format", "xml"])
        .exits(2)
        .says("[possible values: compact, csv, sqlite]");
}

#[test]
fn what_is_there_is_replaced_where_that_is_asked_for_alone() {
    let home = Home::new();
    for name in ["a.csv", "a.db"] {
        home.write(name, "my notes");
        let ran = home.run(&["export", name]).exits(2).says(name).says("there is a file already");
        assert!(ran.stdout.is_empty() && ran.stderr.contains("--force replaces it"), "{}", ran.stderr);
        assert_eq!(std::fs::read(home.path(name)).unwrap(), b"my notes");
        let (file, link) = (home.path(name), home.path(&format!("link-{name}")));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        home.run(&["export", link.to_str().unwrap()]).exits(2).says("there is a file already");
        home.run(&["export", link.to_str().unwrap(), "--force", "-q"]).exits(0);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "a link stays a link");
        std::fs::remove_file(link).unwrap();
        home.run(&["export", &format!("fresh-{name}"), "-q"]).exits(0);
        let fresh = std::fs::read(home.path(&format!("fresh-{name}"))).unwrap();
        assert!(std::fs::read(file).unwrap() == fresh, "{name} is replaced whole");
    }
    let names: BTreeSet<_> =
        std::fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn the_store_is_never_written_over() {
    let (home, _) = imported();
    let store = home.path(".local/share/workson/store.db");
    let before = cli_support::dump(&store);
    std::os::unix::fs::symlink(&store, home.path("link.db")).unwrap();
    let name = store.to_str().unwrap();
    for arguments in
        [&[name][..], &[name, "--force"], &["link.db", "--force"], &[name, "--force", "--format", "csv"]]
    {
        let ran = home.run(&[&["export"], arguments].concat()).exits(2).says("that is the store itself");
        assert!(ran.stdout.is_empty());
        assert_eq!(cli_support::dump(&store), before, "{arguments:?}");
    }
    home.run(&["export", "s.db", "-q"]).exits(0);
    home.run(&["export", "s.db", "--force", "--store", "s.db"]).exits(2).says("that is the store itself");
}

#[test]
fn what_an_import_kept_is_written_even_where_the_bundled_history_reaches_further() {
    let home = Home::new();
    let folder = repository(&home, &[(1_400_000_000, "1, latest", "amd64")]);
    let ran = home.run(&["import", "official-images", &folder]).exits(0);
    let said = "the history that comes with workson reaches further, to 20";
    assert!(ran.stderr.contains(said) && ran.stderr.contains("export writes what was imported"), "{ran:?}");
    assert_eq!(home.run(&["import", "official-images", &folder, "-q"]).exits(0).stderr, "");
    let rows = csv(home.run(&["export", "-", "--format", "csv"]).exits(0).text());
    assert!(!rows.is_empty() && rows.iter().all(|row| row.image == "thing"), "{rows:?}");
    assert_ne!(home.run(&["report", "--json"]).exits(0).json()["total"], 1);
    // It has all of its tags' past, so that there is nothing to be said of that.
    let ran = home.run(&["export", "a.csv"]).exits(0);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let ran = Home::new().run(&["export", "a.csv"]).exits(0);
    assert!(ran.stderr.contains("each tag as it stands; an import brings all"), "{}", ran.stderr);
}

#[test]
fn the_database_says_how_long_a_problem_stood() {
    let home = Home::new();
    home.run(&["export", "a.db", "-q"]).exits(0);
    let connection = Connection::open(home.path("a.db")).unwrap();
    // The first files of 2013 could not be read, until those of 2013-12-30.
    let sql = "SELECT at, until FROM problems WHERE image = 'busybox' ORDER BY at LIMIT 1";
    let (at, until): (String, Option<String>) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(at, "2013-09-17T17:48:10Z");
    assert!(until.is_some_and(|until| until > at && until.as_str() <= "2013-12-30T14:05:30Z"));
    let sql = "SELECT count(*) FROM problems WHERE until < at";
    assert_eq!(connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn what_goes_wrong_with_the_file_is_not_told_as_of_the_store() {
    let home = Home::new();
    home.write("a.db", "my notes");
    for name in ["a.db", "nowhere/a.db"] {
        let ran = home.run(&["export", name]).exits(2);
        assert!(!ran.stderr.contains("store"), "{}", ran.stderr);
    }
}

#[test]
fn a_folder_that_is_none_is_refused_and_nothing_is_left() {
    let home = Home::new();
    for name in ["nowhere/a.csv", "nowhere/a.jsonl", "nowhere/a.db"] {
        let ran = home.run(&["export", name]).exits(2).says(name);
        assert!(ran.stderr.starts_with("workson: writing ") && ran.stdout.is_empty(), "{}", ran.stderr);
    }
    std::fs::create_dir(home.path("folder.csv")).unwrap();
    home.run(&["export", "folder.csv"]).exits(2).says("writing folder.csv: ");
    // A regular file in the place of a folder.
    home.write("file", "");
    home.run(&["export", "file/a.csv"]).exits(2).says("writing file/a.csv: ");
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 2);
}

#[test]
fn a_folder_that_is_none_is_told_by_the_name_that_was_given() {
    let home = Home::new();
    for arguments in [&["export", "nowhere/a.csv"][..], &["report", "--svg", "nowhere/a.svg"]] {
        let ran = home.run(arguments).exits(2);
        assert!(!ran.stderr.contains(".workson-"), "{}", ran.stderr);
    }
}

#[test]
fn a_disk_that_is_full_is_told() {
    for form in ["csv", "compact"] {
        let ran = Home::new().shell(&format!("\"$W\" export - --format {form} > /dev/full")).exits(2);
        assert!(ran.stderr.contains("No space left"), "{}", ran.stderr);
    }
    let ran = Home::new().run(&["export", "/dev/full", "--format", "csv"]).exits(2);
    assert!(ran.stderr.starts_with("workson: writing /dev/full: No space left"), "{}", ran.stderr);
}

#[test]
fn a_database_that_could_not_be_written_is_not_left_half() {
    let home = Home::new();
    // No file may be larger than a hundred KiB.
    let too_large = "trap '' XFSZ; ulimit -f 200; \"$W\" export a.db";
    home.shell(too_large).exits(2).says("writing the database: ").says("room on the disk");
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0);
    home.run(&["export", "a.db", "-q"]).exits(0);
    let whole = std::fs::read(home.path("a.db")).unwrap();
    home.shell(&format!("{too_large} --force")).exits(2);
    assert!(std::fs::read(home.path("a.db")).unwrap() == whole, "what was there is lost");
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 1);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let ran = Home::new().shell("\"$W\" export - --format csv | head -n 1").exits(0);
    assert_eq!(ran.text(), "image,scope,tag,platform,from,fromCommit,until,untilCommit\n");
    assert_eq!(ran.stderr, "");
}
