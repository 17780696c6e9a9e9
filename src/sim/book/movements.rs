//! What moved, as a statement tells it: rows are movements, and none is ever taken back out.

use crate::words::{Money, Tick};

use super::accounts::Account;
use super::order::Order;
use super::refund::Refund;
use super::{Book, Entry};

/// One movement as a statement lists it.
#[derive(Clone, Copy, Debug)]
pub struct Movement<'a> {
    /// When.
    pub at: Tick,
    /// The order it is about.
    pub order: &'a Order,
    /// How much.
    pub amount: Money,
    /// Which way, and why.
    pub kind: MovementKind<'a>,
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovementKind<'a> {
    /// The payer paid.
    Payment,
    /// A refund was accepted.
    Refund(&'a Refund),
    /// A reversal returned what had been paid.
    Reversal,
}

impl Book {
    /// Every movement, oldest first. A refund is one from the moment it is accepted, however it ends.
    #[must_use]
    pub fn movements(&self) -> Vec<Movement<'_>> {
        let entries = self.entries().iter().filter(|entry| !entry.refund);
        let mut all: Vec<Movement<'_>> = entries.filter_map(|entry| self.moved(entry)).collect();
        all.extend(self.refunds().filter_map(|refund| self.accepted(refund)));
        all.sort_by_key(|movement| movement.at);
        all
    }

    fn moved(&self, entry: &Entry) -> Option<Movement<'_>> {
        let kind = match entry.to {
            Account::Merchant => MovementKind::Payment,
            Account::Payers => MovementKind::Reversal,
        };
        Some(Movement { at: entry.at, order: self.orders().get(entry.order)?, amount: entry.amount, kind })
    }

    fn accepted<'a>(&'a self, refund: &'a Refund) -> Option<Movement<'a>> {
        let order = self.order(&refund.out_trade_no)?;
        Some(Movement { at: refund.at, order, amount: refund.amount, kind: MovementKind::Refund(refund) })
    }
}
