//! What stands at which path, in little room: a layer may have a million entries.
//!
//! An entry is 24 bytes, its name among all names, and a place in a table by which it is found: some 50 bytes. A file
//! that can't be started takes no more than that; what tells how a program is started is kept beside it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::{Content, Entry, File, Node, Permissions};

/// The number of the root.
pub(in super::super) const ROOT: u32 = 0;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A folder that no entry names: something lies in it.
    Implied,
    /// A folder.
    Folder,
    /// A folder of which lower layers' part is gone.
    Opaque,
    /// A file of which nothing but its permissions and its length is kept.
    Plain,
    /// A file of which more is kept.
    File,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe.
    Special,
    /// What a lower layer has here is gone.
    Whiteout,
    /// A further name of a file that is not in this layer.
    Hardlink,
    /// Nothing any more.
    Gone,
}

impl Kind {
    pub(in super::super) fn is_folder(self) -> bool {
        matches!(self, Kind::Implied | Kind::Folder | Kind::Opaque)
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Where its name begins.
    name: u32,
    /// The folder it lies in.
    parent: u32,
    /// What came into this folder before it; [`ROOT`] for the first.
    next: u32,
    /// Of a folder, what came into it last, or [`ROOT`]; of a plain file and of a link's text, the length.
    first: u32,
    /// Of a plain file, which permissions; of another, which file; of a link, where its text begins.
    detail: u32,
    layer: u16,
    kind: Kind,
    name_length: u8,
}

/// What an entry is, with where more of it is.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Value {
    kind: Kind,
    first: u32,
    detail: u32,
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Value {
        Value { kind, first: 0, detail: 0 }
    }
}

/// There is room for no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Full;

/// What stands at which path.
#[derive(Debug)]
pub struct Entries {
    slots: Vec<Slot>,
    /// Names and texts of links, one after the other.
    texts: Vec<u8>,
    /// Numbers of entries at the places that their folder and name lead to; [`ROOT`] where there is none. There is
    /// always a free place.
    table: Vec<u32>,
    filled: usize,
    hasher: RandomState,
    files: Vec<Arc<File>>,
    permissions: Vec<Permissions>,
    permission_numbers: HashMap<Permissions, u32>,
}

impl Default for Entries {
    fn default() -> Entries {
        let root = Slot {
            name: 0,
            parent: ROOT,
            next: ROOT,
            first: ROOT,
            detail: 0,
            layer: 0,
            kind: Kind::Implied,
            name_length: 0,
        };
        Entries {
            slots: vec![root],
            texts: Vec::new(),
            table: vec![ROOT; 16],
            filled: 0,
            hasher: RandomState::new(),
            files: Vec::new(),
            permissions: Vec::new(),
            permission_numbers: HashMap::new(),
        }
    }
}

impl Entries {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries, by folder and name.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let named = self.walk().filter(|(_, at)| self.kind(*at) != Kind::Implied);
        named.map(|(path, at)| Entry { path, node: self.node(at) })
    }

    /// The numbers of all entries with their paths, by folder and name; folders that no entry names included.
    pub(in super::super) fn walk(&self) -> impl Iterator<Item = (Vec<u8>, u32)> {
        let mut due = self.children(ROOT);
        due.reverse();
        std::iter::from_fn(move || {
            let at = due.pop()?;
            let begin = due.len();
            due.extend(self.children(at));
            due[begin..].reverse();
            Some((self.path(at), at))
        })
    }

    /// What a number stands for.
    pub(in super::super) fn node(&self, at: u32) -> Node {
        match self.kind(at) {
            Kind::Implied | Kind::Folder | Kind::Gone => Node::Folder,
            Kind::Opaque => Node::Opaque,
            Kind::Plain | Kind::File => self.file(at).map_or(Node::Special, Node::File),
            Kind::Symlink => Node::Symlink(self.text(at).to_vec()),
            Kind::Special => Node::Special,
            Kind::Whiteout => Node::Whiteout,
            Kind::Hardlink => Node::Hardlink(self.text(at).to_vec()),
        }
    }

    /// The file of this number.
    pub(in super::super) fn file(&self, at: u32) -> Option<Arc<File>> {
        let slot = self.slots[at as usize];
        match slot.kind {
            Kind::Plain => {
                let permissions = self.permissions[slot.detail as usize];
                let size = slot.first.into();
                Some(Arc::new(File { size, permissions, content: Content::Other }))
            }
            Kind::File => Some(Arc::clone(&self.files[slot.detail as usize])),
            _ => None,
        }
    }

    pub(in super::super) fn kind(&self, at: u32) -> Kind {
        self.slots[at as usize].kind
    }

    pub(in super::super) fn set_kind(&mut self, at: u32, kind: Kind) {
        self.slots[at as usize].kind = kind;
    }

    pub(in super::super) fn layer(&self, at: u32) -> usize {
        self.slots[at as usize].layer.into()
    }

    pub(in super::super) fn set_layer(&mut self, at: u32, layer: u16) {
        self.slots[at as usize].layer = layer;
    }

    pub(in super::super) fn parent(&self, at: u32) -> u32 {
        self.slots[at as usize].parent
    }

    pub(in super::super) fn name(&self, at: u32) -> &[u8] {
        let slot = &self.slots[at as usize];
        &self.texts[slot.name as usize..][..slot.name_length.into()]
    }

    /// The text of a link.
    pub(in super::super) fn text(&self, at: u32) -> &[u8] {
        let slot = &self.slots[at as usize];
        match slot.kind {
            Kind::Symlink | Kind::Hardlink => &self.texts[slot.detail as usize..][..slot.first as usize],
            _ => &[],
        }
    }

    /// The path of this number.
    pub(in super::super) fn path(&self, mut at: u32) -> Vec<u8> {
        let mut path = Vec::new();
        while at != ROOT {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(self.name(at).iter().rev());
            at = self.parent(at);
        }
        path.reverse();
        path
    }

    /// What lies in a folder, by name.
    pub(in super::super) fn children(&self, folder: u32) -> Vec<u32> {
        let mut found: Vec<u32> = self.below(folder).collect();
        found.sort_unstable_by_key(|at| self.name(*at));
        found
    }

    /// What lies in a folder, in any order.
    pub(in super::super) fn below(&self, folder: u32) -> impl Iterator<Item = u32> {
        let slot = self.slots[folder as usize];
        let first = if slot.kind.is_folder() { slot.first } else { ROOT };
        let some = |at: u32| (at != ROOT).then_some(at);
        std::iter::successors(some(first), move |at| some(self.slots[*at as usize].next))
            .filter(|at| self.kind(*at) != Kind::Gone)
    }

    /// All numbers but the root's.
    pub(in super::super) fn numbers(&self) -> std::ops::Range<u32> {
        1..self.slots.len() as u32
    }

    /// What has this name in a folder.
    pub(in super::super) fn child(&self, folder: u32, name: &[u8]) -> Option<u32> {
        let at = self.table[self.place(folder, name)];
        (at != ROOT && self.kind(at) != Kind::Gone).then_some(at)
    }

    /// Where in the table this name is, or would be.
    fn place(&self, folder: u32, name: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut place = self.hasher.hash_one((folder, name)) as usize & mask;
        loop {
            let at = self.table[place];
            if at == ROOT || (self.parent(at) == folder && self.name(at) == name) {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    /// Puts something into a folder, in the place of what has this name there: with that, all goes that lies below it.
    pub(in super::super) fn put(
        &mut self,
        folder: u32,
        name: &[u8],
        value: impl Into<Value>,
        layer: u16,
    ) -> Result<u32, Full> {
        let Value { kind, first, detail } = value.into();
        let place = self.place(folder, name);
        let old = self.table[place];
        let name_length = u8::try_from(name.len()).map_err(|_| Full)?;
        if old != ROOT && !matches!(self.kind(old), Kind::Implied | Kind::Folder | Kind::Opaque | Kind::Gone)
        {
            // Nothing lies below it, so that its number may stay.
            let slot = &mut self.slots[old as usize];
            *slot = Slot { first, detail, layer, kind, ..*slot };
            return Ok(old);
        }
        let number = u32::try_from(self.slots.len()).map_err(|_| Full)?;
        let name_at = if old == ROOT { self.keep(name)? } else { self.slots[old as usize].name };
        let next = self.slots[folder as usize].first;
        self.slots.push(Slot {
            name: name_at,
            parent: folder,
            next,
            first,
            detail,
            layer,
            kind,
            name_length,
        });
        self.slots[folder as usize].first = number;
        self.table[place] = number;
        if old == ROOT {
            self.filled += 1;
            if self.filled * 4 > self.table.len() * 3 {
                self.widen();
            }
        } else {
            self.set_kind(old, Kind::Gone);
        }
        Ok(number)
    }

    /// Takes away what has this number, with all that lies below it.
    pub(in super::super) fn remove(&mut self, at: u32) {
        self.set_kind(at, Kind::Gone);
    }

    /// Makes the table twice as long.
    fn widen(&mut self) {
        let old = std::mem::take(&mut self.table);
        self.table = vec![ROOT; old.len() * 2];
        for at in old.into_iter().filter(|at| *at != ROOT) {
            let place = self.place(self.parent(at), self.name(at));
            self.table[place] = at;
        }
    }

    fn keep(&mut self, text: &[u8]) -> Result<u32, Full> {
        let begin = u32::try_from(self.texts.len()).map_err(|_| Full)?;
        self.texts.extend_from_slice(text);
        Ok(begin)
    }

    /// A file, to be put somewhere.
    pub(in super::super) fn of_file(&mut self, file: Arc<File>) -> Result<Value, Full> {
        if matches!(file.content, Content::Other)
            && let Ok(first) = u32::try_from(file.size)
        {
            let known = self.permission_numbers.get(&file.permissions).copied();
            let detail = match known {
                Some(number) => number,
                None => {
                    let number = u32::try_from(self.permissions.len()).map_err(|_| Full)?;
                    self.permissions.push(file.permissions);
                    self.permission_numbers.insert(file.permissions, number);
                    number
                }
            };
            return Ok(Value { kind: Kind::Plain, first, detail });
        }
        let detail = u32::try_from(self.files.len()).map_err(|_| Full)?;
        self.files.push(file);
        Ok(Value { kind: Kind::File, first: 0, detail })
    }

    /// A link with this text, to be put somewhere.
    pub(in super::super) fn of_text(&mut self, kind: Kind, text: &[u8]) -> Result<Value, Full> {
        let first = u32::try_from(text.len()).map_err(|_| Full)?;
        Ok(Value { kind, first, detail: self.keep(text)? })
    }

    /// The same as what has this number, to be put somewhere else. Nothing lies below it.
    pub(in super::super) fn same(&self, at: u32) -> Value {
        let Slot { kind, first, detail, .. } = self.slots[at as usize];
        Value { kind, first, detail }
    }

    /// What another one has at a number, to be put here.
    pub(in super::super) fn taken(&mut self, other: &Entries, at: u32) -> Result<Value, Full> {
        match other.kind(at) {
            kind @ (Kind::Symlink | Kind::Hardlink) => self.of_text(kind, other.text(at)),
            kind => match other.file(at) {
                Some(file) => self.of_file(file),
                None => Ok(kind.into()),
            },
        }
    }

    /// How many numbers there are, and how many bytes are kept beside them.
    pub(super) fn room(&self) -> (u64, u64) {
        // Twice in the list and its index.
        let permissions = self.permissions.len() * size_of::<Permissions>() * 3;
        (self.slots.len() as u64, (self.texts.len() + permissions) as u64)
    }
}
