//! Laws that need a disk that fails, or a scan at the wrong moment.

use std::time::Duration;

use shroff::ledger::{Birth, Ledger};
use shroff::payment::{Change, Durable, Facts, Mint, Payment, Policy, Refund, RefundContext, RefundFacts};
use shroff::till::{NewPayment, ScanVerdict, Settings, Till};
use shroff::words::{Money, Now, Secret, Tick, WallTime};

use crate::support::BadDisk;

/// A disk that keeps nothing.
struct Broken;

impl Durable for Broken {
    type Error = &'static str;

    fn save(&mut self, _: &Change<'_>) -> Result<(), Self::Error> {
        Err("the disk is full")
    }
}

#[test]
fn a_step_gives_no_call_when_the_save_failed() {
    let mint = Mint {
        out_trade_no: "T01K7Q2M9XB00000001".parse().expect("a number"),
        refund_no: "T01K7Q2M9XB00000001R".parse().expect("a number"),
    };
    let code = "134539517967686076".parse().expect("a code");
    let step = Payment::collect(facts(), at(1)).and_scan(code, mint, &Policy::default(), at(1));
    assert_eq!(step.commit(&mut Broken).expect_err("nothing was kept"), "the disk is full");
}

#[test]
fn a_refunds_step_gives_no_call_when_the_save_failed() {
    let policy = Policy::default();
    let cx = RefundContext { now: at(1), policy: &policy, luck: 0, free_at: Tick::default() };
    let money = |minor| Money::new(minor, "HKD".parse().expect("a currency")).expect("money");
    let facts = RefundFacts {
        reference: "refund-1".parse().expect("a refund_ref"),
        out_refund_no: "T01K7Q2M9XB00000002F".parse().expect("a number"),
        payment: "T01-A-1".parse().expect("a ref"),
        out_trade_no: "T01K7Q2M9XB00000001".parse().expect("a number"),
        transaction_id: "4200000001".parse().expect("an id"),
        amount: money(1200),
        total: money(8800),
        reason: "wrong dish".into(),
        operator: String::new(),
        supervised: false,
        created_at: at(1).wall,
    };
    let step = Refund::request(facts, false, None, &cx);
    assert_eq!(step.commit(&mut Broken).expect_err("nothing was kept"), "the disk is full");
}

/// A disk that fails once and would take everything after that.
#[derive(Default)]
struct Shaken {
    asked: u32,
}

impl Durable for Shaken {
    type Error = &'static str;

    fn save(&mut self, _: &Change<'_>) -> Result<(), Self::Error> {
        self.asked += 1;
        if self.asked == 1 { Err("the flush failed") } else { Ok(()) }
    }
}

#[test]
fn a_step_whose_save_failed_is_not_saved_again() {
    let mut disk = Shaken::default();
    let failure = Payment::collect(facts(), at(1)).commit(&mut disk).expect_err("the first failure counts");
    assert_eq!((failure, disk.asked), ("the flush failed", 1));
}

/// After a failed flush the kernel may call lost pages clean: trying again would report a success that is none.
#[test]
fn a_commit_that_failed_is_not_tried_again_and_a_new_start_asks_first() {
    use shroff::payment::answer::{Class, PayAnswer, Refusal};
    use shroff::payment::{Answer, Heard, Op};

    let disk = BadDisk::new();
    let mut till = till_on(&disk);
    let sale = till.collect(ask(), at(1)).expect("a save").expect("accepted");
    let code = "134539517967686005".parse().expect("a code");
    let Ok(ScanVerdict::Taken(out)) = till.scan(&"1".parse().expect("a lane"), code, at(2).tick, at(2)) else {
        panic!("the code is taken");
    };
    let kept = till.ledger().seq();
    disk.fails_once_at(kept + 1);
    let refused = Answer::Pay(PayAnswer::Refused(Refusal::new(Class::CustomerPaying, "USERPAYING", "")));
    let failure = till.hear(out[0].id, &Heard::Answer(refused), Some(at(2).tick), at(3));
    assert_eq!(failure.expect_err("one failure is final").to_string(), BadDisk::ERROR);
    drop(till);

    disk.mend();
    let mut till = till_on(&disk);
    assert_eq!(till.ledger().seq(), kept, "the failed commit left nothing behind");
    let out = till.wake(at(20)).expect("a save");
    let said: Vec<_> = out.iter().map(|it| (it.call.ask.op(), it.call.order.out_trade_no.as_str())).collect();
    assert_eq!(said, [(Op::Query, "T01K7Q2M9XB00000002")], "{}", sale.reference);
}

#[test]
fn a_code_read_before_the_lane_was_armed_is_never_charged() {
    let mut till = till();
    let lane = "1".parse().expect("a lane");
    let early = || "134539517967686001".parse().expect("a code");
    assert!(matches!(till.scan(&lane, early(), at(9).tick, at(9)), Ok(ScanVerdict::NotArmed)));
    let sale = till.collect(ask(), at(10)).expect("a save").expect("accepted");
    assert!(sale.out.is_empty(), "the code from before is not taken out of a queue");
    assert!(matches!(till.scan(&lane, early(), at(9).tick, at(11)), Ok(ScanVerdict::TooOld)));
    let late = "134539517967686002".parse().expect("a code");
    assert!(matches!(till.scan(&lane, late, at(20).tick, at(81)), Ok(ScanVerdict::TooOld)), "a minute old");
    let fresh = "134539517967686003".parse().expect("a code");
    assert!(matches!(till.scan(&lane, fresh, at(82).tick, at(82)), Ok(ScanVerdict::Taken(_))));
}

#[test]
fn reversals_slow_down_and_call_a_person() {
    use shroff::payment::answer::{Class, PayAnswer, QueryAnswer, Refusal, ReverseAnswer};
    use shroff::payment::{Answer, Heard, Op, State};

    let mut till = till();
    let sale = till.collect(ask(), at(1)).expect("a save").expect("accepted");
    let code = "134539517967686004".parse().expect("a code");
    let Ok(ScanVerdict::Taken(mut out)) = till.scan(&"1".parse().expect("a lane"), code, at(2).tick, at(2)) else {
        panic!("the code is taken");
    };
    let mut now = at(2);
    let mut reversals = Vec::new();
    while now.tick < at(3600).tick {
        for call in std::mem::take(&mut out) {
            let op = call.call.ask.op();
            let answer = match op {
                Op::Pay => Answer::Pay(PayAnswer::Refused(Refusal::new(Class::CustomerPaying, "USERPAYING", ""))),
                Op::Reverse => Answer::Reverse(ReverseAnswer::Accepted { recall: true }),
                Op::Query | Op::Refund | Op::RefundQuery => Answer::Query(QueryAnswer::CustomerPaying),
            };
            if op == Op::Reverse {
                reversals.push(now.tick);
            }
            out.extend(till.hear(call.id, &Heard::Answer(answer), Some(now.tick), now).expect("a save"));
        }
        if out.is_empty() {
            now.tick = till.next_wake().expect("it never gives up");
            out = till.wake(now).expect("a save");
        }
    }
    let waits: Vec<u64> = reversals.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert_eq!(waits.get(..3), Some(&[5, 10, 20][..]));
    assert_eq!(waits.get(3), Some(&30));
    assert_eq!(waits.last(), Some(&300), "after five minutes only every five minutes: {waits:?}");
    let row = till.ledger().payment(&sale.reference).expect("readable").expect("there");
    assert_eq!((row.record.state, row.record.alarm.is_some()), (State::NeedsAttention, true));
}

fn at(seconds: u64) -> Now {
    Now { tick: Tick::default().after(Duration::from_secs(seconds)), wall: WallTime::from_millis(1_780_000_000_000) }
}

fn facts() -> Facts {
    Facts {
        reference: "T01-A-1".parse().expect("a ref"),
        client_ref: "c1".parse().expect("a client_ref"),
        lane: "1".parse().expect("a lane"),
        amount: Money::new(8800, "HKD".parse().expect("a currency")).expect("money"),
        description: "Dining Hall".into(),
        attach: String::new(),
        operator: String::new(),
        patience: Duration::from_secs(120),
        asked_code: None,
        created_at: at(1).wall,
    }
}

fn ask() -> NewPayment {
    NewPayment {
        client_ref: "c1".parse().expect("a client_ref"),
        amount: 8800,
        currency: None,
        lane: None,
        description: None,
        operator: None,
        attach: None,
        patience: None,
        auth_code: None,
    }
}

fn birth() -> Birth {
    Birth { terminal: "T01".parse().expect("an id"), mark: "K7Q2M9XB".into(), salt: Secret::new(vec![3; 32]) }
}

fn till() -> Till {
    till_over(Ledger::in_memory(birth()).expect("a ledger"))
}

fn till_on(disk: &BadDisk) -> Till {
    till_over(Ledger::open(disk.path(), birth()).expect("a ledger"))
}

fn till_over(ledger: Ledger) -> Till {
    let settings = Settings {
        policy: Policy { jitter_permille: 0, ..Policy::default() },
        lanes: vec!["1".parse().expect("a lane")],
        currency: "HKD".parse().expect("a currency"),
        amount_max: 5_000_000,
        description: "Dining Hall".into(),
        operator_max: None,
        notify_url: None,
    };
    Till::open(ledger, settings, 1, at(0)).expect("a till")
}
