//! For a tag that lacks a platform: the nearest tag that has it, where one is cheap to find.

use workson_oci::platform::Matcher;
use workson_oci::resolution::Resolution;
use workson_oci::{Platform, Reference, tag};

use crate::client::Client;
use crate::error::{Error, Kind};

/// How many tags are looked at, one manifest each.
const MAX_LOOKS: usize = 6;

/// A tag that has the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestTag {
    /// The reference with that tag, and without a digest.
    pub reference: Reference,
    /// The platform that an engine would take there.
    pub platform: Platform,
    /// Whether this was read from the image itself, and not from Docker Hub's metadata.
    pub from_manifest: bool,
}

impl Client {
    /// Looks for the tag nearest to `reference` that has an image for `matcher`: of the same flavour
    /// (`-alpine`) and nearest in version first. On Docker Hub one call of its web API tells; elsewhere the
    /// tags are listed and the nearest few are looked at.
    ///
    /// # Errors
    /// Where tags can't be listed. Tags that can't be read are passed over.
    pub async fn nearest_tag(
        &self,
        reference: &Reference,
        matcher: &Matcher,
    ) -> Result<Option<NearestTag>, Error> {
        let asked = reference.tag().unwrap_or("latest");
        let on_hub = reference.repository().registry() == "docker.io"
            && !self.options().mirrors.contains_key("docker.io");
        if on_hub && let Ok(found) = self.nearest_on_hub(reference, asked, matcher).await {
            return Ok(found);
        }
        let tags = self.tags(reference.repository()).await?;
        for name in by_nearness(asked, tags).into_iter().take(MAX_LOOKS) {
            let Ok(candidate) = reference.repository().with_tag(&name) else { continue };
            match self.image(&candidate, false).await {
                Ok(answer) => {
                    if let Some(chosen) = Resolution::of(&answer.image, matcher).chosen {
                        let platform = answer.image.platforms[chosen].platform.normalized();
                        return Ok(Some(NearestTag { reference: candidate, platform, from_manifest: true }));
                    }
                }
                // No pull is left: what is left to look at costs one each.
                Err(error) if matches!(error.kind(), Kind::RateLimited | Kind::BudgetSpent) => {
                    return Ok(None);
                }
                Err(_) => {}
            }
        }
        Ok(None)
    }

    async fn nearest_on_hub(
        &self,
        reference: &Reference,
        asked: &str,
        matcher: &Matcher,
    ) -> Result<Option<NearestTag>, Error> {
        let tags = self.hub_tags(reference.repository()).await?;
        let names = by_nearness(asked, tags.iter().map(|tag| tag.name.clone()).collect());
        let found = names.iter().find_map(|name| {
            let tag = tags.iter().find(|tag| tag.name == *name)?;
            let platform = tag.platforms.iter().find(|platform| matcher.matches(platform))?;
            let reference = reference.repository().with_tag(name).ok()?;
            Some(NearestTag { reference, platform: platform.normalized(), from_manifest: false })
        });
        Ok(found)
    }
}

/// The other tags, the nearest first: those of the same flavour by their distance in the order of versions
/// (newer before older), then `latest`, then the rest, newest first.
fn by_nearness(asked: &str, mut tags: Vec<String>) -> Vec<String> {
    if !tags.iter().any(|tag| tag == asked) {
        tags.push(asked.to_owned());
    }
    tags.sort_by(|a, b| tag::newest_first(a, b));
    let flavour = tag::flavour(asked);
    let same: Vec<&String> = tags.iter().filter(|tag| tag::flavour(tag) == flavour).collect();
    let own = same.iter().position(|tag| *tag == asked).unwrap_or(0);
    let distance = |name: &String| match same.iter().position(|tag| *tag == name) {
        // Twice the distance, and one more for the older of two equally far.
        Some(at) => 2 * at.abs_diff(own) + usize::from(at > own),
        None if name == "latest" => usize::MAX - 1,
        None => usize::MAX,
    };
    let mut near: Vec<String> = tags.iter().filter(|tag| *tag != asked).cloned().collect();
    near.sort_by_cached_key(distance);
    near
}

#[cfg(test)]
mod tests {
    use super::by_nearness;

    #[test]
    fn same_flavour_and_nearest_version_come_first() {
        let tags = ["1.0", "1.1", "1.1-alpine", "1.2", "1.3-alpine", "1.4", "latest", "stable"];
        let near = by_nearness("1.2", tags.map(String::from).to_vec());
        assert_eq!(near, ["1.4", "1.1", "1.0", "latest", "1.3-alpine", "1.1-alpine", "stable"]);
        let near = by_nearness("2-alpine", tags.map(String::from).to_vec());
        assert_eq!(near[..3], ["1.3-alpine", "1.1-alpine", "latest"]);
    }
}
