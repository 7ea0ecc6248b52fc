//! The compact form of a timeline: lines of JSON, so that a new import shows as a small difference.
//!
//! The first line is the head; then come the sets, the moments, the images and the problems, each on a line of
//! its own. A set and a moment are named by their place among their kind.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use workson_oci::Platform;

use super::{ImageTimeline, Moment, MomentId, Offer, Problem, SetId, Source, Span, Timeline, are_in_order};
use crate::evidence::Rung;

/// The version of the form that is written and read.
pub const VERSION: u32 = 1;

/// Why a text is no timeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TextError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    workson_history: u32,
    rung: String,
    source: String,
    head: String,
    head_at: Timestamp,
    read: u64,
    changes: u64,
    tool: String,
    /// How many lines follow, so that a text that was cut off is not taken for a shorter history.
    lines: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Line {
    Set(Vec<String>),
    Moment(Timestamp, String),
    Image(ImageLine),
    /// Moment, until, image, reason.
    Problem(u32, Option<u32>, String, String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageLine {
    name: String,
    any: Vec<SpanLine>,
    latest: Vec<SpanLine>,
    tags: Vec<(SpanLine, Vec<String>)>,
}

/// Set, whether it is whole, from, until.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct SpanLine(u32, u8, u32, Option<u32>);

impl From<Span> for SpanLine {
    fn from(span: Span) -> SpanLine {
        let until = span.until.map(|until| until.0);
        SpanLine(span.offer.set.0, u8::from(span.offer.is_whole), span.from.0, until)
    }
}

impl Timeline {
    /// What is worth carrying along: any tag and `latest` for all time, every other tag as it is now.
    #[must_use]
    pub fn compacted(mut self) -> Timeline {
        for image in self.images.values_mut() {
            image.tags.retain(|(tag, span)| span.until.is_none() || tag == "latest");
        }
        self.has_past_tags = false;
        let mut moments = Renumbering::new(self.moments.len());
        let mut sets = Renumbering::new(self.sets.len());
        for span in self.spans_mut() {
            sets.keep(span.offer.set.0);
            moments.keep(span.from.0);
            if let Some(until) = span.until {
                moments.keep(until.0);
            }
        }
        for problem in &self.problems {
            moments.keep(problem.moment.0);
            if let Some(until) = problem.until {
                moments.keep(until.0);
            }
        }
        moments.settle(Ord::cmp);
        // By what they hold, so that it does not matter in which order a store has them.
        sets.settle(|a, b| self.sets[*a].cmp(&self.sets[*b]));
        for span in self.spans_mut() {
            span.offer.set = SetId(sets.place(span.offer.set.0));
            span.from = MomentId(moments.place(span.from.0));
            span.until = span.until.map(|until| MomentId(moments.place(until.0)));
        }
        for problem in &mut self.problems {
            problem.moment = MomentId(moments.place(problem.moment.0));
            problem.until = problem.until.map(|until| MomentId(moments.place(until.0)));
        }
        self.moments = moments.kept(self.moments);
        self.sets = sets.kept(self.sets);
        self
    }

    fn spans_mut(&mut self) -> impl Iterator<Item = &mut Span> {
        self.images.values_mut().flat_map(|image| {
            let tags = image.tags.iter_mut().map(|(_, span)| span);
            image.any.iter_mut().chain(&mut image.latest).chain(tags)
        })
    }

    /// The compact form.
    pub fn to_text(&self) -> String {
        let head = Head {
            workson_history: VERSION,
            rung: self.rung.name().to_owned(),
            source: self.source.name.clone(),
            head: self.source.head.clone(),
            head_at: self.source.head_at,
            read: self.source.read,
            changes: self.source.changes,
            tool: self.source.tool.clone(),
            lines: self.sets.len() + self.moments.len() + self.images.len() + self.problems.len(),
        };
        let mut text = json(&head);
        for set in &self.sets {
            text += &json(&Line::Set(set.iter().map(Platform::format_all).collect()));
        }
        for moment in &self.moments {
            text += &json(&Line::Moment(moment.at, moment.origin.clone()));
        }
        for (name, image) in &self.images {
            text += &json(&Line::Image(ImageLine {
                name: name.clone(),
                any: image.any.iter().copied().map(SpanLine::from).collect(),
                latest: image.latest.iter().copied().map(SpanLine::from).collect(),
                tags: grouped(&image.tags),
            }));
        }
        for problem in &self.problems {
            let until = problem.until.map(|until| until.0);
            let Problem { moment, image, reason, .. } = problem;
            text += &json(&Line::Problem(moment.0, until, image.clone(), reason.clone()));
        }
        text
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// Where a line is not as this version writes it, or names a set or a moment that is not there, or there are
    /// more or fewer than the first one says.
    pub fn from_text(text: &str) -> Result<Timeline, TextError> {
        let (rung, source, count) = head(text)?;
        let (sets, moments, images, problems) = Default::default();
        let mut timeline = Timeline { rung, source, sets, moments, images, has_past_tags: false, problems };
        let mut last = 0;
        for (at, line) in text.lines().enumerate().skip(1) {
            let line: Line = serde_json::from_str(line).map_err(|source| error(at, source.to_string()))?;
            timeline.add(line).map_err(|reason| error(at, reason))?;
            last = at;
        }
        if last != count {
            return Err(error(last, format!("{last} lines follow the first one, and not {count}")));
        }
        Ok(timeline)
    }

    /// Where the facts of a compact form come from, as its first line tells alone.
    ///
    /// # Errors
    /// Where that is not as this version writes it.
    pub fn source_of_text(text: &str) -> Result<Source, TextError> {
        head(text).map(|(_, source, _)| source)
    }

    fn add(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Set(names) => {
                let host = Platform::default();
                let platforms = names.iter().map(|name| Platform::parse(name, &host));
                let set: Vec<Platform> =
                    platforms.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
                if !set.is_sorted_by(|a, b| a < b) {
                    return Err("its platforms are not in order, each once".into());
                }
                self.sets.push(set);
            }
            Line::Moment(at, origin) => {
                if self.moments.last().is_some_and(|last| last.at > at) {
                    return Err("this moment is before the last one".into());
                }
                self.moments.push(Moment { at, origin });
            }
            Line::Image(line) => {
                let mut image = ImageTimeline { any: self.spans(&line.any)?, ..ImageTimeline::default() };
                image.latest = self.spans(&line.latest)?;
                for (span, tags) in line.tags {
                    let span = self.span(span)?;
                    image.tags.extend(tags.into_iter().map(|tag| (tag, span)));
                }
                image.tags.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.from.cmp(&y.from)));
                let mut tags = image.tags.chunk_by(|(a, _), (b, _)| a == b);
                if !tags.all(|spans| are_in_order(spans.iter().map(|(_, span)| span))) {
                    return Err("the spans of a tag are not in order".into());
                }
                if self.images.insert(line.name, image).is_some() {
                    return Err("this image was there already".into());
                }
            }
            Line::Problem(moment, until, image, reason) => {
                let moment = self.known_moment(moment)?;
                let until = until.map(|until| self.known_moment(until)).transpose()?;
                self.problems.push(Problem { moment, until, image, reason });
            }
        }
        Ok(())
    }

    fn spans(&self, lines: &[SpanLine]) -> Result<Vec<Span>, String> {
        let spans: Vec<Span> = lines.iter().map(|line| self.span(*line)).collect::<Result<_, _>>()?;
        if are_in_order(spans.iter()) { Ok(spans) } else { Err("its spans are not in order".into()) }
    }

    fn span(&self, SpanLine(set, is_whole, from, until): SpanLine) -> Result<Span, String> {
        if set as usize >= self.sets.len() {
            return Err(format!("there is no set {set} before it"));
        }
        let from = self.known_moment(from)?;
        let until = until.map(|until| self.known_moment(until)).transpose()?;
        if until.is_some_and(|until| until <= from) {
            return Err("a span ends before it begins".into());
        }
        if is_whole > 1 {
            return Err(format!("whether a set is whole is 0 or 1, and not {is_whole}"));
        }
        Ok(Span { offer: Offer { set: SetId(set), is_whole: is_whole != 0 }, from, until })
    }

    fn known_moment(&self, moment: u32) -> Result<MomentId, String> {
        let is_known = (moment as usize) < self.moments.len();
        if is_known { Ok(MomentId(moment)) } else { Err(format!("there is no moment {moment} before it")) }
    }
}

fn error(at: usize, reason: String) -> TextError {
    TextError { line: at + 1, reason }
}

/// What the first line says, and how many have to follow it.
fn head(text: &str) -> Result<(Rung, Source, usize), TextError> {
    let first = text.lines().next().ok_or_else(|| error(0, "it is empty".into()))?;
    let head: Head = serde_json::from_str(first).map_err(|source| error(0, source.to_string()))?;
    if head.workson_history != VERSION {
        let reason = format!("its version is {}, and this workson reads {VERSION}", head.workson_history);
        return Err(error(0, reason));
    }
    let rung = Rung::from_name(&head.rung).ok_or_else(|| error(0, format!("no rung {:?}", head.rung)))?;
    let source = Source {
        name: head.source,
        head: head.head,
        head_at: head.head_at,
        read: head.read,
        changes: head.changes,
        tool: head.tool,
    };
    Ok((rung, source, head.lines))
}

/// One line. What is written is text and numbers, which JSON can hold.
#[allow(clippy::expect_used, reason = "texts and numbers without maps have no key that could fail")]
fn json(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).expect("texts and numbers are JSON");
    text.push('\n');
    text
}

/// Tags that offer the same since the same moment stand together.
fn grouped(tags: &[(String, Span)]) -> Vec<(SpanLine, Vec<String>)> {
    let mut groups: Vec<(SpanLine, Vec<String>)> = Vec::new();
    for (tag, span) in tags {
        let span = SpanLine::from(*span);
        match groups.iter_mut().find(|(of, _)| *of == span) {
            Some((_, group)) => group.push(tag.clone()),
            None => groups.push((span, vec![tag.clone()])),
        }
    }
    groups
}

/// New places for what is kept of a list.
struct Renumbering(Vec<Option<u32>>);

impl Renumbering {
    fn new(len: usize) -> Renumbering {
        Renumbering(vec![None; len])
    }

    fn keep(&mut self, old: u32) {
        self.0[old as usize] = Some(0);
    }

    /// Gives places to what is kept, in the order of `compare`, which is asked of old places.
    fn settle(&mut self, compare: impl Fn(&usize, &usize) -> Ordering) {
        let mut kept: Vec<usize> = (0..self.0.len()).filter(|old| self.0[*old].is_some()).collect();
        kept.sort_by(compare);
        for (new, old) in kept.into_iter().enumerate() {
            self.0[old] = Some(new as u32);
        }
    }

    fn place(&self, old: u32) -> u32 {
        self.0[old as usize].unwrap_or_default()
    }

    fn kept<T>(&self, list: Vec<T>) -> Vec<T> {
        let placed = self.0.iter().zip(list).filter_map(|(place, item)| Some(((*place)?, item)));
        let mut placed: Vec<(u32, T)> = placed.collect();
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, item)| item).collect()
    }
}
