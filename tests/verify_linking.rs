//! What `workson verify` tells of loaders and libraries: what the kernel and the loaders of glibc and musl do with them
//! is what decides. Where the verdict is `yes`, the image starts; where it is `no`, it does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cli_support;
mod parts;
mod verify;

use cli_support::Home;
use serde_json::{Value, json};
use verify::compile::{AMD64, ARM64, ARMHF, Bench, I386, MUSL, Machine, RISCV64, S390X, STARTED};
use verify::image::{Files, Image, layout_of};
use verify::start::{Root, finding, start};

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
    assert_eq!(answer["verdict"], json!("yes"), "{answer:#}");
    let outcome = start(image);
    assert!(outcome.started(), "it is told to work, and does not start: {outcome:?}");
    answer
}

/// It does not work because of this file, as this says, and does not start.
#[track_caller]
fn fails(image: &Image, rule: &str, file: &str, says: &str) {
    let answer = told(image, 1);
    assert_found(&answer, "no", rule, file, says);
    let outcome = start(image);
    assert!(!outcome.started(), "it is told not to work, and starts: {outcome:?}");
}

/// It can't be told whether it works.
#[track_caller]
fn is_unknown(image: &Image, rule: &str, file: &str, says: &str) {
    assert_found(&told(image, 2), "unknown", rule, file, says);
}

#[track_caller]
fn assert_found(answer: &Value, weight: &str, rule: &str, file: &str, says: &str) {
    let findings = answer["findings"].as_array().unwrap();
    let mut fitting = findings.iter().filter(|found| {
        let (of_weight, of_rule, of_file, _) = finding(found);
        (of_weight, of_rule, of_file) == (weight, rule, Some(file))
    });
    let is_there = fitting.any(|found| found["reason"].as_str().unwrap().contains(says));
    assert!(is_there, "{weight} {rule} {file} {says:?} is not in {answer:#}");
}

/// An image with loader and C library, and a program that it starts.
fn with_runtime(machine: Machine, program: &[u8]) -> Image {
    Image::new(machine.platform, &["/app"]).layer(machine.runtime(Files::new()).program("app", program))
}

const PART: &str = "int part(void) { return 1; }\n";
const NEEDS_PART: &str = "#include <stdio.h>\nint part(void);\n\
                          int main(void) { if (part() == 1) puts(\"started\"); return 0; }\n";

/// A library, and a program that needs it.
struct Pair {
    library: Vec<u8>,
    app: Vec<u8>,
}

fn pair(machine: Machine, flags: &[&str]) -> Pair {
    let bench = Bench::new();
    let shared = ["-shared", "-fPIC", "-Wl,-soname,libpart.so"];
    let library = bench.compile(machine, "libpart.so", PART, &shared);
    let app = bench.compile(machine, "app", NEEDS_PART, &[&["-L.", "-l:libpart.so"], flags].concat());
    Pair { library, app }
}

/// The library of a pair in a folder, its program, and variables.
fn with_pair(machine: Machine, pair: &Pair, path: &str, environment: &[&str]) -> Image {
    let library = Files::new().program(path, &pair.library);
    with_runtime(machine, &pair.app).layer(library).set("Env", json!(environment))
}

/// A number of the header of a 64-bit program of a machine whose smallest byte comes first.
fn number(program: &[u8], at: usize, length: usize) -> usize {
    program[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The offset, address, length and flags of what is loaded of a 64-bit program.
fn segments(program: &[u8]) -> Vec<[usize; 4]> {
    let (first, count) = (number(program, 32, 8), number(program, 56, 2));
    let headers = (0..count).map(|at| &program[first + 56 * at..][..56]);
    let loaded = headers.filter(|header| number(header, 0, 4) == 1);
    loaded.map(|h| [number(h, 8, 8), number(h, 16, 8), number(h, 32, 8), number(h, 4, 4)]).collect()
}

// What is too short or blank ------------------------------------------------------------------------------------

#[test]
fn what_is_cut_off_does_not_start() {
    for machine in [AMD64, ARM64] {
        let image =
            |app: &[u8]| Image::new(machine.platform, &["/app"]).layer(Files::new().program("app", app));
        let app = machine.fixed();
        fails(&image(&app[..app.len() / 2]), "cut-off", "/app", "it is cut off: its segments reach to byte");
        fails(&image(&app[..4096]), "cut-off", "/app", "and it has 4096");
        fails(&image(&app[..64]), "cut-off", "/app", "and it has 64");
        // The sections behind what is loaded are nothing that a program needs.
        works(&image(&app[..number(&app, 40, 8)]));

        let dynamic = with_runtime(machine, &machine.dynamic());
        works(&dynamic);
        let loader = machine.loader_bytes();
        let cut = Files::new().program(machine.loader, &loader[..loader.len() / 3]);
        fails(&dynamic.clone().layer(cut), "cut-off", &format!("/{}", machine.loader), "it is cut off");
        let library = machine.library("libc.so.6");
        let cut = Files::new().program("lib/libc.so.6", &library[..library.len() * 6 / 10]);
        fails(&dynamic.layer(cut), "cut-off", "/lib/libc.so.6", "it is cut off");
    }
    let (pair, short) = (pair(MUSL, &[]), "lib/libpart.so");
    let image = with_pair(MUSL, &pair, short, &[]);
    works(&image);
    let cut = Files::new().program(short, &pair.library[..pair.library.len() / 4]);
    fails(&image.layer(cut), "cut-off", "/lib/libpart.so", "it is cut off");
}

#[test]
fn programs_that_begin_with_nothing_do_not_start() {
    for machine in [AMD64, ARM64] {
        let image =
            |app: &[u8]| Image::new(machine.platform, &["/app"]).layer(Files::new().program("app", app));
        let app = machine.fixed();
        let entry = number(&app, 24, 8);
        let is_in = |[_, address, length, _]: &&[usize; 4]| (*address..address + length).contains(&entry);
        let [offset, address, ..] = *segments(&app).iter().find(is_in).unwrap();
        let mut blank = app.clone();
        blank[entry - address + offset..].fill(0);
        fails(&image(&blank), "no-format", "/app", "nothing but noughts where it begins to run");
    }
    let image = |entry: usize| {
        let mut app = AMD64.fixed();
        app[24..32].copy_from_slice(&(entry as u64).to_le_bytes());
        Image::new("linux/amd64", &["/app"]).layer(Files::new().program("app", &app))
    };
    let app = AMD64.fixed();
    works(&image(number(&app, 24, 8)));
    fails(&image(0), "no-format", "/app", "it does not say where it begins");
    let data = segments(&app).into_iter().find(|segment| segment[3] & 1 == 0).unwrap();
    fails(&image(data[1] + 0x100), "no-format", "/app", "where nothing may be executed");
    fails(&image(0x7000_0000), "no-format", "/app", "where nothing may be executed");
}

#[test]
fn libraries_are_no_programs() {
    let bench = Bench::new();
    let library = bench.compile(AMD64, "libpart.so", PART, &["-shared", "-fPIC"]);
    let image = |app: &[u8]| with_runtime(AMD64, app);
    fails(&image(&library), "no-format", "/app", "it is a library");
    // A library that needs nothing says at least not where it begins.
    let alone = bench.compile(AMD64, "libalone.so", PART, &["-shared", "-fPIC", "-nostdlib"]);
    fails(&image(&alone), "no-format", "/app", "it is a library");
    // A program that runs at any address and needs no loader is a program; so is a loader.
    works(&image(&AMD64.compile(STARTED, &["-static-pie"])));
    let loader = format!("/{}", AMD64.loader);
    works(&image(&AMD64.dynamic()).set("Cmd", json!([loader, "/app"])));
    // As an argument it is a file like others.
    let agent = image(&AMD64.fixed()).layer(Files::new().program("agent.so", &library));
    works(&agent.set("Cmd", json!(["/app", "/agent.so"])));
}

// Loaders -------------------------------------------------------------------------------------------------------

#[test]
fn a_loader_is_executed_and_named_as_the_kernel_has_it() {
    let app = AMD64.dynamic();
    let image = with_runtime(AMD64, &app);
    let closed = Files::new().file(AMD64.loader, AMD64.loader_bytes());
    fails(&image.clone().layer(closed), "wrong-loader", "/app", "nobody may execute");
    let library = AMD64.compile(PART, &["-shared", "-fPIC", "-nostdlib"]);
    let loader = format!("/{}", AMD64.loader);
    let in_its_place = Files::new().program(AMD64.loader, &library);
    fails(&image.layer(in_its_place), "no-format", &loader, "it is a library");

    // A path that is no path from the root is one from the working folder.
    let app = AMD64.compile(STARTED, &["-Wl,--dynamic-linker=own/ld.so"]);
    let image = with_runtime(AMD64, &app);
    let image = image.layer(Files::new().program("srv/own/ld.so", &AMD64.loader_bytes()).folder("other/"));
    works(&image.clone().set("WorkingDir", json!("/srv")));
    fails(&image.clone().set("WorkingDir", json!("/other")), "no-loader", "/app", "own/ld.so");
    fails(&image, "no-loader", "/app", "own/ld.so");
}

#[test]
fn the_c_library_is_told_by_the_loader_that_is_there() {
    let app = AMD64.dynamic();
    let image = Image::new("linux/amd64", &["/app"]).layer(Files::new().program("app", &app));
    let musl = MUSL.runtime(Files::new()).symlink(AMD64.loader, &format!("/{}", MUSL.loader));
    is_unknown(&image.clone().layer(musl), "other-libc", "/app", "built for glibc, and its loader is musl's");
    let other = Files::new().program(AMD64.loader, &AMD64.compile(STARTED, &["-static-pie"]));
    is_unknown(&image.layer(other), "other-libc", "/app", "neither glibc's nor musl's");
    // musl under another name, for a program that asks for it by that.
    let app = MUSL.compile(STARTED, &["-Wl,--dynamic-linker=/opt/c/lib/own.so"]);
    let image = Image::new("linux/amd64", &["/app"]);
    let image =
        image.layer(Files::new().program("app", &app).program("opt/c/lib/own.so", &MUSL.loader_bytes()));
    works(&image);
    // A library that was built for glibc finds its names in no musl.
    let bench = Bench::new();
    bench.compile(AMD64, "libpart.so", PART, &["-shared", "-fPIC", "-Wl,-soname,libpart.so"]);
    let app = bench.compile(MUSL, "app", NEEDS_PART, &["-L.", "-l:libpart.so"]);
    let library =
        bench.compile(AMD64, "libpart.so", PART, &["-shared", "-fPIC", "-Wl,--no-as-needed", "-lc"]);
    let image = with_runtime(MUSL, &app).layer(Files::new().program("lib/libpart.so", &library));
    is_unknown(&image, "other-libc", "/lib/libpart.so", "built for glibc");
}

// Which file is taken -------------------------------------------------------------------------------------------

/// Images that have something by the library's name in `/opt/x`, which comes first, and the library behind it.
fn with_first(machine: Machine, first: Files) -> Image {
    let pair = pair(machine, &[]);
    with_pair(machine, &pair, "usr/lib/libpart.so", &["LD_LIBRARY_PATH=/opt/x"]).layer(first)
}

fn library_of(machine: Machine) -> Files {
    let library = machine.compile(PART, &["-shared", "-fPIC", "-nostdlib"]);
    Files::new().program("opt/x/libpart.so", &library)
}

#[test]
fn the_first_file_that_is_no_elf_file_ends_the_search() {
    for machine in [AMD64, MUSL] {
        let name = "opt/x/libpart.so";
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        for text in [pointer, ""] {
            let image = with_first(machine, Files::new().program(name, text.as_bytes()));
            fails(&image, "wrong-library", "/app", "/opt/x/libpart.so is no ELF file");
        }
        let image = with_first(machine, Files::new().folder("opt/x/libpart.so/"));
        fails(&image, "wrong-library", "/app", "/opt/x/libpart.so is a folder");
        let fixed = with_first(
            machine,
            Files::new().program(name, &machine.compile(STARTED, &["-static", "-no-pie"])),
        );
        fails(&fixed, "wrong-library", "/app", "/opt/x/libpart.so is a program, and no library");
        let dangling = with_first(machine, Files::new().symlink(name, "nowhere"));
        works(&dangling);
    }
}

#[test]
fn glibc_passes_over_other_machines_and_no_programs() {
    for other in [I386, ARMHF, RISCV64] {
        works(&with_first(AMD64, library_of(other)));
    }
    // The other byte order, of the same class, is refused by some loaders before they look at the machine; not by
    // Debian's.
    let swapped = with_first(AMD64, library_of(S390X));
    is_unknown(
        &swapped,
        "unread",
        "/opt/x/libpart.so",
        "it is for s390x, and some loaders do not look further",
    );
    let alone = swapped.layer(Files::new().whiteout("usr/lib/libpart.so"));
    fails(&alone, "wrong-library", "/app", "/opt/x/libpart.so is for s390x");
    for (source, flags) in [(STARTED, &["-no-pie"][..]), (STARTED, &["-pie", "-fPIE"])] {
        let program = Files::new().program("opt/x/libpart.so", &AMD64.compile(source, flags));
        fails(&with_first(AMD64, program), "wrong-library", "/app", "is a program, and no library");
    }
}

#[test]
fn musl_passes_over_nothing_and_takes_programs() {
    for other in [I386, RISCV64, S390X] {
        fails(&with_first(MUSL, library_of(other)), "wrong-library", "/app", "/opt/x/libpart.so is for ");
    }
    let source = format!("{PART}int main(void) {{ return 0; }}\n");
    let program = |flags: &[&str]| Files::new().program("opt/x/libpart.so", &MUSL.compile(&source, flags));
    works(&with_first(MUSL, program(&["-pie", "-fPIE", "-rdynamic"])));
    let image = with_first(MUSL, program(&["-no-pie", "-rdynamic"]));
    is_unknown(&image, "unread", "/opt/x/libpart.so", "it is a program, and is needed as a library");
    // Versions are nothing to it.
    let bench = Bench::new();
    bench.write("old.map", "OLD { global: part; };\n");
    bench.write("new.map", "NEW { global: part; };\n");
    let shared = ["-shared", "-fPIC", "-Wl,-soname,libpart.so"];
    let old =
        bench.compile(MUSL, "libpart.so", PART, &[&shared[..], &["-Wl,--version-script=old.map"]].concat());
    bench.compile(MUSL, "libpart.so", PART, &[&shared[..], &["-Wl,--version-script=new.map"]].concat());
    let app = bench.compile(MUSL, "app", NEEDS_PART, &["-L.", "-l:libpart.so"]);
    works(&with_runtime(MUSL, &app).layer(Files::new().program("lib/libpart.so", &old)));
}

#[test]
fn ways_to_pass_floats_do_not_mix_on_risc_v() {
    let soft = RISCV64.compile(PART, &["-shared", "-fPIC", "-nostdlib", "-march=rv64imac", "-mabi=lp64"]);
    let pair = pair(RISCV64, &[]);
    let image = with_pair(RISCV64, &pair, "usr/lib/libpart.so", &[]);
    let first = Files::new().program("lib/libpart.so", &soft);
    works(&image.clone().layer(first));
    let alone = image.layer(Files::new().program("usr/lib/libpart.so", &soft));
    fails(&alone, "wrong-library", "/app", "/usr/lib/libpart.so is for riscv64, soft float");
}

#[test]
fn what_is_marked_for_another_system_is_refused_by_glibc_alone() {
    let marked = |mut bytes: Vec<u8>| {
        bytes[7] = 9;
        bytes
    };
    for machine in [AMD64, MUSL] {
        let pair = pair(machine, &[]);
        let image = with_pair(machine, &pair, "lib/libpart.so", &[]);
        let library = Files::new().program("lib/libpart.so", &marked(pair.library.clone()));
        if machine.loader == MUSL.loader {
            works(&image.layer(library));
        } else {
            fails(&image.layer(library), "wrong-library", "/app", "/lib/libpart.so is for FreeBSD");
        }
        // The kernel does not look, and whether the program gets along with Linux is not to be seen.
        let image = with_runtime(machine, &marked(machine.fixed()));
        is_unknown(&image, "other-system", "/app", "for FreeBSD");
    }
}

#[test]
fn a_library_without_anything_that_a_loader_reads_is_none() {
    let pair = pair(AMD64, &[]);
    let image = with_pair(AMD64, &pair, "lib/libpart.so", &[]);
    let mut library = pair.library.clone();
    let (first, count) = (number(&library, 32, 8), number(&library, 56, 2));
    for at in (0..count).map(|at| first + 56 * at) {
        // PT_DYNAMIC becomes PT_NULL.
        if number(&library, at, 4) == 2 {
            library[at] = 0;
        }
    }
    let image = image.layer(Files::new().program("lib/libpart.so", &library));
    fails(&image, "wrong-library", "/app", "it has no dynamic section");
}

// Where libraries are looked for --------------------------------------------------------------------------------

/// A library that needs another one, which lies beside it as far as it knows, and a program that needs the first.
fn beside(machine: Machine) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let bench = Bench::new();
    let origin = ["-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags", "-Wl,--allow-shlib-undefined"];
    let second =
        bench.compile(machine, "libsecond.so", PART, &["-shared", "-fPIC", "-Wl,-soname,libsecond.so"]);
    let shared = ["-shared", "-fPIC", "-Wl,-soname,libfirst.so", "-L.", "-l:libsecond.so"];
    let source = "int part(void); int first(void) { return part(); }\n";
    let first = bench.compile(machine, "libfirst.so", source, &[&shared[..], &origin].concat());
    let source = NEEDS_PART.replace("part", "first");
    let flags =
        ["-L.", "-l:libfirst.so", "-Wl,--allow-shlib-undefined", "-Wl,-rpath,/x", "-Wl,--disable-new-dtags"];
    // RUNPATH of the first library hides RPATH of the program from it, but with musl.
    let app = bench.compile(machine, "app", &source, &flags);
    (app, first, second)
}

#[test]
fn the_origin_of_a_library_is_where_it_was_found() {
    let (app, first, second) = beside(AMD64);
    let image = with_runtime(AMD64, &app)
        .layer(Files::new().program("y/libfirst.so", &first).symlink("x/libfirst.so", "../y/libfirst.so"));
    works(&image.clone().layer(Files::new().program("x/libsecond.so", &second)));
    let image = image.layer(Files::new().program("y/libsecond.so", &second));
    fails(&image, "no-library", "/y/libfirst.so", "libsecond.so");

    let (app, first, second) = beside(MUSL);
    let image = with_runtime(MUSL, &app).set("Env", json!(["LD_LIBRARY_PATH=/z"]));
    let image = image
        .layer(Files::new().program("y/libfirst.so", &first).symlink("z/libfirst.so", "../y/libfirst.so"));
    works(&image.clone().layer(Files::new().program("z/libsecond.so", &second)));
    let image = image.layer(Files::new().program("y/libsecond.so", &second));
    fails(&image, "no-library", "/y/libfirst.so", "libsecond.so");
}

#[test]
fn folders_that_are_not_named_from_the_root_are_seen_from_the_working_folder() {
    for machine in [AMD64, MUSL] {
        let bare = pair(machine, &[]);
        let relative = |variable: &str, path: &str| with_pair(machine, &bare, path, &[variable]);
        let in_folder = |image: &Image| image.clone().set("WorkingDir", json!("/srv"));
        let image = relative("LD_LIBRARY_PATH=own", "srv/own/libpart.so");
        works(&in_folder(&image));
        fails(&image.layer(Files::new().folder("srv/")), "no-library", "/app", "libpart.so");
        let image = relative("LD_LIBRARY_PATH=own", "own/libpart.so").layer(Files::new().folder("srv/"));
        works(&image);
        fails(&in_folder(&image), "no-library", "/app", "libpart.so");
        // Nothing between colons is the working folder to glibc, and nothing to musl.
        let image = in_folder(&relative("LD_LIBRARY_PATH=/nowhere:", "srv/libpart.so"));
        if machine.loader == MUSL.loader {
            fails(&image, "no-library", "/app", "libpart.so");
        } else {
            works(&image);
            fails(
                &in_folder(&relative("LD_LIBRARY_PATH=", "srv/libpart.so")),
                "no-library",
                "/app",
                "libpart.so",
            );
        }
        let by_runpath = pair(machine, &["-Wl,-rpath,own", "-Wl,--enable-new-dtags"]);
        let image = with_pair(machine, &by_runpath, "srv/own/libpart.so", &[]);
        works(&in_folder(&image));
        fails(&image, "no-library", "/app", "libpart.so");
    }
    // To glibc, semicolons stand between folders in the variable alone.
    let bare = pair(AMD64, &[]);
    works(&with_pair(AMD64, &bare, "opt/x/libpart.so", &["LD_LIBRARY_PATH=/nowhere;/opt/x"]));
    let by_runpath = pair(AMD64, &["-Wl,-rpath,/nowhere;/opt/x"]);
    fails(&with_pair(AMD64, &by_runpath, "opt/x/libpart.so", &[]), "no-library", "/app", "libpart.so");
}

#[test]
fn a_library_that_is_named_with_a_slash_is_a_path() {
    for machine in [AMD64, MUSL] {
        let bench = Bench::new();
        std::fs::create_dir(bench.path().join("own")).unwrap();
        let library = bench.compile(machine, "own/libpart.so", PART, &["-shared", "-fPIC"]);
        let app = bench.compile(machine, "app", NEEDS_PART, &["own/libpart.so"]);
        let image = with_runtime(machine, &app)
            .layer(Files::new().program("srv/own/libpart.so", &library).program("lib/libpart.so", &library));
        works(&image.clone().set("WorkingDir", json!("/srv")));
        fails(&image, "no-library", "/app", "own/libpart.so");
    }
}

#[test]
fn what_is_loaded_ahead_takes_the_place_of_what_is_needed() {
    for machine in [AMD64, MUSL] {
        let pair = pair(machine, &[]);
        // What is not there is passed over.
        let image = with_pair(machine, &pair, "lib/libpart.so", &["LD_PRELOAD=/nowhere.so libnone.so"]);
        let answer = works(&image);
        assert_found(&answer, "warning", "preload", "/app", "LD_PRELOAD names libnone.so");
        // glibc knows it by the name that it has itself.
        let image = with_pair(machine, &pair, "opt/x/libpart.so", &["LD_PRELOAD=/opt/x/libpart.so"]);
        if machine.loader == MUSL.loader {
            fails(&image, "no-library", "/app", "libpart.so");
        } else {
            works(&image);
        }
        // What it needs in turn has to be there.
        let (_, first, _) = beside(machine);
        let image = with_pair(machine, &pair, "lib/libpart.so", &["LD_PRELOAD=/opt/x/libfirst.so"]);
        let image = image.layer(Files::new().program("opt/x/libfirst.so", &first));
        fails(&image, "no-library", "/opt/x/libfirst.so", "libsecond.so");
    }
}

/// The cache that `ldconfig` makes of an image's folders.
fn ldconfig(image: &Image) -> Files {
    let root = Root::of(image);
    let mut ldconfig = std::process::Command::new("/sbin/ldconfig");
    parts::run("ldconfig", ldconfig.arg("-r").arg(root.path()), b"");
    Files::new().file("etc/ld.so.cache", std::fs::read(root.path().join("etc/ld.so.cache")).unwrap())
}

#[test]
fn of_the_paths_that_a_cache_has_the_first_alone_is_tried() {
    let pair = pair(AMD64, &[]);
    let image = with_pair(AMD64, &pair, "opt/a/libpart.so", &[]).layer(
        Files::new().program("opt/b/libpart.so", &pair.library).file("etc/ld.so.conf", "/opt/a\n/opt/b\n"),
    );
    let image = image.clone().layer(ldconfig(&image));
    works(&image);
    works(&image.clone().layer(Files::new().whiteout("opt/b/libpart.so")));
    fails(&image.layer(Files::new().whiteout("opt/a/libpart.so")), "no-library", "/app", "libpart.so");
}

#[test]
fn who_asks_for_no_folders_of_the_system_finds_nothing_there() {
    let pair = pair(AMD64, &["-Wl,-z,nodefaultlib"]);
    let image = with_pair(AMD64, &pair, "usr/lib/libpart.so", &[]);
    fails(&image, "no-library", "/app", "libpart.so");
    let with_folder = image.clone().layer(Files::new().folder("etc/"));
    fails(&image.clone().layer(ldconfig(&with_folder)), "no-library", "/app", "libpart.so");
    works(&image.set("Env", json!(["LD_LIBRARY_PATH=/lib:/usr/lib"])));
}

#[test]
fn programs_with_rights_of_their_own_may_be_loaded_without_variables() {
    let pair = pair(AMD64, &[]);
    let image = with_pair(AMD64, &pair, "opt/x/libpart.so", &["LD_LIBRARY_PATH=/opt/x"]);
    let set = Files::new().entry(tar::EntryType::Regular, "app", 0o4755, b"", &pair.app);
    let image = image.layer(set);
    works(&image);
    // Whether the engine lets it have them is not to be seen.
    is_unknown(&image.clone().set("User", json!("1000")), "no-library", "/app", "libpart.so");
    let library = Files::new().program("lib/libpart.so", &pair.library);
    assert_eq!(told(&image.layer(library).set("User", json!("1000")), 0)["verdict"], json!("yes"));
}

#[test]
fn folders_without_end_are_looked_into_as_far_as_the_limit() {
    // As many as one word of an environment may have, for each of some libraries.
    let bench = Bench::new();
    let names: Vec<String> = (0..40).map(|number| format!("lib{number}.so")).collect();
    for (number, name) in names.iter().enumerate() {
        let source = format!("int part{number}(void) {{ return 1; }}\n");
        bench.compile(
            AMD64,
            name,
            &source,
            &["-shared", "-fPIC", "-nostdlib", &format!("-Wl,-soname,{name}")],
        );
    }
    let mut flags = vec!["-Wl,--no-as-needed"];
    flags.extend(names.iter().map(String::as_str));
    let app = bench.compile(AMD64, "app", STARTED, &flags);
    let libraries = names.iter().fold(Files::new(), |files, name| {
        files.program(format!("lib/{name}"), &std::fs::read(bench.path().join(name)).unwrap())
    });
    let libraries = libraries.tar();
    let image = |count: usize| {
        let folders: Vec<String> = (0..count).map(|number| format!("{number:x}")).collect();
        let image = with_runtime(AMD64, &app).layer(Files::of(&libraries));
        image.set("Env", json!([format!("LD_LIBRARY_PATH={}", folders.join(":"))]))
    };
    works(&image(100));
    is_unknown(&image(14_000), "unread", "/app", "places where its libraries may be");
}

#[test]
fn what_depends_on_the_processor_can_not_be_told() {
    let pair = pair(AMD64, &["-Wl,-rpath,/opt/$PLATFORM"]);
    let image = with_pair(AMD64, &pair, "opt/haswell/libpart.so", &[]);
    is_unknown(&image, "unread", "/app", "depends on the processor");
}
