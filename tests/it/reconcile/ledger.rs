//! The ledger as the comparison asks it.

use std::collections::BTreeSet;
use std::time::Duration;

use shroff::ledger::Movements;
use shroff::reconcile::{Book as _, Days, Kind, LedgerLine, Standing, What};
use shroff::words::{Day, WallTime};

use super::shop::{Course, Shop};

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
