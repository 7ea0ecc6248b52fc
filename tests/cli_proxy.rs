//! Proxies from the environment and from the configuration, against a proxy that writes down what it is asked.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use cli_support::{Home, start};

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

/// A proxy on loopback that answers requests in the clear with an empty index and refuses tunnels; gives its
/// address and the head of each request.
fn proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, heads) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let answer = if head.starts_with("CONNECT") {
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned()
            } else {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\n\
                     Content-Length: {}\r\nConnection: close\r\n\r\n{INDEX}",
                    INDEX.len()
                )
            };
            let _ = connection.write_all(answer.as_bytes());
            if sender.send(head).is_err() {
                return;
            }
        }
    });
    (address, heads)
}

#[test]
fn a_registry_in_the_clear_is_asked_through_the_proxy_of_the_environment() {
    let (address, heads) = proxy();
    let home = Home::new();
    let mut workson =
        home.workson(&["query", "registry.example/a/b", "--raw", "--plain-http", "registry.example"]);
    let ran = start(workson.env("HTTP_PROXY", format!("http://user:pass@{address}"))).ends().exits(0);
    assert_eq!(ran.text(), INDEX);
    let head = heads.recv().unwrap();
    assert!(head.starts_with("GET http://registry.example/v2/a/b/manifests/latest HTTP/1.1\r\n"), "{head}");
    // base64 of user:pass
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
}

#[test]
fn a_registry_over_tls_is_asked_through_a_tunnel_that_the_file_names() {
    let (address, heads) = proxy();
    let home = Home::new();
    let config = home.write("config.toml", format!("[proxy]\nhttps = \"http://user:pass@{address}\"\n"));
    let ran = home.run(&["query", "registry.example/a/b", "--config", &config]).exits(2);
    let head = heads.recv().unwrap();
    assert!(head.starts_with("CONNECT registry.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
    assert!(ran.stderr.contains("tunnel") && !ran.stderr.contains("pass"), "{}", ran.stderr);
}

#[test]
fn loopback_goes_past_the_proxy() {
    let (address, heads) = proxy();
    let home = Home::new();
    let mut workson = home.workson(&["query", "127.0.0.1:1/a"]);
    let proxy = format!("http://{address}");
    start(workson.env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", &proxy).env("ALL_PROXY", &proxy))
        .ends()
        .exits(2);
    assert!(heads.try_recv().is_err(), "the proxy was asked");
}
