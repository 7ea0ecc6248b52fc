//! The store under faults: a full disk, locks, damage, later versions, and clocks that jump.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cli_support::{Home, Ran, rows, start, with_images};
use jiff::Timestamp;
use workson::catalog::Changes;
use workson::crawl::{self, Finished, Settings};
use workson::inventory::List;
use workson::store::{Cost, Look, Outcome, RunState, Seen, Store, StoreErrorKind};
use workson_oci::image::Reading;
use workson_oci::{Content, Digest, Image, MediaType};
use workson_registry::rate_limit::PullBudget;
use workson_registry::testing::{Fault, MemoryRegistry, On};
use workson_registry::{Client, Options};

fn integrity(store: &Path) -> String {
    let connection = rusqlite::Connection::open(store).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

fn supported(ran: &Ran) -> u64 {
    ran.json()["platforms"][0]["supported"].as_u64().unwrap()
}

// A full disk ---------------------------------------------------------------------------------------------------

/// Runs `script` where it may mount a small disk of its own, without being root.
fn with_own_mounts(home: &Home, script: &str) -> Ran {
    let script = format!("set -e; mkdir disk; {script}");
    let ran = start(home.command("unshare").env("W", env!("CARGO_BIN_EXE_workson")).args([
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
    ]))
    .ends();
    assert!(!ran.stderr.contains("unshare:"), "this test needs user namespaces: {}", ran.stderr);
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_nothing_that_was_kept_is_lost() {
    let (_registry, home, list) = with_images(400).await;
    let ran = with_own_mounts(
        &home,
        &format!(
            "mount -t tmpfs -o size=1m tmpfs disk
             $W inventory '{list}' --store disk/store.db && exit 9 || test $? = 2
             cp disk/store.db* .
             mount -o remount,size=64m disk
             $W inventory '{list}' --store disk/store.db --json"
        ),
    )
    .exits(0);
    assert!(ran.stderr.contains("full"), "{}", ran.stderr);
    assert!(ran.stderr.contains("make room") && ran.stderr.contains("store.db"), "{}", ran.stderr);
    let store = home.path("store.db");
    assert_eq!(integrity(&store), "ok");
    let kept = rows(&store, "SELECT count(*) FROM sightings");
    assert!(kept > 0, "all was lost");
    // The first run printed no result of what could not be kept, so what was printed is one document.
    let report = ran.json();
    assert_eq!((report["resumed"].as_bool(), supported(&ran)), (Some(true), 400));
    assert_eq!(report["run"]["pulls"], 400 - kept, "what was kept was asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_any_room_is_named() {
    let (_registry, home, list) = with_images(3).await;
    let script = format!("mount -t tmpfs -o size=8k tmpfs disk; $W inventory '{list}' --store disk/store.db");
    let ran = with_own_mounts(&home, &script).exits(2).says("store.db");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(ran.stderr.contains("full"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_the_size_of_files_ends_the_run_with_an_error_and_loses_nothing() {
    let (_registry, home, list) = with_images(400).await;
    // 768 blocks of 512 bytes (dash) or 1024 bytes (bash): the empty store fits, 400 images do not.
    let ran = home.shell(&format!("trap '' XFSZ; ulimit -f 768; exec $W inventory '{list}' --store s.db"));
    assert_eq!(ran.code, Some(2), "{} {}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
    assert!(ran.stderr.contains("s.db") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(integrity(&home.path("s.db")), "ok");
    let ran = home.run(&["inventory", &list, "--store", "s.db", "--json"]).exits(0);
    assert_eq!((ran.json()["resumed"].as_bool(), supported(&ran)), (Some(true), 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_can_not_be_written_is_named() {
    let (registry, home, list) = with_images(1).await;
    home.write("file", "x");
    for store in ["file/below.db", "/proc/store.db", "."] {
        let ran = home.run(&["inventory", &list, "--store", store]).exits(2);
        assert!(ran.stderr.contains(store) && ran.stderr.contains("--store"), "{store}: {}", ran.stderr);
    }
    assert_eq!(
        registry.count_manifest_gets(),
        0,
        "pulls were spent before it was known that nothing can be kept"
    );
}

// Locks ---------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_program_locks_is_said_to_be_locked() {
    let (registry, home, list) = with_images(3).await;
    home.run(&["inventory", &list, "--store", "s.db"]).exits(0);
    let other = rusqlite::Connection::open(home.path("s.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    registry.clear_requests();
    let ran = home.run(&["inventory", &list, "--store", "s.db"]).exits(2);
    assert!(ran.stderr.contains("locked"), "{}", ran.stderr);
    assert!(ran.stderr.contains("another program is writing"), "{}", ran.stderr);
    assert_eq!(registry.requests().len(), 0);
    // Readers are not kept out.
    home.run(&["inventory", "runs", "--store", "s.db"]).exits(0);
    other.execute_batch("ROLLBACK").unwrap();
    home.run(&["inventory", &list, "--store", "s.db"]).exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_lock_is_waited_for() {
    let (_registry, home, list) = with_images(3).await;
    home.run(&["inventory", &list, "--store", "s.db"]).exits(0);
    let other = rusqlite::Connection::open(home.path("s.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let running = start(&mut home.workson(&["inventory", &list, "--store", "s.db"]));
    std::thread::sleep(Duration::from_secs(1));
    other.execute_batch("ROLLBACK").unwrap();
    running.ends().exits(0);
}

// Damage --------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_store_is_said_to_be_none_and_left_as_it_is() {
    let (registry, home, list) = with_images(3).await;
    let noise: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &noise].concat();
    for bytes in [noise, png, b"hello, this is my diary\n".repeat(50)] {
        home.write("s.db", &bytes);
        for arguments in [&["inventory", &list][..], &["inventory", "runs"], &["inventory", "diff", "1", "2"]]
        {
            let ran = home.run(&[arguments, &["--store", "s.db"]].concat()).exits(2);
            assert!(ran.stderr.contains("damaged or no store"), "{arguments:?}: {}", ran.stderr);
            assert!(ran.stderr.contains("s.db"), "{}", ran.stderr);
        }
        assert_eq!(std::fs::read(home.path("s.db")).unwrap(), bytes, "the file was changed");
    }
    assert_eq!(registry.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_store_is_said_to_be_damaged() {
    let (_registry, home, list) = with_images(60).await;
    home.run(&["inventory", &list, "--store", "whole.db"]).exits(0);
    rusqlite::Connection::open(home.path("whole.db"))
        .unwrap()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let whole = std::fs::read(home.path("whole.db")).unwrap();
    for length in [100, 4096, 8192, whole.len() / 2, whole.len() - 4096] {
        home.write("s.db", &whole[..length]);
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(home.path(&format!("s.db{suffix}")));
        }
        let ran = home.run(&["inventory", &list, "--store", "s.db"]);
        assert!(!ran.stderr.contains("panicked"), "{length}: {}", ran.stderr);
        // What was cut off may be a page that nobody reads; where it matters, it is said.
        if ran.code != Some(0) {
            assert_eq!(ran.code, Some(2), "{length}: {}", ran.stderr);
            assert!(ran.stderr.contains("damaged"), "{length}: {}", ran.stderr);
        }
        assert!(length > 8192 || ran.code == Some(2), "{length} bytes were taken for a store");
    }
}

#[test]
fn many_who_begin_a_store_at_once_all_have_it() {
    for _ in 0..20 {
        let home = Home::new();
        let path = home.path("s.db");
        let begin = std::sync::Barrier::new(8);
        let open = || {
            begin.wait();
            Store::open(&path).map(drop)
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let home = Home::new();
    home.write("s.db", "");
    assert!(Store::open(&home.path("s.db")).is_ok());
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_reading() {
    let home = Home::new();
    home.run(&["inventory", "runs", "--store", "absent.db"]).exits(2).says("there is no such file");
    home.run(&["inventory", "diff", "1", "2", "--store", "absent.db"]).exits(2).says("absent.db");
    assert!(!home.path("absent.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_there_is_named() {
    let (_registry, home, list) = with_images(1).await;
    home.run(&["inventory", &list, "--store", "s.db"]).exits(0);
    home.run(&["inventory", "diff", "1", "77", "--store", "s.db"]).exits(2).says("there is no run 77");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_later_version_is_left_alone_and_said_to_be_one() {
    let (registry, home, list) = with_images(2).await;
    home.run(&["inventory", &list, "--store", "s.db"]).exits(0);
    {
        let store = rusqlite::Connection::open(home.path("s.db")).unwrap();
        store
            .execute(
                "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (9999, 'from_the_future', '2030-01-01T00:00:00Z', '1')",
                [],
            )
            .unwrap();
    }
    registry.clear_requests();
    for arguments in [&["inventory", &list][..], &["inventory", "runs"]] {
        let ran = home.run(&[arguments, &["--store", "s.db"]].concat()).exits(2);
        assert!(ran.stderr.contains("a later workson wrote it"), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(registry.requests().len(), 0);
    let error = Store::open(&home.path("s.db")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Newer);
}

// Clocks --------------------------------------------------------------------------------------------------------

const NOON: i64 = 1_714_564_800_000;
const HOUR: i64 = 3_600_000;

struct Bench {
    registry: MemoryRegistry,
    folder: tempfile::TempDir,
    list: List,
    now: Arc<AtomicI64>,
}

impl Bench {
    async fn new(images: usize) -> Bench {
        let registry = MemoryRegistry::start().await.unwrap();
        let names = registry.put_bench_images(images);
        let lines: Vec<String> = names.iter().map(|name| format!("{}/{name}", registry.host())).collect();
        let list = List::parse("bench", lines.join("\n").as_bytes());
        let now = Arc::new(AtomicI64::new(NOON));
        Bench { registry, folder: tempfile::tempdir().unwrap(), list, now }
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.path().join("s.db")).unwrap()
    }

    async fn run(&self, budget: Option<u64>) -> Finished {
        let client =
            Client::new(Options { budget: Arc::new(PullBudget::new(budget)), ..Options::default() }).unwrap();
        let now = self.now.clone();
        let settings = Settings {
            tool: "test".into(),
            concurrency: 8,
            resume_within: Some(24 * HOUR),
            clock: Arc::new(move || Timestamp::from_millisecond(now.load(Ordering::Relaxed)).unwrap()),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let run = crawl::run(&client, self.store(), &self.list, &settings, |_| {});
        tokio::time::timeout(Duration::from_secs(20), run).await.expect("it hangs").unwrap()
    }

    fn at(&self, milliseconds: i64) {
        self.now.store(milliseconds, Ordering::Relaxed);
    }

    /// Every sighting ends at or after its beginning, in time and in runs.
    fn check(&self) {
        let path = self.folder.path().join("s.db");
        let wrong = "SELECT count(*) FROM sightings WHERE first_seen > last_seen OR first_run > last_run";
        assert_eq!(rows(&path, wrong), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_loses_nothing() {
    let bench = Bench::new(6).await;
    bench.run(None).await;
    bench.at(NOON - 1000 * HOUR);
    let second = bench.run(None).await;
    assert_eq!((second.state, second.cost.pulls, second.previous), (RunState::Complete, 0, Some(1)));
    bench.registry.put_image_index("bench/image-00003", "latest", &["linux/amd64"]);
    let third = bench.run(None).await;
    bench.check();
    let store = bench.store();
    let changes = Changes::between(&store.snapshot(1).unwrap(), &store.snapshot(third.run).unwrap());
    assert!(changes.named("lost").count() > 0 && changes.named("broke").count() == 0, "{changes:?}");
    for run in [1, 2, 3] {
        let snapshot = store.snapshot(run).unwrap();
        assert!(
            snapshot.members.iter().all(|member| matches!(member.outcome, Outcome::Image { .. })),
            "{run}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_is_resumed_by_a_clock_that_was_set_back() {
    let bench = Bench::new(6).await;
    let first = bench.run(Some(2)).await;
    assert_eq!(first.state, RunState::Stopped);
    bench.at(NOON - 1000 * HOUR);
    let second = bench.run(None).await;
    assert_eq!(
        (second.run, second.resumed, second.state, second.cost.pulls),
        (2, true, RunState::Complete, 4)
    );
    bench.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_far_ahead_begins_a_new_run_and_keeps_what_was_known() {
    let bench = Bench::new(6).await;
    bench.run(Some(2)).await;
    bench.at(NOON + 100_000 * HOUR);
    let second = bench.run(None).await;
    assert_eq!((second.run, second.resumed, second.state), (2, false, RunState::Complete));
    assert_eq!(second.cost.pulls, 4, "what was known was fetched again");
    bench.at(NOON);
    let third = bench.run(None).await;
    assert_eq!((third.state, third.cost.pulls), (RunState::Complete, 0));
    bench.check();
    assert_eq!(bench.store().run(1).unwrap().state, RunState::Abandoned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_to_and_fro_within_a_run_is_no_trouble() {
    let bench = Bench::new(40).await;
    let client = Client::new(Options::default()).unwrap();
    let ticks = Mutex::new(0i64);
    let settings = Settings {
        tool: "test".into(),
        concurrency: 8,
        resume_within: Some(24 * HOUR),
        clock: Arc::new(move || {
            let mut ticks = ticks.lock().unwrap();
            *ticks += 1;
            Timestamp::from_millisecond(NOON + (*ticks % 7 - 3) * 50 * HOUR).unwrap()
        }),
        stop: Arc::new(AtomicBool::new(false)),
    };
    for pulls in [40, 0, 0] {
        let finished = crawl::run(&client, bench.store(), &bench.list, &settings, |_| {}).await.unwrap();
        assert_eq!((finished.state, finished.cost.pulls), (RunState::Complete, pulls));
        bench.check();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_at_the_ends_of_the_calendar_are_no_trouble() {
    let bench = Bench::new(2).await;
    for time in [0, -377_705_023_201_000, 253_402_207_200_000, 0] {
        bench.at(time);
        assert_eq!(bench.run(None).await.state, RunState::Complete, "{time}");
        bench.check();
    }
}

// Many threads --------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tags_that_share_a_digest_are_all_told_whichever_thread_is_first() {
    for _ in 0..5 {
        let registry = MemoryRegistry::start().await.unwrap();
        let mut lines = Vec::new();
        for repository in 0..20 {
            let name = format!("library/many{repository}");
            let digest = registry.put_image_index(&name, "t0", &["linux/arm64"]);
            for tag in 0..10 {
                registry.put_tag(&name, &format!("t{tag}"), &digest);
                lines.push(format!("{}/{name}:t{tag}", registry.host()));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            tool: "test".into(),
            concurrency: 32,
            resume_within: None,
            clock: Arc::new(|| Timestamp::from_millisecond(NOON).unwrap()),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let client = Client::new(Options::default()).unwrap();
        let store = Store::open(&folder.path().join("s.db")).unwrap();
        let list = List::parse("many", lines.join("\n").as_bytes());
        let finished = crawl::run(&client, store, &list, &settings, |_| {}).await.unwrap();
        assert_eq!((finished.state, finished.held_back.len()), (RunState::Complete, 0));
        assert_eq!(finished.cost.pulls, 20);
    }
}

#[test]
fn a_tag_of_an_image_that_is_kept_a_moment_later_is_told_all_the_same() {
    let bytes = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
        {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,
         "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
         "platform":{"os":"linux","architecture":"arm64"}}]}"#;
    let root = Content {
        digest: Digest::sha256(bytes),
        media_type: MediaType::new("application/vnd.oci.image.index.v1+json"),
        bytes: bytes.to_vec().into(),
    };
    let Ok(Reading::Complete(image)) = Image::read(&root, &HashMap::new(), false) else {
        panic!("it is an index")
    };
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("s.db")).unwrap();
    let list = List::parse("two", b"example.org/a:1\nexample.org/a:2\n");
    let noon = Timestamp::from_millisecond(NOON).unwrap();
    let mut run = store.begin_run(&list, "test", noon, None).unwrap().run;
    let known = Look { position: 0, at: noon, seen: Seen::Known(root.digest.clone()) };
    let fetched = Look { position: 1, at: noon, seen: Seen::Fetched { image, root, others: Vec::new() } };
    // The one that knows the digest from the other was quicker.
    let looks = [known, fetched];
    assert_eq!(store.record(&mut run, &looks, Cost::default()).unwrap(), [0]);
    assert_eq!(store.record(&mut run, &looks[..1], Cost::default()).unwrap(), [0_usize; 0]);
    assert_eq!(store.end_run(&run, noon, Cost::default()).unwrap(), RunState::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_again_and_again_does_not_make_the_store_grow() {
    let bench = Bench::new(5).await;
    bench.registry.fault(Fault::status(403), On::any(), None);
    for _ in 0..4 {
        assert_eq!(bench.run(None).await.state, RunState::Complete);
    }
    assert_eq!(rows(&bench.folder.path().join("s.db"), "SELECT count(*) FROM sightings"), 5);
}
