//! What was typed: each known key with its value and its line, and an error for everything else.
//!
//! The toml crate's document tree is read rather than serde's structs: it keeps the line of every value and the digits
//! of every number as typed, so a decimal never passes through a float, and all faults are found in one go.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problem};
use super::keys::{self, KEYS, Key, LISTS, SECTIONS};

/// The largest number of `[[scanner]]`s and their kind. A counter has one or two of each.
const TABLES_MAX: usize = 32;

/// How much of what a key held is repeated in an error, in characters.
const HELD_MAX: usize = 60;

/// A secret pasted in place of a file's name is at least this long. A shorter name without a dot is taken for a name.
const PASTED_MIN: usize = 16;

/// A value as typed.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// Digits as typed, decimal point and sign and all.
    Number(String),
    List(Vec<Self>),
    /// A kind no key holds: `true`, a date, a table.
    Other(&'static str),
}

impl Value {
    fn read(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Self::Number(number.as_str().to_owned()),
            DeValue::Integer(_) => Self::Other("a number that is not decimal"),
            DeValue::Float(number) => Self::Number(number.as_str().to_owned()),
            DeValue::Array(items) => Self::List(items.iter().map(|item| Self::read(item.get_ref())).collect()),
            DeValue::Boolean(true) => Self::Other("true"),
            DeValue::Boolean(false) => Self::Other("false"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// What `key` is when it is left out.
    pub(super) fn default_of(key: &Key) -> Option<Self> {
        let value = DeValue::parse(key.default?).ok()?;
        Some(Self::read(value.get_ref()))
    }

    /// The value for people, on one line. Not what may be a secret.
    pub(super) fn shown(&self, key: &Key) -> String {
        match self {
            Self::Text(text) if key.private && looks_pasted(text) => {
                "(hidden: it looks like the secret itself)".to_owned()
            }
            Self::Text(text) if text.contains("://") && text.contains('@') => {
                "(hidden: an address with a password)".to_owned()
            }
            Self::Text(text) => {
                let cut = if text.chars().count() > HELD_MAX { "..." } else { "" };
                format!("{:?}{cut}", text.chars().take(HELD_MAX).collect::<String>())
            }
            Self::Number(digits) => digits.chars().take(HELD_MAX).collect(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(|item| item.shown(key)).collect::<Vec<_>>().join(", "))
            }
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// Whether a text in place of a file's name is rather the secret: long, or of several lines, and not like a path.
pub(super) fn looks_pasted(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    let like_a_path = text.starts_with('/') || text.starts_with("./") || name.contains('.');
    text.contains(['\n', '\r']) || text.contains("-----BEGIN") || (text.len() >= PASTED_MIN && !like_a_path)
}

/// A value and where it stands.
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) line: usize,
}

/// One section as typed.
pub(super) struct Table {
    pub(super) section: &'static str,
    /// How an error names it: `policy`, `scanner[2]`.
    pub(super) place: String,
    pub(super) line: usize,
    pub(super) entries: BTreeMap<&'static str, Entry>,
}

/// The file as typed.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) tables: Vec<Table>,
    pub(super) errors: Vec<ConfigError>,
}

impl Raw {
    /// Reads `text`. What is no key of ours is an error with a suggestion; the rest is kept.
    pub(super) fn parse(text: &str) -> Self {
        let lines = Lines { text };
        let (document, faults) = DeTable::parse_recoverable(text);
        let mut raw = Self::default();
        if faults.is_empty() {
            raw.walk("", document.get_ref(), &lines);
            return raw;
        }
        for fault in faults {
            // The message only: the error's own text repeats the line, and a line may hold a secret.
            let line = fault.span().map(|span| lines.at(span.start));
            raw.errors.push(ConfigError::new("", line, Problem::Syntax(one_line(fault.message()))));
        }
        raw
    }

    /// The one table of `section`, if it stands in the file.
    pub(super) fn one(&self, section: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.section == section)
    }

    /// Each table of `section`.
    pub(super) fn all<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().filter(move |table| table.section == section)
    }

    fn walk(&mut self, section: &str, table: &DeTable<'_>, lines: &Lines<'_>) {
        for (name, value) in table {
            let line = lines.at(name.span().start);
            let path = if section.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{section}.{name}", name = name.get_ref())
            };
            let once = SECTIONS.iter().find(|known| **known == path);
            let list = LISTS.iter().find(|known| **known == path);
            match (once, list, value.get_ref()) {
                (Some(known), _, DeValue::Table(inner)) => {
                    self.keep(known, (*known).to_owned(), line, inner, lines);
                    self.walk(known, inner, lines);
                }
                (_, Some(known), DeValue::Array(items)) => self.walk_list(known, line, items.as_ref(), lines),
                (Some(known), ..) => self.wrong_section(known, line, &format!("[{known}]")),
                (_, Some(known), _) => self.wrong_section(known, line, &format!("[[{known}]]")),
                (None, None, _) if section.is_empty() || keys::find(section, name.get_ref()).is_none() => {
                    let problem = Problem::Unknown { hint: suggest(section, name.get_ref()) };
                    self.errors.push(ConfigError::new(quiet(&path), Some(line), problem));
                }
                (None, None, _) => {}
            }
        }
    }

    fn walk_list(&mut self, section: &'static str, line: usize, items: &[Spanned<DeValue<'_>>], lines: &Lines<'_>) {
        if items.len() > TABLES_MAX {
            let held = format!("{} tables", items.len());
            let may = format!("at most {TABLES_MAX}");
            self.errors.push(ConfigError::new(section, Some(line), Problem::Refused { held, may }));
            return;
        }
        for (item, number) in items.iter().zip(1_usize..) {
            let line = lines.at(item.span().start);
            let DeValue::Table(inner) = item.get_ref() else {
                self.wrong_section(section, line, &format!("[[{section}]]"));
                continue;
            };
            self.keep(section, format!("{section}[{number}]"), line, inner, lines);
            for name in inner.keys().filter(|name| keys::find(section, name.get_ref()).is_none()) {
                let path = format!("{section}[{number}].{}", name.get_ref());
                let problem = Problem::Unknown { hint: suggest(section, name.get_ref()) };
                self.errors.push(ConfigError::new(quiet(&path), Some(lines.at(name.span().start)), problem));
            }
        }
    }

    /// Keeps the known keys of a table.
    fn keep(&mut self, section: &'static str, place: String, line: usize, table: &DeTable<'_>, lines: &Lines<'_>) {
        let entries = table
            .iter()
            .filter_map(|(name, value)| {
                let key = keys::find(section, name.get_ref())?;
                let line = lines.at(name.span().start);
                Some((key.name, Entry { value: Value::read(value.get_ref()), line }))
            })
            .collect();
        self.tables.push(Table { section, place, line, entries });
    }

    fn wrong_section(&mut self, section: &str, line: usize, may: &str) {
        let problem = Problem::Refused { held: "a value".to_owned(), may: format!("keys, below a line {may}") };
        self.errors.push(ConfigError::new(section, Some(line), problem));
    }
}

/// The key somebody probably meant, or those there are.
fn suggest(section: &str, name: &str) -> String {
    let meant = |path: &str| format!("did you mean {path}");
    let inside = || KEYS.iter().filter(|key| key.section == section);
    let near = inside()
        .map(|key| (strsim::damerau_levenshtein(key.name, name), *key))
        .filter(|(distance, key)| close(*distance, key.name.len()))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, key)) = near {
        return meant(&key.path());
    }
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return meant(&key.path());
    }
    let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
    let near = SECTIONS
        .iter()
        .chain(LISTS)
        .map(|known| (strsim::damerau_levenshtein(known, &path), *known))
        .filter(|(distance, known)| close(*distance, known.len()))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, known)) = near {
        return if LISTS.contains(&known) { meant(&format!("[[{known}]]")) } else { meant(&format!("[{known}]")) };
    }
    let near = KEYS
        .iter()
        .map(|key| (strsim::damerau_levenshtein(key.name, name), key))
        .filter(|(distance, key)| close(*distance, key.name.len()))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, key)) = near {
        return meant(&key.path());
    }
    let names: Vec<_> = inside().map(|key| key.name).collect();
    if names.is_empty() {
        return format!("the sections are {}, {}", SECTIONS.join(", "), LISTS.join(", "));
    }
    format!("the keys here are {}", names.join(", "))
}

/// Near enough to be a slip of the finger: one letter in three, and never the whole word.
fn close(distance: usize, length: usize) -> bool {
    distance < length && distance <= (length / 3).max(1)
}

/// An unknown key's own name, shortened and without control characters: somebody may have pasted anything.
fn quiet(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).take(HELD_MAX).collect()
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

/// Finds the line of a byte.
struct Lines<'a> {
    text: &'a str,
}

impl Lines<'_> {
    fn at(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count().saturating_add(1)
    }
}
