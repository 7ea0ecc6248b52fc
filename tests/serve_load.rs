//! Connections that nobody means well with: however many, however slow, others are answered and all is as before when they are gone.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use cli_support::{Home, until};
use rustix::process::{Resource, getrlimit, setrlimit};
use serve_support::{Connection, Server};

const ALONE: [&str; 2] = ["--no-live", "--no-forms"];

/// How many files this process may have, which are made as many as can be.
fn files() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap())
}

/// Waits until nobody is connected but who asks.
fn is_empty(server: &Server) -> bool {
    server.metric("workson_connections") == Some(1.0)
}

#[test]
fn who_sends_a_byte_a_second_is_told_that_it_is_too_slow() {
    let home = Home::new();
    let server = Server::start(&home, &ALONE);
    let mut slow: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let head =
        b"GET /about/ HTTP/1.1\r\nhost: localhost\r\nx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let started = Instant::now();
    for byte in &head[..15] {
        for stream in &mut slow {
            // Those that were told have been left.
            let _ = stream.write_all(&[*byte]);
        }
        for _ in 0..5 {
            assert_eq!(server.get("/about/").status, 200);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    assert!(started.elapsed() > Duration::from_secs(12), "each had its time");
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut said = Vec::new();
        // What is sent behind the answer may take the rest of it away.
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with("HTTP/1.1 408 ") && said.ends_with("here.\n"), "{said:?}");
    }
    until("an empty hall", || is_empty(&server));
}

#[test]
fn ten_thousand_at_once_are_answered_or_told_to_come_again() {
    let home = Home::new();
    // Beside the connections, this process has files of its own.
    let most = files().saturating_sub(200).min(10_000);
    if most < 10_000 {
        eprintln!("this process may open {most} connections and no more: as many are tried");
    }
    let room = most / 4;
    let server = Server::start(&home, &[&ALONE[..], &["--max-connections", &room.to_string()]].concat());
    let mut early = server.connect();
    assert_eq!(early.ask("GET", "/about/", &[]).status, 200);
    let mut crowd: Vec<TcpStream> = Vec::new();
    for at in 1..most {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        // Some say something at once, and some never.
        if at % 2 == 0 {
            let _ = stream.write_all(b"GET /about/ HTTP/1.1\r\nhost: localhost\r\n\r\n");
        }
        crowd.push(stream);
        if at % 1000 == 0 {
            assert_eq!(early.ask("GET", "/about/", &[]).status, 200, "{at} others are there");
        }
    }
    let (mut answered, mut refused, mut silent, mut lost) = (0, 0, 0, 0);
    for stream in &mut crowd {
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut first = [0; 12];
        match stream.read_exact(&mut first) {
            Ok(()) if first == *b"HTTP/1.1 200" => answered += 1,
            Ok(()) if first == *b"HTTP/1.1 503" => refused += 1,
            Ok(()) => panic!("{}", String::from_utf8_lossy(&first)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => silent += 1,
            Err(_) => lost += 1,
        }
    }
    let told = format!("{answered} answered, {refused} refused, {silent} silent, {lost} lost");
    assert!(answered >= room / 4, "{told}");
    assert!(refused >= (most - room) * 9 / 10, "{told}");
    assert_eq!(early.ask("GET", "/healthz", &[]).status, 200, "{told}");
    drop(crowd);
    until("an end of it", || server.connect().ask("GET", "/healthz", &[]).status == 200);
    drop(early);
    until("an empty hall", || is_empty(&server));
    assert!(server.metric("workson_refused_connections_total").unwrap() >= refused as f64);
    assert_eq!(server.get("/about/").status, 200);
}

#[test]
fn requests_that_come_at_once_are_answered_one_after_another() {
    let home = Home::new();
    let server = Server::start(&home, &ALONE);
    let targets = ["/about/", "/nothing/", "/method/", "/healthz", "/about"];
    let mut connection = server.connect();
    let all: String =
        targets.iter().cycle().take(200).map(|to| format!("GET {to} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    let mut writing = connection.0.get_ref().try_clone().unwrap();
    let writer = std::thread::spawn(move || writing.write_all(all.as_bytes()).unwrap());
    for status in [200, 404, 200, 200, 308].iter().cycle().take(200) {
        assert_eq!(connection.answer(false).unwrap().status, *status);
    }
    writer.join().unwrap();
    // Who has nothing more to say may still hear.
    for target in targets {
        let mut half = server.connect();
        half.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
        half.0.get_ref().shutdown(Shutdown::Write).unwrap();
        assert!(half.answer(false).is_some(), "{target}");
    }
    // Bytes in pieces are what they are in one.
    let mut pieces = server.connect();
    for byte in b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" {
        pieces.send(&[*byte]);
    }
    assert_eq!(pieces.answer(false).unwrap().status, 200);
}

#[test]
fn who_reads_nothing_is_left_and_costs_little() {
    let home = Home::new();
    let server = Server::start(&home, &ALONE);
    assert_eq!(server.get("/download/official-images.sqlite").status, 200);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    let asked = "GET /download/official-images.sqlite HTTP/1.1\r\nhost: a\r\n\r\nGET /explore/ HTTP/1.1\r\nhost: a\r\n\r\n";
    let deaf: Vec<Connection> = (0..100)
        .map(|_| {
            let mut connection = server.connect();
            connection.0.get_ref().set_write_timeout(Some(Duration::from_millis(50))).unwrap();
            let _ = connection.0.get_mut().write_all(asked.repeat(100).as_bytes());
            connection
        })
        .collect();
    assert_eq!(server.metric("workson_connections"), Some(101.0));
    for _ in 0..50 {
        assert_eq!(server.get("/about/").status, 200);
    }
    let after = resident();
    assert!(after < before + 100 * 1024, "{before} KiB were {after} KiB: answers wait in memory");
    // It has its time, and is then left.
    let started = Instant::now();
    while !is_empty(&server) {
        assert!(started.elapsed() < Duration::from_secs(60), "they are there still");
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(deaf);
}
