//! What was paid out to the merchant, and what was not yet.
//!
//! Source: protocol 5.8 (v2: the form of its records is not documented) and 7.8 (v3).

use super::{Distrust, HttpReply, HttpRequest, Proof, ReportFault, Stamp};
use crate::words::{Currency, Day};

/// How a dialect asks for settlements: a list in pages, not an answer about an order.
pub trait Settlements: Send + Sync {
    /// Writes and signs the request for the records from `offset` on; as many come as fit on a page.
    fn write(&self, which: Settling, offset: u64, stamp: &Stamp) -> HttpRequest;

    /// Reads a page of what was asked for.
    ///
    /// # Errors
    /// When it must not be believed. An error that nobody signed is told and settles nothing.
    fn read(&self, which: Settling, reply: &HttpReply, proof: &Proof<'_>) -> Result<Settled, Distrust>;
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// Those that were paid out on these days, both included.
    Paid {
        /// The first.
        from: Day,
        /// The last.
        to: Day,
    },
    /// Those that are not paid out yet, whatever their days.
    Open,
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Some of the records.
    Page(SettledPage),
    /// The gateway refuses.
    Refused {
        /// What is at fault.
        fault: ReportFault,
        /// Its words, for people.
        text: String,
    },
}

/// Some of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettledPage {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page.
    pub batches: Vec<Batch>,
}

/// A record: the trade of some days in one currency, paid out together. Sums are in the currency's smallest unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// WeChat's number of the payout; may be empty while there is none.
    pub id: String,
    /// The day it was paid out.
    pub settled_on: Option<Day>,
    /// The first day of its trade.
    pub traded_from: Day,
    /// The last day of its trade.
    pub traded_to: Day,
    /// The currency of the payout.
    pub currency: Currency,
    /// What payers paid.
    pub paid: u64,
    /// What went back to them. WeChat is seen to write it with and without a minus sign.
    pub refunded: u64,
    /// What payers paid less what went back, as WeChat says.
    pub net: i64,
    /// What WeChat keeps.
    pub fee: i64,
    /// What was paid out.
    pub settled: i64,
    /// What is still to be paid out.
    pub unsettled: i64,
    /// Whose wallets: `CHINA_MAINLAND`, `CHINA_HONGKONG`; may be empty.
    pub wallet: String,
}

impl Settling {
    /// Whether a record that was paid out on `settled_on` was asked for.
    #[must_use]
    pub fn includes(self, settled_on: Option<Day>) -> bool {
        match self {
            Self::Paid { from, to } => settled_on.is_some_and(|day| (from..=to).contains(&day)),
            Self::Open => true,
        }
    }
}

impl Batch {
    /// Whether what was paid less what went back is the net, so that the record says what it seems to say.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        i128::from(self.paid).saturating_sub(i128::from(self.refunded)) == i128::from(self.net)
    }

    /// Whether what was paid out, or waits to be, is the net less what WeChat keeps. The fee may be written with a minus
    /// sign, as refunds are.
    #[must_use]
    pub fn pays_all(&self) -> bool {
        let paid = i128::from(self.settled).saturating_add(i128::from(self.unsettled));
        let [net, fee] = [self.net, self.fee].map(i128::from);
        paid == net.saturating_sub(fee) || (fee < 0 && paid == net.saturating_add(fee))
    }
}
