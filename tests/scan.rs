//! Texts that name images: each image is found at its line, and what can't be told is told as that.
//!
//! What is expected follows from the Dockerfile reference and the compose specification.

use proptest::prelude::*;
use workson::scan::{Form, MAX_IMAGES, MAX_PROBLEMS, MAX_TEXT, Scan, scan};

/// `LINE IMAGE` for each image, and `LINE! WHAT` for each problem.
fn told(scan: &Scan) -> Vec<String> {
    let images = scan.images.iter().map(|image| format!("{} {}", image.line, image.text));
    let problems = scan.problems.iter().map(|problem| format!("{}! {}", problem.line, problem.what));
    images.chain(problems).collect()
}

/// What is found is what is expected; of a problem, what is expected is a part.
#[track_caller]
fn finds(form: Form, text: &str, expected: &[&str]) {
    let scan = scan(text, Some(form));
    assert_eq!(scan.form, form);
    let told = told(&scan);
    let fits = |(told, expected): (&String, &&str)| match expected.split_once("! ") {
        Some((line, what)) => {
            told.split_once("! ").is_some_and(|told| told.0 == line && told.1.contains(what))
        }
        None => told == expected,
    };
    assert!(
        told.len() == expected.len() && told.iter().zip(expected).all(fits),
        "{text}\nfound {told:#?}\nnot {expected:#?}"
    );
}

#[test]
fn a_list_has_one_image_a_line() {
    finds(
        Form::List,
        "# our stack\n\nnginx:1.27\n  ghcr.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000  # pinned\r\n\
         docker.io/library/nginx:1.27\nNginx\nnot an image\n\tpostgres\n",
        &[
            "3 nginx:1.27",
            "4 ghcr.io/a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "8 postgres",
            "6! write \"nginx\"",
            "7! \"not an image\" is no name of a repository",
        ],
    );
    finds(Form::List, "", &[]);
}

#[test]
fn a_dockerfiles_stages_begin_with_images() {
    for (text, expected) in [
        ("FROM nginx", &["1 nginx"][..]),
        ("from nginx:1 as web\nFrom ALPINE", &["1 nginx:1", "2! write \"alpine\""]),
        ("\n# a comment\n  FROM\tnginx  \r\n", &["3 nginx"]),
        // Stages by name are no images once they are there, in whatever case; nor is scratch.
        (
            "FROM golang AS build\nFROM build AS test\nFROM BUILD\nFROM scratch\nFROM later\nFROM x AS later",
            &["1 golang", "5 later", "6 x"],
        ),
        // Each once, at its first line.
        ("FROM nginx\nFROM alpine\nFROM docker.io/nginx:latest", &["1 nginx", "2 alpine"]),
        // FROM names no stage by its number; COPY does.
        ("FROM nginx\nCOPY --from=0 /a /b", &["1 nginx"]),
        ("FROM nginx\nCOPY --from=1 /a /b", &["1 nginx", "2! no stage 1"]),
        ("FROM nginx AS web server", &["1! FROM takes an image"][..]),
        ("FROM", &["1! FROM takes an image"]),
        ("FROM nginx alpine", &["1! FROM takes an image"]),
        ("FROM nginx # the best", &["1! FROM takes an image"]),
        ("FROM \"nginx\"", &["1 nginx"]),
        ("RUN true", &["1! there is no FROM"]),
        ("", &["1! there is no FROM"]),
        ("FROM nginx\nINCLUDE other", &["1 nginx", "2! \"INCLUDE\" is no instruction"]),
        ("FROM nginx\nhello world", &["1 nginx", "2! \"HELLO\" is no instruction"]),
        // The frontend of the syntax line runs where it is built.
        ("# syntax=docker/dockerfile:1\nFROM nginx", &["2 nginx"]),
    ] {
        finds(Form::Dockerfile, text, expected);
    }
}

#[test]
fn a_dockerfiles_lines_go_on_behind_the_escape_character() {
    for (text, expected) in [
        ("FROM \\\n  nginx", &["1 nginx"][..]),
        ("FROM ngi\\\nnx", &["1 nginx"]),
        ("FROM \\ \t\n# a comment\n\n   # another\n  nginx \\\n  AS web\nFROM web", &["1 nginx"]),
        // What is no instruction of its own names nothing.
        ("FROM nginx\nRUN echo \\\nFROM alpine", &["1 nginx"]),
        ("FROM nginx\nRUN echo \\\n# FROM busybox\nFROM alpine\nFROM redis", &["1 nginx", "5 redis"]),
        // A comment does not go on.
        ("# a comment \\\nFROM nginx", &["2 nginx"]),
        // An escape character that is escaped ends its line.
        ("FROM nginx\nRUN dir c:\\\\\nFROM alpine", &["1 nginx", "3 alpine"]),
        ("# escape=`\nFROM nginx\nRUN dir c:\\\nFROM alp`\nine", &["2 nginx", "4 alpine"]),
        ("#Syntax = x\n# ESCAPE = ` \nFROM `\nnginx", &["3 nginx"]),
        // A directive behind a comment, or behind an instruction, is a comment.
        ("# a comment\n# escape=`\nFROM \\\nnginx", &["3 nginx"]),
        ("FROM alpine\n# escape=`\nFROM \\\nnginx", &["1 alpine", "3 nginx"]),
        ("# escape=x\nFROM nginx", &["1! escape character"]),
        ("FROM nginx \\", &["1 nginx"]),
    ] {
        finds(Form::Dockerfile, text, expected);
    }
}

#[test]
fn a_dockerfiles_texts_within_are_no_instructions() {
    for (text, expected) in [
        ("FROM nginx\nRUN <<EOF\nFROM alpine\n# escape\nEOF\nFROM redis", &["1 nginx", "6 redis"][..]),
        ("FROM nginx\nRUN cat <<-\"EOF\" > a\nFROM alpine\n\tEOF\nFROM redis", &["1 nginx", "5 redis"]),
        ("FROM nginx\nRUN <<EOF\n\tEOF\nFROM alpine\nEOF", &["1 nginx"]),
        ("FROM nginx\nCOPY <<a <<b /x/\nFROM x\nb\na\nFROM y\nb\nFROM redis", &["1 nginx", "8 redis"]),
        ("FROM nginx\nONBUILD RUN 3<<EOF\nFROM alpine\nEOF\nFROM redis", &["1 nginx", "5 redis"]),
        ("FROM nginx\nRUN --mount=from=busybox,target=/b <<EOF\nFROM alpine\nEOF", &["1 nginx", "2 busybox"]),
        // No such text: within quotes, of an arithmetic shift, a here-string, in a list of words, in other instructions.
        ("FROM nginx\nRUN echo \"a <<EOF\"\nFROM alpine", &["1 nginx", "3 alpine"]),
        ("FROM nginx\nRUN echo $((1<<2)) $(( 1 << 2 ))\nFROM alpine", &["1 nginx", "3 alpine"]),
        ("FROM nginx\nRUN cat <<<EOF\nFROM alpine", &["1 nginx", "3 alpine"]),
        ("FROM nginx\nRUN [\"cat\", \"<<EOF\", \"x\"]\nFROM alpine", &["1 nginx", "3 alpine"]),
        ("FROM nginx\nRUN [ -f a ] && cat <<EOF\nFROM alpine\nEOF", &["1 nginx"]),
        ("FROM nginx\nCMD cat <<EOF\nFROM alpine", &["1 nginx", "3 alpine"]),
        ("FROM nginx\nRUN <<EOF\nFROM alpine\nEOF ", &["1 nginx", "2! <<EOF does not end"]),
    ] {
        finds(Form::Dockerfile, text, expected);
    }
}

#[test]
fn a_dockerfiles_arguments_are_put_in_where_the_text_says_what_they_are() {
    for (text, expected) in [
        ("ARG V=1.27\nFROM nginx:$V\nFROM nginx:${V}-alpine", &["2 nginx:1.27", "3 nginx:1.27-alpine"][..]),
        ("ARG A=nginx B=\"1 2\" C='3'\nFROM $A:$C", &["2 nginx:3"]),
        ("ARG A=1\nARG B=nginx:$A\nFROM ${B}", &["3 nginx:1"]),
        ("ARG V\nFROM nginx:${V:-1}\nFROM redis:${V-2}", &["2 nginx:1", "3 redis:2"]),
        ("ARG V=\nFROM nginx:${V:-1}\nFROM redis${V-2}", &["2 nginx:1", "3 redis"]),
        ("ARG V=1\nFROM nginx${V:+:1-alpine}", &["2 nginx:1-alpine"]),
        ("ARG V\nFROM nginx${V:+:1-alpine}", &["2 nginx"]),
        ("ARG V=2\nFROM nginx:${V:-1}", &["2 nginx:2"]),
        ("ARG V=1\nARG V=2\nARG V\nFROM nginx:$V", &["4 nginx:2"]),
        ("FROM nginx:${V:-1}", &["1 nginx:1"]),
        ("ARG S=build\nFROM golang AS build\nFROM $S", &["2 golang"]),
        ("ARG V\nFROM nginx:$V", &["2! its image hangs on ARG V, which has no default"]),
        ("ARG V\nARG W=1-$V\nFROM nginx:$W", &["3! its image hangs on ARG V, which has no default"]),
        ("ARG V\nFROM nginx:${V:?wanted}", &["2! hangs on ARG V"]),
        ("FROM nginx:$V", &["1! hangs on V, for which there is no ARG before the first FROM"]),
        // An ARG of a stage is that stage's.
        ("FROM alpine\nARG V=1\nFROM nginx:$V", &["1 alpine", "3! no ARG before the first FROM"]),
        ("FROM a/b-$TARGETARCH", &["1! its image hangs on TARGETARCH, which each build says anew"]),
        ("ARG I=a/b-$TARGETARCH\nFROM $I", &["2! hangs on TARGETARCH"]),
        ("FROM a/b$TARGETVARIANT", &["1! hangs on TARGETVARIANT"]),
        ("ARG TARGETARCH=amd64\nFROM a/b-$TARGETARCH", &["2 a/b-amd64"]),
        ("ARG V=1.2.3\nFROM nginx:${V%.*}", &["2! has ${V…} in a form that is not read"]),
        ("FROM nginx:${V", &["1! ${ that is not closed"]),
        ("ARG V=\nFROM $V", &["2! the name of the image is empty"]),
    ] {
        finds(Form::Dockerfile, text, expected);
    }
    // Each holds the one before twice.
    let doubled: String = (1..60).map(|at| format!("ARG A{at}=$A{}$A{}\n", at - 1, at - 1)).collect();
    finds(Form::Dockerfile, &format!("ARG A0=nginx\n{doubled}FROM $A59"), &["61! longer than"]);
}

#[test]
fn a_dockerfiles_stages_are_for_the_platform_that_is_built_for_unless_they_say_otherwise() {
    for (text, expected) in [
        ("FROM --platform=$TARGETPLATFORM nginx", &["1 nginx"][..]),
        // These run where it is built.
        ("FROM --platform=$BUILDPLATFORM golang AS build\nFROM nginx\nCOPY --from=build /a /a", &["2 nginx"]),
        ("FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:$V AS build\nFROM nginx", &["2 nginx"]),
        ("FROM --platform=$BUILDOS/$BUILDARCH golang AS build\nFROM nginx", &["2 nginx"]),
        ("ARG P=$BUILDPLATFORM\nFROM --platform=$P golang AS build\nFROM nginx", &["3 nginx"]),
        // The image is of the last stage, and that one of where it is built.
        (
            "FROM nginx AS a\nFROM --platform=$BUILDPLATFORM golang\nCOPY --from=a /a /a",
            &["1 nginx", "2! the last stage is of the machine that builds"],
        ),
        (
            "FROM --platform=$BUILDPLATFORM golang AS b\nFROM nginx AS a\nFROM b",
            &["2 nginx", "3! the last stage is of the machine that builds"],
        ),
        ("FROM --platform=$BUILDPLATFORM golang", &["1! the last stage is of the machine that builds"]),
        ("FROM nginx AS a\nFROM --platform=$BUILDPLATFORM a", &["1 nginx"]),
        ("FROM nginx\nADD --from=redis a b", &["1 nginx", "2! ADD takes no --from"]),
        ("FROM --platform=linux/amd64 nginx", &["1! nginx is pinned to linux/amd64 whatever is built for"]),
        ("FROM --platform=\"linux/arm64\" nginx AS a\nFROM a", &["1! pinned to linux/arm64"]),
        ("ARG P=linux/amd64\nFROM --platform=$P nginx", &["2! pinned to linux/amd64"]),
        (
            "ARG BUILDPLATFORM=linux/amd64\nFROM --platform=$BUILDPLATFORM nginx",
            &["2! pinned to linux/amd64"],
        ),
        ("FROM --platform=linux/amd64 scratch", &["1! pinned to linux/amd64"]),
        ("ARG P\nFROM --platform=$P nginx", &["2! its platform hangs on ARG P"]),
        ("FROM --platform=linux/$TARGETARCH nginx", &["1! its platform hangs on TARGETARCH"]),
    ] {
        finds(Form::Dockerfile, text, expected);
    }
}

#[test]
fn what_a_dockerfile_copies_and_mounts_from_is_an_image_unless_it_is_a_stage() {
    for (text, expected) in [
        ("FROM nginx\nCOPY --from=busybox:1 /bin/sh /sh", &["1 nginx", "2 busybox:1"][..]),
        ("FROM nginx\nCOPY --chown=1:1 --from=busybox --link /a /b", &["1 nginx", "2 busybox"]),
        ("FROM nginx AS Web\nCOPY --from=web /a /b\nCOPY --from=WEB /a /b", &["1 nginx"]),
        ("FROM nginx\nCOPY --from=scratch /a /b\nCOPY a b", &["1 nginx"]),
        ("FROM nginx\nCOPY --from=$V /a /b", &["1 nginx", "2! variables are not put in"]),
        ("FROM nginx\nCOPY --from=Busybox /a /b", &["1 nginx", "2! write \"busybox\""]),
        ("FROM nginx\nRUN --mount=type=bind,from=busybox,target=/b ls", &["1 nginx", "2 busybox"]),
        (
            "FROM nginx AS a\nRUN --network=none --mount=from=a,target=/a \\\n --mount=target=/b,From=redis ls",
            &["1 nginx", "2 redis"],
        ),
        ("FROM nginx\nRUN --mount=from=$v,target=/b ls", &["1 nginx", "2! variables are not put in"]),
        // A flag is one before the command alone.
        ("FROM nginx\nRUN tool --mount=from=busybox --from=busybox", &["1 nginx"]),
        ("FROM nginx\nRUN -- --mount=from=busybox", &["1 nginx"]),
        // For who builds on it.
        ("FROM nginx\nONBUILD COPY --from=busybox /a /b", &["1 nginx"]),
    ] {
        finds(Form::Dockerfile, text, expected);
    }
}

#[test]
fn a_compose_files_services_have_images() {
    for (text, expected) in [
        (
            "services:\n  web:\n    image: nginx:1.27\n  db: {image: 'postgres'}\n",
            &["3 nginx:1.27", "4 postgres"][..],
        ),
        ("name: x\nservices:\n  a: {image: nginx}\n  b: {image: docker.io/library/nginx}\n", &["3 nginx"]),
        ("services:\n  a:\n    image: Nginx\n", &["3! write \"nginx\""]),
        ("services:\n  a:\n    command: x\n", &["2! service \"a\" has neither an image nor a build"]),
        ("services:\n  a:\n    image:\n", &["2! neither an image nor a build"]),
        ("services:\n  a: nginx\n", &["2! neither an image nor a build"]),
        ("services:\n  a:\n    image: 1.5\n", &["3! the image of service \"a\" is no text"]),
        ("services:\n  1: {image: nginx}\n", &["2 nginx"]),
        (
            "services:\n  a: {build: .}\n",
            &["2! service \"a\" is built from its own Dockerfile; check that one"],
        ),
        (
            "services:\n  a:\n    image: ours/a\n    build: {context: .}\n",
            &["2! is built from its own Dockerfile"],
        ),
        (
            "services:\n  a:\n    image: nginx\n    platform: linux/amd64\n",
            &["4! service \"a\" is pinned to linux/amd64 whatever is asked for"],
        ),
        ("services:\n  a:\n    image: nginx\n    platform: ${P:-}\n", &["3 nginx"]),
        (
            "services:\n  a:\n    image: nginx\n    platform: $P\n",
            &["4! the platform of service \"a\" hangs on the variable P"],
        ),
        (
            "services:\n  a:\n    image: nginx\n    volumes:\n      - {type: image, source: busybox, target: /b}\n      - ./a:/a\n",
            &["3 nginx", "5! service \"a\" mounts an image"],
        ),
        ("services: {}\n", &["1! there are no services"]),
        ("web:\n  image: nginx\n", &["1! there are no services"]),
        ("- a\n", &["1! there are no services"]),
        ("", &["1! there are no services"]),
        (
            "include:\n  - other.yaml\nservices:\n  a: {image: nginx}\n",
            &["4 nginx", "2! includes other files"],
        ),
        ("services:\n  a: {image: nginx\n", &["2! this is no YAML"]),
        ("services:\n  a: {image: nginx}\n  a: {image: redis}\n", &["3! this is no YAML"]),
        ("services:\n  a:\n    image: !reset nginx\n", &["3 nginx", "3! !reset"]),
    ] {
        finds(Form::Compose, text, expected);
    }
}

#[test]
fn a_compose_files_anchors_merges_and_extensions_are_put_in() {
    for (text, expected) in [
        (
            "x-image: &image nginx:1\nservices:\n  a: {image: *image}\n  b: {image: *image}\n",
            &["1 nginx:1"][..],
        ),
        (
            "x-base: &base\n  image: nginx\n  restart: always\nservices:\n  a:\n    <<: *base\n  b:\n    <<: *base\n    image: redis\n",
            &["2 nginx", "9 redis"],
        ),
        (
            "x-a: &a {image: nginx}\nx-b: &b {platform: linux/amd64}\nservices:\n  s:\n    <<: [*a, *b]\n",
            &["2! pinned to linux/amd64"],
        ),
        (
            "x-a: &a {build: .}\nservices:\n  s:\n    <<: *a\n    image: nginx\n",
            &["3! built from its own Dockerfile"],
        ),
        ("services:\n  s: {image: *nobody}\n", &["2! this is no YAML"]),
        // A service takes from another what it does not have itself.
        (
            "services:\n  a: {image: nginx}\n  b:\n    extends: {service: a}\n  c:\n    extends: a\n    image: redis\n",
            &["2 nginx", "7 redis"],
        ),
        (
            "services:\n  a: {build: .}\n  b:\n    extends: {service: a}\n    image: nginx\n",
            &["2! \"a\" is built", "3! \"b\" is built"],
        ),
        (
            "services:\n  a: {image: nginx, platform: linux/amd64}\n  b:\n    extends: a\n    image: redis\n",
            &["2! \"a\" is pinned", "2! \"b\" is pinned"],
        ),
        (
            "services:\n  a:\n    extends:\n      file: base.yaml\n      service: a\n",
            &["4! service \"a\" extends a service that is not in this file"],
        ),
        (
            "services:\n  a:\n    image: nginx\n    extends: {file: base.yaml, service: a}\n",
            &["3 nginx", "4! not in this file"],
        ),
        ("services:\n  a:\n    extends: b\n", &["3! not in this file"]),
        ("services:\n  a:\n    extends: a\n", &["3! extends services that extend others"]),
    ] {
        finds(Form::Compose, text, expected);
    }
}

#[test]
fn a_compose_files_variables_are_their_defaults() {
    for (image, expected) in [
        ("nginx:${V:-1.27}", &["3 nginx:1.27"][..]),
        ("nginx:${V-1.27}", &["3 nginx:1.27"]),
        ("${REGISTRY:-docker.io}/${NAME:-a/${B:-b}}:${V:-1}", &["3 docker.io/a/b:1"]),
        ("nginx${V:+:1.27}", &["3 nginx"]),
        ("nginx:$V", &["3! the image of service \"a\" hangs on the variable V, which has no default"]),
        ("nginx:${V}", &["3! hangs on the variable V, which has no default"]),
        ("nginx:${V:?say which}", &["3! hangs on the variable V"]),
        ("nginx:${V?say which}", &["3! hangs on the variable V"]),
        // A dollar, which is in no reference.
        ("nginx:$$V", &["3! \"$V\" is no tag"]),
        ("nginx:${V", &["3! ${ that is not closed"]),
        ("nginx:${V:-${W}}", &["3! the variable W"]),
    ] {
        finds(Form::Compose, &format!("services:\n  a:\n    image: \"{image}\"\n"), expected);
    }
}

#[test]
fn a_text_is_taken_for_what_it_looks_like() {
    for (text, form) in [
        ("nginx\nredis", Form::List),
        ("", Form::List),
        ("# services:\nnginx", Form::List),
        ("FROM nginx", Form::Dockerfile),
        (
            "\u{feff}# syntax=docker/dockerfile:1\n\n# ours\nARG A=1 \\\n  B=2\narg C\nfrom nginx:$A",
            Form::Dockerfile,
        ),
        ("RUN x\nFROM nginx", Form::List),
        ("FROM alpine\nRUN <<EOF\nservices:\nEOF", Form::Dockerfile),
        ("version: '3'\nservices:\n  a: {image: nginx}", Form::Compose),
        ("services:\r\n  a: {image: nginx}", Form::Compose),
        ("x:\n  services:\n    a", Form::List),
    ] {
        assert_eq!(scan(text, None).form, form, "{text}");
    }
    let dockerfile = scan("\u{feff}FROM nginx", None);
    assert_eq!(told(&dockerfile), ["1 nginx"]);
    for form in Form::ALL {
        assert_eq!(Form::from_name(form.name()), Some(form));
    }
}

#[test]
fn what_is_too_much_is_told_once() {
    let long = format!("nginx\n{}", "#".repeat(MAX_TEXT));
    assert_eq!(
        told(&scan(&long, None)),
        [format!("1! it is longer than {MAX_TEXT} bytes, which is as much as is read")]
    );
    let just = format!("nginx\n{}", "#".repeat(MAX_TEXT - 6));
    assert_eq!(told(&scan(&just, None)), ["1 nginx"]);
    // Not within a character.
    assert_eq!(scan(&"ä".repeat(MAX_TEXT), None).problems.len(), 1);

    let names = |count: usize| (0..count).map(|at| format!("a{at}\n")).collect::<String>();
    let all = scan(&names(MAX_IMAGES), None);
    assert_eq!((all.images.len(), all.problems.len()), (MAX_IMAGES, 0));
    let more = scan(&names(MAX_IMAGES + 20), None);
    assert_eq!(more.images, all.images);
    assert_eq!(more.problems.len(), 1);
    assert_eq!(more.problems[0].line, MAX_IMAGES + 1);
    assert!(more.problems[0].what.contains("more than 100 images"));
    // The same image again is no further one.
    let again = format!("{}{}", names(MAX_IMAGES), names(MAX_IMAGES));
    assert_eq!(scan(&again, None), all);

    let bad = scan(&"A\n".repeat(1000), None);
    assert_eq!(bad.problems.len(), MAX_PROBLEMS + 1);
    assert!(bad.problems[MAX_PROBLEMS].what.contains("more than 100 problems"));
    let wide = scan(&format!("FROM x\n{}", "X".repeat(60_000)), None);
    assert!(wide.problems[0].what.chars().count() < 500);
    assert_eq!(told(&scan("nginx\na\0b", None)), ["2! there is a NUL character, so it is no text"]);
}

/// Documents that are small and stand for large ones, or stand deep.
fn hostile() -> Vec<String> {
    let laughs: String =
        (1..30).map(|at| format!("x{at}: &a{at} [{}]\n", format!("*a{},", at - 1).repeat(9))).collect();
    let merges: String =
        (1..30).map(|at| format!("x{at}: &m{at} {{<<: [*m{}, *m{}], k{at}: v}}\n", at - 1, at - 1)).collect();
    let services = |count: usize, one: &dyn Fn(usize) -> String| {
        format!("services:\n{}", (0..count).map(one).collect::<String>())
    };
    let merged: String =
        (1..600).map(|at| format!("x{at}: &m{at} {{<<: *m{}, k{at}: v}}\n", at - 1)).collect();
    vec![
        format!("x0: &m0 {{image: nginx, build: .}}\n{merged}services: {{a: *m599}}\n"),
        format!("services: {}{}", "[".repeat(200), "]".repeat(200)),
        format!("services: {}1{}", "{a: ".repeat(60), "}".repeat(60)),
        format!("x0: &a0 lol\n{laughs}services: {{a: {{image: *a29}}}}\n"),
        format!("x0: &m0 {{image: nginx}}\n{merges}services: {{a: *m29}}\n"),
        format!("services: {}", "[".repeat(60_000)),
        format!("services: {}", "{a: ".repeat(15_000)),
        (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        "- ".repeat(30_000),
        "&a ".repeat(20_000),
        "services: &a {a: *a}\n".to_owned(),
        "services: {? [a, b] : c}\n".to_owned(),
        "!!binary x: !<tag:x> y\nservices: !!set {a, b}\n".to_owned(),
        "a: 1\n---\nservices: {a: {image: nginx}}\n".to_owned(),
        services(2_000, &|at| format!("  a{at}: {{extends: a{}}}\n", at + 1)),
        services(2_000, &|_| "  a: {extends: a}\n".to_owned()),
        services(1, &|_| format!("  a: {{image: \"{}\"}}\n", "${a:-".repeat(10_000))),
        services(1, &|_| format!("  a: {{image: \"{}{}\"}}\n", "${a:-".repeat(9_000), "}".repeat(9_000))),
    ]
}

#[test]
fn hostile_documents_are_refused_or_read_in_little_time_and_space() {
    for text in hostile() {
        assert!(text.len() <= MAX_TEXT, "{}", &text[..100]);
        let scan = scan(&text, Some(Form::Compose));
        assert!(!scan.problems.is_empty(), "{}", &text[..text.len().min(100)]);
        assert!(scan.images.is_empty(), "{}", &text[..text.len().min(100)]);
    }
}

fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

const DOCKERFILE: &[&str] = &[
    "FROM ",
    "nginx",
    " AS a",
    "\n",
    "\n",
    "\\\n",
    "# ",
    "escape=`",
    "`\n",
    "ARG ",
    "A",
    "=",
    "$A",
    "${A",
    ":-",
    "}",
    "\"",
    "'",
    "\\",
    "COPY ",
    "--from=",
    "0",
    "RUN ",
    "--mount=",
    ",",
    "<<",
    "-",
    "EOF",
    "--platform=",
    "$BUILDPLATFORM",
    "ONBUILD ",
    " ",
    "\t",
    "ä",
    "[\"a\"]",
    "\r\n",
    "$",
    "--",
];

const COMPOSE: &[&str] = &[
    "services:",
    "\n",
    "\n  ",
    "\n    ",
    "a",
    ": ",
    "image",
    "nginx",
    "build",
    "platform",
    "extends",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&b ",
    "*b",
    "<<",
    "\"",
    "'",
    "${V",
    ":-",
    "}",
    "$$",
    "- ",
    "? ",
    "!reset ",
    "|",
    ">",
    "#",
    "---\n",
    "include",
    "\t",
    "ä",
];

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_lines_are_those_of_the_text(
        text in prop_oneof![any::<String>(), "(?s).{0,400}", pieces(DOCKERFILE), pieces(COMPOSE)],
    ) {
        let lines = text.lines().count().max(1);
        for form in [None, Some(Form::List), Some(Form::Dockerfile), Some(Form::Compose)] {
            let found = scan(&text, form);
            for image in &found.images {
                prop_assert!((1..=lines).contains(&image.line), "{:?}", image);
                prop_assert_eq!(&image.text.parse::<workson_oci::Reference>().unwrap(), &image.reference);
            }
            for problem in &found.problems {
                // A parser may find what is missing behind the last line.
                prop_assert!((1..=lines + 1).contains(&problem.line), "{:?}", problem);
            }
        }
    }
}
