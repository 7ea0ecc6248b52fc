//! Questions, shared by the command line, the site and the server.
//!
//! [`Coverage`] and [`Changes`] are asked of one run or two; the others of a timeline, which has all moments.

pub mod changes;
pub mod check;
pub mod coverage;
pub mod log;
pub mod series;
pub mod standing;
pub mod timelines;
pub mod verified;

pub use changes::{Change, Changes};
pub use coverage::Coverage;
pub use standing::Standing;
