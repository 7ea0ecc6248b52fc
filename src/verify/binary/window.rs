//! The parts of a file that are kept while it passes by once.

use std::ops::Range;

use object::read::ReadRef;

/// How much of a file's beginning is kept. What a loader needs stands in its first segment.
const BEGINNING: usize = 8 << 20;
/// How much of its end is kept: attributes and the table of sections.
const END: u64 = 256 << 10;
/// How many further parts are kept, and how long they may be together.
const PARTS: usize = 16;
const FURTHER: u64 = 1 << 20;

/// A file that is read from its beginning to its end, once, and not kept whole: at most some 9 MiB of it.
///
/// One window serves many files, one after the other, and keeps its memory.
#[derive(Debug, Default)]
pub struct Window {
    /// How long the file says it is.
    size: u64,
    /// How much has passed by.
    length: u64,
    /// How much of the beginning is kept.
    kept: usize,
    beginning: Vec<u8>,
    wanted: Vec<(Range<u64>, Vec<u8>)>,
    room: u64,
}

impl Window {
    /// One that holds nothing yet.
    pub const fn new() -> Window {
        Window { size: 0, length: 0, kept: 0, beginning: Vec::new(), wanted: Vec::new(), room: 0 }
    }

    /// Takes the memory that a file of so many bytes needs, at once: what grows bit by bit leaves holes behind.
    pub fn widen(&mut self, bytes: usize) {
        self.beginning.clear();
        self.beginning.reserve_exact(bytes.min(BEGINNING));
    }

    /// Forgets what it holds: what follows is a file that says it has `size` bytes.
    pub fn begin(&mut self, size: u64) {
        self.size = size;
        self.length = 0;
        self.kept = BEGINNING;
        self.beginning.clear();
        self.wanted.clear();
        self.room = FURTHER + END;
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let at = self.length;
        let next = at.saturating_add(bytes.len() as u64);
        if at == self.beginning.len() as u64 {
            let room = self.kept.saturating_sub(self.beginning.len());
            self.beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        for (range, kept) in &mut self.wanted {
            let (from, to) = (range.start.max(at), range.end.min(next));
            if from < to {
                kept.extend_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
            }
        }
        self.length = next;
    }

    /// Asks for parts to be kept that have not passed by yet. Parts too many or too long are passed over.
    pub fn want(&mut self, parts: &[Range<u64>]) {
        for range in parts {
            let length = range.end.saturating_sub(range.start);
            let is_kept = range.start < self.length || range.end <= self.kept as u64;
            let is_there = length > 0 && range.end <= self.size;
            if is_there && !is_kept && self.wanted.len() < PARTS && length <= self.room {
                self.room -= length;
                self.wanted.push((range.clone(), Vec::new()));
            }
        }
    }

    /// Asks for the end to be kept.
    pub fn want_end(&mut self) {
        let end = self.size.saturating_sub(END).max(self.kept as u64)..self.size;
        self.want(&[end]);
    }

    /// Asks for these parts, and for nothing more of the beginning than has passed by.
    pub fn want_only(&mut self, parts: &[Range<u64>]) {
        let begun = parts.iter().filter(|range| range.start < self.length).map(|range| range.end).max();
        let begun = usize::try_from(begun.unwrap_or(0)).unwrap_or(usize::MAX);
        self.kept = begun.clamp(self.beginning.len(), BEGINNING);
        self.want(parts);
    }

    /// Whether anything of what is still to come is kept.
    pub fn wants_more(&self) -> bool {
        (self.beginning.len() as u64 == self.length && self.beginning.len() < self.kept)
            || self.wanted.iter().any(|(range, _)| range.end > self.length)
    }

    /// The bytes of the beginning that are there.
    pub fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// A part of it, where it was kept.
    pub fn part(&self, range: Range<u64>) -> Option<&[u8]> {
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        self.kept_from(range.start).find_map(|bytes| bytes.get(..length))
    }

    /// What was kept from there on.
    fn kept_from(&self, start: u64) -> impl Iterator<Item = &[u8]> {
        let further = self.wanted.iter().map(|(wanted, bytes)| (wanted.start, &bytes[..]));
        let kept = std::iter::once((0, &self.beginning[..])).chain(further);
        kept.filter_map(move |(from, bytes)| bytes.get(usize::try_from(start.checked_sub(from)?).ok()?..))
    }
}

impl<'a> ReadRef<'a> for &'a Window {
    fn len(self) -> Result<u64, ()> {
        Ok(self.size)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.part(offset..offset.checked_add(size).ok_or(())?).ok_or(())
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        // As much of the range as was kept.
        let length = usize::try_from(range.end.checked_sub(range.start).ok_or(())?).map_err(drop)?;
        self.kept_from(range.start)
            .find_map(|bytes| {
                let bytes = &bytes[..bytes.len().min(length)];
                bytes.iter().position(|byte| *byte == delimiter).map(|stop| &bytes[..stop])
            })
            .ok_or(())
    }
}
