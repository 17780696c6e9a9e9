//! Where each value comes from, for `shroff config show --origin`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::ConfigErrors;
use super::keys::{KEYS, LISTS};
use super::raw::{Entry, Table, Value};

/// One key of the configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its path: `policy.pay_timeout`, `scanner[2].baud`.
    pub key: String,
    /// What it holds, in TOML. Of a secret only the name of its file.
    pub value: String,
    /// Where that was said.
    pub origin: Origin,
}

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// Nowhere, and there is no default: it has to be set.
    Missing,
    /// In this line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Missing => f.write_str("missing"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// Gives every key with its value and its origin, in the order of the documentation. Secret files are not opened, so
/// that it works for anybody who may read the configuration.
///
/// # Errors
/// When the file cannot be read, is not TOML, or has keys we do not know.
pub fn rows(path: &Path) -> Result<Vec<Row>, ConfigErrors> {
    let raw = super::read(path)?;
    if !raw.errors.is_empty() {
        return Err(ConfigErrors::new(path, raw.errors));
    }
    let mut rows = Vec::new();
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
    sections.dedup();
    for section in sections {
        let mut tables: Vec<_> = raw.all(section).map(Some).collect();
        // Without a [[lane]] there is one all the same; without a [[scanner]] there is none.
        if tables.is_empty() && (!LISTS.contains(&section) || section == "lane") {
            tables.push(None);
        }
        tables.iter().for_each(|table| add(&mut rows, section, *table, path));
    }
    Ok(rows)
}

fn add(rows: &mut Vec<Row>, section: &str, table: Option<&Table>, path: &Path) {
    let place = table.map_or(section, |table| table.place.as_str());
    for key in KEYS.iter().filter(|key| key.section == section) {
        let typed: Option<&Entry> = table.and_then(|table| table.entries.get(key.name));
        let default = Value::default_of(key);
        let (value, origin) = match (typed, &default) {
            (Some(entry), _) => (entry.value.shown(key), Origin::File { path: path.to_owned(), line: entry.line }),
            (None, Some(default)) => (default.shown(key), Origin::Default),
            (None, None) => (String::new(), Origin::Missing),
        };
        rows.push(Row { key: format!("{place}.{}", key.name), value, origin });
    }
}
