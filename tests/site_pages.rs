//! The pages of the site: their bounds, what must not be in them, and that every link leads somewhere.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;
mod site_support;

use std::collections::{BTreeMap, HashSet};

use jiff::{Timestamp, ToSpan};
use site_support::html;
use workson::catalog::check::Evidence;
use workson::catalog::verified::Verified;
use workson::content::{Content, File};
use workson::evidence::Rung;
use workson::site::{Base, Route, Site};
use workson::timeline::{Offer, Recorder, Source, Timeline};
use workson_oci::Platform;

fn bundled() -> Site {
    let timeline = Timeline::bundled().unwrap();
    let (content, problems) = Content::read(&Content::bundled());
    assert_eq!(problems, []);
    site(&timeline, content)
}

fn site(timeline: &Timeline, content: Content) -> Site {
    let evidence = Evidence { declared: Some(timeline), published: None };
    let base = Base::read("https://workson.example/below").unwrap();
    Site::new(base, content, &evidence, &Verified::default())
}

const ARCHITECTURES: [&str; 18] = [
    "amd64", "arm64", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64", "arm", "mips", "mipsle",
    "mips64", "ppc64", "sparc64", "alpha", "sh4", "hppa", "m68k",
];

/// One bit an architecture.
fn offer(recorder: &mut Recorder, bits: u32) -> Offer {
    let platform = |architecture: &str| Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        ..Platform::default()
    };
    let chosen = ARCHITECTURES.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
    let set = recorder.set(chosen.map(|(_, architecture)| platform(architecture)).collect());
    Offer { set, is_whole: true }
}

/// Ten thousand images of eighteen platforms that came over two years, some of which lost one or went, with many
/// tags that all stand otherwise; names as bad as names may be.
fn many(images: u32) -> Timeline {
    let mut recorder = Recorder::new(Rung::Declared);
    let begin: Timestamp = "2021-01-03T00:00:00Z".parse().unwrap();
    let mut at = begin;
    for number in 0..images {
        at = begin.checked_add(i64::from(number * 2).hours()).unwrap();
        let moment = recorder.moment(at, &format!("{number:040x}"));
        let image = format!("group{}/some-image-or-other-{number}", number % 7);
        let whole = offer(&mut recorder, 0x3ffff);
        let tags = (0..60_u32).filter(|_| number % 100 == 0);
        let mut offered: Vec<_> =
            tags.map(|tag| (format!("tag-{tag:02}"), offer(&mut recorder, 0x15a5a ^ (tag * 37)))).collect();
        offered.push(("latest".to_owned(), whole));
        offered.sort_by(|a, b| a.0.cmp(&b.0));
        recorder.saw(&image, moment, whole, whole, offered);
        if number > 50 && number % 9 == 0 {
            let earlier = format!("group{}/some-image-or-other-{}", (number - 45) % 7, number - 45);
            let less = offer(&mut recorder, 0x00ff);
            recorder.saw(&earlier, moment, less, less, vec![("latest".to_owned(), less)]);
            recorder
                .removed(&format!("group{}/some-image-or-other-{}", (number - 51) % 7, number - 51), moment);
        }
    }
    let moment = recorder.moment(at, "run <1>");
    let nothing = Offer { set: recorder.set(Vec::new()), is_whole: false };
    recorder.saw("a<script>alert(1)</script>\"'&", moment, nothing, nothing, Vec::new());
    recorder.refused("unreadable", moment, "line 1: <b>no</b>".into());
    recorder.finish(Source {
        name: "https://example.org/<made-up>".into(),
        head: "f".repeat(40),
        head_at: at,
        read: 10_000,
        changes: 10_000,
        tool: "0".into(),
    })
}

fn is_page(route: &Route) -> bool {
    route.path().ends_with('/') || *route == Route::NotFound
}

/// Those whose documents belong to other parts of the site: here they only have to be addresses.
fn is_document(route: &Route) -> bool {
    matches!(
        route,
        Route::Feed { .. }
            | Route::Badge { .. }
            | Route::Api(_)
            | Route::Csv
            | Route::Sqlite
            | Route::Calendar
            | Route::OpenSearch
            | Route::SearchIndex
    )
}

/// What is wrong with a page.
fn faults(site: &Site, route: &Route, seen: &mut HashSet<String>) -> Vec<String> {
    let Some(page) = site.render(route) else { return vec!["it is not there".to_owned()] };
    let html = String::from_utf8(page.bytes).unwrap();
    let mut faults = html::faults(&html);
    let ids = html::values(&html, "id");
    for link in ["href", "src", "action", "data-index"].into_iter().flat_map(|name| html::values(&html, name))
    {
        let is_outside = link.starts_with("http") && !link.starts_with("https://workson.example/below");
        if is_outside || !seen.insert(link.to_owned()) {
            continue;
        }
        if let Some(id) = link.strip_prefix('#') {
            seen.remove(link);
            if !ids.contains(&id) {
                faults.push(format!("no such place: {link}"));
            }
            continue;
        }
        let path = link.trim_start_matches("https://workson.example").strip_prefix("/below");
        match path.and_then(Route::parse) {
            None => faults.push(format!("no address: {link}")),
            Some(route) if is_document(&route) => {}
            // Rendering each of thousands tells no more.
            Some(Route::Entry(slug)) if site.catalogue.entry(&slug).is_some() => {}
            Some(route) if site.render(&route).is_none() => faults.push(format!("leads nowhere: {link}")),
            Some(_) => {}
        }
    }
    faults.iter().map(|fault| format!("{}: {fault}", route.path())).collect()
}

fn all_faults(site: &Site, routes: &[Route]) -> Vec<String> {
    let mut seen = HashSet::new();
    routes.iter().flat_map(|route| faults(site, route, &mut seen)).collect()
}

#[test]
fn pages_of_the_official_images_are_small_and_whole() {
    let site = bundled();
    let routes: Vec<Route> = site.routes().into_iter().filter(is_page).collect();
    assert!(routes.len() > 400, "{}", routes.len());
    assert_eq!(all_faults(&site, &routes), [""; 0]);
}

#[test]
fn pages_of_ten_thousand_images_are_small_and_whole() {
    let timeline = many(10_000);
    let site = site(&timeline, Content::default());
    assert_eq!(site.catalogue.entries.len(), 10_002);
    let mut number: BTreeMap<String, usize> = BTreeMap::new();
    let mut sampled = |route: &Route| {
        let path = route.path();
        let kind = path.split('/').nth(1).unwrap_or_default().to_owned();
        let (first, every) = match kind.as_str() {
            "entry" => (20, 400),
            "compare" => (20, 900),
            "explore" | "kind" | "platform" => (4, 60),
            _ => (400, 400),
        };
        let number = number.entry(kind).or_default();
        *number += 1;
        *number <= first || number.is_multiple_of(every)
    };
    let routes: Vec<Route> =
        site.routes().into_iter().filter(is_page).filter(|route| sampled(route)).collect();
    let strange = [
        "unreadable",
        "a-script-alert-1-script",
        "group0-some-image-or-other-700",
        "group3-some-image-or-other-3",
    ];
    let strange = strange.map(|slug| Route::Entry(slug.to_owned()));
    let routes = [&routes[..], &strange].concat();
    assert_eq!(all_faults(&site, &routes), [""; 0]);
    let index = site.render(&Route::SearchIndex).unwrap();
    assert!(index.bytes.len() < 1_250_000, "{}", index.bytes.len());
}

#[test]
fn a_text_from_outside_is_no_markup() {
    let site = site(&many(10), Content::default());
    let page = site.render(&Route::Entry("a-script-alert-1-script".into())).unwrap();
    let html = String::from_utf8(page.bytes).unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("a&#60;script&#62;"), "{html}");
    let method = String::from_utf8(site.render(&Route::Method).unwrap().bytes).unwrap();
    assert!(method.contains("line 1: &#60;b&#62;no"), "{method}");
}

#[test]
fn what_was_over_when_the_newest_issue_came_out_is_past() {
    let event = |name: &str, day: &str| {
        File {
        path: format!("events/{name}.yaml"),
        bytes: format!(
            "name: {name} days\nstarts: \"{day}\"\nends: \"{day}\"\nplace: Brussels, Belgium\nlink: https://a.example/\ndescription: A weekend of developers.\n"
        )
        .into_bytes(),
    }
    };
    let issue = "---\ntitle: Issue one\ndate: \"2021-02-10\"\nsummary: What changed in the last days.\n---\n";
    let issue = File { path: "news/2021-02-10-one.md".into(), bytes: issue.as_bytes().to_vec() };
    // The data ends on 2021-01-03.
    let mut files =
        vec![event("early", "2021-01-02"), event("between", "2021-02-09"), event("late", "2021-02-10")];
    let coming = |files: &[File]| {
        let (content, problems) = Content::read(files);
        assert_eq!(problems, []);
        let page = site(&many(10), content).render(&Route::Events).unwrap();
        let html = String::from_utf8(page.bytes).unwrap();
        let (coming, _) = html.split_once("<h2>Past</h2>").unwrap();
        ["early days", "between days", "late days"].map(|name| coming.contains(name))
    };
    assert_eq!(coming(&files), [false, true, true]);
    files.push(issue);
    assert_eq!(coming(&files), [false, false, true]);
}

#[test]
fn a_number_and_its_noun_agree() {
    let method = |images| {
        let page = site(&many(images), Content::default()).render(&Route::Method).unwrap();
        String::from_utf8(page.bytes).unwrap()
    };
    let html = method(10);
    let told = html.lines().find(|line| line.contains("no verdict on any platform")).unwrap();
    let number = told.trim_start_matches("<p class=\"warn\">").trim_start_matches("<p>");
    let number = number.split(' ').next().unwrap();
    assert_eq!(
        told.contains(" entry has no verdict") && told.contains("nothing of it could"),
        number == "1",
        "{told}"
    );
    assert_eq!(told.contains(" entries have no verdict"), number != "1", "{told}");
}

#[test]
fn what_is_not_there_has_no_page() {
    let site = bundled();
    for path in [
        "/entry/nothing/",
        "/explore/99/",
        "/platform/nothing/",
        "/changes/1999-01/",
        "/news/nothing/",
        "/calls/nothing/",
    ] {
        let route = Route::parse(path).unwrap();
        assert_eq!(site.render(&route), None, "{path}");
    }
    let same = Route::ComparePair("linux-arm64".into(), "linux-arm64".into(), 1);
    assert_eq!(site.render(&same), None);
}

#[test]
fn a_site_of_files_leads_to_no_page_of_a_service() {
    let (mut content, _) = Content::read(&Content::bundled());
    content.calls.push(site_support::call());
    let site = site(&Timeline::bundled().unwrap(), content);
    for route in site.routes().iter().filter(|route| is_page(route)) {
        let html = String::from_utf8(site.render(route).unwrap().bytes).unwrap();
        for link in ["href", "action"].into_iter().flat_map(|name| html::values(&html, name)) {
            let route = link.strip_prefix("/below").and_then(|link| Route::parse(link.split('?').next()?));
            assert!(!matches!(route, Some(Route::Service(_))), "{link}");
        }
    }
    assert!(site.routes().iter().all(|route| !matches!(route, Route::Service(_))));
}
