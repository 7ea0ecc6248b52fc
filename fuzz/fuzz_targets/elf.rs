//! Any bytes as a file that begins as ELF does: no panic, no more kept than the limits say, and the same found as
//! if the file did not pass by.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workson_fuzz::verify::binary::elf;
use workson_fuzz::{check_elf, programs};

fuzz_target!(|data: &[u8]| {
    let Some([passing, whole]) = programs(data, elf::prepare) else { return };
    let (found, all) = (elf::read(&passing), elf::read(&whole));
    assert_eq!(found.is_some(), all.is_some());
    let (Some(mut found), Some(all)) = (found, all) else { return };
    check_elf(&found);
    check_elf(&all);
    // Notes are only read where they were kept, and of parts only so many are.
    if found.x86_level.is_none() {
        found.x86_level = all.x86_level;
    }
    if found.unread.is_none() {
        assert_eq!(found, all);
    }
});
