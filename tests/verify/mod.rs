//! What the tests of `workson verify` share: images made file by file, compilers, and the starting of what an image
//! would start, as the kernel and qemu's user emulation do it.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

pub(crate) mod compile;
pub(crate) mod image;
pub(crate) mod start;
