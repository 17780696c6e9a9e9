//! The log: one line a fact, with its keys, in the form that was asked for.

use serde_json::Value;
use shroff::sim::scanner::PtyScanner;

use super::CODE;
use super::counter::{Counter, Running};

/// Lines of JSON up to the one whose message is `message`.
fn until(daemon: &mut Running, message: &str) -> Vec<Value> {
    daemon.wait_for(&format!("\"message\":\"{message}\""));
    let lines = daemon.said().lines().map(|line| {
        serde_json::from_str(line).map_err(|error| format!("{error}: {line}")).expect("each line is one object")
    });
    lines.collect()
}

#[test]
fn on_request_each_line_is_an_object_and_a_payment_is_found_by_its_names() {
    let counter = Counter::with_gateway();
    let mut daemon = counter.start(&["serve", "--log", "trace", "--log-format", "json"], None);
    until(&mut daemon, "ready");
    let sale = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{CODE}"}}"#);
    assert_eq!(counter.api().post("/v1/payments", &sale).status, 201);
    let lines = until(&mut daemon, "a payment is final");
    let line = lines.last().expect("a line");
    assert_eq!((&line["state"], &line["level"]), (&"paid".into(), &"INFO".into()), "{line}");
    let shown = counter.json(&["show", "R-1", "--json"]);
    assert_eq!((&line["payment"], &line["out_trade_no"]), (&shown["ref"], &shown["attempts"][0]["out_trade_no"]));
    assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
    let ended = daemon.kill();
    ended.never_says(CODE).never_says("192006250b4c09247ec02edce69f6a2d");
}

#[test]
fn a_pulled_plug_is_one_line() {
    let counter = Counter::with_gateway();
    let device = counter.path("scanner");
    counter.configure(&format!("[[scanner]]\nkind = \"serial\"\ndevice = \"{}\"\n", device.display()));
    let scanner = PtyScanner::new(&device).expect("a pseudo-terminal");
    let mut daemon = counter.start(&["serve", "--log-format", "json"], None);
    daemon.wait_for("\"health\":\"connected\"");
    // The scanners are told of before the doors are open.
    if !daemon.said().contains("\"ready\"") {
        daemon.wait_for("\"ready\"");
    }
    drop(scanner);
    daemon.wait_for("\"health\":\"gone\"");
    // Later the daemon knows more: first that it was unplugged, then that it is not there.
    let advice = || counter.api().get("/v1/devices").json()["devices"][0]["advice"].clone();
    assert!((0..10_000).any(|_| advice() != "unplugged"), "{}", advice());
    // It comes back, so whatever was to be said of its absence has been said.
    let _again = PtyScanner::new(&device).expect("a pseudo-terminal");
    daemon.wait_for("\"health\":\"connected\"");
    let gone = daemon.said().lines().filter(|line| line.contains("\"health\":\"gone\"")).count();
    assert_eq!(gone, 1, "{}", daemon.said());
}

#[test]
fn a_form_that_is_not_there_is_refused_with_those_there_are() {
    let counter = Counter::new();
    counter.shroff(&["serve", "--log-format", "xml"]).exits(2).tells("auto, text, json, journald");
    counter.shroff(&["serve", "--log", "shroff=loud"]).exits(74).tells("--log takes error, warn, info");
}
