//! The site's content: what is read, what is refused and how that is told, and that the schemas say the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use cli_support::Home;
use insta::assert_snapshot;
use serde_json::Value;
use workson::catalog::check::Evidence;
use workson::catalog::verified::Verified;
use workson::content::{Content, File, MAX_FILE, Problem};
use workson::site::{Base, Route, Site};
use workson::timeline::Timeline;

const CATEGORIES: &str = "
- {slug: database, name: Databases, description: Keeps records.}
- {slug: web-server, name: Web servers, description: Answers over HTTP.}
";
const NGINX: &str = "name: NGINX
kind: software
categories: [web-server]
description: A web server that also works as a proxy.
home: https://nginx.org/
images: [nginx]
";
const EVENT: &str = "name: FOSDEM 2027
starts: \"2027-01-30\"
ends: \"2027-01-31\"
place: Brussels, Belgium
link: https://fosdem.org/2027/
description: A weekend of free and open source developers.
";
const FRONT: &str =
    "---\ntitle: Issue one\ndate: \"2026-11-23\"\nsummary: What changed in the last days.\n---\n";
const CALL: &str = "---
title: Machines for arm64
summary: Build and test hosts for free software.
opens: \"2027-01-11\"
closes: \"2027-03-31\"
offers: [Virtual machines, Runners]
platforms: [linux/arm64, linux/arm/v7]
terms: [The source is free.]
---
";
const SVG: &str =
    r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><title>A</title><path d="M0 0"/></svg>"#;

fn file(path: &str, bytes: impl AsRef<[u8]>) -> File {
    File { path: path.to_owned(), bytes: bytes.as_ref().to_vec() }
}

/// Reads files beside a list of categories.
fn read(files: &[(&str, &str)]) -> (Content, Vec<Problem>) {
    let mut all = vec![file("categories.yaml", CATEGORIES)];
    all.extend(files.iter().map(|(path, text)| file(path, text)));
    Content::read(&all)
}

/// Problems as people see them.
fn told(problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        let at = &problem.at;
        let hint = problem.hint.as_deref().unwrap_or("-");
        format!("{}:{}:{}: {} | {hint}\n", at.file, at.line, at.column, problem.what)
    };
    problems.iter().map(line).collect()
}

fn problems(files: &[(&str, &str)]) -> String {
    told(&read(files).1)
}

/// What is told of a call with this text.
fn of_call(text: &str) -> String {
    problems(&[("calls/machines.md", text)])
}

/// What is told of an issue with this text.
fn of_text(text: &str) -> String {
    problems(&[("news/2026-11-23-one.md", &format!("{FRONT}{text}"))])
}

// What is right ------------------------------------------------------------------------------------------------------

#[test]
fn the_bundled_content_is_right() {
    let (content, problems) = Content::read(&Content::bundled());
    assert_eq!(told(&problems), "");
    assert!(content.entries.len() >= 144, "{}", content.entries.len());
    assert!(!content.news.is_empty() && content.events.len() >= 15 && content.logos.len() >= 70);
    let nginx = &content.entries["nginx"];
    assert_eq!((nginx.name.as_str(), nginx.license.as_deref()), ("NGINX", Some("BSD-2-Clause")));
    assert_eq!((nginx.images_at.file.as_str(), nginx.images_at.line), ("entries/nginx.yaml", 8));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    for (name, count) in [("entries", content.entries.len()), ("news", content.news.len())] {
        assert_eq!(std::fs::read_dir(folder.join(name)).unwrap().count(), count, "{name}");
    }
}

#[test]
fn what_is_right_is_there_beside_what_is_wrong() {
    let (content, problems) = read(&[
        ("entries/nginx.yaml", NGINX),
        ("entries/bad.yaml", "name: Bad\n"),
        ("events/fosdem-2027.yaml", EVENT),
        ("events/bad.yaml", "[]"),
    ]);
    assert_eq!(content.entries.keys().collect::<Vec<_>>(), ["nginx"]);
    assert_eq!(content.events.len(), 1);
    assert!(problems.iter().any(|problem| problem.at.file == "entries/bad.yaml"));
    assert!(problems.iter().all(|problem| problem.at.file.contains("bad")), "{}", told(&problems));
}

#[test]
fn an_issue_becomes_html_with_headings_and_links() {
    let text = "Text with *stress*, `code` & <https://a.example/?b&c>.\n\n## One\n\nSee [NGINX](/entry/nginx/) and [two](#two-half).\n\n## Two & half\n\n### Below\n\n\
                | a | b |\n|--:|---|\n| 1 | 2 |\n\n<a@b.example> and [post](mailto:a@b.example)\n\n## One\n";
    let (content, problems) = read(&[("news/2026-11-23-one.md", &format!("{FRONT}{text}"))]);
    assert_eq!(told(&problems), "");
    let issue = &content.news[0];
    let headings: Vec<_> =
        issue.headings.iter().map(|heading| (&heading.id[..], &heading.text[..])).collect();
    assert_eq!(headings, [("one", "One"), ("two-half", "Two & half"), ("one-2", "One")]);
    assert_eq!((issue.slug.as_str(), issue.date.to_string()), ("2026-11-23-one", "2026-11-23".to_owned()));
    assert_snapshot!(issue.html_below("/below"), @r##"
    <p>Text with <em>stress</em>, <code>code</code> &amp; <a href="https://a.example/?b&amp;c">https://a.example/?b&amp;c</a>.</p>
    <h2 id="one">One</h2>
    <p>See <a href="/below/entry/nginx/">NGINX</a> and <a href="#two-half">two</a>.</p>
    <h2 id="two-half">Two &amp; half</h2>
    <h3 id="below">Below</h3>
    <table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>
    <tr><td>1</td><td>2</td></tr>
    </tbody></table>
    <p><a href="mailto:a@b.example">a@b.example</a> and <a href="mailto:a@b.example">post</a></p>
    <h2 id="one-2">One</h2>
    "##);
    let (at, link) = &content.links[0];
    assert_eq!(
        (at.file.as_str(), at.line, at.column, link.as_str()),
        ("news/2026-11-23-one.md", 10, 5, "/entry/nginx/")
    );
    assert!(
        issue
            .html_below("https://x.example/\"&")
            .contains("<a href=\"https://x.example/&quot;&amp;/entry/nginx/\">")
    );
}

#[test]
fn an_issues_page_leads_to_the_pages_of_a_site_below_a_path() {
    let (content, _) = read(&[("news/2026-11-23-one.md", &format!("{FRONT}[NGINX](/entry/nginx/)\n"))]);
    let timeline = Timeline::bundled().unwrap();
    let evidence = Evidence { declared: Some(&timeline), published: None };
    let base = Base::read("https://a.example/below/").unwrap();
    let site = Site::new(base, content, &evidence, &Verified::default());
    let page = site.render(&Route::Issue("2026-11-23-one".to_owned())).unwrap();
    let html = String::from_utf8(page.bytes).unwrap();
    assert!(html.contains("<a href=\"/below/entry/nginx/\">NGINX</a>"), "{html}");
}

#[test]
fn links_within_the_site_are_found_where_they_are_links_alone() {
    let text =
        "`<a href=\"/entry/` and \\<a href=\"/x\"> and [it](/entry/nginx/)\n\n    <a href=\"/entry/\">\n";
    let (content, problems) = read(&[("news/2026-11-23-one.md", &format!("{FRONT}{text}"))]);
    assert_eq!(told(&problems), "");
    assert_eq!(content.news[0].html_below("/b").matches("/b/").count(), 1, "{}", content.news[0].html);
}

#[test]
fn issues_are_ordered_newest_first_and_say_how_far_they_reach() {
    let issue = |date: &str, until: &str| {
        format!(
            "---\ntitle: Issue one\ndate: \"{date}\"\nsummary: What changed in the last days.\n{until}---\n"
        )
    };
    let (content, problems) = read(&[
        ("news/2026-01-05-a.md", &issue("2026-01-05", "")),
        (
            "news/2026-11-23-c.md",
            &issue("2026-11-23", "until: 2026-08-21T23:53:11Z\nseen: 2026-11-22T08:00:00Z\n"),
        ),
        ("news/2026-11-23-b.md", &issue("2026-11-23", "")),
    ]);
    assert_eq!(told(&problems), "");
    let slugs: Vec<_> = content.news.iter().map(|issue| issue.slug.as_str()).collect();
    assert_eq!(slugs, ["2026-11-23-c", "2026-11-23-b", "2026-01-05-a"]);
    assert_eq!(content.reached["2026-11-23-c"].to_string(), "2026-08-21T23:53:11Z");
    assert_eq!(content.seen["2026-11-23-c"].to_string(), "2026-11-22T08:00:00Z");
    assert_eq!((content.reached.len(), content.seen.len()), (1, 1));
}

// What is wrong ------------------------------------------------------------------------------------------------------

#[test]
fn all_that_is_wrong_with_an_entry_is_told_at_once() {
    assert_snapshot!(problems(&[(
        "entries/nginx.yaml",
        "name: 1.5
kind: sofware
categories: [web-sever, web-server, web-server, 7]
descripton: A web server.
description: No full stop and long enough
home: ftp://nginx.org/
source: https://user@nginx.org/
source: https://nginx.org/
license: BSD-2
images: ['nginx:latest', NGINX, 'a b', nginx@sha256]
packages:
  purl: [deb/debian/nginx, 'pkg:deb/debian/nginx@1', 'pkg:DEB/x', 'pkg:deb/debian/nginx']
  repology: N
  brew: nginx
aliases: {a: b}
logo: ngnx
"
    ), ("logos/nginx.svg", SVG)]), @r##"
    entries/nginx.yaml:1:7: `name` has to be text, and is a number | put it in quotes where it is meant as text
    entries/nginx.yaml:2:7: there is no kind "sofware" | did you mean software?
    entries/nginx.yaml:3:13: `categories` has 4, and 3 is the most | keep the most telling ones
    entries/nginx.yaml:3:14: there is no category "web-sever" | did you mean web-server?
    entries/nginx.yaml:3:37: `categories` has "web-server" twice | leave one
    entries/nginx.yaml:3:49: `categories` has to be text, and is a number | put it in quotes where it is meant as text
    entries/nginx.yaml:4:1: there is no field `descripton` here | did you mean description?
    entries/nginx.yaml:5:14: `description` has to be a sentence, and ends in no full stop | end it by one
    entries/nginx.yaml:6:7: `home` is "ftp://nginx.org/": it does not begin with http:// or https:// | an address is written like https://nginx.org/en/
    entries/nginx.yaml:7:9: `source` is "https://user@nginx.org/": the host is written in small letters, and nothing but a path comes behind it | an address is written like https://nginx.org/en/
    entries/nginx.yaml:8:1: the field `source` stands here twice | leave one
    entries/nginx.yaml:9:10: `license` "BSD-2" is no SPDX expression: unknown term at "BSD-2" | https://spdx.org/licenses/ lists them, and LicenseRef-NAME is for others
    entries/nginx.yaml:10:10: nginx:latest names a tag or a digest, and an entry is of all of an image's tags | write nginx
    entries/nginx.yaml:10:26: the image "NGINX": the repository "NGINX" has upper-case letters; write "nginx" | an image is named like nginx or ghcr.io/owner/name
    entries/nginx.yaml:10:33: the image "a b": "a b" is no name of a repository; it has lower-case letters and digits, joined by '.', '_', '__' or dashes, in parts between slashes, like grafana/grafana | an image is named like nginx or ghcr.io/owner/name
    entries/nginx.yaml:10:40: the image "nginx@sha256": the part behind '@' is no digest: a digest is written algorithm:hex, like sha256:…; there is no colon in "sha256" | an image is named like nginx or ghcr.io/owner/name
    entries/nginx.yaml:12:10: "deb/debian/nginx" is no package URL: it does not begin with pkg: | a package URL is written like pkg:deb/debian/nginx, without a version
    entries/nginx.yaml:12:28: "pkg:deb/debian/nginx@1" is no package URL: a version, qualifiers or a path within the package are left out | a package URL is written like pkg:deb/debian/nginx, without a version
    entries/nginx.yaml:12:54: "pkg:DEB/x" is no package URL: behind pkg: comes the type of the package, in small letters | a package URL is written like pkg:deb/debian/nginx, without a version
    entries/nginx.yaml:13:13: "N" is no name of Repology's | it is what comes behind repology.org/project/
    entries/nginx.yaml:14:3: there is no field `brew` here | there are: purl, repology
    entries/nginx.yaml:15:10: `aliases` has to be a list, and is fields | a list is written like [one, two]
    entries/nginx.yaml:16:7: there is no file logos/ngnx.svg | did you mean nginx?
    "##);
}

#[test]
fn an_entry_that_is_none_is_told() {
    for (text, problem) in [
        ("", "1:1: fields are expected here, and this is nothing"),
        ("- a\n", "1:1: fields are expected here, and this is a list"),
        ("a: [b\n", "this is no YAML"),
        ("a: b\n c: d\n", "this is no YAML"),
        ("name: a\n---\nname: b\n", "this is no YAML"),
        ("a: &a [*a]\n", "this is no YAML"),
    ] {
        let told = problems(&[("entries/a.yaml", text)]);
        assert!(told.starts_with("entries/a.yaml:") && told.contains(problem), "{text:?}: {told}");
    }
}

#[test]
fn what_an_entry_lacks_is_told() {
    assert_snapshot!(problems(&[("entries/a.yaml", "aliases: []\npackages: {}\n")]), @r##"
    entries/a.yaml:1:1: the field `categories` is missing | docs/content.md says what each field holds
    entries/a.yaml:1:1: the field `description` is missing | docs/content.md says what each field holds
    entries/a.yaml:1:1: the field `home` is missing | docs/content.md says what each field holds
    entries/a.yaml:1:1: the field `kind` is missing | docs/content.md says what each field holds
    entries/a.yaml:1:1: the field `name` is missing | docs/content.md says what each field holds
    entries/a.yaml:1:10: `aliases` has none | leave the field out, or name one
    entries/a.yaml:2:11: `packages` has none | leave the field out, or name one
    "##);
}

#[test]
fn one_wrong_value_is_told_where_it_stands() {
    for (was, is, problem) in [
        ("NGINX", "''", "1:7: `name` is empty"),
        ("NGINX", "' NGINX'", "1:7: `name` begins or ends with a space"),
        ("NGINX", "\"NG\\u202ENX\"", "U+202E"),
        ("NGINX", "\"a\\nb\"", "U+000A"),
        ("NGINX", "null", "`name` has to be text, and is nothing"),
        ("NGINX", "true", "`name` has to be text, and is true or false"),
        ("NGINX", "[a]", "`name` has to be text, and is a list"),
        ("kind: software", "kind: browser", "there are: software, distribution, language"),
        (
            "A web server that also works as a proxy.",
            "Short.",
            "4:14: `description` is 6 long, and 20 characters are the least",
        ),
        ("https://nginx.org/", "javascript:alert(1)", "it does not begin with http:// or https://"),
        ("https://nginx.org/", "https://nginx.org/a b", "' ' has to be written in percents"),
        ("https://nginx.org/", "https://NGINX.org/", "small letters"),
        ("https://nginx.org/", "https://nginx.org:x/", "small letters"),
        ("https://nginx.org/", "https://", "small letters"),
        ("[nginx]", "[docker.io/library/nginx@sha256:0]", "the image"),
        ("[nginx]", "nginx", "`images` has to be a list, and is text"),
        ("[nginx]", "[nginx]\nlicense: MIT OR", "is no SPDX expression"),
        ("[nginx]", "[nginx]\nlicense: mit", "is no SPDX expression"),
        ("[nginx]", "[nginx]\nlogo: nginx", "there is no file logos/nginx.svg"),
        ("[web-server]", "[web-server, database, a, b]", "`categories` has 4, and 3 is the most"),
    ] {
        let text = NGINX.replace(was, is);
        assert_ne!(text, NGINX, "{was}");
        let told = problems(&[("entries/nginx.yaml", &text)]);
        assert!(told.contains(problem), "{is}: {told}");
    }
}

#[test]
fn licences_are_spdx_expressions() {
    for license in [
        "FSL-1.1-ALv2",
        "LicenseRef-Proprietary",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "AGPL-3.0-only OR LicenseRef-RSALv2 OR SSPL-1.0",
        "MIT AND (Apache-2.0 OR BUSL-1.1)",
    ] {
        let text = format!("{NGINX}license: {license}\n");
        assert_eq!(problems(&[("entries/nginx.yaml", &text)]), "", "{license}");
    }
}

#[test]
fn no_two_entries_claim_the_same() {
    let other = NGINX.replace("name: NGINX", "name: Other\naliases: [NGinx]");
    let third = NGINX.replace("NGINX", "Third").replace("[nginx]", "[docker.io/library/nginx]");
    assert_snapshot!(problems(&[
        ("entries/nginx.yaml", NGINX),
        ("entries/other.yaml", &other.replace("[nginx]", "[other]")),
        ("entries/third.yaml", &third),
    ]), @r##"
    entries/other.yaml:2:11: the name "NGinx" is that of entries/nginx.yaml as well | each stands in one entry alone
    entries/third.yaml:6:10: the image nginx is that of entries/nginx.yaml as well | each stands in one entry alone
    "##);
}

#[test]
fn files_and_folders_that_content_does_not_have_are_told_once() {
    assert_snapshot!(problems(&[
        ("README.md", "for people"),
        ("logos/README.md", "for people"),
        ("schema/entry.schema.json", "{}"),
        ("entires/a.yaml", ""),
        ("entires/b.yaml", ""),
        ("entries/more/a.yaml", ""),
        ("entries/more/b.yaml", ""),
        ("entries/nginx.yml", NGINX),
        ("entries/nginx.yaml", NGINX),
        ("entries/Big_Name.yaml", "{}"),
        ("entries/notes.txt", ""),
        ("category.yaml", ""),
        ("news/about.html", ""),
        ("logos/a.png", ""),
    ]), @r##"
    category.yaml:0:0: content has no such file | did you mean categories.yaml?
    entires:0:0: content has no such folder | did you mean entries?
    entries/Big_Name.yaml:0:0: its name, "Big_Name", can't stand in an address | names are made of small letters, digits and single hyphens, at most 64 in all
    entries/Big_Name.yaml:1:1: it has neither `images` nor `packages` | `images` are what evidence is of; what has none names its `packages`
    entries/Big_Name.yaml:1:1: the field `categories` is missing | docs/content.md says what each field holds
    entries/Big_Name.yaml:1:1: the field `description` is missing | docs/content.md says what each field holds
    entries/Big_Name.yaml:1:1: the field `home` is missing | docs/content.md says what each field holds
    entries/Big_Name.yaml:1:1: the field `kind` is missing | docs/content.md says what each field holds
    entries/Big_Name.yaml:1:1: the field `name` is missing | docs/content.md says what each field holds
    entries/more:0:0: folders of content have no folders | put its files into entries/
    entries/nginx.yml:0:0: entries/nginx.yaml has the same slug, nginx | take one away, or rename it
    entries/nginx.yml:0:0: its name does not end in .yaml | rename it to nginx.yaml
    entries/notes.txt:0:0: content has no such file | they are files that end in .yaml
    logos/a.png:0:0: content has no such file | logos are files that end in .svg
    news/about.html:0:0: content has no such file | issues are files that end in .md
    "##);
}

#[test]
fn a_list_of_categories_is_told_of_as_well() {
    let files = [file(
        "categories.yaml",
        "- {slug: a, name: Some, description: What belongs here.}\n- {slug: a, name: Other, description: What belongs here.}\n- {slug: B c, name: X, description: none}\n- b\n",
    )];
    assert_snapshot!(told(&Content::read(&files).1), @r##"
    categories.yaml:2:10: there is another category "a" | each has a slug of its own
    categories.yaml:3:10: "B c" can't stand in an address | small letters, digits and single hyphens
    categories.yaml:3:21: `name` is 1 long, and 2 characters are the least | say more
    categories.yaml:3:37: `description` is 4 long, and 10 characters are the least | say more
    categories.yaml:4:3: fields are expected here, and this is text | fields are written like `name: value`
    "##);
    let without = told(&Content::read(&[file("entries/nginx.yaml", NGINX)]).1);
    assert_eq!(
        without,
        "categories.yaml:0:0: there is no such file | it lists the categories that entries name\n"
    );
    assert_eq!(told(&Content::read(&[]).1), "");
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_too_large_are_told() {
    let large = format!("{NGINX}# {}\n", "x".repeat(MAX_FILE));
    let files = [
        file("categories.yaml", CATEGORIES),
        file("entries/a.yaml", b"name: a\nkind: \xff\n"),
        file("entries/large.yaml", large),
        file("news/2026-11-23-a.md", b"---\n\xc3("),
        file("logos/a.svg", b"\xff"),
    ];
    assert_snapshot!(told(&Content::read(&files).1), @r##"
    entries/a.yaml:2:0: byte 15 of it is no UTF-8 | save it as UTF-8
    entries/large.yaml:0:0: it is longer than 1048576 bytes, which is as much as is read | content is short texts
    logos/a.svg:1:0: byte 1 of it is no UTF-8 | save it as UTF-8
    news/2026-11-23-a.md:2:0: byte 5 of it is no UTF-8 | save it as UTF-8
    "##);
}

#[test]
fn events_end_after_they_start_on_days_that_there_are() {
    for (was, is, problem) in [
        ("2027-01-31", "2027-01-29", "3:7: it ends on 2027-01-29, before it starts on 2027-01-30"),
        ("2027-01-31", "2027-02-30", "3:7: `ends` is \"2027-02-30\", which is no date"),
        ("2027-01-31", "31.1.2027", "is no date"),
        ("2027-01-31", "2027-01-31T10:00", "is no date"),
        ("2027-01-31", "1999-01-31", "is no date"),
        ("\"2027-01-31\"", "20270131", "has to be text, and is a number"),
        ("https://fosdem", "mailto:fosdem", "`link` is \"mailto:"),
        ("place: Brussels, Belgium\n", "", "the field `place` is missing"),
    ] {
        let text = EVENT.replace(was, is);
        assert_ne!(text, EVENT, "{was}");
        let told = problems(&[("events/a.yaml", &text)]);
        assert!(told.contains(problem), "{is}: {told}");
    }
}

#[test]
fn logos_are_plain_drawings() {
    assert_eq!(problems(&[("logos/a.svg", SVG)]), "");
    let gradient = SVG.replace("<path", "<defs><linearGradient id=\"g\"/></defs><path fill=\"url(#g)\" ");
    assert_eq!(problems(&[("logos/a.svg", &gradient)]), "");
    for (was, is, problem) in [
        ("<path", "<script>alert(1)</script><path", "1:77: the element `script`"),
        ("<path", "<foreignObject/><path", "`foreignObject`"),
        ("<path", "<style>a{}</style><path", "`style`"),
        ("<path", "<image href='https://a.example/'/><path", "`image`"),
        ("<path", "<a href='#x'/><path", "`a`"),
        ("<path", "<script xmlns='http://www.w3.org/1999/xhtml'/><path", "`script`"),
        ("<path", "<use href='https://a.example/#b'/><path", "`href` leads out of the drawing"),
        ("<path", "<use xmlns:l='http://www.w3.org/1999/xlink' l:href='data:x'/><path", "`href` leads out"),
        ("<path", "<path onclick='x()'", "`onclick` runs a script"),
        ("<path", "<path style='fill:red'", "`style` is not taken"),
        ("<path", "<path fill='URL( \"https://a.example/\")'", "`fill` leads out"),
        ("<path", "<path fill='\\75rl(https://a.example/)'", "`fill` leads out"),
        ("<svg", "<?xml-stylesheet href='a.css'?><svg", "an instruction for programs"),
        ("<svg", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg", "this is no XML"),
        ("</svg>", "", "this is no XML"),
        ("http://www.w3.org/2000/svg", "http://a.example/", "its outermost element is no `svg`"),
        ("M0 0", &"0".repeat(70_000), "is the most that a logo has"),
    ] {
        let text = SVG.replace(was, is);
        assert_ne!(text, SVG, "{was}");
        let told = problems(&[("logos/a.svg", &text)]);
        assert!(told.contains(problem), "{is}: {told}");
    }
}

// News ---------------------------------------------------------------------------------------------------------------

#[test]
fn all_that_is_wrong_with_an_issue_is_told_at_once() {
    assert_snapshot!(of_text(
        "# Title\n\nA <b>bold</b> claim. ![x](https://a.example/x.png)\n\n<script>alert(1)</script>\n\n<!-- note\nmore -->\n\n\
         [a](javascript:alert(1)) [b](data:text/html,x) [c](//a.example/) [d](entry/nginx/) [e](/a\\\\b/) [f](#none)\n\
         <vbscript:x> [g][missing] [h](https://user:pass@a.example/) [i](HTTPS://a.example/) [j](/%2e%2e/)\n\n#### Four\n\n\
         &#7; and &#x202E;\n"
    ), @r##"
    news/2026-11-23-one.md:6:1: a heading of the first level is the title's | begin it with ##
    news/2026-11-23-one.md:8:3: it has HTML of its own: <b> | write Markdown; a < that is meant as such is written \<
    news/2026-11-23-one.md:8:10: it has HTML of its own: </b> | write Markdown; a < that is meant as such is written \<
    news/2026-11-23-one.md:8:22: it has an image | a link may lead to one
    news/2026-11-23-one.md:10:1: it has HTML of its own: <script>alert(1)</script> | write Markdown; a < that is meant as such is written \<
    news/2026-11-23-one.md:12:1: it has HTML of its own: <!-- note | write Markdown; a < that is meant as such is written \<
    news/2026-11-23-one.md:15:1: the link "javascript:alert(1)" is none that is taken | links are http, https or mailto, or of a page of the site, like /entry/nginx/
    news/2026-11-23-one.md:15:26: the link "data:text/html,x" is none that is taken | links are http, https or mailto, or of a page of the site, like /entry/nginx/
    news/2026-11-23-one.md:15:48: the link "//a.example/" leads to no page of the site | a page of the site has an address like /entry/nginx/
    news/2026-11-23-one.md:15:66: the link "entry/nginx/" is none that is taken | links are http, https or mailto, or of a page of the site, like /entry/nginx/
    news/2026-11-23-one.md:15:84: the link "/a\\b/" leads to no page of the site | a page of the site has an address like /entry/nginx/
    news/2026-11-23-one.md:15:96: there is no heading #none here | a heading's anchor is its text in small letters, with hyphens for all else
    news/2026-11-23-one.md:16:1: the link "vbscript:x" is none that is taken | links are http, https or mailto, or of a page of the site, like /entry/nginx/
    news/2026-11-23-one.md:16:14: there is no link called "missing" | write `[missing]: https://…` on a line of its own
    news/2026-11-23-one.md:16:27: the link "https://user:pass@a.example/" is none that is taken | links are http, https or mailto, or of a page of the site, like /entry/nginx/
    news/2026-11-23-one.md:16:85: the link "/%2e%2e/" leads to no page of the site | a page of the site has an address like /entry/nginx/
    news/2026-11-23-one.md:18:1: a heading of level 4 comes right below one of level 1 | leave no level out
    news/2026-11-23-one.md:20:1: it has the character U+0007, which has no place on a page | take it away
    news/2026-11-23-one.md:20:10: it has the character U+202E, which has no place on a page | take it away
    "##);
}

#[test]
fn an_issue_has_its_front_matter() {
    for (text, problem) in [
        ("No front matter\n", "1:1: it does not begin with its title"),
        ("---\ntitle: a\n", "1:1: it does not begin with its title"),
        ("---\ntitle: [\n---\n", "this is no YAML"),
        ("---\n---\n", "fields are expected here, and this is nothing"),
        (
            "---\ntitle: Issue\ndate: \"2026-11-22\"\nsummary: What changed in the last days.\n---\n",
            "3:7: it is of 2026-11-22, and the file's name says 2026-11-23",
        ),
        (
            "---\ntitle: Issue\ndate: \"2026-11-31\"\nsummary: What changed in the last days.\n---\n",
            "3:7: `date` is \"2026-11-31\"",
        ),
        (
            "---\ntitle: Issue\ndate: \"2026-11-23\"\nsumary: What changed in the last days.\n---\n",
            "did you mean summary?",
        ),
        (
            "---\ntitle: Issue\ndate: \"2026-11-23\"\nsummary: What changed in the last days.\nuntil: soon\n---\n",
            "5:8: `until` is \"soon\"",
        ),
        (
            "---\ntitle: Issue\ndate: \"2026-11-23\"\nsummary: What changed in the last days.\nseen: soon\n---\n",
            "5:7: `seen` is \"soon\"",
        ),
    ] {
        let told = problems(&[("news/2026-11-23-one.md", text)]);
        assert!(told.starts_with("news/2026-11-23-one.md:") && told.contains(problem), "{text:?}: {told}");
    }
    let unnamed = problems(&[("news/one.md", FRONT)]);
    assert!(unnamed.contains("its name does not begin with a date"), "{unnamed}");
    let windows = FRONT.replace('\n', "\r\n");
    assert_eq!(problems(&[("news/2026-11-23-one.md", &windows)]), "");
}

#[test]
fn html_never_comes_through() {
    for text in [
        "<img src=x onerror=alert(1)>",
        "a <i>b</i>",
        "<div\n>",
        "[x](\"><script>)",
        "&lt;script&gt;",
        "`<script>`",
        "```\"><script>\n<script>\n```",
        "| <b> |\n|---|\n| <i> |",
        "[<b>](https://a.example/\"onclick=\"x)",
        "## <b> \"x\" onclick=y",
        "<https://a.example/\"><script>>",
    ] {
        let (content, _) = read(&[("news/2026-11-23-one.md", &format!("{FRONT}{text}\n"))]);
        for issue in &content.news {
            let html = issue.html.replace("<pre><code", "").to_lowercase();
            assert!(
                !html.contains("<script") && !html.contains("<i") && !html.contains("<b>"),
                "{text}: {html}"
            );
            assert!(!html.contains("\"onclick") && !html.contains("style="), "{text}: {html}");
        }
    }
}

// Calls --------------------------------------------------------------------------------------------------------------

#[test]
fn a_call_is_read_with_its_platforms_as_they_are_usually_written() {
    let text = CALL.replace("linux/arm64, linux/arm/v7", "linux/aarch64, linux/armhf, linux/x86_64/v2");
    let text = format!("{text}For [NGINX](/entry/nginx/).\n\n## How\n\nSoon.\n");
    let open = CALL.replace("closes: \"2027-03-31\"\n", "").replace("2027-01-11", "2027-02-11");
    let (content, problems) =
        read(&[("calls/README.md", "for people"), ("calls/machines.md", &text), ("calls/open.md", &open)]);
    assert_eq!(told(&problems), "");
    let slugs: Vec<_> = content.calls.iter().map(|call| call.slug.as_str()).collect();
    assert_eq!(slugs, ["open", "machines"], "the newest first");
    let call = &content.calls[1];
    assert_eq!((call.title.as_str(), call.offers.len(), call.terms.len()), ("Machines for arm64", 2, 1));
    assert_eq!(call.platforms, ["linux/arm64", "linux/arm/v7", "linux/amd64/v2"]);
    assert_eq!(
        call.html_below("/below"),
        "<p>For <a href=\"/below/entry/nginx/\">NGINX</a>.</p>\n<h2 id=\"how\">How</h2>\n<p>Soon.</p>\n"
    );
    let (at, link) = &content.links[0];
    assert_eq!((at.file.as_str(), at.line, at.column), ("calls/machines.md", 10, 5));
    assert_eq!(link, "/entry/nginx/");
    let day = |day: &str| day.parse().unwrap();
    let is_open = |at: usize| {
        ["2027-01-10", "2027-01-11", "2027-03-31", "2027-04-01"].map(|on| content.calls[at].is_open(day(on)))
    };
    assert_eq!(is_open(1), [false, true, true, false], "both days are among those on which it is open");
    assert_eq!(is_open(0), [false, false, true, true]);
}

#[test]
fn what_is_wrong_with_a_call_is_told_where_it_stands() {
    let lines = |count: usize| (0..count).map(|at| format!("line {at},")).collect::<String>();
    for (was, is, problem) in [
        ("title: Machines for arm64", "title: It", "2:8: `title` is 2 long, and 3 characters are the least"),
        ("title: Machines for arm64\n", "", "2:1: the field `title` is missing"),
        ("software.", "software", "3:10: `summary` has to be a sentence, and ends in no full stop"),
        ("2027-01-11", "2027-02-30", "4:8: `opens` is \"2027-02-30\", which is no date"),
        ("opens: \"2027-01-11\"\n", "", "2:1: the field `opens` is missing"),
        ("2027-03-31", "soon", "5:9: `closes` is \"soon\", which is no date"),
        ("2027-03-31", "2027-01-10", "5:9: it closes on 2027-01-10, before it opens on 2027-01-11"),
        ("closes", "closed", "5:1: there is no field `closed` here | did you mean closes?"),
        ("[Virtual machines, Runners]", "[]", "6:9: `offers` has none"),
        ("[Virtual machines, Runners]", "Runners", "6:9: `offers` has to be a list, and is text"),
        ("[Virtual machines, Runners]", "[a]", "6:10: `offers` is 1 long, and 3 characters are the least"),
        ("[Virtual machines, Runners]", "[One, One]", "6:15: `offers` has \"One\" twice"),
        (
            "[Virtual machines, Runners]",
            &format!("[{}]", lines(21)),
            "6:9: `offers` has 21, and 20 is the most",
        ),
        ("offers: [Virtual machines, Runners]\n", "", "2:1: the field `offers` is missing"),
        (
            "linux/arm64,",
            "arm64,",
            "7:13: \"arm64\" names no operating system and architecture | write linux/arm64",
        ),
        (
            "linux/arm64,",
            "arm32v7,",
            "7:13: \"arm32v7\" names no operating system and architecture | write linux/arm/v7",
        ),
        (
            "linux/arm64,",
            "linux/amr64,",
            "7:13: \"linux/amr64\" is no platform that is known | did you mean linux/arm64",
        ),
        (
            "linux/arm64,",
            "lunix/arm64,",
            "7:13: \"lunix/arm64\" is no platform that is known | did you mean linux/arm64?",
        ),
        (
            "linux/arm64,",
            "beos/z80,",
            "7:13: \"beos/z80\" is no platform that is known | a platform is written like linux/arm64",
        ),
        ("linux/arm64,", "'linux/*',", "7:13: \"linux/*\" is no platform: "),
        (
            "linux/arm64,",
            "windows(10.0)/amd64,",
            "names a version of the operating system | write windows/amd64",
        ),
        (
            "linux/arm64,",
            "linux/arm,",
            "7:24: `platforms` has linux/arm/v7 twice: \"linux/arm/v7\" is another name",
        ),
        ("platforms: [linux/arm64, linux/arm/v7]\n", "", "2:1: the field `platforms` is missing"),
        ("[The source is free.]", "[7]", "8:9: `terms` has to be text, and is a number"),
        ("terms: [The source is free.]\n", "", "2:1: the field `terms` is missing"),
    ] {
        let text = CALL.replace(was, is);
        assert_ne!(text, CALL, "{was}");
        let told = of_call(&text);
        assert!(told.starts_with("calls/machines.md:") && told.contains(problem), "{is}: {told}");
    }
    assert!(of_call("No front matter\n").contains("1:1: it does not begin with its title"));
    assert!(
        of_call(&format!("{CALL}<b>Bold</b>\n"))
            .contains("calls/machines.md:10:1: it has HTML of its own: <b>")
    );
    let named = problems(&[("calls/Machines.md", CALL), ("calls/a.yaml", ""), ("calls/b.markdown", CALL)]);
    assert!(
        named.contains("calls/Machines.md:0:0: its name, \"Machines\", can't stand in an address"),
        "{named}"
    );
    assert!(
        named.contains("calls/a.yaml:0:0: content has no such file | calls are files that end in .md"),
        "{named}"
    );
    assert!(
        named.contains("calls/b.markdown:0:0: its name does not end in .md | rename it to b.md"),
        "{named}"
    );
}

// The schemas --------------------------------------------------------------------------------------------------------

struct Schema(Schemas, SchemaIndex);

impl Schema {
    fn of(name: &str) -> Schema {
        let path = format!("schema/{name}.schema.json");
        let bundled = Content::bundled();
        let file = bundled.iter().find(|file| file.path == path).unwrap();
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(&path, serde_json::from_slice(&file.bytes).unwrap()).unwrap();
        let index = compiler.compile(&path, &mut schemas).unwrap();
        Schema(schemas, index)
    }

    /// Why a text is refused.
    fn refuses(&self, text: &str) -> Option<String> {
        let options = serde_saphyr::options! { strict_booleans: true };
        match serde_saphyr::from_str_with_options::<Value>(text, options) {
            Ok(value) => self.0.validate(&value, self.1).err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }
}

#[test]
fn the_bundled_content_is_what_the_schemas_say() {
    let (entry, event, news) = (Schema::of("entry"), Schema::of("event"), Schema::of("news"));
    let (categories, call) = (Schema::of("categories"), Schema::of("call"));
    let mut checked = 0;
    for file in Content::bundled() {
        let text = String::from_utf8(file.bytes).unwrap_or_default();
        let (schema, text) = match file.path.split_once('/') {
            None if file.path == "categories.yaml" => (&categories, text.as_str()),
            Some(("entries", _)) => (&entry, text.as_str()),
            Some(("events", _)) => (&event, text.as_str()),
            Some(("news", _)) => (&news, text.split("---\n").nth(1).unwrap()),
            Some(("calls", name)) if name != "README.md" => (&call, text.split("---\n").nth(1).unwrap()),
            _ => continue,
        };
        assert_eq!(schema.refuses(text), None, "{}", file.path);
        checked += 1;
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn schemas_and_reader_agree() {
    let entry = |was: &str, is: &str| NGINX.replace(was, is);
    let event = |was: &str, is: &str| EVENT.replace(was, is);
    let more = |line: &str| format!("{NGINX}{line}\n");
    let front = |was: &str, is: &str| FRONT.replace(was, is);
    let of_entries = [
        (NGINX.to_owned(), true),
        (more("license: MIT OR Apache-2.0"), true),
        (more("packages: {purl: ['pkg:npm/%40angular/cli'], repology: nginx}"), true),
        (more("aliases: [a, b]"), true),
        (entry("[nginx]", "['ghcr.io/a/b_c', 'localhost:5000/a/b.c', a/b]"), true),
        (entry("images: [nginx]", "packages: {repology: nginx}"), true),
        (entry("NGINX", "a: b"), false),
        (entry("NGINX", "1"), false),
        (entry("NGINX", "''"), false),
        (entry("NGINX", "' a'"), false),
        (entry("NGINX", "\"a\\tb\""), false),
        (entry("NGINX", "\"a\\u202eb\""), false),
        (entry("NGINX", &"x".repeat(81)), false),
        (entry("NGINX", &"ä".repeat(80)), true),
        (entry("software", "service"), false),
        (entry("[web-server]", "[]"), false),
        (entry("[web-server]", "web-server"), false),
        (entry("[web-server]", "[web-server, web-server]"), false),
        (entry("proxy.", "proxy"), false),
        (entry("https:", "ftp:"), false),
        (entry("nginx.org/", "nginx.org"), true),
        (entry("nginx.org/", "nginx.org?a"), false),
        (entry("nginx.org/", "nginx.org:80/a?b#c"), true),
        (entry("nginx.org/", "a@nginx.org/"), false),
        (entry("nginx.org/", "-nginx.org/"), false),
        (entry("nginx.org/", "nginx.org/'"), false),
        (entry("[nginx]", "[]"), false),
        (entry("[nginx]", "[NGINX]"), false),
        (entry("[nginx]", "['nginx:1']"), false),
        (entry("[nginx]", "[nginx, nginx]"), false),
        (entry("images: [nginx]", ""), false),
        (more("packages: {}"), false),
        (more("packages: {purl: []}"), false),
        (more("packages: {purl: ['pkg:deb']}"), false),
        (more("packages: {purl: ['pkg:deb/a@1']}"), false),
        (more("packages: {repology: A}"), false),
        (more("packages: {pip: a}"), false),
        (more("license: MIT/X11"), false),
        (more("aliases: []"), false),
        (more("aliases: [a, b, c, d, e, f, g, h, i, j, k, l, m]"), false),
        (more("colour: red"), false),
        (more("name: again"), false),
    ];
    let of_events = [
        (EVENT.to_owned(), true),
        (event("\"2027-01-30\"", "2027-01-30"), true),
        (event("2027-01-30", "2027-02-30"), false),
        (event("2027-01-30", "2027-1-30"), false),
        (event("2027-01-30", "1927-01-30"), false),
        (event("\"2027-01-30\"", "2027"), false),
        (event("https://fosdem.org/2027/", "/events/"), false),
        (event("developers.", "developers"), false),
        (event("place", "where"), false),
        (event("FOSDEM 2027", "F"), false),
    ];
    let of_news = [
        (FRONT.to_owned(), true),
        (front("summary", "until: 2026-08-21T23:53:11Z\nsummary"), true),
        (front("summary", "until: 2026-08-21\nsummary"), false),
        (front("summary", "seen: 2026-08-21T23:53:11Z\nsummary"), true),
        (front("summary", "seen: 2026-08-21\nsummary"), false),
        (front("summary", "until: 2026-08-21T23:53:11+02:00\nsummary"), false),
        (front("2026-11-23", "2026-11-31"), false),
        (front("Issue one", "It"), false),
        (front("days.", "days"), false),
        (front("What changed in the last days.", "Short."), false),
        (front("title", "titel"), false),
        (front("title", "author: a\ntitle"), false),
    ];
    let call = |was: &str, is: &str| CALL.replace(was, is);
    let long = |count: usize| (0..count).map(|at| format!("line {at},")).collect::<String>();
    let of_calls = [
        (CALL.to_owned(), true),
        (call("closes: \"2027-03-31\"\n", ""), true),
        (call("2027-03-31", "2027-03-32"), false),
        (call("2027-01-11", "1927-01-11"), false),
        (call("opens", "open"), false),
        (call("software.", "software"), false),
        (call("Machines for arm64", "It"), false),
        (call("[Virtual machines, Runners]", "Runners"), false),
        (call("[Virtual machines, Runners]", "[]"), false),
        (call("[Virtual machines, Runners]", "[Runners, Runners]"), false),
        (call("[Virtual machines, Runners]", &format!("[{}]", long(20))), true),
        (call("[Virtual machines, Runners]", &format!("[{}]", long(21))), false),
        (call("Runners", &"x".repeat(201)), false),
        (call("The source is free.", &"x".repeat(300)), true),
        (call("The source is free.", &"x".repeat(301)), false),
        (call("linux/arm64", "linux/riscv64"), true),
        (call("linux/arm64", "arm64"), false),
        (call("linux/arm64", "linux/arm64/v8/x"), false),
        (call("linux/arm64", "'linux/*'"), false),
        (call("terms", "conditions"), false),
    ];
    let check = |name: &str, path: &str, text: &str, checked: &str, is_good: bool| {
        let refused = Schema::of(name).refuses(checked);
        assert_eq!(refused.is_none(), is_good, "the schema, of {text}: {refused:?}");
        let told = problems(&[(path, text)]);
        assert_eq!(told.is_empty(), is_good, "the reader, of {text}: {told}");
    };
    for (text, is_good) in &of_entries {
        check("entry", "entries/nginx.yaml", text, text, *is_good);
    }
    for (text, is_good) in &of_events {
        check("event", "events/a.yaml", text, text, *is_good);
    }
    for (text, is_good) in &of_calls {
        check("call", "calls/machines.md", text, text.split("---\n").nth(1).unwrap(), *is_good);
    }
    for (text, is_good) in &of_news {
        check("news", "news/2026-11-23-one.md", text, text.split("---\n").nth(1).unwrap(), *is_good);
    }
}

// The commands -------------------------------------------------------------------------------------------------------

/// A home with a folder of content.
fn home(files: &[(&str, &str)]) -> Home {
    let home = Home::new();
    home.write("content/categories.yaml", CATEGORIES);
    for (path, text) in files {
        home.write(&format!("content/{path}"), text);
    }
    home
}

#[test]
fn check_tells_every_problem_with_file_and_line() {
    let text = format!(
        "{FRONT}## One\n\n[a](/entry/ngnix/) [b](/entry/nginx) [c](/entry/nginx/) [d](/method/#ladder)\n"
    );
    let home = home(&[
        ("entries/nginx.yaml", NGINX),
        ("entries/gone.yaml", &NGINX.replace("NGINX", "Gone").replace("[nginx]", "[jenkins]")),
        ("entries/none.yaml", &NGINX.replace("NGINX", "None").replace("[nginx]", "[ghcr.io/a/b, postgers]")),
        ("entries/bad.yaml", "name: [x]\n"),
        ("news/2026-11-23-one.md", &text),
        ("calls/machines.md", &format!("{CALL}[It](/calls/machines/), [not](/calls/none/)\n")),
        (".hidden/x", ""),
    ]);
    let ran = home.run(&["content", "check"]).exits(1);
    assert_snapshot!(ran.text(), @r##"
    content/calls/machines.md:10:25: the link /calls/none/ leads to no page of the site
      did you mean /calls/?
    content/entries/bad.yaml:1:1: it has neither `images` nor `packages`
      `images` are what evidence is of; what has none names its `packages`
    content/entries/bad.yaml:1:1: the field `categories` is missing
      docs/content.md says what each field holds
    content/entries/bad.yaml:1:1: the field `description` is missing
      docs/content.md says what each field holds
    content/entries/bad.yaml:1:1: the field `home` is missing
      docs/content.md says what each field holds
    content/entries/bad.yaml:1:1: the field `kind` is missing
      docs/content.md says what each field holds
    content/entries/bad.yaml:1:7: `name` has to be text, and is a list
    content/entries/gone.yaml:6:9: the image jenkins is gone since 2018-08-13
      take the entry away, or name another image
    content/entries/none.yaml:6:9: nothing is known of an official image called postgers
      did you mean postgres?
    content/news/2026-11-23-one.md:8:1: the link /entry/ngnix/ leads to no page of the site
      did you mean /entry/nginx/?
    content/news/2026-11-23-one.md:8:20: the link /entry/nginx leads to no page of the site
      the page is /entry/nginx/

    content: 11 problems; right are 3 entries, 2 categories, 1 issue, 0 events, 1 call
    "##);
    let json = home.run(&["content", "check", "--json", "--content", "content"]).exits(1).json();
    assert_eq!((json["folder"].as_str(), json["entries"].as_u64()), (Some("content"), Some(3)));
    assert_eq!(json["calls"], 1);
    let problems = json["problems"].as_array().unwrap();
    let bad = problems.iter().find(|problem| problem["line"] == 1 && problem["column"] == 7).unwrap();
    assert_eq!(
        (bad["line"].as_u64(), bad["column"].as_u64(), bad["hint"].is_null()),
        (Some(1), Some(7), true)
    );
}

#[test]
fn check_of_what_comes_with_the_program_finds_nothing() {
    let home = Home::new();
    let ran = home.run(&["content", "check"]).exits(0);
    assert!(
        ran.text().starts_with("the content that comes with workson: nothing is wrong; right are "),
        "{}",
        ran.text()
    );
    assert_eq!(home.run(&["content", "check", "--quiet"]).exits(0).text(), "");
    let json = home.run(&["content", "check", "--json"]).exits(0).json();
    assert!(json["folder"].is_null() && json["problems"].as_array().unwrap().is_empty(), "{json}");
}

#[test]
fn check_can_not_read_what_is_not_there() {
    Home::new().run(&["content", "check", "--content", "none"]).exits(2).says("reading none: No such file");
    let home = Home::new();
    home.write("file", "");
    home.run(&["content", "check", "--content", "file"]).exits(2).says("reading file: Not a directory");
}

#[test]
#[cfg(unix)]
fn links_in_folders_are_not_followed() {
    let home = home(&[("entries/nginx.yaml", NGINX)]);
    std::os::unix::fs::symlink("/etc/passwd", home.path("content/entries/passwd.yaml")).unwrap();
    std::os::unix::fs::symlink("..", home.path("content/entries/loop")).unwrap();
    let ran = home.run(&["content", "check", "--content", "content", "-q"]).exits(1);
    assert_snapshot!(ran.text(), @r##"
    content/entries/loop: it is a symbolic link, which is not followed
      put the file itself here
    content/entries/passwd.yaml: it is a symbolic link, which is not followed
      put the file itself here
    "##);
}

#[test]
fn what_nobody_meant_ends_in_time_and_is_told() {
    let deep = "[".repeat(100_000);
    let bomb: String = std::iter::once("a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned())
        .chain(
            ('b'..='i')
                .zip('a'..)
                .map(|(name, of)| format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(","))),
        )
        .collect();
    for (text, problem) in [
        (deep, "this is no YAML"),
        (bomb, "this is no YAML"),
        (
            format!("aliases: [{}]\n", (0..40_000).map(|n| format!("a{n},")).collect::<String>()),
            "and 12 is the most",
        ),
    ] {
        assert!(problems(&[("entries/a.yaml", &text)]).contains(problem), "{problem}");
    }
    let issue = |text: String| of_text(&text).lines().count();
    assert_eq!(issue("## a\n\n[x](#none)\n\n<b>\n\n".repeat(5_000)), 10_000);
    assert_eq!(issue("[a][b] \n".repeat(5_000)), 5_000);
    assert_eq!(
        issue(format!("{}\n\n{}a\n\n{}", "[".repeat(100_000), "> ".repeat(5_000), "*a ".repeat(50_000))),
        0
    );
    let drawing = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\">{}{}</svg>",
        "<g>".repeat(9_000),
        "</g>".repeat(9_000)
    );
    assert_eq!(problems(&[("logos/a.svg", &drawing)]), "");
}

proptest::proptest! {
    /// Whatever is typed: no tags but those of Markdown, no links but those that are taken, no attributes that do something.
    #[test]
    fn text_never_becomes_markup_of_its_own(text in proptest::collection::vec(proptest::sample::select(&[
        "<", ">", "\"", "'", "&", "#", "[", "]", "(", ")", "!", "`", "|", "-", "*", "\\", "\n", "\n\n", " ", "    ", "a", "/", ":",
        "<script>", "<b onclick=x>", "javascript:", "https://a.example/", "/entry/nginx/", "&lt;", "&#60;", "&quot;", "```", "---\n", "| a |\n|--:|\n",
    ][..]), 0..40)) {
        let (content, problems) = read(&[("news/2026-11-23-one.md", &format!("{FRONT}{}", text.concat()))]);
        proptest::prop_assert_eq!(content.news.is_empty(), !problems.is_empty());
        for issue in &content.news {
            for tag in issue.html.split('<').skip(1) {
                let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
                let known = ["p", "a", "em", "strong", "code", "pre", "ul", "ol", "li", "hr", "br", "blockquote", "h2", "h3", "h4", "table", "thead", "tbody", "tr", "th", "td"];
                proptest::prop_assert!(known.contains(&name.as_str()), "{}", &issue.html);
                let inside = tag.split('>').next().unwrap_or_default();
                let attributes = inside.split_once(' ').map_or("", |(_, rest)| rest);
                let is_good = ["", "/"].contains(&attributes)
                    || ["href=\"https://", "href=\"/", "href=\"#", "href=\"mailto:", "id=\"", "class=\"language-", "start=\""].iter().any(|start| attributes.starts_with(start))
                        && attributes.matches('"').count() == 2;
                proptest::prop_assert!(is_good, "{}", &issue.html);
            }
        }
    }
}
