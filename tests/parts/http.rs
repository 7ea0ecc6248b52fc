//! Just enough of an HTTP client to put things into a registry as they are, which no tool does.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use workson_oci::Digest;

/// What a server answered.
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Sends one request over a connection of its own.
pub(crate) fn request(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut stream = TcpStream::connect(host).unwrap();
    // In HTTP/1.0 the answer ends with the connection: nothing is chunked.
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head, body: answer[end + 4..].to_vec() }
}

/// Stores a blob in an open registry, which checks its digest.
pub(crate) fn put_blob(host: &str, repository: &str, bytes: &[u8]) -> Digest {
    let digest = Digest::sha256(bytes);
    let begun = request(host, "POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
    assert_eq!(begun.status, 202, "the registry takes no upload: {}", begun.head);
    let location = begun.header("Location").unwrap();
    let path = location.strip_prefix(&format!("http://{host}")).unwrap_or(location);
    let kind = [("Content-Type", "application/octet-stream")];
    let done = request(host, "PUT", &format!("{path}&digest={digest}"), &kind, bytes);
    assert_eq!(done.status, 201, "{}", String::from_utf8_lossy(&done.body));
    digest
}

/// Stores a manifest in an open registry under a tag (or its digest), byte for byte.
pub(crate) fn put_manifest(host: &str, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
    let path = format!("/v2/{repository}/manifests/{tag}");
    let done = request(host, "PUT", &path, &[("Content-Type", media_type)], bytes);
    assert_eq!(done.status, 201, "{}", String::from_utf8_lossy(&done.body));
}
