//! Any bytes as a file that begins as ELF does: no panic, no more kept than the limits say, and the same read of
//! its header as if the file did not pass by.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workson_fuzz::verify::binary::elf::{self, Elf};
use workson_fuzz::{check_elf, programs};

fuzz_target!(|data: &[u8]| {
    let Some([passing, whole]) = programs(data, elf::prepare) else { return };
    let (found, all) = (elf::read(&passing), elf::read(&whole));
    assert_eq!(found.is_some(), all.is_some());
    let (Some(found), Some(all)) = (found, all) else { return };
    check_elf(&found);
    check_elf(&all);
    // What the header says is known in any case; of the rest only so much is kept as passes by.
    let header = |elf: &Elf| (elf.machine, elf.is_64, elf.system, elf.kind, elf.flags);
    assert_eq!(header(&found), header(&all));
});
