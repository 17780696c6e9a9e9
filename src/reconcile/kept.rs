//! What a ledger keeps of a comparison: enough to say later that a day was compared, with what, and what came of it.

use super::finding::{Finding, Kind, Weight};
use super::moment;
use super::report::Report;
use super::statement::Wholeness;
use super::totals::Moved;
use crate::words::{Currency, Day, WallTime};

/// What the comparison of one day came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The day, midnight to midnight UTC+8.
    pub day: Day,
    /// The statements told of its payments.
    pub payments: bool,
    /// The statements told of its refunds.
    pub refunds: bool,
    /// Its statements were all there.
    pub complete: bool,
    /// Differences that put money in the wrong place, or may.
    pub wrong: u64,
    /// Differences that somebody should look at.
    pub look: u64,
    /// Differences that are explained.
    pub explained: u64,
    /// Differences that were not looked at one by one, of all days that were compared together.
    pub unlisted: u64,
    /// Movements that agree, of all days that were compared together.
    pub agreed: u64,
    /// The sums of all days that were compared together.
    pub totals: Vec<KeptTotal>,
    /// The statements of all days that were compared together.
    pub statements: Vec<KeptStatement>,
    /// The terminals whose ledgers were compared.
    pub terminals: Vec<String>,
}

/// Both sides of one currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTotal {
    /// The currency.
    pub currency: Currency,
    /// What moved by the statements.
    pub statement: Moved,
    /// What moved by the ledgers.
    pub ledger: Moved,
}

/// A statement that was compared.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptStatement {
    /// Its rows.
    pub rows: u64,
    /// SHA-256 of the file, in hexadecimal digits: `sha256sum` prints the same.
    pub sha256: String,
}

impl Kept {
    /// Both payments and refunds were compared with statements that were all there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.complete && self.payments && self.refunds
    }

    /// How many differences there are, besides those that are explained.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.wrong.saturating_add(self.look).saturating_add(self.unlisted)
    }
}

impl Report {
    /// What is to be kept of each day. `digests` are those of the statements' files, in their order.
    #[must_use]
    pub fn kept(&self, digests: &[String]) -> Vec<Kept> {
        self.days.iter().map(|day| self.kept_of(*day, digests)).collect()
    }

    fn kept_of(&self, day: Day, digests: &[String]) -> Kept {
        let count = |weight| {
            // That nothing agrees is about every day that was compared.
            let is_here = |it: &Finding| it.kind == Kind::NothingAgrees || self.day_of(it) == Some(day);
            let those = self.findings.iter().filter(|it| it.kind.weight() == weight && is_here(it));
            u64::try_from(those.count()).unwrap_or(u64::MAX)
        };
        let of_day: Vec<_> = self.statements.iter().filter(|it| it.day == Some(day)).collect();
        // Without a kind it says that nothing moved, and that is about everything.
        let tells = |what: fn(super::statement::Kind) -> bool| of_day.iter().any(|it| it.kind.is_none_or(what));
        Kept {
            day,
            payments: tells(super::statement::Kind::tells_payments),
            refunds: tells(super::statement::Kind::tells_refunds),
            complete: of_day.iter().all(|it| it.wholeness == Wholeness::Whole),
            wrong: count(Weight::Wrong),
            look: count(Weight::Look),
            explained: count(Weight::Note),
            unlisted: self.unlisted,
            agreed: self.agreed,
            totals: self
                .balances
                .iter()
                .map(|it| KeptTotal { currency: it.currency, statement: it.statement, ledger: it.ledger })
                .collect(),
            statements: self
                .statements
                .iter()
                .zip(digests)
                .map(|(it, sha256)| KeptStatement { rows: it.rows, sha256: sha256.clone() })
                .collect(),
            terminals: self.ledgers.iter().map(|it| it.terminal.clone()).collect(),
        }
    }

    /// The compared day that a finding belongs to: the statement's word first, and what is begun before what is known.
    fn day_of(&self, it: &Finding) -> Option<Day> {
        let of = |at: WallTime| moment::day(moment::day_number(at));
        let line = it.ledger.as_ref().map(|found| &found.line);
        let file = it.place.and_then(|(statement, _)| self.statements.get(statement)).and_then(|it| it.day);
        let days = [
            it.statement.as_ref().map(|row| of(row.at)),
            line.map(|line| of(line.at)),
            line.map(|line| of(line.begun)),
            file,
            self.days.first().copied(),
        ];
        days.into_iter().flatten().find(|day| self.days.contains(day))
    }
}
