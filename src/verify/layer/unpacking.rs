//! A layer as engines unpack it: into a folder of its own, which comes on top of those of the lower layers.
//!
//! So a link of a lower layer is followed nowhere on the way to an entry, and neither is a lower layer's file there for
//! a hard link. Sources: containerd's `archive/tar.go` and moby's `go-archive/diff.go`, both with overlay, and what
//! podman 4.3 does with such layers.

use super::entries::{Entries, Full, Kind, ROOT, Value};
use super::{Entry, Node};

/// How many links are followed on the way to an entry: as many as containerd follows.
const MAX_LINKS: usize = 255;
/// How long a path may be, and a name in it: Linux takes no longer ones.
const MAX_PATH: usize = 4_095;
const MAX_NAME: usize = 255;

/// Why engines do not agree on what a layer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A whiteout, and something else at its path.
    Both,
    /// What is in the root of lower layers is to be gone.
    Root,
    /// A file is put where a link leads to nothing.
    Nowhere,
}

/// What is in the way of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// No engine can unpack it, and why.
    Impossible(String),
    /// Links lead further than is followed.
    TooFar,
    /// There is room for no more.
    Full,
}

impl From<Full> for Unfit {
    fn from(_: Full) -> Unfit {
        Unfit::Full
    }
}

/// A layer that is being unpacked.
#[derive(Debug)]
pub(super) struct Unpacking {
    pub(super) entries: Entries,
    /// The first path that engines do not agree on, and why.
    pub(super) doubt: Option<(Vec<u8>, Doubt)>,
    /// The first path that there is twice.
    pub(super) twice: Option<Vec<u8>>,
    /// Over how many folders links may still lead.
    steps: u64,
}

fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(&path[..path.len().min(MAX_NAME)]))
}

fn impossible<T>(text: String) -> Result<T, Unfit> {
    Err(Unfit::Impossible(text))
}

impl Unpacking {
    /// An empty one, in which links may lead over so many folders.
    pub(super) fn new(steps: u64) -> Unpacking {
        Unpacking { entries: Entries::default(), doubt: None, twice: None, steps }
    }

    fn doubt(&mut self, path: &[u8], why: Doubt) {
        self.doubt.get_or_insert_with(|| (path.to_vec(), why));
    }

    /// Puts an entry on what is there.
    pub(super) fn put(&mut self, Entry { path, node }: Entry) -> Result<(), Unfit> {
        if path.len() > MAX_PATH {
            return impossible(format!("the path {}… is longer than {MAX_PATH} bytes", shown(&path)));
        }
        if let Node::Opaque = node {
            let folder = self.folder(&path, &path)?;
            if folder == ROOT {
                self.doubt(&path, Doubt::Root);
            } else {
                self.entries.set_kind(folder, Kind::Opaque);
            }
            return Ok(());
        }
        let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], &path[..]),
        };
        if name.is_empty() {
            // The root itself.
            return Ok(());
        }
        let folder = self.folder(folder, &path)?;
        check_name(name)?;
        let old = self.entries.child(folder, name).map(|at| (at, self.entries.kind(at)));
        if let Some((_, kind)) = old
            && kind != Kind::Implied
            && !(kind == Kind::Opaque && matches!(node, Node::Folder))
            && (kind == Kind::Whiteout) == matches!(node, Node::Whiteout)
        {
            self.twice.get_or_insert_with(|| path.clone());
        }
        let value: Value = match node {
            Node::Opaque => return Ok(()),
            Node::Whiteout => {
                match old {
                    None => self.entries.put(folder, name, Kind::Whiteout, 0).map(drop)?,
                    Some((at, kind)) => {
                        if kind.is_folder() {
                            self.entries.set_kind(at, Kind::Opaque);
                        }
                        self.doubt(&path, Doubt::Both);
                    }
                }
                return Ok(());
            }
            Node::Folder => match old {
                Some((at, Kind::Implied)) => {
                    self.entries.set_kind(at, Kind::Folder);
                    return Ok(());
                }
                Some((_, Kind::Folder | Kind::Opaque)) => return Ok(()),
                Some((_, Kind::Whiteout)) => {
                    self.doubt(&path, Doubt::Both);
                    Kind::Opaque.into()
                }
                _ => Kind::Folder.into(),
            },
            Node::File(file) => self.entries.of_file(file)?,
            Node::Special => Kind::Special.into(),
            Node::Symlink(target) if target.is_empty() || target.len() > MAX_PATH => {
                let how = if target.is_empty() { "leads to no name" } else { "has too long a target" };
                return impossible(format!("the link {} {how}", shown(&path)));
            }
            Node::Symlink(target) => self.entries.of_text(Kind::Symlink, &target)?,
            Node::Hardlink(target) => {
                // What has its name goes before the link is made.
                if let Some((at, _)) = old {
                    self.entries.remove(at);
                }
                self.hardlink(&path, &target)?
            }
        };
        self.entries.put(folder, name, value, 0)?;
        Ok(())
    }

    /// The same as at `target`; a link to a lower layer where there is nothing in this one.
    fn hardlink(&mut self, path: &[u8], target: &[u8]) -> Result<Value, Unfit> {
        let no_file =
            || impossible(format!("{} is a hard link to {}, which is no file", shown(path), shown(target)));
        let (folder, name) = match target.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&target[..slash], &target[slash + 1..]),
            None => (&target[..0], target),
        };
        if name.is_empty() {
            return no_file();
        }
        if target.len() > MAX_PATH {
            return impossible(format!("the hard link {} has too long a target", shown(path)));
        }
        let found = self.walk(folder, path, false)?.and_then(|folder| self.entries.child(folder, name));
        match found.map(|at| (at, self.entries.kind(at))) {
            None => Ok(self.entries.of_text(Kind::Hardlink, target)?),
            Some((at, Kind::Whiteout)) => {
                self.doubt(path, Doubt::Both);
                Ok(self.entries.same(at))
            }
            Some((_, kind)) if kind.is_folder() => no_file(),
            Some((at, _)) => Ok(self.entries.same(at)),
        }
    }

    /// The folder at `path`, made where there is none, in order to put `entry` into it.
    fn folder(&mut self, path: &[u8], entry: &[u8]) -> Result<u32, Unfit> {
        // Where it is made, there is always one.
        Ok(self.walk(path, entry, true)?.unwrap_or(ROOT))
    }

    /// The folder at `path`, links of this layer followed. What is not there is made, or there is none.
    fn walk(&mut self, path: &[u8], entry: &[u8], make: bool) -> Result<Option<u32>, Unfit> {
        let (mut at, mut links) = (ROOT, 0);
        let mut begun: Vec<u8>;
        let mut rest = path;
        loop {
            let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let (part, behind) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
            if links > 0 {
                self.steps = self.steps.checked_sub(1).ok_or(Unfit::TooFar)?;
            }
            let found = match part {
                b"" | b"." => None,
                b".." => {
                    at = self.entries.parent(at);
                    None
                }
                part => Some(self.entries.child(at, part)),
            };
            match found.map(|found| found.map(|found| (found, self.entries.kind(found)))) {
                None => {}
                Some(Some((found, kind))) if kind.is_folder() => at = found,
                Some(Some((found, Kind::Symlink))) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return impossible(format!("links on the way to {} lead in a circle", shown(entry)));
                    }
                    let target = self.entries.text(found);
                    if target.starts_with(b"/") {
                        at = ROOT;
                    }
                    begun = [target, b"/", behind].concat();
                    rest = &begun;
                    continue;
                }
                Some(None) | Some(Some((_, Kind::Whiteout))) if !make => return Ok(None),
                Some(None) => {
                    check_name(part)?;
                    if links > 0 {
                        self.doubt(entry, Doubt::Nowhere);
                    }
                    at = self.entries.put(at, part, Kind::Implied, 0)?;
                }
                Some(Some((_, Kind::Whiteout))) => {
                    self.doubt(entry, Doubt::Both);
                    at = self.entries.put(at, part, Kind::Opaque, 0)?;
                }
                Some(Some((found, _))) => {
                    let file = self.entries.path(found);
                    return impossible(format!(
                        "{} lies in {}, which is no folder",
                        shown(entry),
                        shown(&file)
                    ));
                }
            }
            if behind.is_empty() {
                return Ok(Some(at));
            }
            rest = behind;
        }
    }
}

fn check_name(name: &[u8]) -> Result<(), Unfit> {
    match name.len() {
        0..=MAX_NAME => Ok(()),
        _ => impossible(format!("the name {}… is longer than {MAX_NAME} bytes", shown(name))),
    }
}
