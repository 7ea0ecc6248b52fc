//! What is known, as the pages show it: entries with a mark for each platform, and what changed.

mod changes;
mod columns;
mod subjects;
mod tags;

use std::collections::HashMap;

use jiff::Timestamp;
use workson_oci::{Platform, Reference};

use self::columns::columns;
use self::subjects::subjects;
use super::route::Standing;
use crate::catalog::check::{Answer, Evidence, Presence, Since};
use crate::catalog::verified::Verified;
use crate::content::{self, Content};
use crate::evidence::{Rung, Verdict};
use crate::timeline::{Moment, Source};

pub use changes::{Change, Month};
pub use columns::Column;

/// One cell: the shortest answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// How it stands.
    pub standing: Standing,
    /// What that proves; none where nothing is known.
    pub rung: Option<Rung>,
}

impl Mark {
    /// `yes`, `no` or `unknown`.
    pub fn word(self) -> &'static str {
        match self.standing {
            Standing::Has => "yes",
            Standing::Lacks | Standing::Lost => "no",
            Standing::Unknown => "unknown",
        }
    }
}

/// One thing of the catalogue.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What people wrote about it; none of a new image, or one that is gone.
    pub about: Option<content::Entry>,
    /// The image that its evidence is of, as it is asked for: `nginx`, `ghcr.io/owner/name`.
    pub image: String,
    /// Whether the image is there.
    pub presence: Presence,
    /// Why its file can't be read now, where its last good answer stands.
    pub problem: Option<(Moment, String)>,
    /// An answer for each column, in their order.
    pub answers: Vec<Answer>,
    /// A mark for each column, in their order.
    pub marks: Vec<Mark>,
    /// The digest that its tag `latest` was last seen to point at, where a registry was asked.
    pub digest: Option<String>,
    /// The tag of it that a registry was asked about, where it is one: `latest` before any other.
    pub asked_tag: Option<String>,
    /// For each column: how many days after amd64 it came, where it has the platform today and that is known.
    pub behind: Vec<Option<i64>>,
    /// What happened to it, the newest first: places in [`Catalogue::changes`].
    pub changes: Vec<usize>,
    /// Its tags that stand, each with a mark for each column; the most telling first.
    pub tags: Vec<(String, Vec<Mark>)>,
}

impl Entry {
    /// Whether it is there today; what is gone is not counted.
    pub fn is_there(&self) -> bool {
        match self.presence {
            Presence::There => true,
            // Nothing is known of it, and that is told: it is not hidden.
            Presence::Unknown => self.about.is_some(),
            Presence::Gone(_) | Presence::NoSuchTag => false,
        }
    }

    /// Since when it stands so on the platform of a column. That it can't be told does not begin on a day.
    pub fn since(&self, column: usize) -> Option<&Since> {
        let answer = &self.answers[column];
        answer.since.as_ref().filter(|_| !matches!(answer.verdict, Verdict::Unknown(_)))
    }

    /// Why it has no marks to show; none where it has.
    pub fn unmarked(&self) -> Option<String> {
        match &self.presence {
            Presence::There => None,
            Presence::Gone(moment) => {
                Some(format!("No official image any more, since {}", moment.at.strftime("%Y-%m-%d")))
            }
            Presence::NoSuchTag | Presence::Unknown => {
                Some("No evidence: none of its images was read".into())
            }
        }
    }

    /// When anything about it changed last.
    pub fn changed_at(&self, catalogue: &Catalogue) -> Option<Timestamp> {
        self.changes.first().map(|change| catalogue.changes[*change].at)
    }
}

/// All that is known.
#[derive(Debug)]
pub struct Catalogue {
    /// The platforms, the most asked for first.
    pub columns: Vec<Column>,
    /// The entries, by name as people sort it; those that are gone at the end.
    pub entries: Vec<Entry>,
    /// What happened, the newest first.
    pub changes: Vec<Change>,
    /// Where the declared facts come from, and how far they reach.
    pub declared: Option<Source>,
    /// The same of what registries served.
    pub published: Option<Source>,
    /// When something was verified last.
    pub verified_at: Option<Timestamp>,
    by_slug: HashMap<String, usize>,
    months: Vec<Month>,
}

impl Catalogue {
    pub(super) fn new(content: &Content, evidence: &Evidence<'_>, verified: &Verified) -> Catalogue {
        let mut columns = columns(evidence);
        let platforms: Vec<Platform> = columns.iter().map(|column| column.platform.clone()).collect();
        let asking = evidence.asking(&platforms);
        let mut entries: Vec<Entry> = subjects(content, evidence)
            .into_iter()
            .map(|subject| {
                let mut check = asking.check(&subject.image, None);
                let reference = reference(&subject.image).map(|reference| reference.to_string());
                if let Some(reference) = &reference {
                    for answer in &mut check.answers {
                        verified.raise(reference, "latest", answer);
                    }
                }
                let marks: Vec<Mark> = check.answers.iter().map(mark).collect();
                Entry {
                    slug: subject.slug,
                    name: subject.name,
                    about: subject.about,
                    digest: reference.and_then(|reference| verified.digest(&reference)),
                    asked_tag: asked_tag(evidence, &subject.image),
                    image: subject.image,
                    presence: check.presence,
                    problem: check.problem,
                    answers: check.answers,
                    behind: vec![None; marks.len()],
                    marks,
                    changes: Vec::new(),
                    tags: Vec::new(),
                }
            })
            .collect();
        entries.sort_by_cached_key(|entry| {
            (matches!(entry.presence, Presence::Gone(_)), entry.name.to_lowercase(), entry.slug.clone())
        });
        let by_slug = entries.iter().enumerate().map(|(at, entry)| (entry.slug.clone(), at)).collect();
        for entry in entries.iter().filter(|entry| entry.is_there()) {
            for (column, mark) in columns.iter_mut().zip(&entry.marks) {
                column.counts[mark.standing as usize] += 1;
            }
        }
        let mut catalogue = Catalogue {
            columns,
            entries,
            changes: Vec::new(),
            declared: evidence.declared.map(|timeline| timeline.source.clone()),
            published: evidence.published.map(|timeline| timeline.source.clone()),
            verified_at: verified.newest(),
            by_slug,
            months: Vec::new(),
        };
        catalogue.add_changes(evidence);
        catalogue.add_tags(evidence);
        catalogue
    }

    /// The entry of a slug.
    pub fn entry(&self, slug: &str) -> Option<&Entry> {
        self.by_slug.get(slug).map(|at| &self.entries[*at])
    }

    /// The place of a platform's column by its slug.
    pub fn column(&self, slug: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.slug == slug)
    }

    /// The entries that are there today.
    pub fn standing(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_there())
    }

    /// How far the newest fact reaches: what happened later is not known.
    pub fn as_of(&self) -> Option<Timestamp> {
        let sources = [&self.declared, &self.published];
        let heads = sources.into_iter().flatten().map(|source| source.head_at);
        heads.chain(self.verified_at).max()
    }
}

/// An image by its name, as a reference to its tag `latest`. None of a name that is none: then no registry has it.
fn reference(image: &str) -> Option<Reference> {
    image.parse().ok()
}

/// The registry that an image is at.
pub(super) fn registry(image: &str) -> String {
    reference(image).map_or_else(String::new, |reference| reference.registry().to_owned())
}

/// The tag that a registry was asked about: `latest`, or the only one.
fn asked_tag(evidence: &Evidence<'_>, image: &str) -> Option<String> {
    let looked_at = &evidence.published?.images.get(image)?.looked_at;
    let mut tags = looked_at.keys();
    let only = tags.next().filter(|_| tags.next().is_none());
    looked_at.get_key_value("latest").map(|(tag, _)| tag).or(only).cloned()
}

fn mark(answer: &Answer) -> Mark {
    let standing = match answer.verdict {
        Verdict::Yes => Standing::Has,
        Verdict::No if answer.lost.is_some() => Standing::Lost,
        Verdict::No => Standing::Lacks,
        Verdict::Unknown(_) => Standing::Unknown,
    };
    Mark { standing, rung: answer.rung }
}

/// A name in addresses: small letters, digits and single hyphens.
pub(super) fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}
