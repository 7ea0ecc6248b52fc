//! Tables for people.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use workson_oci::text::printable;

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};

use super::json::{ErrorAnswer, ImageAnswer, SupportAnswer};

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

/// A cell with a text from outside, which must not steer the terminal.
pub(crate) fn cell(text: &str) -> Cell {
    Cell::new(printable(text))
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
    let mut text = format!("{}\n", printable(&answer.reference));
    let (Some(digest), Some(kind), Some(media_type)) = (&answer.digest, answer.kind, &answer.media_type)
    else {
        return text;
    };
    text += &format!("{kind}, {}\n{digest}\n", printable(media_type));
    if !answer.platforms.is_empty() {
        let mut table = new(&["platform", "digest", "size"]);
        for offered in &answer.platforms {
            table.add_row([cell(&offered.shown()), cell(&offered.digest), Cell::new(offered.size)]);
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

/// What a table says of an image.
pub(crate) struct Row {
    pub(crate) reference: String,
    kind: Option<&'static str>,
    supports: Vec<SupportAnswer>,
    /// Each once; Windows has one for each of its versions.
    platforms: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) error: Option<ErrorAnswer>,
    is_certain: bool,
}

impl Row {
    pub(crate) fn of(answer: ImageAnswer) -> Row {
        let mut platforms: Vec<String> = Vec::new();
        for offered in answer.platforms {
            if !platforms.contains(&offered.platform) {
                platforms.push(offered.platform);
            }
        }
        let mut notes = answer.notes;
        for reason in answer.supports.iter().filter_map(|support| support.reason.as_ref()) {
            if !notes.contains(reason) {
                notes.push(reason.clone());
            }
        }
        Row {
            reference: answer.reference,
            kind: answer.kind,
            supports: answer.supports,
            platforms,
            notes,
            error: answer.error,
            is_certain: answer.is_certain,
        }
    }
}

/// A line for each of many images.
pub(crate) fn many(rows: &[Row]) -> String {
    let asked: Vec<&str> = rows
        .first()
        .map(|row| row.supports.iter().map(|s| s.platform.as_str()).collect())
        .unwrap_or_default();
    let mut headings = vec!["image", "kind"];
    headings.extend(&asked);
    headings.push("platforms");
    let mut table = new(&headings);
    for row in rows {
        let mut cells = vec![cell(&row.reference), Cell::new(row.kind.unwrap_or("-"))];
        cells.extend(row.supports.iter().map(|support| verdict(support.verdict)));
        cells.push(match &row.error {
            Some(error) => Cell::new(format!("could not be told: {}", error.kind)),
            None => cell(&row.platforms.join(" ")),
        });
        table.add_row(cells);
    }
    fold_last_column(&mut table);
    text(&mut table)
}

/// Tags by platform: a row a tag, a column a platform.
pub(crate) fn matrix(rows: &[Row]) -> String {
    let columns: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.platforms.iter().map(String::as_str)).collect();
    let mut headings = vec!["tag"];
    headings.extend(&columns);
    let mut table = new(&headings);
    for row in rows {
        let mut cells = vec![cell(&row.reference)];
        cells.extend(columns.iter().map(|column| {
            verdict(match row.is_certain {
                _ if row.platforms.iter().any(|platform| platform == column) => "yes",
                true => "no",
                false => "?",
            })
        }));
        table.add_row(cells);
    }
    text(&mut table)
}
