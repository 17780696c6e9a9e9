//! `close`: what a day took, gave back and left open.

use clap::Parser as _;
use rusqlite::{Connection, params};
use shroff::cli::Exit;
use shroff::cli::close::{CloseArgs, close};
use shroff::ledger::{Birth, Ledger, Reader};
use shroff::reconcile::Kept;
use shroff::sim::book::Op;
use shroff::sim::faults::{Arrival, Deed, Rule};
use shroff::words::{Day, Secret, WallTime};

use super::counter::{Counter, Ended};

/// The day of these tests.
const DAY: &str = "2026-03-02";

/// A ledger with rows of its own making: what matters is what they add up to.
struct Book {
    counter: Counter,
    db: Connection,
    rows: u32,
}

/// A payment with one attempt.
#[derive(Clone, Copy)]
struct Sale {
    amount: u64,
    currency: &'static str,
    operator: &'static str,
    lane: &'static str,
    /// Minutes after the day began.
    minute: i64,
    outcome: &'static str,
    acked: bool,
}

const PAID: Sale =
    Sale { amount: 8800, currency: "HKD", operator: "ann", lane: "1", minute: 600, outcome: "paid", acked: true };

impl Book {
    fn new() -> Self {
        let counter = Counter::new();
        let path = counter.path("ledger.sqlite");
        let birth = Birth {
            terminal: "T01".parse().expect("an id"),
            mark: "K7Q2M9XB".to_owned(),
            salt: Secret::new(vec![7; 32]),
        };
        drop(Ledger::open(&path, birth).expect("a ledger"));
        let db = Connection::open(path).expect("the ledger");
        Self { counter, db, rows: 0 }
    }

    fn add(&mut self, sale: Sale) -> String {
        self.rows += 1;
        let (name, number) = (format!("T01-K7Q2M9XB-{:08}", self.rows), format!("T01K7Q2M9XB{:08}", self.rows));
        let Sale { amount, currency, operator, lane, minute, outcome, acked } = sale;
        let at = DAY.parse::<Day>().expect("a day").begin().millis() + minute * 60_000;
        let (state, money) = match outcome {
            "paid" => ("paid", "taken"),
            "returned" => ("reversed", "returned"),
            "" => ("needs_attention", "unknown"),
            other => (other, "none"),
        };
        let open = outcome.is_empty();
        self.db
            .execute(
                "INSERT INTO payments (ref, client_ref, lane, amount, currency, description, attach, operator,
                    patience_ms, state, money, canceled, open, attempts, next_action, acked_at, created_at, updated_at, seq)
                 VALUES (?1, ?2, ?3, ?4, ?5, '', '', ?6, 0, ?7, ?8, 0, ?9, 1, 'none', ?10, ?11, ?11, 0)",
                params![name, format!("R-{}", self.rows), lane, amount, currency, operator, state, money, open,
                    acked.then_some(at), at],
            )
            .expect("a payment");
        self.db
            .execute(
                "INSERT INTO attempts (out_trade_no, payment, no, code_mark, code_hint, stage, state, money, outcome, tries,
                    refunds, paid_seen, refund_due, watch, refused, refused_class, err_code, err_code_des, refund_no,
                    paid_at, created_at, updated_at)
                 VALUES (?1, ?2, 1, x'00', '0000', ?3, ?4, ?5, ?6, 0, 0, 0, 0, 0, 'no', '', '', '', 'R0000001', ?7, ?8, ?8)",
                params![number, name, if open { "asking" } else { "settled" }, state, money,
                    if ["paid", "returned", ""].contains(&outcome) { outcome } else { "declined" },
                    (outcome == "paid").then_some(at), at],
            )
            .expect("an attempt");
        name
    }

    /// Closes the day when the clock shows 09:30 of the next one.
    fn close(&self, args: &[&str]) -> Ended {
        self.close_at(DAY, 33 * 60 + 30, args)
    }

    /// Closes `day` so many minutes after [`DAY`] began.
    fn close_at(&self, day: &str, minute: i64, args: &[&str]) -> Ended {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: CloseArgs,
        }
        let now = WallTime::from_millis(DAY.parse::<Day>().expect("a day").begin().millis() + minute * 60_000);
        let line = Line::try_parse_from([&["close", "--day", day][..], args].concat());
        let line = match line {
            Ok(line) => line,
            Err(error) => return Ended { code: Some(2), out: String::new(), err: error.to_string() },
        };
        let (exit, out, err) = match close(&self.counter.path("config.toml"), &line.args, now) {
            Ok((exit, out)) => (exit, out, String::new()),
            Err(error) => (Exit::of(&error), String::new(), format!("{error:#}")),
        };
        Ended { code: Some(if exit == Exit::Data { 65 } else { i32::from(exit == Exit::Found) }), out, err }
    }

    fn json(&self, code: i32) -> serde_json::Value {
        let ended = self.close(&["--json"]).exits(code);
        serde_json::from_str(&ended.out).expect("one document")
    }
}

#[test]
fn a_day_is_summed_up_by_currency_operator_and_lane() {
    let mut book = Book::new();
    book.add(PAID);
    book.add(Sale { amount: 1200, operator: "bob", lane: "2", minute: 601, ..PAID });
    book.add(Sale { amount: 500, currency: "JPY", operator: "", minute: 602, acked: false, ..PAID });
    book.add(Sale { amount: 3000, outcome: "returned", minute: 603, ..PAID });
    for outcome in ["declined", "declined", "reversed", "canceled", "expired"] {
        book.add(Sale { outcome, ..PAID });
    }
    let told = book.json(0);
    let hkd = &told["currencies"][0];
    assert_eq!((&hkd["currency"], &hkd["net"]), (&"HKD".into(), &10000.into()), "{told}");
    assert_eq!(hkd["taken"], serde_json::json!({"count": 3, "sum": 13000}));
    assert_eq!(hkd["returned"], serde_json::json!({"count": 1, "sum": 3000}));
    assert_eq!(hkd["unresolved"], serde_json::json!({"count": 0, "sum": 0}));
    assert_eq!(told["currencies"][1]["taken"], serde_json::json!({"count": 1, "sum": 500}));
    let names = |key: &str| {
        let lines = told[key].as_array().expect("lines").iter();
        lines.map(|it| format!("{} {} {}", it["name"], it["currency"], it["net"])).collect::<Vec<_>>()
    };
    assert_eq!(names("by_operator"), [r#""ann" "HKD" 8800"#, r#""bob" "HKD" 1200"#, r#""" "JPY" 500"#]);
    assert_eq!(names("by_lane"), [r#""1" "HKD" 8800"#, r#""2" "HKD" 1200"#, r#""1" "JPY" 500"#]);
    assert_eq!(told["not_paid"], serde_json::json!({"declined": 2, "reversed": 1, "canceled": 1, "expired": 1}));
    assert_eq!((&told["unacknowledged"], &told["closed"], &told["running"]), (&1.into(), &true.into(), &false.into()));
    assert_eq!(told["first_sale"], "2026-03-02T02:00:00.000Z");
    assert_eq!(told["last_sale"], "2026-03-02T02:02:00.000Z");

    let ended = book.close(&[]).exits(0).prints("the day is closed, and nothing is open");
    let ended = ended.prints("HKD 130.00 (3)").prints("HKD 30.00 (1)").prints("HKD 100.00").prints("JPY 500 (1)");
    let ended = ended.prints("(nobody named)").prints("first sale 2026-03-02 10:00:00, last sale 2026-03-02 10:02:00");
    ended
        .prints("not paid: 2 declined, 1 reversed unpaid, 1 cancelled, 1 expired")
        .prints("1 paid and never acknowledged");
}

#[test]
fn a_day_begins_and_ends_at_midnight_in_china_by_the_time_of_success() {
    let mut book = Book::new();
    let minutes = [(-1, false), (0, true), (24 * 60 - 1, true), (24 * 60, false)];
    for (minute, _) in minutes {
        book.add(Sale { minute, ..PAID });
    }
    let within = u64::try_from(minutes.iter().filter(|(_, within)| *within).count()).expect("a count");
    assert_eq!(book.json(0)["currencies"][0]["taken"]["count"], within);
    // Begun before midnight and paid after it, it is the next day's.
    let name = book.add(Sale { minute: 24 * 60 - 1, ..PAID });
    book.db
        .execute("UPDATE attempts SET paid_at = paid_at + 120000 WHERE payment = ?1", [&name])
        .expect("a later success");
    assert_eq!(book.json(0)["currencies"][0]["taken"]["count"], within);
}

#[test]
fn what_is_unresolved_is_said_loudly_also_when_it_is_of_an_earlier_day() {
    let mut book = Book::new();
    book.add(PAID);
    let name = book.add(Sale { amount: 700, outcome: "", minute: -3000, ..PAID });
    book.add(Sale { amount: 900, outcome: "", minute: 24 * 60, ..PAID });
    let told = book.json(1);
    assert_eq!((&told["closed"], told["unresolved"].as_array().map(Vec::len)), (&false.into(), Some(1)), "{told}");
    assert_eq!((&told["unresolved"][0]["ref"], &told["unresolved"][0]["amount"]), (&name.into(), &700.into()));
    assert_eq!(told["currencies"][0]["unresolved"], serde_json::json!({"count": 1, "sum": 700}));
    assert_eq!(told["currencies"][0]["net"], 8800, "what is unknown is neither taken nor not");
    let ended = book.close(&[]).exits(1).prints("1 unresolved: nobody knows yet where the money is");
    ended.prints("R-2").prints("HKD 7.00").prints("shroff resolve");
}

#[test]
fn more_given_back_than_taken_is_less_than_nothing() {
    let mut book = Book::new();
    book.add(PAID);
    let sale = book.add(Sale { minute: -3000, ..PAID });
    book.refund(&sale, "F-2", 100, "failed", "bob", 31);
    book.refund(&sale, "F-1", 8800, "refunded", "bob", 30);
    let other = book.add(Sale { minute: -3000, ..PAID });
    book.refund(&other, "F-3", 500, "processing", "bob", 32);
    book.refund(&other, "F-4", 600, "refunded", "bob", 24 * 60);
    let told = book.json(0);
    assert_eq!(told["currencies"][0]["returned"], serde_json::json!({"count": 2, "sum": 9300}), "{told}");
    assert_eq!(told["currencies"][0]["net"], -500);
    book.close(&[]).exits(0).prints("-HKD 5.00").prints("bob");
    book.refund(&other, "F-5", 300, "requested", "bob", 33);
    let told = book.json(1);
    assert_eq!((&told["unresolved"][0]["ref"], &told["unresolved"][0]["amount"]), (&"F-5".into(), &300.into()));
}

impl Book {
    /// A refund, as the ledger keeps it.
    fn refund(&self, payment: &str, name: &str, amount: u64, state: &str, operator: &str, minute: i64) {
        self.db.execute_batch(REFUNDS).expect("a table");
        let at = DAY.parse::<Day>().expect("a day").begin().millis() + minute * 60_000;
        self.db
            .execute(
                "INSERT INTO refunds (refund_ref, out_refund_no, payment, out_trade_no, transaction_id, amount, total,
                    currency, reason, operator, supervised, created_at, stage, leads_to, state, outcome, sends, asked,
                    doubted, refused, refused_class, err_code, err_code_des, accepted_at, open, next_action, updated_at, seq)
                 SELECT ?1, ?1, p.ref, a.out_trade_no, '4200', ?2, p.amount, p.currency, 'r', ?3, 0, ?4, 'settled', '', ?5,
                    '', 1, 0, 0, 'no', '', '', '', ?6, ?7, 'none', ?4, 0
                 FROM payments p JOIN attempts a ON a.payment = p.ref WHERE p.ref = ?8",
                params![name, amount, operator, at, state, (state != "requested").then_some(at), state == "requested", payment],
            )
            .expect("a refund");
    }
}

/// The columns that a summary reads and that may not be empty. A ledger that has the table keeps its own.
const REFUNDS: &str = "
CREATE TABLE IF NOT EXISTS refunds (refund_ref TEXT PRIMARY KEY, out_refund_no TEXT, payment TEXT, out_trade_no TEXT,
    transaction_id TEXT, amount INTEGER, total INTEGER, currency TEXT, reason TEXT, operator TEXT, supervised INTEGER,
    created_at INTEGER, stage TEXT, leads_to TEXT, state TEXT, outcome TEXT, sends INTEGER, asked INTEGER, doubted INTEGER,
    refused TEXT, refused_class TEXT, err_code TEXT, err_code_des TEXT, accepted_at INTEGER, open INTEGER,
    next_action TEXT, acked_at INTEGER, updated_at INTEGER, seq INTEGER) STRICT";

#[test]
fn the_page_stands_for_itself_and_nothing_in_it_is_taken_for_markup() {
    let mut book = Book::new();
    book.add(Sale { operator: "<script>alert('1')</script>", ..PAID });
    book.add(Sale { amount: 700, outcome: "", operator: "bob & co", ..PAID });
    let file = book.counter.path("close.html").display().to_string();
    book.close(&["--html", &file]).exits(1).prints("close.html: 1 unresolved");
    let page = std::fs::read_to_string(&file).expect("a page");
    for text in ["HKD 88.00", "HKD 7.00", "bob &amp; co", "&lt;script&gt;", "R-2", "<code>shroff resolve</code>", "T01"]
    {
        assert!(page.contains(text), "{text} in {page}");
    }
    for foreign in ["http:", "https:", "src=", "href=", "@import", "url(", "<script", "javascript:"] {
        assert!(!page.contains(foreign), "{foreign} in {page}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("@media print"));
    book.close(&["--html", &file]).exits(65).tells("--force");
    book.close(&["--html", &file, "--force"]).exits(1);
    book.close(&["--html", &file, "--json"]).exits(2);
}

#[test]
fn an_empty_day_is_fine_and_a_day_to_come_is_none() {
    let book = Book::new();
    book.close(&[]).exits(0).prints("no money moved");
    assert_eq!(book.json(0)["currencies"], serde_json::json!([]));
    book.close_at(DAY, 600, &[]).exits(0).prints("the day goes on; this is what was known at 2026-03-02 10:00:00");
    book.close_at("2026-03-03", 24 * 60 - 1, &[]).exits(65).tells("has not begun");
    book.close_at("2026-03-03", 24 * 60, &[]).exits(0);
    book.counter.shroff(&["close"]).exits(0).prints("the day goes on");
    book.counter.shroff(&["close", "--day", "2999-01-01"]).exits(65).tells("has not begun");
    Counter::new().shroff(&["close"]).exits(74).tells("there is no ledger");
}

#[test]
fn a_real_day_beside_a_running_daemon_is_what_the_gateways_books_say() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let sell = |counter: &Counter, name: &str, amount: u64, code: &str, until: &str| {
        let sale = format!(r#"{{"client_ref":"{name}","amount":{amount},"operator":"ann","auth_code":"{code}"}}"#);
        let mut payment = counter.api().post("/v1/payments", &sale).json();
        while payment["state"] != until {
            let path =
                format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
            payment = counter.api().get(&path).json();
        }
    };
    sell(&counter, "R-1", 8800, "130000517967681395", "paid");
    // Not today's day by another clock, a moment later: that of the sale.
    let shown = counter.json(&["show", "R-1", "--json"]);
    let paid_at: jiff::Timestamp = shown["attempts"][0]["paid_at"].as_str().expect("a time").parse().expect("a time");
    let day = Day::of(WallTime::from_millis(paid_at.as_millisecond())).to_string();
    sell(&counter, "R-2", 1200, "130000517967681396", "paid");
    sell(&counter, "R-3", 500, "130110517967681397", "declined"); // the simulator answers NOAUTH
    counter.shroff(&["close", "--day", &day]).exits(0).prints("HKD 100.00 (2)").prints("ann").prints("1 declined");
    counter.sim().add(Rule::always(Op::Query, Arrival::HangRequest));
    counter.sim().add(Rule::once(Op::Pay, Deed::ErrCode { code: "SYSTEMERROR".into(), does: true, recall: false }));
    sell(&counter, "R-4", 300, "130000517967681398", "verifying");
    let ended =
        counter.shroff(&["close", "--day", &day]).exits(1).prints("1 unresolved").prints("R-4").prints("HKD 3.00");
    ended.never_says("130000517967681398");
    let book = counter.sim().book();
    let net: u64 = book.orders().iter().map(|order| order.net()).sum();
    assert_eq!(net, 8800 + 1200 + 300, "the gateway knows what became of the last one");
}

/// What a comparison of `day` with a whole statement found.
fn kept(day: &str, wrong: u64) -> Kept {
    Kept {
        day: day.parse().expect("a day"),
        payments: true,
        refunds: true,
        complete: true,
        wrong,
        look: 0,
        explained: 0,
        unlisted: 0,
        agreed: 3,
        totals: Vec::new(),
        statements: Vec::new(),
        terminals: vec!["T01".to_owned()],
    }
}

#[test]
fn whether_the_day_was_reconciled_is_said_and_which_days_it_is_high_time_for() {
    const DAY_MINUTES: i64 = 24 * 60;
    let mut book = Book::new();
    let note = |book: &Book, minute| book.close_at(DAY, minute, &[]).exits(0).out;
    assert!(!note(&book, DAY_MINUTES).contains("reconcile"), "nothing moved, and there is nothing to compare");
    book.add(PAID);
    let same_day = note(&book, 700);
    assert!(same_day.contains("statement of the day is there from 2026-03-03 10:00:00 UTC+8"), "{same_day}");
    let next_day = note(&book, DAY_MINUTES + 600);
    assert!(next_day.contains("`shroff statement --day 2026-03-02`, then `shroff reconcile"), "{next_day}");

    let path = book.counter.path("ledger.sqlite");
    let keep = |kept: Kept| {
        let at = WallTime::from_millis(DAY.parse::<Day>().expect("a day").end().millis() + 11 * 3_600_000);
        shroff::ledger::keep_reconciled_offline(&path, &[kept], at).expect("kept");
    };
    keep(kept(DAY, 0));
    assert!(note(&book, 3000).contains("reconciled at 2026-03-03 11:00:00 UTC+8: nothing differs"));
    assert_eq!(book.json(0)["reconciled"]["fine"], true);
    let at_noon = WallTime::from_millis(DAY.parse::<Day>().expect("a day").begin().millis() + 12 * 3_600_000);
    shroff::ledger::keep_reconciled_offline(&path, &[kept(DAY, 0)], at_noon).expect("kept");
    assert!(note(&book, 3000).contains("12:00:00 UTC+8, before the day was over: nothing differs"));
    assert_eq!(book.json(0)["reconciled"]["fine"], false, "more may have been sold that day");
    let in_part = Kept { refunds: false, ..kept(DAY, 0) };
    shroff::ledger::keep_reconciled_offline(&path, &[in_part], at_noon).expect("kept");
    assert!(note(&book, 3000).contains(
        "12:00:00 UTC+8, before the day was over, and only in part: a statement was not all there, or not of everything: \
         nothing differs"
    ));
    let in_june = "2026-06-01".parse().expect("a day");
    assert_eq!(Reader::open(&path).expect("opens").unreconciled_days(in_june).expect("reads").len(), 1);
    keep(kept(DAY, 2));
    assert!(note(&book, 3000).contains("2 differences; `shroff reconcile statement-2026-03-02.csv` lists them"));
    keep(Kept { refunds: false, ..kept(DAY, 0) });
    assert!(note(&book, 3000).contains("only in part"));
    assert_eq!(book.json(0)["reconciled"]["fine"], false);

    // Two more days with sales, one with nothing but a reversal after payment, one with nothing but a refund, one with
    // neither; and the days before and after the sixtieth.
    book.add(Sale { minute: -DAY_MINUTES, ..PAID });
    let sold = book.add(Sale { minute: -3 * DAY_MINUTES, ..PAID });
    book.add(Sale { minute: -5 * DAY_MINUTES, outcome: "returned", ..PAID });
    book.add(Sale { minute: -6 * DAY_MINUTES, outcome: "declined", ..PAID });
    book.refund(&sold, "F-1", 8800, "refunded", "bob", 1 - 2 * DAY_MINUTES);
    let late = |at_day: i64| {
        let today =
            Day::of(WallTime::from_millis(DAY.parse::<Day>().expect("a day").begin().millis() + at_day * 86_400_000));
        let days = Reader::open(&path).expect("opens").unreconciled_days(today).expect("reads");
        days.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = ["2026-02-25", "2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"];
    assert_eq!(late(61), all, "what was compared in part was not compared");
    assert_eq!(late(60), all[..4]);
    assert_eq!(late(56), all[..1]);
    assert_eq!(late(55), [""; 0]);
    keep(kept(DAY, 7));
    keep(kept("2026-02-28", 0));
    assert_eq!(late(61), ["2026-02-25", "2026-02-27", "2026-03-01"]);
    let told = book.close_at("2026-05-02", 61 * DAY_MINUTES, &[]).exits(0);
    told.prints("never reconciled although more than 60 days ago: 3 days, 2026-02-25, 2026-02-27, 2026-03-01;");
    let told = book.close_at("2026-05-02", 61 * DAY_MINUTES, &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.out).expect("one document");
    assert_eq!(told["unreconciled_days"], serde_json::json!(["2026-02-25", "2026-02-27", "2026-03-01"]));
}
