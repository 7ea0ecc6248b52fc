//! What happened, and how far behind amd64 platforms came.

use std::collections::HashMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use workson_oci::Platform;

use super::super::route::Standing;
use super::Catalogue;
use crate::catalog::check::Evidence;
use crate::catalog::log::{Filter, Happening, events};
use crate::evidence::Rung;
use crate::timeline::By;

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

/// A month in which something changed, UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// The year.
    pub year: i16,
    /// The month, from 1 on.
    pub month: i8,
    /// Its changes: places in [`Catalogue::changes`].
    pub changes: Range<usize>,
}

impl Catalogue {
    /// The months (UTC) in which something changed, the newest first.
    pub fn months(&self) -> &[Month] {
        &self.months
    }

    /// The changes of one month (UTC): places in [`Catalogue::changes`]. None where nothing changed.
    pub fn month(&self, year: i16, month: i8) -> Option<Range<usize>> {
        let found = self.months.iter().find(|found| (found.year, found.month) == (year, month))?;
        Some(found.changes.clone())
    }

    fn add_months(&mut self) {
        for (at, change) in self.changes.iter().enumerate() {
            let date = change.at.to_zoned(TimeZone::UTC).date();
            let (year, month) = (date.year(), date.month());
            match self.months.last_mut() {
                Some(last) if (last.year, last.month) == (year, month) => last.changes.end = at + 1,
                _ => self.months.push(Month { year, month, changes: at..at + 1 }),
            }
        }
    }

    pub(super) fn add_changes(&mut self, evidence: &Evidence<'_>) {
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
        self.add_months();
        self.add_behind();
    }

    /// How long after amd64 each entry came to each platform.
    fn add_behind(&mut self) {
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
}
