//! The double entry: every movement has a giver and a taker, and the sums are recomputed from nothing by the audit.

use std::collections::BTreeMap;

use crate::words::{Currency, Money, Tick};

use super::Book;
use super::order::{Order, State};

/// Who holds money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// All customers.
    Payers,
    /// The merchant.
    Merchant,
}

/// One movement of money. Never changed, never removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Tick,
    /// Which of [`Book::orders`].
    pub order: usize,
    /// Who gave.
    pub from: Account,
    /// Who took.
    pub to: Account,
    /// How much.
    pub amount: Money,
    /// It is the end of a refund, and not a reversal or a charge.
    pub refund: bool,
}

impl Book {
    /// Every movement of money, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the merchant holds in this currency by the entries.
    #[must_use]
    pub fn merchant_balance(&self, currency: Currency) -> i128 {
        self.balances().get(&(Account::Merchant, currency)).copied().unwrap_or(0)
    }

    /// Recomputes everything from the entries and compares.
    ///
    /// # Errors
    /// The first thing that does not add up, in words.
    pub fn audit(&self) -> Result<(), String> {
        let mut sums: BTreeMap<usize, (u64, u64, u32)> = BTreeMap::new();
        for entry in &self.entries {
            let sum = sums.entry(entry.order).or_default();
            match entry.to {
                Account::Merchant => {
                    sum.0 = sum.0.saturating_add(entry.amount.minor());
                    sum.2 = sum.2.saturating_add(1);
                }
                Account::Payers => sum.1 = sum.1.saturating_add(entry.amount.minor()),
            }
        }
        for (index, order) in self.orders.iter().enumerate() {
            let (charged, returned, charges) = sums.get(&index).copied().unwrap_or_default();
            let no = order.out_trade_no();
            if (charged, returned) != (order.charged, order.returned) {
                return Err(format!("{no}: the entries and the order disagree"));
            }
            if charges > 1 {
                return Err(format!("{no}: charged {charges} times"));
            }
            agrees_with_its_state(order)?;
        }
        let balances = self.balances();
        for ((account, currency), balance) in &balances {
            let other = match account {
                Account::Payers => Account::Merchant,
                Account::Merchant => Account::Payers,
            };
            let mirrored = balances.get(&(other, *currency)).copied().unwrap_or(0);
            if balance.saturating_add(mirrored) != 0 {
                return Err(format!("{currency}: money appeared or vanished"));
            }
        }
        Ok(())
    }

    /// Takes the order's amount from the payer. At most once in its life.
    pub(super) fn charge(&mut self, index: usize) {
        let now = self.now;
        let Some(order) = self.orders.get_mut(index) else { return };
        let Some(amount) = order.amount().filter(|_| order.charged == 0) else { return };
        order.charged = amount.minor();
        order.enter(State::Success, now);
        let (from, to) = (Account::Payers, Account::Merchant);
        self.entries.push(Entry { at: now, order: index, from, to, amount, refund: false });
    }

    /// Gives `minor` back to the payer; no more than is there.
    pub(super) fn give_back(&mut self, index: usize, minor: u64, then: State) {
        let now = self.now;
        if self.move_back(index, minor, false)
            && let Some(order) = self.orders.get_mut(index)
        {
            order.enter(then, now);
        }
    }

    /// The movement itself. False when there was nothing to move.
    pub(super) fn move_back(&mut self, index: usize, minor: u64, refund: bool) -> bool {
        let now = self.now;
        let Some(order) = self.orders.get_mut(index) else { return false };
        let minor = minor.min(order.net());
        let amount = order.amount().and_then(|total| Money::new(minor, total.currency()).ok());
        let Some(amount) = amount.filter(|amount| amount.minor() > 0) else { return false };
        order.returned = order.returned.saturating_add(minor);
        let (from, to) = (Account::Merchant, Account::Payers);
        self.entries.push(Entry { at: now, order: index, from, to, amount, refund });
        true
    }

    fn balances(&self) -> BTreeMap<(Account, Currency), i128> {
        let mut balances: BTreeMap<(Account, Currency), i128> = BTreeMap::new();
        for entry in &self.entries {
            let amount = i128::from(entry.amount.minor());
            let currency = entry.amount.currency();
            let giver = balances.entry((entry.from, currency)).or_default();
            *giver = giver.saturating_sub(amount);
            let taker = balances.entry((entry.to, currency)).or_default();
            *taker = taker.saturating_add(amount);
        }
        balances
    }
}

fn agrees_with_its_state(order: &Order) -> Result<(), String> {
    let total = order.amount().map_or(0, Money::minor);
    let fits = match order.state() {
        None => order.charged == 0 && order.returned == 0,
        Some(State::NotPay | State::UserPaying | State::Accept | State::PayError) => order.charged == 0,
        Some(State::Success) => order.charged == total && order.returned == 0,
        Some(State::Revoked | State::Closed) => order.net() == 0,
        // A refund that was closed leaves an order that was refunded, and its money with the merchant.
        Some(State::Refund) => {
            let shown = order.returned > 0 || order.refunds > 0;
            order.charged == total && shown && order.returned.saturating_add(order.held) <= order.charged
        }
    };
    if fits { Ok(()) } else { Err(format!("{}: the money does not fit its state", order.out_trade_no())) }
}
