//! What the fuzz targets share: the program's own sources that they try, and what has to hold of what those find.

#[allow(dead_code, missing_docs, reason = "a part of the program is taken in")]
#[path = "../../src"]
mod program {
    pub mod packed;
    pub mod scan;
    pub mod yaml;
}

use program::packed;
pub use program::{scan, yaml};

#[allow(dead_code, missing_docs, reason = "a part of the program is taken in")]
#[path = "../../src/verify"]
pub mod verify {
    pub mod binary;
    pub mod layer;
}

use verify::binary::elf::Elf;
use verify::binary::{Machine, Window};

/// How much stands before the file in an input of the targets that read programs.
const SETTINGS: usize = 4;
/// A file's header is in the first piece of it that is read, which is far longer.
const HEADER: usize = 64;
/// What is kept of one ELF file: names of this many bytes, this many of a kind, this much together. The name of its
/// loader and the like stand beside that.
const NAME: usize = 4_096;
const NAMES: usize = 4_096;
const TEXT: usize = (1 << 20) + 2 * NAME;

/// A program that passes by as it does in a layer, and the same one with all of it known at once.
///
/// Two bytes say where the first piece of it ends, after which `prepare` says what more to keep; two say by how many
/// times 256 bytes the file is shorter than it should be. The file follows.
pub fn programs(data: &[u8], prepare: fn(&mut Window)) -> Option<[Window; 2]> {
    let (settings, file) = data.split_first_chunk::<SETTINGS>()?;
    let [cut, missing] = [[settings[0], settings[1]], [settings[2], settings[3]]].map(u16::from_le_bytes);
    let size = file.len() as u64 + (u64::from(missing) << 8);
    let (first, rest) = file.split_at(usize::from(cut).max(HEADER).min(file.len()));

    let [mut passing, mut whole] = [(); 2].map(|()| Window::default());
    passing.begin(size);
    passing.feed(first);
    prepare(&mut passing);
    passing.feed(rest);
    whole.begin(size);
    whole.feed(file);
    Some([passing, whole])
}

/// What holds of whatever is read out of an ELF file.
pub fn check_elf(elf: &Elf) {
    let Elf { machine, interpreter, needed, soname, rpath, runpath, .. } = elf;
    let Elf { versions_needed, versions_given, arm_architecture, float_abi, x86_level, .. } = elf;
    assert!(elf.text_length() <= TEXT);
    assert!(needed.len() <= NAMES && versions_needed.len() <= NAMES && versions_given.len() <= NAMES);
    let of_versions = versions_needed.iter().flat_map(|need| [&need.library, &need.version]);
    let names = [interpreter, soname, rpath, runpath].into_iter().flatten();
    for name in names.chain(needed).chain(versions_given).chain(of_versions) {
        assert!(name.len() <= NAME && !name.contains(&0));
    }
    assert!(arm_architecture.is_none() || *machine == Machine::Arm);
    assert!(float_abi.is_none() || matches!(machine, Machine::Arm | Machine::Riscv64));
    assert!(arm_architecture.is_none_or(|version| (4..=8).contains(&version)));
    assert!(x86_level.is_none_or(|level| *machine == Machine::X86_64 && (1..=4).contains(&level)));
}
