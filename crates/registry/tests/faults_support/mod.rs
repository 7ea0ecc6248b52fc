//! What the tests of the client under faults share.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use workson_oci::{Reference, Repository};
use workson_registry::retry::RetryPolicy;
use workson_registry::testing::MemoryRegistry;
use workson_registry::{Client, Keychain, Options};

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const TWO: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// Options with which nothing takes long.
pub(crate) fn quick() -> Options {
    Options {
        retry: RetryPolicy {
            retries: 3,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_secs(2),
        },
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(15),
        ..Options::default()
    }
}

pub(crate) fn client(options: Options) -> Client {
    Client::new(options).unwrap()
}

/// Waits for `future`, but not for ever.
pub(crate) async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs")
}

pub(crate) fn reference(registry: &MemoryRegistry, rest: &str) -> Reference {
    format!("{}/{rest}", registry.host()).parse().unwrap()
}

pub(crate) fn repository(registry: &MemoryRegistry, name: &str) -> Repository {
    reference(registry, name).repository().clone()
}

/// A registry with `library/thing:latest` for amd64 and arm64.
pub(crate) async fn with_thing() -> (MemoryRegistry, Reference) {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image_index("library/thing", "latest", &TWO);
    let reference = reference(&registry, "library/thing:latest");
    (registry, reference)
}

/// A keychain as `docker login` writes it, with a user and a password for `host`.
pub(crate) fn keychain(folder: &Path, host: &str, user: &str, password: &str) -> Keychain {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    keychain_of(folder, &format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#))
}

/// A keychain of one file with this text.
pub(crate) fn keychain_of(folder: &Path, text: &str) -> Keychain {
    let file = folder.join("config.json");
    std::fs::write(&file, text).unwrap();
    Keychain::new(vec![file])
}
