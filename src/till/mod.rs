//! Floor 3: the one owner of money. Takes one input at a time, decides, commits, and only then releases what is to be
//! said. Neither clock nor network is in it, so that the daemon and the simulation run the same till.

mod lane;
mod notices;
mod refunds;
mod requests;
mod wakes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub use lane::LaneView;
pub use notices::{NoticeRefused, Noticed};
pub use refunds::{NewRefund, Returned, SettledRefund};
pub use requests::{Collected, NewPayment, Refusal, ScanVerdict};

use crate::ledger::{Ledger, LedgerError, PaymentRow};
use crate::payment::answer::PayAnswer;
use crate::payment::{Answer, Call, Context, Heard, Op, Payment, Policy, State, Step};
use crate::words::{Currency, LaneId, Now, OutTradeNo, PaymentRef, RefundRef, Tick};
use lane::Lane;
use refunds::Refunds;
use wakes::Wakes;

/// Payments found at start that are asked about at once; the rest follows at [`RECOVERY_APART`].
const RECOVERY_BURST: usize = 8;
/// Spread of the remaining first questions: ten a second, as the rate limit of queries wants.
const RECOVERY_APART: Duration = Duration::from_millis(100);
/// Replies in a row with a bad signature that mean a wrong key or someone in the middle.
const BAD_SIGNATURES: u32 = 3;
/// Reversals and refunds in a row without any answer that mean a wrong client certificate.
const MUTE_REVERSALS: u32 = 3;

/// What the shop has configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The waiting times.
    pub policy: Policy,
    /// The lanes there are.
    pub lanes: Vec<LaneId>,
    /// What amounts are in when a request does not say.
    pub currency: Currency,
    /// A larger amount is a typing error.
    pub amount_max: u64,
    /// What the payer reads when a request does not say.
    pub description: String,
    /// A refund of more, in the currency's smallest unit, needs the supervisor. None: no refund does.
    pub operator_max: Option<u64>,
    /// Where WeChat is to tell how refunds end. None: it is only asked.
    pub notify_url: Option<String>,
}

/// The till.
#[derive(Debug)]
pub struct Till {
    ledger: Ledger,
    settings: Settings,
    /// The POS's names of payments that a restore forgot: each may have been charged.
    lost: BTreeSet<String>,
    /// Everything that is left to do or to watch.
    payments: BTreeMap<PaymentRef, Payment>,
    wakes: Wakes<PaymentRef>,
    refunds: Refunds,
    /// Found at start and not asked about yet, oldest first: names only, so that a start takes no longer for many.
    strangers: VecDeque<PaymentRef>,
    /// When the next of them is asked about; at once before the first.
    next_stranger: Option<Tick>,
    lanes: BTreeMap<LaneId, Lane>,
    flying: BTreeMap<CallId, Flight>,
    last_call: u64,
    luck: Luck,
    trouble: Trouble,
    /// Became final since somebody last asked.
    finished: Vec<Finished>,
}

/// A payment that became final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Our name of it.
    pub reference: PaymentRef,
    /// The number of its last attempt.
    pub out_trade_no: Option<OutTradeNo>,
    /// How it ended.
    pub state: State,
}

/// Names a call on its way, so that its answer finds back and a stale one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(u64);

/// A call to be made. It is on disk.
#[derive(Debug)]
pub struct Outgoing {
    /// Comes back with the answer.
    pub id: CallId,
    /// What to say.
    pub call: Call,
}

/// What is wrong beyond a single payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    bad_signatures: u32,
    mute_reversals: u32,
}

#[derive(Clone, Debug)]
struct Flight {
    about: About,
    op: Op,
}

/// Whose call it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    /// Of a payment's attempt with this number.
    Attempt(PaymentRef, OutTradeNo),
    Refund(RefundRef),
}

impl Till {
    /// Takes over the ledger. What it holds unsettled is found, and will be asked about before anything else is done
    /// with it. `seed` feeds the spreading of queries and nothing else.
    ///
    /// # Errors
    /// When the ledger cannot be read or contradicts itself.
    pub fn open(ledger: Ledger, settings: Settings, seed: u64, now: Now) -> Result<Self, LedgerError> {
        let lanes = settings.lanes.iter().map(|id| (id.clone(), Lane::default())).collect();
        let lost = ledger.lost_names()?;
        let mut till = Self {
            ledger,
            settings,
            lost,
            payments: BTreeMap::new(),
            wakes: Wakes::default(),
            refunds: Refunds::default(),
            strangers: VecDeque::new(),
            next_stranger: None,
            lanes,
            flying: BTreeMap::new(),
            last_call: 0,
            luck: Luck(seed),
            trouble: Trouble::default(),
            finished: Vec::new(),
        };
        till.find_unsettled(now)?;
        Ok(till)
    }

    /// Takes over what may change while payments are open: the two limits and what the payer reads. A payment that was
    /// accepted keeps what it was accepted with, and everything else of `settings` is left as it is.
    pub fn adopt(&mut self, settings: Settings) {
        let Settings { amount_max, description, operator_max, .. } = settings;
        (self.settings.amount_max, self.settings.operator_max) = (amount_max, operator_max);
        self.settings.description = description;
    }

    /// When [`Till::wake`] wants to be called at the latest.
    #[must_use]
    pub fn next_wake(&self) -> Option<Tick> {
        let stranger = (self.unasked() > 0).then(|| self.next_stranger.unwrap_or_default());
        [self.wakes.first(), self.refunds.next_wake(), stranger].into_iter().flatten().min()
    }

    /// Does everything the clock asks for.
    ///
    /// # Errors
    /// When a save failed: nothing more may be said, the process must stop and start again from disk.
    pub fn wake(&mut self, now: Now) -> Result<Vec<Outgoing>, LedgerError> {
        let mut out = self.meet_strangers(now)?;
        while let Some(reference) = self.wakes.take_due(now.tick) {
            let Some(payment) = self.payments.get(&reference) else { continue };
            let luck = self.luck.draw();
            let cx = Context { now: now.tick, policy: &self.settings.policy, luck };
            match payment.wake(now, &cx) {
                Some(step) => out.extend(self.commit(step, now)?),
                None => self.wakes.set(&reference, payment.wakes()),
            }
        }
        out.extend(self.wake_refunds(now)?);
        Ok(out)
    }

    /// Takes what came back from a call. A stale answer changes nothing: whoever waited for it has asked anew.
    ///
    /// # Errors
    /// As [`Till::wake`].
    pub fn hear(
        &mut self,
        id: CallId,
        heard: &Heard,
        sent: Option<Tick>,
        now: Now,
    ) -> Result<Vec<Outgoing>, LedgerError> {
        let Some(flight) = self.flying.remove(&id) else { return Ok(Vec::new()) };
        self.trouble.note(flight.op, heard);
        let (reference, number) = match flight.about {
            About::Attempt(reference, number) => (reference, number),
            About::Refund(reference) => {
                return Ok(self.hear_refund(&reference, flight.op, heard, now)?.into_iter().collect());
            }
        };
        let Some(payment) = self.payments.get(&reference) else { return Ok(Vec::new()) };
        let same = payment.attempt().is_some_and(|it| it.order().out_trade_no == number);
        if !same {
            return Ok(Vec::new());
        }
        let luck = self.luck.draw();
        let cx = Context { now: now.tick, policy: &self.settings.policy, luck };
        let step = payment.hear(flight.op, heard, sent, now, &cx);
        Ok(step.map(|step| self.commit(step, now)).transpose()?.flatten().into_iter().collect())
    }

    /// The ledger, for what only reads or is no payment.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is wrong beyond a single payment.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.trouble
    }

    /// Payments with something left to do or to watch.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.payments.len().saturating_add(self.strangers.len())
    }

    /// Payments and refunds found at start that were not asked about yet.
    #[must_use]
    pub fn unasked(&self) -> usize {
        self.strangers.len().saturating_add(self.refunds.strangers())
    }

    /// The payments with something left to do or to watch, oldest first.
    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values()
    }

    /// The payments that became final since this was last asked.
    pub fn take_finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    /// Uses an idle moment for the ledger's housekeeping. Nothing is on its way and nobody waits.
    ///
    /// # Errors
    /// As [`Till::wake`].
    pub fn tidy(&mut self) -> Result<(), LedgerError> {
        let idle = self.flying.is_empty() && self.lanes.values().all(Lane::is_free);
        self.ledger.tidy(idle)
    }

    /// Gives the ledger back: the till is gone, as after a power cut.
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Keeps a step, then puts the payment where it belongs and hands out its call.
    fn commit(&mut self, step: Step, now: Now) -> Result<Option<Outgoing>, LedgerError> {
        let (payment, call) = step.commit(&mut self.ledger)?;
        let reference = payment.facts().reference.clone();
        let was_final = self.payments.get(&reference).is_some_and(|before| before.state().is_final());
        if payment.state().is_final() && !was_final {
            let out_trade_no = payment.attempt().map(|it| it.order().out_trade_no.clone());
            self.finished.push(Finished { reference: reference.clone(), out_trade_no, state: payment.state() });
        }
        self.wakes.set(&reference, payment.wakes());
        if let Some(lane) = self.lanes.get_mut(&payment.facts().lane) {
            lane.shows(&payment, now.tick);
        }
        let about = |call: &Call| About::Attempt(reference.clone(), call.order.out_trade_no.clone());
        let outgoing = call.map(|call| self.launch(about(&call), call));
        if payment.is_at_rest() {
            self.payments.remove(&reference);
        } else {
            self.payments.insert(reference, payment);
        }
        Ok(outgoing)
    }

    fn launch(&mut self, about: About, call: Call) -> Outgoing {
        // An attempt or a refund waits for one call at a time: whatever it had out before is stale from here on.
        self.flying.retain(|_, flight| flight.about != about);
        self.last_call = self.last_call.saturating_add(1);
        let id = CallId(self.last_call);
        self.flying.insert(id, Flight { about, op: call.ask.op() });
        Outgoing { id, call }
    }

    fn find_unsettled(&mut self, now: Now) -> Result<(), LedgerError> {
        self.strangers = self.ledger.open_payments()?.into();
        self.refunds = Refunds::found(self.ledger.open_refunds()?, now.tick);
        for (id, lane) in &mut self.lanes {
            if let Some(row) = self.ledger.newest_on_lane(id)? {
                lane.shows(&found(&row, now)?, now.tick);
                // Somebody stands there and waits, so this one is asked about first.
                let reference = &row.record.facts.reference;
                self.strangers.retain(|stranger| stranger != reference);
                self.strangers.push_front(reference.clone());
            }
        }
        Ok(())
    }

    /// Asks about what was found at start: a few at once, the rest as fast as the gateway's limit of queries allows.
    fn meet_strangers(&mut self, now: Now) -> Result<Vec<Outgoing>, LedgerError> {
        if self.unasked() == 0 || self.next_stranger.is_some_and(|at| now.tick < at) {
            return Ok(Vec::new());
        }
        let several = if self.next_stranger.is_none() { RECOVERY_BURST } else { 1 };
        self.next_stranger = Some(now.tick.after(RECOVERY_APART));
        let mut out = Vec::new();
        for _ in 0..several {
            // Somebody may be waiting for a payment; nobody stands there for a refund.
            match self.strangers.pop_front() {
                Some(reference) => out.extend(self.meet(&reference, now)?),
                None => match self.refunds.next_stranger() {
                    Some(reference) => out.extend(self.meet_refund(&reference, now)?),
                    None => break,
                },
            }
        }
        Ok(out)
    }

    /// Takes one payment from the ledger into memory and tells it that the process began anew.
    fn meet(&mut self, reference: &PaymentRef, now: Now) -> Result<Option<Outgoing>, LedgerError> {
        let Some(row) = self.ledger.payment(reference)? else { return Ok(None) };
        let payment = found(&row, now)?;
        let cx = Context { now: now.tick, policy: &self.settings.policy, luck: 0 };
        let less = self.ledger.may_know_less(reference)?;
        let step = if less { payment.recover_forgotten(now, &cx) } else { payment.recover(now, &cx) };
        self.payments.insert(reference.clone(), payment);
        step.map(|step| self.commit(step, now)).transpose().map(Option::flatten)
    }

    /// Takes a payment that was found at start out of the line, because somebody asks for it now.
    fn meet_early(&mut self, reference: &PaymentRef, now: Now) -> Result<Option<Outgoing>, LedgerError> {
        let Some(at) = self.strangers.iter().position(|stranger| stranger == reference) else { return Ok(None) };
        self.strangers.remove(at);
        self.meet(reference, now)
    }
}

fn found(row: &PaymentRow, now: Now) -> Result<Payment, LedgerError> {
    Payment::found(&row.record, now.tick).map_err(|error| LedgerError::Damaged(error.to_string()))
}

impl Trouble {
    /// Replies fail their signature again and again: a wrong key, or someone in the middle.
    #[must_use]
    pub fn key_mismatch(self) -> bool {
        self.bad_signatures >= BAD_SIGNATURES
    }

    /// Reversals and refunds are not answered at all: most likely the client certificate is wrong or missing.
    #[must_use]
    pub fn certificate_refused(self) -> bool {
        self.mute_reversals >= MUTE_REVERSALS
    }

    fn note(&mut self, op: Op, heard: &Heard) {
        let mute = matches!(heard, Heard::Nothing { .. } | Heard::NotSent(_));
        let forged =
            matches!(heard, Heard::Nothing { why, .. } if matches!(*why, "bad_signature" | "unsigned" | "unknown_key"));
        if matches!(heard, Heard::Answer(Answer::Pay(PayAnswer::Paid(_) | PayAnswer::Refused(_)))) {
            self.bad_signatures = 0;
        }
        if forged {
            self.bad_signatures = self.bad_signatures.saturating_add(1);
        }
        if matches!(op, Op::Reverse | Op::Refund) {
            self.mute_reversals = if mute { self.mute_reversals.saturating_add(1) } else { 0 };
        }
    }
}

/// Draws numbers below 1000 that spread queries (SplitMix64): the same seed gives the same day.
#[derive(Clone, Copy, Debug)]
struct Luck(u64);

impl Luck {
    fn draw(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((z ^ (z >> 31)) % 1000).unwrap_or_default()
    }
}
