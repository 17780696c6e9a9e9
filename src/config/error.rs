use std::fmt;
use std::path::{Path, PathBuf};

use super::origin::{Origin, rows};
use super::secrets::FileError;

/// One fault of the configuration: the key, the line, what it held and what it may hold. A secret is never in it.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", place(key, *line))]
pub struct ConfigError {
    key: String,
    line: Option<usize>,
    problem: Problem,
}

impl ConfigError {
    pub(super) fn new(key: impl Into<String>, line: Option<usize>, problem: Problem) -> Self {
        Self { key: key.into(), line, problem }
    }

    /// The key at fault, as a path: `policy.pay_timeout`, `scanner[2].baud`. Empty when the fault is the file's.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The line it stands in, from 1. `None` for a key that is missing.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// `line 12: policy.pay_timeout `, as far as it is known.
fn place(key: &str, line: Option<usize>) -> String {
    let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let gap = if key.is_empty() { "" } else { " " };
    format!("{line}{key}{gap}")
}

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is no such key.
    #[error("is not a key; {hint}")]
    Unknown {
        /// The right key, or those there are.
        hint: String,
    },
    /// It has no default and is not set.
    #[error("is not set; it must hold {may}")]
    Missing {
        /// What it may hold.
        may: String,
    },
    /// It holds something it may not.
    #[error("holds {held}; it may hold {may}")]
    Refused {
        /// What it held.
        held: String,
        /// What it may hold.
        may: String,
    },
    /// It does not go with another key.
    #[error("{0}")]
    Clash(String),
    /// The file it names cannot be used.
    #[error("names a file that cannot be used: {0}")]
    File(FileError),
    /// The text is not TOML.
    #[error("is not TOML: {0}")]
    Syntax(String),
    /// The configuration file itself cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Everything that is wrong with a configuration file, so that it takes one round to put right.
#[derive(Debug)]
pub struct ConfigErrors {
    file: PathBuf,
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    pub(super) fn new(file: &Path, mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| error.line.unwrap_or(usize::MAX));
        Self { file: file.to_owned(), errors }
    }

    /// Faults of these keys that show only when what was read is put to use.
    #[must_use]
    pub fn late(file: &Path, keys: &[String], why: &str) -> Self {
        let rows = rows(file).unwrap_or_default();
        let line = |key: &String| match rows.iter().find(|row| row.key == *key)?.origin {
            Origin::File { line, .. } => Some(line),
            Origin::Default | Origin::Missing => None,
        };
        let fault = |key: &String| ConfigError::new(key, line(key), Problem::Clash(why.to_owned()));
        Self::new(file, keys.iter().map(fault).collect())
    }

    /// The file they are in.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Each fault, in the order of lines; keys that are missing come last.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.errors.as_slice() {
            [only] => write!(f, ": {only}"),
            many => {
                write!(f, " has {} faults", many.len())?;
                many.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
        }
    }
}

impl std::error::Error for ConfigErrors {}
