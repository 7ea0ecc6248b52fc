//! What changed between two runs.

use std::collections::{BTreeSet, HashMap};

use workson_oci::Platform;

use crate::store::{MemberState, Outcome, Snapshot};

/// Something that changed about a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has a platform that it had not.
    Gained(String),
    /// It has a platform no more.
    Lost(String),
    /// It points at another digest.
    Moved {
        /// The digest before.
        from: String,
        /// The digest now.
        to: String,
    },
    /// It was there, and now fails.
    Broke {
        /// The stable name of the kind of failure.
        kind: String,
        /// The sentence for people.
        reason: String,
    },
    /// It failed, and is there again.
    Mended,
    /// It was put on the list.
    Added,
    /// It was taken off the list.
    Removed,
}

impl Change {
    /// The name in output.
    pub fn name(&self) -> &'static str {
        match self {
            Change::Gained(_) => "gained",
            Change::Lost(_) => "lost",
            Change::Moved { .. } => "moved",
            Change::Broke { .. } => "broke",
            Change::Mended => "mended",
            Change::Added => "added",
            Change::Removed => "removed",
        }
    }
}

/// All changes between two runs, by reference, in the order of the later list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The earlier run.
    pub from: i64,
    /// The later run.
    pub to: i64,
    /// Reference and change.
    pub changes: Vec<(String, Change)>,
}

impl Changes {
    /// What changed from `earlier` to `later`. Where one of the two could not tell, nothing was gained or
    /// lost: a platform counts as lost only when an answer shows it gone. References that one of the runs did
    /// not come to are passed over.
    pub fn between(earlier: &Snapshot, later: &Snapshot) -> Changes {
        let before: HashMap<&str, &MemberState> =
            earlier.members.iter().map(|member| (member.reference.as_str(), member)).collect();
        let mut changes = Vec::new();
        for member in &later.members {
            let found = match before.get(member.reference.as_str()) {
                None => vec![Change::Added],
                Some(old) => compare(earlier, old, later, member),
            };
            changes.extend(found.into_iter().map(|change| (member.reference.clone(), change)));
        }
        let now: BTreeSet<&str> = later.members.iter().map(|member| member.reference.as_str()).collect();
        for member in earlier.members.iter().filter(|member| !now.contains(member.reference.as_str())) {
            changes.push((member.reference.clone(), Change::Removed));
        }
        Changes { from: earlier.run.id, to: later.run.id, changes }
    }

    /// The changes of one name, like `gained`.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &(String, Change)> {
        self.changes.iter().filter(move |(_, change)| change.name() == name)
    }
}

fn compare(earlier: &Snapshot, old: &MemberState, later: &Snapshot, new: &MemberState) -> Vec<Change> {
    match (&old.outcome, &new.outcome) {
        (_, Outcome::Unasked) => Vec::new(),
        (Outcome::Image { .. }, Outcome::Failed { kind, reason, .. }) => {
            vec![Change::Broke { kind: kind.clone(), reason: reason.clone() }]
        }
        // It was not come to, but is known to have been there.
        (Outcome::Unasked, Outcome::Failed { kind, reason, .. }) if old.last_good.is_some() => {
            vec![Change::Broke { kind: kind.clone(), reason: reason.clone() }]
        }
        (_, Outcome::Failed { .. }) => Vec::new(),
        (before, Outcome::Image { platform_set, digest, .. }) => {
            let mut changes = Vec::new();
            if matches!(before, Outcome::Failed { .. }) {
                changes.push(Change::Mended);
            }
            let known = match before {
                Outcome::Image { platform_set, digest, .. } => {
                    Some((*platform_set, digest, is_certain(before)))
                }
                _ => old.last_good.as_ref().map(|good| (good.platform_set, &good.digest, good.is_certain)),
            };
            if let Some((old_set, old_digest, old_certain)) =
                known.filter(|(_, old_digest, _)| *old_digest != digest)
            {
                let (had, has) = (platforms(earlier, old_set), platforms(later, *platform_set));
                // What could not be told was neither gained nor lost.
                if old_certain {
                    changes.extend(has.difference(&had).cloned().map(Change::Gained));
                }
                if is_certain(&new.outcome) {
                    changes.extend(had.difference(&has).cloned().map(Change::Lost));
                }
                changes.push(Change::Moved { from: old_digest.clone(), to: digest.clone() });
            }
            changes
        }
    }
}

/// Whether an image's set of platforms is whole.
fn is_certain(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Image { undetermined: None, kind, .. } if kind != "artifact")
}

/// A set of platforms as text, without Windows' versions, which move with every month's update.
fn platforms(snapshot: &Snapshot, set: i64) -> BTreeSet<String> {
    let platforms = snapshot.platform_sets.get(&set).map(Vec::as_slice).unwrap_or_default();
    platforms.iter().map(Platform::format).collect()
}
