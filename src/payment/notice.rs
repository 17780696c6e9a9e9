//! What the gateway tells by itself about a refund: a reason to ask, and nothing more.

use super::refund::RefundFacts;
use super::state::words;
use crate::words::{Currency, NoticeId, OutRefundNo, OutTradeNo, TransactionId};

/// A notification about a refund of our merchant's, verified as far as its dialect can. Whether it is about one of
/// this terminal's is [`RefundNotice::is_about`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundNotice {
    /// Its own name: the same one is sent again until it is acknowledged.
    pub id: NoticeId,
    /// The refund's number.
    pub out_refund_no: OutRefundNo,
    /// The order's number.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the charge, if it was told.
    pub transaction_id: Option<TransactionId>,
    /// How much goes back, smallest unit.
    pub refund: u64,
    /// How much was paid, smallest unit.
    pub total: u64,
    /// The currency of both, if it was told.
    pub currency: Option<Currency>,
    /// What became of the refund, it says.
    pub status: NoticeStatus,
}

words! {
    /// What a notification says became of a refund.
    NoticeStatus {
        /// SUCCESS.
        Refunded => "refunded",
        /// PROCESSING.
        Processing => "processing",
        /// REFUNDCLOSE, CLOSED.
        Closed => "closed",
        /// CHANGE, ABNORMAL.
        Changed => "changed",
        /// What nobody has told us about.
        Unknown => "unknown",
    }
}

words! {
    /// Why a notification is not about the refund whose number it names.
    NotAbout {
        /// Another order, or another charge of it.
        OtherOrder => "other_order",
        /// Another amount, or another total.
        OtherAmount => "other_amount",
        /// Another currency.
        OtherCurrency => "other_currency",
    }
}

impl RefundNotice {
    /// Whether it is about the refund that was asked for with `facts`, in everything it says.
    ///
    /// # Errors
    /// What is different.
    pub fn is_about(&self, facts: &RefundFacts) -> Result<(), NotAbout> {
        let other_charge = self.transaction_id.as_ref().is_some_and(|number| *number != facts.transaction_id);
        if self.out_refund_no != facts.out_refund_no || self.out_trade_no != facts.out_trade_no || other_charge {
            return Err(NotAbout::OtherOrder);
        }
        if self.refund != facts.amount.minor() || self.total != facts.total.minor() {
            return Err(NotAbout::OtherAmount);
        }
        if self.currency.is_some_and(|currency| currency != facts.amount.currency()) {
            return Err(NotAbout::OtherCurrency);
        }
        Ok(())
    }
}
