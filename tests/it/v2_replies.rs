//! Replies of v2: a real server's, and what only v2 does.

use shroff::dialect::v2::{SignType, V2};
use shroff::dialect::{Dialect, Distrust, HttpReply, Merchant, NoStatement, REPLY_MAX};
use shroff::payment::answer::{Answer, PayAnswer, QueryAnswer};
use shroff::payment::{Op, Order};
use shroff::words::{Money, Secret};

use crate::counterpart::{Counterpart, NOTHING, TRUE, V2Counterpart, about, call, merchant, order};

/// The known answers' real reply of a real server, with its key.
fn real() -> (String, Secret) {
    let known: serde_json::Value = serde_json::from_str(include_str!("../data/v2.json")).expect("the vectors");
    let text = |pointer: &str| known.pointer(pointer).and_then(serde_json::Value::as_str).expect("text").to_owned();
    (text("/xml/0/xml"), Secret::new(text("/keys/K2").into_bytes()))
}

fn read(xml: &str, key: &Secret, sign_type: SignType, minor: u64) -> Result<Answer, Distrust> {
    let direct = Merchant {
        appid: "wx426b3015555a46be".parse().expect("an appid"),
        mch_id: "1900009851".parse().expect("a merchant number"),
        sub_mch_id: None,
        ..merchant()
    };
    let order = Order {
        out_trade_no: "SyVcLyh_z".parse().expect("an order number"),
        amount: Money::new(minor, "CNY".parse().expect("a currency")).expect("an amount"),
        ..order()
    };
    let reply = HttpReply { status: 200, headers: Vec::new(), body: xml.as_bytes().to_vec() };
    V2::new(direct, key.clone(), sign_type).read(&about(Op::Query, order), &reply, &NOTHING)
}

#[test]
fn a_real_servers_answer_is_paid() {
    let (xml, key) = real();
    let answer = read(&xml, &key, SignType::Md5, 1);
    let Ok(Answer::Query(QueryAnswer::Paid(receipt))) = answer else { unreachable!("{answer:?}") };
    assert_eq!(receipt.transaction_id.as_str(), "4200000065201803063807324676");
    assert_eq!(receipt.paid_at.map(|time| time.to_string()).as_deref(), Some("2018-03-06T10:00:02.000Z"));
    assert_eq!(receipt.payer_total.map(|money| money.to_string()).as_deref(), Some("CNY 0.01"));
}

#[test]
fn a_real_servers_answer_is_refused_when_anything_about_it_is_not_ours() {
    let (xml, key) = real();
    assert_eq!(read(&xml, &key, SignType::Md5, 2), Err(Distrust::OtherAmount));
    assert_eq!(read(&xml, &key, SignType::HmacSha256, 1), Err(Distrust::BadSignature));
    let stranger = Secret::new(b"192006250b4c09247ec02edce69f6a2d".to_vec());
    assert_eq!(read(&xml, &stranger, SignType::Md5, 1), Err(Distrust::BadSignature));
    let raised = xml.replace("<total_fee>1<", "<total_fee>2<");
    assert_eq!(read(&raised, &key, SignType::Md5, 2), Err(Distrust::BadSignature));
}

#[test]
fn a_currency_that_is_not_named_is_yuan_and_never_the_shops() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let facts = crate::counterpart::Facts { currency: "", ..TRUE };
    let yuan = Order { amount: Money::new(8800, "CNY".parse().expect("a currency")).expect("an amount"), ..order() };
    let reply = gateway.paid(Op::Pay, &facts);
    assert!(matches!(gateway.read(&about(Op::Pay, yuan), &reply), Ok(Answer::Pay(PayAnswer::Paid(_)))));
    assert_eq!(gateway.read(&call(Op::Pay), &reply), Err(Distrust::OtherCurrency));
}

#[test]
fn a_sub_appid_is_compared_when_we_have_one() {
    let key = || Secret::new(b"quickpay-terminal-fixture-000196".to_vec());
    let with = |sub_appid: &str| {
        let sub_appid = Some(sub_appid.parse().expect("an appid"));
        V2::new(Merchant { sub_appid, ..merchant() }, key(), SignType::Md5)
    };
    let gateway = V2Counterpart::new(SignType::Md5);
    let reply = gateway.reply(&[
        ("return_code", "SUCCESS"),
        ("appid", TRUE.appid),
        ("mch_id", TRUE.mch_id),
        ("sub_mch_id", TRUE.sub_mch_id),
        ("sub_appid", "wx8888888888888888"),
        ("result_code", "SUCCESS"),
        ("trade_state", "NOTPAY"),
        ("out_trade_no", TRUE.out_trade_no),
    ]);
    let not_paid = Ok(Answer::Query(QueryAnswer::NotPaid));
    assert_eq!(gateway.read(&call(Op::Query), &reply), not_paid);
    assert_eq!(with("wx8888888888888888").read(&call(Op::Query), &reply, &NOTHING), not_paid);
    assert_eq!(with("wx8888888888888889").read(&call(Op::Query), &reply, &NOTHING), Err(Distrust::OtherMerchant));
}

#[test]
fn a_direct_merchant_does_not_believe_a_reply_about_somebodys_sub_merchant() {
    let direct = V2::new(
        Merchant { sub_mch_id: None, ..merchant() },
        Secret::new(b"quickpay-terminal-fixture-000196".to_vec()),
        SignType::Md5,
    );
    let reply = V2Counterpart::new(SignType::Md5).paid(Op::Pay, &TRUE);
    assert_eq!(direct.read(&call(Op::Pay), &reply, &NOTHING), Err(Distrust::OtherMerchant));
}

#[test]
fn an_error_in_a_statements_place_is_read_unsigned_and_a_wrong_signature_is_no_hearsay() {
    let gateway = V2Counterpart::new(SignType::Md5);
    let told =
        |reply: &HttpReply| gateway.dialect().statements().expect("statements").read_none(reply, &gateway.proof());
    assert_eq!(told(&gateway.failure("No Bill Exist")), Ok(NoStatement::Empty));
    assert_eq!(told(&gateway.failure("Bill Creating")), Ok(NoStatement::NotReady));
    let signed = gateway.reply(&[("return_code", "FAIL"), ("return_msg", "No Bill Exist")]);
    assert_eq!(told(&signed), Ok(NoStatement::Empty));
    assert_eq!(told(&gateway.forged(signed)), Err(Distrust::BadSignature));
    let page = |status, body: &str| HttpReply { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
    for (reply, why) in [
        (page(502, "<html></html>"), Distrust::Status(502)),
        (page(200, "<html></html>"), Distrust::Malformed("the root is not xml")),
        (page(200, "<xml><return_code>SUCCESS</return_code></xml>"), Distrust::Malformed("no return_code")),
        (page(200, &"x".repeat(REPLY_MAX + 1)), Distrust::TooLarge),
    ] {
        assert_eq!(told(&reply), Err(why));
    }
}
