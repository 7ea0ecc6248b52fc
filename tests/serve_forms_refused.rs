//! Forms that are not taken: from other sites' pages, by programs, too many, too large, too slow, of another kind, with more than text.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::io::Write as _;
use std::time::Duration;

use serve_support::forms::{EMAIL, SUGGESTION, UNBOUNDED, home, kept, led, proposal, propose, serve};
use serve_support::{FORM, encoded};

// What is refused -----------------------------------------------------------------------------------------------

#[test]
fn a_form_comes_from_a_page_of_this_site() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    let mine = propose(&server, &proposal(&[]));
    let suggestion = "name=Foo&comment=x";
    for (fields, is_taken) in [
        (&[][..], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "none")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost")], false),
        (&[("origin", "http://localhost")], true),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "http://localhost:1234")], false),
        (&[("origin", "null")], false),
        (&[("origin", "")], false),
        (&[("referer", "http://localhost/suggest/")], true),
        (&[("referer", "http://evil.example/?http://localhost/")], false),
        (&[("referer", "localhost")], false),
        (&[("origin", "http://evil.example"), ("referer", "http://localhost/")], false),
    ] {
        let post = |target: &str, body: &str| {
            let all = [&[("content-type", FORM)], fields].concat();
            server.connect().send_with("POST", target, &all, body.as_bytes()).status
        };
        assert_eq!(post("/suggest/", suggestion), if is_taken { 303 } else { 403 }, "{fields:?}");
        assert_eq!(post("/stack/", "text=a"), 404, "there is none here");
        if !is_taken {
            assert_eq!(post(&mine, "action=erase"), 403, "{fields:?}");
            assert_eq!(post("/calls/machines/propose/", "project=x"), 403, "{fields:?}");
        }
    }
    assert!(server.text(&mine).contains(EMAIL), "nobody else erased it");
    // No page leads elsewhere because somebody said that it is somebody else's.
    for name in ["host", "x-forwarded-host", "forwarded"] {
        let mut connection = server.connect();
        let host = if name == "host" { "" } else { "host: localhost\r\n" };
        connection.send(format!("GET /suggest/ HTTP/1.1\r\n{host}{name}: evil.example\r\n\r\n").as_bytes());
        assert!(!connection.answer(false).unwrap().text().contains("evil.example"));
    }
}

#[test]
fn what_is_too_much_too_slow_or_of_another_kind_is_refused() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    let own = [("content-type", FORM), ("sec-fetch-site", "same-origin")];
    let large = format!("name=Foo&comment={}", "a".repeat(5 << 20));
    for target in ["/suggest/", "/calls/machines/propose/"] {
        server.connect().send_with("POST", target, &own, large.as_bytes()).is(413);
        let mut chunked = server.connect();
        chunked.send(format!("POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {FORM}\r\nsec-fetch-site: same-origin\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes());
        let piece = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
        chunked.send(piece.as_bytes());
        let _ = chunked.0.get_mut().write_all(piece.as_bytes());
        assert_eq!(chunked.answer(false).unwrap().status, 413, "{target}");
        let many = "a=b&".repeat(201);
        server.connect().send_with("POST", target, &own, many.as_bytes()).is(413);
        for other in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
            let other = [("content-type", other), ("sec-fetch-site", "same-origin")];
            server.connect().send_with("POST", target, &other, b"{}").is(415);
        }
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
            let refused = server.connect().ask(method, target, &[("content-length", "0")]).is(405);
            assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
        }
        // A program fills in what people don't see.
        server.form(target, &[SUGGESTION, &[("fax", "1")]].concat()).is(400);
    }
    // One that says how much comes, and sends it never, or as slowly as can be.
    let head = |length: &str| {
        format!(
            "POST /suggest/ HTTP/1.1\r\nhost: localhost\r\ncontent-type: {FORM}\r\nsec-fetch-site: same-origin\r\n{length}\r\n\r\n"
        )
    };
    let (mut silent, mut slow) = (server.connect(), server.connect());
    silent.send(head("content-length: 100").as_bytes());
    slow.send(head("transfer-encoding: chunked").as_bytes());
    let mut writing = slow.0.get_ref().try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        while writing.write_all(b"1\r\na\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    // One that goes away in between leaves nothing.
    let mut gone = server.connect();
    gone.send(head("content-length: 18").as_bytes());
    gone.send(b"name=Foo&comment=");
    drop(gone);
    for broken in [
        "transfer-encoding: chunked\r\n\r\nzz\r\nname=a",
        "content-length: x",
        "content-length: -1",
        "content-length: 1\r\ncontent-length: 2",
    ] {
        let mut connection = server.connect();
        let _ = connection.0.get_mut().write_all(head(broken).as_bytes());
        let status = connection.answer(false).map_or(400, |answer| answer.status);
        assert_eq!(status, 400, "{broken}");
    }
    server.text("/suggest/");
    assert_eq!(silent.answer(false).unwrap().status, 408);
    assert_eq!(slow.answer(false).unwrap().status, 408);
    drop(slow);
    writer.join().unwrap();
    assert_eq!(kept(&home).suggestions(None).unwrap().len(), 0);
    led(server.form("/suggest/", SUGGESTION));
}

#[test]
fn each_client_may_send_so_many() {
    let home = home();
    let server = serve(&home, &["--forms-per-hour", "3", "--trusted-proxy", "127.0.0.1"]);
    led(server.form("/suggest/", SUGGESTION));
    // What comes back to be mended was not received.
    for _ in 0..5 {
        server.form("/suggest/", &[("name", "")]).is(422);
    }
    let mine = propose(&server, &proposal(&[]));
    led(server.form("/suggest/", &[("name", "Bar"), ("comment", "x")]));
    let (another, step) = (proposal(&[("project", "Another")]), vec![("action", "erase")]);
    let more = vec![("name", "Quux"), ("comment", "x")];
    let forms = [("/suggest/", &more), ("/calls/machines/propose/", &another), (mine.as_str(), &step)];
    // Whoever clicked twice gets to see what became of the first click: the way to a proposal is told nowhere else.
    assert_eq!(led(server.form("/suggest/", SUGGESTION)), "/suggest/?received=1");
    assert_eq!(propose(&server, &proposal(&[])), mine);
    assert_eq!(
        (kept(&home).suggestions(None).unwrap().len(), kept(&home).proposals().unwrap().len()),
        (2, 1)
    );
    for (target, fields) in forms {
        let refused = server.form(target, fields).is(429);
        assert!((1..=1200).contains(&refused.number("retry-after")), "{refused:?}");
        assert_eq!((refused.number("ratelimit-limit"), refused.number("ratelimit-remaining")), (3, 0));
        server.text(target);
    }
    let own =
        [("content-type", FORM), ("sec-fetch-site", "same-origin"), ("x-forwarded-for", "198.51.100.9")];
    server.connect().send_with("POST", "/suggest/", &own, b"name=Foo&comment=x").is(303);
}

#[test]
fn nothing_that_is_typed_gets_into_a_header() {
    let home = home();
    let server = serve(&home, UNBOUNDED);
    let injected = "x\r\nset-cookie: a=b\r\n\r\n<script>";
    for field in ["entry", "name", "image", "home", "source", "license", "description"] {
        server.form("/suggest/", &[("comment", "x"), (field, injected)]).is(422);
    }
    for field in
        ["project", "source", "license", "links", "platforms", "usage", "ci", "name", "email", "agree"]
    {
        server.form("/calls/machines/propose/", &proposal(&[(field, injected)])).is(422);
    }
    for email in [
        "a@b.example\r\nbcc: c@d.example",
        "a@b.example, c@d.example",
        "\"a\" <a@b.example>",
        "a@b.example\u{0}",
    ] {
        server.form("/calls/machines/propose/", &proposal(&[("email", email)])).is(422);
    }
    // A text of several lines keeps them, as text.
    led(server.form("/suggest/", &[("name", "Foo"), ("comment", injected)]));
    let text = encoded(injected);
    for target in [
        format!("/suggest/?entry={text}"),
        format!("/suggest/?received={text}"),
        format!("/suggest?received={text}"),
        format!("/calls/machines/propose?{text}"),
        format!("/%73uggest?{text}"),
    ] {
        let answer = server.get(&target);
        assert!(matches!(answer.status, 200 | 308), "{target}: {answer:?}");
        assert!(answer.headers.iter().all(|(name, value)| name != "set-cookie" && !value.contains('\n')));
        assert!(answer.header("location").is_none_or(|to| to.starts_with('/') && !to.starts_with("//")));
    }
}
