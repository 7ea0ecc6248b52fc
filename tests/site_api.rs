//! The API, the table and the OpenAPI document that describes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod parts;
mod site_support;

use std::collections::{BTreeMap, BTreeSet};

use boon::{Compiler, Draft, Schemas};
use serde_json::{Value, json};
use site_support::{HOSTILE, get, json as document, paths, read, text};
use workson::query::stack::{StackAnswer, StackImage, StackProblem};
use workson::query::{ErrorAnswer, ImageAnswer, PlatformAnswer, SupportAnswer};
use workson::site::Site;

const AT: &str = "https://workson.example";

/// The OpenAPI Initiative's schema of OpenAPI 3.1 documents, of 2022-10-07 (Apache License 2.0), as it was published.
const OPEN_API: &str = include_str!("site_support/openapi-3.1.schema.json");

/// A validator of parts of the OpenAPI document, in which no object has a field that it does not name.
struct Described {
    document: Value,
    compiler: Compiler,
    schemas: Schemas,
}

/// Readers pass over fields that they do not know; this test does not.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

impl Described {
    fn new(site: &Site) -> Described {
        let document = document(site, "/api/v1/openapi.json");
        let mut closed = document.clone();
        close(&mut closed["components"]["schemas"]);
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource("https://api.test/openapi.json", closed).unwrap();
        Described { document, compiler, schemas: Schemas::new() }
    }

    /// Whether a value is as the schema of a name says.
    fn check(&mut self, name: &str, value: &Value, what: &str) {
        let at = format!("https://api.test/openapi.json#/components/schemas/{name}");
        let schema =
            self.compiler.compile(&at, &mut self.schemas).unwrap_or_else(|error| panic!("{at}: {error:#}"));
        if let Err(error) = self.schemas.validate(value, schema) {
            panic!("{what} is no {name}: {error:#}");
        }
    }

    /// The schema's name of what a path has as JSON, where it has JSON.
    fn schema_of(&self, template: &str) -> Option<String> {
        let json =
            &self.document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"];
        let name = json["schema"]["$ref"].as_str()?.rsplit_once('/').unwrap().1;
        Some(name.to_owned())
    }

    /// The path of the document that describes an address.
    fn template(&self, path: &str) -> Option<String> {
        let fits = |template: &str| {
            let (a, b) = (template.split('/'), path.split('/'));
            a.clone().count() == b.clone().count()
                && a.zip(b).all(|(a, b)| match a.split_once('{') {
                    Some((before, rest)) => {
                        let after = rest.split_once('}').unwrap().1;
                        let rest = b.strip_prefix(before);
                        match after.strip_prefix(".{format}") {
                            Some(_) => rest.is_some_and(|rest| rest.contains('.')),
                            None => rest
                                .and_then(|rest| rest.strip_suffix(after))
                                .is_some_and(|name| !name.contains('.')),
                        }
                    }
                    None => a == b,
                })
        };
        let templates: Vec<&String> = self.document["paths"].as_object().unwrap().keys().collect();
        let exact = templates.iter().find(|template| template.as_str() == path);
        exact.or_else(|| templates.iter().find(|template| fits(template))).map(|template| (*template).clone())
    }
}

#[test]
fn the_openapi_document_is_one() {
    for at in [AT, "https://workson.example/on", ""] {
        let site = site_support::site(at);
        let described = document(&site, "/api/v1/openapi.json");
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource("https://spec.test/3.1.json", serde_json::from_str(OPEN_API).unwrap()).unwrap();
        let mut schemas = Schemas::new();
        let schema = compiler.compile("https://spec.test/3.1.json", &mut schemas).unwrap();
        if let Err(error) = schemas.validate(&described, schema) {
            panic!("{error:#}");
        }
        assert_eq!(described["servers"][0]["url"], if at.is_empty() { "/" } else { at });
        let text = described.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(described.pointer(reference).is_some(), "{reference} leads nowhere");
        }
        let mut ids = BTreeSet::new();
        for (path, item) in described["paths"].as_object().unwrap() {
            assert!(ids.insert(item["get"]["operationId"].as_str().unwrap()), "{path}");
            let named: BTreeSet<&str> =
                path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
            let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
            let given: BTreeSet<&str> = parameters
                .iter()
                .map(|one| one["$ref"].as_str().unwrap().rsplit_once('/').unwrap().1)
                .collect();
            assert_eq!(named, given, "{path}");
        }
    }
}

#[test]
fn every_document_is_as_the_openapi_document_says_and_every_one_is_described() {
    for site in [
        site_support::site(AT),
        site_support::hostile(""),
        site_support::published(AT),
        site_support::empty(),
    ] {
        let mut described = Described::new(&site);
        let mut met = BTreeSet::new();
        let begins = ["/api/", "/badge/", "/feeds/", "/download/catalogue.", "/events.ics"];
        let is_described = |path: &str| begins.iter().any(|begin| path.starts_with(begin));
        for path in paths(&site, is_described) {
            let template = described.template(&path).unwrap_or_else(|| panic!("{path} is not described"));
            let rendered = get(&site, &path);
            let content = &described.document["paths"][&template]["get"]["responses"]["200"]["content"];
            let media_type = rendered.media_type.split(';').next().unwrap();
            assert!(content.get(media_type).is_some(), "{path} is {media_type}");
            if let Some(name) = described.schema_of(&template) {
                described.check(&name, &serde_json::from_slice(&rendered.bytes).unwrap(), &path);
            }
            met.insert(template);
        }
        let all: BTreeSet<String> =
            described.document["paths"].as_object().unwrap().keys().cloned().collect();
        if site.catalogue.as_of().is_some() {
            assert_eq!(met, all, "what is described is there");
        }
    }
}

#[test]
fn the_examples_are_as_their_schemas_say() {
    let mut described = Described::new(&site_support::site(AT));
    let paths = described.document["paths"].clone();
    let mut seen = 0;
    for (path, item) in paths.as_object().unwrap() {
        let content = &item["get"]["responses"]["200"]["content"]["application/json"];
        if let Some(name) = described.schema_of(path) {
            described.check(&name, &content["example"], path);
            seen += 1;
        }
    }
    assert!(seen >= 11);
}

#[test]
fn what_is_told_of_an_entry_says_what_it_stands_on() {
    let site = site_support::site(AT);
    let entry = document(&site, "/api/v1/entries/nginx.json");
    let arm64 = &entry["platforms"][0];
    assert_eq!((&arm64["platform"], &arm64["verdict"]), (&json!("linux/arm64"), &json!("yes")));
    assert_eq!((&arm64["rung"], &arm64["since"]), (&json!("declared"), &json!("2017-09-06T17:25:54Z")));
    assert_eq!(
        arm64["sourceLink"],
        "https://github.com/docker-library/official-images/commit/3c2f13cbb962bdd3df27f0166187a97239c1bba6"
    );
    assert_eq!(arm64["observedAt"], entry["asOf"]);
    for path in paths(&site, |path| path.starts_with("/api/v1/entries/")) {
        let entry = document(&site, &path);
        for platform in entry["platforms"].as_array().unwrap() {
            // That it can't be told does not begin on a day.
            assert_eq!(platform["since"].is_null(), platform["verdict"] == "unknown", "{path}: {platform}");
        }
        let row = |name: &str| -> Vec<String> {
            let platforms = entry["platforms"].as_array().unwrap().iter();
            platforms.map(|platform| platform[name].as_str().unwrap_or("-").to_owned()).collect()
        };
        for (verdict, (rung, reason)) in row("verdict").iter().zip(row("rung").iter().zip(row("reason"))) {
            assert_eq!(verdict == "unknown", reason != "-", "{path}: an unknown has a reason");
            assert!(verdict == "unknown" || rung != "-", "{path}: a verdict has a rung");
        }
        let listed = document(&site, "/api/v1/entries.json");
        let listed = listed["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["slug"] == entry["slug"])
            .cloned()
            .unwrap();
        let letters: String = row("standing")
            .iter()
            .map(|standing| match standing.as_str() {
                "has" => 'y',
                "lacks" => 'n',
                "lost" => 'l',
                _ => 'u',
            })
            .collect();
        assert_eq!(listed["verdicts"], letters, "{path}");
    }
}

#[test]
fn links_lead_to_documents_and_pages_that_are_there() {
    let site = site_support::site(AT);
    let known: BTreeSet<String> = paths(&site, |_| true).into_iter().collect();
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.values().for_each(|value| walk(value, found)),
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            Value::String(text) => found.extend(text.strip_prefix(AT).map(str::to_owned)),
            _ => {}
        }
    }
    for path in paths(&site, |path| path.starts_with("/api/") && !path.ends_with("openapi.json")) {
        let mut found = Vec::new();
        walk(&document(&site, &path), &mut found);
        assert!(!found.is_empty() || path.contains("/changes/"), "{path}");
        for link in found {
            assert!(known.contains(&link), "{path} leads to {link}");
        }
    }
}

#[test]
fn months_have_all_changes() {
    let site = site_support::site(AT);
    let months = document(&site, "/api/v1/changes.json");
    let mut total = 0;
    for month in months["months"].as_array().unwrap() {
        let path = month["link"].as_str().unwrap().strip_prefix(AT).unwrap();
        let count = document(&site, path)["changes"].as_array().unwrap().len();
        assert_eq!(month["changes"], count, "{path}");
        total += count;
    }
    assert_eq!(document(&site, "/api/v1/index.json")["counts"]["changes"], total);
}

#[test]
fn the_table_has_a_line_for_each_entry_and_platform_and_no_formula() {
    for site in [site_support::site(AT), site_support::hostile("")] {
        let table = get(&site, "/download/catalogue.csv");
        assert_eq!(table.media_type, "text/csv; charset=utf-8");
        let read =
            read("table", &BTreeMap::from([("table".to_owned(), text(&site, "/download/catalogue.csv"))]));
        let lines = read["table"].as_array().unwrap();
        let catalogue = &site.catalogue;
        assert_eq!(lines.len(), 1 + catalogue.entries.len() * catalogue.columns.len());
        assert_eq!(lines[0][0], "entry");
        for line in &lines[1..] {
            let line: Vec<&str> =
                line.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap()).collect();
            assert_eq!(line.len(), 11);
            assert!(line.iter().all(|cell| !cell.trim_start().starts_with(['=', '+', '-', '@'])), "{line:?}");
            assert!(line.iter().all(|cell| !cell.contains(char::is_control)), "{line:?}");
            assert_eq!(line[3] == "unknown", !line[10].is_empty(), "{line:?}");
        }
    }
}

#[test]
fn names_stay_what_they_are_in_json() {
    let site = site_support::hostile("");
    for (at, name) in HOSTILE.into_iter().enumerate() {
        assert_eq!(document(&site, &format!("/api/v1/entries/written-{at}.json"))["name"], name);
    }
}

/// A site that is served with live queries.
fn served() -> Site {
    let mut site = site_support::site(AT);
    site.services.registries = Some(vec!["docker.io".into()]);
    site
}

#[test]
fn where_registries_may_be_asked_the_openapi_document_says_how() {
    let static_paths = document(&site_support::site(AT), "/api/v1/openapi.json")["paths"].clone();
    let described = document(&served(), "/api/v1/openapi.json");
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("https://spec.test/3.1.json", serde_json::from_str(OPEN_API).unwrap()).unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler.compile("https://spec.test/3.1.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&described, schema) {
        panic!("{error:#}");
    }
    for reference in
        described.to_string().split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap())
    {
        assert!(described.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    let paths = described["paths"].as_object().unwrap();
    for (path, item) in static_paths.as_object().unwrap() {
        assert_eq!(&paths[path], item, "{path}: what a site has is there as well");
    }
    let more: Vec<&str> =
        paths.keys().map(String::as_str).filter(|path| static_paths.get(path).is_none()).collect();
    let more: BTreeSet<&str> = more.into_iter().collect();
    assert_eq!(more, BTreeSet::from(["/api/v1/query", "/api/v1/stack", "/healthz", "/readyz"]));
    let ids: Vec<&str> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    let codes = |operation: &Value| -> Vec<String> {
        operation["responses"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(codes(&paths["/api/v1/query"]["get"]), ["200", "400", "403", "429", "503"]);
    assert_eq!(codes(&paths["/api/v1/stack"]["post"]), ["200", "400", "403", "413", "415", "429"]);
    for header in ["Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"] {
        assert!(described["components"]["responses"]["TooMany"]["headers"].get(header).is_some(), "{header}");
    }
}

#[test]
fn live_answers_are_as_the_openapi_document_says() {
    let mut described = Described::new(&served());
    let example = |described: &Described, path: &str, method: &str| {
        let content = &described.document["paths"][path][method]["responses"]["200"]["content"];
        content["application/json"]["example"].clone()
    };
    let (query, stack) =
        (example(&described, "/api/v1/query", "get"), example(&described, "/api/v1/stack", "post"));
    described.check("LiveAnswer", &query, "the example");
    described.check("Stack", &stack, "the example");
    for (name, response) in described.document["components"]["responses"].clone().as_object().unwrap() {
        if let Some(example) = response.pointer("/content/application~1json/example") {
            described.check("Refusal", example, name);
        }
    }

    // What the program answers, and not what was written down of it.
    let text = "linux/arm64".to_owned();
    let platform = PlatformAnswer {
        platform: text.clone(),
        os: Some("linux".into()),
        architecture: Some("arm64".into()),
        variant: None,
        os_version: None,
        os_features: vec![],
        digest: "sha256:0".into(),
        size: 1,
    };
    let whole = ImageAnswer {
        reference: "nginx".into(),
        digest: Some("sha256:0".into()),
        media_type: Some("application/vnd.oci.image.index.v1+json".into()),
        kind: Some("index"),
        platforms: vec![platform],
        attestations: 1,
        notes: vec!["a note".into()],
        supports: vec![SupportAnswer { platform: text.clone(), verdict: "yes", reason: None }],
        error: None,
        is_certain: true,
    };
    let error = ErrorAnswer { kind: "not-found", message: "no such image".into(), hint: None };
    let failed = ImageAnswer::failed("nignx", error, &[]);
    for (answer, at, source) in [
        (&whole, json!("2026-12-24T09:57:00Z"), json!("store")),
        (&failed, json!("2026-12-24T09:57:00Z"), json!("registry")),
        (&failed, json!(null), json!(null)),
    ] {
        let mut answer = serde_json::to_value(answer).unwrap();
        answer["observedAt"] = at;
        answer["source"] = source;
        described.check("LiveAnswer", &answer, "an answer");
    }
    let images = [whole, failed].map(|answer| StackImage { line: 1, answer });
    let problems = vec![StackProblem { line: 2, what: "what?".into() }];
    let answer = StackAnswer::judge("list", images.into(), &[text], problems);
    described.check("Stack", &serde_json::to_value(answer).unwrap(), "a stack");
}
