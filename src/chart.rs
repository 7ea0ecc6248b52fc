//! Charts of how many images support a platform over time. Data in, text out: no terminal, no file, no clock.

mod axis;
mod svg;
mod terminal;

use jiff::Timestamp;

/// The shortest time a chart shows, in seconds: one point has no width of its own.
const SHORTEST: i64 = 3600;

/// One line of a chart: a step function of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is counted, such as `linux/arm64 by latest`. Any text; control characters are not shown.
    pub label: String,
    /// From when on there were how many images. A value holds until the next point, the last one until the right
    /// edge of the chart. Any order; of points of equal time the last one counts.
    pub points: Vec<(Timestamp, u64)>,
}

/// Numbers of images over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What is shown, in a few words.
    pub title: String,
    /// The lines, in the order of the legend. One alone is drawn as an area.
    pub lines: Vec<Line>,
    /// How many images there were in all: drawn dotted, behind the lines.
    pub total: Option<Line>,
    /// The right edge. Later points are not shown. The left edge is the first point of all.
    pub until: Timestamp,
}

impl Chart {
    /// The chart for a terminal of `width` columns, in at most `height` rows, each of which ends in a newline. An
    /// empty text if that is too small (less than 24 columns or 5 rows). The lines differ in letters, and with
    /// `colour` in ANSI colours too.
    pub fn terminal(&self, width: u16, height: u16, colour: bool) -> String {
        terminal::draw(self, width.into(), height.into(), colour)
    }

    /// The chart as an SVG 1.1 document that needs nothing else: no script, no font, no link. It follows the light
    /// or dark scheme of its reader, and may stand in an HTML page as it is.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// The chart as an SVG element of an HTML page that forbids styles within it: the page's style sheet has to know
    /// its classes. `id` is no other element's on the page; title and description are named after it.
    pub fn figure(&self, id: &str) -> String {
        svg::figure(self, id)
    }

    /// What there is to draw.
    fn series(&self) -> Series {
        let lines: Vec<Steps> = self.lines.iter().map(|line| Steps::new(line, self.until)).collect();
        let total = self.total.as_ref().map(|line| Steps::new(line, self.until));
        let to = self.until.as_second();
        let points = || lines.iter().chain(&total).flat_map(|line| &line.points);
        let empty = points().next().is_none();
        let from = points().map(|(time, _)| *time).min().unwrap_or(to).min(to - SHORTEST);
        let most = points().map(|(_, value)| *value).max().unwrap_or(0);
        Series { from, to, most, empty, lines, total }
    }
}

/// The lines of a chart, ready to be drawn.
struct Series {
    /// The left edge, in Unix seconds.
    from: i64,
    /// The right edge, in Unix seconds.
    to: i64,
    /// The highest value.
    most: u64,
    /// Whether no line has a point.
    empty: bool,
    lines: Vec<Steps>,
    total: Option<Steps>,
}

impl Series {
    /// Where a time is: 0 is the left edge, 1 the right one.
    fn across(&self, time: i64) -> f64 {
        (time - self.from) as f64 / (self.to - self.from) as f64
    }

    /// The lines and then the total: the order of a legend.
    fn all(&self) -> impl Iterator<Item = &Steps> {
        self.lines.iter().chain(&self.total)
    }
}

/// A line whose points are in order, each at another second (Unix), none after the right edge.
struct Steps {
    label: String,
    points: Vec<(i64, u64)>,
}

impl Steps {
    fn new(line: &Line, until: Timestamp) -> Steps {
        let mut sorted: Vec<_> = line.points.iter().filter(|(time, _)| *time <= until).collect();
        sorted.sort_by_key(|(time, _)| *time);
        let mut points: Vec<(i64, u64)> = Vec::with_capacity(sorted.len());
        for (time, value) in sorted {
            let time = time.as_second();
            points.pop_if(|(last, _)| *last == time);
            points.push((time, *value));
        }
        Steps { label: printable(&line.label), points }
    }

    /// The value at a time; none before the first point.
    fn at(&self, time: i64) -> Option<u64> {
        let after = self.points.partition_point(|(start, _)| *start <= time);
        Some(self.points[after.checked_sub(1)?].1)
    }

    /// The last value for a legend.
    fn last(&self) -> String {
        self.points.last().map_or_else(|| "no data".to_owned(), |(_, value)| axis::grouped(*value))
    }
}

/// The text without what would break a row, steer a terminal, turn the direction of writing, or not be XML.
fn printable(text: &str) -> String {
    let unfit = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    text.chars()
        .map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c })
        .filter(|c| !unfit(c))
        .collect()
}

/// How many columns a character may take. Not exact, but never too few: a font decides in the end.
fn columns(c: char) -> usize {
    match c {
        '\0'..'\u{1100}' | '\u{1e00}'..'\u{2300}' | '\u{2500}'..'\u{2600}' | '\u{2800}'..'\u{2900}' => 1,
        _ => 2,
    }
}

/// How many columns a text may take.
fn text_columns(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text in at most `room` columns: what is too long ends in `…`.
fn shortened(text: &str, room: usize) -> String {
    if text_columns(text) <= room {
        return text.to_owned();
    }
    let mut left = room;
    let fits = |c: &char| {
        // One column is for the ellipsis.
        let rest = left.checked_sub(columns(*c)).filter(|rest| *rest > 0);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    if room > 0 {
        short.push('…');
    }
    short
}
