//! Charts as people and browsers get them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use workson::chart::{Chart, Line};

/// When; how many of the official images were for linux/arm64; how many there were.
const OFFICIAL: &[(&str, u64, u64)] = &[
    ("2013-09-17", 0, 4),
    ("2016-06-01", 0, 115),
    ("2017-06-01", 2, 125),
    ("2017-08-01", 8, 128),
    ("2017-09-15", 44, 129),
    ("2017-10-01", 50, 130),
    ("2018-06-01", 75, 134),
    ("2019-06-01", 92, 147),
    ("2020-06-01", 100, 157),
    ("2021-06-01", 110, 160),
    ("2023-01-01", 119, 150),
    ("2026-08-21", 129, 144),
];

fn day(date: &str) -> Timestamp {
    format!("{date}T00:00:00Z").parse().unwrap()
}

fn line(label: &str, points: &[(&str, u64)]) -> Line {
    Line { label: label.to_owned(), points: points.iter().map(|(date, value)| (day(date), *value)).collect() }
}

fn official(label: &str, value: impl Fn(u64, u64) -> u64) -> Line {
    let points = OFFICIAL.iter().map(|(date, arm, all)| (day(date), value(*arm, *all))).collect();
    Line { label: label.to_owned(), points }
}

fn one() -> Chart {
    Chart {
        title: "Official images".to_owned(),
        lines: vec![official("linux/arm64", |arm, _| arm)],
        total: Some(official("all", |_, all| all)),
        until: day("2026-08-21"),
    }
}

fn three() -> Chart {
    let lines = vec![
        official("linux/arm64", |arm, _| arm),
        official("linux/arm64 by latest", |arm, _| arm * 5 / 6),
        official("linux/riscv64", |arm, _| arm.saturating_sub(90)),
    ];
    Chart { lines, ..one() }
}

fn lone(points: &[(&str, u64)], until: &str) -> Chart {
    Chart { title: "T".to_owned(), lines: vec![line("x", points)], total: None, until: day(until) }
}

/// The text of all elements of a name.
fn texts(svg: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let parts = svg.split(&open).skip(1);
    parts.map(|part| part.split_once('>').unwrap().1.split(&close).next().unwrap().to_owned()).collect()
}

/// A small check that a text is XML: elements nest, attributes are quoted and named once, text is escaped.
fn well_formed(xml: &str) -> Result<(), String> {
    let escaped = |text: &str| {
        text.split('&')
            .skip(1)
            .all(|rest| ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| rest.starts_with(name)))
    };
    let allowed = |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("{c:?} is not allowed"));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    let mut roots = 0;
    while let Some((text, after)) = rest.split_once('<') {
        if !escaped(text) || text.contains("]]>") || (open.is_empty() && !text.trim().is_empty()) {
            return Err(format!("text {text:?}"));
        }
        let (tag, after) = after.split_once('>').ok_or("a tag without end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> in {open:?}"));
            }
            continue;
        }
        let inner = tag.strip_suffix('/');
        let mut parts = inner.unwrap_or(tag).split('"');
        let (name, first) = parts.next().unwrap().split_once(' ').unwrap_or((tag, ""));
        let mut names = vec![first.trim()];
        while let Some(value) = parts.next() {
            if !names.last().is_some_and(|name| name.ends_with('=')) || value.contains('<') || !escaped(value)
            {
                return Err(format!("attributes of {tag}"));
            }
            names.push(parts.next().ok_or("a quote without end")?.trim());
        }
        if names.pop() != Some("") || names.iter().enumerate().any(|(at, name)| names[..at].contains(name)) {
            return Err(format!("attributes of {tag}"));
        }
        roots += usize::from(open.is_empty());
        if inner.is_none() {
            open.push(name);
        }
    }
    let done = open.is_empty() && roots == 1 && rest.trim().is_empty();
    if done { Ok(()) } else { Err(format!("{roots} roots, open {open:?}, then {rest:?}")) }
}

/// What a person reads from the first line of the SVG at a share of its width: the axis names 0 and `top`.
fn read(svg: &str, across: f64) -> f64 {
    let number = |text: &str| text.parse::<f64>().unwrap();
    let grid = svg.split("<path class=\"axis\" d=\"M").nth(1).unwrap();
    let (left, rest) = grid.split_once(' ').unwrap();
    let (zero, rest) = rest.split_once('H').unwrap();
    let right = rest.split('M').next().unwrap();
    let (left, zero, right) = (number(left), number(zero), number(right));
    let heights = svg.split("<path class=\"grid\" d=\"").nth(1).unwrap().split('"').next().unwrap();
    let highest = heights.rsplit(' ').next().unwrap().split('H').next().unwrap();
    let names = svg.split("text-anchor=\"end\">").nth(1).unwrap().split("</g>").next().unwrap();
    let name = texts(names, "text").pop().unwrap();
    let factors = [("k", 1e3), ("M", 1e6), ("G", 1e9)];
    let top = match factors.iter().find_map(|(sign, factor)| Some((name.strip_suffix(sign)?, factor))) {
        Some((digits, factor)) => number(digits) * factor,
        None => number(&name),
    };

    let at = left + (right - left) * across;
    let (start, steps) = path(svg).split_once('H').unwrap();
    let mut y = number(start.split(' ').nth(1).unwrap());
    for step in steps.split('H') {
        let (x, next) = step.split_once('V').unwrap_or((step, "0"));
        if number(x) > at {
            break;
        }
        if step.contains('V') {
            y = number(next);
        }
    }
    (zero - y) / (zero - number(highest)) * top
}

/// The path of the first line, which comes after that of its area and the legend, and before its label.
fn path(svg: &str) -> &str {
    let group = svg.split("<g class=\"c0 d0\">").skip(1).find(|group| !group.contains("h22\"")).unwrap();
    group.split("class=\"l\" d=\"M").nth(1).unwrap().split('"').next().unwrap()
}

#[test]
fn one_line_is_an_area_below_the_total() {
    insta::assert_snapshot!(one().terminal(60, 14, false), @r"
    Official images
    200 ┤
        │                             ⡀⡀⡀⡀⠄⠄⠄⠄⠄⠄⠄
    150 ┤                 ⡀⡀⡀⡀⡀⡀⡀⠁⠁⠁⠁⠁           ⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁▁
        │            ⠄⠄⠄⠄⠁               ▃▃▃▃▃▃▃▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆█
    100 ┤                        ▅▅▅▅███████████████████████████
        │                    ███████████████████████████████████
     50 ┤                ▆██████████████████████████████████████
        │⡀⡀⡀⡀⡀⡀⡀⡀⡀⡀⡀⡀   ▁███████████████████████████████████████
      0 └─┬───────┬────────┬───────┬────────┬───────┬────────┬──
         2014   2016     2018    2020     2022    2024     2026
    █ linux/arm64 129   ⠒ all 144
    ");
}

#[test]
fn several_lines_have_letters() {
    insta::assert_snapshot!(three().terminal(70, 16, false), @r"
    Official images
    200 ┤
        │                                 ⡀⡀⡀⡀⡀⠄⠄⠄⠄⠄⠄⠄
    150 ┤                   ⡀⡀⡀⡀⡀⡀⡀⡀⡀⠁⠁⠁⠁⠁            ⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⠁⢀ A
        │             ⠄⠄⠄⠄⠄⠁                  ⢠⠤⠤⠤⠤⠤⠤⠤⠖⠒⠒⠒⠒⠒⠒A⠒⠒⠒⠒⠒⠒⠒⠒⠒⢚ B
    100 ┤                           ⢰A⠒⠒⠒⢚⣉⣉⣉B⣹⠒⠒⠒⠒⠒⠒⠒⠋⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉B⠉⠉
        │                      ⢸⠭⠭⠭⠭⠽⠉⠉⠉⠉⠉
     50 ┤                   ⡾⠛⠛⠛                      ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣠ C
        │⣀⣀⣀⣀A⣀⣀⣀⣀⣀⣀⣀B⣀⣀⣀⣀⣀⣀⣇C⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣠⠤⠤⠤⠤⠴⠒⠒⠒⠒⠒⠒C⠃
      0 └─┬─────────┬────────┬─────────┬─────────┬─────────┬────────┬───
         2014     2016     2018      2020      2022      2024     2026
    A linux/arm64 129   B linux/arm64 by latest 107   C linux/riscv64 39
    ⠒ all 144
    ");
}

#[test]
fn a_small_terminal_gets_a_small_chart_and_a_tiny_one_none() {
    insta::assert_snapshot!(one().terminal(30, 5, false), @r"
    200 ┤     ⡀⡀⡀⡀⡀⡀⠄⠄⠄▁▁▁▂▂▂▂▂▂▂▂
        │⡀⡀⡀⡀⡀  ▄▄▆▆▇█████████████
      0 └──┬─────────┬────────┬───
         2015      2020     2025
    █ linux/arm64 129   ⠒ all 144
    ");
    insta::assert_snapshot!(three().terminal(30, 9, false), @r"
    Official images
    200 ┤          ⡀⡀⡀⠄⠄⠄⡀⡀⡀⡀⡀⡀
        │     ⠂⠁⠁⣀⣠⣤⣤B⣖⣒⣲⠶⠶⠶⠶⠶⠾ AB
        │⣀⣀⣀⣀A⣀⣰⣶⣏⣉⣀⣀⣀⣀⣀⣠⠤⠤⠤⠤C⠤ C
      0 └──┬───────┬────────┬──
         2015    2020     2025
    A linux/arm64 129
    B linux/arm64 by latest 107
    C linux/riscv64 39   ⠒ all 144
    ");
    assert_eq!(one().terminal(23, 40, false), "");
    assert_eq!(one().terminal(80, 4, false), "");
    assert_eq!(one().terminal(0, 0, true), "");
}

#[test]
fn colours_are_there_only_on_demand_and_change_no_character() {
    let coloured = three().terminal(60, 14, true);
    assert!(coloured.contains("\u{1b}[34mA\u{1b}[0m linux/arm64 129"));
    let mut plain = coloured;
    while let Some(start) = plain.find('\u{1b}') {
        let end = start + plain[start..].find('m').unwrap();
        plain.replace_range(start..=end, "");
    }
    assert_eq!(plain, three().terminal(60, 14, false));
}

#[test]
fn labels_steer_no_terminal_and_wide_ones_fit() {
    let mut chart = one();
    chart.title = "名".repeat(40);
    chart.lines[0].label = "a\u{1b}[2Jb\u{202e}c\nd 名名名名名名名名名名名名名名名名名名".to_owned();
    let text = chart.terminal(40, 10, false);
    let legend = text.lines().find(|row| row.starts_with('█')).unwrap();
    assert_eq!(legend, "█ a[2Jbc d 名名名名名名名名名名名名… 129");
    assert_eq!(text.lines().next().unwrap(), format!("{}…", "名".repeat(19)));
}

#[test]
fn nothing_known_is_said() {
    let empty = Chart { title: "Images".to_owned(), lines: vec![], total: None, until: day("2026-08-21") };
    assert_eq!(empty.terminal(80, 24, false), "Images\nno data\n");
    assert!(empty.svg().contains(">no data</text>") && empty.svg().contains("<desc>No data.</desc>"));
    let late = lone(&[("2027-01-01", 3)], "2026-08-21");
    assert_eq!(late.terminal(80, 24, false), "T\nno data\n");
    well_formed(&late.svg()).unwrap();
}

#[test]
fn a_line_without_points_does_not_hide_the_others() {
    let mut chart = three();
    chart.lines[2].points.clear();
    assert!(chart.terminal(80, 16, false).contains("C linux/riscv64 no data"));
    assert!(chart.svg().contains("linux/riscv64: no data; all: 144.</desc>"));
}

#[test]
fn one_point_and_zeros_have_a_chart() {
    insta::assert_snapshot!(lone(&[("2026-08-20", 7)], "2026-08-21").terminal(40, 7, false), @r"
    10 ┤
       │▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆
     5 ┤████████████████████████████████████
       │████████████████████████████████████
     0 └┬─────────────────┬────────────────┬
        Aug 20         12:00Z         Aug 21
    █ x 7
    ");
    insta::assert_snapshot!(lone(&[("2026-08-21", 7)], "2026-08-21").terminal(40, 7, false), @r"
    10 ┤
       │                                   ▆
     5 ┤                                   █
       │                                   █
     0 └┬─────────────────┬────────────────┬
        23:00Z         23:30Z         Aug 21
    █ x 7
    ");
    insta::assert_snapshot!(lone(&[("1960-01-01", 0), ("1965-01-01", 0)], "1969-06-01").terminal(40, 7, false), @r"
    1 ┤
      │
      │
      │
    0 └┬──────┬───────┬───────┬───────┬─────
       1960 1962    1964    1966    1968
    █ x 0
    ");
}

#[test]
fn points_may_come_in_any_order_and_the_last_of_one_time_counts() {
    let sorted = lone(&[("2020-01-01", 1), ("2021-01-01", 5), ("2022-01-01", 9)], "2023-01-01");
    let mixed = lone(
        &[("2022-01-01", 9), ("2021-01-01", 3), ("2024-01-01", 99), ("2020-01-01", 1), ("2021-01-01", 5)],
        "2023-01-01",
    );
    assert_eq!(mixed.svg(), sorted.svg());
    assert_eq!(mixed.terminal(60, 12, true), sorted.terminal(60, 12, true));
}

#[test]
fn a_figure_leaves_its_looks_to_the_page() {
    let figure = three().figure("a<b");
    well_formed(&figure).unwrap();
    assert!(!figure.contains("style"), "{figure}");
    assert!(figure.contains("aria-labelledby=\"a&lt;b-title a&lt;b-desc\""), "{figure}");
    assert!(figure.contains("<title id=\"a&lt;b-title\">") && figure.contains("<desc id=\"a&lt;b-desc\">"));
    // The same lines as in the document, but for its heading and its ground.
    let paths = |svg: &str| svg.matches("<path").count();
    assert_eq!(paths(&figure), paths(&three().svg()));
    assert!(!figure.contains("<rect"), "{figure}");
}

#[test]
fn the_svg_says_in_words_what_it_shows() {
    let svg = three().svg();
    assert_eq!(texts(&svg, "title"), ["Official images"]);
    insta::assert_snapshot!(texts(&svg, "desc")[0], @"Lines from 2013-09-17 to 2026-08-21. Last values: linux/arm64: 129 of 144; linux/arm64 by latest: 107 of 144; linux/riscv64: 39 of 144; all: 144.");
    assert!(svg.contains("role=\"img\""));
}

#[test]
fn the_svg_is_as_expected() {
    let mut chart = lone(&[("2024-01-01", 1), ("2024-07-01", 2)], "2026-01-01");
    chart.title = "<T> & \"q\"\u{0}\u{ffff}".to_owned();
    chart.total = Some(line("all", &[("2024-01-01", 4)]));
    let svg = chart.svg();
    let (start, rest) = svg.split_once("<style>").unwrap();
    insta::assert_snapshot!(format!("{start}{}", rest.split_once("</style>").unwrap().1), @r#"
    <svg xmlns="http://www.w3.org/2000/svg" version="1.1" viewBox="0 0 720 360" role="img" class="workson-chart">
    <title>&lt;T&gt; &amp; &quot;q&quot;</title>
    <desc>Lines from 2024-01-01 to 2026-01-01. Last values: x: 2 of 4; all: 4.</desc>

    <rect class="bg" width="720" height="360"/>
    <text class="h" x="20" y="27">&lt;T&gt; &amp; &quot;q&quot;</text>
    <g class="c0 d0"><path class="a" d="M20 45h22v8h-22z"/><path class="l" d="M20 45h22"/></g><text x="48" y="49">x</text>
    <g class="t"><path class="a" d="M74.8 45h22v8h-22z"/><path class="l" d="M74.8 45h22"/></g><text x="102.8" y="49">all</text>
    <path class="grid" d="M34.8 260.8H647.2M34.8 195.5H647.2M34.8 130.3H647.2M34.8 65H647.2"/>
    <g class="m" text-anchor="end"><text x="26.8" y="330">0</text><text x="26.8" y="264.8">1</text><text x="26.8" y="199.5">2</text><text x="26.8" y="134.3">3</text><text x="26.8" y="69">4</text></g>
    <g class="t"><path class="a" d="M34.8 65H647.2V326H34.8z"/><path class="l" d="M34.8 65H647.2"/></g>
    <g class="c0 d0"><path class="a" d="M34.8 260.8H187.3V195.5H647.2V326H34.8z"/><path class="l" d="M34.8 260.8H187.3V195.5H647.2"/></g>
    <path class="axis" d="M34.8 326H647.2M34.8 326v5M111 326v5M187.3 326v5M264.3 326v5M341.4 326v5M416.8 326v5M493.1 326v5M570.1 326v5M647.2 326v5"/>
    <g class="m" text-anchor="middle"><text x="34.8" y="345">2024-01</text><text x="111" y="345">2024-04</text><text x="187.3" y="345">2024-07</text><text x="264.3" y="345">2024-10</text><text x="341.4" y="345">2025-01</text><text x="416.8" y="345">2025-04</text><text x="493.1" y="345">2025-07</text><text x="570.1" y="345">2025-10</text><text x="647.2" y="345">2026-01</text></g>
    <g class="t"><circle class="e" cx="647.2" cy="65" r="3"/><text class="e" x="659.2" y="69"><tspan class="b">4</tspan> all</text></g>
    <g class="c0 d0"><circle class="e" cx="647.2" cy="195.5" r="3"/><text class="e" x="659.2" y="199.5"><tspan class="b">2</tspan> x</text></g>
    </svg>
    "#);
}

#[test]
fn the_svg_is_small_and_needs_nothing_else() {
    let mut chart = three();
    let days = |every: i64, factor: u64| {
        (0..160).map(|n| (day("2013-09-17") + (n * every * 24).hours(), n as u64 * factor)).collect()
    };
    chart.lines = [29, 23, 17]
        .map(|every| Line { label: format!("every {every}"), points: days(every, every as u64) })
        .to_vec();
    let svg = chart.svg();
    assert!(svg.len() < 12_000, "{}", svg.len());
    for word in ["<script", "href", "url(", "@import", "<image", "onload"] {
        assert!(!svg.contains(word), "{word}");
    }
    assert_eq!(svg.matches("http").count(), 1, "the name space");
}

#[test]
fn the_labels_at_the_ends_are_apart() {
    let mut chart = three();
    chart.lines = (0..9).map(|n| official(&format!("line {n}"), move |arm, _| arm + n / 3)).collect();
    let svg = chart.svg();
    let ends = svg.split("<text class=\"e\"").skip(1);
    let mut heights: Vec<f64> = ends
        .map(|end| end.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
        .collect();
    heights.sort_by(f64::total_cmp);
    assert_eq!(heights.len(), 10);
    assert!(heights.windows(2).all(|two| two[1] - two[0] >= 15.9), "{heights:?}");
    assert!(heights[0] > 60.0 && heights[9] < 340.0, "{heights:?}");
}

#[test]
fn the_values_of_the_official_images_can_be_read() {
    let svg = one().svg();
    let (from, to) = (day("2013-09-17").as_second() as f64, day("2026-08-21").as_second() as f64);
    for (date, value) in [
        ("2015-01-01", 0.0),
        ("2017-09-30", 44.0),
        ("2018-01-01", 50.0),
        ("2020-01-01", 92.0),
        ("2026-01-01", 119.0),
    ] {
        let seen = read(&svg, (day(date).as_second() as f64 - from) / (to - from));
        assert!((seen - value).abs() < 0.1, "{date}: {seen} is not {value}");
    }
    assert!((read(&svg, 1.0) - 129.0).abs() < 0.1);
}

fn any_line() -> impl Strategy<Value = Line> {
    let seconds = prop_oneof![-3_000_000_000i64..3_000_000_000, 0..4000i64, Just(Timestamp::MIN.as_second())];
    let value = prop_oneof![0..20u64, 0..=1_000_000_000u64, Just(u64::MAX)];
    let points = prop::collection::vec((seconds, value), 0..30);
    ("\\PC{0,30}|[\\x00-\\x7f]{0,20}", points).prop_map(|(label, points)| Line {
        label,
        points: points.into_iter().map(|(at, value)| (Timestamp::from_second(at).unwrap(), value)).collect(),
    })
}

fn any_chart() -> impl Strategy<Value = Chart> {
    let until = prop_oneof![-3_000_000_000i64..3_000_000_000, 0..4000i64, Just(Timestamp::MIN.as_second())];
    let lines = prop::collection::vec(any_line(), 0..40);
    (any::<String>(), lines, prop::option::of(any_line()), until).prop_map(|(title, lines, total, until)| {
        Chart { title, lines, total, until: Timestamp::from_second(until).unwrap() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_row_is_too_wide_and_none_too_many(chart in any_chart(), width in 0..140u16, height in 0..40u16) {
        let text = chart.terminal(width, height, false);
        prop_assert!(text.lines().count() <= usize::from(height));
        prop_assert!(text.lines().all(|row| row.chars().count() <= usize::from(width)), "{text}");
        prop_assert!(text.is_empty() || text.ends_with('\n'));
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert_eq!(text.is_empty(), width < 24 || height < 5);
    }

    #[test]
    fn the_svg_is_well_formed(chart in any_chart()) {
        let svg = chart.svg();
        prop_assert_eq!(well_formed(&svg), Ok(()), "{}", svg);
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
        prop_assert_eq!(svg, chart.svg());
    }

    #[test]
    fn what_is_drawn_is_what_was_given(
        points in prop::collection::btree_map(0..1000i64, 0..=1_000_000_000u64, 1..20),
        at in 0..1000i64,
    ) {
        // A thousand days from the first point on, so that a time is a share of the width.
        let mut all: Vec<(Timestamp, u64)> = vec![(Timestamp::UNIX_EPOCH, 3)];
        all.extend(points.iter().map(|(day, value)| (Timestamp::from_second(day * 86_400).unwrap(), *value)));
        let until = Timestamp::from_second(1000 * 86_400).unwrap();
        let lines = vec![Line { label: "x".to_owned(), points: all.clone() }];
        let svg = Chart { title: String::new(), lines, total: None, until }.svg();
        let noon = Timestamp::from_second(at * 86_400 + 43_200).unwrap();
        let value = all.iter().rev().find(|(time, _)| *time <= noon).unwrap().1;
        let most = all.iter().map(|(_, value)| *value).max().unwrap();
        let seen = read(&svg, (at as f64 + 0.5) / 1000.0);
        prop_assert!((seen - value as f64).abs() <= most as f64 / 500.0, "{seen} is not {value}\n{svg}");
    }
}
