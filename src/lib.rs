//! workson answers, with evidence: *does this software work on Arm?* (and on every other platform).
//!
//! The modules, and who may use whom (`tests/architecture.rs` holds it):
//!
//! | module | what | may use |
//! |---|---|---|
//! | `workson_oci` | the values of the specifications; no I/O, no clock | nothing |
//! | `workson_registry` | a client of the distribution specification | `oci` |
//! | [`evidence`] | the ladder; one dated fact | `oci` |
//! | [`inventory`] | what to watch: lists of references | `oci` |
//! | [`store`] | all SQL: contents, sightings, runs | `oci`, `evidence`, `inventory` |
//! | [`crawl`] | inventory → registry → store | `oci`, `registry`, `evidence`, `inventory`, `store` |
//! | [`catalog`] | questions to the store: coverage, changes | `oci`, `evidence`, `store` |
//! | `bin/workson` | the command line | everything; nothing uses it |
//!
//! Printing, exiting, the environment and the clock are the binary's alone; time is passed in.

pub mod catalog;
pub mod crawl;
pub mod evidence;
pub mod inventory;
pub mod store;
