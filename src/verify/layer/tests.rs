//! What must not happen with bytes of strangers: more work or memory than the limits say, or a panic.

use std::cell::Cell;
use std::io::Write;
use std::sync::OnceLock;

use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;

const SMALL: Limits = Limits { bytes: 16 << 20, entries: 1_000, image_entries: 1_000, window: 1 << 20 };

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o755);
    header
}

/// A header with a name of any bytes.
fn named(name: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = header(kind, size);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    header
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in files {
        builder.append_data(&mut header(EntryType::Regular, bytes.len() as u64), path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Headers and contents, one after the other, as they are.
fn raw(parts: &[(Header, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (header, bytes) in parts {
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read_tar(tar: &[u8]) -> Result<Layer, LayerError> {
    read(tar, Compression::None, Algorithm::Sha256, &SMALL)
}

/// The file at a path.
fn file_at(layer: &Layer, path: &[u8]) -> Arc<File> {
    let entry = layer.entries.iter().find(|entry| entry.path == path);
    let Some(Entry { node: Node::File(file), .. }) = entry else { panic!("{entry:?}") };
    file
}

fn paths(layer: &Layer) -> Vec<String> {
    layer.entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect()
}

#[test]
fn digests_are_over_everything_however_it_is_compressed() {
    let long: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    let mut tar = tar_of(&[("usr/a", &long), ("empty", b""), ("usr/b", b"text")]);
    tar.extend_from_slice(&[7; 5_000]);
    let (first, second) = tar.split_at(1_000_000);
    let members = [gzip(first), gzip(second)].concat();
    let frames = zstd::encode_all(&tar[..], 1).unwrap();
    let ways = [(Compression::None, tar.clone()), (Compression::Gzip, members), (Compression::Zstd, frames)];
    for (compression, bytes) in ways {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let layer = read(bytes.as_slice(), compression, algorithm, &SMALL).unwrap();
            assert_eq!(layer.digest, algorithm.digest(&bytes), "{compression:?}");
            assert_eq!(layer.diff_id, Digest::sha256(&tar), "{compression:?}");
            assert_eq!((layer.size, paths(&layer).join(" ")), (tar.len() as u64, "empty usr/a usr/b".into()));
        }
        if compression != Compression::None {
            let cut = read(&bytes[..bytes.len() - 9], compression, Algorithm::Sha256, &SMALL);
            assert!(matches!(cut, Err(LayerError::Damaged(_))), "{compression:?}");
        }
    }
}

/// Gives some bytes, and fails then.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("connection reset")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_source_that_fails_is_no_damage() {
    let tar = tar_of(&[("a", &[1; 700_000])]);
    let ways = [
        (Compression::None, tar.clone()),
        (Compression::Gzip, gzip(&tar)),
        (Compression::Zstd, zstd::encode_all(&tar[..], 1).unwrap()),
    ];
    for (compression, bytes) in ways {
        for cut in [0, 1, bytes.len() / 2, bytes.len()] {
            let result = read(Failing(&bytes[..cut]), compression, Algorithm::Sha256, &SMALL);
            assert!(
                matches!(&result, Err(LayerError::Source(error)) if error.contains("connection reset")),
                "{compression:?} {cut} {result:?}"
            );
        }
    }
}

#[test]
fn what_is_too_long_stops_at_the_limit() {
    /// Zeros, and how many of them were asked for.
    struct Bomb<'a>(&'a [u8], &'a Cell<u64>);
    impl Read for Bomb<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1.set(self.1.get() + read as u64);
            Ok(read)
        }
    }
    let zeros = gzip(&vec![0; 8 << 20]);
    // Every member begins anew: 800 MiB.
    let bomb = zeros.repeat(100);
    let file = named(b"zeros", EntryType::Regular, 1 << 40);
    let begun = [gzip(file.as_bytes()), bomb.clone()].concat();
    for bytes in [bomb, begun] {
        let taken = Cell::new(0);
        let result = read(Bomb(&bytes, &taken), Compression::Gzip, Algorithm::Sha256, &SMALL);
        assert!(matches!(result, Err(LayerError::TooLong(limit)) if limit == SMALL.bytes), "{result:?}");
        assert!(taken.get() < 2 << 20, "{}", taken.get());
    }
}

#[test]
fn too_many_entries_stop_at_the_limit_whatever_they_are() {
    for kind in [EntryType::Directory, EntryType::Regular, EntryType::XGlobalHeader] {
        let tar = named(b"x", kind, 0).as_bytes().repeat(1_001);
        assert!(matches!(read_tar(&tar), Err(LayerError::TooMany(1_000))), "{kind:?}");
        assert!(read_tar(&tar[512..]).is_ok(), "{kind:?}");
    }
}

#[test]
fn names_and_attributes_are_bounded() {
    let megabytes = vec![b'a'; 3 << 20];
    let file = named(b"file", EntryType::Regular, 0);
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let tar = raw(&[(named(b"x", kind, megabytes.len() as u64), &megabytes), (file.clone(), b"")]);
        assert!(matches!(read_tar(&tar), Err(LayerError::Damaged(_))), "{kind:?}");
    }
    // A long one is right, and many of them are too much.
    let long = |first: usize| format!("{first:03}{}", vec!["a".repeat(200); 19].join("/")).into_bytes();
    let gnu = |name: &[u8]| {
        raw(&[(named(b"x", EntryType::GNULongName, name.len() as u64), name), (file.clone(), b"")])
    };
    assert_eq!(paths(&read_tar(&gnu(&long(0))).unwrap()), [String::from_utf8(long(0)).unwrap()]);
    let many: Vec<u8> = (0..30).flat_map(|first| gnu(&long(first))).collect();
    assert!(matches!(read_tar(&many), Err(LayerError::TooWordy(96_000))));
    // What is kept of programs takes room as well, and so do owners.
    let script = |n: u32| tar_of(&[(&n.to_string(), b"#!/bin/sh")])[..1_024].to_vec();
    let scripts: Vec<u8> = (0..900).flat_map(script).collect();
    assert!(matches!(read_tar(&scripts), Err(LayerError::TooWordy(_))));
    let owned = |uid: u64| {
        let mut header = named(uid.to_string().as_bytes(), EntryType::Regular, 0);
        header.set_uid(uid);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let owned: Vec<u8> = (0..900).flat_map(owned).collect();
    assert!(read_tar(&owned).unwrap().entries.room().1 > 900 * 36);
    let record = [b"4012 path=".as_slice(), &long(0), b"\n"].concat();
    let length = record.len();
    let record = [format!("{length} path=").into_bytes(), long(0), b"\n".to_vec()].concat();
    let pax = raw(&[(named(b"x", EntryType::XHeader, length as u64), &record), (file.clone(), b"")]);
    assert_eq!(paths(&read_tar(&pax).unwrap()).len(), 1);
}

#[test]
fn what_linux_takes_no_path_for_is_damage() {
    let file = named(b"file", EntryType::Regular, 0);
    let gnu = |name: &[u8]| {
        raw(&[(named(b"x", EntryType::GNULongName, name.len() as u64), name), (file.clone(), b"")])
    };
    let deep = |length: usize| format!("{}x", "a/".repeat(length / 2)).into_bytes();
    let limits = Limits { entries: 100_000, image_entries: 100_000, ..SMALL };
    let begin = std::time::Instant::now();
    for (name, is_right) in [
        (deep(4_094), true),
        (deep(4_096), false),
        (deep(80_000), false),
        (vec![b'n'; 255], true),
        (vec![b'n'; 256], false),
        ([&[b'n'; 256][..], b"/x"].concat(), false),
    ] {
        let result = read(&gnu(&name)[..], Compression::None, Algorithm::Sha256, &limits);
        match result {
            Ok(layer) => assert!(is_right && layer.entries.len() == 1, "{}", name.len()),
            Err(LayerError::Damaged(damage)) => {
                assert!(!is_right && damage.what.contains("longer than"), "{} {damage}", name.len());
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(begin.elapsed().as_secs() < 5);
    // The folders on the way are entries too.
    assert!(matches!(read_tar(&gnu(&deep(4_094))), Err(LayerError::TooMany(1_000))));
}

#[test]
fn sizes_that_lie_are_damage() {
    for size in [1, 512, 1 << 33, u64::MAX - 511, u64::MAX] {
        for kind in [EntryType::Regular, EntryType::Directory, EntryType::GNULongName, EntryType::Symlink] {
            let result = read_tar(named(b"x", kind, size).as_bytes());
            assert!(matches!(result, Err(LayerError::Damaged(_))), "{kind:?} {size} {result:?}");
        }
    }
}

#[test]
fn a_zstd_layer_that_takes_more_memory_than_it_is_given_names_the_limit() {
    let tar = tar_of(&[("file", &[0; 3 << 20])]);
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(21).unwrap();
    encoder.write_all(&tar).unwrap();
    let packed = encoder.finish().unwrap();
    let read = |window| read(&packed[..], Compression::Zstd, Algorithm::Sha256, &Limits { window, ..SMALL });
    for window in [0, 1 << 20, (1 << 21) - 1] {
        let Err(LayerError::TooWide(named)) = read(window) else { panic!("{window}: {:?}", read(window)) };
        assert_eq!(named, window);
    }
    for window in [1 << 21, u64::MAX] {
        assert_eq!(paths(&read(window).unwrap()), ["file"], "{window}");
    }
}

/// A file of which pax headers say that it is sparse, as GNU tar writes them.
fn pax_sparse(own_name: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions(headers.iter().map(|(key, value)| (*key, value.as_bytes()))).unwrap();
    builder.append_data(&mut header(EntryType::Regular, 1), own_name, &b"x"[..]).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn a_sparse_file_of_the_pax_format_has_its_own_name_and_is_unread() {
    let size = ("GNU.sparse.size", "1048577");
    let pieces =
        [("GNU.sparse.numblocks", "1"), ("GNU.sparse.offset", "1048576"), ("GNU.sparse.numbytes", "1")];
    let versions = [
        pax_sparse("bin/app", &[&[size][..], &pieces].concat()),
        pax_sparse(
            "bin/GNUSparseFile.7/app",
            &[size, ("GNU.sparse.name", "bin/app"), ("GNU.sparse.map", "1048576,1")],
        ),
        pax_sparse(
            "bin/GNUSparseFile.7/app",
            &[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.name", "./bin/app"),
                ("GNU.sparse.realsize", "1048577"),
            ],
        ),
    ];
    for tar in versions {
        let layer = read_tar(&tar).unwrap();
        assert_eq!(paths(&layer), ["bin/app"]);
        let file = file_at(&layer, b"bin/app");
        assert!(file.size == 1_048_577 && file.is_executable(), "{file:?}");
        assert!(matches!(file.content, Content::Unread(_)), "{file:?}");
    }
}

#[test]
fn the_loaders_cache_is_kept_whole_or_said_to_be_too_long() {
    let of = |length: usize| {
        let tar = tar_of(&[("etc/ld.so.cache", &vec![7; length])]);
        let layer = read(&tar[..], Compression::None, Algorithm::Sha256, &Limits::default()).unwrap();
        file_at(&layer, b"etc/ld.so.cache").content.clone()
    };
    for length in [0, CHUNK - 1, CHUNK, CHUNK + 1, MAX_CACHE as usize] {
        assert!(matches!(of(length), Content::Setting(bytes) if bytes == vec![7; length]), "{length}");
    }
    assert!(matches!(of(MAX_CACHE as usize + 1), Content::Unread(_)));
}

/// The only file of a layer.
fn file_of(tar: &[u8]) -> Arc<File> {
    let layer = read(tar, Compression::None, Algorithm::Sha256, &Limits::default()).unwrap();
    let mut entries: Vec<Entry> = layer.entries.iter().collect();
    match (entries.pop(), entries.is_empty()) {
        (Some(Entry { node: Node::File(file), .. }), true) => file,
        found => panic!("{found:?}"),
    }
}

#[test]
fn a_file_is_whose_its_header_says() {
    let mut header = named(b"file", EntryType::Regular, 0);
    header.set_mode(0o104_751);
    header.set_uid(1_000);
    header.set_gid(1 << 31);
    header.set_cksum();
    let whose = |tar: &[u8]| {
        let Permissions { mode, uid, gid } = file_of(tar).permissions;
        (mode, uid, gid)
    };
    assert_eq!(whose(&raw(&[(header.clone(), b"")])), (0o4751, 1_000, 1 << 31));
    // Pax headers say it instead, and what is empty is 0.
    header.as_old_mut().gid = [b' '; 8];
    header.as_old_mut().mode = [0; 8];
    header.set_cksum();
    let record = b"12 uid=2000\n";
    let pax = raw(&[(named(b"x", EntryType::XHeader, 12), record), (header.clone(), b"")]);
    assert_eq!(whose(&pax), (0, 2_000, 0));
    header.as_old_mut().mode = *b"0008755\0";
    header.set_cksum();
    assert!(matches!(read_tar(&raw(&[(header, b"")])), Err(LayerError::Damaged(_))));
}

#[test]
fn the_lists_of_users_and_groups_are_kept_as_long_as_they_are_not_too_long() {
    for name in ["etc/passwd", "./etc/group"] {
        let of = |length: usize| file_of(&tar_of(&[(name, &vec![b'#'; length])])).content.clone();
        for length in [0, CHUNK + 1, MAX_USERS as usize] {
            assert!(matches!(of(length), Content::Setting(text) if text.len() == length), "{name} {length}");
        }
        assert!(matches!(of(MAX_USERS as usize + 1), Content::Unread(_)), "{name}");
    }
    // A list that begins as a script does is a list.
    assert!(matches!(&file_of(&tar_of(&[("etc/passwd", b"#!/bin/sh")])).content, Content::Setting(_)));
}

#[test]
fn a_sparse_file_is_not_read_as_long_as_it_says() {
    let sparse = |first: &[u8], real: u64| {
        let mut header = named(b"sparse", EntryType::GNUSparse, first.len() as u64);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(real);
        gnu.sparse[0].set_offset(0);
        gnu.sparse[0].set_length(first.len() as u64);
        gnu.sparse[1].set_offset(real);
        gnu.sparse[1].set_length(0);
        header.set_cksum();
        raw(&[(header, first), (named(b"next", EntryType::Regular, 0), b"")])
    };
    let layer = read_tar(&sparse(&[b'x'; 512], 1 << 60)).unwrap();
    assert_eq!(paths(&layer), ["next", "sparse"]);
    assert_eq!(file_at(&layer, b"sparse").size, 1 << 60);
    // An ELF file's holes are read, up to the limit at most.
    let layer = read_tar(&sparse(&own()[..512], 1 << 60));
    assert!(matches!(layer, Ok(_) | Err(LayerError::TooLong(_))), "{layer:?}");
}

#[test]
fn names_of_any_bytes_stay_within_the_root() {
    let names: [&[u8]; 5] = [b"../../etc/a", b"/b", b"x/../../c", b"d\xff\xfe", b"./usr//./e/"];
    let parts: Vec<(Header, &[u8])> =
        names.iter().map(|name| (named(name, EntryType::Regular, 0), &b""[..])).collect();
    let layer = read_tar(&raw(&parts)).unwrap();
    let found: Vec<Vec<u8>> = layer.entries.iter().map(|entry| entry.path).collect();
    assert_eq!(found, [&b"b"[..], b"c", b"d\xff\xfe", b"etc/a", b"usr/e"]);
}

/// Reads a file as it is read within a layer.
fn elf_of(bytes: &[u8], piece: usize) -> Option<Elf> {
    let mut window = Window::default();
    window.begin(bytes.len() as u64);
    for (at, piece) in bytes.chunks(piece).enumerate() {
        window.feed(piece);
        if at == 0 {
            elf::prepare(&mut window);
        }
    }
    elf::read(&window)
}

/// The program that tests, which is an ELF file.
fn own() -> &'static [u8] {
    static OWN: OnceLock<Vec<u8>> = OnceLock::new();
    OWN.get_or_init(|| std::fs::read(std::env::current_exe().unwrap()).unwrap())
}

#[test]
fn a_window_shows_what_the_whole_file_does() {
    let own = own();
    let whole = elf_of(own, 64 << 10).unwrap();
    assert!(whole.needed.iter().any(|name| name.starts_with(b"libc.")), "{whole:?}");
    let tar = tar_of(&[("usr/bin/own", own)]);
    let layer = read(tar.as_slice(), Compression::None, Algorithm::Sha256, &Limits::default()).unwrap();
    let file = file_at(&layer, b"usr/bin/own");
    let Content::Elf(within) = &file.content else { panic!("no ELF") };
    assert_eq!(**within, whole);
    assert_eq!(elf_of(own, 4_096), Some(whole));
}

#[test]
fn every_prefix_of_a_program_is_read_or_refused() {
    let own = own();
    for length in (0..3_000).chain((3_000..own.len().min(4 << 20)).step_by(40_009)) {
        elf_of(&own[..length], 64 << 10);
        pe::read(&{
            let mut window = Window::default();
            window.begin(length as u64);
            window.feed(&own[..length.min(4_096)]);
            window
        });
    }
}

#[test]
fn lies_in_the_headers_are_bounded() {
    let own = own();
    // e_phoff, e_shoff, e_phnum, e_shnum, and offsets and lengths of the first program headers.
    let places = [(32, 8), (40, 8), (56, 2), (60, 2), (62, 2)]
        .into_iter()
        .chain((0..12).flat_map(|at| [8, 16, 32, 40, 48].map(|field| (64 + at * 56 + field, 8))));
    for (at, length) in places {
        for value in [u64::MAX, u64::MAX - 1, u64::MAX - 63, 1 << 63, 1 << 40, 0xffff, 0] {
            let mut lying = own[..own.len().min(1 << 20)].to_vec();
            lying[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
            let begin = std::time::Instant::now();
            if let Some(elf) = elf_of(&lying, 64 << 10) {
                assert!(elf.text_length() <= 2 << 20);
            }
            assert!(begin.elapsed().as_secs() < 5, "{at} {value:x}");
        }
    }
}

proptest! {
    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let own = own();
        let mut bytes = own[..own.len().min(256 << 10)].to_vec();
        for (index, byte) in &flips {
            // Most of them where it matters: in the headers.
            let reach = if byte % 4 == 0 { bytes.len() } else { 1_024 };
            bytes[index.index(reach)] = *byte;
        }
        elf_of(&bytes, 4_096);
        bytes[..4].copy_from_slice(b"MZ\0\0");
        let mut tar = tar_of(&[("a", &bytes), ("b", &own[..100_000])]);
        for (index, byte) in &flips {
            tar[index.index(2_048)] ^= byte;
        }
        let _ = read_tar(&tar);
        let mut packed = gzip(&tar);
        for (index, byte) in &flips {
            let at = index.index(packed.len());
            packed[at] ^= byte;
        }
        let _ = read(packed.as_slice(), Compression::Gzip, Algorithm::Sha256, &SMALL);
    }
}
