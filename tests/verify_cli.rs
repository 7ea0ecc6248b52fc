//! `workson verify` on the command line: exit codes, text, JSON; bad layers and binaries, on disk and from registries.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use std::io::Write as _;
use std::time::Duration;

use cli_support::{Home, PATIENCE, Ran, start};
use parts::docker_registry::DockerRegistry;
use parts::image::Layout;
use parts::skopeo::Skopeo;
use proptest::prelude::*;
use serde_json::{Value, json};
use verify::compile::ARM64;
use verify::image::{Files, Image, Layer, TAR, TAR_GZIP, TAR_ZSTD, elf, gzip, layout_of};
use verify::start::finding;
use workson::verify::Limits;
use workson::verify::layer::{Compression, read};
use workson_oci::Digest;
use workson_oci::digest::Algorithm;
use workson_registry::testing::{Fault, MemoryRegistry, On};

/// A program for 64-bit Arm that needs nothing, as an assembler might make it: a header and one segment.
/// A program for arm64 that does nothing but end: the system call `exit`.
fn arm64() -> Vec<u8> {
    let mut bytes = elf(183);
    let exit = [0xd280_0ba8_u32, 0xd400_0001].map(u32::to_le_bytes).concat();
    let begin = bytes.len() - exit.len();
    bytes[begin..].copy_from_slice(&exit);
    bytes
}

/// A Windows program as far as its machine is told.
fn pe(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x40];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes.extend(b"PE\0\0");
    bytes.extend(machine.to_le_bytes());
    bytes.resize(0x200, 0);
    bytes
}

fn files() -> Files {
    Files::new().program("app", &arm64())
}

fn image(layer: Layer) -> Image {
    Image::new("linux/arm64", &["/app"]).with(layer)
}

fn place(layout: &Layout) -> String {
    format!("oci:{}:it", layout.path().display())
}

fn run(image: &Image, more: &[&str]) -> Ran {
    run_within(PATIENCE, image, more)
}

fn run_within(patience: Duration, image: &Image, more: &[&str]) -> Ran {
    let (layout, home) = (layout_of(&[image]), Home::new());
    let place = place(&layout);
    start(&mut home.workson(&[&["verify", &place, "--json"], more].concat())).ends_within(patience)
}

/// The answer for the only platform, which has this verdict.
#[track_caller]
fn told(image: &Image, verdict: &str, more: &[&str]) -> Value {
    let code = ["yes", "no", "unknown"].iter().position(|name| *name == verdict).unwrap();
    let answer = run(image, more).exits(i32::try_from(code).unwrap()).json();
    assert_eq!(answer[0]["verdict"], json!(verdict), "{answer:#}");
    let platform = &answer[0]["platforms"][0];
    assert_eq!(platform["verdict"], json!(verdict), "{answer:#}");
    platform.clone()
}

/// It has this verdict because of this rule, of the first layer, with a reason that says so.
#[track_caller]
fn because(image: &Image, verdict: &str, rule: &str, says: &str, more: &[&str]) {
    let answer = told(image, verdict, more);
    let first = &answer["findings"][0];
    assert_eq!(
        (finding(first).0, finding(first).1, finding(first).3),
        (verdict, rule, Some(0)),
        "{answer:#}"
    );
    assert!(first["reason"].as_str().unwrap().contains(says), "{says:?} is not in {first}");
}

// Answers -------------------------------------------------------------------------------------------------------

#[test]
fn the_exit_code_and_the_text_tell_the_verdict() {
    let layout = layout_of(&[
        &image(Layer::gzip(files())),
        &Image::new("linux/amd64", &["/app"]).layer(files()),
        &Image::new("linux/riscv64", &[]).layer(files()),
    ]);
    let home = Home::new();
    let run = |more: &[&str], code: i32| {
        let text = home.run(&[&["verify", &place(&layout)], more].concat()).exits(code).text().to_owned();
        text.replace(&place(&layout), "IMAGE")
    };
    insta::assert_snapshot!(run(&[], 0), @r"
    IMAGE on linux/arm64: yes, verified
      what would run: 1 file; binaries: 1 for arm64
    ");
    insta::assert_snapshot!(run(&["-p", "linux/amd64"], 1), @r"
    IMAGE on linux/amd64: no, verified
      no      /app: it is for arm64, not for amd64 (layer 1)
      what would run: 1 file; binaries: 1 for arm64
    ");
    insta::assert_snapshot!(run(&["-p", "linux/riscv64"], 2), @r"
    IMAGE on linux/riscv64: unknown
      unknown the image names nothing to start
      note    /app: it is for arm64; nothing was seen to run it (layer 1)
      what would run: 0 files; binaries: 1 for arm64
    ");
    insta::assert_snapshot!(run(&["-p", "linux/s390x"], 1), @r"
    IMAGE on linux/s390x: no
      no      the image does not offer it: it has linux/arm64 linux/amd64 linux/riscv64
    ");
    insta::assert_snapshot!(run(&["--all-platforms", "--quiet"], 1), @r"
    IMAGE on linux/arm64: yes, verified
    IMAGE on linux/amd64: no, verified
    IMAGE on linux/riscv64: unknown
    ");
    // A no weighs more than what could not be told.
    run(&["-p", "linux/riscv64", "-p", "linux/amd64"], 1);
    run(&["-p", "linux/riscv64", "-p", "linux/arm64"], 2);
    home.run(&["verify", &place(&layout), "--all-platforms", "-p", "linux/arm64"])
        .exits(2)
        .says("cannot be used with");
}

#[test]
fn json_has_an_answer_for_each_image_in_the_order_asked() {
    let (good, bad) = (layout_of(&[&image(Layer::gzip(files()))]), Layout::new());
    let home = Home::new();
    let gone = format!("oci:{}", home.path("gone").display());
    let answers = home
        .run(&["verify", &gone, &place(&good), &format!("oci:{}", bad.path().display()), "--json"])
        .exits(2)
        .json();
    let verdicts: Vec<&Value> = answers.as_array().unwrap().iter().map(|answer| &answer["verdict"]).collect();
    assert_eq!(verdicts, ["unknown", "yes", "unknown"]);
    assert_eq!(answers[0]["image"], json!(gone));
    assert!(answers[0]["error"].as_str().unwrap().contains("oci-layout"));
    let answer = &answers[1]["platforms"][0];
    assert_eq!(answer["platform"], json!("linux/arm64"));
    assert_eq!(answer["rung"], json!("verified"));
    assert_eq!((&answer["runs"], &answer["machines"]), (&json!(["/app"]), &json!({ "arm64": 1 })));
    assert_eq!(answer["alignment"], json!(0x1_0000));
    let layer = Layer::gzip(files());
    assert_eq!(
        answer["layers"],
        json!([{ "digest": layer.digest, "size": layer.size, "unpacked": layer.tar.len() }])
    );
    let manifest = Digest::sha256(&image(layer).manifest_bytes());
    assert_eq!(answer["digest"], json!(manifest.as_str()));
}

#[test]
fn one_of_several_images_in_a_layout_is_taken_by_its_name() {
    let (right, wrong) =
        (image(Layer::gzip(files())), image(Layer::gzip(Files::new().program("app", &elf(62)))));
    let mut layout = Layout::new();
    for (name, image) in [("right", &right), ("wrong", &wrong)] {
        let entry = image.put(&layout);
        layout.tag_index(name, &[entry]);
    }
    let home = Home::new();
    let verify = |name: &str| home.run(&["verify", &format!("oci:{}:{name}", layout.path().display())]);
    verify("right").exits(0);
    verify("wrong").exits(1);
    let ran = verify("third").exits(2);
    assert!(ran.text().contains("third"), "{}", ran.text());
}

// Layers --------------------------------------------------------------------------------------------------------

#[test]
fn layers_are_read_however_they_are_packed() {
    for layer in [Layer::plain(files()), Layer::gzip(files()), Layer::zstd(files())] {
        told(&image(layer), "yes", &[]);
    }
    // Several members, several frames.
    let tar = files().tar();
    let (one, two) = tar.split_at(700);
    told(&image(Layer::of(TAR_GZIP, [gzip(one), gzip(two)].concat(), tar.clone())), "yes", &[]);
    let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    told(&image(Layer::of(TAR_ZSTD, [frame(one), frame(two)].concat(), tar.clone())), "yes", &[]);
    // A media type that names another compression: engines look at the bytes.
    told(&image(Layer::of(TAR, gzip(&tar), tar.clone())), "yes", &[]);
    told(&image(Layer::of(TAR_GZIP, frame(&tar), tar.clone())), "yes", &[]);
    told(&image(Layer::of(TAR_ZSTD, tar.clone(), tar)), "yes", &[]);
}

#[test]
fn several_layers_with_the_widest_window_and_large_programs_fit_into_64_mebibytes() {
    let wide = |name: &str| {
        // A header that names a dynamic segment: so much of it is kept as of any program.
        let mut program = elf(183);
        let headers = program.len() as u64;
        program.resize(12 << 20, 1);
        program[32..40].copy_from_slice(&headers.to_le_bytes());
        program[56..58].copy_from_slice(&1_u16.to_le_bytes());
        program[headers as usize..][..4].copy_from_slice(&2_u32.to_le_bytes());
        let tar = files().file(name, vec![b'a'; 24 << 20]).program("lib/large", &program).tar();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        encoder.write_all(&tar).unwrap();
        Layer::of(TAR_ZSTD, encoder.finish().unwrap(), tar)
    };
    let image = ["a", "b", "c", "d", "e"]
        .iter()
        .fold(Image::new("linux/arm64", &["/app"]), |image, name| image.with(wide(name)));
    let layout = layout_of(&[&image]);
    let ran = Home::new().run(&["verify", &format!("oci:{}:it", layout.path().display())]).exits(0);
    // Of a build that is not optimised, much more of the program itself is in memory.
    let more = if cfg!(debug_assertions) { 8 << 10 } else { 0 };
    assert!(ran.peak_kib < (64 << 10) + more, "{} KiB", ran.peak_kib);
}

#[test]
fn layers_that_are_no_file_system_or_kept_elsewhere_are_named() {
    let foreign = [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ];
    for media_type in foreign {
        let tar = files().tar();
        because(&image(Layer::of(media_type, gzip(&tar), tar)), "unknown", "foreign-layer", media_type, &[]);
    }
    for media_type in ["application/vnd.in-toto+json", "application/vnd.wasm.content.layer.v1+wasm"] {
        let layer = Layer::raw(media_type, b"{}".to_vec());
        because(&image(layer), "unknown", "no-file-system", media_type, &[]);
    }
}

#[test]
fn every_cut_of_a_packed_layer_is_damage_and_not_a_smaller_image() {
    // Cut, with the digest of what is left: whoever made it pushed half a layer.
    let tar = files().tar();
    for (media_type, whole) in [(TAR_GZIP, gzip(&tar)), (TAR_ZSTD, zstd::encode_all(&tar[..], 1).unwrap())] {
        for length in [5, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let layer = Layer::of(media_type, whole[..length].to_vec(), tar.clone());
            because(&image(layer), "no", "layer", "can't be unpacked", &[]);
        }
    }
    for length in [600, 500, 100] {
        let layer = Layer::raw(TAR, tar[..length].to_vec());
        because(&image(layer), "no", "layer", "can't be unpacked", &[]);
    }
    let mut corrupt = gzip(&tar);
    let at = corrupt.len() - 6;
    corrupt[at] ^= 1;
    because(&image(Layer::of(TAR_GZIP, corrupt, tar.clone())), "no", "layer", "can't be unpacked", &[]);
    let mut header = tar;
    header[150] ^= 1;
    because(&image(Layer::raw(TAR, header)), "no", "layer", "can't be unpacked", &[]);
}

#[test]
fn sizes_that_lie_are_no_reason_to_wait_or_to_take_memory() {
    // An entry that claims far more bytes than follow.
    let mut header = tar::Header::new_gnu();
    header.set_path("app").unwrap();
    header.set_mode(0o755);
    header.set_size(8 << 40);
    header.set_cksum();
    let tar = [header.as_bytes().as_slice(), &arm64()].concat();
    let ran = run(&image(Layer::raw(TAR, tar)), &[]).exits(1);
    assert!(ran.peak_kib < 100 << 10, "{} KiB", ran.peak_kib);
    // Headers that point outside of the file.
    for (at, value) in [(32, u64::MAX), (32, 1 << 40), (64 + 8, u64::MAX), (64 + 32, 1 << 60)] {
        let mut app = arm64();
        app[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let ran = run(&image(Layer::gzip(Files::new().program("app", &app))), &[]);
        assert!(matches!(ran.code, Some(0..=2)), "{ran:?}");
        assert!(ran.peak_kib < 100 << 10, "{} KiB", ran.peak_kib);
    }
}

#[test]
fn a_digest_or_diff_id_that_does_not_match_is_a_no() {
    let mut layer = Layer::gzip(files());
    layer.digest = Digest::sha256(b"something else").to_string();
    because(&image(layer), "no", "digest", "its bytes have the digest", &[]);
    let mut layer = Layer::gzip(files());
    layer.diff_id = Digest::sha256(b"something else").to_string();
    because(&image(layer), "no", "diff-id", "engines refuse it", &[]);
}

#[test]
fn a_size_that_is_not_the_layers_is_a_no() {
    let right = Layer::gzip(files());
    for size in [0, 5, right.size + 1, 1 << 62] {
        let layer = Layer { size, ..right.clone() };
        because(
            &image(layer),
            "no",
            "size",
            &format!("its size is {size}, and it has {} bytes", right.size),
            &[],
        );
    }
    let image = image(right.clone());
    let found = refused(&image, |manifest| manifest["layers"][0]["size"] = json!(-1));
    assert_eq!((finding(&found).1, finding(&found).3), ("size", Some(0)), "{found}");
    assert!(found["reason"].as_str().unwrap().contains("its size is -1"), "{found}");
}

/// The first finding of an image whose manifest was changed, which is a no.
fn refused(image: &Image, change: impl Fn(&mut Value)) -> Value {
    let mut layout = Layout::new();
    let mut entry = image.put(&layout);
    let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    change(&mut manifest);
    let bytes = manifest.to_string().into_bytes();
    let digest = Digest::sha256(&bytes);
    std::fs::write(layout.path().join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
    (entry["digest"], entry["size"]) = (json!(digest.as_str()), json!(bytes.len()));
    layout.tag_index("it", &[entry]);
    let answer = Home::new().run(&["verify", &place(&layout), "--json"]).exits(1).json();
    let found = answer[0]["platforms"][0]["findings"][0].clone();
    assert_eq!(finding(&found).0, "no", "{answer:#}");
    found
}

#[test]
fn more_diff_ids_than_layers_are_a_no() {
    let two = image(Layer::gzip(files())).layer(Files::new().file("x", b""));
    let found = refused(&two, |manifest| {
        manifest["layers"].as_array_mut().unwrap().pop();
    });
    assert_eq!((finding(&found).1, finding(&found).3), ("diff-id", None), "{found}");
    assert!(
        found["reason"].as_str().unwrap().contains("2 diffIDs, and the manifest has 1 layers"),
        "{found}"
    );
}

#[test]
fn bytes_of_another_digest_are_told_and_not_remembered() {
    let tar = files().file("x", vec![7; 9_000]).tar();
    for whole in [Layer::of(TAR, tar.clone(), tar.clone()), Layer::of(TAR_GZIP, gzip(&tar), tar.clone())] {
        let other = Layer::gzip(files()).bytes;
        let cut = whole.bytes.as_ref().map(|bytes| bytes[..bytes.len() / 2].to_vec());
        for wrong in [cut, other] {
            let bad = image(Layer { bytes: wrong, ..whole.clone() });
            let (layout, home) = (layout_of(&[&bad]), Home::new());
            let verify = |code: i32| {
                home.run(&["verify", &place(&layout), "--json"]).exits(code).json()[0]["platforms"][0].clone()
            };
            let answer = verify(1);
            let found = &answer["findings"][0];
            assert_eq!((finding(found).0, finding(found).1), ("no", "digest"), "{answer:#}");
            assert_eq!((&answer["rung"], &answer["layers"]), (&json!(null), &json!([])), "{answer:#}");
            let followed = &answer["findings"][1]["reason"].as_str().unwrap();
            assert!(
                followed.contains("a part of the file system was not read; in what was read, the image starts it, and it is not there"),
                "{followed}"
            );
            // The digest is that of the whole, which works.
            image(whole.clone()).put(&layout);
            assert_eq!(verify(0)["rung"], json!("verified"));
        }
    }
}

#[test]
fn nothing_is_verified_where_layers_were_not_read() {
    let mut image = image(Layer::gzip(files()));
    image.layers[0].bytes = None;
    let labelled = Image { label: "linux/arm64".into(), config_label: "linux/amd64".into(), ..image };
    let answer = told(&labelled, "no", &[]);
    assert_eq!(answer["rung"], json!(null), "{answer:#}");
}

#[test]
fn layers_packed_in_ways_that_not_all_engines_know_are_named() {
    for (begin, name) in [(&b"\xfd7zXZ\0\0\x04"[..], "xz"), (b"BZh91AY&SY", "bzip2")] {
        let layer = Layer::raw(TAR, [begin, &[0; 600]].concat());
        because(&image(layer), "unknown", "layer", &format!("packed with {name}"), &[]);
    }
    // A frame that is to be skipped, as pzstd writes it.
    let tar = files().tar();
    let frames = [&b"\x50\x2a\x4d\x18\x04\0\0\0size"[..], &zstd::encode_all(&tar[..], 1).unwrap()].concat();
    told(&image(Layer::of(TAR_ZSTD, frames.clone(), tar.clone())), "yes", &[]);
    let other = [&b"\x5f"[..], &frames[1..]].concat();
    told(&image(Layer::of(TAR, other, tar)), "yes", &[]);
}

#[test]
fn a_layer_that_is_absent_leaves_it_untold() {
    let mut layer = Layer::gzip(files());
    layer.bytes = None;
    because(&image(layer.clone()), "unknown", "layer", "could not be read", &[]);
    // What the other layers lack may be in it.
    let image = Image::new("linux/arm64", &["/gone"]).layer(files().file("x", b"")).with(layer);
    let answer = told(&image, "unknown", &[]);
    let reason = answer["findings"][1]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("a part of the file system was not read; in what was read, the image starts it, and it is not there"),
        "{reason}"
    );
}

#[test]
fn what_engines_do_not_agree_on_or_refuse_is_told() {
    let base = || Image::new("linux/arm64", &["/app"]).layer(files().folder("d/"));
    let of = |files: Files, verdict: &str, says: &str| {
        let answer = told(&base().layer(files), verdict, &[]);
        let first = &answer["findings"][0];
        assert_eq!((finding(first).1, finding(first).3), ("layer", Some(1)), "{answer:#}");
        assert!(first["reason"].as_str().unwrap().contains(says), "{says:?} is not in {first}");
    };
    let new = Files::new;
    of(new().file("x", b"").whiteout("./x"), "unknown", "/x is in the layer, and so is that it is gone");
    of(new().opaque("."), "unknown", "all that lower layers have is to be gone");
    of(new().symlink("l", "none").file("l/x", b""), "unknown", "/l/x is put where a link leads to nothing");
    of(new().hardlink("h", "app"), "unknown", "/h is a hard link to /app of a lower layer");
    of(
        new().hardlink("h", "none"),
        "no",
        "can't be unpacked: /h is a hard link to /none, which is not there",
    );
    of(new().file("x", b"").file("x/y", b""), "no", "can't be unpacked: /x/y lies in /x, which is no folder");
    of(new().file("x", b"").file("x", b""), "yes", "/x is in the layer twice");
}

#[test]
fn what_all_layers_have_together_is_bounded_too() {
    let image = image(Layer::gzip(files()))
        .layer((0..60).fold(Files::new(), |files, n| files.file(format!("{n}"), b"")));
    for (most, verdict) in [("60", "unknown"), ("61", "yes")] {
        let answer = told(&image, verdict, &["--max-image-entries", most]);
        let says = answer["findings"].to_string().contains("--max-image-entries");
        assert_eq!(says, verdict == "unknown", "{answer:#}");
    }
}

/// What the program has at most for a layer in flight, in KiB.
const IN_FLIGHT: u64 = (64 + 16) << 10;

/// Bytes as one member of a gzip file, as small as they get.
fn member(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The program, then a tar file's bytes so many times over, each time as a member of its own: little to keep and
/// to make, and much to read. No digest of what comes out of it is known here.
fn repeated(before: &[u8], again: &[u8], count: usize) -> Layer {
    let app = files().tar();
    let beginning = member(&[&app[..app.len() - 1024], before].concat());
    Layer::raw(TAR_GZIP, [beginning, member(again).repeat(count), member(&[0; 1024])].concat())
}

/// Ten thousand million zeros in a file behind the program.
fn bomb() -> Layer {
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_mode(0o644);
    header.set_size(10_000_000_000);
    header.set_cksum();
    let mut layer = repeated(header.as_bytes(), &vec![0; 10_000_000], 1000);
    // As `gzip -dc LAYER | sha256sum` tells it.
    layer.diff_id = "sha256:93e5055716d11e37d333dc70e4f9ff8092b3857817d160df1160de2a0d78a26f".to_owned();
    layer
}

#[test]
fn ten_gb_of_zeros_are_read_to_their_end_in_little_memory() {
    let layer = bomb();
    assert!(layer.size < 20_000_000, "{} bytes", layer.size);
    let ran = run_within(10 * PATIENCE, &image(layer.clone()), &[]).exits(0);
    assert!(ran.peak_kib < IN_FLIGHT, "{} KiB", ran.peak_kib);
    let unpacked = 10_000_000_000_u64 + 512 + 512 + 512 + 1024;
    assert_eq!(
        ran.json()[0]["platforms"][0]["layers"],
        json!([{ "digest": layer.digest, "size": layer.size, "unpacked": unpacked }])
    );
}

#[test]
fn a_bomb_is_read_as_far_as_the_limit_which_is_named() {
    let image = image(bomb());
    let ran = run(&image, &["--max-layer-bytes", "100000000"]).exits(2);
    assert!(ran.peak_kib < IN_FLIGHT, "{} KiB", ran.peak_kib);
    because(&image, "unknown", "layer", "--max-layer-bytes", &["--max-layer-bytes", "100000000"]);
}

#[test]
fn a_tar_of_ten_million_entries_is_read_as_far_as_the_limit_which_is_named() {
    let files = (0..10_000).fold(Files::new(), |files, number| files.file(format!("f{number:05}"), b""));
    let tar = files.tar();
    let image = image(repeated(b"", &tar[..tar.len() - 1024], 1000));
    let ran = run_within(10 * PATIENCE, &image, &[]).exits(2);
    assert!(ran.peak_kib < IN_FLIGHT, "{} KiB", ran.peak_kib);
    let answer = ran.json();
    let found = &answer[0]["platforms"][0]["findings"][0];
    assert_eq!(finding(found), ("unknown", "layer", None, Some(0)), "{answer:#}");
    let reason = found["reason"].as_str().unwrap();
    assert!(
        reason.contains("more than 1000000 entries") && reason.contains("--max-layer-entries"),
        "{reason}"
    );
}

#[test]
fn a_tar_of_very_many_entries_is_read_as_far_as_the_limit_which_is_named() {
    let many = (0..3000).fold(files(), |files, number| files.file(format!("f{number}"), b""));
    let image = image(Layer::gzip(many));
    because(&image, "unknown", "layer", "--max-layer-entries", &["--max-layer-entries", "1000"]);
    told(&image, "yes", &["--max-layer-entries", "3001"]);
}

#[test]
fn entries_take_little_memory_however_many_and_however_deep() {
    // Files of folders, over several layers, as large images have them.
    let many = |seed: char| {
        let mut tar = Vec::new();
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        for number in 0..75_000 {
            header.set_path(format!("usr/lib/modules/{seed}{:05}/{number:06}.d.ts", number / 9)).unwrap();
            header.set_size(0);
            header.set_cksum();
            tar.extend_from_slice(header.as_bytes());
        }
        Layer::of(TAR_GZIP, gzip(&tar), tar)
    };
    let image = ('a'..='d').fold(image(Layer::gzip(files())), |image, seed| image.with(many(seed)));
    let ran = run(&image, &[]).exits(0);
    // 300,000 entries with 33,000 folders: 64 MB and 16 MB for each of three layers in flight are allowed.
    assert!(ran.peak_kib < 80 << 10, "{} KiB", ran.peak_kib);
    let mut deep = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    deep.append_data(&mut header, "a/".repeat(40_000) + "x", &b""[..]).unwrap();
    let image = Image::new("linux/arm64", &["/app"]).with(Layer::raw(TAR, deep.into_inner().unwrap()));
    let ran = run(&image, &[]).exits(1);
    assert!(ran.peak_kib < 64 << 10 && ran.text().contains("longer than 4095 bytes"), "{ran:?}");
}

#[test]
fn odd_paths_lead_nowhere_out_of_the_image() {
    // Names with `..` or a slash in front are taken as root has them: nothing lies above it.
    for name in ["/app", "../../app", "./x/../app", "//app"] {
        told(&image(Layer::gzip(Files::new().program(name, &arm64()))), "yes", &[]);
    }
    let odd = files().program(b"bin/\xff\xfe", &elf(62)).symlink(b"\xc3\x28", "app").symlink("l", "l/l");
    let answer = told(&image(Layer::gzip(odd)), "yes", &[]);
    assert_eq!(answer["machines"], json!({ "amd64": 1, "arm64": 1 }));
    // An escape of a terminal in a name is not passed on.
    let layout = layout_of(&[&image(Layer::gzip(files().program("bin/\x1b[2J", &elf(62))))]);
    let ran = Home::new().run(&["verify", &place(&layout)]).exits(0);
    assert!(!ran.stdout.contains(&0x1b), "{}", ran.text().escape_debug());
}

// Binaries ------------------------------------------------------------------------------------------------------

/// What the layer reader makes of a file, without the command line.
fn read_files(files: Files) -> workson::verify::layer::Layer {
    read(&files.tar()[..], Compression::None, Algorithm::Sha256, &Limits::default()).unwrap()
}

#[test]
fn every_beginning_of_a_real_binary_is_read_without_harm() {
    let app = ARM64.dynamic();
    // Byte by byte through the headers and what they point at first, then in steps.
    for length in (0..2048).chain((2048..app.len()).step_by(97)) {
        let layer = read_files(Files::new().program("app", &app[..length]));
        assert_eq!(layer.entries.len(), 1, "{length} bytes");
    }
    // What is cut is never taken for whole: it is no yes.
    for length in [20, 63, 64, 100, 300, app.len() / 2] {
        let image = Image::new("linux/arm64", &["/app"])
            .layer(ARM64.runtime(Files::new()).program("app", &app[..length]));
        assert_ne!(run(&image, &[]).code, Some(0), "{length} of {} bytes", app.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_of_a_binary_do_no_harm(
        flips in proptest::collection::vec((0_usize..4096, any::<u8>()), 1..8),
        bits in any::<bool>(),
    ) {
        static APP: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
        let apps = APP.get_or_init(|| [ARM64.dynamic(), pe(0xaa64)]);
        let mut app = apps[usize::from(bits)].clone();
        for (at, byte) in flips {
            let at = at % app.len();
            app[at] = byte;
        }
        prop_assert_eq!(read_files(Files::new().program("app", &app)).entries.len(), 1);
    }

    #[test]
    fn flipped_bytes_of_a_layer_are_an_error_or_another_layer(
        flips in proptest::collection::vec((0_usize..4096, any::<u8>()), 1..8),
        how in 0_usize..3,
    ) {
        let tar = files().tar();
        let (mut bytes, compression) = match how {
            0 => (tar.clone(), Compression::None),
            1 => (gzip(&tar), Compression::Gzip),
            _ => (zstd::encode_all(&tar[..], 1).unwrap(), Compression::Zstd),
        };
        let before = bytes.clone();
        for (at, byte) in flips {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(layer) = read(&bytes[..], compression, Algorithm::Sha256, &Limits::default()) {
            prop_assert_eq!(layer.digest, Digest::sha256(&bytes));
            prop_assert!(bytes == before || how != 0 || layer.diff_id != Digest::sha256(&tar));
        }
    }
}

#[test]
fn windows_programs_are_told_by_their_machine() {
    let image = |bytes: &[u8]| image(Layer::gzip(Files::new().program("app", bytes)));
    let answer = told(&image(&pe(0xaa64)), "no", &[]);
    assert_eq!(finding(&answer["findings"][0]).1, "wrong-format");
    let windows = |machine: u16| {
        Image::new("windows/amd64", &["C:\\app.exe"])
            .layer(Files::new().folder("Files/").folder("Hives/").program("Files/app.exe", &pe(machine)))
    };
    let answer = run(&windows(0x8664), &["-p", "windows/amd64"]).json();
    assert_eq!(answer[0]["platforms"][0]["machines"], json!({ "amd64 (PE)": 1 }));
    // Cut short, it is no program at all.
    for length in [2, 0x3f, 0x43, 0x45] {
        because(&image(&pe(0x8664)[..length]), "no", "no-format", "neither a binary nor a script", &[]);
    }
}

// Registries ----------------------------------------------------------------------------------------------------

#[test]
fn the_same_image_from_a_registry_is_told_the_same() {
    let (storage, home) = (tempfile::tempdir().unwrap(), Home::new());
    let registry = DockerRegistry::open(storage.path());
    let images = [
        (image(Layer::gzip(files())), 0),
        (image(Layer::gzip(Files::new().program("app", &elf(62)))), 1),
        (Image::new("linux/arm64", &[]).layer(files()), 2),
    ];
    for (at, (image, code)) in images.iter().enumerate() {
        let layout = layout_of(&[image]);
        let reference = registry.reference(&format!("it:{at}"));
        Skopeo::new().push(&layout, "it", &reference);
        let mut told = home.run(&["verify", "--json", &reference]).exits(*code).json();
        let mut on_disk = home.run(&["verify", "--json", &place(&layout)]).exits(*code).json();
        for answer in [&mut told, &mut on_disk] {
            answer[0]["image"] = json!(null);
            answer[0]["platforms"][0]["verifiedAt"] = json!(null);
        }
        assert_eq!(told, on_disk);
    }
}

/// A registry in memory that has the image as `it:1`.
async fn serve(image: &Image) -> (MemoryRegistry, String) {
    let registry = MemoryRegistry::start().await.unwrap();
    for (_, bytes) in image.blobs() {
        registry.put_blob("it", bytes);
    }
    let bytes = image.manifest_bytes();
    registry.put_manifest("it", Some("1"), parts::image::OCI_MANIFEST, bytes);
    let reference = format!("{}/it:1", registry.host());
    (registry, reference)
}

/// Bytes that no compression makes small, so that a transfer may break off in the midst of them.
fn large() -> Image {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(40_000)
    .flatten()
    .collect();
    image(Layer::gzip(files().file("noise", noise)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_breaks_off_once_is_resumed() {
    let image = large();
    let (registry, reference) = serve(&image).await;
    let layer = image.layers[0].digest.clone();
    registry.fault(Fault::CutBody { after: 100_000 }, On::get(&layer), Some(1));
    let answer = Home::new().run(&["verify", "--json", &reference]).exits(0).json();
    assert_eq!(answer[0]["verdict"], json!("yes"));
    let asked = registry.requests().iter().filter(|request| request.path.contains(&layer)).count();
    assert_eq!(asked, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_do_not_come_are_never_a_no() {
    let image = large();
    let layer = image.layers[0].digest.clone();
    for fault in [Fault::CutBody { after: 1000 }, Fault::status(404), Fault::status(500)] {
        let (registry, reference) = serve(&image).await;
        registry.fault(fault.clone(), On::get(&layer), None);
        let answer = Home::new().run(&["verify", "--json", &reference]).exits(2).json();
        let found = &answer[0]["platforms"][0]["findings"][0];
        assert_eq!((finding(found).0, finding(found).1), ("unknown", "layer"), "{fault:?}: {answer:#}");
        assert!(found["reason"].as_str().unwrap().contains("could not be read"), "{found}");
    }
    // The config.
    let (registry, reference) = serve(&image).await;
    registry.fault(Fault::status(500), On::get(&Digest::sha256(&image.config_bytes()).to_string()), None);
    Home::new().run(&["verify", &reference]).exits(2);
}
