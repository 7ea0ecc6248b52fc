//! Library files of docker-library/official-images, read as bashbrew reads them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "library_files/real.rs"]
mod real;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use workson::history::library_file::{ARCHITECTURES, Architectures, LibraryFile, MAX_TAGS};
use workson_oci::platform::official_name;

/// A file and what is read in it.
struct Case {
    what: &'static str,
    /// The commit and the file that it is from.
    origin: &'static str,
    text: &'static str,
    /// As [`reading`] writes it, or the reason.
    read: Result<&'static str, &'static str>,
}

/// The architectures of the first entry, and those of every tag.
fn reading(bytes: &[u8]) -> Result<String, String> {
    let file = LibraryFile::parse(bytes).map_err(|refusal| refusal.to_string())?;
    let names = |architectures: Architectures| architectures.iter().collect::<Vec<_>>().join(",");
    let first = file.entries.first().map_or("-".to_owned(), |entry| names(entry.architectures));
    let tags = file.tags().into_iter().map(|(tag, architectures)| format!(" {tag}={}", names(architectures)));
    Ok(format!("first={first}{}", tags.collect::<String>()))
}

fn set(names: &[&str]) -> Architectures {
    let each = names.iter().map(|name| Architectures::from_name(name).unwrap());
    each.fold(Architectures::default(), Architectures::union)
}

#[test]
fn real_files_are_read_as_bashbrew_reads_them() {
    for case in real::REAL {
        let read = reading(case.text.as_bytes());
        let expected = case.read.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(read, expected, "{} ({})", case.what, case.origin);
    }
}

/// As 7ec8186b979e library/eggdrop, but for the name of the field with the architectures.
const EGGDROP: &str = "\
Maintainers: Geo Van O <geo@eggheads.org> (@vanosg)
GitRepo: https://github.com/eggheads/eggdrop-docker.git

Tags: develop
Architectures: arm32v6, amd64
GitCommit: 05ac213088419a5cea5e0d8d6824c811688e813e
Directory: develop

Tags: 1.8, 1.8.3, stable, latest
Architectures: arm32v6, amd64
GitCommit: 68e421d4e8f87301d921c84548407ec340f0b8ed
Directory: 1.8
";

/// What is read in it.
const EGGDROP_READ: &str = "first=amd64,arm32v6 1.8=amd64,arm32v6 1.8.3=amd64,arm32v6 \
    develop=amd64,arm32v6 latest=amd64,arm32v6 stable=amd64,arm32v6";

#[test]
fn changes_that_make_no_difference() {
    let changes: &[(&str, &str, &str)] = &[
        ("nothing", "", ""),
        ("lines that end as on Windows", "\n", "\r\n"),
        ("empty lines", "\n\n", "\n\n\r\n\n"),
        ("a field given twice, of which the last counts", "Tags: develop", "Tags: edge\nTags: develop"),
        ("tags over several lines", "1.8, 1.8.3, s", "1.8,\n 1.8.3\n# a comment\n\t,\n .\n s"),
        ("white space around names and values", "Tags: ", "Tags\u{a0}:\u{3000}\t"),
        ("architectures that repeat", "arm32v6, amd64", "amd64,arm32v6,\n amd64"),
        (
            "fields that say nothing here",
            "Tags: dev",
            "Builder: x\n: y\nTag: z\narm64v8-GitCommit: q\nTags: dev",
        ),
        ("a branch", "Directory: ", "GitFetch: refs/heads/a/b\nDirectory: "),
        ("a commit by SHA-256", "05ac213088419a5cea5e0d8d6824c811688e813e", &"0af9".repeat(16)),
        ("a maintainer without an address", " <geo@eggheads.org>", "\t"),
    ];
    for (what, from, to) in changes {
        let text = if from.is_empty() { EGGDROP.to_owned() } else { EGGDROP.replace(from, to) };
        assert_eq!(reading(text.as_bytes()).as_deref(), Ok(EGGDROP_READ), "{what}: {text}");
    }
    let name = b"Geo V\xffn O";
    let bytes =
        [b"Maintainers: ", &name[..], &EGGDROP.as_bytes()[b"Maintainers: Geo Van O".len()..]].concat();
    assert_eq!(reading(&bytes).as_deref(), Ok(EGGDROP_READ), "bytes that are no text, in a name");
    assert_eq!(reading(EGGDROP.trim_end().as_bytes()).as_deref(), Ok(EGGDROP_READ));
}

#[test]
fn changes_that_bashbrew_refuses_too() {
    let no_tag =
        "is no tag, which has up to 128 letters, digits, '_', '.' and '-', not the last two at first";
    for (from, to, refusal) in [
        ("arm32v6, ", "amd32v6, ", "line 4: \"amd32v6\" is no architecture of the official images".to_owned()),
        ("arm32v6, amd64", "", "line 4: \"\" is no architecture of the official images".to_owned()),
        ("Tags: dev", "Tags: 1.8, dev", "line 9: the tag \"1.8\" is given twice".to_owned()),
        ("develop\nA", "a, a\nA", "line 4: the tag \"a\" is given twice".to_owned()),
        ("\nA", "\nSharedTags: latest\nA", "line 10: the tag \"latest\" is given twice".to_owned()),
        ("develop\nA", "a\nSharedTags: b, a\nA", "line 4: the tag \"a\" is given twice".to_owned()),
        ("1.8, 1.8.3", "1.8\n 1.8.3", format!("line 9: \"1.8\u{fffd}1.8.3\" {no_tag}")),
        ("latest", "latest,", format!("line 9: \"\" {no_tag}")),
        ("stable", "-stable", format!("line 9: \"-stable\" {no_tag}")),
        ("stable", "größer", format!("line 9: \"größer\" {no_tag}")),
        ("Tags: develop\n", "", "line 4: the entry has no Tags".to_owned()),
        ("GitRepo:", "GitRepository:", "line 4: the entry has no GitRepo".to_owned()),
        (
            "05ac213088419a5cea5e0d8d6824c811688e813e",
            "05ac213",
            "line 4: the GitCommit \"05ac213\" is no commit, which has 40 or 64 lowercase hexadecimal digits".to_owned(),
        ),
        (
            "Directory: 1.8",
            "GitFetch: refs/pull/1",
            "line 9: the GitFetch \"refs/pull/1\" is neither `refs/heads/…` nor `refs/tags/…`".to_owned(),
        ),
        (
            "GitRepo",
            "Tags: x\nGitRepo",
            "line 1: the first paragraph has Tags, which belong to the entries that follow it".to_owned(),
        ),
        ("Maintainers", "Maintainer", "line 1: the first paragraph names no Maintainers".to_owned()),
        (
            " (@vanosg)",
            "",
            "line 1: the maintainer \"Geo Van O <geo@eggheads.org>\" is not written like `Full Name <address> (@handle)`"
                .to_owned(),
        ),
        (
            "Directory: 1.8",
            "Directory 1.8",
            "line 12: there is no colon in \"Directory 1.8\"; a field is written like `Tags: latest`".to_owned(),
        ),
        ("Directory: 1.8", "Values: 1.8", "line 12: a field cannot be called Values".to_owned()),
        (
            "Maintainers",
            "# signed\n-----BEGIN PGP SIGNED MESSAGE-----\n\nMaintainers",
            "line 2: the file is clear-signed with OpenPGP, which is not read here".to_owned(),
        ),
        (EGGDROP, " \n# nothing\n\n", "the file has nothing but comments and empty lines".to_owned()),
    ] {
        let text = EGGDROP.replacen(from, to, 1);
        assert_eq!(reading(text.as_bytes()), Err(refusal), "{from:?} became {to:?}");
    }
}

#[test]
fn what_is_said_of_a_file_is_short_and_fit_to_be_shown() {
    let text = EGGDROP.replace("stable", &format!("{}\u{1b}[31m{}", "a".repeat(100), "ö".repeat(100_000)));
    let refusal = reading(text.as_bytes()).unwrap_err();
    assert!(refusal.chars().count() < 300 && !refusal.contains(char::is_control), "{refusal}");
}

#[test]
fn any_and_latest_are_told_of_the_whole_file() {
    let of = |origin: &str| {
        let case = real::REAL.iter().find(|case| case.origin.contains(origin)).unwrap();
        let file = LibraryFile::parse(case.text.as_bytes()).unwrap();
        (file.any(), file.latest())
    };
    let all = set(&["amd64", "arm32v7", "arm64v8", "windows-amd64"]);
    assert_eq!(of("library/nats-streaming"), (all, all), "`latest` is made of two entries");
    let notary = set(&["amd64", "arm32v6", "arm64v8", "i386", "ppc64le", "s390x"]);
    assert_eq!(of("library/notary"), (notary, notary), "there is no `latest`");
    assert_eq!(of("library/sentry"), (set(&[]), set(&[])), "there are no entries");

    let entries = [("1.0", "amd64"), ("latest", "arm64v8"), ("2.0", "s390x")];
    let file = |entries: &[(&str, &str)]| {
        let entry = |(tag, architecture): &(&str, &str)| {
            format!("\nTags: {tag}\nArchitectures: {architecture}\nGitCommit: {}\n", "0".repeat(40))
        };
        let text: String = entries.iter().map(entry).collect();
        LibraryFile::parse(format!("Maintainers: A (@a)\nGitRepo: r\n{text}").as_bytes()).unwrap()
    };
    assert_eq!(file(&entries).latest(), set(&["arm64v8"]), "`latest` is not the first entry");
    assert_eq!(file(&[entries[2], entries[0]]).latest(), set(&["s390x"]), "the first entry stands for it");
    assert_eq!(file(&entries).any(), set(&["amd64", "arm64v8", "s390x"]));
}

#[test]
fn the_shared_tags_of_the_first_paragraph_are_those_of_every_entry_without_any() {
    let text = EGGDROP.replace("GitRepo", "SharedTags: all, all\nGitRepo");
    let text = text.replace("Tags: develop", "Tags: develop\nSharedTags: own");
    let file = LibraryFile::parse(text.as_bytes()).unwrap();
    let shared: Vec<_> = file.entries.iter().map(|entry| entry.shared_tags.join(" ")).collect();
    assert_eq!(shared, ["own", "all"]);
    let invalid = EGGDROP.replace("GitRepo", "SharedTags: -\nGitRepo");
    assert!(reading(invalid.as_bytes()).is_err());
    let unused = invalid.split("\n\n").next().unwrap();
    assert_eq!(
        reading(unused.as_bytes()).as_deref(),
        Ok("first=-"),
        "they are looked at where they are used"
    );
}

#[test]
fn the_architectures_are_a_set() {
    assert!(ARCHITECTURES.is_sorted());
    for name in ARCHITECTURES {
        let one = Architectures::from_name(name).unwrap();
        assert_eq!(one.iter().collect::<Vec<_>>(), [name]);
        assert!(one.contains(name) && !Architectures::default().contains(name));
        assert_eq!(one.platforms(), [official_name(name).unwrap().normalized()]);
    }
    let all = set(&ARCHITECTURES);
    assert_eq!(all.iter().collect::<Vec<_>>(), ARCHITECTURES);
    let platforms: Vec<String> = all.platforms().iter().map(ToString::to_string).collect();
    assert_eq!(
        platforms,
        [
            "linux/amd64",
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64",
            "linux/386",
            "linux/mips64le",
            "linux/ppc64le",
            "linux/riscv64",
            "linux/s390x",
            "windows/amd64"
        ]
    );
    assert!(Architectures::default().is_empty() && !all.is_empty() && !all.contains("arm64"));
    assert_eq!(Architectures::from_name("arm64"), None);
    assert_eq!(set(&["s390x"]).union(set(&["amd64"])), set(&["amd64", "s390x"]));
    assert_eq!(format!("{:?}", set(&["s390x", "amd64"])), r#"{"amd64", "s390x"}"#);
}

/// Files of a megabyte that would take a reader of quadratic time hours.
#[test]
fn no_file_takes_long() {
    let header = "Maintainers: A (@a)\nGitRepo: r\nGitCommit: 0000000000000000000000000000000000000000\n";
    let numbers = |to: usize| (0..to).map(|n| format!("{n:x}")).collect::<Vec<_>>().join(",");
    let entries: String = (0..50_000).map(|n| format!("\nTags: t{n}\n")).collect();
    let read = |text: String| reading(text.as_bytes()).map(|read| read.split(' ').count() - 1);
    let too_many = |line: usize| Err(format!("line {line}: the file names more than {MAX_TAGS} tags"));

    assert_eq!(read(format!("{header}{entries}")), Ok(50_000));
    assert_eq!(read(format!("{header}\nTags: {}\n", numbers(MAX_TAGS))), Ok(MAX_TAGS));
    assert_eq!(read(format!("{header}\nTags: {}\n", numbers(MAX_TAGS + 1))), too_many(5));
    assert_eq!(read(format!("{header}SharedTags: {}\n{entries}", numbers(50_000))), too_many(8));
    assert_eq!(read(format!("{header}SharedTags: {}\n{entries}", "a,".repeat(200_000))), too_many(6));
    assert_eq!(read(format!("{header}GitFetch: refs/heads/{}\n{entries}", "a".repeat(500_000))), Ok(50_000));
    assert_eq!(read(format!("{header}\nTags: a{}", ",\n b")), Ok(2));
    assert_eq!(read(format!("{header}\nTags: a{}\n", "\n  ".repeat(300_000))), Ok(1));
    assert_eq!(read(format!("{header}\nTags: a{}\n", "\u{3000}".repeat(300_000))), Ok(1));
    assert_eq!(read(format!("{}{header}", " #\n".repeat(300_000))), Ok(0));
    let lines: String = (0..40_000).map(|n| format!("t{n}: git://x@y\n")).collect();
    assert_eq!(read(format!("# maintainer: A (@a)\n{lines}")), Ok(40_000));
    assert!(read(format!("Maintainers: {}(@a)", "a ".repeat(500_000))).is_ok());
    assert!(read(format!("Maintainers: {}(@a)", "a <".repeat(300_000))).is_err());
}

/// What files are made of, and what breaks them.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"Maintainers: A <b> (@c)",
        b"Tags: ",
        b"SharedTags: ",
        b"Architectures: ",
        b"GitRepo: r",
        b"GitCommit: 0000000000000000000000000000000000000000",
        b"GitFetch: refs/heads/",
        b"amd64",
        b"arm64v8",
        b"latest",
        b"1",
        b"# maintainer: A (@b)\n",
        b"a: b@c d",
        b"-----BEGIN PGP ",
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\t",
        b" ",
        b".",
        b",",
        b":",
        b"#",
        b"(",
        b"<",
        b"@",
        b"\0",
        b"\xff",
        b"\xc2\x85",
        b"\xe3\x80\x80",
        b"\xe3\x80",
    ];
    prop::collection::vec(select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

/// An entry: its tags, those that it shares, and its architectures if it names them.
type Written = (Vec<String>, Vec<&'static str>, Option<Vec<&'static str>>);

/// The architectures that a paragraph names.
fn any_architectures() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    prop::option::of(subsequence(ARCHITECTURES.to_vec(), 1..=ARCHITECTURES.len()))
}

/// Entries whose own tags differ.
fn any_entries() -> impl Strategy<Value = Vec<Written>> {
    let entry = (1usize..4, subsequence(vec!["latest", "lts", "stable"], 0..=3), any_architectures());
    prop::collection::vec(entry, 0..6).prop_map(|entries| {
        let numbered = entries.into_iter().enumerate();
        let entry = |(n, (tags, shared, architectures)): (usize, (usize, _, _))| {
            ((0..tags).map(|tag| format!("{n}.{tag}")).collect(), shared, architectures)
        };
        numbered.map(entry).collect()
    })
}

/// A list in one line or several.
fn written(field: &str, list: &[impl AsRef<str>], separator: &str) -> String {
    let list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    format!("{field}: {}\n", list.join(separator))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = LibraryFile::parse(&bytes);
    }

    #[test]
    fn what_is_read_of_any_text_holds_together(bytes in any_text()) {
        match LibraryFile::parse(&bytes) {
            Err(refusal) => prop_assert!(!refusal.to_string().contains(char::is_control)),
            Ok(file) => {
                let tags = file.tags();
                for entry in &file.entries {
                    prop_assert!(!entry.tags.is_empty() && !entry.architectures.is_empty());
                    for tag in entry.every_tag() {
                        prop_assert_eq!(tags[tag].union(entry.architectures), tags[tag]);
                    }
                }
                prop_assert_eq!(file.any().union(file.latest()), file.any());
                prop_assert_eq!(file.any().is_empty(), file.entries.is_empty());
            }
        }
    }

    #[test]
    fn a_file_reads_back_as_what_it_was_made_of(
        default in any_architectures(),
        entries in any_entries(),
        separator in select(vec![",", ", ", ",\n ", " ,\n\t", ",\r\n  "]),
        end in select(vec!["\n", "\r\n"]),
    ) {
        let mut text = "# made up\nMaintainers: A B <a@b> (@c)\nGitRepo: r\n".to_owned();
        if let Some(default) = &default {
            text.push_str(&written("Architectures", default, separator));
        }
        let mut expected: BTreeMap<&str, Architectures> = BTreeMap::new();
        for (tags, shared, architectures) in &entries {
            text.push_str(&format!("\n{}", written("Tags", tags, separator)));
            text.push_str(&format!("# a comment\nGitCommit: {}\n", "a".repeat(40)));
            if !shared.is_empty() {
                text.push_str(&written("SharedTags", shared, separator));
            }
            if let Some(architectures) = architectures {
                text.push_str(&written("Architectures", architectures, separator));
            }
            let named = architectures.as_ref().or(default.as_ref());
            let architectures = named.map_or(set(&["amd64"]), |named| set(named));
            for tag in tags.iter().map(String::as_str).chain(shared.iter().copied()) {
                let of_tag = expected.entry(tag).or_default();
                *of_tag = of_tag.union(architectures);
            }
        }
        let file = LibraryFile::parse(text.replace('\n', end).as_bytes());
        let file = file.map_err(|refusal| TestCaseError::fail(format!("{refusal}\n{text}")))?;
        prop_assert_eq!(file.tags(), expected);
        for (entry, (tags, shared, _)) in file.entries.iter().zip(&entries) {
            prop_assert_eq!(&entry.tags, tags);
            prop_assert_eq!(&entry.shared_tags, shared);
        }
        prop_assert_eq!(file.entries.len(), entries.len());
    }
}
