//! What the till makes of a notification: it is on disk, and its refund is asked about now. Nothing else follows.

use std::path::Path;
use std::time::Duration;

use shroff::ledger::{Birth, Ledger, Reader};
use shroff::payment::answer::{
    Class, RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal as PayRefusal,
};
use shroff::payment::{
    Answer, Ask, Heard, MoneyState, NotAbout, NoticeStatus, Op, Policy, RefundNotice, RefundState, State,
};
use shroff::till::{NewRefund, NoticeRefused, Outgoing, Refusal, Settings, Till};
use shroff::words::{Now, Secret, Tick, WallTime};

use crate::support::BadDisk;

/// 2026-11-21 11:38:26 in Hong Kong.
const WRITTEN: i64 = 1_795_232_306_000;
const URL: &str = "https://till.dining-hall.hk/wechatpay/refunds";
/// A paid payment of the old ledger.
const PAYMENT: &str = "T01-K7Q2M9XB-00000001";

fn old(path: &Path) {
    let db = rusqlite::Connection::open(path).expect("a file");
    db.execute_batch(include_str!("../../data/ledger-0001.sql")).expect("the old ledger");
}

fn open(path: &Path, notify_url: Option<&str>) -> Till {
    let birth =
        Birth { terminal: "T01".parse().expect("an id"), mark: "OTHERONE".into(), salt: Secret::new(vec![9; 32]) };
    let settings = Settings {
        policy: Policy { jitter_permille: 0, ..Policy::default() },
        lanes: vec!["1".parse().expect("a lane")],
        currency: "HKD".parse().expect("a currency"),
        amount_max: 5_000_000,
        description: "Dining Hall".into(),
        operator_max: None,
        notify_url: notify_url.map(str::to_owned),
    };
    Till::open(Ledger::open(path, birth).expect("it opens"), settings, 1, at(0)).expect("a till")
}

fn at(seconds: u64) -> Now {
    let tick = Tick::default().after(Duration::from_secs(seconds));
    Now { tick, wall: WallTime::from_millis(WRITTEN).after(Duration::from_secs(3600 + seconds)) }
}

/// Asks for a refund and lets WeChat accept it.
fn accepted(till: &mut Till, name: &str, amount: Option<u64>, seconds: u64) {
    let returned = till.refund(asks(name, amount), at(seconds)).expect("a save").expect("accepted");
    let [call] = refund_calls(returned.out).try_into().expect("it leaves at once");
    let out = till.hear(call.id, &Heard::Answer(Answer::Refund(RefundAnswer::Accepted)), None, at(seconds));
    assert!(out.expect("a save").is_empty(), "the first question comes seconds later");
}

fn asks(name: &str, amount: Option<u64>) -> NewRefund {
    NewRefund {
        payment: PAYMENT.parse().expect("a ref"),
        reference: name.parse().expect("a refund_ref"),
        amount,
        reason: "wrong dish".into(),
        operator: None,
        supervised: false,
    }
}

/// The calls about refunds; the payment that is open in that ledger is another story.
fn refund_calls(out: Vec<Outgoing>) -> Vec<Outgoing> {
    out.into_iter().filter(|it| matches!(it.call.ask.op(), Op::Refund | Op::RefundQuery)).collect()
}

fn told(till: &Till, name: &str, id: &str, status: NoticeStatus) -> RefundNotice {
    let row = till.ledger().refund(&name.parse().expect("a name")).expect("readable").expect("there");
    let facts = row.record.facts;
    RefundNotice {
        id: id.parse().expect("an id"),
        out_refund_no: facts.out_refund_no,
        out_trade_no: facts.out_trade_no,
        transaction_id: Some(facts.transaction_id),
        refund: facts.amount.minor(),
        total: facts.total.minor(),
        currency: Some(facts.amount.currency()),
        status,
    }
}

fn state(till: &Till, name: &str) -> RefundState {
    till.ledger().refund(&name.parse().expect("a name")).expect("readable").expect("there").record.state
}

fn lines(path: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(path).expect("the file");
    let mut statement = db.prepare("SELECT data FROM journal ORDER BY seq").expect("a statement");
    statement.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect()
}

fn arrived() -> Heard {
    let receipt = RefundReceipt { refund_id: None, refunded_at: None };
    Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Refunded(receipt)))
}

fn settles(till: &mut Till, call: &Outgoing, heard: &Heard, seconds: u64) {
    assert!(matches!(call.call.ask, Ask::RefundQuery { .. }), "{:?}", call.call.ask);
    assert!(till.hear(call.id, heard, None, at(seconds)).expect("a save").is_empty());
}

#[test]
fn a_notification_is_on_disk_and_moves_the_question_forward_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.sqlite");
    old(&path);
    let mut till = open(&path, Some(URL));
    accepted(&mut till, "one", Some(1_000), 100);
    for (id, status) in
        [("EV-1", NoticeStatus::Closed), ("EV-2", NoticeStatus::Changed), ("EV-3", NoticeStatus::Refunded)]
    {
        let notice = told(&till, "one", id, status);
        let noticed = till.notice(&notice, at(101)).expect("a save").expect("ours");
        assert!(noticed.new);
        assert_eq!(state(&till, "one"), RefundState::Processing, "{status:?} is hearsay");
        assert!(
            lines(&path).last().expect("a line").contains(&format!("\"notice_id\":\"{id}\"")),
            "kept before it returns"
        );
        let calls = refund_calls(noticed.out);
        // The first one asks; the others come while that is on its way.
        assert_eq!(calls.len(), usize::from(id == "EV-1"));
        if let Some(call) = calls.first() {
            assert!(matches!(call.call.ask, Ask::RefundQuery { .. }));
        }
    }
    // The same one again changes nothing and asks nothing, now and after a restart.
    let before = lines(&path);
    let again = told(&till, "one", "EV-1", NoticeStatus::Closed);
    let noticed = till.notice(&again, at(102)).expect("a save").expect("ours");
    assert!(!noticed.new && noticed.out.is_empty() && lines(&path) == before);
    drop(till);
    let mut till = open(&path, Some(URL));
    let noticed = till.notice(&again, at(0)).expect("a save").expect("ours");
    assert!(!noticed.new && noticed.out.is_empty() && lines(&path) == before);
}

#[test]
fn what_the_answer_says_counts_and_not_what_was_told() {
    for (heard, ends) in [
        (arrived(), RefundState::Refunded),
        (Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Closed)), RefundState::Failed),
        (Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Processing)), RefundState::Processing),
        (Heard::Nothing { why: "bad_signature", incident: false }, RefundState::Processing),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        old(&path);
        let mut till = open(&path, None);
        accepted(&mut till, "one", Some(1_000), 100);
        let notice = told(&till, "one", "EV-1", NoticeStatus::Refunded);
        let noticed = till.notice(&notice, at(101)).expect("a save").expect("ours");
        let [call] = refund_calls(noticed.out).try_into().expect("one question");
        settles(&mut till, &call, &heard, 101);
        assert_eq!(state(&till, "one"), ends);
        if ends == RefundState::Processing {
            // The answer was behind: it is asked again soon, as if it had just been accepted.
            let next: Vec<Outgoing> = (102..112).flat_map(|second| till.wake(at(second)).expect("a save")).collect();
            assert_eq!(refund_calls(next).len(), 1);
        }
    }
}

#[test]
fn what_is_not_about_one_of_our_refunds_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.sqlite");
    old(&path);
    let mut till = open(&path, None);
    accepted(&mut till, "one", Some(1_000), 100);
    let good = told(&till, "one", "EV-1", NoticeStatus::Refunded);
    let before = lines(&path);
    let parsed = |text: &str| text.parse().expect("a number");
    for (notice, why) in [
        (RefundNotice { out_refund_no: parsed("T99NOBODY00000001F"), ..good.clone() }, NoticeRefused::NoSuchRefund),
        (
            RefundNotice { out_trade_no: "T01K7Q2M9XB99999999".parse().expect("a number"), ..good.clone() },
            NoticeRefused::NotAbout(NotAbout::OtherOrder),
        ),
        (
            RefundNotice { transaction_id: Some("4200000000".parse().expect("a number")), ..good.clone() },
            NoticeRefused::NotAbout(NotAbout::OtherOrder),
        ),
        (RefundNotice { refund: 1_001, ..good.clone() }, NoticeRefused::NotAbout(NotAbout::OtherAmount)),
        (RefundNotice { total: 1_000, ..good.clone() }, NoticeRefused::NotAbout(NotAbout::OtherAmount)),
        (
            RefundNotice { currency: Some("CNY".parse().expect("a currency")), ..good.clone() },
            NoticeRefused::NotAbout(NotAbout::OtherCurrency),
        ),
    ] {
        assert_eq!(till.notice(&notice, at(101)).expect("a save").err(), Some(why));
        assert_eq!(lines(&path), before, "{why:?}");
    }
    assert!(
        till.notice(&RefundNotice { transaction_id: None, currency: None, ..good }, at(101)).expect("a save").is_ok()
    );
}

#[test]
fn a_notification_that_cannot_be_kept_is_not_taken() {
    let disk = BadDisk::new();
    old(disk.path());
    let mut till = open(disk.path(), None);
    accepted(&mut till, "one", Some(1_000), 100);
    let notice = told(&till, "one", "EV-1", NoticeStatus::Refunded);
    disk.fails_from(till.ledger().seq() + 1);
    let error = till.notice(&notice, at(101)).expect_err("the disk fails").to_string();
    assert!(error.contains(BadDisk::ERROR), "{error}");
    drop(till);
    disk.mend();
    let mut till = open(disk.path(), None);
    assert!(till.notice(&notice, at(0)).expect("a save").expect("ours").new, "WeChat sends it again, and it is new");
}

#[test]
fn one_that_was_found_at_start_is_asked_about_once_and_its_payment_agrees() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.sqlite");
    old(&path);
    let mut till = open(&path, None);
    accepted(&mut till, "one", None, 100);
    drop(till);
    let mut till = open(&path, None);
    let notice = told(&till, "one", "EV-1", NoticeStatus::Refunded);
    let noticed = till.notice(&notice, at(0)).expect("a save").expect("ours");
    let [call] = refund_calls(noticed.out).try_into().expect("one question");
    let woken = till.wake(at(0)).expect("a save");
    assert!(refund_calls(woken).is_empty(), "it stands in no line any more");
    settles(&mut till, &call, &arrived(), 1);
    let payment = till.ledger().payment(&PAYMENT.parse().expect("a ref")).expect("readable").expect("there");
    assert_eq!((payment.record.state, payment.record.money), (State::Refunded, MoneyState::Returned));
    let settled: Vec<RefundState> = till.take_settled_refunds().iter().map(|refund| refund.state).collect();
    assert_eq!(settled, [RefundState::Refunded]);
    // What comes later is kept, settles nothing a second time, and does no harm to a payment that is all refunded.
    for (id, status) in [("EV-2", NoticeStatus::Refunded), ("EV-3", NoticeStatus::Processing)] {
        let notice = told(&till, "one", id, status);
        let noticed = till.notice(&notice, at(2)).expect("a save").expect("ours");
        assert!(noticed.new && noticed.out.is_empty());
    }
    assert!(till.take_settled_refunds().is_empty() && till.open_refunds() == 0);
    let row = till.ledger().refund(&"one".parse().expect("a name")).expect("readable").expect("there");
    assert!(!row.needs_a_person());
    assert!(till.ledger().verify(&mut |_| ()).expect("readable").findings.is_empty());
}

#[test]
fn what_contradicts_a_settled_refund_is_for_a_person_even_when_one_had_seen_it() {
    for (heard, status, is_alarm) in [
        (arrived(), NoticeStatus::Closed, true),
        (arrived(), NoticeStatus::Changed, true),
        (Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Closed)), NoticeStatus::Refunded, true),
        (Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Closed)), NoticeStatus::Closed, false),
        (Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Changed)), NoticeStatus::Refunded, false),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        old(&path);
        let mut till = open(&path, None);
        accepted(&mut till, "one", None, 100);
        let notice = told(&till, "one", "EV-1", NoticeStatus::Unknown);
        let noticed = till.notice(&notice, at(101)).expect("a save").expect("ours");
        let [call] = refund_calls(noticed.out).try_into().expect("one question");
        settles(&mut till, &call, &heard, 101);
        let name = "one".parse().expect("a name");
        till.acknowledge_refund(&name, at(102)).expect("a save").expect("final");
        let before = state(&till, "one");
        let notice = told(&till, "one", "EV-2", status);
        assert!(till.notice(&notice, at(103)).expect("a save").expect("ours").out.is_empty());
        assert_eq!(state(&till, "one"), before, "what is settled stays settled");
        let reader = Reader::open(&path).expect("readable");
        assert_eq!(reader.refunds_in_need().expect("readable").len(), usize::from(is_alarm), "{heard:?} {status:?}");
        assert!(reader.verify(&mut |_| ()).expect("readable").findings.is_empty());
        let contradicted = Reader::open(&path).expect("readable").refund(&name).expect("readable").expect("there");
        assert_eq!(contradicted.record.is_contradicted(), is_alarm);
        // Money that may have gone back after all does not go back a second time before somebody has looked.
        if before == RefundState::Failed {
            let again = till.refund(asks("two", None), at(103)).expect("a save");
            assert_eq!(again.err(), is_alarm.then_some(Refusal::AlreadyRefunded));
        }
        // It is seen again, and that is enough until something new is told.
        till.acknowledge_refund(&name, at(104)).expect("a save").expect("final");
        let again = told(&till, "one", "EV-2", status);
        assert!(!till.notice(&again, at(105)).expect("a save").expect("ours").new);
        assert!(reader.refunds_in_need().expect("readable").is_empty());
    }
}

#[test]
fn a_refund_that_failed_by_our_fault_and_was_seen_is_for_a_person_again_when_it_is_contradicted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.sqlite");
    old(&path);
    let mut till = open(&path, None);
    let returned = till.refund(asks("one", None), at(100)).expect("a save").expect("accepted");
    let [call] = refund_calls(returned.out).try_into().expect("it leaves at once");
    let why = RefundRefusal::OurFault;
    let refusal = PayRefusal::new(Class::OurFault, "APPID_NOT_EXIST", "");
    let no = Heard::Answer(Answer::Refund(RefundAnswer::NotDone { why, refusal }));
    assert!(till.hear(call.id, &no, None, at(101)).expect("a save").is_empty());
    let [call] = refund_calls(till.wake(at(110)).expect("a save")).try_into().expect("one question");
    settles(&mut till, &call, &Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Absent)), 110);
    assert_eq!(state(&till, "one"), RefundState::Failed);
    let name = "one".parse().expect("a name");
    till.acknowledge_refund(&name, at(111)).expect("a save").expect("final");
    let notice = told(&till, "one", "EV-1", NoticeStatus::Refunded);
    till.notice(&notice, at(112)).expect("a save").expect("ours");
    let row = till.ledger().refund(&name).expect("readable").expect("there");
    assert!(row.needs_a_person() && row.holds_its_sum(), "{row:?}");
    let again = till.refund(asks("two", None), at(113)).expect("a save");
    assert_eq!(again.err(), Some(Refusal::AlreadyRefunded));
}

#[test]
fn a_refund_is_repeated_with_the_address_it_was_asked_for_with() {
    for (asked_with, restarted_with) in [(Some(URL), None), (Some(URL), Some("https://other.hk/n")), (None, Some(URL))]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        old(&path);
        let mut till = open(&path, asked_with);
        let returned = till.refund(asks("one", Some(1_000)), at(100)).expect("a save").expect("accepted");
        let [first] = refund_calls(returned.out).try_into().expect("it leaves at once");
        drop(till);
        // Nobody answered; after the restart it is asked about, is not known, and is sent again.
        let mut till = open(&path, restarted_with);
        let absent = Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::Absent));
        let again = (0..600).find_map(|second| {
            let out = refund_calls(till.wake(at(second)).expect("a save"));
            let again = out.iter().find(|it| matches!(it.call.ask, Ask::Refund(_))).map(|it| it.call.ask.clone());
            for call in out.iter().filter(|it| matches!(it.call.ask, Ask::RefundQuery { .. })) {
                till.hear(call.id, &absent, None, at(second)).expect("a save");
            }
            again
        });
        let (Ask::Refund(first), Some(Ask::Refund(again))) = (first.call.ask, again) else {
            panic!("it is sent twice")
        };
        assert_eq!(first, again);
        assert_eq!(again.notify_url.as_deref(), asked_with);
    }
}
