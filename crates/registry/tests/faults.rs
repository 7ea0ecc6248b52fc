//! What a client gives when the registry, or the wire, misbehaves: an answer that is right, or an error that
//! says what happened. It never hangs, and never takes what is not what was asked for.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod faults_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use faults_support::{OCI_INDEX, TWO, client, ends, quick, reference, with_thing};
use workson_oci::platform::Matcher;
use workson_oci::{Digest, Kind as ImageKind, Platform};
use workson_registry::options::Proxies;
use workson_registry::rate_limit::PullBudget;
use workson_registry::testing::{
    Auth, Fault, MemoryRegistry, Method, On, TokenAuth, image_entry, index, index_of,
};
use workson_registry::{Client, Kind, Options};

const MANIFESTS: &str = "/manifests/";

// 429 ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_short_wait_that_the_registry_asks_for_is_waited_and_then_answered() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::too_many_requests(Some("1")), On::get(MANIFESTS), Some(1));
    let started = Instant::now();
    let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
    assert_eq!(answer.image.platforms.len(), 2);
    assert!(started.elapsed() >= Duration::from_millis(900), "asked again after {:?}", started.elapsed());
    assert_eq!(registry.count_manifest_gets(), 2);
}

#[tokio::test]
async fn too_many_requests_without_a_wait_is_answered_after_a_while() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::too_many_requests(None), On::get(MANIFESTS), Some(2));
    let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
    assert_eq!(answer.image.platforms.len(), 2);
    assert_eq!(registry.count_manifest_gets(), 3);
}

#[tokio::test]
async fn a_long_wait_is_an_error_at_once_that_says_how_long() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::too_many_requests(Some("3600")), On::get(MANIFESTS), None);
    let client = client(quick());
    let error = ends(client.image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(error.to_string().contains("429"), "{error}");
    assert!(error.hint().unwrap().contains("60 min"), "{:?}", error.hint());

    // Whoever asks next is told so, too, and the registry is left alone.
    let error = ends(client.image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert!(error.to_string().contains("59 min") || error.to_string().contains("60 min"), "{error}");
    assert_eq!(registry.count_manifest_gets(), 1);
}

#[tokio::test]
async fn a_long_wait_that_one_question_is_told_is_kept_by_those_that_wait_for_their_turn() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(40);
    registry.fault(Fault::too_many_requests(Some("3600")), On::get(MANIFESTS), None);
    let client = client(Options { concurrency: 4, ..quick() });
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(async move { client.image(&image, false).await.map(|_| ()).unwrap_err().kind() });
    }
    assert!(ends(asking.join_all()).await.into_iter().all(|kind| kind == Kind::RateLimited));
    assert!(registry.count_manifest_gets() <= 4, "{} were sent", registry.count_manifest_gets());
}

#[tokio::test]
async fn a_wait_until_a_date_is_understood() {
    let (registry, thing) = with_thing().await;
    let headers =
        [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Retry-After", "Sun, 06 Nov 1994 10:49:37 GMT")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fault = Fault::Status { code: 429, headers: headers.into(), body: Bytes::new() };
    registry.fault(fault, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (Kind::RateLimited, Some(Duration::from_secs(7200))));
}

#[tokio::test]
async fn too_many_requests_for_ever_is_an_error_after_a_few_attempts() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::too_many_requests(None), On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    assert!(error.to_string().contains("pull rate limit"), "{error}");
    assert_eq!(registry.count_manifest_gets(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn too_many_requests_for_ever_are_found_out_by_a_few_and_told_to_all() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(41);
    let client = client(quick());
    registry.fault(Fault::too_many_requests(None), On::get(MANIFESTS), None);
    let started = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(async move { client.image(&image, false).await.map(|_| ()).unwrap_err() });
    }
    for error in ends(asking.join_all()).await {
        assert_eq!(error.kind(), Kind::RateLimited, "{error}");
    }
    assert_eq!(registry.count_manifest_gets(), 4, "the questions' attempts count together");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let error = ends(client.image(&reference(&registry, "bench/image-00040"), false)).await.unwrap_err();
    assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(50)), "{error}");
    assert_eq!(registry.count_manifest_gets(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn too_many_requests_for_a_moment_are_answered_in_the_end() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(41);
    let client = client(quick());
    ends(client.image(&reference(&registry, "bench/image-00040"), false)).await.unwrap();
    registry.fault(Fault::too_many_requests(None), On::get(MANIFESTS), Some(3));
    registry.fault(Fault::SlowHeaders(Duration::from_millis(2)), On::any(), None);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(async move { client.image(&image, false).await.map(|_| ()) });
    }
    for told in ends(asking.join_all()).await {
        assert_eq!(told.map_err(|error| error.to_string()), Ok(()));
    }
}

#[tokio::test]
async fn when_no_pull_is_left_the_registry_is_not_asked_for_one() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(8);
    registry.rate_limit(5, 21_600);
    let client = client(quick());
    let mut told = 0;
    for number in 0..8 {
        match ends(client.image(&reference(&registry, &format!("bench/image-{number:05}")), false)).await {
            Ok(_) => told += 1,
            Err(error) => {
                assert_eq!(error.kind(), Kind::RateLimited);
                assert!(error.to_string().contains("0 of 5 pulls"), "{error}");
                assert!(error.hint().is_some());
            }
        }
    }
    assert_eq!((told, registry.count_manifest_gets()), (5, 5));
    // What costs nothing is answered all the same.
    let head = ends(client.manifest_head(&reference(&registry, "bench/image-00007"))).await.unwrap();
    assert_eq!(head.rate_limit.unwrap().remaining, 0);
}

// 5xx, broken connections ---------------------------------------------------------------------------------------

#[tokio::test]
async fn a_failing_server_that_recovers_is_answered() {
    for code in [500, 502, 503, 504] {
        let (registry, thing) = with_thing().await;
        registry.fault(Fault::status(code), On::get(MANIFESTS), Some(2));
        let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
        assert_eq!((answer.image.platforms.len(), registry.count_manifest_gets()), (2, 3), "{code}");
    }
}

#[tokio::test]
async fn a_failing_server_is_named_with_its_status() {
    for code in [500, 503] {
        let (registry, thing) = with_thing().await;
        registry.fault(Fault::status(code), On::get(MANIFESTS), None);
        let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Server, "{code}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        assert!(error.to_string().contains("/v2/library/thing/manifests/latest"), "{error}");
        assert_eq!(registry.count_manifest_gets(), 4, "{code}");
    }
}

#[tokio::test]
async fn a_long_maintenance_is_an_error_at_once_that_says_how_long() {
    let (registry, thing) = with_thing().await;
    let headers = vec![("Retry-After".to_owned(), "7200".to_owned())];
    registry.fault(Fault::Status { code: 503, headers, body: Bytes::new() }, On::any(), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Server, Some(Duration::from_secs(7200))));
    assert!(error.hint().unwrap().contains("2 h"), "{:?}", error.hint());
    assert_eq!(registry.count_manifest_gets(), 1);
}

#[tokio::test]
async fn a_connection_that_is_reset_is_tried_again() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::Reset, On::get(MANIFESTS), Some(2));
    let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
    assert_eq!(answer.image.platforms.len(), 2);
}

#[tokio::test]
async fn connections_that_are_always_reset_are_a_network_error() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::Reset, On::any(), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Network, "{error}");
    assert!(error.hint().is_some());
    assert!(registry.count_manifest_gets() <= 4);
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_a_network_error_and_soon_left_alone() {
    let (registry, thing) = with_thing().await;
    registry.stop().await;
    let client = client(quick());
    for _ in 0..4 {
        let error = ends(client.image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network, "{error}");
        assert!(error.hint().unwrap().contains("reachable"), "{:?}", error.hint());
    }
    let sent = client.requests_sent();
    ends(client.image(&thing, false)).await.unwrap_err();
    assert_eq!(client.requests_sent(), sent, "a host that never answered is asked again and again");
}

#[tokio::test]
async fn a_registry_that_dies_is_soon_left_alone() {
    let (registry, thing) = with_thing().await;
    let client = client(quick());
    ends(client.image(&thing, false)).await.unwrap();
    registry.stop().await;
    for _ in 0..3 {
        let error = ends(client.image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network, "{error}");
    }
    assert_eq!(client.requests_sent(), 9);
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_fetched_again() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::CutBody { after: 40 }, On::get(MANIFESTS), Some(1));
    let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
    assert_eq!((answer.image.platforms.len(), registry.count_manifest_gets()), (2, 2));
}

#[tokio::test]
async fn a_body_that_is_always_cut_short_is_no_answer() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::CutBody { after: 40 }, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Network, "{error}");
}

#[tokio::test]
async fn a_body_without_a_length_that_breaks_off_is_no_answer() {
    // Nothing on the wire tells that the end is missing: the digest does.
    let (registry, thing) = with_thing().await;
    let cut = Fault::All(vec![Fault::NoContentLength, Fault::CutBody { after: 40 }]);
    registry.fault(cut, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
}

#[tokio::test]
async fn every_way_of_telling_the_end_of_a_body_is_understood() {
    for fault in [Fault::Chunked, Fault::NoContentLength] {
        let (registry, thing) = with_thing().await;
        registry.fault(fault.clone(), On::any(), None);
        let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
        assert_eq!(answer.image.platforms.len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let endless_header = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'a'; 4 << 20], b"\r\n\r\n"].concat();
    let many_headers =
        format!("HTTP/1.1 200 OK\r\n{}\r\n", (0..5000).map(|n| format!("X-{n}: y\r\n")).collect::<String>());
    for bytes in [
        Bytes::from_static(b"220 smtp.example.org ESMTP\r\n"),
        Bytes::new(),
        Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        Bytes::from_static(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Bytes::from(endless_header),
        Bytes::from(many_headers),
    ] {
        let (registry, thing) = with_thing().await;
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        registry.fault(Fault::RawResponse(bytes), On::any(), None);
        let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Network | Kind::BadResponse), "{start:?}: {error}");
        assert!(error.to_string().contains("library/thing"), "{error}");
    }
}

// Slow and endless ----------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_body_that_trickles_for_too_long_is_a_timeout() {
    let (registry, thing) = with_thing().await;
    let trickle = Fault::Trickle { bytes_per: 1, every: Duration::from_millis(100) };
    registry.fault(trickle, On::get(MANIFESTS), None);
    let options = Options { request_timeout: Duration::from_millis(300), ..quick() };
    let error = ends(client(options).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
    assert!(error.hint().unwrap().contains("--timeout"), "{:?}", error.hint());
}

#[tokio::test]
async fn a_slow_body_that_comes_in_time_is_an_answer() {
    let (registry, thing) = with_thing().await;
    let trickle = Fault::Trickle { bytes_per: 50, every: Duration::from_millis(5) };
    registry.fault(trickle, On::get(MANIFESTS), None);
    assert_eq!(ends(client(quick()).image(&thing, false)).await.unwrap().image.platforms.len(), 2);
}

#[tokio::test]
async fn a_registry_that_never_answers_is_a_timeout() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::Hang, On::any(), None);
    let options = Options { request_timeout: Duration::from_millis(200), ..quick() };
    let error = ends(client(options).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
}

#[tokio::test]
async fn all_attempts_together_end_at_the_deadline() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::Hang, On::any(), None);
    let options = Options { deadline: Duration::from_millis(500), ..quick() };
    let error = ends(client(options).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout, "{error}");
    assert!(error.to_string().contains("0.5 s"), "{error}");
}

#[tokio::test]
async fn waiting_for_its_turn_does_not_make_a_question_time_out() {
    // Every request is answered in a fifth of a second; there are just many of them.
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(20);
    registry.fault(Fault::SlowHeaders(Duration::from_millis(200)), On::any(), None);
    let client = client(Options { deadline: Duration::from_secs(1), concurrency: 2, ..quick() });
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(
            async move { client.image(&image, false).await.map(|answer| answer.image.platforms.len()) },
        );
    }
    for told in ends(asking.join_all()).await {
        assert_eq!(told.map_err(|error| error.to_string()), Ok(8));
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_too_large() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::EndlessBody, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert_eq!(registry.count_manifest_gets(), 1, "what is too large is not asked for again");
}

#[tokio::test]
async fn an_error_whose_body_has_no_end_is_still_that_error() {
    let (registry, thing) = with_thing().await;
    let fault = Fault::All(vec![Fault::status(500), Fault::EndlessBody]);
    registry.fault(fault, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Server, "{error}");
}

#[tokio::test]
async fn a_manifest_of_50_megabytes_is_refused_by_its_length_alone() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_manifest("library/huge", Some("latest"), OCI_INDEX, vec![b' '; 50 << 20]);
    let huge = reference(&registry, "library/huge");
    let error = ends(client(quick()).image(&huge, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert!(error.to_string().contains("52428800"), "{error}");
    registry.fault(Fault::Chunked, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&huge, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
}

// What is not what it should be ---------------------------------------------------------------------------------

#[tokio::test]
async fn bytes_that_do_not_have_the_announced_digest_are_no_answer() {
    let (registry, thing) = with_thing().await;
    let lie = Digest::sha256(b"something else").to_string();
    registry.fault(Fault::WrongDigestHeader(lie.clone()), On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
    assert!(error.to_string().contains(&lie), "{error}");
}

#[tokio::test]
async fn altered_bytes_are_no_answer_by_tag_nor_by_digest() {
    let (registry, thing) = with_thing().await;
    let digest = Digest::sha256(&registry.manifest("library/thing", "latest").unwrap());
    registry.fault(Fault::WrongBytes, On::get(MANIFESTS), None);
    for asked in [thing.clone(), thing.with_digest(digest.clone())] {
        let error = ends(client(quick()).image(&asked, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
        assert!(error.to_string().contains(digest.as_str()), "{error}");
        let error = ends(client(quick()).manifest(&asked)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
    }
}

#[tokio::test]
async fn by_digest_the_bytes_count_and_not_what_the_registry_announces() {
    let (registry, thing) = with_thing().await;
    let digest = Digest::sha256(&registry.manifest("library/thing", "latest").unwrap());
    let altered = Fault::All(vec![Fault::WrongBytes, Fault::NoDigestHeader]);
    registry.fault(altered, On::get(MANIFESTS), Some(1));
    let error = ends(client(quick()).image(&thing.with_digest(digest.clone()), false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
    let answer = ends(client(quick()).image(&thing.with_digest(digest.clone()), false)).await.unwrap();
    assert_eq!(answer.image.digest, digest);
}

#[tokio::test]
async fn a_head_never_gives_another_digest_than_was_asked_for() {
    let (registry, thing) = with_thing().await;
    let digest = Digest::sha256(&registry.manifest("library/thing", "latest").unwrap());
    let pinned = thing.with_digest(digest.clone());
    let client = client(quick());
    assert_eq!(ends(client.manifest_head(&pinned)).await.unwrap().digest, Some(digest.clone()));

    let other = Digest::sha256(b"something else").to_string();
    registry.fault(Fault::WrongDigestHeader(other.clone()), On::any(), Some(1));
    let error = ends(client.manifest_head(&pinned)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::DigestMismatch, "{error}");
    assert!(error.to_string().contains(&other) && error.to_string().contains(digest.as_str()), "{error}");

    // What is not announced, or announced by another algorithm, is not proven.
    let sha512 = workson_oci::digest::Algorithm::Sha512.digest(b"something").to_string();
    for fault in [Fault::NoDigestHeader, Fault::WrongDigestHeader(sha512)] {
        registry.fault(fault.clone(), On::any(), Some(1));
        assert_eq!(ends(client.manifest_head(&pinned)).await.unwrap().digest, None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_named_and_none_is_asked_for() {
    let (registry, thing) = with_thing().await;
    for (encoding, refused) in [("gzip", true), ("identity, br", true), ("identity", false)] {
        let headers = vec![("Content-Encoding".to_owned(), encoding.to_owned())];
        registry.fault(Fault::Headers(headers), On::get(MANIFESTS), Some(1));
        match ends(client(quick()).image(&thing, false)).await {
            Ok(_) => assert!(!refused, "{encoding}"),
            Err(error) => {
                assert!(refused && error.kind() == Kind::BadResponse, "{encoding}: {error}");
                assert!(
                    error.to_string().contains(&format!("compressed the answer ({encoding})")),
                    "{error}"
                );
            }
        }
    }
    assert!(registry.requests().iter().all(|sent| sent.header("accept-encoding") == Some("identity")));
}

#[tokio::test]
async fn a_config_with_altered_bytes_is_no_answer() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_image("library/one", Some("latest"), "linux/arm64");
    registry.fault(Fault::WrongBytes, On::get("/blobs/"), None);
    let error = ends(client(quick()).image(&reference(&registry, "library/one"), false)).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::DigestMismatch | Kind::InvalidImage), "{error}");
    assert!(error.to_string().contains("digest"), "{error}");
}

#[tokio::test]
async fn without_a_digest_header_the_answer_has_the_digest_of_its_bytes() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::NoDigestHeader, On::any(), None);
    let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
    assert_eq!(answer.image.digest, Digest::sha256(&registry.manifest("library/thing", "latest").unwrap()));
}

#[tokio::test]
async fn a_digest_header_that_is_none_is_passed_over() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::WrongDigestHeader("md5:abc".into()), On::any(), None);
    assert_eq!(ends(client(quick()).image(&thing, false)).await.unwrap().image.platforms.len(), 2);
}

#[tokio::test]
async fn a_wrong_content_type_is_named() {
    for label in ["text/html", "application/json", "application/vnd.oci.image.manifest.v1+json"] {
        let (registry, thing) = with_thing().await;
        registry.fault(Fault::ContentType(label.into()), On::get(MANIFESTS), None);
        let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidImage, "{label}: {error}");
        assert!(error.to_string().contains(label), "{label}: {error}");
    }
}

#[tokio::test]
async fn a_content_type_with_a_charset_is_the_same_type() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::ContentType(format!("{OCI_INDEX}; charset=utf-8")), On::any(), None);
    assert_eq!(ends(client(quick()).image(&thing, false)).await.unwrap().image.platforms.len(), 2);
}

#[tokio::test]
async fn json_that_is_nested_10_000_deep_is_an_error() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1{}", "{\"manifests\":".repeat(10_000), "}".repeat(10_000));
    for text in [
        deep.clone(),
        objects,
        format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":{deep}}}"#),
        format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"platform":{deep}}}]}}"#),
    ] {
        let registry = MemoryRegistry::start().await.unwrap();
        registry.put_manifest("library/deep", Some("latest"), OCI_INDEX, text);
        let told = ends(client(quick()).image(&reference(&registry, "library/deep"), false)).await;
        let error = told.map(|answer| answer.image.kind).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidImage, "{error}");
        assert!(error.to_string().len() < 1000, "{error}");
    }
}

#[tokio::test]
async fn nesting_in_what_nobody_reads_does_not_matter() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let text = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[],"x":{deep}}}"#);
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_manifest("library/deep", Some("latest"), OCI_INDEX, text);
    // An error would do as well; an overflow of the stack would not.
    match ends(client(quick()).image(&reference(&registry, "library/deep"), false)).await {
        Ok(answer) => assert!(answer.image.platforms.is_empty()),
        Err(error) => assert_eq!(error.kind(), Kind::InvalidImage, "{error}"),
    }
}

#[tokio::test]
async fn what_is_no_json_is_an_error() {
    for bytes in [b"".as_slice(), b"<html></html>", b"{", b"null", b"\xff\xfe", b"{\"manifests\":7}"] {
        let registry = MemoryRegistry::start().await.unwrap();
        registry.put_manifest("library/odd", Some("latest"), OCI_INDEX, bytes);
        let error =
            ends(client(quick()).image(&reference(&registry, "library/odd"), false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidImage, "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn ten_thousand_platforms_are_all_told() {
    let registry = MemoryRegistry::start().await.unwrap();
    let entries: Vec<_> = (0..10_000)
        .map(|n| {
            let digest = Digest::sha256(format!("{n}").as_bytes());
            image_entry("application/vnd.oci.image.manifest.v1+json", &digest, n, &format!("linux/cpu{n}"))
        })
        .collect();
    registry.put_manifest("library/many", Some("latest"), OCI_INDEX, index_of(OCI_INDEX, &entries));
    let answer = ends(client(quick()).image(&reference(&registry, "library/many"), false)).await.unwrap();
    assert_eq!(answer.image.platforms.len(), 10_000);
    assert_eq!(answer.image.platforms[9_999].platform.architecture, "cpu9999");
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn an_index_that_leads_to_itself_ends() {
    // No digest can be its own, but a registry that does not check could still serve one for ever.
    let registry = MemoryRegistry::start().await.unwrap();
    let mut inner = Digest::sha256(b"nothing there");
    for _ in 0..50 {
        let bytes = index_of(OCI_INDEX, &[image_entry(OCI_INDEX, &inner, 100, "")]);
        inner = registry.put_manifest("library/deep", Some("latest"), OCI_INDEX, bytes);
    }
    let answer = ends(client(quick()).image(&reference(&registry, "library/deep"), false)).await.unwrap();
    assert!(answer.image.platforms.is_empty() && !answer.image.is_complete());
    assert!(registry.requests().len() < 10, "{}", registry.requests().len());
}

// Redirects -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_redirect_in_a_circle_ends_with_an_error() {
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::Redirect { to: String::new(), code: 307 }, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Redirect, "{error}");
    assert!(error.to_string().contains("redirects"), "{error}");
    assert!(registry.count_manifest_gets() < 10);
}

#[tokio::test]
async fn a_redirect_without_an_aim_or_to_a_file_is_an_error() {
    for to in ["file:///etc/passwd", "http://", "ftp://127.0.0.1/x"] {
        let (registry, thing) = with_thing().await;
        registry.fault(Fault::Redirect { to: to.into(), code: 302 }, On::get(MANIFESTS), None);
        let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Redirect, "{to}: {error}");
    }
    let (registry, thing) = with_thing().await;
    registry.fault(Fault::status(307), On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Redirect, "{error}");
    assert!(error.to_string().contains("Location"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_followed_without_the_token() {
    for code in [301, 302, 303, 307, 308] {
        let (registry, thing) = with_thing().await;
        let elsewhere = MemoryRegistry::start().await.unwrap();
        elsewhere.put_image_index("library/thing", "latest", &TWO);
        registry.require(Auth::Token(TokenAuth::default()));
        let to = format!("http://{}/v2/library/thing/manifests/latest", elsewhere.host());
        registry.fault(Fault::Redirect { to, code }, On::get(MANIFESTS), None);
        let answer = ends(client(quick()).image(&thing, false)).await.unwrap();
        assert_eq!(answer.image.platforms.len(), 2, "{code}");
        let with_token = |requests: Vec<workson_registry::testing::Recorded>| {
            requests.iter().filter(|request| request.header("authorization").is_some()).count()
        };
        assert_eq!(with_token(registry.requests()), 1, "{code}");
        assert_eq!((elsewhere.requests().len(), with_token(elsewhere.requests())), (1, 0), "{code}");
    }
}

#[tokio::test]
async fn a_challenge_of_the_host_behind_a_redirect_gets_no_token() {
    let (registry, thing) = with_thing().await;
    let elsewhere = MemoryRegistry::start().await.unwrap();
    elsewhere.put_image_index("library/thing", "latest", &TWO);
    elsewhere.require(Auth::Basic { user: "u".into(), password: "p".into() });
    registry.require(Auth::Token(TokenAuth::default()));
    let to = format!("http://{}/v2/library/thing/manifests/latest", elsewhere.host());
    registry.fault(Fault::Redirect { to, code: 307 }, On::get(MANIFESTS), None);
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    assert!(elsewhere.requests().iter().all(|request| request.header("authorization").is_none()));
    assert!(registry.requests().len() + elsewhere.requests().len() < 15);
}

// Politeness ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn listing_an_index_is_one_request() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    for name in ["many-platforms", "docker-list", "windows", "missing-child", "lying-index"] {
        registry.clear_requests();
        let image = reference(&registry, &format!("library/{name}"));
        let answer = ends(client(quick()).image(&image, false)).await.unwrap();
        assert_eq!(answer.image.kind, ImageKind::Index, "{name}");
        let requests: Vec<_> = registry.requests().iter().map(|r| (r.method, r.path.clone())).collect();
        assert_eq!(requests, [(Method::Get, format!("/v2/library/{name}/manifests/latest"))]);
    }
}

#[tokio::test]
async fn the_first_request_to_a_host_goes_alone() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(20);
    registry.fault(Fault::SlowHeaders(Duration::from_millis(700)), On::any(), Some(1));
    let client = client(quick());
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(async move { client.image(&image, false).await.is_ok() });
    }
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(registry.requests().len(), 1);
    assert!(ends(asking.join_all()).await.into_iter().all(|ok| ok));
    assert_eq!(registry.requests().len(), 20);
}

#[tokio::test]
async fn a_host_gets_no_more_requests_at_once_than_it_is_granted() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(60);
    registry.fault(Fault::SlowHeaders(Duration::from_millis(5)), On::any(), None);
    let client = client(Options { concurrency: 4, ..quick() });
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
        asking.spawn(async move { client.image(&image, false).await.is_ok() });
    }
    assert!(ends(asking.join_all()).await.into_iter().all(|ok| ok));
    let connections = registry.requests().iter().map(|request| request.connection).max();
    assert!(connections <= Some(4), "{connections:?} connections");
}

#[tokio::test]
async fn a_spent_budget_sends_no_further_pull() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_bench_images(5);
    let client = client(Options { budget: Arc::new(PullBudget::new(Some(2))), ..quick() });
    for number in 0..5 {
        let image = reference(&registry, &format!("bench/image-{number:05}"));
        match ends(client.image(&image, false)).await {
            Ok(_) => assert!(number < 2),
            Err(error) => {
                assert_eq!(error.kind(), Kind::BudgetSpent);
                assert!(error.hint().unwrap().contains("--budget"), "{:?}", error.hint());
            }
        }
    }
    assert_eq!(registry.count_manifest_gets(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_of_three_gives_three_answers_where_tokens_are_needed_first() {
    for _ in 0..10 {
        let registry = MemoryRegistry::start().await.unwrap();
        registry.put_bench_images(10);
        registry.require(Auth::Token(TokenAuth::default()));
        let budget = Arc::new(PullBudget::new(Some(3)));
        let client = client(Options { budget: budget.clone(), ..quick() });
        let mut asking = tokio::task::JoinSet::new();
        for number in 0..10 {
            let (client, image) = (client.clone(), reference(&registry, &format!("bench/image-{number:05}")));
            asking.spawn(async move { client.manifest(&image).await.map(|_| ()) });
        }
        let told = ends(asking.join_all()).await;
        assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 3);
        assert!(told.into_iter().filter_map(Result::err).all(|error| error.kind() == Kind::BudgetSpent));
        assert_eq!(budget.spent(), 3);
    }
}

#[tokio::test]
async fn the_nearest_tag_of_a_pinned_reference_is_not_pinned() {
    let registry = MemoryRegistry::start().await.unwrap();
    let old = registry.put_image_index("library/app", "1.0", &["linux/amd64"]);
    registry.put_image_index("library/app", "1.1", &TWO);
    let pinned = reference(&registry, "library/app:1.0").with_digest(old);
    let arm64 = Platform { os: "linux".into(), architecture: "arm64".into(), ..Platform::default() };
    let matcher = Matcher::only(&arm64);
    let nearest = ends(client(quick()).nearest_tag(&pinned, &matcher)).await.unwrap().unwrap();
    assert_eq!(nearest.reference, reference(&registry, "library/app:1.1"));
}

// On the way ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_name_below_localhost_is_this_machine() {
    let (registry, _) = with_thing().await;
    let thing =
        format!("workson-{}.Registry.localhost:{}/library/thing", "x".repeat(20), registry.addr().port());
    let answer = ends(client(quick()).image(&thing.parse().unwrap(), false)).await.unwrap();
    assert_eq!(answer.image.platforms.len(), 2);
}

#[tokio::test]
async fn a_proxy_that_can_not_be_used_does_not_matter_where_none_is_needed() {
    let (_registry, thing) = with_thing().await;
    for bad in ["https://p.example", "socks4://u:s3cret@p.example"] {
        let (http, https) = (Some(bad.to_owned()), Some(bad.to_owned()));
        let proxies = Proxies { http, https, no_proxy: None };
        let client = client(Options { proxies, ..quick() });
        assert!(ends(client.image(&thing, false)).await.is_ok(), "{bad}");
        let error = ends(client.image(&"r.example.invalid/x".parse().unwrap(), false)).await.unwrap_err();
        assert!(error.to_string().contains("proxies are spoken to by http or socks5"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error}");
        assert_eq!(client.requests_sent(), 2, "asked once each: no repetition helps");
    }
}

#[test]
fn what_is_no_mirror_is_refused() {
    let mirrors = [("docker.io".to_owned(), "u:s3cret@cache.example".to_owned())].into();
    let error = Client::new(Options { mirrors, ..quick() }).unwrap_err();
    assert!(error.to_string().contains("docker.io") && !format!("{error:?}").contains("s3cret"), "{error}");
}

#[tokio::test]
async fn what_a_registry_says_reaches_a_terminal_harmless() {
    let (registry, thing) = with_thing().await;
    let body = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\\u001b[2J\\u001b]0;owned\\u0007 \\u202eno\\r\\n\"}]}";
    registry.fault(
        Fault::Status { code: 403, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()) },
        On::any(),
        None,
    );
    let error = ends(client(quick()).image(&thing, false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    let text = error.to_string();
    assert!(text.contains("DENIED") && !text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
}

#[tokio::test]
async fn a_tag_that_moves_between_two_answers_gives_each_time_a_true_one() {
    let (registry, thing) = with_thing().await;
    let client = client(quick());
    let before = ends(client.image(&thing, false)).await.unwrap();
    registry.put_manifest(
        "library/thing",
        Some("latest"),
        OCI_INDEX,
        index("new", &["linux/riscv64"], false),
    );
    let after = ends(client.image(&thing, false)).await.unwrap();
    assert_ne!(before.image.digest, after.image.digest);
    assert_eq!(after.image.platforms.len(), 1);
}
