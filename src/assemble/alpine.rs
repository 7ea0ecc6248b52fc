//! Alpine's releases: which minimal root each architecture has, and the image of all of them.
//!
//! A release is a folder with one folder for each architecture, on disk or at an address. What is in it is told by
//! `checksums.sha512` at its top, or by each architecture's own index, `latest-releases.yaml`, or by a `.sha512` beside
//! a root. Nothing is taken without a SHA-512.

mod place;
mod signature;
mod stanza;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use workson_oci::tag::newest_first;
use workson_oci::text::printable;
use workson_oci::{Digest, Platform};

use self::place::Place;
use super::recipe::{Config, Part, Recipe, What};
use super::{AssembleError, Kind, Settings};

pub use self::stanza::{Header, stanza};

/// An architecture of Alpine, and what it is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// Alpine's own name, which is that of its folder as well.
    pub name: &'static str,
    /// What the official images call it.
    pub official: &'static str,
    /// As OCI has it: architecture and variant.
    platform: (&'static str, &'static str),
    /// Since which 3.x it has been released.
    since: u64,
}

const fn architecture(
    name: &'static str,
    official: &'static str,
    platform: (&'static str, &'static str),
    since: u64,
) -> Architecture {
    Architecture { name, official, platform, since }
}

/// Alpine's architectures. Its `armhf` is built for Arm v6, whatever others mean by the word.
///
/// Source: the release notes on alpinelinux.org/posts, which tell of each architecture when it comes.
pub const ARCHITECTURES: [Architecture; 9] = [
    architecture("x86_64", "amd64", ("amd64", ""), 0),
    architecture("armhf", "arm32v6", ("arm", "v6"), 0),
    architecture("armv7", "arm32v7", ("arm", "v7"), 9),
    architecture("aarch64", "arm64v8", ("arm64", "v8"), 5),
    architecture("x86", "i386", ("386", ""), 0),
    architecture("ppc64le", "ppc64le", ("ppc64le", ""), 6),
    architecture("riscv64", "riscv64", ("riscv64", ""), 20),
    architecture("s390x", "s390x", ("s390x", ""), 6),
    architecture("loongarch64", "loong64", ("loong64", ""), 21),
];

impl Architecture {
    /// The platform that its images are for.
    pub fn platform(&self) -> Platform {
        let (architecture, variant) = self.platform;
        Platform {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: variant.into(),
            ..Platform::default()
        }
    }

    /// Whether it belongs to a release of this version. What is no `X.Y`, like a snapshot's date, is as new as can be.
    fn is_in(&self, version: &str) -> bool {
        let mut numbers = version.split(['.', '_', '-']).map_while(|part| part.parse::<u64>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) => (major, minor) >= (3, self.since),
            _ => true,
        }
    }
}

/// How many versions are named where the one that is wanted is not there.
const MAX_NAMED: usize = 5;

/// Which release is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// A folder or an address.
    pub location: &'a str,
    /// Its version; the newest one that is there without it.
    pub version: Option<&'a str>,
    /// A file of OpenPGP keys, by one of which every root has to be signed. Without it, a signature is named as not
    /// checked.
    pub keyring: Option<&'a Path>,
    /// Whether it may lack architectures: whoever takes it says which it is to have.
    pub may_lack: bool,
}

/// A release that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The image of it.
    pub recipe: Recipe,
    /// Its version, like `3.20.3`.
    pub version: String,
    /// The architectures that it has a minimal root for.
    pub architectures: Vec<Architecture>,
    /// Sentences for people.
    pub notes: Vec<String>,
}

/// A root that a release has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Root {
    architecture: Architecture,
    version: String,
    sha512: Digest,
}

impl Root {
    fn file(&self) -> String {
        let (version, name) = (&self.version, self.architecture.name);
        format!("{name}/alpine-minirootfs-{version}-{name}.tar.gz")
    }
}

/// Looks into a release, and fetches its roots where they are afar.
///
/// # Errors
/// Where there is no such release, something of it can't be had or is not signed so, or its architectures have
/// different versions; and where it lacks one that Alpine has had by then, which is
/// [unexpected](AssembleError::is_unexpected).
pub fn release(wanted: &Wanted<'_>, settings: &Settings<'_>) -> Result<Release, AssembleError> {
    let Wanted { location, version, keyring, may_lack } = *wanted;
    let place = Place::new(location, settings)?;
    let found = match place.text("checksums.sha512")? {
        Some(text) => listed(&place, &text, version)?,
        None => indexed(&place, version)?,
    };
    let (roots, newest) = of_one_version(found, place.shown(), version)?;
    let mut notes = Vec::new();
    // Before anything large is fetched.
    let absent = absent(&roots, &newest);
    if !absent.is_empty() {
        let text = format!("{} has no minimal root of {newest} for {}", place.shown(), absent.join(" "));
        if !may_lack {
            return Err(lacking(text, &roots));
        }
        notes.push(text);
    }
    let parts = roots.iter().map(|root| part(&place, root, keyring, &mut notes)).collect::<Result<_, _>>()?;
    let annotations = match settings.kind {
        Some(Kind::Docker) => BTreeMap::new(),
        _ => BTreeMap::from([("org.opencontainers.image.version".to_owned(), newest.clone())]),
    };
    let recipe =
        Recipe { name: place.shown().to_owned(), references: Vec::new(), annotations, parts, expect: None };
    let architectures = roots.iter().map(|root| root.architecture).collect();
    Ok(Release { recipe, version: newest, architectures, notes })
}

/// The architectures of a version that have no root.
fn absent(roots: &[Root], version: &str) -> Vec<&'static str> {
    let has = |known: &Architecture| roots.iter().any(|root| root.architecture == *known);
    let expected = ARCHITECTURES.iter().filter(|known| known.is_in(version));
    expected.filter(|known| !has(known)).map(|known| known.name).collect()
}

fn lacking(text: String, roots: &[Root]) -> AssembleError {
    let has: Vec<String> = roots.iter().map(|root| root.architecture.platform().format_all()).collect();
    let hint = format!("--expect {} makes the image of those that are there", has.join(","));
    AssembleError { unexpected: true, ..AssembleError::new(text).with_hint(hint) }
}

/// What was found of a release.
struct Found {
    /// The roots of the version that is wanted, or of any.
    roots: Vec<Root>,
    /// The other versions that are there.
    others: BTreeSet<String>,
}

/// The versions that are nearest to one that is not there: those that begin so, else all; the newest first.
fn nearest(versions: BTreeSet<String>, wanted: &str) -> Vec<String> {
    let begins = format!("{}.", wanted.trim_end_matches('.'));
    let (near, mut others): (Vec<String>, Vec<String>) =
        versions.into_iter().partition(|version| version.starts_with(&begins));
    let mut nearest = if near.is_empty() { std::mem::take(&mut others) } else { near };
    nearest.sort_by(|a, b| newest_first(a, b));
    nearest.truncate(MAX_NAMED);
    nearest
}

/// The roots of the newest version, which has to be that of every architecture.
fn of_one_version(
    Found { mut roots, others }: Found,
    location: &str,
    version: Option<&str>,
) -> Result<(Vec<Root>, String), AssembleError> {
    let newest = roots.iter().map(|root| root.version.clone()).min_by(|a, b| newest_first(a, b));
    let Some(newest) = newest else {
        let wanted = version.map(|version| format!(" of {version}")).unwrap_or_default();
        let error = AssembleError::new(format!("{location} has no minimal root{wanted} of Alpine"));
        let near = nearest(others, version.unwrap_or_default());
        return Err(match near.is_empty() {
            true => error.with_hint(
                "it has to be a release's folder or address, with one folder for each architecture and checksums",
            ),
            false => error.with_hint(format!("it has {}; --version names one of these", near.join(" "))),
        });
    };
    let older: Vec<String> = roots
        .iter()
        .filter(|root| root.version != newest)
        .map(|root| format!("{} of {}", root.version, root.architecture.name))
        .collect();
    // A file of checksums may list several releases; an architecture that lags behind is another matter.
    roots.retain(|root| root.version == newest);
    let has = |name: &str| roots.iter().any(|root| root.architecture.name == name);
    if let Some(lagging) = older.iter().find(|older| !older.rsplit(' ').next().is_some_and(has)) {
        return Err(AssembleError::new(format!("{location} has {newest}, but {lagging}"))
            .with_hint("name a version that every architecture has with --version"));
    }
    Ok((roots, newest))
}

/// What a file of checksums lists.
fn listed(place: &Place<'_>, text: &str, version: Option<&str>) -> Result<Found, AssembleError> {
    let (mut roots, mut others): (Vec<Root>, BTreeSet<String>) = Default::default();
    for line in text.lines() {
        let Some((sum, file)) = line.split_once(char::is_whitespace) else { continue };
        // sha512sum marks binary files by a star.
        let file = file.trim_start().trim_start_matches('*').trim_start_matches("./");
        let Some((architecture, found)) = named(file) else { continue };
        if version.is_some_and(|version| version != found) {
            others.insert(found.to_owned());
            continue;
        }
        let root = Root { architecture, version: found.to_owned(), sha512: sha512(place, file, sum)? };
        match roots.iter_mut().find(|other| other.architecture == architecture) {
            Some(other) if newest_first(&root.version, &other.version).is_lt() => *other = root,
            Some(_) => {}
            None => roots.push(root),
        }
    }
    roots.sort_by_key(|root| ARCHITECTURES.iter().position(|known| *known == root.architecture));
    Ok(Found { roots, others })
}

/// `aarch64/alpine-minirootfs-3.20.3-aarch64.tar.gz`: the architecture and the version. Any other name is none: nothing
/// else is ever opened or asked for.
fn named(file: &str) -> Option<(Architecture, &str)> {
    let (folder, name) = file.split_once('/')?;
    let architecture = ARCHITECTURES.into_iter().find(|known| known.name == folder)?;
    let version = name.strip_prefix("alpine-minirootfs-")?.strip_suffix(".tar.gz")?;
    let version = version.strip_suffix(folder)?.strip_suffix('-')?;
    is_version(version).then_some((architecture, version))
}

fn is_version(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= 64 && text.chars().all(is_fit)
}

fn sha512(place: &Place<'_>, file: &str, hex: &str) -> Result<Digest, AssembleError> {
    format!("sha512:{}", hex.to_ascii_lowercase()).parse().map_err(|error| {
        AssembleError::new(format!("{}: the checksum of {}: {error}", place.shown(), printable(file)))
    })
}

/// An entry of `latest-releases.yaml`.
#[derive(Debug, Deserialize)]
struct Indexed {
    flavor: Option<String>,
    version: Option<String>,
    file: Option<String>,
    sha512: Option<String>,
}

/// What each architecture's index tells, or the checksum beside a root.
fn indexed(place: &Place<'_>, version: Option<&str>) -> Result<Found, AssembleError> {
    if let Some(version) = version.filter(|version| !is_version(version)) {
        return Err(AssembleError::new(format!("--version {version}: that is no version of Alpine"))
            .with_hint("for example 3.20.3"));
    }
    // The folder itself may say which version it is of, where no index does.
    let own = match version {
        Some(version) => Some(version.to_owned()),
        None => place.text("VERSION")?.map(|text| text.trim().to_owned()).filter(|text| is_version(text)),
    };
    let (mut roots, mut others) = (Vec::new(), BTreeSet::new());
    for architecture in ARCHITECTURES {
        let index = format!("{}/latest-releases.yaml", architecture.name);
        let newest = match place.text(&index)? {
            Some(text) => in_index(place, architecture, &index, &text)?,
            None => None,
        };
        others.extend(newest.as_ref().map(|root: &Root| root.version.clone()));
        let root = match (newest, &own) {
            (Some(root), _) if version.is_none_or(|version| version == root.version) => Some(root),
            // An index tells of the newest release alone.
            (_, Some(own)) => beside(place, architecture, own)?,
            (_, None) => None,
        };
        roots.extend(root);
    }
    Ok(Found { roots, others })
}

fn in_index(
    place: &Place<'_>,
    architecture: Architecture,
    name: &str,
    text: &str,
) -> Result<Option<Root>, AssembleError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let entries: Vec<Indexed> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| AssembleError::new(format!("{}/{name}: {error}", place.shown())))?;
    let is_minimal = |entry: &&Indexed| entry.flavor.as_deref() == Some("alpine-minirootfs");
    let Some(entry) = entries.iter().find(is_minimal) else { return Ok(None) };
    let (Some(version), Some(file), Some(sum)) = (&entry.version, &entry.file, &entry.sha512) else {
        let text = format!("{}/{name}: its minimal root has no version, file or sha512", place.shown());
        return Err(AssembleError::new(text));
    };
    let file = format!("{}/{file}", architecture.name);
    if named(&file) != Some((architecture, version.as_str())) {
        let (file, version) = (printable(&file), printable(version));
        let text = format!("{}/{name}: {file} is no name of a minimal root of {version}", place.shown());
        return Err(AssembleError::new(text));
    }
    Ok(Some(Root { architecture, version: version.clone(), sha512: sha512(place, &file, sum)? }))
}

/// A root with its checksum beside it.
fn beside(
    place: &Place<'_>,
    architecture: Architecture,
    version: &str,
) -> Result<Option<Root>, AssembleError> {
    let name = architecture.name;
    let file = format!("{name}/alpine-minirootfs-{version}-{name}.tar.gz");
    let Some(text) = place.text(&format!("{file}.sha512"))? else { return Ok(None) };
    let sum = text.split_whitespace().next().unwrap_or_default();
    Ok(Some(Root { architecture, version: version.to_owned(), sha512: sha512(place, &file, sum)? }))
}

/// What one root becomes.
fn part(
    place: &Place<'_>,
    root: &Root,
    keyring: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<Part, AssembleError> {
    let file = root.file();
    let path = place.file(&file)?.ok_or_else(|| {
        AssembleError::new(format!("{}/{file}: it is not there, though its checksum is", place.shown()))
    })?;
    match (place.text(&format!("{file}.asc"))?, keyring) {
        (Some(text), Some(keyring)) => {
            let key = signature::check(&file, &text, &path, keyring, place.scratch())?;
            notes.push(format!("{file} is signed by {key}"));
        }
        (None, Some(_)) => {
            let text =
                format!("{}/{file}.asc: it is not there, and --key asks for a signature", place.shown());
            return Err(AssembleError::new(text));
        }
        (Some(_), None) => notes.push(format!(
            "{file}.asc, its OpenPGP signature, was not checked (--key FILE does); its SHA-512 is"
        )),
        (None, None) => {}
    }
    let path_variable = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let config = Config {
        command: Some(vec!["/bin/sh".into()]),
        environment: BTreeMap::from([("PATH".to_owned(), path_variable.to_owned())]),
        ..Config::default()
    };
    Ok(Part {
        source_at: format!("{}/{}", place.shown(), root.architecture.name),
        at: format!("{}/{}", place.shown(), root.architecture.name),
        platform: Some(root.architecture.platform()),
        what: What::Root {
            name: place.shown_file(&file),
            path,
            checksums: vec![root.sha512.clone()],
            config: Box::new(config),
        },
        annotations: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_minimal_root_is_one() {
        let told =
            |file: &'static str| named(file).map(|(architecture, version)| (architecture.name, version));
        assert_eq!(told("armhf/alpine-minirootfs-3.20.3-armhf.tar.gz"), Some(("armhf", "3.20.3")));
        assert_eq!(told("x86/alpine-minirootfs-3.21.0_rc2-x86.tar.gz"), Some(("x86", "3.21.0_rc2")));
        for file in [
            "alpine-minirootfs-3.20.3-armhf.tar.gz",
            "armhf/alpine-minirootfs-3.20.3-armv7.tar.gz",
            "armhf/alpine-standard-3.20.3-armhf.iso",
            "../armhf/alpine-minirootfs-3.20.3-armhf.tar.gz",
            "armhf/alpine-minirootfs-../../3-armhf.tar.gz",
            "m68k/alpine-minirootfs-3.20.3-m68k.tar.gz",
        ] {
            assert_eq!(told(file), None, "{file}");
        }
    }

    #[test]
    fn a_release_has_the_architectures_that_alpine_had_by_then() {
        let has = |version: &str| -> Vec<&str> {
            ARCHITECTURES.iter().filter(|known| known.is_in(version)).map(|known| known.name).collect()
        };
        let eight = ["x86_64", "armhf", "armv7", "aarch64", "x86", "ppc64le", "riscv64", "s390x"];
        assert_eq!(has("3.20.3"), eight);
        assert_eq!(has("3.20.0_rc1"), eight);
        assert_eq!(has("3.19.4"), eight.into_iter().filter(|name| *name != "riscv64").collect::<Vec<_>>());
        assert_eq!(has("3.8.5"), ["x86_64", "armhf", "aarch64", "x86", "ppc64le", "s390x"]);
        for newer in ["3.21.0_rc2", "3.21.0", "4.0.0", "20250108", "3"] {
            assert_eq!(has(newer).len(), 9, "{newer}");
        }
    }

    #[test]
    fn armhf_is_arm_v6() {
        let platform = |name| {
            let known = ARCHITECTURES.into_iter().find(|known| known.name == name);
            known.unwrap().platform().to_string()
        };
        assert_eq!(platform("armhf"), "linux/arm/v6");
        assert_eq!(platform("armv7"), "linux/arm/v7");
        assert_eq!(platform("x86"), "linux/386");
        assert_eq!(platform("loongarch64"), "linux/loong64");
    }
}
