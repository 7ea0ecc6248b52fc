//! What a container sees of layers, as podman's overlay shows it.

use tar::{Builder, EntryType, Header};
use workson_oci::digest::Algorithm;

use super::super::layer::{Compression, Doubt, Layer, LayerError, Limits, read};
use super::*;

/// Entries: `path`, `folder/`, `link -> target`, `name => target` for a hard link.
fn tar_of(entries: &[&str]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(0);
        let (path, target, kind) = match (entry.split_once(" -> "), entry.split_once(" => ")) {
            (Some((path, target)), _) => (path, target, EntryType::Symlink),
            (_, Some((path, target))) => (path, target, EntryType::Link),
            _ if entry.ends_with('/') => (*entry, "", EntryType::Directory),
            _ => (*entry, "", EntryType::Regular),
        };
        header.set_entry_type(kind);
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpacked(entries: &[&str]) -> Result<Layer, LayerError> {
    read(&tar_of(entries)[..], Compression::None, Algorithm::Sha256, &Limits::default())
}

#[track_caller]
fn layer(entries: &[&str]) -> Layer {
    unpacked(entries).unwrap()
}

/// What the layers make, with the layers' numbers, folders only where they are empty.
fn shown(tree: &Tree) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut all = Vec::new();
    for (path, placed) in tree.iter() {
        let path = text(&path);
        let entry = match placed.found {
            Found::Folder if !tree.folder(path.as_bytes()).is_empty() => continue,
            Found::Folder => format!("{path}/"),
            Found::Symlink(target) => format!("{path} -> {}", text(&target)),
            Found::File(_) | Found::Special => path,
        };
        all.push(format!("{entry} {}", placed.layer));
    }
    all
}

const BASE: [&str; 7] = ["usr/", "usr/bin/", "usr/bin/app", "bin -> usr/bin", "a/", "a/low", "x"];
const SHOWN: [&str; 4] = ["a/low 0", "bin -> usr/bin 0", "usr/bin/app 0", "x 0"];

/// What comes of a layer on top of `BASE`: what goes, and what comes.
#[track_caller]
fn on_base(entries: &[&str], gone: &[&str], new: &[&str]) -> (Layer, Option<Hardlink>) {
    let mut tree = Tree::default();
    assert_eq!(tree.add(layer(&BASE).entries, 0), Ok(None));
    assert_eq!(shown(&tree), SHOWN);
    let upper = layer(entries);
    let link = tree.add(layer(entries).entries, 1).unwrap();
    let mut wanted: Vec<&str> = SHOWN.into_iter().filter(|path| !gone.contains(path)).collect();
    wanted.extend(new);
    wanted.sort_unstable();
    let mut found = shown(&tree);
    found.sort_unstable();
    assert_eq!(found, wanted, "{entries:?}");
    (upper, link)
}

#[track_caller]
fn doubted(entries: &[&str], gone: &[&str], new: &[&str], doubt: Option<Doubt>) {
    let (layer, link) = on_base(entries, gone, new);
    assert_eq!((layer.doubt.map(|(_, doubt)| doubt), link), (doubt, None), "{entries:?}");
}

#[test]
fn a_link_of_a_lower_layer_is_followed_nowhere() {
    let hidden = ["bin -> usr/bin 0"];
    doubted(&["bin/other"], &hidden, &["bin/other 1"], None);
    doubted(&["bin/.wh.app"], &hidden, &["bin/ 1"], None);
    doubted(&["bin/.wh..wh..opq"], &hidden, &["bin/ 1"], None);
    doubted(&["bin/"], &hidden, &["bin/ 1"], None);
    doubted(&["x/g"], &["x 0"], &["x/g 1"], None);
    // A link of the same layer is.
    doubted(
        &["usr/bin/", "l -> /usr/../usr/bin", "l/new"],
        &[],
        &["l -> /usr/../usr/bin 1", "usr/bin/new 1"],
        None,
    );
    doubted(
        &["l -> usr/bin", "usr/bin/", "l/.wh.app"],
        &["usr/bin/app 0"],
        &["l -> usr/bin 1", "usr/bin/ 0"],
        None,
    );
    // Where it leads to nothing of the layer, containerd makes a folder, and podman refuses it.
    let new = ["l -> usr/lib 1", "usr/lib/new 1"];
    doubted(&["l -> usr/lib", "l/new"], &[], &new, Some(Doubt::Nowhere));
}

#[test]
fn whiteouts_take_away_what_lower_layers_have() {
    doubted(&[".wh.x"], &["x 0"], &[], None);
    doubted(&[".wh.nothing", "no/.wh.thing"], &[], &["no/ 1"], None);
    doubted(&[".wh.a"], &["a/low 0"], &[], None);
    doubted(&[".wh.x", "x"], &["x 0"], &["x 1"], None);
    doubted(&[".wh..wh.plnk"], &[], &[], None);
    doubted(&["a/", "a/new"], &[], &["a/new 1"], None);
    for marked in [["a/", "a/new", "a/.wh..wh..opq"], ["a/.wh..wh..opq", "a/", "a/new"]] {
        doubted(&marked, &["a/low 0"], &["a/new 1"], None);
    }
    doubted(&["a"], &["a/low 0"], &["a 1"], None);
    // Engines with overlay refuse these, or show what is below.
    doubted(&["x", ".wh.x"], &["x 0"], &["x 1"], Some(Doubt::Both));
    doubted(&["a/new", ".wh.a"], &["a/low 0"], &["a/new 1"], Some(Doubt::Both));
    doubted(&[".wh.a", "a/new"], &["a/low 0"], &["a/new 1"], Some(Doubt::Both));
    doubted(&[".wh.a", "a/"], &["a/low 0"], &["a/ 1"], Some(Doubt::Both));
    doubted(&[".wh.x", ".wh.x"], &["x 0"], &[], Some(Doubt::Both));
    doubted(&[".wh..wh..opq", "y"], &[], &["y 1"], Some(Doubt::Root));
    for marks in [".wh.", "a/.wh..", "a/.wh..."] {
        assert!(matches!(unpacked(&[marks]), Err(LayerError::Damaged(_))), "{marks}");
    }
}

#[test]
fn what_was_taken_away_may_come_again() {
    let mut tree = Tree::default();
    for (number, entries) in
        [&BASE[..], &[".wh.a", ".wh.x"], &["a/new"], &["a", "x/"], &["a/newer"]].iter().enumerate()
    {
        tree.add(layer(entries).entries, number).unwrap();
    }
    assert_eq!(shown(&tree), ["a/newer 4", "bin -> usr/bin 0", "usr/bin/app 0", "x/ 3"]);
}

#[test]
fn a_hard_link_leads_to_its_own_layer() {
    doubted(&["d/", "d/z", "h => /d/z"], &[], &["d/z 1", "h 1"], None);
    doubted(&["l -> y", "h => l"], &[], &["l -> y 1", "h -> y 1"], None);
    doubted(&["d/z", "l -> d", "h => l/z"], &[], &["d/z 1", "l -> d 1", "h 1"], None);
    // What is below is not there for engines with overlay.
    for target in ["x", "bin/app"] {
        let (_, link) = on_base(&[&format!("h => {target}")], &[], &["h 1"]);
        assert_eq!(link.map(|link| (link.path, link.is_lower)), Some((b"h".to_vec(), true)), "{target}");
    }
    for (entries, gone) in
        [(&["h => nope"][..], &[][..]), (&["h => a"], &[]), (&["x => x"], &["x 0"]), (&["h => z", "z"], &[])]
    {
        let new: &[&str] = if entries.len() == 2 { &["z 1"] } else { &[] };
        let (_, link) = on_base(entries, gone, new);
        assert!(matches!(link, Some(Hardlink { is_lower: false, .. })), "{entries:?} {link:?}");
    }
    // Where one is made before its target goes, engines without overlay have the file.
    let (_, link) = on_base(&["h => x", ".wh.x"], &["x 0"], &["h 1"]);
    assert!(matches!(link, Some(Hardlink { is_lower: true, .. })), "{link:?}");
    // One that is replaced again is none.
    assert_eq!(on_base(&["d/h => nope", "d"], &[], &["d 1"]).1, None);
    let mut tree = Tree::default();
    assert_eq!(tree.add(layer(&["d/h => nope", "d"]).entries, 0), Ok(None));
    let mut tree = Tree::default();
    let link = tree.add(layer(&["h => z", "h2 => h"]).entries, 0).unwrap();
    assert!(link.is_some() && tree.is_empty(), "{link:?}");
    let many: Vec<String> = (0..=MAX_HARDLINKS).map(|number| format!("h{number} => x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(tree.add(layer(&many).entries, 1), Err(TooMany));
}

#[test]
fn what_no_engine_unpacks_is_damage() {
    for entries in [
        &["f", "f/g"][..],
        &["d/", "h => d"],
        &["h => /"],
        &["f", "h => f/g"],
        &["l -> l", "l/x"],
        &["l -> "],
    ] {
        assert!(matches!(unpacked(entries), Err(LayerError::Damaged(_))), "{entries:?}");
    }
}

#[test]
fn a_path_that_is_there_twice_is_told() {
    for (entries, twice) in [
        (&["a/", "a/x", "a/x"][..], Some("a/x")),
        (&["a/", "a/"], Some("a")),
        (&["a", "a/"], Some("a")),
        (&[".wh.a", "a"], None),
        (&["a/x", "a/"], None),
        (&["a/.wh..wh..opq", "a/"], None),
    ] {
        assert_eq!(layer(entries).twice, twice.map(|path| path.as_bytes().to_vec()), "{entries:?}");
    }
}

#[test]
fn links_are_followed_as_the_kernel_does() {
    let mut tree = Tree::default();
    let entries = [
        "d/e/file",
        "up -> ../../d",
        "abs -> /up/e",
        "d/e/back -> ../../abs/file",
        "loop -> loop",
        "gone -> no",
    ];
    tree.add(layer(&entries).entries, 0).unwrap();
    for (path, real) in [
        ("/d/e/file", Ok("d/e/file")),
        ("d//./e/../e/file/", Ok("d/e/file")),
        ("abs/back", Ok("d/e/file")),
        ("../up/../up/e/file", Ok("d/e/file")),
        ("abs", Ok("d/e")),
        ("/", Ok("")),
        ("loop", Err(Missing::Loop)),
        ("gone", Err(Missing::Absent(b"no".to_vec()))),
        ("abs/none/x", Err(Missing::Absent(b"d/e/none".to_vec()))),
        ("abs/file/..", Err(Missing::NoFolder(b"d/e/file".to_vec()))),
    ] {
        let found = tree.resolve(path.as_bytes()).map(|(path, _)| path);
        assert_eq!(found, real.map(|path: &str| path.as_bytes().to_vec()), "{path}");
    }
    assert!(tree.file(b"abs/back").is_ok() && tree.file(b"abs").is_err());
    assert_eq!(tree.folder(b"abs"), [b"back".to_vec(), b"file".to_vec()]);
}
