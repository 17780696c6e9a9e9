//! Submit Quick Pay.

use std::time::Duration;

use crate::words::{Money, Tick};

use super::order::{Order, State, Transaction, mark};
use super::plan::{Code, Fate, Plan, Say};
use super::violations::Kind;
use super::{Book, Due, ShownCode};

/// A pay as it arrives.
#[derive(Clone, Copy)]
pub struct PayRequest<'a> {
    /// `out_trade_no`.
    pub out_trade_no: &'a str,
    /// `auth_code`. The book keeps a fingerprint of it only.
    pub auth_code: &'a str,
    /// `total_fee` and `fee_type`.
    pub amount: Money,
    /// `mch_id`.
    pub mch_id: &'a str,
    /// `sub_mch_id`, or empty.
    pub sub_mch_id: &'a str,
    /// `attach`, or empty.
    pub attach: &'a str,
    /// When the terminal let go of it: earlier than its arrival when the network held it back. The code had been read
    /// by then, and the terminal's 15 s count from then.
    pub sent: Tick,
    /// The network made a copy; the terminal sent it once.
    pub copy: bool,
}

impl std::fmt::Debug for PayRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pay {} {}", self.out_trade_no, self.amount)
    }
}

/// What a pay is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayOutcome {
    /// `result_code=SUCCESS`.
    Paid {
        /// WeChat's number of the charge.
        transaction: Transaction,
    },
    /// `result_code=FAIL`: not always true.
    Refused {
        /// Why, supposedly.
        err_code: Code,
    },
    /// `return_code=FAIL`, unsigned.
    Failed {
        /// The text.
        return_msg: Code,
    },
}

impl PayOutcome {
    fn refused(err_code: &'static str) -> Self {
        Self::Refused { err_code: Code::Borrowed(err_code) }
    }
}

impl Book {
    /// Takes a pay in. The rules come first (a used number, a used code, a dead code); only then does `plan` decide.
    pub fn pay(&mut self, request: &PayRequest<'_>, now: Tick, plan: &Plan) -> PayOutcome {
        self.advance(now);
        let index = self.hear(request.out_trade_no, super::Op::Pay);
        let code = mark(&request.auth_code);
        let shown = self.see_code(code, request.sent.min(self.now));
        self.judge_pay(index, request, shown);
        if let Some(refusal) = self.refusal(index, request, shown) {
            return PayOutcome::refused(refusal);
        }
        if let Some(shown) = self.codes.get_mut(&code) {
            shown.used_by = Some(index);
        }
        self.meet_fate(index, request, plan.fate);
        match &plan.say {
            Say::Truth => self.truth(index),
            Say::ErrCode(err_code) => PayOutcome::Refused { err_code: err_code.clone() },
            Say::ReturnFail(text) => PayOutcome::Failed { return_msg: text.clone() },
        }
    }

    /// Notes what the terminal did wrong, if it did.
    fn judge_pay(&mut self, index: usize, request: &PayRequest<'_>, shown: ShownCode) {
        let params = fingerprint(request);
        let Some(order) = self.orders.get_mut(index) else { return };
        let repeated = order.params.map(|before| if before == params { Kind::PayRepeated } else { Kind::NumberReused });
        order.params.get_or_insert(params);
        let sent = request.sent.min(self.now);
        order.first_pay = Some(order.first_pay.map_or(sent, |first| first.min(sent)));
        if request.copy {
            return;
        }
        let code_reused = shown.used_by.is_some_and(|user| user != index).then_some(Kind::CodeReused);
        for kind in repeated.into_iter().chain(code_reused) {
            self.violations.note(kind, request.out_trade_no, self.now);
        }
    }

    /// Why the rules refuse it, whatever its plan. No order is made, and none is touched.
    fn refusal(&self, index: usize, request: &PayRequest<'_>, shown: ShownCode) -> Option<&'static str> {
        let order = self.orders.get(index)?;
        if order.blocked {
            return Some("ORDERREVERSED");
        }
        if let Some(state) = order.state() {
            let same = order.params == Some(fingerprint(request));
            return Some(second_pay(state, same));
        }
        if shown.used_by.is_some_and(|user| user != index) {
            return Some("AUTH_CODE_ERROR");
        }
        (self.now.since(shown.born) >= self.rules.code_life).then_some("AUTHCODEEXPIRE")
    }

    fn meet_fate(&mut self, index: usize, request: &PayRequest<'_>, fate: Fate) {
        let now = self.now;
        let (state, due) = match fate {
            Fate::NoOrder => return,
            Fate::Pays => (State::NotPay, Some((Duration::ZERO, Due::Charge))),
            Fate::AsksThenPays(after) => (State::UserPaying, Some((after, Due::Charge))),
            Fate::AsksThenFails(after) => (State::UserPaying, Some((after, Due::Fail))),
            Fate::AsksForEver => (State::UserPaying, None),
            Fate::AcceptsThenPays(after) => (State::Accept, Some((after, Due::Charge))),
            Fate::NeverPays => (State::NotPay, None),
        };
        let Some(order) = self.orders.get_mut(index) else { return };
        order.open(request, state, now);
        order.charge_planned = matches!(due, Some((_, Due::Charge)));
        if fate == Fate::Pays {
            return self.charge(index);
        }
        if let Some((after, due)) = due {
            self.due.insert((now.after(after), index, due));
        }
        if let Some(after) = self.rules.revoke_after {
            self.due.insert((now.after(after), index, Due::Revoke));
        }
    }

    fn truth(&self, index: usize) -> PayOutcome {
        let order = self.orders.get(index);
        if let Some(transaction) = order.and_then(Order::transaction) {
            return PayOutcome::Paid { transaction };
        }
        match order.and_then(Order::state) {
            Some(State::UserPaying) => PayOutcome::refused("USERPAYING"),
            Some(State::Accept) => PayOutcome::refused("BANKERROR"),
            Some(State::PayError) => PayOutcome::refused("TRADE_ERROR"),
            None => PayOutcome::refused("NOTENOUGH"),
            Some(State::NotPay | State::Success | State::Revoked | State::Closed | State::Refund) => {
                PayOutcome::refused("SYSTEMERROR")
            }
        }
    }
}

/// What a second pay of an existing order is answered.
fn second_pay(state: State, same: bool) -> &'static str {
    match state {
        State::Success | State::Refund => "ORDERPAID",
        State::Revoked => "ORDERREVERSED",
        State::Closed => "ORDERCLOSED",
        State::UserPaying if same => "USERPAYING",
        State::NotPay | State::UserPaying | State::Accept | State::PayError => "OUT_TRADE_NO_USED",
    }
}

fn fingerprint(request: &PayRequest<'_>) -> u64 {
    let money = (request.amount.minor(), request.amount.currency().code());
    mark(&(request.auth_code, money, request.mch_id, request.sub_mch_id, request.attach))
}
