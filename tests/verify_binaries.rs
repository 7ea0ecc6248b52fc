//! `workson verify` on real binaries, compiled here for several machines: images that are true, and images that lie.
//! Where the verdict is `yes`, the image is unpacked and starts, by this machine's kernel or by qemu's user emulation;
//! where it is `no`, it does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use cli_support::Home;
use serde_json::{Value, json};
use verify::compile::{
    AMD64, ARM64, ARMEL, ARMHF, Bench, GLIBC, I386, MUSL, Machine, RISCV64, S390X, STARTED,
};
use verify::image::{Files, Image, layout_of};
use verify::start::{finding, start};

/// What most images set.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What `workson verify` tells of an image for the platform of its label.
#[track_caller]
fn told(image: &Image, code: i32) -> Value {
    let layout = layout_of(&[image]);
    let place = format!("oci:{}:it", layout.path().display());
    let answer =
        Home::new().run(&["verify", &place, "--platform", &image.label, "--json"]).exits(code).json();
    answer[0]["platforms"][0].clone()
}

/// It works, and starts.
#[track_caller]
fn works(image: &Image) -> Value {
    let answer = told(image, 0);
    assert_eq!((&answer["verdict"], &answer["rung"]), (&json!("yes"), &json!("verified")), "{answer:#}");
    let outcome = start(image);
    assert!(outcome.started(), "it is told to work, and does not start: {outcome:?}");
    answer
}

/// It does not work because of this file of this layer, and does not start.
#[track_caller]
fn fails(image: &Image, rule: &str, file: &str, layer: u64) -> Value {
    let answer = told(image, 1);
    assert_eq!(answer["verdict"], json!("no"), "{answer:#}");
    assert_found(&answer, "no", rule, file, layer);
    let outcome = start(image);
    assert!(!outcome.started(), "it is told not to work, and starts: {outcome:?}");
    answer
}

#[track_caller]
fn assert_found(answer: &Value, weight: &str, rule: &str, file: &str, layer: u64) {
    let wanted = (weight, rule, Some(file), Some(layer));
    let findings = answer["findings"].as_array().unwrap();
    assert!(findings.iter().any(|found| finding(found) == wanted), "{wanted:?} is not in {answer:#}");
}

/// An image of one layer, with loader and C library, and a program that it starts.
fn with_runtime(machine: Machine, program: &[u8]) -> Image {
    Image::new(machine.platform, &["/app"]).layer(machine.runtime(Files::new()).program("app", program))
}

// What the labels say -------------------------------------------------------------------------------------------

#[test]
fn static_programs_work_on_their_own_machine_and_on_no_other() {
    let image = |machine: Machine| {
        Image::new(machine.platform, &["/app"]).layer(Files::new().program("app", &machine.fixed()))
    };
    for image in GLIBC.into_iter().chain([MUSL]).map(image) {
        works(&image);
        for Machine { platform: label, .. } in GLIBC {
            let is_own = label.split('/').nth(1) == image.label.split('/').nth(1);
            // An amd64 kernel that was built for it runs 32-bit programs all the same: the next test is about them.
            let may_start = (image.label.as_str(), label) == ("linux/386", "linux/amd64");
            if !is_own && !may_start {
                fails(&image.labelled(label), "wrong-machine", "/app", 0);
            }
        }
    }
}

#[test]
fn a_32_bit_x86_program_is_no_amd64_program_in_the_eyes_of_a_label() {
    let image = Image::new("linux/386", &["/app"]).layer(Files::new().program("app", &I386.fixed()));
    assert_eq!(works(&image)["machines"], json!({ "386": 1 }));
    // A kernel that was built for it runs it, another does not, so nothing is started here.
    let answer = told(&image.labelled("linux/amd64"), 1);
    assert_found(&answer, "no", "wrong-machine", "/app", 0);
}

#[test]
fn an_index_and_a_config_that_differ_are_refused_by_engines() {
    let right = Image::new("linux/arm64", &["/app"]).layer(Files::new().program("app", &ARM64.fixed()));
    let wrong_config = Image { config_label: "linux/amd64".into(), ..right.clone() };
    let wrong_index = Image { label: "linux/amd64".into(), ..right.clone() };
    for (image, index, config) in
        [(wrong_config, "linux/arm64", "linux/amd64"), (wrong_index, "linux/amd64", "linux/arm64")]
    {
        let answer = told(&image, 1);
        let differs: Vec<&Value> =
            answer["findings"].as_array().unwrap().iter().filter(|f| f["rule"] == "labels-differ").collect();
        assert_eq!((differs.len(), &differs[0]["weight"]), (1, &json!("no")));
        let reason = differs[0]["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("the index says {index}")), "{reason}");
        assert!(reason.contains(&format!("config says {config}")), "{reason}");
    }
    // The variant of arm alone: engines take it, and it may matter.
    let image = Image {
        config_label: "linux/arm/v6".into(),
        ..Image::new("linux/arm/v7", &["/app"]).layer(Files::new().program("app", &ARMHF.fixed()))
    };
    let answer = works(&image);
    let rules: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["labels-differ"]);
    assert_eq!(answer["findings"][0]["weight"], json!("warning"));
    // 64-bit Arm without a variant and v8 are the same.
    let image = Image { config_label: "linux/arm64/v8".into(), ..right };
    assert_eq!(works(&image)["findings"], json!([]));
}

// Loaders and libraries -----------------------------------------------------------------------------------------

#[test]
fn dynamic_programs_need_their_loader_and_library_of_their_own_machine() {
    for (at, machine) in GLIBC.into_iter().enumerate() {
        let app = machine.dynamic();
        let loader = format!("/{}", machine.loader);
        let answer = works(&with_runtime(machine, &app));
        let mut runs = vec!["/app".to_owned(), loader.clone(), "/lib/libc.so.6".to_owned()];
        runs.sort();
        assert_eq!(answer["runs"], json!(runs), "{}", machine.platform);

        let other = GLIBC[(at + 1) % GLIBC.len()];
        let image = || Image::new(machine.platform, &["/app"]);
        let (own_loader, own_library) = (machine.loader_bytes(), machine.library("libc.so.6"));
        let files = || Files::new().program("app", &app);
        let loaderless = image().layer(files().program("lib/libc.so.6", &own_library));
        fails(&loaderless, "no-loader", "/app", 0);
        let loader_of_other = loaderless.layer(Files::new().program(machine.loader, &other.loader_bytes()));
        fails(&loader_of_other, "wrong-loader", "/app", 0);
        let library_less = image().layer(files().program(machine.loader, &own_loader));
        fails(&library_less, "no-library", "/app", 0);
        let library_of_other =
            library_less.clone().layer(Files::new().program("lib/libc.so.6", &other.library("libc.so.6")));
        let answer = fails(&library_of_other, "wrong-library", "/app", 0);
        let reason = answer["findings"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("/lib/libc.so.6 is for "), "{reason}");
        let text_for_a_library = library_less.layer(Files::new().file("lib/libc.so.6", "INPUT(libc.so.7)\n"));
        fails(&text_for_a_library, "wrong-library", "/app", 0);
    }
}

#[test]
fn soft_and_hard_float_do_not_mix() {
    let (soft, hard) = (ARMEL.dynamic(), ARMHF.dynamic());
    // A soft-float program runs on an armv7 machine with its own libraries.
    let image = with_runtime(ARMEL, &soft).labelled("linux/arm/v7");
    works(&image);
    let mixed =
        with_runtime(ARMHF, &hard).layer(Files::new().program("lib/libc.so.6", &ARMEL.library("libc.so.6")));
    fails(&mixed, "wrong-library", "/app", 0);
    let hard_on_v5 = with_runtime(ARMHF, &hard).labelled("linux/arm/v5");
    fails(&hard_on_v5, "wrong-machine", "/app", 0);
}

#[test]
fn arm_code_runs_on_its_own_generation_and_later_ones() {
    // Instructions that came with the generation, so that the processor of an earlier one trips over them.
    let v6 = "#include <stdio.h>\nint main(void) {\n\
              unsigned x = 1; __asm__ volatile(\"rev %0, %0\" : \"+r\"(x));\n\
              puts(x == 0x1000000 ? \"started\" : \"odd\"); return 0; }\n";
    let v7 = v6.replace("rev %0, %0", "movw %0, #0\\n movt %0, #256");
    let source_of_v7 = v7.clone();
    let image = |source: &str, flag: &str| {
        let app = ARMEL.compile(source, &["-static", "-marm", flag]);
        Image::new("linux/arm/v7", &["/app"]).layer(Files::new().program("app", &app))
    };
    let (v5, v6, v7) =
        (image(STARTED, "-march=armv5te"), image(v6, "-march=armv6"), image(&v7, "-march=armv7-a"));
    for label in ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"] {
        works(&v5.labelled(label));
    }
    fails(&v6.labelled("linux/arm/v5"), "wrong-machine", "/app", 0);
    works(&v6.labelled("linux/arm/v6"));
    works(&v6);
    fails(&v7.labelled("linux/arm/v5"), "wrong-machine", "/app", 0);
    let answer = fails(&v7.labelled("linux/arm/v6"), "wrong-machine", "/app", 0);
    let reason = answer["findings"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("armv7") && reason.contains("armv6"), "{reason}");
    works(&v7);

    // Without its attributes a program does not say what it was built for, as Go's do not.
    let bench = Bench::new();
    let app = bench.path().join("app");
    bench.compile(ARMEL, "app", &source_of_v7, &["-static", "-marm", "-march=armv7-a"]);
    let mut objcopy = std::process::Command::new("arm-linux-gnueabi-objcopy");
    parts::run("objcopy", objcopy.args(["-R", ".ARM.attributes"]).arg(&app), b"");
    let silent = Files::new().program("app", &std::fs::read(&app).unwrap());
    let silent = Image::new("linux/arm/v7", &["/app"]).layer(silent);
    works(&silent);
    for label in ["linux/arm/v6", "linux/arm/v5"] {
        assert_found(&told(&silent.labelled(label), 2), "unknown", "unknown-generation", "/app", 0);
        assert!(!start(&silent.labelled(label)).started(), "{label}");
    }

    // A library of a later generation than the program is no better.
    let dynamic = with_runtime(ARMEL, &ARMEL.dynamic()).labelled("linux/arm/v6");
    works(&dynamic);
    // Debian's armhf is built for armv7, loader and library included.
    fails(&with_runtime(ARMHF, &ARMHF.dynamic()).labelled("linux/arm/v6"), "wrong-machine", "/app", 0);
}

/// A library in two versions, and a program that was linked with the newer one.
struct Versions {
    old: Vec<u8>,
    new: Vec<u8>,
    app: Vec<u8>,
}

fn versions(machine: Machine) -> Versions {
    let bench = Bench::new();
    bench.write("old.map", "PART_1 { global: one; local: *; };\n");
    bench.write("new.map", "PART_1 { global: one; local: *; };\nPART_2 { global: two; } PART_1;\n");
    let library = |map: &str, source: &str| {
        let map = format!("-Wl,--version-script={map}");
        bench.compile(
            machine,
            "libpart.so.1",
            source,
            &["-shared", "-fPIC", "-Wl,-soname,libpart.so.1", &map],
        )
    };
    let old = library("old.map", "int one(void) { return 1; }\n");
    let new = library("new.map", "int one(void) { return 1; }\nint two(void) { return 2; }\n");
    let source = "#include <stdio.h>\nint one(void); int two(void);\n\
                  int main(void) { if (one() + two() == 3) puts(\"started\"); return 0; }\n";
    let app = bench.compile(machine, "app", source, &["-L.", "-l:libpart.so.1"]);
    Versions { old, new, app }
}

#[test]
fn a_library_that_is_too_old_is_named_with_the_version_that_it_lacks() {
    for machine in [ARM64, AMD64, I386, S390X] {
        let Versions { old, new, app } = versions(machine);
        let image = with_runtime(machine, &app);
        works(&image.clone().layer(Files::new().program("lib/libpart.so.1", &new)));
        let answer =
            fails(&image.layer(Files::new().program("lib/libpart.so.1", &old)), "no-version", "/app", 0);
        let reason = answer["findings"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("PART_2") && reason.contains("/lib/libpart.so.1"), "{reason}");
    }
}

#[test]
fn a_glibc_that_is_too_old_is_told_with_both_versions() {
    // A library that calls itself libc.so.6 and gives no version that the program needs.
    let bench = Bench::new();
    bench.write("c.map", "GLIBC_2.17 { global: puts; };\n");
    let flags = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6", "-Wl,--version-script=c.map"];
    let old = bench.compile(ARM64, "libc.so.6", "int puts(const char *s) { return !s; }\n", &flags);
    let app = ARM64.dynamic();
    let answer = works(&with_runtime(ARM64, &app));
    // `__libc_start_main` has been at 2.34 since then; Debian 12 has 2.36.
    assert_eq!((&answer["glibcNeeded"], &answer["glibcGiven"]), (&json!("2.34"), &json!("2.36")));
    let image = with_runtime(ARM64, &app).layer(Files::new().program("lib/libc.so.6", &old));
    let answer = fails(&image, "no-version", "/app", 0);
    assert_eq!((&answer["glibcNeeded"], &answer["glibcGiven"]), (&json!("2.34"), &json!("2.17")));
}

/// Two libraries, the second needed by the first, and a program that needs the first.
struct Chain {
    first: Vec<u8>,
    second: Vec<u8>,
    app: Vec<u8>,
}

/// The flags are for the program, and for the first library.
fn chain(machine: Machine, of_app: &[&str], of_first: &[&str]) -> Chain {
    let bench = Bench::new();
    let shared = ["-shared", "-fPIC", "-Wl,-soname,libsecond.so"];
    let second = bench.compile(machine, "libsecond.so", "int second(void) { return 2; }\n", &shared);
    let source = "int second(void); int first(void) { return second() - 1; }\n";
    let flags =
        [&["-shared", "-fPIC", "-Wl,-soname,libfirst.so", "-L.", "-l:libsecond.so"], of_first].concat();
    let first = bench.compile(machine, "libfirst.so", source, &flags);
    let source = "#include <stdio.h>\nint first(void);\n\
                  int main(void) { if (first() == 1) puts(\"started\"); return 0; }\n";
    let flags = [&["-L.", "-l:libfirst.so", "-Wl,--allow-shlib-undefined"], of_app].concat();
    let app = bench.compile(machine, "app", source, &flags);
    Chain { first, second, app }
}

/// The libraries of a chain in a folder, and its program at `/app`.
fn with_chain(machine: Machine, chain: &Chain, folder: &str) -> Image {
    with_runtime(machine, &chain.app).layer(
        Files::new()
            .program(format!("{folder}/libfirst.so"), &chain.first)
            .program(format!("{folder}/libsecond.so"), &chain.second),
    )
}

#[test]
fn libraries_are_found_where_programs_say_that_they_are() {
    for machine in [ARM64, S390X] {
        let bare = chain(machine, &[], &[]);
        works(&with_chain(machine, &bare, "lib"));
        works(&with_chain(machine, &bare, "usr/lib"));
        fails(&with_chain(machine, &bare, "opt/x"), "no-library", "/app", 0);
        let environment =
            with_chain(machine, &bare, "opt/x").set("Env", json!(["LD_LIBRARY_PATH=/nowhere:/opt/x"]));
        works(&environment);

        // RPATH is for all that the program loads, RUNPATH for what it needs itself.
        let rpath = chain(machine, &["-Wl,-rpath,/opt/x", "-Wl,--disable-new-dtags"], &[]);
        works(&with_chain(machine, &rpath, "opt/x"));
        let runpath = ["-Wl,-rpath,/opt/x", "-Wl,--enable-new-dtags"];
        let answer = fails(
            &with_chain(machine, &chain(machine, &runpath, &[]), "opt/x"),
            "no-library",
            "/opt/x/libfirst.so",
            1,
        );
        assert!(answer["findings"][0]["reason"].as_str().unwrap().contains("libsecond.so"), "{answer:#}");
        works(&with_chain(machine, &chain(machine, &runpath, &runpath), "opt/x"));

        // $ORIGIN is where the file really is, whatever link it was reached by.
        let origin = ["-Wl,-rpath,$ORIGIN/../x", "-Wl,--enable-new-dtags"];
        let chain = chain(machine, &origin, &["-Wl,-rpath,${ORIGIN}", "-Wl,--enable-new-dtags"]);
        let files = machine
            .runtime(Files::new())
            .program("opt/bin/app", &chain.app)
            .program("opt/x/libfirst.so", &chain.first)
            .program("opt/x/libsecond.so", &chain.second)
            .symlink("start", "opt/bin/app");
        let image = Image::new(machine.platform, &["/opt/bin/app"]).layer(files);
        works(&image);
        let by_link = image.clone().set("Cmd", json!(["/start"]));
        let answer = told(&by_link, 0);
        assert!(answer["runs"].as_array().unwrap().contains(&json!("/opt/bin/app")), "{answer:#}");
    }
}

#[test]
fn a_library_of_another_machine_is_passed_over_on_the_way_to_the_right_one() {
    let bare = chain(ARM64, &[], &[]);
    let image = with_chain(ARM64, &bare, "usr/lib");
    let wrong = RISCV64.compile("int first(void) { return 1; }\n", &["-shared", "-fPIC"]);
    let shadowed = image.layer(Files::new().program("lib/libfirst.so", &wrong));
    let answer = works(&shadowed);
    assert_found(&answer, "note", "foreign-binary", "/lib/libfirst.so", 2);
    // In LD_LIBRARY_PATH too.
    works(&shadowed.set("Env", json!(["LD_LIBRARY_PATH=/lib:/usr/lib"])));
}

/// The cache that `ldconfig` makes of an image's folders.
fn ldconfig(image: &Image) -> Files {
    let root = verify::start::Root::of(image);
    let mut ldconfig = std::process::Command::new("/sbin/ldconfig");
    parts::run("ldconfig", ldconfig.arg("-r").arg(root.path()), b"");
    Files::new().file("etc/ld.so.cache", std::fs::read(root.path().join("etc/ld.so.cache")).unwrap())
}

#[test]
fn folders_of_ld_so_conf_count_where_ldconfig_put_them_into_its_cache() {
    let bare = chain(AMD64, &[], &[]);
    let settings = || {
        Files::new()
            .file("etc/ld.so.conf", "# folders\ninclude /etc/ld.so.conf.d/*.conf\n")
            .file("etc/ld.so.conf.d/x.conf", "/opt/x\n")
    };
    let configured = with_chain(AMD64, &bare, "opt/x").layer(settings());
    // glibc's loader reads the cache alone: as long as nobody ran ldconfig, the program does not start.
    let answer = fails(&configured, "no-library", "/app", 0);
    let reason = answer["findings"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("/opt/x/libfirst.so") && reason.contains("run ldconfig"), "{reason}");
    works(&configured.clone().layer(ldconfig(&configured)));

    // A cache that was made before the libraries came does not know them.
    let stale = with_runtime(AMD64, &bare.app).layer(settings());
    let stale = stale.clone().layer(ldconfig(&stale)).layer(
        Files::new().program("opt/x/libfirst.so", &bare.first).program("opt/x/libsecond.so", &bare.second),
    );
    fails(&stale, "no-library", "/app", 0);
    // Nor is there what it knows once that is gone; what a usual folder has is found all the same.
    let gone =
        configured.clone().layer(ldconfig(&configured)).layer(Files::new().whiteout("opt/x/libsecond.so"));
    fails(&gone, "no-library", "/opt/x/libfirst.so", 1);
    works(&gone.layer(Files::new().program("usr/lib/libsecond.so", &bare.second)));
    // A cache of which only a part is there is no cache.
    let cut = configured.layer(Files::new().file("etc/ld.so.cache", b"glibc-ld.so.cache1.1"));
    fails(&cut, "no-library", "/app", 0);
}

#[test]
fn the_folders_that_a_loader_looks_into_are_those_that_it_was_built_with() {
    // Debian's glibc looks into /usr/lib as others do not: here is one that looks into /opt/lib instead.
    let (usual, other) = (b"\0/usr/lib/\0", b"\0/opt/lib/\0");
    let mut loader = AMD64.loader_bytes();
    let places: Vec<usize> = (0..loader.len()).filter(|at| loader[*at..].starts_with(usual)).collect();
    assert!(!places.is_empty());
    for at in places {
        loader[at..at + other.len()].copy_from_slice(other);
    }
    let bare = chain(AMD64, &[], &[]);
    let image = |folder| with_chain(AMD64, &bare, folder).layer(Files::new().program(AMD64.loader, &loader));
    fails(&image("usr/lib"), "no-library", "/app", 0);
    works(&image("opt/lib"));
}

#[test]
fn musl_programs_need_their_loader_and_find_libraries_by_its_own_rules() {
    let image = with_runtime(MUSL, &MUSL.dynamic());
    let answer = works(&image);
    assert_eq!(answer["runs"], json!(["/app", "/lib/ld-musl-x86_64.so.1"]));
    let loaderless = Image::new("linux/amd64", &["/app"]).layer(Files::new().program("app", &MUSL.dynamic()));
    fails(&loaderless, "no-loader", "/app", 0);
    // glibc in the place of musl does not make up for it.
    fails(&loaderless.layer(AMD64.runtime(Files::new())), "no-loader", "/app", 0);

    let bare = chain(MUSL, &[], &[]);
    for folder in ["lib", "usr/local/lib", "usr/lib"] {
        works(&with_chain(MUSL, &bare, folder));
    }
    let moved = with_chain(MUSL, &bare, "opt/x");
    fails(&moved, "no-library", "/app", 0);
    works(&moved.layer(Files::new().file("etc/ld-musl-x86_64.path", "/lib\n/opt/x\n")));
    // The file takes the place of the usual folders.
    let elsewhere =
        with_chain(MUSL, &bare, "usr/lib").layer(Files::new().file("etc/ld-musl-x86_64.path", "/lib:/opt/x"));
    fails(&elsewhere, "no-library", "/app", 0);

    // With musl, RUNPATH is for what the libraries need too.
    let runpath = chain(MUSL, &["-Wl,-rpath,/opt/x", "-Wl,--enable-new-dtags"], &[]);
    works(&with_chain(MUSL, &runpath, "opt/x"));
}

#[test]
fn links_to_loaders_and_libraries_are_followed() {
    let app = ARM64.dynamic();
    let image = |files: Files| Image::new("linux/arm64", &["/app"]).layer(files.program("app", &app));
    let (loader, library) = (ARM64.loader_bytes(), ARM64.library("libc.so.6"));
    // As in Debian: /lib is a link to usr/lib, and a file of the same layer is put where it leads.
    let merged = || {
        image(
            Files::new()
                .folder("usr/")
                .folder("usr/lib/")
                .symlink("lib", "usr/lib")
                .program("lib/libc.so.6", &library),
        )
    };
    let loader_in = |folder: &str| Files::new().program(format!("{folder}/ld-linux-aarch64.so.1"), &loader);
    let answer = works(&merged().layer(loader_in("usr/lib")));
    assert_eq!(answer["runs"], json!(["/app", "/usr/lib/ld-linux-aarch64.so.1", "/usr/lib/libc.so.6"]));
    // A later layer does not write through it: engines with overlay make a folder, which hides the link.
    let hidden = merged().layer(loader_in("usr/lib")).layer(Files::new().file("lib/other", ""));
    assert_eq!(told(&hidden, 1)["findings"][0]["rule"], json!("no-loader"));

    let absolute = image(
        Files::new()
            .program("real/ld", &loader)
            .program("real/c", &library)
            .symlink("lib/ld-linux-aarch64.so.1", "/real/ld")
            .symlink("lib/libc.so.6", "../../../real/c"),
    );
    works(&absolute);
    let dangling = absolute.clone().layer(Files::new().symlink("lib/ld-linux-aarch64.so.1", "/real/gone"));
    fails(&dangling, "no-loader", "/app", 0);
    let circle = absolute
        .layer(Files::new().symlink("lib/libc.so.6", "libc.so.7").symlink("lib/libc.so.7", "libc.so.6"));
    fails(&circle, "no-library", "/app", 0);
}

// Layers --------------------------------------------------------------------------------------------------------

#[test]
fn the_upper_layers_file_is_the_one_that_counts() {
    let (right, wrong) = (ARM64.fixed(), AMD64.fixed());
    let app = |bytes: &[u8]| Files::new().program("app", bytes);
    let image = || Image::new("linux/arm64", &["/app"]);
    fails(&image().layer(app(&right)).layer(app(&wrong)), "wrong-machine", "/app", 1);
    let answer = works(&image().layer(app(&wrong)).layer(app(&right)));
    assert_eq!((&answer["machines"], &answer["findings"]), (&json!({ "arm64": 1 }), &json!([])));
    // A folder, a link and a whiteout in its place.
    fails(&image().layer(app(&right)).layer(Files::new().folder("app/")), "not-there", "/app", 1);
    let linked = image().layer(app(&right)).layer(Files::new().program("b", &wrong).symlink("app", "b"));
    fails(&linked, "wrong-machine", "/b", 1);
    let gone = image().layer(app(&right)).layer(Files::new().whiteout("./app"));
    let answer = told(&gone, 1);
    assert_eq!(answer["findings"][0]["rule"], json!("not-there"));
    assert!(!start(&gone).started());
    // Deleted and written again in one layer; the other way about, engines with overlay refuse it.
    works(&image().layer(app(&wrong)).layer(Files::new().whiteout("./app").program("app", &right)));
    told(&image().layer(app(&wrong)).layer(Files::new().program("app", &right).whiteout("./app")), 2);
}

#[test]
fn a_wrong_binary_that_is_deleted_above_does_no_harm() {
    let (right, wrong) = (AMD64.fixed(), ARM64.fixed());
    let image = Image::new("linux/amd64", &["app"])
        .layer(Files::new().program("usr/local/bin/app", &wrong).program("usr/bin/app", &right));
    fails(&image, "wrong-machine", "/usr/local/bin/app", 0);
    let deleted = image.clone().layer(Files::new().whiteout("usr/local/bin/app"));
    assert_eq!(works(&deleted)["machines"], json!({ "amd64": 1 }));
    let emptied = image.clone().layer(Files::new().opaque("usr/local/bin"));
    assert_eq!(works(&emptied)["machines"], json!({ "amd64": 1 }));
    let folder_gone = image.layer(Files::new().whiteout("usr/local"));
    assert_eq!(works(&folder_gone)["machines"], json!({ "amd64": 1 }));
}

#[test]
fn an_opaque_folder_hides_what_lies_below_and_not_what_comes_with_it() {
    let right = ARM64.fixed();
    let image = Image::new("linux/arm64", &["/opt/app"])
        .layer(Files::new().program("opt/app", &right).program("opt/old/foreign", &RISCV64.fixed()));
    let emptied = image.clone().layer(Files::new().opaque("opt"));
    assert_eq!(told(&emptied, 1)["machines"], json!({}));
    assert!(!start(&emptied).started());
    // Whatever the order in the layer.
    for files in [
        Files::new().opaque("opt").program("opt/app", &right),
        Files::new().program("opt/app", &right).opaque("opt"),
    ] {
        assert_eq!(works(&image.clone().layer(files))["machines"], json!({ "arm64": 1 }));
    }
    // A folder of the same name that is not opaque hides nothing.
    assert_eq!(
        works(&image.layer(Files::new().folder("opt/")))["machines"],
        json!({ "arm64": 1, "riscv64": 1 })
    );
}

#[test]
fn hard_links_are_the_file_that_they_name() {
    let (right, wrong) = (ARM64.fixed(), RISCV64.fixed());
    let image = |bytes: &[u8]| {
        Image::new("linux/arm64", &["/app"]).layer(Files::new().program("one", bytes).hardlink("app", "one"))
    };
    works(&image(&right));
    fails(&image(&wrong), "wrong-machine", "/app", 0);
    // The link keeps the file that it was made for.
    works(&image(&right).layer(Files::new().program("one", &wrong)));
    works(&image(&right).layer(Files::new().whiteout("./one")));
    works(&image(&wrong).layer(Files::new().program("two", &right).hardlink("app", "two")));
}

// What is started -----------------------------------------------------------------------------------------------

#[test]
fn commands_are_found_as_engines_find_them() {
    let (app, foreign) = (AMD64.fixed(), RISCV64.fixed());
    let image = |command: &[&str], files: Files| Image::new("linux/amd64", command).layer(files);
    works(&image(&["app"], Files::new().program("usr/sbin/app", &app)));
    fails(
        &image(&["app"], Files::new().program("usr/sbin/app", &foreign)),
        "wrong-machine",
        "/usr/sbin/app",
        0,
    );
    // Not in PATH.
    let elsewhere = image(&["app"], Files::new().program("opt/app", &app));
    let answer = told(&elsewhere, 1);
    assert_eq!(answer["findings"][0]["rule"], json!("not-there"));
    assert!(!start(&elsewhere).started());
    works(&elsewhere.set("Env", json!(["A=b", "PATH=/usr/bin:/opt"])));
    // What can't be executed is passed over.
    let second = Files::new().file("usr/bin/app", &foreign).program("bin/app", &app);
    assert_eq!(works(&image(&["app"], second))["runs"], json!(["/bin/app"]));
    // From the working folder, by a link that leads there.
    let relative = image(&["./bin/app"], Files::new().program("srv/bin/app", &app).symlink("work", "srv"))
        .set("WorkingDir", json!("/work"));
    assert_eq!(works(&relative)["runs"], json!(["/srv/bin/app"]));
    let climbing = image(&["../x/app"], Files::new().program("x/app", &app).folder("work/"))
        .set("WorkingDir", json!("/work"));
    works(&climbing);
    // Entrypoint before command, which is its argument.
    let both = image(&["never-there"], Files::new().program("app", &app)).set("Entrypoint", json!(["/app"]));
    works(&both);
    let wrong_first = image(&["/app"], Files::new().program("app", &app)).set("Entrypoint", json!(["/gone"]));
    assert_eq!(told(&wrong_first, 1)["findings"][0]["file"], json!("/gone"));
    assert!(!start(&wrong_first).started());
}

#[test]
fn an_image_that_names_nothing_to_start_can_not_be_told() {
    for command in [json!(null), json!([])] {
        let image = Image::new("linux/arm64", &[])
            .set("Cmd", command)
            .layer(Files::new().program("app", &ARM64.fixed()));
        let answer = told(&image, 2);
        assert_eq!((&answer["verdict"], &answer["rung"]), (&json!("unknown"), &json!(null)));
        assert_eq!(answer["findings"][0]["rule"], json!("no-command"));
        assert_eq!(answer["machines"], json!({ "arm64": 1 }));
    }
}

#[test]
fn links_to_commands_are_followed_and_circles_named() {
    let app = AMD64.fixed();
    let image = |files: Files| Image::new("linux/amd64", &["/start"]).layer(files.program("opt/real", &app));
    works(&image(Files::new().symlink("start", "/opt/real")));
    works(&image(Files::new().symlink("start", "./opt/../opt/real")));
    works(&image(Files::new().symlink("start", "../../opt/real")));
    works(&image(Files::new().symlink("start", "way/real").symlink("way", "/opt")));
    for files in [
        Files::new().symlink("start", "start"),
        Files::new().symlink("start", "b").symlink("b", "/start"),
        Files::new().symlink("start", "d/x").symlink("d", "d"),
    ] {
        let image = image(files);
        let answer = told(&image, 1);
        let reason = answer["findings"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("circle"), "{reason}");
        assert!(!start(&image).started());
    }
    // 40 links are followed, 41 are not.
    let links = |count: usize| {
        let files =
            (1..count).fold(Files::new(), |files, n| files.symlink(format!("l{n}"), &format!("l{}", n + 1)));
        image(files.symlink(format!("l{count}"), "opt/real")).set("Cmd", json!(["/l1"]))
    };
    works(&links(40));
    let image = links(41);
    assert_eq!(told(&image, 1)["findings"][0]["rule"], json!("not-there"));
    assert!(!start(&image).started());
}

#[test]
fn scripts_need_an_interpreter_that_can_start() {
    let (right, wrong) = (AMD64.fixed(), ARM64.fixed());
    let image = |text: &str, files: Files| {
        Image::new("linux/amd64", &["/run.sh"]).layer(files.program("run.sh", text.as_bytes()))
    };
    let with = |bytes: &[u8]| Files::new().program("bin/sh", bytes);
    let answer = works(&image("#!/bin/sh\n", with(&right)));
    assert_eq!(answer["runs"], json!(["/bin/sh", "/run.sh"]));
    works(&image("#! \t /bin/sh -e\necho\n", with(&right)));
    fails(&image("#!/bin/bash\n", with(&right)), "not-there", "/run.sh", 0);
    fails(&image("#!/bin/sh\n", with(&wrong)), "wrong-machine", "/bin/sh", 0);
    fails(&image("#!/bin/sh\n", Files::new().file("bin/sh", &right)), "not-executable", "/bin/sh", 0);
    // A line that ends as on Windows names an interpreter whose name ends in a carriage return.
    fails(&image("#!/bin/sh\r\necho\r\n", with(&right)), "not-there", "/run.sh", 0);
    works(&image("#!/bin/sh\r\n", Files::new().program("bin/sh\r", &right)));
    fails(&image("#!\n", with(&right)), "no-format", "/run.sh", 0);
    // A script that is run by a script.
    let twice = Files::new().program("bin/outer", b"#!/bin/sh\n").program("bin/sh", &right);
    works(&image("#!/bin/outer\n", twice));
    let lacking = Files::new().program("bin/outer", b"#!/bin/gone\n").program("bin/sh", &right);
    fails(&image("#!/bin/outer\n", lacking), "not-there", "/bin/outer", 0);
    // Itself.
    let itself = image("#!/run.sh\n", Files::new());
    assert_eq!(told(&itself, 1)["verdict"], json!("no"));
    assert!(!start(&itself).started());
}

#[test]
fn scripts_nest_as_deep_as_linux_allows_and_no_deeper() {
    let nested = |count: usize| {
        let files = (1..count).fold(Files::new(), |files, n| {
            files.program(format!("s{n}"), format!("#!/s{}\n", n + 1).as_bytes())
        });
        let files = files.program(format!("s{count}"), b"#!/app\n").program("app", &AMD64.fixed());
        Image::new("linux/amd64", &["/s1"]).layer(files)
    };
    works(&nested(1));
    works(&nested(5));
    let deep = nested(6);
    assert_eq!(told(&deep, 1)["findings"][0]["rule"], json!("scripts-too-deep"));
    assert!(!start(&deep).started());
}

#[test]
fn who_starts_it_has_to_be_allowed_to() {
    let passwd = "root:x:0:0::/:/bin/sh\napp:x:100:101::/:/bin/sh\n";
    let group = "root:x:0:\napp:x:101:\nmore:x:102:app,other\n";
    let image = |user: &str, mode: u32| {
        let program = AMD64.fixed();
        let files = Files::new().file("etc/passwd", passwd).file("etc/group", group).entry(
            tar::EntryType::Regular,
            "app",
            mode,
            b"",
            &program,
        );
        Image::new("linux/amd64", &["/app"]).set("User", json!(user)).layer(files)
    };
    // The file is root's, and of group 0.
    for (user, mode, verdict) in [
        ("", 0o100, "yes"),
        ("root", 0o001, "yes"),
        ("0:0", 0o010, "yes"),
        ("app", 0o755, "yes"),
        ("app", 0o750, "no"),
        ("100", 0o700, "no"),
        ("1000", 0o700, "no"),
        // A number that is not in the image has group 0, as engines do it.
        ("1000", 0o710, "yes"),
        ("1000:1000", 0o710, "no"),
        ("app:root", 0o710, "yes"),
        ("app", 0o710, "no"),
        ("app:nobody", 0o755, "no"),
        ("nobody", 0o755, "no"),
        ("", 0o644, "no"),
    ] {
        let code = if verdict == "yes" { 0 } else { 1 };
        let answer = told(&image(user, mode), code);
        assert_eq!(answer["verdict"], json!(verdict), "{user} {mode:o}: {answer:#}");
    }
}

#[test]
fn a_file_is_started_under_no_name_of_a_folder() {
    let image =
        |path: &str| Image::new("linux/amd64", &[path]).layer(Files::new().program("app", &AMD64.fixed()));
    works(&image("/app"));
    assert_eq!(told(&image("/app/"), 1)["findings"][0]["rule"], json!("not-there"));
    assert!(!start(&image("/app/")).started());
}

#[test]
fn an_interpreter_is_a_path_and_never_looked_for() {
    let files = || Files::new().program("bin/run", &AMD64.fixed()).program("start", b"#!run\n");
    let image = Image::new("linux/amd64", &["/start"]).layer(files());
    fails(&image, "not-there", "/start", 0);
    works(&image.set("WorkingDir", json!("/bin")));
}

#[test]
fn an_env_that_splits_no_words_is_given_none_to_split() {
    // As busybox does it.
    let source = "#include <string.h>\n#include <unistd.h>\n\
        int main(int n, char **v) { if (v[1][0] == '-') return 1; execvp(v[1], v + 1); return 127; }\n";
    let env = AMD64.compile(source, &["-static"]);
    let image = |line: &str| {
        let files = Files::new()
            .program("bin/busybox", &env)
            .symlink("usr/bin/env", "../../bin/busybox")
            .program("bin/app", &AMD64.fixed())
            .program("start", line.as_bytes());
        Image::new("linux/amd64", &["/start"]).layer(files)
    };
    works(&image("#!/usr/bin/env app\n"));
    for line in ["#!/usr/bin/env -S app -x\n", "#!/usr/bin/env -i app\n"] {
        let answer = told(&image(line), 2);
        assert_eq!(answer["findings"][0]["rule"], json!("no-split"), "{line}");
        assert!(!start(&image(line)).started());
    }
}

#[test]
fn what_env_starts_is_looked_for_too() {
    // What `env` does with its arguments, as far as a first line uses it.
    let env = "#include <unistd.h>\n#include <string.h>\n\
               int main(int n, char **v) {\n\
               if (n > 1 && !strncmp(v[1], \"-S\", 2)) {\n\
                 char *w[] = { v[1] + 2, v[2], 0 }; while (*w[0] == ' ') w[0]++;\n\
                 char *s = strchr(w[0], ' '); if (s) *s = 0; execvp(w[0], w); return 127; }\n\
               execvp(v[1], v + 1); return 127; }\n";
    let env = MUSL.compile(env, &["-static"]);
    let (right, wrong) = (AMD64.fixed(), RISCV64.fixed());
    let image = |text: &str, files: Files| {
        let files = files.program("usr/bin/env", &env).program("run", text.as_bytes());
        Image::new("linux/amd64", &["/run"]).layer(files)
    };
    let answer = works(&image("#!/usr/bin/env node\n", Files::new().program("usr/bin/node", &right)));
    assert_eq!(answer["runs"], json!(["/run", "/usr/bin/env", "/usr/bin/node"]));
    fails(&image("#!/usr/bin/env node\n", Files::new()), "not-there", "/run", 0);
    let foreign = image("#!/usr/bin/env node\n", Files::new().program("usr/bin/node", &wrong));
    fails(&foreign, "wrong-machine", "/usr/bin/node", 0);
    // The kernel gives all that stands behind the interpreter as one argument; -S splits it.
    let node = || Files::new().program("usr/bin/node", &right);
    works(&image("#!/usr/bin/env -S node --flag\n", node()));
    fails(&image("#!/usr/bin/env node --flag\n", node()), "not-there", "/run", 0);
}

#[test]
fn what_is_no_program_does_not_start() {
    let image = |files: Files| Image::new("linux/arm64", &["/app"]).layer(files);
    fails(&image(Files::new().program("app", b"echo started\n")), "no-format", "/app", 0);
    fails(&image(Files::new().program("app", b"")), "no-format", "/app", 0);
    let app = ARM64.fixed();
    let amd64 = Image::new("linux/amd64", &["/app"]).layer(Files::new().file("app", AMD64.fixed()));
    fails(&amd64, "not-executable", "/app", 0);
    fails(&image(Files::new().folder("app/").program("app/x", &app)), "not-there", "/app", 0);
    // Compiled, but not linked: an object file.
    let object = AMD64.compile(STARTED, &["-c"]);
    let image = Image::new("linux/amd64", &["/app"]).layer(Files::new().program("app", &object));
    fails(&image, "no-format", "/app", 0);
}

/// A shell, this machine's own, with the libraries that it needs.
fn shell() -> Files {
    static TAR: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let made = || {
        let bench = Bench::new();
        let script = "set -e; ldd /bin/sh | grep -o '/[^ ]*' >list\n\
                      while read -r file; do cp --parents -L \"$file\" .; done <list\n\
                      mkdir -p bin dev; cp -L /bin/sh bin/sh; : >dev/null; tar -cf files.tar bin dev lib*";
        let mut command = std::process::Command::new("sh");
        parts::run("sh", command.args(["-c", script]).current_dir(bench.path()), b"");
        std::fs::read(bench.path().join("files.tar")).unwrap()
    };
    Files::of(TAR.get_or_init(made))
}

#[test]
fn shells_are_looked_through_to_what_they_start() {
    let (right, wrong) = (AMD64.fixed(), ARM64.fixed());
    let image = |command: &[&str], app: &[u8]| {
        let files = shell().program("usr/bin/app", app).symlink("srv/run", "../usr/bin/app");
        Image::new("linux/amd64", command).set("Env", json!([PATH, "HOME_OF_APP=/srv"])).layer(files)
    };
    for command in [
        &["/bin/sh", "-c", "app"][..],
        &["sh", "-c", "exec app --flag"],
        &["/bin/sh", "-ec", "/usr/bin/app"],
        &["/bin/sh", "-e", "-c", "/usr/bin/app"],
        &["/bin/sh", "-c", "cd /usr && ./bin/app"],
        &["/bin/sh", "-c", "/usr/bin/app && true"],
        &["/bin/sh", "-c", "exec \"/usr/bin/app\""],
        &["/bin/sh", "-c", "'/usr/bin/app' 2>/errors"],
        &["/bin/sh", "-c", "A=1 $HOME_OF_APP/run"],
        &["/bin/sh", "-c", "false; app"],
        &["/bin/sh", "-c", "echo begin | app"],
        &["/bin/sh", "-c", "true && exec \"$@\"", "--", "app", "--flag"],
    ] {
        let answer = works(&image(command, &right));
        assert!(
            answer["runs"].as_array().unwrap().contains(&json!("/usr/bin/app")),
            "{command:?}: {answer:#}"
        );
        fails(&image(command, &wrong), "wrong-machine", "/usr/bin/app", 0);
        // What nobody may execute is started by no shell.
        let closed = image(command, &right).layer(Files::new().file("usr/bin/app", &right));
        fails(&closed, "not-executable", "/usr/bin/app", 1);
        // What is nowhere is there under no name, or may be a command of the shell's own.
        let gone = image(command, &right).layer(Files::new().whiteout("usr/bin/app"));
        let is_path = command.join(" ").contains("/app") || command.join(" ").contains("/run");
        told(&gone, if is_path { 1 } else { 2 });
        assert!(!start(&gone).started(), "{command:?}");
    }
    // The first may fail, and the shell goes on.
    for command in ["app || true", "app; true", "app & wait", "if app; then true; fi; app || :"] {
        let several = image(&["/bin/sh", "-c", command], &wrong);
        let answer = told(&several, 2);
        if command.starts_with("if") {
            assert_eq!(answer["findings"][0]["rule"], json!("not-followed"), "{answer:#}");
        } else {
            assert_found(&answer, "unknown", "wrong-machine", "/usr/bin/app", 0);
        }
        works(&image(&["/bin/sh", "-c", command], &right));
    }
    // What a command before it makes is not there yet.
    let maker = AMD64
        .compile("#include <sys/stat.h>\nint main(void) { return chmod(\"/app\", 0755); }\n", &["-static"]);
    for (command, code) in [("mk && /app", 2), ("/app", 1), ("cd /nowhere && /usr/bin/app", 1)] {
        let made = image(&["/bin/sh", "-c", command], &right)
            .layer(Files::new().program("usr/bin/mk", &maker).file("app", &right));
        told(&made, code);
        assert_eq!(start(&made).started(), code == 2, "{command}");
    }
    works(&image(&["/bin/sh", "-c", "app --pid=$$ \"$(echo 1)\""], &right));
    fails(
        &image(&["/bin/sh", "-c", "app --pid=$$ \"$(echo 1)\""], &wrong),
        "wrong-machine",
        "/usr/bin/app",
        0,
    );
    // What is nowhere may be a command of the shell's own.
    let absent = image(&["/bin/sh", "-c", "nothing-of-this-name"], &right);
    assert_eq!(told(&absent, 2)["findings"][0]["rule"], json!("not-found"));
    assert!(!start(&absent).started());
    // A script that a shell reads has to be there, and nothing more.
    let script = |files: Files| Image::new("linux/amd64", &["/bin/sh", "/start"]).layer(files);
    works(&script(shell().file("start", "echo started")));
    assert_eq!(told(&script(shell()), 1)["findings"][0]["rule"], json!("not-there"));
    assert!(!start(&script(shell())).started());
    // No shell at all.
    let shell_less = Image::new("linux/amd64", &["/bin/sh", "-c", "app"])
        .layer(Files::new().program("usr/bin/app", &right));
    assert_eq!(told(&shell_less, 1)["findings"][0]["rule"], json!("not-there"));
    assert!(!start(&shell_less).started());
}

#[test]
fn a_shell_that_starts_itself_without_an_end_is_followed_to_an_end() {
    let text = "sh -c \"$0\" \"$0\"";
    let image = Image::new("linux/amd64", &["sh", "-c", text, text]).layer(shell());
    told(&image, 0);
    let long = Image::new("linux/amd64", &["sh", "-c", &format!("echo started {}", "x".repeat(140_000))])
        .layer(shell());
    assert_eq!(told(&long, 1)["findings"][0]["rule"], json!("too-long"));
}

/// A program that starts what it is given, from this word on.
fn launcher(from: usize) -> Vec<u8> {
    let source = format!(
        "#include <unistd.h>\nint main(int n, char **v) {{ execvp(v[{from}], v + {from}); return 127; }}\n"
    );
    AMD64.compile(&source, &["-static"])
}

#[test]
fn what_an_entrypoint_is_given_can_not_be_told_where_it_can_not_run() {
    let (right, wrong) = (AMD64.fixed(), ARM64.fixed());
    let image = |app: &[u8]| {
        Image::new("linux/amd64", &["/usr/bin/app", "--flag"])
            .set("Entrypoint", json!(["/entrypoint", "--"]))
            .layer(Files::new().program("entrypoint", &launcher(2)).program("usr/bin/app", app))
    };
    works(&image(&right));
    let answer = told(&image(&wrong), 2);
    assert_found(&answer, "unknown", "wrong-machine", "/usr/bin/app", 0);
    assert!(!start(&image(&wrong)).started());
    // A script that is an argument may be read without the interpreter that it names.
    let image = Image::new("linux/amd64", &["/app.py"])
        .set("Entrypoint", json!(["/python"]))
        .layer(Files::new().program("python", &right).program("app.py", b"#!/usr/bin/python2\n"));
    works(&image);
}

#[test]
fn what_only_starts_another_program_is_looked_through() {
    let (right, wrong) = (AMD64.fixed(), ARM64.fixed());
    for (words, from) in [
        (&["/sbin/tini", "--", "app"][..], 2),
        (&["tini", "-g", "-e", "143", "--", "/usr/bin/app", "--flag"], 5),
        (&["/usr/bin/dumb-init", "--rewrite", "15:3", "app"], 3),
        (&["gosu", "nobody", "app"], 2),
        (&["env", "A=1", "B=2", "app"], 3),
        (&["catatonit", "--", "su-exec", "nobody", "app"], 4),
    ] {
        let name = words[0].rsplit('/').next().unwrap();
        let files = |app: &[u8]| {
            let launcher = launcher(from);
            let files = Files::new().program(format!("sbin/{name}"), &launcher).program("usr/bin/app", app);
            files.symlink("usr/bin/dumb-init", "../../sbin/dumb-init").program("bin/su-exec", &launcher)
        };
        let image = |app: &[u8]| Image::new("linux/amd64", words).layer(files(app));
        works(&image(&right));
        fails(&image(&wrong), "wrong-machine", "/usr/bin/app", 0);
        let gone = image(&right).layer(Files::new().whiteout("usr/bin/app"));
        assert_eq!(told(&gone, 1)["findings"][0]["rule"], json!("not-there"), "{words:?}");
        assert!(!start(&gone).started());
    }
}

#[test]
fn what_interprets_an_entrypoint_decides_though_it_is_an_argument_as_well() {
    let image = |shell: &[u8]| {
        Image::new("linux/amd64", &["/bin/sh"])
            .set("Entrypoint", json!(["/entrypoint.sh"]))
            .layer(Files::new().program("entrypoint.sh", b"#!/bin/sh\n").program("bin/sh", shell))
    };
    works(&image(&AMD64.fixed()));
    fails(&image(&ARM64.fixed()), "wrong-machine", "/bin/sh", 0);
}

// What else lies there ------------------------------------------------------------------------------------------

#[test]
fn foreign_files_that_nothing_runs_are_counted_and_named() {
    let mut files = Files::new().program("app", &ARM64.fixed()).program("emulators/i386", &I386.fixed());
    let foreign = AMD64.fixed();
    for number in 0..25 {
        files = files.file(format!("toolchain/{number:02}"), &foreign);
    }
    let answer = works(&Image::new("linux/arm64", &["/app"]).layer(files));
    assert_eq!(answer["machines"], json!({ "386": 1, "amd64": 25, "arm64": 1 }));
    assert_found(&answer, "note", "foreign-binary", "/emulators/i386", 0);
    assert_found(&answer, "note", "foreign-binary", "/toolchain/00", 0);
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 21, "20 are named, and how many more there are");
    assert_eq!(findings[20]["reason"], json!("6 more binaries are for other machines"));
}

#[test]
fn segments_for_4_kib_pages_are_a_warning_on_arm64_and_nowhere_else() {
    let image = |size: &str| {
        let app = ARM64.compile(STARTED, &["-static", &format!("-Wl,-z,max-page-size={size}")]);
        Image::new("linux/arm64", &["/app"]).layer(Files::new().program("app", &app))
    };
    for (size, alignment, text) in
        [("4096", 0x1000, Some("4 KiB alone")), ("16384", 0x4000, Some("up to 16 KiB"))]
    {
        let answer = works(&image(size));
        assert_eq!(answer["alignment"], json!(alignment));
        let found = &answer["findings"][0];
        assert_eq!((&found["weight"], &found["rule"]), (&json!("warning"), &json!("alignment")));
        assert!(found["reason"].as_str().unwrap().contains(text.unwrap()), "{found}");
    }
    let answer = works(&image("65536"));
    assert_eq!((&answer["alignment"], &answer["findings"]), (&json!(0x1_0000), &json!([])));
    // amd64 has pages of 4 KiB and no other.
    let amd64 = Image::new("linux/amd64", &["/app"]).layer(Files::new().program("app", &AMD64.fixed()));
    assert_eq!(works(&amd64)["findings"], json!([]));
}

#[test]
fn what_starts_on_other_systems_is_not_told() {
    let image = Image::new("freebsd/amd64", &["/app"]).layer(Files::new().program("app", &AMD64.fixed()));
    assert_found(&told(&image, 2), "unknown", "unknown-system", "/app", 0);
}

#[test]
fn the_x86_64_level_that_a_program_declares_is_told() {
    let image = |flags: &[&str]| {
        let app = AMD64.compile(STARTED, &[&["-static"], flags].concat());
        Image::new("linux/amd64", &["/app"]).layer(Files::new().program("app", &app))
    };
    // Debian's own start-up code declares the baseline.
    assert_eq!(works(&image(&[]))["x86Level"], json!(1));
    for (flag, level) in [("-Wl,-z,x86-64-v2", 2), ("-Wl,-z,x86-64-v3", 3), ("-Wl,-z,x86-64-v4", 4)] {
        // Whether this machine has that level is not what is tested.
        assert_eq!(told(&image(&[flag]), 0)["x86Level"], json!(level), "{flag}");
    }
}
