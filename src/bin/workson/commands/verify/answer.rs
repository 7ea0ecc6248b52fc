//! What is told of a verification: in JSON, as SARIF, and kept in the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use workson::evidence::{Rung, Verdict};
use workson::verify::parity::{Profile, compare};
use workson::verify::{Finding, Verified, Weight};
use workson_oci::Platform;

use crate::output::{json, sarif};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageAnswer {
    /// As it was asked for.
    pub(crate) image: String,
    /// The digest of what it names.
    pub(crate) digest: Option<String>,
    /// `yes` where every platform is, `no` where one is not, else `unknown`.
    pub(crate) verdict: &'static str,
    pub(crate) platforms: Vec<PlatformAnswer>,
    /// What differs between the platforms.
    pub(crate) parity: Vec<FindingAnswer>,
    /// Why nothing could be told at all.
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlatformAnswer {
    pub(crate) platform: String,
    /// Of the platform's manifest; none where the image has none for it.
    pub(crate) digest: Option<String>,
    pub(crate) verdict: String,
    /// `verified`; none where not all was read, or could not be told.
    pub(crate) rung: Option<String>,
    /// When it was read; none where nothing was.
    pub(crate) verified_at: Option<String>,
    pub(crate) findings: Vec<FindingAnswer>,
    /// How many binaries there are for each machine.
    pub(crate) machines: std::collections::BTreeMap<String, u64>,
    /// The files that would run, libraries included.
    pub(crate) runs: Vec<String>,
    pub(crate) glibc_needed: Option<String>,
    pub(crate) glibc_given: Option<String>,
    pub(crate) x86_level: Option<u8>,
    pub(crate) alignment: Option<u64>,
    pub(crate) layers: Vec<LayerAnswer>,
    /// What is compared between platforms; none where nothing was read.
    pub(crate) profile: Option<Profile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FindingAnswer {
    pub(crate) weight: String,
    pub(crate) rule: String,
    pub(crate) file: Option<String>,
    pub(crate) layer: Option<usize>,
    pub(crate) reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LayerAnswer {
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) unpacked: u64,
}

pub(crate) fn failed(image: &str, error: String) -> ImageAnswer {
    let image = image.to_owned();
    let (platforms, parity) = (Vec::new(), Vec::new());
    ImageAnswer { image, digest: None, verdict: "unknown", platforms, parity, error: Some(error) }
}

/// What differs between the platforms, linux/amd64 being what the others are compared with.
pub(crate) fn parity(platforms: &[PlatformAnswer]) -> Vec<FindingAnswer> {
    let profile = |answer: &PlatformAnswer| Some((answer.platform.clone(), answer.profile.clone()?));
    let mut profiles: Vec<(String, Profile)> = platforms.iter().filter_map(profile).collect();
    profiles.sort_by_key(|(name, _)| name != "linux/amd64");
    compare(&profiles).iter().map(FindingAnswer::of).collect()
}

/// An answer about what was not read.
pub(crate) fn without(
    platform: &Platform,
    weight: Weight,
    rule: &'static str,
    reason: String,
) -> PlatformAnswer {
    let verdict = if weight == Weight::No { "no" } else { "unknown" };
    let (weight, rule) = (weight.name().to_owned(), rule.to_owned());
    let finding = FindingAnswer { weight, rule, file: None, layer: None, reason };
    PlatformAnswer {
        platform: json::shown(platform),
        digest: None,
        verdict: verdict.to_owned(),
        rung: None,
        verified_at: None,
        findings: vec![finding],
        machines: Default::default(),
        runs: Vec::new(),
        glibc_needed: None,
        glibc_given: None,
        x86_level: None,
        alignment: None,
        profile: None,
        layers: Vec::new(),
    }
}

impl ImageAnswer {
    /// Why a part of it could not be read, where that is so: what could be told of the rest then says nothing of it.
    pub(crate) fn unread(&self) -> Option<String> {
        let findings = self.platforms.iter().flat_map(|platform| &platform.findings);
        let unread = findings.filter(|finding| finding.weight == "unknown");
        let mut unread = unread.filter(|finding| ["layer", "unread"].contains(&finding.rule.as_str()));
        self.error.clone().or_else(|| unread.next().map(|finding| finding.reason.clone()))
    }

    /// Where an image names nothing to start, what it holds tells whether it is for another machine: the platform that
    /// has binaries, and none of its own.
    pub(crate) fn wrong_without_command(&self) -> Option<String> {
        self.platforms.iter().find_map(|platform| {
            let architecture = platform.platform.split('/').nth(1)?;
            let has_no_command = platform.findings.iter().any(|finding| finding.rule == "no-command");
            let is_other = !platform.machines.is_empty()
                && !platform.machines.keys().any(|machine| machine.split(' ').next() == Some(architecture));
            let machines: Vec<&str> = platform.machines.keys().map(String::as_str).collect();
            (has_no_command && is_other)
                .then(|| format!("{}: its binaries are for {}", platform.platform, machines.join(", ")))
        })
    }

    /// The weightiest reason of the first platform that has one.
    pub(crate) fn reason(&self) -> String {
        let first = self.platforms.iter().find_map(|platform| platform.findings.first());
        let named = first.map(|finding| match &finding.file {
            Some(file) => format!("{file}: {}", finding.reason),
            None => finding.reason.clone(),
        });
        self.error.clone().or(named).unwrap_or_default()
    }
}

impl PlatformAnswer {
    /// The same with what was found of the entry that leads to it, which forbids it.
    pub(super) fn refused(mut self, finding: &Finding) -> PlatformAnswer {
        self.findings.insert(0, FindingAnswer::of(finding));
        self.verdict = Verdict::No.name().to_owned();
        self
    }

    pub(super) fn of(verified: &Verified, at: Timestamp) -> PlatformAnswer {
        let judgement = &verified.judgement;
        let verdict = judgement.verdict();
        let (needed, given) = judgement.glibc.clone().unzip();
        PlatformAnswer {
            platform: json::shown(&verified.platform),
            digest: Some(verified.digest.to_string()),
            verdict: verdict.name().to_owned(),
            rung: (verified.is_read && !matches!(verdict, Verdict::Unknown(_)))
                .then(|| Rung::Verified.name().to_owned()),
            verified_at: Some(at.to_string()),
            findings: judgement.findings().iter().map(FindingAnswer::of).collect(),
            machines: judgement.machines.clone(),
            runs: judgement.runs.clone(),
            glibc_needed: needed,
            glibc_given: given.flatten(),
            x86_level: judgement.x86_level,
            alignment: judgement.alignment,
            profile: Some(Profile::new(
                &verified.details,
                verified.layers.iter().map(|layer| layer.size).sum(),
            )),
            layers: verified
                .layers
                .iter()
                .map(|layer| LayerAnswer {
                    digest: layer.digest.clone(),
                    size: layer.size,
                    unpacked: layer.unpacked,
                })
                .collect(),
        }
    }
}

impl FindingAnswer {
    fn sarif<'a>(&'a self, image: &'a str, platform: Option<&str>) -> sarif::Result<'a> {
        let level = match self.weight.as_str() {
            "no" => "error",
            "note" => "note",
            _ => "warning",
        };
        let platform = platform.map(|platform| format!("{platform}: ")).unwrap_or_default();
        let message = format!("{platform}{}", self.reason);
        let (rule, file, layer) = (&self.rule, self.file.as_deref(), self.layer);
        sarif::Result { level, rule, message, image, file, layer }
    }

    fn of(finding: &Finding) -> FindingAnswer {
        FindingAnswer {
            weight: finding.weight.name().to_owned(),
            rule: finding.rule.to_owned(),
            file: finding.file.clone(),
            layer: finding.layer,
            reason: finding.reason.clone(),
        }
    }
}

/// All findings, for code scanning. What could not be told is one as well.
pub(crate) fn results(answers: &[ImageAnswer]) -> Vec<sarif::Result<'_>> {
    let mut results = Vec::new();
    for answer in answers {
        let image = answer.image.as_str();
        if let Some(error) = &answer.error {
            results.push(sarif::Result {
                level: "warning",
                rule: "unread",
                message: error.clone(),
                image,
                file: None,
                layer: None,
            });
        }
        for platform in &answer.platforms {
            for finding in &platform.findings {
                results.push(finding.sarif(image, Some(&platform.platform)));
            }
        }
        results.extend(answer.parity.iter().map(|finding| finding.sarif(image, None)));
    }
    results
}
