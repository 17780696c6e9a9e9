//! A lane as customer and cashier see it.

use crate::payment::{CodeMark, Decline, Payment, State};
use crate::words::{LaneId, Money, PaymentRef, Tick};

/// What a lane remembers: its payment, and the last code it saw.
#[derive(Debug, Default)]
pub(super) struct Lane {
    shown: Option<Shown>,
    last_code: Option<(CodeMark, Tick)>,
}

#[derive(Clone, Debug)]
struct Shown {
    payment: PaymentRef,
    amount: Money,
    state: State,
    until: Option<Tick>,
    since: Tick,
    armed_at: Tick,
    last_decline: Option<Decline>,
}

/// What a lane shows, for displays and `GET /v1/lanes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// Which lane.
    pub lane: LaneId,
    /// The payment it shows, if any: the open one, or the last.
    pub payment: Option<PaymentRef>,
    /// Its amount.
    pub amount: Option<Money>,
    /// Its state.
    pub state: Option<State>,
    /// When the state changes by itself: the deadline of a code or of the customer.
    pub until: Option<Tick>,
    /// Since when it is so.
    pub since: Tick,
    /// Why the last code was refused.
    pub last_decline: Option<Decline>,
}

impl Lane {
    /// Nobody is served here.
    pub(super) fn is_free(&self) -> bool {
        self.holder().is_none()
    }

    /// The payment that holds the lane.
    pub(super) fn holder(&self) -> Option<&PaymentRef> {
        self.shown.as_ref().filter(|shown| shown.state.holds_lane()).map(|shown| &shown.payment)
    }

    /// Since when the lane waits for a code, if it does.
    pub(super) fn armed_at(&self) -> Option<Tick> {
        self.shown.as_ref().filter(|shown| shown.state == State::Armed).map(|shown| shown.armed_at)
    }

    /// Remembers a code that was read. Says whether the same one came within `apart` before.
    pub(super) fn repeats(&mut self, mark: CodeMark, at: Tick, apart: std::time::Duration) -> bool {
        let again = self.last_code.is_some_and(|(last, then)| last == mark && at.since(then) < apart);
        self.last_code = Some((mark, at));
        again
    }

    /// Shows `payment`, unless another one holds the lane: an old trouble does not push a customer aside.
    pub(super) fn shows(&mut self, payment: &Payment, now: Tick) {
        let reference = &payment.facts().reference;
        let state = payment.state();
        let same = self.shown.as_ref().filter(|shown| &shown.payment == reference);
        if same.is_none() && (!self.is_free() || !state.holds_lane()) {
            return;
        }
        let since = same.filter(|shown| shown.state == state).map_or(now, |shown| shown.since);
        let was_armed = same.filter(|shown| shown.state == State::Armed && state == State::Armed);
        self.shown = Some(Shown {
            payment: reference.clone(),
            amount: payment.facts().amount,
            state,
            until: payment.next().at,
            since,
            armed_at: was_armed.map_or(now, |shown| shown.armed_at),
            last_decline: payment.last_decline().cloned(),
        });
    }

    /// What the lane shows.
    pub(super) fn view(&self, lane: &LaneId) -> LaneView {
        let shown = self.shown.as_ref();
        LaneView {
            lane: lane.clone(),
            payment: shown.map(|it| it.payment.clone()),
            amount: shown.map(|it| it.amount),
            state: shown.map(|it| it.state),
            until: shown.and_then(|it| it.until),
            since: shown.map_or(Tick::default(), |it| it.since),
            last_decline: shown.and_then(|it| it.last_decline.clone()),
        }
    }
}
