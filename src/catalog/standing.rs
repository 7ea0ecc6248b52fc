//! How many images support a platform at an instant, and which.

use jiff::Timestamp;
use workson_oci::Platform;
use workson_oci::platform::Matcher;

use crate::evidence::{Rung, Verdict};
use crate::timeline::{By, Offer, Span, Timeline};

/// Which sets of a timeline have a platform, matched strictly: an image for arm/v7 does not support arm64.
#[derive(Debug)]
pub struct Fits(Vec<bool>);

impl Fits {
    /// The sets of `timeline` that have `platform`.
    pub fn new(timeline: &Timeline, platform: &Platform) -> Fits {
        let matcher = Matcher::only_strict(platform);
        let fits = |set: &Vec<Platform>| set.iter().any(|offered| matcher.matches(offered));
        Fits(timeline.sets.iter().map(fits).collect())
    }

    /// Whether it is offered; none where that can't be told.
    pub fn offered(&self, offer: Offer) -> Option<bool> {
        match self.0.get(offer.set.0 as usize) {
            Some(true) => Some(true),
            _ if offer.is_whole => Some(false),
            _ => None,
        }
    }
}

/// The answer for one platform and all images that were there at an instant.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The instant.
    pub at: Timestamp,
    /// The platform, normalised.
    pub platform: Platform,
    /// What the answer proves.
    pub rung: Rung,
    /// The images by name.
    pub images: Vec<ImageStanding>,
}

/// The answer for one image.
#[derive(Debug, Clone)]
pub struct ImageStanding {
    /// Its name.
    pub name: String,
    /// Whether any of its tags has the platform.
    pub any: Verdict,
    /// Whether its tag `latest` has it.
    pub latest: Verdict,
}

impl ImageStanding {
    /// The verdict by which it is judged.
    pub fn verdict(&self, by: By) -> &Verdict {
        match by {
            By::Any => &self.any,
            By::Latest => &self.latest,
        }
    }
}

impl Standing {
    /// How `platform` stands in `timeline` at `at`.
    pub fn of(timeline: &Timeline, platform: &Platform, at: Timestamp) -> Standing {
        let fits = Fits::new(timeline, platform);
        let images = timeline.images.iter().filter_map(|(name, image)| {
            let any = timeline.span_at(&image.any, at)?;
            let latest = timeline.span_at(&image.latest, at);
            let verdict = |span: &Span| verdict(timeline, name, span, &fits);
            let none = || Verdict::Unknown("its tag latest was not looked at".into());
            Some(ImageStanding {
                name: name.clone(),
                any: verdict(any),
                latest: latest.map_or_else(none, verdict),
            })
        });
        Standing { at, platform: platform.normalized(), rung: timeline.rung, images: images.collect() }
    }

    /// The images that have the platform.
    pub fn supported(&self, by: By) -> impl Iterator<Item = &ImageStanding> {
        self.images.iter().filter(move |image| *image.verdict(by) == Verdict::Yes)
    }

    /// The images that have it not.
    pub fn lacking(&self, by: By) -> impl Iterator<Item = &ImageStanding> {
        self.images.iter().filter(move |image| *image.verdict(by) == Verdict::No)
    }

    /// The images of which it can't be told, each with the reason.
    pub fn unknown(&self, by: By) -> impl Iterator<Item = (&ImageStanding, &str)> {
        self.images.iter().filter_map(move |image| match image.verdict(by) {
            Verdict::Unknown(reason) => Some((image, reason.as_str())),
            _ => None,
        })
    }
}

/// What a span says of a platform.
pub fn verdict(timeline: &Timeline, image: &str, span: &Span, fits: &Fits) -> Verdict {
    match fits.offered(span.offer) {
        Some(true) => Verdict::Yes,
        Some(false) => Verdict::No,
        None => Verdict::Unknown(reason(timeline, image, span)),
    }
}

/// Why a span can't tell: the newest problem of the image while it stood.
fn reason(timeline: &Timeline, image: &str, span: &Span) -> String {
    let stood = |moment| moment >= span.from && span.until.is_none_or(|until| moment < until);
    let problem =
        timeline.problems.iter().rev().find(|problem| problem.image == image && stood(problem.moment));
    problem.map_or_else(|| "it was not looked at".into(), |problem| problem.reason.clone())
}
