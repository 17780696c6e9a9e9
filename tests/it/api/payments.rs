//! Payments from the first request to the last acknowledgement.

use std::collections::BTreeSet;

use std::time::Duration;

use shroff::payment::answer::{Class, PayAnswer, QueryAnswer, Refusal};
use shroff::payment::{Answer, Heard};

use super::CODE;
use crate::support::Shop;

#[test]
fn the_same_request_is_the_same_payment_and_another_one_is_a_conflict() {
    let shop = Shop::open(&["1"]);
    let body = r#"{"client_ref":"R-1","amount":8800,"operator":"Mei"}"#;
    let first = shop.unix.post("/v1/payments", body);
    assert_eq!(first.status, 201);
    let payment = first.json();
    assert!(
        first
            .head
            .contains(&format!("location: /v1/payments/{}", payment["ref"].as_str().expect("a ref")).to_lowercase())
    );
    assert_eq!(
        (&payment["state"], &payment["money"], &payment["final"]),
        (&"armed".into(), &"none".into(), &false.into())
    );
    assert_eq!(payment["amount"], 8800);
    assert_eq!(payment["currency"], "HKD");
    assert_eq!(payment["next"]["action"], "scan_code");
    assert!(payment["next"]["at"].is_string());
    let fields: BTreeSet<&str> = payment.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted = [
        "ref",
        "client_ref",
        "lane",
        "amount",
        "currency",
        "state",
        "money",
        "final",
        "attempts",
        "refunded",
        "cashier",
        "next",
        "acked",
        "created_at",
        "updated_at",
        "seq",
    ];
    assert_eq!(fields, BTreeSet::from(wanted));

    let again = shop.unix.post("/v1/payments", body);
    assert_eq!((again.status, again.json()["ref"].clone()), (200, payment["ref"].clone()));

    let other = shop.unix.post("/v1/payments", r#"{"client_ref":"R-1","amount":8801,"operator":"Mei"}"#);
    assert_eq!((other.status, other.code().as_str()), (409, "ref_conflict"));
    assert_eq!((&other.json()["client_ref"], &other.json()["retryable"]), (&"R-1".into(), &false.into()));

    let busy = shop.unix.post("/v1/payments", r#"{"client_ref":"R-2","amount":100}"#);
    assert_eq!((busy.status, busy.code().as_str()), (409, "lane_busy"));
    assert_eq!(busy.json()["money"], "none");
    let list = shop.unix.get("/v1/payments").json();
    assert_eq!(list["payments"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_refused_takes_no_number() {
    let shop = Shop::open(&["1"]);
    let number = |reference: &str| -> u64 {
        reference.rsplit('-').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let cancel = |reference: &str| shop.unix.post(&format!("/v1/payments/{reference}/cancel"), "").status;
    let first = shop.sell("R-1", 100);
    for (body, code) in [
        (r#"{"client_ref":"R-2","amount":100}"#, "lane_busy"),
        (r#"{"client_ref":"R-2","amount":0}"#, "amount_zero"),
        (r#"{"client_ref":"R-2","amount":999999999}"#, "amount_too_large"),
        (r#"{"client_ref":"R-2","amount":100,"currency":"USD"}"#, "wrong_currency"),
    ] {
        assert_eq!(shop.unix.post("/v1/payments", body).code(), code);
    }
    assert_eq!(cancel(&first), 200);
    assert_eq!(number(&shop.sell("R-2", 100)), number(&first) + 1);
}

#[test]
fn a_paid_payment_tells_the_whole_story() {
    let shop = Shop::open(&["1"]);
    let reference = shop.sell("R-1", 8800);
    let call = shop.scan(CODE);
    let sent = shop.unix.get(&format!("/v1/payments/{reference}?wait=10&after=1")).json();
    assert_eq!((&sent["state"], &sent["money"]), (&"submitting".into(), &"unknown".into()));
    shop.pay(&call);
    let paid = shop.unix.get(&format!("/v1/payments/{reference}?wait=10&after={}", sent["seq"])).json();
    assert_eq!((&paid["state"], &paid["money"], &paid["final"]), (&"paid".into(), &"taken".into(), &true.into()));
    assert_eq!(paid["transaction_id"], "4200001234202611210000000001");
    assert_eq!(paid["out_trade_no"], paid["attempts"][0]["out_trade_no"]);
    assert_eq!((&paid["attempts"][0]["no"], &paid["attempts"][0]["code_hint"]), (&1.into(), &"1395".into()));
    assert_eq!(paid["cashier"]["key"], "paid");
    assert_eq!(paid["next"]["action"], "acknowledge");

    let attention = shop.unix.get("/v1/attention").json();
    assert_eq!(attention["attention"][0]["reason"], "not_acknowledged");
    assert_eq!(attention["attention"][0]["payment"]["ref"], reference.as_str());
    for _ in 0..2 {
        assert_eq!(shop.unix.post(&format!("/v1/payments/{reference}/ack"), "").status, 204);
    }
    assert_eq!(shop.unix.get("/v1/attention").json()["attention"].as_array().map(Vec::len), Some(0));
    assert_eq!(shop.unix.get(&format!("/v1/payments/{reference}")).json()["acked"], true);
}

#[test]
fn a_code_that_another_can_cure_tells_the_cashier_why_and_what_next() {
    let shop = Shop::open(&["1"]);
    let reference = shop.sell("R-1", 8800);
    let pay = shop.scan(CODE);
    let refusal = Refusal::new(Class::FreshCode, "NOTENOUGH", "余额不足");
    shop.hear(&pay, Heard::Answer(Answer::Pay(PayAnswer::Refused(refusal))));
    shop.pass(Duration::from_secs(1));
    let query = shop.call();
    shop.hear(&query, Heard::Answer(Answer::Query(QueryAnswer::NotPaid)));
    let mut payment = shop.unix.get(&format!("/v1/payments/{reference}")).json();
    while payment["state"] != "armed" {
        payment = shop.unix.get(&format!("/v1/payments/{reference}?wait=10&after={}", payment["seq"])).json();
    }
    assert_eq!((&payment["money"], &payment["final"]), (&"none".into(), &false.into()));
    assert_eq!(payment["last_decline"]["code"], "NOTENOUGH");
    assert_eq!(payment["cashier"]["key"], "declined.NOTENOUGH");
    assert_eq!(payment["cashier"]["text"], "Insufficient balance in this card. Try another one");
    assert_eq!(payment["next"]["action"], "scan_code");
    assert_eq!(payment["attempts"][0]["err_code"], "NOTENOUGH");
}

#[test]
fn cancelling_says_whether_anything_was_sent() {
    let shop = Shop::open(&["1"]);
    let first = shop.sell("R-1", 100);
    let early = shop.unix.post(&format!("/v1/payments/{first}/ack"), "");
    assert_eq!((early.status, early.code().as_str()), (409, "not_final"));
    let canceled = shop.unix.post(&format!("/v1/payments/{first}/cancel"), "{}");
    assert_eq!((canceled.status, canceled.json()["state"].clone()), (200, "canceled".into()));
    let again = shop.unix.post(&format!("/v1/payments/{first}/cancel"), "");
    assert_eq!((again.status, again.code().as_str()), (409, "already_final"));
    assert_eq!((&again.json()["money"], &again.json()["client_ref"]), (&"none".into(), &"R-1".into()));

    let second = shop.sell("R-2", 100);
    let call = shop.scan(CODE);
    let sent = shop.unix.post(&format!("/v1/payments/{second}/cancel"), "");
    assert_eq!((sent.status, sent.json()["money"].clone()), (202, "unknown".into()));
    shop.pay(&call);
    let won = shop.unix.get(&format!("/v1/payments/{second}?wait=10&after={}", sent.json()["seq"])).json();
    assert_eq!(won["state"], "paid");
    let late = shop.unix.post(&format!("/v1/payments/{second}/cancel"), "");
    assert_eq!(
        (late.status, late.code().as_str(), late.json()["money"].clone()),
        (409, "already_final", "taken".into())
    );
}

#[test]
fn a_long_poll_wakes_when_the_payment_moves_and_ends_when_it_does_not() {
    let shop = Shop::open(&["1"]);
    let reference = shop.sell("R-1", 100);
    let (client, path) = (shop.unix.clone(), format!("/v1/payments/{reference}?wait=30&after=1"));
    let waiting = std::thread::spawn(move || client.get(&path));
    assert_eq!(shop.unix.post(&format!("/v1/payments/{reference}/cancel"), "").status, 200);
    let woken = waiting.join().expect("an answer").json();
    assert_eq!((&woken["state"], &woken["seq"]), (&"canceled".into(), &2.into()));
    let same = shop.unix.get(&format!("/v1/payments/{reference}?wait=1&after=2"));
    assert_eq!((same.status, same.json()["seq"].clone()), (200, 2.into()));
    assert_eq!(shop.unix.get(&format!("/v1/payments/{reference}?wait=61")).status, 422);
}

#[test]
fn the_journal_goes_on_where_a_reader_left_off() {
    let shop = Shop::open(&["1"]);
    let first = shop.sell("R-1", 100);
    let mut live = shop.unix.stream("/v1/events", &[]);
    shop.unix.post(&format!("/v1/payments/{first}/cancel"), "");
    let (id, kind, data) = live.event();
    assert_eq!((id.as_str(), kind.as_str()), ("2", "cancel_asked"));
    assert_eq!((&data["ref"], &data["client_ref"], &data["seq"]), (&first.as_str().into(), &"R-1".into(), &2.into()));
    assert_eq!((&data["state"], &data["money"], &data["final"]), (&"canceled".into(), &"none".into(), &true.into()));
    assert!(data.get("p").is_none() && data.get("a").is_none());
    drop(live);

    let second = shop.sell("R-2", 100);
    let call = shop.scan(CODE);
    shop.pay(&call);
    let mut resumed = shop.unix.stream("/v1/events", &[("Last-Event-ID", "2")]);
    let kinds: Vec<(String, String)> = (0..3).map(|_| resumed.event()).map(|(id, kind, _)| (id, kind)).collect();
    let wanted = [("3", "armed"), ("4", "submitted"), ("5", "answered")];
    assert_eq!(kinds, wanted.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
    shop.unix.post(&format!("/v1/payments/{second}/ack"), "");
    let (id, kind, data) = resumed.event();
    assert_eq!((id.as_str(), kind.as_str(), &data["state"]), ("6", "acknowledged", &"paid".into()));

    let mut all = shop.unix.stream("/v1/events?after=0", &[]);
    let ids: Vec<String> = (0..6).map(|_| all.event().0).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(shop.unix.get("/v1/events?after=7").faults(), ["after"]);
    assert_eq!(shop.unix.ask("GET", "/v1/events", &[("Last-Event-ID", "x")], "").faults(), ["Last-Event-ID"]);
}

#[test]
fn payments_are_listed_page_by_page_newest_first() {
    let shop = Shop::open(&["1"]);
    for number in 1..=5 {
        let reference = shop.sell(&format!("R-{number}"), 100);
        shop.unix.post(&format!("/v1/payments/{reference}/cancel"), "");
    }
    let open = shop.sell("R-6", 100);
    let names = |path: &str| {
        let page = shop.unix.get(path).json();
        let list = page["payments"].as_array().expect("a list").clone();
        let names: Vec<String> = list.iter().map(|it| it["client_ref"].as_str().expect("a name").to_owned()).collect();
        (names, page["next_before"].as_str().map(str::to_owned))
    };
    let (first, next) = names("/v1/payments?limit=4");
    assert_eq!(first, ["R-6", "R-5", "R-4", "R-3"]);
    let (rest, end) = names(&format!("/v1/payments?limit=4&before={}", next.expect("a next page")));
    assert_eq!((rest, end), (vec!["R-2".to_owned(), "R-1".to_owned()], None));
    assert_eq!(names("/v1/payments?open=true").0, ["R-6"]);
    assert_eq!(names("/v1/payments?client_ref=R-3").0, ["R-3"]);
    assert_eq!(names("/v1/payments?day=2026-11-21").0.len(), 6);
    assert_eq!(names("/v1/payments?day=2026-11-20").0.len(), 0);
    assert_eq!(shop.unix.get("/v1/payments?before=T01-none").faults(), ["before"]);
    let lanes = shop.unix.get("/v1/lanes").json();
    assert_eq!((&lanes["lanes"][0]["ref"], &lanes["lanes"][0]["free"]), (&open.as_str().into(), &false.into()));
}
