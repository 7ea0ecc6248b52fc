//! How proposals are shown: as a table, as text, as JSON and as CSV.

use serde::Serialize;
use workson::proposal::{Event, Proposal};
use workson_oci::text::printable;

use crate::exit::Failure;
use crate::instant::day;
use crate::output::{csv, table};

/// A proposal as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    id: i64,
    call: &'a str,
    state: &'static str,
    project: &'a str,
    benefits: &'a str,
    source: &'a str,
    license: &'a str,
    links: &'a [String],
    platforms: &'a [String],
    machines: &'a str,
    usage: &'static str,
    ci: &'a str,
    entries: &'a [String],
    review_on: Option<String>,
    events: Vec<EventAnswer<'a>>,
    /// Only where contacts are asked for; `null` where it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Option<ContactAnswer<'a>>>,
}

#[derive(Debug, Serialize)]
struct EventAnswer<'a> {
    at: String,
    by: &'a str,
    step: &'static str,
    to: &'static str,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct ContactAnswer<'a> {
    name: &'a str,
    email: &'a str,
}

impl EventAnswer<'_> {
    fn of(event: &Event) -> EventAnswer<'_> {
        EventAnswer {
            at: event.at.to_string(),
            by: &event.by,
            step: event.step.name(),
            to: event.to.name(),
            reason: &event.reason,
        }
    }
}

impl Answer<'_> {
    /// All but the contact.
    pub(super) fn public(proposal: &Proposal) -> Answer<'_> {
        let request = &proposal.request;
        Answer {
            id: proposal.id,
            call: &proposal.call,
            state: proposal.state.name(),
            project: &request.project,
            benefits: &request.benefits,
            source: &request.source,
            license: &request.license,
            links: &request.links,
            platforms: &request.platforms,
            machines: &request.machines,
            usage: request.usage.name(),
            ci: &request.ci,
            entries: &proposal.entries,
            review_on: proposal.review_on.map(|on| on.to_string()),
            events: proposal.events.iter().map(EventAnswer::of).collect(),
            contact: None,
        }
    }

    /// With the contact.
    pub(super) fn whole(proposal: &Proposal) -> Answer<'_> {
        let contact = proposal.contact.as_ref();
        let contact = contact.map(|contact| ContactAnswer { name: &contact.name, email: &contact.email });
        Answer { contact: Some(contact), ..Answer::public(proposal) }
    }
}

/// A line for each.
pub(super) fn listed(proposals: &[Proposal]) -> String {
    if proposals.is_empty() {
        return "no proposals\n".to_owned();
    }
    let mut rows = table::new(&["number", "sent", "state", "call", "project", "platforms", "review on"]);
    for proposal in proposals {
        let review_on = proposal.review_on.map_or_else(|| "-".to_owned(), |on| on.to_string());
        rows.add_row([
            table::cell(&proposal.id.to_string()),
            table::cell(&sent(proposal)),
            table::cell(&proposal.state.label()),
            table::cell(&proposal.call),
            table::cell(&proposal.request.project),
            table::cell(&proposal.request.platforms.join(" ")),
            table::cell(&review_on),
        ]);
    }
    table::text(&mut rows)
}

/// The day on which it came.
fn sent(proposal: &Proposal) -> String {
    proposal.events.first().map(|event| day(event.at)).unwrap_or_default()
}

/// All of it.
pub(super) fn told(proposal: &Proposal) -> String {
    let request = &proposal.request;
    let mut text =
        format!("proposal {} to {}: {}\n", proposal.id, printable(&proposal.call), proposal.state.label());
    let contact = match &proposal.contact {
        Some(contact) if contact.name.is_empty() => contact.email.clone(),
        Some(contact) => format!("{} <{}>", contact.name, contact.email),
        None => "erased".to_owned(),
    };
    let review_on = proposal.review_on.map(|on| on.to_string()).unwrap_or_default();
    for (field, value) in [
        ("project", &request.project),
        ("benefits", &request.benefits),
        ("source", &request.source),
        ("license", &request.license),
        ("links", &request.links.join("\n")),
        ("platforms", &request.platforms.join(" ")),
        ("machines", &request.machines),
        ("usage", &request.usage.name().to_owned()),
        ("ci", &request.ci),
        ("entries", &proposal.entries.join(" ")),
        ("review on", &review_on),
        ("contact", &contact),
    ] {
        text += &field_told(field, value);
    }
    text += "steps:\n";
    for event in &proposal.events {
        let Event { at, by, step, to, .. } = event;
        text += &format!("  {at} {} by {}: {}\n", step.name(), printable(by), to.label());
        for line in event.reason.lines() {
            text += &format!("    {}\n", printable(line));
        }
    }
    text
}

/// A field in one line, or in lines below its name; nothing where it is empty.
fn field_told(field: &str, value: &str) -> String {
    match value.lines().collect::<Vec<_>>()[..] {
        [] => String::new(),
        [line] => format!("{field}: {}\n", printable(line)),
        ref lines => {
            let lines = lines.iter().map(|line| format!("  {}\n", printable(line)));
            format!("{field}:\n{}", lines.collect::<String>())
        }
    }
}

const HEADINGS: [&str; 16] = [
    "id",
    "call",
    "state",
    "sent",
    "project",
    "benefits",
    "source",
    "license",
    "links",
    "platforms",
    "machines",
    "usage",
    "ci",
    "entries",
    "reviewOn",
    "reason",
];

/// A table for spreadsheets; `reason` is that of the newest step.
pub(super) fn rows(proposals: &[Proposal], with_contacts: bool) -> Result<Vec<u8>, Failure> {
    let mut headings = HEADINGS.to_vec();
    if with_contacts {
        headings.extend(["contactName", "contactEmail"]);
    }
    let mut table = csv::Table::new(&headings)?;
    for proposal in proposals {
        let request = &proposal.request;
        let reason = proposal.events.last().map(|event| event.reason.as_str()).unwrap_or_default();
        let mut cells = vec![
            proposal.id.to_string(),
            csv::cell(&proposal.call),
            proposal.state.name().to_owned(),
            sent(proposal),
            csv::cell(&request.project),
            csv::cell(&request.benefits),
            csv::cell(&request.source),
            csv::cell(&request.license),
            csv::cell(&request.links.join(" ")),
            csv::cell(&request.platforms.join(" ")),
            csv::cell(&request.machines),
            request.usage.name().to_owned(),
            csv::cell(&request.ci),
            csv::cell(&proposal.entries.join(" ")),
            proposal.review_on.map(|on| on.to_string()).unwrap_or_default(),
            csv::cell(reason),
        ];
        if with_contacts {
            let contact = proposal.contact.as_ref();
            cells.push(contact.map(|contact| csv::cell(&contact.name)).unwrap_or_default());
            cells.push(contact.map(|contact| csv::cell(&contact.email)).unwrap_or_default());
        }
        table.row(&cells.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(table.finish()?)
}
