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

/// What a statement has other than the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misprint {
    /// The order's payment is not listed.
    NoPayment(String),
    /// The order's payment is listed twice.
    PaymentTwice(String),
    /// The order's payment is listed with this amount, in smallest units.
    OtherAmount(String, u64),
    /// The refund with this number is not listed.
    NoRefund(String),
}

impl Book {
    /// Lists something wrongly from now on. The books stay right.
    pub fn misprint(&mut self, misprint: Misprint) {
        self.misprints.push(misprint);
    }

    /// Every movement as statements list it, oldest first. A refund is one from the moment it is accepted, however it
    /// ends.
    #[must_use]
    pub fn movements(&self) -> Vec<Movement<'_>> {
        let entries = self.entries().iter().filter(|entry| !entry.refund);
        let mut all: Vec<Movement<'_>> = entries.filter_map(|entry| self.moved(entry)).collect();
        all.extend(self.refunds().filter_map(|refund| self.accepted(refund)));
        all.sort_by_key(|movement| movement.at);
        all.into_iter().flat_map(|movement| self.printed(movement)).collect()
    }

    /// The movement as often as it is listed, with the amount it is listed with.
    fn printed<'a>(&self, movement: Movement<'a>) -> Vec<Movement<'a>> {
        let order = movement.order.out_trade_no();
        let mut printed = vec![movement];
        for misprint in &self.misprints {
            match (misprint, movement.kind) {
                (Misprint::NoPayment(it), MovementKind::Payment) if it == order => printed.clear(),
                (Misprint::PaymentTwice(it), MovementKind::Payment) if it == order => printed.push(movement),
                (Misprint::OtherAmount(it, minor), MovementKind::Payment) if it == order => {
                    let amount = Money::new(*minor, movement.amount.currency()).unwrap_or(movement.amount);
                    printed = vec![Movement { amount, ..movement }];
                }
                (Misprint::NoRefund(it), MovementKind::Refund(refund)) if *it == refund.out_refund_no => {
                    printed.clear();
                }
                (
                    Misprint::NoPayment(_)
                    | Misprint::PaymentTwice(_)
                    | Misprint::OtherAmount(..)
                    | Misprint::NoRefund(_),
                    MovementKind::Payment | MovementKind::Refund(_) | MovementKind::Reversal,
                ) => {}
            }
        }
        printed
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
