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
//! | [`timeline`] | which image had which platform, from when to when | `oci`, `evidence` |
//! | [`store`] | all SQL: contents, sightings, runs, histories; what people sent in | `oci`, `evidence`, `inventory`, `timeline`, `suggestion`, `proposal` |
//! | [`history`] | the git history of the official images → store | `oci`, `evidence`, `timeline`, `store` |
//! | [`crawl`] | inventory → registry → store | `oci`, `registry`, `evidence`, `inventory`, `store` |
//! | [`catalog`] | questions: coverage, changes, one image | `oci`, `evidence`, `timeline`, `store` |
//! | [`staging`] | what is not whole yet, and what a killed run left of it | nothing |
//! | [`layout`] | images on disk: OCI image layouts | `oci` |
//! | [`archive`] | images on disk: what `docker save` writes | `oci`, `layout`, `staging` |
//! | [`source`] | where an image's documents and blobs come from | `oci`, `registry`, `layout`, `archive` |
//! | [`transfer`] | carrying an image from one place to another | `oci`, `registry`, `layout`, `archive`, `source` |
//! | [`publish`] | tags that move once everything is there and right | `oci`, `registry`, `source`, `transfer` |
//! | [`packed`] | a layer's bytes as they pass by: digested, unpacked, read as a tar file | `oci` |
//! | [`verify`] | do the bytes hold what the label claims? | `oci`, `evidence`, `source`, `packed` |
//! | [`rootfs`] | an image's layers → a folder, and nothing outside of it | `oci`, `source`, `packed`, `staging` |
//! | [`assemble`] | root file systems and images → one image of several platforms | `oci`, `registry`, `layout`, `source`, `transfer`, `verify` |
//! | [`chart`] | counts over time as text and SVG | nothing |
//! | [`content`] | the site's own words: entries, news, events, calls | `oci`, `form`, `yaml` |
//! | [`yaml`] | YAML as values that know where they stand | nothing |
//! | [`query`] | a question about one image, or a stack of them, answered | `oci`, `registry` |
//! | [`scan`] | texts that name images → references with their lines | `oci`, `yaml` |
//! | [`form`] | what people type into forms: plain, bounded text | nothing |
//! | [`suggestion`] | what is missing or wrong, and what was decided | `oci`, `form`, `content` |
//! | [`proposal`] | what is asked for in a call, and every step since | `form` |
//! | [`site`] | catalogue and content → pages, feeds, badges, a static API | `oci`, `evidence`, `timeline`, `catalog`, `chart`, `content`, `query`, `suggestion`, `proposal` |
//! | [`site_folder`] | a site as files in a folder | `site`, `staging` |
//! | [`serve`] | the site over HTTP, live queries, forms | `oci`, `registry`, `inventory`, `timeline`, `store`, `content`, `crawl`, `query`, `scan`, `suggestion`, `proposal`, `site` |
//! | `bin/workson` | the command line | everything; nothing uses it |
//!
//! Printing, exiting, the environment and the clock are the binary's alone; time is passed in.

pub mod archive;
pub mod assemble;
pub mod catalog;
pub mod chart;
pub mod content;
pub mod crawl;
pub mod evidence;
pub mod form;
pub mod history;
pub mod inventory;
pub mod layout;
pub mod packed;
pub mod proposal;
pub mod publish;
pub mod query;
#[cfg(unix)]
pub mod rootfs;
pub mod scan;
pub mod serve;
pub mod site;
pub mod site_folder;
pub mod source;
pub mod staging;
pub mod store;
pub mod suggestion;
pub mod timeline;
pub mod transfer;
pub mod verify;
pub mod yaml;
