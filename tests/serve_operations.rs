//! `workson serve` as its operators see it: what is logged, counted and told of it, its end, and a proxy in front.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod operations;
mod parts;

use std::process::Command;

use cli_support::{Home, until};
use operations::nginx::{NAME, Nginx, free_ports};
use operations::{Answer, FORM, PROPOSE, Registry, SUGGESTION, Service, content_with_a_call, suggestion};
use serde_json::Value;
use workson::store::Submissions;

/// What people sent in that is kept; nothing where there is no file.
fn kept(home: &Home) -> (usize, usize) {
    let file = home.path("kept.submissions.db");
    if !file.exists() {
        return (0, 0);
    }
    let submissions = Submissions::open_existing(&file).unwrap();
    (submissions.suggestions(None).unwrap().len(), submissions.proposals().unwrap().len())
}

/// A proposal, as a form has it.
const PROPOSAL: &str = "project=Hypothetical&benefits=All+who+build+it.&source=https%3A%2F%2Fsource.example%2Fhypothetical\
     &license=MIT&platforms=linux%2Farm64&machines=One+with+4+cores.&usage=continuous&name=Ada+Proposer\
     &email=ada%40people.example&agree=yes";

/// Asks all that there is, as somebody who should not be found in any log; each thing that would tell of them.
fn leave_traces(service: &Service, registry: &str) -> Vec<String> {
    let who = [
        ("x-forwarded-for", "203.0.113.77"),
        ("user-agent", "Tracer/7.3"),
        ("referer", "http://traced.example/"),
    ];
    let image = format!("{registry}/traced/image");
    let target = format!("/api/v1/query?image={image}&traced-query=1");
    assert_eq!(service.get_as(&target, &who).status, 200);
    // One that can't be told, and one that is never asked about.
    assert_eq!(service.get_as(&format!("/api/v1/query?image={registry}/untold/image"), &who).status, 200);
    assert_eq!(service.get_as("/api/v1/query?image=elsewhere.example/untold/image", &who).status, 403);
    assert_eq!(service.get_as("/traced-path/?traced-query", &who).status, 404);
    assert_eq!(service.post("/suggest/", SUGGESTION, &who).status, 303);
    let proposed = service.post(PROPOSE, PROPOSAL, &who);
    let place = proposed.header("location").unwrap().to_owned();
    let secret = place.trim_start_matches("/proposal/").split('/').next().unwrap().to_owned();
    assert_eq!((proposed.status, secret.len()), (303, 43), "{place}");
    assert_eq!(service.get_as(&place, &who).status, 200);
    assert_eq!(service.post(&format!("/proposal/{secret}/"), "action=erase", &who).status, 303);
    let known =
        ["203.0.113.77", "127.0.0.1", "Tracer", "traced", "untold", "Hypothetical", "Ada", "people.example"];
    known.map(str::to_owned).into_iter().chain([secret]).collect()
}

/// A service on everything that there is, behind a proxy on this machine, asked by a trusted proxy's word.
fn traced(home: &Home, log: &[&str]) -> (Vec<String>, String) {
    let registry = Registry::start();
    let host = registry.host();
    registry.put_image_index("traced/image", "latest", &["linux/amd64", "linux/arm64"]);
    let content = content_with_a_call(home);
    let store = home.path("kept.db").display().to_string();
    let mut arguments = vec!["--internal", &host, "--content", &content, "--store", &store];
    arguments.extend(["--trusted-proxy", "127.0.0.1"]);
    let service = Service::start(home, &[&arguments, log].concat());
    let traces = leave_traces(&service, &host);
    let (code, said) = service.end();
    assert_eq!(code, Some(0), "{said}");
    (traces, said)
}

#[test]
fn the_log_says_what_was_done_and_of_nobody_who_asked() {
    let home = Home::new();
    // Standard error is no terminal: this is what is usual.
    let (traces, log) = traced(&home, &[]);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let (requests, others): (Vec<&Value>, Vec<&Value>) =
        lines.iter().partition(|line| line["target"] == "request");
    let told: Vec<String> = requests
        .iter()
        .map(|line| format!("{} {} {}", line["method"], line["route"], line["status"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "GET query 200",
            "GET query 200",
            "GET query 403",
            "GET none 404",
            "POST suggest 303",
            "POST propose 303",
            "GET proposal 200",
            "POST proposal 303",
        ]
    );
    for line in requests {
        let names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = ["timestamp", "level", "method", "route", "status", "micros", "target"];
        expected.sort_unstable();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{line}");
    }
    // Where it listens is nobody's secret, and is said once.
    let begins = others.iter().find(|line| line["message"] == "the service begins").unwrap();
    assert!(begins["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(others.iter().any(|line| line["message"] == "the service ends"), "{log}");
    let text: String = log.lines().filter(|line| !line.contains("the service begins")).collect();
    for trace in traces {
        assert!(!text.contains(&trace), "{trace} is in the log: {log}");
    }
}

#[test]
fn the_log_can_be_text_or_warnings_alone_or_nothing() {
    let home = Home::new();
    let (traces, text) = traced(&home, &["--log", "text"]);
    assert!(
        text.lines().any(|line| line.contains("INFO request: ") && line.contains("route=\"suggest\"")),
        "{text}"
    );
    let requests: String = text.lines().filter(|line| !line.contains("the service begins")).collect();
    assert!(traces.iter().all(|trace| !requests.contains(trace)), "{text}");
    assert!(serde_json::from_str::<Value>(text.lines().next().unwrap()).is_err());
    for log in [["--log", "warnings"], ["--log", "off"]] {
        assert_eq!(traced(&home, &log).1, "", "{log:?}");
    }
    // What goes wrong is a warning: forms that can't be kept.
    home.write("file", "");
    let store = home.path("file/kept.db").display().to_string();
    for (log, is_told) in [("warnings", true), ("off", false)] {
        let service = Service::start(&home, &["--log", log, "--store", &store, "--no-live"]);
        assert_eq!(service.post("/suggest/", SUGGESTION, &[]).status, 503);
        let (_, said) = service.end();
        assert_eq!(said.contains("keeping a form"), is_told, "{log}: {said}");
    }
}

/// The status, and that nobody keeps it.
fn told(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    (answer.status, answer.text())
}

#[test]
fn it_is_healthy_while_it_answers_and_ready_while_forms_can_be_kept() {
    let home = Home::new();
    let service = Service::start(&home, &["--no-live", "--base-url", "https://site.example/on"]);
    // They are at the root, wherever the site is.
    assert_eq!(told(&service.get("/healthz")), (200, "ok\n"));
    assert_eq!(told(&service.get("/readyz")), (200, "ready\n"));
    for target in ["/on/healthz", "/healthz/", "/on/readyz", "/on/metrics", "/metrics/"] {
        assert_eq!(service.get(target).status, 404, "{target}");
    }
    for target in ["/healthz", "/readyz", "/metrics"] {
        let refused = service.connect().ask("POST", target, &[], "");
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{target}");
    }
    drop(service);

    home.write("file", "");
    let store = home.path("file/kept.db").display().to_string();
    let service = Service::start(&home, &["--no-live", "--store", &store]);
    assert_eq!(told(&service.get("/healthz")).0, 200);
    assert_eq!(told(&service.get("/readyz")), (503, "forms can't be kept\n"));
    drop(service);
    // Who takes no forms needs to keep none.
    let service = Service::start(&home, &["--no-live", "--no-forms", "--store", &store]);
    assert_eq!(told(&service.get("/readyz")).0, 200);
}

#[test]
fn who_asks_while_it_ends_is_told_so() {
    let home = Home::new();
    let service = Service::start(&home, &["--no-live"]);
    let mut asking = service.connect();
    asking.send(b"GET /readyz HTTP/1.1\r\nhost: local");
    // The connection was taken, and its request began, before the end.
    assert_eq!(service.get("/healthz").status, 200);
    service.signal("TERM");
    service.is_closed();
    asking.send(b"host\r\n\r\n");
    assert_eq!(told(&asking.answer().unwrap()), (503, "it is about to end\n"));
    assert_eq!(service.ended().0, Some(0));
}

/// Sends what a form begins with, once the service has read the head of it.
fn begin_form(service: &Service, form: &str, first: usize) -> operations::Connection {
    let mut slow = service.connect();
    let head = format!(
        "POST /suggest/ HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: same-origin\r\n{}: {}\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        FORM.0,
        FORM.1,
        form.len()
    );
    slow.send(head.as_bytes());
    // It asks for the rest when it begins to read.
    assert_eq!(slow.answer().unwrap().status, 100);
    slow.send(&form.as_bytes()[..first]);
    slow
}

#[test]
fn a_form_that_comes_while_it_ends_is_kept_and_answered_or_neither() {
    let home = Home::new();
    let store = home.path("kept.db").display().to_string();
    let start = || Service::start(&home, &["--no-live", "--store", &store]);

    // What comes to its end is kept, and its sender told so.
    let service = start();
    let mut slow = begin_form(&service, SUGGESTION, 10);
    service.signal("TERM");
    service.is_closed();
    slow.send(&SUGGESTION.as_bytes()[10..]);
    let answer = slow.answer().unwrap();
    assert_eq!((answer.status, answer.header("location")), (303, Some("/suggest/?received=1")));
    assert_eq!(service.ended().0, Some(0));
    assert_eq!(kept(&home), (1, 0));

    // What breaks off is not kept, and nobody was told that it was.
    let service = start();
    let mut slow = begin_form(&service, &suggestion(100), 30);
    service.signal("TERM");
    service.is_closed();
    assert_eq!(service.ended().0, Some(0), "it does not wait for ever");
    let answer = slow.answer();
    assert!(answer.as_ref().is_none_or(|answer| answer.status >= 400), "{answer:?}");
    assert_eq!(kept(&home), (1, 0));

    // Of those that come at the same time as the end, each one that was answered is there.
    let service = start();
    let answered: Vec<bool> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|number| {
                let form = suggestion(number);
                let mut slow = begin_form(&service, &form, 20);
                scope.spawn(move || {
                    slow.send(&form.as_bytes()[20..]);
                    slow.answer().is_some_and(|answer| answer.status == 303)
                })
            })
            .collect();
        service.signal("TERM");
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert_eq!(service.ended().0, Some(0));
    let answered = answered.into_iter().filter(|is_answered| *is_answered).count();
    assert_eq!(kept(&home), (1 + answered, 0));
    assert_eq!(answered, 8, "each of them had been taken before the end came");
}

#[test]
fn a_hangup_has_the_site_made_anew() {
    let home = Home::new();
    let content = content_with_a_call(&home);
    let service = Service::start(&home, &["--no-live", "--content", &content]);
    assert!(service.get("/calls/").text().contains("Machines for arm64 builds"));
    let call = std::fs::read_to_string(home.path("content/calls/arm.md")).unwrap();
    home.write("content/calls/arm.md", call.replace("Machines for arm64 builds", "Hosts for riscv64 builds"));
    service.signal("HUP");
    until("the new call", || service.get("/calls/").text().contains("Hosts for riscv64 builds"));
    // What is wrong with the content now changes nothing that is shown.
    home.write("content/calls/arm.md", "nonsense");
    service.signal("HUP");
    until("the refusal", || service.log().contains("the site could not be made anew; the old one is shown"));
    assert!(service.get("/calls/").text().contains("Hosts for riscv64 builds"));
    std::fs::write(home.path("content/calls/arm.md"), call).unwrap();
    service.signal("HUP");
    until("the old call", || service.get("/calls/").text().contains("Machines for arm64 builds"));
    let (code, log) = service.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("the site was made anew"), "{log}");
}

/// What a scrape holds, as Prometheus's own reader of OpenMetrics reads it: `name{label="value"} 1.0`, sorted.
fn samples(text: &[u8]) -> Vec<String> {
    const READ: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    for sample in family.samples:
        labels = ','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))
        print(f'{family.type} {sample.name}{{{labels}}} {float(sample.value)}')
";
    let mut python = Command::new("/usr/bin/python3");
    let read = parts::run("python3", python.args(["-c", READ]), text);
    String::from_utf8(read).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn metrics_are_what_prometheus_reads_and_count_what_was_done() {
    let home = Home::new();
    let registry = Registry::start();
    let host = registry.host();
    registry.put_image_index("team/app", "latest", &["linux/arm64"]);
    let service = Service::start(&home, &["--internal", &host]);
    assert_eq!(service.get(&format!("/api/v1/query?image={host}/team/app")).status, 200);
    assert_eq!(service.get(&format!("/api/v1/query?image={host}/team/app")).status, 200);
    assert_eq!(service.get("/api/v1/query?image=elsewhere.example/team/app").status, 403);
    assert_eq!(service.get("/about/").status, 200);
    assert_eq!(service.post("/suggest/", SUGGESTION, &[]).status, 303);
    assert_eq!(service.post("/suggest/", "name=", &[]).status, 422);
    let scraped = service.get("/metrics");
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((scraped.status, scraped.header("content-type")), (200, Some(media_type)));
    assert!(scraped.text().ends_with("\n# EOF\n"));
    let samples = samples(&scraped.body);
    for expected in [
        "counter workson_http_requests_total{route=query,status=200} 2.0".to_owned(),
        "counter workson_http_requests_total{route=query,status=403} 1.0".to_owned(),
        "counter workson_http_requests_total{route=suggest,status=422} 1.0".to_owned(),
        "histogram workson_http_request_duration_seconds_count{route=query} 3.0".to_owned(),
        "counter workson_forms_total{form=suggestion,outcome=received} 1.0".to_owned(),
        "counter workson_forms_total{form=suggestion,outcome=unfinished} 1.0".to_owned(),
        "counter workson_live_questions_total{outcome=kept} 1.0".to_owned(),
        "counter workson_live_questions_total{outcome=registry-not-allowed} 1.0".to_owned(),
        format!("gauge workson_registry_pulls{{registry={host}}} 1.0"),
        "counter workson_refused_connections_total{} 0.0".to_owned(),
    ] {
        assert!(samples.contains(&expected), "{expected} is not in {samples:#?}");
    }
    assert!(samples.iter().any(|line| line.starts_with("gauge workson_facts_timestamp_seconds{} 17")));
    assert!(samples.iter().any(|line| line.starts_with("gauge workson_connections{} ")));
    let read = include_str!("../docs/operating.md");
    for line in scraped.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        let told = [format!("`{name}`"), format!("`{name}{{"), format!("`{name}_total")];
        assert!(told.iter().any(|name| read.contains(name)), "docs/operating.md lacks {name}");
    }
}

#[test]
fn metrics_are_for_this_machine_for_everybody_or_for_nobody() {
    let home = Home::new();
    for (who, here, through_a_proxy) in [
        (&["--metrics", "loopback"][..], 200, 404),
        (&[], 200, 404),
        (&["--metrics", "all"], 200, 200),
        (&["--metrics", "off"], 404, 404),
    ] {
        let service = Service::start(&home, &[who, &["--no-live", "--trusted-proxy", "127.0.0.1"]].concat());
        assert_eq!(service.get("/metrics").status, here, "{who:?}");
        for field in
            [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", ""), ("forwarded", "for=127.0.0.1")]
        {
            assert_eq!(service.get_as("/metrics", &[field]).status, through_a_proxy, "{who:?} {field:?}");
        }
    }
}

#[test]
fn behind_nginx_with_tls_each_client_is_counted_for_itself() {
    let home = Home::new();
    let registry = Registry::start();
    registry.put_image_index("team/app", "latest", &["linux/arm64"]);
    let (host, ports) = (registry.host(), free_ports());
    let base = format!("https://{NAME}:{}/on", ports[1]);
    let store = home.path("kept.db").display().to_string();
    let arguments = ["--trusted-proxy", "127.0.0.1,::1", "--forms-per-hour", "2", "--internal", &host];
    let service =
        Service::start(&home, &[&arguments[..], &["--base-url", &base, "--store", &store]].concat());
    let nginx = Nginx::start(&service.address, ports);
    let (one, other) = ("127.0.0.2", "127.0.0.3");

    let page = nginx.fetch(one, &format!("{base}/about/"), &["--compressed"]);
    assert_eq!(page.status, "2 200", "{}", page.head);
    assert!(page.head.contains("\nstrict-transport-security: max-age="), "{}", page.head);
    assert!(
        page.head.contains("\ncontent-encoding: gzip"),
        "what the service packed stays so: {}",
        page.head
    );
    assert!(String::from_utf8(page.body).unwrap().contains("href=\"/on/suggest/\""));
    let elsewhere = nginx.fetch(one, &format!("{}/about/", nginx.origin()), &[]);
    assert_eq!(elsewhere.status, "2 404");
    let plain = nginx.fetch(one, &format!("http://{NAME}:{}/on/query/?image=nginx", nginx.plain_port), &[]);
    assert_eq!(plain.status, "1.1 308");
    assert!(
        plain.head.contains(&format!("\nlocation: https://{NAME}/on/query/?image=nginx")),
        "{}",
        plain.head
    );

    let origin = format!("origin: {}", nginx.origin());
    let sent = std::cell::Cell::new(0);
    let suggest = |from: &str, fields: &[&str]| {
        sent.set(sent.get() + 1);
        let form = suggestion(sent.get());
        let mut arguments = vec!["--data", form.as_str()];
        fields.iter().for_each(|field| arguments.extend(["--header", field]));
        nginx.fetch(from, &format!("{base}/suggest/"), &arguments).status
    };
    // What a page of another site sends, no form of this site did.
    assert_eq!(suggest(one, &["origin: https://evil.example"]), "2 403");
    assert_eq!([(); 3].map(|()| suggest(one, &[&origin])), ["2 303", "2 303", "2 429"]);
    // Whoever one says to be, one is who one is.
    for spoofed in
        ["x-forwarded-for: 198.51.100.7", "x-forwarded-for: 127.0.0.3", "forwarded: for=198.51.100.7"]
    {
        assert_eq!(suggest(one, &[&origin, spoofed]), "2 429", "{spoofed}");
    }
    assert_eq!(suggest(other, &[&origin, "x-forwarded-for: 127.0.0.2"]), "2 303");
    assert_eq!(suggest(other, &[&origin]), "2 303", "nobody else was counted as this one");
    assert_eq!(suggest(other, &[&origin]), "2 429");
    assert_eq!(kept(&home), (4, 0));

    let asked =
        nginx.fetch(one, &format!("{base}/api/v1/query?image={host}/team/app&platform=linux/arm64"), &[]);
    assert_eq!(asked.status, "2 200");
    assert_eq!(serde_json::from_slice::<Value>(&asked.body).unwrap()["supports"][0]["verdict"], "yes");
    // The longest stack that is read gets through, and no more than it takes.
    let stack = |bytes: usize| {
        let form = home.write("stack", format!("text={}", "%23".repeat(bytes)));
        let arguments = ["--header", &origin, "--data", &format!("@{form}")];
        nginx.fetch(one, &format!("{base}/stack/"), &arguments).status
    };
    assert_eq!([stack(64 << 10), stack(100 << 10)], ["2 200", "2 413"]);

    assert_eq!(nginx.fetch(one, &format!("{}/healthz", nginx.origin()), &[]).status, "2 200");
    for path in ["/metrics", "/readyz", "/%6detrics", "//metrics", "/on/../metrics", "/metrics?x"] {
        let arguments = ["--path-as-is", "--header", "x-forwarded-for:"];
        let fetched = nginx.fetch(one, &format!("{}{path}", nginx.origin()), &arguments);
        assert_eq!(fetched.status, "2 404", "{path}");
        assert!(!String::from_utf8_lossy(&fetched.body).contains("workson_http"), "{path}");
    }
    assert_eq!(service.get("/metrics").status, 200);

    let secret = "A".repeat(43);
    let gone = nginx.fetch(one, &format!("{base}/proposal/{secret}/"), &[]);
    assert_eq!(gone.status, "2 404");
    let (code, log) = service.end();
    assert_eq!(code, Some(0));
    // With the service gone nginx answers by itself, and still writes down nobody.
    assert_eq!(nginx.fetch(one, &format!("{base}/proposal/{secret}/"), &[]).status, "2 502");
    for (whose, text) in [("the service's", log), ("nginx's", nginx.written())] {
        for trace in [one, other, "198.51.100.7", &secret] {
            assert!(!text.contains(trace), "{trace} is in {whose} log: {text}");
        }
    }
}
