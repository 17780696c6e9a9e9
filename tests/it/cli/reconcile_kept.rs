//! What came of a reconciliation is kept in the ledger, by whoever may write it.

use std::path::{Path, PathBuf};

use shroff::ledger::{Reader, Reconciled};
use shroff::words::{Day, WallTime};

use super::CODE;
use super::counter::{Counter, Ended};
use crate::reconcile::sheet::{Move, Style, statement};
use crate::reconcile::shop::{Course, Shop};

const DAY: &str = "2026-03-02";

/// A closed terminal that took 88.00 on 2 March, and its statement.
struct Closed {
    counter: Counter,
    shop: Shop,
    row: Move,
}

impl Closed {
    fn new() -> Self {
        let noon = WallTime::from_millis(day(DAY).begin().millis() + 12 * 3_600_000);
        let mut shop = Shop::open("T01", noon);
        shop.sell(8800, Course::Paid);
        let row = Move {
            state: "SUCCESS",
            at: format!("{DAY} 12:00:05"),
            order: "T01K7Q2M90100000002".to_owned(),
            transaction: "42T01K7Q2M90100000002".to_owned(),
            refund_no: String::new(),
            amount: 8800,
            currency: "HKD",
            device: "T01".to_owned(),
            product: "tea".to_owned(),
        };
        let closed = Self { counter: Counter::new(), shop, row };
        closed.counter.write("bill.csv", &statement(Style::All27, std::slice::from_ref(&closed.row)));
        closed
    }

    fn reconcile(&self, ledger: &Path, more: &[&str]) -> Ended {
        let file = self.counter.path("bill.csv").display().to_string();
        let ledger = ledger.display().to_string();
        self.counter.shroff(&[&["reconcile", &file, "--ledger", &ledger][..], more].concat())
    }
}

fn day(name: &str) -> Day {
    name.parse().expect("a day")
}

fn kept(ledger: &Path, name: &str) -> Option<Reconciled> {
    Reader::open(ledger).expect("opens").reconciled(day(name)).expect("reads")
}

fn says_kept(ended: &Ended) -> bool {
    let report: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    report["ledgers"][0]["kept"].as_bool().expect("a flag")
}

#[test]
fn a_day_is_kept_with_what_was_compared_and_the_last_comparison_counts() {
    let mut closed = Closed::new();
    closed.shop.close();
    let ledger = closed.shop.path();
    assert!(!says_kept(&closed.reconcile(&ledger, &["--json", "--no-store"]).exits(0)));
    assert_eq!(kept(&ledger, DAY), None);
    let ended = closed.reconcile(&ledger, &["--json"]).exits(0);
    assert!(says_kept(&ended) && ended.err.is_empty(), "{ended:?}");
    let it = kept(&ledger, DAY).expect("kept").kept;
    assert!(it.is_whole() && it.differences() == 0 && it.agreed == 1, "{it:?}");
    assert_eq!((it.terminals.as_slice(), it.statements[0].rows), (&["T01".to_owned()][..], 1));
    assert_eq!((it.totals[0].statement.payments.sum, it.totals[0].ledger.net()), (8800, 8800));
    let sum = std::process::Command::new("sha256sum").arg(closed.counter.path("bill.csv")).output().expect("coreutils");
    assert_eq!(String::from_utf8_lossy(&sum.stdout).split(' ').next(), Some(it.statements[0].sha256.as_str()));

    let dearer = Move { amount: 8900, ..closed.row.clone() };
    closed.counter.write("bill.csv", &statement(Style::All27, std::slice::from_ref(&dearer)));
    closed.reconcile(&ledger, &[]).exits(1);
    let it = kept(&ledger, DAY).expect("kept").kept;
    assert_eq!((it.wrong, it.differences(), it.is_whole()), (1, 1, true));
    // Of payments only, and half a file.
    closed.counter.write("bill.csv", &statement(Style::Success20, std::slice::from_ref(&closed.row)));
    closed.reconcile(&ledger, &[]).exits(0);
    let it = kept(&ledger, DAY).expect("kept").kept;
    assert!(it.payments && !it.refunds && !it.is_whole());
    let whole = statement(Style::All27, std::slice::from_ref(&closed.row));
    closed.counter.write("bill.csv", &whole.split_inclusive("\r\n").take(2).collect::<String>());
    closed.reconcile(&ledger, &["--partial"]).exits(1);
    let it = kept(&ledger, DAY).expect("kept").kept;
    assert!(!it.complete && it.payments && it.refunds && !it.is_whole());
}

#[test]
fn two_days_that_are_compared_together_are_kept_each_with_its_own_differences() {
    let mut closed = Closed::new();
    closed.shop.close();
    let ledger = closed.shop.path();
    let foreign = Move { order: "elsewhere".to_owned(), at: "2026-03-03 08:00:00".to_owned(), ..closed.row.clone() };
    closed.counter.write("next.csv", &statement(Style::All27, &[foreign]));
    let next = closed.counter.path("next.csv").display().to_string();
    closed.reconcile(&ledger, &[&next]).exits(1);
    let [one, two] = [DAY, "2026-03-03"].map(|name| kept(&ledger, name).expect("kept").kept);
    assert_eq!((one.differences(), two.wrong, one.statements.len()), (0, 1, 2));
}

#[test]
fn a_ledger_that_may_not_be_written_is_said_and_left_as_it_is() {
    let mut closed = Closed::new();
    let ledger = closed.shop.path();
    // Somebody else writes it, and no configuration says where to reach them.
    let ended = closed.reconcile(&ledger, &["--json"]).exits(0).tells("the result is not kept").tells("in use");
    assert!(!says_kept(&ended));
    closed.shop.close();
    let copy = closed.counter.path("copy.sqlite");
    std::fs::copy(&ledger, &copy).expect("a copy");
    let before = std::fs::read(&copy).expect("a file");
    let ended = closed.reconcile(&copy, &["--json"]).exits(0).tells("is a copy");
    assert!(!says_kept(&ended));
    assert_eq!(std::fs::read(&copy).expect("a file"), before);
    assert!(!PathBuf::from(format!("{}.lock", copy.display())).exists());
    // An older program's, which only its daemon brings up to date.
    let db = rusqlite::Connection::open(&ledger).expect("opens");
    db.pragma_update(None, "user_version", 2).expect("a version");
    drop(db);
    closed.reconcile(&ledger, &[]).exits(0).tells("the daemon brings it up to date");
}

#[test]
fn the_running_daemon_keeps_it_and_close_says_so() {
    let mut counter = Counter::with_gateway();
    counter.sim().with_book(|book, _| {
        book.set_rules(shroff::sim::book::Rules { statements_at_once: true, ..shroff::sim::book::Rules::default() });
    });
    counter.open();
    counter.shroff(&["pay", "88.00", "--ref", "R-1", "--code", CODE]).exits(0);
    let shown = counter.json(&["show", "R-1", "--json"]);
    let paid_at: jiff::Timestamp = shown["attempts"][0]["paid_at"].as_str().expect("a time").parse().expect("a time");
    let day = Day::of(WallTime::from_millis(paid_at.as_millisecond())).to_string();
    counter.shroff(&["close", "--day", &day]).exits(0).prints("not reconciled yet");
    let file = counter.path("bill.csv").display().to_string();
    counter.shroff(&["statement", "--day", &day, "--anyway", "-o", &file]).exits(0);
    let ended = counter.shroff(&["reconcile", &file]).exits(0).prints("1 movements agree");
    assert_eq!(ended.err, "");
    counter.shroff(&["close", "--day", &day]).exits(0).prints("reconciled at").prints("nothing differs");
    // What is not from `reconcile` is refused, and nothing of it is repeated.
    for body in ["{}", "[]", "{", r#"{"day":"2026-02-30"}"#] {
        let refused = counter.api().post("/v1/reconciliations", body);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &"malformed".into()), "{body}: {}", refused.body);
    }
    // The daemon that wrote it is gone: now the command does.
    counter.kill_daemon();
    let before = kept(&counter.path("ledger.sqlite"), &day).expect("kept").at;
    counter.shroff(&["reconcile", &file]).exits(0);
    assert!(kept(&counter.path("ledger.sqlite"), &day).expect("kept").at > before);
    counter.shroff(&["verify"]).exits(0);
    counter.open();
    counter.shroff(&["pay", "1.00", "--ref", "R-2", "--code", "130000517967681396"]).exits(0);
}
