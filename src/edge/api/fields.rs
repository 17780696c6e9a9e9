//! A JSON object taken apart field by field, so that nothing of it can reach an error or a log.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::problem::{FieldError, Kind, Problem};
use crate::words::NameError;

/// Fields a request may have; more are a mistake or an attack.
const FIELDS_MAX: usize = 32;
/// How like a known name an unknown one must be to be taken for a typing error.
const LIKENESS: f64 = 0.8;

/// What a request asks: names and values, and what is wrong with them.
pub(super) struct Fields {
    values: Vec<(String, Value)>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// When it is no JSON, no object, or out of all proportion.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(body) {
            Ok(Object(values)) => Ok(Self { values, errors: Vec::new() }),
            Err(error) if error.is_data() => {
                Err(Problem::new(Kind::Malformed, "the request is one JSON object with the fields of the call"))
            }
            Err(_) => Err(Problem::new(Kind::Malformed, "the request is no valid JSON")),
        }
    }

    /// Takes a query string apart: every value is text.
    ///
    /// # Errors
    /// When it is out of all proportion.
    pub(super) fn of_query(query: &[(String, String)]) -> Result<Self, Problem> {
        if query.len() > FIELDS_MAX {
            return Err(Problem::new(Kind::Malformed, "the query has more parameters than any call knows"));
        }
        let values = query.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        Ok(Self { values, errors: Vec::new() })
    }

    /// Takes out the field `name`. One that stands twice is at fault, whatever it holds: readers differ in which counts.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.values.iter().position(|(field, _)| field == name)?;
        let (_, value) = self.values.swap_remove(at);
        if self.values.iter().any(|(field, _)| field == name) {
            self.values.retain(|(field, _)| field != name);
            self.fault(name, "the field stands twice; say it once");
            return None;
        }
        Some(value)
    }

    /// Takes out text. `null` is nothing.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.fault(name, "a text in quotes is needed");
                None
            }
        }
    }

    /// Takes out text that is a name of some kind.
    pub(super) fn name<T: std::str::FromStr<Err = NameError>>(&mut self, name: &str) -> Option<T> {
        self.parsed(name, |text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// Takes out text and reads it. What `read` says of it must not repeat it.
    pub(super) fn parsed<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let mut text = self.text(name)?;
        let read = read(&text);
        text.zeroize();
        match read {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, &message);
                None
            }
        }
    }

    /// Notes that `name` is at fault.
    pub(super) fn fault(&mut self, name: &str, message: &str) {
        self.errors.push(FieldError { field: name.to_owned(), message: message.to_owned() });
    }

    /// Whether `name` was found at fault.
    pub(super) fn is_at_fault(&self, name: &str) -> bool {
        self.errors.iter().any(|error| error.field == name)
    }

    /// Ends the reading: whatever was not taken is unknown. `known` are the fields there are.
    ///
    /// # Errors
    /// When anything was at fault.
    pub(super) fn finish(mut self, known: &[&str]) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.values) {
            let near = known.iter().find(|it| strsim::jaro_winkler(it, &name) >= LIKENESS);
            let message = match near {
                Some(near) => format!("there is no such field; did you mean {near}?"),
                None if known.is_empty() => "there is no such field; this call takes none".to_owned(),
                None => format!("there is no such field; there are {}", known.join(", ")),
            };
            self.fault(&shown(&name), &message);
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(self.errors)) }
    }
}

/// A name nobody knows, if it looks like one: anything else might be a code in the wrong place.
fn shown(name: &str) -> String {
    let plain = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if plain { name.to_owned() } else { "(unknown)".to_owned() }
}

/// An object's fields as they stand there. A map would hide the one that stands twice.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            if fields.len() == FIELDS_MAX {
                return Err(serde::de::Error::custom("too many fields"));
            }
            fields.push(field);
        }
        Ok(Object(fields))
    }
}
