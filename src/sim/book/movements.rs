//! What moved, as a statement tells it: rows are movements, and none is ever taken back out.

use crate::words::{Money, Tick};

use super::accounts::Account;
use super::order::Order;
use super::refund::Refund;
use super::{Book, Entry};

/// One movement of money between a payer and the merchant.
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
    /// Every movement of money, oldest first.
    #[must_use]
    pub fn movements(&self) -> Vec<Movement<'_>> {
        // An entry does not say why money went back: it is the refund's of the same moment and amount, or a reversal's.
        let mut refunds: Vec<&Refund> = self.refunds().collect();
        self.entries().iter().filter_map(|entry| self.movement(entry, &mut refunds)).collect()
    }

    fn movement<'a>(&'a self, entry: &Entry, refunds: &mut Vec<&'a Refund>) -> Option<Movement<'a>> {
        let order = self.orders().get(entry.order)?;
        let its_own = |refund: &&Refund| {
            refund.out_trade_no == order.out_trade_no() && (refund.at, refund.amount) == (entry.at, entry.amount)
        };
        let kind = match entry.to {
            Account::Merchant => MovementKind::Payment,
            Account::Payers => match refunds.iter().position(its_own) {
                Some(at) => MovementKind::Refund(refunds.swap_remove(at)),
                None => MovementKind::Reversal,
            },
        };
        Some(Movement { at: entry.at, order, amount: entry.amount, kind })
    }
}
