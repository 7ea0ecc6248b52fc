//! Every version of every library file, read as bashbrew reads it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use workson::history::library_file::{Architectures, LibraryFile};
use workson_oci::Digest;

/// What bashbrew itself has read, and how it is written down.
const BASHBREW: &str = include_str!("../library_files/bashbrew.tsv");

/// Checks that all versions in the bare clone `repository` are read as bashbrew reads them. It names every image
/// where they are not.
pub(crate) fn readings_agree(repository: &Path) {
    let versions = versions(repository);
    let readings = readings(repository, versions.iter().map(|(_, blob)| blob.as_str()));
    let mut found: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for ((image, blob), reading) in versions.iter().zip(readings) {
        let (count, text) = found.entry(image).or_default();
        *count += 1;
        text.push_str(&format!("{blob} {reading}\n"));
    }
    let line = |(image, (count, text)): (&str, (usize, String))| {
        format!("{image}\t{count}\t{}", Digest::sha256(text.as_bytes()).hex())
    };
    let found: Vec<String> = found.into_iter().map(line).collect();
    let known: Vec<&str> = BASHBREW.lines().filter(|line| !line.starts_with('#')).collect();
    let unknown = found.iter().filter(|line| !known.contains(&line.as_str()));
    let missing = known.iter().filter(|line| !found.iter().any(|found| found == *line));
    let image = |line: &str| line.split('\t').next().unwrap().to_owned();
    let mut different: Vec<String> =
        unknown.map(|line| image(line)).chain(missing.map(|line| image(line))).collect();
    different.sort();
    different.dedup();
    assert!(different.is_empty(), "not read as bashbrew reads them: {}", different.join(", "));
    assert_eq!(known.len(), 181, "the list is the one that this suite is about");
}

/// Runs `git` in the repository.
fn git(repository: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(repository).args(arguments).stdout(Stdio::piped());
    command
}

/// The image and the blob of every version, the oldest first.
fn versions(repository: &Path) -> Vec<(String, String)> {
    let log =
        ["log", "--first-parent", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--format=", "--"];
    let output = git(repository, &log).arg("library").output().unwrap();
    assert!(output.status.success(), "git log failed in {}", repository.display());
    let log = String::from_utf8(output.stdout).unwrap();
    let version = |line: &str| {
        let (change, path) = line.split_once('\t')?;
        let [_, _, _, blob, kind] = change.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let image = path.strip_prefix("library/").unwrap();
        (kind != "D" && image != "MAINTAINERS").then(|| (image.to_owned(), blob.to_owned()))
    };
    log.lines().filter_map(version).collect()
}

/// What is read in each of the blobs.
fn readings<'a>(repository: &Path, blobs: impl Iterator<Item = &'a str>) -> Vec<String> {
    let asked: Vec<&str> = blobs.collect();
    let mut child = git(repository, &["cat-file", "--batch"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let readings = std::thread::scope(|scope| {
        // From a thread of its own, because git answers before it has read all, and would wait to be heard.
        let text = asked.join("\n");
        scope.spawn(move || input.write_all(text.as_bytes()).unwrap());
        asked.iter().map(|blob| reading(&next_blob(&mut output, blob))).collect()
    });
    assert!(child.wait().unwrap().success());
    readings
}

/// The next answer of `git cat-file --batch`: a line with id, type and length, the bytes, and the end of a line.
fn next_blob(output: &mut impl BufRead, asked: &str) -> Vec<u8> {
    let mut head = String::new();
    output.read_line(&mut head).unwrap();
    let [blob, "blob", length] = head.trim_end().split(' ').collect::<Vec<_>>()[..] else {
        panic!("{head:?}")
    };
    assert_eq!(blob, asked);
    let mut bytes = vec![0; length.parse().unwrap()];
    output.read_exact(&mut bytes).unwrap();
    output.read_exact(&mut [0]).unwrap();
    bytes
}

/// What is read in one version, as bashbrew.tsv has it.
fn reading(bytes: &[u8]) -> String {
    let Ok(file) = LibraryFile::parse(bytes) else { return "refused".to_owned() };
    let names = |architectures: Architectures| architectures.iter().collect::<Vec<_>>().join(",");
    let first = file.entries.first().map_or("-".to_owned(), |entry| names(entry.architectures));
    let mut text = format!("first={first}");
    for (tag, architectures) in file.tags() {
        text.push_str(&format!(" {tag}={}", names(architectures)));
    }
    text
}
