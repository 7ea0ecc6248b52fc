//! Any bytes as a file that begins as PE does: no panic, and no more work than their length justifies.

#![no_main]

#[allow(dead_code, reason = "a part of the program is taken in")]
#[path = "../../src/verify"]
mod verify {
    pub mod binary;
}

use libfuzzer_sys::fuzz_target;
use verify::binary::{Window, pe};

fuzz_target!(|data: &[u8]| {
    // The first two bytes say where the reader knows no more than the beginning: as it is with long files.
    let (Some(cut), Some(file)) = (data.first_chunk::<2>(), data.get(2..)) else { return };
    let (first, rest) = file.split_at(usize::from(u16::from_le_bytes(*cut)).min(file.len()));
    let mut window = Window::default();
    window.begin(file.len() as u64);
    window.feed(first);
    pe::prepare(&mut window);
    window.feed(rest);
    let _ = pe::read(&window);
});
