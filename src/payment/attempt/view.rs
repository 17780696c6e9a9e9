//! What others may read of an attempt.

use super::{Alarm, Attempt, Outcome, Stage, Turn};
use crate::payment::call::{Op, Order};
use crate::payment::state::{MoneyState, State};
use crate::words::Tick;

impl Attempt {
    /// Its number within the payment, from 1.
    #[must_use]
    pub fn no(&self) -> u32 {
        self.no
    }

    /// What the gateway knows it as.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// What a person must look at.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }

    /// Reversals sent.
    #[must_use]
    pub fn tries(&self) -> u32 {
        match &self.stage {
            Stage::Reversing(it) => it.tries,
            Stage::Paying { .. } | Stage::Asking(_) | Stage::Settled(_) => 0,
        }
    }

    /// The state people and programs read.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.stage {
            Stage::Paying { .. } => State::Submitting,
            Stage::Asking(it) if it.at_prompt => State::CustomerPaying,
            Stage::Asking(_) => State::Verifying,
            Stage::Reversing(it) if it.calls_for_help() || self.alarm == Some(Alarm::LateLanding) => {
                State::NeedsAttention
            }
            Stage::Reversing(_) => State::Reversing,
            Stage::Settled(it) => match it.outcome {
                Outcome::Paid(_) => State::Paid,
                Outcome::Declined | Outcome::NotSent => State::Declined,
                Outcome::Reversed { .. } => State::Reversed,
            },
        }
    }

    /// Where the money of this attempt is.
    #[must_use]
    pub fn money(&self) -> MoneyState {
        match &self.stage {
            Stage::Paying { .. } | Stage::Asking(_) | Stage::Reversing(_) => MoneyState::Unknown,
            Stage::Settled(it) => match it.outcome {
                Outcome::Paid(_) => MoneyState::Taken,
                Outcome::Declined | Outcome::NotSent | Outcome::Reversed { returned: false } => MoneyState::None,
                Outcome::Reversed { returned: true } => MoneyState::Returned,
            },
        }
    }

    /// The customer's deadline, while queries go on.
    #[must_use]
    pub fn asks_until(&self) -> Option<Tick> {
        match &self.stage {
            Stage::Asking(it) => Some(it.until),
            Stage::Paying { .. } | Stage::Reversing(_) | Stage::Settled(_) => None,
        }
    }

    /// The call it waits for, if it is not the clock.
    pub(in crate::payment) fn waits_for(&self) -> Option<Op> {
        let turn = match &self.stage {
            Stage::Paying { .. } => return Some(Op::Pay),
            Stage::Asking(it) => it.turn,
            Stage::Reversing(it) => it.turn,
            Stage::Settled(it) => it.turn,
        };
        match turn {
            Turn::Out(op, _) => Some(op),
            Turn::Wait(_) => None,
        }
    }
}
