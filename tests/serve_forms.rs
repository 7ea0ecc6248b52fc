//! Forms from strangers: kept where they were received, on pages that nobody else finds, and never as more than text.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod serve_support;
mod site_support;

use cli_support::until;
use serve_support::encoded;
use serve_support::forms::{EMAIL, SUGGESTION, UNBOUNDED, file, home, kept, led, proposal, propose, serve};
use site_support::{HOSTILE, html};

// What is taken -------------------------------------------------------------------------------------------------

#[test]
fn a_suggestion_is_received_and_kept() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    server.text("/suggest/");
    for (at, fields) in
        [SUGGESTION, &[("name", "Bar"), ("comment", "Why\r\nnot?"), ("fax", "")]].into_iter().enumerate()
    {
        let to = led(server.form("/suggest/", fields));
        assert_eq!(to, format!("/suggest/?received={}", at + 1));
        let page = server.get(&to).is(200);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.text().contains(&format!("{}", at + 1)));
    }
    let kept = kept(&home).suggestions(None).unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!((kept[0].wish.name.as_str(), kept[1].wish.comment.as_str()), ("Foo", "Why\nnot?"));
    // What is wrong is told at its field, and what was typed is there still.
    let wrong = server.form("/suggest/", &[("name", "Quux"), ("home", "javascript:alert(1)")]).is(422).text();
    assert!(wrong.contains("Quux") && wrong.contains("aria-invalid"), "{wrong}");
    server.form("/suggest/", &[("entry", "nothing"), ("comment", "x")]).is(422);
    assert_eq!(server.metric("workson_forms_total{form=\"suggestion\",outcome=\"received\"}"), Some(2.0));
    drop(server);
    let closed = serve(&home, &["--no-forms"]);
    assert_eq!((closed.get("/suggest/").status, closed.form("/suggest/", SUGGESTION).status), (404, 404));
    assert_eq!(closed.form("/calls/machines/propose/", &proposal(&[])).status, 404);
}

#[test]
fn a_proposer_has_a_page_that_nobody_else_finds() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    assert!(server.text("/calls/machines/propose/").contains("name=\"fax\""));
    let (mine, other) =
        (propose(&server, &proposal(&[])), propose(&server, &proposal(&[("project", "Other")])));
    assert_ne!(mine, other);
    let page = server.get(&mine).is(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"), "its address goes to nobody else");
    let text = page.text();
    assert!(
        text.contains("Tinyhttpd")
            && text.contains(EMAIL)
            && text.contains("name=\"robots\" content=\"noindex\"")
    );
    assert_eq!(server.connect().ask("HEAD", &mine, &[]).status, 200);

    // Who guesses finds nothing, and learns nothing from how it is said.
    let secret = mine.strip_prefix("/proposal/").unwrap().trim_end_matches('/');
    let mut near = secret.to_owned();
    let last = near.pop().unwrap();
    near.push(if last == 'A' { 'E' } else { 'A' });
    for guess in [
        format!("/proposal/{near}/"),
        format!("/proposal/{}/", "A".repeat(43)),
        format!("/proposal/{}/", &secret[..42]),
        format!("/proposal/{secret}A/"),
        format!("/proposal/..%2f{}/", &secret[..40]),
        format!("/proposal/{}/../", secret),
        format!("/proposal/{}%00/", &secret[..42]),
        "/proposal/%25/".to_owned(),
        "/proposal/' OR '1'='1/".replace(' ', "%20"),
        "/proposal//".to_owned(),
    ] {
        let answer = server.get(&guess).is(404);
        assert!(!answer.text().contains("Tinyhttpd"), "{guess}");
        let posted = server.form(&guess, &[("action", "erase")]);
        assert!(matches!(posted.status, 404 | 405), "{guess}: {posted:?}");
    }
    // The contact can be erased, and is then nowhere.
    server.form(&mine, &[("action", "grant")]).is(404);
    assert_eq!(led(server.form(&mine, &[("action", "erase")])), format!("{mine}?erased"));
    let text = server.text(&mine);
    assert!(text.contains("Tinyhttpd") && !text.contains(EMAIL) && !text.contains("Ann Example"), "{text}");
    assert_eq!(kept(&home).proposal(1).unwrap().unwrap().contact, None);
    // And the proposal taken back, once.
    assert_eq!(
        led(server.form(&mine, &[("action", "withdraw"), ("reason", "<b>No</b>\r\nneed.")])),
        format!("{mine}?withdrawn")
    );
    assert!(server.text(&mine).contains("&#60;b&#62;No"), "{}", server.text(&mine));
    // Whoever clicks twice has withdrawn, and said why once.
    led(server.form(&mine, &[("action", "withdraw"), ("reason", "Another reason.")]));
    assert!(!server.text(&mine).contains("Another reason."));
    server.form(&mine, &[("action", "withdraw"), ("reason", &"a".repeat(2001))]).is(413);
    assert!(server.text(&other).contains(EMAIL), "the other one is as it was");
    led(server.form(&other, &[("action", "erase")]));
    let logged = server.logged();
    assert!(!logged.contains(secret) && !logged.contains(EMAIL) && !logged.contains("Tinyhttpd"), "{logged}");
    // In the files is nothing of it, either.
    server.signal("TERM");
    let mut server = server;
    assert_eq!(server.ends(), Some(0));
    for entry in std::fs::read_dir(file(&home).parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(EMAIL.len()).any(|window| window == EMAIL.as_bytes()));
    }
}

#[test]
fn a_call_takes_what_it_offers_and_when_it_is_open() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    for (call, status) in [
        ("machines", 303),
        ("over", 409),
        ("later", 409),
        ("nothing", 404),
        ("..%2fmachines", 404),
        ("machines%00", 404),
        ("%2e%2e", 404),
    ] {
        let target = format!("/calls/{call}/propose/");
        let answer = server.form(&target, &proposal(&[]));
        assert!(
            answer.status == status || (call.contains('%') && answer.status == 405),
            "{call}: {answer:?}"
        );
        assert_eq!(
            server.get(&target).status,
            if status == 303 || matches!(call, "over" | "later") { 200 } else { 404 },
            "{call}"
        );
    }
    for wrong in [
        &[("platforms", "linux/s390x")][..],
        &[("platforms", "linux/arm64"), ("platforms", "linux/riscv64")],
        &[("platforms", "../../etc")],
        &[("agree", "")],
        &[("usage", "for ever")],
        &[("email", "ann")],
        &[("source", "file:///etc/passwd")],
        &[("project", "")],
    ] {
        server.form("/calls/machines/propose/", &proposal(wrong)).is(422);
    }
    assert_eq!(kept(&home).proposals().unwrap().len(), 1);
}

// What is shown -------------------------------------------------------------------------------------------------

#[test]
fn no_text_becomes_markup_wherever_it_is_shown() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    let mut taken = 0;
    for text in HOSTILE {
        let suggested = server
            .form("/suggest/", &[("name", text), ("license", text), ("comment", text), ("entry", text)])
            .is(422);
        assert_eq!(html::faults(&suggested.text()), [""; 0], "{text}");
        let source = format!("https://example.org/{}", encoded(text));
        let fields = proposal(&[
            ("project", text),
            ("benefits", text),
            ("source", &source),
            ("license", text),
            ("machines", text),
            ("ci", text),
            ("name", text),
        ]);
        let answer = server.form("/calls/machines/propose/", &fields);
        if answer.status == 422 {
            // It has characters that no text needs.
            assert!(text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c)), "{text}");
            assert_eq!(html::faults(&answer.text()), [""; 0], "{text}");
            continue;
        }
        taken += 1;
        let mine = led(answer);
        let page = server.text(&mine);
        assert_eq!(html::faults(&page), [""; 0], "{text}");
        assert!(!html::tags(&page).any(|tag| tag.starts_with("img")), "{text}");
    }
    assert!(taken >= 5, "{taken}");
    for id in 1..=taken {
        let id = id.to_string();
        home.run(&["proposals", "review", &id, "--by", "ada"]).exits(0);
        home.run(&["proposals", "approve", &id, "--by", "ada", "--reason", HOSTILE[0]]).exits(0);
    }
    until("the decisions", || server.text("/calls/machines/").matches("calc").count() > 0);
    for target in ["/calls/machines/", "/calls/", "/", "/calls/machines/propose/"] {
        let page = server.text(target);
        assert_eq!(html::faults(&page), [""; 0], "{target}");
        assert!(!html::tags(&page).any(|tag| tag.starts_with("img")), "{target}");
        assert!(!page.contains(EMAIL) && !page.contains("ada"), "{target}");
    }
    for (target, media_type) in [
        ("/feeds/decisions.atom", "application/atom+xml"),
        ("/feeds/decisions.rss", "application/rss+xml"),
        ("/feeds/decisions.json", "application/feed+json"),
    ] {
        let feed = server.get(target).is(200);
        assert!(feed.header("content-type").unwrap().starts_with(media_type));
        let text = feed.text();
        assert!(text.contains("calc") && !text.contains(EMAIL), "{target}: {text}");
        if target.ends_with("json") {
            // Titles and summaries are plain text there (JSON Feed 1.1).
            let items = feed.json()["items"].as_array().unwrap().clone();
            assert!(items.iter().all(|item| html::faults(item["content_html"].as_str().unwrap()).is_empty()));
        } else {
            assert!(!text.contains("<script") && !text.contains("<img"), "{target}: {text}");
        }
    }
}
