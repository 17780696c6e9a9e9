//! What may be said to the gateway about one attempt.

use crate::words::{AuthCode, Money, OutRefundNo, OutTradeNo, TransactionId};

/// One thing to say to the gateway. It comes out of [`super::Step::commit`] and [`super::RefundStep::commit`] only, so
/// whoever holds one knows that it is on disk.
#[derive(Clone, Debug)]
pub struct Call {
    /// The attempt it is about.
    pub order: Order,
    /// What to say.
    pub ask: Ask,
}

/// The attempt as the gateway knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number.
    pub out_trade_no: OutTradeNo,
    /// What it charges.
    pub amount: Money,
    /// `body` / `description`, what the payer reads on the phone.
    pub description: String,
    /// `attach`, echoed by queries and statements; empty when there is none.
    pub attach: String,
    /// WeChat's number, once it is known: reversals and refunds then name it too.
    pub transaction_id: Option<TransactionId>,
}

/// What to say about an order.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Charge it, with the customer's code. Once per attempt.
    Pay(AuthCode),
    /// Ask what is known of it.
    Query,
    /// Take it back.
    Reverse,
    /// Return money on these terms, which are the same for ever.
    Refund(Terms),
    /// Ask what is known of a refund.
    RefundQuery {
        /// Which.
        terms: Terms,
        /// How many of the order's refunds to skip: those were listed before, and it was not among them.
        offset: u32,
    },
}

/// A refund as the gateway knows it. One number is one refund: it is repeated with these terms or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its number.
    pub out_refund_no: OutRefundNo,
    /// How much goes back.
    pub amount: Money,
    /// What the payer reads; none when it stands in for a reversal.
    pub reason: Option<String>,
    /// Where the gateway tells how it ended, beside being asked.
    pub notify_url: Option<String>,
}

impl Ask {
    /// Which of them it is.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Self::Pay(_) => Op::Pay,
            Self::Query => Op::Query,
            Self::Reverse => Op::Reverse,
            Self::Refund(_) => Op::Refund,
            Self::RefundQuery { .. } => Op::RefundQuery,
        }
    }
}

/// The kinds of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Submit Quick Pay.
    Pay,
    /// Query Order.
    Query,
    /// Revoke.
    Reverse,
    /// Refund.
    Refund,
    /// Query Refund.
    RefundQuery,
}

impl Op {
    /// The word used in the journal, the log and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Query => "query",
            Self::Reverse => "reverse",
            Self::Refund => "refund",
            Self::RefundQuery => "refundquery",
        }
    }
}
