//! The draft of the newsletter's next issue: what really changed, for people to edit.

mod platform;

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use workson_oci::Platform;

use self::platform::{Difference, Standings};
use super::{Catalogue, Route, Site};
use crate::catalog::check::Evidence;
use crate::catalog::log::{Event, Filter, Happening, events};
use crate::evidence::{Rung, Verdict};
use crate::timeline::{By, Timeline};

/// How many names stand in one sentence of the platform that an issue is about, and of the others.
const NAMES: usize = 150;
const NAMES_OF_OTHERS: usize = 20;
/// Up to how many names each stands with the day on which it happened.
const DATED: usize = 15;
/// How many coming events are named.
const EVENTS: usize = 12;

/// What an issue tells of: all that was later than `since`, up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The last second of the day whose counts are compared with.
    pub since: Timestamp,
    /// The last second of the last day that is known whole.
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
        let writing = Writing { site: self, declared, published: evidence.published, period, names };
        Some(writing.draft(number))
    }
}

struct Writing<'a> {
    site: &'a Site,
    declared: &'a Timeline,
    published: Option<&'a Timeline>,
    period: Period,
    names: Names<'a>,
}

/// What images are called, and where their pages are.
struct Names<'a>(HashMap<&'a str, (&'a str, &'a str)>);

impl<'a> Names<'a> {
    fn new(catalogue: &'a Catalogue) -> Names<'a> {
        let of = |entry: &'a super::Entry| (entry.image.as_str(), (entry.name.as_str(), entry.slug.as_str()));
        Names(catalogue.entries.iter().rev().map(of).collect())
    }

    /// A link to an image's page.
    fn link(&self, image: &str) -> String {
        match self.0.get(image) {
            Some((name, slug)) => entry_link(name, slug),
            None => plain(image),
        }
    }

    /// Links to at most `most` images, by name, each with its day where it has one and they are few.
    fn sentence(&self, images: &[(String, Option<Date>)], most: usize) -> String {
        let shown = |image: &str| self.0.get(image).map_or(image, |(name, _)| name).to_lowercase();
        let mut images: Vec<_> = images.iter().collect();
        images.sort_by_cached_key(|(image, _)| shown(image));
        let is_dated = images.len() <= DATED;
        let link = |(image, date): &&(String, Option<Date>)| match date.filter(|_| is_dated) {
            Some(date) => format!("{} ({date})", self.link(image)),
            None => self.link(image),
        };
        let mut links: Vec<String> = images.iter().take(most).map(link).collect();
        if images.len() > most {
            links.push(format!("and {} more", images.len() - most));
        }
        links.join(", ")
    }
}

impl Writing<'_> {
    fn draft(&self, number: usize) -> Draft {
        let (then, now) = (day(self.period.since), day(self.period.until));
        let platforms = platform::of(self.site, self.declared, self.period.since);
        let standings: Vec<Standings> =
            platforms.iter().map(|platform| Standings::new(self.declared, platform, self.period)).collect();
        let lead = platforms.iter().zip(&standings).find(|(platform, _)| platform.format() == "linux/arm64");
        let (was, is) = lead.map(|(_, lead)| (lead.then(), lead.now())).unwrap_or_default();
        let title = format!("Issue {number}: {is} official images support linux/arm64");
        let summary = format!(
            "From {then} to {now} linux/arm64 went from {was} to {is} of Docker's official images, by what their maintainers declare."
        );
        let mut text = format!(
            "---\ntitle: {}\ndate: \"{now}\"\nsummary: {}\n---\n\n",
            quoted(&title),
            quoted(&summary)
        );
        let method = Route::Method.path();
        let _ = writeln!(
            text,
            "This is what changed between the end of {then} and the end of {now}, UTC. Counts, gains and losses are those of what\n\
             maintainers [declare]({method}): an image supports a platform if any of its tags has it.\n"
        );
        self.count(&mut text, &platforms, &standings);
        if let Some((platform, standings)) = lead {
            self.lead(&mut text, platform, standings);
        }
        self.came_and_went(&mut text, &standings);
        self.others(&mut text, &platforms, &standings);
        self.published(&mut text);
        self.verified(&mut text);
        self.events(&mut text, now);
        self.sources(&mut text, then, now);
        Draft { slug: format!("{now}-issue-{number}"), text }
    }

    fn platform(&self, platform: &Platform) -> String {
        let name = platform.format();
        match self.site.catalogue.columns.iter().find(|column| column.name == name) {
            Some(column) => format!("[{name}]({})", Route::Platform(column.slug.clone()).path()),
            None => plain(&name),
        }
    }

    fn count(&self, text: &mut String, platforms: &[Platform], standings: &[Standings]) {
        let (then, now) = (day(self.period.since), day(self.period.until));
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
        let of = |difference| dates.dated(standings.differing(difference));
        let gained = of(Difference::Gained);
        let _ = writeln!(text, "## Gained {name}\n");
        self.paragraph(text, "", &gained, NAMES, &format!("No image that was there before gained {name}."));
        let came = of(Difference::CameWith);
        self.paragraph(text, &format!("New images that have it ({}): ", came.len()), &came, NAMES, "");
        let told = of(Difference::Told);
        self.paragraph(text, "Known to have it, which could not be told before: ", &told, NAMES, "");
        let lost = of(Difference::Lost);
        let _ = writeln!(text, "## Lost {name}\n");
        self.paragraph(text, "", &lost, NAMES, &format!("No image that is still there lost {name}."));
        let went = of(Difference::WentWith);
        self.paragraph(
            text,
            &format!("Images that had it and are gone ({}): ", went.len()),
            &went,
            NAMES,
            "",
        );
        let untold = of(Difference::Untold);
        self.paragraph(text, "Had it, and it can't be told now: ", &untold, NAMES, "");
        let between = dates.dated(dates.others(standings));
        self.paragraph(text, "Gained and lost, or lost and regained, in between: ", &between, NAMES, "");
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

    /// What registries were seen to gain and lose.
    fn published(&self, text: &mut String) {
        let Some(published) = self.published else { return };
        let mut written = String::new();
        for column in &self.site.catalogue.columns {
            let dates = self.dates(published, &column.platform);
            for (word, happenings) in [
                ("Gained", [Happening::Gained, Happening::Regained]),
                ("Lost", [Happening::Lost, Happening::Lost]),
            ] {
                let images = dates.dated(dates.of(&happenings));
                let start = format!("{word} {}: ", column.name);
                self.paragraph(&mut written, &start, &images, NAMES_OF_OTHERS, "");
            }
        }
        if !written.is_empty() {
            let _ = write!(
                text,
                "## What registries serve\n\nSeen by asking registries, up to {}:\n\n{written}",
                day(published.source.head_at)
            );
        }
    }

    /// What reading the bytes found.
    fn verified(&self, text: &mut String) {
        let _ = writeln!(text, "## Verified\n");
        let mut is_any = false;
        for (at, column) in self.site.catalogue.columns.iter().enumerate() {
            for (verdict, words) in [(Verdict::Yes, "can start on"), (Verdict::No, "can't start on")] {
                let entries = self.site.catalogue.entries.iter();
                let found: Vec<(String, Option<Date>)> = entries
                    .filter(|entry| {
                        entry.answers[at].rung == Some(Rung::Verified) && entry.answers[at].verdict == verdict
                    })
                    .filter_map(|entry| Some((entry.image.clone(), entry.answers[at].observed_at?)))
                    .filter(|(_, seen)| *seen > self.period.since)
                    .map(|(image, seen)| (image, Some(day(seen))))
                    .collect();
                is_any |= !found.is_empty();
                let start = format!("What `latest` would run {words} {} ({}): ", column.name, found.len());
                self.paragraph(text, &start, &found, NAMES_OF_OTHERS, "");
            }
        }
        if !is_any {
            text.push_str("No image was verified since.\n\n");
        }
    }

    fn events(&self, text: &mut String, now: Date) {
        let _ = writeln!(text, "## Coming events\n");
        let coming: Vec<_> =
            self.site.content.events.iter().filter(|event| event.ends > now).take(EVENTS).collect();
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

    fn sources(&self, text: &mut String, then: Date, now: Date) {
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
        self.happenings(timeline, &filter)
    }

    /// When images came and went.
    fn comings(&self) -> Happenings {
        let mut happenings = self.happenings(self.declared, &self.filter(self.declared));
        happenings.0.retain(|(event, _)| event.platform.is_none());
        happenings
    }

    /// What registries served is told as far as it is known.
    fn filter(&self, timeline: &Timeline) -> Filter {
        let until = (timeline.rung == Rung::Declared).then_some(self.period.until);
        Filter { since: Some(self.period.since), until, ..Filter::default() }
    }

    fn happenings(&self, timeline: &Timeline, filter: &Filter) -> Happenings {
        let at = |event: &Event| timeline.moment(event.moment).at;
        let found = events(timeline, By::Any, filter).into_iter();
        Happenings(
            found
                .filter(|event| at(event) > self.period.since)
                .map(|event| (day(at(&event)), event))
                .map(|(date, event)| (event, date))
                .collect(),
        )
    }
}

/// What happened, in order of time, each with its day.
struct Happenings(Vec<(Event, Date)>);

impl Happenings {
    /// Images with the day on which something happened to each last.
    fn dated(&self, images: Vec<String>) -> Vec<(String, Option<Date>)> {
        let last = |image: &String| {
            self.0.iter().rev().find(|(event, _)| event.image == *image).map(|(_, date)| *date)
        };
        images.into_iter().map(|image| (image.clone(), last(&image))).collect()
    }

    /// The images to which one of these happened, and not because they came or went.
    fn of(&self, happenings: &[Happening]) -> Vec<String> {
        let is_such = |event: &Event| happenings.contains(&event.happening) && !event.with_image;
        let mut images: Vec<String> =
            self.0.iter().filter(|(event, _)| is_such(event)).map(|(event, _)| event.image.clone()).collect();
        images.sort();
        images.dedup();
        images
    }

    /// The images that stand as they did, to which something happened all the same.
    fn others(&self, standings: &Standings) -> Vec<String> {
        let mut images: Vec<String> = self.0.iter().map(|(event, _)| event.image.clone()).collect();
        images.sort();
        images.dedup();
        images.retain(|image| standings.is_as_before(image));
        images
    }
}

/// The day of an instant, UTC.
fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn entry_link(name: &str, slug: &str) -> String {
    format!("[{}]({})", plain(name), Route::Entry(slug.to_owned()).path())
}

/// Text as Markdown that means nothing but itself.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|~&!".contains(c) {
            plain.push('\\');
        }
        plain.push(if c.is_control() { ' ' } else { c });
    }
    plain
}

/// Text as YAML that means nothing but itself: its quoted texts hold all that JSON's do.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
