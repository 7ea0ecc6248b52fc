//! YAML 1.2 as a tree of values that know where they stand, so that one wrong value does not hide the others. Anchors and
//! merges are put in; bombs of them are refused.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, MessageFormatter as _, Spanned, UserMessageFormatter};

/// How many values a document may have, those included that aliases stand for.
const MAX_VALUES: usize = 50_000;

/// How deep values may stand within values. Files have some ten; each level takes up to 40 KB of the stack, of which
/// threads have 2 MB.
const MAX_DEPTH: usize = 24;

/// Where something stands in a text: line and column, in characters, from 1 on; 0 where that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spot {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// A value, and where it stands.
#[derive(Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it is meant: for one that an alias or a merge puts there, where that is.
    pub spot: Spot,
    /// Where it is written.
    pub defined: Spot,
}

/// What a value is.
#[derive(Debug)]
pub enum Value {
    /// `null`, or nothing at all.
    Nothing,
    /// A truth or a number, in words.
    Other(&'static str),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Fields(Vec<Field>),
}

/// One pair of a mapping.
#[derive(Debug)]
pub struct Field {
    /// Where its name is meant.
    pub spot: Spot,
    /// Where its name is written.
    pub defined: Spot,
    /// Its name.
    pub name: String,
    /// Its value.
    pub node: Node,
}

/// What is done with two fields of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twice {
    /// The document is refused.
    Refused,
    /// Both are there.
    Kept,
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub spot: Spot,
    /// Why, a sentence without its end.
    pub what: String,
}

impl Value {
    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nothing => "nothing",
            Value::Other(kind) => kind,
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Fields(_) => "fields",
        }
    }
}

impl Node {
    /// The text that it is, where it is one.
    pub fn text(&self) -> Option<&String> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<Location> for Spot {
    fn from(location: Location) -> Spot {
        Spot { line: location.line(), column: location.column() }
    }
}

/// Reads a document.
///
/// # Errors
/// Where it is none, has more values than are read, or values that stand too deep.
pub fn parse(text: &str, twice: Twice) -> Result<Node, YamlError> {
    let duplicate_keys = match twice {
        Twice::Refused => DuplicateKeyPolicy::Error,
        Twice::Kept => DuplicateKeyPolicy::PassThrough,
    };
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        duplicate_keys: duplicate_keys,
        budget: serde_saphyr::budget! { max_events: MAX_VALUES * 2, max_nodes: MAX_VALUES, max_depth: MAX_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_VALUES },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let spot = error.location().map(Spot::from).unwrap_or_default();
        YamlError { spot, what: format!("this is no YAML: {}", UserMessageFormatter.format_message(error)) }
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { value: spanned.value, spot: spanned.referenced.into(), defined: spanned.defined.into() })
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
        Ok(Value::Other("true or false"))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value::Other("bytes"))
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
        // Numbers as names are taken as they are written; what else is no text is refused.
        while let Some((name, node)) = pairs.next_entry::<Spanned<String>, Node>()? {
            let (spot, defined) = (name.referenced.into(), name.defined.into());
            fields.push(Field { spot, defined, name: name.value, node });
        }
        Ok(Value::Fields(fields))
    }
}
