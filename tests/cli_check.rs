//! `workson check` on the history that comes with the program: yes, no or unknown, for every spelling of a name.
//! Dates are those of `git log --first-parent` in docker-library/official-images, UTC committer dates.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use cli_support::{Home, Ran, settled};
use insta::assert_snapshot;
use serde_json::{Value, json};

const YES: i32 = 0;
const NO: i32 = 1;
const UNKNOWN: i32 = 2;

fn check(arguments: &[&str]) -> Ran {
    Home::new().run(&[&["check"], arguments].concat())
}

/// The answer for one name, with the exit code that has to go with it.
fn told(arguments: &[&str]) -> Value {
    let ran = check(&[arguments, &["--json"]].concat());
    let answers = ran.json();
    let [answer] = answers.as_array().unwrap().as_slice() else { panic!("not one answer: {answers}") };
    let code = match answer["verdict"].as_str().unwrap() {
        "yes" => YES,
        "no" => NO,
        "unknown" => UNKNOWN,
        other => panic!("{other} is no verdict"),
    };
    assert_eq!(ran.code, Some(code), "{answer}");
    answer.clone()
}

fn platform<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let platforms = answer["platforms"].as_array().unwrap();
    platforms
        .iter()
        .find(|platform| platform["platform"] == name)
        .unwrap_or_else(|| panic!("no {name}: {answer}"))
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

// Yes, no, unknown ------------------------------------------------------------------------------------------------

#[test]
fn an_image_that_names_the_platform_is_a_yes() {
    let answer = told(&["nginx"]);
    let arm64 = platform(&answer, "linux/arm64");
    assert_eq!(answer["platforms"][0], *arm64, "linux/arm64 comes first");
    assert_eq!(
        (&arm64["verdict"], &arm64["rung"], &arm64["since"], &arm64["sinceOrigin"], &arm64["orBefore"]),
        (
            &json!("yes"),
            &json!("declared"),
            &json!("2017-09-06T17:25:54Z"),
            &json!("3c2f13cbb962bdd3df27f0166187a97239c1bba6"),
            &json!(false)
        )
    );
    assert_eq!(
        (&arm64["lostAt"], &arm64["note"], &arm64["reason"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(strings(&arm64["tags"])[0], "latest");
    assert_eq!(platform(&answer, "linux/riscv64")["since"], "2024-12-03T00:30:34Z");
    // It has arm32v6 by its alpine tags alone.
    let v6 = platform(&answer, "linux/arm/v6");
    assert_eq!((&v6["verdict"], &v6["since"]), (&json!("yes"), &json!("2018-02-20T21:53:47Z")));
    assert!(!strings(&v6["tags"]).is_empty());
    assert!(strings(&v6["tags"]).iter().all(|tag| tag.contains("alpine")), "{v6}");
}

#[test]
fn an_image_that_does_not_name_the_platform_is_a_no() {
    let answer = told(&["nginx", "-p", "linux/mips64le"]);
    let mips = platform(&answer, "linux/mips64le");
    assert_eq!(
        (&mips["verdict"], &mips["rung"], &mips["lostAt"], &mips["tags"]),
        (&json!("no"), &json!("declared"), &json!("2025-12-24T05:09:44Z"), &json!([]))
    );
    let windows = told(&["nginx", "-p", "windows-amd64"]);
    assert_eq!(
        (&windows["platforms"][0]["platform"], &windows["verdict"], &windows["platforms"][0]["lostAt"]),
        (&json!("windows/amd64"), &json!("no"), &Value::Null)
    );
    assert_eq!(
        check(&["nginx", "-p", "linux/mips64le", "-q"]).exits(NO).text(),
        "nginx on linux/mips64le: no, declared; it had it until 2025-12-24\n"
    );
    assert_eq!(
        check(&["nginx", "-p", "windows/amd64", "-q"]).exits(NO).text(),
        "nginx on windows/amd64: no, declared; it never had it\n"
    );
}

#[test]
fn an_image_that_is_gone_is_unknown_and_says_since_when_and_how_it_was_then() {
    // `git log --diff-filter=D -- library/java library/mono`: java never had arm64v8, mono had it to the end.
    let java = told(&["java"]);
    assert_eq!(java["reason"], "it is gone since 2017-06-08T19:31:20Z");
    let arm64 = &java["platforms"][0];
    assert_eq!(
        (&arm64["reason"], &arm64["lostAt"]),
        (
            &json!("it is no official image any more since 2017-06-08; it did not have the platform then"),
            &Value::Null
        )
    );
    let mono = told(&["mono"]);
    assert_eq!(
        (&mono["platforms"][0]["reason"], &mono["platforms"][0]["lostAt"]),
        (
            &json!(
                "it is no official image any more since 2025-08-18; it had the platform from 2017-08-21 to 2025-08-18"
            ),
            &json!("2025-08-18T22:38:46Z")
        )
    );
    assert_eq!(mono["suggestions"], json!([]));
    assert_snapshot!(settled(check(&["java", "-p", "linux/arm64"]).exits(UNKNOWN).text()), @r"
    java on linux/arm64: unknown: it is no official image any more since 2017-06-08; it did not have the platform then
      how sure: not at all
      surer: `workson query java --platform linux/arm64` asks the registry (published)
      known from: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
}

#[test]
fn an_image_that_went_and_came_back_is_there() {
    // library/kibana was away from 2017-09-12 to 2017-10-24, and named no arm64v8 before 2021-06-05.
    let answer = told(&["kibana"]);
    assert_eq!((&answer["reason"], &answer["verdict"]), (&Value::Null, &json!("yes")));
    assert_eq!(platform(&answer, "linux/amd64")["since"], "2017-10-24T16:27:06Z");
    assert_eq!(platform(&answer, "linux/arm64")["since"], "2021-06-05T00:14:33Z");
    // percona named nothing at all for some weeks.
    let percona = told(&["percona", "-p", "linux/amd64"]);
    assert_eq!(percona["platforms"][0]["since"], "2024-12-20T20:28:23Z");
}

#[test]
fn the_text_of_a_check() {
    let ran = check(&["nginx", "-p", "linux/arm64", "-p", "linux/mips64le", "-p", "windows-amd64"]).exits(NO);
    // Its tags change every few weeks.
    let (said, tags) = ran.text().split_once("latest 1.").unwrap();
    assert_snapshot!(settled(said), @r"
    nginx on linux/arm64: yes, declared since 2017-09-06, by its tag latest
      how sure: its maintainers name the platform; whether a registry serves it was not asked
      surer: `workson query nginx --platform linux/arm64` asks the registry (published)
    nginx on linux/mips64le: no, declared; it had it until 2025-12-24
      how sure: its maintainers do not name the platform; whether a registry serves it all the same was not asked
      surer: `workson query nginx --platform linux/mips64le` asks the registry (published)
    nginx on windows/amd64: no, declared; it never had it
      how sure: its maintainers do not name the platform; whether a registry serves it all the same was not asked
      surer: `workson query nginx --platform windows/amd64` asks the registry (published)
      known from: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson

    PLATFORM        ANSWER  RUNG      SINCE            TAGS
    linux/arm64     yes     declared  2017-09-06
    ");
    assert_snapshot!(tags.split_once('\n').unwrap().1, @r"
    linux/mips64le  no      declared  lost 2025-12-24
    windows/amd64   no      declared
    ");
    // Without --platform all that the image has or had is told, and linux/arm64 alone decides.
    let ran = check(&["nginx"]).exits(YES);
    let rows: Vec<&str> = ran.text().lines().skip_while(|line| !line.starts_with("PLATFORM")).collect();
    let told: Vec<&str> = rows[1..].iter().map(|row| row.split_whitespace().next().unwrap()).collect();
    assert_eq!(
        told,
        [
            "linux/arm64",
            "linux/386",
            "linux/amd64",
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/mips64le",
            "linux/ppc64le",
            "linux/riscv64",
            "linux/s390x",
            "windows/amd64"
        ]
    );
    assert!(rows[7].contains("no") && rows[7].contains("lost 2025-12-24"), "{}", rows[7]);
    assert_eq!(ran.text().lines().filter(|line| line.starts_with("nginx on ")).count(), 1);
}

// Names -----------------------------------------------------------------------------------------------------------

#[test]
fn one_image_has_many_names() {
    let expected = told(&["nginx"]);
    for name in [
        "library/nginx",
        "docker.io/nginx",
        "docker.io/library/nginx",
        "index.docker.io/library/nginx",
        " nginx ",
    ] {
        let mut answer = told(&[name]);
        assert_eq!(answer["name"], name, "as it was asked for");
        answer["name"] = json!("nginx");
        assert_eq!(answer, expected, "{name}");
    }
}

#[test]
fn a_tag_is_asked_about_alone() {
    // Of nginx, latest is Debian's and has no arm32v6.
    let latest = told(&["nginx:latest", "-p", "linux/arm/v6"]);
    assert_eq!(
        (&latest["image"], &latest["tag"], &latest["verdict"]),
        (&json!("nginx"), &json!("latest"), &json!("no"))
    );
    let alpine = told(&["docker.io/library/nginx:alpine", "-p", "linux/arm/v6"]);
    assert_eq!(
        (&alpine["tag"], &alpine["verdict"], &alpine["platforms"][0]["tags"]),
        (&json!("alpine"), &json!("yes"), &json!(["alpine"]))
    );
    // What comes with the program has all of latest's time, and of other tags only what is now.
    assert_eq!(told(&["nginx:latest"])["platforms"][0]["orBefore"], false);
    assert_eq!(platform(&told(&["nginx:latest"]), "linux/arm64")["since"], "2017-09-06T17:25:54Z");
    assert_eq!(alpine["platforms"][0]["orBefore"], true);
    let ran = check(&["nginx:alpine", "-p", "linux/arm/v6", "-q"]).exits(YES);
    assert!(ran.text().starts_with("nginx:alpine on linux/arm/v6: yes, declared since "), "{}", ran.text());
    assert!(ran.text().ends_with(" or before, by its tag alpine\n"), "{}", ran.text());
}

#[test]
fn what_a_tag_had_before_is_not_known_without_an_import() {
    // By git, nginx:stable had mips64le until 2025-12-24 (1.28.0 on Debian).
    let ran = check(&["nginx:stable", "-p", "linux/mips64le", "-q"]).exits(NO);
    assert!(!ran.text().contains("never"), "{}", ran.text());
}

#[test]
fn a_tag_that_is_not_there_is_unknown_with_those_that_are() {
    let answer = told(&["nginx:nope"]);
    assert_eq!((&answer["verdict"], &answer["suggestions"]), (&json!("unknown"), &json!([])));
    let head = answer["source"]["headAt"].as_str().unwrap()[..10].to_owned();
    assert_eq!(answer["reason"], format!("nginx had no tag nope on {head}"));
    let answer = told(&["nginx:alpin"]);
    assert_eq!(strings(&answer["suggestions"])[0], "nginx:alpine");
    let answer = told(&["nginx:latst"]);
    assert_eq!(strings(&answer["suggestions"])[0], "nginx:latest");
    let ran = check(&["nginx:latst", "-q"]).exits(UNKNOWN);
    assert!(ran.text().contains("\n  did you mean nginx:latest"), "{}", ran.text());
}

#[test]
fn a_digest_is_understood_as_the_image_that_it_is_of() {
    let digest = format!("sha256:{}", "01".repeat(32));
    let answer = told(&[&format!("nginx@{digest}")]);
    assert_eq!((&answer["image"], &answer["tag"]), (&json!("nginx"), &Value::Null));
    let answer = told(&[&format!("nginx:alpine@{digest}")]);
    assert_eq!((&answer["image"], &answer["tag"]), (&json!("nginx"), &json!("alpine")));
    check(&["nginx@sha256:0123"]).exits(UNKNOWN).says("nginx@sha256:0123: ");
}

#[test]
fn of_a_digest_nothing_is_known() {
    let name = format!("nginx@sha256:{}", "01".repeat(32));
    let ran = check(&[&name]).exits(UNKNOWN);
    let first = ran.text().lines().next().unwrap();
    let reason = "what is known is known of tags, and a digest was asked about";
    assert_eq!(first, format!("{name} on linux/arm64: unknown: {reason}"));
    // What would tell is asked for by the digest.
    let raise = format!("`workson query {name} --platform linux/arm64`");
    assert!(ran.text().contains(&raise), "{}", ran.text());
    let answer = told(&[&name, "-p", "linux/arm64", "-p", "linux/amd64"]);
    for platform in answer["platforms"].as_array().unwrap() {
        assert_eq!((&platform["verdict"], &platform["reason"]), (&json!("unknown"), &json!(reason)));
        assert_eq!((&platform["rung"], &platform["tags"]), (&Value::Null, &json!([])));
    }
}

#[test]
fn an_image_of_which_nothing_is_known_is_unknown_with_what_would_tell() {
    let answer = told(&["ghcr.io/x/y:1.2"]);
    assert_eq!(
        (&answer["image"], &answer["tag"], &answer["verdict"], &answer["reason"], &answer["suggestions"]),
        (
            &json!("ghcr.io/x/y"),
            &json!("1.2"),
            &json!("unknown"),
            &json!("nothing is known of an image called ghcr.io/x/y"),
            &json!([])
        )
    );
    let arm64 = platform(&answer, "linux/arm64");
    assert_eq!(
        (&arm64["verdict"], &arm64["rung"], &arm64["since"], &arm64["observedAt"], &arm64["sure"]),
        (&json!("unknown"), &Value::Null, &Value::Null, &Value::Null, &json!("not at all"))
    );
    assert!(
        arm64["raise"]
            .as_str()
            .unwrap()
            .starts_with("`workson query ghcr.io/x/y:1.2 --platform linux/arm64`")
    );
    // An image in a namespace that is called like an official one is another one.
    assert_eq!(told(&["me/nginx"])["reason"], "nothing is known of an image called me/nginx");
    assert_eq!(told(&["quay.io/library/nginx"])["verdict"], "unknown");
    assert_snapshot!(settled(check(&["ghcr.io/x/y"]).exits(UNKNOWN).text()), @r"
    ghcr.io/x/y on linux/arm64: unknown: nothing is known of an image called ghcr.io/x/y
      surer: `workson query ghcr.io/x/y --platform linux/arm64` asks the registry (published)
      known from: github.com/docker-library/official-images at COMMIT of DAY, AGE ago, as it comes with workson
    ");
}

#[test]
fn what_is_no_name_is_refused_with_a_sentence() {
    for (name, said) in [
        ("NGINX", "the repository \"NGINX\" has upper-case letters; write \"nginx\""),
        ("Library/Nginx", "has upper-case letters"),
        ("", "the name of the image is empty"),
        ("   ", "the name of the image is empty"),
        ("nginx:", "\"\" is no tag"),
        ("nginx:-x", "\"-x\" is no tag"),
        ("https://docker.io/nginx", "https://docker.io/nginx: "),
        ("nginx latest", "nginx latest: "),
    ] {
        let ran = check(&[name]).exits(UNKNOWN).says(said);
        assert!(ran.stdout.is_empty(), "{name}: {}", ran.text());
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    check(&[]).exits(UNKNOWN).says("<NAME>...");
    check(&["nginx", "-p", "linux/arm46"]).exits(UNKNOWN).says("did you mean arm64?");
}

#[test]
fn a_misspelt_name_has_the_right_one_suggested_first() {
    for (wrong, right) in [
        ("ngnix", "nginx"),
        ("postgress", "postgres"),
        ("pyhton", "python"),
        ("mysq", "mysql"),
        ("rediss", "redis"),
        ("ubunto", "ubuntu"),
        ("debain", "debian"),
        ("alpin", "alpine"),
        ("wordpres", "wordpress"),
        ("elasticsearh", "elasticsearch"),
        ("mongoo", "mongo"),
        ("rabitmq", "rabbitmq"),
        ("docker.io/library/trafik", "traefik"),
        ("temurin", "eclipse-temurin"),
    ] {
        let answer = told(&[wrong]);
        assert_eq!(answer["verdict"], "unknown", "{wrong}");
        assert_eq!(strings(&answer["suggestions"]).first(), Some(&right), "{wrong}");
        assert!(strings(&answer["suggestions"]).len() <= 3);
        let ran = check(&[wrong, "-q"]).exits(UNKNOWN);
        assert!(ran.text().contains(&format!("\n  did you mean {right}")), "{}", ran.text());
    }
    // What is like nothing has none, and so has what is spelt well.
    for name in ["qqqqqqqq", "x", "nginx", "java"] {
        assert_eq!(told(&[name])["suggestions"], json!([]), "{name}");
    }
}

// Several -----------------------------------------------------------------------------------------------------------

#[test]
fn several_names_are_told_in_order_and_the_worst_one_decides() {
    // By git, library/unit has no entry any more since 2025-10-13.
    for (names, code) in [
        (&["nginx", "redis"][..], YES),
        (&["nginx", "unit"], NO),
        (&["nginx", "nosuch"], UNKNOWN),
        (&["nosuch", "unit", "nginx"], NO),
        (&["unit", "nosuch"], NO),
        (&["java", "nginx"], UNKNOWN),
        (&["nginx", "nginx"], YES),
    ] {
        let ran = check(&[names, &["--json"]].concat()).exits(code);
        let answers = ran.json();
        let told: Vec<&str> =
            answers.as_array().unwrap().iter().map(|answer| answer["name"].as_str().unwrap()).collect();
        assert_eq!(told, names);
    }
    assert_snapshot!(check(&["nginx", "nosuch", "unit", "-q"]).exits(NO).text(), @r"
    nginx on linux/arm64: yes, declared since 2017-09-06, by its tag latest

    nosuch on linux/arm64: unknown: nothing is known of an image called nosuch

    unit on linux/arm64: no, declared; it had it until 2025-10-13
    ");
    // One that is no name spoils them all, before anything is printed.
    let ran = check(&["nginx", "NGINX"]).exits(UNKNOWN);
    assert!(ran.stdout.is_empty());
}

#[test]
fn every_platform_that_is_asked_about_has_to_be_there() {
    let both = told(&["nginx", "-p", "linux/arm64", "-p", "riscv64"]);
    let names: Vec<&Value> = both["platforms"].as_array().unwrap().iter().map(|p| &p["platform"]).collect();
    assert_eq!(names, ["linux/arm64", "linux/riscv64"]);
    assert_eq!(both["verdict"], "yes");
    // By git, library/archlinux has named amd64 and no more from the beginning.
    assert_eq!(told(&["archlinux", "-p", "linux/amd64"])["verdict"], "yes");
    assert_eq!(told(&["archlinux", "-p", "linux/amd64", "-p", "linux/arm64"])["verdict"], "no");
    assert_eq!(told(&["archlinux", "-p", "arm64v8", "-p", "amd64"])["verdict"], "no");
    assert_eq!(told(&["archlinux"])["verdict"], "no", "without --platform, linux/arm64 is asked about");
    let text = check(&["archlinux", "-p", "amd64", "-p", "arm64v8", "-q"]).exits(NO);
    let told = text.text().lines().filter(|line| line.starts_with("archlinux on "));
    assert_eq!(told.count(), 2, "{}", text.text());
}

// How sure ------------------------------------------------------------------------------------------------------------

#[test]
fn each_answer_says_how_sure_it_is_and_what_would_raise_it() {
    let yes = told(&["nginx", "-p", "linux/arm64"]);
    assert_eq!(
        (&yes["platforms"][0]["sure"], &yes["platforms"][0]["raise"]),
        (
            &json!("its maintainers name the platform; whether a registry serves it was not asked"),
            &json!("`workson query nginx --platform linux/arm64` asks the registry (published)")
        )
    );
    let no = told(&["unit", "-p", "linux/arm64"]);
    assert_eq!(
        no["platforms"][0]["sure"],
        "its maintainers do not name the platform; whether a registry serves it all the same was not asked"
    );
    // A platform that latest lacks is asked for with a tag that has it.
    let v6 = told(&["nginx", "-p", "linux/arm/v6"]);
    let tag = strings(&v6["platforms"][0]["tags"])[0].to_owned();
    assert_eq!(
        v6["platforms"][0]["raise"],
        format!("`workson query nginx:{tag} --platform linux/arm/v6` asks the registry (published)")
    );
    let tagged = told(&["nginx:alpine", "-p", "linux/arm/v6"]);
    assert!(
        tagged["platforms"][0]["raise"].as_str().unwrap().contains("`workson query nginx:alpine --platform")
    );
    assert_eq!(yes["platforms"][0]["observedAt"], yes["source"]["headAt"], "so far the history reaches");
}

#[test]
fn every_answer_has_every_field() {
    for name in ["nginx", "nginx:alpine", "java", "nosuch", "ghcr.io/x/y", "nginx:nope"] {
        let answer = told(&[name]);
        let mut fields: Vec<&String> = answer.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(
            fields,
            ["image", "name", "platforms", "problem", "reason", "source", "suggestions", "tag", "verdict"]
        );
        for platform in answer["platforms"].as_array().unwrap() {
            let mut fields: Vec<&String> = platform.as_object().unwrap().keys().collect();
            fields.sort();
            let expected = [
                "lostAt",
                "note",
                "observedAt",
                "orBefore",
                "platform",
                "raise",
                "reason",
                "rung",
                "since",
                "sinceOrigin",
                "sure",
                "tags",
                "verdict",
            ];
            assert_eq!(fields, expected, "{name}");
            assert_eq!(platform["reason"].is_null(), platform["verdict"] != "unknown", "{platform}");
        }
    }
}

#[test]
fn a_check_needs_and_leaves_nothing() {
    let home = Home::new();
    let mut command = home.workson(&["check", "nginx"]);
    command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("HTTP_PROXY", "http://127.0.0.1:1");
    cli_support::start(&mut command).ends().exits(YES);
    assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0);
}

#[test]
fn verdicts_have_colours_in_a_terminal_alone() {
    let home = Home::new();
    let in_a_terminal = |environment: &str, arguments: &str| {
        let script = format!("TERM=xterm {environment} script -qec \"$W {arguments}\" /dev/null");
        home.shell(&script).exits(NO).text().to_owned()
    };
    let arguments = "check nginx -p linux/arm64 -p linux/mips64le";
    let coloured = in_a_terminal("", arguments);
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    assert!(!in_a_terminal("NO_COLOR=1", arguments).contains('\u{1b}'));
    assert!(!in_a_terminal("", &format!("--no-color {arguments}")).contains('\u{1b}'));
    let piped = home.shell(&format!("TERM=xterm \"$W\" {arguments} | cat")).exits(0);
    assert!(piped.text().contains("linux/mips64le") && !piped.text().contains('\u{1b}'));
}
