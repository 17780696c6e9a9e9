//! Reads the keys of one section into values that cannot be wrong, and writes down every fault on the way.

use std::time::Duration;

use super::error::{ConfigError, Problem};
use super::keys::{self, Key};
use super::raw::{self, Table, Value};
use super::secrets::FileError;

/// Decimal places a number of seconds may have: milliseconds.
const PLACES: usize = 3;

/// Reads one section. Each reading gives `None` after a fault, so that the next key is still looked at.
pub(super) struct Reader<'a> {
    section: &'static str,
    place: String,
    table: Option<&'a Table>,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    /// For a section that stands once; where it does not stand, its defaults do.
    pub(super) fn new(section: &'static str, table: Option<&'a Table>, errors: &'a mut Vec<ConfigError>) -> Self {
        let place = table.map_or_else(|| section.to_owned(), |table| table.place.clone());
        Self { section, place, table, errors }
    }

    /// Reads `name`, which may hold what `parse` makes something of.
    pub(super) fn read<T>(&mut self, name: &str, parse: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let Some(key) = keys::find(self.section, name) else {
            debug_assert!(false, "{}.{name} is not in the table of keys", self.section);
            return None;
        };
        let Some(value) = self.value(key) else {
            self.fault(name, Problem::Missing { may: key.may.to_owned() });
            return None;
        };
        let read = parse(&value);
        if read.is_none() {
            self.refuse(name, key.may);
        }
        read
    }

    /// Text, as it is.
    pub(super) fn text(&mut self, name: &str, good: impl FnOnce(&str) -> bool) -> Option<String> {
        self.read(name, |value| text(value).filter(|text| good(text)).map(str::to_owned))
    }

    /// Text that parses.
    pub(super) fn parsed<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        self.read(name, |value| text(value)?.parse().ok())
    }

    /// Text that parses, or empty for none.
    pub(super) fn optional<T: std::str::FromStr>(&mut self, name: &str) -> Option<Option<T>> {
        self.read(name, |value| match text(value)? {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        })
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.read(name, |value| {
            let text = text(value)?;
            choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
        })
    }

    /// A whole number from `min` to `max`.
    pub(super) fn whole(&mut self, name: &str, min: u64, max: u64) -> Option<u64> {
        self.read(name, |value| decimal(value, 0).filter(|number| (min..=max).contains(number)))
    }

    /// The same, or empty text for none.
    pub(super) fn whole_or_none(&mut self, name: &str, min: u64, max: u64) -> Option<Option<u64>> {
        self.read(name, |value| match text(value) {
            Some("") => Some(None),
            _ => decimal(value, 0).filter(|number| (min..=max).contains(number)).map(Some),
        })
    }

    /// A number from `min` to `max` thousandths, in thousandths.
    pub(super) fn thousandths(&mut self, name: &str, min: u64, max: u64) -> Option<u64> {
        self.read(name, |value| decimal(value, PLACES).filter(|number| (min..=max).contains(number)))
    }

    /// Seconds, from `min` to `max` milliseconds.
    pub(super) fn seconds(&mut self, name: &str, min: u64, max: u64) -> Option<Duration> {
        self.thousandths(name, min, max).map(Duration::from_millis)
    }

    /// At most `count` values in a list, each of which `parse` makes something of.
    pub(super) fn list<T>(&mut self, name: &str, count: usize, parse: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        self.read(name, |value| {
            let Value::List(items) = value else { return None };
            if items.len() > count {
                return None;
            }
            items.iter().map(parse).collect()
        })
    }

    /// The name of a file, or empty for none.
    pub(super) fn file(&mut self, name: &str) -> Option<String> {
        self.text(name, |text| !text.contains(['\n', '\r', '\0']))
    }

    /// Writes down that `name` may not hold what it holds.
    pub(super) fn refuse(&mut self, name: &str, may: &str) {
        let held = keys::find(self.section, name).and_then(|key| Some(self.value(key)?.shown(key)));
        self.fault(name, Problem::Refused { held: held.unwrap_or_default(), may: may.to_owned() });
    }

    /// Writes down that `name` does not go with the rest.
    pub(super) fn clash(&mut self, name: &str, why: impl Into<String>) {
        self.fault(name, Problem::Clash(why.into()));
    }

    /// Writes down that `name` is needed here.
    pub(super) fn missing(&mut self, name: &str, may: impl Into<String>) {
        self.fault(name, Problem::Missing { may: may.into() });
    }

    /// Gives what was read from a file that `name` names, or writes down why it could not be.
    pub(super) fn content_of<T>(&mut self, name: &str, read: Result<T, FileError>) -> Option<T> {
        match read {
            Ok(content) => Some(content),
            // Somebody typed the secret itself where its file's name belongs: the path would show it.
            Err(FileError::NotFound(_) | FileError::Unreadable { .. }) if self.is_pasted(name) => {
                self.refuse(name, "the name of a file; put the secret into one and give it mode 600");
                None
            }
            Err(error) => {
                self.fault(name, Problem::File(error));
                None
            }
        }
    }

    fn fault(&mut self, name: &str, problem: Problem) {
        let line = self.table.and_then(|table| Some(table.entries.get(name)?.line));
        let line = line.or_else(|| self.table.map(|table| table.line));
        self.errors.push(ConfigError::new(format!("{}.{name}", self.place), line, problem));
    }

    fn is_pasted(&self, name: &str) -> bool {
        let key = keys::find(self.section, name).filter(|key| key.private);
        let typed = key.and_then(|key| self.value(key));
        typed.as_ref().and_then(text).is_some_and(raw::looks_pasted)
    }

    /// What was typed, or else the default.
    fn value(&self, key: &Key) -> Option<Value> {
        let typed = self.table.and_then(|table| table.entries.get(key.name));
        typed.map(|entry| entry.value.clone()).or_else(|| Value::default_of(key))
    }
}

/// The text of a value, if it is one.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Number(_) | Value::List(_) | Value::Other(_) => None,
    }
}

/// A number of seconds in a list.
pub(super) fn wait(value: &Value, min: u64, max: u64) -> Option<Duration> {
    decimal(value, PLACES).filter(|number| (min..=max).contains(number)).map(Duration::from_millis)
}

/// A number of at most `places` decimal places, in its smallest unit. Digits only: no sign, no exponent, no rounding.
fn decimal(value: &Value, places: usize) -> Option<u64> {
    let Value::Number(typed) = value else { return None };
    let (whole, part) = typed.split_once('.').unwrap_or((typed, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > places {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_without_rounding_or_not_at_all() {
        let number = |text: &str| decimal(&Value::Number(text.to_owned()), PLACES);
        assert_eq!(number("0.5"), Some(500));
        assert_eq!(number("15"), Some(15_000));
        assert_eq!(number("0.001"), Some(1));
        for text in ["-1", "+1", "1e3", "inf", "nan", "0.0001", "99999999999999999999", ".5"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
