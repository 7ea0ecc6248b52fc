//! A stack that is checked: one verdict a platform for all that a text names, which is never a "yes" that is not sure.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod serve_support;
mod site_support;

use std::collections::BTreeSet;

use cli_support::Home;
use serde_json::{Value, json};
use serve_support::{Answer, Server};
use site_support::{HOSTILE, html};
use workson_registry::testing::{Fault, MemoryRegistry, On};

const TWO: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// A registry that stands in for docker.io: `nginx`, `redis` and `golang` have arm64, `old` lacks it, `broken` does not answer.
async fn registry() -> MemoryRegistry {
    let registry = MemoryRegistry::start().await.unwrap();
    for name in ["nginx", "redis", "golang"] {
        registry.put_image_index(&format!("library/{name}"), "latest", &TWO);
    }
    registry.put_image_index("library/old", "latest", &["linux/amd64", "linux/386"]);
    registry.fault(Fault::status(500), On::path("/library/broken/"), None);
    registry
}

fn serve(home: &Home, registry: &MemoryRegistry, arguments: &[&str]) -> Server {
    let host = registry.host();
    let mirror = format!("docker.io={host}");
    let own = ["--mirror", mirror.as_str(), "--registry", "docker.io", "--internal", &host];
    Server::start(home, &[&own, arguments].concat())
}

const UNBOUNDED: [&str; 2] = ["--questions-per-minute", "0"];

fn check(server: &Server, query: &str, text: impl AsRef<[u8]>) -> Answer {
    let target = format!("/api/v1/stack{query}");
    server.connect().send_with(
        "POST",
        &target,
        &[("content-type", "text/plain; charset=utf-8")],
        text.as_ref(),
    )
}

fn list(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

/// What its page says of the one platform that was asked about: the words of the verdict, without markup.
fn page_says(server: &Server, form: &str, text: &str) -> String {
    let fields = [("text", text), ("form", form), ("platform", "linux/arm64")];
    let page = server.form("/stack/", &fields).is(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let page = page.text();
    assert_eq!(html::faults(&page), [""; 0]);
    let verdict = page.split("<div class=\"verdict ").nth(1).unwrap().split("</div>").next().unwrap();
    verdict.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_is_yes_where_all_of_it_is_and_no_where_one_is_not() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, &UNBOUNDED);
    let compose = |images: &str| format!("services:\n{images}");
    for (form, text, verdict, lacking, unknown) in [
        ("list", "nginx\nredis\n", "yes", &[][..], &[][..]),
        ("list", "# what runs here\nnginx\n\n", "yes", &[], &[]),
        ("list", "nginx\nold\nredis\n", "no", &["old"], &[]),
        ("list", "nginx\nbroken\n", "unknown", &[], &["broken"]),
        ("list", "nginx\nnothing\n", "unknown", &[], &["nothing"]),
        ("list", "old\nbroken\n", "no", &["old"], &["broken"]),
        ("list", "nginx\nghcr.io/a/b\n", "unknown", &[], &["ghcr.io/a/b"]),
        ("list", "nginx\n127.0.0.1:1/a/b\n", "unknown", &[], &["127.0.0.1:1/a/b"]),
        // Something that can't be read may be anything.
        ("list", "nginx\nNGINX\n", "unknown", &[], &[]),
        ("list", "", "unknown", &[], &[]),
        (
            "dockerfile",
            "FROM golang AS build\nRUN make\nFROM nginx\nCOPY --from=build /a /a\n",
            "yes",
            &[],
            &[],
        ),
        ("dockerfile", "FROM golang AS build\nFROM old\nCOPY --from=build /a /a\n", "no", &["old"], &[]),
        ("dockerfile", "FROM nginx\nCOPY --from=broken /a /a\n", "unknown", &[], &["broken"]),
        ("dockerfile", "ARG V\nFROM nginx:$V\nFROM redis\n", "unknown", &[], &[]),
        ("dockerfile", "ARG V\nFROM nginx:$V\nFROM old\n", "no", &["old"], &[]),
        ("dockerfile", "RUN true\n", "unknown", &[], &[]),
        ("compose", &compose("  web: {image: nginx}\n  db: {image: redis}\n"), "yes", &[], &[]),
        ("compose", &compose("  web: {image: nginx}\n  db: {image: old}\n"), "no", &["old"], &[]),
        ("compose", &compose("  web: {image: broken}\n  db: {image: redis}\n"), "unknown", &[], &["broken"]),
        ("compose", &compose("  web: {image: nginx}\n  own: {build: .}\n"), "unknown", &[], &[]),
        ("compose", "services: [\n", "unknown", &[], &[]),
    ] {
        let told = check(&server, &format!("?form={form}&platform=linux/arm64"), text).is(200);
        assert_eq!(told.header("cache-control"), Some("no-store"));
        let told = told.json();
        let whole = &told["platforms"][0];
        assert_eq!((&whole["verdict"], &told["form"]), (&json!(verdict), &json!(form)), "{text}: {told}");
        assert_eq!(
            (list(&whole["lacking"]), list(&whole["unknown"])),
            (lacking.to_vec(), unknown.to_vec()),
            "{text}"
        );
        if !told["problems"].as_array().unwrap().is_empty() {
            assert_ne!(verdict, "yes", "{text}");
        }
        // The page says the same, and names the same.
        let page = page_says(&server, form, text);
        let says = page.split_once("linux/arm64").unwrap().1;
        assert!(says.trim_start().starts_with(verdict), "{text}: {page}");
        for name in lacking.iter().chain(unknown) {
            assert!(page.contains(name), "{text}: {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_image_has_its_line_and_its_own_answer() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, &UNBOUNDED);
    let told = check(&server, "", "nginx\n\nghcr.io/a/b\nold\nnginx:latest\n").is(200).json();
    assert_eq!(told["form"], "list", "it is found out what it is");
    let platforms: Vec<&str> =
        told["platforms"].as_array().unwrap().iter().map(|one| one["platform"].as_str().unwrap()).collect();
    assert_eq!(platforms, TWO, "those that are judged where none is named");
    let images = told["images"].as_array().unwrap();
    let of = |at: usize| (&images[at]["line"], &images[at]["reference"], &images[at]["error"]["kind"]);
    assert_eq!(of(0), (&json!(1), &json!("nginx"), &Value::Null));
    assert_eq!(of(1), (&json!(3), &json!("ghcr.io/a/b"), &json!("registry-not-allowed")));
    assert_eq!(of(2), (&json!(4), &json!("old"), &Value::Null));
    assert_eq!(images.len(), 3, "each once");
    // Of one image it says what a question about it alone does.
    let mut alone = server.get("/api/v1/query?image=old&platform=linux/amd64&platform=linux/arm64").json();
    alone.as_object_mut().unwrap().retain(|name, _| name != "observedAt" && name != "source");
    let mut image = images[2].clone();
    image.as_object_mut().unwrap().remove("line");
    assert_eq!(image, alone);
    let dockerfile = check(&server, "?platform=linux/arm64", "FROM nginx\n").is(200).json();
    let compose =
        check(&server, "?platform=linux/arm64", "services:\n  a:\n    image: nginx\n").is(200).json();
    assert_eq!((&dockerfile["form"], &compose["form"]), (&json!("dockerfile"), &json!("compose")));
    // Every image was asked about once.
    let asked: Vec<String> =
        registry.requests().iter().map(|request| format!("{:?} {}", request.method, request.path)).collect();
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len(), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_or_of_another_kind_is_refused() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, &UNBOUNDED);
    let kind =
        |answer: Answer, status: u16| answer.is(status).json()["error"]["kind"].as_str().unwrap().to_owned();
    let text = "# x\n".repeat(16_384);
    assert_eq!(text.len(), 64 << 10);
    check(&server, "", &text).is(200);
    let longer = format!("{text}x");
    assert_eq!(kind(check(&server, "", &longer), 413), "too-large");
    let mut chunked = server.connect();
    chunked.send(b"POST /api/v1/stack HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n");
    chunked.send(format!("{:x}\r\n{longer}\r\n0\r\n\r\n", longer.len()).as_bytes());
    assert_eq!(kind(chunked.answer(false).unwrap(), 413), "too-large");
    let fields = [("text", longer.as_str()), ("platform", "linux/arm64")];
    assert_eq!(server.form("/stack/", &fields).status, 413);

    // A hundred images and no more; what is beyond is a problem, so that nothing is a yes.
    let images = |count: usize| -> String { (0..count).map(|at| format!("nginx:v{at}\n")).collect() };
    for at in 0..101 {
        registry.put_image_index("library/nginx", &format!("v{at}"), &TWO);
    }
    let told = check(&server, "", images(100)).is(200).json();
    assert_eq!(
        (told["images"].as_array().unwrap().len(), &told["platforms"][1]["verdict"]),
        (100, &json!("yes"))
    );
    let told = check(&server, "", images(101)).is(200).json();
    assert_eq!(
        (told["images"].as_array().unwrap().len(), &told["platforms"][1]["verdict"]),
        (100, &json!("unknown"))
    );
    assert_eq!(told["problems"].as_array().unwrap().len(), 1, "{}", told["problems"]);

    for other in [
        "application/json",
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "",
    ] {
        let answer =
            server.connect().send_with("POST", "/api/v1/stack", &[("content-type", other)], b"nginx\n");
        assert_eq!(kind(answer, 415), "wrong-type", "{other}");
        if !other.contains("urlencoded") {
            let own = [("content-type", other), ("sec-fetch-site", "same-origin")];
            server.connect().send_with("POST", "/stack/", &own, b"text=nginx").is(415);
        }
    }
    let foreign = [("content-type", serve_support::FORM), ("sec-fetch-site", "cross-site")];
    server.connect().send_with("POST", "/stack/", &foreign, b"text=nginx").is(403);
    assert_eq!(kind(check(&server, "", b"nginx\xff\n"), 400), "invalid-text");
    assert_eq!(kind(check(&server, "?form=yaml", "nginx"), 400), "invalid-form");
    assert_eq!(kind(check(&server, "?form=list&form=list", "nginx"), 400), "invalid-form");
    assert_eq!(kind(check(&server, "?platform=linux/arm65", "nginx"), 400), "invalid-platform");
    let many: String = (0..11).map(|at| format!("&platform=linux/new{at}")).collect();
    assert_eq!(kind(check(&server, &format!("?{many}"), "nginx"), 400), "too-many-platforms");
    assert_eq!(server.form("/stack/", &[("text", "nginx"), ("platform", "linux/arm65")]).status, 400);
    let refused = server.get("/api/v1/stack").is(405);
    assert_eq!(refused.header("allow"), Some("POST"));
    for method in ["PUT", "DELETE"] {
        server.connect().ask(method, "/stack/", &[("content-length", "0")]).is(405);
    }
    server.text("/about/");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_image_of_it_is_a_question() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, &["--questions-per-minute", "6"]);
    let told = check(&server, "", "nginx\nredis\ngolang\nold\n").is(200);
    assert_eq!((told.number("ratelimit-limit"), told.number("ratelimit-remaining")), (6, 2));
    let refused = check(&server, "", "nginx\nredis\ngolang\nold\n").is(429);
    assert!(refused.number("retry-after") > 0);
    assert_eq!(server.form("/stack/", &[("text", "nginx\nredis\ngolang\n")]).status, 429);
    drop(server);
    // One that names more than anybody may ask in a minute is answered to who has asked nothing yet.
    let images: String = (0..80).map(|at| format!("nothing{at}\n")).collect();
    let server = serve(&home, &registry, &[]);
    assert_eq!(check(&server, "", &images).is(200).number("ratelimit-remaining"), 0);
    check(&server, "", "nginx").is(429);
    drop(server);
    // What can't be read costs as well.
    let server = serve(&home, &registry, &["--questions-per-minute", "2"]);
    for status in [400, 400, 429] {
        check(&server, "?form=x", "nginx").is(status);
    }
    drop(server);
    let server = serve(&home, &registry, &["--questions-per-minute", "2"]);
    for status in [400, 400, 429] {
        server.form("/stack/", &[("text", "nginx"), ("platform", "linux/arm65")]).is(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_shown_as_text() {
    let registry = registry().await;
    let home = Home::new();
    let server = serve(&home, &registry, &UNBOUNDED);
    for text in HOSTILE {
        for form in ["list", "dockerfile", "compose", text] {
            for typed in [
                text.to_owned(),
                format!("FROM {text}\n"),
                format!("services:\n  a:\n    image: '{text}'\n"),
                format!("</textarea>{text}"),
            ] {
                let page = server.form("/stack/", &[("text", &typed), ("form", form), ("platform", text)]);
                let other =
                    server.form("/stack/", &[("text", &typed), ("form", form), ("platform", "linux/arm64")]);
                for page in [page.text(), other.text()] {
                    assert_eq!(html::faults(&page), [""; 0], "{form} {typed}");
                    assert!(!html::tags(&page).any(|tag| tag.starts_with("img")), "{form} {typed}: {page}");
                    assert_eq!(page.matches("</textarea>").count(), page.matches("<textarea").count());
                }
            }
        }
    }
}
