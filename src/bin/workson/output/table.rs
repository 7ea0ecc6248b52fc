//! Tables for people.

use std::io::IsTerminal as _;

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};

use super::json::ImageAnswer;

/// How wide a terminal has to be for the last column to be folded into it.
const FOLDED_FROM: u16 = 60;

/// An empty table under a line of headings, as wide as it takes: a digest that is folded can't be copied.
pub(crate) fn new(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings.iter().map(|heading| title(heading)));
    table.set_content_arrangement(ContentArrangement::Disabled);
    if anstream::AutoStream::choice(&std::io::stdout()) == anstream::ColorChoice::Never {
        table.force_no_tty();
    }
    table
}

/// Headings are in capitals, platforms as they are written everywhere else.
fn title(heading: &str) -> String {
    if heading.contains('/') { heading.to_owned() } else { heading.to_uppercase() }
}

/// Folds the last column where the terminal is too narrow for it; the others stay as they are.
fn fold_last_column(table: &mut Table) {
    if !std::io::stdout().is_terminal() || table.width().is_none_or(|width| width < FOLDED_FROM) {
        return;
    }
    table.set_content_arrangement(ContentArrangement::Dynamic);
    let last = table.column_count().saturating_sub(1);
    for column in table.column_iter_mut().take(last) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// The text of a table, without the space that would stand at the left and right of it.
pub(crate) fn text(table: &mut Table) -> String {
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    let lines = table.to_string();
    lines.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A verdict: told by the word, and by colour where there is some.
pub(crate) fn verdict(word: &str) -> Cell {
    let cell = Cell::new(word);
    match word {
        "yes" => cell.fg(Color::Green),
        "no" => cell.fg(Color::Red),
        "unknown" | "?" => cell.fg(Color::Yellow),
        _ => cell,
    }
}

/// All there is to say of one image.
pub(crate) fn one(answer: &ImageAnswer) -> String {
    let mut text = format!("{}\n", answer.reference);
    let (Some(digest), Some(kind), Some(media_type)) = (&answer.digest, answer.kind, &answer.media_type)
    else {
        return text;
    };
    text += &format!("{kind}, {media_type}\n{digest}\n");
    if !answer.platforms.is_empty() {
        let mut table = new(&["platform", "digest", "size"]);
        for offered in &answer.platforms {
            table.add_row([offered.shown(), offered.digest.clone(), offered.size.to_string()]);
        }
        text += "\n";
        text += &self::text(&mut table);
    }
    if answer.attestations > 0 {
        text +=
            &format!("\nand {}, which are no platforms\n", super::count(answer.attestations, "attestation"));
    }
    text
}

/// A line for each of many images.
pub(crate) fn many(answers: &[ImageAnswer]) -> String {
    let asked: Vec<&str> = answers
        .first()
        .map(|answer| answer.supports.iter().map(|s| s.platform.as_str()).collect())
        .unwrap_or_default();
    let mut headings = vec!["image", "kind"];
    headings.extend(&asked);
    headings.push("platforms");
    let mut table = new(&headings);
    for answer in answers {
        let mut row = vec![Cell::new(&answer.reference), Cell::new(answer.kind.unwrap_or("-"))];
        row.extend(answer.supports.iter().map(|support| verdict(support.verdict)));
        row.push(match &answer.error {
            Some(error) => Cell::new(format!("could not be told: {}", error.kind)),
            None => Cell::new(distinct_platforms(answer).join(" ")),
        });
        table.add_row(row);
    }
    fold_last_column(&mut table);
    text(&mut table)
}

/// The platforms of an image, each once (Windows has one for each of its versions).
pub(crate) fn distinct_platforms(answer: &ImageAnswer) -> Vec<&str> {
    let mut seen = Vec::new();
    for offered in &answer.platforms {
        if !seen.contains(&offered.platform.as_str()) {
            seen.push(offered.platform.as_str());
        }
    }
    seen
}
