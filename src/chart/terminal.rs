//! A chart in the characters of a terminal.

use anstyle::{AnsiColor, Style};

use super::axis::{self, Scale};
use super::{Chart, Series, Steps, printable, shortened, text_columns};

/// No terminal is larger, and a text of this size is not a chart any more.
const LARGEST: (usize, usize) = (1000, 300);
const SMALLEST: (usize, usize) = (24, 5);
/// The rows that are always there besides the plot: the axis of times, its names, one row of the legend.
const OTHER_ROWS: usize = 3;
/// Columns between two letters on a line.
const LETTER_EVERY: usize = 24;
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Blue,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Green,
    AnsiColor::Cyan,
    AnsiColor::Red,
];
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The dots of braille from the bottom to the top: of the left column, of the right one.
const DOTS: [[u8; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// What a piece of text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Axis,
    Total,
    Line(usize),
}

/// Pieces of text side by side.
type Row = Vec<(String, Of)>;

pub(super) fn draw(chart: &Chart, width: usize, height: usize, colour: bool) -> String {
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return String::new();
    }
    let (width, height) = (width.min(LARGEST.0), height.min(LARGEST.1));
    let series = chart.series();
    let mut rows: Vec<Row> = Vec::new();
    // A low chart has no room for a title, unless there is nothing else to show.
    if height >= 8 || series.empty {
        rows.push(vec![(shortened(&printable(&chart.title), width), Of::Axis)]);
    }
    if series.empty {
        rows.push(vec![("no data".to_owned(), Of::Axis)]);
    } else {
        let room = height - rows.len() - OTHER_ROWS;
        let mut legend = legend(&series, width);
        // The first lines are named even where that leaves the plot only a third.
        legend.truncate(1 + room.saturating_sub(2) * 2 / 3);
        rows.extend(plot(&series, width, room + 1 - legend.len()));
        rows.extend(legend);
    }
    rows.iter().map(|row| written(row, colour)).collect()
}

fn written(row: &Row, colour: bool) -> String {
    let mut text = String::new();
    for (part, of) in row {
        let style: Style = match of {
            Of::Axis => Style::new(),
            Of::Total => AnsiColor::BrightBlack.on_default(),
            Of::Line(number) => COLOURS[number % COLOURS.len()].on_default(),
        };
        if colour && *of != Of::Axis && !part.trim().is_empty() {
            text += &format!("{style}{part}{style:#}");
        } else {
            text += part;
        }
    }
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

/// What stands for a line in the plot and in the legend.
fn letter(number: usize) -> char {
    char::from(b'A' + (number % 26) as u8)
}

/// Mark, label and last value of each line, in as many rows as it takes; the first lines are in the first rows.
fn legend(series: &Series, width: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![Row::new()];
    let mut used = 0;
    for (number, line) in series.all().enumerate() {
        let (mark, of) = match series.lines.len() {
            lines if number == lines => ('⠒', Of::Total),
            1 => ('█', Of::Line(0)),
            _ => (letter(number), Of::Line(number)),
        };
        let value = line.last();
        let label = shortened(&line.label, width.saturating_sub(text_columns(&value) + 3));
        let text = shortened(&format!(" {label} {value}"), width - 1);
        let size = 1 + text_columns(&text);
        if used > 0 && used + 3 + size > width {
            rows.push(Row::new());
            used = 0;
        } else if let (Some(row), true) = (rows.last_mut(), used > 0) {
            row.push(("   ".to_owned(), Of::Axis));
            used += 3;
        }
        if let Some(row) = rows.last_mut() {
            row.extend([(mark.to_string(), of), (text, Of::Axis)]);
        }
        used += size;
    }
    rows
}

/// The plot in at most `height` rows, and below it the axis of times.
fn plot(series: &Series, width: usize, height: usize) -> Vec<Row> {
    // Each step takes the same number of rows, so that every name stands where its value is. The finest scale is
    // taken that leaves less than a third of the rows empty; a single step leaves none.
    let little_is_lost = |scale: &Scale| height / scale.count * scale.count * 3 > height * 2;
    let mut finest = (2..=height.div_ceil(2).min(6)).rev().map(|steps| Scale::new(series.most, steps));
    let scale = finest.find(little_is_lost).unwrap_or_else(|| Scale::new(series.most, 1));
    let rows_per_step = height / scale.count;
    let names: Vec<String> = (0..=scale.count).map(|number| scale.name(number)).collect();
    let names_width = names.iter().map(String::len).max().unwrap_or(0);
    let mut canvas = Canvas { cells: Vec::new(), width: 0, height: rows_per_step * scale.count };
    // Right of the plot, each line has its letter where it ends.
    let alone = series.lines.len() == 1;
    let mut ends = vec![Vec::new(); canvas.height];
    if !alone {
        for (number, line) in series.lines.iter().enumerate() {
            if let Some(value) = line.at(series.to) {
                ends[canvas.row(canvas.dots_up(scale.up(value)))].push(number);
            }
        }
    }
    let taken = names_width + 2 + if alone { 0 } else { 1 };
    // With very many lines the last letters are left out.
    let ends_width = ends.iter().map(Vec::len).max().unwrap_or(0).min(width / 4);
    canvas.width = width - taken - ends_width;
    canvas.cells = vec![(' ', Of::Axis); canvas.width * canvas.height];
    if let Some(total) = &series.total {
        canvas.dotted(series, &scale, total);
    }
    match series.lines.as_slice() {
        [line] => canvas.area(series, &scale, line),
        lines => {
            // The first line comes last: it lies on top. Letters are on top of all lines.
            lines.iter().enumerate().rev().for_each(|(n, line)| canvas.line(series, &scale, line, n));
            lines.iter().enumerate().rev().for_each(|(n, line)| canvas.letters(series, &scale, line, n));
        }
    }

    let mut rows = Vec::new();
    for (number, cells) in canvas.cells.chunks(canvas.width).enumerate() {
        let above = canvas.height - number;
        let axis = match above.is_multiple_of(rows_per_step) {
            true => format!("{:>names_width$} ┤", names[above / rows_per_step]),
            false => format!("{:>names_width$} │", ""),
        };
        let mut row = vec![(axis, Of::Axis)];
        row.extend(
            cells.chunk_by(|a, b| a.1 == b.1).map(|run| (run.iter().map(|cell| cell.0).collect(), run[0].1)),
        );
        for (place, end) in ends[number].iter().take(ends_width).enumerate() {
            let before = if place == 0 { " " } else { "" };
            row.push((format!("{before}{}", letter(*end)), Of::Line(*end)));
        }
        rows.push(row);
    }
    rows.extend(axis_of_times(series, canvas.width, names_width));
    rows
}

fn axis_of_times(series: &Series, width: usize, names_width: usize) -> [Row; 2] {
    let mut ticks = vec!['─'; width];
    let mut below = String::new();
    let mut used = 0;
    for (time, name) in axis::times(series.from, series.to, width) {
        let at = column(series.across(time), width);
        let start = at.saturating_sub(name.len() / 2).min(width.saturating_sub(name.len()));
        // Months are not all of one length, so a name may still be too close to the one before.
        if name.len() <= width && (below.is_empty() || start > used) {
            ticks[at] = '┬';
            below += &format!("{:1$}{name}", "", start - used);
            used = start + name.len();
        }
    }
    let ticks: String = ticks.into_iter().collect();
    [
        vec![(format!("{:>names_width$} └{ticks}", 0), Of::Axis)],
        vec![(format!("{:1$}{below}", "", names_width + 2), Of::Axis)],
    ]
}

fn column(across: f64, width: usize) -> usize {
    ((across * width as f64) as usize).min(width - 1)
}

/// The plot: characters in rows from the top, and what each belongs to.
struct Canvas {
    cells: Vec<(char, Of)>,
    width: usize,
    height: usize,
}

impl Canvas {
    /// The value at the end of each of `count` equal parts of the time: the last one is the last value.
    fn sampled(series: &Series, line: &Steps, count: usize) -> Vec<Option<u64>> {
        let span = i128::from(series.to - series.from);
        let end = |part: usize| series.from + (span * (part as i128 + 1) / count as i128) as i64;
        (0..count).map(|part| line.at(end(part))).collect()
    }

    /// How many dots of braille above the lowest one a height is drawn.
    fn dots_up(&self, up: f64) -> usize {
        ((up * self.height as f64 * 4.0).round() as usize).saturating_sub(1).min(self.height * 4 - 1)
    }

    /// The row of a dot.
    fn row(&self, dot: usize) -> usize {
        self.height - 1 - dot / 4
    }

    fn dot(&mut self, x: usize, y: usize, of: Of) {
        let at = self.row(y) * self.width + x / 2;
        let mask = u32::from(DOTS[x % 2][y % 4]);
        let (old, owner) = self.cells[at];
        // Dots of two lines come together, but a line hides the total.
        let old =
            if owner == Of::Axis || (owner == Of::Total && of != owner) { 0x2800 } else { u32::from(old) };
        self.cells[at] = (char::from_u32(old | mask).unwrap_or(' '), of);
    }

    fn dotted(&mut self, series: &Series, scale: &Scale, total: &Steps) {
        for (x, value) in Canvas::sampled(series, total, self.width * 2).into_iter().enumerate() {
            if let (Some(value), true) = (value, x % 2 == 0) {
                self.dot(x, self.dots_up(scale.up(value)), Of::Total);
            }
        }
    }

    fn line(&mut self, series: &Series, scale: &Scale, line: &Steps, number: usize) {
        let mut before = None;
        for (x, value) in Canvas::sampled(series, line, self.width * 2).into_iter().enumerate() {
            let Some(value) = value else { continue };
            let y = self.dots_up(scale.up(value));
            let last = before.unwrap_or(y);
            (y.min(last)..=y.max(last)).for_each(|y| self.dot(x, y, Of::Line(number)));
            before = Some(y);
        }
    }

    /// Letters along the way, each line's at other columns: lines that meet can be told apart.
    fn letters(&mut self, series: &Series, scale: &Scale, line: &Steps, number: usize) {
        let shift = LETTER_EVERY * (2 * number + 1) / (2 * series.lines.len());
        for (x, value) in Canvas::sampled(series, line, self.width).into_iter().enumerate() {
            if let (Some(value), true) = (value, x % LETTER_EVERY == shift % LETTER_EVERY) {
                let at = self.row(self.dots_up(scale.up(value))) * self.width + x;
                self.cells[at] = (letter(number), Of::Line(number));
            }
        }
    }

    fn area(&mut self, series: &Series, scale: &Scale, line: &Steps) {
        for (x, value) in Canvas::sampled(series, line, self.width).into_iter().enumerate() {
            let Some(value) = value.filter(|value| *value > 0) else { continue };
            // One image is not none, however many there are of the others.
            let eighths = ((scale.up(value) * self.height as f64 * 8.0).round() as usize).max(1);
            for row in 0..eighths.div_ceil(8).min(self.height) {
                let full = (eighths - row * 8).min(8);
                self.cells[(self.height - 1 - row) * self.width + x] = (EIGHTHS[full], Of::Line(0));
            }
        }
    }
}
