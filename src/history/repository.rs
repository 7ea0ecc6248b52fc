//! Git, through gitoxide. Nothing else of workson knows gitoxide: it breaks its API with each release.

mod bundle;
mod remote;

use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use gix::objs::FindExt as _;
use gix::odb::pack::cache::lru::MemoryCappedHashmap;
use workson_oci::Digest;

use super::error::{HistoryError, HistoryErrorKind as Kind};
pub use remote::install_tls;

/// Trees and the bases of blobs that are kept in memory by each thread that reads, in bytes.
const OBJECT_CACHE: usize = 16 << 20;
/// How long a name below `library/` may be, in bytes; of a longer one, so much is shown.
const MAX_NAME: usize = 128;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A repository on disk, with or without a work tree.
    Folder(PathBuf),
    /// A file made by `git bundle create`.
    Bundle(PathBuf),
    /// An address to fetch from.
    Address(String),
}

impl Location {
    /// What it is called, without what an address may say of who asks.
    pub fn shown(&self) -> String {
        match self {
            Location::Folder(path) | Location::Bundle(path) => path.display().to_string(),
            Location::Address(address) => remote::shown(address),
        }
    }

    /// What `text` names: something on disk, or else an address.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn of(text: &str) -> Result<Location, HistoryError> {
        let tried = format!("looking for the repository {text}");
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Location::Folder(path.to_owned()));
        }
        if path.is_file() {
            return match bundle::looks_like_one(path) {
                Ok(true) => Ok(Location::Bundle(path.to_owned())),
                Ok(false) => Err(HistoryError::new(Kind::NotThere, tried, "this file is no git bundle")
                    .with_hint(
                        "name a repository's folder, a file made by `git bundle create`, or an address",
                    )),
                Err(error) => Err(HistoryError::new(Kind::Other, tried, error)),
            };
        }
        if remote::looks_like_an_address(text) {
            return Ok(Location::Address(text.to_owned()));
        }
        Err(HistoryError::new(Kind::NotThere, tried, "there is no such file or folder")
            .with_hint("name a repository's folder, a bundle, or an address like https://github.com/docker-library/official-images"))
    }
}

/// A repository that can be read, at its newest commit.
pub struct Repository {
    shared: gix::ThreadSafeRepository,
    tip: ObjectId,
    name: String,
    /// Where a bundle was unpacked; it goes when the repository does.
    _scratch: Option<tempfile::TempDir>,
}

/// A commit along the first parents.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) id: ObjectId,
    /// The commit that this one is a copy of, by the line `Original-commit:` of its message.
    pub(super) original: Option<ObjectId>,
    tree: ObjectId,
    /// The committer's date, in seconds since 1970-01-01 UTC; none where it is no number that fits.
    pub(super) seconds: Option<i64>,
}

impl Commit {
    /// Its name at the source: forty hex digits.
    pub(super) fn origin(&self) -> String {
        self.original.unwrap_or(self.id).to_string()
    }

    /// Whether `hex` names it.
    pub(super) fn is_named(&self, hex: &[u8]) -> bool {
        ObjectId::from_hex(hex).is_ok_and(|named| named == self.id)
    }

    /// Whether `hex` names it, or what it is a copy of.
    pub(super) fn is_called(&self, hex: &[u8]) -> bool {
        let named = ObjectId::from_hex(hex).ok();
        named.is_some() && (named == Some(self.id) || named == self.original)
    }
}

/// Where a walk along the first parents ended.
#[derive(Debug)]
pub(super) enum End {
    /// At the first commit of all.
    Root,
    /// At this commit, which is known already.
    Known(Commit),
}

/// A file below `library/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) id: ObjectId,
    pub(super) is_link: bool,
}

/// What a file holds.
pub(super) enum Blob<'a> {
    Bytes(&'a [u8]),
    /// It is this many bytes long, which is too much.
    TooLong(u64),
}

impl Repository {
    /// Opens a repository on disk.
    ///
    /// # Errors
    /// Where there is none, or its newest commit can't be told.
    pub fn open(path: &Path) -> Result<Repository, HistoryError> {
        let name = path.display().to_string();
        let tried = format!("opening the repository {name}");
        let shared = gix::ThreadSafeRepository::open_opts(path, options()).map_err(|error| {
            HistoryError::new(Kind::NotThere, &tried, told(error))
                .with_hint("name the folder that holds .git, or a bare repository")
        })?;
        let repository = shared.to_thread_local();
        let is_unborn = repository.head().is_ok_and(|head| head.is_unborn());
        let tip = repository.head_id().map(gix::Id::detach).map_err(|error| {
            if is_unborn {
                return HistoryError::new(
                    Kind::NotThere,
                    &tried,
                    format!("it has no commit: {}", told(error)),
                )
                .with_hint("check out the branch that holds the history, or clone it anew");
            }
            HistoryError::new(
                Kind::Corrupt,
                &tried,
                format!("its newest commit can't be told: {}", told(error)),
            )
            .with_hint("`git fsck` tells what is damaged; a new clone mends it. Nothing was stored")
        })?;
        Ok(Repository { shared, tip, name, _scratch: None })
    }

    /// Unpacks a bundle into a folder of its own, where the system keeps what is there for a while.
    ///
    /// # Errors
    /// Where it is no whole bundle, or there is no room.
    pub fn unpack(path: &Path) -> Result<Repository, HistoryError> {
        bundle::unpack(path)
    }

    /// The newest commit of a bundle, without unpacking it: forty hex digits.
    ///
    /// # Errors
    /// Where it is no bundle, or it can't be told which of its branches is meant.
    pub fn tip_of_bundle(path: &Path) -> Result<String, HistoryError> {
        Ok(bundle::Header::read(path)?.tip.to_string())
    }

    /// Fetches the newest commit at `address`, and what leads to it, into a bare repository in `folder`. `show` is
    /// told how far it is; where nothing comes for as long as `patience`, it is given up.
    ///
    /// # Errors
    /// Where it can't be reached, or has no commit.
    pub fn fetch(
        address: &str,
        folder: &Path,
        patience: Duration,
        show: impl FnMut(&str),
    ) -> Result<Repository, HistoryError> {
        remote::fetch(address, folder, patience, show)
    }

    /// The newest commit: forty hex digits.
    pub fn tip(&self) -> String {
        self.tip.to_string()
    }

    /// Where it was cloned from, if it says so, without what that may say of who asks.
    pub fn cloned_from(&self) -> Option<String> {
        let repository = self.shared.to_thread_local();
        let remote = repository.find_remote("origin").ok()?;
        let address = remote.url(gix::remote::Direction::Fetch)?.to_bstring().to_string();
        address.starts_with("http").then(|| remote::shown(&address))
    }

    /// What errors call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A reader for one thread.
    pub(super) fn reader(&self) -> Reader {
        let mut repository = self.shared.to_thread_local();
        repository.objects.set_pack_cache(|| Box::new(MemoryCappedHashmap::new(OBJECT_CACHE)));
        Reader { repository, name: self.name.clone(), buffer: Vec::new() }
    }

    /// The commits along the first parents, the oldest first, without the one that `is_known` and what led to it.
    pub(super) fn first_parents(
        &self,
        is_known: impl Fn(&Commit) -> bool,
    ) -> Result<(Vec<Commit>, End), HistoryError> {
        let mut reader = self.reader();
        let shallow = reader.shallow_commits()?;
        let mut commits = Vec::new();
        let mut next = Some(self.tip);
        let mut end = End::Root;
        while let Some(id) = next {
            let (commit, parent) = reader.commit(id)?;
            if is_known(&commit) {
                end = End::Known(commit);
                break;
            }
            commits.push(commit);
            if shallow.contains(&id) {
                let tried = format!("reading the history of {}", self.name);
                let what = format!("this clone is shallow: what came before commit {id} is not in it");
                return Err(HistoryError::new(Kind::Shallow, tried, what)
                    .with_hint("`git fetch --unshallow` brings the rest"));
            }
            next = parent;
        }
        commits.reverse();
        Ok((commits, end))
    }
}

/// Reads objects, on one thread.
pub(super) struct Reader {
    repository: gix::Repository,
    name: String,
    buffer: Vec<u8>,
}

impl Reader {
    fn corrupt(&self, what: &str, id: ObjectId, error: impl std::fmt::Display) -> HistoryError {
        let tried = format!("reading {what} {id} of {}", self.name);
        if !self.repository.has_object(id) {
            return HistoryError::new(Kind::Shallow, tried, "the repository lacks it").with_hint(
                "is it a partial clone? A new clone without --filter has all. Nothing was stored",
            );
        }
        HistoryError::new(Kind::Corrupt, tried, error)
            .with_hint("`git fsck` tells what is damaged; a new clone mends it. Nothing was stored")
    }

    fn shallow_commits(&self) -> Result<Vec<ObjectId>, HistoryError> {
        let commits = self.repository.shallow_commits().map_err(|error| {
            HistoryError::new(Kind::Other, format!("reading what {} lacks", self.name), told(error))
        })?;
        Ok(commits.map(|commits| commits.iter().copied().collect()).unwrap_or_default())
    }

    /// A commit and its first parent.
    fn commit(&mut self, id: ObjectId) -> Result<(Commit, Option<ObjectId>), HistoryError> {
        let Reader { repository, buffer, .. } = self;
        let mut read = || {
            let commit = repository.objects.find_commit(&id, buffer).map_err(told)?;
            let committer = commit.committer().map_err(|error| error.to_string())?;
            let seconds = committer.time.split_ascii_whitespace().next().and_then(|text| text.parse().ok());
            let original = commit
                .message
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix(b"Original-commit: "))
                .and_then(|hex| ObjectId::from_hex(hex.trim_ascii()).ok());
            let found = Commit { id, original, tree: commit.tree(), seconds };
            let parent = commit.parents().next();
            Ok::<_, String>((found, parent))
        };
        read().map_err(|error| self.corrupt("commit", id, error))
    }

    /// The folder `library/` of a commit, if there is one.
    pub(super) fn library(&mut self, commit: &Commit) -> Result<Option<ObjectId>, HistoryError> {
        let Reader { repository, buffer, .. } = self;
        let mut read = || {
            let entries = repository.objects.find_tree_iter(&commit.tree, buffer).map_err(told)?;
            for entry in entries {
                let entry = entry.map_err(|error| error.to_string())?;
                if entry.filename == "library" && entry.mode.is_tree() {
                    return Ok(Some(entry.oid.to_owned()));
                }
            }
            Ok::<_, String>(None)
        };
        read().map_err(|error| self.corrupt(&format!("commit {}'s tree", commit.id), commit.tree, error))
    }

    /// The files of a folder, in git's order, without its folders.
    pub(super) fn files(&mut self, tree: ObjectId) -> Result<Vec<File>, HistoryError> {
        let Reader { repository, buffer, .. } = self;
        let mut read = || {
            let entries = repository.objects.find_tree_iter(&tree, buffer).map_err(told)?;
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry.map_err(|error| error.to_string())?;
                if entry.mode.is_blob_or_symlink() {
                    files.push(File {
                        name: file_name(entry.filename),
                        id: entry.oid.to_owned(),
                        is_link: entry.mode.is_link(),
                    });
                }
            }
            Ok::<_, String>(files)
        };
        read().map_err(|error| self.corrupt("the tree", tree, error))
    }

    /// A file, unless it is longer than `max` bytes.
    pub(super) fn blob(&mut self, id: ObjectId, max: u64) -> Result<Blob<'_>, HistoryError> {
        let header = self.repository.find_header(id);
        let length = header.map_err(|error| self.corrupt("the file", id, told(error)))?.size();
        if length > max {
            return Ok(Blob::TooLong(length));
        }
        let read = self.repository.objects.find_blob(&id, &mut self.buffer).map(|_| ()).map_err(told);
        read.map_err(|error| self.corrupt("the file", id, error))?;
        Ok(Blob::Bytes(&self.buffer))
    }
}

/// Nothing of the user's or the system's configuration changes how a history reads.
fn options() -> gix::open::Options {
    gix::open::Options::isolated()
}

/// The name of a file. One that is no text or too long is written so that no image can have it, and no two are alike.
fn file_name(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if name.len() <= MAX_NAME => text.to_owned(),
        _ => {
            let start = name[..name.len().min(MAX_NAME)].escape_ascii();
            format!("{start}… ({})", &Digest::sha256(name).hex()[..8])
        }
    }
}

/// An error with what led to it, on one line.
fn told(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        source = cause.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
