//! Requests of v2, byte for byte.

use std::collections::BTreeMap;

use shroff::dialect::Stamp;
use shroff::dialect::v2::SignType;
use shroff::payment::{Ask, Call, Order, Terms};
use shroff::words::WallTime;

use crate::counterpart::{Counterpart, TRUE, V2Counterpart, order, parse, terms};

fn stamp() -> Stamp {
    Stamp { nonce: "f6868b9b16bf4893958afd4a46d73422".to_owned(), time: WallTime::from_millis(0) }
}

fn fields(gateway: &V2Counterpart, order: Order, ask: Ask) -> BTreeMap<String, String> {
    let request = gateway.dialect().write(&Call { order, ask }, &stamp());
    assert!(gateway.accepts(&request.body));
    parse(&request.body)
}

#[test]
fn a_pay_says_what_the_global_api_asks_for() {
    let gateway = V2Counterpart::new(SignType::HmacSha256);
    let code = "134539517967686076".parse().expect("a code");
    let order = Order { attach: "A & B ]]> <tea>".to_owned(), ..order() };
    let request = gateway.dialect().write(&Call { order, ask: Ask::Pay(code) }, &stamp());
    assert_eq!((request.method, request.path.as_str(), request.needs_certificate), ("POST", "/pay/micropay", false));
    assert_eq!(request.headers, [("content-type", "text/xml; charset=utf-8".to_owned())]);
    assert!(!format!("{request:?}").contains("1345"), "a code in {request:?}");

    let fields = parse(&request.body);
    let expected = [
        ("appid", TRUE.appid),
        ("attach", "A & B ]]> <tea>"),
        ("auth_code", "134539517967686076"),
        ("body", "Dining Hall"),
        ("detail", r#"{"goods_detail":[{"wxpay_goods_id":"1001","goods_name":"Dining Hall","quantity":1}]}"#),
        ("device_info", "T01"),
        ("fee_type", "HKD"),
        ("mch_id", TRUE.mch_id),
        ("nonce_str", "f6868b9b16bf4893958afd4a46d73422"),
        ("out_trade_no", TRUE.out_trade_no),
        ("scene_info", r#"{"store_id":"SZT10000","store_name":"Dining Hall"}"#),
        ("sign", fields.get("sign").expect("a signature")),
        ("sign_type", "HMAC-SHA256"),
        ("spbill_create_ip", "8.8.8.8"),
        ("sub_mch_id", TRUE.sub_mch_id),
        ("total_fee", "8800"),
        ("version", "1.0"),
    ];
    let got: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(got, expected);
}

#[test]
fn the_bytes_of_a_query_are_these() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let request = gateway.dialect().write(&Call { order: order(), ask: Ask::Query }, &stamp());
    let text = String::from_utf8(request.body.to_vec()).expect("text");
    let sign = parse(&request.body).remove("sign").expect("a signature");
    assert_eq!(
        text,
        format!(
            "<xml><appid>wx2421b1c4370ec43b</appid><mch_id>10000100</mch_id>\
             <nonce_str>f6868b9b16bf4893958afd4a46d73422</nonce_str><out_trade_no>T01K7Q2M9XB00000001</out_trade_no>\
             <sign>{sign}</sign><sign_type>MD5</sign_type><sub_mch_id>452532745</sub_mch_id><version>1.0</version></xml>"
        )
    );
}

#[test]
fn what_takes_money_back_needs_the_certificate_and_names_both_numbers() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let order = Order { transaction_id: Some(TRUE.transaction_id.parse().expect("a number")), ..order() };
    let refund = Ask::Refund(terms());
    for (ask, path, certificate) in [
        (Ask::Query, "/pay/orderquery", false),
        (Ask::Reverse, "/secapi/pay/reverse", true),
        (refund.clone(), "/secapi/pay/refund", true),
    ] {
        let request = gateway.dialect().write(&Call { order: order.clone(), ask: ask.clone() }, &stamp());
        assert_eq!((request.path.as_str(), request.needs_certificate), (path, certificate));
        let fields = fields(&gateway, order.clone(), ask);
        assert_eq!(fields.get("out_trade_no").map(String::as_str), Some(TRUE.out_trade_no));
        assert_eq!(fields.get("transaction_id").map(String::as_str), Some(TRUE.transaction_id));
    }
    let fields = fields(&gateway, order, refund);
    for (name, value) in [
        ("out_refund_no", TRUE.out_refund_no),
        ("total_fee", "8800"),
        ("refund_fee", "1200"),
        ("refund_fee_type", "HKD"),
        ("refund_desc", "wrong dish"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn a_refund_in_place_of_a_reversal_gives_no_reason_and_a_long_one_is_cut_between_characters() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let desc = |reason: Option<&str>| {
        let terms = Terms { reason: reason.map(str::to_owned), ..terms() };
        fields(&gateway, order(), Ask::Refund(terms)).remove("refund_desc")
    };
    assert_eq!(desc(None), None);
    assert_eq!(desc(Some("茶".repeat(40).as_str())), Some("茶".repeat(26)));
}

#[test]
fn a_refund_says_where_its_end_is_to_be_told_if_that_is_wanted() {
    let gateway = V2Counterpart::new(SignType::HmacSha256);
    let url = |notify_url: Option<&str>| {
        let terms = Terms { notify_url: notify_url.map(str::to_owned), ..terms() };
        fields(&gateway, order(), Ask::Refund(terms)).remove("notify_url")
    };
    assert_eq!(url(None), None);
    let wanted = "https://till.dining-hall.hk/wechatpay/refunds";
    assert_eq!(url(Some(wanted)).as_deref(), Some(wanted));
}

#[test]
fn a_question_about_a_refund_names_it_and_nothing_that_would_be_ignored() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let order = Order { transaction_id: Some(TRUE.transaction_id.parse().expect("a number")), ..order() };
    let ask = |offset| Ask::RefundQuery { terms: terms(), offset };
    let request = gateway.dialect().write(&Call { order: order.clone(), ask: ask(0) }, &stamp());
    assert_eq!((request.path.as_str(), request.needs_certificate), ("/pay/refundquery", false));
    let first = fields(&gateway, order.clone(), ask(0));
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    assert_eq!(names, ["appid", "mch_id", "nonce_str", "out_refund_no", "sign", "sign_type", "sub_mch_id"]);
    assert_eq!(fields(&gateway, order, ask(10)).get("offset").map(String::as_str), Some("10"));
}

#[test]
fn a_long_or_empty_description_still_makes_a_valid_body() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let body = |description: &str| {
        let order = Order { description: description.to_owned(), ..order() };
        let ask = Ask::Pay("134539517967686076".parse().expect("a code"));
        fields(&gateway, order, ask).remove("body").expect("a body")
    };
    assert_eq!(body("茶".repeat(100).as_str()), "茶".repeat(42));
    assert_eq!(body(" \u{1} "), "Dining Hall");
    assert_eq!(body("茶 & <b>🍵</b>"), "茶 & <b>🍵</b>");
}

#[test]
fn the_bytes_of_a_request_for_a_statement_are_these() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let day = "2026-11-20".parse().expect("a day");
    for (packed, more) in [(true, "<tar_type>GZIP</tar_type>"), (false, "")] {
        let request = gateway.dialect().statements().expect("statements").write(day, packed, &stamp());
        assert_eq!((request.method, request.path.as_str()), ("POST", "/pay/downloadbill"));
        assert!(!request.needs_certificate && gateway.accepts(&request.body));
        let sign = parse(&request.body).remove("sign").expect("a signature");
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            format!(
                "<xml><appid>wx2421b1c4370ec43b</appid><bill_date>20261120</bill_date><bill_type>ALL</bill_type>\
                 <mch_id>10000100</mch_id><nonce_str>f6868b9b16bf4893958afd4a46d73422</nonce_str><sign>{sign}</sign>\
                 <sign_type>MD5</sign_type><sub_mch_id>452532745</sub_mch_id>{more}</xml>"
            )
        );
    }
}
