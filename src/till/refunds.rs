//! Giving money back: what the POS asks for, and the refunds that are under way.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::wakes::Wakes;
use super::{About, Outgoing, Refusal, Till};
use crate::ledger::{LedgerError, PaymentRow, RefundRow};
use crate::payment::{Heard, MoneyState, Op, Refund, RefundContext, RefundFacts, RefundState, RefundStep, State};
use crate::words::{Money, Now, OutTradeNo, PaymentRef, RefundRef, Tick};

/// WeChat wants at least a minute between two refunds of one order.
const APART: Duration = Duration::from_secs(60);
/// WeChat refunds an order in at most so many parts.
const PARTS_MAX: usize = 50;
/// WeChat refunds for a year.
const AGE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the POS asks to give back. Shape and lengths were checked at the door.
#[derive(Clone, Debug)]
pub struct NewRefund {
    /// Of which payment.
    pub payment: PaymentRef,
    /// The idempotency key.
    pub reference: RefundRef,
    /// Smallest unit; what is left when absent.
    pub amount: Option<u64>,
    /// Why; the payer reads it.
    pub reason: String,
    /// Who keyed it in.
    pub operator: Option<String>,
    /// The supervisor's token came with it.
    pub supervised: bool,
}

/// A refund was accepted, now or before.
#[derive(Debug)]
pub struct Returned {
    /// It is new; `false` when the same request came before.
    pub new: bool,
    /// What is to be said.
    pub out: Vec<Outgoing>,
}

/// A refund that was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledRefund {
    /// The POS's name of it.
    pub reference: RefundRef,
    /// The payment it gives back.
    pub payment: PaymentRef,
    /// How it ended.
    pub state: RefundState,
}

/// The refunds with something left to do.
#[derive(Debug, Default)]
pub(super) struct Refunds {
    pub(super) live: BTreeMap<RefundRef, Refund>,
    wakes: Wakes<RefundRef>,
    /// Found at start and not asked about yet.
    strangers: VecDeque<RefundRef>,
    /// When a refund call about an order was last on the wire: for the order's minute.
    called: BTreeMap<OutTradeNo, Tick>,
    /// Since when this process knows of calls.
    since: Tick,
    /// Settled since somebody last asked.
    settled: Vec<SettledRefund>,
}

impl Refunds {
    /// Those that were open when the process began.
    pub(super) fn found(strangers: Vec<RefundRef>, now: Tick) -> Self {
        Self { strangers: strangers.into(), since: now, ..Self::default() }
    }

    pub(super) fn next_wake(&self) -> Option<Tick> {
        self.wakes.first()
    }

    pub(super) fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// Takes one that was found at start out of the line. Says whether it stood there.
    pub(super) fn take_stranger(&mut self, reference: &RefundRef) -> bool {
        let at = self.strangers.iter().position(|stranger| stranger == reference);
        at.and_then(|at| self.strangers.remove(at)).is_some()
    }

    pub(super) fn next_stranger(&mut self) -> Option<RefundRef> {
        self.strangers.pop_front()
    }

    /// When a refund call about this order may leave.
    fn free_at(&self, order: &OutTradeNo) -> Tick {
        self.called.get(order).map_or(Tick::default(), |at| at.after(APART))
    }

    /// Remembers that a refund call about this order was on the wire at `at`; forgets what is over.
    fn note_call(&mut self, order: &OutTradeNo, at: Tick, now: Tick) {
        self.called.retain(|_, at| now.since(*at) < APART);
        let last = self.called.entry(order.clone()).or_default();
        *last = at.max(*last);
    }

    /// Another process has called about these: it may have been a moment before this one began.
    fn note_earlier_calls(&mut self, rows: &[RefundRow], now: Tick) {
        for row in rows.iter().filter(|row| row.record.sends > 0) {
            self.note_call(&row.record.facts.out_trade_no, self.since, now);
        }
    }
}

impl Till {
    /// Accepts a refund, or finds the one that was accepted under the same name.
    ///
    /// # Errors
    /// The outer error as [`Till::wake`]; the inner one says why the request was not taken.
    pub fn refund(&mut self, ask: NewRefund, now: Now) -> Result<Result<Returned, Refusal>, LedgerError> {
        if let Some(row) = self.ledger.refund(&ask.reference)? {
            let all = self.ledger.took_all(&row.record.facts.payment, &ask.reference)?;
            return Ok(same_refund(&row, all, &ask));
        }
        let Some(payment) = self.ledger.payment(&ask.payment)? else { return Ok(Err(Refusal::NoSuchPayment)) };
        let others = self.ledger.refunds_of(&ask.payment)?;
        let (amount, all) = match self.may_refund(&ask, &payment, &others, now) {
            Ok(allowed) => allowed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !ask.supervised && self.ledger.may_know_less(&ask.payment)? {
            return Ok(Err(Refusal::PerhapsRefunded));
        }
        let attempt = payment.record.attempt.as_ref();
        let Some((attempt, receipt)) = attempt.and_then(|it| Some((it, it.receipt.as_ref()?))) else {
            return Ok(Err(Refusal::NotPaid));
        };
        let facts = RefundFacts {
            reference: ask.reference,
            out_refund_no: self.ledger.mint_refund()?,
            payment: ask.payment,
            out_trade_no: attempt.out_trade_no.clone(),
            transaction_id: receipt.transaction_id.clone(),
            amount,
            total: payment.record.facts.amount,
            reason: ask.reason,
            operator: ask.operator.unwrap_or_default(),
            supervised: ask.supervised,
            created_at: now.wall,
        };
        self.refunds.note_earlier_calls(&others, now.tick);
        let notify_url = self.settings.notify_url.clone();
        let cx = self.refund_context(&facts.out_trade_no, now);
        let step = Refund::request(facts, all, notify_url, &cx);
        let out = self.commit_refund(step, now)?.into_iter().collect();
        Ok(Ok(Returned { new: true, out }))
    }

    /// Keeps that somebody has seen how a refund ended.
    ///
    /// # Errors
    /// The outer error as [`Till::wake`]; the inner one says why not.
    pub fn acknowledge_refund(&mut self, reference: &RefundRef, now: Now) -> Result<Result<(), Refusal>, LedgerError> {
        let Some(row) = self.ledger.refund(reference)? else { return Ok(Err(Refusal::NoSuchRefund)) };
        if row.record.open {
            return Ok(Err(Refusal::RefundNotFinal));
        }
        self.ledger.acknowledge_refund(reference, now.wall)?;
        Ok(Ok(()))
    }

    /// Refunds with something left to do.
    #[must_use]
    pub fn open_refunds(&self) -> usize {
        self.refunds.live.len().saturating_add(self.refunds.strangers.len())
    }

    /// The refunds that were settled since this was last asked.
    pub fn take_settled_refunds(&mut self) -> Vec<SettledRefund> {
        std::mem::take(&mut self.refunds.settled)
    }

    /// Does for refunds what the clock asks for.
    pub(super) fn wake_refunds(&mut self, now: Now) -> Result<Vec<Outgoing>, LedgerError> {
        let mut out = Vec::new();
        while let Some(reference) = self.refunds.wakes.take_due(now.tick) {
            let Some(refund) = self.refunds.live.get(&reference).cloned() else { continue };
            let cx = self.refund_context(&refund.facts().out_trade_no, now);
            match refund.wake(&cx) {
                Some(step) => out.extend(self.commit_refund(step, now)?),
                None => self.refunds.wakes.set(&reference, refund.wakes()),
            }
        }
        Ok(out)
    }

    /// Takes what came back from a call about a refund.
    pub(super) fn hear_refund(
        &mut self,
        reference: &RefundRef,
        op: Op,
        heard: &Heard,
        now: Now,
    ) -> Result<Option<Outgoing>, LedgerError> {
        let Some(refund) = self.refunds.live.get(reference).cloned() else { return Ok(None) };
        let order = refund.facts().out_trade_no.clone();
        if op == Op::Refund && !matches!(heard, Heard::NotSent(_)) {
            // It may have arrived as late as now.
            self.refunds.note_call(&order, now.tick, now.tick);
        }
        let cx = self.refund_context(&order, now);
        let step = refund.hear(op, heard, &cx);
        self.commit_refund(step, now)
    }

    /// Takes a refund from the ledger into memory and tells it that the process began anew.
    pub(super) fn meet_refund(&mut self, reference: &RefundRef, now: Now) -> Result<Option<Outgoing>, LedgerError> {
        let Some(row) = self.ledger.refund(reference)? else { return Ok(None) };
        let others = self.ledger.refunds_of(&row.record.facts.payment)?;
        self.refunds.note_earlier_calls(&others, now.tick);
        let found = Refund::found(&row.record, now.tick);
        let refund = found.map_err(|error| LedgerError::Damaged(error.to_string()))?;
        let refund = refund.telling(self.ledger.notify_url(&row.record.facts.payment, reference)?);
        let cx = self.refund_context(&refund.facts().out_trade_no, now);
        let step = refund.recover(&cx);
        step.map(|step| self.commit_refund(step, now)).transpose().map(Option::flatten)
    }

    /// Keeps a step, then puts the refund where it belongs and hands out its call.
    pub(super) fn commit_refund(&mut self, step: RefundStep, now: Now) -> Result<Option<Outgoing>, LedgerError> {
        let (refund, call) = step.commit(&mut self.ledger)?;
        let reference = refund.facts().reference.clone();
        if call.as_ref().is_some_and(|call| call.ask.op() == Op::Refund) {
            self.refunds.note_call(&refund.facts().out_trade_no, now.tick, now.tick);
        }
        let outgoing = call.map(|call| self.launch(About::Refund(reference.clone()), call));
        self.refunds.wakes.set(&reference, refund.wakes());
        if refund.is_at_rest() {
            // What is told about one that was settled before does not settle it again.
            if self.refunds.live.remove(&reference).is_some() {
                let payment = refund.facts().payment.clone();
                let settled = SettledRefund { reference: reference.clone(), payment, state: refund.state() };
                self.refunds.settled.push(settled);
            }
        } else {
            self.refunds.live.insert(reference, refund);
        }
        Ok(outgoing)
    }

    /// How much may go back, and whether that is all that is left; or why nothing may.
    fn may_refund(
        &self,
        ask: &NewRefund,
        payment: &PaymentRow,
        others: &[RefundRow],
        now: Now,
    ) -> Result<(Money, bool), Refusal> {
        let record = &payment.record;
        if !record.state.is_final() {
            return Err(Refusal::NotSettled);
        }
        if record.money == MoneyState::Returned {
            return Err(Refusal::AlreadyRefunded);
        }
        if !matches!(record.state, State::Paid | State::PartiallyRefunded) {
            return Err(Refusal::NotPaid);
        }
        let taken = others.iter().filter(|row| row.holds_its_sum());
        let (parts, sum) = taken.fold((0_usize, 0_u64), |(parts, sum), row| {
            (parts.saturating_add(1), sum.saturating_add(row.record.facts.amount.minor()))
        });
        let total = record.facts.amount;
        let left = total.minor().saturating_sub(sum);
        if left == 0 {
            return Err(Refusal::AlreadyRefunded);
        }
        if parts >= PARTS_MAX {
            return Err(Refusal::TooManyRefunds);
        }
        let age = now.wall.millis().saturating_sub(record.facts.created_at.millis());
        if u128::try_from(age).is_ok_and(|age| age > AGE_MAX.as_millis()) {
            return Err(Refusal::TooOld);
        }
        let amount = ask.amount.unwrap_or(left);
        if amount == 0 {
            return Err(Refusal::AmountZero);
        }
        if amount > left {
            return Err(Refusal::RefundTooLarge { left });
        }
        if !ask.supervised && self.settings.operator_max.is_some_and(|max| amount > max) {
            return Err(Refusal::SupervisorNeeded);
        }
        let money = Money::new(amount, total.currency()).map_err(|_| Refusal::AmountTooLarge)?;
        Ok((money, amount == left))
    }

    pub(super) fn refund_context(&mut self, order: &OutTradeNo, now: Now) -> RefundContext<'_> {
        let luck = self.luck.draw();
        RefundContext { now, policy: &self.settings.policy, luck, free_at: self.refunds.free_at(order) }
    }
}

/// The same name and the same values are the same refund; the same name and other values are a mistake of the POS.
/// Without an amount all that is left is asked for, and that is the same refund only where this one took `all` of it; an
/// older program did not keep that, and called it the same.
fn same_refund(row: &RefundRow, all: Option<bool>, ask: &NewRefund) -> Result<Returned, Refusal> {
    let kept = &row.record.facts;
    let amount = ask.amount.map_or_else(|| all.unwrap_or(true), |amount| amount == kept.amount.minor());
    let same = ask.payment == kept.payment
        && amount
        && ask.reason == kept.reason
        && ask.operator.as_deref().unwrap_or_default() == kept.operator;
    if same { Ok(Returned { new: false, out: Vec::new() }) } else { Err(Refusal::RefundConflict) }
}
