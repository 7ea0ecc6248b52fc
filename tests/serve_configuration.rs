//! How `workson serve` is configured: by flags, the environment and a file.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;

use std::path::Path;
use std::process::Command;

use cli_support::{Home, Ran, start};
use toml::{Table, Value};

/// `workson serve --check-config`, with variables.
fn checking(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = home.workson(&[&["serve", "--check-config"], arguments].concat());
    command.envs(variables.iter().copied());
    command
}

fn check(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    start(&mut checking(home, arguments, variables)).ends()
}

/// What it says it goes by.
#[track_caller]
fn printed(ran: Ran) -> Table {
    toml::from_str(ran.exits(0).text()).unwrap()
}

/// The value at `serve.listen`, `serve.inventory.0.every` and the like.
fn at(table: &Table, path: &str) -> Option<Value> {
    let mut names = path.split('.');
    let mut value = table.get(names.next()?)?;
    for name in names {
        value = match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            value => value.get(name)?,
        };
    }
    Some(value.clone())
}

fn values(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(*text)).collect())
}

/// A field with four values: what is usual, and what the file, the environment and a flag say in the test.
struct Field {
    path: &'static str,
    usual: Option<Value>,
    file: (&'static str, Value),
    variable: (&'static str, &'static str, Value),
    flag: (&'static [&'static str], Value),
}

fn fields() -> Vec<Field> {
    vec![
        Field {
            path: "serve.listen",
            usual: Some("127.0.0.1:8017".into()),
            file: ("[serve]\nlisten = \"127.0.0.1:1001\"", "127.0.0.1:1001".into()),
            variable: ("WORKSON_LISTEN", "127.0.0.1:1002", "127.0.0.1:1002".into()),
            flag: (&["--listen", "[::1]:1003"], "[::1]:1003".into()),
        },
        Field {
            path: "serve.base_url",
            usual: None,
            file: ("[serve]\nbase_url = \"https://file.example\"", "https://file.example".into()),
            variable: ("WORKSON_BASE_URL", "https://variable.example", "https://variable.example".into()),
            flag: (&["--base-url", "https://flag.example/on"], "https://flag.example/on".into()),
        },
        Field {
            path: "serve.max_connections",
            usual: Some(4096.into()),
            file: ("[serve]\nmax_connections = 101", 101.into()),
            variable: ("WORKSON_MAX_CONNECTIONS", "102", 102.into()),
            flag: (&["--max-connections", "103"], 103.into()),
        },
        Field {
            path: "serve.trusted_proxies",
            usual: Some(values(&[])),
            file: ("[serve]\ntrusted_proxies = [\"10.0.0.1\"]", values(&["10.0.0.1/32"])),
            variable: ("WORKSON_TRUSTED_PROXIES", "10.0.0.2,fd00::/8", values(&["10.0.0.2/32", "fd00::/8"])),
            flag: (&["--trusted-proxy", "10.0.3.0/24"], values(&["10.0.3.0/24"])),
        },
        Field {
            path: "serve.metrics",
            usual: Some("loopback".into()),
            file: ("[serve]\nmetrics = \"off\"", "off".into()),
            variable: ("WORKSON_METRICS", "all", "all".into()),
            flag: (&["--metrics", "loopback"], "loopback".into()),
        },
        Field {
            path: "serve.log",
            // Nobody looks at a terminal here.
            usual: Some("json".into()),
            file: ("[serve]\nlog = \"text\"", "text".into()),
            variable: ("WORKSON_LOG", "off", "off".into()),
            flag: (&["--log", "warnings"], "warnings".into()),
        },
        Field {
            path: "serve.live.registries.0",
            usual: Some("docker.io".into()),
            file: ("[serve.live]\nregistries = [\"file.example\"]", "file.example".into()),
            variable: ("WORKSON_REGISTRIES", "variable.example:5000", "variable.example:5000".into()),
            flag: (&["--registry", "flag.example"], "flag.example".into()),
        },
        Field {
            path: "serve.live.internal",
            usual: Some(values(&[])),
            file: ("[serve.live]\ninternal = [\"file.example\"]", values(&["file.example"])),
            variable: ("WORKSON_INTERNAL", "variable.example:5000", values(&["variable.example:5000"])),
            flag: (&["--internal", "flag.example"], values(&["flag.example"])),
        },
        Field {
            path: "serve.live.questions_per_minute",
            usual: Some(60.into()),
            file: ("[serve.live]\nquestions_per_minute = 11", 11.into()),
            variable: ("WORKSON_QUESTIONS_PER_MINUTE", "12", 12.into()),
            flag: (&["--questions-per-minute", "0"], 0.into()),
        },
        Field {
            path: "serve.forms.per_hour",
            usual: Some(10.into()),
            file: ("[serve.forms]\nper_hour = 21", 21.into()),
            variable: ("WORKSON_FORMS_PER_HOUR", "22", 22.into()),
            flag: (&["--forms-per-hour", "23"], 23.into()),
        },
        Field {
            path: "serve.inventory.0.every",
            usual: None,
            file: ("[[serve.inventory]]\nlist = \"official\"\nevery = \"2h\"", "7200s".into()),
            variable: ("WORKSON_EVERY", "90m", "5400s".into()),
            flag: (&["--every", "1d 12h"], "129600s".into()),
        },
        Field {
            path: "serve.inventory.0.list",
            usual: None,
            file: ("[[serve.inventory]]\nlist = \"official\"", "official".into()),
            variable: ("WORKSON_INVENTORY", "variable.txt", "variable.txt".into()),
            flag: (&["--inventory", "flag.txt"], "flag.txt".into()),
        },
        Field {
            path: "store",
            usual: None,
            file: ("store = \"file.db\"", "file.db".into()),
            variable: ("WORKSON_STORE", "variable.db", "variable.db".into()),
            flag: (&["--store", "flag.db"], "flag.db".into()),
        },
    ]
}

#[test]
fn flags_come_before_the_environment_that_before_the_file_and_that_before_what_is_usual() {
    let home = Home::new();
    for list in ["variable.txt", "flag.txt"] {
        home.write(list, "nginx\n");
    }
    for Field { path, usual, file, variable, flag } in fields() {
        let config = home.write("serve.toml", file.0);
        let variable = [("WORKSON_CONFIG", config.as_str()), (variable.0, variable.1), ("", variable.1)];
        let told = |arguments: &[&str], variables: &[(&str, &str)]| {
            at(&printed(check(&home, arguments, variables)), path)
        };
        if path != "store" {
            assert_eq!(told(&[], &[]), usual, "{path}");
        }
        assert_eq!(told(&[], &variable[..1]), Some(file.1), "{path}");
        assert_eq!(told(flag.0, &variable[..2]), Some(flag.1.clone()), "{path}");
        let of_variable = fields().into_iter().find(|field| field.path == path).unwrap().variable.2;
        assert_eq!(told(&[], &variable[..2]), Some(of_variable), "{path}");
    }
}

#[test]
fn what_is_turned_off_anywhere_is_off() {
    let home = Home::new();
    let off = home.write("off.toml", "[serve.live]\nenabled = false\n[serve.forms]\nenabled = false\n");
    let enabled = |arguments: &[&str], variables: &[(&str, &str)]| {
        let table = printed(check(&home, arguments, variables));
        ["serve.live.enabled", "serve.forms.enabled"].map(|path| at(&table, path).unwrap().as_bool().unwrap())
    };
    assert_eq!(enabled(&[], &[]), [true, true]);
    assert_eq!(enabled(&["--no-live"], &[]), [false, true]);
    assert_eq!(enabled(&["--no-forms"], &[]), [true, false]);
    assert_eq!(enabled(&[], &[("WORKSON_NO_LIVE", "1")]), [false, true]);
    assert_eq!(enabled(&[], &[("WORKSON_NO_FORMS", "yes")]), [true, false]);
    assert_eq!(enabled(&[], &[("WORKSON_NO_FORMS", "0"), ("WORKSON_NO_LIVE", "false")]), [true, true]);
    assert_eq!(enabled(&["--config", &off], &[]), [false, false]);
}

#[test]
fn what_is_wrong_is_told_all_at_once_each_with_its_name_and_what_to_do() {
    let home = Home::new();
    let config = home.write(
        "serve.toml",
        "[serve]\nmetrics = \"some\"\nlog = \"loud\"\n[serve.live]\nfresh = \"soon\"\n[serve.live.pulls]\n\"a b\" = 1\n",
    );
    let typed = [
        ["--listen", "127.0.0.1:99999"],
        ["--base-url", "nowhere"],
        ["--trusted-proxy", "10.0.0.0/99"],
        ["--registry", "https://quay.io"],
        ["--internal", "a b"],
        ["--inventory", "nothing.txt"],
        ["--every", "1 month"],
        ["--content", "no-content"],
    ];
    let ran = check(&home, &[&["--config", &config], &typed.concat()[..]].concat(), &[]).exits(2);
    assert_eq!(ran.text(), "");
    for (what, hint) in [
        ("--listen 127.0.0.1:99999: ", "for example --listen 127.0.0.1:8017"),
        ("--base-url nowhere: ", "for example --base-url https://example.org/workson"),
        ("--trusted-proxy 10.0.0.0/99: ", "for example 127.0.0.1 or 10.0.0.0/8"),
        ("--registry https://quay.io: ", "like docker.io or registry.example:5000"),
        ("--internal a b: ", "like docker.io or registry.example:5000"),
        ("serve.live.pulls a b: ", "like docker.io or registry.example:5000"),
        ("--inventory nothing.txt: ", "or `official`"),
        ("--every 1 month: ", "for example 6h, 90m or 1d"),
        ("fresh soon: ", "for example 6h, 90m or 1d"),
        ("--metrics some: ", "off, loopback, all"),
        ("log loud: ", "json, text, warnings, off"),
        ("no-content", ""),
    ] {
        let mut lines = ran.stderr.lines();
        let line = lines.find(|line| line.contains(what));
        assert!(line.is_some_and(|line| line.starts_with("workson: ")), "{what}: {}", ran.stderr);
        assert!(lines.next().unwrap_or_default().contains(hint), "{what} has no hint: {}", ran.stderr);
    }
    // The service says the same of it, and does not begin.
    let served = home.run(&["serve", "--config", &config]).exits(2);
    served.says("fresh soon: ").says("--metrics some: ").says("log loud: ").says("serve.live.pulls a b: ");
    for wrong in [["--max-connections", "many"], ["--log", "loud"], ["--forms-per-hour", "1.5"]] {
        check(&home, &wrong, &[]).exits(2).says(wrong[0]).says(wrong[1]);
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_with_its_line() {
    let home = Home::new();
    for (text, line, field) in [
        ("[serve]\nlisten = \"127.0.0.1:1\"\nport = 8017\n", 3, "port"),
        ("[serve.live]\nregistry = [\"quay.io\"]\n", 2, "registry"),
        ("\n\n[serve.forms]\nper_day = 3\n", 4, "per_day"),
        ("[[serve.inventory]]\nlist = \"official\"\nevry = \"6h\"\n", 3, "evry"),
        ("[server]\n", 1, "server"),
        ("[serve]\nmax_connections = \"many\"\n", 2, "max_connections"),
        ("[[serve.inventory]]\nevery = \"6h\"\n", 1, "list"),
    ] {
        let config = home.write("serve.toml", text);
        let ran = check(&home, &["--config", &config], &[]).exits(2);
        ran.says(&format!("line {line}: ")).says(field).says("docs/configuration.md");
    }
    check(&home, &["--config", "nowhere.toml"], &[]).exits(2).says("nowhere.toml");
}

#[test]
fn what_is_printed_says_the_same_when_it_is_read_again() {
    let home = Home::new();
    home.write("images.txt", "nginx\n");
    let config = home.write(
        "serve.toml",
        "store = \"kept.db\"\ntimeout = 7\nplain_http = [\"lan.example:5000\"]\n\
         credential_files = []\ndocker_hub_api = \"http://127.0.0.1:1\"\n\
         [mirrors]\n\"docker.io\" = \"cache.example:5000\"\n\
         [proxy]\nno_proxy = \"secret.example\"\n[serve]\nbase_url = \"https://site.example/on\"\nmax_connections = 7\nlog = \"text\"\n\
         trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nmetrics = \"all\"\n\
         [serve.live]\nregistries = [\"quay.io\", \"index.docker.io\"]\ninternal = [\"lan.example:5000\"]\n\
         fresh = \"1d 90m\"\npulls_per_hour = 3\n[serve.live.pulls]\n\"docker.io\" = 5\n\"lan.example:5000\" = 6\n\
         [serve.forms]\nper_hour = 0\n\
         [[serve.inventory]]\nlist = \"images.txt\"\nevery = \"1d\"\n[[serve.inventory]]\nlist = \"official\"\n",
    );
    for arguments in [&[][..], &["--config", &config]] {
        let first = check(&home, arguments, &[]).exits(0);
        let again = home.write("again.toml", first.text());
        assert_eq!(check(&home, &["--config", &again], &[]).exits(0).text(), first.text());
    }
    let table = printed(check(&home, &["--config", &config, "--jobs", "3"], &[]));
    assert_eq!(at(&table, "jobs"), Some(3.into()));
    assert_eq!(at(&table, "proxy"), None, "a proxy's address may hold a password");
    assert_eq!(at(&table, "mirrors").unwrap().get("docker.io"), Some(&"cache.example:5000".into()));
    for (path, value) in [
        ("store", Value::from("kept.db")),
        ("timeout", 7.into()),
        ("plain_http", values(&["lan.example:5000"])),
        ("credential_files", values(&[])),
        ("docker_hub_api", "http://127.0.0.1:1".into()),
        ("serve.max_connections", 7.into()),
        ("serve.trusted_proxies", values(&["10.0.0.0/8", "::1/128"])),
        // What is internal may be asked about.
        ("serve.live.registries", values(&["quay.io", "docker.io", "lan.example:5000"])),
        ("serve.live.fresh", "91800s".into()),
        ("serve.live.pulls.lan.example:5000", 6.into()),
        ("serve.inventory.0.every", "86400s".into()),
        ("serve.inventory.1.every", "21600s".into()),
    ] {
        let found = match path.strip_prefix("serve.live.pulls.") {
            Some(registry) => at(&table, "serve.live.pulls").unwrap().get(registry).cloned(),
            None => at(&table, path),
        };
        assert_eq!(found, Some(value), "{path}");
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn checking_makes_no_file_and_asks_nobody() {
    let home = Home::new();
    let registry = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    registry.set_nonblocking(true).unwrap();
    let host = registry.local_addr().unwrap().to_string();
    home.write("images.txt", format!("{host}/library/image\n"));
    let mirror = format!("docker.io={host}");
    let before = files(&home.path(""));
    let ran = check(
        &home,
        &["--internal", &host, "--mirror", &mirror, "--inventory", "images.txt", "--inventory", "official"],
        &[],
    );
    let printed = printed(ran);
    assert!(at(&printed, "store").unwrap().as_str().unwrap().ends_with("workson/store.db"));
    assert_eq!(files(&home.path("")), before);
    let asked = registry.accept().map(|_| ()).unwrap_err();
    assert_eq!(asked.kind(), std::io::ErrorKind::WouldBlock);
    // Where it would listen, something else may: the service that this configuration is for.
    check(&home, &["--listen", &host], &[]).exits(0);
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn what_operators_read_has_every_flag_variable_and_field() {
    let home = Home::new();
    let help = home.run(&["serve", "--help"]).exits(0);
    let own = help.text().split("Options of every command:").next().unwrap();
    let word = |text: &str| {
        let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)));
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let flags = own.lines().filter_map(|line| line.trim().strip_prefix("--"));
    let flags: Vec<String> = flags.map(|line| format!("--{}", word(line))).collect();
    let variables: Vec<String> = own.split("[env: ").skip(1).map(word).collect();
    assert!(flags.len() > 15 && variables.len() > 12, "{flags:?} {variables:?}");
    let text = include_str!("../docs/operating.md");
    let known = quoted(text);
    for name in flags.iter().chain(&variables) {
        assert!(known.contains(&name.as_str()), "docs/operating.md lacks {name}");
    }
    for name in known.iter().filter(|name| name.starts_with("WORKSON_") && !name.contains('=')) {
        let is_there = variables.iter().any(|variable| variable == name);
        assert!(is_there, "docs/operating.md names {name}, which is none");
    }
    // A field that is not known is told with those that are.
    for table in ["[serve]", "[serve.live]", "[serve.forms]", "[[serve.inventory]]"] {
        let config = home.write("serve.toml", format!("{table}\nnothing = 1\n"));
        let ran = check(&home, &["--config", &config], &[]).exits(2);
        let message = ran.stderr.lines().next().unwrap();
        let fields: Vec<&str> = quoted(message).into_iter().filter(|name| *name != "nothing").collect();
        assert!(fields.len() > 1, "{message}");
        for field in fields.iter().filter(|field| !["live", "forms", "inventory"].contains(field)) {
            assert!(text.contains(&format!("\n| `{field}` |")), "docs/operating.md lacks {table} {field}");
        }
    }
}
