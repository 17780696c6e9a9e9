//! `statement` and `reconcile` over API v3: the same command, another key in the configuration.

use std::time::Duration;

use shroff::sim::book::{Op, RefundPlan, RefundRequest, ReversePlan, Rules};
use shroff::sim::faults::{Arrival, Deed, Delivery, Fault, Forgery, Rule, Sheet};

use super::CODE;
use super::counter::Counter;
use super::statement::{sell, today};

fn shop(sales: u32) -> (Counter, String) {
    let counter = Counter::with_v3_gateway();
    let day = sell(&counter, sales);
    (counter, day)
}

/// Pays at the counter, and waits for the end.
pub(super) fn pay(counter: &Counter, client_ref: &str, code: &str) -> serde_json::Value {
    let sale = format!(r#"{{"client_ref":"{client_ref}","amount":8800,"auth_code":"{code}"}}"#);
    let mut payment = counter.api().post("/v1/payments", &sale).json();
    while payment["final"] != true {
        let path = format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
        payment = counter.api().get(&path).json();
    }
    payment
}

#[test]
fn what_was_sold_is_downloaded_signed_and_agrees_with_the_ledger() {
    let (mut counter, day) = shop(0);
    counter.open();
    for (name, code) in [("R-1", CODE), ("R-2", "130000517967681396")] {
        assert_eq!(pay(&counter, name, code)["state"], "paid");
    }
    let ended = counter.download(&day, &["--json"]).exits(0).never_says(CODE);
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!(
        (&document["signed"], &document["rows"], &document["rows_said"]),
        (&true.into(), &2.into(), &2.into()),
        "{document}"
    );
    assert!(document["received"].as_u64() < document["bytes"].as_u64(), "it came packed: {document}");
    let text = std::fs::read_to_string(counter.path("a.csv")).expect("a file");
    assert!(text.starts_with("\u{feff}交易时间,") && text.lines().next().is_some_and(|it| it.split(',').count() == 38));
    assert!(text.contains("`T01,`") && text.contains("`88.00,`CNY,`80.96,`HKD,`88.00,`92000000,`"), "{text}");
    let file = counter.path("a.csv").display().to_string();
    counter.shroff(&["reconcile", &file]).exits(0).prints("fine");
    counter.download(&day, &["--force"]).exits(0).prints("2 movements").prints(", signed by WeChat Pay");
}

#[test]
fn refunds_and_reversals_stand_in_the_file_with_the_columns_of_v3() {
    let (counter, day) = shop(3);
    counter.sim().with_book(|book, now| {
        let (out_trade_no, out_refund_no) = ("T01-order-0", "R-1");
        let request =
            RefundRequest { out_trade_no, out_refund_no, total: 8800, refund: 1200, desc: "", sent: now, copy: false };
        book.refund(&request, now, &RefundPlan::Honest);
        let later = now.after(Duration::from_secs(20));
        book.reverse("T01-order-1", later, &ReversePlan::Honest);
    });
    counter.download(&day, &[]).exits(0).prints("5 movements");
    let text = std::fs::read_to_string(counter.path("a.csv")).expect("a file");
    let row = |state: &str| text.lines().find(|it| it.contains(&format!("`{state},`"))).unwrap_or_default().to_owned();
    assert!(row("REFUND").contains("`R-1,`ORIGINAL,`SUCCESS,`"), "{text}");
    assert!(row("REFUND").ends_with("`92000000,`12.00,`CNY,`11.04,`HKD,`12.00,`0.00,`0.00"), "{text}");
    assert!(row("REVOKED").contains("`T01-order-1,") && row("REVOKED").contains("`0,`0,`ORIGINAL,"), "{text}");
    assert!(text.ends_with("\r\n`5,`264.00,`100.00,`0.99000\r\n"), "{text}");
    // The sums are checked by the reader that knows nothing of the simulator; nobody here has a ledger of these sales.
    counter.reconcile_with_nothing();
}

impl Counter {
    /// Reconciles `a.csv` with an empty ledger: everything is in the statement only, and nothing else is wrong.
    fn reconcile_with_nothing(mut self) {
        self.open();
        let file = self.path("a.csv").display().to_string();
        let ended = self.shroff(&["reconcile", &file, "--json"]).exits(1);
        let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
        assert!(!ended.out.contains("summary_differs") && !ended.out.contains("\"partial\": true"), "{document}");
        assert_eq!(document["statements"][0]["bad_lines"], 0, "{document}");
    }
}

#[test]
fn whatever_is_not_the_signed_file_leaves_no_file() {
    let (counter, day) = shop(50);
    let cases: [(Fault, i32, &str); 21] = [
        (Sheet::WrongDigest.into(), 65, "not the one whose digest WeChat Pay signed"),
        (Sheet::HalfFile.into(), 65, "not the one whose digest WeChat Pay signed"),
        (Sheet::NoDigest.into(), 69, "missing, doubled or strange"),
        (Sheet::HalfSent.into(), 65, "damaged or cut short"),
        (Forgery::NoSign.into(), 69, "not signed"),
        (Forgery::WrongSign.into(), 69, "signature is wrong"),
        (Forgery::OtherSignType.into(), 69, "signature is wrong"),
        (Forgery::Probe.into(), 69, "signature is wrong"),
        (Forgery::Replayed.into(), 69, "5 minutes"),
        (Forgery::UnknownSerial.into(), 69, "a platform key that is not known"),
        (Forgery::Shorten { at: 300 }.into(), 65, "damaged or cut short"),
        (Forgery::Garbage.into(), 65, "not the one whose digest"),
        (Forgery::Empty.into(), 69, "without a single byte"),
        (Forgery::Html { status: 200 }.into(), 69, "not signed"),
        (Forgery::Html { status: 502 }.into(), 69, "HTTP status 502"),
        (Forgery::Redirect.into(), 69, "HTTP status 302"),
        (Delivery::Truncate { at: 700 }.into(), 69, "the connection ended before the reply did"),
        (Delivery::LoseReply.into(), 69, "the connection ended"),
        (Delivery::Huge { mb: 1 }.into(), 65, "damaged or cut short"),
        (Arrival::LoseRequest.into(), 69, "the connection ended"),
        (Delivery::Delay { ms: 300 }.into(), 0, ""),
    ];
    for (fault, code, words) in cases {
        counter.sim().heal();
        // Whatever is asked twice is refused twice.
        assert!(counter.sim().add(Rule::always(Op::Statement, fault.clone())));
        let ended = counter.download(&day, &[]);
        assert_eq!(ended.code, Some(code), "{fault:?}: {ended:?}");
        if code == 0 {
            std::fs::remove_file(counter.path("a.csv")).expect("a file");
        } else {
            ended.tells(words);
        }
        counter.has_no_file();
    }
}

#[test]
fn what_wechat_signed_wrongly_itself_is_found_by_the_reconciliation() {
    let (mut counter, day) = shop(0);
    counter.open();
    for n in 0..3 {
        assert_eq!(pay(&counter, &format!("R-{n}"), &format!("13000051796768139{n}"))["state"], "paid");
    }
    let file = counter.path("a.csv").display().to_string();
    for fault in [Sheet::FlippedDigit, Sheet::MissingRow, Sheet::DoubledRow] {
        counter.spoil(fault);
        let ended = counter.download(&day, &["--force"]);
        assert_eq!(ended.code, Some(i32::from(fault != Sheet::FlippedDigit)), "{fault:?}: {ended:?}");
        let told = counter.shroff(&["reconcile", &file]);
        // The summary has no sum of the column whose digit is another; the row itself does not agree.
        let expected = if fault == Sheet::FlippedDigit { 1 } else { 65 };
        assert_eq!(told.code, Some(expected), "{fault:?}: {told:?}");
        counter.shroff(&["reconcile", &file, "--partial"]).exits(1);
    }
}

#[test]
fn a_certificate_that_changed_is_fetched_and_the_statement_asked_for_again() {
    let (counter, day) = shop(1);
    counter.download(&day, &[]).exits(0);
    counter.sim().rotate().expect("a new key");
    counter.download(&day, &["--force"]).exits(0).prints("signed by WeChat Pay");
    assert_eq!((counter.sim().lists(), counter.statements_asked_for()), (2, 3));
    assert!(counter.sim().book().violations().is_empty(), "{:?}", counter.sim().book().violations());
}

#[test]
fn words_in_a_files_place_are_understood_signed_or_not() {
    let (counter, day) = shop(1);
    for unsigned in [false, true] {
        counter.sim().set_unsigned_errors(unsigned);
        counter.download("2026-01-02", &[]).exits(0).prints("nothing moved").prints("no file was made");
        counter.has_no_file();
        counter.sim().with_book(|book, _| book.set_rules(Rules::default()));
        counter.download(&day, &[]).exits(75).tells("Bill Creating");
        counter.sim().with_book(|book, _| book.set_rules(Rules { statements_at_once: true, ..Rules::default() }));
        for (code, exit, advice) in [
            ("NOAUTH", 77, "ask WeChat Pay to allow it"),
            ("SIGNERROR", 78, "check gateway.appid"),
            ("PARAM_ERROR", 65, "three months"),
            ("SYSTEMERROR", 75, "try again later"),
            ("FREQUENCY_LIMITED", 75, "try again later"),
            ("MOON_IS_FULL", 75, "MOON_IS_FULL"),
        ] {
            counter.spoil(Deed::ErrCode { code: code.into(), does: false, recall: false });
            counter.download(&day, &[]).exits(exit).tells(advice);
            counter.has_no_file();
        }
    }
    // One that somebody signed wrongly is not even hearsay.
    counter.sim().set_unsigned_errors(false);
    counter.spoil(Forgery::WrongSign);
    counter.download("2026-01-02", &[]).exits(69).tells("signature is wrong");
}

#[test]
fn a_clock_that_is_off_is_named_as_the_cause() {
    let (counter, day) = shop(1);
    counter.download(&day, &[]).exits(0);
    counter.sim().set_clock_ahead(400);
    let ended = counter.download(&day, &["--force"]).exits(78).tells("s behind WeChat Pay's: set it");
    // `Date` has no fractions.
    assert!((399..=401).any(|off| ended.err.contains(&format!("clock is {off} s"))), "{ended:?}");
}

#[test]
fn a_day_that_is_called_empty_is_set_against_the_ledger() {
    let (mut counter, _) = shop(0);
    counter.open();
    assert_eq!(pay(&counter, "R-1", CODE)["state"], "paid");
    counter.spoil(Deed::ErrCode { code: "NO_STATEMENT_EXIST".into(), does: false, recall: false });
    counter.download(&today(), &[]).exits(1).tells("money moved once on that day").tells("shroff close --day");
    counter.has_no_file();
    counter.download("2026-01-02", &[]).exits(0);
}

#[test]
fn an_institution_gets_its_sub_merchants_statement_and_settlements() {
    let (mut counter, day) = shop(2);
    counter.reconfigure("[gateway.v2]", "sub_mch_id = \"452532745\"\n[gateway.v2]");
    counter.open();
    assert_eq!(pay(&counter, "R-1", CODE)["state"], "paid");
    counter.download(&day, &[]).exits(0).prints("1 movement of");
    let file = counter.path("a.csv").display().to_string();
    assert!(std::fs::read_to_string(&file).expect("a file").contains("`1900000109,`452532745,`T01,`"));
    counter.shroff(&["reconcile", &file]).exits(0).prints("fine");
    counter.shroff(&["settlements", "--from", &day, "--to", &today()]).exits(0).prints("HKD 88.00 (1)");
    assert!(counter.sim().book().violations().is_empty(), "{:?}", counter.sim().book().violations());
}
