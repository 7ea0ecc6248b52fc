//! Where a history is read from, and how it goes on.

use serde_json::json;

use super::cli_support::{Home, dump, rows};
use super::parts::git::{FIRST, GitRepository, git_in, git_output, library};
use super::{
    add_commit, any, comes_to_nothing, facts, import, imported, latest, stored, story, with_commits,
};

#[test]
fn every_kind_of_repository_reads_the_same() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    story(&repository);
    imported(&home, repository.name());
    let expected = facts(&home);
    let at = |name: &str| home.path(name).display().to_string();

    repository.clone_to("bare.git", &["--bare"]);
    repository.clone_to("cloned", &[]);
    repository.clone_to("no-files", &["--no-checkout"]);
    git_in(&home.path(""), &["clone", "--quiet", "--shared", "images", "shared"]);
    git_in(&home.path(""), &["clone", "--quiet", "--separate-git-dir=elsewhere.git", "images", "separate"]);
    repository.git(&["worktree", "add", "--quiet", "--detach", &at("linked")]);
    let packed = repository.clone_to("packed", &[]);
    packed.git(&["repack", "-a", "-d", "--quiet"]);
    packed.git(&["pack-refs", "--all"]);
    let loose = repository.clone_to("loose", &[]);
    let pack = loose.folder().join(".git/objects/pack");
    for file in std::fs::read_dir(&pack).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "pack") {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::remove_dir_all(&pack).unwrap();
            super::parts::git::git_with_input(loose.folder(), &["unpack-objects", "-q"], &bytes);
            break;
        }
    }
    std::os::unix::fs::symlink("images", home.path("link")).unwrap();
    repository.bundle("v2.bundle", &["--version=2", "HEAD", "master"]);
    repository.bundle("v3.bundle", &["--version=3", "master"]);

    for name in [
        "images/.git",
        "bare.git",
        "cloned",
        "no-files",
        "shared",
        "separate",
        "elsewhere.git",
        "linked",
        "packed",
        "loose",
        "link",
        "v2.bundle",
        "v3.bundle",
    ] {
        std::fs::remove_file(home.path("s.db")).unwrap();
        let answer = imported(&home, &at(name));
        assert_eq!((answer["commits"].as_u64(), facts(&home) == expected), (Some(8), true), "{name}");
        // A path from here is as good as one from the root; and whichever it is, it is the same history.
        let again = imported(&home, name);
        assert_eq!((&again["commits"], &again["allCommits"]), (&json!(0), &json!(8)), "{name}");
    }
}

#[test]
fn a_second_import_reads_what_is_new_alone() {
    let home = Home::new();
    let (repository, mut commits) = with_commits(&home, "images", 3);
    imported(&home, repository.name());
    let before = dump(&home.path("s.db"));
    let ran = import(&home, repository.name(), &[]).exits(0);
    assert_eq!(ran.text(), format!("nothing is new; 1 image at 2016-07-01, {}\n", &commits[2][..12]));
    assert_eq!(dump(&home.path("s.db")), before);

    repository.write("library/nats", library(&[("latest", "amd64")])).write("library/bad", "x");
    commits.push(repository.commit("3"));
    repository.write("README.md", "x");
    commits.push(repository.commit("4"));
    commits.push(add_commit(&repository));
    let answer = imported(&home, repository.name());
    let counts =
        ["commits", "changes", "allCommits", "allChanges", "images"].map(|name| answer[name].clone());
    assert_eq!(counts, [json!(3), json!(3), json!(6), json!(6), json!(3)]);
    assert_eq!(answer["problems"].as_array().unwrap().len(), 1, "only what is new: {answer}");
    let grown = facts(&home);
    // A commit that touches nothing below library/ is new as well.
    repository.write("README.md", "y");
    commits.push(repository.commit("6"));
    let answer = imported(&home, repository.name());
    assert_eq!((&answer["commits"], &answer["changes"]), (&json!(1), &json!(0)));
    assert_eq!((&answer["head"], &answer["problems"]), (&json!(commits[6]), &json!([])));
    assert_eq!(facts(&home), grown);
    assert_eq!(stored(&home).source.head_at.as_second(), FIRST + 60 * 6);

    let afresh = Home::new();
    imported(&afresh, repository.name());
    assert_eq!(facts(&afresh), grown, "in three pieces it is the same as in one");
}

#[test]
fn it_goes_on_from_any_kind_of_repository_to_any_other() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    add_commit(&repository);
    let bundle = repository.bundle("a.bundle", &["HEAD"]);
    assert_eq!(imported(&home, &bundle)["commits"], json!(1));
    add_commit(&repository);
    let bare = repository.clone_to("bare.git", &["--bare"]);
    assert_eq!(imported(&home, bare.name())["commits"], json!(1));
    assert_eq!(imported(&home, repository.name())["commits"], json!(0));
    let expected = Home::new();
    imported(&expected, repository.name());
    assert_eq!(facts(&home), facts(&expected));
}

#[test]
fn a_copy_names_the_commits_that_it_is_a_copy_of_and_the_original_goes_on_from_there() {
    let home = Home::new();
    let (original, mut commits) = with_commits(&home, "original", 3);
    let copy = GitRepository::new(home.path("copy"));
    for (number, commit) in commits.iter().enumerate() {
        let text = original.git(&["show", &format!("{commit}:library/alpine")]);
        copy.write("library/alpine", text + "\n");
        let id = copy.commit(&format!("commit {number}\n\nOriginal-commit: {commit}\n"));
        assert_ne!(&id, commit);
    }
    let answer = imported(&home, copy.name());
    assert_eq!(answer["head"], json!(commits[2]));
    let timeline = stored(&home);
    let origins: Vec<&String> = timeline.moments.iter().map(|moment| &moment.origin).collect();
    assert_eq!(origins, commits.iter().collect::<Vec<_>>());
    assert_eq!(imported(&home, copy.name())["commits"], json!(0));

    assert_eq!(imported(&home, original.name())["commits"], json!(0), "the same commits, by their own names");
    commits.push(add_commit(&original));
    let answer = imported(&home, original.name());
    assert_eq!((&answer["commits"], &answer["allCommits"]), (&json!(1), &json!(4)));
    // And back to the copy, which has a copy of that one by now, and one that only it has.
    copy.write("library/alpine", original.git(&["show", "HEAD:library/alpine"]) + "\n");
    copy.commit(&format!("commit 3\n\nOriginal-commit: {}\n", commits[3]));
    copy.write("library/nats", library(&[("latest", "amd64")]));
    commits.push(copy.commit("its own"));
    assert_eq!(imported(&home, copy.name())["commits"], json!(1));
    assert_eq!(any(&stored(&home), &commits, "nats"), ["4- linux/amd64"]);

    // What is older is told to be older, whatever its commits are called.
    copy.git(&["reset", "--hard", "--quiet", "HEAD~2"]);
    comes_to_nothing(&home, copy.name(), &[], &["older"]);
}

#[test]
fn a_line_that_names_no_original_is_a_line() {
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let (named, other) = ("0123456789".repeat(4), "abcdef0123".repeat(4));
    let messages = [
        "Original-commit: 0123".to_owned(),
        format!("Original-commit: {named}0"),
        format!("see Original-commit: {named}"),
        "Original-commit: ".to_owned() + &"x".repeat(40),
        format!("Original-commit: {other}\n\nOriginal-commit: {named}\n\nlast words"),
    ];
    let mut expected = Vec::new();
    for message in messages {
        let path = repository.folder().join("library/alpine");
        let before = std::fs::read_to_string(&path).unwrap_or_else(|_| library(&[("latest", "amd64")]));
        repository.write("library/alpine", before + "# a line\n");
        expected.push(repository.commit(&message));
    }
    expected[4] = named;
    imported(&home, repository.name());
    let origins: Vec<String> = stored(&home).moments.into_iter().map(|moment| moment.origin).collect();
    assert_eq!(origins, expected);
}

/// Commits of alpine, each with a further line and the message that is given.
fn with_messages(repository: &GitRepository, messages: &[String]) -> Vec<String> {
    let path = repository.folder().join("library/alpine");
    let one = |message: &String| {
        let before = std::fs::read_to_string(&path).unwrap_or_else(|_| library(&[("latest", "amd64")]));
        repository.write("library/alpine", before + "# a line\n");
        repository.commit(message)
    };
    messages.iter().map(one).collect()
}

fn origins(home: &Home) -> Vec<String> {
    stored(home).moments.into_iter().map(|moment| moment.origin).collect()
}

#[test]
fn of_commits_that_name_the_same_original_the_first_is_it_in_one_import_or_in_many() {
    let (x, y) = ("0123456789".repeat(4), "abcdef0123".repeat(4));
    let copy_of = |original: &str| format!("a copy\n\nOriginal-commit: {original}\n");
    let messages = [copy_of(&x), copy_of(&x), copy_of(&y), copy_of(&x), copy_of(&y), "its own".into()];
    let home = Home::new();
    let repository = GitRepository::new(home.path("images"));
    let commits = with_messages(&repository, &messages);
    let [_, b, _, d, e, f] = commits.clone().try_into().unwrap();
    let expected = [x, b, y, d, e, f];
    let answer = imported(&home, repository.name());
    assert_eq!((&answer["commits"], &answer["changes"]), (&json!(6), &json!(6)));
    assert_eq!(origins(&home), expected);
    assert!(stored(&home).is_sound());
    assert_eq!(imported(&home, repository.name())["commits"], json!(0));

    // One commit at a time, some of which end with a name that comes again.
    let pieces = Home::new();
    for (number, commit) in commits.iter().enumerate() {
        repository.git(&["checkout", "--quiet", "--detach", commit]);
        let answer = imported(&pieces, repository.name());
        assert_eq!((&answer["commits"], &answer["head"]), (&json!(1), &json!(expected[number])), "{number}");
        assert_eq!(imported(&pieces, repository.name())["commits"], json!(0));
    }
    assert_eq!(facts(&pieces), facts(&home));
    // From a repository that is there anew, too: its commits have the same names.
    let bundle = repository.bundle("a.bundle", &["HEAD", "master"]);
    assert_eq!(imported(&pieces, &bundle)["commits"], json!(0));
    add_commit(&repository);
    assert_eq!(imported(&pieces, repository.name())["commits"], json!(1));
}

// What it is called -------------------------------------------------------------------------------------------------

#[test]
fn a_history_is_called_by_where_others_can_look_it_up() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    let called = |repository: &str| imported(&Home::new(), repository)["source"].clone();
    assert_eq!(called(repository.name()), "a local repository");
    assert_eq!(called(&repository.bundle("a.bundle", &["HEAD"])), "a bundle");
    assert_eq!(called(&format!("file://{}", repository.name())), "a local repository");
    // What a clone says of where it is from, without what that says of who cloned it.
    repository.git(&["remote", "add", "origin", "x"]);
    for (origin, source) in [
        ("https://example.org/images", "https://example.org/images"),
        ("http://user:secret@example.org/images.git?token=secret", "http://example.org/images.git"),
        ("https://secret@example.org/images", "https://example.org/images"),
        ("git@example.org:images", "a local repository"),
        ("ssh://user@example.org/images", "a local repository"),
        ("/home/user/images", "a local repository"),
        ("file:///home/user/images", "a local repository"),
        ("../images", "a local repository"),
    ] {
        repository.git(&["remote", "set-url", "origin", origin]);
        assert_eq!(called(repository.name()), source, "{origin}");
    }
    // A remote of another name is not where it is from.
    repository.git(&["remote", "set-url", "origin", "https://example.org/images"]);
    repository.git(&["remote", "rename", "origin", "upstream"]);
    assert_eq!(called(repository.name()), "a local repository");
}

#[test]
fn a_history_with_the_official_images_first_commit_is_theirs_wherever_it_is() {
    let official = "https://github.com/docker-library/official-images";
    let first = "Original-commit: b79dd11851ada54b932224284eccb5374a27504d\n".to_owned();
    let folder = Home::new();
    let repository = GitRepository::new(folder.path("images"));
    with_messages(&repository, &["before it\n".into(), first, "after it\n".into()]);
    repository.git(&["remote", "add", "origin", "https://example.org/fork"]);
    let bundle = repository.bundle("a.bundle", &["HEAD"]);
    let home = Home::new();
    for name in [repository.name(), &bundle, &format!("file://{}", repository.name())] {
        assert_eq!(imported(&Home::new(), name)["source"], official, "{name}");
    }
    // What goes on from there is theirs as well.
    imported(&home, &bundle);
    add_commit(&repository);
    let answer = imported(&home, repository.name());
    assert_eq!((&answer["commits"], &answer["source"]), (&json!(1), &json!(official)));
    assert_eq!(stored(&home).source.name, official);
    assert_eq!(imported(&home, &repository.bundle("b.bundle", &["HEAD"]))["source"], official);
    // Another repository in its place is not.
    let (other, _) = with_commits(&folder, "other", 2);
    let answer = import(&home, other.name(), &["--again", "--json"]).exits(0).json();
    assert_eq!(answer["source"], "a local repository");
}

// What is no history of the official images -------------------------------------------------------------------------

#[test]
fn what_is_no_repository_is_told_and_changes_nothing() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    for is_fresh in [true, false] {
        if !is_fresh {
            imported(&home, repository.name());
        }
        home.write("folder/library/alpine", library(&[("latest", "amd64")]));
        home.write("file", "# v9 git bundle\n");
        home.write("empty-file", "");
        GitRepository::new(home.path("empty"));
        let other = GitRepository::new(home.path(if is_fresh { "other" } else { "other2" }));
        other.write("README.md", "x").write("libraries/alpine", "x");
        other.commit("no library");
        let file = GitRepository::new(home.path(if is_fresh { "a-file" } else { "a-file2" }));
        file.write("library", "a file of that name");
        file.commit("library is a file");
        for (name, says) in [
            ("nowhere", "no such file or folder"),
            ("", "no such file or folder"),
            ("file", "no git bundle"),
            ("empty-file", "no git bundle"),
            ("folder", "folder"),
            ("images/library", "library"),
            ("empty", "no commit"),
        ] {
            comes_to_nothing(&home, name, &[], &[says]);
            comes_to_nothing(&home, name, &["--again"], &[says]);
        }
        for repository in [&other, &file] {
            comes_to_nothing(
                &home,
                repository.name(),
                &["--again"],
                &["library/", "docker-library/official-images"],
            );
        }
        if is_fresh {
            comes_to_nothing(&home, other.name(), &[], &["library/"]);
        }
    }
}

#[test]
fn a_shallow_clone_is_told_unless_it_reaches_what_is_known() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 4);
    let shallow = repository.clone_to("shallow", &["--depth=1"]);
    comes_to_nothing(&home, shallow.name(), &[], &["shallow", "git fetch --unshallow"]);
    imported(&home, repository.name());
    assert_eq!(imported(&home, shallow.name())["commits"], json!(0));
    comes_to_nothing(&home, shallow.name(), &["--again"], &["shallow"]);
    add_commit(&repository);
    add_commit(&repository);
    let near = repository.clone_to("near", &["--depth=2"]);
    comes_to_nothing(&home, near.name(), &[], &["shallow"]);
    let reaching = repository.clone_to("reaching", &["--depth=3"]);
    assert_eq!(imported(&home, reaching.name())["commits"], json!(2));
    let expected = Home::new();
    imported(&expected, repository.name());
    assert_eq!(facts(&home), facts(&expected));
}

#[test]
fn a_branch_that_was_rewritten_is_told_and_again_replaces_it() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 3);
    repository.write("library/nats", library(&[("latest", "amd64")]));
    repository.commit("3");
    imported(&home, repository.name());
    repository.git(&["reset", "--hard", "--quiet", "HEAD~2"]);
    let commits: Vec<String> = (0..3).map(|_| add_commit(&repository)).collect();
    comes_to_nothing(&home, repository.name(), &[], &["rewritten", "--again"]);
    let answer = import(&home, repository.name(), &["--again", "--json"]).exits(0).json();
    let counts =
        ["commits", "changes", "allCommits", "allChanges", "images"].map(|name| answer[name].clone());
    assert_eq!(counts, [json!(5), json!(5), json!(5), json!(5), json!(1)]);
    assert_eq!(stored(&home).source.head, commits[2]);
    assert!(!dump(&home.path("s.db")).contains("nats"), "something of what was replaced is there");
    let expected = Home::new();
    imported(&expected, repository.name());
    assert_eq!(facts(&home), facts(&expected));
    // Where nothing was rewritten, reading all of it again changes no fact.
    assert_eq!(import(&home, repository.name(), &["--again", "--json"]).exits(0).json()["commits"], json!(5));
    assert_eq!(facts(&home), facts(&expected));
    assert_eq!(rows(&home.path("s.db"), "SELECT count(*) FROM moments"), 5);
}

#[test]
fn another_repository_is_not_taken_for_the_one_that_is_known() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    imported(&home, repository.name());
    let other = GitRepository::new(home.path("other"));
    other.write("library/nats", library(&[("latest", "amd64")]));
    other.commit("another history");
    comes_to_nothing(&home, other.name(), &[], &["another repository", "--again"]);
}

#[test]
fn an_older_copy_is_told_to_be_older() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 2);
    let older = repository.clone_to("older", &[]);
    let bundle = repository.bundle("older.bundle", &["HEAD"]);
    add_commit(&repository);
    imported(&home, repository.name());
    comes_to_nothing(&home, older.name(), &[], &["older", "git pull"]);
    comes_to_nothing(&home, &bundle, &[], &["older"]);
}

#[test]
fn what_names_its_objects_otherwise_or_lacks_some_is_told() {
    let home = Home::new();
    let repository = GitRepository::with(home.path("sha256"), &["--object-format=sha256"]);
    repository.write("library/nats", library(&[("latest", "amd64")]));
    repository.commit("by SHA-256");
    comes_to_nothing(&home, repository.name(), &[], &["sha256"]);
    let bundle = repository.bundle("sha256.bundle", &["HEAD"]);
    comes_to_nothing(&home, &bundle, &[], &["sha256"]);

    let (repository, _) = with_commits(&home, "images", 3);
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    for filter in ["blob:none", "tree:0"] {
        let name = filter.replace(':', "-");
        let partial = repository.clone_to(&name, &["--no-checkout", &format!("--filter={filter}")]);
        comes_to_nothing(&home, partial.name(), &[], &["lacks"]);
    }
    let path = home.path("filtered.bundle").display().to_string();
    repository.git(&["bundle", "create", "--quiet", &path, "--filter=blob:none", "HEAD"]);
    comes_to_nothing(&home, &path, &[], &["filter"]);
}

// Bundles -----------------------------------------------------------------------------------------------------------

#[test]
fn a_bundle_of_a_part_or_of_many_branches_is_told() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 3);
    let part = repository.bundle("part.bundle", &["master", "^HEAD~1"]);
    comes_to_nothing(&home, &part, &[], &["part of a history", "git bundle create"]);
    repository.git(&["branch", "one"]);
    repository.git(&["branch", "two", "HEAD~1"]);
    let many = repository.bundle("many.bundle", &["one", "two"]);
    comes_to_nothing(&home, &many, &[], &["refs/heads/one", "refs/heads/two"]);
    let named = repository.bundle("named.bundle", &["one", "two", "master"]);
    assert_eq!(imported(&home, &named)["commits"], json!(3), "master is meant");
    let tag = Home::new();
    repository.git(&["tag", "-m", "a tag", "v1"]);
    let tagged = repository.bundle("tagged.bundle", &["v1", "two"]);
    assert_eq!(imported(&tag, &tagged)["commits"], json!(2), "of one branch and a tag, the branch");
}

#[test]
fn a_bundle_of_a_detached_head_is_read_at_its_head() {
    let home = Home::new();
    let (repository, commits) = with_commits(&home, "images", 3);
    repository.git(&["checkout", "--quiet", "--detach", "HEAD~1"]);
    let bundle = repository.bundle("detached.bundle", &["HEAD", "master"]);
    assert_eq!(imported(&home, &bundle)["head"], json!(commits[1]));
    assert_eq!(imported(&home, repository.name())["commits"], json!(0), "so is the repository");
    assert_eq!(latest(&stored(&home), &commits, "alpine"), ["0- linux/amd64"]);
}

#[test]
fn a_bundle_that_is_known_is_not_unpacked() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 3);
    let bundle = repository.bundle("a.bundle", &["HEAD"]);
    imported(&home, &bundle);
    // Its head is whole: that is enough to see that nothing is new.
    let bytes = std::fs::read(&bundle).unwrap();
    let head = bytes.windows(6).position(|six| six == b"\n\nPACK").unwrap() + 2;
    std::fs::write(&bundle, &bytes[..head]).unwrap();
    assert_eq!(imported(&home, &bundle)["commits"], json!(0));
    comes_to_nothing(&home, &bundle, &["--again"], &["a.bundle"]);
}

#[test]
fn nothing_is_left_where_a_bundle_was_unpacked() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 3);
    let bundle = repository.bundle("a.bundle", &["HEAD"]);
    let broken = home.write("broken.bundle", &std::fs::read(&bundle).unwrap()[..400]);
    std::fs::create_dir(home.path("tmp")).unwrap();
    for (path, code) in [(&bundle, 0), (&broken, 2)] {
        let mut command = home.workson(&["import", "official-images", path, "--again", "--store", "s.db"]);
        super::cli_support::start(command.env("TMPDIR", home.path("tmp"))).ends().exits(code);
        assert_eq!(std::fs::read_dir(home.path("tmp")).unwrap().count(), 0, "{path}");
    }
    let mut command = home.workson(&["import", "official-images", &bundle, "--again", "--store", "s.db"]);
    let ran = super::cli_support::start(command.env("TMPDIR", home.path("nowhere"))).ends().exits(2);
    assert!(ran.stderr.contains("unpacking"), "{}", ran.stderr);
}

#[test]
fn a_bundle_that_is_cut_off_or_damaged_is_told_and_changes_nothing() {
    let home = Home::new();
    let (repository, _) = with_commits(&home, "images", 6);
    let bundle = repository.bundle("a.bundle", &["HEAD", "master"]);
    let bytes = std::fs::read(&bundle).unwrap();
    for part in 0..24 {
        let end = bytes.len() * part / 24;
        let cut = home.write("cut.bundle", &bytes[..end]);
        comes_to_nothing(&home, &cut, &[], &["cut.bundle"]);
    }
    let cut = home.write("cut.bundle", &bytes[..bytes.len() - 1]);
    comes_to_nothing(&home, &cut, &[], &["cut.bundle", "git bundle verify"]);
    let pack = bytes.windows(4).position(|four| four == b"PACK").unwrap();
    for part in 0..40 {
        let at = pack + (bytes.len() - pack) * part / 40;
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let path = home.write("damaged.bundle", &damaged);
        comes_to_nothing(&home, &path, &[], &["damaged.bundle", "git bundle verify"]);
    }
    // Heads that never were: endless lines, endless branches, a tip that is not in the pack.
    let head = |text: String| [text.as_bytes(), b"\n", &bytes[pack..]].concat();
    let id = repository.head();
    for text in [
        format!("# v2 git bundle\n{}\n", "x".repeat(100_000)),
        format!("# v2 git bundle\n{}", format!("{id} refs/heads/x\n").repeat(200_000)),
        format!("# v2 git bundle\n{} HEAD\n", "1234567890".repeat(4)),
        "# v2 git bundle\n".to_owned(),
        format!("# v3 git bundle\n@something=new\n{id} HEAD\n"),
        format!("# v2 git bundle\n{} HEAD\n", &id[..39]),
    ] {
        let path = home.write("wrong.bundle", head(text.clone()));
        let shown: String = text.chars().take(80).collect();
        assert!(
            git_output(&home.path(""), &["bundle", "verify", &path]).status.code() != Some(101),
            "{shown}"
        );
        comes_to_nothing(&home, &path, &[], &["wrong.bundle"]);
    }
}
