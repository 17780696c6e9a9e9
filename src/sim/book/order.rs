//! One order as WeChat knows it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use crate::words::{Money, Tick};

use super::{Op, PayRequest};

/// How many requests about one number are kept with their moments; the counts go on.
const RECEIVED_MAX: usize = 256; // a reversal every 30 s for an hour, and a query with each

/// `trade_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not paid.
    NotPay,
    /// The payer is at the prompt.
    UserPaying,
    /// Accepted, the deduction is pending.
    Accept,
    /// Paid.
    Success,
    /// The payment failed; the order asks to be revoked.
    PayError,
    /// Revoked, by a reversal or by itself.
    Revoked,
    /// Closed.
    Closed,
    /// Paid, then refunded, in part or in full.
    Refund,
}

impl State {
    /// As written on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotPay => "NOTPAY",
            Self::UserPaying => "USERPAYING",
            Self::Accept => "ACCEPT",
            Self::Success => "SUCCESS",
            Self::PayError => "PAYERROR",
            Self::Revoked => "REVOKED",
            Self::Closed => "CLOSED",
            Self::Refund => "REFUND",
        }
    }

    /// The payer may still pay.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::NotPay | Self::UserPaying | Self::Accept)
    }

    /// Only an order that was charged can be in this state.
    #[must_use]
    pub fn was_charged(self) -> bool {
        matches!(self, Self::Success | Self::Refund)
    }
}

/// WeChat's number of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transaction(u64);

impl Transaction {
    /// What every number of the simulator's begins with; 18 more digits follow.
    const PREFIX: &'static str = "4200009999";

    pub(super) fn of(index: usize) -> Self {
        Self(u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1))
    }

    pub(super) fn index(self) -> Option<usize> {
        usize::try_from(self.0).ok()?.checked_sub(1)
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:018}", Self::PREFIX, self.0)
    }
}

impl FromStr for Transaction {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix(Self::PREFIX).unwrap_or("").parse().map(Self)
    }
}

/// A request about a number, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// What was asked.
    pub op: Op,
    /// When.
    pub at: Tick,
}

/// A number that was heard of, and the order behind it, if one was made.
#[derive(Clone, Debug)]
pub struct Order {
    out_trade_no: String,
    index: usize,
    mch_id: String,
    sub_mch_id: String,
    attach: String,
    amount: Option<Money>,
    /// Every state with the moment it began; empty while there is no order.
    life: Vec<(Tick, State)>,
    /// When the terminal let go of its first pay.
    pub(super) first_pay: Option<Tick>,
    /// What the first pay asked for.
    pub(super) params: Option<u64>,
    /// A reversal came before any order was made, and that closed the number.
    pub(super) blocked: bool,
    pub(super) charge_planned: bool,
    pub(super) charged: u64,
    pub(super) returned: u64,
    /// On its way back to the payer, or lying with the merchant for a person: no longer free for a refund.
    pub(super) held: u64,
    /// When a refund was last accepted.
    pub(super) last_refund: Option<Tick>,
    /// When the terminal last let go of one.
    pub(super) last_refund_call: Option<Tick>,
    pub(super) refunds: u32,
    counts: [u32; Op::ALL.len()],
    received: Vec<Received>,
}

impl Order {
    pub(super) fn heard(out_trade_no: String, index: usize) -> Self {
        Self {
            out_trade_no,
            index,
            mch_id: String::new(),
            sub_mch_id: String::new(),
            attach: String::new(),
            amount: None,
            life: Vec::new(),
            first_pay: None,
            params: None,
            blocked: false,
            charge_planned: false,
            charged: 0,
            returned: 0,
            held: 0,
            last_refund: None,
            last_refund_call: None,
            refunds: 0,
            counts: [0; Op::ALL.len()],
            received: Vec::new(),
        }
    }

    /// The order now exists.
    pub(super) fn open(&mut self, request: &PayRequest<'_>, state: State, now: Tick) {
        request.mch_id.clone_into(&mut self.mch_id);
        request.sub_mch_id.clone_into(&mut self.sub_mch_id);
        request.attach.clone_into(&mut self.attach);
        self.amount = Some(request.amount);
        self.enter(state, now);
    }

    pub(super) fn enter(&mut self, state: State, now: Tick) {
        self.life.push((now, state));
    }

    pub(super) fn count(&mut self, op: Op, now: Tick) {
        if let Some(count) = Op::ALL.iter().position(|each| *each == op).and_then(|at| self.counts.get_mut(at)) {
            *count = count.saturating_add(1);
        }
        if self.received.len() < RECEIVED_MAX {
            self.received.push(Received { op, at: now });
        }
    }

    pub(super) fn deduction_pending(&self) -> bool {
        self.charge_planned && self.state() == Some(State::Accept)
    }

    /// `out_trade_no`.
    #[must_use]
    pub fn out_trade_no(&self) -> &str {
        &self.out_trade_no
    }

    /// `mch_id` it was opened by.
    #[must_use]
    pub fn mch_id(&self) -> &str {
        &self.mch_id
    }

    /// `sub_mch_id` it was opened for; empty when there is none.
    #[must_use]
    pub fn sub_mch_id(&self) -> &str {
        &self.sub_mch_id
    }

    /// `attach`, echoed by every answer.
    #[must_use]
    pub fn attach(&self) -> &str {
        &self.attach
    }

    /// What it charges; none while there is no order.
    #[must_use]
    pub fn amount(&self) -> Option<Money> {
        self.amount
    }

    /// Its state now; none while there is no order.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.life.last().map(|(_, state)| *state)
    }

    /// Its state at some earlier moment; none when there was no order yet.
    #[must_use]
    pub fn state_at(&self, at: Tick) -> Option<State> {
        self.life.iter().rev().find(|(began, _)| *began <= at).map(|(_, state)| *state)
    }

    /// Every state it was in, with the moment each began.
    #[must_use]
    pub fn life(&self) -> &[(Tick, State)] {
        &self.life
    }

    /// When the order was made.
    #[must_use]
    pub fn created(&self) -> Option<Tick> {
        self.life.first().map(|(at, _)| *at)
    }

    /// When it was charged.
    #[must_use]
    pub fn paid_at(&self) -> Option<Tick> {
        self.life.iter().find(|(_, state)| *state == State::Success).map(|(at, _)| *at)
    }

    /// WeChat's number, once there was a charge.
    #[must_use]
    pub fn transaction(&self) -> Option<Transaction> {
        (self.charged > 0).then(|| Transaction::of(self.index))
    }

    /// Taken from the payer.
    #[must_use]
    pub fn charged(&self) -> u64 {
        self.charged
    }

    /// Given back to the payer.
    #[must_use]
    pub fn returned(&self) -> u64 {
        self.returned
    }

    /// Neither with the payer nor free: refunds that are processing, and those that go back by hand.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Charged minus returned.
    #[must_use]
    pub fn net(&self) -> u64 {
        self.charged.saturating_sub(self.returned)
    }

    /// How many requests of this kind came.
    #[must_use]
    pub fn received_count(&self, op: Op) -> u32 {
        Op::ALL.iter().position(|each| *each == op).and_then(|at| self.counts.get(at)).copied().unwrap_or(0)
    }

    /// The first requests about this number, each with its moment.
    #[must_use]
    pub fn received(&self) -> &[Received] {
        &self.received
    }
}

/// A short fingerprint, the same in every run. It keeps payment codes out of the book.
pub(super) fn mark(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
