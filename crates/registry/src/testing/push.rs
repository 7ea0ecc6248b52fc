//! The endpoints that store something.

use bytes::Bytes;
use serde_json::Value;
use workson_oci::Digest;

use super::Shared;
use super::routes::{error, v2};
use super::store::{Manifest, Store};
use super::wire::{Method, Request, Response};

/// `PUT …/manifests/…`: as distribution does it, only if everything that the manifest names is there.
pub(super) fn put_manifest(shared: &Shared, request: &Request<'_>, name: &str, reference: &str) -> Response {
    let Ok(parsed) = serde_json::from_slice::<Value>(&request.body) else {
        return error(400, "MANIFEST_INVALID", "manifest invalid");
    };
    let (tag, digest) = if reference.contains(':') {
        match reference.parse::<Digest>() {
            Ok(digest) if digest.matches(&request.body) => (None, digest),
            _ => {
                return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
            }
        }
    } else {
        (Some(reference), Digest::sha256(&request.body))
    };
    let mut store = shared.store_mut();
    if let Some(missing) = store.missing_part(name, &parsed) {
        return error(400, "MANIFEST_BLOB_UNKNOWN", &format!("blob unknown to registry: {missing}"));
    }
    let media_type = request.header("content-type").or(parsed["mediaType"].as_str()).unwrap_or_default();
    let manifest = Manifest::new(digest.as_str(), media_type, request.body.clone());
    let mut response = created(format!("/v2/{name}/manifests/{digest}"), digest.as_str());
    if let Some(subject) = &manifest.subject {
        response = response.with("OCI-Subject", subject.as_str());
    }
    store.put_manifest(name, tag, manifest);
    response
}

fn created(location: String, digest: &str) -> Response {
    v2(201).with("Location", location).with("Docker-Content-Digest", digest)
}

/// Everything under `…/blobs/uploads/`; `id` is empty for a new one.
pub(super) fn upload(shared: &Shared, request: &Request<'_>, name: &str, id: &str) -> Response {
    let mut store = shared.store_mut();
    let digest = request.query("digest").next();
    if request.method == Method::Post && id.is_empty() {
        if let Some(digest) = digest {
            return finish(name, &digest, request.body.clone(), &mut store);
        }
        if let (Some(digest), Some(from)) = (request.query("mount").next(), request.query("from").next())
            && let Some(bytes) = store.blob(&from, &digest)
        {
            store.put_blob(name, &digest, bytes);
            return created(format!("/v2/{name}/blobs/{digest}"), &digest);
        }
        store.last_upload += 1;
        let number = store.last_upload;
        store.uploads.insert(number, Vec::new());
        return progress(202, name, number, 0);
    }
    let number = id.parse().unwrap_or(0);
    let Some(received) = store.uploads.get_mut(&number) else {
        return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    };
    match request.method {
        Method::Get => progress(204, name, number, received.len()),
        Method::Patch => {
            let start =
                request.header("content-range").and_then(|range| range.split_once('-')?.0.parse().ok());
            if start.is_some_and(|start: usize| start != received.len()) {
                return error(416, "BLOB_UPLOAD_INVALID", "chunk out of order");
            }
            received.extend_from_slice(&request.body);
            progress(202, name, number, received.len())
        }
        Method::Put => {
            let mut bytes = std::mem::take(received);
            bytes.extend_from_slice(&request.body);
            store.uploads.remove(&number);
            finish(name, &digest.unwrap_or_default(), bytes.into(), &mut store)
        }
        Method::Delete => {
            store.uploads.remove(&number);
            v2(204)
        }
        _ => error(405, "UNSUPPORTED", "the operation is unsupported"),
    }
}

/// Adds bytes to the upload at `path`, if there is one.
pub(super) fn keep(shared: &Shared, path: &str, bytes: &[u8]) {
    let number = path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
    if let Some(received) = shared.store_mut().uploads.get_mut(&number) {
        received.extend_from_slice(bytes);
    }
}

fn progress(status: u16, name: &str, number: u64, received: usize) -> Response {
    v2(status)
        .with("Location", format!("/v2/{name}/blobs/uploads/{number}"))
        .with("Docker-Upload-UUID", number.to_string())
        .with("Range", format!("0-{}", received.saturating_sub(1)))
}

fn finish(name: &str, digest: &str, bytes: Bytes, store: &mut Store) -> Response {
    match digest.parse::<Digest>() {
        Ok(parsed) if parsed.matches(&bytes) => {
            store.put_blob(name, digest, bytes);
            created(format!("/v2/{name}/blobs/{digest}"), digest)
        }
        _ => error(400, "DIGEST_INVALID", "provided digest did not match uploaded content"),
    }
}
