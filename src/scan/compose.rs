//! Compose files, by the [compose specification].
//!
//! [compose specification]: https://github.com/compose-spec/compose-spec/blob/main/spec.md

use std::collections::HashMap;

use super::Findings;
use super::variables::{Expansion, Variable};
use crate::yaml::{self, Field, Node, Spot, Twice, Value};

/// How many services one after another may extend each other.
const MAX_EXTENDS: usize = 32;

/// Reads a compose file.
pub(super) fn read(text: &str, findings: &mut Findings) {
    let document = match yaml::parse(text, Twice::Refused) {
        Ok(document) => document,
        Err(error) => return findings.problem(line(error.spot), error.what),
    };
    let file = fields(&document);
    if let Some(include) = field(file, "include") {
        findings.problem(
            line(include.defined),
            "it includes other files, which are not read; check each of them",
        );
    }
    let services = field(file, "services").map(fields).unwrap_or_default();
    if services.is_empty() {
        findings.problem(1, "there are no services in it");
    }
    // What these tags do to a value is done when files are merged, so it can't be told what is left.
    for (at, line) in text.lines().enumerate() {
        let has = |tag| line.contains(tag) && !line.trim_start().starts_with('#');
        if has("!reset") || has("!override") {
            findings.problem(at + 1, "the tags !reset and !override are not read");
        }
    }
    let by_name = services.iter().map(|service| (service.name.as_str(), service)).collect();
    for service in services {
        Service::of(service, &by_name).read(findings);
    }
}

/// A line, for one that is not known the first.
fn line(spot: Spot) -> usize {
    usize::try_from(spot.line).unwrap_or(usize::MAX).max(1)
}

/// The fields of a value; none where it has none.
fn fields(node: &Node) -> &[Field] {
    match &node.value {
        Value::Fields(fields) => fields,
        _ => &[],
    }
}

/// The value of a field, where it has one.
fn field<'n>(fields: &'n [Field], name: &str) -> Option<&'n Node> {
    let found = fields.iter().find(|field| field.name == name).map(|field| &field.node);
    found.filter(|node| !matches!(node.value, Value::Nothing))
}

/// A service, and those of the same file that it extends.
struct Service<'n> {
    name: &'n str,
    line: usize,
    /// Its own definition first.
    definitions: Vec<&'n [Field]>,
    /// Why not all of its definitions are here, and where that is said.
    missing: Option<(usize, String)>,
}

impl<'n> Service<'n> {
    fn of(own: &'n Field, all: &HashMap<&str, &'n Field>) -> Service<'n> {
        let mut service =
            Service { name: &own.name, line: line(own.defined), definitions: Vec::new(), missing: None };
        let mut next = Some(own);
        while let Some(one) = next {
            service.definitions.push(fields(&one.node));
            let Some(extends) = field(fields(&one.node), "extends") else { break };
            let (file, base) = match &extends.value {
                Value::Text(base) => (None, Some(base)),
                _ => {
                    let parts = fields(extends);
                    (field(parts, "file"), field(parts, "service").and_then(Node::text))
                }
            };
            next = base.filter(|_| file.is_none()).and_then(|base| all.get(base.as_str()).copied());
            if next.is_none() {
                service.missing =
                    Some((line(extends.defined), "extends a service that is not in this file".into()));
            } else if service.definitions.len() > MAX_EXTENDS {
                let what = format!("extends services that extend others, more than {MAX_EXTENDS} of them");
                service.missing = Some((line(extends.defined), what));
                break;
            }
        }
        service
    }

    /// A value of the service: its own, or else that of what it extends.
    fn field(&self, name: &str) -> Option<&'n Node> {
        self.definitions.iter().find_map(|fields| field(fields, name))
    }

    fn read(&self, findings: &mut Findings) {
        let name = self.name;
        if let Some((line, why)) = &self.missing {
            findings.problem(*line, format!("service {name:?} {why}"));
        }
        for mount in self.definitions.iter().filter_map(|fields| field(fields, "volumes")).flat_map(items) {
            if field(fields(mount), "type").and_then(Node::text).is_some_and(|kind| kind == "image") {
                findings.problem(
                    line(mount.defined),
                    format!("service {name:?} mounts an image, which is not read here"),
                );
            }
        }
        if self.field("build").is_some() {
            let what = format!("service {name:?} is built from its own Dockerfile; check that one");
            return findings.problem(self.line, what);
        }
        let Some(image) = self.field("image") else {
            if self.missing.is_none() {
                findings.problem(self.line, format!("service {name:?} has neither an image nor a build"));
            }
            return;
        };
        let told = |node: &Node, what: &str| {
            let text = node.text().ok_or_else(|| "is no text".to_owned());
            let told = text.and_then(|text| Expansion { escape: None, look_up: &unset }.of(text));
            told.map_err(|why| (line(node.defined), format!("the {what} of service {name:?} {why}")))
        };
        let outcome = told(image, "image").and_then(|image| {
            let platform = self
                .field("platform")
                .map(|node| Ok((line(node.defined), told(node, "platform")?)))
                .transpose()?;
            match platform.filter(|(_, platform)| !platform.is_empty()) {
                None => Ok(image),
                Some((line, platform)) => {
                    Err((line, format!("service {name:?} is pinned to {platform} whatever is asked for")))
                }
            }
        });
        match outcome {
            Ok(name) => findings.image(line(image.defined), &name),
            Err((line, what)) => findings.problem(line, what),
        }
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

/// No variable is known: they come from the environment, or from a file beside this one.
fn unset(name: &str) -> Variable {
    Variable::Unset(format!("hangs on the variable {name}, which has no default"))
}
