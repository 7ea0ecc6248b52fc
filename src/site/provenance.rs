//! Where a claim comes from, in words and as an address.

use super::Catalogue;
use crate::evidence::Rung;
use crate::timeline::OFFICIAL_IMAGES_SOURCE;

/// How many digits of a commit are shown to people.
const SHORT: usize = 12;

/// Who says what was verified.
pub(super) const VERIFIED: &str = "workson verify";

/// Where anyone can look up what says so; none of what only the own store has.
pub(super) fn link_of(origin: &str) -> Option<String> {
    let is_commit = origin.len() == 40 && origin.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| format!("{OFFICIAL_IMAGES_SOURCE}/commit/{origin}"))
}

/// Who says what is known on a rung.
pub(super) fn name_of(catalogue: &Catalogue, rung: Rung) -> Option<&str> {
    match rung {
        Rung::Declared => catalogue.declared.as_ref().map(|source| source.name.as_str()),
        Rung::Published => catalogue.published.as_ref().map(|source| source.name.as_str()),
        Rung::Verified => Some(VERIFIED),
        Rung::Ran => None,
    }
}

/// The same with the commit or the run, for people.
pub(super) fn source_of(catalogue: &Catalogue, rung: Rung, origin: &str) -> String {
    let name = super::outside::plain(name_of(catalogue, rung).unwrap_or("an unknown source"));
    let name = name.strip_prefix("https://").unwrap_or(&name);
    let origin = super::outside::plain(origin);
    match rung {
        Rung::Declared => {
            let short: String = origin.chars().take(SHORT).collect();
            format!("commit {short} of {name}")
        }
        Rung::Published => format!("{origin} of the inventory {name}"),
        Rung::Verified | Rung::Ran => name.to_owned(),
    }
}
