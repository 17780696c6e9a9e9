//! Revoke.

use crate::words::Tick;

use super::order::{Order, State};
use super::plan::{Code, ReversePlan, UnknownReverse};
use super::violations::Kind;
use super::{Book, Op};

/// What a reversal is answered. None of it proves anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReverseOutcome {
    /// `result_code=SUCCESS`.
    Accepted {
        /// `recall=Y`.
        recall: bool,
    },
    /// `result_code=FAIL`.
    Refused {
        /// Why, supposedly.
        err_code: Code,
        /// `recall=Y`.
        recall: bool,
    },
}

impl Book {
    /// Takes a reversal in: a paid order is returned in full, an unpaid one is closed for ever, and an unknown number
    /// is answered SUCCESS.
    pub fn reverse(&mut self, out_trade_no: &str, now: Tick, plan: &ReversePlan) -> ReverseOutcome {
        self.advance(now);
        let index = self.hear(out_trade_no, Op::Reverse);
        self.judge_reverse(index);
        match plan {
            ReversePlan::Honest => self.take_back(index),
            ReversePlan::OnlyClaims { recall } => ReverseOutcome::Accepted { recall: *recall },
            ReversePlan::Refuses { err_code, recall } => {
                ReverseOutcome::Refused { err_code: err_code.clone(), recall: *recall }
            }
            ReversePlan::Hides { err_code, recall } => {
                self.take_back(index);
                ReverseOutcome::Refused { err_code: err_code.clone(), recall: *recall }
            }
        }
    }

    /// The terminal's 15 s count from the moment it sent the pay, so that a pay the network held back is not its fault.
    fn judge_reverse(&mut self, index: usize) {
        let Some(order) = self.orders.get(index) else { return };
        let early = order.first_pay.is_some_and(|sent| self.now.since(sent) < self.rules.reverse_not_before);
        if early {
            self.violations.note(Kind::EarlyReverse, order.out_trade_no(), self.now);
        }
    }

    fn take_back(&mut self, index: usize) -> ReverseOutcome {
        let now = self.now;
        let accepted = ReverseOutcome::Accepted { recall: false };
        let Some(order) = self.orders.get_mut(index) else { return accepted };
        let Some(state) = order.state() else {
            order.blocked |= self.rules.unknown_reverse == UnknownReverse::Blocks;
            return accepted;
        };
        let age = now.since(order.created().unwrap_or(now));
        if age < self.rules.reverse_not_before {
            return refused("TRADE_ERROR", true);
        }
        if self.rules.reverse_window.is_some_and(|window| age > window) {
            return refused("REVERSE_EXPIRE", false);
        }
        match state {
            State::UserPaying if self.rules.prompt_refuses_reverse => return refused("USERPAYING", true),
            State::NotPay | State::UserPaying | State::Accept | State::PayError => order.enter(State::Revoked, now),
            State::Success => {
                let (net, shown) = (order.net(), self.rules.reversed_shows_refund);
                self.give_back(index, net, if shown { State::Refund } else { State::Revoked });
            }
            // What was refunded in part is no longer a Quick Pay order to revoke.
            State::Refund if Order::net(order) > 0 => return refused("TRADE_ERROR", false),
            State::Refund | State::Revoked | State::Closed => {}
        }
        accepted
    }
}

fn refused(err_code: &'static str, recall: bool) -> ReverseOutcome {
    ReverseOutcome::Refused { err_code: Code::Borrowed(err_code), recall }
}
