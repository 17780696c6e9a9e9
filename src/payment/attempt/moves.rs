//! What the rows of the table do. Each says what becomes true; which row applies is the table's business.

use std::time::Duration;

use super::{
    Alarm, Asking, Attempt, Context, EDGE_GRACE, Event, Move, Outcome, Refused, Reversing, Settled, Stage, Turn,
};
use crate::payment::answer::{
    Answer, Class, QueryAnswer, Receipt, RefundAnswer, Refusal, ReverseAnswer, ReverseRefusal,
};
use crate::payment::call::{Ask, Op, Terms};
use crate::payment::record::AttemptRecord;
use crate::words::Tick;

/// A payment code lives 60 s, and was seen to live 70 s; a pay that lands later is refused (law 6).
const CODE_DEAD_AFTER: Duration = Duration::from_secs(75);
/// Two ORDERNOTEXIST count only this far apart, in a reversal.
const ABSENT_APART: Duration = Duration::from_secs(30);
/// And this far apart after an unsigned FAIL that blames the request.
const ABSENT_APART_AFTER_FAIL: Duration = Duration::from_secs(5);
/// Reversals that find the order paid before a refund takes their place.
const REVERSALS_BEFORE_REFUND: u32 = 3;
/// Reversals without success before a person is called.
const REVERSALS_BEFORE_ALARM: u32 = 6;
/// WeChat wants at least a minute between refunds of one order.
const REFUND_APART: Duration = Duration::from_secs(60);
/// INVALID_REQUEST and rate limits want at least this pause.
const SLOW_DOWN: Duration = Duration::from_secs(30);
/// From the first reversal, how long the shorter interval holds.
const LATE_AFTER: Duration = Duration::from_secs(300);

/// Paying, and the first question after it.
impl Attempt {
    pub(super) fn refused(&self, refusal: &Refusal, cx: &Context<'_>) -> Move {
        let mut next = self.clone();
        let at_prompt = refusal.class() == Class::CustomerPaying;
        let open = matches!(refusal.class(), Class::CustomerPaying | Class::Unknown);
        next.refused = if open { Refused::No } else { Refused::Signed(refusal.clone()) };
        next.alarm = next.alarm.or((refusal.class() == Class::OurFault).then_some(Alarm::OurFault));
        let wait = if at_prompt { cx.policy.first_query_after_password } else { cx.policy.first_query };
        next.ask_first(wait, at_prompt, cx)
    }

    pub(super) fn failed(&self, request_error: bool, cx: &Context<'_>) -> Move {
        let mut next = self.clone();
        next.refused = Refused::Failed { request_error };
        next.ask_first(cx.policy.first_query, false, cx)
    }

    pub(super) fn ask_soon(&self, cx: &Context<'_>) -> Move {
        self.clone().ask_first(cx.policy.first_query, false, cx)
    }

    /// The edge never came back: the pay may have left as late as now.
    pub(super) fn ask_soon_after_silence(&self, cx: &Context<'_>) -> Move {
        let mut next = self.clone();
        next.sent = cx.now;
        next.ask_soon(cx)
    }

    /// Nobody knows how old it is, so it counts as old: one question now, and a reversal as soon as the fence allows.
    pub(super) fn ask_now_as_old(&self, cx: &Context<'_>) -> Move {
        let mut next = self.clone();
        next.sent = cx.now;
        next.old = true;
        next.ask_first(Duration::ZERO, false, cx)
    }

    pub(super) fn ask_first(mut self, wait: Duration, at_prompt: bool, cx: &Context<'_>) -> Move {
        let until = self.give_up(cx.policy);
        let turn = Turn::Wait(cx.now.after(wait).min(until.max(cx.now)));
        self.stage = Stage::Asking(Asking { until, turn, absent: None, at_prompt });
        (self, None)
    }

    pub(super) fn remember_cancel(&self) -> Move {
        let mut next = self.clone();
        next.canceled = true;
        (next, None)
    }
}

/// Asking.
impl Attempt {
    pub(super) fn ask_again(&self, asking: &Asking, cx: &Context<'_>) -> Move {
        if cx.now >= asking.until {
            return self.reverse_now(cx);
        }
        let at = cx.now.after(cx.spread(cx.policy.query_interval)).min(asking.until);
        self.staged(Stage::Asking(Asking { turn: Turn::Wait(at), ..asking.clone() }))
    }

    pub(super) fn ask_until_fence(&self, asking: &Asking, cx: &Context<'_>) -> Move {
        let until = asking.until.min(self.fence(cx.policy));
        self.ask_again(&Asking { until, ..asking.clone() }, cx)
    }

    pub(super) fn wait_for_fence(&self, asking: &Asking, cx: &Context<'_>) -> Move {
        let until = asking.until.min(self.fence(cx.policy));
        if cx.now >= until {
            return self.reverse_now(cx);
        }
        let asking = Asking { until, turn: Turn::Wait(until), at_prompt: false, ..asking.clone() };
        self.contradicted().staged(Stage::Asking(asking))
    }

    pub(super) fn give_up_at_fence(&self, asking: &Asking, cx: &Context<'_>) -> Move {
        let until = asking.until.min(self.fence(cx.policy));
        let turn = match asking.turn {
            Turn::Wait(at) => Turn::Wait(at.min(until.max(cx.now))),
            Turn::Out(op, at) => Turn::Out(op, at),
        };
        let (next, _) = self.remember_cancel();
        next.staged(Stage::Asking(Asking { until, turn, ..asking.clone() }))
    }

    pub(super) fn ask_when_due(&self, asking: &Asking, cx: &Context<'_>) -> Move {
        match asking.turn {
            Turn::Wait(at) if cx.now >= at => self.query(|turn| Stage::Asking(Asking { turn, ..asking.clone() }), cx),
            Turn::Out(_, at) if cx.now >= at => self.ask_again(asking, cx),
            Turn::Wait(_) | Turn::Out(..) => self.stay(),
        }
    }

    pub(super) fn absent_after_fail(&self, asking: &Asking, cx: &Context<'_>) -> bool {
        let blamed = matches!(self.refused, Refused::Failed { request_error: true });
        blamed && asking.absent.is_some_and(|first| cx.now.since(first) >= ABSENT_APART_AFTER_FAIL)
    }
}

/// Reversing.
impl Attempt {
    pub(super) fn reverse_now(&self, cx: &Context<'_>) -> Move {
        let it = Reversing {
            tries: 0,
            first: cx.now,
            turn: Turn::Wait(cx.now),
            accepted: false,
            absent: None,
            paid_last: false,
            paid_seen: false,
            refund_due: false,
            refunds: 0,
            slow: false,
        };
        self.reverse(&it, cx)
    }

    pub(super) fn reverse(&self, it: &Reversing, cx: &Context<'_>) -> Move {
        let tries = it.tries.saturating_add(1);
        let turn = cx.out(Op::Reverse);
        let mut next = self.clone();
        next.alarm = next.alarm.or((tries >= REVERSALS_BEFORE_ALARM).then_some(Alarm::Unresolved));
        next.stage = Stage::Reversing(Reversing { tries, turn, slow: false, ..it.clone() });
        (next, Some(Ask::Reverse))
    }

    pub(super) fn refund(&self, it: &Reversing, cx: &Context<'_>) -> Move {
        let mut next = self.clone();
        next.alarm = next.alarm.or(Some(Alarm::Unresolved));
        let refunds = it.refunds.saturating_add(1);
        next.stage = Stage::Reversing(Reversing { refunds, turn: cx.out(Op::Refund), slow: false, ..it.clone() });
        let terms =
            Terms { out_refund_no: self.refund_no.clone(), amount: self.order.amount, reason: None, notify_url: None };
        (next, Some(Ask::Refund(terms)))
    }

    pub(super) fn confirm(&self, it: &Reversing, cx: &Context<'_>) -> Move {
        self.query(|turn| Stage::Reversing(Reversing { turn, ..it.clone() }), cx)
    }

    pub(super) fn reverse_later(&self, it: &Reversing, cx: &Context<'_>) -> Move {
        let wait = self.reversal_wait(it, cx);
        self.staged(Stage::Reversing(Reversing { turn: Turn::Wait(cx.now.after(wait)), ..it.clone() }))
    }

    pub(super) fn reversal_wait(&self, it: &Reversing, cx: &Context<'_>) -> Duration {
        let step = usize::try_from(it.tries.saturating_add(it.refunds).saturating_sub(1)).unwrap_or(usize::MAX);
        let early = cx.now.since(it.first) < LATE_AFTER;
        let interval = if early { cx.policy.reverse_interval } else { cx.policy.reverse_interval_late };
        let wait = cx.policy.reverse_waits.get(step).copied().unwrap_or(interval);
        let least = if it.slow { SLOW_DOWN } else { Duration::ZERO };
        let apart = if it.refunds > 0 { REFUND_APART } else { Duration::ZERO };
        wait.max(least).max(apart)
    }

    pub(super) fn next_after_silence(&self, it: &Reversing, cx: &Context<'_>) -> Move {
        match it.turn {
            Turn::Out(Op::Reverse | Op::Refund, _) => self.confirm(it, cx),
            Turn::Out(Op::Query | Op::RefundQuery | Op::Pay, _) | Turn::Wait(_) => self.reverse_later(it, cx),
        }
    }

    pub(super) fn reverse_when_due(&self, it: &Reversing, cx: &Context<'_>) -> Move {
        match it.turn {
            Turn::Wait(at) if cx.now >= at && it.refund_is_right() => self.refund(it, cx),
            Turn::Wait(at) if cx.now >= at => self.reverse(it, cx),
            Turn::Out(_, at) if cx.now >= at => self.next_after_silence(it, cx),
            Turn::Wait(_) | Turn::Out(..) => self.stay(),
        }
    }

    /// Law 6: a reversal was accepted, two queries far apart know no such order, and the code is dead.
    pub(super) fn never_arrived(&self, it: &Reversing, cx: &Context<'_>) -> bool {
        let code_is_dead = cx.now.since(self.sent) >= CODE_DEAD_AFTER;
        it.accepted && code_is_dead && it.absent.is_some_and(|first| cx.now.since(first) >= ABSENT_APART)
    }

    /// A reversal that blames our certificate, key or request is for a person at once.
    pub(super) fn alarmed_by(&self, answer: &ReverseAnswer) -> Self {
        let ours = matches!(answer, ReverseAnswer::NotDone { why: ReverseRefusal::OurFault, .. });
        let mut next = self.clone();
        next.alarm = next.alarm.or(ours.then_some(Alarm::OurFault));
        next
    }

    pub(super) fn landed_late(&self) -> Self {
        let mut next = self.clone();
        next.alarm = Some(Alarm::LateLanding);
        next
    }
}

/// Settled, and the late-landing watch.
impl Attempt {
    pub(super) fn settle(&self, outcome: Outcome) -> Move {
        let mut next = self.clone();
        if let Outcome::Paid(receipt) = &outcome {
            next = next.known_as(receipt);
        }
        next.stage = Stage::Settled(Settled { outcome, watch: 0, turn: Turn::Wait(Tick::default()) });
        (next, None)
    }

    pub(super) fn settle_watched(&self, outcome: Outcome, cx: &Context<'_>) -> Move {
        let ages = cx.policy.late_watch.iter().filter(|age| self.sent.after(**age) > cx.now).count();
        let watch = u32::try_from(ages.max(1)).unwrap_or(1);
        let it = Settled { outcome, watch, turn: Turn::Wait(Tick::default()) };
        self.staged(Stage::Settled(Settled { turn: Turn::Wait(self.watch_at(watch, cx)), ..it }))
    }

    /// When the watch with this many queries left asks next: the ages of the policy, counted from the pay.
    pub(super) fn watch_at(&self, left: u32, cx: &Context<'_>) -> Tick {
        let back = usize::try_from(left).unwrap_or(1);
        let ages = &cx.policy.late_watch;
        let age = ages.len().checked_sub(back).and_then(|at| ages.get(at)).copied().unwrap_or(LATE_AFTER);
        self.sent.after(age).max(cx.now)
    }

    pub(super) fn watch_when_due(&self, it: &Settled, cx: &Context<'_>) -> Move {
        match it.turn {
            Turn::Wait(at) if it.watch > 0 && cx.now >= at => {
                self.query(|turn| Stage::Settled(Settled { turn, ..it.clone() }), cx)
            }
            Turn::Out(_, at) if cx.now >= at => self.watch_again(it, cx),
            Turn::Wait(_) | Turn::Out(..) => self.stay(),
        }
    }

    pub(super) fn watch_next(&self, it: &Settled, cx: &Context<'_>) -> Move {
        let watch = it.watch.saturating_sub(1);
        let turn = Turn::Wait(self.watch_at(watch.max(1), cx));
        self.staged(Stage::Settled(Settled { watch, turn, ..it.clone() }))
    }

    pub(super) fn watch_again(&self, it: &Settled, cx: &Context<'_>) -> Move {
        let turn = Turn::Wait(cx.now.after(cx.policy.reverse_interval_late));
        self.staged(Stage::Settled(Settled { turn, ..it.clone() }))
    }

    pub(super) fn watch_from_here(&self, it: &Settled, cx: &Context<'_>) -> Move {
        let turn = Turn::Wait(self.watch_at(it.watch, cx));
        self.staged(Stage::Settled(Settled { turn, ..it.clone() }))
    }
}

/// What several rows share.
impl Attempt {
    pub(super) fn query(&self, stage: impl FnOnce(Turn) -> Stage, cx: &Context<'_>) -> Move {
        let (next, _) = self.staged(stage(cx.out(Op::Query)));
        (next, Some(Ask::Query))
    }

    pub(super) fn staged(&self, stage: Stage) -> Move {
        let mut next = self.clone();
        next.stage = stage;
        (next, None)
    }

    pub(super) fn stay(&self) -> Move {
        (self.clone(), None)
    }

    pub(super) fn known_as(&self, receipt: &Receipt) -> Self {
        let mut next = self.clone();
        next.order.transaction_id = Some(receipt.transaction_id.clone());
        next
    }

    pub(super) fn contradicted(&self) -> Self {
        let mut next = self.clone();
        if let Refused::Signed(refusal) = &self.refused {
            next.refused = Refused::Contradicted(refusal.clone());
        }
        next
    }

    /// A signed refusal of a class that, with a query that knows no order or a closed one, is an end. ORDERPAID and
    /// OUT_TRADE_NO_USED say the opposite of absent, so they do not count.
    pub(super) fn refusal_counts(&self) -> bool {
        matches!(&self.refused, Refused::Signed(refusal) if matches!(refusal.class(),
            Class::FreshCode | Class::Ambiguous | Class::Throttled | Class::OurFault))
    }

    /// A refusal that NOTPAY is enough to confirm.
    pub(super) fn refusal_is_definite(&self) -> bool {
        matches!(&self.refused, Refused::Signed(refusal) if matches!(refusal.class(), Class::FreshCode | Class::OurFault))
    }
}

impl Asking {
    pub(super) fn absent(&self, cx: &Context<'_>) -> Self {
        Self { absent: self.absent.or(Some(cx.now)), at_prompt: false, ..self.clone() }
    }

    pub(super) fn at_prompt(&self) -> Self {
        Self { absent: None, at_prompt: true, ..self.clone() }
    }

    /// A query that was answered otherwise ends what the last one saw; no answer at all ends nothing.
    pub(super) fn away_from_prompt(&self, event: &Event) -> Self {
        let answered =
            matches!(event, Event::Answered(Answer::Query(QueryAnswer::NotPaid | QueryAnswer::UnknownState)));
        let absent = if answered { None } else { self.absent };
        Self { absent, at_prompt: self.at_prompt && !answered, ..self.clone() }
    }
}

impl Reversing {
    /// What a new process knows of a reversal: it may have been accepted, but that must be seen anew.
    pub(in crate::payment) fn found(record: &AttemptRecord, now: Tick) -> Self {
        Self {
            tries: record.tries,
            first: now,
            turn: Turn::Wait(now),
            accepted: false,
            absent: None,
            paid_last: false,
            paid_seen: record.paid_seen,
            refund_due: record.refund_due,
            refunds: record.refunds,
            slow: false,
        }
    }

    pub(super) fn absent(&self, attempt: &Attempt, cx: &Context<'_>) -> Self {
        let old_enough = cx.now.since(attempt.sent) >= cx.policy.not_found_after;
        let counts = self.accepted && old_enough;
        Self { absent: self.absent.or(counts.then_some(cx.now)), paid_last: false, ..self.clone() }
    }

    pub(super) fn paid(&self) -> Self {
        Self { paid_last: true, paid_seen: true, absent: None, ..self.clone() }
    }

    pub(super) fn alive(&self) -> Self {
        Self { paid_last: false, absent: None, ..self.clone() }
    }

    pub(super) fn heard(&self, answer: &ReverseAnswer) -> Self {
        let mut next = self.clone();
        match answer {
            ReverseAnswer::Accepted { .. } | ReverseAnswer::Absent => next.accepted = true,
            ReverseAnswer::NotDone { why: ReverseRefusal::WindowOver, .. } => next.refund_due = true,
            ReverseAnswer::NotDone { why: ReverseRefusal::SlowDown, .. } => next.slow = true,
            ReverseAnswer::NotDone { why: ReverseRefusal::Other, recall: false, .. } => next.refund_due = true,
            ReverseAnswer::NotDone { .. } => {}
        }
        next
    }

    pub(super) fn heard_refund(&self, answer: &RefundAnswer) -> Self {
        Self { slow: matches!(answer, RefundAnswer::NotDone { .. }), ..self.clone() }
    }

    /// Tried in vain too often, called useless, or left to a refund: a person must look, whatever other alarm there is.
    pub(super) fn calls_for_help(&self) -> bool {
        self.tries >= REVERSALS_BEFORE_ALARM || self.refunds > 0 || self.refund_due
    }

    pub(super) fn refund_is_right(&self) -> bool {
        self.paid_last && (self.refund_due || self.tries >= REVERSALS_BEFORE_REFUND)
    }
}

impl Context<'_> {
    pub(super) fn out(&self, op: Op) -> Turn {
        Turn::Out(op, self.now.after(self.policy.query_timeout).after(EDGE_GRACE))
    }

    /// `wait` spread by the policy's jitter either way.
    pub(super) fn spread(&self, wait: Duration) -> Duration {
        let micros = wait.as_micros();
        let span = micros.saturating_mul(u128::from(self.policy.jitter_permille)) / 1000;
        let shift = span.saturating_mul(2).saturating_mul(u128::from(self.luck.min(999))) / 999;
        let spread = micros.saturating_sub(span).saturating_add(shift);
        Duration::from_micros(u64::try_from(spread).unwrap_or(u64::MAX))
    }
}
