//! Money the shop gives back: one refund, from the request to the certainty. A small table of its own on the same
//! machinery as an attempt's: intent on disk, one call, questions until it is certain.
//!
//! One refund is one `out_refund_no`, for ever: what is sent again is sent with the same number and the same terms, so
//! that WeChat takes it for the same refund. *Failed* is said only after a question has proven that WeChat does not
//! know the number, or has closed it; the money is free for another refund from then on, and not before.
//!
//! Source: protocol 5.4, 5.5.

mod moves;
mod note;
mod record;
mod step;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use super::answer::{Answer, RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal};
use super::attempt::Alarm;
use super::call::Ask;
use super::notice::NoticeStatus;
use super::policy::Policy;
use crate::words::{Money, Now, OutRefundNo, OutTradeNo, PaymentRef, RefundRef, Tick, TransactionId, WallTime};

pub use note::RefundNote;
pub use record::RefundRecord;
pub use step::RefundStep;

/// A refund: what the POS asked for, and how far it has come.
#[derive(Clone, Debug)]
pub struct Refund {
    facts: RefundFacts,
    /// Where the gateway tells how it ended: one of its terms, so it stays what it was when it was asked for.
    notify_url: Option<String>,
    stage: Stage,
    /// Refund calls sent, or about to be.
    sends: u32,
    /// When a refund call that nobody answered may have left at the latest.
    doubted: Option<Tick>,
    /// Why WeChat last refused it.
    refused: Option<RefundRefused>,
    alarm: Option<Alarm>,
    /// When WeChat was first known to have accepted it.
    accepted_at: Option<WallTime>,
}

/// What was asked for. It never changes, so that every repeat has the same terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundFacts {
    /// The POS's name of it.
    pub reference: RefundRef,
    /// Its number at WeChat.
    pub out_refund_no: OutRefundNo,
    /// The payment it gives back.
    pub payment: PaymentRef,
    /// The paid attempt's number.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the charge.
    pub transaction_id: TransactionId,
    /// How much goes back.
    pub amount: Money,
    /// How much was paid.
    pub total: Money,
    /// Why; the payer reads it.
    pub reason: String,
    /// Who keyed it in; may be empty.
    pub operator: String,
    /// The supervisor's token came with it.
    pub supervised: bool,
    /// When it was accepted here.
    pub created_at: WallTime,
}

/// Why WeChat refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRefused {
    /// What the tables make of it.
    pub why: RefundRefusal,
    /// Its code and text; `NOT_SENT` when nothing left the terminal.
    pub refusal: Refusal,
}

/// Where a refund stands. Data that exists only in one stage lives in that stage.
#[derive(Clone, Debug)]
enum Stage {
    /// Nothing is on the wire; it is sent when this moment has come and the order is free.
    Queued { due: Tick },
    /// The refund call is on the wire, or may be.
    Asking {
        /// When to stop waiting for the edge.
        until: Tick,
    },
    /// Whether WeChat knows it: questions decide.
    Unknown(Unknown),
    /// WeChat has accepted it and is at work.
    Processing(Processing),
    /// Certain.
    Settled(Outcome),
}

/// Questions until WeChat knows the number, or certainly does not.
#[derive(Clone, Debug)]
struct Unknown {
    turn: Turn,
    /// Questions asked.
    asked: u32,
    /// How many of the order's refunds the last question skipped.
    page: u32,
    /// Since when it is unknown: the last call had left by then.
    since: Tick,
    then: Then,
    /// The first time that REFUNDNOTEXIST was believed.
    absent: Option<Tick>,
}

/// Questions, rarer and rarer, until the payer has the money.
#[derive(Clone, Debug)]
struct Processing {
    turn: Turn,
    /// Questions asked.
    asked: u32,
    /// As many of them came before the last notification: the waits began anew with it.
    before: u32,
    /// How many of the order's refunds the last question skipped.
    page: u32,
    /// The first time that it was not known any more.
    absent: Option<Tick>,
}

/// What a refund that WeChat does not know comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Its call was lost: it is sent again.
    Resend,
    /// It was refused for a time, or never sent: it is sent after this long.
    Queue(Duration),
    /// It was refused for good.
    Fail,
    /// Its number is in somebody's way: a person must look, and nothing is sent any more.
    Person,
}

/// How a refund ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The payer has the money.
    Refunded(RefundReceipt),
    /// The money is with the shop, and free.
    Failed,
    /// WeChat could not reach the payer's card: the money is with the merchant and goes back by hand.
    ByHand,
}

/// What the refund waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// For the clock.
    Wait(Tick),
    /// For the edge to answer a question, not longer than until then.
    Out(Tick),
}

/// What happens to a refund.
#[derive(Clone, Debug)]
enum Event {
    /// The edge proved that no byte left.
    NotSent,
    /// A verified, matching reply.
    Answered(Answer),
    /// No reply, or one that is not believed.
    NoAnswer,
    /// The clock reached what was waited for.
    Woke,
    /// The process began anew: one more doubt.
    Recovered,
    /// The gateway told by itself. That is a reason to ask; what counts is the answer.
    Noticed(NoticeStatus),
}

/// What a transition leans on beside the refund: time, policy and chance are arguments.
#[derive(Clone, Copy, Debug)]
pub struct RefundContext<'a> {
    /// Now.
    pub now: Now,
    /// The waiting times.
    pub policy: &'a Policy,
    /// A number below 1000 drawn for this event: it spreads calls.
    pub luck: u32,
    /// When a refund call about this order may leave again: WeChat wants a minute between them.
    pub free_at: Tick,
}

type Move = (Refund, Option<Ask>);

impl Refund {
    /// The one table. Rows read: stage + event (guard) → what becomes true.
    fn on(&self, event: &Event, cx: &RefundContext<'_>) -> Move {
        use Answer::{Refund as Said, RefundQuery as Known};
        use Event::{Answered, NoAnswer, NotSent, Noticed, Recovered, Woke};
        use RefundAnswer::{Accepted, NotDone};
        use RefundQueryAnswer as Q;
        use Stage::{Asking, Processing, Queued, Settled, Unknown};

        match (&self.stage, event) {
            (Queued { due }, Woke) if cx.now.tick >= (*due).max(cx.free_at) => self.send(cx),
            (Queued { due }, Woke) => self.queued_until((*due).max(cx.free_at)),
            (Queued { .. }, NotSent | Answered(_) | NoAnswer) => self.stay(),
            (Queued { .. } | Asking { .. } | Unknown(_), Recovered) => self.found_again(cx),

            (Asking { .. }, NotSent) => self.not_sent().queue_again(cx),
            (Asking { .. }, Answered(Said(Accepted))) => self.accepted(cx),
            (Asking { .. }, Answered(Said(NotDone { why, refusal }))) => self.refused(*why, refusal, cx),
            (Asking { .. }, Answered(_) | NoAnswer) => self.in_doubt(cx),
            (Asking { until }, Woke) if cx.now.tick >= *until => self.in_doubt(cx),
            (Asking { .. }, Woke) => self.stay(),

            (Unknown(_) | Processing(_), Answered(Known(Q::Refunded(receipt)))) => self.refunded(receipt, cx),
            (Unknown(_) | Processing(_), Answered(Known(Q::Closed))) => self.closed(),
            (Unknown(_) | Processing(_), Answered(Known(Q::Changed))) => self.by_hand(cx),
            (Unknown(it), Answered(Known(Q::More { offset }))) if it.page < *offset => self.ask(it, *offset, cx),
            (Processing(it), Answered(Known(Q::More { offset }))) if it.page < *offset => self.poll(it, *offset, cx),

            (Unknown(_), Answered(Known(Q::Processing))) => self.accepted(cx),
            (Unknown(it), Answered(Known(Q::Absent))) if it.is_believed(self, cx) => self.go_on(it, cx),
            (Unknown(it), Answered(Known(Q::Absent))) => self.ask_later(&it.absent(cx), cx),
            (Unknown(it), Answered(_) | NoAnswer | NotSent) => self.ask_later(it, cx),
            (Unknown(it), Woke) => self.ask_when_due(it, cx),

            (Processing(it), Answered(Known(Q::Absent))) if it.is_lost(cx) => self.lost(cx),
            (Processing(it), Answered(Known(Q::Absent))) => self.poll_later(&it.absent(cx), cx),
            (Processing(it), Answered(Known(Q::Processing))) => self.poll_later(&it.present(), cx),
            (Processing(it), Answered(_) | NoAnswer | NotSent) => self.poll_later(it, cx),
            (Processing(it), Woke) => self.poll_when_due(it, cx),
            (Processing(it), Recovered) => self.poll(it, 0, cx),

            (Queued { due }, Noticed(_)) => self.ask_before(*due, cx),
            (Asking { .. }, Noticed(_)) => self.stay(),
            (Unknown(it), Noticed(_)) => self.ask_at_once(it, cx),
            (Processing(it), Noticed(_)) => self.poll_at_once(it, cx),
            (Settled(outcome), Noticed(status)) if outcome.is_contradicted(*status) => self.incident(),
            (Settled(_), Noticed(_)) => self.stay(),

            (Settled(_), NotSent | Answered(_) | NoAnswer | Woke | Recovered) => self.stay(),
        }
    }
}
