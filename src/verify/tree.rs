//! The file system that an image's layers make: what a container sees.
//!
//! Source: the image specification, *layer.md*: whiteouts, opaque folders, and files of an upper layer in the place
//! of a lower one's; as engines with overlay take it, who lay folders on top of each other. Links are followed as in the
//! kernel, and never out of the root.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layer::entries::{Full, Kind, ROOT, Value};
use super::layer::{Entries, File};

/// How many symbolic links are followed on the way to one file: as many as Linux follows.
const MAX_LINKS: usize = 40;
/// How many hard links of one layer may lead to lower ones. Engines with overlay unpack none of them.
const MAX_HARDLINKS: usize = 1_000;

/// What stands at a path in the end.
#[derive(Debug, Clone)]
pub enum Found {
    /// A folder.
    Folder,
    /// A file.
    File(Arc<File>),
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A device, a socket or a pipe.
    Special,
}

/// What stands at a path, and which layer it comes from, counted from 0.
#[derive(Debug, Clone)]
pub struct Placed {
    /// What stands there.
    pub found: Found,
    /// The layer.
    pub layer: usize,
}

/// The file system.
#[derive(Debug, Default)]
pub struct Tree {
    entries: Entries,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// There is nothing at this path.
    Absent(Vec<u8>),
    /// Links lead in a circle, or too far.
    Loop,
    /// A part of it is no folder.
    NoFolder(Vec<u8>),
    /// There is a folder there, or something else that is no file.
    NoFile(Vec<u8>),
}

/// A hard link that does not lead to a file of its own layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardlink {
    /// Its path.
    pub path: Vec<u8>,
    /// Where it leads.
    pub target: Vec<u8>,
    /// Whether a lower layer has a file there.
    pub is_lower: bool,
}

/// There are more entries than can be counted, or more hard links to lower layers than are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl From<Full> for TooMany {
    fn from(_: Full) -> TooMany {
        TooMany
    }
}

impl Tree {
    /// Puts on top what a layer makes, which is the `number`th one. Returned is a hard link that does not lead to a
    /// file of the same layer, if there is one; rather one that leads to nothing.
    ///
    /// # Errors
    /// Where there is too much to be put there.
    pub fn add(&mut self, upper: Entries, number: usize) -> Result<Option<Hardlink>, TooMany> {
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let (told, links) = self.hardlinks(&upper)?;
        if self.entries.numbers().is_empty() {
            // What comes first is not put on anything.
            self.entries = upper;
            for at in self.entries.numbers() {
                self.entries.set_layer(at, number);
                if matches!(self.entries.kind(at), Kind::Whiteout | Kind::Hardlink) {
                    self.entries.remove(at);
                }
            }
            return Ok(told);
        }
        let mut due = vec![(ROOT, ROOT)];
        while let Some((from, to)) = due.pop() {
            for at in upper.below(from) {
                let name = upper.name(at);
                let old = self.entries.child(to, name);
                let value = match (upper.kind(at), old) {
                    (Kind::Implied | Kind::Folder, Some(old)) if self.entries.kind(old).is_folder() => {
                        due.push((at, old));
                        continue;
                    }
                    (Kind::Implied | Kind::Folder | Kind::Opaque, _) => {
                        due.push((at, self.entries.put(to, name, Kind::Folder, number)?));
                        continue;
                    }
                    (Kind::Whiteout, _) => None,
                    (Kind::Hardlink, _) => links.get(&at).copied(),
                    _ => Some(self.entries.taken(&upper, at)?),
                };
                match (value, old) {
                    (Some(value), _) => drop(self.entries.put(to, name, value, number)?),
                    (None, Some(old)) => self.entries.remove(old),
                    (None, None) => {}
                }
            }
        }
        Ok(told)
    }

    /// What the hard links of a layer lead to that do not lead to a file of the same layer, by their numbers; and one
    /// of these links, rather one that leads to nothing.
    fn hardlinks(&self, upper: &Entries) -> Result<(Option<Hardlink>, BTreeMap<u32, Value>), TooMany> {
        let (mut told, mut found): (Option<Hardlink>, _) = (None, BTreeMap::new());
        if !upper.numbers().any(|at| upper.kind(at) == Kind::Hardlink) {
            return Ok((told, found));
        }
        let mut count = 0;
        for (path, at) in upper.walk().filter(|(_, at)| upper.kind(*at) == Kind::Hardlink) {
            count += 1;
            if count > MAX_HARDLINKS {
                return Err(TooMany);
            }
            let target = upper.text(at);
            // What has its own name goes before the link is made.
            let lower = if target == path { None } else { self.lower(target) };
            if told.as_ref().is_none_or(|told| told.is_lower && lower.is_none()) {
                told = Some(Hardlink { path, target: target.to_vec(), is_lower: lower.is_some() });
            }
            found.extend(lower.map(|value| (at, value)));
        }
        Ok((told, found))
    }

    /// What a hard link to this path leads to.
    fn lower(&self, target: &[u8]) -> Option<Value> {
        let (folder, name) = match target.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&target[..slash], &target[slash + 1..]),
            None => (&target[..0], target),
        };
        let at = self.walk(folder).ok().and_then(|folder| self.entries.child(folder, name))?;
        (!self.entries.kind(at).is_folder()).then(|| self.entries.same(at))
    }

    /// Follows all links on the way to `path`, and where it leads in the end.
    fn walk(&self, path: &[u8]) -> Result<u32, Missing> {
        let (mut at, mut links) = (ROOT, 0);
        let mut begun: Vec<u8>;
        let mut rest = path;
        loop {
            let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let (part, behind) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
            rest = behind;
            match part {
                b"" | b"." => {}
                b".." => at = self.entries.parent(at),
                part => match self.entries.child(at, part) {
                    None => return Err(Missing::Absent(joined(self.entries.path(at), part))),
                    Some(found) if self.entries.kind(found) == Kind::Symlink => {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(Missing::Loop);
                        }
                        let target = self.entries.text(found);
                        if target.starts_with(b"/") {
                            at = ROOT;
                        }
                        begun = [target, b"/", behind].concat();
                        rest = &begun;
                    }
                    Some(found) => {
                        at = found;
                        if !self.entries.kind(at).is_folder() && has_parts(rest) {
                            return Err(Missing::NoFolder(self.entries.path(at)));
                        }
                    }
                },
            }
            if rest.is_empty() {
                return Ok(at);
            }
        }
    }

    fn placed(&self, at: u32) -> Placed {
        let found = match self.entries.kind(at) {
            Kind::Plain | Kind::File => self.entries.file(at).map_or(Found::Special, Found::File),
            Kind::Symlink => Found::Symlink(self.entries.text(at).to_vec()),
            kind if kind.is_folder() => Found::Folder,
            _ => Found::Special,
        };
        Placed { found, layer: self.entries.layer(at) }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.below(ROOT).next().is_none()
    }

    /// What `path` leads to in the end, and its real path.
    ///
    /// # Errors
    /// Where it leads nowhere.
    pub fn resolve(&self, path: &[u8]) -> Result<(Vec<u8>, Placed), Missing> {
        let at = self.walk(path)?;
        Ok((self.entries.path(at), self.placed(at)))
    }

    /// The file that `path` leads to, its real path, and the layer it comes from.
    ///
    /// # Errors
    /// Where it leads nowhere, or to no file.
    pub fn file(&self, path: &[u8]) -> Result<(Vec<u8>, Arc<File>, usize), Missing> {
        let at = self.walk(path)?;
        let real = self.entries.path(at);
        match self.entries.file(at) {
            Some(file) => Ok((real, file, self.entries.layer(at))),
            None => Err(Missing::NoFile(real)),
        }
    }

    /// All that stands there, by folder and name.
    pub fn iter(&self) -> impl Iterator<Item = (Vec<u8>, Placed)> {
        self.entries.walk().map(|(path, at)| (path, self.placed(at)))
    }

    /// What lies in a folder, by name.
    pub fn folder(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Ok(at) = self.walk(path) else { return Vec::new() };
        self.entries.children(at).into_iter().map(|at| self.entries.name(at).to_vec()).collect()
    }
}

fn joined(mut path: Vec<u8>, name: &[u8]) -> Vec<u8> {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Whether a path leads anywhere from where it begins.
fn has_parts(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| !part.is_empty() && part != b".")
}

#[cfg(test)]
mod tests;
