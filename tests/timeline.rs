//! Timelines: what is asked of one is what happened, at every moment, and its text holds what is worth keeping.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use workson::evidence::Rung;
use workson::timeline::{By, ImageTimeline, MomentId, Offer, Recorder, Source, Span, Timeline};
use workson_oci::Platform;

const IMAGES: [&str; 3] = ["alpine", "nats", "python"];
const TAGS: [&str; 4] = ["1", "1.2", "latest", "slim"];
const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm/v7", "linux/arm64", "windows(10.0.20348.2340)/amd64"];

// The naive model: the whole state after every step, kept apart -------------------------------------------------

/// The platforms, and whether there are no others.
type Offered = (BTreeSet<&'static str>, bool);

#[derive(Debug, Clone, PartialEq)]
struct There {
    any: Offered,
    latest: Offered,
    tags: BTreeMap<&'static str, Offered>,
}

#[derive(Debug, Clone)]
enum Event {
    Saw(There),
    Removed,
    Refused,
}

/// What happened at one time; an image changes once at most.
#[derive(Debug, Clone)]
struct Step {
    /// How much later than the step before; one that is earlier counts as being at the same time.
    after: i64,
    events: BTreeMap<&'static str, Event>,
}

type State = BTreeMap<&'static str, There>;

fn begin() -> Timestamp {
    "2017-09-15T19:53:00Z".parse().unwrap()
}

/// Each step's time and what was there once it was done.
fn model(steps: &[Step]) -> Vec<(Timestamp, State)> {
    let (mut at, mut state) = (begin(), State::new());
    let after = |step: &Step| {
        at += SignedDuration::from_secs(step.after.max(0));
        for (image, event) in &step.events {
            match event {
                Event::Saw(there) => drop(state.insert(image, there.clone())),
                Event::Removed => drop(state.remove(image)),
                Event::Refused => {
                    let unknown = (BTreeSet::new(), false);
                    let nothing = There { any: unknown.clone(), latest: unknown, tags: BTreeMap::new() };
                    state.entry(image).or_insert(nothing);
                }
            }
        }
        (at, state.clone())
    };
    steps.iter().map(after).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let offered = || {
        (subsequence(&PLATFORMS[..], 0..=3), prop::bool::weighted(0.8))
            .prop_map(|(names, is_whole)| (names.into_iter().collect::<BTreeSet<_>>(), is_whole))
    };
    // Few different offers, so that one often comes again.
    let there = (offered(), offered(), prop::collection::btree_map(select(&TAGS[..]), offered(), 0..4))
        .prop_map(|(any, latest, tags)| There { any, latest, tags });
    let event =
        prop_oneof![6 => there.prop_map(Event::Saw), 2 => Just(Event::Removed), 1 => Just(Event::Refused)];
    let events = prop::collection::btree_map(select(&IMAGES[..]), event, 0..3);
    let step = (-2..4_i64, events).prop_map(|(after, events)| Step { after, events });
    prop::collection::vec(step, 0..14)
}

// The recorder --------------------------------------------------------------------------------------------------

fn source(read: usize) -> Source {
    Source {
        name: "https://example.org/images".into(),
        head: format!("{read:040x}"),
        head_at: "2026-08-21T23:53:11Z".parse().unwrap(),
        read: read as u64,
        changes: 7,
        tool: "0.1.0".into(),
    }
}

fn platform(name: &str) -> Platform {
    Platform::parse(name, &Platform::default()).unwrap()
}

fn offer(recorder: &mut Recorder, (names, is_whole): &Offered) -> Offer {
    // Neither the order nor a double matters.
    let twice = names.iter().rev().chain(names).map(|name| platform(name)).collect();
    Offer { set: recorder.set(twice), is_whole: *is_whole }
}

fn origin(step: usize) -> String {
    format!("{:040x}", step + 1)
}

fn record(recorder: &mut Recorder, steps: &[Step], first: usize) {
    let mut at = begin();
    for (number, step) in steps.iter().enumerate() {
        // What is earlier is given as it is: the recorder has to see to it.
        let after = if number == 0 { step.after.max(0) } else { step.after };
        let told = at + SignedDuration::from_secs(after);
        at = at.max(told);
        if number < first {
            continue;
        }
        let moment = recorder.moment(told, &origin(number));
        for (image, event) in &step.events {
            match event {
                Event::Saw(there) => {
                    let (any, latest) = (offer(recorder, &there.any), offer(recorder, &there.latest));
                    let tags = there.tags.iter();
                    let tags =
                        tags.map(|(tag, offered)| ((*tag).to_owned(), offer(recorder, offered))).collect();
                    recorder.saw(image, moment, any, latest, tags);
                }
                Event::Removed => recorder.removed(image, moment),
                Event::Refused => recorder.refused(image, moment, format!("step {number} can't be read")),
            }
        }
    }
}

fn recorded(steps: &[Step]) -> Timeline {
    let mut recorder = Recorder::new(Rung::Declared);
    record(&mut recorder, steps, 0);
    recorder.finish(source(steps.len()))
}

/// What a span offers, in the model's words.
fn told(timeline: &Timeline, offer: Offer) -> Offered {
    let platforms = timeline.set(offer.set).iter().map(Platform::format_all);
    let known = |name: String| *PLATFORMS.iter().find(|known| **known == name).unwrap();
    (platforms.map(known).collect(), offer.is_whole)
}

fn told_at(timeline: &Timeline, spans: &[Span], at: Timestamp) -> Option<Offered> {
    timeline.span_at(spans, at).map(|span| told(timeline, span.offer))
}

fn tag_spans(image: &ImageTimeline, tag: &str) -> Vec<Span> {
    image.tag(tag).iter().map(|(name, span)| (name == tag).then_some(*span).unwrap()).collect()
}

/// Every list of spans.
fn lists(timeline: &Timeline) -> Vec<Vec<Span>> {
    let of = |image: &ImageTimeline| {
        let tags = TAGS.map(|tag| tag_spans(image, tag));
        assert_eq!(tags.iter().map(Vec::len).sum::<usize>(), image.tags.len(), "tags that were never seen");
        [image.any.clone(), image.latest.clone()].into_iter().chain(tags).collect::<Vec<_>>()
    };
    timeline.images.values().flat_map(of).collect()
}

/// What a timeline says, without the places of its sets and moments.
fn plain(timeline: &Timeline) -> Vec<String> {
    let moment = |id: MomentId| format!("{} {}", timeline.moment(id).at, timeline.moment(id).origin);
    let line = |image: &str, what: &str, span: &Span| {
        let until = span.until.map(moment);
        format!("{image} {what} {:?} {} {until:?}", told(timeline, span.offer), moment(span.from))
    };
    let mut lines = Vec::new();
    for (name, image) in &timeline.images {
        lines.extend(image.any.iter().map(|span| line(name, "any", span)));
        lines.extend(image.latest.iter().map(|span| line(name, "latest", span)));
        lines.extend(image.tags.iter().map(|(tag, span)| line(name, &format!("tag {tag}"), span)));
    }
    let problems = timeline.problems.iter();
    lines.extend(problems.map(|found| {
        let until = found.until.map(moment);
        format!("{} {until:?} {} {}", moment(found.moment), found.image, found.reason)
    }));
    lines
}

fn check_asked_at(timeline: &Timeline, history: &[(Timestamp, State)], at: Timestamp) {
    let state = history.iter().rev().find(|(then, _)| *then <= at).map(|(_, state)| state);
    for image in IMAGES {
        let there = state.and_then(|state| state.get(image));
        let Some(spans) = timeline.images.get(image) else {
            assert_eq!(there, None, "{image} at {at}");
            continue;
        };
        let any = told_at(timeline, spans.spans(By::Any), at);
        assert_eq!(any, there.map(|there| there.any.clone()), "{image} by any tag at {at}");
        let latest = told_at(timeline, spans.spans(By::Latest), at);
        assert_eq!(latest, there.map(|there| there.latest.clone()), "{image} by latest at {at}");
        for tag in TAGS {
            let offered = told_at(timeline, &tag_spans(spans, tag), at);
            let expected = there.and_then(|there| there.tags.get(tag)).cloned();
            assert_eq!(offered, expected, "{image}:{tag} at {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn at_every_time_a_timeline_says_what_was_there(steps in steps()) {
        let (timeline, history) = (recorded(&steps), model(&steps));
        let half = SignedDuration::from_millis(500);
        check_asked_at(&timeline, &history, begin() - half);
        for (at, _) in &history {
            for at in [*at - half, *at, *at + half] {
                check_asked_at(&timeline, &history, at);
            }
        }
        check_asked_at(&timeline, &history, "2100-01-01T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn spans_are_in_order_and_each_is_a_change(steps in steps()) {
        let timeline = recorded(&steps);
        prop_assert!(timeline.is_sound());
        prop_assert!(timeline.moments.windows(2).all(|pair| pair[0].at <= pair[1].at));
        for spans in lists(&timeline) {
            for pair in spans.windows(2) {
                let until = pair[0].until.unwrap();
                prop_assert!(pair[0].from < until && until <= pair[1].from, "{:?}", spans);
                prop_assert!(until < pair[1].from || pair[0].offer != pair[1].offer, "{:?}", spans);
            }
            for span in &spans {
                prop_assert!(span.until.is_none_or(|until| span.from < until));
            }
        }
    }

    #[test]
    fn every_refusal_is_a_problem_until_the_image_is_read_or_gone(steps in steps()) {
        let timeline = recorded(&steps);
        let found: Vec<(String, String, String, Option<String>)> = timeline.problems.iter().map(|problem| {
            let origin = |moment| timeline.moment(moment).origin.clone();
            let until = problem.until.map(origin);
            (origin(problem.moment), problem.image.clone(), problem.reason.clone(), until)
        }).collect();
        let mut expected = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            for (image, event) in &step.events {
                if matches!(event, Event::Refused) {
                    let mends = |step: &Step| matches!(step.events.get(image), Some(Event::Saw(_) | Event::Removed));
                    let until = (number + 1..steps.len()).find(|later| mends(&steps[*later])).map(origin);
                    let reason = format!("step {number} can't be read");
                    expected.push((origin(number), (*image).to_owned(), reason, until));
                }
            }
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn to_go_on_from_what_still_stands_is_as_good_as_to_go_through(steps in steps(), cut in 0..15_usize) {
        let cut = cut.min(steps.len());
        let through = recorded(&steps);
        let mut first = recorded(&steps[..cut]);
        let mut ended = first.clone();
        for (image, ended) in first.images.values_mut().zip(ended.images.values_mut()) {
            image.any.retain(|span| span.until.is_none());
            image.latest.retain(|span| span.until.is_none());
            image.tags.retain(|(_, span)| span.until.is_none());
            ended.any.retain(|span| span.until.is_some());
            ended.latest.retain(|span| span.until.is_some());
            ended.tags.retain(|(_, span)| span.until.is_some());
        }
        let mut recorder = Recorder::resume(first);
        let expected = model(&steps[..cut]).pop().map(|(_, state)| state).unwrap_or_default();
        let images: BTreeSet<&str> = steps.iter().flat_map(|step| step.events.keys().copied()).collect();
        for image in images {
            prop_assert_eq!(recorder.has(image), expected.contains_key(image), "{}", image);
        }
        record(&mut recorder, &steps, cut);
        let mut resumed = recorder.finish(source(steps.len()));
        for (name, mut before) in ended.images {
            let image = resumed.images.get_mut(&name).unwrap();
            before.any.append(&mut image.any);
            before.latest.append(&mut image.latest);
            before.tags.append(&mut image.tags);
            before.tags.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.from.cmp(&y.from)));
            *image = before;
        }
        prop_assert_eq!(resumed, through);
    }

    #[test]
    fn what_is_compacted_keeps_any_and_latest_for_all_time_and_the_tags_that_stand(steps in steps()) {
        let timeline = recorded(&steps);
        let compacted = timeline.clone().compacted();
        let mut expected = timeline.clone();
        for image in expected.images.values_mut() {
            image.tags.retain(|(tag, span)| span.until.is_none() || tag == "latest");
        }
        prop_assert!(timeline.has_past_tags && !compacted.has_past_tags);
        prop_assert_eq!(plain(&compacted), plain(&expected));
        prop_assert_eq!(&compacted.source, &timeline.source);
        // Nothing that nobody names is carried along.
        let spans = lists(&compacted).concat();
        let problems = compacted.problems.iter().flat_map(|problem| [Some(problem.moment), problem.until]);
        let spanned = spans.iter().flat_map(|span| [Some(span.from), span.until]);
        let moments: BTreeSet<MomentId> = spanned.chain(problems).flatten().collect();
        prop_assert_eq!(moments.len(), compacted.moments.len());
        let sets: BTreeSet<_> = spans.iter().map(|span| span.offer.set).collect();
        prop_assert_eq!(sets.len(), compacted.sets.len());
    }

    #[test]
    fn a_text_reads_back_as_what_was_written(steps in steps()) {
        let timeline = recorded(&steps);
        prop_assert_eq!(Timeline::from_text(&timeline.to_text()).unwrap(), as_text(timeline.clone()));
        let compacted = timeline.compacted();
        prop_assert_eq!(Timeline::from_text(&compacted.to_text()).unwrap(), compacted);
    }

    #[test]
    fn a_text_that_was_cut_anywhere_is_refused(steps in steps(), place in any::<prop::sample::Index>()) {
        let text = recorded(&steps).to_text();
        // Without its last character, the end of a line, it is still whole.
        let place = place.index(text.len() - 1);
        let cut = String::from_utf8_lossy(&text.as_bytes()[..place]).into_owned();
        let error = Timeline::from_text(&cut).unwrap_err();
        prop_assert!((1..=text.lines().count()).contains(&error.line), "{}", error);
    }

    /// Whatever comes of a text that somebody changed, it is an error or a timeline that can be used.
    #[test]
    fn a_text_with_another_byte_is_refused_or_sound(
        steps in steps(),
        place in any::<prop::sample::Index>(),
        byte in select(&b"0123456789,[]{}\"-:nul \n\\x\0"[..]),
    ) {
        let mut bytes = recorded(&steps).to_text().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        match Timeline::from_text(&String::from_utf8(bytes).unwrap()) {
            Err(error) => prop_assert!(error.line >= 1 && !error.reason.is_empty()),
            Ok(timeline) => {
                prop_assert!(timeline.is_sound());
                prop_assert_eq!(Timeline::from_text(&timeline.to_text()).unwrap(), timeline.clone());
                let compacted = timeline.compacted();
                prop_assert_eq!(Timeline::from_text(&compacted.to_text()).unwrap(), compacted);
            }
        }
    }

    #[test]
    fn garbage_is_refused(text in ".{0,200}") {
        prop_assert!(Timeline::from_text(&text).is_err());
    }
}

// By example ----------------------------------------------------------------------------------------------------

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// nats gains arm64, loses it, goes and comes back; a later version can't be read; alpine is unreadable at first.
fn example() -> Timeline {
    let mut recorder = Recorder::new(Rung::Declared);
    let amd64 = Offer { set: recorder.set(vec![platform("linux/amd64")]), is_whole: true };
    let both = vec![platform("linux/arm64"), platform("linux/amd64"), platform("linux/arm64")];
    let both = Offer { set: recorder.set(both), is_whole: true };
    let mut moment =
        |day: &str, number: usize| recorder.moment(at(&format!("{day}T12:00:00Z")), &origin(number));
    let days = ["2016-01-01", "2016-02-01", "2016-03-01", "2016-04-01", "2016-05-01", "2016-06-01"];
    let moments: Vec<MomentId> = days.iter().enumerate().map(|(number, day)| moment(day, number)).collect();
    let latest = |offer| vec![("latest".to_owned(), offer)];
    recorder.saw("nats", moments[0], amd64, amd64, latest(amd64));
    recorder.saw("nats", moments[1], both, amd64, vec![("edge".into(), both), ("latest".into(), amd64)]);
    recorder.saw("nats", moments[2], amd64, amd64, latest(amd64));
    recorder.refused("alpine", moments[2], "line 3: no".into());
    recorder.removed("nats", moments[3]);
    recorder.saw("nats", moments[4], amd64, amd64, latest(amd64));
    recorder.refused("nats", moments[5], "line 1: \"no\"".into());
    recorder.finish(source(6))
}

#[test]
fn a_span_begins_with_its_first_moment_and_ends_before_its_last() {
    let timeline = example();
    let nats = &timeline.images["nats"];
    let asked = |spans: &[Span], text: &str| {
        let span = timeline.span_at(spans, at(text))?;
        Some(timeline.set(span.offer.set).iter().map(Platform::format).collect::<Vec<_>>().join(" "))
    };
    for (time, any, latest, edge) in [
        ("2016-01-01T11:59:59.999Z", None, None, None),
        ("2016-01-01T12:00:00Z", Some("linux/amd64"), Some("linux/amd64"), None),
        ("2016-02-01T11:59:59.999Z", Some("linux/amd64"), Some("linux/amd64"), None),
        (
            "2016-02-01T12:00:00Z",
            Some("linux/amd64 linux/arm64"),
            Some("linux/amd64"),
            Some("linux/amd64 linux/arm64"),
        ),
        ("2016-03-01T12:00:00Z", Some("linux/amd64"), Some("linux/amd64"), None),
        ("2016-04-01T12:00:00Z", None, None, None),
        ("2016-05-01T11:59:59Z", None, None, None),
        ("2016-05-01T12:00:00Z", Some("linux/amd64"), Some("linux/amd64"), None),
        ("2030-01-01T00:00:00Z", Some("linux/amd64"), Some("linux/amd64"), None),
    ] {
        assert_eq!(asked(&nats.any, time).as_deref(), any, "any tag at {time}");
        assert_eq!(asked(&nats.latest, time).as_deref(), latest, "latest at {time}");
        assert_eq!(asked(&tag_spans(nats, "edge"), time).as_deref(), edge, "edge at {time}");
    }
    assert_eq!((nats.any.len(), nats.latest.len()), (4, 2), "a span ends only where something differs");
    assert_eq!(timeline.begins(), Some(at("2016-01-01T12:00:00Z")));
}

#[test]
fn what_was_never_read_is_unknown_and_what_was_read_before_stands() {
    let timeline = example();
    let alpine = timeline.images["alpine"].any[0];
    assert_eq!((timeline.set(alpine.offer.set), alpine.offer.is_whole), (&[][..], false));
    assert_eq!(timeline.images["alpine"].any.len(), 1);
    assert_eq!(timeline.images["nats"].any.last().unwrap().until, None);
    let problems: Vec<(&str, &str)> =
        timeline.problems.iter().map(|problem| (problem.image.as_str(), problem.reason.as_str())).collect();
    assert_eq!(problems, [("alpine", "line 3: no"), ("nats", "line 1: \"no\"")]);
}

#[test]
fn a_moment_that_goes_backwards_counts_as_the_one_before_it() {
    let mut recorder = Recorder::new(Rung::Published);
    let first = recorder.moment(at("2020-01-01T00:00:00Z"), "run 1");
    assert_eq!(recorder.moment(at("2020-01-01T00:00:00Z"), "run 1"), first);
    let second = recorder.moment(at("2019-01-01T00:00:00Z"), "run 2");
    assert!(second > first);
    let timeline = recorder.finish(source(2));
    assert_eq!(timeline.moment(second).at, at("2020-01-01T00:00:00Z"));
    assert_eq!((timeline.moment(second).origin.as_str(), timeline.rung), ("run 2", Rung::Published));
}

#[test]
fn a_timeline_that_names_what_is_not_there_is_not_sound() {
    assert!(example().is_sound());
    let unsound = |change: fn(&mut Timeline)| {
        let mut timeline = example();
        change(&mut timeline);
        assert!(!timeline.is_sound(), "{timeline:?}");
    };
    unsound(|timeline| timeline.moments.truncate(5));
    unsound(|timeline| timeline.sets.truncate(1));
    unsound(|timeline| timeline.problems[0].moment = MomentId(6));
    unsound(|timeline| {
        let span = &mut timeline.images.get_mut("nats").unwrap().tags[0].1;
        span.until = Some(span.from);
    });
}

/// As a text has it, which does not say that it has all that tags ever offered.
fn as_text(timeline: Timeline) -> Timeline {
    Timeline { has_past_tags: false, ..timeline }
}

// Texts that are none -------------------------------------------------------------------------------------------

/// Its lines: 1 the head, 2–4 sets, 5–10 moments, 11 alpine, 12 nats, 13–14 problems.
fn example_lines() -> Vec<String> {
    let text = example().to_text();
    assert!(text.ends_with('\n'));
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 14, "{text}");
    lines
}

/// Reads the example with `from` on line `number` written as `to`.
#[track_caller]
fn refused(number: usize, from: &str, to: &str) -> String {
    let mut lines = example_lines();
    assert!(lines[number - 1].contains(from), "{from} is not in {}", lines[number - 1]);
    lines[number - 1] = lines[number - 1].replacen(from, to, 1);
    let error = Timeline::from_text(&lines.join("\n")).unwrap_err();
    assert_eq!(error.line, number, "{error}");
    assert_eq!(error.to_string(), format!("line {number}: {}", error.reason));
    error.reason
}

#[test]
fn a_text_ends_with_its_last_line_and_nowhere_before() {
    let lines = example_lines();
    let read = Timeline::from_text(&lines.join("\n")).unwrap();
    assert_eq!(read, as_text(example()), "the last line need not end");
    for end in 0..lines.len() {
        let text: String = lines[..end].iter().map(|line| format!("{line}\n")).collect();
        let error = Timeline::from_text(&text).unwrap_err();
        assert!((1..=end + 1).contains(&error.line), "{end} lines: {error}");
    }
    let text = example().to_text();
    for end in 0..text.len() - 1 {
        assert!(Timeline::from_text(&text[..end]).is_err(), "{end} bytes: {}", &text[..end]);
    }
    let error = Timeline::from_text(&format!("{text}{}\n", lines[13])).unwrap_err();
    assert_eq!(error.line, 15, "a line too many: {error}");
}

#[test]
fn a_text_of_another_version_or_kind_is_refused_with_the_reason() {
    let reason = refused(1, "\"worksonHistory\":1", "\"worksonHistory\":2");
    assert!(reason.contains('2') && reason.contains("reads 1"), "{reason}");
    assert!(refused(1, "declared", "guessed").contains("guessed"));
    refused(1, "\"head\":", "\"tail\":");
    refused(1, "2026-08-21T23:53:11Z", "2026-13-21T23:53:11Z");
    refused(1, "{", "[");
    refused(2, "set", "bag");
    refused(5, "[\"2016", "[\"x2016");
    refused(11, "\"any\":", "\"all\":");
}

#[test]
fn a_text_that_names_what_is_not_there_is_refused_with_its_line() {
    // A span is written [set, whole, from, until].
    assert!(refused(12, "[0,1,0,1]", "[3,1,0,1]").contains("no set 3"));
    assert!(refused(12, "[0,1,0,1]", "[0,1,6,null]").contains("no moment 6"));
    assert!(refused(12, "[0,1,0,1]", "[0,1,0,4294967295]").contains("no moment 4294967295"));
    refused(12, "[0,1,0,1]", "[0,1,0,4294967296]");
    refused(12, "[0,1,0,1]", "[-1,1,0,1]");
    refused(12, "[0,1,0,1]", "[0,1,0]");
    assert!(refused(13, "[2,", "[6,").contains("no moment 6"));
    let mut lines = example_lines();
    lines.swap(4, 11);
    assert_eq!(Timeline::from_text(&lines.join("\n")).unwrap_err().line, 5, "an image before its moments");
}

#[test]
fn a_text_in_which_time_goes_backwards_is_refused_with_its_line() {
    assert!(refused(7, "2016-03-01", "2016-01-31").contains("before"));
    refused(12, "[0,1,0,1]", "[0,1,1,0]");
    refused(12, "[0,1,0,1]", "[0,1,0,0]");
    refused(12, "[0,1,0,1]", "[0,1,0,2]");
    refused(12, "[0,1,0,1]", "[0,1,0,null]");
    // The spans of a tag are in order as well: that of `edge` is given to `latest`, which stood meanwhile.
    refused(12, "\"edge\"", "\"latest\"");
}

#[test]
fn a_text_with_something_twice_or_unlike_what_is_written_is_refused() {
    assert!(refused(12, "\"name\":\"nats\"", "\"name\":\"alpine\"").contains("already"));
    refused(12, "[0,1,0,1]", "[0,2,0,1]");
    refused(3, "\"linux/amd64\",\"linux/arm64\"", "\"linux/arm64\",\"linux/amd64\"");
    refused(3, "\"linux/amd64\",\"linux/arm64\"", "\"linux/amd64\",\"linux/amd64\"");
    refused(3, "linux/arm64", "linux/arm64/v8/x");
    let mut lines = example_lines();
    lines.insert(4, String::new());
    assert_eq!(Timeline::from_text(&lines.join("\n")).unwrap_err().line, 5, "an empty line");
}
