//! What people send in, as it is kept: nothing that was taken is lost, steps are only ever added, and what is erased is gone.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;

use cli_support::{Home, dump, rows};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use workson::proposal::{Contact, PROGRAM, PROPOSER, Proposal, Request, State, Step, StepRefused, Usage};
use workson::store::{MAX_PROPOSALS, MAX_WAITING, Store, StoreErrorKind, Submissions};
use workson::suggestion::{self, Decision, Wish};
use workson_oci::{Content, Digest, MediaType};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn opened() -> (tempfile::TempDir, PathBuf, Submissions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.submissions.db");
    let submissions = Submissions::open(&path).unwrap();
    (folder, path, submissions)
}

fn wish(name: &str) -> Wish {
    Wish { name: name.into(), comment: "It is missing.".into(), ..Wish::default() }
}

fn request(project: &str) -> Request {
    Request {
        project: project.into(),
        benefits: "Everyone\nwho serves.".into(),
        source: "https://git.example/x".into(),
        license: "MIT".into(),
        links: vec!["https://a.example/".into(), "https://b.example/".into()],
        platforms: vec!["linux/arm64".into()],
        machines: "One.".into(),
        usage: Usage::Continuous,
        ci: "none".into(),
    }
}

fn contact() -> Contact {
    Contact { name: "Ann Example".into(), email: "ann.of.the.proposals@mail.example".into() }
}

fn add(submissions: &mut Submissions, project: &str) -> i64 {
    submissions
        .add_proposal("arm", &request(project), &contact(), &format!("secret {project}"), now())
        .unwrap()
}

/// Takes steps as a reviewer, with a reason each.
fn take(submissions: &mut Submissions, id: i64, steps: &[Step]) -> Proposal {
    let mut taken = None;
    for step in steps {
        let reason = format!("why {}", step.name());
        taken = Some(submissions.take_step(id, *step, "ann", &reason, now()).unwrap().unwrap());
    }
    taken.unwrap()
}

// What is kept --------------------------------------------------------------------------------------------------

#[test]
fn a_suggestion_is_kept_as_it_came_and_decided_once() {
    let (_folder, path, mut submissions) = opened();
    let whole = Wish {
        entry: Some("nginx".into()),
        name: "NGINX".into(),
        image: "nginx".into(),
        home: "https://nginx.org/".into(),
        source: "https://github.com/nginx/nginx".into(),
        license: "BSD-2-Clause".into(),
        description: "A web server.".into(),
        comment: "It has\nmoved.".into(),
    };
    let first = submissions.add_suggestion(&whole, now()).unwrap();
    let second = submissions.add_suggestion(&wish("Foo"), now()).unwrap();
    let kept = Submissions::open_existing(&path).unwrap().suggestion(first).unwrap().unwrap();
    assert_eq!((kept.id, kept.at, &kept.wish), (first, now(), &whole));
    assert_eq!((kept.state, kept.decision), (suggestion::State::Waiting, None));
    let decision = Decision { at: now(), by: "ann".into(), reason: "right".into() };
    let mut decide = |id, state| submissions.decide(id, state, &decision).unwrap();
    assert!(!decide(first, suggestion::State::Waiting), "that is no decision");
    assert!(decide(first, suggestion::State::Accepted));
    assert!(!decide(first, suggestion::State::Declined), "it was decided");
    assert!(!decide(99, suggestion::State::Declined), "it is not there");
    let kept = submissions.suggestion(first).unwrap().unwrap();
    assert_eq!((kept.state, kept.decision), (suggestion::State::Accepted, Some(decision)));
    let ids = |state| submissions.suggestions(state).unwrap().iter().map(|s| s.id).collect::<Vec<_>>();
    assert_eq!(ids(None), [first, second]);
    assert_eq!(ids(Some(suggestion::State::Waiting)), [second]);
    assert_eq!(ids(Some(suggestion::State::Declined)), [0; 0]);
    assert_eq!(submissions.counts().unwrap().waiting, 1);
}

#[test]
fn a_proposal_is_kept_as_it_came_and_found_by_its_secret_alone() {
    let (_folder, path, mut submissions) = opened();
    let id = add(&mut submissions, "Tinyhttpd");
    let kept = submissions.proposal_by_secret("secret Tinyhttpd").unwrap().unwrap();
    assert_eq!((kept.id, &kept.call[..], &kept.request), (id, "arm", &request("Tinyhttpd")));
    assert_eq!((kept.contact.as_ref(), kept.state), (Some(&contact()), State::Submitted));
    let event = &kept.events[0];
    assert_eq!(
        (event.at, &event.by[..], event.step, event.to),
        (now(), PROPOSER, Step::Submit, State::Submitted)
    );
    assert_eq!(submissions.proposal(id).unwrap(), Some(kept));
    assert_eq!(submissions.proposal_by_secret("secret").unwrap(), None);
    assert_eq!(submissions.proposal(id + 1).unwrap(), None);
    let stored: String = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("SELECT secret FROM proposals", [], |row| row.get(0))
        .unwrap();
    assert_eq!(submissions.proposal_by_secret(&stored).unwrap(), None, "what is kept opens nothing");
    drop(submissions);
    assert!(!bytes_of(&path).windows(16).any(|bytes| bytes == b"secret Tinyhttpd"));
}

#[test]
fn steps_follow_the_table_and_say_what_is_possible() {
    let (_folder, _, mut submissions) = opened();
    let id = add(&mut submissions, "a");
    let refused = submissions.take_step(id, Step::Approve, "ann", "", now()).unwrap().unwrap_err();
    let possible = vec![Step::Review, Step::Withdraw, Step::Expire, Step::Erase];
    assert_eq!(refused, StepRefused::NotPossible { state: State::Submitted, possible });
    assert_eq!(submissions.proposal(id).unwrap().unwrap().events.len(), 1, "a refused step leaves nothing");
    take(&mut submissions, id, &[Step::Review]);
    let blank = submissions.take_step(id, Step::Decline, "ann", " ", now()).unwrap();
    assert_eq!(blank, Err(StepRefused::NoReason));
    assert_eq!(
        submissions.take_step(99, Step::Review, "ann", "", now()).unwrap(),
        Err(StepRefused::NotThere)
    );
    let done = take(&mut submissions, id, &[Step::Approve, Step::Provision, Step::Activate, Step::Complete]);
    let path: Vec<&str> = done.events.iter().map(|event| event.to.name()).collect();
    assert_eq!(path, ["submitted", "in-review", "approved", "provisioned", "active", "completed"]);
    assert_eq!(done.events[5].reason, "why complete");
    // A proposer need not say why.
    let other = add(&mut submissions, "b");
    let withdrawn = submissions.take_step(other, Step::Withdraw, PROPOSER, "", now()).unwrap().unwrap();
    assert_eq!(withdrawn.state, State::Withdrawn);
    let counts = submissions.counts().unwrap().proposals;
    assert_eq!((counts[&State::Completed], counts[&State::Withdrawn], counts[&State::Active]), (1, 1, 0));
    assert_eq!(counts.len(), State::ALL.len());
}

#[test]
fn time_goes_forward_where_the_clock_jumps_back() {
    let (_folder, _, mut submissions) = opened();
    let id = add(&mut submissions, "a");
    let earlier = now() - 48.hours();
    let taken = submissions.take_step(id, Step::Review, "ann", "", earlier).unwrap().unwrap();
    assert_eq!(taken.events[1].at, now());
    assert_eq!(submissions.check().unwrap(), [""; 0]);
}

#[test]
fn what_is_public_was_approved_and_names_nobody() {
    let (_folder, _, mut submissions) = opened();
    let approved = add(&mut submissions, "approved");
    take(&mut submissions, approved, &[Step::Review, Step::Approve]);
    assert!(submissions.set_entries(approved, &["nginx".into(), "caddy".into()]).unwrap());
    assert!(!submissions.set_entries(99, &[]).unwrap());
    let declined = add(&mut submissions, "declined");
    take(&mut submissions, declined, &[Step::Review, Step::Decline]);
    let withdrawn = add(&mut submissions, "withdrawn");
    take(&mut submissions, withdrawn, &[Step::Withdraw]);
    let projects = submissions.projects().unwrap();
    assert_eq!(projects.iter().map(|project| project.id).collect::<Vec<_>>(), [approved]);
    assert_eq!(projects[0].entries, ["nginx", "caddy"]);
    assert!(projects[0].events.iter().all(|event| event.by.is_empty()));
    let notices = submissions.notices(10).unwrap();
    let told: Vec<_> = notices.iter().map(|notice| (notice.to, notice.project.clone())).collect();
    let project = ("approved".to_owned(), "why approve".to_owned());
    assert_eq!(told, [(State::Declined, None), (State::Approved, Some(project))]);
    assert!(notices[0].id > notices[1].id);
    assert_eq!(submissions.notices(1).unwrap(), notices[..1]);
    assert_eq!(submissions.notices(0).unwrap(), []);
}

#[test]
fn dates_that_come_take_their_steps() {
    let (_folder, _, mut submissions) = opened();
    let id = add(&mut submissions, "a");
    take(&mut submissions, id, &[Step::Review, Step::Approve, Step::Provision, Step::Activate]);
    assert!(submissions.set_review_on(id, Some(day("2027-01-30"))).unwrap());
    let mut advance = |today: &str| {
        let count = submissions.advance(day(today), at(&format!("{today}T08:00:00Z"))).unwrap();
        (count, submissions.proposal(id).unwrap().unwrap())
    };
    assert_eq!(advance("2027-01-29").0, 0);
    let (count, due) = advance("2027-01-30");
    assert_eq!((count, due.state, &due.events.last().unwrap().by[..]), (1, State::ReviewDue, PROGRAM));
    assert_eq!(advance("2027-01-31").0, 0, "it is due already");
    assert_eq!(advance("2027-03-01").0, 0, "30 days are no more than 30");
    let (count, over) = advance("2027-03-02");
    assert_eq!((count, over.state), (1, State::Expired));
    assert_eq!(over.events.last().unwrap().reason, "its review was due for more than 30 days");
    assert_eq!(advance("2030-01-01").0, 0);
    // What is used on after its review is not due again by the same day.
    let id = add(&mut submissions, "b");
    take(&mut submissions, id, &[Step::Review, Step::Approve, Step::Provision, Step::Activate]);
    submissions.set_review_on(id, Some(day("2027-01-30"))).unwrap();
    submissions.advance(day("2027-02-01"), now()).unwrap();
    let on = take(&mut submissions, id, &[Step::Activate]);
    assert_eq!((on.state, on.review_on), (State::Active, None));
    assert_eq!(submissions.advance(day("2027-02-02"), now()).unwrap(), 0);
    assert_eq!(submissions.check().unwrap(), [""; 0]);
}

// What can't be changed, and what is gone ---------------------------------------------------------------------------

#[test]
fn steps_can_only_be_added_by_whatever_writes() {
    let (_folder, path, mut submissions) = opened();
    let id = add(&mut submissions, "a");
    take(&mut submissions, id, &[Step::Review, Step::Approve]);
    let before = dump(&path);
    let other = rusqlite::Connection::open(&path).unwrap();
    for sql in [
        "UPDATE events SET reason = 'other'",
        "UPDATE events SET by = 'bob' WHERE id = 2",
        "DELETE FROM events WHERE id = 3",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events (id, proposal, at, by, step, state, reason)
         VALUES (3, 1, 0, 'bob', 'decline', 'declined', '')",
        "REPLACE INTO events (id, proposal, at, by, step, state, reason) SELECT id, 1, 0, 'b', step, state, '' FROM events",
    ] {
        let error = other.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("only ever added"), "{sql}: {error}");
    }
    assert_eq!(dump(&path), before);
}

fn bytes_of(path: &Path) -> Vec<u8> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_str().unwrap().starts_with(name) {
            bytes.extend(std::fs::read(file.path()).unwrap());
        }
    }
    bytes
}

#[test]
fn an_erased_contact_is_in_no_file_any_more() {
    let (_folder, path, mut submissions) = opened();
    let mut ids = Vec::new();
    for number in 0..120 {
        let who =
            Contact { name: format!("Someone {number}"), email: format!("erase.{number:03}@mail.example") };
        let secret = number.to_string();
        ids.push(submissions.add_proposal("arm", &request("a"), &who, &secret, now()).unwrap());
    }
    let holds = |email: &str| {
        let bytes = bytes_of(&path);
        bytes.windows(email.len()).any(|window| window == email.as_bytes())
    };
    assert!(holds("erase.000@") && holds("erase.119@"));
    // Another connection is open, as the service's is.
    let other = Submissions::open(&path).unwrap();
    for number in [0, 7, 60, 119] {
        let erased = take(&mut submissions, ids[number], &[Step::Erase]);
        assert_eq!((erased.contact, erased.state), (None, State::Submitted));
        assert!(!holds(&format!("erase.{number:03}@")), "{number}");
        assert!(holds("erase.001@"));
    }
    let count = other.proposal(ids[0]).unwrap().unwrap().events.len();
    take(&mut submissions, ids[0], &[Step::Erase]);
    assert_eq!(
        submissions.proposal(ids[0]).unwrap().unwrap().events.len(),
        count,
        "there is nothing to erase"
    );
    assert_eq!(submissions.check().unwrap(), [""; 0]);
}

#[test]
fn an_erasure_that_a_reader_holds_up_is_said_and_done_again() {
    let (_folder, path, mut submissions) = opened();
    let id = add(&mut submissions, "a");
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM contacts;").unwrap();
    let error = submissions.take_step(id, Step::Erase, "ann", "", now()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Locked);
    reader.execute_batch("COMMIT").unwrap();
    take(&mut submissions, id, &[Step::Erase]);
    let email = contact().email;
    assert!(!bytes_of(&path).windows(email.len()).any(|window| window == email.as_bytes()));
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, path, mut submissions) = opened();
    add(&mut submissions, "a");
    submissions.backup(&folder.path().join("copy.db")).unwrap();
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
        seen.insert(file.file_name().into_string().unwrap());
    }
    let name = "store.submissions.db";
    let expected = ["copy.db".to_owned(), name.into(), format!("{name}-shm"), format!("{name}-wal")];
    assert_eq!(seen, BTreeSet::from(expected));
}

// Bounds, other files -----------------------------------------------------------------------------------------------

#[test]
fn no_more_are_taken_than_may_wait() {
    let (_folder, path, mut submissions) = opened();
    let other = rusqlite::Connection::open(&path).unwrap();
    let fill = |sql: &str, most: i64| {
        let numbers =
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most})");
        other
            .execute(
                &format!(
                    "{sql} {numbers} SELECT {}",
                    if sql.contains("secret") {
                        "'arm', i, '', '', '', '', '[]', '[]', '', 'one-off', '', 'submitted' FROM n"
                    } else {
                        "0, '', '', '', '', '', '', '', 'waiting' FROM n"
                    }
                ),
                [],
            )
            .unwrap();
    };
    fill(
        "INSERT INTO suggestions (at, name, image, home, source, license, description, comment, state)",
        MAX_WAITING - 1,
    );
    let last = submissions.add_suggestion(&wish("last"), now()).unwrap();
    let error = submissions.add_suggestion(&wish("one more"), now()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert!(error.to_string().contains("100000 suggestions that wait"), "{error}");
    let decision = Decision { at: now(), by: "ann".into(), reason: String::new() };
    assert!(submissions.decide(last, suggestion::State::Accepted, &decision).unwrap());
    submissions.add_suggestion(&wish("there is room again"), now()).unwrap();
    fill(
        "INSERT INTO proposals (call, secret, project, benefits, source, license, links, platforms, machines, usage, ci, state)",
        MAX_PROPOSALS,
    );
    let error = submissions.add_proposal("arm", &request("a"), &contact(), "s", now()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
}

#[test]
fn the_two_databases_are_not_taken_for_each_other() {
    let (folder, path, submissions) = opened();
    drop(submissions);
    let evidence = folder.path().join("store.db");
    drop(Store::open(&evidence).unwrap());
    assert_eq!(Store::open(&path).unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert_eq!(Store::open_existing(&path).unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert_eq!(Submissions::open(&evidence).unwrap_err().kind(), StoreErrorKind::Corrupt);
    let tables =
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('proposals', 'suggestions', 'contents', 'runs')";
    assert_eq!((rows(&path, tables), rows(&evidence, tables)), (2, 2), "each has its own tables alone");
    let absent = Submissions::open_existing(&folder.path().join("none.db")).unwrap_err();
    assert_eq!(absent.kind(), StoreErrorKind::Absent);
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("INSERT INTO refinery_schema_history VALUES (99, 'later', '', '')", [])
        .unwrap();
    assert_eq!(Submissions::open(&path).unwrap_err().kind(), StoreErrorKind::Newer);
}

// Checks and copies --------------------------------------------------------------------------------------------------

#[test]
fn a_check_names_what_does_not_fit() {
    let (_folder, path, mut submissions) = opened();
    for name in ["a", "b", "c", "d", "e"] {
        let id = add(&mut submissions, name);
        take(&mut submissions, id, &[Step::Review]);
    }
    submissions.add_suggestion(&wish("x"), now()).unwrap();
    assert_eq!(submissions.check().unwrap(), [""; 0]);
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             UPDATE proposals SET state = 'approved' WHERE id = 1;
             INSERT INTO events (proposal, at, by, step, state, reason) VALUES (2, 0, 'bob', 'decline', 'declined', '');
             UPDATE proposals SET state = 'declined' WHERE id = 2;
             INSERT INTO events (proposal, at, by, step, state, reason) VALUES (3, 9e15, 'bob', 'complete', 'completed', '');
             DELETE FROM contacts WHERE proposal = 4;
             INSERT INTO contacts VALUES (77, '', '');",
        )
        .unwrap();
    let found = submissions.check().unwrap();
    let expected = [
        "row 77 of contacts names a row of proposals that is not there",
        "proposal 1: its steps lead to in-review, and it is \"approved\"",
        "proposal 2: the step \"decline\" is earlier than the one before it",
        "proposal 3: the step \"complete\" is not possible from in-review",
        "proposal 4: its contact is gone, and was not erased",
    ];
    assert_eq!(found, expected);
}

fn document(text: String) -> Content {
    let digest = Digest::sha256(text.as_bytes());
    Content { bytes: text.into(), digest, media_type: MediaType::from("application/json") }
}

#[test]
fn a_check_of_the_evidence_reads_every_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut store = Store::open(&path).unwrap();
    let documents: Vec<Content> = (0..3).map(|number| document(format!("{{\"n\":{number}}}"))).collect();
    store.put_documents(&documents).unwrap();
    assert_eq!(store.check().unwrap(), [""; 0]);
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             UPDATE contents SET bytes = x'7b7d' WHERE id = 2;
             INSERT INTO refusals VALUES (99, 't', 'k', 'r');
             INSERT INTO verified_references VALUES ('docker.io/library/a:b', '{}', 'r', 'sha256:0', 0);",
        )
        .unwrap();
    let found = store.check().unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("refusals names a row of contents"), "{found:?}");
    let digest = documents[1].digest.as_str();
    assert_eq!(found[1], format!("document {digest:?}: its bytes have another digest"));
    assert!(found[2].contains("docker.io/library/a:b"), "{found:?}");
    assert_eq!(
        Store::open_existing(&path).unwrap().check().unwrap(),
        found,
        "one that reads alone finds the same"
    );
}

#[test]
fn damage_is_told_and_ends_nothing() {
    let (_folder, path, mut submissions) = opened();
    for number in 0..60 {
        add(&mut submissions, &format!("p{number}"));
    }
    drop(submissions);
    // Pages in the middle are written over; the head and the tables' list stay.
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(length / 2 / 4096 * 4096)).unwrap();
    file.write_all(&vec![0x5a; 4 * 4096]).unwrap();
    drop(file);
    let found = Submissions::open(&path).unwrap().check().unwrap();
    assert!(!found.is_empty() && found.len() <= 101, "{found:?}");
}

#[test]
fn a_copy_is_whole_while_others_write_and_replaces_nothing() {
    let (folder, path, mut submissions) = opened();
    add(&mut submissions, "first");
    let copy = |number: usize| folder.path().join(format!("copy{number}.db"));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut other = Submissions::open(&path).unwrap();
            for number in 0..200 {
                other.add_suggestion(&wish(&format!("s{number}")), now()).unwrap();
            }
        });
        for number in 0..5 {
            submissions.backup(&copy(number)).unwrap();
        }
        writing.join().unwrap();
    });
    for number in 0..5 {
        let copied = Submissions::open(&copy(number)).unwrap();
        assert_eq!(copied.check().unwrap(), [""; 0]);
        assert_eq!(copied.proposal(1).unwrap().unwrap().request.project, "first");
        // What was written is there without a gap up to some moment.
        let names: Vec<String> = copied.suggestions(None).unwrap().into_iter().map(|s| s.wish.name).collect();
        assert_eq!(names, (0..names.len()).map(|at| format!("s{at}")).collect::<Vec<_>>());
    }
    let before = std::fs::read(copy(0)).unwrap();
    let error = submissions.backup(&copy(0)).unwrap_err();
    assert!(error.to_string().contains("there is a file already"), "{error}");
    assert_eq!(std::fs::read(copy(0)).unwrap(), before);
    assert!(submissions.backup(&folder.path().join("none/copy.db")).is_err());
    let left = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().starts_with(".workson"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_copy_of_the_evidence_is_made_by_whoever_may_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let mut store = Store::open(&path).unwrap();
    store.put_documents(&[document("{}".into())]).unwrap();
    Store::open_existing(&path).unwrap().backup(&copy).unwrap();
    assert_eq!(dump(&copy), dump(&path));
    assert_eq!(Store::open_existing(&copy).unwrap().check().unwrap(), [""; 0]);
}

// Several at once, kills, full disks ----------------------------------------------------------------------------------

#[test]
fn of_two_that_decide_at_once_one_does() {
    let (_folder, path, mut submissions) = opened();
    for round in 0..20 {
        let id = add(&mut submissions, &format!("p{round}"));
        take(&mut submissions, id, &[Step::Review]);
        let wished = submissions.add_suggestion(&wish("x"), now()).unwrap();
        let barrier = Barrier::new(2);
        let decide = |by: &str, step: Step| {
            let mut own = Submissions::open(&path).unwrap();
            barrier.wait();
            let taken = own.take_step(id, step, by, "why", now()).unwrap().is_ok();
            let decision = Decision { at: now(), by: by.into(), reason: String::new() };
            (taken, own.decide(wished, suggestion::State::Accepted, &decision).unwrap())
        };
        let (ann, bob) = std::thread::scope(|scope| {
            let ann = scope.spawn(|| decide("ann", Step::Approve));
            let bob = scope.spawn(|| decide("bob", Step::Decline));
            (ann.join().unwrap(), bob.join().unwrap())
        });
        assert!(ann.0 != bob.0 && ann.1 != bob.1, "{ann:?} {bob:?}");
        assert_eq!(submissions.proposal(id).unwrap().unwrap().events.len(), 3);
    }
    assert_eq!(submissions.check().unwrap(), [""; 0]);
}

/// Where the children below find what they are to write to. In other runs they do nothing.
#[allow(
    clippy::disallowed_methods,
    reason = "the child is told by its environment, as it has the tests' arguments"
)]
fn asked_for() -> Option<PathBuf> {
    std::env::var_os("WORKSON_TEST_SUBMISSIONS").map(PathBuf::from)
}

/// Sends in suggestions and proposals until it is ended or the disk is full, and prints each number once it is answered.
#[test]
#[ignore = "it is a part of other tests, which start and end it"]
fn child_that_sends_in() {
    let Some(path) = asked_for() else { return };
    let mut submissions = Submissions::open(&path).unwrap();
    let mut out = std::io::stdout().lock();
    for number in 0.. {
        let text = "x".repeat(300);
        let kept = match number % 2 {
            0 => submissions.add_suggestion(&wish(&text), now()).map(|id| format!("suggestion {id}")),
            _ => {
                let secret = format!("{}-{number}", std::process::id());
                let kept = submissions.add_proposal("arm", &request(&text), &contact(), &secret, now());
                kept.map(|id| format!("proposal {id}"))
            }
        };
        match kept {
            Ok(kept) => writeln!(out, "{kept}").unwrap(),
            Err(error) if error.kind() == StoreErrorKind::Full => {
                writeln!(out, "full").unwrap();
                return;
            }
            Err(error) => panic!("{error}"),
        }
        out.flush().unwrap();
    }
}

fn child(path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "child_that_sends_in", "--nocapture"]);
    command.env("WORKSON_TEST_SUBMISSIONS", path).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.submissions.db");
    let mut answered: BTreeSet<String> = BTreeSet::new();
    for round in 0..8 {
        let mut running = child(&path).spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        // Each round ends elsewhere; what was printed before the kill came is read to its end.
        let is_answer = |line: &String| line.starts_with("suggestion ") || line.starts_with("proposal ");
        let mut count = 0;
        while count < 3 + round * 5 {
            let line = lines.next().unwrap().unwrap();
            if is_answer(&line) {
                answered.insert(line);
                count += 1;
            }
        }
        running.kill().unwrap();
        running.wait().unwrap();
        answered.extend(lines.map_while(Result::ok).filter(is_answer));
    }
    let submissions = Submissions::open(&path).unwrap();
    assert_eq!(submissions.check().unwrap(), [""; 0]);
    let mut kept: BTreeSet<String> =
        submissions.suggestions(None).unwrap().iter().map(|s| format!("suggestion {}", s.id)).collect();
    kept.extend(submissions.proposals().unwrap().iter().map(|p| format!("proposal {}", p.id)));
    assert!(answered.len() >= 8 * 3);
    let lost: Vec<_> = answered
        .difference(&kept)
        .filter(|line| line.split(' ').nth(1).is_some_and(|id| id.parse::<i64>().is_ok()))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let home = Home::new();
    let exe = std::env::current_exe().unwrap();
    let ran = home.with_disk(&format!(
        "mount -t tmpfs -o size=1m tmpfs disk
         export WORKSON_TEST_SUBMISSIONS=disk/store.submissions.db
         '{exe}' --ignored --exact child_that_sends_in --nocapture > answered
         $W suggestions list --store disk/store.db --json > listed
         mount -o remount,size=8m disk
         $W store check --store disk/store.db
         cp disk/store.submissions.db* .",
        exe = exe.display()
    ));
    let ran = ran.exits(0);
    assert!(ran.text().contains("nothing is wrong"), "{ran:?}");
    let answered = std::fs::read_to_string(home.path("answered")).unwrap();
    assert!(answered.contains("full"), "{answered}");
    let count = |what: &str| answered.matches(what).count();
    let submissions = Submissions::open(&home.path("store.submissions.db")).unwrap();
    assert_eq!(submissions.suggestions(None).unwrap().len(), count("suggestion "));
    assert_eq!(submissions.proposals().unwrap().len(), count("proposal "));
    assert!(count("suggestion ") > 3, "{answered}");
    let listed = std::fs::read_to_string(home.path("listed")).unwrap();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), count("suggestion "), "what is there can be read");
}
