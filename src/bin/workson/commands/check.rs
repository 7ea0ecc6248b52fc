//! `workson check`: does this image work there?

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use workson::catalog::check::{Answer, Check, Evidence, Presence, similar_tags};
use workson::catalog::timelines::{self, Kept};
use workson::catalog::verified::Verified;
use workson::evidence::{Rung, Verdict};
use workson::history::library_file::ARCHITECTURES;
use workson::store::{Lists, Reasons, Store, TagSpans};
use workson::timeline::Timeline;
use workson_oci::platform::official_name;
use workson_oci::text::printable;
use workson_oci::{Platform, Reference};

use super::is_tag_named;

use crate::cli::Global;
use crate::exit::{Exit, Failure};
use crate::instant::{age, day};
use crate::output::{json, print, short, table};
use crate::settings::{Settings, now};

/// How many tags are named in a table.
const TAGS: usize = 2;

/// Does it work on Arm? What is known of an image on each platform, how sure, and since when
///
/// No registry is asked: it is answered from what comes with workson and what is in the store.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every image has every platform asked about (linux/arm64 where none is); 1 one lacks it; \
                  2 it could not be told."
)]
pub(crate) struct Arguments {
    /// The name of an image, with or without a tag: nginx, postgres:16, ghcr.io/owner/name
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// On this platform alone, like linux/riscv64 or arm64v8
    #[arg(long, short, value_name = "P")]
    platform: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckAnswer {
    /// As it was asked for.
    name: String,
    /// As it is known; none where the name is none.
    image: Option<String>,
    tag: Option<String>,
    /// `yes`, `no` or `unknown`, on all platforms asked about; on linux/arm64 where none was.
    verdict: &'static str,
    /// A sentence, where the image or the tag is not there.
    reason: Option<String>,
    platforms: Vec<PlatformAnswer>,
    suggestions: Vec<String>,
    /// Why the file of the image can't be read now; its last good answer stands.
    problem: Option<ProblemAnswer>,
    source: Option<json::SourceAnswer>,
}

#[derive(Debug, Serialize)]
struct ProblemAnswer {
    at: String,
    commit: String,
    reason: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlatformAnswer {
    platform: String,
    verdict: &'static str,
    rung: Option<&'static str>,
    reason: Option<String>,
    since: Option<String>,
    /// The commit or the run that it is known from.
    since_origin: Option<String>,
    /// Whether it may have been so before: what was before is not known.
    or_before: bool,
    lost_at: Option<String>,
    tags: Vec<String>,
    observed_at: Option<String>,
    sure: String,
    /// What would bring it to the next rung.
    raise: Option<String>,
    note: Option<String>,
}

/// All that checks are made of.
struct Known {
    declared: Kept,
    published: Option<Timeline>,
    verified: Verified,
    asked: Vec<Platform>,
    now: Timestamp,
}

/// What was found for one name.
struct Found {
    name: String,
    reference: Reference,
    image: String,
    check: Check,
    suggestions: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, global: &Global) -> Result<Exit, Failure> {
    let settings = Settings::read(global)?;
    let store = super::existing_store(&settings.store(global))?;
    let asked = super::platforms("--platform", &arguments.platform)?;
    let names = arguments.names.iter().map(|name| {
        let parsed = name.trim().parse::<Reference>();
        parsed.map(|reference| (name, reference)).map_err(|error| Failure::new(format!("{name}: {error}")))
    });
    let names: Vec<(&String, Reference)> = names.collect::<Result<_, _>>()?;
    let images: Vec<String> = names.iter().map(|(_, reference)| reference.repository().familiar()).collect();
    let published = store
        .as_ref()
        .map(|store: &Store| store.published(Lists::All, Reasons::Whole))
        .transpose()?
        .flatten();
    let declared = timelines::declared(store.as_ref(), TagSpans::Of(&images))?;
    let verified = Verified::read(store.as_ref())?;
    let known = Known { declared, published, verified, asked, now: now() };
    let found: Vec<Found> = names.iter().map(|(name, reference)| known.check(name, reference)).collect();
    let verdicts: Vec<&'static str> = found.iter().map(|found| known.verdict(found)).collect();
    if arguments.json {
        let answers: Vec<CheckAnswer> = found.iter().map(|found| known.json(found)).collect();
        print(&json::document(&answers)?)?;
    } else {
        let texts: Vec<String> = found.iter().map(|found| known.text(found, global.quiet)).collect();
        print(texts.join("\n").as_bytes())?;
    }
    Ok(match verdicts {
        verdicts if verdicts.contains(&"no") => Exit::No,
        verdicts if verdicts.contains(&"unknown") => Exit::Unknown,
        _ => Exit::Yes,
    })
}

impl Known {
    fn evidence(&self) -> Evidence<'_> {
        Evidence { declared: Some(&self.declared.timeline), published: self.published.as_ref() }
    }

    fn check(&self, name: &str, reference: &Reference) -> Found {
        let image = reference.repository().familiar();
        // `nginx` alone is no question about its tag latest.
        let tag = is_tag_named(name).then(|| reference.tag()).flatten();
        let evidence = self.evidence();
        let platforms = self.platforms(&image);
        let check = match reference.digest() {
            Some(_) => {
                Check::unknown(&platforms, "what is known is known of tags, and a digest was asked about")
            }
            None => {
                let mut check = evidence.check(&image, tag, &platforms);
                let tag = reference.tag().unwrap_or("latest");
                for answer in &mut check.answers {
                    self.verified.raise(&reference.to_string(), tag, answer);
                }
                if check.presence != Presence::There
                    && check.answers.iter().any(|answer| answer.rung == Some(Rung::Verified))
                {
                    check.presence = Presence::There;
                }
                check
            }
        };
        let suggestions = match (&check.presence, tag) {
            (Presence::Unknown, _) => evidence.suggestions(&image),
            (Presence::NoSuchTag, Some(tag)) => {
                self.declared.timeline.images.get(&image).map_or_else(Vec::new, |known| {
                    similar_tags(known, tag).into_iter().map(|tag| format!("{image}:{tag}")).collect()
                })
            }
            _ => Vec::new(),
        };
        Found { name: name.to_owned(), reference: reference.clone(), image, check, suggestions }
    }

    /// Those asked about; otherwise what it has or had, and the usual ones, linux/arm64 first.
    fn platforms(&self, image: &str) -> Vec<Platform> {
        if !self.asked.is_empty() {
            return self.asked.clone();
        }
        let usual: Vec<Platform> = match self.declared.timeline.images.contains_key(image) {
            true => ARCHITECTURES.into_iter().filter_map(official_name).map(|p| p.normalized()).collect(),
            false => vec![super::amd64(), super::arm64()],
        };
        let mut platforms = self.evidence().platforms(image);
        platforms.extend(usual);
        platforms.sort();
        platforms.dedup();
        platforms.sort_by_key(|platform| *platform != super::arm64());
        platforms
    }

    /// The answers that the exit code speaks of.
    fn asked<'a>(&self, found: &'a Found) -> &'a [Answer] {
        let all = found.check.answers.as_slice();
        if self.asked.is_empty() { &all[..1.min(all.len())] } else { all }
    }

    fn verdict(&self, found: &Found) -> &'static str {
        let verdicts: Vec<&str> = self.asked(found).iter().map(|answer| answer.verdict.name()).collect();
        match () {
            () if verdicts.contains(&"no") => "no",
            () if verdicts.contains(&"unknown") || verdicts.is_empty() => "unknown",
            () => "yes",
        }
    }

    fn json(&self, found: &Found) -> CheckAnswer {
        let tag = is_tag_named(&found.name).then(|| found.reference.tag()).flatten();
        CheckAnswer {
            name: found.name.clone(),
            image: Some(found.image.clone()),
            tag: tag.map(str::to_owned),
            verdict: self.verdict(found),
            reason: self.absence(found),
            platforms: found.check.answers.iter().map(|answer| self.platform_json(found, answer)).collect(),
            suggestions: found.suggestions.clone(),
            problem: found.check.problem.as_ref().map(|(moment, reason)| ProblemAnswer {
                at: moment.at.to_string(),
                commit: moment.origin.clone(),
                reason: reason.clone(),
            }),
            source: Some(json::SourceAnswer::of(&self.declared.timeline, self.declared.keeping)),
        }
    }

    fn platform_json(&self, found: &Found, answer: &Answer) -> PlatformAnswer {
        let reason = match &answer.verdict {
            Verdict::Unknown(reason) => Some(reason.clone()),
            _ => None,
        };
        let since = answer.since.as_ref();
        PlatformAnswer {
            platform: json::shown(&answer.platform),
            verdict: answer.verdict.name(),
            rung: answer.rung.map(Rung::name),
            reason,
            since: since.map(|since| since.moment.at.to_string()),
            since_origin: since.map(|since| since.moment.origin.clone()),
            or_before: since.is_some_and(|since| since.or_before),
            lost_at: answer.lost.as_ref().map(|moment| moment.at.to_string()),
            tags: answer.tags.clone(),
            observed_at: answer.observed_at.map(|at| at.to_string()),
            sure: sure(answer).to_owned(),
            raise: raise(found, answer),
            note: answer.note.clone(),
        }
    }

    /// Why there is no answer for the image as a whole.
    fn absence(&self, found: &Found) -> Option<String> {
        let image = &found.image;
        match &found.check.presence {
            Presence::There => None,
            Presence::Gone(moment) => Some(format!("it is gone since {}", moment.at)),
            Presence::NoSuchTag => {
                let tag = found.reference.tag().unwrap_or("latest");
                let timeline = &self.declared.timeline;
                Some(match timeline.images.contains_key(image) {
                    true => format!("{image} had no tag {tag} on {}", day(timeline.source.head_at)),
                    false => format!("no registry was asked about {image}:{tag}"),
                })
            }
            Presence::Unknown => Some(format!("nothing is known of an image called {image}")),
        }
    }

    fn text(&self, found: &Found, quiet: bool) -> String {
        let mut text = String::new();
        let is_known = matches!(found.check.presence, Presence::There | Presence::Gone(_));
        for answer in self.asked(found) {
            text += &match self.absence(found) {
                Some(reason) if !is_known => {
                    format!("{} on {}: unknown: {reason}\n", found.title(), json::shown(&answer.platform))
                }
                _ => headline(found, answer),
            };
            if quiet {
                continue;
            }
            if is_known {
                text += &format!("  how sure: {}\n", sure(answer));
            }
            if let Some(raise) = raise(found, answer) {
                text += &format!("  surer: {raise}\n");
            }
        }
        if !found.suggestions.is_empty() {
            text += &format!("  did you mean {}?\n", found.suggestions.join(" or "));
        }
        if quiet {
            return text;
        }
        if let Some((moment, reason)) = &found.check.problem {
            text += &format!(
                "  its file could not be read at {} ({}); its last good answer stands: {}\n",
                short(&moment.origin),
                day(moment.at),
                printable(reason)
            );
        }
        text += &self.known_from(self.asked(found).first().filter(|_| is_known));
        if is_known && found.check.answers.len() > 1 {
            text += &format!("\n{}", rows(&found.check.answers));
        }
        text
    }

    /// What an answer stands on, and how old that is.
    fn known_from(&self, answer: Option<&Answer>) -> String {
        let of =
            |rung| answer.filter(|answer| answer.rung == Some(rung)).and_then(|answer| answer.observed_at);
        if let Some(at) = of(Rung::Verified) {
            return format!("  known from: its bytes, read on {}, {}\n", day(at), age(at, self.now));
        }
        if let Some(at) = of(Rung::Published) {
            return format!("  known from: a registry, asked on {}, {}\n", day(at), age(at, self.now));
        }
        let source = super::source(&self.declared.timeline, self.declared.keeping, self.now);
        format!("  known from: {source}\n")
    }
}

impl Found {
    /// The image, with a tag where one was typed.
    fn title(&self) -> String {
        if is_tag_named(&self.name) || self.reference.digest().is_some() {
            self.reference.familiar()
        } else {
            self.image.clone()
        }
    }
}

/// `nginx on linux/arm64: yes, declared since 2017-09-15 by its tag latest`
fn headline(found: &Found, answer: &Answer) -> String {
    let (name, platform) = (found.title(), json::shown(&answer.platform));
    let rung = answer.rung.map(|rung| format!(", {}", rung.name())).unwrap_or_default();
    let on = answer.observed_at.filter(|_| answer.rung == Some(Rung::Verified));
    let on = on.map(|at| format!(" on {}", day(at)));
    let detail = match &answer.verdict {
        Verdict::Yes | Verdict::No if on.is_some() => {
            format!("{rung}{}{}", on.unwrap_or_default(), by(answer))
        }
        Verdict::Yes => format!("{rung}{}{}", since(answer), by(answer)),
        Verdict::No => match &answer.lost {
            Some(lost) => format!("{rung}; it had it until {}", day(lost.at)),
            None if answer.since.as_ref().is_some_and(|since| since.or_before) => rung,
            None => format!("{rung}; it never had it"),
        },
        Verdict::Unknown(reason) => format!(": {}", printable(reason)),
    };
    let note = answer.note.as_ref().map(|note| format!("; {}", printable(note))).unwrap_or_default();
    format!("{name} on {platform}: {}{detail}{note}\n", answer.verdict.name())
}

fn since(answer: &Answer) -> String {
    match &answer.since {
        Some(since) if since.or_before => format!(" since {} or before", day(since.moment.at)),
        Some(since) => format!(" since {}", day(since.moment.at)),
        None => String::new(),
    }
}

fn by(answer: &Answer) -> String {
    match answer.tags.first() {
        Some(tag) => format!(", by its tag {}", printable(tag)),
        None => String::new(),
    }
}

/// What the rung proves, and what it does not.
fn sure(answer: &Answer) -> &'static str {
    match (answer.rung, &answer.verdict) {
        (Some(Rung::Declared), Verdict::Yes) => {
            "its maintainers name the platform; whether a registry serves it was not asked"
        }
        (Some(Rung::Declared), Verdict::No) => {
            "its maintainers do not name the platform; whether a registry serves it all the same was not asked"
        }
        (Some(Rung::Published), Verdict::Yes) => {
            "a registry served an image that says so; what it holds was not read"
        }
        (Some(Rung::Published), Verdict::Unknown(_)) => "not at all: the registry gave no answer",
        (Some(Rung::Published), Verdict::No) => {
            "the registry was asked, and what it served lacks the platform"
        }
        (Some(Rung::Verified), Verdict::Yes) => {
            "what would run was read, and can start there; it was not run"
        }
        (Some(Rung::Verified), Verdict::No) => "what would run was read, and can't start there",
        (Some(Rung::Ran), Verdict::Yes) => "it was run there",
        _ => "not at all",
    }
}

/// What would bring an answer to the next rung.
fn raise(found: &Found, answer: &Answer) -> Option<String> {
    match answer.rung {
        rung if matches!(rung, None | Some(Rung::Declared))
            || matches!(answer.verdict, Verdict::Unknown(_)) =>
        {
            let platform = json::shown(&answer.platform);
            let name = match is_tag_named(&found.name) {
                true => found.reference.familiar(),
                false if found.reference.digest().is_some() => found.reference.familiar(),
                // The tag that declares it: latest may lack it.
                false => match answer.tags.first() {
                    Some(tag) if tag != "latest" => format!("{}:{tag}", found.image),
                    _ => found.image.clone(),
                },
            };
            Some(format!("`workson query {name} --platform {platform}` asks the registry (published)"))
        }
        Some(Rung::Published) => {
            let platform = json::shown(&answer.platform);
            Some(format!(
                "`workson verify {} --platform {platform}` reads what it holds (verified)",
                found.title()
            ))
        }
        Some(Rung::Verified) => Some("running it there (ran)".into()),
        None | Some(Rung::Declared | Rung::Ran) => None,
    }
}

fn rows(answers: &[Answer]) -> String {
    let mut table = table::new(&["platform", "answer", "rung", "since", "tags"]);
    for answer in answers {
        let since = match (&answer.verdict, &answer.since, &answer.lost) {
            (Verdict::No | Verdict::Unknown(_), _, Some(lost)) => format!("lost {}", day(lost.at)),
            (Verdict::Yes, Some(since), _) if since.or_before => {
                format!("{} or before", day(since.moment.at))
            }
            (Verdict::Yes, Some(since), _) => day(since.moment.at),
            _ => String::new(),
        };
        let mut tags = answer.tags.iter().take(TAGS).cloned().collect::<Vec<_>>().join(" ");
        if answer.tags.len() > TAGS {
            tags += &format!(" and {} more", answer.tags.len() - TAGS);
        }
        table.add_row([
            table::cell(&json::shown(&answer.platform)),
            table::verdict(answer.verdict.name()),
            table::cell(answer.rung.map_or("-", Rung::name)),
            table::cell(&since),
            table::cell(&tags),
        ]);
    }
    table::text(&mut table)
}
