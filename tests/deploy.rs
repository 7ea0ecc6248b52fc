//! What operators are given in `deploy/`: the configuration, systemd's units and the container image.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod operations;
mod parts;
mod verify;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use cli_support::{Home, PATIENCE, Ran, start};
use operations::Service;
use serde_json::{Value, json};
use verify::compile::{AMD64, ARM64};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
const WORKSON: &str = env!("CARGO_BIN_EXE_workson");

fn deployed(name: &str) -> String {
    std::fs::read_to_string(Path::new(DEPLOY).join(name)).unwrap()
}

/// What `serve --check-config` makes of a configuration, with a store that is nowhere.
fn checked(home: &Home, config: &str) -> toml::Table {
    let config = home.write("checked.toml", config);
    let store = home.path("none.db").display().to_string();
    let ran = home.run(&["serve", "--check-config", "--config", &config, "--store", &store]).exits(0);
    assert_eq!(ran.stderr, "");
    toml::from_str(ran.text()).unwrap()
}

#[test]
fn the_configuration_is_one() {
    let home = Home::new();
    let text = deployed("config.toml");
    let told = checked(&home, &text);
    let written: toml::Table = toml::from_str(&text).unwrap();
    let [written, told] = [&written, &told].map(|table| &table["serve"]);
    for name in ["listen", "base_url", "max_connections", "metrics", "log", "forms"] {
        assert_eq!(written[name], told[name], "{name}");
    }
    assert_eq!(written["live"]["pulls"], told["live"]["pulls"]);
    assert_eq!(told["inventory"][0]["list"].as_str(), Some("official"));

    // What is said as an example, behind a `#`, is right as well.
    let list = home.write("images.txt", "nginx\n");
    let is_field = |line: &str| {
        line.starts_with("[[")
            || line.split_once(" = ").is_some_and(|(name, _)| {
                name.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_')
            })
    };
    let whole: String = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| is_field(line)).unwrap_or(line))
        .filter(|line| !line.starts_with("content = "))
        .map(|line| format!("{}\n", line.replace("/etc/workson/images.txt", &list)))
        .collect();
    let told = checked(&home, &whole);
    assert_eq!(told["serve"]["inventory"][1]["every"].as_str(), Some("86400s"));
    assert_eq!(told["serve"]["live"]["internal"][0].as_str(), Some("registry.lan:5000"));
}

#[test]
fn systemd_takes_the_units_and_finds_little_that_they_may_do() {
    let home = Home::new();
    let mut units = Vec::new();
    for name in ["workson.service", "workson-backup.service", "workson-backup.timer"] {
        // It looks whether the program is there.
        let text = deployed(&format!("systemd/{name}")).replace("/usr/local/bin/workson", WORKSON);
        units.push(home.write(name, text));
    }
    let analyze = || home.command("systemd-analyze");
    let verified = start(analyze().arg("verify").args(&units)).ends().exits(0);
    assert_eq!(verified.stderr, "");
    for unit in &units[..2] {
        // In tenths of ten: below 2 is what systemd calls OK or safe.
        let mut command = analyze();
        command.args(["security", "--offline=yes", "--no-pager", "--threshold=20", unit]);
        let judged = start(&mut command).ends();
        assert_eq!(judged.code, Some(0), "{}", judged.text());
    }
}

/// What a unit starts, as a shell reads it, with folders of a test in the place of the system's.
fn started(home: &Home, unit: &str, field: &str) -> String {
    let text = deployed(unit);
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix('=')).unwrap();
    let mut line = line.replace("%%", "%").replace("/usr/local/bin/workson", WORKSON);
    for (from, to) in [("/var/lib/workson-backup", "copies"), ("/etc/workson/config.toml", "config.toml")] {
        line = line.replace(from, &home.path(to).display().to_string());
    }
    line
}

#[test]
fn a_backup_leaves_one_copy_more_and_takes_away_those_that_are_old() {
    let home = Home::new();
    let store = home.path("kept.db").display().to_string();
    home.write("config.toml", format!("store = \"{store}\"\n"));
    let service = Service::start(&home, &["--no-live", "--store", &store]);
    assert_eq!(service.post("/suggest/", operations::SUGGESTION, &[]).status, 303);

    let unit = "systemd/workson-backup.service";
    let [copy, clean] = ["ExecStart", "ExecStartPost"].map(|field| started(&home, unit, field));
    let days =
        deployed(unit).lines().find_map(|line| line.strip_prefix("Environment=").map(str::to_owned)).unwrap();
    // While the service is under way.
    home.shell(&copy).exits(0);
    let old = "mkdir copies/20200101T000000Z copies/20260101T000000Z copies/mine
        touch -d '16 days ago' copies/20200101T000000Z copies/mine
        touch -d '13 days ago' copies/20260101T000000Z";
    home.shell(old).exits(0);
    home.shell(&format!("export {days}; {clean}")).exits(0);
    let mut left: Vec<String> = std::fs::read_dir(home.path("copies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let [young, new, mine] = &left[..] else { panic!("{left:?}") };
    assert_eq!((young.as_str(), mine.as_str()), ("20260101T000000Z", "mine"));
    assert!(new.len() == 16 && new.ends_with('Z'), "{new}");
    let copied = home.path(&format!("copies/{new}/kept.submissions.db"));
    let submissions = workson::store::Submissions::open_existing(&copied).unwrap();
    assert_eq!(submissions.suggestions(None).unwrap().len(), 1);
}

/// Makes the image; what `workson assemble` said.
fn build(home: &Home, arguments: &[&str]) -> Ran {
    let mut command = home.command("sh");
    command.arg(Path::new(DEPLOY).join("image/build.sh")).args(["--workson", WORKSON]).args(arguments);
    start(&mut command).ends_within(PATIENCE * 4)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn blob(home: &Home, digest: &Value) -> std::path::PathBuf {
    home.path("out/blobs/sha256").join(digest.as_str().unwrap().strip_prefix("sha256:").unwrap())
}

#[test]
fn the_image_is_for_both_platforms_and_starts_as_nobody() {
    let home = Home::new();
    let amd64 = home.write("amd64", AMD64.fixed());
    let arm64 = home.write("arm64", ARM64.fixed());
    let programs = ["--amd64", &amd64, "--arm64", &arm64];
    let first = build(&home, &[&programs[..], &["--to", "oci:out:it"]].concat()).exits(0);
    let verified = home.run(&["verify", "--all-platforms", "--json", "oci:out:it"]).exits(0).json();
    let verdicts: Vec<(&Value, &Value)> = verified[0]["platforms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|platform| (&platform["platform"], &platform["verdict"]))
        .collect();
    let yes = json!("yes");
    assert_eq!(verdicts, [(&json!("linux/amd64"), &yes), (&json!("linux/arm64"), &yes)]);

    // skopeo, which read none of it before, sees the same.
    let skopeo = parts::skopeo::Skopeo::new();
    let from = format!("oci:{}:it", home.path("out").display());
    for (platform, architecture) in [("linux/amd64", "amd64"), ("linux/arm64", "arm64")] {
        let taken = home.path(&format!("{architecture}.dir"));
        skopeo.convert(platform, &from, &format!("dir:{}", taken.display()));
        let manifest = read(&taken.join("manifest.json"));
        let digest = manifest["config"]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let config = read(&taken.join(digest));
        assert_eq!(config["architecture"], json!(architecture));
        let config = &config["config"];
        assert_eq!(config["Entrypoint"], json!(["/usr/bin/workson", "serve", "--no-open"]));
        assert_eq!(config["User"], json!("65532:65532"));
        assert_eq!(config["Volumes"], json!({ "/var/lib/workson": {} }));
        assert_eq!(config["ExposedPorts"], json!({ "8017/tcp": {} }));
        let environment = config["Env"].as_array().unwrap();
        for variable in ["WORKSON_LISTEN=0.0.0.0:8017", "WORKSON_STORE=/var/lib/workson/store.db"] {
            assert!(environment.contains(&json!(variable)), "{environment:?}");
        }
        let layer = std::fs::read(blob(&home, &manifest["layers"][0]["digest"])).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]));
        let mut writable = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
            let owner = (header.uid().unwrap(), header.gid().unwrap());
            match header.mode().unwrap() {
                0o700 => assert_eq!((path.as_str(), owner), ("var/lib/workson/", (65532, 65532))),
                mode => assert_eq!(owner, (0, 0), "{path} {mode:o}"),
            }
            if owner.0 != 0 || header.mode().unwrap() & 0o002 != 0 {
                writable.push(path);
            }
        }
        writable.sort();
        assert_eq!(writable, ["tmp/", "var/lib/workson/"]);
    }

    // The same again is the same image, whatever the time and the folder.
    let again = build(&home, &[&programs[..], &["--to", "oci:again:it"]].concat()).exits(0);
    let digest = |ran: &Ran| ran.text().lines().next().unwrap().to_owned();
    assert_eq!(digest(&first), digest(&again));
}

#[test]
fn a_program_for_another_machine_makes_no_image() {
    let home = Home::new();
    let amd64 = home.write("amd64", AMD64.fixed());
    let ran = build(&home, &["--amd64", &amd64, "--arm64", &amd64, "--to", "oci:out:it"]).exits(1);
    assert!(!home.path("out").exists(), "{}", ran.text());
    let nothing: [(&[&str], &str); 4] = [
        (&["--amd64", &amd64, "--arm64", "nothing", "--to", "oci:out"], "nothing: there is no such file"),
        (&["--amd64", &amd64, "--arm64", &amd64], "say where to: --to oci:DIR or --push"),
        (&["--riscv64", &amd64], "there is no option --riscv64"),
        (&["--amd64", &amd64, "--certificates", "none.pem", "--to", "oci:out"], "none.pem: no certificate"),
    ];
    for (arguments, what) in nothing {
        build(&home, arguments).exits(2).says(what);
    }
}

/// The libraries that a program needs on this machine, and its loader, laid out as they are found.
fn with_libraries(home: &Home, program: &Path) -> String {
    let said = parts::run("ldd", Command::new("ldd").arg(program), b"");
    let root = home.path("libraries");
    let mut count = 0;
    for word in String::from_utf8(said).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
        let to = root.join(word.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(word, &to).unwrap();
        count += 1;
    }
    assert!(count >= 2, "a loader and a C library");
    root.display().to_string()
}

/// The image's program with nothing of this machine but its network and its system: the root is the image's, and the user
/// too. Who is not root here is root in there, as in a container without root.
fn contained(home: &Home, root: &str, arguments: &[&str]) -> Command {
    let is_root = std::fs::metadata(home.path("")).unwrap().uid() == 0;
    let mut command = home.command(if is_root { "/usr/sbin/chroot" } else { "unshare" });
    command.args(if is_root {
        ["--userspec=65532:65532"].as_slice()
    } else {
        &["--map-root-user", "/usr/sbin/chroot"]
    });
    command.arg(root);
    command.env_clear().envs([("HOME", "/var/lib/workson"), ("WORKSON_STORE", "/var/lib/workson/store.db")]);
    command.arg("/usr/bin/workson").args(arguments);
    command
}

#[cfg(target_arch = "x86_64")]
#[test]
fn what_is_in_the_image_starts_and_serves() {
    let home = Home::new();
    // Without what debuggers need it is packed in a tenth of the time.
    let small = home.path("workson");
    parts::run("strip", Command::new("strip").arg("-o").arg(&small).arg(WORKSON), b"");
    let libraries = with_libraries(&home, &small);
    let arm64 = home.write("arm64", ARM64.fixed());
    let small = small.display().to_string();
    build(&home, &["--amd64", &small, "--arm64", &arm64, "--root", &libraries, "--to", "oci:out:it"])
        .exits(0);
    home.run(&["verify", "oci:out:it", "--platform", "linux/amd64"]).exits(0);
    home.run(&["pull", "oci:out:it", "--platform", "linux/amd64", "--to", "rootfs:root"]).exits(0);
    let root = home.path("root").display().to_string();

    let version = start(&mut contained(&home, &root, &["--version"])).ends().exits(0);
    assert_eq!(version.text(), format!("workson {}\n", env!("CARGO_PKG_VERSION")));
    let serve = ["serve", "--no-open", "--listen", "127.0.0.1:0", "--no-live"];
    let service = Service::of(contained(&home, &root, &serve));
    assert_eq!(service.get("/healthz").text(), "ok\n");
    assert_eq!(service.get("/about/").status, 200);
    let database = service.get("/download/official-images.sqlite");
    assert!(database.body.starts_with(b"SQLite format 3\0"), "there is a /tmp to make it in");
    assert_eq!(service.post("/suggest/", operations::SUGGESTION, &[]).status, 303);
    assert!(home.path("root/var/lib/workson/store.submissions.db").exists());
    assert_eq!(service.end().0, Some(0));
    // Registries are asked with the certificate authorities that came along.
    let authorities = std::fs::read_to_string(home.path("root/etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(authorities.contains("-----BEGIN CERTIFICATE-----"));
}
