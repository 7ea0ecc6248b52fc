//! Where a loader looks for a library, and which file it takes.
//!
//! Sources: glibc's `_dl_map_object` and `open_verify` (`elf/dl-load.c`), and musl's `load_library` (`ldso/dynlink.c`).
//! glibc passes over ELF files of another class or machine; what else there is by a library's name ends the search,
//! and where it can't be loaded, the program. musl passes over nothing.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::binary::Machine;
use super::super::binary::elf::{Elf, Kind, Loader};
use super::super::layer::{Content, File};
use super::super::startup::{Command, Program};
use super::super::tree::{Found, Missing, Tree};
use super::{Fault, Object, agree, broken, cache, configured, floats_agree, is};

/// How many folders and paths are looked at for one program.
const MAX_LOOKED_AT: usize = 1 << 19;
/// The parts of a folder's name that depend on the processor.
const OF_PROCESSOR: [&[u8]; 2] = [b"$PLATFORM", b"${PLATFORM}"];

/// How one program's libraries are looked for.
pub(super) struct Search<'a> {
    tree: &'a Tree,
    elf: &'a Elf,
    /// Whether the loader is musl's; else it is glibc's.
    pub(super) is_musl: bool,
    /// The working folder.
    folder: &'a str,
    /// The folders of `LD_LIBRARY_PATH`.
    environment: Vec<Vec<u8>>,
    /// `ld.so.cache`, where there is one and the loader reads it.
    cache: Option<(Vec<u8>, Arc<File>)>,
    /// The folders that the loader looks into by itself.
    system: Vec<Vec<u8>>,
    /// How many folders and paths may still be looked at.
    left: Cell<usize>,
}

/// Something that is looked at in a search.
enum Candidate {
    Path(Vec<u8>),
    /// What would tell where to look could not be read.
    Unread(Vec<u8>, &'static str),
}

/// What a loader does with what it finds at a path.
enum Look {
    Absent,
    /// Links lead in a circle: of the folders behind it, those that were not named with it count.
    Circle,
    /// Some loaders pass it over, and others refuse it.
    Doubtful(Vec<u8>, String),
    /// It is none for this program, and the search goes on.
    PassedOver(Vec<u8>, String),
    Taken(Object),
    /// It is none that can be loaded, and the search ends.
    Refused(Vec<u8>, String),
    Failed(Fault),
}

impl<'a> Search<'a> {
    /// How `loader`, which is of this kind, looks for what a program needs.
    pub(super) fn new(
        tree: &'a Tree,
        program: &'a Program,
        elf: &'a Elf,
        kind: &Loader,
        loader: &Object,
        command: &Command,
    ) -> Result<Search<'a>, Fault> {
        let (is_musl, system) = match kind {
            Loader::Glibc { folders } if folders.is_empty() => {
                (false, usual_folders(elf.machine, &loader.path))
            }
            Loader::Glibc { folders } => (false, folders.clone()),
            Loader::Musl { machine } => (true, musl_folders(tree, &loader.named, machine.as_deref())?),
        };
        let cache = if is_musl { None } else { tree.file(b"etc/ld.so.cache").ok() };
        let cache = cache.map(|(real, file, _)| (real, file));
        let (left, folder, environment) = (Cell::new(MAX_LOOKED_AT), program.folder.as_str(), Vec::new());
        let mut search = Search { tree, elf, is_musl, folder, environment, cache, system, left };
        let library_path = command.variable("LD_LIBRARY_PATH").unwrap_or_default().as_bytes();
        // musl takes the variable as it is.
        search.environment = match is_musl {
            true => search.split(library_path, b":\n", None),
            false => search.split(library_path, b":;", Some(&absolute("/", &program.path))),
        };
        Ok(search)
    }

    /// Where the object `at` finds the library `name`; where there is no object, it is loaded ahead of all.
    pub(super) fn find(&self, objects: &[Object], at: Option<usize>, name: &[u8]) -> Result<Object, Fault> {
        let by = objects[at.unwrap_or_default()].path.clone();
        let library = name.to_vec();
        let (mut wrong, mut doubt, mut of_processor) = (None, None, false);
        let candidates = self.candidates(objects, at, name);
        if !self.spend(candidates.len()) {
            let what = format!("there are more than {MAX_LOOKED_AT} places where its libraries may be");
            return Err(Fault::Unread { object: objects[0].path.clone(), what });
        }
        for candidate in candidates {
            let path = match candidate {
                Candidate::Path(path) => path,
                Candidate::Unread(object, why) => return Err(Fault::Unread { object, what: why.to_owned() }),
            };
            of_processor |= OF_PROCESSOR.iter().any(|part| contains(&path, part));
            match self.look(&path) {
                Look::Absent => {}
                Look::Circle if self.is_musl => return Err(Fault::NoLibrary { by, library, uncached: None }),
                Look::Circle => doubt = Some((path, "a link that leads in a circle".to_owned())),
                Look::Doubtful(at, is) => {
                    doubt = Some((at.clone(), is.clone()));
                    wrong.get_or_insert((at, is));
                }
                Look::PassedOver(at, is) => {
                    wrong.get_or_insert((at, is));
                }
                Look::Refused(at, is) => return Err(Fault::WrongLibrary { by, library, at, is }),
                Look::Failed(fault) => return Err(fault),
                Look::Taken(found) => {
                    if let Some((object, is)) = doubt {
                        let what = format!("it is {is}, and some loaders do not look further");
                        return Err(Fault::Unread { object, what });
                    }
                    let loaded_by = if self.is_musl { at } else { Some(at.unwrap_or_default()) };
                    return Ok(Object { loaded_by, ..found });
                }
            }
        }
        if of_processor {
            let what =
                format!("where its loader looks for {} depends on the processor", super::told_path(name));
            return Err(Fault::Unread { object: by, what });
        }
        Err(match wrong {
            Some((at, is)) => Fault::WrongLibrary { by, library, at, is },
            None => {
                let uncached = if self.is_musl { None } else { self.uncached(name) };
                Fault::NoLibrary { by, library, uncached }
            }
        })
    }

    /// Whether so much more may be looked at.
    fn spend(&self, count: usize) -> bool {
        self.left.set(self.left.get().saturating_sub(count));
        self.left.get() > 0
    }

    /// What is looked at for the library `name`, in order.
    fn candidates(&self, objects: &[Object], at: Option<usize>, name: &[u8]) -> Vec<Candidate> {
        if name.contains(&b'/') {
            let origin = at.filter(|_| !self.is_musl).map(|at| origin(&objects[at].named));
            let name = origin.map_or_else(|| name.to_vec(), |origin| with_origin(name, &origin));
            return vec![Candidate::Path(absolute(self.folder, &name))];
        }
        let below = |folder: &Vec<u8>| Candidate::Path([&folder[..], b"/", name].concat());
        let mut candidates: Vec<Candidate> = self.folders(objects, at).iter().map(below).collect();
        let by = objects[at.unwrap_or_default()].elf();
        let skips_system = !self.is_musl && by.is_some_and(|elf| elf.skips_system_folders);
        candidates.extend(self.cached(name).filter(|candidate| match candidate {
            Candidate::Path(path) => {
                !(skips_system && self.system.iter().any(|folder| path.starts_with(folder)))
            }
            Candidate::Unread(..) => true,
        }));
        if !skips_system {
            candidates.extend(self.system.iter().map(below));
        }
        candidates
    }

    /// What the loader's cache has of a library: one path alone is tried.
    fn cached(&self, name: &[u8]) -> Option<Candidate> {
        let (real, file) = self.cache.as_ref()?;
        match &file.content {
            Content::Setting(bytes) => {
                let is_little_endian = self.elf.machine.is_little_endian();
                let path = cache::path(bytes, is_little_endian, cache::flags(self.elf), name)?;
                Some(Candidate::Path(path.to_vec()))
            }
            Content::Unread(why) => Some(Candidate::Unread(real.clone(), why)),
            // Only what stands at the usual path itself is read.
            _ if real != b"etc/ld.so.cache" => {
                Some(Candidate::Unread(real.clone(), "it is the loader's cache, and was not read"))
            }
            _ => None,
        }
    }

    /// What the loader does with what is at a path.
    fn look(&self, path: &[u8]) -> Look {
        let (real, placed) = match self.tree.resolve(path) {
            Ok(found) => found,
            Err(Missing::Loop) => return Look::Circle,
            Err(_) => return Look::Absent,
        };
        let file = match &placed.found {
            Found::File(file) => file,
            Found::Folder => return Look::Refused(real, "a folder".into()),
            Found::Symlink(_) | Found::Special => return Look::Refused(real, "no ELF file".into()),
        };
        let found = match &file.content {
            Content::Elf(found) => found,
            Content::Unread(why) => return Look::Failed(Fault::Unread { object: real, what: (*why).into() }),
            content => return Look::Refused(real, is(content)),
        };
        if let Some(refused) = self.unfit(&real, found, &file.content) {
            return refused;
        }
        // What can't be read of it for another reason keeps nobody from loading it.
        if let Some(fault @ Fault::CutOff { .. }) = broken(&real, file, found) {
            return Look::Failed(fault);
        }
        if !found.is_dynamic && found.unread.is_none() {
            return Look::Refused(real, "no library: it has no dynamic section".into());
        }
        Look::Taken(Object { named: path.to_vec(), path: real, file: file.clone(), loaded_by: None })
    }

    /// Why an ELF file is not loaded as a library of this program.
    fn unfit(&self, real: &[u8], found: &Elf, content: &Content) -> Option<Look> {
        let real = real.to_vec();
        if found.is_64 != self.elf.is_64 || found.machine != self.elf.machine {
            let is_swapped = found.machine.is_little_endian() != self.elf.machine.is_little_endian();
            return Some(match self.is_musl {
                true => Look::Refused(real, is(content)),
                // Debian passes over what others refuse before they look at the machine.
                false if found.is_64 == self.elf.is_64 && is_swapped => Look::Doubtful(real, is(content)),
                false => Look::PassedOver(real, is(content)),
            });
        }
        if !floats_agree(self.elf, found) {
            return Some(match (self.is_musl, found.machine) {
                // musl does not look, and all goes well as long as no floats are passed.
                (true, _) => {
                    Look::Failed(Fault::Unread { object: real, what: format!("it {}", is(content)) })
                }
                (false, Machine::Riscv64) => Look::PassedOver(real, is(content)),
                (false, _) => Look::Refused(real, is(content)),
            });
        }
        if let Some(system) = found.system.filter(|_| !self.is_musl) {
            return Some(Look::Refused(real, format!("for {system}")));
        }
        let is_program = found.kind == Kind::Executable || found.is_pie;
        match found.kind {
            _ if is_program && self.is_musl && found.is_dynamic => {
                if found.kind == Kind::Shared {
                    return None;
                }
                // It may be loaded where nothing else lies at its addresses.
                let what = "it is a program, and is needed as a library".to_owned();
                Some(Look::Failed(Fault::Unread { object: real, what }))
            }
            _ if is_program => Some(Look::Refused(real, "a program, and no library".into())),
            Kind::Shared => None,
            _ => Some(Look::Refused(real, "no library".into())),
        }
    }

    /// Where a library is that the loader would find if `ldconfig` had been run.
    fn uncached(&self, name: &[u8]) -> Option<Vec<u8>> {
        let folders = configured::folders(self.tree).into_iter();
        let paths = folders.map(|folder| [&folder[..], b"/", name].concat());
        paths.filter_map(|path| self.tree.file(&path).ok()).find_map(|(real, file, _)| match &file.content {
            Content::Elf(found) if agree(self.elf, found) => Some(real),
            _ => None,
        })
    }

    /// The folders that are looked into before the cache and those of the system, in order.
    fn folders(&self, objects: &[Object], at: Option<usize>) -> Vec<Vec<u8>> {
        // With glibc, what is loaded ahead is looked for as if the program needed it.
        let at = if self.is_musl { at } else { Some(at.unwrap_or_default()) };
        let chain: Vec<&Object> = std::iter::successors(at.map(|at| &objects[at]), |object| {
            object.loaded_by.map(|at| &objects[at])
        })
        .collect();
        let own = |object: &Object, paths: fn(&Elf) -> Option<&Vec<u8>>| {
            let paths = object.elf().and_then(paths);
            paths.map(|paths| self.of_object(object, paths)).unwrap_or_default()
        };
        let has_runpath = |object: &Object| object.elf().is_some_and(|elf| elf.runpath.is_some());
        let mut folders = Vec::new();
        if self.is_musl {
            folders.extend(self.environment.iter().cloned());
            for object in chain {
                folders.extend(own(object, |elf| elf.runpath.as_ref().or(elf.rpath.as_ref())));
            }
            return folders;
        }
        if !chain.first().is_some_and(|object| has_runpath(object)) {
            for object in chain.iter().filter(|object| !has_runpath(object)) {
                folders.extend(own(object, |elf| elf.rpath.as_ref()));
            }
        }
        folders.extend(self.environment.iter().cloned());
        if let Some(object) = chain.first() {
            folders.extend(own(object, |elf| elf.runpath.as_ref()));
        }
        folders
    }

    /// The folders of an object's RPATH or RUNPATH.
    fn of_object(&self, object: &Object, paths: &[u8]) -> Vec<Vec<u8>> {
        if !self.is_musl {
            return self.split(paths, b":", Some(&object.named));
        }
        let rest = with_origin(paths, b"");
        // With anything else to be filled in, musl looks at none of them.
        if rest.contains(&b'$') { Vec::new() } else { self.split(paths, b":\n", Some(&object.named)) }
    }

    /// Folders with separators between them, from the root; `$ORIGIN` is where `object` is.
    fn split(&self, paths: &[u8], separators: &[u8], object: Option<&[u8]>) -> Vec<Vec<u8>> {
        let mut folders: Vec<Vec<u8>> = Vec::new();
        if paths.is_empty() {
            return folders;
        }
        let mut known = BTreeSet::new();
        for path in paths.split(|byte| separators.contains(byte)).take_while(|_| self.spend(1)) {
            // To glibc nothing is the working folder.
            if path.is_empty() && self.is_musl {
                continue;
            }
            let path = object.map_or_else(|| path.to_vec(), |object| with_origin(path, &origin(object)));
            let paths = if self.is_musl { vec![path] } else { with_lib(path, self.elf.machine) };
            for path in paths {
                let path = absolute(self.folder, &path);
                if known.insert(path.clone()) {
                    folders.push(path);
                }
            }
        }
        folders
    }
}

/// A path from the root, seen from a working folder.
pub(super) fn absolute(folder: &str, path: &[u8]) -> Vec<u8> {
    match path.starts_with(b"/") {
        true => path.to_vec(),
        false => [b"/", folder.as_bytes(), b"/", path].concat(),
    }
}

/// The folder in which an object was found.
fn origin(object: &[u8]) -> Vec<u8> {
    let slash = object.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    if slash == 0 { b"/".to_vec() } else { object[..slash].to_vec() }
}

fn with_origin(path: &[u8], origin: &[u8]) -> Vec<u8> {
    replaced(&replaced(path, b"${ORIGIN}", origin), b"$ORIGIN", origin)
}

/// A folder with what `$LIB` may stand for.
fn with_lib(path: Vec<u8>, machine: Machine) -> Vec<Vec<u8>> {
    if !contains(&path, b"$LIB") && !contains(&path, b"${LIB}") {
        return vec![path];
    }
    let of_machine = triplet(machine).map(|triplet| [b"lib/", triplet.as_bytes()].concat());
    let libs = of_machine.into_iter().chain([b"lib64".to_vec(), b"lib".to_vec()]);
    libs.map(|lib| replaced(&replaced(&path, b"${LIB}", &lib), b"$LIB", &lib)).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
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

/// The folders that glibc's loader usually looks into by itself, where those that it has in itself can't be seen.
///
/// Debian's glibc has folders of the machine's own, and is one that lies in such a folder.
fn usual_folders(machine: Machine, loader: &[u8]) -> Vec<Vec<u8>> {
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

/// musl reads its folders from a file, or takes those it was built with. The file is seen from the folder above that of
/// the loader, as the program names it.
fn musl_folders(tree: &Tree, asked: &[u8], machine: Option<&[u8]>) -> Result<Vec<Vec<u8>>, Fault> {
    let mut parts = asked.rsplitn(3, |byte| *byte == b'/');
    let (name, _, above) = (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
    let of_name = name.strip_prefix(b"ld-musl-").and_then(|rest| rest.strip_suffix(b".so.1"));
    let Some(machine) = machine.or(of_name) else {
        let what = "where it looks for libraries could not be told".to_owned();
        return Err(Fault::Unread { object: asked.to_vec(), what });
    };
    let usual = || ["/lib", "/usr/local/lib", "/usr/lib"].map(|folder| folder.as_bytes().to_vec()).to_vec();
    match tree.file(&[above, b"/etc/ld-musl-", machine, b".path"].concat()) {
        Err(_) => Ok(usual()),
        Ok((real, file, _)) => match &file.content {
            Content::Setting(text) => {
                let folders = text.split(|byte| matches!(byte, b':' | b'\n'));
                Ok(folders.filter(|folder| !folder.is_empty()).map(|folder| absolute("", folder)).collect())
            }
            _ => Err(Fault::Unread {
                object: real,
                what: "it tells where libraries are, and was not read".into(),
            }),
        },
    }
}
