//! `resolve` with the daemon stopped: the real till and the real gateway client, without doors.

use serde_json::Value;
use shroff::sim::book::{Op, RefundState, Rules, State};
use shroff::sim::faults::{Arrival, Deed, Rule};

use super::counter::Counter;

/// A code that pays, and one whose payer is asked and never answers.
const PAYS: &str = "130000517967681395";
const NEVER: &str = "130003517967681395";

/// A counter whose daemon was killed while it asked about a sale with `code`; no question was ever answered.
fn killed_in_doubt(code: &str) -> Counter {
    let mut counter = Counter::with_gateway();
    counter.sim().add(Rule::always(Op::Query, Arrival::HangRequest));
    counter.sim().add(Rule::once(Op::Pay, Deed::ErrCode { code: "SYSTEMERROR".into(), does: true, recall: false }));
    counter.open();
    let sale = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{code}"}}"#);
    let mut payment = counter.api().post("/v1/payments", &sale).json();
    while payment["state"] != "verifying" {
        let path = format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
        payment = counter.api().get(&path).json();
    }
    counter.kill_daemon();
    counter
}

impl Counter {
    fn resolved(&self, args: &[&str], code: i32) -> Value {
        let ended = self.shroff(args).exits(code);
        serde_json::from_str(&ended.out).map_err(|error| format!("{error}: {ended:?}")).expect("one document")
    }

    /// What the gateway's books and the ledger say of R-1 agree, and nothing was done that must not be.
    fn agrees(&self, state: &str, net: u64) {
        let shown = self.json(&["show", "R-1", "--json"]);
        assert_eq!(shown["state"], state, "{shown}");
        let book = self.sim().book();
        let number = shown["attempts"][0]["out_trade_no"].as_str().expect("a number");
        assert_eq!((book.net(number), book.violations().is_empty()), (net, true), "{:?}", book.violations());
        self.shroff(&["verify"]).exits(0);
    }
}

#[test]
fn a_sale_in_doubt_is_asked_about_and_settled() {
    let counter = killed_in_doubt(PAYS);
    counter.sim().heal();
    let ended = counter.shroff(&["resolve"]).exits(0).tells("all 1 are settled").never_says(PAYS);
    assert!(ended.out.starts_with("paid HKD 88.00 T01-") && ended.out.ends_with(" client_ref R-1\n"), "{ended:?}");
    counter.agrees("paid", 8800);
    counter.shroff(&["resolve"]).exits(0).tells("nothing is open");
    assert_eq!(counter.resolved(&["resolve", "--json"], 0)["settled"], serde_json::json!([]));
}

#[test]
fn a_look_says_what_is_open_beside_the_daemon_and_asks_nobody() {
    let mut counter = Counter::with_gateway();
    counter.shroff(&["resolve", "--look"]).exits(0).tells("there is no ledger yet");
    assert!(!counter.path("ledger.sqlite").exists(), "a look makes no ledger");
    counter.open();
    counter.shroff(&["resolve", "--look"]).exits(0).tells("nothing is open");
    let armed = counter.api().post("/v1/payments", r#"{"client_ref":"R-1","amount":8800}"#).json();
    counter.shroff(&["resolve", "--look"]).exits(1).prints("R-1").prints("a payment code");
    let document = counter.resolved(&["resolve", "--look", "--json"], 1);
    assert_eq!(document["open"][0]["payment"]["ref"], armed["ref"]);
    assert_eq!(document["open_refunds"].as_array().map(Vec::len), Some(0));
    counter.kill_daemon();
    counter.shroff(&["resolve", "--look"]).exits(1).prints("R-1");
}

#[test]
fn a_payer_who_never_answers_is_reversed_and_what_was_armed_expires() {
    let mut counter = killed_in_doubt(NEVER);
    counter.sim().heal();
    let soon = Rules { prompt_refuses_reverse: false, ..Rules::default() };
    counter.sim().with_book(|book, _| book.set_rules(soon));
    counter.open();
    assert_eq!(
        counter.api().post("/v1/payments", r#"{"client_ref":"R-2","amount":100}"#).status,
        409,
        "the lane is busy"
    );
    counter.kill_daemon();
    let document = counter.resolved(&["resolve", "--json"], 0);
    assert_eq!((&document["settled"][0]["state"], &document["open"]), (&"reversed".into(), &serde_json::json!([])));
    counter.agrees("reversed", 0);
    counter.open();
    assert_eq!(counter.api().post("/v1/payments", r#"{"client_ref":"R-2","amount":100}"#).status, 201);
    counter.kill_daemon();
    let ended = counter.shroff(&["resolve"]).exits(0);
    assert!(ended.out.starts_with("expired HKD 1.00 T01-"), "{ended:?}");
}

#[test]
fn it_refuses_beside_a_daemon_and_says_to_stop_it() {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.shroff(&["resolve"]).exits(75).tells("stop the daemon first").tells("in use by another shroff");
    assert_eq!(counter.api().get("/healthz").status, 200, "the daemon did not notice");
}

#[test]
fn what_cannot_be_settled_in_time_is_listed_with_what_it_waits_for() {
    let counter = killed_in_doubt(PAYS);
    let ended = counter.shroff(&["resolve", "--limit", "1s"]).exits(1).tells("0 settled, 1 left open").never_says(PAYS);
    ended.prints("R-1").prints("WAITS FOR").prints("WeChat Pay to say what became of the order; next at ");
    // Nobody there at all.
    let config = std::fs::read_to_string(counter.path("config.toml")).expect("a file");
    counter.write("config.toml", &config.replace(&counter.sim().http().to_string(), "127.0.0.1:9"));
    let ended = counter.shroff(&["resolve", "--limit", "2s"]).exits(1);
    ended.tells("the gateway refused the connection").prints("R-1");
    let document = counter.resolved(&["resolve", "--limit", "2s", "--json"], 1);
    assert!(document["unreachable"].as_str().is_some_and(|why| why.contains("refused the connection")), "{document}");
    assert_eq!(document["open"][0]["payment"]["client_ref"], "R-1", "{document}");
    // And then it goes on where it was.
    counter.write("config.toml", &config);
    counter.sim().heal();
    counter.shroff(&["resolve"]).exits(0).prints("paid");
    counter.agrees("paid", 8800);
}

#[test]
fn ctrl_c_and_a_kill_at_any_moment_lose_nothing() {
    let counter = killed_in_doubt(PAYS);
    let asked = |counter: &Counter| {
        let book = counter.sim().book();
        book.orders().first().map_or(0, |order| order.received_count(Op::Query))
    };
    let begun = |counter: &Counter| {
        let before = log_length(counter);
        let running = counter.start(&["resolve"], None);
        while log_length(counter) == before {
            std::thread::yield_now();
        }
        running
    };
    let running = begun(&counter);
    running.interrupt();
    running.end().exits(1).prints("R-1").tells("1 left open");
    drop(begun(&counter).kill());
    assert_eq!(asked(&counter), 0, "no question was ever heard");
    counter.sim().heal();
    counter.shroff(&["resolve"]).exits(0);
    counter.agrees("paid", 8800);
    assert_eq!(counter.sim().book().orders().first().and_then(|order| order.state()), Some(State::Success));
}

/// Requests that reached the gateway, heard or not.
fn log_length(counter: &Counter) -> usize {
    let log = crate::support::Client::Tcp(counter.sim().http()).get("/_sim/log").json();
    log["log"].as_array().expect("lines").len()
}

#[test]
fn a_ledger_that_is_not_there_is_not_made() {
    let counter = Counter::new();
    counter.shroff(&["resolve"]).exits(74).tells("there is no ledger");
    assert!(!counter.path("ledger.sqlite").exists());
    counter.shroff(&["resolve", "--limit", "soon"]).exits(2).tells("90s");
}

/// A counter whose daemon was killed with refunds under way: R-1's reply was lost, R-2's takes half a minute, and the
/// account is empty for R-3's.
fn killed_with_refunds() -> Counter {
    let mut counter = Counter::with_gateway();
    counter.open();
    for (no, scenario) in [(1, 602), (2, 607), (3, 601)] {
        let (name, code) = (format!("R-{no}"), format!("13{scenario:04}51796768139{no}"));
        counter.shroff(&["pay", "88.00", "--ref", &name, "--code", &code]).exits(0);
        let payment = counter.json(&["show", &name, "--json"])["ref"].as_str().expect("a ref").to_owned();
        let body = format!(r#"{{"refund_ref":"B-{no}","amount":1200,"reason":"x"}}"#);
        assert_eq!(counter.api().post(&format!("/v1/payments/{payment}/refunds"), &body).status, 201);
    }
    let until = |name: &str, field: &str, value: &str| {
        let mut refund = counter.api().get(&format!("/v1/refunds/{name}")).json();
        while refund[field] != value {
            refund = counter.api().get(&format!("/v1/refunds/{name}?wait=20&after={}", refund["seq"])).json();
        }
    };
    until("B-2", "state", "processing");
    until("B-3", "err_code", "NOTENOUGH");
    counter.kill_daemon();
    counter
}

#[test]
fn refunds_are_settled_too_and_the_others_are_listed_with_what_they_wait_for() {
    let counter = killed_with_refunds();
    let document = counter.resolved(&["resolve", "--json", "--limit", "6s"], 1);
    let names = |list: &str, at: &str| {
        let list = document[list].as_array().expect("a list").iter();
        list.map(|it| it.pointer(at).and_then(Value::as_str).expect("a name").to_owned()).collect::<Vec<_>>()
    };
    // The one whose reply was lost is known to WeChat, and was paid out at once.
    assert_eq!(names("settled_refunds", "/refund_ref"), ["B-1"], "{document}");
    assert_eq!(names("open_refunds", "/refund/refund_ref"), ["B-2", "B-3"]);
    assert_eq!((&document["settled"], &document["open"]), (&serde_json::json!([]), &serde_json::json!([])));
    let waits = names("open_refunds", "/waits_for");
    assert!(waits[0].starts_with("the payer's bank") && waits[0].contains("; next at "), "{waits:?}");
    assert!(waits[1].contains("(NOTENOUGH); next at "), "{waits:?}");
    let ended = counter.shroff(&["resolve", "--limit", "1s"]).exits(1).tells("0 settled, 2 left open");
    let ended = ended.prints("REFUND").prints("B-2").prints("B-3").prints("HKD 12.00").tells("may take days");
    assert!(!ended.out.contains("CLIENT_REF"), "no payment is open: {ended:?}");

    // The bank has paid out; the empty account is tried in an hour only.
    counter.sim().with_book(|book, now| {
        let slow = book.refunds().find(|refund| refund.state() == RefundState::Processing);
        let number = slow.expect("one at work").out_refund_no.clone();
        assert!(book.refund_ends(&number, RefundState::Success, now));
    });
    let ended = counter.shroff(&["resolve", "--limit", "6s"]).exits(1).tells("1 settled, 1 left open");
    assert!(ended.out.starts_with("refunded HKD 12.00 refund B-2\n"), "{ended:?}");
    let book = counter.sim().book();
    assert_eq!((book.refunds().count(), book.violations().is_empty()), (2, true), "{:?}", book.violations());
    counter.shroff(&["verify"]).exits(0);
}
