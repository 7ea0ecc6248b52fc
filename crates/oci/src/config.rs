//! Image configurations: where a single image says what it runs on ([image-spec, config.md]).
//!
//! [image-spec, config.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md

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
