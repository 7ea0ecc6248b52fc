//! Questions asked of small timelines: counts, series, what happened and checks agree with each other, and what
//! could not be told is neither a yes nor a no.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use workson::catalog::Standing;
use workson::catalog::check::{Evidence, Presence, similar_tags};
use workson::catalog::log::{Event, Filter, Happening, events};
use workson::catalog::series::{Every, MAX_POINTS, at, instants, steps};
use workson::evidence::{Rung, Verdict};
use workson::timeline::{By, Offer, Recorder, Source, Timeline};
use workson_oci::Platform;

const IMAGES: [&str; 3] = ["alpine", "nats", "python"];
const AMD64: &str = "linux/amd64";
const ARM64: &str = "linux/arm64";
const V7: &str = "linux/arm/v7";
/// The same platform, as it was before and after a month's update.
const WINDOWS: [&str; 2] = ["windows(10.0.20348.2340)/amd64", "windows(10.0.20348.2402)/amd64"];

fn platform(name: &str) -> Platform {
    Platform::parse(name, &Platform::default()).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The platforms, and whether there are no others.
type Offered<'a> = (&'a [&'a str], bool);

const NONE: Offered<'static> = (&[], true);
/// Nothing is known of it.
const UNTOLD: Offered<'static> = (&[], false);

/// A timeline that is written by hand: moments a day apart, from 2020-01-01 on.
struct Story {
    recorder: Recorder,
    day: i64,
}

impl Story {
    fn new(rung: Rung) -> Story {
        Story { recorder: Recorder::new(rung), day: 0 }
    }

    fn offer(&mut self, (names, is_whole): Offered<'_>) -> Offer {
        Offer { set: self.recorder.set(names.iter().map(|name| platform(name)).collect()), is_whole }
    }

    fn at(&self) -> Timestamp {
        time("2020-01-01T00:00:00Z") + SignedDuration::from_hours(24 * self.day)
    }

    /// The next day: what an image offers by any tag, and by which tags.
    fn saw(mut self, image: &str, any: Offered<'_>, tags: &[(&str, Offered<'_>)]) -> Story {
        self.day += 1;
        let moment = self.recorder.moment(self.at(), &format!("{:040x}", self.day));
        let any = self.offer(any);
        let mut tags: Vec<(String, Offer)> =
            tags.iter().map(|(tag, offered)| ((*tag).to_owned(), self.offer(*offered))).collect();
        tags.sort_by(|a, b| a.0.cmp(&b.0));
        let latest = tags.iter().find(|(tag, _)| tag == "latest").map(|(_, offer)| *offer);
        let latest = latest.unwrap_or_else(|| self.offer(UNTOLD));
        self.recorder.saw(image, moment, any, latest, tags);
        self
    }

    /// The same by any tag and by latest, its only one.
    fn latest(self, image: &str, offered: Offered<'_>) -> Story {
        self.saw(image, offered, &[("latest", offered)])
    }

    fn removed(mut self, image: &str) -> Story {
        self.day += 1;
        let moment = self.recorder.moment(self.at(), &format!("{:040x}", self.day));
        self.recorder.removed(image, moment);
        self
    }

    fn waits(mut self, days: i64) -> Story {
        self.day += days;
        self
    }

    fn ends(self) -> Timeline {
        let head_at = self.at();
        let source = Source {
            name: "test".into(),
            head: String::new(),
            head_at,
            read: 0,
            changes: 0,
            tool: "0.1.0".into(),
        };
        self.recorder.finish(source)
    }
}

fn day(number: i64) -> Timestamp {
    Story { recorder: Recorder::new(Rung::Declared), day: number }.at()
}

// Any timeline --------------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Step {
    Saw(&'static str, Vec<&'static str>, bool, Vec<&'static str>, bool),
    Removed(&'static str),
    /// A day in which nothing happens.
    Nothing,
}

fn some_steps(always_whole: bool) -> impl Strategy<Value = Vec<Step>> {
    let names = vec![AMD64, ARM64, V7, WINDOWS[0], WINDOWS[1]];
    let platforms = move || subsequence(names.clone(), 0..=4);
    let is_whole = move || if always_whole { Just(true).boxed() } else { prop::bool::weighted(0.7).boxed() };
    let saw = (select(&IMAGES[..]), platforms(), is_whole(), platforms(), is_whole())
        .prop_map(|(image, any, any_whole, latest, whole)| Step::Saw(image, any, any_whole, latest, whole));
    let step = prop_oneof![
        6 => saw,
        2 => select(&IMAGES[..]).prop_map(Step::Removed),
        1 => Just(Step::Nothing),
    ];
    prop::collection::vec(step, 0..25)
}

fn told(steps: &[Step]) -> Timeline {
    let story = steps.iter().fold(Story::new(Rung::Declared), |story, step| match step {
        Step::Saw(image, any, any_whole, latest, whole) => {
            story.saw(image, (any, *any_whole), &[("latest", (latest, *whole))])
        }
        Step::Removed(image) => story.removed(image),
        Step::Nothing => story.waits(1),
    });
    story.ends()
}

/// What stood after each step, kept apart: by image, what it offered by any tag and by latest.
type State = BTreeMap<&'static str, [(BTreeSet<&'static str>, bool); 2]>;

fn states(steps: &[Step]) -> Vec<State> {
    let mut state = State::new();
    let after = |step: &Step| {
        match step {
            Step::Saw(image, any, any_whole, latest, whole) => {
                let set = |names: &[&'static str]| names.iter().copied().collect();
                state.insert(image, [(set(any), *any_whole), (set(latest), *whole)]);
            }
            Step::Removed(image) => drop(state.remove(image)),
            Step::Nothing => {}
        }
        state.clone()
    };
    steps.iter().map(after).collect()
}

/// How many images have a platform, and of how many it can't be told.
fn naive(state: &State, place: usize, name: &str) -> (u64, u64) {
    // Windows is asked for without a version, and any will do.
    let has = |set: &BTreeSet<&str>| set.iter().any(|offered| platform(offered).format() == name);
    let yes = state.values().filter(|image| has(&image[place].0)).count() as u64;
    let is_untold = |image: &&[(BTreeSet<&str>, bool); 2]| !has(&image[place].0) && !image[place].1;
    let unknown = state.values().filter(is_untold).count() as u64;
    (yes, unknown)
}

const ASKED: [&str; 4] = [AMD64, ARM64, V7, "windows/amd64"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_count_at_an_instant_is_what_was_there(story in some_steps(false)) {
        let timeline = told(&story);
        for (number, state) in states(&story).iter().enumerate() {
            let then = day(number as i64 + 1);
            for name in ASKED {
                let asked = platform(name);
                for at_instant in [then, then + SignedDuration::from_hours(23)] {
                    let standing = Standing::of(&timeline, &asked, at_instant);
                    let point = at(&steps(&timeline, &asked), &[at_instant])[0];
                    prop_assert_eq!(standing.images.len(), state.len());
                    prop_assert_eq!(point.total, state.len() as u64);
                    prop_assert_eq!(point.unknown, naive(state, 0, name).1, "{}", name);
                    for (place, by) in [By::Any, By::Latest].into_iter().enumerate() {
                        let (yes, unknown) = naive(state, place, name);
                        prop_assert_eq!(standing.supported(by).count() as u64, yes, "{} {:?}", name, by);
                        prop_assert_eq!(standing.unknown(by).count() as u64, unknown, "{} {:?}", name, by);
                        let lacking = standing.lacking(by).count() as u64;
                        prop_assert_eq!(lacking, state.len() as u64 - yes - unknown);
                        prop_assert_eq!(point.count(by), yes, "{} {:?}", name, by);
                    }
                }
            }
        }
    }

    /// Where all could be told. Where it could not, what was gained is neither lost nor counted.
    #[test]
    fn gains_less_losses_are_the_count(story in some_steps(true)) {
        let timeline = told(&story);
        for by in [By::Any, By::Latest] {
            for name in ASKED {
                let filter = Filter { platforms: vec![platform(name)], ..Filter::default() };
                let found = events(&timeline, by, &filter);
                for number in 0..=story.len() as i64 {
                    let until = found.iter().filter(|event| timeline.moment(event.moment).at <= day(number));
                    let sum: i64 = until.map(change).sum();
                    let count = Standing::of(&timeline, &platform(name), day(number)).supported(by).count();
                    prop_assert_eq!(sum, count as i64, "{} by {:?} on day {}", name, by, number);
                }
            }
        }
    }

    #[test]
    fn what_could_not_be_told_is_at_most_a_gain_that_is_not_taken_back(story in some_steps(false)) {
        let timeline = told(&story);
        for name in ASKED {
            let filter = Filter { platforms: vec![platform(name)], ..Filter::default() };
            let found = events(&timeline, By::Any, &filter);
            for (number, state) in states(&story).iter().enumerate() {
                let then = day(number as i64 + 1);
                let until = found.iter().filter(|event| timeline.moment(event.moment).at <= then);
                let sum: i64 = until.map(change).sum();
                let (yes, unknown) = naive(state, 0, name);
                prop_assert!(yes as i64 <= sum && sum <= (yes + unknown) as i64, "{name}: {yes} {sum} {unknown}");
            }
        }
    }

    #[test]
    fn each_thing_happens_after_what_has_to_come_before_it(story in some_steps(false)) {
        let timeline = told(&story);
        let found = events(&timeline, By::Any, &Filter::default());
        prop_assert!(found.is_sorted_by_key(|event| event.moment));
        let mut there: BTreeSet<&str> = BTreeSet::new();
        let (mut has, mut had) = (BTreeSet::new(), BTreeSet::new());
        for event in &found {
            let image = event.image.as_str();
            let key = (image, event.platform.as_ref().map(Platform::format_all));
            match event.happening {
                Happening::Added => prop_assert!(there.insert(image), "{image} was there"),
                Happening::Removed => prop_assert!(there.remove(image), "{image} was not there"),
                Happening::Gained | Happening::Told => {
                    prop_assert!(event.happening == Happening::Gained || !event.with_image);
                    prop_assert!(had.insert(key.clone()), "{key:?} had it once");
                    prop_assert!(has.insert(key));
                }
                Happening::Regained => {
                    prop_assert!(had.contains(&key), "{key:?} never had it");
                    prop_assert!(has.insert(key));
                }
                Happening::Lost => prop_assert!(has.remove(&key), "{key:?} had it not"),
            }
            prop_assert_eq!(
                event.platform.is_none(),
                matches!(event.happening, Happening::Added | Happening::Removed)
            );
        }
        let standing: BTreeSet<&str> = states(&story).last().map(|state| state.keys().copied().collect()).unwrap_or_default();
        prop_assert_eq!(there, standing);
    }

    #[test]
    fn filters_take_away_alone(story in some_steps(false), image in select(&IMAGES[..]), name in select(&ASKED[..]), from in 0..26_i64, days in 0..10_i64) {
        let timeline = told(&story);
        let all = events(&timeline, By::Any, &Filter::default());
        let (since, until) = (day(from), day(from + days));
        let filter = Filter {
            images: vec![image.to_owned()],
            platforms: vec![platform(name)],
            since: Some(since),
            until: Some(until),
        };
        let is_asked = |event: &Event| {
            let at = timeline.moment(event.moment).at;
            event.image == image
                && event.platform.as_ref().is_some_and(|platform| platform.format() == name)
                && at >= since
                && at <= until
        };
        let expected: Vec<Event> = all.iter().filter(|event| is_asked(event)).cloned().collect();
        prop_assert_eq!(events(&timeline, By::Any, &filter), expected);
    }

    #[test]
    fn a_check_of_now_is_the_standing_of_now(story in some_steps(false)) {
        let timeline = told(&story);
        let evidence = Evidence { declared: Some(&timeline), published: None };
        for name in ASKED {
            let asked = platform(name);
            let standing = Standing::of(&timeline, &asked, timeline.source.head_at);
            for image in IMAGES {
                let check = evidence.check(image, None, std::slice::from_ref(&asked));
                let answer = &check.answers[0];
                match standing.images.iter().find(|found| found.name == image) {
                    Some(found) => {
                        prop_assert_eq!(&check.presence, &Presence::There);
                        prop_assert_eq!(&answer.verdict, &found.any, "{} {}", image, name);
                        // Since then, it was never told otherwise.
                        let since = answer.since.as_ref().unwrap();
                        prop_assert!(since.moment.at <= timeline.source.head_at);
                        let then = Standing::of(&timeline, &asked, since.moment.at);
                        let then = &then.images.iter().find(|found| found.name == image).unwrap().any;
                        prop_assert_eq!(then.name(), answer.verdict.name());
                    }
                    None => {
                        prop_assert!(matches!(check.presence, Presence::Gone(_) | Presence::Unknown));
                        prop_assert_eq!(answer.verdict.name(), "unknown");
                    }
                }
                if answer.verdict == Verdict::Yes {
                    prop_assert!(answer.lost.is_none());
                }
            }
        }
    }
}

fn change(event: &Event) -> i64 {
    match event.happening {
        Happening::Told | Happening::Gained | Happening::Regained => 1,
        Happening::Lost => -1,
        Happening::Added | Happening::Removed => 0,
    }
}

// Series --------------------------------------------------------------------------------------------------------

/// Whether a period ends with this second.
fn ends(at: Timestamp, every: Every) -> bool {
    let next = TimeZone::UTC.to_datetime(at + SignedDuration::from_secs(1));
    let is_midnight = (next.hour(), next.minute(), next.second()) == (0, 0, 0);
    is_midnight
        && match every {
            Every::Day => true,
            Every::Week => next.date().weekday() == Weekday::Monday,
            Every::Month => next.day() == 1,
            Every::Year => next.day() == 1 && next.month() == 1,
        }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Over the leap day of 2020, the new year and weeks that belong to two years.
    #[test]
    fn the_instants_are_the_ends_of_all_periods_and_the_last_one_is_exact(
        begin in 0..1_000_i64,
        second in prop_oneof![3 => 0..86_400_i64, 1 => Just(86_399), 1 => Just(0)],
        days in 0..900_i64,
        seconds in prop_oneof![3 => 0..86_400_i64, 1 => Just(0)],
        every in select(&[Every::Day, Every::Week, Every::Month, Every::Year][..]),
    ) {
        let since = time("2018-11-01T00:00:00Z") + SignedDuration::from_secs(begin * 86_400 + second);
        let until = since + SignedDuration::from_secs(days * 86_400 + seconds);
        let found = instants(since, until, every);
        // All last seconds of days from then to then.
        let midnight = since.as_second().div_euclid(86_400) * 86_400;
        let mut expected: Vec<Timestamp> = (0..)
            .map(|day| Timestamp::from_second(midnight + day * 86_400 + 86_399).unwrap())
            .take_while(|end| *end < until)
            .filter(|end| *end >= since && ends(*end, every))
            .collect();
        expected.push(until);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn the_53rd_week_belongs_to_both_years() {
    let found = instants(time("2020-12-21T00:00:00Z"), time("2021-01-12T00:00:00Z"), Every::Week);
    let days: Vec<String> = found.iter().map(Timestamp::to_string).collect();
    assert_eq!(
        days,
        ["2020-12-27T23:59:59Z", "2021-01-03T23:59:59Z", "2021-01-10T23:59:59Z", "2021-01-12T00:00:00Z"]
    );
}

#[test]
fn a_series_has_bounds() {
    let (begin, end) = (time("2020-01-01T00:00:00Z"), time("2020-01-02T00:00:00Z"));
    assert_eq!(instants(end, begin, Every::Day), []);
    assert_eq!(instants(begin, begin, Every::Year), [begin]);
    let longest = instants(Timestamp::MIN, Timestamp::MAX, Every::Day);
    assert_eq!((longest.len(), longest.last()), (MAX_POINTS, Some(&Timestamp::MAX)));
    // The earliest time there is has no day before it.
    assert!(
        !instants(Timestamp::MIN, Timestamp::MIN + SignedDuration::from_hours(50), Every::Year).is_empty()
    );
}

#[test]
fn before_the_first_step_there_is_nothing_and_after_the_last_it_stands() {
    let timeline = Story::new(Rung::Declared).latest("nats", (&[ARM64], true)).removed("nats").ends();
    let points = at(&steps(&timeline, &platform(ARM64)), &[day(0), day(1), day(2), day(999)]);
    let told: Vec<[u64; 4]> = points
        .iter()
        .map(|point| [point.supported, point.supported_latest, point.unknown, point.total])
        .collect();
    assert_eq!(told, [[0, 0, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]);
    assert_eq!(points.iter().map(|point| point.at).collect::<Vec<_>>(), [day(0), day(1), day(2), day(999)]);
}

#[test]
fn an_image_for_another_variant_does_not_count() {
    let timeline = Story::new(Rung::Declared).latest("nats", (&[V7], true)).ends();
    for (asked, count) in [(V7, 1), (ARM64, 0), ("linux/arm/v6", 0), ("linux/arm64/v8", 0), ("linux/arm", 1)]
    {
        let points = at(&steps(&timeline, &platform(asked)), &[day(1)]);
        assert_eq!(points[0].supported, count, "{asked}");
    }
}

// What happened -------------------------------------------------------------------------------------------------

fn happened(timeline: &Timeline) -> Vec<(i64, &'static str, Option<String>, bool)> {
    let number = |at: Timestamp| (at.as_second() - day(0).as_second()) / 86_400;
    let told = |event: Event| {
        let platform = event.platform.map(|platform| platform.format_all());
        (number(timeline.moment(event.moment).at), event.happening.name(), platform, event.with_image)
    };
    events(timeline, By::Any, &Filter::default()).into_iter().map(told).collect()
}

#[test]
fn a_look_that_failed_in_between_is_no_event() {
    let timeline = Story::new(Rung::Published)
        .latest("nats", (&[AMD64, ARM64], true))
        .latest("nats", UNTOLD)
        .latest("nats", (&[AMD64], true))
        .latest("nats", UNTOLD)
        .latest("nats", (&[AMD64, ARM64], true))
        .ends();
    assert_eq!(
        happened(&timeline),
        [(3, "lost", Some(ARM64.to_owned()), false), (5, "regained", Some(ARM64.to_owned()), false),]
    );
}

#[test]
fn a_set_that_may_not_be_whole_gains_and_never_loses() {
    let timeline = Story::new(Rung::Published)
        .latest("nats", (&[AMD64], true))
        .latest("nats", (&[ARM64], false))
        .latest("nats", (&[V7], true))
        .ends();
    assert_eq!(
        happened(&timeline),
        [
            (2, "gained", Some(ARM64.to_owned()), false),
            (3, "gained", Some(V7.to_owned()), false),
            (3, "lost", Some(AMD64.to_owned()), false),
            (3, "lost", Some(ARM64.to_owned()), false),
        ]
    );
}

#[test]
fn a_new_version_of_windows_is_no_other_platform() {
    let timeline = Story::new(Rung::Published)
        .latest("nats", (&[WINDOWS[0]], true))
        .latest("nats", (&[WINDOWS[1]], true))
        .ends();
    assert_eq!(happened(&timeline), []);
}

#[test]
fn what_could_not_be_told_at_first_is_told_and_not_gained() {
    let (amd64, arm64) = (Some(AMD64.to_owned()), Some(ARM64.to_owned()));
    let story = |rung| {
        Story::new(rung)
            .latest("nats", UNTOLD)
            .latest("nats", (&[AMD64], false))
            .latest("nats", (&[AMD64], true))
            .latest("nats", (&[AMD64, ARM64], true))
            .latest("nats", UNTOLD)
            .latest("nats", (&[ARM64, V7], true))
            .ends()
    };
    let told = [
        (2, "told", amd64.clone(), false),
        (4, "gained", arm64.clone(), false),
        (6, "gained", Some(V7.to_owned()), false),
        (6, "lost", amd64.clone(), false),
    ];
    assert_eq!(happened(&story(Rung::Published)), told);
    assert_eq!(happened(&story(Rung::Declared)), [&[(1, "added", None, false)][..], &told].concat());
    // Where the image comes, all that it has comes with it.
    let timeline = Story::new(Rung::Declared)
        .latest("nats", UNTOLD)
        .removed("nats")
        .latest("nats", (&[AMD64], true))
        .latest("nats", (&[AMD64, ARM64], true))
        .ends();
    assert_eq!(
        happened(&timeline),
        [
            (1, "added", None, false),
            (2, "removed", None, false),
            (3, "added", None, false),
            (3, "gained", amd64, true),
            (4, "gained", arm64, false),
        ]
    );
}

#[test]
fn to_come_onto_a_list_or_go_off_it_is_no_event() {
    let timeline = Story::new(Rung::Published)
        .latest("nats", (&[AMD64], true))
        .removed("nats")
        .latest("nats", (&[AMD64], true))
        .removed("nats")
        .latest("nats", (&[ARM64], true))
        .removed("nats")
        .ends();
    // It is compared with what it had when it was looked at last.
    assert_eq!(
        happened(&timeline),
        [(5, "gained", Some(ARM64.to_owned()), false), (5, "lost", Some(AMD64.to_owned()), false)]
    );
}

#[test]
fn an_image_that_goes_and_comes_at_once_is_told_in_order() {
    let timeline = Story::new(Rung::Declared)
        .latest("nats", (&[ARM64], true))
        .removed("nats")
        .latest("nats", (&[ARM64], true))
        .ends();
    assert_eq!(
        happened(&timeline),
        [
            (1, "added", None, false),
            (1, "gained", Some(ARM64.to_owned()), true),
            (2, "lost", Some(ARM64.to_owned()), true),
            (2, "removed", None, false),
            (3, "added", None, false),
            (3, "regained", Some(ARM64.to_owned()), true),
        ]
    );
}

// Checks --------------------------------------------------------------------------------------------------------

/// The verdict, the rung, the note, on linux/arm64.
fn judged(
    declared: Option<&Timeline>,
    published: Option<&Timeline>,
    tag: Option<&str>,
) -> (String, Option<Rung>, Option<String>) {
    let check = Evidence { declared, published }.check("nats", tag, &[platform(ARM64)]);
    let answer = &check.answers[0];
    (answer.verdict.name().to_owned(), answer.rung, answer.note.clone())
}

#[test]
fn what_was_served_and_what_is_declared_make_one_answer() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[AMD64, ARM64], true), (&[AMD64], true));
    let declared = |offered| Story::new(Rung::Declared).latest("nats", offered).ends();
    // The look was later than the declaration.
    let published = |offered| Story::new(Rung::Published).waits(9).latest("nats", offered).ends();
    let contradicted = "it is declared, but the registry did not serve it";
    let unanswered = "a registry was asked on 2020-01-11, and gave no answer: it was not looked at";
    for (said, served, verdict, rung, note) in [
        (yes, yes, "yes", Rung::Published, None),
        (yes, no, "no", Rung::Published, Some(contradicted)),
        (yes, UNTOLD, "yes", Rung::Declared, Some(unanswered)),
        (no, UNTOLD, "no", Rung::Declared, Some(unanswered)),
        (no, yes, "yes", Rung::Published, Some("its maintainers do not declare it")),
        (no, no, "no", Rung::Published, None),
        (UNTOLD, yes, "yes", Rung::Published, Some("its maintainers do not declare it")),
        (UNTOLD, no, "no", Rung::Published, None),
        (NONE, yes, "yes", Rung::Published, Some("its maintainers do not declare it")),
    ] {
        let (said, served) = (declared(said), published(served));
        let expected = (verdict.to_owned(), Some(rung), note.map(str::to_owned));
        assert_eq!(judged(Some(&said), Some(&served), None), expected);
        assert_eq!(judged(Some(&said), Some(&served), Some("latest")), expected);
    }
    let nothing = ("unknown".to_owned(), None, None);
    assert_eq!(judged(None, None, None), nothing);
    assert_eq!(judged(Some(&declared(yes)), None, None).1, Some(Rung::Declared));
    assert_eq!(judged(None, Some(&published(no)), None), ("no".to_owned(), Some(Rung::Published), None));
    // What a registry served once and then gave no answer about is no "no" for its not being declared.
    let served = Story::new(Rung::Published).waits(9).latest("nats", yes).latest("nats", UNTOLD).ends();
    let unknown = ("unknown".to_owned(), Some(Rung::Published), None);
    assert_eq!(judged(Some(&declared(no)), Some(&served), None), unknown);
}

#[test]
fn a_look_counts_from_the_moment_of_the_declaration_on() {
    let told = |declared: i64, looked: i64| {
        let declared =
            Story::new(Rung::Declared).waits(declared - 1).latest("nats", (&[AMD64, ARM64], true)).ends();
        let published = Story::new(Rung::Published).waits(looked - 1).latest("nats", (&[AMD64], true)).ends();
        judged(Some(&declared), Some(&published), None).0
    };
    assert_eq!([told(3, 2), told(3, 3), told(3, 4)], ["yes", "no", "no"]);
}

#[test]
fn what_no_tag_was_looked_at_of_is_no_no() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[AMD64, ARM64], true), (&[AMD64], true));
    let declared = Story::new(Rung::Declared).saw("nats", yes, &[("latest", yes), ("slim", no)]).ends();
    let published = Story::new(Rung::Published).waits(5).saw("nats", no, &[("slim", no)]).ends();
    assert_eq!(judged(Some(&declared), Some(&published), Some("slim")).0, "no");
    assert_eq!(judged(Some(&declared), Some(&published), Some("latest")).1, Some(Rung::Declared));
    let (verdict, rung, note) = judged(Some(&declared), Some(&published), None);
    assert_eq!((verdict.as_str(), rung), ("yes", Some(Rung::Declared)));
    assert_eq!(note.unwrap(), "a registry was asked about other tags alone, which lack it");
    // Nor where nothing is declared.
    assert_eq!(judged(None, Some(&published), Some("slim")).0, "no");
    assert_eq!(judged(None, Some(&published), None).0, "unknown");
    // Of an image that has it by another tag alone, latest's lack proves nothing.
    let declared = Story::new(Rung::Declared).saw("nats", yes, &[("latest", no), ("alpine", yes)]).ends();
    let published = Story::new(Rung::Published).waits(5).latest("nats", no).ends();
    let (verdict, rung, note) = judged(Some(&declared), Some(&published), None);
    assert_eq!((verdict.as_str(), rung), ("yes", Some(Rung::Declared)));
    assert_eq!(note.unwrap(), "its tag latest lacks it");
}

#[test]
fn what_a_registry_served_of_one_tag_says_nothing_of_the_others() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[AMD64, ARM64], true), (&[AMD64], true));
    let both = [("1", yes), ("latest", yes)];
    let declared = Story::new(Rung::Declared).saw("nats", yes, &both).ends();
    let published = Story::new(Rung::Published).waits(5).latest("nats", no).ends();
    let (verdict, rung, note) = judged(Some(&declared), Some(&published), None);
    assert_eq!((verdict.as_str(), rung), ("yes", Some(Rung::Declared)));
    assert_eq!(note.unwrap(), "its tag latest lacks it at the registry");
    // Of that tag, it is the answer.
    assert_eq!(judged(Some(&declared), Some(&published), Some("latest")).0, "no");
    assert_eq!(judged(Some(&declared), Some(&published), Some("1")).1, Some(Rung::Declared));
    // An image that is said to have it by another tag alone lacks it, where that one was asked about too.
    let by_alpine = Story::new(Rung::Declared).saw("nats", yes, &[("alpine", yes), ("latest", no)]).ends();
    let asked =
        Story::new(Rung::Published).waits(5).saw("nats", no, &[("alpine", no), ("latest", no)]).ends();
    assert_eq!(judged(Some(&by_alpine), Some(&asked), None).0, "no");
    // And of the image, where all tags that are said to have it were asked about.
    let all = [("1", no), ("latest", no)];
    let published = Story::new(Rung::Published).waits(5).saw("nats", no, &all).ends();
    let (verdict, rung, note) = judged(Some(&declared), Some(&published), None);
    assert_eq!((verdict.as_str(), rung), ("no", Some(Rung::Published)));
    assert_eq!(note.unwrap(), "it is declared, but the registry did not serve it");
}

#[test]
fn a_loss_stays_one_whoever_is_asked_later() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[AMD64, ARM64], true), (&[AMD64], true));
    let lost = |declared: Story, published: Story| {
        let (declared, published) = (declared.ends(), published.ends());
        let evidence = Evidence { declared: Some(&declared), published: Some(&published) };
        let answer = evidence.check("nats", None, &[platform(ARM64)]).answers.remove(0);
        (answer.verdict.name().to_owned(), answer.rung, answer.lost.map(|moment| moment.at))
    };
    let declared = || Story::new(Rung::Declared).latest("nats", yes).latest("nats", no);
    let published = || Story::new(Rung::Published).waits(8);
    let no_by_registry = |at| ("no".to_owned(), Some(Rung::Published), at);
    assert_eq!(lost(declared(), published().latest("nats", no)), no_by_registry(Some(day(2))));
    // A registry served it for longer.
    let served = published().latest("nats", yes).latest("nats", no);
    assert_eq!(lost(declared(), served), no_by_registry(Some(day(10))));
    // No registry tells: what was declared stands, with its loss.
    let told = lost(declared(), published().latest("nats", UNTOLD));
    assert_eq!(told, ("no".to_owned(), Some(Rung::Declared), Some(day(2))));
    // What nobody ever said was not lost, and what is there is not either.
    let never = Story::new(Rung::Declared).latest("nats", no);
    assert_eq!(lost(never, published().latest("nats", no)), no_by_registry(None));
    let back = lost(declared(), published().latest("nats", yes));
    assert_eq!(back, ("yes".to_owned(), Some(Rung::Published), None));
}

#[test]
fn an_image_that_lost_a_platform_before_it_went_says_from_when_to_when_it_had_it() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[AMD64, ARM64], true), (&[AMD64], true));
    let timeline = Story::new(Rung::Declared)
        .latest("nats", no)
        .latest("nats", yes)
        .latest("nats", no)
        .removed("nats")
        .ends();
    let evidence = Evidence { declared: Some(&timeline), published: None };
    let answer = evidence.check("nats", None, &[platform(ARM64)]).answers.remove(0);
    let reason = "it is no official image any more since 2020-01-05; \
                  it had the platform from 2020-01-03 to 2020-01-04";
    assert_eq!(answer.verdict, Verdict::Unknown(reason.into()));
}

/// Since which day, whether it may have been before, and on which day it was lost.
fn since(timeline: &Timeline, tag: Option<&str>) -> (String, Option<i64>, bool, Option<i64>) {
    let evidence = match timeline.rung {
        Rung::Published => Evidence { declared: None, published: Some(timeline) },
        _ => Evidence { declared: Some(timeline), published: None },
    };
    let check = evidence.check("nats", tag, &[platform(ARM64)]);
    let answer = &check.answers[0];
    let number = |at: Timestamp| (at.as_second() - day(0).as_second()) / 86_400;
    (
        answer.verdict.name().to_owned(),
        answer.since.as_ref().map(|since| number(since.moment.at)),
        answer.since.as_ref().is_some_and(|since| since.or_before),
        answer.lost.as_ref().map(|moment| number(moment.at)),
    )
}

#[test]
fn since_when_it_is_so_and_when_it_was_lost() {
    let (yes, other, no): (Offered<'_>, Offered<'_>, Offered<'_>) =
        ((&[AMD64, ARM64], true), (&[ARM64, V7], true), (&[AMD64], true));
    for (rung, story, verdict, from, or_before, lost) in [
        // A commit that brings an image is the beginning; a first look is not.
        (Rung::Declared, &[yes][..], "yes", 1, false, None),
        (Rung::Published, &[yes], "yes", 1, true, None),
        (Rung::Published, &[no], "no", 1, true, None),
        (Rung::Published, &[no, yes], "yes", 2, false, None),
        // Other platforms come and go meanwhile.
        (Rung::Declared, &[no, yes, other, yes], "yes", 2, false, None),
        (Rung::Declared, &[yes, no], "no", 2, false, Some(2)),
        (Rung::Declared, &[yes, no, yes, no], "no", 4, false, Some(4)),
        // While it could not be told, nothing was lost; it was by the time that it could.
        (Rung::Published, &[yes, UNTOLD], "unknown", 2, false, None),
        (Rung::Published, &[yes, UNTOLD, no], "no", 3, true, Some(3)),
        (Rung::Published, &[yes, UNTOLD, (&[AMD64], false), no], "no", 4, true, Some(4)),
        (Rung::Published, &[yes, UNTOLD, yes], "yes", 3, true, None),
        (Rung::Declared, &[UNTOLD, yes], "yes", 2, true, None),
    ] {
        let timeline =
            story.iter().fold(Story::new(rung), |told, offered| told.latest("nats", *offered)).ends();
        for tag in [None, Some("latest")] {
            let expected = (verdict.to_owned(), Some(from), or_before, lost);
            assert_eq!(since(&timeline, tag), expected, "{story:?} {tag:?}");
        }
    }
}

#[test]
fn an_image_that_is_gone_says_what_it_had() {
    let timeline = Story::new(Rung::Declared).latest("nats", (&[ARM64], true)).removed("nats").ends();
    assert_eq!(since(&timeline, None), ("unknown".to_owned(), Some(1), false, Some(2)));
    let evidence = Evidence { declared: Some(&timeline), published: None };
    let check = evidence.check("nats", None, &[platform(ARM64), platform(V7)]);
    assert_eq!(check.presence, Presence::Gone(timeline.moments[1].clone()));
    let reason = |place: usize| match &check.answers[place].verdict {
        Verdict::Unknown(reason) => reason.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason(0),
        "it is no official image any more since 2020-01-03; it had the platform from 2020-01-02 to 2020-01-03"
    );
    assert_eq!(
        reason(1),
        "it is no official image any more since 2020-01-03; it did not have the platform then"
    );
    assert_eq!(evidence.check("nobody", None, &[platform(ARM64)]).presence, Presence::Unknown);
    // A registry that still serves it is believed.
    let published = Story::new(Rung::Published).waits(9).latest("nats", (&[ARM64], true)).ends();
    let both = Evidence { declared: Some(&timeline), published: Some(&published) };
    let check = both.check("nats", None, &[platform(ARM64)]);
    assert_eq!((&check.presence, check.answers[0].verdict.name()), (&Presence::There, "yes"));
}

#[test]
fn a_tag_is_there_gone_or_was_never_there() {
    let yes: Offered<'_> = (&[ARM64], true);
    let timeline = Story::new(Rung::Declared)
        .saw("nats", yes, &[("1", yes), ("latest", yes)])
        .saw("nats", yes, &[("2", yes), ("latest", yes)])
        .ends();
    let evidence = Evidence { declared: Some(&timeline), published: None };
    let presence = |tag: &str| evidence.check("nats", Some(tag), &[platform(ARM64)]).presence;
    assert_eq!(presence("2"), Presence::There);
    assert_eq!(presence("latest"), Presence::There);
    assert_eq!(presence("1"), Presence::Gone(timeline.moments[1].clone()));
    assert_eq!(presence("3"), Presence::NoSuchTag);
    assert_eq!(since(&timeline, Some("1")), ("unknown".to_owned(), Some(1), false, Some(2)));
    assert_eq!(since(&timeline, Some("3")), ("unknown".to_owned(), None, false, None));
}

#[test]
fn suggestions_are_near_and_few_and_prefer_what_is_there() {
    let yes: Offered<'_> = (&[ARM64], true);
    let names = ["nginx", "redis", "redid", "postgres", "postgrez", "mongo", "mono", "go"];
    let story = names.iter().fold(Story::new(Rung::Declared), |story, name| story.latest(name, yes));
    let timeline = story.removed("redid").removed("postgrez").ends();
    let evidence = Evidence { declared: Some(&timeline), published: None };
    for (wrong, suggested) in [
        ("ngnix", &["nginx"][..]),
        // As near as each other: the one that is there comes first.
        ("redix", &["redis", "redid"]),
        ("postgre", &["postgres", "postgrez"]),
        ("mongoo", &["mongo", "mono"]),
        // In so short a name two other letters make another name.
        ("gi", &["go"]),
        ("xx", &[]),
        ("gres", &["postgres"]),
        ("kubernetes", &[]),
        ("", &[]),
    ] {
        assert_eq!(evidence.suggestions(wrong), suggested, "{wrong}");
    }
}

#[test]
fn similar_tags_are_near_ones_and_those_that_begin_so() {
    let yes: Offered<'_> = (&[ARM64], true);
    let old = [("16.1", yes), ("bookworm", yes), ("latest", yes)];
    let now = [("16.9", yes), ("16.9-alpine", yes), ("17", yes), ("bookworm", yes), ("latest", yes)];
    let timeline = Story::new(Rung::Declared).saw("nats", yes, &old).saw("nats", yes, &now).ends();
    let image = &timeline.images["nats"];
    assert_eq!(similar_tags(image, "latst"), ["latest"]);
    assert_eq!(similar_tags(image, "bookwrm"), ["bookworm"]);
    // What is gone is no suggestion.
    assert_eq!(similar_tags(image, "16.1")[0], "16.9");
    assert!(!similar_tags(image, "16.1").contains(&"16.1".to_owned()));
    assert!(similar_tags(image, "16").contains(&"16.9".to_owned()));
    assert!(similar_tags(image, "trixie").is_empty());
}

#[test]
fn the_most_telling_tag_comes_first() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[ARM64], true), (&[AMD64], true));
    let both: Offered<'_> = (&[AMD64, ARM64], true);
    let timeline = Story::new(Rung::Declared)
        .saw("nats", both, &[("1", yes), ("1-slim", yes), ("latest", yes), ("old", no)])
        .saw(
            "nats",
            both,
            &[("1", yes), ("1-slim", yes), ("2", yes), ("2-slim", yes), ("latest", yes), ("old", no)],
        )
        .ends();
    let evidence = Evidence { declared: Some(&timeline), published: None };
    let tags = |asked: &str| evidence.check("nats", None, &[platform(asked)]).answers[0].tags.clone();
    assert_eq!(tags(ARM64), ["latest", "2", "2-slim", "1", "1-slim"]);
    assert_eq!(tags(AMD64), ["old"]);
    assert!(tags(V7).is_empty());
}

#[test]
fn of_an_image_whose_latest_was_not_looked_at_that_is_said() {
    let no: Offered<'_> = (&[AMD64], true);
    let timeline = Story::new(Rung::Published).saw("nats", no, &[("1", no)]).ends();
    let standing = Standing::of(&timeline, &platform(ARM64), day(1));
    assert_eq!(standing.lacking(By::Any).count(), 1);
    let unknown: Vec<&str> = standing.unknown(By::Latest).map(|(image, _)| image.name.as_str()).collect();
    assert_eq!(unknown, ["nats"], "what latest has was not looked at");
}

#[test]
fn what_a_tag_had_is_only_told_where_its_past_is_known() {
    let (yes, no): (Offered<'_>, Offered<'_>) = ((&[AMD64, ARM64], true), (&[AMD64], true));
    let whole = Story::new(Rung::Declared)
        .saw("nats", yes, &[("1", yes), ("latest", yes)])
        .saw("nats", yes, &[("1", no), ("latest", no)])
        .saw("nats", no, &[("1", no)])
        .ends();
    assert!(whole.has_past_tags);
    assert_eq!(since(&whole, Some("1")), ("no".to_owned(), Some(2), false, Some(2)));
    // The file has no tag `latest` any more, though its first entry stands for it.
    assert_eq!(since(&whole, Some("latest")), ("unknown".to_owned(), Some(2), false, Some(2)));
    let compact = whole.compacted();
    assert!(!compact.has_past_tags);
    // Of the tag 1 it has what stands: it may have been otherwise before. Of latest it has all.
    assert_eq!(since(&compact, Some("1")), ("no".to_owned(), Some(2), true, None));
    assert_eq!(since(&compact, Some("latest")), ("unknown".to_owned(), Some(2), false, Some(2)));
}

#[test]
fn an_answer_is_as_old_as_the_last_look_at_its_own_tag() {
    let yes: Offered<'_> = (&[ARM64], true);
    let mut story = Story::new(Rung::Published).saw("nats", yes, &[("1", yes), ("latest", yes)]);
    story.recorder.looked("nats", "1", day(3));
    story.recorder.looked("nats", "latest", day(2));
    let timeline = story.waits(8).ends();
    assert_eq!(timeline.source.head_at, day(9));
    let evidence = Evidence { declared: None, published: Some(&timeline) };
    let seen = |tag| evidence.check("nats", tag, &[platform(ARM64)]).answers[0].observed_at;
    assert_eq!([seen(None), seen(Some("latest")), seen(Some("1"))], [2, 2, 3].map(|at| Some(day(at))));
}
