//! The OpenAPI 3.1 document that describes the API and all else that programs read here.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::site::{Rendered, Site};

/// The document without what hangs on the place and version: `paths`, `components`, `tags`.
const TEMPLATE: &str = include_str!("openapi.json");

/// The same of what only a service answers.
const SERVICE: &str = include_str!("service.json");

#[derive(Serialize)]
struct Document<'a> {
    openapi: &'static str,
    info: Info,
    servers: [Server; 1],
    #[serde(flatten)]
    rest: Rest<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Rest<'a> {
    /// Of a site, as it is written.
    OfSite(BTreeMap<&'a str, &'a RawValue>),
    /// Of a site and a service.
    OfBoth(Value),
}

/// Puts what a service has to what a site has: fields to fields, lists behind lists.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                match into.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => drop(into.insert(name, value)),
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

fn rest(site: &Site) -> Option<Rest<'static>> {
    if site.services.registries.is_none() {
        return Some(Rest::OfSite(serde_json::from_str(TEMPLATE).ok()?));
    }
    let mut both: Value = serde_json::from_str(TEMPLATE).ok()?;
    merge(&mut both, serde_json::from_str(SERVICE).ok()?);
    Some(Rest::OfBoth(both))
}

#[derive(Serialize)]
struct Info {
    title: &'static str,
    version: &'static str,
    summary: &'static str,
    description: &'static str,
    license: License,
}

#[derive(Serialize)]
struct License {
    name: &'static str,
    identifier: &'static str,
}

#[derive(Serialize)]
struct Server {
    url: String,
}

pub(super) fn render(site: &Site) -> Option<Rendered> {
    let origin = site.base.origin.as_deref().unwrap_or_default();
    let url = match format!("{origin}{}", site.base.path) {
        // Relative to this document's own address, where the site's host is not known.
        url if url.is_empty() => "/".to_owned(),
        url => url,
    };
    super::json(&Document {
        openapi: "3.1.0",
        info: Info {
            title: "workson",
            version: "1",
            summary: "Does this software work on Arm, and elsewhere?",
            description: "Static documents, made from dated evidence. Each verdict has the rung of the ladder that it \
                stands on (declared, published, verified, ran), its source and how far its evidence reaches. \
                `unknown` is never a `no`. Fields are added, never renamed, changed or taken away: a reader passes \
                over those that it does not know. Times are RFC 3339 in UTC. Names come from outside and are no markup.",
            license: License { name: "MIT OR Apache-2.0", identifier: "MIT OR Apache-2.0" },
        },
        servers: [Server { url }],
        rest: rest(site)?,
    })
}
