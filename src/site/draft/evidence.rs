//! What higher rungs than the declared one say.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::{NAMES_OF_OTHERS, Writing, day};
use crate::catalog::log::Happening;
use crate::evidence::{Rung, Verdict};

impl Writing<'_> {
    /// What registries were seen to gain and lose.
    pub(super) fn published(&self, text: &mut String) {
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
    pub(super) fn verified(&self, text: &mut String) {
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
                    .filter(|(_, seen)| *seen > self.period.seen_since)
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
}
