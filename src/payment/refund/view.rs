//! What others may read of a refund.

use super::{Outcome, Refund, RefundFacts, RefundRefused, Stage, Turn};
use crate::payment::attempt::Alarm;
use crate::payment::call::Order;
use crate::payment::state::{Action, Next, RefundState};
use crate::words::Tick;

impl Refund {
    /// What was asked for.
    #[must_use]
    pub fn facts(&self) -> &RefundFacts {
        &self.facts
    }

    /// The order it gives back, as the gateway knows it.
    #[must_use]
    pub fn order(&self) -> Order {
        let facts = &self.facts;
        Order {
            out_trade_no: facts.out_trade_no.clone(),
            amount: facts.total,
            description: String::new(),
            attach: String::new(),
            transaction_id: Some(facts.transaction_id.clone()),
        }
    }

    /// The state people and programs read.
    #[must_use]
    pub fn state(&self) -> RefundState {
        match &self.stage {
            Stage::Settled(Outcome::Refunded(_)) => RefundState::Refunded,
            Stage::Settled(Outcome::Failed) => RefundState::Failed,
            Stage::Settled(Outcome::ByHand) => RefundState::NeedsAttention,
            _ if self.alarm.is_some() => RefundState::NeedsAttention,
            _ if self.accepted_at.is_some() => RefundState::Processing,
            Stage::Queued { .. } | Stage::Asking { .. } | Stage::Unknown(_) | Stage::Processing(_) => {
                RefundState::Requested
            }
        }
    }

    /// Why WeChat last refused it.
    #[must_use]
    pub fn last_refusal(&self) -> Option<&RefundRefused> {
        self.refused.as_ref()
    }

    /// What a person must look at.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }

    /// Refund calls sent.
    #[must_use]
    pub fn sends(&self) -> u32 {
        self.sends
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        let action = match self.state() {
            RefundState::Requested | RefundState::Processing => Action::Wait,
            RefundState::Refunded => Action::Nothing,
            RefundState::Failed | RefundState::NeedsAttention => Action::CallSupervisor,
        };
        Next { action, at: self.wakes() }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn wakes(&self) -> Option<Tick> {
        match &self.stage {
            Stage::Queued { due } => Some(*due),
            Stage::Asking { until } => Some(*until),
            Stage::Unknown(it) => Some(it.turn.at()),
            Stage::Processing(it) => Some(it.turn.at()),
            Stage::Settled(_) => None,
        }
    }

    /// Nothing is left to do.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        matches!(self.stage, Stage::Settled(_))
    }

    pub(super) fn waits_for_the_edge(&self) -> bool {
        match &self.stage {
            Stage::Asking { .. } => true,
            Stage::Unknown(it) => matches!(it.turn, Turn::Out(_)),
            Stage::Processing(it) => matches!(it.turn, Turn::Out(_)),
            Stage::Queued { .. } | Stage::Settled(_) => false,
        }
    }
}

impl Turn {
    fn at(self) -> Tick {
        match self {
            Self::Wait(at) | Self::Out(at) => at,
        }
    }
}
