//! What the rows of the table do. Each says what becomes true; which row applies is the table's business.

use std::time::Duration;

use super::record::CONTRADICTED;
use super::{
    Alarm, Move, NoticeStatus, Outcome, Processing, Refund, RefundContext, RefundRefused, Stage, Then, Turn, Unknown,
};
use crate::payment::answer::{Class, RefundReceipt, RefundRefusal, Refusal};
use crate::payment::attempt::EDGE_GRACE;
use crate::payment::call::{Ask, Terms};
use crate::words::Tick;

/// Questions are seen to be up to 3 s behind; sooner after a refusal an unknown number proves nothing.
const PROOF_AFTER: Duration = Duration::from_secs(5);
/// A refund call that nobody answered may still be on its way for so long.
const LATE_HORIZON: Duration = Duration::from_secs(300);
/// Waits between the questions whether WeChat knows a refund, behind the policy's `first_query`.
const ASK_WAITS: [Duration; 7] = [
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(20),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
];
/// Waits before it is sent again, by how often it was; the order's own minute comes on top.
const RESEND_WAITS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];
/// Behind those lists, and between two tries to refund out of an empty account.
const HOURLY: Duration = Duration::from_secs(3600);
/// After a rate limit.
const SLOW_DOWN: Duration = Duration::from_secs(60);
/// From WeChat's acceptance to the first question; each further wait is half as long again.
const FIRST_POLL: Duration = Duration::from_secs(5);
/// The longest wait between two questions about a refund that WeChat works on: cards take days.
const LAST_POLL: Duration = Duration::from_secs(6 * 3600);
/// Questions after which a refund that WeChat works on has taken a week.
const POLLS_BEFORE_ALARM: u32 = 48;
/// Questions in a row that did not tell whether it is known: some hours.
const ASKS_BEFORE_ALARM: u32 = 12;
/// Calls in vain before a person is called.
const SENDS_BEFORE_ALARM: u32 = 6;
/// The same where the shop's account was empty each time: three days.
const EMPTY_BEFORE_ALARM: u32 = 72;

/// Sending.
impl Refund {
    /// The only way to a refund call.
    pub(super) fn send(&self, cx: &RefundContext<'_>) -> Move {
        let mut next = self.clone();
        next.sends = self.sends.saturating_add(1);
        let empty = self.refused.as_ref().is_some_and(|it| it.why == RefundRefusal::NotEnough);
        let limit = if empty { EMPTY_BEFORE_ALARM } else { SENDS_BEFORE_ALARM };
        next.alarm = next.alarm.or((next.sends >= limit).then_some(Alarm::Unresolved));
        next.stage = Stage::Asking { until: cx.edge_silent() };
        (next, Some(Ask::Refund(self.terms())))
    }

    pub(super) fn queued_until(&self, due: Tick) -> Move {
        self.staged(Stage::Queued { due })
    }

    pub(super) fn queue(&self, wait: Duration, cx: &RefundContext<'_>) -> Move {
        let due = if wait.is_zero() { cx.now.tick } else { cx.later(wait) };
        self.queued_until(due.max(cx.free_at))
    }

    /// Queues it for longer the more often it was sent.
    pub(super) fn queue_again(&self, cx: &RefundContext<'_>) -> Move {
        self.queue(self.resend_wait(), cx)
    }

    fn resend_wait(&self) -> Duration {
        let at = usize::try_from(self.sends.saturating_sub(1)).unwrap_or(usize::MAX);
        RESEND_WAITS.get(at).copied().unwrap_or(HOURLY)
    }

    pub(super) fn not_sent(&self) -> Self {
        self.because(RefundRefusal::Unsure, &Refusal::new(Class::Unknown, "NOT_SENT", ""))
    }
}

/// Finding out whether WeChat knows it.
impl Refund {
    /// A refusal is no proof: a question says whether it hides a success. Where that knows of nothing, what follows
    /// depends on the reason.
    pub(super) fn refused(&self, why: RefundRefusal, refusal: &Refusal, cx: &RefundContext<'_>) -> Move {
        let mut next = self.because(why, refusal);
        let (then, alarm) = match why {
            RefundRefusal::Unsure => (Then::Resend, None),
            RefundRefusal::NotEnough => (Then::Queue(HOURLY), None),
            RefundRefusal::SlowDown => (Then::Queue(self.resend_wait().max(SLOW_DOWN)), None),
            RefundRefusal::Definite => (Then::Fail, None),
            RefundRefusal::OurFault => (Then::Fail, Some(Alarm::OurFault)),
            RefundRefusal::Mismatch => (Then::Person, Some(Alarm::Incident)),
        };
        next.alarm = next.alarm.or(alarm);
        next.find_out(then, PROOF_AFTER, cx)
    }

    /// Nobody answered: it may have arrived, and it may yet arrive.
    pub(super) fn in_doubt(&self, cx: &RefundContext<'_>) -> Move {
        let mut next = self.clone();
        next.doubted = Some(cx.now.tick);
        next.find_out(Then::Resend, cx.policy.first_query, cx)
    }

    /// After a restart the first word is a question. What was never sent, or was refused for a time, may follow at once.
    pub(super) fn found_again(&self, cx: &RefundContext<'_>) -> Move {
        let then = match &self.stage {
            Stage::Unknown(it) => it.then,
            Stage::Asking { .. } => Then::Resend,
            Stage::Queued { .. } | Stage::Processing(_) | Stage::Settled(_) => Then::Queue(Duration::ZERO),
        };
        let (next, _) = self.find_out(then, Duration::ZERO, cx);
        let Stage::Unknown(it) = &next.stage else { return next.stay() };
        next.ask(it, 0, cx)
    }

    /// It was accepted, and is not known any more.
    pub(super) fn lost(&self, cx: &RefundContext<'_>) -> Move {
        let mut next = self.clone();
        next.accepted_at = None;
        next.find_out(Then::Resend, cx.policy.first_query, cx)
    }

    fn find_out(&self, then: Then, wait: Duration, cx: &RefundContext<'_>) -> Move {
        let turn = Turn::Wait(cx.now.tick.after(wait));
        self.staged(Stage::Unknown(Unknown { turn, asked: 0, page: 0, since: cx.now.tick, then, absent: None }))
    }

    /// Asks for the order's refunds from `page` on: there may be more of them than one answer lists.
    pub(super) fn ask(&self, it: &Unknown, page: u32, cx: &RefundContext<'_>) -> Move {
        let (asked, turn) = (it.asked.saturating_add(u32::from(page == 0)), Turn::Out(cx.edge_silent()));
        let (mut next, _) = self.staged(Stage::Unknown(Unknown { asked, page, turn, ..it.clone() }));
        next.alarm = next.alarm.or((asked >= ASKS_BEFORE_ALARM).then_some(Alarm::Unresolved));
        (next, Some(Ask::RefundQuery { terms: self.terms(), offset: page }))
    }

    pub(super) fn ask_when_due(&self, it: &Unknown, cx: &RefundContext<'_>) -> Move {
        match it.turn {
            Turn::Wait(at) if cx.now.tick >= at => self.ask(it, 0, cx),
            Turn::Out(at) if cx.now.tick >= at => self.ask_later(it, cx),
            Turn::Wait(_) | Turn::Out(_) => self.stay(),
        }
    }

    pub(super) fn ask_later(&self, it: &Unknown, cx: &RefundContext<'_>) -> Move {
        let at = usize::try_from(it.asked.saturating_sub(1)).unwrap_or(usize::MAX);
        let wait = ASK_WAITS.get(at).copied().unwrap_or(HOURLY);
        self.staged(Stage::Unknown(Unknown { turn: Turn::Wait(cx.later(wait)), ..it.clone() }))
    }

    /// WeChat does not know it, and that is believed.
    pub(super) fn go_on(&self, it: &Unknown, cx: &RefundContext<'_>) -> Move {
        match it.then {
            Then::Resend => self.queue_again(cx),
            Then::Queue(wait) => self.queue(wait, cx),
            Then::Fail => self.staged(Stage::Settled(Outcome::Failed)),
            Then::Person => self.ask_later(it, cx),
        }
    }
}

/// Accepted, and the end.
impl Refund {
    pub(super) fn accepted(&self, cx: &RefundContext<'_>) -> Move {
        let turn = Turn::Wait(cx.later(FIRST_POLL));
        let (next, _) =
            self.known(cx).staged(Stage::Processing(Processing { turn, asked: 0, before: 0, page: 0, absent: None }));
        (next, None)
    }

    /// Known to WeChat: what refused it before is over. A signed reply about something else is not.
    fn known(&self, cx: &RefundContext<'_>) -> Self {
        let mut next = self.clone();
        next.refused = None;
        next.alarm = next.alarm.filter(|alarm| *alarm == Alarm::Incident);
        next.accepted_at = next.accepted_at.or(Some(cx.now.wall));
        next
    }

    pub(super) fn poll(&self, it: &Processing, page: u32, cx: &RefundContext<'_>) -> Move {
        let (asked, turn) = (it.asked.saturating_add(u32::from(page == 0)), Turn::Out(cx.edge_silent()));
        let (mut next, _) = self.staged(Stage::Processing(Processing { asked, page, turn, ..it.clone() }));
        next.alarm = next.alarm.or((asked >= POLLS_BEFORE_ALARM).then_some(Alarm::Unresolved));
        (next, Some(Ask::RefundQuery { terms: self.terms(), offset: page }))
    }

    pub(super) fn poll_when_due(&self, it: &Processing, cx: &RefundContext<'_>) -> Move {
        match it.turn {
            Turn::Wait(at) if cx.now.tick >= at => self.poll(it, 0, cx),
            Turn::Out(at) if cx.now.tick >= at => self.poll_later(it, cx),
            Turn::Wait(_) | Turn::Out(_) => self.stay(),
        }
    }

    pub(super) fn poll_later(&self, it: &Processing, cx: &RefundContext<'_>) -> Move {
        let longer = |wait: Duration| wait.saturating_add(wait.checked_div(2).unwrap_or_default()).min(LAST_POLL);
        let vain = it.asked.saturating_sub(it.before).min(POLLS_BEFORE_ALARM);
        let wait = (0..vain).fold(FIRST_POLL, |wait, _| longer(wait));
        self.staged(Stage::Processing(Processing { turn: Turn::Wait(cx.later(wait)), ..it.clone() }))
    }

    pub(super) fn refunded(&self, receipt: &RefundReceipt, cx: &RefundContext<'_>) -> Move {
        self.known(cx).staged(Stage::Settled(Outcome::Refunded(receipt.clone())))
    }

    pub(super) fn closed(&self) -> Move {
        let closed = Refusal::new(Class::Ambiguous, "REFUNDCLOSE", "");
        self.because(RefundRefusal::Definite, &closed).staged(Stage::Settled(Outcome::Failed))
    }

    pub(super) fn by_hand(&self, cx: &RefundContext<'_>) -> Move {
        let changed = Refusal::new(Class::Ambiguous, "CHANGE", "");
        self.known(cx).because(RefundRefusal::Definite, &changed).staged(Stage::Settled(Outcome::ByHand))
    }
}

/// A notification came. Whatever it says, it only moves the next question forward.
impl Refund {
    /// Nothing was to be sent before `due`, and WeChat speaks of it: it may know it already.
    pub(super) fn ask_before(&self, due: Tick, cx: &RefundContext<'_>) -> Move {
        let (next, _) = self.find_out(Then::Queue(due.since(cx.now.tick)), Duration::ZERO, cx);
        let Stage::Unknown(it) = &next.stage else { return next.stay() };
        next.ask(it, 0, cx)
    }

    pub(super) fn ask_at_once(&self, it: &Unknown, cx: &RefundContext<'_>) -> Move {
        match it.turn {
            Turn::Wait(_) => self.ask(it, 0, cx),
            Turn::Out(_) => self.stay(),
        }
    }

    /// The answer may be some seconds behind the notification, so the waits begin anew too.
    pub(super) fn poll_at_once(&self, it: &Processing, cx: &RefundContext<'_>) -> Move {
        let anew = Processing { before: it.asked, ..it.clone() };
        match it.turn {
            Turn::Wait(_) => self.poll(&anew, 0, cx),
            Turn::Out(_) => self.staged(Stage::Processing(anew)),
        }
    }

    /// It is settled, and WeChat says that it ended otherwise: a person must look before money goes back twice.
    pub(super) fn incident(&self) -> Move {
        let why = Refusal::new(Class::Ambiguous, CONTRADICTED, "");
        let mut next = self.because(RefundRefusal::Mismatch, &why);
        next.alarm = Some(Alarm::Incident);
        (next, None)
    }
}

impl Outcome {
    /// Whether `status` cannot be true if this is.
    pub(super) fn is_contradicted(&self, status: NoticeStatus) -> bool {
        use NoticeStatus::{Changed, Closed, Processing, Refunded, Unknown};
        match (self, status) {
            (Self::Refunded(_), Closed | Changed) | (Self::Failed, Refunded | Processing | Changed) => true,
            // What goes back by hand does go back; what was processing was so before the end.
            (Self::Refunded(_), Refunded | Processing | Unknown)
            | (Self::Failed, Closed | Unknown)
            | (Self::ByHand, Refunded | Processing | Closed | Changed | Unknown) => false,
        }
    }
}

/// What several rows share.
impl Refund {
    pub(super) fn stay(&self) -> Move {
        (self.clone(), None)
    }

    fn staged(&self, stage: Stage) -> Move {
        let mut next = self.clone();
        next.stage = stage;
        (next, None)
    }

    fn because(&self, why: RefundRefusal, refusal: &Refusal) -> Self {
        let mut next = self.clone();
        next.refused = Some(RefundRefused { why, refusal: refusal.clone() });
        next
    }

    fn terms(&self) -> Terms {
        let facts = &self.facts;
        let (out_refund_no, amount) = (facts.out_refund_no.clone(), facts.amount);
        Terms { out_refund_no, amount, reason: Some(facts.reason.clone()), notify_url: self.notify_url.clone() }
    }
}

impl Unknown {
    /// Whether REFUNDNOTEXIST counts now. After a call that was lost it must be said twice, and late; where nothing is
    /// sent again, no earlier call may still be on its way. What is only queued risks nothing: its number stays the same.
    pub(super) fn is_believed(&self, refund: &Refund, cx: &RefundContext<'_>) -> bool {
        let now = cx.now.tick;
        match self.then {
            Then::Resend => self.absent.is_some() && self.is_old(cx),
            Then::Queue(_) | Then::Person => true,
            Then::Fail => {
                let nothing_under_way = refund.doubted.is_none_or(|at| now.since(at) >= LATE_HORIZON);
                now.since(self.since) >= PROOF_AFTER && nothing_under_way
            }
        }
    }

    pub(super) fn absent(&self, cx: &RefundContext<'_>) -> Self {
        Self { absent: self.absent.or(self.is_old(cx).then_some(cx.now.tick)), ..self.clone() }
    }

    fn is_old(&self, cx: &RefundContext<'_>) -> bool {
        cx.now.tick.since(self.since) >= cx.policy.not_found_after
    }
}

impl Processing {
    /// Unknown for so long that no replica can be behind.
    pub(super) fn is_lost(&self, cx: &RefundContext<'_>) -> bool {
        self.absent.is_some_and(|first| cx.now.tick.since(first) >= cx.policy.not_found_after)
    }

    pub(super) fn absent(&self, cx: &RefundContext<'_>) -> Self {
        Self { absent: self.absent.or(Some(cx.now.tick)), ..self.clone() }
    }

    pub(super) fn present(&self) -> Self {
        Self { absent: None, ..self.clone() }
    }
}

impl RefundContext<'_> {
    /// When a call that leaves now has been answered, or its edge is silent for ever.
    pub(super) fn edge_silent(&self) -> Tick {
        self.now.tick.after(self.policy.query_timeout).after(EDGE_GRACE)
    }

    /// `wait` from now, and a little longer by chance: WeChat's minutes and hours are the least there may be.
    pub(super) fn later(&self, wait: Duration) -> Tick {
        let micros = wait.as_micros();
        let span = micros.saturating_mul(u128::from(self.policy.jitter_permille)) / 1000;
        let more = span.saturating_mul(u128::from(self.luck.min(999))) / 999;
        let wait = u64::try_from(micros.saturating_add(more)).unwrap_or(u64::MAX);
        self.now.tick.after(Duration::from_micros(wait))
    }
}
