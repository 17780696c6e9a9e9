//! The till's thread: one input at a time, then what the clock asks for, then the news for everybody else.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::edge::clock::Clock;
use crate::edge::desk::{Accepted, Board, Input, Notice};
use crate::edge::metrics::Metrics;
use crate::ledger::LedgerError;
use crate::payment::{Ask, Op, RefundState, State, Terms};
use crate::till::{Finished, LaneView, Outgoing, ScanVerdict, SettledRefund, Till};
use crate::words::{AuthCode, LaneId, Now, OutTradeNo, Tick};

/// The longest sleep: the watchdog is fed from this loop.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Without input for so long, the ledger's housekeeping may have its moment.
const IDLE_AFTER: Duration = Duration::from_millis(500);
/// How long a pay on the wire may hold up the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// What the till's loop reaches beside its own inbox.
pub(super) struct Hands<'a> {
    /// The only clock.
    pub(super) clock: Clock,
    /// Puts a call on the wire; its answer comes back as an input.
    pub(super) call: &'a dyn Fn(Outgoing),
    /// A lane begins to wait for a code: stale scans are thrown away, the connection is warmed.
    pub(super) arm: &'a dyn Fn(&LaneId, Tick),
    /// Where everybody else reads.
    pub(super) board: &'a watch::Sender<Board>,
    /// Told now and then that the loop turns.
    pub(super) alive: &'a dyn Fn(),
    /// Counts.
    pub(super) metrics: &'a Metrics,
}

/// The loop's own memory.
struct Loop<'a> {
    till: Till,
    hands: Hands<'a>,
    armed: BTreeMap<LaneId, Option<Tick>>,
    stopping: Option<Tick>,
    last_input: Tick,
}

/// Runs the till until it is told to stop.
///
/// # Errors
/// When the ledger failed: nothing more was said, the process must end and start again from disk.
pub(super) fn run(till: Till, inbox: &Receiver<Input>, hands: Hands<'_>) -> Result<(), LedgerError> {
    let last_input = hands.clock.tick();
    let mut this = Loop { till, hands, armed: BTreeMap::new(), stopping: None, last_input };
    let outcome = this.turn_until_stopped(inbox);
    if let Err(failure) = &outcome {
        error!(error = %failure, "the ledger failed, nothing more is sold");
        this.hands.metrics.out_of_order(true);
        this.hands.board.send_modify(|board| board.out_of_order = true);
    }
    outcome
}

impl Loop<'_> {
    fn turn_until_stopped(&mut self, inbox: &Receiver<Input>) -> Result<(), LedgerError> {
        self.wake()?;
        loop {
            (self.hands.alive)();
            match inbox.recv_timeout(self.sleep()) {
                Ok(input) => {
                    self.last_input = self.hands.clock.tick();
                    self.take(input)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.wake()?;
            if self.stopping.is_some_and(|since| self.may_end(since)) {
                return Ok(());
            }
        }
    }

    fn sleep(&self) -> Duration {
        let now = self.hands.clock.tick();
        // Who stops has 10 s in all: no part of a second may be slept away at the end.
        let rest = self.stopping.map_or(SLEEP_MAX, |since| LAST_WORDS.saturating_sub(now.since(since)).min(SLEEP_MAX));
        self.till.next_wake().map_or(rest, |at| at.since(now).min(rest))
    }

    fn wake(&mut self) -> Result<(), LedgerError> {
        let now = self.hands.clock.now();
        let out = self.till.wake(now)?;
        self.release(out);
        if now.tick.since(self.last_input) >= IDLE_AFTER {
            self.till.tidy()?;
        }
        Ok(())
    }

    /// A pay on the wire is worth a few seconds; everything else is safe on disk.
    fn may_end(&self, since: Tick) -> bool {
        let waited = self.hands.clock.tick().since(since);
        waited >= LAST_WORDS || !self.till.payments().any(|payment| payment.state() == State::Submitting)
    }

    fn take(&mut self, input: Input) -> Result<(), LedgerError> {
        let now = self.hands.clock.now();
        let seq = self.till.ledger().seq();
        let outcome = self.answer(input, now);
        if self.till.ledger().seq() != seq {
            self.hands.metrics.commit(self.hands.clock.tick().since(now.tick));
        }
        outcome
    }

    fn answer(&mut self, input: Input, now: Now) -> Result<(), LedgerError> {
        match input {
            Input::Collect(..) | Input::Refund(..) | Input::RefundNotice(..) | Input::Scan { .. }
                if self.stopping.is_some() => {}
            Input::Collect(ask, reply) => {
                let answer = match self.till.collect(*ask, now)? {
                    Ok(collected) => {
                        self.release(collected.out);
                        Ok(Accepted { reference: collected.reference, new: collected.new })
                    }
                    Err(refusal) => Err(refusal),
                };
                let _gone = reply.send(answer);
            }
            Input::Cancel(reference, reply) => {
                let answer = self.till.cancel(&reference, now)?;
                let answer = answer.map(|out| self.release(out));
                self.publish();
                let _gone = reply.send(answer);
            }
            Input::Acknowledge(reference, reply) => {
                let answer = self.till.acknowledge(&reference, now)?;
                self.publish();
                let _gone = reply.send(answer);
            }
            Input::Refund(ask, reply) => {
                let answer = self.till.refund(*ask, now)?;
                let answer = answer.map(|returned| {
                    self.release(returned.out);
                    returned.new
                });
                let _gone = reply.send(answer);
            }
            Input::AcknowledgeRefund(reference, reply) => {
                let answer = self.till.acknowledge_refund(&reference, now)?;
                self.publish();
                let _gone = reply.send(answer);
            }
            Input::Reconciled(kept, reply) => {
                self.till.keep_reconciled(&kept, now)?;
                let _gone = reply.send(Ok(()));
            }
            Input::RefundNotice(notice, reply) => {
                let answer = self.till.notice(&notice, now)?;
                let answer = answer.map(|noticed| {
                    self.release(noticed.out);
                    noticed.new
                });
                let _gone = reply.send(answer);
            }
            Input::Scan { lane, code, read } => self.scan(lane, code, read)?,
            Input::Heard { id, heard, sent } => {
                let out = self.till.hear(id, &heard, sent, now)?;
                self.release(out);
            }
            Input::Adopt(settings) => self.till.adopt(*settings),
            Input::Stop => self.stopping = Some(now.tick),
        }
        Ok(())
    }

    fn scan(&mut self, lane: LaneId, code: AuthCode, read: Tick) -> Result<(), LedgerError> {
        let word = match self.till.scan(&lane, code, read, self.hands.clock.now())? {
            ScanVerdict::Taken(out) => {
                self.release(out);
                self.hands.metrics.scan("taken");
                return Ok(());
            }
            ScanVerdict::NotArmed => "not-armed",
            ScanVerdict::Repeated => "repeated",
            ScanVerdict::TooOld => "too-old",
            ScanVerdict::Used => "used",
        };
        self.notice(lane, word, read);
        Ok(())
    }

    fn notice(&mut self, lane: LaneId, word: &'static str, at: Tick) {
        self.hands.metrics.scan(word);
        info!(%lane, verdict = word, "a scan was not taken");
        self.hands.board.send_modify(|board| {
            board.notices.insert(lane, Notice { word, at });
        });
    }

    /// Sends what was committed, first; then tells everybody.
    fn release(&mut self, out: Vec<Outgoing>) {
        for outgoing in out {
            match outgoing.call.ask.op() {
                Op::Pay => self.hands.metrics.attempt(),
                Op::Reverse => warn!(out_trade_no = %outgoing.call.order.out_trade_no, "reversing"),
                Op::Refund => tell_of_refund(&outgoing),
                Op::Query | Op::RefundQuery => {}
            }
            (self.hands.call)(outgoing);
        }
        self.publish();
    }

    fn publish(&mut self) {
        for Finished { reference, out_trade_no, state } in self.till.take_finished() {
            self.hands.metrics.payment_final(state);
            let out_trade_no = out_trade_no.as_ref().map(OutTradeNo::as_str).unwrap_or_default();
            info!(payment = %reference, out_trade_no, state = state.word(), "a payment is final");
        }
        for SettledRefund { reference, payment, state } in self.till.take_settled_refunds() {
            self.hands.metrics.refund_settled(state);
            if state == RefundState::Refunded {
                info!(%payment, refund = %reference, "a refund has arrived");
            } else {
                let state = state.word();
                warn!(%payment, refund = %reference, state, "a refund needs a person, see `shroff attention`");
            }
        }
        self.hands.metrics.unsettled(self.till.unsettled());
        self.hands.metrics.open_refunds(self.till.open_refunds());
        let lanes = self.till.lanes();
        self.arm_new(&lanes);
        let (seq, unsettled, trouble) = (self.till.ledger().seq(), self.till.unsettled(), self.till.trouble());
        self.hands.board.send_if_modified(|board| {
            let same = board.seq == seq && board.lanes == lanes && board.trouble == trouble;
            if !same {
                board.seq = seq;
                board.lanes = lanes;
                board.unsettled = unsettled;
                board.open_refunds = self.till.open_refunds();
                board.trouble = trouble;
            }
            !same
        });
    }

    fn arm_new(&mut self, lanes: &[LaneView]) {
        for view in lanes {
            let armed = (view.state == Some(State::Armed)).then_some(view.since);
            let before = self.armed.insert(view.lane.clone(), armed).flatten();
            if let Some(since) = armed.filter(|_| before != armed) {
                (self.hands.arm)(&view.lane, since);
            }
        }
    }
}

fn tell_of_refund(outgoing: &Outgoing) {
    let out_trade_no = &outgoing.call.order.out_trade_no;
    match &outgoing.call.ask {
        Ask::Refund(Terms { reason: None, .. }) => {
            warn!(%out_trade_no, "reversing did not work, the money goes back as a refund");
        }
        Ask::Refund(terms) => info!(%out_trade_no, out_refund_no = %terms.out_refund_no, "refunding"),
        Ask::Pay(_) | Ask::Query | Ask::Reverse | Ask::RefundQuery { .. } => {}
    }
}
