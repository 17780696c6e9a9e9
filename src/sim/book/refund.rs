//! Refund, and Query Refund.

use crate::words::{Money, Tick};

use super::order::{Order, State};
use super::plan::{Code, RefundPlan};
use super::violations::Kind;
use super::{Book, Op};

/// No order is refunded in more parts than this.
const PARTS_MAX: u32 = 50; // "Refund": at most 50 parts

/// A refund as it arrives.
#[derive(Clone, Copy, Debug)]
pub struct RefundRequest<'a> {
    /// `out_trade_no`.
    pub out_trade_no: &'a str,
    /// `out_refund_no`: one number is one refund, for ever.
    pub out_refund_no: &'a str,
    /// `total_fee`, the order's whole amount.
    pub total: u64,
    /// `refund_fee`.
    pub refund: u64,
}

/// What a refund is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundOutcome {
    /// `result_code=SUCCESS`: accepted.
    Accepted {
        /// WeChat's number of the refund.
        refund_id: String,
    },
    /// `result_code=FAIL`.
    Refused {
        /// Why, supposedly.
        err_code: Code,
    },
}

/// A refund that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// `out_refund_no`.
    pub out_refund_no: String,
    /// `refund_id`.
    pub refund_id: String,
    /// The order's number.
    pub out_trade_no: String,
    /// `refund_fee`.
    pub amount: Money,
    /// When it was accepted.
    pub at: Tick,
}

impl Book {
    /// Takes a refund in. The same number with the same parameters is the same refund and moves nothing more.
    pub fn refund(&mut self, request: &RefundRequest<'_>, now: Tick, plan: &RefundPlan) -> RefundOutcome {
        self.advance(now);
        let index = self.hear(request.out_trade_no, Op::Refund);
        match plan {
            RefundPlan::Honest => self.return_part(index, request),
            RefundPlan::Refuses(err_code) => RefundOutcome::Refused { err_code: err_code.clone() },
            RefundPlan::Hides(err_code) => {
                self.return_part(index, request);
                RefundOutcome::Refused { err_code: err_code.clone() }
            }
        }
    }

    /// Counts a refund query and gives the refunds of this order.
    pub fn refund_query(&mut self, out_trade_no: &str, now: Tick) -> Vec<Refund> {
        self.advance(now);
        self.hear(out_trade_no, Op::RefundQuery);
        self.refunds.values().filter(|refund| refund.out_trade_no == out_trade_no).cloned().collect()
    }

    /// The refund with this number.
    #[must_use]
    pub fn refund_by(&self, out_refund_no: &str) -> Option<&Refund> {
        self.refunds.get(out_refund_no)
    }

    /// Every refund that was accepted, by its number.
    pub fn refunds(&self) -> impl Iterator<Item = &Refund> + '_ {
        self.refunds.values()
    }

    /// Whether the refund has arrived: `SUCCESS`, or still `PROCESSING`.
    #[must_use]
    pub fn refund_status(&self, refund: &Refund) -> &'static str {
        if self.now.since(refund.at) < self.rules.refund_takes { "PROCESSING" } else { "SUCCESS" }
    }

    fn return_part(&mut self, index: usize, request: &RefundRequest<'_>) -> RefundOutcome {
        if let Some(before) = self.refunds.get(request.out_refund_no) {
            if before.out_trade_no == request.out_trade_no && before.amount.minor() == request.refund {
                return RefundOutcome::Accepted { refund_id: before.refund_id.clone() };
            }
            self.violations.note(Kind::RefundNumberReused, request.out_trade_no, self.now);
            return refused("REFUND_FEE_MISMATCH");
        }
        if let Some(err_code) = self.orders.get(index).and_then(|order| self.refund_refusal(order, request)) {
            return refused(err_code);
        }
        let now = self.now;
        let Some(order) = self.orders.get_mut(index) else { return refused("ORDERNOTEXIST") };
        let amount = order.amount().and_then(|total| Money::new(request.refund, total.currency()).ok());
        let Some(amount) = amount else { return refused("ORDERNOTEXIST") };
        order.last_refund = Some(now);
        order.refunds = order.refunds.saturating_add(1);
        self.give_back(index, amount.minor(), State::Refund);
        let refund_id = format!("5030009999{:018}", self.refunds.len().saturating_add(1));
        let refund = Refund {
            out_refund_no: request.out_refund_no.to_owned(),
            refund_id: refund_id.clone(),
            out_trade_no: request.out_trade_no.to_owned(),
            amount,
            at: now,
        };
        self.refunds.insert(refund.out_refund_no.clone(), refund);
        RefundOutcome::Accepted { refund_id }
    }

    fn refund_refusal(&self, order: &Order, request: &RefundRequest<'_>) -> Option<&'static str> {
        let Some(state) = order.state() else { return Some("ORDERNOTEXIST") };
        let since = |at: Option<Tick>| at.map(|at| self.now.since(at));
        if !state.was_charged() {
            return Some("TRADE_STATE_ERROR");
        }
        if since(order.created()).is_some_and(|age| age > self.rules.refund_window) {
            return Some("TRADE_OVERDUE");
        }
        if order.amount().map(Money::minor) != Some(request.total) {
            return Some("REFUND_FEE_MISMATCH");
        }
        if request.refund == 0 || request.refund > order.net() || order.refunds >= PARTS_MAX {
            return Some("INVALID_REQUEST");
        }
        let too_soon = since(order.last_refund).is_some_and(|ago| ago < self.rules.refund_spacing);
        too_soon.then_some("INVALID_REQ_TOO_MUCH")
    }
}

fn refused(err_code: &'static str) -> RefundOutcome {
    RefundOutcome::Refused { err_code: Code::Borrowed(err_code) }
}
