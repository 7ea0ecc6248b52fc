//! What reading the bytes found, put above what was declared and published.

use std::collections::HashMap;

use jiff::Timestamp;
use workson_oci::Platform;
use workson_oci::platform::Matcher;

use super::check::{Answer, Since};
use super::standing::{ImageStanding, Standing};
use crate::evidence::{Rung, Verdict};
use crate::store::{Store, StoreError, VerifiedReference};
use crate::timeline::{Moment, Timeline};

/// What was verified, each with whether its reference still points at what was read, as far as that is known.
#[derive(Debug, Default)]
pub struct Verified {
    found: Vec<(VerifiedReference, bool)>,
    /// What references by the tag `latest` were last seen to point at, by an inventory.
    seen: HashMap<String, String>,
}

impl Verified {
    /// All that the store has.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn read(store: Option<&Store>) -> Result<Verified, StoreError> {
        let Some(store) = store else { return Ok(Verified::default()) };
        let mut found = Vec::new();
        for verified in store.verified_references()? {
            let last = store.last_digest(&verified.reference)?;
            let stands = last.is_none_or(|last| last == verified.root);
            found.push((verified, stands));
        }
        Ok(Verified { found, seen: HashMap::new() })
    }

    /// The same, with the digests that inventories saw the tag `latest` of each image point at.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn read_with_digests(store: Option<&Store>) -> Result<Verified, StoreError> {
        let seen = store.map(Store::latest_digests).transpose()?.unwrap_or_default();
        Ok(Verified { seen, ..Verified::read(store)? })
    }

    /// What was found of a canonical reference on a platform.
    fn of(&self, reference: &str, platform: &Platform) -> Option<&(VerifiedReference, bool)> {
        let matcher = Matcher::only_strict(platform);
        self.found.iter().find(|(verified, _)| {
            verified.reference == reference && matcher.matches(&verified.verification.platform)
        })
    }

    /// Puts what was found of `reference` into an answer about it. What the tag pointed at earlier says nothing of
    /// what it points at now.
    pub fn raise(&self, reference: &str, tag: &str, answer: &mut Answer) {
        let Some((verified, stands)) = self.of(reference, &answer.platform) else { return };
        let found = &verified.verification;
        let day = found.at.strftime("%Y-%m-%d");
        if !stands {
            answer.note = Some(format!("it was verified on {day}, and the tag {tag} has moved since"));
            return;
        }
        let is_declared_elsewhere = answer.tags.iter().any(|other| other != tag);
        if (&answer.verdict, &found.verdict) == (&Verdict::Yes, &Verdict::No) && is_declared_elsewhere {
            // What one tag holds says nothing of the others.
            answer.tags.retain(|other| other != tag);
            answer.note =
                Some(format!("its tag {tag} was read on {day}, and what it would run can't start there"));
            return;
        }
        answer.note = match (&answer.verdict, &found.verdict) {
            (Verdict::Yes, Verdict::No) => {
                Some("the label says so, and what it would run can't start there".into())
            }
            (Verdict::No, Verdict::Yes) => {
                Some("other evidence says no, and was older or of another tag".into())
            }
            _ => None,
        };
        if answer.verdict != found.verdict {
            let origin = "verification".to_owned();
            answer.since = Some(Since { moment: Moment { at: found.at, origin }, or_before: true });
            answer.tags = if found.verdict == Verdict::Yes { vec![tag.to_owned()] } else { Vec::new() };
            // A loss that is known stands: that it can't start there now does not undo it.
            if found.verdict == Verdict::Yes {
                answer.lost = None;
            }
        }
        answer.verdict = found.verdict.clone();
        answer.rung = Some(Rung::Verified);
        answer.observed_at = Some(found.at);
    }

    /// The digest that a canonical reference was last seen to point at, and still does as far as that is known.
    pub fn digest(&self, reference: &str) -> Option<String> {
        let of = |(verified, stands): &&(VerifiedReference, bool)| *stands && verified.reference == reference;
        let verified = || self.found.iter().find(of).map(|(verified, _)| verified.root.clone());
        self.seen.get(reference).cloned().or_else(verified)
    }

    /// When anything was verified last.
    pub fn newest(&self) -> Option<Timestamp> {
        self.found.iter().map(|(verified, _)| verified.verification.at).max()
    }

    /// How `platform` stands among the official images that `declared` has now: by their tag `latest`, and by any
    /// tag that was verified.
    pub fn standing(&self, declared: &Timeline, platform: &Platform, at: Timestamp) -> Standing {
        let matcher = Matcher::only_strict(platform);
        let names = declared.images.iter().filter(|(_, image)| declared.span_at(&image.any, at).is_some());
        let images = names.map(|(name, _)| {
            let repository = format!("docker.io/library/{name}:");
            let of_image: Vec<_> = self
                .found
                .iter()
                .filter(|(verified, stands)| {
                    *stands
                        && verified.reference.starts_with(&repository)
                        && verified.verification.at <= at
                        && matcher.matches(&verified.verification.platform)
                })
                .collect();
            let unknown = || Verdict::Unknown("it was not verified".into());
            let latest =
                of_image.iter().find(|(verified, _)| verified.reference == format!("{repository}latest"));
            let latest = latest.map_or_else(unknown, |(verified, _)| verified.verification.verdict.clone());
            let any_yes = of_image.iter().any(|(verified, _)| verified.verification.verdict == Verdict::Yes);
            // That some tags can't start says nothing of the others.
            let any = if any_yes { Verdict::Yes } else { latest.clone() };
            ImageStanding { name: name.clone(), any, latest }
        });
        Standing { at, platform: platform.normalized(), rung: Rung::Verified, images: images.collect() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use super::*;
    use crate::store::Verification;

    fn found(verdict: Verdict) -> Verified {
        let platform = Platform { os: "linux".into(), architecture: "arm64".into(), ..Platform::default() };
        let digest = workson_oci::Digest::sha256(b"it");
        let root = digest.to_string();
        let at = Timestamp::UNIX_EPOCH;
        let verification =
            Verification { digest, platform, tool: "1".into(), at, verdict, answer: String::new() };
        let reference = "docker.io/library/it:latest".to_owned();
        Verified {
            found: vec![(VerifiedReference { reference, root, verification }, true)],
            ..Verified::default()
        }
    }

    fn declared(tags: &[&str]) -> Answer {
        Answer {
            platform: Platform { os: "linux".into(), architecture: "arm64".into(), ..Platform::default() },
            verdict: Verdict::Yes,
            rung: Some(Rung::Declared),
            since: None,
            lost: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            observed_at: None,
            note: None,
        }
    }

    #[test]
    fn what_one_tag_holds_says_nothing_of_the_others() {
        let raised = |verdict, tags: &[&str]| {
            let mut answer = declared(tags);
            found(verdict).raise("docker.io/library/it:latest", "latest", &mut answer);
            answer
        };
        // Another tag is declared to have the platform, and nobody read it.
        let answer = raised(Verdict::No, &["latest", "alpine"]);
        assert_eq!((&answer.verdict, answer.rung), (&Verdict::Yes, Some(Rung::Declared)));
        assert_eq!(answer.tags, ["alpine"]);
        assert!(answer.note.unwrap().contains("its tag latest was read on 1970-01-01"));
        // All that is declared was read.
        let answer = raised(Verdict::No, &["latest"]);
        assert_eq!((&answer.verdict, answer.rung), (&Verdict::No, Some(Rung::Verified)));
        // One tag that can start is enough.
        let answer = raised(Verdict::Yes, &["latest", "alpine"]);
        assert_eq!((&answer.verdict, answer.rung), (&Verdict::Yes, Some(Rung::Verified)));
    }
}
