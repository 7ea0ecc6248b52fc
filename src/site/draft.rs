//! The draft of the newsletter's next issue: what really changed, for people to edit.

mod evidence;
mod happenings;
mod names;
mod platform;

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use workson_oci::Platform;

use self::happenings::Happenings;
use self::names::{Names, plain, quoted};
use self::platform::{Difference, Standings};
use super::{Route, Site};
use crate::catalog::check::Evidence;
use crate::catalog::log::Filter;
use crate::evidence::Rung;
use crate::timeline::Timeline;

/// How many names stand in one sentence of the platform that an issue is about, and of the others.
const NAMES: usize = 150;
const NAMES_OF_OTHERS: usize = 20;
/// How many coming events are named.
const EVENTS: usize = 12;

/// What an issue tells of: all that was later than `since`, up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// What the issue before told of what maintainers declare, and whose counts are compared with.
    pub since: Timestamp,
    /// What the issue before told of what registries served and what was verified.
    pub seen_since: Timestamp,
    /// How far what maintainers declare is told, where it is known as far. What registries served and what was verified
    /// is told as far as it is known.
    pub until: Timestamp,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What its file may be called, without `.md`: it begins with the issue's date.
    pub slug: String,
    /// The text of the file.
    pub text: String,
}

impl Site {
    /// The draft of issue `number`. Counts, gains and losses are those of what maintainers declare; none where that
    /// is not known.
    pub fn draft(&self, evidence: &Evidence<'_>, period: Period, number: usize) -> Option<Draft> {
        let declared = evidence.declared?;
        let names = Names::new(&self.catalogue);
        let told = period.until.min(declared.source.head_at);
        let writing = Writing { site: self, declared, published: evidence.published, period, told, names };
        Some(writing.draft(number))
    }
}

struct Writing<'a> {
    site: &'a Site,
    declared: &'a Timeline,
    published: Option<&'a Timeline>,
    period: Period,
    /// How far what maintainers declare is told.
    told: Timestamp,
    names: Names<'a>,
}

impl Writing<'_> {
    fn draft(&self, number: usize) -> Draft {
        let (then, now, told) = (day(self.period.since), day(self.period.until), day(self.told));
        let date = self.date();
        let platforms = platform::of(self.site, self.declared, self.period.since);
        let standings: Vec<Standings> =
            platforms.iter().map(|platform| Standings::new(self.declared, platform, self.period)).collect();
        let lead = platforms.iter().zip(&standings).find(|(platform, _)| platform.format() == "linux/arm64");
        let (was, is) = lead.map(|(_, lead)| (lead.then(), lead.now())).unwrap_or_default();
        let title = format!("Issue {number}: {is} official images support linux/arm64");
        let summary = match self.told > self.period.since {
            true => format!(
                "From {then} to {told} linux/arm64 went from {was} to {is} of Docker's official images, by what their maintainers declare."
            ),
            false => format!(
                "What registries serve and what was verified, as of {now}; {is} of Docker's official images have linux/arm64, by what their maintainers declared up to {told}."
            ),
        };
        let mut text = format!(
            "---\ntitle: {}\ndate: \"{date}\"\nsummary: {}\nuntil: \"{}\"\n",
            quoted(&title),
            quoted(&summary),
            self.told
        );
        if let Some(seen) = self.seen() {
            let _ = writeln!(text, "seen: \"{seen}\"");
        }
        text.push_str("---\n\n");
        let method = Route::Method.path();
        let _ = writeln!(
            text,
            "This is what changed since {then}, as far as it was known on {now}. Counts, gains and losses are those of what\n\
             maintainers [declare]({method}): an image supports a platform if any of its tags has it.\n"
        );
        if told < now {
            let _ =
                writeln!(text, "What they declare is known up to {told}; what came later is not in these.\n");
        }
        self.count(&mut text, &platforms, &standings);
        if let Some((platform, standings)) = lead {
            self.lead(&mut text, platform, standings);
        }
        self.came_and_went(&mut text, &standings);
        self.others(&mut text, &platforms, &standings);
        self.published(&mut text);
        self.verified(&mut text);
        self.events(&mut text, date);
        self.sources(&mut text);
        Draft { slug: format!("{date}-issue-{number}"), text }
    }

    /// The issue's date: the day up to which it tells, or the one after the newest issue, whichever is later. So issues
    /// stand in the order in which they were written, and no event is coming that was over before the newest one.
    fn date(&self) -> Date {
        let newest = self.site.content.news.iter().map(|issue| issue.date).max();
        let after = newest.map(|date| date.tomorrow().unwrap_or(date));
        after.map_or(day(self.period.until), |after| after.max(day(self.period.until)))
    }

    /// How far what registries served and what was verified is known: to the second, and not before it.
    fn seen(&self) -> Option<Timestamp> {
        let published = self.published.map(|published| published.source.head_at);
        let seen = published.max(self.site.catalogue.verified_at)?;
        let rounding = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil);
        Some(seen.round(rounding).unwrap_or(seen))
    }

    fn platform(&self, platform: &Platform) -> String {
        let name = platform.format();
        match self.site.catalogue.columns.iter().find(|column| column.name == name) {
            Some(column) => format!("[{name}]({})", Route::Platform(column.slug.clone()).path()),
            None => plain(&name),
        }
    }

    fn count(&self, text: &mut String, platforms: &[Platform], standings: &[Standings]) {
        let (then, now) = (day(self.period.since), day(self.told));
        let _ = writeln!(text, "## The count\n\n| Platform | {then} | {now} | Change |\n|---|---|---|---|");
        for (platform, standings) in platforms.iter().zip(standings) {
            let (was, is) = (standings.then(), standings.now());
            let change = is.yes as i64 - was.yes as i64;
            let _ = writeln!(text, "| {} | {was} | {is} | {change:+} |", self.platform(platform));
        }
        let unknown =
            standings.iter().any(|standings| standings.then().unknown + standings.now().unknown > 0);
        if unknown {
            text.push_str("\nWhat can't be told is counted as neither.\n");
        }
        text.push('\n');
    }

    fn lead(&self, text: &mut String, platform: &Platform, standings: &Standings) {
        let dates = self.dates(self.declared, platform);
        let name = platform.format();
        let differing = |difference| standings.differing(difference);
        let (lacking, untold) = standings.lacking();
        let list = |text: &mut String, words: &str, images: Vec<String>| {
            let start = format!("{words} ({}): ", images.len());
            self.paragraph(text, &start, &dates.dated(images), NAMES, "");
        };
        let _ = writeln!(text, "## Gained {name}\n");
        let before = text.len();
        list(text, "Images that were there before", differing(Difference::Gained));
        list(text, "New images that have it", differing(Difference::CameWith));
        list(text, "Known to have it, which could not be told before", differing(Difference::Told));
        list(text, "Lost it and has it again", dates.in_between(standings, true));
        if text.len() == before {
            text.push_str("No image.\n\n");
        }
        let _ = writeln!(text, "## Lost {name}\n");
        let before = text.len();
        list(text, "Images that are still there", differing(Difference::Lost));
        list(text, "Images that are gone", differing(Difference::WentWith));
        list(text, "Gained it since, and lost it again", dates.in_between(standings, false));
        list(text, "Had it, and it can't be told now", differing(Difference::Untold));
        if text.len() == before {
            text.push_str("No image.\n\n");
        }
        let _ = writeln!(text, "## Still without {name}\n");
        let undated = |images: Vec<String>| images.into_iter().map(|image| (image, None)).collect::<Vec<_>>();
        let start = format!("{}: ", lacking.len());
        self.paragraph(text, &start, &undated(lacking), NAMES, "No image.");
        let start = format!("It can't be told of {}: ", untold.len());
        self.paragraph(text, &start, &undated(untold), NAMES, "");
    }

    fn came_and_went(&self, text: &mut String, standings: &[Standings]) {
        let Some(standings) = standings.first() else { return };
        let dates = self.comings();
        let came = dates.dated(standings.came());
        let went = dates.dated(standings.went());
        let _ = writeln!(text, "## New and gone\n");
        self.paragraph(text, &format!("New images ({}): ", came.len()), &came, NAMES, "No image came.");
        self.paragraph(
            text,
            &format!("Images that are gone ({}): ", went.len()),
            &went,
            NAMES,
            "No image went.",
        );
    }

    fn others(&self, text: &mut String, platforms: &[Platform], standings: &[Standings]) {
        let others =
            platforms.iter().zip(standings).filter(|(platform, _)| platform.format() != "linux/arm64");
        let mut written = String::new();
        for (platform, standings) in others {
            let dates = self.dates(self.declared, platform);
            let gained = dates.dated(standings.differing(Difference::Gained));
            let lost = dates.dated(standings.differing(Difference::Lost));
            if gained.is_empty() && lost.is_empty() {
                continue;
            }
            let _ = writeln!(written, "### {}\n", platform.format());
            let most = NAMES_OF_OTHERS;
            self.paragraph(&mut written, &format!("Gained it ({}): ", gained.len()), &gained, most, "");
            self.paragraph(&mut written, &format!("Lost it ({}): ", lost.len()), &lost, most, "");
        }
        if !written.is_empty() {
            let _ = write!(
                text,
                "## Other platforms\n\nOf the images that were there before and still are:\n\n{written}"
            );
        }
    }

    fn events(&self, text: &mut String, date: Date) {
        let _ = writeln!(text, "## Coming events\n");
        let coming: Vec<_> =
            self.site.content.events.iter().filter(|event| event.ends > date).take(EVENTS).collect();
        for event in &coming {
            let days = match event.starts == event.ends {
                true => event.starts.to_string(),
                false => format!("{} to {}", event.starts, event.ends),
            };
            let _ = writeln!(
                text,
                "- [{}](<{}>): {days}, {}",
                plain(&event.name),
                event.link,
                plain(&event.place)
            );
        }
        if coming.is_empty() {
            text.push_str("None is known.\n");
        }
        text.push('\n');
    }

    fn sources(&self, text: &mut String) {
        let (then, now) = (asked(self.period.since), day(self.told.max(self.period.since)));
        let source = &self.declared.source;
        let _ = writeln!(
            text,
            "## How to check\n\nThe declared facts are those of {} up to commit `{}`. Ask for them yourself:\n\n\
             ```sh\nworkson report --at {then}\nworkson report --at {now}\nworkson log --platform linux/arm64 --since {then} --at {now}\n```",
            plain(&source.name),
            source.head.get(..12).unwrap_or(&source.head)
        );
    }

    /// A paragraph with names, or what is said where there is none.
    fn paragraph(
        &self,
        text: &mut String,
        start: &str,
        images: &[(String, Option<Date>)],
        most: usize,
        none: &str,
    ) {
        let _ = match images {
            [] if none.is_empty() => return,
            [] => writeln!(text, "{none}\n"),
            images => writeln!(text, "{start}{}.\n", self.names.sentence(images, most)),
        };
    }

    /// What happened on a platform in the period.
    fn dates(&self, timeline: &Timeline, platform: &Platform) -> Happenings {
        let filter = Filter { platforms: vec![platform.clone()], ..self.filter(timeline) };
        Happenings::new(timeline, self.since(timeline), &filter)
    }

    /// When images came and went.
    fn comings(&self) -> Happenings {
        Happenings::new(self.declared, self.period.since, &self.filter(self.declared)).of_images()
    }

    /// What registries served is told as far as it is known.
    fn filter(&self, timeline: &Timeline) -> Filter {
        let until = (timeline.rung == Rung::Declared).then_some(self.period.until);
        Filter { since: Some(self.since(timeline)), until, ..Filter::default() }
    }

    /// What the issue before told of a timeline's rung.
    fn since(&self, timeline: &Timeline) -> Timestamp {
        if timeline.rung == Rung::Declared { self.period.since } else { self.period.seen_since }
    }
}

/// The day of an instant, UTC.
fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// An instant as a person types it: a day alone stands for its end.
fn asked(at: Timestamp) -> String {
    let next = at.to_zoned(TimeZone::UTC).datetime().round(Unit::Day);
    let is_end = next.is_ok_and(|next| {
        TimeZone::UTC.to_timestamp(next).is_ok_and(|next| next.duration_since(at).as_secs() == 1)
    });
    if is_end { day(at).to_string() } else { at.to_string() }
}
