//! `workson proposals`: from what was sent in to its end, step by step.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;
mod parts;
mod site_support;

use cli_support::{Home, Ran, start};
use insta::assert_snapshot;
use site_support::HOSTILE;
use workson::proposal::{Contact, Request, Usage};
use workson::store::Submissions;

fn request(project: &str) -> Request {
    Request {
        project: project.into(),
        benefits: "Everyone who serves.\nAnd who is served.".into(),
        source: "https://git.example/tiny".into(),
        license: "MIT".into(),
        links: vec!["https://tiny.example/".into()],
        platforms: vec!["linux/arm64".into(), "linux/riscv64".into()],
        machines: "One, 4 cores.".into(),
        usage: Usage::Continuous,
        ci: String::new(),
    }
}

/// A home with proposals of these projects, to the call `arm`.
fn home(projects: &[&str]) -> Home {
    let home = Home::new();
    let mut submissions = Submissions::open(&home.path("s.submissions.db")).unwrap();
    for project in projects {
        let contact = Contact { name: "Dora".into(), email: "dora@mail.example".into() };
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        submissions.add_proposal("arm", &request(project), &contact, project, at).unwrap();
    }
    home
}

fn run(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["proposals", "--store", "s.db"], arguments].concat())
}

/// Takes a step as ann.
fn take(home: &Home, arguments: &[&str]) -> Ran {
    run(home, &[arguments, &["--by", "ann"]].concat())
}

/// The text without the times at which this test took its steps.
fn settled(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("  20").filter(|_| !line.contains(" submit by ")) {
        Some(rest) => format!("  NOW{}\n", &rest[rest.find(' ').unwrap()..]),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn a_proposal_goes_from_step_to_step() {
    let home = home(&["Tiny"]);
    assert_snapshot!(run(&home, &["list"]).exits(0).text(), @r"
    NUMBER  SENT        STATE      CALL  PROJECT  PLATFORMS                  REVIEW ON
    1       2026-11-23  submitted  arm   Tiny     linux/arm64 linux/riscv64  -
    ");
    for (arguments, says) in [
        (&["review", "1"][..], "proposal 1: in review\n"),
        (
            &["approve", "1", "--entry", "nginx", "--entry", "caddy", "--reason", "It helps many."],
            "proposal 1: approved\n",
        ),
        (&["provision", "1", "--review-on", "2999-01-30"], "proposal 1: provisioned\n"),
        (&["activate", "1"], "proposal 1: active\n"),
        (&["review", "1"], "proposal 1: review due\n"),
        (&["activate", "1", "--review-on", "2999-06-30"], "proposal 1: active\n"),
        (&["complete", "1", "--reason", "It has builds\nfor arm64."], "proposal 1: completed\n"),
    ] {
        assert_eq!(take(&home, arguments).exits(0).text(), says);
    }
    assert_snapshot!(settled(run(&home, &["show", "1"]).exits(0).text()), @r"
    proposal 1 to arm: completed
    project: Tiny
    benefits:
      Everyone who serves.
      And who is served.
    source: https://git.example/tiny
    license: MIT
    links: https://tiny.example/
    platforms: linux/arm64 linux/riscv64
    machines: One, 4 cores.
    usage: continuous
    entries: nginx caddy
    review on: 2999-06-30
    contact: Dora <dora@mail.example>
    steps:
      2026-11-23T12:00:00Z submit by proposer: submitted
      NOW review by ann: in review
      NOW approve by ann: approved
        It helps many.
      NOW provision by ann: provisioned
      NOW activate by ann: active
      NOW review by ann: review due
      NOW activate by ann: active
      NOW complete by ann: completed
        It has builds
        for arm64.
    ");
    let ran = take(&home, &["expire", "1", "--reason", "late"]).exits(1);
    assert!(ran.stderr.contains("proposal 1: expire is not possible: it is completed"), "{}", ran.stderr);
}

#[test]
fn a_step_that_is_refused_changes_nothing_and_says_what_is_possible() {
    let home = home(&["Tiny", "Other"]);
    take(&home, &["approve", "1", "--entry", "nginx"])
        .exits(1)
        .says("it is submitted; from there it goes on by review, withdraw, expire, erase");
    take(&home, &["review", "9"]).exits(1).says("there is no proposal 9");
    run(&home, &["show", "9"]).exits(1).says("`workson proposals list`");
    take(&home, &["review", "1"]).exits(0);
    take(&home, &["decline", "1"]).exits(2).says("--reason");
    take(&home, &["decline", "1", "--reason", ""]).exits(2).says("--reason");
    take(&home, &["approve", "1", "--entry", "../nginx"]).exits(2).says("slug");
    take(&home, &["provision", "1", "--review-on", "soon"]).exits(2);
    run(&home, &["decline", "1", "--reason", "no"]).exits(2).says("--by");
    let shown = run(&home, &["show", "1", "--json"]).exits(0).json();
    assert_eq!((shown["state"].as_str(), shown["events"].as_array().unwrap().len()), (Some("in-review"), 2));
    assert_eq!(shown["entries"].as_array().unwrap().len(), 0);
    take(&home, &["decline", "1", "--reason", "There is no room."]).exits(0);
    take(&home, &["withdraw", "2", "--reason", "They wrote so."]).exits(0);
    let states = |arguments: &[&str]| -> Vec<i64> {
        let ran = run(&home, &[&["list", "--json"], arguments].concat()).exits(0);
        ran.json().as_array().unwrap().iter().map(|proposal| proposal["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(states(&[]), [1, 2]);
    assert_eq!(states(&["--state", "declined"]), [1]);
    assert_eq!(states(&["--call", "riscv"]), [0; 0]);
    assert_eq!(states(&["--call", "arm", "--state", "withdrawn"]), [2]);
    run(&home, &["list", "--state", "lost"]).exits(2).says("in-review");
}

#[test]
fn of_two_reviewers_at_once_one_approves() {
    let home = home(&["a", "b", "c", "d", "e", "f"]);
    for id in ["1", "2", "3", "4", "5", "6"] {
        take(&home, &["review", id]).exits(0);
        let approve =
            |by: &str| start(&mut home.workson(&["proposals", "approve", id, "--store", "s.db", "--by", by]));
        let (ann, bob) = (approve("ann"), approve("bob"));
        let mut codes = [ann.ends().code, bob.ends().code];
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(1)]);
        let shown = run(&home, &["show", id, "--json"]).exits(0).json();
        assert_eq!(shown["events"].as_array().unwrap().len(), 3);
    }
    home.run(&["store", "check", "--store", "s.db"]).exits(0);
}

#[test]
fn contacts_are_printed_where_they_are_asked_for_and_erased_for_good() {
    let home = home(&["Tiny", "=cmd|' /C calc'!A0"]);
    let holds = |ran: &Ran| ran.text().contains("dora@mail.example");
    for quiet in
        [&["list"][..], &["list", "--json"], &["export"], &["export", "--json"], &["export", "--csv"]]
    {
        assert!(!holds(&run(&home, quiet).exits(0)), "{quiet:?}");
    }
    for loud in [&["show", "1"][..], &["show", "1", "--json"], &["export", "--with-contacts"]] {
        assert!(holds(&run(&home, loud).exits(0)), "{loud:?}");
    }
    assert_snapshot!(run(&home, &["export", "--csv", "--with-contacts"]).exits(0).text(), @r#"
    id,call,state,sent,project,benefits,source,license,links,platforms,machines,usage,ci,entries,reviewOn,reason,contactName,contactEmail
    1,arm,submitted,2026-11-23,Tiny,Everyone who serves. And who is served.,https://git.example/tiny,MIT,https://tiny.example/,linux/arm64 linux/riscv64,"One, 4 cores.",continuous,,,,,Dora,dora@mail.example
    2,arm,submitted,2026-11-23,'=cmd|' /C calc'!A0,Everyone who serves. And who is served.,https://git.example/tiny,MIT,https://tiny.example/,linux/arm64 linux/riscv64,"One, 4 cores.",continuous,,,,,Dora,dora@mail.example
    "#);
    run(&home, &["export", "--csv", "--json"]).exits(2);
    for id in ["1", "2"] {
        let ran = take(&home, &["erase", id]).exits(0);
        assert_eq!(ran.text(), format!("proposal {id}: its contact is erased\n"));
        assert!(ran.stderr.contains("copies"), "{}", ran.stderr);
    }
    assert!(!holds(&run(&home, &["export", "--with-contacts"]).exits(0)));
    assert!(run(&home, &["show", "1"]).exits(0).text().contains("\ncontact: erased\n"));
    assert_eq!(run(&home, &["show", "1", "--json"]).exits(0).json()["contact"], serde_json::Value::Null);
    let files = std::fs::read_dir(home.path("")).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|file| file.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"dora@mail.ex"), "{}", file.display());
    }
}

#[test]
fn names_that_nobody_means_well_with_steer_nothing() {
    let home = home(&HOSTILE);
    let is_odd = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let listed = run(&home, &["list"]).exits(0);
    assert!(!listed.text().contains(is_odd), "{:?}", listed.text());
    assert_eq!(listed.text().lines().count(), 1 + HOSTILE.len());
    for (at, name) in HOSTILE.into_iter().enumerate() {
        let id = (at + 1).to_string();
        let shown = run(&home, &["show", &id]).exits(0);
        assert!(!shown.text().contains(is_odd), "{:?}", shown.text());
        assert_eq!(run(&home, &["show", &id, "--json"]).exits(0).json()["project"], name);
    }
    let table = run(&home, &["export", "--csv"]).exits(0);
    assert!(!table.text().contains(is_odd), "{:?}", table.text());
    assert_eq!(table.text().lines().count(), 1 + HOSTILE.len());
}
