//! PE files: what Windows' loader reads of them first (Microsoft's *PE Format*).

use object::pe;
use object::read::ReadRef;

use super::{Machine, Window};

/// How long the signature is, and the machine behind it.
const SIGNATURE: u64 = 4;
const MACHINE: u64 = 2;

/// Asks `window` to keep what will be needed, once the beginning has passed by.
pub fn prepare(window: &mut Window) {
    let header = pe::ImageDosHeader::parse(&*window).map(|dos| u64::from(dos.nt_headers_offset()));
    let parts = header.map(|at| at..at.saturating_add(SIGNATURE + MACHINE));
    window.want_only(&Vec::from_iter(parts));
}

/// The machine of a PE file; none where it is none.
pub fn read(window: &Window) -> Option<Machine> {
    let dos = pe::ImageDosHeader::parse(window).ok()?;
    let mut offset = u64::from(dos.nt_headers_offset());
    let signature: &[u8] = window.read_bytes(&mut offset, SIGNATURE).ok()?;
    if signature != b"PE\0\0" {
        return None;
    }
    let bytes = window.read_bytes(&mut offset, MACHINE).ok()?;
    let number = u16::from_le_bytes(bytes.try_into().ok()?);

    Some(match pe::Machine(number) {
        pe::IMAGE_FILE_MACHINE_I386 => Machine::X86,
        pe::IMAGE_FILE_MACHINE_AMD64 => Machine::X86_64,
        pe::IMAGE_FILE_MACHINE_ARM64 => Machine::Arm64,
        pe::IMAGE_FILE_MACHINE_ARM | pe::IMAGE_FILE_MACHINE_ARMNT => Machine::Arm,
        pe::IMAGE_FILE_MACHINE_RISCV64 => Machine::Riscv64,
        _ => Machine::Other { number, bits: 0, little_endian: true },
    })
}
