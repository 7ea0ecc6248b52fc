//! A client of the [OCI distribution specification]: polite (it asks as little as it can, and waits when told
//! to), exact (digests are computed over the received bytes), and bounded in everything that comes from outside.
//!
//! | module | what |
//! |---|---|
//! | [`client`], [`options`] | [`Client`], how it behaves, what it reports |
//! | `manifests`, `blobs`, `tags` | the specification's nouns, as methods of [`Client`] |
//! | `uploads` | [`Client::push_blob`]: blobs on their way to a registry, mounted, streamed, resumed |
//! | `image` | [`Client::image`]: what an image offers, with as few requests as it takes |
//! | `nearest` | [`Client::nearest_tag`]: another tag that has a platform |
//! | [`docker_hub`] | Docker Hub's own web API, whose calls are no pulls |
//! | [`auth`] | challenges, tokens, the credentials of docker and podman |
//! | [`reach`] | which addresses are connected to: any, or public ones alone |
//! | `transport` | one request: proxies, TLS, redirects, retries, waiting, tracing |
//! | [`retry`], [`rate_limit`], [`error`] | policies, quotas, failures |
//! | `testing` | an in-memory registry with injectable faults (feature `testing`) |
//!
//! The crate reads no environment, no configuration and no wall clock, and prints nothing.
//!
//! [OCI distribution specification]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md

pub mod auth;
mod blobs;
pub mod client;
pub mod docker_hub;
pub mod error;
mod image;
mod manifests;
mod nearest;
pub mod options;
pub mod rate_limit;
pub mod reach;
pub mod retry;
mod tags;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod uploads;

pub use auth::keychain::{Credentials, Keychain};
pub use blobs::BlobStream;
pub use client::Client;
pub use error::{Error, Kind};
pub use image::Answer;
pub use manifests::Head;
pub use nearest::NearestTag;
pub use options::{Exchange, Options, Resolver};
pub use reach::Reach;
pub use uploads::{BlobOrigin, Pieces, Pushed};
