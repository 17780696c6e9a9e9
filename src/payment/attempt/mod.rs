//! One payment code the customer showed, from the first byte to the certainty: THE table.

mod moves;
mod view;

use std::time::Duration;

use super::answer::{Answer, PayAnswer, QueryAnswer, Receipt, Refusal};
use super::call::{Ask, Op, Order};
use super::policy::Policy;
use super::state::words;
use crate::words::{CodeHint, OutRefundNo, Tick};

/// The gateway counts its 15 s from the moment it created the order, a little after we sent it.
const FENCE_MARGIN: Duration = Duration::from_millis(250);
/// The edge answers every call within its time-out; this much later the attempt stops waiting for the edge itself.
pub(in crate::payment) const EDGE_GRACE: Duration = Duration::from_secs(2);

/// An attempt: one code, one `out_trade_no`, one pay.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(in crate::payment) no: u32,
    pub(in crate::payment) order: Order,
    pub(in crate::payment) hint: CodeHint,
    pub(in crate::payment) stage: Stage,
    /// The latest moment at which the pay may have left, as far as this process knows: ages count from here.
    pub(in crate::payment) sent: Tick,
    pub(in crate::payment) canceled: bool,
    /// It was found at start: nobody waits for this payer any more.
    pub(in crate::payment) old: bool,
    pub(in crate::payment) refused: Refused,
    pub(in crate::payment) alarm: Option<Alarm>,
    pub(in crate::payment) refund_no: OutRefundNo,
}

/// Where an attempt stands. Data that exists only in one stage lives in that stage.
#[derive(Clone, Debug)]
pub enum Stage {
    /// The pay is on the wire, or may be.
    Paying {
        /// When to stop waiting for the edge.
        until: Tick,
    },
    /// Nobody knows yet; queries will tell.
    Asking(Asking),
    /// It is being taken back, and never becomes a sale again.
    Reversing(Reversing),
    /// Certain.
    Settled(Settled),
}

/// Queries until it is certain or too late.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The give-up deadline: after it one last query, then a reversal.
    pub(in crate::payment) until: Tick,
    pub(in crate::payment) turn: Turn,
    /// When the gateway first did not know the number.
    pub(in crate::payment) absent: Option<Tick>,
    /// The payer was seen at the prompt.
    pub(in crate::payment) at_prompt: bool,
}

/// Reversal and query in turns, slower and slower.
#[derive(Clone, Debug)]
pub struct Reversing {
    pub(in crate::payment) tries: u32,
    first: Tick,
    pub(in crate::payment) turn: Turn,
    accepted: bool,
    absent: Option<Tick>,
    /// The last query found it paid.
    paid_last: bool,
    /// A query found it paid at some time: what follows is money returned, not money never taken.
    pub(in crate::payment) paid_seen: bool,
    /// Reversing was called useless, or its window is over.
    pub(in crate::payment) refund_due: bool,
    pub(in crate::payment) refunds: u32,
    slow: bool,
}

/// The end of an attempt, and what is left to watch.
#[derive(Clone, Debug)]
pub struct Settled {
    pub(in crate::payment) outcome: Outcome,
    /// Queries left of the late-landing watch.
    pub(in crate::payment) watch: u32,
    pub(in crate::payment) turn: Turn,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money is taken.
    Paid(Receipt),
    /// WeChat refused it, and a query agreed.
    Declined,
    /// The connection failed before the first byte: nothing was charged.
    NotSent,
    /// Taken back, or never taken.
    Reversed {
        /// It had been paid, and the money went back.
        returned: bool,
    },
}

/// What the attempt waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::payment) enum Turn {
    /// For the clock.
    Wait(Tick),
    /// For the edge to answer this call; then not longer than until then.
    Out(Op, Tick),
}

/// What the pay was answered, if that was no yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing that counts.
    No,
    /// Signed.
    Signed(Refusal),
    /// Signed, but a query then found the order alive: it no longer counts as an end.
    Contradicted(Refusal),
    /// `return_code=FAIL`, unsigned.
    Failed {
        /// Its text blames the request.
        request_error: bool,
    },
}

words! {
    /// What a person must look at.
    Alarm {
        /// Reversed again and again without success.
        Unresolved => "unresolved",
        /// A signed reply about something else.
        Incident => "incident",
        /// An order closed as never arrived came to life.
        LateLanding => "late_landing",
        /// WeChat blames our configuration.
        OurFault => "our_fault",
    }
}

/// What happens to an attempt.
#[derive(Clone, Debug)]
pub enum Event {
    /// The edge proved that no byte of the pay left.
    NotSent,
    /// A verified, matching reply.
    Answered(Answer),
    /// No reply, or one that is not believed.
    NoAnswer,
    /// The clock reached what was waited for.
    Woke,
    /// The cashier wants it back.
    Cancel,
    /// The process began anew: one more doubt.
    Recovered,
}

/// What a transition leans on beside the attempt: time, policy and chance are arguments.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Now.
    pub now: Tick,
    /// The waiting times.
    pub policy: &'a Policy,
    /// A number below 1000 drawn for this event: it spreads queries.
    pub luck: u32,
}

/// What a transition decided: the next stage and the words for the gateway.
pub(super) type Move = (Attempt, Option<Ask>);

impl Attempt {
    /// The one table. Rows read: stage + event (guard) → what becomes true.
    pub(in crate::payment) fn on(&self, event: &Event, cx: &Context<'_>) -> Move {
        use Answer::{Pay, Query, Refund, RefundQuery, Reverse};
        use Event::{Answered, Cancel, NoAnswer, NotSent, Recovered, Woke};
        use QueryAnswer as Q;
        use Stage::{Asking, Paying, Reversing, Settled};

        match (&self.stage, event) {
            (Paying { .. }, NotSent) => self.settle(Outcome::NotSent),
            (Paying { .. }, Answered(Pay(PayAnswer::Paid(receipt)))) => self.settle(Outcome::Paid(receipt.clone())),
            (Paying { .. }, Answered(Pay(PayAnswer::Refused(refusal)))) => self.refused(refusal, cx),
            (Paying { .. }, Answered(Pay(PayAnswer::Failed { request_error }))) => self.failed(*request_error, cx),
            (Paying { .. }, Answered(_) | NoAnswer) => self.ask_soon(cx),
            (Paying { until }, Woke) if cx.now >= *until => self.ask_soon_after_silence(cx),
            (Paying { .. }, Woke) => self.stay(),
            (Paying { .. }, Cancel) => self.remember_cancel(),
            (Paying { .. } | Asking(_), Recovered) => self.ask_now_as_old(cx),

            (Asking(_), Answered(Query(Q::Paid(receipt)))) => self.settle(Outcome::Paid(receipt.clone())),
            (Asking(_), Answered(Query(Q::Refunded))) => self.settle(Outcome::Reversed { returned: true }),
            (Asking(_), Answered(Query(Q::Revoked | Q::Closed))) if self.refusal_counts() => {
                self.settle(Outcome::Declined)
            }
            (Asking(_), Answered(Query(Q::Revoked | Q::Closed))) => self.settle(Outcome::Reversed { returned: false }),
            (Asking(_), Answered(Query(Q::NotPaid))) if self.refusal_is_definite() => self.settle(Outcome::Declined),
            (Asking(asking), Answered(Query(Q::NotPaid))) if self.refusal_counts() => self.ask_until_fence(asking, cx),
            (Asking(_), Answered(Query(Q::Absent))) if self.refusal_counts() => self.settle(Outcome::Declined),
            (Asking(asking), Answered(Query(Q::Absent))) if self.absent_after_fail(asking, cx) => {
                self.settle_watched(Outcome::Declined, cx)
            }
            (Asking(asking), Answered(Query(Q::Absent))) => self.ask_again(&asking.absent(cx), cx),
            (Asking(asking), Answered(Query(Q::PayError))) => self.wait_for_fence(asking, cx),
            (Asking(asking), Answered(Query(Q::CustomerPaying | Q::Accepted))) => {
                self.contradicted().ask_again(&asking.at_prompt(), cx)
            }
            (Asking(asking), Answered(_) | NoAnswer | NotSent) => self.ask_again(&asking.away_from_prompt(event), cx),
            (Asking(asking), Woke) => self.ask_when_due(asking, cx),
            (Asking(asking), Cancel) => self.give_up_at_fence(asking, cx),

            (Reversing(it), Answered(Query(Q::Revoked | Q::Closed))) => {
                self.settle(Outcome::Reversed { returned: it.paid_seen })
            }
            (Reversing(_), Answered(Query(Q::Refunded))) => self.settle(Outcome::Reversed { returned: true }),
            (Reversing(it), Answered(Query(Q::Absent))) if self.never_arrived(it, cx) => {
                self.settle_watched(Outcome::Reversed { returned: it.paid_seen }, cx)
            }
            (Reversing(it), Answered(Query(Q::Absent))) => self.reverse_later(&it.absent(self, cx), cx),
            (Reversing(it), Answered(Query(Q::Paid(receipt)))) if it.refund_due && it.refunds == 0 => {
                self.known_as(receipt).refund(&it.paid(), cx)
            }
            (Reversing(it), Answered(Query(Q::Paid(receipt)))) => self.known_as(receipt).reverse_later(&it.paid(), cx),
            (Reversing(it), Answered(Query(Q::NoWord(_)))) => self.reverse_later(it, cx),
            (Reversing(it), Answered(Query(_))) => self.reverse_later(&it.alive(), cx),
            (Reversing(it), Answered(Reverse(answer))) => self.alarmed_by(answer).confirm(&it.heard(answer), cx),
            (Reversing(it), Answered(Refund(answer))) => self.confirm(&it.heard_refund(answer), cx),
            (Reversing(it), Answered(Pay(_) | RefundQuery(_)) | NoAnswer | NotSent) => self.next_after_silence(it, cx),
            (Reversing(it), Woke) => self.reverse_when_due(it, cx),
            (Reversing(_), Cancel) => self.remember_cancel(),
            (Reversing(it), Recovered) => self.confirm(it, cx),

            (Settled(it), Woke) => self.watch_when_due(it, cx),
            (Settled(it), Answered(Query(Q::Absent | Q::Revoked | Q::Closed | Q::Refunded))) => self.watch_next(it, cx),
            (Settled(it), Answered(Query(Q::Paid(_) | Q::CustomerPaying | Q::Accepted | Q::NotPaid | Q::PayError)))
                if it.watch > 0 =>
            {
                self.landed_late().reverse_now(cx)
            }
            (Settled(it), Answered(_) | NoAnswer | NotSent) => self.watch_again(it, cx),
            (Settled(it), Recovered) => self.watch_from_here(it, cx),
            (Settled(_), Cancel) => self.stay(),
        }
    }

    /// An attempt whose pay is about to leave.
    #[must_use]
    pub(in crate::payment) fn begin(
        no: u32,
        order: Order,
        hint: CodeHint,
        refund_no: OutRefundNo,
        cx: &Context<'_>,
    ) -> Self {
        Self {
            no,
            order,
            hint,
            stage: Stage::Paying { until: cx.now.after(cx.policy.pay_timeout).after(EDGE_GRACE) },
            sent: cx.now,
            canceled: false,
            old: false,
            refused: Refused::No,
            alarm: None,
            refund_no,
        }
    }

    /// When the attempt wants to be woken.
    #[must_use]
    pub fn wake(&self) -> Option<Tick> {
        let turn = match &self.stage {
            Stage::Paying { until } => return Some(*until),
            Stage::Asking(it) => it.turn,
            Stage::Reversing(it) => it.turn,
            Stage::Settled(it) if it.watch > 0 => it.turn,
            Stage::Settled(_) => return None,
        };
        Some(match turn {
            Turn::Wait(at) | Turn::Out(_, at) => at,
        })
    }

    /// The earliest moment a reversal may leave.
    #[must_use]
    pub fn fence(&self, policy: &Policy) -> Tick {
        self.sent.after(policy.reverse_not_before).after(FENCE_MARGIN)
    }

    /// The moment the queries end.
    #[must_use]
    pub fn give_up(&self, policy: &Policy) -> Tick {
        if self.canceled || self.old {
            return self.fence(policy);
        }
        self.sent.after(policy.give_up_after).max(self.fence(policy))
    }
}
