//! A gateway of a few integers for tier T1: independent of the simulator's books, so that one checks the other.

use std::time::Duration;

use shroff::payment::answer::{
    Class, PayAnswer, QueryAnswer, Receipt, RefundAnswer, Refusal, ReverseAnswer, ReverseRefusal,
};
use shroff::words::{Tick, TransactionId};

use super::chance::Chance;

const SECOND: Duration = Duration::from_secs(1);

/// How the customer and the bank will behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    PaysAtOnce,
    /// The password prompt; pays after this long, or never.
    Prompt(Option<Duration>),
    /// Refused, and no order comes to be.
    Refused(Class),
    /// Refused, but the charge succeeded.
    HiddenSuccess(Class),
    /// An unsigned FAIL, and nothing happened; or it did.
    Fails {
        request_error: bool,
        charged: bool,
    },
    /// SYSTEMERROR; charged or not.
    SystemError {
        charged: bool,
    },
    /// The prompt, then PAYERROR.
    PayError(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Unknown,
    Prompt { pays: Option<Tick>, fails: Option<Tick> },
    Paid { at: Tick, hidden: bool },
    Failed,
    Revoked,
    Refunded,
}

#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    order: Order,
    created: Option<Tick>,
    blocked: bool,
    pub(crate) charged: u64,
    pub(crate) returned: u64,
    pub(crate) pays: u32,
    /// The first pay and the first reversal that arrived.
    pub(crate) first_pay: Option<Tick>,
    pub(crate) first_reversal: Option<Tick>,
    pub(crate) plan: Plan,
    /// Reversing an unknown number blocks it.
    pub(crate) unknown_blocks: bool,
    /// How long a code lives from when it was read, 60 to 70 s.
    pub(crate) code_life: Duration,
    pub(crate) code_read: Tick,
    /// Queries show the state before a success for so long.
    pub(crate) stale: Duration,
    /// Reversals are refused while the payer is at the prompt.
    pub(crate) refuses_at_prompt: bool,
}

impl Gateway {
    pub(crate) fn new(plan: Plan, code_read: Tick, chance: &mut Chance) -> Self {
        Self {
            order: Order::Unknown,
            created: None,
            blocked: false,
            charged: 0,
            returned: 0,
            pays: 0,
            first_pay: None,
            first_reversal: None,
            plan,
            unknown_blocks: chance.one_in_thousand(500),
            code_life: chance.between(60_000, 70_000),
            code_read,
            stale: if chance.one_in_thousand(300) { chance.between(0, 3_000) } else { Duration::ZERO },
            refuses_at_prompt: chance.one_in_thousand(700),
        }
    }

    pub(crate) fn net(&self) -> u64 {
        self.charged - self.returned
    }

    fn advance(&mut self, now: Tick) {
        if let Order::Prompt { pays, fails } = self.order {
            let dead = self.created.expect("a prompt has an order").after(45 * SECOND);
            if let Some(at) = pays.filter(|at| *at <= now && *at < dead) {
                self.charged += 1;
                self.order = Order::Paid { at, hidden: false };
            } else if now >= dead {
                self.order = Order::Revoked;
            } else if fails.is_some_and(|at| at <= now) {
                self.order = Order::Failed;
            }
        }
        if self.order == Order::Failed && now >= self.created.expect("an order").after(45 * SECOND) {
            self.order = Order::Revoked;
        }
    }

    pub(crate) fn pay(&mut self, now: Tick, chance: &mut Chance) -> PayAnswer {
        self.advance(now);
        self.pays += 1;
        self.first_pay = self.first_pay.or(Some(now));
        if self.blocked {
            return refused(Class::FreshCode, "ORDERREVERSED");
        }
        if self.order != Order::Unknown {
            return refused(Class::PerhapsPaid, "ORDERPAID");
        }
        if now.since(self.code_read) > self.code_life {
            return refused(Class::FreshCode, "AUTHCODEEXPIRE");
        }
        match self.plan {
            Plan::Refused(class) => refused(class, "REFUSED"),
            Plan::Fails { charged: false, request_error } => PayAnswer::Failed { request_error },
            Plan::SystemError { charged: false } => refused(Class::Unknown, "SYSTEMERROR"),
            Plan::PaysAtOnce => {
                self.charge(now, false);
                PayAnswer::Paid(receipt())
            }
            Plan::HiddenSuccess(class) => {
                self.charge(now, true);
                refused(class, "LIES")
            }
            Plan::Fails { charged: true, .. } => {
                self.charge(now, true);
                PayAnswer::Failed { request_error: chance.one_in_thousand(300) }
            }
            Plan::SystemError { charged: true } => {
                self.charge(now, false);
                refused(Class::Unknown, "SYSTEMERROR")
            }
            Plan::Prompt(pays) => {
                self.created = Some(now);
                self.order = Order::Prompt { pays: pays.map(|wait| now.after(wait)), fails: None };
                refused(Class::CustomerPaying, "USERPAYING")
            }
            Plan::PayError(fails) => {
                self.created = Some(now);
                self.order = Order::Prompt { pays: None, fails: Some(now.after(fails)) };
                refused(Class::CustomerPaying, "USERPAYING")
            }
        }
    }

    fn charge(&mut self, now: Tick, hidden: bool) {
        self.created = Some(now);
        self.charged += 1;
        self.order = Order::Paid { at: now, hidden };
    }

    pub(crate) fn query(&mut self, now: Tick) -> QueryAnswer {
        self.advance(now);
        match self.order {
            Order::Unknown => QueryAnswer::Absent,
            Order::Prompt { .. } => QueryAnswer::CustomerPaying,
            Order::Paid { at, hidden: false } if now.since(at) < self.stale => QueryAnswer::CustomerPaying,
            Order::Paid { .. } => QueryAnswer::Paid(receipt()),
            Order::Failed => QueryAnswer::PayError,
            Order::Revoked => QueryAnswer::Revoked,
            Order::Refunded => QueryAnswer::Refunded,
        }
    }

    pub(crate) fn reverse(&mut self, now: Tick, chance: &mut Chance) -> ReverseAnswer {
        self.advance(now);
        self.first_reversal = self.first_reversal.or(Some(now));
        let recall = chance.one_in_thousand(200);
        let young = self.created.is_some_and(|at| now.since(at) < 15 * SECOND);
        match self.order {
            Order::Unknown => self.blocked |= self.unknown_blocks,
            Order::Prompt { .. } if self.refuses_at_prompt => {
                return not_done(recall, ReverseRefusal::CustomerPaying, "USERPAYING");
            }
            _ if young => return not_done(true, ReverseRefusal::Other, "TRADE_ERROR"),
            Order::Paid { .. } => {
                self.returned += 1;
                self.order = Order::Revoked;
            }
            Order::Prompt { .. } | Order::Failed => self.order = Order::Revoked,
            Order::Revoked | Order::Refunded => {}
        }
        ReverseAnswer::Accepted { recall }
    }

    pub(crate) fn refund(&mut self, now: Tick) -> RefundAnswer {
        self.advance(now);
        if let Order::Paid { .. } = self.order {
            self.returned += 1;
            self.order = Order::Refunded;
        }
        RefundAnswer::Accepted
    }
}

pub(crate) fn refused(class: Class, code: &str) -> PayAnswer {
    PayAnswer::Refused(Refusal::new(class, code, ""))
}

pub(crate) fn not_done(recall: bool, why: ReverseRefusal, code: &str) -> ReverseAnswer {
    ReverseAnswer::NotDone { recall, why, refusal: Refusal::new(Class::Unknown, code, "") }
}

pub(crate) fn receipt() -> Receipt {
    let transaction_id: TransactionId = "4200000001".parse().expect("an id");
    Receipt { transaction_id, paid_at: None, payer_total: None, rate: None }
}
