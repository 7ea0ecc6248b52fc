//! What a dynamic loader would do: find the loader and every library that a program needs.
//!
//! Sources: `ld.so(8)` and glibc's `elf/dl-load.c` and `elf/dl-version.c` for glibc; musl's `ldso/dynlink.c`. glibc
//! reads the cache that `ldconfig` makes of `ld.so.conf`, never `ld.so.conf` itself: that tells why something is absent.

mod cache;
mod configured;
mod search;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use self::search::{Search, absolute};
use super::binary::elf::{Elf, Entry, FloatAbi, Kind, Loader};
use super::layer::{Content, File};
use super::startup::{Command, Program};
use super::tree::{Missing, Tree};

/// How many objects one program may be made of.
const MAX_OBJECTS: usize = 4_096;
/// The smallest pages that there are: what a file lacks of its last one reads as nought.
const PAGE: u64 = 4_096;

/// Something that keeps a program from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Its loader is not there.
    NoLoader {
        /// The program, and the loader that it asks for.
        program: Vec<u8>,
        /// The path of the loader.
        loader: Vec<u8>,
    },
    /// Its loader is no ELF file, or one for another machine.
    WrongLoader {
        /// The program.
        program: Vec<u8>,
        /// The path of the loader.
        loader: Vec<u8>,
        /// What it is.
        is: String,
    },
    /// A library is nowhere to be found.
    NoLibrary {
        /// Who needs it.
        by: Vec<u8>,
        /// Its name.
        library: Vec<u8>,
        /// Where it is, in a folder that `ld.so.conf` names and of which the loader's cache does not know.
        uncached: Option<Vec<u8>>,
    },
    /// What is found as a library is none that can be loaded.
    WrongLibrary {
        /// Who needs it.
        by: Vec<u8>,
        /// Its name.
        library: Vec<u8>,
        /// Where it is.
        at: Vec<u8>,
        /// What it is.
        is: String,
    },
    /// A library lacks a version that is needed of it.
    NoVersion {
        /// Who needs it.
        by: Vec<u8>,
        /// The path of the library.
        library: Vec<u8>,
        /// The version, like `GLIBC_2.34`.
        version: Vec<u8>,
    },
    /// A file is shorter than what is to be loaded of it.
    CutOff {
        /// The file.
        object: Vec<u8>,
        /// How long it has to be, in bytes.
        reach: u64,
        /// How long it is.
        size: u64,
        /// Whether even the headers that tell what is to be loaded are not all there.
        is_headless: bool,
    },
    /// What is to be started is nothing that begins to run.
    NoProgram {
        /// The file.
        object: Vec<u8>,
        /// Why not.
        why: &'static str,
    },
    /// A library of `LD_PRELOAD` can't be loaded, which glibc says and musl does not; both go on without it.
    NotPreloaded {
        /// The program.
        program: Vec<u8>,
        /// The name of the library.
        library: Vec<u8>,
    },
    /// A program is marked as one for another system. The kernel starts it all the same, and most of them die of it.
    OtherSystem {
        /// The program.
        program: Vec<u8>,
        /// The system's name.
        system: &'static str,
    },
    /// A loader, or an object, is of another C library than the rest, so that it can't be told whether they agree.
    OtherLibc {
        /// The object.
        object: Vec<u8>,
        /// What it is.
        what: String,
    },
    /// Something about an object could not be read, so that it can't be told whether it loads.
    Unread {
        /// The object.
        object: Vec<u8>,
        /// What.
        what: String,
    },
}

impl Fault {
    /// Whether it is certain that the program does not start.
    pub fn is_certain(&self) -> bool {
        match self {
            // What is lacking of the last page alone may be nought in any case.
            Fault::CutOff { reach, size, is_headless, .. } => {
                *is_headless || *reach > size.next_multiple_of(PAGE)
            }
            Fault::NotPreloaded { .. }
            | Fault::OtherLibc { .. }
            | Fault::OtherSystem { .. }
            | Fault::Unread { .. } => false,
            _ => true,
        }
    }
}

/// A program and all that it is loaded with.
#[derive(Debug, Default)]
pub struct Linked {
    /// The real paths of all objects, the program first, its loader included.
    pub objects: Vec<Vec<u8>>,
    /// What keeps it from starting.
    pub faults: Vec<Fault>,
    /// The highest version of glibc that an object needs, like (2, 34).
    pub glibc_needed: Option<(u32, u32)>,
    /// The highest that the image's glibc gives.
    pub glibc_given: Option<(u32, u32)>,
}

/// What an object is for, as far as objects of one program have to agree.
pub fn described(elf: &Elf) -> String {
    let float = match elf.float_abi {
        Some(FloatAbi::Hard) => ", hard float",
        Some(FloatAbi::Soft) => ", soft float",
        Some(FloatAbi::Single) => ", single float",
        Some(FloatAbi::Double) => ", double float",
        Some(FloatAbi::Quad) => ", quad float",
        None => "",
    };
    format!("{}{float}", elf.machine)
}

/// What a file is that can't be loaded.
fn is(content: &Content) -> String {
    match content {
        Content::Elf(found) => format!("for {}", described(found)),
        _ => "no ELF file".to_owned(),
    }
}

/// Whether two objects can be loaded together.
fn agree(a: &Elf, b: &Elf) -> bool {
    a.machine == b.machine && floats_agree(a, b)
}

/// Whether two objects of one machine call each other in the same way.
fn floats_agree(a: &Elf, b: &Elf) -> bool {
    match (a.float_abi, b.float_abi) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// What is wrong with a file of which something is to be loaded, whatever it is for.
fn broken(path: &[u8], file: &File, elf: &Elf) -> Option<Fault> {
    let object = path.to_vec();
    if elf.reach > file.size {
        let (reach, size, is_headless) = (elf.reach, file.size, elf.headers_end > file.size);
        return Some(Fault::CutOff { object, reach, size, is_headless });
    }
    elf.unread.clone().map(|what| Fault::Unread { object, what })
}

/// Whether an object is a library that nothing can start: it asks for no loader, and has a need of one.
pub fn is_library(elf: &Elf) -> bool {
    let is_unaided = elf.interpreter.is_none() && elf.loader.is_none();
    elf.kind == Kind::Shared && (elf.entry == Entry::Absent || (is_unaided && !elf.needed.is_empty()))
}

/// Why a program does not begin to run.
fn unstartable(path: &[u8], elf: &Elf) -> Option<Fault> {
    let object = path.to_vec();
    let why = match elf.entry {
        _ if is_library(elf) => "it is a library, and no program",
        // What could not be read of it may say where it begins.
        _ if elf.unread.is_some() => return None,
        Entry::Absent => "it does not say where it begins to run",
        Entry::Outside => "it begins to run where nothing may be executed",
        Entry::Blank => "it is nothing but noughts where it begins to run",
        Entry::Doubtful => {
            let what = "it begins to run where newer kernels execute nothing".to_owned();
            return Some(Fault::Unread { object, what });
        }
        Entry::Code => return None,
    };
    Some(Fault::NoProgram { object, why })
}

/// Whether an object was made to be loaded with glibc.
fn is_for_glibc(elf: &Elf) -> bool {
    elf.needed.iter().any(|name| name == b"libc.so.6")
        || elf.versions_needed.iter().any(|needed| needed.version.starts_with(b"GLIBC_"))
}

/// Finds what a program is loaded with, where the image is started as `command` says.
pub fn link(tree: &Tree, program: &Program, command: &Command) -> Linked {
    let (path, file) = (&program.path, &program.file);
    let mut linked = Linked { objects: vec![path.clone()], ..Linked::default() };
    let Content::Elf(elf) = &file.content else { return linked };
    linked.faults.extend(broken(path, file, elf).into_iter().chain(unstartable(path, elf)));
    let system = elf.system.map(|system| Fault::OtherSystem { program: path.clone(), system });
    linked.faults.extend(system);
    let Some(interpreter) = &elf.interpreter else { return linked };
    let asked = absolute(&program.folder, interpreter);
    let loader = match find_loader(tree, path, elf, interpreter, &asked) {
        Ok(found) => found,
        Err(fault) => {
            linked.faults.push(fault);
            return linked;
        }
    };
    linked.objects.push(loader.path.clone());
    let Some(kind) = loader.elf().and_then(|elf| elf.loader.clone()) else {
        if !elf.needed.is_empty() {
            let what = format!("its loader {} is neither glibc's nor musl's", told_path(interpreter));
            linked.faults.push(Fault::OtherLibc { object: path.clone(), what });
        }
        return linked;
    };
    match Search::new(tree, program, elf, &kind, &loader, command) {
        Ok(search) => {
            let (named, file) = (absolute("/", path), file.clone());
            let program = Object { named, path: path.clone(), file, loaded_by: None };
            let linking =
                Linking { search, linked: &mut linked, objects: Vec::new(), names: BTreeMap::new() };
            linking.run(program, loader, interpreter, command);
        }
        Err(fault) => linked.faults.push(fault),
    }
    linked
}

/// A path as people write it.
fn told_path(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The loader that a program asks for, as the kernel takes it.
fn find_loader(
    tree: &Tree,
    path: &[u8],
    elf: &Elf,
    interpreter: &[u8],
    asked: &[u8],
) -> Result<Object, Fault> {
    let (program, loader) = (path.to_vec(), interpreter.to_vec());
    let Ok((real, file, _)) = tree.file(asked) else { return Err(Fault::NoLoader { program, loader }) };
    let found = match &file.content {
        Content::Unread(why) => return Err(Fault::Unread { object: real, what: (*why).to_owned() }),
        Content::Elf(found) if agree(elf, found) => found,
        content => return Err(Fault::WrongLoader { program, loader, is: is(content) }),
    };
    if !file.is_executable() {
        let is = "a file that nobody may execute".to_owned();
        return Err(Fault::WrongLoader { program, loader, is });
    }
    if !matches!(found.kind, Kind::Shared | Kind::Executable) {
        let is = "no file that can be loaded".to_owned();
        return Err(Fault::WrongLoader { program, loader, is });
    }
    if let Some(fault) = broken(&real, &file, found).or_else(|| unstartable(&real, found)) {
        return Err(fault);
    }
    Ok(Object { named: asked.to_vec(), path: real, file, loaded_by: None })
}

/// An object that was loaded, and by whom.
struct Object {
    /// The path at which it was found, from the root, with its links as they are.
    named: Vec<u8>,
    /// Its real path.
    path: Vec<u8>,
    file: Arc<File>,
    loaded_by: Option<usize>,
}

impl Object {
    fn elf(&self) -> Option<&Elf> {
        match &self.file.content {
            Content::Elf(elf) => Some(elf),
            _ => None,
        }
    }
}

/// The places that the program and its loader have among the objects.
const PROGRAM: usize = 0;
const LOADER: usize = 1;

struct Linking<'a> {
    search: Search<'a>,
    linked: &'a mut Linked,
    objects: Vec<Object>,
    /// Objects by the names that they are known by, to those that need them.
    names: BTreeMap<Vec<u8>, usize>,
}

impl Linking<'_> {
    fn run(mut self, program: Object, loader: Object, interpreter: &[u8], command: &Command) {
        self.names.insert(interpreter.to_vec(), LOADER);
        let mut files = BTreeMap::from([(Arc::as_ptr(&program.file), PROGRAM)]);
        files.insert(Arc::as_ptr(&loader.file), LOADER);
        self.objects = vec![program, loader];
        self.know(LOADER);
        let mut due: VecDeque<usize> = VecDeque::new();
        // What is loaded ahead takes the place of what is needed by that name.
        let ahead = command.variable("LD_PRELOAD").unwrap_or_default();
        for name in ahead.split([' ', ':']).filter(|name| !name.is_empty()) {
            match self.load(None, name.as_bytes(), &mut files) {
                Ok(new) => due.extend(new),
                Err(fault @ (Fault::CutOff { .. } | Fault::Unread { .. })) => self.linked.faults.push(fault),
                Err(_) => {
                    let (program, library) = (self.objects[PROGRAM].path.clone(), name.into());
                    self.linked.faults.push(Fault::NotPreloaded { program, library });
                }
            }
        }
        due.push_front(PROGRAM);
        while let Some(at) = due.pop_front() {
            let file = self.objects[at].file.clone();
            let Content::Elf(elf) = &file.content else { continue };
            for name in &elf.needed {
                if self.objects.len() >= MAX_OBJECTS {
                    let what = format!("it needs more than {MAX_OBJECTS} objects");
                    let object = self.objects[PROGRAM].path.clone();
                    self.linked.faults.push(Fault::Unread { object, what });
                    return self.finish();
                }
                match self.load(Some(at), name, &mut files) {
                    Ok(new) => due.extend(new),
                    Err(fault) => self.linked.faults.push(fault),
                }
            }
        }
        self.finish();
    }

    /// Loads what is needed by this name; where it is new, its place among the objects.
    fn load(
        &mut self,
        by: Option<usize>,
        name: &[u8],
        files: &mut BTreeMap<*const File, usize>,
    ) -> Result<Option<usize>, Fault> {
        let is_known = self.names.contains_key(name) || (self.search.is_musl && is_musl_itself(name));
        if is_known {
            return Ok(None);
        }
        let found = self.search.find(&self.objects, by, name)?;
        let is_libc = |elf: &Elf| {
            matches!(elf.loader, Some(Loader::Musl { .. })) || elf.soname.as_deref() == Some(b"libc.so.6")
        };
        // musl takes no C library but itself.
        let is_itself = self.search.is_musl && found.elf().is_some_and(is_libc);
        let new = self.objects.len();
        let number = if is_itself { LOADER } else { *files.entry(Arc::as_ptr(&found.file)).or_insert(new) };
        self.names.insert(name.to_vec(), number);
        if number != new {
            return Ok(None);
        }
        let unread = found.elf().and_then(|elf| elf.unread.clone());
        self.linked.faults.extend(unread.map(|what| Fault::Unread { object: found.path.clone(), what }));
        self.objects.push(found);
        self.know(new);
        Ok(Some(new))
    }

    /// An object is known by the name that it has itself, but not to musl.
    fn know(&mut self, at: usize) {
        let soname = self.objects[at].elf().and_then(|elf| elf.soname.clone());
        if let Some(soname) = soname.filter(|_| !self.search.is_musl) {
            self.names.entry(soname).or_insert(at);
        }
    }

    /// Compares what the objects need of one another.
    fn finish(mut self) {
        for at in 0..self.objects.len() {
            self.versions(at);
            self.libc(at);
        }
        self.linked.objects = self.objects.into_iter().map(|object| object.path).collect();
    }

    /// Compares the versions that an object needs with those that are given.
    fn versions(&mut self, at: usize) {
        let object = &self.objects[at];
        let Some(elf) = object.elf() else { return };
        for needed in &elf.versions_needed {
            let version = glibc(&needed.version);
            self.linked.glibc_needed = self.linked.glibc_needed.max(version);
            let library = self.names.get(&needed.library).map(|at| &self.objects[*at]);
            let Some((library, given)) = library.and_then(|library| Some((library, library.elf()?))) else {
                continue;
            };
            // A library without any versions is taken as it is, as by glibc. musl asks for none at all.
            let lacks = !given.versions_given.is_empty() && !given.versions_given.contains(&needed.version);
            if lacks && !needed.is_weak && given.unread.is_none() && !self.search.is_musl {
                let (by, library) = (object.path.clone(), library.path.clone());
                let version = needed.version.clone();
                self.linked.faults.push(Fault::NoVersion { by, library, version });
            }
        }
        if elf.soname.as_deref() == Some(b"libc.so.6") {
            self.linked.glibc_given = elf.versions_given.iter().filter_map(|name| glibc(name)).max();
        }
    }

    /// Whether an object was built for the C library that it is loaded with.
    fn libc(&mut self, at: usize) {
        let object = &self.objects[at];
        let Some(elf) = object.elf() else { return };
        let what = match self.search.is_musl {
            true if at != LOADER && is_for_glibc(elf) => "it was built for glibc, and its loader is musl's",
            false if matches!(elf.loader, Some(Loader::Musl { .. })) => {
                "it is musl's C library, and is loaded by glibc's loader"
            }
            _ => return,
        };
        self.linked.faults.push(Fault::OtherLibc { object: object.path.clone(), what: what.to_owned() });
    }
}

/// `GLIBC_2.34` as (2, 34).
fn glibc(version: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(version.strip_prefix(b"GLIBC_")?).ok()?;
    let mut parts = text.split('.').map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// The names that musl's loader takes to be itself.
fn is_musl_itself(name: &[u8]) -> bool {
    let own = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];
    name.strip_prefix(b"lib").is_some_and(|rest| own.iter().any(|own| rest.starts_with(own.as_bytes())))
}

/// Why a path leads nowhere, in words.
pub fn told(missing: &Missing) -> &'static str {
    match missing {
        Missing::Absent(_) => "is not there",
        Missing::Loop => "is a link that leads in a circle",
        Missing::NoFolder(_) => "leads through something that is no folder",
        Missing::NoFile(_) => "is no file",
    }
}
