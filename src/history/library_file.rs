//! One file below `library/` of docker-library/official-images: which tags an image has, and for which
//! architectures its maintainers say that they are built.
//!
//! The reference is bashbrew, the official images' own tool. Files in fields are read as its commit d662ff01
//! (2026) does, where a Git commit has its full length; the line format before them as 69f4323^ (2022), the
//! last one to know it. Every file of the history since 2013 is read as by the latter, and every one in fields
//! as by both.
//!
//! Two things are left out because no tag's architectures depend on them: bashbrew joins entries that are built
//! from the same, and cleans up paths. And one is mended: bashbrew came to the line format with as much of a
//! file as its buffers had taken in by then, so that a long file could lose its end, though none of the history
//! did; here it is read whole.

mod architectures;
mod line_format;
mod paragraphs;

use std::collections::{BTreeMap, HashMap, HashSet};

use workson_oci::text::printable;

pub use architectures::{ARCHITECTURES, Architectures};
use paragraphs::Paragraph;

/// How many tags a file may name, those inherited from its first paragraph counted at every entry. The longest
/// file ever has 1,156. bashbrew has no such limit, and takes quadratic time and memory.
pub const MAX_TAGS: usize = 100_000;

/// The characters of a refused text that are shown.
const SHOWN: usize = 120;

/// What a library file says, in the order in which it says it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LibraryFile {
    /// The entries. A file may have none: then it names maintainers alone, and the image supports nothing.
    pub entries: Vec<Entry>,
}

/// One build of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tags that are this entry's alone; at least one.
    pub tags: Vec<String>,
    /// The tags that this entry makes together with others, each once.
    pub shared_tags: Vec<String>,
    /// What it is built for; at least one.
    pub architectures: Architectures,
}

/// Why bashbrew would not take a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Refusal {
    /// The line that it is about, or on which the paragraph that it is about begins; counted from one.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a library file. Text from the file is shortened and made fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It begins as OpenPGP's clear-signed messages do. bashbrew would read what is signed, without a look at
    /// the signature; no library file has ever been signed.
    #[error("the file is clear-signed with OpenPGP, which is not read here")]
    ClearSigned,
    /// No line says anything.
    #[error("the file has nothing but comments and empty lines")]
    Empty,
    /// A line is neither a field nor the continuation of one.
    #[error("there is no colon in {0:?}; a field is written like `Tags: latest`")]
    NoField(String),
    /// A field that bashbrew trips over, because its own structures have one of that name.
    #[error("a field cannot be called {0}")]
    FieldName(&'static str),
    /// Nobody maintains it.
    #[error("the first paragraph names no Maintainers")]
    NoMaintainers,
    /// A maintainer is not written as they have to be.
    #[error("the maintainer {0:?} is not written like `Full Name <address> (@handle)`")]
    Maintainer(String),
    /// The first paragraph has tags.
    #[error("the first paragraph has Tags, which belong to the entries that follow it")]
    TagsInHeader,
    /// An entry has no tags.
    #[error("the entry has no Tags")]
    NoTags,
    /// A tag is none.
    #[error(
        "{0:?} is no tag, which has up to 128 letters, digits, '_', '.' and '-', not the last two at first"
    )]
    Tag(String),
    /// A tag stands for two things.
    #[error("the tag {0:?} is given twice")]
    RepeatedTag(String),
    /// There are more tags than [`MAX_TAGS`].
    #[error("the file names more than {MAX_TAGS} tags")]
    TooManyTags,
    /// An architecture is not in [`ARCHITECTURES`].
    #[error("{0:?} is no architecture of the official images")]
    Architecture(String),
    /// An entry does not say where it is built from.
    #[error("the entry has no GitRepo")]
    NoGitRepo,
    /// The name of a branch or tag is none.
    #[error("the GitFetch {0:?} is neither `refs/heads/…` nor `refs/tags/…`")]
    GitFetch(String),
    /// A commit is none.
    #[error("the GitCommit {0:?} is no commit, which has 40 or 64 lowercase hexadecimal digits")]
    GitCommit(String),
}

impl Problem {
    fn at(self, line: usize) -> Refusal {
        Refusal { line: Some(line), problem: self }
    }
}

impl LibraryFile {
    /// Reads a file, in fields or in the line format before them. What is wrong is told of the former.
    ///
    /// Time and memory grow with the length of the file alone; who calls sees to it that it is not too long.
    pub fn parse(bytes: &[u8]) -> Result<LibraryFile, Refusal> {
        read_fields(bytes).or_else(|refusal| line_format::read(bytes).ok_or(refusal))
    }

    /// The architectures of every tag. Those of a shared tag are those of all entries that make it.
    pub fn tags(&self) -> BTreeMap<&str, Architectures> {
        let mut tags = BTreeMap::new();
        for entry in &self.entries {
            for tag in entry.every_tag() {
                let architectures: &mut Architectures = tags.entry(tag).or_default();
                *architectures = architectures.union(entry.architectures);
            }
        }
        tags
    }

    /// The architectures of any entry.
    pub fn any(&self) -> Architectures {
        union(&self.entries, |_| true)
    }

    /// The architectures of the tag `latest`; where there is no such tag, those of the first entry.
    pub fn latest(&self) -> Architectures {
        let latest = union(&self.entries, |entry| entry.every_tag().any(|tag| tag == "latest"));
        if latest.is_empty() { union(&self.entries[..self.entries.len().min(1)], |_| true) } else { latest }
    }
}

impl Entry {
    /// The tags, then the shared ones.
    pub fn every_tag(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().chain(&self.shared_tags).map(String::as_str)
    }
}

fn union(entries: &[Entry], which: impl Fn(&Entry) -> bool) -> Architectures {
    let of_each = entries.iter().filter(|entry| which(entry)).map(|entry| entry.architectures);
    of_each.fold(Architectures::default(), Architectures::union)
}

/// What the first paragraph gives to the entries, checked once and not at each of them.
struct Header<'a> {
    fields: Paragraph<'a>,
    architectures: Architectures,
    is_fetch: bool,
    is_commit: bool,
}

/// Reads a file in fields.
fn read_fields(bytes: &[u8]) -> Result<LibraryFile, Refusal> {
    let mut paragraphs = paragraphs::Reader::new(bytes)?;
    let fields = paragraphs.next()?.ok_or(Refusal { line: None, problem: Problem::Empty })?;
    let header = read_header(fields)?;
    let mut file = Draft::default();
    while let Some(paragraph) = paragraphs.next()? {
        read_entry(&paragraph, &header, &mut file)?;
    }
    file.finish()
}

fn read_header(fields: Paragraph<'_>) -> Result<Header<'_>, Refusal> {
    let line = fields.line;
    check_maintainers(&fields)?;
    if fields.maintainers.is_none() {
        return Err(Problem::NoMaintainers.at(line));
    }
    if fields.tags.is_some() {
        return Err(Problem::TagsInHeader.at(line));
    }
    let architectures = read_architectures(&fields)?.unwrap_or(Architectures::DEFAULT);
    let is_fetch = fields.git_fetch.as_deref().is_none_or(is_fetch);
    let is_commit = fields.git_commit.as_deref().is_some_and(is_commit);
    Ok(Header { fields, architectures, is_fetch, is_commit })
}

fn read_entry(entry: &Paragraph<'_>, header: &Header<'_>, file: &mut Draft) -> Result<(), Refusal> {
    check_maintainers(entry)?;
    let own_fetch = entry.git_fetch.as_deref();
    if !own_fetch.map_or(header.is_fetch, is_fetch) {
        let fetch = own_fetch.or(header.fields.git_fetch.as_deref()).unwrap_or_default();
        return Err(Problem::GitFetch(shown(fetch)).at(entry.line));
    }
    let own_commit = entry.git_commit.as_deref();
    if !own_commit.map_or(header.is_commit, is_commit) {
        let commit = own_commit.or(header.fields.git_commit.as_deref()).unwrap_or_default();
        return Err(Problem::GitCommit(shown(commit)).at(entry.line));
    }
    let repository = entry.git_repo.as_deref().or(header.fields.git_repo.as_deref());
    if repository.is_none_or(<[u8]>::is_empty) {
        return Err(Problem::NoGitRepo.at(entry.line));
    }
    let architectures = read_architectures(entry)?.unwrap_or(header.architectures);
    let tags = entry.tags.as_deref().ok_or_else(|| Problem::NoTags.at(entry.line))?;
    file.begin(entry.line, architectures);
    for tag in paragraphs::elements(tags) {
        file.tag(tag)?;
    }
    if let Some(shared) = entry.shared_tags.as_deref().or(header.fields.shared_tags.as_deref()) {
        file.shared_tags(paragraphs::elements(shared))?;
    }
    Ok(())
}

/// The architectures of a paragraph that names some.
fn read_architectures(paragraph: &Paragraph<'_>) -> Result<Option<Architectures>, Refusal> {
    let Some(names) = paragraph.architectures.as_deref() else { return Ok(None) };
    let mut set = Architectures::default();
    for name in paragraphs::elements(names) {
        let one = Architectures::from_bytes(name)
            .ok_or_else(|| Problem::Architecture(shown(name)).at(paragraph.line))?;
        set = set.union(one);
    }
    Ok(Some(set))
}

fn check_maintainers(paragraph: &Paragraph<'_>) -> Result<(), Refusal> {
    let Some(names) = paragraph.maintainers.as_deref() else { return Ok(()) };
    match paragraphs::elements(names).find(|name| !is_maintainer(name)) {
        Some(name) => Err(Problem::Maintainer(shown(name)).at(paragraph.line)),
        None => Ok(()),
    }
}

/// The entries so far, and where each begins.
#[derive(Default)]
struct Draft {
    entries: Vec<Entry>,
    lines: Vec<usize>,
    tags: usize,
}

impl Draft {
    /// Begins an entry, whose tags follow.
    fn begin(&mut self, line: usize, architectures: Architectures) {
        self.entries.push(Entry { tags: Vec::new(), shared_tags: Vec::new(), architectures });
        self.lines.push(line);
    }

    /// A tag of the last entry.
    fn tag(&mut self, tag: &[u8]) -> Result<(), Refusal> {
        let tag = self.checked(tag)?;
        if let Some(entry) = self.entries.last_mut() {
            entry.tags.push(tag);
        }
        Ok(())
    }

    /// The shared tags of the last entry, which may repeat.
    fn shared_tags<'t>(&mut self, tags: impl Iterator<Item = &'t [u8]>) -> Result<(), Refusal> {
        let mut seen = HashSet::new();
        for tag in tags {
            let checked = self.checked(tag)?;
            if let Some(entry) = self.entries.last_mut()
                && seen.insert(tag)
            {
                entry.shared_tags.push(checked);
            }
        }
        Ok(())
    }

    fn checked(&mut self, tag: &[u8]) -> Result<String, Refusal> {
        let line = self.lines.last().copied().unwrap_or_default();
        self.tags += 1;
        if self.tags > MAX_TAGS {
            return Err(Problem::TooManyTags.at(line));
        }
        match std::str::from_utf8(tag) {
            Ok(text) if is_tag(tag) => Ok(text.to_owned()),
            _ => Err(Problem::Tag(shown(tag)).at(line)),
        }
    }

    /// The file, unless a tag means two things. A shared tag may be met again, as one alone.
    fn finish(self) -> Result<LibraryFile, Refusal> {
        let mut is_shared: HashMap<&str, bool> = HashMap::with_capacity(self.tags);
        for (entry, line) in self.entries.iter().zip(&self.lines) {
            let own = entry.tags.iter().map(|tag| (tag, false));
            for (tag, shared) in own.chain(entry.shared_tags.iter().map(|tag| (tag, true))) {
                let before = is_shared.insert(tag, shared);
                if before.is_some_and(|before| !(before && shared)) {
                    return Err(Problem::RepeatedTag(tag.clone()).at(*line));
                }
            }
        }
        Ok(LibraryFile { entries: self.entries })
    }
}

/// Whether it is a tag as the distribution specification has it.
fn is_tag(text: &[u8]) -> bool {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    text.len() <= 128
        && text.first().is_some_and(is_word)
        && text.iter().all(|b| is_word(b) || matches!(b, b'.' | b'-'))
}

/// Whether it is `Full Name <address> (@handle)`, the address with its space being optional. None of them may
/// have an angle bracket or a parenthesis in it, so that each bracket has only one place where it can be.
fn is_maintainer(text: &[u8]) -> bool {
    let is_bracket = |b: &u8| matches!(b, b'<' | b'>' | b'(' | b')');
    let is_word =
        |word: &[u8]| !word.is_empty() && !word.iter().any(|b| is_bracket(b) || b.is_ascii_whitespace());
    let is_name = |name: &[u8]| {
        name.first().is_some_and(|b| !b.is_ascii_whitespace())
            && name.last().is_some_and(u8::is_ascii_whitespace)
            && !name.iter().any(is_bracket)
    };
    let Some((before, handle)) = split_at(text, b'(') else { return false };
    if !handle.strip_prefix(b"@").and_then(|handle| handle.strip_suffix(b")")).is_some_and(is_word) {
        return false;
    }
    let Some((name, address)) = split_at(before, b'<') else { return is_name(before) };
    let Some((address, space)) = split_at(address, b'>') else { return false };
    is_name(name) && is_word(address) && !space.is_empty() && space.iter().all(u8::is_ascii_whitespace)
}

/// Whether it is a branch or tag that bashbrew would fetch.
fn is_fetch(text: &[u8]) -> bool {
    let name = text.strip_prefix(b"refs/heads/").or_else(|| text.strip_prefix(b"refs/tags/"));
    name.is_some_and(|name| !name.is_empty() && !name.iter().any(|b| matches!(b, b'*' | b'?' | b':')))
}

/// Whether it is a commit of Git, by SHA-1 or SHA-256.
fn is_commit(text: &[u8]) -> bool {
    matches!(text.len(), 40 | 64) && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What is before and after the first `separator`.
fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

/// A text of the file, fit to be shown.
fn shown(text: &[u8]) -> String {
    // No character has more than four bytes, so that the rest cannot matter.
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)]);
    printable(&text).chars().take(SHOWN).collect()
}
