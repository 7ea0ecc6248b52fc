//! `workson suggestions`: listed, shown, declined, and accepted into a draft.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;
mod parts;
mod site_support;

use cli_support::{Home, Ran, start};
use insta::assert_snapshot;
use site_support::HOSTILE;
use workson::store::Submissions;
use workson::suggestion::Wish;

/// A home with content, and a store beside which people sent in what is given.
fn home(wishes: &[Wish]) -> Home {
    let home = Home::new();
    home.write("content/categories.yaml", "- {slug: all, name: All of it, description: What there is.}\n");
    home.write("content/entries/nginx.yaml", NGINX);
    let mut submissions = Submissions::open(&home.path("s.submissions.db")).unwrap();
    for wish in wishes {
        submissions.add_suggestion(wish, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
    }
    home
}

const NGINX: &str = "\
# Kept.
name: NGINX
kind: software
categories: [all]
description: A web server.   # to be longer
home: https://old.example/
images: [nginx]
";

fn run(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["suggestions", "--store", "s.db"], arguments].concat())
}

fn new_one() -> Wish {
    Wish {
        name: "Tiny HTTPd".into(),
        image: "ghcr.io/tiny/httpd".into(),
        home: "https://tiny.example/".into(),
        license: "MIT".into(),
        comment: "It runs on my board.\nPlease add it.".into(),
        ..Wish::default()
    }
}

fn change() -> Wish {
    Wish {
        entry: Some("nginx".into()),
        home: "https://nginx.org/".into(),
        license: "BSD-2-Clause".into(),
        comment: "It has moved.".into(),
        ..Wish::default()
    }
}

#[test]
fn what_waits_is_listed_and_shown() {
    let home = home(&[new_one(), change()]);
    assert_snapshot!(run(&home, &["list"]).exits(0).text(), @r"
    NUMBER  SENT        STATE    ABOUT       SAYS
    1       2026-11-23  waiting  Tiny HTTPd  image, home, license, It runs on my board.…
    2       2026-11-23  waiting  nginx       home, license, It has moved.
    ");
    assert_snapshot!(run(&home, &["show", "1"]).exits(0).text(), @r"
    suggestion 1, sent 2026-11-23T12:00:00Z: waiting
    name: Tiny HTTPd
    image: ghcr.io/tiny/httpd
    home: https://tiny.example/
    license: MIT
    comment:
      It runs on my board.
      Please add it.
    ");
    assert_snapshot!(run(&home, &["show", "2", "--json"]).exits(0).text(), @r#"
    {
      "id": 2,
      "at": "2026-11-23T12:00:00Z",
      "state": "waiting",
      "entry": "nginx",
      "name": "",
      "image": "",
      "home": "https://nginx.org/",
      "source": "",
      "license": "BSD-2-Clause",
      "description": "",
      "comment": "It has moved.",
      "decision": null
    }
    "#);
    run(&home, &["show", "3"]).exits(1).says("there is no suggestion 3");
    assert_eq!(run(&home, &["list", "--state", "declined"]).exits(0).text(), "no suggestions\n");
    run(&home, &["list", "--state", "lost"]).exits(2).says("waiting, accepted, declined");
    let none = Home::new();
    run(&none, &["list"]).exits(2).says("s.submissions.db").says("there is no such file");
    assert!(!none.path("s.submissions.db").exists());
}

#[test]
fn a_new_entry_begins_as_a_draft_that_the_check_goes_on_with() {
    let home = home(&[new_one(), new_one()]);
    let ran = run(&home, &["accept", "1", "--by", "ann"]).exits(0);
    assert_eq!(ran.text(), "suggestion 1: accepted, the draft is content/entries/tiny-httpd.yaml\n");
    let draft = std::fs::read_to_string(home.path("content/entries/tiny-httpd.yaml")).unwrap();
    assert_snapshot!(draft, @r"
    # Suggested 2026-11-23: It runs on my board.
    # Suggested 2026-11-23: Please add it.
    # To be filled in: `kind`, `categories`, `description`. `workson content check` tells what is missing.
    # Take these lines away when it is done.
    name: Tiny HTTPd
    home: https://tiny.example/
    license: MIT
    images: [ghcr.io/tiny/httpd]
    ");
    let checked = home.run(&["content", "check"]).exits(1);
    for field in ["kind", "categories", "description"] {
        let what = format!("the field `{field}` is missing");
        assert!(checked.text().contains(&format!("tiny-httpd.yaml:5:1: {what}")), "{}", checked.text());
    }
    assert!(!checked.text().contains("`home`") && !checked.text().contains("YAML"), "{}", checked.text());
    // Filled in, nothing is wrong with it.
    let whole = format!("{draft}kind: software\ncategories: [all]\ndescription: A very small web server.\n");
    home.write("content/entries/tiny-httpd.yaml", whole);
    let checked = home.run(&["content", "check"]);
    assert!(!checked.text().contains("tiny-httpd"), "{}", checked.text());
    let shown = run(&home, &["show", "1"]).exits(0);
    assert!(
        shown.text().starts_with("suggestion 1, sent 2026-11-23T12:00:00Z: accepted\n"),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains(" by ann\n"), "{}", shown.text());
    run(&home, &["accept", "1", "--by", "bob"]).exits(1).says("was accepted already, by ann");
    run(&home, &["decline", "1", "--by", "bob", "--reason", "no"]).exits(1).says("by ann");
    // What is there is not written over, and the suggestion waits on.
    run(&home, &["accept", "2", "--by", "ann"]).exits(2).says("there is a file already").says("--slug");
    run(&home, &["accept", "2", "--by", "ann", "--slug", "tiny-2"]).exits(0);
    assert!(home.path("content/entries/tiny-2.yaml").is_file());
}

#[test]
fn an_entry_that_is_there_is_changed_line_by_line() {
    let home = home(&[change()]);
    run(&home, &["accept", "1", "--by", "ann"]).exits(0);
    let text = std::fs::read_to_string(home.path("content/entries/nginx.yaml")).unwrap();
    let expected = "\
# Suggested 2026-11-23: It has moved.
# Kept.
name: NGINX
kind: software
categories: [all]
description: A web server.   # to be longer
home: https://nginx.org/
license: BSD-2-Clause
images: [nginx]
";
    assert_eq!(text, expected);
    let left: Vec<_> = std::fs::read_dir(home.path("content/entries")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
}

#[test]
fn what_can_not_be_drafted_is_not_accepted() {
    let elsewhere = Wish { entry: Some("caddy".into()), ..change() };
    let flow = Wish { entry: Some("flow".into()), ..change() };
    let link = Wish { entry: Some("link".into()), ..change() };
    let out = Wish { entry: Some("../categories".into()), ..change() };
    let home = home(&[elsewhere, flow, link, out, Wish { name: "\u{8001}\u{864e}".into(), ..new_one() }]);
    home.write("content/entries/flow.yaml", "{name: Flow, home: https://a.example/}\n");
    home.write("outside.yaml", NGINX);
    home.shell("ln -s ../../outside.yaml content/entries/link.yaml").exits(0);
    let accept = |id: &str| run(&home, &["accept", id, "--by", "ann"]).exits(2);
    accept("1").says("caddy.yaml: there is no such file").says("--slug");
    accept("2").says("flow.yaml").says("by hand");
    accept("3").says("no plain file");
    accept("4").says("can't be the name of an entry");
    accept("5").says("--slug SLUG");
    run(&home, &["accept", "1", "--by", "ann", "--content", "none"]).exits(2).says("--content DIR");
    assert_eq!(std::fs::read_to_string(home.path("outside.yaml")).unwrap(), NGINX);
    let waiting = run(&home, &["list", "--state", "waiting", "--json"]).exits(0).json();
    assert_eq!(waiting.as_array().unwrap().len(), 5);
    // An image's page without an entry gets one.
    run(&home, &["accept", "1", "--by", "ann", "--slug", "caddy"]).exits(0);
    let text = std::fs::read_to_string(home.path("content/entries/caddy.yaml")).unwrap();
    assert!(text.contains("\nname: caddy\n"), "{text}");
}

#[test]
fn a_draft_of_which_the_decision_was_lost_is_taken_again() {
    let home = home(&[new_one(), change()]);
    // The draft is there, and the decision can't be kept: the database can only be read.
    let other = rusqlite::Connection::open(home.path("s.submissions.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER stop BEFORE UPDATE ON suggestions BEGIN SELECT RAISE(ABORT, 'the power went'); END;",
        )
        .unwrap();
    for id in ["1", "2"] {
        run(&home, &["accept", id, "--by", "ann"]).exits(2).says("the power went");
    }
    let entry = |name: &str| std::fs::read_to_string(home.path("content/entries").join(name)).unwrap();
    let drafts = [entry("tiny-httpd.yaml"), entry("nginx.yaml")];
    other.execute_batch("DROP TRIGGER stop").unwrap();
    for id in ["1", "2"] {
        run(&home, &["accept", id, "--by", "ann"]).exits(0);
    }
    assert_eq!([entry("tiny-httpd.yaml"), entry("nginx.yaml")], drafts);
}

#[test]
fn of_two_moderators_at_once_one_decides() {
    let home = home(&vec![change(); 6]);
    for id in ["1", "2", "3", "4", "5", "6"] {
        let decline = |by: &str| {
            let arguments = ["suggestions", "decline", id, "--store", "s.db", "--by", by, "--reason", "no"];
            start(&mut home.workson(&arguments))
        };
        let (ann, bob) = (decline("ann"), decline("bob"));
        let mut codes = [ann.ends().code, bob.ends().code];
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(1)]);
    }
}

#[test]
fn whoever_decides_is_named() {
    let home = home(&[change(), change(), change()]);
    let decline = |id: &str| {
        vec!["suggestions", "decline", "--store", "s.db", "--reason", "no", id]
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run_as = |id: &str, variable: &str| {
        let mut command = home.workson(&[]);
        command.args(decline(id)).env(variable, "carl");
        start(&mut command).ends()
    };
    start(home.workson(&[]).args(decline("1"))).ends().exits(2).says("--by NAME");
    run_as("1", "USER").exits(0);
    run_as("2", "LOGNAME").exits(0);
    assert_eq!(run(&home, &["show", "2", "--json"]).exits(0).json()["decision"]["by"], "carl");
    for by in ["", "workson", "proposer", "a\nb"] {
        run(&home, &["decline", "3", "--reason", "no", "--by", by]).exits(2).says("--by");
    }
    run(&home, &["decline", "3", "--reason", " ", "--by", "ann"]).exits(2).says("--reason");
    run(&home, &["decline", "3", "--by", "ann"]).exits(2).says("--reason");
}

#[test]
fn names_that_nobody_means_well_with_steer_nothing() {
    let wishes: Vec<Wish> = HOSTILE
        .into_iter()
        .map(|name| Wish {
            name: name.into(),
            image: name.into(),
            license: name.into(),
            description: name.into(),
            comment: format!("{name}\nname: evil\n{name}"),
            ..Wish::default()
        })
        .collect();
    let home = home(&wishes);
    let is_odd = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let listed = run(&home, &["list"]).exits(0);
    assert!(!listed.text().contains(is_odd), "{:?}", listed.text());
    assert_eq!(listed.text().lines().count(), 1 + HOSTILE.len());
    for (at, name) in HOSTILE.into_iter().enumerate() {
        let (id, slug) = ((at + 1).to_string(), format!("hostile-{at}"));
        let shown = run(&home, &["show", &id]).exits(0);
        assert!(!shown.text().contains(is_odd), "{:?}", shown.text());
        assert_eq!(run(&home, &["show", &id, "--json"]).exits(0).json()["name"], name);
        run(&home, &["accept", &id, "--by", "ann", "--slug", &slug]).exits(0);
        let text = std::fs::read_to_string(home.path(&format!("content/entries/{slug}.yaml"))).unwrap();
        assert!(!text.contains(is_odd), "{text:?}");
        let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let expected =
            serde_json::json!({ "name": name, "license": name, "description": name, "images": [name] });
        assert_eq!(read, expected, "{text}");
    }
}
