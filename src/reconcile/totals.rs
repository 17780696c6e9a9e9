//! Sums per currency, in smallest units and without rounding.

use super::book::{LedgerLine, Standing, What};
use super::statement::{Movement, Row};
use crate::words::Currency;

/// How many, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How much, in smallest units.
    pub sum: i128,
}

/// What moved in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Payments.
    pub payments: Tally,
    /// Refunds.
    pub refunds: Tally,
    /// Payments that went back by a reversal. The ledger counts neither such a payment nor its reversal.
    pub revoked: Tally,
    /// Fees, in 10⁻⁸ of the major unit: information only.
    #[serde(skip)]
    pub fees: i128,
}

/// What moved, per currency. There are few: a list is quicker than a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(Vec<(Currency, Moved)>);

impl Tally {
    pub(super) fn add(&mut self, amount: u64) {
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(i128::from(amount));
    }

    fn join(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }

    fn without(self, other: Self) -> Self {
        Self { count: self.count.saturating_sub(other.count), sum: self.sum.saturating_sub(other.sum) }
    }
}

impl Moved {
    /// What is left of it: payments less what went back.
    #[must_use]
    pub fn net(&self) -> i128 {
        self.payments.sum.saturating_sub(self.refunds.sum).saturating_sub(self.revoked.sum)
    }

    /// How many movements.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.payments.count.saturating_add(self.refunds.count).saturating_add(self.revoked.count)
    }
}

impl Totals {
    /// Counts a row in.
    pub(super) fn row(&mut self, row: &Row<'_>) {
        self.movement(row.currency, row.movement, row.amount);
        let fee = i128::from(row.fee);
        self.change(row.fee_currency, |moved| moved.fees = moved.fees.saturating_add(fee));
    }

    /// Counts a movement in.
    pub(super) fn movement(&mut self, currency: Currency, movement: Movement, amount: u64) {
        self.change(currency, |moved| match movement {
            Movement::Payment => moved.payments.add(amount),
            Movement::Refund => moved.refunds.add(amount),
            Movement::Revoked => moved.revoked.add(amount),
        });
    }

    /// Counts a line in, if it happened.
    pub(super) fn line<S>(&mut self, line: &LedgerLine<S>) {
        if line.standing != Standing::Done {
            return;
        }
        let movement = match line.what {
            What::Payment { .. } => Movement::Payment,
            What::Refund { .. } => Movement::Refund,
        };
        self.movement(line.amount.currency(), movement, line.amount.minor());
    }

    /// Adds `other`.
    pub(super) fn join(&mut self, other: &Self) {
        for (currency, more) in &other.0 {
            self.change(*currency, |moved| {
                moved.payments.join(more.payments);
                moved.refunds.join(more.refunds);
                moved.revoked.join(more.revoked);
                moved.fees = moved.fees.saturating_add(more.fees);
            });
        }
    }

    /// What is left without `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for (currency, less) in &other.0 {
            rest.change(*currency, |moved| {
                moved.payments = moved.payments.without(less.payments);
                moved.refunds = moved.refunds.without(less.refunds);
                moved.revoked = moved.revoked.without(less.revoked);
            });
        }
        rest
    }

    /// Of one currency.
    #[must_use]
    pub fn of(&self, currency: Currency) -> Moved {
        self.0.iter().find(|(it, _)| *it == currency).map(|(_, moved)| *moved).unwrap_or_default()
    }

    /// The currencies in which anything moved, in no order.
    pub(super) fn currencies(&self) -> impl Iterator<Item = Currency> + '_ {
        self.0.iter().filter(|(_, moved)| moved.count() > 0 || moved.fees != 0).map(|(currency, _)| *currency)
    }

    fn change(&mut self, currency: Currency, change: impl FnOnce(&mut Moved)) {
        if let Some((_, moved)) = self.0.iter_mut().find(|(it, _)| *it == currency) {
            change(moved);
            return;
        }
        let mut moved = Moved::default();
        change(&mut moved);
        self.0.push((currency, moved));
    }
}
