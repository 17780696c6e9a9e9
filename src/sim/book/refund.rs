//! Refund, and Query Refund.

use std::time::Duration;

use crate::words::{Money, Tick};

use super::order::{Order, State, mark};
use super::plan::{Code, RefundFate, RefundPlan};
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
    /// `refund_desc`, or empty.
    pub desc: &'a str,
    /// When the terminal let go of it. Its minute between two refunds of one order counts from here.
    pub sent: Tick,
    /// The network made a copy; the terminal sent it once.
    pub copy: bool,
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

/// `refund_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefundState {
    /// Accepted. The money is out of the merchant's hands, and the payer has not got it.
    Processing,
    /// The payer has the money.
    Success,
    /// Closed: the money is the merchant's again, and free for another refund.
    Closed,
    /// The payer's card is dead: the merchant holds the money, and it is not free.
    Changed,
}

impl RefundState {
    /// As written on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Closed => "REFUNDCLOSE",
            Self::Changed => "CHANGE",
        }
    }
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
    /// How it ends, when nobody interferes.
    ends: RefundState,
    /// How it ended, and when.
    ended: Option<(Tick, RefundState)>,
}

impl Refund {
    /// Its state now.
    #[must_use]
    pub fn state(&self) -> RefundState {
        self.ended.map_or(RefundState::Processing, |(_, state)| state)
    }

    /// Its state at some earlier moment; none when it was not accepted yet.
    #[must_use]
    pub fn state_at(&self, at: Tick) -> Option<RefundState> {
        let state = self.ended.filter(|(when, _)| *when <= at).map_or(RefundState::Processing, |(_, state)| state);
        (self.at <= at).then_some(state)
    }

    /// When the payer had the money, if that was by then.
    #[must_use]
    pub fn arrived(&self) -> Option<Tick> {
        self.ended.filter(|(_, state)| *state == RefundState::Success).map(|(at, _)| at)
    }
}

impl Book {
    /// Takes a refund in. The same number with the same parameters is the same refund and moves nothing more.
    pub fn refund(&mut self, request: &RefundRequest<'_>, now: Tick, plan: &RefundPlan) -> RefundOutcome {
        self.advance(now);
        let index = self.hear(request.out_trade_no, Op::Refund);
        self.judge_refund(index, request);
        match plan {
            RefundPlan::Honest => self.return_part(index, request, RefundFate::Arrives(self.rules.refund_takes)),
            RefundPlan::Ends(fate) => self.return_part(index, request, *fate),
            RefundPlan::Refuses(err_code) => RefundOutcome::Refused { err_code: err_code.clone() },
            RefundPlan::Hides(err_code) => {
                self.return_part(index, request, RefundFate::Arrives(self.rules.refund_takes));
                RefundOutcome::Refused { err_code: err_code.clone() }
            }
        }
    }

    /// Counts a refund query and gives the refunds of this order as they were `stale` ago, oldest first.
    pub fn refund_query(&mut self, out_trade_no: &str, now: Tick, stale: Duration) -> Vec<(Refund, RefundState)> {
        self.advance(now);
        self.hear(out_trade_no, Op::RefundQuery);
        let stale = u64::try_from(stale.as_micros()).unwrap_or(u64::MAX);
        let seen_at = Tick::from_micros(self.now.micros().saturating_sub(stale));
        let ours = self.refunds.values().filter(|refund| refund.out_trade_no == out_trade_no);
        let mut seen: Vec<_> = ours.filter_map(|refund| Some((refund.clone(), refund.state_at(seen_at)?))).collect();
        seen.sort_by(|(one, _), (two, _)| one.refund_id.cmp(&two.refund_id));
        seen
    }

    /// The refund with this number.
    #[must_use]
    pub fn refund_by(&self, out_refund_no: &str) -> Option<&Refund> {
        self.refunds.get(out_refund_no)
    }

    /// The order a refund of this number was ever asked for, accepted or not.
    #[must_use]
    pub fn order_of_refund(&self, out_refund_no: &str) -> Option<&str> {
        self.asked_refunds.get(out_refund_no).map(|asked| asked.out_trade_no.as_str())
    }

    /// Every refund that was accepted, by its number.
    pub fn refunds(&self) -> impl Iterator<Item = &Refund> + '_ {
        self.refunds.values()
    }

    /// Ends a refund that is still processing, now. False when there is none.
    pub fn refund_ends(&mut self, out_refund_no: &str, how: RefundState, now: Tick) -> bool {
        self.advance(now);
        let waiting = self.refunds.get(out_refund_no).is_some_and(|it| it.state() == RefundState::Processing);
        if waiting && how != RefundState::Processing {
            self.end_refund(out_refund_no, how);
        }
        waiting
    }

    /// Lets a refund that is due end as it was to.
    pub(super) fn refund_falls_due(&mut self, out_refund_no: &str) {
        let ends = self.refunds.get(out_refund_no).filter(|it| it.ended.is_none()).map(|it| it.ends);
        if let Some(ends) = ends {
            self.end_refund(out_refund_no, ends);
        }
    }

    fn end_refund(&mut self, out_refund_no: &str, how: RefundState) {
        let now = self.now;
        let Some(refund) = self.refunds.get_mut(out_refund_no) else { return };
        refund.ended = Some((now, how));
        let minor = refund.amount.minor();
        let Some(index) = self.numbers.get(&refund.out_trade_no).copied() else { return };
        let Some(order) = self.orders.get_mut(index) else { return };
        match how {
            RefundState::Processing | RefundState::Changed => {}
            RefundState::Closed => order.held = order.held.saturating_sub(minor),
            RefundState::Success => {
                order.held = order.held.saturating_sub(minor);
                self.move_back(index, minor, true);
            }
        }
    }

    /// Notes what the terminal did wrong, if it did: another refund of the order within the minute, or a number with
    /// other terms than the first time.
    fn judge_refund(&mut self, index: usize, request: &RefundRequest<'_>) {
        let terms = mark(&(request.out_trade_no, request.total, request.refund, request.desc));
        let asked = self
            .asked_refunds
            .entry(request.out_refund_no.to_owned())
            .or_insert_with(|| AskedRefund { out_trade_no: request.out_trade_no.to_owned(), terms });
        if asked.terms != terms {
            self.violations.note(Kind::RefundNumberReused, request.out_trade_no, self.now);
        }
        let Some(order) = self.orders.get_mut(index).filter(|_| !request.copy) else { return };
        let sent = request.sent.min(self.now);
        let last = order.last_refund_call.replace(sent.max(order.last_refund_call.unwrap_or_default()));
        let spacing = self.rules.refund_spacing;
        // What the network held back arrives out of turn; the terminal cannot help that.
        if last.is_some_and(|last| sent > last && sent.since(last) < spacing) {
            self.violations.note(Kind::RefundTooSoon, request.out_trade_no, self.now);
        }
    }

    fn return_part(&mut self, index: usize, request: &RefundRequest<'_>, fate: RefundFate) -> RefundOutcome {
        if let Some(before) = self.refunds.get(request.out_refund_no) {
            if before.out_trade_no == request.out_trade_no && before.amount.minor() == request.refund {
                return RefundOutcome::Accepted { refund_id: before.refund_id.clone() };
            }
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
        order.held = order.held.saturating_add(amount.minor());
        order.enter(State::Refund, now);
        let refund_id = format!("5030009999{:018}", self.refunds.len().saturating_add(1));
        let (after, ends) = match fate {
            RefundFate::Arrives(after) => (after, RefundState::Success),
            RefundFate::Closes(after) => (after, RefundState::Closed),
            RefundFate::Changes(after) => (after, RefundState::Changed),
        };
        let refund = Refund {
            out_refund_no: request.out_refund_no.to_owned(),
            refund_id: refund_id.clone(),
            out_trade_no: request.out_trade_no.to_owned(),
            amount,
            at: now,
            ends,
            ended: None,
        };
        self.refunds_due.insert((now.after(after), refund.out_refund_no.clone()));
        self.refunds.insert(refund.out_refund_no.clone(), refund);
        self.advance(now);
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
        let free = order.net().saturating_sub(order.held);
        if request.refund == 0 || request.refund > free || order.refunds >= PARTS_MAX {
            return Some("INVALID_REQUEST");
        }
        let too_soon = since(order.last_refund).is_some_and(|ago| ago < self.rules.refund_spacing);
        too_soon.then_some("INVALID_REQ_TOO_MUCH")
    }
}

/// A refund number as it was first asked for.
#[derive(Clone, Debug)]
pub(super) struct AskedRefund {
    out_trade_no: String,
    terms: u64,
}

fn refused(err_code: &'static str) -> RefundOutcome {
    RefundOutcome::Refused { err_code: Code::Borrowed(err_code) }
}
