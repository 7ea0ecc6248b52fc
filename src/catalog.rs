//! Questions to the store, shared by the command line, the site and the server.

pub mod changes;
pub mod coverage;

pub use changes::{Change, Changes};
pub use coverage::Coverage;
