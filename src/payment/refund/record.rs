//! The durable image of a refund: a plain row, and the way back from it after a restart.

use std::time::Duration;

use super::{Outcome, Processing, Refund, RefundFacts, RefundRefused, Stage, Then, Turn, Unknown};
use crate::payment::answer::RefundReceipt;
use crate::payment::attempt::Alarm;
use crate::payment::record::RecordError;
use crate::payment::state::RefundState;
use crate::words::{Tick, WallTime};

/// A refund as its row keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRecord {
    /// What was asked for.
    pub facts: RefundFacts,
    /// `queued`, `asking`, `unknown`, `processing`, `settled`.
    pub stage: &'static str,
    /// What an unknown number comes to: `resend`, `queue`, `fail`, `person`; empty in the other stages.
    pub leads_to: &'static str,
    /// The state people read.
    pub state: RefundState,
    /// `refunded`, `failed`, `by_hand`; empty while it is open.
    pub outcome: &'static str,
    /// Refund calls sent.
    pub sends: u32,
    /// Questions asked since WeChat accepted it.
    pub asked: u32,
    /// A refund call was never answered.
    pub doubted: bool,
    /// Why WeChat last refused it.
    pub refused: Option<RefundRefused>,
    /// What a person must look at.
    pub alarm: Option<Alarm>,
    /// When WeChat was first known to have accepted it.
    pub accepted_at: Option<WallTime>,
    /// The evidence, when the payer has the money.
    pub receipt: Option<RefundReceipt>,
    /// Something is left to do.
    pub open: bool,
}

/// Stands in the place of WeChat's code where a notification says that a settled refund ended otherwise.
pub(super) const CONTRADICTED: &str = "CONTRADICTED";

impl RefundRecord {
    /// A notification says that it ended otherwise.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        !self.open && self.refused.as_ref().is_some_and(|it| it.refusal.code() == CONTRADICTED)
    }

    /// Every stage.
    pub const STAGES: [&'static str; 5] = ["queued", "asking", "unknown", "processing", "settled"];
    /// What an unknown number may come to.
    pub const LEADS_TO: [&'static str; 5] = ["", "resend", "queue", "fail", "person"];
    /// Every outcome.
    pub const OUTCOMES: [&'static str; 4] = ["", "refunded", "failed", "by_hand"];
}

impl Refund {
    /// The row of this refund.
    #[must_use]
    pub fn record(&self) -> RefundRecord {
        let (stage, leads_to, asked, outcome, receipt) = match &self.stage {
            Stage::Queued { .. } => ("queued", "", 0, "", None),
            Stage::Asking { .. } => ("asking", "", 0, "", None),
            Stage::Unknown(it) => ("unknown", it.then.word(), 0, "", None),
            Stage::Processing(it) => ("processing", "", it.asked, "", None),
            Stage::Settled(Outcome::Refunded(receipt)) => ("settled", "", 0, "refunded", Some(receipt.clone())),
            Stage::Settled(Outcome::Failed) => ("settled", "", 0, "failed", None),
            Stage::Settled(Outcome::ByHand) => ("settled", "", 0, "by_hand", None),
        };
        RefundRecord {
            facts: self.facts.clone(),
            stage,
            leads_to,
            state: self.state(),
            outcome,
            sends: self.sends,
            asked,
            doubted: self.doubted.is_some(),
            refused: self.refused.clone(),
            alarm: self.alarm,
            accepted_at: self.accepted_at,
            receipt,
            open: !self.is_at_rest(),
        }
    }

    /// The refund this row describes, as far as a new process can know it: every wait begins at `now`. It must be told
    /// [`Refund::recover`] next.
    ///
    /// # Errors
    /// When the row contradicts itself.
    pub fn found(record: &RefundRecord, now: Tick) -> Result<Self, RecordError> {
        let wait = Turn::Wait(now);
        let stage = match (record.stage, record.outcome, &record.receipt) {
            ("queued", "", None) => Stage::Queued { due: now },
            ("asking", "", None) => Stage::Asking { until: now },
            ("unknown", "", None) => {
                let then = Then::found(record.leads_to).ok_or(RecordError("a refund that leads nowhere"))?;
                Stage::Unknown(Unknown { turn: wait, asked: 0, page: 0, since: now, then, absent: None })
            }
            ("processing", "", None) => {
                Stage::Processing(Processing { turn: wait, asked: record.asked, before: 0, page: 0, absent: None })
            }
            ("settled", "refunded", Some(receipt)) => Stage::Settled(Outcome::Refunded(receipt.clone())),
            ("settled", "failed", None) => Stage::Settled(Outcome::Failed),
            ("settled", "by_hand", None) => Stage::Settled(Outcome::ByHand),
            _ => return Err(RecordError("a refund's stage nobody knows")),
        };
        // A process that died while it was sending has had no answer either.
        let doubted = record.doubted || record.stage == "asking";
        Ok(Self {
            facts: record.facts.clone(),
            notify_url: None,
            stage,
            sends: record.sends,
            doubted: doubted.then_some(now),
            refused: record.refused.clone(),
            alarm: record.alarm,
            accepted_at: record.accepted_at,
        })
    }
}

impl Then {
    fn word(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Queue(_) => "queue",
            Self::Fail => "fail",
            Self::Person => "person",
        }
    }

    fn found(word: &str) -> Option<Self> {
        match word {
            "resend" => Some(Self::Resend),
            "queue" => Some(Self::Queue(Duration::ZERO)),
            "fail" => Some(Self::Fail),
            "person" => Some(Self::Person),
            _ => None,
        }
    }
}
