//! What a dynamic loader would do: find the loader and every library that a program needs.
//!
//! Sources: `ld.so(8)` and glibc's `elf/dl-load.c` and `elf/dl-version.c` for glibc; musl's `ldso/dynlink.c`. glibc
//! reads the cache that `ldconfig` makes of `ld.so.conf`, never `ld.so.conf` itself: that tells why something is absent.

mod cache;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::binary::Machine;
use super::binary::elf::{Elf, FloatAbi, Kind};
use super::layer::{Content, File};
use super::tree::{Missing, Tree};

/// How many objects one program may be made of.
const MAX_OBJECTS: usize = 4_096;
/// How many files `ld.so.conf` may include, and how deep.
const MAX_INCLUDES: usize = 256;
const MAX_INCLUDE_DEPTH: usize = 8;

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
    /// A library is only there for another machine.
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
        !matches!(self, Fault::Unread { .. })
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
    let floats_agree = match (a.float_abi, b.float_abi) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    a.machine == b.machine && floats_agree
}

/// Finds what the program at `path` is loaded with. `library_path` is `LD_LIBRARY_PATH` of the container.
pub fn link(tree: &Tree, path: &[u8], program: &Arc<File>, library_path: &[u8]) -> Linked {
    let mut linked = Linked { objects: vec![path.to_vec()], ..Linked::default() };
    let Content::Elf(elf) = &program.content else { return linked };
    if let Some(what) = &elf.unread {
        linked.faults.push(Fault::Unread { object: path.to_vec(), what: what.clone() });
    }
    let Some(interpreter) = &elf.interpreter else { return linked };
    let loader = match tree.file(interpreter) {
        Ok((real, file, _)) => match &file.content {
            Content::Elf(found) if agree(elf, found) => real,
            Content::Unread(why) => {
                linked.faults.push(Fault::Unread { object: real, what: (*why).to_owned() });
                return linked;
            }
            content => {
                let is = is(content);
                let loader = interpreter.clone();
                linked.faults.push(Fault::WrongLoader { program: path.to_vec(), loader, is });
                return linked;
            }
        },
        Err(_) => {
            linked.faults.push(Fault::NoLoader { program: path.to_vec(), loader: interpreter.clone() });
            return linked;
        }
    };
    let is_musl = interpreter.windows(8).any(|part| part == b"ld-musl-");
    let cache = if is_musl { None } else { tree.file(b"etc/ld.so.cache").ok() };
    let search = Search {
        tree,
        elf,
        library_path,
        is_musl,
        cache: cache.map(|(_, file, _)| file),
        system: if is_musl {
            musl_folders(tree, interpreter)
        } else {
            system_folders(tree, elf.machine, &loader)
        },
    };
    Linking { search, linked: &mut linked, loader }.run(path, program);
    linked
}

/// How one program's libraries are looked for.
struct Search<'a> {
    tree: &'a Tree,
    elf: &'a Elf,
    library_path: &'a [u8],
    is_musl: bool,
    /// `ld.so.cache`, where there is one and the loader reads it.
    cache: Option<Arc<File>>,
    /// The folders that the loader looks into by itself.
    system: Vec<Vec<u8>>,
}

/// An object that was loaded, and by whom.
struct Object {
    path: Vec<u8>,
    file: Arc<File>,
    loaded_by: Option<usize>,
}

struct Linking<'a> {
    search: Search<'a>,
    linked: &'a mut Linked,
    loader: Vec<u8>,
}

impl Linking<'_> {
    fn run(mut self, path: &[u8], program: &Arc<File>) {
        let mut objects = vec![Object { path: path.to_vec(), file: program.clone(), loaded_by: None }];
        // By the name that it is asked for, and by its path: each is loaded once.
        let mut known: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        if let Ok((_, file, _)) = self.search.tree.file(&self.loader) {
            objects.push(Object { path: self.loader.clone(), file: file.clone(), loaded_by: None });
            known.insert(self.loader.clone(), 1);
            if let Content::Elf(elf) = &file.content {
                known.extend(elf.soname.clone().map(|name| (name, 1)));
            }
        }
        let mut due: VecDeque<usize> = VecDeque::from([0]);
        while let Some(at) = due.pop_front() {
            let file = objects[at].file.clone();
            let Content::Elf(elf) = &file.content else { continue };
            for name in &elf.needed {
                if objects.len() >= MAX_OBJECTS {
                    let what = format!("it needs more than {MAX_OBJECTS} objects");
                    self.linked.faults.push(Fault::Unread { object: path.to_vec(), what });
                    return self.finish(&objects, &known);
                }
                if known.contains_key(name) || (self.search.is_musl && is_musl_itself(name)) {
                    continue;
                }
                match self.search.find(&objects, at, name) {
                    Ok((real, file)) => {
                        let number = *known.entry(real.clone()).or_insert(objects.len());
                        known.insert(name.clone(), number);
                        if number == objects.len() {
                            if let Content::Elf(elf) = &file.content {
                                known.extend(elf.soname.clone().map(|soname| (soname, number)));
                                if let Some(what) = &elf.unread {
                                    let (object, what) = (real.clone(), what.clone());
                                    self.linked.faults.push(Fault::Unread { object, what });
                                }
                            }
                            objects.push(Object { path: real, file, loaded_by: Some(at) });
                            due.push_back(number);
                        }
                    }
                    Err(fault) => self.linked.faults.push(fault),
                }
            }
        }
        self.finish(&objects, &known);
    }

    /// Compares the versions that are needed with those that are given.
    fn finish(&mut self, objects: &[Object], known: &BTreeMap<Vec<u8>, usize>) {
        for object in objects {
            let Content::Elf(elf) = &object.file.content else { continue };
            for needed in &elf.versions_needed {
                let version = glibc(&needed.version);
                self.linked.glibc_needed = self.linked.glibc_needed.max(version);
                let Some(library) = known.get(&needed.library).map(|at| &objects[*at]) else { continue };
                let Content::Elf(given) = &library.file.content else { continue };
                // A library without any versions is taken as it is, as by glibc.
                let lacks =
                    !given.versions_given.is_empty() && !given.versions_given.contains(&needed.version);
                if lacks && !needed.is_weak && given.unread.is_none() {
                    let (by, library) = (object.path.clone(), library.path.clone());
                    self.linked.faults.push(Fault::NoVersion {
                        by,
                        library,
                        version: needed.version.clone(),
                    });
                }
            }
            if elf.soname.as_deref() == Some(b"libc.so.6") {
                self.linked.glibc_given = elf.versions_given.iter().filter_map(|name| glibc(name)).max();
            }
        }
        self.linked.objects = objects.iter().map(|object| object.path.clone()).collect();
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

impl Search<'_> {
    /// Where the object `at` finds the library `name`.
    fn find(&self, objects: &[Object], at: usize, name: &[u8]) -> Result<(Vec<u8>, Arc<File>), Fault> {
        let by = objects[at].path.clone();
        let below = |folders: Vec<Vec<u8>>| {
            folders.into_iter().map(|folder| [&folder[..], b"/", name].concat()).collect::<Vec<_>>()
        };
        let mut unread = None;
        let candidates = match (name.contains(&b'/'), self.cache.as_ref().map(|file| &file.content)) {
            (true, _) => vec![name.to_vec()],
            (false, cache) => {
                let mut candidates = below(self.folders(objects, at));
                match cache {
                    Some(Content::Setting(cache)) => {
                        let paths = cache::paths(cache, self.elf.machine.is_little_endian(), name);
                        candidates.extend(paths.map(<[u8]>::to_vec));
                    }
                    Some(Content::Unread(why)) => {
                        unread = Some(("etc/ld.so.cache".as_bytes().to_vec(), *why));
                    }
                    _ => {}
                }
                candidates.extend(below(self.system.clone()));
                candidates
            }
        };
        let mut wrong = None;
        for candidate in candidates {
            let Ok((real, file, _)) = self.tree.file(&candidate) else { continue };
            match &file.content {
                Content::Elf(found) if agree(self.elf, found) && found.kind == Kind::Shared => {
                    return Ok((real, file.clone()));
                }
                Content::Unread(why) => unread = Some((real, *why)),
                content => {
                    wrong.get_or_insert((real, is(content)));
                }
            }
        }
        Err(match (unread, wrong) {
            (Some((object, what)), _) => Fault::Unread { object, what: what.to_owned() },
            (None, Some((at, is))) => Fault::WrongLibrary { by, library: name.to_vec(), at, is },
            (None, None) => {
                let uncached = if self.is_musl { None } else { self.uncached(name) };
                Fault::NoLibrary { by, library: name.to_vec(), uncached }
            }
        })
    }

    /// Where a library is that the loader would find if `ldconfig` had been run.
    fn uncached(&self, name: &[u8]) -> Option<Vec<u8>> {
        let (mut left, mut folders) = (MAX_INCLUDES, Vec::new());
        configured(self.tree, b"etc/ld.so.conf", 0, &mut left, &mut folders);
        let paths = folders.into_iter().map(|folder| [&folder[..], b"/", name].concat());
        paths.filter_map(|path| self.tree.file(&path).ok()).find_map(|(real, file, _)| match &file.content {
            Content::Elf(found) if agree(self.elf, found) => Some(real),
            _ => None,
        })
    }

    /// The folders that are looked into before the cache and those of the system, in order.
    fn folders(&self, objects: &[Object], at: usize) -> Vec<Vec<u8>> {
        let mut folders = Vec::new();
        let environment = split(self.library_path, &objects[0].path, self.elf.machine);
        let of = |at: usize| match &objects[at].file.content {
            Content::Elf(elf) => Some(elf),
            _ => None,
        };
        let mut chain = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next {
            chain.push(at);
            next = objects[at].loaded_by;
        }
        let own = |at: usize, paths: &Option<Vec<u8>>| {
            paths.as_ref().map(|paths| split(paths, &objects[at].path, self.elf.machine)).unwrap_or_default()
        };
        if self.is_musl {
            folders.extend(environment);
            for at in chain {
                if let Some(elf) = of(at) {
                    folders.extend(own(at, if elf.runpath.is_some() { &elf.runpath } else { &elf.rpath }));
                }
            }
        } else {
            let has_runpath = of(at).is_some_and(|elf| elf.runpath.is_some());
            if !has_runpath {
                for at in chain {
                    if let Some(elf) = of(at).filter(|elf| elf.runpath.is_none()) {
                        folders.extend(own(at, &elf.rpath));
                    }
                }
            }
            folders.extend(environment);
            if let Some(elf) = of(at) {
                folders.extend(own(at, &elf.runpath));
            }
        }
        folders
    }
}

/// Folders with colons between them; `$ORIGIN` is where the object is.
fn split(paths: &[u8], object: &[u8], machine: Machine) -> Vec<Vec<u8>> {
    let origin = match object.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => [b"/", &object[..slash]].concat(),
        None => b"/".to_vec(),
    };
    let mut folders = Vec::new();
    for path in paths.split(|byte| matches!(byte, b':' | b';')).filter(|path| !path.is_empty()) {
        let path = replaced(&replaced(path, b"${ORIGIN}", &origin), b"$ORIGIN", &origin);
        let libs: Vec<Vec<u8>> = match triplet(machine) {
            Some(triplet) => {
                vec![[b"lib/".as_slice(), triplet.as_bytes()].concat(), b"lib64".to_vec(), b"lib".to_vec()]
            }
            None => vec![b"lib64".to_vec(), b"lib".to_vec()],
        };
        if path.windows(4).any(|part| part == b"$LIB") || path.windows(6).any(|part| part == b"${LIB}") {
            folders.extend(libs.iter().map(|lib| replaced(&replaced(&path, b"${LIB}", lib), b"$LIB", lib)));
        } else {
            folders.push(path);
        }
    }
    folders
}

fn replaced(text: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(what.len()).position(|part| part == what) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + what.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// The folder below `lib` that Debian has for a machine.
fn triplet(machine: Machine) -> Option<&'static str> {
    Some(match machine {
        Machine::X86 => "i386-linux-gnu",
        Machine::X86_64 => "x86_64-linux-gnu",
        Machine::Arm64 => "aarch64-linux-gnu",
        Machine::Riscv64 => "riscv64-linux-gnu",
        Machine::Ppc64le => "powerpc64le-linux-gnu",
        Machine::Ppc64 => "powerpc64-linux-gnu",
        Machine::S390x => "s390x-linux-gnu",
        Machine::Mips64le => "mips64el-linux-gnuabi64",
        Machine::Loong64 => "loongarch64-linux-gnu",
        Machine::Arm | Machine::Other { .. } => return None,
    })
}

/// The folders that glibc's loader looks into by itself: those that it has in itself.
///
/// Where they can't be seen there: those that are usual. Debian's glibc has folders of the machine's own, and is one
/// that lies in such a folder.
fn system_folders(tree: &Tree, machine: Machine, loader: &[u8]) -> Vec<Vec<u8>> {
    if let Ok((_, file, _)) = tree.file(loader)
        && let Content::Elf(elf) = &file.content
        && !elf.system_folders.is_empty()
    {
        return elf.system_folders.clone();
    }
    let mut folders = Vec::new();
    // Soft and hard float have folders of their own; what does not fit is passed over.
    let arm: &[&str] =
        if machine == Machine::Arm { &["arm-linux-gnueabihf", "arm-linux-gnueabi"] } else { &[] };
    let of_machine = triplet(machine).into_iter().chain(arm.iter().copied());
    let lies_in = |triplet: &str| loader.split(|byte| *byte == b'/').any(|part| part == triplet.as_bytes());
    for triplet in of_machine.filter(|triplet| lies_in(triplet)) {
        folders.push(format!("/lib/{triplet}").into_bytes());
        folders.push(format!("/usr/lib/{triplet}").into_bytes());
    }
    for folder in ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] {
        folders.push(folder.as_bytes().to_vec());
    }
    folders
}

/// musl reads its folders from a file, or takes those it was built with.
fn musl_folders(tree: &Tree, interpreter: &[u8]) -> Vec<Vec<u8>> {
    let name = interpreter.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let stem = name.strip_suffix(b".so.1").unwrap_or(name);
    let file = [b"etc/", stem, b".path"].concat();
    if let Ok((_, found, _)) = tree.file(&file)
        && let Content::Setting(text) = &found.content
    {
        let folders = text.split(|byte| matches!(byte, b':' | b'\n')).filter(|folder| !folder.is_empty());
        return folders.map(<[u8]>::to_vec).collect();
    }
    ["/lib", "/usr/local/lib", "/usr/lib"].map(|folder| folder.as_bytes().to_vec()).to_vec()
}

/// The folders that `ld.so.conf` names, with what it includes.
fn configured(tree: &Tree, file: &[u8], depth: usize, left: &mut usize, folders: &mut Vec<Vec<u8>>) {
    if depth > MAX_INCLUDE_DEPTH || *left == 0 {
        return;
    }
    *left -= 1;
    let Ok((_, found, _)) = tree.file(file) else { return };
    let Content::Setting(text) = &found.content else { return };
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        if let Some(pattern) =
            line.strip_prefix(b"include").filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
        {
            for name in included(tree, pattern.trim_ascii()) {
                configured(tree, &name, depth + 1, left, folders);
            }
        } else if line.starts_with(b"/") {
            folders.push(line.split(|byte| *byte == b'=').next().unwrap_or_default().to_vec());
        }
    }
}

/// The files that a pattern like `/etc/ld.so.conf.d/*.conf` names, sorted.
fn included(tree: &Tree, pattern: &[u8]) -> Vec<Vec<u8>> {
    let pattern = match pattern.starts_with(b"/") {
        true => pattern.to_vec(),
        false => [b"/etc/", pattern].concat(),
    };
    let slash = pattern.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (folder, name) = (&pattern[..slash], &pattern[slash + 1..]);
    let Some(star) = name.iter().position(|byte| *byte == b'*') else { return vec![pattern] };
    let (begin, end) = (&name[..star], &name[star + 1..]);
    let fits = |file: &Vec<u8>| {
        file.starts_with(begin) && file.ends_with(end) && file.len() >= begin.len() + end.len()
    };
    let files = tree.folder(folder).into_iter().filter(fits);
    files.map(|file| [folder, b"/", &file[..]].concat()).collect()
}

/// Why a path leads nowhere, in words.
pub fn told(missing: &Missing) -> &'static str {
    match missing {
        Missing::Absent(_) => "is not there",
        Missing::Loop => "is a link that leads in a circle",
        Missing::NoFolder(_) => "leads through something that is no folder",
    }
}
