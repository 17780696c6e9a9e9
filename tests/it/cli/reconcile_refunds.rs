//! Money that went back, from the till to the reconciliation: over the simulated gateway's own statement, and around
//! midnight.

use std::time::Duration;

use serde_json::Value;
use shroff::ledger::Reader;
use shroff::sim::book::{RefundPlan, RefundRequest, Rules};
use shroff::words::{Day, WallTime};

use super::counter::{Counter, Ended};
use crate::reconcile::sheet::{Move, Style, statement};
use crate::reconcile::shop::{Back, Course, Shop};

/// A daemon that has sold and refunded against a gateway that makes statements at once.
struct Sold {
    counter: Counter,
    day: String,
}

impl Sold {
    fn new() -> Self {
        let mut counter = Counter::with_gateway();
        counter.sim().with_book(|book, _| book.set_rules(Rules { statements_at_once: true, ..Rules::default() }));
        counter.open();
        let mut day = String::new();
        // Plain, plain, takes 30 s, TRADE_OVERDUE, never refunded.
        for (no, (scenario, amount)) in
            [(0, "88.00"), (0, "12.00"), (607, "50.00"), (610, "7.00"), (0, "3.00")].into_iter().enumerate()
        {
            let (name, code) = (format!("R-{}", no + 1), format!("13{scenario:04}5179676813{no:02}"));
            counter.shroff(&["pay", amount, "--ref", &name, "--code", &code]).exits(0);
            let shown = counter.json(&["show", &name, "--json"]);
            let paid_at: jiff::Timestamp =
                shown["attempts"][0]["paid_at"].as_str().expect("a time").parse().expect("a time");
            day = Day::of(WallTime::from_millis(paid_at.as_millisecond())).to_string();
        }
        let refund = |name: &str, of: &str, more: &[&str], code| {
            let args = [&["refund", of, "--reason", "x", "--ref", name][..], more].concat();
            counter.shroff(&args).exits(code);
        };
        refund("part", "R-1", &["--amount", "12.00"], 0);
        refund("all", "R-2", &[], 0);
        refund("refused", "R-4", &[], 1);
        let slow = counter.json(&["show", "R-3", "--json"])["ref"].as_str().expect("a ref").to_owned();
        let body = r#"{"refund_ref":"slow","amount":4000,"reason":"x"}"#;
        assert_eq!(counter.api().post(&format!("/v1/payments/{slow}/refunds"), body).status, 201);
        let mut refund = counter.api().get("/v1/refunds/slow").json();
        while refund["state"] == "requested" {
            refund = counter.api().get(&format!("/v1/refunds/slow?wait=20&after={}", refund["seq"])).json();
        }
        assert_eq!(refund["state"], "processing");
        Self { counter, day }
    }

    fn order(&self, name: &str) -> String {
        let shown = self.counter.json(&["show", name, "--json"]);
        shown["attempts"][0]["out_trade_no"].as_str().expect("a number").to_owned()
    }

    /// Downloads the day and compares it.
    fn downloaded(&self, more: &[&str]) -> Ended {
        let file = self.counter.path("bill.csv").display().to_string();
        self.counter.shroff(&["statement", "--day", &self.day, "--anyway", "--force", "-o", &file]).exits(0);
        self.reconcile(more)
    }

    fn reconcile(&self, more: &[&str]) -> Ended {
        let file = self.counter.path("bill.csv").display().to_string();
        self.counter.shroff(&[&["reconcile", &file][..], more].concat())
    }

    /// The rows of the statement that was downloaded last.
    fn rows(&self) -> Vec<Move> {
        let text = std::fs::read_to_string(self.counter.path("bill.csv")).expect("a statement");
        let rows = text.lines().filter(|line| line.starts_with("`20"));
        rows.map(|line| row(&line.trim_start_matches('`').split(",`").collect::<Vec<_>>())).collect()
    }
}

fn row(cells: &[&str]) -> Move {
    let state = ["SUCCESS", "REFUND", "REVOKED"].into_iter().find(|it| *it == cells[9]).expect("a state");
    let amount = if state == "SUCCESS" { cells[12] } else { cells[16] };
    Move {
        state,
        at: cells[0].to_owned(),
        order: cells[6].to_owned(),
        transaction: cells[5].to_owned(),
        refund_no: if cells[15] == "0" { String::new() } else { cells[15].to_owned() },
        amount: amount.replace('.', "").parse().expect("an amount"),
        currency: "HKD",
        device: cells[4].to_owned(),
        product: cells[20].to_owned(),
    }
}

fn kinds(ended: &Ended) -> Vec<(String, u64)> {
    let report: Value = serde_json::from_str(&ended.out).expect("one document");
    let findings = report["findings"].as_array().expect("a list").iter();
    findings
        .map(|it| (it["kind"].as_str().expect("a kind").to_owned(), it["at_stake"].as_u64().expect("a sum")))
        .collect()
}

#[test]
fn what_the_terminal_refunded_agrees_with_the_gateways_statement_and_what_it_did_not_is_found() {
    let sold = Sold::new();
    // Five payments; a part, all, and one WeChat is at work on. The refused one is on neither side.
    let ended = sold.downloaded(&[]).exits(0).prints("8 movements agree").prints("nothing differs");
    assert!(ended.out.contains("64.00"), "{ended:?}");
    sold.counter.shroff(&["close", "--day", &sold.day]).exits(0).prints("HKD 64.00 (3)");

    // Somebody refunds at the merchant platform: only the statement knows.
    let order = sold.order("R-5");
    sold.counter.sim().with_book(|book, now| {
        let request = RefundRequest {
            out_trade_no: &order,
            out_refund_no: "by-hand-1",
            total: 300,
            refund: 200,
            desc: "",
            sent: now,
            copy: false,
        };
        book.refund(&request, now, &RefundPlan::Honest);
    });
    let ended = sold.downloaded(&["--json"]).exits(1);
    assert_eq!(kinds(&ended), [("in_statement_only".to_owned(), 200)]);
    assert!(ended.out.contains("merchant platform") || ended.out.contains("pay.weixin.qq.com"), "{ended:?}");

    // WeChat lost one refund, and lists another with another amount.
    let mut rows: Vec<Move> = sold.rows().into_iter().filter(|row| row.refund_no != "by-hand-1").collect();
    assert_eq!(rows.len(), 8);
    rows.retain(|row| row.state != "REFUND" || row.amount != 1200 || row.order != sold.order("R-1"));
    let other = rows.iter_mut().find(|row| row.state == "REFUND" && row.amount == 4000).expect("the slow one");
    other.amount = 3900;
    sold.counter.write("bill.csv", &statement(Style::All27, &rows));
    let ended = sold.reconcile(&["--json"]).exits(1);
    assert_eq!(kinds(&ended), [("amount_differs".to_owned(), 100), ("refund_missing".to_owned(), 1200)]);
    // A statement of payments only says nothing about refunds, and one of refunds nothing about payments.
    sold.counter.write("bill.csv", &statement(Style::Success20, &rows));
    sold.reconcile(&[]).exits(0).prints("5 movements agree");
    sold.counter.write("bill.csv", &statement(Style::Refund29, &rows));
    assert_eq!(kinds(&sold.reconcile(&["--json"]).exits(1)), kinds(&ended));
}

/// A terminal that opens at 23:50 in China on 2 March.
fn late_shop() -> Shop {
    let day: Day = "2026-03-02".parse().expect("a day");
    Shop::open("T01", WallTime::from_millis(day.end().millis() - 600_000))
}

fn listed(state: &'static str, at: &str, order: &str, refund_no: &str, amount: u64) -> Move {
    Move {
        state,
        at: at.to_owned(),
        order: order.to_owned(),
        transaction: format!("42{order}"),
        refund_no: refund_no.to_owned(),
        amount,
        currency: "HKD",
        device: "T01".to_owned(),
        product: "tea".to_owned(),
    }
}

#[test]
fn a_refund_around_midnight_is_carried_over_or_found_with_the_other_day() {
    let counter = Counter::new();
    let mut shop = late_shop();
    let payment = shop.sell(1000, Course::Paid);
    let order = "T01K7Q2M90100000002";
    let until_midnight = shop.until_midnight();
    // WeChat accepts it in the last instant of the day; the terminal hears of it in the first of the next.
    shop.pass(until_midnight - Duration::from_millis(50));
    let number = shop.refund(&payment, "late", Some(400), Back::Refunded);
    let sold = listed("SUCCESS", "2026-03-02 23:50:05", order, "", 1000);
    let back = listed("REFUND", "2026-03-02 23:59:59", order, &number, 400);
    shop.pass(Duration::from_secs(60));
    shop.sell(70, Course::Paid);
    let next = listed("SUCCESS", "2026-03-03 00:01:10", "T01K7Q2M90100000005", "", 70);

    let ledger = shop.path().display().to_string();
    let files = ["a.csv", "b.csv"].map(|name| counter.path(name).display().to_string());
    counter.write("a.csv", &statement(Style::All27, &[sold, back]));
    counter.write("b.csv", &statement(Style::All27, &[next]));
    let run = |files: &[&str]| counter.shroff(&[&["reconcile", "--json", "--ledger", &ledger][..], files].concat());
    let first = run(&[&files[0]]).exits(0);
    assert!(first.out.contains("carried_over") && first.out.contains("on another day"), "{first:?}");
    let second = run(&[&files[1]]).exits(1);
    assert_eq!(kinds(&second), [("refund_missing".to_owned(), 400)]);
    assert!(second.out.contains("minutes from midnight"), "{second:?}");
    let both = run(&[&files[0], &files[1]]).exits(0);
    assert!(both.out.contains("\"agreed\": 3") && !both.out.contains("carried_over"), "{both:?}");
}

/// Two sales and their refunds of 2 March, as WeChat lists them.
fn refunded(shop: &mut Shop) -> Vec<Move> {
    let mut rows = Vec::new();
    for (order, amount) in [("T01K7Q2M90100000002", 1000), ("T01K7Q2M90100000005", 2000)] {
        let payment = shop.sell(amount, Course::Paid);
        let number = shop.refund(&payment, &format!("back-{amount}"), None, Back::Refunded);
        rows.push(listed("SUCCESS", "2026-03-02 23:50:05", order, "", amount));
        rows.push(listed("REFUND", "2026-03-02 23:50:06", order, &number, amount));
    }
    rows
}

#[test]
fn a_statement_of_refunds_is_of_the_day_they_were_accepted_and_not_of_the_day_they_arrived() {
    let counter = Counter::new();
    let mut shop = late_shop();
    let rows = refunded(&mut shop);
    counter.write("back.csv", &statement(Style::Refund29, &rows));
    counter.write("paid.csv", &statement(Style::Success20, &rows));
    let ledger = shop.path().display().to_string();
    let [back, paid] = ["back.csv", "paid.csv"].map(|name| counter.path(name).display().to_string());
    let run = |more: &[&str]| counter.shroff(&[&["reconcile", "--ledger", &ledger][..], more].concat());
    run(&[&back]).exits(0).prints("fine: 2026-03-02: nothing differs; 2 movements agree");
    run(&[&back, "--day", "2026-03-02"]).exits(0).prints("2 movements agree");
    run(&[&paid, &back]).exits(0).prints("fine: 2026-03-02: nothing differs; 4 movements agree");
    run(&[&back, "--day", "2030-01-01"]).exits(65).tells("no row of the statements is of 2030-01-01");
}

#[test]
fn a_statement_of_which_nothing_agrees_is_not_fine_however_well_it_is_explained() {
    let counter = Counter::new();
    let mut shop = late_shop();
    let mut rows = refunded(&mut shop);
    shop.close();
    let (ledger, file) = (shop.path().display().to_string(), counter.path("a.csv").display().to_string());
    let run = |more: &[&str]| counter.shroff(&[&["reconcile", &file, "--ledger", &ledger][..], more].concat());
    // The ledger knows every one of them, on the day before.
    for row in &mut rows {
        row.at = row.at.replace("2026-03-02 23:50", "2026-03-03 12:50");
    }
    counter.write("a.csv", &statement(Style::All27, &rows));
    let ended = run(&[]).exits(1).prints("not fine: 2026-03-03: 1 to look at; 0 movements agree");
    ended.prints("nothing agrees").prints("carried over").prints("none of the 4 movements").prints("compare");
    let ended = run(&["--json"]).exits(1);
    assert_eq!(kinds(&ended), [("nothing_agrees".to_owned(), 0)]);
    assert!(ended.out.contains("\"fine\": false"), "{ended:?}");
    run(&["--csv"]).exits(1).prints("look,nothing_agrees,");
    let day: Day = "2026-03-03".parse().expect("a day");
    let kept = Reader::open(&shop.path()).expect("opens").reconciled(day).expect("reads").expect("kept").kept;
    assert_eq!((kept.look, kept.explained, kept.agreed), (1, 4, 0));
    // One that agrees, and the rest is what it was: explained.
    rows[0].at = "2026-03-02 23:50:05".to_owned();
    counter.write("b.csv", &statement(Style::All27, &rows[..1]));
    counter.write("a.csv", &statement(Style::All27, &rows[1..]));
    let other = counter.path("b.csv").display().to_string();
    assert!(!run(&[&other, "--json"]).out.contains("nothing_agrees"));
}

#[test]
fn a_refund_nobody_answered_until_the_next_day_is_looked_for_on_the_day_it_was_asked_for() {
    let counter = Counter::new();
    let mut shop = late_shop();
    let payment = shop.sell(1000, Course::Paid);
    let number = shop.refund(&payment, "lost", None, Back::Silence);
    let order = "T01K7Q2M90100000002";
    let sold = listed("SUCCESS", "2026-03-02 23:50:05", order, "", 1000);
    let back = listed("REFUND", "2026-03-02 23:50:06", order, &number, 1000);
    let ledger = shop.path().display().to_string();
    let file = counter.path("a.csv").display().to_string();
    let run = || counter.shroff(&["reconcile", "--json", "--ledger", &ledger, &file]);
    // Nobody knows yet; the statement does.
    counter.write("a.csv", &statement(Style::All27, &[sold.clone(), back.clone()]));
    assert_eq!(kinds(&run().exits(1)), [("unresolved_here".to_owned(), 1000)]);
    counter.write("a.csv", &statement(Style::All27, std::slice::from_ref(&sold)));
    assert_eq!(kinds(&run().exits(1)), [("unresolved_here".to_owned(), 1000)]);

    assert_eq!(shop.refund_heard_of("lost", Duration::from_secs(6 * 3600)), number);
    counter.write("a.csv", &statement(Style::All27, &[sold, back]));
    let told = run().exits(0);
    assert!(told.out.contains("carried_over"), "{told:?}");
    let next = listed("SUCCESS", "2026-03-03 09:00:00", "T01K7Q2M90100000009", "", 70);
    counter.write("a.csv", &statement(Style::All27, &[next]));
    let told = run().exits(1);
    assert!(told.out.contains("it was asked for at 2026-03-02 23:50:0"), "{told:?}");
    assert!(told.out.contains("compare the days from 2026-03-02 to 2026-03-03 at once"), "{told:?}");
}

#[test]
fn a_refund_that_was_closed_or_goes_back_by_hand_is_told_as_it_is() {
    let counter = Counter::new();
    let mut shop = late_shop();
    let sold = [shop.sell(1000, Course::Paid), shop.sell(2000, Course::Paid), shop.sell(3000, Course::Paid)];
    let closed = shop.refund(&sold[0], "closed", None, Back::Closed);
    let by_hand = shop.refund(&sold[1], "by-hand", None, Back::ByHand);
    shop.refund(&sold[2], "refused", None, Back::Refused);
    let orders = ["T01K7Q2M90100000002", "T01K7Q2M90100000004", "T01K7Q2M90100000006"];
    let mut rows: Vec<Move> = orders
        .iter()
        .zip(1..)
        .map(|(order, no)| listed("SUCCESS", "2026-03-02 23:51:00", order, "", no * 1000))
        .collect();
    rows.push(listed("REFUND", "2026-03-02 23:51:10", orders[0], &closed, 1000));
    rows.push(listed("REFUND", "2026-03-02 23:51:20", orders[1], &by_hand, 2000));
    counter.write("a.csv", &statement(Style::All27, &rows));
    let (ledger, file) = (shop.path().display().to_string(), counter.path("a.csv").display().to_string());
    let told = counter.shroff(&["reconcile", "--json", "--ledger", &ledger, &file]).exits(1);
    // What came back after it was accepted is with the shop again, and the statement still says that it left.
    assert_eq!(kinds(&told), [("state_differs".to_owned(), 1000)]);
    assert!(told.out.contains("\"agreed\": 4"), "{told:?}");
}
