//! What was answered "received" is there, whatever becomes of the service and of its disk.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cli_support::{Home, until};
use serve_support::forms::{SUGGESTION, UNBOUNDED, file, home, kept, proposal, serve};
use serve_support::{Connection, FORM, SERVE, Server};
use url::form_urlencoded;
use workson::store::Submissions;

fn request(target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {FORM}\r\nsec-fetch-site: same-origin\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The suggestion of a number: the very same form twice would be one.
fn suggestion(number: usize) -> Vec<u8> {
    request("/suggest/", &numbered(&number.to_string()))
}

fn numbered(number: &str) -> [(&str, &str); 3] {
    [("name", "Foo"), ("image", number), ("comment", "It is missing.")]
}

/// The proposal of a number.
fn proposed(number: usize) -> Vec<u8> {
    request("/calls/machines/propose/", &proposal(&[("machines", &number.to_string())]))
}

/// Sends forms one after another until nobody answers, and tells where each that was received led. No number is sent twice.
fn send_all(
    address: &str,
    request: fn(usize) -> Vec<u8>,
    numbers: &AtomicUsize,
    received: &AtomicUsize,
) -> Vec<String> {
    let mut noted = Vec::new();
    // Each connection takes as many as it can.
    while let Ok(stream) = TcpStream::connect(address) {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut connection = Connection(std::io::BufReader::new(stream));
        while connection.0.get_mut().write_all(&request(numbers.fetch_add(1, Ordering::Relaxed))).is_ok() {
            let Some(answer) = connection.answer(false) else { break };
            match answer.status {
                303 => noted.push(answer.header("location").unwrap().to_owned()),
                status => assert_eq!(status, 503),
            }
            received.fetch_add(1, Ordering::Relaxed);
        }
    }
    noted
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_received() {
    let home = home();
    let mut noted: Vec<String> = Vec::new();
    let numbers = AtomicUsize::new(0);
    for round in 0..10 {
        let server = serve(&home, UNBOUNDED);
        let received = AtomicUsize::new(0);
        let new: Vec<String> = std::thread::scope(|scope| {
            let requests: [fn(usize) -> Vec<u8>; 3] = [suggestion, suggestion, proposed];
            let (address, numbers, received) = (&server.address, &numbers, &received);
            let senders: Vec<_> = requests
                .map(|request| scope.spawn(move || send_all(address, request, numbers, received)))
                .into_iter()
                .collect();
            // Each round ends elsewhere: with the first form, and with many of them.
            until("forms", || received.load(Ordering::Relaxed) > round * 7);
            server.signal("KILL");
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
        });
        assert!(!new.is_empty(), "round {round}");
        noted.extend(new);
    }
    let kept = kept(&home);
    let suggestions = kept.suggestions(None).unwrap();
    for to in &noted {
        let is_there = match to.strip_prefix("/suggest/?received=") {
            Some(number) => suggestions.iter().any(|one| one.id == number.parse::<i64>().unwrap()),
            None => {
                let secret = to.strip_prefix("/proposal/").unwrap().strip_suffix("/?received").unwrap();
                kept.proposal_by_secret(secret).unwrap().is_some()
            }
        };
        assert!(is_there, "{to} was lost");
    }
    assert!(suggestions.iter().all(|one| one.wish.name == "Foo" && one.wish.comment == "It is missing."));
    assert!(kept.check().unwrap().is_empty());
    // What was not answered may be there, but no more than one for each who sent them in each round.
    assert!(suggestions.len() + kept.proposals().unwrap().len() <= noted.len() + 3 * 10);
    let server = serve(&home, UNBOUNDED);
    assert_eq!(server.form("/suggest/", SUGGESTION).status, 303);
}

#[test]
fn forms_that_are_under_way_are_kept_when_it_is_told_to_end() {
    let home = home();
    let mut server = serve(&home, UNBOUNDED);
    let (received, numbers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let noted: Vec<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| send_all(&server.address, suggestion, &numbers, &received)))
            .collect();
        until("forms", || received.load(Ordering::Relaxed) > 20);
        server.signal("TERM");
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(server.ends(), Some(0));
    let kept = kept(&home).suggestions(None).unwrap();
    assert_eq!(kept.len(), noted.len(), "each was answered, and no other one is there");
}

/// A server whose store is on a disk of its own, of so many kilobytes.
fn on_small_disk(home: &Home, size: &str) -> Server {
    let mut unshare = home.command("unshare");
    let script = format!(
        "mkdir -p disk && mount -t tmpfs -o size={size} tmpfs disk && exec \"$W\" \"$@\" --store disk/store.db"
    );
    unshare.env("W", env!("CARGO_BIN_EXE_workson"));
    unshare.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    unshare.args(SERVE).args(["--no-live", "--content", "content"]).args(UNBOUNDED);
    Server::begin(home, unshare)
}

#[test]
fn a_full_disk_refuses_forms_and_nothing_else() {
    let home = home();
    let server = on_small_disk(&home, "2m");
    // The disk as the server sees it.
    let disk = format!("/proc/{}/root{}", server.child.id(), home.path("disk").display());
    let received = |target: &str, fields: &[(&str, &str)]| {
        let answer = server.form(target, fields);
        if answer.status == 503 {
            assert!(answer.number("retry-after") > 0);
            assert!(answer.text().contains("could not be kept"), "{}", answer.text());
        }
        (answer.status, answer.header("location").map(str::to_owned))
    };
    let (status, mine) = received("/calls/machines/propose/", &proposal(&[]));
    assert_eq!(status, 303);
    let mine = mine.unwrap();
    let filler = format!("{disk}/filler");
    let mut filling = std::fs::File::create(&filler).unwrap();
    while filling.write_all(&[0; 4096]).is_ok() {}
    drop(filling);
    // What is left of the room that it had is taken, and then no more.
    let mut kept = 0;
    let numbers = AtomicUsize::new(0);
    let suggest = || {
        let number = numbers.fetch_add(1, Ordering::Relaxed).to_string();
        received("/suggest/", &numbered(&number))
    };
    until("a refusal", || suggest().0 == 503);
    for _ in 0..20 {
        let (status, _) = suggest();
        assert!(matches!(status, 303 | 503), "{status}");
        kept += usize::from(status == 303);
        assert_eq!(received("/calls/machines/propose/", &proposal(&[("project", "Other")])).0, 503);
    }
    assert!(kept < 20);
    for target in ["/", "/about/", "/suggest/", "/calls/machines/", "/healthz", "/api/v1/index.json", &mine] {
        assert_eq!(server.get(target).status, 200, "{target}");
    }
    assert!(server.metric("workson_forms_total{form=\"suggestion\",outcome=\"not-now\"}").unwrap() >= 1.0);
    // With room again they are taken again, and nothing that was received before is gone.
    std::fs::remove_file(&filler).unwrap();
    let (status, last) = suggest();
    assert_eq!(status, 303, "{}", server.logged());
    let last: i64 = last.unwrap().rsplit('=').next().unwrap().parse().unwrap();
    // SQLite would look for the file where this test has its own disk.
    for name in ["copy.db", "copy.db-wal"] {
        std::fs::copy(format!("{disk}/{}", name.replace("copy", "store.submissions")), home.path(name))
            .unwrap();
    }
    let submissions = Submissions::open(&home.path("copy.db")).unwrap();
    let ids: Vec<i64> = submissions.suggestions(None).unwrap().iter().map(|one| one.id).collect();
    assert_eq!(ids, (1..=last).collect::<Vec<_>>(), "what was refused is not there");
    assert!(submissions.check().unwrap().is_empty());
    assert_eq!(server.get(&mine).status, 200);
}

#[test]
fn what_can_not_be_opened_refuses_forms_and_nothing_else() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    std::fs::create_dir_all(file(&home).parent().unwrap()).unwrap();
    std::fs::write(file(&home), "this is no database").unwrap();
    assert_eq!(server.form("/suggest/", SUGGESTION).status, 503);
    assert_eq!(server.get("/readyz").status, 503);
    assert_eq!((server.get("/healthz").status, server.get("/about/").status), (200, 200));
    assert_eq!(std::fs::read(file(&home)).unwrap(), b"this is no database", "it is left as it is");
    std::fs::remove_file(file(&home)).unwrap();
    assert_eq!(server.form("/suggest/", SUGGESTION).status, 303);
    assert_eq!(server.get("/readyz").status, 200);
}
