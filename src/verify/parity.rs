//! What differs between the platforms of one image.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use workson_oci::config::Details;

use super::judgement::{Finding, Weight};

/// By how many days one platform may lag behind another before it is worth a warning.
const LAG: i64 = 7;
/// How many times as large an image may be as the smallest one of another platform before it is worth a word.
const LARGER: u64 = 2;

/// What of one platform is compared with the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// `Entrypoint` of the config.
    pub entrypoint: Vec<String>,
    /// `Cmd` of the config.
    pub command: Vec<String>,
    /// `User` of the config.
    pub user: String,
    /// `Env` of the config.
    pub environment: Vec<String>,
    /// `ExposedPorts` of the config.
    pub ports: Vec<String>,
    /// `created` of the config.
    pub created: String,
    /// How many bytes its layers have as they are fetched.
    pub size: u64,
}

impl Profile {
    /// The profile of a config, whose layers have `size` bytes.
    pub fn new(details: &Details, size: u64) -> Profile {
        let config = &details.config;
        Profile {
            entrypoint: config.entrypoint.clone(),
            command: config.cmd.clone(),
            user: config.user.clone(),
            environment: config.env.clone(),
            ports: config.exposed_ports.keys().cloned().collect(),
            created: details.created.clone(),
            size,
        }
    }
}

/// What differs between platforms, each with its name. The first one is what the others are compared with; that
/// ought to be linux/amd64, where it is there.
pub fn compare(profiles: &[(String, Profile)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(((base_name, base), others)) = profiles.split_first() else { return findings };
    let mut find = |weight, reason: String| {
        findings.push(Finding { weight, rule: "parity", file: None, layer: None, reason });
    };
    for (name, profile) in others {
        let lists = [
            ("entrypoint", &base.entrypoint, &profile.entrypoint),
            ("command", &base.command, &profile.command),
            ("exposed ports", &base.ports, &profile.ports),
        ];
        for (what, theirs, its) in lists {
            if theirs != its {
                find(Weight::Warning, format!("its {what} on {name} is {its:?}, on {base_name} {theirs:?}"));
            }
        }
        if base.user != profile.user {
            find(
                Weight::Warning,
                format!("its user on {name} is {:?}, on {base_name} {:?}", profile.user, base.user),
            );
        }
        let names = |environment: &[String]| -> BTreeSet<String> { environment.iter().cloned().collect() };
        let (theirs, its) = (names(&base.environment), names(&profile.environment));
        let differing: Vec<String> = its.symmetric_difference(&theirs).map(|pair| variable(pair)).collect();
        let differing: BTreeSet<String> = differing.into_iter().collect();
        if !differing.is_empty() {
            let names: Vec<String> = differing.into_iter().collect();
            find(
                Weight::Note,
                format!("its environment on {name} differs from {base_name}: {}", names.join(", ")),
            );
        }
        if let (Ok(theirs), Ok(its)) =
            (base.created.parse::<Timestamp>(), profile.created.parse::<Timestamp>())
        {
            let days = its.duration_since(theirs).as_hours() / 24;
            if days.abs() >= LAG {
                let (behind, before) = if days < 0 { (name, base_name) } else { (base_name, name) };
                find(Weight::Warning, format!("{behind} is {} days older than {before}", days.abs()));
            }
        }
        if profile.size > base.size.saturating_mul(LARGER) || base.size > profile.size.saturating_mul(LARGER)
        {
            find(
                Weight::Note,
                format!("its layers have {} bytes on {name}, and {} on {base_name}", profile.size, base.size),
            );
        }
    }
    findings
}

/// The name of a variable: its value may be long, or a secret.
fn variable(pair: &str) -> String {
    pair.split('=').next().unwrap_or_default().to_owned()
}
