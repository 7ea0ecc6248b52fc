//! `report`, `log` and `check` where registries were asked: what they served stands above what is declared, and
//! what they could not tell is neither a yes nor a no.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cli_support;

use std::process::Command;

use cli_support::{Home, Ran, with_input};
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use workson_registry::testing::{Fault, MemoryRegistry, On};

const ONE: [&str; 1] = ["linux/amd64"];
const TWO: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// How many names the bundled list has; those that the registry does not have are not found.
fn official() -> u64 {
    let lines = include_str!("../data/official-images.txt").lines();
    lines.filter(|line| !line.starts_with('#') && !line.is_empty()).count() as u64
}

/// A registry in the place of Docker Hub, and a home.
struct Hub {
    registry: MemoryRegistry,
    home: Home,
}

impl Hub {
    async fn new() -> Hub {
        Hub { registry: MemoryRegistry::start().await.unwrap(), home: Home::new() }
    }

    fn has(&self, image: &str, platforms: &[&str]) {
        self.registry.put_image_index(&format!("library/{image}"), "latest", platforms);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mirror = format!("docker.io={}", self.registry.host());
        self.home.run(&[&["--mirror", &mirror], arguments].concat())
    }

    /// An inventory of the official images, most of which this registry does not have.
    fn inventory(&self) -> Value {
        self.run(&["inventory", "official", "--json"]).exits(2).json()
    }

    fn published(&self) -> Value {
        self.run(&["report", "--rung", "published", "--json"]).exits(0).json()
    }

    /// The answer for one image on linux/arm64, and the exit code.
    fn check(&self, name: &str) -> (Value, Option<i32>) {
        let ran = self.run(&["check", name, "-p", "linux/arm64", "--json"]);
        (ran.json()[0]["platforms"][0].clone(), ran.code)
    }

    /// What happened on the rung, without what came with an image: `(run, image, event, platform)`.
    fn log(&self, image: &str) -> Vec<(i64, String, String)> {
        let log = self.run(&["log", image, "--rung", "published", "--json"]).exits(0).json();
        let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
        let events = log.as_array().unwrap().iter().filter(|event| event["platform"] == "linux/arm64");
        events
            .map(|event| {
                assert_eq!((&event["rung"], &event["commit"]), (&json!("published"), &Value::Null));
                (event["run"].as_i64().unwrap(), text(event, "image"), text(event, "event"))
            })
            .collect()
    }

    fn day_of_the_first_run(&self) -> String {
        let runs = self.run(&["inventory", "runs", "--json"]).exits(0).json();
        runs.as_array().unwrap().last().unwrap()["started"].as_str().unwrap()[..10].to_owned()
    }

    fn import(&self, commits: &[(Timestamp, &[(&str, &str)])]) {
        let repository = repository(&self.home, commits);
        self.run(&["import", "official-images", &repository]).exits(0);
    }
}

fn happened(run: i64, image: &str, event: &str) -> (i64, String, String) {
    (run, image.to_owned(), event.to_owned())
}

/// A bare repository made by git: commits with the architectures of the images that they write.
fn repository(home: &Home, commits: &[(Timestamp, &[(&str, &str)])]) -> String {
    let file = |architectures: &str| {
        format!(
            "Maintainers: T <t@example.org> (@t)\nGitRepo: https://example.org/x.git\n\nTags: 1, latest\n\
             Architectures: {architectures}\nGitCommit: 0123456789012345678901234567890123456789\n"
        )
    };
    let commits: Vec<(Timestamp, Vec<(&str, String)>)> = commits
        .iter()
        .map(|(at, images)| (*at, images.iter().map(|(image, has)| (*image, file(has))).collect()))
        .collect();
    let commits: Vec<(Timestamp, &[(&str, String)])> =
        commits.iter().map(|(at, files)| (*at, files.as_slice())).collect();
    repository_of_files(home, &commits)
}

/// The same, with the files themselves.
fn repository_of_files(home: &Home, commits: &[(Timestamp, &[(&str, String)])]) -> String {
    let folder = home.path("official-images.git").display().to_string();
    let git = |arguments: &[&str], input: &str| {
        let mut command = Command::new("git");
        command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        with_input(&mut command, input.as_bytes()).exits(0);
    };
    git(&["init", "--quiet", "--bare", "--initial-branch=master", &folder], "");
    let mut stream = String::new();
    for (at, images) in commits {
        let seconds = at.as_second();
        stream +=
            &format!("commit refs/heads/master\ncommitter T <t@example.org> {seconds} +0000\ndata 1\nx\n");
        for (image, file) in *images {
            stream += &format!("M 100644 inline library/{image}\ndata {}\n{file}\n", file.len());
        }
    }
    git(&["--git-dir", &folder, "fast-import", "--quiet"], &stream);
    folder
}

fn now() -> Timestamp {
    Timestamp::now()
}

// What the registry served ----------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn the_count_of_what_is_served_stands_beside_the_declared_one() {
    let hub = Hub::new().await;
    for image in ["nginx", "postgres", "unit"] {
        hub.has(image, &TWO);
    }
    hub.has("redis", &ONE);
    let inventory = hub.inventory();
    assert_eq!(inventory["platforms"][0]["supported"], 3);

    let published = hub.published();
    assert_eq!(
        (&published["rung"], &published["supported"], &published["supportedLatest"], &published["total"]),
        (&json!("published"), &json!(3), &json!(3), &json!(official()))
    );
    assert_eq!(
        (&published["images"], &published["lacking"]),
        (&json!(["nginx", "postgres", "unit"]), &json!(["redis"]))
    );
    // What was not found is unknown, each with the reason.
    let unknown = published["unknown"].as_array().unwrap();
    assert_eq!(unknown.len() as u64, official() - 4);
    assert!(unknown.iter().all(|unknown| unknown["reason"].as_str().unwrap().starts_with("not-found: ")));
    assert_eq!(
        (&published["source"]["name"], &published["source"]["head"], &published["source"]["kept"]),
        (&json!("official"), &json!("run 1"), &json!("store"))
    );
    assert_eq!(published["at"], published["source"]["headAt"]);

    // Without --rung the declared count is the first one, of the history that comes with the program.
    let both = hub.run(&["report", "--json"]).exits(0).json();
    assert_eq!((&both["rung"], &both["source"]["kept"]), (&json!("declared"), &json!("bundled")));
    let alone = Home::new().run(&["report", "--json"]).exits(0).json();
    assert_eq!((&both["images"], &both["total"]), (&alone["images"], &alone["total"]));
    let rungs = both["rungs"].as_array().unwrap();
    assert_eq!(rungs.len(), 2);
    assert_eq!(rungs[0], alone["rungs"][0]);
    assert_eq!(
        (&rungs[1]["rung"], &rungs[1]["supported"], &rungs[1]["unknown"], &rungs[1]["total"]),
        (&json!("published"), &json!(3), &json!(official() - 4), &json!(official()))
    );
    assert_eq!(
        hub.run(&["report", "--rung", "declared", "--json"]).exits(0).json()["rungs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let text = hub.run(&["report", "--rung", "published"]).exits(0);
    let (total, unknown) = (official(), official() - 4);
    let first = format!("3 of {total} images support linux/arm64; {unknown} could not be told\n");
    assert!(text.text().starts_with(&first), "{}", text.text());
    assert!(text.text().contains("\npublished: official at run 1 of "), "{}", text.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_serves_it_proves_more_than_its_maintainers_word() {
    let hub = Hub::new().await;
    for image in ["nginx", "unit"] {
        hub.has(image, &TWO);
    }
    hub.inventory();
    let (answer, code) = hub.check("nginx");
    assert_eq!(
        (&answer["verdict"], &answer["rung"], &answer["tags"], &answer["note"], code),
        (&json!("yes"), &json!("published"), &json!(["latest"]), &Value::Null, Some(0))
    );
    assert_eq!(answer["sinceOrigin"], "run 1");
    // Nobody looked before.
    assert_eq!(answer["orBefore"], true);
    assert_eq!(answer["sure"], "a registry served an image that says so; what it holds was not read");
    // By git, library/unit has no entry any more since 2025-10-13.
    let (answer, code) = hub.check("unit");
    assert_eq!(
        (&answer["verdict"], &answer["rung"], &answer["note"], code),
        (&json!("yes"), &json!("published"), &json!("its maintainers do not declare it"), Some(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_and_not_served_is_a_no_that_says_so() {
    let hub = Hub::new().await;
    hub.has("redis", &ONE);
    hub.inventory();
    let (answer, code) = hub.check("redis:latest");
    assert_eq!(
        (&answer["verdict"], &answer["rung"], &answer["note"], code),
        (
            &json!("no"),
            &json!("published"),
            &json!("it is declared, but the registry did not serve it"),
            Some(1)
        )
    );
    assert_eq!(answer["sure"], "the registry was asked, and what it served lacks the platform");
    let ran = hub.run(&["check", "redis:latest", "-p", "linux/arm64", "-q"]).exits(1);
    assert!(ran.text().contains("it is declared, but the registry did not serve it"), "{}", ran.text());

    // Of its other tags, which are declared to have it, no registry was asked.
    let (of_any, code) = hub.check("redis");
    assert_eq!(
        (&of_any["verdict"], &of_any["rung"], &of_any["note"], code),
        (&json!("yes"), &json!("declared"), &json!("its tag latest lacks it at the registry"), Some(0))
    );

    let tags = of_any["tags"].as_array().unwrap();
    assert!(!tags.is_empty() && !tags.contains(&json!("latest")), "{of_any}");

    // redis has linux/arm/v6 by its alpine tags alone, and of those no registry was asked.
    let ran = hub.run(&["check", "redis", "-p", "linux/arm/v6", "--json"]).exits(0).json();
    let answer = &ran[0]["platforms"][0];
    assert_eq!(
        (&answer["verdict"], &answer["rung"], &answer["note"]),
        (&json!("yes"), &json!("declared"), &json!("its tag latest lacks it"))
    );
    // Nor does a tag that was not looked at turn into a no.
    assert_eq!(hub.check("redis:8").0["rung"], "declared");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_after_the_registry_was_asked_is_still_a_yes() {
    let hub = Hub::new().await;
    hub.has("nginx", &ONE);
    hub.has("redis", &ONE);
    let run = now();
    hub.inventory();
    // redis declared it an hour before the run, nginx an hour after it: clocks may differ by a day.
    let hour = SignedDuration::from_hours(1);
    hub.import(&[
        (run - hour * 2, &[("nginx", "amd64"), ("redis", "amd64")]),
        (run - hour, &[("redis", "amd64, arm64v8")]),
        (run + hour, &[("nginx", "amd64, arm64v8")]),
    ]);
    let (answer, code) = hub.check("nginx");
    assert_eq!(
        (&answer["verdict"], &answer["rung"], &answer["note"], code),
        (&json!("yes"), &json!("declared"), &json!("no registry was asked since it was declared"), Some(0))
    );
    let (answer, code) = hub.check("redis:latest");
    assert_eq!((&answer["verdict"], &answer["rung"], code), (&json!("no"), &json!("published"), Some(1)));
}

// What it could not tell ------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_unknown_and_never_a_no() {
    let hub = Hub::new().await;
    for image in ["nginx", "redis"] {
        hub.has(image, &TWO);
    }
    hub.registry.put_image_index("me/mine", "latest", &TWO);
    hub.registry.fault(Fault::status(403), On::path("/nginx/"), None);
    hub.registry.fault(Fault::status(403), On::path("/mine/"), None);
    hub.inventory();
    let list = hub.home.write("list.txt", "me/mine\n");
    hub.run(&["inventory", &list]).exits(2);

    let published = hub.published();
    assert_eq!((&published["images"], &published["lacking"]), (&json!(["redis"]), &json!([])));
    let (answer, code) = hub.check("nginx");
    assert_eq!((&answer["verdict"], &answer["rung"], code), (&json!("yes"), &json!("declared"), Some(0)));
    let (note, day) = (answer["note"].as_str().unwrap(), hub.day_of_the_first_run());
    let said = format!("a registry was asked on {day}, and gave no answer: denied: ");
    assert!(note.starts_with(&said), "{note}");
    let (answer, code) = hub.check("me/mine");
    assert_eq!((&answer["verdict"], &answer["lostAt"], code), (&json!("unknown"), &Value::Null, Some(2)));
    assert!(answer["reason"].as_str().unwrap().starts_with("denied: "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_once_and_then_fails_was_not_lost() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("me/mine", "latest", &TWO);
    let list = hub.home.write("list.txt", "me/mine\n");
    hub.run(&["inventory", &list]).exits(0);
    hub.registry.fault(Fault::status(403), On::path("/mine/"), None);
    hub.run(&["inventory", &list]).exits(2);
    let (answer, _) = hub.check("me/mine");
    assert_eq!((&answer["verdict"], &answer["lostAt"]), (&json!("unknown"), &Value::Null));
    // It is there again, without the platform: that is when it was lost.
    hub.registry.clear_faults();
    hub.registry.put_image_index("me/mine", "latest", &ONE);
    hub.run(&["inventory", &list]).exits(0);
    let (answer, code) = hub.check("me/mine");
    assert_eq!((&answer["verdict"], &answer["sinceOrigin"], code), (&json!("no"), &json!("run 3"), Some(1)));
    assert_eq!(answer["lostAt"], answer["since"]);
    // It may have been so while the registry did not answer.
    assert_eq!(answer["orBefore"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_asked_is_to_be_asked_again() {
    let hub = Hub::new().await;
    let list = hub.home.write("list.txt", "me/mine\n");
    hub.run(&["inventory", &list]).exits(2);
    let raise = hub.check("me/mine").0["raise"].as_str().unwrap().to_owned();
    assert!(raise.contains("workson query me/mine"), "{raise}");
    assert_eq!(hub.check("me/mine").0["sure"], "not at all: the registry gave no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_declared_and_gives_no_answer_any_more_is_unknown() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("library/unit", "latest", &TWO);
    let list = hub.home.write("list.txt", "unit\n");
    hub.run(&["inventory", &list]).exits(0);
    assert_eq!(hub.check("unit").0["verdict"], "yes");
    hub.registry.fault(Fault::status(403), On::path("/unit/"), None);
    hub.run(&["inventory", &list]).exits(2);
    let (answer, code) = hub.check("unit");
    assert_eq!((&answer["verdict"], &answer["lostAt"], code), (&json!("unknown"), &Value::Null, Some(2)));
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.ends_with("gave no answer when it was asked last; its maintainers do not declare it"));
}

// One run after another -------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_between_runs_is_told_by_run() {
    let hub = Hub::new().await;
    for (image, platforms) in
        [("nginx", &TWO[..]), ("redis", &ONE), ("postgres", &TWO), ("python", &TWO), ("node", &TWO)]
    {
        hub.has(image, platforms);
    }
    hub.inventory();
    hub.has("nginx", &ONE);
    hub.has("redis", &TWO);
    for image in ["/postgres/", "/python/"] {
        hub.registry.fault(Fault::status(403), On::path(image), None);
    }
    hub.inventory();
    assert_eq!(hub.published()["images"], json!(["node", "redis"]));
    hub.registry.clear_faults();
    hub.has("nginx", &TWO);
    hub.has("python", &ONE);
    hub.inventory();

    assert_eq!(
        hub.log("nginx"),
        [happened(3, "nginx", "regained"), happened(2, "nginx", "lost")],
        "the first look is no event"
    );
    assert_eq!(hub.log("redis"), [happened(2, "redis", "gained")]);
    // It failed in between, and was there before and after.
    assert_eq!(hub.log("postgres"), []);
    // It failed in between, and then was there without the platform.
    assert_eq!(hub.log("python"), [happened(3, "python", "lost")]);
    // A run that changed nothing for an image is no event.
    assert_eq!(hub.log("node"), []);
    // What the registry does not have could never be told.
    assert_eq!(hub.log("mongo"), []);

    let (answer, _) = hub.check("postgres");
    assert_eq!((&answer["verdict"], &answer["orBefore"]), (&json!("yes"), &json!(true)));
    let (answer, _) = hub.check("nginx");
    assert_eq!((&answer["sinceOrigin"], &answer["orBefore"]), (&json!("run 3"), &json!(false)));
    let (answer, _) = hub.check("node");
    assert_eq!((&answer["sinceOrigin"], &answer["orBefore"]), (&json!("run 1"), &json!(true)));

    // The series has a point for each instant that is asked for; the last is that of the newest run.
    let series = hub.run(&["report", "--rung", "published", "--every", "day", "--json"]).exits(0).json();
    let last = series["series"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["supported"], &last["total"]), (&json!(4), &json!(official())));
    assert_eq!(series["until"], hub.published()["at"]);
    // At the second run, by the date that it has itself.
    let runs = hub.run(&["inventory", "runs", "--json"]).exits(0).json();
    let second = runs[1]["started"].as_str().unwrap();
    let then = hub.run(&["report", "--rung", "published", "--at", second, "--json"]).exits(0).json();
    assert_eq!((&then["images"], &then["lacking"]), (&json!(["node", "redis"]), &json!(["nginx"])));

    // Both rungs in one log, each event under its own.
    let log = hub.run(&["log", "redis", "--json"]).exits(0).json();
    let rungs: Vec<&str> =
        log.as_array().unwrap().iter().map(|event| event["rung"].as_str().unwrap()).collect();
    assert!(rungs.contains(&"declared") && rungs[0] == "published", "{rungs:?}");
    assert!(log.as_array().unwrap().iter().all(|event| event["run"].is_null() != event["commit"].is_null()));
    let text = hub.run(&["log", "redis", "--limit", "1"]).exits(0).text().to_owned();
    let sources: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("declared: ")).collect();
    assert!(sources.len() == 2 && sources[1].starts_with("published: official at run 3 of "), "{text}");
    assert!(sources[0].ends_with(", as it comes with workson") && sources[1].ends_with(" ago"), "{text}");
    assert!(text.lines().next().unwrap().ends_with("BY     RUNG"), "{text}");
    assert!(text.contains("redis  gained  linux/arm64  run 2  published"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_and_gained_less_what_was_lost_is_what_the_count_changed_by() {
    let hub = Hub::new().await;
    for image in ["nginx", "redis", "node"] {
        hub.has(image, &TWO);
    }
    hub.registry.fault(Fault::status(403), On::path("/mongo/"), None);
    hub.inventory();
    assert_eq!(hub.published()["supported"], 3);
    hub.has("nginx", &ONE);
    hub.has("mongo", &TWO);
    hub.registry.fault(Fault::status(500), On::path("/redis/"), None);
    hub.run(&["--timeout", "1", "inventory", "official"]).exits(2);
    hub.registry.clear_faults();
    hub.inventory();
    let log = hub.run(&["log", "--rung", "published", "-p", "linux/arm64", "--json"]).exits(0).json();
    let events: Vec<(&Value, &Value)> =
        log.as_array().unwrap().iter().map(|event| (&event["image"], &event["event"])).collect();
    let expected = [("mongo", "told"), ("nginx", "lost")].map(|(image, event)| (json!(image), json!(event)));
    assert_eq!(events.len(), 2, "{log}");
    assert!(expected.iter().all(|(image, event)| events.contains(&(image, event))), "{log}");
    assert_eq!(hub.published()["supported"], 3);
}

// Other lists -----------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_ones_own_is_known_to_check_and_counted_nowhere() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("me/mine", "latest", &TWO);
    hub.registry.put_image_index("me/old", "latest", &ONE);
    hub.has("nginx", &TWO);
    let list = hub.home.write("list.txt", "me/mine\nme/old\nnginx\n");
    hub.run(&["inventory", &list]).exits(0);

    let (answer, code) = hub.check("me/mine");
    assert_eq!((&answer["verdict"], &answer["rung"], code), (&json!("yes"), &json!("published"), Some(0)));
    assert_eq!(hub.check("docker.io/me/mine:latest").1, Some(0));
    let (answer, code) = hub.check("me/old");
    assert_eq!((&answer["verdict"], code), (&json!("no"), Some(1)));
    assert_eq!(hub.check("nginx").0["rung"], "published");
    let ran = hub.run(&["check", "me/min", "-q"]).exits(2);
    assert!(ran.text().contains("did you mean me/mine"), "{}", ran.text());

    hub.run(&["report", "--rung", "published"])
        .exits(2)
        .says("no registry was asked about the official images");
    let report = hub.run(&["report", "--json"]).exits(0).json();
    let rungs: Vec<&Value> = report["rungs"].as_array().unwrap().iter().map(|rung| &rung["rung"]).collect();
    assert_eq!(rungs, ["declared"]);
    hub.run(&["log", "me/mine"]).exits(2).says("nothing is known of an image called me/mine");
    let log = hub.run(&["log", "nginx", "--json"]).exits(0).json();
    assert!(log.as_array().unwrap().iter().all(|event| event["rung"] == "declared"));

    // Nor does it change the count once the official images were looked at.
    hub.inventory();
    let published = hub.published();
    assert_eq!((&published["images"], &published["total"]), (&json!(["nginx"]), &json!(official())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_a_list_says_nothing_of_the_tags_that_are_not_on_it() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("library/python", "2.7", &ONE);
    let list = hub.home.write("list.txt", "python:2.7\n");
    hub.run(&["inventory", &list]).exits(0);
    let (answer, code) = hub.check("python:2.7");
    assert_eq!((&answer["verdict"], &answer["rung"], code), (&json!("no"), &json!("published"), Some(1)));
    // Its maintainers declare it of latest, which no registry was asked about.
    let (answer, code) = hub.check("python");
    assert_eq!((&answer["verdict"], &answer["rung"], code), (&json!("yes"), &json!("declared"), Some(0)));
    assert_eq!(answer["note"], "a registry was asked about other tags alone, which lack it");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tag_is_not_the_whole_image() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("me/mine", "v1", &ONE);
    let list = hub.home.write("list.txt", "me/mine:v1\n");
    hub.run(&["inventory", &list]).exits(0);
    assert_eq!(hub.check("me/mine:v1").1, Some(1));
    assert_eq!(hub.check("me/mine").1, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_another_list_is_no_look_at_this_image() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("me/mine", "latest", &TWO);
    hub.has("nginx", &ONE);
    let (first, second) = (hub.home.write("a.txt", "nginx\n"), hub.home.write("b.txt", "me/mine\n"));
    hub.run(&["inventory", &first]).exits(0);
    let seen = || hub.check("nginx:latest").0["observedAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let looked = seen();
    let run = hub.run(&["inventory", "runs", "--json"]).exits(0).json()[0].take();
    let time = |field: &str| run[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time("started") <= looked && looked <= now(), "{looked} {run}");
    hub.run(&["inventory", &second]).exits(0);
    assert_eq!(seen(), looked);
    // A further look at it counts, though nothing is new.
    hub.run(&["inventory", &first]).exits(0);
    assert!(seen() > looked);
    assert_eq!(hub.check("nginx:latest").0["sinceOrigin"], "run 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_lists_of_official_images_are_never_mixed() {
    let hub = Hub::new().await;
    for image in ["nginx", "redis", "node"] {
        hub.has(image, &TWO);
    }
    hub.inventory();
    // The live list is kept under another name; here it is of two images.
    let page = json!({ "next": null, "results": [hub_entry("nginx", 9), hub_entry("mine", 8)] });
    hub.registry.put_page("/v2/repositories/library/", "application/json", page.to_string());
    hub.has("mine", &ONE);
    let config = hub.home.write("c.toml", format!("docker_hub_api = \"http://{}\"\n", hub.registry.host()));
    hub.run(&["inventory", "official", "--live", "--config", &config, "--json"]).exits(0);
    let published = hub.published();
    assert_eq!(
        (&published["source"]["name"], &published["source"]["head"], &published["total"]),
        (&json!("official-live"), &json!("run 2"), &json!(2))
    );
    assert_eq!((&published["images"], &published["lacking"]), (&json!(["nginx"]), &json!(["mine"])));
    // That the others are not on it is no loss; and it is no news that it has what the other list has not.
    let log = hub.run(&["log", "--rung", "published", "--json"]).exits(0).json();
    assert_eq!(log, json!([]));
    // To check, all that was ever looked at is known.
    assert_eq!(hub.check("redis").0["rung"], "published");
    hub.inventory();
    let published = hub.published();
    assert_eq!((&published["source"]["name"], &published["total"]), (&json!("official"), &json!(official())));
    assert_eq!(published["images"], json!(["nginx", "node", "redis"]));
}

fn hub_entry(name: &str, pulls: u64) -> Value {
    json!({
        "name": name, "namespace": "library", "repository_type": "image", "status": 1,
        "pull_count": pulls, "last_updated": "2026-01-01T00:00:00Z",
    })
}

// A store and the history that comes with the program ------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_used_where_it_reaches_further_than_what_comes_with_the_program() {
    let bundled = Home::new().run(&["report", "--json"]).exits(0).json();
    let head: Timestamp = bundled["source"]["headAt"].as_str().unwrap().parse().unwrap();
    let second = SignedDuration::from_secs(1);
    for (newest, is_used) in [
        ("2014-06-01T00:00:00Z".parse().unwrap(), false),
        (head - second, false),
        (head, true),
        (head + second, true),
    ] {
        let hub = Hub::new().await;
        hub.import(&[
            (newest - SignedDuration::from_hours(48), &[("nginx", "amd64"), ("mine", "amd64")]),
            (newest, &[("nginx", "amd64, arm64v8")]),
        ]);
        let report = hub.run(&["report", "--json"]).exits(0).json();
        if is_used {
            assert_eq!(
                (&report["source"]["kept"], &report["at"], &report["total"], &report["images"]),
                (&json!("store"), &json!(newest.to_string()), &json!(2), &json!(["nginx"])),
                "{newest}"
            );
            assert_eq!(report["lacking"], json!(["mine"]));
            assert_eq!(hub.check("mine").1, Some(1));
            let ran = hub.run(&["report"]).exits(0);
            assert!(!ran.text().contains("as it comes with workson"), "{}", ran.text());
        } else {
            assert_eq!(report, bundled, "{newest}");
            assert_eq!(hub.check("mine").1, Some(2), "{newest}");
        }
        let log = hub.run(&["log", "nginx", "--json"]).exits(0).json();
        assert_eq!(log.as_array().unwrap().len() == 3, is_used, "added, amd64, arm64: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_tells_of_tags_that_are_gone() {
    let hub = Hub::new().await;
    let run = now();
    let day = SignedDuration::from_hours(24);
    let repository = hub.home.path("official-images.git").display().to_string();
    hub.import(&[(run - day, &[("nginx", "amd64, arm64v8")])]);
    // The same file without the tag 1: appended to the same history.
    let mut git = Command::new("git");
    git.args(["--git-dir", &repository, "fast-import", "--quiet"]);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let file = "Maintainers: T <t@example.org> (@t)\nGitRepo: https://example.org/x.git\n\nTags: 2, latest\n\
                Architectures: amd64\nGitCommit: 0123456789012345678901234567890123456789\n";
    let stream = format!(
        "commit refs/heads/master\ncommitter T <t@example.org> {} +0000\ndata 1\nx\nfrom refs/heads/master^0\n\
         M 100644 inline library/nginx\ndata {}\n{file}\n",
        run.as_second(),
        file.len()
    );
    with_input(&mut git, stream.as_bytes()).exits(0);
    hub.run(&["import", "official-images", &repository]).exits(0);
    let (answer, code) = hub.check("nginx:1");
    assert_eq!((&answer["verdict"], code), (&json!("unknown"), Some(2)));
    let day = run.strftime("%Y-%m-%d");
    assert_eq!(
        answer["reason"],
        format!("this tag is declared no more since {day}; it had the platform until then"),
        "{answer}"
    );
    let (answer, code) = hub.check("nginx:latest");
    assert_eq!((&answer["verdict"], code), (&json!("no"), Some(1)));
    assert_eq!(answer["lostAt"], run.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_latest_that_went_is_gone_though_a_first_entry_stands() {
    let hub = Hub::new().await;
    let (hour, last) = (SignedDuration::from_hours(1), now());
    let at = |hours: i32| last - hour * (2 - hours);
    let entry = |tags: &str, architectures: &str| {
        format!(
            "Maintainers: T <t@example.org> (@t)\nGitRepo: https://example.org/x.git\n\nTags: {tags}\n\
             Architectures: {architectures}\nGitCommit: 0123456789012345678901234567890123456789\n"
        )
    };
    let repository = repository_of_files(
        &hub.home,
        &[
            (at(0), &[("mine", entry("1, latest", "amd64, arm64v8")), ("never", entry("1", "arm64v8"))]),
            (at(1), &[("mine", entry("1", "amd64, arm64v8"))]),
            (at(2), &[("mine", entry("1", "amd64"))]),
        ],
    );
    hub.run(&["import", "official-images", &repository]).exits(0);
    let (answer, code) = hub.check("mine:latest");
    let day = at(1).strftime("%Y-%m-%d");
    assert_eq!(
        (&answer["verdict"], &answer["reason"], code),
        (
            &json!("unknown"),
            &json!(format!("this tag is declared no more since {day}; it had the platform until then")),
            Some(2)
        )
    );
    let second = |at: Timestamp| json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    assert_eq!((&answer["lostAt"], &answer["orBefore"]), (&second(at(1)), &json!(false)));
    // The tag that stands, and the image by any tag.
    for name in ["mine:1", "mine"] {
        let (answer, code) = hub.check(name);
        assert_eq!((&answer["verdict"], &answer["lostAt"], code), (&json!("no"), &second(at(2)), Some(1)));
    }
    // Of a tag that never was, nothing is known; the first entry stands for it in counts alone.
    let ran = hub.run(&["check", "never:latest", "-q"]).exits(2);
    assert!(ran.text().contains("never had no tag latest"), "{}", ran.text());
    let report = hub.run(&["report", "--json"]).exits(0).json();
    assert_eq!((&report["supportedLatest"], &report["total"]), (&json!(1), &json!(2)));
    let before = hub.run(&["report", "--json", "--at", second(at(1)).as_str().unwrap()]).exits(0).json();
    assert_eq!(before["supportedLatest"], 2);
    // Both in one question, each by its own past.
    let ran = hub.run(&["check", "mine:1", "never:1", "-p", "linux/s390x", "-q"]).exits(1);
    assert_eq!(ran.text().matches("it never had it").count(), 2, "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_not_be_read_now_is_told_beside_its_last_good_answer() {
    let hub = Hub::new().await;
    let (hour, last) = (SignedDuration::from_hours(1), now());
    hub.import(&[
        (last - hour, &[("good", "amd64"), ("stale", "amd64, arm64v8"), ("never", "no: such architecture")]),
        (last, &[("stale", "no: such architecture")]),
    ]);
    let report = hub.run(&["report", "--json"]).exits(0).json();
    assert_eq!((&report["images"], &report["lacking"]), (&json!(["stale"]), &json!(["good"])));
    let told = |list: &Value| -> Vec<String> {
        let told = list.as_array().unwrap().iter();
        told.map(|told| {
            assert!(told["reason"].as_str().unwrap().contains("such architecture"), "{told}");
            told["image"].as_str().unwrap().to_owned()
        })
        .collect()
    };
    assert_eq!(
        (told(&report["stale"]), told(&report["unknown"])),
        (vec!["stale".into()], vec!["never".into()])
    );
    let before = (last - hour).to_string();
    let before = hub.run(&["report", "--json", "--at", &before]).exits(0).json();
    assert_eq!((&before["stale"], told(&before["unknown"])), (&json!([]), vec!["never".to_owned()]));
    let text = hub.run(&["report"]).exits(0).text().to_owned();
    assert!(
        text.contains("\non their last good answer, because their file can't be read (1):\n  stale: "),
        "{text}"
    );

    let answer = hub.run(&["check", "stale", "--json"]).exits(0).json()[0].take();
    let problem = &answer["problem"];
    assert_eq!(problem["at"], last.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    assert_eq!(problem["commit"], answer["source"]["head"]);
    assert!(problem["reason"].as_str().unwrap().contains("such architecture"), "{problem}");
    let text = hub.run(&["check", "stale"]).exits(0).text().to_owned();
    assert!(text.contains("  its file could not be read at "), "{text}");
    assert!(hub.run(&["check", "good", "--json"]).exits(1).json()[0]["problem"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_check_says_on_what_it_stands() {
    let hub = Hub::new().await;
    hub.has("redis", &TWO);
    hub.inventory();
    let today = hub.check("redis").0["since"].as_str().unwrap()[..10].to_owned();
    let ran = hub.run(&["check", "redis", "-p", "linux/arm64", "-p", "linux/amd64"]).exits(0);
    let lines = ran.text().lines().filter(|line| !line.contains("known from"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    assert_snapshot!(text.replace(&today, "YYYY-MM-DD"), @r"
    redis on linux/arm64: yes, published since YYYY-MM-DD or before, by its tag latest
      how sure: a registry served an image that says so; what it holds was not read
      surer: `workson verify redis --platform linux/arm64` reads what it holds (verified)
    redis on linux/amd64: yes, published since YYYY-MM-DD or before, by its tag latest
      how sure: a registry served an image that says so; what it holds was not read
      surer: `workson verify redis --platform linux/amd64` reads what it holds (verified)

    PLATFORM     ANSWER  RUNG       SINCE                 TAGS
    linux/arm64  yes     published  YYYY-MM-DD or before  latest
    linux/amd64  yes     published  YYYY-MM-DD or before  latest
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_does_not_tell_what_was_before() {
    let hub = Hub::new().await;
    hub.has("redis", &ONE);
    hub.inventory();
    let ran = hub.run(&["check", "redis:latest", "-p", "linux/arm64"]).exits(1);
    assert!(!ran.text().contains("it never had it"), "{}", ran.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_when_the_registry_was_asked_that_it_is_known_from() {
    let hub = Hub::new().await;
    hub.registry.put_image_index("me/mine", "latest", &TWO);
    let list = hub.home.write("list.txt", "me/mine\n");
    hub.run(&["inventory", &list]).exits(0);
    let ran = hub.run(&["check", "me/mine"]).exits(0);
    let known = ran.text().lines().find(|line| line.contains("known from")).unwrap();
    let day = hub.day_of_the_first_run();
    assert_eq!(known, format!("  known from: a registry, asked on {day}, less than an hour ago"));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_run_there_is_no_published_count() {
    let hub = Hub::new().await;
    hub.has("redis", &TWO);
    hub.inventory();
    for form in [&[][..], &["--markdown"]] {
        let ran = hub.run(&[&["report", "--at", "2017-09-17"], form].concat()).exits(0);
        assert!(ran.text().contains("declared") && !ran.text().contains("published"), "{}", ran.text());
        let ran = hub.run(&[&["report", "-p", "arm64v8", "-p", "amd64"], form].concat()).exits(0);
        assert_eq!(ran.text().matches("published").count(), 2, "a row for each platform: {}", ran.text());
    }
}

// The site ------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn the_site_says_what_was_asked_and_when_and_shows_no_request() {
    let hub = Hub::new().await;
    let index = hub.registry.put_image_index("library/percona", "latest", &ONE).to_string();
    hub.registry.put_image_index("me/mine", "latest", &ONE);
    hub.registry.fault(Fault::status(403), On::path("/mine/"), None);
    let list = hub.home.write("list.txt", "percona\nredis\nme/mine\n");
    hub.run(&["inventory", &list]).exits(2);
    hub.run(&["site", "build", "out"]).exits(0);
    let read = |path: &str| std::fs::read_to_string(hub.home.path("out").join(path)).unwrap();
    let entry = |slug: &str| -> Value {
        serde_json::from_str(&read(&format!("api/v1/entries/{slug}.json"))).unwrap()
    };
    let platform = |entry: &Value, name: &str| -> Value {
        let platforms = entry["platforms"].as_array().unwrap();
        platforms.iter().find(|platform| platform["platform"] == name).unwrap().clone()
    };

    let percona = entry("percona");
    assert_eq!(percona["digest"], index.as_str());
    assert!(read("entry/percona/index.html").contains(&index));
    assert!(read("download/catalogue.csv").contains(&index));
    let source = format!("docker.io, percona:latest, asked {}", hub.day_of_the_first_run());
    assert_eq!(platform(&percona, "linux/amd64")["source"], source.as_str());
    assert!(read("entry/percona/index.html").contains(&source));
    // It had it once; that a registry lacks it does not undo that.
    let lost = platform(&percona, "linux/386");
    assert_eq!((&lost["standing"], &lost["rung"]), (&json!("lost"), &json!("published")));
    assert!(lost["lostAt"].as_str().unwrap().starts_with("2018-07-31"), "{lost}");
    assert_eq!(lost["daysBehindAmd64"], Value::Null);

    let denied = platform(&entry("me-mine"), "linux/arm64");
    assert_eq!(denied["reason"], "denied at docker.io");
    let note = platform(&entry("redis"), "linux/arm64")["note"].as_str().unwrap().to_owned();
    assert!(note.ends_with(", and gave no answer: not-found at docker.io"), "{note}");
    let host = hub.registry.host();
    for path in ["entry/me-mine/index.html", "entry/redis/index.html", "download/catalogue.csv"] {
        assert!(!read(path).contains(&host.to_string()), "{path}");
    }
}
