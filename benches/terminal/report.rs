//! Numbers and how they are told.

use std::time::Duration;

/// Samples in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Micros(Vec<u128>);

impl Micros {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time.as_nanos());
    }

    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.0.extend(&other.0);
        self
    }

    pub(crate) fn p50(&self) -> u128 {
        self.at(500)
    }

    pub(crate) fn p99(&self) -> u128 {
        self.at(990)
    }

    fn at(&self, permille: usize) -> u128 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * permille / 1000).min(sorted.len() - 1)]
    }
}

impl FromIterator<Duration> for Micros {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        Self(times.into_iter().map(|time| time.as_nanos()).collect())
    }
}

/// Hundredths of `ours` over `theirs`.
pub(crate) fn ratio(ours: u128, theirs: u128) -> u128 {
    ours * 100 / theirs.max(1)
}

/// Prints one result: `goal` is in hundredths.
pub(crate) fn row(what: &str, ours: &u128, against: &str, theirs: &u128, goal: u128) {
    let hundredths = ratio(*ours, *theirs);
    let verdict = if hundredths <= goal { "met" } else { "MISSED" };
    println!(
        "{what:<44} {:>9.1} us / {against} {:>9.1} us = {}.{:02}x (goal {}.{:02}x: {verdict})",
        *ours as f64 / 1000.0,
        *theirs as f64 / 1000.0,
        hundredths / 100,
        hundredths % 100,
        goal / 100,
        goal % 100,
    );
}
