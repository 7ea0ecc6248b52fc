//! Lists of tags, the nearest tag, and Docker Hub's web API, with and without faults.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod faults_support;

use bytes::Bytes;
use faults_support::{TWO, client, ends, quick, reference, repository};
use workson_oci::Platform;
use workson_oci::platform::Matcher;
use workson_registry::testing::{EndlessTags, Fault, MemoryRegistry, On};
use workson_registry::{Kind, Options};

const LIST: &str = "/tags/list";

async fn with_tags(count: usize) -> MemoryRegistry {
    let registry = MemoryRegistry::start().await.unwrap();
    let digest = registry.put_image_index("library/thing", "t-0000", &TWO);
    for number in 1..count {
        registry.put_tag("library/thing", &format!("t-{number:04}"), &digest);
    }
    registry
}

fn link(value: &str) -> Fault {
    Fault::Headers(vec![("Link".to_owned(), value.to_owned())])
}

fn body(text: impl Into<Bytes>) -> Fault {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Fault::Status { code: 200, headers, body: text.into() }
}

/// The error of listing the tags of a repository that suffers `fault` always.
async fn list_fault(fault: Fault) -> (MemoryRegistry, workson_registry::Error) {
    let registry = with_tags(20).await;
    registry.fault(fault, On::get(LIST), None);
    let error = ends(client(quick()).tags(&repository(&registry, "library/thing"))).await.unwrap_err();
    (registry, error)
}

#[tokio::test]
async fn all_pages_make_one_sorted_list() {
    let registry = with_tags(100).await;
    registry.set_tag_page(7);
    let tags = ends(client(quick()).tags(&repository(&registry, "library/thing"))).await.unwrap();
    let expected: Vec<String> = (0..100).map(|number| format!("t-{number:04}")).collect();
    assert_eq!(tags, expected);
    assert_eq!(registry.requests().len(), 15);
    assert_eq!(registry.count_manifest_gets(), 0);
}

#[tokio::test]
async fn pages_that_bring_nothing_new_end_with_an_error() {
    let (registry, error) = list_fault(Fault::EndlessLink(EndlessTags::Same)).await;
    assert_eq!(error.kind(), Kind::BadResponse, "{error}");
    assert!(error.to_string().contains("no new tag"), "{error}");
    assert!(registry.requests().len() <= 3, "{}", registry.requests().len());
}

#[tokio::test]
async fn pages_that_never_end_end_with_an_error() {
    let (registry, error) = list_fault(Fault::EndlessLink(EndlessTags::New)).await;
    assert_eq!(error.kind(), Kind::BadResponse, "{error}");
    assert!(error.hint().unwrap().contains("does not end"), "{:?}", error.hint());
    assert!(registry.requests().len() <= 5_000);
}

#[tokio::test]
async fn a_next_page_at_another_host_is_not_asked() {
    for at in ["127.0.0.2", "127.0.0.1"] {
        let elsewhere = MemoryRegistry::start_on(format!("{at}:0").parse().unwrap()).await.unwrap();
        elsewhere.put_image_index("library/thing", "evil", &TWO);
        let next =
            format!("<http://{}/v2/library/thing/tags/list?last=a&n=2>; rel=\"next\"", elsewhere.host());
        let (_, error) = list_fault(link(&next)).await;
        assert_eq!(error.kind(), Kind::Redirect, "{error}");
        assert!(error.to_string().contains(&elsewhere.host()), "{error}");
        assert!(elsewhere.requests().is_empty(), "{at}");
    }
}

#[tokio::test]
async fn a_next_page_that_is_the_same_page_ends_with_an_error() {
    let (_, error) = list_fault(link("</v2/library/thing/tags/list?n=1000>; rel=\"next\"")).await;
    assert_eq!(error.kind(), Kind::BadResponse, "{error}");
}

#[tokio::test]
async fn links_that_lead_nowhere_do_not_matter() {
    for value in ["", "garbage", "<>; rel=\"prev\"", "<http://127.0.0.2/>; rel=\"help\"", "</x>", "<"] {
        let registry = with_tags(3).await;
        registry.fault(link(value), On::get(LIST), None);
        let tags = ends(client(quick()).tags(&repository(&registry, "library/thing"))).await;
        assert_eq!(tags.map(|tags| tags.len()).map_err(|error| error.to_string()), Ok(3), "{value:?}");
    }
}

#[tokio::test]
async fn each_failure_of_a_list_has_its_kind() {
    for (fault, kind) in [
        (Fault::status(404), Kind::NotFound),
        (Fault::status(403), Kind::Denied),
        (Fault::status(405), Kind::Denied),
        (Fault::status(503), Kind::Server),
        (Fault::too_many_requests(Some("3600")), Kind::RateLimited),
        (Fault::Reset, Kind::Network),
        (Fault::CutBody { after: 20 }, Kind::Network),
        (Fault::EndlessBody, Kind::TooLarge),
        (Fault::Redirect { to: String::new(), code: 307 }, Kind::Redirect),
        (body("<html>"), Kind::BadResponse),
        (body("[".repeat(10_000)), Kind::BadResponse),
        (body(r#"{"name":"x","tags":[7]}"#), Kind::BadResponse),
        (body(r#"{"name":"x","tags":"latest"}"#), Kind::BadResponse),
    ] {
        let (_, error) = list_fault(fault.clone()).await;
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(error.to_string().contains("tags"), "{error}");
    }
}

#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list() {
    for text in [r#"{"name":"library/thing","tags":null}"#, r#"{"name":"library/thing"}"#, r#"{"tags":[]}"#] {
        let registry = with_tags(1).await;
        registry.fault(body(text), On::get(LIST), None);
        let tags = ends(client(quick()).tags(&repository(&registry, "library/thing"))).await.unwrap();
        assert!(tags.is_empty(), "{text}");
    }
}

// The nearest tag -----------------------------------------------------------------------------------------------

fn arm64() -> Matcher {
    let platform = Platform { os: "linux".into(), architecture: "arm64".into(), ..Platform::default() };
    Matcher::only(&platform)
}

#[tokio::test]
async fn the_nearest_tag_with_the_platform_is_found() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    let asked = reference(&registry, "library/many-tags:1.0.0");
    let found = ends(client(quick()).nearest_tag(&asked, &arm64())).await.unwrap().unwrap();
    assert_eq!(found.reference.tag(), Some("2.0.0"));
    assert!(found.from_manifest);
}

#[tokio::test]
async fn a_search_for_the_nearest_tag_costs_few_pulls() {
    let registry = MemoryRegistry::start().await.unwrap();
    for number in 0..100 {
        registry.put_image_index("library/amd64", &format!("1.{number}"), &["linux/amd64"]);
    }
    let asked = reference(&registry, "library/amd64:1.50");
    assert_eq!(ends(client(quick()).nearest_tag(&asked, &arm64())).await.unwrap(), None);
    assert!(registry.count_manifest_gets() <= 6, "{}", registry.count_manifest_gets());
}

#[tokio::test]
async fn tags_that_fail_are_passed_over_in_the_search() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_tour();
    registry.fault(Fault::WrongBytes, On::get("/many-tags/manifests/2.0.0"), None);
    let asked = reference(&registry, "library/many-tags:1.0.0");
    let found = ends(client(quick()).nearest_tag(&asked, &arm64())).await.unwrap().unwrap();
    assert_eq!(found.reference.tag(), Some("2.1.0"));
}

// Docker Hub's web API ------------------------------------------------------------------------------------------

const LIBRARY: &str = "/v2/repositories/library/";

fn entry(name: &str, pulls: u64) -> String {
    format!(
        r#"{{"user":"library","name":"{name}","namespace":"library","repository_type":"image","status":1,
            "is_private":false,"star_count":1,"pull_count":{pulls},"last_updated":"2024-05-01T00:00:00Z"}}"#
    )
}

fn hub_page(next: Option<&str>, entries: &[String]) -> String {
    let next = next.map_or("null".to_owned(), |next| format!("{next:?}"));
    format!(r#"{{"count":4,"next":{next},"previous":null,"results":[{}]}}"#, entries.join(","))
}

fn hub(registry: &MemoryRegistry) -> Options {
    Options { docker_hub_api: format!("http://{}", registry.host()), ..quick() }
}

#[tokio::test]
async fn the_hubs_pages_make_one_list_with_the_most_pulled_first() {
    let registry = MemoryRegistry::start().await.unwrap();
    let second = format!("http://{}{LIBRARY}?page=2&page_size=100&ordering=pull_count", registry.host());
    registry.put_page(LIBRARY, "application/json", hub_page(Some(&second), &[entry("a", 5), entry("b", 9)]));
    registry.put_page(
        &format!("{LIBRARY}?page=2&page_size=100&ordering=pull_count"),
        "application/json",
        hub_page(None, &[entry("c", 7)]),
    );
    let all = ends(client(hub(&registry)).hub_repositories("library", None)).await.unwrap();
    let names: Vec<_> =
        all.iter().map(|repository| (repository.name.as_str(), repository.pull_count)).collect();
    assert_eq!(names, [("b", 9), ("c", 7), ("a", 5)]);
}

#[tokio::test]
async fn the_hubs_next_page_at_another_host_is_not_asked() {
    let registry = MemoryRegistry::start().await.unwrap();
    let elsewhere = MemoryRegistry::start().await.unwrap();
    let next = format!("http://{}{LIBRARY}?page=2", elsewhere.host());
    registry.put_page(LIBRARY, "application/json", hub_page(Some(&next), &[entry("a", 5)]));
    let error = ends(client(hub(&registry)).hub_repositories("library", None)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Redirect, "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn hub_pages_in_a_circle_end() {
    let registry = MemoryRegistry::start().await.unwrap();
    let next = format!("http://{}{LIBRARY}?page=2", registry.host());
    registry.put_page(LIBRARY, "application/json", hub_page(Some(&next), &[entry("a", 5), entry("b", 4)]));
    match ends(client(hub(&registry)).hub_repositories("library", None)).await {
        Err(error) => assert_eq!(error.kind(), Kind::BadResponse, "{error}"),
        Ok(all) => assert_eq!(all.len(), 2, "the same repository again and again is told as many"),
    }
    assert!(registry.requests().len() <= 50);
}

#[tokio::test]
async fn each_failure_of_the_hub_has_its_kind_and_a_way_out() {
    for (fault, kind) in [
        (Fault::status(404), Kind::NotFound),
        (Fault::status(500), Kind::Server),
        (Fault::too_many_requests(Some("3600")), Kind::RateLimited),
        (Fault::Reset, Kind::Network),
        (Fault::EndlessBody, Kind::TooLarge),
        (body("<html>"), Kind::BadResponse),
        (body(r#"{"results":null}"#), Kind::BadResponse),
    ] {
        let registry = MemoryRegistry::start().await.unwrap();
        registry.put_page(LIBRARY, "application/json", hub_page(None, &[entry("a", 5)]));
        registry.fault(fault.clone(), On::any(), None);
        let error = ends(client(hub(&registry)).hub_repositories("library", Some(3))).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn the_hub_that_asks_for_a_long_wait_is_an_error_that_says_how_long() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.fault(Fault::too_many_requests(Some("3600")), On::any(), None);
    let error = ends(client(hub(&registry)).hub_repositories("library", Some(3))).await.unwrap_err();
    assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(3600), "{error} ({:?})", error.hint());
}
