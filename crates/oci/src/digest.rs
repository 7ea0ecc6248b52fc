//! Content digests, as the OCI image specification defines them ([descriptor.md, "Digests"]).
//!
//! [descriptor.md, "Digests"]: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// The hash functions that the specification registers and that workson can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, which every implementation has to support.
    Sha256,
    /// SHA-512, which implementations may support.
    Sha512,
}

impl Algorithm {
    /// The name in front of the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }

    /// The digest of `bytes` by this algorithm.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }
}

/// A digest that workson can check: `sha256:` or `sha512:` and lower-case hexadecimal digits.
///
/// ```
/// use workson_oci::Digest;
/// let empty: Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
/// assert_eq!(Digest::sha256(b""), empty);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Box<str>);

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Digest {
        Algorithm::Sha256.digest(bytes)
    }

    /// The algorithm in front of the colon.
    pub fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 }
    }

    /// The hexadecimal digits behind the colon.
    pub fn hex(&self) -> &str {
        &self.0[self.algorithm().name().len() + 1..]
    }

    /// The whole text, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.algorithm().digest(bytes) == *self
    }
}

/// Computes a digest over bytes that arrive in pieces.
pub struct Hasher(State);

enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher that has seen no bytes yet.
    pub fn new(algorithm: Algorithm) -> Hasher {
        Hasher(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(bytes),
            State::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hasher) => Digest(text(Algorithm::Sha256, &hasher.finalize())),
            State::Sha512(hasher) => Digest(text(Algorithm::Sha512, &hasher.finalize())),
        }
    }
}

fn text(algorithm: Algorithm, hash: &[u8]) -> Box<str> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(algorithm.name().len() + 1 + algorithm.hex_len());
    text.push_str(algorithm.name());
    text.push(':');
    for byte in hash {
        text.push(HEX[usize::from(byte >> 4)] as char);
        text.push(HEX[usize::from(byte & 15)] as char);
    }
    text.into_boxed_str()
}

/// Why a text is no digest that workson can check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no colon between algorithm and digits.
    #[error("a digest is written algorithm:hex, like sha256:…; there is no colon in {0:?}")]
    NoColon(String),
    /// The algorithm is not one of [`Algorithm`].
    #[error("digest algorithm {0:?} is not supported; sha256 and sha512 are")]
    UnsupportedAlgorithm(String),
    /// The part behind the colon has a wrong length or a character that is no lower-case hex digit.
    #[error("{algorithm} has {expected} lower-case hex digits; {found:?} is not that")]
    Hex {
        /// The algorithm in front of the colon.
        algorithm: &'static str,
        /// How many digits it has.
        expected: usize,
        /// What stood there.
        found: String,
    },
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(s: &str) -> Result<Digest, DigestError> {
        let (name, hex) = s.split_once(':').ok_or_else(|| DigestError::NoColon(shorten(s)))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            other => return Err(DigestError::UnsupportedAlgorithm(shorten(other))),
        };
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != algorithm.hex_len() || !hex.bytes().all(is_hex) {
            return Err(DigestError::Hex {
                algorithm: algorithm.name(),
                expected: algorithm.hex_len(),
                found: shorten(hex),
            });
        }
        Ok(Digest(s.into()))
    }
}

/// At most 160 characters of a text from outside, so that an error stays readable.
fn shorten(s: &str) -> String {
    const SHOWN: usize = 160;
    match s.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &s[..end]),
        None => s.to_owned(),
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(s: String) -> Result<Digest, DigestError> {
        s.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0.into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4 test vectors for "abc".
    const ABC_256: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn computes_the_standards_vectors() {
        assert_eq!(Algorithm::Sha256.digest(b"abc").as_str(), ABC_256);
        assert_eq!(Algorithm::Sha512.digest(b"abc").as_str(), ABC_512);
        let mut pieces = Hasher::new(Algorithm::Sha512);
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish().as_str(), ABC_512);
    }

    #[test]
    fn reads_what_it_can_check_and_nothing_else() {
        let digest: Digest = ABC_512.parse().unwrap();
        assert_eq!((digest.algorithm(), digest.hex().len()), (Algorithm::Sha512, 128));
        assert!(digest.matches(b"abc") && !digest.matches(b"abd"));
        for (bad, why) in [
            ("", "no colon"),
            ("ba7816bf", "no colon"),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", "not supported"),
            ("sha256:", "64 lower-case"),
            (&ABC_256[..70], "64 lower-case"),
            (&ABC_256.to_uppercase().replace("SHA", "sha"), "64 lower-case"),
            (&format!("{ABC_256}0"), "64 lower-case"),
            (&format!("sha256:{}", "é".repeat(32)), "64 lower-case"),
        ] {
            let error = bad.parse::<Digest>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
