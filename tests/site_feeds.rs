//! Feeds, the calendar, and what leads machines here: as independent readers understand them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;
mod site_support;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use site_support::{get, json as document, paths, read, text};
use workson::proposal::{Notice, State};
use workson::site::{Route, Site};

const AT: &str = "https://workson.example/on";

/// The texts at paths.
fn texts(site: &Site, paths: impl IntoIterator<Item = String>) -> BTreeMap<String, String> {
    paths.into_iter().map(|path| (path.clone(), text(site, &path))).collect()
}

fn strings<'a>(items: &'a Value, name: &str) -> Vec<&'a str> {
    items.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

/// The feeds that readers are shown: those of everything, of all platforms, and of some entries.
fn asked(path: &str) -> bool {
    path.starts_with("/feeds/")
        && (!path.starts_with("/feeds/entry/") || path.contains("/n") || path.contains("/written-"))
        && !path.ends_with(".json")
}

#[test]
fn feeds_are_read_by_an_independent_reader_and_are_the_same_in_every_form() {
    let site = site_support::site(AT);
    let feeds = read("feed", &texts(&site, paths(&site, asked)));
    assert!(feeds.len() > 40);
    for (path, feed) in &feeds {
        let (stem, form) = path.rsplit_once('.').unwrap();
        assert_eq!(feed["fault"], "", "{path}");
        assert_eq!(feed["version"], if form == "atom" { "atom10" } else { "rss20" }, "{path}");
        let links = feed["links"].as_array().unwrap();
        let own = format!("{AT}{path}");
        assert!(links.iter().any(|link| link[0] == "self" && link[2] == own), "{path}: {links:?}");
        assert!(links.iter().all(|link| link[2].as_str().unwrap().starts_with(AT)), "{path}: {links:?}");
        let same = document(&site, &format!("{stem}.json"));
        assert_eq!(same["version"], "https://jsonfeed.org/version/1.1");
        assert_eq!(same["feed_url"], format!("{AT}{stem}.json"));
        assert_eq!(strings(&feed["items"], "id"), strings(&same["items"], "id"), "{path}");
        assert_eq!(strings(&feed["items"], "title"), strings(&same["items"], "title"), "{path}");
        assert_eq!(strings(&feed["items"], "link"), strings(&same["items"], "url"), "{path}");
        assert_eq!(strings(&feed["items"], "html"), strings(&same["items"], "content_html"), "{path}");
        let ids: BTreeSet<&str> = strings(&same["items"], "id").into_iter().collect();
        assert_eq!(ids.len(), same["items"].as_array().unwrap().len(), "{path}: no item twice");
        let is_silent = path.starts_with("/feeds/decisions.");
        assert!(ids.len() <= 100 && ids.is_empty() == is_silent, "{path}: {}", ids.len());
        assert!(ids.iter().all(|id| id.starts_with("tag:workson.example,2026:")), "{path}");
        for (item, json) in feed["items"].as_array().unwrap().iter().zip(same["items"].as_array().unwrap()) {
            assert!(form == "atom" || item["is_link_guid"] == false, "{path}: an id is no address");
            if form == "atom" {
                let via = json.get("external_url").map_or(json!([]), |url| json!([url]));
                assert_eq!(item["via"], via, "{path}");
            }
            if !path.starts_with("/feeds/news.") {
                assert_eq!(item["tags"][0], "declared", "{path}: the rung");
                assert!(item["html"].as_str().unwrap().contains("/official-images/commit/"), "{path}");
            }
        }
    }
}

#[test]
fn an_item_is_the_same_wherever_it_is_told_and_nowhere_twice() {
    let site = site_support::site(AT);
    let moved = site_support::site("https://elsewhere.example");
    let mut told: HashMap<String, Value> = HashMap::new();
    for path in paths(&site, |path| path.starts_with("/feeds/") && path.ends_with(".json")) {
        let feed = document(&site, &path);
        let again = document(&moved, &path);
        assert_eq!(
            strings(&feed["items"], "id"),
            strings(&again["items"], "id"),
            "{path}: ids stay where a site moves"
        );
        for item in feed["items"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap().to_owned();
            let known = told.entry(id).or_insert_with(|| item.clone());
            assert_eq!(known, item, "{path}");
        }
    }
    let titles: BTreeSet<&str> = told.values().map(|item| item["title"].as_str().unwrap()).collect();
    let has =
        |begin: &str, part: &str| titles.iter().any(|title| title.starts_with(begin) && title.contains(part));
    assert!(has("NGINX gained ", "linux/arm64"), "{titles:#?}");
    assert!(has("EspoCRM was added, with ", "linux/arm64"), "{titles:#?}");
    assert!(titles.iter().any(|title| title.contains(" lost linux/")), "{titles:#?}");
    assert!(titles.iter().any(|title| title.contains(" was removed, with linux/")), "{titles:#?}");
    assert!(
        titles.iter().all(|title| !title.contains("was removed and") && !title.contains("  ")),
        "{titles:#?}"
    );
}

#[test]
fn what_a_registry_served_is_told_with_its_run_and_a_rung_of_its_own() {
    let feed = document(&site_support::published(AT), "/feeds/entry/example0.json");
    let items = &feed["items"];
    assert_eq!(strings(items, "title"), ["example0 lost linux/arm64", "example0 gained linux/arm64"]);
    assert_eq!(
        strings(items, "id")[1],
        "tag:workson.example,2026:published/example0/2021-01-01T00:00:00Z/run-1"
    );
    assert_eq!(items[0]["tags"], json!(["published", "linux/arm64"]));
    assert_eq!(items[0]["summary"], "2026-01-01, published: docker.io, example0, asked 2026-01-01");
    assert_eq!(items[0].get("external_url"), None, "there is nothing to look up elsewhere");
}

#[test]
fn an_id_stays_when_somebody_writes_about_an_image() {
    let timeline = workson::timeline::Timeline::bundled().unwrap();
    let bare = site_support::of(AT, workson::content::Content::default(), Some(&timeline));
    let written = site_support::site(AT);
    let ids = |site: &Site| -> BTreeSet<String> {
        let feed = document(site, "/feeds/changes.json");
        strings(&feed["items"], "id").into_iter().map(str::to_owned).collect()
    };
    assert_eq!(ids(&bare), ids(&written));
}

#[test]
fn a_feed_is_as_new_as_its_newest_item() {
    let site = site_support::site(AT);
    let feeds =
        read("feed", &texts(&site, ["/feeds/changes.atom".to_owned(), "/feeds/news.atom".to_owned()]));
    assert_eq!(feeds["/feeds/changes.atom"]["updated"], "2026-08-21T23:53:11+00:00");
    assert_eq!(feeds["/feeds/changes.atom"]["items"].as_array().unwrap().len(), 100);
    let newest = document(&site, "/feeds/news.json")["items"][0]["date_published"].clone();
    let newest = newest.as_str().unwrap().replace('Z', "+00:00");
    assert_eq!(feeds["/feeds/news.atom"]["updated"], newest);
    let feed = get(&site_support::empty(), "/feeds/changes.atom");
    assert_eq!(feed.media_type, "application/atom+xml; charset=utf-8");
    assert!(String::from_utf8(feed.bytes).unwrap().contains("<updated>1970-01-01T00:00:00+00:00</updated>"));
}

#[test]
fn news_come_whole_with_addresses_that_lead_somewhere_from_anywhere() {
    let issue = site_support::issue();
    let content = workson::content::Content { news: vec![issue], ..Default::default() };
    let site = site_support::of(AT, content.clone(), None);
    let feed = document(&site, "/feeds/news.json");
    let html = feed["items"][0]["content_html"].as_str().unwrap();
    for part in [
        "<a href=\"https://workson.example/on/entry/nginx/\">",
        "<a href=\"https://workson.example/on/news/2026-08/#gained\">",
        "<a href=\"https://nginx.org/\">",
        "write href=\"/x\" ]]&gt;</p>",
        "<h2 id=\"gained\">Gained</h2>",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let rss = read("feed", &texts(&site, ["/feeds/news.rss".to_owned()]));
    assert_eq!(rss["/feeds/news.rss"]["items"][0]["html"].as_str(), Some(html));
    assert_eq!(rss["/feeds/news.rss"]["items"][0]["published"], json!([2026, 8, 31, 0, 0, 0]));
    // Where nobody knows the host, addresses begin at its root.
    let feed = document(&site_support::of("", content, None), "/feeds/news.json");
    assert_eq!(feed["items"][0]["url"], "/news/2026-08/");
}

#[test]
fn decisions_are_told_with_the_project_and_of_what_was_declined_nothing_but_that() {
    let mut content = workson::content::Content::default();
    content.calls.push(site_support::call());
    let mut site = site_support::of(AT, content, None);
    assert_eq!(document(&site, "/feeds/decisions.json")["items"], json!([]), "it is there before any");
    let notice = |id, day: &str, call: &str, to, project: Option<(&str, &str)>| Notice {
        id,
        at: format!("{day}T10:00:00Z").parse().unwrap(),
        call: call.into(),
        to,
        project: project.map(|(name, why)| (name.into(), why.into())),
    };
    site.notices = vec![
        notice(9, "2027-02-03", "machines", State::ReviewDue, Some(("Proxy", ""))),
        notice(7, "2027-02-02", "gone", State::Approved, Some(("A & B", "Widely used."))),
        notice(4, "2027-02-01", "machines", State::Declined, None),
    ];
    let feed = document(&site, "/feeds/decisions.json");
    let items = &feed["items"];
    assert_eq!(
        strings(items, "title"),
        [
            "Review due: Proxy (Machines for arm64)",
            "Approved: A & B (gone)",
            "Declined: a proposal to Machines for arm64",
        ]
    );
    assert_eq!(strings(items, "id"), [9, 7, 4].map(|id| format!("tag:workson.example,2026:decision/{id}")));
    // A call whose file is gone has no page any more.
    assert_eq!(
        strings(items, "url"),
        ["/calls/machines/", "/calls/", "/calls/machines/"].map(|at| format!("{AT}{at}"))
    );
    assert_eq!(items[1]["summary"], "2027-02-02, approved: Widely used.");
    assert!(items[1]["content_html"].as_str().unwrap().contains("<p>Widely used.</p>"), "{}", items[1]);
    assert!(
        items[0]["content_html"].as_str().unwrap().contains(&format!("<a href=\"{AT}/calls/machines/\">"))
    );
    assert_eq!(items[2]["tags"], json!(["declined"]));
    let read =
        read("feed", &texts(&site, ["/feeds/decisions.atom".to_owned(), "/feeds/decisions.rss".to_owned()]));
    for (path, feed) in &read {
        assert_eq!(strings(&feed["items"], "title"), strings(items, "title"), "{path}");
    }
    assert_eq!(read["/feeds/decisions.atom"]["updated"], "2027-02-03T10:00:00+00:00");
}

#[test]
fn no_name_becomes_markup_in_a_feed() {
    let site = site_support::hostile(AT);
    let paths = paths(&site, |path| path.starts_with("/feeds/") && !path.ends_with(".json"));
    let texts = texts(&site, paths);
    for (path, elements) in read("xml", &texts) {
        let elements = elements.as_array().unwrap();
        for name in elements.iter().map(|element| element[0].as_str().unwrap()) {
            assert!(!["script", "img", "x"].contains(&name), "{path} has <{name}>");
        }
    }
    for (path, feed) in read("feed", &texts) {
        assert_eq!(feed["fault"], "", "{path}");
        for item in feed["items"].as_array().unwrap() {
            let (title, html) = (item["title"].as_str().unwrap(), item["html"].as_str().unwrap());
            assert!(!html.contains("<script") && !html.contains("<img"), "{path}: {html}");
            let moves = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}';
            assert!(!title.contains(moves), "{path}: {title:?}");
        }
    }
}

#[test]
fn the_calendar_is_read_by_an_independent_reader() {
    let site = site_support::site(AT);
    let calendar = get(&site, "/events.ics");
    assert_eq!(calendar.media_type, "text/calendar; charset=utf-8");
    let calendar = String::from_utf8(calendar.bytes).unwrap();
    assert!(calendar.split_inclusive('\n').all(|line| line.ends_with("\r\n") && line.len() <= 77));
    assert_eq!(calendar, text(&site_support::site(AT), "/events.ics"), "no clock is in it");
    let hostile = site_support::hostile("");
    let read = read(
        "calendar",
        &BTreeMap::from([
            ("ours".to_owned(), calendar),
            ("hostile".to_owned(), text(&hostile, "/events.ics")),
        ]),
    );
    let ours = read["ours"].as_array().unwrap();
    assert_eq!(ours.len(), site.content.events.len());
    for (read, event) in ours.iter().zip(&site.content.events) {
        assert_eq!(read["summary"], event.name);
        assert_eq!(read["place"], event.place);
        assert_eq!(read["url"], event.link);
        assert_eq!(read["starts"], event.starts.to_string());
        assert_eq!(read["ends"], event.ends.tomorrow().unwrap().to_string(), "the day after the last");
        assert_eq!(read["stamp"], "2026-08-21T23:53:11+00:00", "how far the data reaches");
    }
    let uids: BTreeSet<&str> = strings(&read["ours"], "uid").into_iter().collect();
    assert_eq!(uids.len(), ours.len());
    assert_eq!(
        read["hostile"].as_array().unwrap().len(),
        hostile.content.events.len(),
        "none more, none less"
    );
}

#[test]
fn the_site_map_has_all_pages_with_whole_addresses() {
    let site = site_support::site(AT);
    let mut map = read("xml", &texts(&site, ["/sitemap.xml".to_owned(), "/sitemap-1.xml".to_owned()]));
    let index = map.remove("/sitemap.xml").unwrap();
    assert_eq!((&index[0][0], &index[2][1]), (&json!("sitemapindex"), &json!(format!("{AT}/sitemap-1.xml"))));
    let places = map.remove("/sitemap-1.xml").unwrap();
    let of = |name: &str| -> BTreeSet<String> {
        let all = places.as_array().unwrap().iter().filter(|element| element[0] == name);
        all.map(|element| element[1].as_str().unwrap().to_owned()).collect()
    };
    let pages = paths(&site, |path| path.ends_with('/'));
    assert_eq!(of("loc"), pages.iter().map(|path| format!("{AT}{path}")).collect());
    assert!(of("lastmod").contains("2026-08-21"));
    assert!(text(&site, "/robots.txt").ends_with("\nSitemap: https://workson.example/on/sitemap.xml\n"));
    let search = text(&site, "/opensearch.xml");
    assert!(search.contains("template=\"https://workson.example/on/explore/?q={searchTerms}\""), "{search}");
    assert!(read("xml", &BTreeMap::from([("search".to_owned(), search)])).contains_key("search"));
}

#[test]
fn without_an_address_there_is_nothing_that_would_need_one() {
    let site = site_support::site("");
    let paths = paths(&site, |_| true);
    for path in ["/sitemap.xml", "/sitemap-1.xml", "/opensearch.xml"] {
        assert!(site.render(&Route::parse(path).unwrap()).is_none(), "{path}");
        assert!(!paths.iter().any(|known| known == path), "{path}");
    }
    assert_eq!(text(&site, "/robots.txt"), "User-agent: *\nAllow: /\n");
}
