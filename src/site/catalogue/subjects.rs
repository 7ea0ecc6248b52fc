//! What has an entry: what people wrote about, and every image that is known.

use std::collections::HashSet;

use super::slug_of;
use crate::catalog::check::Evidence;
use crate::content::{self, Content};

/// What is to have an entry, before evidence is asked.
pub(super) struct Subject {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) about: Option<content::Entry>,
    pub(super) image: String,
}

/// What people wrote about, and every image that is known and that nobody wrote about.
pub(super) fn subjects(content: &Content, evidence: &Evidence<'_>) -> Vec<Subject> {
    let mut subjects = Vec::new();
    let (mut slugs, mut written) = (HashSet::new(), HashSet::new());
    for entry in content.entries.values() {
        let images: Vec<String> =
            entry.images.iter().map(|reference| reference.repository().familiar()).collect();
        let image = images.first().cloned().unwrap_or_else(|| entry.slug.clone());
        written.extend(images);
        slugs.insert(entry.slug.clone());
        let (slug, name) = (entry.slug.clone(), entry.name.clone());
        subjects.push(Subject { slug, name, about: Some(entry.clone()), image });
    }
    for timeline in [evidence.declared, evidence.published].into_iter().flatten() {
        for (image, _) in timeline.images.iter().filter(|(_, image)| !image.any.is_empty()) {
            if !written.insert(image.clone()) {
                continue;
            }
            let mut slug = slug_of(image);
            if slug.is_empty() {
                // A name without a letter that addresses have.
                slug.push_str("image");
            }
            while !slugs.insert(slug.clone()) {
                slug.push_str("-image");
            }
            subjects.push(Subject { slug, name: image.clone(), about: None, image: image.clone() });
        }
    }
    subjects
}
