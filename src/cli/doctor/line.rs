//! A line of the doctor's: what was looked at, how it is, and the cure.

use std::time::Duration;

use serde::Serialize;

use crate::cli::Exit;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Level {
    Ok,
    Warning,
    Failure,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "FAILURE",
        }
    }
}

/// What was looked at, how it is, and the cure.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Line {
    /// A stable word.
    pub(in crate::cli) check: &'static str,
    pub(in crate::cli) level: Level,
    pub(in crate::cli) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) fix: Option<String>,
    /// What a failure of it makes of the exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
}

impl Line {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, text: text.into(), fix: None, exit: Exit::Fine }
    }

    pub(super) fn warning(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, text: text.into(), fix: Some(fix.into()), exit: Exit::Fine }
    }

    pub(super) fn failure(check: &'static str, exit: Exit, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, level: Level::Failure, text: text.into(), fix: Some(fix.into()), exit }
    }
}

/// A time for people: `12 ms`, `1.3 s`.
pub(super) fn took(time: Duration) -> String {
    match time.as_micros() {
        micros @ ..10_000 => format!("{}.{} ms", micros / 1000, micros / 100 % 10),
        micros @ 10_000..1_000_000 => format!("{} ms", micros / 1000),
        micros => format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10),
    }
}

/// Bytes for people: `12 MB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        let times = [90, 1_250, 48_000, 1_390_000].map(|micros| took(Duration::from_micros(micros)));
        assert_eq!(times, ["0.0 ms", "1.2 ms", "48 ms", "1.3 s"]);
        assert_eq!([12, 4_096, 7_300_000, 9_400_000_000].map(size), ["12 bytes", "4 kB", "7 MB", "9.4 GB"]);
    }
}
