//! An Alpine release: how its roots are found, what their checksums and signatures say, and what is told of it.

use super::*;

/// The files of an Alpine release of two architectures, as paths and bytes.
fn release() -> Vec<(String, Vec<u8>)> {
    let root = |name: &str, machine| {
        let files = Files::new().program("bin/sh", &elf(machine));
        (format!("{name}/alpine-minirootfs-3.20.3-{name}.tar.gz"), gzip(&files.tar()))
    };
    vec![root("x86_64", AMD64), root("aarch64", ARM64)]
}

/// What says that no other architectures are expected.
const BOTH: [&str; 2] = ["--expect", "linux/amd64,linux/arm64"];

fn sha512(bytes: &[u8]) -> String {
    Algorithm::Sha512.digest(bytes).hex().to_owned()
}

/// `latest-releases.yaml` of an architecture.
fn index(name: &str, sum: &str) -> String {
    format!(
        "---\n-\n  title: \"Standard\"\n  desc: |\n    Alpine as it was intended.\n  flavor: alpine-standard\n  version: 3.20.3\n  file: alpine-standard-3.20.3-{name}.iso\n-\n  title: \"Mini root filesystem\"\n  branch: v3.20\n  arch: {name}\n  version: 3.20.3\n  flavor: alpine-minirootfs\n  file: alpine-minirootfs-3.20.3-{name}.tar.gz\n  date: 2024-09-06\n  size: 3947906\n  sha512: {sum}\n"
    )
}

#[test]
fn the_signatures_of_an_alpine_release_are_checked_by_the_key_that_is_given() {
    let home = Home::new();
    let mut sums = String::new();
    for (path, bytes) in release() {
        sums += &format!("{}  {path}\n", sha512(&bytes));
        home.write(&format!("signed/{path}"), bytes);
    }
    home.write("signed/checksums.sha512", &sums);
    let gpg = "gpg --homedir $HOME/keys --batch --quiet --pinentry-mode loopback --passphrase ''";
    let script = format!(
        "set -e; mkdir -m 700 $HOME/keys; for who in right wrong; do {gpg} --quick-generate-key $who@example rsa2048 sign; \
         {gpg} --export $who@example >$who.gpg; done; \
         for root in signed/*/*.tar.gz; do {gpg} --local-user right@example --armor --detach-sign $root; done; \
         gpgconf --homedir $HOME/keys --kill all"
    );
    let made = home.shell(&script);
    assert_eq!(made.code, Some(0), "{made:?}");
    let run = |more: &[&str]| {
        home.run(
            &[&["assemble", "alpine", "--release", "signed", "--dry-run", "--json"][..], &BOTH, more]
                .concat(),
        )
    };
    let notes =
        |told: Value| told["notes"].as_array().unwrap().iter().map(Value::to_string).collect::<String>();
    assert!(notes(run(&[]).exits(0).json()).contains("was not checked (--key FILE does)"));
    let told = notes(run(&["--key", "right.gpg"]).exits(0).json());
    assert_eq!(told.matches("is signed by").count(), 2, "{told}");
    run(&["--key", "wrong.gpg"]).exits(2).says("No public key");
    run(&["--key", "absent.gpg"]).exits(2).says("absent.gpg");
    let asc = home.path(&format!("signed/{}.asc", release()[0].0));
    let other = home.path(&format!("signed/{}.asc", release()[1].0));
    std::fs::copy(&other, &asc).unwrap();
    run(&["--key", "right.gpg"]).exits(2).says("BAD signature");
    std::fs::remove_file(&asc).unwrap();
    run(&["--key", "right.gpg"]).exits(2).says("it is not there, and --key asks for a signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alpine_release_is_found_by_its_index_its_checksums_or_those_beside_its_roots() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let files = release();
    let mut sums = String::new();
    for (path, bytes) in &files {
        let (name, file) = path.split_once('/').unwrap();
        let sum = sha512(bytes);
        sums += &format!("{sum}  {path}\n");
        for place in ["sums", "index", "beside"] {
            home.write(&format!("{place}/{path}"), bytes);
        }
        home.write(&format!("index/{name}/latest-releases.yaml"), index(name, &sum));
        home.write(&format!("beside/{path}.sha512"), format!("{sum}  {file}\n"));
        registry.put_page(&format!("/v3.20/releases/{path}"), "application/gzip", bytes.clone());
        let page = format!("/v3.20/releases/{name}/latest-releases.yaml");
        registry.put_page(&page, "text/yaml", index(name, &sum));
    }
    home.write("sums/checksums.sha512", &sums);
    let address = format!("http://{}/v3.20/releases/", registry.host());
    let run = |release: &str, more: &[&str]| {
        home.run(
            &[&["assemble", "alpine", "--release", release, "--dry-run", "--json"][..], &BOTH, more].concat(),
        )
    };
    let told = run("sums", &[]).exits(0).json();
    let platforms: Vec<&Value> =
        told["platforms"].as_array().unwrap().iter().map(|platform| &platform["platform"]).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64/v8"]);
    for (release, more) in [("index", &[][..]), (&address, &[]), ("beside", &["--version", "3.20.3"])] {
        let other = run(release, more).exits(0).json();
        assert_eq!(other["digest"], told["digest"], "{release}");
    }
    let stanza = told["stanza"].as_str().unwrap();
    assert!(stanza.contains("Tags: 3.20.3, 3.20\nArchitectures: arm64v8, amd64\n"), "{stanza}");
    let commit = "7d63673353bd39d92ba42f6effcc199aeebd45ee";
    let told = run("sums", &["--git-commit", commit, "--latest"]).exits(0).json();
    let read =
        workson::history::library_file::LibraryFile::parse(told["stanza"].as_str().unwrap().as_bytes());
    let names: Vec<String> = read.unwrap().tags().keys().map(|tag| (*tag).to_owned()).collect();
    assert_eq!(names, ["3", "3.20", "3.20.3", "latest"]);

    for (release, more, says) in [
        ("sums", &["--version", "3.99.9"][..], "sums has no minimal root of 3.99.9 of Alpine"),
        ("sums", &["--version", "3.20"], "it has 3.20.3"),
        ("index", &["--version", "3.20"], "it has 3.20.3"),
        ("nowhere", &[], "there is no such folder"),
        ("ftp://127.0.0.1/alpine", &[], "it is asked over https, not ftp"),
        ("http://alpine.example/v3.20", &[], "it is asked over https, not http"),
        ("beside", &["--version", "../.."], "that is no version of Alpine"),
    ] {
        run(release, more).exits(2).says(says);
    }
    home.write("sums/checksums.sha512", sums.replace("  aarch64", "  gone/aarch64"));
    run("sums", &[]).exits(1).says("it lacks linux/arm64; nothing is written or pushed");
    home.write("sums/checksums.sha512", &sums);
    home.write(&format!("sums/{}", files[0].0), &files[1].1);
    run("sums", &[])
        .exits(2)
        .says("sums/x86_64: the root ")
        .says("it is damaged, or another file than was meant");
}

/// The files of an Alpine release of these architectures, in a folder of the home, with their checksums.
fn release_of(home: &Home, folder: &str, version: &str, architectures: &[&str]) {
    let mut sums = String::new();
    for name in architectures {
        let machine = if *name == "aarch64" { ARM64 } else { AMD64 };
        let root = gzip(&Files::new().program("bin/sh", &elf(machine)).file("etc/arch", name).tar());
        let path = format!("{name}/alpine-minirootfs-{version}-{name}.tar.gz");
        sums += &format!("{}  {path}\n", sha512(&root));
        home.write(&format!("{folder}/{path}"), root);
    }
    home.write(&format!("{folder}/checksums.sha512"), sums);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alpine_release_that_lacks_an_architecture_is_refused_unless_it_is_said_which_it_is_to_have() {
    const EIGHT: [&str; 8] = ["x86_64", "armhf", "armv7", "aarch64", "x86", "ppc64le", "riscv64", "s390x"];
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let target = format!("{}/team/alpine:1", registry.host());
    let less = |absent: &str| -> Vec<&str> { EIGHT.into_iter().filter(|name| *name != absent).collect() };
    let nine = [&EIGHT[..], &["loongarch64"]].concat();
    // What is in these roots is not what this is about.
    let run = |folder: &str, more: &[&str]| {
        let base = ["assemble", "alpine", "--release", folder, "--no-verify", "--push", &target];
        home.run(&[&base[..], &["--to", "oci:out", "--json"], more].concat())
    };
    for (folder, version, architectures, absent) in [
        ("20", "3.20.3", &less("s390x")[..], "s390x"),
        ("20-two", "3.20.3", &EIGHT[..6], "riscv64 s390x"),
        ("21", "3.21.0", &EIGHT[..], "loongarch64"),
        ("19", "3.19.4", &less("riscv64")[1..], "x86_64"),
    ] {
        release_of(&home, folder, version, architectures);
        let ran = run(folder, &[]).exits(1);
        let says =
            format!("{folder} has no minimal root of {version} for {absent}; nothing is written or pushed");
        assert!(ran.stderr.contains(&says) && ran.stderr.contains("--expect linux/"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty() && !home.path("out").exists() && is_unwritten(&registry));
        // The hint is right.
        let expect = ran.stderr.split_once("--expect ").unwrap().1.split_once(' ').unwrap().0.to_owned();
        let told = run(folder, &["--expect", &expect, "--dry-run"]).exits(0).json();
        assert_eq!(told["platforms"].as_array().unwrap().len(), architectures.len(), "{folder}");
        assert_eq!(told["notes"], json!([says.split_once(';').unwrap().0]));
    }
    for (folder, version, architectures) in [
        ("all-19", "3.19.4", &less("riscv64")[..]),
        ("all-20", "3.20.3", &EIGHT[..]),
        ("more-20", "3.20.3", &nine[..]),
        ("all-21", "3.21.0_rc1", &nine[..]),
    ] {
        release_of(&home, folder, version, architectures);
        let told = run(folder, &["--dry-run"]).exits(0).json();
        assert_eq!(told["platforms"].as_array().unwrap().len(), architectures.len(), "{folder}");
        assert_eq!(told["notes"], json!([]), "{folder}");
    }
    let ran = run("all-20", &["--expect", "linux/amd64"]).exits(1);
    ran.says("it has besides linux/arm/v6").says("or --expect");
    assert!(!home.path("out").exists() && is_unwritten(&registry));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_address_neither_user_nor_password_is_told_and_the_answer_is_the_same_each_time() {
    let registry = MemoryRegistry::start().await.unwrap();
    let home = Home::new();
    let mut sums = String::new();
    let put = |path: &str, bytes: Vec<u8>| {
        registry.put_page(&format!("/v3.20/releases/{path}"), "application/gzip", bytes);
    };
    for (path, bytes) in release() {
        sums += &format!("{}  {path}\n", sha512(&bytes));
        put(&path, bytes);
        put(&format!("{path}.asc"), b"signed".to_vec());
    }
    put("checksums.sha512", sums.into_bytes());
    let shown = format!("http://{}/v3.20/releases", registry.host());
    let secret = |path: &str| format!("http://us3r:p4ss@{}/{path}", registry.host());
    let run = |release: &str, more: &[&str]| {
        let base = ["assemble", "alpine", "--release", release, "--dry-run"];
        let ran = home.run(&[&base[..], &BOTH, more].concat());
        let all = format!("{}{}", ran.text(), ran.stderr);
        assert!(!all.contains("us3r") && !all.contains("p4ss"), "{all}");
        ran
    };
    let release = secret("v3.20/releases/");
    let told = run(&release, &["--json"]).exits(0);
    assert!(
        registry.requests().iter().all(|request| {
            request.header("authorization").is_some_and(|sent| sent.starts_with("Basic "))
        })
    );
    assert_eq!(run(&release, &["--json"]).exits(0).text(), told.text());
    let told = told.json();
    let from = format!("{shown}/x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz");
    assert_eq!((&told["recipe"], &told["platforms"][0]["from"]), (&json!(shown), &json!(from)));
    assert!(run(&release, &[]).exits(0).text().contains(&from));
    // What goes wrong is told by the same name.
    let more = [&["--expect", "linux/amd64,linux/arm64,linux/s390x"][..], &["--version", "3.19.1"]].concat();
    run(&release, &more).exits(2).says(&shown);
    run(&secret("nowhere"), &[]).exits(2).says(&shown.replace("v3.20/releases", "nowhere"));
    for wrong in ["ftp://us3r:p4ss@h/x", "http://us3r:p4ss@alpine.example/x", "https://us3r:p4ss/p4ss@h x/"] {
        run(wrong, &[]).exits(2);
    }
    let broken = "/v3.20/releases/aarch64/alpine-minirootfs-3.20.3-aarch64.tar.gz";
    registry.put_page(broken, "application/gzip", b"other".to_vec());
    run(&release, &[]).exits(2).says(&format!("the root http://{}{broken} has the sha512", registry.host()));
    registry.fault(Fault::Reset, On::get("checksums"), None);
    run(&release, &[]).exits(2).says(&format!("reading {shown}/checksums.sha512: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_checksums_that_trickles_is_given_up() {
    let registry = MemoryRegistry::start().await.unwrap();
    registry.put_page("/checksums.sha512", "text/plain", vec![b' '; 1000]);
    let trickle = Fault::Trickle { bytes_per: 1, every: std::time::Duration::from_millis(100) };
    registry.fault(trickle, On::get("/checksums.sha512"), None);
    let address = format!("http://{}", registry.host());
    let home = Home::new();
    home.run(&["assemble", "alpine", "--release", &address, "--dry-run", "--timeout", "1"])
        .exits(2)
        .says(&format!("reading {address}/checksums.sha512: it did not come within 1 s"))
        .says("--timeout");
}

#[test]
fn an_alpine_release_is_fetched_over_tls_from_whom_the_users_authorities_vouch_for() {
    let (home, authority, other) = (Home::new(), Authority::new(), Authority::new());
    release_of(&home, "mirror/v3.20/releases", "3.20.3", &["x86_64", "aarch64"]);
    let mirror = HttpsFiles::of(&home.path("mirror"), authority.server("IP:127.0.0.1"));
    let address = format!("https://{}/v3.20/releases", mirror.host());
    let (ca, other) =
        (authority.certificate().display().to_string(), other.certificate().display().to_string());
    let arguments = |release: &str, more: &[&str]| -> Vec<String> {
        let base = ["assemble", "alpine", "--release", release, "--dry-run", "--json"];
        [&base[..], &BOTH, more].concat().into_iter().map(str::to_owned).collect()
    };
    let run = |release: &str, more: &[&str], variables: &[(&str, &str)]| {
        let arguments = arguments(release, more);
        let mut workson = home.workson(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        start(workson.envs(variables.iter().copied())).ends()
    };
    let of_folder = run("mirror/v3.20/releases", &[], &[]).exits(0).json();
    let config = home.write("trust.toml", format!("ca_certificates = [{ca:?}]\n"));
    for (more, variables) in [
        (&["--ca-certificate", &ca][..], &[][..]),
        (&["--config", &config], &[]),
        (&[], &[("SSL_CERT_FILE", ca.as_str())]),
        // Nothing on loopback is asked through a proxy.
        (&["--ca-certificate", &ca], &[("HTTPS_PROXY", "http://127.0.0.1:9")]),
    ] {
        let told = run(&address, more, variables).exits(0).json();
        assert_eq!(told["digest"], of_folder["digest"], "{more:?} {variables:?}");
    }
    for more in [&[][..], &["--ca-certificate", &other]] {
        let ran = run(&address, more, &[]).exits(2);
        let tried = format!("reading {address}/checksums.sha512: ");
        assert!(
            ran.stderr.contains(&tried) && ran.stderr.contains("--ca-certificate FILE"),
            "{}",
            ran.stderr
        );
        assert!(ran.stdout.is_empty());
    }
    // Another host than the certificate is for.
    let elsewhere = HttpsFiles::of(&home.path("mirror"), authority.server("DNS:mirror.example"));
    let address = format!("https://{}/v3.20/releases", elsewhere.host());
    run(&address, &["--ca-certificate", &ca], &[]).exits(2).says("certificate");
}
