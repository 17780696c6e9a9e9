//! The durable image of a payment: plain rows, and the way back from them after a restart.

use super::answer::{Class, Receipt, Refusal};
use super::attempt::{Alarm, Attempt, Outcome, Refused, Reversing, Settled, Stage, Turn};
use super::call::Order;
use super::intent::{Decline, Facts, Payment, Phase};
use super::state::{MoneyState, State};
use crate::words::{CodeHint, OutRefundNo, OutTradeNo, Tick, TransactionId};

/// A payment as rows keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRecord {
    /// What was asked for.
    pub facts: Facts,
    /// Its state.
    pub state: State,
    /// Where the money is.
    pub money: MoneyState,
    /// The cashier cancelled it.
    pub canceled: bool,
    /// Why the last code was refused.
    pub last_decline: Option<Decline>,
    /// What a person must look at.
    pub alarm: Option<Alarm>,
    /// Something is left to do or to watch.
    pub open: bool,
    /// The live attempt, or the last one.
    pub attempt: Option<AttemptRecord>,
}

/// An attempt as rows keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    /// From 1.
    pub no: u32,
    /// Its order number.
    pub out_trade_no: OutTradeNo,
    /// The code's last four digits.
    pub hint: CodeHint,
    /// `paying`, `asking`, `reversing`, `settled`.
    pub stage: &'static str,
    /// The state people read.
    pub state: State,
    /// Where its money is.
    pub money: MoneyState,
    /// `paid`, `declined`, `not_sent`, `reversed`, `returned`; empty while unsettled.
    pub outcome: &'static str,
    /// Reversals sent.
    pub tries: u32,
    /// Refunds sent in place of a reversal.
    pub refunds: u32,
    /// A query found it paid while it was being reversed.
    pub paid_seen: bool,
    /// Reversing is useless; a refund is due.
    pub refund_due: bool,
    /// Queries left of the late-landing watch.
    pub watch: u32,
    /// What the pay was answered.
    pub refused: Refused,
    /// What a person must look at.
    pub alarm: Option<Alarm>,
    /// The fixed number of a refund in place of a reversal.
    pub refund_no: OutRefundNo,
    /// WeChat's number, once known.
    pub transaction_id: Option<TransactionId>,
    /// The evidence, when it is paid.
    pub receipt: Option<Receipt>,
}

/// A row that no version of this program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger holds an attempt that makes no sense: {0}")]
pub struct RecordError(pub &'static str);

impl PaymentRecord {
    /// Whether it ended because the ledger went back to an earlier moment: no attempt of it is in doubt, and yet nobody
    /// knows where the money is.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        let unknown = |money| money == MoneyState::Unknown;
        let attempt = self.attempt.as_ref().is_some_and(|it| unknown(it.money));
        self.state == State::Expired && unknown(self.money) && !attempt
    }
}

impl Payment {
    /// The rows of this payment.
    #[must_use]
    pub fn record(&self) -> PaymentRecord {
        PaymentRecord {
            facts: self.facts.clone(),
            state: self.state(),
            money: self.money(),
            canceled: self.canceled,
            last_decline: self.last_decline.clone(),
            alarm: self.attempt.as_ref().and_then(Attempt::alarm).or(self.forgotten.then_some(Alarm::Unresolved)),
            open: !self.is_at_rest(),
            attempt: self.attempt.as_ref().map(Attempt::record),
        }
    }

    /// The payment these rows describe, as far as a new process can know it: every wait begins at `now`. It must be
    /// told [`Payment::recover`] next.
    ///
    /// # Errors
    /// When the rows contradict themselves.
    pub fn found(record: &PaymentRecord, now: Tick) -> Result<Self, RecordError> {
        let facts = &record.facts;
        let attempt = record.attempt.as_ref().map(|it| Attempt::found(it, record, now)).transpose()?;
        let settled = attempt.as_ref().is_none_or(|it| matches!(it.stage, Stage::Settled(_)));
        let phase = match (record.state, settled) {
            (State::Armed, _) => Phase::Armed,
            (state, true) if state.is_final() => Phase::Closed(state),
            (_, true) => return Err(RecordError("an open payment without an open attempt")),
            (_, false) => Phase::Attempting,
        };
        Ok(Self {
            facts: facts.clone(),
            phase,
            attempt,
            canceled: record.canceled,
            last_decline: record.last_decline.clone(),
            deadline: now,
            forgotten: record.is_forgotten(),
        })
    }
}

impl Attempt {
    fn record(&self) -> AttemptRecord {
        let (stage, outcome) = match &self.stage {
            Stage::Paying { .. } => ("paying", ""),
            Stage::Asking(_) => ("asking", ""),
            Stage::Reversing(_) => ("reversing", ""),
            Stage::Settled(it) => ("settled", it.outcome.word()),
        };
        let reversing = match &self.stage {
            Stage::Reversing(it) => Some(it),
            Stage::Paying { .. } | Stage::Asking(_) | Stage::Settled(_) => None,
        };
        let settled = match &self.stage {
            Stage::Settled(it) => Some(it),
            Stage::Paying { .. } | Stage::Asking(_) | Stage::Reversing(_) => None,
        };
        let receipt = match settled.map(|it| &it.outcome) {
            Some(Outcome::Paid(receipt)) => Some(receipt.clone()),
            Some(Outcome::Declined | Outcome::NotSent | Outcome::Reversed { .. }) | None => None,
        };
        AttemptRecord {
            no: self.no,
            out_trade_no: self.order.out_trade_no.clone(),
            hint: self.hint.clone(),
            stage,
            state: self.state(),
            money: self.money(),
            outcome,
            tries: reversing.map_or(0, |it| it.tries),
            refunds: reversing.map_or(0, |it| it.refunds),
            paid_seen: reversing.is_some_and(|it| it.paid_seen),
            refund_due: reversing.is_some_and(|it| it.refund_due),
            watch: settled.map_or(0, |it| it.watch),
            refused: self.refused.clone(),
            alarm: self.alarm,
            refund_no: self.refund_no.clone(),
            transaction_id: self.order.transaction_id.clone(),
            receipt,
        }
    }

    fn found(it: &AttemptRecord, payment: &PaymentRecord, now: Tick) -> Result<Self, RecordError> {
        let stage = match it.stage {
            "paying" | "asking" => Stage::Paying { until: now },
            "reversing" => Stage::Reversing(Reversing::found(it, now)),
            "settled" => Stage::Settled(Settled {
                outcome: Outcome::found(it).ok_or(RecordError("a settled attempt without an outcome"))?,
                watch: it.watch,
                turn: Turn::Wait(now),
            }),
            _ => return Err(RecordError("a stage nobody knows")),
        };
        Ok(Self {
            no: it.no,
            order: Order {
                out_trade_no: it.out_trade_no.clone(),
                amount: payment.facts.amount,
                description: payment.facts.description.clone(),
                attach: payment.facts.attach.clone(),
                transaction_id: it.transaction_id.clone(),
            },
            hint: it.hint.clone(),
            stage,
            sent: now,
            canceled: payment.canceled,
            old: true,
            refused: it.refused.clone(),
            alarm: it.alarm,
            refund_no: it.refund_no.clone(),
        })
    }
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Declined => "declined",
            Self::NotSent => "not_sent",
            Self::Reversed { returned: false } => "reversed",
            Self::Reversed { returned: true } => "returned",
        }
    }

    fn found(it: &AttemptRecord) -> Option<Self> {
        match (it.outcome, &it.receipt) {
            ("paid", Some(receipt)) => Some(Self::Paid(receipt.clone())),
            ("declined", _) => Some(Self::Declined),
            ("not_sent", _) => Some(Self::NotSent),
            ("reversed", _) => Some(Self::Reversed { returned: false }),
            ("returned", _) => Some(Self::Reversed { returned: true }),
            _ => None,
        }
    }
}

impl Refused {
    /// Kind, class, code and text, as columns keep them.
    #[must_use]
    pub fn columns(&self) -> (&'static str, &'static str, &str, &str) {
        match self {
            Self::No => ("no", "", "", ""),
            Self::Signed(it) => ("signed", it.class().word(), it.code(), it.text()),
            Self::Contradicted(it) => ("contradicted", it.class().word(), it.code(), it.text()),
            Self::Failed { request_error: false } => ("failed", "", "", ""),
            Self::Failed { request_error: true } => ("failed_request", "", "", ""),
        }
    }

    /// What these columns say.
    #[must_use]
    pub fn from_columns(kind: &str, class: &str, code: &str, text: &str) -> Option<Self> {
        let refusal = || Class::from_word(class).map(|class| Refusal::new(class, code, text));
        match kind {
            "no" => Some(Self::No),
            "signed" => refusal().map(Self::Signed),
            "contradicted" => refusal().map(Self::Contradicted),
            "failed" => Some(Self::Failed { request_error: false }),
            "failed_request" => Some(Self::Failed { request_error: true }),
            _ => None,
        }
    }
}
