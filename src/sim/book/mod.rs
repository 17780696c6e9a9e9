//! What WeChat knows: orders, codes, refunds, and where the money is. A naive model with double-entry books, and the
//! auditor of every test: it is pure (time and fate are arguments), and it counts what a terminal must never do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::words::{Money, Tick};

mod accounts;
mod movements;
mod order;
mod pay;
mod plan;
mod refund;
mod reverse;
mod violations;

pub use accounts::{Account, Entry};
pub use movements::{Misprint, Movement, MovementKind};
pub use order::{Order, Received, State, Transaction};
pub use pay::{PayOutcome, PayRequest};
pub use plan::{Code, Fate, Plan, RefundFate, RefundPlan, ReversePlan, Rules, Say, UnknownReverse};
pub use refund::{Refund, RefundOutcome, RefundRequest, RefundState};
pub use reverse::ReverseOutcome;
pub use violations::{Kind, Violation, Violations};

use refund::AskedRefund;

/// The endpoints, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Submit Quick Pay.
    Pay,
    /// Query Order.
    Query,
    /// Revoke.
    Reverse,
    /// Refund.
    Refund,
    /// Query Refund.
    RefundQuery,
    /// Download a day's statement.
    Statement,
    /// Query settlements.
    Settlement,
}

impl Op {
    /// Those about an order, in the order of a payment's life.
    pub const ALL: [Self; 5] = [Self::Pay, Self::Query, Self::Reverse, Self::Refund, Self::RefundQuery];

    /// The word used in fault rules and in the books.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Query => "query",
            Self::Reverse => "reverse",
            Self::Refund => "refund",
            Self::RefundQuery => "refundquery",
            Self::Statement => "statement",
            Self::Settlement => "settlement",
        }
    }
}

/// Everything WeChat knows. Time only goes forward: a moment before the latest one is taken for the latest.
#[derive(Clone, Debug)]
pub struct Book {
    rules: Rules,
    now: Tick,
    orders: Vec<Order>,
    numbers: BTreeMap<String, usize>,
    codes: BTreeMap<u64, ShownCode>,
    refunds: BTreeMap<String, Refund>,
    /// Every refund number that was ever asked for.
    asked_refunds: BTreeMap<String, AskedRefund>,
    refunds_due: BTreeSet<(Tick, String)>,
    due: BTreeSet<(Tick, usize, Due)>,
    entries: Vec<Entry>,
    misprints: Vec<Misprint>,
    violations: Violations,
}

impl Default for Book {
    fn default() -> Self {
        Self::new(Rules::default())
    }
}

/// What a query learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryOutcome {
    /// The order, as of the moment the query looked at.
    Found {
        /// `trade_state`.
        state: State,
        /// What it charges.
        amount: Money,
        /// WeChat's number, once there was a charge.
        transaction: Option<Transaction>,
    },
    /// There is no such order.
    Refused {
        /// `ORDERNOTEXIST`.
        err_code: Code,
    },
}

/// A payment code that was shown.
#[derive(Clone, Copy, Debug)]
struct ShownCode {
    born: Tick,
    used_by: Option<usize>,
}

/// What happens to an unpaid order by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The payer's money arrives.
    Charge,
    /// The payment fails.
    Fail,
    /// Nobody paid in time.
    Revoke,
}

impl Book {
    /// An empty book under these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            now: Tick::default(),
            orders: Vec::new(),
            numbers: BTreeMap::new(),
            codes: BTreeMap::new(),
            refunds: BTreeMap::new(),
            asked_refunds: BTreeMap::new(),
            refunds_due: BTreeSet::new(),
            due: BTreeSet::new(),
            entries: Vec::new(),
            misprints: Vec::new(),
            violations: Violations::default(),
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Changes the rules from here on. An order keeps the deadlines it was opened with.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Lets time pass: payers confirm or give up, unpaid orders are revoked and refunds end, each at its own moment.
    pub fn advance(&mut self, now: Tick) {
        while let Some((at, number)) = self.refunds_due.first().cloned().filter(|(at, _)| *at <= now) {
            self.advance_orders(at);
            self.refunds_due.remove(&(at, number.clone()));
            self.now = self.now.max(at);
            self.refund_falls_due(&number);
        }
        self.advance_orders(now);
    }

    fn advance_orders(&mut self, now: Tick) {
        while let Some((at, index, due)) = self.due.first().copied().filter(|(at, _, _)| *at <= now) {
            self.due.remove(&(at, index, due));
            self.now = self.now.max(at);
            self.fall_due(index, due);
        }
        self.now = self.now.max(now);
    }

    /// The latest moment it knows of.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.now
    }

    /// When something happens by itself next.
    #[must_use]
    pub fn next_due(&self) -> Option<Tick> {
        let order = self.due.first().map(|(at, _, _)| *at);
        [order, self.refunds_due.first().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    /// Says that `code` was on a phone's screen at `now`: its life begins at the earliest moment anyone saw it.
    pub fn show_code(&mut self, code: &str, now: Tick) {
        self.see_code(order::mark(&code), now);
    }

    /// Answers a query with what was true `stale` ago. Replicas lag; the newest state is `Duration::ZERO` old.
    pub fn query(&mut self, out_trade_no: &str, now: Tick, stale: Duration) -> QueryOutcome {
        self.advance(now);
        let index = self.hear(out_trade_no, Op::Query);
        let stale = u64::try_from(stale.as_micros()).unwrap_or(u64::MAX);
        let seen_at = Tick::from_micros(self.now.micros().saturating_sub(stale));
        let found = self.orders.get(index).and_then(|order| Some((order, order.state_at(seen_at)?)));
        let Some((order, state)) = found else {
            return QueryOutcome::Refused { err_code: "ORDERNOTEXIST".into() };
        };
        let Some(amount) = order.amount() else {
            return QueryOutcome::Refused { err_code: "ORDERNOTEXIST".into() };
        };
        let transaction = order.transaction().filter(|_| state.was_charged());
        QueryOutcome::Found { state, amount, transaction }
    }

    /// The payer confirms at the prompt, now. False when the order is not waiting for the payer.
    pub fn payer_confirms(&mut self, out_trade_no: &str, now: Tick) -> bool {
        self.force(out_trade_no, now, Due::Charge)
    }

    /// The payer's payment fails, now. False when the order is not waiting for the payer.
    pub fn payer_fails(&mut self, out_trade_no: &str, now: Tick) -> bool {
        self.force(out_trade_no, now, Due::Fail)
    }

    /// What is known about a number; also about one that was only ever asked for.
    #[must_use]
    pub fn order(&self, out_trade_no: &str) -> Option<&Order> {
        self.numbers.get(out_trade_no).and_then(|index| self.orders.get(*index))
    }

    /// The order that a `transaction_id` belongs to.
    #[must_use]
    pub fn order_of(&self, transaction: Transaction) -> Option<&Order> {
        self.orders.get(transaction.index()?).filter(|order| order.transaction() == Some(transaction))
    }

    /// Every number heard of, in the order of its first appearance.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Charged minus returned, in the currency's smallest unit; 0 for a number nobody charged.
    #[must_use]
    pub fn net(&self, out_trade_no: &str) -> u64 {
        self.order(out_trade_no).map_or(0, Order::net)
    }

    /// What terminals did that they must not do.
    #[must_use]
    pub fn violations(&self) -> &Violations {
        &self.violations
    }

    /// Notes what only the transport can see: a bad signature, a missing certificate, a missing field.
    pub fn note(&mut self, kind: Kind, out_trade_no: &str, now: Tick) {
        self.violations.note(kind, out_trade_no, now.max(self.now));
    }

    /// The record of this number, with `op` counted; made when it was never heard of.
    fn hear(&mut self, out_trade_no: &str, op: Op) -> usize {
        let index = if let Some(index) = self.numbers.get(out_trade_no) {
            *index
        } else {
            let index = self.orders.len();
            self.orders.push(Order::heard(out_trade_no.to_owned(), index));
            self.numbers.insert(out_trade_no.to_owned(), index);
            index
        };
        if let Some(order) = self.orders.get_mut(index) {
            order.count(op, self.now);
        }
        index
    }

    fn see_code(&mut self, code: u64, at: Tick) -> ShownCode {
        let shown = self.codes.entry(code).or_insert(ShownCode { born: at, used_by: None });
        shown.born = shown.born.min(at);
        *shown
    }

    fn force(&mut self, out_trade_no: &str, now: Tick, due: Due) -> bool {
        self.advance(now);
        let Some(index) = self.numbers.get(out_trade_no).copied() else { return false };
        let waiting = self.orders.get(index).and_then(Order::state).is_some_and(State::is_waiting);
        if waiting {
            self.fall_due(index, due);
        }
        waiting
    }

    fn fall_due(&mut self, index: usize, due: Due) {
        let Some(order) = self.orders.get_mut(index) else { return };
        if !order.state().is_some_and(State::is_waiting) {
            return;
        }
        match due {
            Due::Charge => self.charge(index),
            Due::Fail => order.enter(State::PayError, self.now),
            // The bank is already at work on an accepted order; only its own answer ends it.
            Due::Revoke if order.deduction_pending() => {}
            Due::Revoke => order.enter(State::Revoked, self.now),
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "seconds of a test")]
mod tests;
