//! Propose something to a call.

use askama::Template;

use super::super::Frame;
use super::super::calls::days;
use super::form::{self, Field, Takes};
use crate::content::Call;
use crate::site::{Route, ServiceRoute, Site, Typed};

/// The names of the fields.
const FIELDS: [&str; 12] = [
    "project",
    "benefits",
    "source",
    "license",
    "links",
    "platforms",
    "machines",
    "usage",
    "ci",
    "name",
    "email",
    "agree",
];

/// A box or a button to choose by.
pub(super) struct Choice {
    id: String,
    value: String,
    label: String,
    is_chosen: bool,
}

/// Some of which one or several are chosen.
pub(super) struct Choices {
    name: &'static str,
    /// `checkbox` or `radio`.
    kind: &'static str,
    legend: &'static str,
    hint: &'static str,
    choices: Vec<Choice>,
    problem: Option<String>,
}

impl Choices {
    fn described_by(&self) -> String {
        form::described_by(self.name, !self.hint.is_empty(), self.problem.is_some())
    }
}

#[derive(Template)]
#[template(path = "service/propose.html")]
pub(super) struct Page<'a> {
    frame: Frame<'a>,
    call: &'a Call,
    is_open: bool,
    problems: Vec<(Option<String>, String)>,
    project: Vec<Field>,
    platforms: Choices,
    machines: Field,
    usage: Choices,
    ci: Field,
    contact: Vec<Field>,
    agree: Choices,
}

pub(super) fn page<'a>(site: &'a Site, call: &'a Call, is_open: bool, typed: &Typed) -> Page<'a> {
    let route = Route::Service(ServiceRoute::Propose(call.slug.clone()));
    let title = match typed.problems.is_empty() {
        true => format!("Propose: {}", call.title),
        false => format!("Not sent yet: {}", call.title),
    };
    let field = |name, label, hint, takes| Field::new(typed, name, label, hint, takes);
    let (text, address) = (Takes::Line("text"), Takes::Line("url"));
    let platform = |(at, platform): (usize, &String)| Choice {
        // A problem's link leads to the first one.
        id: if at == 0 { "platforms".to_owned() } else { format!("platforms_{at}") },
        value: platform.clone(),
        label: platform.clone(),
        is_chosen: typed.has("platforms", platform),
    };
    let is_continuous = typed.has("usage", "continuous");
    Page {
        problems: form::problems(typed, &FIELDS),
        project: vec![
            field("project", "Project", "Its name.", text).needed(),
            field("benefits", "What for", "Who benefits from it, and how.", Takes::Area(6)).needed(),
            field("source", "Source", "Where its source is, http or https.", address).needed(),
            field(
                "license",
                "Licence",
                "An SPDX expression, like MIT OR Apache-2.0, or the licence’s name.",
                text,
            )
            .needed(),
            field("links", "Further pages", "One address a line.", Takes::Area(3)),
        ],
        platforms: Choices {
            name: "platforms",
            kind: "checkbox",
            legend: "Platforms",
            hint: "Of which machines are wanted: one or more.",
            choices: call.platforms.iter().enumerate().map(platform).collect(),
            problem: form::problem(typed, "platforms"),
        },
        machines: field("machines", "Machines", "How many, and how large.", Takes::Area(3)).needed(),
        usage: Choices {
            name: "usage",
            kind: "radio",
            legend: "For how long",
            hint: "",
            choices: vec![
                Choice {
                    id: "usage".to_owned(),
                    value: "one-off".to_owned(),
                    label: "For one piece of work".to_owned(),
                    is_chosen: !is_continuous,
                },
                Choice {
                    id: "usage_1".to_owned(),
                    value: "continuous".to_owned(),
                    label: "For good, as in continuous integration".to_owned(),
                    is_chosen: is_continuous,
                },
            ],
            problem: form::problem(typed, "usage"),
        },
        ci: field("ci", "Continuous integration", "What the project uses today.", text),
        contact: vec![
            field("name", "Your name", "", text).filled_by("name"),
            field("email", "Your address for mail", "", Takes::Line("email")).needed().filled_by("email"),
        ],
        agree: Choices {
            name: "agree",
            kind: "checkbox",
            legend: "Agreement",
            hint: "",
            choices: vec![Choice {
                id: "agree".to_owned(),
                value: "yes".to_owned(),
                label: "We agree to the terms above".to_owned(),
                is_chosen: typed.has("agree", "yes"),
            }],
            problem: form::problem(typed, "agree"),
        },
        frame: Frame::new(site, route, &title, &call.summary),
        call,
        is_open,
    }
}
