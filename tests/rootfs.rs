//! An image's layers in a folder: what they make there, and that nothing they hold reaches out of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;
mod verify;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tar::EntryType;
use verify::image::{Files, Image, Layer};
use workson::layout::Layout;
use workson::packed::{Compression, Limits};
use workson::rootfs::{Made, RootfsError, Settings, Tamed, make};
use workson::verify::layer::read;
use workson::verify::tree::{Found, Tree};
use workson_oci::digest::Algorithm;
use workson_oci::{Content, Digest, MediaType};

const SETTINGS: Settings =
    Settings { limits: LIMITS, owners: false, keep_setuid: false, capabilities: false };
const LIMITS: Limits = Limits { bytes: 16 << 20, entries: 1_000, image_entries: 10_000, window: 1 << 20 };

/// A folder with a folder to make in it, and things beside that which must not change.
struct World(tempfile::TempDir);

impl Drop for World {
    fn drop(&mut self) {
        // What is closed to its owner could not be removed.
        let mut chmod = std::process::Command::new("chmod");
        let _ = chmod.args(["-R", "u+rwx"]).arg(self.0.path()).status();
    }
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sentinel", "outside/sentinel", "outside/below/sentinel"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "as it was").unwrap();
        }
        World(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("root")
    }

    /// All that stands beside the root: kind, bits, owner, links, time and content of each.
    fn outside(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.0.path().to_owned()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path == self.root() {
                    continue;
                }
                let data = fs::symlink_metadata(&path).unwrap();
                let content = if data.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                let time = if data.is_file() { data.mtime_nsec() } else { 0 };
                let told = format!("{:o} {} {} {time} {content:?}", data.mode(), data.uid(), data.nlink());
                found.insert(path.clone(), told);
                if data.is_dir() {
                    left.push(path);
                }
            }
        }
        found
    }

    fn make(&self, image: &Image) -> Result<Made, RootfsError> {
        self.make_with(image, &SETTINGS)
    }

    fn make_with(&self, image: &Image, settings: &Settings) -> Result<Made, RootfsError> {
        let layout = verify::image::layout_of(&[image]);
        let manifest = image.manifest_bytes();
        let media_type = MediaType::new(parts::image::OCI_MANIFEST);
        let manifest = Content { digest: Digest::sha256(&manifest), media_type, bytes: manifest.into() };
        make(&Layout::open(layout.path()).unwrap(), &manifest, &self.root(), settings)
    }

    /// What was made: `path` of a folder with a slash behind it, of a file with its content, of a link with where it leads.
    fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.root()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let data = fs::symlink_metadata(&path).unwrap();
                let name = path.strip_prefix(self.root()).unwrap().display().to_string();
                if data.is_dir() {
                    found.push(format!("{name}/"));
                    left.push(path);
                } else if data.is_symlink() {
                    found.push(format!("{name} -> {}", fs::read_link(path).unwrap().display()));
                } else {
                    found.push(format!("{name}: {}", String::from_utf8_lossy(&fs::read(path).unwrap())));
                }
            }
        }
        found.sort();
        found
    }
}

fn image(layers: impl IntoIterator<Item = Files>) -> Image {
    layers.into_iter().fold(Image::new("linux/amd64", &["/a"]), Image::layer)
}

fn files() -> Files {
    Files::new()
}

#[test]
fn layers_lie_on_each_other() {
    let lower = || {
        files()
            .file("./etc/a", "1")
            .file("etc/b", "1")
            .file("opt/x/y", "1")
            .file("var/one", "1")
            .file("kind", "1")
    };
    for (upper, expected) in [
        // The upper file counts.
        (files().file("etc/a", "2"), "etc/ etc/a: 2 etc/b: 1 kind: 1 opt/ opt/x/ opt/x/y: 1 var/ var/one: 1"),
        (files().whiteout("etc/a"), "etc/ etc/b: 1 kind: 1 opt/ opt/x/ opt/x/y: 1 var/ var/one: 1"),
        (files().file(".wh.opt", ""), "etc/ etc/a: 1 etc/b: 1 kind: 1 var/ var/one: 1"),
        (files().opaque("opt"), "etc/ etc/a: 1 etc/b: 1 kind: 1 opt/ var/ var/one: 1"),
        (files().file(".wh..wh..opq", ""), ""),
        // A whiteout takes nothing of its own layer, wherever it stands.
        (
            files().file("opt/x/z", "2").opaque("opt").whiteout("etc/a").file("etc/a", "2"),
            "etc/ etc/a: 2 etc/b: 1 kind: 1 opt/ opt/x/ opt/x/z: 2 var/ var/one: 1",
        ),
        (
            files().file("etc/new", "2").file(".wh.etc", "").folder("var").file(".wh.var", ""),
            "etc/ etc/new: 2 kind: 1 opt/ opt/x/ opt/x/y: 1 var/",
        ),
        // One kind of thing in the place of another.
        (
            files().file("opt", "2").folder("kind").symlink("var", "etc"),
            "etc/ etc/a: 1 etc/b: 1 kind/ opt: 2 var -> etc",
        ),
        // A folder that is there stays, with what is in it.
        (files().folder("etc/"), "etc/ etc/a: 1 etc/b: 1 kind: 1 opt/ opt/x/ opt/x/y: 1 var/ var/one: 1"),
        (
            files().hardlink("etc/c", "etc/a").hardlink("etc/a", "./etc/a"),
            "etc/ etc/a: 1 etc/b: 1 etc/c: 1 kind: 1 opt/ opt/x/ opt/x/y: 1 var/ var/one: 1",
        ),
        // A link in the way is followed, and so is one that is there not yet.
        (
            files().symlink("usr", "/opt/./x").file("usr/z", "2").symlink("to", "var/two").file("to/z", "2"),
            "etc/ etc/a: 1 etc/b: 1 kind: 1 opt/ opt/x/ opt/x/y: 1 opt/x/z: 2 to -> var/two usr -> /opt/./x \
             var/ var/one: 1 var/two/ var/two/z: 2",
        ),
        // Marks of storage drivers stand for nothing.
        (
            files().file(".wh..wh.plnk", "").file("etc/.wh.", ""),
            "etc/ etc/a: 1 etc/b: 1 kind: 1 opt/ opt/x/ opt/x/y: 1 var/ var/one: 1",
        ),
    ] {
        let world = World::new();
        world.make(&image([lower(), upper])).unwrap();
        assert_eq!(world.tree().join(" "), expected);
    }
}

#[test]
fn every_packing_is_unpacked() {
    let two = |files: Files| {
        let tar = files.tar();
        let (one, two) = tar.split_at(tar.len() / 2);
        let members = [verify::image::gzip(one), verify::image::gzip(two)].concat();
        Layer::of(verify::image::TAR_GZIP, members, tar)
    };
    let image = Image::new("linux/amd64", &["/a"])
        .with(Layer::plain(files().file("plain", "1")))
        .with(Layer::zstd(files().file("zstd", "2")))
        .with(two(files().file("members", "3")));
    let world = World::new();
    let made = world.make(&image).unwrap();
    assert_eq!(world.tree(), ["members: 3", "plain: 1", "zstd: 2"]);
    assert_eq!((made.layers, made.entries, made.tamed), (3, 3, vec![]));
}

/// What hostile layers make: a list of what stands in the folder then, or why it is refused.
#[test]
fn nothing_hostile_reaches_out() {
    let world = World::new();
    let outside = world.path("outside").display().to_string();
    let sentinel = format!("{outside}/sentinel");
    let deep = "a/".repeat(40);
    type Row<'a> = (&'a str, Vec<Files>, Result<&'a str, &'a str>);
    let table: Vec<Row<'_>> = vec![
        ("..", vec![files().file("../sentinel", "!")], Ok("sentinel: !")),
        (".. midway", vec![files().file("a/../../../sentinel", "!")], Ok("sentinel: !")),
        (".. alone", vec![files().file("..", "!")], Err("the place of the folder itself")),
        ("nothing", vec![files().symlink("./", "outside")], Err("the place of the folder itself")),
        ("absolute", vec![files().file("/etc/passwd", "!")], Ok("etc/ etc/passwd: !")),
        (
            "a link out, and through it",
            vec![files().symlink("out", "../outside").file("out/sentinel", "!")],
            Ok("out -> ../outside outside/ outside/sentinel: !"),
        ),
        ("an absolute link out", vec![files().symlink("out", &outside).file("out/sentinel", "!")], Ok("")),
        (
            "a link out in a lower layer",
            vec![files().symlink("out", &outside), files().file("out/sentinel", "!")],
            Ok(""),
        ),
        (
            "a file over a link out",
            vec![files().symlink("out", &sentinel), files().file("out", "!")],
            Ok("out: !"),
        ),
        (
            "a file over a link out, at once",
            vec![files().symlink("out", &sentinel).file("out", "!")],
            Ok("out: !"),
        ),
        (
            "a folder over a link out",
            vec![files().symlink("out", &outside).folder("out").file("out/sentinel", "!")],
            Ok("out/ out/sentinel: !"),
        ),
        (
            "a folder becomes a link midway",
            vec![files().folder("d").file("d/a", "1").symlink("d", &outside).file("d/sentinel", "!")],
            Ok(""),
        ),
        (
            "a link to a link out",
            vec![files().symlink("a", "b").symlink("b", &outside).file("a/sentinel", "!")],
            Ok(""),
        ),
        (
            "a link above the root",
            vec![files().symlink("d/up", "../../../..").file("d/up/sentinel", "!")],
            Ok("d/ d/up -> ../../../.. sentinel: !"),
        ),
        (
            "a hard link to outside",
            vec![files().hardlink("h", "../sentinel")],
            Err("a hard link to what is not there"),
        ),
        (
            "a hard link to outside, absolute",
            vec![files().hardlink("h", &sentinel)],
            Err("what is not there"),
        ),
        (
            "a hard link through a link out",
            vec![files().symlink("out", &outside).hardlink("h", "out/sentinel")],
            Err("what is not there"),
        ),
        (
            "a hard link to a link out, then written",
            vec![files().symlink("out", &sentinel).hardlink("h", "out").file("h", "!")],
            Ok(""),
        ),
        (
            "a hard link to a folder",
            vec![files().folder("d").hardlink("h", "d")],
            Err("a hard link to a folder"),
        ),
        ("a hard link to the root", vec![files().hardlink("h", "..")], Err("what is not there")),
        (
            "a whiteout through a link out",
            vec![files().symlink("out", &outside), files().whiteout("out/sentinel")],
            Ok(""),
        ),
        (
            "a whiteout of ..",
            vec![files().file("a", "1"), files().file(".wh...", "")],
            Err("no entry of its folder"),
        ),
        (
            "a whiteout of . below",
            vec![files().file("d/a", "1"), files().file("d/.wh..", "")],
            Err("no entry of its folder"),
        ),
        (
            "a whiteout by ..",
            vec![files().file("a", "1"), files().file("../../.wh.sentinel", "")],
            Ok("a: 1"),
        ),
        (
            "an opaque folder through a link out",
            vec![files().symlink("out", &outside), files().opaque("out")],
            Ok(""),
        ),
        ("an opaque folder above", vec![files().file("a", "1"), files().file("../.wh..wh..opq", "")], Ok("")),
        (
            "links in a circle",
            vec![files().symlink("a", "b").symlink("b", "a").file("a/x", "!")],
            Err("in a circle"),
        ),
        ("a link to itself", vec![files().symlink("a", "a/a").file("a/x", "!")], Err("in a circle")),
        ("an empty link", vec![files().symlink("a", "")], Err("a link to nothing")),
        ("bytes that are no text", vec![files().file(b"\xff\xfe", "1")], Ok("\u{fffd}\u{fffd}: 1")),
        ("a file in the way", vec![files().file("a", "1").file("a/b", "2")], Ok("a/ a/b: 2")),
        ("a device", vec![files().entry(EntryType::Block, "sda", 0o666, b"", b"")], Ok("")),
        (
            "a device over a file",
            vec![files().file("null", "1"), files().entry(EntryType::Char, "null", 0o666, b"", b"")],
            Ok(""),
        ),
        (
            "a hard link to a device",
            vec![files().entry(EntryType::Char, "null", 0o666, b"", b"").hardlink("n", "null")],
            Ok(""),
        ),
        ("a pipe", vec![files().entry(EntryType::Fifo, "pipe", 0o666, b"", b"")], Ok("")),
        (
            "a kind that is unknown",
            vec![files().entry(EntryType::new(b'Z'), "z", 0o666, b"", b"")],
            Err("not known"),
        ),
        ("a deep folder", vec![files().file(format!("{deep}f"), "1"), files().file(".wh.a", "")], Ok("")),
    ];
    for (what, layers, expected) in table {
        let (image, before) = (image(layers), world.outside());
        match (world.make(&image), expected) {
            (Ok(_), Ok(tree)) => {
                if !tree.is_empty() {
                    assert_eq!(world.tree().join(" "), tree, "{what}");
                }
                fs::remove_dir_all(world.root()).unwrap();
            }
            (Err(error), Err(says)) => {
                assert!(error.to_string().contains(says), "{what}: {error}");
                assert!(!world.root().exists(), "{what}: something was left");
            }
            (made, expected) => panic!("{what}: {made:?} instead of {expected:?}"),
        }
        assert_eq!(world.outside(), before, "{what}: something outside has changed");
    }
}

/// A tar file with pax headers before its only entry.
fn pax(headers: &[(&str, &[u8])], kind: EntryType, name: &str, bytes: &[u8]) -> Files {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions(headers.iter().copied()).unwrap();
    let mut tar = builder.into_inner().unwrap();
    tar.truncate(tar.len() - 1024);
    let entry = files().entry(kind, name, 0o644, b"x", bytes).tar();
    Files::raw([tar, entry].concat())
}

#[test]
fn names_that_no_file_can_have_are_refused() {
    for (headers, kind, says) in [
        ([("path", b"a\0b".as_slice())], EntryType::Regular, "a byte that no name may have"),
        ([("path", b"a\0b/c")], EntryType::Regular, "a byte that no name may have"),
        ([("linkpath", b"/etc\0/x")], EntryType::Symlink, "what has no name"),
        ([("linkpath", b"etc/\0")], EntryType::Link, "what is not there"),
        ([("GNU.sparse.realsize", b"100")], EntryType::Regular, "a sparse file in a form"),
    ] {
        let world = World::new();
        let error = world.make(&image([pax(&headers, kind, "name", b"")])).unwrap_err().to_string();
        assert!(error.contains(says) && !world.root().exists(), "{error}");
    }
    let world = World::new();
    let long = format!("{}x", "d/".repeat(2100));
    let error = world.make(&image([pax(&[("path", long.as_bytes())], EntryType::Regular, "x", b"")]));
    assert!(error.unwrap_err().to_string().contains("longer than any program can name"));
}

#[test]
fn bits_times_and_attributes_are_kept_but_for_what_gives_rights() {
    let kept = || {
        files()
            .entry(EntryType::Regular, "su", 0o4755, b"", b"x")
            .entry(EntryType::Regular, "sg", 0o2711, b"", b"x")
            .entry(EntryType::Directory, "closed", 0o2500, b"", b"")
            .entry(EntryType::Regular, "closed/f", 0o000, b"", b"x")
            .entry(EntryType::Directory, "tmp", 0o1777, b"", b"")
            .entry(EntryType::Directory, "./", 0o711, b"", b"")
    };
    let mode =
        |world: &World, name: &str| fs::symlink_metadata(world.root().join(name)).unwrap().mode() & 0o7777;
    let world = World::new();
    let made = world.make(&image([kept()])).unwrap();
    let names = ["su", "sg", "closed", "closed/f", "tmp", ""];
    assert_eq!(names.map(|name| mode(&world, name)), [0o755, 0o711, 0o500, 0o000, 0o1777, 0o711]);
    assert_eq!(made.tamed.len(), 1);
    assert_eq!((made.tamed[0].what, made.tamed[0].count), (Tamed::SetId, 3));
    assert!(made.tamed[0].to_string().contains("(su sg closed)"), "{}", made.tamed[0]);
    let time = |name: &str| fs::symlink_metadata(world.root().join(name)).unwrap().mtime();
    assert_eq!(names.map(time), [0; 6], "folders have their time although something came into them later");

    let world = World::new();
    let settings = Settings { keep_setuid: true, ..SETTINGS };
    let made = world.make_with(&image([kept()]), &settings).unwrap();
    assert_eq!((mode(&world, "su"), mode(&world, "sg"), made.tamed), (0o4755, 0o2711, vec![]));

    let world = World::new();
    let attributes: [(&str, &[u8]); 4] = [
        ("SCHILY.xattr.user.colour", b"b\0lue"),
        ("SCHILY.xattr.security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("mtime", b"1714564800.25"),
    ];
    let made = world.make(&image([pax(&attributes, EntryType::Regular, "ping", b"x")])).unwrap();
    let told: Vec<_> = made.tamed.iter().map(|entries| (entries.what, entries.count)).collect();
    // tmpfs has no place for users' own attributes on old kernels.
    assert!(told.starts_with(&[(Tamed::Capability, 1), (Tamed::Attribute, told[1].1)]), "{told:?}");
    let data = fs::metadata(world.root().join("ping")).unwrap();
    assert_eq!((data.mtime(), data.mtime_nsec()), (1_714_564_800, 250_000_000));
}

#[test]
fn what_is_damaged_or_not_what_it_says_leaves_nothing() {
    let good = || Layer::gzip(files().file("a", "1".repeat(100_000)));
    let cases: [(&str, Layer, &str); 6] = [
        (
            "cut",
            Layer { bytes: good().bytes.map(|b| b[..b.len() / 2].to_vec()), ..good() },
            "can't be unpacked",
        ),
        (
            "another digest",
            Layer { bytes: Some(verify::image::gzip(&files().file("a", "2").tar())), ..good() },
            "digest",
        ),
        ("another diffID", Layer { diff_id: Digest::sha256(b"").to_string(), ..good() }, "the config says"),
        ("absent", Layer { bytes: None, ..good() }, "No such file"),
        (
            "foreign",
            Layer { media_type: "application/vnd.docker.image.rootfs.foreign.diff.tar".into(), ..good() },
            "kept elsewhere",
        ),
        ("no file system", Layer { media_type: "application/json".into(), ..good() }, "no file system"),
    ];
    for (what, layer, says) in cases {
        let world = World::new();
        let before = world.outside();
        let image = Image::new("linux/amd64", &["/a"]).layer(files().file("first", "1")).with(layer);
        let error = world.make(&image).unwrap_err().to_string();
        assert!(error.contains(says), "{what}: {error}");
        assert!(!world.root().exists() && world.outside() == before, "{what}");
    }
    let world = World::new();
    let small = Settings { limits: Limits { bytes: 4096, ..LIMITS }, ..SETTINGS };
    let error = world.make_with(&image([files().file("a", "1".repeat(100_000))]), &small).unwrap_err();
    assert!(error.to_string().contains("--max-layer-bytes"), "{error}");
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let simple = || image([files().file("a", "1")]);
    let world = World::new();
    fs::create_dir(world.root()).unwrap();
    world.make(&simple()).unwrap();
    let error = world.make(&simple()).unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
    fs::remove_dir_all(world.root()).unwrap();
    symlink(world.path("absent"), world.root()).unwrap();
    assert!(world.make(&simple()).is_err(), "a link that leads nowhere is somebody's");
    fs::remove_file(world.root()).unwrap();
    fs::write(world.root(), "a file").unwrap();
    assert!(world.make(&simple()).is_err());
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let world = World::new();
    let left = world.path(".root.incomplete-abcdef/closed");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("file"), "").unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o000)).unwrap();
    let held = world.path(".root.incomplete-ghijkl");
    fs::create_dir(&held).unwrap();
    let lock = fs::File::open(&held).unwrap();
    lock.try_lock().unwrap();
    world.make(&image([files().file("a", "1")])).unwrap();
    assert!(!world.path(".root.incomplete-abcdef").exists() && held.exists());
}

/// Paths and links that name each other, what is outside, and themselves.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c"]),
        1 => prop::sample::select(vec!["..", ".", "", "outside", "sentinel", "OUTSIDE"]),
    ];
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn entries() -> impl Strategy<Value = (u8, String, String)> {
    (0_u8..8, paths(), paths())
}

/// The same without links.
fn plain_entries() -> impl Strategy<Value = (u8, String, String)> {
    (prop::sample::select(vec![0_u8, 2, 2, 6, 7]), paths(), paths())
}

/// `OUTSIDE` stands for the absolute path of what must not change.
fn build(entries: &[(u8, String, String)], outside: &str) -> Files {
    entries.iter().fold(files(), |files, (kind, path, target)| {
        let path = path.replace("OUTSIDE", outside);
        let target = target.replace("OUTSIDE", outside);
        match kind {
            0 | 1 => files.file(path, "!"),
            2 => files.folder(&path),
            3 | 4 => files.symlink(path, &target),
            5 => files.hardlink(&path, &target),
            6 => files.file(format!("{path}/.wh.{}", target.rsplit('/').next().unwrap()), ""),
            _ => files.file(format!("{path}/.wh..wh..opq"), ""),
        }
    })
}

/// What `workson verify` sees in the same layers; none where engines do not agree on them, or refuse them.
fn seen(layers: &[Vec<u8>]) -> Option<BTreeMap<Vec<u8>, &'static str>> {
    let mut tree = Tree::default();
    for (at, layer) in layers.iter().enumerate() {
        let layer = read(&layer[..], Compression::None, Algorithm::Sha256, &LIMITS).ok()?;
        if layer.doubt.is_some() || layer.twice.is_some() {
            return None;
        }
        tree.add(layer.entries, at).ok()?;
    }
    let kind = |found: &Found| match found {
        Found::Folder => "folder",
        Found::File(_) => "file",
        Found::Symlink(_) => "link",
        Found::Special => "special",
    };
    Some(tree.iter().map(|(path, placed)| (path.to_vec(), kind(&placed.found))).collect())
}

fn made(root: &Path) -> BTreeMap<Vec<u8>, &'static str> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::symlink_metadata(&path).unwrap();
            let kind = match (data.is_dir(), data.is_symlink()) {
                (true, _) => "folder",
                (_, true) => "link",
                _ => "file",
            };
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
            found.insert(name, kind);
            if data.is_dir() {
                left.push(path);
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_entries_touches_what_is_outside(
        layers in prop::collection::vec(prop::collection::vec(entries(), 1..12), 1..4),
    ) {
        let world = World::new();
        let before = world.outside();
        let outside = world.path("outside").display().to_string();
        // Links of lower layers are followed here, and nowhere by engines with overlay.
        let has_links = layers.iter().flatten().any(|(kind, ..)| matches!(kind, 3..=5));
        let layers: Vec<Vec<u8>> = layers.iter().map(|layer| build(layer, &outside).tar()).collect();
        let result = world.make(&image(layers.iter().map(|tar| Files::raw(tar.clone()))));
        prop_assert_eq!(world.outside(), before);
        match result {
            Err(_) => prop_assert!(!world.root().exists()),
            Ok(_) => if let Some(seen) = seen(&layers).filter(|_| !has_links) {
                prop_assert_eq!(made(&world.root()), seen);
            },
        }
    }

    #[test]
    fn files_and_whiteouts_make_what_verify_sees(
        layers in prop::collection::vec(prop::collection::vec(plain_entries(), 1..8), 1..4),
    ) {
        let world = World::new();
        let layers: Vec<Vec<u8>> = layers.iter().map(|layer| build(layer, "outside").tar()).collect();
        let result = world.make(&image(layers.iter().map(|tar| Files::raw(tar.clone()))));
        if let (Ok(_), Some(seen)) = (result, seen(&layers)) {
            prop_assert_eq!(made(&world.root()), seen);
        }
    }
}
