//! The result: totals that add up, and the findings by weight.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::finding::{Finding, Kind, Weight};
use super::statement::{Kind as StatementKind, Wholeness};
use super::totals::{Moved, Totals};
use crate::words::{Currency, Day};

/// Per currency: how many movements agree, and what they add to the net total.
pub(super) type Balances = BTreeMap<Currency, (u64, i128)>;

/// What the comparison of statements and ledgers came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The days that were compared.
    pub days: Vec<Day>,
    /// The statements, in the order they were given.
    pub statements: Vec<StatementRead>,
    /// The ledgers.
    pub ledgers: Vec<LedgerRead>,
    /// The totals of each currency.
    pub balances: Vec<Balance>,
    /// What differs and what is explained: the gravest first, then the largest.
    pub findings: Vec<Finding>,
    /// Movements that agree.
    pub agreed: u64,
    /// Loose movements that were not looked at, because there are too many.
    pub unlisted: u64,
    /// It was looked for references of the POS that were paid at two terminals; there may be too many sales for that.
    pub names_compared: bool,
}

/// A statement that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRead {
    /// Its file's name.
    pub name: String,
    /// What it tells of.
    pub kind: Option<StatementKind>,
    /// The day it is of.
    pub day: Option<Day>,
    /// Its rows.
    pub rows: u64,
    /// Rows of other days than those compared, which were left out.
    pub left_out: u64,
    /// Lines that could not be used.
    pub bad: u64,
    /// Whether it is all there.
    pub wholeness: Wholeness,
}

/// A ledger that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerRead {
    /// Its file's name.
    pub name: String,
    /// The terminal that keeps it.
    pub terminal: String,
    /// What came of the comparison is kept in it.
    pub kept: bool,
}

/// The totals of one currency. `statement.net()` is what agrees, the findings' part, and what was not looked at; so is
/// `ledger.net()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The currency.
    pub currency: Currency,
    /// What moved by the statements.
    pub statement: Moved,
    /// What moved by the ledgers.
    pub ledger: Moved,
    /// Movements that agree.
    pub agreed: u64,
    /// What they add to the net total of both sides.
    pub agreed_net: i128,
    /// What the findings of each kind add to either side's net total.
    pub found: BTreeMap<Kind, Share>,
    /// What was not looked at adds this to the statement's net total, and to the ledger's.
    pub unlisted_net: [i128; 2],
}

/// What findings of one kind come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// How many there are.
    pub count: u64,
    /// How much is at stake.
    pub at_stake: i128,
    /// What they add to the statement's net total.
    pub statement_net: i128,
    /// What they add to the ledger's.
    pub ledger_net: i128,
}

impl Report {
    pub(super) fn new(evidence: Evidence, mut findings: Vec<Finding>, agreed: &Balances) -> Self {
        findings.sort_by(|a, b| {
            let key = |it: &Finding| (it.kind.weight(), it.kind, u64::MAX.saturating_sub(it.at_stake));
            let place = |it: &Finding| (it.place, it.out_trade_no().to_owned(), it.out_refund_no().map(str::to_owned));
            key(a).cmp(&key(b)).then_with(|| place(a).cmp(&place(b)))
        });
        let Evidence { days, loose, row_totals, unlisted, .. } = evidence;
        let matched = loose.statement.without(&row_totals);
        let mut report = Self {
            days: days.all().into_iter().collect(),
            unlisted,
            agreed: agreed.values().fold(loose.matched, |all, (count, _)| all.saturating_add(*count)),
            ..Self::default()
        };
        let ours = findings.iter().filter_map(|it| it.ledger.as_ref()).map(|found| found.line.amount.currency());
        let theirs = findings.iter().filter_map(|it| it.currency);
        let mut currencies: Vec<Currency> = loose.statement.currencies().chain(loose.ledger.currencies()).collect();
        currencies.extend(ours.chain(theirs));
        currencies.sort_unstable();
        currencies.dedup();
        for currency in currencies {
            let more = agreed.get(&currency).copied().unwrap_or_default();
            report.balances.push(Balance::new(currency, &loose.statement, &loose.ledger, &matched, more, &findings));
        }
        debug_assert!(report.unlisted > 0 || report.adds_up(), "{:#?}", report.balances);
        report.findings = findings;
        report
    }

    /// Nothing differs, nothing is left to look at, every statement is all there, and the totals add up.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        let notes = self.findings.iter().all(|it| it.kind.weight() == Weight::Note);
        notes && self.unlisted == 0 && !self.is_partial() && self.adds_up()
    }

    /// A statement is not all there: what it does not have may be in the part that is missing.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.statements.iter().any(|it| it.wholeness != Wholeness::Whole)
    }

    /// Whether both totals of every currency are what agrees and what was found.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.balances.iter().all(|it| it.unlisted_net == [0, 0])
    }

    /// How many findings there are of each weight.
    #[must_use]
    pub fn count(&self, weight: Weight) -> usize {
        self.findings.iter().filter(|it| it.kind.weight() == weight).count()
    }
}

impl Balance {
    fn new(
        currency: Currency,
        statement: &Totals,
        ledger: &Totals,
        matched: &Totals,
        more: (u64, i128),
        findings: &[Finding],
    ) -> Self {
        let mut found: BTreeMap<Kind, Share> = BTreeMap::new();
        for it in findings {
            let ours = it.ledger.as_ref().map(|found| found.line.amount.currency());
            if it.currency == Some(currency) {
                let share = found.entry(it.kind).or_default();
                share.count = share.count.saturating_add(1);
                share.at_stake = share.at_stake.saturating_add(i128::from(it.at_stake));
                share.statement_net = share.statement_net.saturating_add(it.statement_net);
            }
            if ours == Some(currency) && it.ledger_net != 0 {
                let share = found.entry(it.kind).or_default();
                share.ledger_net = share.ledger_net.saturating_add(it.ledger_net);
            }
        }
        let (statement, ledger, matched) = (statement.of(currency), ledger.of(currency), matched.of(currency));
        let agreed_net = matched.net().saturating_add(more.1);
        let rest = |all: i128, part: fn(&Share) -> i128| {
            let shares = found.values().map(part).fold(agreed_net, i128::saturating_add);
            all.saturating_sub(shares)
        };
        let unlisted_net = [rest(statement.net(), |it| it.statement_net), rest(ledger.net(), |it| it.ledger_net)];
        Self {
            currency,
            statement,
            ledger,
            agreed: matched.count().saturating_add(more.0),
            agreed_net,
            found,
            unlisted_net,
        }
    }
}
