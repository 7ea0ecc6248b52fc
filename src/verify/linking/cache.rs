//! `/etc/ld.so.cache`: which libraries glibc's loader knows without looking into folders.
//!
//! Source: glibc's `sysdeps/generic/dl-cache.h`. The older of the two formats may stand before the newer one, and is
//! passed over: every loader since glibc 2.2 reads the newer one.

use super::super::binary::Machine;
use super::super::binary::elf::{Elf, FloatAbi};

/// What the newer format begins with: its name, and its version behind it.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// What the older format begins with; then a byte of nothing, and the count of its entries.
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
/// The newer format's header and entries, and what it is aligned to behind the older one.
const HEADER: usize = 48;
const ENTRY: usize = 24;
const ALIGNMENT: usize = 8;
/// Where the header has the count of entries, and the byte order.
const COUNT: usize = 20;
const FLAGS: usize = 28;
/// Where an entry has the offset of its name and that of its path, and which processors it is for.
const NAME: usize = 4;
const PATH: usize = 8;
const PROCESSORS: usize = 16;

/// The path at which the loader looks for the library `name`, as the cache has it: the first that is marked with `flags`,
/// whether there is a file or not.
///
/// What is for newer processors alone (`glibc-hwcaps`) is passed over. A cache that is damaged or of the other byte
/// order has nothing, as for the loader.
pub(super) fn path<'a>(
    cache: &'a [u8],
    is_little_endian: bool,
    flags: Option<usize>,
    name: &[u8],
) -> Option<&'a [u8]> {
    let cache = newer(cache, is_little_endian)?;
    let count = number(cache, COUNT, is_little_endian)?;
    let mut entries = cache.get(HEADER..)?.chunks_exact(ENTRY).take(count);
    entries.find_map(|entry| {
        let is_for_any = entry[PROCESSORS..].iter().all(|byte| *byte == 0);
        let fits = flags.is_none() || number(entry, 0, is_little_endian) == flags;
        let path = text(cache, entry, PATH, is_little_endian)?;
        let is_for_newer = path.split(|byte| *byte == b'/').any(|part| part == b"glibc-hwcaps");
        let is_usual = is_for_any && fits && path.starts_with(b"/") && !is_for_newer;
        (is_usual && text(cache, entry, NAME, is_little_endian) == Some(name)).then_some(path)
    })
}

/// How entries for a program's machine are marked (glibc's `_DL_CACHE_DEFAULT_ID`); none where that is not known.
pub(super) fn flags(program: &Elf) -> Option<usize> {
    Some(match (program.machine, program.float_abi) {
        (Machine::X86, _) => 0x0003,
        (Machine::X86_64, _) => 0x0303,
        (Machine::Arm, Some(FloatAbi::Hard)) => 0x0903,
        (Machine::Arm64, _) => 0x0a03,
        (Machine::Riscv64, Some(FloatAbi::Double)) => 0x1003,
        (Machine::Riscv64, Some(FloatAbi::Soft)) => 0x0f03,
        (Machine::Ppc64le | Machine::Ppc64, _) => 0x0503,
        (Machine::S390x, _) => 0x0403,
        _ => return None,
    })
}

/// The part of a cache that is in the newer format, where the loader would read it.
fn newer(cache: &[u8], is_little_endian: bool) -> Option<&[u8]> {
    let cache = match cache.starts_with(OLD_MAGIC) {
        true => {
            let entries = number(cache, 12, is_little_endian)?.checked_mul(OLD_ENTRY)?;
            cache.get(OLD_HEADER.checked_add(entries)?.checked_next_multiple_of(ALIGNMENT)?..)?
        }
        false => cache,
    };
    let expected = if is_little_endian { 2 } else { 3 };
    // Nought is what ldconfig wrote before it told the order.
    let fits = cache.get(FLAGS).is_some_and(|flags| flags & 3 == 0 || flags & 3 == expected);
    (cache.starts_with(MAGIC) && fits).then_some(cache)
}

fn number(bytes: &[u8], at: usize, is_little_endian: bool) -> Option<usize> {
    let bytes = *bytes.get(at..)?.first_chunk::<4>()?;
    let number = if is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
    usize::try_from(number).ok()
}

/// The text that an entry points at.
fn text<'a>(cache: &'a [u8], entry: &[u8], at: usize, is_little_endian: bool) -> Option<&'a [u8]> {
    let text = cache.get(number(entry, at, is_little_endian)?..)?;
    text.split(|byte| *byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache as ldconfig writes it, of names and paths.
    fn cache(entries: &[(&str, &str)], flags: u8, number: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut table = Vec::new();
        let first = HEADER + entries.len() * ENTRY;
        for (name, path) in entries {
            let mut add = |text: &str| {
                let at = first + strings.len();
                strings.extend_from_slice(&[text.as_bytes(), b"\0"].concat());
                number(u32::try_from(at).unwrap_or_default())
            };
            let (name, path) = (add(name), add(path));
            table.extend([number(3), name, path, number(0), number(0), number(0)].concat());
        }
        let counts = [number(entries.len() as u32), number(strings.len() as u32)].concat();
        [MAGIC, &counts, &[flags, 0, 0, 0], &[0; 16], &table, &strings].concat()
    }

    fn of<'a>(bytes: &'a [u8], little: bool, name: &str) -> Option<&'a str> {
        path(bytes, little, Some(3), name.as_bytes())
            .map(|path| std::str::from_utf8(path).unwrap_or_default())
    }

    const LIBRARIES: [(&str, &str); 5] = [
        ("libx.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/libx.so.1"),
        ("libx.so.1", "/opt/x/libx.so.1"),
        ("libx.so.1", "/usr/lib32/libx.so.1"),
        ("liby.so", "relative/liby.so"),
        ("libz.so", "/lib/libz.so"),
    ];

    #[test]
    fn a_cache_names_the_first_path_of_a_library_for_a_machine() {
        for (bytes, little) in
            [(cache(&LIBRARIES, 2, u32::to_le_bytes), true), (cache(&LIBRARIES, 3, u32::to_be_bytes), false)]
        {
            assert_eq!(of(&bytes, little, "libx.so.1"), Some("/opt/x/libx.so.1"));
            assert_eq!(of(&bytes, little, "libz.so"), Some("/lib/libz.so"));
            assert_eq!((of(&bytes, little, "libx.so"), of(&bytes, little, "liby.so")), (None, None));
            // The loader of a machine of the other byte order passes it over, as one whose entries are marked otherwise.
            assert_eq!(of(&bytes, !little, "libx.so.1"), None);
            assert_eq!(path(&bytes, little, Some(0x303), b"libz.so"), None);
        }
    }

    #[test]
    fn what_is_for_newer_processors_alone_is_passed_over() {
        let mut bytes = cache(&LIBRARIES[4..], 2, u32::to_le_bytes);
        bytes[HEADER + PROCESSORS] = 1;
        assert_eq!(of(&bytes, true, "libz.so"), None);
    }

    #[test]
    fn the_newer_format_is_found_behind_the_older_one() {
        let newer = cache(&LIBRARIES, 0, u32::to_le_bytes);
        for entries in 0..3_u32 {
            let mut both = [OLD_MAGIC, b"\0", &entries.to_le_bytes()].concat();
            both.resize((OLD_HEADER + entries as usize * OLD_ENTRY).next_multiple_of(ALIGNMENT), 1);
            both.extend(&newer);
            assert_eq!(of(&both, true, "libx.so.1"), Some("/opt/x/libx.so.1"), "{entries}");
        }
    }

    #[test]
    fn damage_in_a_cache_is_nothing_found() {
        let bytes = cache(&LIBRARIES, 2, u32::to_le_bytes);
        for length in 0..bytes.len() {
            let found = of(&bytes[..length], true, "libx.so.1");
            assert!(found.is_none_or(|path| path.starts_with('/')), "{found:?}");
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] = 0xff;
            let _ = of(&broken, true, "libx.so.1");
        }
    }
}
