//! Any bytes as a layer, compressed in any way: no panic, nothing beyond the limits, digests of what was read.

#![no_main]

use std::io::Read;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use workson_fuzz::check_elf;
use workson_fuzz::verify::layer::{Compression, Content, Entry, Layer, Limits, Node, read};
use workson_oci::digest::Algorithm;

/// What is kept of a script's first line, and of all texts for each entry that an image may have.
const LINE: usize = 256;
const TEXT_PER_ENTRY: u64 = 96;
/// How long a path may be.
const PATH: usize = 4_095;

fuzz_target!(|data: &[u8]| {
    let Some((how, layer)) = data.split_first() else { return };
    let compression = compression(*how);
    let limits = Limits { bytes: 1 << 20, entries: 100, image_entries: 10_000, ..Limits::default() };
    if let Ok(found) = read(layer, compression, Algorithm::Sha256, &limits) {
        check(&found, layer, compression, &limits);
    }
});

// Headers of tar files have checksums, which a changed one misses: mostly they are mended.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    if let Some((how, tar)) = data[..size].split_first_mut()
        && compression(*how) == Compression::None
        && seed % 8 != 0
    {
        mend(tar);
    }
    size
});

/// The first byte of an input says how the rest is compressed.
fn compression(how: u8) -> Compression {
    match how % 3 {
        0 => Compression::None,
        1 => Compression::Gzip,
        _ => Compression::Zstd,
    }
}

/// Makes the checksums of all headers of a tar file right.
fn mend(mut tar: &mut [u8]) {
    while let Some((block, rest)) = tar.split_first_chunk_mut::<512>() {
        if block.iter().any(|byte| *byte != 0) {
            let mut header = tar::Header::from_byte_slice(block).clone();
            header.set_cksum();
            *block = *header.as_bytes();
        }
        let length = tar::Header::from_byte_slice(block).entry_size().unwrap_or(0).min(rest.len() as u64);
        let to_next = (length as usize).next_multiple_of(512).min(rest.len());
        tar = &mut rest[to_next..];
    }
}

fn check(found: &Layer, layer: &[u8], compression: Compression, limits: &Limits) {
    let mut unpacked = Vec::new();
    match compression {
        Compression::None => unpacked.extend_from_slice(layer),
        Compression::Gzip => drop(flate2::bufread::MultiGzDecoder::new(layer).read_to_end(&mut unpacked)),
        Compression::Zstd => unpacked = zstd::decode_all(layer).unwrap_or_default(),
    }
    assert!(found.digest.matches(layer));
    assert!(found.diff_id.matches(&unpacked));
    assert_eq!(found.size, unpacked.len() as u64);
    assert!(found.size <= limits.bytes && found.entries.len() as u64 <= limits.entries);
    let text: usize = found.entries.iter().map(|entry| check_entry(&entry)).sum();
    assert!(text as u64 <= limits.image_entries * TEXT_PER_ENTRY);
}

/// What holds of every entry. Returned is how long the texts are that it keeps beside its path.
fn check_entry(entry: &Entry) -> usize {
    assert!(is_clean(&entry.path) && entry.path.len() <= PATH, "{entry:?}");
    match &entry.node {
        Node::Hardlink(target) => {
            assert!(is_clean(target), "{entry:?}");
            target.len()
        }
        Node::Symlink(target) => target.len(),
        Node::File(file) => match &file.content {
            Content::Elf(elf) => {
                check_elf(elf);
                elf.text_length()
            }
            Content::Script(line) => {
                assert!(line.len() <= LINE && !line.contains(&b'\n'));
                line.len()
            }
            Content::Setting(text) => {
                assert!(text.len() as u64 <= file.size);
                text.len()
            }
            _ => 0,
        },
        _ => 0,
    }
}

/// Whether a path has one spelling and stays in the root.
fn is_clean(path: &[u8]) -> bool {
    path.is_empty() || path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}
