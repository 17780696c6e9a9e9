//! The ledger as the comparison asks it.

use std::collections::BTreeSet;
use std::time::Duration;

use shroff::ledger::Movements;
use shroff::reconcile::{Book as _, Days, Kind, LedgerLine, Standing, What};
use shroff::words::{Day, WallTime};

use super::shop::{Back, Course, Shop};

/// 2026-03-02 20:00 in China.
fn evening() -> WallTime {
    let day: Day = "2026-03-02".parse().expect("a day");
    WallTime::from_millis(day.begin().millis() + 20 * 3_600_000)
}

fn days(names: &[&str]) -> Days {
    let mut days = Days::default();
    for name in names {
        days.add(name.parse().expect("a day"), true, true);
    }
    days
}

fn moved(book: &Movements, days: &Days) -> Vec<(String, u64, Standing)> {
    let mut lines = Vec::new();
    book.moved(days, &mut |line: &LedgerLine<&str>| {
        lines.push((line.out_trade_no.to_owned(), line.amount.minor(), line.standing));
    })
    .expect("reads");
    lines
}

fn at(book: &Movements, days: &Days, places: &[u32]) -> Vec<LedgerLine> {
    let mut lines = Vec::new();
    book.at(days, places, &mut |line| lines.push(line)).expect("reads");
    lines
}

#[test]
fn a_day_is_what_was_taken_on_it_and_what_is_not_certain() {
    let mut shop = Shop::open("T01", evening());
    shop.sell(100, Course::Paid);
    shop.sell(200, Course::SecondCode);
    shop.sell(300, Course::Declined);
    shop.sell(400, Course::Reversed);
    shop.pass(Duration::from_secs(5 * 3600));
    shop.sell(500, Course::Paid);
    shop.sell(600, Course::Open);

    let book = Movements::open(&shop.path()).expect("opens");
    assert_eq!((book.terminal(), book.mark()), ("T01", "K7Q2M901"));
    let (first, second) = (days(&["2026-03-02"]), days(&["2026-03-03"]));
    let told = moved(&book, &first);
    assert_eq!(told.iter().map(|it| (it.1, it.2)).collect::<Vec<_>>(), [(100, Standing::Done), (200, Standing::Done)]);
    let next = moved(&book, &second);
    assert_eq!(next.iter().map(|it| (it.1, it.2)).collect::<Vec<_>>(), [(500, Standing::Done), (600, Standing::Open)]);
    let both = moved(&book, &days(&["2026-03-02", "2026-03-03"]));
    assert_eq!(both, [told.clone(), next.clone()].concat());

    for (days, told) in [(&first, &told), (&second, &next)] {
        for (place, (order, amount, standing)) in told.iter().enumerate() {
            let lines = at(&book, days, &[u32::try_from(place).expect("small")]);
            let [line] = lines.as_slice() else { panic!("{lines:?}") };
            assert_eq!((&line.out_trade_no, line.amount.minor(), line.standing), (order, *amount, *standing));
        }
    }
    let orders = at(&book, &second, &[0, 1]);
    assert_eq!(orders.iter().map(|line| line.amount.minor()).collect::<Vec<_>>(), [500, 600]);
}

#[test]
fn a_long_day_is_read_in_the_order_of_its_numbers_and_every_line_is_found_again() {
    let mut shop = Shop::open("T01", evening());
    for no in 0..300 {
        if no == 150 {
            shop.pass(Duration::from_secs(24 * 3600));
        }
        shop.sell(1000 + no, if no % 7 == 0 { Course::SecondCode } else { Course::Paid });
    }
    // A payment that is named out of turn, as when two lanes sell at once.
    let db = rusqlite::Connection::open(shop.path()).expect("opens");
    for (no, name) in [(10, "T01-K7Q2M901-99999999"), (290, "T01-K7Q2M901-00000000")] {
        let old: String =
            db.query_row("SELECT ref FROM payments WHERE amount = ?1", [1000 + no], |row| row.get(0)).expect("a row");
        db.execute_batch("PRAGMA foreign_keys = OFF").expect("off");
        db.execute("UPDATE payments SET ref = ?2 WHERE ref = ?1", [old.as_str(), name]).expect("renamed");
        db.execute("UPDATE attempts SET payment = ?2 WHERE payment = ?1", [old.as_str(), name]).expect("renamed");
    }
    drop(db);
    let book = Movements::open(&shop.path()).expect("opens");
    let both = days(&["2026-03-02", "2026-03-03"]);
    for days in [&days(&["2026-03-02"]), &days(&["2026-03-03"]), &both, &days(&["2026-03-03", "2026-03-05"])] {
        let told = moved(&book, days);
        assert!(told.len() >= 148, "{}", told.len());
        assert!(told.is_sorted_by(|one, next| one.0 < next.0));
        let every: Vec<u32> = (0..).take(told.len()).collect();
        for wanted in [&every[..], &[0], &[63, 64, 65], &[127, 147], &every[140..]] {
            let lines = at(&book, days, wanted);
            let found: Vec<_> =
                lines.iter().map(|it| (it.out_trade_no.clone(), it.amount.minor(), it.standing)).collect();
            let meant: Vec<_> =
                wanted.iter().map(|place| told[usize::try_from(*place).expect("small")].clone()).collect();
            assert_eq!(found, meant);
        }
    }
    assert_eq!(moved(&book, &both).len(), 300);
    let amounts: u64 = moved(&book, &both).iter().map(|it| it.1).sum();
    assert_eq!(amounts, (1000..1300).sum::<u64>());
}

#[test]
fn a_payment_taken_with_two_codes_is_named() {
    let mut shop = Shop::open("T01", evening());
    shop.sell(100, Course::SecondCode);
    let twice = shop.sell(200, Course::SecondCode);
    let db = rusqlite::Connection::open(shop.path()).expect("opens");
    let changed = db.execute(
        "UPDATE attempts SET outcome = 'paid', state = 'paid', transaction_id = '42x' WHERE payment = ?1 AND no = 1",
        [twice.as_str()],
    );
    assert_eq!(changed.expect("changed"), 1);
    drop(db);
    let book = Movements::open(&shop.path()).expect("opens");
    assert_eq!(book.paid_twice(&days(&["2026-03-02"])).expect("reads"), [twice.as_str()]);
    assert_eq!(book.paid_twice(&days(&["2026-03-03"])).expect("reads"), Vec::<String>::new());
}

#[test]
fn a_refund_is_a_line_of_the_day_on_which_wechat_accepted_it() {
    let mut shop = Shop::open("T01", evening());
    let sold: Vec<_> = (0..6).map(|no| shop.sell(1000 + no, Course::Paid)).collect();
    let mut numbers = vec![
        shop.refund(&sold[0], "all", None, Back::Refunded),
        shop.refund(&sold[1], "part", Some(300), Back::Refunded),
        shop.refund(&sold[2], "refused", Some(301), Back::Refused),
        shop.refund(&sold[3], "closed", Some(302), Back::Closed),
        shop.refund(&sold[4], "by-hand", Some(303), Back::ByHand),
        shop.refund(&sold[5], "at-work", Some(304), Back::Processing),
        shop.refund(&sold[5], "silence", Some(305), Back::Silence),
    ];
    shop.pass(Duration::from_secs(120));
    numbers.push(shop.refund(&sold[1], "second-part", Some(200), Back::Refunded));
    shop.sell(77, Course::Open);
    // The next evening: a refund of yesterday's sale.
    shop.pass(Duration::from_secs(24 * 3600));
    let next = shop.refund(&sold[1], "third-part", Some(100), Back::Refunded);

    let book = Movements::open(&shop.path()).expect("opens");
    let (first, second) = (days(&["2026-03-02"]), days(&["2026-03-03"]));
    let told = moved(&book, &first);
    let amounts: Vec<(u64, Standing)> = told.iter().map(|it| (it.1, it.2)).collect();
    let paid = (1000..1006).map(|amount| (amount, Standing::Done));
    let accepted = [1000, 300, 303, 304, 200].map(|amount| (amount, Standing::Done));
    let open = [(77, Standing::Open), (305, Standing::Open)];
    assert_eq!(amounts, paid.chain(accepted).chain(open).collect::<Vec<_>>());
    let told = moved(&book, &second);
    assert_eq!(told.iter().map(|it| it.1).collect::<Vec<_>>(), [100]);
    let lines = at(&book, &second, &[0]);
    assert_eq!(lines[0].what, What::Refund { out_refund_no: next });
    assert_eq!((Day::of(lines[0].at).to_string(), lines[0].begun <= lines[0].at), ("2026-03-03".to_owned(), true));

    // Every place is found again, alone and with the others.
    let told = moved(&book, &first);
    let every: Vec<u32> = (0..).take(told.len()).collect();
    let lines = at(&book, &first, &every);
    assert_eq!(lines.len(), told.len());
    for (place, line) in every.iter().zip(&lines) {
        let [alone] = at(&book, &first, &[*place]).try_into().expect("one");
        let meant = &told[usize::try_from(*place).expect("small")];
        assert_eq!(
            (&alone, &line.out_trade_no, line.amount.minor(), line.standing),
            (line, &meant.0, meant.1, meant.2)
        );
    }
    let [.., silence] = lines.as_slice() else { panic!("lines") };
    assert_eq!((silence.state.as_str(), silence.client_ref.as_str()), ("requested", "R-6"));

    // An order's lines are all there, also what came to nothing, and never the reversal's number.
    let orders: BTreeSet<String> = lines.iter().map(|line| line.out_trade_no.clone()).collect();
    let all = book.orders(&orders.iter().map(String::as_str).collect()).expect("reads");
    let refunds: Vec<_> = all.iter().filter(|line| !line.is_payment()).collect();
    assert_eq!(refunds.len(), numbers.len() + 1);
    let standing = |number: &str| {
        let line =
            refunds.iter().find(|it| matches!(&it.what, What::Refund { out_refund_no } if out_refund_no == number));
        line.map(|line| (line.standing, line.state.as_str())).expect("a line")
    };
    let wanted = [
        (Standing::Done, "refunded"),
        (Standing::Done, "refunded"),
        (Standing::NotDone, "failed"),
        (Standing::NotDone, "failed"),
        (Standing::Done, "needs_attention"),
        (Standing::Done, "processing"),
        (Standing::Open, "requested"),
        (Standing::Done, "refunded"),
    ];
    for (number, wanted) in numbers.iter().zip(wanted) {
        assert_eq!(standing(number), wanted, "{number}");
    }
    // Of a statement of payments only, refunds are not expected; of one of refunds only, payments are not.
    let mut payments = Days::default();
    payments.add("2026-03-03".parse().expect("a day"), true, false);
    assert_eq!(moved(&book, &payments), []);
    let mut refunds = Days::default();
    refunds.add("2026-03-02".parse().expect("a day"), false, true);
    assert_eq!(moved(&book, &refunds).iter().filter(|it| it.2 == Standing::Done).count(), 5);
}

#[test]
fn a_refund_in_a_reversals_place_is_the_reversal_and_no_line_of_its_own() {
    let mut shop = Shop::open("T01", evening());
    let name = shop.sell(400, Course::Reversed);
    let db = rusqlite::Connection::open(shop.path()).expect("opens");
    db.execute("UPDATE attempts SET outcome = 'returned', refunds = 1 WHERE payment = ?1", [name.as_str()])
        .expect("changed");
    drop(db);
    let book = Movements::open(&shop.path()).expect("opens");
    assert_eq!(moved(&book, &days(&["2026-03-02"])), []);
    let lines = book.payment(name.as_str()).expect("reads");
    let order = lines[0].out_trade_no.as_str();
    assert_eq!(book.orders(&BTreeSet::from([order])).expect("reads"), lines);
    assert_eq!(lines[0].standing, Standing::TakenBack);
}

#[test]
fn an_order_is_found_whatever_became_of_it() {
    let mut shop = Shop::open("T01", evening());
    let cases = [
        (Course::Paid, vec![(Standing::Done, "paid")]),
        (Course::SecondCode, vec![(Standing::NotDone, "declined"), (Standing::Done, "paid")]),
        (Course::Declined, vec![(Standing::NotDone, "declined")]),
        (Course::Reversed, vec![(Standing::TakenBack, "reversed")]),
        (Course::Open, vec![(Standing::Open, "submitting")]),
    ];
    for (course, wanted) in cases {
        let name = shop.sell(100, course);
        let book = Movements::open(&shop.path()).expect("opens");
        let lines = book.payment(name.as_str()).expect("reads");
        let told: Vec<_> = lines.iter().map(|line| (line.standing, line.state.as_str())).collect();
        assert_eq!(told, wanted, "{course:?}");
        for (line, no) in lines.iter().zip(1..) {
            assert_eq!(
                book.orders(&BTreeSet::from([line.out_trade_no.as_str()])).expect("reads"),
                std::slice::from_ref(line)
            );
            let reversal_no = format!("{}R", line.out_trade_no);
            assert_eq!(line.what, What::Payment { attempt: no, reversal_no });
            assert_eq!(line.reference, name.as_str());
            // WeChat tells whole seconds.
            assert!(line.begun.millis() < line.at.millis() + 1000 && line.begun >= evening());
            assert_eq!(line.transaction_id.is_empty(), line.standing != Standing::Done);
        }
    }
    let book = Movements::open(&shop.path()).expect("opens");
    assert_eq!(book.orders(&BTreeSet::from(["T01K7Q2M90199999999"])).expect("reads"), []);
    assert_eq!(book.paid_twice(&days(&["2026-03-02"])).expect("reads"), Vec::<String>::new());
}

#[test]
fn a_book_does_not_change_while_it_is_read_and_the_till_goes_on() {
    let mut shop = Shop::open("T01", evening());
    shop.sell(100, Course::Paid);
    let book = Movements::open(&shop.path()).expect("opens");
    shop.sell(200, Course::Paid);
    let day = days(&["2026-03-02"]);
    assert_eq!(moved(&book, &day).len(), 1);
    assert_eq!(moved(&Movements::open(&shop.path()).expect("opens"), &day).len(), 2);
}

#[test]
fn the_kinds_words_are_theirs_alone() {
    let words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    let titles: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.title()).collect();
    assert_eq!((words.len(), titles.len()), (Kind::ALL.len(), Kind::ALL.len()));
}
