//! Bundles: a list of branches and a pack in one file.
//!
//! The form is that of git's `gitformat-bundle(5)`, versions 2 and 3. gitoxide reads no bundles itself; it
//! indexes the pack.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;

use super::{HistoryError, Kind, Repository, told};

/// How long a line of the head may be, in bytes.
const MAX_LINE: u64 = 4_096;
/// How many lines of the head are read.
const MAX_LINES: usize = 100_000;
/// The largest piece of memory that reading the pack may take at once, in bytes.
const MAX_OBJECT: usize = 256 << 20;

/// Whether a file begins as a bundle does.
pub(super) fn looks_like_one(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(start.starts_with(b"# v2 git bundle\n") || start.starts_with(b"# v3 git bundle\n"))
}

/// What stands before the pack.
pub(super) struct Header {
    /// The commit that is meant: `HEAD`, or the only branch, or `master`, or `main`.
    pub(super) tip: ObjectId,
    reader: BufReader<File>,
}

impl Header {
    pub(super) fn read(path: &Path) -> Result<Header, HistoryError> {
        let tried = format!("reading the bundle {}", path.display());
        let wrong = |what: &str| HistoryError::new(Kind::NotThere, &tried, what);
        let failed = |error: io::Error| HistoryError::new(Kind::Other, &tried, error);
        let mut reader = BufReader::with_capacity(64 << 10, File::open(path).map_err(failed)?);
        let first = line(&mut reader).map_err(failed)?;
        if first != b"# v2 git bundle" && first != b"# v3 git bundle" {
            return Err(wrong("it is no git bundle of version 2 or 3"));
        }
        let mut branches = Vec::new();
        for _ in 0..MAX_LINES {
            let line = line(&mut reader).map_err(failed)?;
            match line.first() {
                None => {
                    let tip = tip(&branches).map_err(|what| wrong(&what))?;
                    return Ok(Header { tip, reader });
                }
                Some(b'@') if line.starts_with(b"@filter=") => {
                    return Err(wrong("it was made with a filter, so it lacks files"));
                }
                Some(b'@') if line == b"@object-format=sha1" => {}
                Some(b'@') => {
                    let what = format!("it asks for {}, which is not known", String::from_utf8_lossy(&line));
                    return Err(wrong(&what));
                }
                Some(b'-') => {
                    let what = "it holds a part of a history alone: what came before it is not in it";
                    return Err(HistoryError::new(Kind::Shallow, &tried, what)
                        .with_hint("`git bundle create FILE HEAD` makes one of the whole history"));
                }
                Some(_) => {
                    branches.push(branch(&line).ok_or_else(|| wrong("a line of its head is damaged"))?)
                }
            }
        }
        Err(wrong("its head never ends"))
    }
}

/// A line without its end; more than [`MAX_LINE`] bytes are damage.
fn line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its head is cut off or damaged"));
    }
    Ok(line)
}

fn branch(line: &[u8]) -> Option<(String, ObjectId)> {
    let (hex, name) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some((name.to_owned(), ObjectId::from_hex(hex.as_bytes()).ok()?))
}

fn tip(branches: &[(String, ObjectId)]) -> Result<ObjectId, String> {
    let named = |wanted: &str| branches.iter().find(|(name, _)| name == wanted).map(|(_, id)| *id);
    let mut heads = branches.iter().filter(|(name, _)| name.starts_with("refs/heads/")).map(|(_, id)| *id);
    let only = heads.next().filter(|_| heads.next().is_none());
    let found =
        named("HEAD").or(only).or_else(|| named("refs/heads/master")).or_else(|| named("refs/heads/main"));
    found.ok_or_else(|| {
        let names: Vec<&str> = branches.iter().take(10).map(|(name, _)| name.as_str()).collect();
        format!("it names no HEAD, and which branch is meant can't be told: {}", names.join(" "))
    })
}

/// Writes the bundle's pack into a repository of its own.
pub(super) fn unpack(path: &Path) -> Result<Repository, HistoryError> {
    let Header { tip, mut reader } = Header::read(path)?;
    let name = path.display().to_string();
    let tried = format!("unpacking the bundle {name}");
    let scratch = tempfile::Builder::new()
        .prefix("workson-bundle-")
        .tempdir()
        .map_err(|error| HistoryError::new(Kind::Other, &tried, error))?;
    let create = gix::create::Options::default();
    let shared = gix::ThreadSafeRepository::init_opts(
        scratch.path(),
        gix::create::Kind::Bare,
        create,
        super::options(),
    )
    .map_err(|error| HistoryError::new(Kind::Other, &tried, told(error)))?;
    let options = gix::odb::pack::bundle::write::Options {
        alloc_limit_bytes: Some(MAX_OBJECT),
        ..gix::odb::pack::bundle::write::Options::default()
    };
    gix::odb::pack::Bundle::write_to_directory(
        &mut reader,
        Some(&scratch.path().join("objects").join("pack")),
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
        None::<gix::objs::find::Never>,
        gix::hash::Kind::Sha1,
        options,
    )
    .map_err(|error| {
        HistoryError::new(Kind::Corrupt, &tried, told(error))
            .with_hint("`git bundle verify` tells what is wrong with it; make it anew")
    })?;
    Ok(Repository { shared, tip, name, _scratch: Some(scratch) })
}
