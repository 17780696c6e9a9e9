//! What the POS wants collected: a payment, its attempts one after the other, and the step that changes it.

use std::time::Duration;

use super::answer::{Answer, Class};
use super::attempt::{Alarm, Attempt, Context, Event, Outcome, Refused, Stage};
use super::call::{Ask, Call, Op, Order};
use super::entry::{Entry, Note};
use super::policy::Policy;
use super::refund::{Refund, RefundNote};
use super::state::{Action, MoneyState, Next, State};
use crate::words::{AuthCode, ClientRef, LaneId, Money, Now, OutRefundNo, OutTradeNo, PaymentRef, Tick, WallTime};

/// Codes a customer may show for one payment.
const ATTEMPTS_MAX: u32 = 5;

/// A payment: what the POS asked for, and how far it has come.
#[derive(Clone, Debug)]
pub struct Payment {
    pub(super) facts: Facts,
    pub(super) phase: Phase,
    /// The live attempt, or the last one.
    pub(super) attempt: Option<Attempt>,
    pub(super) canceled: bool,
    pub(super) last_decline: Option<Decline>,
    pub(super) deadline: Tick,
    /// It waited for a code when the ledger went back to an earlier moment: nobody knows whether it was charged after.
    pub(super) forgotten: bool,
}

/// What was asked for. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Our name of it.
    pub reference: PaymentRef,
    /// The POS's name of it.
    pub client_ref: ClientRef,
    /// Where it is collected.
    pub lane: LaneId,
    /// How much.
    pub amount: Money,
    /// What the payer reads on the phone.
    pub description: String,
    /// Echoed by the gateway; may be empty.
    pub attach: String,
    /// Who keyed it in; may be empty.
    pub operator: String,
    /// How long it waits for a code.
    pub patience: Duration,
    /// Salted hash of the code that came with the request, if one did: part of the idempotency check.
    pub asked_code: Option<CodeMark>,
    /// When it was accepted.
    pub created_at: WallTime,
}

/// The salted hash of a payment code: all of it that the ledger keeps beside the last four digits.
pub type CodeMark = [u8; 32];

/// Where a payment stands between its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for a code.
    Armed,
    /// Its attempt is unsettled.
    Attempting,
    /// Final.
    Closed(State),
}

/// Why the last code was refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Decline {
    /// WeChat's `err_code`, or `NOT_SENT`.
    pub code: String,
    /// WeChat's text, or empty.
    pub text: String,
}

/// What the edge brings back from a call.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A verified, matching answer.
    Answer(Answer),
    /// No byte left, for this reason.
    NotSent(&'static str),
    /// No answer, or none that is believed.
    Nothing {
        /// Why, in a stable word.
        why: &'static str,
        /// It was signed, but about something else.
        incident: bool,
    },
}

/// Numbers for a new attempt, drawn by the ledger.
#[derive(Clone, Debug)]
pub struct Mint {
    /// Its order number.
    pub out_trade_no: OutTradeNo,
    /// The one number a refund in place of a reversal would have.
    pub refund_no: OutRefundNo,
}

/// Why a code is not taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment is not waiting for a code")]
pub struct NotNow;

/// A decision whose call is locked inside until it is on disk.
#[derive(Debug)]
#[must_use = "a decision that is not committed did not happen"]
pub struct Step {
    payment: Payment,
    entries: Vec<Entry>,
    ask: Option<Ask>,
    at: Now,
}

/// What is to be kept, all of it or nothing. Where no line is to be kept, no row has changed.
#[derive(Debug)]
pub enum Change<'a> {
    /// Of a payment.
    Payment {
        /// As it will be.
        payment: &'a Payment,
        /// Journal lines.
        entries: &'a [Entry],
        /// The code about to be sent: only its salted hash may be kept.
        code: Option<&'a AuthCode>,
        /// When.
        at: Now,
    },
    /// Of a refund, and of its payment where that follows from it.
    Refund {
        /// As it will be.
        refund: &'a Refund,
        /// Journal lines.
        notes: &'a [RefundNote],
        /// When.
        at: Now,
    },
}

/// A place that survives a power cut.
pub trait Durable {
    /// What can go wrong.
    type Error;

    /// Keeps `change`, all of it or nothing. When this returns, a power cut no longer matters.
    ///
    /// # Errors
    /// When it is not certain that the change is on disk. The caller must say nothing more and stop.
    fn save(&mut self, change: &Change<'_>) -> Result<(), Self::Error>;
}

impl Step {
    /// Keeps the decision, and only then hands out the payment as it now is and what to say to the gateway.
    ///
    /// # Errors
    /// When the save failed: nothing was said, and nothing may be.
    pub fn commit<D: Durable>(self, durable: &mut D) -> Result<(Payment, Option<Call>), D::Error> {
        let code = match &self.ask {
            Some(Ask::Pay(code)) => Some(code),
            Some(Ask::Query | Ask::Reverse | Ask::Refund(_) | Ask::RefundQuery { .. }) | None => None,
        };
        durable.save(&Change::Payment { payment: &self.payment, entries: &self.entries, code, at: self.at })?;
        let order = self.payment.attempt.as_ref().map(|attempt| attempt.order.clone());
        let call = order.zip(self.ask).map(|(order, ask)| Call { order, ask });
        Ok((self.payment, call))
    }

    /// The payment as it will be.
    #[must_use]
    pub fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Adds the code that came with the request, so that both are kept by one commit.
    pub fn and_scan(self, code: AuthCode, mint: Mint, policy: &Policy, at: Now) -> Self {
        let Ok(mut second) = self.payment.scan(code, mint, policy, at) else { return self };
        let mut entries = self.entries;
        entries.append(&mut second.entries);
        Self { entries, ..second }
    }
}

impl Payment {
    /// A payment the POS has just asked for.
    pub fn collect(facts: Facts, at: Now) -> Step {
        let deadline = at.tick.after(facts.patience);
        let payment = Self {
            facts,
            phase: Phase::Armed,
            attempt: None,
            canceled: false,
            last_decline: None,
            deadline,
            forgotten: false,
        };
        payment.step(Note::Armed, None, at)
    }

    /// Takes a code: the one way to a pay.
    ///
    /// # Errors
    /// When the payment does not wait for one. The code is dropped.
    pub fn scan(&self, code: AuthCode, mint: Mint, policy: &Policy, at: Now) -> Result<Step, NotNow> {
        if self.phase != Phase::Armed || at.tick >= self.deadline {
            return Err(NotNow);
        }
        let order = Order {
            out_trade_no: mint.out_trade_no,
            amount: self.facts.amount,
            description: self.facts.description.clone(),
            attach: self.facts.attach.clone(),
            transaction_id: None,
        };
        let cx = Context { now: at.tick, policy, luck: 0 };
        let mut next = self.clone();
        next.phase = Phase::Attempting;
        let no = self.attempts().saturating_add(1);
        next.attempt = Some(Attempt::begin(no, order, code.hint(), mint.refund_no, &cx));
        Ok(next.step(Note::Submitted, Some(Ask::Pay(code)), at))
    }

    /// Takes what came back from the gateway. `sent` is the moment the first byte of the request may have left.
    pub fn hear(&self, op: Op, heard: &Heard, sent: Option<Tick>, at: Now, cx: &Context<'_>) -> Option<Step> {
        let mut attempt = self.attempt.clone()?;
        if matches!(attempt.stage, Stage::Paying { .. }) {
            attempt.sent = sent.unwrap_or(at.tick).max(attempt.sent);
        }
        let (event, note) = match heard {
            Heard::Answer(answer) => (Event::Answered(answer.clone()), Note::answered(op, answer)),
            Heard::NotSent(why) => (Event::NotSent, Note::NotSent { why: (*why).to_owned() }),
            Heard::Nothing { why, incident } => {
                attempt.alarm = attempt.alarm.or(incident.then_some(Alarm::Incident));
                (Event::NoAnswer, Note::NoAnswer { op: op.word(), why: (*why).to_owned() })
            }
        };
        Some(self.moved(&attempt, &event, Some(note), at, cx))
    }

    /// Does what the clock asks for. Nothing, when it is too early.
    pub fn wake(&self, at: Now, cx: &Context<'_>) -> Option<Step> {
        if at.tick < self.wakes()? {
            return None;
        }
        if self.phase == Phase::Armed {
            return Some(self.closed(State::Expired).step(Note::Expired, None, at));
        }
        let attempt = self.attempt.as_ref()?;
        let silence = attempt.waits_for().map(|op| Note::Silence { op: op.word() });
        Some(self.moved(attempt, &Event::Woke, silence, at, cx))
    }

    /// Remembers that the cashier wants it back. `None` when it is final.
    pub fn cancel(&self, at: Now, cx: &Context<'_>) -> Option<Step> {
        if self.state().is_final() {
            return None;
        }
        let mut next = self.clone();
        next.canceled = true;
        if self.phase == Phase::Armed {
            return Some(next.closed(State::Canceled).step(Note::CancelAsked, None, at));
        }
        let attempt = self.attempt.as_ref()?;
        Some(next.moved(attempt, &Event::Cancel, Some(Note::CancelAsked), at, cx))
    }

    /// Finds the payment after a restart: what was on the wire is asked about, what was not is over.
    pub fn recover(&self, at: Now, cx: &Context<'_>) -> Option<Step> {
        if self.phase == Phase::Armed {
            return Some(self.closed(State::Expired).step(Note::Expired, None, at));
        }
        let attempt = self.attempt.as_ref()?;
        Some(self.moved(attempt, &Event::Recovered, Some(Note::Recovered), at, cx))
    }

    /// Finds the payment in a ledger that may know less of it than happened. A code it waited for may have been charged
    /// under a number that is forgotten: it takes no code any more, and is for a person.
    pub fn recover_forgotten(&self, at: Now, cx: &Context<'_>) -> Option<Step> {
        if self.phase != Phase::Armed {
            return self.recover(at, cx);
        }
        let mut next = self.closed(State::Expired);
        next.forgotten = true;
        Some(next.step(Note::Expired, None, at))
    }

    /// When the payment wants to be woken.
    #[must_use]
    pub fn wakes(&self) -> Option<Tick> {
        match self.phase {
            Phase::Armed => Some(self.deadline),
            Phase::Attempting | Phase::Closed(_) => self.attempt.as_ref().and_then(Attempt::wake),
        }
    }

    /// Nothing is left to do or to watch.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.wakes().is_none()
    }

    /// What was asked for.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The live attempt, or the last one.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// Why the last code was refused.
    #[must_use]
    pub fn last_decline(&self) -> Option<&Decline> {
        self.last_decline.as_ref()
    }

    /// How many codes were taken.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempt.as_ref().map_or(0, |attempt| attempt.no)
    }

    /// The state people and programs read.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.phase, &self.attempt) {
            (Phase::Armed, _) => State::Armed,
            (Phase::Attempting, Some(attempt)) => attempt.state(),
            (Phase::Attempting, None) => State::Verifying,
            (Phase::Closed(state), _) => state,
        }
    }

    /// Where the money is.
    #[must_use]
    pub fn money(&self) -> MoneyState {
        if self.forgotten {
            return MoneyState::Unknown;
        }
        match (self.phase, &self.attempt) {
            (Phase::Closed(State::Refunded), _) => MoneyState::Returned,
            (Phase::Armed, _) | (_, None) => MoneyState::None,
            (Phase::Attempting | Phase::Closed(_), Some(attempt)) => attempt.money(),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        let (action, at) = match self.state() {
            State::Armed => (Action::ScanCode, Some(self.deadline)),
            State::Submitting | State::Verifying | State::Reversing => (Action::Wait, self.wakes()),
            State::CustomerPaying => (Action::ConfirmOnPhone, self.attempt.as_ref().and_then(Attempt::asks_until)),
            State::NeedsAttention => (Action::CallSupervisor, self.wakes()),
            State::Paid => (Action::Acknowledge, None),
            State::Expired if self.forgotten => (Action::CallSupervisor, None),
            State::Declined | State::Expired => (Action::StartOver, None),
            State::PartiallyRefunded => (Action::Acknowledge, None),
            State::Reversed | State::Canceled | State::Refunded => (Action::Nothing, None),
        };
        Next { action, at }
    }

    /// Lets the table decide, then draws the consequences for the payment. A bare question is not worth a line, and
    /// neither is a wake-up that changed nothing.
    fn moved(&self, attempt: &Attempt, event: &Event, note: Option<Note>, at: Now, cx: &Context<'_>) -> Step {
        let (attempt, ask) = attempt.on(event, cx);
        let reversal = match &ask {
            Some(Ask::Reverse) => Some(Note::Reversing { attempt_no: attempt.tries() }),
            Some(Ask::Refund(terms)) => Some(Note::Refunding { out_refund_no: terms.out_refund_no.to_string() }),
            Some(Ask::Pay(_) | Ask::Query | Ask::RefundQuery { .. }) | None => None,
        };
        let no = attempt.no;
        let mut next = self.clone();
        next.attempt = Some(attempt);
        next = next.after_attempt(at.tick);
        let entries = [note, reversal].into_iter().flatten();
        let entries = entries.map(|note| Entry { attempt: Some(no), note }).collect();
        Step { payment: next, entries, ask, at }
    }

    fn after_attempt(mut self, now: Tick) -> Self {
        let was_closed = matches!(self.phase, Phase::Closed(_));
        let Some(Attempt { stage: Stage::Settled(settled), refused, no, .. }) = &self.attempt else {
            self.phase = Phase::Attempting;
            return self;
        };
        if was_closed {
            return self;
        }
        let decline = match (&settled.outcome, refused) {
            (Outcome::NotSent, _) => Some(Decline { code: "NOT_SENT".to_owned(), text: String::new() }),
            (Outcome::Declined, Refused::Signed(refusal) | Refused::Contradicted(refusal)) => {
                Some(Decline { code: refusal.code().to_owned(), text: refusal.text().to_owned() })
            }
            (Outcome::Declined, Refused::Failed { .. } | Refused::No) => {
                Some(Decline { code: "RETURN_CODE_FAIL".to_owned(), text: String::new() })
            }
            (Outcome::Reversed { .. }, Refused::Signed(refusal) | Refused::Contradicted(refusal)) => {
                Some(Decline { code: refusal.code().to_owned(), text: refusal.text().to_owned() })
            }
            (Outcome::Paid(_) | Outcome::Reversed { .. }, _) => None,
        };
        let curable = matches!((&settled.outcome, refused),
            (Outcome::Declined, Refused::Signed(refusal)) if refusal.class() == Class::FreshCode);
        let closed = match &settled.outcome {
            Outcome::Paid(_) => Phase::Closed(State::Paid),
            Outcome::Reversed { .. } => Phase::Closed(State::Reversed),
            Outcome::Declined if curable && self.canceled => Phase::Closed(State::Canceled),
            Outcome::Declined if curable && *no < ATTEMPTS_MAX && now < self.deadline => Phase::Armed,
            Outcome::Declined | Outcome::NotSent => Phase::Closed(State::Declined),
        };
        self.phase = closed;
        self.last_decline = decline.or(self.last_decline);
        self
    }

    fn closed(&self, state: State) -> Self {
        let mut next = self.clone();
        next.phase = Phase::Closed(state);
        next
    }

    fn step(self, note: Note, ask: Option<Ask>, at: Now) -> Step {
        let about = self.attempt.as_ref().filter(|_| note == Note::Submitted);
        let no = about.map(|attempt| attempt.no);
        Step { payment: self, entries: vec![Entry { attempt: no, note }], ask, at }
    }
}
