//! `workson query`, `resolve`, and what goes for every command, as a user meets them: exit codes, what stands
//! on which output, and a clear word for each thing that can go wrong.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use cli_support::{Home, Ran, start, until};
use insta::assert_snapshot;
use serde_json::Value;
use workson_oci::Digest;
use workson_registry::testing::{Auth, Fault, MemoryRegistry, Method, On, TokenAuth, image_entry, index_of};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

async fn tour() -> MemoryRegistry {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    registry
}

fn image(registry: &MemoryRegistry, name: &str) -> String {
    format!("{}/library/{name}", registry.host())
}

/// Texts without what differs from run to run: the port.
fn stable(registry: &MemoryRegistry, text: &str) -> String {
    text.replace(&registry.host(), "HOST")
}

// Kinds of images -----------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_image_gives_its_platforms_or_an_error_that_names_the_cause() {
    let registry = tour().await;
    let home = Home::new();
    let mut lines = String::new();
    for reference in registry.put_tour() {
        let ran = home.run(&["query", "--json", &format!("{}/{reference}", registry.host())]);
        let answer = &ran.json()[0];
        let list = |name: &str, field: &str| -> Vec<String> {
            let entries = answer[name].as_array().unwrap();
            entries.iter().map(|entry| entry[field].as_str().unwrap().to_owned()).collect()
        };
        lines += &format!("{reference}: exit {}", ran.code.unwrap());
        match answer["error"].as_object() {
            Some(error) => {
                let message = error["message"].as_str().unwrap();
                let message = message.split_once(": ").unwrap().1;
                lines += &format!(", {}: {message}", error["kind"].as_str().unwrap());
            }
            None => {
                lines +=
                    &format!(", {} {:?}", answer["kind"].as_str().unwrap(), list("platforms", "platform"));
                if answer["attestations"] != 0 {
                    lines += &format!(", {} attestations", answer["attestations"]);
                }
                for note in answer["notes"].as_array().unwrap() {
                    let note = note.as_str().unwrap();
                    let digest = note.find("sha256:").map(|at| note[at..at + 71].to_owned());
                    let note = digest.map_or(note.to_owned(), |digest| note.replace(&digest, "DIGEST"));
                    lines += &format!(", note: {note}");
                }
            }
        }
        lines += "\n";
    }
    assert_snapshot!(stable(&registry, &lines), @r#"
    library/amd64-and-arm64:latest: exit 0, index ["linux/amd64", "linux/arm64"]
    library/amd64-only:latest: exit 0, image ["linux/amd64"]
    library/arm-v7-only:latest: exit 0, index ["linux/amd64", "linux/arm/v7"]
    library/arm64-only:latest: exit 0, image ["linux/arm64"]
    library/artifact:latest: exit 0, artifact [], note: no container image: application/vnd.example.thing
    library/attestation-only:latest: exit 0, index [], 1 attestations
    library/docker-amd64-only:latest: exit 0, image ["linux/amd64"]
    library/docker-list:latest: exit 0, index ["linux/amd64", "linux/arm64"]
    library/empty-index:latest: exit 0, index [], note: the index is empty: no platform at all
    library/lying-index:latest: exit 0, index ["linux/amd64", "linux/arm64"]
    library/many-platforms:latest: exit 0, index ["linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64", "linux/386", "linux/mips64le", "linux/ppc64le", "linux/s390x"], 8 attestations
    library/many-tags:1.0.0: exit 0, index ["linux/amd64"]
    library/many-tags:2.1.0: exit 0, index ["linux/amd64", "linux/arm64"]
    library/missing-child:latest: exit 0, index ["linux/amd64", "linux/arm64"]
    library/nested-index:latest: exit 0, index ["linux/amd64", "linux/arm64"]
    library/no-arm64:latest: exit 0, index ["linux/amd64", "linux/386", "linux/s390x"]
    library/no-platform:latest: exit 0, index ["linux/amd64", "linux/arm64"], note: entry DIGEST names no platform; taken from its config, note: entry DIGEST names no platform; taken from its config
    library/schema1:latest: exit 2, invalid-image: the image is in Docker's manifest schema 1, which names no platform and which current engines refuse to pull; it has to be pushed again by a current tool
    library/windows-and-linux:latest: exit 0, index ["linux/amd64", "linux/arm64", "windows/amd64"]
    library/windows:latest: exit 0, index ["windows/amd64", "windows/amd64"]
    "#);
}

// Exit codes ----------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_tells_yes_no_or_could_not_be_told() {
    let registry = tour().await;
    let home = Home::new();
    for (images, platforms, code) in [
        (&["amd64-and-arm64"][..], &["linux/arm64"][..], 0),
        (&["no-arm64"], &["linux/arm64"], 1),
        (&["no-arm64"], &["linux/s390x", "linux/amd64"], 0),
        (&["amd64-and-arm64", "no-arm64"], &["linux/arm64"], 1),
        (&["amd64-and-arm64"], &["linux/arm64", "linux/riscv64"], 1),
        (&["arm-v7-only"], &["linux/arm/v7"], 0),
        (&["arm-v7-only"], &["linux/arm64"], 1),
        (&["arm64-only"], &["linux/arm64/v8"], 0),
        (&["arm64-only"], &["arm64"], 0),
        (&["absent"], &["linux/arm64"], 2),
        (&["absent"], &[], 2),
        (&["amd64-and-arm64", "absent"], &["linux/arm64"], 2),
        // One that certainly lacks it makes a no, whatever the other is.
        (&["no-arm64", "absent"], &["linux/arm64"], 1),
        (&["artifact"], &["linux/arm64"], 2),
        (&["schema1"], &["linux/arm64"], 2),
        (&["empty-index"], &["linux/arm64"], 1),
        (&["attestation-only"], &["linux/arm64"], 1),
        (&["nested-index"], &["linux/arm64"], 0),
        (&["no-platform"], &["linux/arm64"], 0),
        (&["windows-and-linux"], &["windows/amd64"], 0),
        (&["no-arm64"], &[], 0),
    ] {
        let names: Vec<String> = images.iter().map(|name| image(&registry, name)).collect();
        let mut arguments = vec!["query"];
        platforms.iter().for_each(|platform| arguments.extend(["--platform", platform]));
        arguments.extend(names.iter().map(String::as_str));
        for form in [&[][..], &["--json"], &["--jsonl"]] {
            let ran = home.run(&[&arguments[..], form].concat());
            assert_eq!(ran.code, Some(code), "{images:?} {platforms:?} {form:?}: {}", ran.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_configs_a_lie_of_the_index_is_no_yes() {
    let registry = tour().await;
    let home = Home::new();
    let lying = image(&registry, "lying-index");
    home.run(&["query", "--platform", "linux/arm64", &lying]).exits(0);
    let ran = home.run(&["query", "--platform", "linux/arm64", "--configs", "--json", &lying]).exits(2);
    let support = &ran.json()[0]["supports"][0];
    assert_eq!(support["verdict"], "unknown");
    assert!(support["reason"].as_str().unwrap().contains("its config says linux/amd64"), "{support}");
}

#[test]
fn what_is_typed_wrong_is_named_and_the_exit_code_is_2() {
    let home = Home::new();
    for (arguments, said) in [
        (&["query", "UPPER/Case"][..], "UPPER/Case"),
        (&["query", "--json", "a b"], ""),
        (&["query", "--platform", "linux/", "127.0.0.1:1/x"], "--platform linux/"),
        (&["query", "--platform", "arm65x", "127.0.0.1:1/x"], "--platform arm65x"),
        (&["query", "--tags", "[", "127.0.0.1:1/x"], "--tags ["),
        (&["query", "--mirror", "docker.io", "nginx"], "--mirror docker.io: it is written REGISTRY=HOST"),
        (&["query", "--mirror", "=x", "nginx"], "REGISTRY=HOST"),
        (&["query", "--mirror", "docker.io=http://x", "nginx"], "--plain-http"),
        (&["query", "--raw", "127.0.0.1:1/x", "127.0.0.1:1/y"], "--raw"),
        (&["query", "--raw", "--json", "127.0.0.1:1/x"], "--json"),
        (&["query", "--format", "other", "127.0.0.1:1/x"], "mquery"),
        (&["query", "--timeout", "0", "127.0.0.1:1/x"], "--timeout"),
        (&["query", "--jobs", "0", "127.0.0.1:1/x"], "--jobs"),
        (&["query"], "IMAGE"),
        (&["query", "--ca-certificate", "/nowhere.pem", "127.0.0.1:1/x"], "/nowhere.pem"),
        (&["query", "--ca-certificate", "/etc/passwd", "127.0.0.1:1/x"], "PEM"),
        (&["query", "--config", "/nowhere.toml", "127.0.0.1:1/x"], "/nowhere.toml"),
        (&["resolve", "127.0.0.1:1/x:y:z"], "127.0.0.1:1/x:y:z"),
        (&["resolve", "--platform", "x/y/z/w", "127.0.0.1:1/x"], "--platform x/y/z/w"),
        (&["inventory", "/nowhere/list"], "/nowhere/list"),
        (&["inventory", "/nowhere/list", "--live"], "--live"),
        (&["inventory", "--budget", "-1"], "'-1'"),
        (&["inventory", "diff", "1"], "<B>"),
        (&["completions", "tcsh9"], "tcsh9"),
        (&["nonsense"], "nonsense"),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?}: {said:?} is not in {:?}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn a_platform_that_is_none_is_answered_with_the_form_of_one() {
    let home = Home::new();
    for text in ["linux/", "arm65x", "linux/arm64/v8/x", "", "linux arm64"] {
        let ran = home.run(&["query", "--platform", text, "127.0.0.1:1/x"]).exits(2);
        assert!(ran.stderr.contains("like linux"), "{text:?} gets no example: {}", ran.stderr);
    }
}

// The configuration file ----------------------------------------------------------------------------------------

#[test]
fn a_bad_configuration_file_is_named_with_the_field_and_the_line() {
    let home = Home::new();
    for (text, said) in [
        ("timeout = 5\nnonsense = 1\n", &["nonsense", "line 2"][..]),
        ("timeout = \"long\"\n", &["timeout", "line 1"]),
        ("[mirrors]\n\"docker.io\" = 5\n", &["line 2"]),
        ("jobs = 70000\n", &["jobs", "line 1"]),
        ("timeout =\n", &["line 1"]),
        ("[proxy]\nhttp = \"http://127.0.0.1:1\"\nhtpps = \"x\"\n", &["htpps", "line 3"]),
    ] {
        let file = home.write("config.toml", text);
        let ran = home.run(&["query", "--config", &file, "127.0.0.1:1/x"]).exits(2);
        for said in said.iter().chain([&file.as_str()]) {
            assert!(ran.stderr.contains(said), "{text:?}: {said:?} is not in {:?}", ran.stderr);
        }
    }
    let file = home.write("config.toml", b"\xff\xfe");
    home.run(&["query", "--config", &file, "127.0.0.1:1/x"]).exits(2).says(&file);
}

#[test]
fn a_password_in_a_bad_proxy_address_is_not_shown() {
    let home = Home::new();
    let file = home.write("config.toml", "[proxy]\nhttps = \"nonsense://user:s3cret@proxy\"\n");
    let ran = home.run(&["query", "--config", &file, "--timeout", "1", "-v", "registry.invalid/x"]).exits(2);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_asked_in_the_registrys_place() {
    let registry = tour().await;
    let home = Home::new();
    let mirror = format!("docker.io={}", registry.host());
    let ran = home.run(&["query", "--json", "--mirror", &mirror, "amd64-and-arm64"]).exits(0);
    assert_eq!(ran.json()[0]["platforms"].as_array().unwrap().len(), 2);
    let file = home.write("config.toml", format!("[mirrors]\n\"docker.io\" = \"{}\"\n", registry.host()));
    home.run(&["query", "--config", &file, "amd64-and-arm64"]).exits(0);
    home.run(&["query", "--config", &file, "--mirror", "docker.io=127.0.0.1:1", "amd64-and-arm64"]).exits(2);
}

// Order, streams, bytes -----------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_answers_come_in_the_order_asked() {
    let registry = MemoryRegistry::start().await.unwrap();
    let mut names = registry.put_bench_images(200);
    names.reverse();
    for slow in ["image-*7/manifests/latest", "image-*3/manifests/latest"] {
        let on = On::get(&format!("/v2/bench/{slow}"));
        registry.fault(Fault::SlowHeaders(Duration::from_millis(60)), on, None);
    }
    registry.delete_tag("bench/image-00100", "latest");
    let names: Vec<String> = names.iter().map(|name| format!("{}/{name}", registry.host())).collect();
    let home = Home::new();
    let mut arguments = vec!["query", "--json"];
    arguments.extend(names.iter().map(String::as_str));
    let ran = home.run(&arguments).exits(2);
    let answers = ran.json();
    let told: Vec<&str> =
        answers.as_array().unwrap().iter().map(|answer| answer["reference"].as_str().unwrap()).collect();
    assert_eq!(told, names);
    assert_eq!(answers[99]["error"]["kind"], "not-found");
    assert_eq!(registry.requests().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn jsonl_gives_the_first_answer_while_a_later_one_is_waited_for() {
    let registry = MemoryRegistry::start().await.unwrap();
    let names = registry.put_bench_images(3);
    registry.fault(Fault::Hang, On::get("image-00001"), None);
    let names: Vec<String> = names.iter().map(|name| format!("{}/{name}", registry.host())).collect();
    let home = Home::new();
    let mut command = home.workson(&["query", "--jsonl", &names[0], &names[1], &names[2]]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver.recv_timeout(Duration::from_secs(15));
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    let answer: Value = serde_json::from_str(&line.expect("no line came")).unwrap();
    assert_eq!(answer["reference"], *names[0]);
    assert!(running, "it ended, although an answer was missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_is_exactly_the_bytes() {
    let registry = tour().await;
    let odd =
        b"{ \"schemaVersion\":2,\r\n\t\"manifests\": [] , \"x\": \"\\u001b[31m \xc3\xa9\" }\n\n".to_vec();
    registry.put_manifest("library/odd", Some("latest"), OCI_INDEX, odd.clone());
    let home = Home::new();
    assert_eq!(home.run(&["query", "--raw", &image(&registry, "odd")]).exits(0).stdout, odd);
    for name in ["schema1", "artifact", "many-platforms"] {
        let bytes = registry.manifest(&format!("library/{name}"), "latest").unwrap();
        assert_eq!(home.run(&["query", "--raw", &image(&registry, name)]).exits(0).stdout, bytes);
    }
    let ran = home.run(&["query", "--raw", &image(&registry, "absent")]).exits(2);
    assert!(ran.stdout.is_empty());
    registry.fault(Fault::WrongBytes, On::any(), None);
    let ran = home.run(&["query", "--raw", &image(&registry, "odd")]).exits(2).says("digest");
    assert!(ran.stdout.is_empty(), "bytes that are not what they should be were printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn mquerys_text_is_printed_as_mquery_printed_it() {
    let registry = tour().await;
    let home = Home::new();
    let mut text = String::new();
    for (name, code) in [("windows-and-linux", 0), ("arm-v7-only", 0), ("arm64-only", 0), ("docker-list", 0)]
    {
        let ran = home.run(&["query", "--format", "mquery", &image(&registry, name)]).exits(code);
        text += ran.text();
    }
    let digest = |name: &str| {
        Digest::sha256(&registry.manifest(&format!("library/{name}"), "latest").unwrap()).to_string()
    };
    for name in ["windows-and-linux", "arm-v7-only", "arm64-only", "docker-list"] {
        text = text.replace(&digest(name), &format!("DIGEST-OF-{name}"));
    }
    assert!(text.ends_with("linux/arm64\n\n"), "a blank line ends the output: {text:?}");
    assert_snapshot!(stable(&registry, &text), @r"
    Image: HOST/library/windows-and-linux (digest: DIGEST-OF-windows-and-linux)
     * Manifest List: Yes (Image type: application/vnd.oci.image.index.v1+json)
     * Supported platforms:
       - linux/amd64
       - linux/arm64/v8
       - windows/amd64:10.0.17763.5820

    Image: HOST/library/arm-v7-only (digest: DIGEST-OF-arm-v7-only)
     * Manifest List: Yes (Image type: application/vnd.oci.image.index.v1+json)
     * Supported platforms:
       - linux/amd64
       - linux/arm/v7

    Image: HOST/library/arm64-only (digest: DIGEST-OF-arm64-only)
     * Manifest List: No (Image type: application/vnd.oci.image.manifest.v1+json)
     * Supports: linux/arm64

    Image: HOST/library/docker-list (digest: DIGEST-OF-docker-list)
     * Manifest List: Yes (Image type: application/vnd.docker.distribution.manifest.list.v2+json)
     * Supported platforms:
       - linux/amd64
       - linux/arm64
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn mquerys_errors_stand_on_standard_output_with_exit_code_1() {
    let registry = tour().await;
    let home = Home::new();
    for name in ["absent", "schema1", "artifact"] {
        let ran = home.run(&["query", "--format", "mquery", &image(&registry, name)]).exits(1);
        assert!(ran.text().starts_with("ERROR: ") && ran.text().ends_with('\n'), "{}", ran.text());
        assert_eq!(ran.text().lines().count(), 1, "{}", ran.text());
        assert_eq!(ran.stderr, "");
    }
    let ran = home.run(&["query", "--format", "mquery", "UPPER/case"]).exits(1);
    assert!(ran.text().starts_with("ERROR: "), "{}", ran.text());
}

// What is asked of the registry ---------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn listing_an_index_costs_one_manifest_request_and_nothing_else() {
    let registry = tour().await;
    let home = Home::new();
    for form in [&[][..], &["--json"], &["--jsonl"], &["--raw"], &["--platform", "linux/arm64"]] {
        registry.clear_requests();
        home.run(&[&["query", &image(&registry, "many-platforms")], form].concat()).exits(0);
        let requests: Vec<_> = registry.requests().iter().map(|r| (r.method, r.path.clone())).collect();
        let only = (Method::Get, "/v2/library/many-platforms/manifests/latest".to_owned());
        assert_eq!(requests, [only], "{form:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_of_all_tags_cost_a_head_for_each_tag_and_a_get_for_each_digest() {
    let registry = tour().await;
    let home = Home::new();
    let ran = home.run(&["query", "--tags", "--json", &image(&registry, "many-tags")]).exits(0);
    let answers = ran.json();
    let tags: Vec<&str> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["reference"].as_str().unwrap().rsplit_once(':').unwrap().1)
        .collect();
    assert_eq!(tags.len(), 9, "{tags:?}");
    let position = |tag: &str| tags.iter().position(|t| *t == tag).unwrap();
    assert!(position("2.1.0") < position("2.0.0") && position("2.0.0") < position("1.1.0"), "{tags:?}");
    // 1.0.0, 1.1.0, 2.0.0, 2.1.0 and 2.1.0-amd64 are five digests.
    assert_eq!((registry.count_manifest_heads(), registry.count_manifest_gets()), (9, 5));

    let ran = home.run(&["query", "--tags", "1.*", "--json", &image(&registry, "many-tags")]).exits(0);
    assert_eq!(ran.json().as_array().unwrap().len(), 2);
    home.run(&["query", "--tags", "zzz*", &image(&registry, "many-tags")]).exits(2).says("zzz*");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_images_of_one_repository_need_one_token() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.require(Auth::Token(TokenAuth::default()));
    let digest = registry.put_image_index("library/thing", "t0", &["linux/amd64"]);
    let names: Vec<String> = (0..50)
        .map(|number| {
            registry.put_tag("library/thing", &format!("t{number}"), &digest);
            image(&registry, &format!("thing:t{number}"))
        })
        .collect();
    let mut arguments = vec!["query", "--json"];
    arguments.extend(names.iter().map(String::as_str));
    Home::new().run(&arguments).exits(0);
    assert_eq!(registry.count_token_requests(), 1);
    assert!(
        registry.count_manifest_gets() <= 51,
        "{} requests for 50 images",
        registry.count_manifest_gets()
    );
}

// Faults, as the command tells them -----------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_has_its_kind_in_json_and_a_sentence_on_standard_error() {
    let home = Home::new();
    for (fault, kind) in [
        (Fault::too_many_requests(Some("3600")), "rate-limited"),
        (Fault::status(500), "server"),
        (Fault::Reset, "network"),
        (Fault::CutBody { after: 30 }, "network"),
        (Fault::WrongBytes, "digest-mismatch"),
        (Fault::WrongDigestHeader(Digest::sha256(b"x").to_string()), "digest-mismatch"),
        (Fault::EndlessBody, "too-large"),
        (Fault::ContentType("text/html".into()), "invalid-image"),
        (Fault::Redirect { to: String::new(), code: 307 }, "redirect"),
        (Fault::status(403), "denied"),
        (Fault::status(404), "not-found"),
    ] {
        let registry = tour().await;
        registry.fault(fault.clone(), On::get("/manifests/"), None);
        let name = image(&registry, "amd64-and-arm64");
        let ran = home.run(&["query", "--json", &name]).exits(2);
        let error = &ran.json()[0]["error"];
        assert_eq!(error["kind"], kind, "{fault:?}: {error}");
        let ran = home.run(&["query", &name]).exits(2).says("workson: ").says("amd64-and-arm64");
        assert_eq!(ran.text(), "", "{fault:?}");
    }
    let registry = tour().await;
    registry.fault(Fault::WrongBytes, On::get("/manifests/"), None);
    let name = image(&registry, "amd64-and-arm64");
    for arguments in [&["query", "--raw"][..], &["query", "--jsonl"], &["resolve"], &["resolve", "--json"]] {
        let ran = home.run(&[arguments, &[&name]].concat()).exits(2);
        let all = format!("{}{}", ran.text(), ran.stderr);
        assert!(all.contains("have the digest"), "{arguments:?}: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_never_answers_does_not_hang_the_program() {
    let registry = tour().await;
    let home = Home::new();
    let name = image(&registry, "amd64-and-arm64");
    for fault in [Fault::Hang, Fault::Trickle { bytes_per: 1, every: Duration::from_millis(100) }] {
        registry.clear_faults();
        registry.fault(fault, On::any(), None);
        let ran = home.run(&["query", "--json", "--timeout", "1", &name]).exits(2);
        assert_eq!(ran.json()[0]["error"]["kind"], "timeout");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_50_megabytes_takes_no_memory() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_manifest("library/huge", Some("latest"), OCI_INDEX, vec![b' '; 50 << 20]);
    let home = Home::new();
    for fault in [None, Some(Fault::Chunked), Some(Fault::NoContentLength), Some(Fault::EndlessBody)] {
        registry.clear_faults();
        if let Some(fault) = &fault {
            registry.fault(fault.clone(), On::any(), None);
        }
        let ran = home.run(&["query", "--json", &image(&registry, "huge")]).exits(2);
        assert_eq!(ran.json()[0]["error"]["kind"], "too-large");
        assert!(ran.peak_kib > 0 && ran.peak_kib < 64 << 10, "{fault:?}: {} KiB", ran.peak_kib);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_platforms_are_all_listed() {
    let registry = MemoryRegistry::start().await.unwrap();
    let entries: Vec<_> = (0..10_000)
        .map(|n| {
            let digest = Digest::sha256(format!("{n}").as_bytes());
            image_entry("application/vnd.oci.image.manifest.v1+json", &digest, n, &format!("linux/cpu{n}"))
        })
        .collect();
    registry.put_manifest("library/many", Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    let home = Home::new();
    let name = image(&registry, "many");
    let ran = home.run(&["query", "--json", &name]).exits(0);
    assert_eq!(ran.json()[0]["platforms"].as_array().unwrap().len(), 10_000);
    let ran = home.run(&["query", &name]).exits(0);
    assert_eq!(ran.text().lines().filter(|line| line.starts_with("linux/cpu")).count(), 10_000);
    home.run(&["resolve", "--platform", "linux/cpu9999", &name]).code.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_nested_10_000_deep_is_an_error_and_no_crash() {
    let registry = MemoryRegistry::start().await.unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    registry.put_manifest("library/deep", Some("latest"), OCI_INDEX, deep);
    let ran = Home::new().run(&["query", "--json", &image(&registry, "deep")]).exits(2);
    assert_eq!(ran.json()[0]["error"]["kind"], "invalid-image");
}

// Credentials ---------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_shows_the_requests_and_no_secret() {
    let registry = tour().await;
    registry.require(Auth::Token(TokenAuth {
        credentials: Some(("robot".into(), "s3cret-password".into())),
        ..TokenAuth::default()
    }));
    let home = Home::new();
    let auths = format!(
        r#"{{"auths":{{"{}":{{"username":"robot","password":"s3cret-password","auth":"cm9ib3Q6czNjcmV0LXBhc3N3b3Jk"}}}}}}"#,
        registry.host()
    );
    home.write(".docker/config.json", auths);
    let ran = home.run(&["query", "-v", &image(&registry, "amd64-and-arm64")]).exits(0);
    for shown in
        ["GET http://", "/v2/library/amd64-and-arm64/manifests/latest", "→ 401", "→ 200", "authorized"]
    {
        assert!(ran.stderr.contains(shown), "{shown}: {}", ran.stderr);
    }
    for secret in ["s3cret", "cm9ib3Q6", "memory-registry-token", "Bearer", "Basic"] {
        assert!(!ran.stderr.contains(secret), "{secret}: {}", ran.stderr);
    }
    // Wrong ones are not shown either.
    let wrong =
        format!(r#"{{"auths":{{"{}":{{"username":"robot","password":"s3cret-old"}}}}}}"#, registry.host());
    home.write(".docker/config.json", wrong);
    let ran = home.run(&["query", "-v", &image(&registry, "amd64-and-arm64")]).exits(2).says("docker login");
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

// Outputs -------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn no_colour_codes_are_written_to_a_pipe() {
    let registry = tour().await;
    let home = Home::new();
    let (one, two) = (image(&registry, "amd64-and-arm64"), image(&registry, "absent"));
    for arguments in [
        &["query", "--platform", "linux/arm64", &one, &two][..],
        &["query", "--tags", "*", &image(&registry, "many-tags")],
        &["query", "--json", &one],
        &["resolve", "--explain", "--platform", "linux/arm64", &one],
        &["--help"],
        &["query", "--nonsense"],
    ] {
        for (name, value) in [("NO_COLOR", "1"), ("TERM", "xterm-256color"), ("COLORTERM", "truecolor")] {
            let ran = start(home.workson(arguments).env(name, value)).ends();
            assert!(!ran.stdout.contains(&0x1b), "{arguments:?} with {name}");
            assert!(!ran.stderr.contains('\x1b'), "{arguments:?} with {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_color_wins_over_a_forced_colour() {
    let registry = tour().await;
    let home = Home::new();
    let name = image(&registry, "amd64-and-arm64");
    let mut command = home.workson(&["query", "--no-color", "--platform", "linux/arm64", &name, &name]);
    let ran = start(command.env("CLICOLOR_FORCE", "1")).ends().exits(0);
    assert!(!ran.stdout.contains(&0x1b));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_enough_is_no_failure() {
    let registry = MemoryRegistry::start().await.unwrap();
    let names = registry.put_bench_images(200);
    let home = Home::new();
    let names: Vec<String> = names.iter().map(|name| format!("{}/{name}", registry.host())).collect();
    let names = names.join(" ");
    for form in ["--jsonl", "--json", "", "--format mquery"] {
        let ran = home.shell(&format!("$W query {form} {names} | head -n 1")).exits(0);
        assert_eq!(ran.text().lines().count(), 1, "{form}");
        assert_eq!(ran.stderr, "", "{form}");
    }
    for command in ["completions zsh", "man", "--help"] {
        let ran = home.shell(&format!("$W {command} | head -n 1")).exits(0);
        assert_eq!(ran.stderr, "", "{command}");
    }
    // Nobody at the other end at all.
    let ran = home.shell(&format!("$W query --json {names} | true")).exits(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn an_output_that_can_not_be_written_is_an_error() {
    let home = Home::new();
    for command in ["completions bash", "man"] {
        let ran = home.shell(&format!("$W {command} > /dev/full"));
        assert_eq!(ran.code, Some(2), "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains("writing"), "{command}: {}", ran.stderr);
    }
}

#[test]
fn completions_and_manual_pages_are_there() {
    let home = Home::new();
    for (shell, says) in
        [("bash", "complete -F"), ("zsh", "#compdef workson"), ("fish", "complete -c workson")]
    {
        let ran = home.run(&["completions", shell]).exits(0);
        for word in [says, "inventory", "resolve", "platform"] {
            assert!(ran.text().contains(word), "{shell}: {word}");
        }
    }
    let ran = home.run(&["man"]).exits(0);
    for word in [".TH workson 1", "inventory", "resolve", "query"] {
        assert!(ran.text().contains(word), "{word}");
    }
    home.run(&["man", "pages"]).exits(0);
    for page in ["workson.1", "workson-query.1", "workson-inventory.1", "workson-resolve.1"] {
        let text = std::fs::read_to_string(home.path("pages").join(page)).unwrap();
        assert!(text.len() > 300 && text.contains(".TH"), "{page}");
    }
    home.write("file", "x");
    home.run(&["man", "file/below"]).exits(2).says("file/below");
}

#[test]
fn shells_accept_the_completions() {
    let home = Home::new();
    let ran = home.shell("$W completions bash > c && if command -v bash > /dev/null; then bash -n c; fi");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

// resolve -------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn resolve_of_an_absent_platform_says_what_there_is_and_the_nearest_tag() {
    let registry = tour().await;
    let home = Home::new();
    let name = image(&registry, "many-tags:1.0.0");
    let ran = home.run(&["resolve", "--platform", "linux/arm64", &name]).exits(1);
    assert_snapshot!(stable(&registry, ran.text()), @r"
    HOST/library/many-tags:1.0.0 has nothing for linux/arm64
    it has    linux/amd64
    nearest   HOST/library/many-tags:2.0.0 (linux/arm64)
    ");
    let ran = home.run(&["resolve", "--json", "--platform", "linux/arm64", &name]).exits(1);
    let answer = ran.json();
    assert_eq!(answer["digest"], Value::Null);
    assert_eq!(answer["available"], serde_json::json!(["linux/amd64"]));
    assert!(answer["nearest"]["reference"].as_str().unwrap().ends_with("/many-tags:2.0.0"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_says_no_even_where_tags_can_not_be_listed() {
    let home = Home::new();
    for fault in [Fault::status(403), Fault::status(500), Fault::EndlessBody, Fault::Reset] {
        let registry = tour().await;
        registry.fault(fault.clone(), On::get("/tags/list"), None);
        let name = image(&registry, "no-arm64");
        let ran = home.run(&["resolve", "--platform", "linux/arm64", &name]).exits(1);
        assert!(ran.text().contains("linux/s390x"), "{fault:?}: {}", ran.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_tells_exit_codes_for_every_kind() {
    let registry = tour().await;
    let home = Home::new();
    for (name, platform, code) in [
        ("amd64-and-arm64", "linux/arm64", 0),
        ("arm-v7-only", "linux/arm64", 0),
        ("no-arm64", "linux/arm64", 1),
        ("amd64-only", "linux/arm64", 1),
        ("empty-index", "linux/arm64", 1),
        ("lying-index", "linux/arm64", 1),
        ("missing-child", "linux/arm64", 2),
        ("artifact", "linux/arm64", 2),
        ("schema1", "linux/arm64", 2),
        ("absent", "linux/arm64", 2),
        ("nested-index", "linux/arm64", 0),
        // Engines look into one entry without a platform only: the first.
        ("no-platform", "linux/amd64", 0),
        ("no-platform", "linux/arm64", 1),
        ("windows", "windows(10.0.17763.1)/amd64", 0),
    ] {
        let ran = home.run(&["resolve", "--platform", platform, &image(&registry, name)]);
        assert_eq!(ran.code, Some(code), "{name}: {} {}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
        assert!(code != 2 || !ran.stderr.is_empty(), "{name}: nothing is said");
    }
}

// Interrupted ---------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_a_query_at_once() {
    let registry = tour().await;
    registry.fault(Fault::Hang, On::any(), None);
    let home = Home::new();
    let running = start(&mut home.workson(&["query", &image(&registry, "windows")]));
    until("the request", || !registry.requests().is_empty());
    running.signal("INT");
    let started = std::time::Instant::now();
    running.ends();
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_misspelt_platform_is_refused_and_not_answered_with_no() {
    let home = Home::new();
    let ran = home.run(&["query", "x", "--platform", "linux/amd46"]).exits(2);
    assert!(
        ran.stderr.contains("no architecture \"amd46\"") && ran.stderr.contains("amd64?"),
        "{}",
        ran.stderr
    );
    let ran = home.run(&["inventory", "--platform", "lunix/arm64"]).exits(2);
    assert!(
        ran.stderr.contains("no operating system \"lunix\"") && ran.stderr.contains("linux?"),
        "{}",
        ran.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_registry_says_steers_the_terminal() {
    let registry = MemoryRegistry::start().await.unwrap();
    let index = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "digest":"sha256:\u001b[2J","size":1,"platform":{"os":"linux","architecture":"\u001b]0;owned\u0007"}},
        {"mediaType":"x/\u001b[2J","digest":"sha256:\u202e","size":1,"platform":{"os":"\u001b[5m","architecture":"y"}}]}"#;
    registry.put_manifest("library/evil", Some("latest"), "application/vnd.oci.image.index.v1+json", index);
    let home = Home::new();
    let image = format!("{}/library/evil", registry.host());
    let list = home.list("list.txt", &registry, &["library/evil".into()]);
    for arguments in [
        &["query", &image][..],
        &["query", &image, &image, "-p", "linux/arm64"],
        &["query", &image, "--tags"],
        &["query", &image, "--format", "mquery"],
        &["resolve", &image, "--explain"],
        &["inventory", &list],
    ] {
        let ran = home.run(arguments);
        for text in [ran.text(), &ran.stderr] {
            let bad = text.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
            assert_eq!(bad, None, "{arguments:?}: {text:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_tags_take_little_memory() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.record(false);
    let digest = registry.put_image_index("library/many", "0", &["linux/amd64"]);
    for tag in 1..20_000 {
        registry.put_tag("library/many", &tag.to_string(), &digest);
    }
    let home = Home::new();
    let image = format!("{}/library/many", registry.host());
    let ran = home.run(&["query", &image, "--tags", "--jsonl"]).exits(0);
    assert_eq!(ran.text().lines().count(), 20_000);
    assert!(ran.peak_kib < 64 << 10, "{} KiB", ran.peak_kib);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_can_not_be_listed_does_not_spoil_the_others() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image_index("library/a", "1.0", &["linux/amd64"]);
    let home = Home::new();
    let (a, b) = (format!("{}/library/a", registry.host()), format!("{}/library/b", registry.host()));
    let told = home.run(&["query", &a, &b, "--tags", "--json"]).exits(2).json();
    assert_eq!(
        (told[0]["kind"].as_str(), told[1]["error"]["kind"].as_str()),
        (Some("index"), Some("not-found"))
    );
}

#[test]
fn a_configuration_out_of_bounds_is_refused_and_its_secrets_are_not_shown() {
    let home = Home::new();
    for (text, said) in [
        ("timeout = 9223372036854775807", "timeout has to be"),
        ("timeout = 0", "timeout has to be"),
        ("jobs = 0", "jobs has to be"),
        ("[proxy]\nhtps = \"http://u:s3cret@p\"", "line 2"),
    ] {
        let file = home.write("config.toml", text);
        let ran = home.run(&["query", "--config", &file, "127.0.0.1:1/x"]).exits(2).says(said);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_makes_no_yes_of_a_no() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.record(false);
    let digest = registry.put_image_index("library/many", "0", &["linux/amd64"]);
    for tag in 1..3_000 {
        registry.put_tag("library/many", &tag.to_string(), &digest);
    }
    let home = Home::new();
    let image = format!("{}/library/many", registry.host());
    let ran = home.shell(&format!(
        "{{ $W query {image} --tags --jsonl -p linux/arm64; echo code=$? >&2; }} | head -c 10 >/dev/null"
    ));
    assert!(ran.stderr.contains("code=2") || ran.stderr.contains("code=1"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_image_is_shown_whole_and_many_a_line_each() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    let home = Home::new();
    let (one, two) = (
        format!("{}/library/amd64-and-arm64", registry.host()),
        format!("{}/library/amd64-only", registry.host()),
    );
    // The width of the columns is that of the port's digits.
    let shown = |ran: Ran| {
        let text = ran.text().replace(&registry.host(), "HOST");
        text.lines()
            .map(|line| {
                line.split("  ")
                    .filter(|cell| !cell.is_empty())
                    .map(str::trim)
                    .collect::<Vec<_>>()
                    .join(" | ")
                    + "\n"
            })
            .collect::<String>()
    };
    insta::assert_snapshot!(shown(home.run(&["query", &one]).exits(0)), @r"
    HOST/library/amd64-and-arm64
    index, application/vnd.oci.image.index.v1+json
    sha256:9c356a6284c89323d7dd67db8d1d65ed01c15f0e1e0c8aa8964462f0ad11fbd0

    PLATFORM | DIGEST | SIZE
    linux/amd64 | sha256:d76933389903d19de4546930ec8307f3f0669e7ddfb384b519336e2c3fe39346 | 400
    linux/arm64 | sha256:199bf7b548c7ebdead8ae28b16d07393a7953e82f3433b12568f5e8b69ae561e | 400
    ");
    insta::assert_snapshot!(shown(home.run(&["query", &one, &two]).exits(0)), @r"
    IMAGE | KIND | PLATFORMS
    HOST/library/amd64-and-arm64 | index | linux/amd64 linux/arm64
    HOST/library/amd64-only | image | linux/amd64
    ");
    insta::assert_snapshot!(shown(home.run(&["query", &one, "-p", "linux/arm64"]).exits(0)), @r"
    IMAGE | KIND | linux/arm64 | PLATFORMS
    HOST/library/amd64-and-arm64 | index | yes | linux/amd64 linux/arm64
    ");
}

/// An index with linux/amd64, and an entry without a platform whose manifest is gone.
fn put_half_told(registry: &MemoryRegistry, tag: &str) {
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let entry = |digest: u8, platform: &str| {
        format!(r#"{{"mediaType":"{manifest}","digest":"sha256:{digest:064}","size":1{platform}}}"#)
    };
    let amd64 = entry(1, r#","platform":{"os":"linux","architecture":"amd64"}"#);
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{amd64},{}]}}"#, entry(2, ""));
    registry.put_manifest("library/half", Some(tag), OCI_INDEX, index);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_told_is_never_shown_as_no() {
    let registry = MemoryRegistry::start().await.unwrap();
    put_half_told(&registry, "1.0");
    registry.put_image_index("library/half", "0.9", &["linux/amd64", "linux/arm64"]);
    let home = Home::new();
    let image = format!("{}/library/half", registry.host());
    let ran = home.run(&["query", &image, "--tags"]);
    let row = ran.text().lines().find(|line| line.contains(":1.0")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().skip(1).collect();
    assert_eq!(cells, ["yes", "?"], "{}", ran.text());
    let told = format!("{image}:1.0");
    let ran = home.run(&["resolve", &told, "--platform", "linux/s390x"]).exits(2);
    assert!(ran.text().contains("could not be told"), "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_not_told_by_the_image_that_another_tag_moved_to() {
    let registry = MemoryRegistry::start().await.unwrap();
    let before = registry.put_image_index("library/a", "1.0", &["linux/amd64", "linux/arm64"]);
    registry.put_tag("library/a", "2.0", &before);
    // The HEAD of 2.0 still announces what 1.0 points at; its GET gives another image.
    registry.put_image_index("library/a", "2.0", &["linux/riscv64"]);
    registry.fault(Fault::WrongDigestHeader(before.to_string()), On::head("manifests/2.0"), None);
    let home = Home::new();
    let image = format!("{}/library/a", registry.host());
    let told = home.run(&["query", &image, "--tags", "--json", "-j1"]).json();
    let platforms = |at: usize| {
        let platforms = told[at]["platforms"].as_array().unwrap().iter();
        platforms.map(|platform| platform["platform"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(told[1]["reference"], format!("{image}:1.0"));
    assert_eq!(platforms(1), ["linux/amd64", "linux/arm64"]);
}

#[test]
fn a_bad_mirror_is_refused_without_its_password() {
    let home = Home::new();
    for mirror in ["docker.io=http://u:s3cret@cache.example", "docker.io=u:s3cret@cache.example"] {
        let ran = home.run(&["query", "nginx", "--mirror", mirror]).exits(2);
        assert!(ran.stderr.contains("mirror") && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
}
