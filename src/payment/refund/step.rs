//! What happens to a refund, as a decision whose call is locked inside until it is on disk.

use super::{Event, Refund, RefundContext, RefundFacts, RefundNote, Stage};
use crate::payment::attempt::Alarm;
use crate::payment::call::{Ask, Call, Op};
use crate::payment::intent::{Change, Durable, Heard};
use crate::payment::notice::RefundNotice;
use crate::words::Now;

/// A decision about a refund.
#[derive(Debug)]
#[must_use = "a decision that is not committed did not happen"]
pub struct RefundStep {
    refund: Refund,
    notes: Vec<RefundNote>,
    ask: Option<Ask>,
    at: Now,
}

impl RefundStep {
    /// Keeps the decision, and only then hands out the refund as it now is and what to say to the gateway.
    ///
    /// # Errors
    /// When the save failed: nothing was said, and nothing may be.
    pub fn commit<D: Durable>(self, durable: &mut D) -> Result<(Refund, Option<Call>), D::Error> {
        durable.save(&Change::Refund { refund: &self.refund, notes: &self.notes, at: self.at })?;
        let order = self.refund.order();
        Ok((self.refund, self.ask.map(|ask| Call { order, ask })))
    }

    /// The refund as it will be.
    #[must_use]
    pub fn refund(&self) -> &Refund {
        &self.refund
    }
}

impl Refund {
    /// A refund the POS has just asked for. It leaves with the same commit when the order is free.
    /// `all`: nothing is left of the payment after it. How it ends is told to `notify_url` too, if there is one.
    pub fn request(facts: RefundFacts, all: bool, notify_url: Option<String>, cx: &RefundContext<'_>) -> RefundStep {
        let requested = RefundNote::RefundRequested {
            out_refund_no: facts.out_refund_no.to_string(),
            refund_amount: facts.amount.minor(),
            all_that_was_left: all,
            reason: facts.reason.clone(),
            operator: facts.operator.clone(),
            supervised: facts.supervised,
            notify_url: notify_url.clone(),
        };
        let stage = Stage::Queued { due: cx.now.tick };
        let refund =
            Self { facts, notify_url, stage, sends: 0, doubted: None, refused: None, alarm: None, accepted_at: None };
        refund.moved(&Event::Woke, Some(requested), cx)
    }

    /// Takes what came back from the gateway.
    pub fn hear(&self, op: Op, heard: &Heard, cx: &RefundContext<'_>) -> RefundStep {
        let mut refund = self.clone();
        let (event, note) = match heard {
            Heard::Answer(answer) => (Event::Answered(answer.clone()), RefundNote::answered(op, answer)),
            Heard::NotSent(why) => (Event::NotSent, RefundNote::RefundNotSent { op: op.word(), why }),
            Heard::Nothing { why, incident } => {
                refund.alarm = if *incident { Some(Alarm::Incident) } else { refund.alarm };
                (Event::NoAnswer, RefundNote::RefundNoAnswer { op: op.word(), why })
            }
        };
        refund.moved(&event, Some(note), cx)
    }

    /// Takes a notification that [is about](RefundNotice::is_about) this refund.
    pub fn notice(&self, notice: &RefundNotice, cx: &RefundContext<'_>) -> RefundStep {
        let note = RefundNote::RefundNoticed { notice_id: notice.id.to_string(), said: notice.status.word() };
        self.moved(&Event::Noticed(notice.status), Some(note), cx)
    }

    /// The same, told where to: a row does not say.
    #[must_use]
    pub fn telling(self, notify_url: Option<String>) -> Self {
        Self { notify_url, ..self }
    }

    /// Does what the clock asks for. Nothing, when it is too early.
    pub fn wake(&self, cx: &RefundContext<'_>) -> Option<RefundStep> {
        if cx.now.tick < self.wakes()? {
            return None;
        }
        let silence = self.waits_for_the_edge().then_some(RefundNote::RefundSilence);
        Some(self.moved(&Event::Woke, silence, cx))
    }

    /// Finds the refund after a restart: it is asked about before anything is sent.
    pub fn recover(&self, cx: &RefundContext<'_>) -> Option<RefundStep> {
        if self.is_at_rest() {
            return None;
        }
        Some(self.moved(&Event::Recovered, Some(RefundNote::RefundRecovered), cx))
    }

    /// Lets the table decide. A bare question is not worth a line, and neither is a wake-up that changed nothing.
    fn moved(&self, event: &Event, note: Option<RefundNote>, cx: &RefundContext<'_>) -> RefundStep {
        let (refund, ask) = self.on(event, cx);
        let sent = matches!(ask, Some(Ask::Refund(_))).then(|| RefundNote::RefundSent { attempt_no: refund.sends });
        let notes = [note, sent].into_iter().flatten().collect();
        RefundStep { refund, notes, ask, at: cx.now }
    }
}
