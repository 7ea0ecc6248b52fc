//! Any bytes as a layer, compressed in any way: no panic, and nothing beyond the limits.

#![no_main]

#[allow(dead_code, reason = "a part of the program is taken in")]
#[path = "../../src/verify"]
mod verify {
    pub mod binary;
    pub mod layer;
}

use libfuzzer_sys::fuzz_target;
use verify::layer::{Compression, Limits, read};
use workson_oci::digest::Algorithm;

fuzz_target!(|data: &[u8]| {
    let Some((how, layer)) = data.split_first() else { return };
    let compression = match how % 3 {
        0 => Compression::None,
        1 => Compression::Gzip,
        _ => Compression::Zstd,
    };
    let limits = Limits { bytes: 1 << 20, entries: 100 };
    if let Ok(found) = read(layer, compression, Algorithm::Sha256, &limits) {
        assert!(found.size <= limits.bytes && found.entries.len() as u64 <= limits.entries);
        assert!(found.digest.matches(layer));
    }
});
