//! Forms that are sent, and a site that takes them.

use std::path::PathBuf;

use workson::store::Submissions;

use super::{Answer, Server};
use crate::cli_support::Home;

pub(crate) const UNBOUNDED: &[&str] = &["--forms-per-hour", "0"];
pub(crate) const SUGGESTION: &[(&str, &str)] =
    &[("name", "Foo"), ("image", "foo"), ("comment", "It is missing.")];
pub(crate) const EMAIL: &str = "ann.of.the.proposals@mail.example";

/// A home with content of a few calls: `machines` is open, `over` is closed, `later` is not open yet.
pub(crate) fn home() -> Home {
    let home = Home::new();
    let call = |opens: &str, closes: &str| {
        format!(
            "---\ntitle: \"Machines for arm64\"\nsummary: \"Build and test hosts for software that wants arm64.\"\n\
             opens: \"{opens}\"\n{closes}offers:\n  - Virtual machines\nplatforms: [linux/arm64, linux/arm/v7]\n\
             terms:\n  - The source is free.\n---\n\nText.\n"
        )
    };
    home.write("content/categories.yaml", "- slug: web\n  name: Web\n  description: Serves pages.\n");
    home.write("content/calls/machines.md", call("2020-01-01", ""));
    home.write("content/calls/over.md", call("2020-01-01", "closes: \"2020-02-01\"\n"));
    home.write("content/calls/later.md", call("2099-01-01", ""));
    home
}

pub(crate) fn serve(home: &Home, arguments: &[&str]) -> Server {
    let content = home.path("content").display().to_string();
    Server::start(home, &[&["--no-live", "--content", &content], arguments].concat())
}

pub(crate) fn kept(home: &Home) -> Submissions {
    Submissions::open(&file(home)).unwrap()
}

pub(crate) fn file(home: &Home) -> PathBuf {
    home.path(".local/share/workson/store.submissions.db")
}

/// A proposal, with other values in some fields.
pub(crate) fn proposal<'a>(other: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("project", "Tinyhttpd"),
        ("benefits", "Everyone\r\nwho serves."),
        ("source", "https://git.example/x"),
        ("license", "MIT"),
        ("links", ""),
        ("platforms", "linux/arm64"),
        ("machines", "One."),
        ("usage", "continuous"),
        ("ci", "none"),
        ("name", "Ann Example"),
        ("email", EMAIL),
        ("agree", "yes"),
        ("fax", ""),
    ];
    let unlike = usual.into_iter().filter(|(name, _)| !other.iter().any(|(known, _)| known == name));
    unlike.chain(other.iter().copied()).collect()
}

/// Where an answer leads: a path on this host.
#[track_caller]
pub(crate) fn led(answer: Answer) -> String {
    let answer = answer.is(303);
    let to = answer.header("location").unwrap().to_owned();
    assert!(to.starts_with('/') && !to.starts_with("//"), "{to}");
    assert!(answer.headers.iter().all(|(name, _)| name != "set-cookie"));
    to
}

/// The private page of a proposal that is sent now.
#[track_caller]
pub(crate) fn propose(server: &Server, fields: &[(&str, &str)]) -> String {
    let to = led(server.form("/calls/machines/propose/", fields));
    assert_eq!(server.get(&to).status, 200, "{to}");
    to.strip_suffix("?received").unwrap().to_owned()
}
