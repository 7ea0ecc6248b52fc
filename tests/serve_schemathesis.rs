//! The OpenAPI document against the service, by schemathesis: what it sends follows from the document, and from what the
//! document forbids; what comes back has to be as the document says.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod serve_support;

use std::path::Path;
use std::process::{Command, Stdio};

use cli_support::Home;
use serve_support::Server;
use workson_registry::testing::MemoryRegistry;

/// Where `tests/install.sh` puts it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/venv/bin/schemathesis");

#[tokio::test(flavor = "multi_thread")]
async fn the_service_answers_as_its_document_says() {
    assert!(Path::new(PROGRAM).exists(), "tests/install.sh installs what this test runs");
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    for name in ["nginx", "redis"] {
        registry.put_image_index(&format!("library/{name}"), "latest", &["linux/amd64", "linux/arm64"]);
    }
    let home = Home::new();
    let host = registry.host();
    let mirror = format!("docker.io={host}");
    // Whatever image is asked about, no other registry is.
    let server = Server::start(
        &home,
        &["--mirror", &mirror, "--registry", "docker.io", "--internal", &host, "--questions-per-minute", "0"],
    );
    let mut command = Command::new(PROGRAM);
    command
        .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/schemathesis.toml")])
        .args(["run", "--checks", "all", &format!("http://{}/api/v1/openapi.json", server.address)])
        .current_dir(home.path(""))
        .stdin(Stdio::null())
        .env("NO_COLOR", "1");
    let ran = command.output().unwrap();
    let (told, complained) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}\n{complained}");
    assert!(told.contains("No issues found"), "{told}");
    // It was really asked, and the registry with it.
    let metrics = server.text("/metrics");
    for route in ["query", "stack"] {
        let of_route = metrics.lines().filter(|line| line.contains(&format!("route=\"{route}\"")));
        let answered = |line: &str| {
            line.strip_prefix("workson_http_requests_total{")?.split_once("} ")?.1.parse::<u64>().ok()
        };
        assert!(of_route.filter_map(answered).sum::<u64>() >= 100, "{route}: {told}");
    }
    assert!(registry.requests().len() >= 2, "{told}");
    assert_eq!(server.get("/healthz").status, 200);
}
