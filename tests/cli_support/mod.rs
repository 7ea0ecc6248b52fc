//! What the tests of the command line share: a program in a folder of its own, which has to end in time.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use workson_registry::testing::MemoryRegistry;

/// How long a program may take before it counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A home folder, empty at first.
pub(crate) struct Home(tempfile::TempDir);

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// The most memory that it had, in KiB, as far as that was seen.
    pub(crate) peak_kib: u64,
}

impl Ran {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The exit code, with all that was said when it is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(3000)]),
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "{text:?} is not in: {}", self.stderr);
        self
    }
}

/// A program that is under way.
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// `program` with nothing of the tester's environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", "/usr/bin:/bin")
            .current_dir(self.0.path());
        command
    }

    pub(crate) fn workson(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_workson"));
        command.args(arguments);
        command
    }

    /// Runs workson to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        start(&mut self.workson(arguments)).ends()
    }

    /// Runs `script` by a shell, `$W` being workson.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        start(self.command("/bin/sh").env("W", env!("CARGO_BIN_EXE_workson")).args(["-c", script])).ends()
    }

    /// Runs `script` by a shell that may mount a small disk of its own at `disk`, without being root.
    pub(crate) fn with_disk(&self, script: &str) -> Ran {
        let script = format!("set -e; mkdir disk; {script}");
        let mut unshare = self.command("unshare");
        unshare.env("W", env!("CARGO_BIN_EXE_workson"));
        let ran = start(unshare.args(["--map-root-user", "--mount", "sh", "-c", &script])).ends();
        assert!(!ran.stderr.contains("unshare:"), "this test needs user namespaces: {}", ran.stderr);
        ran
    }

    /// The text of a list file, one reference a line.
    pub(crate) fn list(&self, name: &str, registry: &MemoryRegistry, references: &[String]) -> String {
        let lines: Vec<String> =
            references.iter().map(|reference| format!("{}/{reference}\n", registry.host())).collect();
        self.write(name, lines.concat())
    }
}

pub(crate) fn start(command: &mut Command) -> Running {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().map(read_all);
    let stderr = child.stderr.take().map(read_all);
    Running { child, stdout, stderr }
}

/// Runs `command` with `input` on its standard input.
pub(crate) fn with_input(command: &mut Command, input: &[u8]) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().map(read_all);
    let stderr = child.stderr.take().map(read_all);
    // A program that does not read it may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    Running { child, stdout, stderr }.ends()
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("/bin/sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for its end; one that does not end in time fails the test.
    #[track_caller]
    pub(crate) fn ends(self) -> Ran {
        self.ends_within(PATIENCE)
    }

    /// As [`Running::ends`], for what has more to do than most.
    #[track_caller]
    pub(crate) fn ends_within(mut self, patience: Duration) -> Ran {
        let started = Instant::now();
        let mut peak_kib = 0;
        let status: ExitStatus = loop {
            peak_kib = peak_kib.max(peak_of(self.child.id()).unwrap_or(0));
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > patience {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let stderr = self.stderr.take().map(|thread| thread.join().unwrap()).unwrap_or_default();
                panic!("it hangs; so far it said: {}", String::from_utf8_lossy(&stderr));
            }
            std::thread::sleep(Duration::from_millis(4));
        };
        let bytes =
            |thread: Option<JoinHandle<Vec<u8>>>| thread.map(|t| t.join().unwrap()).unwrap_or_default();
        Ran {
            code: status.code(),
            stdout: bytes(self.stdout.take()),
            stderr: String::from_utf8_lossy(&bytes(self.stderr.take())).into_owned(),
            peak_kib,
        }
    }
}

fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The text without what moves with every release and every day: how far the bundled history reaches.
pub(crate) fn settled(text: &str) -> String {
    let line = |line: &str| match line.split_once(" at ") {
        Some((before, after)) if after.ends_with(" ago, as it comes with workson") => {
            format!("{before} at COMMIT of DAY, AGE ago, as it comes with workson\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Waits until `done`, but not for ever.
#[track_caller]
pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many rows `table` has in the store.
pub(crate) fn rows(store: &Path, query: &str) -> i64 {
    let connection = rusqlite::Connection::open(store).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Every row of every table of the store, as text: what must not change does not differ in it.
pub(crate) fn dump(store: &Path) -> String {
    let connection = rusqlite::Connection::open(store).unwrap();
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(names).unwrap();
    let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut text = String::new();
    for table in tables.map(Result::unwrap) {
        let mut rows = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let width = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..width).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
            lines.push(format!("{table} {}\n", cells.collect::<Vec<_>>().join(" ")));
        }
        lines.sort();
        text.extend(lines);
    }
    text
}

/// A registry with `count` images of eight platforms, a home, and the list of them.
pub(crate) async fn with_images(count: usize) -> (MemoryRegistry, Home, String) {
    let registry = MemoryRegistry::start().await.unwrap();
    let names = registry.put_bench_images(count);
    let home = Home::new();
    let list = home.list("list.txt", &registry, &names);
    (registry, home, list)
}
