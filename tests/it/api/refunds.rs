//! Refunds over the API, from the request to the acknowledgement.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use shroff::payment::answer::{Class, RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal};
use shroff::payment::{Answer, Ask, Heard, Op};
use shroff::till::Outgoing;

use super::CODE;
use crate::support::{SUPERVISOR, Shop, TOKEN};

/// A shop with a payment of 88.00 that is paid; the payment's ref.
fn paid() -> (Shop, String) {
    let shop = Shop::open(&["1"]);
    let reference = shop.sell("R-1", 8800);
    let call = shop.scan(CODE);
    shop.pay(&call);
    until(&shop, &format!("/v1/payments/{reference}"), "paid");
    (shop, reference)
}

/// Waits for a state.
fn until(shop: &Shop, path: &str, state: &str) -> Value {
    let mut seq = 0;
    loop {
        let now = shop.unix.get(&format!("{path}?wait=10&after={seq}")).json();
        if now["state"] == state {
            return now;
        }
        assert!(now["seq"].as_u64().is_some_and(|next| next > seq), "{path} stays {now}");
        seq = now["seq"].as_u64().expect("a seq");
    }
}

fn refunds(payment: &str) -> String {
    format!("/v1/payments/{payment}/refunds")
}

fn accepted(shop: &Shop, call: &Outgoing) {
    assert_eq!(call.call.ask.op(), Op::Refund);
    shop.hear(call, Heard::Answer(Answer::Refund(RefundAnswer::Accepted)));
}

fn refused(shop: &Shop, call: &Outgoing, why: RefundRefusal, code: &str) {
    let refusal = Refusal::new(Class::Unknown, code, "a text");
    shop.hear(call, Heard::Answer(Answer::Refund(RefundAnswer::NotDone { why, refusal })));
}

/// Lets time pass until the terminal says something, and gives that.
fn next_call(shop: &Shop) -> Outgoing {
    for _ in 0..500 {
        if let Ok(call) = shop.calls.recv_timeout(Duration::from_millis(20)) {
            return call;
        }
        shop.pass(Duration::from_millis(500));
    }
    panic!("the terminal says nothing for minutes");
}

/// Lets the gateway answer the next question about a refund.
fn known(shop: &Shop, answer: RefundQueryAnswer) {
    let call = next_call(shop);
    assert_eq!(call.call.ask.op(), Op::RefundQuery);
    shop.hear(&call, Heard::Answer(Answer::RefundQuery(answer)));
}

fn receipt() -> RefundQueryAnswer {
    let refund_id = Some("50300099990000000000000001".parse().expect("an id"));
    RefundQueryAnswer::Refunded(RefundReceipt { refund_id, refunded_at: None })
}

#[test]
fn a_part_goes_back_and_the_payment_says_so() {
    let (shop, payment) = paid();
    let body = r#"{"refund_ref":"R-1/1","amount":1200,"reason":"wrong dish","operator":"Mei"}"#;
    let first = shop.unix.post(&refunds(&payment), body);
    assert_eq!(first.status, 201, "{}", first.body);
    assert!(first.head.contains("location: /v1/refunds/r-1%2f1"), "{}", first.head);
    let refund = first.json();
    let fields: BTreeSet<&str> = refund.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted = [
        "refund_ref",
        "ref",
        "out_refund_no",
        "out_trade_no",
        "transaction_id",
        "amount",
        "currency",
        "state",
        "final",
        "reason",
        "operator",
        "supervised",
        "advice",
        "advice_key",
        "next",
        "acked",
        "created_at",
        "updated_at",
        "seq",
    ];
    assert_eq!(fields, BTreeSet::from(wanted));
    assert_eq!(
        (&refund["state"], &refund["final"], &refund["amount"]),
        (&"requested".into(), &false.into(), &1200.into())
    );
    assert_eq!(
        (&refund["reason"], &refund["operator"], &refund["ref"]),
        (&"wrong dish".into(), &"Mei".into(), &payment.clone().into())
    );
    assert_eq!(refund["next"]["action"], "wait");

    let again = shop.unix.post(&refunds(&payment), body);
    assert_eq!((again.status, &again.json()["out_refund_no"]), (200, &refund["out_refund_no"]));
    let other = shop.unix.post(&refunds(&payment), &body.replace("1200", "1201"));
    assert_eq!((other.status, other.code().as_str()), (409, "ref_conflict"));
    assert_eq!((&other.json()["client_ref"], &other.json()["money"]), (&"R-1".into(), &"taken".into()));

    let call = shop.call();
    let Ask::Refund(terms) = &call.call.ask else { panic!("{call:?}") };
    assert_eq!((terms.amount.minor(), call.call.order.amount.minor()), (1200, 8800));
    assert_eq!(
        (terms.reason.as_deref(), terms.out_refund_no.as_str()),
        (Some("wrong dish"), refund["out_refund_no"].as_str().expect("a number"))
    );
    accepted(&shop, &call);
    let processing = until(&shop, "/v1/refunds/R-1%2F1", "processing");
    assert!(processing["accepted_at"].is_string() && processing["next"]["at"].is_string());
    known(&shop, receipt());
    let done = until(&shop, "/v1/refunds/R-1%2F1", "refunded");
    assert_eq!((&done["final"], &done["refund_id"]), (&true.into(), &"50300099990000000000000001".into()));
    assert_eq!(done["next"]["action"], "none");
    let now = shop.unix.get(&format!("/v1/payments/{payment}")).json();
    assert_eq!(
        (&now["state"], &now["refunded"], &now["money"]),
        (&"partially_refunded".into(), &1200.into(), &"taken".into())
    );

    let rest = shop.unix.post(&refunds(&payment), r#"{"refund_ref":"R-1/2","amount":7601,"reason":"x"}"#);
    assert_eq!((rest.status, rest.code().as_str()), (422, "amount_too_large"));
    assert_eq!(rest.faults(), ["amount"]);
    assert!(rest.body.contains("7600"), "{}", rest.body);
    assert_eq!(rest.json()["left"], 7600);
}

#[test]
fn all_that_is_left_goes_back_and_then_nothing_more() {
    let (shop, payment) = paid();
    let token = format!("Bearer {SUPERVISOR}");
    let headers = [("Content-Type", "application/json"), ("Authorization", token.as_str())];
    let body = r#"{"refund_ref":"all","reason":"the dish never came"}"#;
    let refund = shop.unix.ask("POST", &refunds(&payment), &headers, body);
    assert_eq!((refund.status, &refund.json()["amount"]), (201, &8800.into()));
    accepted(&shop, &shop.call());
    known(&shop, receipt());
    until(&shop, "/v1/refunds/all", "refunded");
    let now = shop.unix.get(&format!("/v1/payments/{payment}")).json();
    assert_eq!(
        (&now["state"], &now["refunded"], &now["money"]),
        (&"refunded".into(), &8800.into(), &"returned".into())
    );
    assert_eq!((&now["final"], &now["next"]["action"]), (&true.into(), &"none".into()));
    let more = shop.unix.post(&refunds(&payment), r#"{"refund_ref":"more","amount":1,"reason":"x"}"#);
    assert_eq!((more.status, more.code().as_str()), (409, "already_refunded"));
    assert_eq!(more.json()["money"], "returned");
}

#[test]
fn without_an_amount_it_is_the_same_refund_only_where_that_took_all_that_was_left() {
    let (shop, payment) = paid();
    let token = format!("Bearer {SUPERVISOR}");
    let headers = [("Content-Type", "application/json"), ("Authorization", token.as_str())];
    let ask = |name: &str, amount: Option<u64>| {
        let amount = amount.map(|amount| format!(r#""amount":{amount},"#)).unwrap_or_default();
        let body = format!(r#"{{"refund_ref":"{name}",{amount}"reason":"x"}}"#);
        let answer = shop.unix.ask("POST", &refunds(&payment), &headers, &body);
        (answer.status, answer.json()["amount"].as_u64())
    };
    assert_eq!(ask("part", Some(100)), (201, Some(100)));
    assert_eq!(ask("part", None).0, 409, "all that is left is another body than 100 of it");
    assert_eq!(ask("rest", None), (201, Some(8700)));
    for amount in [None, Some(8700)] {
        assert_eq!(ask("rest", amount), (200, Some(8700)), "{amount:?}");
    }
    assert_eq!((ask("rest", Some(8800)).0, ask("part", None).0), (409, 409));

    // The part fails, and its sum is free again: what was left when the rest was asked for stays what it was.
    refused(&shop, &shop.call(), RefundRefusal::Definite, "USER_ACCOUNT_ABNORMAL");
    known(&shop, RefundQueryAnswer::Absent);
    until(&shop, "/v1/refunds/part", "failed");
    assert_eq!((ask("rest", None), ask("part", None).0), ((200, Some(8700)), 409));
    assert_eq!(ask("again", None), (201, Some(100)));
    assert_eq!((ask("again", None), ask("rest", None).0, ask("part", None).0), ((200, Some(100)), 200, 409));
}

#[test]
fn above_the_operators_limit_only_the_supervisors_token_refunds_on_either_door() {
    let (shop, payment) = paid();
    let ask = |client: &crate::support::Client, token: Option<&str>, name: &str, amount: u64| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(bearer.iter().map(|bearer| ("Authorization", bearer.as_str())));
        let body = format!(r#"{{"refund_ref":"{name}","amount":{amount},"reason":"x"}}"#);
        client.ask("POST", &refunds(&payment), &headers, &body)
    };
    for (client, token) in
        [(&shop.unix, None), (&shop.unix, Some(TOKEN)), (&shop.unix, Some("b055b056")), (&shop.tcp, Some(TOKEN))]
    {
        let refused = ask(client, token, "large", 5_001);
        assert_eq!((refused.status, refused.code().as_str()), (403, "supervisor_needed"), "{token:?}");
        assert!(!refused.body.contains(SUPERVISOR) && !refused.body.contains(TOKEN));
    }
    assert_eq!(ask(&shop.tcp, None, "large", 1).status, 401);
    assert!(shop.calls.try_recv().is_err(), "nothing was said");
    let large = ask(&shop.tcp, Some(SUPERVISOR), "large", 5_001);
    assert_eq!((large.status, &large.json()["supervised"]), (201, &true.into()));
    // Repeating it moves nothing, so it needs nobody.
    assert_eq!(ask(&shop.unix, None, "large", 5_001).status, 200);
    let small = ask(&shop.unix, None, "small", 3_799);
    assert_eq!((small.status, &small.json()["supervised"]), (201, &false.into()));
}

#[test]
fn what_is_not_paid_is_not_refunded_and_says_what_to_do() {
    let shop = Shop::open(&["1"]);
    let payment = shop.sell("R-1", 100);
    let body = r#"{"refund_ref":"r","reason":"x"}"#;
    let early = shop.unix.post(&refunds(&payment), body);
    assert_eq!((early.status, early.code().as_str()), (409, "not_final"));
    assert!(early.body.contains("/cancel"), "{}", early.body);
    assert_eq!(shop.unix.post(&format!("/v1/payments/{payment}/cancel"), "").status, 200);
    let canceled = shop.unix.post(&refunds(&payment), body);
    assert_eq!((canceled.status, canceled.code().as_str()), (409, "not_paid"));
    let unknown = shop.unix.post(&refunds("T01-K7Q2M9XB-00000099"), body);
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "not_found"));
    for (body, fault) in [
        (r#"{"refund_ref":"r"}"#, "reason"),
        (r#"{"reason":"x"}"#, "refund_ref"),
        (r#"{"refund_ref":"r","reason":"x","amount":0.5}"#, "amount"),
        (r#"{"refund_ref":"r","reason":"x","ammount":5}"#, "ammount"),
    ] {
        let answer = shop.unix.post(&refunds(&payment), body);
        assert_eq!((answer.status, answer.faults()), (422, vec![fault.to_owned()]), "{body}");
    }
}

#[test]
fn an_empty_account_is_said_and_a_failure_is_listed_until_somebody_has_seen_it() {
    let (shop, payment) = paid();
    shop.unix.post(&refunds(&payment), r#"{"refund_ref":"one","amount":100,"reason":"x"}"#);
    refused(&shop, &shop.call(), RefundRefusal::NotEnough, "NOTENOUGH");
    known(&shop, RefundQueryAnswer::Absent);
    let mut waiting = shop.unix.get("/v1/refunds/one").json();
    while waiting["next"]["at"].as_str().is_none_or(|at| at < "2026-11-21T04:30") {
        waiting = shop.unix.get(&format!("/v1/refunds/one?wait=5&after={}", waiting["seq"])).json();
    }
    assert_eq!((&waiting["state"], &waiting["err_code"]), (&"requested".into(), &"NOTENOUGH".into()));
    assert!(waiting["advice"].as_str().is_some_and(|advice| advice.contains("every hour")), "{waiting}");
    let attention = shop.unix.get("/v1/attention").json();
    assert!(attention["attention"].as_array().expect("a list").iter().all(|it| it["reason"] == "not_acknowledged"));

    shop.unix.post(&refunds(&payment), r#"{"refund_ref":"two","amount":200,"reason":"x"}"#);
    refused(&shop, &next_call(&shop), RefundRefusal::Definite, "USER_ACCOUNT_ABNORMAL");
    let early = shop.unix.post("/v1/refunds/two/ack", "");
    assert_eq!((early.status, early.code().as_str()), (409, "not_final"));
    known(&shop, RefundQueryAnswer::Absent);
    let failed = until(&shop, "/v1/refunds/two", "failed");
    assert_eq!((&failed["final"], &failed["next"]["action"]), (&true.into(), &"call_supervisor".into()));
    assert!(failed["advice"].as_str().is_some_and(|advice| advice.contains("by hand")), "{failed}");
    let listed = shop.unix.get("/v1/attention").json();
    let listed = listed["attention"].as_array().expect("a list").iter().find(|it| it["reason"] == "refund_failed");
    let listed = listed.expect("the failed refund").clone();
    assert_eq!((&listed["refund"]["refund_ref"], &listed["payment"]["ref"]), (&"two".into(), &payment.into()));
    for _ in 0..2 {
        assert_eq!(shop.unix.post("/v1/refunds/two/ack", "").status, 204);
    }
    assert_eq!(shop.unix.get("/v1/refunds/two").json()["acked"], true);
    assert!(!shop.unix.get("/v1/attention").body.contains("refund_failed"));
    assert_eq!(shop.unix.post("/v1/refunds/three/ack", "").code(), "not_found");
}

#[test]
fn events_tell_of_refunds_in_the_journals_order() {
    let (shop, payment) = paid();
    let seq = shop.unix.get(&format!("/v1/payments/{payment}")).json()["seq"].as_u64().expect("a seq");
    let mut stream = shop.unix.stream(&format!("/v1/events?after={seq}"), &[]);
    shop.unix.post(&refunds(&payment), r#"{"refund_ref":"one","amount":100,"reason":"x","operator":"Mei"}"#);
    accepted(&shop, &shop.call());
    known(&shop, receipt());
    let mut told = Vec::new();
    for _ in 0..4 {
        let (_, kind, data) = stream.event();
        assert_eq!((&data["ref"], &data["refund_ref"]), (&payment.clone().into(), &"one".into()), "{data}");
        assert!(data.get("r").is_none() && data.get("p").is_none(), "{data}");
        told.push((
            kind,
            data["refund_state"].as_str().unwrap_or("").to_owned(),
            data["state"].as_str().unwrap_or("").to_owned(),
        ));
    }
    let told: Vec<(&str, &str, &str)> = told.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(
        told,
        [
            ("refund_requested", "requested", "paid"),
            ("refund_sent", "requested", "paid"),
            ("refund_answered", "processing", "paid"),
            ("refund_answered", "refunded", "partially_refunded"),
        ]
    );
}
