//! YAML as a tree of values with their lines; anchors and merges are put in. Bombs of them are refused.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, MessageFormatter as _, Spanned, UserMessageFormatter};

/// How many values a document may have, those included that aliases stand for.
const MAX_VALUES: usize = 50_000;
/// How deep values may stand within values. Files have some ten; each level takes up to 40 KB of the stack, of which
/// threads have 2 MB.
const MAX_DEPTH: usize = 24;

/// A value, and the line that it is written in: for one that an alias or a merge put there, where that is.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) line: usize,
}

#[derive(Debug)]
pub(super) enum Value {
    /// `null`, or nothing at all.
    Nothing,
    /// A truth or a number.
    Other,
    Text(String),
    List(Vec<Node>),
    Fields(Vec<Field>),
}

/// One of the fields of a value.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) node: Node,
}

impl Node {
    /// The text that it is, where it is one.
    pub(super) fn text(&self) -> Option<&String> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a document; or says at which line it is none, and why.
pub(super) fn parse(text: &str) -> Result<Node, (usize, String)> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_events: MAX_VALUES * 2, max_nodes: MAX_VALUES, max_depth: MAX_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_VALUES },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let line = error.location().map_or(1, |location| line_of(&location));
        (line, format!("this is no YAML: {}", UserMessageFormatter.format_message(error)))
    })
}

fn line_of(location: &Location) -> usize {
    usize::try_from(location.line()).unwrap_or(usize::MAX).max(1)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { value: spanned.value, line: line_of(&spanned.defined) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        // Numbers as keys are taken as they are written; what else is no text is refused.
        while let Some((name, node)) = pairs.next_entry::<Spanned<String>, Node>()? {
            fields.push(Field { line: line_of(&name.defined), name: name.value, node });
        }
        Ok(Value::Fields(fields))
    }
}
