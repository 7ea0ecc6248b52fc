//! The architectures that an image can be declared for, and sets of them.

use std::fmt;

use workson_oci::Platform;
use workson_oci::platform::official_name;

/// The architectures of the official images, in the order of the alphabet: the keys of the table in bashbrew's
/// `architecture/oci-platform.go`. A set of them has one bit for each, in this order.
pub const ARCHITECTURES: [&str; 11] = [
    "amd64",
    "arm32v5",
    "arm32v6",
    "arm32v7",
    "arm64v8",
    "i386",
    "mips64le",
    "ppc64le",
    "riscv64",
    "s390x",
    "windows-amd64",
];

/// A set of the official images' architectures, each by its name in [`ARCHITECTURES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Architectures(u16);

impl Architectures {
    /// What bashbrew takes a file to mean that says nothing.
    pub(super) const DEFAULT: Architectures = Architectures(1);

    /// The set of one; nothing where no architecture is called so.
    pub fn from_name(name: &str) -> Option<Architectures> {
        Architectures::from_bytes(name.as_bytes())
    }

    pub(super) fn from_bytes(name: &[u8]) -> Option<Architectures> {
        let place = ARCHITECTURES.iter().position(|known| known.as_bytes() == name)?;
        Some(Architectures(1 << place))
    }

    /// The names, in the order of [`ARCHITECTURES`].
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        let named = ARCHITECTURES.iter().enumerate();
        named.filter(move |(place, _)| self.0 & (1 << place) != 0).map(|(_, name)| *name)
    }

    /// Whether the architecture called `name` is one of them.
    pub fn contains(self, name: &str) -> bool {
        Architectures::from_name(name).is_some_and(|one| self.0 & one.0 != 0)
    }

    /// Those of both sets.
    #[must_use]
    pub fn union(self, other: Architectures) -> Architectures {
        Architectures(self.0 | other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The platforms, in containerd's spelling: `arm64v8` is linux/arm64.
    pub fn platforms(self) -> Vec<Platform> {
        self.iter().filter_map(official_name).map(|platform| platform.normalized()).collect()
    }
}

impl fmt::Debug for Architectures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
