//! Image configurations: where a single image says what it runs on ([image-spec, config.md]).
//!
//! [image-spec, config.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::Platform;
use crate::json;
use crate::text::printable;

/// The part of an image configuration that workson reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the image says it is for: `os`, `architecture`, `variant`, `os.version`, `os.features`.
    pub platform: Platform,
}

/// Why bytes are no image configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the image's config can't be read: {}", printable(reason))]
pub struct ConfigError {
    reason: String,
    received: bool,
}

impl ConfigError {
    /// For a config that was not to be had.
    pub fn missing(reason: &str) -> ConfigError {
        ConfigError { reason: reason.to_owned(), received: false }
    }

    /// Whether the bytes of a config that was received are to blame.
    pub fn follows_from_bytes(&self) -> bool {
        self.received
    }
}

impl Config {
    /// Reads a configuration. Fields that are missing stay empty.
    pub fn from_bytes(bytes: &[u8]) -> Result<Config, ConfigError> {
        // Just the platform is read: the history and the layers of a config can be long.
        serde_json::from_slice(bytes)
            .map(|platform| Config { platform })
            .map_err(|error| ConfigError { reason: json::complaint(&error), received: true })
    }
}

/// What a config says beyond the platform: how the image is started, and what it is made of. Unknown fields are
/// passed over; what is missing or `null` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Details {
    /// How a container of it is started.
    #[serde(deserialize_with = "or_default")]
    pub config: Execution,
    /// What its layers hold.
    #[serde(deserialize_with = "or_default")]
    pub rootfs: RootFs,
    /// When it was made, as it says (RFC 3339).
    #[serde(deserialize_with = "or_default")]
    pub created: String,
}

/// `config` of an image configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Execution {
    /// What is started, before the arguments of `cmd`.
    #[serde(deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// What is started, or the arguments of `entrypoint`.
    #[serde(deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// Variables, `NAME=value`.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// The folder that it is started in.
    #[serde(deserialize_with = "or_default")]
    pub working_dir: String,
    /// The user that it is started as.
    #[serde(deserialize_with = "or_default")]
    pub user: String,
    /// The ports that it listens on, like `80/tcp`.
    #[serde(deserialize_with = "or_default")]
    pub exposed_ports: BTreeMap<String, Port>,
}

/// What stands behind a port: nothing, by the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Port;

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Port, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Port)
    }
}

/// `rootfs` of an image configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// The digest of each layer, unpacked, the lowest first.
    #[serde(deserialize_with = "or_default")]
    pub diff_ids: Vec<String>,
}

impl Details {
    /// Reads a configuration whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Details, ConfigError> {
        serde_json::from_slice::<json::Object<Details>>(bytes)
            .map(|json::Object(details)| details)
            .map_err(|error| ConfigError { reason: json::complaint(&error), received: true })
    }
}

/// `null` is as good as nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_an_object_and_says_each_thing_once() {
        let read = |json: &str| Config::from_bytes(json.as_bytes());
        let config = read(r#"{"os":"linux","architecture":"arm64","variant":null,"history":[]}"#).unwrap();
        assert_eq!(config.platform.to_string(), "linux/arm64");
        let array = read(r#"["linux","arm64","","",[]]"#).unwrap_err();
        assert!(array.to_string().contains("expected a JSON object") && array.follows_from_bytes());
        assert!(read(r#"{"os":"linux","os":"windows"}"#).unwrap_err().to_string().contains("`os`"));
        assert_eq!(
            ConfigError::missing("\u{1b}[2J").to_string(),
            "the image's config can't be read: \u{fffd}[2J"
        );
    }
}
