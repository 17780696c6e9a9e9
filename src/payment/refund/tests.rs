use super::*;
use crate::payment::answer::Class;
use crate::payment::call::Op;
use crate::payment::intent::{Change, Durable, Heard};
use crate::payment::notice::RefundNotice;
use crate::payment::state::RefundState;
use crate::words::WallTime;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A refund under a policy without jitter, and the call it has out.
struct Desk {
    refund: Refund,
    ask: Option<Ask>,
    now: Tick,
    policy: Policy,
    /// How often it was asked about, and sent.
    asked: Vec<Tick>,
    sent: Vec<Tick>,
}

struct Anywhere;

impl Durable for Anywhere {
    type Error = std::convert::Infallible;

    fn save(&mut self, _: &Change<'_>) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Desk {
    fn open() -> Self {
        let policy = Policy { jitter_permille: 0, ..Policy::default() };
        let now = Tick::from_micros(1_000_000);
        let step = Refund::request(facts(), false, None, &context(now, &policy));
        let (refund, call) = step.commit(&mut Anywhere).expect("nothing fails here");
        let mut desk = Self { refund, ask: None, now, policy, asked: Vec::new(), sent: Vec::new() };
        desk.note(call.map(|call| call.ask));
        desk
    }

    fn note(&mut self, ask: Option<Ask>) {
        match ask.as_ref().map(Ask::op) {
            Some(Op::Refund) => self.sent.push(self.now),
            Some(_) => self.asked.push(self.now),
            None => return,
        }
        self.ask = ask;
    }

    fn take(&mut self, step: RefundStep) {
        let (refund, call) = step.commit(&mut Anywhere).expect("nothing fails here");
        self.refund = refund;
        self.note(call.map(|call| call.ask));
    }

    fn hears(&mut self, answer: Answer) {
        let op = self.ask.take().expect("a call is out").op();
        let step = self.refund.hear(op, &Heard::Answer(answer), &context(self.now, &self.policy));
        self.take(step);
    }

    /// Lets this time pass; calls stay unanswered.
    fn answers_nothing(&mut self, time: Duration) {
        self.now = self.now.after(time);
        if let Some(step) = self.refund.wake(&context(self.now, &self.policy)) {
            self.take(step);
        }
    }

    /// Lets this time pass and answers every call alike.
    fn answers(&mut self, time: Duration, refund: &RefundAnswer, question: &RefundQueryAnswer) {
        let end = self.now.after(time);
        loop {
            match self.ask.as_ref().map(Ask::op) {
                Some(Op::Refund) => self.hears(Answer::Refund(refund.clone())),
                Some(_) => self.hears(Answer::RefundQuery(question.clone())),
                None => {
                    let Some(at) = self.refund.wakes().filter(|at| *at <= end) else { break };
                    self.now = at;
                    if let Some(step) = self.refund.wake(&context(at, &self.policy)) {
                        self.take(step);
                    }
                }
            }
        }
        self.now = end;
    }
}

fn context(now: Tick, policy: &Policy) -> RefundContext<'_> {
    let now = Now { tick: now, wall: WallTime::from_millis(0) };
    RefundContext { now, policy, luck: 0, free_at: Tick::default() }
}

fn facts() -> RefundFacts {
    let money = |minor| Money::new(minor, "HKD".parse().expect("a currency")).expect("money");
    RefundFacts {
        reference: "refund-1".parse().expect("a refund_ref"),
        out_refund_no: "T01AAAA00000002F".parse().expect("a number"),
        payment: "T01-A-1".parse().expect("a ref"),
        out_trade_no: "T01AAAA00000001".parse().expect("a number"),
        transaction_id: "4200000001".parse().expect("an id"),
        amount: money(1200),
        total: money(8800),
        reason: "wrong dish".into(),
        operator: "Mei".into(),
        supervised: false,
        created_at: WallTime::from_millis(0),
    }
}

fn no(why: RefundRefusal) -> RefundAnswer {
    RefundAnswer::NotDone { why, refusal: Refusal::new(Class::Unknown, why.word(), "") }
}

#[test]
fn a_refund_leaves_with_the_request_and_always_on_the_same_terms() {
    let mut desk = Desk::open();
    let Some(Ask::Refund(first)) = desk.ask.clone() else { panic!("it leaves at once") };
    assert_eq!((first.out_refund_no.as_str(), first.amount.minor()), ("T01AAAA00000002F", 1200));
    desk.answers(3 * DAY, &no(RefundRefusal::Unsure), &RefundQueryAnswer::Absent);
    assert!(desk.sent.len() > 20);
    let record = desk.refund.record();
    desk.refund = Refund::found(&record, desk.now).expect("a row");
    let step = desk.refund.recover(&context(desk.now, &desk.policy)).expect("open");
    desk.take(step);
    assert!(matches!(desk.ask, Some(Ask::RefundQuery { .. })), "it asks before it sends");
    desk.sent.clear();
    while desk.sent.is_empty() {
        let time = Duration::from_secs(1);
        if matches!(desk.ask, Some(Ask::RefundQuery { .. })) {
            desk.hears(Answer::RefundQuery(RefundQueryAnswer::Absent));
        }
        desk.answers_nothing(time);
    }
    let Some(Ask::Refund(again)) = &desk.ask else { panic!("it is sent again") };
    assert_eq!(*again, first);
}

#[test]
fn what_wechat_works_on_is_asked_about_for_days_and_ever_more_rarely() {
    let mut desk = Desk::open();
    desk.answers(10 * DAY, &RefundAnswer::Accepted, &RefundQueryAnswer::Processing);
    assert_eq!(desk.sent.len(), 1, "accepted once, sent once");
    let waits: Vec<Duration> = desk.asked.windows(2).map(|two| two[1].since(two[0])).collect();
    assert_eq!(waits.first(), Some(&Duration::from_millis(7_500)));
    assert!(waits.windows(2).all(|two| two[0] <= two[1]), "slower and slower: {waits:?}");
    assert_eq!(waits.last(), Some(&(6 * HOUR)));
    let a_day = desk.asked.iter().filter(|at| at.since(Tick::default()) < DAY).count();
    assert!((15..30).contains(&a_day), "{a_day} questions on the first day");
    assert_eq!(desk.refund.state(), RefundState::NeedsAttention, "after a week somebody should look");
    let receipt = RefundReceipt { refund_id: None, refunded_at: None };
    desk.answers(DAY, &RefundAnswer::Accepted, &RefundQueryAnswer::Refunded(receipt));
    assert_eq!(desk.refund.state(), RefundState::Refunded);
}

#[test]
fn an_empty_account_is_tried_hourly_and_calls_somebody_after_three_days() {
    let mut desk = Desk::open();
    desk.answers(2 * DAY, &no(RefundRefusal::NotEnough), &RefundQueryAnswer::Absent);
    assert_eq!(desk.refund.state(), RefundState::Requested);
    let waits: Vec<u64> = desk.sent.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert!(waits.iter().all(|wait| (3600..3620).contains(wait)), "{waits:?}");
    desk.answers(2 * DAY, &no(RefundRefusal::NotEnough), &RefundQueryAnswer::Absent);
    assert_eq!(desk.refund.state(), RefundState::NeedsAttention);
    desk.answers(DAY, &RefundAnswer::Accepted, &RefundQueryAnswer::Processing);
    assert_eq!(desk.refund.state(), RefundState::Processing, "the shop has topped it up");
}

#[test]
fn silence_is_asked_about_for_ever_ever_more_rarely_and_calls_somebody() {
    let mut desk = Desk::open();
    for _ in 0..200_000 {
        desk.answers_nothing(Duration::from_secs(1));
    }
    assert_eq!((desk.sent.len(), desk.refund.state()), (1, RefundState::NeedsAttention));
    let waits: Vec<u64> = desk.asked.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert!(waits.windows(2).all(|two| two[0] <= two[1]), "slower and slower: {waits:?}");
    assert!(waits.last().is_some_and(|wait| *wait >= 3600), "{waits:?}");
}

#[test]
fn refusals_nobody_understands_slow_down_and_call_somebody() {
    let mut desk = Desk::open();
    desk.answers(DAY, &no(RefundRefusal::Unsure), &RefundQueryAnswer::Absent);
    assert_eq!(desk.refund.state(), RefundState::NeedsAttention);
    let waits: Vec<u64> = desk.sent.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert!(waits.windows(2).all(|two| two[0] <= two[1]), "slower and slower: {waits:?}");
    assert!(waits.last().is_some_and(|wait| *wait >= 3600), "{waits:?}");
}

#[test]
fn no_answer_of_any_kind_ends_a_refund_without_proof() {
    use RefundQueryAnswer as Q;
    let receipt = RefundReceipt { refund_id: None, refunded_at: None };
    let refusals = [
        RefundRefusal::Unsure,
        RefundRefusal::NotEnough,
        RefundRefusal::SlowDown,
        RefundRefusal::Definite,
        RefundRefusal::OurFault,
        RefundRefusal::Mismatch,
    ];
    for why in refusals {
        let mut desk = Desk::open();
        desk.hears(Answer::Refund(no(why)));
        assert!(!desk.refund.is_at_rest(), "{why:?} is only what it says");
        let no_word = Q::NoWord(Refusal::new(Class::Unknown, "SYSTEMERROR", ""));
        for vague in [no_word, Q::UnknownStatus, Q::More { offset: 10 }] {
            desk.answers(DAY, &no(why), &vague);
            assert!(!desk.refund.is_at_rest(), "{why:?}, then {vague:?}");
        }
        assert_eq!(desk.sent.len(), 1, "{why:?}: nothing is sent before it is known that nothing was done");
        desk.answers(DAY, &no(why), &Q::Refunded(receipt.clone()));
        assert_eq!(desk.refund.state(), RefundState::Refunded, "{why:?} hid a success");
    }
}

#[test]
fn only_a_refusal_for_good_and_an_unknown_number_are_failed() {
    for (why, fails) in [
        (RefundRefusal::Unsure, false),
        (RefundRefusal::NotEnough, false),
        (RefundRefusal::SlowDown, false),
        (RefundRefusal::Mismatch, false),
        (RefundRefusal::Definite, true),
        (RefundRefusal::OurFault, true),
    ] {
        let mut desk = Desk::open();
        desk.answers(DAY, &no(why), &RefundQueryAnswer::Absent);
        assert_eq!(desk.refund.state() == RefundState::Failed, fails, "{why:?}");
    }
}

fn told(desk: &mut Desk, status: NoticeStatus) {
    let facts = facts();
    let notice = RefundNotice {
        id: "EV-1".parse().expect("an id"),
        out_refund_no: facts.out_refund_no,
        out_trade_no: facts.out_trade_no,
        transaction_id: None,
        refund: facts.amount.minor(),
        total: facts.total.minor(),
        currency: None,
        status,
    };
    let step = desk.refund.notice(&notice, &context(desk.now, &desk.policy));
    desk.take(step);
}

#[test]
fn a_notification_moves_the_next_question_forward_and_the_waits_begin_anew() {
    let mut desk = Desk::open();
    desk.answers(DAY, &RefundAnswer::Accepted, &RefundQueryAnswer::Processing);
    let asked = desk.asked.len();
    told(&mut desk, NoticeStatus::Refunded);
    assert_eq!((desk.asked.len(), desk.refund.state()), (asked + 1, RefundState::Processing));
    // The replica that answers is behind.
    desk.answers(Duration::from_secs(30), &RefundAnswer::Accepted, &RefundQueryAnswer::Processing);
    let waits: Vec<Duration> = desk.asked[asked..].windows(2).map(|two| two[1].since(two[0])).collect();
    assert_eq!(waits.first(), Some(&Duration::from_millis(7_500)));
    assert!(waits.len() >= 2, "{waits:?}");
    // One that comes while a question is out asks nothing more.
    desk.answers(DAY, &RefundAnswer::Accepted, &RefundQueryAnswer::Processing);
    told(&mut desk, NoticeStatus::Refunded);
    let asked = desk.asked.len();
    told(&mut desk, NoticeStatus::Closed);
    assert_eq!(desk.asked.len(), asked);
    let receipt = RefundReceipt { refund_id: None, refunded_at: None };
    desk.hears(Answer::RefundQuery(RefundQueryAnswer::Refunded(receipt)));
    assert_eq!(desk.refund.state(), RefundState::Refunded);
}

#[test]
fn a_notification_sends_nothing_and_settles_nothing_wherever_the_refund_stands() {
    for status in [NoticeStatus::Refunded, NoticeStatus::Closed, NoticeStatus::Changed, NoticeStatus::Unknown] {
        // On the wire.
        let mut desk = Desk::open();
        told(&mut desk, status);
        assert_eq!((desk.sent.len(), desk.asked.len(), desk.refund.is_at_rest()), (1, 0, false));
        // Unknown: asked about at once, and still only believed after its time.
        desk.hears(Answer::Refund(no(RefundRefusal::Definite)));
        told(&mut desk, status);
        assert_eq!((desk.sent.len(), desk.asked.len(), desk.refund.is_at_rest()), (1, 1, false));
        desk.hears(Answer::RefundQuery(RefundQueryAnswer::Absent));
        assert!(!desk.refund.is_at_rest(), "a notification makes no proof of a question that came too early");
        // Queued for an hour: it is asked about, and what is then not known waits for the rest of the hour.
        let mut desk = Desk::open();
        desk.answers(HOUR / 2, &no(RefundRefusal::NotEnough), &RefundQueryAnswer::Absent);
        let (sent, asked) = (desk.sent.len(), desk.asked.len());
        told(&mut desk, status);
        assert_eq!((desk.sent.len(), desk.asked.len()), (sent, asked + 1));
        desk.answers(HOUR / 3, &no(RefundRefusal::NotEnough), &RefundQueryAnswer::Absent);
        assert_eq!(desk.sent.len(), sent, "the hour still counts");
        desk.answers(HOUR / 2, &no(RefundRefusal::NotEnough), &RefundQueryAnswer::Absent);
        assert_eq!(desk.sent.len(), sent + 1);
    }
}
