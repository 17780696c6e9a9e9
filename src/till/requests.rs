//! What people ask of the till: collect, scan, cancel, acknowledge.

use std::time::Duration;

use super::{Lane, LaneView, Outgoing, Till};
use crate::ledger::{LedgerError, PaymentRow};
use crate::payment::{CodeMark, Context, Facts, Payment};
use crate::reconcile::Kept;
use crate::words::{AuthCode, ClientRef, Currency, LaneId, Money, Now, PaymentRef, Tick};

/// How long a payment waits for a code when the request does not say.
const PATIENCE: Duration = Duration::from_secs(120);
/// One beep, one attempt: the same code within this time is the same scan.
const SCANS_APART: Duration = Duration::from_secs(3);
/// A payment code lives a minute.
const CODE_AGE_MAX: Duration = Duration::from_secs(60);

/// What the POS asks for. Shape and lengths were checked at the door.
#[derive(Clone, Debug)]
pub struct NewPayment {
    /// The idempotency key.
    pub client_ref: ClientRef,
    /// Smallest unit.
    pub amount: u64,
    /// The shop's own when absent.
    pub currency: Option<Currency>,
    /// May be left out where there is one.
    pub lane: Option<LaneId>,
    /// What the payer reads; the shop's own when absent.
    pub description: Option<String>,
    /// Who keyed it in.
    pub operator: Option<String>,
    /// Echoed by the gateway.
    pub attach: Option<String>,
    /// How long it waits for a code.
    pub patience: Option<Duration>,
    /// A code the POS has read itself.
    pub auth_code: Option<AuthCode>,
}

/// A payment was accepted, now or before.
#[derive(Debug)]
pub struct Collected {
    /// Our name of it.
    pub reference: PaymentRef,
    /// It is new; `false` when the same request came before.
    pub new: bool,
    /// What is to be said.
    pub out: Vec<Outgoing>,
}

/// Why a request was not taken. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key was used for something else.
    #[error("this client_ref was used before with other values")]
    RefConflict,
    /// The ledger was restored from a backup that does not know the payment with this key: it may have been charged.
    #[error("the payment with this client_ref was lost when the ledger was restored, and may have been charged")]
    PerhapsLost,
    /// Another customer is being served.
    #[error("another payment is open on this lane")]
    LaneBusy(PaymentRef),
    /// No such lane, or none named where there are several.
    #[error("there is no such lane")]
    NoSuchLane,
    /// No such payment.
    #[error("there is no such payment")]
    NoSuchPayment,
    /// Above the shop's limit.
    #[error("the amount is above the terminal's limit")]
    AmountTooLarge,
    /// A payment of nothing.
    #[error("the amount is zero")]
    AmountZero,
    /// The shop's merchant number does not take this currency.
    #[error("the currency is neither the shop's nor CNY")]
    WrongCurrency,
    /// The code was submitted before.
    #[error("this payment code was submitted before; the customer must refresh it")]
    CodeUsed,
    /// It is final.
    #[error("the payment is final already")]
    AlreadyFinal,
    /// It is not final yet.
    #[error("the payment is not final yet")]
    NotFinal,
    /// The refund's name was used for something else.
    #[error("this refund_ref was used before with other values")]
    RefundConflict,
    /// No such refund.
    #[error("there is no such refund")]
    NoSuchRefund,
    /// The refund is not final yet.
    #[error("the refund is not final yet")]
    RefundNotFinal,
    /// Nobody knows yet whether it is paid: cancelling takes it back.
    #[error("the payment is not settled yet")]
    NotSettled,
    /// Nothing was taken that could be given back.
    #[error("the payment was not paid")]
    NotPaid,
    /// All of it was given back, or is on its way.
    #[error("the payment is refunded already")]
    AlreadyRefunded,
    /// More than is left.
    #[error("the refund is more than what is left of the payment")]
    RefundTooLarge {
        /// What is left, smallest unit.
        left: u64,
    },
    /// WeChat takes no more parts.
    #[error("the payment was refunded in too many parts")]
    TooManyRefunds,
    /// WeChat no longer refunds it.
    #[error("the payment is too old to be refunded")]
    TooOld,
    /// Above what an operator may refund.
    #[error("the refund needs the supervisor")]
    SupervisorNeeded,
    /// The ledger went back to an earlier moment, and may have forgotten a refund of this payment: a person must look.
    #[error("the payment may have been refunded already; the refund needs the supervisor")]
    PerhapsRefunded,
}

/// What became of a scanned code.
#[derive(Debug)]
pub enum ScanVerdict {
    /// It is being charged.
    Taken(Vec<Outgoing>),
    /// The lane waits for none: dropped, never queued.
    NotArmed,
    /// The same code came a moment ago.
    Repeated,
    /// It was read too long ago, or before the lane waited for it.
    TooOld,
    /// It was submitted before.
    Used,
}

impl Till {
    /// Keeps what the comparison of a day with WeChat's statement came to. It moves no money.
    ///
    /// # Errors
    /// As [`Till::wake`].
    pub fn keep_reconciled(&mut self, kept: &Kept, now: Now) -> Result<(), LedgerError> {
        self.ledger.keep_reconciled(kept, now.wall)
    }

    /// Accepts a payment, or finds the one that was accepted under the same key.
    ///
    /// # Errors
    /// The outer error as [`Till::wake`]; the inner one says why the request was not taken.
    pub fn collect(&mut self, ask: NewPayment, now: Now) -> Result<Result<Collected, Refusal>, LedgerError> {
        let mark = ask.auth_code.as_ref().map(|code| self.ledger.code_mark(code));
        // First of all: whatever the shop has changed since, a request that came before is the payment it became.
        if let Some(row) = self.ledger.by_client_ref(&ask.client_ref)? {
            return Ok(same_request(&row, &ask, mark));
        }
        let lane = match self.lane_of(ask.lane.as_ref()) {
            Ok(lane) => lane,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.lost.contains(ask.client_ref.as_str()) {
            return Ok(Err(Refusal::PerhapsLost));
        }
        let amount = match self.amount(&ask) {
            Ok(amount) => amount,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(holder) = self.lanes.get(&lane).and_then(Lane::holder) {
            return Ok(Err(Refusal::LaneBusy(holder.clone())));
        }
        if let Some(mark) = &mark
            && self.ledger.code_was_used(mark)?
        {
            return Ok(Err(Refusal::CodeUsed));
        }
        // Only what is accepted takes a number: a gap in them would look like a payment that is gone.
        let reference = self.ledger.name()?;
        let facts = self.facts(&ask, reference.clone(), lane, amount, mark, now);
        let mut step = Payment::collect(facts, now);
        if let Some(code) = ask.auth_code {
            let mint = self.ledger.mint()?;
            let policy = &self.settings.policy;
            step = step.and_scan(code, mint, policy, now);
        }
        let out = self.commit(step, now)?.into_iter().collect();
        Ok(Ok(Collected { reference, new: true, out }))
    }

    /// Takes a code that was read at `read` on `lane`.
    ///
    /// # Errors
    /// As [`Till::wake`].
    pub fn scan(&mut self, lane: &LaneId, code: AuthCode, read: Tick, now: Now) -> Result<ScanVerdict, LedgerError> {
        let mark = self.ledger.code_mark(&code);
        let Some(place) = self.lanes.get_mut(lane) else { return Ok(ScanVerdict::NotArmed) };
        let repeated = place.repeats(mark, read, SCANS_APART);
        let Some(armed_at) = place.armed_at() else { return Ok(ScanVerdict::NotArmed) };
        let Some(reference) = place.holder().cloned() else { return Ok(ScanVerdict::NotArmed) };
        if read < armed_at || now.tick.since(read) > CODE_AGE_MAX {
            return Ok(ScanVerdict::TooOld);
        }
        if self.ledger.code_was_used(&mark)? {
            return Ok(if repeated { ScanVerdict::Repeated } else { ScanVerdict::Used });
        }
        let mint = self.ledger.mint()?;
        let Some(payment) = self.payments.get(&reference) else { return Ok(ScanVerdict::NotArmed) };
        let Ok(step) = payment.scan(code, mint, &self.settings.policy, now) else { return Ok(ScanVerdict::NotArmed) };
        Ok(ScanVerdict::Taken(self.commit(step, now)?.into_iter().collect()))
    }

    /// Cancels a payment: at once when nothing was sent, otherwise as soon as the rules allow.
    ///
    /// # Errors
    /// The outer error as [`Till::wake`]; the inner one says why not.
    pub fn cancel(&mut self, reference: &PaymentRef, now: Now) -> Result<Result<Vec<Outgoing>, Refusal>, LedgerError> {
        let mut out: Vec<Outgoing> = self.meet_early(reference, now)?.into_iter().collect();
        let Some(payment) = self.payments.get(reference) else {
            let known = self.ledger.payment(reference)?.is_some();
            return Ok(Err(if known { Refusal::AlreadyFinal } else { Refusal::NoSuchPayment }));
        };
        let cx = Context { now: now.tick, policy: &self.settings.policy, luck: 0 };
        let Some(step) = payment.cancel(now, &cx) else { return Ok(Err(Refusal::AlreadyFinal)) };
        out.extend(self.commit(step, now)?);
        Ok(Ok(out))
    }

    /// Keeps that the POS has recorded the result.
    ///
    /// # Errors
    /// The outer error as [`Till::wake`]; the inner one says why not.
    pub fn acknowledge(&mut self, reference: &PaymentRef, now: Now) -> Result<Result<(), Refusal>, LedgerError> {
        let Some(row) = self.ledger.payment(reference)? else { return Ok(Err(Refusal::NoSuchPayment)) };
        if !row.record.state.is_final() {
            return Ok(Err(Refusal::NotFinal));
        }
        self.ledger.acknowledge(reference, now.wall)?;
        Ok(Ok(()))
    }

    /// What every lane shows, in order.
    #[must_use]
    pub fn lanes(&self) -> Vec<LaneView> {
        self.lanes.iter().map(|(id, lane)| lane.view(id)).collect()
    }

    fn lane_of(&self, asked: Option<&LaneId>) -> Result<LaneId, Refusal> {
        match (asked, self.settings.lanes.as_slice()) {
            (Some(lane), _) if self.lanes.contains_key(lane) => Ok(lane.clone()),
            (None, [only]) => Ok(only.clone()),
            _ => Err(Refusal::NoSuchLane),
        }
    }

    /// How much is to be taken, or why not that.
    fn amount(&self, ask: &NewPayment) -> Result<Money, Refusal> {
        let settings = &self.settings;
        let currency = ask.currency.unwrap_or(settings.currency);
        if currency != settings.currency && currency.code() != "CNY" {
            return Err(Refusal::WrongCurrency);
        }
        if ask.amount == 0 {
            return Err(Refusal::AmountZero);
        }
        if ask.amount > settings.amount_max {
            return Err(Refusal::AmountTooLarge);
        }
        Money::new(ask.amount, currency).map_err(|_| Refusal::AmountTooLarge)
    }

    fn facts(
        &self,
        ask: &NewPayment,
        reference: PaymentRef,
        lane: LaneId,
        amount: Money,
        mark: Option<CodeMark>,
        now: Now,
    ) -> Facts {
        let settings = &self.settings;
        Facts {
            reference,
            client_ref: ask.client_ref.clone(),
            lane,
            amount,
            description: ask.description.clone().unwrap_or_else(|| settings.description.clone()),
            attach: ask.attach.clone().unwrap_or_default(),
            operator: ask.operator.clone().unwrap_or_default(),
            patience: ask.patience.unwrap_or(PATIENCE),
            asked_code: mark,
            created_at: now.wall,
        }
    }
}

/// The same key and the same values are the same payment; the same key and other values are a mistake of the POS. What
/// a request leaves out is the shop's own choice, and that may have changed since.
fn same_request(row: &PaymentRow, ask: &NewPayment, mark: Option<CodeMark>) -> Result<Collected, Refusal> {
    let kept = &row.record.facts;
    let text = |asked: &Option<String>, kept: &str| asked.as_ref().is_none_or(|asked| asked == kept);
    let same = ask.amount == kept.amount.minor()
        && ask.currency.is_none_or(|currency| currency == kept.amount.currency())
        && ask.lane.as_ref().is_none_or(|lane| *lane == kept.lane)
        && text(&ask.description, &kept.description)
        && ask.operator.as_deref().unwrap_or_default() == kept.operator
        && ask.attach.as_deref().unwrap_or_default() == kept.attach
        && ask.patience.unwrap_or(PATIENCE) == kept.patience
        && mark == kept.asked_code;
    if !same {
        return Err(Refusal::RefConflict);
    }
    Ok(Collected { reference: kept.reference.clone(), new: false, out: Vec::new() })
}
