//! An inventory of 10,000 images on the in-memory registry, and what `wrk` gets out of the same server.
//!
//! ```text
//! cargo bench --bench inventory [-- --images N --rounds N --seconds N]
//! ```
//!
//! The registry runs in a process of its own: this program, started again with `--serve`. What is measured of
//! workson is the whole process, from its start to its end: reading the list, asking, writing the store,
//! reading it again for the report. *Cold* begins without a store and takes a `HEAD` and a `GET` for each image;
//! *repeated* has seen everything before and takes a `HEAD` for each. How many requests came is what the server
//! counted. Where `wrk` is installed, it asks for the same manifests in turn, round by round between the runs of
//! workson; it can only `GET`, because it waits for the body that a `HEAD` promises.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use workson_registry::testing::MemoryRegistry;

/// The media types of manifests, as every request has to name them.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json";
/// How many requests workson has under way at once when nobody says otherwise, and so many connections wrk gets.
const AT_ONCE: usize = 32;
/// The share of wrk's requests a second that is asked for.
const WANTED_SHARE: f64 = 0.4;
/// The resident memory that is allowed, in MiB.
const WANTED_MEMORY: f64 = 64.0;

fn main() {
    let options = Options::read();
    if options.serve {
        return serve(options.images);
    }
    let bench = Bench::new(options);
    let wrk = bench.has_wrk();
    if !wrk {
        println!("wrk is not installed, so workson is measured alone (Debian's package is called wrk)\n");
    }
    // The first run of each finds cold caches.
    bench.workson("warm.db");
    let mut table = Table::default();
    for round in 0..bench.options.rounds {
        let store = format!("{round}.db");
        let hot = wrk.then(|| bench.wrk(1, &bench.hot));
        let before = wrk.then(|| bench.wrk_in_turn());
        let cold = bench.workson(&store);
        let between = wrk.then(|| bench.wrk_in_turn());
        let repeated = bench.workson(&store);
        bench.check(&cold, &repeated);
        table.add("cold, s", cold.took.as_secs_f64());
        table.add("cold, requests/s", cold.rate());
        table.add("repeated, s", repeated.took.as_secs_f64());
        table.add("repeated, requests/s", repeated.rate());
        if let (Some(hot), Some(before), Some(between)) = (hot, before, between) {
            table.add("wrk in turn, requests/s", (before + between) / 2.0);
            table.add("wrk on one image, requests/s", hot);
            table.add("cold : wrk in turn", cold.rate() / before);
            table.add("repeated : wrk in turn", repeated.rate() / between);
            table.add("cold : wrk on one image", cold.rate() / hot);
            table.add("repeated : wrk on one image", repeated.rate() / hot);
        }
    }
    for _ in 0..bench.options.rounds.min(3) {
        table.add("cold, peak MiB", bench.memory("memory.db"));
        table.add("repeated, peak MiB", bench.memory("memory.db"));
        std::fs::remove_file(bench.folder.path().join("memory.db")).unwrap();
    }
    println!(
        "{} images on loopback, {} rounds; the whole process is measured",
        bench.options.images, bench.options.rounds
    );
    println!(
        "asked for: {WANTED_SHARE} of wrk's requests/s, at most {WANTED_MEMORY} MiB\n\n{}",
        table.text()
    );
}

struct Options {
    serve: bool,
    images: usize,
    rounds: usize,
    /// How long wrk runs each time.
    seconds: u64,
}

impl Options {
    fn read() -> Options {
        let mut options = Options { serve: false, images: 10_000, rounds: 7, seconds: 3 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
            match argument.as_str() {
                "--serve" => options.serve = true,
                "--images" => options.images = number(),
                "--rounds" => options.rounds = number(),
                "--seconds" => options.seconds = number() as u64,
                // Cargo says so to every benchmark.
                "--bench" => {}
                _ => panic!("unknown argument {argument}"),
            }
        }
        assert!(
            options.images > 0 && options.rounds > 0 && options.seconds > 0,
            "numbers above 0 are wanted"
        );
        options
    }
}

/// The registry: says its address, then answers every line on standard input with the numbers of `GET`s and
/// `HEAD`s since the last one. It ends when standard input does, so it never outlives who started it.
fn serve(images: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let registry = runtime.block_on(MemoryRegistry::start()).unwrap();
    registry.record(false);
    registry.put_bench_images(images);
    let mut out = io::stdout();
    writeln!(out, "{}", registry.host()).unwrap();
    for _ in io::stdin().lines() {
        writeln!(out, "{} {}", registry.count_manifest_gets(), registry.count_manifest_heads()).unwrap();
        registry.clear_requests();
    }
}

/// The registry's process.
struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    host: String,
}

impl Server {
    fn start(images: usize) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--serve", "--images"]).arg(images.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut server = Server { process, input, output, host: String::new() };
        server.host = server.line();
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// How many `GET`s and `HEAD`s of manifests came since it was last asked.
    fn counts(&mut self) -> (u64, u64) {
        self.input.as_mut().unwrap().write_all(b"\n").unwrap();
        let line = self.line();
        let (gets, heads) = line.split_once(' ').unwrap();
        (gets.parse().unwrap(), heads.parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is what ends it.
        self.input.take();
        let _ = self.process.wait();
    }
}

/// One run of workson.
struct Run {
    took: Duration,
    gets: u64,
    heads: u64,
}

impl Run {
    fn rate(&self) -> f64 {
        (self.gets + self.heads) as f64 / self.took.as_secs_f64()
    }
}

struct Bench {
    options: Options,
    folder: TempDir,
    list: PathBuf,
    /// A script that makes wrk ask for all images in turn.
    in_turn: PathBuf,
    /// A script that makes wrk ask for one image.
    hot: PathBuf,
    server: std::cell::RefCell<Server>,
}

impl Bench {
    fn new(options: Options) -> Bench {
        let server = Server::start(options.images);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut list = String::new();
        for number in 0..options.images {
            writeln!(list, "{}/bench/image-{number:05}:latest", server.host).unwrap();
        }
        let list = file("list.txt", list);
        let in_turn = file("in-turn.lua", script(options.images));
        let hot = file("hot.lua", script(1));
        Bench { options, folder, list, in_turn, hot, server: server.into() }
    }

    fn command(&self, store: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workson"));
        // What the user's own configuration says is not to be measured.
        command.env_clear().env("HOME", self.folder.path());
        command.args(["inventory", "--quiet", "--store"]).arg(self.folder.path().join(store)).arg(&self.list);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }

    /// Takes the inventory, and looks whether it told everything.
    fn workson(&self, store: &str) -> Run {
        let mut server = self.server.borrow_mut();
        server.counts();
        let begun = Instant::now();
        let output = self.command(store).output().unwrap();
        let took = begun.elapsed();
        let images = self.options.images;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "workson ended with {}: {said}", output.status);
        assert!(said.starts_with(&format!("{images} of {images} image")), "workson said {said}");
        let (gets, heads) = server.counts();
        Run { took, gets, heads }
    }

    /// The politeness that is promised, which the times rest on.
    fn check(&self, cold: &Run, repeated: &Run) {
        let images = self.options.images as u64;
        assert_eq!((cold.heads, cold.gets), (images, images), "cold: a HEAD and a GET for each image");
        assert_eq!((repeated.heads, repeated.gets), (images, 0), "repeated: a HEAD for each image");
    }

    /// The most memory that was resident, in MiB. In a run of its own, because looking takes time.
    fn memory(&self, store: &str) -> f64 {
        let mut child = self.command(store).spawn().unwrap();
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            peak = peak.max(high_water(&status).unwrap_or(0));
            std::thread::sleep(Duration::from_millis(1));
        }
        peak as f64 / 1024.0
    }

    fn has_wrk(&self) -> bool {
        Command::new("wrk").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    /// wrk's requests a second on all images in turn: the better of one thread and two.
    fn wrk_in_turn(&self) -> f64 {
        self.wrk(1, &self.in_turn).max(self.wrk(2, &self.in_turn))
    }

    fn wrk(&self, threads: usize, script: &Path) -> f64 {
        let mut command = Command::new("wrk");
        command.arg(format!("-t{threads}")).arg(format!("-c{AT_ONCE}"));
        command.arg(format!("-d{}s", self.options.seconds)).arg("-s").arg(script);
        let output = command.arg(format!("http://{}", self.server.borrow().host)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let good = output.status.success() && !said.contains("Non-2xx");
        assert!(good, "wrk failed: {said}{}", String::from_utf8_lossy(&output.stderr));
        let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("no rate in {said}"))
    }
}

/// Makes wrk ask for the manifests of so many images in turn. The requests are made beforehand, so that a
/// request costs wrk no more than a look into a table.
fn script(images: usize) -> String {
    format!(
        r#"local requests, at = {{}}, 0
function init()
  for number = 0, {images} - 1 do
    requests[number] = wrk.format("GET", string.format("/v2/bench/image-%05d/manifests/latest", number),
      {{ ["Accept"] = "{ACCEPT}" }})
  end
end
function request()
  at = (at + 1) % {images}
  return requests[at]
end
"#
    )
}

/// The most memory that a process ever had resident, in KiB.
fn high_water(status: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Figures by name, in the order in which they first came.
#[derive(Default)]
struct Table(Vec<(&'static str, Vec<f64>)>);

impl Table {
    fn add(&mut self, name: &'static str, value: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => self.0.push((name, vec![value])),
        }
    }

    fn text(mut self) -> String {
        let mut text = format!("{:<30}{:>12}{:>12}{:>12}\n", "", "median", "min", "max");
        for (name, values) in &mut self.0 {
            values.sort_by(f64::total_cmp);
            // Every name came with a value, so none of these is out of bounds.
            let figures = [values[values.len() / 2], values[0], values[values.len() - 1]];
            let digits = if figures[0] < 10.0 { 3 } else { usize::from(figures[0] < 1000.0) };
            let figures: String = figures.iter().map(|figure| format!("{figure:>12.digits$}")).collect();
            writeln!(text, "{name:<30}{figures}").unwrap();
        }
        text
    }
}
