//! How many images support a platform, and which.

use std::collections::HashSet;

use jiff::Timestamp;
use workson_oci::platform::Matcher;
use workson_oci::{Platform, Reference};

use crate::evidence::{Evidence, Rung, Verdict};
use crate::store::{MemberState, Outcome, Snapshot};

/// The answer for one platform and all references of a run.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// The platform, normalised.
    pub platform: Platform,
    /// What is known of each reference, in the order of the list.
    pub evidence: Vec<Evidence>,
}

impl Coverage {
    /// The coverage of `platform` in what a run saw. A reference that the run did not come to, or that failed,
    /// is unknown, never a no; where it was seen earlier, the reason says what it was then.
    pub fn of(snapshot: &Snapshot, platform: &Platform) -> Coverage {
        let matcher = Matcher::only_strict(platform);
        let fitting: HashSet<i64> = snapshot
            .platform_sets
            .iter()
            .filter(|(_, platforms)| platforms.iter().any(|offered| matcher.matches(offered)))
            .map(|(set, _)| *set)
            .collect();
        let has = |set: &i64| fitting.contains(set);
        let evidence = snapshot.members.iter().filter_map(|member| {
            let reference: Reference = member.reference.parse().ok()?;
            let (verdict, digest, observed_at) = verdict(member, has, snapshot.run.started);
            let source = reference.repository().registry().to_owned();
            Some(Evidence {
                reference,
                platform: platform.normalized(),
                rung: Rung::Published,
                verdict,
                source,
                digest: digest.and_then(|digest| digest.parse().ok()),
                observed_at,
                tool: snapshot.run.tool.clone(),
            })
        });
        Coverage { platform: platform.normalized(), evidence: evidence.collect() }
    }

    /// The references that have the platform.
    pub fn supported(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.iter().filter(|evidence| evidence.verdict == Verdict::Yes)
    }

    /// The references that have it not.
    pub fn lacking(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.iter().filter(|evidence| evidence.verdict == Verdict::No)
    }

    /// The references of which it could not be told, each with the reason.
    pub fn unknown(&self) -> impl Iterator<Item = (&Evidence, &str)> {
        self.evidence.iter().filter_map(|evidence| match &evidence.verdict {
            Verdict::Unknown(reason) => Some((evidence, reason.as_str())),
            _ => None,
        })
    }
}

fn verdict(
    member: &MemberState,
    has: impl Fn(&i64) -> bool,
    run_started: Timestamp,
) -> (Verdict, Option<&str>, Timestamp) {
    let earlier = || match &member.last_good {
        None => String::new(),
        Some(good) => {
            let answer = if has(&good.platform_set) { "yes" } else { "no" };
            format!(" (last known: {answer}, on {})", good.seen.strftime("%Y-%m-%d"))
        }
    };
    match &member.outcome {
        Outcome::Image { platform_set, digest, kind, undetermined, seen } => {
            let verdict = match undetermined {
                _ if has(platform_set) => Verdict::Yes,
                Some(reason) => Verdict::Unknown(reason.clone()),
                None if kind == "artifact" => Verdict::Unknown("it is no container image".into()),
                None => Verdict::No,
            };
            (verdict, Some(digest), *seen)
        }
        Outcome::Failed { kind, reason, seen } => {
            (Verdict::Unknown(format!("{kind}: {reason}{}", earlier())), None, *seen)
        }
        Outcome::Unasked => (Verdict::Unknown(format!("not asked yet{}", earlier())), None, run_started),
    }
}
