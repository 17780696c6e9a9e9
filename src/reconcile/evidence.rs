//! What found no equal, read again and kept exactly: the input of the explanation.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::book::{Days, LedgerLine};
use super::finding::Found;
use super::prints::Loose;
use super::statement::{Fault, StatementRow};
use super::totals::Totals;

/// Movements of each side that are looked at one by one. More differences than this are not a day's accounts but the
/// wrong file, and would only fill memory: the rest is counted and summed up.
pub const LISTED_MAX: usize = 100_000;

/// Loose movements, exactly as they stand in files and ledgers.
#[derive(Debug, Default)]
pub struct Evidence {
    pub(super) days: Days,
    pub(super) loose: Loose,
    /// Lines of statements (from 0) that could not be used.
    pub bad: Vec<(usize, u64, Fault)>,
    /// Terminals whose ledgers were read, as they call themselves.
    pub terminals: Vec<String>,
    /// Names of the ledgers, for people.
    pub ledgers: Vec<String>,
    pub(super) rows: Vec<StatementRow>,
    pub(super) lines: Vec<Found>,
    pub(super) row_totals: Totals,
    pub(super) line_totals: Totals,
    /// Movements that are not looked at, and the digests of their orders.
    pub(super) unlisted: u64,
    unlisted_rows: HashSet<u64>,
    unlisted_lines: HashSet<u64>,
}

impl Evidence {
    /// What the comparison in bulk of `days` found loose is taken in next, all of it.
    #[must_use]
    pub fn new(days: Days, loose: Loose) -> Self {
        Self { days, loose, ..Self::default() }
    }

    /// Takes in a loose row.
    pub fn row(&mut self, row: StatementRow) {
        self.row_totals.movement(row.currency, row.movement, row.amount);
        if self.rows.len() < LISTED_MAX {
            self.rows.push(row);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
            self.unlisted_rows.insert(digest(row.out_trade_no.as_bytes()));
        }
    }

    /// Takes in a loose line of a ledger.
    pub fn line(&mut self, ledger: usize, line: LedgerLine) {
        self.line_totals.line(&line);
        if self.lines.len() < LISTED_MAX {
            self.lines.push(Found { ledger, line });
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
            self.unlisted_lines.insert(digest(line.out_trade_no.as_bytes()));
        }
    }

    /// Whether what cancelled out in bulk has the same sums on both sides. If not, two fingerprints were equal by
    /// chance, and the comparison is to be made again with another seed.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.loose.agree(&self.row_totals, &self.line_totals)
    }

    /// Whether a movement of this order is among those that are not looked at: then nothing can be said about it.
    pub(super) fn is_unlisted(&self, out_trade_no: &str) -> bool {
        let digest = digest(out_trade_no.as_bytes());
        self.unlisted_rows.contains(&digest) || self.unlisted_lines.contains(&digest)
    }
}

fn digest(out_trade_no: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    out_trade_no.hash(&mut hasher);
    hasher.finish()
}
