//! The tags of each entry.

use std::collections::BTreeMap;

use super::super::route::Standing;
use super::{Catalogue, Mark};
use crate::catalog::check::Evidence;
use crate::catalog::standing::Fits;
use crate::evidence::Rung;
use crate::timeline::ImageTimeline;

impl Catalogue {
    pub(super) fn add_tags(&mut self, evidence: &Evidence<'_>) {
        for timeline in [evidence.declared, evidence.published].into_iter().flatten() {
            let fits: Vec<_> =
                self.columns.iter().map(|column| Fits::new(timeline, &column.platform)).collect();
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

/// `latest` first, then the shortest names.
fn telling(tag: &str) -> (bool, usize) {
    (tag != "latest", tag.len())
}

fn standing_tags(image: &ImageTimeline, fits: &[Fits], rung: Rung) -> Vec<(String, Vec<Mark>)> {
    let standing = image.tags.iter().filter(|(_, span)| span.until.is_none());
    standing
        .map(|(tag, span)| {
            let mark = |fits: &Fits| Mark {
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
