//! `workson site build`: a whole site or the one that was there; what did not change is not touched.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cli_support::{Home, Ran, start};

type Files = BTreeMap<String, (Vec<u8>, SystemTime)>;

/// Every file below a folder, but what a build keeps for itself: bytes, and when they were written.
fn files(folder: &Path) -> Files {
    fn of(folder: &Path, below: &str, found: &mut Files) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                of(&entry.path(), &format!("{name}/"), found);
            } else {
                let modified = entry.metadata().unwrap().modified().unwrap();
                found.insert(name, (fs::read(entry.path()).unwrap(), modified));
            }
        }
    }
    let mut found = Files::new();
    of(folder, "", &mut found);
    found.retain(|name, _| !name.starts_with(".workson-site/"));
    found
}

fn bytes(files: &Files) -> BTreeMap<&str, &[u8]> {
    files.iter().map(|(name, (bytes, _))| (name.as_str(), bytes.as_slice())).collect()
}

/// A home with the repository's content in a folder, to change.
fn with_content() -> Home {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => copy(&entry.path(), &to),
                false => fs::write(&to, fs::read(entry.path()).unwrap()).unwrap(),
            }
        }
    }
    let home = Home::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("content"), &home.path("content"));
    home
}

fn build(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["site", "build", "out"], arguments].concat())
}

/// Counts of `--json`.
fn counts(ran: &Ran) -> [u64; 4] {
    let told = ran.json();
    ["new", "changed", "unchanged", "removed"].map(|name| told[name].as_u64().unwrap())
}

/// Makes a logo another one, and the same picture.
fn touch_logo(home: &Home, name: &str) {
    let path = home.path(&format!("content/logos/{name}.svg"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n")).unwrap();
}

fn names_beside(home: &Home) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(home.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("out"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_site_is_built_and_a_second_build_touches_nothing() {
    let home = with_content();
    let ran = build(&home, &[]).exits(0);
    let count = "129 of 144 official images support linux/arm64\n";
    assert!(ran.text().ends_with(count) && ran.stderr.contains("with --base-url"), "{ran:?}");
    let first = files(&home.path("out"));
    assert!(ran.text().starts_with(&format!("{} files in out, ", first.len())), "{}", ran.text());
    assert!(first.contains_key("about/index.html") && first.contains_key("logos/nginx.svg"));
    let database = rusqlite::Connection::open(home.path("out/download/official-images.sqlite")).unwrap();
    let spans: i64 = database.query_row("SELECT count(*) FROM spans", [], |row| row.get(0)).unwrap();
    assert!(spans > 1000);
    drop(database);
    assert_eq!(names_beside(&home), ["out"]);

    let told = build(&home, &["--json"]).exits(0);
    assert_eq!(counts(&told), [0, 0, first.len() as u64, 0]);
    assert_eq!((&told.json()["supported"], &told.json()["images"]), (&129.into(), &144.into()));
    assert!(files(&home.path("out")) == first, "a file was touched");
    assert_eq!(build(&home, &["--quiet"]).exits(0).text(), count);

    // Wherever and whenever it is built, the same bytes; and what comes with the program is this content.
    home.run(&["site", "build", "below/other", "--content", "content"]).exits(0);
    assert!(bytes(&files(&home.path("below/other"))) == bytes(&first));
}

#[test]
fn what_changed_is_replaced_and_what_is_gone_goes_and_nothing_else() {
    let home = with_content();
    build(&home, &[]).exits(0);
    home.write("out/CNAME", "works.example\n");
    touch_logo(&home, "nginx");
    // Its logo was all that redis had for itself alone.
    let entry = fs::read_to_string(home.path("content/entries/redis.yaml")).unwrap();
    let without: String = entry.split_inclusive('\n').filter(|line| !line.starts_with("logo:")).collect();
    home.write("content/entries/redis.yaml", without);
    fs::remove_file(home.path("content/logos/redis.svg")).unwrap();
    let before = files(&home.path("out"));
    let ran = build(&home, &["--json"]).exits(0);
    let after = files(&home.path("out"));
    assert!(!after.contains_key("logos/redis.svg") && after.contains_key("CNAME"));
    assert!(after["logos/nginx.svg"].0.ends_with(b"\n\n") || after["logos/nginx.svg"].0.ends_with(b">\n"));
    let [new, changed, unchanged, removed] = counts(&ran);
    assert_eq!((new, removed), (0, 1));
    let same = after.iter().filter(|(name, file)| before.get(*name) == Some(file)).count() as u64;
    // The file of somebody else is not counted, and is not touched.
    assert_eq!((unchanged + 1, after.len() as u64), (same, changed + unchanged + 1));

    // What somebody changed or took away comes back, and a link to a file is no file of the site's.
    home.write("out/about/index.html", "broken");
    fs::remove_dir_all(home.path("out/assets")).unwrap();
    fs::remove_file(home.path("out/logos/nginx.svg")).unwrap();
    std::os::unix::fs::symlink(home.path("content/logos/nginx.svg"), home.path("out/logos/nginx.svg"))
        .unwrap();
    build(&home, &[]).exits(0);
    assert!(bytes(&files(&home.path("out"))) == bytes(&after));
    assert!(fs::symlink_metadata(home.path("out/logos/nginx.svg")).unwrap().is_file());

    // A folder that is left empty goes as well; and without its list, a build compares all the same.
    for logo in fs::read_dir(home.path("content/entries")).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(logo.path()).unwrap();
        let without: String = text.split_inclusive('\n').filter(|line| !line.starts_with("logo:")).collect();
        fs::write(logo.path(), without).unwrap();
    }
    fs::remove_dir_all(home.path("content/logos")).unwrap();
    build(&home, &[]).exits(0);
    assert!(!home.path("out/logos").exists() && home.path("out/CNAME").exists());
    fs::remove_file(home.path("out/.workson-site/files")).unwrap();
    let all = files(&home.path("out")).len() as u64 - 1;
    assert_eq!(counts(&build(&home, &["--json"]).exits(0)), [0, 0, all, 0]);
}

#[test]
fn a_link_and_an_empty_folder_are_places_as_well() {
    let home = Home::new();
    fs::create_dir_all(home.path("real")).unwrap();
    std::os::unix::fs::symlink(home.path("real"), home.path("out")).unwrap();
    build(&home, &[]).exits(0);
    assert!(home.path("real/about/index.html").exists());
    build(&home, &[]).exits(0);
    assert!(fs::symlink_metadata(home.path("out")).unwrap().is_symlink());
    // The whole folder may be read by whoever serves it.
    use std::os::unix::fs::PermissionsExt as _;
    home.shell("umask 022; $W site build open").exits(0);
    assert_eq!(fs::metadata(home.path("open")).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(fs::metadata(home.path("open/about/index.html")).unwrap().permissions().mode() & 0o777, 0o644);
    // A disk that is mounted there can't be renamed.
    let script = "mount -t tmpfs -o size=64m tmpfs disk
                  $W site build disk; $W site build disk >&2; test -f disk/about/index.html";
    home.with_disk(script).exits(0).says("0 new, 0 changed");
}

#[test]
fn nothing_is_written_or_removed_through_a_link_within_the_folder() {
    let home = with_content();
    build(&home, &[]).exits(0);
    let foreign = |below: &str| home.path(&format!("foreign/{below}"));
    home.write("foreign/mine.txt", "mine");
    home.write("foreign/nginx/index.html", "mine");
    home.write("foreign/staged/mine.txt", "mine");
    home.write("foreign/redis.svg", "mine");
    let mine = bytes(&files(&foreign(""))).len();
    // `gone` was made by an earlier build, and no build makes it any more.
    let list = home.path("out/.workson-site/files");
    let with_gone = format!("{}gone/redis.svg\n", fs::read_to_string(&list).unwrap());
    let before = files(&home.path("out"));
    for linked in ["entry", "entry/nginx", "api", "download", "logos", "gone", ".workson-site"] {
        let place = home.path(&format!("out/{linked}"));
        touch_logo(&home, "nginx");
        if linked == "gone" {
            fs::write(&list, &with_gone).unwrap();
        } else {
            fs::rename(&place, home.path("aside")).unwrap();
        }
        std::os::unix::fs::symlink(foreign(""), &place).unwrap();
        build(&home, &[]).exits(2).says(&format!("out/{linked}: it is a link")).says("remove the link");
        assert!(fs::symlink_metadata(&place).unwrap().is_symlink());
        assert_eq!(files(&foreign("")).len(), mine, "{linked}: something was written or removed");
        assert!(files(&foreign("")).values().all(|(bytes, _)| bytes == b"mine"), "{linked}");
        fs::remove_file(&place).unwrap();
        if linked != "gone" {
            fs::rename(home.path("aside"), &place).unwrap();
        }
        assert!(files(&home.path("out")) == before, "{linked}: something was changed");
    }
    // A link in the build's own folder is no way out either.
    std::os::unix::fs::symlink(foreign("mine.txt"), home.path("out/.workson-site/files.new")).unwrap();
    build(&home, &[]).exits(0);
    let lock = home.path("out/.workson-site/lock");
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(foreign("lock"), &lock).unwrap();
    build(&home, &[]).exits(2).says("lock: it is a link");
    assert_eq!(files(&foreign("")).len(), mine);
    assert!(files(&foreign("")).values().all(|(bytes, _)| bytes == b"mine"));
}

#[test]
fn whatever_is_wrong_is_told_before_anything_is_written() {
    let home = with_content();
    for folder in ["there", "/", "content"] {
        home.write("there/mine.txt", "mine");
        let ran = home.run(&["site", "build", folder]).exits(2);
        ran.says("it is not empty, and no site was built there before");
    }
    assert_eq!(files(&home.path("there")).len(), 1);
    home.write("file", "mine");
    home.run(&["site", "build", "file"]).exits(2).says("it is no folder");
    home.run(&["site", "build", "file/below"]).exits(2).says("Not a directory");
    home.run(&["site", "build", "new/.."]).exits(2).says("no name of a folder");
    for (address, says) in [
        ("", "no address"),
        ("example.org", "no address"),
        ("ftp://example.org", "http:// or https://"),
        ("mailto:me@example.org", "http:// or https://"),
        ("https://me:secret@example.org/", "no place in it"),
        ("https://example.org/?a=b", "a query or a fragment"),
        ("https://example.org/#top", "a query or a fragment"),
        ("https://exa mple.org/", "no address"),
    ] {
        build(&home, &["--base-url", address]).exits(2).says(says).says("for example --base-url");
    }
    // All at once, each with its file.
    home.write("content/entries/aa.yaml", "name: [\n");
    home.write("content/events/bb.yaml", "nothing: of the kind\n");
    let ran = home.run(&["site", "build", "there", "--base-url", "nowhere"]).exits(2);
    for says in ["entries/aa.yaml", "events/bb.yaml", "--base-url nowhere", "there: it is not empty"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    // What only the whole site can tell is no second round.
    home.write("content/entries/cc.yaml", "name: CC\nkind: software\ncategories: [database]\ndescription: What it is, in one sentence.\nhome: https://a.example/\nimages: [no-such-image-at-all]\n");
    let text = "---\ntitle: An issue\ndate: \"2026-11-24\"\nsummary: What changed in these days.\n---\n\n[It](/entry/no-such-entry/)\n";
    home.write("content/news/2026-11-24-x.md", text);
    let both = build(&home, &[]).exits(2);
    for says in [
        "entries/aa.yaml",
        "events/bb.yaml",
        "no-such-image-at-all",
        "2026-11-24-x.md:7:",
        "nothing was built",
    ] {
        assert!(both.stderr.contains(says), "{says}: {}", both.stderr);
    }
    assert_eq!(both.stderr.matches("nothing was built").count(), 1, "{}", both.stderr);
    fs::remove_file(home.path("content/entries/cc.yaml")).unwrap();
    fs::remove_file(home.path("content/news/2026-11-24-x.md")).unwrap();
    build(&home, &["--content", "nowhere"]).exits(2).says("nowhere");
    assert!(ran.stdout.is_empty() && !home.path("out").exists());
    home.with_disk("mount -t tmpfs -o ro tmpfs disk; $W site build disk/out").exits(2).says("Read-only");

    // A site that is there stays as it is.
    fs::remove_file(home.path("content/entries/aa.yaml")).unwrap();
    fs::remove_file(home.path("content/events/bb.yaml")).unwrap();
    build(&home, &[]).exits(0);
    let good = files(&home.path("out"));
    home.write("content/entries/aa.yaml", "name: [\n");
    build(&home, &[]).exits(2).says("aa.yaml");
    fs::remove_file(home.path("content/entries/aa.yaml")).unwrap();
    fs::remove_file(home.path("out/about/index.html")).unwrap();
    fs::create_dir(home.path("out/about/index.html")).unwrap();
    touch_logo(&home, "nginx");
    build(&home, &[]).exits(2).says("a folder is where a file of the site belongs");
    fs::remove_dir(home.path("out/about/index.html")).unwrap();
    let mut left = good.clone();
    left.remove("about/index.html");
    assert!(files(&home.path("out")) == left, "a build that failed changed something");
}

#[test]
fn of_two_builds_into_one_folder_one_waits_for_nobody_and_says_so() {
    let home = Home::new();
    build(&home, &[]).exits(0);
    let lock = fs::File::open(home.path("out/.workson-site/lock")).unwrap();
    lock.lock().unwrap();
    build(&home, &[]).exits(2).says("another build into this folder is under way");
    drop(lock);
    build(&home, &[]).exits(0);
    // At the same time from nothing: one gets the name, and the other one at most says that it did not.
    let arguments = ["site", "build", "new"];
    let both = [start(&mut home.workson(&arguments)), start(&mut home.workson(&arguments))];
    let codes = both.map(|running| running.ends().code);
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 2))), "{codes:?}");
    assert!(bytes(&files(&home.path("new"))) == bytes(&files(&home.path("out"))));
}

#[test]
fn a_build_that_is_killed_leaves_whole_files_and_the_next_one_mends() {
    let home = with_content();
    let logos: Vec<String> = fs::read_dir(home.path("content/logos"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".svg")?.to_owned()))
        .collect();
    // From nothing: the folder is there with all in it, or not at all.
    for delay in (0..6).map(|step| Duration::from_millis(step * 180)) {
        let running = start(&mut home.workson(&["site", "build", "out"]));
        std::thread::sleep(delay);
        running.signal("KILL");
        running.ends();
        if home.path("out").exists() {
            let there = files(&home.path("out")).len() as u64;
            assert_eq!(counts(&build(&home, &["--json"]).exits(0)), [0, 0, there, 0]);
            fs::remove_dir_all(home.path("out")).unwrap();
        }
    }
    build(&home, &[]).exits(0);
    assert_eq!(names_beside(&home), ["out"], "something was left beside it");
    // Over one that is there: each file is the one before or the one after.
    let mut before = files(&home.path("out"));
    for delay in (0..6).map(|step| Duration::from_millis(step * 180)) {
        logos.iter().for_each(|logo| touch_logo(&home, logo));
        home.run(&["site", "build", "fresh"]).exits(0);
        let after = files(&home.path("fresh"));
        fs::remove_dir_all(home.path("fresh")).unwrap();
        let running = start(&mut home.workson(&["site", "build", "out"]));
        std::thread::sleep(delay);
        running.signal("KILL");
        running.ends();
        for (name, (bytes, _)) in files(&home.path("out")) {
            let is_one = |files: &Files| files.get(&name).is_some_and(|file| file.0 == bytes);
            assert!(is_one(&before) || is_one(&after), "{name} is half done after {delay:?}");
        }
        build(&home, &[]).exits(0);
        before = files(&home.path("out"));
        assert!(bytes(&before) == bytes(&after), "the next build did not mend it");
        let own = fs::read_dir(home.path("out/.workson-site")).unwrap().count();
        assert_eq!(own, 2, "something was left: it holds the list and the lock");
    }
}

#[test]
fn a_full_disk_leaves_the_site_that_was_there() {
    let home = with_content();
    let ran = home
        .with_disk(
            "mount -t tmpfs -o size=4m tmpfs disk
             $W site build disk/out && exit 9 || test $? = 2
             mkdir disk/empty
             $W site build disk/empty && exit 9 || test $? = 2
             find disk -mindepth 1 -not -name empty
             mount -o remount,size=64m disk
             $W site build disk/out >&2
             cp -a disk/out before
             for logo in content/logos/*.svg; do echo >> $logo; done
             dd if=/dev/zero of=disk/filler bs=64k 2>/dev/null || true
             $W site build disk/out && exit 9 || test $? = 2
             diff -r disk/out before
             rm disk/filler
             $W site build disk/out >&2
             cp -a disk/out out",
        )
        .exits(0)
        .says("full");
    assert_eq!(ran.text(), "", "something was left");
    home.run(&["site", "build", "fresh"]).exits(0);
    assert!(bytes(&files(&home.path("out"))) == bytes(&files(&home.path("fresh"))));
}
