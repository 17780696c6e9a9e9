//! `pay` and `cancel` against a running daemon.

use super::CODE;
use super::between::{Fate, stand_between};
use super::counter::{Counter, PATIENCE, shroff};

#[test]
fn a_payment_is_followed_until_it_is_paid_and_then_acknowledged() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let pay = ["pay", "88.00", "--ref", "R-1", "--code", "-"];
    let ended = counter.shroff_with(&pay, &format!("{CODE}\n")).exits(0).tells("R-1").never_says(CODE);
    assert!(ended.out.starts_with("paid HKD 88.00 T01-"), "{ended:?}");
    assert_eq!(ended.out.lines().count(), 1, "{ended:?}");
    let shown = counter.json(&["show", "R-1", "--json"]);
    assert_eq!((&shown["state"], &shown["acked"]), (&"paid".into(), &true.into()), "{shown}");
    let events: Vec<_> = shown["journal"].as_array().expect("lines").iter().map(|it| &it["data"]["event"]).collect();
    assert_eq!((events[0], events[events.len() - 1]), (&"armed".into(), &"acknowledged".into()), "{events:?}");
    counter.shroff(&["attention"]).exits(0).tells("nothing needs a person");

    // The same again is the same payment, and other values under its name are refused.
    counter.shroff_with(&pay, CODE).exits(0).prints(shown["ref"].as_str().expect("a ref"));
    counter.shroff(&["pay", "89.00", "--ref", "R-1"]).exits(65).tells("client_ref");
    assert_eq!(counter.json(&["payments", "--json"])["payments"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_result_that_nobody_read_is_not_acknowledged() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let config = counter.path("config.toml");
    let mut pay = shroff();
    let pay = pay.args(["pay", "5", "--ref", "R-1", "--code", CODE, "--config"]).arg(config).stdout(writer);
    let ended = pay.output().expect("an end");
    assert_eq!(ended.status.code(), Some(0), "it is paid all the same: {ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("not acknowledged"), "{ended:?}");
    counter.shroff(&["attention"]).exits(1).prints("R-1");
}

#[test]
fn a_decline_that_no_fresh_code_cures_is_not_paid_and_says_why() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let code = "130110517967681395"; // the simulator answers NOAUTH
    let ended = counter.shroff(&["pay", "1", "--code", code]).exits(1).never_says(code);
    ended.prints("not paid: declined HKD 1.00").prints("NOAUTH");
    let document = counter.json(&["payments", "--json"]);
    let client_ref = document["payments"][0]["client_ref"].as_str().expect("a client_ref");
    assert!(client_ref.starts_with("CLI-"), "{document}");
    // Its code is spent.
    counter.shroff(&["pay", "1", "--code", code]).exits(65).tells("refresh").never_says(code);
}

#[test]
fn ctrl_c_cancels_and_waits_for_the_end() {
    let mut counter = Counter::new();
    counter.open();
    let mut pay = counter.start(&["pay", "12.50", "--lane", "1", "--json"], None);
    pay.wait_for("armed");
    pay.interrupt();
    let ended = pay.end().exits(1);
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!((&document["state"], &document["amount"]), (&"canceled".into(), &1250.into()), "{document}");
}

#[test]
fn a_payment_is_found_again_when_the_daemon_has_been_restarted() {
    let mut counter = Counter::new();
    counter.open();
    let mut pay = counter.start(&["pay", "5", "--ref", "R-5"], None);
    pay.wait_for("armed");
    counter.kill_daemon();
    pay.wait_for("goes on meanwhile");
    // The cashier loses patience meanwhile.
    pay.interrupt();
    pay.wait_for("asked to cancel as soon as");
    counter.open();
    let ended = pay.end().exits(1).tells("the daemon answers again");
    assert!(ended.out.starts_with("not paid: "), "{ended:?}");
    let shown = counter.json(&["show", "R-5", "--json"]);
    assert_eq!((&shown["final"], &shown["money"]), (&true.into(), &"none".into()), "{shown}");
}

#[test]
fn a_payment_whose_answer_is_lost_is_named_and_taken_once() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let met = stand_between(&counter, &[Fate::Cut, Fate::Nonsense, Fate::Silence]);
    let lost = counter.shroff(&["pay", "5", "--code", CODE]).exits(69).never_says(CODE);
    let name = lost.err.split_whitespace().find(|word| word.starts_with("CLI-")).expect("a client_ref").to_owned();
    lost.tells("may have been accepted").tells(&format!("shroff show {name}")).tells(&format!("--ref {name}"));
    let again = ["pay", "5", "--code", CODE, "--ref", &name];
    let mut left = counter.start(&again, None);
    left.wait_for(&name);
    for _ in 0..3 {
        met.recv_timeout(PATIENCE).expect("the daemon has it");
    }
    left.interrupt();
    left.end().exits(75).tells("may have been accepted").tells(&format!("--ref {name}"));
    counter.shroff(&again).exits(0).prints("paid HKD 5.00");
    assert_eq!(counter.json(&["payments", "--json"])["payments"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_second_ctrl_c_leaves_and_the_payment_goes_on() {
    let mut counter = Counter::new();
    counter.open();
    let mut pay = counter.start(&["pay", "5", "--ref", "R-6"], None);
    pay.wait_for("armed");
    counter.kill_daemon();
    pay.wait_for("goes on meanwhile");
    pay.interrupt();
    pay.wait_for("asked to cancel as soon as");
    pay.interrupt();
    pay.end().exits(75).tells("left; the payment goes on");
    assert_eq!(counter.json(&["show", "R-6", "--json"])["state"], "armed");
}

#[test]
fn without_a_daemon_pay_and_cancel_say_where_they_looked() {
    let counter = Counter::new();
    let socket = counter.path("api.sock").display().to_string();
    for args in [["pay", "88.00"], ["cancel", "R-1"]] {
        counter.shroff(&args).exits(69).tells("is `shroff serve` running?").tells(&socket);
    }
}

#[test]
fn what_is_no_amount_and_no_code_is_bad_data_and_never_repeated() {
    let mut counter = Counter::new();
    for amount in ["88.005", "-5", "1,000", "free", CODE] {
        counter.shroff(&["pay", amount]).exits(65).never_says(CODE);
    }
    let damaged = "13000051796768139x";
    counter.shroff(&["pay", "5", "--code", damaged]).exits(65).tells("digits").never_says(damaged);
    counter.shroff_with(&["pay", "5", "--code", "-"], "").exits(65).tells("18 digits");
    counter.shroff(&["pay", "5", "--ref", "two words"]).exits(2);
    counter.open();
    counter.shroff(&["pay", "0"]).exits(65).tells("at least 1");
    counter.shroff(&["pay", "999999"]).exits(65).tells("too large");
    counter.shroff(&["pay", "5", "--lane", "9"]).exits(65).tells("lane");
    counter.shroff(&["pay", "5", "--ref", CODE]).exits(65).never_says(CODE);
    assert_eq!(counter.json(&["payments", "--json"])["payments"], serde_json::json!([]));
}

#[test]
fn a_busy_lane_is_something_to_try_later() {
    let mut counter = Counter::new();
    counter.open();
    assert_eq!(counter.api().post("/v1/payments", r#"{"client_ref":"R-1","amount":100}"#).status, 201);
    counter.shroff(&["pay", "5"]).exits(75).tells("finish or cancel it");
}

#[test]
fn cancel_takes_either_name_and_says_when_it_is_too_late() {
    let mut counter = Counter::new();
    counter.open();
    let order = counter.api().post("/v1/payments", r#"{"client_ref":"table/4 #1","amount":100}"#);
    assert_eq!(order.status, 422, "a space is none of a client_ref's characters");
    let order = counter.api().post("/v1/payments", r#"{"client_ref":"table/4#1+","amount":100}"#);
    let reference = order.json()["ref"].as_str().expect("a ref").to_owned();
    counter.shroff(&["cancel", "table/4#1+"]).exits(0).prints(&format!("{reference} canceled"));
    counter.shroff(&["cancel", &reference]).exits(65).tells("final already: canceled");
    counter.shroff(&["cancel", "T01-NEVER-00000001"]).exits(65).tells("never accepted");
    counter.shroff(&["cancel", "two words"]).exits(65).tells("never accepted");
}
