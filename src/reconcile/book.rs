//! The ledger's side, as the comparison needs it: one line for each payment code that was charged or may have been, and
//! one for each refund.

use std::collections::BTreeSet;

use super::moment;
use crate::words::{Day, Money, WallTime};

/// What the ledger says about one movement. `S` is borrowed text while millions of them pass, and owned for the few
/// that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine<S = String> {
    /// The order's number at WeChat.
    pub out_trade_no: S,
    /// A payment or a refund.
    pub what: What<S>,
    /// How much was asked for.
    pub amount: Money,
    /// What became of it.
    pub standing: Standing,
    /// The same in the ledger's own word: `paid`, `reversing`, `refunded`, …
    pub state: S,
    /// When it came to stand so. For a payment that was taken: when, by WeChat's word where it gave one. For a refund:
    /// when WeChat accepted it, as the statement lists it.
    pub at: WallTime,
    /// When it began.
    pub begun: WallTime,
    /// WeChat's number of the charge; empty where it is not known.
    pub transaction_id: S,
    /// Our name of the payment.
    pub reference: S,
    /// The POS's name of it.
    pub client_ref: S,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<S> {
    /// One payment code.
    Payment {
        /// Which one of its payment, from 1.
        attempt: u32,
        /// The number of the refund that may stand in for its reversal.
        reversal_no: S,
    },
    /// A refund.
    Refund {
        /// Its number.
        out_refund_no: S,
    },
}

/// What became of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It happened: the payment was taken, the refund was accepted by WeChat.
    Done,
    /// The payment was reversed: taken and given back, or never taken. Nothing is owed either way.
    TakenBack,
    /// It did not happen.
    NotDone,
    /// Nobody knows yet.
    Open,
}

/// A ledger, as the comparison asks it. Answers of one `Book` are of one moment: it is not seen to change in between.
pub trait Book {
    /// What can go wrong.
    type Error;

    /// Calls `each` with every line that is [`Standing::Done`] on one of `days` or [`Standing::Open`] and begun on one
    /// of them; always in the same order. Only what is compared in bulk has to be there: kind, standing, amount, `at`
    /// and the numbers.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn moved(&self, days: &Days, each: &mut dyn FnMut(&LedgerLine<&str>)) -> Result<(), Self::Error>;

    /// Calls `each` with the lines that [`Book::moved`] calls with at these places, counted from 0 and in order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn at(&self, days: &Days, places: &[u32], each: &mut dyn FnMut(LedgerLine)) -> Result<(), Self::Error>;

    /// All lines of the orders `wanted`, whatever became of them and whenever: payments and refunds.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn orders(&self, wanted: &BTreeSet<&str>) -> Result<Vec<LedgerLine>, Self::Error>;

    /// The payment lines of the payment we call `reference`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn payment(&self, reference: &str) -> Result<Vec<LedgerLine>, Self::Error>;

    /// Calls `each` with the POS's name, the order and the amount of every payment that was taken on `days` and is not
    /// all given back by a refund; always in the same order. A book without such names has none to tell.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn names(&self, days: &Days, each: &mut dyn FnMut(&str, &str, Money)) -> Result<(), Self::Error>;

    /// Our names of payments that were taken with more than one code, one of them on `days`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn paid_twice(&self, days: &Days) -> Result<Vec<String>, Self::Error>;
}

/// The business days that are compared. A statement of payments only tells nothing about refunds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    payments: BTreeSet<Day>,
    refunds: BTreeSet<Day>,
}

impl Days {
    /// Adds a day on which a statement tells of payments, of refunds, or of both.
    pub fn add(&mut self, day: Day, payments: bool, refunds: bool) {
        if payments {
            self.payments.insert(day);
        }
        if refunds {
            self.refunds.insert(day);
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeSet<Day> {
        &self.payments | &self.refunds
    }

    /// The days of payments.
    #[must_use]
    pub fn of_payments(&self) -> &BTreeSet<Day> {
        &self.payments
    }

    /// The days of refunds.
    #[must_use]
    pub fn of_refunds(&self) -> &BTreeSet<Day> {
        &self.refunds
    }

    /// Whether the statements tell of what happened then.
    #[must_use]
    pub fn cover<S>(&self, what: &What<S>, at: WallTime) -> bool {
        let days = match what {
            What::Payment { .. } => &self.payments,
            What::Refund { .. } => &self.refunds,
        };
        days.contains(&moment::day(moment::day_number(at)))
    }
}

impl<S> LedgerLine<S> {
    /// Whether it is among the payments and refunds of `days` that the statements tell of.
    #[must_use]
    pub fn counts(&self, days: &Days) -> bool {
        self.standing == Standing::Done && days.cover(&self.what, self.at)
    }

    /// Whether it is about a payment.
    #[must_use]
    pub fn is_payment(&self) -> bool {
        match self.what {
            What::Payment { .. } => true,
            What::Refund { .. } => false,
        }
    }
}
