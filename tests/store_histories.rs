//! Histories in the store: what was put comes back, in one piece or in many, and never half.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use cli_support::{Home, dump, rows, with_images};
use jiff::Timestamp;
use proptest::prelude::*;
use workson::evidence::Rung;
use workson::store::{Reach, Store, StoreError, StoreErrorKind, TagSpans};
use workson::timeline::{MomentId, Offer, Recorder, Source, Span, Timeline};
use workson_oci::Platform;

const NAME: &str = "official-images";
const IMAGES: [&str; 3] = ["alpine", "nats", "python"];
const TAGS: [&str; 3] = ["1", "2", "latest"];
/// Windows is written with its version, which must not get lost.
const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "windows(10.0.20348.2340)/amd64"];

/// What a commit does to one image: nothing is left of it, it can't be read, or its bits say what it offers.
#[derive(Debug, Clone, Copy)]
enum Event {
    Removed,
    Refused,
    Offers(u32),
}

/// The commits, a day apart, each with what it does to some images.
type Commits = Vec<BTreeMap<usize, Event>>;

fn offer(recorder: &mut Recorder, bits: u32) -> Offer {
    let chosen = PLATFORMS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
    let platforms = chosen.map(|(_, name)| Platform::parse(name, &Platform::default()).unwrap()).collect();
    Offer { set: recorder.set(platforms), is_whole: bits & 8 == 0 }
}

fn record(recorder: &mut Recorder, commits: &Commits, range: std::ops::Range<usize>) {
    for number in range {
        let at = Timestamp::from_second(1_467_331_200 + 86_400 * number as i64).unwrap();
        if commits[number].is_empty() {
            continue;
        }
        let moment = recorder.moment(at, &format!("{number:040x}"));
        for (image, event) in &commits[number] {
            let image = IMAGES[*image];
            match event {
                Event::Removed if recorder.has(image) => recorder.removed(image, moment),
                Event::Removed => {}
                Event::Refused => recorder.refused(image, moment, format!("refused at {number}")),
                Event::Offers(bits) => {
                    let (any, latest) = (offer(recorder, *bits), offer(recorder, bits >> 4));
                    let tags = TAGS.iter().enumerate().filter(|(at, _)| bits & (1 << (8 + at)) != 0);
                    let tags =
                        tags.map(|(at, tag)| ((*tag).to_owned(), offer(recorder, bits >> (12 + 4 * at))));
                    let tags = tags.collect();
                    recorder.saw(image, moment, any, latest, tags);
                }
            }
        }
    }
}

fn source(read: usize) -> Source {
    Source {
        name: "https://example.org/images".into(),
        head: format!("{read:040x}"),
        head_at: Timestamp::from_second(1_467_331_200 + 86_400 * read as i64).unwrap(),
        read: read as u64,
        changes: 3 * read as u64,
        tool: "0.1.0".into(),
    }
}

fn recorded(commits: &Commits) -> Timeline {
    let mut recorder = Recorder::new(Rung::Declared);
    record(&mut recorder, commits, 0..commits.len());
    recorder.finish(source(commits.len()))
}

/// What a timeline says, without the places of its sets, which are each one's own.
fn plain(timeline: &Timeline) -> Vec<String> {
    let line = |image: &str, what: &str, span: &Span| {
        let set: Vec<String> = timeline.set(span.offer.set).iter().map(Platform::format_all).collect();
        let whole = span.offer.is_whole;
        format!("{image} {what} {} {whole} {:?} {:?}", set.join(","), span.from, span.until)
    };
    let mut lines = vec![format!("{:?} {:?}", timeline.rung, timeline.source)];
    for (name, image) in &timeline.images {
        lines.push(name.clone());
        lines.extend(image.any.iter().map(|span| line(name, "any", span)));
        lines.extend(image.latest.iter().map(|span| line(name, "latest", span)));
        lines.extend(image.tags.iter().map(|(tag, span)| line(name, tag, span)));
    }
    lines.extend(timeline.moments.iter().map(|moment| format!("{moment:?}")));
    lines.extend(timeline.problems.iter().map(|problem| format!("{problem:?}")));
    lines
}

struct Kept {
    _home: Home,
    path: PathBuf,
    store: Store,
}

impl Kept {
    fn new() -> Kept {
        let home = Home::new();
        let path = home.path("s.db");
        let store = Store::open(&path).unwrap();
        Kept { _home: home, path, store }
    }

    fn with(commits: &Commits) -> Kept {
        let mut kept = Kept::new();
        kept.store.put_timeline(NAME, &recorded(commits), "tip", None).unwrap();
        kept
    }

    fn all(&self) -> Timeline {
        self.store.timeline(NAME, TagSpans::All).unwrap().unwrap()
    }

    /// What to go on from: how far it is, and a recorder.
    fn begin(&self) -> (Option<(Reach, usize)>, Recorder) {
        let Some(reach) = self.store.reach(NAME).unwrap() else {
            return (None, Recorder::new(Rung::Declared));
        };
        let timeline = self.store.timeline(NAME, TagSpans::Standing).unwrap().unwrap();
        (Some((reach, timeline.moments.len())), Recorder::resume(timeline))
    }

    fn put(
        &mut self,
        timeline: &Timeline,
        tip: &str,
        before: &Option<(Reach, usize)>,
    ) -> Result<(), StoreError> {
        let before = before.as_ref().map(|(reach, moments)| (reach, *moments));
        self.store.put_timeline(NAME, timeline, tip, before)
    }

    fn go_on(&mut self, commits: &Commits, range: std::ops::Range<usize>) {
        let (before, mut recorder) = self.begin();
        let end = range.end;
        record(&mut recorder, commits, range);
        self.put(&recorder.finish(source(end)), &format!("tip {end}"), &before).unwrap();
    }

    fn sql(&self, sql: &str) {
        let connection = rusqlite::Connection::open(&self.path).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0, "{sql} changes nothing");
    }
}

/// nats gains a platform and loses a tag, alpine can't be read at first, python goes and comes back.
fn example() -> Commits {
    use Event::{Offers, Refused, Removed};
    [
        vec![(1, Offers(0x0001_1511)), (0, Refused)],
        vec![(1, Offers(0x0031_3313)), (2, Offers(0x0000_0077))],
        vec![],
        vec![(1, Offers(0x0000_3533)), (2, Removed)],
        vec![(2, Offers(0x0000_0099)), (1, Refused)],
    ]
    .into_iter()
    .map(|events| events.into_iter().collect())
    .collect()
}

fn commits() -> impl Strategy<Value = Commits> {
    let event = prop_oneof![
        6 => any::<u32>().prop_map(Event::Offers),
        // Few bits, so that the same comes again.
        4 => (0..4_u32).prop_map(|bits| Event::Offers(bits | 0x700 | bits << 4 | bits << 12)),
        2 => Just(Event::Removed),
        1 => Just(Event::Refused),
    ];
    prop::collection::vec(prop::collection::btree_map(0..3_usize, event, 0..3), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_history_in_pieces_is_the_same_as_in_one(
        commits in commits(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(commits.len() + 1)).collect();
        cuts.extend([0, commits.len()]);
        cuts.sort();
        let mut pieces = Kept::new();
        for pair in cuts.windows(2) {
            pieces.go_on(&commits, pair[0]..pair[1]);
        }
        prop_assert_eq!(plain(&pieces.all()), plain(&recorded(&commits)));
    }

    #[test]
    fn what_was_put_comes_back(commits in commits()) {
        let timeline = recorded(&commits);
        let kept = Kept::with(&commits);
        prop_assert_eq!(plain(&kept.all()), plain(&timeline));
        let get = |tags: TagSpans<'_>| kept.store.timeline(NAME, tags).unwrap().unwrap();
        let expect = |keep: &dyn Fn(&str, &Span) -> bool| {
            let mut timeline = timeline.clone();
            for (name, image) in &mut timeline.images {
                image.tags.retain(|(_, span)| keep(name, span));
            }
            plain(&timeline)
        };
        prop_assert_eq!(plain(&get(TagSpans::None)), expect(&|_, _| false));
        prop_assert_eq!(plain(&get(TagSpans::Standing)), expect(&|_, span| span.until.is_none()));
        for (asked, found) in [
            (&["nats"][..], &["nats"][..]),
            (&["nats' OR 1"], &[]),
            (&["alpine", "none", "nats"], &["alpine", "nats"]),
            (&[], &[]),
        ] {
            let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
            prop_assert_eq!(plain(&get(TagSpans::Of(&asked))), expect(&|name, _| found.contains(&name)));
        }
    }
}

#[test]
fn a_store_says_how_far_a_history_was_read() {
    let kept = Kept::new();
    assert_eq!(kept.store.reach(NAME).unwrap(), None);
    assert_eq!(kept.store.timeline(NAME, TagSpans::All).unwrap(), None);
    let kept = Kept::with(&example());
    let reach = kept.store.reach(NAME).unwrap().unwrap();
    assert_eq!((reach.source, reach.tip.as_str()), (source(5), "tip"));
    assert_eq!(kept.store.reach("another").unwrap(), None);
}

#[test]
fn nothing_new_adds_no_row_and_a_change_adds_its_own_alone() {
    let mut kept = Kept::with(&example());
    kept.go_on(&example(), 5..5);
    let before = dump(&kept.path);
    kept.go_on(&example(), 5..5);
    assert_eq!(dump(&kept.path), before);

    let count = |kept: &Kept, table: &str| rows(&kept.path, &format!("SELECT count(*) FROM {table}"));
    let tables = ["histories", "moments", "declared_images", "declared_spans", "declared_tags"];
    let counts = tables.map(|table| count(&kept, table));
    let mut commits = example();
    // What it offers already: a moment, and no more.
    commits.push(BTreeMap::from([(2, Event::Offers(0x99))]));
    kept.go_on(&commits, 5..6);
    assert_eq!(
        tables.map(|table| count(&kept, table)),
        [counts[0], counts[1] + 1, counts[2], counts[3], counts[4]]
    );
    // Other platforms by any tag and by latest: two spans end, two begin.
    commits.push(BTreeMap::from([(2, Event::Offers(0x11))]));
    kept.go_on(&commits, 6..7);
    assert_eq!(
        tables.map(|table| count(&kept, table)),
        [counts[0], counts[1] + 2, counts[2], counts[3] + 2, counts[4]]
    );
}

#[test]
fn what_another_program_has_carried_on_meanwhile_is_left_as_it_is() {
    let commits = example();
    let mut kept = Kept::new();
    kept.go_on(&commits, 0..2);
    let (before, mut recorder) = kept.begin();
    kept.go_on(&commits, 2..4);
    let there = dump(&kept.path);
    record(&mut recorder, &commits, 2..5);
    let error = kept.put(&recorder.finish(source(5)), "tip 5", &before).unwrap_err();
    assert!(error.to_string().contains("meanwhile"), "{error}");
    assert_eq!(dump(&kept.path), there);
    // Begun anew, it goes on.
    kept.go_on(&commits, 4..5);
    assert_eq!(plain(&kept.all()), plain(&recorded(&commits)));
}

#[test]
fn what_goes_on_from_a_history_that_is_gone_is_refused() {
    let mut kept = Kept::with(&example());
    let (before, recorder) = kept.begin();
    let mut empty = Kept::new();
    let error = empty.put(&recorder.finish(source(5)), "tip", &before).unwrap_err();
    assert!(error.to_string().contains("meanwhile"), "{error}");
    assert_eq!(empty.store.reach(NAME).unwrap(), None);
    kept.put(&recorded(&example()), "tip", &None).unwrap();
}

#[test]
fn a_history_that_is_put_again_leaves_nothing_of_the_one_before() {
    let other: Commits = vec![BTreeMap::from([(0, Event::Offers(0x0000_1111))])];
    let mut kept = Kept::with(&example());
    kept.store.put_timeline("another", &recorded(&example()), "tip", None).unwrap();
    kept.put(&recorded(&other), "new tip", &None).unwrap();
    assert_eq!(plain(&kept.all()), plain(&recorded(&other)));
    assert_eq!(kept.store.reach(NAME).unwrap().unwrap().tip, "new tip");
    let another = kept.store.timeline("another", TagSpans::All).unwrap().unwrap();
    assert_eq!(plain(&another), plain(&recorded(&example())), "another history is none of its business");
    let lost = "SELECT count(*) FROM declared_spans WHERE image NOT IN (SELECT id FROM declared_images)";
    assert_eq!(rows(&kept.path, lost), 0);
}

#[test]
fn a_put_that_fails_changes_nothing() {
    let mut kept = Kept::with(&example());
    let before = dump(&kept.path);
    // A span that ends where it begins, which no recorder writes and the store does not take.
    let mut wrong = recorded(&example());
    let span = &mut wrong.images.get_mut("python").unwrap().latest[0];
    span.until = Some(span.from);
    kept.put(&wrong, "new tip", &None).unwrap_err();
    assert_eq!(dump(&kept.path), before);
}

#[test]
fn a_damaged_store_is_an_error_and_no_panic() {
    for sql in [
        "UPDATE declared_spans SET since = 4000, until = 4001 WHERE since = 0",
        "UPDATE declared_spans SET until = 4000 WHERE until IS NULL",
        "UPDATE declared_tags SET until = 4000 WHERE until IS NULL",
        "UPDATE declared_tags SET since = -1 WHERE since = 0",
        "UPDATE declared_tags SET until = since WHERE until IS NOT NULL",
        "UPDATE declared_tags SET since = 5000000000 WHERE until IS NULL AND tag = '1'",
        "UPDATE declared_problems SET moment = 4000",
        "UPDATE declared_spans SET since = 'x' WHERE since = 0",
        "DELETE FROM moments WHERE position = 0",
        "DELETE FROM moments WHERE position = 2",
        "UPDATE moments SET position = 40 WHERE position = 3",
        "DELETE FROM moments",
        "UPDATE moments SET at = at + 86400000 * 365 WHERE position = 0",
        "UPDATE declared_spans SET until = NULL WHERE until IS NOT NULL AND by = 'any'",
        "UPDATE declared_spans SET until = NULL WHERE until IS NOT NULL AND by = 'latest'",
        "UPDATE declared_tags SET until = NULL WHERE until IS NOT NULL",
    ] {
        let kept = Kept::with(&example());
        kept.sql(sql);
        let error = kept.store.timeline(NAME, TagSpans::All).map(|_| ()).expect_err(sql);
        assert_eq!(error.kind(), StoreErrorKind::Other, "{sql}: {error}");
        assert!(error.to_string().contains("reading a history"), "{sql}: {error}");
    }
}

#[test]
fn a_damaged_set_of_platforms_is_an_error() {
    let kept = Kept::with(&example());
    kept.sql("UPDATE platforms SET platform = 'x' || id");
    kept.store.timeline(NAME, TagSpans::All).unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_the_version_before_is_brought_up_to_date_and_keeps_its_runs() {
    let (_registry, home, list) = with_images(3).await;
    home.run(&["inventory", &list, "--store", "s.db"]).exits(0);
    let path = home.path("s.db");
    // What that version had: its tables alone, and no word of the later ones.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE declared_problems; DROP TABLE declared_tags; DROP TABLE declared_spans;
             DROP TABLE declared_images; DROP TABLE moments; DROP TABLE histories;
             DROP TABLE verified_references; DROP TABLE verifications; DROP TABLE published_blobs;
             DELETE FROM refinery_schema_history WHERE version > 1;",
        )
        .unwrap();
    drop(connection);
    let before = dump(&path);
    assert!(before.contains("sightings ") && !before.contains("histories "));

    let mut store = Store::open_existing(&path).unwrap();
    let after: Vec<String> = dump(&path).lines().map(str::to_owned).collect();
    for line in before.lines() {
        assert!(after.iter().any(|kept| kept == line), "{line} is gone");
    }
    assert_eq!(store.reach(NAME).unwrap(), None);
    store.put_timeline(NAME, &recorded(&example()), "tip", None).unwrap();
    let timeline = store.timeline(NAME, TagSpans::All).unwrap().unwrap();
    assert_eq!(plain(&timeline), plain(&recorded(&example())));
    drop(store);
    let runs = home.run(&["inventory", "runs", "--json", "--store", "s.db"]).exits(0).json();
    assert_eq!((runs[0]["state"].as_str(), runs[0]["references"].as_u64()), (Some("complete"), Some(3)));
}

#[test]
fn a_moment_keeps_its_time_and_its_commit() {
    let kept = Kept::with(&example());
    let timeline = kept.all();
    let moment = timeline.moment(MomentId(2));
    // The third commit changes nothing, so the third moment is the fourth commit, three days after the first.
    assert_eq!(moment.at.to_string(), "2016-07-04T00:00:00Z");
    assert_eq!(moment.origin, format!("{:040x}", 3));
}
