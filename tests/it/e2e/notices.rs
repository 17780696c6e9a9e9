//! Notifications end to end: the real daemon takes them from a gateway that sends them as WeChat does, and worse.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use serde_json::{Value, json};

use super::counter::{Counter, Setup};
use super::text;

const LONGEST: Duration = Duration::from_secs(120);

fn open(api: &'static str, sub_mch_id: Option<&'static str>) -> Counter {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let notify = listener.local_addr().expect("an address");
    drop(listener);
    Counter::open(Setup { api, sub_mch_id, notify: Some(notify), ..Setup::default() })
}

/// Sells something and gives a part of it back; WeChat works on that for ever.
fn refund(counter: &mut Counter, n: u32) -> Value {
    counter.tell_gateway("/_sim/config", &json!({ "refund_takes_s": 3600 }));
    let payment = counter.sell_with("1", 6600, &format!("130000{:012}", 900 + n));
    let payment = counter.until_final(&payment, LONGEST);
    let name = format!("part-{n}");
    counter.refund(&payment, &name, Some(1_000));
    let mut refund = counter.get(&format!("/v1/refunds/{name}"));
    while text(&refund, "state") != "processing" {
        counter.not_longer_than(LONGEST);
        refund = counter.get(&format!("/v1/refunds/{name}?wait=10&after={}", refund["seq"]));
    }
    refund
}

fn end(counter: &Counter, refund: &Value, how: &str) {
    counter.tell_gateway(&format!("/_sim/refunds/{}", text(refund, "out_refund_no")), &json!({ "action": how }));
}

fn acknowledged(counter: &mut Counter, times: u64) {
    counter.wait_for("an acknowledgement", |it| it.notices()["acknowledged"] == json!(times));
}

fn refused(counter: &Counter, why: &str) -> u64 {
    counter.metric(&format!("shroff_refused_notifications_total{{reason=\"{why}\"}}"))
}

/// Waits for `state`, and no longer than `limit`.
fn ends(counter: &Counter, name: &str, state: &str, limit: Duration) {
    let step = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    while counter.get(&format!("/v1/refunds/{name}"))["state"] != json!(state) {
        assert!(waited < limit, "{name} is not {state} after {limit:?}");
        counter.pause(step);
        waited += step;
    }
}

fn ends_at_once(api: &'static str, sub_mch_id: Option<&'static str>) {
    let mut counter = open(api, sub_mch_id);
    let one = refund(&mut counter, 0);
    // Questions come 5 s and 12.5 s after the acceptance, and the next one at 23.75 s: only the notification makes that
    // sooner.
    counter.pause(Duration::from_secs(14));
    end(&counter, &one, "arrive");
    ends(&counter, "part-0", "refunded", Duration::from_secs(6));
    acknowledged(&mut counter, 1);
    for (n, (how, state)) in [(1, ("close", "failed")), (2, ("change", "needs_attention"))] {
        let one = refund(&mut counter, n);
        end(&counter, &one, how);
        ends(&counter, &format!("part-{n}"), state, LONGEST);
        acknowledged(&mut counter, u64::from(n) + 1);
    }
    assert_eq!(counter.notices()["tries"], json!(3), "each was acknowledged the first time");
    assert_eq!(counter.metric("shroff_notifications_total{outcome=\"kept\"}"), 3);
    counter.saw_no_violation();
    counter.holds_no_secret();
    let log = counter.log();
    for body in ["支付用户的零钱", "req_info", "ciphertext"] {
        assert!(!log.contains(body), "what came stands in the log: {body}");
    }
}

#[test]
fn a_v3_refund_ends_when_it_is_told_and_the_gateway_has_confirmed_it() {
    ends_at_once("v3", None);
}

#[test]
fn a_v3_institutions_refund_ends_when_it_is_told() {
    ends_at_once("v3", Some("1900000200"));
}

#[test]
fn a_v2_refund_ends_when_it_is_told_and_the_gateway_has_confirmed_it() {
    ends_at_once("v2", None);
}

#[test]
fn whatever_goes_wrong_with_notifications_the_refund_ends_as_the_books_say() {
    for (api, expected) in [
        (
            "v3",
            &[
                ("bad_signature", 2),
                ("malformed", 1),
                ("stale", 1),
                ("unknown_key", 1),
                ("unsigned", 1),
                ("no_such_refund", 1),
                ("other_amount", 1),
                ("other_merchant", 1),
                ("other_order", 1),
            ][..],
        ),
        (
            "v2",
            &[("malformed", 3), ("no_such_refund", 1), ("other_amount", 1), ("other_merchant", 1), ("other_order", 1)],
        ),
    ] {
        let mut counter = open(api, None);
        let one = refund(&mut counter, 1);
        let mut faults =
            vec!["lost", "forged", "wrong_key", "unknown_refund", "other_amount", "other_merchant", "other_order"];
        faults.push("garbage");
        if api == "v3" {
            faults.extend(["old_timestamp", "unknown_serial", "unsigned"]);
        }
        faults.push("twice");
        counter.tell_gateway("/_sim/notices", &json!({ "speed": 10_000, "faults": faults }));
        end(&counter, &one, "arrive");
        acknowledged(&mut counter, 1);
        let ended = counter.refund_until_final("part-1", LONGEST);
        assert_eq!(text(&ended, "state"), "refunded");
        for (why, times) in expected {
            assert_eq!(refused(&counter, why), *times, "{api} {why}");
        }
        let notices = counter.notices();
        assert_eq!((&notices["tries"], &notices["given_up"]), (&json!(faults.len()), &json!(0)), "{notices}");
        assert_eq!(counter.metric("shroff_notifications_total{outcome=\"kept\"}"), 1);
        assert_eq!(counter.metric("shroff_notifications_total{outcome=\"repeated\"}"), 1);
        counter.refunds_agree(&[ended]);
        counter.saw_no_violation();
        counter.holds_no_secret();
    }
}

#[test]
fn a_notification_that_lies_costs_one_question() {
    let mut counter = open("v3", None);
    let one = refund(&mut counter, 1);
    counter.tell_gateway("/_sim/notices", &json!({ "faults": ["says_closed"] }));
    end(&counter, &one, "arrive");
    acknowledged(&mut counter, 1);
    let ended = counter.refund_until_final("part-1", LONGEST);
    assert_eq!(text(&ended, "state"), "refunded", "the signed answer counts");
    counter.saw_no_violation();
}

#[test]
fn nobody_needs_notifications_and_none_is_lost_by_a_kill() {
    let mut counter = open("v3", None);
    let one = refund(&mut counter, 1);
    counter.kill();
    counter.tell_gateway("/_sim/notices", &json!({ "speed": 10_000 }));
    end(&counter, &one, "arrive");
    counter.pause(Duration::from_millis(300));
    assert_eq!(counter.notices()["acknowledged"], json!(0));
    counter.start();
    let ended = counter.refund_until_final("part-1", LONGEST);
    assert_eq!(text(&ended, "state"), "refunded", "it asks at start, whoever tells it anything");
    counter.saw_no_violation();
}
