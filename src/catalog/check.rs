//! Does this image work there? One image, all that is known of it.

use jiff::Timestamp;
use workson_oci::Platform;

use super::standing::{Fits, verdict};
use crate::evidence::{Rung, Verdict};
use crate::timeline::{ImageTimeline, Moment, MomentId, Problem, Span, Timeline};

/// How far a name may be from the one that was meant, in letters changed.
const NEARLY: usize = 2;
/// How many names are suggested.
const SUGGESTED: usize = 3;

/// Whether the image is there at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It was, until then.
    Gone(Moment),
    /// The image is, and this tag of it is not known.
    NoSuchTag,
    /// Nothing is known of it.
    Unknown,
}

/// What is known of one image and one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The platform, normalised.
    pub platform: Platform,
    /// Whether it works there.
    pub verdict: Verdict,
    /// What the verdict proves; none where nothing is known.
    pub rung: Option<Rung>,
    /// Since when it is so without a break, as far as that is known.
    pub since: Option<Since>,
    /// When it had the platform last, where it had it once and has it no more.
    pub lost: Option<Moment>,
    /// The tags that have it, the most telling first.
    pub tags: Vec<String>,
    /// When it was last seen to be so.
    pub observed_at: Option<Timestamp>,
    /// What else has to be said, such as that two rungs contradict each other.
    pub note: Option<String>,
}

/// Since when something is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The moment.
    pub moment: Moment,
    /// Whether it may have been so before: what was before is not known.
    pub or_before: bool,
}

/// All that is known of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whether it is there at all.
    pub presence: Presence,
    /// An answer for each platform that was asked about, in that order.
    pub answers: Vec<Answer>,
    /// The newest reason for which it could not be read, where that was after its last good answer.
    pub problem: Option<(Moment, String)>,
}

/// What a check goes by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What maintainers declared; none for an image that is no official one.
    pub declared: Option<&'a Timeline>,
    /// What registries served, where anyone looked.
    pub published: Option<&'a Timeline>,
}

/// What is asked of one image after the other.
#[derive(Debug)]
pub struct Asking<'a> {
    evidence: Evidence<'a>,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    platform: Platform,
    declared: Option<Fits>,
    published: Option<Fits>,
}

impl Asking<'_> {
    /// What is known of `image`, by one tag or by any, on each platform.
    pub fn check(&self, image: &str, tag: Option<&str>) -> Check {
        let Evidence { declared, published } = self.evidence;
        let of =
            |timeline: Option<&Timeline>| timeline.map_or(Presence::Unknown, |t| presence(t, image, tag));
        let presence = match (of(published), of(declared)) {
            (Presence::There, _) | (_, Presence::There) => Presence::There,
            (_, Presence::Gone(moment)) => Presence::Gone(moment),
            (Presence::Unknown, declared) => declared,
            (published, _) => published,
        };
        let served = published.and_then(|timeline| timeline.images.get(image));
        let is_asked = |tag: &String| {
            served.is_some_and(|served| served.tag(tag).iter().any(|(_, span)| span.until.is_none()))
        };
        let answers = self.asked.iter().map(|asked| {
            let find = |timeline: Option<&Timeline>, fits: &Option<Fits>| {
                find(timeline?, image, tag, fits.as_ref()?)
            };
            let (by_maintainers, by_registries) =
                (find(declared, &asked.declared), find(published, &asked.published));
            combine(&asked.platform, by_maintainers, by_registries, tag, &is_asked)
        });
        let answers = answers.collect();
        let problem = declared.and_then(|timeline| standing_problem(timeline, image));
        Check { presence, answers, problem }
    }
}

/// What one timeline says of one image and platform.
struct Finding {
    verdict: Verdict,
    since: Option<Since>,
    lost: Option<Moment>,
    tags: Vec<String>,
    latest: Option<bool>,
    /// Whether it had the platform when that could be told last.
    had: bool,
    seen: Timestamp,
}

impl Check {
    /// The answers where `reason` says why nothing can be told.
    pub fn unknown(platforms: &[Platform], reason: &str) -> Check {
        let unknown = |platform: &Platform| Answer {
            verdict: Verdict::Unknown(reason.to_owned()),
            ..nothing(platform)
        };
        let answers = platforms.iter().map(unknown).collect();
        Check { presence: Presence::There, answers, problem: None }
    }
}

/// Nothing is known of a platform.
fn nothing(platform: &Platform) -> Answer {
    Answer {
        platform: platform.normalized(),
        verdict: Verdict::Unknown("nothing is known of it".into()),
        rung: None,
        since: None,
        lost: None,
        tags: Vec::new(),
        observed_at: None,
        note: None,
    }
}

impl<'a> Evidence<'a> {
    /// The same platforms, asked about of many images: what fits them is found out once.
    pub fn asking(&self, platforms: &[Platform]) -> Asking<'a> {
        let fits =
            |timeline: Option<&Timeline>, platform: &Platform| timeline.map(|t| Fits::new(t, platform));
        let asked = |platform: &Platform| Asked {
            platform: platform.clone(),
            declared: fits(self.declared, platform),
            published: fits(self.published, platform),
        };
        Asking { evidence: *self, asked: platforms.iter().map(asked).collect() }
    }

    /// What is known of `image`, by one tag or by any, on each of `platforms`.
    pub fn check(&self, image: &str, tag: Option<&str>, platforms: &[Platform]) -> Check {
        self.asking(platforms).check(image, tag)
    }

    /// The platforms that `image` has or ever had.
    pub fn platforms(&self, image: &str) -> Vec<Platform> {
        let mut platforms = Vec::new();
        for timeline in [self.declared, self.published].into_iter().flatten() {
            if let Some(found) = timeline.images.get(image) {
                let sets = found.any.iter().flat_map(|span| timeline.set(span.offer.set));
                platforms.extend(sets.map(|platform| Platform {
                    os_version: String::new(),
                    os_features: Vec::new(),
                    ..platform.clone()
                }));
            }
        }
        platforms.sort();
        platforms.dedup();
        platforms
    }

    /// Names that are nearly `name`, the nearest first; images that are there before those that are gone.
    pub fn suggestions(&self, name: &str) -> Vec<String> {
        let mut found: Vec<(usize, bool, &str)> = Vec::new();
        for timeline in [self.declared, self.published].into_iter().flatten() {
            for (known, image) in &timeline.images {
                let is_gone = image.any.last().is_none_or(|span| span.until.is_some());
                let distance = strsim::osa_distance(name, known);
                let is_part = name.len() >= 3 && known.contains(name);
                let allowed = NEARLY.min(name.chars().count() / 2);
                if known != name && (distance <= allowed || is_part) {
                    found.push((distance, is_gone, known));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().take(SUGGESTED).map(|(_, _, name)| name.to_owned()).collect()
    }
}

/// Tags of `image` that are nearly `tag`, the nearest first.
pub fn similar_tags(image: &ImageTimeline, tag: &str) -> Vec<String> {
    let standing = image.tags.iter().filter(|(_, span)| span.until.is_none());
    let mut found: Vec<(usize, std::cmp::Reverse<MomentId>, &str)> = standing
        .map(|(known, span)| (strsim::osa_distance(tag, known), std::cmp::Reverse(span.from), known.as_str()))
        .filter(|(distance, _, known)| {
            *distance <= NEARLY || known.strip_prefix(tag).is_some_and(|rest| rest.starts_with(['.', '-']))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(SUGGESTED).map(|(_, _, tag)| tag.to_owned()).collect()
}

fn spans<'t>(image: &'t ImageTimeline, tag: Option<&str>) -> Vec<&'t Span> {
    match tag {
        // A file without a tag `latest` has no such tag, though its first entry stands for it in counts.
        Some(tag) => image.tag(tag).iter().map(|(_, span)| span).collect(),
        None => image.any.iter().collect(),
    }
}

fn presence(timeline: &Timeline, name: &str, tag: Option<&str>) -> Presence {
    let Some(image) = timeline.images.get(name) else { return Presence::Unknown };
    match (image.any.last(), spans(image, tag).last()) {
        (None, _) => Presence::Unknown,
        (Some(Span { until: Some(until), .. }), _) => Presence::Gone(timeline.moment(*until).clone()),
        (_, None) => Presence::NoSuchTag,
        (_, Some(Span { until: Some(until), .. })) => Presence::Gone(timeline.moment(*until).clone()),
        _ => Presence::There,
    }
}

/// The newest problem of an image, unless it was read since.
fn standing_problem(timeline: &Timeline, name: &str) -> Option<(Moment, String)> {
    let stands = |problem: &&Problem| problem.image == name && problem.until.is_none();
    let problem = timeline.problems.iter().rev().find(stands)?;
    Some((timeline.moment(problem.moment).clone(), problem.reason.clone()))
}

fn find(timeline: &Timeline, name: &str, tag: Option<&str>, fits: &Fits) -> Option<Finding> {
    let image = timeline.images.get(name)?;
    let spans = spans(image, tag);
    let last = spans.last()?;
    let has = |span: &Span| fits.offered(span.offer) == Some(true);
    let found = match last.until {
        Some(until) => Verdict::Unknown(gone(timeline, tag, until, &spans, fits)),
        None => verdict(timeline, name, last, fits),
    };
    // Back along the spans that say the same without a gap.
    let mut since = *last;
    for span in spans.iter().rev().skip(1) {
        if span.until != Some(since.from) || fits.offered(span.offer) != fits.offered(last.offer) {
            break;
        }
        since = span;
    }
    let before = spans.iter().rev().find(|span| span.from < since.from);
    let or_before = match before {
        // While it could not be told, it may have been so.
        Some(before) => before.until == Some(since.from) && fits.offered(before.offer).is_none(),
        // Before the first look at a registry, too.
        None if timeline.rung == Rung::Published => true,
        // What a tag was earlier need not be known.
        None => {
            let is_whole = timeline.has_past_tags || tag.is_none_or(|tag| tag == "latest");
            !is_whole && image.any.first().is_some_and(|any| any.from != since.from)
        }
    };
    let lost = match found {
        Verdict::Yes => None,
        _ => lost(&spans, fits).map(|moment| timeline.moment(moment).clone()),
    };
    let latest = image.latest.last().filter(|span| span.until.is_none());
    let tags = if found == Verdict::Yes { telling_tags(image, tag, &has) } else { Vec::new() };
    Some(Finding {
        verdict: found,
        since: Some(Since { moment: timeline.moment(since.from).clone(), or_before }),
        lost,
        tags,
        latest: latest.and_then(|span| fits.offered(span.offer)),
        had: spans.iter().rev().find_map(|span| fits.offered(span.offer)) == Some(true),
        seen: seen(timeline, image, tag),
    })
}

/// When an image or a tag of it was looked at last. What is declared is all looked at at once.
fn seen(timeline: &Timeline, image: &ImageTimeline, tag: Option<&str>) -> Timestamp {
    let looked_at = match tag {
        Some(tag) => image.looked_at.get(tag).copied(),
        None => image.looked_at.get("latest").or_else(|| image.looked_at.values().max()).copied(),
    };
    looked_at.unwrap_or(timeline.source.head_at)
}

/// When a platform was lost: since when it is known to be gone. That it could not be told is no loss.
fn lost(spans: &[&Span], fits: &Fits) -> Option<MomentId> {
    let last = spans.iter().rposition(|span| fits.offered(span.offer) == Some(true))?;
    let mut until = spans[last].until;
    for span in &spans[last + 1..] {
        if until != Some(span.from) || fits.offered(span.offer).is_some() {
            break;
        }
        until = span.until;
    }
    until
}

/// That an image or a tag is gone, and how it stood then: when it had the platform, where it ever did.
fn gone(timeline: &Timeline, tag: Option<&str>, until: MomentId, spans: &[&Span], fits: &Fits) -> String {
    let day = |moment: MomentId| timeline.moment(moment).at.strftime("%Y-%m-%d");
    let what =
        if tag.is_some() { "this tag is declared no more" } else { "it is no official image any more" };
    let had = spans.last().and_then(|span| fits.offered(span.offer));
    // What a tag had before need not be known, nor what a registry served before it was asked.
    let gained = gained(spans, fits).filter(|_| tag.is_none() && timeline.rung == Rung::Declared);
    let then = match (had, lost(spans, fits), gained) {
        (_, Some(lost), Some(gained)) => {
            format!("it had the platform from {} to {}", day(gained), day(lost))
        }
        (Some(true), ..) => "it had the platform until then".to_owned(),
        (_, Some(lost), None) => format!("it had the platform until {}", day(lost)),
        (Some(false), None, _) => "it did not have the platform then".to_owned(),
        (None, None, _) => "what it had then is not known".to_owned(),
    };
    format!("{what} since {}; {then}", day(until))
}

/// When a platform was gained that was lost last: since when it was there without a break.
fn gained(spans: &[&Span], fits: &Fits) -> Option<MomentId> {
    let has = |span: &Span| fits.offered(span.offer) == Some(true);
    let last = spans.iter().rposition(|span| has(span))?;
    let mut from = spans[last].from;
    for span in spans[..last].iter().rev() {
        if span.until != Some(from) || !has(span) {
            break;
        }
        from = span.from;
    }
    Some(from)
}

/// The tags that have a platform: `latest` first, then the newest, of those the shortest.
fn telling_tags(image: &ImageTimeline, tag: Option<&str>, has: &impl Fn(&Span) -> bool) -> Vec<String> {
    if let Some(tag) = tag {
        return vec![tag.to_owned()];
    }
    let mut tags: Vec<_> = image.tags.iter().filter(|(_, span)| span.until.is_none() && has(span)).collect();
    tags.sort_by(|(a, x), (b, y)| {
        let key = |tag: &String, span: &Span| (tag != "latest", std::cmp::Reverse(span.from), tag.len());
        key(a, x).cmp(&key(b, y)).then_with(|| b.cmp(a))
    });
    tags.into_iter().map(|(tag, _)| tag.clone()).collect()
}

/// One answer out of two: what a registry served says more than what was declared, unless that came later, or is of
/// tags that no registry was asked about.
fn combine(
    platform: &Platform,
    declared: Option<Finding>,
    published: Option<Finding>,
    tag: Option<&str>,
    is_asked: &dyn Fn(&String) -> bool,
) -> Answer {
    // A platform that was declared once and that a registry never served was lost all the same.
    let losses = [&declared, &published].map(|finding| finding.as_ref()?.lost.clone());
    let lost = losses.into_iter().flatten().max_by_key(|moment| moment.at);
    let answer = |finding: Finding, rung: Rung, note: Option<String>| Answer {
        platform: platform.normalized(),
        lost: if finding.verdict == Verdict::No { lost.clone() } else { finding.lost },
        verdict: finding.verdict,
        rung: Some(rung),
        since: finding.since,
        tags: finding.tags,
        observed_at: Some(finding.seen),
        note,
    };
    match (declared, published) {
        (None, None) => nothing(platform),
        (Some(declared), None) => answer(declared, Rung::Declared, None),
        (None, Some(published))
            if published.verdict == Verdict::No && tag.is_none() && published.latest.is_none() =>
        {
            let reason = "a registry was asked about other tags than latest alone, which lack it";
            Answer { verdict: Verdict::Unknown(reason.into()), ..answer(published, Rung::Published, None) }
        }
        (None, Some(published)) => answer(published, Rung::Published, None),
        (Some(declared), Some(published)) => {
            let is_declared = declared.verdict == Verdict::Yes;
            match &published.verdict {
                Verdict::Yes => {
                    let note = (!is_declared).then(|| "its maintainers do not declare it".to_owned());
                    answer(published, Rung::Published, note)
                }
                Verdict::Unknown(_) if !is_declared && published.had => {
                    let reason = "a registry served it, and gave no answer when it was asked last; its maintainers do not declare it";
                    Answer {
                        verdict: Verdict::Unknown(reason.into()),
                        ..answer(published, Rung::Published, None)
                    }
                }
                Verdict::Unknown(reason) => {
                    let day = published.seen.strftime("%Y-%m-%d");
                    let note = format!("a registry was asked on {day}, and gave no answer: {reason}");
                    answer(declared, Rung::Declared, Some(note))
                }
                Verdict::No if is_declared && came_later(&declared, &published) => {
                    let note = "no registry was asked since it was declared".to_owned();
                    answer(declared, Rung::Declared, Some(note))
                }
                // What a registry served of some tags says nothing of the others.
                Verdict::No if is_declared && tag.is_none() && !declared.tags.iter().all(is_asked) => {
                    let note = match (declared.latest, published.latest) {
                        (Some(false), _) => "its tag latest lacks it",
                        (_, None) => "a registry was asked about other tags alone, which lack it",
                        (_, Some(_)) => "its tag latest lacks it at the registry",
                    };
                    let tags = declared.tags.iter().filter(|tag| !is_asked(tag)).cloned().collect();
                    answer(Finding { tags, ..declared }, Rung::Declared, Some(note.to_owned()))
                }
                Verdict::No => {
                    let note =
                        is_declared.then(|| "it is declared, but the registry did not serve it".to_owned());
                    answer(published, Rung::Published, note)
                }
            }
        }
    }
}

fn came_later(declared: &Finding, published: &Finding) -> bool {
    declared.since.as_ref().is_some_and(|since| since.moment.at > published.seen)
}
