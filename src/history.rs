//! The history of docker-library/official-images, read into a timeline of declared evidence.
//!
//! The folder `library/` of that repository has a file for each official image, since September 2013. Its
//! history along the first parents, in UTC committer dates, tells which image declared which platform, from
//! which commit until which.

mod error;
mod import;
pub mod library_file;
mod repository;
mod walk;

pub use error::{HistoryError, HistoryErrorKind};
pub use import::{ImportError, Imported, Progress, Settings, import};
pub use repository::{Location, Repository, install_tls};
pub use walk::MAX_FILE;
