//! What is known, as the pages show it: entries with a mark for each platform, and what changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use workson_oci::Platform;

use super::route::Standing;
use crate::catalog::check::{Answer, Evidence, Presence};
use crate::catalog::log::{Filter, Happening, events};
use crate::catalog::series::{Point, steps};
use crate::catalog::verified::Verified;
use crate::content::{self, Content};
use crate::evidence::{Rung, Verdict};
use crate::timeline::{By, ImageTimeline, Source};

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
    pub problem: Option<(crate::timeline::Moment, String)>,
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

    /// When anything about it changed last.
    pub fn changed_at(&self, catalogue: &Catalogue) -> Option<Timestamp> {
        self.changes.first().map(|change| catalogue.changes[*change].at)
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// The commit or the run that says so.
    pub origin: String,
    /// On which rung.
    pub rung: Rung,
    /// To which entry: its place in [`Catalogue::entries`].
    pub entry: usize,
    /// What.
    pub happening: Happening,
    /// Which platform: its column, where it has one; none where the entry itself came or went.
    pub column: Option<usize>,
    /// The platform's name.
    pub platform: Option<String>,
    /// Whether that was because the entry came or went.
    pub with_entry: bool,
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

/// Year, month, and the places of its changes in [`Catalogue::changes`].
type Month = (i16, i8, std::ops::Range<usize>);

impl Catalogue {
    pub(super) fn new(content: &Content, evidence: &Evidence<'_>, verified: &Verified) -> Catalogue {
        let mut columns = columns(evidence);
        let platforms: Vec<Platform> = columns.iter().map(|column| column.platform.clone()).collect();
        let asking = evidence.asking(&platforms);
        let mut failures: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for problem in evidence.published.iter().flat_map(|timeline| &timeline.problems) {
            failures.entry(&problem.image).or_default().insert(&problem.reason);
        }
        let mut entries: Vec<Entry> = subjects(content, evidence)
            .into_iter()
            .map(|subject| {
                let mut check = asking.check(&subject.image, None);
                let reference = reference(&subject.image);
                for answer in &mut check.answers {
                    without_requests(answer, &subject.image, failures.get(&*subject.image));
                    verified.raise(&reference, "latest", answer);
                }
                let had = |column: usize| -> bool { check.answers[column].lost.is_some() };
                let marks: Vec<Mark> = check
                    .answers
                    .iter()
                    .enumerate()
                    .map(|(column, answer)| mark(&answer.verdict, answer.rung, had(column)))
                    .collect();
                Entry {
                    slug: subject.slug,
                    name: subject.name,
                    about: subject.about,
                    digest: verified.digest(&reference),
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
        catalogue.add_months();
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

    /// The changes of each month (UTC), the newest month first: year, month, places in [`Catalogue::changes`].
    pub fn months(&self) -> Vec<Month> {
        self.months.clone()
    }

    fn add_months(&mut self) {
        let mut months: Vec<Month> = Vec::new();
        for (at, change) in self.changes.iter().enumerate() {
            let date = change.at.to_zoned(TimeZone::UTC).date();
            match months.last_mut() {
                Some((year, month, range)) if (*year, *month) == (date.year(), date.month()) => {
                    range.end = at + 1;
                }
                _ => months.push((date.year(), date.month(), at..at + 1)),
            }
        }
        self.months = months;
    }

    /// The changes of one month (UTC): places in [`Catalogue::changes`]. None where nothing changed.
    pub fn month(&self, year: i16, month: i8) -> Option<std::ops::Range<usize>> {
        let first = Date::new(year, month, 1).ok()?;
        let begins = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
        let (from, until) = (begins(first)?, begins(first.last_of_month().tomorrow().ok()?)?);
        let later = |than: Timestamp| self.changes.partition_point(|change| change.at >= than);
        Some(later(until)..later(from)).filter(|range| !range.is_empty())
    }

    /// How far the newest fact reaches: what happened later is not known.
    pub fn as_of(&self) -> Option<Timestamp> {
        let sources = [&self.declared, &self.published];
        let heads = sources.into_iter().flatten().map(|source| source.head_at);
        heads.chain(self.verified_at).max()
    }

    fn add_changes(&mut self, evidence: &Evidence<'_>) {
        let mut of_image: HashMap<&str, usize> = HashMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            of_image.entry(&entry.image).or_insert(at);
        }
        let mut column_of: HashMap<String, Option<usize>> = HashMap::new();
        let mut changes = Vec::new();
        for timeline in [evidence.declared, evidence.published].into_iter().flatten() {
            for event in events(timeline, By::Any, &Filter::default()) {
                let Some(entry) = of_image.get(event.image.as_str()) else { continue };
                let moment = timeline.moment(event.moment);
                let platform = event.platform.as_ref().map(Platform::format);
                let column = platform.as_ref().and_then(|name| {
                    *column_of
                        .entry(name.clone())
                        .or_insert_with(|| self.columns.iter().position(|column| column.name == *name))
                });
                changes.push(Change {
                    at: moment.at,
                    origin: moment.origin.clone(),
                    rung: timeline.rung,
                    entry: *entry,
                    happening: event.happening,
                    column,
                    platform,
                    with_entry: event.with_image,
                });
            }
        }
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        self.changes = changes;
        for (at, change) in self.changes.iter().enumerate() {
            self.entries[change.entry].changes.push(at);
        }
        let Some(amd64) = self.column("linux-amd64") else { return };
        for entry in &mut self.entries {
            // The first time that it had each platform; what is known only from the first look on is not known.
            let mut first: Vec<Option<Timestamp>> = vec![None; self.columns.len()];
            for change in entry.changes.iter().map(|at| &self.changes[*at]) {
                let gained = matches!(change.happening, Happening::Gained);
                if let Some(column) = change.column.filter(|_| gained && change.rung == Rung::Declared) {
                    first[column] = Some(change.at);
                }
            }
            let Some(on_amd64) = first[amd64] else { continue };
            let days = |at: &Option<Timestamp>| at.map(|at| at.duration_since(on_amd64).as_hours() / 24);
            // Of what it has no more, it says nothing that anyone could go by.
            let today = first.iter().zip(&entry.marks);
            entry.behind =
                today.map(|(at, mark)| days(at).filter(|_| mark.standing == Standing::Has)).collect();
        }
    }

    fn add_tags(&mut self, evidence: &Evidence<'_>) {
        for timeline in [evidence.declared, evidence.published].into_iter().flatten() {
            let fits: Vec<_> = self
                .columns
                .iter()
                .map(|column| crate::catalog::standing::Fits::new(timeline, &column.platform))
                .collect();
            for entry in &mut self.entries {
                let Some(image) = timeline.images.get(&entry.image) else { continue };
                let tags = standing_tags(image, &fits, timeline.rung);
                // What registries served says more than what was declared.
                let mut known: BTreeMap<String, Vec<Mark>> = entry.tags.drain(..).collect();
                known.extend(tags);
                entry.tags = known.into_iter().collect();
                entry.tags.sort_by(|(a, _), (b, _)| telling(a).cmp(&telling(b)).then_with(|| b.cmp(a)));
            }
        }
    }
}

/// The host of the registry that an image is at.
pub(super) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// The whole name of an image's tag `latest`, as it is in the store.
fn reference(image: &str) -> String {
    match image.split_once('/') {
        None => format!("docker.io/library/{image}:latest"),
        Some((host, _)) if host == registry(image) => format!("{image}:latest"),
        Some(_) => format!("docker.io/{image}:latest"),
    }
}

/// The tag that a registry was asked about: `latest`, or the only one.
fn asked_tag(evidence: &Evidence<'_>, image: &str) -> Option<String> {
    let looked_at = &evidence.published?.images.get(image)?.looked_at;
    let mut tags = looked_at.keys();
    let only = tags.next().filter(|_| tags.next().is_none());
    looked_at.get_key_value("latest").map(|(tag, _)| tag).or(only).cloned()
}

/// Why a registry gave no answer, without the request: its address may be that of a mirror which is nobody's business.
/// Only the kind of the failure is left.
fn without_requests(answer: &mut Answer, image: &str, failures: Option<&BTreeSet<&str>>) {
    let registry = registry(image);
    // The longest first, as one may begin like another.
    let mut failures: Vec<&str> = failures.into_iter().flatten().copied().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.len()));
    for failure in failures {
        let kind = failure.split_once(": ").map(|(kind, _)| kind);
        let kind = kind.filter(|kind| kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        let kind = match kind {
            Some(kind) => kind,
            None if failure.contains("://") => "of an unknown kind",
            // What was found is no failure of a request.
            None => continue,
        };
        if let Verdict::Unknown(why) = &mut answer.verdict
            && why == failure
        {
            *why = format!("{registry} gave no answer: {kind}");
        }
        if let Some(note) = &mut answer.note {
            *note = note.replace(failure, kind);
        }
    }
}

/// `latest` first, then the shortest names.
fn telling(tag: &str) -> (bool, usize) {
    (tag != "latest", tag.len())
}

fn standing_tags(
    image: &ImageTimeline,
    fits: &[crate::catalog::standing::Fits],
    rung: Rung,
) -> Vec<(String, Vec<Mark>)> {
    let standing = image.tags.iter().filter(|(_, span)| span.until.is_none());
    standing
        .map(|(tag, span)| {
            let mark = |fits: &crate::catalog::standing::Fits| Mark {
                standing: match fits.offered(span.offer) {
                    Some(true) => Standing::Has,
                    Some(false) => Standing::Lacks,
                    None => Standing::Unknown,
                },
                rung: Some(rung),
            };
            (tag.clone(), fits.iter().map(mark).collect())
        })
        .collect()
}

fn mark(verdict: &Verdict, rung: Option<Rung>, had: bool) -> Mark {
    let standing = match verdict {
        Verdict::Yes => Standing::Has,
        Verdict::No if had => Standing::Lost,
        Verdict::No => Standing::Lacks,
        Verdict::Unknown(_) => Standing::Unknown,
    };
    Mark { standing, rung }
}

/// What is to have an entry, before evidence is asked.
struct Subject {
    slug: String,
    name: String,
    about: Option<content::Entry>,
    image: String,
}

/// What people wrote about, and every image that is known and that nobody wrote about.
fn subjects(content: &Content, evidence: &Evidence<'_>) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let mut slugs: HashMap<String, ()> = HashMap::new();
    let mut written: HashMap<String, ()> = HashMap::new();
    for entry in content.entries.values() {
        let images: Vec<String> =
            entry.images.iter().map(|reference| reference.repository().familiar()).collect();
        let image = images.first().cloned().unwrap_or_else(|| entry.slug.clone());
        written.extend(images.into_iter().map(|image| (image, ())));
        slugs.insert(entry.slug.clone(), ());
        let (slug, name) = (entry.slug.clone(), entry.name.clone());
        subjects.push(Subject { slug, name, about: Some(entry.clone()), image });
    }
    for timeline in [evidence.declared, evidence.published].into_iter().flatten() {
        for (image, _) in timeline.images.iter().filter(|(_, image)| !image.any.is_empty()) {
            if written.insert(image.clone(), ()).is_some() {
                continue;
            }
            let mut slug = slug_of(image);
            if slug.is_empty() {
                // A name without a letter that addresses have.
                slug.push_str("image");
            }
            while slugs.insert(slug.clone(), ()).is_some() {
                slug.push_str("-image");
            }
            subjects.push(Subject { slug, name: image.clone(), about: None, image: image.clone() });
        }
    }
    subjects
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

/// The platforms that anything has or ever had, and linux/amd64 and linux/arm64 in any case: one that all have lost is
/// told of as well.
fn columns(evidence: &Evidence<'_>) -> Vec<Column> {
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
