//! Who asks: challenges, tokens, and where credentials are kept.

pub mod challenge;
pub mod keychain;
pub(crate) mod token;
