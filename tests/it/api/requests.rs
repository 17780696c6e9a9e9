//! What is refused, how it is said, and what is never said.

use super::CODE;
use crate::support::Shop;

#[test]
fn what_was_never_accepted_is_not_found_and_moved_no_money() {
    let shop = Shop::open(&["1"]);
    for (method, path) in [
        ("GET", "/v1/payments/T01-K7Q2M9XB-00000099"),
        ("GET", "/v1/payments/%ff%fe"),
        ("GET", "/v1/payments/134539517967681395"),
        ("POST", "/v1/payments/T01-K7Q2M9XB-00000099/cancel"),
        ("POST", "/v1/payments/x/ack"),
        ("GET", "/v1/refunds/x"),
        ("GET", "/v1/refunds/134539517967681395"),
        ("GET", "/v1/refunds/%ff%fe"),
        ("POST", "/v1/refunds/x/ack"),
    ] {
        let answer = shop.unix.ask(method, path, &[], "");
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        assert_eq!((&answer.json()["money"], &answer.json()["retryable"]), (&"none".into(), &false.into()));
        assert!(!answer.body.contains(CODE));
    }
    for path in ["/", "/v2/payments", "/v1/payments/x/refund", "/v1/payments/", "/v1/refunds"] {
        assert_eq!(shop.unix.get(path).code(), "no_such_route", "{path}");
    }
    let answer = shop.unix.ask("DELETE", "/v1/payments", &[], "");
    assert_eq!((answer.status, answer.code().as_str()), (405, "wrong_method"));
    assert!(answer.head.contains("allow: "), "{}", answer.head);
}

#[test]
fn every_wrong_field_is_named_and_none_repeated() {
    let shop = Shop::open(&["1"]);
    let long = "x".repeat(128);
    let cases = [
        ("client_ref", r#""two words""#.to_owned()),
        ("client_ref", "1".to_owned()),
        ("client_ref", "null".to_owned()),
        ("amount", "\"8800\"".to_owned()),
        ("amount", "88.5".to_owned()),
        ("amount", "-1".to_owned()),
        ("amount", "0".to_owned()),
        ("amount", "5000001".to_owned()),
        ("amount", "99999999999999999999".to_owned()),
        ("currency", r#""hkd""#.to_owned()),
        ("currency", r#""USD""#.to_owned()),
        ("lane", r#""9""#.to_owned()),
        ("lane", "9".to_owned()),
        ("description", format!("\"{long}\"")),
        ("description", r#""a\nb""#.to_owned()),
        ("description", "\"\"".to_owned()),
        ("attach", format!("\"{long}\"")),
        ("operator", format!("\"{}\"", "x".repeat(33))),
        ("deadline_s", "0".to_owned()),
        ("deadline_s", "3601".to_owned()),
        ("deadline_s", "\"60\"".to_owned()),
        ("auth_code", r#""134539517967681""#.to_owned()),
        ("auth_code", "134539517967681395".to_owned()),
        ("unheard_of", "1".to_owned()),
    ];
    for (field, value) in cases {
        let mut fields = vec![("client_ref", "\"R-1\"".to_owned()), ("amount", "100".to_owned())];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let body = format!("{{{}}}", fields.join(","));
        let answer = shop.unix.post("/v1/payments", &body);
        assert_eq!((answer.status, answer.faults()), (422, vec![field.to_owned()]), "{body}: {}", answer.body);
        answer.code();
    }
    let missing = shop.unix.post("/v1/payments", "{}");
    assert_eq!((missing.status, missing.faults()), (422, vec!["amount".to_owned(), "client_ref".to_owned()]));
    assert_eq!(shop.unix.get("/v1/payments").json()["payments"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_body_that_is_no_request_is_refused_before_it_is_read() {
    let shop = Shop::open(&["1"]);
    let plain = shop.unix.ask("POST", "/v1/payments", &[("Content-Type", "text/plain")], "{}");
    assert_eq!((plain.status, plain.code().as_str()), (415, "not_json"));
    let none = shop.unix.ask("POST", "/v1/payments", &[], "{}");
    assert_eq!(none.status, 415);
    let charset = shop.unix.ask("POST", "/v1/payments", &[("Content-Type", "Application/JSON; charset=utf-8")], "{}");
    assert_eq!(charset.status, 422);
    for body in ["{", "[]", "{}}", "\u{feff}{}", "{\"client_ref\":\"\\ud800\"}"] {
        assert_eq!(shop.unix.post("/v1/payments", body).code(), "malformed", "{body}");
    }
    let huge = format!(r#"{{"client_ref":"R-1","amount":1,"attach":"{}"}}"#, "x".repeat(200_000));
    let answer = shop.unix.post("/v1/payments", &huge);
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    let filled = shop.unix.post("/v1/payments/T01-K7Q2M9XB-00000001/cancel", r#"{"why":"x"}"#);
    assert_eq!((filled.status, filled.faults()), (422, vec!["why".to_owned()]));
}

#[test]
fn a_payment_code_in_any_place_never_comes_back() {
    let shop = Shop::open(&["1"]);
    let fields = [
        "client_ref",
        "amount",
        "currency",
        "lane",
        "description",
        "operator",
        "attach",
        "deadline_s",
        "auth_code",
        CODE,
    ];
    for field in fields {
        for value in [format!("\"{CODE}\""), CODE.to_owned(), format!("[\"{CODE}\"]"), format!("\"x{CODE}\\u0000\"")] {
            for others in [r#""client_ref":"R-1","amount":1,"#, r#""amount":1,"#, ""] {
                let body = format!("{{{others}\"{field}\":{value}}}");
                let answer = shop.unix.post("/v1/payments", &body);
                assert!(!answer.body.contains(CODE), "{body}: {}", answer.body);
            }
        }
    }
    for path in [
        format!("/v1/payments?client_ref={CODE}"),
        format!("/v1/payments?before={CODE}"),
        format!("/v1/payments?day={CODE}"),
        format!("/v1/payments?{CODE}=1"),
        format!("/v1/payments/{CODE}"),
        format!("/v1/payments/{CODE}?wait={CODE}"),
        format!("/v1/events?after={CODE}"),
        format!("/{CODE}"),
    ] {
        assert!(!shop.unix.get(&path).body.contains(CODE), "{path}");
    }
    // One of them was a good request; its payment is shown by the last four digits.
    let list = shop.unix.get("/v1/payments").body;
    assert!(list.contains("\"code_hint\":\"1395\"") && !list.contains(CODE));
    assert!(!shop.unix.get("/metrics").body.contains(CODE));
}
