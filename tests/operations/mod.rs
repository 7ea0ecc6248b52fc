//! A service that is under way, its log, and what is asked of it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod nginx;

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use workson_registry::testing::MemoryRegistry;

use crate::cli_support::{Home, PATIENCE, until};

/// A call that is open, in a folder of content of its own.
const CALL: &str = "---
title: \"Machines for arm64 builds\"
summary: \"Build and test hosts for free software that wants to support arm64.\"
opens: \"2020-01-11\"
offers:
  - Virtual machines with 16 cores and 64 GB for up to a year
platforms: [linux/arm64]
terms:
  - The source is under a licence that the OSI approves.
---

Who it is for.
";
const CATEGORIES: &str = "- {slug: web, name: Web, description: Answers requests over HTTP.}\n";

/// The path of the form of [`content_with_a_call`].
pub(crate) const PROPOSE: &str = "/calls/arm/propose/";

/// Writes content that is a call for proposals and nothing else; the folder.
pub(crate) fn content_with_a_call(home: &Home) -> String {
    home.write("content/categories.yaml", CATEGORIES);
    home.write("content/calls/arm.md", CALL);
    home.path("content").display().to_string()
}

/// A suggestion, as a form has it.
pub(crate) const SUGGESTION: &str = "name=Hypothetical&comment=It+is+missing+here.";

/// Another one for each number: the very same form within a minute is one wish.
pub(crate) fn suggestion(number: usize) -> String {
    format!("name=Hypothetical+{number}&comment=It+is+missing+here.")
}

/// A service.
pub(crate) struct Service {
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
    /// The path that the site is below.
    pub(crate) base: String,
    log: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

/// A registry in memory, at an address of this machine.
pub(crate) struct Registry {
    registry: MemoryRegistry,
    _runtime: Runtime,
}

impl Registry {
    pub(crate) fn start() -> Registry {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Registry { registry: runtime.block_on(MemoryRegistry::start()).unwrap(), _runtime: runtime }
    }
}

impl std::ops::Deref for Registry {
    type Target = MemoryRegistry;

    fn deref(&self) -> &MemoryRegistry {
        &self.registry
    }
}

impl Service {
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Service {
        Service::of(home.workson(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()))
    }

    /// What `command` starts, which says where the site is.
    pub(crate) fn of(mut command: Command) -> Service {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let writing = Arc::clone(&log);
        let reading = std::thread::spawn(move || {
            for line in stderr.lines().map(Result::unwrap) {
                *writing.lock().unwrap() += &format!("{line}\n");
            }
        });
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let place = lines.find_map(|line| line.strip_prefix("the site is at http://").map(str::to_owned));
        let Some(place) = place else {
            let _ = child.wait();
            reading.join().unwrap();
            panic!("nothing is served: {}", log.lock().unwrap());
        };
        let (address, base) = place.split_once('/').unwrap();
        let base = format!("/{base}").trim_end_matches('/').to_owned();
        Service { child, address: address.to_owned(), base, log, reading: Some(reading) }
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection(BufReader::new(stream))
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.get_as(target, &[])
    }

    pub(crate) fn get_as(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.connect().ask("GET", target, fields, "")
    }

    /// Sends a form, as a browser does from a page of this site.
    pub(crate) fn post(&self, target: &str, form: &str, fields: &[(&str, &str)]) -> Answer {
        let own = [("sec-fetch-site", "same-origin"), FORM];
        self.connect().ask("POST", target, &[&own, fields].concat(), form)
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until nobody is taken any more.
    pub(crate) fn is_closed(&self) {
        until("the end of listening", || TcpStream::connect(&self.address).is_err());
    }

    /// Ends it as systemd does; its exit code, and all that it said on standard error.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.reading.take().unwrap().join().unwrap();
        (code, self.log())
    }

    /// What it said on standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The media type of a form.
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// One connection to a service.
pub(crate) struct Connection(BufReader<TcpStream>);

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Connection {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        self.send(format!("{head}\r\n{body}").as_bytes());
        self.answer().unwrap()
    }

    /// The next answer; none where the connection ends.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut lines = (&mut self.0).lines().map_while(Result::ok);
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .take_while(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = vec![0; length];
        self.0.read_exact(&mut answer.body).unwrap();
        Some(answer)
    }
}
