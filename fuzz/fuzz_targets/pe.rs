//! Any bytes as a file that begins as PE does: no panic, and the same found as if the file did not pass by.

#![no_main]

use libfuzzer_sys::fuzz_target;
use workson_fuzz::programs;
use workson_fuzz::verify::binary::pe;

fuzz_target!(|data: &[u8]| {
    let Some([passing, whole]) = programs(data, pe::prepare) else { return };
    assert_eq!(pe::read(&passing), pe::read(&whole));
});
