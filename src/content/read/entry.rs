//! Entries of the catalogue, and what they are sorted under.

use std::collections::HashSet;
use std::str::FromStr;

use packageurl::PackageUrl;
use workson_oci::Reference;

use super::fields::{Fields, Line, Text, is_slug, lines_of};
use super::noting::{Noting, did_you_mean, nearest_or_all};
use super::yaml::{Node, Value};
use super::{Claim, Known};
use crate::content::{Category, ENTRY_FIELDS, Entry, Kind};

const SLUG: Line = Line::of(1, 64);

/// Reads an entry, and notes what it claims for itself alone. It is there where nothing was noted.
pub(super) fn entry(
    slug: &str,
    node: Node,
    known: &Known<'_>,
    noting: &mut Noting<'_>,
    claims: &mut Vec<Claim>,
) -> Option<Entry> {
    let mut fields = Fields::of(node, &ENTRY_FIELDS, noting)?;
    let name = fields.need_line("name", Line::of(1, 80), noting);
    let kind = fields.need_line("kind", SLUG, noting);
    let kind = kind.and_then(|kind| self::kind(&kind, noting));
    let description = fields.need_line("description", Line::sentence(20, 140), noting);
    let home = fields.need_url("home", noting);
    let categories = categories(&mut fields, known, noting);
    let source = fields.take_url("source", noting);
    let license = fields.take_line("license", Line::of(1, 200), noting);
    let license = license.and_then(|license| self::license(license, noting));
    let (images, images_at) = images(&mut fields, noting, claims);
    let packages = fields.take("packages");
    if images_at.is_none() && packages.is_none() {
        let hint = "`images` are what evidence is of; what has none names its `packages`".to_owned();
        noting.note(fields.spot, "it has neither `images` nor `packages`", hint);
    }
    let (purls, repology) = packages.map(|packages| self::packages(packages, noting)).unwrap_or_default();
    let aliases = fields.take_lines("aliases", 12, Line::of(1, 60), noting);
    let logo = fields.take_line("logo", SLUG, noting);
    if let Some(logo) = logo.as_ref().filter(|logo| !known.logos.contains(&logo.text)) {
        let hint = did_you_mean(&logo.text, known.logos.iter().map(String::as_str));
        let hint = hint.unwrap_or_else(|| "leave `logo` out where there is none".to_owned());
        noting.note(logo.spot, format!("there is no file logos/{}.svg", logo.text), hint);
    }
    for text in name.iter().chain(&aliases) {
        claims.push(Claim::name(&text.text, noting.at(text.spot)));
    }
    let text = |text: Option<Text>| text.map(|text| text.text);
    Some(Entry {
        slug: slug.to_owned(),
        name: text(name)?,
        kind: kind?,
        categories,
        description: text(description)?,
        home: Some(text(home)?),
        source: text(source),
        license: text(license),
        images,
        purls,
        repology,
        aliases: aliases.into_iter().map(|alias| alias.text).collect(),
        logo: text(logo),
        images_at: noting.at(images_at.unwrap_or(fields.spot)),
    })
}

fn kind(kind: &Text, noting: &mut Noting<'_>) -> Option<Kind> {
    let found = Kind::from_name(&kind.text);
    if found.is_none() {
        let hint = nearest_or_all(&kind.text, Kind::ALL.map(Kind::name));
        noting.note(kind.spot, format!("there is no kind {:?}", kind.text), hint);
    }
    found
}

fn categories(fields: &mut Fields, known: &Known<'_>, noting: &mut Noting<'_>) -> Vec<String> {
    let Some(node) = fields.need("categories", noting) else { return Vec::new() };
    let named = lines_of("categories", node, 3, SLUG, noting);
    if let Some(all) = known.categories {
        for category in &named {
            if !all.iter().any(|known| known.slug == category.text) {
                let hint = did_you_mean(&category.text, all.iter().map(|known| known.slug.as_str()));
                let hint = hint.unwrap_or_else(|| "categories.yaml lists those that there are".to_owned());
                noting.note(category.spot, format!("there is no category {:?}", category.text), hint);
            }
        }
    }
    named.into_iter().map(|category| category.text).collect()
}

fn license(license: Text, noting: &mut Noting<'_>) -> Option<Text> {
    match spdx::Expression::parse(&license.text) {
        Ok(_) => Some(license),
        Err(error) => {
            let part = license.text.get(error.span.clone()).unwrap_or_default();
            let what =
                format!("`license` {:?} is no SPDX expression: {} at {part:?}", license.text, error.reason);
            let hint = "https://spdx.org/licenses/ lists them, and LicenseRef-NAME is for others".to_owned();
            noting.note(license.spot, what, hint);
            None
        }
    }
}

/// The images, and where they stand.
fn images(
    fields: &mut Fields,
    noting: &mut Noting<'_>,
    claims: &mut Vec<Claim>,
) -> (Vec<Reference>, Option<super::noting::Spot>) {
    let Some(node) = fields.take("images") else { return (Vec::new(), None) };
    let spot = node.spot;
    let mut images = Vec::new();
    for text in lines_of("images", node, 20, Line::of(1, 255), noting) {
        let reference: Reference = match text.text.parse() {
            Ok(reference) => reference,
            Err(error) => {
                let hint = "an image is named like nginx or ghcr.io/owner/name".to_owned();
                noting.note(text.spot, format!("the image {:?}: {error}", text.text), hint);
                continue;
            }
        };
        let name = text.text.rsplit('/').next().unwrap_or_default();
        if name.contains([':', '@']) {
            let what =
                format!("{} names a tag or a digest, and an entry is of all of an image's tags", text.text);
            noting.note(text.spot, what, format!("write {}", reference.repository().familiar()));
            continue;
        }
        claims.push(Claim::image(&reference.repository().familiar(), noting.at(text.spot)));
        images.push(reference);
    }
    (images, Some(spot))
}

/// Package URLs, and the name at Repology.
fn packages(node: Node, noting: &mut Noting<'_>) -> (Vec<String>, Option<String>) {
    let is_empty = matches!(&node.value, Value::Fields(fields) if fields.is_empty());
    if is_empty {
        noting.note(node.spot, "`packages` has none", "leave the field out, or name one".to_owned());
    }
    let Some(mut fields) = Fields::of(node, &["purl", "repology"], noting) else { return Default::default() };
    let mut purls = Vec::new();
    for purl in fields.take_lines("purl", 50, Line::of(1, 255), noting) {
        if let Some(why) = refused_purl(&purl.text) {
            let hint = "a package URL is written like pkg:deb/debian/nginx, without a version".to_owned();
            noting.note(purl.spot, format!("{:?} is no package URL: {why}", purl.text), hint);
            continue;
        }
        purls.push(purl.text);
    }
    let repology = fields.take_line("repology", Line::of(1, 100), noting);
    let repology = repology.filter(|project| {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let mut bytes = project.text.bytes();
        let is_name = bytes.next().is_some_and(is_word) && bytes.all(|b| is_word(b) || b":+._-".contains(&b));
        if !is_name {
            let hint = "it is what comes behind repology.org/project/".to_owned();
            noting.note(project.spot, format!("{:?} is no name of Repology's", project.text), hint);
        }
        is_name
    });
    (purls, repology.map(|project| project.text))
}

/// Why a text is no package URL as content has them; none where it is one.
fn refused_purl(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix("pkg:") else {
        return Some("it does not begin with pkg:".to_owned());
    };
    let (kind, path) = rest.split_once('/').unwrap_or((rest, ""));
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_lowercase()) {
        return Some("behind pkg: comes the type of the package, in small letters".to_owned());
    }
    if path.contains(['@', '?', '#']) {
        return Some("a version, qualifiers or a path within the package are left out".to_owned());
    }
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~%+-".contains(&b))
    };
    if !path.split('/').all(is_part) {
        return Some(
            "its names are made of letters, digits and . _ ~ + -, other letters in percents".to_owned(),
        );
    }
    PackageUrl::from_str(text).err().map(|error| error.to_string())
}

/// Reads the list of categories.
pub(super) fn all_categories(node: Node, noting: &mut Noting<'_>) -> Vec<Category> {
    let Value::List(items) = node.value else {
        let what = format!("a list is expected here, and this is {}", node.value.kind());
        noting.note(node.spot, what, "each category is written like `- slug: database`".to_owned());
        return Vec::new();
    };
    if items.is_empty() {
        noting.note(node.spot, "there is no category", "an entry has at least one".to_owned());
    }
    let mut categories: Vec<Category> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for item in items {
        let Some(mut fields) = Fields::of(item, &["slug", "name", "description"], noting) else { continue };
        let slug = fields.need_line("slug", SLUG, noting);
        let name = fields.need_line("name", Line::of(2, 60), noting);
        let description = fields.need_line("description", Line::sentence(10, 140), noting);
        let Some(slug) = slug else { continue };
        if !is_slug(&slug.text) {
            let hint = "small letters, digits and single hyphens".to_owned();
            noting.note(slug.spot, format!("{:?} can't stand in an address", slug.text), hint);
        } else if !seen.insert(slug.text.clone()) {
            let hint = "each has a slug of its own".to_owned();
            noting.note(slug.spot, format!("there is another category {:?}", slug.text), hint);
        } else {
            // What is wrong with its name does not make its slug unknown.
            let text = |text: Option<Text>| text.map(|text| text.text).unwrap_or_default();
            categories.push(Category { slug: slug.text, name: text(name), description: text(description) });
        }
    }
    categories
}
