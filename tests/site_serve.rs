//! `workson serve`: the pages of a build over HTTP, and what anyone may send to it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use cli_support::{Home, start};
use serve_support::{Connection, Server};

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// Every file of a build, by its address.
fn built(home: &Home, arguments: &[&str]) -> Vec<(String, Vec<u8>)> {
    home.run(&[&["site", "build", "out"], arguments].concat()).exits(0);
    let list = fs::read_to_string(home.path("out/.workson-site/files")).unwrap();
    let address = |path: &str| format!("/{}", path.strip_suffix("index.html").unwrap_or(path));
    list.lines().map(|path| (address(path), fs::read(home.path("out").join(path)).unwrap())).collect()
}

#[test]
fn every_file_of_a_build_is_served_with_the_same_bytes() {
    for arguments in [&[][..], &["--base-url", "https://site.example/on/arm"]] {
        let home = Home::new();
        let files = built(&home, arguments);
        // What else a service has, pages lead to.
        let server = Server::start(&home, &[arguments, &["--no-live", "--no-forms"]].concat());
        let mut connection = server.connect();
        for (path, bytes) in &files {
            let target = format!("{}{path}", server.base);
            let plain = connection.ask("GET", &target, &[]).settled();
            assert_eq!(plain.status, 200, "{target}");
            // What is coming and what is past, a build tells by its facts and a service by the day that it is.
            let hangs_on_the_day = ["/events/", "/calls/"].contains(&path.as_str());
            assert!(hangs_on_the_day || plain.body == *bytes, "{target} is not as it was built");
            assert_eq!(plain.header("content-encoding"), None);
            let tag = plain.header("etag").unwrap().to_owned();
            assert!(tag.starts_with('"') && tag.len() > 10, "{tag}");

            let packed = connection.ask("GET", &target, &[("accept-encoding", "br, gzip;q=0.8")]).settled();
            if packed.header("content-encoding") == Some("gzip") {
                assert!(unpacked(&packed.body) == *bytes && packed.body.len() < bytes.len());
                // Other bytes have another tag, and whoever keeps them has to know why.
                assert_ne!(packed.header("etag"), Some(tag.as_str()));
                assert_eq!(packed.header("vary"), Some("accept-encoding"));
                assert_eq!(plain.header("vary"), Some("accept-encoding"));
            } else {
                assert!(packed == plain, "{target}");
            }
            for (tag, encoding) in [(tag.as_str(), "identity"), (packed.header("etag").unwrap(), "gzip")] {
                let fields = [("if-none-match", tag), ("accept-encoding", encoding)];
                let kept = connection.ask("GET", &target, &fields);
                assert_eq!((kept.status, kept.header("etag")), (304, Some(tag)), "{target}");
                assert_eq!(kept.header("cache-control"), plain.header("cache-control"));
            }
            let other = connection.ask("GET", &target, &[("if-none-match", "\"other\"")]).settled();
            assert!(other == plain);
            let head = connection.ask("HEAD", &target, &[]).settled();
            assert_eq!((head.status, &head.headers), (200, &plain.headers), "{target}");

            assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
            let lasting = path.starts_with("/assets/");
            let cache = plain.header("cache-control").unwrap();
            assert_eq!(cache.contains("immutable"), lasting, "{target}: {cache}");
        }
        let compressed =
            connection.ask("GET", &format!("{}/about/", server.base), &[("accept-encoding", "gzip")]);
        assert_eq!(compressed.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[test]
fn a_page_may_load_what_it_says_itself_and_stands_in_no_frame() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    assert_eq!(server.count, "129 of 144 official images support linux/arm64");
    let page = server.get("/about/");
    let text = String::from_utf8(page.body.clone()).unwrap();
    let own = text.split("http-equiv=\"Content-Security-Policy\" content=\"").nth(1).unwrap();
    let own = own.split('"').next().unwrap();
    let header = page.header("content-security-policy").unwrap();
    assert_eq!(header, format!("{own}; frame-ancestors 'none'"));
    assert!(!header.contains("unsafe"));
    assert!(page.header("referrer-policy").is_some());
}

#[test]
fn what_is_not_here_is_a_404_and_what_is_spelled_otherwise_is_led_on() {
    let home = Home::new();
    home.write("secret.txt", "secret");
    built(&home, &[]);
    let server = Server::start(&home, &[]);
    for target in [
        "/nothing/",
        "/nothing",
        "/entry/nothing/",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/logos/..%2f..%2f..%2fsecret.svg",
        "/assets/%2e%2e/site.css",
        "/.workson-site/files",
        "//etc/passwd",
        "//about/",
        "/about//",
        "/about/%00/",
        "/%",
        "/%ff%fe/",
        "/about/x/index.html",
        "/download/official-images.sqlite/",
        "/explore/18446744073709551616/",
        "/changes/-1-99/",
        "/\\..\\secret.txt",
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.body.windows(6).any(|bytes| bytes == b"secret"), "{target}");
    }
    for (target, location) in [
        ("/about", "/about/"),
        ("/about?a=b&c=%2F", "/about/?a=b&c=%2F"),
        ("/about/index.html", "/about/"),
        ("/%61bout/", "/about/"),
        ("/%61bout", "/about/"),
        ("/download/official-images%2Esqlite", "/download/official-images.sqlite"),
    ] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.header("location")), (308, Some(location)), "{target}");
    }
    assert_eq!(server.get("/about/?utm=1#x").status, 200);
    assert_eq!(server.get("http://elsewhere.example/about/").status, 200);
    drop(server);

    let server = Server::start(&home, &["--base-url", "https://site.example/on"]);
    for (target, location) in [("/on", "/on/"), ("/on/about", "/on/about/"), ("/on?x", "/on/?x")] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.header("location")), (308, Some(location)), "{target}");
    }
    for target in ["/about/", "/onabout/", "/on//about/", "/On/about/", "/on/../about/"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
    assert_eq!(server.get("/on/about/").status, 200);
}

#[test]
fn odd_requests_are_refused_and_the_next_ones_answered() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = server.connect().ask(method, "/about/", &[]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert!(answer.header("content-security-policy").is_some());
    }
    assert_eq!(server.connect().ask("OPTIONS", "*", &[]).status, 405);
    let long = format!("/{}", "a".repeat(5000));
    assert_eq!(server.get(&long).status, 414);
    assert_eq!(server.get(&format!("/about/?{}", "a".repeat(17_000))).status, 414);
    // A body is nobody's.
    let mut connection = server.connect();
    let asked = connection.ask("GET", "/about/", &[("content-length", "3")]);
    assert_eq!(asked.status, 200);
    connection.send(b"abc");

    for (bytes, status) in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), 400),
        (b"GET /about/ HTTP/9.9\r\n\r\n".to_vec(), 400),
        (b"GET  /about/ HTTP/1.1\r\nx\r\n\r\n".to_vec(), 400),
        (format!("GET /about/ HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500)).into_bytes(), 431),
        (format!("GET /about/ HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(100_000)).into_bytes(), 431),
    ] {
        let mut connection = server.connect();
        // It may be refused before all of it was sent.
        let _ = connection.0.get_mut().write_all(&bytes);
        if let Some(answer) = connection.answer(false) {
            assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&bytes[..40.min(bytes.len())]));
        }
    }
    // Several at once on one connection, and one that goes away in between.
    let mut connection = server.connect();
    connection.send(b"GET /about/ HTTP/1.1\r\nhost: a\r\n\r\nGET /nothing HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(
        (connection.answer(false).unwrap().status, connection.answer(false).unwrap().status),
        (200, 404)
    );
    let mut gone = server.connect();
    gone.send(b"GET /download/official-images.sqlite HTTP/1.1\r\nhost: a\r\n\r\n");
    gone.0.get_mut().shutdown(Shutdown::Both).unwrap();
    assert_eq!(server.get("/about/").status, 200);
}

#[test]
fn who_is_slow_is_cut_off_and_those_who_wait_get_their_turn() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    // Whoever holds every connection that there is, and sends nothing whole.
    let slow: Vec<Connection> = (0..512)
        .map(|number| {
            let mut connection = server.connect();
            if number % 2 == 0 {
                connection.send(b"GET /about/ HTTP/1.1\r\nhost: loc");
            }
            connection
        })
        .collect();
    assert_eq!(server.get("/about/").status, 200);
    for connection in slow {
        let said = String::from_utf8(connection.rest()).unwrap();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    }
}

#[test]
fn it_ends_when_it_is_told_to_and_says_what_hinders_it() {
    let home = Home::new();
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&home, &[]);
        let mut open = server.connect();
        assert_eq!(open.ask("GET", "/about/", &[]).status, 200);
        server.signal(signal);
        assert!(open.rest().is_empty());
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
        assert!(TcpStream::connect(&server.address).is_err());
    }
    let server = Server::start(&home, &[]);
    let serve = |arguments: &[&str]| start(&mut home.workson(&[&["serve"], arguments].concat())).ends();
    serve(&["--listen", &server.address]).exits(2).says("--listen 127.0.0.1:").says("port that is free");
    for wrong in ["nowhere", "127.0.0.1", "127.0.0.1:99999", "300.1.1.1:80", ""] {
        serve(&["--listen", wrong]).exits(2).says("for example --listen 127.0.0.1:8017");
    }
    home.write("content/categories.yaml", "[]\n");
    home.write("content/entries/aa.yaml", "name: [\n");
    let ran = serve(&["--base-url", "nowhere"]).exits(2).says("entries/aa.yaml").says("--base-url nowhere");
    assert!(ran.stdout.is_empty());
}
