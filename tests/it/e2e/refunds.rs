//! Refunds end to end: the real daemon over TLS, SIGKILL at any moment, and a gateway that misbehaves. The books say
//! whether each was returned exactly once, or never.

use std::time::Duration;

use serde_json::{Value, json};
use shroff::sim::faults::SCENARIOS;

use super::counter::{Counter, Setup};
use super::text;

/// The longest way there is here: lost, asked about until that is certain, a minute, sent again; or slowed down twice.
const LONGEST: Duration = Duration::from_secs(300);

#[test]
fn killed_at_any_moment_a_refund_is_returned_exactly_once() {
    killed_at_any_moment("v2");
}

#[test]
fn killed_at_any_moment_over_v3_a_refund_is_returned_exactly_once() {
    killed_at_any_moment("v3");
}

fn killed_at_any_moment(api: &'static str) {
    // Plain; its reply is lost; SYSTEMERROR, yet done; takes 30 s; arrives twice.
    let scenarios = [0, 602, 604, 607, 614];
    let delays = [0, 1, 3, 8, 30, 300, 5_200];
    std::thread::scope(|scope| {
        for (at, delay) in delays.into_iter().enumerate() {
            scope.spawn(move || {
                let mut counter = Counter::open(Setup { api, ..Setup::default() });
                let scenario = scenarios[at % scenarios.len()];
                let payment = counter.sell_with("1", 6600, &format!("13{scenario:04}{:012}", 700 + at));
                let payment = counter.until_final(&payment, LONGEST);
                counter.refund(&payment, "one", Some(1_000));
                counter.pause(Duration::from_millis(delay));
                counter.kill();
                counter.start();
                // The POS does not know whether it was heard, and asks again.
                counter.refund(&payment, "one", Some(1_000));
                counter.pause(Duration::from_millis(delay * 10 % 700));
                counter.kill();
                counter.start();
                let refund = counter.refund_until_final("one", LONGEST);
                assert_eq!(text(&refund, "state"), "refunded", "{scenario}, killed after {delay} ms: {refund}");
                let payment = counter.payment(&payment);
                assert_eq!((text(&payment, "state"), &payment["refunded"]), ("partially_refunded", &json!(1_000)));
                counter.refunds_agree(&[refund]);
                counter.saw_no_violation();
                counter.holds_no_secret();
            });
        }
    });
}

#[test]
fn every_refund_scenario_of_the_gateway_ends_as_its_books_say() {
    every_refund_scenario("v2");
}

#[test]
fn every_refund_scenario_over_v3_ends_as_its_books_say() {
    every_refund_scenario("v3");
}

fn every_refund_scenario(api: &'static str) {
    let numbers: Vec<u16> = SCENARIOS.iter().map(|it| it.number).filter(|number| (602..700).contains(number)).collect();
    let mut counter = Counter::open(Setup { api, lanes: numbers.len(), ..Setup::default() });
    for (lane, number) in numbers.iter().enumerate() {
        let code = format!("13{number:04}{:012}", 8000 + lane);
        let payment = counter.sell_with(&(lane + 1).to_string(), 5000, &code);
        let payment = counter.until_final(&payment, LONGEST);
        assert_eq!(text(&payment, "state"), "paid", "{number}");
        for part in parts(*number) {
            counter.refund(&payment, &format!("{number}-{part}"), Some(1_000 + u64::from(*number)));
        }
    }
    let mut ended: Vec<Value> = Vec::new();
    for number in &numbers {
        for part in parts(*number) {
            let name = format!("{number}-{part}");
            // Its number is in somebody's way: that never ends by itself.
            let refund = if *number == 615 {
                counter.get(&format!("/v1/refunds/{name}"))
            } else {
                counter.refund_until_final(&name, LONGEST)
            };
            let wanted = match number {
                608 | 610 | 612 => "failed",
                609 | 615 => "needs_attention",
                _ => "refunded",
            };
            println!("{name} {} {}", text(&refund, "state"), text(&refund, "err_code"));
            assert_eq!(text(&refund, "state"), wanted, "{refund}");
            ended.push(refund);
        }
    }
    counter.refunds_agree(&ended);
    counter.saw_no_violation();
    counter.holds_no_secret();
}

/// Two parts, a minute apart, where a list has more than one to tell apart.
fn parts(number: u16) -> &'static [&'static str] {
    if matches!(number, 602 | 621 | 622) { &["a", "b"] } else { &["a"] }
}
