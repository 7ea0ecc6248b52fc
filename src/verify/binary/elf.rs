//! ELF files: what the kernel's loader and `ld.so` read of them.
//!
//! Sources: the System V gABI (chapters 4 and 5), the ABI supplements of the processors, `elf.h` of glibc, and
//! ARM's *Addenda to, and Errata in, the ABI for the Arm Architecture* for build attributes.

use std::cell::Cell;
use std::ops::Range;

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

use super::{Machine, Window};

/// How many names of one kind are read out of one file.
const MAX_NAMES: usize = 4_096;
/// How long a name may be.
const MAX_NAME: u64 = 4_096;
/// How long all names of one file may be together. They may lie in one another: a short file can name a lot.
const MAX_TEXT: usize = 1 << 20;
/// How long the program headers may be: the kernel refuses more.
const MAX_SEGMENTS: usize = 64 << 10;
/// How many parts with notes are read, and how long each may be.
const MAX_NOTES: usize = 16;
const MAX_NOTE: u64 = 64 << 10;

/// How many folders a loader may have in itself, and how long each may be.
const MAX_FOLDERS: usize = 16;
const MAX_FOLDER: usize = 128;

/// The flag of a needed version that may be absent.
const VER_FLG_WEAK: u16 = 2;
/// Flags of an object: what it needs is not in the folders of the system, and it is a program.
const DF_1_NODEFLIB: u64 = 0x800;
const DF_1_PIE: u64 = 0x0800_0000;
/// How many bytes of code are looked at where a program begins to run.
const CODE: u64 = 16;

/// What kind of ELF file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It runs at a fixed address.
    Executable,
    /// A library, or a program that runs at any address.
    Shared,
    /// Compiled, but not linked: nothing runs it.
    Relocatable,
    /// A memory dump, or something else that nothing runs.
    Other,
}

/// The floating-point calling convention of 32-bit Arm and of RISC-V.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatAbi {
    /// Arguments in general registers (armel, lp64).
    Soft,
    /// Arguments in floating-point registers (armhf).
    Hard,
    /// Arguments in floating-point registers of RISC-V, as wide as `float` (lp64f).
    Single,
    /// As wide as `double` (lp64d).
    Double,
    /// As wide as `long double` (lp64q).
    Quad,
}

/// What stands where a program begins to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It names no place.
    Absent,
    /// It names a place in no segment that may be executed.
    Outside,
    /// It names a place that older kernels alone execute: its stack may be executed, and with it all the rest.
    Doubtful,
    /// Nothing but noughts.
    Blank,
    /// Code, as far as can be seen.
    Code,
}

/// The dynamic loader that an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loader {
    /// glibc's, with the folders that it was built to look for libraries in, where they can be seen.
    Glibc {
        /// The folders, without slashes at their ends.
        folders: Vec<Vec<u8>>,
    },
    /// musl's, which is its C library as well, with its name of the machine, where it tells that.
    Musl {
        /// Like `x86_64`.
        machine: Option<Vec<u8>>,
    },
}

/// A version that is needed of a library, or given by it: `GLIBC_2.34`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededVersion {
    /// The library's name.
    pub library: Vec<u8>,
    /// The version's name.
    pub version: Vec<u8>,
    /// Whether it may be absent.
    pub is_weak: bool,
}

/// What an ELF file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    /// What its code is for.
    pub machine: Machine,
    /// Whether it is of the class of 64 bits.
    pub is_64: bool,
    /// The other system that it is marked for, where it is: Linux has no mark that has to be there.
    pub system: Option<&'static str>,
    /// Its kind.
    pub kind: Kind,
    /// How long its file has to be for its program headers, and for all that is loaded of it.
    pub headers_end: u64,
    /// See [`Elf::headers_end`].
    pub reach: u64,
    /// What stands where it begins to run.
    pub entry: Entry,
    /// Whether it has a dynamic section, without which nothing is loaded as a library.
    pub is_dynamic: bool,
    /// Whether it says of itself that it is a program that runs at any address.
    pub is_pie: bool,
    /// Whether what it needs is not to be looked for in the folders of the system.
    pub skips_system_folders: bool,
    /// Processor-specific flags.
    pub flags: u32,
    /// The loader that it asks for.
    pub interpreter: Option<Vec<u8>>,
    /// The libraries that it needs, in order.
    pub needed: Vec<Vec<u8>>,
    /// Its own name as a library.
    pub soname: Option<Vec<u8>>,
    /// Folders to look for libraries in, the older way; colons between them.
    pub rpath: Option<Vec<u8>>,
    /// Folders to look for libraries in; colons between them.
    pub runpath: Option<Vec<u8>>,
    /// The versions that it needs of libraries.
    pub versions_needed: Vec<NeededVersion>,
    /// The versions that it gives.
    pub versions_given: Vec<Vec<u8>>,
    /// The smallest alignment of its loaded segments, in bytes; none where nothing is loaded.
    pub alignment: Option<u64>,
    /// On 32-bit Arm, the architecture that it was built for (5, 6, 7, 8), where it says so.
    pub arm_architecture: Option<u8>,
    /// On 32-bit Arm and RISC-V, how it passes floating-point arguments, where it says so.
    pub float_abi: Option<FloatAbi>,
    /// On x86-64, the level (1 to 4) that it declares to need.
    pub x86_level: Option<u8>,
    /// The dynamic loader that it is.
    pub loader: Option<Loader>,
    /// What could not be read of it, where something could not.
    pub unread: Option<String>,
}

impl Elf {
    /// How long the names are that it holds.
    pub fn text_length(&self) -> usize {
        let alone = [&self.interpreter, &self.soname, &self.rpath, &self.runpath];
        let versions = self.versions_needed.iter().map(|need| need.library.len() + need.version.len());
        let of_loader = match &self.loader {
            Some(Loader::Glibc { folders }) => folders.iter().map(Vec::len).sum(),
            Some(Loader::Musl { machine }) => machine.as_ref().map_or(0, Vec::len),
            None => 0,
        };
        alone
            .into_iter()
            .flatten()
            .chain(&self.needed)
            .chain(&self.versions_given)
            .map(Vec::len)
            .sum::<usize>()
            + versions.sum::<usize>()
            + of_loader
    }
}

/// Whether a file begins as ELF does.
pub fn is_elf(beginning: &[u8]) -> bool {
    beginning.starts_with(&elf::ELFMAG)
}

/// Asks `window` to keep what will be needed, once the beginning has passed by.
pub fn prepare(window: &mut Window) {
    let ranges = match header(window.beginning()) {
        Some(Header::Elf32(endian, header)) => wanted(header, endian, window),
        Some(Header::Elf64(endian, header)) => wanted(header, endian, window),
        None => None,
    };
    match ranges {
        Some(Wanted { parts, is_dynamic: false }) => window.want_only(&parts),
        Some(Wanted { parts, is_dynamic: true }) => {
            window.want(&parts);
            window.want_end();
        }
        // The program headers may stand behind what has passed by.
        None => window.want_end(),
    }
}

/// What will be needed of a file.
struct Wanted {
    parts: Vec<Range<u64>>,
    /// Whether it points at names, which may lie anywhere.
    is_dynamic: bool,
}

/// Reads a file that has passed by; none where its beginning is none of ELF.
pub fn read(window: &Window) -> Option<Elf> {
    match header(window.beginning())? {
        Header::Elf32(endian, header) => Some(read_class(header, endian, window)),
        Header::Elf64(endian, header) => Some(read_class(header, endian, window)),
    }
}

enum Header<'a> {
    Elf32(Endianness, &'a elf::FileHeader32<Endianness>),
    Elf64(Endianness, &'a elf::FileHeader64<Endianness>),
}

fn header(beginning: &[u8]) -> Option<Header<'_>> {
    if !is_elf(beginning) {
        return None;
    }
    match elf::FileClass(*beginning.get(4)?) {
        elf::ELFCLASS32 => {
            let header = elf::FileHeader32::<Endianness>::parse(beginning).ok()?;
            Some(Header::Elf32(header.endian().ok()?, header))
        }
        elf::ELFCLASS64 => {
            let header = elf::FileHeader64::<Endianness>::parse(beginning).ok()?;
            Some(Header::Elf64(header.endian().ok()?, header))
        }
        _ => None,
    }
}

fn wanted<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    window: &Window,
) -> Option<Wanted> {
    let segments = segments(header, endian, window)?;
    let kinds = [elf::PT_DYNAMIC, elf::PT_INTERP, elf::PT_NOTE, elf::PT_GNU_PROPERTY];
    let of_kind = segments.iter().filter(|segment| kinds.contains(&segment.p_type(endian)));
    let entry = entry_at(header, endian, segments).map(|(_, code)| code);
    let parts = of_kind.map(|segment| range::<H>(segment, endian)).chain(entry).collect();
    // 32-bit Arm's attributes are found by the sections.
    let is_dynamic = segments.iter().any(|segment| segment.p_type(endian) == elf::PT_DYNAMIC)
        || machine(header, endian) == Machine::Arm;
    Some(Wanted { parts, is_dynamic })
}

/// The program headers; none where they are more than the kernel takes, or lie outside of the file.
fn segments<'a, H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    window: &'a Window,
) -> Option<&'a [H::ProgramHeader]> {
    let segments = header.program_headers(endian, window).ok()?;
    (size_of_val(segments) <= MAX_SEGMENTS).then_some(segments)
}

/// Where a segment lies in the file.
fn range<H: FileHeader<Endian = Endianness>>(segment: &H::ProgramHeader, endian: Endianness) -> Range<u64> {
    let from: u64 = segment.p_offset(endian).into();
    from..from.saturating_add(segment.p_filesz(endian).into())
}

/// How long the table of program headers makes a file, wherever it stands.
fn headers_end<H: FileHeader<Endian = Endianness>>(header: &H, endian: Endianness) -> u64 {
    let size = u64::from(header.e_phentsize(endian)) * u64::from(header.e_phnum(endian));
    if size == 0 { 0 } else { size.saturating_add(header.e_phoff(endian).into()) }
}

/// The segment in which a program begins to run, and the first bytes of its code, as far as the file has them.
fn entry_at<'a, H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    segments: &'a [H::ProgramHeader],
) -> Option<(&'a H::ProgramHeader, Range<u64>)> {
    let address: u64 = header.e_entry(endian).into();
    // The lowest bit says which instructions these are.
    let address = match header.e_machine(endian) {
        elf::EM_ARM | elf::EM_MIPS => address & !1,
        _ => address,
    };
    segments.iter().find_map(|segment| {
        let into = address.checked_sub(segment.p_vaddr(endian).into())?;
        if segment.p_type(endian) != elf::PT_LOAD || into >= segment.p_memsz(endian).into() {
            return None;
        }
        let file = range::<H>(segment, endian);
        let from = file.start.saturating_add(into).min(file.end);
        Some((segment, from..file.end.min(from.saturating_add(CODE))))
    })
}

/// What stands where a program begins to run.
fn entry<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    segments: &[H::ProgramHeader],
    window: &Window,
) -> Entry {
    if header.e_entry(endian).into() == 0 {
        return Entry::Absent;
    }
    let Some((segment, code)) = entry_at(header, endian, segments) else { return Entry::Outside };
    // What 64-bit PowerPC names there in its older ABI is a description of the function, and no code.
    if machine(header, endian) == Machine::Ppc64 {
        return Entry::Code;
    }
    if !segment.p_flags(endian).contains(elf::PF_X) {
        let mut stacks = segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_GNU_STACK);
        let is_closed = stacks.next().is_some_and(|stack| !stack.p_flags(endian).contains(elf::PF_X));
        return if is_closed { Entry::Outside } else { Entry::Doubtful };
    }
    // What the file does not have of a segment is nought.
    match window.part(code) {
        Some(code) if code.iter().all(|byte| *byte == 0) => Entry::Blank,
        _ => Entry::Code,
    }
}

fn read_class<H: FileHeader<Endian = Endianness>>(header: &H, endian: Endianness, window: &Window) -> Elf {
    let flags = header.e_flags(endian).0;
    let mut found = Elf {
        machine: machine(header, endian),
        is_64: header.is_type_64(),
        system: system(window.beginning()),
        kind: match header.e_type(endian) {
            // The kernel and loaders refuse program headers of another length.
            _ if usize::from(header.e_phentsize(endian)) != size_of::<H::ProgramHeader>()
                && header.e_type(endian) != elf::ET_REL =>
            {
                Kind::Other
            }
            elf::ET_EXEC => Kind::Executable,
            elf::ET_DYN => Kind::Shared,
            elf::ET_REL => Kind::Relocatable,
            _ => Kind::Other,
        },
        flags,
        headers_end: headers_end(header, endian),
        reach: headers_end(header, endian),
        entry: Entry::Code,
        is_dynamic: false,
        is_pie: false,
        skips_system_folders: false,
        interpreter: None,
        needed: Vec::new(),
        soname: None,
        rpath: None,
        runpath: None,
        versions_needed: Vec::new(),
        versions_given: Vec::new(),
        alignment: None,
        arm_architecture: None,
        float_abi: None,
        x86_level: None,
        loader: None,
        unread: None,
    };
    match segments(header, endian, window) {
        Some(segments) => {
            found.entry = entry(header, endian, segments, window);
            let room = Cell::new(MAX_TEXT);
            Reader::<H> { window, endian, segments, room, found: &mut found }.run();
        }
        None => found.unread = Some("its program headers lie outside of it, or are too many".into()),
    }
    if found.machine == Machine::Arm {
        arm(header, endian, window, &mut found);
    }
    if found.machine == Machine::Riscv64 {
        found.float_abi = Some(match elf::FileFlags(flags & elf::EF_RISCV_FLOAT_ABI) {
            elf::EF_RISCV_FLOAT_ABI_SOFT => FloatAbi::Soft,
            elf::EF_RISCV_FLOAT_ABI_SINGLE => FloatAbi::Single,
            elf::EF_RISCV_FLOAT_ABI_DOUBLE => FloatAbi::Double,
            _ => FloatAbi::Quad,
        });
    }
    found.loader = loader(&found, window.beginning());
    found
}

/// The system that the header names, where it is none whose programs Linux runs.
fn system(beginning: &[u8]) -> Option<&'static str> {
    Some(match elf::OsAbi(*beginning.get(7)?) {
        elf::ELFOSABI_NETBSD => "NetBSD",
        elf::ELFOSABI_SOLARIS => "Solaris",
        elf::ELFOSABI_FREEBSD => "FreeBSD",
        elf::ELFOSABI_OPENBSD => "OpenBSD",
        _ => return None,
    })
}

/// The dynamic loader that an object is, told by what it is called (glibc) or what it says of itself (musl, whose name
/// is what a distribution makes of it).
fn loader(found: &Elf, bytes: &[u8]) -> Option<Loader> {
    let names: [&[u8]; 3] = [b"ld-linux", b"ld64.so.", b"ld.so."];
    if found.soname.as_ref().is_some_and(|soname| names.iter().any(|name| soname.starts_with(name))) {
        return Some(Loader::Glibc { folders: system_folders(bytes) });
    }
    let needs_nothing = found.interpreter.is_none() && found.needed.is_empty();
    if found.kind != Kind::Shared || !found.is_dynamic || !needs_nothing || found.entry == Entry::Absent {
        return None;
    }
    // What it says where it is started by itself: `musl libc (x86_64)`, and before 1.1.17 no machine.
    let told = bytes.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"musl libc"))?;
    let machine = told.strip_prefix(b" (").and_then(|rest| rest.split(|byte| *byte == b')').next());
    Some(Loader::Musl { machine: machine.filter(|name| name.len() <= MAX_FOLDER).map(<[u8]>::to_vec) })
}

/// The folders that glibc's loader has in itself: its `system_dirs`, texts one behind the other, each with a slash at
/// both ends (`elf/dl-load.c`; what they are is decided when it is built). None where there is nothing of that kind.
fn system_folders(bytes: &[u8]) -> Vec<Vec<u8>> {
    let is_folder = |text: &[u8]| {
        let is_path = text.len() <= MAX_FOLDER && text.starts_with(b"/") && text.ends_with(b"/");
        is_path && text.iter().all(u8::is_ascii_graphic) && text.windows(3).any(|part| part == b"lib")
    };
    let mut folders: Vec<&[u8]> = Vec::new();
    for text in bytes.split(|byte| *byte == 0) {
        if is_folder(text) && folders.len() < MAX_FOLDERS {
            folders.push(text);
        } else if folders.len() > 1 {
            break;
        } else {
            folders.clear();
        }
    }
    let usual = folders.len() > 1;
    folders.into_iter().filter(|_| usual).map(|folder| folder[..folder.len() - 1].to_vec()).collect()
}

fn machine<H: FileHeader<Endian = Endianness>>(header: &H, endian: Endianness) -> Machine {
    let little_endian = endian == Endianness::Little;
    let is_64 = header.is_type_64();
    match (header.e_machine(endian), is_64, little_endian) {
        (elf::EM_386 | elf::EM_IAMCU, false, true) => Machine::X86,
        (elf::EM_X86_64, true, true) => Machine::X86_64,
        (elf::EM_ARM, false, true) => Machine::Arm,
        (elf::EM_AARCH64, true, true) => Machine::Arm64,
        (elf::EM_RISCV, true, true) => Machine::Riscv64,
        (elf::EM_PPC64, true, true) => Machine::Ppc64le,
        (elf::EM_PPC64, true, false) => Machine::Ppc64,
        (elf::EM_S390, true, false) => Machine::S390x,
        (elf::EM_MIPS, true, true) => Machine::Mips64le,
        (elf::EM_LOONGARCH, true, true) => Machine::Loong64,
        (number, _, _) => {
            Machine::Other { number: number.0, bits: if is_64 { 64 } else { 32 }, little_endian }
        }
    }
}

/// Reads what the program headers lead to.
struct Reader<'a, H: FileHeader<Endian = Endianness>> {
    window: &'a Window,
    endian: Endianness,
    segments: &'a [H::ProgramHeader],
    /// How much text is still read.
    room: Cell<usize>,
    found: &'a mut Elf,
}

/// Where the entries of the dynamic section lead.
#[derive(Default)]
struct Dynamic {
    strings: Option<u64>,
    strings_size: u64,
    needed: Vec<u64>,
    soname: Option<u64>,
    rpath: Option<u64>,
    runpath: Option<u64>,
    needs: Option<u64>,
    needs_count: u64,
    gives: Option<u64>,
    gives_count: u64,
}

impl<H: FileHeader<Endian = Endianness>> Reader<'_, H> {
    fn run(mut self) {
        let endian = self.endian;
        let loaded = self.segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
        let sized = loaded.filter(|segment| segment.p_memsz(endian).into() > 0);
        let files = sized.clone().filter(|segment| segment.p_filesz(endian).into() > 0);
        let reach = files.map(|segment| range::<H>(segment, endian).end).max().unwrap_or(0);
        self.found.reach = self.found.reach.max(reach);
        self.found.alignment = sized.map(|segment| segment.p_align(endian).into()).min();
        let segments = self.segments;
        let of_type = |kind| segments.iter().filter(move |segment| segment.p_type(endian) == kind);
        let interpreter = of_type(elf::PT_INTERP).next().map(|segment| range::<H>(segment, endian));
        let dynamic = of_type(elf::PT_DYNAMIC).next();
        let notes = of_type(elf::PT_NOTE).chain(of_type(elf::PT_GNU_PROPERTY)).take(MAX_NOTES);
        notes.for_each(|segment| self.notes(segment));
        if let Some(range) = interpreter {
            self.interpreter(range);
        }
        if let Some(segment) = dynamic {
            self.dynamic(segment);
        }
    }

    fn unread(&mut self, what: &str) {
        if self.found.unread.is_none() {
            self.found.unread = Some(what.to_owned());
        }
    }

    fn interpreter(&mut self, range: Range<u64>) {
        // The kernel takes none that is shorter than two bytes, either.
        let bytes = Some(range).filter(|range| (2..=MAX_NAME).contains(&(range.end - range.start)));
        match bytes.and_then(|range| self.window.part(range)) {
            Some(bytes) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                self.found.interpreter = Some(bytes[..end].to_vec());
            }
            None => self.unread("the name of its loader can't be read"),
        }
    }

    fn notes(&mut self, segment: &H::ProgramHeader) {
        if self.found.machine != Machine::X86_64 || segment.p_filesz(self.endian).into() > MAX_NOTE {
            return;
        }
        let Ok(Some(mut notes)) = segment.notes(self.endian, self.window) else { return };
        while let Ok(Some(note)) = notes.next() {
            if note.name() != elf::ELF_NOTE_GNU || note.n_type(self.endian) != elf::NT_GNU_PROPERTY_TYPE_0 {
                continue;
            }
            let Some(mut properties) = note.gnu_properties(self.endian) else { continue };
            while let Ok(Some(property)) = properties.next() {
                if property.pr_type() == elf::GNU_PROPERTY_X86_ISA_1_NEEDED
                    && let Ok(bits) = property.data_u32(self.endian)
                {
                    let level = [0x8, 0x4, 0x2, 0x1].iter().position(|bit| bits & bit != 0);
                    self.found.x86_level = level.map(|from_top| 4 - from_top as u8);
                }
            }
        }
    }

    fn dynamic(&mut self, segment: &H::ProgramHeader) {
        use object::read::elf::Dyn as _;
        self.found.is_dynamic = segment.p_filesz(self.endian).into() > 0;
        let entries = match segment.dynamic(self.endian, self.window) {
            Ok(Some(entries)) => entries,
            _ => return self.unread("its dynamic section can't be read"),
        };
        let mut found = Dynamic::default();
        let (mut strings, mut needs, mut gives) = (None, None, None);
        for entry in entries.iter().take(MAX_NAMES) {
            let value: u64 = entry.d_val(self.endian).into();
            match entry.d_tag(self.endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => found.needed.push(value),
                elf::DT_STRTAB => strings = Some(value),
                elf::DT_STRSZ => found.strings_size = value,
                elf::DT_SONAME => found.soname = Some(value),
                elf::DT_RPATH => found.rpath = Some(value),
                elf::DT_RUNPATH => found.runpath = Some(value),
                elf::DT_VERNEED => needs = Some(value),
                elf::DT_VERNEEDNUM => found.needs_count = value,
                elf::DT_VERDEF => gives = Some(value),
                elf::DT_VERDEFNUM => found.gives_count = value,
                elf::DT_FLAGS_1 => self.flags(value),
                _ => {}
            }
        }
        found.strings = strings.and_then(|address| self.offset(address));
        found.needs = needs.and_then(|address| self.offset(address));
        found.gives = gives.and_then(|address| self.offset(address));
        self.names(&found);
    }

    fn flags(&mut self, flags: u64) {
        self.found.is_pie = flags & DF_1_PIE != 0;
        self.found.skips_system_folders = flags & DF_1_NODEFLIB != 0;
    }

    fn names(&mut self, dynamic: &Dynamic) {
        let mut missed = false;
        let mut text = |at: u64| {
            let found = self.string(dynamic, at);
            missed |= found.is_none();
            found
        };
        let needed = dynamic.needed.iter().filter_map(|at| text(*at)).collect();
        let soname = dynamic.soname.and_then(&mut text);
        let rpath = dynamic.rpath.and_then(&mut text);
        let runpath = dynamic.runpath.and_then(&mut text);
        let needs = self.needs(dynamic);
        let gives = self.gives(dynamic);
        missed |= needs.is_none() || gives.is_none();
        self.found.needed = needed;
        self.found.soname = soname;
        self.found.rpath = rpath;
        self.found.runpath = runpath;
        self.found.versions_needed = needs.unwrap_or_default();
        self.found.versions_given = gives.unwrap_or_default();
        if missed {
            self.unread("names that its dynamic section points at can't be read");
        }
    }

    /// Where in the file the byte is that is loaded at an address.
    fn offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            if segment.p_type(self.endian) != elf::PT_LOAD {
                return None;
            }
            let into = address.checked_sub(segment.p_vaddr(self.endian).into())?;
            let size: u64 = segment.p_filesz(self.endian).into();
            if into < size { Some(segment.p_offset(self.endian).into().checked_add(into)?) } else { None }
        })
    }

    fn string(&self, dynamic: &Dynamic, at: u64) -> Option<Vec<u8>> {
        let strings = dynamic.strings?;
        if at >= dynamic.strings_size {
            return None;
        }
        let from = strings.checked_add(at)?;
        let to = strings.checked_add(dynamic.strings_size)?.min(from.checked_add(MAX_NAME)?);
        let text = object::read::ReadRef::read_bytes_at_until(self.window, from..to, 0).ok()?;
        self.keep(text)
    }

    /// A text as it is kept, as long as there is room.
    fn keep(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.room.set(self.room.get().checked_sub(text.len())?);
        Some(text.to_vec())
    }

    /// A number at an offset from a place in the file.
    fn u16(&self, at: u64, offset: u64) -> Option<u16> {
        let bytes = self.bytes(at, offset)?;
        let is_little = self.endian == Endianness::Little;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: u64, offset: u64) -> Option<u32> {
        let bytes = self.bytes(at, offset)?;
        let is_little = self.endian == Endianness::Little;
        Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn bytes<const N: usize>(&self, at: u64, offset: u64) -> Option<[u8; N]> {
        let from = at.checked_add(offset)?;
        self.window.part(from..from.checked_add(N as u64)?)?.try_into().ok()
    }

    /// The versions that are needed: a chain of libraries, each with a chain of versions (gABI, *Symbol Versioning*).
    fn needs(&self, dynamic: &Dynamic) -> Option<Vec<NeededVersion>> {
        let Some(mut at) = dynamic.needs else { return Some(Vec::new()) };
        let mut found = Vec::new();
        for _ in 0..dynamic.needs_count.min(MAX_NAMES as u64) {
            let (count, file) = (self.u16(at, 2)?, self.u32(at, 4)?);
            let (first, next) = (self.u32(at, 8)?, self.u32(at, 12)?);
            let library = self.string(dynamic, file.into())?;
            let mut version_at = at.checked_add(first.into())?;
            for _ in 0..count {
                if found.len() >= MAX_NAMES {
                    return None;
                }
                let flags = self.u16(version_at, 4)?;
                let (name, next) = (self.u32(version_at, 8)?, self.u32(version_at, 12)?);
                let version = self.string(dynamic, name.into())?;
                let is_weak = flags & VER_FLG_WEAK != 0;
                found.push(NeededVersion { library: self.keep(&library)?, version, is_weak });
                if next == 0 {
                    break;
                }
                version_at = version_at.checked_add(next.into())?;
            }
            if next == 0 {
                break;
            }
            at = at.checked_add(next.into())?;
        }
        Some(found)
    }

    /// The versions that it gives: a chain, the first of each one's names being its own.
    fn gives(&self, dynamic: &Dynamic) -> Option<Vec<Vec<u8>>> {
        let Some(mut at) = dynamic.gives else { return Some(Vec::new()) };
        let mut found = Vec::new();
        for _ in 0..dynamic.gives_count.min(MAX_NAMES as u64) {
            let (first, next) = (self.u32(at, 12)?, self.u32(at, 16)?);
            let name = self.u32(at.checked_add(first.into())?, 0)?;
            found.push(self.string(dynamic, name.into())?);
            if next == 0 {
                break;
            }
            at = at.checked_add(next.into())?;
        }
        Some(found)
    }
}

/// What 32-bit Arm says of architecture and floats: the flags, and the build attributes.
fn arm<H: FileHeader<Endian = Endianness>>(header: &H, endian: Endianness, window: &Window, found: &mut Elf) {
    found.float_abi = match found.flags {
        flags if flags & elf::EF_ARM_ABI_FLOAT_HARD != 0 => Some(FloatAbi::Hard),
        flags if flags & elf::EF_ARM_ABI_FLOAT_SOFT != 0 => Some(FloatAbi::Soft),
        _ => None,
    };
    // Tag_CPU_arch and Tag_ABI_VFP_args.
    const CPU_ARCH: u64 = 6;
    const ABI_VFP_ARGS: u64 = 28;
    let Ok(sections) = header.section_headers(endian, window) else { return };
    use object::read::elf::SectionHeader as _;
    let attributes = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_ARM_ATTRIBUTES);
    let Some(attributes) = attributes.and_then(|section| section.attributes(endian, window).ok()) else {
        return;
    };
    let Ok(mut subsections) = attributes.subsections() else { return };
    while let Ok(Some(subsection)) = subsections.next() {
        if subsection.vendor() != b"aeabi" {
            continue;
        }
        let mut parts = subsection.subsubsections();
        while let Ok(Some(part)) = parts.next() {
            if part.tag() != elf::Tag_File {
                continue;
            }
            let mut reader = part.attributes();
            while let Ok(Some(tag)) = reader.read_tag() {
                // Texts: CPU_raw_name, CPU_name, compatibility (a number and a text), also_compatible_with, conformance.
                let is_text = matches!(tag, 4 | 5 | 65 | 67) || (tag > 32 && tag % 2 == 1);
                if tag == 32 {
                    let _ = reader.read_integer();
                }
                if is_text || tag == 32 {
                    if reader.read_string().is_err() {
                        break;
                    }
                    continue;
                }
                let Ok(value) = reader.read_integer() else { break };
                match tag {
                    CPU_ARCH => found.arm_architecture = arm_architecture(value),
                    ABI_VFP_ARGS if found.float_abi.is_none() => {
                        found.float_abi = match value {
                            0 => Some(FloatAbi::Soft),
                            1 => Some(FloatAbi::Hard),
                            _ => None,
                        };
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The generation of an architecture by the value of Tag_CPU_arch.
fn arm_architecture(value: u64) -> Option<u8> {
    Some(match value {
        1 | 2 => 4,
        3..=5 => 5,
        6..=9 | 11 | 12 => 6,
        10 | 13 => 7,
        14..=22 => 8,
        _ => return None,
    })
}
