//! What the site says is what the catalogue knows: counts, marks, changes, and one address for everything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use workson::catalog::Standing as Answers;
use workson::catalog::check::Evidence;
use workson::catalog::verified::Verified;
use workson::content::Content;
use workson::site::{Base, Route, Site, Standing};
use workson::timeline::{By, Timeline};

fn bundled(timeline: &Timeline) -> Site {
    let (content, problems) = Content::read(&Content::bundled());
    assert_eq!(problems, []);
    let evidence = Evidence { declared: Some(timeline), published: None };
    Site::new(Base::default(), content, &evidence, &Verified::default())
}

#[test]
fn a_platforms_counts_are_those_that_report_prints() {
    let timeline = Timeline::bundled().unwrap();
    let site = bundled(&timeline);
    for column in &site.catalogue.columns {
        let answers = Answers::of(&timeline, &column.platform, timeline.source.head_at);
        assert_eq!(column.count(Standing::Has), answers.supported(By::Any).count(), "{}", column.name);
        let without = column.count(Standing::Lacks) + column.count(Standing::Lost);
        assert_eq!(without, answers.lacking(By::Any).count(), "{}", column.name);
        assert_eq!(column.count(Standing::Unknown), answers.unknown(By::Any).count(), "{}", column.name);
        assert_eq!(column.series.last().unwrap().supported as usize, column.count(Standing::Has));
    }
    assert_eq!(site.catalogue.columns[0].name, "linux/arm64");
}

#[test]
fn every_image_that_ever_was_has_one_entry_and_every_entry_its_changes() {
    let timeline = Timeline::bundled().unwrap();
    let site = bundled(&timeline);
    let images: BTreeSet<&str> = site.catalogue.entries.iter().map(|entry| &*entry.image).collect();
    let known: BTreeSet<&str> = timeline
        .images
        .iter()
        .filter(|(_, image)| !image.any.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(known.is_subset(&images));
    assert_eq!(images.len(), site.catalogue.entries.len(), "no image has two entries");
    let slugs: BTreeSet<&str> = site.catalogue.entries.iter().map(|entry| &*entry.slug).collect();
    assert_eq!(slugs.len(), site.catalogue.entries.len());

    let of_entries: usize = site.catalogue.entries.iter().map(|entry| entry.changes.len()).sum();
    assert_eq!(of_entries, site.catalogue.changes.len());
    assert!(site.catalogue.changes.is_sorted_by(|a, b| a.at >= b.at), "the newest first");
    let in_months: usize = site.catalogue.months().iter().map(|month| month.changes.len()).sum();
    assert_eq!(in_months, site.catalogue.changes.len());
}

#[test]
fn an_entry_says_what_was_found_and_how_far_behind_amd64_it_came() {
    let timeline = Timeline::bundled().unwrap();
    let site = bundled(&timeline);
    let arm64 = site.catalogue.column("linux-arm64").unwrap();
    let amd64 = site.catalogue.column("linux-amd64").unwrap();
    let nginx = site.catalogue.entry("nginx").unwrap();
    assert_eq!(nginx.marks[arm64].word(), "yes");
    assert_eq!(nginx.behind[amd64], Some(0));
    assert!(nginx.behind[arm64].unwrap() > 365, "nginx was there for years before it came to arm64");
    assert!(nginx.tags.iter().any(|(tag, marks)| tag == "latest" && marks[arm64].word() == "yes"));
    let unit = site.catalogue.entry("unit").unwrap();
    assert_eq!((unit.marks[arm64].standing, unit.marks[arm64].word()), (Standing::Lost, "no"));
    assert!(unit.answers[arm64].lost.is_some());
    // What it has no more it is not behind with.
    for entry in &site.catalogue.entries {
        for (mark, behind) in entry.marks.iter().zip(&entry.behind) {
            assert!(behind.is_none() || mark.standing == Standing::Has, "{}", entry.slug);
        }
    }
}

fn page(site: &Site, slug: &str) -> String {
    String::from_utf8(site.render(&Route::Entry(slug.into())).unwrap().bytes).unwrap()
}

#[test]
fn the_page_of_what_is_gone_says_from_when_to_when_it_had_a_platform() {
    let timeline = Timeline::bundled().unwrap();
    let site = bundled(&timeline);
    let centos = page(&site, "centos");
    // `git log library/centos`: the last tag that named arm64v8 went some weeks before the file.
    assert!(centos.contains("No official image any more, since 2024-07-29"));
    assert!(centos.contains("it had the platform from 2017-09-14 to 2024-07-02"), "{centos}");
    assert!(!centos.contains("<td>2024-07-02</td>"), "nothing that is unknown has a since");
    for slug in ["unit", "plone"] {
        assert!(page(&site, slug).contains("Its file names no tag any more."), "{slug}");
    }
}

#[test]
fn every_route_of_the_site_is_read_back_from_its_address() {
    let timeline = Timeline::bundled().unwrap();
    let site = bundled(&timeline);
    let mut paths = BTreeSet::new();
    for route in site.routes() {
        let path = route.path();
        assert_eq!(Route::parse(&path).as_ref(), Some(&route), "{path}");
        assert!(paths.insert(path.clone()), "{path} twice");
        assert!(path.split('/').all(|name| name != ".." && name != "."), "{path}");
    }
}

#[test]
fn a_base_is_an_address_that_pages_can_be_below() {
    for (text, origin, path) in [
        ("https://workson.example", "https://workson.example", ""),
        ("https://workson.example/", "https://workson.example", ""),
        ("http://127.0.0.1:8017/a/b/", "http://127.0.0.1:8017", "/a/b"),
    ] {
        let base = Base::read(text).unwrap();
        assert_eq!((base.origin.as_deref(), &*base.path), (Some(origin), path));
    }
    for text in [
        "workson.example",
        "/path",
        "ftp://workson.example/",
        "mailto:a@b.example",
        "https://user:secret@workson.example/",
        "https://workson.example/?page=",
        "https://workson.example/#top",
        "https://",
        "",
    ] {
        let error = Base::read(text).unwrap_err().to_string();
        let is_told = error.starts_with(&format!("--base-url {text}: ")) || text.contains('@');
        assert!(is_told && !error.contains("secret"), "{error}");
    }
}

proptest! {
    #[test]
    fn no_address_is_read_as_a_route_that_has_another(path in "/([a-z0-9./-]{0,40}|[a-z]{3,9}/.{0,12}/?)") {
        if let Some(route) = Route::parse(&path) {
            prop_assert_eq!(route.path(), path);
        }
    }
}
