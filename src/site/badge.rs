//! Badges: a verdict or a count in one line, for other people's pages.

mod widths;

use askama::Template;
use serde::Serialize;

use super::outside::plain;
use super::{BadgeFormat, BadgeOf, Column, Mark, Rendered, Site, Standing};

/// What a badge's mark looks like, so that colour is not all that tells verdicts apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Yes,
    No,
    Unknown,
    /// A bar below the text: how many parts of a thousand.
    Share(u32),
}

impl Shape {
    /// The colour behind the message, in which white text has a contrast of at least 4.5.
    fn color(self) -> &'static str {
        match self {
            Shape::Yes => "1a7f37",
            Shape::No => "b42318",
            Shape::Unknown => "57606a",
            Shape::Share(_) => "0b5cad",
        }
    }
}

/// What a badge says.
struct Badge<'a> {
    label: &'a str,
    message: String,
    /// All of it in a sentence, for those who do not see it.
    sentence: String,
    shape: Shape,
}

pub(super) fn render(site: &Site, of: &BadgeOf, format: BadgeFormat) -> Option<Rendered> {
    let catalogue = &site.catalogue;
    let badge = match of {
        BadgeOf::Entry(entry, platform) => {
            let column = catalogue.column(platform)?;
            let entry = catalogue.entry(entry)?;
            verdict(&plain(&entry.name), &catalogue.columns[column].name, entry.marks[column])
        }
        BadgeOf::Coverage(platform) => coverage(&catalogue.columns[catalogue.column(platform)?]),
    };
    match format {
        BadgeFormat::Svg => svg(&badge),
        BadgeFormat::Endpoint => endpoint(&badge),
    }
}

fn verdict<'a>(name: &str, platform: &'a str, mark: Mark) -> Badge<'a> {
    let shape = match mark.standing {
        Standing::Has => Shape::Yes,
        Standing::Lacks | Standing::Lost => Shape::No,
        Standing::Unknown => Shape::Unknown,
    };
    let message = match mark.rung.filter(|_| shape != Shape::Unknown) {
        Some(rung) => format!("{}, {}", mark.word(), rung.name()),
        None => mark.word().to_owned(),
    };
    let sentence = format!("{name} on {platform}: {message}");
    Badge { label: platform, message, sentence, shape }
}

fn coverage(column: &Column) -> Badge<'_> {
    let (has, total, unknown) =
        (column.count(Standing::Has), column.total(), column.count(Standing::Unknown));
    let mut message = format!("{has} of {total}");
    let mut sentence = format!("{has} of {total} entries work on {}", column.name);
    if unknown > 0 {
        // They are no "no".
        message.push_str(&format!(", {unknown} unknown"));
        sentence.push_str(&format!(", of {unknown} it is unknown"));
    }
    let share = (has * 1000).checked_div(total).and_then(|share| u32::try_from(share).ok()).unwrap_or(0);
    Badge { label: &column.name, message, sentence, shape: Shape::Share(share) }
}

#[derive(Template)]
#[template(path = "badge.svg")]
struct Drawing<'a> {
    label: &'a str,
    message: &'a str,
    sentence: &'a str,
    shape: Shape,
    /// In pixels: of the whole, of the label's part, of the texts.
    width: u32,
    divide: u32,
    label_width: u32,
    message_width: u32,
    /// Where the texts begin.
    label_at: u32,
    message_at: u32,
    /// How long the bar is.
    bar: u32,
}

/// Room at the ends of a part.
const MARGIN: u32 = 7;
/// The radius of the corners.
const CORNER: u32 = 3;
/// Room for a mark, with what is between it and the text.
const MARK: u32 = 15;

fn svg(badge: &Badge<'_>) -> Option<Rendered> {
    let label = plain(badge.label);
    let (label_width, message_width) = (widths::of(&label), widths::of(&badge.message));
    let mark = if matches!(badge.shape, Shape::Share(_)) { 0 } else { MARK };
    let divide = MARGIN + label_width + MARGIN;
    let message_at = divide + MARGIN + mark;
    let width = message_at + message_width + MARGIN;
    let bar = match badge.shape {
        // It ends where the corner begins.
        Shape::Share(share) => (width - divide - CORNER) * share / 1000,
        _ => 0,
    };
    let drawing = Drawing {
        label: &label,
        message: &badge.message,
        sentence: &badge.sentence,
        shape: badge.shape,
        width,
        divide,
        label_width,
        message_width,
        label_at: MARGIN,
        message_at,
        bar,
    };
    let text = drawing.render().ok()?;
    Some(Rendered { media_type: "image/svg+xml", bytes: text.into_bytes() })
}

/// What shields.io reads: <https://shields.io/badges/endpoint-badge>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    schema_version: u8,
    label: &'a str,
    message: &'a str,
    color: &'a str,
}

fn endpoint(badge: &Badge<'_>) -> Option<Rendered> {
    let label = plain(badge.label);
    let color = badge.shape.color();
    let endpoint = Endpoint { schema_version: 1, label: &label, message: &badge.message, color };
    Some(Rendered { media_type: "application/json", bytes: serde_json::to_vec(&endpoint).ok()? })
}
