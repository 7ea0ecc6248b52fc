//! What an executable file is for, told from its headers, while it passes by.
//!
//! Formats: ELF (System V gABI and the processors' supplements) and PE (Microsoft's PE Format).

pub mod elf;
pub mod pe;
mod window;

use std::fmt;

pub use window::Window;

/// The machine that a file's code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// 32-bit x86.
    X86,
    /// 64-bit x86.
    X86_64,
    /// 32-bit Arm.
    Arm,
    /// 64-bit Arm.
    Arm64,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit PowerPC, little-endian.
    Ppc64le,
    /// 64-bit PowerPC, big-endian.
    Ppc64,
    /// IBM Z, 64-bit.
    S390x,
    /// 64-bit MIPS, little-endian.
    Mips64le,
    /// 64-bit LoongArch.
    Loong64,
    /// Another one: its number in the header, the class in bits, and the byte order.
    Other {
        /// `e_machine` of ELF or `Machine` of PE.
        number: u16,
        /// 32 or 64.
        bits: u8,
        /// Whether it is little-endian.
        little_endian: bool,
    },
}

impl Machine {
    /// The architecture as Go names it, where it is one that images are made for.
    pub fn architecture(self) -> Option<&'static str> {
        Some(match self {
            Machine::X86 => "386",
            Machine::X86_64 => "amd64",
            Machine::Arm => "arm",
            Machine::Arm64 => "arm64",
            Machine::Riscv64 => "riscv64",
            Machine::Ppc64le => "ppc64le",
            Machine::Ppc64 => "ppc64",
            Machine::S390x => "s390x",
            Machine::Mips64le => "mips64le",
            Machine::Loong64 => "loong64",
            Machine::Other { .. } => return None,
        })
    }

    /// Whether its numbers have their smallest byte first.
    pub fn is_little_endian(self) -> bool {
        match self {
            Machine::Ppc64 | Machine::S390x => false,
            Machine::Other { little_endian, .. } => little_endian,
            _ => true,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.architecture(), self) {
            (Some(name), _) => f.pad(name),
            (None, Machine::Other { number, bits, little_endian }) => {
                let order = if *little_endian { "little" } else { "big" };
                write!(f, "machine {number} ({bits} bits, {order}-endian)")
            }
            (None, _) => f.pad("unknown"),
        }
    }
}
