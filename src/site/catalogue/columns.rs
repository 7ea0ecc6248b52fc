//! The platforms that the site has a column for.

use std::collections::BTreeMap;

use workson_oci::Platform;

use super::super::route::Standing;
use super::slug_of;
use crate::catalog::check::Evidence;
use crate::catalog::series::{Point, steps};

/// The platforms that come first, in this order; others follow by their names.
const FIRST: [&str; 12] = [
    "linux/arm64",
    "linux/amd64",
    "linux/arm/v7",
    "linux/arm/v6",
    "linux/arm/v5",
    "linux/riscv64",
    "linux/ppc64le",
    "linux/s390x",
    "linux/loong64",
    "linux/386",
    "linux/mips64le",
    "windows/amd64",
];

/// A platform that the site has a column for.
#[derive(Debug, Clone)]
pub struct Column {
    /// The platform, without a version of the operating system.
    pub platform: Platform,
    /// Its name: `linux/arm/v7`.
    pub name: String,
    /// Its name in addresses: `linux-arm-v7`.
    pub slug: String,
    /// Its name where there is little room: `arm/v7`.
    pub short: String,
    /// How many entries that are there stand so: has, lacks, lost, unknown, as [`Standing::ALL`] has it.
    pub counts: [usize; 4],
    /// How many official images had it, from each change to the next, on the rung `declared`.
    pub series: Vec<Point>,
}

impl Column {
    /// How many entries stand so.
    pub fn count(&self, standing: Standing) -> usize {
        self.counts[standing as usize]
    }

    /// How many entries there are in all.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// The platforms that anything has or ever had, and linux/amd64 and linux/arm64 in any case: one that all have lost is
/// told of as well.
pub(super) fn columns(evidence: &Evidence<'_>) -> Vec<Column> {
    let mut names: BTreeMap<String, Platform> = BTreeMap::new();
    let mut add = |platform: &Platform| {
        let platform =
            Platform { os_version: String::new(), os_features: Vec::new(), ..platform.normalized() };
        names.insert(platform.format(), platform);
    };
    for architecture in ["amd64", "arm64"] {
        add(&Platform { os: "linux".into(), architecture: architecture.into(), ..Platform::default() });
    }
    for timeline in [evidence.declared, evidence.published].into_iter().flatten() {
        let mut seen = vec![false; timeline.sets.len()];
        for image in timeline.images.values() {
            for span in &image.any {
                let set = span.offer.set.0 as usize;
                if !std::mem::replace(&mut seen[set], true) {
                    timeline.set(span.offer.set).iter().for_each(&mut add);
                }
            }
        }
    }
    let series = |platform: &Platform| evidence.declared.map(|timeline| steps(timeline, platform));
    let mut columns: Vec<Column> = names
        .into_iter()
        .map(|(name, platform)| Column {
            slug: slug_of(&name),
            short: name.strip_prefix("linux/").unwrap_or(&name).to_owned(),
            series: series(&platform).unwrap_or_default(),
            platform,
            name,
            counts: [0; 4],
        })
        .collect();
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    columns.sort_by(|a, b| (place(&a.name), &a.name).cmp(&(place(&b.name), &b.name)));
    columns
}
