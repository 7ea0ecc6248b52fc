//! The file system that an image's layers make: what a container sees.
//!
//! Source: the image specification, *layer.md*: whiteouts, opaque folders, and files of an upper layer in the place
//! of a lower one's. Links are followed as in the kernel, and never out of the root.

use std::collections::BTreeMap;
use std::sync::Arc;

use workson_oci::path::clean;

use super::layer::{Entry, File, Layer, Node};

/// How many symbolic links are followed on the way to one file: as many as Linux follows.
const MAX_LINKS: usize = 40;

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

/// A path, and which layer it comes from, counted from 0.
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
    /// Paths without slashes at their ends. The root is not in it.
    nodes: BTreeMap<Vec<u8>, Placed>,
    layers: usize,
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
}

impl Tree {
    /// Puts a layer on top. Its whiteouts take away what lower layers have, wherever in the layer they stand.
    pub fn add(&mut self, layer: &Layer) {
        let number = self.layers;
        self.layers += 1;
        for entry in &layer.entries {
            match &entry.node {
                Node::Whiteout => {
                    let path = self.parent_resolved(&entry.path);
                    self.remove(&path, Some(number));
                }
                Node::Opaque => {
                    let path = self.resolved_folder(&entry.path);
                    self.remove_below(&path, Some(number));
                }
                _ => {}
            }
        }
        for entry in &layer.entries {
            self.put(entry, number);
        }
    }

    fn put(&mut self, entry: &Entry, layer: usize) {
        if entry.path.is_empty() {
            return;
        }
        let path = self.parent_resolved(&entry.path);
        let found = match &entry.node {
            Node::Whiteout | Node::Opaque => return,
            Node::Folder => {
                if matches!(self.nodes.get(&path), Some(Placed { found: Found::Folder, .. })) {
                    return;
                }
                Found::Folder
            }
            Node::File(file) => Found::File(file.clone()),
            Node::Symlink(target) => Found::Symlink(target.clone()),
            Node::Special => Found::Special,
            Node::Hardlink(target) => {
                let target = self.parent_resolved(target);
                match self.nodes.get(&target) {
                    Some(placed) => placed.found.clone(),
                    // A link to nothing makes nothing.
                    None => return,
                }
            }
        };
        self.make_parents(&path, layer);
        if !matches!(found, Found::Folder) {
            self.remove_below(&path, None);
        }
        self.nodes.insert(path, Placed { found, layer });
    }

    fn make_parents(&mut self, path: &[u8], layer: usize) {
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let parent = &path[..at];
            if !matches!(self.nodes.get(parent), Some(Placed { found: Found::Folder, .. })) {
                self.nodes.insert(parent.to_vec(), Placed { found: Found::Folder, layer });
            }
        }
    }

    /// A path of which all but the last part is real: links on the way are followed.
    fn parent_resolved(&self, path: &[u8]) -> Vec<u8> {
        match path.iter().rposition(|byte| *byte == b'/') {
            None => path.to_vec(),
            Some(slash) => {
                let mut folder = self.resolved_folder(&path[..slash]);
                if !folder.is_empty() {
                    folder.push(b'/');
                }
                folder.extend_from_slice(&path[slash + 1..]);
                folder
            }
        }
    }

    /// The real path of a folder, as far as there is one; what is not there is taken as it is.
    fn resolved_folder(&self, path: &[u8]) -> Vec<u8> {
        match self.walk(path, true) {
            Ok(real) => real,
            Err(_) => path.to_vec(),
        }
    }

    fn remove(&mut self, path: &[u8], before: Option<usize>) {
        let is_lower = |placed: &Placed| before.is_none_or(|layer| placed.layer < layer);
        if self.nodes.get(path).is_some_and(is_lower) {
            self.nodes.remove(path);
        }
        self.remove_below(path, before);
    }

    fn remove_below(&mut self, path: &[u8], before: Option<usize>) {
        let prefix = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        let below: Vec<Vec<u8>> = self
            .nodes
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .filter(|(_, placed)| before.is_none_or(|layer| placed.layer < layer))
            .map(|(name, _)| name.clone())
            .collect();
        for name in below {
            self.nodes.remove(&name);
        }
    }

    /// Follows all links on the way to `path`; the real path. With `partly`, what is not there is no error.
    fn walk(&self, path: &[u8], partly: bool) -> Result<Vec<u8>, Missing> {
        let mut rest: Vec<Vec<u8>> = parts(path);
        let mut real: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == b".." {
                let end = real.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                real.truncate(end);
                continue;
            }
            let mut next = real.clone();
            if !next.is_empty() {
                next.push(b'/');
            }
            next.extend_from_slice(&part);
            match self.nodes.get(&next).map(|placed| &placed.found) {
                Some(Found::Symlink(target)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Missing::Loop);
                    }
                    if target.starts_with(b"/") {
                        real.clear();
                    }
                    rest.extend(parts(target));
                }
                Some(Found::Folder) => real = next,
                Some(_) if rest.is_empty() => real = next,
                Some(_) if partly => real = next,
                Some(_) => return Err(Missing::NoFolder(next)),
                None if partly => real = next,
                None => return Err(Missing::Absent(next)),
            }
        }
        Ok(real)
    }

    /// What `path` leads to in the end, and its real path.
    ///
    /// # Errors
    /// Where it leads nowhere.
    pub fn resolve(&self, path: &[u8]) -> Result<(Vec<u8>, &Placed), Missing> {
        let real = self.walk(path, false)?;
        match self.nodes.get(&real) {
            Some(placed) => Ok((real, placed)),
            None => Err(Missing::Absent(real)),
        }
    }

    /// The file that `path` leads to, its real path, and the layer it comes from.
    ///
    /// # Errors
    /// Where it leads nowhere, or to no file.
    pub fn file(&self, path: &[u8]) -> Result<(Vec<u8>, &Arc<File>, usize), Missing> {
        let (real, placed) = self.resolve(path)?;
        match &placed.found {
            Found::File(file) => Ok((real, file, placed.layer)),
            _ => Err(Missing::Absent(real)),
        }
    }

    /// All that stands there, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Placed)> {
        self.nodes.iter().map(|(path, placed)| (path.as_slice(), placed))
    }

    /// The files of a folder, by their names.
    pub fn folder(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Ok(real) = self.walk(&clean(path), false) else { return Vec::new() };
        let prefix = if real.is_empty() { Vec::new() } else { [real.as_slice(), b"/"].concat() };
        self.nodes
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(name, _)| name[prefix.len()..].to_vec())
            .filter(|name| !name.is_empty() && !name.contains(&b'/'))
            .collect()
    }
}

/// The parts of a path, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(<[u8]>::to_vec).rev().collect()
}
