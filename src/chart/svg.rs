//! A chart as an SVG document.

use super::axis::{self, Scale};
use super::{Chart, Series, Steps, printable, shortened, text_columns};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Space at the left and right edge.
const MARGIN: f64 = 20.0;
/// Where the plot ends: below it are the names of the times.
const BOTTOM: f64 = HEIGHT - 34.0;
/// How wide a character of the text may be, which is 12 units high.
const CHARACTER: f64 = 6.8;
/// How far apart the labels at the ends of lines are, and the rows of the legend.
const LABEL_HEIGHT: f64 = 16.0;
/// Columns of a label at the end of a line. The legend has all of it.
const LABEL_COLUMNS: usize = 22;
/// Rows of the legend that leave enough for the plot.
const LEGEND_ROWS: usize = 4;
/// Where the legend begins.
const LEGEND_TOP: f64 = 49.0;
const COLOURS: usize = 6;
const DASHES: usize = 5;

/// The colours can be told apart by colour-blind people (after Okabe and Ito), and read on their background; where
/// that fails, lines differ in dashes. All selectors begin with a class of their own: a page may hold the chart.
const STYLE: &str = include_str!("style.css");

pub(super) fn draw(chart: &Chart) -> String {
    let series = chart.series();
    let title = printable(&chart.title);
    let shown = shortened(&title, ((WIDTH - 2.0 * MARGIN) / CHARACTER / 1.3) as usize);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         class=\"workson-chart\">\n<title>{}</title>\n<desc>{}</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"bg\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"h\" x=\"{MARGIN}\" y=\"27\">{}</text>\n",
        escaped(&title),
        escaped(&described(&series)),
        escaped(&shown),
    );
    svg += &body(&series, LEGEND_TOP);
    svg += "</svg>\n";
    svg
}

/// Without a style, a background and a heading, which are the page's.
pub(super) fn figure(chart: &Chart, id: &str) -> String {
    let series = chart.series();
    let id = escaped(id);
    let above = LEGEND_TOP - LABEL_HEIGHT;
    let mut svg = format!(
        "<svg viewBox=\"0 {above} {WIDTH} {}\" role=\"img\" class=\"workson-chart\" aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        HEIGHT - above,
        escaped(&printable(&chart.title)),
        escaped(&described(&series)),
    );
    svg += &body(&series, LEGEND_TOP);
    svg += "</svg>\n";
    svg
}

/// Legend and plot; the legend's first row is at `top`.
fn body(series: &Series, top: f64) -> String {
    if series.empty {
        let (x, y) = (WIDTH / 2.0, HEIGHT / 2.0);
        return format!("<text class=\"m\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">no data</text>\n");
    }
    let (legend, bottom) = legend(series, top);
    legend + &plot(series, bottom + LABEL_HEIGHT)
}

/// What a person who does not see the chart needs.
fn described(series: &Series) -> String {
    if series.empty {
        return "No data.".to_owned();
    }
    let total = series.total.as_ref().and_then(|total| Some((total, total.at(series.to)?)));
    let of = total.map(|(_, value)| format!(" of {}", axis::grouped(value))).unwrap_or_default();
    let mut parts: Vec<String> = Vec::new();
    for line in &series.lines {
        let of = if line.points.is_empty() { "" } else { &of };
        parts.push(format!("{}: {}{of}", line.label, line.last()));
    }
    parts.extend(total.map(|(total, value)| format!("{}: {}", total.label, axis::grouped(value))));
    let (from, to) = (axis::date(series.from), axis::date(series.to));
    format!("Lines from {from} to {to}. Last values: {}.", parts.join("; "))
}

/// The classes of a line; one that is not among the lines is the total.
fn classes(series: &Series, number: usize) -> String {
    if number == series.lines.len() {
        return "t".to_owned();
    }
    format!("c{} d{}", number % COLOURS, number % DASHES)
}

/// The legend, and where it ends.
fn legend(series: &Series, top: f64) -> (String, f64) {
    const SWATCH: f64 = 30.0;
    let mut svg = String::new();
    let (mut x, mut y) = (MARGIN, top);
    let mut rows = 1;
    for (number, line) in series.all().enumerate() {
        let label = shortened(&line.label, ((WIDTH - 2.0 * MARGIN - SWATCH) / CHARACTER) as usize);
        let width = SWATCH + text_columns(&label) as f64 * CHARACTER;
        if x > MARGIN && x + width > WIDTH - MARGIN {
            if rows == LEGEND_ROWS {
                break;
            }
            (x, y, rows) = (MARGIN, y + LABEL_HEIGHT, rows + 1);
        }
        let area = match number == series.lines.len() || series.lines.len() == 1 {
            true => format!("<path class=\"a\" d=\"M{} {}h22v8h-22z\"/>", px(x), px(y - 4.0)),
            false => String::new(),
        };
        svg += &format!(
            "<g class=\"{}\">{area}<path class=\"l\" d=\"M{} {}h22\"/></g><text x=\"{}\" y=\"{}\">{}</text>\n",
            classes(series, number),
            px(x),
            px(y - 4.0),
            px(x + SWATCH - 2.0),
            px(y),
            escaped(&label),
        );
        x += width + 18.0;
    }
    (svg, y)
}

/// The plot below `top`, with its axes and the labels at the ends of the lines.
fn plot(series: &Series, top: f64) -> String {
    let scale = Scale::new(series.most, 6);
    let names: Vec<String> = (0..=scale.count).map(|number| scale.name(number)).collect();
    let widest = names.iter().map(String::len).max().unwrap_or(0);
    let ends = ends(series);
    let end_width =
        ends.iter().map(|end| text_columns(&end.value) + 2 + text_columns(&end.label)).max().unwrap_or(0);
    let left = MARGIN + widest as f64 * CHARACTER + 8.0;
    let right = WIDTH - MARGIN - 12.0 - end_width as f64 * CHARACTER;
    let place = Place { series, scale: &scale, left, right, top };

    let mut grid = String::new();
    let mut texts = String::new();
    for (number, name) in names.iter().enumerate() {
        let y = BOTTOM - (BOTTOM - top) * number as f64 / scale.count as f64;
        if number > 0 {
            grid += &format!("M{} {}H{}", px(left), px(y), px(right));
        }
        texts += &format!("<text x=\"{}\" y=\"{}\">{name}</text>", px(left - 8.0), px(y + 4.0));
    }
    let mut svg =
        format!("<path class=\"grid\" d=\"{grid}\"/>\n<g class=\"m\" text-anchor=\"end\">{texts}</g>\n");

    for (number, line) in series.all().enumerate().collect::<Vec<_>>().into_iter().rev() {
        let Some((path, start)) = place.steps(line) else { continue };
        let area = match number == series.lines.len() || series.lines.len() == 1 {
            true => format!("<path class=\"a\" d=\"{path}V{}H{start}z\"/>", px(BOTTOM)),
            false => String::new(),
        };
        let classes = classes(series, number);
        svg += &format!("<g class=\"{classes}\">{area}<path class=\"l\" d=\"{path}\"/></g>\n");
    }

    let mut axis = format!("M{} {}H{}", px(left), px(BOTTOM), px(right));
    let mut texts = String::new();
    for (time, name) in axis::times(series.from, series.to, ((right - left) / CHARACTER) as usize) {
        let x = px(place.x(time));
        axis += &format!("M{x} {}v5", px(BOTTOM));
        texts += &format!("<text x=\"{x}\" y=\"{}\">{name}</text>", px(BOTTOM + 19.0));
    }
    svg +=
        &format!("<path class=\"axis\" d=\"{axis}\"/>\n<g class=\"m\" text-anchor=\"middle\">{texts}</g>\n");

    let wanted: Vec<f64> = ends.iter().map(|end| place.y(end.height)).collect();
    for (end, (y, at)) in ends.iter().zip(wanted.iter().zip(apart(&wanted, top, BOTTOM))) {
        // A label that had to move is tied to its line.
        let tie = match (at - y).abs() > 2.0 {
            true => format!(
                "<path class=\"l s\" d=\"M{} {}L{} {}\"/>",
                px(right),
                px(*y),
                px(right + 9.0),
                px(at)
            ),
            false => String::new(),
        };
        svg += &format!(
            "<g class=\"{}\">{tie}<circle class=\"e\" cx=\"{}\" cy=\"{}\" r=\"3\"/><text class=\"e\" x=\"{}\" \
             y=\"{}\"><tspan class=\"b\">{}</tspan> {}</text></g>\n",
            classes(series, end.number),
            px(right),
            px(*y),
            px(right + 12.0),
            px(at + 4.0),
            end.value,
            escaped(&end.label),
        );
    }
    svg
}

/// The label at the end of a line.
struct End {
    /// Which line it is; the total is the one after the last.
    number: usize,
    height: u64,
    value: String,
    label: String,
}

/// The labels from the top to the bottom; of very many lines only those of the first.
fn ends(series: &Series) -> Vec<End> {
    const MOST: usize = 12;
    let end = |(number, line): (usize, &Steps)| {
        let height = line.at(series.to)?;
        Some(End { number, height, value: line.last(), label: shortened(&line.label, LABEL_COLUMNS) })
    };
    let mut ends: Vec<End> = series.all().enumerate().filter_map(end).take(MOST).collect();
    ends.sort_by_key(|end| std::cmp::Reverse(end.height));
    ends
}

/// The places nearest to the wanted ones (from the top to the bottom) that leave each label its height.
fn apart(wanted: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    // Without the heights of the labels above, places need only be in order: where they are not, neighbours share
    // the mean of what they want.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for (number, place) in wanted.iter().enumerate() {
        let mut group = (place - number as f64 * LABEL_HEIGHT, 1);
        while let Some((mean, size)) = groups.pop_if(|(mean, _)| *mean > group.0) {
            let together = size + group.1;
            group = ((mean * size as f64 + group.0 * group.1 as f64) / together as f64, together);
        }
        groups.push(group);
    }
    let lowest = (bottom - LABEL_HEIGHT * (wanted.len().max(1) - 1) as f64).max(top);
    let places =
        groups.into_iter().flat_map(|(mean, size)| std::iter::repeat_n(mean.clamp(top, lowest), size));
    places.enumerate().map(|(number, place)| place + number as f64 * LABEL_HEIGHT).collect()
}

/// Where times and values are in the document.
struct Place<'a> {
    series: &'a Series,
    scale: &'a Scale,
    left: f64,
    right: f64,
    top: f64,
}

impl Place<'_> {
    fn x(&self, time: i64) -> f64 {
        self.left + (self.right - self.left) * self.series.across(time)
    }

    fn y(&self, value: u64) -> f64 {
        BOTTOM - (BOTTOM - self.top) * self.scale.up(value)
    }

    /// The path of a line up to the right edge, and where it starts; none without points.
    fn steps(&self, line: &Steps) -> Option<(String, String)> {
        // Of the points that are at one place after rounding, the last one is drawn.
        let mut places: Vec<(String, String)> = Vec::new();
        for (time, value) in &line.points {
            let (x, y) = (px(self.x(*time)), px(self.y(*value)));
            places.pop_if(|(last, _)| *last == x);
            if places.last().is_none_or(|(_, last)| *last != y) {
                places.push((x, y));
            }
        }
        let (start, first) = places.first()?;
        let mut path = format!("M{start} {first}");
        places[1..].iter().for_each(|(x, y)| path += &format!("H{x}V{y}"));
        path += &format!("H{}", px(self.right));
        Some((path, start.clone()))
    }
}

/// A length with at most one decimal.
fn px(length: f64) -> String {
    // Adding zero turns -0 into 0.
    ((length * 10.0).round() / 10.0 + 0.0).to_string()
}

/// The text as XML, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            _ => safe.push(c),
        }
    }
    safe
}
