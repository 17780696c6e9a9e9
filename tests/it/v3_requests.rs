//! Requests of v3, byte for byte.

use shroff::dialect::v3::{Signer, SignerError, V3};
use shroff::dialect::{
    Dialect, HttpRequest, Merchant, Platform, PlatformKeys, Settlements, Settling, Stamp, Statements,
};
use shroff::payment::{Ask, Call, Order, Terms};
use shroff::words::{Secret, WallTime};

use base64::Engine as _;

use crate::counterpart::{TRUE, merchant, order, terms};
use crate::counterpart_v3::{MERCHANT, NOW, Pair, v3};

fn stamp() -> Stamp {
    Stamp { nonce: "593BEC0C930BF1AFEB40B4A08C8FB242".to_owned(), time: WallTime::from_millis(1_700_000_002_999) }
}

fn direct() -> Merchant {
    Merchant { sub_mch_id: None, ..merchant() }
}

fn written(dialect: &V3, order: Order, ask: Ask) -> HttpRequest {
    let request = Dialect::write(dialect, &Call { order, ask }, &stamp());
    assert_signed(&request);
    request
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.headers.iter().find(|(it, _)| *it == name).map_or("", |(_, value)| value)
}

fn body(request: &HttpRequest) -> &str {
    std::str::from_utf8(&request.body).expect("text")
}

/// The gateway's look at a request: the header's form, and the signature over the bytes on the wire.
fn assert_signed(request: &HttpRequest) {
    assert_signed_in(request, "zh-HK");
}

fn assert_signed_in(request: &HttpRequest, language: &str) {
    let authorization =
        header(request, "authorization").strip_prefix("WECHATPAY2-SHA256-RSA2048 ").expect("the scheme");
    let field = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=\"")).expect(name);
        rest.split_once('"').expect("a quote").0
    };
    assert_eq!((field("mchid"), field("serial_no")), (TRUE.mch_id, MERCHANT.serial.as_str()));
    assert_eq!((field("nonce_str"), field("timestamp")), ("593BEC0C930BF1AFEB40B4A08C8FB242", "1700000002"));
    let message = format!(
        "{}\n{}\n1700000002\n593BEC0C930BF1AFEB40B4A08C8FB242\n{}\n",
        request.method,
        request.path,
        body(request)
    );
    let mut keys = PlatformKeys::default();
    keys.add_pem(MERCHANT.cert_pem.as_bytes()).expect("a certificate");
    let signature = base64::engine::general_purpose::STANDARD.decode(field("signature")).expect("Base64");
    assert!(keys.get(&MERCHANT.serial).expect("the merchant's").signed(message.as_bytes(), &signature));
    for (name, value) in
        [("accept", "application/json"), ("content-type", "application/json"), ("accept-language", language)]
    {
        assert_eq!(header(request, name), value);
    }
    assert!(!request.needs_certificate);
}

#[test]
fn a_pay_says_what_the_global_api_asks_for() {
    let code = "134539517967686076".parse().expect("a code");
    let order = Order { attach: "A \"B\" <tea> 茶".to_owned(), ..order() };
    let request = written(&v3(merchant()), order, Ask::Pay(code));
    assert_eq!((request.method, request.path.as_str()), ("POST", "/v3/global/micropay/transactions/pay"));
    assert!(!format!("{request:?}").contains("1345"), "a code in {request:?}");
    assert_eq!(
        body(&request),
        concat!(
            r#"{"sp_appid":"wx2421b1c4370ec43b","sp_mchid":"10000100","sub_mchid":"452532745","#,
            r#""description":"Dining Hall","attach":"A \"B\" <tea> 茶","out_trade_no":"T01K7Q2M9XB00000001","#,
            r#""trade_type":"MICROPAY","merchant_category_code":"1001","payer":{"auth_code":"134539517967686076"},"#,
            r#""amount":{"total":8800,"currency":"HKD"},"scene_info":{"device_ip":"8.8.8.8","device_id":"T01"},"#,
            r#""detail":{"goods_detail":[{"goods_id":"T01","wxpay_goods_id":"1001","goods_name":"Dining Hall","#,
            r#""quantity":1,"price":8800}]}}"#
        )
    );
}

#[test]
fn a_direct_merchant_speaks_for_itself() {
    let dialect = v3(direct());
    let code = "134539517967686076".parse().expect("a code");
    let pay = written(&dialect, order(), Ask::Pay(code));
    assert!(body(&pay).starts_with(r#"{"appid":"wx2421b1c4370ec43b","mchid":"10000100","description""#));
    assert_eq!(body(&written(&dialect, order(), Ask::Reverse)), r#"{"mchid":"10000100"}"#);
    let query = written(&dialect, order(), Ask::Query);
    assert_eq!(query.path, "/v3/global/transactions/out-trade-no/T01K7Q2M9XB00000001?mchid=10000100");
}

#[test]
fn an_order_is_named_by_wechats_number_once_that_is_known() {
    let dialect = v3(merchant());
    let known = Order { transaction_id: Some(TRUE.transaction_id.parse().expect("a number")), ..order() };
    let whole = Ask::Refund(Terms { amount: order().amount, reason: None, ..terms() });
    for (order, ask, method, path, says) in [
        (
            order(),
            Ask::Query,
            "GET",
            "/v3/global/transactions/out-trade-no/T01K7Q2M9XB00000001?sp_mchid=10000100&sub_mchid=452532745",
            "",
        ),
        (
            known.clone(),
            Ask::Query,
            "GET",
            "/v3/global/transactions/id/4200000065201803063807324676?sp_mchid=10000100&sub_mchid=452532745",
            "",
        ),
        (
            order(),
            Ask::Reverse,
            "POST",
            "/v3/global/micropay/transactions/out-trade-no/T01K7Q2M9XB00000001/reverse",
            r#"{"sp_mchid":"10000100","sub_mchid":"452532745"}"#,
        ),
        (
            known.clone(),
            Ask::Reverse,
            "POST",
            "/v3/global/micropay/transactions/id/4200000065201803063807324676/reverse",
            r#"{"sp_mchid":"10000100","sub_mchid":"452532745"}"#,
        ),
        (
            known.clone(),
            whole,
            "POST",
            "/v3/global/refunds",
            concat!(
                r#"{"sp_appid":"wx2421b1c4370ec43b","sp_mchid":"10000100","sub_mchid":"452532745","#,
                r#""transaction_id":"4200000065201803063807324676","out_refund_no":"T01K7Q2M9XB00000002F","#,
                r#""amount":{"refund":8800,"total":8800,"currency":"HKD"}}"#
            ),
        ),
        (
            order(),
            Ask::Refund(Terms { reason: Some(format!("{}茶茶", "x".repeat(75))), ..terms() }),
            "POST",
            "/v3/global/refunds",
            concat!(
                r#"{"sp_appid":"wx2421b1c4370ec43b","sp_mchid":"10000100","sub_mchid":"452532745","#,
                r#""out_trade_no":"T01K7Q2M9XB00000001","out_refund_no":"T01K7Q2M9XB00000002F","#,
                r#""reason":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx茶","#,
                r#""amount":{"refund":1200,"total":8800,"currency":"HKD"}}"#
            ),
        ),
        (
            known.clone(),
            Ask::Refund(Terms { notify_url: Some("https://till.hk/n".to_owned()), reason: None, ..terms() }),
            "POST",
            "/v3/global/refunds",
            concat!(
                r#"{"sp_appid":"wx2421b1c4370ec43b","sp_mchid":"10000100","sub_mchid":"452532745","#,
                r#""transaction_id":"4200000065201803063807324676","out_refund_no":"T01K7Q2M9XB00000002F","#,
                r#""amount":{"refund":1200,"total":8800,"currency":"HKD"},"notify_url":"https://till.hk/n"}"#
            ),
        ),
        (
            known,
            Ask::RefundQuery { terms: terms(), offset: 10 },
            "GET",
            "/v3/global/refunds/out-refund-no/T01K7Q2M9XB00000002F?sp_mchid=10000100&sub_mchid=452532745",
            "",
        ),
    ] {
        let request = written(&dialect, order, ask);
        assert_eq!((request.method, request.path.as_str(), body(&request)), (method, path, says));
    }
}

#[test]
fn the_certificates_are_asked_for_and_the_public_key_by_its_name() {
    let request = Platform::write(&v3(merchant()), &stamp());
    assert_signed(&request);
    assert_eq!((request.method, request.path.as_str(), body(&request)), ("GET", "/v3/global/certificates", ""));
    assert_eq!(header(&request, "wechatpay-serial"), "");
    let known: serde_json::Value = serde_json::from_str(include_str!("../data/v3.json")).expect("the vectors");
    assert!(known["requests"].is_array());
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let dialect = v3(merchant()).with_public_key("PUB_KEY_ID_011", key.public_key_pem().as_bytes()).expect("a key");
    assert_eq!(header(&Platform::write(&dialect, &stamp()), "wechatpay-serial"), "PUB_KEY_ID_011");
    assert!(dialect.configured().get("PUB_KEY_ID_011").is_some() && dialect.configured().any_valid(NOW));
}

#[test]
fn a_key_and_a_certificate_that_are_no_pair_do_not_sign() {
    let other = Pair::new(&[0x0a, 0x01]);
    let key = |pem: &str| Secret::new(pem.as_bytes().to_vec());
    let new = |key: &Secret, cert: &str| Signer::new(key, cert.as_bytes()).map(|signer| signer.serial().to_owned());
    assert_eq!(new(&key(&other.key_pem), &other.cert_pem).as_deref(), Ok("0A01"));
    assert_eq!(new(&key(&other.key_pem), &MERCHANT.cert_pem), Err(SignerError::Pair));
    assert_eq!(new(&key(&other.cert_pem), &other.cert_pem), Err(SignerError::Key));
    assert_eq!(new(&key(&other.key_pem), &other.key_pem), Err(SignerError::Certificate));
    let elliptic = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    assert_eq!(new(&key(&elliptic), &other.cert_pem), Err(SignerError::Key));
    assert_eq!(format!("{:?}", Signer::new(&key(&other.key_pem), other.cert_pem.as_bytes())), "Ok(Signer(0A01))");
}

#[test]
fn a_statement_is_asked_for_by_its_day_and_packed_by_the_header() {
    let day = "2026-03-02".parse().expect("a day");
    for (merchant, packed, path, encoding) in [
        (merchant(), true, "/v3/global/statements?date=20260302&sp_mchid=10000100&sub_mchid=452532745", "gzip"),
        (direct(), false, "/v3/global/statements?date=20260302&mchid=10000100", "identity"),
    ] {
        let request = Statements::write(&v3(merchant), day, packed, &stamp());
        // Only the Chinese names of its columns are known.
        assert_signed_in(&request, "zh-CN");
        assert_eq!((request.method, request.path.as_str(), body(&request)), ("GET", path, ""));
        assert_eq!(header(&request, "accept-encoding"), encoding);
    }
}

#[test]
fn settlements_are_asked_for_by_their_days_or_without_any() {
    let day = |text: &str| text.parse().expect("a day");
    let paid = Settling::Paid { from: day("2026-11-01"), to: day("2026-11-20") };
    for (merchant, which, offset, path) in [
        (
            merchant(),
            paid,
            0,
            "/v3/global/settle/settlements?sub_mchid=452532745&settle_state=SETTLED&settle_start_date=20261101&\
             settle_end_date=20261120&offset=0&limit=10",
        ),
        (
            direct(),
            paid,
            20,
            "/v3/global/settle/settlements?settle_state=SETTLED&settle_start_date=20261101&settle_end_date=20261120&\
             offset=20&limit=10",
        ),
        (direct(), Settling::Open, 0, "/v3/global/settle/settlements?settle_state=UNSETTLE&offset=0&limit=10"),
    ] {
        let request = Settlements::write(&v3(merchant), which, offset, &stamp());
        assert_signed(&request);
        assert_eq!((request.method, request.path.as_str(), body(&request)), ("GET", path, ""));
    }
}

#[test]
fn an_institution_names_its_sub_merchants_appid_and_money_is_in_its_own_unit() {
    let sub_appid = "wx9999999999999999".parse().expect("an appid");
    let dialect = v3(Merchant { sub_appid: Some(sub_appid), ..merchant() });
    for (minor, currency) in [(100_u64, "JPY"), (8800, "CNY"), (1, "KRW")] {
        let amount = shroff::words::Money::new(minor, currency.parse().expect("a currency")).expect("an amount");
        let pay = Order { amount, attach: String::new(), ..order() };
        let code = "134539517967686076".parse().expect("a code");
        let request = written(&dialect, pay.clone(), Ask::Pay(code));
        let said: serde_json::Value = serde_json::from_str(body(&request)).expect("JSON");
        assert_eq!(said["sub_appid"], "wx9999999999999999");
        assert_eq!(said["amount"], serde_json::json!({ "total": minor, "currency": currency }));
        assert_eq!(said["detail"]["goods_detail"][0]["price"], minor);
        assert!(said["detail"].is_object() && said["scene_info"].is_object() && said.get("attach").is_none());
        assert_eq!(said["merchant_category_code"], "1001");
        let refund = written(&dialect, pay, Ask::Refund(Terms { amount, ..terms() }));
        let said: serde_json::Value = serde_json::from_str(body(&refund)).expect("JSON");
        assert_eq!(said["sub_appid"], "wx9999999999999999");
        assert_eq!(said["amount"], serde_json::json!({ "refund": minor, "total": minor, "currency": currency }));
    }
}
