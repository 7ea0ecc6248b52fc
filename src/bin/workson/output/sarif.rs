//! Findings for code scanning: SARIF 2.1.0 (OASIS), as far as GitHub and editors read it.

use serde_json::{Value, json};

/// One finding.
pub(crate) struct Result<'a> {
    /// `error`, `warning` or `note`.
    pub(crate) level: &'static str,
    pub(crate) rule: &'a str,
    pub(crate) message: String,
    /// The image.
    pub(crate) image: &'a str,
    /// A path in the image.
    pub(crate) file: Option<&'a str>,
    /// The layer that the file comes from, counted from 0.
    pub(crate) layer: Option<usize>,
}

/// The document for all findings.
pub(crate) fn document(results: &[Result<'_>]) -> Value {
    let mut rules: Vec<&str> = results.iter().map(|result| result.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let rules: Vec<Value> = rules.into_iter().map(|rule| json!({ "id": rule })).collect();
    let results: Vec<Value> = results
        .iter()
        .map(|result| {
            let file = result.file.map_or(result.image, |file| file.trim_start_matches('/'));
            json!({
                "ruleId": result.rule,
                "level": result.level,
                "message": { "text": message(result) },
                "locations": [{
                    "physicalLocation": { "artifactLocation": { "uri": percent_encoded(file) } },
                    "logicalLocations": [{ "fullyQualifiedName": result.image, "kind": "module" }],
                }],
                "properties": { "layer": result.layer },
            })
        })
        .collect();
    json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{
            "tool": { "driver": {
                "name": "workson",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": results,
        }],
    })
}

/// The message, with the layer as people count them.
fn message(result: &Result<'_>) -> String {
    match result.layer {
        Some(layer) => format!("{} (layer {})", result.message, layer + 1),
        None => result.message.clone(),
    }
}

/// A path as a relative reference of a URI (RFC 3986).
fn percent_encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}
