//! What holds for every name, and what a refusal says.

use proptest::prelude::*;
use workson_oci::reference::{MAX_REFERENCE_LEN, ReferenceError};
use workson_oci::{Digest, Reference};

fn read(text: &str) -> Reference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn valid_name() -> impl Strategy<Value = String> {
    let registry = "(|docker\\.io/|index\\.docker\\.io/|localhost/|Ghcr\\.io/|\\[::1\\]:[0-9]{1,4}/|[a-z]{1,5}:[0-9]{2}/)";
    let path = "[a-z0-9]{1,5}([._]|__|-{1,3})[a-z0-9]{1,4}(/[a-z0-9]{1,6}){0,3}";
    let digest = "(|@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})";
    (registry, path, "(|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})", digest)
        .prop_map(|(registry, path, tag, digest)| registry + &path + &tag + &digest)
}

proptest! {
    #[test]
    fn what_is_written_reads_back(text in valid_name()) {
        // A first part with a dot but also `_` or `--` in the wrong place is taken for a registry; skip those.
        let found: Result<Reference, _> = text.parse();
        prop_assume!(!matches!(found, Err(ReferenceError::Registry(_))));
        let found = found.unwrap();
        prop_assert_eq!(&read(&found.to_string()), &found);
        prop_assert!(found.tag().is_some() || found.digest().is_some());
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}", odd in "[a-zA-Z0-9:/@._\\[\\]é-]{0,60}") {
        for text in [text, odd] {
            match text.parse::<Reference>() {
                Ok(found) => prop_assert_eq!(&read(&found.to_string()), &found),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn a_refusal_says_what_was_wrong_and_what_is_right() {
    let hex = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a";
    for (text, what) in [
        ("", "is empty; write one like nginx"),
        ("https://ghcr.io/a/b", "leave \"https://\" away and write \"ghcr.io/a/b\""),
        (hex, "64 hex digits"),
        ("grafana/Grafana", "write \"grafana/grafana\""),
        ("Nginx", "write \"nginx\""),
        ("a..b", "\"a..b\" is no name of a repository"),
        (":tag", "\"\" is no name of a repository"),
        ("foo_bar.com/x", "the registry \"foo_bar.com\" is no host"),
        ("host:/x", "the registry \"host:\" is no host"),
        ("-host.io/x", "the registry \"-host.io\" is no host"),
        ("host:http/x", "the registry \"host:http\" is no host"),
        ("[fe80::1%eth0]:5000/x", "without a zone"),
        ("fc00::1:5000/x", "in brackets"),
        ("nginx:-x", "\"-x\" is no tag"),
        ("nginx:", "\"\" is no tag"),
        ("nginx@sha384:00", "\"sha384\" is not supported; sha256 and sha512 are"),
        ("nginx@", "there is no colon"),
        (&format!("nginx:{}", "t".repeat(129)), "the tag has 129 characters; 128 are allowed"),
        (&"n".repeat(248), "the path of the repository has 256 characters; 255 are allowed"),
        (&"n".repeat(1025), "1025 bytes"),
    ] {
        let error = text.parse::<Reference>().expect_err(text).to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn the_longest_name_that_docker_and_the_dns_allow_is_read() {
    let host = format!("{}.{}", vec!["a".repeat(62); 4].join("."), "a");
    let longest = format!("{host}:65535/{}:{}@sha512:{}", "p".repeat(255), "t".repeat(128), "0".repeat(128));
    assert_eq!(host.len(), 253);
    assert!(longest.len() < MAX_REFERENCE_LEN);
    assert_eq!(read(&longest).to_string(), longest);
}

#[test]
fn tag_and_digest_are_exchanged_one_by_one() {
    let digest = Digest::sha256(b"");
    let both = read("nginx:1.27").with_digest(digest.clone());
    assert_eq!(both.familiar(), format!("nginx:1.27@{digest}"));
    assert_eq!(both.target(), digest.as_str());
    let other = both.with_tag("1.28").unwrap();
    assert_eq!((other.tag(), other.digest()), (Some("1.28"), Some(&digest)));
    assert!(matches!(both.with_tag("-foo"), Err(ReferenceError::Tag(_))));
    assert!("-foo".parse::<Reference>().is_err() && "foo".parse::<Digest>().is_err());
    assert_eq!(read(&format!("nginx@{digest}")).tag(), None, "a digest alone needs no tag");
    assert_eq!(read("nginx").target(), "latest");
}

#[test]
fn docker_hub_answers_at_another_host() {
    assert_eq!(read("nginx").repository().api_host(), "registry-1.docker.io");
    assert_eq!(read("index.docker.io/nginx").repository().api_host(), "registry-1.docker.io");
    assert_eq!(read("localhost:5000/nginx").repository().api_host(), "localhost:5000");
}

#[test]
fn a_registry_on_this_machine_is_known_by_its_name() {
    for local in ["localhost/x", "localhost:5000/x", "Registry.LOCALHOST/x", "127.0.0.1:80/x", "127.9.9.9/x"]
    {
        assert!(read(local).repository().is_loopback(), "{local}");
    }
    assert!(
        read("[::1]:5000/x").repository().is_loopback()
            && read("[0:0:0:0:0:0:0:1]/x").repository().is_loopback()
    );
    for far in [
        "x",
        "notlocalhost.io/x",
        "localhost.com/x",
        "128.0.0.1/x",
        "[::2]:5000/x",
        "[:::]/x",
        "127.0.0.1.io/x",
    ] {
        assert!(!read(far).repository().is_loopback(), "{far}");
    }
}
