//! `settlements` against a simulated gateway.

use shroff::sim::book::{Op, PayRequest, Plan, Rules};
use shroff::sim::faults::{Deed, Delivery, Fault, Forgery, Rule, Sheet};
use shroff::words::{Day, Money};

use super::CODE;
use super::counter::{Counter, Ended};
use super::statement::today;
use super::statement_v3::pay;

/// A shop whose gateway pays out on the day itself.
fn shop() -> Counter {
    let counter = Counter::with_v3_gateway();
    counter.sim().with_book(|book, _| book.set_rules(Rules { statements_at_once: true, ..Rules::default() }));
    counter
}

impl Counter {
    fn settlements(&self, more: &[&str]) -> Ended {
        let day = today();
        let mut args = vec!["settlements", "--from", "2026-01-01", "--to", &day];
        args.extend(more);
        self.shroff(&args)
    }

    /// A sale of another terminal of the merchant number.
    fn another_terminal_sells(&self, out_trade_no: &str, minor: u64, currency: &str) {
        let amount = Money::new(minor, currency.parse().expect("a currency")).expect("an amount");
        self.sim().with_book(|book, now| {
            let request = PayRequest {
                out_trade_no,
                auth_code: out_trade_no,
                amount,
                mch_id: "1900000109",
                sub_mch_id: "",
                attach: "",
                sent: now,
                copy: false,
            };
            book.pay(&request, now, &Plan::PAYS);
        });
    }

    fn spoil_settlements(&self, fault: impl Into<Fault>) {
        self.sim().heal();
        assert!(self.sim().add(Rule::always(Op::Settlement, fault)));
    }
}

#[test]
fn what_was_paid_out_is_listed_and_agrees_with_the_ledger() {
    let mut counter = shop();
    counter.open();
    for (name, code) in [("R-1", CODE), ("R-2", "130000517967681396"), ("R-3", "130000517967681397")] {
        assert_eq!(pay(&counter, name, code)["state"], "paid");
    }
    let ended = counter.settlements(&[]).exits(0).never_says(CODE);
    assert_eq!(ended.err, "");
    for words in
        ["CHINA_HONGKONG", "CHINA_MAINLAND", "HKD 264.00 (3)", "fine: the trade of", "is the same in the ledger"]
    {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    let ended = counter.settlements(&["--json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!((&document["agrees"], &document["unsettled"]), (&true.into(), &false.into()), "{document}");
    let hkd = &document["currencies"][0];
    assert_eq!((&hkd["currency"], &hkd["difference"]), (&"HKD".into(), &0.into()), "{document}");
    assert_eq!((&hkd["wechat"]["net"], &hkd["ledger"]["net"]), (&26400.into(), &26400.into()), "{document}");
    assert_eq!((&hkd["wechat"]["fee"], &hkd["wechat"]["settled"]), (&159.into(), &26241.into()), "{document}");
    assert_eq!(document["trade"][0], serde_json::json!([today(), today()]));
    assert!(counter.sim().book().violations().is_empty(), "{:?}", counter.sim().book().violations());
}

#[test]
fn what_differs_is_told_with_what_to_do() {
    let mut counter = shop();
    counter.open();
    assert_eq!(pay(&counter, "R-1", CODE)["state"], "paid");
    counter.another_terminal_sells("T02-order-1", 1234, "HKD");
    let ended = counter.settlements(&[]).exits(1).prints("not fine").prints("HKD 12.34 more at WeChat Pay");
    assert!(ended.out.contains("--ledger") && ended.out.contains("shroff reconcile"), "{}", ended.out);
    // The other terminal's ledger is named too: here it knows nothing of its sale.
    let mine = counter.path("ledger.sqlite").display().to_string();
    counter.settlements(&["--ledger", &mine, "--ledger", &mine]).exits(65).tells("the same ledger");
    counter.settlements(&["--ledger", "/no/such/ledger"]).exits(74).tells("/no/such/ledger");
    counter.settlements(&["--ledger", &mine]).exits(1).prints("HKD 12.34 more");
}

#[test]
fn a_payout_that_is_not_net_less_fee_is_not_fine_though_the_nets_agree() {
    let mut counter = shop();
    counter.open();
    assert_eq!(pay(&counter, "R-1", CODE)["state"], "paid");
    counter.settlements(&[]).exits(0);
    counter.spoil_settlements(Sheet::FlippedDigit);
    let told =
        counter.settlements(&[]).exits(1).prints("(not net less fee)").prints("not fine").prints("ask WeChat Pay");
    assert!(!told.out.contains("does not add up"), "{}", told.out);
}

#[test]
fn many_records_are_read_page_by_page_and_a_torn_list_is_none() {
    let mut counter = shop();
    counter.open();
    for (n, currency) in ["CNY", "HKD", "GBP", "USD", "JPY", "CAD", "AUD", "EUR", "NZD", "KRW", "THB", "SGD", "CHF"]
        .into_iter()
        .enumerate()
    {
        counter.another_terminal_sells(&format!("T02-order-{n}-2"), 10_000, currency);
        counter.another_terminal_sells(&format!("T02-order-{n}-4"), 10_000, currency);
    }
    let ended = counter.settlements(&["--json"]).exits(1);
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!(document["records"].as_array().map(Vec::len), Some(26), "{document}");
    assert_eq!(document["currencies"].as_array().map(Vec::len), Some(13), "{document}");
    let jpy = document["currencies"].as_array().and_then(|all| all.iter().find(|it| it["currency"] == "JPY"));
    assert_eq!(jpy.map(|it| &it["wechat"]["paid"]), Some(&20_000.into()));
    assert!(counter.sim().book().violations().is_empty());
    let shown = counter.settlements(&[]).exits(1).prints("JPY 10000").prints("KRW 10000");
    assert!(!shown.out.contains("JPY 100.00"), "{}", shown.out);
    for fault in [Sheet::MissingRow, Sheet::DoubledRow] {
        counter.spoil_settlements(fault);
        counter.settlements(&[]).exits(75).tells("is not whole").tells("try again");
    }
}

#[test]
fn what_waits_to_be_paid_out_is_listed_apart() {
    let mut counter = Counter::with_v3_gateway();
    counter.open();
    assert_eq!(pay(&counter, "R-1", CODE)["state"], "paid");
    counter.settlements(&[]).exits(0).prints("nothing was paid out from 2026-01-01");
    for args in
        [&["settlements", "--unsettled"][..], &["settlements", "--unsettled", "--from", &today(), "--to", &today()]]
    {
        counter.shroff(args).exits(0).prints("WAITING").prints("HKD 87.47").prints("fine");
    }
    let old = counter.shroff(&["settlements", "--unsettled", "--from", "2026-01-01", "--to", "2026-01-02"]).exits(0);
    assert!(old.out.contains("nothing waits to be paid out from 2026-01-01 to 2026-01-02"), "{old:?}");
}

#[test]
fn days_and_ledgers_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let counter = shop();
    let asked = |args: &[&str]| counter.shroff(args);
    asked(&["settlements"]).exits(2).tells("--from");
    asked(&["settlements", "--from", "2026-01-01"]).exits(2).tells("--to");
    asked(&["settlements", "--unsettled", "--to", "2026-01-01"]).exits(2).tells("--from");
    asked(&["settlements", "--from", "soon", "--to", "2026-01-01"]).exits(2).tells("year-month-day");
    asked(&["settlements", "--from", "2026-01-02", "--to", "2026-01-01"]).exits(65).tells("is after");
    asked(&["settlements", "--from", "2999-01-01", "--to", "2999-01-02"]).exits(65).tells("has not begun");
    // There is no ledger yet, so there is nothing to compare with.
    counter.settlements(&[]).exits(74).tells("ledger");
    assert_eq!(counter.sim().lists(), 0);
}

#[test]
fn whatever_is_refused_or_not_believed_has_its_exit_code() {
    let mut counter = shop();
    counter.open();
    assert_eq!(pay(&counter, "R-1", CODE)["state"], "paid");
    counter.kill_daemon();
    let refused = |code: &'static str| Fault::from(Deed::ErrCode { code: code.into(), does: false, recall: false });
    let cases: [(Fault, i32, &str); 13] = [
        (refused("NOAUTH"), 77, "ask WeChat Pay to allow it"),
        (refused("SIGNERROR"), 78, "check gateway.appid"),
        (refused("PARAM_ERROR"), 65, "ask for other days"),
        (refused("SYSTEMERROR"), 75, "try again later"),
        (Forgery::NoSign.into(), 69, "not signed"),
        (Forgery::WrongSign.into(), 69, "signature is wrong"),
        (Forgery::Replayed.into(), 69, "5 minutes"),
        (Forgery::Probe.into(), 69, "signature is wrong"),
        (Forgery::Garbage.into(), 69, "signature is wrong"),
        (Forgery::Empty.into(), 69, "signature is wrong"),
        (Forgery::Html { status: 502 }.into(), 69, "HTTP status 502"),
        (Delivery::LoseReply.into(), 69, "the connection ended"),
        (Delivery::Huge { mb: 1 }.into(), 69, "larger than 64 KiB"),
    ];
    for (fault, code, words) in cases {
        counter.spoil_settlements(fault.clone());
        let ended = counter.settlements(&[]);
        assert_eq!(ended.code, Some(code), "{fault:?}: {ended:?}");
        assert_eq!(ended.out, "", "{fault:?}");
        ended.tells(words);
    }
    counter.sim().heal();
    counter.sim().rotate().expect("a new key");
    counter.settlements(&[]).exits(0);
    counter.sim().set_clock_ahead(-400);
    counter.settlements(&[]).exits(78).tells("ahead of WeChat Pay's: set it");
    counter.reconfigure("api = \"v3\"", "api = \"v2\"");
    counter.settlements(&[]).exits(78).tells("gateway.api = \"v3\"");
    let nobody = format!("{}", counter.sim().http());
    counter.reconfigure("api = \"v2\"", "api = \"v3\"");
    counter.reconfigure(&nobody, "127.0.0.1:9");
    counter.settlements(&[]).exits(69).tells("refused the connection");
    assert!(today().parse::<Day>().is_ok());
}
