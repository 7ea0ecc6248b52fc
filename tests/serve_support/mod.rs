//! A server that is under way, and connections to it that say exactly what a test wants to be said.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod forms;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use url::form_urlencoded;

use crate::cli_support::{Home, PATIENCE};

/// What is typed to serve on a port that is free.
pub(crate) const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

/// A server that is under way. What it logs is in a file of the home folder.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// The path that the site is below.
    pub(crate) base: String,
    /// The first line that it printed: what the catalogue says.
    pub(crate) count: String,
    log: PathBuf,
}

impl Server {
    /// `workson serve` with `arguments`, on a port that is free. No proxy of the tester's is in its environment.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Server {
        Server::begin(home, home.workson(&[SERVE, arguments].concat()))
    }

    /// A server that `command` becomes.
    pub(crate) fn begin(home: &Home, mut command: Command) -> Server {
        let log = home.path("serve.log");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        let count = lines.next().unwrap_or_else(|| panic!("it did not begin: {}", told()));
        let line = lines.next().unwrap();
        let rest = line.strip_prefix("the site is at http://").unwrap();
        let (address, base) = rest.split_once('/').unwrap();
        let base = format!("/{base}").trim_end_matches('/').to_owned();
        Server { address: address.to_owned(), base, count, child, log }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::to(&self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.connect().ask("GET", target, &[])
    }

    /// The text at an address, which is there.
    #[track_caller]
    pub(crate) fn text(&self, target: &str) -> String {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer.text()
    }

    /// A form as a browser sends it from a page of this site.
    pub(crate) fn form(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let own = [("content-type", FORM), ("sec-fetch-site", "same-origin")];
        self.connect().send_with("POST", target, &own, body.as_bytes())
    }

    /// What a counter or a gauge says now.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.text("/metrics");
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(value)
    }

    /// All that it has logged.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(std::process::Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end, which has to come soon.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Connection(pub(crate) BufReader<TcpStream>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A header that is a whole number.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        let value = self.header(name).unwrap_or_else(|| panic!("there is no {name}: {self:?}"));
        value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The answer, which has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Answer {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(
            self.status,
            status,
            "{:?}: {}",
            self.headers,
            text.chars().take(3000).collect::<String>()
        );
        self
    }

    /// What tells one answer from another, without what tells the time.
    pub(crate) fn settled(mut self) -> Answer {
        self.headers.retain(|(name, _)| name != "date");
        self
    }
}

impl Connection {
    pub(crate) fn to(address: &str) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n").as_bytes());
        self.answer(method == "HEAD").unwrap()
    }

    /// A request with a body.
    pub(crate) fn send_with(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{fields}\r\n"
        );
        // It may be refused before all of it was sent.
        let _ = self.0.get_mut().write_all(&[head.as_bytes(), body].concat());
        self.answer(false).unwrap()
    }

    /// The next answer; none where the connection ends.
    pub(crate) fn answer(&mut self, is_head: bool) -> Option<Answer> {
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
        if !is_head && status != 304 {
            answer.body = vec![0; length];
            self.0.read_exact(&mut answer.body).ok()?;
        }
        Some(answer)
    }

    /// All that still comes.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection that is cut off has ended as well.
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }
}

/// A text as it stands in the query of an address.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
