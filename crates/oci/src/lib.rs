//! The values of the OCI image specification and of Docker's formats before it: references, digests,
//! descriptors, indexes, manifests, configs, platforms, and what an image offers.
//!
//! Nothing here does I/O, waits, or reads a clock. What arrives from outside is bounded by constants with names
//! ([`document::MAX_ENTRIES`], [`image::MAX_LOOKED_INTO`], …), and nothing that it holds makes this crate panic.
//!
//! | module | standard |
//! |---|---|
//! | [`reference`] | docker's grammar of names (distribution/reference) |
//! | [`digest`] | image-spec, descriptor.md |
//! | [`media_type`] | image-spec, media-types.md, and Docker's manifest v2 schema 2 |
//! | [`descriptor`], [`document`], [`config`] | image-spec, image-index.md, manifest.md, config.md |
//! | [`platform`] | containerd's `platforms` package |
//! | [`image`], [`resolution`] | workson's own: the one answer for every kind of image, and what an engine takes of it |
//! | [`path`] | no standard: paths in layers, in one spelling |
//! | [`tag`] | no standard: the order that people expect |
//! | [`text`] | no standard: text from outside, made fit to be shown |

pub mod config;
pub mod descriptor;
pub mod digest;
pub mod document;
pub mod image;
mod json;
pub mod media_type;
pub mod path;
pub mod platform;
pub mod reference;
pub mod resolution;
pub mod tag;
pub mod text;

pub use descriptor::Descriptor;
pub use digest::Digest;
pub use document::{Content, Document, Index, Manifest};
pub use image::{Image, Kind, PlatformImage, Support};
pub use media_type::MediaType;
pub use platform::Platform;
pub use reference::{Reference, Repository};
