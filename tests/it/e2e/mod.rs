//! End to end: both binaries, TLS, a serial scanner on a pseudo-terminal, SIGKILL. Real time, so nothing here is asked
//! more than once; the stories that need many are the simulation's.

mod counter;
mod displays;
mod notices;
mod refunds;
mod scanners;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use shroff::sim::faults::SCENARIOS;

use counter::{Counter, Setup};

/// The longest any order may take from its code to the certainty, by the short policy of these tests.
const LONGEST: Duration = Duration::from_secs(200);

#[test]
fn a_sale_over_tls_from_the_scanner_to_the_books() {
    a_sale("v2", "HMAC-SHA256");
}

#[test]
fn a_sale_over_v2_with_md5_from_the_scanner_to_the_books() {
    a_sale("v2", "MD5");
}

#[test]
fn a_sale_over_v3_from_the_scanner_to_the_books() {
    a_sale("v3", "HMAC-SHA256");
}

fn a_sale(api: &'static str, sign_type: &'static str) {
    let mut counter = Counter::open(Setup { api, sign_type, scanner: true, ..Setup::default() });
    let payment = counter.sell("1", 8800);
    counter.scan("130000000000000101");
    let payment = counter.until_final(&payment, LONGEST);
    assert_eq!((text(&payment, "state"), text(&payment, "money")), ("paid", "taken"));
    assert!(text(&payment, "transaction_id").len() > 10);
    counter.agrees(&payment);
    counter.post(&format!("/v1/payments/{}/ack", text(&payment, "ref")), &json!({}), 204);
    assert_eq!(counter.get("/v1/attention")["attention"], json!([]));
    counter.saw_no_violation();
    counter.holds_no_secret();
}

#[test]
fn md5_institution_mode_and_a_p12_reverse_as_well() {
    let mut counter =
        Counter::open(Setup { sign_type: "MD5", sub_mch_id: Some("452532745"), p12: true, ..Setup::default() });
    let payment = counter.sell_with("1", 500, "130003000000000201");
    counter.post(&format!("/v1/payments/{}/cancel", text(&payment, "ref")), &json!({}), 202);
    let payment = counter.until_final(&payment, LONGEST);
    assert_eq!(text(&payment, "state"), "reversed");
    counter.agrees(&payment);
    counter.saw_no_violation();
}

#[test]
fn v3_in_institution_mode_reverses_through_a_change_of_certificates() {
    let mut counter = Counter::open(Setup { api: "v3", sub_mch_id: Some("452532745"), ..Setup::default() });
    let payment = counter.sell_with("1", 500, "130003000000000202");
    counter.platform(&json!({ "rotate": true }));
    counter.post(&format!("/v1/payments/{}/cancel", text(&payment, "ref")), &json!({}), 202);
    let payment = counter.until_final(&payment, LONGEST);
    assert_eq!(text(&payment, "state"), "reversed");
    counter.agrees(&payment);
    counter.saw_no_violation();
    counter.holds_no_secret();
}

#[test]
fn killed_at_any_moment_it_asks_first_and_settles() {
    killed_at_any_moment("v2");
}

#[test]
fn killed_at_any_moment_over_v3_it_asks_first_and_settles() {
    killed_at_any_moment("v3");
}

fn killed_at_any_moment(api: &'static str) {
    let delays = [0, 3, 40, 400, 2_000, 7_000];
    std::thread::scope(|scope| {
        for (at, delay) in delays.into_iter().enumerate() {
            scope.spawn(move || {
                let mut counter = Counter::open(Setup { api, scanner: true, ..Setup::default() });
                let payment = counter.sell("1", 6600);
                // Half of the customers must confirm on the phone, and do so after 8 s.
                let scenario = if at % 2 == 0 { 0 } else { 1 };
                counter.scan(&format!("13{scenario:04}{:012}", 300 + at));
                counter.pause(Duration::from_millis(delay));
                counter.kill();
                counter.start();
                let payment = counter.until_final(&payment, LONGEST);
                counter.agrees(&payment);
                counter.saw_no_violation();
                counter.holds_no_secret();
            });
        }
    });
}

#[test]
fn every_scenario_of_the_gateway_ends_as_its_books_say() {
    every_scenario("v2");
}

#[test]
fn every_scenario_over_v3_ends_as_its_books_say() {
    every_scenario("v3");
}

fn every_scenario(api: &'static str) {
    let lanes = 24;
    let mut counter = Counter::open(Setup { api, lanes, ..Setup::default() });
    let mut waiting: VecDeque<u16> = SCENARIOS.iter().map(|scenario| scenario.number).collect();
    let mut open: Vec<Option<(u16, Value)>> = vec![None; lanes];
    let mut told = Vec::new();
    while !waiting.is_empty() || open.iter().any(Option::is_some) {
        for (lane, place) in open.iter_mut().enumerate() {
            if place.is_none()
                && let Some(scenario) = waiting.pop_front()
            {
                let code = format!("13{scenario:04}{:012}", 1000 + usize::from(scenario));
                *place =
                    Some((scenario, counter.sell_with(&(lane + 1).to_string(), 1000 + u64::from(scenario), &code)));
            }
            let Some((scenario, payment)) = place.take() else { continue };
            let now = counter.payment(&payment);
            let stuck = text(&now, "state") == "needs_attention";
            if now["final"] == json!(true) || (stuck && counter.is_unresolvable(&now)) {
                told.push((scenario, now));
            } else {
                *place = Some((scenario, payment));
            }
        }
        counter.pause(Duration::from_millis(200));
        counter.not_longer_than(Duration::from_secs(600));
    }
    // A late landing must have had its time.
    for (scenario, payment) in &told {
        println!("{scenario:04} {:<16} {}", text(payment, "state"), text(payment, "money"));
        counter.agrees(payment);
    }
    counter.saw_no_violation();
    counter.holds_no_secret();
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_till_whose_disk_is_full_says_nothing_more_and_ends() {
    let mut counter = Counter::open(Setup { disk_kib: Some(900), ..Setup::default() });
    let mut accepted = 0_u32;
    while accepted < 500 && counter.try_sell(&format!("130000{:012}", 5000 + accepted)) {
        accepted += 1;
    }
    assert!(accepted > 2, "some sales fit: {}", counter.log());
    assert_eq!(counter.ended(), Some(74), "input or output failed");
    // With room again, everything the gateway was told stands in the ledger, and settles.
    counter.more_room();
    counter.start();
    counter.every_order_is_known_and_settles();
    counter.saw_no_violation();
}
