//! Verify: do the bytes hold what the label claims?
//!
//! An image's layers are read as they pass by, nothing is unpacked to disk. What its entrypoint and command would
//! run is followed to the binaries, and each is looked at as the kernel and the dynamic loader would look at it.
//!
//! What this proves: what would be started has the platform's machine, and its loader and libraries are there. What
//! it does not prove: that the program does anything useful once it has started.

pub mod binary;
pub mod image;
pub mod judgement;
pub mod layer;
pub mod linking;
pub mod parity;
pub mod startup;
pub mod tree;
mod windows;

pub use image::{Settings, Verified, entry_size, verify};
pub use judgement::{Finding, Judgement, Weight};
pub use layer::Limits;
