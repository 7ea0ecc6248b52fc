//! The site in a real browser: `tests/browser/site.test.mjs` says what is seen there, this starts what it looks at.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use cli_support::Home;

#[test]
fn a_browser_finds_its_way() {
    let home = Home::new();
    home.run(&["site", "build", "pages"]).exits(0);
    let mut server = home.workson(&["serve", "--listen", "127.0.0.1:0", "--no-open", "--log", "warnings"]);
    let mut server = server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let site = lines.filter_map(|line| Some(line.strip_prefix("the site is at ")?.to_owned())).next();
    let ran = Command::new("node")
        .args(["--test", "site.test.mjs"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser"))
        .env("SITE", site.unwrap().trim_end_matches('/'))
        .env("PAGES", home.path("pages"))
        .output();
    server.kill().unwrap();
    server.wait().unwrap();
    let ran = ran.unwrap();
    let (told, complained) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}\n{complained}");
    assert!(told.contains("# pass 12\n"), "{told}");
}
